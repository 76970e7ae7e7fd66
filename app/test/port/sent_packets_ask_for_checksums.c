/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * A packet whose checksum is left to the device: finished as its header says, it is on the wire as
 * if software had made it, whatever its protocols, tunnel, tag and segments, and wherever its data
 * begins. Memory that others hold as well is sent and not written to.
 */

#include <errno.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_malloc.h>

#include "fake_pci_port.h"
#include "fake_port.h"
#include "ip_frame.h"
#include "test.h"

#define F_ACCESS_PLATFORM (UINT64_C(1) << 33)

#define CHECKSUMS (RTE_ETH_TX_OFFLOAD_UDP_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM)

static const struct ip_frame frames[] = {
	{ .payload = 1 }, { .udp = true, .payload = 64 }, { .ipv6 = true, .payload = 999 },
	{ .ipv6 = true, .udp = true, .payload = 0 }, { .payload = 1400, .vlan = 0x6123 },
	{ .ipv6 = true, .udp = true, .payload = 33, .vlan = 7 },
	{ .tunnel = VXLAN, .payload = 700 }, { .tunnel = VXLAN, .udp = true, .payload = 61 },
	{ .tunnel = VXLAN, .ipv6 = true, .payload = 55, .vlan = 9 },
	{ .tunnel = IPIP, .payload = 800 }, { .tunnel = IPIP, .ipv6 = true, .udp = true },
};

static struct fake_port *
port(uint64_t features)
{
	return fake_port_start(&(struct fake_port_conf){
		.features = VU_F_CSUM | features, .tx_offloads = CHECKSUMS,
	});
}

/* As the application has it: the checksum's field holds anything. */
static void
spoil_checksum(const struct ip_frame *f, struct rte_mbuf *m)
{
	memset(rte_pktmbuf_mtod_offset(m, void *, ip_frame_l4_at(f) + ip_frame_csum_offset(f)),
	       0xa7, 2);
}

/* The device's: takes the packet, finishes it, and has what software would have sent. */
static struct device_chain
check_sent(struct fake_port *fp, const struct ip_frame *f)
{
	static uint8_t got[IP_FRAME_MAX], wanted[IP_FRAME_MAX];
	struct device_chain chain;
	struct ip_frame_hdr hdr;
	uint32_t len;

	len = fake_port_take_bytes(fp, 0, &chain, got, sizeof(got));
	CHECK(len > FAKE_PORT_HDR);
	len -= FAKE_PORT_HDR;
	memcpy(&hdr, got, sizeof(hdr));
	CHECK_EQ(hdr.flags, IP_FRAME_NEEDS_CSUM);
	CHECK_EQ(hdr.gso_type, 0);
	CHECK_EQ(hdr.hdr_len, 0);
	CHECK_EQ(hdr.gso_size, 0);
	CHECK_EQ(hdr.csum_start, ip_frame_l4_at(f));
	CHECK_EQ(hdr.csum_offset, ip_frame_csum_offset(f));
	CHECK_EQ(hdr.num_buffers, 0);
	ip_frame_finish(got + FAKE_PORT_HDR, len, hdr.csum_start, hdr.csum_offset);
	ip_frame_check_bytes(got + FAKE_PORT_HDR, len, wanted, ip_frame_write(f, wanted), "sent");
	return chain;
}

static void
send_one(struct fake_port *fp, struct rte_mbuf *m)
{
	CHECK_EQ(rte_eth_tx_prepare(fp->port, 0, &m, 1), 1);
	CHECK_EQ(rte_eth_tx_burst(fp->port, 0, &m, 1), 1);
}

