/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef FAKE_PORT_H
#define FAKE_PORT_H

/**
 * @file
 * A port of the driver on the fake vhost-user back-end. The test is the device: it writes frames
 * into receive rings and takes those of transmit rings, honestly or not.
 */

#include <rte_ethdev.h>

#include "fake_vhost_user.h"

#define FAKE_PORT_PAIRS 2
#define FAKE_PORT_SIZE 64
#define FAKE_PORT_BUFFERS 300
#define FAKE_PORT_ROOM 2048

/** What precedes each frame in a ring, 5.1.6 of the specification. */
#define FAKE_PORT_HDR 12

struct fake_port_conf {
	uint64_t features;  /**< of the back-end, beside VERSION_1 and protocol features */
	const char *method; /**< queue_reset=; NULL: get_base */
	const char *args;   /**< more devargs, or NULL */
	unsigned int timeout_ms; /**< queue_reset_timeout_ms; 0: so long that it is never over */
	bool withhold_packed; /**< what test_packed() asks for is not offered */
	bool server;        /**< the port listens, the back-end connects */
	bool no_scatter;    /**< not configured, also where the back-end has mergeable buffers */
	uint64_t rx_offloads; /**< beside SCATTER, where buffers are mergeable */
	uint64_t tx_offloads; /**< beside MULTI_SEGS */
	bool interrupts;    /**< receive interrupts are configured */
	unsigned int node;  /**< that the queues are set up on; 0: any */
	unsigned int mem_slots; /**< the back-end takes so many single regions; 0: none */
};

struct fake_port {
	struct fake_vu *vu;
	uint16_t port;
	char name[32];
	bool open;
	unsigned int node;                 /**< that queues are set up on */
	struct rte_mempool *rx_pool[FAKE_PORT_PAIRS];
	struct rte_mempool *tx_pool[FAKE_PORT_PAIRS];
	uint64_t ol_flags;                 /**< that received mbufs are to have */
	uint64_t rx_next[FAKE_PORT_PAIRS]; /**< number of the next frame that the device writes */
	uint64_t got[FAKE_PORT_PAIRS];     /**< number of the next frame that is to be received */
	uint64_t tx_next[FAKE_PORT_PAIRS]; /**< number of the next packet that is sent */
	uint64_t took[FAKE_PORT_PAIRS];    /**< number of the next packet that the device takes */
};

/** Configured and its queues set up, FAKE_PORT_SIZE each; not started. */
struct fake_port *fake_port_create(const struct fake_port_conf *conf);
struct fake_port *fake_port_start(const struct fake_port_conf *conf);
/** Closes it; every buffer must be back. */
void fake_port_destroy(struct fake_port *fp);

int fake_port_setup_rx(struct fake_port *fp, uint16_t queue, uint16_t size);
int fake_port_setup_tx(struct fake_port *fp, uint16_t queue, uint16_t size);

/** Device: writes the next frame, of so many bytes, and gives it to the driver. */
void fake_port_write(struct fake_port *fp, uint16_t queue, uint32_t len);
/**
 * Device: takes the next receive buffer, writes a frame and its header there, but does not give it
 * back; the head.
 */
uint16_t fake_port_prepare(struct fake_port *fp, uint16_t queue, uint32_t len, uint16_t buffers);

/** Driver: one burst; the frames must be those next in order. How many. */
unsigned int fake_port_receive(struct fake_port *fp, uint16_t queue);
/** Driver: sends so many packets in one burst. How many were accepted. */
unsigned int fake_port_send(struct fake_port *fp, uint16_t queue, unsigned int n);
/** Device: takes what was sent, which must be those next in order, and gives it back if asked. */
unsigned int fake_port_take(struct fake_port *fp, uint16_t queue, bool give_back);

/**
 * Device: gives the driver a frame with this header, FAKE_PORT_HDR bytes; its num_buffers is filled
 * in. At most `part` bytes of the frame go into each buffer, 0: as many as fit.
 */
void fake_port_give(struct fake_port *fp, uint16_t queue, const void *hdr, const uint8_t *frame,
		    uint32_t len, uint32_t part);
/**
 * Device: takes the next packet that was sent, header and frame, and gives its buffers back. Its
 * length with the header; 0: there is none.
 *
 * @param chain
 *   What it was made of.
 */
uint32_t fake_port_take_bytes(struct fake_port *fp, uint16_t queue, struct device_chain *chain,
			      uint8_t *bytes, uint32_t room);

/** A frame and a packet go through. */
void fake_port_check_runs(struct fake_port *fp, uint16_t queue);

void fake_port_check_in_use(const struct rte_mempool *pool, unsigned int n);
uint8_t fake_port_rx_state(struct fake_port *fp, uint16_t queue);
uint8_t fake_port_tx_state(struct fake_port *fp, uint16_t queue);
uint64_t fake_port_xstat(struct fake_port *fp, const char *name);

/** For TEST_WARM_UP. */
void fake_port_warm_up(void);

#endif /* FAKE_PORT_H */
