/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * The whole driver on QEMU's virtio-net-pci with several pairs of queues, on a tap device.
 *
 * Frames are of many flows. The host's kernel spreads them over the tap device's queues, and with
 * RSS the device spreads them over again. What arrives is counted by flow, each frame once. The
 * frames of a flow come in order, so a last frame of each, which arrives in any case, shows that no
 * other frame will come. No time is waited for.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_thash.h>

#include "port_on_qemu.h"
#include "virtio_queue.h"
#include "virtqueue_reset.h"

#define QUEUES 4
#define FLOWS 64
#define FLOW_RING 256
#define FLOW_BUFFERS (FLOW_RING * QUEUES)
#define FLOW_FRAME 60
#define FLOW_AT 34 /* UDP header */

struct flow {
	uint32_t sent;
	uint32_t got;
	uint32_t last;  /* number of the last one that came */
	int queue;      /* of the last one that came; -1: none did */
	uint32_t moved; /* times that it was another one */
};

static struct flow flows[FLOWS];
static uint32_t arrived[QUEUES];

static void
write_flow_frame(uint8_t *frame, unsigned int flow, uint32_t number)
{
	/* To the device, IPv4, UDP, 198.18.0.1 to .2. */
	static const uint8_t head[] = {
		0x52, 0x54, 0, 0x12, 0x34, 0x56, 0x02, 0, 0, 0, 0, 1, 0x08, 0x00,
		0x45, 0, 0, FLOW_FRAME - 14, 0, 0, 0, 0, 64, 17, 0, 0,
		198, 18, 0, 1, 198, 18, 0, 2,
		0, 0, 0, 9, 0, FLOW_FRAME - FLOW_AT, 0, 0,
	};

	memset(frame, 0, FLOW_FRAME);
	memcpy(frame, head, sizeof(head));
	frame[FLOW_AT] = 4;
	frame[FLOW_AT + 1] = flow;
	memcpy(frame + sizeof(head), &number, sizeof(number));
}

/* `n` frames of each flow. */
static void
send_flows(unsigned int n)
{
	uint8_t frame[FLOW_FRAME];
	unsigned int f;

	for (; n > 0; n--) {
		for (f = 0; f < FLOWS; f++) {
			write_flow_frame(frame, f, flows[f].sent++);
			qemu_send(port.qemu, frame, sizeof(frame));
		}
	}
}

static void
take_flow_frame(const struct rte_mbuf *m, uint16_t queue)
{
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
	const unsigned int f = frame[FLOW_AT + 1];
	uint32_t number;

	CHECK_EQ(m->pkt_len, FLOW_FRAME);
	CHECK(f < FLOWS);
	memcpy(&number, frame + FLOW_AT + 8, sizeof(number));
	CHECK(number < flows[f].sent);
	flows[f].moved += flows[f].queue >= 0 && flows[f].queue != queue;
	flows[f].queue = queue;
	flows[f].last = number;
	flows[f].got++;
	arrived[queue]++;
}

static unsigned int
receive_flows(void)
{
	unsigned int all = 0;
	uint16_t queue, i;

	for (queue = 0; queue < QUEUES; queue++) {
		struct rte_mbuf *m[32];
		const uint16_t n = rte_eth_rx_burst(port.id, queue, m, RTE_DIM(m));

		for (i = 0; i < n; i++)
			take_flow_frame(m[i], queue);
		rte_pktmbuf_free_bulk(m, n);
		all += n;
	}
	return all;
}

static uint32_t
flow_sum(bool sent)
{
	uint32_t sum = 0;
	unsigned int f;

	for (f = 0; f < FLOWS; f++)
		sum += sent ? flows[f].sent : flows[f].got;
	return sum;
}

