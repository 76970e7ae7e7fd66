/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VIRTIO_TIMES_H
#define VIRTIO_TIMES_H

/**
 * @file
 * How long the phases of a queue's stop and start took: the last time, and the 99th percentile of
 * the last ones. Written under the port's lock; readers may see a value of the time before.
 */

#include <stdint.h>

/** In the order in which a stop and a start go through them. */
enum virtio_phase {
	VIRTIO_PHASE_GATE,    /**< until no burst was under way any more */
	VIRTIO_PHASE_DRAIN,   /**< tx_drain_us, rx_drain_us: for packets that would be lost */
	VIRTIO_PHASE_DEVICE,  /**< from asking the device to its proof */
	VIRTIO_PHASE_RECLAIM, /**< until every buffer was back in its pool */
	VIRTIO_PHASE_FILL,    /**< start: a receive ring's buffers from the pool */
	VIRTIO_PHASE_START,   /**< start: until the device has enabled the ring */
	VIRTIO_PHASES,
};

/** Of so many last times; then the second largest is the 99th percentile. */
#define VIRTIO_TIMES_KEPT 128

struct virtio_times {
	uint64_t last_ns[VIRTIO_PHASES];
	uint64_t p99_ns[VIRTIO_PHASES];
	uint32_t count[VIRTIO_PHASES];
	uint64_t kept_ns[VIRTIO_PHASES][VIRTIO_TIMES_KEPT];
};

const char *virtio_phase_name(enum virtio_phase phase);

void virtio_times_add(struct virtio_times *times, enum virtio_phase phase, uint64_t ns);

/** A clock for the phases of one operation. */
struct virtio_stopwatch {
	uint64_t start;
	uint64_t lap;
};

void virtio_stopwatch_start(struct virtio_stopwatch *watch);

/** Nanoseconds since the last lap, or since the start. */
uint64_t virtio_stopwatch_lap(struct virtio_stopwatch *watch);

/** From the start to the last lap. */
uint64_t virtio_stopwatch_total(const struct virtio_stopwatch *watch);

#endif /* VIRTIO_TIMES_H */
