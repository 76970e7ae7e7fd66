/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * A set-up that runs on the packaged driver runs here: the ring size is rounded down to what the
 * layout and the device take, and a pool may be smaller than the ring. What the driver lacks is
 * refused.
 */

#include <ethdev_driver.h>

#include "fake_port.h"
#include "test.h"
#include "virtio_queue.h"

static const uint16_t sizes[] = { 33, 96, 200, 300, 600, 1000 };
static const uint16_t powers[] = { 32, 64, 128, 256, 512, 512 };

static uint16_t
right_size(unsigned int i)
{
	return test_packed() ? sizes[i] : powers[i];
}

static void
check_runs(struct fake_port *fp)
{
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	fake_port_check_runs(fp, 0);
	fake_port_destroy(fp);
}

static void
ring_sizes_are_rounded(void)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(sizes); i++) {
		const uint16_t size = right_size(i);
		const uint16_t thresh = RTE_MIN(size / 4 / 4 * 4, 32);
		struct fake_port *fp = fake_port_create(&(struct fake_port_conf){ 0 });
		struct rte_eth_rxq_info rx;
		struct rte_eth_txq_info tx;

		test_forget_log();
		CHECK_EQ(fake_port_setup_rx(fp, 0, sizes[i]), 0);
		CHECK_EQ(fake_port_setup_tx(fp, 0, sizes[i]), 0);
		CHECK_EQ(test_logged("descriptors is not possible"), size == sizes[i] ? 0 : 2);
		CHECK_EQ(rte_eth_rx_queue_info_get(fp->port, 0, &rx), 0);
		CHECK_EQ(rte_eth_tx_queue_info_get(fp->port, 0, &tx), 0);
		CHECK_EQ(rx.nb_desc, size);
		CHECK_EQ(tx.nb_desc, size);
		/* Those of the rounded size. */
		CHECK_EQ(rx.conf.rx_free_thresh, thresh);
		CHECK_EQ(tx.conf.tx_free_thresh, thresh);
		check_runs(fp);
	}
}

static void
adjusted_sizes_are_taken(void)
{
	uint16_t rx = 300, tx = 300;
	struct fake_port *fp = fake_port_create(&(struct fake_port_conf){ 0 });

	CHECK_EQ(rte_eth_dev_adjust_nb_rx_tx_desc(fp->port, &rx, &tx), 0);
	CHECK_EQ(rx, 300);
	CHECK_EQ(tx, 300);
	CHECK_EQ(fake_port_setup_rx(fp, 0, rx), 0);
	CHECK_EQ(fake_port_setup_tx(fp, 0, tx), 0);
	check_runs(fp);
}

/* They fit what was asked for, and not what is had; what fits neither is refused as ever. */
static void
thresholds_follow(void)
{
	const struct rte_eth_rxconf rx_conf = { .rx_free_thresh = 280 };
	const struct rte_eth_txconf tx_conf = { .tx_free_thresh = 280 };
	const struct rte_eth_rxconf too_much = { .rx_free_thresh = 300 };
	struct fake_port *fp = fake_port_create(&(struct fake_port_conf){ 0 });
	struct rte_eth_rxq_info rx;
	struct rte_eth_txq_info tx;

	CHECK_EQ(rte_eth_rx_queue_setup(fp->port, 0, 300, SOCKET_ID_ANY, &rx_conf,
					fp->rx_pool[0]), 0);
	CHECK_EQ(rte_eth_tx_queue_setup(fp->port, 0, 300, SOCKET_ID_ANY, &tx_conf), 0);
	CHECK_EQ(rte_eth_rx_queue_info_get(fp->port, 0, &rx), 0);
	CHECK_EQ(rte_eth_tx_queue_info_get(fp->port, 0, &tx), 0);
	CHECK_EQ(rx.conf.rx_free_thresh, test_packed() ? 280 : 32);
	CHECK_EQ(tx.conf.tx_free_thresh, test_packed() ? 280 : 32);
	CHECK_EQ(test_logged("a free threshold of 280 does not fit"), test_packed() ? 0 : 2);
	CHECK_EQ(rte_eth_rx_queue_setup(fp->port, 0, 300, SOCKET_ID_ANY, &too_much,
					fp->rx_pool[0]), -EINVAL);
	check_runs(fp);
}

