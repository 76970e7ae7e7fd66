/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef BENCH_NULL_RING_H
#define BENCH_NULL_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/** The order in which a device uses the buffers that it has. */
enum null_order {
	NULL_ORDER_TURN,	/**< that in which they were made available */
	NULL_ORDER_RANDOM,	/**< any, the same in every run */
	NULL_ORDER_ONE,		/**< the first two of each call change places */
	NULL_ORDER_ONCE,	/**< those of the first call do, and none after that */
};

/** A buffer that was taken and not used yet. */
struct null_buffer {
	uint64_t addr;
	uint16_t id;
	uint16_t descs;
};

/** A ring as its device sees it, at addresses of this process. */
struct null_ring {
	/* Written by the message thread while the ring is not live. */
	void *desc;
	void *driver;		/**< avail ring, or the driver's event area */
	void *device;		/**< used ring, or the device's event area */
	uint16_t size;
	bool packed;
	uint8_t header;		/**< bytes of the header before a packet */
	bool started, enabled;
	_Atomic bool live;	/**< the thread that turns descriptors round may do so */

	/* Written by that thread while it is. */
	uint16_t next;
	bool wrap;

	/* The same thread's, in another order than NULL_ORDER_TURN. */
	enum null_order order;
	bool exchanged;		/**< NULL_ORDER_ONCE: it has been */
	uint32_t random;
	uint16_t used_next;	/**< as `next` and `wrap`, of the buffers that are used */
	bool used_wrap;
	uint16_t n_held;
	struct null_buffer *held; /**< room for `size`; the oldest first */
};

/** Sets the ring's `next` and `wrap`, and forgets what was taken. */
void null_ring_begin(struct null_ring *ring, uint16_t next, bool wrap);

/** Asks the driver for no notifications. */
void null_ring_silence(struct null_ring *ring);

/**
 * Gives back up to n buffers in the ring's order, untouched but for a header of zeroes and one
 * buffer, where it has sizes to say. Sizes are taken in turn.
 *
 * @return how many
 */
uint32_t null_ring_turn(struct null_ring *ring, uint32_t n, const uint16_t *sizes,
		uint32_t n_sizes);

#endif
