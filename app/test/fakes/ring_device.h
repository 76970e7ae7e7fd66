/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef RING_DEVICE_H
#define RING_DEVICE_H

/**
 * @file
 * The device's side of a ring of either layout.
 */

#include "packed_device.h"
#include "split_device.h"

struct ring_device {
	bool packed;
	struct split_device split;
	struct packed_device pack;
};

/** The three parts: of a packed ring, the descriptors and the driver's and device's event areas. */
size_t ring_device_desc_size(uint32_t size);
size_t ring_device_driver_size(uint32_t size, bool packed);
size_t ring_device_device_size(uint32_t size, bool packed);

/** Through this map from now on, also after an open. */
void ring_device_map(struct ring_device *rd, device_map_t map, void *arg);
void ring_device_open(struct ring_device *rd, uint32_t size, bool packed, void *desc, void *driver,
		      void *device, bool event_idx);
void ring_device_close(struct ring_device *rd);
/** The same ring at other addresses. */
void ring_device_move(struct ring_device *rd, void *desc, void *driver, void *device);

bool ring_device_waiting(const struct ring_device *rd);
bool ring_device_take(struct ring_device *rd, struct device_chain *chain);
void ring_device_use(struct ring_device *rd, uint16_t head, uint32_t len);
/** With IN_ORDER: the next n buffers at once; len is that of the last. */
void ring_device_use_batch(struct ring_device *rd, const uint16_t *heads, uint16_t n,
			   uint32_t len);
void ring_device_use_raw(struct ring_device *rd, uint32_t id, uint32_t len);

/** Where it is, as GET_VRING_BASE answers: of a packed ring both places and wrap counters. */
uint32_t ring_device_base(const struct ring_device *rd);

/** Whether the driver wants an interrupt for what was used since the last call. */
bool ring_device_interrupts(struct ring_device *rd);

/** No doorbell is wanted, or one always. */
void ring_device_set_no_notify(struct ring_device *rd, bool on);
/**
 * With EVENT_IDX: a doorbell is wanted once this descriptor (packed) or entry (split) is available,
 * counted from 0 since the ring began.
 */
void ring_device_set_event(struct ring_device *rd, uint64_t number);

/** Empty: the driver has broken no rule. */
const char *ring_device_breach(const struct ring_device *rd);

/** Whether all of `len` bytes are 0. */
bool ring_device_is_zero(const void *at, size_t len);
/** Whether the device's area is as it has to be when a ring is set up: zero. */
bool ring_device_area_is_zero(uint32_t size, bool packed, const void *device);
/** Fills what a device may write with what an earlier life might have left. */
void ring_device_poison(uint32_t size, bool packed, void *desc, void *device);

#endif /* RING_DEVICE_H */
