/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <assert.h>

#include <rte_common.h>
#include <rte_cycles.h>

#include "virtio_times.h"

const char *
virtio_phase_name(enum virtio_phase phase)
{
	static const char *const names[] = {
		[VIRTIO_PHASE_GATE] = "gate",
		[VIRTIO_PHASE_DRAIN] = "drain",
		[VIRTIO_PHASE_DEVICE] = "device",
		[VIRTIO_PHASE_RECLAIM] = "reclaim",
		[VIRTIO_PHASE_FILL] = "fill",
		[VIRTIO_PHASE_START] = "start",
	};

	static_assert(RTE_DIM(names) == VIRTIO_PHASES, "a name each");
	return names[phase];
}

void
virtio_times_add(struct virtio_times *times, enum virtio_phase phase, uint64_t ns)
{
	const uint32_t n = RTE_MIN(times->count[phase] + 1, (uint32_t)VIRTIO_TIMES_KEPT);
	uint64_t largest = 0;
	uint64_t second = 0;
	uint32_t i;

	times->last_ns[phase] = ns;
	times->kept_ns[phase][times->count[phase]++ % VIRTIO_TIMES_KEPT] = ns;
	for (i = 0; i < n; i++) {
		const uint64_t kept = times->kept_ns[phase][i];

		if (kept > largest) {
			second = largest;
			largest = kept;
		} else if (kept > second) {
			second = kept;
		}
	}
	/* Of fewer than a hundred the 99th percentile is the largest. */
	times->p99_ns[phase] = n < 100 ? largest : second;
}

void
virtio_stopwatch_start(struct virtio_stopwatch *watch)
{
	watch->start = rte_get_tsc_cycles();
	watch->lap = watch->start;
}

static uint64_t
to_ns(uint64_t cycles)
{
	return (double)cycles * 1e9 / rte_get_tsc_hz();
}

uint64_t
virtio_stopwatch_lap(struct virtio_stopwatch *watch)
{
	const uint64_t now = rte_get_tsc_cycles();
	const uint64_t since = now - watch->lap;

	watch->lap = now;
	return to_ns(since);
}

uint64_t
virtio_stopwatch_total(const struct virtio_stopwatch *watch)
{
	return to_ns(watch->lap - watch->start);
}