/* All frames, each at every place in an mbuf where its data may begin. */
static void
every_protocol(void)
{
	struct fake_port *fp = port(VU_F_INDIRECT);
	uint8_t bytes[2048];
	unsigned int i, data_off;

	for (i = 0; i < RTE_DIM(frames); i++) {
		const uint32_t len = ip_frame_write(&frames[i], bytes);

		for (data_off = 0; data_off < 32; data_off++) {
			struct rte_mbuf *m =
				ip_frame_mbuf(fp->tx_pool[0], bytes, len, 0, 0, data_off);

			ip_frame_ask_checksum(&frames[i], m);
			spoil_checksum(&frames[i], m);
			send_one(fp, m);
			/* Header and frame are one descriptor wherever there is room for it. */
			CHECK_EQ(check_sent(fp, &frames[i]).n, data_off < FAKE_PORT_HDR ? 2 : 1);
		}
	}
	fake_port_destroy(fp);
}

/* The device makes no checksum of an IPv4 header. It is made before, with and without others. */
static void
ipv4_headers(void)
{
	struct fake_port *fp = port(0);
	uint8_t bytes[2048], got[2100];
	struct device_chain chain;
	unsigned int i;

	for (i = 0; i < RTE_DIM(frames); i++) {
		const uint32_t len = ip_frame_write(&frames[i], bytes);
		const uint32_t at = ip_frame_l3_at(&frames[i]) + 10;
		struct rte_mbuf *m;

		if (frames[i].ipv6)
			continue;
		m = ip_frame_mbuf(fp->tx_pool[0], bytes, len, 0, 0, 128);
		ip_frame_ask_checksum(&frames[i], m);
		spoil_checksum(&frames[i], m);
		m->ol_flags |= RTE_MBUF_F_TX_IP_CKSUM;
		memset(rte_pktmbuf_mtod_offset(m, void *, at), 0x3b, 2);
		send_one(fp, m);
		check_sent(fp, &frames[i]);

		m = ip_frame_mbuf(fp->tx_pool[0], bytes, len, 0, 0, 128);
		ip_frame_ask_checksum(&frames[i], m);
		m->ol_flags &= ~RTE_MBUF_F_TX_L4_MASK;
		m->ol_flags |= RTE_MBUF_F_TX_IP_CKSUM;
		memset(rte_pktmbuf_mtod_offset(m, void *, at), 0x3b, 2);
		send_one(fp, m);
		CHECK_EQ(fake_port_take_bytes(fp, 0, &chain, got, sizeof(got)),
			 FAKE_PORT_HDR + len);
		ip_frame_check_bytes(got + FAKE_PORT_HDR, len, bytes, len, "sent");
	}
	fake_port_destroy(fp);
}

/* 13 packets, as a group and alone; in front of each frame are these bytes, or none of them. */
static void
send_behind(struct fake_port *fp, const uint8_t before[][FAKE_PORT_HDR],
	    uint8_t headers[][FAKE_PORT_HDR])
{
	const struct ip_frame f = { .payload = 60 };
	struct rte_mbuf *m[FAKE_PORT_HDR + 1];
	uint8_t bytes[2048], got[2100];
	const uint32_t len = ip_frame_write(&f, bytes);
	struct device_chain chain;
	unsigned int i;

	for (i = 0; i < RTE_DIM(m); i++) {
		m[i] = ip_frame_mbuf(fp->tx_pool[0], bytes, len, 0, 0, 128);
		memset(m[i]->buf_addr, 0, 128);
		memcpy((uint8_t *)m[i]->buf_addr + 128 - FAKE_PORT_HDR, before[i], FAKE_PORT_HDR);
	}
	CHECK_EQ(rte_eth_tx_burst(fp->port, 0, m, RTE_DIM(m)), RTE_DIM(m));
	for (i = 0; i < RTE_DIM(m); i++) {
		CHECK_EQ(fake_port_take_bytes(fp, 0, &chain, got, sizeof(got)),
			 FAKE_PORT_HDR + len);
		memcpy(headers[i], got, FAKE_PORT_HDR);
		ip_frame_check_bytes(got + FAKE_PORT_HDR, len, bytes, len, "sent");
	}
}

