/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * A back-end that writes wrong values into a used ring or a header: packets that came before it are
 * delivered, the queue goes out of service with nothing freed, is counted, and logs that once; the
 * others go on; a stop and a start restore it, and then every buffer is accounted for.
 */

#include <string.h>

#include "fake_port.h"
#include "packet.h"
#include "test.h"

struct lie {
	const char *name;
	void (*tell)(struct fake_port *fp, struct ring_device *rd);
	uint64_t features;     /* of the device that tells it */
	unsigned int received; /* frames that are right before it */
	const char *log;
	bool split_only;       /* a packed ring has no such place */
};

/* ---- lies of receive: two right frames precede each ------------------------------------------ */

static void
id_out_of_range(struct fake_port *fp __rte_unused, struct ring_device *rd)
{
	ring_device_use_raw(rd, FAKE_PORT_SIZE, 100);
}

static void
id_far_out_of_range(struct fake_port *fp __rte_unused, struct ring_device *rd)
{
	ring_device_use_raw(rd, UINT32_MAX, 100);
}

static void
id_of_high_bits(struct fake_port *fp __rte_unused, struct ring_device *rd)
{
	ring_device_use_raw(rd, 65536 + 5, 100);
}

static void
id_twice(struct fake_port *fp __rte_unused, struct ring_device *rd)
{
	/* Buffer 0 has just been given back. */
	ring_device_use_raw(rd, 0, 100);
}

static void
longer_than_the_buffer(struct fake_port *fp, struct ring_device *rd)
{
	const uint16_t head = fake_port_prepare(fp, 0, 100, 1);

	ring_device_use(rd, head, FAKE_PORT_ROOM + FAKE_PORT_HDR + 1);
}

static void
of_length_4_g(struct fake_port *fp, struct ring_device *rd)
{
	const uint16_t head = fake_port_prepare(fp, 0, 100, 1);

	ring_device_use(rd, head, UINT32_MAX);
}

static void
index_ahead(struct fake_port *fp __rte_unused, struct ring_device *rd)
{
	split_device_set_used_idx(&rd->split, rd->split.used_idx + FAKE_PORT_SIZE);
}

static void
index_far_ahead(struct fake_port *fp __rte_unused, struct ring_device *rd)
{
	split_device_set_used_idx(&rd->split, rd->split.used_idx + 0x8000);
}

static void
frame_of_no_buffer(struct fake_port *fp, struct ring_device *rd)
{
	const uint16_t head = fake_port_prepare(fp, 0, 100, 0);

	ring_device_use(rd, head, 100 + FAKE_PORT_HDR);
}

static void
frame_of_all_buffers_and_one(struct fake_port *fp, struct ring_device *rd)
{
	const uint16_t head = fake_port_prepare(fp, 0, 100, FAKE_PORT_SIZE + 1);

	ring_device_use(rd, head, 100 + FAKE_PORT_HDR);
}

static void
frame_of_65535_buffers(struct fake_port *fp, struct ring_device *rd)
{
	const uint16_t head = fake_port_prepare(fp, 0, 100, UINT16_MAX);

	ring_device_use(rd, head, 100 + FAKE_PORT_HDR);
}

static void
second_buffer_of_a_frame_is_none(struct fake_port *fp, struct ring_device *rd)
{
	const uint16_t head = fake_port_prepare(fp, 0, 1000, 3);
	const uint16_t second = fake_port_prepare(fp, 0, 1000, 1);

	ring_device_use(rd, head, 1000 + FAKE_PORT_HDR);
	ring_device_use(rd, second, 1000);
	ring_device_use_raw(rd, FAKE_PORT_SIZE + 3, 1000);
}

static void
second_buffer_of_a_frame_is_the_first(struct fake_port *fp, struct ring_device *rd)
{
	const uint16_t head = fake_port_prepare(fp, 0, 1000, 2);

	ring_device_use(rd, head, 1000 + FAKE_PORT_HDR);
	ring_device_use_raw(rd, head, 1000);
}

static void
second_buffer_of_a_frame_is_too_long(struct fake_port *fp, struct ring_device *rd)
{
	const uint16_t head = fake_port_prepare(fp, 0, 1000, 2);
	const uint16_t second = fake_port_prepare(fp, 0, 1000, 1);

	ring_device_use(rd, head, 1000 + FAKE_PORT_HDR);
	ring_device_use(rd, second, FAKE_PORT_ROOM + FAKE_PORT_HDR + 1);
}

