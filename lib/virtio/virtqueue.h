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
 * Threads: control calls by one thread at a time. The functions of virtqueue_ring.h by the one
 * thread that polls the queue, while the owner's gate lets it in, or by the control thread while
 * the ring is READY. virtqueue_quarantine() by either.
 *
 * Upstream's driver numbers 2i for receive and 2i + 1 for transmit queue i (5.1.2) are `index`
 * here.
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_atomic.h>
#include <rte_branch_prediction.h>
#include <rte_common.h>

#include "virtio_device.h"

struct rte_memzone;

/**
 * Feature bits that the barriers of rings are good for. What orders accesses for another processor
 * orders them for a device on a bus (6.1, ORDER_PLATFORM) where the architecture keeps the order of
 * stores and of loads by itself, as x86 does; elsewhere it takes other instructions, which are not
 * here, and the bit is not taken: the device may then refuse the driver, or be in software.
 */
#ifdef RTE_ARCH_X86
#define VIRTQUEUE_ORDER_FEATURES VIRTIO_BIT(VIRTIO_F_ORDER_PLATFORM)
#else
#define VIRTQUEUE_ORDER_FEATURES 0
#endif

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
	uint16_t slot_area; /**< bytes of extra shared memory for each descriptor; a multiple of 16
			     */
	uint32_t area;      /**< bytes of extra shared memory in all, whatever the size; without
			     * slot_area, at vq->slot_area
			     */
	uint32_t buf_len;   /**< bytes of each buffer, where the device writes them; else 0 */
	int node;           /**< NUMA node of all its memory, SOCKET_ID_ANY for any */
};

/** What is known of a descriptor of a ring that is out of step. */
struct virtqueue_link {
	uint16_t count; /**< descriptors of the buffer whose head this is; 0 where it is none */
	uint16_t next;  /**< the next one's index, within a chain */
};

/*
 * Both layouts: as long as each buffer takes one descriptor the ring is "in step". The place where
 * a buffer is made available, the place where it is expected back and a place in the list of free
 * descriptors go round together: order[p] is the descriptor that place p takes next and, once it
 * was made available, the one that is expected back there. A device that uses buffers in the order
 * given then costs one comparison a buffer, which is also the check that the device had it. A
 * buffer that comes back out of order changes places with the one that was expected, so that
 * order[] from used_next to avail_next remains what the device has, no more and no less. With the
 * first chain the ring leaves step: order[] is then just a list of free descriptors, and links[]
 * tells what the device has. It comes back in step when the device has nothing, after a lap without
 * chains.
 *
 * With IN_ORDER a device may tell of several buffers at once, by the id of the last in the entry of
 * the first, and then has used all of the buffers before it (2.7.9, 2.8.9). Such a batch is noted
 * in batch_*, in buffers from used_next on, until all of it was taken: the entries within it are
 * not to be read. Of a split ring that is sent from, all that used->idx counts is noted as one.
 * Since everything comes back in the order given, the list of free descriptors stays in the order
 * of the ring out of step, too, and the entry behind its end is the buffer that is expected next.
 *
 * The process that polls a ring may be killed at any instruction, and what it leaves is given back
 * by virtqueue_reclaim() all the same: a buffer may be lost then, none is given back twice. Memory
 * is as the stores came in program order, so the order is all that it takes, of the stores that a
 * reclaim reads the results of:
 *
 * - taken, in step: free_count, then used_next, then the buffer goes to its new owner. In between
 *   the reclaim begins at the right place and ends early: the last ones are lost.
 * - made available, in step: cookies, then free_count. Before it the new ones are lost.
 * - two that change places in order[]: the farther one is nobody's while the nearer one changes.
 * - taken, out of step: links[].count 0, then the buffer goes to its new owner.
 * - a chain: the cookie is NULL before links[].count is set, and the buffer's once all is done.
 * - out of step: links[] is complete before in_step is false, and order[] is as it was until then.
 * - back in step: nothing is in flight, by links[] and by free_count.
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
			struct vring_packed_desc *ring;
			struct vring_packed_event *driver_event;
			struct vring_packed_event *device_event;
		};
	};
	void **cookies;    /**< by head: the owner's, valid while the device has it */
	uint16_t *order;   /**< see above; out of step: free descriptors, from free_head on */
	uint16_t *where;   /**< in step: by descriptor, its place in order */
	struct virtqueue_link *links; /**< out of step: by descriptor */
	uint8_t *slot_area; /**< conf.slot_area bytes for each descriptor */
	uint16_t mask;     /**< split: size - 1 */
	uint16_t size;
	uint16_t slot_size;
	bool event_idx;    /**< EVENT_IDX is in force */
	bool in_order;     /**< IN_ORDER is in force */
	bool in_step;
	bool by_place;     /**< in step, and order[p] is p: nothing came back out of order yet */
	uint64_t dev_delta; /**< see virtqueue_dev_addr() */

	/*
	 * What a burst writes. Split: the two indices run freely over 16 bits. Packed: they are
	 * places in the ring, with the wrap counters beside them.
	 */
	uint16_t avail_next __rte_cache_aligned; /**< next place to make a buffer available in */
	uint16_t used_next;  /**< next place to find a used buffer in */
	uint16_t free_count; /**< free descriptors */
	uint16_t free_head;  /**< out of step: place in order of the first free descriptor */
	uint16_t unchained;  /**< out of step: buffers of one descriptor since the last chain */
	uint16_t told;       /**< split: avail_next when the device was last told; packed: since */
	uint16_t rewrite;    /**< split, in step: entries of avail that are not yet as order */
	bool avail_wrap;     /**< packed */
	bool used_wrap;      /**< packed */
	uint16_t batch_from; /**< buffers from used_next to the batch that is noted */
	uint16_t batch_n;    /**< its buffers; 0: none is noted */
	uint32_t batch_len;  /**< what the device wrote into the last of them */
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

