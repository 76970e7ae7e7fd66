/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * Memory runs out at each allocation of a port's life: probe, configuration, set-up, start, another
 * size of a queue, stop and removal, on each kind of device. The linker replaces functions that
 * allocate by those below (--wrap). The call returns an error, and after the removal the heap, the
 * pools and the descriptors are as before.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_bus_vdev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_memzone.h>

#include "../vhost_kernel/fake_vhost_kernel.h"
#include "../vhost_vdpa/fake_vhost_vdpa.h"
#include "fake_pci_port.h"
#include "fake_vhost_user.h"
#include "test.h"

#define SIZE 64
#define BUFFERS 1000

/* ---- allocations -------------------------------------------------------------------------- */

static unsigned int fail_call; /* counted from 1 */
static unsigned int calls;
/* Of this thread alone: a back-end or a worker that is a thread has memory. */
static __thread bool counts;
/* The C library's as well: not where a device of the test allocates within a call of the driver. */
static bool counts_heap;

static bool
fails(void)
{
	return counts && ++calls == fail_call;
}

/* Functions that return a pointer, some with a reason in rte_errno. */
#define WRAP_IF(cond, name, params, ...) \
	void *__real_##name params; \
	void *__wrap_##name params; \
	void * \
	__wrap_##name params \
	{ \
		if (!(cond) || !fails()) \
			return __real_##name(__VA_ARGS__); \
		rte_errno = ENOMEM; \
		return NULL; \
	}

#define WRAP(name, params, ...) WRAP_IF(true, name, params, __VA_ARGS__)

WRAP_IF(counts_heap, calloc, (size_t n, size_t size), n, size)
WRAP_IF(counts_heap, realloc, (void *p, size_t size), p, size)
WRAP(rte_zmalloc, (const char *type, size_t size, unsigned int align), type, size, align)
WRAP(rte_zmalloc_socket, (const char *type, size_t size, unsigned int align, int socket),
     type, size, align, socket)
WRAP(rte_malloc, (const char *type, size_t size, unsigned int align), type, size, align)
WRAP(rte_malloc_socket, (const char *type, size_t size, unsigned int align, int socket),
     type, size, align, socket)
WRAP(rte_calloc, (const char *type, size_t n, size_t size, unsigned int align),
     type, n, size, align)
WRAP(rte_memzone_reserve, (const char *name, size_t len, int socket, unsigned int flags),
     name, len, socket, flags)
WRAP(rte_memzone_reserve_aligned, (const char *name, size_t len, int socket, unsigned int flags,
				   unsigned int align), name, len, socket, flags, align)
WRAP(rte_eth_dev_allocate, (const char *name), name)
WRAP(rte_intr_instance_alloc, (uint32_t flags), flags)

struct rte_mempool *__real_rte_pktmbuf_pool_create(const char *name, unsigned int n,
						   unsigned int cache_size, uint16_t priv_size,
						   uint16_t data_room, int socket);
struct rte_mempool *__wrap_rte_pktmbuf_pool_create(const char *name, unsigned int n,
						   unsigned int cache_size, uint16_t priv_size,
						   uint16_t data_room, int socket);

struct rte_mempool *
__wrap_rte_pktmbuf_pool_create(const char *name, unsigned int n, unsigned int cache_size,
			       uint16_t priv_size, uint16_t data_room, int socket)
{
	/* That of the fake device is the test's. */
	if (strncmp(name, "fake_", 5) != 0 && fails()) {
		rte_errno = ENOMEM;
		return NULL;
	}
	return __real_rte_pktmbuf_pool_create(name, n, cache_size, priv_size, data_room, socket);
}

int __real_rte_intr_vec_list_alloc(struct rte_intr_handle *handle, const char *name, int size);
int __wrap_rte_intr_vec_list_alloc(struct rte_intr_handle *handle, const char *name, int size);

