/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * One thread never stops bursting on all queues, both ways. The other stops a queue, gives it
 * another ring and another pool, and starts it; hundreds of times. Every packet is accounted for,
 * by content and number; every buffer is back when a queue is stopped; and the queues that are left
 * alone lose nothing.
 */

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "loop.h"
#include "test.h"

#define ROUNDS 300

/* Of a packed ring any will do. */
static const uint16_t sizes[][4] = { { 32, 64, 256, 1024 }, { 33, 100, 500, 1024 } };

static uint32_t
mixed(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

static void
reset_rx(struct loop *loop, uint16_t q, uint16_t size)
{
	struct loop_queue *lq = &loop->queue[q];
	struct rte_eth_rxq_info info;

	CHECK_EQ(rte_eth_dev_rx_queue_stop(loop->port, q), 0);
	loop_check_stopped_rx(loop, q);
	lq->rx_pool_used ^= 1;
	loop_setup_rx(loop, q, size);
	CHECK_EQ(loop_rx_state(loop, q), RTE_ETH_QUEUE_STATE_STOPPED);
	CHECK_EQ(rte_eth_rx_queue_info_get(loop->port, q, &info), 0);
	CHECK_EQ(info.nb_desc, size);
	CHECK(info.mp == lq->rx_pool[lq->rx_pool_used]);
	CHECK_EQ(rte_eth_dev_rx_queue_start(loop->port, q), 0);
	CHECK_EQ(loop_rx_state(loop, q), RTE_ETH_QUEUE_STATE_STARTED);
}

static void
reset_tx(struct loop *loop, uint16_t q, uint16_t size)
{
	struct rte_eth_txq_info info;

	CHECK_EQ(rte_eth_dev_tx_queue_stop(loop->port, q), 0);
	loop_check_stopped_tx(loop, q);
	loop_setup_tx(loop, q, size);
	CHECK_EQ(loop_tx_state(loop, q), RTE_ETH_QUEUE_STATE_STOPPED);
	CHECK_EQ(rte_eth_tx_queue_info_get(loop->port, q, &info), 0);
	CHECK_EQ(info.nb_desc, size);
	CHECK_EQ(rte_eth_dev_tx_queue_start(loop->port, q), 0);
	CHECK_EQ(loop_tx_state(loop, q), RTE_ETH_QUEUE_STATE_STARTED);
}

static bool asking;

/* A third thread asks all that may be asked of queues that come and go. */
static void *
ask(void *arg)
{
	struct loop *loop = arg;
	struct rte_eth_stats stats;
	uint16_t q;

	while (__atomic_load_n(&asking, __ATOMIC_RELAXED)) {
		for (q = 0; q < LOOP_PAIRS; q++) {
			if (rte_eth_rx_queue_count(loop->port, q) > 1024 ||
			    rte_eth_rx_descriptor_status(loop->port, q, 5) < 0 ||
			    rte_eth_tx_descriptor_status(loop->port, q, 5) < 0)
				return "a query has failed";
		}
		if (rte_eth_stats_get(loop->port, &stats) != 0)
			return "the counters have failed";
		usleep(100);
	}
	return NULL;
}

/* Queue 0 is left alone. */
static void
check_untouched(struct loop *loop)
{
	struct loop_queue *lq = &loop->queue[0];

	CHECK_EQ(lq->took.missing, 0);
	CHECK_EQ(lq->got.missing, 0);
	CHECK_EQ(lq->sent.packets, lq->took.packets);
	CHECK_EQ(lq->wrote.packets, lq->got.packets);
	CHECK_EQ(loop_xstat(loop, "rx_q%u_reset_dropped", 0), 0);
	CHECK_EQ(loop_xstat(loop, "tx_q%u_reset_dropped", 0), 0);
	CHECK_EQ(loop_xstat(loop, "rx_q%u_resets", 0), 0);
}

static void
resets(bool get_base)
{
	const struct loop_conf conf = { .get_base = get_base };
	struct loop *loop = loop_create(&conf);
	uint64_t resets_rx = 0;
	uint64_t resets_tx = 0;
	uint32_t random = get_base;
	unsigned int round;
	pthread_t asker;
	void *wrong;
	uint16_t q;

	loop_start(loop);
	CHECK_EQ(test_logged(get_base ? "are stopped by: get_base" : "are stopped by: disable"), 1);
	loop_traffic(loop, true);
	loop_poll(loop);
	for (q = 0; q < LOOP_PAIRS; q++)
		loop_wait_flow(loop, q, 100);
	asking = true;
	CHECK_EQ(pthread_create(&asker, NULL, ask, loop), 0);
	for (round = 0; round < ROUNDS; round++) {
		const uint16_t size = sizes[test_packed()][mixed(&random) % RTE_DIM(sizes[0])];
		const unsigned int which = mixed(&random) % 3;

		q = 1 + mixed(&random) % (LOOP_PAIRS - 1);
		if (which != 1)
			reset_rx(loop, q, size);
		if (which != 0)
			reset_tx(loop, q, size);
		/* It serves again, now and then looked at; the others never ceased to. */
		if (round % 10 == 0)
			loop_wait_flow(loop, q, 50);
		if (round % 10 == 5)
			loop_wait_flow(loop, 0, 50);
	}
	for (q = 0; q < LOOP_PAIRS; q++)
		loop_wait_flow(loop, q, 100);
	__atomic_store_n(&asking, false, __ATOMIC_RELAXED);
	pthread_join(asker, &wrong);
	if (wrong != NULL)
		test_fail(__FILE__, __LINE__, "%s", (char *)wrong);
	loop_check_conservation(loop);
	check_untouched(loop);
	for (q = 0; q < LOOP_PAIRS; q++) {
		resets_rx += loop_xstat(loop, "rx_q%u_resets", q);
		resets_tx += loop_xstat(loop, "tx_q%u_resets", q);
		CHECK_EQ(loop_xstat(loop, "rx_q%u_good_packets", q), loop->queue[q].got.packets);
		CHECK_EQ(loop_xstat(loop, "tx_q%u_good_packets", q), loop->queue[q].sent.packets);
		CHECK_EQ(loop_xstat(loop, "rx_q%u_broken", q), 0);
	}
	CHECK(resets_rx > 0 && resets_tx > 0 && resets_rx + resets_tx >= ROUNDS);
	loop_destroy(loop);
}

static void
under_traffic_by_get_base(void)
{
	resets(true);
}

static void
under_traffic_by_disable(void)
{
	resets(false);
}

/* Old kernels, and some sandboxes, have no membarrier(2): this process neither, from here on. */
static void
under_traffic_without_membarrier(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_membarrier, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = RTE_DIM(filter), .filter = filter };

	CHECK_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	if (syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC,
		    &program) != 0)
		test_skip("no seccomp filter can be set here");
	CHECK_EQ(syscall(__NR_membarrier, 0, 0, 0), -1);
	resets(true);
	CHECK_EQ(test_logged("the kernel has no membarrier(2)"), 1);
}

