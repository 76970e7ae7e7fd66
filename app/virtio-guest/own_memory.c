/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * A queue's buffers in memory that the application brings and maps for the device itself: frames
 * land there, and after a stop of the queue the memory can be taken away.
 */

#include <stdio.h>
#include <sys/mman.h>

#include <rte_dev.h>
#include <rte_errno.h>

#include "guest.h"

#define PAGE    4096
#define PAGES   512
#define LEN     ((size_t)PAGES * PAGE)
#define ELEMENT 2048
#define BUFFERS (LEN / ELEMENT)
#define FRAMES  600 /* the ring turns over more than once */
/*
 * As the device is to know it: where EAL has no memory, which goes by virtual addresses in a guest
 * with an IOMMU, and within what any IOMMU can translate, which an address of mmap() is not.
 */
#define IOVA    UINT64_C(0x40000000)

struct own {
	struct rte_device *device;
	struct rte_pktmbuf_extmem mem;
	struct rte_mempool *pool;
};

static bool
take(struct own *own)
{
	struct rte_eth_dev_info info;
	rte_iova_t iovas[PAGES];
	void *at = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned int i;

	if (at == MAP_FAILED || rte_eth_dev_info_get(RECEIVER, &info) != 0)
		return false;
	for (i = 0; i < PAGES; i++)
		iovas[i] = IOVA + i * PAGE;
	own->device = info.device;
	own->mem = (struct rte_pktmbuf_extmem){
		.buf_ptr = at, .buf_iova = IOVA, .buf_len = LEN, .elt_size = ELEMENT,
	};
	return rte_extmem_register(at, LEN, iovas, PAGES, PAGE) == 0;
}

static struct rte_mempool *
make(struct own *own, const char *name)
{
	return rte_pktmbuf_pool_create_extbuf(name, BUFFERS, 0, 0, ELEMENT, SOCKET_ID_ANY,
					      &own->mem, 1);
}

static bool
restart_with(struct guest *guest, struct rte_mempool *pool)
{
	return rte_eth_dev_rx_queue_stop(RECEIVER, 0) == 0 &&
	       rte_eth_rx_queue_setup(RECEIVER, 0, guest->sizes[0], SOCKET_ID_ANY, NULL,
				      pool) == 0 &&
	       rte_eth_dev_rx_queue_start(RECEIVER, 0) == 0;
}

struct look {
	const struct own *own; /* whose memory a frame is to lie in; NULL: any */
	uint32_t number;
	bool got;
	bool elsewhere;
};

static bool
look(void *arg)
{
	struct look *what = arg;
	struct rte_mbuf *m[8];
	const uint16_t n = rte_eth_rx_burst(RECEIVER, 0, m, RTE_DIM(m));
	uint32_t number;
	uint16_t flow;
	uint16_t i;

	for (i = 0; i < n; i++) {
		const uintptr_t at = rte_pktmbuf_mtod(m[i], uintptr_t);

		what->elsewhere |= what->own != NULL &&
			at - (uintptr_t)what->own->mem.buf_ptr >= LEN;
		what->got |= traffic_read(m[i], &number, &flow) && number == what->number;
	}
	rte_pktmbuf_free_bulk(m, n);
	return what->got;
}

/* One after the other, each of them received. */
static bool
frames_arrive(struct guest *guest, const struct own *own)
{
	static uint32_t number;
	struct rte_ether_addr to;
	unsigned int i;

	rte_eth_macaddr_get(RECEIVER, &to);
	for (i = 0; i < FRAMES; i++) {
		struct look what = { .own = own, .number = ++number };
		struct rte_mbuf *m = traffic_frame(guest->tx[0].pool, &to, 0, 0, what.number);

		if (rte_eth_tx_burst(SENDER, 0, &m, 1) != 1 || !wait_until(look, &what) ||
		    what.elsewhere)
			return false;
	}
	return true;
}

bool
own_memory_run(struct guest *guest)
{
	struct own own = { 0 };
	struct rte_mempool *unmapped;
	bool good;

	if (!result(take(&own), "EAL accepts the external memory"))
		return false;
	own.mem.buf_iova = RTE_BAD_IOVA;
	unmapped = make(&own, "unmapped");
	own.mem.buf_iova = IOVA;
	own.pool = make(&own, "own");
	if (!result(unmapped != NULL && own.pool != NULL, "pools lie in it"))
		return false;

	good = result(rte_eth_dev_rx_queue_stop(RECEIVER, 0) == 0 &&
		      rte_eth_rx_queue_setup(RECEIVER, 0, guest->sizes[0], SOCKET_ID_ANY, NULL,
					     unmapped) == -EFAULT &&
		      rte_eth_dev_rx_queue_start(RECEIVER, 0) == 0,
		      "a pool without addresses for the device is refused");
	good = good && result(rte_dev_dma_map(own.device, own.mem.buf_ptr, IOVA, LEN) == 0,
			      "it is mapped for the device");
	good = good && result(restart_with(guest, own.pool) && frames_arrive(guest, &own),
			      "%u frames land in it", FRAMES);
	good = good && result(restart_with(guest, guest->rx[0].pool[0]) &&
			      rte_mempool_in_use_count(own.pool) == 0,
			      "after the queue's stop every buffer is back");
	good = good && result(rte_dev_dma_unmap(own.device, own.mem.buf_ptr, IOVA, LEN) == 0,
			      "it is unmapped");
	rte_mempool_free(own.pool);
	rte_mempool_free(unmapped);
	good = good && result(rte_extmem_unregister(own.mem.buf_ptr, LEN) == 0 &&
			      munmap(own.mem.buf_ptr, LEN) == 0, "and taken away");
	return good && result(frames_arrive(guest, NULL), "frames arrive as before");
}
