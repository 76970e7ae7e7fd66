/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * A packet of so many segments that it takes a chain of descriptors leaves its ring as fast as it
 * was: once the device has used the chain, the plain path goes on. Nothing is lost or sent twice
 * over that, and descriptor status counts the descriptors of chains.
 */

#include <ethdev_driver.h>

#include "fake_port.h"
#include "packet.h"
#include "test.h"
#include "virtio_queue.h"

/* One more than a table holds. */
#define SEGMENTS (VIRTIO_TX_TABLE + 1)

static const uint64_t kinds[] = { 0, VU_F_INDIRECT, VU_F_IN_ORDER, VU_F_IN_ORDER | VU_F_INDIRECT };

static const struct virtqueue *
ring_of(const struct fake_port *fp)
{
	const struct virtio_txq *txq = rte_eth_devices[fp->port].data->tx_queues[0];

	return txq->q.vq;
}

static void
send_chain(struct fake_port *fp)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(fp->tx_pool[0]);

	CHECK(m != NULL);
	CHECK(packet_make(m, 0, fp->tx_next[0]++, 100 * SEGMENTS, 100));
	CHECK_EQ(m->nb_segs, SEGMENTS);
	CHECK_EQ(rte_eth_tx_burst(fp->port, 0, &m, 1), 1);
}

static void
send_plain(struct fake_port *fp, unsigned int n)
{
	CHECK_EQ(fake_port_send(fp, 0, n), n);
	CHECK_EQ(fake_port_take(fp, 0, true), n);
	CHECK_EQ(rte_eth_tx_done_cleanup(fp->port, 0, 0), n);
	fake_port_check_in_use(fp->tx_pool[0], 0);
}

/* `n` packets behind a chain; the device uses all. */
static void
send_plain_behind(struct fake_port *fp, unsigned int n)
{
	CHECK_EQ(fake_port_send(fp, 0, n), n);
	CHECK_EQ(fake_port_take(fp, 0, true), n + 1);
	CHECK_EQ(rte_eth_tx_done_cleanup(fp->port, 0, 0), n + 1);
	fake_port_check_in_use(fp->tx_pool[0], 0);
}

/* From any place of the ring, and with a chain that goes over its end. */
static void
plain_path_goes_on(void)
{
	unsigned int k, round;

	for (k = 0; k < RTE_DIM(kinds); k++) {
		struct fake_port *fp = fake_port_start(&(struct fake_port_conf){
			.features = kinds[k],
		});

		for (round = 1; round < 3 * FAKE_PORT_SIZE; round++) {
			send_plain(fp, 1 + round % 40);
			send_chain(fp);
			CHECK_EQ(ring_of(fp)->chains, 1);
			send_plain_behind(fp, round % 5);
			CHECK_EQ(ring_of(fp)->chains, 0);
			CHECK(ring_of(fp)->is_identity);
		}
		fake_port_destroy(fp);
	}
}

/* No application asks for completions: a burst that wants room takes them. */
static void
by_bursts_alone(void)
{
	unsigned int k, round, sent;

	for (k = 0; k < RTE_DIM(kinds); k++) {
		struct fake_port *fp = fake_port_start(&(struct fake_port_conf){
			.features = kinds[k],
		});

		for (round = 0; round < 10; round++) {
			send_chain(fp);
			CHECK_EQ(fake_port_take(fp, 0, true), 1);
			for (sent = 0; ring_of(fp)->chains > 0; sent += 8) {
				CHECK(sent < 2 * FAKE_PORT_SIZE);
				CHECK_EQ(fake_port_send(fp, 0, 8), 8);
				CHECK_EQ(fake_port_take(fp, 0, true), 8);
			}
			CHECK(ring_of(fp)->is_identity);
		}
		fake_port_destroy(fp);
	}
}

