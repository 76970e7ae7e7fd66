/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef SOAK_RESOURCES_H
#define SOAK_RESOURCES_H

/**
 * @file
 * What a process has of memory, file descriptors and threads, and the rule by which it grows.
 */

#include <stdint.h>

struct resources {
	uint64_t fds;
	uint64_t threads;
	uint64_t zones;		/**< memzones */
	uint64_t allocations;	/**< in use on EAL's heap */
	uint64_t heap;		/**< bytes of these */
	uint64_t mapped;	/**< bytes of EAL's heap, used or not: of hugepages, if any */
	uint64_t rss;		/**< bytes of anonymous memory that is resident */
	uint64_t malloced;	/**< bytes that the C library has handed out */
};

/** One of them, and by how much it may exceed its value after the warm-up. */
struct resource_rule {
	const char *name;
	uint32_t offset;	/**< in struct resources */
	uint64_t allowance;
};

#define RESOURCES_TIMEOUT_MS 60000u

#define RESOURCE_RULES 8u
extern const struct resource_rule resource_rules[RESOURCE_RULES];

/**
 * Waits first until file descriptors that close by themselves are closed.
 *
 * @return 0, or -ETIMEDOUT if their number still changes after RESOURCES_TIMEOUT_MS.
 */
int resources_read(struct resources *resources);

uint64_t resources_value(const struct resources *resources, const struct resource_rule *rule);

/** @return the first rule by which @p later has grown too much, or NULL. */
const struct resource_rule *resources_grown(const struct resources *warm,
		const struct resources *later);

/** The greater of each value. */
void resources_max(struct resources *max, const struct resources *resources);

#endif /* SOAK_RESOURCES_H */
