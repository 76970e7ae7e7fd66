/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * Queue after queue is stopped, set up with another ring size and another pool, and started, while
 * packets flow on the others. No byte of the pool changes while the queue is stopped. What the
 * netdev does with packets for a stopped queue is counted, not judged: tap holds all of them until
 * the queue is back.
 */

#include <stdio.h>
#include <stdlib.h>

#include <rte_cycles.h>
#include <rte_malloc.h>

#include "eal_program.h"
#include "guest.h"

/* Times of one operation, in microseconds. */
struct times {
	const char *name;
	double *us;
	unsigned int n;
};

struct round {
	struct guest *guest;
	uint16_t q;                  /* queue that is taken away */
	uint64_t before[MAX_QUEUES]; /* packets that had arrived on each */
	struct rte_mempool *pool;
};

static uint64_t
arrived(const struct guest *guest, uint16_t q)
{
	return __atomic_load_n(&guest->rx[q].packets, __ATOMIC_ACQUIRE);
}

static void
remember(struct round *round)
{
	uint16_t q;

	for (q = 0; q < round->guest->queues; q++)
		round->before[q] = arrived(round->guest, q);
}

static bool
others_moved(void *arg)
{
	const struct round *round = arg;
	uint16_t q;

	for (q = 0; q < round->guest->queues; q++) {
		if (q != round->q && arrived(round->guest, q) == round->before[q])
			return false;
	}
	return true;
}

static bool
all_moved(void *arg)
{
	const struct round *round = arg;

	return others_moved(arg) && arrived(round->guest, round->q) != round->before[round->q];
}

static bool
pool_is_full(void *arg)
{
	const struct round *round = arg;

	return rte_mempool_in_use_count(round->pool) == 0;
}

static void
set_under_way(struct guest *guest, uint64_t packets)
{
	__atomic_store_n(&guest->under_way, packets, __ATOMIC_RELEASE);
}

static void
hash_memory(struct rte_mempool *pool __rte_unused, void *arg, struct rte_mempool_memhdr *memory,
	    unsigned int index __rte_unused)
{
	uint64_t *hash = arg;
	size_t i;

	for (i = 0; i < memory->len / sizeof(uint64_t); i++)
		*hash = (*hash ^ ((const uint64_t *)memory->addr)[i]) * UINT64_C(1099511628211);
}

/* Of all memory that holds the pool's buffers. */
static uint64_t
hash_pool(struct rte_mempool *pool)
{
	uint64_t hash = 0;

	rte_mempool_mem_iter(pool, hash_memory, &hash);
	return hash;
}

static double
us_since(uint64_t start)
{
	return (double)(rte_get_timer_cycles() - start) * 1e6 / rte_get_timer_hz();
}

static void
note_time(struct times *times, uint64_t start)
{
	times->us[times->n++] = us_since(start);
}

