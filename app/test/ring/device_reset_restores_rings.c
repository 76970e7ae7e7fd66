/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * The reset of a device is the last way to get at the rings of a device that does not stop them.
 * Proven, it makes every ring READY; not proven, every ring that the device knows is BROKEN.
 */

#include <string.h>

#include <rte_common.h>

#include "ring.h"

#define RINGS 4
#define SIZE 128

static const struct ring_conf ring = { .size = SIZE };

static struct fake_device *fake;
static struct virtqueue *vq[RINGS];
static struct buffer buffer[RINGS];

/* Rings 0 to 2 are the device's, ring 3 is ours still. */
static void
up(void)
{
	unsigned int i;

	memset(buffer, 0, sizeof(buffer));
	fake = fake_device_create(RINGS, false);
	for (i = 0; i < RINGS; i++) {
		vq[i] = ring_create(&fake->dev, i, &ring);
		ring_post(vq[i], &buffer[i], 1, VRING_DESC_F_WRITE);
		ring_show(vq[i]);
	}
	fake_device_run(fake, vq, 3);
}

static void
check_all_ready_and_down(void)
{
	unsigned int i;

	CHECK_EQ(fake->dev.status, VIRTIO_STATUS_RESET);
	for (i = 0; i < RINGS; i++) {
		CHECK_EQ(virtqueue_state(vq[i]), VIRTQUEUE_READY);
		CHECK(fake->dev.vqs[i] == NULL);
		CHECK_EQ(virtqueue_reclaim(vq[i], ring_take_back, NULL), 1);
		ring_check_fresh(vq[i]);
	}
	ring_check_returned(buffer, RINGS);
	/* From the bottom of the ladder again. */
	fake_device_run(fake, vq, RINGS);
	CHECK_EQ(virtio_device_reset(&fake->dev, PATIENCE_US), 0);
	for (i = 0; i < RINGS; i++)
		ring_destroy(vq[i]);
	fake_device_destroy(fake);
}

static void
check_known_rings_broken(void)
{
	unsigned int i;

	for (i = 0; i < RINGS; i++) {
		const bool known = i < 3;

		CHECK_EQ(virtqueue_state(vq[i]), known ? VIRTQUEUE_BROKEN : VIRTQUEUE_READY);
		CHECK(fake->dev.vqs[i] == (known ? vq[i] : NULL));
		if (known) {
			CHECK_EQ(virtqueue_reclaim(vq[i], ring_take_back, NULL), -EBUSY);
			CHECK_EQ(virtqueue_destroy(vq[i]), -EBUSY);
		}
	}
	/* It may be running still: neither start nor negotiation before a reset that is proven. */
	CHECK(fake->dev.status != VIRTIO_STATUS_RESET);
	CHECK_EQ(virtio_device_negotiate(&fake->dev, UINT64_MAX), -EBUSY);
}

static void
running_rings_become_ready(void)
{
	up();
	CHECK_EQ(virtio_device_reset(&fake->dev, PATIENCE_US), 0);
	check_all_ready_and_down();
}

static void
late_in_time(void)
{
	up();
	fake->reset_answer = FAKE_LATE;
	fake->reset_late_waits = 4;
	CHECK_EQ(virtio_device_reset(&fake->dev, PATIENCE_US), 0);
	CHECK_EQ(fake->waits, 4);
	check_all_ready_and_down();
}

static void
ring_with_a_failed_stop_becomes_ready(void)
{
	up();
	fake->queue[1].answer = FAKE_NEVER;
	CHECK_EQ(virtqueue_stop(vq[1], SHORT_US), -ETIMEDOUT);
	CHECK_EQ(virtqueue_state(vq[1]), VIRTQUEUE_BROKEN);
	CHECK_EQ(virtio_device_reset(&fake->dev, PATIENCE_US), 0);
	fake->queue[1].answer = FAKE_OBEYS;
	check_all_ready_and_down();
}

static void
broken_ring_becomes_ready(void)
{
	up();
	CHECK(virtqueue_set_broken(vq[2], "a test"));
	CHECK_EQ(virtio_device_reset(&fake->dev, PATIENCE_US), 0);
	check_all_ready_and_down();
}

static void
stopped_ring_stays_ready(void)
{
	up();
	CHECK_EQ(virtqueue_stop(vq[0], PATIENCE_US), 0);
	CHECK_EQ(virtio_device_reset(&fake->dev, PATIENCE_US), 0);
	check_all_ready_and_down();
}

static void
never_then_late(void)
{
	up();
	fake->reset_answer = FAKE_NEVER;
	CHECK_EQ(virtio_device_reset(&fake->dev, SHORT_US), -ETIMEDOUT);
	CHECK_EQ(test_logged("reset is not confirmed"), 1);
	check_known_rings_broken();
	CHECK_EQ(virtio_device_reset(&fake->dev, SHORT_US), -ETIMEDOUT);
	check_known_rings_broken();
	fake->reset_answer = FAKE_OBEYS;
	CHECK_EQ(virtio_device_reset(&fake->dev, SHORT_US), 0);
	check_all_ready_and_down();
}

static void
refused_then_obeyed(void)
{
	up();
	fake->reset_answer = FAKE_REFUSES;
	CHECK_EQ(virtio_device_reset(&fake->dev, PATIENCE_US), -EIO);
	check_known_rings_broken();
	fake->reset_answer = FAKE_OBEYS;
	CHECK_EQ(virtio_device_reset(&fake->dev, PATIENCE_US), 0);
	check_all_ready_and_down();
}

static void
gone_then_found_to_be_done(void)
{
	up();
	fake->reset_answer = FAKE_GONE;
	CHECK_EQ(virtio_device_reset(&fake->dev, PATIENCE_US), -ENODEV);
	check_known_rings_broken();
	fake->reset_answer = FAKE_OBEYS;
	CHECK_EQ(virtio_device_reset(&fake->dev, PATIENCE_US), 0);
	check_all_ready_and_down();
}

static void
request_cannot_be_sent(void)
{
	up();
	fake->fail[FAKE_RESET_ASK] = EIO;
	CHECK_EQ(virtio_device_reset(&fake->dev, PATIENCE_US), -EIO);
	check_known_rings_broken();
	fake->fail[FAKE_RESET_ASK] = 0;
	CHECK_EQ(virtio_device_reset(&fake->dev, PATIENCE_US), 0);
	check_all_ready_and_down();
}

/* "feature bits in force; 0 before negotiation" holds after a reset as well. */
static void
no_feature_is_in_force_after_a_reset(void)
{
	up();
	CHECK(fake->dev.acked != 0);
	CHECK_EQ(virtio_device_reset(&fake->dev, PATIENCE_US), 0);
	CHECK_EQ(fake->dev.acked, 0);
	check_all_ready_and_down();
}

TEST_MAIN(
	TEST(running_rings_become_ready),
	TEST(late_in_time),
	TEST(ring_with_a_failed_stop_becomes_ready),
	TEST(broken_ring_becomes_ready),
	TEST(stopped_ring_stays_ready),
	TEST(never_then_late),
	TEST(refused_then_obeyed),
	TEST(gone_then_found_to_be_done),
	TEST(request_cannot_be_sent),
	TEST(no_feature_is_in_force_after_a_reset),
)
