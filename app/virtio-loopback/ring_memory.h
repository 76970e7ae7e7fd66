/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef LOOPBACK_RING_MEMORY_H
#define LOOPBACK_RING_MEMORY_H

/**
 * @file
 * What rings take of EAL's memory, and a way to leave them none. Control thread.
 */

#include <stdint.h>

/** Bytes in use. */
struct ring_memory {
	uint64_t zones;	/**< memzones: while pools are left alone, only rings come and go */
	uint64_t heap;	/**< all of it, what librte_vhost has for its side of a ring included */
};

void ring_memory_read(struct ring_memory *memory);

struct ring_memory_hog;

/** Take all that is left of EAL's memory; NULL if nothing is. */
struct ring_memory_hog *ring_memory_take_all(void);
void ring_memory_give_back(struct ring_memory_hog *hog);

#endif /* LOOPBACK_RING_MEMORY_H */
