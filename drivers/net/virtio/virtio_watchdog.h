/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VIRTIO_WATCHDOG_H
#define VIRTIO_WATCHDOG_H

/**
 * @file
 * Transmit queues that the device does not serve after their start.
 */

#include "virtio.h"

/** Sets the watchdog for queues that were just started. Port's lock held. */
void virtio_watchdog_arm(struct virtio_port *port);

/** The worker, with the port's lock held: looks at queues that are not known to be served. */
void virtio_watchdog_serve(struct virtio_port *port);

#endif /* VIRTIO_WATCHDOG_H */
