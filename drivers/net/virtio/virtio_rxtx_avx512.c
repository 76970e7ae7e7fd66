/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * Data paths of both layouts on x86 with AVX-512 (F, BW, CD, DQ and VL): eight buffers at once, see
 * virtio_rxtx_vector.h. What is asked of a packet costs one instruction for all of them. Fields of
 * mbufs are loaded one by one: a gather of eight is one instruction, but on Zen 4 it takes longer
 * than eight loads.
 */

#include <immintrin.h>
#include <stdalign.h>

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

/* The eight bytes at `offset` of an mbuf. */
static __rte_always_inline uint64_t
word(const struct rte_mbuf *m, size_t offset)
{
	uint64_t value;

	memcpy(&value, RTE_PTR_ADD(m, offset), sizeof(value));
	return value;
}

/* The same of eight mbufs. */
static __rte_always_inline __m512i
words(struct rte_mbuf *const *m, size_t offset)
{
	return _mm512_set_epi64(word(m[7], offset), word(m[6], offset), word(m[5], offset),
				word(m[4], offset), word(m[3], offset), word(m[2], offset),
				word(m[1], offset), word(m[0], offset));
}

/* a[0], b[0], a[1], b[1] and so on: of the first four, and of the others. */
static __rte_always_inline __m512i
interleave(__m512i a, __m512i b, bool others)
{
	const __m512i at = _mm512_set_epi64(11, 3, 10, 2, 9, 1, 8, 0);

	return _mm512_permutex2var_epi64(a, others ? _mm512_add_epi64(at, each(4)) : at, b);
}

/* ---- counters of sizes -------------------------------------------------------------------- */

/* virtio_size_bins of eight lengths, by the highest bit. Two limits are no powers of two. */
static __rte_always_inline __m512i
size_bins(__m512i lens)
{
	/* The lowest five bits of the number of zeros above the highest bit, of 64. */
	alignas(64) static const uint16_t bins[32] = {
		[25] = 2, [24] = 3, [23] = 4, [22] = 5, [21] = 6, [16 ... 20] = 7,
	};
	__m512i found = _mm512_permutexvar_epi16(_mm512_lzcnt_epi64(lens), load(bins));

	found = _mm512_mask_sub_epi64(found, _mm512_cmpeq_epi64_mask(lens, each(64)), found,
				      each(1));
	return _mm512_mask_mov_epi64(found, _mm512_cmpgt_epu64_mask(lens, each(1518)), each(7));
}

