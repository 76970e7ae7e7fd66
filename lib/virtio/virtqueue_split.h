/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VIRTQUEUE_SPLIT_H
#define VIRTQUEUE_SPLIT_H

/**
 * @file
 * The split layout, section 2.7: its memory and its notifications. virtqueue_ring.h has what is the
 * same for both layouts and calls these.
 *
 * The device is not trusted. Of the shared memory only used->idx, the entries of the used ring and
 * the two words of notification suppression are read: each value once, and checked before use.
 */

#include <errno.h>
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_byteorder.h>
#include <rte_common.h>

#include "virtio_compat.h"
#include "virtqueue.h"
#include "virtqueue_order.h"

/**
 * Used buffers that were not taken yet. -EPROTO: the device counts more than it was given.
 */
static __rte_always_inline int
split_used(const struct virtqueue *vq)
{
	/*
	 * Pairs with the device's release of used->idx: the entries before it are written
	 * (2.7.13.4; split_pop_reuse.litmus).
	 */
	const uint16_t idx = virtqueue_load_acquire(&vq->used->idx);
	const uint16_t n = idx - vq->next_used.idx;

	return likely(n <= (uint16_t)(vq->next_avail.idx - vq->next_used.idx)) ? n : -EPROTO;
}

/** The head in a used entry, and what the device says it wrote there. */
static __rte_always_inline uint32_t
split_read(const struct vring_used_elem *elem, uint32_t *len)
{
	/* Read once each: the device may write while we look. */
	*len = virtqueue_load_relaxed(&elem->len);
	return virtqueue_load_relaxed(&elem->id);
}

/** Writes one descriptor. */
static __rte_always_inline void
split_desc(struct vring_desc *desc, uint64_t addr, uint32_t len, uint16_t flags, uint16_t next)
{
	/* Length, flags and next in one store. */
	const uint64_t rest =
		rte_cpu_to_le_64(len | (uint64_t)flags << 32 | (uint64_t)next << 48);

	/* Atomic, or the compiler makes one store of two, which takes longer to put together. */
	virtqueue_store_relaxed(&desc->addr, addr);
	memcpy(&desc->len, &rest, sizeof(rest));
}

/** Writes the entries of the avail ring for `n` buffers of one descriptor, as far as needed. */
static __rte_always_inline void
split_avail(struct virtqueue *vq, uint16_t n)
{
	const uint16_t *const order = vq->order;
	uint16_t *const ring = vq->avail->ring;
	const uint32_t pos = vq->next_avail.pos;
	const uint32_t idx = vq->next_avail.idx;
	const uint32_t mask = vq->mask;
	uint32_t i;

	/* An entry keeps its value from lap to lap, which saves the device a cache miss. */
	if (likely(vq->rewrite == 0))
		return;
	n = RTE_MIN(n, vq->rewrite);
	for (i = 0; i < n; i++)
		ring[(idx + i) & mask] = order[(pos + i) & mask];
	vq->rewrite -= n;
}

/** Lets the device see what was pushed. */
static __rte_always_inline void
split_publish(struct virtqueue *vq)
{
	/*
	 * Pairs with the device's acquire of avail->idx: descriptors first, index after (2.7.13.3;
	 * split_publish.litmus).
	 */
	virtqueue_store_release(&vq->avail->idx, vq->next_avail.idx);
}

/** Where the device says at which entry it wants a doorbell, 2.7.10. */
static __rte_always_inline uint16_t *
split_avail_event(const struct virtqueue *vq)
{
	return (uint16_t *)(void *)&vq->used->ring[vq->size];
}

/** Whether the device wants a notification for what was published, 2.7.10. */
static __rte_always_inline bool
split_must_notify(struct virtqueue *vq)
{
	/*
	 * Store of avail->idx before load of the device's suppression word. The device stores the
	 * word and then reads avail->idx again: one of the two sees the other (2.7.13.4.1;
	 * split_kick.litmus).
	 */
	virtqueue_fence_full();
	if (vq->event_idx) {
		const uint16_t event = virtqueue_load_relaxed(split_avail_event(vq));
		const uint16_t before = vq->notified_at;

		vq->notified_at = vq->next_avail.idx;
		return (uint16_t)(vq->notified_at - event - 1) <
		       (uint16_t)(vq->notified_at - before);
	}
	return !(virtqueue_load_relaxed(&vq->used->flags) & VRING_USED_F_NO_NOTIFY);
}

/** Where we say at which entry of the used ring we want an interrupt, 2.7.7. */
static inline uint16_t *
split_used_event(const struct virtqueue *vq)
{
	return &vq->avail->ring[vq->size];
}

/**
 * Asks for an interrupt with the next used buffer, 2.7.7. With EVENT_IDX for that one alone: the
 * event word stays where it is, so that a burst has nothing to do with it.
 *
 * Within the owner's gate, by any thread; the ring is LIVE.
 *
 * @return
 *   There may be used buffers already, for which no interrupt comes.
 */
static inline bool
split_interrupts_on(struct virtqueue *vq)
{
	const uint16_t idx = virtqueue_load_relaxed(&vq->used->idx);

	if (vq->event_idx)
		virtqueue_store_relaxed(split_used_event(vq), idx);
	else
		virtqueue_store_relaxed(&vq->avail->flags, 0);
	/*
	 * Store of our word before load of used->idx; the device stores used->idx and then loads
	 * our word, so that a buffer is seen here or raises an interrupt, or both (2.7.14;
	 * split_kick.litmus).
	 */
	virtqueue_fence_full();
	/* Where another thread polls meanwhile, the event word may be behind the device already. */
	return virtqueue_load_relaxed(&vq->used->idx) != idx || split_used(vq) != 0;
}

/** The opposite. One more interrupt may be on its way; with EVENT_IDX there is one in 65536. */
static inline void
split_interrupts_off(struct virtqueue *vq)
{
	const uint16_t next = virtqueue_load_relaxed(&vq->next_used.idx);

	/* With EVENT_IDX the flags are to be 0, and what is behind the device comes up last. */
	if (vq->event_idx)
		virtqueue_store_relaxed(split_used_event(vq), next - 1);
	else
		virtqueue_store_relaxed(&vq->avail->flags, VRING_AVAIL_F_NO_INTERRUPT);
}

#endif /* VIRTQUEUE_SPLIT_H */
