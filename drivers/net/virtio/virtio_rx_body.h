/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VIRTIO_RX_BODY_H
#define VIRTIO_RX_BODY_H

/**
 * @file
 * The receive half of virtio_rxtx_body.h: used buffers become packets, and new ones are posted.
 */

#include <string.h>

#include <rte_mempool.h>

#include "virtio.h"
#include "virtio_compat.h"
#include "virtio_offload.h"
#include "virtio_rxtx.h"
#include "virtio_rxtx_common.h"
#include "virtqueue_ring.h"

#define RX_BULK 64

/*
 * What a path is compiled for; a constant wherever it counts. A vector path has functions of its
 * own for the front of a burst, as far as its packets are plain; they take or post some and say how
 * many, and the rest is done as ever.
 */
struct rx_mode {
	bool packed;
	bool mergeable; /* MRG_RXBUF is in force */
	bool offload;   /* the device may say something of offloads in a header */
	bool hash;      /* headers with HASH_REPORT; the two above are as the port says */
	bool no_dst;    /* packets are not counted by destination, so that no frame is read */
	uint16_t (*fast)(struct virtio_rxq *rxq, struct rte_mbuf **pkts, uint16_t n);
	uint16_t (*unordered)(struct virtio_rxq *rxq, struct rte_mbuf **pkts, uint16_t used,
			      uint16_t n); /* rx_unordered() of the same path, out of line */
	uint16_t (*post_fast)(const struct virtio_rxq *rxq, const struct ring_view *view,
			      struct rte_mbuf **bufs, uint16_t n);
};

/* Paths with the hash are one for all ports; of others these are constants. */
static __rte_always_inline bool
rx_is_mergeable(const struct virtio_rxq *rxq, const struct rx_mode mode)
{
	return mode.hash ? rxq->q.port->mergeable : mode.mergeable;
}

static __rte_always_inline bool
rx_has_offload(const struct virtio_rxq *rxq, const struct rx_mode mode)
{
	return mode.hash ? rxq->q.port->rx_offload : mode.offload;
}

static __rte_always_inline const struct virtio_net_hdr *
rx_hdr(const struct rte_mbuf *m, const struct rx_mode mode)
{
	return virtio_rx_hdr(m, virtio_hdr_size(mode.hash));
}

/*
 * Tells the mbuf of the hash, where there is one, 5.1.6.4.4. The report is read once and compared:
 * what a device invents, or a later specification, is none.
 */
static __rte_always_inline void
rx_hash(struct rte_mbuf *m)
{
	const struct virtio_net_hdr_hash *hdr = (const struct virtio_net_hdr_hash *)(const void *)
		virtio_rx_hdr(m, sizeof(*hdr));
	const uint16_t report = rte_le_to_cpu_16(virtqueue_load_relaxed(&hdr->hash_report));

	if (report - 1u < VIRTIO_NET_HASH_REPORT_MAX) {
		m->hash.rss = rte_le_to_cpu_32(hdr->hash_value);
		m->ol_flags |= RTE_MBUF_F_RX_RSS_HASH;
	}
}

/* Where the device is to write a header and the frame after it. */
static __rte_always_inline uint64_t
rx_addr(const struct rte_mbuf *m, uint16_t addr_at, const struct rx_mode mode)
{
	return virtio_mbuf_addr(m, addr_at, RTE_PKTMBUF_HEADROOM - virtio_hdr_size(mode.hash));
}

/* Posts `n` buffers; so many descriptors are free. */
static __rte_always_inline void
rx_post(const struct virtio_rxq *rxq, struct virtqueue *vq, struct rte_mbuf **bufs, uint16_t n,
	const struct rx_mode mode)
{
	const bool packed = mode.packed;
	const uint32_t buf_len = rxq->buf_len;
	const uint16_t addr_at = rxq->q.addr_at;

	while (n > 0) {
		const struct ring_view view = ring_view(vq, packed);
		const size_t run = ring_free_run(&view, n);
		const size_t in_a_row = likely(vq->is_identity) ? run : 0;
		size_t i = 0;

		if (mode.post_fast != NULL && in_a_row > 0)
			i = mode.post_fast(rxq, &view, bufs, run);
		for (; i < in_a_row; i++) {
			ring_free_cookies(&view)[i] = bufs[i];
			ring_place_at(&view, i, rx_addr(bufs[i], addr_at, mode), buf_len,
				      VRING_DESC_F_WRITE, packed);
		}
		for (; i < run; i++)
			ring_place(&view, i, bufs[i], rx_addr(bufs[i], addr_at, mode), buf_len,
				   VRING_DESC_F_WRITE, packed);
		ring_pushed(vq, run, packed);
		bufs += run;
		n -= run;
	}
}