/*
 * Nothing to ask for: the header has no request, whatever was in front of the frame before. The
 * number of buffers of a header that was received stays if keeps_one: it is unused in this
 * direction.
 */
static void
check_nothing_asked_for(uint64_t features, bool keeps_one)
{
	enum { AT = offsetof(struct ip_frame_hdr, num_buffers) };
	static const uint8_t values[] = { 1, 2, 0x80, 0xff };
	struct fake_port *fp = port(VU_F_INDIRECT | features);
	uint8_t headers[FAKE_PORT_HDR + 1][FAKE_PORT_HDR];
	uint8_t before[FAKE_PORT_HDR + 1][FAKE_PORT_HDR];
	const uint8_t nothing[sizeof(headers)] = { 0 };
	unsigned int p, b, v;

	/* One byte of one header, in each place of a burst. */
	for (p = 0; p <= FAKE_PORT_HDR; p++) {
		for (b = 0; b < FAKE_PORT_HDR; b++) {
			for (v = 0; v < RTE_DIM(values); v++) {
				memset(before, 0, sizeof(before));
				before[p][b] = values[v];
				send_behind(fp, before, headers);
				if (keeps_one && b == AT && values[v] == 1)
					CHECK_EQ(headers[p][b]--, 1);
				ip_frame_check_bytes(headers[0], sizeof(headers), nothing,
						     sizeof(nothing), "headers");
			}
		}
	}
	/* As they were received, some of them from a device without that number. */
	memset(before, 0, sizeof(before));
	for (p = 0; p <= FAKE_PORT_HDR; p++)
		before[p][AT] = p % 3 != 0;
	send_behind(fp, before, headers);
	ip_frame_check_bytes(headers[0], sizeof(headers), keeps_one ? before[0] : nothing,
			     sizeof(before), "headers");
	fake_port_destroy(fp);
}

static void
nothing_asked_for(void)
{
	check_nothing_asked_for(0, !test_platform_order());
}

/* A device behind a bus may read the number, 5.1.9.2.1. */
static void
nothing_asked_of_hardware(void)
{
	static const uint8_t nothing[FAKE_PORT_HDR];
	struct fake_pci_port *fp =
		fake_pci_port_start(&(struct fake_pci_port_conf){ .features = F_ACCESS_PLATFORM });
	struct rte_mbuf *m = rte_pktmbuf_alloc(fp->pool);
	struct ip_frame_hdr *hdr;
	struct device_chain chain;

	CHECK(m != NULL && rte_pktmbuf_append(m, 64) != NULL);
	hdr = rte_pktmbuf_mtod_offset(m, struct ip_frame_hdr *, -(int)sizeof(*hdr));
	*hdr = (struct ip_frame_hdr){ .num_buffers = 1 };
	CHECK_EQ(rte_eth_tx_burst(fp->port, 0, &m, 1), 1);
	CHECK(ring_device_take(fake_pci_ring(fp->fake, 1), &chain));
	ip_frame_check_bytes(chain.part[0].at, sizeof(nothing), nothing, sizeof(nothing), "header");
	ring_device_use(fake_pci_ring(fp->fake, 1), chain.head, 0);
	fake_pci_port_destroy(fp);
	check_nothing_asked_for(VU_F_ORDER_PLATFORM, false);
}

