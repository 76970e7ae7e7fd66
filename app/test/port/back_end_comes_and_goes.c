/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * A back-end that goes takes the link down with it, and the buffers come back. When one comes, each
 * queue is brought back as it was: those that ran run, those that were stopped are stopped, and
 * start on request.
 */

#include <time.h>
#include <unistd.h>

#include <string.h>

#include "fake_port.h"
#include "test.h"

static unsigned int lsc_events;

static int
on_lsc(uint16_t port __rte_unused, enum rte_eth_event_type type __rte_unused,
       void *arg __rte_unused, void *ret __rte_unused)
{
	__atomic_fetch_add(&lsc_events, 1, __ATOMIC_RELAXED);
	return 0;
}

static void
wait_link(struct fake_port *fp, unsigned int status)
{
	struct rte_eth_link link;
	unsigned int tries;

	for (tries = 0; tries < 20000; tries++) {
		CHECK_EQ(rte_eth_link_get_nowait(fp->port, &link), 0);
		if (link.link_status == status)
			return;
		usleep(1000);
	}
	CHECK_EQ(link.link_status, status);
}

/*
 * Until the new back-end is in use. A queue that is to run is never seen as stopped meanwhile: a
 * stop would then be answered by ethdev itself, and the queue would come back to life after it.
 */
static void
wait_met_again(struct fake_port *fp, unsigned int times)
{
	const time_t start = time(NULL);

	while (test_logged("a back-end has connected") < times) {
		CHECK(time(NULL) - start < 60);
		CHECK_EQ(fake_port_rx_state(fp, 0), RTE_ETH_QUEUE_STATE_STARTED);
		CHECK_EQ(fake_port_tx_state(fp, 1), RTE_ETH_QUEUE_STATE_STARTED);
	}
}

/* What was in the rings when the back-end went is lost, and not to be asked for. */
static void
forget_numbers(struct fake_port *fp)
{
	uint16_t q;

	for (q = 0; q < FAKE_PORT_PAIRS; q++) {
		fp->got[q] = fp->rx_next[q];
		fp->took[q] = fp->tx_next[q];
	}
}

/* Receive queue 1 and transmit queue 0 are stopped, the others run. */
static void
check_half_of_it_runs(struct fake_port *fp)
{
	CHECK_EQ(fake_port_rx_state(fp, 0), RTE_ETH_QUEUE_STATE_STARTED);
	CHECK_EQ(fake_port_tx_state(fp, 0), RTE_ETH_QUEUE_STATE_STOPPED);
	CHECK_EQ(fake_port_rx_state(fp, 1), RTE_ETH_QUEUE_STATE_STOPPED);
	CHECK_EQ(fake_port_tx_state(fp, 1), RTE_ETH_QUEUE_STATE_STARTED);
	CHECK(fake_vu_is_enabled(fp->vu, 0));
	CHECK(!fake_vu_is_enabled(fp->vu, 1));
	CHECK(!fake_vu_is_enabled(fp->vu, 2));
	CHECK(fake_vu_is_enabled(fp->vu, 3));
	fake_port_write(fp, 0, 100);
	CHECK_EQ(fake_port_receive(fp, 0), 1);
	CHECK_EQ(fake_port_send(fp, 0, 1), 0);
	CHECK_EQ(fake_port_receive(fp, 1), 0);
	CHECK_EQ(fake_port_send(fp, 1, 1), 1);
	CHECK_EQ(fake_port_take(fp, 1, true), 1);
	fake_port_check_in_use(fp->rx_pool[1], 0);
	fake_port_check_in_use(fp->tx_pool[0], 0);
}

