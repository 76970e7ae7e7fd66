/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * Data paths of both layouts on arm64 with NEON: four buffers at once, see virtio_rxtx_vector.h.
 * One barrier orders what is read or written of four packed descriptors, in place of four.
 */

#include <arm_neon.h>

#include "virtio_rxtx_vector.h"

#define GROUP 4

static_assert(RTE_BYTE_ORDER == RTE_LITTLE_ENDIAN, "the ring's own");

static __rte_always_inline bool
all_true(uint32x4_t lanes)
{
	return vminvq_u32(lanes) == UINT32_MAX;
}

/* Places `at` to at + 3. */
static __rte_always_inline uint32x4_t
four_places(uint32_t at)
{
	return vaddq_u32(vdupq_n_u32(at), (uint32x4_t){ 0, 1, 2, 3 });
}

/* Second halves, length, id and flags, of two packed descriptors in a row. */
static __rte_always_inline uint32x4_t
two_rests(const struct vring_packed_desc *desc)
{
	/* The elements of this load are eight bytes each, and each is read at once. */
	return vreinterpretq_u32_u64(vld2q_u64((const uint64_t *)(const void *)desc).val[1]);
}

/*
 * Four used entries from the ith on: which of them are used and of the buffers expected there, and
 * what was written.
 */
static __rte_always_inline uint32x4_t
four_used(const struct ring_view *view, size_t i, const bool packed, uint32x4_t *len)
{
	const uint32x4_t places = four_places(view->used_at + i);

	if (packed) {
		const uint32x4_t first = two_rests(&view->packed.used[i]);
		const uint32x4_t second = two_rests(&view->packed.used[i + 2]);
		const uint32x4_t mask = vdupq_n_u32(PACKED_BOTH >> 32 | UINT16_MAX);
		const uint32x4_t bits = vdupq_n_u32(view->packed.used_bits >> 32);

		/*
		 * Pairs with the device's releases of these flags, as in packed_rest();
		 * packed_mixed.litmus.
		 */
		virtqueue_fence_acquire();
		*len = vuzp1q_u32(first, second);
		return vceqq_u32(vandq_u32(vuzp2q_u32(first, second), mask),
				 vorrq_u32(bits, places));
	} else {
		const uint32x4x2_t entries = vld2q_u32(
			(const uint32_t *)(const void *)&view->split.used[i]);

		*len = entries.val[1];
		return vceqq_u32(entries.val[0], places);
	}
}

/* Fills four places from the ith on; `flags` are those beside the packed layout's own. */
static __rte_always_inline void
four_place(const struct ring_view *view, size_t i, const uint64_t addr[GROUP],
	   const uint32_t len[GROUP], uint16_t flags, const bool packed)
{
	unsigned int k;

	if (packed) {
		struct vring_packed_desc *desc = &view->packed.avail[i];
		const uint64_t rest = (uint64_t)(view->packed.avail_flags | flags) << 48 |
				      (uint64_t)(view->avail_at + i) << 32;

		for (k = 0; k < GROUP; k++)
			desc[k].addr = addr[k];
		/*
		 * Pairs with the device's acquires of these flags: the addresses first (2.8.21.1;
		 * packed_mixed.litmus).
		 */
		virtqueue_fence_release();
		for (k = 0; k < GROUP; k++)
			virtqueue_store_relaxed(packed_rest_at(&desc[k]),
						(rest + ((uint64_t)k << 32)) | len[k]);
	} else {
		uint64_t *desc = (uint64_t *)(void *)&view->split.desc[view->avail_at + i];

		for (k = 0; k < GROUP; k++) {
			const uint64x2_t halves = { addr[k], len[k] | (uint64_t)flags << 32 };

			vst1q_u64(desc + 2 * k, halves);
		}
	}
}

/* ---- receive ------------------------------------------------------------------------------ */

/* packet_type, pkt_len, data_len and the VLAN tag after them, of the kth of four lengths. */
static __rte_always_inline uint8x16_t
mbuf_fields(uint32x4_t len, unsigned int k)
{
	const uint8_t at = 4 * k;
	const uint8x16_t lane = { 255, 255, 255, 255, at, at + 1, at + 2, at + 3,
				  at, at + 1, 255, 255, 255, 255, 255, 255 };

	return vqtbl1q_u8(vreinterpretq_u8_u32(len), lane);
}

/* Whether a header is that of a frame of one buffer with nothing to say. */
static __rte_always_inline bool
is_plain(const struct rte_mbuf *m, const struct rx_mode mode)
{
	const struct virtio_net_hdr *hdr = virtio_rx_hdr(m, VIRTIO_HDR_SIZE);

	return (!mode.mergeable || hdr->num_buffers == 1) &&
	       (!mode.offload || !virtio_rx_has_offload(hdr));
}

