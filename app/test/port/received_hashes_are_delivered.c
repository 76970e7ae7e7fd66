/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * HASH_REPORT, 5.1.6.4.4: the device writes into each header what it has hashed, and the packet
 * tells of it. Headers are of 20 bytes then, both ways. Offsets here are those of 5.1.6.
 */

#include <string.h>

#include <rte_byteorder.h>

#include "fake_pci_port.h"
#include "fake_port.h"
#include "ip_frame.h"
#include "test.h"

#define F_CSUM        (UINT64_C(1) << 0)
#define F_GUEST_CSUM  (UINT64_C(1) << 1)
#define F_LRO         (F_GUEST_CSUM | UINT64_C(1) << 7 | UINT64_C(1) << 8)
#define F_MRG_RXBUF   (UINT64_C(1) << 15)
#define F_HASH_REPORT (UINT64_C(1) << 57)

#define REPORTS (FAKE_F_CONTROL | F_HASH_REPORT)
#define HDR 20
#define ROOM (RTE_MBUF_DEFAULT_BUF_SIZE - RTE_PKTMBUF_HEADROOM)
#define KEY 40
#define LRO (RTE_ETH_RX_OFFLOAD_TCP_LRO | RTE_ETH_RX_OFFLOAD_TCP_CKSUM)
#define HASHES (RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_UDP)

static uint8_t bytes[IP_FRAME_MAX];

/* ---- the port: one pair ------------------------------------------------------------------- */

static int
configure(struct fake_pci_port *fp, uint64_t rx_offloads, uint64_t tx_offloads, uint64_t rss_hf)
{
	const struct rte_eth_conf conf = {
		.rxmode = { .mq_mode = rx_offloads & RTE_ETH_RX_OFFLOAD_RSS_HASH ?
				       RTE_ETH_MQ_RX_RSS : RTE_ETH_MQ_RX_NONE,
			    .offloads = rx_offloads },
		.txmode.offloads = tx_offloads,
		.rx_adv_conf.rss_conf.rss_hf = rss_hf,
	};

	return rte_eth_dev_configure(fp->port, 1, 1, &conf);
}

static void
set_up(struct fake_pci_port *fp, uint16_t size)
{
	CHECK_EQ(rte_eth_rx_queue_setup(fp->port, 0, size, SOCKET_ID_ANY, NULL, fp->pool), 0);
	CHECK_EQ(rte_eth_tx_queue_setup(fp->port, 0, size, SOCKET_ID_ANY, NULL), 0);
}

static struct fake_pci_port *
create(uint64_t features)
{
	return fake_pci_port_create(&(struct fake_pci_port_conf){ .features = features });
}

static struct fake_pci_port *
start(uint64_t features, uint64_t rx_offloads, uint64_t tx_offloads)
{
	struct fake_pci_port *fp = create(features);

	CHECK_EQ(configure(fp, rx_offloads | RTE_ETH_RX_OFFLOAD_RSS_HASH, tx_offloads, 0), 0);
	set_up(fp, 64);
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	CHECK(fp->fake->driver_features & F_HASH_REPORT);
	return fp;
}

/* ---- the device --------------------------------------------------------------------------- */

struct report {
	struct ip_frame_hdr hdr;
	uint32_t value;
	uint16_t type;
};

/* Writes a frame, at most `part` bytes of it into each buffer (0: as many as fit). */
static void
give(struct fake_pci_port *fp, const struct report *report, uint32_t hdr_size,
     const uint8_t *frame, uint32_t len, uint32_t part)
{
	struct ring_device *rd = fake_pci_ring(fp->fake, 0);
	uint16_t heads[64];
	uint32_t lens[64];
	uint8_t hdr[HDR] = { 0 };
	uint8_t *first = NULL;
	uint32_t before = hdr_size;
	uint32_t done = 0;
	uint16_t n = 0;
	uint16_t i;

	do {
		struct device_chain chain;
		uint32_t room;

		CHECK(n < RTE_DIM(heads));
		CHECK(ring_device_take(rd, &chain));
		CHECK_EQ(chain.n, 1);
		CHECK_EQ(chain.part[0].len, ROOM + hdr_size);
		if (n == 0)
			first = chain.part[0].at;
		room = RTE_MIN(chain.part[0].len - before, len - done);
		if (part != 0)
			room = RTE_MIN(room, part);
		memcpy(chain.part[0].at + before, frame + done, room);
		heads[n] = chain.head;
		lens[n++] = before + room;
		done += room;
		before = 0;
	} while (done < len);
	memcpy(hdr, &report->hdr, sizeof(report->hdr));
	memcpy(hdr + 10, &n, sizeof(n));
	hdr[12] = report->value;
	hdr[13] = report->value >> 8;
	hdr[14] = report->value >> 16;
	hdr[15] = report->value >> 24;
	hdr[16] = report->type;
	hdr[17] = report->type >> 8;
	memcpy(first, hdr, hdr_size);
	for (i = 0; i < n; i++)
		ring_device_use(rd, heads[i], lens[i]);
}

