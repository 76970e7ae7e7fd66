/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * What an application can read of a queue, and what the back-end is sent about it: fill level,
 * descriptor states, completions, counters, doorbells.
 */

#include <string.h>
#include <unistd.h>

#include <rte_vect.h>

#include "fake_port.h"
#include "packet.h"
#include "test.h"

static const uint64_t rings[] = { 0, VU_F_EVENT_IDX, VU_F_MRG_RXBUF };

static void
receive_queue(void)
{
	unsigned int i, n;

	for (i = 0; i < RTE_DIM(rings); i++) {
		struct fake_port *fp =
			fake_port_start(&(struct fake_port_conf){ .features = rings[i] });

		for (n = 0; n <= 5; n++) {
			CHECK_EQ(rte_eth_rx_queue_count(fp->port, 0), n);
			CHECK_EQ(rte_eth_rx_descriptor_status(fp->port, 0, 0),
				 n > 0 ? RTE_ETH_RX_DESC_DONE : RTE_ETH_RX_DESC_AVAIL);
			CHECK_EQ(rte_eth_rx_descriptor_status(fp->port, 0, n),
				 RTE_ETH_RX_DESC_AVAIL);
			fake_port_write(fp, 0, 100);
		}
		CHECK_EQ(rte_eth_rx_descriptor_status(fp->port, 0, 5), RTE_ETH_RX_DESC_DONE);
		CHECK_EQ(rte_eth_rx_descriptor_status(fp->port, 0, 6), RTE_ETH_RX_DESC_AVAIL);
		CHECK_EQ(rte_eth_rx_descriptor_status(fp->port, 0, FAKE_PORT_SIZE - 1),
			 RTE_ETH_RX_DESC_AVAIL);
		CHECK_EQ(rte_eth_rx_descriptor_status(fp->port, 0, FAKE_PORT_SIZE), -EINVAL);
		CHECK_EQ(fake_port_receive(fp, 0), 6);
		CHECK_EQ(rte_eth_rx_queue_count(fp->port, 0), 0);
		/* Not refilled yet: so many at the end are the driver's. */
		CHECK_EQ(rte_eth_rx_descriptor_status(fp->port, 0, FAKE_PORT_SIZE - 7),
			 RTE_ETH_RX_DESC_AVAIL);
		CHECK_EQ(rte_eth_rx_descriptor_status(fp->port, 0, FAKE_PORT_SIZE - 6),
			 RTE_ETH_RX_DESC_UNAVAIL);
		CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
		CHECK_EQ(rte_eth_rx_queue_count(fp->port, 0), 0);
		CHECK_EQ(rte_eth_rx_descriptor_status(fp->port, 0, 0), RTE_ETH_RX_DESC_UNAVAIL);
		fake_port_destroy(fp);
	}
}

static void
transmit_queue(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });

	CHECK_EQ(rte_eth_tx_descriptor_status(fp->port, 0, 0), RTE_ETH_TX_DESC_DONE);
	CHECK_EQ(rte_eth_tx_descriptor_status(fp->port, 0, FAKE_PORT_SIZE - 1),
		 RTE_ETH_TX_DESC_DONE);
	CHECK_EQ(rte_eth_tx_descriptor_status(fp->port, 0, FAKE_PORT_SIZE), -EINVAL);
	CHECK_EQ(fake_port_send(fp, 0, 10), 10);
	CHECK_EQ(rte_eth_tx_descriptor_status(fp->port, 0, 0), RTE_ETH_TX_DESC_DONE);
	CHECK_EQ(rte_eth_tx_descriptor_status(fp->port, 0, FAKE_PORT_SIZE - 11),
		 RTE_ETH_TX_DESC_DONE);
	CHECK_EQ(rte_eth_tx_descriptor_status(fp->port, 0, FAKE_PORT_SIZE - 10),
		 RTE_ETH_TX_DESC_FULL);
	CHECK_EQ(fake_port_take(fp, 0, true), 10);
	CHECK_EQ(rte_eth_tx_descriptor_status(fp->port, 0, FAKE_PORT_SIZE - 10),
		 RTE_ETH_TX_DESC_DONE);
	CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, 0), 0);
	CHECK_EQ(rte_eth_tx_descriptor_status(fp->port, 0, 0), RTE_ETH_TX_DESC_UNAVAIL);
	fake_port_destroy(fp);
}

