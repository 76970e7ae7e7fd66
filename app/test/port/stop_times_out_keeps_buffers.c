/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * A stop of a queue that the back-end does not confirm in time: nothing is freed, the queue stays
 * started in ethdev's eyes with bursts that return 0, the others go on, and a later stop, or one of
 * the port, finishes the job. A burst that another thread is inside of is waited for before the
 * back-end is asked at all.
 */

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_bus_vdev.h>
#include <rte_common.h>

#include "fake_port.h"
#include "test.h"

/* Long enough for a back-end that answers, on a busy machine as well; several are waited for. */
static const struct fake_port_conf hasty = { .timeout_ms = 500 };

static void
check_rx_is_stuck(struct fake_port *fp)
{
	struct ring_device *rd = &fp->vu->ring[0].rd;
	struct device_chain chain;

	CHECK_EQ(fake_port_rx_state(fp, 0), RTE_ETH_QUEUE_STATE_STARTED);
	fake_port_check_in_use(fp->rx_pool[0], FAKE_PORT_SIZE);
	CHECK_EQ(fake_port_receive(fp, 0), 0);
	/* The device still writes, into memory that is still its own. */
	CHECK(ring_device_take(rd, &chain));
	memset(chain.part[0].at, 0x5a, chain.part[0].len);
	ring_device_use(rd, chain.head, 100);
	CHECK_EQ(fake_port_receive(fp, 0), 0);
	fake_port_check_in_use(fp->rx_pool[0], FAKE_PORT_SIZE);
	CHECK_EQ(fake_port_setup_rx(fp, 0, FAKE_PORT_SIZE), -EBUSY);
	CHECK_EQ(rte_eth_rx_queue_count(fp->port, 0), 0);
	fake_port_check_runs(fp, 1);
}

static void
receive(const char *method, uint32_t held)
{
	struct fake_port_conf conf = hasty;
	struct fake_port *fp;

	char line[80];

	conf.method = method;
	fp = fake_port_start(&conf);
	fake_vu_rule(fp->vu, held, 0, 1, VU_HOLD);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), -ETIMEDOUT);
	/* In the terms of the application. */
	snprintf(line, sizeof(line), "port %u: rx queue 0: the device did not confirm the stop",
		 fp->port);
	CHECK_EQ(test_logged(line), 1);
	fake_vu_wait_held(fp->vu);
	check_rx_is_stuck(fp);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), -ETIMEDOUT);
	check_rx_is_stuck(fp);
	CHECK_EQ(fake_port_xstat(fp, "rx_q0_resets"), 0);
	fake_vu_release(fp->vu);
	fake_vu_wait_quiet(fp->vu);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
	CHECK_EQ(fake_port_rx_state(fp, 0), RTE_ETH_QUEUE_STATE_STOPPED);
	fake_port_check_in_use(fp->rx_pool[0], 0);
	CHECK_EQ(fake_port_xstat(fp, "rx_q0_resets"), 1);
	/* The two that the device wrote while it was stuck. */
	CHECK_EQ(fake_port_xstat(fp, "rx_q0_reset_dropped"), 2);
	CHECK_EQ(fake_port_setup_rx(fp, 0, 2 * FAKE_PORT_SIZE), 0);
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), 0);
	fake_port_check_runs(fp, 0);
	fake_port_destroy(fp);
}

static void
receive_by_get_base(void)
{
	receive("get_base", VU_GET_VRING_BASE);
}

static void
receive_by_disable(void)
{
	receive("disable", VU_SET_VRING_ENABLE);
}

