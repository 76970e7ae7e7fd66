/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VIRTQUEUE_RING_H
#define VIRTQUEUE_RING_H

/**
 * @file
 * Makes buffers available and takes used buffers, for both layouts. struct virtqueue describes the
 * representation; virtqueue_split.h and virtqueue_packed.h have what differs.
 *
 * `packed` is a constant wherever speed counts, and the compiler removes the other layout's
 * half. Other code may pass vq->conf.packed.
 *
 * Used buffers are taken in two ways. The plain way is for a burst of buffers of one descriptor: it
 * compares with a view and then takes all of them: ring_view(),
 * ring_expect(), ring_took(). The general one looks at buffer after buffer with a copy of the
 * position: ring_begin(), ring_next(), ring_commit(). Buffers that are not committed are read
 * again.
 *
 * Threads: see virtqueue.h.
 */

#include <rte_debug.h>

#include "virtio_compat.h"
#include "virtqueue_packed.h"
#include "virtqueue_split.h"

/** Fields that a plain burst reads repeatedly. A local copy stays in registers. */
struct ring_view {
	void **cookies;
	const uint16_t *used_order;  /**< ids expected from the next used buffer on */
	const uint16_t *avail_order; /**< free ids from the next place to fill on */
	uint16_t used_at;            /**< places in order[] */
	uint16_t avail_at;
	uint16_t size;
	union {
		struct {
			struct vring_desc *desc;
			const struct vring_used_elem *used; /**< from the next one on */
			uint16_t used_left;                 /**< entries to the end of that ring */
		} split;
		struct {
			const struct vring_packed_desc *used; /**< from the next one on */
			struct vring_packed_desc *avail;
			uint64_t used_bits;   /**< flags of a descriptor used in this lap */
			uint16_t avail_flags; /**< flags of one made available in this lap */
		} packed;
	};
};

static __rte_always_inline struct ring_view
ring_view(const struct virtqueue *vq, const bool packed)
{
	const uint16_t used_at = vq->next_used.pos;
	const uint16_t avail_at = vq->next_avail.pos;
	struct ring_view view = {
		.cookies = vq->cookies,
		.used_order = &vq->order[used_at],
		.avail_order = &vq->order[avail_at],
		.used_at = used_at,
		.avail_at = avail_at,
		.size = vq->size,
	};

	if (packed) {
		view.packed.used = &vq->ring[used_at];
		view.packed.avail = &vq->ring[avail_at];
		view.packed.used_bits = vq->next_used.wrap ? PACKED_BOTH : 0;
		view.packed.avail_flags = packed_flags(0, vq->next_avail.wrap);
	} else {
		const uint16_t entry = vq->next_used.idx & vq->mask;

		view.split.desc = vq->desc;
		view.split.used = &vq->used->ring[entry];
		view.split.used_left = vq->size - entry;
	}
	return view;
}

static __rte_always_inline void
ring_step(const struct virtqueue *vq, struct virtqueue_place *at, uint16_t descs,
	  uint16_t buffers, const bool packed)
{
	const uint32_t pos = (uint32_t)at->pos + descs;

	if (packed) {
		at->wrap ^= pos >= vq->size;
		at->pos = pos >= vq->size ? pos - vq->size : pos;
	} else {
		at->pos = pos & vq->mask;
		at->idx += buffers;
	}
}

/* ---- used buffers, the plain way ---------------------------------------------------------- */

/**
 * Used buffers that were not taken yet, at most `most`. In a packed ring with chains it counts
 * their descriptors. -EPROTO: the device claims to have used more than it was given.
 */