/* Until so many have come altogether. */
static void
receive_so_many(uint32_t n)
{
	const uint64_t deadline = virtio_now_us() + PATIENCE_US;

	while (flow_sum(false) < n) {
		receive_flows();
		qemu_peek(port.qemu, VIRTIO_PCI_DEVICE_STATUS, 1);
		if (virtio_now_us() > deadline)
			test_fail(__FILE__, __LINE__, "%u frames have come of %u", flow_sum(false),
				  n);
	}
	CHECK_EQ(flow_sum(false), n);
}

static unsigned int
flows_of(int queue)
{
	unsigned int f, n = 0;

	for (f = 0; f < FLOWS; f++)
		n += flows[f].queue == queue;
	return n;
}

static void
forget_flows(void)
{
	unsigned int f;

	memset(flows, 0, sizeof(flows));
	memset(arrived, 0, sizeof(arrived));
	for (f = 0; f < FLOWS; f++)
		flows[f].queue = -1;
}

static void
up_with_queues(const char *properties, bool rss)
{
	struct rte_eth_conf eth = { 0 };
	struct rte_eth_dev_info info;
	uint16_t q;

	forget_flows();
	port_plug(properties, QUEUES, FLOW_BUFFERS, NULL);
	CHECK_EQ(rte_eth_dev_info_get(port.id, &info), 0);
	CHECK_EQ(info.max_rx_queues, QUEUES);
	if (rss) {
		eth.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		eth.rxmode.offloads = info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_RSS_HASH;
		eth.rx_adv_conf.rss_conf.rss_hf = info.flow_type_rss_offloads;
	}
	CHECK_EQ(rte_eth_dev_configure(port.id, QUEUES, QUEUES, &eth), 0);
	for (q = 0; q < QUEUES; q++) {
		CHECK_EQ(rte_eth_rx_queue_setup(port.id, q, FLOW_RING, port.qemu->node, NULL,
						port.rx_pool[0]), 0);
		CHECK_EQ(rte_eth_tx_queue_setup(port.id, q, FLOW_RING, port.qemu->node, NULL), 0);
	}
	CHECK_EQ(rte_eth_dev_start(port.id), 0);
	/* Each flow once: where it goes. */
	send_flows(1);
	receive_so_many(FLOWS);
	for (q = 0; q < QUEUES; q++)
		CHECK(flows_of(q) > 0);
}

static void
warm_up(void)
{
	up_with_queues("", false);
	port_unplug();
}

static void
queues_share_the_flows(void)
{
	up_with_queues("", false);
	send_flows(3);
	receive_so_many(4 * FLOWS);
	/* The kernel keeps a flow where it is. */
	CHECK_EQ(flows[0].moved, 0);
	port_unplug();
}

/*
 * 5.1.6.5.6 would have another queue chosen (N1); this device goes by the tap device's queues, each
 * of which waits for its own. What is for others comes meanwhile; nothing is lost.
 */
static void
queue_of_many_is_reset(void)
{
	unsigned int before, held, q, round;

	up_with_queues("", false);
	for (round = 0; round < 20; round++) {
		q = round % QUEUES;
		held = 2 * flows_of(q);
		before = flow_sum(false);
		CHECK_EQ(rte_eth_dev_rx_queue_stop(port.id, q), 0);
		send_flows(2);
		receive_so_many(before + 2 * FLOWS - held);
		qemu_turn(port.qemu);
		CHECK_EQ(receive_flows(), 0);
		CHECK_EQ(rte_eth_dev_rx_queue_start(port.id, q), 0);
		receive_so_many(before + 2 * FLOWS);
		/* All of them by the queue itself. */
		CHECK_EQ(2 * flows_of(q), held);
	}
	CHECK_EQ(flow_sum(true), flow_sum(false));
	port_unplug();
}

