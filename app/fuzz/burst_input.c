/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * Target "burst": a pair of queues of a virtio-pci port, polled over each of the data paths that
 * the processor has: layouts, scalar, AVX2 and AVX-512, mergeable buffers, offloads, hashes, and
 * those of vectorized=1, with and without ACCESS_PLATFORM and ORDER_PLATFORM. Rings have 32 places
 * or fewer: 16 of a split ring, or 24 of a packed one, which is no power of two. Bursts on packed
 * ones look ahead, or not, as the input says. The device writes received headers and frames, and
 * used entries, by the rules or against them. Packets that are sent have any flags, lengths and
 * segments, and go through tx_prepare.
 *
 * Each received mbuf is sound, a conforming device's frame arrives as it was, the device finds the
 * bytes of the packets that were sent, in their order, and every buffer is back at the end.
 *
 * Target "race" (DEVICE_RACES): the same, where the device is a thread that changes rings and
 * buffers while the queues are polled.
 */

#include <stdlib.h>
#include <string.h>

#include <rte_ip.h>
#include <rte_tcp.h>
#include <rte_vect.h>

#include "device_thread.h"
#include "driver_port.h"

#ifndef DEVICE_RACES
#define DEVICE_RACES 0
#endif

#define MAX_STEPS 60
#define RING 32
#define BURST 16
#define MAX_FRAME 400
#define MAX_PACKET 1024

#define RX 0
#define TX 1

/* What a side has given the other. */
struct packet {
	uint32_t len;
	bool may_be_dropped; /* its header may be one that is not possible */
	bool may_differ;     /* the driver completes a checksum in it */
	uint8_t bytes[MAX_PACKET];
};

/* A burst in each step. */
#define MAX_PACKETS (MAX_STEPS * BURST)

struct run {
	struct fuzz_input in;
	struct pci_registers regs;
	struct driver_port port;
	uint16_t ring_size;
	bool behind_bus;           /**< it has ACCESS_PLATFORM or ORDER_PLATFORM */
	bool hostile;              /**< the device has broken a rule */
	bool rings_random;         /**< its rings hold anything, which it cannot use itself */
	bool looks_ahead;          /**< bursts look ahead until a step ends it */
	unsigned int frames;       /**< that the device has given */
	unsigned int received;     /**< of these, received or dropped */
	unsigned int packets;      /**< that were sent */
	unsigned int taken;        /**< of these, taken by the device or dropped */
	unsigned int dropped;      /**< of these, dropped while the queue ran */
	uint16_t made;
	struct packet frame[MAX_PACKETS];
	struct packet packet[MAX_PACKETS];
};

void
fuzz_start(void)
{
	driver_port_start_eal();
}

static uint16_t
header_size(const struct run *r)
{
	return r->port.port->hash ? sizeof(struct virtio_net_hdr_hash) :
				    sizeof(struct virtio_net_hdr);
}

/* ---- the device --------------------------------------------------------------------------- */

static struct pci_ring *
live_ring(struct run *r, unsigned int index)
{
	struct pci_ring *q = &r->regs.ring[index];

	return q->open && q->enable == 1 ? q : NULL;
}

/* Headers of a frame as they are often, with some bytes that are not. */
static uint32_t
make_frame(struct run *r, uint8_t *frame)
{
	static const uint8_t tcp4[] = {
		2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0,
		0x45, 0, 0, 60, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
		0, 80, 0, 81, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 16, 1, 0, 0, 0, 0, 0,
	};
	static const uint8_t vlan_udp6[] = {
		2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x81, 0, 0, 5, 0x86, 0xdd,
		0x60, 0, 0, 0, 0, 16, 17, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 53, 0, 54, 0, 16, 0, 0,
	};
	const unsigned int kind = fuzz_below(&r->in, 4);
	unsigned int changes = fuzz_below(&r->in, 6);
	uint32_t len = fuzz_below(&r->in, 256);

	memset(frame, 0, MAX_FRAME);
	memcpy(frame, kind % 2 ? tcp4 : vlan_udp6, kind % 2 ? sizeof(tcp4) : sizeof(vlan_udp6));
	while (changes-- > 0)
		frame[fuzz_below(&r->in, 80)] = fuzz_byte(&r->in);
	/* Some are cut within their headers. */
	return kind < 2 ? 60 + len : 14 + len % 60;
}

