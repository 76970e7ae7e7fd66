/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <rte_bitops.h>
#include <rte_common.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_vect.h>

#include "eal_start.h"
#include "pool.h"
#include "resetter.h"
#include "soak.h"
#include "soak_common.h"
#include "soak_random.h"

#define QUEUES_MAX 4u
#define EVENT_EVERY_MIN 20u	/* resets between two events */
#define EVENT_EVERY_MAX 120u
#define STOP_SECONDS_MAX 30u
#define UNREAD_MS_MIN 100u
#define UNREAD_DOUBLINGS 5u
#define OTHER_PACKETS 20u	/* that the other port has to receive after an event */

struct episode {
	struct soak *soak;
	struct soak_path *path;
	struct random random;
	struct soak_port sp;
	struct options options;		/* of the resetter */
	struct resetter resetter;
	uint32_t number;
	bool server;			/* the port listens, and the back-end connects */
	uint32_t until_event;		/* resets */
};

void
soak_plan(struct soak *soak)
{
	struct random random = { .state = soak->options.seed };
	const uint32_t half = PATHS_MAX / 2;
	struct soak_path path, *paths = soak->path;
	uint16_t bits[3];
	const uint32_t n_widths = soak_simd_widths(bits);
	uint32_t n = 0, i, j;

	for (i = 0; i < 8 * n_widths; i++)
		paths[n++] = (struct soak_path) {
			.packed = (i & 1) != 0,
			.in_order = (i & 2) != 0,
			.mergeable = (i & 4) != 0,
			.disable = random_one_in(&random, 2),
			.simd_bits = bits[i / 8],
		};
	for (i = n - 1; i > 0; i--) {
		j = random_below(&random, i + 1);
		path = paths[i];
		paths[i] = paths[j];
		paths[j] = path;
	}
	/* Then all of them with the other method. */
	RTE_VERIFY(n <= half);
	for (i = 0; i < n; i++) {
		paths[n + i] = paths[i];
		paths[n + i].disable = !paths[i].disable;
	}
	soak->n_paths = 2 * n;
}

static int __rte_format_printf(2, 3)
fail(struct episode *episode, const char *format, ...)
{
	struct soak *soak = episode->soak;
	va_list list;

	/* The first one is the cause. */
	if (soak->failure[0] == '\0') {
		va_start(list, format);
		vsnprintf(soak->failure, sizeof(soak->failure), format, list);
		va_end(list);
		soak->failed_in = episode->number;
	}
	return -1;
}

static uint16_t
random_size(struct episode *episode)
{
	return soak_ring_size(&episode->random, episode->options.ring_size_max,
		episode->path->packed);
}

/* One reset of a queue: which rings of it, which size. */
static int
reset_queue(struct episode *episode, uint16_t queue, unsigned int rings)
{
	struct soak *soak = episode->soak;
	struct resetter *resetter = &episode->resetter;
	const struct resize resize = { .queue = queue, .ring_size = random_size(episode) };
	const bool had_action = child_has_action(&episode->sp.child);
	const struct reset_record *record;
	bool beside;
	int ret;

	ret = resetter_reset(resetter, 0, &resize, rings);
	if (ret == 0) {
		soak->resets += rings == PORT_BOTH ? 2 : 1;
		episode->path->resets += rings == PORT_BOTH ? 2 : 1;
		record = &resetter->records[resetter->n_records - 1];
		beside = had_action || child_has_action(&episode->sp.child);
		if (rings != PORT_BOTH) {
			times_add(beside ? &soak->stop_beside : &soak->stop, record->stop);
			times_add(beside ? &soak->start_beside : &soak->start, record->start);
		}
	}
	/* The records of a long run would be a leak of their own. */
	resetter->n_records = 0;
	return ret;
}

static int
reset_any(struct episode *episode)
{
	const struct resetter *resetter = &episode->resetter;
	const uint16_t queue = random_below(&episode->random, episode->options.queues);
	unsigned int rings = 1 + random_below(&episode->random, PORT_BOTH);

	if (rings == PORT_BOTH && resetter->ring_size[0][queue] != resetter->ring_size[1][queue])
		rings = random_one_in(&episode->random, 2) ? PORT_RX : PORT_TX;
	return reset_queue(episode, queue, rings);
}

