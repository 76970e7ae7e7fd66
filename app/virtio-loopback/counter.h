/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef LOOPBACK_COUNTER_H
#define LOOPBACK_COUNTER_H

/**
 * @file
 * A number that one thread writes and any thread reads, without a locked instruction.
 */

#include <stdatomic.h>
#include <stdint.h>

typedef _Atomic uint64_t counter_t;

/** By the one writer only. */
static inline void
counter_add(counter_t *counter, uint64_t n)
{
	uint64_t old = atomic_load_explicit(counter, memory_order_relaxed);

	atomic_store_explicit(counter, old + n, memory_order_release);
}

/** By the one writer only. */
static inline void
counter_set(counter_t *counter, uint64_t value)
{
	atomic_store_explicit(counter, value, memory_order_release);
}

static inline uint64_t
counter_get(const counter_t *counter)
{
	return atomic_load_explicit(counter, memory_order_acquire);
}

#endif /* LOOPBACK_COUNTER_H */
