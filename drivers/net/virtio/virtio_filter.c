/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * What the device lets through: receive modes, addresses, VLANs; sections 5.1.6.5.1 to 5.1.6.5.3.
 * What was asked for while the port was stopped ethdev says again when it starts, but for VLANs.
 */

#include <errno.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_common.h>

#include "virtio_ctrl.h"
#include "virtio_filter.h"
#include "virtio_log.h"
#include "virtio_net.h"

/* Two tables, each with its count in front: of unicast, then of multicast addresses. */
#define TABLE_MAX (2 * sizeof(uint32_t) + VIRTIO_MAX_MAC_ADDRS * RTE_ETHER_ADDR_LEN)

static_assert(TABLE_MAX <= VIRTIO_CTRL_DATA_MAX, "one command");

static int
send_locked(struct rte_eth_dev *edev, const struct virtio_ctrl_command *command)
{
	struct virtio_port *port = virtio_port(edev);
	int ret;

	pthread_mutex_lock(&port->lock);
	ret = virtio_ctrl_send(port, command);
	pthread_mutex_unlock(&port->lock);
	return ret;
}

/* ---- modes -------------------------------------------------------------------------------- */

static int
set_mode(struct rte_eth_dev *edev, uint8_t code, uint8_t on)
{
	const struct virtio_ctrl_command command = {
		.class = VIRTIO_NET_CTRL_RX, .code = code, .feature = VIRTIO_NET_F_CTRL_RX,
		.data = &on, .len = sizeof(on),
	};

	return send_locked(edev, &command);
}

int
virtio_promiscuous_enable(struct rte_eth_dev *edev)
{
	return set_mode(edev, VIRTIO_NET_CTRL_RX_PROMISC, 1);
}

int
virtio_promiscuous_disable(struct rte_eth_dev *edev)
{
	return set_mode(edev, VIRTIO_NET_CTRL_RX_PROMISC, 0);
}

int
virtio_allmulticast_enable(struct rte_eth_dev *edev)
{
	return set_mode(edev, VIRTIO_NET_CTRL_RX_ALLMULTI, 1);
}

int
virtio_allmulticast_disable(struct rte_eth_dev *edev)
{
	return set_mode(edev, VIRTIO_NET_CTRL_RX_ALLMULTI, 0);
}

/* ---- addresses ---------------------------------------------------------------------------- */

/*
 * Where there is no command: 5.1.4 has the device configuration read-only for a driver, except for
 * the address of a legacy device (5.1.4.3), whether it runs or not.
 */
static int
write_address(struct virtio_port *port, const struct rte_ether_addr *addr)
{
	const struct rte_eth_dev_data *data = port->edev->data;
	int ret;

	if (port->dev.legacy && (port->dev.offered & VIRTIO_BIT(VIRTIO_NET_F_MAC))) {
		pthread_mutex_lock(&port->lock);
		ret = virtio_device_write_config(&port->dev, VIRTIO_NET_CONFIG_MAC, addr,
						 sizeof(*addr));
		pthread_mutex_unlock(&port->lock);
		return ret;
	}
	/* As ethdev says it again at each start. */
	if (rte_is_same_ether_addr(addr, &data->mac_addrs[0]))
		return 0;
	VIRTIO_LOG(ERR, "port %u: the device offers no command to change its MAC address "
		   "(CTRL_MAC_ADDR). Use its address " RTE_ETHER_ADDR_PRT_FMT ", or promiscuous "
		   "mode.", data->port_id, RTE_ETHER_ADDR_BYTES(&data->mac_addrs[0]));
	return -ENOTSUP;
}

int
virtio_mac_addr_set(struct rte_eth_dev *edev, struct rte_ether_addr *addr)
{
	struct virtio_port *port = virtio_port(edev);
	const struct virtio_ctrl_command command = {
		.class = VIRTIO_NET_CTRL_MAC, .code = VIRTIO_NET_CTRL_MAC_ADDR_SET,
		.feature = VIRTIO_NET_F_CTRL_MAC_ADDR, .data = addr, .len = sizeof(*addr),
	};

	if (port->bus->command == NULL && !virtio_ctrl_offers(port, VIRTIO_NET_F_CTRL_MAC_ADDR))
		return write_address(port, addr);
	return send_locked(edev, &command);
}

