/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/* A target as a program of libFuzzer: devtools/run-fuzz.sh builds and runs it. */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned long runs_done, runs_wanted;

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

/* libFuzzer ends by exit() after its time limit, and by _exit() after a fault. */
static void
report_runs(void)
{
	if (runs_done < runs_wanted)
		fprintf(stderr, "ended before all runs were made: %lu of %lu\n", runs_done,
			runs_wanted);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	int i;

	for (i = 1; i < *argc; i++)
		if (strncmp((*argv)[i], "-runs=", 6) == 0)
			runs_wanted = strtoul((*argv)[i] + 6, NULL, 10);
	fuzz_start();
	return runs_wanted == 0 ? 0 : atexit(report_runs);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	runs_done++;
	fuzz_run(data, size);
	return 0;
}
