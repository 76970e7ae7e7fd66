/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <string.h>

#include <rte_common.h>
#include <rte_memory.h>

#include "ring_input.h"

/* Bytes of an indirect table for each descriptor: four entries. */
#define SLOT_SIZE (4 * sizeof(struct vring_desc))

static void
start(struct ring_run *r)
{
	struct virtqueue *vq = r->vq;
	/* The 16-bit indices of a split ring begin near their end, to turn over soon. */
	const uint16_t idx = -ring_input_below(r, 2 * MODEL_MAX_SIZE);
	unsigned int i;

	ring_publish(vq, r->packed);
	for (i = 0; i < r->model.nb_posted; i++)
		r->model.posted[i].published = true;
	CHECK_EQ(virtqueue_start(vq, PATIENCE_US), 0);
	CHECK_EQ(virtqueue_start(vq, PATIENCE_US), -EBUSY);
	r->rd = fake_ring(r->fake, 0);
	r->hostile = false;
	r->no_notify = false;
	r->interrupts = false;
	r->armed = false;
	r->event = 0;
	r->event_set = !r->packed && vq->event_idx;
	if (!r->packed && r->model.nb_posted == 0) {
		struct split_device *sd = &r->rd->split;

		vq->next_avail.idx = idx;
		vq->next_used.idx = idx;
		vq->notified_at = idx;
		ring_publish(vq, false);
		sd->avail_idx = idx;
		sd->decided = idx;
		split_device_set_used_idx(sd, idx);
		ring_interrupts_off(vq, false);
		r->posted_at = idx;
		/* The device's event word is 0, which the index reaches after it turned over. */
		r->event = idx == 0 ? 0 : UINT16_MAX + 1;
	}
	r->asked_at = r->posted_at;
}

/* Every buffer that did not come back as a used one does now, once. */
static void
reclaim(struct ring_run *r)
{
	unsigned int returned = 0;

	ring_unfence(r->vq, &r->fence);
	CHECK_EQ(virtqueue_reclaim(r->vq, ring_take_back, &returned), r->model.nb_posted);
	CHECK_EQ(returned, r->model.nb_posted);
	model_reclaimed(&r->model);
	ring_check_fresh(r->vq);
	r->posted_at = 0;
	ring_fence(r->vq, &r->fence);
}

static void
stop(struct ring_run *r)
{
	model_close_cursor(&r->model, false);
	r->looking = false;
	CHECK_EQ(virtqueue_reclaim(r->vq, ring_take_back, NULL), -EBUSY);
	CHECK_EQ(virtqueue_destroy(r->vq), -EBUSY);
	CHECK_EQ(virtqueue_stop(r->vq, PATIENCE_US), 0);
	CHECK_EQ(virtqueue_state(r->vq), VIRTQUEUE_READY);
	r->rd = NULL;
	/* Nothing that the device has left in the memory may count any more. */
	if (ring_input_below(r, 2) == 1)
		ring_poison(r->vq);
	reclaim(r);
}

static void
step_ready(struct ring_run *r)
{
	switch (ring_input_below(r, 4)) {
	case 0:
		driver_post(r);
		break;
	case 1:
		reclaim(r);
		break;
	default:
		start(r);
		break;
	}
}

static void
step_live(struct ring_run *r)
{
	switch (ring_input_below(r, 16)) {
	case 0: case 1: case 2:
		driver_post(r);
		break;
	case 3:
		driver_kick(r);
		break;
	case 4: case 5: case 6: case 7:
		driver_look(r);
		break;
	case 8:
		driver_ask(r);
		break;
	case 9:
		driver_set_interrupts(r);
		break;
	case 10: case 11: case 12:
		device_obey(r);
		break;
	case 13:
		device_set_notify(r);
		break;
	case 14:
		device_write(r);
		break;
	default:
		/* Rarely: a ring that is stopped often reaches few states. */
		if (ring_input_below(r, 4) == 0)
			stop(r);
		break;
	}
}

/* The owner's gate is closed: the device may go on writing. */
static void
step_broken(struct ring_run *r)
{
	if (ring_input_below(r, 4) == 0)
		device_write(r);
	else
		stop(r);
}

static void
step(struct ring_run *r)
{
	switch (virtqueue_state(r->vq)) {
	case VIRTQUEUE_READY:
		step_ready(r);
		break;
	case VIRTQUEUE_LIVE:
		step_live(r);
		break;
	case VIRTQUEUE_BROKEN:
		step_broken(r);
		break;
	default:
		CHECK(!"a state that a ring does not stay in");
	}
	model_check(&r->model);
	/* After a hostile write the fake device cannot check the driver by the shared memory. */
	if (r->rd != NULL && !r->hostile)
		fake_check(r->fake);
}

static void
open_ring(struct ring_run *r)
{
	const uint8_t flags = ring_input_byte(r);
	const uint8_t size = ring_input_byte(r);
	struct virtqueue_conf conf = {
		.packed = (flags & 1) != 0, .node = SOCKET_ID_ANY, .slot_area = SLOT_SIZE,
		.buf_len = sizeof(((struct buffer *)0)->data),
	};

	conf.size = conf.packed ? 2 + size % (MODEL_MAX_SIZE - 1) : 2 << size % 6;
	r->packed = conf.packed;
	r->may_be_hostile = (flags & 8) != 0;
	r->fake = fake_device_create(1, (flags & 4) != 0);
	if (conf.packed)
		r->fake->features |= VIRTIO_BIT(VIRTIO_F_RING_PACKED);
	if (flags & 2)
		r->fake->features |= VIRTIO_BIT(VIRTIO_F_IN_ORDER);
	fake_device_run(r->fake, NULL, 0);
	CHECK_EQ(virtqueue_create(&r->fake->dev, 0, &conf, &r->vq), 0);
	model_init(&r->model, r->vq);
	ring_fence(r->vq, &r->fence);
}

static void
close_ring(struct ring_run *r)
{
	if (virtqueue_state(r->vq) == VIRTQUEUE_READY)
		reclaim(r);
	else
		stop(r);
	ring_unfence(r->vq, &r->fence);
	CHECK_EQ(virtqueue_destroy(r->vq), 0);
	fake_device_destroy(r->fake);
}

void
fuzz_start(void)
{
}

void
fuzz_run(const uint8_t *data, size_t size)
{
	static struct ring_run run;
	unsigned int steps;

	memset(&run, 0, sizeof(run));
	run.in = (struct fuzz_input){ data, data + size };
	open_ring(&run);
	/* Most inputs are about a ring that runs. */
	start(&run);
	for (steps = 0; steps < INPUT_MAX_STEPS && fuzz_left(&run.in) > 0; steps++)
		step(&run);
	close_ring(&run);
}
