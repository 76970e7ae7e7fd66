/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rte_bus_vdev.h>
#include <rte_mempool.h>
#include <rte_vhost.h>

#include "loop.h"
#include "packet.h"
#include "test.h"
#include "vhost_ring_reset.h"

/* So long that only a test that hangs gets there. */
#define PATIENCE_S 60

/* librte_vhost hands its call-backs no argument; there is one loop at a time. */
static struct loop *the_loop;

static bool
late(time_t start)
{
	return time(NULL) - start > PATIENCE_S;
}

/* ---- the back-end -------------------------------------------------------------------------- */

static int
new_connection(int vid)
{
	if (the_loop->conf.get_base && vhost_ring_reset_attach(vid, NULL, NULL) != 0)
		return -1;
	return 0;
}

static void
destroy_connection(int vid)
{
	if (the_loop->conf.get_base)
		vhost_ring_reset_detach(vid);
}

static int
new_device(int vid)
{
	__atomic_store_n(&the_loop->vid, vid, __ATOMIC_RELEASE);
	return 0;
}

static void
destroy_device(int vid __rte_unused)
{
	__atomic_store_n(&the_loop->vid, -1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&the_loop->inside, __ATOMIC_SEQ_CST))
		sched_yield();
}

static const struct rte_vhost_device_ops vhost_ops = {
	.new_device = new_device,
	.destroy_device = destroy_device,
	.new_connection = new_connection,
	.destroy_connection = destroy_connection,
};

static void
free_bulk(struct rte_mbuf **m, unsigned int n)
{
	while (n > 0)
		rte_pktmbuf_free(m[--n]);
}

static void
check_number(struct loop_flow *flow, const struct rte_mbuf *m, uint16_t queue)
{
	const char *why;
	const uint64_t number = the_loop->conf.check(m, queue, &why);

	if (why == NULL && number < flow->next)
		why = "a packet twice, or out of order";
	if (why != NULL) {
		if (flow->wrong == NULL)
			__atomic_store_n(&flow->wrong, why, __ATOMIC_RELEASE);
		return;
	}
	flow->missing += number - flow->next;
	flow->next = number + 1;
	__atomic_fetch_add(&flow->packets, 1, __ATOMIC_RELEASE);
}

static uint32_t
len_of(const struct loop *loop, uint64_t number)
{
	const uint32_t max = loop->conf.max_len != 0 ? loop->conf.max_len : 1000;

	return PACKET_MIN + (number * 37) % (max - PACKET_MIN + 1);
}

/* Makes packets until the hand is full, and hands on what is in it; false: nothing to do. */
static bool
feed(struct loop *loop, struct rte_mbuf **hand, unsigned int *nb, struct loop_flow *flow,
     uint16_t q, bool make, struct rte_mempool *pool, uint16_t segment,
     uint16_t (*send)(struct loop *loop, uint16_t q, struct rte_mbuf **m, uint16_t n),
     bool keeps)
{
	unsigned int sent;

	while (make && *nb < LOOP_BURST) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

		if (m == NULL ||
		    !loop->conf.make(m, q, flow->next, len_of(loop, flow->next), segment))
			break;
		flow->next++;
		hand[(*nb)++] = m;
	}
	if (*nb == 0)
		return false;
	sent = send(loop, q, hand, *nb);
	if (!keeps)
		free_bulk(hand, sent);
	*nb -= sent;
	memmove(hand, hand + sent, *nb * sizeof(*hand));
	__atomic_fetch_add(&flow->packets, sent, __ATOMIC_RELEASE);
	return sent > 0;
}

static uint16_t
write_to_port(struct loop *loop, uint16_t q, struct rte_mbuf **m, uint16_t n)
{
	return rte_vhost_enqueue_burst(loop->vid, 2 * q, m, n);
}

static bool
serve(struct loop *loop, uint16_t q)
{
	struct loop_queue *lq = &loop->queue[q];
	struct rte_mbuf *m[LOOP_BURST];
	uint16_t n, i;

	n = rte_vhost_dequeue_burst(loop->vid, 2 * q + 1, loop->pool, m, LOOP_BURST);
	for (i = 0; i < n; i++)
		check_number(&lq->took, m[i], q);
	free_bulk(m, n);
	return feed(loop, lq->kept, &lq->nb_kept, &lq->wrote, q,
		    __atomic_load_n(&lq->write, __ATOMIC_RELAXED), loop->pool, 0, write_to_port,
		    false) || n > 0;
}