static int
reset_or_fail(struct episode *episode)
{
	return reset_any(episode) == 0 ? 0 : fail(episode, "%s", episode->resetter.failure);
}

/* ---- a back-end that is killed --------------------------------------------------------------- */

static uint64_t
patience_ends(void)
{
	return rte_rdtsc() + rte_get_tsc_hz() / 1000 * PATIENCE_MS;
}

/* A port that listens takes the new back-end by itself, with stopped queues stopped. */
static int
reset_port(struct episode *episode)
{
	struct soak_port *sp = &episode->sp;
	uint16_t q;
	int ret;

	if (episode->server)
		return 0;
	if (traffic_pause(&sp->traffic, true) != 0)
		return fail(episode, "the thread of the traffic has not left the port after %u ms",
			TRAFFIC_PAUSE_TIMEOUT_MS);
	ret = rte_eth_dev_reset(sp->port.id);
	if (ret == 0)
		ret = rte_eth_dev_start(sp->port.id);
	/* All queues have been started. */
	for (q = 0; q < sp->traffic.queues; q++)
		if ((atomic_load(&sp->traffic.queue[q].epoch) & 1) != 0)
			atomic_fetch_add(&sp->traffic.queue[q].epoch, 1);
	episode->soak->events.port_resets++;
	if (traffic_pause(&sp->traffic, false) != 0)
		return fail(episode, "the thread of the traffic has not gone on after %u ms",
			TRAFFIC_PAUSE_TIMEOUT_MS);
	return ret == 0 ? 0 : fail(episode, "the port cannot be reset, its back-end being there "
		"again: %s", strerror(-ret));
}

/*
 * Announces to the traffic that the back-end was killed, or that there is another one: packets that
 * were sent in between are lost. A queue whose reset was cut short is stopped, and sends nothing.
 */
static int
advance_epochs(struct episode *episode, bool is_renewed)
{
	struct traffic *traffic = &episode->sp.traffic;
	const uint64_t end = patience_ends();
	bool is_stopped;
	uint16_t q;

	for (q = 0; q < traffic->queues; q++) {
		struct traffic_queue *queue = &traffic->queue[q];

		is_stopped = (atomic_load(&queue->epoch) & 1) != 0;
		atomic_store(&queue->is_renewed, is_renewed);
		if (!is_stopped)
			atomic_fetch_add(&queue->epoch, 2);
		else if (is_renewed)
			atomic_fetch_add(&queue->epoch, 1);
		while (!traffic_saw_epoch(traffic, q)) {
			if (rte_rdtsc() > end)
				return fail(episode, "the thread of the traffic has not "
					"run its loop for %u ms", PATIENCE_MS);
			soak_rest();
		}
	}
	return 0;
}

/* The queue whose reset was cut short is stopped; the others come back by themselves. */
static int
resume_queue(struct episode *episode, uint16_t q)
{
	struct traffic_queue *queue = &episode->sp.traffic.queue[q];
	const uint64_t end = patience_ends();
	int ret;

	while ((ret = port_queue_start(&episode->sp.port, q, PORT_BOTH)) != 0) {
		if (rte_rdtsc() > end)
			return fail(episode, "queue %u: cannot be started with the new back-end: "
				"%s", q, strerror(-ret));
		soak_rest();
	}
	while (counter_get(&queue->fresh) == 0) {
		if (rte_rdtsc() > end)
			return fail(episode, "queue %u: no packet came back from the new back-end",
				q);
		soak_rest();
	}
	return 0;
}

