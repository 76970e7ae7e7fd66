/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VIRTQUEUE_SPLIT_H
#define VIRTQUEUE_SPLIT_H

/**
 * @file
 * The split layout, section 2.7: how a buffer is made available and found used, and nothing more.
 *
 * Descriptors are taken from and given back to a first-in first-out list. As long as each buffer
 * takes one descriptor the ring is "in step": entry p of the avail ring, entry p of the used ring
 * and entry p of the list go round together, and order[p] is both the descriptor that entry p will
 * take next and, once it was made available, the one that is expected back there. A device that
 * uses buffers in the order given then costs one comparison a buffer, which is also the check that
 * the device had it; nothing is written back, and the entries of the avail ring, which keep their
 * values from lap to lap, are not even touched. A buffer that comes back out of order changes
 * places with the one that was expected, so that order[] from used_next to avail_next remains what
 * the device has, no more and no less. With the first chain the ring leaves step until it is made
 * anew, and offered[] holds what the device has.
 *
 * The device is not trusted: of the shared memory only used->idx, the entries of the used ring and
 * the two suppression words are ever read, each once, and checked before use. What is expected
 * comes from memory that the device cannot write.
 */

#include <errno.h>
#include <string.h>

#include <rte_atomic.h>
#include <rte_branch_prediction.h>
#include <rte_byteorder.h>
#include <rte_common.h>

#include "virtqueue.h"

/**
 * Entries of the used ring that were not taken yet, or -EPROTO where the device claims to have
 * used more than it was given.
 */
static __rte_always_inline int
split_used(const struct virtqueue *vq)
{
	/*
	 * Pairs with the device's release of used->idx: the entries before it are written
	 * (2.7.13.4).
	 */
	const uint16_t idx = __atomic_load_n(&vq->used->idx, __ATOMIC_ACQUIRE);
	const uint16_t n = idx - vq->used_next;

	if (unlikely(n > (uint16_t)(vq->avail_next - vq->used_next)))
		return -EPROTO;
	return n;
}

/**
 * A head that is not the one expected at used entry `pos`: lets the two change places.
 *
 * @return
 *   false where the device does not have that buffer.
 */
bool virtqueue_split_reorder(struct virtqueue *vq, uint16_t pos, uint32_t id);

/** No longer one descriptor for each entry: from here on offered[] tells what the device has. */
void virtqueue_split_leave_step(struct virtqueue *vq);

/** What a burst reads of a ring again and again: a local copy stays in registers. */
struct split_view {
	struct vring_desc *desc;
	const struct vring_used_elem *used;
	const uint16_t *heads; /**< order in step, else offered */
	void **cookies;
	uint16_t mask;
};

static __rte_always_inline struct split_view
split_view(const struct virtqueue *vq, const bool in_step)
{
	return (struct split_view){
		.desc = vq->desc,
		.used = vq->used->ring,
		.heads = in_step ? vq->order : vq->offered,
		.cookies = vq->cookies,
		.mask = vq->mask,
	};
}

/**
 * Looks at used entry `pos`, used_next or one after it that split_used() counts, without taking it.
 *
 * @param[out] len
 *   What the device says it wrote, not checked.
 * @return
 *   The head, below size and with a valid cookie; negative where it is none that the device has.
 */
static __rte_always_inline int
split_look(struct virtqueue *vq, const struct split_view *view, uint16_t pos, uint32_t *len)
{
	const struct vring_used_elem *elem = &view->used[pos & view->mask];
	/* Read once each: the device may write while we look. */
	const uint32_t id = __atomic_load_n(&elem->id, __ATOMIC_RELAXED);

	*len = __atomic_load_n(&elem->len, __ATOMIC_RELAXED);
	if (unlikely(id != view->heads[pos & view->mask]) && !virtqueue_split_reorder(vq, pos, id))
		return -EPROTO;
	return id;
}

/** The same for the buffer that is expected there; negative where it is another one. */
static __rte_always_inline int
split_expect(const struct split_view *view, uint16_t pos, uint32_t *len)
{
	const struct vring_used_elem *elem = &view->used[pos & view->mask];
	const uint32_t id = __atomic_load_n(&elem->id, __ATOMIC_RELAXED);

	*len = __atomic_load_n(&elem->len, __ATOMIC_RELAXED);
	return likely(id == view->heads[pos & view->mask]) ? (int)id : -1;
}

