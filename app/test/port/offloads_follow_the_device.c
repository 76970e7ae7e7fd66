/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * What a port can do is what its device offers, no less and no more; it is negotiated when it is
 * asked for, anew when that changes, and kept over a back-end that goes: one that comes without is
 * refused.
 */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <ethdev_driver.h>

#include "fake_port.h"
#include "ip_frame.h"
#include "test.h"

#define ALWAYS_RX RTE_ETH_RX_OFFLOAD_VLAN_STRIP
#define ALWAYS_TX (RTE_ETH_TX_OFFLOAD_MULTI_SEGS | RTE_ETH_TX_OFFLOAD_VLAN_INSERT | \
		   RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE)
#define RX_SUMS (RTE_ETH_RX_OFFLOAD_UDP_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM)
#define TX_SUMS (RTE_ETH_TX_OFFLOAD_UDP_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM)
#define GUEST_TSO (VU_F_GUEST_TSO4 | VU_F_GUEST_TSO6)
#define HOST_TSO (VU_F_HOST_TSO4 | VU_F_HOST_TSO6)
#define F_GUEST_HDRLEN (UINT64_C(1) << 59)
#define OFFLOAD_BITS (VU_F_CSUM | VU_F_GUEST_CSUM | GUEST_TSO | HOST_TSO)

static const struct {
	uint64_t features;
	const char *args;
	uint64_t rx, tx; /* beside those that are always there */
} capabilities[] = {
	{ 0, NULL, 0, 0 },
	{ VU_F_CSUM, NULL, 0, TX_SUMS },
	{ VU_F_GUEST_CSUM, NULL, RX_SUMS, 0 },
	{ VU_F_MRG_RXBUF, NULL, RTE_ETH_RX_OFFLOAD_SCATTER, 0 },
	{ VU_F_MRG_RXBUF, "mrg_rxbuf=0", 0, 0 },
	/* Both or none: an application asks for TSO, not for one of them. */
	{ VU_F_CSUM | VU_F_HOST_TSO4, NULL, 0, TX_SUMS },
	{ VU_F_CSUM | VU_F_HOST_TSO6, NULL, 0, TX_SUMS },
	{ VU_F_CSUM | HOST_TSO, NULL, 0, TX_SUMS | RTE_ETH_TX_OFFLOAD_TCP_TSO },
	/* Without checksums there are no segments (5.1.3.1). */
	{ HOST_TSO, NULL, 0, 0 },
	{ GUEST_TSO | VU_F_MRG_RXBUF, NULL, RTE_ETH_RX_OFFLOAD_SCATTER, 0 },
	{ VU_F_GUEST_CSUM | GUEST_TSO, NULL, RX_SUMS, 0 },
	{ VU_F_GUEST_CSUM | VU_F_GUEST_TSO4 | VU_F_MRG_RXBUF, NULL,
	  RX_SUMS | RTE_ETH_RX_OFFLOAD_SCATTER, 0 },
	{ VU_F_GUEST_CSUM | VU_F_GUEST_TSO6 | VU_F_MRG_RXBUF, NULL,
	  RX_SUMS | RTE_ETH_RX_OFFLOAD_SCATTER, 0 },
	{ VU_F_GUEST_CSUM | GUEST_TSO | VU_F_MRG_RXBUF, NULL,
	  RX_SUMS | RTE_ETH_RX_OFFLOAD_SCATTER | RTE_ETH_RX_OFFLOAD_TCP_LRO, 0 },
	{ VU_F_GUEST_CSUM | GUEST_TSO | VU_F_MRG_RXBUF, "mrg_rxbuf=0", RX_SUMS, 0 },
	{ OFFLOAD_BITS | VU_F_MRG_RXBUF, NULL,
	  RX_SUMS | RTE_ETH_RX_OFFLOAD_SCATTER | RTE_ETH_RX_OFFLOAD_TCP_LRO,
	  TX_SUMS | RTE_ETH_TX_OFFLOAD_TCP_TSO },
};

static int
configure(struct fake_port *fp, uint64_t rx, uint64_t tx)
{
	const struct rte_eth_conf conf = {
		.rxmode.offloads = rx, .txmode.offloads = tx,
		.rxmode.max_lro_pkt_size = rx & RTE_ETH_RX_OFFLOAD_TCP_LRO ? 65535 : 0,
	};

	return rte_eth_dev_configure(fp->port, FAKE_PORT_PAIRS, FAKE_PORT_PAIRS, &conf);
}

