/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <string.h>

#include <rte_byteorder.h>
#include <rte_cycles.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include "guest.h"

#define BURST 8
#define MAGIC 0x76697274
#define FRAME 64

struct payload {
	uint32_t magic;
	uint32_t number;
};

struct rte_mbuf *
traffic_frame(struct rte_mempool *pool, const struct rte_ether_addr *to, uint16_t vlan,
	      uint16_t flow, uint32_t number)
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
	payload->number = number;
	return m;
}

bool
traffic_read(const struct rte_mbuf *m, uint32_t *number, uint16_t *flow)
{
	const uint16_t at = sizeof(struct rte_ether_hdr) + sizeof(struct rte_ipv4_hdr);
	const struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, const struct rte_ether_hdr *);
	const uint16_t tag = eth->ether_type == rte_cpu_to_be_16(RTE_ETHER_TYPE_VLAN) ?
		sizeof(struct rte_vlan_hdr) : 0;
	struct rte_udp_hdr udp;
	struct payload payload;

	if (m->data_len < at + tag + sizeof(udp) + sizeof(payload))
		return false;
	memcpy(&udp, rte_pktmbuf_mtod_offset(m, const char *, at + tag), sizeof(udp));
	memcpy(&payload, rte_pktmbuf_mtod_offset(m, const char *, at + tag + sizeof(udp)),
	       sizeof(payload));
	*number = payload.number;
	*flow = rte_be_to_cpu_16(udp.src_port) - 1024;
	return payload.magic == MAGIC && *flow < FLOWS;
}

static void
add(uint64_t *counter, uint64_t n)
{
	/* One writer. */
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELEASE);
}

static uint64_t
look(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_ACQUIRE);
}

uint64_t
traffic_sent(const struct guest *guest)
{
	uint64_t sum = 0;
	unsigned int f;

	for (f = 0; f < FLOWS; f++)
		sum += look(&guest->flows[f].sent);
	return sum;
}

uint64_t
traffic_got(const struct guest *guest)
{
	uint64_t sum = 0;
	unsigned int f;

	for (f = 0; f < FLOWS; f++)
		sum += look(&guest->flows[f].got);
	return sum;
}

uint64_t
traffic_foreign(const struct guest *guest)
{
	return look(&guest->foreign);
}

struct settling {
	const struct guest *guest;
	int except;
	uint64_t turn; /* the poller's, at the request */
};

/* And the poller has seen so: it may have been in a burst with an older one. */
static bool
is_sent(void *arg)
{
	const struct settling *settling = arg;

	return look(&settling->guest->quota) == 0 &&
	       look(&settling->guest->turn) > settling->turn + 1;
}

/* By flow where one queue is left out: what stops have thrown away before is known of each then. */
static bool
has_come(void *arg)
{
	const struct settling *settling = arg;
	const struct guest *guest = settling->guest;
	unsigned int f;

	if (settling->except < 0)
		return traffic_got(guest) + look(&guest->dropped) == traffic_sent(guest);
	for (f = 0; f < FLOWS; f++) {
		const struct flow *flow = &guest->flows[f];

		if (__atomic_load_n(&flow->queue, __ATOMIC_ACQUIRE) != settling->except &&
		    look(&flow->got) + flow->missing != look(&flow->sent))
			return false;
	}
	return true;
}

bool
traffic_settle(struct guest *guest, unsigned int quota, int except)
{
	struct settling settling = { .guest = guest, .except = except };
	unsigned int f;

	settling.turn = look(&guest->turn);
	__atomic_store_n(&guest->quota, quota, __ATOMIC_RELEASE);
	if (!wait_until(is_sent, &settling) || !wait_until(has_come, &settling))
		return false;
	for (f = 0; except < 0 && f < FLOWS; f++)
		guest->flows[f].missing =
			look(&guest->flows[f].sent) - look(&guest->flows[f].got);
	return true;
}

static void
receive_some(struct guest *guest, uint16_t q)
{
	struct receive_queue *rx = &guest->rx[q];
	struct rte_mbuf *m[4 * BURST];
	const uint16_t n = rte_eth_rx_burst(RECEIVER, q, m, RTE_DIM(m));
	unsigned int ours = 0;
	uint32_t number;
	uint16_t i, f;

	for (i = 0; i < n; i++) {
		if (!traffic_read(m[i], &number, &f))
			continue;
		ours++;
		__atomic_store_n(&guest->flows[f].queue, q, __ATOMIC_RELEASE);
		add(&guest->flows[f].got, 1);
	}
	add(&guest->foreign, n - ours);
	add(&rx->packets, ours);
	/* Last: a full pool means that everything was counted. */
	rte_pktmbuf_free_bulk(m, n);
}

/* How many may go now. */
static uint16_t
allowance(struct guest *guest)
{
	const uint64_t quota = look(&guest->quota);
	int64_t under_way; /* below 0 where the counts are wrong, which is for the end to say */

	if (guest->queues == 1)
		return RTE_MIN(quota, (uint64_t)BURST);
	under_way = traffic_sent(guest) - traffic_got(guest) - look(&guest->dropped);
	if (under_way + BURST > (int64_t)look(&guest->under_way))
		return 0;
	return RTE_MIN(quota, (uint64_t)BURST);
}

static void
send_some(struct guest *guest, uint16_t q, const struct rte_ether_addr *to)
{
	const uint16_t most = allowance(guest);
	struct send_queue *tx = &guest->tx[q];
	struct rte_mbuf *m[BURST];
	static uint16_t next;
	uint64_t quota;
	uint16_t n, sent, i;

	for (n = 0; n < most; n++) {
		m[n] = traffic_frame(tx->pool, to, 0, (next + n) % FLOWS, 0);
		if (m[n] == NULL)
			break;
	}
	sent = rte_eth_tx_burst(SENDER, q, m, n);
	rte_pktmbuf_free_bulk(m + sent, n - sent);
	for (i = 0; i < sent; i++, next++)
		add(&guest->flows[next % FLOWS].sent, 1);
	add(&tx->packets, sent);
	/* The main lcore may have set another one meanwhile, of which these are a part then. */
	quota = look(&guest->quota);
	while (quota != UNLIMITED && sent > 0 &&
	       !__atomic_compare_exchange_n(&guest->quota, &quota,
					    quota - RTE_MIN(quota, (uint64_t)sent), false,
					    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		;
}

int
traffic_run(void *arg)
{
	struct guest *guest = arg;
	struct rte_ether_addr to;
	uint16_t q;

	rte_eth_macaddr_get(RECEIVER, &to);
	while (!__atomic_load_n(&guest->end, __ATOMIC_ACQUIRE)) {
		const bool unplugged = __atomic_load_n(&guest->unplugged, __ATOMIC_ACQUIRE);

		for (q = 0; q < guest->queues; q++)
			send_some(guest, q, &to);
		for (q = 0; !unplugged && q < guest->queues; q++)
			receive_some(guest, q);
		__atomic_store_n(&guest->away, unplugged, __ATOMIC_RELEASE);
		add(&guest->turn, 1);
		/* The device is emulated: it wants a processor of the host for itself. */
		rte_delay_us_sleep(100);
	}
	return 0;
}
