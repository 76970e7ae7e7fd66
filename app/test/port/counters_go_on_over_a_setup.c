/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * ethdev releases a queue before it sets the queue up again at run time. What the queue has counted
 * stays in the port's counters in between, and after it.
 */

#include <ethdev_driver.h>

#include "fake_port.h"
#include "test.h"

static void
check_counts(struct fake_port *fp)
{
	struct rte_eth_stats stats;

	CHECK_EQ(rte_eth_stats_get(fp->port, &stats), 0);
	CHECK_EQ(stats.ipackets, 3);
	CHECK_EQ(stats.opackets, 5);
	CHECK_EQ(fake_port_xstat(fp, "rx_q0_good_packets"), 3);
	CHECK_EQ(fake_port_xstat(fp, "tx_q0_good_packets"), 5);
}

static void
between_release_and_setup(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });
	struct rte_eth_dev *edev = &rte_eth_devices[fp->port];
	unsigned int i;

	for (i = 0; i < 3; i++)
		fake_port_write(fp, 0, 100);
	CHECK_EQ(fake_port_receive(fp, 0), 3);
	CHECK_EQ(fake_port_send(fp, 0, 5), 5);
	CHECK_EQ(fake_port_take(fp, 0, true), 5);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
	CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, 0), 0);
	check_counts(fp);
	/* As rte_eth_rx_queue_setup() calls it. */
	edev->dev_ops->rx_queue_release(edev, 0);
	edev->dev_ops->tx_queue_release(edev, 0);
	check_counts(fp);
	CHECK_EQ(fake_port_setup_rx(fp, 0, FAKE_PORT_SIZE), 0);
	CHECK_EQ(fake_port_setup_tx(fp, 0, FAKE_PORT_SIZE), 0);
	check_counts(fp);
	fake_port_destroy(fp);
}

TEST_MAIN(
	TEST_WARM_UP(fake_port_warm_up),
	TEST_LAYOUTS(between_release_and_setup),
)
