/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VIRTIO_RECLAIM_H
#define VIRTIO_RECLAIM_H

/**
 * @file
 * Sent packets of idle transmit queues go back to their pools when a receive queue finds its own
 * empty.
 *
 * A transmit burst takes completions when it needs room. Where transmit rings can hold all buffers
 * of a pool, receive queues get none, nothing is forwarded, and no transmit burst comes that would
 * need room. The port's worker (virtio_worker.h) then takes the completions, with a queue's gate
 * closed as for a control call, and lets the queue hold fewer sent packets from then on.
 *
 * The receive burst only sets a flag that lies in the port. A receive queue of a secondary process
 * sets it as well, and as long as there are such processes the worker looks at the flag by itself.
 */

#include <stdbool.h>
#include <stdint.h>

struct virtio_port;
struct virtio_queue;

/** The worker's. */
struct virtio_reclaim {
	uint64_t at_us;    /**< not before */
	uint32_t pause_us; /**< longer and longer while nothing is to be had */
	bool wanted;
	bool again;        /**< the first look has found queues that may be idle */
	bool logged;
};

/**
 * The worker, with the port's lock held: takes completions of idle transmit queues, where that is
 * wanted and due.
 *
 * @param asked
 *   By the worker of this port or of another.
 * @return
 *   Other ports are to be asked too: they may hold the buffers.
 */
bool virtio_reclaim_serve(struct virtio_port *port, bool asked);

/** When the worker is to look again; UINT64_MAX: when it is asked. Port's lock held. */
uint64_t virtio_reclaim_next_us(const struct virtio_port *port);

/** The worker, without a lock: asks the workers of all other ports. */
void virtio_reclaim_ask_others(const struct virtio_port *port);

#endif /* VIRTIO_RECLAIM_H */
