/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VIRTIO_RXTX_VECTOR_H
#define VIRTIO_RXTX_VECTOR_H

/**
 * @file
 * What the vector paths share. Each is virtio_rxtx_body.h with functions for the front of a burst
 * that look at a group of buffers at once. They handle rings whose buffers were used in order so
 * far (is_identity), where the id expected at a place is its number and the cookies of a run lie
 * side by side; and of those the plain ones, as far as the end of the ring. At the first group
 * that is not so they leave the rest to the body, which looks at it anew. Nothing is written for a
 * group before all of it was found good.
 *
 * A file of its own for each kind of instructions defines these four, and makes its paths with
 * VECTOR_LAYOUT for each layout. Its `isa` ends the names of struct virtio_paths, virtio_rxtx.h.
 *
 *   rx_vector()    takes used buffers and makes mbufs of them; how many
 *   post_vector()  fills places with receive buffers; how many. The caller accounts for them
 *   tx_vector()    fills places with packets; how many
 *   free_vector()  takes used buffers and frees their packets; how many. `known`: all of them are
 *                  used for certain, and their entries not to be read
 */

#include "virtio_rxtx_body.h"

static_assert(offsetof(struct rte_mbuf, packet_type) % (2 * sizeof(uint64_t)) == 0 &&
	      offsetof(struct rte_mbuf, packet_type) == offsetof(struct rte_mbuf, ol_flags) + 8 &&
	      offsetof(struct rte_mbuf, pkt_len) == offsetof(struct rte_mbuf, packet_type) + 4 &&
	      offsetof(struct rte_mbuf, data_len) == offsetof(struct rte_mbuf, packet_type) + 8,
	      "fields of a received mbuf");

/** Reference count and segments, of the eight bytes from data_off on; as a simple packet has. */
#define VECTOR_COUNTS UINT64_C(0x0000ffffffff0000)
#define VECTOR_SIMPLE UINT64_C(0x0000000100010000)

static __rte_always_inline uint16_t
rx_vector(struct virtio_rxq *rxq, struct rte_mbuf **pkts, uint16_t n, const struct rx_mode mode);
static __rte_always_inline uint16_t
post_vector(const struct virtio_rxq *rxq, const struct ring_view *view, struct rte_mbuf **bufs,
	    uint16_t n, const bool packed);
static __rte_always_inline uint16_t
tx_vector(struct virtio_txq *txq, struct rte_mbuf **pkts, uint16_t n, const struct tx_mode mode);
static __rte_always_inline uint16_t
free_vector(struct virtqueue *vq, uint16_t n, const bool known, const bool packed);

#define VECTOR_RX(name, packed_, ...) \
static __rte_always_inline uint16_t \
rx_fast_ ## name(struct virtio_rxq *rxq, struct rte_mbuf **pkts, uint16_t n) \
{ \
	return rx_vector(rxq, pkts, n, (struct rx_mode){ .packed = packed_, __VA_ARGS__ }); \
} \
static __rte_always_inline uint16_t \
post_fast_ ## name(const struct virtio_rxq *rxq, const struct ring_view *view, \
		    struct rte_mbuf **bufs, uint16_t n) \
{ \
	return post_vector(rxq, view, bufs, n, packed_); \
} \
VIRTIO_RX_PATH(name, .packed = packed_, .fast = rx_fast_ ## name, \
	       .post_fast = post_fast_ ## name, __VA_ARGS__)

#define VECTOR_TX(name, packed_, ...) \
static __rte_always_inline uint16_t \
tx_fast_ ## name(struct virtio_txq *txq, struct rte_mbuf **pkts, uint16_t n) \
{ \
	return tx_vector(txq, pkts, n, (struct tx_mode){ .packed = packed_, __VA_ARGS__ }); \
} \
static __rte_always_inline uint16_t \
free_fast_ ## name(struct virtqueue *vq, uint16_t n, const bool known) \
{ \
	/* `known` is a constant in the loop, also if this is called by its address. */ \
	return known ? free_vector(vq, n, true, packed_) : free_vector(vq, n, false, packed_); \
} \
VIRTIO_TX_PATH(name, .packed = packed_, .fast = tx_fast_ ## name, \
	       .free_fast = free_fast_ ## name, __VA_ARGS__)

#define VECTOR_LAYOUT(layout, packed_, isa) \
VECTOR_RX(layout, packed_, .offload = false); \
VECTOR_RX(layout ## _offload, packed_, .offload = true); \
VECTOR_RX(layout ## _mergeable, packed_, .mergeable = true); \
VECTOR_RX(layout ## _mergeable_offload, packed_, .mergeable = true, .offload = true); \
VECTOR_RX(layout ## _no_dst, packed_, .no_dst = true); \
VECTOR_TX(layout, packed_, .offload = false); \
VECTOR_TX(layout ## _offload, packed_, .offload = true); \
VECTOR_TX(layout ## _no_dst, packed_, .no_dst = true); \
const struct virtio_paths VIRTIO_PATHS(layout ## _ ## isa) = { \
	.rx = { \
		{ &rx_path_ ## layout, &rx_path_ ## layout ## _offload }, \
		{ &rx_path_ ## layout ## _mergeable, &rx_path_ ## layout ## _mergeable_offload }, \
	}, \
	.tx = { &tx_path_ ## layout, &tx_path_ ## layout ## _offload }, \
	.rx_no_dst = &rx_path_ ## layout ## _no_dst, \
	.tx_no_dst = &tx_path_ ## layout ## _no_dst, \
}

#endif /* VIRTIO_RXTX_VECTOR_H */
