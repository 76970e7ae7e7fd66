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
#define VIRTIO_NET_F_MRG_RXBUF   15
#define VIRTIO_NET_F_MQ          22

/** What precedes each frame, section 5.1.6; with VERSION_1 num_buffers is always there. */
struct virtio_net_hdr {
	uint8_t flags;
	uint8_t gso_type;
	uint16_t hdr_len;
	uint16_t gso_size;
	uint16_t csum_start;
	uint16_t csum_offset;
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
