/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VHOST_USER_KICKS_H
#define VHOST_USER_KICKS_H

/**
 * @file
 * The descriptors that notify a vhost back-end of new buffers, one a ring. A descriptor's
 * number means something in its own process only, so each process has a table of its own: the
 * primary makes them, a secondary gets its copies by a message.
 *
 * Threads: making, fetching and closing by any; looking up by those that poll the device's queues.
 */

#include <stdint.h>

struct virtio_device;
struct virtqueue;

/** What is said to a user whose process has no descriptors left. */
#define VHOST_USER_MORE_FILES ". Raise the limit of open files (ulimit -n), or use fewer queues."

/**
 * Primary: makes the descriptors (eventfd, not blocking) of a device, and gives them to secondaries
 * that ask.
 *
 * @return
 *   0. -EMFILE and others of eventfd(2), with a message. -ENOMEM. Else what EAL says.
 */
int vhost_user_kicks_create(struct virtio_device *dev, uint16_t nb_rings);

/**
 * Secondary: gets those of the primary's device.
 *
 * @return
 *   0. -ETIMEDOUT: no answer. -ENODEV: the primary does not have this device any more. -EPROTO: an
 *   invalid answer. -ENOMEM. Else what EAL says.
 */
int vhost_user_kicks_fetch(struct virtio_device *dev, uint16_t nb_rings);

/** Closes this process's. */
void vhost_user_kicks_close(const struct virtio_device *dev);

/** This process's descriptor of a ring. -1: it has none. */
int vhost_user_kick_fd(const struct virtio_device *dev, uint16_t index);

/** Raises it: queue_notify of struct virtio_transport_ops. */
void vhost_user_kick(struct virtqueue *vq);

#endif /* VHOST_USER_KICKS_H */
