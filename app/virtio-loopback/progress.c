/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include <rte_cycles.h>

#include "progress.h"
#include "resetter.h"

#define SHOWS_PER_SECOND 5u

static uint64_t last_tsc, last_packets;

static void
show_last_reset(const struct resetter *resetter)
{
	const struct reset_record *record = &resetter->records[resetter->n_records - 1];

	printf(", the last one: queue %u from ring %u to %u in %.2f ms", record->queue,
		record->ring_from, record->ring_to,
		(record->stop + record->reclaim + record->start) / 1e6);
}

void
progress_show(const struct resetter *resetter)
{
	uint64_t now = rte_rdtsc(), packets = 0;
	uint16_t q;

	if (now - last_tsc < rte_get_tsc_hz() / SHOWS_PER_SECOND || !isatty(STDOUT_FILENO))
		return;
	for (q = 0; q < resetter->traffic->queues; q++)
		packets += counter_get(&resetter->traffic->queue[q].received);
	printf("\r\033[K%.1f s: ", (double)(now - resetter->start_tsc) / rte_get_tsc_hz());
	if (last_tsc != 0)
		printf("%.2f million packets/s, ",
			(packets - last_packets) * (double)rte_get_tsc_hz() / (now - last_tsc) /
			1e6);
	printf("%" PRIu32 " of %" PRIu32 " resets", resetter->n_done, resetter->wanted);
	if (resetter->n_records != 0)
		show_last_reset(resetter);
	fflush(stdout);
	last_tsc = now;
	last_packets = packets;
}

void
progress_clear(void)
{
	if (isatty(STDOUT_FILENO)) {
		printf("\r\033[K");
		fflush(stdout);
	}
}
