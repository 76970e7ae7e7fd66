/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VIRTQUEUE_PACKED_H
#define VIRTQUEUE_PACKED_H

/**
 * @file
 * The packed layout, section 2.8: the same functions as virtqueue_split.h.
 *
 * There is one ring: the device writes a used descriptor over an available one, at its own pace and
 * in its own order. A buffer's id is ours to choose; in step it is that of its place in order[], so
 * that an expected buffer comes back in its own place.
 *
 * The device is not trusted: of a descriptor only the second half, length, id and flags, is read
 * again, in one load, and checked before use.
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
struct packed_view {
	void **cookies;
	const struct vring_packed_desc *used; /**< from the next one to look at */
	const uint16_t *used_order;           /**< what is expected from there on */
	struct vring_packed_desc *avail;      /**< from the next place to fill on */
	const uint16_t *avail_order;
	uint64_t used_bits;   /**< what makes a descriptor used in this lap, in its second half */
	uint16_t size;
	uint16_t used_at;     /**< places */
	uint16_t avail_at;
	uint16_t avail_flags; /**< what makes a descriptor available in this lap */
};

/** The two flags of a descriptor, in its second half. */
#define PACKED_BOTH ((uint64_t)(VRING_PACKED_F_AVAIL | VRING_PACKED_F_USED) << 48)

/** Flags of a descriptor made available in the lap of this wrap counter, 2.8.1. */
static __rte_always_inline uint16_t
packed_flags(uint16_t flags, bool wrap)
{
	return flags | (wrap ? VRING_PACKED_F_AVAIL : VRING_PACKED_F_USED);
}

static __rte_always_inline struct packed_view
packed_view(const struct virtqueue *vq)
{
	return (struct packed_view){
		.cookies = vq->cookies,
		.used = &vq->ring[vq->used_next],
		.used_order = &vq->order[vq->used_next],
		.avail = &vq->ring[vq->avail_next],
		.avail_order = &vq->order[vq->avail_next],
		.size = vq->size,
		.used_bits = vq->used_wrap ? PACKED_BOTH : 0,
		.used_at = vq->used_next,
		.avail_at = vq->avail_next,
		.avail_flags = packed_flags(0, vq->avail_wrap),
	};
}

/** `i` places on from `at`, over the end of the ring if need be. */
static __rte_always_inline uint16_t
packed_place_of(uint16_t size, uint16_t at, uint16_t i)
{
	const uint32_t place = (uint32_t)at + i;

	return place >= size ? place - size : place;
}

/** Second half of a descriptor: length, id and flags from the lowest byte up. */
static __rte_always_inline uint64_t
packed_rest(const struct vring_packed_desc *desc)
{
	/* Pairs with the device's release of the flags: the rest of it is written (2.8.21.1). */
	return rte_le_to_cpu_64(__atomic_load_n((const uint64_t *)(const void *)&desc->len,
						__ATOMIC_ACQUIRE));
}

/**
 * IN_ORDER, in step: places that the used descriptor at `at` stands for: one, or a batch. More than
 * the device has where it lies, which shows when the buffers are looked at.
 */
static __rte_always_inline uint16_t
packed_batch_at(const struct virtqueue *vq, uint16_t at, uint64_t rest)
{
	const uint16_t id = rest >> 32;

	if (id >= vq->size)
		return 1;
	return (vq->where[id] >= at ? 0 : vq->size) + vq->where[id] - at + 1;
}

/**
 * Used buffers that were not taken yet, at most `most`. Out of step at most one is counted.
 */
