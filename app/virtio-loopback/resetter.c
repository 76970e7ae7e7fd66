/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_common.h>
#include <rte_cycles.h>

#include "idle.h"
#include "progress.h"
#include "resetter.h"

#define RECLAIM_TIMEOUT_MS 2000u
#define ALIVE_TIMEOUT_MS 5000u
#define DRAIN_TIMEOUT_MS 5000u

volatile sig_atomic_t resetter_interrupted;

static uint64_t
ns_of(uint64_t cycles)
{
	return (uint64_t)((double)cycles * 1e9 / rte_get_tsc_hz());
}

static uint64_t
cycles_of_ms(uint32_t ms)
{
	return rte_get_tsc_hz() / 1000 * ms;
}


static bool
is_gone(const struct resetter *resetter)
{
	return resetter->gone != NULL && atomic_load_explicit(resetter->gone, memory_order_acquire);
}

/* Poll until test() is true; false at the deadline, after one more look. */
static bool
wait_until(struct resetter *resetter, bool (*test)(struct resetter *resetter, uint16_t queue),
		uint16_t queue, uint32_t timeout_ms)
{
	uint64_t deadline = rte_rdtsc() + cycles_of_ms(RTE_MAX(timeout_ms, resetter->patience_ms));
	struct idle idle;

	idle_init(&idle, resetter->shared_core);
	while (!test(resetter, queue)) {
		if (rte_rdtsc() > deadline || is_gone(resetter))
			return test(resetter, queue);
		idle_wait(&idle);
	}
	return true;
}

static int __rte_format_printf(2, 3)
fail(struct resetter *resetter, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vsnprintf(resetter->failure, sizeof(resetter->failure), format, list);
	va_end(list);
	return -1;
}

/* The ring size of a pair after so many resets. */
static uint16_t
ring_size(const struct options *options, uint16_t queue, uint32_t generation)
{
	return options->ring_sizes[(queue + generation) % options->n_ring_sizes];
}

static struct reset_record *
add_record(struct resetter *resetter)
{
	struct reset_record *record;

	if (resetter->n_records == resetter->room) {
		uint32_t more = resetter->room == 0 ? 256 : resetter->room * 2;

		record = realloc(resetter->records, (size_t)more * sizeof(*record));
		if (record == NULL)
			return NULL;
		resetter->records = record;
		resetter->room = more;
	}
	record = &resetter->records[resetter->n_records++];
	memset(record, 0, sizeof(*record));
	return record;
}

/* The order matters: the buffers of a queue are countable only when no thread holds any. */
static bool
reclaimed(struct resetter *resetter, uint16_t queue)
{
	return traffic_saw_epoch(resetter->traffic, queue) &&
		port_queue_pools_full(resetter->port, queue,
			atomic_load(&resetter->traffic->queue[queue].stopped_rings));
}

static bool
saw_epoch(struct resetter *resetter, uint16_t queue)
{
	return traffic_saw_epoch(resetter->traffic, queue);
}

/* The bursts of the stopped rings have been called. */
static bool
polled(struct resetter *resetter, uint16_t queue)
{
	return counter_get(&resetter->traffic->queue[queue].stopped_polls) !=
		resetter->polls_before;
}

static bool
alive(struct resetter *resetter, uint16_t queue)
{
	return traffic_saw_epoch(resetter->traffic, queue) &&
		counter_get(&resetter->traffic->queue[queue].fresh_tsc) != 0;
}

/* A stop of these rings, or the start after it. */
static void
announce(struct resetter *resetter, const struct reset_record *record)
{
	struct traffic_queue *queue = &resetter->traffic->queue[record->queue];

	atomic_store_explicit(&queue->stopped_rings, record->rings, memory_order_relaxed);
	atomic_fetch_add_explicit(&queue->epoch, 1, memory_order_acq_rel);
}

