/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VIRTIO_ETHDEV_H
#define VIRTIO_ETHDEV_H

/**
 * @file
 * An ethdev port: made from a device that its bus has found, and closed.
 */

#include "virtio.h"

/**
 * Makes an ethdev port of a device that was met by its bus.
 *
 * @return
 *   0, -ENOMEM.
 */
int virtio_port_create(struct rte_eth_dev *edev);

/**
 * Stops the port, if need be, and gives everything back but the ethdev itself. Any state.
 *
 * @return
 *   0. -EBUSY: a thread is within a burst and does not come out; what it may use next is left
 *   behind, with a log line, and the device's registers are to stay mapped.
 */
int virtio_port_close(struct rte_eth_dev *edev);

/** Logs, at INFO, the version of this driver and those of DPDK, for the device of this name. */
void virtio_version_log(const char *name);

/* ethdev's ops that read alone, for a secondary process too. */
int virtio_dev_infos_get(struct rte_eth_dev *edev, struct rte_eth_dev_info *info);
const uint32_t *virtio_supported_ptypes_get(VIRTIO_PTYPES_GET_ARGS);

#endif /* VIRTIO_ETHDEV_H */
