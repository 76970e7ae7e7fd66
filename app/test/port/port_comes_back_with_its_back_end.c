/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * A back-end that stops answering and later goes on: a port start that meets this fails, and says
 * which request is not answered. Queues that the device may still touch count as started. Once the
 * back-end answers again, one start brings the port back, and every buffer with it.
 */

#include "fake_port.h"
#include "test.h"

static const struct fake_port_conf conf = { .timeout_ms = 100 };

static void
one_start_brings_it_back(void)
{
	struct fake_port *fp = fake_port_create(&conf);
	unsigned int i;

	fake_vu_rule(fp->vu, VU_SET_VRING_ENABLE, 1, 1, VU_HOLD);
	CHECK_EQ(rte_eth_dev_start(fp->port), -ETIMEDOUT);
	fake_vu_wait_held(fp->vu);
	CHECK_EQ(test_logged("the back-end has not answered SET_VRING_ENABLE for 10."), 2);
	CHECK_EQ(test_logged("reset is not confirmed"), 1);
	CHECK_EQ(fake_port_rx_state(fp, 0), RTE_ETH_QUEUE_STATE_STARTED);
	CHECK_EQ(fake_port_tx_state(fp, 1), RTE_ETH_QUEUE_STATE_STARTED);
	for (i = 1; i <= 3; i++) {
		CHECK_EQ(rte_eth_dev_start(fp->port), -ETIMEDOUT);
		CHECK_EQ(test_logged("reset is not confirmed"), 1 + i);
	}
	fake_vu_release(fp->vu);
	fake_vu_wait_quiet(fp->vu);
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	CHECK_EQ(test_logged("the back-end answers again"), 1);
	fake_port_check_runs(fp, 0);
	fake_port_check_runs(fp, 1);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 1), 0);
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 1), 0);
	fake_port_check_runs(fp, 1);
	fake_port_destroy(fp);
}

/* The same of a port that ran: its stop is not answered, the next start makes up for it. */
static void
start_after_a_stop_that_was_not_answered(void)
{
	struct fake_port *fp = fake_port_start(&conf);

	fake_port_check_runs(fp, 0);
	fake_vu_rule(fp->vu, VU_GET_VRING_BASE, 1, 1, VU_HOLD);
	CHECK_EQ(rte_eth_dev_stop(fp->port), 0);
	fake_vu_wait_held(fp->vu);
	CHECK_EQ(test_logged("the back-end has not answered GET_VRING_BASE for 0."), 1);
	CHECK_EQ(fake_port_rx_state(fp, 0), RTE_ETH_QUEUE_STATE_STARTED);
	CHECK_EQ(rte_eth_dev_start(fp->port), -ETIMEDOUT);
	fake_vu_release(fp->vu);
	fake_vu_wait_quiet(fp->vu);
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	fake_port_check_runs(fp, 0);
	fake_port_check_runs(fp, 1);
	fake_port_destroy(fp);
}

TEST_MAIN(
	TEST_WARM_UP(fake_port_warm_up),
	TEST_LAYOUTS(one_start_brings_it_back),
	TEST_LAYOUTS(start_after_a_stop_that_was_not_answered),
)
