/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef LOOPBACK_RESETTER_H
#define LOOPBACK_RESETTER_H

/**
 * @file
 * Resets queue after queue while the traffic goes on, and takes the times. Control thread.
 */

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "options.h"
#include "port.h"
#include "ring_memory.h"
#include "traffic.h"

/** One reset. Times in ns; those of steps that were not reached are 0. */
struct reset_record {
	uint64_t at;		/**< when it began, since the traffic's start */
	uint64_t stop;		/**< the two stop calls */
	uint64_t reclaim;	/**< from there until both pools were counted full */
	uint64_t start;		/**< the two set-up and the two start calls */
	uint64_t first_packet;	/**< from there until a packet sent afterwards was back */
	uint64_t end;		/**< when that was, since the traffic's start */
	uint64_t gap;		/**< longest time that another queue received nothing meanwhile */
	uint64_t tx_dropped, rx_dropped;	/**< by the driver's count, in this reset */
	uint32_t round;
	uint16_t queue;
	uint16_t rings;		/**< PORT_RX, PORT_TX or both */
	uint16_t ring_from, ring_to;
	bool no_memory;		/**< there was none for the new ring, and it is the old one */
	struct ring_memory memory_before, memory_after;
};

struct resetter {
	const struct options *options;
	const struct port *port;
	struct traffic *traffic;
	bool shared_core;

	struct reset_record *records;
	uint32_t n_records, room;
	uint32_t n_done;	/**< resets that did not fail */
	uint32_t wanted;	/**< resets that the options ask for */
	uint32_t *generation;		/* [queue]: how often it was reset */
	uint32_t *rx_pool;		/* [queue]: which of its pools the receive queue uses */
	uint16_t *ring_size[2];		/* [receive, transmit][queue] */
	uint64_t zones_at_start;	/* of memory */
	uint64_t polls_before;		/* turns on the queue while stopped, at its stop */
	uint64_t start_tsc, deadline_tsc;
	/* Where a back-end may be slow, or end. */
	uint32_t patience_ms;	/**< each wait, and calls again that had no answer; 0: defaults */
	uint32_t n_again;	/**< calls again that had no answer in time */
	const _Atomic bool *gone;	/**< the back-end has ended, no wait goes on; or NULL */

	const char *ended_by;		/**< NULL: all rounds were done */
	char failure[256];		/**< empty: none */
};

/** Set by SIGINT and SIGTERM: end early. */
extern volatile sig_atomic_t resetter_interrupted;

/** The port is set up, its rings of the sizes in @p options. @return 0 or -ENOMEM. */
int resetter_init(struct resetter *resetter, const struct options *options,
		const struct port *port, struct traffic *traffic, bool shared_core);
void resetter_free(struct resetter *resetter);

/**
 * One reset of these rings of a pair, which are of one size: another size, and for the receive ring
 * the other pool.
 *
 * @return 0, or -1 after resetter->failure was set; the pair may be stopped then, its epoch odd.
 */
int resetter_reset(struct resetter *resetter, uint32_t round, const struct resize *resize,
		unsigned int rings);

/** All rounds, or as many as the time allows; ends at the first failure. */
void resetter_run(struct resetter *resetter);

/**
 * Wait until the traffic has ended and what it sent is back or known to be dropped.
 *
 * @return 0, or -ETIMEDOUT if packets are still missing after some seconds.
 */
int resetter_drain(struct resetter *resetter);

#endif /* LOOPBACK_RESETTER_H */
