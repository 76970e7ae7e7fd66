/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * VLAN tags are taken off what is received, and put into what is sent, by the driver: for the port,
 * for one queue since its set-up, and switched while it runs. What is counted is what is delivered.
 */

#include <string.h>

#include "fake_port.h"
#include "ip_frame.h"
#include "test.h"

#define STRIP RTE_ETH_RX_OFFLOAD_VLAN_STRIP

static uint8_t bytes[IP_FRAME_MAX], without[IP_FRAME_MAX];

static const uint64_t feature_sets[] = { 0, VU_F_MRG_RXBUF };

static struct fake_port *
port(uint64_t features, uint64_t offloads)
{
	return fake_port_start(&(struct fake_port_conf){
		.features = features | VU_F_GUEST_CSUM, .rx_offloads = offloads,
	});
}

static struct rte_mbuf *
receive_one(struct fake_port *fp, uint16_t queue)
{
	struct rte_mbuf *m[2];

	CHECK_EQ(rte_eth_rx_burst(fp->port, queue, m, 2), 1);
	return m[0];
}

/* A frame with a tag comes, and it is taken off, or not. */
static void
check_tagged(struct fake_port *fp, uint16_t queue, bool strips)
{
	static const struct ip_frame_hdr hdr;
	struct ip_frame f = { .udp = true, .payload = 80, .vlan = 0xe123 };
	const uint32_t len = ip_frame_write(&f, bytes);
	struct rte_mbuf *m;

	f.vlan = 0;
	ip_frame_write(&f, without);
	fake_port_give(fp, queue, &hdr, bytes, len, 0);
	m = receive_one(fp, queue);
	if (strips) {
		ip_frame_check_mbuf(m, without, len - 4, "stripped");
		CHECK_EQ(m->ol_flags, RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED);
		CHECK_EQ(m->vlan_tci, 0xe123);
	} else {
		ip_frame_check_mbuf(m, bytes, len, "received");
		CHECK_EQ(m->ol_flags, 0);
	}
	rte_pktmbuf_free(m);
}

static void
counted_as_delivered(void)
{
	/* Both sides of each bound, with a tag and without; and one over several buffers. */
	static const uint32_t lens[] = { 60, 63, 64, 67, 68, 127, 128, 131, 132, 259, 1518, 1522,
					 1523, 6000 };
	static const char *const bins[] = { "undersize", "size_64", "size_65_127", "size_128_255",
					    "size_256_511", "size_512_1023", "size_1024_1518",
					    "size_1519_max" };
	static const uint32_t ends[] = { 63, 64, 127, 255, 511, 1023, 1518, UINT32_MAX };
	static const struct ip_frame_hdr hdr;
	struct fake_port *fp = port(VU_F_MRG_RXBUF, STRIP);
	uint64_t in_bin[RTE_DIM(bins)] = { 0 };
	uint64_t packets = 0, octets = 0;
	unsigned int i, k, vlan;

	for (i = 0; i < RTE_DIM(lens); i++) {
		for (vlan = 0; vlan < 2; vlan++) {
			struct ip_frame f = { .udp = true, .vlan = vlan };
			const uint32_t delivered = lens[i] - 4 * vlan;
			struct rte_mbuf *m;

			f.payload = lens[i] - ip_frame_payload_at(&f);
			CHECK_EQ(ip_frame_write(&f, bytes), lens[i]);
			/* Group addresses are counted once, whatever is done to the frame. */
			memset(bytes, i % 2 ? 0xff : 1, 6);
			fake_port_give(fp, 0, &hdr, bytes, lens[i], 0);
			m = receive_one(fp, 0);
			CHECK_EQ(m->pkt_len, delivered);
			rte_pktmbuf_free(m);
			packets++;
			octets += delivered;
			for (k = 0; delivered > ends[k]; k++)
				;
			in_bin[k]++;
		}
	}
	CHECK_EQ(fake_port_xstat(fp, "rx_q0_good_packets"), packets);
	CHECK_EQ(fake_port_xstat(fp, "rx_q0_good_bytes"), octets);
	CHECK_EQ(fake_port_xstat(fp, "rx_q0_broadcast_packets"), packets / 2);
	CHECK_EQ(fake_port_xstat(fp, "rx_q0_multicast_packets"), packets / 2);
	for (k = 0; k < RTE_DIM(bins); k++) {
		char name[64];

		snprintf(name, sizeof(name), "rx_q0_%s_packets", bins[k]);
		CHECK_EQ(fake_port_xstat(fp, name), in_bin[k]);
	}
	fake_port_destroy(fp);
}

