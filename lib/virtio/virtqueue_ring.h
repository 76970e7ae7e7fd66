/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VIRTQUEUE_RING_H
#define VIRTQUEUE_RING_H

/**
 * @file
 * The two layouts under one name. `packed` is a constant wherever it counts, and the other layout's
 * half is not there in the code that the compiler makes; cold code may pass vq->conf.packed.
 */

#include "virtqueue_packed.h"
#include "virtqueue_split.h"

struct ring_view {
	union {
		struct split_view split;
		struct packed_view packed;
	};
};

static __rte_always_inline struct ring_view
ring_view(const struct virtqueue *vq, const bool packed)
{
	struct ring_view view;

	if (packed)
		view.packed = packed_view(vq);
	else
		view.split = split_view(vq);
	return view;
}

static __rte_always_inline void **
ring_cookies(const struct ring_view *view, const bool packed)
{
	return packed ? view->packed.cookies : view->split.cookies;
}

static __rte_always_inline int
ring_used(const struct virtqueue *vq, uint16_t most, const bool packed)
{
	return packed ? packed_used(vq, most) : split_used(vq, most);
}

/** Buffers worth a ring_expect(), at most `most`. */
static __rte_always_inline int
ring_used_hint(const struct virtqueue *vq, uint16_t most, const bool packed)
{
	return packed ? packed_used_hint(vq, most) : split_used(vq, most);
}

static __rte_always_inline uint16_t
ring_used_run(const struct ring_view *view, uint16_t n, const bool packed)
{
	return packed ? packed_used_run(&view->packed, n) : split_used_run(&view->split, n);
}

static __rte_always_inline int
ring_expect(const struct ring_view *view, size_t i, uint32_t *len, const bool packed)
{
	return packed ? packed_expect(&view->packed, i, len) : split_expect(&view->split, i, len);
}

/** In step: the id that is expected there. */
static __rte_always_inline uint16_t
ring_used_id(const struct ring_view *view, size_t i, const bool packed)
{
	return packed ? view->packed.used_order[i] : view->split.used_order[i];
}

static __rte_always_inline int
ring_look(struct virtqueue *vq, const struct ring_view *view, uint16_t i, uint32_t *len,
	  const bool packed)
{
	return packed ? packed_look(vq, &view->packed, i, len) :
			split_look(vq, &view->split, i, len);
}

/**
 * IN_ORDER, in step: how many of `n` used buffers are so for certain, at least one; their entries
 * need not be looked at. Split: all, since used->idx counts the buffers of batches, too (2.7.9),
 * and the lines of entries that are never read stay the device's. Not for receive: what was written
 * into the buffers is not told. -EPROTO where an entry, packed, is of none that the device has.
 */
static __rte_always_inline int
ring_batch(struct virtqueue *vq, const struct ring_view *view, uint16_t n, const bool packed)
{
	return packed ? packed_batch(vq, &view->packed, n) : split_batch(vq, n);
}

/** batch: some of them may be in a batch that is noted; constant. */
static __rte_always_inline void
ring_took(struct virtqueue *vq, uint16_t n, const bool batch, const bool packed)
{
	if (batch)
		virtqueue_leave_batch(vq, n);
	if (packed)
		packed_took(vq, n);
	else
		split_took(vq, n);
}

static __rte_always_inline void *
ring_pop(struct virtqueue *vq, uint32_t *len, const bool packed)
{
	return packed ? packed_pop(vq, len) : split_pop(vq, len);
}

static __rte_always_inline uint16_t
ring_free_run(const struct ring_view *view, uint16_t n, const bool packed)
{
	return packed ? packed_free_run(&view->packed, n) : split_free_run(&view->split, n);
}

static __rte_always_inline uint16_t
ring_free_id(const struct ring_view *view, const bool packed)
{
	return packed ? packed_free_id(&view->packed) : split_free_id(&view->split);
}

static __rte_always_inline void
ring_place(const struct ring_view *view, size_t i, void *cookie, uint64_t addr, uint32_t len,
	   uint16_t flags, const bool packed)
{
	if (packed)
		packed_place(&view->packed, i, cookie, addr, len, flags);
	else
		split_place(&view->split, i, cookie, addr, len, flags);
}