/* The packet that comes of it: these bytes, this hash or none. */
static void
check_packet(struct rte_mbuf *m, const struct report *report, const uint8_t *frame, uint32_t len,
	     uint64_t flags)
{
	const bool known = report->type >= 1 && report->type <= 9;

	ip_frame_check_mbuf(m, frame, len, "received");
	CHECK_EQ(m->ol_flags, flags | (known ? RTE_MBUF_F_RX_RSS_HASH : 0));
	if (known)
		CHECK_EQ(m->hash.rss, report->value);
	rte_pktmbuf_free(m);
}

static void
check_comes(struct fake_pci_port *fp, const struct report *report, const uint8_t *frame,
	    uint32_t len, uint32_t part, uint64_t flags)
{
	struct rte_mbuf *m[2];

	give(fp, report, HDR, frame, len, part);
	CHECK_EQ(rte_eth_rx_burst(fp->port, 0, m, 2), 1);
	check_packet(m[0], report, frame, len, flags);
}

/*
 * What was sent, header and frame, given back; its length. In parts of these numbers: descriptors
 * of the ring, and buffers.
 */
static uint32_t
take(struct fake_pci_port *fp, bool indirect, unsigned int descs, unsigned int parts)
{
	struct ring_device *rd = fake_pci_ring(fp->fake, 1);
	struct device_chain chain;
	uint32_t len = 0;
	uint16_t i;

	CHECK(ring_device_take(rd, &chain));
	CHECK_EQ(chain.indirect, indirect);
	CHECK_EQ(chain.descs, descs);
	CHECK_EQ(chain.n, parts);
	for (i = 0; i < chain.n; i++) {
		CHECK(!chain.part[i].writable);
		CHECK(len + chain.part[i].len <= sizeof(bytes));
		memcpy(bytes + len, chain.part[i].at, chain.part[i].len);
		len += chain.part[i].len;
	}
	ring_device_use(rd, chain.head, 0);
	return len;
}

/* ---- receive ------------------------------------------------------------------------------ */

/* A burst of all reports that there are, and of those that there are not. */
static void
reports_of(uint64_t features, uint64_t rx_offloads)
{
	static const uint16_t types[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0x100, 0x101,
					  0x8001, 0xffff };
	struct fake_pci_port *fp = start(features, rx_offloads, 0);
	unsigned int round, i;

	/* Some times round the ring: the report on a buffer's last packet is forgotten. */
	for (round = 0; round < 3 * 64; round += 5) {
		struct rte_mbuf *m[RTE_DIM(types)];
		struct report report[RTE_DIM(types)];

		for (i = 0; i < RTE_DIM(types); i++) {
			const struct ip_frame f = { .payload = 100 + i, .seed = round + i };
			const uint32_t len = ip_frame_write(&f, bytes);

			report[i] = (struct report){ .type = types[(round + i) % RTE_DIM(types)],
						     .value = 0x89abcdef + 0x1000193 * round + i };
			give(fp, &report[i], HDR, bytes, len, 0);
		}
		CHECK_EQ(rte_eth_rx_burst(fp->port, 0, m, RTE_DIM(m)), RTE_DIM(m));
		for (i = 0; i < RTE_DIM(types); i++) {
			const struct ip_frame f = { .payload = 100 + i, .seed = round + i };
			const uint32_t len = ip_frame_write(&f, bytes);

			check_packet(m[i], &report[i], bytes, len, 0);
		}
	}
	fake_pci_port_destroy(fp);
}

static void
known_reports_only_mergeable(void)
{
	reports_of(REPORTS | F_MRG_RXBUF, 0);
}

static void
known_reports_only_single(void)
{
	reports_of(REPORTS, 0);
}

static void
known_reports_only_with_checksums(void)
{
	reports_of(REPORTS | F_GUEST_CSUM, RTE_ETH_RX_OFFLOAD_TCP_CKSUM);
}

