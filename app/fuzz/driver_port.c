/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <ftw.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_malloc.h>
#include <rte_memzone.h>
#include <ethdev_driver.h>

#include "driver_port.h"
#include "no_kernel.h"
#include "pci_bus.h"
#include "virtio_announce.h"
#include "virtio_event.h"
#include "virtio_link.h"
#include "virtio_needs_reset.h"
#include "virtio_pci_port.h"
#include "virtio_watchdog.h"
#include "virtio_worker.h"

/* ---- the heap ----------------------------------------------------------------------------- */

void *__real_rte_zmalloc(const char *type, size_t size, unsigned int align);
void *__real_rte_calloc(const char *type, size_t num, size_t size, unsigned int align);
void __real_rte_free(void *p);
void *__wrap_rte_zmalloc(const char *type, size_t size, unsigned int align);
void *__wrap_rte_zmalloc_socket(const char *type, size_t size, unsigned int align, int socket);
void *__wrap_rte_malloc_socket(const char *type, size_t size, unsigned int align, int socket);
void *__wrap_rte_calloc(const char *type, size_t num, size_t size, unsigned int align);
void __wrap_rte_free(void *p);
const struct rte_memzone *__wrap_rte_memzone_reserve_aligned(const char *name, size_t len,
							     int socket, unsigned int flags,
							     unsigned int align);
const struct rte_memzone *__wrap_rte_memzone_reserve(const char *name, size_t len, int socket,
						     unsigned int flags);
int __wrap_rte_memzone_free(const struct rte_memzone *zone);

static unsigned int blocks;

static void *
zeroed(size_t size, size_t align)
{
	void *p;

	/* Of exactly this size: the address sanitizer notices each byte too far. */
	CHECK_EQ(posix_memalign(&p, RTE_MAX(align, (size_t)RTE_CACHE_LINE_SIZE), size), 0);
	memset(p, 0, size);
	blocks++;
	return p;
}

void *
__wrap_rte_zmalloc(const char *type __rte_unused, size_t size, unsigned int align)
{
	return zeroed(size, align);
}

void *
__wrap_rte_zmalloc_socket(const char *type __rte_unused, size_t size, unsigned int align,
			  int socket __rte_unused)
{
	return zeroed(size, align);
}

void *
__wrap_rte_malloc_socket(const char *type __rte_unused, size_t size, unsigned int align,
			 int socket __rte_unused)
{
	return zeroed(size, align);
}

void *
__wrap_rte_calloc(const char *type, size_t num, size_t size, unsigned int align)
{
	/* These are ethdev's to free. */
	if (strcmp(type, "virtio_macs") == 0)
		return __real_rte_calloc(type, num, size, align);
	return zeroed(num * size, align);
}

void
__wrap_rte_free(void *p)
{
	blocks -= p != NULL;
	free(p);
}

const struct rte_memzone *
__wrap_rte_memzone_reserve_aligned(const char *name __rte_unused, size_t len,
				   int socket __rte_unused, unsigned int flags __rte_unused,
				   unsigned int align)
{
	struct rte_memzone *zone = calloc(1, sizeof(*zone));

	CHECK(zone != NULL);
	zone->addr = zeroed(len, align);
	zone->iova = (uintptr_t)zone->addr;
	zone->len = len;
	return zone;
}

const struct rte_memzone *
__wrap_rte_memzone_reserve(const char *name, size_t len, int socket, unsigned int flags)
{
	return __wrap_rte_memzone_reserve_aligned(name, len, socket, flags, 0);
}

int
__wrap_rte_memzone_free(const struct rte_memzone *zone)
{
	__wrap_rte_free(zone->addr);
	free((void *)(uintptr_t)zone);
	return 0;
}

/*
 * The port itself is in EAL's memory, where the leak sanitizer does not look for pointers. Its
 * functions are there in a build with it alone.
 */
void __lsan_register_root_region(const void *p, size_t size) __attribute__((weak));
void __lsan_unregister_root_region(const void *p, size_t size) __attribute__((weak));

/* ---- the worker --------------------------------------------------------------------------- */

int __wrap_virtio_worker_start(struct virtio_port *port);
void __wrap_virtio_worker_stop(struct virtio_port *port);
void __wrap_virtio_worker_free(struct virtio_port *port);
bool __wrap_virtio_worker_calls_back(const struct virtio_port *port);

int
__wrap_virtio_worker_start(struct virtio_port *port)
{
	port->worker = calloc(1, sizeof(*port->worker));
	CHECK(port->worker != NULL);
	port->worker->port = port;
	/* Nobody sleeps: there is nothing to raise. */
	port->worker->event_fd = -1;
	port->watchdog_us = UINT64_MAX;
	return 0;
}

void
__wrap_virtio_worker_stop(struct virtio_port *port __rte_unused)
{
}

void
__wrap_virtio_worker_free(struct virtio_port *port)
{
	free(port->worker);
	port->worker = NULL;
}

bool
__wrap_virtio_worker_calls_back(const struct virtio_port *port __rte_unused)
{
	return false;
}

