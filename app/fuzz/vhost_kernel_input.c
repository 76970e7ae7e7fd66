/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * Target "vhost-kernel": a device of vhost-net on a tap interface with up to three queues. Each
 * system call may fail (net_kernel.c), descriptors may be few, and the interface may be deleted.
 *
 * No ring is READY while the kernel may access it, and all buffers, blocks and descriptors are
 * back at the end.
 */

#include <stdlib.h>
#include <string.h>

#include <rte_common.h>

#include "net_kernel.h"
#include "no_eal.h"
#include "no_kernel.h"
#include "transport_rings.h"
#include "transport_vhost_kernel.h"

#define MAX_PAIRS 3
#define MAX_STEPS 60

/* Data of VIRTIO_NET_CTRL_MQ_RSS_CONFIG as this device takes them, 5.1.6.5.7. */
#define RSS_SIZE (8 + 2 * 128 + 3 + 40)
#define RSS_MASK_AT 4
#define RSS_KEY_SIZE_AT (RSS_SIZE - 41)

struct run {
	struct fuzz_input in;
	struct virtio_device dev;
	unsigned int nb_rings;
	bool steers;
	struct transport_rings rings;
};

void
fuzz_start(void)
{
}

static bool
has_ring(const void *arg __rte_unused, const struct virtqueue *vq)
{
	return net_kernel_has_ring((uintptr_t)vq->desc);
}

static void
check_rings(const struct run *r)
{
	transport_rings_check(&r->rings, has_ring, NULL);
}

/* From a device that was reset to one that runs, as far as it comes. */
static void
run_device(struct run *r)
{
	if (virtio_device_negotiate(&r->dev, ~VIRTIO_BIT(VIRTIO_F_RING_PACKED)) == 0)
		virtio_device_start(&r->dev, r->rings.vq, r->nb_rings);
}

static void
reset(struct run *r)
{
	if (virtio_device_reset(&r->dev, fuzz_below(&r->in, 64) * 1000) != 0) {
		vhost_kernel_disconnect(&r->dev);
		CHECK_EQ(virtio_device_reset(&r->dev, PATIENCE_US), 0);
	}
	check_rings(r);
	if (!vhost_kernel_is_up(&r->dev) && vhost_kernel_reconnect(&r->dev) != 0)
		return;
	run_device(r);
}

static void
steer(struct run *r)
{
	const size_t len = fuzz_below(&r->in, 4) == 3 ? fuzz_number(&r->in, 2) % 512 : RSS_SIZE;
	unsigned int changes = fuzz_below(&r->in, 8);
	/* Of exactly this size: the sanitizer notices each byte too far. */
	uint8_t *data = calloc(1, len);

	CHECK(data != NULL || len == 0);
	if (len == RSS_SIZE) {
		data[RSS_MASK_AT] = 127;
		data[RSS_KEY_SIZE_AT] = 40;
		data[RSS_KEY_SIZE_AT - 2] = 1 + fuzz_below(&r->in, MAX_PAIRS);
	}
	while (changes-- > 0 && len > 0)
		data[fuzz_number(&r->in, 2) % len] = fuzz_byte(&r->in);
	vhost_kernel_set_rss(&r->dev, data, len);
	free(data);
}

static void
step_interface(struct run *r)
{
	const uint8_t mac[6] = { 2 };
	bool up;

	switch (fuzz_below(&r->in, 8)) {
	case 0:
		net_kernel_delete_interface();
		break;
	case 1:
		vhost_kernel_set_mac(&r->dev, mac);
		break;
	case 2:
		vhost_kernel_set_mtu(&r->dev, fuzz_number(&r->in, 2));
		break;
	case 3:
		vhost_kernel_set_pairs(&r->dev, fuzz_below(&r->in, MAX_PAIRS + 2));
		break;
	case 4: case 5:
		if (r->steers)
			steer(r);
		break;
	case 6:
		CHECK(strlen(vhost_kernel_interface(&r->dev)) < 16);
		vhost_kernel_link_is_up(&r->dev, &up);
		break;
	default:
		vhost_kernel_watch_events(&r->dev);
		vhost_kernel_take_events(&r->dev);
		break;
	}
}