/* The pool counted after each of a thousand stops. */
static void
thousand_rounds(bool get_base)
{
	const struct loop_conf conf = { .get_base = get_base, .pairs = 2 };
	struct loop *loop = loop_create(&conf);
	unsigned int round;

	loop_start(loop);
	loop_traffic(loop, true);
	loop_poll(loop);
	loop_wait_flow(loop, 1, 100);
	for (round = 0; round < 1000; round++) {
		CHECK_EQ(rte_eth_dev_rx_queue_stop(loop->port, 1), 0);
		loop_check_stopped_rx(loop, 1);
		CHECK_EQ(rte_eth_dev_tx_queue_stop(loop->port, 1), 0);
		loop_check_stopped_tx(loop, 1);
		CHECK_EQ(rte_eth_dev_tx_queue_start(loop->port, 1), 0);
		CHECK_EQ(rte_eth_dev_rx_queue_start(loop->port, 1), 0);
	}
	CHECK_EQ(loop_xstat(loop, "rx_q%u_resets", 1), 1000);
	CHECK_EQ(loop_xstat(loop, "tx_q%u_resets", 1), 1000);
	CHECK(loop_xstat(loop, "rx_q%u_reset_ns", 1) > 0);
	loop_wait_flow(loop, 1, 100);
	loop_check_conservation(loop);
	check_untouched(loop);
	loop_destroy(loop);
}

static void
thousand_rounds_by_get_base(void)
{
	thousand_rounds(true);
}

static void
thousand_rounds_by_disable(void)
{
	thousand_rounds(false);
}

/* What is stopped carries nothing, and only that. */
static void
stopped_queues_carry_nothing(void)
{
	const struct loop_conf conf = { .get_base = true };
	struct loop *loop = loop_create(&conf);
	uint64_t got, took;

	loop_start(loop);
	loop_traffic(loop, true);
	loop_poll(loop);
	loop_wait_flow(loop, 2, 100);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(loop->port, 2), 0);
	loop_check_stopped_rx(loop, 2);
	/* The thread that polls counts after its burst, when the stop may be through already. */
	loop_wait_flow(loop, 0, 1000);
	got = loop->queue[2].got.packets;
	loop_wait_tx(loop, 2, 1000);
	loop_wait_flow(loop, 0, 1000);
	CHECK_EQ(loop->queue[2].got.packets, got);

	CHECK_EQ(rte_eth_dev_tx_queue_stop(loop->port, 2), 0);
	loop_check_stopped_tx(loop, 2);
	CHECK_EQ(rte_eth_dev_rx_queue_start(loop->port, 2), 0);
	/* So does the back-end's. */
	loop_wait_flow(loop, 0, 1000);
	took = loop->queue[2].took.packets;
	loop_wait_rx(loop, 2, 1000);
	loop_wait_flow(loop, 0, 1000);
	CHECK_EQ(loop->queue[2].took.packets, took);

	CHECK_EQ(rte_eth_dev_tx_queue_start(loop->port, 2), 0);
	loop_wait_flow(loop, 2, 1000);
	loop_check_conservation(loop);
	loop_destroy(loop);
}

TEST_MAIN(
	TEST_WARM_UP(loop_warm_up),
	TEST_LAYOUTS(stopped_queues_carry_nothing),
	TEST_LAYOUTS(under_traffic_by_get_base),
	TEST_LAYOUTS(under_traffic_by_disable),
	TEST_LAYOUTS(thousand_rounds_by_get_base),
	TEST_LAYOUTS(thousand_rounds_by_disable),
	TEST(under_traffic_without_membarrier),
)
