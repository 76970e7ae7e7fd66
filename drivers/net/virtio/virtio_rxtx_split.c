/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Data path of split rings.
 *
 * Receive: each descriptor is one buffer, header right before the frame; a frame fills one buffer
 * or, with MRG_RXBUF, several used entries in a row. Transmit: a frame takes one descriptor, with
 * the header in its headroom or with an indirect table in the ring's memory; a chain of descriptors
 * only where neither will do.
 *
 * Invariants: a burst works between enter and leave of the gate and takes the ring from the queue
 * once. Indices are stepped before what they name is judged. Whatever the device wrote is checked
 * before use; on a lie the ring is quarantined, and packets already taken are still delivered.
 * Counters are for packets handed to the application or taken from it.
 */

#include <rte_mempool.h>
#include <rte_prefetch.h>

#include "virtio_rxtx.h"
#include "virtio_rxtx_common.h"
#include "virtqueue_split.h"

#define RX_BULK 64

/* ---- receive ------------------------------------------------------------------------------ */

static __rte_always_inline void
rx_push(struct virtio_rxq *rxq, struct virtqueue *vq, struct rte_mbuf *m)
{
	split_push(vq, m, virtio_mbuf_addr(m, RTE_PKTMBUF_HEADROOM - VIRTIO_HDR_SIZE),
		   rxq->buf_len, VRING_DESC_F_WRITE);
}