static void
we_are_the_server(void)
{
	const struct fake_port_conf conf = { .server = true };
	struct fake_port *fp = fake_port_create(&conf);
	unsigned int round;

	lsc_events = 0;
	CHECK_EQ(rte_eth_dev_callback_register(fp->port, RTE_ETH_EVENT_INTR_LSC, on_lsc, NULL), 0);
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	wait_link(fp, RTE_ETH_LINK_UP);
	fake_port_check_runs(fp, 0);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 1), 0);
	CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, 0), 0);
	check_half_of_it_runs(fp);
	for (round = 0; round < 3; round++) {
		fake_port_write(fp, 0, 100);
		CHECK_EQ(fake_port_send(fp, 1, 5), 5);
		fake_vu_disconnect(fp->vu);
		wait_link(fp, RTE_ETH_LINK_DOWN);
		fake_vu_connect_again(fp->vu);
		wait_met_again(fp, round + 1);
		wait_link(fp, RTE_ETH_LINK_UP);
		forget_numbers(fp);
		check_half_of_it_runs(fp);
		CHECK_EQ(fake_port_xstat(fp, "rx_q0_reset_dropped"), round + 1);
		CHECK_EQ(fake_port_xstat(fp, "tx_q1_reset_dropped"), 5 * (round + 1));
	}
	CHECK(__atomic_load_n(&lsc_events, __ATOMIC_RELAXED) > 0);
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 1), 0);
	CHECK_EQ(rte_eth_dev_tx_queue_start(fp->port, 0), 0);
	fake_port_check_runs(fp, 0);
	fake_port_check_runs(fp, 1);
	CHECK_EQ(rte_eth_dev_callback_unregister(fp->port, RTE_ETH_EVENT_INTR_LSC, on_lsc, NULL),
		 0);
	fake_port_destroy(fp);
}

/* A back-end with which the port cannot be started is disconnected, and may connect again. */
static void
one_that_fails_makes_way(void)
{
	const struct fake_port_conf conf = { .server = true };
	struct fake_port *fp = fake_port_start(&conf);
	unsigned int round;

	wait_link(fp, RTE_ETH_LINK_UP);
	for (round = 1; round <= 2; round++) {
		fake_vu_disconnect(fp->vu);
		wait_link(fp, RTE_ETH_LINK_DOWN);
		fake_vu_rule(fp->vu, VU_SET_VRING_NUM, 1, 1, VU_REFUSE);
		fake_vu_connect_again(fp->vu);
		/* It connects for the second time when it has seen the end of the first. */
		wait_met_again(fp, round);
		wait_link(fp, RTE_ETH_LINK_UP);
		CHECK_EQ(test_logged("the back-end that connected cannot be used"), round);
		forget_numbers(fp);
		fake_port_check_runs(fp, 0);
		fake_port_check_runs(fp, 1);
	}
	fake_port_destroy(fp);
}

/* The port is down; when it has started, the one that has connected is used. */
static void
started_with_the_next(struct fake_port *fp)
{
	fake_vu_connect_again(fp->vu);
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	wait_link(fp, RTE_ETH_LINK_UP);
	forget_numbers(fp);
	fake_port_check_runs(fp, 0);
	fake_port_check_runs(fp, 1);
	fake_port_destroy(fp);
}

/* Nobody is there: queues can be stopped and the port closed, and nothing is left behind. */
static void
server_without_a_client(void)
{
	const struct fake_port_conf conf = { .server = true };
	struct fake_port *fp = fake_port_start(&conf);

	fake_vu_disconnect(fp->vu);
	wait_link(fp, RTE_ETH_LINK_DOWN);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
	fake_port_check_in_use(fp->rx_pool[0], 0);
	CHECK_EQ(fake_port_receive(fp, 1), 0);
	CHECK(rte_eth_dev_rx_queue_start(fp->port, 0) < 0);
	fake_port_check_in_use(fp->rx_pool[0], 0);
	CHECK_EQ(rte_eth_dev_stop(fp->port), 0);
	fake_port_check_in_use(fp->rx_pool[1], 0);
	started_with_the_next(fp);
}

