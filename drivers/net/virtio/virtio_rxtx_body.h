/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VIRTIO_RXTX_BODY_H
#define VIRTIO_RXTX_BODY_H

/**
 * @file
 * The data path, once: virtio_rxtx_split.c and virtio_rxtx_packed.c make functions of it with the
 * layout as a constant.
 *
 * Receive: each descriptor is one buffer, header right before the frame; a frame fills one buffer
 * or, with MRG_RXBUF, several used ones in a row. Transmit: a frame takes one descriptor, with the
 * header in its headroom or with an indirect table in the ring's memory; a chain of descriptors
 * only where neither will do, and from then on the ring is out of step (virtqueue.h).
 *
 * Invariants: a burst works between enter and leave of the gate and takes the ring from the queue
 * once. It looks at used buffers one by one and takes all of them together at its end; what was not
 * taken is still the device's. Whatever the device wrote is checked before use; on a lie the ring
 * is quarantined, and packets that were good are still delivered. Counters are for packets handed
 * to the application or taken from it.
 */

#include <string.h>

#include <rte_mempool.h>

#include "virtio_rxtx.h"
#include "virtio_rxtx_common.h"
#include "virtqueue_ring.h"

#define RX_BULK 64

/* ---- receive ------------------------------------------------------------------------------ */

/* Posts `n` buffers; so many descriptors are free. */
static __rte_always_inline void
rx_post(const struct virtio_rxq *rxq, struct virtqueue *vq, struct rte_mbuf **bufs, uint16_t n,
	const bool packed)
{
	const uint32_t buf_len = rxq->buf_len;

	while (n > 0) {
		const struct ring_view view = ring_view(vq, packed);
		const uint16_t run = ring_free_run(&view, n, packed);
		unsigned int i;

		for (i = 0; i < run; i++)
			ring_place(&view, i, bufs[i],
				   virtio_mbuf_addr(bufs[i],
						    RTE_PKTMBUF_HEADROOM - VIRTIO_HDR_SIZE),
				   buf_len, VRING_DESC_F_WRITE, packed);
		ring_pushed(vq, run, packed);
		bufs += run;
		n -= run;
	}
}

/* The pool has not got a whole bulk: take what there is, or a ring that is empty stays so. */
static __rte_noinline uint16_t
rx_fill_scarce(struct virtio_rxq *rxq, struct virtqueue *vq, uint16_t want, const bool packed)
{
	uint16_t got = 0;
	void *obj;

	while (got < want && rte_mempool_get(rxq->pool, &obj) == 0) {
		struct rte_mbuf *m = obj;

		rx_post(rxq, vq, &m, 1, packed);
		got++;
	}
	rxq->counters.no_mbuf += want - got;
	return got;
}

/* Posts buffers while at least `least` descriptors are free. Published, not notified. */
static __rte_always_inline uint16_t
rx_refill(struct virtio_rxq *rxq, struct virtqueue *vq, uint16_t least, const bool packed)
{
	struct rte_mbuf *bulk[RX_BULK];
	uint16_t posted = 0;

	while (vq->free_count >= least && vq->free_count > 0) {
		const uint16_t n = RTE_MIN(vq->free_count, RX_BULK);

		if (unlikely(rte_mempool_get_bulk(rxq->pool, (void **)bulk, n) != 0)) {
			posted += rx_fill_scarce(rxq, vq, n, packed);
			break;
		}
		rx_post(rxq, vq, bulk, n, packed);
		posted += n;
	}
	if (posted > 0)
		ring_publish(vq, packed);
	return posted;
}

/* Makes an mbuf of a buffer: one segment of `len` bytes, which begin after the header. */
static __rte_always_inline void
rx_fill_mbuf(struct rte_mbuf *m, uint64_t rearm, uint64_t ol_flags, uint32_t len)
{
	virtio_mbuf_rearm(m, rearm);
	m->ol_flags = ol_flags;
	m->packet_type = 0;
	m->pkt_len = len;
	m->data_len = len;
}

