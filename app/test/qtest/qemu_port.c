/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The whole driver on a real device's registers and memory: an ethdev port of QEMU's
 * virtio-net-pci, without a guest and without a PCI bus.
 */

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bus_vdev_driver.h>
#include <ethdev_vdev.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_thash.h>

#include "packet.h"
#include "qemu.h"
#include "virtio_pci_port.h"
#include "virtio_queue.h"
#include "virtqueue_reset.h"

#define SIZE 256
#define BUFFERS 1024
#define PATIENCE_US 60000000
#define MAX_LEN 1400

struct port {
	struct qemu *qemu;
	uint16_t id;
	struct rte_mempool *rx_pool[2];
	struct rte_mempool *tx_pool;
	uint64_t sent;    /**< number of the next frame to the device */
	uint64_t got;     /**< number of the next frame from it */
	uint64_t tx_sent;
	uint64_t tx_got;
};

static struct port port;

/* ---- a bus for the port ------------------------------------------------------------------- */

static int
gone_for_good(struct virtio_device *dev __rte_unused)
{
	return -ENODEV;
}

static void
nothing(struct virtio_device *dev __rte_unused)
{
}

static const struct virtio_bus qemu_bus = {
	.is_up = virtio_pci_is_up,
	.reconnect = gone_for_good,
	.disconnect = nothing,
	.destroy = virtio_pci_destroy,
	.features = VIRTIO_PCI_FEATURES,
	.whole_pairs = true,
	.link_is_up = virtio_pci_link_is_up,
	.link_speed = virtio_pci_link_speed,
};

static int
qemu_probe(struct rte_vdev_device *vdev)
{
	const char *name = rte_vdev_device_name(vdev);
	struct rte_eth_dev *edev;
	struct virtio_port *p;
	int ret;

	/* So that all that the driver makes for the device is where it can reach it. */
	vdev->device.numa_node = port.qemu->node;
	edev = rte_eth_vdev_allocate(vdev, sizeof(struct virtio_port));
	p = virtio_port(edev);
	p->edev = edev;
	p->bus = &qemu_bus;
	ret = virtio_pci_parse(name, rte_vdev_device_args(vdev), &p->args);
	port.qemu->conf.stop = p->args.pci_queue_reset;
	port.qemu->conf.ring_features = VIRTIO_PCI_RING_FEATURES;
	if (ret == 0)
		ret = virtio_pci_port_create(p, name, &port.qemu->conf, port.qemu->legacy);
	if (ret != 0) {
		rte_eth_dev_release_port(edev);
		return ret;
	}
	rte_eth_dev_probing_finish(edev);
	return 0;
}

static int
qemu_remove(struct rte_vdev_device *vdev)
{
	struct rte_eth_dev *edev = rte_eth_dev_allocated(rte_vdev_device_name(vdev));

	if (edev->data->dev_started)
		rte_eth_dev_stop(edev->data->port_id);
	return rte_eth_dev_close(edev->data->port_id);
}

static struct rte_vdev_driver qemu_driver = {
	.probe = qemu_probe,
	.remove = qemu_remove,
};

RTE_PMD_REGISTER_VDEV(qemu_virtio_pci, qemu_driver);

/* ---- the port ----------------------------------------------------------------------------- */

static struct rte_mempool *
make_pool(const char *name)
{
	struct rte_mempool *pool = rte_pktmbuf_pool_create(name, BUFFERS, 0, 0,
							   RTE_MBUF_DEFAULT_BUF_SIZE,
							   port.qemu->node);

	CHECK(pool != NULL);
	return pool;
}

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
	char all[128];

	memset(&port, 0, sizeof(port));
	snprintf(all, sizeof(all), "%s%s", test_packed() ? ",packed=on" : "", properties);
	port.qemu = qemu_start(all);
	port.rx_pool[0] = make_pool("rx0");
	port.rx_pool[1] = make_pool("rx1");
	port.tx_pool = make_pool("tx");
	CHECK_EQ(rte_vdev_init("qemu_virtio_pci0", args), 0);
	CHECK_EQ(rte_eth_dev_get_port_by_name("qemu_virtio_pci0", &port.id), 0);
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

static void
check_in_use(const struct rte_mempool *pool, unsigned int n)
{
	CHECK_EQ(rte_mempool_in_use_count(pool), n);
}