/* A reset does not wait for the next one: the port is ready for it. */
static void
server_is_reset_without_a_client(void)
{
	const struct fake_port_conf conf = { .server = true };
	struct fake_port *fp = fake_port_start(&conf);

	fake_vu_disconnect(fp->vu);
	wait_link(fp, RTE_ETH_LINK_DOWN);
	CHECK_EQ(rte_eth_dev_reset(fp->port), 0);
	CHECK_EQ(test_logged("no back-end has connected yet"), 1);
	fake_port_check_in_use(fp->rx_pool[0], 0);
	fake_port_check_in_use(fp->rx_pool[1], 0);
	started_with_the_next(fp);
}

/* What is stopped while nobody is there is stopped when somebody is. */
static void
stopped_without_a_back_end(void)
{
	const struct fake_port_conf conf = { .server = true };
	struct fake_port *fp = fake_port_start(&conf);

	fake_vu_disconnect(fp->vu);
	wait_link(fp, RTE_ETH_LINK_DOWN);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 1), 0);
	CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, 0), 0);
	CHECK(rte_eth_dev_tx_queue_start(fp->port, 0) < 0);
	CHECK_EQ(fake_port_setup_rx(fp, 1, 128), 0);
	fake_vu_connect_again(fp->vu);
	wait_met_again(fp, 1);
	forget_numbers(fp);
	check_half_of_it_runs(fp);
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 1), 0);
	CHECK_EQ(rte_eth_dev_tx_queue_start(fp->port, 0), 0);
	fake_port_check_runs(fp, 0);
	fake_port_check_runs(fp, 1);
	CHECK_EQ(fp->vu->ring[2].num, 128);
	fake_port_destroy(fp);
}

/* One that cannot be used, for it has lost what the port is built on: the next one can. */
static void
unfit_back_end_comes_between(void)
{
	const struct fake_port_conf conf = { .server = true, .features = VU_F_MRG_RXBUF };
	struct fake_port *fp = fake_port_start(&conf);
	unsigned int round, tries;

	fake_port_check_runs(fp, 0);
	for (round = 0; round < 2; round++) {
		test_forget_log();
		fake_vu_disconnect(fp->vu);
		wait_link(fp, RTE_ETH_LINK_DOWN);
		fp->vu->features &= ~VU_F_MRG_RXBUF;
		/* It is disconnected each time, and connects again. */
		fake_vu_connect_again(fp->vu);
		for (tries = 0; test_logged("cannot be used") == 0; tries++) {
			CHECK(tries < 20000);
			usleep(1000);
		}
		wait_link(fp, RTE_ETH_LINK_DOWN);
		CHECK_EQ(fake_port_receive(fp, 0), 0);
		CHECK_EQ(fake_port_send(fp, 0, 1), 0);
		fake_port_check_in_use(fp->rx_pool[0], 0);
		CHECK_EQ(fake_port_rx_state(fp, 0), RTE_ETH_QUEUE_STATE_STARTED);
		/* Its ring is stopped already; that the queue is to be is news. */
		CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 1), 0);
		CHECK_EQ(fake_port_rx_state(fp, 1), RTE_ETH_QUEUE_STATE_STOPPED);

		fake_vu_disconnect(fp->vu);
		fp->vu->features |= VU_F_MRG_RXBUF;
		fake_vu_connect_again(fp->vu);
		wait_met_again(fp, 1);
		wait_link(fp, RTE_ETH_LINK_UP);
		CHECK_EQ(fake_port_rx_state(fp, 1), RTE_ETH_QUEUE_STATE_STOPPED);
		CHECK(!fake_vu_is_enabled(fp->vu, 2));
		fake_port_check_in_use(fp->rx_pool[1], 0);
		CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 1), 0);
		forget_numbers(fp);
		fake_port_check_runs(fp, 0);
		fake_port_check_runs(fp, 1);
	}
	fake_port_destroy(fp);
}

