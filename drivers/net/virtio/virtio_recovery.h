/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VIRTIO_RECOVERY_H
#define VIRTIO_RECOVERY_H

/**
 * @file
 * What follows an error of a queue: the application receives RTE_ETH_EVENT_QUEUE_STATE,
 * and with recovery=auto the driver stops and starts that queue itself.
 *
 * Threads: an error is reported by the thread that finds it, the polling thread above all, which
 * does nothing but set a mark and wake the port's worker (virtio_worker.h). In a secondary process
 * it sets an alarm, whose handler sends the primary a message. All else is done by the worker.
 */

#include <stdbool.h>
#include <stdint.h>

#include "rte_pmd_virtio.h"
#include "virtio_compat.h"

struct virtio_port;
struct virtio_queue;

struct virtio_recovery {
	RTE_ATOMIC(uint8_t) error; /**< reported, not yet seen to; enum of it, or 0; atomic */
	RTE_ATOMIC(uint8_t) event; /**< for rte_pmd_virtio_get_queue_event(), likewise */
	uint64_t recover_at_us;   /**< when the next attempt is due; 0: none is planned */
	uint64_t recovered_at_us; /**< when an attempt last worked */
	uint64_t delay_us;     /**< that the last attempt was planned with; 0: there was none */
	bool recovering;       /**< an attempt is under way */
	bool stopped_by_app;   /**< the application has stopped the queue, or tried to */
};

/** No recovery that was planned is done. */
static inline void
virtio_recovery_forget(struct virtio_recovery *r)
{
	r->recover_at_us = 0;
	r->delay_us = 0;
}

/** A recovery is planned or under way: for all others the queue has not been stopped. */
static inline bool
virtio_recovery_is_due(const struct virtio_recovery *r)
{
	return r->recovering || r->recover_at_us != 0;
}

/**
 * The worker, with the port's lock held: makes plans for queues with an error, and carries
 * out those that are due.
 *
 * @param error
 *   Some queue has reported it.
 * @return
 *   The application is to be called back with RTE_ETH_EVENT_QUEUE_STATE.
 */
bool virtio_recovery_serve(struct virtio_port *port, bool error);

/** When the next plan is due; UINT64_MAX: there is none. Port's lock held. */
uint64_t virtio_recovery_next_us(struct virtio_port *port);

#endif /* VIRTIO_RECOVERY_H */
