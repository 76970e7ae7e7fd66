/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VIRTQUEUE_ORDER_H
#define VIRTQUEUE_ORDER_H

/**
 * @file
 * The order in which the device sees what a ring's driver writes, and the reverse: every access of
 * the ring that has to be ordered goes through one of these functions.
 *
 * A device in software is ordered as another processor is. A device on a bus needs the platform's
 * own barriers (6.1, ORDER_PLATFORM), where these are others: on arm64 `dmb osh` and its kin, since
 * C11's acquire and release order accesses for the inner shareable domain alone. On x86 both are
 * the same, as the architecture keeps the order of stores and of loads by itself.
 *
 * The choice is a constant of each file: a file that is compiled with VIRTQUEUE_SMP_ORDER is for
 * rings of devices without ORDER_PLATFORM, all others are for both. Only data paths are compiled
 * both ways, and virtio_rxtx.c chooses; what is rare takes the platform's barriers always.
 *
 * The tests of doc/litmus say what each pair has to exclude.
 */

#include <rte_atomic.h>

#include "virtio_compat.h"

/** A field of plain type as the operand of rte_atomic_*_explicit(). */
#define VIRTQUEUE_SHARED(at) ((__rte_atomic typeof(*(at)) *)(at))

/** Reads a field once, in no order. */
#define virtqueue_load_relaxed(at) \
	rte_atomic_load_explicit(VIRTQUEUE_SHARED(at), rte_memory_order_relaxed)

/** Writes a field in one access, in no order. */
#define virtqueue_store_relaxed(at, value) \
	rte_atomic_store_explicit(VIRTQUEUE_SHARED(at), value, rte_memory_order_relaxed)

#if defined(RTE_ARCH_X86) || defined(VIRTQUEUE_SMP_ORDER)

/** Reads what the device releases; later accesses are made after it. */
#define virtqueue_load_acquire(at) \
	rte_atomic_load_explicit(VIRTQUEUE_SHARED(at), rte_memory_order_acquire)

/** Writes what the device acquires, after all earlier accesses. */
#define virtqueue_store_release(at, value) \
	rte_atomic_store_explicit(VIRTQUEUE_SHARED(at), value, rte_memory_order_release)

/** After relaxed loads: later accesses are made after these. */
static __rte_always_inline void
virtqueue_fence_acquire(void)
{
	rte_atomic_thread_fence(rte_memory_order_acquire);
}

/** Before relaxed stores: earlier accesses are made before these. */
static __rte_always_inline void
virtqueue_fence_release(void)
{
	rte_atomic_thread_fence(rte_memory_order_release);
}

/** Between a store that the device loads and a load of what it stores before it does. */
static __rte_always_inline void
virtqueue_fence_full(void)
{
	rte_atomic_thread_fence(rte_memory_order_seq_cst);
}

#else

static __rte_always_inline void
virtqueue_fence_acquire(void)
{
	rte_io_rmb();
}

/*
 * Not rte_io_wmb(), which orders stores alone: what was read from a buffer has to be read before
 * the device is given the buffer again (read_then_post.litmus).
 */
static __rte_always_inline void
virtqueue_fence_release(void)
{
	rte_io_mb();
}

static __rte_always_inline void
virtqueue_fence_full(void)
{
	rte_mb();
}

#define virtqueue_load_acquire(at) (__extension__ ({ \
	const __auto_type loaded_ = virtqueue_load_relaxed(at); \
	virtqueue_fence_acquire(); \
	loaded_; \
}))

#define virtqueue_store_release(at, value) do { \
	virtqueue_fence_release(); \
	virtqueue_store_relaxed(at, value); \
} while (0)

#endif

#endif /* VIRTQUEUE_ORDER_H */
