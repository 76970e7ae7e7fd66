/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <inttypes.h>
#include <stdio.h>

#include <rte_version.h>

#include "result.h"

/* The time line is printed from so long before a reset until so long after it. */
#define BEFORE_MS 10u
#define AFTER_MS 20u

static void
write_string(FILE *file, const char *text)
{
	if (text == NULL) {
		fprintf(file, "null");
		return;
	}
	fputc('"', file);
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			fprintf(file, "\\%c", *text);
		else if ((unsigned char)*text < 0x20)
			fprintf(file, "\\u%04x", (unsigned char)*text);
		else
			fputc(*text, file);
	}
	fputc('"', file);
}

static void
write_member(FILE *file, const char *name, const char *text)
{
	fprintf(file, "  \"%s\": ", name);
	write_string(file, text);
	fprintf(file, ",\n");
}

static void
write_times(FILE *file, const char *name, const struct result_times *times)
{
	fprintf(file, "\"%s\": {\"p50\": %.3f, \"p99\": %.3f, \"max\": %.3f}", name,
		times->p50 / 1e3, times->p99 / 1e3, times->max / 1e3);
}

static void
write_steps(FILE *file, const struct result_steps *steps)
{
	write_times(file, "stop_us", &steps->stop);
	fprintf(file, ", ");
	write_times(file, "reclaim_us", &steps->reclaim);
	fprintf(file, ", ");
	write_times(file, "start_us", &steps->start);
}

static void
write_queue(FILE *file, const struct result_queue *queue, uint16_t q)
{
	fprintf(file, "    {\"queue\": %u, \"sent\": %" PRIu64 ", \"received\": %" PRIu64
		", \"lost\": %" PRIu64 ", \"missing\": %" PRIu64 ", \"duplicated\": %" PRIu64
		", \"reordered\": %" PRIu64 ", \"corrupt\": %" PRIu64 ",\n", q, queue->sent,
		queue->received, queue->lost, queue->missing, queue->duplicated,
		queue->reordered, queue->corrupt);
	fprintf(file, "     \"passes\": %" PRIu64 ", \"resets\": %u, \"tx_reset_dropped\": %" PRIu64
		", \"rx_reset_dropped\": %" PRIu64 ", \"rx_errors\": %" PRIu64
		", \"backend_taken\": %" PRIu64 ", \"backend_written\": %" PRIu64 ",\n",
		queue->passes, queue->resets, queue->drops.tx_reset_dropped,
		queue->drops.rx_reset_dropped, queue->drops.rx_errors, queue->backend.taken,
		queue->backend.written);
	fprintf(file, "     \"stopped_polls\": %" PRIu64 ", \"stopped_carried\": %" PRIu64
		", \"external\": %" PRIu64
		", \"gap_in_reset_us\": %.3f, \"gap_otherwise_us\": %.3f,\n     ",
		queue->stopped_polls, queue->stopped_carried, queue->external,
		queue->gap_in_reset / 1e3, queue->gap_ever / 1e3);
	write_steps(file, &queue->steps);
	fprintf(file, "}");
}

static void
write_reset(FILE *file, const struct reset_record *record)
{
	static const char *const rings[] = {
		[PORT_RX] = "rx", [PORT_TX] = "tx", [PORT_BOTH] = "both",
	};

	fprintf(file, "    {\"queue\": %u, \"round\": %u, \"at_ms\": %.4f, \"end_ms\": %.4f, "
		"\"rings\": \"%s\", \"ring_from\": %u, \"ring_to\": %u, \"no_memory\": %s, "
		"\"stop_us\": %.3f, \"reclaim_us\": %.3f, "
		"\"start_us\": %.3f, \"first_packet_us\": %.3f, \"gap_us\": %.3f, "
		"\"tx_dropped\": %" PRIu64 ", \"rx_dropped\": %" PRIu64 ", "
		"\"zones_before\": %" PRIu64 ", \"zones_after\": %" PRIu64 ", "
		"\"heap_before\": %" PRIu64 ", \"heap_after\": %" PRIu64 "}",
		record->queue, record->round, record->at / 1e6, record->end / 1e6,
		rings[record->rings], record->ring_from, record->ring_to,
		record->no_memory ? "true" : "false", record->stop / 1e3, record->reclaim / 1e3,
		record->start / 1e3, record->first_packet / 1e3, record->gap / 1e3,
		record->tx_dropped, record->rx_dropped, record->memory_before.zones,
		record->memory_after.zones, record->memory_before.heap,
		record->memory_after.heap);
}

