/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VIRTIO_TX_BODY_H
#define VIRTIO_TX_BODY_H

/**
 * @file
 * The transmit half of virtio_rxtx_body.h: packets are made available, and freed when used.
 */

#include <string.h>

#include <rte_mempool.h>

#include "virtio.h"
#include "virtio_offload.h"
#include "virtio_rxtx.h"
#include "virtio_rxtx_common.h"
#include "virtqueue_ring.h"

/* As struct rx_mode. */
struct tx_mode {
	bool packed;
	bool offload;   /* headers have offload fields */
	bool hash;      /* headers with HASH_REPORT; the one above is as the port says */
	bool no_dst;    /* as in struct rx_mode */
	uint16_t (*fast)(struct virtio_txq *txq, struct rte_mbuf **pkts, uint16_t n);
	/* known: all of them are used for certain, and their entries not to be read. */
	uint16_t (*free_fast)(struct virtqueue *vq, uint16_t n, const bool known);
};

/* ---- transmit reclaim --------------------------------------------------------------------- */

/* Most packets that are taken before they are given to their pool. */
#define TX_FREE_BULK 64u

/* Packets of several pools, or not to be put there as they are: in runs as far as they go. */
static __rte_noinline void
tx_free_mixed(struct rte_mbuf **pkts, unsigned int n)
{
	unsigned int first = 0; /* of the run that goes back next */
	unsigned int i;

	for (i = 0; i < n; i++) {
		struct rte_mbuf *m = pkts[i];
		const bool simple = virtio_mbuf_is_simple(m);

		if (i > first && (!simple || m->pool != pkts[first]->pool)) {
			rte_mempool_put_bulk(pkts[first]->pool, (void **)&pkts[first], i - first);
			first = i;
		}
		if (!simple) {
			rte_pktmbuf_free(m);
			first = i + 1;
		}
	}
	if (n > first)
		rte_mempool_put_bulk(pkts[first]->pool, (void **)&pkts[first], n - first);
}

/*
 * Takes used buffers of one descriptor, at most `n`, and then frees their packets, as far as the
 * end of the ring. A queue's packets may come from several pools, also where the application says
 * that they do not (its pool may have been swapped).
 *
 * ordered: constant; only those that are used in the order posted.
 * known: constant; all of them are used for certain, and their entries not to be read.
 */
static __rte_always_inline unsigned int
tx_free_plain(struct virtqueue *vq, unsigned int n, const bool ordered, const bool known,
	      const bool packed)
{
	const struct ring_view view = ring_view(vq, packed);
	const size_t run = ring_used_run(&view, RTE_MIN(n, TX_FREE_BULK), packed);
	struct rte_mbuf *pkts[TX_FREE_BULK];
	struct rte_mempool *pool = NULL;
	bool mixed = false;
	size_t i;

	for (i = 0; i < run; i++) {
		/* The device writes nothing into these. Only one of the two must be in memory. */
		uint32_t len, another_len;
		int head = known ? ring_used_id(&view, i) : ring_expect(&view, i, &len, packed);
		struct rte_mbuf *m;

		if (!ordered && unlikely(head < 0))
			head = virtqueue_expect_another(vq, i, &another_len);
		if (unlikely(head < 0))
			break;
		m = ring_cookies(&view)[head];
		pkts[i] = m;
		if (unlikely(m->pool != pool || !virtio_mbuf_is_simple(m))) {
			mixed |= i > 0 || !virtio_mbuf_is_simple(m);
			pool = m->pool;
		}
	}
	ring_took(vq, i, known, packed);
	if (unlikely(mixed))
		tx_free_mixed(pkts, i);
	else if (i > 0)
		rte_mempool_put_bulk(pool, (void **)pkts, i);
	return i;
}

/* IN_ORDER: frees the packets of a batch, or of one entry. */
static __rte_noinline int
tx_free_batch(struct virtqueue *vq, unsigned int n, const struct tx_mode mode)
{
	const bool packed = mode.packed;
	const int known = ring_batch(vq, n, packed);
	uint16_t done = 0;

	if (known < 0)
		return known;
	if (mode.free_fast != NULL)
		done = mode.free_fast(vq, known, true);
	return done > 0 ? done : tx_free_plain(vq, known, true, true, packed);
}

/*
 * Takes used buffers in any order and of any number of descriptors, at most `n`, and then frees
 * their packets. How many, or -EPROTO where the first entry is not valid.
 */
