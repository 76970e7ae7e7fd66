/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * Frames longer than a buffer and packets of many segments, both ways, by every way there is to put
 * them into a ring: mergeable or not, indirect tables or chains of descriptors; also while queues
 * are stopped and started.
 */

#include <string.h>

#include "loop.h"
#include "packet.h"
#include "test.h"

/* Bit 28: without it packets of several segments are chains. */
#define INDIRECT (UINT64_C(1) << 28)

static void
run(const struct loop_conf *conf)
{
	struct loop *loop = loop_create(conf);
	unsigned int round;

	loop_start(loop);
	loop_traffic(loop, true);
	loop_poll(loop);
	loop_wait_flow(loop, 0, 2000);
	loop_wait_flow(loop, 1, 2000);
	for (round = 0; round < 50; round++) {
		CHECK_EQ(rte_eth_dev_rx_queue_stop(loop->port, 1), 0);
		loop_check_stopped_rx(loop, 1);
		CHECK_EQ(rte_eth_dev_tx_queue_stop(loop->port, 1), 0);
		CHECK_EQ(loop_tx_state(loop, 1), RTE_ETH_QUEUE_STATE_STOPPED);
		loop->queue[1].rx_pool_used ^= 1;
		loop_setup_rx(loop, 1, round % 2 ? 1024 : test_packed() ? 77 : 64);
		loop_setup_tx(loop, 1, round % 2 ? test_packed() ? 77 : 64 : 1024);
		CHECK_EQ(rte_eth_dev_tx_queue_start(loop->port, 1), 0);
		CHECK_EQ(rte_eth_dev_rx_queue_start(loop->port, 1), 0);
		loop_wait_flow(loop, 1, 20);
	}
	loop_wait_flow(loop, 0, 2000);
	loop_check_conservation(loop);
	CHECK_EQ(loop->queue[0].got.missing, 0);
	CHECK_EQ(loop->queue[0].took.missing, 0);
	CHECK_EQ(loop_xstat(loop, "rx_q%u_errors", 0), 0);
	CHECK_EQ(loop_xstat(loop, "tx_q%u_errors", 0), 0);
	CHECK_EQ(loop_xstat(loop, "rx_q%u_broken", 1), 0);
	loop_destroy(loop);
}

static void
long_frames_mergeable_and_indirect(void)
{
	run(&(struct loop_conf){
		.get_base = true, .pairs = 2, .max_len = 9000, .mtu = 9000, .segment = 2000,
		.rx_offloads = RTE_ETH_RX_OFFLOAD_SCATTER,
		.tx_offloads = RTE_ETH_TX_OFFLOAD_MULTI_SEGS,
	});
}

static void
long_frames_mergeable_and_chained(void)
{
	run(&(struct loop_conf){
		.get_base = true, .pairs = 2, .max_len = 9000, .mtu = 9000, .segment = 2000,
		.rx_offloads = RTE_ETH_RX_OFFLOAD_SCATTER,
		.tx_offloads = RTE_ETH_TX_OFFLOAD_MULTI_SEGS, .mask = INDIRECT,
	});
}

static void
long_frames_in_large_buffers(void)
{
	run(&(struct loop_conf){
		.get_base = true, .pairs = 2, .max_len = 9000, .mtu = 9000, .segment = 2000,
		.args = "mrg_rxbuf=0", .rx_room = RTE_PKTMBUF_HEADROOM + 9100,
		.tx_offloads = RTE_ETH_TX_OFFLOAD_MULTI_SEGS,
	});
}

/* More segments than a table has entries for. */
static void
small_segments_indirect(void)
{
	run(&(struct loop_conf){
		.get_base = true, .pairs = 2, .max_len = 1500, .segment = 90,
		.tx_offloads = RTE_ETH_TX_OFFLOAD_MULTI_SEGS,
	});
}

static void
small_segments_chained_by_disable(void)
{
	run(&(struct loop_conf){
		.pairs = 2, .max_len = 1500, .segment = 90, .mask = INDIRECT,
		.tx_offloads = RTE_ETH_TX_OFFLOAD_MULTI_SEGS,
	});
}

/* Buffers of which it takes many: frames of up to 60 of them in a ring that is larger. */
static void
small_buffers(void)
{
	run(&(struct loop_conf){
		.get_base = true, .pairs = 2, .max_len = 4000,
		.rx_offloads = RTE_ETH_RX_OFFLOAD_SCATTER, .mtu = 4000,
		.rx_room = RTE_PKTMBUF_HEADROOM + 80, .segment = 1000,
		.tx_offloads = RTE_ETH_TX_OFFLOAD_MULTI_SEGS,
	});
}

