/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef BENCH_WAYS_H
#define BENCH_WAYS_H

#include <stdbool.h>

#include "bench_options.h"
#include "bench_port.h"

/** A port whose queues are reconfigured, and what they get. */
struct ways {
	struct port port;
	struct rte_mempool *pools[2];	/**< a queue is filled from them in turn */
	enum bench_way way;
};

/**
 * port_open(), and the second pool.
 *
 * @return 0; negative errno after a message, also where the driver cannot go this way
 */
int ways_open(struct ways *ways, const struct options *options);

/**
 * The steps of one reconfiguration, the queue's or where it takes that the port's. Steps that a way
 * does not have do nothing.
 *
 * @param other
 *   The pool to take, and for the packaged driver the offloads: it resets its device, and gives
 *   buffers back, only when it is configured with others than before.
 * @return 0; what ethdev answered after a message
 */
int ways_stop(const struct ways *ways, uint16_t queue);
int ways_set_up(const struct ways *ways, uint16_t queue, bool other);
int ways_start(struct ways *ways, uint16_t queue, bool other);

#endif