static void
second_buffer_of_a_frame_is_empty(struct fake_port *fp, struct ring_device *rd)
{
	const uint16_t head = fake_port_prepare(fp, 0, 1000, 2);
	const uint16_t second = fake_port_prepare(fp, 0, 1000, 1);

	ring_device_use(rd, head, 1000 + FAKE_PORT_HDR);
	ring_device_use(rd, second, 0);
}

/* ---- IN_ORDER: the same of batches ----------------------------------------------------------- */

/* Two frames more that are right, all of their buffers but the last one's being full. */
static void
batch_and_id_out_of_range(struct fake_port *fp, struct ring_device *rd)
{
	const uint16_t heads[] = {
		fake_port_prepare(fp, 0, FAKE_PORT_ROOM, 1), fake_port_prepare(fp, 0, 100, 1)
	};

	ring_device_use_batch(rd, heads, 2, 100 + FAKE_PORT_HDR);
	ring_device_use_raw(rd, FAKE_PORT_SIZE, 100);
}

static void
batch_and_one_of_it_again(struct fake_port *fp, struct ring_device *rd)
{
	const uint16_t heads[] = {
		fake_port_prepare(fp, 0, FAKE_PORT_ROOM, 1), fake_port_prepare(fp, 0, 100, 1)
	};

	ring_device_use_batch(rd, heads, 2, 100 + FAKE_PORT_HDR);
	ring_device_use_raw(rd, heads[1], 100);
}

static void
last_of_a_batch_is_too_long(struct fake_port *fp, struct ring_device *rd)
{
	const uint16_t heads[] = {
		fake_port_prepare(fp, 0, FAKE_PORT_ROOM, 1), fake_port_prepare(fp, 0, 100, 1)
	};

	ring_device_use_batch(rd, heads, 2, FAKE_PORT_ROOM + FAKE_PORT_HDR + 1);
}

static void
frame_within_a_batch_of_no_buffer(struct fake_port *fp, struct ring_device *rd)
{
	const uint16_t heads[] = {
		fake_port_prepare(fp, 0, FAKE_PORT_ROOM, 1),
		fake_port_prepare(fp, 0, FAKE_PORT_ROOM, 0), fake_port_prepare(fp, 0, 100, 1)
	};

	ring_device_use_batch(rd, heads, 3, 100 + FAKE_PORT_HDR);
}

static void
frame_of_a_batch_and_what_is_none(struct fake_port *fp, struct ring_device *rd)
{
	const uint16_t heads[] = {
		fake_port_prepare(fp, 0, FAKE_PORT_ROOM, 4), fake_port_prepare(fp, 0, 100, 1)
	};

	ring_device_use_batch(rd, heads, 2, 100 + FAKE_PORT_HDR);
	/* Two, or the frame is one that is not complete yet. */
	ring_device_use_raw(rd, FAKE_PORT_SIZE + 3, 1000);
	ring_device_use_raw(rd, FAKE_PORT_SIZE + 3, 1000);
}

static void
batch_in_a_frame_is_too_long(struct fake_port *fp, struct ring_device *rd)
{
	const uint16_t heads[] = {
		fake_port_prepare(fp, 0, FAKE_PORT_ROOM, 3),
		fake_port_prepare(fp, 0, FAKE_PORT_ROOM, 1), fake_port_prepare(fp, 0, 100, 1)
	};

	ring_device_use_batch(rd, heads, 3, FAKE_PORT_ROOM + FAKE_PORT_HDR + 1);
}

static void
index_ahead_of_a_batch(struct fake_port *fp, struct ring_device *rd)
{
	batch_and_id_out_of_range(fp, rd);
	index_ahead(fp, rd);
}

#define OWNS "the device returned a used id that it does not own"
#define BEYOND "the device's used index is beyond the available buffers"
#define LENGTH "the device returned a used length beyond the buffer"
#define COUNT "the device used no or too many buffers for a frame"
#define WITHIN "the device returned a bad used entry within a frame"

