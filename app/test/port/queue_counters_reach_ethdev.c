/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * stats_get has the counters of each queue for ethdev, in the form of each release: ethdev makes
 * extended statistics of them where a port asks for that.
 */

#include <ethdev_driver.h>

#include "fake_port.h"
#include "test.h"

static void
each_queue_has_its_own(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });
	struct rte_eth_stats stats;
	unsigned int i;

	rte_eth_devices[fp->port].data->dev_flags |= RTE_ETH_DEV_AUTOFILL_QUEUE_XSTATS;
	for (i = 0; i < 3; i++)
		fake_port_write(fp, 0, 100);
	for (i = 0; i < 5; i++)
		fake_port_write(fp, 1, 60);
	CHECK_EQ(fake_port_receive(fp, 0), 3);
	CHECK_EQ(fake_port_receive(fp, 1), 5);
	CHECK_EQ(fake_port_send(fp, 1, 7), 7);
	CHECK_EQ(fake_port_xstat(fp, "rx_q0_packets"), 3);
	CHECK_EQ(fake_port_xstat(fp, "rx_q0_bytes"), 300);
	CHECK_EQ(fake_port_xstat(fp, "rx_q1_packets"), 5);
	CHECK_EQ(fake_port_xstat(fp, "rx_q1_bytes"), 300);
	CHECK_EQ(fake_port_xstat(fp, "tx_q0_packets"), 0);
	CHECK_EQ(fake_port_xstat(fp, "tx_q1_packets"), 7);
	CHECK_EQ(fake_port_xstat(fp, "tx_q1_bytes"), fake_port_xstat(fp, "tx_q1_good_bytes"));
	/* Without counters of queues, as rte_eth_stats_get() asks in 25.11 and later. */
	CHECK_EQ(rte_eth_stats_get(fp->port, &stats), 0);
	CHECK_EQ(stats.ipackets, 8);
	CHECK_EQ(stats.ibytes, 600);
	CHECK_EQ(stats.opackets, 7);
	fake_port_destroy(fp);
}

TEST_MAIN(
	TEST_WARM_UP(fake_port_warm_up),
	TEST_LAYOUTS(each_queue_has_its_own),
)
