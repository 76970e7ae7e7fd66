/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef LOOPBACK_POOL_H
#define LOOPBACK_POOL_H

/**
 * @file
 * Buffer pools whose need of memory is known beforehand and whose buffers are counted afterwards.
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_mempool.h>

/** Bytes of EAL's memory that a pool of @p size buffers with @p room bytes each takes at most. */
uint64_t pool_memory(uint32_t size, uint16_t room);

/** Make a pool named after @p kind and @p number; NULL after a message on stderr. */
struct rte_mempool *pool_create(const char *kind, uint16_t number, uint32_t size, uint32_t cache,
		uint16_t room);

/** Whether all buffers are in it; exact only while no thread takes any out. */
bool pool_full(const struct rte_mempool *pool);

/** How many buffers are not in it; if there are any, a message on stderr. NULL has none. */
uint32_t pool_missing(const struct rte_mempool *pool);

#endif /* LOOPBACK_POOL_H */