static int
replace_backend(struct episode *episode)
{
	struct soak_port *sp = &episode->sp;
	const uint64_t end = patience_ends();
	uint16_t q;

	if (child_reap(&sp->child) != 0)
		return fail(episode, "the back-end has ended before it was killed");
	sp->backends_killed++;
	if (advance_epochs(episode, false) != 0)
		return -1;
	if (child_start(&sp->child, &sp->child_conf) != 0)
		return fail(episode, "the back-end cannot be started again");
	episode->resetter.failure[0] = '\0';
	if (reset_port(episode) != 0)
		return -1;
	while (!soak_port_is_up(sp)) {
		if (rte_rdtsc() > end)
			return fail(episode, "the link stays down with the new back-end");
		soak_rest();
	}
	if (advance_epochs(episode, true) != 0)
		return -1;
	for (q = 0; q < episode->options.queues; q++)
		if (resume_queue(episode, q) != 0)
			return -1;
	return 0;
}

/* At any place of the queue calls. */
static int
kill_backend(struct episode *episode)
{
	struct soak_port *sp = &episode->sp;
	const uint64_t end = patience_ends();

	child_schedule(&sp->child, CHILD_KILL, random_below(&episode->random, KILL_WITHIN_US), 0);
	while (!atomic_load_explicit(&sp->child.gone, memory_order_acquire)) {
		if (rte_rdtsc() > end)
			return fail(episode, "the back-end has not been killed after %u ms",
				PATIENCE_MS);
		if (reset_any(episode) == 0)
			continue;
		if (atomic_load_explicit(&sp->child.gone, memory_order_acquire))
			break;
		return fail(episode, "%s", episode->resetter.failure);
	}
	episode->soak->events.kills++;
	return replace_backend(episode);
}

/* ---- other events ---------------------------------------------------------------------------- */

static int
reset_until_over(struct episode *episode)
{
	const uint64_t end = patience_ends();

	do {
		if (rte_rdtsc() > end)
			return fail(episode, "the stop of the back-end has not ended after %u ms",
				PATIENCE_MS);
		if (reset_or_fail(episode) != 0)
			return -1;
	} while (child_has_action(&episode->sp.child));
	return 0;
}

/* Short ones are more frequent: between 1 and 2 seconds are as many as between 8 and 16. */
static uint32_t
random_stop_ms(struct episode *episode)
{
	const uint32_t most = 1000 * RTE_MIN(STOP_SECONDS_MAX,
		1 + episode->soak->options.minutes * 60 / PATHS_MAX / 2);
	const uint32_t ms = 1000 << random_below(&episode->random, rte_log2_u32(most / 1000 + 1));

	return RTE_MIN(ms + random_below(&episode->random, ms), most);
}

/* Resets go on meanwhile, as far as they can. */
static int
stop_backend(struct episode *episode)
{
	const uint32_t ms = random_stop_ms(episode);

	episode->soak->events.stops++;
	episode->soak->events.stopped_ms += ms;
	child_schedule(&episode->sp.child, CHILD_STOP,
		random_below(&episode->random, KILL_WITHIN_US), ms * UINT64_C(1000));
	return reset_until_over(episode);
}

/*
 * Once the pipe is full, its message thread waits in the middle of a message, and its polling
 * thread goes on.
 */
static int
leave_log_unread(struct episode *episode)
{
	struct child *child = &episode->sp.child;
	const uint32_t before = child_filled(child);
	uint32_t ms = UNREAD_MS_MIN << random_below(&episode->random, UNREAD_DOUBLINGS);
	int ret;

	ms += random_below(&episode->random, ms);
	episode->soak->events.unread++;
	child_schedule(child, CHILD_READ_NOTHING, 0, ms * UINT64_C(1000));
	ret = reset_until_over(episode);
	episode->soak->events.filled += child_filled(child) - before;
	return ret;
}

