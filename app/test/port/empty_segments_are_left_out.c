/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * Segments of no bytes get no descriptor, and a packet of no bytes is dropped and counted. The
 * fake device takes a descriptor of length 0 for a breach of the specification.
 */

#include <string.h>

#include "fake_port.h"
#include "ip_frame.h"
#include "test.h"

#define NO_SEGMENT UINT16_MAX
#define MOST 20
#define FRAME 64

/** How the header goes out. */
enum room { PUSHED, IN_A_SLOT, SHARED };

static uint8_t frame[MOST * FRAME];

/* A packet of segments of these lengths, with the bytes of `frame`. */
static struct rte_mbuf *
packet(struct fake_port *fp, const uint16_t *lens, enum room room)
{
	struct rte_mbuf *m = NULL;
	struct rte_mbuf **at = &m;
	uint32_t done = 0;
	unsigned int i;

	for (i = 0; i < MOST && lens[i] != NO_SEGMENT; i++) {
		*at = rte_pktmbuf_alloc(fp->tx_pool[0]);
		CHECK(*at != NULL);
		if (i == 0 && room == IN_A_SLOT)
			m->data_off = FAKE_PORT_HDR - 1;
		memcpy(rte_pktmbuf_mtod(*at, void *), frame + done, lens[i]);
		(*at)->data_len = lens[i];
		if (room == SHARED)
			rte_mbuf_refcnt_update(*at, 1);
		done += lens[i];
		at = &(*at)->next;
	}
	m->nb_segs = i;
	m->pkt_len = done;
	return m;
}

struct port_counts {
	uint64_t packets, bytes, errors, broadcast;
};

static struct port_counts
counts(struct fake_port *fp)
{
	return (struct port_counts){
		.packets = fake_port_xstat(fp, "tx_q0_good_packets"),
		.bytes = fake_port_xstat(fp, "tx_q0_good_bytes"),
		.errors = fake_port_xstat(fp, "tx_q0_errors"),
		.broadcast = fake_port_xstat(fp, "tx_q0_broadcast_packets"),
	};
}

/* Sends it; what the device takes is the bytes of the segments, or nothing of an empty one. */
static void
check_sent(struct fake_port *fp, struct rte_mbuf *m, uint32_t len, unsigned int parts)
{
	static uint8_t bytes[FAKE_PORT_HDR + sizeof(frame)];
	static const uint8_t hdr[FAKE_PORT_HDR];
	const struct port_counts before = counts(fp);
	const bool shared = rte_mbuf_refcnt_read(m) > 1;
	struct port_counts after;
	struct device_chain chain;

	CHECK_EQ(rte_eth_tx_burst(fp->port, 0, &m, 1), 1);
	after = counts(fp);
	CHECK_EQ(after.packets - before.packets, len > 0);
	CHECK_EQ(after.bytes - before.bytes, len);
	CHECK_EQ(after.errors - before.errors, len == 0);
	CHECK_EQ(after.broadcast - before.broadcast, len > 0);
	if (len > 0) {
		CHECK_EQ(fake_port_take_bytes(fp, 0, &chain, bytes, sizeof(bytes)),
			 FAKE_PORT_HDR + len);
		CHECK_EQ(chain.n, parts);
		ip_frame_check_bytes(bytes, FAKE_PORT_HDR, hdr, sizeof(hdr), "header");
		ip_frame_check_bytes(bytes + FAKE_PORT_HDR, len, frame, len, "sent");
	} else {
		CHECK(!ring_device_waiting(fake_vu_ring(fp->vu, 1)));
	}
	CHECK(rte_eth_tx_done_cleanup(fp->port, 0, 0) >= 0);
	if (shared)
		rte_pktmbuf_free(m);
	fake_port_check_in_use(fp->tx_pool[0], 0);
}

static void
every_place(uint64_t features)
{
	static const uint16_t lens[][MOST] = {
		{ 64, 0, NO_SEGMENT },
		{ 64, 0, 64, NO_SEGMENT },
		{ 0, 64, NO_SEGMENT },
		{ 0, 0, 64, 0, 0, 64, 0, NO_SEGMENT },
		{ 64, 64, 0, NO_SEGMENT },
		{ 3, 0, 2, 59, NO_SEGMENT },
		/* More segments than a table has entries for; those with bytes fit. */
		{ 64, 0, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0, 0, 64, NO_SEGMENT },
		{ 0, 9, 9, 9, 9, 9, 9, 9, 9, 9, 0, 9, NO_SEGMENT },
		{ 0, NO_SEGMENT },
		{ 0, 0, 0, NO_SEGMENT },
		{ 64, NO_SEGMENT },
	};
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ .features = features });
	unsigned int round, room, i, k;

	memset(frame, 0xff, sizeof(frame));
	for (round = 0; round < 2 * FAKE_PORT_SIZE; round++) {
		for (room = PUSHED; room <= SHARED; room++) {
			unsigned int segs = 0;
			uint32_t len = 0;

			i = (round + room) % RTE_DIM(lens);
			for (k = 0; lens[i][k] != NO_SEGMENT; k++) {
				len += lens[i][k];
				segs += lens[i][k] > 0;
			}
			/* A header has a part to itself unless it is pushed in front of bytes. */
			check_sent(fp, packet(fp, lens[i], room), len,
				   segs + (room != PUSHED || lens[i][0] == 0));
		}
	}
	fake_port_destroy(fp);
}

static void
in_every_place_of_a_table(void)
{
	every_place(VU_F_INDIRECT);
}

static void
in_every_place_of_a_chain(void)
{
	every_place(0);
}

