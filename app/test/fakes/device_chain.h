/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef DEVICE_CHAIN_H
#define DEVICE_CHAIN_H

/**
 * @file
 * What the device's side of a ring gets out of it, the same for both layouts.
 */

#include <stdbool.h>
#include <stdint.h>

#define DEVICE_MAX_CHAIN 64

/** Address that a driver gave to address of ours; NULL where it is none of ours. */
typedef void *(*device_map_t)(void *arg, uint64_t addr, uint64_t len);

/** One buffer of a chain. */
struct device_part {
	uint64_t addr;
	uint8_t *at; /**< addr as we see it */
	uint32_t len;
	bool writable;
};

struct device_chain {
	uint16_t head; /**< what it is given back by: split, its head; packed, its id */
	bool indirect;
	uint16_t descs; /**< descriptors of the ring that it occupies */
	uint16_t n;
	struct device_part part[DEVICE_MAX_CHAIN];
};

#endif /* DEVICE_CHAIN_H */
