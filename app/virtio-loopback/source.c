/* SPDX-License-Identifier: BSD-3-Clause */

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

/* The first position in [from, to) that is in this state and has the packet's bytes, or to. */
static uint64_t
find(const struct search *search, uint64_t from, uint64_t to, enum track_state state)
{
	struct frame frame;

	for (; from < to; from++) {
		if (track_state(search->track, from) != state)
			continue;
		capture_frame(search->capture, search->queue, from, &frame);
		if (frame_equals(&frame, search->mbuf))
			break;
	}
	return from;
}

static void
identify_captured(const struct search *search, struct track *track)
{
	uint64_t next = RTE_MAX(track->next, track_oldest(track));
	uint64_t back = RTE_MAX(track_oldest(track), next > LOOK_BACK ? next - LOOK_BACK : 0);
	/* The likely first, and what is missing without an excuse before what may well be. */
	const struct {
		uint64_t from, to;
		enum track_state state;
	} places[] = {
		{ next, next + 1, TRACK_UNDER_WAY },
		{ next, next + 1, TRACK_EXCUSED },
		{ back, next, TRACK_UNDER_WAY },
		{ next, track->sent, TRACK_EXCUSED },
		{ next, track->sent, TRACK_UNDER_WAY },
		{ back, next, TRACK_EXCUSED },
		{ back, next, TRACK_DELIVERED },
	};
	uint64_t position;
	unsigned int i;

	for (i = 0; i < RTE_DIM(places); i++) {
		position = find(search, places[i].from, places[i].to, places[i].state);
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