static void
down(void)
{
	unsigned int i;

	CHECK_EQ(rte_vdev_uninit("qemu_virtio_pci0"), 0);
	for (i = 0; i < 2; i++) {
		check_in_use(port.rx_pool[i], 0);
		rte_mempool_free(port.rx_pool[i]);
	}
	check_in_use(port.tx_pool, 0);
	rte_mempool_free(port.tx_pool);
	qemu_stop(port.qemu);
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

	for (; n > 0; n--, port.sent++) {
		packet_write(frame, 0, port.sent, length(port.sent));
		qemu_send(port.qemu, frame, length(port.sent));
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
		CHECK(number >= port.got);
		CHECK_EQ(m[i]->pkt_len, length(number));
		port.got = number + 1;
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

	while (port.got != port.sent) {
		n += receive();
		qemu_peek(port.qemu, VIRTIO_PCI_DEVICE_STATUS, 1);
		if (virtio_now_us() > deadline)
			test_fail(__FILE__, __LINE__, "frame %u of %u has not arrived",
				  (unsigned int)port.got, (unsigned int)port.sent);
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
		CHECK(packet_make(m, 1, port.tx_sent, length(port.tx_sent),
				  port.tx_sent % 3 == 0 ? 500 : 0));
		CHECK_EQ(rte_eth_tx_burst(port.id, 0, &m, 1), 1);
		port.tx_sent++;
		CHECK_EQ(qemu_receive(port.qemu, frame, sizeof(frame)), length(port.tx_got));
		CHECK_EQ(packet_check_bytes(frame, length(port.tx_got), 1, &why), port.tx_got);
		CHECK(why == NULL);
		port.tx_got++;
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
		CHECK(packet_make(m, 1, port.tx_sent, length(port.tx_sent), 300));
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
		port.tx_sent++;
		m = rte_pktmbuf_alloc(port.tx_pool);
		CHECK(m != NULL);
		m->data_off = round % 2 ? RTE_PKTMBUF_HEADROOM : 0;
		CHECK_EQ(rte_eth_tx_burst(port.id, 0, &m, 1), 1);
		CHECK_EQ(qemu_receive(port.qemu, frame, sizeof(frame)), length(port.tx_got));
		CHECK_EQ(packet_check_bytes(frame, length(port.tx_got), 1, &why), port.tx_got);
		CHECK(why == NULL);
		port.tx_got++;
	}
	/* DRIVER_OK and all before it, without DEVICE_NEEDS_RESET and FAILED (2.1). */
	CHECK_EQ(qemu_peek(port.qemu, VIRTIO_PCI_DEVICE_STATUS, 1), 0x0f);
	check_runs();
	down();
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
	down();
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
	down();
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
		check_in_use(port.rx_pool[!pool], 0);
		transmit(2);
		CHECK_EQ(setup_rx(size, pool, false), 0);
		CHECK_EQ(rte_eth_dev_rx_queue_start(port.id, 0), 0);
		check_in_use(port.rx_pool[pool], size);
		send_to_device(3);
		receive_all();
		CHECK_EQ(rte_eth_dev_tx_queue_stop(port.id, 0), 0);
		check_in_use(port.tx_pool, 0);
		send_to_device(2);
		receive_all();
		if (round % 3 == 0)
			CHECK_EQ(setup_tx(size), 0);
		CHECK_EQ(rte_eth_dev_tx_queue_start(port.id, 0), 0);
		transmit(2);
	}
	check_runs();
	down();
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
	for (; n > 0; n--, port.tx_sent++) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(port.tx_pool);

		CHECK(m != NULL);
		CHECK(packet_make(m, 1, port.tx_sent, length(port.tx_sent), 0));
		CHECK_EQ(rte_eth_tx_burst(port.id, 0, &m, 1), 1);
	}
}

static void
take_from_device(void)
{
	uint8_t frame[MAX_LEN];
	const char *why = NULL;

	for (; port.tx_got < port.tx_sent; port.tx_got++) {
		CHECK_EQ(qemu_receive(port.qemu, frame, sizeof(frame)), length(port.tx_got));
		CHECK_EQ(packet_check_bytes(frame, length(port.tx_got), 1, &why), port.tx_got);
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
		check_in_use(port.tx_pool, 0);
		take_from_device();
		received += stop_while_polling();
		check_in_use(port.rx_pool[!pool], 0);
		send_to_device(2);
		CHECK_EQ(setup_rx(round % 3 == 0 ? 64 : 256, pool, false), 0);
		CHECK_EQ(rte_eth_dev_rx_queue_start(port.id, 0), 0);
		CHECK_EQ(rte_eth_dev_tx_queue_start(port.id, 0), 0);
	}
	received += receive_all();
	CHECK_EQ(received, port.sent);
	CHECK_EQ(xstat("rx_q0_reset_dropped"), 0);
	CHECK_EQ(xstat("tx_q0_reset_dropped"), 0);
	CHECK_EQ(xstat("rx_q0_resets"), DRAIN_ROUNDS);
	CHECK_EQ(xstat("tx_q0_resets"), DRAIN_ROUNDS);
	down();
}

