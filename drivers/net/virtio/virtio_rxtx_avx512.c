/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * Data paths of both layouts on x86 with AVX-512 (F, BW, DQ and VL): eight buffers at once, see
 * virtio_rxtx_vector.h. Of eight mbufs or headers one field each is gathered, so what is asked of a
 * packet costs one instruction for all of them.
 */

#include <immintrin.h>

#include "virtio_rxtx_vector.h"

#define GROUP 8
#define ALL UINT8_MAX

/* Groups whose sizes can be counted before size_sums_add(). */
#define MOST_GROUPS UINT8_MAX

static __rte_always_inline __m512i
each(uint64_t value)
{
	return _mm512_set1_epi64(value);
}

/* first, first + step and so on. */
static __rte_always_inline __m512i
count_up(uint64_t first, uint64_t step)
{
	return _mm512_add_epi64(each(first), _mm512_mullo_epi64(each(step), _mm512_set_epi64(
		7, 6, 5, 4, 3, 2, 1, 0)));
}

static __rte_always_inline __m512i
load(const void *at)
{
	return _mm512_loadu_si512(at);
}

/* The eight bytes at `offset` from each of these addresses. */
static __rte_always_inline __m512i
gather(__m512i addrs, intptr_t offset)
{
	return _mm512_i64gather_epi64(addrs, (const void *)offset, 1);
}

/* a[0], b[0], a[1], b[1] and so on: of the first four, and of the others. */
static __rte_always_inline __m512i
interleave(__m512i a, __m512i b, bool others)
{
	const __m512i at = _mm512_set_epi64(11, 3, 10, 2, 9, 1, 8, 0);

	return _mm512_permutex2var_epi64(a, others ? _mm512_add_epi64(at, each(4)) : at, b);
}

/* ---- counters of sizes -------------------------------------------------------------------- */

/* In each of eight numbers, eight counters of one byte: by the lowest three bits of a bin. */
static __rte_always_inline __m512i
size_sums(__m512i sums, __m512i lens)
{
	const __m512i bins = _mm512_i64gather_epi64(lens, virtio_size_bins, 1);

	/* The rotation takes the lowest six bits alone: what was read behind a bin does no harm. */
	return _mm512_add_epi64(sums, _mm512_rolv_epi64(each(1), _mm512_slli_epi64(bins, 3)));
}

static __rte_always_inline void
size_sums_add(struct virtio_counters *counters, __m512i sums)
{
	/* From eight counters in a number to one bin's counters in a number: by two, by four. */
	const __m512i pairs = _mm512_set4_epi32(0x0f070e06, 0x0d050c04, 0x0b030a02, 0x09010800);
	const __m512i quads = _mm512_set_epi64(
		0x001f0017000f0007, 0x001e0016000e0006, 0x001d0015000d0005, 0x001c0014000c0004,
		0x001b0013000b0003, 0x001a0012000a0002, 0x0019001100090001, 0x0018001000080000);

	static_assert(VIRTIO_SIZE_BINS == 8, "one a number");
	sums = _mm512_permutexvar_epi16(quads, _mm512_shuffle_epi8(sums, pairs));
	sums = _mm512_sad_epu8(sums, _mm512_setzero_si512());
	_mm512_storeu_si512(counters->size, _mm512_add_epi64(load(counters->size), sums));
}

/* ---- the ring ----------------------------------------------------------------------------- */

/*
 * Eight used entries from the ith on: whether all are used and of the buffers expected there, and
 * what was written, as eight numbers of 64 bits.
 */
static __rte_always_inline bool
eight_used(const struct ring_view *view, size_t i, const bool packed, __m512i *len)
{
	__m512i found, want;

	if (packed) {
		const struct vring_packed_desc *desc = &view->packed.used[i];
		/* Of each the second half in one piece; x86 keeps these loads before later ones. */
		const __m512i rest = _mm512_permutex2var_epi64(
			load(desc), _mm512_set_epi64(15, 13, 11, 9, 7, 5, 3, 1), load(desc + 4));
		const __m512i mask = each(PACKED_BOTH | UINT64_C(0xffff) << 32);

		rte_compiler_barrier();
		*len = _mm512_and_si512(rest, each(UINT32_MAX));
		found = _mm512_and_si512(rest, mask);
		want = count_up(view->packed.used_bits | (uint64_t)(view->used_at + i) << 32,
				UINT64_C(1) << 32);
	} else {
		const __m512i entries = load(&view->split.used[i]);

		*len = _mm512_srli_epi64(entries, 32);
		found = _mm512_and_si512(entries, each(UINT32_MAX));
		want = count_up(view->used_at + i, 1);
	}
	return _mm512_cmpeq_epi64_mask(found, want) == ALL;
}

