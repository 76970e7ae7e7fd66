/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef COMMON_PACE_H
#define COMMON_PACE_H

/**
 * @file
 * A polling thread that works at ticks and sleeps between them. Threads that share its core have
 * the core meanwhile, as they would have one of their own.
 */

#include <stdint.h>
#include <time.h>

struct pace {
	struct timespec next;
	uint32_t us;	/**< from tick to tick */
};

/**
 * To be called by the thread itself. Its sleeps end on time, and it is preferred to the others
 * where the process has the right to say so.
 */
void pace_begin(struct pace *pace, uint32_t us);

/** Sleeps until the next tick; those that have passed are left out. */
void pace_wait(struct pace *pace);

#endif