static void
setup_all(struct fake_port *fp)
{
	uint16_t q;

	for (q = 0; q < FAKE_PORT_PAIRS; q++) {
		CHECK_EQ(fake_port_setup_rx(fp, q, FAKE_PORT_SIZE), 0);
		CHECK_EQ(fake_port_setup_tx(fp, q, FAKE_PORT_SIZE), 0);
	}
}

static void
capability_table(void)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(capabilities); i++) {
		struct fake_port *fp = fake_port_create(&(struct fake_port_conf){
			.features = capabilities[i].features, .args = capabilities[i].args,
			.no_scatter = true,
		});
		struct rte_eth_dev_info info;

		CHECK_EQ(rte_eth_dev_info_get(fp->port, &info), 0);
		CHECK_EQ(info.rx_offload_capa, ALWAYS_RX | capabilities[i].rx);
		CHECK_EQ(info.tx_offload_capa, ALWAYS_TX | capabilities[i].tx);
		CHECK_EQ(info.rx_queue_offload_capa,
			 ALWAYS_RX | (capabilities[i].rx & RTE_ETH_RX_OFFLOAD_SCATTER));
		CHECK_EQ(info.tx_queue_offload_capa, ALWAYS_TX);
		CHECK_EQ(info.max_lro_pkt_size,
			 capabilities[i].rx & RTE_ETH_RX_OFFLOAD_TCP_LRO ? 65562 : 0);
		/* And it starts with all of them. */
		CHECK_EQ(configure(fp, info.rx_offload_capa, info.tx_offload_capa), 0);
		setup_all(fp);
		CHECK_EQ(rte_eth_dev_start(fp->port), 0);
		fake_port_check_runs(fp, 0);
		fake_port_destroy(fp);
	}
}

/* What is not there cannot be had, and the port is as it was for who asks for less. */
static void
what_the_device_lacks_is_refused(void)
{
	unsigned int i, bit;

	for (i = 0; i < RTE_DIM(capabilities); i++) {
		struct fake_port *fp;
		struct rte_eth_dev_info info;

		if (capabilities[i].args != NULL)
			continue;
		fp = fake_port_start(&(struct fake_port_conf){
			.features = capabilities[i].features,
		});
		fake_port_check_runs(fp, 0);
		CHECK_EQ(rte_eth_dev_stop(fp->port), 0);
		CHECK_EQ(rte_eth_dev_info_get(fp->port, &info), 0);
		for (bit = 0; bit < 64; bit++) {
			const uint64_t one = UINT64_C(1) << bit;
			int ret;

			if (!(info.rx_offload_capa & one)) {
				ret = configure(fp, one, 0);
				CHECK(ret == -EINVAL || ret == -ENOTSUP);
			}
			if (!(info.tx_offload_capa & one)) {
				ret = configure(fp, 0, one);
				CHECK(ret == -EINVAL || ret == -ENOTSUP);
			}
		}
		/* Not half configured either. */
		CHECK(rte_eth_dev_start(fp->port) != 0);
		CHECK_EQ(configure(fp, info.rx_offload_capa, info.tx_offload_capa), 0);
		setup_all(fp);
		CHECK_EQ(rte_eth_dev_start(fp->port), 0);
		fake_port_check_runs(fp, 0);
		fake_port_check_runs(fp, 1);
		fake_port_destroy(fp);
	}
}