/* Both in one header; and the checksum not looked at where it was not negotiated. */
static void
hash_and_checksum(uint64_t features)
{
	const struct ip_frame f = { .payload = 700 };
	const uint32_t len = ip_frame_write_unfinished(&f, bytes);
	struct report report = {
		.hdr = { .flags = IP_FRAME_NEEDS_CSUM, .csum_start = ip_frame_l4_at(&f),
			 .csum_offset = ip_frame_csum_offset(&f) },
		.value = 0xfeedbeef, .type = 2,
	};
	struct fake_pci_port *fp = start(features | F_GUEST_CSUM, RTE_ETH_RX_OFFLOAD_TCP_CKSUM, 0);
	struct rte_mbuf *m[2];
	struct rte_eth_stats stats;

	check_comes(fp, &report, bytes, len, 0, RTE_MBUF_F_RX_L4_CKSUM_NONE);
	report.hdr.flags = IP_FRAME_DATA_VALID;
	check_comes(fp, &report, bytes, len, 0, RTE_MBUF_F_RX_L4_CKSUM_GOOD);
	report.type = 0;
	check_comes(fp, &report, bytes, len, 0, RTE_MBUF_F_RX_L4_CKSUM_GOOD);
	/* One that cannot be is dropped. */
	report.type = 2;
	report.hdr.flags = IP_FRAME_NEEDS_CSUM;
	report.hdr.csum_start = 5000;
	give(fp, &report, HDR, bytes, len, 0);
	CHECK_EQ(rte_eth_rx_burst(fp->port, 0, m, 2), 0);
	CHECK_EQ(rte_eth_stats_get(fp->port, &stats), 0);
	CHECK_EQ(stats.ierrors, 1);
	fake_pci_port_destroy(fp);

	fp = start(features | F_GUEST_CSUM, 0, 0);
	CHECK(!(fp->fake->driver_features & F_GUEST_CSUM));
	check_comes(fp, &report, bytes, len, 0, 0);
	fake_pci_port_destroy(fp);
}

static void
hash_and_checksum_mergeable(void)
{
	hash_and_checksum(REPORTS | F_MRG_RXBUF);
}

static void
hash_and_checksum_single(void)
{
	hash_and_checksum(REPORTS);
}

/* Only the first buffer of a frame has a header. */
static void
frames_of_several_buffers(void)
{
	static const uint32_t parts[] = { 0, 14, 60, 61, 100, 2048, 2068 };
	struct fake_pci_port *fp = start(REPORTS | F_MRG_RXBUF, RTE_ETH_RX_OFFLOAD_SCATTER, 0);
	const struct ip_frame f = { .payload = 5000 };
	struct report report = { .value = 0x10203040, .type = 6 };
	unsigned int i, k;

	for (i = 0; i < RTE_DIM(parts); i++) {
		/* Frames that fit the ring. */
		const uint32_t whole = ip_frame_write(&f, bytes);
		const uint32_t len = parts[i] == 0 ? whole : RTE_MIN(whole, 30 * parts[i]);

		for (k = 0; k < 20; k++) {
			report.value++;
			check_comes(fp, &report, bytes, len, parts[i], 0);
		}
	}
	fake_pci_port_destroy(fp);
}

/* Of the longest that fits one buffer to those that are none. */
static void
lengths_at_the_edges(void)
{
	struct fake_pci_port *fp = start(REPORTS, 0, 0);
	const struct report report = { .value = 7, .type = 1 };
	struct rte_mbuf *m[2];
	struct rte_eth_stats stats;
	struct device_chain chain;
	uint32_t len;

	memset(bytes, 2, sizeof(bytes));
	check_comes(fp, &report, bytes, ROOM, 0, 0);
	check_comes(fp, &report, bytes, 14, 0, 0);
	for (len = 0; len < HDR + 14; len++) {
		CHECK(ring_device_take(fake_pci_ring(fp->fake, 0), &chain));
		ring_device_use(fake_pci_ring(fp->fake, 0), chain.head, len);
		CHECK_EQ(rte_eth_rx_burst(fp->port, 0, m, 2), 0);
	}
	CHECK_EQ(rte_eth_stats_get(fp->port, &stats), 0);
	CHECK_EQ(stats.ierrors, HDR + 14);
	check_comes(fp, &report, bytes, 100, 0, 0);
	/* Longer than the buffer: the ring is taken out of service. */
	CHECK(ring_device_take(fake_pci_ring(fp->fake, 0), &chain));
	ring_device_use(fake_pci_ring(fp->fake, 0), chain.head, ROOM + HDR + 1);
	CHECK_EQ(rte_eth_rx_burst(fp->port, 0, m, 2), 0);
	CHECK_EQ(test_logged("returned a used length beyond the buffer"), 1);
	fake_pci_port_destroy(fp);
}

/*
 * A device writes nothing of a segment before it has all of the buffers that the segment takes
 * (5.1.6.4). An idle ring therefore gets every descriptor filled, whatever its refill threshold.
 */
