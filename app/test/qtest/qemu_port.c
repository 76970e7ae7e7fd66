/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * The whole driver on a real device's registers and memory: an ethdev port of QEMU's
 * virtio-net-pci with one pair of queues.
 */

#include <pthread.h>
#include <string.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "packet.h"
#include "port_on_qemu.h"

#define SIZE 256
#define MAX_LEN 1400

/* Numbers of the next frame, each way: sent, and arrived. */
static struct {
	uint64_t sent;
	uint64_t got;
	uint64_t tx_sent;
	uint64_t tx_got;
} frames;

static int
setup_rx(uint16_t size, unsigned int pool, bool deferred)
{
	const struct rte_eth_rxconf conf = { .rx_deferred_start = deferred };

	return rte_eth_rx_queue_setup(port.id, 0, size, port.qemu->node, &conf,
				      port.rx_pool[pool]);
}

static int
setup_tx(uint16_t size)
{
	return rte_eth_tx_queue_setup(port.id, 0, size, port.qemu->node, NULL);
}

static void
plug(const char *properties, const char *args)
{
	const struct rte_eth_conf eth = { 0 };

	memset(&frames, 0, sizeof(frames));
	port_plug(properties, 0, PORT_BUFFERS, args);
	CHECK_EQ(rte_eth_dev_configure(port.id, 1, 1, &eth), 0);
	CHECK_EQ(setup_tx(SIZE), 0);
}

static void
start(void)
{
	CHECK_EQ(rte_eth_dev_start(port.id), 0);
	CHECK_EQ(rte_eth_promiscuous_enable(port.id), 0);
}

static void
up(const char *properties, const char *args)
{
	plug(properties, args);
	CHECK_EQ(setup_rx(SIZE, 0, false), 0);
	start();
}

static uint32_t
length(uint64_t number)
{
	return PACKET_MIN + number * 37 % (MAX_LEN - PACKET_MIN);
}

static void
send_to_device(unsigned int n)
{
	uint8_t frame[MAX_LEN];

	for (; n > 0; n--, frames.sent++) {
		packet_write(frame, 0, frames.sent, length(frames.sent));
		qemu_send(port.qemu, frame, length(frames.sent));
	}
}

/* One burst; the frames come in order. */
static unsigned int
receive(void)
{
	struct rte_mbuf *m[32];
	const uint16_t n = rte_eth_rx_burst(port.id, 0, m, RTE_DIM(m));
	uint16_t i;

	for (i = 0; i < n; i++) {
		const char *why = NULL;
		const uint64_t number = packet_check(m[i], 0, &why);

		if (why != NULL)
			test_fail(__FILE__, __LINE__, "a frame: %s", why);
		CHECK(number >= frames.got);
		CHECK_EQ(m[i]->pkt_len, length(number));
		frames.got = number + 1;
		rte_pktmbuf_free(m[i]);
	}
	return n;
}

/* Until the last frame that was sent has arrived. */
static unsigned int
receive_all(void)
{
	const uint64_t deadline = virtio_now_us() + PATIENCE_US;
	unsigned int n = 0;

	while (frames.got != frames.sent) {
		n += receive();
		qemu_peek(port.qemu, VIRTIO_PCI_DEVICE_STATUS, 1);
		if (virtio_now_us() > deadline)
			test_fail(__FILE__, __LINE__, "frame %u of %u has not arrived",
				  (unsigned int)frames.got, (unsigned int)frames.sent);
	}
	return n;
}

static void
transmit(unsigned int n)
{
	uint8_t frame[MAX_LEN];
	unsigned int i;

	for (i = 0; i < n; i++) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(port.tx_pool);
		const char *why = NULL;

		CHECK(m != NULL);
		/* Some in segments. */
		CHECK(packet_make(m, 1, frames.tx_sent, length(frames.tx_sent),
				  frames.tx_sent % 3 == 0 ? 500 : 0));
		CHECK_EQ(rte_eth_tx_burst(port.id, 0, &m, 1), 1);
		frames.tx_sent++;
		CHECK_EQ(qemu_receive(port.qemu, frame, sizeof(frame)), length(frames.tx_got));
		CHECK_EQ(packet_check_bytes(frame, length(frames.tx_got), 1, &why), frames.tx_got);
		CHECK(why == NULL);
		frames.tx_got++;
	}
}