static void
transmit(void)
{
	struct fake_port *fp = fake_port_start(&hasty);

	CHECK_EQ(fake_port_send(fp, 0, 20), 20);
	CHECK_EQ(fake_port_take(fp, 0, false), 20);
	fake_vu_rule(fp->vu, VU_GET_VRING_BASE, 0, 1, VU_HOLD);
	CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, 0), -ETIMEDOUT);
	fake_vu_wait_held(fp->vu);
	CHECK_EQ(fake_port_tx_state(fp, 0), RTE_ETH_QUEUE_STATE_STARTED);
	fake_port_check_in_use(fp->tx_pool[0], 20);
	CHECK_EQ(fake_port_send(fp, 0, 5), 0);
	CHECK_EQ(rte_eth_tx_done_cleanup(fp->port, 0, 0), 0);
	fake_port_check_in_use(fp->tx_pool[0], 20);
	CHECK_EQ(fake_port_setup_tx(fp, 0, FAKE_PORT_SIZE), -EBUSY);
	fake_port_check_runs(fp, 1);
	fake_vu_release(fp->vu);
	CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, 0), 0);
	fake_port_check_in_use(fp->tx_pool[0], 0);
	CHECK_EQ(fake_port_xstat(fp, "tx_q0_reset_dropped"), 20);
	CHECK_EQ(fake_port_setup_tx(fp, 0, 2 * FAKE_PORT_SIZE), 0);
	CHECK_EQ(rte_eth_dev_tx_queue_start(fp->port, 0), 0);
	fake_port_check_runs(fp, 0);
	fake_port_destroy(fp);
}

static void
stop_is_refused(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });

	fake_vu_rule(fp->vu, VU_SET_VRING_ENABLE, 0, 1, VU_REFUSE);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), -EIO);
	CHECK_EQ(fake_port_rx_state(fp, 0), RTE_ETH_QUEUE_STATE_STARTED);
	fake_port_check_in_use(fp->rx_pool[0], FAKE_PORT_SIZE);
	CHECK_EQ(fake_port_receive(fp, 0), 0);
	fake_port_check_runs(fp, 1);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
	fake_port_check_in_use(fp->rx_pool[0], 0);
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), 0);
	fake_port_check_runs(fp, 0);
	fake_port_destroy(fp);
}

static void
start_is_refused(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });
	unsigned int i;

	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
	CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, 0), 0);
	for (i = 0; i < 3; i++) {
		fake_vu_rule(fp->vu, VU_SET_VRING_KICK, 0, 1, VU_REFUSE);
		CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), -EIO);
		CHECK_EQ(fake_port_rx_state(fp, 0), RTE_ETH_QUEUE_STATE_STOPPED);
		fake_port_check_in_use(fp->rx_pool[0], 0);
		fake_vu_rule(fp->vu, VU_SET_VRING_ENABLE, 0, 1, VU_REFUSE);
		CHECK_EQ(rte_eth_dev_tx_queue_start(fp->port, 0), -EIO);
		CHECK_EQ(fake_port_tx_state(fp, 0), RTE_ETH_QUEUE_STATE_STOPPED);
		CHECK_EQ(fake_port_receive(fp, 0), 0);
		CHECK_EQ(fake_port_send(fp, 0, 1), 0);
		fake_port_check_runs(fp, 1);
	}
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), 0);
	CHECK_EQ(rte_eth_dev_tx_queue_start(fp->port, 0), 0);
	fake_port_check_runs(fp, 0);
	fake_port_destroy(fp);
}

/* The port's stop is no error, but its queues tell what it has come to. */
static void
port_stop_times_out(void)
{
	struct fake_port *fp = fake_port_start(&hasty);

	fake_vu_rule(fp->vu, VU_GET_VRING_BASE, 0, 1, VU_HOLD);
	CHECK_EQ(rte_eth_dev_stop(fp->port), 0);
	CHECK_EQ(test_logged("reset is not confirmed"), 1);
	fake_vu_wait_held(fp->vu);
	CHECK_EQ(fake_port_rx_state(fp, 0), RTE_ETH_QUEUE_STATE_STARTED);
	CHECK_EQ(fake_port_rx_state(fp, 1), RTE_ETH_QUEUE_STATE_STARTED);
	fake_port_check_in_use(fp->rx_pool[0], FAKE_PORT_SIZE);
	fake_port_check_in_use(fp->rx_pool[1], FAKE_PORT_SIZE);
	CHECK_EQ(fake_port_setup_rx(fp, 0, FAKE_PORT_SIZE), -EBUSY);
	CHECK_EQ(rte_eth_dev_start(fp->port), -ETIMEDOUT);
	fake_port_check_in_use(fp->rx_pool[0], FAKE_PORT_SIZE);
	fake_vu_release(fp->vu);
	fake_vu_wait_quiet(fp->vu);
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	fake_port_check_in_use(fp->rx_pool[0], FAKE_PORT_SIZE);
	fake_port_check_runs(fp, 0);
	fake_port_check_runs(fp, 1);
	fake_port_destroy(fp);
}

