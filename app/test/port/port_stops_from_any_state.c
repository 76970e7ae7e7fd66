/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * A port is stopped, started and closed with its queues in whatever state: each buffer comes back,
 * nothing is left behind (each case counts that), and what can run runs after a start.
 */

#include "loop.h"
#include "test.h"

static struct loop *
up(bool get_base)
{
	struct loop *loop = loop_create(&(struct loop_conf){ .get_base = get_base, .pairs = 2 });

	loop_start(loop);
	loop_traffic(loop, true);
	loop_wait_flow(loop, 0, 100);
	loop_wait_flow(loop, 1, 100);
	return loop;
}

static void
check_all_stopped(struct loop *loop)
{
	uint16_t q;

	for (q = 0; q < loop->conf.pairs; q++) {
		CHECK_EQ(loop_rx_state(loop, q), RTE_ETH_QUEUE_STATE_STOPPED);
		CHECK_EQ(loop_tx_state(loop, q), RTE_ETH_QUEUE_STATE_STOPPED);
		loop_wait_in_use(loop->queue[q].rx_pool[0], 0);
		loop_wait_in_use(loop->queue[q].rx_pool[1], 0);
		loop_wait_in_use(loop->queue[q].tx_pool, loop->queue[q].nb_hand);
	}
}

/*
 * Something is done to a running port; then it is closed as it is, or stopped before, or stopped
 * and started before. (librte_vhost takes a second to look at a new connection: each counts here.)
 */
static void
ends_after(void (*what)(struct loop *loop))
{
	enum { AS_IT_IS, STOPPED, STARTED_AGAIN, WAYS };
	unsigned int how;

	for (how = 0; how < WAYS; how++) {
		struct loop *loop = up(how != STOPPED);

		what(loop);
		if (how != AS_IT_IS) {
			CHECK_EQ(rte_eth_dev_stop(loop->port), 0);
			check_all_stopped(loop);
		}
		if (how == STARTED_AGAIN) {
			CHECK_EQ(rte_eth_dev_start(loop->port), 0);
			loop_wait_flow(loop, 0, 200);
			loop_wait_flow(loop, 1, 200);
			loop_check_conservation(loop);
		}
		loop_destroy(loop);
	}
}

static void
nothing(struct loop *loop __rte_unused)
{
}

static void
stop_rx_0(struct loop *loop)
{
	CHECK_EQ(rte_eth_dev_rx_queue_stop(loop->port, 0), 0);
}

static void
stop_tx_1(struct loop *loop)
{
	CHECK_EQ(rte_eth_dev_tx_queue_stop(loop->port, 1), 0);
}

static void
stop_all(struct loop *loop)
{
	uint16_t q;

	for (q = 0; q < 2; q++) {
		CHECK_EQ(rte_eth_dev_rx_queue_stop(loop->port, q), 0);
		CHECK_EQ(rte_eth_dev_tx_queue_stop(loop->port, q), 0);
	}
}

static void
stop_all_and_start_one(struct loop *loop)
{
	stop_all(loop);
	CHECK_EQ(rte_eth_dev_tx_queue_start(loop->port, 1), 0);
}

static void
set_up_and_not_started(struct loop *loop)
{
	stop_rx_0(loop);
	stop_tx_1(loop);
	loop->queue[0].rx_pool_used = 1;
	loop_setup_rx(loop, 0, 1024);
	loop_setup_tx(loop, 1, 64);
}

static void
after_a_failed_setup(struct loop *loop)
{
	const uint16_t bad = 31; /* below the limits */

	stop_rx_0(loop);
	CHECK_EQ(rte_eth_rx_queue_setup(loop->port, 0, bad, SOCKET_ID_ANY, NULL,
					loop->queue[0].rx_pool[0]), -EINVAL);
}

static void
ends_running(void)
{
	ends_after(nothing);
}

static void
ends_with_one_rx_stopped(void)
{
	ends_after(stop_rx_0);
}

static void
ends_with_one_tx_stopped(void)
{
	ends_after(stop_tx_1);
}

static void
ends_with_all_stopped(void)
{
	ends_after(stop_all);
}

static void
ends_with_one_started_again(void)
{
	ends_after(stop_all_and_start_one);
}

static void
ends_set_up_and_not_started(void)
{
	ends_after(set_up_and_not_started);
}

static void
ends_after_a_failed_setup(void)
{
	ends_after(after_a_failed_setup);
}

static void
close_before_anything(void)
{
	loop_destroy(loop_create(&(struct loop_conf){ .get_base = true, .pairs = 2 }));
}

