/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * Rings are packed when the port asks for it and the back-end offers it, and split else. A packed
 * ring starts at place 0 with both wrap counters 1, whatever was in it before.
 */

#include "fake_port.h"
#include "test.h"

static void
check_all_run(struct fake_port *fp, bool packed)
{
	unsigned int i;

	CHECK_EQ((fp->vu->acked & VU_F_PACKED) != 0, packed);
	for (i = 0; i < 2 * FAKE_PORT_PAIRS; i++) {
		CHECK_EQ(fake_vu_ring(fp->vu, i)->packed, packed);
		/* 2.8.1 in the words of the protocol: two places, bits 15 and 31 the counters. */
		CHECK_EQ(fp->vu->ring[i].base, packed ? 0x80008000u : 0);
	}
	/* Some laps. */
	for (i = 0; i < 3 * FAKE_PORT_SIZE + 5; i++) {
		fake_port_check_runs(fp, 0);
		fake_port_check_runs(fp, 1);
	}
}

static void
asked_for_and_offered(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });

	CHECK_EQ(test_logged("does not offer packed rings"), 0);
	check_all_run(fp, test_packed());
	fake_port_destroy(fp);
}

static void
asked_for_and_not_offered(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ .withhold_packed = true });
	struct rte_eth_rxq_info info;

	CHECK_EQ(test_logged("the back-end does not offer packed rings"), test_packed());
	check_all_run(fp, false);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
	/* A split ring's sizes count then. */
	CHECK_EQ(fake_port_setup_rx(fp, 0, 33), 0);
	CHECK_EQ(rte_eth_rx_queue_info_get(fp->port, 0, &info), 0);
	CHECK_EQ(info.nb_desc, 32);
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), 0);
	fake_port_check_runs(fp, 0);
	fake_port_destroy(fp);
}

static void
offered_and_not_asked_for(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ .features = VU_F_PACKED });

	check_all_run(fp, false);
	fake_port_destroy(fp);
}

/* What a back-end leaves behind, in descriptors and its area, does not outlive a stop. */
static void
nothing_stale_after_a_restart(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });
	unsigned int round, r;

	for (round = 0; round < 5; round++) {
		CHECK_EQ(fake_port_send(fp, 0, 7), 7);
		for (r = 0; r < 2; r++) {
			struct ring_device *rd = fake_vu_ring(fp->vu, r);

			if (rd->packed)
				ring_device_poison(rd->pack.size, true, rd->pack.desc,
						   rd->pack.device_event);
			else
				ring_device_poison(rd->split.size, false, rd->split.desc,
						   rd->split.used);
		}
		CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
		CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, 0), 0);
		fake_port_check_in_use(fp->rx_pool[0], 0);
		fake_port_check_in_use(fp->tx_pool[0], 0);
		fp->took[0] = fp->tx_next[0];
		CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), 0);
		CHECK_EQ(rte_eth_dev_tx_queue_start(fp->port, 0), 0);
		check_all_run(fp, test_packed());
	}
	fake_port_destroy(fp);
}

/* Used is said of all that is there, and of more: no more than there is comes back. */
static void
everything_looks_used(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });
	struct ring_device *rd = fake_vu_ring(fp->vu, 1);
	unsigned int i;

	CHECK_EQ(fake_port_send(fp, 0, 5), 5);
	CHECK_EQ(fake_port_take(fp, 0, false), 5);
	for (i = 0; i < FAKE_PORT_SIZE; i++)
		ring_device_use_raw(rd, i, 0);
	CHECK_EQ(rte_eth_tx_done_cleanup(fp->port, 0, 0), 5);
	CHECK_EQ(rte_eth_tx_done_cleanup(fp->port, 0, 0), 0);
	fake_port_check_in_use(fp->tx_pool[0], 0);
	CHECK_EQ(fake_port_xstat(fp, "tx_q0_broken"), 0);
	CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, 0), 0);
	CHECK_EQ(rte_eth_dev_tx_queue_start(fp->port, 0), 0);
	fake_port_check_runs(fp, 0);
	fake_port_destroy(fp);
}

TEST_MAIN(
	TEST_WARM_UP(fake_port_warm_up),
	TEST_LAYOUTS(asked_for_and_offered),
	TEST_LAYOUTS(asked_for_and_not_offered),
	TEST(offered_and_not_asked_for),
	TEST_LAYOUTS(nothing_stale_after_a_restart),
	TEST_PACKED(everything_looks_used),
)
