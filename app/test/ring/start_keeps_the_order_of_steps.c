/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * A device is brought up in the order of 3.1.1, a ring in the order set-up, enable, notify. What
 * fails on the way is reported, leaves nothing half started, and can be tried again.
 */

#include <string.h>

#include <rte_common.h>

#include "ring.h"

#define RINGS 3
#define SIZE 64

static const struct ring_conf ring = { .size = SIZE };

static void
check_recorded(struct fake_device *fake, const char *wanted)
{
	if (strcmp(fake_recorded(fake), wanted) != 0)
		test_fail(__FILE__, __LINE__, "the device saw \"%s\", not \"%s\"",
			  fake_recorded(fake), wanted);
	fake_forget_record(fake);
}

static void
three_rings(struct fake_device *fake, struct virtqueue **vq)
{
	unsigned int i;

	for (i = 0; i < RINGS; i++)
		vq[i] = ring_create(&fake->dev, i, &ring);
}

static void
reset_and_down(struct fake_device *fake, struct virtqueue **vq)
{
	unsigned int i;

	memset(fake->fail, 0, sizeof(fake->fail));
	CHECK_EQ(virtio_device_reset(&fake->dev, PATIENCE_US), 0);
	for (i = 0; i < RINGS; i++)
		ring_destroy(vq[i]);
	fake_device_destroy(fake);
}

static void
order_of_a_device(void)
{
	struct fake_device *fake = fake_device_create(RINGS, false);
	struct virtqueue *vq[RINGS];
	unsigned int i;

	three_rings(fake, vq);
	CHECK_EQ(virtio_device_negotiate(&fake->dev, UINT64_MAX), 0);
	check_recorded(fake, "status 0x1, status 0x3, get_features, set_features, "
		       "status 0xb, get_status");
	CHECK_EQ(virtio_device_start(&fake->dev, vq, RINGS), 0);
	check_recorded(fake, "setup 0, setup 1, setup 2, enable 0, enable 1, enable 2, "
		       "status 0xf, notify 0, notify 1, notify 2");
	for (i = 0; i < RINGS; i++) {
		CHECK_EQ(virtqueue_state(vq[i]), VIRTQUEUE_LIVE);
		CHECK(fake->dev.vqs[i] == vq[i]);
		CHECK_EQ(vq[i]->notified, 1);
	}
	reset_and_down(fake, vq);
}

static void
order_of_a_ring(void)
{
	struct fake_device *fake = fake_device_create(RINGS, true);
	struct virtqueue *vq[RINGS];
	unsigned int round;

	three_rings(fake, vq);
	fake_device_run(fake, vq, RINGS);
	for (round = 0; round < 5; round++) {
		fake_forget_record(fake);
		CHECK_EQ(virtqueue_stop(vq[1], PATIENCE_US), 0);
		check_recorded(fake, "stop 1");
		CHECK_EQ(virtqueue_reclaim(vq[1], ring_take_back, NULL), 0);
		CHECK_EQ(virtqueue_start(vq[1], PATIENCE_US), 0);
		/* The doorbell, whatever the ring says of it: one may have been lost. */
		check_recorded(fake, "setup 1, enable 1, notify 1");
		CHECK_EQ(vq[1]->notified, round + 2);
	}
	reset_and_down(fake, vq);
}

static void
only_what_is_offered_and_wanted_is_taken(void)
{
	struct fake_device *fake = fake_device_create(RINGS, false);

	fake->features |= VIRTIO_BIT(5);
	CHECK_EQ(virtio_device_negotiate(&fake->dev, VIRTIO_BIT(VIRTIO_F_RING_RESET) |
					 VIRTIO_BIT(VIRTIO_F_RING_PACKED)), 0);
	CHECK_EQ(fake->dev.offered, fake->features);
	CHECK_EQ(fake->dev.acked,
		 VIRTIO_BIT(VIRTIO_F_VERSION_1) | VIRTIO_BIT(VIRTIO_F_RING_RESET));
	CHECK(virtio_device_has(&fake->dev, VIRTIO_F_RING_RESET));
	CHECK(!virtio_device_has(&fake->dev, VIRTIO_RING_F_EVENT_IDX));
	CHECK_EQ(virtio_device_reset(&fake->dev, PATIENCE_US), 0);
	fake_device_destroy(fake);
}

