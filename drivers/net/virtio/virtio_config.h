/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VIRTIO_CONFIG_H
#define VIRTIO_CONFIG_H

/**
 * @file
 * The device configuration of a network device (5.1.4), for buses whose devices have one.
 */

#include "virtio.h"

/** Of struct virtio_bus. A device that needs a reset has no link. */
int virtio_config_link_is_up(struct virtio_device *dev, bool *up);
int virtio_config_link_speed(struct virtio_device *dev, struct rte_eth_link *link);

/**
 * Sets port->max_pairs and port->has_ctrl.
 *
 * @return
 *   0. -EINVAL: the device reports what cannot be. Else the transport's error.
 */
int virtio_config_read_pairs(struct virtio_port *port);

/** Sets MTU, RSS, and the MAC address unless the user has given one; errors as above. */
int virtio_config_read(struct virtio_port *port);

#endif /* VIRTIO_CONFIG_H */
