/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VIRTIO_NET_H
#define VIRTIO_NET_H

/**
 * @file
 * The network device's part of the virtio specification, section 5.1 of virtio 1.2.
 */

#include <assert.h>
#include <stdint.h>

/** Feature bits, section 5.1.3. */
#define VIRTIO_NET_F_CSUM        0
#define VIRTIO_NET_F_GUEST_CSUM  1
#define VIRTIO_NET_F_GUEST_TSO4  7
#define VIRTIO_NET_F_GUEST_TSO6  8
#define VIRTIO_NET_F_HOST_TSO4   11
#define VIRTIO_NET_F_HOST_TSO6   12
#define VIRTIO_NET_F_MRG_RXBUF   15
#define VIRTIO_NET_F_MQ          22

/** virtio_net_hdr.flags, section 5.1.6. */
#define VIRTIO_NET_HDR_F_NEEDS_CSUM 1
#define VIRTIO_NET_HDR_F_DATA_VALID 2

/** virtio_net_hdr.gso_type. */
#define VIRTIO_NET_HDR_GSO_NONE  0
#define VIRTIO_NET_HDR_GSO_TCPV4 1
#define VIRTIO_NET_HDR_GSO_TCPV6 4

/** What precedes each frame, section 5.1.6; with VERSION_1 num_buffers is always there. */
struct virtio_net_hdr {
	uint8_t flags;
	uint8_t gso_type;
	uint16_t hdr_len;     /**< with a gso_type: bytes of all headers */
	uint16_t gso_size;    /**< payload of each segment */
	uint16_t csum_start;  /**< from the frame's first byte */
	uint16_t csum_offset; /**< of the checksum, from there */
	uint16_t num_buffers; /**< receive, with MRG_RXBUF: buffers that this frame fills */
};

static_assert(sizeof(struct virtio_net_hdr) == 12, "5.1.6");

/** Ring index of a queue, section 5.1.2. */
static inline uint16_t
virtio_net_rx_ring(uint16_t queue)
{
	return 2 * queue;
}

static inline uint16_t
virtio_net_tx_ring(uint16_t queue)
{
	return 2 * queue + 1;
}

#endif /* VIRTIO_NET_H */