static void
make_header(struct run *r, uint8_t *hdr, struct packet *frame)
{
	struct virtio_net_hdr_hash h = { .hdr = { .num_buffers = 1 } };

	if (fuzz_below(&r->in, 4) != 0) {
		h.hdr.flags = fuzz_below(&r->in, 8) == 7 ? fuzz_byte(&r->in) :
			      1 + fuzz_below(&r->in, 2);
		h.hdr.csum_start = fuzz_below(&r->in, 4) == 3 ? fuzz_number(&r->in, 2) :
				   fuzz_below(&r->in, 128);
		h.hdr.csum_offset = fuzz_below(&r->in, 8) == 7 ? fuzz_number(&r->in, 2) :
				    fuzz_below(&r->in, 20);
	}
	if (fuzz_below(&r->in, 4) == 0) {
		h.hdr.gso_type = fuzz_below(&r->in, 8);
		h.hdr.gso_size = fuzz_number(&r->in, 2);
	}
	h.hash_value = r->frames;
	h.hash_report = fuzz_below(&r->in, 12);
	memcpy(hdr, &h, header_size(r));
	frame->may_differ = h.hdr.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM;
	frame->may_be_dropped = frame->may_differ || h.hdr.gso_type != 0;
}

static void
give_frame(struct run *r, struct pci_ring *q)
{
	uint8_t bytes[sizeof(struct virtio_net_hdr_hash) + MAX_FRAME];
	const uint32_t hdr = header_size(r);
	struct packet *frame = &r->frame[r->frames];
	struct device_chain chain[3];
	uint32_t len, at = 0, part;
	unsigned int n, i;

	if (r->frames == MAX_PACKETS)
		return;
	frame->len = make_frame(r, bytes + hdr);
	/* Its number in two places, which no checksum covers both. */
	memcpy(bytes + hdr + 6, &(uint16_t){ r->frames }, sizeof(uint16_t));
	memcpy(bytes + hdr + 10, &(uint16_t){ r->frames }, sizeof(uint16_t));
	memcpy(frame->bytes, bytes + hdr, frame->len);
	len = hdr + frame->len;
	make_header(r, bytes, frame);
	n = r->port.port->mergeable ? 1 + fuzz_below(&r->in, RTE_DIM(chain)) : 1;
	for (i = 0; i < n && ring_device_take(&q->ring, &chain[i]); i++)
		;
	if (i == 0)
		return;
	/* Too few buffers for what the header is going to say. */
	n = i;
	memcpy(bytes + offsetof(struct virtio_net_hdr, num_buffers), &(uint16_t){ n }, 2);
	r->frames++;
	for (i = 0; i < n; i++) {
		/* Drivers, Linux' among them, take no frame whose first buffer lacks its header. */
		part = i + 1 == n ? len - at :
				    RTE_MIN((len - at) / n + hdr + RTE_ETHER_HDR_LEN, len - at);
		part = RTE_MIN(part, chain[i].part[0].len);
		/* The driver takes no buffer in which there is nothing of the frame. */
		frame->may_be_dropped |= part == 0;
		memcpy(chain[i].part[0].at, bytes + at, part);
		at += part;
		ring_device_use(&q->ring, chain[i].head, part);
	}
}

/* Used entries that were not given, and lengths that cannot be. */
static void
use_anything(struct run *r, struct pci_ring *q)
{
	struct device_chain chain;
	uint16_t id = fuzz_number(&r->in, 2);
	uint32_t len = fuzz_below(&r->in, 4) == 0 ? fuzz_number(&r->in, 4) :
						    fuzz_below(&r->in, 100);

	r->hostile = true;
	if (fuzz_below(&r->in, 4) != 0 && !r->rings_random && ring_device_take(&q->ring, &chain)) {
		id = chain.head;
		if (chain.n > 0 && chain.part[0].writable && chain.part[0].len > 64)
			memset(chain.part[0].at, fuzz_byte(&r->in), 64);
	}
	ring_device_use_raw(&q->ring, id, len);
}