/* Each configuration is negotiated as such, both more and less than the one before. */
static void
configured_anew(void)
{
	static const struct {
		uint64_t rx, tx, acked;
	} confs[] = {
		{ 0, 0, 0 },
		{ RTE_ETH_RX_OFFLOAD_TCP_CKSUM, 0, VU_F_GUEST_CSUM },
		{ RTE_ETH_RX_OFFLOAD_UDP_CKSUM, RTE_ETH_TX_OFFLOAD_TCP_CKSUM,
		  VU_F_GUEST_CSUM | VU_F_CSUM },
		{ RTE_ETH_RX_OFFLOAD_TCP_LRO, 0, VU_F_GUEST_CSUM | GUEST_TSO },
		{ 0, RTE_ETH_TX_OFFLOAD_TCP_TSO, VU_F_CSUM | HOST_TSO },
		{ RTE_ETH_RX_OFFLOAD_VLAN_STRIP, RTE_ETH_TX_OFFLOAD_VLAN_INSERT, 0 },
		{ RX_SUMS | RTE_ETH_RX_OFFLOAD_TCP_LRO, TX_SUMS | RTE_ETH_TX_OFFLOAD_TCP_TSO,
		  OFFLOAD_BITS },
	};
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){
		.features = OFFLOAD_BITS | VU_F_MRG_RXBUF | VU_F_INDIRECT,
	});
	const struct ip_frame f = { .payload = 100 };
	unsigned int round;
	uint8_t bytes[512];

	for (round = 0; round < 3 * RTE_DIM(confs); round++) {
		const unsigned int i = round * 3 % RTE_DIM(confs);
		const struct ip_frame_hdr hdr = { .flags = IP_FRAME_DATA_VALID };
		struct rte_eth_burst_mode mode;
		struct rte_mbuf *m;

		CHECK_EQ(rte_eth_dev_stop(fp->port), 0);
		CHECK_EQ(configure(fp, confs[i].rx, confs[i].tx), 0);
		setup_all(fp);
		CHECK_EQ(rte_eth_dev_start(fp->port), 0);
		CHECK_EQ(fp->vu->acked & OFFLOAD_BITS, confs[i].acked);
		fake_port_check_runs(fp, 0);
		fake_port_check_runs(fp, 1);
		/* The path is the one for it. */
		fake_port_give(fp, 0, &hdr, bytes, ip_frame_write(&f, bytes), 0);
		CHECK_EQ(rte_eth_rx_burst(fp->port, 0, &m, 1), 1);
		CHECK_EQ(m->ol_flags,
			 confs[i].acked & VU_F_GUEST_CSUM ? RTE_MBUF_F_RX_L4_CKSUM_GOOD : 0);
		rte_pktmbuf_free(m);
		CHECK_EQ(rte_eth_rx_burst_mode_get(fp->port, 0, &mode), 0);
		CHECK_EQ(strstr(mode.info, "Offload") != NULL,
			 (confs[i].acked & VU_F_GUEST_CSUM) != 0);
		CHECK_EQ(rte_eth_tx_burst_mode_get(fp->port, 0, &mode), 0);
		CHECK_EQ(strstr(mode.info, "Offload") != NULL, (confs[i].acked & VU_F_CSUM) != 0);
	}
	fake_port_destroy(fp);
}

static void
wait_link(struct fake_port *fp, unsigned int status)
{
	struct rte_eth_link link = { 0 };
	unsigned int tries;

	for (tries = 0; tries < 20000; tries++) {
		CHECK_EQ(rte_eth_link_get_nowait(fp->port, &link), 0);
		if (link.link_status == status)
			return;
		usleep(1000);
	}
	CHECK_EQ(link.link_status, status);
}

static void
wait_logged(const char *word)
{
	unsigned int tries;

	for (tries = 0; tries < 20000 && test_logged(word) == 0; tries++)
		usleep(1000);
	CHECK(test_logged(word) > 0);
}

static void
forget_numbers(struct fake_port *fp)
{
	uint16_t q;

	for (q = 0; q < FAKE_PORT_PAIRS; q++) {
		fp->got[q] = fp->rx_next[q];
		fp->took[q] = fp->tx_next[q];
	}
}

/* Another back-end, which has all offloads but these; not to be believed in before it is said. */
static void
come_back(struct fake_port *fp, uint64_t without, const char *said)
{
	fake_vu_disconnect(fp->vu);
	wait_link(fp, RTE_ETH_LINK_DOWN);
	fp->vu->features = (fp->vu->features | OFFLOAD_BITS) & ~without;
	test_forget_log();
	fake_vu_connect_again(fp->vu);
	wait_logged(said);
	forget_numbers(fp);
}

/* A checksum is requested, and one is reported. */
static void
check_has_offloads(struct fake_port *fp)
{
	const struct ip_frame_hdr good = { .flags = IP_FRAME_DATA_VALID };
	const struct ip_frame f = { .udp = true, .payload = 100 };
	uint8_t bytes[512], got[512];
	const uint32_t len = ip_frame_write(&f, bytes);
	struct rte_mbuf *m = ip_frame_mbuf(fp->tx_pool[0], bytes, len, 0, 0, 128);
	struct device_chain chain;

	ip_frame_ask_checksum(&f, m);
	CHECK_EQ(rte_eth_tx_prepare(fp->port, 0, &m, 1), 1);
	CHECK_EQ(rte_eth_tx_burst(fp->port, 0, &m, 1), 1);
	CHECK_EQ(fake_port_take_bytes(fp, 0, &chain, got, sizeof(got)), len + FAKE_PORT_HDR);
	CHECK_EQ(got[0], IP_FRAME_NEEDS_CSUM);
	fake_port_give(fp, 0, &good, bytes, len, 0);
	CHECK_EQ(rte_eth_rx_burst(fp->port, 0, &m, 1), 1);
	CHECK_EQ(m->ol_flags, RTE_MBUF_F_RX_L4_CKSUM_GOOD);
	rte_pktmbuf_free(m);
}