static void
check_runs(void)
{
	send_to_device(20);
	CHECK_EQ(receive_all(), 20);
	transmit(20);
}

/*
 * Empty segments at each place of a packet, and packets of no bytes: QEMU's device sets
 * DEVICE_NEEDS_RESET at a descriptor of length 0.
 */
static void
send_with_empty_segments(const char *properties)
{
	uint8_t frame[MAX_LEN];
	unsigned int round, place;

	up(properties, NULL);
	for (round = 0; round < 60; round++) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(port.tx_pool);
		struct rte_mbuf *empty = rte_pktmbuf_alloc(port.tx_pool);
		const char *why = NULL;
		struct rte_mbuf *seg;

		CHECK(m != NULL && empty != NULL);
		/* In a third of the packets the header has a slot of its own. */
		if (round % 3 == 0)
			m->data_off = 0;
		CHECK(packet_make(m, 1, frames.tx_sent, length(frames.tx_sent), 300));
		place = round % (m->nb_segs + 1u);
		if (place == 0) {
			empty->data_off = m->data_off;
			empty->pkt_len = m->pkt_len;
			empty->nb_segs = m->nb_segs + 1;
			empty->next = m;
			m = empty;
		} else {
			for (seg = m; place > 1; place--)
				seg = seg->next;
			empty->next = seg->next;
			seg->next = empty;
			m->nb_segs++;
		}
		CHECK_EQ(rte_eth_tx_burst(port.id, 0, &m, 1), 1);
		frames.tx_sent++;
		m = rte_pktmbuf_alloc(port.tx_pool);
		CHECK(m != NULL);
		m->data_off = round % 2 ? RTE_PKTMBUF_HEADROOM : 0;
		CHECK_EQ(rte_eth_tx_burst(port.id, 0, &m, 1), 1);
		CHECK_EQ(qemu_receive(port.qemu, frame, sizeof(frame)), length(frames.tx_got));
		CHECK_EQ(packet_check_bytes(frame, length(frames.tx_got), 1, &why), frames.tx_got);
		CHECK(why == NULL);
		frames.tx_got++;
	}
	/* DRIVER_OK and all before it, without DEVICE_NEEDS_RESET and FAILED (2.1). */
	CHECK_EQ(qemu_peek(port.qemu, VIRTIO_PCI_DEVICE_STATUS, 1), 0x0f);
	check_runs();
	port_unplug();
}

static void
empty_segments_in_tables(void)
{
	send_with_empty_segments("");
}

static void
empty_segments_in_chains(void)
{
	send_with_empty_segments(",indirect_desc=off");
}

static void
warm_up(void)
{
	up("", NULL);
	port_unplug();
}

static void
port_as_the_device_says(void)
{
	struct rte_eth_dev_info info;
	struct rte_ether_addr mac;

	up("", NULL);
	CHECK_EQ(rte_eth_dev_info_get(port.id, &info), 0);
	CHECK_EQ(info.max_rx_queues, 1);
	CHECK(info.dev_capa & RTE_ETH_DEV_CAPA_RUNTIME_RX_QUEUE_SETUP);
	CHECK_EQ(rte_eth_macaddr_get(port.id, &mac), 0);
	CHECK(memcmp(&mac, "\x52\x54\x00\x12\x34\x56", 6) == 0);
	CHECK_EQ(test_logged("stopped by: reset"), 1);
	check_runs();
	port_unplug();
}