static const struct lie rx_lies[] = {
	{ "id out of range", id_out_of_range, 0, 2, OWNS, false },
	{ "id far out of range", id_far_out_of_range, 0, 2, OWNS, false },
	{ "id with high bits", id_of_high_bits, 0, 2, OWNS, true },
	{ "id twice", id_twice, 0, 2, OWNS, false },
	{ "longer than the buffer", longer_than_the_buffer, 0, 2, LENGTH, false },
	{ "length of 4 G", of_length_4_g, 0, 2, LENGTH, false },
	/* Of the index nothing is believed. */
	{ "index ahead", index_ahead, 0, 0, BEYOND, true },
	{ "index far ahead", index_far_ahead, 0, 0, BEYOND, true },
	{ "mergeable: id out of range", id_out_of_range, VU_F_MRG_RXBUF, 2, OWNS, false },
	{ "mergeable: id twice", id_twice, VU_F_MRG_RXBUF, 2, OWNS, false },
	{ "mergeable: length", longer_than_the_buffer, VU_F_MRG_RXBUF, 2, LENGTH, false },
	{ "frame of no buffer", frame_of_no_buffer, VU_F_MRG_RXBUF, 2, COUNT, false },
	{ "frame of too many", frame_of_all_buffers_and_one, VU_F_MRG_RXBUF, 2, COUNT, false },
	{ "frame of 65535", frame_of_65535_buffers, VU_F_MRG_RXBUF, 2, COUNT, false },
	{ "second is none", second_buffer_of_a_frame_is_none, VU_F_MRG_RXBUF, 2, WITHIN, false },
	{ "second is first", second_buffer_of_a_frame_is_the_first, VU_F_MRG_RXBUF,
	  2, WITHIN, false },
	{ "second too long", second_buffer_of_a_frame_is_too_long, VU_F_MRG_RXBUF,
	  2, WITHIN, false },
	{ "second is empty", second_buffer_of_a_frame_is_empty, VU_F_MRG_RXBUF, 2, WITHIN, false },
	{ "in order: id out of range", id_out_of_range, VU_F_IN_ORDER, 2, OWNS, false },
	{ "in order: id with high bits", id_of_high_bits, VU_F_IN_ORDER, 2, OWNS, true },
	{ "in order: id twice", id_twice, VU_F_IN_ORDER, 2, OWNS, false },
	{ "in order: length", longer_than_the_buffer, VU_F_IN_ORDER, 2, LENGTH, false },
	{ "in order: index ahead", index_ahead_of_a_batch, VU_F_IN_ORDER, 0, BEYOND, true },
	{ "batch and bad id", batch_and_id_out_of_range, VU_F_IN_ORDER, 4, OWNS, false },
	{ "batch and id again", batch_and_one_of_it_again, VU_F_IN_ORDER, 4, OWNS, false },
	{ "batch too long", last_of_a_batch_is_too_long, VU_F_IN_ORDER, 3, LENGTH, false },
	{ "mergeable: batch and bad id", batch_and_id_out_of_range,
	  VU_F_IN_ORDER | VU_F_MRG_RXBUF, 4, OWNS, false },
	{ "frame of no buffer in a batch", frame_within_a_batch_of_no_buffer,
	  VU_F_IN_ORDER | VU_F_MRG_RXBUF, 3, COUNT, false },
	{ "frame of a batch and none", frame_of_a_batch_and_what_is_none,
	  VU_F_IN_ORDER | VU_F_MRG_RXBUF, 2, WITHIN, false },
	{ "batch too long in a frame", batch_in_a_frame_is_too_long,
	  VU_F_IN_ORDER | VU_F_MRG_RXBUF, 2, WITHIN, false },
};

static void
check_rx_is_out_of_service(struct fake_port *fp, const struct lie *lie)
{
	const unsigned int in_use = rte_mempool_in_use_count(fp->rx_pool[0]);

	CHECK_EQ(fake_port_receive(fp, 0), 0);
	CHECK_EQ(fake_port_xstat(fp, "rx_q0_broken"), 1);
	CHECK_EQ(test_logged(lie->log), 1);
	CHECK_EQ(fake_port_rx_state(fp, 0), RTE_ETH_QUEUE_STATE_STARTED);
	CHECK_EQ(rte_eth_rx_queue_count(fp->port, 0), 0);
	CHECK(rte_eth_rx_descriptor_status(fp->port, 0, 0) != RTE_ETH_RX_DESC_DONE);
	CHECK_EQ(fake_port_receive(fp, 0), 0);
	fake_port_check_in_use(fp->rx_pool[0], in_use);
	CHECK(in_use > 0);
	CHECK_EQ(fake_port_setup_rx(fp, 0, FAKE_PORT_SIZE), -EBUSY);
	fake_port_check_runs(fp, 1);
	CHECK_EQ(fake_port_send(fp, 0, 3), 3);
	CHECK_EQ(fake_port_take(fp, 0, true), 3);
}