static void *
backend(void *arg)
{
	struct loop *loop = arg;
	uint16_t q;

	while (!__atomic_load_n(&loop->ending, __ATOMIC_RELAXED)) {
		bool busy = false;

		__atomic_store_n(&loop->inside, true, __ATOMIC_SEQ_CST);
		if (__atomic_load_n(&loop->vid, __ATOMIC_SEQ_CST) >= 0) {
			for (q = 0; q < loop->conf.pairs; q++)
				busy |= serve(loop, q);
		}
		__atomic_store_n(&loop->inside, false, __ATOMIC_SEQ_CST);
		if (!busy)
			sched_yield();
	}
	return NULL;
}

/* ---- the application ----------------------------------------------------------------------- */

static uint16_t
send_by_port(struct loop *loop, uint16_t q, struct rte_mbuf **m, uint16_t n)
{
	/* Again what was prepared before and not taken: that must not hurt. */
	if (loop->conf.tx_offloads & RTE_ETH_TX_OFFLOAD_TCP_CKSUM)
		n = rte_eth_tx_prepare(loop->port, q, m, n);
	return rte_eth_tx_burst(loop->port, q, m, n);
}

void
loop_poll_once(struct loop *loop, uint16_t q)
{
	struct loop_queue *lq = &loop->queue[q];
	struct rte_mbuf *m[LOOP_BURST];
	const uint16_t n = rte_eth_rx_burst(loop->port, q, m, LOOP_BURST);
	uint16_t i;

	for (i = 0; i < n; i++)
		check_number(&lq->got, m[i], q);
	free_bulk(m, n);
	feed(loop, lq->hand, &lq->nb_hand, &lq->sent, q,
	     __atomic_load_n(&lq->send, __ATOMIC_RELAXED), lq->tx_pool, loop->conf.segment,
	     send_by_port, true);
	/* With all buffers of the pool in the ring there is no burst that would take them back. */
	if (lq->nb_hand == 0 && __atomic_load_n(&lq->send, __ATOMIC_RELAXED))
		rte_eth_tx_done_cleanup(loop->port, q, 0);
}

static void *
poller(void *arg)
{
	struct loop *loop = arg;
	unsigned int pass = 0;
	uint16_t q;

	while (__atomic_load_n(&loop->polling, __ATOMIC_RELAXED)) {
		for (q = 0; q < loop->conf.pairs; q++) {
			if (__atomic_load_n(&loop->queue[q].poll, __ATOMIC_RELAXED))
				loop_poll_once(loop, q);
		}
		/* The machine may have fewer cores than there are threads here. */
		if (++pass % 16 == 0)
			sched_yield();
	}
	return NULL;
}

void
loop_poll(struct loop *loop)
{
	loop->polling = true;
	CHECK_EQ(pthread_create(&loop->poller, NULL, poller, loop), 0);
}

void
loop_poll_end(struct loop *loop)
{
	if (!loop->polling)
		return;
	__atomic_store_n(&loop->polling, false, __ATOMIC_RELAXED);
	pthread_join(loop->poller, NULL);
}

void
loop_traffic(struct loop *loop, bool on)
{
	uint16_t q;

	for (q = 0; q < loop->conf.pairs; q++) {
		__atomic_store_n(&loop->queue[q].write, on, __ATOMIC_RELAXED);
		__atomic_store_n(&loop->queue[q].send, on, __ATOMIC_RELAXED);
	}
}

/* ---- what the test asks -------------------------------------------------------------------- */

static uint64_t
count(const struct loop_flow *flow)
{
	return __atomic_load_n(&flow->packets, __ATOMIC_ACQUIRE);
}

static void
check_flow(const struct loop_flow *flow, const char *what, uint16_t q)
{
	const char *wrong = __atomic_load_n(&flow->wrong, __ATOMIC_ACQUIRE);

	if (wrong != NULL)
		test_fail(__FILE__, __LINE__, "queue %u: the %s has %s", q, what, wrong);
}