static void
close_with_half_of_the_queues_set_up(void)
{
	struct loop *loop = loop_create(&(struct loop_conf){ .get_base = true, .pairs = 2 });

	loop_setup_rx(loop, 0, 256);
	loop_setup_tx(loop, 1, 256);
	loop_destroy(loop);
}

static void
stop_of_a_stopped_port(void)
{
	struct loop *loop = up(true);
	unsigned int i;

	for (i = 0; i < 3; i++) {
		CHECK_EQ(rte_eth_dev_stop(loop->port), 0);
		CHECK_EQ(rte_eth_dev_stop(loop->port), 0);
		check_all_stopped(loop);
		CHECK_EQ(rte_eth_dev_start(loop->port), 0);
		CHECK_EQ(rte_eth_dev_start(loop->port), 0);
		loop_wait_flow(loop, 1, 200);
	}
	loop_check_conservation(loop);
	loop_destroy(loop);
}

/* Queues of other sizes, and fewer of them, between two lives of a port. */
static void
configured_anew(void)
{
	struct loop *loop = up(true);
	const struct rte_eth_conf conf = { 0 };

	CHECK_EQ(rte_eth_dev_rx_queue_stop(loop->port, 1), 0);
	CHECK_EQ(rte_eth_dev_stop(loop->port), 0);
	CHECK_EQ(rte_eth_dev_configure(loop->port, 1, 1, &conf), 0);
	loop->queue[0].rx_pool_used = 1;
	loop_setup_rx(loop, 0, 1024);
	loop_setup_tx(loop, 0, 64);
	CHECK_EQ(rte_eth_dev_start(loop->port), 0);
	loop_wait_flow(loop, 0, 500);
	CHECK_EQ(rte_eth_dev_stop(loop->port), 0);
	CHECK_EQ(rte_eth_dev_configure(loop->port, 2, 2, &conf), 0);
	loop->queue[1].rx_pool_used = 1;
	loop_setup_rx(loop, 0, 256);
	loop_setup_tx(loop, 0, 256);
	loop_setup_rx(loop, 1, 256);
	loop_setup_tx(loop, 1, 256);
	CHECK_EQ(rte_eth_dev_start(loop->port), 0);
	loop_wait_flow(loop, 0, 500);
	loop_wait_flow(loop, 1, 500);
	loop_check_conservation(loop);
	loop_destroy(loop);
}

/* Queues in one direction only: a back-end needs its first pair of rings all the same. */
static void
one_direction_only(void)
{
	struct loop *loop = loop_create(&(struct loop_conf){ .get_base = true, .pairs = 1 });
	const struct rte_eth_conf conf = { 0 };

	CHECK_EQ(rte_eth_dev_configure(loop->port, 0, 1, &conf), 0);
	loop_setup_tx(loop, 0, 256);
	CHECK_EQ(rte_eth_dev_start(loop->port), 0);
	CHECK_EQ(rte_eth_dev_tx_queue_stop(loop->port, 0), 0);
	CHECK_EQ(rte_eth_dev_tx_queue_start(loop->port, 0), 0);
	CHECK_EQ(rte_eth_dev_stop(loop->port), 0);
	CHECK_EQ(rte_eth_dev_configure(loop->port, 1, 0, &conf), 0);
	loop_setup_rx(loop, 0, 256);
	CHECK_EQ(rte_eth_dev_start(loop->port), 0);
	loop->queue[0].write = true;
	loop_wait_rx(loop, 0, 500);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(loop->port, 0), 0);
	CHECK_EQ(rte_eth_dev_rx_queue_start(loop->port, 0), 0);
	loop_wait_rx(loop, 0, 500);
	loop_destroy(loop);
}

