/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_pause.h>

#include "virtio_compat.h"
#include "virtio_device.h"
#include "virtio_gate.h"
#include "virtio_log.h"
#include "virtio_process.h"

/* Spins before the first sleep, and how long a sleep is. */
#define SPINS    1000
#define SLEEP_US 10

/* A burst takes microseconds: after this long it is worth a look whether its process lives. */
#define LOOK_AFTER_US 5000

/* How the next gate is opened. How one is closed, the gate itself says: see `unfenced`. */
static RTE_ATOMIC(bool) have_membarrier;

/* Excludes an opening and virtio_gate_share(), which changes how a gate is open. */
static pthread_mutex_t opening = PTHREAD_MUTEX_INITIALIZER;

static int
membarrier(int command)
{
	return syscall(__NR_membarrier, command, 0, 0);
}

bool
virtio_gate_prepare(void)
{
	/* The global one: pollers may be threads of other processes. Linux 4.16. */
	const bool have = membarrier(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED) == 0;

	rte_atomic_store_explicit(&have_membarrier, have, rte_memory_order_relaxed);
	if (!have)
		VIRTIO_INIT_LOG(INFO, "the kernel has no membarrier(2), so each burst executes a "
				"memory fence");
	return have;
}

/*
 * Whether the thread inside was killed there; if so, the gate is empty now. The kernel reports the
 * end of a process after its last store, and gate.pml assumes that (HAS_ENDED).
 */
static bool
take_out_ended(struct virtio_gate *gate)
{
	const uint32_t process = rte_atomic_load_explicit(&gate->process, rte_memory_order_acquire);
	uint64_t any;

	if (process == 0 || !virtio_process_has_ended(process))
		return false;
	/* Somebody who looks in at this moment changes the other half, and only for that moment. */
	do {
		any = rte_atomic_load_explicit(&gate->any, rte_memory_order_relaxed);
	} while (!rte_atomic_compare_exchange_strong_explicit(&gate->any, &any, 0,
							      rte_memory_order_acq_rel,
							      rte_memory_order_relaxed));
	return true;
}

void
virtio_gate_share(struct virtio_gate *gate)
{
	uint32_t open = VIRTIO_GATE_OPEN;

	pthread_mutex_lock(&opening);
	/*
	 * A poller may close it meanwhile. One inside without a number is of the primary. The lock
	 * orders this with an opening (gate.pml, WITHOUT_LOCK).
	 */
	rte_atomic_compare_exchange_strong_explicit(&gate->open, &open, VIRTIO_GATE_SHARED,
						    rte_memory_order_acq_rel,
						    rte_memory_order_relaxed);
	pthread_mutex_unlock(&opening);
}

void
virtio_gate_open(struct virtio_gate *gate)
{
	uint32_t how = VIRTIO_GATE_FENCED;

	/*
	 * A process that ended at the closed gate has not touched the ring. After a close that
	 * failed it may have: its number then keeps pollers out until the next close.
	 */
	if (!gate->occupied)
		take_out_ended(gate);
	/*
	 * A process is enrolled before virtio_gate_share() takes the lock. So it is seen here, or
	 * the gate is changed afterwards, before that process knows that it may poll. A poller of
	 * the primary never finds the gate OPEN where another process was killed.
	 */
	pthread_mutex_lock(&opening);
	if (!virtio_process_is_alone())
		how = VIRTIO_GATE_SHARED;
	else if (rte_atomic_load_explicit(&have_membarrier, rte_memory_order_relaxed))
		how = VIRTIO_GATE_OPEN;
	/* Not cleared here: a close may have failed, and pollers of before be under way yet. */
	if (how == VIRTIO_GATE_OPEN)
		gate->unfenced = true;
	/*
	 * All of the set-up comes before; pairs with the acquire in virtio_gate_enter(), as in
	 * split_publish.litmus.
	 */
	rte_atomic_store_explicit(&gate->open, how, rte_memory_order_release);
	pthread_mutex_unlock(&opening);
}