static __rte_always_inline int
packed_used(const struct virtqueue *vq, uint16_t most)
{
	const uint16_t in_flight = vq->size - vq->free_count;
	uint64_t bits = vq->used_wrap ? PACKED_BOTH : 0;
	/* The batch that is noted, of which no descriptor but the first tells. */
	const uint16_t noted = vq->batch_n > 0 && vq->batch_from == 0 ? vq->batch_n : 0;
	uint32_t at = (uint32_t)vq->used_next + noted;
	uint32_t n = noted;

	/* Never beyond what the device was given, whatever it writes. */
	most = RTE_MIN(most, vq->in_step ? in_flight : RTE_MIN(in_flight, 1));
	if (unlikely(at >= vq->size)) {
		at -= vq->size;
		bits ^= PACKED_BOTH;
	}
	while (n < most) {
		const uint64_t rest = packed_rest(&vq->ring[at]);
		const uint16_t step = vq->in_order ? packed_batch_at(vq, at, rest) : 1;

		if ((rest & PACKED_BOTH) != bits)
			break;
		n += step;
		at += step;
		if (unlikely(at >= vq->size)) {
			at -= vq->size;
			bits ^= PACKED_BOTH;
		}
	}
	return RTE_MIN(n, most);
}

/**
 * Buffers that may be used, at most `most`: none where the first is not. For packed_expect(), which
 * sees of each whether it is.
 */
static __rte_always_inline int
packed_used_hint(const struct virtqueue *vq, uint16_t most)
{
	return packed_used(vq, 1) == 0 ? 0 : RTE_MIN(most, vq->size - vq->free_count);
}

static __rte_always_inline uint16_t
packed_used_run(const struct packed_view *view, uint16_t n)
{
	return RTE_MIN(n, view->size - view->used_at);
}

/** As split_expect(), and negative also where the descriptor is not used. */
static __rte_always_inline int
packed_expect(const struct packed_view *view, size_t i, uint32_t *len)
{
	const uint64_t rest = packed_rest(&view->used[i]);
	const uint16_t id = view->used_order[i];
	const uint64_t mask = PACKED_BOTH | UINT64_C(0xffff) << 32;

	*len = (uint32_t)rest;
	return likely((rest & mask) == (view->used_bits | (uint64_t)id << 32)) ? id : -1;
}

static __rte_always_inline int
packed_look(struct virtqueue *vq, const struct packed_view *view, uint16_t i, uint32_t *len)
{
	const uint16_t at = packed_place_of(view->size, view->used_at, i);
	const uint16_t left = vq->size - vq->free_count - i;
	uint64_t rest;
	uint16_t id;

	if (vq->in_order && virtqueue_in_batch(vq, i, len))
		return vq->order[at];
	rest = packed_rest(&vq->ring[at]);
	id = rest >> 32;
	*len = (uint32_t)rest;
	if (likely(id == vq->order[at]))
		return id;
	if (vq->in_order)
		return virtqueue_note_batch(vq, i, at, left, id, len) ? vq->order[at] : -EPROTO;
	return virtqueue_reorder(vq, at, left, id) ? (int)id : -EPROTO;
}

/**
 * IN_ORDER, in step: buffers of the batch, or the single one, whose entry is `i` buffers from
 * used_next on; 0 where there is none, or none of what the device has.
 */
static __rte_always_inline uint16_t
packed_next_batch(const struct virtqueue *vq, const struct packed_view *view, uint16_t i)
{
	const uint16_t at = packed_place_of(view->size, view->used_at, i);
	const uint16_t left = vq->size - vq->free_count - i;
	const uint64_t rest = packed_rest(&vq->ring[at]);
	const uint64_t bits = view->used_bits ^ (at < view->used_at ? PACKED_BOTH : 0);
	const uint16_t id = rest >> 32;
	uint16_t n;

	if ((rest & PACKED_BOTH) != bits || id >= vq->size)
		return 0;
	n = packed_batch_at(vq, at, rest);
	return n <= left ? n : 0;
}

/** See ring_batch(); all batches that are there in one: a device that keeps up makes small ones. */
static __rte_always_inline int
packed_batch(struct virtqueue *vq, const struct packed_view *view, uint16_t n)
{
	uint32_t ignored;
	uint16_t known;

	if (packed_look(vq, view, 0, &ignored) < 0)
		return -EPROTO;
	known = RTE_MAX(vq->batch_n, 1);
	while (known < n) {
		const uint16_t more = packed_next_batch(vq, view, known);

		if (more == 0)
			break;
		known += more;
	}
	vq->batch_from = 0;
	vq->batch_n = known;
	return RTE_MIN(n, known);
}

