/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VIRTIO_RSS_H
#define VIRTIO_RSS_H

/**
 * @file
 * Receive-side scaling, section 5.1.6.5.7, and hash reports without it, 5.1.6.5.6.4: what the
 * application has set, and what of it is sent to the device.
 *
 * The two differ while queues are stopped: the device's table names running queues only (5.1.6.5.7
 * demands it, and a stopped one would drop or hold its packets). What is kept here is the
 * application's, and queries show it.
 */

#include <stdbool.h>
#include <stdint.h>

#include <ethdev_driver.h>

#include "virtio_compat.h"

struct virtio_port;
struct virtio_queue;

#define VIRTIO_RSS_KEY_SIZE   40
#define VIRTIO_RSS_TABLE_SIZE 128

struct virtio_rss {
	bool offered;         /**< the device has it, with a key and a table of our sizes */
	bool reports;         /**< the device can tell hashes, by a key of our size */
	bool on;              /**< as last configured */
	bool unsure;          /**< a table was sent, and not answered: the device may have it */
	uint32_t hash_types;  /**< VIRTIO_NET_HASH_*: those that the device has */
	uint16_t table_queues; /**< queues that the table was made for */
	uint64_t types;       /**< RTE_ETH_RSS_*, the application's */
	uint8_t key[VIRTIO_RSS_KEY_SIZE];
	uint16_t table[VIRTIO_RSS_TABLE_SIZE];
};

/** Reads what the device offers. 0, or the transport's error. */
int virtio_rss_probe(struct virtio_port *port);

/** RTE_ETH_RSS_* that the device has; 0 with neither RSS nor hash reports. */
uint64_t virtio_rss_capa(const struct virtio_port *port);

/** Takes what rte_eth_dev_configure() says. 0, -ENOTSUP, -EINVAL; all with a line. */
int virtio_rss_configure(struct virtio_port *port);

/** Whether a receive queue runs that the table could name. */
bool virtio_rss_has_queue(const struct virtio_port *port);

/**
 * Sends the application's configuration, without the receive queues that do not run, to a device
 * that runs, if RSS is on. With no queue running, the device keeps its last table, and a line is
 * logged. Port's lock held.
 *
 * @param leaving
 *   A queue that is still running and about to be stopped, or NULL.
 * @return
 *   0, or what virtio_ctrl_send() says.
 */
int virtio_rss_apply(struct virtio_port *port, const struct virtio_queue *leaving);

/**
 * Without RSS, and with hash reports: tells the device, if it runs, what is to be hashed; with RSS
 * virtio_rss_apply() does. Port's lock held. 0, or what virtio_ctrl_send() says.
 */
int virtio_rss_send_hashes(struct virtio_port *port);

/* ethdev's ops */
int virtio_rss_hash_update(struct rte_eth_dev *edev, struct rte_eth_rss_conf *conf);
int virtio_rss_hash_conf_get(struct rte_eth_dev *edev, struct rte_eth_rss_conf *conf);
int virtio_rss_reta_update(struct rte_eth_dev *edev, struct rte_eth_rss_reta_entry64 *reta,
			   uint16_t size);
int virtio_rss_reta_query(struct rte_eth_dev *edev, struct rte_eth_rss_reta_entry64 *reta,
			  uint16_t size);

#endif /* VIRTIO_RSS_H */
