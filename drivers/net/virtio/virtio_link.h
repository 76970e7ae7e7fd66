/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VIRTIO_LINK_H
#define VIRTIO_LINK_H

/**
 * @file
 * The link, and back-ends that come and go.
 */

#include <poll.h>

#include "virtio.h"

/** ethdev's op. */
int virtio_link_update(struct rte_eth_dev *edev, int wait_to_complete);

/** Reads the link and shows it to ethdev. Port's lock held. */
void virtio_link_refresh(struct virtio_port *port);

/** Whether the link is another one than the application knows; from here on it does. */
bool virtio_link_changed(struct virtio_port *port);

/**
 * The worker, with the port's lock held: notices the end of a connection, takes the next back-end,
 * refreshes the link.
 *
 * @param changed
 *   The device says that its configuration has changed.
 * @return
 *   The application is to be called back with RTE_ETH_EVENT_INTR_LSC.
 */
bool virtio_link_serve(struct virtio_port *port, bool changed);

/**
 * Port's lock held: what the worker is to poll next, where there is anything, and when it is to
 * look again at the latest. Both are left alone otherwise.
 */
void virtio_link_watch(struct virtio_port *port, struct pollfd *watched, uint64_t *until_us);

#endif /* VIRTIO_LINK_H */