static __rte_always_inline void
packed_step_used(struct virtqueue *vq, uint16_t n)
{
	const uint32_t at = (uint32_t)vq->used_next + n;

	vq->used_wrap ^= at >= vq->size;
	vq->used_next = at >= vq->size ? at - vq->size : at;
}

static __rte_always_inline void
packed_took(struct virtqueue *vq, uint16_t n)
{
	/* In this order, see struct virtqueue. */
	vq->free_count += n;
	rte_compiler_barrier();
	packed_step_used(vq, n);
}

static inline void *
packed_pop(struct virtqueue *vq, uint32_t *len)
{
	const struct packed_view view = packed_view(vq);
	uint64_t rest;
	uint16_t head;
	uint16_t n;

	if (likely(vq->in_step)) {
		const int id = packed_look(vq, &view, 0, len);

		if (unlikely(id < 0))
			return NULL;
		packed_took(vq, 1);
		virtqueue_leave_batch(vq, 1);
		return vq->cookies[id];
	}
	if (vq->in_order && virtqueue_in_batch(vq, 0, len)) {
		head = virtqueue_next_head(vq);
	} else {
		rest = packed_rest(&vq->ring[vq->used_next]);
		head = rest >> 32;
		*len = (uint32_t)rest;
		if (vq->in_order && head != virtqueue_next_head(vq)) {
			if (!virtqueue_note_chain_batch(vq, vq->size - vq->free_count, head, *len))
				return NULL;
			virtqueue_in_batch(vq, 0, len);
			head = virtqueue_next_head(vq);
		}
	}
	n = virtqueue_give(vq, head);
	if (unlikely(n == 0))
		return NULL;
	/* The used descriptor of a chain stands for as many places as the chain took (2.8.6). */
	packed_step_used(vq, n);
	virtqueue_leave_batch(vq, 1);
	virtqueue_try_step(vq);
	return vq->cookies[head];
}

/** Writes a descriptor; from here on the device may take it. */
static __rte_always_inline void
packed_desc(struct vring_packed_desc *desc, uint64_t addr, uint32_t len, uint16_t id,
	    uint16_t flags)
{
	const uint64_t rest =
		rte_cpu_to_le_64(len | (uint64_t)id << 32 | (uint64_t)flags << 48);

	desc->addr = addr;
	/* Pairs with the device's acquire of the flags: all else of it first (2.8.21.1). */
	__atomic_store_n((uint64_t *)(void *)&desc->len, rest, __ATOMIC_RELEASE);
}

static __rte_always_inline uint16_t
packed_free_run(const struct packed_view *view, uint16_t n)
{
	return RTE_MIN(n, view->size - view->avail_at);
}

static __rte_always_inline uint16_t
packed_free_id(const struct packed_view *view)
{
	return view->avail_order[0];
}

static __rte_always_inline void
packed_place(const struct packed_view *view, size_t i, void *cookie, uint64_t addr, uint32_t len,
	     uint16_t flags)
{
	const size_t id = view->avail_order[i];

	view->cookies[id] = cookie;
	packed_desc(&view->avail[i], addr, len, id, view->avail_flags | flags);
}

static __rte_always_inline void
packed_step_avail(struct virtqueue *vq, uint16_t n)
{
	const uint32_t at = (uint32_t)vq->avail_next + n;

	vq->avail_wrap ^= at >= vq->size;
	vq->avail_next = at >= vq->size ? at - vq->size : at;
	vq->told += n;
}

static __rte_always_inline void
packed_pushed(struct virtqueue *vq, uint16_t n)
{
	/* The cookies before the count, see struct virtqueue. */
	rte_compiler_barrier();
	vq->free_count -= n;
	packed_step_avail(vq, n);
}

