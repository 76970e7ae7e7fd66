/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef LOOPBACK_TIMELINE_H
#define LOOPBACK_TIMELINE_H

/**
 * @file
 * Packets that came back, per millisecond and queue. Written by the traffic thread, read when it
 * has ended.
 */

#include <stdint.h>

struct timeline {
	uint64_t start_tsc;
	uint64_t tsc_per_ms;
	uint32_t length;	/**< milliseconds that there is room for; later ones are left out */
	uint16_t queues;
	uint32_t *packets;	/**< [millisecond * queues + queue] */
};

/**
 * Make room for so many seconds, ten minutes at most.
 *
 * @return 0 or -ENOMEM.
 */
int timeline_init(struct timeline *timeline, uint16_t queues, uint32_t seconds);
void timeline_free(struct timeline *timeline);

/** The time line begins now. */
void timeline_start(struct timeline *timeline);

static inline void
timeline_add(struct timeline *timeline, uint64_t tsc, uint16_t queue, uint32_t packets)
{
	uint64_t ms = (tsc - timeline->start_tsc) / timeline->tsc_per_ms;

	if (ms < timeline->length)
		timeline->packets[ms * timeline->queues + queue] += packets;
}

#endif /* LOOPBACK_TIMELINE_H */