/* A queue that is to start later is set up with the others, and reset before anything comes. */
static void
deferred_start(void)
{
	plug("", NULL);
	CHECK_EQ(setup_rx(SIZE, 0, true), 0);
	start();
	CHECK_EQ(qemu_writes(port.qemu, VIRTIO_PCI_QUEUE_RESET, 1), 1);
	check_in_use(port.rx_pool[0], 0);
	send_to_device(5);
	transmit(10);
	CHECK_EQ(receive(), 0);
	CHECK_EQ(rte_eth_dev_rx_queue_start(port.id, 0), 0);
	CHECK_EQ(receive_all(), 5);
	check_runs();
	down();
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
		check_in_use(port.rx_pool[0], 0);
		check_in_use(port.tx_pool, 0);
		CHECK_EQ(rte_eth_dev_start(port.id), 0);
	}
	check_runs();
	down();
}

/* What the device lets through is what the control queue told it. */
static void
commands_are_carried_out(void)
{
	struct rte_ether_addr mac = { { 0x52, 0x54, 0, 0x12, 0x34, 0x57 } };
	uint64_t before;

	up("", NULL);
	CHECK_EQ(rte_eth_promiscuous_disable(port.id), 0);
	/* packet_write()'s frames are for nobody here. */
	before = port.got;
	send_to_device(10);
	transmit(50);
	qemu_turn(port.qemu);
	while (receive() > 0)
		;
	CHECK_EQ(port.got, before);
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
	down();
}

static void
check_no_stop(void)
{
	CHECK_EQ(rte_eth_dev_rx_queue_stop(port.id, 0), -ENOTSUP);
	CHECK_EQ(rte_eth_dev_tx_queue_stop(port.id, 0), -ENOTSUP);
	check_runs();
	CHECK_EQ(qemu_writes(port.qemu, VIRTIO_PCI_QUEUE_RESET, -1), 0);
	CHECK_EQ(qemu_writes(port.qemu, VIRTIO_PCI_QUEUE_ENABLE, 0), 0);
	down();
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
	down();
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
	down();
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
	down();
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
	down();
}

/* ---- several queues, on tap --------------------------------------------------------------- */

/*
 * Frames of many flows; the host's kernel spreads them over the tap device's queues, and with RSS
 * the device spreads them over again. What arrives is counted by flow, each frame once: those of a
 * flow come in order, so that a last one of each, which arrives in any case, tells that all that
 * could come has come. No time is waited for.
 */
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
	char all[128];
	uint16_t q;

	memset(&port, 0, sizeof(port));
	forget_flows();
	snprintf(all, sizeof(all), "%s%s", test_packed() ? ",packed=on" : "", properties);
	port.qemu = qemu_start_queues(all, QUEUES);
	port.rx_pool[0] = rte_pktmbuf_pool_create("rx0", FLOW_BUFFERS, 0, 0,
						  RTE_MBUF_DEFAULT_BUF_SIZE, port.qemu->node);
	CHECK(port.rx_pool[0] != NULL);
	port.rx_pool[1] = make_pool("rx1");
	port.tx_pool = make_pool("tx");
	CHECK_EQ(rte_vdev_init("qemu_virtio_pci0", NULL), 0);
	CHECK_EQ(rte_eth_dev_get_port_by_name("qemu_virtio_pci0", &port.id), 0);
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
		CHECK_EQ(rte_eth_tx_queue_setup(port.id, q, SIZE, port.qemu->node, NULL), 0);
	}
	CHECK_EQ(rte_eth_dev_start(port.id), 0);
	/* Each flow once: where it goes. */
	send_flows(1);
	receive_so_many(FLOWS);
	for (q = 0; q < QUEUES; q++)
		CHECK(flows_of(q) > 0);
}

static void
queues_share_the_flows(void)
{
	up_with_queues("", false);
	send_flows(3);
	receive_so_many(4 * FLOWS);
	/* The kernel keeps a flow where it is. */
	CHECK_EQ(flows[0].moved, 0);
	down();
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
	down();
}

/* N2: with no receive queue left packets would be dropped; this device's netdev holds them. */
static void
all_queues_are_reset(void)
{
	unsigned int q;

	up_with_queues("", false);
	for (q = 0; q < QUEUES; q++)
		CHECK_EQ(rte_eth_dev_rx_queue_stop(port.id, q), 0);
	check_in_use(port.rx_pool[0], 0);
	send_flows(3);
	qemu_turn(port.qemu);
	CHECK_EQ(receive_flows(), 0);
	for (q = 0; q < QUEUES; q++)
		CHECK_EQ(rte_eth_dev_rx_queue_start(port.id, q), 0);
	receive_so_many(4 * FLOWS);
	down();
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
	down();
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
	down();
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
	down();
}

/* The last in the list: those that need a tap device. */
#define NB_TAP_CASES 6

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
	return qemu_test_main(argc, argv, cases,
			      RTE_DIM(cases) - (qemu_can_tap() ? 0 : NB_TAP_CASES));
}
