/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * Where packets come one by one, bursts that bring none refill a packed ring, so that no packet
 * waits for the refill of many descriptors. Where they come fast, and in a split ring, the ring is
 * refilled from its threshold on.
 */

#include "fake_port.h"
#include "test.h"

#define LINE 4

/* A quarter of the ring, as nothing else was asked for. */
#define THRESH (FAKE_PORT_SIZE / 4)

static void
receive(struct fake_port *fp, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		fake_port_write(fp, 0, 100);
	CHECK_EQ(fake_port_receive(fp, 0), n);
}

static void
receive_one_by_one(struct fake_port *fp, unsigned int n)
{
	while (n-- > 0)
		receive(fp, 1);
}

/* After a burst that brings nothing the device has this many buffers. */
static void
check_idle(struct fake_port *fp, unsigned int buffers)
{
	CHECK_EQ(fake_port_receive(fp, 0), 0);
	fake_port_check_in_use(fp->rx_pool[0], buffers);
}

static void
one_by_one(uint64_t features)
{
	const struct fake_port_conf conf = { .features = features };
	struct fake_port *fp = fake_port_start(&conf);
	const unsigned int least = test_packed() ? LINE : THRESH;
	unsigned int round;

	for (round = 0; round < 3 * FAKE_PORT_SIZE; round++) {
		receive_one_by_one(fp, least - 1);
		check_idle(fp, FAKE_PORT_SIZE - least + 1);
		if (test_packed()) {
			receive(fp, 1);
			fake_port_check_in_use(fp->rx_pool[0], FAKE_PORT_SIZE - least);
			check_idle(fp, FAKE_PORT_SIZE);
		} else {
			/* With its threshold reached, the burst itself. */
			receive(fp, 1);
			fake_port_check_in_use(fp->rx_pool[0], FAKE_PORT_SIZE);
		}
	}
	fake_port_destroy(fp);
}

static void
one_by_one_mergeable(void)
{
	one_by_one(VU_F_MRG_RXBUF);
}

static void
one_by_one_single(void)
{
	one_by_one(0);
}

static void
fast(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });

	receive(fp, THRESH - 1);
	check_idle(fp, FAKE_PORT_SIZE - THRESH + 1);
	receive(fp, 1);
	fake_port_check_in_use(fp->rx_pool[0], FAKE_PORT_SIZE);
	receive(fp, LINE);
	check_idle(fp, FAKE_PORT_SIZE - LINE);
	fake_port_destroy(fp);
}

static unsigned int
hold_all(struct rte_mempool *pool, struct rte_mbuf **held)
{
	unsigned int n = 0;

	while ((held[n] = rte_pktmbuf_alloc(pool)) != NULL)
		n++;
	return n;
}

static uint64_t
lacking(const struct fake_port *fp)
{
	struct rte_eth_stats stats;

	CHECK_EQ(rte_eth_stats_get(fp->port, &stats), 0);
	return stats.rx_nombuf;
}

/* A lack of buffers is counted, and sent packets are taken back for it, from the threshold on. */
static void
pool_that_is_empty_for_a_while(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });
	struct rte_mbuf *held[FAKE_PORT_BUFFERS + 1];
	unsigned int n = hold_all(fp->rx_pool[0], held);

	receive_one_by_one(fp, LINE);
	n += hold_all(fp->rx_pool[0], held + n);
	check_idle(fp, FAKE_PORT_BUFFERS);
	CHECK_EQ(lacking(fp), 0);
	receive_one_by_one(fp, THRESH - LINE - 1);
	n += hold_all(fp->rx_pool[0], held + n);
	check_idle(fp, FAKE_PORT_BUFFERS);
	CHECK_EQ(lacking(fp), 0);
	receive_one_by_one(fp, 1);
	n += hold_all(fp->rx_pool[0], held + n);
	check_idle(fp, FAKE_PORT_BUFFERS);
	CHECK(lacking(fp) > 0);
	rte_pktmbuf_free_bulk(held, n);
	check_idle(fp, FAKE_PORT_SIZE);
	fake_port_check_runs(fp, 0);
	fake_port_destroy(fp);
}

TEST_MAIN(
	TEST_WARM_UP(fake_port_warm_up),
	TEST_LAYOUTS(one_by_one_mergeable),
	TEST_LAYOUTS(one_by_one_single),
	TEST_LAYOUTS(fast),
	TEST_LAYOUTS(pool_that_is_empty_for_a_while),
)