static void
fills_idle_ring(uint16_t size, uint16_t thresh)
{
	struct fake_pci_port *fp = create(REPORTS | F_LRO | F_MRG_RXBUF);
	const struct rte_eth_rxconf rx = { .rx_free_thresh = thresh };
	const struct report report = { .value = 0x89674523, .type = 5 };
	const uint32_t segment = size * ROOM - 1;
	struct rte_mbuf *m[2];
	unsigned int round, i;

	CHECK_EQ(configure(fp, LRO | RTE_ETH_RX_OFFLOAD_SCATTER | RTE_ETH_RX_OFFLOAD_RSS_HASH, 0,
			   0), 0);
	set_up(fp, size);
	CHECK_EQ(rte_eth_rx_queue_setup(fp->port, 0, size, SOCKET_ID_ANY, &rx, fp->pool), 0);
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	CHECK(fp->fake->driver_features & F_HASH_REPORT);
	memset(bytes, 2, sizeof(bytes));
	for (round = 0; round < 5; round++) {
		/* One frame fewer than the ring is refilled after under way. */
		for (i = 1; i < thresh; i++)
			check_comes(fp, &report, bytes, 100, 0, 0);
		CHECK_EQ(rte_mempool_in_use_count(fp->pool), size - thresh + 1);
		CHECK_EQ(rte_eth_rx_burst(fp->port, 0, m, 2), 0);
		CHECK_EQ(rte_mempool_in_use_count(fp->pool), size);
		check_comes(fp, &report, bytes, RTE_MIN(segment, sizeof(bytes)), 0, 0);
		CHECK_EQ(rte_eth_rx_burst(fp->port, 0, m, 2), 0);
	}
	fake_pci_port_destroy(fp);
}

static void
idle_ring_is_filled_for_a_segment(void)
{
	fills_idle_ring(32, 8);
	fills_idle_ring(32, 28);
	if (test_packed())
		fills_idle_ring(37, 12);
	fills_idle_ring(64, 60);
}

/* ---- transmit ----------------------------------------------------------------------------- */

/* Header of this much, and no word of a hash; then the frame. */
static void
check_sent(const struct ip_frame_hdr *hdr, const uint8_t *frame, uint32_t len, uint32_t got)
{
	uint8_t wanted[HDR] = { 0 };

	memcpy(wanted, hdr, sizeof(*hdr));
	ip_frame_check_bytes(bytes, HDR, wanted, HDR, "header");
	ip_frame_check_bytes(bytes + HDR, got - HDR, frame, len, "sent");
}

static void
send_one(struct fake_pci_port *fp, struct rte_mbuf *m)
{
	CHECK_EQ(rte_eth_tx_prepare(fp->port, 0, &m, 1), 1);
	CHECK_EQ(rte_eth_tx_burst(fp->port, 0, &m, 1), 1);
}

/* As the headroom has no zeros in it. */
static struct rte_mbuf *
packet(struct fake_pci_port *fp, const uint8_t *frame, uint32_t len, uint32_t first,
       uint32_t segment, uint16_t data_off)
{
	struct rte_mbuf *m = ip_frame_mbuf(fp->pool, frame, len, first, segment, data_off);

	memset(m->buf_addr, 0xa5, data_off);
	return m;
}

/* Pushed, in a table, in a chain; plain and with a checksum to be made. */
static void
sent_with_long_headers(void)
{
	static uint8_t frame[IP_FRAME_MAX];
	static const struct ip_frame_hdr nothing;
	struct fake_pci_port *fp = start(REPORTS | F_CSUM, 0, RTE_ETH_TX_OFFLOAD_TCP_CKSUM);
	const struct ip_frame f = { .payload = 900 };
	const struct ip_frame_hdr asks = { .flags = IP_FRAME_NEEDS_CSUM,
					   .csum_start = ip_frame_l4_at(&f),
					   .csum_offset = ip_frame_csum_offset(&f) };
	unsigned int round, sum, extra;

	for (round = 0; round < 70; round++) {
		for (sum = 0; sum < 2; sum++) {
			const struct ip_frame_hdr *hdr = sum ? &asks : &nothing;
			const uint32_t len = sum ? ip_frame_write_unfinished(&f, frame) :
						   ip_frame_write(&f, frame);
			struct rte_mbuf *m;

			/* Room for it, to the byte. */
			m = packet(fp, frame, len, len, 0, HDR);
			if (sum)
				ip_frame_ask_checksum(&f, m);
			send_one(fp, m);
			check_sent(hdr, frame, len, take(fp, false, 1, 1));
			/* None for a byte of it. */
			m = packet(fp, frame, len, len, 0, HDR - 1);
			if (sum)
				ip_frame_ask_checksum(&f, m);
			send_one(fp, m);
			check_sent(hdr, frame, len, take(fp, true, 1, 2));
			/* The longest table; one more is a chain. */
			for (extra = 0; extra < 2; extra++) {
				const uint32_t part = (len - 100 + 4 + extra) / (5 + extra);

				m = packet(fp, frame, len, 100, part, 128);
				CHECK_EQ(m->nb_segs, 6 + extra);
				if (sum)
					ip_frame_ask_checksum(&f, m);
				send_one(fp, m);
				check_sent(hdr, frame, len, take(fp, !extra,
								 extra ? 7 : 1, 6 + extra));
			}
			/* Likewise with a header of its own. */
			for (extra = 0; extra < 2; extra++) {
				const uint32_t part = (len - 100 + 3 + extra) / (4 + extra);

				m = packet(fp, frame, len, 100, part, 19);
				CHECK_EQ(m->nb_segs, 5 + extra);
				if (sum)
					ip_frame_ask_checksum(&f, m);
				send_one(fp, m);
				check_sent(hdr, frame, len, take(fp, !extra,
								 extra ? 7 : 1, 6 + extra));
			}
		}
	}
	fake_pci_port_destroy(fp);
}

