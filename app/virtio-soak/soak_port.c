/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_launch.h>

#include "soak_port.h"

/* Packets that a back-end has of a pair in its own memory: what it has taken and not written. */
#define BACKEND_HOLDS 32u

static void
rest(void)
{
	const struct timespec moment = { .tv_nsec = 100000 };

	nanosleep(&moment, NULL);
}

static uint64_t
patience_ends(void)
{
	return rte_rdtsc() + rte_get_tsc_hz() / 1000 * PATIENCE_MS;
}

int
soak_port_open(struct soak_port *sp, const struct child_conf *child,
		const struct port_conf *port_conf, unsigned int lcore, uint32_t rest_us)
{
	uint16_t q;
	int ret;

	*sp = (struct soak_port) { .child_conf = *child, .lcore = lcore };
	ret = child_start(&sp->child, child);
	if (ret == 0)
		ret = port_open(&sp->port, port_conf);
	if (ret != 0)
		return ret;
	sp->source.len_max = RTE_MIN(FRAME_NUMBERED_MAX, sp->port.frame_max);
	ret = timeline_init(&sp->timeline, port_conf->queues, 1);
	if (ret == 0)
		ret = traffic_init(&sp->traffic, sp->port.id, port_conf->queues, &sp->source,
			sp->port.probe_pool, &sp->port.ext);
	if (ret != 0) {
		fprintf(stderr, "not enough memory for %u queues\n", port_conf->queues);
		return ret;
	}
	for (q = 0; q < port_conf->queues; q++)
		sp->traffic.queue[q].tx_pool = sp->port.queue[q].tx_pool;
	sp->traffic.shared_core = true;
	sp->traffic.rest_us = rest_us;
	sp->traffic.timeline = &sp->timeline;
	timeline_start(&sp->timeline);
	ret = rte_eal_remote_launch(traffic_thread, &sp->traffic, lcore);
	sp->runs = ret == 0;
	return ret;
}

bool
soak_port_is_up(const struct soak_port *sp)
{
	struct rte_eth_link link;

	return rte_eth_link_get_nowait(sp->port.id, &link) == 0 &&
		link.link_status == RTE_ETH_LINK_UP;
}

static uint64_t
received(const struct soak_port *sp)
{
	uint64_t n = 0;
	uint16_t q;

	for (q = 0; q < sp->traffic.queues; q++)
		n += counter_get(&sp->traffic.queue[q].received);
	return n;
}

bool
soak_port_receives(struct soak_port *sp, uint64_t packets)
{
	const uint64_t wanted = received(sp) + packets, end = patience_ends();

	while (received(sp) < wanted) {
		if (rte_rdtsc() > end)
			return false;
		rest();
	}
	return true;
}

/* All packets that were sent since the last start, or to the last back-end, are back. */
static bool
is_drained(const struct traffic_queue *queue)
{
	return atomic_load_explicit(&queue->done, memory_order_acquire) &&
		counter_get(&queue->fresh) == counter_get(&queue->sent_since);
}

static const char *
wrong_counter(const struct traffic_queue *queue, const struct port_drops *drops, uint64_t *value)
{
	const struct track *track = &queue->track;
	const struct {
		uint64_t value;
		const char *what;
	} wrong[] = {
		{ track->lost_unexcused, "packets lost without a reset or an end of the back-end" },
		{ track->duplicated, "packets came twice" },
		{ track->reordered, "packets out of order" },
		{ track->corrupt, "packets that were not sent so" },
		{ counter_get(&queue->stopped_carried), "packets carried while stopped" },
		{ counter_get(&queue->misplaced), "packets in the memory of another pool" },
		{ drops->rx_errors, "receive errors" },
	};
	unsigned int i;

	for (i = 0; i < RTE_DIM(wrong); i++) {
		*value = wrong[i].value;
		if (*value != 0)
			return wrong[i].what;
	}
	return NULL;
}

