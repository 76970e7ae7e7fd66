/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VIRTIO_ANNOUNCE_H
#define VIRTIO_ANNOUNCE_H

/**
 * @file
 * Announcements at the device's request, section 5.1.6.5.4: after a machine has moved, switches are
 * to learn where its address is now. The port sends a RARP frame and tells the device so.
 *
 * What was asked for and not yet done is in the device's status, and kept nowhere else. The frame
 * is of a pool of the driver's own: no other thread takes from the application's pools.
 */

#include <stdbool.h>

struct virtio_port;

/**
 * Whether the port would hear of a request: GUEST_ANNOUNCE is for those alone, since a device that
 * asks does not announce by itself.
 */
bool virtio_announce_heard(const struct virtio_port *port);

/** After configuration: makes the pool, if the port may be asked. 0, -ENOMEM with a line. */
int virtio_announce_configure(struct virtio_port *port);

/**
 * Does what the device asks for, if it does, on the first transmit queue that runs; its bursts
 * return 0 for the moment that takes. Without such a queue the request waits for the start of one.
 * When the device may have begun to ask: at a configuration interrupt, and when a transmit queue
 * has been started. Port's lock held.
 */
void virtio_guest_announce(struct virtio_port *port);

/** At close, when no ring has buffers any more: frees the pool, unless a frame stays taken. */
void virtio_announce_release(struct virtio_port *port);

#endif /* VIRTIO_ANNOUNCE_H */