/** In step: takes `n` entries that were looked at. */
static __rte_always_inline void
split_took(struct virtqueue *vq, uint16_t n)
{
	vq->used_next += n;
	vq->free_count += n;
}

/**
 * Takes one entry of the used ring; there must be one (split_used).
 *
 * @param chains
 *   Constant: whether this queue ever posts more than one descriptor for a buffer.
 * @param[out] len
 *   What the device says it wrote, not checked.
 * @return
 *   The cookie, or NULL where the id is not that of a buffer which the device has: then nothing was
 *   taken, and the ring is to be quarantined.
 */
static __rte_always_inline void *
split_pop(struct virtqueue *vq, const bool chains, uint32_t *len)
{
	const bool in_step = !chains || likely(vq->in_step);
	const struct split_view view = split_view(vq, in_step);
	const int head = split_look(vq, &view, vq->used_next, len);

	if (unlikely(head < 0))
		return NULL;
	vq->used_next++;
	if (in_step) {
		vq->free_count++;
	} else {
		uint16_t left = vq->links[head].count;
		uint16_t d = head;

		vq->links[head].count = 1;
		while (left-- > 0) {
			vq->order[(uint16_t)(vq->free_head + vq->free_count) & vq->mask] = d;
			vq->free_count++;
			d = vq->links[d].next;
		}
	}
	return vq->cookies[head];
}

/** Takes the first free descriptor; there must be one. */
static __rte_always_inline uint16_t
split_take(struct virtqueue *vq)
{
	vq->free_count--;
	return vq->order[vq->free_head++ & vq->mask];
}

/**
 * Makes a chain available under its head, with links[head].count set where it has more than one
 * descriptor; seen by the device at the next split_publish().
 */
static __rte_always_inline void
split_offer(struct virtqueue *vq, uint16_t head)
{
	const uint16_t slot = vq->avail_next & vq->mask;

	if (unlikely(vq->in_step && vq->links[head].count != 1))
		virtqueue_split_leave_step(vq);
	vq->avail_next++;
	if (likely(vq->in_step)) {
		if (likely(vq->rewrite == 0))
			return;
		vq->rewrite--;
	} else {
		vq->offered[slot] = head;
		vq->links[head].where = slot;
	}
	vq->avail->ring[slot] = head;
}

/** Writes one descriptor. */
static __rte_always_inline void
split_desc(struct vring_desc *desc, uint64_t addr, uint32_t len, uint16_t flags)
{
	/* Length, flags and an index that does not matter, in one store. */
	const uint64_t rest = rte_cpu_to_le_64(len | (uint64_t)flags << 32);

	desc->addr = addr;
	memcpy(&desc->len, &rest, sizeof(rest));
}

/** Posts one descriptor with a cookie; one must be free. */
static __rte_always_inline void
split_push(struct virtqueue *vq, void *cookie, uint64_t addr, uint32_t len, uint16_t flags)
{
	const uint16_t id = split_take(vq);

	split_desc(&vq->desc[id], addr, len, flags);
	vq->cookies[id] = cookie;
	split_offer(vq, id);
}

/**
 * In step: accounts for `n` buffers whose descriptors and cookies were written under the heads
 * order[avail_next] and on.
 */
static __rte_always_inline void
split_pushed(struct virtqueue *vq, uint16_t n)
{
	while (unlikely(vq->rewrite > 0) && n > 0) {
		const uint16_t slot = vq->avail_next++ & vq->mask;

		vq->avail->ring[slot] = vq->order[slot];
		vq->free_count--;
		vq->rewrite--;
		n--;
	}
	vq->avail_next += n;
	vq->free_head = vq->avail_next;
	vq->free_count -= n;
}

/** Lets the device see what was pushed. */
static __rte_always_inline void
split_publish(struct virtqueue *vq)
{
	/*
	 * Pairs with the device's acquire of avail->idx: descriptors first, index after (2.7.13.3).
	 */
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
