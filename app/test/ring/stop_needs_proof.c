/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A ring that is told to stop is READY only once the device has proven it. Without proof it is
 * BROKEN, keeps its memory and its buffers, and a later proof heals it. The other rings go on.
 */

#include <string.h>

#include <rte_common.h>

#include "ring.h"

#define RINGS 4
#define SIZE 256

static const struct ring_conf ring = { .size = SIZE };

struct port {
	struct fake_device *fake;
	struct virtqueue *vq[RINGS];
	struct buffer buffer[RINGS][SIZE];
};

static struct port port;

static void
port_up(void)
{
	unsigned int i, b;

	memset(&port, 0, sizeof(port));
	port.fake = fake_device_create(RINGS, false);
	for (i = 0; i < RINGS; i++) {
		port.vq[i] = ring_create(&port.fake->dev, i, &ring);
		for (b = 0; b < SIZE; b++)
			ring_post(port.vq[i], &port.buffer[i][b], 1, VRING_DESC_F_WRITE);
		ring_show(port.vq[i]);
	}
	fake_device_run(port.fake, port.vq, RINGS);
	fake_forget_record(port.fake);
}

static void
port_down(void)
{
	unsigned int i;

	port.fake->reset_answer = FAKE_OBEYS;
	CHECK_EQ(virtio_device_reset(&port.fake->dev, PATIENCE_US), 0);
	for (i = 0; i < RINGS; i++)
		ring_destroy(port.vq[i]);
	for (i = 0; i < RINGS; i++)
		ring_check_returned(port.buffer[i], SIZE);
	fake_device_destroy(port.fake);
}

/* The device gives a buffer of a running ring back, and the driver gets it. */
static void
check_runs(unsigned int i)
{
	struct ring_device *rd = fake_ring(port.fake, i);
	struct device_chain chain;
	struct buffer *b;
	uint32_t len;

	CHECK_EQ(virtqueue_state(port.vq[i]), VIRTQUEUE_LIVE);
	CHECK(ring_device_take(rd, &chain));
	ring_device_use(rd, chain.head, 7);
	CHECK_EQ(ring_ready(port.vq[i]), 1);
	b = ring_get(port.vq[i], &len);
	CHECK(b != NULL);
	CHECK_EQ(len, 7);
	b->returned++;
	ring_post(port.vq[i], b, 1, VRING_DESC_F_WRITE);
	ring_show(port.vq[i]);
}

static void
check_others_run(unsigned int stopped)
{
	unsigned int i;

	for (i = 0; i < RINGS; i++) {
		if (i != stopped)
			check_runs(i);
	}
	fake_check(port.fake);
}

/* Nothing of a ring without proof is given up. */
static void
check_broken(unsigned int i)
{
	unsigned int returned = 0;

	CHECK_EQ(virtqueue_state(port.vq[i]), VIRTQUEUE_BROKEN);
	CHECK_EQ(virtqueue_reclaim(port.vq[i], ring_take_back, &returned), -EBUSY);
	CHECK_EQ(returned, 0);
	CHECK_EQ(virtqueue_destroy(port.vq[i]), -EBUSY);
	CHECK_EQ(virtqueue_start(port.vq[i], PATIENCE_US), -EBUSY);
	CHECK(port.fake->dev.vqs[i] == port.vq[i]);
	check_others_run(i);
}

/* A ring with proof gives all back, takes new buffers and runs again. */
static void
check_ready_and_restarts(unsigned int i)
{
	unsigned int returned = 0;
	unsigned int b;

	CHECK_EQ(virtqueue_state(port.vq[i]), VIRTQUEUE_READY);
	CHECK(port.fake->dev.vqs[i] == NULL);
	check_others_run(i);
	/* What the device's last life left must not be seen by its next one. */
	ring_poison(port.vq[i]);
	CHECK_EQ(virtqueue_reclaim(port.vq[i], ring_take_back, &returned), SIZE);
	CHECK_EQ(returned, SIZE);
	ring_check_returned(port.buffer[i], SIZE);
	ring_check_fresh(port.vq[i]);
	for (b = 0; b < SIZE; b++)
		ring_post(port.vq[i], &port.buffer[i][b], 1, VRING_DESC_F_WRITE);
	ring_show(port.vq[i]);
	fake_forget_record(port.fake);
	CHECK_EQ(virtqueue_start(port.vq[i], PATIENCE_US), 0);
	CHECK_EQ(fake_count(port.fake, FAKE_NOTIFY), 1);
	check_runs(i);
	check_others_run(i);
}

