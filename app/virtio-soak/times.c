/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <rte_common.h>

#include "times.h"

#define PARTS_BITS 6u

void
times_add(struct times *times, uint64_t ns)
{
	const unsigned int high = ns < TIMES_PARTS ? 0 : 63 - __builtin_clzll(ns);
	const unsigned int shift = high > PARTS_BITS ? high - PARTS_BITS : 0;

	/* From 64 on, the bit above the 6 that are looked at is always 1. */
	times->part[high][(ns >> shift) % TIMES_PARTS]++;
	times->n++;
	times->max = RTE_MAX(times->max, ns);
}

uint64_t
times_percentile(const struct times *times, uint32_t per_mille)
{
	const uint64_t wanted = (times->n * per_mille + 999) / 1000;
	uint64_t seen = 0, end;
	unsigned int high, i, shift;

	if (times->n == 0)
		return 0;
	for (high = 0; high < RTE_DIM(times->part); high++) {
		for (i = 0; i < TIMES_PARTS; i++) {
			seen += times->part[high][i];
			if (times->part[high][i] == 0 || seen < wanted)
				continue;
			/* The last value that falls there. */
			shift = high > PARTS_BITS ? high - PARTS_BITS : 0;
			end = high == 0 ? i :
				((UINT64_C(1) << (high - shift)) + i % (1u << (high - shift)) + 1)
				<< shift;
			return RTE_MIN(high == 0 ? end : end - 1, times->max);
		}
	}
	return times->max;
}