/* One of 16, which vector paths look at in groups, has no room for the header before its data. */
static void
no_headroom_in_each_place(void)
{
	enum { PACKETS = 16 };
	static const uint16_t rooms[] = { 0, FAKE_PORT_HDR - 1 };
	const struct ip_frame f = { .payload = 60 };
	struct fake_port *fp = port(VU_F_INDIRECT);
	const uint8_t nothing[FAKE_PORT_HDR] = { 0 };
	uint8_t bytes[2048], got[2100];
	const uint32_t len = ip_frame_write(&f, bytes);
	struct rte_mbuf *m[PACKETS];
	struct device_chain chain;
	unsigned int r, place, i;
	uint8_t *before;

	for (r = 0; r < RTE_DIM(rooms); r++) {
		for (place = 0; place < PACKETS; place++) {
			for (i = 0; i < PACKETS; i++)
				m[i] = ip_frame_mbuf(fp->tx_pool[0], bytes, len, 0, 0,
						     i == place ? rooms[r] : 128);
			/* The bytes in front of the buffer belong to the mbuf's own structure. */
			before = (uint8_t *)m[place]->buf_addr - FAKE_PORT_HDR;
			memset(before, 0x5a, FAKE_PORT_HDR);
			CHECK_EQ(rte_eth_tx_burst(fp->port, 0, m, PACKETS), PACKETS);
			for (i = 0; i < FAKE_PORT_HDR; i++)
				CHECK_EQ(before[i], 0x5a);
			for (i = 0; i < PACKETS; i++) {
				CHECK_EQ(fake_port_take_bytes(fp, 0, &chain, got, sizeof(got)),
					 FAKE_PORT_HDR + len);
				ip_frame_check_bytes(got, FAKE_PORT_HDR, nothing, FAKE_PORT_HDR,
						     "header");
				ip_frame_check_bytes(got + FAKE_PORT_HDR, len, bytes, len, "sent");
			}
		}
	}
	fake_port_destroy(fp);
}

/* Destination options, all padding: what names the protocol is their first byte. */
static void
behind_extension_headers(void)
{
	enum { ETH = 14, IP = 40, OPTIONS = 8 };
	static const uint8_t options[OPTIONS] = { 0, 0, 1, 4 };
	struct fake_port *fp = port(0);
	uint8_t plain[2048], bytes[2048 + OPTIONS], got[2100];
	unsigned int udp;

	for (udp = 0; udp < 2; udp++) {
		const struct ip_frame f = { .ipv6 = true, .udp = udp, .payload = 77 };
		const uint32_t len = ip_frame_write(&f, plain);
		struct device_chain chain;
		struct ip_frame_hdr hdr;
		struct rte_mbuf *m;

		memcpy(bytes, plain, ETH + IP);
		memcpy(bytes + ETH + IP, options, OPTIONS);
		memcpy(bytes + ETH + IP + OPTIONS, plain + ETH + IP, len - ETH - IP);
		bytes[ETH + 5] += OPTIONS;
		bytes[ETH + IP] = bytes[ETH + 6];
		bytes[ETH + 6] = 60;
		m = ip_frame_mbuf(fp->tx_pool[0], bytes, len + OPTIONS, 0, 0, 128);
		ip_frame_ask_checksum(&f, m);
		m->l3_len += OPTIONS;
		memset(rte_pktmbuf_mtod_offset(m, void *, ip_frame_l4_at(&f) + OPTIONS +
					       ip_frame_csum_offset(&f)), 0xa7, 2);
		send_one(fp, m);
		CHECK_EQ(fake_port_take_bytes(fp, 0, &chain, got, sizeof(got)),
			 FAKE_PORT_HDR + len + OPTIONS);
		memcpy(&hdr, got, sizeof(hdr));
		CHECK_EQ(hdr.csum_start, ip_frame_l4_at(&f) + OPTIONS);
		ip_frame_finish(got + FAKE_PORT_HDR, len + OPTIONS, hdr.csum_start,
				hdr.csum_offset);
		ip_frame_check_bytes(got + FAKE_PORT_HDR, len + OPTIONS, bytes, len + OPTIONS,
				     "sent");
	}
	fake_port_destroy(fp);
}

/* Some of a burst, alone among others and several in a row. */
static bool
asks(unsigned int round, unsigned int i)
{
	return (i + round) % 9 == 0 || (i + round) % 13 < 2;
}