/* The pool has not got a whole bulk: take what there is, or a ring that is empty stays so. */
static __rte_noinline uint16_t
rx_fill_scarce(struct virtio_rxq *rxq, struct virtqueue *vq, uint16_t want)
{
	uint16_t got = 0;
	void *obj;

	while (got < want && rte_mempool_get(rxq->pool, &obj) == 0) {
		rx_push(rxq, vq, obj);
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
		uint16_t i;

		if (unlikely(rte_mempool_get_bulk(rxq->pool, (void **)bulk, n) != 0)) {
			posted += rx_fill_scarce(rxq, vq, n);
			break;
		}
		for (i = 0; i < n; i++)
			rx_push(rxq, vq, bulk[i]);
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

/* Makes an mbuf of a buffer into which the device wrote so much, the header included. */
static __rte_always_inline void
rx_fill_mbuf(const struct virtio_rxq *rxq, struct rte_mbuf *m, uint32_t len)
{
	virtio_mbuf_rearm(m, rxq->rearm);
	m->ol_flags = rxq->ol_flags;
	m->packet_type = 0;
	m->pkt_len = len - VIRTIO_HDR_SIZE;
	m->data_len = len - VIRTIO_HDR_SIZE;
}

/*
 * Chains the rest of a frame of several buffers to its first. Returns false, with everything freed,
 * where the device lies.
 */
static __rte_noinline bool
rx_take_rest(struct virtio_rxq *rxq, struct virtqueue *vq, struct rte_mbuf *head, uint16_t rest)
{
	struct rte_mbuf *last = head;

	head->nb_segs = rest + 1;
	while (rest-- > 0) {
		uint32_t len;
		struct rte_mbuf *m = split_pop(vq, false, &len);

		if (unlikely(m == NULL || len > rxq->buf_len)) {
			if (m != NULL)
				rte_mbuf_raw_free(m);
			head->nb_segs -= rest + 1;
			rte_pktmbuf_free(head);
			return false;
		}
		virtio_mbuf_rearm(m, rxq->rearm);
		/* Only the first buffer has a header (5.1.6.4). */
		m->data_off -= VIRTIO_HDR_SIZE;
		m->ol_flags = rxq->ol_flags;
		m->pkt_len = len;
		m->data_len = len;
		head->pkt_len += len;
		last->next = m;
		last = m;
	}
	return true;
}

static __rte_always_inline uint16_t
rx_burst(struct virtio_rxq *rxq, struct rte_mbuf **pkts, uint16_t n, const bool mergeable)
{
	struct virtqueue *vq = rxq->q.vq;
	int used = split_used(vq);
	uint16_t nb = 0;

	if (unlikely(used < 0)) {
		virtio_quarantine(&rxq->q, "used index beyond what was made available");
		return 0;
	}
	while (nb < n && used > 0) {
		uint32_t len;
		struct rte_mbuf *m = split_pop(vq, false, &len);
		uint16_t buffers = 1;

		if (unlikely(m == NULL)) {
			virtio_quarantine(&rxq->q, "used id that the device does not own");
			break;
		}
		if (unlikely(len > rxq->buf_len)) {
			rte_mbuf_raw_free(m);
			virtio_quarantine(&rxq->q, "used length beyond the buffer");
			break;
		}
		if (mergeable) {
			/* Read once: the device could write it while we look. */
			buffers = __atomic_load_n(&virtio_rx_hdr(m)->num_buffers, __ATOMIC_RELAXED);
			if (unlikely(buffers == 0 || buffers > vq->size)) {
				rte_mbuf_raw_free(m);
				virtio_quarantine(&rxq->q, "a frame of no or too many buffers");
				break;
			}
			if (unlikely(buffers > used)) {
				/* The rest is not there yet. */
				split_unpop(vq, m);
				break;
			}
		}
		used -= buffers;
		if (unlikely(len < VIRTIO_HDR_SIZE + RTE_ETHER_HDR_LEN)) {
			/* No frame: dropped, as upstream does, and its other buffers with it. */
			rx_fill_mbuf(rxq, m, VIRTIO_HDR_SIZE);
			rxq->counters.errors++;
			if (mergeable && buffers > 1 && !rx_take_rest(rxq, vq, m, buffers - 1)) {
				virtio_quarantine(&rxq->q, "bad entry within a frame");
				break;
			}
			rte_pktmbuf_free(m);
			continue;
		}
		rx_fill_mbuf(rxq, m, len);
		if (mergeable && unlikely(buffers > 1) &&
		    !rx_take_rest(rxq, vq, m, buffers - 1)) {
			rxq->counters.errors++;
			virtio_quarantine(&rxq->q, "bad entry within a frame");
			break;
		}
		virtio_count(&rxq->counters, m);
		pkts[nb++] = m;
	}
	rxq->counters.packets += nb;
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

int
virtio_split_tx_complete(struct virtio_txq *txq, uint32_t most)
{
	struct virtqueue *vq = txq->q.vq;
	struct virtio_free_run run;
	int used = split_used(vq);
	int i;

	run.n = 0;
	run.pool = NULL;
	if (unlikely(used < 0)) {
		virtio_quarantine(&txq->q, "used index beyond what was made available");
		return -EPROTO;
	}
	used = RTE_MIN((uint32_t)used, most);
	for (i = 0; i < used; i++) {
		uint32_t ignored; /* the device writes nothing into these */
		struct rte_mbuf *m = split_pop(vq, true, &ignored);

		if (unlikely(m == NULL)) {
			virtio_quarantine(&txq->q, "used id that the device does not own");
			break;
		}
		virtio_free_add(&run, m);
	}
	virtio_free_flush(&run);
	return i < used ? -EPROTO : used;
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
	struct virtio_net_hdr *hdr = rte_pktmbuf_mtod_offset(m, struct virtio_net_hdr *,
							     -(int)VIRTIO_HDR_SIZE);

	*hdr = (struct virtio_net_hdr){ 0 };
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

static __rte_always_inline uint16_t
tx_burst(struct virtio_txq *txq, struct rte_mbuf **pkts, uint16_t n)
{
	struct virtqueue *vq = txq->q.vq;
	const uint16_t before = vq->avail_next;
	uint64_t errors = txq->counters.errors;
	uint16_t nb;

	if (vq->free_count < RTE_MAX(txq->free_thresh, n) &&
	    unlikely(virtio_split_tx_complete(txq, UINT32_MAX) < 0))
		return 0;
	for (nb = 0; nb < n; nb++) {
		struct rte_mbuf *m = pkts[nb];

		if (likely(m->nb_segs == 1 && virtio_tx_can_push(m))) {
			if (unlikely(vq->free_count == 0))
				break;
			tx_push_hdr(m);
			split_push(vq, m, virtio_mbuf_addr(m, m->data_off - VIRTIO_HDR_SIZE),
				   m->data_len + VIRTIO_HDR_SIZE, 0);
		} else if (tx_general(txq, vq, m) != 0) {
			break;
		} else if (unlikely(txq->counters.errors != errors)) {
			errors = txq->counters.errors;
			continue;
		}
		virtio_count(&txq->counters, m);
		txq->counters.packets++;
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
	const struct virtqueue *vq = rxq->q.vq;
	const int used = split_used(vq);
	uint32_t packets = 0;
	int i = 0;

	while (i < used) {
		const uint32_t id = vq->used->ring[(uint16_t)(vq->used_next + i) & vq->mask].id;
		uint16_t buffers = 1;

		if (id >= vq->size || vq->cookies[id] == NULL)
			break;
		if (rxq->mergeable)
			buffers = RTE_MAX(virtio_rx_hdr(vq->cookies[id])->num_buffers, 1);
		packets++;
		i += buffers;
	}
	return packets;
}
