/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef LOOPBACK_BACKEND_H
#define LOOPBACK_BACKEND_H

/**
 * @file
 * A vhost-user back-end on librte_vhost that never drops a packet of its own accord.
 *
 * It takes packets from the transmit ring of a pair and writes them into the receive ring of the
 * same pair. What the receive ring cannot take, because it is full or stopped, is held, at most one
 * burst a pair, and nothing more is taken meanwhile. So whatever is lost, the driver lost. As a
 * source it writes numbered packets into all receive rings instead, held back the same way, and
 * takes what the transmit rings give.
 *
 * One connection at a time. A single ring can be reset (lib/vhost_ring_reset).
 */

#include <stdbool.h>
#include <stdint.h>

#define BACKEND_QUEUES_MAX 128u	/* librte_vhost's limit of queue pairs */

struct backend_conf {
	const char *path;	/**< of the socket */
	uint16_t queues;	/**< pairs served, at most BACKEND_QUEUES_MAX */
	bool client;		/**< connect to a front-end that listens, again and again */
	bool source;		/**< see above */
	bool stock;		/**< librte_vhost as it is: a ring is stopped by disable only */
	bool shared_core;	/**< lets others run when there is nothing to do */
};

/** What happened on one pair; packets and bytes since the start, over all connections. */
struct backend_counters {
	uint64_t taken, taken_bytes;		/**< from the transmit ring */
	uint64_t written, written_bytes;	/**< into the receive ring */
	uint64_t held;		/**< taken (as a source: made), not written yet */
	uint64_t discarded;	/**< held for a connection that ended */
	uint64_t numbered;	/**< of those taken: numbered packets of this pair */
	uint64_t missing;	/**< numbers that were skipped among these */
	uint64_t reordered;	/**< numbers not above the last one: late, or twice */
	bool tx_enabled, rx_enabled;
	uint32_t tx_resets, tx_restarts, rx_resets, rx_restarts;
};

struct backend_state {
	bool connected, running, reset_negotiated;
};

struct backend;

/** Bytes of EAL's memory that a back-end of so many pairs needs. */
uint64_t backend_memory(uint16_t queues);

/**
 * Make the back-end and listen (or connect). Nothing is polled before backend_thread() runs.
 *
 * @return 0, or a negative errno after a message on stderr.
 */
int backend_open(const struct backend_conf *conf, struct backend **backend);

/** The polling thread, for rte_eal_remote_launch(); @p arg is the back-end. Returns 0. */
int backend_thread(void *arg);

/** End the polling thread; the caller then waits for its lcore. */
void backend_quit(struct backend *backend);

/**
 * Give everything back, the thread having ended.
 *
 * @return 0, or -EFAULT if the back-end's own pool did not get all its buffers back.
 */
int backend_close(struct backend *backend);

/** Any thread. */
void backend_counters(const struct backend *backend, uint16_t queue,
		struct backend_counters *counters);
void backend_state(const struct backend *backend, struct backend_state *state);

#endif /* LOOPBACK_BACKEND_H */
