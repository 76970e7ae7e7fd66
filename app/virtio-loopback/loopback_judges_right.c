/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * Whether virtio-loopback would notice: what the driver loses, doubles, swaps or damages, and
 * numbers that do not add up.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pcap/pcap.h>

#include <rte_mbuf.h>
#include <rte_random.h>

#include "capture.h"
#include "eal_start.h"
#include "frame.h"
#include "result.h"
#include "source.h"
#include "track.h"

/* The first thing that is wrong ends the test: the cases depend on nothing but themselves. */
#define CHECK(condition) \
	do { \
		if (!(condition)) { \
			printf("FAILED %s: line %d: %s\n", __func__, __LINE__, #condition); \
			exit(EXIT_FAILURE); \
		} \
	} while (0)
#define CHECK_EQ(got, wanted) CHECK((uint64_t)(got) == (uint64_t)(wanted))

static const struct source numbered = { .len_max = FRAME_NUMBERED_MAX };

static struct rte_mempool *
make_pool(uint16_t room)
{
	struct rte_mempool *pool = rte_pktmbuf_pool_create("test", 127, 0, 0,
		RTE_PKTMBUF_HEADROOM + room, SOCKET_ID_ANY);

	CHECK(pool != NULL);
	return pool;
}

static struct rte_mbuf *
make_packet(const struct source *source, struct rte_mempool *pool, uint64_t position)
{
	struct frame frame;
	struct rte_mbuf *mbuf;

	source_frame(source, 0, position, 0, &frame);
	mbuf = frame_to_mbuf(&frame, pool);
	CHECK(mbuf != NULL);
	return mbuf;
}

/* Send @p sent packets, and let these come back in this order. */
static void
pass(const struct source *source, struct track *track, uint64_t sent, const uint64_t *back,
		unsigned int n)
{
	struct rte_mempool *pool = make_pool(2048);
	struct rte_mbuf *mbuf;
	unsigned int i;

	memset(track, 0, sizeof(*track));
	CHECK_EQ(track_init(track), 0);
	while (track->sent < sent)
		track_sent(track);
	for (i = 0; i < n; i++) {
		mbuf = make_packet(source, pool, back[i]);
		source_identify(source, 0, mbuf, track);
		rte_pktmbuf_free(mbuf);
	}
	CHECK_EQ(rte_mempool_avail_count(pool), pool->size);
	rte_mempool_free(pool);
}

static void
frames_fit_any_buffer_and_are_compared_whole(void)
{
	static const uint16_t rooms[] = { 64, 1024, 2048, 10000 };
	struct rte_mempool *pool;
	struct rte_mbuf *mbuf, *last;
	struct frame_number number = { 0 }, read;
	struct frame frame;
	unsigned int i;

	for (i = 0; i < RTE_DIM(rooms); i++) {
		pool = make_pool(rooms[i]);
		for (number.seq = 0; number.seq < 200; number.seq++) {
			frame_make(&frame, &number, rooms[i] == 64 ? 1514 : FRAME_NUMBERED_MAX);
			mbuf = frame_to_mbuf(&frame, pool);
			CHECK(mbuf != NULL);
			CHECK_EQ(mbuf->pkt_len, frame.len);
			CHECK(frame.len >= FRAME_MIN && frame.len <= FRAME_NUMBERED_MAX);
			CHECK(frame_equals(&frame, mbuf));
			CHECK(frame_read_number(mbuf, &read));
			CHECK_EQ(read.seq, number.seq);
			last = rte_pktmbuf_lastseg(mbuf);
			CHECK(last->data_len != 0);
			*rte_pktmbuf_mtod_offset(last, uint8_t *, last->data_len - 1) ^= 1;
			CHECK(!frame_equals(&frame, mbuf));
			rte_pktmbuf_free(mbuf);
		}
		CHECK_EQ(rte_mempool_avail_count(pool), pool->size);
		rte_mempool_free(pool);
	}
}

static void
an_empty_pool_is_no_packet_and_no_leak(void)
{
	struct rte_mempool *pool = make_pool(64);
	struct frame_number number = { 0 };
	struct frame frame;

	do {
		number.seq++;
		frame_make(&frame, &number, FRAME_NUMBERED_MAX);
	} while (frame.len < 127 * 64 + 1);
	CHECK(frame_to_mbuf(&frame, pool) == NULL);
	CHECK_EQ(rte_mempool_avail_count(pool), pool->size);
	rte_mempool_free(pool);
}

static void
in_order_is_right(void)
{
	static const uint64_t back[] = { 0, 1, 2, 3, 4 };
	struct track track;

	pass(&numbered, &track, 5, back, RTE_DIM(back));
	track_finish(&track);
	CHECK_EQ(track.delivered, 5);
	CHECK_EQ(track.lost + track.duplicated + track.reordered + track.corrupt, 0);
	track_free(&track);
}

static void
a_missing_packet_is_lost(void)
{
	static const uint64_t back[] = { 0, 2, 3 };
	struct track track;

	pass(&numbered, &track, 5, back, RTE_DIM(back));
	track_finish(&track);
	CHECK_EQ(track.lost, 2);
	CHECK_EQ(track.lost_unexcused, 2);
	CHECK_EQ(track.duplicated + track.reordered + track.corrupt, 0);
	track_free(&track);
}

static void
only_what_was_under_way_at_a_stop_is_excused(void)
{
	static const uint64_t back[] = { 0, 2 };
	struct track track;

	/* 1 is missing before the stop, 3 and 4 are under way, 5 is sent after it. */
	pass(&numbered, &track, 5, back, RTE_DIM(back));
	track_excuse(&track);
	track_sent(&track);
	CHECK_EQ(track_state(&track, 1), TRACK_UNDER_WAY);
	CHECK_EQ(track_state(&track, 3), TRACK_EXCUSED);
	track_finish(&track);
	CHECK_EQ(track.lost, 4);
	CHECK_EQ(track.lost_unexcused, 2);
	track_free(&track);
}

static void
what_a_back_end_took_with_it_is_excused(void)
{
	static const uint64_t back[] = { 0, 4 };
	struct track track;

	/* 1 was missing before, 2 and 3 went with the back-end, 4 came back from the next one. */
	pass(&numbered, &track, 5, back, RTE_DIM(back));
	track_excuse_from(&track, 2);
	track_finish(&track);
	CHECK_EQ(track.lost, 3);
	CHECK_EQ(track.lost_unexcused, 1);
	track_free(&track);
}

static void
a_packet_that_comes_twice_or_late_is_noticed(void)
{
	static const uint64_t back[] = { 0, 2, 1, 2, 3, 0 };
	struct track track;

	pass(&numbered, &track, 5, back, RTE_DIM(back));
	CHECK_EQ(track.delivered, 4);
	CHECK_EQ(track.reordered, 1);
	CHECK_EQ(track.duplicated, 2);
	track_free(&track);
}

static void
what_was_not_sent_is_noticed(void)
{
	static const uint64_t back[] = { 0, 7 };
	struct rte_mempool *pool;
	struct rte_mbuf *mbuf;
	struct track track;

	pass(&numbered, &track, 5, back, RTE_DIM(back));
	CHECK_EQ(track.corrupt, 1);
	pool = make_pool(2048);
	mbuf = make_packet(&numbered, pool, 1);
	CHECK_EQ(source_identify(&numbered, 1, mbuf, &track), -1);	/* another queue's */
	CHECK_EQ(track.corrupt, 2);
	*rte_pktmbuf_mtod_offset(mbuf, uint8_t *, FRAME_HEAD + 3) ^= 0x10;
	CHECK_EQ(source_identify(&numbered, 0, mbuf, &track), -1);
	CHECK_EQ(track.corrupt, 3);
	rte_pktmbuf_free(mbuf);
	rte_mempool_free(pool);
	track_free(&track);
}

static void
losses_are_counted_however_long_ago(void)
{
	struct track track;
	uint64_t i;

	memset(&track, 0, sizeof(track));
	CHECK_EQ(track_init(&track), 0);
	for (i = 0; i < 5 * TRACK_WINDOW; i++) {
		track_sent(&track);
		if (i % 1000 != 0)
			track_delivered(&track, i);
	}
	track_finish(&track);
	CHECK_EQ(track.lost, (5 * TRACK_WINDOW + 999) / 1000);
	CHECK_EQ(track.lost, track.lost_unexcused);
	CHECK_EQ(track.delivered + track.lost, track.sent);
	track_free(&track);
}

/* A capture of one flow; its packets differ in this byte. */
static struct capture *
make_capture(const uint8_t *bytes, unsigned int n)
{
	char path[] = "/tmp/loopback-capture-XXXXXX";
	int fd = mkstemp(path);
	pcap_t *pcap = pcap_open_dead(DLT_EN10MB, 65535);
	pcap_dumper_t *dumper = pcap_dump_fopen(pcap, fdopen(fd, "wb"));
	struct capture *capture;
	uint8_t data[64] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb6 };
	struct pcap_pkthdr header = { .caplen = sizeof(data), .len = sizeof(data) };
	unsigned int i;

	CHECK(dumper != NULL);
	for (i = 0; i < n; i++) {
		data[20] = bytes[i];
		pcap_dump((u_char *)dumper, &header, data);
	}
	pcap_dump_close(dumper);
	pcap_close(pcap);
	CHECK_EQ(capture_load(path, 1, &capture), 0);
	CHECK_EQ(capture_queue_packets(capture, 0), n);
	unlink(path);
	return capture;
}

