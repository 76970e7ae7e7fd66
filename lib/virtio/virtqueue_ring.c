/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/* The part of virtqueue_ring.h that an honest device with plain buffers rarely needs. */

#include <errno.h>

#include "virtqueue_ring.h"

static uint16_t
place_after(const struct virtqueue *vq, uint16_t pos, uint16_t descs)
{
	return ((uint32_t)pos + descs) % vq->size;
}

/* How far `place` is from `pos` on, over the end of order[] if need be. */
static uint16_t
distance(const struct virtqueue *vq, uint16_t pos, uint16_t place)
{
	return place >= pos ? place - pos : vq->size - pos + place;
}

/* Lets the descriptors at two places of order[] change places. */
static void
exchange(struct virtqueue *vq, uint16_t pos, uint16_t place)
{
	const uint16_t expected = vq->order[pos];
	const uint16_t id = vq->order[place];

	vq->is_identity = false;
	/* Rule 3 of struct virtqueue. */
	vq->order[place] = VIRTQUEUE_NO_DESC;
	rte_compiler_barrier();
	vq->order[pos] = id;
	vq->where[id] = pos;
	rte_compiler_barrier();
	vq->order[place] = expected;
	vq->where[expected] = place;
	/* Entries of a split avail ring are those of other descriptors from the next lap on. */
	vq->rewrite = vq->size;
}

/* Buffers from `pos` to the one whose head is at `place`; 0 where there is none. */
static uint16_t
buffers_to(const struct virtqueue *vq, uint16_t pos, uint16_t place)
{
	uint16_t left = distance(vq, pos, place);
	uint16_t n = 1;

	if (vq->chains == 0)
		return left + 1;
	while (left > 0) {
		const uint16_t descs = vq->links[vq->order[pos]].count;

		if (descs > left)
			return 0;
		left -= descs;
		pos = place_after(vq, pos, descs);
		n++;
	}
	return n;
}

int
virtqueue_unexpected(struct virtqueue *vq, struct ring_cursor *cur, uint32_t id, uint32_t *len)
{
	uint16_t place, n;

	if (id >= vq->size || vq->cookies[id] == NULL)
		return -EPROTO;
	place = vq->where[id];
	if (distance(vq, cur->at.pos, place) >= cur->left)
		return -EPROTO;
	if (!vq->in_order) {
		exchange(vq, cur->at.pos, place);
		return 0;
	}
	/* 2.7.9, 2.8.9: all buffers up to that one are used. All but the last are written full. */
	n = buffers_to(vq, cur->at.pos, place);
	if (n == 0)
		return -EPROTO;
	vq->has_batches = true;
	cur->known = n;
	cur->known_len = *len;
	*len = vq->conf.buf_len;
	return 0;
}

int
virtqueue_expect_another(struct virtqueue *vq, uint16_t i, uint32_t *len)
{
	const bool packed = vq->conf.packed;
	struct ring_cursor cur = {
		.at = vq->next_used,
		.left = virtqueue_in_flight(vq) - i,
	};
	uint32_t id;

	ring_step(vq, &cur.at, i, i, packed);
	if (cur.left == 0 || !ring_read(vq, &cur, &id, len, packed))
		return -EAGAIN;
	/* Read again: the device may have written it after ring_expect(). */
	if (id != vq->order[cur.at.pos] && virtqueue_unexpected(vq, &cur, id, len) != 0)
		return -EPROTO;
	return (int)id;
}

uint16_t
virtqueue_gather(struct virtqueue *vq, const struct ring_cursor *cur, uint16_t head)
{
	const uint16_t count = vq->links[head].count;
	uint16_t pos = cur->at.pos;
	uint16_t id = head;
	uint16_t i;

	/* Not the head of a buffer, but another descriptor of a chain. */
	if (vq->cookies[head] == NULL || count > cur->left)
		return 0;
	for (i = 0; i < count; i++) {
		if (vq->order[pos] != id)
			exchange(vq, pos, vq->where[id]);
		id = vq->links[id].next;
		pos = place_after(vq, pos, 1);
	}
	return count;
}

void
virtqueue_forget_chains(struct virtqueue *vq, const struct ring_cursor *cur)
{
	uint16_t descs = virtqueue_in_flight(vq) - cur->left;
	uint16_t pos = vq->next_used.pos;

	while (descs > 0) {
		struct virtqueue_link *link = &vq->links[vq->order[pos]];

		pos = place_after(vq, pos, link->count);
		descs -= link->count;
		vq->chains -= link->count > 1;
		link->count = 1;
	}
}

uint16_t
virtqueue_used_descs(const struct virtqueue *vq)
{
	const bool packed = vq->conf.packed;
	struct ring_cursor cur;
	uint16_t in_flight;

	if (ring_begin(vq, &cur, packed) != 0)
		return 0;
	in_flight = cur.left;
	/* The entries within a batch are not written, but used->idx counts them. */
	if (!packed && vq->in_order)
		cur.known = cur.end - cur.at.idx;
	while (cur.left > 0 && (packed || cur.at.idx != cur.end)) {
		uint32_t id = vq->order[cur.at.pos];
		uint32_t descs, ignored;

		if (cur.known == 0 && !ring_read(vq, &cur, &id, &ignored, packed))
			break;
		if (id >= vq->size)
			break;
		descs = vq->links[id].count;
		/* A batch ends with that buffer. */
		if (cur.known == 0 && vq->in_order)
			descs += distance(vq, cur.at.pos, vq->where[id]);
		cur.known -= cur.known > 0;
		/* At least one, whatever the polling thread changes meanwhile. */
		descs = RTE_MAX(descs, 1u);
		descs = RTE_MIN(descs, (uint32_t)cur.left);
		cur.left -= descs;
		ring_step(vq, &cur.at, descs, 1, packed);
	}
	return in_flight - cur.left;
}