static void
wait_flow(struct loop *loop, const struct loop_flow *flow, const char *what, uint16_t q,
	  uint64_t packets)
{
	const uint64_t wanted = count(flow) + packets;
	const time_t start = time(NULL);

	while (count(flow) < wanted) {
		check_flow(flow, what, q);
		if (late(start))
			test_fail(__FILE__, __LINE__, "queue %u: the %s has %" PRIu64
				  " packets and gets no more", q, what, count(flow));
		/* Without a thread that polls, the test's own does. */
		if (!loop->polling)
			loop_poll_once(loop, q);
		sched_yield();
	}
}

void
loop_wait_rx(struct loop *loop, uint16_t queue, uint64_t packets)
{
	wait_flow(loop, &loop->queue[queue].got, "receiver", queue, packets);
}

void
loop_wait_tx(struct loop *loop, uint16_t queue, uint64_t packets)
{
	wait_flow(loop, &loop->queue[queue].took, "back-end", queue, packets);
}

void
loop_wait_flow(struct loop *loop, uint16_t queue, uint64_t packets)
{
	loop_wait_rx(loop, queue, packets);
	loop_wait_tx(loop, queue, packets);
}

uint64_t
loop_xstat(struct loop *loop, const char *format, uint16_t queue)
{
	char name[RTE_ETH_XSTATS_NAME_SIZE];
	uint64_t id, value;

	snprintf(name, sizeof(name), format, queue);
	if (rte_eth_xstats_get_id_by_name(loop->port, name, &id) != 0 ||
	    rte_eth_xstats_get_by_id(loop->port, &id, &value, 1) != 1)
		test_fail(__FILE__, __LINE__, "there is no counter %s", name);
	return value;
}

static void
check_sum(struct loop *loop, uint16_t q, const char *what, const struct loop_flow *in,
	  const struct loop_flow *out, uint64_t dropped)
{
	const time_t start = time(NULL);

	while (count(out) + dropped < count(in)) {
		if (late(start))
			break;
		if (!loop->polling && loop->queue[q].poll)
			loop_poll_once(loop, q);
		sched_yield();
	}
	check_flow(out, what, q);
	if (count(out) + dropped != count(in))
		test_fail(__FILE__, __LINE__, "queue %u, %s: %" PRIu64 " in, %" PRIu64 " out, %"
			  PRIu64 " dropped: %" PRId64 " lost", q, what, count(in), count(out),
			  dropped, (int64_t)(count(in) - count(out) - dropped));
	if (out->missing > dropped)
		test_fail(__FILE__, __LINE__, "queue %u, %s: %" PRIu64 " missing, %" PRIu64
			  " dropped", q, what, out->missing, dropped);
}

void
loop_check_conservation(struct loop *loop)
{
	uint16_t q;

	loop_traffic(loop, false);
	for (q = 0; q < loop->conf.pairs; q++) {
		struct loop_queue *lq = &loop->queue[q];
		const time_t start = time(NULL);

		/* What they have in hand goes out first; on a stopped queue it cannot. */
		while (!late(start) &&
		       ((__atomic_load_n(&lq->nb_hand, __ATOMIC_RELAXED) > 0 &&
			 loop_tx_state(loop, q) == RTE_ETH_QUEUE_STATE_STARTED) ||
			(__atomic_load_n(&lq->nb_kept, __ATOMIC_RELAXED) > 0 &&
			 loop_rx_state(loop, q) == RTE_ETH_QUEUE_STATE_STARTED))) {
			if (!loop->polling && lq->poll)
				loop_poll_once(loop, q);
			sched_yield();
		}
		check_sum(loop, q, "back-end", &lq->sent, &lq->took,
			  loop_xstat(loop, "tx_q%u_reset_dropped", q));
		check_sum(loop, q, "receiver", &lq->wrote, &lq->got,
			  loop_xstat(loop, "rx_q%u_reset_dropped", q) +
			  loop_xstat(loop, "rx_q%u_errors", q));
	}
}