static __rte_always_inline uint16_t
rx_vector(struct virtio_rxq *rxq, struct rte_mbuf **pkts, uint16_t n, const struct rx_mode mode)
{
	struct virtqueue *vq = rxq->q.vq;
	const struct ring_view view = ring_view(vq, mode.packed);
	const size_t run = RTE_ALIGN_FLOOR(ring_used_run(&view, n, mode.packed), GROUP);
	struct rte_mbuf **cookies = (struct rte_mbuf **)ring_used_cookies(&view);
	const uint32x4_t least = vdupq_n_u32(VIRTIO_HDR_SIZE + RTE_ETHER_HDR_LEN);
	const uint32x4_t longest =
		vdupq_n_u32(rxq->buf_len - VIRTIO_HDR_SIZE - RTE_ETHER_HDR_LEN);
	const uint32x4_t header = vdupq_n_u32(VIRTIO_HDR_SIZE);
	const virtio_rearm_t rearm = rxq->rearm;
	struct virtio_counters *counters = &rxq->counters;
	uint64x2_t bytes = vdupq_n_u64(0);
	size_t i;

	if (!vq->is_identity || !ring_is_plain(vq))
		return 0;
	for (i = 0; i < run; i += GROUP) {
		struct rte_mbuf **m = &cookies[i];
		uint32x4_t len, good;
		uint32_t lens[GROUP];
		unsigned int k;

		good = four_used(&view, i, mode.packed, &len);
		/* Too short or too long, in one comparison. */
		good = vandq_u32(good, vcleq_u32(vsubq_u32(len, least), longest));
		if (unlikely(!all_true(good)))
			break;
		if (unlikely(!is_plain(m[0], mode) || !is_plain(m[1], mode) ||
			     !is_plain(m[2], mode) || !is_plain(m[3], mode)))
			break;
		len = vsubq_u32(len, header);
		bytes = vpadalq_u32(bytes, len);
		vst1q_u32(lens, len);
		for (k = 0; k < GROUP; k++) {
			struct rte_mbuf *buf = m[k];
			const uint8_t *frame = rx_frame(buf);

			pkts[i + k] = buf;
			virtio_mbuf_rearm(buf, rearm);
			vst1q_u8((uint8_t *)RTE_PTR_ADD(
				buf, offsetof(struct rte_mbuf, packet_type)), mbuf_fields(len, k));
			virtio_count(counters, frame, lens[k], mode.no_dst);
		}
	}
	counters->bytes += vaddvq_u64(bytes);
	ring_took(vq, i, false, mode.packed);
	return i;
}

static __rte_always_inline uint16_t
post_vector(const struct virtio_rxq *rxq, const struct ring_view *view, struct rte_mbuf **bufs,
	    uint16_t n, const bool packed)
{
	struct rte_mbuf **cookies = (struct rte_mbuf **)ring_free_cookies(view);
	const size_t run = RTE_ALIGN_FLOOR(n, GROUP);
	const uint16_t addr_at = rxq->q.addr_at;
	const uint32_t buf_len = rxq->buf_len;
	const uint32_t len[GROUP] = { buf_len, buf_len, buf_len, buf_len };
	size_t i;

	for (i = 0; i < run; i += GROUP) {
		uint64_t addr[GROUP];
		unsigned int k;

		for (k = 0; k < GROUP; k++) {
			cookies[i + k] = bufs[i + k];
			addr[k] = virtio_mbuf_addr(bufs[i + k], addr_at,
						   RTE_PKTMBUF_HEADROOM - VIRTIO_HDR_SIZE);
		}
		four_place(view, i, addr, len, VRING_DESC_F_WRITE, packed);
	}
	return run;
}

/* ---- transmit ----------------------------------------------------------------------------- */

static_assert(offsetof(struct rte_mbuf, data_len) ==
	      offsetof(struct rte_mbuf, data_off) + 3 * sizeof(uint64_t), "in the second load");

/* Sixteen bytes of an mbuf, from data_off on, and the sixteen after them. */
static __rte_always_inline uint16x8x2_t
mbuf_words(const struct rte_mbuf *m)
{
	const uint16_t *at =
		(const uint16_t *)RTE_PTR_ADD(m, offsetof(struct rte_mbuf, data_off));

	return (uint16x8x2_t){ { vld1q_u16(at), vld1q_u16(at + 8) } };
}

/*
 * Whether each of four packets has one reference, one segment with data in it, none of these flags
 * and at least so much headroom. All are so where the smallest of each field is large enough, and
 * where all bits together are no others than wanted.
 */
static __rte_always_inline bool
four_plain(struct rte_mbuf *const *m, uint64_t flags, uint16_t room)
{
	const uint16x8x2_t a = mbuf_words(m[0]);
	const uint16x8x2_t b = mbuf_words(m[1]);
	const uint16x8x2_t c = mbuf_words(m[2]);
	const uint16x8x2_t d = mbuf_words(m[3]);
	const uint16x8_t all = vorrq_u16(vorrq_u16(a.val[0], b.val[0]),
					 vorrq_u16(c.val[0], d.val[0]));
	const uint16x8_t min = vminq_u16(vminq_u16(a.val[0], b.val[0]),
					 vminq_u16(c.val[0], d.val[0]));
	const uint16x8_t lens = vminq_u16(vminq_u16(a.val[1], b.val[1]),
					  vminq_u16(c.val[1], d.val[1]));
	const uint64x2_t mask = { VECTOR_COUNTS, flags };
	const uint64x2_t want = { VECTOR_SIMPLE, 0 };
	const uint64x2_t least = { VECTOR_SIMPLE | room, 0 };
	const uint64x2_t some = { 0, 1 };
	uint16x8_t good;

	good = vreinterpretq_u16_u64(vceqq_u64(vandq_u64(vreinterpretq_u64_u16(all), mask), want));
	good = vandq_u16(good, vcgeq_u16(min, vreinterpretq_u16_u64(least)));
	good = vandq_u16(good, vcgeq_u16(lens, vreinterpretq_u16_u64(some)));
	return all_true(vreinterpretq_u32_u16(good));
}

