/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * Calls of the kernel that fail, one after the other: an opening that fails gives back all that it
 * took, its message says what helps, and a stop that was not completed is no proof.
 */

#include "fake_vhost_vdpa.h"
#include "ring.h"
#include "test.h"
#include "transport_vhost_vdpa.h"
#include "virtqueue.h"
#include "virtqueue_reset.h"

static struct fake_vhost_vdpa vdpa;
static struct virtio_device dev;

static int
create(void)
{
	const struct vhost_vdpa_conf conf = { .path = FAKE_VDPA_PATH, .stops = true };
	const int ret = vhost_vdpa_create(&dev, "a test", &conf);

	if (ret != 0)
		CHECK(dev.priv == NULL);
	return ret;
}

static void
destroy(void)
{
	vhost_vdpa_destroy(&dev);
	fake_vdpa_end();
}

static void
each_call_of_an_opening_fails(void)
{
	const unsigned int fds = test_open_fds();
	const uint64_t heap = test_heap_in_use();
	unsigned int call, failures = 0;

	for (call = 1;; call++) {
		int ret;

		fake_vdpa_begin(&vdpa);
		vdpa.fail_call = call;
		ret = create();
		if (ret == 0) {
			destroy();
			break;
		}
		CHECK_EQ(ret, -EIO);
		/* A mapping that was made is taken away, unless the device is closed with it. */
		failures++;
		fake_vdpa_end();
		CHECK_EQ(test_open_fds(), fds);
		CHECK_EQ(test_heap_in_use(), heap);
	}
	CHECK(failures >= 12);
	CHECK_EQ(test_open_fds(), fds);
}

static const struct {
	enum fake_vdpa_request request;
	int error, result;
	const char *message;
} refusals[] = {
	{ FAKE_VDPA_OPEN, -ENOENT, -ENOENT, "vdpa dev add" },
	{ FAKE_VDPA_OPEN, -EACCES, -EACCES, "read and write access" },
	{ FAKE_VDPA_OPEN, -EBUSY, -EBUSY, "has it open" },
	{ FAKE_VDPA_ID, -ENOTTY, -ENOTTY, "path=/dev/vhost-vdpa-<number>" },
	{ FAKE_VDPA_ID, -EINVAL, -ENOTTY, "path=/dev/vhost-vdpa-<number>" },
	{ FAKE_VDPA_COUNT, -ENOTTY, -ENOSYS, "Use Linux 5.18 or later" },
	{ FAKE_VDPA_MAP, -EFAULT, -EFAULT, "ulimit -l" },
};

static void
messages_say_what_helps(void)
{
	unsigned int i;

	for (i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		fake_vdpa_begin(&vdpa);
		vdpa.fail = refusals[i].request;
		vdpa.fail_error = refusals[i].error;
		test_forget_log();
		CHECK_EQ(create(), refusals[i].result);
		CHECK_EQ(test_logged(refusals[i].message), 1);
		fake_vdpa_end();
	}
	fake_vdpa_begin(&vdpa);
	vdpa.device_id = 2;
	CHECK_EQ(create(), -ENOTSUP);
	CHECK_EQ(test_logged("is a device of type 2"), 1);
	vdpa.device_id = 1;
	vdpa.nb_rings = 1;
	CHECK_EQ(create(), -ENOTSUP);
	CHECK_EQ(test_logged("2 to 256 rings"), 1);
	vdpa.nb_rings = 4;
	vdpa.backend_features = 0x30;
	CHECK_EQ(create(), -ENOSYS);
	fake_vdpa_end();
}

static void
memory_out_of_range_is_refused(void)
{
	fake_vdpa_begin(&vdpa);
	vdpa.last = 0xffffff;
	test_forget_log();
	CHECK_EQ(create(), -ERANGE);
	CHECK_EQ(test_logged("--base-virtaddr="), 1);
	CHECK_EQ(vdpa.nb_maps, 0);
	fake_vdpa_end();
}

/* The first mapping of two is made: the second one fails, and both are gone. */
static void
second_mapping_fails(void)
{
	static uint8_t own[2 * 4096] __attribute__((aligned(4096)));
	unsigned int maps;

	fake_vdpa_begin(&vdpa);
	/* The reset loses the mappings, and the start makes them again. */
	vdpa.backend_features &= ~(UINT64_C(1) << 8);
	CHECK_EQ(create(), 0);
	CHECK_EQ(vhost_vdpa_attach(&dev, own, sizeof(own), -1, 0), 0);
	maps = vdpa.nb_maps;
	CHECK(maps >= 2);
	CHECK_EQ(virtio_device_reset(&dev, PATIENCE_US), 0);
	vdpa.fail_map = vdpa.maps + maps;
	CHECK_EQ(virtio_device_negotiate(&dev, UINT64_MAX), -EIO);
	CHECK_EQ(vdpa.nb_maps, 0);
	CHECK(!vdpa.batch);
	CHECK_EQ(virtio_device_reset(&dev, PATIENCE_US), 0);
	CHECK_EQ(virtio_device_negotiate(&dev, UINT64_MAX), 0);
	CHECK_EQ(vdpa.nb_maps, maps);
	CHECK_EQ(virtio_device_reset(&dev, PATIENCE_US), 0);
	destroy();
}