static void
write_anything(struct run *r, struct pci_ring *q)
{
	const bool packed = r->port.port->packed;
	const unsigned int which = fuzz_below(&r->in, 3);
	const size_t sizes[] = {
		ring_device_desc_size(r->ring_size), ring_device_driver_size(r->ring_size, packed),
		ring_device_device_size(r->ring_size, packed),
	};
	uint8_t *at = (uint8_t *)(uintptr_t)(q->address[2 * which] |
					     (uint64_t)q->address[2 * which + 1] << 32);
	const size_t offset = fuzz_number(&r->in, 2) % sizes[which];
	const size_t n = RTE_MIN((size_t)1 << fuzz_below(&r->in, 4), sizes[which] - offset);
	const uint64_t value = fuzz_number(&r->in, n);

	r->hostile = true;
	r->rings_random = true;
	memcpy(at + offset, &value, n);
}

/* How many bytes lie between the first and the last difference, both included. */
static uint32_t
difference(const uint8_t *a, const uint8_t *b, uint32_t len)
{
	uint32_t first = 0, end = len;

	while (first < len && a[first] == b[first])
		first++;
	while (end > first && a[end - 1] == b[end - 1])
		end--;
	return end - first;
}

/* Whether these bytes are the packet's, or if its tag is off, what is left of the packet then. */
static bool
is_packet(const struct packet *packet, const uint8_t *bytes, uint32_t len, bool tag_is_off)
{
	const uint32_t tag = tag_is_off ? sizeof(struct rte_vlan_hdr) : 0;
	const uint32_t macs = 2 * RTE_ETHER_ADDR_LEN;
	uint8_t wanted[MAX_PACKET];

	if (len + tag != packet->len)
		return false;
	memcpy(wanted, packet->bytes, packet->len);
	if (tag_is_off)
		memmove(wanted + macs, wanted + macs + tag, len - macs);
	return difference(bytes, wanted, len) <= (packet->may_differ ? sizeof(uint16_t) : 0);
}

/* The next packet that was sent, but for those that the driver has counted as dropped. */
static void
check_sent(struct run *r, const uint8_t *bytes, uint32_t len)
{
	struct rte_eth_stats stats;

	while (r->taken < r->packets &&
	       !is_packet(&r->packet[r->taken], bytes, len, false)) {
		r->taken++;
		r->dropped++;
	}
	CHECK(r->taken < r->packets);
	r->taken++;
	if (r->dropped == 0)
		return;
	CHECK_EQ(rte_eth_stats_get(r->port.id, &stats), 0);
	CHECK(r->dropped <= stats.oerrors);
}

static void
take_sent(struct run *r, struct pci_ring *q, unsigned int most)
{
	uint8_t bytes[sizeof(struct virtio_net_hdr_hash) + MAX_PACKET];
	struct device_chain chain;
	uint16_t num_buffers;
	uint32_t len;
	uint16_t i;

	while (most-- > 0 && ring_device_take(&q->ring, &chain)) {
		for (len = 0, i = 0; !r->hostile && i < chain.n; i++) {
			CHECK(!chain.part[i].writable);
			CHECK(len + chain.part[i].len <= sizeof(bytes));
			memcpy(bytes + len, chain.part[i].at, chain.part[i].len);
			len += chain.part[i].len;
		}
		if (!r->hostile) {
			CHECK(len > header_size(r));
			check_sent(r, bytes + header_size(r), len - header_size(r));
		}
		if (!r->hostile && r->behind_bus) {
			/* 5.1.9.2.1 */
			memcpy(&num_buffers, bytes + offsetof(struct virtio_net_hdr, num_buffers),
			       sizeof(num_buffers));
			CHECK_EQ(num_buffers, 0);
		}
		ring_device_use(&q->ring, chain.head, 0);
	}
}

static void
step_device(struct run *r)
{
	const unsigned int what = fuzz_below(&r->in, 16);
	struct pci_ring *q = live_ring(r, what < 8 || what % 2 ? RX : TX);
	unsigned int n = 1 + fuzz_below(&r->in, BURST);

	if (q == NULL)
		return;
	if (what >= 14)
		write_anything(r, q);
	else if (what == 13 || r->rings_random)
		use_anything(r, q);
	else if (q == &r->regs.ring[TX])
		take_sent(r, q, n);
	else
		while (n-- > 0)
			give_frame(r, q);
}

