/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef LOOP_H
#define LOOP_H

/**
 * @file
 * A port of the driver on a back-end of librte_vhost in this same process. The back-end's own
 * thread takes every packet that the port sends and checks it, and writes packets of its own, which
 * it keeps until there is room: whatever is lost is lost by the port.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#define LOOP_PAIRS 4
#define LOOP_BURST 32
#define LOOP_RX_BUFFERS 1500
#define LOOP_TX_BUFFERS 1500

struct loop_conf {
	bool get_base;     /**< with vhost_ring_reset attached; else stopped by disable */
	uint16_t pairs;    /**< 0: LOOP_PAIRS */
	uint64_t mask;     /**< features that the back-end does not offer */
	const char *args;  /**< more devargs, or NULL */
	uint64_t rx_offloads;
	uint64_t tx_offloads;
	uint16_t rx_room;  /**< data room of the receive pools, 0: RTE_MBUF_DEFAULT_BUF_SIZE */
	uint32_t max_len;  /**< of packets both ways, 0: 1000 */
	uint16_t segment;  /**< of packets sent; 0: one segment */
	uint16_t mtu;      /**< 0: default */
	/* What is sent both ways, and judged; NULL: packet_make() and packet_check(). */
	bool (*make)(struct rte_mbuf *m, uint16_t queue, uint64_t number, uint32_t len,
		     uint16_t segment);
	uint64_t (*check)(const struct rte_mbuf *m, uint16_t queue, const char **why);
};

/** One direction of one queue, as its sender or receiver sees it. */
struct loop_flow {
	uint64_t next;     /**< number of the next packet */
	uint64_t packets;  /**< sent and accepted, or received */
	uint64_t missing;  /**< numbers that were passed over */
	const char *wrong; /**< first thing that was wrong */
};

struct loop_queue {
	/* The back-end's thread. */
	struct loop_flow took;  /**< what the port sent */
	struct loop_flow wrote; /**< what the port is to receive */
	struct rte_mbuf *kept[LOOP_BURST];
	unsigned int nb_kept;
	bool write;             /**< set by the test: makes packets */

	/* The polling thread. */
	struct loop_flow sent;
	struct loop_flow got;
	struct rte_mbuf *hand[LOOP_BURST];
	unsigned int nb_hand;
	bool send;              /**< set by the test: makes packets */
	bool poll;              /**< set by the test: is polled, both ways */
	struct rte_mempool *tx_pool;
	struct rte_mempool *rx_pool[2];
	unsigned int rx_pool_used; /**< index of the one that the queue has */
};

struct loop {
	struct loop_conf conf;
	uint16_t port;
	char name[32];             /**< of the port's device */
	char path[108];
	struct rte_mempool *pool;  /**< the back-end's */
	struct loop_queue queue[LOOP_PAIRS];
	int vid;
	bool inside;
	bool ending;
	bool polling;
	pthread_t backend;
	pthread_t poller;
};

/** Everything but the queues: back-end, port, configured. */
struct loop *loop_create(const struct loop_conf *conf);
/** All queues of 256, started; the back-end is there. */
void loop_start(struct loop *loop);
void loop_setup_rx(struct loop *loop, uint16_t queue, uint16_t size);
void loop_setup_tx(struct loop *loop, uint16_t queue, uint16_t size);

/** A thread that never stops bursting: all queues that are to be polled, both ways. */
void loop_poll(struct loop *loop);
void loop_poll_end(struct loop *loop);
/** What one pass of that thread does, on the test's own. */
void loop_poll_once(struct loop *loop, uint16_t queue);

/** Lets the two ends make packets, or no more. */
void loop_traffic(struct loop *loop, bool on);

/** Waits until so many packets more have gone both ways on a queue. */
void loop_wait_flow(struct loop *loop, uint16_t queue, uint64_t packets);
void loop_wait_rx(struct loop *loop, uint16_t queue, uint64_t packets);
void loop_wait_tx(struct loop *loop, uint16_t queue, uint64_t packets);

/**
 * Traffic ends, all that is under way arrives, and the sums are right for every queue: packets
 * accepted = packets taken + tx reset_dropped, packets written = packets received +
 * rx reset_dropped + errors; none double, none out of order, none with a wrong byte.
 */
void loop_check_conservation(struct loop *loop);

/** Waits until a pool has so many buffers in use, no more and no less. */
void loop_wait_in_use(const struct rte_mempool *pool, unsigned int n);

/** Buffers of a queue that the polling thread holds: none of receive, the hand's of transmit. */
void loop_check_stopped_rx(struct loop *loop, uint16_t queue);
void loop_check_stopped_tx(struct loop *loop, uint16_t queue);

uint64_t loop_xstat(struct loop *loop, const char *format, uint16_t queue);
uint8_t loop_rx_state(struct loop *loop, uint16_t queue);
uint8_t loop_tx_state(struct loop *loop, uint16_t queue);

/** Port closed, back-end ended, pools empty and freed. In any state. */
void loop_destroy(struct loop *loop);

/** For TEST_WARM_UP: what DPDK takes once in a process and never gives back. */
void loop_warm_up(void);

#endif /* LOOP_H */
