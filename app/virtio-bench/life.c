/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>

#include "modes.h"
#include "packets.h"
#include "port.h"
#include "sorted.h"
#include "watchdog.h"

/* The moments between the steps of one round. */
enum {
	STOP,
	SET_UP,
	START,
	STEPS,
};

struct life {
	struct port port;
	struct rte_mempool *pools[2];	/* a queue is filled from them in turn */
	const struct options *options;
	uint64_t *times[STEPS + 1];	/* the last one: all steps together */
};

static int
failed(const char *what, int ret)
{
	if (ret != 0)
		fprintf(stderr, "%s: %s\n", what, strerror(-ret));
	return ret;
}

/* Each queue in turn; every lap with the other pool. */
static int
rx_queue_round(struct life *life, uint32_t round, uint64_t at[STEPS + 1])
{
	const uint16_t port = life->port.id, q = round % life->port.pairs;
	struct rte_mempool *pool = life->pools[(round / life->port.pairs + 1) % 2];
	int ret;

	at[0] = rte_rdtsc();
	ret = failed("receive queue's stop", rte_eth_dev_rx_queue_stop(port, q));
	at[1] = rte_rdtsc();
	if (ret == 0)
		ret = failed("receive queue's set-up", rte_eth_rx_queue_setup(port, q,
			life->port.ring, rte_socket_id(), NULL, pool));
	at[2] = rte_rdtsc();
	if (ret == 0)
		ret = failed("receive queue's start", rte_eth_dev_rx_queue_start(port, q));
	at[3] = rte_rdtsc();
	return ret;
}

static int
tx_queue_round(struct life *life, uint32_t round, uint64_t at[STEPS + 1])
{
	const uint16_t port = life->port.id, q = round % life->port.pairs;
	int ret;

	at[0] = rte_rdtsc();
	ret = failed("transmit queue's stop", rte_eth_dev_tx_queue_stop(port, q));
	at[1] = rte_rdtsc();
	if (ret == 0)
		ret = failed("transmit queue's set-up", rte_eth_tx_queue_setup(port, q,
			life->port.ring, rte_socket_id(), NULL));
	at[2] = rte_rdtsc();
	if (ret == 0)
		ret = failed("transmit queue's start", rte_eth_dev_tx_queue_start(port, q));
	at[3] = rte_rdtsc();
	return ret;
}

/*
 * The packaged driver resets its device, and gives buffers back, only when it is configured with
 * other offloads than before.
 */
static int
port_round(struct life *life, uint32_t round, uint64_t at[STEPS + 1])
{
	const uint64_t checksums = RTE_ETH_RX_OFFLOAD_UDP_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM;
	const bool other = (round + 1) % 2 != 0;
	int ret;

	at[0] = rte_rdtsc();
	ret = failed("port's stop", rte_eth_dev_stop(life->port.id));
	at[1] = rte_rdtsc();
	/* Set-up and start are one call of ours: told together. */
	at[2] = at[1];
	if (ret == 0)
		ret = port_bring_up(&life->port, other ? checksums : 0, life->pools[other]);
	at[3] = rte_rdtsc();
	return ret;
}

static int
plain_round(struct life *life, uint32_t round __rte_unused, uint64_t at[STEPS + 1])
{
	int ret;

	at[0] = rte_rdtsc();
	ret = failed("port's stop", rte_eth_dev_stop(life->port.id));
	at[1] = rte_rdtsc();
	at[2] = at[1];
	if (ret == 0)
		ret = failed("port's start", rte_eth_dev_start(life->port.id));
	at[3] = rte_rdtsc();
	return ret;
}

static int
live(struct life *life)
{
	int (*const rounds[])(struct life *life, uint32_t round, uint64_t at[STEPS + 1]) = {
		[WAY_RX_QUEUE] = rx_queue_round,
		[WAY_TX_QUEUE] = tx_queue_round,
		[WAY_PORT] = port_round,
		[WAY_PLAIN] = plain_round,
	};
	uint64_t at[STEPS + 1];
	uint32_t i, s;
	int ret;

	/* The first lap is not counted: its memory is touched for the first time. */
	for (i = 0; i < life->port.pairs; i++) {
		ret = rounds[life->options->way](life, i, at);
		if (ret != 0)
			return ret;
	}
	for (i = 0; i < life->options->rounds; i++) {
		ret = rounds[life->options->way](life, life->port.pairs + i, at);
		if (ret != 0)
			return ret;
		for (s = 0; s < STEPS; s++)
			life->times[s][i] = at[s + 1] - at[s];
		life->times[STEPS][i] = at[STEPS] - at[0];
	}
	return 0;
}

static void
write_json(const struct life *life)
{
	static const char *const names[] = { "stop", "set_up", "start", "all" };
	const double us = rte_get_tsc_hz() / 1e6;
	const uint32_t n = life->options->rounds;
	uint32_t s;

	printf("{\"mode\": \"life\", ");
	port_write_json(&life->port, stdout);
	for (s = 0; s <= STEPS; s++) {
		sort(life->times[s], n);
		printf(", \"%s_us\": {\"p50\": %.3f, \"p99\": %.3f, \"max\": %.3f}", names[s],
			sorted_at(life->times[s], n, 50) / us,
			sorted_at(life->times[s], n, 99) / us,
			sorted_at(life->times[s], n, 100) / us);
	}
	printf(", \"rounds\": %u}\n", n);
}

static bool
can_live(const struct life *life)
{
	const uint64_t capa = life->port.info.dev_capa;

	if ((life->options->way == WAY_RX_QUEUE &&
			(capa & RTE_ETH_DEV_CAPA_RUNTIME_RX_QUEUE_SETUP) == 0) ||
			(life->options->way == WAY_TX_QUEUE &&
			(capa & RTE_ETH_DEV_CAPA_RUNTIME_TX_QUEUE_SETUP) == 0)) {
		fprintf(stderr, "this driver sets no single queue up at run time\n");
		return false;
	}
	return true;
}

int
life_run(const struct options *options)
{
	struct life life = { .options = options };
	uint32_t s;
	int ret;

	ret = port_open(&life.port, options);
	if (ret != 0)
		return ret;
	watchdog_stage("stopping and starting");
	life.pools[0] = life.port.pool;
	life.pools[1] = packets_pool("second", life.port.pool->size);
	ret = life.pools[1] != NULL ? 0 : -ENOMEM;
	for (s = 0; s <= STEPS; s++) {
		life.times[s] = calloc(options->rounds, sizeof(*life.times[s]));
		if (life.times[s] == NULL)
			ret = -ENOMEM;
	}
	if (ret == 0)
		ret = can_live(&life) ? live(&life) : -ENOTSUP;
	if (ret == 0)
		write_json(&life);
	for (s = 0; s <= STEPS; s++)
		free(life.times[s]);
	port_close(&life.port);
	return ret;
}