/* A receive queue gets a pool in memory that the back-end learns of now. */
static int
change_memory(struct episode *episode)
{
	static const uint32_t caches[] = { 0, 128, 512 };
	struct port *port = &episode->sp.port;
	const uint16_t queue = random_below(&episode->random, episode->options.queues);
	const unsigned int pool = 1 - episode->resetter.rx_pool[queue];
	const uint32_t changes = eal_memory_changes();
	const uint32_t more = random_below(&episode->random, 4096);
	const uint32_t cache = caches[random_below(&episode->random, RTE_DIM(caches))];

	if (port->ext.len != 0 && pool == 1)
		return reset_or_fail(episode);
	if (!pool_full(port->queue[queue].rx_pool[pool]))
		return fail(episode, "queue %u: a pool that it does not use is not full", queue);
	if (port_replace_rx_pool(port, queue, pool, more, cache) != 0)
		return fail(episode, "queue %u: no memory for another pool", queue);
	episode->soak->events.pools += eal_memory_changes() != changes;
	return reset_queue(episode, queue, PORT_RX) == 0 ? 0 :
		fail(episode, "%s", episode->resetter.failure);
}

static int
run_event(struct episode *episode)
{
	struct soak_port *other = &episode->soak->other;
	int ret;

	switch (random_below(&episode->random, 4)) {
	case 0:
		ret = kill_backend(episode);
		break;
	case 1:
		ret = stop_backend(episode);
		break;
	case 2:
		ret = episode->sp.child_conf.verbose ? leave_log_unread(episode) :
			reset_or_fail(episode);
		break;
	default:
		ret = episode->soak->hugepages ? change_memory(episode) : reset_or_fail(episode);
		break;
	}
	if (ret == 0 && (!soak_port_is_up(other) || !soak_port_receives(other, OTHER_PACKETS)))
		return fail(episode, "the other port receives no packets");
	return ret;
}

/* ---- an episode ------------------------------------------------------------------------------ */

static void
random_offloads(struct episode *episode, struct port_conf *conf)
{
	static const uint64_t rx[] = {
		0, RTE_ETH_RX_OFFLOAD_UDP_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM,
		RTE_ETH_RX_OFFLOAD_TCP_LRO | RTE_ETH_RX_OFFLOAD_TCP_CKSUM,
		RTE_ETH_RX_OFFLOAD_VLAN_STRIP,
	};
	static const uint64_t tx[] = {
		0, RTE_ETH_TX_OFFLOAD_UDP_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM,
		RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_TCP_CKSUM,
		RTE_ETH_TX_OFFLOAD_VLAN_INSERT, RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE,
	};

	conf->rx_offloads = rx[random_below(&episode->random, RTE_DIM(rx))];
	conf->tx_offloads = tx[random_below(&episode->random, RTE_DIM(tx))];
}

static int
open_port(struct episode *episode, const char *socket)
{
	static const uint16_t sizes[] = { 128, 256, 1024, 2048 };
	static const uint32_t drains[] = { 0, 0, 100, 2000 };
	static const uint32_t timeouts[] = { 200, 2000, 10000 };
	struct random *random = &episode->random;
	const struct soak *soak = episode->soak;
	const struct soak_path *path = episode->path;
	struct options *options = &episode->options;
	/* In statements, as C does not define the order within an initializer. */
	const bool stock = random_one_in(random, 2);
	const bool verbose = random_one_in(random, 3);
	const bool one_core = random_one_in(random, 4);
	const uint32_t drain_us = drains[random_below(random, RTE_DIM(drains))];
	const uint32_t timeout_ms = timeouts[random_below(random, RTE_DIM(timeouts))];
	const struct child_conf child = {
		.program = soak->options.backend,
		.path = socket,
		.queues = options->queues,
		.client = episode->server,
		/* The library as it is, or with the helper, which is not used then. */
		.stock = path->disable && stock,
		.verbose = verbose,
		.one_core = one_core,
		.no_huge = !soak->hugepages,
	};
	struct port_conf conf = {
		.socket = socket,
		.number = 1,
		.method = !path->disable ? "get_base" : child.stock ? "auto" : "disable",
		.drain_us = drain_us,
		.stop_timeout_ms = timeout_ms,
		.queues = options->queues,
		.extbuf = random_one_in(random, 4),
	};
	char devargs[96];

	options->ring_size_max = sizes[random_below(random, RTE_DIM(sizes))];
	for (options->n_ring_sizes = 0; options->n_ring_sizes < 3; options->n_ring_sizes++)
		options->ring_sizes[options->n_ring_sizes] = random_size(episode);
	conf.ring_size_max = options->ring_size_max;
	conf.ring_sizes = options->ring_sizes;
	conf.n_ring_sizes = options->n_ring_sizes;
	random_offloads(episode, &conf);
	/* Without recovery=auto: packets that its resets drop would count as lost. */
	snprintf(devargs, sizeof(devargs), "packed_vq=%d,in_order=%d,mrg_rxbuf=%d%s",
		path->packed, path->in_order, path->mergeable,
		episode->server ? ",server=1" : "");
	conf.devargs = devargs;
	rte_vect_set_max_simd_bitwidth(path->simd_bits);
	episode->soak->events.one_core += child.one_core;
	return soak_port_open(&episode->sp, &child, &conf, LCORE_TRAFFIC, 0);
}

