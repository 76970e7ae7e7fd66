/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * What a device says of a frame that it writes: a checksum that is not made yet, or was found good,
 * a frame that is several. It is passed on in the packet's flags where those can express it, made
 * good by software where they cannot, refused where it cannot be, and not looked at where it was
 * not negotiated.
 */

#include <string.h>

#include "fake_port.h"
#include "ip_frame.h"
#include "test.h"

#define CHECKSUMS (RTE_ETH_RX_OFFLOAD_UDP_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM)
#define LRO (VU_F_GUEST_CSUM | VU_F_GUEST_TSO4 | VU_F_GUEST_TSO6 | VU_F_MRG_RXBUF)

static const struct ip_frame plain[] = {
	{ .payload = 1 }, { .udp = true, .payload = 64 }, { .ipv6 = true, .payload = 999 },
	{ .ipv6 = true, .udp = true, .payload = 3 }, { .payload = 1400, .vlan = 0x6123 },
	{ .ipv6 = true, .udp = true, .payload = 33, .vlan = 7 },
};

static const struct ip_frame tunnelled[] = {
	{ .tunnel = VXLAN, .payload = 700 }, { .tunnel = VXLAN, .udp = true, .payload = 61 },
	{ .tunnel = VXLAN, .ipv6 = true, .payload = 55, .vlan = 9 },
	{ .tunnel = IPIP, .payload = 800 }, { .tunnel = IPIP, .ipv6 = true, .udp = true },
	{ .tunnel = IPIP, .ipv6 = true, .payload = 1300, .vlan = 9 },
};

static uint8_t bytes[IP_FRAME_MAX];

static struct fake_port *
port(uint64_t features, uint64_t offloads)
{
	return fake_port_start(&(struct fake_port_conf){
		.features = VU_F_GUEST_CSUM | features, .rx_offloads = offloads,
	});
}

/* What a device says of a frame whose checksum is not made yet. */
static struct ip_frame_hdr
needs_checksum(const struct ip_frame *f)
{
	return (struct ip_frame_hdr){
		.flags = IP_FRAME_NEEDS_CSUM, .csum_start = ip_frame_l4_at(f),
		.csum_offset = ip_frame_csum_offset(f),
	};
}

static uint32_t
type_of(const struct ip_frame *f)
{
	return (f->vlan != 0 ? RTE_PTYPE_L2_ETHER_VLAN : RTE_PTYPE_L2_ETHER) |
	       (f->ipv6 ? RTE_PTYPE_L3_IPV6 : RTE_PTYPE_L3_IPV4) |
	       (f->udp ? RTE_PTYPE_L4_UDP : RTE_PTYPE_L4_TCP);
}

static struct rte_mbuf *
receive_one(struct fake_port *fp)
{
	struct rte_mbuf *m[2];

	CHECK_EQ(rte_eth_rx_burst(fp->port, 0, m, 2), 1);
	CHECK_EQ(m[0]->port, fp->port);
	return m[0];
}

/* One frame in, one packet out, with these bytes and flags. */
static void
check_comes_as(struct fake_port *fp, const struct ip_frame_hdr *hdr, const uint8_t *frame,
	       uint32_t len, uint32_t part, const uint8_t *wanted, uint64_t flags)
{
	struct rte_mbuf *m;

	fake_port_give(fp, 0, hdr, frame, len, part);
	m = receive_one(fp);
	ip_frame_check_mbuf(m, wanted, len, "received");
	CHECK_EQ(m->ol_flags, flags);
	rte_pktmbuf_free(m);
}

/* Nothing is received, one error is counted, the buffers are in the ring again or in the pool. */
static void
check_dropped(struct fake_port *fp, const struct ip_frame_hdr *hdr, const uint8_t *frame,
	      uint32_t len, uint32_t part, const char *what)
{
	const uint64_t errors = fake_port_xstat(fp, "rx_q0_errors");
	const uint64_t packets = fake_port_xstat(fp, "rx_q0_good_packets");
	struct rte_mbuf *m[2];

	fake_port_give(fp, 0, hdr, frame, len, part);
	if (rte_eth_rx_burst(fp->port, 0, m, 2) != 0)
		test_fail(__FILE__, __LINE__, "%s is received", what);
	CHECK_EQ(fake_port_xstat(fp, "rx_q0_errors"), errors + 1);
	CHECK_EQ(fake_port_xstat(fp, "rx_q0_good_packets"), packets);
	CHECK_EQ(fake_port_xstat(fp, "rx_q0_broken"), 0);
	/* And the next one is as if nothing had been. */
	fake_port_write(fp, 0, 200);
	CHECK_EQ(fake_port_receive(fp, 0), 1);
}

