/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * The driver and its device are two threads, and a buffer goes from one to the other by the ring
 * alone: descriptors, ids and data are plain memory. The release and the acquire of the index order
 * them, or of the flags of a descriptor (2.7.13, 2.8.21; split_publish.litmus,
 * split_pop_reuse.litmus, packed_mixed.litmus, packed_publish_chain.litmus). An x86 keeps the order
 * of stores and of loads by itself, but the thread sanitizer sees if one of these is missing.
 */

#include <pthread.h>
#include <sched.h>
#include <string.h>

#include <rte_common.h>

#include "ring.h"

#define BUFFERS 20000

/* Every third buffer has several descriptors. */
#define CHAIN 3

struct both {
	struct virtqueue *vq;
	struct ring_device *rd;
	struct buffer buffers[16];
	uint64_t taken;    /* by the device */
	const char *wrong; /* of the device's */
	bool ending;       /* atomic: the driver has given up */
};

static void *
serve(void *arg)
{
	struct both *both = arg;

	while (both->taken < BUFFERS && !__atomic_load_n(&both->ending, __ATOMIC_RELAXED)) {
		struct device_chain chain;
		uint64_t number;

		if (!ring_device_take(both->rd, &chain)) {
			sched_yield();
			continue;
		}
		memcpy(&number, chain.part[0].at, sizeof(number));
		if (number != both->taken)
			both->wrong = "the device does not see what is in the buffer";
		number = ~number;
		memcpy(chain.part[0].at, &number, sizeof(number));
		both->taken++;
		ring_device_use(both->rd, chain.head, sizeof(number));
	}
	return NULL;
}

static void
post(struct both *both, uint64_t number)
{
	struct buffer *b = &both->buffers[number % RTE_DIM(both->buffers)];

	memcpy(b->data, &number, sizeof(number));
	ring_post(both->vq, b, number % CHAIN == 0 ? CHAIN : 1, VRING_DESC_F_WRITE);
	ring_show(both->vq);
}

/* The device has used `number` buffers before this one; true: and this one. */
static bool
take(struct both *both, uint64_t number, const char **wrong)
{
	const struct buffer *b;
	uint64_t answer;
	uint32_t len;

	if (ring_ready(both->vq) == 0)
		return false;
	b = ring_get(both->vq, &len);
	if (b != &both->buffers[number % RTE_DIM(both->buffers)]) {
		*wrong = "another buffer comes back";
		return false;
	}
	memcpy(&answer, b->data, sizeof(answer));
	if (answer != ~number)
		*wrong = "the driver does not see what the device wrote";
	return true;
}

/* As many as the ring takes are with the device. */
static const char *
drive(struct both *both)
{
	const char *wrong = NULL;
	uint64_t posted = 0;
	uint64_t back = 0;

	while (back < BUFFERS && wrong == NULL) {
		while (posted < BUFFERS && posted - back < RTE_DIM(both->buffers) &&
		       both->vq->free_count >= CHAIN)
			post(both, posted++);
		if (take(both, back, &wrong))
			back++;
		else
			sched_yield();
	}
	return wrong;
}

static void
on_two_threads(void)
{
	const struct ring_conf ring = { .packed = test_packed(), .size = 64 };
	struct fake_device *fake = ring_device_for(&ring);
	struct both both = { .vq = ring_create(&fake->dev, 0, &ring) };
	const char *wrong;
	pthread_t thread;

	fake_device_run(fake, &both.vq, 1);
	both.rd = fake_ring(fake, 0);
	both.rd->pack.in_one = true;
	CHECK_EQ(pthread_create(&thread, NULL, serve, &both), 0);
	wrong = drive(&both);
	__atomic_store_n(&both.ending, true, __ATOMIC_RELAXED);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	if (wrong != NULL)
		test_fail(__FILE__, __LINE__, "%s", wrong);
	if (both.wrong != NULL)
		test_fail(__FILE__, __LINE__, "%s", both.wrong);
	CHECK_EQ(both.taken, BUFFERS);
	fake_check(fake);
	CHECK_EQ(virtqueue_stop(both.vq, PATIENCE_US), 0);
	ring_destroy(both.vq);
	fake_device_destroy(fake);
}

TEST_MAIN(
	TEST_LAYOUTS(on_two_threads),
)