static __rte_always_inline int
ring_used(const struct virtqueue *vq, uint16_t most, const bool packed)
{
	struct virtqueue_place at = vq->next_used;
	uint16_t in_flight;
	uint32_t n;

	if (!packed)
		return RTE_MIN(split_used(vq), (int)most);
	/* The count is limited to the buffers that the device has. */
	in_flight = virtqueue_in_flight(vq);
	most = RTE_MIN(most, in_flight);
	n = RTE_MIN(vq->used_known, most);
	ring_step(vq, &at, n, n, true);
	while (n < most && packed_is_used(vq, &at)) {
		const uint32_t descs = packed_used_step(vq, at.pos, packed_rest(&vq->ring[at.pos]));

		if (n + descs >= most)
			return most;
		n += descs;
		ring_step(vq, &at, descs, 1, true);
	}
	return n;
}

/**
 * Upper bound of buffers to pass to ring_expect(), at most `most`; 0 where the next one is not
 * used. -EPROTO.
 */
static __rte_always_inline int
ring_used_hint(const struct virtqueue *vq, uint16_t most, const bool packed)
{
	if (!packed)
		return RTE_MIN(split_used(vq), (int)most);
	if (!packed_is_used(vq, &vq->next_used) && vq->used_known == 0)
		return 0;
	return RTE_MIN(most, virtqueue_in_flight(vq));
}

/**
 * Packed: of `n` buffers, those up to the end of the last cache line that is used as a whole; 0:
 * the first line is not. A hint: only the last descriptor of each line is read. The processor
 * fetches the lines together, and the line that the device is writing is read once.
 */
static __rte_always_inline uint16_t
ring_used_lines(const struct virtqueue *vq, uint16_t n)
{
	const struct ring_view view = ring_view(vq, true);
	const uint16_t run = RTE_MIN(n, view.size - view.used_at);
	uint16_t end = PACKED_LINE - view.used_at % PACKED_LINE;
	uint16_t seen = 0;

	while (end <= run && (packed_rest(&view.packed.used[end - 1]) & PACKED_BOTH) ==
	       view.packed.used_bits) {
		seen = end;
		end += PACKED_LINE;
	}
	return seen;
}

/** Packed: whether the device has used the `n`th descriptor from the next one on; a hint. */
static __rte_always_inline bool
ring_is_used_ahead(const struct virtqueue *vq, uint16_t n)
{
	struct virtqueue_place at = vq->next_used;

	ring_step(vq, &at, n - 1, 0, true);
	return packed_is_used(vq, &at);
}

/**
 * Does for the plain way what virtqueue_unexpected() does for the general one, where ring_expect()
 * did not find what is expected. Not while there are chains, nor with IN_ORDER.
 *
 * @param i
 *   As for ring_expect(), the same since ring_view().
 * @param[out] len
 *   Length that the device reports, not checked.
 * @return
 *   The head of the `i`th used buffer, which is the one expected there afterwards. -EAGAIN: packed,
 *   it is not used. -EPROTO: the device does not have that buffer.
 */
int virtqueue_expect_another(struct virtqueue *vq, uint16_t i, uint32_t *len);

/** How many of `n` used buffers come before the end of the ring. */
static __rte_always_inline uint16_t
ring_used_run(const struct ring_view *view, uint16_t n, const bool packed)
{
	const uint16_t run = RTE_MIN(n, view->size - view->used_at);

	return packed ? run : RTE_MIN(run, view->split.used_left);
}

/**
 * Whether the plain way can be used: the device has buffers of one descriptor only, and none of
 * them is in a batch of which a part was taken.
 */
static __rte_always_inline bool
ring_is_plain(const struct virtqueue *vq)
{
	return likely((vq->chains | vq->used_known) == 0);
}

/**
 * Looks at the `i`th used buffer, which is within ring_used_run(), without taking it.
 *
 * @param[out] len
 *   Length that the device reports, not checked.
 * @return
 *   The head if it is the one expected there, else negative; packed: also where it is not used.
 */