/* A stop without an answer is asked for again: a late answer to the first request counts. */
static int
stop_rings(struct resetter *resetter, uint16_t queue, unsigned int rings)
{
	const uint64_t deadline = rte_rdtsc() + cycles_of_ms(resetter->patience_ms);
	int ret;

	while ((ret = port_queue_stop(resetter->port, queue, rings)) == -ETIMEDOUT &&
			rte_rdtsc() < deadline)
		resetter->n_again++;
	return ret;
}

/* The queue is taken down, its buffers are counted. */
static int
stop_and_reclaim(struct resetter *resetter, struct reset_record *record)
{
	uint64_t begin = rte_rdtsc(), stopped;
	uint16_t queue = record->queue;
	int ret;

	ret = stop_rings(resetter, queue, record->rings);
	stopped = rte_rdtsc();
	if (ret != 0)
		return fail(resetter, "queue %u cannot be stopped: %s%s", queue, strerror(-ret),
			ret == -ENOTSUP ?
			"; the driver or its back-end cannot reset one queue (--verbose: why)" :
			"");
	record->stop = ns_of(stopped - begin);
	resetter->polls_before = counter_get(&resetter->traffic->queue[queue].stopped_polls);
	announce(resetter, record);
	/* With a back-end that has ended nothing is waited for: the traffic may hold packets. */
	if (!is_gone(resetter) && !wait_until(resetter, reclaimed, queue, RECLAIM_TIMEOUT_MS) &&
			!is_gone(resetter))
		return fail(resetter, "queue %u is stopped, but after %u ms %u of its buffers are "
			"still missing", queue, RECLAIM_TIMEOUT_MS,
			port_queue_missing(resetter->port, queue, record->rings));
	if (is_gone(resetter))
		return fail(resetter, "queue %u is stopped, as the back-end has ended", queue);
	record->reclaim = ns_of(rte_rdtsc() - stopped);
	if (!wait_until(resetter, polled, queue, RECLAIM_TIMEOUT_MS))
		return fail(resetter, "queue %u: the thread of the traffic has not called "
			"the bursts of the stopped queue in %u ms", queue, RECLAIM_TIMEOUT_MS);
	return 0;
}

/* What the set-up gave and took, now that it is done: the old ring's memory is free at once. */
static int
check_memory(struct resetter *resetter, struct reset_record *record)
{
	const uint64_t before = record->memory_before.zones;
	uint64_t after;

	ring_memory_read(&record->memory_after);
	after = record->memory_after.zones;
	if (record->ring_to > record->ring_from ? after > before :
			record->ring_to < record->ring_from ? after < before : after == before)
		return 0;
	return fail(resetter, "queue %u: the memory of all rings went from %" PRIu64 " to %" PRIu64
		" bytes with a ring from %u to %u", record->queue, before, after,
		record->ring_from, record->ring_to);
}

static int
setup(struct resetter *resetter, struct reset_record *record, uint16_t size, uint32_t rx_pool)
{
	struct ring_memory_hog *hog = record->no_memory ? ring_memory_take_all() : NULL;
	uint64_t begin = rte_rdtsc();
	int ret;

	ret = port_queue_setup(resetter->port, record->queue, record->rings, size, rx_pool);
	record->start = rte_rdtsc() - begin;
	ring_memory_give_back(hog);
	if (record->no_memory) {
		if (ret != -ENOMEM)
			return fail(resetter, "queue %u: there is no memory for a ring of %u, and "
				"its set-up ends with: %s", record->queue, size,
				ret == 0 ? "success" : strerror(-ret));
	} else if (ret != 0) {
		return fail(resetter, "queue %u cannot be set up with a ring of %u: %s",
			record->queue, size, strerror(-ret));
	}
	return 0;
}

/*
 * A start without an answer leaves a queue that is to be stopped first; what was sent meanwhile may
 * be lost by that.
 */
