/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef BENCH_NULL_DEVICE_H
#define BENCH_NULL_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "null_ring.h"
#include "bench_options.h"

/**
 * A vhost-user back-end that costs nothing, for a port in this very process: a thread answers the
 * messages, and the port's own thread turns the descriptors round by the calls below. It offers
 * what librte_vhost does, without EVENT_IDX. One, for one queue pair.
 *
 * @return 0 when it listens at the path; negative errno after a message
 */
int null_device_start(const char *path, enum null_order order);

/** Waits until both rings are live, but not for ever. */
bool null_device_wait(void);

/** n packets of the wanted sizes are received. @return how many buffers there were for them */
uint32_t null_device_give(const struct options *options, uint32_t n);

/**
 * All packets that were posted are sent; in random order, all but half a ring.
 *
 * @return how many
 */
uint32_t null_device_take(void);

#endif
