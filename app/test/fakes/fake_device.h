/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef FAKE_DEVICE_H
#define FAKE_DEVICE_H

/**
 * @file
 * A device in this process's memory, as a transport of kind VIRTIO_TRANSPORT_TEST. It does what it
 * is asked for at once, unless a knob says otherwise, and keeps a record of what it was asked.
 *
 * Time: nothing here waits for a clock but a device that never answers, which sleeps until the
 * deadline. A late answer is late by a number of waits.
 */

#include "ring_device.h"
#include "virtio_device.h"
#include "virtqueue.h"

#define FAKE_MAX_QUEUES 8
#define FAKE_MAX_RECORD 256

/** How the device takes a request to stop a ring, or to reset itself. */
enum fake_answer {
	FAKE_OBEYS,
	FAKE_LATE,    /**< after so many waits */
	FAKE_NEVER,   /**< until fake_answer_now() */
	FAKE_REFUSES, /**< -EIO */
	FAKE_GONE,    /**< -ENODEV: gone, and nothing more is known of it */
};

enum fake_op {
	FAKE_GET_FEATURES,
	FAKE_SET_FEATURES,
	FAKE_SET_STATUS, /* value: status */
	FAKE_GET_STATUS,
	FAKE_SETUP,      /* value: ring, from here to FAKE_NOTIFY */
	FAKE_ENABLE,
	FAKE_STOP_ASK,
	FAKE_NOTIFY,
	FAKE_RESET_ASK,
	FAKE_WAIT,
	FAKE_OPS
};

struct fake_record {
	enum fake_op op;
	unsigned int value;
};

struct fake_queue {
	struct ring_device ring; /**< the device's view, while set up */
	bool set_up;
	bool enabled;
	bool stopping;
	enum fake_answer answer;  /**< to a stop */
	unsigned int late_waits;  /**< for FAKE_LATE */
	unsigned int asked_at;    /**< waits when it was asked */
	unsigned int notified;
};

struct fake_device {
	struct virtio_device dev;
	uint64_t features;         /**< offered */
	uint8_t status;            /**< as the device holds it */
	bool refuses_features;     /**< does not keep FEATURES_OK */
	enum fake_answer reset_answer;
	unsigned int reset_late_waits;
	unsigned int reset_asked_at;
	bool resetting;
	int fail[FAKE_OPS];        /**< errno that an op answers with, 0: none */
	unsigned int fail_after[FAKE_OPS]; /**< calls of that op that still succeed */
	struct fake_queue queue[FAKE_MAX_QUEUES];
	unsigned int waits;
	struct fake_record record[FAKE_MAX_RECORD];
	unsigned int nb_record;
	char breach[160];          /**< first breach of the rules by the driver, empty: none */
};

/** A device with VERSION_1, INDIRECT_DESC, RING_RESET and, where asked, EVENT_IDX. */
struct fake_device *fake_device_create(uint16_t nb_queues, bool event_idx);
void fake_device_destroy(struct fake_device *fake);

/** Brings it to DRIVER_OK with no ring known, or these. */
void fake_device_run(struct fake_device *fake, struct virtqueue *const *vqs, unsigned int n);

/** What was to come never or late comes now: of the ring's stop, and of the device's reset. */
void fake_answer_now(struct fake_device *fake, uint16_t index);

/** The device's view of a ring that it may touch. */
struct ring_device *fake_ring(struct fake_device *fake, uint16_t index);

void fake_forget_record(struct fake_device *fake);
/** The record as text, "setup 0, enable 0, notify 0", valid until the next call. */
const char *fake_recorded(const struct fake_device *fake);
unsigned int fake_count(const struct fake_device *fake, enum fake_op op);

/** Ends the case where the driver broke a rule, in a ring or in the order of calls. */
void fake_check(const struct fake_device *fake);

#endif /* FAKE_DEVICE_H */