static __rte_noinline int
tx_free_any(struct virtqueue *vq, unsigned int n, const bool packed)
{
	struct rte_mbuf *pkts[TX_FREE_BULK];
	struct ring_cursor cur;
	unsigned int i = 0;

	if (ring_is_plain(vq) && !vq->in_order) {
		/* The layout is a constant in each loop, see the head of virtqueue_ring.h. */
		i = packed ? tx_free_plain(vq, n, false, false, true) :
			     tx_free_plain(vq, n, false, false, false);
		return i > 0 ? (int)i : -EPROTO;
	}
	if (ring_begin(vq, &cur, packed) != 0)
		return -EPROTO;
	n = RTE_MIN(n, TX_FREE_BULK);
	while (i < n) {
		uint32_t ignored;
		const int head = ring_next(vq, &cur, &ignored, packed);

		if (unlikely(head < 0))
			break;
		pkts[i++] = vq->cookies[head];
	}
	ring_commit(vq, &cur);
	tx_free_mixed(pkts, i);
	return i > 0 ? (int)i : -EPROTO;
}

/* Frees some of `used` packets that the device has sent. How many, or -EPROTO on a bad ring. */
static __rte_always_inline int
tx_free(struct virtqueue *vq, uint16_t used, const struct tx_mode mode)
{
	const bool packed = mode.packed;
	uint16_t n;

	if (unlikely(vq->chains > 0))
		return tx_free_any(vq, used, packed);
	/* Split: all in one, and no entry has to be fetched. */
	if (!packed && vq->in_order)
		return tx_free_batch(vq, used, mode);
	if (mode.free_fast != NULL) {
		n = mode.free_fast(vq, used, false);
		if (likely(n > 0))
			return n;
		/* Batches are small, and looked for at once: they are why there was no group. */
		if (packed && vq->in_order)
			return tx_free_batch(vq, used, mode);
	}
	if (likely(vq->used_known == 0)) {
		n = tx_free_plain(vq, used, true, false, packed);
		if (likely(n > 0))
			return n;
	}
	return vq->in_order ? tx_free_batch(vq, used, mode) : tx_free_any(vq, used, packed);
}

/* Frees up to `most` packets that the device has sent. How many, or -EPROTO on a bad ring. */
static __rte_always_inline int
tx_complete(struct virtio_txq *txq, uint32_t most, const struct tx_mode mode)
{
	struct virtqueue *vq = txq->q.vq;
	uint32_t done = 0;

	for (;;) {
		const uint16_t want = RTE_MIN(most - done, (uint32_t)UINT16_MAX);
		const int used = ring_used_hint(vq, want, mode.packed);
		int n;

		if (unlikely(used < 0)) {
			virtio_queue_set_broken(&txq->q, "the device's used index is beyond the "
					  "available buffers");
			return used;
		}
		if (used == 0)
			return done;
		n = tx_free(vq, used, mode);
		if (unlikely(n < 0)) {
			virtio_queue_set_broken(&txq->q,
					  "the device returned a used id that it does not own");
			return n;
		}
		done += n;
	}
}

/* ---- transmit ----------------------------------------------------------------------------- */

static __rte_always_inline struct virtio_tx_slot *
tx_slot(const struct virtqueue *vq, uint16_t id)
{
	return (struct virtio_tx_slot *)(void *)vq->slot_area + id;
}

/*
 * What the segments of a packet hold. They are counted by their chain and their own lengths:
 * nb_segs and pkt_len, which the application sets, may disagree.
 */
struct tx_extent {
	const struct rte_mbuf *first; /* segment with data in it, NULL: the packet has no byte */
	uint32_t segs;                /* those with data in them */
	uint32_t len;
};

/*
 * The first segment with data in it, from `seg` on. An empty one gets no descriptor: devices may
 * take a descriptor of length 0 for an error (QEMU's sets DEVICE_NEEDS_RESET).
 */
static __rte_always_inline const struct rte_mbuf *
tx_skip_empty(const struct rte_mbuf *seg)
{
	while (seg != NULL && unlikely(seg->data_len == 0))
		seg = seg->next;
	return seg;
}

static __rte_always_inline struct tx_extent
tx_extent(const struct rte_mbuf *m)
{
	struct tx_extent extent = { .first = tx_skip_empty(m) };
	const struct rte_mbuf *seg;

	for (seg = extent.first; seg != NULL; seg = tx_skip_empty(seg->next)) {
		extent.segs++;
		extent.len += seg->data_len;
	}
	return extent;
}

