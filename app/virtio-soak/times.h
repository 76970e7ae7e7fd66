/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef SOAK_TIMES_H
#define SOAK_TIMES_H

/**
 * @file
 * Percentiles of any number of times, in memory of a fixed size: each power of two is divided into
 * 64 parts, and so a percentile is right to 1.6 %. The longest time is exact.
 */

#include <stdint.h>

#define TIMES_PARTS 64u

struct times {
	uint64_t n, max;	/**< ns */
	uint64_t part[64][TIMES_PARTS];
};

void times_add(struct times *times, uint64_t ns);

/** The time that @p per_mille of 1000 do not exceed; 0 if there is none. */
uint64_t times_percentile(const struct times *times, uint32_t per_mille);

#endif /* SOAK_TIMES_H */
