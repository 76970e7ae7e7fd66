/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * Target "vhost-vdpa": a vDPA device of the kernel (vdpa_kernel.c). Calls may fail, the device says
 * anything of itself, descriptors may be few, and memory comes and goes.
 *
 * No ring is READY that a conforming device may access, none is moved while the device runs, no
 * memory is freed that it has, and all buffers, blocks and descriptors are back at the end.
 */

#include <string.h>

#include <rte_common.h>

#include "no_eal.h"
#include "no_kernel.h"
#include "transport_rings.h"
#include "transport_vhost_vdpa.h"
#include "vdpa_kernel.h"

#define RINGS 4
#define MAX_STEPS 60
#define OWN_SEGMENT (NO_EAL_SEGMENTS + 4)

struct run {
	struct fuzz_input in;
	struct virtio_device dev;
	unsigned int nb_rings; /* that were made */
	struct transport_rings rings;
	bool packed;
	bool attached;
};

void
fuzz_start(void)
{
}

static bool
has_ring(const void *arg __rte_unused, const struct virtqueue *vq)
{
	return vdpa_kernel_has_ring((uintptr_t)vq->desc);
}

static void
check_rings(const struct run *r)
{
	if (!vdpa_kernel_breaks_rules())
		transport_rings_check(&r->rings, has_ring, NULL);
}

/* What the kernel did not unmap when it was freed is unmapped before the device runs again. */
static void
check_memory(void)
{
	unsigned int i;

	for (i = 0; i < NO_EAL_SEGMENTS; i++)
		CHECK(no_eal_has_segment(i) ||
		      !vdpa_kernel_has_memory(no_eal_segment(i), NO_EAL_SEGMENT_SIZE));
}

static void
run_device(struct run *r)
{
	const uint64_t wanted = r->packed ? UINT64_MAX : ~VIRTIO_BIT(VIRTIO_F_RING_PACKED);

	if (virtio_device_negotiate(&r->dev, wanted) != 0)
		return;
	check_memory();
	virtio_device_start(&r->dev, r->rings.vq, r->nb_rings);
}

static void
reset(struct run *r)
{
	if (virtio_device_reset(&r->dev, fuzz_below(&r->in, 64) * 1000) != 0) {
		vhost_vdpa_disconnect(&r->dev);
		CHECK_EQ(virtio_device_reset(&r->dev, PATIENCE_US), 0);
	}
	check_rings(r);
	if (!vhost_vdpa_is_up(&r->dev) && vhost_vdpa_reconnect(&r->dev) != 0)
		return;
	run_device(r);
}

static void
step_memory(struct run *r)
{
	const unsigned int segment = fuzz_below(&r->in, NO_EAL_SEGMENTS + 2);
	void *own = no_eal_segment(OWN_SEGMENT);
	const unsigned int errors = vdpa_kernel_errors();

	if (segment < NO_EAL_SEGMENTS) {
		no_eal_change_memory(segment);
		/* What the kernel does not unmap stays mapped. */
		if (!no_eal_has_segment(segment) && vdpa_kernel_errors() == errors)
			CHECK(!vdpa_kernel_has_memory(no_eal_segment(segment),
						      NO_EAL_SEGMENT_SIZE));
	} else if (r->attached) {
		r->attached = vhost_vdpa_detach(&r->dev, own, NO_EAL_SEGMENT_SIZE) != 0;
	} else {
		r->attached = vhost_vdpa_attach(&r->dev, own, NO_EAL_SEGMENT_SIZE, -1, 0) == 0;
	}
	vhost_vdpa_has(&r->dev, no_eal_segment(segment), NO_EAL_SEGMENT_SIZE);
}

static void
step(struct run *r)
{
	uint8_t bytes[80];
	uint32_t offset;

	switch (fuzz_below(&r->in, 8)) {
	case 0:
		reset(r);
		break;
	case 1: case 2:
		step_memory(r);
		break;
	case 3:
		offset = fuzz_below(&r->in, 8) == 7 ? fuzz_number(&r->in, 4) : fuzz_byte(&r->in);
		virtio_device_read_config(&r->dev, offset, bytes,
					  fuzz_below(&r->in, sizeof(bytes) + 1));
		vhost_vdpa_watch_events(&r->dev);
		vhost_vdpa_take_events(&r->dev);
		virtio_device_check(&r->dev);
		break;
	default:
		if (r->nb_rings > 0)
			transport_ring_step(&r->rings, fuzz_below(&r->in, r->nb_rings),
					    &r->in);
		break;
	}
	check_rings(r);
}

/* As many as the device has, where it takes rings of 4 or 8 descriptors. */
static void
make_rings(struct run *r)
{
	struct virtqueue_conf conf = { .packed = r->packed };
	uint16_t max;

	CHECK_EQ(virtio_device_queue_max(&r->dev, 0, &max), 0);
	if (max < TRANSPORT_RING_BUFFERS)
		return;
	conf.size = max < 8 ? TRANSPORT_RING_BUFFERS : 8;
	for (; r->nb_rings < RINGS && r->nb_rings < r->dev.nb_vqs; r->nb_rings++)
		CHECK_EQ(transport_ring_make(&r->rings, &r->dev, r->nb_rings, conf), 0);
}

static void
take_apart(struct run *r)
{
	vdpa_kernel_obey();
	CHECK_EQ(virtio_device_reset(&r->dev, PATIENCE_US), 0);
	check_rings(r);
	transport_rings_destroy(&r->rings);
	vhost_vdpa_destroy(&r->dev);
}

void
fuzz_run(const uint8_t *data, size_t size)
{
	static struct run run;
	const uint8_t flags = size > 0 ? data[0] : 0;
	const struct vhost_vdpa_conf conf = {
		.path = "/dev/vhost-vdpa-0", .stops = (flags & 1) == 0,
	};
	unsigned int steps;

	memset(&run, 0, sizeof(run));
	run.in = (struct fuzz_input){ data + (size > 0), data + size };
	run.packed = flags & 2;
	transport_rings_init(&run.rings);
	vdpa_kernel_start(&run.in, flags & 4);
	no_eal_set_memory(fuzz_number(&run.in, 2), true);
	no_kernel_limit_fds(flags & 8 ? fuzz_byte(&run.in) : UINT8_MAX);
	if (vhost_vdpa_create(&run.dev, "fuzz", &conf) == 0) {
		run.packed &= (run.dev.offered & VIRTIO_BIT(VIRTIO_F_RING_PACKED)) != 0;
		make_rings(&run);
		run_device(&run);
		for (steps = 0; steps < MAX_STEPS && fuzz_left(&run.in) > 0; steps++)
			step(&run);
		take_apart(&run);
	}
	no_eal_check_memory();
	CHECK_EQ(no_kernel_fds(), 0);
	CHECK_EQ(no_eal_blocks(), 0);
}
