/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <rte_common.h>
#include <rte_malloc.h>
#include <rte_memzone.h>

#include "resources.h"
#include "soak_common.h"

#define RULE(what, more) { #what, offsetof(struct resources, what), more }

/*
 * Counts must be the same again. Of bytes, EAL's heap may lie in other pieces, and the C library
 * keeps a little of what each thread has freed.
 */
const struct resource_rule resource_rules[RESOURCE_RULES] = {
	RULE(fds, 0),
	RULE(threads, 0),
	RULE(zones, 0),
	RULE(allocations, 0),
	RULE(heap, 64 << 10),
	RULE(mapped, 4 << 20),
	RULE(rss, 2 << 20),
	RULE(malloced, 64 << 10),
};

static uint64_t
count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	uint64_t n = 0;

	if (dir == NULL)
		return 0;
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

/* EAL's interrupt thread closes a descriptor and opens another when it is woken. */
static int
settled_fds(uint64_t *n)
{
	const struct timespec moment = { .tv_nsec = 1000000 };
	const uint64_t end = soak_now_ms() + RESOURCES_TIMEOUT_MS;
	unsigned int same = 0;
	uint64_t before;

	*n = count_fds();
	while (same < 5) {
		if (soak_now_ms() > end)
			return -ETIMEDOUT;
		nanosleep(&moment, NULL);
		before = *n;
		*n = count_fds();
		same = *n == before ? same + 1 : 0;
	}
	return 0;
}

static void
read_status(struct resources *resources)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[256];
	uint64_t value;

	if (file == NULL)
		return;
	while (fgets(line, sizeof(line), file) != NULL) {
		if (sscanf(line, "RssAnon: %" SCNu64, &value) == 1)
			resources->rss = value << 10;
		else if (sscanf(line, "Threads: %" SCNu64, &value) == 1)
			resources->threads = value;
	}
	fclose(file);
}

static void
count_zone(const struct rte_memzone *zone __rte_unused, void *arg)
{
	++*(uint64_t *)arg;
}

int
resources_read(struct resources *resources)
{
	struct rte_malloc_socket_stats stats;
	struct mallinfo2 info;
	int node, ret;

	*resources = (struct resources) { 0 };
	ret = settled_fds(&resources->fds);
	read_status(resources);
	rte_memzone_walk(count_zone, &resources->zones);
	for (node = 0; node < RTE_MAX_NUMA_NODES; node++) {
		if (rte_malloc_get_socket_stats(node, &stats) != 0)
			continue;
		resources->allocations += stats.alloc_count;
		resources->heap += stats.heap_allocsz_bytes;
		resources->mapped += stats.heap_totalsz_bytes;
	}
	info = mallinfo2();
	resources->malloced = info.uordblks + info.hblkhd;
	return ret;
}

uint64_t
resources_value(const struct resources *resources, const struct resource_rule *rule)
{
	uint64_t value;

	memcpy(&value, (const char *)resources + rule->offset, sizeof(value));
	return value;
}

void
resources_max(struct resources *max, const struct resources *resources)
{
	uint64_t *a = (uint64_t *)max;
	const uint64_t *b = (const uint64_t *)resources;
	unsigned int i;

	for (i = 0; i < sizeof(*max) / sizeof(*a); i++)
		a[i] = RTE_MAX(a[i], b[i]);
}

const struct resource_rule *
resources_grown(const struct resources *warm, const struct resources *later)
{
	unsigned int i;

	for (i = 0; i < RESOURCE_RULES; i++) {
		const struct resource_rule *rule = &resource_rules[i];

		if (resources_value(later, rule) > resources_value(warm, rule) + rule->allowance)
			return rule;
	}
	return NULL;
}
