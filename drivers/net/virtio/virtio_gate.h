/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VIRTIO_GATE_H
#define VIRTIO_GATE_H

/**
 * @file
 * A gate keeps bursts out of a queue, so that a control call can take the queue from its polling
 * thread. An open gate costs that thread one plain store and one plain load for each burst.
 *
 * The polling thread sets `inside` with a plain store and reads `open` with a plain load. The load
 * may be done before the store is visible, which alone would be a race. So the closing thread
 * clears `open` and then makes the kernel execute a full barrier in every running thread of all
 * registered processes (membarrier(2)). Then it waits until `inside` is 0. If the load of the
 * polling thread comes after that barrier, the load reads a closed gate. If its store came before
 * the barrier, the closing thread reads `inside`. If the kernel has no membarrier, the gate is
 * opened as FENCED, and the polling thread executes a full fence.
 *
 * Gates lie in memory that processes share. Once a secondary process exists, gates are SHARED, and
 * a polling thread stores the number of its process too (virtio_process.h). So a close does not
 * wait for a process that was killed in a burst. Until a close has removed that number, no other
 * thread enters, because the burst may have left the ring inconsistent.
 *
 * Threads: one at a time polls a queue (ethdev's rule) and uses enter and leave. Queries, which any
 * thread of the primary process may make, use enter_query and leave_query. Open and close are
 * control calls. A thread must not close a gate while it is inside.
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>

#include "virtio_compat.h"
#include "virtio_process.h"

#define VIRTIO_GATE_CLOSED 0
#define VIRTIO_GATE_OPEN   1
#define VIRTIO_GATE_FENCED 2 /**< open, and enter executes a full fence */
#define VIRTIO_GATE_SHARED 3 /**< open to pollers of several processes */

struct virtio_gate {
	RTE_ATOMIC(uint32_t) open;     /**< VIRTIO_GATE_*; control calls write this cache line */
	RTE_ATOMIC(uint32_t) visitors; /**< queries in progress, of the primary process alone */
	/**
	 * A close has found that the process inside has ended. The ring may be inconsistent until
	 * the reclaim has reset it and clears this flag.
	 */
	bool abandoned;
	bool unproven; /**< closed, but the kernel refused the barrier: a thread may be inside */
	bool occupied; /**< the last close has failed: a burst from before may be in progress */
	/**
	 * The gate was OPEN since the last barrier of the kernel, so a poller may have entered
	 * without a fence. The close then needs that barrier, even if later gates are FENCED.
	 */
	bool unfenced;
	/** Written by the polling thread, in a cache line of its own. One store clears both. */
	union __rte_cache_aligned {
		RTE_ATOMIC(uint64_t) any;
		struct {
			RTE_ATOMIC(uint32_t) inside;
			RTE_ATOMIC(uint32_t) process; /**< SHARED: number of its process; else 0 */
		};
	};
};

/**
 * Primary: registers this process with the kernel for membarrier(2), before the first gate is
 * opened. Other processes do not register, because virtio_gate_enter_shared() executes a fence.
 *
 * @return
 *   false if the kernel has no membarrier or refuses it. Later gates are then opened as FENCED.
 */
bool virtio_gate_prepare(void);

void virtio_gate_open(struct virtio_gate *gate);

/**
 * Closes the gate and waits until no thread is inside.
 *
 * @return
 *   0. -ETIMEDOUT: the polling thread did not leave in time. Else the error of membarrier(2). After
 *   an error the gate stays closed, and a thread may be inside.
 */
int virtio_gate_close(struct virtio_gate *gate, uint32_t timeout_us);

/** Primary, before another process can poll: from now on a burst stores its process number. */
void virtio_gate_share(struct virtio_gate *gate);

/**
 * Enters a gate that is not OPEN. Processes other than the primary always use this function. Their
 * number alone shows that they are inside, so that a close always knows the process.
 */
bool virtio_gate_enter_shared(struct virtio_gate *gate);

static __rte_always_inline void
virtio_gate_leave(struct virtio_gate *gate)
{
	/*
	 * Orders the burst before the store. Pairs with the acquire in virtio_gate_is_empty()
	 * (gate_fenced.litmus).
	 */
	rte_atomic_store_explicit(&gate->any, 0, rte_memory_order_release);
}

/**
 * @return
 *   false if the caller must not use the queue. A thread that is inside may enter again, and then
 *   leaves once.
 */
static __rte_always_inline bool
virtio_gate_enter(struct virtio_gate *gate)
{
	rte_atomic_store_explicit(&gate->inside, 1, rte_memory_order_relaxed);
	/*
	 * Orders the accesses of the compiler. The membarrier of the close orders the processor,
	 * wherever it interrupts this thread (gate_membarrier_*.litmus).
	 */
	rte_compiler_barrier();
	if (likely(rte_atomic_load_explicit(&gate->open, rte_memory_order_acquire) ==
		   VIRTIO_GATE_OPEN))
		return true;
	return virtio_gate_enter_shared(gate);
}

/** Whether bursts can enter. */
static inline bool
virtio_gate_is_open(const struct virtio_gate *gate)
{
	/* Pairs with the stores of open, as in control_publish.litmus. */
	return rte_atomic_load_explicit(&gate->open, rte_memory_order_acquire) !=
	       VIRTIO_GATE_CLOSED;
}

/** Whether no thread is inside a gate that was closed. */
static inline bool
virtio_gate_is_empty(const struct virtio_gate *gate)
{
	/*
	 * Pair with the releases of virtio_gate_leave() and of virtio_gate_leave_query()
	 * (gate_fenced.litmus).
	 */
	return !gate->unproven &&
	       rte_atomic_load_explicit(&gate->any, rte_memory_order_acquire) == 0 &&
	       rte_atomic_load_explicit(&gate->visitors, rte_memory_order_acquire) == 0;
}

/** For queries from any thread. true: the caller calls virtio_gate_leave_query() afterwards. */
bool virtio_gate_enter_query(struct virtio_gate *gate);
void virtio_gate_leave_query(struct virtio_gate *gate);

/** Closes the gate on the polling thread itself, which has found its ring broken. */
static inline void
virtio_gate_close_inside(struct virtio_gate *gate)
{
	/* After the ring's state, which virtio_queue_resume() reads (gate_closed_inside.litmus). */
	rte_atomic_store_explicit(&gate->open, VIRTIO_GATE_CLOSED, rte_memory_order_release);
}

#endif /* VIRTIO_GATE_H */
