/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef RING_H
#define RING_H

/**
 * @file
 * Rings for tests: made, filled with buffers that can be distinguished, and fenced.
 */

#include "fake_device.h"
#include "test.h"
#include "virtqueue.h"
#include "virtqueue_reset.h"
#include "virtqueue_ring.h"

/** So long that only a test that hangs gets there. */
#define PATIENCE_US 20000000
/** So short that a test may wait for it to pass. */
#define SHORT_US 2000

/** A device of one queue that offers what such a ring needs. */
struct fake_device *ring_device_for(const struct ring_conf *ring);
/** A READY ring of a device. */
struct virtqueue *ring_create(struct virtio_device *dev, uint16_t index,
			      const struct ring_conf *ring);
/** Frees a READY ring, empty or not. */
void ring_destroy(struct virtqueue *vq);

/**
 * Puts the ring's private arrays into blocks of the C library's heap, which the address sanitizer
 * watches, and poisons the gaps of the shared memory. Taken back by ring_unfence(), which is needed
 * before the ring is reclaimed or destroyed. Without that sanitizer neither does anything.
 */
struct ring_fence {
	void **cookies;
	uint16_t *order;
	uint16_t *where;
	struct virtqueue_link *links;
};
void ring_fence(struct virtqueue *vq, struct ring_fence *fence);
void ring_unfence(struct virtqueue *vq, struct ring_fence *fence);

/** Buffers of a test; a cookie is a pointer to one of them. */
struct buffer {
	uint16_t number;
	uint16_t posted;   /**< times given to the ring */
	uint16_t returned; /**< times it came back, used or reclaimed */
	uint8_t data[56];
};

/** Posts a buffer, on a chain of so many descriptors. Not published. */
void ring_post(struct virtqueue *vq, struct buffer *b, uint16_t descs, uint16_t flags);

/** virtqueue_cookie_t; owner is NULL or an unsigned int that counts. */
void ring_take_back(void *owner, void *cookie);

/** Ends the case unless every one of n buffers came back as often as it was posted. */
void ring_check_returned(const struct buffer *buffers, unsigned int n);

/** lib/virtio's functions of the layout that the ring has. */
static inline int
ring_ready(const struct virtqueue *vq)
{
	return ring_used(vq, UINT16_MAX, vq->conf.packed);
}

static inline void *
ring_get(struct virtqueue *vq, uint32_t *len)
{
	return ring_pop(vq, len, vq->conf.packed);
}

static inline void
ring_show(struct virtqueue *vq)
{
	ring_publish(vq, vq->conf.packed);
}

static inline bool
ring_asks(struct virtqueue *vq)
{
	return ring_must_notify(vq, vq->conf.packed);
}

/** The parts that the driver and the device write beside the descriptors. */
static inline uint8_t *
ring_driver_area(const struct virtqueue *vq)
{
	return vq->conf.packed ? (uint8_t *)vq->driver_event : (uint8_t *)vq->avail;
}

static inline uint8_t *
ring_device_area(const struct virtqueue *vq)
{
	return vq->conf.packed ? (uint8_t *)vq->device_event : (uint8_t *)vq->used;
}

/** Fills what a device may write with what an earlier life might have left. */
void ring_poison(struct virtqueue *vq);

/** Ends the case unless the ring's shared memory is as that of a new one. */
void ring_check_fresh(const struct virtqueue *vq);

#endif /* RING_H */
