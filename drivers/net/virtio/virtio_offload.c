/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>

#include <rte_errno.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_net.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#include "virtio_ethdev.h"
#include "virtio_offload.h"
#include "virtio_queue.h"
#include "virtio_rxtx_common.h"

/* ---- transmit ----------------------------------------------------------------------------- */

/* Where the inner headers begin that the mbuf's lengths are counted from. */
static uint32_t
outer_len(const struct rte_mbuf *m)
{
	return m->ol_flags & RTE_MBUF_F_TX_TUNNEL_MASK ? m->outer_l2_len + m->outer_l3_len : 0;
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
 * The pseudo-header's sum that ethdev's applications leave for segmentation is without a length,
 * the one that the device wants has that of the whole payload (5.1.6.2). The address and protocol
 * part was just written, so doing it twice, for two clones of one packet, gives the same.
 */
static void
add_payload_length(struct rte_mbuf *m)
{
	const uint32_t l3 = outer_len(m) + m->l2_len;
	struct rte_tcp_hdr *tcp = rte_pktmbuf_mtod_offset(m, struct rte_tcp_hdr *, l3 + m->l3_len);
	const uint32_t payload = rte_cpu_to_be_32(m->pkt_len - l3 - m->l3_len);
	uint32_t sum = tcp->cksum + (payload & 0xffff) + (payload >> 16);

	if (m->ol_flags & RTE_MBUF_F_TX_IPV4) {
		struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, l3);

		/* The device edits the length, and the checksum by the difference. */
		ip->hdr_checksum = 0;
		ip->hdr_checksum = rte_ipv4_cksum(ip);
	}
	sum = (sum & 0xffff) + (sum >> 16);
	tcp->cksum = (sum & 0xffff) + (sum >> 16);
}

static int
prepare(struct rte_mbuf **pm)
{
	int ret = 0;

	if ((*pm)->ol_flags & RTE_MBUF_F_TX_VLAN)
		ret = rte_vlan_insert(pm);
	/* Refuses headers that are in more than one segment. */
	if (ret == 0)
		ret = rte_net_intel_cksum_prepare(*pm);
	if (ret == 0 && ((*pm)->ol_flags & RTE_MBUF_F_TX_TCP_SEG))
		add_payload_length(*pm);
	return ret;
}

uint16_t
virtio_tx_prepare(void *txq __rte_unused, struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t i;

	for (i = 0; i < n; i++) {
		const int ret = prepare(&pkts[i]);

		if (unlikely(ret != 0)) {
			rte_errno = -ret;
			break;
		}
	}
	return i;
}

/* ---- receive ------------------------------------------------------------------------------ */

static bool
has_l4_checksum(uint32_t ptype)
{
	const uint32_t l4 = ptype & RTE_PTYPE_L4_MASK;

	return l4 == RTE_PTYPE_L4_TCP || l4 == RTE_PTYPE_L4_UDP;
}

/*
 * A checksum that is not made yet, of something that flags cannot describe: a tunnel's inner one,
 * or another protocol's. Made here.
 */
static int
complete_checksum(struct rte_mbuf *m, const struct virtio_net_hdr *hdr)
{
	const uint32_t at = (uint32_t)hdr->csum_start + hdr->csum_offset;
	uint16_t sum;

	if (at + sizeof(sum) > m->data_len || hdr->csum_start >= m->pkt_len ||
	    rte_raw_cksum_mbuf(m, hdr->csum_start, m->pkt_len - hdr->csum_start, &sum) != 0)
		return -EINVAL;
	/* 0 means "none" in UDP; the one's complement of 0xffff is written as it is. */
	if (sum != 0xffff)
		sum = ~sum;
	memcpy(rte_pktmbuf_mtod_offset(m, void *, at), &sum, sizeof(sum));
	return 0;
}

static int
checksum(struct rte_mbuf *m, const struct virtio_net_hdr *hdr)
{
	struct rte_net_hdr_lens lens = { 0 };

	m->packet_type = rte_net_get_ptype(m, &lens, RTE_PTYPE_ALL_MASK);
	if (hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		const uint32_t headers = lens.l2_len + lens.l3_len + lens.l4_len;

		if (hdr->csum_start > headers || !has_l4_checksum(m->packet_type))
			return complete_checksum(m, hdr);
		m->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_NONE;
	} else if ((hdr->flags & VIRTIO_NET_HDR_F_DATA_VALID) && has_l4_checksum(m->packet_type)) {
		m->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	}
	return 0;
}

int
virtio_rx_offload(struct rte_mbuf *m, const struct virtio_net_hdr *shared)
{
	struct virtio_net_hdr hdr;
	int ret;

	/* One look: the device could change it between two. */
	memcpy(&hdr, shared, sizeof(hdr));
	rte_compiler_barrier();
	ret = checksum(m, &hdr);
	if (ret != 0 || hdr.gso_type == VIRTIO_NET_HDR_GSO_NONE)
		return ret;
	/* ECN was not negotiated; of the others only TCP was. */
	if ((hdr.gso_type != VIRTIO_NET_HDR_GSO_TCPV4 &&
	     hdr.gso_type != VIRTIO_NET_HDR_GSO_TCPV6) || hdr.gso_size == 0)
		return -EINVAL;
	m->tso_segsz = hdr.gso_size;
	m->ol_flags |= RTE_MBUF_F_RX_LRO | RTE_MBUF_F_RX_L4_CKSUM_NONE;
	return 0;
}

/* ---- VLAN tags, by software --------------------------------------------------------------- */

void
virtio_vlan_strip(struct virtio_rxq *rxq, struct rte_mbuf **pkts, uint16_t n)
{
	uint16_t i;

	for (i = 0; i < n; i++) {
		const uint32_t before = pkts[i]->pkt_len;

		if (before < RTE_ETHER_HDR_LEN + sizeof(struct rte_vlan_hdr) ||
		    rte_vlan_strip(pkts[i]) != 0)
			continue;
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
		__atomic_store_n(&rxq->vlan_strip, on, __ATOMIC_RELAXED);
}

int
virtio_vlan_offload_set(struct rte_eth_dev *edev, int mask)
{
	const uint64_t offloads = edev->data->dev_conf.rxmode.offloads;
	uint16_t i;

	if (!(mask & RTE_ETH_VLAN_STRIP_MASK))
		return 0;
	for (i = 0; i < edev->data->nb_rx_queues; i++)
		set_strip(virtio_port(edev)->rxqs[i], offloads & RTE_ETH_RX_OFFLOAD_VLAN_STRIP);
	return 0;
}

void
virtio_vlan_strip_queue_set(struct rte_eth_dev *edev, uint16_t id, int on)
{
	set_strip(virtio_port(edev)->rxqs[id], on);
}