/* Segments of no bytes get no descriptor, and a packet of no bytes is dropped and counted. */
static void
sent_without_empty_segments(void)
{
	static const struct ip_frame_hdr nothing;
	static uint8_t frame[IP_FRAME_MAX];
	struct fake_pci_port *fp = start(REPORTS, 0, 0);
	const struct ip_frame f = { .payload = 300 };
	const uint32_t len = ip_frame_write(&f, frame);
	struct rte_eth_stats stats;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		struct rte_mbuf *m = packet(fp, frame, len, 100, len, HDR - i);
		struct rte_mbuf *empty = rte_pktmbuf_alloc(fp->pool);

		CHECK(empty != NULL);
		empty->next = m->next;
		m->next = empty;
		m->nb_segs++;
		send_one(fp, m);
		check_sent(&nothing, frame, len, take(fp, true, 1, 2 + i));
		m = rte_pktmbuf_alloc(fp->pool);
		CHECK(m != NULL);
		m->data_off = HDR - i;
		send_one(fp, m);
		CHECK(!ring_device_waiting(fake_pci_ring(fp->fake, 1)));
		CHECK_EQ(rte_eth_stats_get(fp->port, &stats), 0);
		CHECK_EQ(stats.oerrors, i + 1);
		CHECK_EQ(stats.opackets, i + 1);
	}
	fake_pci_port_destroy(fp);
}

/* What was not negotiated is not reported, whatever the packet asks for. */
static void
nothing_is_asked_for_that_was_not_negotiated(void)
{
	static const struct ip_frame_hdr nothing;
	static uint8_t frame[IP_FRAME_MAX];
	struct fake_pci_port *fp = start(REPORTS | F_CSUM, 0, 0);
	const struct ip_frame f = { .payload = 90 };
	const uint32_t len = ip_frame_write(&f, frame);
	struct rte_mbuf *m = packet(fp, frame, len, len, 0, 64);

	CHECK(!(fp->fake->driver_features & F_CSUM));
	m->ol_flags |= RTE_MBUF_F_TX_TCP_CKSUM;
	CHECK_EQ(rte_eth_tx_burst(fp->port, 0, &m, 1), 1);
	check_sent(&nothing, frame, len, take(fp, false, 1, 1));
	fake_pci_port_destroy(fp);
}

/* ---- resets, and other configurations ----------------------------------------------------- */

static void
check_runs(struct fake_pci_port *fp, bool hash)
{
	/* One of 12 bytes is sent as it came: the plain header of one buffer. */
	const struct ip_frame_hdr nothing = { .num_buffers = !hash };
	static uint8_t frame[IP_FRAME_MAX];
	const struct report report = { .value = 0x55667788, .type = 3 };
	const struct ip_frame f = { .payload = 1000 };
	const uint32_t len = ip_frame_write(&f, frame);
	const uint32_t hdr_size = hash ? HDR : 12;
	struct rte_mbuf *m[2];
	unsigned int i;

	for (i = 0; i < 150; i++) {
		uint32_t got;

		give(fp, &report, hdr_size, frame, len, 0);
		CHECK_EQ(rte_eth_rx_burst(fp->port, 0, m, 2), 1);
		ip_frame_check_mbuf(m[0], frame, len, "received");
		CHECK_EQ(m[0]->ol_flags, hash ? RTE_MBUF_F_RX_RSS_HASH : 0);
		CHECK_EQ(rte_eth_tx_burst(fp->port, 0, m, 1), 1);
		got = take(fp, false, 1, 1);
		CHECK_EQ(got, hdr_size + len);
		ip_frame_check_bytes(bytes, 12, (const uint8_t *)&nothing, 12, "header");
		ip_frame_check_bytes(bytes + hdr_size, len, frame, len, "sent");
	}
}

