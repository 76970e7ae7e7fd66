/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/* The steps of the device: by the rules, and against them. */

#include <string.h>

#include <rte_common.h>

#include "ring_input.h"

/* ---- a device that obeys ------------------------------------------------------------------ */

/* What the device finds is what the driver made available, in that order. */
static void
check_chain(const struct posted *p, const struct device_chain *chain)
{
	unsigned int i;

	CHECK(p->published);
	CHECK_EQ(chain->head, p->ids[0]);
	CHECK_EQ(chain->descs, p->descs);
	CHECK_EQ(chain->n, p->parts);
	for (i = 0; i < p->parts; i++) {
		CHECK(chain->part[i].at == p->buffer->data);
		CHECK_EQ(chain->part[i].len, p->part_len);
		CHECK_EQ(chain->part[i].writable, p->flags != 0);
	}
}

static void
take(struct ring_run *r, unsigned int most)
{
	struct device_chain chain;
	unsigned int i;

	for (i = 0; i < r->model.nb_posted && most > 0; i++) {
		struct posted *p = &r->model.posted[i];

		if (p->taken)
			continue;
		if (!ring_device_take(r->rd, &chain)) {
			fake_check(r->fake);
			CHECK(!p->published);
			return;
		}
		check_chain(p, &chain);
		p->taken = true;
		most--;
	}
}

/* Bytes that the device writes into a buffer. */
static uint32_t
written(struct ring_run *r, const struct posted *p)
{
	return p->flags == 0 ? 0 :
	       ring_input_number(r, 2) % (p->parts * p->part_len + 1);
}

/* The device has used buffers; whether it interrupts the driver is the driver's choice. */
static void
interrupt(struct ring_run *r)
{
	const bool raised = ring_device_interrupts(r->rd);

	if (r->packed || !r->vq->event_idx)
		CHECK_EQ(raised, r->interrupts);
	CHECK(raised || !r->armed);
	/* With EVENT_IDX a split ring asks for one alone. */
	r->armed = r->armed && r->packed;
}

static void
use(struct ring_run *r, bool batch)
{
	struct model *m = &r->model;
	struct posted *taken[MODEL_MAX_SIZE];
	uint16_t heads[MODEL_MAX_SIZE];
	unsigned int n = 0, i, k;
	uint32_t len;

	for (i = 0; i < m->nb_posted; i++)
		if (m->posted[i].taken && m->posted[i].use == 0)
			taken[n++] = &m->posted[i];
	if (n == 0)
		return;
	if (!r->vq->in_order || !batch) {
		k = r->vq->in_order ? 0 : ring_input_below(r, n);
		len = written(r, taken[k]);
		model_use(m, taken[k], len);
		ring_device_use(r->rd, taken[k]->ids[0], len);
		interrupt(r);
		return;
	}
	k = 1 + ring_input_below(r, n);
	len = written(r, taken[k - 1]);
	for (i = 0; i < k; i++) {
		heads[i] = taken[i]->ids[0];
		/* 2.7.9, 2.8.9: those that have no entry were filled. */
		model_use(m, taken[i], i + 1 < k ? r->vq->conf.buf_len : len);
	}
	ring_device_use_batch(r->rd, heads, k, len);
	interrupt(r);
}

void
device_obey(struct ring_run *r)
{
	const unsigned int what = ring_input_below(r, 8);
	unsigned int n = 1 + ring_input_below(r, 8);

	if (r->hostile) {
		device_write(r);
		return;
	}
	if (what == 0) {
		take(r, n);
		return;
	}
	take(r, UINT32_MAX);
	while (n-- > 0)
		use(r, what < 4);
}

void
device_set_notify(struct ring_run *r)
{
	const unsigned int what = ring_input_below(r, 4);

	if (r->hostile)
		return;
	if (r->vq->event_idx && (!r->packed || what < 2)) {
		/* Within the next lap: a place of a packed ring names a descriptor of two laps. */
		r->event = r->posted_at + ring_input_below(r, r->vq->size);
		r->event_set = true;
		ring_device_set_event(r->rd, r->event);
		return;
	}
	r->event_set = false;
	r->no_notify = what % 2 == 1;
	ring_device_set_no_notify(r->rd, r->no_notify);
}

/* ---- a device that does not --------------------------------------------------------------- */

static uint8_t *
area(const struct ring_run *r, unsigned int which, size_t *size)
{
	const struct virtqueue *vq = r->vq;

	switch (which) {
	case 0:
		*size = ring_device_desc_size(vq->size);
		return (uint8_t *)vq->desc;
	case 1:
		*size = ring_device_driver_size(vq->size, r->packed);
		return ring_driver_area(vq);
	case 2:
		*size = ring_device_device_size(vq->size, r->packed);
		return ring_device_area(vq);
	default:
		*size = (size_t)vq->size * vq->conf.slot_area;
		return vq->slot_area;
	}
}

/* Any bytes, anywhere. */
static void
write_anything(struct ring_run *r)
{
	size_t size;
	uint8_t *at = area(r, ring_input_below(r, 4), &size);
	const size_t offset = ring_input_number(r, 2) % size;
	const size_t n = RTE_MIN((size_t)1 << ring_input_below(r, 4), size - offset);
	const uint64_t value = ring_input_number(r, n);

	memcpy(at + offset, &value, n);
}

/* A head that is right, nearly right, or any. */
static uint32_t
some_head(struct ring_run *r)
{
	const unsigned int what = ring_input_below(r, 8);
	const struct model *m = &r->model;
	const struct posted *p;

	if (what == 7)
		return ring_input_number(r, 4);
	if (what == 6 || m->nb_posted == 0)
		return ring_input_below(r, r->vq->size + 2);
	p = &m->posted[ring_input_below(r, m->nb_posted)];
	return p->ids[what == 5 ? ring_input_below(r, p->descs) : 0];
}

/* A used entry near where the driver looks next. */
static void
write_entry(struct ring_run *r)
{
	struct virtqueue *vq = r->vq;
	struct virtqueue_place at = r->looking ? r->cur.at : vq->next_used;
	const unsigned int on = ring_input_below(r, 4) % vq->size;
	const uint32_t head = some_head(r);
	const uint32_t len = ring_input_number(r, 2);
	const uint8_t how = ring_input_byte(r);
	uint16_t flags;

	ring_step(vq, &at, on, on, r->packed);
	if (!r->packed) {
		vq->used->ring[at.idx % vq->size] =
			(struct vring_used_elem){ .id = head, .len = len };
		if (how < 192)
			vq->used->idx = at.idx + 1;
		return;
	}
	flags = at.wrap ? VRING_PACKED_F_AVAIL | VRING_PACKED_F_USED : 0;
	if (how >= 192)
		flags ^= how % 2 ? VRING_PACKED_F_AVAIL : VRING_PACKED_F_USED;
	flags |= how & (VRING_DESC_F_NEXT | VRING_DESC_F_WRITE | VRING_DESC_F_INDIRECT);
	vq->ring[at.pos].len = len;
	vq->ring[at.pos].id = head;
	vq->ring[at.pos].flags = flags;
}

void
device_write(struct ring_run *r)
{
	const unsigned int what = ring_input_below(r, 8);

	if (!r->may_be_hostile)
		return;
	r->hostile = true;
	if (what < 5)
		write_entry(r);
	else if (what == 5 && !r->packed)
		r->vq->used->idx = r->vq->next_used.idx + ring_input_below(r, r->vq->size + 3);
	else
		write_anything(r);
}
