/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_common.h>
#include <rte_cycles.h>

#include "result.h"

int
result_init(struct result *result, uint16_t queues)
{
	*result = (struct result) { .queues = queues };
	result->queue = calloc(queues, sizeof(*result->queue));
	return result->queue != NULL ? 0 : -ENOMEM;
}

void
result_free(struct result *result)
{
	uint32_t i;

	for (i = 0; i < RTE_MIN(result->failures, RESULT_FAILURES_MAX); i++)
		free(result->failure[i]);
	free(result->queue);
	result->queue = NULL;
}

void
result_fail(struct result *result, const char *format, ...)
{
	va_list list;

	if (result->failures < RESULT_FAILURES_MAX) {
		va_start(list, format);
		if (vasprintf(&result->failure[result->failures], format, list) < 0)
			result->failure[result->failures] = NULL;
		va_end(list);
	}
	result->failures++;
}

static int
compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static struct result_times
times_of(uint64_t *values, uint32_t n)
{
	if (n == 0)
		return (struct result_times) { 0 };
	qsort(values, n, sizeof(*values), compare);
	return (struct result_times) {
		.p50 = values[(uint64_t)(n - 1) * 50 / 100],
		.p99 = values[(uint64_t)(n - 1) * 99 / 100],
		.max = values[n - 1],
	};
}

/* The times of a queue's resets, or (queue < 0) of all. Returns how many were finished. */
static uint32_t
steps_of(const struct resetter *resetter, int queue, uint64_t *values, struct result_steps *steps)
{
	uint64_t *stop = values, *reclaim = stop + resetter->n_records;
	uint64_t *start = reclaim + resetter->n_records;
	const struct reset_record *record;
	uint32_t i, n = 0;

	for (i = 0; i < resetter->n_records; i++) {
		record = &resetter->records[i];
		if ((queue >= 0 && record->queue != queue) || record->start == 0)
			continue;
		stop[n] = record->stop;
		reclaim[n] = record->reclaim;
		start[n] = record->start;
		n++;
	}
	steps->stop = times_of(stop, n);
	steps->reclaim = times_of(reclaim, n);
	steps->start = times_of(start, n);
	return n;
}

static uint64_t
ns_of(uint64_t cycles)
{
	return (uint64_t)((double)cycles * 1e9 / rte_get_tsc_hz());
}

static void
collect_queue(struct result_queue *result, struct traffic_queue *queue, bool captured,
		bool own_backend)
{
	struct track *track = &queue->track;
	uint64_t dropped = result->drops.tx_reset_dropped + result->drops.rx_reset_dropped +
		result->drops.rx_errors;

	track_finish(track);
	result->sent = counter_get(&queue->sent);
	result->received = counter_get(&queue->received);
	result->missing = track->lost;
	/*
	 * Of equal captured packets nobody knows which is missing, only how many; and how many a
	 * back-end dropped while the queue was stopped only ours tells.
	 */
	if (!captured)
		result->lost = track->lost_unexcused;
	else if (track->lost > dropped && (own_backend || result->resets == 0))
		result->lost = track->lost - dropped;
	result->duplicated = track->duplicated;
	result->reordered = track->reordered;
	result->corrupt = track->corrupt;
	result->stopped_polls = counter_get(&queue->stopped_polls);
	result->stopped_carried = counter_get(&queue->stopped_carried);
	result->external = counter_get(&queue->external);
	result->misplaced = counter_get(&queue->misplaced);
	result->gap_in_reset = ns_of(queue->gap_in_reset);
	result->gap_ever = ns_of(queue->gap_ever);
}

int
result_collect(struct result *result, const struct options *options, struct traffic *traffic,
		const struct source *source, const struct resetter *resetter,
		const struct port *port, const struct backend *backend)
{
	uint64_t *values = malloc(3 * ((uint64_t)resetter->n_records + 1) * sizeof(*values));
	struct result_queue *queue;
	uint16_t q;

	if (values == NULL)
		return -ENOMEM;
	for (q = 0; q < options->queues; q++) {
		queue = &result->queue[q];
		port_drops(port, q, &queue->drops);
		if (backend != NULL)
			backend_counters(backend, q, &queue->backend);
		queue->resets = steps_of(resetter, q, values, &queue->steps);
		collect_queue(queue, &traffic->queue[q], source->capture != NULL, backend != NULL);
		if (source->capture != NULL && source_has_packets(source, q))
			queue->passes = queue->sent / capture_queue_packets(source->capture, q);
		result->packets += queue->received;
		result->gap_in_reset = RTE_MAX(result->gap_in_reset, queue->gap_in_reset);
	}
	steps_of(resetter, -1, values, &result->steps);
	result->duration = ns_of(rte_rdtsc() - resetter->start_tsc);
	free(values);
	return 0;
}