static void
checksum_not_made(uint64_t features)
{
	struct fake_port *fp = port(features, CHECKSUMS);
	unsigned int i, vlan;

	for (i = 0; i < RTE_DIM(plain); i++) {
		const struct ip_frame_hdr hdr = needs_checksum(&plain[i]);
		const uint32_t len = ip_frame_write_unfinished(&plain[i], bytes);
		struct rte_mbuf *m;

		fake_port_give(fp, 0, &hdr, bytes, len, 0);
		m = receive_one(fp);
		ip_frame_check_mbuf(m, bytes, len, "received");
		CHECK_EQ(m->ol_flags, RTE_MBUF_F_RX_L4_CKSUM_NONE);
		CHECK_EQ(m->packet_type, type_of(&plain[i]));
		rte_pktmbuf_free(m);
	}
	/* What was set of the last one is not there for the next. */
	for (vlan = 0; vlan < 3 * FAKE_PORT_SIZE; vlan++) {
		fake_port_write(fp, 0, 100);
		CHECK_EQ(fake_port_receive(fp, 0), 1);
	}
	fake_port_destroy(fp);
}

static void
checksum_not_made_mergeable(void)
{
	checksum_not_made(VU_F_MRG_RXBUF);
}

static void
checksum_not_made_single(void)
{
	checksum_not_made(0);
}

static void
checksum_found_good(void)
{
	static const struct ip_frame_hdr good = { .flags = IP_FRAME_DATA_VALID };
	static const struct ip_frame_hdr says_nothing = { .csum_start = 9, .hdr_len = 77 };
	static const struct ip_frame_hdr of_the_future = { .flags = 0xfc };
	struct fake_port *fp = port(VU_F_MRG_RXBUF, CHECKSUMS);
	unsigned int i;

	for (i = 0; i < RTE_DIM(plain); i++) {
		const uint32_t len = ip_frame_write(&plain[i], bytes);
		struct rte_mbuf *m;

		fake_port_give(fp, 0, &good, bytes, len, 0);
		m = receive_one(fp);
		ip_frame_check_mbuf(m, bytes, len, "received");
		CHECK_EQ(m->ol_flags, RTE_MBUF_F_RX_L4_CKSUM_GOOD);
		CHECK_EQ(m->packet_type, type_of(&plain[i]));
		rte_pktmbuf_free(m);
		check_comes_as(fp, &says_nothing, bytes, len, 0, bytes, 0);
		check_comes_as(fp, &of_the_future, bytes, len, 0, bytes, 0);
	}
	/* Of a frame that is no TCP and no UDP there is no L4 checksum to be good. */
	memset(bytes, 2, 100);
	check_comes_as(fp, &good, bytes, 100, 0, bytes, 0);
	fake_port_destroy(fp);
}

/*
 * Flags speak of the outermost layer 4 only: any other checksum is made here, also where frame and
 * checksum go over the ends of buffers, at odd places.
 */
static void
checksum_made_by_software(uint64_t features)
{
	static uint8_t wanted[IP_FRAME_MAX];
	struct fake_port *fp = port(features, CHECKSUMS);
	const bool mergeable = features & VU_F_MRG_RXBUF;
	unsigned int i;
	uint32_t part;

	for (i = 0; i < RTE_DIM(tunnelled); i++) {
		const struct ip_frame_hdr hdr = needs_checksum(&tunnelled[i]);
		const uint32_t len = ip_frame_write_unfinished(&tunnelled[i], bytes);

		CHECK_EQ(ip_frame_write(&tunnelled[i], wanted), len);
		for (part = mergeable ? 41 : 4000; part < 4001; part += mergeable ? 1 : 1000) {
			check_comes_as(fp, &hdr, bytes, len, part, wanted, 0);
			if (part == 140)
				part = 1000;
		}
	}
	fake_port_destroy(fp);
}

static void
checksum_made_by_software_mergeable(void)
{
	checksum_made_by_software(VU_F_MRG_RXBUF);
}

static void
checksum_made_by_software_single(void)
{
	checksum_made_by_software(0);
}