/*
 * The application goes on with fewer queues before the proof is there: the buffers of those that it
 * has no more come back as well, at the next start, or at the end.
 */
static void
queue_is_released_before_the_proof(bool start_again)
{
	const struct rte_eth_conf conf = { 0 };
	struct fake_port *fp = fake_port_start(&hasty);

	CHECK_EQ(fake_port_send(fp, 1, 10), 10);
	fake_vu_rule(fp->vu, VU_GET_VRING_BASE, 0, 1, VU_HOLD);
	CHECK_EQ(rte_eth_dev_stop(fp->port), 0);
	fake_vu_wait_held(fp->vu);
	CHECK_EQ(rte_eth_dev_configure(fp->port, 1, 1, &conf), 0);
	fake_port_check_in_use(fp->rx_pool[1], FAKE_PORT_SIZE);
	fake_port_check_in_use(fp->tx_pool[1], 10);
	fake_vu_release(fp->vu);
	fake_vu_wait_quiet(fp->vu);
	if (start_again) {
		CHECK_EQ(rte_eth_dev_start(fp->port), 0);
		fake_port_check_in_use(fp->rx_pool[1], 0);
		fake_port_check_in_use(fp->tx_pool[1], 0);
		fake_port_check_runs(fp, 0);
	}
	fake_port_destroy(fp);
}

static void
queue_is_released_and_the_port_starts(void)
{
	queue_is_released_before_the_proof(true);
}

static void
queue_is_released_and_the_port_closes(void)
{
	queue_is_released_before_the_proof(false);
}

/* Proven by a reset of the port, after the application had released the queue: nothing is lost. */
static void
queue_is_released_and_the_port_reset(void)
{
	struct fake_port *fp = fake_port_start(&hasty);
	const struct rte_eth_conf eth = { 0 };
	uint16_t q;

	CHECK_EQ(fake_port_send(fp, 1, 20), 20);
	fake_vu_rule(fp->vu, VU_GET_VRING_BASE, 0, 1, VU_HOLD);
	CHECK_EQ(rte_eth_dev_stop(fp->port), 0);
	fake_vu_wait_held(fp->vu);
	CHECK_EQ(rte_eth_dev_configure(fp->port, 1, 1, &eth), 0);
	fake_port_check_in_use(fp->rx_pool[1], FAKE_PORT_SIZE);
	fake_vu_release(fp->vu);
	fake_vu_wait_quiet(fp->vu);
	CHECK_EQ(rte_eth_dev_reset(fp->port), 0);
	CHECK_EQ(rte_eth_dev_configure(fp->port, 2, 2, &eth), 0);
	for (q = 0; q < 2; q++) {
		CHECK_EQ(fake_port_setup_rx(fp, q, FAKE_PORT_SIZE), 0);
		CHECK_EQ(fake_port_setup_tx(fp, q, FAKE_PORT_SIZE), 0);
		fake_port_check_in_use(fp->rx_pool[q], 0);
		fake_port_check_in_use(fp->tx_pool[q], 0);
	}
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	fp->took[1] = fp->tx_next[1];
	fake_port_check_runs(fp, 0);
	fake_port_check_runs(fp, 1);
	fake_port_destroy(fp);
}

