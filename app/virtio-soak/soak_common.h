/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef SOAK_COMMON_H
#define SOAK_COMMON_H

/**
 * @file
 * What virtio-soak and virtio-soak-secondaries have in common. Any thread.
 */

#include <stdint.h>

#include "soak_random.h"

/** Exit statuses, besides EXIT_SUCCESS and EXIT_FAILURE. */
#define SOAK_NOT_TRIED 2
#define SOAK_INCOMPLETE 3	/**< a signal ended the run, and nothing was wrong until then */

/** Longest wait for anything: only what hangs gets there. */
#define PATIENCE_MS 120000u
#define KILL_WITHIN_US 30000u	/**< a process is killed so much later, at most */
#define RING_SIZE_MIN 32u

/** Milliseconds of a clock that only goes forward. */
uint64_t soak_now_ms(void);

/** Sleep for a millisecond. */
void soak_rest(void);

/** The value of an option. @return 0, or -EINVAL after a message. */
int soak_parse_number(const char *option, const char *text, uint64_t min, uint64_t max,
		uint64_t *value);

/** Widths of instructions between which the driver's paths change, on this processor: how many. */
uint32_t soak_simd_widths(uint16_t bits[3]);

/**
 * A ring size from RING_SIZE_MIN to @p size_max: a power of two, and in packed rings also what lies
 * half way between two of them.
 */
uint16_t soak_ring_size(struct random *random, uint16_t size_max, bool packed);

#endif /* SOAK_COMMON_H */
