/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <stdlib.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>

#include "idle.h"
#include "pace.h"
#include "port.h"
#include "traffic.h"

static bool
stopped(uint32_t epoch)
{
	return (epoch & 1) != 0;
}

/* A stop or a start was announced: note what it means for the packets that are under way. */
static void
take_in_epoch(struct traffic_queue *queue, uint32_t epoch)
{
	const bool was_stopped = stopped(atomic_load_explicit(&queue->epoch_seen,
		memory_order_relaxed));

	if (stopped(epoch) || !was_stopped) {
		if (stopped(epoch) || !atomic_load_explicit(&queue->is_renewed,
				memory_order_relaxed))
			queue->next_when_gone = queue->track.next;
		track_excuse(&queue->track);
		/* The new back-end may have sent some back before this thread knew of it. */
		if (!stopped(epoch))
			track_excuse_from(&queue->track, queue->next_when_gone);
		queue->under_way_at_stop = queue->track.sent - queue->track.delivered;
	}
	if (!stopped(epoch)) {
		queue->generation = epoch / 2;
		counter_set(&queue->sent_since, 0);
		queue->delivered_since = 0;
		counter_set(&queue->fresh, 0);
		counter_set(&queue->fresh_tsc, 0);
	}
	atomic_store_explicit(&queue->epoch_seen, epoch, memory_order_release);
}

/* The queue received something: how long had it received nothing? */
static void
note_gap(struct traffic *traffic, uint16_t q, uint64_t now)
{
	struct traffic_queue *queue = &traffic->queue[q];
	uint32_t activity = atomic_load_explicit(&traffic->activity, memory_order_acquire);
	uint64_t gap = now - queue->last_tsc;
	bool first = queue->last_tsc == 0;

	if (first || (activity == queue->last_activity && (activity & 1) == 0)) {
		if (!first)
			queue->gap_ever = RTE_MAX(queue->gap_ever, gap);
	} else if (atomic_load_explicit(&traffic->reset_queue, memory_order_relaxed) != q) {
		queue->gap_in_reset = RTE_MAX(queue->gap_in_reset, gap);
		if (gap > atomic_load_explicit(&traffic->reset_gap, memory_order_relaxed))
			atomic_store_explicit(&traffic->reset_gap, gap, memory_order_relaxed);
	}
	queue->last_tsc = now;
	queue->last_activity = activity;
}

/*
 * A captured packet does not tell whether it was sent before or after the restart; of those before
 * no more than were under way at the stop can come.
 */
static bool
is_fresh(const struct traffic_queue *queue, int64_t generation)
{
	if (generation >= 0)
		return generation == queue->generation;
	return queue->delivered_since > queue->under_way_at_stop;
}

/* A pool on memory of our own gives packets there, and another one none. */
static void
look_where_it_is(struct traffic_queue *queue, const struct ext_memory *ext,
		const struct rte_mbuf *mbuf)
{
	const bool is_there = ext_memory_has(ext, mbuf);

	if (is_there)
		counter_add(&queue->external, 1);
	if (is_there != !!RTE_MBUF_HAS_PINNED_EXTBUF(mbuf))
		counter_add(&queue->misplaced, 1);
}

static void
take_packet(struct traffic *traffic, uint16_t q, struct rte_mbuf *mbuf, uint64_t now)
{
	struct traffic_queue *queue = &traffic->queue[q];
	int64_t generation;

	if (traffic->writer != NULL)
		capture_write(traffic->writer, mbuf);
	if (traffic->ext->len != 0)
		look_where_it_is(queue, traffic->ext, mbuf);
	generation = source_identify(traffic->source, q, mbuf, &queue->track);
	queue->delivered_since++;
	if (is_fresh(queue, generation)) {
		if (counter_get(&queue->fresh) == 0)
			counter_set(&queue->fresh_tsc, now);
		counter_add(&queue->fresh, 1);
	}
}