/* An idle queue gives back what the device has sent, all of it or so many. */
static void
cleanup_gives_back_what_was_sent(void)
{
	static const uint64_t kinds[] = { 0, VU_F_INDIRECT };
	unsigned int i;

	for (i = 0; i < RTE_DIM(kinds); i++) {
		struct fake_port *fp =
			fake_port_start(&(struct fake_port_conf){ .features = kinds[i] });

		CHECK_EQ(rte_eth_tx_done_cleanup(fp->port, 0, 0), 0);
		CHECK_EQ(fake_port_send(fp, 0, 20), 20);
		CHECK_EQ(rte_eth_tx_done_cleanup(fp->port, 0, 0), 0);
		fake_port_check_in_use(fp->tx_pool[0], 20);
		CHECK_EQ(fake_port_take(fp, 0, true), 20);
		fake_port_check_in_use(fp->tx_pool[0], 20);
		CHECK_EQ(rte_eth_tx_done_cleanup(fp->port, 0, 5), 5);
		fake_port_check_in_use(fp->tx_pool[0], 15);
		CHECK_EQ(rte_eth_tx_done_cleanup(fp->port, 0, 0), 15);
		fake_port_check_in_use(fp->tx_pool[0], 0);
		CHECK_EQ(rte_eth_tx_done_cleanup(fp->port, 0, 0), 0);
		fake_port_check_runs(fp, 0);
		fake_port_destroy(fp);
	}
}

/* Packets of several pools in one queue, one segment and more: each goes back where it is from. */
static void
packets_go_back_to_their_own_pools(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });
	struct rte_mempool *pools[3] = { fp->tx_pool[0], fp->tx_pool[1], fp->rx_pool[1] };
	struct rte_mbuf *m[60];
	unsigned int round, i;

	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 1), 0);
	for (round = 0; round < 5; round++) {
		for (i = 0; i < RTE_DIM(m); i++) {
			m[i] = rte_pktmbuf_alloc(pools[i * (i + round) % 3]);
			CHECK(m[i] != NULL);
			/* The first chain makes a split ring take each packet by itself. */
			CHECK(packet_make(m[i], 0, fp->tx_next[0] + i, 60 + i,
					  round >= 3 && i % 17 == 0 ? 50 : 0));
		}
		i = rte_eth_tx_burst(fp->port, 0, m, RTE_DIM(m));
		CHECK(i > 0);
		fp->tx_next[0] += i;
		rte_pktmbuf_free_bulk(m + i, RTE_DIM(m) - i);
		CHECK_EQ(fake_port_take(fp, 0, true), i);
		CHECK_EQ(rte_eth_tx_done_cleanup(fp->port, 0, 0), i);
		for (i = 0; i < RTE_DIM(pools); i++)
			fake_port_check_in_use(pools[i], 0);
	}
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 1), 0);
	fake_port_destroy(fp);
}

/* A full ring takes no more, and what it took is what the device gets. */
static void
full_transmit_ring(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });
	unsigned int round;

	for (round = 0; round < 5; round++) {
		CHECK_EQ(fake_port_send(fp, 0, FAKE_PORT_SIZE + 10), FAKE_PORT_SIZE);
		CHECK_EQ(fake_port_send(fp, 0, 1), 0);
		CHECK_EQ(rte_eth_tx_descriptor_status(fp->port, 0, 0), RTE_ETH_TX_DESC_FULL);
		CHECK_EQ(fake_port_take(fp, 0, true), FAKE_PORT_SIZE);
	}
	CHECK_EQ(fake_port_xstat(fp, "tx_q0_good_packets"), 5 * FAKE_PORT_SIZE);
	fake_port_destroy(fp);
}

