/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * Several threads stop and start queues of a port at once, each its own queue, while the port is
 * stopped and started, or its back-end goes and comes, or threads poll. Each call is carried out
 * whole, before or after any other, or refused with the reason; nothing is left behind.
 */

#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "fake_port.h"
#include "loop.h"
#include "test.h"

#define ROUNDS 100
#define REFUSALS_MAX 4

struct cycler {
	uint16_t port;
	uint16_t queue;
	bool is_tx;
	int may_be[REFUSALS_MAX]; /* besides 0 */
	struct rte_mempool *pool; /* is to be full when the queue is stopped, or NULL */
	unsigned int rounds;      /* 0: until it is asked to end */
	bool ending;              /* atomic */
	unsigned int stops;       /* that returned 0 */
	int unexpected;
	pthread_t thread;
};

static bool
is_fine(struct cycler *c, int ret)
{
	unsigned int i;

	if (ret == 0)
		return true;
	for (i = 0; i < REFUSALS_MAX && c->may_be[i] != 0; i++)
		if (ret == c->may_be[i])
			return true;
	c->unexpected = ret;
	return false;
}

static void *
cycle(void *arg)
{
	struct cycler *c = arg;
	unsigned int round;
	int ret;

	for (round = 0; c->rounds != 0 ? round < c->rounds :
	     !__atomic_load_n(&c->ending, __ATOMIC_RELAXED); round++) {
		ret = c->is_tx ? rte_eth_dev_tx_queue_stop(c->port, c->queue) :
				 rte_eth_dev_rx_queue_stop(c->port, c->queue);
		if (!is_fine(c, ret))
			break;
		c->stops += ret == 0;
		if (ret == 0 && c->pool != NULL && rte_mempool_in_use_count(c->pool) != 0) {
			c->unexpected = 1;
			break;
		}
		ret = c->is_tx ? rte_eth_dev_tx_queue_start(c->port, c->queue) :
				 rte_eth_dev_rx_queue_start(c->port, c->queue);
		if (!is_fine(c, ret))
			break;
	}
	return NULL;
}

static void
launch(struct cycler *c)
{
	CHECK_EQ(pthread_create(&c->thread, NULL, cycle, c), 0);
}

static void
land(struct cycler *c)
{
	__atomic_store_n(&c->ending, true, __ATOMIC_RELAXED);
	pthread_join(c->thread, NULL);
	CHECK_EQ(c->unexpected, 0);
	CHECK(c->stops > 0);
}

/* What was in the rings that were stopped is lost, and not to be asked for. */
static void
check_all_run(struct fake_port *fp)
{
	uint16_t q;

	for (q = 0; q < FAKE_PORT_PAIRS; q++) {
		CHECK_EQ(fake_port_rx_state(fp, q), RTE_ETH_QUEUE_STATE_STARTED);
		CHECK_EQ(fake_port_tx_state(fp, q), RTE_ETH_QUEUE_STATE_STARTED);
		fp->got[q] = fp->rx_next[q];
		fp->took[q] = fp->tx_next[q];
		fake_port_check_runs(fp, q);
	}
}

/* Each thread's calls do what they would do alone. */
static void
different_queues_at_once(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });
	struct cycler c[2 * FAKE_PORT_PAIRS];
	unsigned int i;

	for (i = 0; i < RTE_DIM(c); i++) {
		c[i] = (struct cycler){ .port = fp->port, .queue = i / 2, .is_tx = i % 2,
					.pool = i % 2 ? NULL : fp->rx_pool[i / 2],
					.rounds = ROUNDS };
		launch(&c[i]);
	}
	for (i = 0; i < RTE_DIM(c); i++) {
		pthread_join(c[i].thread, NULL);
		CHECK_EQ(c[i].unexpected, 0);
		CHECK_EQ(c[i].stops, ROUNDS);
	}
	CHECK_EQ(fake_port_xstat(fp, "rx_q0_resets"), ROUNDS);
	CHECK_EQ(fake_port_xstat(fp, "tx_q1_resets"), ROUNDS);
	check_all_run(fp);
	fake_port_destroy(fp);
}