/* ---- the application ---------------------------------------------------------------------- */

/* The next frame that the device has given; what may be dropped may be missing. */
static void
check_content(struct run *r, const struct rte_mbuf *m)
{
	const bool tag_is_off = m->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED;
	uint8_t copy[MAX_FRAME];
	const uint8_t *bytes;

	CHECK(m->pkt_len <= sizeof(copy));
	bytes = rte_pktmbuf_read(m, 0, m->pkt_len, copy);
	CHECK(bytes != NULL);
	for (;;) {
		const struct packet *frame = &r->frame[r->received];

		CHECK(r->received < r->frames);
		r->received++;
		if (is_packet(frame, bytes, m->pkt_len, tag_is_off))
			return;
		CHECK(frame->may_be_dropped);
	}
}

static void
check_received(struct run *r, struct rte_mbuf *m)
{
	uint32_t len = 0;
	uint16_t segments = 0;
	struct rte_mbuf *seg;

	for (seg = m; seg != NULL; seg = seg->next) {
		CHECK_EQ(rte_mbuf_refcnt_read(seg), 1);
		CHECK((uint32_t)seg->data_off + seg->data_len <= seg->buf_len);
		len += seg->data_len;
		segments++;
	}
	CHECK_EQ(m->nb_segs, segments);
	CHECK_EQ(m->pkt_len, len);
	CHECK_EQ(m->port, r->port.id);
	if (!r->hostile)
		check_content(r, m);
}

/* Bursts that look ahead end it by time, which no input has: by some steps. */
static void
end_look_ahead(struct run *r, struct virtio_look_ahead *ahead)
{
	if (r->looks_ahead && ahead->on && fuzz_below(&r->in, 4) == 0)
		ahead->since -= ahead->cycles;
}

static void
receive(struct run *r)
{
	struct rte_mbuf *pkts[2 * BURST];
	const uint16_t most = 1 + fuzz_below(&r->in, RTE_DIM(pkts));
	uint16_t n, i;

	end_look_ahead(r, &r->port.port->rxqs[0]->ahead);
	n = rte_eth_rx_burst(r->port.id, 0, pkts, most);
	CHECK(n <= most);
	for (i = 0; i < n; i++)
		check_received(r, pkts[i]);
	rte_pktmbuf_free_bulk(pkts, n);
}

/* A buffer of exactly so many bytes, in which the sanitizer notices each byte too far. */
static void
free_data(void *addr, void *shinfo)
{
	free(addr);
	free(shinfo);
}

static struct rte_mbuf *
make_segment(struct run *r, uint16_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(driver_port_pool());
	struct rte_mbuf_ext_shared_info *shinfo;
	uint8_t *addr;

	if (m == NULL)
		return NULL;
	if (fuzz_below(&r->in, 2) == 0) {
		addr = calloc(1, len);
		shinfo = calloc(1, sizeof(*shinfo));
		CHECK(addr != NULL && shinfo != NULL);
		shinfo->free_cb = free_data;
		shinfo->fcb_opaque = shinfo;
		rte_mbuf_ext_refcnt_set(shinfo, 1);
		rte_pktmbuf_attach_extbuf(m, addr, (uintptr_t)addr, len, shinfo);
		m->data_off = 0;
	} else if (fuzz_below(&r->in, 4) == 0) {
		m->data_off = fuzz_below(&r->in, RTE_PKTMBUF_HEADROOM + 1);
	}
	m->data_len = len;
	m->pkt_len = len;
	return m;
}

