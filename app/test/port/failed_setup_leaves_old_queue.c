/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * ethdev releases a queue before it sets it up. When the set-up fails in the driver, the queue is
 * as it was: stopped, with its old ring and pool, and it starts with them.
 */

#include <stdlib.h>

#include <rte_malloc.h>

#include "loop.h"
#include "test.h"

#define BLOCKS 100000

static struct loop *loop;

static void
up(const char *args)
{
	const struct loop_conf conf = { .get_base = true, .pairs = 2, .args = args };

	loop = loop_create(&conf);
	loop_start(loop);
	loop_traffic(loop, true);
	loop_wait_flow(loop, 0, 100);
	loop_wait_flow(loop, 1, 100);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(loop->port, 1), 0);
	CHECK_EQ(rte_eth_dev_tx_queue_stop(loop->port, 1), 0);
}

static void
check_rx_is_as_it_was(void)
{
	struct rte_eth_rxq_info info;

	CHECK_EQ(rte_eth_rx_queue_info_get(loop->port, 1, &info), 0);
	CHECK_EQ(info.nb_desc, 256);
	CHECK(info.mp == loop->queue[1].rx_pool[0]);
	CHECK_EQ(info.queue_state, RTE_ETH_QUEUE_STATE_STOPPED);
	CHECK_EQ(info.conf.rx_deferred_start, 0);
	CHECK(info.conf.rx_free_thresh < 256);
	loop_check_stopped_rx(loop, 1);
	loop_wait_flow(loop, 0, 100);
}

static void
check_tx_is_as_it_was(void)
{
	struct rte_eth_txq_info info;

	CHECK_EQ(rte_eth_tx_queue_info_get(loop->port, 1, &info), 0);
	CHECK_EQ(info.nb_desc, 256);
	CHECK_EQ(info.queue_state, RTE_ETH_QUEUE_STATE_STOPPED);
	CHECK_EQ(info.conf.tx_deferred_start, 0);
	CHECK(info.conf.tx_free_thresh < 256);
	loop_wait_flow(loop, 0, 100);
}

static void
start_and_down(void)
{
	CHECK_EQ(rte_eth_dev_rx_queue_start(loop->port, 1), 0);
	CHECK_EQ(rte_eth_dev_tx_queue_start(loop->port, 1), 0);
	loop_wait_flow(loop, 1, 1000);
	loop_check_conservation(loop);
	loop_destroy(loop);
}

static int
setup_rx(uint16_t size, const struct rte_eth_rxconf *conf, struct rte_mempool *pool)
{
	return rte_eth_rx_queue_setup(loop->port, 1, size, SOCKET_ID_ANY, conf, pool);
}

static void
ring_size_that_is_none(void)
{
	const uint16_t bad = 31; /* below the limits, which the ethdev layer knows */

	up(NULL);
	CHECK_EQ(setup_rx(bad, NULL, loop->queue[1].rx_pool[1]), -EINVAL);
	check_rx_is_as_it_was();
	CHECK_EQ(rte_eth_tx_queue_setup(loop->port, 1, bad, SOCKET_ID_ANY, NULL), -EINVAL);
	check_tx_is_as_it_was();
	start_and_down();
}

static void
buffers_that_are_too_small(void)
{
	struct rte_mempool *small;

	up("mrg_rxbuf=0");
	small = rte_pktmbuf_pool_create("small", 512, 0, 0, RTE_PKTMBUF_HEADROOM + 512,
					SOCKET_ID_ANY);
	CHECK(small != NULL);
	CHECK_EQ(setup_rx(256, NULL, small), -EINVAL);
	CHECK_EQ(test_logged("Use larger buffers"), 1);
	check_rx_is_as_it_was();
	CHECK_EQ(rte_mempool_in_use_count(small), 0);
	start_and_down();
	rte_mempool_free(small);
}

static void
thresholds_that_are_wrong(void)
{
	struct rte_eth_rxconf rx = { .rx_free_thresh = 6, .rx_deferred_start = 1 };
	struct rte_eth_txconf tx = { .tx_free_thresh = 254, .tx_deferred_start = 1 };

	up(NULL);
	CHECK_EQ(setup_rx(256, &rx, loop->queue[1].rx_pool[1]), -EINVAL);
	rx.rx_free_thresh = 256;
	CHECK_EQ(setup_rx(256, &rx, loop->queue[1].rx_pool[1]), -EINVAL);
	CHECK_EQ(test_logged("rx_free_thresh"), 2);
	check_rx_is_as_it_was();
	CHECK_EQ(rte_eth_tx_queue_setup(loop->port, 1, 256, SOCKET_ID_ANY, &tx), -EINVAL);
	CHECK_EQ(test_logged("tx_free_thresh"), 1);
	check_tx_is_as_it_was();
	start_and_down();
}

