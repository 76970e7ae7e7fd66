/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * What every program here does with its arguments: PROGRAM [--qemu PATH]... [--trace] [CASE]
 *
 *   --qemu PATH  QEMU's program, several times for several releases; none: the one on PATH
 *   --trace      print what was read and written for one stop and one start, and why
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_common.h>

#include "qemu.h"

const char *qemu_binary = "qemu-system-x86_64";
bool qemu_trace;

/* Whether this QEMU can be run at all; its version goes on the record. */
static bool
is_there(const char *path)
{
	char line[300];
	FILE *f;
	bool there;

	snprintf(line, sizeof(line), "'%s' --version 2>/dev/null", path);
	f = popen(line, "r");
	there = f != NULL && fgets(line, sizeof(line), f) != NULL;
	if (there)
		printf("# %s: %s", path, line);
	fflush(stdout);
	return f != NULL && pclose(f) == 0 && there;
}

/* In a process of its own: EAL begins once in each. */
static int
test_one(const char *path, int argc, char **argv, const struct test_case *cases, unsigned int n)
{
	int status;
	pid_t pid;

	qemu_binary = path;
	pid = fork();
	if (pid == 0)
		exit(test_main(argc, argv, TEST_ORDINARY_MEMORY, cases, n));
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return EXIT_FAILURE;
	return WEXITSTATUS(status);
}

int
qemu_test_main(int argc, char **argv, const struct test_case *cases, unsigned int nb_cases)
{
	const char *given[16];
	char *rest[2] = { argv[0], NULL };
	unsigned int n = 0;
	int nb_rest = 1;
	int ret = EXIT_SUCCESS;
	unsigned int q;
	int i;

	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--trace") == 0) {
			qemu_trace = true;
		} else if (strcmp(argv[i], "--qemu") == 0 && i + 1 < argc &&
			   n < RTE_DIM(given)) {
			given[n++] = argv[++i];
		} else if (argv[i][0] != '-' && nb_rest == 1) {
			rest[nb_rest++] = argv[i];
		} else {
			fprintf(stderr, "usage: %s [--qemu PATH]... [--trace] [CASE]\n", argv[0]);
			return EXIT_FAILURE;
		}
	}
	if (n == 0) {
		if (is_there(qemu_binary))
			return test_one(qemu_binary, nb_rest, rest, cases, nb_cases);
		printf("skipped all: no %s here; devtools/setup.sh gets qemu-system-x86\n",
		       qemu_binary);
		return 77;
	}
	for (q = 0; q < n; q++) {
		if (!is_there(given[q])) {
			printf("FAILED %s: it does not run\n", given[q]);
			ret = EXIT_FAILURE;
		} else if (test_one(given[q], nb_rest, rest, cases, nb_cases) != EXIT_SUCCESS) {
			ret = EXIT_FAILURE;
		}
	}
	return ret;
}
