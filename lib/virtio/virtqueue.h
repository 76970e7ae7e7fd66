/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

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
 * Threads: control calls by one thread at a time. The functions of virtqueue_ring.h by the one
 * thread that polls the queue, while the owner's gate lets it in, or by the control thread while
 * the ring is READY. virtqueue_set_broken() by either.
 *
 * Upstream's driver numbers 2i for receive and 2i + 1 for transmit queue i (5.1.2) are `index`
 * here.
 */

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>

#include "virtio_compat.h"
#include "virtio_device.h"

struct rte_memzone;

/** Feature bits that the barriers of rings are good for, 6.1: see virtqueue_order.h. */
#define VIRTQUEUE_ORDER_FEATURES VIRTIO_BIT(VIRTIO_F_ORDER_PLATFORM)

enum virtqueue_state {
	VIRTQUEUE_READY,
	VIRTQUEUE_LIVE,
	VIRTQUEUE_STOPPING,
	VIRTQUEUE_BROKEN,
};

#define VIRTQUEUE_NAME_SIZE 48

/** What is wanted of a ring: a plain value, never read back from the ring. */
struct virtqueue_conf {
	/** In log lines, in the owner's terms; empty: the device's name and the index. */
	char name[VIRTQUEUE_NAME_SIZE];
	uint16_t size;      /**< descriptors: split, a power of two; packed, any; at most 32768 */
	bool packed;        /**< layout; to match RING_PACKED when the ring is started */
	/** Bytes of extra shared memory for each descriptor; a multiple of 16. */
	uint16_t slot_area;
	/** Bytes of extra shared memory in all; without slot_area, at vq->slot_area. */
	uint32_t area;
	uint32_t buf_len;   /**< bytes of each buffer, where the device writes them; else 0 */
	int node;           /**< NUMA node of all its memory, SOCKET_ID_ANY for any */
};

/** In order[], in place of a descriptor, while two of them change places. */
#define VIRTQUEUE_NO_DESC UINT16_MAX

/** A place in a ring, to make the next buffer available or to find the next used one. */
struct virtqueue_place {
	uint16_t pos; /**< in order[]; packed: in the descriptor ring too */
	uint16_t idx; /**< split: buffers so far, modulo 65536, as in avail->idx and used->idx */
	bool wrap;    /**< packed: the wrap counter, 2.8.1 */
};

/** The descriptors of a buffer. */
struct virtqueue_link {
	uint16_t count; /**< by head: descriptors of the buffer; 1 unless it is a chain in flight */
	uint16_t next;  /**< by descriptor: the next one of the same chain */
};

/*
 * order[] is a queue of all descriptors, for both layouts: the device has those from
 * next_used.pos on, size - free_count of them, and the others are free. A buffer takes its
 * descriptors from next_avail.pos on, and they become free when next_used.pos moves over them.
 * where[] is the inverse of order[].
 *
 * A device that uses buffers in the order in which they were made available costs one comparison
 * a buffer: the id that it writes against order[next_used.pos]. The comparison is also the check
 * that the device has that buffer. A buffer that is used out of order first changes places in
 * order[] with what was expected, descriptor by descriptor. That costs as many steps as the buffer
 * has descriptors, whatever the size of the ring. The descriptors of a chain need not lie in a row
 * in order[] afterwards; links[] has them.
 *
 * With IN_ORDER a device may report several buffers at once, by the id of the last of them
 * (2.7.9, 2.8.9). The buffers of such a batch that were not taken yet are counted in used_known,
 * and the device's entries for them are not read.
 *
 * A process that polls a ring may be killed at any instruction. virtqueue_reclaim() then returns
 * every buffer once or not at all, because stores become visible in program order and
 * 1. a buffer's cookie is stored, and that of the other descriptors of its chain is NULL, before
 *    free_count is lowered;
 * 2. free_count is raised before next_used.pos moves, and both before the buffer has a new owner;
 * 3. no descriptor is in order[] twice while two of them change places.
 */
struct virtqueue {
	/* What a burst reads. */
	union {
		struct { /* split */
			struct vring_desc *desc;
			struct vring_avail *avail;
			struct vring_used *used;
		};
		struct { /* packed */
			struct vring_packed_desc *ring; /* of descriptors */
			struct vring_packed_event *driver_event;
			struct vring_packed_event *device_event;
		};
	};
	void **cookies;    /**< by head: the owner's, valid while the device has the buffer */
	uint16_t *order;   /**< the queue of descriptors, see above */
	uint16_t *where;   /**< by descriptor: its place in order[] */
	struct virtqueue_link *links; /**< by descriptor */
	uint8_t *slot_area; /**< conf.slot_area bytes for each descriptor */
	uint16_t mask;     /**< split: size - 1 */
	uint16_t size;
	bool event_idx;    /**< EVENT_IDX is in force */
	bool in_order;     /**< IN_ORDER is in force */
	bool is_identity;  /**< order[p] is p: every buffer so far was used in order; a hint */
	bool has_batches;  /**< IN_ORDER: the device left out used entries; a hint */
	uint64_t dev_delta; /**< see virtqueue_dev_addr() */