static int
start_rings(struct resetter *resetter, const struct reset_record *record)
{
	const uint16_t queue = record->queue;
	const uint64_t deadline = rte_rdtsc() + cycles_of_ms(resetter->patience_ms);
	int ret;

	announce(resetter, record);
	while ((ret = port_queue_start(resetter->port, queue, record->rings)) == -ETIMEDOUT &&
			rte_rdtsc() < deadline) {
		resetter->n_again++;
		ret = stop_rings(resetter, queue, record->rings);
		if (ret != 0)
			break;
		announce(resetter, record);
		if (!wait_until(resetter, saw_epoch, queue, RECLAIM_TIMEOUT_MS))
			return fail(resetter, "queue %u: the thread of the traffic has not seen "
				"after %u ms that it is stopped", queue, RECLAIM_TIMEOUT_MS);
		announce(resetter, record);
	}
	if (ret != 0)
		return fail(resetter, "queue %u cannot be started: %s", queue, strerror(-ret));
	return 0;
}

/* It gets another pool and another ring size and goes on; without memory, with what it had. */
static int
setup_and_start(struct resetter *resetter, struct reset_record *record, uint16_t size)
{
	uint16_t queue = record->queue;
	uint32_t rx_pool = resetter->rx_pool[queue];
	uint64_t begin;

	if (record->rings & PORT_RX)
		rx_pool = (rx_pool + 1) % PORT_RX_POOLS;
	if (setup(resetter, record, size, rx_pool) != 0)
		return -1;
	if (!record->no_memory) {
		record->ring_to = size;
		resetter->rx_pool[queue] = rx_pool;
	}
	if (port_queue_check(resetter->port, queue, record->rings, false, record->ring_to,
			resetter->rx_pool[queue]) != 0)
		return fail(resetter, "queue %u is set up, but ethdev tells something else of it",
			queue);
	if (check_memory(resetter, record) != 0)
		return -1;
	begin = rte_rdtsc();
	if (start_rings(resetter, record) != 0)
		return -1;
	record->start = ns_of(record->start + rte_rdtsc() - begin);
	return 0;
}

/* From here on gaps of other queues count as this reset's. */
static void
begin_activity(struct resetter *resetter, uint16_t queue)
{
	struct traffic *traffic = resetter->traffic;

	atomic_store_explicit(&traffic->reset_queue, queue, memory_order_relaxed);
	atomic_store_explicit(&traffic->reset_gap, 0, memory_order_relaxed);
	atomic_fetch_add_explicit(&traffic->activity, 1, memory_order_acq_rel);
}

static void
end_activity(struct resetter *resetter)
{
	atomic_fetch_add_explicit(&resetter->traffic->activity, 1, memory_order_acq_rel);
}

/* A gap is noticed when it ends, which may be after the reset: collect it before the next one. */
static void
collect_gap(struct resetter *resetter)
{
	if (resetter->n_records != 0)
		resetter->records[resetter->n_records - 1].gap =
			ns_of(atomic_load_explicit(&resetter->traffic->reset_gap,
				memory_order_relaxed));
}

static int
reset_steps(struct resetter *resetter, struct reset_record *record, uint16_t size)
{
	struct traffic_queue *queue = &resetter->traffic->queue[record->queue];
	uint64_t started;

	if (stop_and_reclaim(resetter, record) != 0)
		return -1;
	if (port_queue_check(resetter->port, record->queue, record->rings, false,
			record->ring_from, resetter->rx_pool[record->queue]) != 0)
		return fail(resetter, "queue %u is stopped, but ethdev tells something else of it",
			record->queue);
	resetter->generation[record->queue]++;
	if (setup_and_start(resetter, record, size) != 0)
		return -1;
	started = rte_rdtsc();
	if (port_queue_check(resetter->port, record->queue, record->rings, true, record->ring_to,
			resetter->rx_pool[record->queue]) != 0)
		return fail(resetter, "queue %u is started, but ethdev tells something else of it",
			record->queue);
	if (!source_has_packets(resetter->traffic->source, record->queue))
		return 0;
	if (!wait_until(resetter, alive, record->queue, ALIVE_TIMEOUT_MS))
		return fail(resetter, "queue %u is started, but after %u ms nothing that was sent "
			"since is back", record->queue, ALIVE_TIMEOUT_MS);
	/* The first packet may be back before the start call is. */
	record->first_packet = ns_of(RTE_MAX(counter_get(&queue->fresh_tsc), started) - started);
	return 0;
}