/* Both sorts of packet in one burst, over the end of the ring. */
static void
with_and_without_in_one_burst(void)
{
	struct fake_port *fp = port(0);
	const struct ip_frame f = { .payload = 100 };
	uint8_t bytes[2048], got[4096];
	const uint32_t len = ip_frame_write(&f, bytes);
	struct device_chain chain;
	unsigned int round, i;

	for (round = 0; round < 130; round++) {
		struct rte_mbuf *m[30];

		for (i = 0; i < RTE_DIM(m); i++) {
			m[i] = ip_frame_mbuf(fp->tx_pool[0], bytes, len, 0, 0, 128);
			if (!asks(round, i))
				continue;
			ip_frame_ask_checksum(&f, m[i]);
			spoil_checksum(&f, m[i]);
		}
		CHECK_EQ(rte_eth_tx_prepare(fp->port, 0, m, RTE_DIM(m)), RTE_DIM(m));
		CHECK_EQ(rte_eth_tx_burst(fp->port, 0, m, RTE_DIM(m)), RTE_DIM(m));
		for (i = 0; i < RTE_DIM(m); i++) {
			static const uint8_t nothing[FAKE_PORT_HDR];

			if (asks(round, i)) {
				check_sent(fp, &f);
				continue;
			}
			CHECK_EQ(fake_port_take_bytes(fp, 0, &chain, got, sizeof(got)),
				 len + FAKE_PORT_HDR);
			ip_frame_check_bytes(got, FAKE_PORT_HDR, nothing, FAKE_PORT_HDR, "header");
			ip_frame_check_bytes(got + FAKE_PORT_HDR, len, bytes, len, "sent");
		}
	}
	fake_port_destroy(fp);
}

/* Segments of all sizes, in one table where they fit, in a chain of descriptors elsewhere. */
static void
segments(uint64_t features)
{
	struct fake_port *fp = port(features);
	uint8_t bytes[2048];
	unsigned int i, segment, data_off;

	for (i = 0; i < RTE_DIM(frames); i++) {
		const uint32_t len = ip_frame_write(&frames[i], bytes);
		const uint32_t headers = ip_frame_payload_at(&frames[i]);

		for (segment = 30; segment < 600; segment += 37) {
			for (data_off = 5; data_off < 128; data_off += 60) {
				struct rte_mbuf *m = ip_frame_mbuf(fp->tx_pool[0], bytes, len,
								   headers, segment, data_off);
				const uint16_t parts = m->nb_segs + (data_off < FAKE_PORT_HDR);
				struct device_chain chain;

				ip_frame_ask_checksum(&frames[i], m);
				spoil_checksum(&frames[i], m);
				send_one(fp, m);
				chain = check_sent(fp, &frames[i]);
				CHECK_EQ(chain.n, parts);
				CHECK_EQ(chain.indirect, features != 0 && parts > 1 && parts <= 7);
			}
		}
	}
	fake_port_destroy(fp);
}

static void
segments_in_tables(void)
{
	segments(VU_F_INDIRECT);
}

static void
segments_in_chains(void)
{
	segments(0);
}

/*
 * Two clones, and what they are clones of, which is held as well: each is prepared, each gets
 * there, and in front of the data that they share, where the header would go, nothing is written.
 */
