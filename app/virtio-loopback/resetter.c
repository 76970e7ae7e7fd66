/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
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


/* Poll until test() is true; false at the deadline, after one more look. */
static bool
wait_until(struct resetter *resetter, bool (*test)(struct resetter *resetter, uint16_t queue),
		uint16_t queue, uint32_t timeout_ms)
{
	uint64_t deadline = rte_rdtsc() + cycles_of_ms(timeout_ms);
	struct idle idle;

	idle_init(&idle, resetter->shared_core);
	while (!test(resetter, queue)) {
		if (rte_rdtsc() > deadline)
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

uint16_t
resetter_ring_size(const struct options *options, uint16_t queue, uint32_t generation)
{
	return options->ring_sizes[(queue + generation) % options->n_ring_sizes];
}

bool
resetter_resets(const struct options *options, uint16_t queue)
{
	return options->reset_queue == NULL || options->reset_queue[queue];
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
		port_queue_pools_full(resetter->port, queue);
}

/* Both bursts of the stopped pair have been called. */
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

static void
announce(struct resetter *resetter, uint16_t queue)
{
	atomic_fetch_add_explicit(&resetter->traffic->queue[queue].epoch, 1,
		memory_order_acq_rel);
}

/* The queue is taken down, its buffers are counted. */
static int
stop_and_reclaim(struct resetter *resetter, struct reset_record *record)
{
	uint64_t begin = rte_rdtsc(), stopped;
	uint16_t queue = record->queue;
	int ret;

	ret = port_queue_stop(resetter->port, queue);
	stopped = rte_rdtsc();
	if (ret != 0)
		return fail(resetter, "queue %u cannot be stopped: %s%s", queue, strerror(-ret),
			ret == -ENOTSUP ?
			"; the driver or its back-end cannot reset one queue (--verbose: why)" :
			"");
	record->stop = ns_of(stopped - begin);
	resetter->polls_before = counter_get(&resetter->traffic->queue[queue].stopped_polls);
	announce(resetter, queue);
	if (!wait_until(resetter, reclaimed, queue, RECLAIM_TIMEOUT_MS))
		return fail(resetter, "queue %u is stopped, but after %u ms %u of its buffers are "
			"still missing", queue, RECLAIM_TIMEOUT_MS,
			port_queue_missing(resetter->port, queue));
	record->reclaim = ns_of(rte_rdtsc() - stopped);
	if (!wait_until(resetter, polled, queue, RECLAIM_TIMEOUT_MS))
		return fail(resetter, "the traffic does not come round in %u ms",
			RECLAIM_TIMEOUT_MS);
	return 0;
}

/* It gets other pools and other ring sizes and goes on. */
static int
setup_and_start(struct resetter *resetter, struct reset_record *record)
{
	uint16_t queue = record->queue;
	uint32_t generation = resetter->generation[queue];
	uint64_t begin = rte_rdtsc();
	int ret;

	ret = port_queue_setup(resetter->port, queue, record->ring_to, generation % PORT_RX_POOLS);
	if (ret != 0)
		return fail(resetter, "queue %u cannot be set up with a ring of %u: %s", queue,
			record->ring_to, strerror(-ret));
	announce(resetter, queue);
	ret = port_queue_start(resetter->port, queue);
	if (ret != 0)
		return fail(resetter, "queue %u cannot be started: %s", queue, strerror(-ret));
	record->start = ns_of(rte_rdtsc() - begin);
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
reset_steps(struct resetter *resetter, struct reset_record *record)
{
	struct traffic_queue *queue = &resetter->traffic->queue[record->queue];
	uint32_t *generation = &resetter->generation[record->queue];
	uint64_t started;

	if (stop_and_reclaim(resetter, record) != 0)
		return -1;
	if (port_queue_check(resetter->port, record->queue, false, record->ring_from,
			*generation % PORT_RX_POOLS) != 0)
		return fail(resetter, "queue %u is stopped, but ethdev tells something else of it",
			record->queue);
	(*generation)++;
	if (setup_and_start(resetter, record) != 0)
		return -1;
	started = rte_rdtsc();
	if (port_queue_check(resetter->port, record->queue, true, record->ring_to,
			*generation % PORT_RX_POOLS) != 0)
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

static int
reset_queue(struct resetter *resetter, uint32_t round, uint16_t queue)
{
	struct reset_record *record;
	struct port_drops before, after;
	int ret;

	collect_gap(resetter);
	record = add_record(resetter);
	if (record == NULL)
		return fail(resetter, "no memory for the record of another reset");
	record->round = round;
	record->queue = queue;
	record->ring_from = resetter_ring_size(resetter->options, queue,
		resetter->generation[queue]);
	record->ring_to = resetter_ring_size(resetter->options, queue,
		resetter->generation[queue] + 1);
	port_drops(resetter->port, queue, &before);
	record->at = ns_of(rte_rdtsc() - resetter->start_tsc);
	begin_activity(resetter, queue);
	ret = reset_steps(resetter, record);
	end_activity(resetter);
	record->end = ns_of(rte_rdtsc() - resetter->start_tsc);
	port_drops(resetter->port, queue, &after);
	record->tx_dropped = after.tx_reset_dropped - before.tx_reset_dropped;
	record->rx_dropped = after.rx_reset_dropped - before.rx_reset_dropped;
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

/* Returns whether there may be another round. */
static bool
reset_round(struct resetter *resetter, uint32_t round)
{
	const struct options *options = resetter->options;
	uint16_t queue;

	for (queue = 0; queue < options->queues; queue++) {
		if (!resetter_resets(options, queue))
			continue;
		pass_time(resetter, options->interval_ms);
		if (time_is_up(resetter) || reset_queue(resetter, round, queue) != 0)
			return false;
	}
	return true;
}

void
resetter_run(struct resetter *resetter)
{
	const struct options *options = resetter->options;
	const char *ended_by;
	uint32_t round = 0;

	resetter->start_tsc = resetter->traffic->timeline->start_tsc;
	resetter->deadline_tsc = resetter->start_tsc + cycles_of_ms(1000) * options->seconds;
	/* With nothing to reset there is traffic until the time is up. */
	if (options->rounds == 0)
		pass_time(resetter, options->seconds * 1000);
	while (round < options->rounds && reset_round(resetter, round))
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

int
resetter_init(struct resetter *resetter, const struct options *options, const struct port *port,
		struct traffic *traffic, bool shared_core)
{
	*resetter = (struct resetter) {
		.options = options, .port = port, .traffic = traffic, .shared_core = shared_core,
	};
	resetter->generation = calloc(options->queues, sizeof(*resetter->generation));
	return resetter->generation != NULL ? 0 : -ENOMEM;
}

void
resetter_free(struct resetter *resetter)
{
	free(resetter->records);
	free(resetter->generation);
	resetter->records = NULL;
	resetter->generation = NULL;
}
