/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * A pool that runs dry stops receive for as long as it is dry, and no longer; nothing is lost, the
 * back-end waits. A queue whose pool has nothing at all does not start, and starts when it has.
 */

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "loop.h"
#include "packet.h"
#include "test.h"

static struct rte_mbuf *held[LOOP_RX_BUFFERS];
static unsigned int nb_held;

/* The application takes what is left in the pool. */
static void
hold_all(struct rte_mempool *pool)
{
	struct rte_mbuf *m;

	nb_held = 0;
	while ((m = rte_pktmbuf_alloc(pool)) != NULL)
		held[nb_held++] = m;
}

static void
let_go(unsigned int n)
{
	while (n-- > 0 && nb_held > 0)
		rte_pktmbuf_free(held[--nb_held]);
}

/* Received and kept, until there is no buffer left; the packets are right and in order. */
static unsigned int
receive_and_keep(struct loop *loop, struct rte_mbuf **kept)
{
	struct loop_flow *got = &loop->queue[0].got;
	const time_t start = time(NULL);
	unsigned int n = 0;
	unsigned int i;

	while (n + nb_held < LOOP_RX_BUFFERS) {
		const uint16_t nb = rte_eth_rx_burst(loop->port, 0, kept + n, LOOP_BURST);

		CHECK(time(NULL) - start < 60);
		for (i = n; i < n + nb; i++) {
			const char *why;

			CHECK_EQ(packet_check(kept[i], 0, &why), got->next);
			CHECK(why == NULL);
			got->next++;
			got->packets++;
		}
		n += nb;
	}
	for (i = 0; i < 1000; i++) {
		CHECK_EQ(rte_eth_rx_burst(loop->port, 0, kept + n, LOOP_BURST), 0);
		usleep(10);
	}
	return n;
}

static void
dry_then_fed(bool mergeable)
{
	const struct loop_conf conf = {
		.get_base = true, .pairs = 1, .args = mergeable ? NULL : "mrg_rxbuf=0"
	};
	struct loop *loop = loop_create(&conf);
	struct rte_mbuf **kept = calloc(2 * LOOP_RX_BUFFERS, sizeof(*kept));
	struct rte_eth_stats stats;
	unsigned int n, round;

	loop_start(loop);
	loop->queue[0].write = true;
	for (round = 0; round < 3; round++) {
		loop_wait_rx(loop, 0, 1000);
		hold_all(loop->queue[0].rx_pool[0]);
		/* The ring's buffers, and no more: it is empty now, and the pool as well. */
		n = receive_and_keep(loop, kept);
		CHECK(n > 0);
		CHECK_EQ(rte_mempool_avail_count(loop->queue[0].rx_pool[0]), 0);
		CHECK_EQ(rte_eth_stats_get(loop->port, &stats), 0);
		CHECK(stats.rx_nombuf > 0);
		/* One buffer is enough to go on with. */
		let_go(1);
		loop_wait_rx(loop, 0, 10);
		let_go(LOOP_RX_BUFFERS);
		while (n > 0)
			rte_pktmbuf_free(kept[--n]);
		loop_wait_rx(loop, 0, 1000);
	}
	loop_check_conservation(loop);
	CHECK_EQ(loop->queue[0].got.missing, 0);
	loop_destroy(loop);
	free(kept);
}

static void
dry_then_fed_mergeable(void)
{
	dry_then_fed(true);
}

static void
dry_then_fed_not_mergeable(void)
{
	dry_then_fed(false);
}

static void
queue_start_with_nothing(void)
{
	const struct loop_conf conf = { .get_base = true, .pairs = 2 };
	struct loop *loop = loop_create(&conf);

	loop_start(loop);
	loop_traffic(loop, true);
	loop_wait_flow(loop, 1, 100);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(loop->port, 1), 0);
	hold_all(loop->queue[1].rx_pool[0]);
	CHECK_EQ(nb_held, LOOP_RX_BUFFERS);
	CHECK_EQ(rte_eth_dev_rx_queue_start(loop->port, 1), -ENOMEM);
	CHECK_EQ(loop_rx_state(loop, 1), RTE_ETH_QUEUE_STATE_STOPPED);
	CHECK_EQ(test_logged("has no buffer to start with"), 1);
	loop_wait_flow(loop, 0, 100);
	/* A few are enough. */
	let_go(3);
	CHECK_EQ(rte_eth_dev_rx_queue_start(loop->port, 1), 0);
	CHECK_EQ(test_logged("has 3 buffers for a ring of 256"), 1);
	loop_wait_flow(loop, 1, 100);
	let_go(LOOP_RX_BUFFERS);
	loop_wait_flow(loop, 1, 1000);
	loop_check_conservation(loop);
	loop_destroy(loop);
}

static void
port_start_with_nothing(void)
{
	const struct loop_conf conf = { .get_base = true, .pairs = 1 };
	struct loop *loop = loop_create(&conf);

	loop_setup_rx(loop, 0, 256);
	loop_setup_tx(loop, 0, 256);
	hold_all(loop->queue[0].rx_pool[0]);
	CHECK_EQ(rte_eth_dev_start(loop->port), 0);
	CHECK_EQ(test_logged("has no buffer to start with"), 1);
	CHECK_EQ(loop_rx_state(loop, 0), RTE_ETH_QUEUE_STATE_STARTED);
	let_go(LOOP_RX_BUFFERS);
	loop_traffic(loop, true);
	loop_wait_flow(loop, 0, 1000);
	loop_check_conservation(loop);
	loop_destroy(loop);
}

TEST_MAIN(
	TEST_WARM_UP(loop_warm_up),
	TEST_LAYOUTS(dry_then_fed_mergeable),
	TEST_LAYOUTS(dry_then_fed_not_mergeable),
	TEST_LAYOUTS(queue_start_with_nothing),
	TEST_LAYOUTS(port_start_with_nothing),
)
