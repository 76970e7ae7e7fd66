/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VIRTIO_POOL_H
#define VIRTIO_POOL_H

/**
 * @file
 * Which mempools the worker (virtio_worker.h) may use while the application's threads do: it is one
 * more producer, and one more consumer.
 */

#include <stdbool.h>

#include <rte_mempool.h>

struct virtio_queue;

/** Whether buffers may be given back to a pool, and taken from it, by several threads at once. */
bool virtio_pool_takes_producers(const struct rte_mempool *pool);
bool virtio_pool_takes_consumers(const struct rte_mempool *pool);

struct virtio_pool_found {
	const struct rte_mempool *pool; /**< NULL: there is none */
	const char *why;                /**< for a log line, after the pool's name */
};

/**
 * A pool that keeps the worker from a restart of the queue and from giving its buffers back: it is
 * not known to take several threads, or packets of it have external buffers. The gate of a transmit
 * queue is closed and empty.
 */
struct virtio_pool_found virtio_pool_of_one_thread(struct virtio_queue *q);

#endif /* VIRTIO_POOL_H */