static void
write_queues_and_resets(FILE *file, const struct result *result, const struct resetter *resetter)
{
	uint32_t i;

	fprintf(file, "  \"queues\": [\n");
	for (i = 0; i < result->queues; i++) {
		write_queue(file, &result->queue[i], i);
		fprintf(file, "%s\n", i + 1 < result->queues ? "," : "");
	}
	fprintf(file, "  ],\n  \"resets\": [\n");
	for (i = 0; i < resetter->n_records; i++) {
		write_reset(file, &resetter->records[i]);
		fprintf(file, "%s\n", i + 1 < resetter->n_records ? "," : "");
	}
	fprintf(file, "  ],\n");
}

static void
write_bin(FILE *file, const struct timeline *timeline, uint32_t ms, bool first)
{
	uint16_t q;

	fprintf(file, "%s\n    [%u", first ? "" : ",", ms);
	for (q = 0; q < timeline->queues; q++)
		fprintf(file, ", %u", timeline->packets[(size_t)ms * timeline->queues + q]);
	fprintf(file, "]");
}

/* Rows of the millisecond and each queue's packets in it; time far from any reset is left out. */
static void
write_timeline(FILE *file, const struct timeline *timeline, const struct resetter *resetter,
		uint64_t duration_ms)
{
	uint64_t limit = RTE_MIN(duration_ms, (uint64_t)timeline->length), from, to, ms = 0;
	const struct reset_record *record;
	bool first = true;
	uint32_t i;

	fprintf(file, "  \"timeline\": [");
	for (i = 0; i < resetter->n_records; i++) {
		record = &resetter->records[i];
		from = record->at / 1000000;
		from = from > BEFORE_MS ? from - BEFORE_MS : 0;
		to = RTE_MIN(record->end / 1000000 + AFTER_MS, limit);
		for (ms = RTE_MAX(ms, from); ms < to; ms++) {
			write_bin(file, timeline, ms, first);
			first = false;
		}
	}
	fprintf(file, "\n  ]\n");
}

static void
write_head(FILE *file, const struct result *result, const struct options *options,
		const struct resetter *resetter, const struct port *port,
		const struct eal_result *eal)
{
	uint32_t i;

	write_member(file, "program", "virtio-loopback");
	write_member(file, "dpdk", rte_version());
	write_member(file, "driver", port->driver);
	write_member(file, "backend", options->backend_path);
	write_member(file, "method", options->method);
	write_member(file, "capture", options->pcap_in);
	fprintf(file, "  \"hugepages\": %s,\n  \"memory_mb\": %u,\n  \"cores\": %u,\n"
		"  \"load_before\": %.2f,\n",
		eal->hugepages ? "true" : "false", eal->megabytes, eal->cores, eal->load);
	fprintf(file, "  \"rounds\": %u,\n  \"interval_ms\": %u,\n  \"rate\": %u,\n"
		"  \"ring_sizes\": [", options->rounds, options->interval_ms, options->rate);
	for (i = 0; i < options->n_ring_sizes; i++)
		fprintf(file, "%s%u", i == 0 ? "" : ", ", options->ring_sizes[i]);
	fprintf(file, "],\n");
	write_member(file, "ended_by", resetter->ended_by);
	fprintf(file, "  \"seconds\": %.6f,\n  \"packets\": %" PRIu64 ",\n  \"leaked\": %u,\n",
		result->duration / 1e9, result->packets, result->leaked);
	fprintf(file, "  \"resets_wanted\": %u,\n", resetter->wanted);
	write_member(file, "verdict", result_verdict(result));
	fprintf(file, "  \"passed\": %s,\n  \"failures\": [",
		result->failures == 0 && !result->incomplete ? "true" : "false");
	for (i = 0; i < RTE_MIN(result->failures, RESULT_FAILURES_MAX); i++) {
		fprintf(file, "%s\n    ", i == 0 ? "" : ",");
		write_string(file, result->failure[i]);
	}
	fprintf(file, "],\n  \"all\": {\"gap_in_reset_us\": %.3f, ", result->gap_in_reset / 1e3);
	write_steps(file, &result->steps);
	fprintf(file, "},\n");
}

void
result_write_json(const struct result *result, FILE *file, const struct options *options,
		const struct resetter *resetter, const struct timeline *timeline,
		const struct port *port, const struct eal_result *eal)
{
	fprintf(file, "{\n");
	write_head(file, result, options, resetter, port, eal);
	write_queues_and_resets(file, result, resetter);
	write_timeline(file, timeline, resetter, result->duration / 1000000);
	fprintf(file, "}\n");
}