static void
outlives_resets_of_its_queue(void)
{
	static const uint16_t sizes[] = { 32, 128, 64 };
	struct fake_pci_port *fp = start(REPORTS | F_MRG_RXBUF, 0, 0);
	unsigned int i;

	check_runs(fp, true);
	for (i = 0; i < RTE_DIM(sizes); i++) {
		fake_pci_port_forget(fp);
		CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
		CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, 0), 0);
		set_up(fp, sizes[i]);
		CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), 0);
		CHECK_EQ(rte_eth_dev_tx_queue_start(fp->port, 0), 0);
		/* The device keeps what it hashes. */
		fake_pci_port_check_commands(fp, "");
		check_runs(fp, true);
	}
	fake_pci_port_destroy(fp);
}

/* Queues that were set up before the port was configured anew: the headers are those of now. */
static void
configured_anew_under_the_same_queues(void)
{
	struct fake_pci_port *fp = start(REPORTS | F_MRG_RXBUF, 0, 0);
	unsigned int round;

	for (round = 0; round < 4; round++) {
		const bool hash = round % 2 == 1;

		CHECK_EQ(rte_eth_dev_stop(fp->port), 0);
		CHECK_EQ(configure(fp, hash ? RTE_ETH_RX_OFFLOAD_RSS_HASH : 0, 0, 0), 0);
		if (round >= 2)
			set_up(fp, 64);
		CHECK_EQ(rte_eth_dev_start(fp->port), 0);
		CHECK_EQ(!!(fp->fake->driver_features & F_HASH_REPORT), hash);
		check_runs(fp, hash);
	}
	fake_pci_port_destroy(fp);
}

/* Frames that nobody has taken are counted by their own headers. */
static void
unread_frames_are_counted(void)
{
	struct fake_pci_port *fp = start(REPORTS | F_MRG_RXBUF, RTE_ETH_RX_OFFLOAD_SCATTER, 0);
	const struct ip_frame f = { .payload = 400 };
	const struct report report = { .value = 3 << 24 | 3, .type = 4 };
	const uint32_t len = ip_frame_write(&f, bytes);
	uint64_t id, value;
	unsigned int i;

	for (i = 0; i < 5; i++)
		give(fp, &report, HDR, bytes, len, 100);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
	CHECK_EQ(rte_eth_xstats_get_id_by_name(fp->port, "rx_q0_reset_dropped", &id), 0);
	CHECK_EQ(rte_eth_xstats_get_by_id(fp->port, &id, &value, 1), 1);
	CHECK_EQ(value, 5);
	fake_pci_port_destroy(fp);
}

/* ---- commands to the device --------------------------------------------------------------- */

static uint32_t
le32(const uint8_t *at)
{
	return at[0] | at[1] << 8 | at[2] << 16 | (uint32_t)at[3] << 24;
}

/* 5.1.6.5.6.4: types, four reserved words, a key. */
static void
check_hash_config(struct fake_pci_port *fp, uint32_t types, uint8_t key)
{
	static const uint8_t reserved[8];
	const struct fake_command *command = fake_pci_port_last(fp);

	CHECK_EQ(command->class, 4);
	CHECK_EQ(command->code, 2);
	CHECK_EQ(command->len, 4 + sizeof(reserved) + 1 + KEY);
	CHECK_EQ(le32(command->data), types);
	CHECK(memcmp(command->data + 4, reserved, sizeof(reserved)) == 0);
	CHECK_EQ(command->data[12], KEY);
	CHECK_EQ(command->data[13], key);
}

static void
types_are_sent_after_each_start(void)
{
	struct fake_pci_port *fp = start(REPORTS, 0, 0);
	uint8_t key[KEY] = { 0x42 };
	struct rte_eth_rss_conf conf = { .rss_key = key, .rss_key_len = KEY,
					 .rss_hf = RTE_ETH_RSS_NONFRAG_IPV6_TCP };
	struct rte_eth_dev_info info;

	fake_pci_port_forget(fp);
	CHECK_EQ(rte_eth_dev_stop(fp->port), 0);
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	CHECK(strstr(fake_pci_port_commands(fp), "4.2") != NULL);
	CHECK(strstr(fake_pci_port_commands(fp), "4.1") == NULL);
	CHECK_EQ(rte_eth_dev_stop(fp->port), 0);
	CHECK_EQ(configure(fp, RTE_ETH_RX_OFFLOAD_RSS_HASH, 0, HASHES), 0);
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	CHECK_EQ(rte_eth_dev_info_get(fp->port, &info), 0);
	CHECK_EQ(info.reta_size, 0);
	CHECK_EQ(info.hash_key_size, KEY);
	CHECK(info.flow_type_rss_offloads & RTE_ETH_RSS_IPV4);

	CHECK_EQ(rte_eth_dev_rss_hash_update(fp->port, &conf), 0);
	check_hash_config(fp, 1 << 4, 0x42);
	/* What is refused is not kept. */
	fp->answer = FAKE_CTRL_REFUSES;
	conf.rss_hf = RTE_ETH_RSS_IPV4;
	CHECK_EQ(rte_eth_dev_rss_hash_update(fp->port, &conf), -EIO);
	fp->answer = FAKE_CTRL_OBEYS;
	conf.rss_key = NULL;
	CHECK_EQ(rte_eth_dev_rss_hash_conf_get(fp->port, &conf), 0);
	CHECK_EQ(conf.rss_hf, RTE_ETH_RSS_NONFRAG_IPV6_TCP);
	fake_pci_port_destroy(fp);
}

