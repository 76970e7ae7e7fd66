/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * An application may say that all packets of a queue are simple and of one pool (MBUF_FAST_FREE),
 * and then swap the pool: packets of two are in one ring. Each buffer goes back to the pool that it
 * is from, once, with the promise kept or not.
 */

#include <string.h>

#include "fake_port.h"
#include "packet.h"
#include "test.h"

static struct fake_port *
port(uint64_t per_port)
{
	return fake_port_start(&(struct fake_port_conf){
		.features = VU_F_INDIRECT, .tx_offloads = per_port,
	});
}

/* Of either pool by the bits of a number. */
static void
send_by_bits(struct fake_port *fp, unsigned int bits, unsigned int n)
{
	struct rte_mbuf *m[32];
	unsigned int i;

	for (i = 0; i < n; i++) {
		m[i] = rte_pktmbuf_alloc(fp->tx_pool[bits >> i & 1]);
		CHECK(m[i] != NULL);
		CHECK(packet_make(m[i], 0, fp->tx_next[0]++, 64 + i, 0));
	}
	CHECK_EQ(rte_eth_tx_burst(fp->port, 0, m, n), n);
}

static void
two_pools_in_one_ring(uint64_t per_port)
{
	struct fake_port *fp = port(per_port);
	unsigned int round;

	for (round = 0; round < 2000; round++) {
		/* By a number that goes through all patterns of runs. */
		const unsigned int bits = round * 2654435761u;
		const unsigned int n = 1 + round % 31;

		send_by_bits(fp, bits, n);
		CHECK_EQ(fake_port_take(fp, 0, true), n);
		if (round % 3 != 0)
			continue;
		CHECK(rte_eth_tx_done_cleanup(fp->port, 0, 0) >= 0);
		fake_port_check_in_use(fp->tx_pool[0], 0);
		fake_port_check_in_use(fp->tx_pool[1], 0);
	}
	fake_port_destroy(fp);
}

static void
two_pools_as_promised_by_the_port(void)
{
	two_pools_in_one_ring(RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE);
}

static void
two_pools_with_no_promise(void)
{
	two_pools_in_one_ring(0);
}

/* The promise is a queue's: by its set-up on a running port, the other queue has none. */
static void
pool_is_swapped(void)
{
	const struct rte_eth_txconf fast = { .offloads = RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE };
	struct fake_port *fp = port(0);
	struct rte_eth_txq_info info;
	unsigned int round;

	CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, 0), 0);
	CHECK_EQ(rte_eth_tx_queue_setup(fp->port, 0, FAKE_PORT_SIZE, SOCKET_ID_ANY, &fast), 0);
	CHECK_EQ(rte_eth_dev_tx_queue_start(fp->port, 0), 0);
	CHECK_EQ(rte_eth_tx_queue_info_get(fp->port, 0, &info), 0);
	CHECK_EQ(info.conf.offloads, RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE);
	for (round = 0; round < 50; round++) {
		/* The old pool's are still in the ring when the new one's come. */
		send_by_bits(fp, 0, 20);
		send_by_bits(fp, UINT32_MAX, 20);
		CHECK_EQ(fake_port_take(fp, 0, round % 2), 40);
		if (round % 2) {
			CHECK_EQ(rte_eth_tx_done_cleanup(fp->port, 0, 0), 40);
		} else {
			/* Never sent: taken back by the stop. */
			CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, 0), 0);
			fp->took[0] = fp->tx_next[0];
			CHECK_EQ(rte_eth_dev_tx_queue_start(fp->port, 0), 0);
		}
		fake_port_check_in_use(fp->tx_pool[0], 0);
		fake_port_check_in_use(fp->tx_pool[1], 0);
	}
	fake_port_destroy(fp);
}

/* Whatever was promised: what others hold is not given away, and no segment is lost. */
static void
promise_is_broken(void)
{
	struct fake_port *fp = port(RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE);
	unsigned int round;

	for (round = 0; round < 200; round++) {
		struct rte_mbuf *held = rte_pktmbuf_alloc(fp->tx_pool[0]);
		struct rte_mbuf *cloned = rte_pktmbuf_alloc(fp->tx_pool[1]);
		struct rte_mbuf *m[5];

		CHECK(held != NULL && cloned != NULL);
		CHECK(packet_make(held, 0, fp->tx_next[0] + 1, 100, 0));
		CHECK(packet_make(cloned, 0, fp->tx_next[0] + 3, 100, 0));
		m[0] = rte_pktmbuf_alloc(fp->tx_pool[0]);
		m[1] = held;
		m[2] = rte_pktmbuf_alloc(fp->tx_pool[1]);
		m[3] = rte_pktmbuf_clone(cloned, fp->tx_pool[0]);
		m[4] = rte_pktmbuf_alloc(fp->tx_pool[1]);
		CHECK(m[0] != NULL && m[2] != NULL && m[3] != NULL && m[4] != NULL);
		CHECK(packet_make(m[0], 0, fp->tx_next[0], 100, 0));
		CHECK(packet_make(m[2], 0, fp->tx_next[0] + 2, 900, 300));
		CHECK(packet_make(m[4], 0, fp->tx_next[0] + 4, 100, 0));
		rte_mbuf_refcnt_update(held, 1);
		CHECK_EQ(rte_eth_tx_burst(fp->port, 0, m, 5), 5);
		fp->tx_next[0] += 5;
		CHECK_EQ(fake_port_take(fp, 0, true), 5);
		CHECK_EQ(rte_eth_tx_done_cleanup(fp->port, 0, 0), 5);
		fake_port_check_in_use(fp->tx_pool[0], 1);
		fake_port_check_in_use(fp->tx_pool[1], 1);
		CHECK_EQ(rte_mbuf_refcnt_read(held), 1);
		CHECK_EQ(rte_mbuf_refcnt_read(cloned), 1);
		rte_pktmbuf_free(held);
		rte_pktmbuf_free(cloned);
	}
	fake_port_destroy(fp);
}