/* An unknown protocol, a fragment, a checksum that is not the one of the protocol. */
static void
checksum_of_what_is_not_known(void)
{
	static uint8_t wanted[IP_FRAME_MAX];
	struct fake_port *fp = port(VU_F_MRG_RXBUF, CHECKSUMS);
	const struct ip_frame f = { .payload = 500 };
	const uint32_t len = ip_frame_write_unfinished(&f, bytes);
	struct ip_frame_hdr hdr;
	unsigned int way;

	for (way = 0; way < 6; way++) {
		ip_frame_write_unfinished(&f, bytes);
		hdr = needs_checksum(&f);
		switch (way) {
		case 0:
			bytes[ip_frame_l3_at(&f) + 9] = 99;
			break;
		case 1:
			bytes[ip_frame_l3_at(&f) + 6] = 0x20; /* more fragments */
			break;
		case 2:
			hdr.csum_offset = 18;
			break;
		case 3:
			hdr.csum_start = ip_frame_payload_at(&f);
			hdr.csum_offset = 0;
			break;
		case 4:
			/* The right field, of another sum. */
			hdr.csum_start = ip_frame_l3_at(&f);
			break;
		default:
			bytes[ip_frame_l3_at(&f) + 9] = 99;
			hdr.csum_offset = 0;
		}
		memcpy(wanted, bytes, len);
		ip_frame_finish(wanted, len, hdr.csum_start, hdr.csum_offset);
		check_comes_as(fp, &hdr, bytes, len, 0, wanted, 0);
	}
	fake_port_destroy(fp);
}

/* Its checksum is a CRC, which is left to the application as the others are. */
static void
checksum_of_sctp(void)
{
	struct fake_port *fp = port(VU_F_MRG_RXBUF, CHECKSUMS);
	const struct ip_frame f = { .payload = 100 };
	const uint32_t len = ip_frame_write(&f, bytes);
	const struct ip_frame_hdr hdrs[] = {
		{ .flags = IP_FRAME_NEEDS_CSUM, .csum_start = ip_frame_l4_at(&f),
		  .csum_offset = 8 },
		{ .flags = IP_FRAME_DATA_VALID },
	};
	static const uint64_t flags[] = {
		RTE_MBUF_F_RX_L4_CKSUM_NONE, RTE_MBUF_F_RX_L4_CKSUM_GOOD,
	};
	unsigned int i;

	bytes[ip_frame_l3_at(&f) + 9] = 132;
	for (i = 0; i < RTE_DIM(hdrs); i++) {
		struct rte_mbuf *m;

		fake_port_give(fp, 0, &hdrs[i], bytes, len, 0);
		m = receive_one(fp);
		ip_frame_check_mbuf(m, bytes, len, "received");
		CHECK_EQ(m->ol_flags, flags[i]);
		CHECK_EQ(m->packet_type,
			 RTE_PTYPE_L2_ETHER | RTE_PTYPE_L3_IPV4 | RTE_PTYPE_L4_SCTP);
		rte_pktmbuf_free(m);
	}
	fake_port_destroy(fp);
}

/* A checksum that comes out as 0 is written as 0xffff: in UDP, 0 would mean that there is none. */
static void
checksum_of_zero(void)
{
	static uint8_t wanted[IP_FRAME_MAX];
	struct fake_port *fp = port(0, CHECKSUMS);
	const struct ip_frame f = { .tunnel = VXLAN, .udp = true, .payload = 64 };
	const struct ip_frame_hdr hdr = needs_checksum(&f);
	const uint32_t at = ip_frame_payload_at(&f) + 10;
	uint32_t len = ip_frame_write(&f, wanted);
	uint32_t sum;

	/* What the checksum is goes into the payload: then the sum of all is 0xffff. */
	len = ip_frame_write_unfinished(&f, bytes);
	sum = (bytes[at] << 8 | bytes[at + 1]) +
	      (wanted[hdr.csum_start + 6] << 8 | wanted[hdr.csum_start + 7]);
	sum = (sum & 0xffff) + (sum >> 16);
	bytes[at] = sum >> 8;
	bytes[at + 1] = sum;
	memcpy(wanted, bytes, len);
	ip_frame_finish(wanted, len, hdr.csum_start, hdr.csum_offset);
	CHECK_EQ(wanted[hdr.csum_start + 6] << 8 | wanted[hdr.csum_start + 7], 0xffff);
	check_comes_as(fp, &hdr, bytes, len, 0, wanted, 0);
	fake_port_destroy(fp);
}