static void
restart_rx(struct fake_port *fp)
{
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
	fake_port_check_in_use(fp->rx_pool[0], 0);
	CHECK_EQ(fake_port_rx_state(fp, 0), RTE_ETH_QUEUE_STATE_STOPPED);
	/* What the lies cost is not to be asked for. */
	fp->got[0] = fp->rx_next[0];
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), 0);
	CHECK_EQ(fake_port_rx_state(fp, 0), RTE_ETH_QUEUE_STATE_STARTED);
	fake_port_check_runs(fp, 0);
	fake_port_check_runs(fp, 0);
	CHECK_EQ(fake_port_xstat(fp, "rx_q0_broken"), 1);
}

static void
receive(bool event_idx)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(rx_lies); i++) {
		const struct lie *lie = &rx_lies[i];
		const struct fake_port_conf conf = {
			.features = lie->features | (event_idx ? VU_F_EVENT_IDX : 0)
		};
		struct fake_port *fp;
		unsigned int n;

		if (test_packed() && lie->split_only)
			continue;
		fp = fake_port_start(&conf);
		test_forget_log();
		fake_port_write(fp, 0, 100);
		fake_port_write(fp, 0, 200);
		lie->tell(fp, fake_vu_ring(fp->vu, 0));
		n = fake_port_receive(fp, 0);
		if (n != lie->received)
			test_fail(__FILE__, __LINE__, "%s: %u frames received, not %u", lie->name,
				  n, lie->received);
		check_rx_is_out_of_service(fp, lie);
		restart_rx(fp);
		fake_port_destroy(fp);
	}
}

static void
receive_by_flags(void)
{
	receive(false);
}

static void
receive_by_event_idx(void)
{
	receive(true);
}

/*
 * Vector paths look at several entries together: 16 are two groups of AVX-512, and four of AVX2.
 * Each entry is the lie once.
 */
#define ENTRIES 16

static void
lie_in_each_place(const struct lie *lie)
{
	struct fake_port *fp =
		fake_port_start(&(struct fake_port_conf){ .features = lie->features });
	unsigned int place, i;

	for (place = 0; place < ENTRIES; place++) {
		test_forget_log();
		for (i = 0; i < ENTRIES; i++) {
			if (i == place)
				lie->tell(fp, fake_vu_ring(fp->vu, 0));
			else
				fake_port_write(fp, 0, 100 + i);
		}
		CHECK_EQ(fake_port_receive(fp, 0), place);
		CHECK_EQ(fake_port_receive(fp, 0), 0);
		CHECK_EQ(test_logged(lie->log), 1);
		CHECK_EQ(fake_port_xstat(fp, "rx_q0_broken"), place + 1);
		CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
		fake_port_check_in_use(fp->rx_pool[0], 0);
		fp->got[0] = fp->rx_next[0];
		CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), 0);
	}
	fake_port_destroy(fp);
}

static void
lies_among_good_entries(void)
{
	static const struct lie lies[] = {
		/* With a packed ring the fake device takes no buffer after such an entry. */
		{ "", id_out_of_range, 0, 0, OWNS, true },
		{ "", longer_than_the_buffer, 0, 0, LENGTH, false },
		{ "", of_length_4_g, 0, 0, LENGTH, false },
		{ "", longer_than_the_buffer, VU_F_MRG_RXBUF, 0, LENGTH, false },
		{ "", frame_of_no_buffer, VU_F_MRG_RXBUF, 0, COUNT, false },
		{ "", longer_than_the_buffer, VU_F_IN_ORDER, 0, LENGTH, false },
	};
	unsigned int i;

	for (i = 0; i < RTE_DIM(lies); i++) {
		if (!test_packed() || !lies[i].split_only)
			lie_in_each_place(&lies[i]);
	}
}

static void
runts_among_good_entries(void)
{
	static const uint32_t lens[] = { 0, 11, 25 };
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });
	struct rte_mbuf *m[ENTRIES];
	unsigned int l, place, i;

	for (l = 0; l < RTE_DIM(lens); l++) {
		for (place = 0; place < ENTRIES; place++) {
			for (i = 0; i < ENTRIES; i++)
				ring_device_use(fake_vu_ring(fp->vu, 0),
						fake_port_prepare(fp, 0, 100, 1),
						i == place ? lens[l] : 100 + FAKE_PORT_HDR);
			CHECK_EQ(rte_eth_rx_burst(fp->port, 0, m, ENTRIES), ENTRIES - 1);
			for (i = 0; i < ENTRIES - 1; i++)
				CHECK_EQ(m[i]->pkt_len, 100);
			rte_pktmbuf_free_bulk(m, ENTRIES - 1);
		}
	}
	CHECK_EQ(fake_port_xstat(fp, "rx_q0_errors"), RTE_DIM(lens) * ENTRIES);
	CHECK_EQ(fake_port_xstat(fp, "rx_q0_broken"), 0);
	fp->got[0] = fp->rx_next[0];
	fake_port_check_runs(fp, 0);
	fake_port_destroy(fp);
}

