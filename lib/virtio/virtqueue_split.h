/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VIRTQUEUE_SPLIT_H
#define VIRTQUEUE_SPLIT_H

/**
 * @file
 * The split layout, section 2.7: how a buffer is made available and found used, and nothing more.
 *
 * Descriptors are taken from and given back to a first-in first-out list. As long as the device
 * uses buffers in the order given, each lap takes the same descriptors in the same order, and the
 * entries of the avail ring keep their values: they are compared with a private copy and written
 * only where they differ, which spares the device a cache miss for each line.
 *
 * The device is not trusted: of the shared memory only used->idx, the entries of the used ring and
 * the two suppression words are ever read, each once, and checked before use.
 */

#include <errno.h>

#include <rte_atomic.h>
#include <rte_branch_prediction.h>
#include <rte_common.h>

#include "virtqueue.h"

/**
 * Entries of the used ring that were not taken yet, or -EPROTO where the device claims to have
 * used more than it was given.
 */
static __rte_always_inline int
split_used(const struct virtqueue *vq)
{
	/* Pairs with the device's release of used->idx: the entries before it are written (2.7.13.4). */
	const uint16_t idx = __atomic_load_n(&vq->used->idx, __ATOMIC_ACQUIRE);
	const uint16_t n = idx - vq->used_next;

	if (unlikely(n > (uint16_t)(vq->avail_next - vq->used_next)))
		return -EPROTO;
	return n;
}

/** Puts one descriptor at the end of the free list. */
static __rte_always_inline void
split_free(struct virtqueue *vq, uint16_t id)
{
	vq->order[(uint16_t)(vq->free_head + vq->free_count) & vq->mask] = id;
	vq->free_count++;
}

/**
 * Takes one entry of the used ring; there must be one (split_used).
 *
 * @param chains
 *   Constant: whether this queue ever posts more than one descriptor for a buffer.
 * @param[out] len
 *   What the device says it wrote, not checked.
 * @return
 *   The cookie, or NULL where the id is not that of a buffer which the device has.
 */
static __rte_always_inline void *
split_pop(struct virtqueue *vq, const bool chains, uint32_t *len)
{
	const struct vring_used_elem *elem = &vq->used->ring[vq->used_next++ & vq->mask];
	/* Read once each: the device may write while we look. */
	const uint32_t id = __atomic_load_n(&elem->id, __ATOMIC_RELAXED);
	void *cookie;

	*len = __atomic_load_n(&elem->len, __ATOMIC_RELAXED);
	if (unlikely(id >= vq->size))
		return NULL;
	cookie = vq->cookies[id];
	if (unlikely(cookie == NULL))
		return NULL;
	vq->cookies[id] = NULL;
	if (chains && unlikely(vq->links[id].count != 1)) {
		uint16_t left = vq->links[id].count;
		uint16_t d = id;

		vq->links[id].count = 1;
		while (left-- > 0) {
			split_free(vq, d);
			d = vq->links[d].next;
		}
	} else {
		split_free(vq, id);
	}
	return cookie;
}

/** Undoes the split_pop() just done, of a buffer of one descriptor. */
static inline void
split_unpop(struct virtqueue *vq, void *cookie)
{
	uint16_t id;

	vq->used_next--;
	vq->free_count--;
	id = vq->order[(uint16_t)(vq->free_head + vq->free_count) & vq->mask];
	vq->cookies[id] = cookie;
}

/** Takes the first free descriptor; there must be one. */
static __rte_always_inline uint16_t
split_take(struct virtqueue *vq)
{
	vq->free_count--;
	return vq->order[vq->free_head++ & vq->mask];
}

/** Makes a chain available under its head; seen by the device at the next split_publish(). */
static __rte_always_inline void
split_offer(struct virtqueue *vq, uint16_t head)
{
	const uint16_t slot = vq->avail_next++ & vq->mask;

	if (unlikely(vq->offered[slot] != head)) {
		vq->offered[slot] = head;
		vq->avail->ring[slot] = head;
	}
}

/** Posts one descriptor with a cookie; one must be free. */
static __rte_always_inline void
split_push(struct virtqueue *vq, void *cookie, uint64_t addr, uint32_t len, uint16_t flags)
{
	const uint16_t id = split_take(vq);
	struct vring_desc *desc = &vq->desc[id];

	desc->addr = addr;
	desc->len = len;
	desc->flags = flags;
	vq->cookies[id] = cookie;
	split_offer(vq, id);
}

/** Lets the device see what was pushed. */
static __rte_always_inline void
split_publish(struct virtqueue *vq)
{
	/* Pairs with the device's acquire of avail->idx: descriptors first, index after (2.7.13.3). */
	__atomic_store_n(&vq->avail->idx, vq->avail_next, __ATOMIC_RELEASE);
}

/** Where the device says at which entry it wants a doorbell, 2.7.10. */
static __rte_always_inline uint16_t *
split_avail_event(const struct virtqueue *vq)
{
	return (uint16_t *)(void *)&vq->used->ring[vq->size];
}

/** Whether the device wants to be told of what was published, 2.7.10. */
static __rte_always_inline bool
split_must_notify(struct virtqueue *vq)
{
	/*
	 * Store of avail->idx before load of the device's word; the device stores its word and then
	 * looks at avail->idx again, so that one of the two sees the other (2.7.13.4.1).
	 */
	rte_atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (vq->event_idx) {
		const uint16_t event = __atomic_load_n(split_avail_event(vq), __ATOMIC_RELAXED);
		const uint16_t before = vq->avail_told;

		vq->avail_told = vq->avail_next;
		return (uint16_t)(vq->avail_next - event - 1) < (uint16_t)(vq->avail_next - before);
	}
	return !(__atomic_load_n(&vq->used->flags, __ATOMIC_RELAXED) & VRING_USED_F_NO_NOTIFY);
}

#endif /* VIRTQUEUE_SPLIT_H */