/* The first command of a class and code since they were forgotten. */
static const struct fake_command *
last_command(const struct fake_pci_port *fp, uint8_t class, uint8_t code)
{
	unsigned int i;

	for (i = 0; i < fp->nb_commands; i++) {
		if (fp->command[i].class == class && fp->command[i].code == code)
			return &fp->command[i];
	}
	return NULL;
}

static void
types_are_those_asked_for(void)
{
	static const uint64_t asked[] = { 0, HASHES };
	static const uint32_t wanted[] = { 0x3f, 1 << 0 | 1 << 2 };
	struct fake_pci_port *fp = create(REPORTS);
	unsigned int i;

	for (i = 0; i < RTE_DIM(asked); i++) {
		CHECK_EQ(configure(fp, RTE_ETH_RX_OFFLOAD_RSS_HASH, 0, asked[i]), 0);
		set_up(fp, 64);
		fake_pci_port_forget(fp);
		CHECK_EQ(rte_eth_dev_start(fp->port), 0);
		CHECK(last_command(fp, 4, 2) != NULL);
		CHECK_EQ(le32(last_command(fp, 4, 2)->data), wanted[i]);
		CHECK_EQ(last_command(fp, 4, 2)->data[13], 0x6d);
		CHECK_EQ(rte_eth_dev_stop(fp->port), 0);
	}
	/* A device that does not take it does not hash as the application believes. */
	fp->answer = FAKE_CTRL_REFUSES;
	CHECK_EQ(rte_eth_dev_start(fp->port), -EIO);
	fp->answer = FAKE_CTRL_OBEYS;
	fake_pci_port_destroy(fp);
}

/* With RSS on its own command tells the types, and the other would end it. */
static void
rss_command_has_the_types(void)
{
	const struct fake_pci_port_conf conf = {
		.features = REPORTS | FAKE_F_RSS | F_MRG_RXBUF, .rss_hf = HASHES,
		.rx_offloads = RTE_ETH_RX_OFFLOAD_RSS_HASH,
	};
	struct fake_pci_port *fp = fake_pci_port_create(&conf);
	const struct report report = { .value = 0xcafe, .type = 1 };

	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	CHECK(fp->fake->driver_features & F_HASH_REPORT);
	CHECK(last_command(fp, 4, 2) == NULL);
	CHECK(last_command(fp, 4, 1) != NULL);
	CHECK_EQ(le32(last_command(fp, 4, 1)->data), 1 << 0 | 1 << 2);
	memset(bytes, 4, 300);
	check_comes(fp, &report, bytes, 300, 0, 0);
	fake_pci_port_destroy(fp);
}

/* ---- where it is not to be had ------------------------------------------------------------ */

static void
not_negotiated_unless_asked_for(void)
{
	struct fake_pci_port *fp = create(REPORTS | F_MRG_RXBUF);

	CHECK_EQ(configure(fp, 0, 0, 0), 0);
	set_up(fp, 64);
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	CHECK(!(fp->fake->driver_features & F_HASH_REPORT));
	CHECK(last_command(fp, 4, 2) == NULL);
	check_runs(fp, false);
	fake_pci_port_destroy(fp);
}

static void
check_not_offered(uint64_t features, uint8_t key_max)
{
	const struct fake_pci_port_conf conf = { .features = features, .rss_key_max = key_max };
	struct fake_pci_port *fp = fake_pci_port_create(&conf);
	struct rte_eth_dev_info info;

	CHECK_EQ(rte_eth_dev_info_get(fp->port, &info), 0);
	CHECK(!(info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_RSS_HASH));
	CHECK_EQ(configure(fp, RTE_ETH_RX_OFFLOAD_RSS_HASH, 0, 0), -EINVAL);
	fake_pci_port_destroy(fp);
}

