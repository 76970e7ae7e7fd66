/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * Data paths of both layouts on x86 with AVX2: four buffers at once, see virtio_rxtx_vector.h.
 */

#include <immintrin.h>

#include "virtio_rxtx_vector.h"

#define GROUP 4

/* In four numbers of 64 bits each the lower half alone. */
static __rte_always_inline __m256i
low_halves(uint32_t value)
{
	return _mm256_set1_epi64x(value);
}

static __rte_always_inline bool
all_true(__m256i lanes)
{
	return _mm256_movemask_epi8(lanes) == -1;
}

/* Places `at` to at + 3. */
static __rte_always_inline __m256i
four_places(uint16_t at)
{
	return _mm256_add_epi64(_mm256_set1_epi64x(at), _mm256_set_epi64x(3, 2, 1, 0));
}

/* Second halves, length, id and flags, of four packed descriptors in a row. */
static __rte_always_inline __m256i
packed_rests(const struct vring_packed_desc *desc)
{
	/*
	 * Of each the eight bytes are read at once; x86 keeps these loads before later ones: as
	 * packed_mixed.litmus, with the parts of driver and device exchanged.
	 */
	const __m256i first = _mm256_loadu_si256((const __m256i *)(const void *)desc);
	const __m256i second = _mm256_loadu_si256((const __m256i *)(const void *)(desc + 2));

	rte_compiler_barrier();
	return _mm256_permute4x64_epi64(_mm256_unpackhi_epi64(first, second), 0xd8);
}

/*
 * Four used entries from the ith on: whether all are used and of the buffers expected there, and
 * what was written, as four numbers of 64 bits.
 */
static __rte_always_inline bool
four_used(const struct ring_view *view, size_t i, const bool packed, __m256i *len)
{
	const __m256i places = four_places(view->used_at + i);
	__m256i found, want;

	if (packed) {
		const __m256i rest = packed_rests(&view->packed.used[i]);
		const __m256i mask = _mm256_set1_epi64x(PACKED_BOTH | UINT64_C(0xffff) << 32);

		*len = _mm256_and_si256(rest, low_halves(UINT32_MAX));
		found = _mm256_and_si256(rest, mask);
		want = _mm256_or_si256(_mm256_set1_epi64x(view->packed.used_bits),
				       _mm256_slli_epi64(places, 32));
	} else {
		const __m256i entries = _mm256_loadu_si256(
			(const __m256i *)(const void *)&view->split.used[i]);

		*len = _mm256_srli_epi64(entries, 32);
		found = _mm256_and_si256(entries, low_halves(UINT32_MAX));
		want = places;
	}
	return all_true(_mm256_cmpeq_epi64(found, want));
}

/* ---- receive ------------------------------------------------------------------------------ */

/* packet_type, pkt_len, data_len and the VLAN tag after them, of one of two lengths in a lane. */
static __rte_always_inline __m256i
mbuf_fields(__m256i len, bool second)
{
	const char at = second ? 8 : 0;
	const __m128i lane = _mm_set_epi8(-1, -1, -1, -1, -1, -1, at + 1, at,
					  at + 3, at + 2, at + 1, at, -1, -1, -1, -1);

	return _mm256_shuffle_epi8(len, _mm256_broadcastsi128_si256(lane));
}

static __rte_always_inline void
store_fields(struct rte_mbuf *m, __m128i fields)
{
	_mm_store_si128((__m128i *)RTE_PTR_ADD(m, offsetof(struct rte_mbuf, packet_type)), fields);
}