/* What is to be sent of a packet before its segments, or with the first of them. */
struct tx_hdr_part {
	uint64_t addr;
	uint32_t len;
};

/* As rx_has_offload(). */
static __rte_always_inline bool
tx_has_offload(const struct virtio_txq *txq, const struct tx_mode mode)
{
	return mode.hash ? txq->q.port->tx_offload : mode.offload;
}

/* Where in the slot's table an indirect one begins: behind the header. */
static __rte_always_inline uint16_t
tx_table_at(const struct tx_mode mode)
{
	static_assert(offsetof(struct virtio_tx_slot, table[1]) >=
		      sizeof(struct virtio_net_hdr_hash), "behind it");
	return mode.hash ? 1 : 0;
}

static __rte_always_inline struct virtio_net_hdr
tx_hdr(const struct virtio_txq *txq, const struct rte_mbuf *m, const struct tx_mode mode)
{
	if (tx_has_offload(txq, mode) && (m->ol_flags & VIRTIO_TX_OFFLOAD_FLAGS))
		return virtio_tx_offload(m);
	return (struct virtio_net_hdr){ 0 };
}

/* Writes a packet's header. By bytes: it may be at any address. */
static __rte_always_inline void
tx_write_hdr(const struct virtio_txq *txq, void *at, const struct rte_mbuf *m,
	     const struct tx_mode mode)
{
	const struct virtio_net_hdr hdr = tx_hdr(txq, m, mode);

	memcpy(at, &hdr, sizeof(hdr));
	/* The hash is the device's to tell, and zero in this direction. */
	if (mode.hash)
		memset((uint8_t *)at + sizeof(hdr), 0,
		       sizeof(struct virtio_net_hdr_hash) - sizeof(hdr));
}

/*
 * The header of a packet with nothing to say. It is looked at before it is written: most are so
 * already, and what is not written stays in the device's cache, too. Where hdr_last of the queue
 * allows it, num_buffers may be the 1 of a frame received: unused in this direction (5.1.6.2), and
 * a device that finds it there again need not write it either; to clear it costs a forwarded packet
 * four transfers of the line.
 */
static __rte_always_inline void
tx_plain_hdr(uint8_t *at, uint32_t hdr_size, uint32_t hdr_last)
{
	uint64_t first;
	uint32_t last;

	memcpy(&first, at, sizeof(first));
	memcpy(&last, at + sizeof(first), sizeof(last));
	if (unlikely((first | (last & hdr_last)) != 0) || hdr_size > VIRTIO_HDR_SIZE)
		memset(at, 0, hdr_size);
}

/* The header, in front of the first segment's data where it can be pushed there. */
static __rte_always_inline struct tx_hdr_part
tx_hdr_part(struct virtio_txq *txq, struct virtqueue *vq, uint16_t id, const struct rte_mbuf *m,
	 bool push, const struct tx_mode mode)
{
	struct virtio_tx_slot *slot = tx_slot(vq, id);
	const uint32_t hdr_size = virtio_hdr_size(mode.hash);

	if (push) {
		tx_write_hdr(txq, rte_pktmbuf_mtod_offset(m, void *, -(int)hdr_size), m, mode);
		return (struct tx_hdr_part){ virtio_mbuf_addr(m, txq->q.addr_at,
							   m->data_off - hdr_size),
					  m->data_len + hdr_size };
	}
	tx_write_hdr(txq, slot, m, mode);
	return (struct tx_hdr_part){ virtqueue_dev_addr(vq, slot), hdr_size };
}

/* Fills an indirect table, 2.7.5.3 and 2.8.19; returns its entries. */
static __rte_always_inline uint16_t
tx_table(const struct virtio_txq *txq, struct virtio_tx_slot *slot, struct tx_hdr_part hdr,
	 const struct rte_mbuf *seg, const struct tx_mode mode)
{
	const uint16_t addr_at = txq->q.addr_at;
	const uint16_t first = tx_table_at(mode);
	uint16_t n = 0;

	for (;;) {
		const bool last = seg == NULL;

		if (mode.packed)
			/* In sequence, and no flag but WRITE counts. */
			slot->packed[first + n] = (struct vring_packed_desc){ .addr = hdr.addr,
									      .len = hdr.len };
		else
			split_desc(&slot->table[first + n], hdr.addr, hdr.len,
				   last ? 0 : VRING_DESC_F_NEXT, n + 1);
		n++;
		if (last)
			return n;
		hdr.addr = virtio_mbuf_addr(seg, addr_at, seg->data_off);
		hdr.len = seg->data_len;
		seg = tx_skip_empty(seg->next);
	}
}