/* Each round a queue is stopped, gets another size and another pool, and runs again. */
static void
queues_change_while_frames_come(void)
{
	static const uint16_t sizes[] = { 64, 128, 256, 32 };
	unsigned int round;

	up("", NULL);
	for (round = 0; round < 200; round++) {
		const uint16_t size = sizes[round % RTE_DIM(sizes)];
		const unsigned int pool = round % 2;

		send_to_device(3);
		if (round % 2 == 0)
			receive_all();
		CHECK_EQ(rte_eth_dev_rx_queue_stop(port.id, 0), 0);
		CHECK_EQ(receive(), 0);
		/* All of them are the pool's again. */
		port_check_in_use(port.rx_pool[!pool], 0);
		transmit(2);
		CHECK_EQ(setup_rx(size, pool, false), 0);
		CHECK_EQ(rte_eth_dev_rx_queue_start(port.id, 0), 0);
		port_check_in_use(port.rx_pool[pool], size);
		send_to_device(3);
		receive_all();
		CHECK_EQ(rte_eth_dev_tx_queue_stop(port.id, 0), 0);
		port_check_in_use(port.tx_pool, 0);
		send_to_device(2);
		receive_all();
		if (round % 3 == 0)
			CHECK_EQ(setup_tx(size), 0);
		CHECK_EQ(rte_eth_dev_tx_queue_start(port.id, 0), 0);
		transmit(2);
	}
	check_runs();
	port_unplug();
}

/* ---- drains ------------------------------------------------------------------------------- */

#define DRAIN_ROUNDS 1000

static bool stopped;

static void *
stop_receive(void *arg)
{
	*(int *)arg = rte_eth_dev_rx_queue_stop(port.id, 0);
	__atomic_store_n(&stopped, true, __ATOMIC_RELEASE);
	return NULL;
}

/* Stopped on one thread, polled by this one, which touches nothing else of the device meanwhile. */
static unsigned int
stop_while_polling(void)
{
	pthread_t thread;
	unsigned int n = 0;
	int ret;

	stopped = false;
	CHECK_EQ(pthread_create(&thread, NULL, stop_receive, &ret), 0);
	while (!__atomic_load_n(&stopped, __ATOMIC_ACQUIRE))
		n += receive();
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(ret, 0);
	return n;
}

static void
post_to_device(unsigned int n)
{
	for (; n > 0; n--, frames.tx_sent++) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(port.tx_pool);

		CHECK(m != NULL);
		CHECK(packet_make(m, 1, frames.tx_sent, length(frames.tx_sent), 0));
		CHECK_EQ(rte_eth_tx_burst(port.id, 0, &m, 1), 1);
	}
}

static void
take_from_device(void)
{
	uint8_t frame[MAX_LEN];
	const char *why = NULL;

	for (; frames.tx_got < frames.tx_sent; frames.tx_got++) {
		CHECK_EQ(qemu_receive(port.qemu, frame, sizeof(frame)), length(frames.tx_got));
		CHECK_EQ(packet_check_bytes(frame, length(frames.tx_got), 1, &why), frames.tx_got);
		CHECK(why == NULL);
	}
}

static uint64_t
xstat(const char *name)
{
	uint64_t id, value;

	CHECK_EQ(rte_eth_xstats_get_id_by_name(port.id, name, &id), 0);
	CHECK_EQ(rte_eth_xstats_get_by_id(port.id, &id, &value, 1), 1);
	return value;
}

/*
 * Frames in both directions are under way at every stop. What is sent is all sent; what is received
 * is all received, before the stop is over or, held by the device meanwhile, after the next start.
 */
