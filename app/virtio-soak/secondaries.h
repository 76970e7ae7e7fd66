/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef SECONDARIES_H
#define SECONDARIES_H

/**
 * @file
 * A run of virtio-soak-secondaries, and the port that it has at a time. One thread.
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_memzone.h>
#include <rte_mempool.h>

#include "child.h"
#include "poller.h"
#include "resources.h"
#include "soak_random.h"

/**
 * A process that dies in an enqueue or a dequeue leaves the default kind of pool locked. Pools have
 * no caches: one that dies while it empties its cache leaves these buffers in the pool and in the
 * cache.
 */
#define POOL_OPS "lf_stack"

struct secondaries_options {
	uint32_t seconds;
	uint64_t seed;
	const char *backend;	/**< the program virtio-loopback */
	bool verbose;
};

struct run {
	struct secondaries_options options;

	char folder[64], huge_folder[80], socket[96];
	struct child backend, secondary;
	const struct rte_memzone *zone;
	struct poller *poller;		/**< in the zone */

	/**
	 * Of this port. How many resets there are depends on time, so these have another stream.
	 */
	struct random random, resets_random;
	struct rte_mempool *rx_pool, *tx_pool;
	uint32_t rx_missing, tx_missing;	/**< with processes that were killed before */
	char devargs[256];
	uint16_t port, simd_bits;
	bool packed;

	uint32_t ports, killed, killed_in_burst, ended;
	uint64_t resets, lost;
	uint32_t lost_at_most;		/**< with one process */
	struct resources warm, top;
	char failure[512];		/**< empty: none */
};

/** @return 0: go on; 1: help or the version was printed; -EINVAL after a message. */
int secondaries_options_parse(struct secondaries_options *options, int argc, char **argv);

/** Notes what is wrong, unless something is noted already, which is the cause. @return -1. */
int run_fail(struct run *run, const char *format, ...) __rte_format_printf(2, 3);

/** What the next port is like. Before its opening. */
void run_plan_port(struct run *run);

/**
 * Makes the back-end, the pools and the port, and starts it.
 *
 * @return 0, or -1 after run_fail(); run_close_port() gives back what there is then.
 */
int run_open_port(struct run *run);

/** @return 0, or -1 if something has failed with this port, its closing included. */
int run_close_port(struct run *run);

/** Stops and starts one or both rings of any queue, with other sizes. @return 0 or -1. */
int run_reset_any(struct run *run);

/**
 * The secondary process is gone: stops all queues, counts the buffers, and starts all again.
 *
 * @return 0, or -1 if a queue does not stop or start, or a buffer is missing that a process that
 *   was killed cannot have had, or is there twice.
 */
int run_account(struct run *run, bool was_killed);

#endif /* SECONDARIES_H */
