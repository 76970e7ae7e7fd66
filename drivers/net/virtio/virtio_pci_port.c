/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <inttypes.h>

#include <rte_byteorder.h>
#include <rte_common.h>

#include "virtio_ctrl.h"
#include "virtio_ethdev.h"
#include "virtio_event.h"
#include "virtio_log.h"
#include "virtio_needs_reset.h"
#include "virtio_net.h"
#include "virtio_pci_port.h"

#define MIN_MTU 68

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

int
virtio_pci_link_is_up(struct virtio_device *dev, bool *up)
{
	uint16_t status;
	int ret;

	ret = virtio_needs_reset(container_of(dev, struct virtio_port, dev));
	*up = ret == 0;
	if (ret != 0)
		return ret == -EIO ? 0 : ret;
	if (!virtio_device_has(dev, VIRTIO_NET_F_STATUS))
		return 0;
	ret = virtio_device_read_config(dev, VIRTIO_NET_CONFIG_STATUS, &status, sizeof(status));
	if (ret == 0)
		*up = rte_le_to_cpu_16(status) & VIRTIO_NET_S_LINK_UP;
	return ret;
}

int
virtio_pci_link_speed(struct virtio_device *dev, struct rte_eth_link *link)
{
	uint32_t speed;
	uint8_t duplex;
	int ret;

	if (!virtio_device_has(dev, VIRTIO_NET_F_SPEED_DUPLEX))
		return 0;
	ret = virtio_device_read_config(dev, VIRTIO_NET_CONFIG_SPEED, &speed, sizeof(speed));
	if (ret == 0)
		ret = virtio_device_read_config(dev, VIRTIO_NET_CONFIG_DUPLEX, &duplex,
						sizeof(duplex));
	if (ret != 0)
		return ret;
	speed = rte_le_to_cpu_32(speed);
	link->link_speed = speed < VIRTIO_NET_SPEED_END ? speed : RTE_ETH_SPEED_NUM_UNKNOWN;
	if (duplex == VIRTIO_NET_DUPLEX_HALF)
		link->link_duplex = RTE_ETH_LINK_HALF_DUPLEX;
	return 0;
}

void
virtio_pci_event(void *arg)
{
	virtio_event_raise(arg, VIRTIO_WORK_LINK);
}

/* Little-endian, as all of it: a field of two bytes. */
static int
read_config16(struct virtio_port *port, uint8_t feature, uint32_t offset, uint16_t *value)
{
	int ret;

	if (!(port->dev.offered & VIRTIO_BIT(feature)))
		return 0;
	ret = virtio_device_read_config(&port->dev, offset, value, sizeof(*value));
	if (ret == 0)
		*value = rte_le_to_cpu_16(*value);
	return ret;
}

/*
 * 5.1.4.1: from 1 to 0x8000, of which this driver uses some. More than one takes commands: where
 * the control queue carries none, there is one.
 */
static int
read_pairs(struct virtio_port *port)
{
	const uint64_t many = VIRTIO_BIT(VIRTIO_NET_F_MQ) | VIRTIO_BIT(VIRTIO_NET_F_RSS);
	int ret = 0;

	port->max_pairs = 1;
	if (!port->dev.legacy && (port->dev.offered & many))
		ret = read_config16(port, VIRTIO_NET_F_CTRL_VQ, VIRTIO_NET_CONFIG_MAX_PAIRS,
				    &port->max_pairs);
	if (ret != 0)
		return ret;
	if (port->max_pairs == 0 || 2 * port->max_pairs > port->dev.nb_vqs) {
		VIRTIO_INIT_LOG(ERR, "%s: the device reports %u pairs of queues, and %u rings. The "
				"device does not conform to the specification.", port->dev.name,
				port->max_pairs, port->dev.nb_vqs);
		return -EINVAL;
	}
	ret = virtio_ctrl_probe(port);
	if (!port->has_ctrl)
		port->max_pairs = 1;
	port->args.pairs = RTE_MIN(port->max_pairs, MAX_PAIRS);
	return ret;
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

	ret = read_pairs(port);
	if (ret == 0)
		ret = read_ring_size(port, virtio_net_rx_vq(0), &port->args.queue_size);
	if (ret == 0)
		ret = read_ring_size(port, virtio_net_tx_vq(0), &port->tx_queue_size);
	if (ret == 0)
		ret = read_config16(port, VIRTIO_NET_F_MTU, VIRTIO_NET_CONFIG_MTU, &port->max_mtu);
	if (ret == 0)
		ret = virtio_rss_probe(port);
	if (ret == 0 && (dev->offered & VIRTIO_BIT(VIRTIO_NET_F_MAC))) {
		ret = virtio_device_read_config(dev, VIRTIO_NET_CONFIG_MAC, &port->args.mac,
						sizeof(port->args.mac));
		port->args.mac_given = ret == 0;
	}
	if (ret != 0)
		return ret;
	if (port->max_mtu != 0 && port->max_mtu < MIN_MTU) {
		VIRTIO_INIT_LOG(NOTICE, "%s: the device reports an MTU of %u, which is not valid. "
				"It is ignored.", dev->name, port->max_mtu);
		port->max_mtu = 0;
	}
	port->args.packed_vq = dev->offered & VIRTIO_BIT(VIRTIO_F_RING_PACKED);
	return 0;
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
