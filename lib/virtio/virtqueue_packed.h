/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VIRTQUEUE_PACKED_H
#define VIRTQUEUE_PACKED_H

/**
 * @file
 * The packed layout, section 2.8: its memory and its notifications. virtqueue_ring.h has what is
 * the same for both layouts and calls these.
 *
 * There is one ring: the device writes a used descriptor over an available one, at its own pace and
 * in its own order. A buffer's id is chosen by the driver: it is that of its place in order[], so
 * that an expected buffer is used in its own place.
 *
 * The device is not trusted: of a descriptor only the second half, length, id and flags, is read
 * again, in one load, and checked before use.
 */

#include <errno.h>
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_byteorder.h>
#include <rte_common.h>

#include "virtio_compat.h"
#include "virtqueue.h"
#include "virtqueue_order.h"

/** The two flags of a descriptor, in its second half. */
#define PACKED_BOTH ((uint64_t)(VRING_PACKED_F_AVAIL | VRING_PACKED_F_USED) << 48)

/** Flags of a descriptor made available in the lap of this wrap counter, 2.8.1. */
static __rte_always_inline uint16_t
packed_flags(uint16_t flags, bool wrap)
{
	return flags | (wrap ? VRING_PACKED_F_AVAIL : VRING_PACKED_F_USED);
}

/** Where the second half of a descriptor is. */
static __rte_always_inline uint64_t *
packed_rest_at(const struct vring_packed_desc *desc)
{
	return (uint64_t *)(uintptr_t)&desc->len;
}

/** Second half of a descriptor: length, id and flags from the lowest byte up. */
static __rte_always_inline uint64_t
packed_rest(const struct vring_packed_desc *desc)
{
	/*
	 * Pairs with the device's release of the flags: the rest of it is written (2.8.21.1;
	 * packed_mixed.litmus).
	 */
	return rte_le_to_cpu_64(virtqueue_load_acquire(packed_rest_at(desc)));
}

/** Descriptors in a cache line of 64 bytes; the ring begins with one. */
#define PACKED_LINE 4

/** Whether the device has used the buffer whose used descriptor is expected there. */
static __rte_always_inline bool
packed_is_used(const struct virtqueue *vq, const struct virtqueue_place *at)
{
	return (packed_rest(&vq->ring[at->pos]) & PACKED_BOTH) == (at->wrap ? PACKED_BOTH : 0);
}

/**
 * Descriptors that the used entry at `pos` stands for: those of its buffer, or with IN_ORDER of all
 * buffers up to its own. Not checked: may be more than the device has.
 */
static __rte_always_inline uint32_t
packed_used_step(const struct virtqueue *vq, uint16_t pos, uint64_t rest)
{
	const uint16_t id = rest >> 32;
	uint32_t descs;

	if (unlikely(id >= vq->size))
		return 1;
	descs = unlikely(vq->chains > 0) ? vq->links[id].count : 1;
	if (vq->in_order)
		descs += (vq->where[id] >= pos ? 0 : vq->size) + vq->where[id] - pos;
	return descs;
}

/** Writes a descriptor; from here on the device may take it. */
static __rte_always_inline void
packed_desc(struct vring_packed_desc *desc, uint64_t addr, uint32_t len, uint16_t id,
	    uint16_t flags)
{
	const uint64_t rest =
		rte_cpu_to_le_64(len | (uint64_t)id << 32 | (uint64_t)flags << 48);

	desc->addr = addr;
	/*
	 * Pairs with the device's acquire of the flags: all else of it first (2.8.21.1;
	 * packed_mixed.litmus).
	 */
	virtqueue_store_release(packed_rest_at(desc), rest);
}

/** Whether the device wants a notification for what was made available, 2.8.10. */
static __rte_always_inline bool
packed_must_notify(struct virtqueue *vq)
{
	const uint16_t pushed = vq->notified_at;
	uint32_t event;
	uint16_t flags, at;

	/*
	 * Store of the descriptors' flags before load of the device's event; the device stores its
	 * event and then looks at the descriptors again (2.8.21.3; split_kick.litmus).
	 */
	virtqueue_fence_full();
	event = rte_le_to_cpu_32(
		virtqueue_load_relaxed((const uint32_t *)(const void *)vq->device_event));
	flags = event >> 16;
	vq->notified_at = 0;
	if (flags != VRING_EVENT_DESC || !vq->event_idx)
		return flags != VRING_EVENT_DISABLE;
	/* Both places on one line: the event's lap may be the one before ours. */
	at = event & 0x7fff;
	if ((event >> 15 & 1) != vq->next_avail.wrap)
		at -= vq->size;
	return (uint16_t)(vq->next_avail.pos - at - 1) < pushed;
}

/**
 * As split_interrupts_on(), 2.8.10; with EVENT_IDX too for every used buffer from now on, since a
 * packed ring has a word for that, and a place in the ring would be stale one burst later.
 */
static inline bool
packed_interrupts_on(struct virtqueue *vq)
{
	virtqueue_store_relaxed(&vq->driver_event->flags, VRING_EVENT_ENABLE);
	/*
	 * Store of our event before load of the descriptor; the device stores the descriptor and
	 * then loads our event, so that a buffer is seen here or raises an interrupt (2.8.22;
	 * split_kick.litmus).
	 */
	virtqueue_fence_full();
	return vq->used_known > 0 || packed_is_used(vq, &vq->next_used);
}

static inline void
packed_interrupts_off(struct virtqueue *vq)
{
	virtqueue_store_relaxed(&vq->driver_event->flags, VRING_EVENT_DISABLE);
}

#endif /* VIRTQUEUE_PACKED_H */
