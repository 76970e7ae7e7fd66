/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * No back-end starts without rings 0 and 1, so the device has an empty ring where the application
 * has not set the queue up. A queue that is set up while the port runs, and started, takes its
 * place: the empty ring is stopped first, with proof, as any ring.
 */

#include "fake_port.h"
#include "test.h"

/* Configured with all queues, and with none of one direction set up. */
static struct fake_port *
start_without(bool rx)
{
	const struct rte_eth_conf conf = { 0 };
	struct fake_port *fp = fake_port_create(&(struct fake_port_conf){ 0 });
	const uint16_t n = FAKE_PORT_PAIRS;

	/* ethdev releases the queues that there are too many of. */
	CHECK_EQ(rte_eth_dev_configure(fp->port, rx ? 0 : n, rx ? n : 0, &conf), 0);
	CHECK_EQ(rte_eth_dev_configure(fp->port, n, n, &conf), 0);
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	return fp;
}

static void
transmit_queue(void)
{
	struct fake_port *fp = start_without(false);

	/* Whole: the other direction runs meanwhile. */
	fake_port_write(fp, 0, 100);
	CHECK_EQ(fake_port_receive(fp, 0), 1);
	CHECK_EQ(fake_port_setup_tx(fp, 0, FAKE_PORT_SIZE), 0);
	CHECK_EQ(rte_eth_dev_tx_queue_start(fp->port, 0), 0);
	CHECK_EQ(fake_port_tx_state(fp, 0), RTE_ETH_QUEUE_STATE_STARTED);
	fake_port_check_runs(fp, 0);
	fake_port_destroy(fp);
}

static void
receive_queue(void)
{
	struct fake_port *fp = start_without(true);

	CHECK_EQ(fake_port_send(fp, 0, 1), 1);
	CHECK_EQ(fake_port_take(fp, 0, true), 1);
	CHECK_EQ(fake_port_setup_rx(fp, 0, FAKE_PORT_SIZE), 0);
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), 0);
	CHECK_EQ(fake_port_rx_state(fp, 0), RTE_ETH_QUEUE_STATE_STARTED);
	fake_port_check_runs(fp, 0);
	fake_port_destroy(fp);
}

TEST_MAIN(
	TEST_WARM_UP(fake_port_warm_up),
	TEST_LAYOUTS(transmit_queue),
	TEST_LAYOUTS(receive_queue),
)