static __rte_always_inline int
ring_expect(const struct ring_view *view, size_t i, uint32_t *len, const bool packed)
{
	uint32_t head;

	if (packed) {
		const uint64_t rest = packed_rest(&view->packed.used[i]);
		const uint16_t id = view->used_order[i];
		const uint64_t mask = PACKED_BOTH | UINT64_C(0xffff) << 32;

		*len = (uint32_t)rest;
		return likely((rest & mask) == (view->packed.used_bits | (uint64_t)id << 32)) ?
			id : -1;
	}
	head = split_read(&view->split.used[i], len);
	return likely(head == view->used_order[i]) ? (int)head : -1;
}

/** The head that is expected there. */
static __rte_always_inline uint16_t
ring_used_id(const struct ring_view *view, size_t i)
{
	return view->used_order[i];
}

/**
 * Takes `n` buffers of one descriptor after ring_expect().
 *
 * @param known
 *   Constant: some of them may be in a batch, that is in used_known.
 */
static __rte_always_inline void
ring_took(struct virtqueue *vq, uint16_t n, const bool known, const bool packed)
{
	if (known)
		vq->used_known -= RTE_MIN(n, vq->used_known);
	/* Rule 2 of struct virtqueue. */
	vq->free_count += n;
	rte_compiler_barrier();
	ring_step(vq, &vq->next_used, n, n, packed);
	/* With none taken, what was seen is still ahead. */
	if (packed && n > 0)
		vq->used_seen = 0;
}

/**
 * IN_ORDER, no chains: determines how many of `n` buffers the device has certainly used, at least
 * one, and notes them in used_known. Their entries need not be read. Split: all of them, since
 * used->idx counts the buffers of batches too (2.7.9), and the lines of entries that are never read
 * stay in the device's cache. Not for receive: the lengths are not known afterwards.
 *
 * @return
 *   How many; -EPROTO: packed, where the entry is that of no buffer which the device has.
 */
static __rte_always_inline int
ring_batch(struct virtqueue *vq, uint16_t n, const bool packed)
{
	struct virtqueue_place at = vq->next_used;
	const uint16_t in_flight = virtqueue_in_flight(vq);
	uint32_t known = vq->used_known;

	/* Split: all that is counted now, or the next entry may be in the middle of a batch. */
	if (!packed)
		known = RTE_MAX((int)n, split_used(vq));
	else
		ring_step(vq, &at, known, 0, true);
	/*
	 * Packed: all batches that are there, since a device as fast as the driver makes small
	 * ones.
	 */
	while (packed && known < n && packed_is_used(vq, &at)) {
		const uint64_t rest = packed_rest(&vq->ring[at.pos]);
		const uint32_t descs = packed_used_step(vq, at.pos, rest);

		if (unlikely((uint16_t)(rest >> 32) >= vq->size || descs > in_flight - known))
			break;
		known += descs;
		ring_step(vq, &at, descs, 0, true);
	}
	vq->used_known = known;
	return likely(known > 0) ? (int)RTE_MIN(n, known) : -EPROTO;
}

/** Cookies by head. */
static __rte_always_inline void **
ring_cookies(const struct ring_view *view)
{
	return view->cookies;
}

/** With is_identity: cookies from the next used one on. */
static __rte_always_inline void **
ring_used_cookies(const struct ring_view *view)
{
	return &view->cookies[view->used_at];
}

/* ---- used buffers, one after the other ---------------------------------------------------- */

/** A position among used buffers. */
struct ring_cursor {
	struct virtqueue_place at;
	uint16_t left;      /**< descriptors that the device has from there on */
	uint16_t known;     /**< as virtqueue.used_known, from there on */
	uint16_t unseen;    /**< packed: the last ones of `left` that ring_has() did not see used */
	uint32_t known_len;
	uint16_t end;       /**< split: used->idx, read once */
};

/**
 * The buffer that the device used at the cursor is not the one that is expected there: exchanges
 * the two in order[], or with IN_ORDER notes in the cursor the batch that ends with it.
 *
 * @param[in,out] len
 *   What the device says it wrote; of the buffer at the cursor afterwards.
 * @return
 *   0, or -EPROTO where the device does not have that buffer.
 */
