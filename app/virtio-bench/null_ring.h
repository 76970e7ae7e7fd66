/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef BENCH_NULL_RING_H
#define BENCH_NULL_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

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
};

/** Asks the driver for no notifications. */
void null_ring_silence(struct null_ring *ring);

/**
 * Gives back up to n buffers in the order in which the driver made them available, untouched but
 * for a header of zeroes and one buffer, where it has sizes to say. Sizes are taken in turn.
 *
 * @return how many
 */
uint32_t null_ring_turn(struct null_ring *ring, uint32_t n, const uint16_t *sizes,
		uint32_t n_sizes);

#endif