/* The pool has not got a whole bulk: take what there is, or a ring that is empty stays so. */
static __rte_noinline uint16_t
rx_fill_scarce(struct virtio_rxq *rxq, struct virtqueue *vq, uint16_t want,
	       const struct rx_mode mode)
{
	uint16_t got = 0;
	void *obj;

	while (got < want && rte_mempool_get(rxq->pool, &obj) == 0) {
		struct rte_mbuf *m = obj;

		rx_post(rxq, vq, &m, 1, mode);
		got++;
	}
	rxq->counters.no_mbuf += want - got;
	if (got < want)
		virtio_event_starve(&rxq->q);
	return got;
}

/*
 * Reverses the order of buffers if most of their addresses ascend. An application that frees
 * packets as they come keeps the order in which the ring was filled, and librte_vhost writes faster
 * to descending addresses (doc/performance.md, "Order of receive buffers").
 */
static __rte_always_inline void
rx_descend(struct rte_mbuf **bufs, uint16_t n)
{
	uint16_t ascents = 0;
	uint16_t i;

	for (i = 1; i < n; i++)
		ascents += bufs[i - 1] < bufs[i];
	if (ascents <= n / 2)
		return;
	for (i = 0; i < n / 2; i++) {
		struct rte_mbuf *m = bufs[i];

		bufs[i] = bufs[n - 1 - i];
		bufs[n - 1 - i] = m;
	}
}

/*
 * Posts buffers while at least `least` descriptors are free. Published, not notified.
 *
 * filling: constant; the whole ring, at a start.
 */
static __rte_always_inline uint16_t
rx_refill(struct virtio_rxq *rxq, struct virtqueue *vq, uint16_t least, const bool filling,
	  const struct rx_mode mode)
{
	struct rte_mbuf *bulk[RX_BULK];
	uint16_t posted = 0;

	while (vq->free_count >= least && vq->free_count > 0) {
		const uint16_t n = RTE_MIN(vq->free_count, RX_BULK);
		struct rte_mbuf **bufs = virtio_pool_take(rxq->pool, bulk, n);

		if (unlikely(bufs == NULL)) {
			/* From slow_thresh on: few are missing, which is no lack of buffers yet. */
			if (mode.packed && least > 1 && vq->free_count < rxq->free_thresh)
				break;
			posted += rx_fill_scarce(rxq, vq, n, mode);
			break;
		}
		if (filling)
			rx_descend(bufs, n);
		rx_post(rxq, vq, bufs, n, mode);
		posted += n;
	}
	if (posted > 0)
		ring_publish(vq, mode.packed);
	return posted;
}

/* Makes an mbuf of a buffer: one segment of `len` bytes, which begin after the header. */
static __rte_always_inline void
rx_fill_mbuf(struct rte_mbuf *m, virtio_rearm_t rearm, uint32_t len)
{
	virtio_mbuf_rearm(m, rearm);
	/* Type, lengths, VLAN tag, hash: no buffer is so long that its length is a tag too. */
	*(virtio_fields_t *)RTE_PTR_ADD(m, offsetof(struct rte_mbuf, packet_type)) =
		(virtio_fields_t){ 0, len, len, 0 };
}

/* Where the frame of a buffer just received begins. */
static __rte_always_inline const uint8_t *
rx_frame(const struct rte_mbuf *m)
{
	return (const uint8_t *)m->buf_addr + RTE_PKTMBUF_HEADROOM;
}

/*
 * Chains the `rest` other buffers of a frame, used ones from the cursor on, to its first. Returns
 * how many are good; fewer than `rest` where the device lies, and the frame is to be freed.
 */
static __rte_always_inline uint16_t
rx_chain_rest(struct virtio_rxq *rxq, struct virtqueue *vq, struct rte_mbuf *first,
	      struct ring_cursor *cur, uint16_t rest, const struct rx_mode mode)
{
	struct rte_mbuf *last = first;
	uint16_t n;

