/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef LOOPBACK_IDLE_H
#define LOOPBACK_IDLE_H

/**
 * @file
 * What a polling thread does between two turns.
 *
 * Where threads share a core, the others must get at it: the control thread and librte_vhost's
 * message thread need little of it, but at once, and the scheduler lets a busy thread go on for
 * milliseconds. So a busy thread sleeps for a moment now and then, and one that finds nothing to do
 * soon. Not sched_yield(): Linux (6.18) takes a whole time slice off a thread for each call, and a
 * loop of them starves for seconds beside any other load. A sleep costs what it lasts.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <time.h>

#include <rte_cycles.h>
#include <rte_pause.h>

#define IDLE_SPINS 8u			/* turns in a row that found nothing before it sleeps */
#define IDLE_BUSY_US 100u	/* how long it may be busy before it sleeps */
#define IDLE_SLEEP_NS 5000
#define IDLE_WAIT_NS 20000	/* between two looks at what a polling thread does */

struct idle {
	bool shared_core;
	uint32_t turns;		/* in a row that found nothing */
	uint64_t busy_limit;	/* in TSC cycles */
	uint64_t last_sleep;
};

/** To be called by the polling thread itself. */
static inline void
idle_init(struct idle *idle, bool shared_core)
{
	idle->shared_core = shared_core;
	idle->turns = 0;
	idle->busy_limit = rte_get_tsc_hz() / 1000000 * IDLE_BUSY_US;
	idle->last_sleep = rte_rdtsc();
	/* Or a short sleep lasts the 50 us that Linux allows itself by default. */
	if (shared_core)
		prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
}

/** After each turn; @p busy tells whether it found anything to do. */
static inline void
idle_turn(struct idle *idle, bool busy)
{
	const struct timespec sleep = { .tv_nsec = IDLE_SLEEP_NS };

	idle->turns = busy ? 0 : idle->turns + 1;
	if (!busy)
		rte_pause();
	if (!idle->shared_core || (idle->turns < IDLE_SPINS &&
			rte_rdtsc() - idle->last_sleep < idle->busy_limit))
		return;
	nanosleep(&sleep, NULL);
	idle->turns = 0;
	idle->last_sleep = rte_rdtsc();
}

/** Between two looks of a thread that waits for a polling thread, and must not take its core. */
static inline void
idle_wait(const struct idle *idle)
{
	const struct timespec sleep = { .tv_nsec = IDLE_WAIT_NS };

	if (idle->shared_core)
		nanosleep(&sleep, NULL);
	else
		rte_pause();
}

#endif /* LOOPBACK_IDLE_H */
