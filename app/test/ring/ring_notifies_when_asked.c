/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * A doorbell is rung when the device wants it and only then: by its flag without EVENT_IDX, by its
 * event word with it, at every position of the 16-bit indices (2.7.10).
 */

#include <rte_common.h>

#include "ring.h"

/* A little more than one turn of the indices, in steps that do not divide it. */
#define PUBLISHED 70000

static struct buffer buffer;

/* So many buffers go round: offered, taken, used, popped. */
static void
publish(struct virtqueue *vq, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		ring_post(vq, &buffer, 1, VRING_DESC_F_WRITE);
	ring_show(vq);
}

static void
complete(struct virtqueue *vq, struct ring_device *rd)
{
	struct device_chain chain;
	uint32_t len;

	while (ring_device_take(rd, &chain))
		ring_device_use(rd, chain.head, 0);
	while (ring_used(vq, 1, vq->conf.packed) > 0) {
		CHECK(ring_get(vq, &len) == &buffer);
		buffer.returned++;
	}
}

static void
by_flag(const struct ring_conf *ring)
{
	struct fake_device *fake = ring_device_for(ring);
	struct virtqueue *vq = ring_create(&fake->dev, 0, ring);
	struct ring_device *rd;
	unsigned int i;

	fake->features &= ~VIRTIO_BIT(VIRTIO_RING_F_EVENT_IDX);
	fake_device_run(fake, &vq, 1);
	CHECK(!vq->event_idx);
	rd = fake_ring(fake, 0);
	for (i = 0; i < 10; i++) {
		publish(vq, 3);
		CHECK(ring_asks(vq));
		ring_device_set_no_notify(rd, true);
		/* Without the feature the event word means nothing. */
		if (!ring->packed)
			ring_device_set_event(rd, 6 * i + 3);
		publish(vq, 3);
		CHECK(!ring_asks(vq));
		ring_device_set_no_notify(rd, false);
		complete(vq, rd);
	}
	CHECK_EQ(virtqueue_stop(vq, PATIENCE_US), 0);
	ring_destroy(vq);
	fake_device_destroy(fake);
}

/*
 * The device asks for a doorbell once the entry `event` is there. Wide counters tell what is right:
 * entries before `decided` were there the last time it was decided, those before `now` are there.
 */
static void
by_event_word(const struct ring_conf *ring)
{
	const struct ring_conf with = { ring->packed, ring->size, true };
	struct fake_device *fake = ring_device_for(&with);
	struct virtqueue *vq = ring_create(&fake->dev, 0, &with);
	struct ring_device *rd;
	int64_t decided = 0;
	int64_t step = 0;

	fake_device_run(fake, &vq, 1);
	CHECK(vq->event_idx);
	rd = fake_ring(fake, 0);
	/* A split ring's flag means nothing with the feature. */
	ring_device_set_no_notify(rd, true);
	while (decided < PUBLISHED) {
		const unsigned int n = 1 + step % 7;
		/* From two entries before the last decision to two beyond the new ones. */
		const int64_t event = decided - 2 + (step / 7) % (n + 5);
		const int64_t now = decided + n;

		if (event < 0) {
			step++;
			continue;
		}
		ring_device_set_event(rd, event);
		publish(vq, n);
		CHECK_EQ(ring_asks(vq), decided <= event && event < now);
		decided = now;
		complete(vq, rd);
		step++;
	}
	CHECK_EQ(virtqueue_stop(vq, PATIENCE_US), 0);
	ring_destroy(vq);
	fake_device_destroy(fake);
}

/* A whole ring at once, over the turn: the event word may be any of them. */
static void
by_event_word_with_a_full_ring(const struct ring_conf *ring)
{
	const struct ring_conf with = { ring->packed, ring->size, true };
	struct fake_device *fake = ring_device_for(&with);
	struct virtqueue *vq = ring_create(&fake->dev, 0, &with);
	const uint32_t laps = 65536 / ring->size;
	struct ring_device *rd;
	uint32_t lap;

	fake_device_run(fake, &vq, 1);
	rd = fake_ring(fake, 0);
	for (lap = 0; lap < laps + 4; lap++) {
		/* Of the four only the entries from the first to the last that are published. */
		const int64_t beside[] = { -1, 0, ring->size - 1, ring->size };
		const int64_t event = (int64_t)lap * ring->size + beside[lap % 4];

		ring_device_set_event(rd, lap == 0 ? 0 : event);
		publish(vq, ring->size);
		CHECK_EQ(ring_asks(vq), lap == 0 || lap % 4 == 1 || lap % 4 == 2);
		complete(vq, rd);
	}
	CHECK_EQ(virtqueue_stop(vq, PATIENCE_US), 0);
	ring_destroy(vq);
	fake_device_destroy(fake);
}

/*
 * 2.8.10 at the end of a packed ring: whichever lap the event's place is said to be of, with the
 * buffers before it, at it and over it pushed, one at a time or at once.
 */