static void
full_receive_ring(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });
	unsigned int round, i;

	for (round = 0; round < 5; round++) {
		for (i = 0; i < FAKE_PORT_SIZE; i++)
			fake_port_write(fp, 0, 60 + i);
		CHECK(!ring_device_waiting(fake_vu_ring(fp->vu, 0)));
		CHECK_EQ(rte_eth_rx_queue_count(fp->port, 0), FAKE_PORT_SIZE);
		CHECK_EQ(fake_port_receive(fp, 0), FAKE_PORT_SIZE);
	}
	CHECK_EQ(fake_port_xstat(fp, "rx_q0_good_packets"), 5 * FAKE_PORT_SIZE);
	fake_port_destroy(fp);
}

/* One frame a burst, from a ring with many. */
static void
bursts_of_one(void)
{
	static const uint64_t kinds[] = { 0, VU_F_MRG_RXBUF };
	unsigned int k, i;

	for (k = 0; k < RTE_DIM(kinds); k++) {
		struct fake_port *fp =
			fake_port_start(&(struct fake_port_conf){ .features = kinds[k] });

		for (i = 0; i < 40; i++)
			fake_port_write(fp, 0, 100);
		for (i = 0; i < 200; i++) {
			struct rte_mbuf *m;
			const char *why;

			CHECK_EQ(rte_eth_rx_burst(fp->port, 0, &m, 0), 0);
			CHECK_EQ(rte_eth_rx_burst(fp->port, 0, &m, 1), 1);
			CHECK_EQ(packet_check(m, 0, &why), fp->got[0]++);
			rte_pktmbuf_free(m);
			fake_port_write(fp, 0, 100);
			CHECK_EQ(rte_eth_rx_queue_count(fp->port, 0), 40);
			CHECK_EQ(fake_port_send(fp, 0, 1), 1);
			CHECK_EQ(fake_port_take(fp, 0, true), 1);
		}
		CHECK_EQ(fake_port_receive(fp, 0), 40);
		fake_port_destroy(fp);
	}
}

/* From the smallest to the largest ring and back, on a running port, both ways. */
static void
rings_of_every_size(void)
{
	struct fake_port *fp =
		fake_port_start(&(struct fake_port_conf){ .features = VU_F_INDIRECT });
	struct rte_mempool *small = fp->rx_pool[0];
	uint32_t size;
	unsigned int i;

	/* More than the largest holds: no sent packet has to be taken back for an empty pool. */
	fp->rx_pool[0] = rte_pktmbuf_pool_create("large", 32768 + FAKE_PORT_SIZE, 0, 0,
						 RTE_PKTMBUF_HEADROOM + 1600, SOCKET_ID_ANY);
	CHECK(fp->rx_pool[0] != NULL);
	for (size = 32; size <= 32768; size *= 2) {
		/* Of a packed ring all but the largest are odd. */
		const uint32_t odd = test_packed() && size < 32768;

		CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
		CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, 0), 0);
		CHECK_EQ(fake_port_setup_rx(fp, 0, size + odd), 0);
		CHECK_EQ(fake_port_setup_tx(fp, 0, 32768 / size * 32 - odd), 0);
		CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), 0);
		CHECK_EQ(rte_eth_dev_tx_queue_start(fp->port, 0), 0);
		fake_port_check_in_use(fp->rx_pool[0], size + odd);
		for (i = 0; i < 100; i++)
			fake_port_check_runs(fp, 0);
	}
	CHECK(rte_eth_dev_rx_queue_stop(fp->port, 0) == 0);
	CHECK_EQ(fake_port_setup_rx(fp, 0, 16), -EINVAL);
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), 0);
	fake_port_check_runs(fp, 0);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
	fake_port_check_in_use(fp->rx_pool[0], 0);
	rte_mempool_free(fp->rx_pool[0]);
	fp->rx_pool[0] = small;
	CHECK_EQ(fake_port_setup_rx(fp, 0, FAKE_PORT_SIZE), 0);
	fake_port_destroy(fp);
}

