/* SPDX-License-Identifier: BSD-3-Clause */

/* The fuzz target of libFuzzer: devtools/run-fuzz.sh builds and runs it. */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "ring_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

void
test_fail(const char *file, int line, const char *format, ...)
{
	va_list ap;

	fprintf(stderr, "%s:%d: ", file, line);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	ring_input_run(data, size);
	return 0;
}