static uint64_t
some_flags(struct run *r)
{
	static const uint64_t flags[] = {
		RTE_MBUF_F_TX_IPV4, RTE_MBUF_F_TX_IPV6, RTE_MBUF_F_TX_IP_CKSUM,
		RTE_MBUF_F_TX_TCP_CKSUM, RTE_MBUF_F_TX_UDP_CKSUM, RTE_MBUF_F_TX_TCP_SEG,
		RTE_MBUF_F_TX_VLAN, RTE_MBUF_F_TX_OUTER_IPV4, RTE_MBUF_F_TX_OUTER_IPV6,
		RTE_MBUF_F_TX_OUTER_IP_CKSUM, RTE_MBUF_F_TX_TUNNEL_VXLAN, RTE_MBUF_F_TX_UDP_SEG,
		RTE_MBUF_F_TX_SCTP_CKSUM, RTE_MBUF_F_TX_QINQ, RTE_MBUF_F_TX_TUNNEL_GRE,
		RTE_MBUF_F_TX_OUTER_UDP_CKSUM,
	};
	const uint16_t which = fuzz_number(&r->in, 2);
	uint64_t result = 0;
	unsigned int i;

	for (i = 0; i < RTE_DIM(flags); i++) {
		if (which & 1u << i)
			result |= flags[i];
	}
	return result;
}

static struct rte_mbuf *
make_packet(struct run *r)
{
	struct rte_mbuf *m = make_segment(r, 1 + fuzz_below(&r->in, 200));
	unsigned int more = fuzz_below(&r->in, 8) == 0 ? fuzz_below(&r->in, 12) : 0;
	struct rte_mbuf *seg;
	uint8_t *data;

	if (m == NULL)
		return NULL;
	data = rte_pktmbuf_mtod(m, uint8_t *);
	if (m->data_len >= 60) {
		uint8_t frame[MAX_FRAME];

		make_frame(r, frame);
		memcpy(data, frame, RTE_MIN(m->data_len, MAX_FRAME));
	}
	r->made++;
	if (m->data_len >= 2 * RTE_ETHER_ADDR_LEN)
		memcpy(data + RTE_ETHER_ADDR_LEN, &r->made, sizeof(r->made));
	m->ol_flags |= some_flags(r);
	if (fuzz_below(&r->in, 2) == 0) {
		m->l2_len = 14;
		m->l3_len = m->ol_flags & RTE_MBUF_F_TX_IPV6 ? 40 : 20;
		m->l4_len = 20;
		m->tso_segsz = 100;
	} else {
		m->tx_offload = fuzz_number(&r->in, 8);
	}
	m->vlan_tci = 5;
	while (more-- > 0) {
		seg = make_segment(r, 1 + fuzz_below(&r->in, 64));
		if (seg == NULL)
			break;
		if (rte_pktmbuf_chain(m, seg) != 0)
			rte_pktmbuf_free(seg);
	}
	return m;
}

/* What the device is to see of a packet. */
static struct packet
packet_of(const struct rte_mbuf *m)
{
	struct packet packet = { .len = m->pkt_len };
	const struct rte_mbuf *seg;
	uint32_t at = 0;

	CHECK(m->pkt_len <= sizeof(packet.bytes));
	for (seg = m; seg != NULL; seg = seg->next) {
		memcpy(packet.bytes + at, rte_pktmbuf_mtod(seg, void *), seg->data_len);
		at += seg->data_len;
	}
	return packet;
}

static void
transmit(struct run *r)
{
	struct packet packets[BURST];
	struct rte_mbuf *pkts[BURST];
	const uint16_t wanted = 1 + fuzz_below(&r->in, BURST);
	const bool prepares = fuzz_below(&r->in, 8) != 0;
	uint16_t n, ready, sent, i;

	for (n = 0; n < wanted; n++) {
		pkts[n] = make_packet(r);
		if (pkts[n] == NULL)
			break;
	}
	ready = prepares ? rte_eth_tx_prepare(r->port.id, 0, pkts, n) : n;
	CHECK(ready <= n);
	for (i = 0; i < ready; i++)
		packets[i] = packet_of(pkts[i]);
	end_look_ahead(r, &r->port.port->txqs[0]->ahead);
	/* A packet whose preparation failed is not one to send. */
	sent = rte_eth_tx_burst(r->port.id, 0, pkts, ready);
	CHECK(sent <= ready);
	memcpy(r->packet + r->packets, packets, sent * sizeof(packets[0]));
	r->packets += sent;
	rte_pktmbuf_free_bulk(pkts + sent, n - sent);
}