static int
judge(struct soak_port *sp, uint16_t q, struct soak_packets *packets, char *failure, size_t size)
{
	struct traffic_queue *queue = &sp->traffic.queue[q];
	const uint64_t lost_max = (uint64_t)sp->backends_killed * BACKEND_HOLDS;
	struct port_drops drops;
	const char *what;
	uint64_t dropped, value;

	track_finish(&queue->track);
	port_drops(&sp->port, q, &drops);
	dropped = drops.tx_reset_dropped + drops.rx_reset_dropped;
	packets->sent += queue->track.sent;
	packets->received += counter_get(&queue->received);
	packets->tx_dropped += drops.tx_reset_dropped;
	packets->rx_dropped += drops.rx_reset_dropped;
	packets->missing += queue->track.lost;
	what = wrong_counter(queue, &drops, &value);
	if (what != NULL) {
		snprintf(failure, size, "queue %u: %" PRIu64 " %s", q, value, what);
		return -1;
	}
	/* A back-end that is killed takes what it has with it, and nothing more may be missing. */
	if (queue->track.lost < dropped || queue->track.lost > dropped + lost_max) {
		snprintf(failure, size, "queue %u: %" PRIu64 " packets are missing, the driver has "
			"counted %" PRIu64 ", and %u back-ends that were killed had %" PRIu64
			" at most", q, queue->track.lost, dropped, sp->backends_killed, lost_max);
		return -1;
	}
	return 0;
}

/* While its thread is in a burst, neither the port nor EAL can be closed. */
static void
end_traffic(struct soak_port *sp)
{
	const uint64_t end = patience_ends();

	traffic_quit(&sp->traffic);
	while (rte_eal_get_lcore_state(sp->lcore) == RUNNING) {
		if (rte_rdtsc() > end) {
			fprintf(stderr, "FAILED: the thread of the traffic has not ended after %u "
				"ms; the program ends without a summary\n", PATIENCE_MS);
			_exit(EXIT_FAILURE);
		}
		rest();
	}
	rte_eal_wait_lcore(sp->lcore);
	sp->runs = false;
}

int
soak_port_finish(struct soak_port *sp, struct soak_packets *packets, char *failure,
		size_t size)
{
	const uint64_t end = patience_ends();
	int ret = 0;
	uint16_t q;

	if (child_wait_action(&sp->child) != 0) {
		snprintf(failure, size, "the stop of the back-end does not end");
		return -1;
	}
	traffic_finish(&sp->traffic);
	for (q = 0; q < sp->traffic.queues; q++) {
		while (!is_drained(&sp->traffic.queue[q]) && rte_rdtsc() < end)
			rest();
		if (!is_drained(&sp->traffic.queue[q])) {
			snprintf(failure, size, "queue %u: of %" PRIu64 " packets since the last "
				"start %" PRIu64 " came back", q,
				counter_get(&sp->traffic.queue[q].sent_since),
				counter_get(&sp->traffic.queue[q].fresh));
			ret = -1;
		}
	}
	end_traffic(sp);
	for (q = 0; q < sp->traffic.queues && ret == 0; q++)
		ret = judge(sp, q, packets, failure, size);
	return ret;
}

int
soak_port_close(struct soak_port *sp, char *failure, size_t size)
{
	uint32_t leaked;
	int ret = 0;

	if (sp->runs)
		end_traffic(sp);
	if (port_close(&sp->port) != 0) {
		snprintf(failure, size, "the port cannot be closed");
		ret = -1;
	}
	leaked = port_check_pools(&sp->port);
	if (leaked != 0) {
		snprintf(failure, size, "%u buffers did not come back", leaked);
		ret = -1;
	} else if (sp->port.ext.len != 0 && ext_memory_close(&sp->port.ext) != 0) {
		snprintf(failure, size, "memory of the program cannot be given back");
		ret = -1;
	}
	if (child_end(&sp->child) != 0) {
		snprintf(failure, size, "the back-end did not get its own buffers back");
		ret = -1;
	}
	traffic_free(&sp->traffic);
	timeline_free(&sp->timeline);
	port_free(&sp->port);
	unlink(sp->child_conf.path);
	return ret;
}
