/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * A packet that the device is to cut: cut as its header says, by a device that edits numbers and
 * checksums by the difference, each segment is on the wire as if software had made it.
 */

#include <errno.h>
#include <string.h>

#include <rte_errno.h>

#include <ethdev_driver.h>

#include "fake_port.h"
#include "ip_frame.h"
#include "test.h"

#define TSO (VU_F_CSUM | VU_F_HOST_TSO4 | VU_F_HOST_TSO6)

static struct fake_port *
port(uint64_t features)
{
	return fake_port_start(&(struct fake_port_conf){
		.features = TSO | features, .tx_offloads = RTE_ETH_TX_OFFLOAD_TCP_TSO,
	});
}

static struct rte_mbuf *
packet(struct fake_port *fp, const struct ip_frame *f, uint32_t first, uint16_t segsz)
{
	static uint8_t bytes[IP_FRAME_MAX];
	const uint32_t len = ip_frame_write(f, bytes);
	struct rte_mbuf *m = ip_frame_mbuf(fp->tx_pool[0], bytes, len, first, 0, 128);
	uint8_t *ip = rte_pktmbuf_mtod_offset(m, uint8_t *, ip_frame_l3_at(f));

	ip_frame_ask_segments(f, m, segsz);
	/* What the application does not have to fill in. */
	if (!f->ipv6)
		memset(ip + 10, 0xa7, 2);
	memset(rte_pktmbuf_mtod_offset(m, void *, ip_frame_l4_at(f) + 16), 0xa7, 2);
	return m;
}

/* The device's: what it was given, cut, is what software would have sent. */
static struct device_chain
check_sent(struct fake_port *fp, const struct ip_frame *f, uint16_t segsz)
{
	static uint8_t got[IP_FRAME_MAX + FAKE_PORT_HDR];
	uint8_t segment[4096], wanted[4096];
	struct device_chain chain;
	struct ip_frame_hdr hdr;
	unsigned int i;
	uint32_t len;

	len = fake_port_take_bytes(fp, 0, &chain, got, sizeof(got)) - FAKE_PORT_HDR;
	memcpy(&hdr, got, sizeof(hdr));
	CHECK_EQ(hdr.flags, IP_FRAME_NEEDS_CSUM);
	CHECK_EQ(hdr.gso_type, f->ipv6 ? IP_FRAME_GSO_TCPV6 : IP_FRAME_GSO_TCPV4);
	CHECK_EQ(hdr.gso_size, segsz);
	CHECK_EQ(hdr.hdr_len, ip_frame_payload_at(f));
	CHECK_EQ(hdr.csum_start, ip_frame_l4_at(f));
	CHECK_EQ(hdr.csum_offset, 16);
	CHECK_EQ(len, ip_frame_payload_at(f) + f->payload);
	for (i = 0; i * segsz < f->payload; i++) {
		struct ip_frame part = *f;

		part.offset = i * segsz;
		part.payload = RTE_MIN(f->payload - part.offset, (uint32_t)segsz);
		part.push = f->push && part.offset + part.payload == f->payload;
		part.ip_id += i;
		ip_frame_check_bytes(segment, ip_frame_segment(&hdr, got + FAKE_PORT_HDR, len,
							       ip_frame_l3_at(f), i, segment),
				     wanted, ip_frame_write(&part, wanted), "segment");
	}
	CHECK_EQ(ip_frame_segment(&hdr, got + FAKE_PORT_HDR, len, ip_frame_l3_at(f), i, segment),
		 0);
	return chain;
}

static void
send_one(struct fake_port *fp, struct rte_mbuf *m)
{
	CHECK_EQ(rte_eth_tx_prepare(fp->port, 0, &m, 1), 1);
	CHECK_EQ(rte_eth_tx_burst(fp->port, 0, &m, 1), 1);
}