/* A back-end that comes while a pool is empty is used all the same, and fed when the pool is. */
static void
pool_is_empty_when_one_comes(void)
{
	const struct fake_port_conf conf = { .server = true };
	struct fake_port *fp = fake_port_start(&conf);
	struct rte_mbuf *all[FAKE_PORT_BUFFERS];
	unsigned int n = 0;

	/* The application has all buffers, the ring none that the driver could fall back on. */
	while ((all[n] = rte_pktmbuf_alloc(fp->rx_pool[0])) != NULL)
		n++;
	while (n < FAKE_PORT_BUFFERS) {
		fake_port_write(fp, 0, 100);
		CHECK_EQ(rte_eth_rx_burst(fp->port, 0, &all[n], 1), 1);
		n++;
	}
	fake_vu_disconnect(fp->vu);
	wait_link(fp, RTE_ETH_LINK_DOWN);
	fake_vu_connect_again(fp->vu);
	wait_met_again(fp, 1);
	wait_link(fp, RTE_ETH_LINK_UP);
	forget_numbers(fp);
	fake_port_check_runs(fp, 1);
	CHECK_EQ(fake_port_receive(fp, 0), 0);
	rte_pktmbuf_free_bulk(all, n);
	CHECK_EQ(fake_port_receive(fp, 0), 0);
	fake_port_check_runs(fp, 0);
	fake_port_destroy(fp);
}

/*
 * A back-end that comes while queue 0 has no ring gets an empty one in its place, which gives way
 * when the queue has one again. ethdev leaves a queue without where it refuses its set-up itself.
 */
static void
queue_0_is_missing_when_one_comes(void)
{
	const struct fake_port_conf conf = { .server = true };
	struct fake_port *fp = fake_port_start(&conf);
	const struct rte_eth_rxconf bad = { .offloads = RTE_ETH_RX_OFFLOAD_MACSEC_STRIP };
	time_t start;

	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
	CHECK_EQ(rte_eth_rx_queue_setup(fp->port, 0, 64, 0, &bad, fp->rx_pool[0]), -EINVAL);
	fake_vu_disconnect(fp->vu);
	wait_link(fp, RTE_ETH_LINK_DOWN);
	fake_vu_connect_again(fp->vu);
	for (start = time(NULL); test_logged("a back-end has connected") == 0; usleep(1000))
		CHECK(time(NULL) - start < 60);
	CHECK(fake_vu_is_enabled(fp->vu, 0));
	forget_numbers(fp);
	CHECK_EQ(fake_port_setup_rx(fp, 0, 128), 0);
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), 0);
	CHECK_EQ(fp->vu->ring[0].num, 128);
	fake_port_check_runs(fp, 0);
	fake_port_check_runs(fp, 1);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), 0);
	fake_port_check_runs(fp, 0);
	fake_port_destroy(fp);
}

/* Closed while one comes, at whatever point of it: nothing is left behind that acts later. */
static void
closed_while_one_comes(void)
{
	const struct fake_port_conf conf = { .server = true };
	unsigned int round;

	for (round = 0; round < 20; round++) {
		struct fake_port *fp = fake_port_start(&conf);

		fake_vu_disconnect(fp->vu);
		wait_link(fp, RTE_ETH_LINK_DOWN);
		fake_vu_connect_again(fp->vu);
		usleep(round * 200);
		fake_port_destroy(fp);
	}
}

/* As client the driver does not go and look: a reset of the port does. */
static void
we_are_the_client(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });
	unsigned int round;

	for (round = 0; round < 3; round++) {
		fake_port_check_runs(fp, 0);
		fake_vu_disconnect(fp->vu);
		wait_link(fp, RTE_ETH_LINK_DOWN);
		if (round == 1) {
			CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
			fake_port_check_in_use(fp->rx_pool[0], 0);
			CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), -ENODEV);
		}
		CHECK_EQ(rte_eth_dev_stop(fp->port), 0);
		fake_port_check_in_use(fp->rx_pool[0], 0);
		fake_port_check_in_use(fp->rx_pool[1], 0);
		CHECK_EQ(rte_eth_dev_start(fp->port), 0);
		CHECK(test_logged("Call rte_eth_dev_reset() when the back-end is back") > 0);
		fp->vu->once = false;
		CHECK_EQ(rte_eth_dev_reset(fp->port), 0);
		CHECK_EQ(rte_eth_dev_start(fp->port), 0);
		wait_link(fp, RTE_ETH_LINK_UP);
		forget_numbers(fp);
		fake_port_check_runs(fp, 1);
	}
	fake_port_destroy(fp);
}