/* Whatever the back-end and the driver counted must agree with what the traffic thread counted. */
static void
judge_conservation(struct result *result, uint16_t q)
{
	const struct result_queue *queue = &result->queue[q];
	const struct backend_counters *backend = &queue->backend;
	const struct port_drops *drops = &queue->drops;
	uint64_t dropped = drops->tx_reset_dropped + drops->rx_reset_dropped + drops->rx_errors;

	if (queue->sent != backend->taken + drops->tx_reset_dropped)
		result_fail(result, "queue %u: %" PRIu64 " packets were sent, the back-end took %"
			PRIu64 ", and %" PRIu64 " were dropped by resets", q, queue->sent,
			backend->taken, drops->tx_reset_dropped);
	if (backend->written != queue->received + drops->rx_reset_dropped + drops->rx_errors)
		result_fail(result, "queue %u: the back-end wrote %" PRIu64 " packets, but %" PRIu64
			" were received, %" PRIu64 " dropped by resets, %" PRIu64 " errors", q,
			backend->written, queue->received, drops->rx_reset_dropped,
			drops->rx_errors);
	if (backend->taken != backend->written + backend->discarded || backend->discarded != 0)
		result_fail(result, "queue %u: the back-end took %" PRIu64 " packets and wrote %"
			PRIu64, q, backend->taken, backend->written);
	if (queue->missing != dropped)
		result_fail(result, "queue %u: %" PRIu64 " packets are missing, the driver counted "
			"%" PRIu64, q, queue->missing, dropped);
}

static void
judge_queue(struct result *result, uint16_t q, const struct source *source)
{
	const struct result_queue *queue = &result->queue[q];

	if (queue->lost != 0)
		result_fail(result, "queue %u: %" PRIu64 " packets lost outside of its own resets",
			q, queue->lost);
	if (queue->duplicated != 0)
		result_fail(result, "queue %u: %" PRIu64 " packets came twice", q,
			queue->duplicated);
	if (queue->reordered != 0)
		result_fail(result, "queue %u: %" PRIu64 " packets out of order", q,
			queue->reordered);
	if (queue->corrupt != 0)
		result_fail(result, "queue %u: %" PRIu64 " packets that nobody sent", q,
			queue->corrupt);
	if (queue->stopped_carried != 0)
		result_fail(result, "queue %u: carried %" PRIu64 " packets while it was stopped", q,
			queue->stopped_carried);
	if (queue->misplaced != 0)
		result_fail(result, "queue %u: %" PRIu64 " packets lie in the memory of another "
			"pool than their own", q, queue->misplaced);
	if (queue->received == 0 && source_has_packets(source, q))
		result_fail(result, "queue %u: nothing came back", q);
}

/* Every stop was given time for what was under way. */
static void
judge_drain(struct result *result, uint16_t q)
{
	const struct port_drops *drops = &result->queue[q].drops;

	if (drops->tx_reset_dropped + drops->rx_reset_dropped != 0)
		result_fail(result, "queue %u: %" PRIu64 " packets were still on the transmit ring "
			"and %" PRIu64 " on the receive ring after the drain", q,
			drops->tx_reset_dropped, drops->rx_reset_dropped);
}

void
result_judge(struct result *result, const struct options *options, const struct source *source,
		const struct resetter *resetter, bool own_backend)
{
	uint64_t lost = 0;
	uint16_t q;

	if (resetter->failure[0] != '\0')
		result_fail(result, "%s", resetter->failure);
	result->incomplete = resetter->n_done < resetter->wanted;
	for (q = 0; q < result->queues; q++) {
		judge_queue(result, q, source);
		lost += result->queue[q].lost;
		if (own_backend)
			judge_conservation(result, q);
		if (options->drain_us != 0)
			judge_drain(result, q);
	}
	result->maybe_backends = lost != 0 && !own_backend;
}

const char *
result_verdict(const struct result *result)
{
	if (result->failures != 0)
		return "FAILED";
	return result->incomplete ? "INCOMPLETE" : "PASSED";
}
