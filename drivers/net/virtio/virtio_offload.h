/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VIRTIO_OFFLOAD_H
#define VIRTIO_OFFLOAD_H

/**
 * @file
 * Offloads: what an mbuf says of them, and what the header before a frame does (5.1.6.2, 5.1.6.4).
 * The same for all data paths.
 */

#include <stdbool.h>

#include <rte_mbuf.h>

#include <ethdev_driver.h>

#include "virtio_compat.h"
#include "virtio_net.h"

struct virtio_port;
struct virtio_rxq;

/** Flags of a packet whose header has offload fields. */
#define VIRTIO_TX_OFFLOAD_FLAGS (RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_TCP_SEG)

/** Header of a packet with VIRTIO_TX_OFFLOAD_FLAGS, as virtio_tx_prepare() left it. */
struct virtio_net_hdr virtio_tx_offload(const struct rte_mbuf *m);

/** Whether a received header says anything of offloads. */
static __rte_always_inline bool
virtio_rx_has_offload(const struct virtio_net_hdr *hdr)
{
	uint16_t flags_and_gso;

	memcpy(&flags_and_gso, hdr, sizeof(flags_and_gso));
	return flags_and_gso != 0;
}

/**
 * Tells an mbuf, complete but for this, what the header says of its frame.
 *
 * @param hdr
 *   In memory that the device can write; read once.
 * @return
 *   0. -EINVAL: what it says cannot be true; then nothing was done to the frame.
 */
int virtio_rx_offload(const struct virtio_rxq *rxq, struct rte_mbuf *m,
		      const struct virtio_net_hdr *hdr);

/** Takes the VLAN tags off packets that were just received and counted. */
void virtio_vlan_strip(struct virtio_rxq *rxq, struct rte_mbuf **pkts, uint16_t n);

/** ethdev's tx_pkt_prepare: VLAN tags put in, checksum fields as the device wants to find them. */
uint16_t virtio_tx_prepare(void *txq, struct rte_mbuf **pkts, uint16_t n);

/** A port was configured anew: queues that keep their set-up strip as both say. */
void virtio_vlan_configure(struct virtio_port *port);

/* ethdev's ops */
int virtio_vlan_offload_set(struct rte_eth_dev *edev, int mask);
void virtio_vlan_strip_queue_set(struct rte_eth_dev *edev, uint16_t id, int on);

#endif /* VIRTIO_OFFLOAD_H */