/* Not a lie about memory: no frame, dropped and counted, and the next one is received. */
static void
runts_are_counted(void)
{
	static const uint32_t lens[] = { 0, 1, 11, 12, 13, 25 };
	static const uint64_t features[] = { 0, VU_F_MRG_RXBUF };
	unsigned int f, i;

	for (f = 0; f < RTE_DIM(features); f++) {
		struct fake_port *fp =
			fake_port_start(&(struct fake_port_conf){ .features = features[f] });

		for (i = 0; i < RTE_DIM(lens); i++) {
			const uint16_t head = fake_port_prepare(fp, 0, 100, 1);

			ring_device_use(fake_vu_ring(fp->vu, 0), head, lens[i]);
			/* The one that does not arrive. */
			fp->got[0]++;
			fake_port_write(fp, 0, 100);
			CHECK_EQ(fake_port_receive(fp, 0), 1);
		}
		CHECK_EQ(fake_port_xstat(fp, "rx_q0_errors"), RTE_DIM(lens));
		CHECK_EQ(fake_port_xstat(fp, "rx_q0_good_packets"), RTE_DIM(lens));
		CHECK_EQ(fake_port_xstat(fp, "rx_q0_broken"), 0);
		CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
		CHECK_EQ(fake_port_xstat(fp, "rx_q0_reset_dropped"), 0);
		fake_port_destroy(fp);
	}
}

/* A frame that is not complete is not received, and not lost: the rest may be on its way. */
static void
frame_comes_in_two_goes(void)
{
	struct fake_port *fp =
		fake_port_start(&(struct fake_port_conf){ .features = VU_F_MRG_RXBUF });
	struct ring_device *rd = fake_vu_ring(fp->vu, 0);
	struct device_chain second;
	struct rte_mbuf *m[4];
	uint16_t head;

	fake_port_write(fp, 0, 100);
	head = fake_port_prepare(fp, 0, 100, 2);
	CHECK(ring_device_take(rd, &second));
	memset(second.part[0].at, 0x31, 50);
	ring_device_use(rd, head, 100 + FAKE_PORT_HDR);
	CHECK_EQ(fake_port_receive(fp, 0), 1);
	CHECK_EQ(fake_port_receive(fp, 0), 0);
	ring_device_use(rd, second.head, 50);
	CHECK_EQ(rte_eth_rx_burst(fp->port, 0, m, 4), 1);
	CHECK_EQ(m[0]->nb_segs, 2);
	CHECK_EQ(m[0]->pkt_len, 150);
	CHECK_EQ(m[0]->next->data_len, 50);
	CHECK_EQ(*rte_pktmbuf_mtod(m[0]->next, uint8_t *), 0x31);
	rte_pktmbuf_free(m[0]);
	fp->got[0]++;
	fake_port_check_runs(fp, 0);
	CHECK_EQ(fake_port_xstat(fp, "rx_q0_broken"), 0);
	fake_port_destroy(fp);
}

/*
 * A pool that has few buffers: a frame of more than are posted cannot be, and would be waited for
 * until the ring is made anew; one of all that are posted can.
 */
static void
frame_of_more_than_is_posted(void)
{
	enum { POSTED = 20 };
	struct fake_port *fp =
		fake_port_start(&(struct fake_port_conf){ .features = VU_F_MRG_RXBUF });
	struct rte_mbuf *held[FAKE_PORT_BUFFERS - POSTED];
	uint16_t heads[POSTED];
	struct rte_mbuf *m;
	unsigned int n, i;

	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
	CHECK_EQ(rte_pktmbuf_alloc_bulk(fp->rx_pool[0], held, RTE_DIM(held)), 0);
	for (n = POSTED; n <= POSTED + 1; n++) {
		CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), 0);
		heads[0] = fake_port_prepare(fp, 0, 100, n);
		for (i = 1; i < POSTED; i++)
			heads[i] = fake_port_prepare(fp, 0, 100, 1);
		for (i = 0; i < POSTED; i++)
			ring_device_use(fake_vu_ring(fp->vu, 0), heads[i], 100);
		CHECK_EQ(rte_eth_rx_burst(fp->port, 0, &m, 1), n == POSTED);
		CHECK_EQ(fake_port_xstat(fp, "rx_q0_broken"), n > POSTED);
		if (n == POSTED) {
			CHECK_EQ(m->nb_segs, POSTED);
			rte_pktmbuf_free(m);
		}
		CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
	}
	rte_pktmbuf_free_bulk(held, RTE_DIM(held));
	fake_port_destroy(fp);
}