/**
 * The same where buffers are by place (struct virtqueue), but for the cookie, which is stored in
 * ring_free_cookies()[i].
 */
static __rte_always_inline void
ring_place_at(const struct ring_view *view, size_t i, uint64_t addr, uint32_t len, uint16_t flags,
	      const bool packed)
{
	if (packed)
		packed_desc(&view->packed.avail[i], addr, len, view->packed.avail_at + i,
			    view->packed.avail_flags | flags);
	else
		split_desc(&view->split.desc[view->split.avail_at + i], addr, len, flags, 0);
}

/** By place: cookies from the next place to fill on. */
static __rte_always_inline void **
ring_free_cookies(const struct ring_view *view, const bool packed)
{
	return packed ? &view->packed.cookies[view->packed.avail_at] :
			&view->split.cookies[view->split.avail_at];
}

/** By place: cookies from the next used one on. */
static __rte_always_inline void **
ring_used_cookies(const struct ring_view *view, const bool packed)
{
	return packed ? &view->packed.cookies[view->packed.used_at] :
			&view->split.cookies[view->split.used_at];
}

static __rte_always_inline void
ring_pushed(struct virtqueue *vq, uint16_t n, const bool packed)
{
	if (packed)
		packed_pushed(vq, n);
	else
		split_pushed(vq, n);
}

struct ring_chain {
	union {
		struct split_chain split;
		struct packed_chain packed;
	};
};

static __rte_always_inline struct ring_chain
ring_chain_begin(struct virtqueue *vq, uint16_t n, const bool packed)
{
	if (packed)
		return (struct ring_chain){ .packed = packed_chain_begin(vq, n) };
	return (struct ring_chain){ .split = split_chain_begin(vq, n) };
}

static __rte_always_inline uint16_t
ring_chain_head(const struct ring_chain *chain, const bool packed)
{
	return packed ? chain->packed.head : chain->split.head;
}

static __rte_always_inline void
ring_chain_add(struct virtqueue *vq, struct ring_chain *chain, uint64_t addr, uint32_t len,
	       uint16_t flags, const bool packed)
{
	if (packed)
		packed_chain_add(vq, &chain->packed, addr, len, flags);
	else
		split_chain_add(vq, &chain->split, addr, len, flags);
}

static __rte_always_inline void
ring_chain_end(struct virtqueue *vq, const struct ring_chain *chain, void *cookie,
	       const bool packed)
{
	if (packed)
		packed_chain_end(vq, &chain->packed, cookie);
	else
		split_chain_end(vq, &chain->split, cookie);
}

/** Pushes one buffer of one descriptor, in or out of step; one must be free. */
static __rte_always_inline void
ring_push(struct virtqueue *vq, void *cookie, uint64_t addr, uint32_t len, uint16_t flags,
	  const bool packed)
{
	if (likely(vq->in_step)) {
		const struct ring_view view = ring_view(vq, packed);

		ring_place(&view, 0, cookie, addr, len, flags, packed);
		ring_pushed(vq, 1, packed);
	} else {
		struct ring_chain chain = ring_chain_begin(vq, 1, packed);

		ring_chain_add(vq, &chain, addr, len, flags, packed);
		ring_chain_end(vq, &chain, cookie, packed);
	}
}

/** Lets the device see what was pushed; in a packed ring it does already. */
static __rte_always_inline void
ring_publish(struct virtqueue *vq, const bool packed)
{
	if (!packed)
		split_publish(vq);
}

static __rte_always_inline bool
ring_must_notify(struct virtqueue *vq, const bool packed)
{
	return packed ? packed_must_notify(vq) : split_must_notify(vq);
}

static inline bool
ring_interrupts_on(struct virtqueue *vq, const bool packed)
{
	return packed ? packed_interrupts_on(vq) : split_interrupts_on(vq);
}

static inline void
ring_interrupts_off(struct virtqueue *vq, const bool packed)
{
	if (packed)
		packed_interrupts_off(vq);
	else
		split_interrupts_off(vq);
}

#endif /* VIRTQUEUE_RING_H */