/* The first of two tags goes; what is no tag of this kind stays, and so does what is cut short. */
static void
only_what_is_a_tag(void)
{
	static const struct ip_frame_hdr hdr;
	struct fake_port *fp = port(VU_F_MRG_RXBUF, STRIP);
	struct rte_mbuf *m;

	memset(bytes, 2, 200);
	memcpy(bytes + 12, "\x81\x00\x00\x05\x81\x00\x00\x06\x08\x00", 10);
	fake_port_give(fp, 0, &hdr, bytes, 200, 0);
	m = receive_one(fp, 0);
	memcpy(without, bytes, 12);
	memcpy(without + 12, bytes + 16, 184);
	ip_frame_check_mbuf(m, without, 196, "the first of two tags");
	CHECK_EQ(m->vlan_tci, 5);
	rte_pktmbuf_free(m);

	memcpy(bytes + 12, "\x88\xa8\x00\x05\x08\x00", 6);
	fake_port_give(fp, 0, &hdr, bytes, 200, 0);
	m = receive_one(fp, 0);
	ip_frame_check_mbuf(m, bytes, 200, "a service tag");
	CHECK_EQ(m->ol_flags, 0);
	rte_pktmbuf_free(m);

	/* Of 17 bytes the last one of the type behind the tag is missing. */
	memcpy(bytes + 12, "\x81\x00\x00\x05\x08\x00", 6);
	fake_port_give(fp, 0, &hdr, bytes, 17, 0);
	m = receive_one(fp, 0);
	ip_frame_check_mbuf(m, bytes, 17, "half a tag");
	CHECK_EQ(m->ol_flags, 0);
	rte_pktmbuf_free(m);

	/* A first buffer that ends within the tag: the rest of it is elsewhere. */
	fake_port_give(fp, 0, &hdr, bytes, 45, 15);
	m = receive_one(fp, 0);
	CHECK_EQ(m->nb_segs, 3);
	ip_frame_check_mbuf(m, bytes, 45, "a tag in two buffers");
	CHECK_EQ(m->ol_flags, 0);
	rte_pktmbuf_free(m);
	fake_port_destroy(fp);
}

/* The header's places are those of the frame with its tag; the packet's type is without. */
static void
with_a_checksum(void)
{
	unsigned int k, i;

	for (k = 0; k < RTE_DIM(feature_sets); k++) {
		struct fake_port *fp =
			port(feature_sets[k], STRIP | RTE_ETH_RX_OFFLOAD_TCP_CKSUM);
		static const enum ip_frame_tunnel tunnels[] = { NO_TUNNEL, VXLAN, IPIP };

		for (i = 0; i < RTE_DIM(tunnels); i++) {
			struct ip_frame f = { .tunnel = tunnels[i], .payload = 77, .vlan = 5 };
			const struct ip_frame_hdr hdr = {
				.flags = IP_FRAME_NEEDS_CSUM, .csum_start = ip_frame_l4_at(&f),
				.csum_offset = 16,
			};
			const uint32_t len = ip_frame_write_unfinished(&f, bytes);
			struct rte_mbuf *m;

			f.vlan = 0;
			if (f.tunnel == NO_TUNNEL)
				ip_frame_write_unfinished(&f, without);
			else
				ip_frame_write(&f, without);
			fake_port_give(fp, 0, &hdr, bytes, len, 0);
			m = receive_one(fp, 0);
			ip_frame_check_mbuf(m, without, len - 4, "stripped");
			CHECK_EQ(m->ol_flags, RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED |
				 (f.tunnel == NO_TUNNEL ? RTE_MBUF_F_RX_L4_CKSUM_NONE : 0));
			CHECK_EQ(m->packet_type & RTE_PTYPE_L2_MASK, RTE_PTYPE_L2_ETHER);
			CHECK_EQ(m->packet_type & RTE_PTYPE_L3_MASK, RTE_PTYPE_L3_IPV4);
			rte_pktmbuf_free(m);
		}
		fake_port_destroy(fp);
	}
}

