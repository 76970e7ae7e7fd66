/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What the split layout needs only now and then.
 */

#include <string.h>

#include "virtqueue_split.h"

bool
virtqueue_split_reorder(struct virtqueue *vq, uint16_t pos, uint32_t id)
{
	uint16_t *heads = vq->in_step ? vq->order : vq->offered;
	uint16_t *expected = &heads[pos & vq->mask];
	uint16_t where;

	if (id >= vq->size)
		return false;
	/* Where it was made available must lie among what the device has from `pos` on. */
	where = vq->links[id].where;
	if (heads[where] != id ||
	    (uint16_t)((where - pos) & vq->mask) >= (uint16_t)(vq->avail_next - pos))
		return false;
	heads[where] = *expected;
	vq->links[*expected].where = where;
	*expected = id;
	vq->links[id].where = pos & vq->mask;
	/* The avail ring's entries of both are another descriptor's from the next lap on. */
	vq->rewrite = vq->size;
	return true;
}

void
virtqueue_split_leave_step(struct virtqueue *vq)
{
	memcpy(vq->offered, vq->order, vq->size * sizeof(*vq->order));
	vq->in_step = false;
}
