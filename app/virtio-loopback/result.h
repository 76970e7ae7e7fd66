/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef LOOPBACK_RESULT_H
#define LOOPBACK_RESULT_H

/**
 * @file
 * What a run came to, and whether that is right. Control thread, the others having ended.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "backend.h"
#include "eal_start.h"
#include "options.h"
#include "port.h"
#include "resetter.h"
#include "traffic.h"

#define RESULT_FAILURES_MAX 32u

/** Times in ns. */
struct result_times {
	uint64_t p50, p99, max;
};

struct result_steps {
	struct result_times stop, reclaim, start;
};

struct result_queue {
	uint64_t sent, received, passes;
	uint64_t lost;		/**< did not come back, and no reset of the queue explains it */
	uint64_t missing;	/**< did not come back at all */
	uint64_t duplicated, reordered, corrupt;
	uint64_t stopped_polls, stopped_carried;
	uint64_t external, misplaced;	/**< packets on memory of our own; not where they belong */
	uint64_t gap_in_reset, gap_ever;	/**< ns */
	uint32_t resets;
	struct result_steps steps;
	struct port_drops drops;
	struct backend_counters backend;	/**< zero with an external back-end */
};

struct result {
	struct result_queue *queue;
	uint16_t queues;
	struct result_steps steps;	/**< of all queues */
	uint64_t packets;
	uint64_t gap_in_reset;		/**< ns, of all queues */
	uint64_t duration;		/**< ns */
	uint32_t leaked;		/**< buffers */
	char *failure[RESULT_FAILURES_MAX];
	uint32_t failures;		/**< may be more than are kept */
	bool incomplete;		/**< fewer resets than were asked for */
	bool maybe_backends;		/**< packets are lost that the back-end may have dropped */
};

/** @return 0 or -ENOMEM. */
int result_init(struct result *result, uint16_t queues);
void result_free(struct result *result);

/** Something is not as it must be. */
void result_fail(struct result *result, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * Collect what the traffic, the driver and the back-end counted, the port still being there.
 *
 * @param backend NULL with an external one.
 */
int result_collect(struct result *result, const struct options *options, struct traffic *traffic,
		const struct source *source, const struct resetter *resetter,
		const struct port *port, const struct backend *backend);

/** Hold it against what must be; adds failures. */
void result_judge(struct result *result, const struct options *options,
		const struct source *source, const struct resetter *resetter, bool own_backend);

/** PASSED, FAILED or INCOMPLETE. */
const char *result_verdict(const struct result *result);

/** The table, on stdout. */
void result_print(const struct result *result, const struct options *options,
		const struct resetter *resetter);

/** What goes wrong is left to ferror(). */
void result_write_json(const struct result *result, FILE *file, const struct options *options,
		const struct resetter *resetter, const struct timeline *timeline,
		const struct port *port, const struct eal_result *eal);

#endif /* LOOPBACK_RESULT_H */
