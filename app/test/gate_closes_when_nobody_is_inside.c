/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A gate is closed when neither the polling thread nor a query is inside any more, and not before;
 * from the close on nobody comes in. With the kernel's barrier and, where there is none, with the
 * fence that each burst then has of its own.
 */

#include <pthread.h>

#include <rte_pause.h>

#include "test.h"
#include "virtio_gate.h"

#define SHORT_US 2000
#define PATIENCE_US 20000000
#define ROUNDS 100000

static struct virtio_gate gate;

static void
check_polling_thread_is_waited_for(void)
{
	virtio_gate_open(&gate);
	CHECK(virtio_gate_enter(&gate));
	CHECK_EQ(virtio_gate_close(&gate, SHORT_US), -ETIMEDOUT);
	/* It stays closed, also for a thread that comes out and in again. */
	CHECK(!virtio_gate_visit(&gate));
	CHECK_EQ(virtio_gate_close(&gate, SHORT_US), -ETIMEDOUT);
	virtio_gate_leave(&gate);
	CHECK(!virtio_gate_enter(&gate));
	CHECK_EQ(virtio_gate_close(&gate, SHORT_US), 0);
	CHECK(!virtio_gate_enter(&gate));
}

static void
check_queries_are_waited_for(void)
{
	virtio_gate_open(&gate);
	CHECK(virtio_gate_visit(&gate));
	CHECK(virtio_gate_visit(&gate));
	CHECK_EQ(virtio_gate_close(&gate, SHORT_US), -ETIMEDOUT);
	CHECK(!virtio_gate_visit(&gate));
	CHECK(!virtio_gate_enter(&gate));
	virtio_gate_depart(&gate);
	CHECK_EQ(virtio_gate_close(&gate, SHORT_US), -ETIMEDOUT);
	virtio_gate_depart(&gate);
	CHECK_EQ(virtio_gate_close(&gate, SHORT_US), 0);
	CHECK(!virtio_gate_visit(&gate));
}

/* One of each: neither stands for the other. */
static void
check_both_are_waited_for(void)
{
	virtio_gate_open(&gate);
	CHECK(virtio_gate_enter(&gate));
	CHECK(virtio_gate_visit(&gate));
	virtio_gate_leave(&gate);
	CHECK_EQ(virtio_gate_close(&gate, SHORT_US), -ETIMEDOUT);
	virtio_gate_depart(&gate);
	CHECK_EQ(virtio_gate_close(&gate, SHORT_US), 0);
	virtio_gate_open(&gate);
	CHECK(virtio_gate_enter(&gate));
	CHECK(virtio_gate_visit(&gate));
	virtio_gate_depart(&gate);
	CHECK_EQ(virtio_gate_close(&gate, SHORT_US), -ETIMEDOUT);
	virtio_gate_leave(&gate);
	CHECK_EQ(virtio_gate_close(&gate, SHORT_US), 0);
}

static void
check_shut_from_inside(void)
{
	virtio_gate_open(&gate);
	CHECK(virtio_gate_enter(&gate));
	virtio_gate_shut(&gate);
	CHECK_EQ(virtio_gate_close(&gate, SHORT_US), -ETIMEDOUT);
	virtio_gate_leave(&gate);
	CHECK(!virtio_gate_enter(&gate));
	CHECK(!virtio_gate_visit(&gate));
	CHECK_EQ(virtio_gate_close(&gate, SHORT_US), 0);
}

/* What two threads do: passes of the polling one, counted inside. */
struct passes {
	uint64_t n;
	bool ending;
};

static void *
poll_always(void *arg)
{
	struct passes *passes = arg;

	while (!__atomic_load_n(&passes->ending, __ATOMIC_RELAXED)) {
		if (!virtio_gate_enter(&gate))
			continue;
		__atomic_store_n(&passes->n, passes->n + 1, __ATOMIC_RELAXED);
		virtio_gate_leave(&gate);
	}
	return NULL;
}

/*
 * The race of the two stores and loads, over and over: a thread that came in unseen is one that
 * still counts when the gate has been closed.
 */
static void
check_nobody_comes_in_unseen(void)
{
	struct passes passes = { 0 };
	uint64_t seen = 0, busy = 0;
	unsigned int unseen = 0;
	pthread_t thread;
	unsigned int i, look;
	int ret = 0;

	CHECK_EQ(pthread_create(&thread, NULL, poll_always, &passes), 0);
	for (i = 0; i < ROUNDS && ret == 0; i++) {
		virtio_gate_open(&gate);
		for (look = 0; look < i % 64; look++)
			rte_pause();
		ret = virtio_gate_close(&gate, PATIENCE_US);
		busy += __atomic_load_n(&passes.n, __ATOMIC_RELAXED) != seen;
		seen = __atomic_load_n(&passes.n, __ATOMIC_RELAXED);
		for (look = 0; look < 64; look++)
			unseen += __atomic_load_n(&passes.n, __ATOMIC_RELAXED) != seen;
	}
	__atomic_store_n(&passes.ending, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	CHECK_EQ(ret, 0);
	CHECK_EQ(unseen, 0);
	CHECK(busy > 0);
}

static void
check_all(void)
{
	check_polling_thread_is_waited_for();
	check_queries_are_waited_for();
	check_both_are_waited_for();
	check_shut_from_inside();
	check_nobody_comes_in_unseen();
}

/* As it is before anybody has asked the kernel: to be the first case. */
static void
with_fences(void)
{
	virtio_gate_open(&gate);
	CHECK_EQ(gate.open, VIRTIO_GATE_FENCED);
	check_all();
}

static void
with_the_kernels_barrier(void)
{
	virtio_gate_prepare();
	check_all();
}

TEST_MAIN(
	TEST(with_fences),
	TEST(with_the_kernels_barrier),
)
