/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <string.h>

#include "ip_frame.h"
#include "test.h"

#define ETH 14
#define TAG 4
#define V4 20
#define V6 40
#define TCP 20
#define UDP 8
#define VXLAN_HDR 8

static uint8_t *
put16(uint8_t *at, uint32_t value)
{
	at[0] = value >> 8;
	at[1] = value;
	return at + 2;
}

static uint8_t *
put32(uint8_t *at, uint32_t value)
{
	return put16(put16(at, value >> 16), value);
}

static uint32_t
get16(const uint8_t *at)
{
	return at[0] << 8 | at[1];
}

static uint32_t
get32(const uint8_t *at)
{
	return get16(at) << 16 | get16(at + 2);
}

static uint16_t
fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static uint32_t
sum_of(const uint8_t *at, uint32_t len)
{
	uint32_t sum = 0;
	uint32_t i;

	for (i = 0; i < len; i++)
		sum = fold(sum + (i % 2 == 0 ? at[i] << 8 : at[i]));
	return sum;
}

/* A checksum as it is written: 0 would mean "none" in UDP, and 0xffff is the same number. */
static uint16_t
checksum_of(uint32_t sum)
{
	const uint16_t value = ~fold(sum);

	return value == 0 ? 0xffff : value;
}

/* ---- lengths ------------------------------------------------------------------------------- */

/* Bytes before the inner IP header. */
uint32_t
ip_frame_l3_at(const struct ip_frame *f)
{
	static const uint32_t outer[] = {
		[VXLAN] = V4 + UDP + VXLAN_HDR + ETH, [IPIP] = V4,
	};

	return ETH + (f->vlan != 0 ? TAG : 0) + outer[f->tunnel];
}

uint32_t
ip_frame_l4_at(const struct ip_frame *f)
{
	return ip_frame_l3_at(f) + (f->ipv6 ? V6 : V4);
}

uint32_t
ip_frame_payload_at(const struct ip_frame *f)
{
	return ip_frame_l4_at(f) + (f->udp ? UDP : TCP);
}

uint32_t
ip_frame_csum_offset(const struct ip_frame *f)
{
	return f->udp ? 6 : 16;
}

/* ---- writing ------------------------------------------------------------------------------- */

static uint8_t *
put_ethernet(uint8_t *at, uint8_t last, uint16_t vlan, uint16_t type)
{
	const uint8_t addresses[12] = { 2, 0, 0, 0, 0, last, 2, 0, 0, 0, 1, last };

	memcpy(at, addresses, sizeof(addresses));
	at += sizeof(addresses);
	if (vlan != 0)
		at = put16(put16(at, 0x8100), vlan);
	return put16(at, type);
}

static uint8_t *
put_ipv4(uint8_t *at, uint32_t len, uint16_t id, uint8_t proto, uint8_t net)
{
	uint8_t *const ip = at;

	at = put16(at, 0x4500);
	at = put16(at, V4 + len);
	at = put16(at, id);
	at = put16(at, 0x4000); /* not to be fragmented */
	at = put16(at, 64 << 8 | proto);
	at = put16(at, 0);
	at = put32(at, 0xc6120000 | net << 8 | 1);
	at = put32(at, 0xc6120000 | net << 8 | 2);
	put16(ip + 10, checksum_of(sum_of(ip, V4)));
	return at;
}

static uint8_t *
put_ipv6(uint8_t *at, uint32_t len, uint8_t proto)
{
	const uint8_t address[16] = { 0x20, 0x01, 0x0d, 0xb8, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 1, 1 };

	at = put32(at, 6u << 28);
	at = put16(at, len);
	at = put16(at, proto << 8 | 64);
	memcpy(at, address, sizeof(address));
	memcpy(at + 16, address, sizeof(address));
	at[31] = 2;
	return at + 32;
}

static uint8_t *
put_tcp(uint8_t *at, const struct ip_frame *f)
{
	at = put32(at, 1234u << 16 | 80);
	at = put32(at, 0xfffff000u + f->offset); /* goes over its end in a long one */
	at = put32(at, 77);
	at = put16(at, 0x5010 | (f->push ? 8 : 0));
	at = put16(at, 4096);
	return put32(at, 0);
}