/* Where the frame of a buffer just received begins. */
static __rte_always_inline const uint8_t *
rx_frame(const struct rte_mbuf *m)
{
	return (const uint8_t *)m->buf_addr + RTE_PKTMBUF_HEADROOM;
}

/*
 * Chains the `rest` other buffers of a frame, used ones from the `i`th on, to its first. Returns
 * how many are good; fewer than `rest`, with the frame freed, where the device lies.
 */
static __rte_always_inline uint16_t
rx_chain_rest(struct virtio_rxq *rxq, struct virtqueue *vq, struct rte_mbuf *first,
	      const struct ring_view *view, uint16_t i, uint16_t rest, const bool packed)
{
	struct rte_mbuf *last = first;
	uint16_t n;

	for (n = 0; n < rest; n++) {
		uint32_t len;
		const int head = ring_look(vq, view, i + n, &len, packed);
		struct rte_mbuf *m;

		if (unlikely(head < 0 || len > rxq->buf_len)) {
			rte_pktmbuf_free(first);
			break;
		}
		m = ring_cookies(view, packed)[head];
		rx_fill_mbuf(m, rxq->rearm, rxq->ol_flags, len);
		/* Only the first buffer has a header (5.1.6.4). */
		m->data_off -= VIRTIO_HDR_SIZE;
		first->pkt_len += len;
		first->nb_segs++;
		last->next = m;
		last = m;
	}
	return n;
}

/* Buffers of the frame that begins in m. 0: they are not all there yet, or the device lies. */
static __rte_always_inline uint16_t
rx_buffers(struct virtio_rxq *rxq, const struct virtqueue *vq, const struct rte_mbuf *m,
	   uint16_t waiting)
{
	/* Read once: the device could write it while we look. */
	const uint16_t buffers = __atomic_load_n(&virtio_rx_hdr(m)->num_buffers, __ATOMIC_RELAXED);

	if (unlikely(buffers == 0 || buffers > vq->size)) {
		virtio_quarantine(&rxq->q, "a frame of no or too many buffers");
		return 0;
	}
	return buffers > waiting ? 0 : buffers;
}

/* What is received of a burst, in any shape, from used_next on. */
static __rte_noinline uint16_t
rx_any(struct virtio_rxq *rxq, struct rte_mbuf **pkts, uint16_t n, const bool mergeable,
       const bool packed)
{
	struct virtqueue *vq = rxq->q.vq;
	const struct ring_view view = ring_view(vq, packed);
	/* All there are: one frame may fill more buffers than frames are wanted. */
	const int used = ring_used(vq, UINT16_MAX, packed);
	uint16_t taken = 0;
	uint16_t nb = 0;

	while (nb < n && taken < used) {
		struct rte_mbuf *m;
		uint16_t buffers = 1;
		uint16_t rest;
		uint32_t len;
		const int head = ring_look(vq, &view, taken, &len, packed);

		if (unlikely(head < 0)) {
			virtio_quarantine(&rxq->q, "used id that the device does not own");
			break;
		}
		if (unlikely(len > rxq->buf_len)) {
			virtio_quarantine(&rxq->q, "used length beyond the buffer");
			break;
		}
		m = ring_cookies(&view, packed)[head];
		if (mergeable) {
			buffers = rx_buffers(rxq, vq, m, used - taken);
			if (buffers == 0)
				break;
		}
		taken++;
		rx_fill_mbuf(m, rxq->rearm, rxq->ol_flags,
			     len < VIRTIO_HDR_SIZE ? 0 : len - VIRTIO_HDR_SIZE);
		rest = rx_chain_rest(rxq, vq, m, &view, taken, buffers - 1, packed);
		taken += rest;
		if (unlikely(rest < buffers - 1)) {
			rxq->counters.errors++;
			virtio_quarantine(&rxq->q, "bad entry within a frame");
			break;
		}
		if (unlikely(len < VIRTIO_HDR_SIZE + RTE_ETHER_HDR_LEN)) {
			/* No frame: dropped, as upstream does. */
			rxq->counters.errors++;
			rte_pktmbuf_free(m);
			continue;
		}
		rxq->counters.bytes += m->pkt_len;
		virtio_count(&rxq->counters, rx_frame(m), m->pkt_len);
		pkts[nb++] = m;
	}
	ring_took(vq, taken, packed);
	return nb;
}