static void
by_event_at_the_wrap(const struct ring_conf *ring)
{
	const struct ring_conf with = { ring->packed, ring->size, true };
	int64_t event, n;

	for (event = ring->size - 3; event <= ring->size + 3; event++) {
		for (n = 1; n <= 6; n++) {
			struct fake_device *fake = ring_device_for(&with);
			struct virtqueue *vq = ring_create(&fake->dev, 0, &with);
			struct ring_device *rd;
			int64_t at = ring->size - 4;
			unsigned int rung = 0;

			fake_device_run(fake, &vq, 1);
			rd = fake_ring(fake, 0);
			publish(vq, at);
			ring_asks(vq);
			complete(vq, rd);
			ring_device_set_event(rd, event);
			for (; at < ring->size + 12; at += n) {
				publish(vq, n);
				CHECK_EQ(ring_asks(vq), at <= event && event < at + n);
				rung += at <= event && event < at + n;
				complete(vq, rd);
			}
			/* Once it was rung for that place it is quiet. */
			CHECK_EQ(rung, 1);
			CHECK_EQ(virtqueue_stop(vq, PATIENCE_US), 0);
			ring_destroy(vq);
			fake_device_destroy(fake);
		}
	}
}

/* Without EVENT_IDX there is no place to name (2.8.14): one too many is right. */
static void
place_without_the_feature(const struct ring_conf *ring)
{
	const struct ring_conf without = { ring->packed, ring->size, false };
	struct fake_device *fake = ring_device_for(&without);
	struct virtqueue *vq = ring_create(&fake->dev, 0, &without);
	struct ring_device *rd;

	fake_device_run(fake, &vq, 1);
	rd = fake_ring(fake, 0);
	ring_device_set_event(rd, ring->size - 1);
	publish(vq, 1);
	CHECK(ring_asks(vq));
	complete(vq, rd);
	CHECK_EQ(virtqueue_stop(vq, PATIENCE_US), 0);
	ring_destroy(vq);
	fake_device_destroy(fake);
}

/* As devices do it: asks for the next entry, sleeps, is woken, takes all. No buffer is left. */
static void
device_that_sleeps_is_woken(const struct ring_conf *ring)
{
	struct fake_device *fake = ring_device_for(ring);
	struct virtqueue *vq = ring_create(&fake->dev, 0, ring);
	struct ring_device *rd;
	unsigned int published = 0;
	unsigned int rung = 0;

	fake_device_run(fake, &vq, 1);
	rd = fake_ring(fake, 0);
	while (published < PUBLISHED) {
		const unsigned int before = rung;

		/* It sleeps: the next buffer is to wake it. */
		ring_device_set_no_notify(rd, false);
		if (!ring->packed || ring->event_idx)
			ring_device_set_event(rd, published);
		publish(vq, 1);
		rung += ring_asks(vq);
		CHECK_EQ(rung, before + 1);
		/* It works: more buffers need no doorbell. With the event word it stays behind. */
		ring_device_set_no_notify(rd, true);
		publish(vq, 2);
		rung += ring_asks(vq);
		CHECK_EQ(rung, before + 1);
		published += 3;
		complete(vq, rd);
	}
	CHECK(!ring_device_waiting(rd));
	CHECK_EQ(virtqueue_stop(vq, PATIENCE_US), 0);
	ring_destroy(vq);
	fake_device_destroy(fake);
}

/*
 * A ring that was full when it was started, and is used and refilled in one burst: as many entries
 * are new as the ring has, and not twice as many, which of 32768 would be none.
 */
static void
by_event_word_from_the_start(const struct ring_conf *ring)
{
	const struct ring_conf with = { ring->packed, ring->size, true };
	struct fake_device *fake = ring_device_for(&with);
	struct virtqueue *vq = ring_create(&fake->dev, 0, &with);
	struct ring_device *rd;

	fake->features |= VIRTIO_BIT(VIRTIO_RING_F_EVENT_IDX);
	publish(vq, ring->size);
	fake_device_run(fake, &vq, 1);
	rd = fake_ring(fake, 0);
	complete(vq, rd);
	ring_device_set_event(rd, ring->size);
	publish(vq, ring->size);
	CHECK(ring_asks(vq));
	complete(vq, rd);
	CHECK_EQ(virtqueue_stop(vq, PATIENCE_US), 0);
	ring_destroy(vq);
	fake_device_destroy(fake);
}

TEST_MAIN(
	TEST_EVERY_RING(by_flag),
	TEST_EVERY_RING(by_event_word),
	TEST_EVERY_RING(by_event_word_with_a_full_ring),
	TEST_EVERY_RING(by_event_word_from_the_start),
	TEST_EVERY_RING(by_event_at_the_wrap),
	TEST_EVERY_PACKED_RING(place_without_the_feature),
	TEST_EVERY_RING(device_that_sleeps_is_woken),
)