static void
start(struct run *r, struct virtqueue *vq)
{
	if (transport_ring_start(vq, &r->in) == 0)
		CHECK(net_kernel_has_ring((uintptr_t)vq->desc));
}

static void
step(struct run *r)
{
	const unsigned int index = fuzz_below(&r->in, r->nb_rings);
	struct virtqueue *vq = r->rings.vq[index];

	switch (fuzz_below(&r->in, 12)) {
	case 0: case 1: case 2:
		transport_ring_stop(vq, &r->in);
		break;
	case 3: case 4: case 5:
		start(r, vq);
		break;
	case 6:
		transport_ring_refill(&r->rings, index);
		break;
	case 7:
		virtqueue_set_broken(vq, "a fuzz input");
		break;
	case 8:
		reset(r);
		break;
	case 9:
		virtqueue_notify(vq);
		break;
	default:
		step_interface(r);
		break;
	}
	check_rings(r);
}

static void
make_rings(struct run *r)
{
	const struct virtqueue_conf conf = { .size = 8 };
	unsigned int i;

	for (i = 0; i < r->nb_rings; i++)
		CHECK_EQ(transport_ring_make(&r->rings, &r->dev, i, conf), 0);
}

static void
take_apart(struct run *r)
{
	net_kernel_obey();
	CHECK_EQ(virtio_device_reset(&r->dev, PATIENCE_US), 0);
	check_rings(r);
	transport_rings_destroy(&r->rings);
	vhost_kernel_destroy(&r->dev);
}

/* What vhost-net of Linux offers, with some bits that are not. */
static uint64_t
some_features(struct run *r, bool strange)
{
	const uint64_t features = VIRTIO_BIT(15) | VIRTIO_BIT(24) | VIRTIO_BIT(26) |
				  VIRTIO_BIT(VIRTIO_RING_F_INDIRECT_DESC) |
				  VIRTIO_BIT(VIRTIO_RING_F_EVENT_IDX) |
				  VIRTIO_BIT(VIRTIO_F_VERSION_1) |
				  VIRTIO_BIT(VIRTIO_F_ACCESS_PLATFORM);

	return strange ? features ^ fuzz_number(&r->in, 8) : features;
}

void
fuzz_run(const uint8_t *data, size_t size)
{
	static struct run run;
	const uint8_t flags = size > 0 ? data[0] : 0;
	struct vhost_kernel_conf conf = {
		.path = "/dev/vhost-net", .iface = flags & 4 ? "fuzz" : "",
		.nb_pairs = 1 + (flags & 3) % MAX_PAIRS, .stops = (flags & 8) == 0,
		.steers = flags & 16,
	};
	unsigned int steps;

	memset(&run, 0, sizeof(run));
	run.in = (struct fuzz_input){ data + (size > 0), data + size };
	run.nb_rings = 2 * conf.nb_pairs;
	run.steers = conf.steers;
	transport_rings_init(&run.rings);
	net_kernel_start(&run.in, some_features(&run, flags & 32));
	no_kernel_limit_fds(flags & 64 ? fuzz_byte(&run.in) : UINT8_MAX);
	CHECK_EQ(virtio_device_init(&run.dev, "fuzz", VIRTIO_TRANSPORT_VHOST_KERNEL, run.nb_rings),
		 0);
	if (vhost_kernel_create(&run.dev, &conf) == 0) {
		make_rings(&run);
		run_device(&run);
		check_rings(&run);
		for (steps = 0; steps < MAX_STEPS && fuzz_left(&run.in) > 0; steps++)
			step(&run);
		take_apart(&run);
	}
	CHECK(run.dev.priv == NULL);
	virtio_device_fini(&run.dev);
	CHECK_EQ(no_kernel_fds(), 0);
	CHECK_EQ(no_eal_blocks(), 0);
}