/* In each of eight numbers, eight counters of one byte: by the lowest three bits of a bin. */
static __rte_always_inline __m512i
size_sums(__m512i sums, __m512i lens)
{
	return _mm512_add_epi64(sums, _mm512_rolv_epi64(each(1),
							_mm512_slli_epi64(size_bins(lens), 3)));
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
		/*
		 * Of each the second half in one piece; x86 keeps these loads before later ones:
		 * as packed_mixed.litmus, with the parts of driver and device exchanged.
		 */
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
		 * Pairs with the device's acquire of the flags (2.8.21.1): addresses first, see
		 * packed_mixed.litmus. x86 keeps stores in order, but what is within one of 64
		 * bytes has none.
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

/* Of eight headers with the four bytes behind: the bits that any of them has, and those of all. */
struct headers {
	__m128i any;
	__m128i all;
};

static __rte_always_inline __m128i
header(const struct rte_mbuf *m)
{
	const void *at = virtio_rx_hdr(m, VIRTIO_HDR_SIZE);

	static_assert(VIRTIO_HDR_SIZE + sizeof(uint32_t) == sizeof(__m128i), "in one load");
	return _mm_loadu_si128((const __m128i *)at);
}

static __rte_always_inline struct headers
eight_headers(struct rte_mbuf *const *m)
{
	struct headers h = { header(m[0]), header(m[0]) };
	unsigned int k;

#pragma GCC unroll 8
	for (k = 1; k < GROUP; k++) {
		const __m128i next = header(m[k]);

		h.any = _mm_or_si128(h.any, next);
		h.all = _mm_and_si128(h.all, next);
	}
	return h;
}

/* Whether each is that of one buffer with nothing to say. */
static __rte_always_inline bool
eight_are_plain(struct headers h, const struct rx_mode mode)
{
	/* num_buffers is 1; flags and kind of segmentation are 0, see virtio_rx_has_offload(). */
	const __m128i want = _mm_set_epi16(0, 0, 1, 0, 0, 0, 0, 0);
	const __m128i mask = _mm_set_epi16(0, 0, mode.mergeable ? -1 : 0, 0, 0, 0, 0,
					   mode.offload ? -1 : 0);
	const __m128i wrong = _mm_or_si128(_mm_xor_si128(h.any, want), _mm_xor_si128(h.all, want));

	static_assert(offsetof(struct virtio_net_hdr, num_buffers) == 10, "the sixth word");
	return (!mode.mergeable && !mode.offload) || _mm_testz_si128(wrong, mask);
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
	__m512i bytes = _mm512_setzero_si512();
	__m512i sizes = _mm512_setzero_si512();
	size_t i;

	if (!vq->is_identity || !ring_is_plain(vq))
		return 0;
	for (i = 0; i < run; i += GROUP) {
		struct headers headers = { 0 };
		__m512i len;

		if (unlikely(!eight_used(&view, i, mode.packed, &len)))
			break;
		/* Too short or too long, in one comparison. */
		if (unlikely(_mm512_cmple_epu64_mask(_mm512_sub_epi64(len, least), longest) != ALL))
			break;
		/* Nothing is asked of them where destinations are not counted. */
		if (!mode.no_dst)
			headers = eight_headers(&cookies[i]);
		if (unlikely(!eight_are_plain(headers, mode)))
			break;
		len = _mm512_sub_epi64(len, each(VIRTIO_HDR_SIZE));
		_mm512_storeu_si512(&pkts[i], load(&cookies[i]));
		rx_store(&cookies[i], rearm, len);
		bytes = _mm512_add_epi64(bytes, len);
		sizes = size_sums(sizes, len);
		if (unlikely(_mm_extract_epi32(headers.any, 3) & RTE_ETHER_GROUP_ADDR))
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
		_mm512_storeu_si512(&cookies[i], load(&bufs[i]));
		eight_place(view, i, _mm512_add_epi64(words(&bufs[i], rxq->q.addr_at), hdr_at), len,
			    packed);
	}
	return run;
}

/* ---- transmit ----------------------------------------------------------------------------- */

static_assert(offsetof(struct rte_mbuf, data_len) ==
	      offsetof(struct rte_mbuf, data_off) + 3 * sizeof(uint64_t), "in one load");

/*
 * Of eight mbufs the 32 bytes from data_off to the VLAN tag: in each vector those of one of the
 * first four, and behind them those of the mbuf four further on.
 */
struct fields {
	__m512i two[GROUP / 2];
};

static __rte_always_inline __m256i
fields_of(const struct rte_mbuf *m)
{
	const size_t at = offsetof(struct rte_mbuf, data_off);

	return _mm256_loadu_si256((const __m256i *)RTE_PTR_ADD(m, at));
}

static __rte_always_inline struct fields
eight_fields(struct rte_mbuf *const *m)
{
	struct fields f;
	unsigned int k;

#pragma GCC unroll 4
	for (k = 0; k < GROUP / 2; k++)
		f.two[k] = _mm512_inserti64x4(_mm512_castsi256_si512(fields_of(m[k])),
					      fields_of(m[k + GROUP / 2]), 1);
	return f;
}

/* data_off, reference count, segments and port of each. */
static __rte_always_inline __m512i
field_counts(const struct fields *f)
{
	return _mm512_permutex2var_epi64(_mm512_unpacklo_epi64(f->two[0], f->two[1]),
					 _mm512_set_epi64(13, 12, 5, 4, 9, 8, 1, 0),
					 _mm512_unpacklo_epi64(f->two[2], f->two[3]));
}

/* data_len and the VLAN tag of each. */
static __rte_always_inline __m512i
field_lens(const struct fields *f)
{
	return _mm512_permutex2var_epi64(_mm512_unpackhi_epi64(f->two[0], f->two[1]),
					 _mm512_set_epi64(15, 14, 7, 6, 11, 10, 3, 2),
					 _mm512_unpackhi_epi64(f->two[2], f->two[3]));
}

/*
 * Whether each of eight packets has one reference, one segment, none of these flags, and at least
 * so much headroom and data. All are so where the smallest of each field is large enough, and where
 * all bits together are no others than wanted.
 */
static __rte_always_inline bool
eight_are_simple(const struct fields *f, uint64_t flags, uint16_t room, uint16_t data)
{
	const __m512i all = _mm512_or_si512(_mm512_or_si512(f->two[0], f->two[1]),
					    _mm512_or_si512(f->two[2], f->two[3]));
	const __m512i min = _mm512_min_epu16(_mm512_min_epu16(f->two[0], f->two[1]),
					     _mm512_min_epu16(f->two[2], f->two[3]));
	const __m512i mask = _mm512_set4_epi64(0, 0, flags, VECTOR_COUNTS);
	const __m512i want = _mm512_set4_epi64(0, 0, 0, VECTOR_SIMPLE);
	const __m512i least = _mm512_set4_epi64(data, 0, 0, VECTOR_SIMPLE | room);

	return _mm512_cmpeq_epi64_mask(_mm512_and_si512(all, mask), want) == ALL &&
	       _mm512_cmpge_epu16_mask(min, least) == UINT32_MAX;
}

static __rte_always_inline uint8_t *
frame_of(const struct rte_mbuf *m)
{
	return (uint8_t *)m->buf_addr + m->data_off;
}

/*
 * Whether each of eight packets goes to one receiver, and has a header with nothing to say, as
 * tx_plain_hdr(), before it. A frame's first byte is the last that is read: behind it may be
 * nothing. Without destinations it is not read either.
 */
static __rte_always_inline bool
eight_are_usual(struct rte_mbuf *const *m, uint32_t hdr_last, const bool no_dst)
{
	const __m128i hdr_mask = _mm_set_epi32(hdr_last, -1, -1, 0);
	const __m128i mask = no_dst ? hdr_mask :
		_mm_insert_epi8(_mm_srli_si128(hdr_mask, 1), RTE_ETHER_GROUP_ADDR, 15);
	__m128i any = _mm_setzero_si128();
	unsigned int k;

	static_assert(VIRTIO_HDR_SIZE == 12, "below the first byte");
#pragma GCC unroll 8
	for (k = 0; k < GROUP; k++) {
		const void *at = frame_of(m[k]) + !no_dst - sizeof(__m128i);

		any = _mm_or_si128(any, _mm_loadu_si128((const __m128i *)at));
	}
	return _mm_testz_si128(any, mask);
}

/* Clears the headers that say something, and counts packets that go to many. */
static __rte_noinline void
tx_unusual(struct virtio_txq *txq, struct rte_mbuf *const *m, bool no_dst)
{
	unsigned int k;

	for (k = 0; k < GROUP; k++) {
		tx_plain_hdr(frame_of(m[k]) - VIRTIO_HDR_SIZE, VIRTIO_HDR_SIZE, txq->hdr_last);
		if (!no_dst)
			virtio_count_dst(&txq->counters, frame_of(m[k]));
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
	const __m512i header_size = each(VIRTIO_HDR_SIZE);
	const uint32_t hdr_last = txq->hdr_last;
	__m512i bytes = _mm512_setzero_si512();
	__m512i sizes = _mm512_setzero_si512();
	size_t i;

	if (!vq->is_identity)
		return 0;
	for (i = 0; i < run; i += GROUP) {
		struct rte_mbuf **m = &pkts[i];
		const struct fields fields = eight_fields(m);
		__m512i addrs, len;

		if (unlikely(!eight_are_simple(&fields, special, VIRTIO_HDR_SIZE, 1)))
			break;
		if (unlikely(!eight_are_usual(m, hdr_last, mode.no_dst)))
			tx_unusual(txq, m, mode.no_dst);
		addrs = _mm512_sub_epi64(_mm512_and_si512(field_counts(&fields), each(UINT16_MAX)),
					 header_size);
		addrs = _mm512_add_epi64(addrs, words(m, txq->q.addr_at));
		len = _mm512_and_si512(field_lens(&fields), each(UINT16_MAX));
		_mm512_storeu_si512(&cookies[i], load(m));
		eight_place(&view, i, addrs, _mm512_add_epi64(len, header_size), mode.packed);
		bytes = _mm512_add_epi64(bytes, len);
		sizes = size_sums(sizes, len);
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
		struct rte_mbuf *const *m = &cookies[i];
		__m512i ignored; /* the device writes nothing into these */
		struct fields fields;

		if (!known && unlikely(!eight_used(&view, i, packed, &ignored)))
			break;
		fields = eight_fields(m);
		if (unlikely(!eight_are_simple(&fields, VIRTIO_MBUF_NOT_DIRECT, 0, 0) ||
			     _mm512_cmpneq_epi64_mask(words(m, offsetof(struct rte_mbuf, pool)),
						      each((uintptr_t)pool)) != 0))
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
