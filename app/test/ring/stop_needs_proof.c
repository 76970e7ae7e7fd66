/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * A ring whose stop was requested is READY only once the device has proven it, over a transport
 * that does what its knobs say. What is expected of every transport is in stop_proof.h.
 */

#include <stdio.h>
#include <string.h>

#include <rte_common.h>

#include "stop_proof.h"

#define RINGS STOP_PROOF_RINGS

/* ---- the transport's half ----------------------------------------------------------------- */

static void *
create(const struct stop_proof_transport *over __rte_unused)
{
	struct fake_device *fake = fake_device_create(RINGS, false);

	if (test_packed())
		fake->features |= VIRTIO_BIT(VIRTIO_F_RING_PACKED);
	return fake;
}

static struct virtio_device *
device(void *fake)
{
	return &((struct fake_device *)fake)->dev;
}

static void
run(void *fake, struct virtqueue *const *vqs, unsigned int n)
{
	fake_device_run(fake, vqs, n);
}

static void
destroy(void *fake)
{
	fake_device_destroy(fake);
}

static void
check(const void *fake)
{
	fake_check(fake);
}

static struct ring_device *
ring(void *fake, uint16_t index)
{
	return fake_ring(fake, index);
}

static void
set_answer(void *arg, uint16_t index, enum stop_proof_answer answer, unsigned int late)
{
	static const enum fake_answer answers[] = {
		[STOP_PROOF_OBEYS] = FAKE_OBEYS, [STOP_PROOF_LATE] = FAKE_LATE,
		[STOP_PROOF_NEVER] = FAKE_NEVER,
	};
	struct fake_device *fake = arg;

	fake->queue[index].answer = answers[answer];
	fake->queue[index].late_waits = late;
}

static void
answer_now(void *fake, uint16_t index)
{
	fake_answer_now(fake, index);
}

static unsigned int
doorbells(void *fake, uint16_t index)
{
	return ((struct fake_device *)fake)->queue[index].notified;
}

static void
forget(void *fake)
{
	fake_forget_record(fake);
}

static unsigned int
requests(const struct stop_proof_transport *over __rte_unused, void *fake,
	 uint16_t index __rte_unused)
{
	return fake_count(fake, FAKE_STOP_ASK);
}

/* Between two looks the driver waits once. */
static void
check_looks(const struct stop_proof_transport *over __rte_unused, void *fake, uint16_t index,
	    unsigned int looks)
{
	char wanted[128];
	size_t n;

	n = snprintf(wanted, sizeof(wanted), "stop %u", index);
	for (; looks > 1; looks--)
		n += snprintf(wanted + n, sizeof(wanted) - n, ", wait");
	CHECK(strcmp(fake_recorded(fake), wanted) == 0);
}

static const struct stop_proof_transport over = {
	.create = create, .device = device, .run = run, .destroy = destroy, .check = check,
	.ring = ring, .set_answer = set_answer, .answer_now = answer_now, .doorbells = doorbells,
	.forget = forget, .requests = requests, .check_looks = check_looks,
};

static struct fake_device *
up(void)
{
	stop_proof_up(&over);
	return proof.fake;
}

/* ---- cases -------------------------------------------------------------------------------- */

static void
device_obeys(void)
{
	stop_proof_obeys(&over, PATIENCE_US);
}

/* With no time at all the driver looks once: a confirmation that is there counts. */
static void
answer_at_the_deadline_counts(void)
{
	stop_proof_obeys(&over, 0);
}

static void
device_answers_late_but_in_time(void)
{
	stop_proof_late_but_in_time(&over);
}

static void
device_never_answers(void)
{
	stop_proof_never(&over);
}

static void
late_answer_ends_the_reset(void)
{
	stop_proof_never_and_then_late(&over);
}

static void
stopping_twice_asks_once(void)
{
	struct fake_device *fake = up();

	CHECK_EQ(virtqueue_stop(proof.vq[1], PATIENCE_US), 0);
	CHECK_EQ(virtqueue_stop(proof.vq[1], PATIENCE_US), 0);
	CHECK_EQ(fake_count(fake, FAKE_STOP_ASK), 1);
	CHECK_EQ(virtqueue_state(proof.vq[1]), VIRTQUEUE_READY);
	stop_proof_down();
}

/* An error is no confirmation; the transport finds one later. */
static void
error_confirms_nothing(enum fake_answer answer, int error)
{
	struct fake_device *fake = up();

	fake->queue[1].answer = answer;
	CHECK_EQ(virtqueue_stop(proof.vq[1], PATIENCE_US), error);
	stop_proof_check_broken(1);
	fake_answer_now(fake, 1);
	CHECK_EQ(virtqueue_stop(proof.vq[1], PATIENCE_US), 0);
	stop_proof_check_ready_and_restarts(1);
	stop_proof_down();
}

static void
device_refuses(void)
{
	error_confirms_nothing(FAKE_REFUSES, -EIO);
}

