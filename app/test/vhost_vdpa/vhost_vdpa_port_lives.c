/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * A port on a vhost-vDPA device, through ethdev: arguments that the device cannot follow, stops of
 * queues, and a stop after which the device does not resume: nothing is freed, the queue stays
 * STARTED, and the application is asked to reset the port.
 */

#include <rte_bus_vdev.h>
#include <rte_cycles.h>
#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>
#include <rte_mempool.h>

#include "fake_vhost_vdpa.h"
#include "test.h"
#include "virtio.h"

#define NAME "net_virtio_user7"
#define PATH "path=" FAKE_VDPA_PATH
#define BUFFERS 300
#define SIZE 64

#define PATIENCE_MS 60000

static struct fake_vhost_vdpa vdpa;
static struct rte_mempool *pool;
static uint16_t port;
static unsigned int resets, link_changes;

/* On the port's worker. */
static int
note(uint16_t id __rte_unused, enum rte_eth_event_type event, void *arg __rte_unused,
     void *ret __rte_unused)
{
	__atomic_fetch_add(event == RTE_ETH_EVENT_INTR_RESET ? &resets : &link_changes, 1,
			   __ATOMIC_RELEASE);
	return 0;
}

static void
wait_for(const unsigned int *count, unsigned int n)
{
	unsigned int ms;

	for (ms = 0; __atomic_load_n(count, __ATOMIC_ACQUIRE) < n; ms++) {
		CHECK(ms < PATIENCE_MS);
		rte_delay_us_sleep(1000);
	}
}

/* A device of one pair, and of rings that are not packed. */
static void
begin(void)
{
	fake_vdpa_begin(&vdpa);
	vdpa.nb_rings = 2;
}

static int
probe(const char *args)
{
	int ret;

	test_forget_log();
	ret = rte_vdev_init(NAME, args);
	if (ret == 0)
		CHECK_EQ(rte_eth_dev_get_port_by_name(NAME, &port), 0);
	return ret;
}

static void
setup(void)
{
	CHECK_EQ(rte_eth_rx_queue_setup(port, 0, SIZE, SOCKET_ID_ANY, NULL, pool), 0);
	CHECK_EQ(rte_eth_tx_queue_setup(port, 0, SIZE, SOCKET_ID_ANY, NULL), 0);
}

static void
up_without(uint64_t backend_features)
{
	const struct rte_eth_conf conf = { .intr_conf.lsc = 1 };

	resets = link_changes = 0;
	begin();
	vdpa.backend_features &= ~backend_features;
	CHECK_EQ(probe(PATH), 0);
	pool = rte_pktmbuf_pool_create("buffers", BUFFERS, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
				       SOCKET_ID_ANY);
	CHECK(pool != NULL);
	CHECK_EQ(rte_eth_dev_configure(port, 1, 1, &conf), 0);
	setup();
	CHECK_EQ(rte_eth_dev_callback_register(port, RTE_ETH_EVENT_INTR_RESET, note, NULL), 0);
	CHECK_EQ(rte_eth_dev_callback_register(port, RTE_ETH_EVENT_INTR_LSC, note, NULL), 0);
	CHECK_EQ(rte_eth_dev_start(port), 0);
	CHECK_EQ(rte_mempool_in_use_count(pool), SIZE);
}

static void
up(void)
{
	up_without(0);
}

static void
down(void)
{
	CHECK_EQ(rte_vdev_uninit(NAME), 0);
	CHECK_EQ(rte_mempool_in_use_count(pool), 0);
	rte_mempool_free(pool);
	fake_vdpa_end();
}

static uint8_t
rx_state(void)
{
	struct rte_eth_rxq_info info;

	CHECK_EQ(rte_eth_rx_queue_info_get(port, 0, &info), 0);
	return info.queue_state;
}

