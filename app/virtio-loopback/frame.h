/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef LOOPBACK_FRAME_H
#define LOOPBACK_FRAME_H

/**
 * @file
 * Frames: made, written into mbufs, and compared with what came back, byte for byte.
 *
 * A frame is described by a short head and a body elsewhere, so that neither making nor comparing
 * one copies its bytes. A numbered frame tells its queue, sequence number and generation (how often
 * its queue had been reset when it was sent); all its other bytes follow from queue and number.
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#define FRAME_MIN 60u		/* of a numbered frame */
#define FRAME_MAX 9216u		/* a jumbo frame and its tags */
#define FRAME_NUMBERED_MAX 9000u
#define FRAME_HEAD 32u		/* Ethernet header and number */

struct frame {
	uint32_t len;		/**< of all */
	uint32_t head_len;	/**< bytes in @p head, 0 if all is in @p body */
	const uint8_t *body;
	uint8_t head[FRAME_HEAD];
};

/** What a numbered frame says of itself. */
struct frame_number {
	uint64_t seq;
	uint32_t generation;
	uint16_t queue;
};

/**
 * Describe a numbered frame. Its length, mixed from @p number's queue and seq, is at most
 * @p len_max (FRAME_MIN to FRAME_NUMBERED_MAX).
 */
void frame_make(struct frame *frame, const struct frame_number *number, uint32_t len_max);

/** Read the number of a numbered frame; false if it is none. */
bool frame_read_number(const struct rte_mbuf *mbuf, struct frame_number *number);

/**
 * Write a frame into buffers of a pool, as many as it takes.
 *
 * @return the packet, or NULL if the pool has not enough buffers (none is taken then).
 */
struct rte_mbuf *frame_to_mbuf(const struct frame *frame, struct rte_mempool *pool);

/** Whether a packet has exactly the bytes of the frame. */
bool frame_equals(const struct frame *frame, const struct rte_mbuf *mbuf);

#endif /* LOOPBACK_FRAME_H */