	for (n = 0; n < rest; n++) {
		struct ring_cursor next = *cur;
		uint32_t len;
		const int head = ring_next(vq, &next, &len, mode.packed);
		struct rte_mbuf *m;

		/* Too long, or empty, in one comparison. */
		if (unlikely(head < 0 || len - 1 >= rxq->buf_len))
			break;
		*cur = next;
		m = vq->cookies[head];
		rx_fill_mbuf(m, rxq->rearm, len);
		/* Only the first buffer has a header (5.1.6.4). */
		m->data_off -= virtio_hdr_size(mode.hash);
		first->pkt_len += len;
		first->nb_segs++;
		last->next = m;
		last = m;
	}
	return n;
}

/* Buffers of the frame that begins in m, `posted` at most. 0: the device lies. */
static __rte_always_inline uint16_t
rx_buffers(struct virtio_rxq *rxq, const struct rte_mbuf *m, uint16_t posted,
	   const struct rx_mode mode)
{
	/* Read once: the device could write it while we look. */
	const uint16_t buffers = virtqueue_load_relaxed(&rx_hdr(m, mode)->num_buffers);

	/* It had them all when it used the first (5.1.6.4.1), so what is posted later is none. */
	if (unlikely(buffers == 0 || buffers > posted)) {
		virtio_queue_set_broken(&rxq->q,
					"the device used no or too many buffers for a frame");
		return 0;
	}
	return buffers;
}

/* Once after each start. */
static inline void
rx_log_scatter(struct virtio_rxq *rxq)
{
	if (rxq->scatter_logged)
		return;
	rxq->scatter_logged = true;
	VIRTIO_LOG(NOTICE, "port %u: rx queue %u: a frame is longer than a buffer and is dropped, "
		   "as are those to come. Configure RTE_ETH_RX_OFFLOAD_SCATTER, or larger buffers, "
		   "to receive them.", rxq->q.port->data->port_id, rxq->q.id);
}

/*
 * What is received of a burst, in any shape, from used_next on, up to the first frame that is not
 * to be passed on: that one is taken too, and the caller's to free.
 */
static __rte_always_inline uint16_t
rx_until_drop(struct virtio_rxq *rxq, struct rte_mbuf **pkts, uint16_t n, struct rte_mbuf **drop,
	      const struct rx_mode mode)
{
	const bool packed = mode.packed;
	const bool mergeable = rx_is_mergeable(rxq, mode);
	const bool offload = rx_has_offload(rxq, mode);
	const uint32_t hdr_size = virtio_hdr_size(mode.hash);
	struct virtqueue *vq = rxq->q.vq;
	struct ring_cursor cur, taken;
	uint16_t nb = 0;

	if (ring_begin(vq, &cur, packed) != 0)
		return 0;
	taken = cur;
	while (nb < n) {
		struct rte_mbuf *m;
		uint16_t buffers = 1;
		uint16_t rest;
		uint32_t len;
		const int head = ring_next(vq, &cur, &len, packed);

		if (head == -EAGAIN)
			break;
		if (unlikely(head < 0)) {
			virtio_queue_set_broken(&rxq->q,
					  "the device returned a used id that it does not own");
			break;
		}
		if (unlikely(len > rxq->buf_len)) {
			virtio_queue_set_broken(&rxq->q,
					  "the device returned a used length beyond the buffer");
			break;
		}
		m = vq->cookies[head];
		if (mergeable) {
			buffers = rx_buffers(rxq, m, cur.left + 1, mode);
			/* Not all there yet: its others may be on their way. */
			if (buffers == 0 ||
			    (buffers > 1 && !ring_has(vq, &taken, buffers, packed)))
				break;
		}
		rx_fill_mbuf(m, rxq->rearm, len < hdr_size ? 0 : len - hdr_size);
		rest = rx_chain_rest(rxq, vq, m, &cur, buffers - 1, mode);
		taken = cur;
		if (unlikely(rest < buffers - 1)) {
			*drop = m;
			virtio_queue_set_broken(&rxq->q,
					  "the device returned a bad used entry within a frame");
			break;
		}
		/* No frame, or one that cannot be as its header says: dropped, as upstream does. */
		if (unlikely(len < hdr_size + RTE_ETHER_HDR_LEN ||
			     (offload && virtio_rx_has_offload(rx_hdr(m, mode)) &&
			      virtio_rx_offload(rxq, m, rx_hdr(m, mode)) != 0))) {
			*drop = m;
			break;
		}
		/* The frame exceeds the MTU, and the application may not expect segments. */
		if (unlikely(buffers > 1 && !rxq->scatters)) {
			*drop = m;
			rx_log_scatter(rxq);
			break;
		}
		if (mode.hash)
			rx_hash(m);
		rxq->counters.bytes += m->pkt_len;
		virtio_count(&rxq->counters, rx_frame(m),
			     RTE_MIN(m->pkt_len, (uint32_t)UINT16_MAX), mode.no_dst);
		pkts[nb++] = m;
	}
	ring_commit(vq, &taken);
	return nb;
}

