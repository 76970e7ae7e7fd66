/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_bus_vdev.h>
#include <rte_common.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>

#include "frame.h"
#include "pool.h"
#include "port.h"
#include "traffic.h"

#define PORT_NAME "net_virtio_user%u"
#define NUMBERS 1000u		/* of pools of a port */
#define STOP_TIMEOUT "queue_reset_timeout_ms"
#define POOL_CACHE 128u
/* Beside the ring's: in the caches of two lcores (half as much again each), and in a burst. */
#define POOL_SPARE (3 * POOL_CACHE + 512u)
#define TX_ROOM (RTE_PKTMBUF_HEADROOM + 2048u)
#define TX_SEGMENTS 5u		/* of the longest frame, FRAME_MAX / 2048 */
#define PROBE_BUFFERS 64u
#define RING_BYTES 64u		/* of a ring for each entry, the driver's own included */

#define RX_ROOM_EVEN (RTE_PKTMBUF_HEADROOM + 2048u)
#define RX_ROOM_ODD (RTE_PKTMBUF_HEADROOM + 1024u)
/* Where a packet must fit into one buffer. */
#define RX_ROOM_ODD_WHOLE (RTE_PKTMBUF_HEADROOM + 1664u)
#define FRAME_MAX_WHOLE 1514u

static uint32_t
rx_pool_size(uint16_t ring_size_max)
{
	return ring_size_max + POOL_SPARE;
}

static uint32_t
tx_pool_size(uint16_t ring_size_max)
{
	/* Sent and not yet given back by the driver, and what may be under way at the same time. */
	return ring_size_max + TRAFFIC_WINDOW * TX_SEGMENTS + POOL_SPARE;
}

uint64_t
port_memory(uint16_t queues, uint16_t ring_size_max)
{
	uint64_t bytes = pool_memory(tx_pool_size(ring_size_max), TX_ROOM) +
		PORT_RX_POOLS * pool_memory(rx_pool_size(ring_size_max), RX_ROOM_EVEN);

	/* The rings of a pair, and the new ones beside the old ones in a set-up. */
	bytes += 4 * (uint64_t)ring_size_max * RING_BYTES;
	return queues * bytes + pool_memory(PROBE_BUFFERS * TX_SEGMENTS, TX_ROOM);
}

/* Memory of our own for all queues, if it is wanted; the back-end hears of it here. */
static int
make_ext_memory(struct port *port, const struct port_conf *conf, uint16_t odd_room)
{
	size_t len = ext_memory_of_pool(rx_pool_size(conf->ring_size_max), odd_room) +
		ext_memory_of_pool(tx_pool_size(conf->ring_size_max), TX_ROOM);
	int ret;

	if (!conf->extbuf)
		return 0;
	ret = ext_memory_open(&port->ext, conf->queues * len);
	return ret != 0 ? ret : ext_memory_attach(&port->ext, port->id);
}

static struct rte_mempool *
make_pool(struct port *port, const char *kind, uint16_t q, uint32_t size, uint16_t room)
{
	q += port->number * NUMBERS;
	return port->ext.len != 0 ?
		ext_memory_pool(&port->ext, kind, q, size, POOL_CACHE, room) :
		pool_create(kind, q, size, POOL_CACHE, room);
}

int
port_replace_rx_pool(struct port *port, uint16_t q, unsigned int rx_pool, uint32_t more,
		uint32_t cache)
{
	static const char *const kinds[PORT_RX_POOLS] = { "rx_even", "rx_odd" };
	struct rte_mempool **pool = &port->queue[q].rx_pool[rx_pool];

	rte_mempool_free(*pool);
	*pool = pool_create(kinds[rx_pool], port->number * NUMBERS + q,
		rx_pool_size(port->ring_size_max) + more, cache, RX_ROOM_EVEN);
	return *pool != NULL ? 0 : -ENOMEM;
}

static int
make_pools(struct port *port, const struct port_conf *conf)
{
	const uint16_t odd_room = port->frame_max > FRAME_MAX_WHOLE ?
		RX_ROOM_ODD : RX_ROOM_ODD_WHOLE;
	const uint16_t ring_size_max = conf->ring_size_max;
	struct port_queue *queue;
	uint16_t q;
	int ret;

	ret = make_ext_memory(port, conf, odd_room);
	if (ret != 0)
		return ret;

	port->probe_pool = pool_create("probe", port->number, PROBE_BUFFERS * TX_SEGMENTS, 0,
		TX_ROOM);
	if (port->probe_pool == NULL)
		return -ENOMEM;
	for (q = 0; q < port->queues; q++) {
		queue = &port->queue[q];
		queue->rx_pool[0] = pool_create("rx_even", port->number * NUMBERS + q,
			rx_pool_size(ring_size_max), POOL_CACHE, RX_ROOM_EVEN);
		queue->rx_pool[1] = make_pool(port, "rx_odd", q, rx_pool_size(ring_size_max),
			odd_room);
		queue->tx_pool = make_pool(port, "tx", q, tx_pool_size(ring_size_max), TX_ROOM);
		if (queue->rx_pool[0] == NULL || queue->rx_pool[1] == NULL ||
				queue->tx_pool == NULL)
			return -ENOMEM;
	}
	return 0;
}

