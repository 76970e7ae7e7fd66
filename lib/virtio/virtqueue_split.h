/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VIRTQUEUE_SPLIT_H
#define VIRTQUEUE_SPLIT_H

/**
 * @file
 * The split layout, section 2.7: how a buffer is made available and found used, and nothing more.
 * virtqueue_packed.h has the same functions for the other layout, virtqueue_ring.h the two under
 * one name.
 *
 * In step (struct virtqueue) entry p of the avail ring keeps its value from lap to lap and is not
 * written again, which spares the device a cache miss for each line.
 *
 * The device is not trusted: of the shared memory only used->idx, the entries of the used ring and
 * the two suppression words are ever read; a value once, and checked before use. What is expected
 * comes from memory that the device cannot write.
 */

#include <errno.h>
#include <string.h>

#include <rte_atomic.h>
#include <rte_branch_prediction.h>
#include <rte_byteorder.h>
#include <rte_common.h>
#include <rte_debug.h>

#include "virtqueue.h"

/** What a burst reads of a ring again and again: a local copy stays in registers. */
struct split_view {
	struct vring_desc *desc;
	void **cookies;
	const struct vring_used_elem *used; /**< from the next one to look at */
	const uint16_t *used_order;         /**< what is expected from there on */
	const uint16_t *avail_order;        /**< from the next place to fill on */
	uint16_t mask;
	uint16_t used_at;                   /**< places, below size */
	uint16_t avail_at;
};

static __rte_always_inline struct split_view
split_view(const struct virtqueue *vq)
{
	const uint16_t used_at = vq->used_next & vq->mask;
	const uint16_t avail_at = vq->avail_next & vq->mask;

	return (struct split_view){
		.desc = vq->desc,
		.cookies = vq->cookies,
		.used = &vq->used->ring[used_at],
		.used_order = &vq->order[used_at],
		.avail_order = &vq->order[avail_at],
		.mask = vq->mask,
		.used_at = used_at,
		.avail_at = avail_at,
	};
}

/**
 * Used buffers that were not taken yet, at most `most`; -EPROTO where the device claims to have
 * used more than it was given.
 */
static __rte_always_inline int
split_used(const struct virtqueue *vq, uint16_t most)
{
	/*
	 * Pairs with the device's release of used->idx: the entries before it are written
	 * (2.7.13.4).
	 */
	const uint16_t idx = __atomic_load_n(&vq->used->idx, __ATOMIC_ACQUIRE);
	const uint16_t n = idx - vq->used_next;

	if (unlikely(n > (uint16_t)(vq->avail_next - vq->used_next)))
		return -EPROTO;
	return RTE_MIN(n, most);
}

/** The head in a used entry, and what the device says it wrote there. */
static __rte_always_inline uint32_t
split_read(const struct vring_used_elem *elem, uint32_t *len)
{
	/* Read once each: the device may write while we look. */
	*len = __atomic_load_n(&elem->len, __ATOMIC_RELAXED);
	return __atomic_load_n(&elem->id, __ATOMIC_RELAXED);
}

/** How many of `n` used buffers come before the end of the ring. */
static __rte_always_inline uint16_t
split_used_run(const struct split_view *view, uint16_t n)
{
	return RTE_MIN(n, view->mask + 1 - view->used_at);
}

/**
 * In step: looks at the `i`th used buffer, one that split_used() counts and before the end of the
 * ring, without taking it.
 *
 * @param[out] len
 *   What the device says it wrote, not checked.
 * @return
 *   The head if it is the one expected there, else negative.
 */
static __rte_always_inline int
split_expect(const struct split_view *view, size_t i, uint32_t *len)
{
	const uint32_t id = split_read(&view->used[i], len);

	return likely(id == view->used_order[i]) ? (int)id : -1;
}

/**
 * In step: the same for any buffer that the device has, over the end of the ring if need be.
 *
 * @return
 *   The head, below size and with a valid cookie; -EPROTO where it is none that the device has.
 */
