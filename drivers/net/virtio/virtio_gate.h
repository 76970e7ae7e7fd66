/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VIRTIO_GATE_H
#define VIRTIO_GATE_H

/**
 * @file
 * How a queue is taken from under a thread that polls it, at no cost to that thread.
 *
 * The polling thread says "inside" with a plain store and looks at the gate with a plain load. The
 * store may still be in its core's buffer when the load is done, which alone would be a race. The
 * closing thread pays for both: it closes the gate, has the kernel put a full barrier into every
 * running thread of all processes that registered for it (membarrier(2)), and then waits until
 * nobody is inside. Either the polling thread's load comes after that barrier and sees the gate
 * closed, or its store came before it and is seen here. Where the kernel has no membarrier the gate
 * opens to another value, which sends the polling thread through a full fence.
 *
 * Gates lie in memory that processes share. From the first other process on they are SHARED, and
 * a thread inside leaves the number of its process there too (virtio_process.h): a close does not
 * wait for a process that was killed in a burst. No other thread enters over that number until a
 * close has removed it, since the ring is as that burst left it.
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
#define VIRTIO_GATE_FENCED 2 /**< open, but enter needs a fence of its own */
#define VIRTIO_GATE_SHARED 3 /**< open to pollers of several processes */

struct virtio_gate {
	uint32_t open;     /**< the control side's line */
	uint32_t visitors; /**< queries under way; of the primary process alone */
	/**
	 * A close has found that the process inside has ended: the ring is as it left it, until its
	 * owner has made it anew and clears this.
	 */
	bool abandoned;
	bool unproven; /**< closed, but the kernel has refused its barrier: maybe not empty */
	/**
	 * It was OPEN since the kernel's barrier was last forced: a poller may have come in without
	 * a fence. Its close takes that barrier, whatever other gates were opened as since.
	 */
	bool unfenced;
	/** The polling thread's line. Both are cleared in one go when it leaves. */
	union __rte_cache_aligned {
		uint64_t any;
		struct {
			uint32_t inside;
			uint32_t process; /**< whose, of a SHARED gate; else 0 */
		};
	};
};

/**
 * Primary: registers this process with the kernel for membarrier(2), before the first gate is
 * opened. Pollers of other processes need not: virtio_gate_enter_shared() has a fence.
 *
 * @return
 *   false where the kernel has none, or refuses it. Gates that are opened from then on are FENCED.
 */
bool virtio_gate_prepare(void);

void virtio_gate_open(struct virtio_gate *gate);

/**
 * Closes the gate and waits until nobody is inside.
 *
 * @return
 *   0. -ETIMEDOUT: the polling thread did not come out. Else what the kernel says of its barrier.
 *   After an error the gate stays closed, and somebody may be inside.
 */
int virtio_gate_close(struct virtio_gate *gate, uint32_t timeout_us);

/** Primary, before another process can poll: from now on a burst stores its process number. */
void virtio_gate_share(struct virtio_gate *gate);

/**
 * The way in when the gate is not simply open, and the first step of it in other processes than the
 * primary: whose it is comes before "inside", so that nobody is there without a name.
 */
bool virtio_gate_enter_shared(struct virtio_gate *gate);

static __rte_always_inline void
virtio_gate_leave(struct virtio_gate *gate)
{
	/* All that was done inside comes before; pairs with the acquire in virtio_gate_close(). */
	rte_atomic_store_explicit(&gate->any, 0, rte_memory_order_release);
}

/**
 * @return
 *   false where the queue is not to be touched. True also for a thread that is inside already; it
 *   then leaves once.
 */
static __rte_always_inline bool
virtio_gate_enter(struct virtio_gate *gate)
{
	rte_atomic_store_explicit(&gate->inside, 1, rte_memory_order_relaxed);
	/* Keeps the compiler's order; the processor's is forced from outside, see above. */
	rte_compiler_barrier();
	if (likely(rte_atomic_load_explicit(&gate->open, rte_memory_order_acquire) ==
		   VIRTIO_GATE_OPEN))
		return true;
	return virtio_gate_enter_shared(gate);
}

/** Whether bursts are let in. */
static inline bool
virtio_gate_is_open(const struct virtio_gate *gate)
{
	return rte_atomic_load_explicit(&gate->open, rte_memory_order_acquire) !=
	       VIRTIO_GATE_CLOSED;
}

/** Whether nobody is inside, of a gate that was closed. */
static inline bool
virtio_gate_is_empty(const struct virtio_gate *gate)
{
	return !gate->unproven &&
	       rte_atomic_load_explicit(&gate->any, rte_memory_order_acquire) == 0 &&
	       rte_atomic_load_explicit(&gate->visitors, rte_memory_order_acquire) == 0;
}

/** For queries from any thread: true with a place taken, to be given back by leave_query. */
bool virtio_gate_enter_query(struct virtio_gate *gate);
void virtio_gate_leave_query(struct virtio_gate *gate);

/** The polling thread itself shuts the gate behind it, on a ring that breaks the rules. */
static inline void
virtio_gate_close_inside(struct virtio_gate *gate)
{
	rte_atomic_store_explicit(&gate->open, VIRTIO_GATE_CLOSED, rte_memory_order_release);
}

#endif /* VIRTIO_GATE_H */
