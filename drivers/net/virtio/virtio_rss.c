/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_common.h>

#include "virtio_ctrl.h"
#include "virtio_log.h"
#include "virtio_net.h"
#include "virtio_queue.h"
#include "virtio_rss.h"

static_assert(RTE_IS_POWER_OF_2(VIRTIO_RSS_TABLE_SIZE), "sent as a mask");

/* The command's data, 5.1.6.5.7.1, for a table and a key of the sizes used here. */
struct __rte_packed_begin rss_config {
	uint32_t hash_types;
	uint16_t table_mask;
	uint16_t unclassified_queue;
	uint16_t table[VIRTIO_RSS_TABLE_SIZE];
	uint16_t max_tx_vq;
	uint8_t key_size;
	uint8_t key[VIRTIO_RSS_KEY_SIZE];
} __rte_packed_end;

static_assert(sizeof(struct rss_config) <= VIRTIO_CTRL_DATA_MAX, "one command");

/* Likewise of the command for hashes alone, 5.1.6.5.6.4. */
struct __rte_packed_begin hash_config {
	uint32_t hash_types;
	uint16_t reserved[4];
	uint8_t key_size;
	uint8_t key[VIRTIO_RSS_KEY_SIZE];
} __rte_packed_end;

/* The well-known one, of Microsoft's description of the Toeplitz hash. */
static const uint8_t default_key[VIRTIO_RSS_KEY_SIZE] = {
	0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
	0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
	0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

static const struct {
	uint64_t rte;
	uint32_t virtio;
} hashes[] = {
	{ RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_FRAG_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_OTHER,
	  VIRTIO_NET_HASH_IPV4 },
	{ RTE_ETH_RSS_NONFRAG_IPV4_TCP, VIRTIO_NET_HASH_TCPV4 },
	{ RTE_ETH_RSS_NONFRAG_IPV4_UDP, VIRTIO_NET_HASH_UDPV4 },
	{ RTE_ETH_RSS_IPV6 | RTE_ETH_RSS_FRAG_IPV6 | RTE_ETH_RSS_NONFRAG_IPV6_OTHER,
	  VIRTIO_NET_HASH_IPV6 },
	{ RTE_ETH_RSS_NONFRAG_IPV6_TCP, VIRTIO_NET_HASH_TCPV6 },
	{ RTE_ETH_RSS_NONFRAG_IPV6_UDP, VIRTIO_NET_HASH_UDPV6 },
	{ RTE_ETH_RSS_IPV6_EX, VIRTIO_NET_HASH_IP_EX },
	{ RTE_ETH_RSS_IPV6_TCP_EX, VIRTIO_NET_HASH_TCP_EX },
	{ RTE_ETH_RSS_IPV6_UDP_EX, VIRTIO_NET_HASH_UDP_EX },
};

static uint32_t
to_virtio(uint64_t types)
{
	uint32_t hash_types = 0;
	unsigned int i;

	for (i = 0; i < RTE_DIM(hashes); i++)
		hash_types |= types & hashes[i].rte ? hashes[i].virtio : 0;
	return hash_types;
}

int
virtio_rss_probe(struct virtio_port *port)
{
	struct virtio_device *dev = &port->dev;
	struct virtio_rss *rss = &port->rss;
	const bool has_rss = virtio_ctrl_offers(port, VIRTIO_NET_F_RSS);
	const bool has_reports = virtio_ctrl_offers(port, VIRTIO_NET_F_HASH_REPORT);
	uint8_t key_max;
	uint16_t table_max = 0;
	uint32_t hash_types;
	int ret;

	if (!has_rss && !has_reports)
		return 0;
	ret = virtio_device_read_config(dev, VIRTIO_NET_CONFIG_RSS_KEY_MAX, &key_max,
					sizeof(key_max));
	if (ret == 0 && has_rss)
		ret = virtio_device_read_config(dev, VIRTIO_NET_CONFIG_RSS_TABLE_MAX, &table_max,
						sizeof(table_max));
	if (ret == 0)
		ret = virtio_device_read_config(dev, VIRTIO_NET_CONFIG_HASH_TYPES, &hash_types,
						sizeof(hash_types));
	if (ret != 0)
		return ret;
	table_max = rte_le_to_cpu_16(table_max);
	/* 5.1.4.1 demands at least this much of a device that offers them. */
	rss->reports = has_reports && key_max >= VIRTIO_RSS_KEY_SIZE;
	rss->offered = has_rss && key_max >= VIRTIO_RSS_KEY_SIZE &&
		       table_max >= VIRTIO_RSS_TABLE_SIZE;
	if (has_rss && !rss->offered)
		VIRTIO_INIT_LOG(NOTICE, "%s: RSS is not used: the device offers a key of %u bytes "
				"and a table of %u entries, at least %u and %u are needed",
				dev->name, key_max, table_max, VIRTIO_RSS_KEY_SIZE,
				VIRTIO_RSS_TABLE_SIZE);
	if (has_reports && !rss->reports)
		VIRTIO_INIT_LOG(NOTICE, "%s: hash reports are not used: the device offers a key of "
				"%u bytes, at least %u are needed", dev->name, key_max,
				VIRTIO_RSS_KEY_SIZE);
	rss->hash_types = rte_le_to_cpu_32(hash_types);
	memcpy(rss->key, default_key, sizeof(rss->key));
	return 0;
}

uint64_t
virtio_rss_capa(const struct virtio_port *port)
{
	uint64_t types = 0;
	unsigned int i;

	for (i = 0; (port->rss.offered || port->rss.reports) && i < RTE_DIM(hashes); i++)
		types |= port->rss.hash_types & hashes[i].virtio ? hashes[i].rte : 0;
	return types;
}

/* Checks and takes a key and hash types; leaves all as it was on an error. */
static int
take_conf(struct virtio_port *port, const struct rte_eth_rss_conf *conf)
{
	const uint16_t port_id = port->edev->data->port_id;

	if (conf->rss_hf & ~virtio_rss_capa(port)) {
		VIRTIO_INIT_LOG(ERR, "port %u: rss_hf 0x%" PRIx64 ": want a subset of the "
				"0x%" PRIx64 " that the device supports", port_id, conf->rss_hf,
				virtio_rss_capa(port));
		return -EINVAL;
	}
	if (conf->rss_key != NULL && conf->rss_key_len != VIRTIO_RSS_KEY_SIZE) {
		VIRTIO_INIT_LOG(ERR, "port %u: RSS key of %u bytes: want %u", port_id,
				conf->rss_key_len, VIRTIO_RSS_KEY_SIZE);
		return -EINVAL;
	}
	port->rss.types = conf->rss_hf;
	if (conf->rss_key != NULL)
		memcpy(port->rss.key, conf->rss_key, VIRTIO_RSS_KEY_SIZE);
	return 0;
}

/*
 * ethdev lets hashes be asked for with mq_mode RSS only. Where there is one receive queue there is
 * nothing to spread, so a device with hash reports alone will do.
 */
static bool
is_for_hashes(const struct virtio_port *port)
{
	const struct rte_eth_dev_data *data = port->edev->data;

	return port->rss.reports && data->nb_rx_queues == 1 &&
	       (data->dev_conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_RSS_HASH);
}

int
virtio_rss_configure(struct virtio_port *port)
{
	const struct rte_eth_dev_data *data = port->edev->data;
	struct virtio_rss *rss = &port->rss;
	unsigned int i;
	int ret;

	rss->on = false;
	if (data->dev_conf.rxmode.mq_mode != RTE_ETH_MQ_RX_RSS)
		return 0;
	if (!rss->offered && !is_for_hashes(port)) {
		VIRTIO_INIT_LOG(ERR, "port %u: the device does not offer RSS. Use rx mq_mode "
				"RTE_ETH_MQ_RX_NONE, with which the device spreads packets by "
				"itself%s.", data->port_id, rss->reports ?
				", or one receive queue with RTE_ETH_RX_OFFLOAD_RSS_HASH" : "");
		return -ENOTSUP;
	}
	ret = take_conf(port, &data->dev_conf.rx_adv_conf.rss_conf);
	if (ret != 0)
		return ret;
	if (!rss->offered) {
		if (rss->types == 0)
			rss->types = virtio_rss_capa(port);
		return 0;
	}
	if (rss->table_queues != data->nb_rx_queues) {
		for (i = 0; i < VIRTIO_RSS_TABLE_SIZE; i++)
			rss->table[i] = i % RTE_MAX(data->nb_rx_queues, 1);
		rss->table_queues = data->nb_rx_queues;
	}
	rss->on = true;
	return 0;
}

/* ---- commands ----------------------------------------------------------------------------- */

static bool
runs(const struct virtio_port *port, uint16_t id, const struct virtio_queue *leaving)
{
	const struct virtio_queue *q = virtio_queue_rx(port, id);

	return q != NULL && q != leaving && virtqueue_state(q->vq) == VIRTQUEUE_LIVE;
}

/* The next running queue from `id` on, round; -1 where there is none. */
static int
running_from(const struct virtio_port *port, uint16_t id, const struct virtio_queue *leaving)
{
	const uint16_t n = port->edev->data->nb_rx_queues;
	uint16_t i;

	for (i = 0; i < n; i++) {
		if (runs(port, (id + i) % n, leaving))
			return (id + i) % n;
	}
	return -1;
}

static void
fill_command(const struct virtio_port *port, const struct virtio_queue *leaving, uint16_t first,
	     struct rss_config *config)
{
	const struct rte_eth_dev_data *data = port->edev->data;
	const struct virtio_rss *rss = &port->rss;
	uint16_t spread = first;
	unsigned int i;

	*config = (struct rss_config){
		.hash_types = rte_cpu_to_le_32(to_virtio(rss->types)),
		.table_mask = rte_cpu_to_le_16(VIRTIO_RSS_TABLE_SIZE - 1),
		.unclassified_queue = rte_cpu_to_le_16(first),
		/* Receive queues count, too: QEMU takes it for the number of pairs. */
		.max_tx_vq =
			rte_cpu_to_le_16(RTE_MAX(data->nb_rx_queues, data->nb_tx_queues)),
		.key_size = VIRTIO_RSS_KEY_SIZE,
	};
	memcpy(config->key, rss->key, sizeof(config->key));
	for (i = 0; i < VIRTIO_RSS_TABLE_SIZE; i++) {
		uint16_t queue = rss->table[i];
		int next;

		if (!runs(port, queue, leaving)) {
			/* Its share goes to the others in turn, and not all to its neighbour. */
			queue = spread;
			next = running_from(port, spread + 1, leaving);
			/* None where a poller has just found the last one broken. */
			spread = next < 0 ? first : next;
		}
		config->table[i] = rte_cpu_to_le_16(queue);
	}
}

bool
virtio_rss_has_queue(const struct virtio_port *port)
{
	return running_from(port, 0, NULL) >= 0;
}

int
virtio_rss_apply(struct virtio_port *port, const struct virtio_queue *leaving)
{
	struct rss_config config;
	const struct virtio_ctrl_command command = {
		.class = VIRTIO_NET_CTRL_MQ, .code = VIRTIO_NET_CTRL_MQ_RSS_CONFIG,
		.feature = VIRTIO_NET_F_RSS, .data = &config, .len = sizeof(config),
	};
	int first, ret;

	if (!port->rss.on || !(port->dev.status & VIRTIO_STATUS_DRIVER_OK))
		return 0;
	first = running_from(port, 0, leaving);
	if (first < 0) {
		VIRTIO_LOG(NOTICE, "port %u: no receive queue is left for the RSS table, so the "
			   "device keeps the last one in it. The device may drop packets or buffer "
			   "them until a receive queue starts.", port->edev->data->port_id);
		return 0;
	}
	fill_command(port, leaving, first, &config);
	ret = virtio_ctrl_send(port, &command);
	if (ret == 0)
		port->rss.unsure = false;
	else if (!virtio_ctrl_works(port))
		port->rss.unsure = true;
	return ret;
}

int
virtio_rss_send_hashes(struct virtio_port *port)
{
	const struct virtio_rss *rss = &port->rss;
	struct hash_config config = {
		.hash_types = rte_cpu_to_le_32(to_virtio(rss->types)),
		.key_size = VIRTIO_RSS_KEY_SIZE,
	};
	const struct virtio_ctrl_command command = {
		.class = VIRTIO_NET_CTRL_MQ, .code = VIRTIO_NET_CTRL_MQ_HASH_CONFIG,
		.feature = VIRTIO_NET_F_HASH_REPORT, .data = &config, .len = sizeof(config),
	};

	if (!port->hash || rss->on)
		return 0;
	memcpy(config.key, rss->key, sizeof(config.key));
	return virtio_ctrl_send(port, &command);
}

/*
 * After an error: what there was before holds again, for the device too where the command was not
 * answered and may have been carried out.
 */
static void
take_back(struct virtio_port *port, const struct virtio_rss *before)
{
	int ret = 0;

	port->rss = *before;
	if (!virtio_ctrl_works(port))
		ret = virtio_rss_apply(port, NULL);
	if (ret == 0 && !virtio_ctrl_works(port))
		ret = virtio_rss_send_hashes(port);
	if (ret != 0)
		VIRTIO_LOG(ERR, "port %u: the port has the old RSS configuration, but the device "
			   "may have the new one, as the control queue does not answer. Stop and "
			   "start the port.", port->data->port_id);
}

/* ---- ethdev's ops ------------------------------------------------------------------------- */

static int
refuse_without_rss(const struct virtio_port *port)
{
	return port->rss.offered ? 0 : -ENOTSUP;
}

static int
refuse_without_hashes(const struct virtio_port *port)
{
	return port->rss.offered || port->rss.reports ? 0 : -ENOTSUP;
}

int
virtio_rss_hash_update(struct rte_eth_dev *edev, struct rte_eth_rss_conf *conf)
{
	struct virtio_port *port = virtio_port(edev);
	struct virtio_rss before;
	int ret = refuse_without_hashes(port);

	if (ret != 0)
		return ret;
	pthread_mutex_lock(&port->lock);
	before = port->rss;
	ret = take_conf(port, conf);
	if (ret == 0)
		ret = virtio_rss_apply(port, NULL);
	if (ret == 0)
		ret = virtio_rss_send_hashes(port);
	if (ret != 0)
		take_back(port, &before);
	pthread_mutex_unlock(&port->lock);
	return ret;
}

int
virtio_rss_hash_conf_get(struct rte_eth_dev *edev, struct rte_eth_rss_conf *conf)
{
	const struct virtio_port *port = virtio_port(edev);
	const int ret = refuse_without_hashes(port);

	if (ret != 0)
		return ret;
	if (conf->rss_key != NULL && conf->rss_key_len >= VIRTIO_RSS_KEY_SIZE)
		memcpy(conf->rss_key, port->rss.key, VIRTIO_RSS_KEY_SIZE);
	conf->rss_key_len = VIRTIO_RSS_KEY_SIZE;
	conf->rss_hf = port->rss.types;
	return 0;
}

int
virtio_rss_reta_update(struct rte_eth_dev *edev, struct rte_eth_rss_reta_entry64 *reta,
		       uint16_t size)
{
	struct virtio_port *port = virtio_port(edev);
	struct virtio_rss before;
	int ret = refuse_without_rss(port);
	unsigned int i;

	if (ret != 0)
		return ret;
	if (size != VIRTIO_RSS_TABLE_SIZE) {
		VIRTIO_LOG(ERR, "port %u: RSS table of %u entries: want %u", edev->data->port_id,
			   size, VIRTIO_RSS_TABLE_SIZE);
		return -EINVAL;
	}
	pthread_mutex_lock(&port->lock);
	before = port->rss;
	for (i = 0; i < size; i++) {
		const struct rte_eth_rss_reta_entry64 *part = &reta[i / RTE_ETH_RETA_GROUP_SIZE];
		const unsigned int at = i % RTE_ETH_RETA_GROUP_SIZE;

		if (part->mask & (UINT64_C(1) << at))
			port->rss.table[i] = part->reta[at];
	}
	ret = virtio_rss_apply(port, NULL);
	if (ret != 0)
		take_back(port, &before);
	pthread_mutex_unlock(&port->lock);
	return ret;
}

int
virtio_rss_reta_query(struct rte_eth_dev *edev, struct rte_eth_rss_reta_entry64 *reta,
		      uint16_t size)
{
	const struct virtio_port *port = virtio_port(edev);
	const int ret = refuse_without_rss(port);
	unsigned int i;

	if (ret != 0)
		return ret;
	if (size != VIRTIO_RSS_TABLE_SIZE)
		return -EINVAL;
	for (i = 0; i < size; i++)
		reta[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE] =
			port->rss.table[i];
	return 0;
}