/* One ring descriptor for many. */
static __rte_always_inline void
tx_indirect(struct virtio_txq *txq, struct virtqueue *vq, struct rte_mbuf *m, bool push,
	    const struct tx_mode mode)
{
	const struct rte_mbuf *seg = tx_skip_empty(push ? m->next : m);
	const uint16_t first = tx_table_at(mode);
	const bool packed = mode.packed;
	const struct ring_view view = ring_view(vq, packed);
	const uint16_t id = ring_free_id(&view);
	struct virtio_tx_slot *slot = tx_slot(vq, id);
	const uint16_t n =
		tx_table(txq, slot, tx_hdr_part(txq, vq, id, m, push, mode), seg, mode);

	ring_place(&view, 0, m, virtqueue_dev_addr(vq, &slot->table[first]),
		   n * sizeof(slot->table[0]), VRING_DESC_F_INDIRECT, packed);
	ring_pushed(vq, 1, packed);
}

/* A chain of ring descriptors: no table, or too many segments for one. */
static __rte_always_inline void
tx_chain(struct virtio_txq *txq, struct virtqueue *vq, struct rte_mbuf *m, uint16_t need,
	 bool push, const struct tx_mode mode)
{
	const bool packed = mode.packed;
	struct ring_chain chain = ring_chain_begin(vq, need);
	const struct tx_hdr_part hdr = tx_hdr_part(txq, vq, chain.head, m, push, mode);
	const struct rte_mbuf *seg = tx_skip_empty(push ? m->next : m);

	ring_chain_add(vq, &chain, hdr.addr, hdr.len, 0, packed);
	for (; seg != NULL; seg = tx_skip_empty(seg->next))
		ring_chain_add(vq, &chain, virtio_mbuf_addr(seg, txq->q.addr_at, seg->data_off),
			       seg->data_len, 0, packed);
	ring_chain_end(vq, &chain, m, packed);
}

/*
 * Whether a frame of so many bytes has room before it for a header, and at least one byte: both in
 * one comparison, since one of the differences is negative else.
 */
static __rte_always_inline bool
tx_is_sendable(uint32_t data_off, uint32_t len, uint32_t hdr_size)
{
	return likely(((data_off - hdr_size) | (len - 1)) <= INT32_MAX);
}

/*
 * The plain packets at the front of a burst, as far as the end of the ring: those of one segment
 * that is not empty, with room for their header where no other mbuf could read it.
 */
static __rte_always_inline uint16_t
tx_plain(struct virtio_txq *txq, struct virtqueue *vq, struct rte_mbuf **pkts, uint16_t n,
	 const struct tx_mode mode)
{
	const uint64_t special = VIRTIO_MBUF_NOT_DIRECT |
				 (tx_has_offload(txq, mode) ? VIRTIO_TX_OFFLOAD_FLAGS : 0);
	const uint32_t hdr_size = virtio_hdr_size(mode.hash);
	const bool packed = mode.packed;
	const struct ring_view view = ring_view(vq, packed);
	const size_t run = ring_free_run(&view, RTE_MIN(n, vq->free_count));
	const uint16_t addr_at = txq->q.addr_at;
	const uint32_t hdr_last = txq->hdr_last;
	uint64_t bytes = 0;
	size_t nb;

	for (nb = 0; nb < run; nb++) {
		struct rte_mbuf *m = pkts[nb];
		const uint32_t len = m->data_len;
		const uint32_t data_off = m->data_off;
		uint8_t *frame = (uint8_t *)m->buf_addr + data_off;

		if (unlikely(!virtio_mbuf_is_single(m) || !tx_is_sendable(data_off, len, hdr_size)))
			break;
		if (likely(!(m->ol_flags & special))) {
			tx_plain_hdr(frame - hdr_size, hdr_size, hdr_last);
		} else {
			if (!virtio_mbuf_owns_data(m))
				break;
			tx_write_hdr(txq, frame - hdr_size, m, mode);
		}
		bytes += len;
		virtio_count(&txq->counters, frame, len, mode.no_dst);
		ring_place(&view, nb, m, virtio_mbuf_addr(m, addr_at, data_off - hdr_size),
			   len + hdr_size, 0, packed);
	}
	ring_pushed(vq, nb, packed);
	txq->counters.packets += nb;
	txq->counters.bytes += bytes;
	return nb;
}