/* ---- lies of transmit: of 20 packets the first two were given back right --------------------- */

static void
index_goes_back(struct fake_port *fp __rte_unused, struct ring_device *rd)
{
	split_device_set_used_idx(&rd->split, UINT16_MAX);
}

/* IN_ORDER: 20 were sent. */
static void
id_never_offered(struct fake_port *fp __rte_unused, struct ring_device *rd)
{
	ring_device_use_raw(rd, 20, 0);
}

static void
batch_and_id_in_it(struct fake_port *fp __rte_unused, struct ring_device *rd)
{
	static const uint16_t heads[] = { 2, 3, 4, 5 };

	ring_device_use_batch(rd, heads, RTE_DIM(heads), 0);
	ring_device_use_raw(rd, 4, 0);
}

static const struct lie tx_lies[] = {
	{ "id out of range", id_out_of_range, 0, 0, OWNS, false },
	{ "id far out of range", id_far_out_of_range, 0, 0, OWNS, false },
	{ "id twice", id_twice, 0, 0, OWNS, false },
	{ "index ahead", index_ahead, 0, 0, BEYOND, true },
	{ "index goes back", index_goes_back, 0, 0, BEYOND, true },
	{ "indirect: id out of range", id_out_of_range, VU_F_INDIRECT, 0, OWNS, false },
	{ "indirect: id twice", id_twice, VU_F_INDIRECT, 0, OWNS, false },
	{ "in order: id out of range", id_out_of_range, VU_F_IN_ORDER, 0, OWNS, false },
	{ "in order: id twice", id_twice, VU_F_IN_ORDER, 0, OWNS, false },
	{ "in order: id never offered", id_never_offered, VU_F_IN_ORDER, 0, OWNS, false },
	{ "in order: batch and id of it", batch_and_id_in_it, VU_F_IN_ORDER, 0, OWNS, false },
	{ "in order: index ahead", index_ahead, VU_F_IN_ORDER, 0, BEYOND, true },
	{ "in order: index goes back", index_goes_back, VU_F_IN_ORDER, 0, BEYOND, true },
};

/*
 * Split, in order: what the index counts is used, and ids are not read. A lie there is none about
 * memory: so many buffers come back as the index says.
 */
static void
check_nobody_asks(struct fake_port *fp, struct ring_device *rd, bool by_burst)
{
	const unsigned int used = rd->split.used_idx;

	CHECK(used > 2 && used <= 20);
	if (by_burst)
		CHECK_EQ(fake_port_send(fp, 0, FAKE_PORT_SIZE), FAKE_PORT_SIZE - 20 + used);
	else
		CHECK_EQ(rte_eth_tx_done_cleanup(fp->port, 0, 0), used);
	CHECK_EQ(fake_port_xstat(fp, "tx_q0_broken"), 0);
	fake_port_check_in_use(fp->tx_pool[0], by_burst ? FAKE_PORT_SIZE : 20 - used);
	CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, 0), 0);
	fake_port_check_in_use(fp->tx_pool[0], 0);
	fake_port_destroy(fp);
}