static uint16_t
receive(struct traffic *traffic, uint16_t q)
{
	struct traffic_queue *queue = &traffic->queue[q];
	struct rte_mbuf *mbufs[TRAFFIC_BURST];
	uint64_t now;
	uint16_t n, i;

	n = rte_eth_rx_burst(traffic->port, q, mbufs, TRAFFIC_BURST);
	if (n == 0)
		return 0;
	now = rte_rdtsc();
	note_gap(traffic, q, now);
	timeline_add(traffic->timeline, now, q, n);
	for (i = 0; i < n; i++)
		take_packet(traffic, q, mbufs[i], now);
	rte_pktmbuf_free_bulk(mbufs, n);
	counter_add(&queue->received, n);
	counter_set(&queue->delivered, queue->track.delivered);
	return n;
}

/* How many packets may be sent now. */
static uint16_t
room(struct traffic *traffic, uint16_t q)
{
	const uint64_t most = traffic->rate > 0 ?
		traffic->credit / US_PER_S : TRAFFIC_BURST;
	struct traffic_queue *queue = &traffic->queue[q];
	const uint64_t sent = counter_get(&queue->sent_since);
	const uint64_t under_way = sent > queue->delivered_since ?
		sent - queue->delivered_since : 0;

	if (atomic_load_explicit(&queue->done, memory_order_relaxed))
		return 0;
	if (atomic_load_explicit(&traffic->finish, memory_order_acquire) &&
			source_at_pass(traffic->source, q, queue->track.sent)) {
		atomic_store_explicit(&queue->done, true, memory_order_release);
		return 0;
	}
	if (!source_has_packets(traffic->source, q) || under_way >= TRAFFIC_WINDOW)
		return 0;
	return RTE_MIN(most, TRAFFIC_WINDOW - under_way);
}

/* At the end of a pass of the capture the last burst must not run into the next one. */
static bool
ends_here(const struct traffic *traffic, uint16_t q, uint64_t position)
{
	return atomic_load_explicit(&traffic->finish, memory_order_acquire) &&
		source_at_pass(traffic->source, q, position);
}

/* Make packets, send them, and free what was not taken: its positions are used again. */
static uint16_t
send_some(struct traffic *traffic, uint16_t q, struct rte_mempool *pool, uint16_t wanted)
{
	struct traffic_queue *queue = &traffic->queue[q];
	struct rte_mbuf *mbufs[TRAFFIC_BURST];
	uint64_t position = queue->track.sent;
	struct frame frame;
	uint16_t made = 0, sent, i;

	while (made < wanted && (made == 0 || !ends_here(traffic, q, position + made))) {
		source_frame(traffic->source, q, position + made, queue->generation, &frame);
		mbufs[made] = frame_to_mbuf(&frame, pool);
		if (mbufs[made] == NULL)
			break;
		made++;
	}
	if (made == 0) {
		/* The driver may hold buffers that were sent long ago. */
		rte_eth_tx_done_cleanup(traffic->port, q, 0);
		return 0;
	}
	sent = rte_eth_tx_burst(traffic->port, q, mbufs, made);
	rte_pktmbuf_free_bulk(mbufs + sent, made - sent);
	for (i = 0; i < sent; i++)
		track_sent(&queue->track);
	counter_add(&queue->sent_since, sent);
	counter_add(&queue->sent, sent);
	return sent;
}

/* Stopped rings: their bursts are called all the same, and must carry nothing. */
static void
poll_stopped(struct traffic *traffic, uint16_t q, uint32_t epoch)
{
	struct traffic_queue *queue = &traffic->queue[q];
	const uint32_t rings =
		atomic_load_explicit(&queue->stopped_rings, memory_order_relaxed);
	uint16_t carried = receive(traffic, q);

	if (!(rings & PORT_RX))
		carried = 0;
	if ((rings & PORT_TX) && source_has_packets(traffic->source, q))
		carried += send_some(traffic, q, traffic->probe_pool, 1);
	/* A start may have been under way meanwhile. */
	if (atomic_load_explicit(&queue->epoch, memory_order_acquire) != epoch)
		return;
	counter_add(&queue->stopped_polls, 1);
	counter_add(&queue->stopped_carried, carried);
}

