/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include "source.h"

/* How far back a packet is looked for that came late or twice. */
#define LOOK_BACK 4096u

bool
source_has_packets(const struct source *source, uint16_t queue)
{
	return source->capture == NULL || capture_queue_packets(source->capture, queue) != 0;
}

bool
source_at_pass(const struct source *source, uint16_t queue, uint64_t position)
{
	return source->capture == NULL || !source_has_packets(source, queue) ||
		position % capture_queue_packets(source->capture, queue) == 0;
}

void
source_frame(const struct source *source, uint16_t queue, uint64_t position, uint32_t generation,
		struct frame *frame)
{
	struct frame_number number = {
		.seq = position, .generation = generation, .queue = queue,
	};

	if (source->capture != NULL)
		capture_frame(source->capture, queue, position, frame);
	else
		frame_make(frame, &number, source->len_max);
}

static int64_t
identify_numbered(const struct source *source, uint16_t queue, const struct rte_mbuf *mbuf,
		struct track *track)
{
	struct frame_number number;
	struct frame expected;

	if (!frame_read_number(mbuf, &number) || number.queue != queue) {
		track->corrupt++;
		return -1;
	}
	frame_make(&expected, &number, source->len_max);
	if (!frame_equals(&expected, mbuf)) {
		track->corrupt++;
		return -1;
	}
	track_delivered(track, number.seq);
	return number.generation;
}

struct search {
	const struct capture *capture;
	const struct rte_mbuf *mbuf;
	const struct track *track;
	uint16_t queue;
};

/* The first position in [from, to) that has the packet's bytes and may be in this state, or to. */
static uint64_t
find(const struct search *search, uint64_t from, uint64_t to, bool delivered)
{
	struct frame frame;

	for (; from < to; from++) {
		if ((track_state(search->track, from) == TRACK_DELIVERED) != delivered)
			continue;
		capture_frame(search->capture, search->queue, from, &frame);
		if (frame_equals(&frame, search->mbuf))
			break;
	}
	return from;
}

struct place {
	uint64_t from, to;
	bool delivered;
};

static void
identify_captured(const struct search *search, struct track *track)
{
	uint64_t next = RTE_MAX(track->next, track_oldest(track));
	uint64_t back = RTE_MAX(track_oldest(track), next > LOOK_BACK ? next - LOOK_BACK : 0);
	const struct place ahead = { next, track->sent, false };
	const struct place late = { back, next, false };
	/*
	 * On a queue that may have lost packets in a reset, the first equal one ahead is right: in
	 * this way, whatever comes in order finds its place, and only what does not is late. On
	 * another queue what is missing must come before what may well be ahead a second time.
	 */
	const struct place places[] = {
		{ next, RTE_MIN(next + 1, track->sent), false },
		track->stops != 0 ? ahead : late,
		track->stops != 0 ? late : ahead,
		{ back, next, true },
	};
	uint64_t position;
	unsigned int i;

	for (i = 0; i < RTE_DIM(places); i++) {
		position = find(search, places[i].from, places[i].to, places[i].delivered);
		if (position < places[i].to) {
			track_delivered(track, position);
			return;
		}
	}
	track->corrupt++;
}

int64_t
source_identify(const struct source *source, uint16_t queue, const struct rte_mbuf *mbuf,
		struct track *track)
{
	struct search search = {
		.capture = source->capture, .mbuf = mbuf, .track = track, .queue = queue,
	};

	if (source->capture == NULL)
		return identify_numbered(source, queue, mbuf, track);
	identify_captured(&search, track);
	return -1;
}
