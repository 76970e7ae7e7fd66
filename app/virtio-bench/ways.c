/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_ethdev.h>

#include "packets.h"
#include "ways.h"

static int
failed(const char *what, int ret)
{
	if (ret != 0)
		fprintf(stderr, "%s: %s\n", what, strerror(-ret));
	return ret;
}

int
ways_stop(const struct ways *ways, uint16_t queue)
{
	switch (ways->way) {
	case WAY_RX_QUEUE:
		return failed("receive queue's stop",
			rte_eth_dev_rx_queue_stop(ways->port.id, queue));
	case WAY_TX_QUEUE:
		return failed("transmit queue's stop",
			rte_eth_dev_tx_queue_stop(ways->port.id, queue));
	default:
		return failed("port's stop", rte_eth_dev_stop(ways->port.id));
	}
}

int
ways_set_up(const struct ways *ways, uint16_t queue, bool other)
{
	switch (ways->way) {
	case WAY_RX_QUEUE:
		return failed("receive queue's set-up", rte_eth_rx_queue_setup(ways->port.id,
			queue, ways->port.ring, rte_socket_id(), NULL, ways->pools[other]));
	case WAY_TX_QUEUE:
		return failed("transmit queue's set-up", rte_eth_tx_queue_setup(ways->port.id,
			queue, ways->port.ring, rte_socket_id(), NULL));
	default:
		return 0;
	}
}

int
ways_start(struct ways *ways, uint16_t queue, bool other)
{
	const uint64_t checksums = RTE_ETH_RX_OFFLOAD_UDP_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM;

	switch (ways->way) {
	case WAY_RX_QUEUE:
		return failed("receive queue's start",
			rte_eth_dev_rx_queue_start(ways->port.id, queue));
	case WAY_TX_QUEUE:
		return failed("transmit queue's start",
			rte_eth_dev_tx_queue_start(ways->port.id, queue));
	case WAY_PORT:
		/* Set-up and start are one call of ours. */
		return port_bring_up(&ways->port, other ? checksums : 0, ways->pools[other]);
	default:
		return failed("port's start", rte_eth_dev_start(ways->port.id));
	}
}

static bool
can_go(const struct ways *ways)
{
	const uint64_t capa = ways->port.info.dev_capa;

	if ((ways->way == WAY_RX_QUEUE && (capa & RTE_ETH_DEV_CAPA_RUNTIME_RX_QUEUE_SETUP) == 0) ||
			(ways->way == WAY_TX_QUEUE &&
			(capa & RTE_ETH_DEV_CAPA_RUNTIME_TX_QUEUE_SETUP) == 0)) {
		fprintf(stderr, "this driver sets no single queue up at run time\n");
		return false;
	}
	return true;
}

int
ways_open(struct ways *ways, const struct options *options)
{
	int ret = port_open(&ways->port, options);

	if (ret != 0)
		return ret;
	ways->way = options->way;
	ways->pools[0] = ways->port.pool;
	ways->pools[1] = packets_pool("second", ways->port.pool->size);
	if (ways->pools[1] == NULL)
		return -ENOMEM;
	return can_go(ways) ? 0 : -ENOTSUP;
}