/* Fills eight places from the ith on; len with a descriptor's flags above it. */
static __rte_always_inline void
eight_place(const struct ring_view *view, size_t i, __m512i addr, __m512i len, const bool packed)
{
	if (packed) {
		struct vring_packed_desc *desc = &view->packed.avail[i];
		const __m512i rest = _mm512_add_epi64(len, count_up(
			(uint64_t)view->packed.avail_flags << 48 |
			(uint64_t)(view->avail_at + i) << 32, UINT64_C(1) << 32));
		const __m512i first = interleave(addr, rest, false);
		const __m512i others = interleave(addr, rest, true);

		/*
		 * Pairs with the device's acquire of the flags (2.8.21.1): addresses first. x86
		 * keeps stores in order, but what is within one of 64 bytes has none.
		 */
		_mm512_mask_storeu_epi64(desc, 0x55, first);
		_mm512_mask_storeu_epi64(desc + 4, 0x55, others);
		rte_compiler_barrier();
		_mm512_mask_storeu_epi64(desc, 0xaa, first);
		_mm512_mask_storeu_epi64(desc + 4, 0xaa, others);
	} else {
		struct vring_desc *desc = &view->split.desc[view->avail_at + i];

		_mm512_storeu_si512(desc, interleave(addr, len, false));
		_mm512_storeu_si512(desc + 4, interleave(addr, len, true));
	}
}

/* ---- receive ------------------------------------------------------------------------------ */

/* Of an mbuf just received: what it is rearmed with, types, lengths and the VLAN tag after them. */
static __rte_always_inline void
store_received(struct rte_mbuf *m, __m256i fields)
{
	_mm256_storeu_si256((__m256i *)RTE_PTR_ADD(m, offsetof(struct rte_mbuf, data_off)), fields);
}

static __rte_always_inline void
rx_store(struct rte_mbuf *const *m, __m512i rearm, __m512i len)
{
	const __m512i pkt_len = _mm512_slli_epi64(len, 32);
	/* Of 0, 2, 4 and 6, and of the others: packet_type and pkt_len, data_len and the rest. */
	const __m512i even = _mm512_unpacklo_epi64(pkt_len, len);
	const __m512i odd = _mm512_unpackhi_epi64(pkt_len, len);
	const __m512i first = _mm512_set_epi64(11, 10, 1, 0, 9, 8, 1, 0);
	const __m512i others = _mm512_set_epi64(15, 14, 1, 0, 13, 12, 1, 0);
	__m512i two;

	two = _mm512_permutex2var_epi64(rearm, first, even);
	store_received(m[0], _mm512_castsi512_si256(two));
	store_received(m[2], _mm512_extracti64x4_epi64(two, 1));
	two = _mm512_permutex2var_epi64(rearm, others, even);
	store_received(m[4], _mm512_castsi512_si256(two));
	store_received(m[6], _mm512_extracti64x4_epi64(two, 1));
	two = _mm512_permutex2var_epi64(rearm, first, odd);
	store_received(m[1], _mm512_castsi512_si256(two));
	store_received(m[3], _mm512_extracti64x4_epi64(two, 1));
	two = _mm512_permutex2var_epi64(rearm, others, odd);
	store_received(m[5], _mm512_castsi512_si256(two));
	store_received(m[7], _mm512_extracti64x4_epi64(two, 1));
}

/* Some of eight go to many. */
static __rte_noinline void
rx_count_groups(struct virtio_counters *counters, struct rte_mbuf *const *m)
{
	unsigned int k;

	for (k = 0; k < GROUP; k++)
		virtio_count_dst(counters, rx_frame(m[k]));
}

