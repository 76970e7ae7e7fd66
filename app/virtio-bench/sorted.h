/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef BENCH_SORTED_H
#define BENCH_SORTED_H

#include <stdint.h>
#include <stdlib.h>

static inline int
sorted_compare(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return (left > right) - (left < right);
}

static inline void
sort(uint64_t *samples, uint32_t n)
{
	qsort(samples, n, sizeof(*samples), sorted_compare);
}

/** The sample at so many percent of n > 0 sorted ones. */
static inline uint64_t
sorted_at(const uint64_t *samples, uint32_t n, uint32_t percent)
{
	return samples[(uint64_t)(n - 1) * percent / 100];
}

#endif
