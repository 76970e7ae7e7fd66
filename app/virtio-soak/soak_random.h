/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef SOAK_RANDOM_H
#define SOAK_RANDOM_H

/**
 * @file
 * Choices that a seed gives again (splitmix64).
 */

#include <stdbool.h>
#include <stdint.h>

struct random {
	uint64_t state;
};

static inline uint64_t
random_next(struct random *random)
{
	uint64_t x = random->state += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

/** 0 to n - 1 */
static inline uint32_t
random_below(struct random *random, uint32_t n)
{
	return (random_next(random) >> 32) % n;
}

static inline bool
random_one_in(struct random *random, uint32_t n)
{
	return random_below(random, n) == 0;
}

#endif /* SOAK_RANDOM_H */