/* The same under traffic that a third thread polls: every packet is accounted for. */
static void
different_queues_under_traffic(void)
{
	const struct loop_conf conf = { .get_base = true };
	struct loop *loop = loop_create(&conf);
	struct cycler rx = { .queue = 1, .rounds = ROUNDS };
	struct cycler tx = { .queue = 2, .is_tx = true, .rounds = ROUNDS };
	uint16_t q;

	loop_start(loop);
	loop_traffic(loop, true);
	loop_poll(loop);
	rx.port = loop->port;
	tx.port = loop->port;
	launch(&rx);
	launch(&tx);
	pthread_join(rx.thread, NULL);
	pthread_join(tx.thread, NULL);
	CHECK_EQ(rx.unexpected, 0);
	CHECK_EQ(tx.unexpected, 0);
	for (q = 0; q < LOOP_PAIRS; q++)
		loop_wait_flow(loop, q, 100);
	loop_check_conservation(loop);
	CHECK_EQ(loop_xstat(loop, "rx_q%u_resets", 1), ROUNDS);
	CHECK_EQ(loop_xstat(loop, "tx_q%u_resets", 2), ROUNDS);
	loop_destroy(loop);
}

/* A queue's call finds the port up, or down: ethdev says -EINVAL of that, or the driver -ENODEV. */
static void
port_stops_at_the_same_time(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });
	struct cycler rx = { .port = fp->port, .queue = 1, .may_be = { -EINVAL, -ENODEV } };
	struct cycler tx = { .port = fp->port, .queue = 0, .is_tx = true,
			     .may_be = { -EINVAL, -ENODEV } };
	unsigned int round;

	launch(&rx);
	launch(&tx);
	for (round = 0; round < ROUNDS; round++) {
		fake_vu_forget_record(fp->vu);
		CHECK_EQ(rte_eth_dev_stop(fp->port), 0);
		CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	}
	land(&rx);
	land(&tx);
	CHECK_EQ(rte_eth_dev_stop(fp->port), 0);
	fake_port_check_in_use(fp->rx_pool[0], 0);
	fake_port_check_in_use(fp->rx_pool[1], 0);
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	check_all_run(fp);
	fake_port_destroy(fp);
}

static bool
is_up(uint16_t port)
{
	struct rte_eth_link link;

	return rte_eth_link_get_nowait(port, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

static void
wait_link(uint16_t port, bool up)
{
	const time_t start = time(NULL);

	while (is_up(port) != up) {
		CHECK(time(NULL) - start < 60);
		usleep(1000);
	}
}

/* Without a back-end a queue can be stopped, and its start returns an error. */
static void
back_end_comes_and_goes_at_the_same_time(void)
{
	const struct fake_port_conf conf = { .server = true };
	struct fake_port *fp = fake_port_start(&conf);
	struct cycler rx = { .port = fp->port, .queue = 1, .may_be = { -ENODEV, -EIO, -EBUSY } };
	struct cycler tx = { .port = fp->port, .queue = 0, .is_tx = true,
			     .may_be = { -ENODEV, -EIO, -EBUSY } };
	unsigned int round;

	launch(&rx);
	launch(&tx);
	for (round = 0; round < 5; round++) {
		fake_vu_disconnect(fp->vu);
		wait_link(fp->port, false);
		fake_vu_forget_record(fp->vu);
		fake_vu_connect_again(fp->vu);
		wait_link(fp->port, true);
	}
	land(&rx);
	land(&tx);
	/* Their last start may have found nobody. */
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 1), 0);
	CHECK_EQ(rte_eth_dev_tx_queue_start(fp->port, 0), 0);
	check_all_run(fp);
	fake_port_destroy(fp);
}

static void
warm_up(void)
{
	fake_port_warm_up();
	loop_warm_up();
}

TEST_MAIN(
	TEST_WARM_UP(warm_up),
	TEST_LAYOUTS(different_queues_at_once),
	TEST_LAYOUTS(different_queues_under_traffic),
	TEST_LAYOUTS(port_stops_at_the_same_time),
	TEST_LAYOUTS(back_end_comes_and_goes_at_the_same_time),
)