/*
 * Any packet: 0, -ENOSPC where there is no room now, -EMSGSIZE where there never will be, -ENODATA
 * where there is nothing to send.
 */
static __rte_always_inline int
tx_post_any(struct virtio_txq *txq, struct virtqueue *vq, struct rte_mbuf *m,
	    const struct tx_extent *extent, const struct tx_mode mode)
{
	const uint32_t hdr_size = virtio_hdr_size(mode.hash);
	const bool push = virtio_tx_can_push(m, hdr_size);
	/* A header that is pushed in front of an empty segment has a descriptor to itself. */
	const uint32_t need = extent->segs + (!push || m->data_len == 0);
	const bool table = txq->indirect && need > 1 &&
			   need <= VIRTIO_TX_TABLE - (uint32_t)tx_table_at(mode);
	const uint32_t descs = table ? 1 : need;

	if (unlikely(extent->segs == 0))
		return -ENODATA;
	if (unlikely(descs > vq->size))
		return -EMSGSIZE;
	if (descs > vq->free_count && tx_complete(txq, RTE_MAX(descs, TX_FREE_BULK), mode) < 0)
		return -ENOSPC;
	if (descs > vq->free_count)
		return -ENOSPC;
	if (table)
		tx_indirect(txq, vq, m, push, mode);
	else if (need == 1)
		ring_push(vq, m, tx_hdr_part(txq, vq, 0, m, push, mode).addr,
			  m->data_len + hdr_size, 0, mode.packed);
	else
		tx_chain(txq, vq, m, need, push, mode);
	return 0;
}

/* The destination address of a frame whose first segment with data is shorter than that. */
static __rte_noinline void
tx_gather_dst(const struct rte_mbuf *seg, uint8_t dst[RTE_ETHER_ADDR_LEN])
{
	uint32_t done = 0;

	for (; seg != NULL && done < RTE_ETHER_ADDR_LEN; seg = seg->next) {
		const uint32_t n = RTE_MIN(seg->data_len, RTE_ETHER_ADDR_LEN - done);

		memcpy(dst + done, rte_pktmbuf_mtod(seg, const void *), n);
		done += n;
	}
	memset(dst + done, 0, RTE_ETHER_ADDR_LEN - done);
}

/* The same with the counting; false where the burst ends before this packet. */
static __rte_always_inline bool
tx_one(struct virtio_txq *txq, struct virtqueue *vq, struct rte_mbuf *m, const struct tx_mode mode)
{
	const struct tx_extent extent = tx_extent(m);
	uint8_t bytes[RTE_ETHER_ADDR_LEN];
	const uint8_t *dst = bytes;

	if (unlikely(extent.first == NULL || extent.first->data_len < RTE_ETHER_ADDR_LEN))
		tx_gather_dst(extent.first, bytes);
	else
		dst = rte_pktmbuf_mtod(extent.first, const uint8_t *);
	switch (tx_post_any(txq, vq, m, &extent, mode)) {
	case 0:
		txq->counters.packets++;
		txq->counters.bytes += extent.len;
		virtio_count(&txq->counters, dst, RTE_MIN(extent.len, (uint32_t)UINT16_MAX),
			     mode.no_dst);
		return true;
	case -ENODATA:
	case -EMSGSIZE:
		/* No later burst could send it: dropped, and counted as an error. */
		txq->counters.errors++;
		rte_pktmbuf_free(m);
		return true;
	default:
		return false;
	}
}

/* As rx_any() and rx_any_hash(). */
static __rte_noinline bool
tx_any_plain(struct virtio_txq *txq, struct virtqueue *vq, struct rte_mbuf *m,
	     const struct tx_mode mode)
{
	struct tx_mode without = mode;

	without.hash = false;
	return tx_one(txq, vq, m, without);
}

static __rte_noinline bool
tx_any_hash(struct virtio_txq *txq, struct virtqueue *vq, struct rte_mbuf *m, const bool packed)
{
	return tx_one(txq, vq, m, (struct tx_mode){ .packed = packed, .hash = true });
}

static __rte_always_inline bool
tx_any(struct virtio_txq *txq, struct virtqueue *vq, struct rte_mbuf *m, const struct tx_mode mode)
{
	return mode.hash ? tx_any_hash(txq, vq, m, mode.packed) : tx_any_plain(txq, vq, m, mode);
}