int
__wrap_rte_intr_vec_list_alloc(struct rte_intr_handle *handle, const char *name, int size)
{
	return fails() ? -ENOMEM : __real_rte_intr_vec_list_alloc(handle, name, size);
}

/* ---- a port's life ------------------------------------------------------------------------ */

/* How a kind of device is made, and the port of it. */
struct kind {
	uint16_t pairs;
	const char *name;
	int (*probe)(const char *name);
	int (*remove)(const char *name, bool probed);
	bool rss;
	bool interrupts; /* of receive queues */
	bool resizes;    /* a stopped queue may get another size */
	bool allocates;  /* the device does, within calls of the driver */
};

static struct rte_mempool *pool;

static int
setup(uint16_t port, const struct kind *kind)
{
	const struct rte_eth_conf conf = {
		.rxmode.mq_mode = kind->rss ? RTE_ETH_MQ_RX_RSS : RTE_ETH_MQ_RX_NONE,
		.intr_conf.rxq = kind->interrupts,
	};
	uint16_t q;
	int ret;

	ret = rte_eth_dev_configure(port, kind->pairs, kind->pairs, &conf);
	for (q = 0; ret == 0 && q < kind->pairs; q++) {
		ret = rte_eth_rx_queue_setup(port, q, SIZE, SOCKET_ID_ANY, NULL, pool);
		if (ret == 0)
			ret = rte_eth_tx_queue_setup(port, q, SIZE, SOCKET_ID_ANY, NULL);
	}
	return ret;
}

/* A queue of the running port gets another size. */
static int
resize(uint16_t port)
{
	int ret;

	ret = rte_eth_dev_rx_queue_stop(port, 0);
	if (ret == 0)
		ret = rte_eth_rx_queue_setup(port, 0, 2 * SIZE, SOCKET_ID_ANY, NULL, pool);
	if (ret == 0)
		ret = rte_eth_dev_rx_queue_start(port, 0);
	return ret;
}

static int
live(const struct kind *kind)
{
	uint16_t port;
	int ret;

	ret = kind->probe(kind->name);
	if (ret != 0)
		return ret;
	CHECK_EQ(rte_eth_dev_get_port_by_name(kind->name, &port), 0);
	ret = setup(port, kind);
	if (ret == 0)
		ret = rte_eth_dev_start(port);
	if (ret == 0 && kind->resizes)
		ret = resize(port);
	if (ret == 0)
		ret = rte_eth_dev_stop(port);
	return ret;
}

/* EAL's interrupt thread opens and closes descriptors as it goes round. */
static void
check_as_before(uint64_t heap, unsigned int fds)
{
	unsigned int tries = 0;

	CHECK_EQ(rte_mempool_in_use_count(pool), 0);
	while (test_heap_in_use() != heap || test_open_fds() != fds) {
		if (tries++ == 1000)
			test_fail(__FILE__, __LINE__, "call %u: %lu more in the heap, %d more fds",
				  fail_call, (unsigned long)(test_heap_in_use() - heap),
				  (int)(test_open_fds() - fds));
		usleep(1000);
	}
}

static void
run(const struct kind *kind)
{
	unsigned int fds;
	uint64_t heap;
	int ret;

	pool = rte_pktmbuf_pool_create("buffers", BUFFERS, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
				       SOCKET_ID_ANY);
	CHECK(pool != NULL);
	counts_heap = !kind->allocates;
	/* Once without a failure: what a process takes once and never gives back. */
	fail_call = 0;
	CHECK_EQ(live(kind), 0);
	CHECK_EQ(kind->remove(kind->name, true), 0);
	heap = test_heap_in_use();
	fds = test_open_fds();
	do {
		calls = 0;
		fail_call++;
		counts = true;
		ret = live(kind);
		counts = false;
		/* There is nothing that a port can do without. */
		CHECK(calls < fail_call ? ret == 0 : ret < 0);
		CHECK_EQ(kind->remove(kind->name, rte_eth_dev_count_avail() > 0), 0);
		check_as_before(heap, fds);
	} while (calls >= fail_call);
	CHECK(calls > 30);
	rte_mempool_free(pool);
}

