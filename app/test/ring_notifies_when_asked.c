/* SPDX-License-Identifier: BSD-3-Clause */

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
		ring_push(vq, &buffer, 1, VRING_DESC_F_WRITE);
	split_publish(vq);
}

static void
complete(struct virtqueue *vq, struct split_device *sd)
{
	struct split_device_chain chain;
	uint32_t len;

	while (split_device_take(sd, &chain))
		split_device_use(sd, chain.head, 0);
	while (split_used(vq) > 0) {
		CHECK(split_pop(vq, false, &len) == &buffer);
		buffer.returned++;
	}
}

static void
by_flag(const struct ring_conf *ring)
{
	struct fake_device *fake = fake_device_create(1, ring->event_idx);
	struct virtqueue *vq = ring_create(&fake->dev, 0, ring->size);
	struct split_device *sd;
	unsigned int i;

	fake->features &= ~VIRTIO_BIT(VIRTIO_RING_F_EVENT_IDX);
	fake_device_run(fake, &vq, 1);
	CHECK(!vq->event_idx);
	sd = fake_ring(fake, 0);
	for (i = 0; i < 10; i++) {
		publish(vq, 3);
		CHECK(split_must_notify(vq));
		split_device_set_no_notify(sd, true);
		/* Without the feature the event word means nothing. */
		split_device_set_avail_event(sd, split_device_avail_idx(sd));
		publish(vq, 3);
		CHECK(!split_must_notify(vq));
		split_device_set_no_notify(sd, false);
		complete(vq, sd);
	}
	CHECK_EQ(virtqueue_stop(vq, PATIENCE_US), 0);
	ring_destroy(vq);
	fake_device_destroy(fake);
}

/*
 * The device asks for a doorbell once the entry `event` is there. Wide counters tell what is right:
 * entries before `told` were there the last time it was decided, those before `now` are there.
 */
static void
by_event_word(const struct ring_conf *ring)
{
	struct fake_device *fake = fake_device_create(1, true);
	struct virtqueue *vq = ring_create(&fake->dev, 0, ring->size);
	struct split_device *sd;
	int64_t told = 0;
	int64_t step = 0;

	fake_device_run(fake, &vq, 1);
	CHECK(vq->event_idx);
	sd = fake_ring(fake, 0);
	/* The flag means nothing with the feature. */
	split_device_set_no_notify(sd, true);
	while (told < PUBLISHED) {
		const unsigned int n = 1 + step % 7;
		/* From two entries before the last decision to two beyond the new ones. */
		const int64_t event = told - 2 + (step / 7) % (n + 5);
		const int64_t now = told + n;

		if (event < 0) {
			step++;
			continue;
		}
		split_device_set_avail_event(sd, (uint16_t)event);
		publish(vq, n);
		CHECK_EQ(split_must_notify(vq), told <= event && event < now);
		told = now;
		complete(vq, sd);
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
	struct fake_device *fake = fake_device_create(1, true);
	struct virtqueue *vq = ring_create(&fake->dev, 0, ring->size);
	const uint32_t laps = 65536 / ring->size;
	struct split_device *sd;
	uint32_t lap;

	fake_device_run(fake, &vq, 1);
	sd = fake_ring(fake, 0);
	for (lap = 0; lap < laps + 3; lap++) {
		const uint16_t start = lap * ring->size;
		uint16_t event = start;

		switch (lap % 3) {
		case 0:
			break;
		case 1:
			event += ring->size - 1;
			break;
		case 2:
			event += ring->size;
			break;
		}
		split_device_set_avail_event(sd, event);
		publish(vq, ring->size);
		CHECK_EQ(split_must_notify(vq), lap % 3 != 2);
		complete(vq, sd);
	}
	CHECK_EQ(virtqueue_stop(vq, PATIENCE_US), 0);
	ring_destroy(vq);
	fake_device_destroy(fake);
}

/* As devices do it: asks for the next entry, sleeps, is woken, takes all. No buffer is left. */
static void
device_that_sleeps_is_woken(const struct ring_conf *ring)
{
	struct fake_device *fake = fake_device_create(1, ring->event_idx);
	struct virtqueue *vq = ring_create(&fake->dev, 0, ring->size);
	struct split_device *sd;
	unsigned int published = 0;
	unsigned int rung = 0;

	fake_device_run(fake, &vq, 1);
	sd = fake_ring(fake, 0);
	while (published < PUBLISHED) {
		const unsigned int before = rung;

		/* It sleeps: the next buffer is to wake it. */
		split_device_set_no_notify(sd, false);
		split_device_set_avail_event(sd, split_device_avail_idx(sd));
		publish(vq, 1);
		rung += split_must_notify(vq);
		CHECK_EQ(rung, before + 1);
		/* It works: more buffers need no doorbell. With the event word it stays behind. */
		split_device_set_no_notify(sd, true);
		publish(vq, 2);
		rung += split_must_notify(vq);
		CHECK_EQ(rung, before + 1);
		published += 3;
		complete(vq, sd);
	}
	CHECK_EQ(split_device_waiting(sd), 0);
	CHECK_EQ(virtqueue_stop(vq, PATIENCE_US), 0);
	ring_destroy(vq);
	fake_device_destroy(fake);
}

TEST_MAIN(
	TEST_EVERY_RING(by_flag),
	TEST_EVERY_RING(by_event_word),
	TEST_EVERY_RING(by_event_word_with_a_full_ring),
	TEST_EVERY_RING(device_that_sleeps_is_woken),
)