static void
large_receive(void)
{
	static const uint32_t payloads[] = { 50, 1000, 3000, 30000, 64000 };
	struct fake_port *fp = port(LRO, RTE_ETH_RX_OFFLOAD_TCP_LRO);
	static const uint8_t flags[] = { IP_FRAME_NEEDS_CSUM, IP_FRAME_DATA_VALID, 0 };
	unsigned int i, v6, k;

	for (i = 0; i < RTE_DIM(payloads); i++) {
		for (v6 = 0; v6 < 2; v6++) {
			for (k = 0; k < RTE_DIM(flags); k++) {
				const struct ip_frame f = {
					.ipv6 = v6, .payload = payloads[i], .vlan = i % 2
				};
				struct ip_frame_hdr hdr = needs_checksum(&f);
				uint32_t len = ip_frame_write_unfinished(&f, bytes);
				struct rte_mbuf *m;

				if (flags[k] != IP_FRAME_NEEDS_CSUM) {
					hdr = (struct ip_frame_hdr){ .flags = flags[k] };
					len = ip_frame_write(&f, bytes);
				}
				hdr.gso_type = v6 ? IP_FRAME_GSO_TCPV6 : IP_FRAME_GSO_TCPV4;
				hdr.gso_size = 1448 + i;
				fake_port_give(fp, 0, &hdr, bytes, len, 0);
				m = receive_one(fp);
				ip_frame_check_mbuf(m, bytes, len, "received");
				CHECK_EQ(m->ol_flags, flags[k] == 0 ? RTE_MBUF_F_RX_LRO :
					 RTE_MBUF_F_RX_LRO | RTE_MBUF_F_RX_L4_CKSUM_NONE);
				CHECK_EQ(m->tso_segsz, 1448 + i);
				CHECK_EQ(m->packet_type, type_of(&f));
				CHECK_EQ(m->nb_segs, (len + FAKE_PORT_HDR + 2059) / 2060);
				rte_pktmbuf_free(m);
			}
		}
	}
	CHECK_EQ(fake_port_xstat(fp, "rx_q0_errors"), 0);
	fake_port_destroy(fp);
}

/* Headers that no device could mean. */
static void
impossible_headers(uint64_t features, uint64_t offloads, uint32_t part)
{
	struct fake_port *fp = port(features, offloads);
	const struct ip_frame frames[] = { plain[0], plain[3], tunnelled[1] };
	unsigned int i;

	for (i = 0; i < RTE_DIM(frames); i++) {
		const uint32_t len = ip_frame_write_unfinished(&frames[i], bytes);
		const uint16_t l4 = ip_frame_l4_at(&frames[i]);
		const struct {
			const char *what;
			uint16_t start, offset;
		} sums[] = {
			{ "checksum from the end on", len, 0 },
			{ "checksum from beyond the end", len + 1, 0 },
			{ "checksum from far beyond", 0xffff, 6 },
			{ "checksum at the last byte", l4, len - l4 - 1 },
			{ "checksum beyond the end", l4, len },
			{ "checksum far beyond the end", l4, 0xffff },
			{ "checksum at a sum that goes round", 0xfff0, 0x10 + l4 + 6 },
		};
		unsigned int k;

		for (k = 0; k < RTE_DIM(sums); k++) {
			const struct ip_frame_hdr hdr = {
				.flags = IP_FRAME_NEEDS_CSUM, .csum_start = sums[k].start,
				.csum_offset = sums[k].offset,
			};

			check_dropped(fp, &hdr, bytes, len, part, sums[k].what);
		}
	}
	fake_port_destroy(fp);
}

static void
impossible_checksums_single(void)
{
	impossible_headers(0, CHECKSUMS, 0);
}

static void
impossible_checksums_mergeable(void)
{
	impossible_headers(VU_F_MRG_RXBUF, CHECKSUMS, 0);
	impossible_headers(VU_F_MRG_RXBUF, CHECKSUMS, 40);
}