static void
note_name(struct episode *episode)
{
	struct rte_eth_burst_mode mode;

	if (rte_eth_rx_burst_mode_get(episode->sp.port.id, 0, &mode) == 0)
		snprintf(episode->path->name, sizeof(episode->path->name), "%.95s", mode.info);
}

static void
add_packets(struct soak_packets *sum, const struct soak_packets *packets)
{
	sum->sent += packets->sent;
	sum->received += packets->received;
	sum->tx_dropped += packets->tx_dropped;
	sum->rx_dropped += packets->rx_dropped;
	sum->missing += packets->missing;
}

static int
run(struct episode *episode, uint64_t milliseconds)
{
	struct soak_packets packets = { 0 };
	const uint64_t end = rte_rdtsc() + rte_get_tsc_hz() / 1000 * milliseconds;
	char failure[256] = "";
	int ret = 0;

	while (ret == 0 && rte_rdtsc() < end && !resetter_interrupted) {
		if (episode->until_event-- != 0) {
			ret = reset_or_fail(episode);
			continue;
		}
		episode->until_event = EVENT_EVERY_MIN +
			random_below(&episode->random, EVENT_EVERY_MAX - EVENT_EVERY_MIN);
		ret = run_event(episode);
	}
	episode->soak->events.calls_again += episode->resetter.n_again;
	if (ret == 0 && soak_port_finish(&episode->sp, &packets, failure, sizeof(failure)) != 0)
		ret = fail(episode, "%s", failure);
	add_packets(&episode->path->packets, &packets);
	return ret;
}

int
soak_episode(struct soak *soak, uint32_t number, uint64_t milliseconds)
{
	struct random random = { .state = soak->options.seed + (uint64_t)number * 1000003 };
	struct episode episode = {
		.soak = soak,
		.path = &soak->path[(number - 1) % soak->n_paths],
		.number = number,
	};
	char socket[96], failure[256] = "";
	int ret;

	episode.random.state = random_next(&random);
	episode.server = random_one_in(&episode.random, 2);
	episode.options.queues = 1 + random_below(&episode.random, QUEUES_MAX);
	episode.options.rounds = 1;
	episode.until_event = random_below(&episode.random, EVENT_EVERY_MIN);
	snprintf(socket, sizeof(socket), "%s/%u.sock", soak->folder, number);
	ret = open_port(&episode, socket);
	if (ret == 0)
		ret = resetter_init(&episode.resetter, &episode.options, &episode.sp.port,
			&episode.sp.traffic, true);
	if (ret == 0) {
		note_name(&episode);
		episode.resetter.patience_ms = PATIENCE_MS;
		episode.resetter.gone = &episode.sp.child.gone;
		ret = run(&episode, milliseconds);
	} else {
		fail(&episode, "the port cannot be made: %s", strerror(-ret));
	}
	if (soak_port_close(&episode.sp, failure, sizeof(failure)) != 0)
		ret = fail(&episode, "%s", failure);
	resetter_free(&episode.resetter);
	episode.path->episodes++;
	soak->episodes++;
	return ret;
}
