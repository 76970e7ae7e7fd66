/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef GUEST_H
#define GUEST_H

/**
 * @file
 * A program for a guest with two ports that are wired to each other: port 0 sends, port 1 receives,
 * and one queue after the other is taken away meanwhile.
 *
 * Prints "ok NAME" or "FAILED NAME" for each thing that it has tried, and "monitor: COMMAND" where
 * it wants something done to the machine.
 *
 * Threads: lcore 1 polls, the main lcore does all else. What both see is atomic; the poller
 * is never stopped but at the end.
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#define SENDER   0
#define RECEIVER 1

#define MAX_QUEUES 4
#define POOLS      2   /**< that a queue changes between */
#define POOL_SIZE  1023

/** Limit of a wait, in seconds: the host may be busy. */
#define PATIENCE   120

struct receive_queue {
	struct rte_mempool *pool[POOLS];
	unsigned int current; /**< which of the pools */
	/* The poller's; read by the main lcore. */
	uint64_t packets __rte_cache_aligned;
};

struct send_queue {
	struct rte_mempool *pool;
	uint64_t packets __rte_cache_aligned;
};

#define FLOWS 64

/** What there was of a flow; the poller's. */
struct flow {
	uint64_t sent;
	uint64_t got;
	uint64_t missing; /**< sent and not got when all had come that could; the main lcore's */
	uint16_t queue; /**< that the last one came by */
};

struct guest {
	uint16_t queues;      /**< of each port, each way */
	bool rss;
	bool interrupts;      /**< of the receiving port's queues */
	bool link_events;     /**< of the receiving port */
	uint16_t sizes[3];    /**< that rings change between */
	struct receive_queue rx[MAX_QUEUES];
	struct send_queue tx[MAX_QUEUES];
	struct flow flows[FLOWS];
	uint64_t dropped;     /**< what stops of both ports have thrown away; the main lcore's */
	uint64_t foreign;     /**< frames that arrived and are not the program's; the poller's */
	uint64_t quota;       /**< packets that may still be sent, where it is not UNLIMITED */
	uint64_t under_way;   /**< packets that may be on their way at once; the main lcore's */
	uint64_t turn;        /**< the poller's: steps each time round */
	bool end;             /**< the poller is to return */
	bool unplugged;       /**< the receiving port is not to be touched any more */
	bool away;            /**< and is not */
};

#define UNLIMITED UINT64_MAX

/** Packets on their way at once: tap drops what is beyond its 500, by queue. */
#define MOST_UNDER_WAY 256
/** Additional ones while a queue is stopped, which may hold all others: two of each flow. */
#define MORE_UNDER_WAY (2 * FLOWS)

/** One line for the test's runner; false passes it on. */
bool result(bool good, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Waits until it is true, for at most PATIENCE, and not after a signal that ends the program. */
bool wait_until(bool (*test)(void *arg), void *arg);

/** Asks the program that runs the machine for something. */
void monitor(const char *command);

/**
 * What stops of a port have thrown away so far, by the driver's own count: of the SENDER's transmit
 * queues or of the RECEIVER's receive queues.
 */
uint64_t guest_dropped_of(uint16_t port);
/** Both. */
uint64_t guest_dropped(void);

/** Configures and starts both ports. 0, or negative with a line. */
int guest_open(struct guest *guest);
int guest_setup_rx(struct guest *guest, uint16_t q, uint16_t size);
int guest_setup_tx(struct guest *guest, uint16_t q, uint16_t size);
/** Stops and closes both ports; false, with a line, where a buffer is not back in its pool. */
bool guest_close(struct guest *guest);

/** The poller. */
int traffic_run(void *guest);
/** A frame for the receiving port, or another address, with or without a VLAN tag (0). */
struct rte_mbuf *traffic_frame(struct rte_mempool *pool, const struct rte_ether_addr *to,
			       uint16_t vlan, uint16_t flow, uint32_t number);
/** The number and flow of a frame of ours; false where it is not ours. */
bool traffic_read(const struct rte_mbuf *m, uint32_t *number, uint16_t *flow);
/** Packets sent or received of all flows. */
uint64_t traffic_sent(const struct guest *guest);
uint64_t traffic_got(const struct guest *guest);
/** Frames that the receiving port had from somebody else. */
uint64_t traffic_foreign(const struct guest *guest);
/**
 * Sends no more, but for so many packets, and waits until all have come that are to come: those of
 * flows by this queue excepted (-1: none). false where some do not.
 */
bool traffic_settle(struct guest *guest, unsigned int quota, int except);

/* The modes; true where all was well. */
bool reset_run(struct guest *guest, unsigned int rounds);
bool off_run(struct guest *guest);
bool rss_run(struct guest *guest);
bool control_run(struct guest *guest);
bool own_memory_run(struct guest *guest);
bool interrupt_run(struct guest *guest, unsigned int rounds);
bool link_run(void);
bool unplug_run(struct guest *guest);

#endif /* GUEST_H */