static const struct {
	const char *args, *message;
} refusals[] = {
	{ PATH ",queues=2", "the device has 1 pairs of queues. Give queues=1" },
	{ PATH ",server=1", "server=1: a back-end in the kernel does not connect" },
	{ PATH ",iface=tap0", "has a meaning for the kernel's vhost-net only" },
	{ PATH ",queue_reset=disable", "want auto or off" },
};

static void
arguments_are_checked(void)
{
	struct rte_ether_addr mac;
	unsigned int i;

	begin();
	for (i = 0; i < RTE_DIM(refusals); i++) {
		CHECK(probe(refusals[i].args) != 0);
		CHECK_EQ(test_logged(refusals[i].message), 1);
	}
	/* The device has no command to change it. */
	CHECK_EQ(probe(PATH ",mac=02:00:00:00:00:01"), 0);
	CHECK_EQ(test_logged("mac= has no effect"), 1);
	CHECK_EQ(rte_eth_macaddr_get(port, &mac), 0);
	CHECK_EQ(mac.addr_bytes[5], 0x07);
	CHECK_EQ(rte_vdev_uninit(NAME), 0);
	fake_vdpa_end();
}

/* A stop without SUSPEND and RESUME is refused, and the queue runs on. */
static void
queue_does_not_stop_without_a_method(void)
{
	up_without(0x20);
	CHECK_EQ(test_logged("the device has SUSPEND and no RESUME"), 1);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(port, 0), -ENOTSUP);
	CHECK_EQ(rx_state(), RTE_ETH_QUEUE_STATE_STARTED);
	CHECK_EQ(rte_mempool_in_use_count(pool), SIZE);
	down();
}

static void
queue_stops_and_starts(void)
{
	unsigned int round;

	up();
	for (round = 0; round < 3; round++) {
		CHECK_EQ(rte_eth_dev_rx_queue_stop(port, 0), 0);
		CHECK_EQ(rx_state(), RTE_ETH_QUEUE_STATE_STOPPED);
		CHECK_EQ(rte_mempool_in_use_count(pool), 0);
		CHECK_EQ(rte_eth_dev_tx_queue_stop(port, 0), 0);
		CHECK_EQ(rte_eth_dev_rx_queue_start(port, 0), 0);
		CHECK_EQ(rte_eth_dev_tx_queue_start(port, 0), 0);
		CHECK_EQ(rte_mempool_in_use_count(pool), SIZE);
	}
	down();
}

/* Another pool, but not another size: the old queue stays then. */
static void
queue_keeps_its_size(void)
{
	struct rte_eth_rxq_info info;

	up();
	CHECK_EQ(rte_eth_dev_rx_queue_stop(port, 0), 0);
	test_forget_log();
	CHECK_EQ(rte_eth_rx_queue_setup(port, 0, 2 * SIZE, SOCKET_ID_ANY, NULL, pool), -EINVAL);
	CHECK_EQ(test_logged("rx queue 0: the device keeps the size of the ring, 64 descriptors"),
		 1);
	CHECK_EQ(rte_eth_rx_queue_info_get(port, 0, &info), 0);
	CHECK_EQ(info.nb_desc, SIZE);
	CHECK_EQ(rte_eth_rx_queue_setup(port, 0, SIZE, SOCKET_ID_ANY, NULL, pool), 0);
	CHECK_EQ(rte_eth_dev_rx_queue_start(port, 0), 0);
	CHECK_EQ(rte_eth_dev_stop(port), 0);
	CHECK_EQ(rte_eth_rx_queue_setup(port, 0, 2 * SIZE, SOCKET_ID_ANY, NULL, pool), 0);
	CHECK_EQ(rte_eth_dev_start(port), 0);
	CHECK_EQ(rte_mempool_in_use_count(pool), 2 * SIZE);
	down();
}