/*
 * The front of a burst as nearly all are: frames of one buffer, in the order posted, as far as the
 * end of the ring.
 */
static __rte_always_inline uint16_t
rx_plain(struct virtio_rxq *rxq, struct rte_mbuf **pkts, uint16_t n, const bool mergeable,
	 const bool packed)
{
	struct virtqueue *vq = rxq->q.vq;
	const struct ring_view view = ring_view(vq, packed);
	const uint64_t rearm = rxq->rearm;
	const uint64_t ol_flags = rxq->ol_flags;
	const uint32_t longest = rxq->buf_len - VIRTIO_HDR_SIZE - RTE_ETHER_HDR_LEN;
	const unsigned int run = ring_used_run(&view, n, packed);
	uint64_t bytes = 0;
	unsigned int i;

	for (i = 0; i < run; i++) {
		struct rte_mbuf *m;
		uint32_t len;
		const int head = ring_expect(&view, i, &len, packed);

		/* Too short or too long, in one comparison. */
		if (unlikely(head < 0 || len - VIRTIO_HDR_SIZE - RTE_ETHER_HDR_LEN > longest))
			break;
		m = ring_cookies(&view, packed)[head];
		if (mergeable && unlikely(virtio_rx_hdr(m)->num_buffers != 1))
			break;
		len -= VIRTIO_HDR_SIZE;
		rx_fill_mbuf(m, rearm, ol_flags, len);
		bytes += len;
		virtio_count(&rxq->counters, rx_frame(m), len);
		pkts[i] = m;
	}
	ring_took(vq, i, packed);
	rxq->counters.bytes += bytes;
	return i;
}

static __rte_always_inline uint16_t
rx_burst(struct virtio_rxq *rxq, struct rte_mbuf **pkts, uint16_t n, const bool mergeable,
	 const bool packed)
{
	struct virtqueue *vq = rxq->q.vq;
	const int used = ring_used_hint(vq, n, packed);
	uint16_t nb = 0;

	if (unlikely(used < 0)) {
		virtio_quarantine(&rxq->q, "used index beyond what was made available");
		return 0;
	}
	if (used > 0) {
		nb = rx_plain(rxq, pkts, used, mergeable, packed);
		/* Over the end of the ring, or something that is not plain, or nothing more. */
		if (nb < used)
			nb += rx_plain(rxq, pkts + nb, used - nb, mergeable, packed);
		if (unlikely(nb < used))
			nb += rx_any(rxq, pkts + nb, n - nb, mergeable, packed);
		rxq->counters.packets += nb;
	}
	/* Also when nothing came: a pool that was empty may have buffers again. */
	if (vq->free_count >= rxq->free_thresh &&
	    rx_refill(rxq, vq, rxq->free_thresh, packed) > 0 &&
	    unlikely(ring_must_notify(vq, packed)))
		virtqueue_notify(vq);
	return nb;
}

static __rte_always_inline uint16_t
rx_burst_gated(struct virtio_rxq *rxq, struct rte_mbuf **pkts, uint16_t n, const bool mergeable,
	       const bool packed)
{
	uint16_t nb;

	if (unlikely(rxq == NULL) || !virtio_gate_enter(&rxq->q.gate))
		return 0;
	nb = rx_burst(rxq, pkts, n, mergeable, packed);
	virtio_gate_leave(&rxq->q.gate);
	return nb;
}