static void
shared_packets(void)
{
	static const uint64_t features[] = { VU_F_INDIRECT, 0 };
	unsigned int k, i;

	for (k = 0; k < RTE_DIM(features); k++) {
		struct fake_port *fp = port(features[k]);
		uint8_t bytes[2048];

		for (i = 0; i < RTE_DIM(frames); i++) {
			const uint32_t len = ip_frame_write(&frames[i], bytes);
			struct rte_mbuf *m = ip_frame_mbuf(fp->tx_pool[0], bytes, len, 0, 0, 128);
			uint8_t before[128];
			struct rte_mbuf *all[3];

			memset(m->buf_addr, 0x33, sizeof(before));
			memcpy(before, m->buf_addr, sizeof(before));
			ip_frame_ask_checksum(&frames[i], m);
			spoil_checksum(&frames[i], m);
			all[0] = rte_pktmbuf_clone(m, fp->tx_pool[0]);
			all[1] = rte_pktmbuf_clone(m, fp->tx_pool[0]);
			CHECK(all[0] != NULL && all[1] != NULL);
			all[2] = m;
			rte_mbuf_refcnt_update(m, 1);
			CHECK_EQ(rte_eth_tx_prepare(fp->port, 0, all, 3), 3);
			CHECK_EQ(rte_eth_tx_burst(fp->port, 0, all, 3), 3);
			check_sent(fp, &frames[i]);
			check_sent(fp, &frames[i]);
			check_sent(fp, &frames[i]);
			ip_frame_check_bytes(m->buf_addr, sizeof(before), before, sizeof(before),
					     "room in front");
			rte_pktmbuf_free(m);
		}
		fake_port_destroy(fp);
	}
}

static void
release_external(void *addr __rte_unused, void *released)
{
	(*(unsigned int *)released)++;
}

/* Data in memory that the application brought: given back when it was sent, and once. */
static void
external_buffers(void)
{
	struct fake_port *fp = port(VU_F_INDIRECT);
	struct rte_mbuf_ext_shared_info info = { .free_cb = release_external };
	uint8_t *memory = rte_malloc(NULL, 4096, 64);
	unsigned int released = 0;
	unsigned int i;

	CHECK(memory != NULL);
	info.fcb_opaque = &released;
	for (i = 0; i < RTE_DIM(frames); i++) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(fp->tx_pool[0]);

		CHECK(m != NULL);
		rte_mbuf_ext_refcnt_set(&info, 1);
		rte_pktmbuf_attach_extbuf(m, memory, rte_malloc_virt2iova(memory), 4096, &info);
		m->data_off = 100 + i;
		m->data_len = ip_frame_write(&frames[i], memory + m->data_off);
		m->pkt_len = m->data_len;
		ip_frame_ask_checksum(&frames[i], m);
		spoil_checksum(&frames[i], m);
		memset(memory, 0x44, m->data_off);
		send_one(fp, m);
		CHECK_EQ(check_sent(fp, &frames[i]).n, 2);
		CHECK_EQ(memory[100 + i - 1], 0x44);
		CHECK_EQ(rte_eth_tx_done_cleanup(fp->port, 0, 0), 1);
		CHECK_EQ(released, i + 1);
	}
	fake_port_destroy(fp);
	rte_free(memory);
}

/* A tag goes in while the packet is prepared, and moves what the header speaks of. */
static void
with_a_tag_put_in(void)
{
	struct fake_port *fp = port(VU_F_INDIRECT);
	uint8_t bytes[2048];
	unsigned int i;

	for (i = 0; i < RTE_DIM(frames); i++) {
		struct ip_frame f = frames[i];
		struct rte_mbuf *m;

		f.vlan = 0;
		/* At an even address: rte_vlan_insert() takes it for one. */
		m = ip_frame_mbuf(fp->tx_pool[0], bytes, ip_frame_write(&f, bytes), 0, 0, 78);
		ip_frame_ask_checksum(&f, m);
		spoil_checksum(&f, m);
		m->ol_flags |= RTE_MBUF_F_TX_VLAN;
		m->vlan_tci = 0xa0bc;
		send_one(fp, m);
		f.vlan = 0xa0bc;
		CHECK_EQ(check_sent(fp, &f).n, 1);
	}
	fake_port_destroy(fp);
}