/* The tag behind the one that was removed decides the type. */
static void
type_of_the_next_tag(void)
{
	static const struct {
		const char *tag;
		uint32_t type;
	} next[] = {
		{ "\x81\x00", RTE_PTYPE_L2_ETHER_VLAN },
		{ "\x88\xa8", RTE_PTYPE_L2_ETHER_QINQ },
		{ "\x12\x34", RTE_PTYPE_L2_ETHER },
	};
	const struct ip_frame_hdr hdr = { .flags = IP_FRAME_DATA_VALID };
	struct fake_port *fp = port(VU_F_MRG_RXBUF, STRIP | RTE_ETH_RX_OFFLOAD_TCP_CKSUM);
	unsigned int i;

	for (i = 0; i < RTE_DIM(next); i++) {
		struct rte_mbuf *m;

		memset(bytes, 2, 200);
		memcpy(bytes + 12, "\x81\x00\x00\x05", 4);
		memcpy(bytes + 16, next[i].tag, 2);
		memcpy(bytes + 18, "\x00\x06\x12\x34", 4);
		fake_port_give(fp, 0, &hdr, bytes, 200, 0);
		m = receive_one(fp, 0);
		CHECK_EQ(m->vlan_tci, 5);
		CHECK_EQ(m->packet_type & RTE_PTYPE_L2_MASK, next[i].type);
		rte_pktmbuf_free(m);
	}
	fake_port_destroy(fp);
}

/* One queue alone, by its set-up, on a running port. */
static void
of_one_queue(void)
{
	const struct rte_eth_rxconf strips = { .offloads = STRIP };
	unsigned int k, round;

	for (k = 0; k < RTE_DIM(feature_sets); k++) {
		struct fake_port *fp = port(feature_sets[k], 0);
		struct rte_eth_dev_info info;
		struct rte_eth_rxq_info queue;

		CHECK_EQ(rte_eth_dev_info_get(fp->port, &info), 0);
		CHECK(info.rx_queue_offload_capa & STRIP);
		check_tagged(fp, 0, false);
		check_tagged(fp, 1, false);
		for (round = 0; round < 4; round++) {
			const bool on = round % 2 == 0;

			CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 1), 0);
			CHECK_EQ(rte_eth_rx_queue_setup(fp->port, 1, FAKE_PORT_SIZE, SOCKET_ID_ANY,
							on ? &strips : NULL, fp->rx_pool[1]), 0);
			check_tagged(fp, 0, false);
			CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 1), 0);
			check_tagged(fp, 1, on);
			check_tagged(fp, 0, false);
			CHECK_EQ(rte_eth_rx_queue_info_get(fp->port, 1, &queue), 0);
			CHECK_EQ(queue.conf.offloads, on ? STRIP : 0);
		}
		/* It stays over a stop of the port. */
		CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 1), 0);
		CHECK_EQ(rte_eth_rx_queue_setup(fp->port, 1, FAKE_PORT_SIZE, SOCKET_ID_ANY, &strips,
						fp->rx_pool[1]), 0);
		CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 1), 0);
		CHECK_EQ(rte_eth_dev_stop(fp->port), 0);
		CHECK_EQ(rte_eth_dev_start(fp->port), 0);
		check_tagged(fp, 1, true);
		check_tagged(fp, 0, false);
		fake_port_destroy(fp);
	}
}

