/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef GUEST_H
#define GUEST_H

/**
 * @file
 * A program for a guest with two ports that are wired to each other: port 0 sends, port 1 receives,
 * and one queue after the other is taken away meanwhile.
 *
 * Prints "ok NAME" or "FAILED NAME" for each thing that it has tried.
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

/** Seconds until something that is waited for counts as not to come. */
#define PATIENCE   30

struct receive_queue {
	struct rte_mempool *pool[POOLS];
	unsigned int current; /**< which of the pools */
	/* The poller's; read by the main lcore. */
	uint64_t packets __rte_cache_aligned;
	uint64_t stale;       /**< sent before the queue was last started */
	uint32_t started_at;  /**< epoch; the main lcore's */
};

struct send_queue {
	struct rte_mempool *pool;
	uint64_t packets __rte_cache_aligned;
};

struct guest {
	uint16_t queues;      /**< of each port, each way */
	bool rss;
	bool interrupts;      /**< of the receiving port's queues */
	uint16_t sizes[3];    /**< that rings change between */
	struct receive_queue rx[MAX_QUEUES];
	struct send_queue tx[MAX_QUEUES];
	uint32_t epoch;       /**< steps with every round; packets carry it */
	bool end;             /**< the poller is to return */
	bool quiet;           /**< nothing is sent */
};

/** One line for the test's runner; false passes it on. */
bool result(bool good, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Waits until it is true, for at most PATIENCE. */
bool wait_until(bool (*test)(void *arg), void *arg);

/** Configures and starts both ports. 0, or negative with a line. */
int guest_open(struct guest *guest);
int guest_setup_rx(struct guest *guest, uint16_t q, uint16_t size);
int guest_setup_tx(struct guest *guest, uint16_t q, uint16_t size);
void guest_close(struct guest *guest);

/** The poller. */
int traffic_run(void *guest);
/** A frame for the receiving port, or another address, with or without a VLAN tag (0). */
struct rte_mbuf *traffic_frame(struct rte_mempool *pool, const struct rte_ether_addr *to,
			       uint16_t vlan, uint16_t flow, uint32_t epoch);
/** The epoch of a frame of ours; false where it is not ours. */
bool traffic_read(const struct rte_mbuf *m, uint32_t *epoch);

/* The modes; true where all was well. */
bool reset_run(struct guest *guest, unsigned int rounds);
bool off_run(struct guest *guest);
bool rss_run(struct guest *guest);
bool control_run(struct guest *guest);
bool interrupt_run(struct guest *guest, unsigned int rounds);

#endif /* GUEST_H */