int virtqueue_unexpected(struct virtqueue *vq, struct ring_cursor *cur, uint32_t id,
			 uint32_t *len);

/**
 * While there are chains: makes the descriptors of the buffer `head` contiguous in order[], from
 * the cursor on, where its head is already.
 *
 * @return
 *   How many they are, 0 where the device has no such buffer.
 */
uint16_t virtqueue_gather(struct virtqueue *vq, const struct ring_cursor *cur, uint16_t head);

/** While there are chains: clears the chain lengths between next_used and the cursor. */
void virtqueue_forget_chains(struct virtqueue *vq, const struct ring_cursor *cur);

/**
 * Sets the cursor to the next used buffer. -EPROTO: the device claims to have used more than it was
 * given.
 */
static __rte_always_inline int
ring_begin(const struct virtqueue *vq, struct ring_cursor *cur, const bool packed)
{
	const int used = packed ? 0 : split_used(vq);
	const uint16_t in_flight = virtqueue_in_flight(vq);

	*cur = (struct ring_cursor){
		.at = vq->next_used,
		.left = in_flight,
		.known = vq->used_known,
		.unseen = in_flight - vq->used_seen,
		.known_len = vq->used_known_len,
		.end = vq->next_used.idx + used,
	};
	return RTE_MIN(used, 0);
}

/** Of a packed ring, how many descriptors from the cursor on ring_has() saw used. */
static __rte_always_inline uint16_t
ring_seen(const struct ring_cursor *cur)
{
	return cur->left > cur->unseen ? cur->left - cur->unseen : 0;
}

/**
 * Whether `n` used buffers of one descriptor are there from the cursor on. In a packed ring the
 * entries that were seen used are not read again by a later call, once the cursor is committed.
 */
static __rte_always_inline bool
ring_has(const struct virtqueue *vq, struct ring_cursor *cur, uint16_t n, const bool packed)
{
	struct virtqueue_place at = cur->at;
	uint32_t seen;

	if (!packed)
		return (uint16_t)(cur->end - cur->at.idx) >= n;
	seen = RTE_MAX(cur->known, ring_seen(cur));
	seen = RTE_MIN(seen, cur->left);
	ring_step(vq, &at, seen, 0, true);
	while (seen < n && seen < cur->left && packed_is_used(vq, &at)) {
		uint32_t descs = packed_used_step(vq, at.pos, packed_rest(&vq->ring[at.pos]));

		descs = RTE_MIN(descs, cur->left - seen);
		seen += descs;
		ring_step(vq, &at, descs, 0, true);
	}
	cur->unseen = cur->left - seen;
	return seen >= n;
}

/**
 * Reads the used entry at the cursor; packed: false where it has not used it yet,
 * which used->idx says of a split ring.
 */
static __rte_always_inline bool
ring_read(const struct virtqueue *vq, const struct ring_cursor *cur, uint32_t *id, uint32_t *len,
	  const bool packed)
{
	if (packed) {
		const uint64_t rest = packed_rest(&vq->ring[cur->at.pos]);

		*len = (uint32_t)rest;
		*id = (uint16_t)(rest >> 32);
		return (rest & PACKED_BOTH) == (cur->at.wrap ? PACKED_BOTH : 0);
	}
	*id = split_read(&vq->used->ring[cur->at.idx & vq->mask], len);
	return true;
}

/**
 * The next used buffer. After an error the cursor is where it was.
 *
 * @param[out] len
 *   Length that the device reports, not checked.
 * @return
 *   Its head, below size and with a valid cookie. -EAGAIN: none is used. -EPROTO: the device does
 *   not have that buffer; the ring is to be taken out of service.
 */