/* Packets of no bytes at each place of a burst: the others arrive, in order. */
static void
empty_packets_in_a_burst(void)
{
	static const uint16_t some[] = { FRAME, NO_SEGMENT };
	static const uint16_t none[] = { 0, NO_SEGMENT };
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){
		.features = VU_F_INDIRECT,
	});
	static uint8_t bytes[FAKE_PORT_HDR + FRAME];
	unsigned int place, i;

	for (place = 0; place < 32; place++) {
		struct rte_mbuf *m[32];
		struct device_chain chain;

		memset(frame, 0xff, FRAME);
		for (i = 0; i < RTE_DIM(m); i++) {
			frame[FRAME - 1] = i;
			m[i] = packet(fp, i == place || i == 31 - place / 2 ? none : some, PUSHED);
		}
		CHECK_EQ(rte_eth_tx_burst(fp->port, 0, m, RTE_DIM(m)), RTE_DIM(m));
		for (i = 0; i < RTE_DIM(m); i++) {
			if (i == place || i == 31 - place / 2)
				continue;
			CHECK_EQ(fake_port_take_bytes(fp, 0, &chain, bytes, sizeof(bytes)),
				 FAKE_PORT_HDR + FRAME);
			CHECK_EQ(bytes[sizeof(bytes) - 1], i);
		}
		CHECK(!ring_device_waiting(fake_vu_ring(fp->vu, 1)));
		CHECK(rte_eth_tx_done_cleanup(fp->port, 0, 0) >= 0);
		fake_port_check_in_use(fp->tx_pool[0], 0);
	}
	CHECK_EQ(fake_port_xstat(fp, "tx_q0_errors") + fake_port_xstat(fp, "tx_q0_good_packets"),
		 32 * 32);
	fake_port_destroy(fp);
}

/* The chain and its segments' lengths count, whatever nb_segs and pkt_len say. */
static void
counts_that_disagree(uint64_t features)
{
	static const uint16_t lens[] = { 64, 0, 64, 64, NO_SEGMENT };
	static const uint16_t segs[] = { 2, 3, 4, 5, 60 };
	static const uint16_t pkt_lens[] = { 0, 64, 191, 193, 9000 };
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ .features = features });
	unsigned int room, i;

	memset(frame, 0xff, sizeof(frame));
	for (i = 0; i < RTE_DIM(segs); i++) {
		for (room = PUSHED; room <= SHARED; room++) {
			struct rte_mbuf *m = packet(fp, lens, room);

			m->nb_segs = segs[i];
			m->pkt_len = pkt_lens[i];
			check_sent(fp, m, 192, 3 + (room != PUSHED));
		}
	}
	fake_port_destroy(fp);
}

static void
counts_that_disagree_in_a_table(void)
{
	counts_that_disagree(VU_F_INDIRECT);
}

static void
counts_that_disagree_in_a_chain(void)
{
	counts_that_disagree(0);
}

/* A packet to be cut, with empty segments between its bytes: what is asked for stays the same. */
static void
segmentation(uint64_t features)
{
	static uint8_t whole[IP_FRAME_MAX], got[IP_FRAME_MAX];
	const struct ip_frame f = { .payload = 5000, .push = true };
	const uint32_t len = ip_frame_write(&f, whole);
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){
		.features = features | VU_F_CSUM | VU_F_HOST_TSO4 | VU_F_HOST_TSO6,
		.tx_offloads = RTE_ETH_TX_OFFLOAD_TCP_TSO,
	});
	struct rte_mbuf *m = ip_frame_mbuf(fp->tx_pool[0], whole, len, ip_frame_payload_at(&f),
					   1000, 128);
	struct rte_mbuf *seg, *empty;
	struct device_chain chain;
	struct ip_frame_hdr hdr;

	for (seg = m; seg != NULL; seg = empty->next) {
		empty = rte_pktmbuf_alloc(fp->tx_pool[0]);
		CHECK(empty != NULL);
		empty->next = seg->next;
		seg->next = empty;
		m->nb_segs++;
	}
	ip_frame_ask_segments(&f, m, 1448);
	CHECK_EQ(rte_eth_tx_prepare(fp->port, 0, &m, 1), 1);
	CHECK_EQ(rte_eth_tx_burst(fp->port, 0, &m, 1), 1);
	CHECK_EQ(fake_port_take_bytes(fp, 0, &chain, got, sizeof(got)), FAKE_PORT_HDR + len);
	CHECK_EQ(chain.n, 6);
	memcpy(&hdr, got, sizeof(hdr));
	CHECK_EQ(hdr.flags, IP_FRAME_NEEDS_CSUM);
	CHECK_EQ(hdr.gso_type, IP_FRAME_GSO_TCPV4);
	CHECK_EQ(hdr.gso_size, 1448);
	CHECK_EQ(hdr.hdr_len, ip_frame_payload_at(&f));
	ip_frame_check_bytes(got + FAKE_PORT_HDR + ip_frame_payload_at(&f), f.payload,
			     whole + ip_frame_payload_at(&f), f.payload, "payload");
	fake_port_destroy(fp);
}

static void
segmentation_in_a_table(void)
{
	segmentation(VU_F_INDIRECT);
}

static void
segmentation_in_a_chain(void)
{
	segmentation(0);
}

TEST_MAIN(
	TEST_WARM_UP(fake_port_warm_up),
	TEST_LAYOUTS(in_every_place_of_a_table),
	TEST_LAYOUTS(in_every_place_of_a_chain),
	TEST_LAYOUTS(empty_packets_in_a_burst),
	TEST_LAYOUTS(counts_that_disagree_in_a_table),
	TEST_LAYOUTS(counts_that_disagree_in_a_chain),
	TEST_LAYOUTS(segmentation_in_a_table),
	TEST_LAYOUTS(segmentation_in_a_chain),
)
