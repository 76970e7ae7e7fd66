/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * Inputs of a fuzz target without clang and libFuzzer: those of its corpus, and then generated
 * ones, the same in every run. Usage: PROGRAM CORPUS INPUTS, or PROGRAM CORPUS INPUTS NUMBER for
 * one input alone.
 *
 * A line of a corpus is an input in hexadecimal digits, or a comment that begins with "#".
 */

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"

#define LONGEST 384

/* Inputs of the corpus are counted from 1 by their lines, generated ones from here on. */
#define GENERATED 1000000

static unsigned long number;
static unsigned long wanted;
static unsigned long nb_run;

void
test_fail(const char *file, int line, const char *format, ...)
{
	va_list ap;

	printf("FAILED input %lu: %s:%d: ", number, file, line);
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	printf("\n0 passed, 1 failed\n");
	exit(EXIT_FAILURE);
}

static void
run(const uint8_t *data, size_t size)
{
	if (wanted != 0 && number != wanted)
		return;
	fuzz_run(data, size);
	nb_run++;
}

/* Each input has a sequence of its own, so that one can be run alone. */
static void
run_generated(unsigned int i)
{
	uint64_t random = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
	uint8_t input[LONGEST];
	size_t size, k;

	for (k = 0; k < LONGEST; k++) {
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		input[k] = random >> 24;
	}
	size = 2 + (random >> 40) % (LONGEST - 2);
	/* A target's kinds of devices, which the first byte chooses, are seen equally often. */
	input[0] = i;
	run(input, size);
}

/* Turns a line into bytes, in place. How many, or -1. */
static ssize_t
decode(char *line)
{
	uint8_t *to = (uint8_t *)line;
	char digits[3] = "";
	ssize_t n;

	for (n = 0; isxdigit((unsigned char)line[2 * n]); n++) {
		if (!isxdigit((unsigned char)line[2 * n + 1]))
			return -1;
		digits[0] = line[2 * n];
		digits[1] = line[2 * n + 1];
		to[n] = strtoul(digits, NULL, 16);
	}
	return line[2 * n] == '\n' ? n : -1;
}

static void
run_corpus(const char *path)
{
	FILE *f = fopen(path, "r");
	char *line = NULL;
	size_t room = 0;
	ssize_t n;

	if (f == NULL) {
		printf("%s cannot be read\n0 passed, 1 failed\n", path);
		exit(EXIT_FAILURE);
	}
	for (number = 1; getline(&line, &room, f) > 0; number++) {
		if (line[0] == '#')
			continue;
		n = decode(line);
		CHECK(n >= 0);
		run((uint8_t *)line, n);
	}
	free(line);
	fclose(f);
}

int
main(int argc, char **argv)
{
	unsigned long inputs, i;

	if (argc < 3) {
		fprintf(stderr, "usage: %s CORPUS INPUTS [NUMBER]\n", argv[0]);
		return 2;
	}
	inputs = strtoul(argv[2], NULL, 10);
	wanted = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
	fuzz_start();
	run_corpus(argv[1]);
	for (i = 0; i < inputs; i++) {
		number = GENERATED + i;
		run_generated(i);
	}
	printf("ok %lu inputs\n1 passed, 0 failed\n", nb_run);
	return EXIT_SUCCESS;
}
