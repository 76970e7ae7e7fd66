/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef SOAK_POLLER_H
#define SOAK_POLLER_H

/**
 * @file
 * A secondary process that polls all queues of a port: it sends numbered frames, and compares what
 * comes back.
 */

#include <stdint.h>

#include <rte_mempool.h>

#include "counter.h"

#define POLLER_ZONE "soak_poller"	/**< the memzone that has a struct poller */
#define POLLER_QUEUES 2u
#define POLLER_BURST 32u

/** What primary and secondary have in common. */
struct poller {
	/* By the primary, while there is no secondary. */
	uint16_t port;
	uint32_t generation;		/**< in the frames of this secondary */
	uint32_t len_max;		/**< of frames */
	struct rte_mempool *pool;	/**< of what is sent */

	/* By the secondary. */
	counter_t received[POLLER_QUEUES];	/**< frames of this generation */
	counter_t in_burst;		/**< 1 within a call of the port's functions, 0 else */
	counter_t corrupt, duplicated, reordered;
};

/**
 * The secondary process: polls until SIGTERM.
 *
 * @param prefix EAL's --file-prefix of the primary.
 * @param simd_bits the widest instructions that it may use.
 * @return the program's exit status.
 */
int poller_run(const char *prefix, const char *simd_bits);

#endif /* SOAK_POLLER_H */