static uint8_t *
put_headers(const struct ip_frame *f, uint8_t *at)
{
	const uint32_t l4_len = (f->udp ? UDP : TCP) + f->payload;
	const uint32_t ip_len = (f->ipv6 ? V6 : V4) + l4_len;
	const uint16_t ip_type = f->ipv6 ? 0x86dd : 0x0800;
	const uint8_t proto = f->udp ? 17 : 6;

	switch (f->tunnel) {
	case VXLAN:
		at = put_ethernet(at, 1, f->vlan, 0x0800);
		at = put_ipv4(at, UDP + VXLAN_HDR + ETH + ip_len, 5, 17, 1);
		at = put32(at, 50000u << 16 | 4789);
		at = put32(at, (UDP + VXLAN_HDR + ETH + ip_len) << 16); /* no checksum */
		at = put32(put32(at, 0x08000000), 42 << 8);
		at = put_ethernet(at, 3, 0, ip_type);
		break;
	case IPIP:
		at = put_ethernet(at, 1, f->vlan, 0x0800);
		at = put_ipv4(at, ip_len, 5, f->ipv6 ? 41 : 4, 1);
		break;
	default:
		at = put_ethernet(at, 1, f->vlan, ip_type);
	}
	if (f->ipv6)
		at = put_ipv6(at, l4_len, proto);
	else
		at = put_ipv4(at, l4_len, f->ip_id, proto, 2);
	if (f->udp)
		return put32(put32(at, 1234u << 16 | 53), l4_len << 16);
	return put_tcp(at, f);
}

static uint32_t
pseudo_sum(const struct ip_frame *f, const uint8_t *at)
{
	const uint8_t *addresses = at + ip_frame_l3_at(f) + (f->ipv6 ? 8 : 12);
	const uint32_t l4_len = (f->udp ? UDP : TCP) + f->payload;

	return fold(sum_of(addresses, f->ipv6 ? 32 : 8) + (f->udp ? 17 : 6) + fold(l4_len));
}

uint32_t
ip_frame_write_unfinished(const struct ip_frame *f, uint8_t *at)
{
	uint8_t *payload = put_headers(f, at);
	uint32_t i;

	CHECK_EQ(payload - at, ip_frame_payload_at(f));
	for (i = 0; i < f->payload; i++)
		payload[i] = f->seed + (f->offset + i) * 11 + ((f->offset + i) >> 8);
	put16(at + ip_frame_l4_at(f) + ip_frame_csum_offset(f), pseudo_sum(f, at));
	return ip_frame_payload_at(f) + f->payload;
}

uint32_t
ip_frame_write(const struct ip_frame *f, uint8_t *at)
{
	const uint32_t len = ip_frame_write_unfinished(f, at);

	ip_frame_finish(at, len, ip_frame_l4_at(f), ip_frame_csum_offset(f));
	return len;
}

/* ---- what a device does -------------------------------------------------------------------- */

void
ip_frame_finish(uint8_t *at, uint32_t len, uint16_t csum_start, uint16_t csum_offset)
{
	CHECK(csum_start + csum_offset + 2u <= len);
	put16(at + csum_start + csum_offset,
	      checksum_of(sum_of(at + csum_start, len - csum_start)));
}

/* RFC 1624: the sum of a field's new value in place of its old one. */
static uint32_t
exchange(uint32_t sum, uint32_t old, uint32_t new)
{
	return fold(sum + (0xffff - old) + new);
}

uint32_t
ip_frame_segment(const struct ip_frame_hdr *hdr, const uint8_t *at, uint32_t len, uint32_t l3_at,
		 unsigned int i, uint8_t *to)
{
	const bool v4 = hdr->gso_type == IP_FRAME_GSO_TCPV4;
	const uint32_t from = hdr->hdr_len + i * hdr->gso_size;
	const uint32_t payload = RTE_MIN(len - from, (uint32_t)hdr->gso_size);
	const uint32_t l4_len = hdr->hdr_len - hdr->csum_start + payload;
	const uint32_t old_l4_len = len - hdr->csum_start;
	uint8_t *ip = to + l3_at;
	uint8_t *tcp = to + hdr->csum_start;

	CHECK(hdr->gso_size > 0 && hdr->hdr_len <= len && hdr->csum_offset == 16);
	if (from >= len)
		return 0;
	memcpy(to, at, hdr->hdr_len);
	memcpy(to + hdr->hdr_len, at + from, payload);
	if (v4) {
		uint32_t sum = 0xffff - get16(ip + 10);

		sum = exchange(sum, get16(ip + 2), hdr->csum_start - l3_at + l4_len);
		sum = exchange(sum, get16(ip + 4), (get16(ip + 4) + i) & 0xffff);
		put16(ip + 2, hdr->csum_start - l3_at + l4_len);
		put16(ip + 4, get16(ip + 4) + i);
		put16(ip + 10, checksum_of(sum));
	} else {
		put16(ip + 4, l4_len + hdr->csum_start - l3_at - V6);
	}
	put32(tcp + 4, get32(tcp + 4) + i * hdr->gso_size);
	if (from + payload < len)
		tcp[13] &= ~9; /* PSH and FIN are for the last one */
	put16(tcp + 16, exchange(get16(tcp + 16), fold(old_l4_len), l4_len));
	ip_frame_finish(to, hdr->hdr_len + payload, hdr->csum_start, hdr->csum_offset);
	return hdr->hdr_len + payload;
}

