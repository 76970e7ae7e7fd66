/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * rte_eth_tx_queue_count() is the number of descriptors that the device still has: packets that it
 * has sent do not count, also before the driver takes them back. Of DPDK 24.03 and later.
 */

#include "fake_port.h"
#include "test.h"

static void
count_follows_the_device(void)
{
	static const uint64_t kinds[] = { 0, VU_F_INDIRECT };
	unsigned int i, n;

	for (i = 0; i < RTE_DIM(kinds); i++) {
		struct fake_port *fp =
			fake_port_start(&(struct fake_port_conf){ .features = kinds[i] });

		for (n = 0; n < 5; n++) {
			CHECK_EQ(rte_eth_tx_queue_count(fp->port, 0), n);
			CHECK_EQ(fake_port_send(fp, 0, 1), 1);
		}
		CHECK_EQ(rte_eth_tx_queue_count(fp->port, 0), 5);
		CHECK_EQ(rte_eth_tx_queue_count(fp->port, 1), 0);
		/* Sent, and not reclaimed: the buffers are still in use. */
		CHECK_EQ(fake_port_take(fp, 0, true), 5);
		fake_port_check_in_use(fp->tx_pool[0], 5);
		CHECK_EQ(rte_eth_tx_queue_count(fp->port, 0), 0);
		CHECK_EQ(rte_eth_tx_done_cleanup(fp->port, 0, 0), 5);
		CHECK_EQ(rte_eth_tx_queue_count(fp->port, 0), 0);
		CHECK_EQ(fake_port_send(fp, 0, FAKE_PORT_SIZE), FAKE_PORT_SIZE);
		CHECK_EQ(rte_eth_tx_queue_count(fp->port, 0), FAKE_PORT_SIZE);
		CHECK_EQ(fake_port_take(fp, 0, false), FAKE_PORT_SIZE);
		CHECK_EQ(rte_eth_tx_queue_count(fp->port, 0), FAKE_PORT_SIZE);
		CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, 0), 0);
		CHECK_EQ(rte_eth_tx_queue_count(fp->port, 0), 0);
		CHECK_EQ(rte_eth_dev_tx_queue_start(fp->port, 0), 0);
		CHECK_EQ(rte_eth_tx_queue_count(fp->port, 0), 0);
		fake_port_destroy(fp);
	}
}

TEST_MAIN(
	TEST_WARM_UP(fake_port_warm_up),
	TEST_LAYOUTS(count_follows_the_device),
)
