/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>

#include <rte_common.h>

#include "pci_bus.h"
#include "virtio_config.h"
#include "virtio_pci_port.h"

bool pci_bus_cuts_off;

static int
reconnect(struct virtio_device *dev __rte_unused)
{
	return -ENODEV;
}

static void
disconnect(struct virtio_device *dev)
{
	if (pci_bus_cuts_off)
		virtio_pci_cut_off(dev);
}

const struct virtio_bus pci_bus = {
	.is_up = virtio_pci_is_up,
	.reconnect = reconnect,
	.disconnect = disconnect,
	.destroy = virtio_pci_destroy,
	.features = VIRTIO_PCI_FEATURES,
	.whole_pairs = true,
	.link_is_up = virtio_config_link_is_up,
	.link_speed = virtio_config_link_speed,
};