static void
device_without_version_1(void)
{
	struct fake_device *fake = fake_device_create(RINGS, false);

	fake->features &= ~VIRTIO_BIT(VIRTIO_F_VERSION_1);
	CHECK_EQ(virtio_device_negotiate(&fake->dev, UINT64_MAX), -ENOTSUP);
	CHECK_EQ(test_logged("VERSION_1"), 1);
	CHECK_EQ(fake_count(fake, FAKE_SET_FEATURES), 0);
	CHECK_EQ(virtio_device_reset(&fake->dev, PATIENCE_US), 0);
	fake_device_destroy(fake);
}

static void
device_refuses_the_features(void)
{
	struct fake_device *fake = fake_device_create(RINGS, false);
	struct virtqueue *vq[RINGS];

	three_rings(fake, vq);
	fake->refuses_features = true;
	CHECK_EQ(virtio_device_negotiate(&fake->dev, UINT64_MAX), -ENOTSUP);
	CHECK_EQ(test_logged("refuses the features"), 1);
	CHECK_EQ(virtio_device_reset(&fake->dev, PATIENCE_US), 0);
	fake->refuses_features = false;
	fake_device_run(fake, vq, RINGS);
	reset_and_down(fake, vq);
}

static void
each_step_of_the_negotiation_fails(void)
{
	static const enum fake_op ops[] = {
		FAKE_SET_STATUS, FAKE_GET_FEATURES, FAKE_SET_FEATURES, FAKE_GET_STATUS
	};
	unsigned int i, n;

	for (i = 0; i < RTE_DIM(ops); i++) {
		/* Three status writes; one of each other. */
		for (n = 0; n < (ops[i] == FAKE_SET_STATUS ? 3u : 1u); n++) {
			struct fake_device *fake = fake_device_create(RINGS, false);
			struct virtqueue *vq[RINGS];

			three_rings(fake, vq);
			fake->fail[ops[i]] = ENODEV;
			fake->fail_after[ops[i]] = n;
			CHECK_EQ(virtio_device_negotiate(&fake->dev, UINT64_MAX), -ENODEV);
			CHECK_EQ(fake->record[fake->nb_record - 1].op, ops[i]);
			memset(fake->fail, 0, sizeof(fake->fail));
			CHECK_EQ(virtio_device_reset(&fake->dev, PATIENCE_US), 0);
			fake_device_run(fake, vq, RINGS);
			reset_and_down(fake, vq);
		}
	}
}

static void
wrong_order_is_refused(void)
{
	struct fake_device *fake = fake_device_create(RINGS, false);
	struct virtqueue *vq[RINGS];

	three_rings(fake, vq);
	CHECK_EQ(virtio_device_start(&fake->dev, vq, RINGS), -EBUSY);
	CHECK_EQ(virtqueue_start(vq[0], PATIENCE_US), -EBUSY);
	CHECK_EQ(fake->nb_record, 0);
	CHECK_EQ(virtio_device_negotiate(&fake->dev, UINT64_MAX), 0);
	CHECK_EQ(virtio_device_negotiate(&fake->dev, UINT64_MAX), -EBUSY);
	/* A ring alone needs a device that runs. */
	CHECK_EQ(virtqueue_start(vq[0], PATIENCE_US), -EBUSY);
	CHECK_EQ(virtqueue_state(vq[0]), VIRTQUEUE_READY);
	CHECK_EQ(virtio_device_start(&fake->dev, vq, 2), 0);
	CHECK_EQ(virtio_device_start(&fake->dev, &vq[2], 1), -EBUSY);
	CHECK_EQ(virtio_device_negotiate(&fake->dev, UINT64_MAX), -EBUSY);
	CHECK_EQ(virtqueue_state(vq[2]), VIRTQUEUE_READY);
	CHECK_EQ(virtqueue_start(vq[2], PATIENCE_US), 0);
	reset_and_down(fake, vq);
}

