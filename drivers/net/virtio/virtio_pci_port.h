/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VIRTIO_PCI_PORT_H
#define VIRTIO_PCI_PORT_H

/**
 * @file
 * What of a virtio-pci port needs its registers and no PCI bus: a test has it on registers of its
 * own.
 */

#include "transport_pci.h"
#include "virtio.h"
#include "virtio_net.h"
#include "virtqueue.h"

/** Of struct virtio_bus, for a device that was met here. */
void virtio_pci_destroy(struct virtio_device *dev);
#define VIRTIO_PCI_FEATURES \
	(VIRTIO_BIT(VIRTIO_NET_F_MAC) | VIRTIO_BIT(VIRTIO_NET_F_STATUS) | \
	 VIRTIO_BIT(VIRTIO_NET_F_CTRL_VQ) | VIRTIO_BIT(VIRTIO_NET_F_CTRL_RX) | \
	 VIRTIO_BIT(VIRTIO_NET_F_CTRL_MAC_ADDR) | VIRTIO_BIT(VIRTIO_NET_F_GUEST_ANNOUNCE) | \
	 VIRTIO_BIT(VIRTIO_F_ACCESS_PLATFORM) | \
	 VIRTIO_BIT(VIRTIO_NET_F_SPEED_DUPLEX) | VIRTIO_BIT(VIRTIO_F_NOTIFICATION_DATA) | \
	 VIRTQUEUE_ORDER_FEATURES)

/** Of struct virtio_pci_conf: 5.1.2, and what they need (5.1.3.1, and 6.1 behind an IOMMU). */
#define VIRTIO_PCI_RING_FEATURES \
	(VIRTIO_BIT(VIRTIO_NET_F_CTRL_VQ) | VIRTIO_BIT(VIRTIO_NET_F_MQ) | \
	 VIRTIO_BIT(VIRTIO_NET_F_RSS) | VIRTIO_BIT(VIRTIO_F_ACCESS_PLATFORM))

#define VIRTIO_PCI_RING_NEEDS VIRTIO_BIT(VIRTIO_NET_F_CTRL_VQ)

bool virtio_pci_is_up(struct virtio_device *dev);

/**
 * Handler of the interrupt that tells of a changed configuration, of a struct virtio_port: the
 * port's worker looks after link and announcements.
 */
void virtio_pci_event(void *port);

/**
 * Meets the device behind the windows and makes its ethdev port: pairs, sizes, address, MTU and RSS
 * as the device has them. port->edev, args and bus are set before.
 *
 * @param legacy
 *   Its registers are those of virtio 0.9.5. Such a device has one pair of queues here.
 * @return
 *   0. -EINVAL: the device says what cannot be. -ENOTSUP: a legacy device without MRG_RXBUF or
 *   ANY_LAYOUT, whose headers the data paths do not have. Else as virtio_pci_modern_create() and
 *   virtio_port_create(); after an error nothing is left.
 */
int virtio_pci_port_create(struct virtio_port *port, const char *name,
			   const struct virtio_pci_conf *conf, bool legacy);

#endif /* VIRTIO_PCI_PORT_H */
