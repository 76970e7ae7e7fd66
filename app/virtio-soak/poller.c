/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_common.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_memzone.h>
#include <rte_service_component.h>

#include "frame.h"
#include "idle.h"
#include "poller.h"
#include "track.h"

/*
 * Another number than the primary's. All secondary processes have this one, which is safe because
 * the pools have no caches.
 */
#define LCORE_POLLER 3

struct queue {
	struct track track;
	struct rte_mbuf *unsent[POLLER_BURST];	/* from first to end - 1 */
	uint16_t first, end;
};

static volatile sig_atomic_t interrupted;

static void
on_signal(int signal __rte_unused)
{
	interrupted = 1;
}

/* Primary and back-end are on another one, if there are two, so that stops and bursts meet. */
static int
first_cpu(bool *is_alone)
{
	cpu_set_t allowed;
	int cpu = 0;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
		return 0;
	while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET(cpu, &allowed))
		cpu++;
	*is_alone = CPU_COUNT(&allowed) == 1;
	return cpu;
}

static int
start_eal(const char *prefix, const char *simd_bits, int cpu)
{
	char lcores[32], file_prefix[96], bits[64];
	char *argv[] = {
		(char[]){ "poller" }, (char[]){ "--proc-type=secondary" }, (char[]){ "--no-pci" },
		(char[]){ "--no-telemetry" }, (char[]){ "--iova-mode=va" },
		(char[]){ "--log-level=*:error" }, lcores, file_prefix, bits, NULL,
	};

	snprintf(lcores, sizeof(lcores), "--lcores=%u@%d", LCORE_POLLER, cpu);
	snprintf(file_prefix, sizeof(file_prefix), "--file-prefix=%s", prefix);
	snprintf(bits, sizeof(bits), "--force-max-simd-bitwidth=%s", simd_bits);
	return rte_eal_init(RTE_DIM(argv) - 1, argv);
}

/* Of a process before this one there may be frames that the back-end had. */
static void
take_frame(struct poller *poller, uint16_t q, struct track *track, const struct rte_mbuf *mbuf)
{
	struct frame_number number;
	struct frame expected;

	if (!frame_read_number(mbuf, &number) || number.queue != q) {
		track->corrupt++;
		return;
	}
	frame_make(&expected, &number, poller->len_max);
	if (!frame_equals(&expected, mbuf)) {
		track->corrupt++;
		return;
	}
	if (number.generation != poller->generation)
		return;
	track_delivered(track, number.seq);
	counter_add(&poller->received[q], 1);
}

static uint16_t
receive(struct poller *poller, uint16_t q, struct track *track)
{
	struct rte_mbuf *mbufs[POLLER_BURST];
	uint16_t n, i;

	counter_set(&poller->in_burst, 1);
	n = rte_eth_rx_burst(poller->port, q, mbufs, POLLER_BURST);
	counter_set(&poller->in_burst, 0);
	for (i = 0; i < n; i++)
		take_frame(poller, q, track, mbufs[i]);
	rte_pktmbuf_free_bulk(mbufs, n);
	return n;
}

static void
make_frames(const struct poller *poller, uint16_t q, struct queue *queue)
{
	struct frame_number number = {
		.seq = queue->track.sent, .generation = poller->generation, .queue = q,
	};
	struct frame frame;

	for (queue->first = queue->end = 0; queue->end < POLLER_BURST; queue->end++, number.seq++) {
		frame_make(&frame, &number, poller->len_max);
		queue->unsent[queue->end] = frame_to_mbuf(&frame, poller->pool);
		if (queue->unsent[queue->end] == NULL)
			break;
	}
}

/* What is not taken is kept for the next turn, so that most of the time is spent in bursts. */
static uint16_t
send_some(struct poller *poller, uint16_t q, struct queue *queue)
{
	uint16_t sent, i;

	if (queue->first == queue->end)
		make_frames(poller, q, queue);
	counter_set(&poller->in_burst, 1);
	sent = rte_eth_tx_burst(poller->port, q, &queue->unsent[queue->first],
		queue->end - queue->first);
	counter_set(&poller->in_burst, 0);
	queue->first += sent;
	for (i = 0; i < sent; i++)
		track_sent(&queue->track);
	return sent;
}

static void
poll_all(struct poller *poller, struct queue queues[POLLER_QUEUES], bool shares_core)
{
	uint64_t corrupt, duplicated, reordered;
	struct idle idle;
	uint32_t carried;
	uint16_t q;

	idle_init(&idle, shares_core);
	while (!interrupted) {
		carried = 0;
		corrupt = duplicated = reordered = 0;
		for (q = 0; q < POLLER_QUEUES; q++) {
			struct queue *queue = &queues[q];

			carried += receive(poller, q, &queue->track);
			carried += send_some(poller, q, queue);
			corrupt += queue->track.corrupt;
			duplicated += queue->track.duplicated;
			reordered += queue->track.reordered;
		}
		counter_set(&poller->corrupt, corrupt);
		counter_set(&poller->duplicated, duplicated);
		counter_set(&poller->reordered, reordered);
		idle_turn(&idle, carried != 0);
	}
	for (q = 0; q < POLLER_QUEUES; q++)
		rte_pktmbuf_free_bulk(&queues[q].unsent[queues[q].first],
			queues[q].end - queues[q].first);
}

static int
attach_and_poll(bool shares_core)
{
	const struct rte_memzone *zone = rte_memzone_lookup(POLLER_ZONE);
	static struct queue queues[POLLER_QUEUES];
	struct poller *poller;
	int ret = 0;
	uint16_t q;

	poller = zone == NULL ? NULL : zone->addr;
	if (poller == NULL || !rte_eth_dev_is_valid_port(poller->port)) {
		fprintf(stderr, "the primary process has no port for this one\n");
		return EXIT_FAILURE;
	}
	for (q = 0; q < POLLER_QUEUES && ret == 0; q++)
		ret = track_init(&queues[q].track);
	if (ret == 0) {
		printf("polling port %u\n", poller->port);
		fflush(stdout);
		poll_all(poller, queues, shares_core);
	}
	for (q = 0; q < POLLER_QUEUES; q++)
		track_free(&queues[q].track);
	return ret == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int
poller_run(const char *prefix, const char *simd_bits)
{
	const struct sigaction action = { .sa_handler = on_signal };
	bool shares_core = false;
	const int cpu = first_cpu(&shares_core);
	int ret;

	sigaction(SIGTERM, &action, NULL);
	if (start_eal(prefix, simd_bits, cpu) < 0) {
		fprintf(stderr, "EAL does not start: %s\n", rte_strerror(rte_errno));
		return EXIT_FAILURE;
	}
	/* A process that is killed would leave its services on the heap that it shares. */
	rte_service_finalize();
	ret = attach_and_poll(shares_core);
	rte_eal_cleanup();
	return ret;
}