/* Adds the addresses that are, or are not, of a group; returns where the table ends. */
static uint8_t *
add_addresses(uint8_t *at, const struct rte_ether_addr *addrs, bool group)
{
	uint8_t *count_at = at;
	uint32_t count = 0;
	unsigned int i;

	at += sizeof(count);
	for (i = 0; i < VIRTIO_MAX_MAC_ADDRS; i++) {
		if (rte_is_zero_ether_addr(&addrs[i]) ||
		    !!rte_is_multicast_ether_addr(&addrs[i]) != group)
			continue;
		memcpy(at, &addrs[i], sizeof(addrs[i]));
		at += sizeof(addrs[i]);
		count++;
	}
	count = rte_cpu_to_le_32(count);
	memcpy(count_at, &count, sizeof(count));
	return at;
}

/* All addresses but the port's own, which the device has by another command. */
static int
set_table(struct rte_eth_dev *edev, uint32_t index, const struct rte_ether_addr *addr)
{
	struct rte_ether_addr addrs[VIRTIO_MAX_MAC_ADDRS];
	uint8_t table[TABLE_MAX];
	struct virtio_ctrl_command command = {
		.class = VIRTIO_NET_CTRL_MAC, .code = VIRTIO_NET_CTRL_MAC_TABLE_SET,
		.feature = VIRTIO_NET_F_CTRL_RX, .data = table,
	};

	memcpy(addrs, edev->data->mac_addrs, sizeof(addrs));
	memset(&addrs[0], 0, sizeof(addrs[0]));
	addrs[index] = *addr;
	command.len = add_addresses(add_addresses(table, addrs, false), addrs, true) - table;
	return send_locked(edev, &command);
}

int
virtio_mac_addr_add(struct rte_eth_dev *edev, struct rte_ether_addr *addr, uint32_t index,
		    uint32_t pool __rte_unused)
{
	const int ret = index < VIRTIO_MAX_MAC_ADDRS ? set_table(edev, index, addr) : -EINVAL;

	/* As applications have it from upstream's driver. */
	return ret == -ENOTSUP ? -EPERM : ret;
}

void
virtio_mac_addr_remove(struct rte_eth_dev *edev, uint32_t index)
{
	static const struct rte_ether_addr none;
	const int ret = index < VIRTIO_MAX_MAC_ADDRS ? set_table(edev, index, &none) : -EINVAL;

	if (ret != 0 && ret != -ENOTSUP)
		VIRTIO_LOG(ERR, "port %u: MAC address %u of the table could not be removed. Its "
			   "packets are still received.", edev->data->port_id, index);
}

/* ---- VLANs -------------------------------------------------------------------------------- */

static struct virtio_ctrl_command
vlan_command(const uint16_t *data, bool on)
{
	return (struct virtio_ctrl_command){
		.class = VIRTIO_NET_CTRL_VLAN,
		.code = on ? VIRTIO_NET_CTRL_VLAN_ADD : VIRTIO_NET_CTRL_VLAN_DEL,
		.feature = VIRTIO_NET_F_CTRL_VLAN, .data = data, .len = sizeof(*data),
	};
}

int
virtio_vlan_filter_set(struct rte_eth_dev *edev, uint16_t vlan, int on)
{
	const uint16_t data = rte_cpu_to_le_16(vlan);
	const struct virtio_ctrl_command command = vlan_command(&data, on);

	return send_locked(edev, &command);
}

bool
virtio_filters_vlans(const struct virtio_port *port)
{
	return port->edev->data->dev_conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_VLAN_FILTER;
}

int
virtio_filter_restore(struct virtio_port *port)
{
	const struct rte_vlan_filter_conf *conf = &port->edev->data->vlan_filter_conf;
	unsigned int vlan;
	int ret = 0;

	if (!virtio_device_has(&port->dev, VIRTIO_NET_F_CTRL_VLAN))
		return 0;
	for (vlan = 0; ret == 0 && vlan <= RTE_ETHER_MAX_VLAN_ID; vlan++) {
		const uint16_t data = rte_cpu_to_le_16(vlan);
		const struct virtio_ctrl_command command = vlan_command(&data, true);

		if (conf->ids[vlan / 64] & UINT64_C(1) << vlan % 64)
			ret = virtio_ctrl_send(port, &command);
	}
	return ret;
}
