/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VIRTIO_RXTX_COMMON_H
#define VIRTIO_RXTX_COMMON_H

/**
 * @file
 * What the data paths of all layouts share: addresses, headers, counters, freeing, ring errors.
 */

#include <string.h>

#include <rte_cycles.h>
#include <rte_ether.h>
#include <rte_mbuf.h>

#include "virtio_compat.h"
#include "virtio_event.h"
#include "virtio_log.h"
#include "virtio_queue.h"
#include "virtqueue_ring.h"

#define VIRTIO_HDR_SIZE ((uint32_t)sizeof(struct virtio_net_hdr))

/** Bytes of the longest frame of a port, and of one with large receive offload: a whole segment. */
#define VIRTIO_FRAME_MAX   9728
#define VIRTIO_SEGMENT_MAX 65562

/** Bytes before each frame, with HASH_REPORT or without. */
static __rte_always_inline uint32_t
virtio_hdr_size(bool hash)
{
	return hash ? sizeof(struct virtio_net_hdr_hash) : VIRTIO_HDR_SIZE;
}

/**
 * Address of a buffer's byte as the device knows it.
 *
 * @param at
 *   virtio_queue.addr_at: where in an mbuf that address of the buffer is.
 */
static __rte_always_inline uint64_t
virtio_mbuf_addr(const struct rte_mbuf *m, uint16_t at, uint32_t offset)
{
	uint64_t addr;

	memcpy(&addr, RTE_PTR_ADD(m, at), sizeof(addr));
	return addr + offset;
}

/** Where the header of a received frame lies: right before its data. */
static __rte_always_inline const struct virtio_net_hdr *
virtio_rx_hdr(const struct rte_mbuf *m, uint32_t hdr_size)
{
	return (const struct virtio_net_hdr *)(const void *)
		((const char *)m->buf_addr + RTE_PKTMBUF_HEADROOM - hdr_size);
}

/*
 * The sixteen bytes from data_off on, that is data_off, reference count, segments, port and
 * ol_flags, are set in one go; all else of a buffer from a pool is as it must be.
 */
static_assert(offsetof(struct rte_mbuf, ol_flags) ==
	      offsetof(struct rte_mbuf, data_off) + sizeof(uint64_t), "rearm data");
static_assert(offsetof(struct rte_mbuf, data_off) % sizeof(virtio_rearm_t) == 0, "rearm data");

static_assert(offsetof(struct rte_mbuf, pkt_len) ==
	      offsetof(struct rte_mbuf, packet_type) + sizeof(uint32_t) &&
	      offsetof(struct rte_mbuf, data_len) ==
	      offsetof(struct rte_mbuf, pkt_len) + sizeof(uint32_t) &&
	      offsetof(struct rte_mbuf, hash) ==
	      offsetof(struct rte_mbuf, data_len) + sizeof(uint32_t) &&
	      offsetof(struct rte_mbuf, packet_type) % sizeof(virtio_fields_t) == 0, "fields");

static __rte_always_inline void
virtio_mbuf_rearm(struct rte_mbuf *m, virtio_rearm_t value)
{
	*(virtio_rearm_t *)RTE_PTR_ADD(m, offsetof(struct rte_mbuf, data_off)) = value;
}

static inline virtio_rearm_t
virtio_mbuf_rearm_value(uint16_t port_id, uint64_t ol_flags)
{
	struct rte_mbuf m = {
		.data_off = RTE_PKTMBUF_HEADROOM, .nb_segs = 1, .port = port_id,
		.ol_flags = ol_flags,
	};
	virtio_rearm_t value;

	rte_mbuf_refcnt_set(&m, 1);
	memcpy(&value, RTE_PTR_ADD(&m, offsetof(struct rte_mbuf, data_off)), sizeof(value));
	return value;
}

/**
 * By length, index in virtio_counters.size; the bounds are those of upstream's counter names. A
 * table of all that fits a segment, since in mixed traffic each comparison would be a guess.
 */
#define VIRTIO_SIZE_TABLE (UINT16_MAX + 1)
extern const uint8_t virtio_size_bins[VIRTIO_SIZE_TABLE];

static __rte_always_inline unsigned int
virtio_size_bin(uint32_t len)
{
	return virtio_size_bins[RTE_MIN(len, (uint32_t)UINT16_MAX)];
}