static void
transmit(bool by_burst)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(tx_lies); i++) {
		const struct lie *lie = &tx_lies[i];
		struct fake_port *fp;
		struct ring_device *rd;
		unsigned int in_use;

		if (test_packed() && lie->split_only)
			continue;
		fp = fake_port_start(&(struct fake_port_conf){ .features = lie->features });
		rd = fake_vu_ring(fp->vu, 1);
		test_forget_log();
		CHECK_EQ(fake_port_send(fp, 0, 20), 20);
		CHECK_EQ(fake_port_take(fp, 0, false), 20);
		ring_device_use(rd, 0, 0);
		ring_device_use(rd, 1, 0);
		lie->tell(fp, rd);
		if (!test_packed() && (lie->features & VU_F_IN_ORDER) && !lie->split_only) {
			check_nobody_asks(fp, rd, by_burst);
			continue;
		}
		/* Found out when completions are taken, which a burst does when it needs room. */
		if (by_burst)
			CHECK_EQ(fake_port_send(fp, 0, FAKE_PORT_SIZE), 0);
		else
			CHECK(rte_eth_tx_done_cleanup(fp->port, 0, 0) < 0);
		CHECK_EQ(fake_port_xstat(fp, "tx_q0_broken"), 1);
		CHECK_EQ(test_logged(lie->log), 1);
		in_use = rte_mempool_in_use_count(fp->tx_pool[0]);
		CHECK(in_use >= 14 && in_use <= 20);
		CHECK_EQ(fake_port_send(fp, 0, 1), 0);
		CHECK_EQ(rte_eth_tx_done_cleanup(fp->port, 0, 0), 0);
		fake_port_check_in_use(fp->tx_pool[0], in_use);
		CHECK_EQ(fake_port_tx_state(fp, 0), RTE_ETH_QUEUE_STATE_STARTED);
		CHECK_EQ(fake_port_setup_tx(fp, 0, FAKE_PORT_SIZE), -EBUSY);
		fake_port_check_runs(fp, 1);
		fake_port_write(fp, 0, 100);
		CHECK_EQ(fake_port_receive(fp, 0), 1);

		CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, 0), 0);
		fake_port_check_in_use(fp->tx_pool[0], 0);
		CHECK_EQ(rte_eth_dev_tx_queue_start(fp->port, 0), 0);
		fake_port_check_runs(fp, 0);
		CHECK_EQ(fake_port_xstat(fp, "tx_q0_broken"), 1);
		fake_port_destroy(fp);
	}
}

static void
transmit_found_by_cleanup(void)
{
	transmit(false);
}

static void
transmit_found_by_burst(void)
{
	transmit(true);
}

/* Chains: the id of a descriptor that is none's first. */
static void
transmit_chain_by_its_middle(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });
	struct ring_device *rd = fake_vu_ring(fp->vu, 1);
	struct device_chain chain;
	struct rte_mbuf *m[5];
	unsigned int i;

	for (i = 0; i < RTE_DIM(m); i++) {
		m[i] = rte_pktmbuf_alloc(fp->tx_pool[0]);
		m[i]->next = rte_pktmbuf_alloc(fp->tx_pool[0]);
		m[i]->nb_segs = 2;
		m[i]->data_len = 40;
		m[i]->next->data_len = 40;
		m[i]->pkt_len = 80;
		memset(rte_pktmbuf_mtod(m[i], void *), 0, 40);
		memset(rte_pktmbuf_mtod(m[i]->next, void *), 0, 40);
	}
	CHECK_EQ(rte_eth_tx_burst(fp->port, 0, m, RTE_DIM(m)), RTE_DIM(m));
	for (i = 0; i < RTE_DIM(m); i++)
		CHECK(ring_device_take(rd, &chain));
	ring_device_use_raw(rd, 2, 0);
	ring_device_use_raw(rd, 3, 0);
	CHECK(rte_eth_tx_done_cleanup(fp->port, 0, 0) < 0);
	CHECK_EQ(fake_port_xstat(fp, "tx_q0_broken"), 1);
	CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, 0), 0);
	fake_port_check_in_use(fp->tx_pool[0], 0);
	CHECK_EQ(rte_eth_dev_tx_queue_start(fp->port, 0), 0);
	fake_port_check_runs(fp, 0);
	fake_port_destroy(fp);
}

/* IN_ORDER: a batch of which bursts take a part each, and a lie behind it. */
static void
batch_taken_in_parts(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){
		.features = VU_F_IN_ORDER
	});
	struct ring_device *rd = fake_vu_ring(fp->vu, 0);
	const struct lie lie = { .log = OWNS };
	struct rte_mbuf *m[3];
	uint16_t heads[9];
	unsigned int i, k;

	test_forget_log();
	for (i = 0; i < RTE_DIM(heads); i++)
		heads[i] = fake_port_prepare(fp, 0, FAKE_PORT_ROOM, 1);
	ring_device_use_batch(rd, heads, RTE_DIM(heads), FAKE_PORT_ROOM + FAKE_PORT_HDR);
	ring_device_use_raw(rd, heads[0], 100);
	for (i = 0; i < 3; i++) {
		CHECK(rte_eth_rx_queue_count(fp->port, 0) >= 10 - 3 * (int)i);
		CHECK_EQ(rte_eth_rx_burst(fp->port, 0, m, 3), 3);
		for (k = 0; k < 3; k++) {
			CHECK_EQ(m[k]->pkt_len, FAKE_PORT_ROOM);
			rte_pktmbuf_free(m[k]);
		}
	}
	CHECK_EQ(fake_port_xstat(fp, "rx_q0_broken"), 0);
	check_rx_is_out_of_service(fp, &lie);
	restart_rx(fp);
	fake_port_destroy(fp);
}

