/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef SPLIT_DEVICE_H
#define SPLIT_DEVICE_H

/**
 * @file
 * The device's side of a split ring, written from section 2.7 of the specification and from nothing
 * of lib/virtio: it shares no struct and no number with it, so that a layout that is wrong on one
 * side does not fit the other.
 *
 * It looks hard at what the driver does and notes the first breach of the rules. It can break the
 * rules itself, where a test asks for that.
 *
 * Threads: one at a time.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "device_chain.h"

struct split_device {
	uint8_t *desc;
	uint8_t *avail;
	uint8_t *used;
	uint32_t size;
	bool event_idx;
	uint16_t avail_idx; /**< next entry of avail to take */
	uint16_t used_idx;  /**< next entry of used to write */
	uint16_t decided;   /**< used_idx when it was last decided on an interrupt */
	bool *in_flight;    /**< by descriptor: taken from avail, not used yet */
	int32_t *after;     /**< by descriptor in flight: the next one of its chain, or -1 */
	device_map_t map;
	void *map_arg;
	char breach[160];   /**< first breach of the rules by the driver, empty: none */
};

/** Bytes of the three parts, 2.7. */
size_t split_device_desc_size(uint32_t size);
size_t split_device_avail_size(uint32_t size);
size_t split_device_used_size(uint32_t size);

/** Begins with a ring: takes the used index that is in its memory, as back-ends do. */
void split_device_open(struct split_device *sd, uint32_t size, void *desc, void *avail, void *used,
		       bool event_idx);
void split_device_close(struct split_device *sd);

/** Buffers offered and not taken yet. */
uint16_t split_device_waiting(const struct split_device *sd);

/** Takes the next buffer; false where there is none (or a breach was found). */
bool split_device_take(struct split_device *sd, struct device_chain *chain);

/** Gives a buffer back with so many bytes written. */
void split_device_use(struct split_device *sd, uint16_t head, uint32_t len);

/**
 * With IN_ORDER: gives the next n buffers back at once, by one entry with the last of them (2.7.9).
 */
void split_device_use_batch(struct split_device *sd, const uint16_t *heads, uint16_t n,
			    uint32_t len);

/** Writes an entry of the used ring, whatever is in it, and steps the index. */
void split_device_use_raw(struct split_device *sd, uint32_t id, uint32_t len);

/** Sets the used index, whatever it is. */
void split_device_set_used_idx(struct split_device *sd, uint16_t idx);

/** The words by which the device says whether it wants a doorbell, 2.7.10. */
void split_device_set_no_notify(struct split_device *sd, bool on);
void split_device_set_avail_event(struct split_device *sd, uint16_t idx);

/** What the driver says about interrupts, 2.7.7. */
uint16_t split_device_avail_flags(const struct split_device *sd);
/** Whether the driver wants an interrupt for what was used since the last call, 2.7.7. */
bool split_device_interrupts(struct split_device *sd);
uint16_t split_device_avail_idx(const struct split_device *sd);

#endif /* SPLIT_DEVICE_H */