/* The tunnel's type says enough: where inner headers begin, nobody has to ask for outer ones. */
static void
tunnels_in_every_form(void)
{
	struct fake_port *fp = port(0);
	uint8_t bytes[2048];
	unsigned int i, way;

	for (i = 0; i < RTE_DIM(frames); i++) {
		const uint32_t len = ip_frame_write(&frames[i], bytes);

		if (frames[i].tunnel == NO_TUNNEL)
			continue;
		for (way = 0; way < 2; way++) {
			struct rte_mbuf *m = ip_frame_mbuf(fp->tx_pool[0], bytes, len, 0, 0, 128);

			ip_frame_ask_checksum(&frames[i], m);
			spoil_checksum(&frames[i], m);
			m->ol_flags &= ~(way == 0 ? RTE_MBUF_F_TX_OUTER_IPV4 :
						    RTE_MBUF_F_TX_TUNNEL_MASK);
			send_one(fp, m);
			check_sent(fp, &frames[i]);
		}
	}
	fake_port_destroy(fp);
}

static void
check_refused(struct fake_port *fp, struct rte_mbuf *m, int why)
{
	struct rte_mbuf *two[2] = { rte_pktmbuf_alloc(fp->tx_pool[0]), m };
	uint8_t bytes[64] = { 0 };

	CHECK(two[0] != NULL);
	memcpy(rte_pktmbuf_append(two[0], 64), bytes, 64);
	rte_errno = 0;
	/* The one before it is good. */
	CHECK_EQ(rte_eth_tx_prepare(fp->port, 0, two, 2), 1);
	CHECK_EQ(rte_errno, why);
	rte_pktmbuf_free(two[0]);
}

/* What cannot be prepared is refused with its reason, and not written to outside its segment. */
static void
refused(void)
{
	struct fake_port *fp = port(0);
	const struct ip_frame f = { .payload = 300 };
	const struct ip_frame udp = { .udp = true, .payload = 300 };
	const struct ip_frame udp6 = { .ipv6 = true, .udp = true, .payload = 300 };
	uint8_t bytes[2048];
	uint32_t len = ip_frame_write(&f, bytes);
	struct rte_mbuf *m, *clone;

	/* The checksum's field is in the second segment; the application did not say how long. */
	m = ip_frame_mbuf(fp->tx_pool[0], bytes, len, ip_frame_l4_at(&f) + 16, 0, 128);
	ip_frame_ask_checksum(&f, m);
	memset(rte_pktmbuf_mtod_offset(m, void *, m->data_len), 0x5c, 8);
	check_refused(fp, m, ENOTSUP);
	CHECK_EQ(*rte_pktmbuf_mtod_offset(m, uint8_t *, m->data_len), 0x5c);
	rte_pktmbuf_free(m);

	len = ip_frame_write(&udp, bytes);
	m = ip_frame_mbuf(fp->tx_pool[0], bytes, len, ip_frame_l4_at(&udp) + 7, 0, 128);
	ip_frame_ask_checksum(&udp, m);
	check_refused(fp, m, ENOTSUP);
	rte_pktmbuf_free(m);

	/* Headers that are shorter than any. */
	m = ip_frame_mbuf(fp->tx_pool[0], bytes, len, 0, 0, 128);
	ip_frame_ask_checksum(&udp, m);
	m->l3_len = 16;
	check_refused(fp, m, EINVAL);
	rte_pktmbuf_free(m);
	len = ip_frame_write(&udp6, bytes);
	m = ip_frame_mbuf(fp->tx_pool[0], bytes, len, 0, 0, 128);
	ip_frame_ask_checksum(&udp6, m);
	m->l3_len = 8;
	check_refused(fp, m, EINVAL);
	rte_pktmbuf_free(m);
	len = ip_frame_write(&udp, bytes);

	/* The device makes no outer checksums, and the field of one would be behind the segment. */
	m = ip_frame_mbuf(fp->tx_pool[0], bytes, len, 0, 0, 128);
	m->ol_flags |= RTE_MBUF_F_TX_OUTER_IPV4 | RTE_MBUF_F_TX_OUTER_IP_CKSUM;
	check_refused(fp, m, ENOTSUP);
	m->ol_flags ^= RTE_MBUF_F_TX_OUTER_IP_CKSUM | RTE_MBUF_F_TX_OUTER_UDP_CKSUM;
	check_refused(fp, m, ENOTSUP);
	rte_pktmbuf_free(m);
	m = ip_frame_mbuf(fp->tx_pool[0], bytes, RTE_ETHER_HDR_LEN, 0, 0, 128);
	m->ol_flags |= RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM;
	m->l2_len = RTE_ETHER_HDR_LEN;
	memset(rte_pktmbuf_mtod_offset(m, void *, m->data_len), 0x5c, 16);
	check_refused(fp, m, EINVAL);
	CHECK_EQ(*rte_pktmbuf_mtod_offset(m, uint8_t *, m->data_len + 10), 0x5c);
	rte_pktmbuf_free(m);

	/* No tag into what others read as well. */
	m = ip_frame_mbuf(fp->tx_pool[0], bytes, len, 0, 0, 128);
	m->ol_flags |= RTE_MBUF_F_TX_VLAN;
	clone = rte_pktmbuf_clone(m, fp->tx_pool[0]);
	CHECK(clone != NULL);
	check_refused(fp, clone, EINVAL);
	rte_pktmbuf_free(clone);
	rte_pktmbuf_free(m);

	/* No room for it. */
	m = ip_frame_mbuf(fp->tx_pool[0], bytes, len, 0, 0, 3);
	m->ol_flags |= RTE_MBUF_F_TX_VLAN;
	check_refused(fp, m, ENOSPC);
	rte_pktmbuf_free(m);
	fake_port_destroy(fp);
}

