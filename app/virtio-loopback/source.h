/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef LOOPBACK_SOURCE_H
#define LOOPBACK_SOURCE_H

/**
 * @file
 * Which packet a queue sends at which position, and which position a packet that came back has.
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "capture.h"
#include "frame.h"
#include "track.h"

struct source {
	const struct capture *capture;	/**< NULL: numbered frames */
	uint32_t len_max;		/**< of numbered frames */
};

/** Whether a queue has anything to send. */
bool source_has_packets(const struct source *source, uint16_t queue);

/** Whether a position is the beginning of a pass over all packets of the queue. */
bool source_at_pass(const struct source *source, uint16_t queue, uint64_t position);

/** The frame that a queue sends at a position when it has been reset @p generation times. */
void source_frame(const struct source *source, uint16_t queue, uint64_t position,
		uint32_t generation, struct frame *frame);

/**
 * Find out which packet came back and note it in @p track.
 *
 * Captured packets do not tell their position, and a capture may hold the same packet many times:
 * the nearest position that has these bytes is taken. So the number of lost packets is right, but
 * which of several equal ones was lost cannot be known.
 *
 * @return the generation of a numbered frame, or -1 where it is not known.
 */
int64_t source_identify(const struct source *source, uint16_t queue, const struct rte_mbuf *mbuf,
		struct track *track);

#endif /* LOOPBACK_SOURCE_H */
