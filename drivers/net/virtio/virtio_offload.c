/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>

#include <rte_errno.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_net.h>
#include <rte_sctp.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#include "virtio.h"
#include "virtio_compat.h"
#include "virtio_offload.h"
#include "virtio_rxtx_common.h"

/* ---- transmit ----------------------------------------------------------------------------- */

/* A tunnel's type has to be given, for outer headers alone they are. */
#define TX_OUTER_IP (RTE_MBUF_F_TX_OUTER_IPV4 | RTE_MBUF_F_TX_OUTER_IPV6)

/* Where the headers begin that the mbuf's lengths l2_len to l4_len are of. */
static uint32_t
outer_len(const struct rte_mbuf *m)
{
	return m->ol_flags & (RTE_MBUF_F_TX_TUNNEL_MASK | TX_OUTER_IP) ?
		m->outer_l2_len + m->outer_l3_len : 0;
}

struct virtio_net_hdr
virtio_tx_offload(const struct rte_mbuf *m)
{
	const uint32_t l4 = outer_len(m) + m->l2_len + m->l3_len;
	struct virtio_net_hdr hdr = { 0 };

	if (m->ol_flags & RTE_MBUF_F_TX_TCP_SEG) {
		hdr.gso_type = m->ol_flags & RTE_MBUF_F_TX_IPV6 ? VIRTIO_NET_HDR_GSO_TCPV6 :
								   VIRTIO_NET_HDR_GSO_TCPV4;
		hdr.gso_size = m->tso_segsz;
		hdr.hdr_len = l4 + m->l4_len;
		hdr.csum_offset = offsetof(struct rte_tcp_hdr, cksum);
	} else if ((m->ol_flags & RTE_MBUF_F_TX_L4_MASK) == RTE_MBUF_F_TX_TCP_CKSUM) {
		hdr.csum_offset = offsetof(struct rte_tcp_hdr, cksum);
	} else if ((m->ol_flags & RTE_MBUF_F_TX_L4_MASK) == RTE_MBUF_F_TX_UDP_CKSUM) {
		hdr.csum_offset = offsetof(struct rte_udp_hdr, dgram_cksum);
	} else {
		/* SCTP's is no checksum that the device could make; it was not offered. */
		return hdr;
	}
	hdr.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	hdr.csum_start = l4;
	return hdr;
}

/*
 * IPV4_CKSUM is not offered, and the device does not make that checksum; for segments it edits the
 * checksum by the difference of the lengths. The header is as long as the mbuf says: its own field
 * may say more than the segment has.
 */
static void
write_ipv4_checksum(struct rte_mbuf *m)
{
	struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *,
							  outer_len(m) + m->l2_len);

	ip->hdr_checksum = 0;
	ip->hdr_checksum = ~rte_raw_cksum(ip, m->l3_len);
}

/*
 * The pseudo-header's sum that ethdev's applications leave for segmentation is without a length,
 * the one that the device wants has that of the whole payload (5.1.6.2). The address and protocol
 * part was just written, so doing it twice, for two clones of one packet, gives the same.
 */
static void
add_payload_length(struct rte_mbuf *m)
{
	const uint32_t l3 = m->l2_len;
	struct rte_tcp_hdr *tcp = rte_pktmbuf_mtod_offset(m, struct rte_tcp_hdr *, l3 + m->l3_len);
	const uint32_t payload = rte_cpu_to_be_32(m->pkt_len - l3 - m->l3_len);
	uint32_t sum = tcp->cksum + (payload & 0xffff) + (payload >> 16);

	sum = (sum & 0xffff) + (sum >> 16);
	tcp->cksum = (sum & 0xffff) + (sum >> 16);
}

/* What a header cannot express: the device would send one packet, or segments that are wrong. */
static int
check_offloads(const struct virtio_port *port, const struct rte_mbuf *m)
{
	if (m->ol_flags & RTE_MBUF_F_TX_UDP_SEG)
		return -ENOTSUP;
	/* Outer checksums would be zeroed before any length is looked at, and remain so. */
	if (m->ol_flags & (RTE_MBUF_F_TX_OUTER_IP_CKSUM | RTE_MBUF_F_TX_OUTER_UDP_CKSUM))
		return -ENOTSUP;
	/* 5.1.6.2.1: no gso_type whose feature was not negotiated. */
	if ((m->ol_flags & RTE_MBUF_F_TX_TCP_SEG) && port != NULL &&
	    !(port->offloads & VIRTIO_BIT(VIRTIO_NET_F_HOST_TSO4)))
		return -ENOTSUP;
	/* The lengths in the outer headers would stay those of the whole. */
	if ((m->ol_flags & RTE_MBUF_F_TX_TCP_SEG) &&
	    (m->ol_flags & (RTE_MBUF_F_TX_TUNNEL_MASK | TX_OUTER_IP)))
		return -ENOTSUP;
	return 0;
}