static __rte_always_inline int
split_look(struct virtqueue *vq, const struct split_view *view, uint16_t i, uint32_t *len)
{
	const uint16_t at = (view->used_at + i) & view->mask;
	uint16_t left;
	uint32_t id;

	if (vq->in_order && virtqueue_in_batch(vq, i, len))
		return vq->order[at];
	id = split_read(&vq->used->ring[at], len);
	if (likely(id == vq->order[at]))
		return id;
	left = vq->avail_next - vq->used_next - i;
	if (vq->in_order)
		return virtqueue_note_batch(vq, i, at, left, id, len) ? vq->order[at] : -EPROTO;
	return virtqueue_reorder(vq, at, left, id) ? (int)id : -EPROTO;
}

/**
 * See ring_batch(). Noted is all that used->idx counts by now: with a part of it taken, the entry
 * of the next one may be in the middle of a batch.
 */
static __rte_always_inline int
split_batch(struct virtqueue *vq, uint16_t n)
{
	/* The index that `n` is from was checked; a lie since then is found by the next look. */
	const int used = split_used(vq, UINT16_MAX);

	vq->batch_from = 0;
	vq->batch_n = RTE_MAX((int)n, used);
	return n;
}

/** In step: takes `n` buffers that were looked at; none of them in a batch, or see ring_took(). */
static __rte_always_inline void
split_took(struct virtqueue *vq, uint16_t n)
{
	/* In this order, see struct virtqueue. */
	vq->free_count += n;
	rte_compiler_barrier();
	vq->used_next += n;
}

/**
 * Takes one used buffer; there must be one (split_used).
 *
 * @param[out] len
 *   What the device says it wrote, not checked.
 * @return
 *   The cookie, or NULL where the id is not that of a buffer which the device has: then nothing was
 *   taken, and the ring is to be quarantined.
 */
static inline void *
split_pop(struct virtqueue *vq, uint32_t *len)
{
	const struct split_view view = split_view(vq);
	uint32_t head;

	if (likely(vq->in_step)) {
		const int id = split_look(vq, &view, 0, len);

		if (unlikely(id < 0))
			return NULL;
		split_took(vq, 1);
		virtqueue_leave_batch(vq, 1);
		return vq->cookies[id];
	}
	if (vq->in_order && virtqueue_in_batch(vq, 0, len)) {
		head = virtqueue_next_head(vq);
	} else {
		head = split_read(view.used, len);
		if (vq->in_order && head != virtqueue_next_head(vq)) {
			if (!virtqueue_note_chain_batch(vq, vq->avail_next - vq->used_next, head,
							*len))
				return NULL;
			virtqueue_in_batch(vq, 0, len);
			head = virtqueue_next_head(vq);
		}
	}
	if (unlikely(virtqueue_give(vq, head) == 0))
		return NULL;
	vq->used_next++;
	virtqueue_leave_batch(vq, 1);
	virtqueue_try_step(vq);
	return vq->cookies[head];
}

/** Writes one descriptor. */
static __rte_always_inline void
split_desc(struct vring_desc *desc, uint64_t addr, uint32_t len, uint16_t flags, uint16_t next)
{
	/* Length, flags and next in one store. */
	const uint64_t rest =
		rte_cpu_to_le_64(len | (uint64_t)flags << 32 | (uint64_t)next << 48);

	/* Atomic, or the compiler makes one store of two, which takes longer to put together. */
	__atomic_store_n(&desc->addr, addr, __ATOMIC_RELAXED);
	memcpy(&desc->len, &rest, sizeof(rest));
}

/** How many of `n` places to fill come before the end of the ring. */
static __rte_always_inline uint16_t
split_free_run(const struct split_view *view, uint16_t n)
{
	return RTE_MIN(n, view->mask + 1 - view->avail_at);
}

/** In step: the descriptor of the next place to fill. */
static __rte_always_inline uint16_t
split_free_id(const struct split_view *view)
{
	return view->avail_order[0];
}

/**
 * In step: fills the `i`th place, which is free and before the end of the ring; to be followed by
 * split_pushed().
 */
static __rte_always_inline void
split_place(const struct split_view *view, size_t i, void *cookie, uint64_t addr, uint32_t len,
	    uint16_t flags)
{
	const size_t id = view->avail_order[i];

	split_desc(&view->desc[id], addr, len, flags, 0);
	view->cookies[id] = cookie;
}