/* N2: with no receive queue left packets would be dropped; this device's netdev holds them. */
static void
all_queues_are_reset(void)
{
	unsigned int q;

	up_with_queues("", false);
	for (q = 0; q < QUEUES; q++)
		CHECK_EQ(rte_eth_dev_rx_queue_stop(port.id, q), 0);
	port_check_in_use(port.rx_pool[0], 0);
	send_flows(3);
	qemu_turn(port.qemu);
	CHECK_EQ(receive_flows(), 0);
	for (q = 0; q < QUEUES; q++)
		CHECK_EQ(rte_eth_dev_rx_queue_start(port.id, q), 0);
	receive_so_many(4 * FLOWS);
	port_unplug();
}

/*
 * A queue after the other leaves the table and comes back. Where the kernel goes by the table, by
 * eBPF (QEMU 10.0, as root), all come by others at once; where QEMU does, what the kernel had put
 * into the queue before it could be asked comes late.
 */
static void
queue_leaves_the_rss_table(void)
{
	unsigned int moved = 0, held = 0, round, q;

	up_with_queues(",rss=on", true);
	for (round = 0; round < 20; round++) {
		const uint32_t before = flow_sum(false);
		uint32_t its;

		q = round % QUEUES;
		its = arrived[q];
		CHECK_EQ(rte_eth_dev_rx_queue_stop(port.id, q), 0);
		CHECK_EQ(receive_flows(), 0);
		send_flows(2);
		qemu_turn(port.qemu);
		while (receive_flows() > 0)
			qemu_turn(port.qemu);
		CHECK_EQ(arrived[q], its);
		moved += flow_sum(false) - before;
		held += before + 2 * FLOWS - flow_sum(false);
		CHECK_EQ(rte_eth_dev_rx_queue_start(port.id, q), 0);
		receive_so_many(before + 2 * FLOWS);
		/* A frame of each is where it was at first. */
		send_flows(1);
		receive_so_many(before + 3 * FLOWS);
		CHECK(flows_of(q) > 0);
	}
	printf("# RSS, 20 resets, %u frames: %u came by other queues at once, %u were held and "
	       "came late, 0 lost\n", 2 * 20 * FLOWS, moved, held);
	port_unplug();
}

/*
 * N3: with RSS packets for a queue that is being reset are to be dropped. The driver takes it out
 * of the table first; here its ring is reset under the driver, so that the table still names it.
 * What the kernel had put into another tap queue is dropped by the device, what it had put into
 * this one's is held, which is all of it where the kernel goes by the table itself; nothing comes
 * by other queues, and after the start all is as before.
 */
static void
rss_table_names_a_reset_queue(void)
{
	struct virtio_queue *queue;
	bool is_meant[FLOWS];
	uint32_t meant, lost = 0, late = 0;
	unsigned int f;

	up_with_queues(",rss=on", true);
	queue = &virtio_port(&rte_eth_devices[port.id])->rxqs[1]->q;
	meant = flows_of(1);
	for (f = 0; f < FLOWS; f++)
		is_meant[f] = flows[f].queue == 1;
	CHECK_EQ(virtio_gate_close(&queue->gate, PATIENCE_US), 0);
	CHECK_EQ(virtqueue_stop(queue->vq, PATIENCE_US), 0);
	virtio_queue_reclaim(queue);
	send_flows(4);
	do
		qemu_turn(port.qemu);
	while (receive_flows() > 0);
	for (f = 0; f < FLOWS; f++) {
		CHECK(!is_meant[f] || flows[f].got == 1);
		late += is_meant[f] ? 0 : flows[f].sent - flows[f].got;
	}
	CHECK_EQ(virtio_queue_fill(queue), 0);
	CHECK_EQ(virtqueue_start(queue->vq, PATIENCE_US), 0);
	virtio_queue_open(queue);
	/* A last one of each, behind all that is held of its flow. */
	send_flows(1);
	for (f = 0; f < FLOWS; f++) {
		while (flows[f].last != flows[f].sent - 1) {
			receive_flows();
			qemu_turn(port.qemu);
		}
		CHECK(is_meant[f] || flows[f].got == flows[f].sent);
		CHECK(!is_meant[f] || flows[f].queue == 1);
		lost += flows[f].sent - flows[f].got;
	}
	printf("# RSS with a table that names a reset queue: of %u frames for it %u were dropped, "
	       "%u held; of others' %u\n", 4 * meant, lost, 4 * meant - lost, late);
	CHECK_EQ(lost > 0, late > 0);
	port_unplug();
}

