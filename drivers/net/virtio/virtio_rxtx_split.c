/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Data path of split rings.
 *
 * Receive: each descriptor is one buffer, header right before the frame; a frame fills one buffer
 * or, with MRG_RXBUF, several used entries in a row. Transmit: a frame takes one descriptor, with
 * the header in its headroom or with an indirect table in the ring's memory; a chain of descriptors
 * only where neither will do, and from then on the ring is out of step (virtqueue_split.h).
 *
 * Invariants: a burst works between enter and leave of the gate and takes the ring from the queue
 * once. It looks at entries one by one and takes all of them together at its end; what was not
 * taken is still the device's. Whatever the device wrote is checked before use; on a lie the ring
 * is quarantined, and packets that were good are still delivered. Counters are for packets handed
 * to the application or taken from it.
 */

#include <string.h>

#include <rte_mempool.h>
#include <rte_prefetch.h>

#include "virtio_rxtx.h"
#include "virtio_rxtx_common.h"
#include "virtqueue_split.h"

#define RX_BULK 64

/* ---- receive ------------------------------------------------------------------------------ */

/* Writes buffers to the next `n` descriptors, which are free. */
static __rte_always_inline void
rx_place(const struct virtio_rxq *rxq, struct virtqueue *vq, struct rte_mbuf **bufs, uint16_t n)
{
	const struct split_view view = split_view(vq, true);
	const uint32_t buf_len = rxq->buf_len;
	const uint16_t slot = vq->avail_next;
	uint16_t i;

	for (i = 0; i < n; i++) {
		const uint16_t id = view.heads[(uint16_t)(slot + i) & view.mask];

		split_desc(&view.desc[id],
			   virtio_mbuf_addr(bufs[i], RTE_PKTMBUF_HEADROOM - VIRTIO_HDR_SIZE),
			   buf_len, VRING_DESC_F_WRITE);
		view.cookies[id] = bufs[i];
	}
	split_pushed(vq, n);
}

/* The pool has not got a whole bulk: take what there is, or a ring that is empty stays so. */
static __rte_noinline uint16_t
rx_fill_scarce(struct virtio_rxq *rxq, struct virtqueue *vq, uint16_t want)
{
	uint16_t got = 0;
	void *obj;

	while (got < want && rte_mempool_get(rxq->pool, &obj) == 0) {
		struct rte_mbuf *m = obj;

		rx_place(rxq, vq, &m, 1);
		got++;
	}
	rxq->counters.no_mbuf += want - got;
	return got;
}

/* Posts buffers while at least `least` descriptors are free. Published, not notified. */
static __rte_always_inline uint16_t
rx_refill(struct virtio_rxq *rxq, struct virtqueue *vq, uint16_t least)
{
	struct rte_mbuf *bulk[RX_BULK];
	uint16_t posted = 0;

	while (vq->free_count >= least && vq->free_count > 0) {
		const uint16_t n = RTE_MIN(vq->free_count, RX_BULK);

		if (unlikely(rte_mempool_get_bulk(rxq->pool, (void **)bulk, n) != 0)) {
			posted += rx_fill_scarce(rxq, vq, n);
			break;
		}
		rx_place(rxq, vq, bulk, n);
		posted += n;
	}
	if (posted > 0)
		split_publish(vq);
	return posted;
}

