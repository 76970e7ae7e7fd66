/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef PACKED_DEVICE_H
#define PACKED_DEVICE_H

/**
 * @file
 * The device's side of a packed ring, written from section 2.8 of the specification and from
 * nothing of lib/virtio: as split_device.h is for the other layout.
 *
 * Threads: one at a time.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "device_chain.h"

struct packed_device {
	uint8_t *desc;
	uint8_t *driver_event;
	uint8_t *device_event;
	uint32_t size;
	bool event_idx;
	uint32_t avail_at;   /**< place to look at for the next buffer */
	bool avail_wrap;
	uint32_t used_at;    /**< place to write the next used buffer to */
	bool used_wrap;
	uint32_t held;       /**< descriptors taken and not used yet */
	uint16_t *descs;     /**< by id, below size: descriptors of the buffer that had it last */
	bool *in_flight;     /**< by id: taken, not used yet */
	uint8_t (*before)[16]; /**< by place: what a raw use was written over */
	device_map_t map;
	void *map_arg;
	/**
	 * Length, id and flags are one access, as the driver's are. To the thread sanitizer,
	 * accesses of different sizes are of different variables.
	 */
	bool in_one;
	char breach[160];    /**< first breach of the rules by the driver, empty: none */
};

/** Bytes of the descriptor ring, and of each of the two event areas, 2.8. */
size_t packed_device_desc_size(uint32_t size);
#define PACKED_DEVICE_EVENT_SIZE 4

/** Begins with a ring as 2.8.1 has it: at place 0, both wrap counters 1. */
void packed_device_open(struct packed_device *pd, uint32_t size, void *desc, void *driver_event,
			void *device_event, bool event_idx);
void packed_device_close(struct packed_device *pd);

/** Whether a buffer is available that was not taken yet. */
bool packed_device_waiting(const struct packed_device *pd);

/** Takes the next buffer; false where there is none (or a breach was found). */
bool packed_device_take(struct packed_device *pd, struct device_chain *chain);

/** Gives a buffer back with so many bytes written. */
void packed_device_use(struct packed_device *pd, uint16_t id, uint32_t len);

/**
 * With IN_ORDER: gives the next n buffers back at once, by one descriptor with the last of them
 * (2.8.9).
 */
void packed_device_use_batch(struct packed_device *pd, const uint16_t *ids, uint16_t n,
			     uint32_t len);

/** Writes a used descriptor, whatever is in it, and steps on by what the id had last. */
void packed_device_use_raw(struct packed_device *pd, uint16_t id, uint32_t len);

/** Makes raw uses undone, from the last one back to that at this place of this lap. */
void packed_device_take_back(struct packed_device *pd, uint32_t place, bool wrap);

/** Whether the driver wants an interrupt for what was used last, 2.8.10. */
bool packed_device_interrupts(struct packed_device *pd);

/** Notifications that the device requests, 2.8.10: 2.8.14's flags, and their place. */
enum packed_device_event {
	PACKED_DEVICE_ALWAYS = 0,
	PACKED_DEVICE_NEVER = 1,
	PACKED_DEVICE_AT = 2,
};
void packed_device_set_event(struct packed_device *pd, enum packed_device_event flags,
			     uint32_t place, bool wrap);

#endif /* PACKED_DEVICE_H */