void
loop_wait_in_use(const struct rte_mempool *pool, unsigned int n)
{
	const time_t start = time(NULL);

	while (rte_mempool_in_use_count(pool) != n) {
		if (late(start))
			test_fail(__FILE__, __LINE__, "pool %s: %u buffers in use, not %u",
				  pool->name, rte_mempool_in_use_count(pool), n);
		sched_yield();
	}
}

void
loop_check_stopped_rx(struct loop *loop, uint16_t queue)
{
	struct loop_queue *lq = &loop->queue[queue];

	CHECK_EQ(loop_rx_state(loop, queue), RTE_ETH_QUEUE_STATE_STOPPED);
	loop_wait_in_use(lq->rx_pool[lq->rx_pool_used], 0);
}

void
loop_check_stopped_tx(struct loop *loop, uint16_t queue)
{
	struct loop_queue *lq = &loop->queue[queue];
	const time_t start = time(NULL);
	unsigned int in_hand = 0;

	CHECK_EQ(loop_tx_state(loop, queue), RTE_ETH_QUEUE_STATE_STOPPED);
	/* The sender fills its hand, with packets of one buffer, and is stuck with it. */
	CHECK_EQ(loop->conf.segment, 0);
	while (rte_mempool_in_use_count(lq->tx_pool) !=
	       (in_hand = __atomic_load_n(&lq->nb_hand, __ATOMIC_ACQUIRE))) {
		if (late(start))
			test_fail(__FILE__, __LINE__, "pool %s: %u buffers in use, %u in hand",
				  lq->tx_pool->name, rte_mempool_in_use_count(lq->tx_pool),
				  in_hand);
		sched_yield();
	}
}

uint8_t
loop_rx_state(struct loop *loop, uint16_t queue)
{
	struct rte_eth_rxq_info info;

	CHECK_EQ(rte_eth_rx_queue_info_get(loop->port, queue, &info), 0);
	return info.queue_state;
}

uint8_t
loop_tx_state(struct loop *loop, uint16_t queue)
{
	struct rte_eth_txq_info info;

	CHECK_EQ(rte_eth_tx_queue_info_get(loop->port, queue, &info), 0);
	return info.queue_state;
}

/* ---- life ---------------------------------------------------------------------------------- */

/* Names are not used twice: a case that failed leaves its pools and its device behind. */
static unsigned int loops_made;

static struct rte_mempool *
make_pool(const char *name, uint16_t q, unsigned int n, uint16_t room)
{
	char full[RTE_MEMPOOL_NAMESIZE];
	struct rte_mempool *pool;

	snprintf(full, sizeof(full), "%s%u_%u", name, q, loops_made);
	/* No cache: what is in use is known exactly. */
	pool = rte_pktmbuf_pool_create(full, n, 0, 0, room, SOCKET_ID_ANY);
	CHECK(pool != NULL);
	return pool;
}

static void
make_pools(struct loop *loop)
{
	const uint16_t room = loop->conf.rx_room != 0 ? loop->conf.rx_room :
							RTE_MBUF_DEFAULT_BUF_SIZE;
	uint16_t q;

	loop->pool = make_pool("backend", 0, 2000, RTE_MBUF_DEFAULT_BUF_SIZE);
	for (q = 0; q < loop->conf.pairs; q++) {
		struct loop_queue *lq = &loop->queue[q];

		lq->tx_pool = make_pool("tx", q, LOOP_TX_BUFFERS, RTE_MBUF_DEFAULT_BUF_SIZE);
		lq->rx_pool[0] = make_pool("rx_a", q, LOOP_RX_BUFFERS, room);
		lq->rx_pool[1] = make_pool("rx_b", q, LOOP_RX_BUFFERS, room);
		lq->poll = true;
	}
}

static void
start_backend(struct loop *loop)
{
	loop->vid = -1;
	the_loop = loop;
	snprintf(loop->path, sizeof(loop->path), "%s", test_path("vhost"));
	unlink(loop->path);
	CHECK_EQ(rte_vhost_driver_register(loop->path, 0), 0);
	if (loop->conf.mask != 0)
		CHECK_EQ(rte_vhost_driver_disable_features(loop->path, loop->conf.mask), 0);
	CHECK_EQ(rte_vhost_driver_callback_register(loop->path, &vhost_ops), 0);
	CHECK_EQ(rte_vhost_driver_start(loop->path), 0);
	CHECK_EQ(pthread_create(&loop->backend, NULL, backend, loop), 0);
}