static __rte_always_inline uint16_t
rx_rest(struct virtio_rxq *rxq, struct rte_mbuf **pkts, uint16_t n, const struct rx_mode mode)
{
	uint16_t nb = 0;

	for (;;) {
		struct rte_mbuf *drop = NULL;

		nb += rx_until_drop(rxq, pkts + nb, n - nb, &drop, mode);
		if (likely(drop == NULL))
			return nb;
		rxq->counters.errors++;
		rte_pktmbuf_free(drop);
		if (virtqueue_state(rxq->q.vq) != VIRTQUEUE_LIVE)
			return nb;
	}
}

/* Out of line, so that the mode is no constant: of a path without the hash, and of one with it. */
static __rte_noinline uint16_t
rx_any(struct virtio_rxq *rxq, struct rte_mbuf **pkts, uint16_t n, const struct rx_mode mode)
{
	return rx_rest(rxq, pkts, n, (struct rx_mode){ .packed = mode.packed,
						       .mergeable = mode.mergeable,
						       .offload = mode.offload,
						       .no_dst = mode.no_dst });
}

static __rte_noinline uint16_t
rx_any_hash(struct virtio_rxq *rxq, struct rte_mbuf **pkts, uint16_t n, const bool packed)
{
	return rx_rest(rxq, pkts, n, (struct rx_mode){ .packed = packed, .hash = true });
}

/*
 * The first part of a burst as nearly all are: frames of one buffer, as far as the end of the ring.
 *
 * ordered: constant; only those that are used in the order posted.
 */
static __rte_always_inline uint16_t
rx_plain(struct virtio_rxq *rxq, struct rte_mbuf **pkts, uint16_t n, const bool ordered,
	 const struct rx_mode mode)
{
	const bool packed = mode.packed;
	struct virtqueue *vq = rxq->q.vq;
	const struct ring_view view = ring_view(vq, packed);
	const virtio_rearm_t rearm = rxq->rearm;
	const bool mergeable = rx_is_mergeable(rxq, mode);
	const bool offload = rx_has_offload(rxq, mode);
	const uint32_t hdr_size = virtio_hdr_size(mode.hash);
	const uint32_t least = hdr_size + RTE_ETHER_HDR_LEN;
	const uint32_t longest = rxq->buf_len - least;
	const size_t run = ring_is_plain(vq) ? ring_used_run(&view, n, packed) : 0;
	uint64_t bytes = 0;
	size_t i;

	for (i = 0; i < run; i++) {
		struct rte_mbuf *m;
		uint32_t len;
		int head = ring_expect(&view, i, &len, packed);

		if (!ordered && head < 0)
			head = virtqueue_expect_another(vq, i, &len);
		/* Too short or too long, in one comparison. */
		if (unlikely(head < 0 || len - least > longest))
			break;
		m = ring_cookies(&view)[head];
		if (mergeable && unlikely(rx_hdr(m, mode)->num_buffers != 1))
			break;
		len -= hdr_size;
		rx_fill_mbuf(m, rearm, len);
		if (offload && virtio_rx_has_offload(rx_hdr(m, mode)) &&
		    unlikely(virtio_rx_offload(rxq, m, rx_hdr(m, mode)) != 0))
			break;
		if (mode.hash)
			rx_hash(m);
		bytes += len;
		virtio_count(&rxq->counters, rx_frame(m), len, mode.no_dst);
		pkts[i] = m;
	}
	ring_took(vq, i, false, packed);
	rxq->counters.bytes += bytes;
	return i;
}