/* ---- in any order ------------------------------------------------------------------------- */

#define MAX_HELD 40

/* What the device has taken and not used. */
struct held {
	uint16_t head[MAX_HELD];
	unsigned int segments[MAX_HELD];
	unsigned int n;
};

static unsigned int
number_below(unsigned int limit)
{
	static uint32_t state = 1;

	state = state * 1664525 + 1013904223;
	return (state >> 8) % limit;
}

/* Packets of either pool, of one segment or of three. */
static void
send_some(struct fake_port *fp, unsigned int *segments, unsigned int n)
{
	struct rte_mbuf *m[8];
	unsigned int i, sent;

	for (i = 0; i < n; i++) {
		const bool is_long = number_below(3) == 0;

		m[i] = rte_pktmbuf_alloc(fp->tx_pool[number_below(2)]);
		CHECK(m[i] != NULL);
		CHECK(packet_make(m[i], 0, fp->tx_next[0] + i, is_long ? 900 : 64 + i,
				  is_long ? 300 : 0));
		segments[i] = m[i]->nb_segs;
	}
	sent = rte_eth_tx_burst(fp->port, 0, m, n);
	fp->tx_next[0] += sent;
	rte_pktmbuf_free_bulk(m + sent, n - sent);
}

static void
take_some(struct fake_port *fp, const unsigned int *segments, struct held *held)
{
	struct ring_device *rd = fake_vu_ring(fp->vu, 1);
	struct device_chain chain;
	unsigned int i;

	for (i = 0; ring_device_take(rd, &chain); i++) {
		CHECK(held->n < MAX_HELD);
		held->segments[held->n] = segments[i];
		held->head[held->n++] = chain.head;
	}
	CHECK_EQ(strlen(ring_device_breach(rd)), 0);
}

static void
use_any(struct fake_port *fp, struct held *held)
{
	const unsigned int at = number_below(held->n);

	ring_device_use(fake_vu_ring(fp->vu, 1), held->head[at], 0);
	held->n--;
	held->head[at] = held->head[held->n];
	held->segments[at] = held->segments[held->n];
}

/* The device has these yet: none of them is free. */
static void
check_held(const struct fake_port *fp, const struct held *held)
{
	const unsigned int in_use = rte_mempool_in_use_count(fp->tx_pool[0]) +
				    rte_mempool_in_use_count(fp->tx_pool[1]);
	unsigned int segments = 0;
	unsigned int i;

	for (i = 0; i < held->n; i++)
		segments += held->segments[i];
	CHECK(in_use >= segments);
}

static void
all_come_back(struct fake_port *fp, struct held *held, bool by_stop)
{
	if (by_stop) {
		CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, 0), 0);
		held->n = 0;
	}
	while (held->n > 0)
		use_any(fp, held);
	CHECK(rte_eth_tx_done_cleanup(fp->port, 0, 0) >= 0);
	fake_port_check_in_use(fp->tx_pool[0], 0);
	fake_port_check_in_use(fp->tx_pool[1], 0);
	if (by_stop)
		CHECK_EQ(rte_eth_dev_tx_queue_start(fp->port, 0), 0);
}

static void
used_in_any_order(uint64_t features, uint64_t offloads)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){
		.features = features, .tx_offloads = offloads,
	});
	struct held held = { .n = 0 };
	unsigned int round, n;

	for (round = 1; round <= 3000; round++) {
		unsigned int segments[8];

		if (held.n < 6)
			send_some(fp, segments, 1 + number_below(8));
		take_some(fp, segments, &held);
		for (n = number_below(held.n + 1); n > 0; n--)
			use_any(fp, &held);
		CHECK(rte_eth_tx_done_cleanup(fp->port, 0, number_below(4)) >= 0);
		check_held(fp, &held);
		if (round % 50 == 0)
			all_come_back(fp, &held, round % 150 == 0);
	}
	fake_port_destroy(fp);
}

static void
used_in_any_order_with_tables(void)
{
	used_in_any_order(VU_F_INDIRECT, RTE_ETH_TX_OFFLOAD_MULTI_SEGS);
}

static void
used_in_any_order_with_chains(void)
{
	used_in_any_order(0, RTE_ETH_TX_OFFLOAD_MULTI_SEGS);
}

TEST_MAIN(
	TEST_WARM_UP(fake_port_warm_up),
	TEST_LAYOUTS(two_pools_as_promised_by_the_port),
	TEST_LAYOUTS(two_pools_with_no_promise),
	TEST_LAYOUTS(pool_is_swapped),
	TEST_LAYOUTS(promise_is_broken),
	TEST_LAYOUTS(used_in_any_order_with_tables),
	TEST_LAYOUTS(used_in_any_order_with_chains),
)
