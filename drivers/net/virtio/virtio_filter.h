/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VIRTIO_FILTER_H
#define VIRTIO_FILTER_H

/**
 * @file
 * Which frames the device delivers: promiscuous, all-multicast, addresses, VLANs.
 */

#include "virtio.h"

/* ethdev's ops */
int virtio_promiscuous_enable(struct rte_eth_dev *edev);
int virtio_promiscuous_disable(struct rte_eth_dev *edev);
int virtio_allmulticast_enable(struct rte_eth_dev *edev);
int virtio_allmulticast_disable(struct rte_eth_dev *edev);
int virtio_mac_addr_set(struct rte_eth_dev *edev, struct rte_ether_addr *addr);
int virtio_mac_addr_add(struct rte_eth_dev *edev, struct rte_ether_addr *addr, uint32_t index,
			uint32_t pool);
void virtio_mac_addr_remove(struct rte_eth_dev *edev, uint32_t index);
int virtio_vlan_filter_set(struct rte_eth_dev *edev, uint16_t vlan, int on);

/** Whether the application wants VLANs filtered, as last configured. */
bool virtio_filters_vlans(const struct virtio_port *port);

/** After a device reset: the VLANs, which ethdev does not say again. Port's lock held. */
int virtio_filter_restore(struct virtio_port *port);

#endif /* VIRTIO_FILTER_H */
