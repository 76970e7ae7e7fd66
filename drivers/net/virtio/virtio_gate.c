/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_pause.h>

#include "virtio_device.h"
#include "virtio_gate.h"
#include "virtio_log.h"

/* Spins before the first sleep, and how long a sleep is. */
#define SPINS    1000
#define SLEEP_US 10

static bool have_membarrier;

static int
membarrier(int command)
{
	return syscall(__NR_membarrier, command, 0, 0);
}

void
virtio_gate_prepare(void)
{
	have_membarrier = membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0;
	if (!have_membarrier)
		VIRTIO_INIT_LOG(INFO, "the kernel has no membarrier: each burst has a fence of its "
				      "own");
}

void
virtio_gate_open(struct virtio_gate *gate)
{
	/* All of the set-up comes before; pairs with the acquire in virtio_gate_enter(). */
	__atomic_store_n(&gate->open, have_membarrier ? VIRTIO_GATE_OPEN : VIRTIO_GATE_FENCED,
			 __ATOMIC_RELEASE);
}

int
virtio_gate_close(struct virtio_gate *gate, uint32_t timeout_us)
{
	const uint64_t deadline_us = virtio_now_us() + timeout_us;
	unsigned int spins = 0;

	__atomic_store_n(&gate->open, VIRTIO_GATE_CLOSED, __ATOMIC_SEQ_CST);
	if (have_membarrier)
		membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
	else
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	/* Pairs with the release in virtio_gate_leave(): the ring is as the last burst left it. */
	while (!virtio_gate_is_empty(gate)) {
		if (virtio_now_us() >= deadline_us)
			return -ETIMEDOUT;
		/*
		 * A burst takes microseconds; a thread that takes longer may need this very core to
		 * come out, and a yield can cost a whole time slice.
		 */
		if (++spins < SPINS)
			rte_pause();
		else
			rte_delay_us_sleep(SLEEP_US);
	}
	return 0;
}

bool
virtio_gate_enter_slow(struct virtio_gate *gate)
{
	/* "Inside" before the look at the gate, for a closing thread that can force no barrier. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(&gate->open, __ATOMIC_ACQUIRE) != VIRTIO_GATE_CLOSED)
		return true;
	virtio_gate_leave(gate);
	return false;
}

bool
virtio_gate_visit(struct virtio_gate *gate)
{
	/*
	 * A full barrier by itself, on whatever thread: the closing side sees the visitor or we it.
	 */
	__atomic_fetch_add(&gate->visitors, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&gate->open, __ATOMIC_SEQ_CST) != VIRTIO_GATE_CLOSED)
		return true;
	virtio_gate_depart(gate);
	return false;
}

void
virtio_gate_depart(struct virtio_gate *gate)
{
	__atomic_fetch_sub(&gate->visitors, 1, __ATOMIC_RELEASE);
}
