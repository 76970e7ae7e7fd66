/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VIRTIO_PORT_H
#define VIRTIO_PORT_H

/**
 * @file
 * A port as a whole is brought up and taken down; a queue of it is started and stopped, with what
 * the rest of the port has to do then: steering, pairs, announcement, watchdog.
 */

#include "virtio.h"

/**
 * Brings a device that was reset up with the queues as they stand: all rings enabled, those that
 * are not to run stopped again. Port's lock held.
 *
 * @param run_rx, run_tx
 *   By queue: whether it is to run.
 */
int virtio_port_bring_up(struct virtio_port *port, const bool *run_rx, const bool *run_tx);

/**
 * The opposite: all gates closed, the device reset, buffers given back. Port's lock held.
 *
 * Neither of the two changes the queue states of ethdev: while a port connects to a back-end, a
 * queue that is to run must not look stopped, or a stop would not even reach the driver.
 */
int virtio_port_take_down(struct virtio_port *port);

/** Tells ethdev the state of each queue. Port's lock held. */
void virtio_port_show_states(struct virtio_port *port);

/**
 * By the driver itself: stops the queue, if it is not, and starts it. Port's lock held.
 *
 * @return
 *   As ethdev's calls for it.
 */
int virtio_port_restart_queue(struct virtio_queue *q);

/* ethdev's ops */
int virtio_rx_queue_start(struct rte_eth_dev *edev, uint16_t id);
int virtio_rx_queue_stop(struct rte_eth_dev *edev, uint16_t id);
int virtio_tx_queue_start(struct rte_eth_dev *edev, uint16_t id);
int virtio_tx_queue_stop(struct rte_eth_dev *edev, uint16_t id);

/**
 * Takes the port's lock, which a thread that waits for a silent device may hold for long.
 *
 * @return
 *   false: not within `timeout_us` microseconds.
 */
bool virtio_port_lock_within(struct virtio_port *port, uint64_t timeout_us);

#endif /* VIRTIO_PORT_H */
