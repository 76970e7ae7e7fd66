/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <stdlib.h>

#include <rte_common.h>
#include <rte_cycles.h>

#include "timeline.h"

#define SECONDS_MAX 600u

int
timeline_init(struct timeline *timeline, uint16_t queues, uint32_t seconds)
{
	/* Of pages that are never written nothing is taken. */
	timeline->length = RTE_MIN(seconds, SECONDS_MAX) * 1000;
	timeline->queues = queues;
	timeline->tsc_per_ms = rte_get_tsc_hz() / 1000;
	timeline->packets = calloc((size_t)timeline->length * queues, sizeof(*timeline->packets));
	return timeline->packets != NULL ? 0 : -ENOMEM;
}

void
timeline_free(struct timeline *timeline)
{
	free(timeline->packets);
	timeline->packets = NULL;
}

void
timeline_start(struct timeline *timeline)
{
	timeline->start_tsc = rte_rdtsc();
}