/* Counters go on over a restart, by size and by address, and add up. */
static void
counters(void)
{
	static const struct {
		uint32_t len;
		const char *name;
	} bins[] = {
		{ 60, "rx_q0_undersize_packets" }, { 63, "rx_q0_undersize_packets" },
		{ 64, "rx_q0_size_64_packets" }, { 65, "rx_q0_size_65_127_packets" },
		{ 127, "rx_q0_size_65_127_packets" }, { 128, "rx_q0_size_128_255_packets" },
		{ 255, "rx_q0_size_128_255_packets" }, { 256, "rx_q0_size_256_511_packets" },
		{ 511, "rx_q0_size_256_511_packets" }, { 512, "rx_q0_size_512_1023_packets" },
		{ 1023, "rx_q0_size_512_1023_packets" }, { 1024, "rx_q0_size_1024_1518_packets" },
		{ 1518, "rx_q0_size_1024_1518_packets" }, { 1519, "rx_q0_size_1519_max_packets" },
		{ 2000, "rx_q0_size_1519_max_packets" },
	};
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });
	struct rte_eth_stats stats;
	uint64_t bytes = 0;
	unsigned int i;

	for (i = 0; i < RTE_DIM(bins); i++) {
		const uint64_t before = fake_port_xstat(fp, bins[i].name);

		fake_port_write(fp, 0, bins[i].len);
		CHECK_EQ(fake_port_receive(fp, 0), 1);
		CHECK_EQ(fake_port_xstat(fp, bins[i].name), before + 1);
		bytes += bins[i].len;
		CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
		CHECK_EQ(fake_port_setup_rx(fp, 0, i % 2 == 0 ? 32 : 128), 0);
		CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), 0);
	}
	CHECK_EQ(rte_eth_stats_get(fp->port, &stats), 0);
	CHECK_EQ(stats.ipackets, RTE_DIM(bins));
	CHECK_EQ(stats.ibytes, bytes);
	CHECK_EQ(fake_port_xstat(fp, "rx_q0_good_packets"), RTE_DIM(bins));
	CHECK_EQ(stats.ierrors, 0);
	CHECK_EQ(fake_port_xstat(fp, "rx_q0_good_bytes"), bytes);
	CHECK_EQ(fake_port_xstat(fp, "rx_q0_multicast_packets"), 0);
	CHECK_EQ(fake_port_xstat(fp, "rx_q0_resets"), RTE_DIM(bins));
	CHECK_EQ(rte_eth_stats_reset(fp->port), 0);
	CHECK_EQ(fake_port_xstat(fp, "rx_q0_good_packets"), 0);
	fake_port_destroy(fp);
}

/* What a queue's counters are to say of packets, both ways. */
struct expected {
	uint64_t packets, bytes, multicast, broadcast;
	uint64_t size[8];
};

static const char *const size_names[] = {
	"undersize_packets", "size_64_packets", "size_65_127_packets", "size_128_255_packets",
	"size_256_511_packets", "size_512_1023_packets", "size_1024_1518_packets",
	"size_1519_max_packets"
};

static void
expect_one(struct expected *e, const uint8_t *frame, uint32_t len)
{
	static const uint32_t last[] = { 63, 64, 127, 255, 511, 1023, 1518 };
	unsigned int bin = 0;

	while (bin < RTE_DIM(last) && len > last[bin])
		bin++;
	e->size[bin]++;
	e->packets++;
	e->bytes += len;
	if (frame[0] == 0xff)
		e->broadcast++;
	else
		e->multicast += frame[0] & 1;
}

static uint64_t
count_of(struct fake_port *fp, const char *way, const char *what)
{
	char name[RTE_ETH_XSTATS_NAME_SIZE];

	snprintf(name, sizeof(name), "%s_q0_%s", way, what);
	return fake_port_xstat(fp, name);
}