static __rte_always_inline uint16_t
tx_vector(struct virtio_txq *txq, struct rte_mbuf **pkts, uint16_t n, const struct tx_mode mode)
{
	const uint64_t special =
		VIRTIO_MBUF_NOT_DIRECT | (mode.offload ? VIRTIO_TX_OFFLOAD_FLAGS : 0);
	struct virtqueue *vq = txq->q.vq;
	const struct ring_view view = ring_view(vq, mode.packed);
	const size_t run = RTE_ALIGN_FLOOR(
		ring_free_run(&view, RTE_MIN(n, vq->free_count)), GROUP);
	struct rte_mbuf **cookies = (struct rte_mbuf **)ring_free_cookies(&view);
	const uint16_t addr_at = txq->q.addr_at;
	const uint32_t hdr_last = txq->hdr_last;
	uint64_t bytes = 0;
	size_t i;

	if (!vq->is_identity)
		return 0;
	for (i = 0; i < run; i += GROUP) {
		struct rte_mbuf **m = &pkts[i];
		uint64_t addr[GROUP];
		uint32_t len[GROUP];
		unsigned int k;

		if (unlikely(!four_plain(m, special, VIRTIO_HDR_SIZE)))
			break;
		for (k = 0; k < GROUP; k++) {
			struct rte_mbuf *buf = m[k];
			const uint32_t data_off = buf->data_off;
			const uint32_t data_len = buf->data_len;
			uint8_t *frame = (uint8_t *)buf->buf_addr + data_off;

			cookies[i + k] = buf;
			addr[k] = virtio_mbuf_addr(buf, addr_at, data_off - VIRTIO_HDR_SIZE);
			len[k] = data_len + VIRTIO_HDR_SIZE;
			bytes += data_len;
			tx_plain_hdr(frame - VIRTIO_HDR_SIZE, VIRTIO_HDR_SIZE, hdr_last);
			virtio_count(&txq->counters, frame, data_len, mode.no_dst);
		}
		four_place(&view, i, addr, len, 0, mode.packed);
	}
	ring_pushed(vq, i, mode.packed);
	txq->counters.packets += i;
	txq->counters.bytes += bytes;
	return i;
}

/* Whether each of four used packets may go back to that pool as it is. */
static __rte_always_inline bool
four_simple(struct rte_mbuf *const *m, const struct rte_mempool *pool)
{
	const uint64x2_t mask = { VECTOR_COUNTS, VIRTIO_MBUF_NOT_DIRECT };
	const uint64x2_t want = { VECTOR_SIMPLE, 0 };
	uint64x2_t differ = vdupq_n_u64(0);
	uintptr_t others = 0;
	unsigned int k;

	for (k = 0; k < GROUP; k++) {
		const uint64_t *at =
			(const uint64_t *)RTE_PTR_ADD(m[k], offsetof(struct rte_mbuf, data_off));

		differ = vorrq_u64(differ, veorq_u64(vld1q_u64(at), want));
		others |= (uintptr_t)m[k]->pool ^ (uintptr_t)pool;
	}
	differ = vandq_u64(differ, mask);
	return (vgetq_lane_u64(differ, 0) | vgetq_lane_u64(differ, 1) | others) == 0;
}

/*
 * Frees used packets from the next one on, as long as they came from one pool: straight from where
 * their pointers lie.
 */
static __rte_always_inline uint16_t
free_vector(struct virtqueue *vq, uint16_t n, const bool known, const bool packed)
{
	const struct ring_view view = ring_view(vq, packed);
	const size_t run = RTE_ALIGN_FLOOR(ring_used_run(&view, n, packed), GROUP);
	struct rte_mbuf **cookies = (struct rte_mbuf **)ring_used_cookies(&view);
	struct rte_mempool *pool;
	size_t i;

	if (!vq->is_identity || (!known && vq->used_known > 0) || run == 0)
		return 0;
	pool = cookies[0]->pool;
	for (i = 0; i < run; i += GROUP) {
		uint32x4_t ignored; /* the device writes nothing into these */

		if (!known && unlikely(!all_true(four_used(&view, i, packed, &ignored))))
			break;
		if (unlikely(!four_simple(&cookies[i], pool)))
			break;
	}
	if (i == 0)
		return 0;
	ring_took(vq, i, known, packed);
	rte_mempool_put_bulk(pool, (void **)cookies, i);
	return i;
}

VECTOR_LAYOUT(split, false, neon);
VECTOR_LAYOUT(packed, true, neon);