/* A set-up that is refused leaves the queue with what it had. */
static void
refused_setup_keeps_it(void)
{
	const struct rte_eth_rxconf strips = { .offloads = STRIP };
	struct fake_port *fp = port(0, 0);

	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
	CHECK_EQ(rte_eth_rx_queue_setup(fp->port, 0, FAKE_PORT_SIZE, SOCKET_ID_ANY, &strips,
					fp->rx_pool[0]), 0);
	if (!test_packed())
		CHECK_EQ(rte_eth_rx_queue_setup(fp->port, 0, 31, SOCKET_ID_ANY, NULL,
						fp->rx_pool[0]), -EINVAL);
	CHECK_EQ(rte_eth_rx_queue_setup(fp->port, 0, FAKE_PORT_SIZE, SOCKET_ID_ANY,
					&(struct rte_eth_rxconf){ .rx_free_thresh = 7 },
					fp->rx_pool[0]), -EINVAL);
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), 0);
	check_tagged(fp, 0, true);
	fake_port_destroy(fp);
}

static void
switched_while_it_runs(void)
{
	struct fake_port *fp = port(VU_F_MRG_RXBUF, 0);

	CHECK_EQ(rte_eth_dev_get_vlan_offload(fp->port), 0);
	CHECK_EQ(rte_eth_dev_set_vlan_offload(fp->port, RTE_ETH_VLAN_STRIP_OFFLOAD), 0);
	CHECK_EQ(rte_eth_dev_get_vlan_offload(fp->port), RTE_ETH_VLAN_STRIP_OFFLOAD);
	check_tagged(fp, 0, true);
	check_tagged(fp, 1, true);
	CHECK_EQ(rte_eth_dev_set_vlan_strip_on_queue(fp->port, 0, 0), 0);
	check_tagged(fp, 0, false);
	check_tagged(fp, 1, true);
	CHECK_EQ(rte_eth_dev_set_vlan_offload(fp->port, 0), 0);
	check_tagged(fp, 0, false);
	check_tagged(fp, 1, false);
	CHECK_EQ(rte_eth_dev_set_vlan_strip_on_queue(fp->port, 0, 1), 0);
	check_tagged(fp, 0, true);
	check_tagged(fp, 1, false);
	CHECK_EQ(rte_eth_dev_set_vlan_strip_on_queue(fp->port, 1, 1), 0);
	check_tagged(fp, 1, true);
	CHECK_EQ(rte_eth_dev_set_vlan_strip_on_queue(fp->port, 1, 0), 0);
	check_tagged(fp, 0, true);
	check_tagged(fp, 1, false);
	CHECK_EQ(rte_eth_dev_set_vlan_strip_on_queue(fp->port, FAKE_PORT_PAIRS, 1), -EINVAL);
	/* What the device would have to do, it does not. */
	CHECK(rte_eth_dev_set_vlan_offload(fp->port, RTE_ETH_VLAN_FILTER_OFFLOAD) < 0);
	CHECK(rte_eth_dev_set_vlan_offload(fp->port, RTE_ETH_QINQ_STRIP_OFFLOAD) < 0);
	check_tagged(fp, 0, true);
	/* A queue that is set up while the port is switched on for all is one of them. */
	CHECK_EQ(rte_eth_dev_set_vlan_offload(fp->port, RTE_ETH_VLAN_STRIP_OFFLOAD), 0);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 1), 0);
	CHECK_EQ(fake_port_setup_rx(fp, 1, FAKE_PORT_SIZE), 0);
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 1), 0);
	check_tagged(fp, 1, true);
	fake_port_destroy(fp);
}