/* Every poller has a full barrier between the close and the return of this. */
static int
force_barrier(struct virtio_gate *gate)
{
	int ret;

	if (!gate->unfenced) {
		/* Pairs with the fence in virtio_gate_enter_shared() (gate_fenced.litmus). */
		rte_atomic_thread_fence(rte_memory_order_seq_cst);
		return 0;
	}
	if (membarrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED) == 0) {
		gate->unfenced = false;
		return 0;
	}
	ret = -errno;
	/* A gate that opens from now on can be closed without. */
	rte_atomic_store_explicit(&have_membarrier, false, rte_memory_order_relaxed);
	VIRTIO_LOG(ERR, "the kernel refuses membarrier(2): %s. Queues that were started before "
		   "cannot be stopped. Permit membarrier(2) in the seccomp filter of the process.",
		   rte_strerror(-ret));
	return ret;
}

int
virtio_gate_close(struct virtio_gate *gate, uint32_t timeout_us)
{
	const uint64_t start_us = virtio_now_us();
	const uint64_t deadline_us = start_us + timeout_us;
	uint64_t look_us = start_us + LOOK_AFTER_US;
	unsigned int spins = 0;
	int ret;

	gate->occupied = true;
	/* Before the look at who is inside: gate_fenced.litmus and gate_membarrier_*.litmus. */
	rte_atomic_store_explicit(&gate->open, VIRTIO_GATE_CLOSED, rte_memory_order_seq_cst);
	ret = force_barrier(gate);
	gate->unproven = ret != 0;
	if (ret != 0)
		return ret;
	/* Pairs with the release in virtio_gate_leave(): the ring is as the last burst left it. */
	while (!virtio_gate_is_empty(gate)) {
		const uint64_t now_us = virtio_now_us();

		if (now_us >= RTE_MIN(look_us, deadline_us)) {
			look_us = now_us + LOOK_AFTER_US;
			if (take_out_ended(gate)) {
				gate->abandoned = true;
				continue;
			}
		}
		if (now_us >= deadline_us)
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
	gate->occupied = false;
	return 0;
}

bool
virtio_gate_enter_shared(struct virtio_gate *gate)
{
	const uint32_t process = rte_atomic_load_explicit(&gate->process, rte_memory_order_relaxed);

	/* One thread at a time polls a queue: of this process it can only be this one. */
	if (process != 0 && process != virtio_process_self) {
		/* Another process died in a burst. This one has not touched the ring. */
		rte_atomic_store_explicit(&gate->inside, 0, rte_memory_order_release);
		return false;
	}
	rte_atomic_store_explicit(&gate->process, virtio_process_self, rte_memory_order_relaxed);
	/* Pairs with the fence in force_barrier() (gate_fenced.litmus). */
	rte_atomic_thread_fence(rte_memory_order_seq_cst);
	if (rte_atomic_load_explicit(&gate->open, rte_memory_order_acquire) != VIRTIO_GATE_CLOSED)
		return true;
	virtio_gate_leave(gate);
	return false;
}

bool
virtio_gate_enter_query(struct virtio_gate *gate)
{
	/*
	 * A full barrier by itself, on whatever thread: the closing side sees the visitor or we it
	 * (gate_fenced.litmus).
	 */
	rte_atomic_fetch_add_explicit(&gate->visitors, 1, rte_memory_order_seq_cst);
	if (rte_atomic_load_explicit(&gate->open, rte_memory_order_seq_cst) != VIRTIO_GATE_CLOSED)
		return true;
	virtio_gate_leave_query(gate);
	return false;
}

void
virtio_gate_leave_query(struct virtio_gate *gate)
{
	/*
	 * Pairs with the acquire in virtio_gate_is_empty(). ring_is_handed_over_by_the_gate fails
	 * without it under the thread sanitizer.
	 */
	rte_atomic_fetch_sub_explicit(&gate->visitors, 1, rte_memory_order_release);
}