/* These rings, which are of one size, get another one. */
int
resetter_reset(struct resetter *resetter, uint32_t round, const struct resize *resize,
		unsigned int rings)
{
	const uint16_t queue = resize->queue;
	struct reset_record *record;
	struct port_drops before, after;
	int ret;

	collect_gap(resetter);
	record = add_record(resetter);
	if (record == NULL)
		return fail(resetter, "no memory for the record of another reset");
	record->round = round;
	record->queue = queue;
	record->rings = rings;
	record->no_memory = resize->no_memory;
	record->ring_from = resetter->ring_size[!(rings & PORT_RX)][queue];
	record->ring_to = record->ring_from;
	ring_memory_read(&record->memory_before);
	port_drops(resetter->port, queue, &before);
	record->at = ns_of(rte_rdtsc() - resetter->start_tsc);
	begin_activity(resetter, queue);
	ret = reset_steps(resetter, record, resize->ring_size);
	end_activity(resetter);
	if (rings & PORT_RX)
		resetter->ring_size[0][queue] = record->ring_to;
	if (rings & PORT_TX)
		resetter->ring_size[1][queue] = record->ring_to;
	record->end = ns_of(rte_rdtsc() - resetter->start_tsc);
	port_drops(resetter->port, queue, &after);
	record->tx_dropped = after.tx_reset_dropped - before.tx_reset_dropped;
	record->rx_dropped = after.rx_reset_dropped - before.rx_reset_dropped;
	resetter->n_done += ret == 0;
	return ret;
}

static bool
time_is_up(struct resetter *resetter)
{
	if (resetter_interrupted)
		resetter->ended_by = "a signal";
	else if (rte_rdtsc() >= resetter->deadline_tsc)
		resetter->ended_by = "--seconds";
	return resetter->ended_by != NULL;
}

/* Let traffic alone for a while. */
static void
pass_time(struct resetter *resetter, uint32_t ms)
{
	const struct timespec one_ms = { .tv_nsec = 1000000 };
	uint64_t end = rte_rdtsc() + cycles_of_ms(ms);

	progress_show(resetter);
	while (rte_rdtsc() < end && !time_is_up(resetter)) {
		progress_show(resetter);
		nanosleep(&one_ms, NULL);
	}
}

/* Returns whether there may be another reset. */
static bool
reset_next(struct resetter *resetter, uint32_t round, const struct resize *resize,
		unsigned int rings)
{
	pass_time(resetter, resetter->options->interval_ms);
	return !time_is_up(resetter) && resetter_reset(resetter, round, resize, rings) == 0;
}

static bool
reset_round(struct resetter *resetter, uint32_t round)
{
	const struct options *options = resetter->options;
	struct resize resize = { 0 };
	uint16_t queue;

	for (queue = 0; queue < options->queues; queue++) {
		if (options->reset_queue != NULL && !options->reset_queue[queue])
			continue;
		resize.queue = queue;
		resize.ring_size = ring_size(options, queue, resetter->generation[queue] + 1);
		if (!reset_next(resetter, round, &resize, PORT_BOTH))
			return false;
	}
	return true;
}

static bool
at_first_sizes(const struct resetter *resetter)
{
	const struct options *options = resetter->options;
	uint16_t queue;

	for (queue = 0; queue < options->queues; queue++)
		if (resetter->ring_size[0][queue] != ring_size(options, queue, 0) ||
				resetter->ring_size[1][queue] != ring_size(options, queue, 0))
			return false;
	return true;
}