static void
restart_queue(struct run *r)
{
	const uint16_t id = r->port.id;

	if (fuzz_below(&r->in, 2) == 0) {
		if (rte_eth_dev_rx_queue_stop(id, 0) == 0)
			rte_eth_dev_rx_queue_start(id, 0);
		r->received = r->frames;
	} else if (rte_eth_dev_tx_queue_stop(id, 0) == 0) {
		rte_eth_dev_tx_queue_start(id, 0);
		r->taken = r->packets;
	}
}

static void
ask(struct run *r)
{
	struct rte_eth_stats stats;
	const uint16_t id = r->port.id;

	switch (fuzz_below(&r->in, 6)) {
	case 0:
		rte_eth_rx_queue_count(id, 0);
		break;
	case 1:
		rte_eth_rx_descriptor_status(id, 0, fuzz_byte(&r->in));
		break;
	case 2:
		rte_eth_tx_descriptor_status(id, 0, fuzz_byte(&r->in));
		break;
	case 3:
		rte_eth_stats_get(id, &stats);
		break;
	case 4:
		rte_eth_tx_done_cleanup(id, 0, fuzz_byte(&r->in));
		break;
	default:
		rte_eth_dev_set_vlan_strip_on_queue(id, 0, fuzz_below(&r->in, 2));
		break;
	}
}

static void
step(struct run *r)
{
	/* Without those of the device where it is a thread. */
	switch (DEVICE_RACES ? 6 + fuzz_below(&r->in, 10) : fuzz_below(&r->in, 16)) {
	case 0: case 1: case 2: case 3: case 4: case 5:
		step_device(r);
		break;
	case 6: case 7: case 8: case 9:
		receive(r);
		break;
	case 10: case 11: case 12:
		transmit(r);
		break;
	case 13:
		ask(r);
		break;
	case 14:
		driver_port_work(&r->port);
		break;
	default:
		if (fuzz_below(&r->in, 4) == 0)
			restart_queue(r);
		break;
	}
	if (!r->hostile)
		pci_registers_check(&r->regs);
}

/* ---- the port ----------------------------------------------------------------------------- */

static uint64_t
some_features(uint8_t flags, uint8_t platform)
{
	uint64_t features = VIRTIO_BIT(VIRTIO_F_VERSION_1) | VIRTIO_BIT(VIRTIO_F_RING_RESET);

	features |= flags & 1 ? VIRTIO_BIT(VIRTIO_F_RING_PACKED) : 0;
	features |= flags & 2 ? VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF) : 0;
	features |= flags & 4 ? VIRTIO_BIT(VIRTIO_RING_F_EVENT_IDX) : 0;
	features |= flags & 8 ? VIRTIO_BIT(VIRTIO_RING_F_INDIRECT_DESC) : 0;
	features |= flags & 16 ? VIRTIO_BIT(VIRTIO_F_IN_ORDER) : 0;
	features |= platform & 1 ? VIRTIO_BIT(VIRTIO_F_ACCESS_PLATFORM) : 0;
	features |= platform & 2 ? VIRTIO_BIT(VIRTIO_F_ORDER_PLATFORM) : 0;
	if (flags & 32)
		features |= VIRTIO_BIT(VIRTIO_NET_F_CSUM) | VIRTIO_BIT(VIRTIO_NET_F_GUEST_CSUM) |
			    VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO4) |
			    VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO6) |
			    VIRTIO_BIT(VIRTIO_NET_F_HOST_TSO4) |
			    VIRTIO_BIT(VIRTIO_NET_F_HOST_TSO6);
	if (flags & 64)
		features |= VIRTIO_BIT(VIRTIO_NET_F_CTRL_VQ) | VIRTIO_BIT(VIRTIO_NET_F_RSS) |
			    VIRTIO_BIT(VIRTIO_NET_F_HASH_REPORT);
	return features;
}

