/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "turns.h"
#include "watchdog.h"

int
turns_take(int (*turn)(void *arg, const char *line), void *arg)
{
	char line[64];
	int ret = 0;

	for (;;) {
		if (fflush(stdout) != 0)
			return -errno;
		watchdog_stage("waiting for its turn, or serving");
		if (fgets(line, sizeof(line), stdin) == NULL)
			return 0;
		line[strcspn(line, "\n")] = '\0';
		ret = turn(arg, line);
		if (ret != 0)
			return ret;
	}
}