static void
device_goes_away(void)
{
	error_confirms_nothing(FAKE_GONE, -ENODEV);
}

static void
request_cannot_be_sent(void)
{
	struct fake_device *fake = up();

	fake->fail[FAKE_STOP_ASK] = EIO;
	CHECK_EQ(virtqueue_stop(proof.vq[1], PATIENCE_US), -EIO);
	stop_proof_check_broken(1);
	fake->fail[FAKE_STOP_ASK] = 0;
	CHECK_EQ(virtqueue_stop(proof.vq[1], PATIENCE_US), 0);
	stop_proof_check_ready_and_restarts(1);
	stop_proof_down();
}

static void
device_without_a_way(void)
{
	struct fake_device *fake = up();

	fake->dev.stop_method = VIRTIO_STOP_NONE;
	CHECK_EQ(virtqueue_stop(proof.vq[1], PATIENCE_US), -ENOTSUP);
	CHECK_EQ(fake->nb_record, 0);
	stop_proof_check_runs(1);
	stop_proof_check_others_run(1);
	stop_proof_down();
}

static void
many_are_asked_first_and_waited_for_once(void)
{
	struct fake_device *fake = up();
	unsigned int i;

	for (i = 0; i < RINGS; i++) {
		fake->queue[i].answer = FAKE_LATE;
		fake->queue[i].late_waits = 3;
	}
	CHECK_EQ(virtqueue_stop_many(proof.vq, RINGS, PATIENCE_US), 0);
	CHECK(strcmp(fake_recorded(fake),
		     "stop 0, stop 1, stop 2, stop 3, wait, wait, wait") == 0);
	for (i = 0; i < RINGS; i++)
		CHECK_EQ(virtqueue_state(proof.vq[i]), VIRTQUEUE_READY);
	stop_proof_down();
}

static void
many_with_one_that_never_answers(void)
{
	struct fake_device *fake = up();
	unsigned int i;

	fake->queue[1].answer = FAKE_NEVER;
	CHECK_EQ(virtqueue_stop_many(proof.vq, RINGS, SHORT_US), -ETIMEDOUT);
	for (i = 0; i < RINGS; i++)
		CHECK_EQ(virtqueue_state(proof.vq[i]),
			 i == 1 ? VIRTQUEUE_BROKEN : VIRTQUEUE_READY);
	fake_answer_now(fake, 1);
	fake_forget_record(fake);
	CHECK_EQ(virtqueue_stop_many(proof.vq, RINGS, SHORT_US), 0);
	/* Those that are stopped are not asked again. */
	CHECK(strcmp(fake_recorded(fake), "stop 1") == 0);
	stop_proof_down();
}

static void
first_error_is_reported(void)
{
	struct fake_device *fake = up();

	fake->queue[1].answer = FAKE_REFUSES;
	fake->queue[2].answer = FAKE_GONE;
	CHECK_EQ(virtqueue_stop_many(proof.vq, RINGS, PATIENCE_US), -EIO);
	CHECK_EQ(virtqueue_state(proof.vq[0]), VIRTQUEUE_READY);
	CHECK_EQ(virtqueue_state(proof.vq[1]), VIRTQUEUE_BROKEN);
	CHECK_EQ(virtqueue_state(proof.vq[2]), VIRTQUEUE_BROKEN);
	CHECK_EQ(virtqueue_state(proof.vq[3]), VIRTQUEUE_READY);
	stop_proof_down();
}

static void
running_ring_is_not_given_up(void)
{
	struct fake_device *fake = up();
	unsigned int returned = 0;

	CHECK_EQ(virtqueue_reclaim(proof.vq[0], ring_take_back, &returned), -EBUSY);
	CHECK_EQ(virtqueue_destroy(proof.vq[0]), -EBUSY);
	CHECK_EQ(virtqueue_start(proof.vq[0], PATIENCE_US), -EBUSY);
	CHECK_EQ(returned, 0);
	CHECK_EQ(fake->nb_record, 0);
	stop_proof_check_runs(0);
	stop_proof_down();
}

TEST_MAIN(
	TEST_LAYOUTS(device_obeys),
	TEST_LAYOUTS(stopping_twice_asks_once),
	TEST_LAYOUTS(device_answers_late_but_in_time),
	TEST_LAYOUTS(answer_at_the_deadline_counts),
	TEST_LAYOUTS(device_never_answers),
	TEST_LAYOUTS(late_answer_ends_the_reset),
	TEST_LAYOUTS(device_refuses),
	TEST_LAYOUTS(request_cannot_be_sent),
	TEST_LAYOUTS(device_goes_away),
	TEST_LAYOUTS(device_without_a_way),
	TEST_LAYOUTS(many_are_asked_first_and_waited_for_once),
	TEST_LAYOUTS(many_with_one_that_never_answers),
	TEST_LAYOUTS(first_error_is_reported),
	TEST_LAYOUTS(running_ring_is_not_given_up),
)