static __rte_always_inline uint16_t
rx_vector(struct virtio_rxq *rxq, struct rte_mbuf **pkts, uint16_t n, const struct rx_mode mode)
{
	struct virtqueue *vq = rxq->q.vq;
	const struct ring_view view = ring_view(vq, mode.packed);
	const size_t run = RTE_MIN(RTE_ALIGN_FLOOR(ring_used_run(&view, n, mode.packed), GROUP),
				   MOST_GROUPS * GROUP);
	struct rte_mbuf **cookies = (struct rte_mbuf **)ring_used_cookies(&view);
	const __m512i least = each(VIRTIO_HDR_SIZE + RTE_ETHER_HDR_LEN);
	const __m512i longest = each(rxq->buf_len - VIRTIO_HDR_SIZE - RTE_ETHER_HDR_LEN);
	const __m512i rearm = _mm512_broadcast_i32x4((__m128i)rxq->rearm);
	const intptr_t hdr_at = RTE_PKTMBUF_HEADROOM - VIRTIO_HDR_SIZE;
	__m512i bytes = _mm512_setzero_si512();
	__m512i sizes = _mm512_setzero_si512();
	size_t i;

	if (!vq->is_identity || !ring_is_plain(vq))
		return 0;
	for (i = 0; i < run; i += GROUP) {
		const __m512i mbufs = load(&cookies[i]);
		__m512i len, addrs, tails;

		if (unlikely(!eight_used(&view, i, mode.packed, &len)))
			break;
		/* Too short or too long, in one comparison. */
		if (unlikely(_mm512_cmple_epu64_mask(_mm512_sub_epi64(len, least), longest) != ALL))
			break;
		addrs = gather(mbufs, offsetof(struct rte_mbuf, buf_addr));
		/* A header's last four bytes, with num_buffers, and the frame's first four. */
		tails = gather(addrs, hdr_at + VIRTIO_HDR_SIZE - 4);
		if (mode.mergeable && unlikely(_mm512_cmpeq_epi64_mask(
			_mm512_and_si512(tails, each(0xffff0000)), each(0x00010000)) != ALL))
			break;
		/* Flags and kind of segmentation, see virtio_rx_has_offload(). */
		if (mode.offload && unlikely(_mm512_test_epi64_mask(gather(addrs, hdr_at),
								    each(UINT16_MAX)) != 0))
			break;
		len = _mm512_sub_epi64(len, each(VIRTIO_HDR_SIZE));
		_mm512_storeu_si512(&pkts[i], mbufs);
		rx_store(&cookies[i], rearm, len);
		bytes = _mm512_add_epi64(bytes, len);
		sizes = size_sums(sizes, len);
		if (unlikely(_mm512_test_epi64_mask(tails, each((uint64_t)RTE_ETHER_GROUP_ADDR <<
								32)) != 0))
			rx_count_groups(&rxq->counters, &cookies[i]);
	}
	if (i == 0)
		return 0;
	rxq->counters.bytes += _mm512_reduce_add_epi64(bytes);
	size_sums_add(&rxq->counters, sizes);
	ring_took(vq, i, false, mode.packed);
	return i;
}

static __rte_always_inline uint16_t
post_vector(const struct virtio_rxq *rxq, const struct ring_view *view, struct rte_mbuf **bufs,
	    uint16_t n, const bool packed)
{
	struct rte_mbuf **cookies = (struct rte_mbuf **)ring_free_cookies(view);
	const size_t run = RTE_ALIGN_FLOOR(n, GROUP);
	const __m512i hdr_at = each(RTE_PKTMBUF_HEADROOM - VIRTIO_HDR_SIZE);
	const __m512i len = each(rxq->buf_len | (uint64_t)VRING_DESC_F_WRITE <<
				 (packed ? 48 : 32));
	size_t i;

	for (i = 0; i < run; i += GROUP) {
		const __m512i mbufs = load(&bufs[i]);

		_mm512_storeu_si512(&cookies[i], mbufs);
		eight_place(view, i, _mm512_add_epi64(gather(mbufs, rxq->q.addr_at), hdr_at), len,
			    packed);
	}
	return run;
}

/* ---- transmit ----------------------------------------------------------------------------- */

/* Those of eight with one reference, one segment, and none of these flags. */
static __rte_always_inline __mmask8
simple_ones(__m512i mbufs, __m512i counts, uint64_t flags)
{
	const __mmask8 single = _mm512_cmpeq_epi64_mask(
		_mm512_and_si512(counts, each(VECTOR_COUNTS)), each(VECTOR_SIMPLE));

	return _mm512_mask_testn_epi64_mask(single,
					    gather(mbufs, offsetof(struct rte_mbuf, ol_flags)),
					    each(flags));
}

static __rte_noinline void
tx_count_groups(struct virtio_counters *counters, struct rte_mbuf *const *m)
{
	unsigned int k;

	for (k = 0; k < GROUP; k++)
		virtio_count_dst(counters, rte_pktmbuf_mtod(m[k], const uint8_t *));
}

/* Some of eight headers with nothing to say, in front of these frames. */
static __rte_always_inline void
clear_headers(__m512i frames, __mmask8 which)
{
	uint64_t at[GROUP];
	unsigned int k;

	static_assert(VIRTIO_HDR_SIZE == 3 * sizeof(uint32_t), "three of four");
	_mm512_storeu_si512(at, frames);
	for (k = 0; k < GROUP; k++) {
		if (which & (1u << k))
			_mm_mask_storeu_epi32((void *)(uintptr_t)(at[k] - VIRTIO_HDR_SIZE), 0x7,
					      _mm_setzero_si128());
	}
}

