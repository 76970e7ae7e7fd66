/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef RING_MODEL_H
#define RING_MODEL_H

/**
 * @file
 * What a ring must contain, kept without the ring's own arrays: the list of the buffers that were
 * made available and have not come back. A wrong ring ends the program by test_fail().
 *
 * Threads: one.
 */

#include "ring.h"

/** The largest ring that is modelled. */
#define MODEL_MAX_SIZE 64

/** A buffer that the device has. */
struct posted {
	struct buffer *buffer;
	uint8_t ids[MODEL_MAX_SIZE]; /**< its descriptors, the head first */
	uint8_t descs;               /**< how many */
	uint8_t parts;               /**< that the device finds: descs, or entries of a table */
	uint16_t flags;              /**< of each part: VRING_DESC_F_WRITE or 0 */
	uint32_t part_len;
	bool published;              /**< the device may see it */
	bool taken;                  /**< an obeying device has it */
	bool looked;                 /**< the open cursor is behind it */
	bool len_known;              /**< `len` is what the ring must report */
	uint32_t use;                /**< 0, or its number among the used buffers */
	uint32_t len;
};

struct model {
	const struct virtqueue *vq;
	uint32_t uses;               /**< buffers that the device has used */
	unsigned int nb_posted;
	struct posted posted[MODEL_MAX_SIZE]; /**< in the order of posting */
	struct buffer buffers[MODEL_MAX_SIZE];
};

/** An empty model of an empty ring of at most MODEL_MAX_SIZE descriptors. */
void model_init(struct model *m, const struct virtqueue *vq);

/**
 * Adds a buffer before the driver makes it available, from this place of order[] on. The
 * descriptors that the ring has for it must be free.
 */
struct posted *model_post(struct model *m, uint16_t pos, unsigned int descs);

/** The buffer of this head that no cursor is behind; NULL where the device has none. */
struct posted *model_find(struct model *m, uint32_t head);

/** The oldest buffer that no cursor is behind, or NULL. */
struct posted *model_oldest(struct model *m);

/** The buffer that the device used first of those that no cursor is behind, or NULL. */
struct posted *model_first_used(struct model *m);

/** The device uses a buffer: the next one that the driver must find. */
void model_use(struct model *m, struct posted *p, uint32_t len);

/** Used buffers that have not come back, and their descriptors. */
unsigned int model_used(const struct model *m, unsigned int *descs);

/** A buffer comes back to its owner. */
void model_return(struct model *m, struct posted *p);

/** The cursor is closed: what it is behind comes back, or is looked at again. */
void model_close_cursor(struct model *m, bool commit);

/** Compares all of the ring with the model. */
void model_check(const struct model *m);

/** The ring was reclaimed, with ring_take_back(): every buffer must be back, once. */
void model_reclaimed(struct model *m);

#endif /* RING_MODEL_H */