static int
by_value(const void *a, const void *b)
{
	const double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

static void
report_times(struct times *times)
{
	if (times->n == 0)
		return;
	qsort(times->us, times->n, sizeof(times->us[0]), by_value);
	printf("time of %s: %.0f us least, %.0f in the middle, %.0f most of %u\n", times->name,
	       times->us[0], times->us[times->n / 2], times->us[times->n - 1], times->n);
}

static bool
step(int ret, const char *what, uint16_t q)
{
	if (ret != 0)
		printf("queue %u: %s: %d\n", q, what, ret);
	return ret == 0;
}

static bool
waited(bool there, const char *what, uint16_t q)
{
	if (!there)
		printf("queue %u: waited in vain until %s\n", q, what);
	return there;
}

static bool
rx_round(struct round *round, uint16_t size, struct times *stop, struct times *start)
{
	struct guest *guest = round->guest;
	struct receive_queue *rx = &guest->rx[round->q];
	const uint16_t q = round->q;
	struct rte_eth_rxq_info info;
	uint64_t then = rte_get_timer_cycles();
	uint64_t hash;

	if (!step(rte_eth_dev_rx_queue_stop(RECEIVER, q), "stop", q))
		return false;
	note_time(stop, then);
	/* The poller may hold what it took before; nothing else is out. */
	round->pool = rx->pool[rx->current];
	if (!waited(wait_until(pool_is_full, round), "its pool was full", q))
		return false;
	hash = hash_pool(round->pool);
	remember(round);
	set_under_way(guest, MOST_UNDER_WAY + MORE_UNDER_WAY);
	if (!waited(wait_until(others_moved, round), "the others had moved", q) ||
	    round->before[q] != arrived(guest, q))
		return false;
	if (hash_pool(round->pool) != hash) {
		printf("queue %u: the memory of its pool changed while it was stopped\n", q);
		return false;
	}
	rx->current = !rx->current;
	if (!step(guest_setup_rx(guest, q, size), "set-up", q))
		return false;
	remember(round);
	then = rte_get_timer_cycles();
	if (!step(rte_eth_dev_rx_queue_start(RECEIVER, q), "start", q))
		return false;
	note_time(start, then);
	set_under_way(guest, MOST_UNDER_WAY);
	return step(rte_eth_rx_queue_info_get(RECEIVER, q, &info), "information", q) &&
	       step(info.nb_desc != size || info.mp != rx->pool[rx->current], "shown set-up", q) &&
	       waited(wait_until(all_moved, round), "all had moved", q);
}

static bool
tx_round(struct round *round, uint16_t size, struct times *stop, struct times *start)
{
	struct guest *guest = round->guest;
	const uint16_t q = round->q;
	uint64_t then = rte_get_timer_cycles();

	if (!step(rte_eth_dev_tx_queue_stop(SENDER, q), "tx stop", q))
		return false;
	note_time(stop, then);
	if (guest->queues > 1) {
		/* What came in on the sender's receive queue is of the same pool, and stays. */
		remember(round);
		if (!waited(wait_until(others_moved, round), "the others had moved", q))
			return false;
	}
	if (!step(guest_setup_tx(guest, q, size), "tx set-up", q))
		return false;
	then = rte_get_timer_cycles();
	if (!step(rte_eth_dev_tx_queue_start(SENDER, q), "tx start", q))
		return false;
	note_time(start, then);
	remember(round);
	return waited(wait_until(all_moved, round), "all had moved", q);
}

/*
 * With nothing else under way: packets of each flow while the queue is stopped. The others have
 * come by then, so what comes after the start is what was held, no more and no less.
 */
static bool
count_held(struct guest *guest, uint16_t q, uint64_t *held)
{
	uint64_t before;

	if (!waited(traffic_settle(guest, 0, -1), "nothing was under way", q) ||
	    !step(rte_eth_dev_rx_queue_stop(RECEIVER, q), "stop", q))
		return false;
	__atomic_store_n(&guest->dropped, guest_dropped(), __ATOMIC_RELEASE);
	if (!waited(traffic_settle(guest, 2 * FLOWS, q), "the others' packets had come", q))
		return false;
	before = traffic_got(guest);
	if (!step(rte_eth_dev_rx_queue_start(RECEIVER, q), "start", q) ||
	    !waited(traffic_settle(guest, 0, -1), "its packets had come", q))
		return false;
	*held += traffic_got(guest) - before;
	return true;
}

/*
 * Several queues on tap, without RSS. The counts agree to the packet:
 *
 *	sent = received + dropped by transmit stops + dropped by receive stops
 *
 * - Transmit: a stop counts what the used ring does not confirm. A device may have sent such a
 *   frame all the same, so that in general no more is known than confirmed <= sent on <= confirmed
 *   + dropped. QEMU hands a frame to tap and reports it used under one lock, which the write of
 *   queue_reset takes too; and tap takes every frame. So confirmed = sent on here.
 * - Receive: a stop counts all frames that it finds, whatever their sender. A frame that this
 *   program has not sent makes the sum too high, so there must be none.
 */
static bool
count_all(struct guest *guest)
{
	uint64_t held = 0;
	bool good = true, alone;
	uint16_t q;

	for (q = 0; good && q < guest->queues; q++)
		good = count_held(guest, q, &held);
	printf("%" PRIu64 " packets sent, %" PRIu64 " received, %" PRIu64 " thrown away by stops "
	       "of transmit queues, %" PRIu64 " of receive queues, %" PRId64 " lost\n",
	       traffic_sent(guest), traffic_got(guest), guest_dropped_of(SENDER),
	       guest_dropped_of(RECEIVER),
	       (int64_t)(traffic_sent(guest) - traffic_got(guest) - guest->dropped));
	printf("of %u for stopped queues %" PRIu64 " were held\n", 2 * FLOWS, held);
	alone = result(traffic_foreign(guest) == 0, "no frames but the program's own (%" PRIu64
		       " were others', of which stops may have counted more)",
		       traffic_foreign(guest));
	good = result(good, "nothing is lost but what stops have thrown away") && good;
	/* Each flow is of one queue, and each queue was stopped once. */
	return result(good && held == 2 * FLOWS, "tap holds all for a stopped queue") && good &&
	       alone;
}

bool
reset_run(struct guest *guest, unsigned int rounds)
{
	struct times times[] = { { .name = "rx stop" }, { .name = "rx start" },
				 { .name = "tx stop" }, { .name = "tx start" } };
	struct round round = { .guest = guest };
	bool good = true;
	unsigned int done = 0;
	unsigned int i;

	for (i = 0; i < RTE_DIM(times); i++)
		times[i].us = calloc(rounds, sizeof(double));
	remember(&round);
	good = result(wait_until(all_moved, &round), "packets arrive on all %u receive queues",
		      guest->queues);
	while (good && done < rounds && !eal_program_interrupted()) {
		const uint16_t size = guest->sizes[done % RTE_DIM(guest->sizes)];

		round.q = done % guest->queues;
		good = rx_round(&round, size, &times[0], &times[1]) &&
		       tx_round(&round, size, &times[2], &times[3]);
		__atomic_store_n(&guest->dropped, guest_dropped(), __ATOMIC_RELEASE);
		done += good;
		/* A sign of life: a guest that says nothing for long counts as hung. */
		if (done % 20 == 0)
			printf("%u of %u rounds\n", done, rounds);
	}
	for (i = 0; i < RTE_DIM(times); i++) {
		report_times(&times[i]);
		free(times[i].us);
	}
	good = result(good && done == rounds, "%u of %u rounds of both: stop, pool counted and "
		      "unchanged, other ring and pool, start", done, rounds);
	/* One queue: the hub drops what it cannot deliver, and does not say how much. */
	if (good && guest->queues > 1)
		good = count_all(guest);
	return good;
}