/* What rx_plain() in order has left of `used` buffers, and of a burst of `n` packets. */
static __rte_always_inline uint16_t
rx_unordered(struct virtio_rxq *rxq, struct rte_mbuf **pkts, uint16_t used, uint16_t n,
	     const struct rx_mode mode)
{
	struct virtqueue *vq = rxq->q.vq;
	uint16_t nb = 0;

	/* Of a packed ring `used` is how many there may be. */
	if (mode.packed && ring_used_hint(vq, n, true) <= 0)
		return 0;
	while (nb < used && !vq->in_order) {
		const uint16_t plain = rx_plain(rxq, pkts + nb, used - nb, false, mode);

		if (plain == 0)
			break;
		nb += plain;
	}
	if (nb < used)
		nb += mode.hash ? rx_any_hash(rxq, pkts + nb, n - nb, mode.packed) :
				  rx_any(rxq, pkts + nb, n - nb, mode);
	return nb;
}

/*
 * Of `used` buffers, those that a burst looks at. While packets come fast, a burst follows the
 * device closely, and each look at the line that the device is writing transfers that line. Only
 * whole lines are taken then, and the next burst takes the rest.
 */
static __rte_always_inline uint16_t
rx_whole_lines(const struct virtio_rxq *rxq, uint16_t used)
{
	uint16_t whole;

	if (rxq->last_burst <= PACKED_LINE || !ring_is_plain(rxq->q.vq))
		return used;
	whole = ring_used_lines(rxq->q.vq, used);
	return whole > 0 ? whole : used;
}

/*
 * Fewest and most buffers that bursts wait for, see struct virtio_look_ahead. The number grows by
 * one with each time that the device brings them, and falls when it does not.
 */
#define RX_AHEAD_LEAST (2 * PACKED_LINE)
#define RX_AHEAD_MOST  (8 * PACKED_LINE)

/* Buffers that a burst of `n` waits for, up to the end of a cache line; 0: it does not wait. */
static __rte_always_inline uint16_t
rx_wanted(const struct virtio_rxq *rxq, uint16_t n)
{
	const struct virtqueue *vq = rxq->q.vq;
	const uint16_t most = RTE_MIN(n, rxq->look_at);
	uint32_t end = (uint32_t)vq->next_used.pos + most;

	if (end >= vq->size)
		end -= vq->size;
	return most - RTE_MIN(most, end % PACKED_LINE);
}

/* Packed: whether to wait for the end of a cache line. */
static __rte_always_inline bool
rx_waits(struct virtio_rxq *rxq, uint16_t n)
{
	const uint16_t wanted = rx_wanted(rxq, n);

	/* The burst ends before the cache line does, so there is nothing to wait for. */
	if (wanted == 0) {
		rxq->ahead.on = false;
		return false;
	}
	if (virtio_look_ahead_waits(&rxq->ahead, rxq->q.vq, wanted))
		return true;
	if (rxq->ahead.on) {
		rxq->look_at = RTE_MIN(rxq->look_at + 1, RX_AHEAD_MOST);
	} else {
		rxq->look_at = RTE_MAX(rxq->look_at - RX_AHEAD_LEAST, RX_AHEAD_LEAST);
		rxq->last_burst = 0;
	}
	return false;
}

/*
 * Free descriptors from which on a burst of `nb` packets refills the ring. Where packets come one
 * by one, or the looking ahead has ended by its time, the bursts in between refill a packed ring: a
 * packet, and the answer to it, would have to wait while cache lines that the device has are
 * written.
 */
static __rte_always_inline uint16_t
rx_refill_from(const struct virtio_rxq *rxq, uint16_t nb, const struct rx_mode mode)
{
	if (nb > 0)
		return rxq->free_thresh;
	/*
	 * This burst may have taken the ring out of service. One that had packets before may refill
	 * it all the same, and the next stop returns these buffers: with a check there too, the
	 * round trip of a packet was measured to take a tenth longer (doc/performance.md).
	 */
	if (unlikely(virtqueue_state(rxq->q.vq) != VIRTQUEUE_LIVE))
		return UINT16_MAX;
	if (mode.packed && rxq->last_burst < PACKED_LINE)
		return rxq->slow_thresh;
	return rxq->idle_thresh;
}