void
driver_port_work(struct driver_port *p)
{
	struct virtio_port *port = p->port;
	uint32_t work;

	pthread_mutex_lock(&port->lock);
	work = rte_atomic_exchange_explicit(&port->worker->work, 0, rte_memory_order_acq_rel);
	virtio_watchdog_serve(port);
	virtio_recovery_serve(port, (work & VIRTIO_WORK_QUEUE_ERROR) != 0);
	if (work & VIRTIO_WORK_LINK)
		virtio_guest_announce(port);
	virtio_link_serve(port, (work & VIRTIO_WORK_LINK) != 0);
	virtio_needs_reset_take(port);
	virtio_reclaim_serve(port, (work & VIRTIO_WORK_RECLAIM) != 0);
	pthread_mutex_unlock(&port->lock);
}

/* ---- the port ----------------------------------------------------------------------------- */

static struct rte_mempool *pool;
static struct rte_driver driver = { .name = "fuzz" };
static struct rte_device device = { .driver = &driver };

/* Threads of EAL may run where this process may, and on no other processor. */
static void
allowed_cores(char *text, size_t size)
{
	cpu_set_t set;
	size_t n;
	int core;

	CHECK_EQ(sched_getaffinity(0, sizeof(set), &set), 0);
	n = snprintf(text, size, "0@(");
	for (core = 0; core < RTE_MAX_LCORE; core++) {
		if (CPU_ISSET(core, &set))
			n += snprintf(text + n, size - n, "%d,", core);
	}
	text[n - 1] = ')';
}

static int
remove_one(const char *path, const struct stat *st __rte_unused, int type __rte_unused,
	   struct FTW *ftw __rte_unused)
{
	return remove(path);
}

void
driver_port_start_eal(void)
{
	char prefix[64], cores[4 * RTE_MAX_LCORE + 8], folder[] = "/tmp/virtio_fuzz_XXXXXX";
	char *args[] = {
		(char *)(uintptr_t)"fuzz", (char *)(uintptr_t)"--no-huge",
		(char *)(uintptr_t)"-m", (char *)(uintptr_t)"64", (char *)(uintptr_t)"--no-pci",
		(char *)(uintptr_t)"--no-telemetry", (char *)(uintptr_t)"--no-shconf",
		(char *)(uintptr_t)"--iova-mode=va", (char *)(uintptr_t)"--lcores",
		cores, (char *)(uintptr_t)"--file-prefix", prefix,
		(char *)(uintptr_t)"--log-level", (char *)(uintptr_t)"*:emergency", NULL
	};

	CHECK(mkdtemp(folder) != NULL);
	setenv("RUNTIME_DIRECTORY", folder, 1);
	snprintf(prefix, sizeof(prefix), "virtio_fuzz_%d", getpid());
	allowed_cores(cores, sizeof(cores));
	CHECK(rte_eal_init(RTE_DIM(args) - 1, args) >= 0);
	pool = rte_pktmbuf_pool_create("fuzz", DRIVER_PORT_BUFFERS, 0, 0,
				       RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	CHECK(pool != NULL);
	/*
	 * EAL makes dpdk/<prefix> below the folder, and without shared configuration, telemetry and
	 * hugepages no file in it after this. A target that ends by a fault does not run atexit().
	 */
	CHECK_EQ(nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

struct rte_mempool *
driver_port_pool(void)
{
	return pool;
}

int
driver_port_create(struct driver_port *p, struct pci_registers *regs, const char *args)
{
	const char *name = "fuzz";
	int ret;

	device.name = name;
	p->edev = rte_eth_dev_allocate(name);
	CHECK(p->edev != NULL);
	p->port = __real_rte_zmalloc("port", sizeof(*p->port), RTE_CACHE_LINE_SIZE);
	CHECK(p->port != NULL);
	p->edev->data->dev_private = p->port;
	p->edev->device = &device;
	p->edev->data->numa_node = 0;
	p->port->edev = p->edev;
	p->port->bus = &pci_bus;
	CHECK_EQ(virtio_pci_parse(name, args, &p->port->args), 0);
	regs->conf.stop = p->port->args.pci_queue_reset;
	regs->conf.ring_features = VIRTIO_PCI_RING_FEATURES;
	regs->conf.ring_needs = VIRTIO_PCI_RING_NEEDS;
	ret = virtio_pci_port_create(p->port, name, &regs->conf, false);
	if (ret != 0) {
		rte_eth_dev_release_port(p->edev);
		CHECK_EQ(blocks, 0);
		return ret;
	}
	rte_eth_dev_probing_finish(p->edev);
	p->id = p->edev->data->port_id;
	if (__lsan_register_root_region != NULL)
		__lsan_register_root_region(p->port, sizeof(*p->port));
	return 0;
}

void
driver_port_destroy(struct driver_port *p, struct pci_registers *regs)
{
	regs->false_left = 0;
	regs->needs_reset = false;
	if (__lsan_unregister_root_region != NULL)
		__lsan_unregister_root_region(p->port, sizeof(*p->port));
	rte_eth_dev_stop(p->id);
	CHECK_EQ(rte_eth_dev_close(p->id), 0);
	CHECK_EQ(rte_mempool_in_use_count(pool), 0);
	CHECK_EQ(blocks, 0);
}
