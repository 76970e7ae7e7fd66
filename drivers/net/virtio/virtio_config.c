/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>

#include <rte_byteorder.h>
#include <rte_common.h>

#include "virtio_config.h"
#include "virtio_ctrl.h"
#include "virtio_log.h"
#include "virtio_needs_reset.h"
#include "virtio_net.h"

#define MIN_MTU 68

int
virtio_config_link_is_up(struct virtio_device *dev, bool *up)
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
virtio_config_link_speed(struct virtio_device *dev, struct rte_eth_link *link)
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
int
virtio_config_read_pairs(struct virtio_port *port)
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
	return ret;
}

int
virtio_config_read(struct virtio_port *port)
{
	struct virtio_device *dev = &port->dev;
	int ret;

	ret = read_config16(port, VIRTIO_NET_F_MTU, VIRTIO_NET_CONFIG_MTU, &port->max_mtu);
	if (ret == 0)
		ret = virtio_rss_probe(port);
	if (ret == 0 && (dev->offered & VIRTIO_BIT(VIRTIO_NET_F_MAC)) && !port->args.mac_given) {
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
	return 0;
}