static void
deferred_queues(bool get_base)
{
	const struct rte_eth_rxconf rx = { .rx_deferred_start = 1 };
	const struct rte_eth_txconf tx = { .tx_deferred_start = 1 };
	struct loop *loop = loop_create(&(struct loop_conf){ .get_base = get_base });
	unsigned int life;
	uint16_t q;

	for (q = 0; q < LOOP_PAIRS; q++) {
		struct rte_mempool *pool = loop->queue[q].rx_pool[0];

		CHECK_EQ(rte_eth_rx_queue_setup(loop->port, q, 256, SOCKET_ID_ANY,
						q % 2 == 0 ? &rx : NULL, pool), 0);
		CHECK_EQ(rte_eth_tx_queue_setup(loop->port, q, 256, SOCKET_ID_ANY,
						q / 2 == 0 ? &tx : NULL), 0);
	}
	for (life = 0; life < 3; life++) {
		CHECK_EQ(rte_eth_dev_start(loop->port), 0);
		loop_traffic(loop, true);
		for (q = 0; q < LOOP_PAIRS; q++) {
			const bool rx_runs = q % 2 != 0;
			const bool tx_runs = q / 2 != 0;

			CHECK_EQ(loop_rx_state(loop, q), rx_runs ? RTE_ETH_QUEUE_STATE_STARTED :
				 RTE_ETH_QUEUE_STATE_STOPPED);
			CHECK_EQ(loop_tx_state(loop, q), tx_runs ? RTE_ETH_QUEUE_STATE_STARTED :
				 RTE_ETH_QUEUE_STATE_STOPPED);
			if (rx_runs)
				loop_wait_rx(loop, q, 200);
			else
				loop_check_stopped_rx(loop, q);
			if (tx_runs)
				loop_wait_tx(loop, q, 200);
		}
		for (q = 0; q < LOOP_PAIRS; q++) {
			CHECK_EQ(rte_eth_dev_rx_queue_start(loop->port, q), 0);
			CHECK_EQ(rte_eth_dev_tx_queue_start(loop->port, q), 0);
		}
		for (q = 0; q < LOOP_PAIRS; q++)
			loop_wait_flow(loop, q, 200);
		loop_check_conservation(loop);
		CHECK_EQ(rte_eth_dev_stop(loop->port), 0);
		check_all_stopped(loop);
	}
	loop_destroy(loop);
}

static void
deferred_queues_by_get_base(void)
{
	deferred_queues(true);
}

static void
deferred_queues_by_disable(void)
{
	deferred_queues(false);
}

static void
wrong_use_is_refused(void)
{
	struct loop *loop = up(true);

	CHECK(rte_eth_dev_rx_queue_stop(loop->port, 2) < 0);
	CHECK(rte_eth_dev_tx_queue_start(loop->port, 2) < 0);
	CHECK_EQ(rte_eth_dev_stop(loop->port), 0);
	CHECK(rte_eth_dev_rx_queue_start(loop->port, 0) < 0);
	CHECK(rte_eth_dev_tx_queue_start(loop->port, 0) < 0);
	/* Stopped already: nothing to do. */
	CHECK_EQ(rte_eth_dev_rx_queue_stop(loop->port, 0), 0);
	CHECK_EQ(rte_eth_dev_start(loop->port), 0);
	CHECK_EQ(rte_eth_dev_rx_queue_start(loop->port, 0), 0);
	loop_wait_flow(loop, 0, 200);
	loop_destroy(loop);
}

static void
without_a_method(void)
{
	const struct loop_conf conf = { .get_base = true, .pairs = 2, .args = "queue_reset=off" };
	struct loop *loop = loop_create(&conf);
	struct rte_eth_dev_info info;

	CHECK_EQ(rte_eth_dev_info_get(loop->port, &info), 0);
	CHECK_EQ(info.dev_capa & (RTE_ETH_DEV_CAPA_RUNTIME_RX_QUEUE_SETUP |
				  RTE_ETH_DEV_CAPA_RUNTIME_TX_QUEUE_SETUP), 0);
	loop_start(loop);
	loop_traffic(loop, true);
	loop_wait_flow(loop, 0, 200);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(loop->port, 0), -ENOTSUP);
	CHECK_EQ(rte_eth_dev_tx_queue_stop(loop->port, 0), -ENOTSUP);
	CHECK_EQ(loop_rx_state(loop, 0), RTE_ETH_QUEUE_STATE_STARTED);
	loop_wait_flow(loop, 0, 200);
	loop_check_conservation(loop);
	loop_destroy(loop);
}

TEST_MAIN(
	TEST_WARM_UP(loop_warm_up),
	TEST_LAYOUTS(ends_running),
	TEST_LAYOUTS(ends_with_one_rx_stopped),
	TEST_LAYOUTS(ends_with_one_tx_stopped),
	TEST_LAYOUTS(ends_with_all_stopped),
	TEST_LAYOUTS(ends_with_one_started_again),
	TEST_LAYOUTS(ends_set_up_and_not_started),
	TEST_LAYOUTS(ends_after_a_failed_setup),
	TEST_LAYOUTS(close_before_anything),
	TEST_LAYOUTS(close_with_half_of_the_queues_set_up),
	TEST_LAYOUTS(stop_of_a_stopped_port),
	TEST_LAYOUTS(configured_anew),
	TEST_LAYOUTS(one_direction_only),
	TEST_LAYOUTS(deferred_queues_by_get_base),
	TEST_LAYOUTS(deferred_queues_by_disable),
	TEST_LAYOUTS(wrong_use_is_refused),
	TEST_LAYOUTS(without_a_method),
)
