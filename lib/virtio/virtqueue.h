/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VIRTQUEUE_H
#define VIRTQUEUE_H

/**
 * @file
 * One ring and its life. The ring is the unit: it is made, filled, run, stopped, emptied and freed
 * alone, whatever the transport and the layout.
 *
 *     create --> READY -- start --> LIVE -- stop --> STOPPING -- proven --> READY --> destroy
 *                                    |                  |
 *                                    +-- hostile ring --+-- no proof in time --> BROKEN
 *
 * READY: the memory is ours, to fill and to empty. LIVE and STOPPING: the device may touch it.
 * BROKEN: it may still, and nothing is freed; a stop or a device reset that is proven later leads
 * to READY.
 *
 * Threads: control calls by one thread at a time. The functions of virtqueue_split.h by the one
 * thread that polls the queue, while the owner's gate lets it in, or by the control thread while
 * the ring is READY. virtqueue_quarantine() by either.
 *
 * Upstream's driver numbers 2i for receive and 2i + 1 for transmit queue i (5.1.2) are `index`
 * here.
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_common.h>

#include "virtio_device.h"

struct rte_memzone;

enum virtqueue_state {
	VIRTQUEUE_READY,
	VIRTQUEUE_LIVE,
	VIRTQUEUE_STOPPING,
	VIRTQUEUE_BROKEN,
};

/** What is wanted of a ring: a plain value, never read back from the ring. */
struct virtqueue_conf {
	uint16_t size;      /**< descriptors: a power of two up to VIRTIO_SPLIT_RING_MAX */
	uint16_t slot_area; /**< bytes of extra shared memory for each descriptor; a multiple of 16
			     */
	int node;           /**< NUMA node of all its memory, SOCKET_ID_ANY for any */
};

/** What is known of a descriptor. */
struct virtqueue_link {
	uint16_t count; /**< descriptors of the chain whose head this is; 1 while it is none */
	uint16_t next;  /**< the next one's index, within a chain */
	uint16_t where; /**< of a head that the device has: its entry of the avail ring */
};

struct virtqueue {
	/* What a burst reads. */
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	void **cookies;    /**< by head: the owner's, valid while the device has it */
	uint16_t *order;   /**< free descriptors, first in first out, from free_head on */
	uint16_t *offered; /**< head made available, by entry of the avail ring; not used in step */
	struct virtqueue_link *links; /**< by descriptor */
	uint8_t *slot_area; /**< conf.slot_area bytes for each descriptor */
	uint16_t mask;     /**< size - 1 */
	uint16_t size;
	uint16_t slot_size;
	bool event_idx;    /**< EVENT_IDX is in force */
	bool in_step;      /**< each buffer has had one descriptor so far, see virtqueue_split.h */

	/* What a burst writes. Indices run freely over 16 bits. */
	uint16_t avail_next __rte_cache_aligned; /**< next entry of avail to fill */
	uint16_t avail_told; /**< avail_next when the device was last told or known not to care */
	uint16_t used_next;  /**< next entry of used to take */
	uint16_t free_head;  /**< next entry of order to take */
	uint16_t free_count; /**< free descriptors */
	uint16_t rewrite; /**< in step: entries of the avail ring that are not as order has them */
	uint64_t notified;   /**< doorbells rung */

	/* The control side's. */
	struct virtio_device *dev __rte_cache_aligned;
	struct virtqueue_conf conf;
	uint16_t index;
	uint32_t state;      /**< enum virtqueue_state, atomic: the poller may set BROKEN */
	const struct rte_memzone *memory;
};

/**
 * Makes a ring in state READY: zeroed, empty. The device does not know of it.
 *
 * @return
 *   0 and the ring in *vq. -EINVAL: size or index. -ENOMEM.
 */
int virtqueue_create(struct virtio_device *dev, uint16_t index, const struct virtqueue_conf *conf,
		     struct virtqueue **vq);

/**
 * Frees a ring. Its buffers are to be reclaimed before.
 *
 * @return
 *   0. -EBUSY: not READY, the device may touch it; nothing was freed.
 */
int virtqueue_destroy(struct virtqueue *vq);

/**
 * READY -> LIVE on a running device: set-up, enable, one notify. Buffers are posted before.
 *
 * @return
 *   0. -EBUSY: the ring is not READY, the device not running, or it has another ring of this index.
 *   Else the transport's error: the ring was stopped again and is READY, or BROKEN without proof.
 */
int virtqueue_start(struct virtqueue *vq, uint32_t timeout_us);

/** What an owner gets its buffer back with; called once for each cookie, in no order. */
typedef void (*virtqueue_give_back_t)(void *owner, void *cookie);

/**
 * Gives every buffer of a READY ring back, and makes the ring as new: zeroed, indices 0.
 *
 * @return
 *   Number of buffers given back, -EBUSY where the ring is not READY.
 */
int virtqueue_reclaim(struct virtqueue *vq, virtqueue_give_back_t give_back, void *owner);

/**
 * Takes a LIVE ring whose device broke the rules out of service: BROKEN, with one log line. The
 * caller sees to it that nothing polls it any more. For the polling thread.
 *
 * @return
 *   true where this call did it, false where the ring was not LIVE any more.
 */
bool virtqueue_quarantine(struct virtqueue *vq, const char *why);

static inline enum virtqueue_state
virtqueue_state(const struct virtqueue *vq)
{
	return (enum virtqueue_state)__atomic_load_n(&vq->state, __ATOMIC_ACQUIRE);
}

/** The one setter; a log line for each change. For the files of this folder. */
void virtqueue_set_state(struct virtqueue *vq, enum virtqueue_state state);

const char *virtqueue_state_name(enum virtqueue_state state);

/** Rings the doorbell. */
static inline void
virtqueue_notify(struct virtqueue *vq)
{
	vq->notified++;
	virtio_device_ops(vq->dev)->queue_notify(vq);
}

#endif /* VIRTQUEUE_H */
