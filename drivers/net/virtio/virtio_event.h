/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VIRTIO_EVENT_H
#define VIRTIO_EVENT_H

/**
 * @file
 * What threads report to the worker of a port (virtio_worker.h): pollers within a burst, EAL's
 * interrupt thread, control calls. To report takes no lock and waits for nothing.
 */

#include "rte_pmd_virtio.h"
#include "virtio.h"

/** What there is to do, a bit each. */
#define VIRTIO_WORK_LINK    (1u << 0) /**< the device says that its configuration has changed */
#define VIRTIO_WORK_QUEUE_ERROR (1u << 1) /**< a queue has reported an error */
#define VIRTIO_WORK_LOOK    (1u << 2) /**< a deadline or the descriptor to watch is another */
#define VIRTIO_WORK_RECLAIM (1u << 3) /**< a receive queue needs what transmit queues hold */

/** Any thread of the primary process, with any lock: wakes the worker to do this work. */
void virtio_event_raise(struct virtio_port *port, uint32_t work);

/**
 * Any thread that may use the queue, of any process: an error of the queue is to be handled. In a
 * secondary process an alarm sends the primary process a message.
 */
void virtio_event_report(struct virtio_queue *q, enum rte_pmd_virtio_queue_error error);

/** Primary: handles messages about errors that secondaries find. As virtio_process_listen(). */
int virtio_event_listen(void);

/** Within a receive burst, of any process: the queue's pool is empty. */
void virtio_event_starve(struct virtio_queue *q);

#endif /* VIRTIO_EVENT_H */