/* From one segment that is not full to all that 64 KB of IP hold. */
static void
every_size(uint64_t features)
{
	static const uint32_t payloads[] = { 1, 100, 1448, 1449, 4000, 12000, 40000, 65400 };
	static const uint16_t sizes[] = { 100, 536, 1448 };
	struct fake_port *fp = port(features);
	unsigned int v6, vlan, i, k;

	for (v6 = 0; v6 < 2; v6++) {
		for (vlan = 0; vlan < 2; vlan++) {
			for (i = 0; i < RTE_DIM(payloads); i++) {
				for (k = 0; k < RTE_DIM(sizes); k++) {
					const struct ip_frame f = {
						.ipv6 = v6, .vlan = vlan * 5, .push = true,
						.payload = payloads[i], .ip_id = 0xfffe,
						.seed = k,
					};
					struct device_chain chain;

					send_one(fp, packet(fp, &f, 0, sizes[k]));
					chain = check_sent(fp, &f, sizes[k]);
					CHECK_EQ(chain.indirect, features != 0 && chain.n > 1 &&
						 chain.n <= 7);
				}
			}
		}
	}
	fake_port_destroy(fp);
}

static void
every_size_in_tables(void)
{
	every_size(VU_F_INDIRECT);
}

static void
every_size_in_chains(void)
{
	every_size(0);
}

/* Right behind the headers a new segment begins. */
static void
headers_alone(void)
{
	struct fake_port *fp = port(VU_F_INDIRECT);
	unsigned int v6;

	for (v6 = 0; v6 < 2; v6++) {
		const struct ip_frame f = { .ipv6 = v6, .payload = 3000 };

		send_one(fp, packet(fp, &f, ip_frame_payload_at(&f), 1000));
		check_sent(fp, &f, 1000);
	}
	fake_port_destroy(fp);
}

/* Both are prepared: what the first did to the data that they share must not be done twice. */
static void
shared_packets(void)
{
	struct fake_port *fp = port(VU_F_INDIRECT);
	unsigned int v6;

	for (v6 = 0; v6 < 2; v6++) {
		const struct ip_frame f = { .ipv6 = v6, .payload = 5000, .push = true };
		struct rte_mbuf *m = packet(fp, &f, 0, 1448);
		struct rte_mbuf *two[2] = { rte_pktmbuf_clone(m, fp->tx_pool[0]),
					    rte_pktmbuf_clone(m, fp->tx_pool[0]) };

		CHECK(two[0] != NULL && two[1] != NULL);
		CHECK_EQ(rte_eth_tx_prepare(fp->port, 0, two, 2), 2);
		CHECK_EQ(rte_eth_tx_prepare(fp->port, 0, two, 2), 2);
		CHECK_EQ(rte_eth_tx_burst(fp->port, 0, two, 2), 2);
		check_sent(fp, &f, 1448);
		check_sent(fp, &f, 1448);
		rte_pktmbuf_free(m);
	}
	fake_port_destroy(fp);
}

static void
with_a_tag_put_in(void)
{
	struct fake_port *fp = port(VU_F_INDIRECT);
	struct ip_frame f = { .payload = 5000, .push = true };
	struct rte_mbuf *m = packet(fp, &f, 0, 1448);

	m->ol_flags |= RTE_MBUF_F_TX_VLAN;
	m->vlan_tci = 0x2005;
	send_one(fp, m);
	f.vlan = 0x2005;
	check_sent(fp, &f, 1448);
	fake_port_destroy(fp);
}

static void
check_refused(struct fake_port *fp, struct rte_mbuf *m, int why)
{
	rte_errno = 0;
	CHECK_EQ(rte_eth_tx_prepare(fp->port, 0, &m, 1), 0);
	CHECK_EQ(rte_errno, why);
	rte_pktmbuf_free(m);
}