static int
start_port(struct run *r)
{
	static const uint16_t widths[] = {
		RTE_VECT_SIMD_128, RTE_VECT_SIMD_256, RTE_VECT_SIMD_512
	};
	const uint16_t id = r->port.id;
	struct rte_eth_conf conf = { 0 };
	struct rte_eth_dev_info info;
	uint8_t flags = fuzz_byte(&r->in);

	CHECK_EQ(rte_vect_set_max_simd_bitwidth(widths[flags % RTE_DIM(widths)]), 0);
	CHECK_EQ(rte_eth_dev_info_get(id, &info), 0);
	conf.rxmode.offloads = info.rx_offload_capa & ~RTE_ETH_RX_OFFLOAD_VLAN_FILTER;
	conf.txmode.offloads = info.tx_offload_capa & ~RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
	if (flags & 16)
		conf.rxmode.offloads &= RTE_ETH_RX_OFFLOAD_SCATTER;
	if (flags & 32)
		conf.rxmode.offloads &= ~RTE_ETH_RX_OFFLOAD_RSS_HASH;
	if (flags & 64)
		conf.txmode.offloads = 0;
	if (rte_eth_dev_configure(id, 1, 1, &conf) != 0)
		return -1;
	r->ring_size = !(flags & 8) ? RING : r->port.port->packed ? RING / 4 * 3 : RING / 2;
	if (rte_eth_rx_queue_setup(id, 0, r->ring_size, 0, NULL, driver_port_pool()) != 0 ||
	    rte_eth_tx_queue_setup(id, 0, r->ring_size, 0, NULL) != 0)
		return -1;
	r->looks_ahead = flags & 128;
	if (r->looks_ahead) {
		r->port.port->rxqs[0]->ahead.cycles = UINT64_MAX / 2;
		r->port.port->txqs[0]->ahead.cycles = UINT64_MAX / 2;
	}
	return rte_eth_dev_start(id);
}

/* ---- a device that is a thread ------------------------------------------------------------ */

static void *buffers[DRIVER_PORT_BUFFERS];

static void
note_buffer(struct rte_mempool *mp __rte_unused, void *arg __rte_unused, void *obj, unsigned int i)
{
	const struct rte_mbuf *m = obj;

	buffers[i] = (uint8_t *)m->buf_addr + RTE_PKTMBUF_HEADROOM -
		     sizeof(struct virtio_net_hdr_hash);
}

static void
begin_races(struct run *r)
{
	struct device_thread_memory memory = {
		.buffer = buffers, .nb_buffers = DRIVER_PORT_BUFFERS, .buffer_size = 80,
	};
	const uint32_t *address;
	unsigned int i;

	if (buffers[0] == NULL)
		rte_mempool_obj_iter(driver_port_pool(), note_buffer, NULL);
	for (i = 0; i < DEVICE_THREAD_RINGS; i++) {
		if (live_ring(r, i) == NULL)
			continue;
		address = r->regs.ring[i].address;
		memory.ring[i] = (struct device_thread_ring){
			.desc = (void *)(uintptr_t)(address[0] | (uint64_t)address[1] << 32),
			.driver = (void *)(uintptr_t)(address[2] | (uint64_t)address[3] << 32),
			.device = (void *)(uintptr_t)(address[4] | (uint64_t)address[5] << 32),
			.size = r->ring_size, .packed = r->port.port->packed,
		};
	}
	r->hostile = true;
	device_thread_begin(&memory, fuzz_number(&r->in, 4));
}

void
fuzz_run(const uint8_t *data, size_t size)
{
	static struct run run;
	const char *args;
	unsigned int steps;
	uint8_t flags, platform;

	run.in = (struct fuzz_input){ data, data + size };
	run.hostile = false;
	run.rings_random = false;
	run.frames = 0;
	run.received = 0;
	run.packets = 0;
	run.taken = 0;
	run.dropped = 0;
	run.made = 0;
	flags = fuzz_byte(&run.in);
	platform = fuzz_below(&run.in, 4);
	run.behind_bus = platform != 0;
	pci_registers_init(&run.regs, &run.in, some_features(flags, platform), 3, RING);
	args = flags & 128 ? "queue_reset_timeout_ms=1,vectorized=1" : "queue_reset_timeout_ms=1";
	if (driver_port_create(&run.port, &run.regs, args) == 0) {
		if (start_port(&run) == 0) {
			if (DEVICE_RACES)
				begin_races(&run);
			for (steps = 0; steps < MAX_STEPS && fuzz_left(&run.in) > 0; steps++)
				step(&run);
			if (DEVICE_RACES)
				device_thread_end();
		}
		driver_port_destroy(&run.port, &run.regs);
	}
	pci_registers_fini(&run.regs);
}