static int
on_lsc_reset(uint16_t port, enum rte_eth_event_type type __rte_unused, void *arg,
	     void *ret __rte_unused)
{
	int *got = arg;

	/* Stopped by ethdev before the driver is asked, which is all that happens. */
	__atomic_store_n(got, rte_eth_dev_reset(port), __ATOMIC_RELEASE);
	return 0;
}

static int
on_lsc_close(uint16_t port, enum rte_eth_event_type type __rte_unused, void *arg,
	     void *ret __rte_unused)
{
	int *got = arg;

	CHECK_EQ(rte_eth_dev_stop(port), 0);
	__atomic_store_n(got, rte_eth_dev_close(port), __ATOMIC_RELEASE);
	return 0;
}

static int
wait_for_answer(int *got)
{
	const time_t start = time(NULL);

	while (__atomic_load_n(got, __ATOMIC_ACQUIRE) == 1) {
		CHECK(time(NULL) - start < 60);
		usleep(1000);
	}
	return *got;
}

/* From within the call-back about the end of the connection: refused, since it waits for that. */
static void
reset_from_a_call_back(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });
	int got = 1;

	CHECK_EQ(rte_eth_dev_callback_register(fp->port, RTE_ETH_EVENT_INTR_LSC, on_lsc_reset,
					       &got), 0);
	fake_vu_disconnect(fp->vu);
	CHECK_EQ(wait_for_answer(&got), -EDEADLK);
	CHECK_EQ(test_logged("Call it from another thread"), 1);
	CHECK_EQ(rte_eth_dev_callback_unregister(fp->port, RTE_ETH_EVENT_INTR_LSC, on_lsc_reset,
						 &got), 0);
	fp->vu->once = false;
	CHECK_EQ(rte_eth_dev_reset(fp->port), 0);
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	forget_numbers(fp);
	fake_port_check_runs(fp, 0);
	fake_port_destroy(fp);
}

struct held_call_back {
	int calls;
	bool released;
};

static int
on_lsc_held(uint16_t port __rte_unused, enum rte_eth_event_type type __rte_unused, void *arg,
	    void *ret __rte_unused)
{
	struct held_call_back *held = arg;

	__atomic_add_fetch(&held->calls, 1, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&held->released, __ATOMIC_ACQUIRE))
		usleep(1000);
	return 0;
}

static void
wait_calls(struct held_call_back *held, int calls)
{
	const time_t start = time(NULL);

	while (__atomic_load_n(&held->calls, __ATOMIC_ACQUIRE) < calls) {
		CHECK(time(NULL) - start < 60);
		usleep(1000);
	}
}

/* The worker is in a call-back while the next connection is made, and ends. */
static void
connection_ends_before_the_worker_looks(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });
	struct held_call_back held = { 0 };

	CHECK_EQ(rte_eth_dev_callback_register(fp->port, RTE_ETH_EVENT_INTR_LSC, on_lsc_held,
					       &held), 0);
	fake_vu_disconnect(fp->vu);
	wait_calls(&held, 1);
	fp->vu->once = false;
	CHECK_EQ(rte_eth_dev_reset(fp->port), 0);
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	fake_vu_disconnect(fp->vu);
	__atomic_store_n(&held.released, true, __ATOMIC_RELEASE);
	wait_calls(&held, 2);
	while (rte_eth_dev_callback_unregister(fp->port, RTE_ETH_EVENT_INTR_LSC, on_lsc_held,
					       &held) == -EAGAIN)
		usleep(1000);
	fake_port_destroy(fp);
}