static __rte_always_inline uint32_t
rx_unread(const struct virtio_rxq *rxq, const bool packed)
{
	struct virtqueue *vq = rxq->q.vq;
	const struct ring_view view = ring_view(vq, packed);
	const int used = ring_used(vq, UINT16_MAX, packed);
	uint32_t packets = 0;
	int i = 0;

	while (i < used) {
		uint32_t ignored;
		const int head = ring_look(vq, &view, i, &ignored, packed);
		uint16_t buffers = 1;

		if (head < 0)
			break;
		if (rxq->mergeable)
			buffers = virtio_rx_hdr(ring_cookies(&view, packed)[head])->num_buffers;
		packets++;
		i += RTE_MAX(buffers, 1);
	}
	return packets;
}

/* ---- transmit reclaim --------------------------------------------------------------------- */

/*
 * Takes used buffers, at most `n`, as packets: in the order posted, as far as the end of the ring.
 */
static __rte_always_inline unsigned int
tx_take_plain(struct virtqueue *vq, struct rte_mbuf **pkts, unsigned int n, const bool packed)
{
	const struct ring_view view = ring_view(vq, packed);
	const unsigned int run = ring_used_run(&view, n, packed);
	unsigned int i;

	for (i = 0; i < run; i++) {
		uint32_t ignored; /* the device writes nothing into these */
		const int head = ring_expect(&view, i, &ignored, packed);

		if (unlikely(head < 0))
			break;
		pkts[i] = ring_cookies(&view, packed)[head];
	}
	ring_took(vq, i, packed);
	return i;
}

/* Takes one used buffer, whichever it is. 1, or -EPROTO where the device lies. */
static __rte_noinline int
tx_take_any(struct virtqueue *vq, struct rte_mbuf **pkt, const bool packed)
{
	uint32_t ignored;

	*pkt = ring_pop(vq, &ignored, packed);
	return likely(*pkt != NULL) ? 1 : -EPROTO;
}

/* Frees up to `most` packets that the device has sent. How many, or -EPROTO on a bad ring. */
static __rte_always_inline int
tx_complete(struct virtio_txq *txq, uint32_t most, const bool packed)
{
	struct virtqueue *vq = txq->q.vq;
	struct rte_mbuf *pkts[VIRTIO_FREE_BULK];
	uint32_t done = 0;

	for (;;) {
		const int used = ring_used_hint(vq, RTE_MIN(most - done, VIRTIO_FREE_BULK), packed);
		int n = 0;

		if (unlikely(used < 0)) {
			virtio_quarantine(&txq->q, "used index beyond what was made available");
			return used;
		}
		if (used == 0)
			return done;
		if (likely(vq->in_step))
			n = tx_take_plain(vq, pkts, used, packed);
		if (unlikely(n == 0))
			n = tx_take_any(vq, pkts, packed);
		if (unlikely(n < 0)) {
			virtio_quarantine(&txq->q, "used id that the device does not own");
			return n;
		}
		virtio_free_packets(pkts, n);
		done += n;
	}
}

/* ---- transmit ----------------------------------------------------------------------------- */

static __rte_always_inline struct virtio_tx_slot *
tx_slot(const struct virtqueue *vq, uint16_t id)
{
	return (struct virtio_tx_slot *)(void *)vq->slot_area + id;
}

/* What is to be sent of a packet before its segments, or with the first of them. */
struct tx_front {
	uint64_t addr;
	uint32_t len;
};

static __rte_always_inline void
tx_push_hdr(const struct rte_mbuf *m)
{
	/* By bytes: the data may start anywhere. */
	memset(rte_pktmbuf_mtod_offset(m, void *, -(int)VIRTIO_HDR_SIZE), 0, VIRTIO_HDR_SIZE);
}