/* It looks at the device, too, while a transmit queue was not served. */
static void
wait_for_watchdog_to_rest(void)
{
	struct virtio_port *own = virtio_port(&rte_eth_devices[port]);
	uint64_t until_us;
	unsigned int ms = 0;

	do {
		CHECK(ms++ < PATIENCE_MS);
		rte_delay_us_sleep(1000);
		pthread_mutex_lock(&own->lock);
		until_us = own->watchdog_us;
		pthread_mutex_unlock(&own->lock);
	} while (until_us != UINT64_MAX);
}

static void
failed_stop_keeps_all_and_asks_for_a_reset(void)
{
	static const enum fake_vdpa_request steps[] = { FAKE_VDPA_ADDR, FAKE_VDPA_RESUME };
	struct rte_eth_link link;
	unsigned int i;

	for (i = 0; i < RTE_DIM(steps); i++) {
		up();
		CHECK_EQ(rte_eth_dev_tx_queue_stop(port, 0), 0);
		wait_for_watchdog_to_rest();
		vdpa.fail = steps[i];
		CHECK_EQ(rte_eth_dev_rx_queue_stop(port, 0), -EIO);
		CHECK_EQ(rx_state(), RTE_ETH_QUEUE_STATE_STARTED);
		CHECK_EQ(rte_mempool_in_use_count(pool), SIZE);
		wait_for(&resets, 1);
		CHECK_EQ(rte_eth_link_get_nowait(port, &link), 0);
		CHECK_EQ(link.link_status, RTE_ETH_LINK_DOWN);
		vdpa.fail = FAKE_VDPA_NONE;
		CHECK_EQ(rte_eth_dev_stop(port), 0);
		CHECK_EQ(rte_mempool_in_use_count(pool), 0);
		CHECK_EQ(rte_eth_dev_start(port), 0);
		CHECK_EQ(rte_eth_dev_rx_queue_stop(port, 0), 0);
		CHECK_EQ(resets, 1);
		down();
	}
}

static void
link_follows_the_configuration(void)
{
	struct rte_eth_link link;

	up();
	CHECK_EQ(rte_eth_link_get_nowait(port, &link), 0);
	CHECK_EQ(link.link_status, RTE_ETH_LINK_UP);
	fake_vdpa_set_config(&vdpa, 6, 0);
	wait_for(&link_changes, 1);
	CHECK_EQ(rte_eth_link_get_nowait(port, &link), 0);
	CHECK_EQ(link.link_status, RTE_ETH_LINK_DOWN);
	down();
}

/* By rte_dev_dma_map(), at its virtual address whatever the IOVA is. */
static void
registered_memory_is_mapped(void)
{
	static uint8_t own[8192] __attribute__((aligned(4096)));
	struct rte_device *dev;
	struct rte_eth_dev_info info;

	up();
	CHECK_EQ(rte_eth_dev_info_get(port, &info), 0);
	dev = info.device;
	CHECK_EQ(rte_extmem_register(own, sizeof(own), NULL, 0, 4096), 0);
	CHECK(!fake_vdpa_has(&vdpa, (uintptr_t)own, sizeof(own)));
	CHECK_EQ(rte_dev_dma_map(dev, own, 0x1000, sizeof(own)), 0);
	CHECK(fake_vdpa_has(&vdpa, (uintptr_t)own, sizeof(own)));
	CHECK(rte_dev_dma_map(dev, own, 0x1000, sizeof(own)) != 0);
	CHECK_EQ(rte_dev_dma_unmap(dev, own, 0x1000, sizeof(own)), 0);
	CHECK(!fake_vdpa_has(&vdpa, (uintptr_t)own, sizeof(own)));
	CHECK_EQ(rte_extmem_unregister(own, sizeof(own)), 0);
	down();
}

TEST_MAIN(
	TEST_WARM_UP(queue_stops_and_starts),
	TEST(arguments_are_checked),
	TEST(queue_does_not_stop_without_a_method),
	TEST(queue_stops_and_starts),
	TEST(queue_keeps_its_size),
	TEST(failed_stop_keeps_all_and_asks_for_a_reset),
	TEST(link_follows_the_configuration),
	TEST(registered_memory_is_mapped),
)
