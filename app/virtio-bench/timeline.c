/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * What each queue receives in each millisecond while one of them is reconfigured. A second lcore
 * sends and receives on all; where the port has to be stopped, it is kept away meanwhile.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_mempool.h>

#include "modes.h"
#include "packets.h"
#include "watchdog.h"
#include "ways.h"

#define WARM_UP_MS 100u
#define PATIENCE_MS 1000u
#define IDLE_PASSES 1000u	/* that move nothing, before the thread sleeps */
#define OUTAGE_MS 1000u		/* room for each reconfiguration in the time line */

/* Times in TSC cycles since the start. */
struct event {
	uint64_t begin, end;
	uint32_t kept;		/* receive buffers that are not in their pool after the stop */
};

struct queue {
	uint64_t sent, received;
};

struct timeline {
	struct ways ways;
	const struct options *options;
	struct packets packets;
	struct queue *queues;
	struct event *events;
	uint32_t *bins;		/* [millisecond][queue] */
	uint64_t start, length;	/* in cycles, in milliseconds */
	bool sending, away, is_away, quit;	/* atomic, between the two threads */
};

static uint64_t
ms_cycles(uint32_t ms)
{
	return rte_get_tsc_hz() / 1000 * ms;
}

static void
count(struct timeline *line, uint16_t q, uint16_t n)
{
	const uint64_t ms = (rte_rdtsc() - line->start) / ms_cycles(1);

	line->queues[q].received += n;
	if (ms < line->length)
		line->bins[ms * line->ways.port.pairs + q] += n;
}

/* As much as the rings take: the peer holds back what finds no room. Returns what was moved. */
static uint16_t
carry(struct timeline *line, uint16_t q)
{
	const uint16_t port = line->ways.port.id, burst = line->options->burst;
	struct rte_mbuf *mbufs[BURST_MAX];
	uint16_t received, n;

	received = rte_eth_rx_burst(port, q, mbufs, burst);
	rte_pktmbuf_free_bulk(mbufs, received);
	count(line, q, received);
	if (!__atomic_load_n(&line->sending, __ATOMIC_RELAXED) ||
			!packets_make(&line->packets, mbufs, burst))
		return received;
	n = rte_eth_tx_burst(port, q, mbufs, burst);
	rte_pktmbuf_free_bulk(mbufs + n, burst - n);
	line->queues[q].sent += n;
	return received + n;
}

static int
carry_all(void *arg)
{
	struct timeline *line = arg;
	uint32_t moved, idle = 0;
	uint16_t q;

	while (!__atomic_load_n(&line->quit, __ATOMIC_RELAXED)) {
		const bool away = __atomic_load_n(&line->away, __ATOMIC_ACQUIRE);

		__atomic_store_n(&line->is_away, away, __ATOMIC_RELEASE);
		for (q = 0, moved = 0; !away && q < line->ways.port.pairs; q++)
			moved += carry(line, q);
		/* The control thread may share the core; but a sleep takes long. */
		idle = moved == 0 ? idle + 1 : 0;
		if (away || idle == IDLE_PASSES) {
			rte_delay_us_sleep(1);
			idle = 0;
		}
	}
	return 0;
}

static void
keep_away(struct timeline *line, bool away)
{
	__atomic_store_n(&line->away, away, __ATOMIC_RELEASE);
	while (__atomic_load_n(&line->is_away, __ATOMIC_ACQUIRE) != away)
		rte_delay_us_sleep(10);
}

/* A thread that is not kept away may hold a burst yet, and gives it back soon. */
static uint32_t
count_kept(const struct rte_mempool *pool, bool is_away)
{
	uint32_t us;

	for (us = 0; us < 10000 && !is_away && rte_mempool_in_use_count(pool) != 0; us += 100)
		rte_delay_us_sleep(100);
	return rte_mempool_in_use_count(pool);
}

/*
 * The same queue every time. The receive buffers that are counted come from a pool that no running
 * queue uses.
 */
static int
reconfigure(struct timeline *line, uint32_t round, struct event *event)
{
	const bool port_stops = line->options->way >= WAY_PORT;
	const bool other = (round + 1) % 2 != 0;
	const uint16_t queue = line->ways.port.pairs > 1 ? 1 : 0;
	uint64_t counted;
	int ret;

	event->begin = rte_rdtsc() - line->start;
	if (port_stops)
		keep_away(line, true);
	ret = ways_stop(&line->ways, queue);
	counted = rte_rdtsc();
	event->kept = count_kept(line->options->way == WAY_PLAIN ? line->ways.port.pool :
		line->ways.pools[!other], port_stops);
	/* The counting is no part of what is measured. */
	counted = rte_rdtsc() - counted;
	if (ret == 0)
		ret = ways_set_up(&line->ways, queue, other);
	if (ret == 0)
		ret = ways_start(&line->ways, queue, other);
	if (port_stops)
		keep_away(line, false);
	event->end = rte_rdtsc() - line->start - counted;
	return ret;
}