static __rte_always_inline int
ring_next(struct virtqueue *vq, struct ring_cursor *cur, uint32_t *len, const bool packed)
{
	uint16_t descs = 1;
	uint32_t id;

	if (unlikely(packed ? cur->left == 0 : cur->at.idx == cur->end))
		return -EAGAIN;
	if (unlikely(cur->known > 0)) {
		*len = cur->known == 1 ? cur->known_len : vq->conf.buf_len;
	} else {
		if (!ring_read(vq, cur, &id, len, packed))
			return -EAGAIN;
		if (unlikely(id != vq->order[cur->at.pos]) &&
		    virtqueue_unexpected(vq, cur, id, len) != 0)
			return -EPROTO;
	}
	id = vq->order[cur->at.pos];
	if (unlikely(vq->chains > 0))
		descs = virtqueue_gather(vq, cur, id);
	if (unlikely(descs == 0))
		return -EPROTO;
	cur->known -= cur->known > 0;
	cur->left -= descs;
	ring_step(vq, &cur->at, descs, 1, packed);
	return id;
}

/** Takes all buffers before the cursor. */
static __rte_always_inline void
ring_commit(struct virtqueue *vq, const struct ring_cursor *cur)
{
	if (unlikely(vq->chains > 0))
		virtqueue_forget_chains(vq, cur);
	vq->used_known = cur->known;
	vq->used_known_len = cur->known_len;
	vq->used_seen = ring_seen(cur);
	/* Rule 2 of struct virtqueue. */
	vq->free_count = vq->size - cur->left;
	rte_compiler_barrier();
	vq->next_used = cur->at;
}

/**
 * Takes one used buffer; there must be one.
 *
 * @return
 *   The cookie. NULL: the device does not have that buffer, or has used none; nothing was taken.
 */
static inline void *
ring_pop(struct virtqueue *vq, uint32_t *len, const bool packed)
{
	struct ring_cursor cur;
	int head;

	if (ring_begin(vq, &cur, packed) != 0)
		return NULL;
	head = ring_next(vq, &cur, len, packed);
	if (unlikely(head < 0))
		return NULL;
	ring_commit(vq, &cur);
	return vq->cookies[head];
}

/* ---- available buffers -------------------------------------------------------------------- */

/** How many of `n` places to fill come before the end of the ring. */
static __rte_always_inline uint16_t
ring_free_run(const struct ring_view *view, uint16_t n)
{
	return RTE_MIN(n, view->size - view->avail_at);
}

/** The head of the next buffer. */
static __rte_always_inline uint16_t
ring_free_id(const struct ring_view *view)
{
	return view->avail_order[0];
}

/** Writes the descriptor of the `i`th place from `view` on, whose head is `id`. */
static __rte_always_inline void
ring_place_desc(const struct ring_view *view, size_t i, size_t id, uint64_t addr, uint32_t len,
		uint16_t flags, const bool packed)
{
	if (packed)
		packed_desc(&view->packed.avail[i], addr, len, id,
			    view->packed.avail_flags | flags);
	else
		split_desc(&view->split.desc[id], addr, len, flags, 0);
}

/**
 * Fills the `i`th place with a buffer of one descriptor. The place is free and before the end of
 * the ring. To be followed by ring_pushed().
 */
static __rte_always_inline void
ring_place(const struct ring_view *view, size_t i, void *cookie, uint64_t addr, uint32_t len,
	   uint16_t flags, const bool packed)
{
	const size_t id = view->avail_order[i];

	view->cookies[id] = cookie;
	ring_place_desc(view, i, id, addr, len, flags, packed);
}

/**
 * The same with is_identity, but for the cookie, which the caller stores in ring_free_cookies()[i].
 */
static __rte_always_inline void
ring_place_at(const struct ring_view *view, size_t i, uint64_t addr, uint32_t len, uint16_t flags,
	      const bool packed)
{
	ring_place_desc(view, i, view->avail_at + i, addr, len, flags, packed);
}

/** With is_identity: cookies from the next place to fill on. */
static __rte_always_inline void **
ring_free_cookies(const struct ring_view *view)
{
	return &view->cookies[view->avail_at];
}