	/* What a burst writes. */
	alignas(RTE_CACHE_LINE_SIZE) struct virtqueue_place next_avail; /**< of the next buffer */
	struct virtqueue_place next_used; /**< where the next used buffer is expected */
	uint16_t free_count; /**< free descriptors */
	uint16_t chains;     /**< buffers of several descriptors that the device has */
	uint16_t used_known; /**< IN_ORDER: buffers from next_used on that are used for certain */
	uint16_t used_seen;  /**< packed: descriptors from next_used on that ring_has() saw used */
	uint16_t notified_at; /**< next_avail.idx at the last notification; packed: since then */
	uint16_t rewrite;    /**< split: entries of avail that may differ from order[] */
	uint32_t used_known_len; /**< bytes written to the last of the used_known buffers */
	uint64_t notified;   /**< notifications sent */

	/* The control side's. */
	alignas(RTE_CACHE_LINE_SIZE) struct virtio_device *dev;
	struct virtqueue_conf conf;
	uint16_t index;
	RTE_ATOMIC(uint32_t) state; /**< enum virtqueue_state, atomic: the poller may set BROKEN */
	const struct rte_memzone *memory;
};

/**
 * Makes a ring in state READY: zeroed, empty. The device does not know of it.
 *
 * @return
 *   0 and the ring in *vq. -EINVAL: size or index, which may be the device's limit. -ENOMEM.
 *   -ENOTSUP: the device knows memory by IOVA, and there is none. Else the transport's error.
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

/** What an owner gets its buffer back with; called once for each cookie, in no order. */
typedef void (*virtqueue_cookie_t)(void *arg, void *cookie);

/**
 * Calls fn with each cookie whose buffer the device has. While nobody polls the ring.
 *
 * @return
 *   How many.
 */
int virtqueue_each_in_flight(struct virtqueue *vq, virtqueue_cookie_t fn, void *arg);

/**
 * Gives every buffer of a READY ring back, and makes the ring as new: zeroed, indices 0. This also
 * holds for a ring whose polling process was killed within a burst (struct virtqueue).
 *
 * @return
 *   Number of buffers given back, -EBUSY where the ring is not READY.
 */
int virtqueue_reclaim(struct virtqueue *vq, virtqueue_cookie_t give_back, void *owner);

/**
 * Takes a LIVE ring whose device broke the rules out of service: BROKEN, with one log line. The
 * caller sees to it that nothing polls it any more. For the polling thread.
 *
 * @return
 *   true where this call did it, false where the ring was not LIVE any more.
 */
bool virtqueue_set_broken(struct virtqueue *vq, const char *why);

/**
 * Keeps a ring whose stop was proven, but that a thread still polls: BROKEN, until a stop or a
 * device reset is proven again. The caller sees to it that nothing enters the ring any more. For
 * the control thread.
 *
 * @return
 *   0. -EINVAL: the ring is LIVE or STOPPING, and virtqueue_stop() is right; nothing has changed.
 */
int virtqueue_keep(struct virtqueue *vq);

/** Descriptors of the buffers that the device has used. For queries: may be a burst old. */
uint16_t virtqueue_used_descs(const struct virtqueue *vq);

/** Descriptors that the device has, used or not. For queries it may be a burst old. */
static __rte_always_inline uint16_t
virtqueue_in_flight(const struct virtqueue *vq)
{
	return vq->size - vq->free_count;
}

static inline enum virtqueue_state
virtqueue_state(const struct virtqueue *vq)
{
	/* Pairs with the releases of those who change it (control_publish.litmus). */
	return (enum virtqueue_state)rte_atomic_load_explicit(&vq->state, rte_memory_order_acquire);
}

/**
 * Address by which the device knows a byte of the ring's shared memory: its parts, and slot_area.
 * An IOVA where vq->dev->by_iova, else the virtual address; one addition either way. It does not
 * hold for memory of anybody else, a packet buffer's for one.
 */
static inline uint64_t
virtqueue_dev_addr(const struct virtqueue *vq, const volatile void *at)
{
	return (uint64_t)(uintptr_t)at + vq->dev_delta;
}

/**
 * SET_VRING_BASE of a new ring, for vhost: indices 0; of a packed ring with the wrap counters 1,
 * the device's next available descriptor in the lower half, the used one in the upper half, which
 * some back-ends read and some do not.
 */
static inline uint32_t
virtqueue_vhost_base(const struct virtqueue *vq)
{
	return vq->conf.packed ? 0x80008000 : 0;
}

/**
 * 0, or -EINVAL, with a message under that name, where a ring of the device cannot have that size.
 * For this folder.
 */
int virtqueue_check_size(const struct virtio_device *dev, const char *name, uint16_t size,
			 uint16_t max);

/** 0, or -EINVAL where the ring has the layout that was not negotiated. For this folder. */
int virtqueue_check_layout(const struct virtqueue *vq);

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

/** The notification of a start, whatever the suppression says: an earlier one may be lost. */
static inline void
virtqueue_notify_start(struct virtqueue *vq)
{
	vq->notified_at = vq->conf.packed ? 0 : vq->next_avail.idx;
	virtqueue_notify(vq);
}

#endif /* VIRTQUEUE_H */
