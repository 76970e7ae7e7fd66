/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * EAL's memory grows and shrinks while a port runs. The back-end receives the new table and nothing
 * else: rings that run are not disturbed, rings that are stopped stay stopped, and buffers in the
 * new memory are of use at once.
 */

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include <rte_malloc.h>

#include "fake_port.h"
#include "test.h"

#define MUCH (100 << 20)

static struct fake_port *
up(const char *method, unsigned int slots)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){
		.method = method, .mem_slots = slots,
	});

	fake_port_check_runs(fp, 0);
	fake_port_check_runs(fp, 1);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 1), 0);
	CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, 0), 0);
	fake_vu_forget_record(fp->vu);
	return fp;
}

/* Tables, and nothing else. */
static void
check_only_tables_were_sent(struct fake_port *fp)
{
	CHECK_EQ(fp->vu->nb_record, fake_vu_count(fp->vu, VU_SET_MEM_TABLE));
	CHECK(!fake_vu_is_enabled(fp->vu, 1));
	CHECK(!fake_vu_is_enabled(fp->vu, 2));
	CHECK_EQ(fake_port_rx_state(fp, 1), RTE_ETH_QUEUE_STATE_STOPPED);
	CHECK_EQ(fake_port_tx_state(fp, 0), RTE_ETH_QUEUE_STATE_STOPPED);
	fake_port_check_in_use(fp->rx_pool[1], 0);
	CHECK_EQ(fake_port_send(fp, 0, 1), 0);
	/* Those that run, run. */
	fake_port_write(fp, 0, 100);
	CHECK_EQ(fake_port_receive(fp, 0), 1);
	CHECK_EQ(fake_port_send(fp, 1, 1), 1);
	CHECK_EQ(fake_port_take(fp, 1, true), 1);
	fake_vu_forget_record(fp->vu);
}

/* What is written at one end is read at the other, in every page. */
static void
check_back_end_sees(struct fake_port *fp, uint8_t *at, size_t size, uint8_t mark)
{
	size_t i;

	fake_vu_wait_quiet(fp->vu);
	for (i = 0; i < size; i += 4096) {
		const uint8_t *there = fake_vu_map(fp->vu, (uintptr_t)at + i, 1);

		CHECK(there != NULL);
		at[i] = mark;
		CHECK_EQ(*there, mark);
	}
}

static void
grows_and_shrinks(const char *method, unsigned int slots)
{
	struct fake_port *fp = up(method, slots);
	unsigned int round;
	uintptr_t at;
	void *much;

	for (round = 0; round < 5; round++) {
		much = rte_malloc(NULL, MUCH, 0);
		CHECK(much != NULL);
		at = (uintptr_t)much;
		check_back_end_sees(fp, much, MUCH, round);
		check_only_tables_were_sent(fp);
		rte_free(much);
		/* What has gone is not the back-end's to map any more. */
		CHECK_EQ(fake_vu_count(fp->vu, VU_SET_MEM_TABLE), 1);
		fake_vu_wait_quiet(fp->vu);
		CHECK(fake_vu_map(fp->vu, at + MUCH / 2, 1) == NULL);
		check_only_tables_were_sent(fp);
	}
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 1), 0);
	CHECK_EQ(rte_eth_dev_tx_queue_start(fp->port, 0), 0);
	fake_port_check_runs(fp, 0);
	fake_port_check_runs(fp, 1);
	fake_port_destroy(fp);
}

static void
with_get_base(void)
{
	grows_and_shrinks("get_base", 0);
}

static void
with_disable(void)
{
	grows_and_shrinks("disable", 0);
}

/* A file that grows is not removed and added, as rings in it run; nor is it two regions. */
static void
with_slots(void)
{
	grows_and_shrinks("get_base", 32);
}

/* Ring and buffers of a queue both in memory that was not there when the port started. */
static void
queue_moves_into_new_memory(void)
{
	struct fake_port *fp = up("get_base", 0);
	struct rte_mempool *old = fp->rx_pool[1];
	void *much, *fill[64];
	unsigned int i;

	/* What is there already is taken first. */
	for (i = 0; i < RTE_DIM(fill); i++)
		fill[i] = rte_malloc(NULL, 1 << 20, 0);
	fp->rx_pool[1] = rte_pktmbuf_pool_create("new", 20000, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
						 SOCKET_ID_ANY);
	CHECK(fp->rx_pool[1] != NULL);
	much = rte_malloc(NULL, MUCH, 0);
	CHECK(much != NULL);
	check_back_end_sees(fp, much, MUCH, 0x11);
	check_only_tables_were_sent(fp);
	CHECK_EQ(fake_port_setup_rx(fp, 1, 1024), 0);
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 1), 0);
	for (i = 0; i < 2000; i++) {
		fake_port_write(fp, 1, 100 + i % 1000);
		CHECK_EQ(fake_port_receive(fp, 1), 1);
	}
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 1), 0);
	fake_port_check_in_use(fp->rx_pool[1], 0);
	rte_free(much);
	for (i = 0; i < RTE_DIM(fill); i++)
		rte_free(fill[i]);
	rte_mempool_free(old);
	fake_port_destroy(fp);
}

static void *
grow_and_shrink(void *arg)
{
	const bool *ending = arg;
	void *much;

	do {
		much = rte_malloc(NULL, MUCH, 0);
		if (much == NULL)
			return NULL;
		rte_free(much);
		/* EAL's lock of its memory is not fair: without a rest, others may never get it. */
		usleep(1000);
	} while (!__atomic_load_n(ending, __ATOMIC_RELAXED));
	return arg;
}

/* Another thread's memory events and a queue's stops and starts each go through, whole. */
static void
queue_is_reset_meanwhile(void)
{
	struct fake_port *fp = up("get_base", 0);
	bool ending = false;
	unsigned int round;
	pthread_t thread;
	void *last;

	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 1), 0);
	CHECK_EQ(pthread_create(&thread, NULL, grow_and_shrink, &ending), 0);
	for (round = 0; round < 10; round++) {
		CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 1), 0);
		fake_port_check_in_use(fp->rx_pool[1], 0);
		CHECK_EQ(fake_port_setup_rx(fp, 1, round % 2 ? 64 : 128), 0);
		CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 1), 0);
		fake_vu_forget_record(fp->vu);
	}
	__atomic_store_n(&ending, true, __ATOMIC_RELAXED);
	pthread_join(thread, &last);
	CHECK(last != NULL);
	fake_vu_wait_quiet(fp->vu);
	CHECK_EQ(rte_eth_dev_tx_queue_start(fp->port, 0), 0);
	fake_port_check_runs(fp, 0);
	fake_port_check_runs(fp, 1);
	fake_port_destroy(fp);
}

TEST_MAIN_HUGEPAGES(
	TEST_WARM_UP(fake_port_warm_up),
	TEST(with_get_base),
	TEST(with_disable),
	TEST(with_slots),
	TEST(queue_moves_into_new_memory),
	TEST(queue_is_reset_meanwhile),
)