/* The header, in front of the first segment's data where it can be pushed there. */
static __rte_always_inline struct tx_front
tx_front(struct virtqueue *vq, uint16_t id, const struct rte_mbuf *m, bool push)
{
	struct virtio_tx_slot *slot = tx_slot(vq, id);

	if (push) {
		tx_push_hdr(m);
		return (struct tx_front){ virtio_mbuf_addr(m, m->data_off - VIRTIO_HDR_SIZE),
					  m->data_len + VIRTIO_HDR_SIZE };
	}
	slot->hdr = (struct virtio_net_hdr){ 0 };
	return (struct tx_front){ (uintptr_t)&slot->hdr, VIRTIO_HDR_SIZE };
}

/* Fills an indirect table, 2.7.5.3 and 2.8.19; returns its entries. */
static __rte_always_inline uint16_t
tx_table(struct virtio_tx_slot *slot, struct tx_front front, const struct rte_mbuf *seg,
	 const bool packed)
{
	uint16_t n = 0;

	for (;;) {
		const bool last = seg == NULL;

		if (packed)
			/* In sequence, and no flag but WRITE counts. */
			slot->packed[n] = (struct vring_packed_desc){ .addr = front.addr,
								      .len = front.len };
		else
			split_desc(&slot->table[n], front.addr, front.len,
				   last ? 0 : VRING_DESC_F_NEXT, n + 1);
		n++;
		if (last)
			return n;
		front.addr = virtio_mbuf_addr(seg, seg->data_off);
		front.len = seg->data_len;
		seg = seg->next;
	}
}

/* One ring descriptor for many. */
static __rte_always_inline void
tx_indirect(struct virtqueue *vq, struct rte_mbuf *m, bool push, const bool packed)
{
	const struct rte_mbuf *seg = push ? m->next : m;
	struct ring_chain chain;
	struct virtio_tx_slot *slot;
	uint16_t id, n;

	if (likely(vq->in_step)) {
		const struct ring_view view = ring_view(vq, packed);

		id = ring_free_id(&view, packed);
		slot = tx_slot(vq, id);
		n = tx_table(slot, tx_front(vq, id, m, push), seg, packed);
		ring_place(&view, 0, m, (uintptr_t)slot->table, n * sizeof(slot->table[0]),
			   VRING_DESC_F_INDIRECT, packed);
		ring_pushed(vq, 1, packed);
		return;
	}
	chain = ring_chain_begin(vq, 1, packed);
	id = ring_chain_head(&chain, packed);
	slot = tx_slot(vq, id);
	n = tx_table(slot, tx_front(vq, id, m, push), seg, packed);
	ring_chain_add(vq, &chain, (uintptr_t)slot->table, n * sizeof(slot->table[0]),
		       VRING_DESC_F_INDIRECT, packed);
	ring_chain_end(vq, &chain, m, packed);
}

/* A chain of ring descriptors: no table, or too many segments for one. */
static __rte_always_inline void
tx_chain(struct virtqueue *vq, struct rte_mbuf *m, uint16_t need, bool push, const bool packed)
{
	struct ring_chain chain = ring_chain_begin(vq, need, packed);
	const struct tx_front front = tx_front(vq, ring_chain_head(&chain, packed), m, push);
	const struct rte_mbuf *seg = push ? m->next : m;

	ring_chain_add(vq, &chain, front.addr, front.len, 0, packed);
	for (; seg != NULL; seg = seg->next)
		ring_chain_add(vq, &chain, virtio_mbuf_addr(seg, seg->data_off), seg->data_len, 0,
			       packed);
	ring_chain_end(vq, &chain, m, packed);
}

/*
 * The plain packets at the front of a burst, while the ring is in step and as far as its end.
 */
static __rte_always_inline uint16_t
tx_plain(struct virtio_txq *txq, struct virtqueue *vq, struct rte_mbuf **pkts, uint16_t n,
	 const bool packed)
{
	const struct ring_view view = ring_view(vq, packed);
	const unsigned int run = ring_free_run(&view, RTE_MIN(n, vq->free_count), packed);
	uint64_t bytes = 0;
	unsigned int nb;

	for (nb = 0; nb < run; nb++) {
		struct rte_mbuf *m = pkts[nb];
		const uint32_t len = m->data_len;

		if (unlikely(!virtio_tx_is_plain(m)))
			break;
		tx_push_hdr(m);
		bytes += len;
		virtio_count(&txq->counters, rte_pktmbuf_mtod(m, const uint8_t *), len);
		ring_place(&view, nb, m, virtio_mbuf_addr(m, m->data_off - VIRTIO_HDR_SIZE),
			   len + VIRTIO_HDR_SIZE, 0, packed);
	}
	ring_pushed(vq, nb, packed);
	txq->counters.packets += nb;
	txq->counters.bytes += bytes;
	return nb;
}

