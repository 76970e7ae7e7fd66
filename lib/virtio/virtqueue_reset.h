/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VIRTQUEUE_RESET_H
#define VIRTQUEUE_RESET_H

/**
 * @file
 * The per-queue reset sequence, once, for all transports and layouts (2.6.1).
 *
 * A stop is: ask, then verify within a deadline. Only proof leads to READY, and only a READY ring
 * gives its buffers and memory back. A restart is the call of first set-up, virtqueue_start().
 */

#include <stdint.h>

#include "virtqueue.h"

/**
 * Stops rings of one device: asks for all of them first, then waits once.
 *
 * Nothing may poll the rings any more. A ring that is READY already stays so.
 *
 * @param timeout_us
 *   For all of them together, from the call on.
 * @return
 *   0: all are READY. -ENOTSUP: the device has no way to stop a ring, nothing was done. -ETIMEDOUT,
 *   -EIO (refused), -ENODEV: the first error; rings without proof are BROKEN and may be asked again
 *   (a late answer to the first request is proof enough).
 */
int virtqueue_stop_many(struct virtqueue *const *vqs, unsigned int n, uint32_t timeout_us);

/** The same for one ring. */
static inline int
virtqueue_stop(struct virtqueue *vq, uint32_t timeout_us)
{
	return virtqueue_stop_many(&vq, 1, timeout_us);
}

#endif /* VIRTQUEUE_RESET_H */
