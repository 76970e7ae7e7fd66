/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef LOOPBACK_PORT_H
#define LOOPBACK_PORT_H

/**
 * @file
 * The virtio-user port and the buffer pools of its queues. Nothing but ethdev's public calls.
 *
 * Each pair has pools of its own, so that what came back is counted exactly: one to transmit from,
 * and two that its receive queue uses in turn, with buffers of different sizes. Control thread.
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_mempool.h>

#include "ext_memory.h"

#define PORT_RX_POOLS 2u

/** Which rings of a pair are meant. */
#define PORT_RX 1u
#define PORT_TX 2u
#define PORT_BOTH (PORT_RX | PORT_TX)

struct port_conf {
	const char *socket;	/**< of the back-end */
	uint16_t number;	/**< of the port, when there are several */
	const char *method;	/**< devarg queue_reset; NULL: not given */
	const char *devargs;	/**< more devargs; NULL: none */
	uint32_t drain_us;	/**< devargs tx_drain_us and rx_drain_us; 0: not given */
	uint32_t stop_timeout_ms;	/**< devarg, unless among devargs; 0: not given */
	uint16_t queues;
	uint16_t ring_size_max;
	const uint16_t *ring_sizes;	/**< of the pairs at first, in turn */
	uint16_t n_ring_sizes;
	bool extbuf;		/**< transmit pools, second receive pools: on memory of our own */
	uint64_t rx_offloads, tx_offloads;	/**< as far as the port has them */
};

/** What the driver says became of packets, by its extended statistics. */
struct port_drops {
	uint64_t tx_reset_dropped;	/**< on the transmit ring when it was reset */
	uint64_t rx_reset_dropped;	/**< on the receive ring when it was reset */
	uint64_t rx_errors;
};

struct port_queue {
	struct rte_mempool *rx_pool[PORT_RX_POOLS];
	struct rte_mempool *tx_pool;
	uint64_t xstat_ids[3];	/* of the fields of struct port_drops */
	bool has_xstat[3];
};

struct port {
	uint16_t id, number;
	bool open, started;
	uint16_t queues;
	uint16_t ring_size_max;
	uint32_t frame_max;	/**< bytes of the longest frame that it takes */
	char name[32];		/**< of its device */
	char driver[64];
	struct rte_mempool *probe_pool;	/**< a few buffers that belong to no queue */
	struct ext_memory ext;		/**< zero: there is none; port_close() detaches it */
	struct port_queue *queue;
};

/** Bytes of EAL's memory that a port needs for its rings and pools. */
uint64_t port_memory(uint16_t queues, uint16_t ring_size_max);

/**
 * Make the port, set up all its queues and start it.
 *
 * @return 0, or a negative errno after a message on stderr; port_close() is due in both cases.
 */
int port_open(struct port *port, const struct port_conf *conf);

/**
 * Stop the port, take the memory of our own from it, and then it and its rings away; the pools stay
 * for port_check_pools().
 */
int port_close(struct port *port);

/**
 * Another pool in the place of a full one that the queue does not use. Memory of the old pool goes
 * back to EAL first, which gives it back to the system where it can.
 *
 * @param more buffers beside those that every such pool has.
 * @return 0 or -ENOMEM; then the queue has no such pool.
 */
int port_replace_rx_pool(struct port *port, uint16_t queue, unsigned int rx_pool, uint32_t more,
		uint32_t cache);

/** Free the pools. */
void port_free(struct port *port);

/**
 * These rings of a pair. What the driver answers is returned, each call once; nothing is printed.
 */
int port_queue_stop(const struct port *port, uint16_t queue, unsigned int rings);
int port_queue_setup(const struct port *port, uint16_t queue, unsigned int rings,
		uint16_t ring_size, unsigned int rx_pool);
int port_queue_start(const struct port *port, uint16_t queue, unsigned int rings);

/**
 * Whether ethdev tells of these rings what was last done to them.
 *
 * @return 0; -EPROTO if the state, a ring size or the pool is another one.
 */
int port_queue_check(const struct port *port, uint16_t queue, unsigned int rings, bool started,
		uint16_t ring_size, unsigned int rx_pool);

/** Whether all buffers of these rings are in their pools. */
bool port_queue_pools_full(const struct port *port, uint16_t queue, unsigned int rings);

/** How many buffers of these rings are not in their pools; names each such pool on stderr. */
uint32_t port_queue_missing(const struct port *port, uint16_t queue, unsigned int rings);

/** The same for all pools of a closed port. */
uint32_t port_check_pools(const struct port *port);

/** What became of a pair's packets; a count that the driver does not have is 0. */
void port_drops(const struct port *port, uint16_t queue, struct port_drops *drops);

#endif /* LOOPBACK_PORT_H */
