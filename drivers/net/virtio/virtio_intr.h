/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VIRTIO_INTR_H
#define VIRTIO_INTR_H

/**
 * @file
 * Receive interrupts, and the address that a sleeping core monitors.
 */

#include <stdint.h>

#include <ethdev_driver.h>

#include "virtio_compat.h"
#include "virtio_queue.h"

struct virtio_port;

/**
 * Takes intr_conf.rxq and the number of receive queues over, as ethdev has them. All interrupts are
 * disabled then. Control call, on a port that is stopped.
 *
 * @return
 *   0. -ENOTSUP: this device has none. Else what the bus says. After an error there are none.
 */
int virtio_rx_intr_configure(struct virtio_port *port);

/** Takes the event descriptors back, out of the application's epoll too. */
void virtio_rx_intr_release(struct virtio_port *port);

/** The ring was started and the gate has opened: as before the stop. Port's lock held. */
void virtio_rx_intr_resume(struct virtio_queue *q);

/** The ring was proven stopped: what it raised before means nothing any more. */
void virtio_rx_intr_clear(const struct virtio_queue *q);

/*
 * ethdev's ops. Any thread, in any state of the queue: at a stopped queue the request is kept for
 * its start. -EINVAL: the queue was never set up. -ENOTSUP: not configured with intr_conf.rxq.
 */
int virtio_rx_queue_intr_enable(struct rte_eth_dev *edev, uint16_t id);
int virtio_rx_queue_intr_disable(struct rte_eth_dev *edev, uint16_t id);

/**
 * ethdev's op.
 *
 * @return
 *   0. -EINVAL: the queue is between release and set-up. -EAGAIN: it is stopped.
 */
int virtio_get_monitor_addr(void *rx_queue, struct rte_power_monitor_cond *pmc);

#endif /* VIRTIO_INTR_H */
