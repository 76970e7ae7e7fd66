/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * Target "vhost-user": a device of the vhost-user transport with four rings, whose back-end
 * (back_end.c) answers what the input says. Between two calls the back-end may close the
 * connection, and memory comes and goes.
 *
 * No ring is READY while a conforming back-end may access it, no memory is freed that it has,
 * and all buffers, blocks and descriptors are back at the end.
 */

#include <string.h>
#include <unistd.h>

#include <rte_common.h>

#include "back_end.h"
#include "no_eal.h"
#include "no_kernel.h"
#include "transport_rings.h"
#include "transport_vhost_user.h"

#define RINGS BACK_END_RINGS
#define MAX_STEPS 60
/* So short that silence costs few looks at the clock. */
#define ANSWER_US 20000
#define OWN_SEGMENT (NO_EAL_SEGMENTS + 4)

struct run {
	struct fuzz_input in;
	struct virtio_device dev;
	struct transport_rings rings;
	bool packed;
	bool one_file;
	bool attached;
	int own_fd;
};

void
fuzz_start(void)
{
}

static bool
has_ring(const void *arg __rte_unused, const struct virtqueue *vq)
{
	return back_end_has_ring(vq->index);
}

static void
check_rings(const struct run *r)
{
	if (!back_end_breaks_rules())
		transport_rings_check(&r->rings, has_ring, NULL);
}

/* From a device that was reset to one that runs, as far as it comes. */
static void
run_device(struct run *r)
{
	const uint64_t wanted = r->packed ? UINT64_MAX : ~VIRTIO_BIT(VIRTIO_F_RING_PACKED);

	if (virtio_device_negotiate(&r->dev, wanted) == 0)
		virtio_device_start(&r->dev, r->rings.vq, RINGS);
}

static void
reset(struct run *r)
{
	if (virtio_device_reset(&r->dev, fuzz_below(&r->in, 64) * 1000) != 0) {
		vhost_user_disconnect(&r->dev);
		return;
	}
	check_rings(r);
	if (fuzz_below(&r->in, 2) == 0 && !vhost_user_is_up(&r->dev) &&
	    vhost_user_reconnect(&r->dev) != 0)
		return;
	run_device(r);
}

static void
step_memory(struct run *r)
{
	const unsigned int segment = fuzz_below(&r->in, NO_EAL_SEGMENTS + 2);
	void *own = no_eal_segment(OWN_SEGMENT);

	if (segment < NO_EAL_SEGMENTS) {
		no_eal_change_memory(segment);
		if (!no_eal_has_segment(segment) && !r->one_file && !back_end_breaks_rules())
			CHECK(!back_end_has_memory(no_eal_segment(segment),
						   NO_EAL_SEGMENT_SIZE));
	} else if (r->attached) {
		vhost_user_mem_detach(&r->dev, own, NO_EAL_SEGMENT_SIZE);
		r->attached = false;
	} else {
		r->attached = vhost_user_mem_attach(&r->dev, own, NO_EAL_SEGMENT_SIZE, r->own_fd,
						    0) == 0;
	}
}

static void
step(struct run *r)
{
	const unsigned int index = fuzz_below(&r->in, RINGS);
	struct virtqueue *vq = r->rings.vq[index];

	switch (fuzz_below(&r->in, 12)) {
	case 0: case 1: case 2:
		transport_ring_stop(vq, &r->in);
		break;
	case 3: case 4: case 5:
		transport_ring_start(vq, &r->in);
		break;
	case 6:
		transport_ring_refill(&r->rings, index);
		break;
	case 7:
		virtqueue_set_broken(vq, "a fuzz input");
		break;
	case 8:
		vhost_user_is_up(&r->dev);
		vhost_user_watch_fd(&r->dev);
		vhost_user_watch_events(&r->dev);
		virtqueue_notify(vq);
		break;
	case 9:
		step_memory(r);
		break;
	case 10:
		reset(r);
		break;
	default:
		if (fuzz_below(&r->in, 2) == 0)
			back_end_catch_up();
		else
			back_end_close();
		break;
	}
	check_rings(r);
}

static void
make_rings(struct run *r)
{
	const struct virtqueue_conf conf = { .size = 8, .packed = r->packed };
	unsigned int i;

	for (i = 0; i < RINGS; i++)
		CHECK_EQ(transport_ring_make(&r->rings, &r->dev, i, conf), 0);
}

/* The connection ends, and then every ring is the driver's. */
static void
take_apart(struct run *r)
{
	back_end_finish();
	vhost_user_is_up(&r->dev);
	CHECK_EQ(virtio_device_reset(&r->dev, PATIENCE_US), 0);
	transport_rings_destroy(&r->rings);
	vhost_user_destroy(&r->dev);
}

void
fuzz_run(const uint8_t *data, size_t size)
{
	static struct run run;
	const uint8_t flags = size > 0 ? data[0] : 0;
	struct vhost_user_conf conf = {
		.path = "none", .nb_rings = RINGS, .stop = flags & 3, .server = flags & 4,
		.answer_timeout_us = ANSWER_US,
	};
	unsigned int steps;

	memset(&run, 0, sizeof(run));
	run.in = (struct fuzz_input){ data + (size > 0), data + size };
	run.packed = flags & 8;
	run.one_file = flags & 16;
	transport_rings_init(&run.rings);
	back_end_start(&run.in);
	no_eal_set_memory(fuzz_number(&run.in, 2), run.one_file);
	no_kernel_limit_fds(flags & 32 ? fuzz_byte(&run.in) : UINT8_MAX);
	run.own_fd = no_kernel_open();
	CHECK_EQ(virtio_device_init(&run.dev, "fuzz", VIRTIO_TRANSPORT_VHOST_USER, RINGS), 0);
	if (vhost_user_create(&run.dev, &conf) == 0) {
		run.packed &= (run.dev.offered & VIRTIO_BIT(VIRTIO_F_RING_PACKED)) != 0;
		make_rings(&run);
		run_device(&run);
		for (steps = 0; steps < MAX_STEPS && fuzz_left(&run.in) > 0; steps++)
			step(&run);
		take_apart(&run);
	}
	CHECK(run.dev.priv == NULL);
	virtio_device_fini(&run.dev);
	if (run.own_fd >= 0)
		close(run.own_fd);
	no_eal_check_memory();
	CHECK_EQ(no_kernel_fds(), 0);
	CHECK_EQ(no_eal_blocks(), 0);
}