static __rte_always_inline uint16_t
rx_burst(struct virtio_rxq *rxq, struct rte_mbuf **pkts, uint16_t n, const struct rx_mode mode)
{
	struct virtqueue *vq = rxq->q.vq;
	uint16_t least;
	uint16_t nb = 0;
	int used;

	if (mode.packed && rxq->ahead.on && rx_waits(rxq, n))
		return 0;
	used = ring_used_hint(vq, n, mode.packed);
	if (unlikely(used < 0)) {
		virtio_queue_set_broken(&rxq->q,
				  "the device's used index is beyond the available buffers");
		return 0;
	}
	if (used > 0) {
		if (mode.packed)
			used = rx_whole_lines(rxq, used);
		if (mode.fast != NULL)
			nb = mode.fast(rxq, pkts, used);
		if (nb < used)
			nb += rx_plain(rxq, pkts + nb, used - nb, true, mode);
		/* Over the end of the ring, or something that is not plain, or nothing more. */
		if (nb < used)
			nb += rx_plain(rxq, pkts + nb, used - nb, true, mode);
		if (unlikely(nb < used))
			nb += mode.unordered(rxq, pkts + nb, used - nb, n - nb);
		rxq->counters.packets += nb;
		if (mode.packed && nb > 0) {
			rxq->last_burst = nb;
			if (nb >= PACKED_LINE && (nb < n || rxq->ahead.on))
				virtio_look_ahead_begin(&rxq->ahead);
		}
	}
	/* Also when nothing came: a pool that was empty may have buffers again. */
	least = rx_refill_from(rxq, nb, mode);
	if (vq->free_count >= least && rx_refill(rxq, vq, least, false, mode) > 0 &&
	    unlikely(ring_must_notify(vq, mode.packed)))
		virtqueue_notify(vq);
	return nb;
}

static __rte_always_inline uint16_t
rx_burst_gated(struct virtio_rxq *rxq, struct rte_mbuf **pkts, uint16_t n,
	       const struct rx_mode mode)
{
	uint16_t nb;

	if (unlikely(rxq == NULL) || !virtio_gate_enter(&rxq->q.gate))
		return 0;
	nb = rx_burst(rxq, pkts, n, mode);
	if (unlikely(rte_atomic_load_explicit(&rxq->vlan_strip, rte_memory_order_relaxed)))
		virtio_vlan_strip(rxq, pkts, nb);
	virtio_gate_leave(&rxq->q.gate);
	return nb;
}

static __rte_always_inline uint32_t
rx_unread(const struct virtio_rxq *rxq, const struct rx_mode mode)
{
	const bool packed = mode.packed;
	struct virtqueue *vq = rxq->q.vq;
	uint32_t packets = 0;
	uint16_t rest = 0; /* other buffers of the last frame counted */
	struct ring_cursor cur;
	uint32_t ignored;
	int head;

	if (ring_begin(vq, &cur, packed) != 0)
		return 0;
	while ((head = ring_next(vq, &cur, &ignored, packed)) >= 0) {
		if (rest > 0) {
			rest--;
			continue;
		}
		packets++;
		if (rx_is_mergeable(rxq, mode))
			rest = rx_hdr(vq->cookies[head], mode)->num_buffers;
		/* A frame of no buffers counts as a frame of one. */
		rest = RTE_MAX(rest, 1) - 1;
	}
	return packets;
}

/* ---- functions of it ---------------------------------------------------------------------- */

#define VIRTIO_RX_PATH(name, ...) \
static uint16_t rx_unordered_ ## name(struct virtio_rxq *rxq, struct rte_mbuf **pkts, \
				      uint16_t used, uint16_t n); \
static const struct rx_mode rx_mode_ ## name = { \
	.unordered = rx_unordered_ ## name, __VA_ARGS__ }; \
static __rte_noinline uint16_t \
rx_unordered_ ## name(struct virtio_rxq *rxq, struct rte_mbuf **pkts, uint16_t used, uint16_t n) \
{ \
	return rx_unordered(rxq, pkts, used, n, rx_mode_ ## name); \
} \
static uint16_t \
rx_burst_ ## name(void *rxq, struct rte_mbuf **pkts, uint16_t n) \
{ \
	return rx_burst_gated(rxq, pkts, n, rx_mode_ ## name); \
} \
static uint16_t \
rx_fill_ ## name(struct virtio_rxq *rxq) \
{ \
	return rx_refill(rxq, rxq->q.vq, 1, true, rx_mode_ ## name); \
} \
static uint32_t \
rx_unread_ ## name(const struct virtio_rxq *rxq) \
{ \
	return rx_unread(rxq, rx_mode_ ## name); \
} \
static const struct virtio_rx_path rx_path_ ## name = { \
	.burst = rx_burst_ ## name, \
	.fill = rx_fill_ ## name, \
	.unread = rx_unread_ ## name, \
}

#endif /* VIRTIO_RX_BODY_H */
