/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef FUZZ_H
#define FUZZ_H

/**
 * @file
 * A fuzz target: two functions, which libfuzzer.c calls with the inputs of libFuzzer, and replay.c
 * with those of the target's corpus and with generated ones.
 *
 * Threads: one, unless a target says otherwise.
 */

#include <stddef.h>
#include <stdint.h>

#include "test.h"

/** Once, before the first input. */
void fuzz_start(void);

/**
 * Runs an input, from a fresh start. A fault ends the program: by CHECK(), or by a sanitizer.
 */
void fuzz_run(const uint8_t *data, size_t size);

/** What is left of an input. */
struct fuzz_input {
	const uint8_t *at;
	const uint8_t *end;
};

/** Bytes that are left. */
static inline size_t
fuzz_left(const struct fuzz_input *in)
{
	return in->end - in->at;
}

/** The next byte of the input; 0 where none is left. */
static inline uint8_t
fuzz_byte(struct fuzz_input *in)
{
	return in->at < in->end ? *in->at++ : 0;
}

/** A number below n, at most 256, of the next byte. */
static inline unsigned int
fuzz_below(struct fuzz_input *in, unsigned int n)
{
	return fuzz_byte(in) % n;
}

/** A number of so many bytes, at most 8. */
static inline uint64_t
fuzz_number(struct fuzz_input *in, unsigned int bytes)
{
	uint64_t number = 0;

	while (bytes-- > 0)
		number = number << 8 | fuzz_byte(in);
	return number;
}

/** The next byte of an input in which one of the next system calls fails. */
#define FUZZ_ERROR 0xf5

/** A system call that is going to fail. */
struct fuzz_failure {
	int error;          /**< negative errno; 0: none is */
	unsigned int after; /**< calls before it */
};

/**
 * What a system call of this moment returns: 0, or a negative errno. The input has, after
 * FUZZ_ERROR, a byte for how many calls later that is, and one for the error.
 */
static inline int
fuzz_error(struct fuzz_input *in, struct fuzz_failure *failure)
{
	int error;

	if (failure->error == 0 && in->at < in->end && *in->at == FUZZ_ERROR) {
		in->at++;
		failure->after = fuzz_below(in, 64);
		failure->error = -(1 + (int)fuzz_below(in, 133));
	}
	if (failure->error == 0 || failure->after-- > 0)
		return 0;
	error = failure->error;
	failure->error = 0;
	return error;
}

#endif /* FUZZ_H */
