/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef LOOPBACK_EAL_START_H
#define LOOPBACK_EAL_START_H

/**
 * @file
 * EAL with arguments that the program chooses: memory of a fixed size, lcores on the cores it may
 * run on.
 *
 * The memory must not grow: front-end and back-end are in one process, and growing would make the
 * driver send a memory table to librte_vhost's message thread, with EAL's memory locks held, and
 * wait for it, while that thread may wait for these locks.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LCORE_CONTROL 0u
#define LCORE_BACKEND 1u
#define LCORE_TRAFFIC 2u

struct eal_request {
	uint64_t memory;	/**< bytes that must be there */
	bool alone;		/**< no traffic: control and back-end on the last core */
	bool grows;		/**< hugepages come and go; no back-end is in this process */
	/** With grows: of hugepages that secondary processes map; NULL: there will be none. */
	const char *huge_folder;
	bool no_huge;
	bool verbose;
};

struct eal_result {
	const char *memory;	/**< what memory it is, in words */
	bool hugepages;
	uint32_t megabytes;
	uint32_t cores;		/**< that the lcores are spread over */
	double load;		/**< load average of the machine at the start */
};

/**
 * Start EAL.
 *
 * @return 0, or a negative errno after a message on stderr.
 */
int eal_start(const struct eal_request *request, struct eal_result *result);

/** End EAL, and leave no folder of it behind, unless it had one for secondary processes. */
void eal_stop(void);

/** EAL's --file-prefix, by which a secondary process finds this one. */
void eal_file_prefix(char *prefix, size_t size);

/** How often memory was added or taken away since eal_start(): 0 unless it may grow. */
uint32_t eal_memory_changes(void);

#endif /* LOOPBACK_EAL_START_H */