/* What rte_net_intel_cksum_prepare() does not look at; it trusts the lengths that it is given. */
static int
check_lengths(const struct rte_mbuf *m)
{
	const struct virtio_net_hdr hdr = virtio_tx_offload(m);
	const uint64_t asked = m->ol_flags & (RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_L4_MASK |
					      RTE_MBUF_F_TX_TCP_SEG);
	const uint16_t least = m->ol_flags & RTE_MBUF_F_TX_IPV6 ? sizeof(struct rte_ipv6_hdr) :
								  sizeof(struct rte_ipv4_hdr);

	if (asked != 0 && m->l3_len < least)
		return -EINVAL;
	if (hdr.gso_type != VIRTIO_NET_HDR_GSO_NONE &&
	    (hdr.gso_size == 0 || m->l4_len < sizeof(struct rte_tcp_hdr)))
		return -EINVAL;
	/* The field is written here, and so has to be in the first segment. */
	if (hdr.flags != 0 && (uint32_t)hdr.csum_start + hdr.csum_offset +
	    sizeof(rte_be16_t) > m->data_len)
		return -ENOTSUP;
	return 0;
}

/*
 * The sum just made goes by the fixed IPv6 header alone. Behind extension headers it is the last of
 * them that names the protocol, and the payload is shorter by all of them (RFC 8200, 8.1).
 */
static void
mind_extension_headers(struct rte_mbuf *m)
{
	const uint32_t l3 = outer_len(m) + m->l2_len;
	const struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod_offset(m, struct rte_ipv6_hdr *, l3);
	const bool tso = m->ol_flags & RTE_MBUF_F_TX_TCP_SEG;
	const uint64_t l4 = m->ol_flags & RTE_MBUF_F_TX_L4_MASK;
	const bool tcp = tso || l4 == RTE_MBUF_F_TX_TCP_CKSUM;
	struct {
		uint8_t addresses[32];
		rte_be32_t len;
		rte_be32_t proto;
	} pseudo = {
		.len = tso ? 0 : rte_cpu_to_be_32(m->pkt_len - l3 - m->l3_len),
		.proto = rte_cpu_to_be_32(tcp ? IPPROTO_TCP : IPPROTO_UDP),
	};
	uint16_t sum;

	if (m->l3_len == sizeof(*ip) || (!tcp && l4 != RTE_MBUF_F_TX_UDP_CKSUM))
		return;
	memcpy(pseudo.addresses, RTE_PTR_ADD(ip, offsetof(struct rte_ipv6_hdr, src_addr)),
	       sizeof(pseudo.addresses));
	sum = rte_raw_cksum(&pseudo, sizeof(pseudo));
	memcpy(RTE_PTR_ADD(ip, m->l3_len + (tcp ? offsetof(struct rte_tcp_hdr, cksum) :
					    offsetof(struct rte_udp_hdr, dgram_cksum))),
	       &sum, sizeof(sum));
}

static int
prepare(const struct virtio_port *port, struct rte_mbuf **pm)
{
	struct rte_mbuf *m;
	uint64_t flags;
	int ret;

	ret = check_offloads(port, *pm);
	if (ret == 0 && ((*pm)->ol_flags & RTE_MBUF_F_TX_VLAN))
		ret = rte_vlan_insert(pm);
	m = *pm;
	if (ret == 0)
		ret = check_lengths(m);
	if (ret != 0)
		return ret;
	flags = m->ol_flags;
	/* It looks for inner headers behind outer ones by these alone; which one is no matter. */
	if ((flags & RTE_MBUF_F_TX_TUNNEL_MASK) && !(flags & TX_OUTER_IP))
		flags |= RTE_MBUF_F_TX_OUTER_IPV4;
	ret = rte_net_intel_cksum_flags_prepare(m, flags);
	if (ret == 0 && (flags & RTE_MBUF_F_TX_IPV6))
		mind_extension_headers(m);
	if (ret == 0 && (flags & RTE_MBUF_F_TX_TCP_SEG))
		add_payload_length(m);
	if (ret == 0 && (flags & RTE_MBUF_F_TX_IPV4) &&
	    (flags & (RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_TCP_SEG)))
		write_ipv4_checksum(m);
	return ret;
}

uint16_t
virtio_tx_prepare(void *txq, struct rte_mbuf **pkts, uint16_t n)
{
	/* NULL during a set-up at run time; the burst behind it takes no packet then. */
	const struct virtio_port *port =
		txq == NULL ? NULL : ((const struct virtio_txq *)txq)->q.port;
	uint16_t i;

	for (i = 0; i < n; i++) {
		const int ret = prepare(port, &pkts[i]);

		if (unlikely(ret != 0)) {
			rte_errno = -ret;
			break;
		}
	}
	return i;
}