static void
nothing_is_lost_with_drains(void)
{
	uint64_t received = 0;
	unsigned int round;

	up("", "tx_drain_us=1000000,rx_drain_us=1000000");
	for (round = 0; round < DRAIN_ROUNDS; round++) {
		const unsigned int pool = round % 2;

		send_to_device(3);
		post_to_device(3);
		CHECK_EQ(rte_eth_dev_tx_queue_stop(port.id, 0), 0);
		port_check_in_use(port.tx_pool, 0);
		take_from_device();
		received += stop_while_polling();
		port_check_in_use(port.rx_pool[!pool], 0);
		send_to_device(2);
		CHECK_EQ(setup_rx(round % 3 == 0 ? 64 : 256, pool, false), 0);
		CHECK_EQ(rte_eth_dev_rx_queue_start(port.id, 0), 0);
		CHECK_EQ(rte_eth_dev_tx_queue_start(port.id, 0), 0);
	}
	received += receive_all();
	CHECK_EQ(received, frames.sent);
	CHECK_EQ(xstat("rx_q0_reset_dropped"), 0);
	CHECK_EQ(xstat("tx_q0_reset_dropped"), 0);
	CHECK_EQ(xstat("rx_q0_resets"), DRAIN_ROUNDS);
	CHECK_EQ(xstat("tx_q0_resets"), DRAIN_ROUNDS);
	port_unplug();
}

/* A queue that is to start later is set up with the others, and reset before anything comes. */
static void
deferred_start(void)
{
	plug("", NULL);
	CHECK_EQ(setup_rx(SIZE, 0, true), 0);
	start();
	CHECK_EQ(qemu_writes(port.qemu, VIRTIO_PCI_QUEUE_RESET, 1), 1);
	port_check_in_use(port.rx_pool[0], 0);
	send_to_device(5);
	transmit(10);
	CHECK_EQ(receive(), 0);
	CHECK_EQ(rte_eth_dev_rx_queue_start(port.id, 0), 0);
	CHECK_EQ(receive_all(), 5);
	check_runs();
	port_unplug();
}

static void
port_stops_and_starts(void)
{
	unsigned int i;

	up("", NULL);
	for (i = 0; i < 20; i++) {
		check_runs();
		if (i % 3 == 1)
			CHECK_EQ(rte_eth_dev_rx_queue_stop(port.id, 0), 0);
		if (i % 3 == 2)
			CHECK_EQ(rte_eth_dev_tx_queue_stop(port.id, 0), 0);
		CHECK_EQ(rte_eth_dev_stop(port.id), 0);
		port_check_in_use(port.rx_pool[0], 0);
		port_check_in_use(port.tx_pool, 0);
		CHECK_EQ(rte_eth_dev_start(port.id), 0);
	}
	check_runs();
	port_unplug();
}

/* The device delivers what the commands of the control queue allow. */
static void
commands_are_carried_out(void)
{
	struct rte_ether_addr mac = { { 0x52, 0x54, 0, 0x12, 0x34, 0x57 } };
	uint64_t before;

	up("", NULL);
	CHECK_EQ(rte_eth_promiscuous_disable(port.id), 0);
	/* packet_write()'s frames are for nobody here. */
	before = frames.got;
	send_to_device(10);
	transmit(50);
	qemu_turn(port.qemu);
	while (receive() > 0)
		;
	CHECK_EQ(frames.got, before);
	CHECK_EQ(rte_eth_promiscuous_enable(port.id), 0);
	check_runs();
	CHECK_EQ(rte_eth_dev_default_mac_addr_set(port.id, &mac), 0);
	CHECK_EQ(rte_eth_allmulticast_enable(port.id), 0);
	check_runs();
	/* The control queue is reset by nobody while others are. */
	CHECK_EQ(rte_eth_dev_rx_queue_stop(port.id, 0), 0);
	CHECK_EQ(rte_eth_allmulticast_disable(port.id), 0);
	CHECK_EQ(rte_eth_dev_rx_queue_start(port.id, 0), 0);
	check_runs();
	port_unplug();
}

static void
check_no_stop(void)
{
	CHECK_EQ(rte_eth_dev_rx_queue_stop(port.id, 0), -ENOTSUP);
	CHECK_EQ(rte_eth_dev_tx_queue_stop(port.id, 0), -ENOTSUP);
	check_runs();
	CHECK_EQ(qemu_writes(port.qemu, VIRTIO_PCI_QUEUE_RESET, -1), 0);
	CHECK_EQ(qemu_writes(port.qemu, VIRTIO_PCI_QUEUE_ENABLE, 0), 0);
	port_unplug();
}

static void
without_queue_reset(void)
{
	up(",queue_reset=off", NULL);
	check_no_stop();
}