static void
captured_packets_are_known_by_their_bytes(void)
{
	static const uint8_t bytes[] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	static const uint64_t back[] = { 0, 2, 1, 2, 5, 6, 7 };
	struct capture *capture = make_capture(bytes, RTE_DIM(bytes));
	const struct source source = { .capture = capture };
	struct track track;

	pass(&source, &track, 8, back, RTE_DIM(back));
	track_finish(&track);
	CHECK_EQ(track.reordered, 1);
	CHECK_EQ(track.duplicated, 1);
	CHECK_EQ(track.lost, 2);
	CHECK_EQ(track.corrupt, 0);
	track_free(&track);
	capture_free(capture);
}

static void
losses_among_equal_captured_packets_are_counted(void)
{
	static const uint8_t bytes[] = { 1, 1, 2, 1 };
	/* Of three passes, 12 packets, these are left. */
	static const uint64_t back[] = { 1, 2, 5, 8, 9, 10, 11 };
	struct capture *capture = make_capture(bytes, RTE_DIM(bytes));
	const struct source source = { .capture = capture };
	struct track track;

	pass(&source, &track, 12, back, RTE_DIM(back));
	track_finish(&track);
	CHECK_EQ(track.delivered, 7);
	CHECK_EQ(track.lost, 5);
	CHECK_EQ(track.duplicated + track.reordered + track.corrupt, 0);
	track_free(&track);
	capture_free(capture);
}