/* One index, one ring: the other would be lost to the device's next reset. */
static void
equal_indices_are_refused(void)
{
	struct fake_device *fake = fake_device_create(RINGS, false);
	struct virtqueue *vq[RINGS];
	unsigned int i;

	three_rings(fake, vq);
	ring_destroy(vq[2]);
	vq[2] = ring_create(&fake->dev, 0, &ring);
	CHECK_EQ(virtio_device_negotiate(&fake->dev, UINT64_MAX), 0);
	CHECK_EQ(virtio_device_start(&fake->dev, vq, RINGS), -EINVAL);
	CHECK_EQ(test_logged("two queues have ring 0"), 1);
	CHECK_EQ(fake_count(fake, FAKE_SETUP), 0);
	for (i = 0; i < RINGS; i++)
		CHECK_EQ(virtqueue_state(vq[i]), VIRTQUEUE_READY);
	reset_and_down(fake, vq);
}

/* The offer may be read before the choice is made, once in a life of the device. */
static void
offer_is_read_first(void)
{
	struct fake_device *fake = fake_device_create(RINGS, false);
	struct virtqueue *vq[RINGS];

	three_rings(fake, vq);
	CHECK_EQ(virtio_device_read_offer(&fake->dev), 0);
	CHECK_EQ(fake->dev.offered, fake->features);
	CHECK_EQ(virtio_device_read_offer(&fake->dev), -EBUSY);
	CHECK_EQ(virtio_device_negotiate(&fake->dev, UINT64_MAX), 0);
	check_recorded(fake, "status 0x1, status 0x3, get_features, set_features, "
		       "status 0xb, get_status");
	CHECK_EQ(virtio_device_negotiate(&fake->dev, UINT64_MAX), -EBUSY);
	CHECK_EQ(virtio_device_reset(&fake->dev, PATIENCE_US), 0);
	CHECK_EQ(virtio_device_read_offer(&fake->dev), 0);
	CHECK_EQ(virtio_device_reset(&fake->dev, PATIENCE_US), 0);
	fake_device_run(fake, vq, RINGS);
	reset_and_down(fake, vq);
}

/* After a failed start of the device its rings are the device's, until a reset. */
static void
each_step_of_a_device_start_fails(void)
{
	static const enum fake_op ops[] = { FAKE_SETUP, FAKE_ENABLE, FAKE_SET_STATUS };
	unsigned int i, n, r;

	for (i = 0; i < RTE_DIM(ops); i++) {
		for (n = 0; n < (ops[i] == FAKE_SET_STATUS ? 1u : RINGS); n++) {
			struct fake_device *fake = fake_device_create(RINGS, false);
			struct virtqueue *vq[RINGS];
			unsigned int known = 0;

			three_rings(fake, vq);
			CHECK_EQ(virtio_device_negotiate(&fake->dev, UINT64_MAX), 0);
			fake->fail[ops[i]] = EIO;
			fake->fail_after[ops[i]] = n;
			CHECK_EQ(virtio_device_start(&fake->dev, vq, RINGS), -EIO);
			CHECK_EQ(fake_count(fake, FAKE_NOTIFY), 0);
			for (r = 0; r < RINGS; r++) {
				const bool was_set_up = ops[i] != FAKE_SETUP || r <= n;

				CHECK_EQ(virtqueue_state(vq[r]) != VIRTQUEUE_READY, was_set_up);
				CHECK_EQ(fake->dev.vqs[r] == vq[r], was_set_up);
				CHECK_EQ(virtqueue_destroy(vq[r]) == -EBUSY, was_set_up);
				if (!was_set_up)
					vq[r] = ring_create(&fake->dev, r, &ring);
				known += was_set_up;
			}
			CHECK(known > 0);
			memset(fake->fail, 0, sizeof(fake->fail));
			CHECK_EQ(virtio_device_reset(&fake->dev, PATIENCE_US), 0);
			for (r = 0; r < RINGS; r++)
				CHECK_EQ(virtqueue_state(vq[r]), VIRTQUEUE_READY);
			fake_device_run(fake, vq, RINGS);
			reset_and_down(fake, vq);
		}
	}
}