static void
impossible_segments(void)
{
	struct fake_port *fp = port(LRO, RTE_ETH_RX_OFFLOAD_TCP_LRO);
	static const uint8_t types[] = {
		2, IP_FRAME_GSO_UDP, 5, 6, 0x40, IP_FRAME_GSO_ECN, 0xff,
		IP_FRAME_GSO_ECN | IP_FRAME_GSO_TCPV4, IP_FRAME_GSO_ECN | IP_FRAME_GSO_TCPV6,
	};
	/* With the checksum in a tunnel: a frame that is refused is not finished before. */
	const struct ip_frame f[] = { { .payload = 6000 }, { .tunnel = VXLAN, .payload = 1000 } };
	unsigned int i, k;

	for (k = 0; k < RTE_DIM(f); k++) {
		const uint32_t len = ip_frame_write_unfinished(&f[k], bytes);
		struct ip_frame_hdr hdr = needs_checksum(&f[k]);

		hdr.gso_type = IP_FRAME_GSO_TCPV4;
		check_dropped(fp, &hdr, bytes, len, 0, "a frame of segments of nothing");
		hdr.gso_size = 1448;
		for (i = 0; i < RTE_DIM(types); i++) {
			hdr.gso_type = types[i];
			check_dropped(fp, &hdr, bytes, len, 0, "a frame of unknown segments");
		}
	}
	fake_port_destroy(fp);
}

/* Of a burst: frames with nothing to say, with a checksum to be made, and impossible ones. */
static bool
says_something(unsigned int round, unsigned int i)
{
	return (i + round) % 9 < 2;
}

static bool
is_bad(unsigned int round, unsigned int i)
{
	return i == round % 20 || i == 13;
}

/* Writes it; whether it has something to say. */
static bool
write_of_burst(unsigned int round, unsigned int i, uint32_t *len)
{
	const struct ip_frame f = { .payload = 100 + i, .seed = i };

	*len = says_something(round, i) ? ip_frame_write_unfinished(&f, bytes) :
					  ip_frame_write(&f, bytes);
	return says_something(round, i);
}

/* One that is refused takes none of its neighbours with it. */
static void
one_bad_frame_in_a_burst(uint64_t features)
{
	const struct ip_frame any = { 0 };
	struct fake_port *fp = port(features, CHECKSUMS);
	unsigned int round, i;
	uint32_t len;

	for (round = 0; round < 180; round++) {
		struct rte_mbuf *m[20];
		uint16_t n;

		for (i = 0; i < RTE_DIM(m); i++) {
			struct ip_frame_hdr hdr = needs_checksum(&any);

			if (!write_of_burst(round, i, &len))
				hdr.flags = 0;
			if (is_bad(round, i)) {
				hdr.flags = IP_FRAME_NEEDS_CSUM;
				hdr.csum_start = 1000;
			}
			fake_port_give(fp, 0, &hdr, bytes, len, 0);
		}
		n = rte_eth_rx_burst(fp->port, 0, m, RTE_DIM(m));
		n += rte_eth_rx_burst(fp->port, 0, m + n, RTE_DIM(m) - n);
		CHECK_EQ(n, round % 20 == 13 ? 19 : 18);
		for (n = 0, i = 0; i < RTE_DIM(m); i++) {
			const bool says = write_of_burst(round, i, &len);

			if (is_bad(round, i))
				continue;
			ip_frame_check_mbuf(m[n], bytes, len, "received");
			CHECK_EQ(m[n]->ol_flags, says ? RTE_MBUF_F_RX_L4_CKSUM_NONE : 0);
			CHECK_EQ(m[n]->packet_type, says ? type_of(&any) : 0);
			rte_pktmbuf_free(m[n++]);
		}
	}
	fake_port_destroy(fp);
}

static void
one_bad_frame_in_a_burst_mergeable(void)
{
	one_bad_frame_in_a_burst(VU_F_MRG_RXBUF);
}

static void
one_bad_frame_in_a_burst_single(void)
{
	one_bad_frame_in_a_burst(0);
}

/* Nothing was asked for: whatever the header says, the frame comes as it is. */
static void
nothing_negotiated(void)
{
	static const struct ip_frame_hdr hdrs[] = {
		{ .flags = IP_FRAME_NEEDS_CSUM, .csum_start = 0xffff, .csum_offset = 1 },
		{ .flags = IP_FRAME_DATA_VALID }, { .gso_type = 0xff },
		{ .flags = 0xff, .gso_type = IP_FRAME_GSO_TCPV4 },
	};
	static const uint64_t features[] = { VU_F_MRG_RXBUF, 0 };
	unsigned int k, i;

	for (k = 0; k < RTE_DIM(features); k++) {
		struct fake_port *fp = port(features[k] | VU_F_GUEST_TSO4 | VU_F_GUEST_TSO6, 0);

		CHECK_EQ(fp->vu->acked & (VU_F_GUEST_CSUM | VU_F_GUEST_TSO4 | VU_F_GUEST_TSO6), 0);
		for (i = 0; i < RTE_DIM(hdrs); i++) {
			const uint32_t len = ip_frame_write(&plain[i], bytes);
			struct rte_mbuf *m;

			fake_port_give(fp, 0, &hdrs[i], bytes, len, 0);
			m = receive_one(fp);
			ip_frame_check_mbuf(m, bytes, len, "received");
			CHECK_EQ(m->ol_flags, 0);
			CHECK_EQ(m->packet_type, 0);
			rte_pktmbuf_free(m);
		}
		CHECK_EQ(fake_port_xstat(fp, "rx_q0_errors"), 0);
		fake_port_destroy(fp);
	}
}

