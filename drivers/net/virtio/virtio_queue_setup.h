/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VIRTIO_QUEUE_SETUP_H
#define VIRTIO_QUEUE_SETUP_H

/**
 * @file
 * Set-up, information and end of ethdev's queues.
 */

#include "virtio.h"

/* ethdev's ops */
int virtio_rx_queue_setup(struct rte_eth_dev *edev, uint16_t id, uint16_t nb_desc,
			  unsigned int socket, const struct rte_eth_rxconf *conf,
			  struct rte_mempool *pool);
int virtio_tx_queue_setup(struct rte_eth_dev *edev, uint16_t id, uint16_t nb_desc,
			  unsigned int socket, const struct rte_eth_txconf *conf);
void virtio_rx_queue_release(struct rte_eth_dev *edev, uint16_t id);
void virtio_tx_queue_release(struct rte_eth_dev *edev, uint16_t id);
void virtio_rxq_info_get(struct rte_eth_dev *edev, uint16_t id, struct rte_eth_rxq_info *info);
void virtio_txq_info_get(struct rte_eth_dev *edev, uint16_t id, struct rte_eth_txq_info *info);

/* The port's lock is held. */

/** The size that a ring of the device has where this one is asked for; or the device's error. */
int virtio_ring_size(struct virtio_port *port, uint16_t ring, uint16_t *nb_desc);

/**
 * Before the port starts: a queue that has kept its set-up while the port was configured anew gets
 * buffers for the headers that there are now.
 *
 * @return
 *   0, or -EINVAL with a message where a receive queue's buffers do not hold a frame of the MTU.
 */
int virtio_queue_fit_buffers(struct virtio_queue *q);

/**
 * Whether a receive queue can take a frame of the device's MTU.
 *
 * @param room
 *   Bytes of a buffer for a frame.
 * @param size
 *   Descriptors of the ring. Only with mergeable buffers a frame has several.
 */
bool virtio_queue_holds_mtu(const struct virtio_port *port, uint32_t room, uint16_t size);

/** Frees the rings of queues that the application has released; they are READY. */
void virtio_queues_forget_released(struct virtio_port *port);

/** Whether a thread is still within a burst or a query of a queue, though all gates are closed. */
bool virtio_queues_are_entered(const struct virtio_port *port);

/** Frees all queues. Those whose ring is not READY are left behind, with a log line. */
void virtio_queues_free(struct virtio_port *port);

#endif /* VIRTIO_QUEUE_SETUP_H */