/* 5.1.4.3: its address is in the configuration, for the driver to write. */
static void
legacy_device_takes_its_address(void)
{
	struct rte_ether_addr mac = { { 0x52, 0x54, 0, 0x12, 0x34, 0x99 } };

	up(",disable-legacy=off,disable-modern=on,ctrl_mac_addr=off", NULL);
	check_runs();
	CHECK_EQ(rte_eth_dev_default_mac_addr_set(port.id, &mac), 0);
	CHECK_EQ(qemu_peek(port.qemu, VIRTIO_PCI_LEGACY_CONFIG + 5, 1), 0x99);
	check_runs();
	CHECK_EQ(rte_eth_dev_stop(port.id), 0);
	CHECK_EQ(rte_eth_dev_start(port.id), 0);
	CHECK_EQ(qemu_peek(port.qemu, VIRTIO_PCI_LEGACY_CONFIG + 5, 1), 0x99);
	check_runs();
	CHECK_EQ(rte_eth_dev_rx_queue_stop(port.id, 0), -ENOTSUP);
	port_unplug();
}

static void
link_speed_and_ring_sizes(void)
{
	struct rte_eth_dev_info info;
	struct rte_eth_link link;

	up(",speed=56000,duplex=full,rx_queue_size=1024", NULL);
	CHECK_EQ(rte_eth_link_get_nowait(port.id, &link), 0);
	CHECK_EQ(link.link_status, RTE_ETH_LINK_UP);
	CHECK_EQ(link.link_speed, 56000);
	CHECK_EQ(rte_eth_dev_info_get(port.id, &info), 0);
	CHECK_EQ(info.default_rxportconf.ring_size, 512);
	CHECK_EQ(info.default_txportconf.ring_size, 256);
	port_unplug();
}

static void
switched_off_by_the_user(void)
{
	up("", "queue_reset=off");
	check_no_stop();
}

/* The proposal's stop is an error to this device, which needs a reset then; the port's restart. */
static void
device_that_needs_a_reset(void)
{
	struct rte_eth_link link;

	up("", "queue_reset=proposal");
	check_runs();
	CHECK_EQ(rte_eth_dev_rx_queue_stop(port.id, 0), -EIO);
	CHECK(qemu_peek(port.qemu, VIRTIO_PCI_DEVICE_STATUS, 1) & VIRTIO_STATUS_NEEDS_RESET);
	CHECK_EQ(rte_eth_link_get_nowait(port.id, &link), 0);
	CHECK_EQ(link.link_status, RTE_ETH_LINK_DOWN);
	CHECK_EQ(rte_eth_dev_stop(port.id), 0);
	start();
	CHECK_EQ(rte_eth_link_get_nowait(port.id, &link), 0);
	CHECK_EQ(link.link_status, RTE_ETH_LINK_UP);
	check_runs();
	port_unplug();
}

/* ---- tagged frames ------------------------------------------------------------------------ */

#define TAGGED_LEN 64

/* Of VLANs 100 and 200, in turn; how many of each have arrived when an untagged one has. */
static void
send_tagged(unsigned int n, unsigned int *of_100, unsigned int *of_200)
{
	const uint64_t deadline = virtio_now_us() + PATIENCE_US;
	uint8_t frame[TAGGED_LEN] = { 0x52, 0x54, 0, 0x12, 0x34, 0x56, 0x02, 0, 0, 0, 0, 1 };
	bool last = false;
	unsigned int i;

	*of_100 = *of_200 = 0;
	for (i = 0; i < 2 * n; i++) {
		frame[12] = 0x81;
		frame[13] = 0x00;
		frame[15] = i % 2 == 0 ? 100 : 200;
		qemu_send(port.qemu, frame, sizeof(frame));
	}
	frame[12] = 0x88;
	frame[13] = 0xb5;
	qemu_send(port.qemu, frame, sizeof(frame));
	while (!last) {
		struct rte_mbuf *m;
		const uint8_t *got;

		CHECK(virtio_now_us() < deadline);
		qemu_peek(port.qemu, VIRTIO_PCI_DEVICE_STATUS, 1);
		if (rte_eth_rx_burst(port.id, 0, &m, 1) == 0)
			continue;
		got = rte_pktmbuf_mtod(m, const uint8_t *);
		CHECK_EQ(m->pkt_len, TAGGED_LEN);
		last = got[12] == 0x88;
		*of_100 += !last && got[15] == 100;
		*of_200 += !last && got[15] == 200;
		rte_pktmbuf_free(m);
	}
}

