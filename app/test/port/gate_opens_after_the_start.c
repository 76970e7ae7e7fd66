/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * A queue is started on one thread while another bursts on it: until the back-end has answered the
 * last message of the start, a burst touches nothing of the ring.
 */

#include <pthread.h>

#include "fake_port.h"
#include "test.h"

struct start {
	uint16_t port;
	bool rx;
	int ret;
};

static void *
start_queue(void *arg)
{
	struct start *start = arg;

	start->ret = start->rx ? rte_eth_dev_rx_queue_start(start->port, 0) :
				 rte_eth_dev_tx_queue_start(start->port, 0);
	return NULL;
}

static int
stop_queue(const struct start *start)
{
	return start->rx ? rte_eth_dev_rx_queue_stop(start->port, 0) :
			   rte_eth_dev_tx_queue_stop(start->port, 0);
}

static void
starts_held_at(uint32_t request, bool rx)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });
	struct start start = { .port = fp->port, .rx = rx };
	unsigned int sent, received, filled, in_use;
	pthread_t thread;

	CHECK_EQ(stop_queue(&start), 0);
	fake_vu_rule(fp->vu, request, 0, 1, VU_HOLD);
	CHECK_EQ(pthread_create(&thread, NULL, start_queue, &start), 0);
	fake_vu_wait_held(fp->vu);
	/* A receive queue was filled before: that is all that may happen to its pool. */
	filled = rte_mempool_in_use_count(fp->rx_pool[0]);
	received = fake_port_receive(fp, 0);
	sent = rx ? 0 : fake_port_send(fp, 0, FAKE_PORT_SIZE);
	CHECK_EQ(rte_eth_tx_done_cleanup(fp->port, 0, 0), 0);
	in_use = rte_mempool_in_use_count(rx ? fp->rx_pool[0] : fp->tx_pool[0]);
	/* The queues of another pair are not held up. */
	fake_port_check_runs(fp, 1);
	fake_vu_release(fp->vu);
	pthread_join(thread, NULL);
	CHECK_EQ(start.ret, 0);
	CHECK_EQ(received, 0);
	CHECK_EQ(sent, 0);
	CHECK_EQ(in_use, rx ? filled : 0);
	fake_port_check_runs(fp, 0);
	fake_port_destroy(fp);
}

static void
receive_queue(void)
{
	starts_held_at(VU_SET_VRING_NUM, true);
	starts_held_at(VU_SET_VRING_ENABLE, true);
}

static void
transmit_queue(void)
{
	starts_held_at(VU_SET_VRING_NUM, false);
	starts_held_at(VU_SET_VRING_ENABLE, false);
}

TEST_MAIN(
	TEST_WARM_UP(fake_port_warm_up),
	TEST_LAYOUTS(receive_queue),
	TEST_LAYOUTS(transmit_queue),
)