/* A port that was configured without says nothing to its device, whatever packets ask for. */
static void
not_configured(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ .features = VU_F_CSUM });
	static const uint8_t nothing[FAKE_PORT_HDR];
	uint8_t bytes[2048], got[4096];
	struct device_chain chain;
	unsigned int i;

	CHECK_EQ(fp->vu->acked & VU_F_CSUM, 0);
	for (i = 0; i < 3; i++) {
		const uint32_t len = ip_frame_write(&frames[0], bytes);
		struct rte_mbuf *m = ip_frame_mbuf(fp->tx_pool[0], bytes, len, i < 2 ? 0 : 54, 0,
						   i == 1 ? 0 : 128);

		ip_frame_ask_checksum(&frames[0], m);
		CHECK_EQ(rte_eth_tx_burst(fp->port, 0, &m, 1), 1);
		CHECK_EQ(fake_port_take_bytes(fp, 0, &chain, got, sizeof(got)),
			 len + FAKE_PORT_HDR);
		ip_frame_check_bytes(got, FAKE_PORT_HDR, nothing, FAKE_PORT_HDR, "header");
		ip_frame_check_bytes(got + FAKE_PORT_HDR, len, bytes, len, "sent");
	}
	fake_port_destroy(fp);
}

TEST_MAIN(
	TEST_WARM_UP(fake_port_warm_up),
	TEST_LAYOUTS(every_protocol),
	TEST_LAYOUTS(ipv4_headers),
	TEST_LAYOUTS(nothing_asked_for),
	TEST_LAYOUTS(nothing_asked_of_hardware),
	TEST_LAYOUTS(no_headroom_in_each_place),
	TEST_LAYOUTS(behind_extension_headers),
	TEST_LAYOUTS(with_and_without_in_one_burst),
	TEST_LAYOUTS(segments_in_tables),
	TEST_LAYOUTS(segments_in_chains),
	TEST_LAYOUTS(shared_packets),
	TEST_LAYOUTS(external_buffers),
	TEST_LAYOUTS(with_a_tag_put_in),
	TEST_LAYOUTS(tunnels_in_every_form),
	TEST_LAYOUTS(refused),
	TEST_LAYOUTS(not_configured),
)