static void
check_counts(struct fake_port *fp, const char *way, const struct expected *e)
{
	unsigned int i;

	CHECK_EQ(count_of(fp, way, "good_packets"), e->packets);
	CHECK_EQ(count_of(fp, way, "good_bytes"), e->bytes);
	CHECK_EQ(count_of(fp, way, "multicast_packets"), e->multicast);
	CHECK_EQ(count_of(fp, way, "broadcast_packets"), e->broadcast);
	for (i = 0; i < RTE_DIM(size_names); i++)
		CHECK_EQ(count_of(fp, way, size_names[i]), e->size[i]);
}

/* Lengths around the bounds and addresses of all kinds, mixed, in bursts of all lengths. */
static void
count_mixed_bursts(struct fake_port *fp, bool counts_dst)
{
	static const uint32_t bounds[] = { 64, 127, 255, 511, 1023, 1518 };
	static const uint8_t hdr[FAKE_PORT_HDR];
	struct expected e = { 0 };
	unsigned int round, i;
	uint32_t seed = 1;

	for (round = 0; round < 400; round++) {
		const unsigned int n = 1 + round % 40;
		unsigned int got;
		struct rte_mbuf *m[64];

		for (i = 0; i < n; i++) {
			uint8_t frame[2000] = { 2 };
			uint32_t len;

			seed = seed * 1664525 + 1013904223;
			/* Runs of one length and address as well. */
			len = round % 5 == 0 ? 64 : bounds[seed >> 8 & 3] + (seed >> 16) % 3 - 1;
			if (seed >> 24 < 40)
				len = bounds[4 + (seed >> 8 & 1)] + (seed >> 16) % 3 - 1;
			if (round % 3 == 0 && seed >> 28 == 0)
				memset(frame, 0xff, 6);
			else if (round % 3 == 0 && seed >> 28 == 1)
				frame[0] = 1;
			expect_one(&e, frame, len);
			fake_port_give(fp, 0, hdr, frame, len, 0);
		}
		if (!counts_dst)
			e.multicast = e.broadcast = 0;
		/* A burst of a packed ring may leave the part of a line to the next. */
		got = rte_eth_rx_burst(fp->port, 0, m, 64);
		got += rte_eth_rx_burst(fp->port, 0, m + got, 64 - got);
		got += rte_eth_rx_burst(fp->port, 0, m + got, 64 - got);
		CHECK_EQ(got, n);
		/* Headers' bytes before a frame are not to be taken for its own. */
		CHECK_EQ(rte_eth_tx_burst(fp->port, 0, m, n), n);
		for (i = 0; i < n; i++) {
			struct device_chain chain;
			uint8_t bytes[2048];

			CHECK(fake_port_take_bytes(fp, 0, &chain, bytes, sizeof(bytes)) > 0);
		}
		check_counts(fp, "rx", &e);
		check_counts(fp, "tx", &e);
	}
	fake_port_destroy(fp);
}

static void
counters_of_mixed_bursts(void)
{
	count_mixed_bursts(fake_port_start(&(struct fake_port_conf){ 0 }), true);
}

static bool
has_vector_paths(const struct fake_port *fp)
{
	struct rte_eth_burst_mode mode;

	CHECK_EQ(rte_eth_rx_burst_mode_get(fp->port, 0, &mode), 0);
	return strncmp(mode.info, "Vector", strlen("Vector")) == 0;
}

/* As in the packaged driver, vector paths that are asked for do not read frames. */
static void
counters_without_destinations(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ .args = "vectorized=1" });

	count_mixed_bursts(fp, !has_vector_paths(fp));
	/* Mergeable buffers and offloads have no such path. */
	fp = fake_port_start(&(struct fake_port_conf){
		.args = "vectorized=1", .features = VU_F_MRG_RXBUF | VU_F_CSUM,
		.tx_offloads = RTE_ETH_TX_OFFLOAD_UDP_CKSUM
	});
	count_mixed_bursts(fp, true);
}