/** Accounts for `n` places that were filled; split: the device sees them at ring_publish(). */
static __rte_always_inline void
ring_pushed(struct virtqueue *vq, uint16_t n, const bool packed)
{
	/* Rule 1 of struct virtqueue. */
	rte_compiler_barrier();
	vq->free_count -= n;
	if (packed)
		vq->notified_at += n;
	else
		split_avail(vq, n);
	ring_step(vq, &vq->next_avail, n, n, packed);
}

/** Makes a buffer of one descriptor available; one must be free. */
static __rte_always_inline void
ring_push(struct virtqueue *vq, void *cookie, uint64_t addr, uint32_t len, uint16_t flags,
	  const bool packed)
{
	const struct ring_view view = ring_view(vq, packed);

	ring_place(&view, 0, cookie, addr, len, flags, packed);
	ring_pushed(vq, 1, packed);
}

/** A buffer of several descriptors that is being made available. */
struct ring_chain {
	struct virtqueue_place at; /**< the next descriptor's */
	uint16_t head;
	uint16_t count;
	uint16_t done;
	uint16_t first_flags;      /**< packed */
};

/**
 * Begins a buffer of several descriptors.
 *
 * @param n
 *   At least 1 and at most vq->free_count: the caller compares before.
 */
static inline struct ring_chain
ring_chain_begin(const struct virtqueue *vq, uint16_t n)
{
	RTE_ASSERT(n > 0 && n <= vq->free_count);
	return (struct ring_chain){
		.at = vq->next_avail, .head = vq->order[vq->next_avail.pos], .count = n,
	};
}

/** Adds the next descriptor; the flag NEXT is set here. */
static inline void
ring_chain_add(struct virtqueue *vq, struct ring_chain *chain, uint64_t addr, uint32_t len,
	       uint16_t flags, const bool packed)
{
	const struct virtqueue_place at = chain->at;
	const uint16_t id = vq->order[at.pos];
	uint16_t next;

	vq->cookies[id] = NULL;
	ring_step(vq, &chain->at, 1, 0, packed);
	next = vq->order[chain->at.pos];
	vq->links[id].next = next;
	if (++chain->done < chain->count)
		flags |= VRING_DESC_F_NEXT;
	if (!packed) {
		split_desc(&vq->desc[id], addr, len, flags, next);
		return;
	}
	flags = packed_flags(flags, at.wrap);
	if (chain->done > 1) {
		packed_desc(&vq->ring[at.pos], addr, len, chain->head, flags);
		return;
	}
	/* The flags of the first make the whole chain available (2.8.21.1): at the end. */
	vq->ring[at.pos].addr = addr;
	vq->ring[at.pos].len = len;
	vq->ring[at.pos].id = chain->head;
	chain->first_flags = flags;
}

/** Makes the buffer available; split: the device sees it at ring_publish(). */
static inline void
ring_chain_end(struct virtqueue *vq, const struct ring_chain *chain, void *cookie,
	       const bool packed)
{
	vq->cookies[chain->head] = cookie;
	vq->links[chain->head].count = chain->count;
	vq->chains += chain->count > 1;
	if (packed) {
		/* All other descriptors of the chain first: packed_publish_chain.litmus. */
		virtqueue_store_release(&vq->ring[vq->next_avail.pos].flags, chain->first_flags);
		vq->notified_at += chain->count;
	} else {
		vq->avail->ring[vq->next_avail.idx & vq->mask] = chain->head;
		/* From here on, index and place differ. */
		if (chain->count > 1)
			vq->rewrite = vq->size;
	}
	/* Rule 1 of struct virtqueue. */
	rte_compiler_barrier();
	vq->free_count -= chain->count;
	ring_step(vq, &vq->next_avail, chain->count, 1, packed);
}

/* ---- notifications ------------------------------------------------------------------------ */

/** Publishes available buffers. In a packed ring they are visible already. */
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
