/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <inttypes.h>
#include <stdio.h>

#include "result.h"

static void
print_packets(const struct result *result)
{
	const struct result_queue *queue;
	char gap[32];
	uint16_t q;

	printf("\n%5s %12s %6s %10s %9s %8s %7s %21s\n", "queue", "packets", "lost", "duplicated",
		"reordered", "dropped", "resets", "longest gap, us");
	for (q = 0; q < result->queues; q++) {
		queue = &result->queue[q];
		snprintf(gap, sizeof(gap), "%.0f (%.0f)", queue->gap_in_reset / 1e3,
			queue->gap_ever / 1e3);
		printf("%5u %12" PRIu64 " %6" PRIu64 " %10" PRIu64 " %9" PRIu64 " %8" PRIu64
			" %7u %21s\n", q, queue->received, queue->lost, queue->duplicated,
			queue->reordered,
			queue->drops.tx_reset_dropped + queue->drops.rx_reset_dropped,
			queue->resets, gap);
	}
	printf("lost: packets that did not come back although their queue was not being reset; "
		"must be 0\n"
		"dropped: packets that were on the queue's own rings at its resets, counted by "
		"the driver\n"
		"longest gap: the longest time without a packet while another queue was being "
		"reset (in\n             brackets: while no queue was)\n");
}

static void
print_times(const struct result_times *times)
{
	printf(" %9.1f %8.1f %8.1f", times->p50 / 1e3, times->p99 / 1e3, times->max / 1e3);
}

static void
print_steps(const struct result_steps *steps)
{
	print_times(&steps->stop);
	print_times(&steps->reclaim);
	print_times(&steps->start);
	printf("\n");
}

static void
print_all_steps(const struct result *result)
{
	uint16_t q;

	printf("\n%5s %27s %27s %27s\n", "", "stop, us", "reclaim, us", "start, us");
	printf("%5s %9s %8s %8s %9s %8s %8s %9s %8s %8s\n", "queue", "p50", "p99", "max",
		"p50", "p99", "max", "p50", "p99", "max");
	for (q = 0; q < result->queues; q++) {
		if (result->queue[q].resets == 0)
			continue;
		printf("%5u", q);
		print_steps(&result->queue[q].steps);
	}
	printf("%5s", "all");
	print_steps(&result->steps);
}

static void
print_summary(const struct result *result, const struct resetter *resetter)
{
	uint64_t polls = 0, carried = 0;
	uint16_t q;

	for (q = 0; q < result->queues; q++) {
		polls += result->queue[q].stopped_polls;
		carried += result->queue[q].stopped_carried;
	}
	printf("\n%" PRIu64 " packets came back in %.2f s, %u of %u resets", result->packets,
		result->duration / 1e9, resetter->n_done, resetter->wanted);
	if (resetter->ended_by != NULL)
		printf(" (ended by %s)", resetter->ended_by);
	printf("\nStopped queues were polled %" PRIu64 " times and carried %" PRIu64
		" packets; %u buffers leaked\n", polls, carried, result->leaked);
}

void
result_print(const struct result *result, const struct options *options,
		const struct resetter *resetter)
{
	uint32_t i;

	print_packets(result);
	if (resetter->n_records != 0)
		print_all_steps(result);
	print_summary(result, resetter);
	if (result->failures == 0 && result->incomplete) {
		printf("INCOMPLETE: %u of %u resets were made, and nothing failed in these\n",
			resetter->n_done, resetter->wanted);
		return;
	}
	if (result->failures == 0) {
		printf("PASSED: queues that were not being reset lost nothing, and every %s\n",
			options->backend_path != NULL ? "buffer came back" :
			"packet and buffer is accounted for");
		return;
	}
	for (i = 0; i < RTE_MIN(result->failures, RESULT_FAILURES_MAX); i++)
		printf("FAILED: %s\n", result->failure[i] != NULL ? result->failure[i] : "?");
	if (i < result->failures)
		printf("FAILED: and %u more\n", result->failures - i);
	if (result->maybe_backends)
		printf("What is lost may be what %s has dropped itself, which is not known here: "
			"its own counters tell, and one that holds packets back would show the "
			"driver alone (see --backend in --help)\n", options->backend_path);
}