/* 5.1.6.2.1: taken with segmentation, of which the driver knows the length of the headers. */
static void
exact_header_length(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){
		.features = OFFLOAD_BITS | F_GUEST_HDRLEN, .tx_offloads = TX_SUMS,
	});

	CHECK_EQ(fp->vu->acked & F_GUEST_HDRLEN, 0);
	CHECK_EQ(rte_eth_dev_stop(fp->port), 0);
	CHECK_EQ(configure(fp, 0, TX_SUMS | RTE_ETH_TX_OFFLOAD_TCP_TSO), 0);
	setup_all(fp);
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	CHECK_EQ(fp->vu->acked & F_GUEST_HDRLEN, F_GUEST_HDRLEN);
	fake_port_destroy(fp);
}

static void
kept_over_a_new_back_end(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){
		.features = OFFLOAD_BITS | VU_F_MRG_RXBUF, .server = true,
		.rx_offloads = RX_SUMS | RTE_ETH_RX_OFFLOAD_TCP_LRO,
		.tx_offloads = TX_SUMS | RTE_ETH_TX_OFFLOAD_TCP_TSO,
	});
	unsigned int round;

	wait_link(fp, RTE_ETH_LINK_UP);
	check_has_offloads(fp);
	for (round = 0; round < 3; round++) {
		come_back(fp, 0, "a back-end has connected");
		wait_link(fp, RTE_ETH_LINK_UP);
		CHECK_EQ(fp->vu->acked & OFFLOAD_BITS, OFFLOAD_BITS);
		check_has_offloads(fp);
		fake_port_check_runs(fp, 0);
		fake_port_check_runs(fp, 1);
	}
	fake_port_destroy(fp);
}

/* Each of the bits: without it the back-end is of no use; the next one that has it is taken. */
static void
back_end_without_is_refused(void)
{
	static const uint64_t bits[] = { VU_F_CSUM, VU_F_GUEST_CSUM, VU_F_GUEST_TSO4,
					 VU_F_GUEST_TSO6, VU_F_HOST_TSO4, VU_F_HOST_TSO6 };
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){
		.features = OFFLOAD_BITS | VU_F_MRG_RXBUF, .server = true,
		.rx_offloads = RX_SUMS | RTE_ETH_RX_OFFLOAD_TCP_LRO,
		.tx_offloads = TX_SUMS | RTE_ETH_TX_OFFLOAD_TCP_TSO,
	});
	unsigned int i;

	wait_link(fp, RTE_ETH_LINK_UP);
	for (i = 0; i < RTE_DIM(bits); i++) {
		struct rte_eth_link link;
		struct rte_mbuf *m;

		come_back(fp, bits[i], "cannot be used");
		CHECK_EQ(test_logged("no longer offers the features"), 1);
		CHECK_EQ(rte_eth_link_get_nowait(fp->port, &link), 0);
		CHECK_EQ(link.link_status, RTE_ETH_LINK_DOWN);
		CHECK(!fake_vu_is_enabled(fp->vu, 0));
		CHECK_EQ(rte_eth_rx_burst(fp->port, 0, &m, 1), 0);
		CHECK_EQ(fake_port_send(fp, 0, 1), 0);
		/* The application's buffers are not in a ring that nobody serves. */
		fake_port_check_in_use(fp->rx_pool[0], 0);
		come_back(fp, 0, "a back-end has connected");
		wait_link(fp, RTE_ETH_LINK_UP);
		check_has_offloads(fp);
		fake_port_check_runs(fp, 1);
	}
	/* What is configured without them needs none of them. */
	CHECK_EQ(rte_eth_dev_stop(fp->port), 0);
	CHECK_EQ(configure(fp, 0, 0), 0);
	setup_all(fp);
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	wait_link(fp, RTE_ETH_LINK_UP);
	come_back(fp, OFFLOAD_BITS, "a back-end has connected");
	fake_port_check_runs(fp, 0);
	fake_port_destroy(fp);
}