/* What a frame is hashed to by its addresses and ports, and the queue that the table has for it. */
static void
check_hash(const struct rte_mbuf *m, uint16_t queue)
{
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
	uint8_t key[40];
	struct rte_eth_rss_conf conf = { .rss_key = key, .rss_key_len = sizeof(key) };
	uint32_t tuple[3];
	unsigned int i;

	CHECK_EQ(rte_eth_dev_rss_hash_conf_get(port.id, &conf), 0);
	memcpy(tuple, frame + FLOW_AT - 8, sizeof(tuple));
	for (i = 0; i < RTE_DIM(tuple); i++)
		tuple[i] = rte_be_to_cpu_32(tuple[i]);
	CHECK_EQ(m->ol_flags, RTE_MBUF_F_RX_RSS_HASH);
	CHECK_EQ(m->hash.rss, rte_softrss(tuple, RTE_DIM(tuple), key));
	CHECK_EQ(queue, m->hash.rss % 128 % QUEUES);
}

/* The device's own hashes, in headers of 20 bytes; and frames that are sent with such ones. */
static void
device_reports_hashes(void)
{
	unsigned int round, n = 0;
	uint16_t queue, i;

	up_with_queues(",rss=on,hash=on", true);
	for (round = 0; round < 20; round++) {
		uint8_t frame[FLOW_FRAME], got[2048];
		struct rte_mbuf *m[64];

		send_flows(1);
		while (n < (round + 1) * FLOWS) {
			qemu_peek(port.qemu, VIRTIO_PCI_DEVICE_STATUS, 1);
			for (queue = 0; queue < QUEUES; queue++) {
				const uint16_t nb = rte_eth_rx_burst(port.id, queue, m,
								     RTE_DIM(m));

				for (i = 0; i < nb; i++) {
					check_hash(m[i], queue);
					take_flow_frame(m[i], queue);
				}
				rte_pktmbuf_free_bulk(m, nb);
				n += nb;
			}
		}
		m[0] = rte_pktmbuf_alloc(port.tx_pool);
		CHECK(m[0] != NULL);
		write_flow_frame(frame, 1, round);
		memset(frame, 0x02, 6);
		memcpy(rte_pktmbuf_append(m[0], FLOW_FRAME), frame, FLOW_FRAME);
		CHECK_EQ(rte_eth_tx_burst(port.id, 0, m, 1), 1);
		/* The host's kernel may have sent something by itself. */
		while (qemu_receive(port.qemu, got, sizeof(got)) != FLOW_FRAME ||
		       memcmp(got, frame, FLOW_FRAME) != 0)
			;
		queue = round % QUEUES;
		CHECK_EQ(rte_eth_dev_rx_queue_stop(port.id, queue), 0);
		CHECK_EQ(rte_eth_dev_rx_queue_start(port.id, queue), 0);
	}
	CHECK_EQ(flow_sum(true), flow_sum(false));
	port_unplug();
}

static const struct test_case cases[] = {
	TEST_WARM_UP(warm_up),
	TEST_LAYOUTS(queues_share_the_flows),
	TEST_LAYOUTS(queue_of_many_is_reset),
	TEST_LAYOUTS(all_queues_are_reset),
	TEST_LAYOUTS(queue_leaves_the_rss_table),
	TEST_LAYOUTS(rss_table_names_a_reset_queue),
	TEST_LAYOUTS(device_reports_hashes),
};

int
main(int argc, char **argv)
{
	if (!qemu_can_tap())
		return 77;
	return qemu_test_main(argc, argv, cases, RTE_DIM(cases));
}
