/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VIRTIO_RXTX_H
#define VIRTIO_RXTX_H

/**
 * @file
 * The data paths, as the rest of the driver sees them.
 */

#include <stdint.h>

#include "virtio_queue.h"

/**
 * One data path: what a port's queues run on.
 *
 * The burst functions are called by the queue's polling thread and return 0 at a closed gate and
 * for a NULL queue, which is what ethdev hands on between release and set-up. The others are for
 * the polling thread inside the gate, or for the control side with the ring READY.
 */
struct virtio_path {
	const char *rx_name;
	const char *tx_name;
	eth_rx_burst_t rx_burst;
	eth_tx_burst_t tx_burst;
	/**
	 * Fills a receive ring as far as the pool goes; returns buffers posted, does not notify.
	 */
	uint16_t (*rx_fill)(struct virtio_rxq *rxq);
	/** Packets that the device has written and nobody has taken. */
	uint32_t (*rx_unread)(const struct virtio_rxq *rxq);
	/** Frees up to `most` packets that the device has sent; how many, -EPROTO on a bad ring. */
	int (*tx_complete)(struct virtio_txq *txq, uint32_t most);
};

extern const struct virtio_path virtio_path_split;
extern const struct virtio_path virtio_path_split_mergeable;
extern const struct virtio_path virtio_path_packed;
extern const struct virtio_path virtio_path_packed_mergeable;

/** The path of a port, by layout and what was negotiated. */
const struct virtio_path *virtio_path_choose(const struct virtio_port *port);

/** Sets the port's burst functions, and the queries that ethdev calls directly. */
void virtio_path_install(struct rte_eth_dev *edev, const struct virtio_path *path);

int virtio_rx_burst_mode_get(struct rte_eth_dev *edev, uint16_t id,
			     struct rte_eth_burst_mode *mode);
int virtio_tx_burst_mode_get(struct rte_eth_dev *edev, uint16_t id,
			     struct rte_eth_burst_mode *mode);
int virtio_tx_done_cleanup(void *txq, uint32_t free_cnt);

#endif /* VIRTIO_RXTX_H */