/* More of one size in a burst than a byte could count. */
static void
counters_of_a_long_burst(void)
{
	enum { LONG = 4096 };
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });
	static const uint8_t hdr[FAKE_PORT_HDR];
	static const uint8_t frame[64] = { 2 };
	static struct rte_mbuf *m[LONG];
	struct rte_mempool *small = fp->rx_pool[0];
	struct expected e = { 0 };
	unsigned int round, i;

	fp->rx_pool[0] = rte_pktmbuf_pool_create("long", LONG, 0, 0, RTE_PKTMBUF_HEADROOM + 1600,
						 SOCKET_ID_ANY);
	CHECK(fp->rx_pool[0] != NULL);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
	CHECK_EQ(fake_port_setup_rx(fp, 0, LONG), 0);
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), 0);
	CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, 0), 0);
	CHECK_EQ(fake_port_setup_tx(fp, 0, LONG), 0);
	CHECK_EQ(rte_eth_dev_tx_queue_start(fp->port, 0), 0);
	for (round = 0; round < 3; round++) {
		for (i = 0; i < LONG; i++) {
			expect_one(&e, frame, sizeof(frame));
			fake_port_give(fp, 0, hdr, frame, sizeof(frame), 0);
		}
		CHECK_EQ(rte_eth_rx_burst(fp->port, 0, m, LONG), LONG);
		CHECK_EQ(rte_eth_tx_burst(fp->port, 0, m, LONG), LONG);
		for (i = 0; i < LONG; i++) {
			struct device_chain chain;
			uint8_t bytes[128];

			CHECK_EQ(fake_port_take_bytes(fp, 0, &chain, bytes, sizeof(bytes)),
				 sizeof(frame) + FAKE_PORT_HDR);
		}
		check_counts(fp, "rx", &e);
		check_counts(fp, "tx", &e);
		/* The driver may take some itself, for a receive queue without buffers. */
		CHECK(rte_eth_tx_done_cleanup(fp->port, 0, 0) >= 0);
		CHECK_EQ(rte_eth_rx_burst(fp->port, 0, m, 1), 0); /* refilled */
	}
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
	fake_port_check_in_use(fp->rx_pool[0], 0);
	rte_mempool_free(fp->rx_pool[0]);
	fp->rx_pool[0] = small;
	CHECK_EQ(fake_port_setup_rx(fp, 0, FAKE_PORT_SIZE), 0);
	fake_port_destroy(fp);
}

/* What a reset throws away is counted: frames unread, packets unsent; not what was sent. */
static void
reset_counts_what_it_drops(void)
{
	static const uint64_t kinds[] = { 0, VU_F_MRG_RXBUF };
	unsigned int i, k;

	for (k = 0; k < RTE_DIM(kinds); k++) {
		struct fake_port *fp =
			fake_port_start(&(struct fake_port_conf){ .features = kinds[k] });
		struct ring_device *rd = fake_vu_ring(fp->vu, 1);
		struct device_chain chain;

		for (i = 0; i < 7; i++)
			fake_port_write(fp, 0, 100);
		CHECK_EQ(fake_port_send(fp, 0, 20), 20);
		for (i = 0; i < 6; i++) {
			CHECK(ring_device_take(rd, &chain));
			ring_device_use(rd, chain.head, 0);
		}
		CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
		CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, 0), 0);
		CHECK_EQ(fake_port_xstat(fp, "rx_q0_reset_dropped"), 7);
		CHECK_EQ(fake_port_xstat(fp, "tx_q0_reset_dropped"), 14);
		CHECK_EQ(fake_port_xstat(fp, "rx_q0_good_packets"), 0);
		CHECK_EQ(fake_port_xstat(fp, "tx_q0_good_packets"), 20);
		fake_port_destroy(fp);
	}
}