/* A pair of rings that run. */
static void
up(struct virtqueue **vq)
{
	const struct virtqueue_conf conf = { .size = 64, .node = -1 };
	unsigned int i;

	fake_vdpa_begin(&vdpa);
	CHECK_EQ(create(), 0);
	CHECK_EQ(virtio_device_negotiate(&dev, ~VIRTIO_BIT(VIRTIO_F_RING_PACKED)), 0);
	for (i = 0; i < 2; i++)
		CHECK_EQ(virtqueue_create(&dev, i, &conf, &vq[i]), 0);
	CHECK_EQ(virtio_device_start(&dev, vq, 2), 0);
}

/* Of a device that was reset. */
static void
down(struct virtqueue **vq)
{
	unsigned int i;

	for (i = 0; i < 2; i++)
		CHECK_EQ(virtqueue_destroy(vq[i]), 0);
	destroy();
}

static void
check_broken(struct virtqueue *vq)
{
	CHECK_EQ(virtqueue_state(vq), VIRTQUEUE_BROKEN);
	CHECK_EQ(virtqueue_reclaim(vq, ring_take_back, NULL), -EBUSY);
	CHECK_EQ(virtqueue_destroy(vq), -EBUSY);
}

/* Nothing was changed: the device goes on, and the next stop works. */
static void
suspend_fails(void)
{
	struct virtqueue *vq[2];

	up(vq);
	fake_vdpa_kicks(&vdpa, 0);
	vdpa.record[0] = '\0';
	vdpa.fail = FAKE_VDPA_SUSPEND;
	CHECK_EQ(virtqueue_stop(vq[1], PATIENCE_US), -EIO);
	/* What may have been suspended resumes, and has lost notifications. */
	fake_vdpa_check(&vdpa, "RESUME");
	CHECK_EQ(fake_vdpa_kicks(&vdpa, 0), 1);
	check_broken(vq[1]);
	CHECK(!dev.needs_reset);
	CHECK_EQ(vdpa.ring[1].in_use, (uintptr_t)vq[1]->desc);
	vdpa.fail = FAKE_VDPA_NONE;
	CHECK_EQ(virtqueue_stop(vq[1], PATIENCE_US), 0);
	CHECK_EQ(virtio_device_reset(&dev, PATIENCE_US), 0);
	down(vq);
}

/* The device must not resume with a ring in half. */
static void
exchange_fails(void)
{
	static const enum fake_vdpa_request steps[] = {
		FAKE_VDPA_ENABLE, FAKE_VDPA_BASE, FAKE_VDPA_ADDR, FAKE_VDPA_RESUME,
	};
	struct virtqueue *vq[2];
	unsigned int i;

	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		up(vq);
		vdpa.fail = steps[i];
		test_forget_log();
		CHECK_EQ(virtqueue_stop(vq[1], PATIENCE_US), -EIO);
		check_broken(vq[1]);
		CHECK(vdpa.suspended);
		CHECK(dev.needs_reset);
		CHECK_EQ(virtio_device_check(&dev), -EIO);
		CHECK_EQ(test_logged("does not resume"), 1);
		/* Nothing more is tried until the reset. */
		vdpa.fail = FAKE_VDPA_NONE;
		vdpa.record[0] = '\0';
		CHECK_EQ(virtqueue_stop(vq[0], PATIENCE_US), -EIO);
		check_broken(vq[0]);
		fake_vdpa_check(&vdpa, "");
		CHECK_EQ(virtio_device_reset(&dev, PATIENCE_US), 0);
		CHECK(!dev.needs_reset);
		CHECK_EQ(virtio_device_negotiate(&dev, ~VIRTIO_BIT(VIRTIO_F_RING_PACKED)), 0);
		CHECK_EQ(virtio_device_start(&dev, vq, 2), 0);
		CHECK_EQ(virtqueue_stop(vq[1], PATIENCE_US), 0);
		CHECK_EQ(virtio_device_reset(&dev, PATIENCE_US), 0);
		down(vq);
	}
}

