/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * A port whose back-end has left starts with its link down. Applications such as Open vSwitch and
 * bonding give up a port whose start fails. The port's queues run when a back-end has connected.
 */

#include <time.h>
#include <unistd.h>

#include "fake_port.h"
#include "test.h"

static void
wait_link(struct fake_port *fp, unsigned int status)
{
	const time_t start = time(NULL);
	struct rte_eth_link link;

	for (;;) {
		CHECK_EQ(rte_eth_link_get_nowait(fp->port, &link), 0);
		if (link.link_status == status)
			return;
		CHECK(time(NULL) - start < 60);
		usleep(1000);
	}
}

/* No queue moves anything, and no ring holds a buffer. */
static void
check_rests(struct fake_port *fp)
{
	uint16_t q;

	for (q = 0; q < FAKE_PORT_PAIRS; q++) {
		CHECK_EQ(fake_port_receive(fp, q), 0);
		CHECK_EQ(fake_port_send(fp, q, 1), 0);
		fake_port_check_in_use(fp->rx_pool[q], 0);
		fake_port_check_in_use(fp->tx_pool[q], 0);
	}
}

static void
check_states(struct fake_port *fp, uint16_t q, uint8_t rx, uint8_t tx)
{
	CHECK_EQ(fake_port_rx_state(fp, q), rx);
	CHECK_EQ(fake_port_tx_state(fp, q), tx);
}

/* A port as it is while its back-end is away and it was stopped. */
static struct fake_port *
stopped_port(const struct fake_port_conf *conf)
{
	struct fake_port *fp = fake_port_start(conf);

	fake_vu_disconnect(fp->vu);
	wait_link(fp, RTE_ETH_LINK_DOWN);
	CHECK_EQ(rte_eth_dev_stop(fp->port), 0);
	check_states(fp, 0, RTE_ETH_QUEUE_STATE_STOPPED, RTE_ETH_QUEUE_STATE_STOPPED);
	return fp;
}

static void
server_takes_the_next_back_end(void)
{
	const struct fake_port_conf conf = { .server = true };
	struct fake_port *fp = stopped_port(&conf);
	unsigned int round;

	for (round = 0; round < 2; round++) {
		CHECK_EQ(fake_port_setup_rx(fp, 0, 128 << round), 0);
		CHECK_EQ(rte_eth_dev_start(fp->port), 0);
		CHECK_EQ(test_logged("started without a back-end"), 2 * round + 1);
		CHECK(test_logged("accepts the next connection") > 0);
		wait_link(fp, RTE_ETH_LINK_DOWN);
		check_states(fp, 0, RTE_ETH_QUEUE_STATE_STARTED, RTE_ETH_QUEUE_STATE_STARTED);
		check_states(fp, 1, RTE_ETH_QUEUE_STATE_STARTED, RTE_ETH_QUEUE_STATE_STARTED);
		check_rests(fp);
		/* A stop and a start in this state lead to it again. */
		CHECK_EQ(rte_eth_dev_stop(fp->port), 0);
		check_states(fp, 1, RTE_ETH_QUEUE_STATE_STOPPED, RTE_ETH_QUEUE_STATE_STOPPED);
		CHECK_EQ(rte_eth_dev_start(fp->port), 0);
		check_rests(fp);
		fake_vu_connect_again(fp->vu);
		wait_link(fp, RTE_ETH_LINK_UP);
		CHECK_EQ(fp->vu->ring[0].num, 128u << round);
		fake_port_check_runs(fp, 0);
		fake_port_check_runs(fp, 1);
		fake_vu_disconnect(fp->vu);
		wait_link(fp, RTE_ETH_LINK_DOWN);
		CHECK_EQ(rte_eth_dev_stop(fp->port), 0);
	}
	/* Closed in this state, the port leaves nothing behind. */
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	fake_port_destroy(fp);
}