/* ---- kinds of devices --------------------------------------------------------------------- */

static int
remove_vdev(const char *name, bool probed)
{
	return probed ? rte_vdev_uninit(name) : 0;
}

static struct fake_vhost_kernel net;

static int
probe_net(const char *name)
{
	fake_vk_begin(&net);
	return rte_vdev_init(name, "path=/dev/vhost-net,iface=tap3,queues=3,steering=ebpf");
}

static int
remove_net(const char *name, bool probed)
{
	const int ret = remove_vdev(name, probed);

	fake_vk_end();
	return ret;
}

static void
vhost_net(void)
{
	const struct kind kind = {
		.pairs = 3, .name = "net_virtio_user1", .probe = probe_net, .remove = remove_net,
		.rss = true, .interrupts = true, .resizes = true,
	};

	run(&kind);
}

static struct fake_vhost_vdpa vdpa;

static int
probe_vdpa(const char *name)
{
	fake_vdpa_begin(&vdpa);
	vdpa.nb_rings = 2;
	return rte_vdev_init(name, "path=" FAKE_VDPA_PATH);
}

static int
remove_vdpa(const char *name, bool probed)
{
	const int ret = remove_vdev(name, probed);

	fake_vdpa_end();
	return ret;
}

static void
vhost_vdpa(void)
{
	const struct kind kind = {
		.pairs = 1, .name = "net_virtio_user2", .probe = probe_vdpa, .remove = remove_vdpa,
		.interrupts = true,
	};

	run(&kind);
}

static struct fake_vu *vu;

static int
probe_vhost_user(const char *name)
{
	const bool counted = counts;
	char args[256];

	counts = false;
	vu = fake_vu_create(test_path("backend"));
	vu->queue_num = 2;
	fake_vu_launch(vu);
	counts = counted;
	snprintf(args, sizeof(args), "path=%s,queues=2,queue_reset_timeout_ms=60000", vu->path);
	return rte_vdev_init(name, args);
}

/* Its thread has closed its descriptors of the connection when it is destroyed, not before. */
static int
remove_vhost_user(const char *name, bool probed)
{
	const int ret = remove_vdev(name, probed);

	fake_vu_destroy(vu);
	return ret;
}

static void
vhost_user(void)
{
	const struct kind kind = {
		.pairs = 2, .name = "net_virtio_user3", .probe = probe_vhost_user,
		.remove = remove_vhost_user, .interrupts = true, .resizes = true,
	};

	run(&kind);
}

/* The device with its pool is made before the port, and goes after it. */
static struct fake_pci_port *fp;
static char pci_name[sizeof(fp->name)];
static bool counts_next;

static void
count_again(struct fake_pci *fake __rte_unused)
{
	counts = counts_next;
}

static int
probe_pci(const char *name __rte_unused)
{
	const struct fake_pci_port_conf conf = {
		.features = FAKE_F_CONTROL | FAKE_F_RSS, .lie = count_again,
	};
	int ret;

	counts_next = counts;
	counts = false;
	ret = fake_pci_port_probe(&conf, &fp);
	snprintf(pci_name, sizeof(pci_name), "%s", fp->name);
	return ret;
}

static int
remove_pci(const char *name __rte_unused, bool probed __rte_unused)
{
	fake_pci_port_destroy(fp);
	return 0;
}

static void
virtio_pci(void)
{
	const struct kind kind = {
		.pairs = FAKE_PCI_PAIRS, .name = pci_name, .probe = probe_pci,
		.remove = remove_pci, .rss = true, .resizes = true, .allocates = true,
	};

	run(&kind);
}

TEST_MAIN(
	TEST(vhost_net),
	TEST(vhost_vdpa),
	TEST(vhost_user),
	TEST_LAYOUTS(virtio_pci),
)