/**
 * READY -> LIVE on a running device: set-up, enable, one notify. Buffers are posted before.
 *
 * @return
 *   0. -EBUSY: the ring is not READY, the device not running, or it has another ring of this index.
 *   -EINVAL: the ring has the layout that was not negotiated.
 *   Else the transport's error: the ring was stopped again and is READY, or BROKEN without proof.
 */
int virtqueue_start(struct virtqueue *vq, uint32_t timeout_us);

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
 * Gives every buffer of a READY ring back, and makes the ring as new: zeroed, indices 0. Also of
 * one whose polling process was killed within a burst (struct virtqueue).
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
bool virtqueue_quarantine(struct virtqueue *vq, const char *why);

/**
 * In step: a head that is not the one expected at place `pos`. Lets the two change places.
 *
 * @param left
 *   Buffers that the device has from `pos` on.
 * @return
 *   false where the device does not have that buffer.
 */
bool virtqueue_reorder(struct virtqueue *vq, uint16_t pos, uint16_t left, uint32_t id);

/**
 * IN_ORDER: whether the buffer `i` buffers from used_next on is in the batch that is noted.
 *
 * @param[out] len
 *   If so, what the device wrote into it.
 */
static __rte_always_inline bool
virtqueue_in_batch(const struct virtqueue *vq, uint16_t i, uint32_t *len)
{
	const uint16_t at = i - vq->batch_from;

	if (likely(at >= vq->batch_n))
		return false;
	*len = at + 1 == vq->batch_n ? vq->batch_len : vq->conf.buf_len;
	return true;
}

/**
 * IN_ORDER, in step: an entry, `i` buffers from used_next on, with the id of another buffer than is
 * expected there, at place `pos`: notes the batch that ends with that buffer.
 *
 * @param left
 *   Buffers that the device has from `pos` on.
 * @param[in,out] len
 *   What the entry says was written; that of the batch's first buffer afterwards.
 * @return
 *   false where the device does not have that buffer.
 */
bool virtqueue_note_batch(struct virtqueue *vq, uint16_t i, uint16_t pos, uint16_t left,
			  uint32_t id, uint32_t *len);

/** IN_ORDER: the same out of step, for the entry of used_next, where `left` buffers at most are. */
bool virtqueue_note_chain_batch(struct virtqueue *vq, uint16_t left, uint32_t id, uint32_t len);

/** IN_ORDER, out of step: the head that is expected next. */
static inline uint16_t
virtqueue_next_head(const struct virtqueue *vq)
{
	return vq->order[(vq->free_head + vq->free_count) % vq->size];
}

/** Accounts for `n` buffers that were taken of what used_next counted from. */
static __rte_always_inline void
virtqueue_leave_batch(struct virtqueue *vq, uint16_t n)
{
	if (likely(vq->batch_n == 0))
		return;
	if (n <= vq->batch_from) {
		vq->batch_from -= n;
		return;
	}
	n -= vq->batch_from;
	vq->batch_from = 0;
	vq->batch_n -= RTE_MIN(n, vq->batch_n);
}

/** Leaves step, before the first chain. */
void virtqueue_leave_step(struct virtqueue *vq);

/** Out of step, with nothing in flight: back in step. */
void virtqueue_join_step(struct virtqueue *vq);

/**
 * Whether the ring is out of step, and would join it if all its buffers were taken. Not between
 * chains that come again and again: each time costs as much as the ring is long.
 */
static __rte_always_inline bool
virtqueue_wants_empty(const struct virtqueue *vq)
{
	return unlikely(!vq->in_step) && vq->unchained >= vq->size;
}

/** Out of step, after a buffer was taken: joins step where that can be. */
static __rte_always_inline void
virtqueue_try_step(struct virtqueue *vq)
{
	if (unlikely(vq->free_count == vq->size && virtqueue_wants_empty(vq)))
		virtqueue_join_step(vq);
}

/** Descriptors of the buffers that the device has used. For queries: may be a burst old. */
uint16_t virtqueue_used_descs(const struct virtqueue *vq);

/** Out of step: takes the first free descriptor; there must be one. */
static inline uint16_t
virtqueue_take(struct virtqueue *vq)
{
	const uint16_t id = vq->order[vq->free_head];

	if (++vq->free_head == vq->size)
		vq->free_head = 0;
	vq->free_count--;
	return id;
}

/** Out of step: a chain of `n` descriptors begins with `head`, and has no buffer yet. */
static inline void
virtqueue_open_chain(struct virtqueue *vq, uint16_t head, uint16_t n)
{
	vq->unchained = n > 1 ? 0 : RTE_MIN(vq->unchained + 1, UINT16_MAX);
	vq->cookies[head] = NULL;
	rte_compiler_barrier();
	vq->links[head].count = n;
}

/**
 * Out of step: frees the descriptors of a head that came back.
 *
 * @return
 *   How many they were; 0 where the device does not have that buffer.
 */
uint16_t virtqueue_give(struct virtqueue *vq, uint32_t head);

static inline enum virtqueue_state
virtqueue_state(const struct virtqueue *vq)
{
	return (enum virtqueue_state)__atomic_load_n(&vq->state, __ATOMIC_ACQUIRE);
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

#endif /* VIRTQUEUE_H */