/* Packets that others hold as well: the header must not be written into what they share. */
static void
shared_packets(bool indirect)
{
	const struct loop_conf conf = {
		.get_base = true, .pairs = 1, .mask = indirect ? 0 : INDIRECT,
		.tx_offloads = RTE_ETH_TX_OFFLOAD_MULTI_SEGS,
	};
	struct loop *loop = loop_create(&conf);
	struct loop_queue *lq = &loop->queue[0];
	uint8_t before[RTE_PKTMBUF_HEADROOM];
	struct rte_mbuf *m, *clone;
	unsigned int i;

	loop_start(loop);
	for (i = 0; i < 600; i++) {
		m = rte_pktmbuf_alloc(lq->tx_pool);
		CHECK(m != NULL);
		CHECK(packet_make(m, 0, i, 200, 0));
		memset(m->buf_addr, 0x97, RTE_PKTMBUF_HEADROOM);
		memcpy(before, m->buf_addr, sizeof(before));
		if (i % 2 == 0) {
			clone = rte_pktmbuf_clone(m, lq->tx_pool);
			CHECK(clone != NULL);
		} else {
			clone = m;
			rte_mbuf_refcnt_update(m, 1);
		}
		while (rte_eth_tx_burst(loop->port, 0, &clone, 1) == 0)
			;
		lq->sent.packets++;
		while (__atomic_load_n(&lq->took.packets, __ATOMIC_ACQUIRE) < i + 1)
			CHECK(__atomic_load_n(&lq->took.wrong, __ATOMIC_ACQUIRE) == NULL);
		CHECK(memcmp(before, m->buf_addr, sizeof(before)) == 0);
		rte_pktmbuf_free(m);
	}
	rte_eth_tx_done_cleanup(loop->port, 0, 0);
	loop_wait_in_use(lq->tx_pool, 0);
	loop_check_conservation(loop);
	loop_destroy(loop);
}

static void
shared_packets_indirect(void)
{
	shared_packets(true);
}

static void
shared_packets_chained(void)
{
	shared_packets(false);
}

/* No room in front of the data, an odd address, and more segments than the ring has descriptors. */
static void
odd_packets(void)
{
	const struct loop_conf conf = {
		.get_base = true, .pairs = 1, .tx_offloads = RTE_ETH_TX_OFFLOAD_MULTI_SEGS,
	};
	struct loop *loop = loop_create(&conf);
	struct loop_queue *lq = &loop->queue[0];
	struct rte_mbuf *m;
	unsigned int i;

	loop_start(loop);
	CHECK_EQ(rte_eth_dev_tx_queue_stop(loop->port, 0), 0);
	loop_setup_tx(loop, 0, 32);
	CHECK_EQ(rte_eth_dev_tx_queue_start(loop->port, 0), 0);
	for (i = 0; i < 200; i++) {
		m = rte_pktmbuf_alloc(lq->tx_pool);
		CHECK(m != NULL);
		m->data_off = i % 32;
		CHECK(packet_make(m, 0, i, 100 + i, 0));
		while (rte_eth_tx_burst(loop->port, 0, &m, 1) == 0)
			;
		lq->sent.packets++;
	}
	m = rte_pktmbuf_alloc(lq->tx_pool);
	CHECK(m != NULL);
	CHECK(packet_make(m, 0, 1 << 20, 600, 10));
	CHECK(m->nb_segs > 32);
	CHECK_EQ(rte_eth_tx_burst(loop->port, 0, &m, 1), 1);
	CHECK_EQ(loop_xstat(loop, "tx_q%u_errors", 0), 1);
	CHECK_EQ(loop_xstat(loop, "tx_q%u_good_packets", 0), 200);
	loop_check_conservation(loop);
	loop_destroy(loop);
}

TEST_MAIN(
	TEST_WARM_UP(loop_warm_up),
	TEST_LAYOUTS(long_frames_mergeable_and_indirect),
	TEST_LAYOUTS(long_frames_mergeable_and_chained),
	TEST_LAYOUTS(long_frames_in_large_buffers),
	TEST_LAYOUTS(small_segments_indirect),
	TEST_LAYOUTS(small_segments_chained_by_disable),
	TEST_LAYOUTS(small_buffers),
	TEST_LAYOUTS(shared_packets_indirect),
	TEST_LAYOUTS(shared_packets_chained),
	TEST_LAYOUTS(odd_packets),
)