/** A chain of descriptors being made; the ring is out of step. */
struct packed_chain {
	uint16_t head; /**< the buffer's id */
	uint16_t count;
	uint16_t done;
	uint16_t first_flags;
	uint16_t last; /**< descriptor taken last: as many are taken as the chain has places */
};

/** As split_chain_begin(). */
static inline struct packed_chain
packed_chain_begin(struct virtqueue *vq, uint16_t n)
{
	struct packed_chain chain = { .count = n };

	RTE_ASSERT(n > 0 && n <= vq->free_count);
	if (vq->in_step)
		virtqueue_leave_step(vq);
	chain.head = virtqueue_take(vq);
	chain.last = chain.head;
	virtqueue_open_chain(vq, chain.head, n);
	return chain;
}

static inline void
packed_chain_add(struct virtqueue *vq, struct packed_chain *chain, uint64_t addr, uint32_t len,
		 uint16_t flags)
{
	const uint16_t at = packed_place_of(vq->size, vq->avail_next, chain->done);
	const bool wrap = vq->avail_wrap ^ (at < vq->avail_next);
	struct vring_packed_desc *desc = &vq->ring[at];

	if (chain->done + 1 < chain->count)
		flags |= VRING_DESC_F_NEXT;
	flags = packed_flags(flags, wrap);
	if (chain->done == 0) {
		/* The flags of the first make all of the chain available (2.8.21.1): at the end. */
		desc->addr = addr;
		desc->len = len;
		desc->id = chain->head;
		chain->first_flags = flags;
	} else {
		const uint16_t id = virtqueue_take(vq);

		vq->links[chain->last].next = id;
		chain->last = id;
		packed_desc(desc, addr, len, chain->head, flags);
	}
	chain->done++;
}

static inline void
packed_chain_end(struct virtqueue *vq, const struct packed_chain *chain, void *cookie)
{
	vq->cookies[chain->head] = cookie;
	__atomic_store_n(&vq->ring[vq->avail_next].flags, chain->first_flags, __ATOMIC_RELEASE);
	packed_step_avail(vq, chain->count);
}

/** Whether the device wants to be told of what was pushed, 2.8.10. */
static __rte_always_inline bool
packed_must_notify(struct virtqueue *vq)
{
	const uint16_t pushed = vq->told;
	uint32_t event;
	uint16_t flags, at;

	/*
	 * Store of the descriptors' flags before load of the device's event; the device stores its
	 * event and then looks at the descriptors again (2.8.21.3).
	 */
	rte_atomic_thread_fence(__ATOMIC_SEQ_CST);
	event = rte_le_to_cpu_32(__atomic_load_n((const uint32_t *)(const void *)vq->device_event,
						 __ATOMIC_RELAXED));
	flags = event >> 16;
	vq->told = 0;
	if (flags != VRING_EVENT_DESC || !vq->event_idx)
		return flags != VRING_EVENT_DISABLE;
	/* Both places on one line: the event's lap may be the one before ours. */
	at = event & 0x7fff;
	if ((event >> 15 & 1) != vq->avail_wrap)
		at -= vq->size;
	return (uint16_t)(vq->avail_next - at - 1) < pushed;
}

/**
 * As split_interrupts_on(), 2.8.10; with EVENT_IDX too for every used buffer from now on, since a
 * packed ring has a word for that, and a place in the ring would be stale one burst later.
 */
static inline bool
packed_interrupts_on(struct virtqueue *vq)
{
	__atomic_store_n(&vq->driver_event->flags, VRING_EVENT_ENABLE, __ATOMIC_RELAXED);
	/*
	 * Store of our event before load of the descriptor; the device stores the descriptor and
	 * then loads our event, so that a buffer is seen here or raises an interrupt (2.8.22).
	 */
	rte_atomic_thread_fence(__ATOMIC_SEQ_CST);
	return packed_used(vq, 1) != 0;
}

static inline void
packed_interrupts_off(struct virtqueue *vq)
{
	__atomic_store_n(&vq->driver_event->flags, VRING_EVENT_DISABLE, __ATOMIC_RELAXED);
}

#endif /* VIRTQUEUE_PACKED_H */