/* Memory fails at each step of the making of a ring; the last try has it all. */
static void
no_memory(void)
{
	void **block = calloc(BLOCKS, sizeof(*block));
	size_t size = 64 << 20;
	unsigned int refused = 0;
	unsigned int n = 0;
	int ret;

	up(NULL);
	while (size >= 64) {
		CHECK(n < BLOCKS);
		block[n] = rte_malloc(NULL, size, 0);
		if (block[n] != NULL)
			n++;
		else
			size /= 2;
	}
	for (;;) {
		const uint64_t before = test_heap_in_use();

		ret = setup_rx(1024, NULL, loop->queue[1].rx_pool[1]);
		if (ret == 0)
			break;
		CHECK_EQ(ret, -ENOMEM);
		CHECK_EQ(test_heap_in_use(), before);
		refused++;
		CHECK(n > 0);
		rte_free(block[--n]);
		if (refused % 16 == 1)
			check_rx_is_as_it_was();
	}
	CHECK(refused > 2);
	loop->queue[1].rx_pool_used = 1;
	while (n > 0)
		rte_free(block[--n]);
	free(block);
	start_and_down();
}

static void
setup_of_a_running_queue(void)
{
	up(NULL);
	CHECK_EQ(rte_eth_rx_queue_setup(loop->port, 0, 512, SOCKET_ID_ANY, NULL,
					loop->queue[0].rx_pool[1]), -EBUSY);
	CHECK_EQ(rte_eth_tx_queue_setup(loop->port, 0, 512, SOCKET_ID_ANY, NULL), -EBUSY);
	loop_wait_flow(loop, 0, 1000);
	start_and_down();
}

/*
 * What ethdev itself refuses after the release leaves no queue: all that a polling thread may call
 * stands that, nothing is lost, and a right set-up brings the queue back.
 */
static void
refused_by_ethdev_after_the_release(void)
{
	const struct rte_eth_rxconf rx = { .offloads = RTE_ETH_RX_OFFLOAD_MACSEC_STRIP };
	const struct rte_eth_txconf tx = { .offloads = RTE_ETH_TX_OFFLOAD_MACSEC_INSERT };
	struct rte_mbuf *m[4];
	uint64_t received;
	unsigned int i;

	up(NULL);
	CHECK_EQ(setup_rx(256, &rx, loop->queue[1].rx_pool[1]), -EINVAL);
	CHECK_EQ(rte_eth_tx_queue_setup(loop->port, 1, 256, SOCKET_ID_ANY, &tx), -EINVAL);
	received = loop_xstat(loop, "rx_q%u_good_packets", 1);
	CHECK(received > 0);
	for (i = 0; i < 4; i++) {
		m[i] = rte_pktmbuf_alloc(loop->queue[1].tx_pool);
		CHECK(m[i] != NULL);
	}
	CHECK_EQ(rte_eth_tx_burst(loop->port, 1, m, 4), 0);
	rte_pktmbuf_free_bulk(m, 4);
	CHECK_EQ(rte_eth_rx_burst(loop->port, 1, m, 4), 0);
	CHECK(rte_eth_rx_queue_count(loop->port, 1) <= 0);
	CHECK(rte_eth_rx_descriptor_status(loop->port, 1, 0) != RTE_ETH_RX_DESC_DONE);
	CHECK(rte_eth_tx_descriptor_status(loop->port, 1, 0) != RTE_ETH_TX_DESC_FULL);
	CHECK(rte_eth_tx_done_cleanup(loop->port, 1, 0) <= 0);
	CHECK(rte_eth_dev_rx_queue_start(loop->port, 1) < 0);
	CHECK(rte_eth_dev_tx_queue_start(loop->port, 1) < 0);
	/* Every counter keeps its place, and none goes back. */
	CHECK(loop_xstat(loop, "rx_q%u_good_packets", 0) > 0);
	CHECK_EQ(loop_xstat(loop, "rx_q%u_good_packets", 1), received);
	loop_wait_flow(loop, 0, 1000);

	loop->queue[1].rx_pool_used = 1;
	loop_setup_rx(loop, 1, 512);
	loop_setup_tx(loop, 1, 512);
	start_and_down();
}

/* The same, and then the port goes through a stop and a start without that queue. */
static void
port_restarts_without_the_released_queue(void)
{
	const struct rte_eth_rxconf rx = { .offloads = RTE_ETH_RX_OFFLOAD_MACSEC_STRIP };

	up(NULL);
	CHECK_EQ(setup_rx(256, &rx, loop->queue[1].rx_pool[1]), -EINVAL);
	CHECK_EQ(rte_eth_dev_stop(loop->port), 0);
	loop_wait_in_use(loop->queue[1].rx_pool[0], 0);
	loop_setup_rx(loop, 1, 64);
	CHECK_EQ(rte_eth_dev_start(loop->port), 0);
	loop_traffic(loop, true);
	loop_wait_flow(loop, 0, 1000);
	loop_wait_flow(loop, 1, 1000);
	loop_check_conservation(loop);
	loop_destroy(loop);
}

TEST_MAIN(
	TEST_WARM_UP(loop_warm_up),
	TEST_LAYOUTS(ring_size_that_is_none),
	TEST_LAYOUTS(buffers_that_are_too_small),
	TEST_LAYOUTS(thresholds_that_are_wrong),
	TEST_LAYOUTS(no_memory),
	TEST_LAYOUTS(setup_of_a_running_queue),
	TEST_LAYOUTS(refused_by_ethdev_after_the_release),
	TEST_LAYOUTS(port_restarts_without_the_released_queue),
)
