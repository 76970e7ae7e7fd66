/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VIRTIO_WORKER_H
#define VIRTIO_WORKER_H

/**
 * @file
 * The thread on which the driver acts by itself: one for each port, in the primary process.
 *
 * The worker takes new back-ends, watches transmit queues, recovers queues and calls the
 * application back. Each of these may wait for a device, up to seconds. EAL has one thread for the
 * interrupts and alarms of the whole process, so nothing of the driver may wait there.
 *
 * Thread safety:
 * - Work is raised by any thread: pollers within a burst, EAL's interrupt thread, EAL's thread for
 *   messages, control calls. To raise work is one atomic OR and at most one write(2) to an eventfd
 *   that does not block. It takes no lock.
 * - The worker takes the port's lock for all that it does to the port, and sleeps without a lock.
 *   Control calls hold the same lock, so the two exclude each other.
 * - The application is called back without the port's lock, so it may make control calls from
 *   there. Call-backs of all workers come one at a time, as they did on EAL's interrupt thread.
 * - virtio_worker_stop() is called without the port's lock. It ends the waits of the worker
 *   (virtio_device_cancel()) and joins the thread, so the port may be freed afterwards. A port stop
 *   ends them as well, and then has the lock.
 * - Called within a call-back, virtio_worker_stop() cannot join its own thread. The thread then
 *   ends after the call-back, and touches nothing but its struct virtio_worker, which is no part of
 *   the port.
 * - A poller may raise work until its gate is closed and empty, or for ever where it stays inside
 *   at the port's close. So struct virtio_worker is freed after the gates were closed, and not at
 *   all where a thread has stayed inside.
 */

#include <stdbool.h>
#include <stdint.h>

#include "virtio_compat.h"

struct virtio_port;

struct virtio_worker {
	struct virtio_port *port;
	virtio_thread_t thread;
	int event_fd;      /**< raised with work, and at the end */
	RTE_ATOMIC(uint32_t) work; /**< VIRTIO_WORK_*, taken with the port's lock held; atomic */
	RTE_ATOMIC(bool) ending; /**< atomic */
	bool frees_itself; /**< stopped from within its own call-back */
};

/**
 * Creates the port's worker. The port is complete as far as its lock, bus and ethdev.
 *
 * @return
 *   0, with port->worker set. Else a negative errno, and nothing was taken.
 */
int virtio_worker_start(struct virtio_port *port);

/**
 * At the port's close: nothing is done by the driver itself any more when this returns. Within a
 * call-back about the port, nothing after the call-back. Work may still be raised.
 */
void virtio_worker_stop(struct virtio_port *port);

/** After virtio_worker_stop(), with all gates closed and empty: no work is raised any more. */
void virtio_worker_free(struct virtio_port *port);

/** Whether the calling thread is within a call-back about this port. */
bool virtio_worker_calls_back(const struct virtio_port *port);

#endif /* VIRTIO_WORKER_H */