static int
probe(struct port *port, const struct port_conf *conf)
{
	const char *more = conf->devargs != NULL ? conf->devargs : "";
	char devargs[1024], timeout[64] = "", drain[64] = "";
	int ret;

	if (conf->stop_timeout_ms != 0 && strstr(more, STOP_TIMEOUT) == NULL)
		snprintf(timeout, sizeof(timeout), "," STOP_TIMEOUT "=%u", conf->stop_timeout_ms);
	if (conf->drain_us != 0)
		snprintf(drain, sizeof(drain), ",tx_drain_us=%u,rx_drain_us=%u", conf->drain_us,
			conf->drain_us);
	ret = snprintf(devargs, sizeof(devargs), "path=%s,queues=%u,queue_size=%u%s%s%s%s%s%s",
		conf->socket, conf->queues, conf->ring_size_max,
		conf->method != NULL ? ",queue_reset=" : "",
		conf->method != NULL ? conf->method : "", timeout, drain,
		more[0] != '\0' ? "," : "", more);
	if (ret >= (int)sizeof(devargs)) {
		fprintf(stderr, "the devargs are too long\n");
		return -E2BIG;
	}
	/* rte_eal_hotplug_add() allows 127 characters, and a socket's path may have 107. */
	ret = rte_vdev_init(port->name, devargs);
	if (ret == 0)
		ret = rte_eth_dev_get_port_by_name(port->name, &port->id);
	if (ret != 0) {
		fprintf(stderr, "cannot make a port of %s,%s: %s\n", port->name, devargs,
			strerror(-ret));
		return ret;
	}
	port->open = true;
	return 0;
}

static int
configure(struct port *port, const struct port_conf *more)
{
	struct rte_eth_dev_info info;
	struct rte_eth_conf conf = { 0 };
	int ret = rte_eth_dev_info_get(port->id, &info);

	if (ret != 0) {
		fprintf(stderr, "the port does not tell what it can do: %s\n", strerror(-ret));
		return ret;
	}
	snprintf(port->driver, sizeof(port->driver), "%s", info.driver_name);
	if (info.max_rx_queues < port->queues || info.max_tx_queues < port->queues) {
		fprintf(stderr, "the port has %u queue pairs, not the %u asked for\n",
			RTE_MIN(info.max_rx_queues, info.max_tx_queues), port->queues);
		return -EINVAL;
	}
	conf.rxmode.offloads = (RTE_ETH_RX_OFFLOAD_SCATTER | more->rx_offloads) &
		info.rx_offload_capa;
	port->frame_max = (conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_SCATTER) ? FRAME_MAX :
		FRAME_MAX_WHOLE;
	conf.rxmode.mtu = RTE_MIN(port->frame_max - RTE_ETHER_HDR_LEN, (uint32_t)info.max_mtu);
	conf.txmode.offloads = (RTE_ETH_TX_OFFLOAD_MULTI_SEGS | more->tx_offloads) &
		info.tx_offload_capa;
	ret = rte_eth_dev_configure(port->id, port->queues, port->queues, &conf);
	if (ret != 0)
		fprintf(stderr, "the port cannot be configured: %s\n", strerror(-ret));
	return ret;
}

static void
find_xstats(struct port *port, uint16_t q)
{
	static const char *const names[] = {
		"tx_q%u_reset_dropped", "rx_q%u_reset_dropped", "rx_q%u_errors",
	};
	struct port_queue *queue = &port->queue[q];
	char name[RTE_ETH_XSTATS_NAME_SIZE];
	unsigned int i;

	for (i = 0; i < RTE_DIM(names); i++) {
		snprintf(name, sizeof(name), names[i], q);
		queue->has_xstat[i] = rte_eth_xstats_get_id_by_name(port->id, name,
			&queue->xstat_ids[i]) == 0;
	}
}

int
port_open(struct port *port, const struct port_conf *conf)
{
	uint16_t q;
	int ret;

	port->queues = conf->queues;
	port->number = conf->number;
	port->ring_size_max = conf->ring_size_max;
	snprintf(port->name, sizeof(port->name), PORT_NAME, conf->number);
	port->queue = calloc(conf->queues, sizeof(*port->queue));
	if (port->queue == NULL)
		return -ENOMEM;
	ret = probe(port, conf);
	if (ret == 0)
		ret = configure(port, conf);
	if (ret == 0)
		ret = make_pools(port, conf);
	if (ret != 0)
		return ret;
	for (q = 0; q < port->queues; q++) {
		ret = port_queue_setup(port, q, PORT_BOTH,
			conf->ring_sizes[q % conf->n_ring_sizes], 0);
		if (ret != 0) {
			fprintf(stderr, "queue %u cannot be set up: %s\n", q, strerror(-ret));
			return ret;
		}
	}
	ret = rte_eth_dev_start(port->id);
	if (ret != 0) {
		fprintf(stderr, "the port does not start: %s\n", strerror(-ret));
		return ret;
	}
	port->started = true;
	for (q = 0; q < port->queues; q++)
		find_xstats(port, q);
	return 0;
}