/* ---- comparing ----------------------------------------------------------------------------- */

void
ip_frame_check_bytes(const uint8_t *got, uint32_t got_len, const uint8_t *wanted,
		     uint32_t wanted_len, const char *what)
{
	uint32_t i;

	if (got_len != wanted_len)
		test_fail(__FILE__, __LINE__, "%s: %u bytes, not %u", what, got_len, wanted_len);
	for (i = 0; i < got_len; i++) {
		if (got[i] != wanted[i])
			test_fail(__FILE__, __LINE__, "%s: byte %u of %u is 0x%02x, not 0x%02x",
				  what, i, got_len, got[i], wanted[i]);
	}
}

void
ip_frame_check_mbuf(const struct rte_mbuf *m, const uint8_t *wanted, uint32_t wanted_len,
		    const char *what)
{
	static uint8_t copy[IP_FRAME_MAX];
	const uint8_t *at;

	CHECK(m->pkt_len <= sizeof(copy));
	at = rte_pktmbuf_read(m, 0, m->pkt_len, copy);
	CHECK(at != NULL);
	ip_frame_check_bytes(at, m->pkt_len, wanted, wanted_len, what);
}

/* ---- packets ------------------------------------------------------------------------------- */

struct rte_mbuf *
ip_frame_mbuf(struct rte_mempool *pool, const uint8_t *at, uint32_t len, uint32_t first,
	      uint32_t segment, uint16_t data_off)
{
	struct rte_mbuf *m = NULL;
	struct rte_mbuf *last = NULL;
	uint32_t done = 0;

	while (done < len || m == NULL) {
		struct rte_mbuf *seg = rte_pktmbuf_alloc(pool);
		uint32_t n = m == NULL ? first : segment;

		CHECK(seg != NULL);
		if (m == NULL) {
			m = seg;
			seg->data_off = data_off;
		} else {
			seg->data_off = 0;
			last->next = seg;
			m->nb_segs++;
		}
		if (n == 0)
			n = rte_pktmbuf_tailroom(seg);
		n = RTE_MIN(n, len - done);
		CHECK(n <= rte_pktmbuf_tailroom(seg));
		memcpy(rte_pktmbuf_mtod(seg, void *), at + done, n);
		seg->data_len = n;
		done += n;
		last = seg;
	}
	m->pkt_len = len;
	return m;
}

void
ip_frame_ask_checksum(const struct ip_frame *f, struct rte_mbuf *m)
{
	const uint32_t eth = ETH + (f->vlan != 0 ? TAG : 0);

	m->ol_flags |= (f->ipv6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4) |
		       (f->udp ? RTE_MBUF_F_TX_UDP_CKSUM : RTE_MBUF_F_TX_TCP_CKSUM);
	m->l2_len = eth;
	m->l3_len = f->ipv6 ? V6 : V4;
	if (f->tunnel == NO_TUNNEL)
		return;
	m->ol_flags |= RTE_MBUF_F_TX_OUTER_IPV4 |
		       (f->tunnel == VXLAN ? RTE_MBUF_F_TX_TUNNEL_VXLAN :
					     RTE_MBUF_F_TX_TUNNEL_IPIP);
	m->outer_l2_len = eth;
	m->outer_l3_len = V4;
	m->l2_len = f->tunnel == VXLAN ? UDP + VXLAN_HDR + ETH : 0;
}

void
ip_frame_ask_segments(const struct ip_frame *f, struct rte_mbuf *m, uint16_t segsz)
{
	ip_frame_ask_checksum(f, m);
	m->ol_flags &= ~RTE_MBUF_F_TX_L4_MASK;
	m->ol_flags |= RTE_MBUF_F_TX_TCP_SEG | (f->ipv6 ? 0 : RTE_MBUF_F_TX_IP_CKSUM);
	m->l4_len = TCP;
	m->tso_segsz = segsz;
}