/* ---- receive ------------------------------------------------------------------------------ */

/* Bytes from a layer 4 header to its checksum; 0: there is none that flags could tell of. */
static uint32_t
l4_checksum_at(uint32_t ptype)
{
	switch (ptype & RTE_PTYPE_L4_MASK) {
	case RTE_PTYPE_L4_TCP:
		return offsetof(struct rte_tcp_hdr, cksum);
	case RTE_PTYPE_L4_UDP:
		return offsetof(struct rte_udp_hdr, dgram_cksum);
	case RTE_PTYPE_L4_SCTP:
		/* A CRC, which librte_vhost treats in the same way. */
		return offsetof(struct rte_sctp_hdr, cksum);
	default:
		return 0;
	}
}

/* DPDK 22.11's rte_raw_cksum_mbuf() loses carries of segments that begin at an odd byte. */
static uint16_t
sum_from(const struct rte_mbuf *m, uint32_t at)
{
	uint32_t sum = 0;
	bool odd = false;

	for (; m != NULL; m = m->next) {
		uint16_t part;

		if (at >= m->data_len) {
			at -= m->data_len;
			continue;
		}
		part = rte_raw_cksum(rte_pktmbuf_mtod_offset(m, const void *, at),
				     m->data_len - at);
		sum += odd ? rte_bswap16(part) : part;
		odd ^= (m->data_len - at) % 2;
		at = 0;
	}
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

static uint8_t *
byte_at(struct rte_mbuf *m, uint32_t at)
{
	while (at >= m->data_len) {
		at -= m->data_len;
		m = m->next;
	}
	return rte_pktmbuf_mtod_offset(m, uint8_t *, at);
}

/*
 * A checksum that is not made yet, of something that flags cannot describe: a tunnel's inner one,
 * or another protocol's. Made here, by bytes: its field may lie in two buffers.
 */
static void
complete_checksum(struct rte_mbuf *m, uint32_t start, uint32_t at)
{
	const uint16_t raw = sum_from(m, start);
	/* 0 means "none" in UDP; the one's complement of 0xffff is written as it is. */
	const uint16_t sum = raw != 0xffff ? ~raw : raw;
	uint8_t bytes[sizeof(sum)];

	memcpy(bytes, &sum, sizeof(sum));
	*byte_at(m, at) = bytes[0];
	*byte_at(m, at + 1) = bytes[1];
}

/*
 * A tagged frame has the type of its EtherType: DPDK 26.11 reports every tagged frame as
 * RTE_PTYPE_L2_ETHER_QINQ, as it combines the bits of two types.
 */
static void
set_tag_type(struct rte_mbuf *m)
{
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	const uint32_t before = m->packet_type & RTE_PTYPE_L2_MASK;
	uint32_t type = RTE_PTYPE_L2_ETHER;

	if ((before != RTE_PTYPE_L2_ETHER_VLAN && before != RTE_PTYPE_L2_ETHER_QINQ) ||
	    m->data_len < sizeof(*eth))
		return;
	if (eth->ether_type == rte_cpu_to_be_16(RTE_ETHER_TYPE_VLAN))
		type = RTE_PTYPE_L2_ETHER_VLAN;
	else if (eth->ether_type == rte_cpu_to_be_16(RTE_ETHER_TYPE_QINQ))
		type = RTE_PTYPE_L2_ETHER_QINQ;
	m->packet_type = (m->packet_type & ~RTE_PTYPE_L2_MASK) | type;
}

static int
checksum(struct rte_mbuf *m, const struct virtio_net_hdr *hdr)
{
	const uint32_t at = (uint32_t)hdr->csum_start + hdr->csum_offset;
	struct rte_net_hdr_lens lens = { 0 };
	uint32_t known;

	if ((hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) && at + sizeof(uint16_t) > m->pkt_len)
		return -EINVAL;
	m->packet_type = rte_net_get_ptype(m, &lens, RTE_PTYPE_ALL_MASK);
	set_tag_type(m);
	known = l4_checksum_at(m->packet_type);
	if (hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		if (known == 0 || hdr->csum_start != lens.l2_len + lens.l3_len ||
		    hdr->csum_offset != known)
			complete_checksum(m, hdr->csum_start, at);
		else
			m->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_NONE;
	} else if ((hdr->flags & VIRTIO_NET_HDR_F_DATA_VALID) && known != 0) {
		m->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	}
	return 0;
}

int
virtio_rx_offload(const struct virtio_rxq *rxq, struct rte_mbuf *m,
		  const struct virtio_net_hdr *shared)
{
	struct virtio_net_hdr hdr;
	int ret;

	/* One look: the device could change it between two. */
	memcpy(&hdr, shared, sizeof(hdr));
	rte_compiler_barrier();
	/* librte_vhost passes segments on whatever was negotiated: just frames then. */
	if (!(rxq->q.port->offloads & VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO4)))
		hdr.gso_type = VIRTIO_NET_HDR_GSO_NONE;
	/* ECN was not negotiated; of the others only TCP was. */
	if (hdr.gso_type != VIRTIO_NET_HDR_GSO_NONE &&
	    ((hdr.gso_type != VIRTIO_NET_HDR_GSO_TCPV4 &&
	      hdr.gso_type != VIRTIO_NET_HDR_GSO_TCPV6) || hdr.gso_size == 0))
		return -EINVAL;
	ret = checksum(m, &hdr);
	if (ret != 0 || hdr.gso_type == VIRTIO_NET_HDR_GSO_NONE)
		return ret;
	m->tso_segsz = hdr.gso_size;
	m->ol_flags |= RTE_MBUF_F_RX_LRO;
	/* Without one of them, nobody has checked the data (5.1.9.4.2). */
	if (hdr.flags & (VIRTIO_NET_HDR_F_NEEDS_CSUM | VIRTIO_NET_HDR_F_DATA_VALID))
		m->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_NONE;
	return 0;
}