static void
device_without_it(void)
{
	struct fake_pci_port *fp;
	struct rte_eth_dev_info info;

	check_not_offered(FAKE_F_CONTROL, KEY);
	check_not_offered(FAKE_F_CONTROL | FAKE_F_RSS, KEY);
	/* 5.1.3.1: it needs the control queue. */
	check_not_offered(FAKE_F_MAC | F_HASH_REPORT, KEY);
	/* 5.1.4.1: less than a device that offers it must have. */
	check_not_offered(REPORTS, KEY - 1);
	CHECK_EQ(test_logged("hash reports are not used: the device offers a key of 39 bytes"), 1);
	fp = create(REPORTS);
	CHECK_EQ(rte_eth_dev_info_get(fp->port, &info), 0);
	CHECK(info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_RSS_HASH);
	fake_pci_port_destroy(fp);
}

/* A vhost-user back-end has no control queue for this command. */
static void
back_end_of_virtio_user(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){
		.features = F_HASH_REPORT | FAKE_F_CTRL_VQ | FAKE_F_RSS,
	});
	struct rte_eth_dev_info info;

	CHECK_EQ(rte_eth_dev_info_get(fp->port, &info), 0);
	CHECK(!(info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_RSS_HASH));
	CHECK(!(fp->vu->acked & F_HASH_REPORT));
	fake_port_check_runs(fp, 0);
	fake_port_destroy(fp);
}

static void
paths_are_scalar(void)
{
	const struct fake_pci_port_conf conf = { .features = REPORTS, .args = ",vectorized=1" };
	struct fake_pci_port *fp = fake_pci_port_create(&conf);
	struct rte_eth_burst_mode mode;

	CHECK_EQ(configure(fp, RTE_ETH_RX_OFFLOAD_RSS_HASH, 0, 0), 0);
	CHECK_EQ(test_logged("the vector paths are not used: packet headers contain hashes"), 1);
	set_up(fp, 64);
	CHECK_EQ(rte_eth_rx_burst_mode_get(fp->port, 0, &mode), 0);
	CHECK(strncmp(mode.info, "Scalar ", 7) == 0 && strstr(mode.info, " Hash") != NULL);
	CHECK_EQ(rte_eth_tx_burst_mode_get(fp->port, 0, &mode), 0);
	CHECK(strncmp(mode.info, "Scalar ", 7) == 0 && strstr(mode.info, " Hash") != NULL);
	fake_pci_port_destroy(fp);
}

/* Hashes without RSS: of one receive queue, since nothing would be spread by them. */
static void
several_queues_want_rss(void)
{
	const struct rte_eth_conf conf = {
		.rxmode = { .mq_mode = RTE_ETH_MQ_RX_RSS,
			    .offloads = RTE_ETH_RX_OFFLOAD_RSS_HASH },
	};
	struct fake_pci_port *fp = create(REPORTS);

	CHECK_EQ(rte_eth_dev_configure(fp->port, 2, 2, &conf), -ENOTSUP);
	CHECK_EQ(test_logged("or one receive queue with RTE_ETH_RX_OFFLOAD_RSS_HASH"), 1);
	CHECK_EQ(configure(fp, RTE_ETH_RX_OFFLOAD_RSS_HASH, 0, 0), 0);
	fake_pci_port_destroy(fp);
}

TEST_MAIN(
	TEST_WARM_UP(not_negotiated_unless_asked_for),
	TEST_LAYOUTS(known_reports_only_mergeable),
	TEST_LAYOUTS(known_reports_only_single),
	TEST_LAYOUTS(known_reports_only_with_checksums),
	TEST_LAYOUTS(hash_and_checksum_mergeable),
	TEST_LAYOUTS(hash_and_checksum_single),
	TEST_LAYOUTS(frames_of_several_buffers),
	TEST_LAYOUTS(lengths_at_the_edges),
	TEST_LAYOUTS(idle_ring_is_filled_for_a_segment),
	TEST_LAYOUTS(sent_with_long_headers),
	TEST_LAYOUTS(sent_without_empty_segments),
	TEST_LAYOUTS(nothing_is_asked_for_that_was_not_negotiated),
	TEST_LAYOUTS(outlives_resets_of_its_queue),
	TEST_LAYOUTS(configured_anew_under_the_same_queues),
	TEST_LAYOUTS(unread_frames_are_counted),
	TEST(types_are_sent_after_each_start),
	TEST(types_are_those_asked_for),
	TEST_LAYOUTS(rss_command_has_the_types),
	TEST_LAYOUTS(not_negotiated_unless_asked_for),
	TEST(device_without_it),
	TEST_LAYOUTS(back_end_of_virtio_user),
	TEST(paths_are_scalar),
	TEST(several_queues_want_rss),
)