/* Nor is a ring started that was stopped before. */
static void
start_after_a_failed_exchange(void)
{
	struct virtqueue *vq[2];

	up(vq);
	CHECK_EQ(virtqueue_stop(vq[0], PATIENCE_US), 0);
	vdpa.fail = FAKE_VDPA_RESUME;
	CHECK_EQ(virtqueue_stop(vq[1], PATIENCE_US), -EIO);
	vdpa.fail = FAKE_VDPA_NONE;
	vdpa.record[0] = '\0';
	CHECK_EQ(virtqueue_start(vq[0], PATIENCE_US), -EIO);
	CHECK_EQ(virtqueue_state(vq[0]), VIRTQUEUE_READY);
	fake_vdpa_check(&vdpa, "");
	CHECK_EQ(virtio_device_reset(&dev, PATIENCE_US), 0);
	down(vq);
}

static void
suspend_and_resume_fail(void)
{
	struct virtqueue *vq[2];

	up(vq);
	vdpa.fail = FAKE_VDPA_SUSPEND;
	vdpa.fail_too = FAKE_VDPA_RESUME;
	CHECK_EQ(virtqueue_stop(vq[1], PATIENCE_US), -EIO);
	check_broken(vq[1]);
	CHECK(dev.needs_reset);
	CHECK_EQ(virtio_device_reset(&dev, PATIENCE_US), 0);
	down(vq);
}

/* The ring does not run: the empty one is still in its place. */
static void
start_fails(void)
{
	struct virtqueue *vq[2];

	up(vq);
	CHECK_EQ(virtqueue_stop(vq[0], PATIENCE_US), 0);
	vdpa.fail = FAKE_VDPA_SUSPEND;
	CHECK_EQ(virtqueue_start(vq[0], PATIENCE_US), -EIO);
	CHECK_EQ(virtqueue_state(vq[0]), VIRTQUEUE_READY);
	CHECK(vdpa.ring[0].in_use != (uintptr_t)vq[0]->desc);
	vdpa.fail = FAKE_VDPA_NONE;
	CHECK_EQ(virtqueue_start(vq[0], PATIENCE_US), 0);
	CHECK_EQ(vdpa.ring[0].in_use, (uintptr_t)vq[0]->desc);
	CHECK_EQ(virtio_device_reset(&dev, PATIENCE_US), 0);
	down(vq);
}

/* Whether the ring was taken is not known. */
static void
start_fails_after_suspend(void)
{
	struct virtqueue *vq[2];

	up(vq);
	CHECK_EQ(virtqueue_stop(vq[0], PATIENCE_US), 0);
	vdpa.fail = FAKE_VDPA_RESUME;
	CHECK_EQ(virtqueue_start(vq[0], PATIENCE_US), -EIO);
	check_broken(vq[0]);
	CHECK(dev.needs_reset);
	vdpa.fail = FAKE_VDPA_NONE;
	CHECK_EQ(virtio_device_reset(&dev, PATIENCE_US), 0);
	down(vq);
}

static void
refused_reset_is_no_proof(void)
{
	struct virtqueue *vq[2];

	up(vq);
	vdpa.fail = FAKE_VDPA_STATUS;
	CHECK_EQ(virtio_device_reset(&dev, PATIENCE_US), -EIO);
	check_broken(vq[0]);
	check_broken(vq[1]);
	/* Closing the device resets it. */
	vhost_vdpa_disconnect(&dev);
	CHECK(!vhost_vdpa_is_up(&dev));
	CHECK_EQ(vhost_vdpa_watch_events(&dev), 0);
	CHECK_EQ(virtio_device_reset(&dev, PATIENCE_US), 0);
	vdpa.fail = FAKE_VDPA_NONE;
	CHECK_EQ(vhost_vdpa_reconnect(&dev), 0);
	CHECK_EQ(virtio_device_negotiate(&dev, ~VIRTIO_BIT(VIRTIO_F_RING_PACKED)), 0);
	CHECK_EQ(virtio_device_start(&dev, vq, 2), 0);
	CHECK_EQ(virtio_device_reset(&dev, PATIENCE_US), 0);
	vdpa.nb_rings = 6;
	CHECK_EQ(vhost_vdpa_reconnect(&dev), -ENOTSUP);
	CHECK(!vhost_vdpa_is_up(&dev));
	down(vq);
}

TEST_MAIN(
	TEST_WARM_UP(messages_say_what_helps),
	TEST(each_call_of_an_opening_fails),
	TEST(messages_say_what_helps),
	TEST(memory_out_of_range_is_refused),
	TEST(second_mapping_fails),
	TEST(suspend_fails),
	TEST(exchange_fails),
	TEST(start_after_a_failed_exchange),
	TEST(suspend_and_resume_fail),
	TEST(start_fails),
	TEST(start_fails_after_suspend),
	TEST(refused_reset_is_no_proof),
)