/* A queue that is deferred, or stopped while no back-end is there, stays stopped. */
static void
queues_keep_their_own_states(void)
{
	const struct fake_port_conf conf = { .server = true };
	const struct rte_eth_rxconf deferred = { .rx_deferred_start = 1 };
	struct fake_port *fp = stopped_port(&conf);

	CHECK_EQ(rte_eth_rx_queue_setup(fp->port, 1, FAKE_PORT_SIZE, SOCKET_ID_ANY, &deferred,
					fp->rx_pool[1]), 0);
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	check_states(fp, 0, RTE_ETH_QUEUE_STATE_STARTED, RTE_ETH_QUEUE_STATE_STARTED);
	check_states(fp, 1, RTE_ETH_QUEUE_STATE_STOPPED, RTE_ETH_QUEUE_STATE_STARTED);
	CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, 0), 0);
	check_states(fp, 0, RTE_ETH_QUEUE_STATE_STARTED, RTE_ETH_QUEUE_STATE_STOPPED);
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 1), -ENODEV);
	fake_vu_connect_again(fp->vu);
	wait_link(fp, RTE_ETH_LINK_UP);
	check_states(fp, 0, RTE_ETH_QUEUE_STATE_STARTED, RTE_ETH_QUEUE_STATE_STOPPED);
	check_states(fp, 1, RTE_ETH_QUEUE_STATE_STOPPED, RTE_ETH_QUEUE_STATE_STARTED);
	CHECK(!fake_vu_is_enabled(fp->vu, 1));
	CHECK(!fake_vu_is_enabled(fp->vu, 2));
	CHECK_EQ(rte_eth_dev_tx_queue_start(fp->port, 0), 0);
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 1), 0);
	fake_port_check_runs(fp, 0);
	fake_port_check_runs(fp, 1);
	fake_port_destroy(fp);
}

/* A client port connects by a reset, which stops the port first. */
static void
client_connects_by_a_reset(void)
{
	struct fake_port *fp = stopped_port(&(struct fake_port_conf){ 0 });

	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	CHECK(test_logged("Call rte_eth_dev_reset() when the back-end is back") > 0);
	wait_link(fp, RTE_ETH_LINK_DOWN);
	check_rests(fp);
	fake_vu_set_once(fp->vu, false);
	CHECK_EQ(rte_eth_dev_reset(fp->port), 0);
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	wait_link(fp, RTE_ETH_LINK_UP);
	fake_port_check_runs(fp, 0);
	fake_port_check_runs(fp, 1);
	fake_port_destroy(fp);
}

static bool
has_left(struct fake_vu *vu)
{
	bool left;

	fake_vu_wait_quiet(vu);
	pthread_mutex_lock(&vu->lock);
	left = vu->fd < 0;
	pthread_mutex_unlock(&vu->lock);
	return left;
}

/* A back-end that closes the connection within the start is as one that has left before. */
static void
back_end_leaves_during_the_start(void)
{
	static const uint32_t requests[] = {
		VU_SET_FEATURES, VU_SET_VRING_NUM, VU_SET_VRING_KICK, VU_SET_VRING_ENABLE,
	};
	const struct fake_port_conf conf = { .server = true };
	struct fake_port *fp = fake_port_create(&conf);
	unsigned int i;

	for (i = 0; i < RTE_DIM(requests); i++) {
		fake_vu_set_once(fp->vu, true);
		fake_vu_rule(fp->vu, requests[i], 0, 1, VU_CLOSE);
		CHECK_EQ(rte_eth_dev_start(fp->port), 0);
		CHECK(has_left(fp->vu));
		CHECK_EQ(test_logged("started without a back-end"), i + 1);
		check_states(fp, 0, RTE_ETH_QUEUE_STATE_STARTED, RTE_ETH_QUEUE_STATE_STARTED);
		check_rests(fp);
		fake_vu_obey(fp->vu);
		fake_vu_connect_again(fp->vu);
		wait_link(fp, RTE_ETH_LINK_UP);
		fake_port_check_runs(fp, 0);
		fake_port_check_runs(fp, 1);
		CHECK_EQ(rte_eth_dev_stop(fp->port), 0);
	}
	fake_port_destroy(fp);
}

TEST_MAIN(
	TEST_WARM_UP(fake_port_warm_up),
	TEST_LAYOUTS(server_takes_the_next_back_end),
	TEST_LAYOUTS(queues_keep_their_own_states),
	TEST_LAYOUTS(client_connects_by_a_reset),
	TEST_LAYOUTS(back_end_leaves_during_the_start),
)
