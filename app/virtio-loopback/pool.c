/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <stdio.h>

#include <rte_bitops.h>
#include <rte_common.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>

#include "pool.h"

#define PAGE 4096u
#define POOL_BYTES (64u << 10)	/* of a pool itself: caches and ring, but for the ring's entries */

uint64_t
pool_memory(uint32_t size, uint16_t room)
{
	uint32_t buffer = room + sizeof(struct rte_mbuf) + 2 * RTE_CACHE_LINE_SIZE;

	/* Without hugepages no buffer that is smaller than a page may lie across two. */
	if (buffer < PAGE)
		buffer = PAGE / (PAGE / buffer);
	else
		buffer = RTE_ALIGN_CEIL(buffer, PAGE);
	return (uint64_t)size * buffer + rte_align32pow2(size + 1) * sizeof(void *) + POOL_BYTES;
}

struct rte_mempool *
pool_create(const char *kind, uint16_t number, uint32_t size, uint32_t cache, uint16_t room)
{
	char name[RTE_MEMPOOL_NAMESIZE];
	struct rte_mempool *pool;

	snprintf(name, sizeof(name), "%s_%u", kind, number);
	pool = rte_pktmbuf_pool_create(name, size, cache, 0, room, rte_socket_id());
	if (pool == NULL)
		fprintf(stderr, "no memory for the pool %s of %u buffers\n", name, size);
	return pool;
}

bool
pool_full(const struct rte_mempool *pool)
{
	return rte_mempool_avail_count(pool) == pool->size;
}

uint32_t
pool_missing(const struct rte_mempool *pool)
{
	uint32_t missing;

	if (pool == NULL)
		return 0;
	missing = pool->size - rte_mempool_avail_count(pool);
	if (missing != 0)
		fprintf(stderr, "pool %s: %u of %u buffers are missing\n", pool->name, missing,
			pool->size);
	return missing;
}