/* ethdev asks before it configures; a device that changes in between is the driver's to refuse. */
static void
lro_needs_mergeable_buffers(void)
{
	struct fake_port *fp = fake_port_create(&(struct fake_port_conf){
		.features = VU_F_MRG_RXBUF | VU_F_GUEST_CSUM | VU_F_GUEST_TSO4 | VU_F_GUEST_TSO6,
		.args = "mrg_rxbuf=0", .no_scatter = true,
	});
	struct rte_eth_dev *edev = &rte_eth_devices[fp->port];

	edev->data->dev_conf.rxmode.offloads |= RTE_ETH_RX_OFFLOAD_TCP_LRO;
	test_forget_log();
	CHECK_EQ(edev->dev_ops->dev_configure(edev), -ENOTSUP);
	CHECK_EQ(test_logged("Give mrg_rxbuf=1"), 1);
	CHECK_EQ(test_logged("does not offer the features"), 0);
	edev->data->dev_conf.rxmode.offloads &= ~RTE_ETH_RX_OFFLOAD_TCP_LRO;
	CHECK_EQ(edev->dev_ops->dev_configure(edev), 0);
	fake_port_destroy(fp);
}

/*
 * A frame of two buffers is none for an application that did not ask for SCATTER: it may read no
 * more than the first. It is dropped and counted, and logged once; a set-up of the queue alone
 * changes that.
 */
static void
long_frames_are_for_who_asks(void)
{
	const struct rte_eth_rxconf scatter = { .offloads = RTE_ETH_RX_OFFLOAD_SCATTER };
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){
		.features = VU_F_MRG_RXBUF, .no_scatter = true,
	});
	const uint8_t hdr[FAKE_PORT_HDR] = { 0 };
	const uint8_t frame[3000] = { 2 };
	struct rte_eth_rxq_info info;
	struct rte_mbuf *m[4];
	unsigned int i;

	CHECK_EQ(rte_eth_rx_queue_info_get(fp->port, 0, &info), 0);
	CHECK_EQ(info.scattered_rx, 0);
	for (i = 0; i < 2; i++) {
		fake_port_write(fp, 0, 100);
		fake_port_give(fp, 0, hdr, frame, sizeof(frame), 0);
		fake_port_write(fp, 0, 200);
		CHECK_EQ(fake_port_receive(fp, 0), 2);
		CHECK_EQ(fake_port_xstat(fp, "rx_q0_errors"), i + 1);
	}
	CHECK_EQ(test_logged("a frame is longer than a buffer and is dropped"), 1);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
	CHECK_EQ(rte_eth_rx_queue_setup(fp->port, 0, FAKE_PORT_SIZE, SOCKET_ID_ANY, &scatter,
					fp->rx_pool[0]), 0);
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), 0);
	CHECK_EQ(rte_eth_rx_queue_info_get(fp->port, 0, &info), 0);
	CHECK_EQ(info.scattered_rx, 1);
	fake_port_give(fp, 0, hdr, frame, sizeof(frame), 0);
	CHECK_EQ(rte_eth_rx_burst(fp->port, 0, m, 4), 1);
	CHECK_EQ(m[0]->nb_segs, 2);
	CHECK_EQ(m[0]->pkt_len, sizeof(frame));
	rte_pktmbuf_free(m[0]);
	/* The other queue is as it was. */
	fake_port_give(fp, 1, hdr, frame, sizeof(frame), 0);
	CHECK_EQ(rte_eth_rx_burst(fp->port, 1, m, 4), 0);
	CHECK_EQ(fake_port_xstat(fp, "rx_q1_errors"), 1);
	fake_port_destroy(fp);
}

TEST_MAIN(
	TEST_WARM_UP(fake_port_warm_up),
	TEST_LAYOUTS(long_frames_are_for_who_asks),
	TEST_LAYOUTS(capability_table),
	TEST_LAYOUTS(what_the_device_lacks_is_refused),
	TEST_LAYOUTS(configured_anew),
	TEST_LAYOUTS(kept_over_a_new_back_end),
	TEST(exact_header_length),
	TEST_LAYOUTS(back_end_without_is_refused),
	TEST_LAYOUTS(lro_needs_mergeable_buffers),
)