/* What a port is configured with holds also for queues that are not set up again. */
static void
configured_anew(void)
{
	struct fake_port *fp = port(0, STRIP);
	const struct rte_eth_rxconf strips = { .offloads = STRIP };
	struct rte_eth_conf conf = { 0 };

	check_tagged(fp, 0, true);
	CHECK_EQ(rte_eth_dev_stop(fp->port), 0);
	CHECK_EQ(rte_eth_dev_configure(fp->port, FAKE_PORT_PAIRS, FAKE_PORT_PAIRS, &conf), 0);
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	check_tagged(fp, 0, false);
	check_tagged(fp, 1, false);
	CHECK_EQ(rte_eth_dev_stop(fp->port), 0);
	CHECK_EQ(rte_eth_rx_queue_setup(fp->port, 1, FAKE_PORT_SIZE, SOCKET_ID_ANY, &strips,
					fp->rx_pool[1]), 0);
	conf.rxmode.offloads = STRIP;
	CHECK_EQ(rte_eth_dev_configure(fp->port, FAKE_PORT_PAIRS, FAKE_PORT_PAIRS, &conf), 0);
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	check_tagged(fp, 0, true);
	check_tagged(fp, 1, true);
	CHECK_EQ(rte_eth_dev_stop(fp->port), 0);
	conf.rxmode.offloads = 0;
	CHECK_EQ(rte_eth_dev_configure(fp->port, FAKE_PORT_PAIRS, FAKE_PORT_PAIRS, &conf), 0);
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	check_tagged(fp, 0, false);
	/* Its own is its own. */
	check_tagged(fp, 1, true);
	fake_port_destroy(fp);
}

/* Put in while the packet is prepared, also into the first of several segments, and counted. */
static void
put_in(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){
		.features = VU_F_INDIRECT, .tx_offloads = RTE_ETH_TX_OFFLOAD_VLAN_INSERT,
	});
	static uint8_t got[4096];
	unsigned int round;

	for (round = 0; round < 2; round++) {
		struct ip_frame f = { .payload = 500 };
		const uint32_t len = ip_frame_write(&f, bytes);
		struct rte_mbuf *m = ip_frame_mbuf(fp->tx_pool[0], bytes, len, round * 60, 0, 42);
		struct device_chain chain;

		m->ol_flags |= RTE_MBUF_F_TX_VLAN;
		m->vlan_tci = 0x7fed;
		CHECK_EQ(rte_eth_tx_prepare(fp->port, 0, &m, 1), 1);
		/* Once: not again, however often it is asked. */
		CHECK_EQ(rte_eth_tx_prepare(fp->port, 0, &m, 1), 1);
		CHECK_EQ(rte_eth_tx_burst(fp->port, 0, &m, 1), 1);
		f.vlan = 0x7fed;
		CHECK_EQ(ip_frame_write(&f, bytes), len + 4);
		CHECK_EQ(fake_port_take_bytes(fp, 0, &chain, got, sizeof(got)),
			 len + 4 + FAKE_PORT_HDR);
		ip_frame_check_bytes(got + FAKE_PORT_HDR, len + 4, bytes, len + 4, "sent");
		CHECK_EQ(fake_port_xstat(fp, "tx_q0_good_bytes"), (round + 1) * (len + 4));
	}
	fake_port_destroy(fp);
}

TEST_MAIN(
	TEST_WARM_UP(fake_port_warm_up),
	TEST_LAYOUTS(counted_as_delivered),
	TEST_LAYOUTS(only_what_is_a_tag),
	TEST_LAYOUTS(with_a_checksum),
	TEST_LAYOUTS(type_of_the_next_tag),
	TEST_LAYOUTS(of_one_queue),
	TEST_LAYOUTS(refused_setup_keeps_it),
	TEST_LAYOUTS(switched_while_it_runs),
	TEST_LAYOUTS(configured_anew),
	TEST_LAYOUTS(put_in),
)