/* One doorbell after each start; later only if the device wants one. */
/* Of a batch the first descriptor alone is written, and it was looked at before. */
static void
rest_of_a_batch_is_counted_out_of_step(void)
{
	struct fake_port *fp =
		fake_port_start(&(struct fake_port_conf){ .features = VU_F_IN_ORDER });
	struct ring_device *rd = fake_vu_ring(fp->vu, 1);
	struct device_chain chain;
	uint16_t heads[10];
	unsigned int n = 0;
	struct rte_mbuf *m;
	unsigned int i;

	CHECK_EQ(fake_port_send(fp, 0, 10), 10);
	while (ring_device_take(rd, &chain))
		heads[n++] = chain.head;
	ring_device_use_batch(rd, heads, n, 0);
	CHECK_EQ(rte_eth_tx_done_cleanup(fp->port, 0, 1), 1);
	m = rte_pktmbuf_alloc(fp->tx_pool[0]);
	CHECK(m != NULL && packet_make(m, 0, 10, 800, 100));
	CHECK_EQ(m->nb_segs, 8);
	CHECK_EQ(rte_eth_tx_burst(fp->port, 0, &m, 1), 1);
	for (i = n = 0; i < FAKE_PORT_SIZE; i++)
		n += rte_eth_tx_descriptor_status(fp->port, 0, i) == RTE_ETH_TX_DESC_DONE;
	CHECK_EQ(n, FAKE_PORT_SIZE - 8);
	fake_port_destroy(fp);
}

static void
doorbells(void)
{
	unsigned int f;

	for (f = 0; f < 2; f++) {
		const bool event_idx = f != 0;
		struct fake_port *fp = fake_port_create(&(struct fake_port_conf){
			.features = event_idx ? VU_F_EVENT_IDX : 0
		});
		struct ring_device *rd;
		unsigned int round;
		uint16_t q;

		CHECK_EQ(rte_eth_dev_start(fp->port), 0);
		for (q = 0; q < 2 * FAKE_PORT_PAIRS; q++)
			CHECK_EQ(fake_vu_kicks(fp->vu, q), 1);
		for (round = 0; round < 3; round++) {
			rd = fake_vu_ring(fp->vu, 1);
			CHECK_EQ(rd->packed ? rd->pack.event_idx : rd->split.event_idx, event_idx);
			/* It does not want one. */
			ring_device_set_no_notify(rd, true);
			if (event_idx)
				ring_device_set_event(rd, 5);
			CHECK_EQ(fake_port_send(fp, 0, 5), 5);
			CHECK_EQ(fake_vu_kicks(fp->vu, 1), 0);
			/* It does. */
			ring_device_set_no_notify(rd, false);
			if (event_idx)
				ring_device_set_event(rd, 5);
			CHECK_EQ(fake_port_send(fp, 0, 5), 5);
			CHECK_EQ(fake_vu_kicks(fp->vu, 1), 1);
			CHECK_EQ(fake_port_take(fp, 0, true), 10);

			CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, 0), 0);
			CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
			CHECK_EQ(rte_eth_dev_tx_queue_start(fp->port, 0), 0);
			CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), 0);
			fake_vu_wait_quiet(fp->vu);
			CHECK_EQ(fake_vu_kicks(fp->vu, 0), 1);
			CHECK_EQ(fake_vu_kicks(fp->vu, 1), 1);
			CHECK_EQ(fake_vu_kicks(fp->vu, 2), 0);
		}
		fake_port_destroy(fp);
	}
}

/* EVENT_IDX is not for a ring that is stopped by ENABLE 0 alone. */
static void
no_event_idx_with_disable(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){
		.method = "disable", .features = VU_F_EVENT_IDX });

	CHECK_EQ(fp->vu->acked & VU_F_EVENT_IDX, 0);
	fake_port_check_runs(fp, 0);
	fake_port_destroy(fp);
}

