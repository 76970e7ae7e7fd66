/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * Checksums and segments left to the other end, tags taken off, while queues are stopped, set up
 * with other pools, sizes and offloads, and started: at both ends of a real back-end each frame is,
 * in every byte, as software would have made it, or as its flags say that it still is to be made.
 */

#include <string.h>

#include "ip_frame.h"
#include "loop.h"
#include "packet.h"
#include "test.h"

#define STRIP RTE_ETH_RX_OFFLOAD_VLAN_STRIP
#define RX_SUMS (RTE_ETH_RX_OFFLOAD_UDP_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM)
#define TX_SUMS (RTE_ETH_TX_OFFLOAD_UDP_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM)
#define INDIRECT (UINT64_C(1) << 28)
#define SEGMENT 1000
#define MAX_LEN 9000

/* Set before anybody sends. */
static bool with_segments;
/* Frames that the port received with a tag, which was taken off or not; by queue. */
static uint64_t stripped[LOOP_PAIRS], kept[LOOP_PAIRS];

/* Every sort, in an order that repeats itself at another pace than bursts do. */
static struct ip_frame
frame_of(uint64_t number, uint32_t len)
{
	struct ip_frame f = {
		.ipv6 = number % 2 != 0, .udp = number % 5 < 2, .vlan = number % 3 == 0 ? 77 : 0,
		.ip_id = number, .push = true, .seed = number
	};
	const uint32_t headers = ip_frame_payload_at(&f);

	f.payload = len > headers ? len - headers : 0;
	return f;
}

/* Whether its checksum is left to the other end. */
static bool
asks(uint64_t number)
{
	return number % 11 > 2;
}

static bool
asks_segments(const struct ip_frame *f, uint64_t number)
{
	return with_segments && asks(number) && !f->udp && f->payload > SEGMENT;
}

/* Which one it is, where no checksum covers it: in the source address. */
static void
put_number(uint8_t *at, uint16_t queue, uint64_t number)
{
	const uint8_t id[] = { queue, number >> 24, number >> 16, number >> 8, number };

	memcpy(at + 7, id, sizeof(id));
}

static bool
make(struct rte_mbuf *m, uint16_t queue, uint64_t number, uint32_t len, uint16_t segment)
{
	const struct ip_frame f = frame_of(number, len);
	uint8_t bytes[MAX_LEN + 200];
	const uint32_t made = ip_frame_write(&f, bytes);

	put_number(bytes, queue, number);
	if (asks(number))
		memset(bytes + ip_frame_l4_at(&f) + ip_frame_csum_offset(&f), 0xa7, 2);
	if (!packet_fill(m, bytes, made, segment))
		return false;
	if (asks_segments(&f, number))
		ip_frame_ask_segments(&f, m, SEGMENT);
	else if (asks(number))
		ip_frame_ask_checksum(&f, m);
	return true;
}

