/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef LOOPBACK_EXT_MEMORY_H
#define LOOPBACK_EXT_MEMORY_H

/**
 * @file
 * Memory that is not EAL's, for packet buffers: a memfd, registered with EAL, attached to the port
 * for its back-end to reach. Control thread, but for ext_memory_has().
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_mbuf.h>

struct ext_memory {
	uint8_t *addr;
	size_t len;
	size_t used;
	int fd;
	bool registered, attached;
};

/** Bytes that a pool takes of it. */
size_t ext_memory_of_pool(uint32_t size, uint16_t room);

/** @return 0, or a negative errno after a message on stderr; ext_memory_close() is due after 0. */
int ext_memory_open(struct ext_memory *memory, size_t len);

/** What the driver answers; a message on stderr if it is no 0. */
int ext_memory_attach(struct ext_memory *memory, uint16_t port);
int ext_memory_detach(struct ext_memory *memory, uint16_t port);

/** A pool with its packets' bytes there, and the rest of it in EAL's memory; as pool_create(). */
struct rte_mempool *ext_memory_pool(struct ext_memory *memory, const char *kind, uint16_t number,
		uint32_t size, uint32_t cache, uint16_t room);

/** Whether all bytes of a packet lie there. */
bool ext_memory_has(const struct ext_memory *memory, const struct rte_mbuf *mbuf);

/** Its pools must be full or freed. @return 0, or a negative errno after a message on stderr. */
int ext_memory_close(struct ext_memory *memory);

#endif /* LOOPBACK_EXT_MEMORY_H */
