/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <stddef.h>
#include <stdlib.h>

#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_memzone.h>

#include "ring_memory.h"

#define BLOCK_MAX (256u << 20)
#define BLOCK_MIN 64u

/* Each block holds the place of the one taken before it. */
struct ring_memory_hog {
	struct ring_memory_hog *before;
};

static void
add_zone(const struct rte_memzone *zone, void *bytes)
{
	*(uint64_t *)bytes += zone->len;
}

void
ring_memory_read(struct ring_memory *memory)
{
	struct rte_malloc_socket_stats stats;
	unsigned int i;

	*memory = (struct ring_memory) { 0 };
	rte_memzone_walk(add_zone, &memory->zones);
	for (i = 0; i < rte_socket_count(); i++)
		if (rte_malloc_get_socket_stats(rte_socket_id_by_idx(i), &stats) == 0)
			memory->heap += stats.heap_allocsz_bytes;
}

struct ring_memory_hog *
ring_memory_take_all(void)
{
	struct ring_memory_hog *last = NULL, *block;
	size_t size = BLOCK_MAX;

	while (size >= BLOCK_MIN) {
		block = rte_malloc(NULL, size, 0);
		if (block != NULL) {
			block->before = last;
			last = block;
		} else {
			size /= 2;
		}
	}
	return last;
}

void
ring_memory_give_back(struct ring_memory_hog *hog)
{
	struct ring_memory_hog *before;

	for (; hog != NULL; hog = before) {
		before = hog->before;
		rte_free(hog);
	}
}