static const char *
compare(uint8_t *got, uint32_t got_len, const struct ip_frame *f, uint16_t queue, uint64_t number,
	uint64_t flags)
{
	const bool unfinished = (flags & (RTE_MBUF_F_TX_L4_MASK | RTE_MBUF_F_TX_TCP_SEG)) ||
		(flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_NONE;
	const uint32_t sum_at = ip_frame_l4_at(f) + ip_frame_csum_offset(f);
	uint8_t wanted[MAX_LEN + 200];
	uint32_t len;

	len = unfinished ? ip_frame_write_unfinished(f, wanted) : ip_frame_write(f, wanted);
	put_number(wanted, queue, number);
	/* Of segments librte_vhost leaves the length out of the sum. */
	if (flags & RTE_MBUF_F_RX_LRO)
		memcpy(got + sum_at, wanted + sum_at, 2);
	if (len != got_len)
		return "a frame of another length";
	if (memcmp(wanted, got, len) != 0)
		return "a frame with other bytes in it";
	if (unfinished != asks(number))
		return unfinished ? "a frame that was finished and is not" :
				    "a frame that was not left to us";
	if (!!(flags & (RTE_MBUF_F_RX_LRO | RTE_MBUF_F_TX_TCP_SEG)) != asks_segments(f, number))
		return "a frame that is or is not to be cut";
	return NULL;
}

static uint64_t
check(const struct rte_mbuf *m, uint16_t queue, const char **why)
{
	uint8_t got[MAX_LEN + 200];
	const bool is_stripped = m->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED;
	const uint32_t len = m->pkt_len + (is_stripped ? 4 : 0);
	uint64_t number;
	struct ip_frame f;
	const uint8_t *at;

	*why = "a frame that is too long or too short";
	if (m->pkt_len > sizeof(got) || m->pkt_len < PACKET_MIN - 6)
		return 0;
	at = rte_pktmbuf_read(m, 0, m->pkt_len, got);
	if (at != got)
		memcpy(got, at, m->pkt_len);
	number = (uint64_t)got[8] << 24 | got[9] << 16 | got[10] << 8 | got[11];
	f = frame_of(number, len);
	if (is_stripped) {
		*why = "a tag that was not there";
		if (f.vlan == 0 || m->vlan_tci != f.vlan)
			return number;
		f.vlan = 0;
	}
	/* What the back-end takes has no port. */
	if ((f.vlan != 0 || is_stripped) && m->port != RTE_MBUF_PORT_INVALID)
		__atomic_fetch_add(is_stripped ? &stripped[queue] : &kept[queue], 1,
				   __ATOMIC_RELAXED);
	*why = compare(got, m->pkt_len, &f, queue, number, m->ol_flags);
	return number;
}

/* Sums are right at the end, and nobody has refused anything. */
static void
check_end(struct loop *loop)
{
	loop_check_conservation(loop);
	CHECK_EQ(loop->queue[0].got.missing, 0);
	CHECK_EQ(loop->queue[0].took.missing, 0);
	CHECK_EQ(loop_xstat(loop, "rx_q%u_errors", 0), 0);
	CHECK_EQ(loop_xstat(loop, "rx_q%u_errors", 1), 0);
	CHECK_EQ(loop_xstat(loop, "tx_q%u_errors", 1), 0);
	CHECK_EQ(loop_xstat(loop, "rx_q%u_broken", 1), 0);
	CHECK_EQ(loop_xstat(loop, "tx_q%u_broken", 1), 0);
	loop_destroy(loop);
}

static void
run(struct loop_conf conf)
{
	const struct rte_eth_rxconf strips = { .offloads = STRIP };
	struct loop *loop;
	unsigned int round;

	conf.make = make;
	conf.check = check;
	conf.pairs = 2;
	with_segments = conf.tx_offloads & RTE_ETH_TX_OFFLOAD_TCP_TSO;
	memset(stripped, 0, sizeof(stripped));
	memset(kept, 0, sizeof(kept));
	loop = loop_create(&conf);
	loop_start(loop);
	loop_traffic(loop, true);
	loop_poll(loop);
	loop_wait_flow(loop, 0, 2000);
	loop_wait_flow(loop, 1, 2000);
	for (round = 0; round < 40; round++) {
		struct loop_queue *lq = &loop->queue[1];
		const bool strip = round % 2 == 0;
		uint64_t *other = strip ? &kept[1] : &stripped[1];
		uint64_t before;

		CHECK_EQ(rte_eth_dev_rx_queue_stop(loop->port, 1), 0);
		loop_check_stopped_rx(loop, 1);
		CHECK_EQ(rte_eth_dev_tx_queue_stop(loop->port, 1), 0);
		lq->rx_pool_used ^= 1;
		CHECK_EQ(rte_eth_rx_queue_setup(loop->port, 1, round % 3 ? 512 : 64, SOCKET_ID_ANY,
						strip ? &strips : NULL,
						lq->rx_pool[lq->rx_pool_used]), 0);
		loop_setup_tx(loop, 1, round % 3 ? 64 : 512);
		loop_wait_flow(loop, 0, 50);
		before = __atomic_load_n(other, __ATOMIC_RELAXED);
		CHECK_EQ(rte_eth_dev_rx_queue_start(loop->port, 1), 0);
		loop_wait_rx(loop, 1, 50);
		CHECK_EQ(__atomic_load_n(other, __ATOMIC_RELAXED), before);
		CHECK_EQ(rte_eth_dev_tx_queue_start(loop->port, 1), 0);
		loop_wait_tx(loop, 1, 50);
	}
	CHECK_EQ(stripped[0], 0);
	CHECK(stripped[1] > 0);
	check_end(loop);
}

static void
checksums_in_single_buffers(void)
{
	run((struct loop_conf){
		.get_base = true, .args = "mrg_rxbuf=0", .rx_offloads = RX_SUMS,
		.tx_offloads = TX_SUMS,
	});
}

static void
checksums_by_disable(void)
{
	run((struct loop_conf){
		.rx_offloads = RX_SUMS | RTE_ETH_RX_OFFLOAD_SCATTER, .tx_offloads = TX_SUMS,
	});
}

/* Headers in one segment, and buffers that a frame takes many of. */
static void
checksums_of_many_segments(void)
{
	run((struct loop_conf){
		.get_base = true, .rx_offloads = RX_SUMS | RTE_ETH_RX_OFFLOAD_SCATTER,
		.tx_offloads = TX_SUMS | RTE_ETH_TX_OFFLOAD_MULTI_SEGS, .segment = 211,
		.max_len = 3000, .mtu = 3000, .rx_room = RTE_PKTMBUF_HEADROOM + 301,
	});
}

static void
large_segments_in_tables(void)
{
	run((struct loop_conf){
		.get_base = true, .max_len = MAX_LEN, .mtu = MAX_LEN,
		.rx_offloads = RX_SUMS | RTE_ETH_RX_OFFLOAD_SCATTER | RTE_ETH_RX_OFFLOAD_TCP_LRO,
		.tx_offloads = TX_SUMS | RTE_ETH_TX_OFFLOAD_MULTI_SEGS | RTE_ETH_TX_OFFLOAD_TCP_TSO,
	});
}

static void
large_segments_in_chains(void)
{
	run((struct loop_conf){
		.get_base = true, .max_len = MAX_LEN, .mtu = MAX_LEN, .mask = INDIRECT,
		.rx_offloads = RX_SUMS | RTE_ETH_RX_OFFLOAD_SCATTER | RTE_ETH_RX_OFFLOAD_TCP_LRO,
		.tx_offloads = TX_SUMS | RTE_ETH_TX_OFFLOAD_MULTI_SEGS | RTE_ETH_TX_OFFLOAD_TCP_TSO,
		.segment = 700,
	});
}

TEST_MAIN(
	TEST_WARM_UP(loop_warm_up),
	TEST_LAYOUTS(checksums_in_single_buffers),
	TEST_LAYOUTS(checksums_by_disable),
	TEST_LAYOUTS(checksums_of_many_segments),
	TEST_LAYOUTS(large_segments_in_tables),
	TEST_LAYOUTS(large_segments_in_chains),
)