/* The same for single rings. */
static bool
resize_round(struct resetter *resetter, uint32_t round)
{
	const struct options *options = resetter->options;
	const struct resize *resize = options->resizes;

	for (; resize < options->resizes + options->n_resizes; resize++) {
		if (!reset_next(resetter, round, resize, resize->is_tx ? PORT_TX : PORT_RX))
			return false;
		if (at_first_sizes(resetter) && resetter->zones_at_start !=
				resetter->records[resetter->n_records - 1].memory_after.zones) {
			fail(resetter, "all rings have their first sizes, and not the memory that "
				"they had then");
			return false;
		}
	}
	return true;
}

void
resetter_run(struct resetter *resetter)
{
	const struct options *options = resetter->options;
	const char *ended_by;
	struct ring_memory memory;
	uint32_t round = 0;

	ring_memory_read(&memory);
	resetter->zones_at_start = memory.zones;
	resetter->start_tsc = resetter->traffic->timeline->start_tsc;
	resetter->deadline_tsc = resetter->start_tsc + cycles_of_ms(1000) * options->seconds;
	while (round < options->rounds && (options->n_resizes != 0 ?
			resize_round(resetter, round) : reset_round(resetter, round)))
		round++;
	/* What the last reset did to the others shows a little later. */
	ended_by = resetter->ended_by;
	pass_time(resetter, options->interval_ms);
	collect_gap(resetter);
	resetter->ended_by = ended_by;
	progress_clear();
}

/* Everything that a queue sent has come back, or the driver knows what became of it. */
static bool
drained(struct resetter *resetter, uint16_t queue)
{
	const struct traffic_queue *state = &resetter->traffic->queue[queue];
	struct port_drops drops;

	if (!atomic_load_explicit(&state->done, memory_order_acquire))
		return false;
	port_drops(resetter->port, queue, &drops);
	return counter_get(&state->delivered) + drops.tx_reset_dropped + drops.rx_reset_dropped +
		drops.rx_errors >= counter_get(&state->sent);
}

int
resetter_drain(struct resetter *resetter)
{
	uint16_t queue;
	int ret = 0;

	traffic_finish(resetter->traffic);
	for (queue = 0; queue < resetter->options->queues && ret == 0; queue++)
		if (!wait_until(resetter, drained, queue, DRAIN_TIMEOUT_MS))
			ret = -ETIMEDOUT;
	return ret;
}

static uint32_t
count_wanted(const struct options *options)
{
	uint32_t queue, each = 0;

	if (options->n_resizes != 0)
		return options->rounds * options->n_resizes;
	for (queue = 0; queue < options->queues; queue++)
		each += options->reset_queue == NULL || options->reset_queue[queue];
	return options->rounds * each;
}

int
resetter_init(struct resetter *resetter, const struct options *options, const struct port *port,
		struct traffic *traffic, bool shared_core)
{
	uint16_t queue;
	unsigned int i;

	*resetter = (struct resetter) {
		.options = options, .port = port, .traffic = traffic, .shared_core = shared_core,
		.wanted = count_wanted(options),
	};
	resetter->generation = calloc(options->queues, sizeof(*resetter->generation));
	resetter->rx_pool = calloc(options->queues, sizeof(*resetter->rx_pool));
	for (i = 0; i < RTE_DIM(resetter->ring_size); i++) {
		resetter->ring_size[i] = calloc(options->queues, sizeof(*resetter->ring_size[i]));
		if (resetter->ring_size[i] == NULL)
			return -ENOMEM;
		for (queue = 0; queue < options->queues; queue++)
			resetter->ring_size[i][queue] = ring_size(options, queue, 0);
	}
	return resetter->generation != NULL && resetter->rx_pool != NULL ? 0 : -ENOMEM;
}

void
resetter_free(struct resetter *resetter)
{
	free(resetter->records);
	free(resetter->generation);
	free(resetter->rx_pool);
	free(resetter->ring_size[0]);
	free(resetter->ring_size[1]);
	*resetter = (struct resetter) { 0 };
}
