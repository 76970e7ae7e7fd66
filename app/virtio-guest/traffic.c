/* SPDX-License-Identifier: BSD-3-Clause */

#include <string.h>

#include <rte_byteorder.h>
#include <rte_cycles.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include "guest.h"

#define BURST 8
#define FLOWS 64
#define MAGIC 0x76697274
#define FRAME 64

struct payload {
	uint32_t magic;
	uint32_t epoch;
};

struct rte_mbuf *
traffic_frame(struct rte_mempool *pool, const struct rte_ether_addr *to, uint16_t vlan,
	      uint16_t flow, uint32_t epoch)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	struct rte_ether_hdr *eth;
	struct rte_ipv4_hdr *ip;
	struct rte_udp_hdr *udp;
	struct payload *payload;

	if (m == NULL)
		return NULL;
	eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);
	memset(eth, 0, FRAME);
	eth->dst_addr = *to;
	rte_eth_macaddr_get(SENDER, &eth->src_addr);
	ip = (struct rte_ipv4_hdr *)(eth + 1);
	if (vlan != 0) {
		struct rte_vlan_hdr *tag = (struct rte_vlan_hdr *)(eth + 1);

		eth->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_VLAN);
		tag->vlan_tci = rte_cpu_to_be_16(vlan);
		tag->eth_proto = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
		ip = (struct rte_ipv4_hdr *)(tag + 1);
	} else {
		eth->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
	}
	m->data_len = FRAME;
	m->pkt_len = FRAME;
	ip->version_ihl = RTE_IPV4_VHL_DEF;
	ip->total_length = rte_cpu_to_be_16(sizeof(*ip) + sizeof(*udp) + sizeof(*payload));
	ip->time_to_live = 64;
	ip->next_proto_id = IPPROTO_UDP;
	ip->src_addr = rte_cpu_to_be_32(RTE_IPV4(198, 18, 0, 1));
	ip->dst_addr = rte_cpu_to_be_32(RTE_IPV4(198, 18, 0, 2));
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	udp = (struct rte_udp_hdr *)(ip + 1);
	udp->src_port = rte_cpu_to_be_16(1024 + flow);
	udp->dst_port = rte_cpu_to_be_16(9);
	udp->dgram_len = rte_cpu_to_be_16(sizeof(*udp) + sizeof(*payload));
	payload = (struct payload *)(udp + 1);
	payload->magic = MAGIC;
	payload->epoch = epoch;
	return m;
}

bool
traffic_read(const struct rte_mbuf *m, uint32_t *epoch)
{
	const uint16_t at = sizeof(struct rte_ether_hdr) + sizeof(struct rte_ipv4_hdr) +
			    sizeof(struct rte_udp_hdr);
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	const uint16_t tag = eth->ether_type == rte_cpu_to_be_16(RTE_ETHER_TYPE_VLAN) ?
		sizeof(struct rte_vlan_hdr) : 0;
	struct payload payload;

	if (m->data_len < at + tag + sizeof(payload))
		return false;
	memcpy(&payload, rte_pktmbuf_mtod_offset(m, const char *, at + tag), sizeof(payload));
	*epoch = payload.epoch;
	return payload.magic == MAGIC;
}

static void
add(uint64_t *counter, unsigned int n)
{
	/* One writer. */
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELEASE);
}

static void
receive_some(struct guest *guest, uint16_t q)
{
	struct receive_queue *rx = &guest->rx[q];
	struct rte_mbuf *m[4 * BURST];
	const uint16_t n = rte_eth_rx_burst(RECEIVER, q, m, RTE_DIM(m));
	const uint32_t started_at = __atomic_load_n(&rx->started_at, __ATOMIC_ACQUIRE);
	unsigned int ours = 0, stale = 0;
	uint32_t epoch;
	uint16_t i;

	for (i = 0; i < n; i++) {
		if (!traffic_read(m[i], &epoch))
			continue;
		ours++;
		stale += epoch < started_at;
	}
	rte_pktmbuf_free_bulk(m, n);
	add(&rx->packets, ours);
	add(&rx->stale, stale);
}

static void
send_some(struct guest *guest, uint16_t q, const struct rte_ether_addr *to)
{
	const uint32_t epoch = __atomic_load_n(&guest->epoch, __ATOMIC_ACQUIRE);
	struct send_queue *tx = &guest->tx[q];
	struct rte_mbuf *m[BURST];
	static uint16_t flow;
	uint16_t n, sent;

	for (n = 0; n < BURST; n++) {
		m[n] = traffic_frame(tx->pool, to, 0, flow++ % FLOWS, epoch);
		if (m[n] == NULL)
			break;
	}
	sent = rte_eth_tx_burst(SENDER, q, m, n);
	rte_pktmbuf_free_bulk(m + sent, n - sent);
	add(&tx->packets, sent);
}

int
traffic_run(void *arg)
{
	struct guest *guest = arg;
	struct rte_ether_addr to;
	uint16_t q;

	rte_eth_macaddr_get(RECEIVER, &to);
	while (!__atomic_load_n(&guest->end, __ATOMIC_ACQUIRE)) {
		for (q = 0; q < guest->queues; q++)
			if (!__atomic_load_n(&guest->quiet, __ATOMIC_ACQUIRE))
				send_some(guest, q, &to);
		for (q = 0; q < guest->queues; q++)
			receive_some(guest, q);
		/* The device is emulated: it wants a processor of the host for itself. */
		rte_delay_us_sleep(100);
	}
	return 0;
}