/* A device that takes no packet after a start is reported; a device that takes one is not. */
static void
queue_that_is_not_served(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });
	unsigned int tries;

	CHECK_EQ(fake_port_send(fp, 1, 3), 3);
	CHECK_EQ(fake_port_take(fp, 1, true), 3);
	CHECK_EQ(fake_port_send(fp, 0, 3), 3);
	/* The log line comes after the counter. */
	for (tries = 0; test_logged("has not used any packet since the queue's start") == 0;
	     tries++) {
		CHECK(tries < 2000);
		usleep(10000);
	}
	CHECK_EQ(test_logged("has not used any packet since the queue's start"), 1);
	CHECK_EQ(fake_port_xstat(fp, "tx_q0_unserved"), 1);
	CHECK_EQ(fake_port_xstat(fp, "tx_q1_unserved"), 0);
	CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, 0), 0);
	fp->took[0] = fp->tx_next[0];
	CHECK_EQ(rte_eth_dev_tx_queue_start(fp->port, 0), 0);
	fake_port_check_runs(fp, 0);
	CHECK_EQ(fake_port_xstat(fp, "tx_q0_unserved"), 1);
	fake_port_destroy(fp);
}

static const char *
widest(void)
{
#ifdef __x86_64__
	const uint16_t bits = rte_vect_get_max_simd_bitwidth();

	if (bits >= RTE_VECT_SIMD_512 && test_has_avx512())
		return "Vector AVX512";
	if (bits >= RTE_VECT_SIMD_256 && __builtin_cpu_supports("avx2"))
		return "Vector AVX2";
#elif defined(__aarch64__)
	if (rte_vect_get_max_simd_bitwidth() >= RTE_VECT_SIMD_128)
		return "Vector NEON";
#endif
	return "Scalar";
}

/* The widest path that the processor and EAL allow is logged, and a request that fails as well. */
static void
path_is_the_widest_allowed(void)
{
	const struct fake_port_conf conf = {
		.features = VU_F_MRG_RXBUF | VU_F_IN_ORDER, .args = "vectorized=1"
	};
	struct fake_port *fp = fake_port_start(&conf);
	const char *isa = widest();
	struct rte_eth_burst_mode rx, tx;
	char want[64];

	snprintf(want, sizeof(want), "%s %s%s In-order", isa, test_packed() ? "Packed" : "Split",
		 test_platform_order() ? " Platform-order" : "");
	CHECK_EQ(rte_eth_tx_burst_mode_get(fp->port, 0, &tx), 0);
	CHECK_EQ(strcmp(tx.info, want), 0);
	strcat(want, " Mergeable");
	CHECK_EQ(rte_eth_rx_burst_mode_get(fp->port, 0, &rx), 0);
	CHECK_EQ(strcmp(rx.info, want), 0);
	CHECK_EQ(test_logged("the vector paths are not used"), strcmp(isa, "Scalar") == 0);
	fake_port_check_runs(fp, 0);
	fake_port_destroy(fp);
}

TEST_MAIN(
	TEST_WARM_UP(fake_port_warm_up),
	TEST_LAYOUTS(receive_queue),
	TEST_LAYOUTS(transmit_queue),
	TEST_LAYOUTS(cleanup_gives_back_what_was_sent),
	TEST_LAYOUTS(packets_go_back_to_their_own_pools),
	TEST_LAYOUTS(full_transmit_ring),
	TEST_LAYOUTS(full_receive_ring),
	TEST_LAYOUTS(bursts_of_one),
	TEST_LAYOUTS(rings_of_every_size),
	TEST_LAYOUTS(counters),
	TEST_LAYOUTS(counters_of_mixed_bursts),
	TEST_LAYOUTS(counters_without_destinations),
	TEST_LAYOUTS(counters_of_a_long_burst),
	TEST_LAYOUTS(reset_counts_what_it_drops),
	TEST_LAYOUTS(rest_of_a_batch_is_counted_out_of_step),
	TEST_LAYOUTS(doorbells),
	TEST_LAYOUTS(no_event_idx_with_disable),
	TEST_LAYOUTS(queue_that_is_not_served),
	TEST_LAYOUTS(path_is_the_widest_allowed),
)