static void
refused(void)
{
	struct fake_port *fp = port(VU_F_INDIRECT);
	const struct ip_frame f = { .payload = 5000 };
	struct rte_mbuf *m;

	/* A device would have to cut it into segments of nothing. */
	check_refused(fp, packet(fp, &f, 0, 0), EINVAL);
	check_refused(fp, packet(fp, &f, ip_frame_payload_at(&f) - 1, 1000), ENOTSUP);
	/* It does not say how long its TCP header is. */
	m = packet(fp, &f, ip_frame_l4_at(&f) + 18, 1000);
	m->l4_len = 0;
	check_refused(fp, m, EINVAL);
	m = packet(fp, &f, 0, 1000);
	m->ol_flags ^= RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_UDP_SEG;
	check_refused(fp, m, ENOTSUP);
	fake_port_destroy(fp);
}

/* 5.1.6.2.1: the header must not ask for what was not negotiated. */
static void
without_the_offload(void)
{
	static const uint64_t offloads[] = { 0, RTE_ETH_TX_OFFLOAD_TCP_CKSUM };
	unsigned int i, v6;

	for (i = 0; i < RTE_DIM(offloads); i++) {
		struct fake_port *fp = fake_port_start(&(struct fake_port_conf){
			.features = TSO, .tx_offloads = offloads[i],
		});

		for (v6 = 0; v6 < 2; v6++) {
			const struct ip_frame f = { .ipv6 = v6, .payload = 5000 };

			check_refused(fp, packet(fp, &f, 0, 1000), ENOTSUP);
		}
		fake_port_destroy(fp);
	}
}

/* A thread may prepare packets of a queue that is being set up, and has no structure then. */
static void
during_a_setup(void)
{
	struct fake_port *fp = port(VU_F_INDIRECT);
	const struct ip_frame f = { .payload = 5000 };
	struct rte_mbuf *m = packet(fp, &f, 0, 1000);
	struct rte_eth_dev *edev = &rte_eth_devices[fp->port];
	void *txq = edev->data->tx_queues[0];

	edev->dev_ops->tx_queue_release(edev, 0);
	CHECK_EQ(rte_eth_tx_prepare(fp->port, 0, &m, 1), 1);
	CHECK_EQ(rte_eth_tx_burst(fp->port, 0, &m, 1), 0);
	edev->data->tx_queues[0] = txq;
	rte_pktmbuf_free(m);
	fake_port_destroy(fp);
}

/* A device makes segments of one header only: the lengths in an outer one would be wrong. */
static void
tunnels_are_refused(void)
{
	static const enum ip_frame_tunnel tunnels[] = { VXLAN, IPIP };
	struct fake_port *fp = port(0);
	unsigned int k, v6;

	for (k = 0; k < RTE_DIM(tunnels); k++) {
		for (v6 = 0; v6 < 2; v6++) {
			const struct ip_frame f = {
				.ipv6 = v6, .tunnel = tunnels[k], .payload = 5000
			};
			struct rte_mbuf *m;

			check_refused(fp, packet(fp, &f, 0, 1000), ENOTSUP);
			/* By the type of the tunnel alone, or by the outer header alone. */
			m = packet(fp, &f, 0, 1000);
			m->ol_flags &= ~(RTE_MBUF_F_TX_OUTER_IPV4 | RTE_MBUF_F_TX_OUTER_IPV6);
			check_refused(fp, m, ENOTSUP);
			m = packet(fp, &f, 0, 1000);
			m->ol_flags &= ~RTE_MBUF_F_TX_TUNNEL_MASK;
			check_refused(fp, m, ENOTSUP);
		}
	}
	fake_port_destroy(fp);
}

TEST_MAIN(
	TEST_WARM_UP(fake_port_warm_up),
	TEST_LAYOUTS(every_size_in_tables),
	TEST_LAYOUTS(every_size_in_chains),
	TEST_LAYOUTS(headers_alone),
	TEST_LAYOUTS(shared_packets),
	TEST_LAYOUTS(with_a_tag_put_in),
	TEST_LAYOUTS(refused),
	TEST_LAYOUTS(without_the_offload),
	TEST_LAYOUTS(during_a_setup),
	TEST_LAYOUTS(tunnels_are_refused),
)
