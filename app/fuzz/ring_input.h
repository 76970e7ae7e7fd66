/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef RING_INPUT_H
#define RING_INPUT_H

/**
 * @file
 * One input of the fuzz target: its bytes choose a ring, and then what the driver and the device
 * do with it, one step after the other.
 *
 * An obeying device takes buffers and uses them by the rules. A hostile one writes anything
 * anywhere in the shared memory, at any time between two calls of the driver; from its first such
 * write until the next reset only what holds for every device is checked.
 *
 * Threads: one.
 */

#include <stddef.h>
#include <stdint.h>

#include "fuzz.h"
#include "ring_model.h"

/** Steps of an input at most, whatever its length. */
#define INPUT_MAX_STEPS 400

/** An input that is being run. */
struct ring_run {
	struct fuzz_input in;
	struct fake_device *fake;
	struct virtqueue *vq;
	struct ring_device *rd; /**< while the ring is LIVE */
	struct ring_fence fence;
	struct model model;
	bool packed;
	bool may_be_hostile;
	bool hostile;           /**< since the start of the ring */

	/* The driver's cursor. */
	struct ring_cursor cur;
	bool looking;           /**< it is open */
	unsigned int used_then; /**< split: used buffers when it was opened */

	/* Notifications, in entries (split) or descriptors (packed) since index 0. */
	uint64_t posted_at;     /**< where the driver is */
	uint64_t asked_at;      /**< where it was when it asked last */
	uint64_t event;         /**< the device wants one when this is passed */
	bool event_set;
	bool no_notify;
	bool interrupts;        /**< the driver has turned interrupts on */
	bool armed;             /**< the next used buffer must raise one */
};

/** The next byte of the input; 0 where none is left. */
static inline uint8_t
ring_input_byte(struct ring_run *r)
{
	return fuzz_byte(&r->in);
}

/** A number below n, at most 256, of the next byte. */
static inline unsigned int
ring_input_below(struct ring_run *r, unsigned int n)
{
	return fuzz_below(&r->in, n);
}

/** A number of so many bytes. */
static inline uint64_t
ring_input_number(struct ring_run *r, unsigned int bytes)
{
	return fuzz_number(&r->in, bytes);
}

/* One step each, which takes what else it needs from the input. */

/** The driver makes buffers available; the ring is READY or LIVE and no cursor is open. */
void driver_post(struct ring_run *r);

/** The driver publishes, and notifies where the device wants that. */
void driver_kick(struct ring_run *r);

/** The driver looks for used buffers in one of its ways, or goes on with its cursor. */
void driver_look(struct ring_run *r);

/** The driver asks how many buffers are used. */
void driver_ask(struct ring_run *r);

/** The driver turns interrupts on or off. */
void driver_set_interrupts(struct ring_run *r);

/** A device that obeys takes buffers, or uses some of those that it has. */
void device_obey(struct ring_run *r);

/** A device that obeys says when it wants to be notified. */
void device_set_notify(struct ring_run *r);

/** The device writes what it must not. */
void device_write(struct ring_run *r);

#endif /* RING_INPUT_H */
