/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VIRTIO_RXTX_COMMON_H
#define VIRTIO_RXTX_COMMON_H

/**
 * @file
 * What the data paths of all layouts share: addresses, headers, counters, freeing, quarantine.
 */

#include <string.h>

#include <rte_ether.h>
#include <rte_mbuf.h>

#include "virtio_log.h"
#include "virtio_queue.h"

#define VIRTIO_HDR_SIZE ((uint32_t)sizeof(struct virtio_net_hdr))

/** Address of a buffer's byte as the device knows it: virtio-user's back-end maps ours. */
static __rte_always_inline uint64_t
virtio_mbuf_addr(const struct rte_mbuf *m, uint32_t offset)
{
	return (uint64_t)(uintptr_t)m->buf_addr + offset;
}

/** Where the header of a received frame lies: right before its data. */
static __rte_always_inline const struct virtio_net_hdr *
virtio_rx_hdr(const struct rte_mbuf *m)
{
	return (const struct virtio_net_hdr *)(const void *)
		((const char *)m->buf_addr + RTE_PKTMBUF_HEADROOM - VIRTIO_HDR_SIZE);
}

/*
 * The eight bytes from data_off on, data_off, reference count, segments and port, are set in one
 * go; all else of a buffer from a pool is as it must be.
 */
static_assert(offsetof(struct rte_mbuf, port) + sizeof(uint16_t) ==
	      offsetof(struct rte_mbuf, data_off) + sizeof(uint64_t), "rearm data");

static __rte_always_inline void
virtio_mbuf_rearm(struct rte_mbuf *m, uint64_t value)
{
	memcpy(RTE_PTR_ADD(m, offsetof(struct rte_mbuf, data_off)), &value, sizeof(value));
}

static inline uint64_t
virtio_mbuf_rearm_value(uint16_t port_id)
{
	struct rte_mbuf m = { .data_off = RTE_PKTMBUF_HEADROOM, .nb_segs = 1, .port = port_id };
	uint64_t value;

	rte_mbuf_refcnt_set(&m, 1);
	memcpy(&value, RTE_PTR_ADD(&m, offsetof(struct rte_mbuf, data_off)), sizeof(value));
	return value;
}

/** Index in virtio_counters.size; the bounds are those of upstream's counter names. */
static __rte_always_inline unsigned int
virtio_size_bin(uint32_t len)
{
	if (len > 64 && len < 1024)
		return 27 - (unsigned int)__builtin_clz(len);
	if (len <= 64)
		return len == 64;
	return len < 1519 ? 6 : 7;
}

/**
 * Counts one packet by size and destination; packets and bytes are added up by the burst. By bytes:
 * a packet to be sent may begin at any address.
 */
static __rte_always_inline void
virtio_count(struct virtio_counters *counters, const uint8_t *dst, uint32_t len)
{
	static const uint8_t broadcast[RTE_ETHER_ADDR_LEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	counters->size[virtio_size_bin(len)]++;
	if (unlikely(dst[0] & RTE_ETHER_GROUP_ADDR)) {
		if (memcmp(dst, broadcast, sizeof(broadcast)) == 0)
			counters->broadcast++;
		else
			counters->multicast++;
	}
}

static_assert(offsetof(struct rte_mbuf, nb_segs) == offsetof(struct rte_mbuf, refcnt) +
	      sizeof(uint16_t), "one comparison");

/** One segment that nobody else holds: both counts in one comparison. */
static __rte_always_inline bool
virtio_mbuf_is_single(const struct rte_mbuf *m)
{
	uint32_t counts;

	memcpy(&counts, RTE_PTR_ADD(m, offsetof(struct rte_mbuf, refcnt)), sizeof(counts));
	return counts == UINT32_C(0x00010001);
}

/** A header in the headroom: no descriptor of its own, but only where nobody else reads there. */
static __rte_always_inline bool
virtio_tx_can_push(const struct rte_mbuf *m)
{
	return rte_mbuf_refcnt_read(m) == 1 && RTE_MBUF_DIRECT(m) && m->data_off >= VIRTIO_HDR_SIZE;
}

/** The packet that nearly all are: one segment, with room for its header. */
static __rte_always_inline bool
virtio_tx_is_plain(const struct rte_mbuf *m)
{
	return likely(virtio_mbuf_is_single(m) && RTE_MBUF_DIRECT(m) &&
		      m->data_off >= VIRTIO_HDR_SIZE);
}

/** Takes the ring out of service; the caller is inside the gate and leaves it next. */
static inline void
virtio_quarantine(struct virtio_queue *q, const char *why)
{
	virtio_gate_shut(&q->gate);
	if (virtqueue_quarantine(q->vq, why))
		q->events.quarantined++;
}

/** Most packets that virtio_free_packets() is given at once. */
#define VIRTIO_FREE_BULK 64u

/**
 * Frees packets, in runs that came from one pool: a queue's packets may come from several, also
 * where the application says that they do not (its pool may have been swapped).
 */
static __rte_always_inline void
virtio_free_packets(struct rte_mbuf **pkts, unsigned int n)
{
	struct rte_mempool *pool = NULL;
	unsigned int start = 0;
	unsigned int i;

	for (i = 0; i < n; i++) {
		struct rte_mbuf *m = pkts[i];

		if (likely(virtio_mbuf_is_single(m) && RTE_MBUF_DIRECT(m) && m->pool == pool))
			continue;
		if (i > start)
			rte_mempool_put_bulk(pool, (void **)&pkts[start], i - start);
		if (likely(virtio_mbuf_is_single(m) && RTE_MBUF_DIRECT(m))) {
			pool = m->pool;
			start = i;
		} else {
			rte_pktmbuf_free(m);
			pool = NULL;
			start = i + 1;
		}
	}
	if (n > start)
		rte_mempool_put_bulk(pool, (void **)&pkts[start], n - start);
}

#endif /* VIRTIO_RXTX_COMMON_H */