static void
check_tagged(unsigned int of_100, unsigned int of_200)
{
	unsigned int got[2];

	send_tagged(5, &got[0], &got[1]);
	CHECK_EQ(got[0], of_100);
	CHECK_EQ(got[1], of_200);
}

/* In promiscuous mode QEMU's device looks at no VLAN. */
static void
start_filtering(void)
{
	CHECK_EQ(rte_eth_dev_start(port.id), 0);
	CHECK_EQ(rte_eth_promiscuous_disable(port.id), 0);
}

/* A port without a filter gets all tagged frames, whatever was asked of it, and after restarts. */
static void
tagged_frames_arrive_without_a_filter(void)
{
	plug("", NULL);
	CHECK_EQ(setup_rx(SIZE, 0, false), 0);
	start_filtering();
	check_tagged(5, 5);
	CHECK_EQ(rte_eth_dev_set_vlan_offload(port.id, RTE_ETH_VLAN_FILTER_OFFLOAD), -ENOTSUP);
	check_tagged(5, 5);
	CHECK_EQ(rte_eth_dev_stop(port.id), 0);
	start_filtering();
	check_tagged(5, 5);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(port.id, 0), 0);
	CHECK_EQ(rte_eth_dev_rx_queue_start(port.id, 0), 0);
	check_tagged(5, 5);
	/* Switched on for the next start, and off again. */
	CHECK_EQ(rte_eth_dev_stop(port.id), 0);
	CHECK_EQ(rte_eth_dev_set_vlan_offload(port.id, RTE_ETH_VLAN_FILTER_OFFLOAD), 0);
	CHECK_EQ(rte_eth_dev_vlan_filter(port.id, 100, 1), 0);
	start_filtering();
	check_tagged(5, 0);
	CHECK_EQ(rte_eth_dev_vlan_filter(port.id, 200, 1), 0);
	check_tagged(5, 5);
	CHECK_EQ(rte_eth_dev_vlan_filter(port.id, 200, 0), 0);
	CHECK_EQ(rte_eth_dev_set_vlan_offload(port.id, 0), -ENOTSUP);
	check_tagged(5, 0);
	CHECK_EQ(rte_eth_dev_stop(port.id), 0);
	CHECK_EQ(rte_eth_dev_set_vlan_offload(port.id, 0), 0);
	start_filtering();
	check_tagged(5, 5);
	port_unplug();
}

static const struct test_case cases[] = {
	TEST_WARM_UP(warm_up),
	TEST_LAYOUTS(port_as_the_device_says),
	TEST_LAYOUTS(queues_change_while_frames_come),
	TEST_LAYOUTS(nothing_is_lost_with_drains),
	TEST_LAYOUTS(deferred_start),
	TEST_LAYOUTS(empty_segments_in_tables),
	TEST_LAYOUTS(empty_segments_in_chains),
	TEST_LAYOUTS(port_stops_and_starts),
	TEST_LAYOUTS(commands_are_carried_out),
	TEST_LAYOUTS(without_queue_reset),
	TEST_LAYOUTS(switched_off_by_the_user),
	TEST(legacy_device_takes_its_address),
	TEST_LAYOUTS(device_that_needs_a_reset),
	TEST_LAYOUTS(tagged_frames_arrive_without_a_filter),
	TEST(link_speed_and_ring_sizes),
};

int
main(int argc, char **argv)
{
	return qemu_test_main(argc, argv, cases, RTE_DIM(cases));
}
