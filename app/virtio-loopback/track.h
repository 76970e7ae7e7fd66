/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef LOOPBACK_TRACK_H
#define LOOPBACK_TRACK_H

/**
 * @file
 * What one queue sent and what of it came back: lost, twice, out of order.
 *
 * Packets are known by their position in the order of sending. The last TRACK_WINDOW positions are
 * remembered; more are never under way. One thread.
 */

#include <stdbool.h>
#include <stdint.h>

#define TRACK_WINDOW (1u << 16)

struct track {
	uint64_t sent;		/**< positions 0 to sent - 1 were sent */
	uint64_t next;		/**< the position after the furthest that came back */
	uint64_t delivered;	/**< came back, each counted once */
	uint64_t duplicated;
	uint64_t reordered;	/**< came back after a later one */
	uint64_t corrupt;	/**< came back and are nothing that was sent */
	uint64_t stops;		/**< calls of track_excuse() */
	uint64_t lost;		/**< given up: settled by age, or by track_finish() */
	uint64_t lost_unexcused;	/**< of these: were not under way in a reset of the queue */
	uint8_t *state;
};

/** @return 0 or -ENOMEM. */
int track_init(struct track *track);
void track_free(struct track *track);

/** The next position was sent. */
void track_sent(struct track *track);

/** The packet sent at @p position came back. */
void track_delivered(struct track *track, uint64_t position);

/** What is known of a position. */
enum track_state {
	TRACK_UNKNOWN,		/**< not sent yet, or too long ago */
	TRACK_UNDER_WAY,	/**< not back: on its way, or missing */
	TRACK_EXCUSED,		/**< the same, and was under way when its queue was stopped */
	TRACK_DELIVERED,
};

enum track_state track_state(const struct track *track, uint64_t position);

/** The oldest position that is remembered. */
uint64_t track_oldest(const struct track *track);

/** The queue was stopped: whatever is under way may be lost by that. */
void track_excuse(struct track *track);

/** The same for all positions from one on, also where later ones came back. */
void track_excuse_from(struct track *track, uint64_t position);

/** Nothing more will come: what has not, is lost. */
void track_finish(struct track *track);

#endif /* LOOPBACK_TRACK_H */
