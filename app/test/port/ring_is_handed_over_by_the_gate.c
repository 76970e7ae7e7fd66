/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * A ring goes from the thread that polls it to the one that stops, empties, replaces and starts it,
 * and back, by the gate alone. A third thread makes queries. For the thread sanitizer too: nothing
 * of a ring, its memory and what the threads count is atomic, so that the gate is all that keeps
 * them apart.
 */

#include <pthread.h>
#include <unistd.h>

#include "ring.h"
#include "virtio_gate.h"

#define ROUNDS 30

struct shared {
	struct virtio_gate gate;
	struct fake_device *fake;
	struct virtqueue *vq;   /* changed behind a closed gate */
	uint64_t carried;       /* by the poller, inside */
	uint64_t reclaimed;     /* by the control side, behind a closed gate */
	struct buffer buffers[4];
	const char *wrong;      /* of the poller's, inside */
	uint64_t passes;        /* atomic */
	uint64_t queries;       /* atomic */
	bool not_there;         /* atomic: a query has read another ring's memory */
	bool ending;            /* atomic */
};

/* Inside: one buffer goes to the device and comes back. */
static void
carry(struct shared *s)
{
	struct ring_device *rd = fake_ring(s->fake, 0);
	struct buffer *b = &s->buffers[s->carried % RTE_DIM(s->buffers)];
	struct device_chain chain;
	uint32_t len;

	ring_post(s->vq, b, 1, VRING_DESC_F_WRITE);
	ring_show(s->vq);
	if (!ring_device_take(rd, &chain))
		s->wrong = "the device does not see the buffer";
	ring_device_use(rd, chain.head, 1);
	if (ring_ready(s->vq) != 1 || ring_get(s->vq, &len) != b)
		s->wrong = "the buffer does not come back";
	s->carried++;
}

static void *
poll_always(void *arg)
{
	struct shared *s = arg;

	while (!__atomic_load_n(&s->ending, __ATOMIC_RELAXED)) {
		if (!virtio_gate_enter(&s->gate)) {
			usleep(10);
			continue;
		}
		carry(s);
		__atomic_fetch_add(&s->passes, 1, __ATOMIC_RELAXED);
		virtio_gate_leave(&s->gate);
	}
	return NULL;
}

/* A third thread asks for what only the control side changes. */
static void *
ask_always(void *arg)
{
	struct shared *s = arg;

	while (!__atomic_load_n(&s->ending, __ATOMIC_RELAXED)) {
		if (!virtio_gate_enter_query(&s->gate)) {
			usleep(10);
			continue;
		}
		if (s->vq->conf.size != s->vq->size)
			__atomic_store_n(&s->not_there, true, __ATOMIC_RELAXED);
		__atomic_fetch_add(&s->queries, 1, __ATOMIC_RELAXED);
		virtio_gate_leave_query(&s->gate);
	}
	return NULL;
}

static void
take_back(void *owner, void *cookie __rte_unused)
{
	(*(uint64_t *)owner)++;
}

/* Control: behind the closed gate all of it is this thread's. */
static void
replace(struct shared *s, const struct ring_conf *ring)
{
	struct buffer left = { 0 };

	ring_post(s->vq, &left, 1, VRING_DESC_F_WRITE);
	CHECK_EQ(virtqueue_stop(s->vq, PATIENCE_US), 0);
	CHECK_EQ(virtqueue_reclaim(s->vq, take_back, &s->reclaimed), 1);
	ring_destroy(s->vq);
	s->vq = ring_create(&s->fake->dev, 0, ring);
	CHECK_EQ(virtqueue_start(s->vq, PATIENCE_US), 0);
	fake_forget_record(s->fake);
}

static void
by_the_gate_alone(const struct ring_conf *ring)
{
	struct shared s = { .fake = ring_device_for(ring) };
	pthread_t polls, asks;
	uint64_t passes, queries;
	unsigned int round;

	fake_device_run(s.fake, NULL, 0);
	s.vq = ring_create(&s.fake->dev, 0, ring);
	CHECK_EQ(virtqueue_start(s.vq, PATIENCE_US), 0);
	CHECK_EQ(pthread_create(&polls, NULL, poll_always, &s), 0);
	CHECK_EQ(pthread_create(&asks, NULL, ask_always, &s), 0);
	for (round = 0; round < ROUNDS; round++) {
		passes = __atomic_load_n(&s.passes, __ATOMIC_RELAXED);
		queries = __atomic_load_n(&s.queries, __ATOMIC_RELAXED);
		virtio_gate_open(&s.gate);
		/* Somewhere in a pass, and after at least one of each. */
		while (__atomic_load_n(&s.passes, __ATOMIC_RELAXED) == passes ||
		       __atomic_load_n(&s.queries, __ATOMIC_RELAXED) == queries)
			usleep(10);
		CHECK_EQ(virtio_gate_close(&s.gate, PATIENCE_US), 0);
		CHECK(s.wrong == NULL);
		CHECK(s.carried > round);
		replace(&s, ring);
	}
	__atomic_store_n(&s.ending, true, __ATOMIC_RELAXED);
	pthread_join(polls, NULL);
	pthread_join(asks, NULL);
	CHECK(!s.not_there);
	CHECK_EQ(s.reclaimed, ROUNDS);
	fake_check(s.fake);
	CHECK_EQ(virtqueue_stop(s.vq, PATIENCE_US), 0);
	ring_destroy(s.vq);
	fake_device_destroy(s.fake);
}

/* As it is before anybody has asked the kernel for its barrier: to be the first case. */
static void
with_fences(const struct ring_conf *ring)
{
	by_the_gate_alone(ring);
}

static void
with_the_kernels_barrier(const struct ring_conf *ring)
{
	virtio_gate_prepare();
	by_the_gate_alone(ring);
}

TEST_MAIN(
	TEST_EVERY_RING(with_fences),
	TEST_EVERY_RING(with_the_kernels_barrier),
)