/** Counts one packet by destination. */
static __rte_always_inline void
virtio_count_dst(struct virtio_counters *counters, const uint8_t *dst)
{
	static const uint8_t broadcast[RTE_ETHER_ADDR_LEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	if (unlikely(dst[0] & RTE_ETHER_GROUP_ADDR)) {
		if (memcmp(dst, broadcast, sizeof(broadcast)) == 0)
			counters->broadcast++;
		else
			counters->multicast++;
	}
}

/**
 * Counts one packet by size and destination; packets and bytes are added up by the burst. By bytes:
 * a packet to be sent may begin at any address.
 *
 * @param len
 *   Of more than UINT16_MAX bytes, UINT16_MAX.
 * @param no_dst
 *   Constant: not by destination, and the frame is not read.
 */
static __rte_always_inline void
virtio_count(struct virtio_counters *counters, const uint8_t *dst, uint16_t len, const bool no_dst)
{
	counters->size[virtio_size_bins[len]]++;
	if (!no_dst)
		virtio_count_dst(counters, dst);
}

static_assert(offsetof(struct rte_mbuf, nb_segs) == offsetof(struct rte_mbuf, refcnt) +
	      sizeof(uint16_t), "one comparison");

/**
 * One segment with one reference: both counts in one comparison. There is no other segment then
 * by the rules of an mbuf, whose `next` is in a cache line that nothing else here reads.
 */
static __rte_always_inline bool
virtio_mbuf_is_single(const struct rte_mbuf *m)
{
	uint32_t counts;

	memcpy(&counts, RTE_PTR_ADD(m, offsetof(struct rte_mbuf, refcnt)), sizeof(counts));
	return counts == UINT32_C(0x00010001);
}

/** Flags of an mbuf whose data is another's, or external memory. */
#define VIRTIO_MBUF_NOT_DIRECT (RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL)

/**
 * Of an mbuf with VIRTIO_MBUF_NOT_DIRECT: whether its data is external memory that its pool pinned
 * to it, with no clone attached. Such a buffer is its own mbuf's as a direct one's is.
 */
static __rte_always_inline bool
virtio_mbuf_is_pinned(const struct rte_mbuf *m)
{
	return (m->ol_flags & VIRTIO_MBUF_NOT_DIRECT) == RTE_MBUF_F_EXTERNAL &&
	       (rte_pktmbuf_priv_flags(m->pool) & RTE_PKTMBUF_POOL_F_PINNED_EXT_BUF) &&
	       rte_mbuf_ext_refcnt_read(m->shinfo) == 1;
}

/** Whether no other mbuf uses its memory, beside the mbuf's own reference count. */
static __rte_always_inline bool
virtio_mbuf_owns_data(const struct rte_mbuf *m)
{
	return likely(!(m->ol_flags & VIRTIO_MBUF_NOT_DIRECT)) || virtio_mbuf_is_pinned(m);
}

/** A header in the headroom: no descriptor of its own, but only where no other mbuf reads there. */
static __rte_always_inline bool
virtio_tx_can_push(const struct rte_mbuf *m, uint32_t hdr_size)
{
	return rte_mbuf_refcnt_read(m) == 1 && virtio_mbuf_owns_data(m) &&
	       m->data_off >= hdr_size;
}

/** One segment with one reference and its pool's own memory: may go back to its pool as it is. */
static __rte_always_inline bool
virtio_mbuf_is_simple(const struct rte_mbuf *m)
{
	return virtio_mbuf_is_single(m) && virtio_mbuf_owns_data(m);
}

/** Takes the ring out of service; the caller is inside the gate and leaves it next. */
static inline void
virtio_queue_set_broken(struct virtio_queue *q, const char *why)
{
	if (virtqueue_set_broken(q->vq, why)) {
		q->events.broken++;
		virtio_event_report(q, RTE_PMD_VIRTIO_QUEUE_BROKEN);
	}
	/* The ring's state before the gate: virtio_queue_resume(), gate_closed_inside.litmus. */
	rte_atomic_thread_fence(rte_memory_order_seq_cst);
	virtio_gate_close_inside(&q->gate);
}

/** At the end of a burst that has caught up with the device. */
static __rte_always_inline void
virtio_look_ahead_begin(struct virtio_look_ahead *ahead)
{
	if (unlikely(ahead->cycles == 0))
		return;
	ahead->since = rte_rdtsc();
	ahead->on = true;
}

/** Whether it began less than `cycles` ago. Ends the looking ahead if not. */
static __rte_always_inline bool
virtio_look_ahead_goes_on(struct virtio_look_ahead *ahead, uint64_t cycles)
{
	/* A counter that was set back ends it too. */
	if (rte_rdtsc() - ahead->since < cycles)
		return true;
	ahead->on = false;
	return false;
}

/**
 * Whether a burst is to leave used buffers where they are: the `n`th descriptor from the next one
 * on, at least 1, is not used, and the time is not over. Ends the looking ahead when it is.
 */
static __rte_always_inline bool
virtio_look_ahead_waits(struct virtio_look_ahead *ahead, const struct virtqueue *vq, uint16_t n)
{
	if (likely(n < virtqueue_in_flight(vq) && ring_is_plain(vq) && !vq->has_batches)) {
		if (ring_is_used_ahead(vq, n))
			return false;
		return virtio_look_ahead_goes_on(ahead, ahead->cycles);
	}
	ahead->on = false;
	return false;
}

/**
 * `n` buffers of a pool, with no copy of their pointers where its cache for this thread has so
 * many; valid until the pool is used again.
 *
 * @param bulk
 *   Room for them, if need be.
 * @return
 *   NULL where the pool does not have them.
 */
static __rte_always_inline struct rte_mbuf **
virtio_pool_take(struct rte_mempool *pool, struct rte_mbuf **bulk, unsigned int n)
{
#if !defined(RTE_LIBRTE_MEMPOOL_DEBUG) && !defined(RTE_LIBRTE_MEMPOOL_STATS)
	struct rte_mempool_cache *cache = rte_mempool_default_cache(pool, rte_lcore_id());

	if (likely(cache != NULL && cache->len >= n)) {
		cache->len -= n;
		return (struct rte_mbuf **)&cache->objs[cache->len];
	}
#endif
	return rte_mempool_get_bulk(pool, (void **)bulk, n) == 0 ? bulk : NULL;
}

#endif /* VIRTIO_RXTX_COMMON_H */