static void
device_obeys(void)
{
	port_up();
	check_runs(1);
	CHECK_EQ(virtqueue_stop(port.vq[1], PATIENCE_US), 0);
	CHECK(strcmp(fake_recorded(port.fake), "stop 1") == 0);
	check_ready_and_restarts(1);
	port_down();
}

static void
stopping_twice_asks_once(void)
{
	port_up();
	CHECK_EQ(virtqueue_stop(port.vq[1], PATIENCE_US), 0);
	CHECK_EQ(virtqueue_stop(port.vq[1], PATIENCE_US), 0);
	CHECK_EQ(fake_count(port.fake, FAKE_STOP_ASK), 1);
	CHECK_EQ(virtqueue_state(port.vq[1]), VIRTQUEUE_READY);
	port_down();
}

static void
device_answers_late_but_in_time(void)
{
	port_up();
	port.fake->queue[2].answer = FAKE_LATE;
	port.fake->queue[2].late_waits = 5;
	CHECK_EQ(virtqueue_stop(port.vq[2], PATIENCE_US), 0);
	CHECK_EQ(port.fake->waits, 5);
	check_ready_and_restarts(2);
	port_down();
}

/* With no time at all it is looked once: an answer that is there counts. */
static void
answer_at_the_deadline_counts(void)
{
	port_up();
	CHECK_EQ(virtqueue_stop(port.vq[2], 0), 0);
	CHECK_EQ(port.fake->waits, 0);
	check_ready_and_restarts(2);
	port_down();
}

static void
device_never_answers(void)
{
	port_up();
	port.fake->queue[0].answer = FAKE_NEVER;
	CHECK_EQ(virtqueue_stop(port.vq[0], SHORT_US), -ETIMEDOUT);
	CHECK_EQ(test_logged("did not confirm"), 1);
	check_broken(0);
	/* Asked again, it still does not. */
	CHECK_EQ(virtqueue_stop(port.vq[0], SHORT_US), -ETIMEDOUT);
	check_broken(0);
	port_down();
}

static void
late_answer_heals(void)
{
	port_up();
	port.fake->queue[3].answer = FAKE_NEVER;
	CHECK_EQ(virtqueue_stop(port.vq[3], SHORT_US), -ETIMEDOUT);
	check_broken(3);
	fake_answer_now(port.fake, 3);
	/* Not by itself: somebody has to look. */
	check_broken(3);
	CHECK_EQ(virtqueue_stop(port.vq[3], SHORT_US), 0);
	check_ready_and_restarts(3);
	port_down();
}

static void
device_refuses(void)
{
	port_up();
	port.fake->queue[1].answer = FAKE_REFUSES;
	CHECK_EQ(virtqueue_stop(port.vq[1], PATIENCE_US), -EIO);
	check_broken(1);
	fake_answer_now(port.fake, 1);
	CHECK_EQ(virtqueue_stop(port.vq[1], PATIENCE_US), 0);
	check_ready_and_restarts(1);
	port_down();
}

static void
request_cannot_be_sent(void)
{
	port_up();
	port.fake->fail[FAKE_STOP_ASK] = EIO;
	CHECK_EQ(virtqueue_stop(port.vq[1], PATIENCE_US), -EIO);
	check_broken(1);
	port.fake->fail[FAKE_STOP_ASK] = 0;
	CHECK_EQ(virtqueue_stop(port.vq[1], PATIENCE_US), 0);
	check_ready_and_restarts(1);
	port_down();
}

