/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_memory.h>

#include <rte_pmd_virtio.h>

#include "ext_memory.h"

static int
failed(const char *what, int ret)
{
	if (ret != 0)
		fprintf(stderr, "memory of our own: %s: %s\n", what, strerror(-ret));
	return ret;
}

/* Of a buffer: each begins a cache line. */
static size_t
element(uint16_t room)
{
	return RTE_ALIGN_CEIL((size_t)room, RTE_CACHE_LINE_SIZE);
}

static size_t
page_size(void)
{
	return sysconf(_SC_PAGESIZE);
}

size_t
ext_memory_of_pool(uint32_t size, uint16_t room)
{
	return RTE_ALIGN_CEIL(size * element(room), page_size());
}

int
ext_memory_open(struct ext_memory *memory, size_t len)
{
	int ret = 0;

	*memory = (struct ext_memory) { .len = len };
	memory->fd = memfd_create("virtio-loopback", MFD_CLOEXEC);
	if (memory->fd < 0)
		return failed("memfd_create", -errno);
	memory->addr = MAP_FAILED;
	if (ftruncate(memory->fd, len) == 0)
		memory->addr = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, memory->fd, 0);
	if (memory->addr == MAP_FAILED) {
		ret = failed("mmap", -errno);
		close(memory->fd);
		return ret;
	}
	if (rte_extmem_register(memory->addr, len, NULL, 0, page_size()) != 0)
		ret = failed("rte_extmem_register", -rte_errno);
	memory->registered = ret == 0;
	if (ret != 0)
		ext_memory_close(memory);
	return ret;
}

int
ext_memory_attach(struct ext_memory *memory, uint16_t port)
{
	int ret = rte_pmd_virtio_extmem_attach(port, memory->addr, memory->len, memory->fd, 0);

	memory->attached = ret == 0;
	return failed("rte_pmd_virtio_extmem_attach", ret);
}

int
ext_memory_detach(struct ext_memory *memory, uint16_t port)
{
	if (!memory->attached)
		return 0;
	memory->attached = false;
	return failed("rte_pmd_virtio_extmem_detach",
		rte_pmd_virtio_extmem_detach(port, memory->addr, memory->len));
}

struct rte_mempool *
ext_memory_pool(struct ext_memory *memory, const char *kind, uint16_t number, uint32_t size,
		uint32_t cache, uint16_t room)
{
	const struct rte_pktmbuf_extmem piece = {
		.buf_ptr = memory->addr + memory->used,
		.buf_iova = (uintptr_t)memory->addr + memory->used,
		.buf_len = ext_memory_of_pool(size, room),
		.elt_size = element(room),
	};
	char name[RTE_MEMPOOL_NAMESIZE];
	struct rte_mempool *pool = NULL;

	snprintf(name, sizeof(name), "%s_%u", kind, number);
	if (memory->used + piece.buf_len <= memory->len)
		pool = rte_pktmbuf_pool_create_extbuf(name, size, cache, 0, room, rte_socket_id(),
			&piece, 1);
	if (pool == NULL)
		fprintf(stderr, "no memory for the pool %s of %u buffers\n", name, size);
	memory->used += piece.buf_len;
	return pool;
}

bool
ext_memory_has(const struct ext_memory *memory, const struct rte_mbuf *mbuf)
{
	size_t offset;

	for (; mbuf != NULL; mbuf = mbuf->next) {
		offset = rte_pktmbuf_mtod(mbuf, const uint8_t *) - memory->addr;
		if (offset >= memory->len || mbuf->data_len > memory->len - offset)
			return false;
	}
	return true;
}

int
ext_memory_close(struct ext_memory *memory)
{
	int ret = 0;

	if (memory->registered && rte_extmem_unregister(memory->addr, memory->len) != 0)
		ret = failed("rte_extmem_unregister", -rte_errno);
	munmap(memory->addr, memory->len);
	close(memory->fd);
	*memory = (struct ext_memory) { 0 };
	return ret;
}
