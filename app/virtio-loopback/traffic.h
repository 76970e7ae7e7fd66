/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef LOOPBACK_TRAFFIC_H
#define LOOPBACK_TRAFFIC_H

/**
 * @file
 * The traffic thread: sends and receives on all queues, without a pause, whatever is done to them.
 *
 * It learns of a stopped queue only after the driver's stop has returned, and of a start before
 * the start is called; between the two it goes on calling the bursts of the rings that are stopped,
 * and each must return 0. Where only the transmit ring is, it goes on receiving from the other. It
 * never keeps a packet from one turn to the next, so a pool of a stopped queue is full as soon as
 * the thread has seen the stop (traffic_saw_epoch()).
 *
 * With a rate it sends some packets of each queue at every tick, and sleeps between: threads that
 * share its core have it then, as they would have a core of their own.
 *
 * It keeps at most a window of packets under way on each queue, so that the back-end's speed is
 * the traffic's.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_common.h>
#include <rte_mempool.h>

#include "capture.h"
#include "counter.h"
#include "ext_memory.h"
#include "source.h"
#include "timeline.h"
#include "track.h"

#define TRAFFIC_BURST 32u
#define TRAFFIC_WINDOW 256u	/* packets under way on a queue */
#define TRAFFIC_TICK_US 100u	/* from tick to tick, where there is a rate */
/* Packets a second of each queue: a burst at every tick. */
#define TRAFFIC_RATE_MAX (TRAFFIC_BURST * (1000000u / TRAFFIC_TICK_US))

/** One queue pair's traffic. Written by the traffic thread, but for epoch. */
struct __rte_cache_aligned traffic_queue {
	/**
	 * Odd: the pair is stopped. Half of it is the generation. Even after even: the back-end
	 * is gone, and what is under way is lost. Control thread writes.
	 */
	_Atomic uint32_t epoch;
	_Atomic uint32_t epoch_seen;	/**< the last one that the traffic thread took in */
	/** Which rings an odd epoch means, PORT_RX, PORT_TX. Control thread, before the epoch. */
	_Atomic uint32_t stopped_rings;
	/** With an even epoch: what was sent since the last back-end went is lost as well. */
	_Atomic bool is_renewed;
	uint64_t next_when_gone;	/* position */
	uint32_t generation;

	counter_t sent;			/**< packets that tx_burst took */
	counter_t received;		/**< packets that rx_burst gave */
	counter_t external;		/**< of these: on memory of our own, pool and all bytes */
	counter_t misplaced;		/**< of these: pool there and bytes not, or the other way */
	counter_t delivered;		/**< of these: each sent packet once */
	counter_t fresh;		/**< sent after the last start and back */
	counter_t fresh_tsc;		/**< when the first of these came; 0: none yet */
	counter_t stopped_polls;	/**< turns on a stopped pair, its bursts called */
	counter_t stopped_carried;	/**< packets that a stopped pair carried all the same */
	_Atomic bool done;		/**< sends no more, see traffic_finish() */

	counter_t sent_since;		/**< since the last start, or the last back-end */
	uint64_t delivered_since, under_way_at_stop;
	struct rte_mempool *tx_pool;
	struct track track;

	uint64_t last_tsc;		/* when it last received something */
	uint32_t last_activity;		/* the reset under way, or the last one, at that time */
	uint64_t gap_ever;		/**< longest gap with no reset under way, TSC cycles */
	uint64_t gap_in_reset;		/**< longest gap that a reset of another queue overlaps */
};

struct traffic {
	struct traffic_queue *queue;
	uint16_t queues;
	uint16_t port;
	bool shared_core;		/**< lets others run when there is nothing to do */
	uint32_t rate;			/**< packets a second of each queue; 0: no limit */
	uint64_t credit;		/* of this tick, in millionths of a packet */
	uint32_t rest_us;		/**< sleeps so long after each turn; 0: does not */
	const struct source *source;
	const struct ext_memory *ext;	/**< memory of our own; its length 0: none */
	struct capture_writer *writer;	/**< NULL: what comes back is not written */
	struct timeline *timeline;
	struct rte_mempool *probe_pool;	/* what is tried on stopped queues comes from here */

	_Atomic bool finish, quit, pause;
	_Atomic bool paused;		/**< the thread is outside of the port */
	/** Twice the number of resets begun; odd: one is under way. Control thread writes. */
	_Atomic uint32_t activity;
	_Atomic uint16_t reset_queue;	/**< which queue that reset is of */
	_Atomic uint64_t reset_gap;	/**< longest gap of another queue since this was zeroed */
};

/**
 * Make the traffic of a port's queues; each pair's @p tx_pool is set by the caller afterwards.
 *
 * @return 0 or -ENOMEM.
 */
int traffic_init(struct traffic *traffic, uint16_t port, uint16_t queues,
		const struct source *source, struct rte_mempool *probe_pool,
		const struct ext_memory *ext);
void traffic_free(struct traffic *traffic);

/** The thread, for rte_eal_remote_launch(); @p arg is the struct traffic. Returns 0. */
int traffic_thread(void *arg);

/** Whether the traffic thread knows the present epoch of a queue, and holds none of its buffers. */
bool traffic_saw_epoch(const struct traffic *traffic, uint16_t queue);

/** Send no more: at once, or with a capture at the end of each queue's present pass. */
void traffic_finish(struct traffic *traffic);

#define TRAFFIC_PAUSE_TIMEOUT_MS 120000u

/**
 * Keep the thread out of the port, and wait until it is out; or let it go on. ethdev allows no
 * burst while a port is stopped.
 *
 * @return 0, or -ETIMEDOUT if the thread has not done so after TRAFFIC_PAUSE_TIMEOUT_MS.
 */
int traffic_pause(struct traffic *traffic, bool pause);

/** End the thread. */
void traffic_quit(struct traffic *traffic);

#endif /* LOOPBACK_TRAFFIC_H */