static __rte_always_inline uint16_t
tx_vector(struct virtio_txq *txq, struct rte_mbuf **pkts, uint16_t n, const struct tx_mode mode)
{
	const uint64_t special =
		VIRTIO_MBUF_NOT_DIRECT | (mode.offload ? VIRTIO_TX_OFFLOAD_FLAGS : 0);
	struct virtqueue *vq = txq->q.vq;
	const struct ring_view view = ring_view(vq, mode.packed);
	const uint16_t most = RTE_MIN(n, vq->free_count);
	const size_t run = RTE_MIN(RTE_ALIGN_FLOOR(ring_free_run(&view, most), GROUP),
				   MOST_GROUPS * GROUP);
	struct rte_mbuf **cookies = (struct rte_mbuf **)ring_free_cookies(&view);
	const bool by_iova = txq->q.addr_at != offsetof(struct rte_mbuf, buf_addr);
	const __m512i header = each(VIRTIO_HDR_SIZE);
	__m512i bytes = _mm512_setzero_si512();
	__m512i sizes = _mm512_setzero_si512();
	size_t i;

	if (!vq->is_identity)
		return 0;
	for (i = 0; i < run; i += GROUP) {
		const __m512i mbufs = load(&pkts[i]);
		/* data_off, reference count, segments, port */
		const __m512i counts = gather(mbufs, offsetof(struct rte_mbuf, data_off));
		const __m512i data_off = _mm512_and_si512(counts, each(UINT16_MAX));
		const __m512i len = _mm512_and_si512(
			gather(mbufs, offsetof(struct rte_mbuf, data_len)), each(UINT16_MAX));
		__m512i frames, addrs, heads, tails;
		__mmask8 good, spoilt;

		/* Room for a header before each frame, and no frame of no bytes. */
		good = simple_ones(mbufs, counts, special);
		good = _mm512_mask_cmpge_epu64_mask(good, data_off, header);
		if (unlikely(_mm512_mask_test_epi64_mask(good, len, len) != ALL))
			break;
		addrs = gather(mbufs, offsetof(struct rte_mbuf, buf_addr));
		frames = _mm512_add_epi64(addrs, data_off);
		heads = gather(frames, -(intptr_t)VIRTIO_HDR_SIZE);
		/* The frame's first byte is the last of eight: behind it may be nothing. */
		tails = gather(frames, -7);
		if (by_iova)
			addrs = gather(mbufs, VIRTIO_MBUF_IOVA_AT);
		addrs = _mm512_sub_epi64(_mm512_add_epi64(addrs, data_off), header);
		/* As tx_plain_hdr(). */
		spoilt = _mm512_test_epi64_mask(heads, heads) |
			 _mm512_test_epi64_mask(tails, each(0x00fffeffff000000));
		if (unlikely(spoilt != 0))
			clear_headers(frames, spoilt);
		_mm512_storeu_si512(&cookies[i], mbufs);
		eight_place(&view, i, addrs, _mm512_add_epi64(len, header), mode.packed);
		bytes = _mm512_add_epi64(bytes, len);
		sizes = size_sums(sizes, len);
		if (unlikely(_mm512_test_epi64_mask(tails, each((uint64_t)RTE_ETHER_GROUP_ADDR <<
							       56)) != 0))
			tx_count_groups(&txq->counters, &pkts[i]);
	}
	if (i == 0)
		return 0;
	ring_pushed(vq, i, mode.packed);
	txq->counters.packets += i;
	txq->counters.bytes += _mm512_reduce_add_epi64(bytes);
	size_sums_add(&txq->counters, sizes);
	return i;
}

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
		const __m512i mbufs = load(&cookies[i]);
		__m512i ignored; /* the device writes nothing into these */

		if (!known && unlikely(!eight_used(&view, i, packed, &ignored)))
			break;
		if (unlikely(_mm512_cmpeq_epi64_mask(
				gather(mbufs, offsetof(struct rte_mbuf, pool)),
				each((uintptr_t)pool)) != ALL ||
			     simple_ones(mbufs, gather(mbufs, offsetof(struct rte_mbuf, data_off)),
					 VIRTIO_MBUF_NOT_DIRECT) != ALL))
			break;
	}
	if (i == 0)
		return 0;
	ring_took(vq, i, known, packed);
	rte_mempool_put_bulk(pool, (void **)cookies, i);
	return i;
}

VECTOR_LAYOUT(split, false, avx512);
VECTOR_LAYOUT(packed, true, avx512);
