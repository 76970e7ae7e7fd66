/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VIRTIO_NEEDS_RESET_H
#define VIRTIO_NEEDS_RESET_H

/**
 * @file
 * A device that needs a reset, 2.1.2: how the driver finds it, and which events follow. Its link is
 * down from then on, and there are two events, RTE_ETH_EVENT_INTR_LSC, if the link was up, and
 * RTE_ETH_EVENT_INTR_RESET. rte_eth_dev_stop() and _start(), or rte_eth_dev_reset(), bring the port
 * back, since both reset the device.
 *
 * Found by: the interrupt of a changed configuration, rte_eth_link_get(), commands of the control
 * queue, a start or stop of a queue that failed, and the watchdog. On virtio-pci and vhost-vDPA
 * alone: the status of other back-ends comes by a message, and nothing asks for it.
 */

#include <stdbool.h>

struct virtio_port;

/**
 * Looks at the device, and has the application called back if this is news. Port's lock held.
 *
 * @return
 *   As virtio_device_check().
 */
int virtio_needs_reset(struct virtio_port *port);

/** The worker's: whether RTE_ETH_EVENT_INTR_RESET is to be raised now. Port's lock held. */
bool virtio_needs_reset_take(struct virtio_port *port);

#endif /* VIRTIO_NEEDS_RESET_H */
