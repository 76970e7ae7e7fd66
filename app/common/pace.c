/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "pace.h"

#define NS_PER_S 1000000000l

void
pace_begin(struct pace *pace, uint32_t us)
{
	prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
	setpriority(PRIO_PROCESS, 0, -20);
	clock_gettime(CLOCK_MONOTONIC, &pace->next);
	pace->us = us;
}

static bool
has_passed(const struct timespec *time)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return time->tv_sec < now.tv_sec ||
		(time->tv_sec == now.tv_sec && time->tv_nsec <= now.tv_nsec);
}

void
pace_wait(struct pace *pace)
{
	do {
		pace->next.tv_nsec += pace->us * 1000l;
		pace->next.tv_sec += pace->next.tv_nsec / NS_PER_S;
		pace->next.tv_nsec %= NS_PER_S;
	} while (has_passed(&pace->next));
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &pace->next, NULL);
}