static bool
all_back(const struct timeline *line)
{
	uint16_t q;

	for (q = 0; q < line->ways.port.pairs; q++)
		if (line->queues[q].received < line->queues[q].sent)
			return false;
	return true;
}

static int
run(struct timeline *line)
{
	struct event first = { 0 };
	uint32_t i, ms;
	int ret;

	__atomic_store_n(&line->sending, true, __ATOMIC_RELAXED);
	rte_delay_us_sleep(1000 * WARM_UP_MS);
	/* Not shown: memory is touched for the first time, and the queue gets a pool of its own. */
	ret = reconfigure(line, 0, &first);
	for (i = 0; i < line->options->rounds && ret == 0; i++) {
		watchdog_rounds(i, line->options->rounds);
		rte_delay_us_sleep(1000 * line->options->milliseconds);
		ret = reconfigure(line, i + 1, &line->events[i]);
	}
	rte_delay_us_sleep(1000 * line->options->milliseconds);
	__atomic_store_n(&line->sending, false, __ATOMIC_RELAXED);
	/* Those that are on their way. */
	for (ms = 0; ms < PATIENCE_MS && !all_back(line); ms++)
		rte_delay_us_sleep(1000);
	return ret;
}

static void
write_json(const struct timeline *line)
{
	const double ms = ms_cycles(1);
	const uint16_t pairs = line->ways.port.pairs;
	const struct event *event;
	uint64_t i, last = 0;
	uint16_t q;

	printf("{\"mode\": \"timeline\", ");
	port_write_json(&line->ways.port, stdout);
	printf(", \"events\": [");
	for (i = 0; i < line->options->rounds; i++) {
		event = &line->events[i];
		printf("%s{\"begin_ms\": %.4f, \"end_ms\": %.4f, \"kept\": %u}", i == 0 ? "" : ", ",
			event->begin / ms, event->end / ms, event->kept);
		last = event->end / ms + line->options->milliseconds;
	}
	printf("], \"queues\": [");
	for (q = 0; q < pairs; q++)
		printf("%s{\"sent\": %" PRIu64 ", \"received\": %" PRIu64 "}", q == 0 ? "" : ", ",
			line->queues[q].sent, line->queues[q].received);
	printf("], \"timeline\": [");
	for (i = 0; i < RTE_MIN(last, line->length); i++) {
		printf("%s[", i == 0 ? "" : ", ");
		for (q = 0; q < pairs; q++)
			printf("%s%u", q == 0 ? "" : ", ", line->bins[i * pairs + q]);
		printf("]");
	}
	printf("]}\n");
}

static int
make(struct timeline *line)
{
	const uint16_t pairs = line->ways.port.pairs;
	struct rte_mempool *pool;

	if (rte_lcore_count() < 2) {
		fprintf(stderr, "timeline wants a second lcore\n");
		return -EINVAL;
	}
	/* Apart from those of the receive queues, whose buffers are counted. */
	pool = packets_pool("sent", pairs * line->ways.port.ring + PORT_SPARE_BUFFERS);
	line->length = (uint64_t)(line->options->rounds + 1) * line->options->milliseconds +
		line->options->rounds * OUTAGE_MS;
	line->queues = calloc(pairs, sizeof(*line->queues));
	line->events = calloc(line->options->rounds, sizeof(*line->events));
	line->bins = calloc(line->length * pairs, sizeof(*line->bins));
	if (pool == NULL || line->queues == NULL || line->events == NULL || line->bins == NULL)
		return -ENOMEM;
	packets_init(&line->packets, pool, line->options);
	/* Not the port's, which the other queues keep. */
	line->ways.pools[0] = packets_pool("third", line->ways.port.pool->size);
	return line->ways.pools[0] != NULL ? 0 : -ENOMEM;
}

int
timeline_run(const struct options *options)
{
	struct timeline line = { .options = options };
	int ret;

	ret = ways_open(&line.ways, options);
	if (ret == 0)
		ret = make(&line);
	if (ret == 0) {
		watchdog_stage("reconfiguring under traffic");
		line.start = rte_rdtsc();
		rte_eal_remote_launch(carry_all, &line, rte_get_next_lcore(-1, 1, 0));
		ret = run(&line);
		__atomic_store_n(&line.quit, true, __ATOMIC_RELAXED);
		rte_eal_mp_wait_lcore();
	}
	if (ret == 0)
		write_json(&line);
	free(line.queues);
	free(line.events);
	free(line.bins);
	port_close(&line.ways.port);
	return ret;
}