/* Closed there, it is closed, and EAL's thread lives to serve the next port. */
static void
closed_from_a_call_back(void)
{
	unsigned int round;

	for (round = 0; round < 2; round++) {
		struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });
		int got = 1;

		/* For all ports: one of a port that is closed cannot be taken back. */
		CHECK_EQ(rte_eth_dev_callback_register(RTE_ETH_ALL, RTE_ETH_EVENT_INTR_LSC,
						       on_lsc_close, &got), 0);
		fake_vu_disconnect(fp->vu);
		CHECK_EQ(wait_for_answer(&got), 0);
		while (rte_eth_dev_callback_unregister(RTE_ETH_ALL, RTE_ETH_EVENT_INTR_LSC,
						       on_lsc_close, &got) == -EAGAIN)
			usleep(1000);
		fake_port_destroy(fp);
	}
}

/* Queue 0 comes later than the port: the ring that stood in for it gives way. */
static void
queue_0_is_set_up_later(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });
	const struct rte_eth_rxconf bad = { .offloads = RTE_ETH_RX_OFFLOAD_MACSEC_STRIP };

	CHECK_EQ(rte_eth_dev_stop(fp->port), 0);
	CHECK_EQ(rte_eth_rx_queue_setup(fp->port, 0, 64, 0, &bad, fp->rx_pool[0]), -EINVAL);
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	forget_numbers(fp);
	CHECK_EQ(fake_port_setup_rx(fp, 0, 64), 0);
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), 0);
	fake_port_check_runs(fp, 0);
	fake_port_check_runs(fp, 1);
	fake_port_destroy(fp);
}

/* A reset of a port whose back-end is there: the same one goes on. */
static void
reset_with_the_back_end_there(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });

	fake_port_check_runs(fp, 0);
	CHECK_EQ(rte_eth_dev_reset(fp->port), 0);
	fake_port_check_in_use(fp->rx_pool[0], 0);
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	fake_port_check_runs(fp, 0);
	fake_port_check_runs(fp, 1);
	CHECK_EQ(fp->vu->connections, 1);
	fake_port_destroy(fp);
}

/* The name of the path says what was agreed on with the back-end that is there. */
static void
burst_mode_is_as_negotiated(void)
{
	const struct fake_port_conf conf = { .server = true, .features = VU_F_IN_ORDER };
	struct fake_port *fp = fake_port_start(&conf);
	struct rte_eth_burst_mode mode;
	unsigned int round;

	for (round = 0; round < 2; round++) {
		CHECK_EQ(rte_eth_tx_burst_mode_get(fp->port, 0, &mode), 0);
		CHECK_EQ(strstr(mode.info, "In-order") != NULL, round == 0);
		if (round > 0)
			break;
		fake_vu_disconnect(fp->vu);
		wait_link(fp, RTE_ETH_LINK_DOWN);
		fp->vu->features &= ~VU_F_IN_ORDER;
		fake_vu_connect_again(fp->vu);
		wait_met_again(fp, 1);
		wait_link(fp, RTE_ETH_LINK_UP);
		forget_numbers(fp);
		fake_port_check_runs(fp, 0);
	}
	fake_port_destroy(fp);
}

TEST_MAIN(
	TEST_WARM_UP(fake_port_warm_up),
	TEST_LAYOUTS(we_are_the_server),
	TEST_LAYOUTS(one_that_fails_makes_way),
	TEST_LAYOUTS(server_without_a_client),
	TEST(server_is_reset_without_a_client),
	TEST_LAYOUTS(stopped_without_a_back_end),
	TEST_LAYOUTS(unfit_back_end_comes_between),
	TEST_LAYOUTS(pool_is_empty_when_one_comes),
	TEST_LAYOUTS(queue_0_is_missing_when_one_comes),
	TEST_LAYOUTS(closed_while_one_comes),
	TEST_LAYOUTS(we_are_the_client),
	TEST_LAYOUTS(reset_with_the_back_end_there),
	TEST_LAYOUTS(reset_from_a_call_back),
	TEST_LAYOUTS(connection_ends_before_the_worker_looks),
	TEST_LAYOUTS(closed_from_a_call_back),
	TEST_LAYOUTS(queue_0_is_set_up_later),
	TEST_LAYOUTS(burst_mode_is_as_negotiated),
)