/* A ring whose start fails is stopped again: with proof it is READY, and its buffers are ours. */
static void
ring_start_fails_with_proof(void)
{
	static const enum fake_op ops[] = { FAKE_SETUP, FAKE_ENABLE };
	unsigned int i;

	for (i = 0; i < RTE_DIM(ops); i++) {
		struct fake_device *fake = fake_device_create(RINGS, false);
		struct buffer b = { 0 };
		struct virtqueue *vq[RINGS];

		three_rings(fake, vq);
		fake_device_run(fake, vq, 2);
		ring_post(vq[2], &b, 1, VRING_DESC_F_WRITE);
		ring_show(vq[2]);
		fake->fail[ops[i]] = EIO;
		fake_forget_record(fake);
		test_forget_log();
		CHECK_EQ(virtqueue_start(vq[2], PATIENCE_US), -EIO);
		CHECK_EQ(fake_count(fake, FAKE_STOP_ASK), 1);
		CHECK_EQ(fake_count(fake, FAKE_NOTIFY), 0);
		CHECK_EQ(test_logged("start failed"), 1);
		CHECK_EQ(virtqueue_state(vq[2]), VIRTQUEUE_READY);
		CHECK(fake->dev.vqs[2] == NULL);
		CHECK_EQ(virtqueue_state(vq[0]), VIRTQUEUE_LIVE);
		CHECK_EQ(virtqueue_state(vq[1]), VIRTQUEUE_LIVE);
		/* Its buffers are still in it, to be taken back or to be tried again. */
		CHECK_EQ(b.returned, 0);
		fake->fail[ops[i]] = 0;
		CHECK_EQ(virtqueue_start(vq[2], PATIENCE_US), 0);
		CHECK(ring_device_waiting(fake_ring(fake, 2)));
		reset_and_down(fake, vq);
		ring_check_returned(&b, 1);
	}
}

static void
ring_start_fails_without_proof(void)
{
	static const enum fake_op ops[] = { FAKE_SETUP, FAKE_ENABLE };
	static const enum fake_answer answers[] = { FAKE_NEVER, FAKE_REFUSES, FAKE_GONE };
	unsigned int i, a;

	for (i = 0; i < RTE_DIM(ops); i++) {
		for (a = 0; a < RTE_DIM(answers); a++) {
			struct fake_device *fake = fake_device_create(RINGS, false);
			struct virtqueue *vq[RINGS];

			three_rings(fake, vq);
			fake_device_run(fake, vq, 2);
			fake->fail[ops[i]] = EIO;
			fake->queue[2].answer = answers[a];
			/* The first error is returned. */
			CHECK_EQ(virtqueue_start(vq[2], SHORT_US), -EIO);
			CHECK_EQ(virtqueue_state(vq[2]), VIRTQUEUE_BROKEN);
			CHECK_EQ(virtqueue_destroy(vq[2]), -EBUSY);
			CHECK_EQ(virtqueue_state(vq[0]), VIRTQUEUE_LIVE);
			fake->fail[ops[i]] = 0;
			fake_answer_now(fake, 2);
			CHECK_EQ(virtqueue_stop(vq[2], SHORT_US), 0);
			CHECK_EQ(virtqueue_reclaim(vq[2], ring_take_back, NULL), 0);
			CHECK_EQ(virtqueue_start(vq[2], SHORT_US), 0);
			reset_and_down(fake, vq);
		}
	}
}

/* There is no proof to be had where there is no way to stop a ring. */
static void
ring_start_fails_without_a_way_to_stop(void)
{
	struct fake_device *fake = fake_device_create(RINGS, false);
	struct virtqueue *vq[RINGS];

	three_rings(fake, vq);
	fake_device_run(fake, vq, 2);
	fake->dev.stop_method = VIRTIO_STOP_NONE;
	fake->fail[FAKE_ENABLE] = EIO;
	CHECK_EQ(virtqueue_start(vq[2], SHORT_US), -EIO);
	CHECK_EQ(virtqueue_state(vq[2]), VIRTQUEUE_BROKEN);
	CHECK_EQ(virtqueue_destroy(vq[2]), -EBUSY);
	reset_and_down(fake, vq);
}

TEST_MAIN(
	TEST(order_of_a_device),
	TEST(order_of_a_ring),
	TEST(only_what_is_offered_and_wanted_is_taken),
	TEST(device_without_version_1),
	TEST(device_refuses_the_features),
	TEST(each_step_of_the_negotiation_fails),
	TEST(wrong_order_is_refused),
	TEST(equal_indices_are_refused),
	TEST(offer_is_read_first),
	TEST(each_step_of_a_device_start_fails),
	TEST(ring_start_fails_with_proof),
	TEST(ring_start_fails_without_proof),
	TEST(ring_start_fails_without_a_way_to_stop),
)
