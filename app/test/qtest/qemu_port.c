/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The whole driver on a real device's registers and memory: an ethdev port of QEMU's
 * virtio-net-pci, without a guest and without a PCI bus.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bus_vdev_driver.h>
#include <ethdev_vdev.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "packet.h"
#include "qemu.h"
#include "virtio_pci_port.h"

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
	.hang_up = nothing,
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

static const struct test_case cases[] = {
	TEST_WARM_UP(warm_up),
	TEST_LAYOUTS(port_as_the_device_says),
	TEST_LAYOUTS(queues_change_while_frames_come),
	TEST_LAYOUTS(deferred_start),
	TEST_LAYOUTS(port_stops_and_starts),
	TEST_LAYOUTS(commands_are_carried_out),
	TEST_LAYOUTS(without_queue_reset),
	TEST_LAYOUTS(switched_off_by_the_user),
	TEST(legacy_device_takes_its_address),
	TEST(link_speed_and_ring_sizes),
};

int
main(int argc, char **argv)
{
	return qemu_test_main(argc, argv, cases, RTE_DIM(cases));
}