static uint16_t
poll_queue(struct traffic *traffic, uint16_t q)
{
	struct traffic_queue *queue = &traffic->queue[q];
	uint32_t epoch = atomic_load_explicit(&queue->epoch, memory_order_acquire);
	uint16_t carried, wanted;

	if (epoch != atomic_load_explicit(&queue->epoch_seen, memory_order_relaxed))
		take_in_epoch(queue, epoch);
	if (stopped(epoch)) {
		poll_stopped(traffic, q, epoch);
		return 0;
	}
	carried = receive(traffic, q);
	wanted = room(traffic, q);
	if (wanted != 0)
		carried += send_some(traffic, q, queue->tx_pool, wanted);
	return carried;
}

int
traffic_thread(void *arg)
{
	struct traffic *traffic = arg;
	const struct timespec rest = { .tv_nsec = traffic->rest_us * 1000l };
	struct pace pace;
	struct idle idle;
	uint32_t carried;
	uint16_t q;

	idle_init(&idle, traffic->shared_core);
	if (traffic->rate > 0)
		pace_begin(&pace, TRAFFIC_TICK_US);
	while (!atomic_load_explicit(&traffic->quit, memory_order_acquire)) {
		if (atomic_load_explicit(&traffic->pause, memory_order_acquire)) {
			atomic_store_explicit(&traffic->paused, true, memory_order_release);
			idle_turn(&idle, false);
			continue;
		}
		atomic_store_explicit(&traffic->paused, false, memory_order_relaxed);
		carried = 0;
		/* What is less than a packet stays for the next tick. */
		traffic->credit = traffic->credit % US_PER_S +
			(uint64_t)traffic->rate * TRAFFIC_TICK_US;
		for (q = 0; q < traffic->queues; q++)
			carried += poll_queue(traffic, q);
		if (traffic->rate > 0)
			pace_wait(&pace);
		else
			idle_turn(&idle, carried != 0);
		if (traffic->rest_us != 0)
			nanosleep(&rest, NULL);
	}
	return 0;
}

bool
traffic_saw_epoch(const struct traffic *traffic, uint16_t queue)
{
	return atomic_load_explicit(&traffic->queue[queue].epoch_seen, memory_order_acquire) ==
		atomic_load_explicit(&traffic->queue[queue].epoch, memory_order_relaxed);
}

void
traffic_finish(struct traffic *traffic)
{
	atomic_store_explicit(&traffic->finish, true, memory_order_release);
}

int
traffic_pause(struct traffic *traffic, bool pause)
{
	const uint64_t end = rte_rdtsc() + rte_get_tsc_hz() / 1000 * TRAFFIC_PAUSE_TIMEOUT_MS;
	const struct timespec moment = { .tv_nsec = IDLE_WAIT_NS };

	atomic_store_explicit(&traffic->pause, pause, memory_order_release);
	while (atomic_load_explicit(&traffic->paused, memory_order_acquire) != pause) {
		if (rte_rdtsc() > end)
			return -ETIMEDOUT;
		nanosleep(&moment, NULL);
	}
	return 0;
}

void
traffic_quit(struct traffic *traffic)
{
	atomic_store_explicit(&traffic->quit, true, memory_order_release);
}

int
traffic_init(struct traffic *traffic, uint16_t port, uint16_t queues, const struct source *source,
		struct rte_mempool *probe_pool, const struct ext_memory *ext)
{
	uint16_t q;

	traffic->queue = rte_zmalloc("traffic", queues * sizeof(*traffic->queue),
		RTE_CACHE_LINE_SIZE);
	if (traffic->queue == NULL)
		return -ENOMEM;
	traffic->port = port;
	traffic->queues = queues;
	traffic->source = source;
	traffic->probe_pool = probe_pool;
	traffic->ext = ext;
	for (q = 0; q < queues; q++) {
		if (track_init(&traffic->queue[q].track) != 0) {
			traffic_free(traffic);
			return -ENOMEM;
		}
	}
	return 0;
}

void
traffic_free(struct traffic *traffic)
{
	uint16_t q;

	if (traffic->queue == NULL)
		return;
	for (q = 0; q < traffic->queues; q++)
		track_free(&traffic->queue[q].track);
	rte_free(traffic->queue);
	traffic->queue = NULL;
}
