/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <string.h>

#include "stop_proof.h"

struct stop_proof proof;

static void
fill(unsigned int index)
{
	unsigned int b;

	for (b = 0; b < STOP_PROOF_SIZE; b++)
		ring_post(proof.vq[index], &proof.buffer[index][b], 1, VRING_DESC_F_WRITE);
	ring_show(proof.vq[index]);
}

void
stop_proof_up(const struct stop_proof_transport *over)
{
	const struct ring_conf ring = { .size = STOP_PROOF_SIZE, .packed = test_packed() };
	unsigned int i;

	memset(&proof, 0, sizeof(proof));
	proof.over = over;
	proof.fake = over->create(over);
	for (i = 0; i < STOP_PROOF_RINGS; i++) {
		proof.vq[i] = ring_create(over->device(proof.fake), i, &ring);
		fill(i);
	}
	over->run(proof.fake, proof.vq, STOP_PROOF_RINGS);
	over->forget(proof.fake);
}

void
stop_proof_down(void)
{
	unsigned int i;

	CHECK_EQ(virtio_device_reset(proof.over->device(proof.fake), PATIENCE_US), 0);
	for (i = 0; i < STOP_PROOF_RINGS; i++) {
		ring_destroy(proof.vq[i]);
		ring_check_returned(proof.buffer[i], STOP_PROOF_SIZE);
	}
	proof.over->destroy(proof.fake);
}

void
stop_proof_check_runs(unsigned int index)
{
	struct ring_device *rd = proof.over->ring(proof.fake, index);
	struct virtqueue *vq = proof.vq[index];
	struct device_chain chain;
	struct buffer *b;
	uint32_t len;

	CHECK_EQ(virtqueue_state(vq), VIRTQUEUE_LIVE);
	CHECK(ring_device_take(rd, &chain));
	ring_device_use(rd, chain.head, 7);
	CHECK_EQ(ring_ready(vq), 1);
	b = ring_get(vq, &len);
	CHECK(b != NULL);
	CHECK_EQ(len, 7);
	b->returned++;
	ring_post(vq, b, 1, VRING_DESC_F_WRITE);
	ring_show(vq);
}

void
stop_proof_check_others_run(unsigned int stopped)
{
	unsigned int i;

	for (i = 0; i < STOP_PROOF_RINGS; i++) {
		if (i != stopped)
			stop_proof_check_runs(i);
	}
	proof.over->check(proof.fake);
}

void
stop_proof_check_broken(unsigned int index)
{
	struct virtqueue *vq = proof.vq[index];
	unsigned int returned = 0;

	CHECK_EQ(virtqueue_state(vq), VIRTQUEUE_BROKEN);
	CHECK_EQ(virtqueue_reclaim(vq, ring_take_back, &returned), -EBUSY);
	CHECK_EQ(returned, 0);
	CHECK_EQ(virtqueue_destroy(vq), -EBUSY);
	CHECK_EQ(virtqueue_start(vq, PATIENCE_US), -EBUSY);
	CHECK(vq->dev->vqs[index] == vq);
	stop_proof_check_others_run(index);
}

void
stop_proof_check_ready_and_restarts(unsigned int index)
{
	struct virtqueue *vq = proof.vq[index];
	unsigned int returned = 0;
	unsigned int doorbells;

	CHECK_EQ(virtqueue_state(vq), VIRTQUEUE_READY);
	CHECK(vq->dev->vqs[index] == NULL);
	if (proof.over->check_stopped != NULL)
		proof.over->check_stopped(proof.fake, index);
	stop_proof_check_others_run(index);
	/* What the device left in the ring before the stop must not be seen after the start. */
	ring_poison(vq);
	CHECK_EQ(virtqueue_reclaim(vq, ring_take_back, &returned), STOP_PROOF_SIZE);
	CHECK_EQ(returned, STOP_PROOF_SIZE);
	ring_check_returned(proof.buffer[index], STOP_PROOF_SIZE);
	ring_check_fresh(vq);
	fill(index);
	doorbells = proof.over->doorbells(proof.fake, index);
	CHECK_EQ(virtqueue_start(vq, PATIENCE_US), 0);
	CHECK_EQ(proof.over->doorbells(proof.fake, index), doorbells + 1);
	stop_proof_check_runs(index);
	stop_proof_check_others_run(index);
}

static void
check_requested_once(unsigned int index, unsigned int looks)
{
	CHECK_EQ(proof.over->requests(proof.over, proof.fake, index), 1);
	proof.over->check_looks(proof.over, proof.fake, index, looks);
}

void
stop_proof_obeys(const struct stop_proof_transport *over, uint32_t timeout_us)
{
	stop_proof_up(over);
	stop_proof_check_runs(1);
	CHECK_EQ(virtqueue_stop(proof.vq[1], timeout_us), 0);
	check_requested_once(1, 1);
	stop_proof_check_ready_and_restarts(1);
	stop_proof_down();
}

void
stop_proof_late_but_in_time(const struct stop_proof_transport *over)
{
	stop_proof_up(over);
	over->set_answer(proof.fake, 2, STOP_PROOF_LATE, 5);
	CHECK_EQ(virtqueue_stop(proof.vq[2], PATIENCE_US), 0);
	check_requested_once(2, 6);
	stop_proof_check_ready_and_restarts(2);
	stop_proof_down();
}

static void
stop_twice_in_vain(unsigned int index)
{
	unsigned int round;

	proof.over->set_answer(proof.fake, index, STOP_PROOF_NEVER, 0);
	for (round = 1; round <= 2; round++) {
		CHECK_EQ(virtqueue_stop(proof.vq[index], SHORT_US), -ETIMEDOUT);
		if (round == 1)
			CHECK_EQ(test_logged("did not confirm"), 1);
		stop_proof_check_broken(index);
	}
}

void
stop_proof_never(const struct stop_proof_transport *over)
{
	stop_proof_up(over);
	stop_twice_in_vain(0);
	stop_proof_down();
}

void
stop_proof_never_and_then_late(const struct stop_proof_transport *over)
{
	stop_proof_up(over);
	stop_twice_in_vain(3);
	over->answer_now(proof.fake, 3);
	/* The ring stays BROKEN until the driver looks. */
	stop_proof_check_broken(3);
	CHECK_EQ(virtqueue_stop(proof.vq[3], SHORT_US), 0);
	if (over->requests_once)
		CHECK_EQ(over->requests(over, proof.fake, 3), 1);
	stop_proof_check_ready_and_restarts(3);
	/* The next stop is a request of its own, not confirmed by the end of the last one. */
	over->forget(proof.fake);
	over->set_answer(proof.fake, 3, STOP_PROOF_LATE, 3);
	CHECK_EQ(virtqueue_stop(proof.vq[3], PATIENCE_US), 0);
	check_requested_once(3, 4);
	stop_proof_check_ready_and_restarts(3);
	stop_proof_down();
}