static void
pool_smaller_than_the_ring(void)
{
	struct rte_mempool *few = rte_pktmbuf_pool_create("few", 511, 0, 0,
							  RTE_MBUF_DEFAULT_BUF_SIZE,
							  SOCKET_ID_ANY);
	struct fake_port *fp = fake_port_create(&(struct fake_port_conf){ 0 });

	CHECK(few != NULL);
	CHECK_EQ(rte_eth_rx_queue_setup(fp->port, 0, 512, SOCKET_ID_ANY, NULL, few), 0);
	CHECK_EQ(test_logged("pool few has 511 buffers for a ring of 512 descriptors"), 1);
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	CHECK_EQ(rte_mempool_in_use_count(few), 511);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
	CHECK_EQ(rte_mempool_in_use_count(few), 0);
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), 0);
	CHECK_EQ(rte_mempool_in_use_count(few), 511);
	fake_port_check_runs(fp, 0);
	fake_port_destroy(fp);
	CHECK_EQ(rte_mempool_in_use_count(few), 0);
	rte_mempool_free(few);
}

static void
mtu_of_a_shortest_frame(void)
{
	static const uint16_t mtus[] = { 46, 60, 67 };
	unsigned int i;

	for (i = 0; i < RTE_DIM(mtus); i++) {
		const struct rte_eth_conf conf = { .rxmode.mtu = mtus[i] };
		struct fake_port *fp = fake_port_create(&(struct fake_port_conf){ 0 });

		CHECK_EQ(rte_eth_dev_configure(fp->port, FAKE_PORT_PAIRS, FAKE_PORT_PAIRS, &conf),
			 0);
		CHECK_EQ(fake_port_setup_rx(fp, 0, FAKE_PORT_SIZE), 0);
		check_runs(fp);
	}
}

/* The application may free a stopped queue's pool: it is not named any more then. */
static void
freed_pool_is_not_named(void)
{
	struct rte_mempool *pool = rte_pktmbuf_pool_create("brief", 512, 0, 0,
							   RTE_MBUF_DEFAULT_BUF_SIZE,
							   SOCKET_ID_ANY);
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });
	struct rte_eth_rxq_info info;

	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
	CHECK_EQ(rte_eth_rx_queue_setup(fp->port, 0, 128, SOCKET_ID_ANY, NULL, pool), 0);
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), 0);
	CHECK_EQ(rte_eth_rx_queue_info_get(fp->port, 0, &info), 0);
	CHECK(info.mp == pool);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
	CHECK_EQ(rte_eth_rx_queue_info_get(fp->port, 0, &info), 0);
	CHECK(info.mp == pool);
	rte_mempool_free(pool);
	CHECK_EQ(rte_eth_rx_queue_info_get(fp->port, 0, &info), 0);
	CHECK(info.mp == NULL);
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), -EINVAL);
	CHECK_EQ(test_logged("its pool brief has been freed"), 1);
	CHECK_EQ(fake_port_rx_state(fp, 0), RTE_ETH_QUEUE_STATE_STOPPED);
	CHECK_EQ(fake_port_setup_rx(fp, 0, FAKE_PORT_SIZE), 0);
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), 0);
	fake_port_check_runs(fp, 0);
	fake_port_destroy(fp);
}

static void
modes_of_other_devices_are_refused(void)
{
	struct fake_port *fp = fake_port_create(&(struct fake_port_conf){ 0 });
	struct rte_eth_conf conf = { .txmode.mq_mode = RTE_ETH_MQ_TX_DCB };

	CHECK_EQ(rte_eth_dev_configure(fp->port, 1, 1, &conf), -EINVAL);
	CHECK_EQ(test_logged("want RTE_ETH_MQ_TX_NONE"), 1);
	conf = (struct rte_eth_conf){ .rxmode.mq_mode = RTE_ETH_MQ_RX_VMDQ_ONLY };
	CHECK_EQ(rte_eth_dev_configure(fp->port, 1, 1, &conf), -EINVAL);
	CHECK_EQ(test_logged("want RTE_ETH_MQ_RX_NONE or RTE_ETH_MQ_RX_RSS"), 1);
	fake_port_destroy(fp);
}

TEST_MAIN(
	TEST_WARM_UP(fake_port_warm_up),
	TEST_LAYOUTS(ring_sizes_are_rounded),
	TEST_LAYOUTS(adjusted_sizes_are_taken),
	TEST_LAYOUTS(thresholds_follow),
	TEST_LAYOUTS(pool_smaller_than_the_ring),
	TEST_LAYOUTS(mtu_of_a_shortest_frame),
	TEST_LAYOUTS(freed_pool_is_not_named),
	TEST(modes_of_other_devices_are_refused),
)
