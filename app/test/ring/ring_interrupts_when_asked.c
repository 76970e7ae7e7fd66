/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * A ring that interrupts are wanted of raises one with the next used buffer, at every position of
 * the indices, and one that they are not wanted of raises none; a request returns what is there
 * already (2.7.7, 2.8.10).
 */

#include <rte_common.h>

#include "ring.h"

/* A little more than one turn of the indices. */
#define USED 70000

static struct buffer buffer;

struct set {
	struct fake_device *fake;
	struct virtqueue *vq;
	struct ring_device *rd;
};

static void
begin(struct set *set, const struct ring_conf *ring)
{
	set->fake = ring_device_for(ring);
	set->vq = ring_create(&set->fake->dev, 0, ring);
	fake_device_run(set->fake, &set->vq, 1);
	set->rd = fake_ring(set->fake, 0);
	CHECK_EQ(set->vq->event_idx, ring->event_idx);
}

static void
end(struct set *set)
{
	fake_check(set->fake);
	CHECK_EQ(virtqueue_stop(set->vq, PATIENCE_US), 0);
	ring_destroy(set->vq);
	fake_device_destroy(set->fake);
}

/* Device: uses so many buffers, and decides once. */
static bool
use(struct set *set, unsigned int n)
{
	struct device_chain chain;
	unsigned int i;

	for (i = 0; i < n; i++) {
		ring_post(set->vq, &buffer, 1, VRING_DESC_F_WRITE);
		ring_show(set->vq);
		CHECK(ring_device_take(set->rd, &chain));
		ring_device_use(set->rd, chain.head, 0);
	}
	return ring_device_interrupts(set->rd);
}

static void
take_all(struct set *set)
{
	uint32_t len;

	while (ring_ready(set->vq) > 0) {
		CHECK(ring_get(set->vq, &len) == &buffer);
		buffer.returned++;
	}
}

static bool
ask(struct set *set)
{
	return ring_interrupts_on(set->vq, set->vq->conf.packed);
}

/* An event word comes up once in 65536 entries, whatever is in it. */
static void
begins_quiet(const struct ring_conf *ring)
{
	struct set set;
	unsigned int i;

	begin(&set, ring);
	for (i = 0; i < 65535; i++) {
		CHECK(!use(&set, 1));
		take_all(&set);
	}
	end(&set);
}

static void
next_one_after_asking(const struct ring_conf *ring)
{
	const bool once = ring->event_idx && !ring->packed;
	struct set set;
	unsigned int i;

	begin(&set, ring);
	for (i = 0; i < USED;) {
		const unsigned int n = 1 + i % 5;

		CHECK(!ask(&set));
		/* Asked twice is asked once. */
		CHECK(!ask(&set));
		CHECK(use(&set, n));
		CHECK_EQ(use(&set, n), !once);
		take_all(&set);
		ring_interrupts_off(set.vq, ring->packed);
		CHECK(!use(&set, n));
		CHECK(!use(&set, 1));
		take_all(&set);
		i += 3 * n + 1;
	}
	end(&set);
}

/* What came before the asking, or just then, raises nothing: the call returns it. */
static void
what_is_there_is_reported(const struct ring_conf *ring)
{
	struct set set;
	unsigned int i;

	begin(&set, ring);
	for (i = 0; i < USED; i += 3) {
		CHECK(!use(&set, 2));
		CHECK(ask(&set));
		CHECK(use(&set, 1));
		CHECK(ask(&set));
		take_all(&set);
		CHECK(!ask(&set));
		ring_interrupts_off(set.vq, ring->packed);
	}
	end(&set);
}

/* Not even a batch as large as the ring passes an event by. */
static void
a_full_ring_at_once(const struct ring_conf *ring)
{
	struct set set;
	unsigned int lap;

	begin(&set, ring);
	for (lap = 0; lap < 65536u / ring->size + 4; lap++) {
		if (lap % 2 == 0)
			CHECK(!ask(&set));
		else
			ring_interrupts_off(set.vq, ring->packed);
		CHECK_EQ(use(&set, ring->size), lap % 2 == 0);
		take_all(&set);
	}
	end(&set);
}

/* A ring's next life begins quiet, whatever the one before wanted. */
static void
next_life_begins_quiet(const struct ring_conf *ring)
{
	struct set set;
	unsigned int life;

	begin(&set, ring);
	for (life = 0; life < 3; life++) {
		CHECK(!use(&set, 3));
		CHECK(ask(&set));
		take_all(&set);
		CHECK(use(&set, 1));
		take_all(&set);
		CHECK_EQ(virtqueue_stop(set.vq, PATIENCE_US), 0);
		CHECK_EQ(virtqueue_reclaim(set.vq, ring_take_back, NULL), 0);
		CHECK_EQ(virtqueue_start(set.vq, PATIENCE_US), 0);
		set.rd = fake_ring(set.fake, 0);
	}
	end(&set);
}

TEST_MAIN(
	TEST_EVERY_RING(begins_quiet),
	TEST_EVERY_RING(next_one_after_asking),
	TEST_EVERY_RING(what_is_there_is_reported),
	TEST_EVERY_RING(a_full_ring_at_once),
	TEST_EVERY_RING(next_life_begins_quiet),
)