/* Checksums were, segments were not: those are neither reported nor refused. */
static void
only_checksums_negotiated(void)
{
	static const uint8_t types[] = { IP_FRAME_GSO_TCPV4, IP_FRAME_GSO_TCPV6, IP_FRAME_GSO_UDP,
					 0xff };
	struct fake_port *fp = port(LRO, CHECKSUMS);
	const struct ip_frame f = { .payload = 6000 };
	struct ip_frame_hdr hdr = needs_checksum(&f);
	uint32_t len;
	unsigned int i, size;

	CHECK_EQ(fp->vu->acked & (VU_F_GUEST_TSO4 | VU_F_GUEST_TSO6), 0);
	for (i = 0; i < RTE_DIM(types); i++) {
		for (size = 0; size < 2000; size += 1448) {
			len = ip_frame_write_unfinished(&f, bytes);
			hdr.flags = IP_FRAME_NEEDS_CSUM;
			hdr.gso_type = types[i];
			hdr.gso_size = size;
			check_comes_as(fp, &hdr, bytes, len, 0, bytes,
				       RTE_MBUF_F_RX_L4_CKSUM_NONE);
			len = ip_frame_write(&f, bytes);
			hdr.flags = 0;
			check_comes_as(fp, &hdr, bytes, len, 0, bytes, 0);
		}
	}
	CHECK_EQ(fake_port_xstat(fp, "rx_q0_errors"), 0);
	fake_port_destroy(fp);
}

/*
 * A device uses none of a segment's buffers before it has all of them, and so has to get all that
 * the ring holds, though that are fewer than are worth a refill otherwise.
 */
static void
idle_ring_is_filled_for_a_segment(void)
{
	struct fake_port *fp = port(LRO, RTE_ETH_RX_OFFLOAD_TCP_LRO);
	struct rte_mbuf *m;
	unsigned int i;

	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
	CHECK_EQ(fake_port_setup_rx(fp, 0, 32), 0);
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), 0);
	for (i = 0; i < 7; i++) {
		fake_port_write(fp, 0, 100);
		CHECK_EQ(fake_port_receive(fp, 0), 1);
	}
	fake_port_check_in_use(fp->rx_pool[0], 32 - 7);
	CHECK_EQ(rte_eth_rx_burst(fp->port, 0, &m, 1), 0);
	fake_port_check_in_use(fp->rx_pool[0], 32);
	fake_port_destroy(fp);
}

TEST_MAIN(
	TEST_WARM_UP(fake_port_warm_up),
	TEST_LAYOUTS(checksum_not_made_mergeable),
	TEST_LAYOUTS(checksum_not_made_single),
	TEST_LAYOUTS(checksum_found_good),
	TEST_LAYOUTS(checksum_made_by_software_mergeable),
	TEST_LAYOUTS(checksum_made_by_software_single),
	TEST_LAYOUTS(checksum_of_what_is_not_known),
	TEST_LAYOUTS(checksum_of_sctp),
	TEST_LAYOUTS(checksum_of_zero),
	TEST_LAYOUTS(large_receive),
	TEST_LAYOUTS(idle_ring_is_filled_for_a_segment),
	TEST_LAYOUTS(impossible_checksums_single),
	TEST_LAYOUTS(impossible_checksums_mergeable),
	TEST_LAYOUTS(impossible_segments),
	TEST_LAYOUTS(one_bad_frame_in_a_burst_mergeable),
	TEST_LAYOUTS(one_bad_frame_in_a_burst_single),
	TEST_LAYOUTS(nothing_negotiated),
	TEST_LAYOUTS(only_checksums_negotiated),
)