/* IN_ORDER, chains: by the head of none, and by one that came back in a batch. */
static void
transmit_chains_in_order(uint32_t id)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){
		.features = VU_F_IN_ORDER
	});
	struct ring_device *rd = fake_vu_ring(fp->vu, 1);
	static const uint16_t heads[] = { 0, 2, 4 };
	struct device_chain chain;
	struct rte_mbuf *m[5];
	unsigned int i;

	test_forget_log();
	for (i = 0; i < RTE_DIM(m); i++) {
		m[i] = rte_pktmbuf_alloc(fp->tx_pool[0]);
		CHECK(m[i] != NULL);
		CHECK(packet_make(m[i], 0, fp->tx_next[0]++, 80, 40));
	}
	CHECK_EQ(rte_eth_tx_burst(fp->port, 0, m, RTE_DIM(m)), RTE_DIM(m));
	for (i = 0; i < RTE_DIM(m); i++) {
		CHECK(ring_device_take(rd, &chain));
		CHECK_EQ(chain.head, 2 * i);
	}
	ring_device_use_batch(rd, heads, RTE_DIM(heads), 0);
	ring_device_use_raw(rd, id, 0);
	CHECK(rte_eth_tx_done_cleanup(fp->port, 0, 0) < 0);
	CHECK_EQ(fake_port_xstat(fp, "tx_q0_broken"), 1);
	CHECK_EQ(test_logged(OWNS), 1);
	/* Two packets of two segments are the device's still. */
	fake_port_check_in_use(fp->tx_pool[0], 4);
	CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, 0), 0);
	fake_port_check_in_use(fp->tx_pool[0], 0);
	fp->took[0] = fp->tx_next[0];
	CHECK_EQ(rte_eth_dev_tx_queue_start(fp->port, 0), 0);
	fake_port_check_runs(fp, 0);
	fake_port_destroy(fp);
}

static void
transmit_bad_chains_in_order(void)
{
	static const uint32_t ids[] = { 7, 2, 4, 10, FAKE_PORT_SIZE, UINT16_MAX };
	unsigned int i;

	for (i = 0; i < RTE_DIM(ids); i++)
		transmit_chains_in_order(ids[i]);
}

/* Noise in the used ring when the queue is already on its way out: the stop is not disturbed. */
static void
bad_entry_at_the_end(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });
	unsigned int i;

	for (i = 0; i < 4; i++) {
		struct ring_device *rx = fake_vu_ring(fp->vu, 0);
		struct ring_device *tx = fake_vu_ring(fp->vu, 1);

		CHECK_EQ(fake_port_send(fp, 0, 10), 10);
		fake_port_write(fp, 0, 100);
		ring_device_use_raw(rx, 1000, 100);
		ring_device_use_raw(tx, 1000, 100);
		if (i % 2 != 0 && !test_packed()) {
			split_device_set_used_idx(&rx->split, 30000);
			split_device_set_used_idx(&tx->split, 30000);
		}
		CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
		CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, 0), 0);
		fake_port_check_in_use(fp->rx_pool[0], 0);
		fake_port_check_in_use(fp->tx_pool[0], 0);
		fp->got[0] = fp->rx_next[0];
		fp->took[0] = fp->tx_next[0];
		CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), 0);
		CHECK_EQ(rte_eth_dev_tx_queue_start(fp->port, 0), 0);
		fake_port_check_runs(fp, 0);
	}
	fake_port_destroy(fp);
}

TEST_MAIN(
	TEST_WARM_UP(fake_port_warm_up),
	TEST_LAYOUTS(receive_by_flags),
	TEST_LAYOUTS(receive_by_event_idx),
	TEST_LAYOUTS(lies_among_good_entries),
	TEST_LAYOUTS(runts_among_good_entries),
	TEST_LAYOUTS(runts_are_counted),
	TEST_LAYOUTS(frame_comes_in_two_goes),
	TEST_LAYOUTS(frame_of_more_than_is_posted),
	TEST_LAYOUTS(transmit_found_by_cleanup),
	TEST_LAYOUTS(transmit_found_by_burst),
	TEST_LAYOUTS(transmit_chain_by_its_middle),
	TEST_LAYOUTS(batch_taken_in_parts),
	TEST_LAYOUTS(transmit_bad_chains_in_order),
	TEST_LAYOUTS(bad_entry_at_the_end),
)
