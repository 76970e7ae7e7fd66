/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <stdlib.h>

#include <rte_common.h>

#include "track.h"

#define POSITION_DELIVERED 0x1u
#define POSITION_EXCUSED 0x2u

static uint8_t *
state_of(const struct track *track, uint64_t position)
{
	return &track->state[position % TRACK_WINDOW];
}

uint64_t
track_oldest(const struct track *track)
{
	return track->sent > TRACK_WINDOW ? track->sent - TRACK_WINDOW : 0;
}

int
track_init(struct track *track)
{
	track->state = calloc(TRACK_WINDOW, sizeof(*track->state));
	return track->state != NULL ? 0 : -ENOMEM;
}

void
track_free(struct track *track)
{
	free(track->state);
	track->state = NULL;
}

static void
settle(struct track *track, uint64_t position)
{
	uint8_t state = *state_of(track, position);

	if ((state & POSITION_DELIVERED) != 0)
		return;
	track->lost++;
	if ((state & POSITION_EXCUSED) == 0)
		track->lost_unexcused++;
}

void
track_sent(struct track *track)
{
	if (track->sent >= TRACK_WINDOW)
		settle(track, track->sent - TRACK_WINDOW);
	*state_of(track, track->sent) = 0;
	track->sent++;
}

void
track_delivered(struct track *track, uint64_t position)
{
	uint8_t *state = state_of(track, position);

	if (position >= track->sent) {
		track->corrupt++;
		return;
	}
	if (position < track_oldest(track) || (*state & POSITION_DELIVERED) != 0) {
		track->duplicated++;
		return;
	}
	*state |= POSITION_DELIVERED;
	track->delivered++;
	if (position < track->next)
		track->reordered++;
	else
		track->next = position + 1;
}

enum track_state
track_state(const struct track *track, uint64_t position)
{
	uint8_t state;

	if (position >= track->sent || position < track_oldest(track))
		return TRACK_UNKNOWN;
	state = *state_of(track, position);
	if ((state & POSITION_DELIVERED) != 0)
		return TRACK_DELIVERED;
	return (state & POSITION_EXCUSED) != 0 ? TRACK_EXCUSED : TRACK_UNDER_WAY;
}

void
track_excuse(struct track *track)
{
	track->stops++;
	track_excuse_from(track, track->next);
}

void
track_excuse_from(struct track *track, uint64_t position)
{
	position = RTE_MAX(position, track_oldest(track));
	for (; position < track->sent; position++)
		*state_of(track, position) |= POSITION_EXCUSED;
}

void
track_finish(struct track *track)
{
	uint64_t position;

	for (position = track_oldest(track); position < track->sent; position++)
		settle(track, position);
}