int
port_close(struct port *port)
{
	int ret = 0, result;

	if (port->started)
		ret = rte_eth_dev_stop(port->id);
	if (ret != 0)
		fprintf(stderr, "the port does not stop: %s\n", strerror(-ret));
	port->started = false;
	if (port->open && ext_memory_detach(&port->ext, port->id) != 0)
		ret = -EBUSY;
	if (port->open) {
		result = rte_vdev_uninit(port->name);
		if (result != 0) {
			fprintf(stderr, "the port does not close: %s\n", strerror(-result));
			ret = result;
		}
	}
	port->open = false;
	return ret;
}

void
port_free(struct port *port)
{
	uint16_t q;

	if (port->queue == NULL)
		return;
	for (q = 0; q < port->queues; q++) {
		rte_mempool_free(port->queue[q].rx_pool[0]);
		rte_mempool_free(port->queue[q].rx_pool[1]);
		rte_mempool_free(port->queue[q].tx_pool);
	}
	rte_mempool_free(port->probe_pool);
	free(port->queue);
	port->queue = NULL;
}

int
port_queue_stop(const struct port *port, uint16_t queue, unsigned int rings)
{
	/* In this order what is under way can still come back, given time: see --drain. */
	int ret = (rings & PORT_TX) ? rte_eth_dev_tx_queue_stop(port->id, queue) : 0;

	if (ret == 0 && (rings & PORT_RX))
		ret = rte_eth_dev_rx_queue_stop(port->id, queue);
	return ret;
}

int
port_queue_setup(const struct port *port, uint16_t queue, unsigned int rings, uint16_t ring_size,
		unsigned int rx_pool)
{
	int ret = 0;

	if (rings & PORT_RX)
		ret = rte_eth_rx_queue_setup(port->id, queue, ring_size, rte_socket_id(), NULL,
			port->queue[queue].rx_pool[rx_pool]);
	if (ret == 0 && (rings & PORT_TX))
		ret = rte_eth_tx_queue_setup(port->id, queue, ring_size, rte_socket_id(), NULL);
	return ret;
}

int
port_queue_start(const struct port *port, uint16_t queue, unsigned int rings)
{
	int ret = (rings & PORT_RX) ? rte_eth_dev_rx_queue_start(port->id, queue) : 0;

	if (ret == 0 && (rings & PORT_TX))
		ret = rte_eth_dev_tx_queue_start(port->id, queue);
	return ret;
}

int
port_queue_check(const struct port *port, uint16_t queue, unsigned int rings, bool started,
		uint16_t ring_size, unsigned int rx_pool)
{
	uint8_t state = started ? RTE_ETH_QUEUE_STATE_STARTED : RTE_ETH_QUEUE_STATE_STOPPED;
	struct rte_eth_rxq_info rx;
	struct rte_eth_txq_info tx;

	if (rte_eth_rx_queue_info_get(port->id, queue, &rx) != 0 ||
			rte_eth_tx_queue_info_get(port->id, queue, &tx) != 0)
		return -EPROTO;
	if ((rings & PORT_RX) && (rx.queue_state != state || rx.nb_desc != ring_size ||
			rx.mp != port->queue[queue].rx_pool[rx_pool]))
		return -EPROTO;
	if ((rings & PORT_TX) && (tx.queue_state != state || tx.nb_desc != ring_size))
		return -EPROTO;
	return 0;
}

bool
port_queue_pools_full(const struct port *port, uint16_t queue, unsigned int rings)
{
	const struct port_queue *pools = &port->queue[queue];

	return (!(rings & PORT_RX) ||
			(pool_full(pools->rx_pool[0]) && pool_full(pools->rx_pool[1]))) &&
		(!(rings & PORT_TX) || pool_full(pools->tx_pool));
}

uint32_t
port_queue_missing(const struct port *port, uint16_t queue, unsigned int rings)
{
	const struct port_queue *pools = &port->queue[queue];
	uint32_t missing = 0;

	if (rings & PORT_RX)
		missing += pool_missing(pools->rx_pool[0]) + pool_missing(pools->rx_pool[1]);
	if (rings & PORT_TX)
		missing += pool_missing(pools->tx_pool);
	return missing;
}

uint32_t
port_check_pools(const struct port *port)
{
	uint32_t missing = 0;
	uint16_t q;

	if (port->queue == NULL)
		return 0;
	for (q = 0; q < port->queues; q++)
		missing += port_queue_missing(port, q, PORT_BOTH);
	return missing + pool_missing(port->probe_pool);
}

void
port_drops(const struct port *port, uint16_t q, struct port_drops *drops)
{
	const struct port_queue *queue = &port->queue[q];
	uint64_t values[3] = { 0 };
	unsigned int i;

	for (i = 0; i < RTE_DIM(values); i++)
		if (queue->has_xstat[i] && rte_eth_xstats_get_by_id(port->id, &queue->xstat_ids[i],
				&values[i], 1) != 1)
			values[i] = 0;
	*drops = (struct port_drops) {
		.tx_reset_dropped = values[0],
		.rx_reset_dropped = values[1],
		.rx_errors = values[2],
	};
}