/* Whether a frame's header is that of one buffer with nothing to say. */
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
	const __m256i least = low_halves(VIRTIO_HDR_SIZE + RTE_ETHER_HDR_LEN);
	const __m256i longest = low_halves(rxq->buf_len - VIRTIO_HDR_SIZE - RTE_ETHER_HDR_LEN);
	const __m256i header = low_halves(VIRTIO_HDR_SIZE);
	const virtio_rearm_t rearm = rxq->rearm;
	struct virtio_counters *counters = &rxq->counters;
	__m256i bytes = _mm256_setzero_si256();
	uint64_t sums[GROUP];
	size_t i;

	if (!vq->is_identity || !ring_is_plain(vq))
		return 0;
	for (i = 0; i < run; i += GROUP) {
		struct rte_mbuf **m = &cookies[i];
		__m256i len, over, even, odd;
		uint64_t lens[GROUP];
		unsigned int k;

		if (unlikely(!four_used(&view, i, mode.packed, &len)))
			break;
		/* Too short or too long, in one comparison. */
		over = _mm256_sub_epi32(len, least);
		if (unlikely(!all_true(_mm256_cmpeq_epi32(_mm256_min_epu32(over, longest), over))))
			break;
		if (unlikely(!is_plain(m[0], mode) || !is_plain(m[1], mode) ||
			     !is_plain(m[2], mode) || !is_plain(m[3], mode)))
			break;
		len = _mm256_sub_epi32(len, header);
		_mm256_storeu_si256((__m256i *)(void *)&pkts[i],
				    _mm256_loadu_si256((const __m256i *)(const void *)m));
		even = mbuf_fields(len, false);
		odd = mbuf_fields(len, true);
		store_fields(m[0], _mm256_castsi256_si128(even));
		store_fields(m[1], _mm256_castsi256_si128(odd));
		store_fields(m[2], _mm256_extracti128_si256(even, 1));
		store_fields(m[3], _mm256_extracti128_si256(odd, 1));
		bytes = _mm256_add_epi64(bytes, len);
		_mm256_storeu_si256((__m256i *)(void *)lens, len);
		for (k = 0; k < GROUP; k++) {
			virtio_mbuf_rearm(m[k], rearm);
			virtio_count(counters, rx_frame(m[k]), lens[k], mode.no_dst);
		}
	}
	_mm256_storeu_si256((__m256i *)(void *)sums, bytes);
	counters->bytes += sums[0] + sums[1] + sums[2] + sums[3];
	ring_took(vq, i, false, mode.packed);
	return i;
}

/* A buffer takes two stores either way. */
static __rte_always_inline uint16_t
post_vector(const struct virtio_rxq *rxq __rte_unused, const struct ring_view *view __rte_unused,
	    struct rte_mbuf **bufs __rte_unused, uint16_t n __rte_unused,
	    const bool packed __rte_unused)
{
	return 0;
}

/* ---- transmit ----------------------------------------------------------------------------- */

/* data_off, reference count, segments, port and ol_flags of two mbufs. */
static __rte_always_inline __m256i
two_mbufs(const struct rte_mbuf *first, const struct rte_mbuf *second)
{
	const size_t at = offsetof(struct rte_mbuf, data_off);

	return _mm256_inserti128_si256(
		_mm256_castsi128_si256(_mm_load_si128((const __m128i *)RTE_PTR_ADD(first, at))),
		_mm_load_si128((const __m128i *)RTE_PTR_ADD(second, at)), 1);
}

/* Of each: one reference, one segment, and none of these flags. */
static __rte_always_inline __m256i
are_simple(__m256i mbufs, uint64_t flags)
{
	const __m256i mask = _mm256_set_epi64x(flags, VECTOR_COUNTS, flags, VECTOR_COUNTS);
	const __m256i want = _mm256_set_epi64x(0, VECTOR_SIMPLE, 0, VECTOR_SIMPLE);

	return _mm256_cmpeq_epi64(_mm256_and_si256(mbufs, mask), want);
}

static_assert(offsetof(struct rte_mbuf, data_len) ==
	      offsetof(struct rte_mbuf, data_off) + 3 * sizeof(uint64_t), "in one load");