/* Many equal packets, and stops that lose any part of what is under way: nothing else is seen. */
static void
resets_of_equal_captured_packets_are_no_disorder(void)
{
	static const uint8_t bytes[] = { 1, 2, 1, 3, 1, 1, 2, 4, 3, 1 };
	struct capture *capture = make_capture(bytes, RTE_DIM(bytes));
	const struct source source = { .capture = capture };
	struct rte_mempool *pool = make_pool(2048);
	struct rte_mbuf *mbuf;
	struct track track = { 0 };
	uint64_t back = 0, lost = 0;
	uint32_t i, j;

	CHECK_EQ(track_init(&track), 0);
	for (i = 0; i < 2000; i++) {
		for (j = rte_rand_max(40); j > 0; j--)
			track_sent(&track);
		if (i % 7 == 0) {
			track_excuse(&track);
			j = rte_rand_max(track.sent - back + 1);
			back += j;
			lost += j;
		}
		while (back < track.sent && rte_rand_max(20) != 0) {
			mbuf = make_packet(&source, pool, back++);
			source_identify(&source, 0, mbuf, &track);
			rte_pktmbuf_free(mbuf);
		}
	}
	lost += track.sent - back;
	track_finish(&track);
	CHECK_EQ(track.duplicated + track.reordered + track.corrupt, 0);
	CHECK_EQ(track.lost, lost);
	track_free(&track);
	rte_mempool_free(pool);
	capture_free(capture);
}

/* A run of one queue in which all is well. */
static const struct result_queue well = {
	.sent = 100, .received = 90, .missing = 10, .resets = 1, .stopped_polls = 3,
	.drops = { .tx_reset_dropped = 4, .rx_reset_dropped = 6 },
	.backend = { .taken = 96, .written = 96 },
};

static uint32_t
judge_with(const struct result_queue *queue, uint32_t drain_us)
{
	static struct reset_record record;
	struct resetter resetter = { .records = &record, .n_records = 1, .n_done = 1, .wanted = 1 };
	struct options options = { .queues = 1, .rounds = 1, .drain_us = drain_us };
	struct result result;
	uint32_t failures;

	CHECK_EQ(result_init(&result, 1), 0);
	result.queue[0] = *queue;
	result_judge(&result, &options, &numbered, &resetter, true);
	failures = result.failures;
	result_free(&result);
	return failures;
}

static uint32_t
judge(const struct result_queue *queue)
{
	return judge_with(queue, 0);
}

/* Whether it says that the losses may be the back-end's. */
static bool
blames_backend(uint64_t lost, bool own_backend)
{
	const struct resetter resetter = { .n_records = 1, .n_done = 1, .wanted = 1 };
	const struct options options = { .queues = 1, .rounds = 1 };
	struct result result;
	bool blames;

	CHECK_EQ(result_init(&result, 1), 0);
	result.queue[0] = well;
	result.queue[0].lost = lost;
	result_judge(&result, &options, &numbered, &resetter, own_backend);
	/* It fails all the same. */
	CHECK_EQ(result.failures, lost != 0);
	blames = result.maybe_backends;
	result_free(&result);
	return blames;
}