/** In step: accounts for `n` places that were filled; seen by the device at split_publish(). */
static __rte_always_inline void
split_pushed(struct virtqueue *vq, uint16_t n)
{
	/* The cookies before the count, see struct virtqueue. */
	rte_compiler_barrier();
	vq->free_count -= n;
	while (unlikely(vq->rewrite > 0) && n > 0) {
		const uint16_t slot = vq->avail_next++ & vq->mask;

		vq->avail->ring[slot] = vq->order[slot];
		vq->rewrite--;
		n--;
	}
	vq->avail_next += n;
}

/** A chain of descriptors being made; the ring is out of step. */
struct split_chain {
	uint16_t head;
	uint16_t last;
	uint16_t left;
};

/**
 * Begins a chain of `n` descriptors. The head is that of the cookie.
 *
 * @param n
 *   At most vq->free_count: who begins a chain looks there first.
 */
static inline struct split_chain
split_chain_begin(struct virtqueue *vq, uint16_t n)
{
	struct split_chain chain = { .left = n };

	RTE_ASSERT(n > 0 && n <= vq->free_count);
	if (vq->in_step)
		virtqueue_leave_step(vq);
	chain.head = virtqueue_take(vq);
	chain.last = chain.head;
	virtqueue_open_chain(vq, chain.head, n);
	return chain;
}

/** Adds the next descriptor. */
static inline void
split_chain_add(struct virtqueue *vq, struct split_chain *chain, uint64_t addr, uint32_t len,
		uint16_t flags)
{
	const uint16_t id = chain->last;

	if (--chain->left > 0) {
		chain->last = virtqueue_take(vq);
		vq->links[id].next = chain->last;
		flags |= VRING_DESC_F_NEXT;
	}
	split_desc(&vq->desc[id], addr, len, flags, chain->last);
}

/** Makes the chain available; seen by the device at the next split_publish(). */
static inline void
split_chain_end(struct virtqueue *vq, const struct split_chain *chain, void *cookie)
{
	vq->cookies[chain->head] = cookie;
	vq->avail->ring[vq->avail_next++ & vq->mask] = chain->head;
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
		const uint16_t before = vq->told;

		vq->told = vq->avail_next;
		return (uint16_t)(vq->avail_next - event - 1) < (uint16_t)(vq->avail_next - before);
	}
	return !(__atomic_load_n(&vq->used->flags, __ATOMIC_RELAXED) & VRING_USED_F_NO_NOTIFY);
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
	const uint16_t idx = __atomic_load_n(&vq->used->idx, __ATOMIC_RELAXED);

	if (vq->event_idx)
		__atomic_store_n(split_used_event(vq), idx, __ATOMIC_RELAXED);
	else
		__atomic_store_n(&vq->avail->flags, 0, __ATOMIC_RELAXED);
	/*
	 * Store of our word before load of used->idx; the device stores used->idx and then loads
	 * our word, so that a buffer is seen here or raises an interrupt, or both (2.7.14).
	 */
	rte_atomic_thread_fence(__ATOMIC_SEQ_CST);
	/* Where another thread polls meanwhile, the event word may be behind the device already. */
	return __atomic_load_n(&vq->used->idx, __ATOMIC_RELAXED) != idx || split_used(vq, 1) != 0;
}

/** The opposite. One more interrupt may be on its way; with EVENT_IDX there is one in 65536. */
static inline void
split_interrupts_off(struct virtqueue *vq)
{
	const uint16_t next = __atomic_load_n(&vq->used_next, __ATOMIC_RELAXED);

	/* With EVENT_IDX the flags are to be 0, and what is behind the device comes up last. */
	if (vq->event_idx)
		__atomic_store_n(split_used_event(vq), next - 1, __ATOMIC_RELAXED);
	else
		__atomic_store_n(&vq->avail->flags, VRING_AVAIL_F_NO_INTERRUPT, __ATOMIC_RELAXED);
}

#endif /* VIRTQUEUE_SPLIT_H */