/* Any packet: 0, -ENOSPC where there is no room now, -EMSGSIZE where there never will be. */
static __rte_always_inline int
tx_post_any(struct virtio_txq *txq, struct virtqueue *vq, struct rte_mbuf *m, const bool packed)
{
	const bool push = virtio_tx_can_push(m);
	const uint32_t need = m->nb_segs + !push;

	if (txq->indirect && need > 1 && need <= VIRTIO_TX_TABLE) {
		if (vq->free_count == 0)
			return -ENOSPC;
		tx_indirect(vq, m, push, packed);
		return 0;
	}
	if (unlikely(need > vq->size))
		return -EMSGSIZE;
	if (need > vq->free_count && tx_complete(txq, UINT32_MAX, packed) < 0)
		return -ENOSPC;
	if (need > vq->free_count)
		return -ENOSPC;
	if (need == 1)
		ring_push(vq, m, tx_front(vq, 0, m, push).addr, m->data_len + VIRTIO_HDR_SIZE, 0,
			  packed);
	else
		tx_chain(vq, m, need, push, packed);
	return 0;
}

/* The same with the counting; false where the burst ends before this packet. */
static __rte_noinline bool
tx_any(struct virtio_txq *txq, struct virtqueue *vq, struct rte_mbuf *m, const bool packed)
{
	const uint8_t *dst = rte_pktmbuf_mtod(m, const uint8_t *);
	const uint32_t len = m->pkt_len;

	switch (tx_post_any(txq, vq, m, packed)) {
	case 0:
		txq->counters.packets++;
		txq->counters.bytes += len;
		virtio_count(&txq->counters, dst, len);
		return true;
	case -EMSGSIZE:
		/* Would wait for ever: dropped, and counted as an error. */
		txq->counters.errors++;
		rte_pktmbuf_free(m);
		return true;
	default:
		return false;
	}
}

static __rte_always_inline uint16_t
tx_burst(struct virtio_txq *txq, struct rte_mbuf **pkts, uint16_t n, const bool packed)
{
	struct virtqueue *vq = txq->q.vq;
	const uint16_t free_before = vq->free_count;
	uint16_t nb = 0;

	if (free_before < RTE_MAX(txq->free_thresh, n) &&
	    unlikely(tx_complete(txq, UINT32_MAX, packed) < 0))
		return 0;
	while (nb < n) {
		const uint16_t plain =
			likely(vq->in_step) ? tx_plain(txq, vq, pkts + nb, n - nb, packed) : 0;

		nb += plain;
		/* None: the ring is full or out of step, or the packet is not plain. */
		if (plain == 0 && !tx_any(txq, vq, pkts[nb++], packed)) {
			nb--;
			break;
		}
	}
	if (nb > 0) {
		ring_publish(vq, packed);
		if (unlikely(ring_must_notify(vq, packed)))
			virtqueue_notify(vq);
	}
	return nb;
}

static __rte_always_inline uint16_t
tx_burst_gated(struct virtio_txq *txq, struct rte_mbuf **pkts, uint16_t n, const bool packed)
{
	uint16_t nb;

	if (unlikely(txq == NULL) || !virtio_gate_enter(&txq->q.gate))
		return 0;
	nb = tx_burst(txq, pkts, n, packed);
	virtio_gate_leave(&txq->q.gate);
	return nb;
}

#endif /* VIRTIO_RXTX_BODY_H */
