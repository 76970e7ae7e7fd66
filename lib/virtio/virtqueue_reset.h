/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VIRTQUEUE_RESET_H
#define VIRTQUEUE_RESET_H

/**
 * @file
 * Start and stop of rings and of the device that has them.
 *
 * The per-queue reset sequence is here, once, for all transports and layouts (2.6.1).
 *
 * A stop is: ask, then verify within a deadline. Only proof leads to READY, and only a READY ring
 * gives its buffers and memory back. A restart is the call of first set-up, virtqueue_start().
 */

#include <stdint.h>

#include "virtqueue.h"

/**
 * READY -> LIVE on a running device: set-up, enable, one notify. Buffers are posted before.
 *
 * @return
 *   0. -EBUSY: the ring is not READY, the device not running, or it has another ring of this index.
 *   -EINVAL: the ring has the layout that was not negotiated.
 *   Else the transport's error: the ring was stopped again and is READY, or BROKEN without proof.
 */
int virtqueue_start(struct virtqueue *vq, uint32_t timeout_us);

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

/**
 * From FEATURES_OK to a running device, 3.1.1 steps 7 and 8: sets all rings up, then enables all of
 * them (a back-end may look at a ring's partner when it is enabled), DRIVER_OK, one notify each.
 *
 * @param vqs
 *   Rings in state READY, filled or empty; LIVE afterwards.
 * @return
 *   0, -EBUSY where a ring or the device is in another state, -EINVAL where a ring has the layout
 *   that was not negotiated or two have one index, else the transport's error. After an error the
 *   device is to be reset: what it knows of the rings is in dev->vqs.
 */
int virtio_device_start(struct virtio_device *dev, struct virtqueue *const *vqs, unsigned int n);

/**
 * Resets the whole device, 2.4, and waits for the proof.
 *
 * @return
 *   0: status is RESET and every ring of the device READY. -ETIMEDOUT or the transport's error: no
 *   proof; every ring that the device knew is BROKEN, and its memory and buffers stay.
 */
int virtio_device_reset(struct virtio_device *dev, uint32_t timeout_us);

#endif /* VIRTQUEUE_RESET_H */
