/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * One thread opens a gate while another thread enrols a process and then makes all open gates
 * SHARED. Each of the two stores and then loads, with a full barrier between. So at least one of
 * them sees the other, and the gate is SHARED in the end. A gate that is still OPEN would let a
 * poller of the primary into a ring in which the new process was killed. Without the barrier of the
 * opening a processor may load first, also an x86. The threads do it at the same time, often. That
 * takes two processors.
 *
 * The processes are the test's own, so that they can be forgotten after each round.
 */

#include <pthread.h>
#include <sched.h>

#include <rte_atomic.h>
#include <rte_pause.h>

#include "test.h"
#include "virtio_gate.h"
#include "virtio_process.h"

#define ROUNDS 300000

/* The two threads meet at another distance in each round. */
#define MAX_STEPS 300

uint32_t virtio_process_self = VIRTIO_PROCESS_PRIMARY;

static struct virtio_gate gate;
static uint32_t processes; /* atomic: beside this one */
static uint32_t round_now; /* atomic: the last one that began */
static uint32_t done;      /* atomic: the last one that the other thread ended */

bool
virtio_process_is_alone(void)
{
	return __atomic_load_n(&processes, __ATOMIC_ACQUIRE) == 0;
}

bool
virtio_process_has_ended(uint32_t number __rte_unused)
{
	return false;
}

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

/* As virtio_process_enrol() and the call that follows it. */
static void *
enrol_always(void *arg __rte_unused)
{
	uint32_t i;

	for (i = 1; i <= ROUNDS; i++) {
		wait_for(&round_now, i);
		/* The gate's cache line is then here, and the store of the opening is late. */
		if (virtio_gate_enter_query(&gate))
			virtio_gate_leave_query(&gate);
		__atomic_fetch_add(&processes, 1, __ATOMIC_RELEASE);
		virtio_gate_share(&gate);
		__atomic_store_n(&done, i, __ATOMIC_RELEASE);
	}
	return NULL;
}

static void
gate_opens_meanwhile(void)
{
	unsigned int left_open = 0;
	pthread_t thread;
	uint32_t i;

	CHECK(virtio_gate_prepare());
	CHECK_EQ(pthread_create(&thread, NULL, enrol_always, NULL), 0);
	for (i = 1; i <= ROUNDS; i++) {
		__atomic_store_n(&round_now, i, __ATOMIC_RELEASE);
		be_late(i % MAX_STEPS);
		virtio_gate_open(&gate);
		wait_for(&done, i);
		left_open += gate.open != VIRTIO_GATE_SHARED;
		gate.open = VIRTIO_GATE_CLOSED;
		__atomic_store_n(&processes, 0, __ATOMIC_RELAXED);
	}
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(left_open, 0);
}

TEST_MAIN(
	TEST(gate_opens_meanwhile),
)