/* The device has used all. The rest of it is counted, too, when a chain comes in between. */
static void
room_for_a_burst_and_no_more(void)
{
	const unsigned int thresh = FAKE_PORT_SIZE / 4;
	unsigned int k, n;

	for (k = 0; k < RTE_DIM(kinds); k++) {
		for (n = 1; n < FAKE_PORT_SIZE - SEGMENTS; n += 8) {
			struct fake_port *fp = fake_port_start(&(struct fake_port_conf){
				.features = kinds[k],
			});

			CHECK_EQ(fake_port_send(fp, 0, FAKE_PORT_SIZE), FAKE_PORT_SIZE);
			CHECK_EQ(fake_port_take(fp, 0, true), FAKE_PORT_SIZE);
			CHECK_EQ(fake_port_send(fp, 0, n), n);
			fake_port_check_in_use(fp->tx_pool[0],
					       FAKE_PORT_SIZE + n - RTE_MAX(n, thresh));
			send_chain(fp);
			CHECK_EQ(ring_of(fp)->chains, 1);
			CHECK_EQ(fake_port_take(fp, 0, true), n + 1);
			CHECK(rte_eth_tx_done_cleanup(fp->port, 0, 0) > 0);
			fake_port_check_in_use(fp->tx_pool[0], 0);
			fake_port_destroy(fp);
		}
	}
}

/* Stopped with a chain in flight, and after it. */
static void
stops_in_between(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });
	unsigned int i;

	for (i = 0; i < 30; i++) {
		send_chain(fp);
		CHECK_EQ(fake_port_send(fp, 0, 3), 3);
		if (i % 2 == 0) {
			CHECK_EQ(fake_port_take(fp, 0, true), 4);
			CHECK_EQ(rte_eth_tx_done_cleanup(fp->port, 0, 0), 4);
			send_plain(fp, 7);
			CHECK_EQ(fake_port_send(fp, 0, 5), 5);
		}
		CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, 0), 0);
		fake_port_check_in_use(fp->tx_pool[0], 0);
		fp->took[0] = fp->tx_next[0];
		CHECK_EQ(rte_eth_dev_tx_queue_start(fp->port, 0), 0);
	}
	fake_port_destroy(fp);
}

static void
check_done(struct fake_port *fp, uint16_t descs)
{
	uint16_t i;

	for (i = 0; i < FAKE_PORT_SIZE; i++)
		CHECK_EQ(rte_eth_tx_descriptor_status(fp->port, 0, i),
			 i < descs ? RTE_ETH_TX_DESC_DONE : RTE_ETH_TX_DESC_FULL);
}

/* What a chain takes counts as so many descriptors, also before anybody has taken it back. */
static void
status_counts_descriptors(void)
{
	unsigned int k, i;

	for (k = 0; k < 4; k += 2) {
		struct fake_port *fp = fake_port_start(&(struct fake_port_conf){
			.features = kinds[k],
		});

		for (i = 0; i < 20; i++) {
			send_chain(fp);
			CHECK_EQ(fake_port_send(fp, 0, 2), 2);
			check_done(fp, FAKE_PORT_SIZE - SEGMENTS - 2);
			CHECK_EQ(fake_port_take(fp, 0, true), 3);
			check_done(fp, FAKE_PORT_SIZE);
			send_chain(fp);
			check_done(fp, FAKE_PORT_SIZE - SEGMENTS);
			CHECK_EQ(fake_port_take(fp, 0, true), 1);
			CHECK_EQ(rte_eth_tx_done_cleanup(fp->port, 0, 0), 4);
			check_done(fp, FAKE_PORT_SIZE);
		}
		fake_port_destroy(fp);
	}
}

/* An index that cannot be is no count. */
static void
status_is_not_moved_by_a_lie(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });

	CHECK_EQ(fake_port_send(fp, 0, 20), 20);
	split_device_set_used_idx(&fake_vu_ring(fp->vu, 1)->split, UINT16_MAX);
	check_done(fp, FAKE_PORT_SIZE - 20);
	CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, 0), 0);
	fp->took[0] = fp->tx_next[0];
	CHECK_EQ(rte_eth_dev_tx_queue_start(fp->port, 0), 0);
	fake_port_check_runs(fp, 0);
	fake_port_destroy(fp);
}

TEST_MAIN(
	TEST_WARM_UP(fake_port_warm_up),
	TEST_LAYOUTS(plain_path_goes_on),
	TEST_LAYOUTS(by_bursts_alone),
	TEST_LAYOUTS(room_for_a_burst_and_no_more),
	TEST_LAYOUTS(stops_in_between),
	TEST_LAYOUTS(status_counts_descriptors),
	TEST(status_is_not_moved_by_a_lie),
)