static void
port_stop_finishes_a_queue_stop(void)
{
	struct fake_port *fp = fake_port_start(&hasty);

	fake_vu_rule(fp->vu, VU_GET_VRING_BASE, 0, 1, VU_HOLD);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), -ETIMEDOUT);
	fake_vu_wait_held(fp->vu);
	fake_vu_release(fp->vu);
	fake_vu_wait_quiet(fp->vu);
	CHECK_EQ(rte_eth_dev_stop(fp->port), 0);
	CHECK_EQ(fake_port_rx_state(fp, 0), RTE_ETH_QUEUE_STATE_STOPPED);
	fake_port_check_in_use(fp->rx_pool[0], 0);
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	fake_port_check_runs(fp, 0);
	fake_port_destroy(fp);
}

static void
back_end_goes_while_a_stop_is_under_way(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });

	fp->vu->once = true;
	fake_vu_rule(fp->vu, VU_GET_VRING_BASE, 0, 1, VU_CLOSE);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
	CHECK_EQ(fake_port_rx_state(fp, 0), RTE_ETH_QUEUE_STATE_STOPPED);
	fake_port_check_in_use(fp->rx_pool[0], 0);
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), -ENODEV);
	fake_port_check_in_use(fp->rx_pool[0], 0);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 1), 0);
	CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, 1), 0);
	fake_port_check_in_use(fp->rx_pool[1], 0);
	fake_port_destroy(fp);
}

/* A back-end that never answers but reads: it sees us leave, closes, and all is given back. */
static void
close_stops_what_a_stop_could_not(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ .timeout_ms = 500 });

	fp->vu->once = true;
	fake_vu_rule(fp->vu, 0, 0, UINT32_MAX, VU_SILENT);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), -ETIMEDOUT);
	CHECK_EQ(rte_vdev_uninit(fp->name), 0);
	fp->open = false;
	fake_port_check_in_use(fp->rx_pool[0], 0);
	fake_port_destroy(fp);
}

/* One that does not even read: what it may still write into stays, for good. */
static void
close_leaves_what_nobody_lets_go_of(void)
{
	struct fake_port *fp = fake_port_start(&hasty);

	fake_vu_rule(fp->vu, VU_GET_VRING_BASE, 0, 1, VU_HOLD);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), -ETIMEDOUT);
	fake_vu_wait_held(fp->vu);
	CHECK_EQ(rte_vdev_uninit(fp->name), 0);
	CHECK_EQ(test_logged("memory and 64 buffers are not freed"), 2);
	fake_port_check_in_use(fp->rx_pool[0], FAKE_PORT_SIZE);
	fake_port_check_in_use(fp->rx_pool[1], FAKE_PORT_SIZE);
	fake_vu_destroy(fp->vu);
	free(fp);
}

/* ---- a burst under way ---------------------------------------------------------------------- */

/*
 * The array that a burst writes its packets to is a page that is not there: the fault handler holds
 * the thread in the midst of the burst until the test lets it go.
 */
static struct rte_mbuf **page;
static size_t page_size;
static bool caught;
static bool let_go;
static unsigned int burst;

static void
on_fault(int signal __rte_unused)
{
	__atomic_store_n(&caught, true, __ATOMIC_SEQ_CST);
	while (!__atomic_load_n(&let_go, __ATOMIC_SEQ_CST))
		usleep(100);
	mprotect(page, page_size, PROT_READ | PROT_WRITE);
}

static void *
burst_once(void *arg)
{
	struct fake_port *fp = arg;

	burst = rte_eth_rx_burst(fp->port, 0, page, 8);
	return NULL;
}

static void *
stop_rx_0(void *arg)
{
	struct fake_port *fp = arg;

	return (void *)(intptr_t)rte_eth_dev_rx_queue_stop(fp->port, 0);
}