static void
make_port(struct loop *loop)
{
	struct rte_eth_conf conf = {
		.rxmode.offloads = loop->conf.rx_offloads,
		.txmode.offloads = loop->conf.tx_offloads,
		.rxmode.mtu = loop->conf.mtu,
	};
	char args[256];

	snprintf(loop->name, sizeof(loop->name), "net_virtio_user%u", loops_made);
	snprintf(args, sizeof(args), "path=%s,queues=%u,queue_reset_timeout_ms=30000,packed_vq=%d"
		 "%s%s",
		 loop->path, loop->conf.pairs, test_packed(), loop->conf.args != NULL ? "," : "",
		 loop->conf.args != NULL ? loop->conf.args : "");
	CHECK_EQ(rte_vdev_init(loop->name, args), 0);
	CHECK_EQ(rte_eth_dev_get_port_by_name(loop->name, &loop->port), 0);
	CHECK_EQ(rte_eth_dev_configure(loop->port, loop->conf.pairs, loop->conf.pairs, &conf), 0);
}

static void
end_backend(struct loop *loop)
{
	__atomic_store_n(&loop->ending, true, __ATOMIC_RELAXED);
	pthread_join(loop->backend, NULL);
	CHECK_EQ(rte_vhost_driver_unregister(loop->path), 0);
	the_loop = NULL;
}

struct loop *
loop_create(const struct loop_conf *conf)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	if (the_loop != NULL) {
		loop_poll_end(the_loop);
		end_backend(the_loop);
	}
	loops_made++;
	loop->conf = *conf;
	if (loop->conf.make == NULL)
		loop->conf.make = packet_make;
	if (loop->conf.check == NULL)
		loop->conf.check = packet_check;
	if (loop->conf.pairs == 0)
		loop->conf.pairs = LOOP_PAIRS;
	make_pools(loop);
	start_backend(loop);
	make_port(loop);
	return loop;
}

void
loop_setup_rx(struct loop *loop, uint16_t queue, uint16_t size)
{
	struct loop_queue *lq = &loop->queue[queue];

	CHECK_EQ(rte_eth_rx_queue_setup(loop->port, queue, size, SOCKET_ID_ANY, NULL,
					lq->rx_pool[lq->rx_pool_used]), 0);
}

void
loop_setup_tx(struct loop *loop, uint16_t queue, uint16_t size)
{
	CHECK_EQ(rte_eth_tx_queue_setup(loop->port, queue, size, SOCKET_ID_ANY, NULL), 0);
}

void
loop_start(struct loop *loop)
{
	const time_t start = time(NULL);
	uint16_t q;

	for (q = 0; q < loop->conf.pairs; q++) {
		loop_setup_rx(loop, q, 256);
		loop_setup_tx(loop, q, 256);
	}
	CHECK_EQ(rte_eth_dev_start(loop->port), 0);
	while (__atomic_load_n(&loop->vid, __ATOMIC_ACQUIRE) < 0) {
		if (late(start))
			test_fail(__FILE__, __LINE__, "the back-end does not start");
		sched_yield();
	}
}

static void
free_pool(struct rte_mempool *pool)
{
	loop_wait_in_use(pool, 0);
	rte_mempool_free(pool);
}

void
loop_destroy(struct loop *loop)
{
	uint16_t q;

	loop_poll_end(loop);
	CHECK_EQ(rte_vdev_uninit(loop->name), 0);
	end_backend(loop);
	for (q = 0; q < loop->conf.pairs; q++) {
		struct loop_queue *lq = &loop->queue[q];

		free_bulk(lq->kept, lq->nb_kept);
		free_bulk(lq->hand, lq->nb_hand);
		free_pool(lq->tx_pool);
		free_pool(lq->rx_pool[0]);
		free_pool(lq->rx_pool[1]);
	}
	free_pool(loop->pool);
	free(loop);
}

void
loop_warm_up(void)
{
	struct loop *loop = loop_create(&(struct loop_conf){ .get_base = true, .pairs = 1 });

	loop_start(loop);
	loop_destroy(loop);
}
