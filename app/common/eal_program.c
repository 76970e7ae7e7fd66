/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_version.h>

#include "eal_program.h"
#include "standard_output.h"

static volatile sig_atomic_t interrupted;

static void
on_signal(int signal __rte_unused)
{
	interrupted = 1;
}

void
eal_program_options(int argc, char **argv, const char *program, const char *usage)
{
	int i;

	standard_output_prepare();
	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0)
			fputs(usage, stdout);
		else if (strcmp(argv[i], "--version") == 0)
			printf("%s %s, %s\n", program, PROJECT_VERSION, rte_version());
		else
			continue;
		exit(standard_output_check(program) == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
	}
}

void
eal_program_catch_signals(void)
{
	const struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

bool
eal_program_interrupted(void)
{
	return interrupted != 0;
}