static pthread_t
begin_burst(struct fake_port *fp)
{
	pthread_t thread;

	page_size = sysconf(_SC_PAGESIZE);
	page = mmap(NULL, page_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(page != MAP_FAILED);
	caught = false;
	let_go = false;
	CHECK_EQ(pthread_create(&thread, NULL, burst_once, fp), 0);
	while (!__atomic_load_n(&caught, __ATOMIC_SEQ_CST))
		sched_yield();
	return thread;
}

static void
end_burst(struct fake_port *fp, pthread_t thread)
{
	unsigned int i;

	__atomic_store_n(&let_go, true, __ATOMIC_SEQ_CST);
	pthread_join(thread, NULL);
	/* It has got what it was about to get. */
	CHECK_EQ(burst, 3);
	for (i = 0; i < burst; i++)
		rte_pktmbuf_free(page[i]);
	fp->got[0] += burst;
	munmap(page, page_size);
}

static void
burst_under_way(bool in_time)
{
	const struct sigaction act = { .sa_handler = on_fault };
	struct fake_port *fp = fake_port_start(in_time ? &(struct fake_port_conf){ 0 } : &hasty);
	struct sigaction before;
	pthread_t poller, stopper;
	unsigned int i;
	void *ret;

	sigaction(SIGSEGV, &act, &before);
	for (i = 0; i < 3; i++)
		fake_port_write(fp, 0, 100);
	poller = begin_burst(fp);
	fake_vu_forget_record(fp->vu);
	CHECK_EQ(pthread_create(&stopper, NULL, stop_rx_0, fp), 0);
	if (in_time) {
		/* Time for the stop to go wrong in. */
		usleep(50000);
	} else {
		pthread_join(stopper, &ret);
		CHECK_EQ((intptr_t)ret, -ETIMEDOUT);
		CHECK_EQ(test_logged("did not leave its burst"), 1);
		CHECK_EQ(fake_port_rx_state(fp, 0), RTE_ETH_QUEUE_STATE_STARTED);
		fake_port_check_in_use(fp->rx_pool[0], FAKE_PORT_SIZE);
	}
	/* The back-end was not asked. */
	CHECK(strcmp(fake_vu_recorded(fp->vu), "") == 0);
	end_burst(fp, poller);
	if (in_time)
		pthread_join(stopper, &ret);
	else
		ret = stop_rx_0(fp);
	CHECK_EQ((intptr_t)ret, 0);
	CHECK_EQ(fake_port_rx_state(fp, 0), RTE_ETH_QUEUE_STATE_STOPPED);
	fake_port_check_in_use(fp->rx_pool[0], 0);
	CHECK_EQ(fake_port_xstat(fp, "rx_q0_good_packets"), 3);
	CHECK_EQ(fake_port_xstat(fp, "rx_q0_reset_dropped"), 0);
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), 0);
	fake_port_check_runs(fp, 0);
	sigaction(SIGSEGV, &before, NULL);
	fake_port_destroy(fp);
}

static void
burst_that_ends_is_waited_for(void)
{
	burst_under_way(true);
}

static void
burst_that_does_not_end(void)
{
	burst_under_way(false);
}

TEST_MAIN(
	TEST_WARM_UP(fake_port_warm_up),
	TEST_LAYOUTS(receive_by_get_base),
	TEST_LAYOUTS(receive_by_disable),
	TEST_LAYOUTS(transmit),
	TEST_LAYOUTS(stop_is_refused),
	TEST_LAYOUTS(start_is_refused),
	TEST_LAYOUTS(port_stop_times_out),
	TEST_LAYOUTS(queue_is_released_and_the_port_starts),
	TEST_LAYOUTS(queue_is_released_and_the_port_closes),
	TEST_LAYOUTS(queue_is_released_and_the_port_reset),
	TEST_LAYOUTS(port_stop_finishes_a_queue_stop),
	TEST_LAYOUTS(back_end_goes_while_a_stop_is_under_way),
	TEST_LAYOUTS(close_stops_what_a_stop_could_not),
	TEST_LAYOUTS(burst_that_ends_is_waited_for),
	TEST_LAYOUTS(burst_that_does_not_end),
	TEST_LEAVES(close_leaves_what_nobody_lets_go_of),
)
