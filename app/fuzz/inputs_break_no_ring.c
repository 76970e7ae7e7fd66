/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * Generated inputs of the fuzz target, the same in every run: no ring loses a buffer, returns one
 * twice or uses a wrong value of a hostile device. This needs neither clang nor libFuzzer. With a
 * number as its argument the program runs that input alone.
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "ring_input.h"

#define INPUTS 20000
#define LONGEST 384

static unsigned int number;

void
test_fail(const char *file, int line, const char *format, ...)
{
	va_list ap;

	printf("FAILED input %u: %s:%d: ", number, file, line);
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	printf("\n0 passed, 1 failed\n");
	exit(EXIT_FAILURE);
}

/* Each input has a sequence of its own, so that one can be run alone. */
static void
run(void)
{
	uint64_t random = (number + 1) * UINT64_C(0x9e3779b97f4a7c15);
	uint8_t input[LONGEST];
	size_t size, i;

	for (i = 0; i < LONGEST; i++) {
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		input[i] = random >> 24;
	}
	size = 2 + (random >> 40) % (LONGEST - 2);
	/* Every kind of ring and device is seen equally often. */
	input[0] = number;
	ring_input_run(input, size);
}

int
main(int argc, char **argv)
{
	if (argc > 1) {
		number = strtoul(argv[1], NULL, 10);
		run();
	} else {
		for (number = 0; number < INPUTS; number++)
			run();
	}
	printf("ok %u inputs\n1 passed, 0 failed\n", argc > 1 ? 1 : INPUTS);
	return EXIT_SUCCESS;
}
