/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VIRTIO_QUEUE_H
#define VIRTIO_QUEUE_H

/**
 * @file
 * The life of one queue of ethdev: what lies between a ring and its pool. Filled and started,
 * stopped and emptied, paused for a moment. What the rest of the port has to do at a start or a
 * stop of a queue is in virtio_port.c.
 *
 * struct virtio_rxq and virtio_txq live from their first set-up to the port's close; only the ring
 * under them changes. A late burst finds a closed gate, not freed memory.
 *
 * Threads: the port's lock is held, unless a function says otherwise.
 */

#include "virtio.h"

/** virtio_counters.c: the queue's counters. Any thread. */
const struct virtio_counters *virtio_queue_counters(const struct virtio_queue *q);

/** The queue, or NULL where it was never set up or the application has released it. */
struct virtio_queue *virtio_queue_rx(const struct virtio_port *port, uint16_t id);
struct virtio_queue *virtio_queue_tx(const struct virtio_port *port, uint16_t id);

/** Index of the queue's ring, section 5.1.2. */
static inline uint16_t
virtio_queue_ring(const struct virtio_queue *q)
{
	return q->is_rx ? virtio_net_rx_vq(q->id) : virtio_net_tx_vq(q->id);
}

/**
 * Whether ethdev shows the queue: it was set up, and the application has not released it. ethdev's
 * own array of queues says the same, and may be freed by a configuration while the port's worker or
 * telemetry looks: ethdev does not know the port's lock.
 */
bool virtio_queue_is_shown(const struct virtio_queue *q);

/** The next queue in the order of ring indices; after NULL the first. NULL: there is no other. */
struct virtio_queue *virtio_queue_next(const struct virtio_port *port,
				       const struct virtio_queue *q);
struct virtio_queue *virtio_queue_next_ring(const struct virtio_port *port,
					    const struct virtio_queue *q);
struct virtio_queue *virtio_queue_next_made(const struct virtio_port *port,
					    const struct virtio_queue *q);

/** Each queue that ethdev shows. */
#define VIRTIO_FOREACH_QUEUE(q, port) \
	for ((q) = virtio_queue_next(port, NULL); (q) != NULL; (q) = virtio_queue_next(port, q))

/** Each queue that has a ring, also where the application has released the queue. */
#define VIRTIO_FOREACH_RING(q, port) \
	for ((q) = virtio_queue_next_ring(port, NULL); (q) != NULL; \
	     (q) = virtio_queue_next_ring(port, q))

/** Each queue that was ever set up, with a ring or without. */
#define VIRTIO_FOREACH_MADE_QUEUE(q, port) \
	for ((q) = virtio_queue_next_made(port, NULL); (q) != NULL; \
	     (q) = virtio_queue_next_made(port, q))

/** Whether the application takes frames of several buffers: SCATTER or LRO, of port or queue. */
bool virtio_rx_is_scattered(const struct virtio_rxq *rxq);

/** Whether its pool exists: after a stop the application may have freed it. */
bool virtio_queue_has_pool(const struct virtio_rxq *rxq);

/**
 * Before a start: fills a receive ring from its pool.
 *
 * @return
 *   0. -ENOMEM: not one buffer, nothing taken. -EINVAL: the pool has been freed.
 */
int virtio_queue_fill(struct virtio_queue *q);

/** After a start: lets bursts in. */
void virtio_queue_open(struct virtio_queue *q);

/**
 * Closes the gate of a running queue for a moment: the caller may use its ring then, as its polling
 * thread does within a burst. False: the queue does not run, or the thread did not leave a burst in
 * time.
 *
 * @param[out] runs
 *   Set where it does run.
 */
bool virtio_queue_pause(struct virtio_queue *q, uint32_t timeout_us, bool *runs);
/** Gives it back. */
void virtio_queue_resume(struct virtio_queue *q);

/**
 * Whether this device can stop and start a single queue; a log line where it cannot.
 *
 * @param what
 *   "start" or "stop".
 * @return
 *   0 or -ENOTSUP.
 */
int virtio_queue_check_method(const struct virtio_queue *q, const char *what);

/**
 * Fills and starts the ring; virtio_queue_open() lets bursts in. The steps of a stop and what an
 * error in each leaves behind are in doc/design.md.
 *
 * @return
 *   0. -ENOTSUP: no method. -ENODEV: no device. -EBUSY: the ring is not READY. -ENOMEM, -EINVAL: as
 *   virtio_queue_fill(). Else the error of virtqueue_start(). The queue is stopped then.
 */
int virtio_queue_start(struct virtio_queue *q);

/**
 * Closes the gate, stops the ring, gives the buffers back.
 *
 * @param leave
 *   It is called when no burst enters the ring any more, after tx_drain_us.
 *   After an error of it the queue runs on. NULL: nothing is called.
 * @return
 *   0. The error of leave(). -ENOTSUP: no method. -ETIMEDOUT: a thread stays within a burst;
 *   nothing else was done, and the next bursts return 0. Else the error of virtqueue_stop():
 *   nothing is given back.
 */
int virtio_queue_stop(struct virtio_queue *q, int (*leave)(struct virtio_queue *q));

/** After a proven stop: counts what is lost, gives every buffer back. */
void virtio_queue_reclaim(struct virtio_queue *q);

/** That of the ring; or "disconnected" where the device that runs the ring is not there. */
const char *virtio_queue_state_name(const struct virtio_queue *q);

/** Tells ethdev the state of the queue: STOPPED only where the ring is proven to be. */
void virtio_queue_show_state(struct virtio_queue *q);
/** Of a port that is started without its device: STARTED, unless its start is deferred. */
void virtio_queue_show_waiting(struct virtio_queue *q);

#endif /* VIRTIO_QUEUE_H */
