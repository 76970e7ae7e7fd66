/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef DEVICE_THREAD_H
#define DEVICE_THREAD_H

/**
 * @file
 * A device that is a thread of its own and changes what the driver reads while it reads it: used
 * entries and used->idx after they were published, descriptors, event areas, and headers and frames
 * in buffers.
 * What it does is chosen by a seed, and when it does it by the scheduler, so that an input is not
 * the same twice.
 *
 * Threads: the functions are called by one thread, and the device is another. It accesses the
 * memory between device_thread_begin() and device_thread_end() alone.
 */

#include <stdbool.h>
#include <stdint.h>

/** Rings and buffers that are shared with the driver. */
struct device_thread_ring {
	void *desc, *driver, *device; /**< its three parts */
	uint16_t size;
	bool packed;
};

#define DEVICE_THREAD_RINGS 2

struct device_thread_memory {
	struct device_thread_ring ring[DEVICE_THREAD_RINGS];
	void *const *buffer; /**< where data begin */
	unsigned int nb_buffers;
	uint16_t buffer_size; /**< bytes of each that the device changes */
};

/** The device begins; the first call makes the thread. */
void device_thread_begin(const struct device_thread_memory *memory, uint64_t seed);

/** The device ends: it accesses nothing from the return on. */
void device_thread_end(void);

#endif /* DEVICE_THREAD_H */