static void
device_goes_away(void)
{
	port_up();
	port.fake->queue[1].answer = FAKE_GONE;
	CHECK_EQ(virtqueue_stop(port.vq[1], PATIENCE_US), -ENODEV);
	check_broken(1);
	/* The transport has found out that it is really done. */
	fake_answer_now(port.fake, 1);
	CHECK_EQ(virtqueue_stop(port.vq[1], PATIENCE_US), 0);
	check_ready_and_restarts(1);
	port_down();
}

static void
device_without_a_way(void)
{
	port_up();
	port.fake->dev.stop_method = VIRTIO_STOP_NONE;
	CHECK_EQ(virtqueue_stop(port.vq[1], PATIENCE_US), -ENOTSUP);
	CHECK_EQ(port.fake->nb_record, 0);
	check_runs(1);
	check_others_run(1);
	port_down();
}

static void
many_are_asked_first_and_waited_for_once(void)
{
	unsigned int i;

	port_up();
	for (i = 0; i < RINGS; i++) {
		port.fake->queue[i].answer = FAKE_LATE;
		port.fake->queue[i].late_waits = 3;
	}
	CHECK_EQ(virtqueue_stop_many(port.vq, RINGS, PATIENCE_US), 0);
	CHECK(strcmp(fake_recorded(port.fake),
		     "stop 0, stop 1, stop 2, stop 3, wait, wait, wait") == 0);
	for (i = 0; i < RINGS; i++)
		CHECK_EQ(virtqueue_state(port.vq[i]), VIRTQUEUE_READY);
	port_down();
}

static void
many_with_one_that_never_answers(void)
{
	unsigned int i;

	port_up();
	port.fake->queue[1].answer = FAKE_NEVER;
	CHECK_EQ(virtqueue_stop_many(port.vq, RINGS, SHORT_US), -ETIMEDOUT);
	for (i = 0; i < RINGS; i++)
		CHECK_EQ(virtqueue_state(port.vq[i]),
			 i == 1 ? VIRTQUEUE_BROKEN : VIRTQUEUE_READY);
	fake_answer_now(port.fake, 1);
	fake_forget_record(port.fake);
	CHECK_EQ(virtqueue_stop_many(port.vq, RINGS, SHORT_US), 0);
	/* Those that are stopped are not asked again. */
	CHECK(strcmp(fake_recorded(port.fake), "stop 1") == 0);
	port_down();
}

static void
first_error_of_many_is_told(void)
{
	port_up();
	port.fake->queue[1].answer = FAKE_REFUSES;
	port.fake->queue[2].answer = FAKE_GONE;
	CHECK_EQ(virtqueue_stop_many(port.vq, RINGS, PATIENCE_US), -EIO);
	CHECK_EQ(virtqueue_state(port.vq[0]), VIRTQUEUE_READY);
	CHECK_EQ(virtqueue_state(port.vq[1]), VIRTQUEUE_BROKEN);
	CHECK_EQ(virtqueue_state(port.vq[2]), VIRTQUEUE_BROKEN);
	CHECK_EQ(virtqueue_state(port.vq[3]), VIRTQUEUE_READY);
	port_down();
}

static void
running_ring_is_not_given_up(void)
{
	unsigned int returned = 0;

	port_up();
	CHECK_EQ(virtqueue_reclaim(port.vq[0], ring_take_back, &returned), -EBUSY);
	CHECK_EQ(virtqueue_destroy(port.vq[0]), -EBUSY);
	CHECK_EQ(virtqueue_start(port.vq[0], PATIENCE_US), -EBUSY);
	CHECK_EQ(returned, 0);
	CHECK_EQ(port.fake->nb_record, 0);
	check_runs(0);
	port_down();
}

TEST_MAIN(
	TEST(device_obeys),
	TEST(stopping_twice_asks_once),
	TEST(device_answers_late_but_in_time),
	TEST(answer_at_the_deadline_counts),
	TEST(device_never_answers),
	TEST(late_answer_heals),
	TEST(device_refuses),
	TEST(request_cannot_be_sent),
	TEST(device_goes_away),
	TEST(device_without_a_way),
	TEST(many_are_asked_first_and_waited_for_once),
	TEST(many_with_one_that_never_answers),
	TEST(first_error_of_many_is_told),
	TEST(running_ring_is_not_given_up),
)