/* Of an mbuf the 32 bytes from data_off to the VLAN tag. */
static __rte_always_inline __m256i
mbuf_words(const struct rte_mbuf *m)
{
	const size_t at = offsetof(struct rte_mbuf, data_off);

	return _mm256_loadu_si256((const __m256i *)RTE_PTR_ADD(m, at));
}

/*
 * Whether each of four packets has one reference, one segment with data in it, none of these flags
 * and at least so much headroom. All are so where the smallest of each field is large enough, and
 * where all bits together are no others than wanted.
 */
static __rte_always_inline bool
four_plain(struct rte_mbuf *const *m, uint64_t flags, uint16_t room)
{
	const __m256i a = mbuf_words(m[0]);
	const __m256i b = mbuf_words(m[1]);
	const __m256i c = mbuf_words(m[2]);
	const __m256i d = mbuf_words(m[3]);
	const __m256i all = _mm256_or_si256(_mm256_or_si256(a, b), _mm256_or_si256(c, d));
	const __m256i min = _mm256_min_epu16(_mm256_min_epu16(a, b), _mm256_min_epu16(c, d));
	const __m256i mask = _mm256_set_epi64x(0, 0, flags, VECTOR_COUNTS);
	const __m256i want = _mm256_set_epi64x(0, 0, 0, VECTOR_SIMPLE);
	const __m256i least = _mm256_set_epi64x(1, 0, 0, VECTOR_SIMPLE | room);

	return all_true(_mm256_and_si256(
		_mm256_cmpeq_epi64(_mm256_and_si256(all, mask), want),
		_mm256_cmpeq_epi16(_mm256_max_epu16(min, least), min)));
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
		unsigned int k;

		if (unlikely(!four_plain(m, special, VIRTIO_HDR_SIZE)))
			break;
		_mm256_storeu_si256((__m256i *)(void *)&cookies[i],
				    _mm256_loadu_si256((const __m256i *)(const void *)m));
		for (k = 0; k < GROUP; k++) {
			const uint32_t data_off = m[k]->data_off;
			const uint32_t len = m[k]->data_len;
			uint8_t *frame = (uint8_t *)m[k]->buf_addr + data_off;

			tx_plain_hdr(frame - VIRTIO_HDR_SIZE, VIRTIO_HDR_SIZE, hdr_last);
			bytes += len;
			virtio_count(&txq->counters, frame, len, mode.no_dst);
			ring_place_at(&view, i + k,
				      virtio_mbuf_addr(m[k], addr_at, data_off - VIRTIO_HDR_SIZE),
				      len + VIRTIO_HDR_SIZE, 0, mode.packed);
		}
	}
	ring_pushed(vq, i, mode.packed);
	txq->counters.packets += i;
	txq->counters.bytes += bytes;
	return i;
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
	/* Without this, gcc reads a->pool of each later group twice. */
	rte_compiler_barrier();
	for (i = 0; i < run; i += GROUP) {
		const struct rte_mbuf *a = cookies[i];
		const struct rte_mbuf *b = cookies[i + 1];
		const struct rte_mbuf *c = cookies[i + 2];
		const struct rte_mbuf *d = cookies[i + 3];
		__m256i ignored; /* the device writes nothing into these */

		if (!known && unlikely(!four_used(&view, i, packed, &ignored)))
			break;
		if (unlikely(a->pool != pool || b->pool != pool || c->pool != pool ||
			     d->pool != pool ||
			     !all_true(_mm256_and_si256(
				are_simple(two_mbufs(a, b), VIRTIO_MBUF_NOT_DIRECT),
				are_simple(two_mbufs(c, d), VIRTIO_MBUF_NOT_DIRECT)))))
			break;
	}
	if (i == 0)
		return 0;
	ring_took(vq, i, known, packed);
	rte_mempool_put_bulk(pool, (void **)cookies, i);
	return i;
}

VECTOR_LAYOUT(split, false, avx2);
VECTOR_LAYOUT(packed, true, avx2);
