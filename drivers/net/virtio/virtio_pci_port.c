/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <inttypes.h>

#include <rte_common.h>

#include "virtio_config.h"
#include "virtio_ethdev.h"
#include "virtio_event.h"
#include "virtio_log.h"
#include "virtio_net.h"
#include "virtio_pci_port.h"

/* Of ethdev, where a driver does not say. */
#define DEFAULT_RING ((uint16_t)RTE_ETH_DEV_FALLBACK_RX_RINGSIZE)

/* Upstream's limit of queue pairs, and ours. */
#define MAX_PAIRS 128

bool
virtio_pci_is_up(struct virtio_device *dev)
{
	uint8_t status;

	return virtio_device_ops(dev)->get_status(dev, &status) == 0;
}

void
virtio_pci_event(void *arg)
{
	virtio_event_raise(arg, VIRTIO_WORK_LINK);
}

/* Descriptors where the application requests no size: not all that a device takes are of use. */
static int
read_ring_size(struct virtio_port *port, uint16_t ring, uint16_t *size)
{
	const int ret = virtio_device_queue_max(&port->dev, ring, size);

	if (ret == 0 && !port->dev.legacy)
		*size = RTE_MIN(*size, DEFAULT_RING);
	return ret;
}

static int
read_device(struct virtio_port *port)
{
	struct virtio_device *dev = &port->dev;
	int ret;

	ret = virtio_config_read_pairs(port);
	if (ret != 0)
		return ret;
	port->args.pairs = RTE_MIN(port->max_pairs, MAX_PAIRS);
	ret = read_ring_size(port, virtio_net_rx_vq(0), &port->args.queue_size);
	if (ret == 0)
		ret = read_ring_size(port, virtio_net_tx_vq(0), &port->tx_queue_size);
	if (ret == 0)
		ret = virtio_config_read(port);
	port->args.packed_vq = dev->offered & VIRTIO_BIT(VIRTIO_F_RING_PACKED);
	return ret;
}

/* Without VERSION_1 these two decide about the header: its size, and that data may follow it. */
static int
check_legacy(const struct virtio_device *dev)
{
	const uint64_t needed =
		VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF) | VIRTIO_BIT(VIRTIO_F_ANY_LAYOUT);

	if (!dev->legacy || (dev->offered & needed) == needed)
		return 0;
	VIRTIO_INIT_LOG(ERR, "%s: a legacy device needs MRG_RXBUF and ANY_LAYOUT, this one offers "
			"the features 0x%" PRIx64 ". Use a device with both, or a modern one.",
			dev->name, dev->offered);
	return -ENOTSUP;
}

void
virtio_pci_destroy(struct virtio_device *dev)
{
	if (dev->legacy)
		virtio_pci_legacy_destroy(dev);
	else
		virtio_pci_modern_destroy(dev);
}

int
virtio_pci_port_create(struct virtio_port *port, const char *name,
		       const struct virtio_pci_conf *conf, bool legacy)
{
	int ret;

	ret = legacy ? virtio_pci_legacy_create(&port->dev, name, conf) :
		       virtio_pci_modern_create(&port->dev, name, conf);
	if (ret != 0)
		return ret;
	ret = check_legacy(&port->dev);
	if (ret == 0)
		ret = read_device(port);
	if (ret == 0)
		ret = virtio_port_create(port->edev);
	if (ret != 0) {
		virtio_device_give_up(&port->dev, ret);
		virtio_pci_destroy(&port->dev);
		return ret;
	}
	if (port->max_mtu != 0)
		port->edev->data->mtu = RTE_MIN(port->edev->data->mtu, port->max_mtu);
	return 0;
}
