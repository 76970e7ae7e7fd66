/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * Who is about to sleep asks for a notification and then looks once more for a buffer. Who makes a
 * buffer available or used meanwhile notifies the other, or the other sees the buffer: each stores
 * first and then loads, with a full barrier between (2.7.7, 2.7.13.4.1, 2.8.21.3, 2.8.22;
 * split_kick.litmus). Without that barrier a processor may load first, also an x86, and the one
 * sleeps on a buffer that nobody notifies it of. Two threads do it at the same
 * time, often; that takes two processors.
 */

#include <pthread.h>
#include <sched.h>

#include <rte_atomic.h>
#include <rte_common.h>
#include <rte_pause.h>

#include "ring.h"

#define ROUNDS 100000

/*
 * The device's thread sees late that a round begins. The driver waits as long, and tries another
 * number of steps in each round.
 */
#define MAX_STEPS 600

static struct buffer buffer;

struct race {
	struct virtqueue *vq;
	struct ring_device *rd;
	bool packed;
	bool event_idx;
	uint16_t head;     /* that the device has */
	bool device_saw;   /* a buffer, or that it has to interrupt */
	uint32_t round;    /* atomic: the last one that began */
	uint32_t done;     /* atomic: the last one that the device ended */
};

static void
wait_for(const uint32_t *at, uint32_t value)
{
	unsigned int spins = 0;

	while (__atomic_load_n(at, __ATOMIC_ACQUIRE) != value) {
		rte_pause();
		/* The other thread may have no processor. */
		if (++spins % 128 == 0)
			sched_yield();
	}
}

static void
be_late(unsigned int steps)
{
	while (steps-- > 0)
		rte_compiler_barrier();
}

/* The driver's thread begins a round, and is about to race. */
static void
begin(struct race *r, uint32_t round)
{
	__atomic_store_n(&r->round, round, __ATOMIC_RELEASE);
	be_late(round % MAX_STEPS);
}

static void
push(struct race *r)
{
	ring_push(r->vq, &buffer, (uintptr_t)buffer.data, sizeof(buffer.data),
		  VRING_DESC_F_WRITE, r->packed);
	ring_show(r->vq);
}

static void
take(struct race *r)
{
	struct device_chain chain;

	CHECK(ring_device_take(r->rd, &chain));
	r->head = chain.head;
}

static void
pop(struct race *r)
{
	uint32_t len;

	CHECK(ring_get(r->vq, &len) == &buffer);
}

static void *
device_falls_asleep(void *arg)
{
	struct race *r = arg;
	uint32_t round;

	for (round = 1; round <= ROUNDS; round++) {
		wait_for(&r->round, round);
		if (r->event_idx)
			ring_device_set_event(r->rd, round - 1);
		else
			ring_device_set_no_notify(r->rd, false);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		r->device_saw = ring_device_waiting(r->rd);
		__atomic_store_n(&r->done, round, __ATOMIC_RELEASE);
	}
	return NULL;
}

static unsigned int
driver_pushes(struct race *r)
{
	unsigned int lost = 0;
	uint32_t round;

	for (round = 1; round <= ROUNDS; round++) {
		bool notifies;

		if (!r->event_idx)
			ring_device_set_no_notify(r->rd, true);
		begin(r, round);
		push(r);
		notifies = ring_asks(r->vq);
		wait_for(&r->done, round);
		lost += !notifies && !r->device_saw;
		take(r);
		ring_device_use(r->rd, r->head, 0);
		pop(r);
	}
	return lost;
}

static void *
device_uses(void *arg)
{
	struct race *r = arg;
	uint32_t round;

	for (round = 1; round <= ROUNDS; round++) {
		wait_for(&r->round, round);
		ring_device_use(r->rd, r->head, 0);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		r->device_saw = ring_device_interrupts(r->rd);
		__atomic_store_n(&r->done, round, __ATOMIC_RELEASE);
	}
	return NULL;
}

static unsigned int
driver_falls_asleep(struct race *r)
{
	unsigned int lost = 0;
	uint32_t round;

	for (round = 1; round <= ROUNDS; round++) {
		bool sleeps;

		push(r);
		take(r);
		begin(r, round);
		sleeps = !ring_interrupts_on(r->vq, r->packed);
		wait_for(&r->done, round);
		lost += sleeps && !r->device_saw;
		ring_interrupts_off(r->vq, r->packed);
		pop(r);
	}
	return lost;
}

static void
run(unsigned int (*driver)(struct race *), void *(*device)(void *), bool event_idx)
{
	const struct ring_conf ring = {
		.packed = test_packed(), .size = 256, .event_idx = event_idx
	};
	struct fake_device *fake = ring_device_for(&ring);
	struct race r = {
		.vq = ring_create(&fake->dev, 0, &ring),
		.packed = ring.packed, .event_idx = event_idx
	};
	pthread_t thread;

	fake_device_run(fake, &r.vq, 1);
	r.rd = fake_ring(fake, 0);
	ring_interrupts_off(r.vq, r.packed);
	CHECK_EQ(pthread_create(&thread, NULL, device, &r), 0);
	CHECK_EQ(driver(&r), 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(virtqueue_stop(r.vq, PATIENCE_US), 0);
	ring_destroy(r.vq);
	fake_device_destroy(fake);
}

static void
device_sleeps_by_flag(void)
{
	run(driver_pushes, device_falls_asleep, false);
}

static void
device_sleeps_by_event_word(void)
{
	run(driver_pushes, device_falls_asleep, true);
}

static void
driver_sleeps_by_flag(void)
{
	run(driver_falls_asleep, device_uses, false);
}

static void
driver_sleeps_by_event_word(void)
{
	run(driver_falls_asleep, device_uses, true);
}

TEST_MAIN(
	TEST_LAYOUTS(device_sleeps_by_flag),
	TEST_LAYOUTS(device_sleeps_by_event_word),
	TEST_LAYOUTS(driver_sleeps_by_flag),
	TEST_LAYOUTS(driver_sleeps_by_event_word),
)
