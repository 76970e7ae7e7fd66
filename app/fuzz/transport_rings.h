/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef TRANSPORT_RINGS_H
#define TRANSPORT_RINGS_H

/**
 * @file
 * The rings of a target that is about a transport: made with buffers, started, stopped, emptied and
 * destroyed, as the input says.
 *
 * Threads: one.
 */

#include <stdbool.h>

#include "fuzz.h"
#include "ring.h"

#define TRANSPORT_RINGS_MAX 6
#define TRANSPORT_RING_BUFFERS 4

struct transport_rings {
	struct virtqueue *vq[TRANSPORT_RINGS_MAX]; /**< NULL: not made */
	struct buffer buffers[TRANSPORT_RINGS_MAX][TRANSPORT_RING_BUFFERS];
};

/** No ring is made. */
void transport_rings_init(struct transport_rings *rings);

/**
 * Makes a ring and fills it with buffers.
 *
 * @param conf
 *   Its size, at least TRANSPORT_RING_BUFFERS, and layout; the rest is filled in.
 * @return
 *   What virtqueue_create() says.
 */
int transport_ring_make(struct transport_rings *rings, struct virtio_device *dev,
			unsigned int index, struct virtqueue_conf conf);

/** Ends the program if a ring is READY of which `has` says that the device may access it. */
void transport_rings_check(const struct transport_rings *rings,
			   bool (*has)(const void *arg, const struct virtqueue *vq),
			   const void *arg);

/* These are about a ring that is made. */

/** Takes all buffers back and posts them again, where the ring is the driver's. */
void transport_ring_refill(struct transport_rings *rings, unsigned int index);

/** Stops it, within a time that the input has. */
void transport_ring_stop(struct virtqueue *vq, struct fuzz_input *in);

/** Starts it, within a time that the input has: what virtqueue_start() says. */
int transport_ring_start(struct virtqueue *vq, struct fuzz_input *in);

/** One of these, or it breaks, or is notified of, as the input says. */
void transport_ring_step(struct transport_rings *rings, unsigned int index, struct fuzz_input *in);

/** Of a device that was reset: every buffer must have come back. */
void transport_rings_destroy(struct transport_rings *rings);

#endif /* TRANSPORT_RINGS_H */