#define CHECK_FAILS(member, value) \
	do { \
		struct result_queue queue_ = well; \
		queue_.member = value; \
		CHECK(judge(&queue_) != 0); \
	} while (0)

/* The same run, with and without time for what is under way. */
static void
a_drain_may_lose_nothing(void)
{
	CHECK_EQ(judge_with(&well, 0), 0);
	CHECK_EQ(judge_with(&well, 1000), 1);
}

static void
numbers_must_add_up(void)
{
	CHECK_EQ(judge(&well), 0);
	CHECK_FAILS(sent, 101);
	CHECK_FAILS(received, 91);
	CHECK_FAILS(received, 0);
	CHECK_FAILS(missing, 9);
	CHECK_FAILS(lost, 1);
	CHECK_FAILS(duplicated, 1);
	CHECK_FAILS(reordered, 1);
	CHECK_FAILS(corrupt, 1);
	CHECK_FAILS(stopped_carried, 1);
	CHECK_FAILS(misplaced, 1);
	CHECK_FAILS(drops.tx_reset_dropped, 5);
	CHECK_FAILS(drops.rx_reset_dropped, 5);
	CHECK_FAILS(drops.rx_errors, 1);
	CHECK_FAILS(backend.taken, 97);
	CHECK_FAILS(backend.written, 95);
	CHECK_FAILS(backend.discarded, 1);
}

static void
losses_may_be_those_of_a_back_end_that_is_not_ours(void)
{
	CHECK(blames_backend(1, false));
	CHECK(!blames_backend(0, false));
	CHECK(!blames_backend(1, true));
}

/* The verdict on a run of one queue in which as many resets were made. */
static const char *
verdict_after(uint32_t made, uint32_t wanted, uint64_t lost)
{
	struct reset_record records[2] = { 0 };
	const struct resetter resetter = {
		.records = records, .n_records = made, .n_done = made, .wanted = wanted,
		.ended_by = "a signal",
	};
	const struct options options = { .queues = 1, .rounds = wanted };
	struct result result;
	const char *verdict;

	CHECK_EQ(result_init(&result, 1), 0);
	result.queue[0] = well;
	result.queue[0].lost = lost;
	result_judge(&result, &options, &numbered, &resetter, true);
	verdict = result_verdict(&result);
	result_free(&result);
	return verdict;
}

static void
a_run_without_all_of_its_resets_has_not_passed(void)
{
	CHECK(strcmp(verdict_after(2, 2, 0), "PASSED") == 0);
	CHECK(strcmp(verdict_after(1, 2, 0), "INCOMPLETE") == 0);
	CHECK(strcmp(verdict_after(0, 2, 0), "INCOMPLETE") == 0);
	CHECK(strcmp(verdict_after(2, 2, 1), "FAILED") == 0);
	CHECK(strcmp(verdict_after(1, 2, 1), "FAILED") == 0);
}

#define CASE(name) { #name, name }

int
main(void)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} cases[] = {
		CASE(frames_fit_any_buffer_and_are_compared_whole),
		CASE(an_empty_pool_is_no_packet_and_no_leak),
		CASE(in_order_is_right),
		CASE(a_missing_packet_is_lost),
		CASE(only_what_was_under_way_at_a_stop_is_excused),
		CASE(what_a_back_end_took_with_it_is_excused),
		CASE(a_packet_that_comes_twice_or_late_is_noticed),
		CASE(what_was_not_sent_is_noticed),
		CASE(losses_are_counted_however_long_ago),
		CASE(captured_packets_are_known_by_their_bytes),
		CASE(losses_among_equal_captured_packets_are_counted),
		CASE(resets_of_equal_captured_packets_are_no_disorder),
		CASE(numbers_must_add_up),
		CASE(a_drain_may_lose_nothing),
		CASE(losses_may_be_those_of_a_back_end_that_is_not_ours),
		CASE(a_run_without_all_of_its_resets_has_not_passed),
	};
	const struct eal_request request = { .memory = 64u << 20, .alone = true, .no_huge = true };
	struct eal_result eal;
	unsigned int i;

	if (eal_start(&request, &eal) != 0)
		return EXIT_FAILURE;
	for (i = 0; i < RTE_DIM(cases); i++) {
		cases[i].run();
		printf("ok %s\n", cases[i].name);
	}
	eal_stop();
	printf("%u passed, 0 failed\n", i);
	return EXIT_SUCCESS;
}