/* Packed: whether to wait for the device, struct virtio_look_ahead. */
static __rte_always_inline bool
tx_waits(struct virtio_txq *txq)
{
	const struct virtqueue *vq = txq->q.vq;

	/*
	 * With IN_ORDER a device may leave descriptors as they are. So bursts wait for half of the
	 * time, in which a fast device sends no more than the shortest of these rings.
	 */
	if (vq->in_order && ring_is_plain(vq))
		return virtio_look_ahead_goes_on(&txq->ahead, txq->ahead.cycles / 2);
	return virtio_look_ahead_waits(&txq->ahead, vq, vq->size - VIRTIO_TX_AHEAD_LEFT);
}

/*
 * Frees packets for a burst of `n`, up to `room` places, or waits for the device. How many packets
 * the burst is to try, or -EPROTO on a bad ring.
 */
static __rte_always_inline int
tx_make_room(struct virtio_txq *txq, uint16_t n, uint16_t room, const struct tx_mode mode)
{
	struct virtqueue *vq = txq->q.vq;

	if (mode.packed && txq->ahead.on && tx_waits(txq))
		return RTE_MIN(n, vq->free_count);
	if (unlikely(tx_complete(txq, room, mode) < 0))
		return -EPROTO;
	if (mode.packed && (vq->free_count < n || txq->ahead.on))
		virtio_look_ahead_begin(&txq->ahead);
	/* Also where none is free: a packet that can never be sent is dropped all the same. */
	return n;
}

static __rte_always_inline uint16_t
tx_burst(struct virtio_txq *txq, struct rte_mbuf **pkts, uint16_t n, const struct tx_mode mode)
{
	struct virtqueue *vq = txq->q.vq;
	const uint16_t room = RTE_MAX(txq->free_thresh, n);
	uint16_t nb = 0;

	/*
	 * No more than that: a device at work uses others meanwhile, and a driver that follows it
	 * closely takes each cache line that the device is about to write.
	 */
	if (vq->free_count < room) {
		const int most = tx_make_room(txq, n, room, mode);

		if (unlikely(most <= 0))
			return 0;
		n = most;
	}
	if (mode.fast != NULL)
		nb = mode.fast(txq, pkts, n);
	while (nb < n) {
		const uint16_t plain = tx_plain(txq, vq, pkts + nb, n - nb, mode);

		nb += plain;
		/* None: the ring is full, or the packet is not plain. */
		if (plain == 0 && !tx_any(txq, vq, pkts[nb++], mode)) {
			nb--;
			break;
		}
	}
	if (nb > 0) {
		ring_publish(vq, mode.packed);
		if (unlikely(ring_must_notify(vq, mode.packed)))
			virtqueue_notify(vq);
	}
	return nb;
}

static __rte_always_inline uint16_t
tx_burst_gated(struct virtio_txq *txq, struct rte_mbuf **pkts, uint16_t n,
	       const struct tx_mode mode)
{
	uint16_t nb;

	if (unlikely(txq == NULL) || !virtio_gate_enter(&txq->q.gate))
		return 0;
	nb = tx_burst(txq, pkts, n, mode);
	virtio_gate_leave(&txq->q.gate);
	return nb;
}

/* One packet, by the thread that has the gate; false: no room. */
static __rte_always_inline bool
tx_post(struct virtio_txq *txq, struct rte_mbuf *m, const struct tx_mode mode)
{
	struct virtqueue *vq = txq->q.vq;

	if (!tx_any(txq, vq, m, mode))
		return false;
	ring_publish(vq, mode.packed);
	if (ring_must_notify(vq, mode.packed))
		virtqueue_notify(vq);
	return true;
}

/* ---- functions of it ---------------------------------------------------------------------- */

#define VIRTIO_TX_PATH(name, ...) \
static const struct tx_mode tx_mode_ ## name = { __VA_ARGS__ }; \
static uint16_t \
tx_burst_ ## name(void *txq, struct rte_mbuf **pkts, uint16_t n) \
{ \
	return tx_burst_gated(txq, pkts, n, tx_mode_ ## name); \
} \
static int \
tx_complete_ ## name(struct virtio_txq *txq, uint32_t most) \
{ \
	return tx_complete(txq, most, tx_mode_ ## name); \
} \
static bool \
tx_post_ ## name(struct virtio_txq *txq, struct rte_mbuf *m) \
{ \
	return tx_post(txq, m, tx_mode_ ## name); \
} \
static const struct virtio_tx_path tx_path_ ## name = { \
	.burst = tx_burst_ ## name, \
	.complete = tx_complete_ ## name, \
	.post = tx_post_ ## name, \
}

#endif /* VIRTIO_TX_BODY_H */
