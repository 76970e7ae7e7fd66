/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * What each queue receives in each millisecond while one of them is reconfigured. A second lcore
 * sends and receives on all; where the port has to be stopped, it is kept away meanwhile. It works
 * as fast as it can, or at a pace: then it sleeps between, and leaves its core to other threads.
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
#include "pace.h"
#include "packets.h"
#include "watchdog.h"
#include "ways.h"

#define WARM_UP_MS 100u
#define PATIENCE_MS 1000u
#define IDLE_PASSES 1000u	/* that move nothing, before the thread sleeps */
#define OUTAGE_MS 1000u		/* room for each reconfiguration in the time line */
#define BURSTS_A_TICK 8u	/* received at most of a queue, at a pace */

/* Times in TSC cycles since the start. */
struct event {
	uint64_t begin, end;
	uint64_t counting;	/* of that time, the counting of buffers: no part of a stop */
	uint32_t kept;		/* receive buffers that are not in their pool after the stop */
};

struct queue {
	uint64_t sent, received;
	uint64_t last;		/* when it received something */
};

/* Of a queue in a millisecond. */
struct bin {
	uint32_t packets;
	uint32_t gap_us;	/* the longest time without a packet that ended in it */
};

struct timeline {
	struct ways ways;
	const struct options *options;
	struct packets packets;
	struct queue *queues;
	struct event *events;
	struct bin *bins;	/* [millisecond][queue] */
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
	const uint64_t now = rte_rdtsc() - line->start, ms = now / ms_cycles(1);
	struct queue *queue = &line->queues[q];
	struct bin *bin;
	uint32_t gap_us;

	queue->received += n;
	if (n == 0 || ms >= line->length)
		return;
	gap_us = (now - queue->last) * 1000 / ms_cycles(1);
	queue->last = now;
	bin = &line->bins[ms * line->ways.port.pairs + q];
	bin->packets += n;
	bin->gap_us = RTE_MAX(bin->gap_us, gap_us);
}

static uint16_t
receive(struct timeline *line, uint16_t q)
{
	struct rte_mbuf *mbufs[BURST_MAX];
	uint16_t n;

	n = rte_eth_rx_burst(line->ways.port.id, q, mbufs, line->options->burst);
	rte_pktmbuf_free_bulk(mbufs, n);
	count(line, q, n);
	return n;
}

/* As much as the ring takes: the peer holds back what finds no room. */
static uint16_t
transmit(struct timeline *line, uint16_t q)
{
	const uint16_t burst = line->options->burst;
	struct rte_mbuf *mbufs[BURST_MAX];
	uint16_t n;

	if (!__atomic_load_n(&line->sending, __ATOMIC_RELAXED) ||
			!packets_make(&line->packets, mbufs, burst))
		return 0;
	n = rte_eth_tx_burst(line->ways.port.id, q, mbufs, burst);
	rte_pktmbuf_free_bulk(mbufs + n, burst - n);
	line->queues[q].sent += n;
	return n;
}

/* Whether the port is in other hands. */
static bool
is_away(struct timeline *line)
{
	const bool away = __atomic_load_n(&line->away, __ATOMIC_ACQUIRE);

	__atomic_store_n(&line->is_away, away, __ATOMIC_RELEASE);
	return away;
}

static void
carry_at_full_speed(struct timeline *line)
{
	uint32_t moved, idle = 0;
	uint16_t q;
	bool away;

	while (!__atomic_load_n(&line->quit, __ATOMIC_RELAXED)) {
		away = is_away(line);
		for (q = 0, moved = 0; !away && q < line->ways.port.pairs; q++)
			moved += receive(line, q) + transmit(line, q);
		/* The control thread may share the core; but a sleep takes long. */
		idle = moved == 0 ? idle + 1 : 0;
		if (away || idle == IDLE_PASSES) {
			rte_delay_us_sleep(1);
			idle = 0;
		}
	}
}

static void
carry_at_a_pace(struct timeline *line)
{
	struct pace pace;
	uint32_t bursts;
	uint16_t q;
	bool away;

	pace_begin(&pace, line->options->pace_us);
	while (!__atomic_load_n(&line->quit, __ATOMIC_RELAXED)) {
		away = is_away(line);
		for (q = 0; !away && q < line->ways.port.pairs; q++) {
			for (bursts = 0; bursts < BURSTS_A_TICK; bursts++)
				if (receive(line, q) < line->options->burst)
					break;
			transmit(line, q);
		}
		pace_wait(&pace);
	}
}

static int
carry_all(void *arg)
{
	struct timeline *line = arg;

	if (line->options->pace_us > 0)
		carry_at_a_pace(line);
	else
		carry_at_full_speed(line);
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
	int ret;

	/* Whether the other thread is at work or asleep is no part of it. */
	if (port_stops)
		keep_away(line, true);
	event->begin = rte_rdtsc() - line->start;
	ret = ways_stop(&line->ways, queue);
	event->counting = rte_rdtsc();
	event->kept = count_kept(line->options->way == WAY_PLAIN ? line->ways.port.pool :
		line->ways.pools[!other], port_stops);
	event->counting = rte_rdtsc() - event->counting;
	if (ret == 0)
		ret = ways_set_up(&line->ways, queue, other);
	if (ret == 0)
		ret = ways_start(&line->ways, queue, other);
	event->end = rte_rdtsc() - line->start;
	if (port_stops)
		keep_away(line, false);
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
		printf("%s{\"begin_ms\": %.4f, \"end_ms\": %.4f, \"took_ms\": %.4f, \"kept\": %u}",
			i == 0 ? "" : ", ", event->begin / ms, event->end / ms,
			(event->end - event->begin - event->counting) / ms, event->kept);
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
			printf("%s%u", q == 0 ? "" : ", ", line->bins[i * pairs + q].packets);
		printf("]");
	}
	printf("], \"gaps_us\": [");
	for (i = 0; i < RTE_MIN(last, line->length); i++) {
		printf("%s[", i == 0 ? "" : ", ");
		for (q = 0; q < pairs; q++)
			printf("%s%u", q == 0 ? "" : ", ", line->bins[i * pairs + q].gap_us);
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