uint16_t
virtio_split_rx_fill(struct virtio_rxq *rxq)
{
	return rx_refill(rxq, rxq->q.vq, 1);
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
static __rte_always_inline const struct rte_ether_addr *
rx_frame(const struct rte_mbuf *m)
{
	return (const struct rte_ether_addr *)
		((const char *)m->buf_addr + RTE_PKTMBUF_HEADROOM);
}

/*
 * Chains the `rest` other buffers of a frame, used entries from `pos` on, to its first. Returns how
 * many are good; fewer than `rest`, with the frame freed, where the device lies.
 */
static uint16_t
rx_chain_rest(struct virtio_rxq *rxq, struct virtqueue *vq, struct rte_mbuf *first, uint16_t pos,
	      uint16_t rest)
{
	const struct split_view view = split_view(vq, true);
	struct rte_mbuf *last = first;
	uint16_t i;

	for (i = 0; i < rest; i++) {
		uint32_t len;
		const int head = split_look(vq, &view, pos + i, &len);
		struct rte_mbuf *m;

		if (unlikely(head < 0 || len > rxq->buf_len)) {
			rte_pktmbuf_free(first);
			break;
		}
		m = vq->cookies[head];
		rx_fill_mbuf(m, rxq->rearm, rxq->ol_flags, len);
		/* Only the first buffer has a header (5.1.6.4). */
		m->data_off -= VIRTIO_HDR_SIZE;
		first->pkt_len += len;
		first->nb_segs++;
		last->next = m;
		last = m;
	}
	return i;
}

/* Buffers of the frame that begins in m. 0: they are not all there yet, or the device lies. */
static uint16_t
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

/* What is received of a burst, in any shape, from used entry used_next on. */
static __rte_noinline uint16_t
rx_any(struct virtio_rxq *rxq, struct rte_mbuf **pkts, uint16_t n, uint16_t used, bool mergeable)
{
	struct virtqueue *vq = rxq->q.vq;
	const struct split_view view = split_view(vq, true);
	const uint16_t first = vq->used_next;
	uint16_t taken = 0;
	uint16_t nb = 0;

	while (nb < n && taken < used) {
		struct rte_mbuf *m;
		uint16_t buffers = 1;
		uint16_t rest;
		uint32_t len;
		const int head = split_look(vq, &view, first + taken, &len);

		if (unlikely(head < 0)) {
			virtio_quarantine(&rxq->q, "used id that the device does not own");
			break;
		}
		if (unlikely(len > rxq->buf_len)) {
			virtio_quarantine(&rxq->q, "used length beyond the buffer");
			break;
		}
		m = view.cookies[head];
		if (mergeable) {
			buffers = rx_buffers(rxq, vq, m, used - taken);
			if (buffers == 0)
				break;
		}
		taken++;
		rx_fill_mbuf(m, rxq->rearm, rxq->ol_flags,
			     len < VIRTIO_HDR_SIZE ? 0 : len - VIRTIO_HDR_SIZE);
		rest = rx_chain_rest(rxq, vq, m, first + taken, buffers - 1);
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
	split_took(vq, taken);
	return nb;
}

/* The front of a burst as nearly all are: frames of one buffer, in the order posted. */
static __rte_always_inline uint16_t
rx_plain(struct virtio_rxq *rxq, struct rte_mbuf **pkts, uint16_t n, const bool mergeable)
{
	struct virtqueue *vq = rxq->q.vq;
	const struct split_view view = split_view(vq, true);
	const uint64_t rearm = rxq->rearm;
	const uint64_t ol_flags = rxq->ol_flags;
	const uint32_t longest = rxq->buf_len - VIRTIO_HDR_SIZE - RTE_ETHER_HDR_LEN;
	const uint16_t first = vq->used_next;
	uint64_t bytes = 0;
	unsigned int i;

	for (i = 0; i < n; i++) {
		struct rte_mbuf *m;
		uint32_t len;
		const int head = split_expect(&view, first + i, &len);

		/* Too short or too long, in one comparison. */
		if (unlikely(head < 0 || len - VIRTIO_HDR_SIZE - RTE_ETHER_HDR_LEN > longest))
			break;
		m = view.cookies[head];
		if (mergeable && unlikely(virtio_rx_hdr(m)->num_buffers != 1))
			break;
		len -= VIRTIO_HDR_SIZE;
		rx_fill_mbuf(m, rearm, ol_flags, len);
		bytes += len;
		virtio_count(&rxq->counters, rx_frame(m), len);
		pkts[i] = m;
	}
	split_took(vq, i);
	rxq->counters.bytes += bytes;
	return i;
}

static __rte_always_inline uint16_t
rx_burst(struct virtio_rxq *rxq, struct rte_mbuf **pkts, uint16_t n, const bool mergeable)
{
	struct virtqueue *vq = rxq->q.vq;
	const int used = split_used(vq);
	uint16_t nb = 0;

	if (unlikely(used < 0)) {
		virtio_quarantine(&rxq->q, "used index beyond what was made available");
		return 0;
	}
	if (used > 0) {
		nb = rx_plain(rxq, pkts, RTE_MIN(used, n), mergeable);
		if (unlikely(nb < used && nb < n))
			nb += rx_any(rxq, pkts + nb, n - nb, used - nb, mergeable);
		rxq->counters.packets += nb;
	}
	/* Also when nothing came: a pool that was empty may have buffers again. */
	if (vq->free_count >= rxq->free_thresh && rx_refill(rxq, vq, rxq->free_thresh) > 0 &&
	    unlikely(split_must_notify(vq)))
		virtqueue_notify(vq);
	return nb;
}

static __rte_always_inline uint16_t
rx_burst_gated(struct virtio_rxq *rxq, struct rte_mbuf **pkts, uint16_t n, const bool mergeable)
{
	uint16_t nb;

	if (unlikely(rxq == NULL) || !virtio_gate_enter(&rxq->q.gate))
		return 0;
	nb = rx_burst(rxq, pkts, n, mergeable);
	virtio_gate_leave(&rxq->q.gate);
	return nb;
}

uint16_t
virtio_split_rx_burst(void *rxq, struct rte_mbuf **pkts, uint16_t n)
{
	return rx_burst_gated(rxq, pkts, n, false);
}

uint16_t
virtio_split_rx_burst_mergeable(void *rxq, struct rte_mbuf **pkts, uint16_t n)
{
	return rx_burst_gated(rxq, pkts, n, true);
}

/* ---- transmit reclaim --------------------------------------------------------------------- */

/* Takes `n` entries in step, one buffer each, as packets. Returns how many were good. */
static __rte_always_inline unsigned int
tx_take_in_step(struct virtqueue *vq, struct rte_mbuf **pkts, unsigned int n)
{
	const struct split_view view = split_view(vq, true);
	const uint16_t first = vq->used_next;
	unsigned int i;

	for (i = 0; i < n; i++) {
		uint32_t ignored; /* the device writes nothing into these */
		const int head = split_look(vq, &view, first + i, &ignored);

		if (unlikely(head < 0))
			break;
		pkts[i] = view.cookies[head];
	}
	split_took(vq, i);
	return i;
}

static __rte_noinline unsigned int
tx_take_chains(struct virtqueue *vq, struct rte_mbuf **pkts, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		uint32_t ignored;

		pkts[i] = split_pop(vq, true, &ignored);
		if (unlikely(pkts[i] == NULL))
			break;
	}
	return i;
}

int
virtio_split_tx_complete(struct virtio_txq *txq, uint32_t most)
{
	struct virtqueue *vq = txq->q.vq;
	struct rte_mbuf *pkts[VIRTIO_FREE_BULK];
	int used = split_used(vq);
	int done = 0;

	if (unlikely(used < 0)) {
		virtio_quarantine(&txq->q, "used index beyond what was made available");
		return -EPROTO;
	}
	used = RTE_MIN((uint32_t)used, most);
	while (done < used) {
		const unsigned int n = RTE_MIN(used - done, VIRTIO_FREE_BULK);
		const unsigned int good = likely(vq->in_step) ? tx_take_in_step(vq, pkts, n) :
								tx_take_chains(vq, pkts, n);

		virtio_free_packets(pkts, good);
		done += good;
		if (unlikely(good < n)) {
			virtio_quarantine(&txq->q, "used id that the device does not own");
			return -EPROTO;
		}
	}
	return used;
}

/* ---- transmit ----------------------------------------------------------------------------- */

static __rte_always_inline struct virtio_tx_slot *
tx_slot(const struct virtqueue *vq, uint16_t id)
{
	return (struct virtio_tx_slot *)(void *)vq->slot_area + id;
}

/* What is to be sent of a packet beside its segments. */
struct tx_front {
	uint64_t addr;
	uint32_t len;
	bool pushed; /* the header is in front of the first segment's data */
};

static __rte_always_inline void
tx_push_hdr(const struct rte_mbuf *m)
{
	/* By bytes: the data may start anywhere. */
	memset(rte_pktmbuf_mtod_offset(m, void *, -(int)VIRTIO_HDR_SIZE), 0, VIRTIO_HDR_SIZE);
}

/* First descriptor of a packet: its header, with the first segment where that can be. */
static __rte_always_inline struct tx_front
tx_front(struct virtqueue *vq, uint16_t id, const struct rte_mbuf *m, bool push)
{
	struct tx_front front = { .pushed = push };

	if (push) {
		tx_push_hdr(m);
		front.addr = virtio_mbuf_addr(m, m->data_off - VIRTIO_HDR_SIZE);
		front.len = m->data_len + VIRTIO_HDR_SIZE;
	} else {
		struct virtio_tx_slot *slot = tx_slot(vq, id);

		slot->hdr = (struct virtio_net_hdr){ 0 };
		front.addr = (uintptr_t)&slot->hdr;
		front.len = VIRTIO_HDR_SIZE;
	}
	return front;
}

/* One ring descriptor for many: 2.7.5.3. */
static void
tx_indirect(struct virtqueue *vq, struct rte_mbuf *m, bool push)
{
	const uint16_t id = split_take(vq);
	const struct tx_front front = tx_front(vq, id, m, push);
	struct vring_desc *table = tx_slot(vq, id)->table;
	const struct rte_mbuf *seg = push ? m->next : m;
	uint16_t n = 0;

	table[n].addr = front.addr;
	table[n].len = front.len;
	for (; seg != NULL; seg = seg->next) {
		table[n].flags = VRING_DESC_F_NEXT;
		table[n].next = n + 1;
		n++;
		table[n].addr = virtio_mbuf_addr(seg, seg->data_off);
		table[n].len = seg->data_len;
	}
	table[n++].flags = 0;

	vq->desc[id].addr = (uintptr_t)table;
	vq->desc[id].len = n * sizeof(*table);
	vq->desc[id].flags = VRING_DESC_F_INDIRECT;
	vq->cookies[id] = m;
	split_offer(vq, id);
}

/* A chain of ring descriptors: no table, or too many segments for one. */
static void
tx_chain(struct virtqueue *vq, struct rte_mbuf *m, bool push)
{
	const uint16_t head = split_take(vq);
	const struct tx_front front = tx_front(vq, head, m, push);
	const struct rte_mbuf *seg = push ? m->next : m;
	uint16_t id = head;
	uint16_t n = 1;

	vq->desc[id].addr = front.addr;
	vq->desc[id].len = front.len;
	for (; seg != NULL; seg = seg->next) {
		const uint16_t next = split_take(vq);

		vq->desc[id].flags = VRING_DESC_F_NEXT;
		vq->desc[id].next = next;
		vq->links[id].next = next;
		id = next;
		vq->desc[id].addr = virtio_mbuf_addr(seg, seg->data_off);
		vq->desc[id].len = seg->data_len;
		n++;
	}
	vq->desc[id].flags = 0;
	vq->links[head].count = n;
	vq->cookies[head] = m;
	split_offer(vq, head);
}

/* A packet that is not one segment with its header in front. 0, -ENOSPC: no room now. */
static __rte_noinline int
tx_general(struct virtio_txq *txq, struct virtqueue *vq, struct rte_mbuf *m)
{
	const bool push = virtio_tx_can_push(m);
	const uint32_t need = m->nb_segs + !push;

	if (txq->indirect && need > 1 && need <= VIRTIO_TX_TABLE) {
		if (vq->free_count == 0)
			return -ENOSPC;
		tx_indirect(vq, m, push);
		return 0;
	}
	if (unlikely(need > vq->size)) {
		/* Would wait for ever: dropped, and counted as an error. */
		txq->counters.errors++;
		rte_pktmbuf_free(m);
		return 0;
	}
	if (need > vq->free_count)
		virtio_split_tx_complete(txq, UINT32_MAX);
	if (need > vq->free_count)
		return -ENOSPC;
	tx_chain(vq, m, push);
	return 0;
}

/* The plain packets at the front of a burst, while the ring is in step. */
static __rte_always_inline uint16_t
tx_plain(struct virtio_txq *txq, struct virtqueue *vq, struct rte_mbuf **pkts, uint16_t n)
{
	const struct split_view view = split_view(vq, true);
	const uint16_t slot = vq->avail_next;
	uint64_t bytes = 0;
	uint16_t nb;

	n = RTE_MIN(n, vq->free_count);
	for (nb = 0; nb < n; nb++) {
		struct rte_mbuf *m = pkts[nb];
		const uint16_t id = view.heads[(uint16_t)(slot + nb) & view.mask];
		const uint32_t len = m->data_len;

		if (unlikely(!virtio_tx_is_plain(m)))
			break;
		tx_push_hdr(m);
		split_desc(&view.desc[id], virtio_mbuf_addr(m, m->data_off - VIRTIO_HDR_SIZE),
			   len + VIRTIO_HDR_SIZE, 0);
		view.cookies[id] = m;
		bytes += len;
		virtio_count(&txq->counters, rte_pktmbuf_mtod(m, const struct rte_ether_addr *),
			     len);
	}
	split_pushed(vq, nb);
	txq->counters.packets += nb;
	txq->counters.bytes += bytes;
	return nb;
}

/* Any packet; 0 or -ENOSPC. */
static __rte_always_inline int
tx_any(struct virtio_txq *txq, struct virtqueue *vq, struct rte_mbuf *m)
{
	const uint64_t errors = txq->counters.errors;
	int ret = 0;

	if (!virtio_tx_is_plain(m)) {
		ret = tx_general(txq, vq, m);
	} else if (vq->free_count == 0) {
		ret = -ENOSPC;
	} else {
		tx_push_hdr(m);
		split_push(vq, m, virtio_mbuf_addr(m, m->data_off - VIRTIO_HDR_SIZE),
			   m->data_len + VIRTIO_HDR_SIZE, 0);
	}
	if (ret == 0 && txq->counters.errors == errors) {
		virtio_count(&txq->counters, rte_pktmbuf_mtod(m, const struct rte_ether_addr *),
			     m->pkt_len);
		txq->counters.bytes += m->pkt_len;
		txq->counters.packets++;
	}
	return ret;
}

static __rte_always_inline uint16_t
tx_burst(struct virtio_txq *txq, struct rte_mbuf **pkts, uint16_t n)
{
	struct virtqueue *vq = txq->q.vq;
	const uint16_t before = vq->avail_next;
	uint16_t nb = 0;

	if (vq->free_count < RTE_MAX(txq->free_thresh, n) &&
	    unlikely(virtio_split_tx_complete(txq, UINT32_MAX) < 0))
		return 0;
	while (nb < n) {
		if (likely(vq->in_step))
			nb += tx_plain(txq, vq, pkts + nb, n - nb);
		if (likely(nb == n) || tx_any(txq, vq, pkts[nb]) != 0)
			break;
		nb++;
	}
	if (vq->avail_next != before) {
		split_publish(vq);
		if (unlikely(split_must_notify(vq)))
			virtqueue_notify(vq);
	}
	return nb;
}

uint16_t
virtio_split_tx_burst(void *queue, struct rte_mbuf **pkts, uint16_t n)
{
	struct virtio_txq *txq = queue;
	uint16_t nb;

	if (unlikely(txq == NULL) || !virtio_gate_enter(&txq->q.gate))
		return 0;
	nb = tx_burst(txq, pkts, n);
	virtio_gate_leave(&txq->q.gate);
	return nb;
}

/* ---- for the control side ----------------------------------------------------------------- */

uint32_t
virtio_split_rx_unread(const struct virtio_rxq *rxq)
{
	struct virtqueue *vq = rxq->q.vq;
	const struct split_view view = split_view(vq, true);
	const int used = split_used(vq);
	uint32_t packets = 0;
	int i = 0;

	while (i < used) {
		uint32_t ignored;
		const int head = split_look(vq, &view, vq->used_next + i, &ignored);
		uint16_t buffers = 1;

		if (head < 0)
			break;
		if (rxq->mergeable)
			buffers = RTE_MAX(virtio_rx_hdr(vq->cookies[head])->num_buffers, 1);
		packets++;
		i += buffers;
	}
	return packets;
}