/* ---- VLAN tags, by software --------------------------------------------------------------- */

void
virtio_vlan_strip(struct virtio_rxq *rxq, struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t i;

	for (i = 0; i < n; i++) {
		const uint32_t before = pkts[i]->pkt_len;

		/* A device may end its first buffer where it likes. */
		if (pkts[i]->data_len < RTE_ETHER_HDR_LEN + sizeof(struct rte_vlan_hdr) ||
		    rte_vlan_strip(pkts[i]) != 0)
			continue;
		/* Without its tag a frame has another type. */
		set_tag_type(pkts[i]);
		/* Packets are counted as they are delivered. */
		rxq->counters.bytes -= before - pkts[i]->pkt_len;
		rxq->counters.size[virtio_size_bin(before)]--;
		rxq->counters.size[virtio_size_bin(pkts[i]->pkt_len)]++;
	}
}

/* The polling thread sees it at its next burst. */
static void
set_strip(struct virtio_rxq *rxq, bool on)
{
	if (rxq != NULL)
		rte_atomic_store_explicit(&rxq->vlan_strip, on, rte_memory_order_relaxed);
}

void
virtio_vlan_configure(struct virtio_port *port)
{
	const uint64_t offloads = port->edev->data->dev_conf.rxmode.offloads;
	uint16_t i;

	for (i = 0; i < port->args.pairs; i++) {
		if (port->rxqs[i] != NULL)
			set_strip(port->rxqs[i], (port->rxqs[i]->conf.offloads | offloads) &
				  RTE_ETH_RX_OFFLOAD_VLAN_STRIP);
	}
}

/* A device filters from the negotiation of CTRL_VLAN to its next reset (5.1.6.5.3). */
static int
check_filter(struct virtio_port *port, bool on)
{
	int ret = 0;

	pthread_mutex_lock(&port->lock);
	if ((port->dev.status & VIRTIO_STATUS_DRIVER_OK) &&
	    virtio_device_has(&port->dev, VIRTIO_NET_F_CTRL_VLAN) != on)
		ret = -ENOTSUP;
	pthread_mutex_unlock(&port->lock);
	if (ret != 0)
		VIRTIO_LOG(ERR, "port %u: the VLAN filter cannot be switched %s while the port "
			   "runs. Stop the port first, or configure it %s "
			   "RTE_ETH_RX_OFFLOAD_VLAN_FILTER.", port->data->port_id,
			   on ? "on" : "off", on ? "with" : "without");
	return ret;
}

/* ethdev has written the new offloads, and takes them back after an error. */
int
virtio_vlan_offload_set(struct rte_eth_dev *edev, int mask)
{
	const uint64_t offloads = edev->data->dev_conf.rxmode.offloads;
	int ret = 0;
	uint16_t i;

	if (mask & RTE_ETH_VLAN_FILTER_MASK)
		ret = check_filter(virtio_port(edev), offloads & RTE_ETH_RX_OFFLOAD_VLAN_FILTER);
	if (ret != 0 || !(mask & RTE_ETH_VLAN_STRIP_MASK))
		return ret;
	for (i = 0; i < edev->data->nb_rx_queues; i++)
		set_strip(virtio_port(edev)->rxqs[i], offloads & RTE_ETH_RX_OFFLOAD_VLAN_STRIP);
	return 0;
}

void
virtio_vlan_strip_queue_set(struct rte_eth_dev *edev, uint16_t id, int on)
{
	set_strip(virtio_port(edev)->rxqs[id], on);
}
