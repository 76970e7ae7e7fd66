/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * A device that breaks the rules in the used ring is found out, and nothing is read or written out
 * of bounds: the rings here are fenced, see ring_fence(), which the address sanitizer makes bite.
 * The ring is taken out of service once; a stop and a start recover it.
 */

#include <stdlib.h>
#include <string.h>

#include <rte_common.h>

#include "ring.h"

struct set {
	struct fake_device *fake;
	struct virtqueue *vq;
	struct ring_device *rd;
	struct ring_fence fence;
	struct buffer *buffers;
	unsigned int n;
};

static struct set set;

/* The entry is not taken: what was wrong stays wrong until the ring is made anew. */
static void
check_bad_entry(void)
{
	const uint16_t free_before = set.vq->free_count;
	const int used = ring_ready(set.vq);
	uint32_t len;

	CHECK(used > 0);
	CHECK(used <= virtqueue_in_flight(set.vq));
	CHECK(ring_get(set.vq, &len) == NULL);
	CHECK(ring_get(set.vq, &len) == NULL);
	CHECK_EQ(ring_ready(set.vq), used);
	CHECK_EQ(set.vq->free_count, free_before);
}

/* As if the device thought better of it. */
static void
take_back_bad_entry(void)
{
	if (set.vq->conf.packed)
		packed_device_take_back(&set.rd->pack, set.vq->next_used.pos,
					 set.vq->next_used.wrap);
	else
		split_device_set_used_idx(&set.rd->split, set.vq->next_used.idx);
}

static void
up_with(const struct ring_conf *ring, unsigned int n, uint16_t descs, uint64_t features)
{
	struct device_chain chain;
	unsigned int i;

	memset(&set, 0, sizeof(set));
	test_forget_log();
	set.fake = ring_device_for(ring);
	set.fake->features |= features;
	set.vq = ring_create(&set.fake->dev, 0, ring);
	set.n = n;
	set.buffers = calloc(n + 1, sizeof(*set.buffers));
	fake_device_run(set.fake, &set.vq, 1);
	set.rd = fake_ring(set.fake, 0);
	ring_fence(set.vq, &set.fence);
	for (i = 0; i < n; i++)
		ring_post(set.vq, &set.buffers[i], descs, VRING_DESC_F_WRITE);
	ring_show(set.vq);
	for (i = 0; i < n; i++)
		CHECK(ring_device_take(set.rd, &chain));
}

/* A running ring with so many buffers of so many descriptors, all taken by the device. */
static void
up(const struct ring_conf *ring, unsigned int n, uint16_t descs)
{
	up_with(ring, n, descs, 0);
}

/* The same with a device that may tell of several at once. */
static void
up_in_order(const struct ring_conf *ring, unsigned int n, uint16_t descs)
{
	up_with(ring, n, descs, VIRTIO_BIT(VIRTIO_F_IN_ORDER));
	CHECK(set.vq->in_order);
}

/* What the owner does next: out of service, stop, reclaim; all buffers are there; runs again. */
static void
restart_and_down(void)
{
	struct device_chain chain;
	struct buffer again = { 0 };
	uint32_t len;

	ring_unfence(set.vq, &set.fence);
	CHECK(virtqueue_set_broken(set.vq, "a test"));
	CHECK_EQ(virtqueue_state(set.vq), VIRTQUEUE_BROKEN);
	CHECK(!virtqueue_set_broken(set.vq, "a test"));
	CHECK_EQ(test_logged("taken out of service: a test"), 1);
	CHECK_EQ(virtqueue_reclaim(set.vq, ring_take_back, NULL), -EBUSY);
	CHECK_EQ(virtqueue_destroy(set.vq), -EBUSY);

	CHECK_EQ(virtqueue_stop(set.vq, PATIENCE_US), 0);
	ring_poison(set.vq);
	CHECK(virtqueue_reclaim(set.vq, ring_take_back, NULL) >= 0);
	ring_check_returned(set.buffers, set.n);
	ring_check_fresh(set.vq);

	CHECK_EQ(virtqueue_start(set.vq, PATIENCE_US), 0);
	set.rd = fake_ring(set.fake, 0);
	ring_post(set.vq, &again, 1, VRING_DESC_F_WRITE);
	ring_show(set.vq);
	CHECK(ring_asks(set.vq));
	CHECK(ring_device_take(set.rd, &chain));
	ring_device_use(set.rd, chain.head, 5);
	CHECK_EQ(ring_ready(set.vq), 1);
	CHECK(ring_get(set.vq, &len) == &again);
	CHECK_EQ(len, 5);

	CHECK_EQ(virtqueue_stop(set.vq, PATIENCE_US), 0);
	ring_destroy(set.vq);
	fake_device_destroy(set.fake);
	free(set.buffers);
}

static void
id_out_of_range(const struct ring_conf *ring)
{
	const uint32_t bad[] = {
		ring->size, ring->size + 1, UINT16_MAX, 65536, 65536 + ring->size - 1, INT32_MAX,
		UINT32_MAX - 1, UINT32_MAX
	};
	unsigned int i;
	uint16_t descs;

	for (descs = 1; descs <= 2; descs++) {
		up(ring, RTE_DIM(bad), descs);
		for (i = 0; i < RTE_DIM(bad); i++) {
			/* A packed ring's ids have 16 bits. */
			if (ring->packed && bad[i] > UINT16_MAX)
				continue;
			ring_device_use_raw(set.rd, bad[i], 64);
			check_bad_entry();
			take_back_bad_entry();
		}
		restart_and_down();
	}
}

static void
id_twice(const struct ring_conf *ring)
{
	struct buffer *b;
	uint32_t len;

	up(ring, 8, 1);
	ring_device_use_raw(set.rd, 3, 64);
	ring_device_use_raw(set.rd, 3, 64);
	CHECK_EQ(ring_ready(set.vq), 2);
	b = ring_get(set.vq, &len);
	CHECK(b == &set.buffers[3]);
	b->returned++;
	check_bad_entry();
	restart_and_down();
}

/* In one burst, looked at ahead: the second is found out before anything is taken. */
static void
id_twice_in_a_burst(const struct ring_conf *ring)
{
	static const uint16_t ids[] = { 3, 1, 1, 0 };
	struct ring_cursor cur, bad_one;
	unsigned int i;
	uint32_t len;

	up(ring, 8, 1);
	for (i = 0; i < RTE_DIM(ids); i++)
		ring_device_use_raw(set.rd, ids[i], 64);
	CHECK_EQ(ring_ready(set.vq), RTE_DIM(ids));
	CHECK_EQ(ring_begin(set.vq, &cur, ring->packed), 0);
	CHECK_EQ(ring_next(set.vq, &cur, &len, ring->packed), 3);
	CHECK_EQ(ring_next(set.vq, &cur, &len, ring->packed), 1);
	bad_one = cur;
	CHECK_EQ(ring_next(set.vq, &cur, &len, ring->packed), -EPROTO);
	CHECK(memcmp(&cur, &bad_one, sizeof(cur)) == 0);
	ring_commit(set.vq, &cur);
	set.buffers[3].returned++;
	set.buffers[1].returned++;
	check_bad_entry();
	restart_and_down();
}

/* The device takes buffers in any order; those it has given back and not got again are ours. */
static void
id_that_is_the_drivers(const struct ring_conf *ring)
{
	const unsigned int n = 16;
	struct device_chain chain;
	uint16_t ids[16];
	unsigned int lap, i;
	uint32_t len;

	up(ring, 0, 1);
	free(set.buffers);
	set.n = n;
	set.buffers = calloc(n, sizeof(*set.buffers));
	for (lap = 0; lap < 3 * (ring->size / n) + 1; lap++) {
		for (i = 0; i < n; i++)
			ring_post(set.vq, &set.buffers[i], 1, VRING_DESC_F_WRITE);
		ring_show(set.vq);
		for (i = 0; i < n; i++) {
			CHECK(ring_device_take(set.rd, &chain));
			ids[i] = chain.head;
		}
		for (i = 0; i < n; i++) {
			const uint16_t id = ids[(5 * i + lap) % n];
			struct buffer *b;

			ring_device_use(set.rd, id, 64);
			b = ring_get(set.vq, &len);
			CHECK(b != NULL);
			b->returned++;
			if (i + 1 < n) {
				ring_device_use_raw(set.rd, id, 64);
				check_bad_entry();
				take_back_bad_entry();
			}
		}
		ring_check_returned(set.buffers, n);
	}
	restart_and_down();
}

static void
chain_id_twice(const struct ring_conf *ring)
{
	const uint16_t descs = 3;
	struct buffer *b;
	uint32_t len;

	up(ring, 8, descs);
	ring_device_use_raw(set.rd, 2 * descs, 64);
	ring_device_use_raw(set.rd, 2 * descs, 64);
	b = ring_get(set.vq, &len);
	CHECK(b == &set.buffers[2]);
	b->returned++;
	CHECK_EQ(set.vq->free_count, ring->size - 7 * descs);
	check_bad_entry();
	restart_and_down();
}

static void
id_of_no_head(const struct ring_conf *ring)
{
	unsigned int i;

	up(ring, 8, 3);
	for (i = 0; i < 8; i++) {
		ring_device_use_raw(set.rd, 3 * i + 1 + i % 2, 64);
		check_bad_entry();
		take_back_bad_entry();
	}
	restart_and_down();
}

static void
id_that_was_never_offered(const struct ring_conf *ring)
{
	up(ring, 8, 1);
	ring_device_use_raw(set.rd, 8, 64);
	check_bad_entry();
	take_back_bad_entry();
	ring_device_use_raw(set.rd, ring->size - 1, 64);
	check_bad_entry();
	restart_and_down();
}

/* The length is the owner's to judge: it gets what the device said, all 32 bits of it. */
static void
length_is_handed_on(const struct ring_conf *ring)
{
	static const uint32_t lengths[] = { 0, 1, 57, 65535, 65536, 65537, UINT32_MAX };
	unsigned int i;
	uint32_t len;

	up(ring, RTE_DIM(lengths), 1);
	for (i = 0; i < RTE_DIM(lengths); i++) {
		struct buffer *b;

		ring_device_use(set.rd, i, lengths[i]);
		b = ring_get(set.vq, &len);
		CHECK(b == &set.buffers[i]);
		CHECK_EQ(len, lengths[i]);
		b->returned++;
	}
	restart_and_down();
}

static void
used_index_runs_ahead(const struct ring_conf *ring)
{
	static const uint16_t held[] = { 0, 1, 5 };
	unsigned int i;

	for (i = 0; i < RTE_DIM(held); i++) {
		up(ring, held[i], 1);
		split_device_set_used_idx(&set.rd->split, held[i]);
		CHECK_EQ(ring_ready(set.vq), held[i]);
		split_device_set_used_idx(&set.rd->split, held[i] + 1);
		CHECK_EQ(ring_ready(set.vq), -EPROTO);
		split_device_set_used_idx(&set.rd->split, ring->size);
		CHECK_EQ(ring_ready(set.vq), -EPROTO);
		split_device_set_used_idx(&set.rd->split, 0x8000);
		CHECK_EQ(ring_ready(set.vq), -EPROTO);
		restart_and_down();
	}
}

static void
used_index_runs_ahead_of_a_full_ring(const struct ring_conf *ring)
{
	up(ring, ring->size, 1);
	split_device_set_used_idx(&set.rd->split, ring->size);
	CHECK_EQ(ring_ready(set.vq), ring->size);
	split_device_set_used_idx(&set.rd->split, ring->size + 1);
	CHECK_EQ(ring_ready(set.vq), -EPROTO);
	split_device_set_used_idx(&set.rd->split, UINT16_MAX);
	CHECK_EQ(ring_ready(set.vq), -EPROTO);
	restart_and_down();
}

static void
used_index_goes_back(const struct ring_conf *ring)
{
	uint32_t len;
	unsigned int i;

	up(ring, 8, 1);
	split_device_set_used_idx(&set.rd->split, UINT16_MAX);
	CHECK_EQ(ring_ready(set.vq), -EPROTO);
	split_device_set_used_idx(&set.rd->split, 0);
	for (i = 0; i < 4; i++) {
		struct buffer *b;

		ring_device_use(set.rd, i, 0);
		b = ring_get(set.vq, &len);
		CHECK(b == &set.buffers[i]);
		b->returned++;
	}
	split_device_set_used_idx(&set.rd->split, 3);
	CHECK_EQ(ring_ready(set.vq), -EPROTO);
	split_device_set_used_idx(&set.rd->split, 0);
	CHECK_EQ(ring_ready(set.vq), -EPROTO);
	restart_and_down();
}

/* Chains: fewer buffers than descriptors are out, and that is the limit. */
static void
used_index_counts_buffers_and_not_descriptors(const struct ring_conf *ring)
{
	up(ring, 4, 3);
	split_device_set_used_idx(&set.rd->split, 4);
	CHECK_EQ(ring_ready(set.vq), 4);
	split_device_set_used_idx(&set.rd->split, 5);
	CHECK_EQ(ring_ready(set.vq), -EPROTO);
	restart_and_down();
}

/* Everything looks used, and no more counts than the device was given. */
static void
flags_say_used_where_nothing_was_given(const struct ring_conf *ring)
{
	static const uint16_t held[] = { 0, 1, 5 };
	unsigned int i, n;

	for (i = 0; i < RTE_DIM(held); i++) {
		up(ring, held[i], 1);
		for (n = 0; n < ring->size; n++)
			ring_device_use_raw(set.rd, n, 64);
		CHECK_EQ(ring_ready(set.vq), held[i]);
		CHECK_EQ(ring_used_hint(set.vq, UINT16_MAX, true), held[i]);
		for (n = 0; n < held[i]; n++) {
			struct buffer *b;
			uint32_t len;

			b = ring_get(set.vq, &len);
			CHECK(b == &set.buffers[n]);
			b->returned++;
		}
		CHECK_EQ(ring_ready(set.vq), 0);
		CHECK_EQ(ring_used_hint(set.vq, UINT16_MAX, true), 0);
		restart_and_down();
	}
}

/* Flags of the lap before or after this one, and those of neither: not used yet. */
static void
flags_of_another_lap(const struct ring_conf *ring)
{
	static const uint16_t flags[] = { 0x0000, 0x8000, 0x0080, 0x7f7f, 0xff7f, 0x7fff };
	unsigned int i;

	up(ring, 8, 1);
	for (i = 0; i < RTE_DIM(flags); i++) {
		memcpy(set.rd->pack.desc + 14, &flags[i], sizeof(flags[i]));
		CHECK_EQ(ring_ready(set.vq), 0);
		CHECK_EQ(ring_used_hint(set.vq, UINT16_MAX, true), 0);
	}
	restart_and_down();
}

/* Where the device may not write, or what the driver has no reason to read again. */
static void
scribble(const struct ring_conf *ring)
{
	unsigned int i;

	if (!ring->packed) {
		memset(set.rd->split.desc, 0xff, ring_device_desc_size(ring->size));
		memset(set.rd->split.avail, 0xff, ring_device_driver_size(ring->size, false));
		return;
	}
	/* All but id, length and flags of descriptors that are used, and flags that say so. */
	for (i = 0; i < ring->size; i++)
		memset(set.rd->pack.desc + 16 * i, 0xff, 14);
	memset(set.rd->pack.driver_event, 0xff, ring_device_driver_size(ring->size, true));
}

/*
 * The device may write where it should only read. The driver goes by what it keeps itself, and so
 * what it gets back stays right.
 */
static void
what_the_driver_wrote_is_scribbled_over(const struct ring_conf *ring)
{
	struct device_chain chain;
	unsigned int lap, i;
	uint32_t len;

	up(ring, 8, 3);
	for (lap = 0; lap < 3; lap++) {
		scribble(ring);
		for (i = 0; i < 8; i++) {
			/* A new ring hands descriptors out in order. */
			const uint16_t head = (lap * 24 + 3 * i) % ring->size;
			struct buffer *b;

			ring_device_use(set.rd, head, i);
			/* A packed ring counts descriptors. */
			CHECK_EQ(ring_ready(set.vq), ring->packed ? 3 : 1);
			b = ring_get(set.vq, &len);
			CHECK(b == &set.buffers[i]);
			CHECK_EQ(len, i);
			b->returned++;
		}
		CHECK_EQ(set.vq->free_count, ring->size);
		for (i = 0; i < 8; i++)
			ring_post(set.vq, &set.buffers[i], 3, VRING_DESC_F_WRITE);
		ring_show(set.vq);
		for (i = 0; i < 8; i++)
			CHECK(ring_device_take(set.rd, &chain));
	}
	restart_and_down();
}

/* Anything at all is said to be used, for long: every buffer comes back at most once a post. */
static void
noise(const struct ring_conf *ring)
{
	const unsigned int n = RTE_MIN(ring->size / 3, 300);
	uint32_t state = 7 + ring->size;
	unsigned int round, i;
	unsigned int popped = 0;
	uint32_t len;

	up(ring, n, 3);
	for (round = 0; round < 3000; round++) {
		const unsigned int entries = (state >> 24) % 5;
		int used;

		for (i = 0; i < entries; i++) {
			state = state * 1664525 + 1013904223;
			/* One in four may be right. */
			ring_device_use_raw(set.rd, (state & 0x300) == 0 ? state :
					    (state >> 10) % ring->size, state >> 3);
		}
		state = state * 1664525 + 1013904223;
		if (state >> 28 == 0 && !ring->packed)
			split_device_set_used_idx(&set.rd->split, state >> 8);
		while ((used = ring_ready(set.vq)) != 0) {
			struct buffer *b;

			if (used < 0)
				CHECK_EQ(used, -EPROTO);
			b = used < 0 ? NULL : ring_get(set.vq, &len);
			if (b == NULL) {
				take_back_bad_entry();
				break;
			}
			CHECK_EQ(b->returned, b->posted - 1);
			b->returned++;
			popped++;
			/* As if the device had taken it. */
			if (ring->packed)
				set.rd->pack.descs[set.vq->order[set.vq->next_avail.pos]] = 3;
			ring_post(set.vq, b, 3, VRING_DESC_F_WRITE);
			ring_show(set.vq);
		}
		CHECK(set.vq->free_count <= ring->size);
	}
	CHECK(popped > 0);
	restart_and_down();
}

/* ---- IN_ORDER: batches ----------------------------------------------------------------------- */

/* The next used buffer is the one given after `i` others; what the device wrote into it. */
static uint32_t
pop_next(unsigned int i)
{
	struct buffer *b;
	uint32_t len;

	CHECK(ring_ready(set.vq) > 0);
	b = ring_get(set.vq, &len);
	CHECK(b == &set.buffers[i]);
	b->returned++;
	return len;
}

/* The device gives back what was given from the `from`th on, so many of them at once. */
static void
use_batch(unsigned int from, unsigned int n, uint16_t descs, uint32_t len)
{
	uint16_t heads[64];
	unsigned int i;

	for (i = 0; i < n; i++)
		heads[i] = (from + i) * descs;
	ring_device_use_batch(set.rd, heads, n, len);
}

static void
batch_by_id_out_of_range(const struct ring_conf *ring)
{
	const uint32_t bad[] = {
		ring->size, ring->size + 1, UINT16_MAX, 65536, 65536 + 5, INT32_MAX, UINT32_MAX
	};
	unsigned int i;
	uint16_t descs;

	for (descs = 1; descs <= 2; descs++) {
		up_in_order(ring, 10, descs);
		use_batch(0, 3, descs, 7);
		for (i = 0; i < 3; i++)
			CHECK_EQ(pop_next(i), i < 2 ? set.vq->conf.buf_len : 7);
		for (i = 0; i < RTE_DIM(bad); i++) {
			if (ring->packed && bad[i] > UINT16_MAX)
				continue;
			ring_device_use_raw(set.rd, bad[i], 64);
			check_bad_entry();
			take_back_bad_entry();
		}
		restart_and_down();
	}
}

/* Beyond the last that was given: a batch may not end there. */
static void
batch_by_id_that_was_never_offered(const struct ring_conf *ring)
{
	uint16_t descs;

	for (descs = 1; descs <= 2; descs++) {
		up_in_order(ring, 8, descs);
		ring_device_use_raw(set.rd, 8 * descs, 64);
		check_bad_entry();
		take_back_bad_entry();
		ring_device_use_raw(set.rd, ring->size - 1, 64);
		check_bad_entry();
		restart_and_down();
	}
}

/* Those of a batch are the driver's when it was taken, its last as well as the others. */
static void
batch_by_id_that_is_the_drivers(const struct ring_conf *ring)
{
	unsigned int i;
	uint16_t descs;

	for (descs = 1; descs <= 2; descs++) {
		up_in_order(ring, 10, descs);
		use_batch(0, 5, descs, 7);
		for (i = 0; i < 5; i++)
			pop_next(i);
		CHECK_EQ(ring_ready(set.vq), 0);
		for (i = 0; i < 5; i++) {
			ring_device_use_raw(set.rd, i * descs, 64);
			check_bad_entry();
			take_back_bad_entry();
		}
		restart_and_down();
	}
}

/* The entry after a batch is of one that was in it. */
static void
batch_and_one_of_it_again(const struct ring_conf *ring)
{
	unsigned int i;
	uint16_t descs;

	for (descs = 1; descs <= 2; descs++) {
		up_in_order(ring, 10, descs);
		use_batch(0, 4, descs, 7);
		ring_device_use_raw(set.rd, 3 * descs, 64);
		for (i = 0; i < 4; i++)
			CHECK_EQ(pop_next(i), i < 3 ? set.vq->conf.buf_len : 7);
		check_bad_entry();
		restart_and_down();
	}
}

/* In one burst, looked at ahead: a batch, one by itself, and the lie. */
static void
batch_and_a_lie_in_a_burst(const struct ring_conf *ring)
{
	struct ring_cursor cur, two;
	unsigned int i;
	uint32_t len;

	up_in_order(ring, 10, 1);
	use_batch(0, 4, 1, 7);
	use_batch(4, 1, 1, 8);
	ring_device_use_raw(set.rd, 2, 64);
	CHECK(ring_ready(set.vq) >= 6);
	CHECK_EQ(ring_used(set.vq, 3, ring->packed), 3);
	CHECK_EQ(ring_begin(set.vq, &cur, ring->packed), 0);
	for (i = 0; i < 5; i++) {
		if (i == 2)
			two = cur;
		CHECK_EQ(ring_next(set.vq, &cur, &len, ring->packed), i);
		CHECK_EQ(len, i < 3 ? set.vq->conf.buf_len : i + 4);
	}
	CHECK_EQ(ring_next(set.vq, &cur, &len, ring->packed), -EPROTO);
	/* Only a part is taken: what was seen beyond does not get in the way. */
	ring_commit(set.vq, &two);
	set.buffers[0].returned++;
	set.buffers[1].returned++;
	pop_next(2);
	pop_next(3);
	pop_next(4);
	check_bad_entry();
	restart_and_down();
}

/* What was noted of a batch stands, whatever becomes of its entry and those within it. */
static void
batch_that_is_scribbled_over(const struct ring_conf *ring)
{
	unsigned int i;
	uint16_t descs;

	for (descs = 1; descs <= 2; descs++) {
		up_in_order(ring, 10, descs);
		use_batch(0, 6, descs, 7);
		CHECK_EQ(pop_next(0), set.vq->conf.buf_len);
		if (ring->packed) {
			for (i = 0; i < 6u * descs; i++)
				memset(set.rd->pack.desc + 16 * i, 0xff, 14);
		} else {
			memset(set.rd->split.used + 4, 0xff, 6 * 8);
		}
		for (i = 1; i < 6; i++)
			CHECK_EQ(pop_next(i), i < 5 ? set.vq->conf.buf_len : 7);
		ring_device_use_raw(set.rd, UINT16_MAX, 64);
		check_bad_entry();
		restart_and_down();
	}
}

/* The index says how many: an entry that stands for more is believed so far and no further. */
static void
batch_beyond_the_used_index(const struct ring_conf *ring)
{
	unsigned int i;
	uint16_t descs;

	for (descs = 1; descs <= 2; descs++) {
		up_in_order(ring, 10, descs);
		ring_device_use_raw(set.rd, 5 * descs, 7);
		CHECK_EQ(pop_next(0), set.vq->conf.buf_len);
		CHECK_EQ(ring_ready(set.vq), 0);
		split_device_set_used_idx(&set.rd->split, 3);
		CHECK_EQ(ring_ready(set.vq), 2);
		pop_next(1);
		pop_next(2);
		CHECK_EQ(ring_ready(set.vq), 0);
		/* Out of a batch that is half taken: back, and beyond what there is. */
		split_device_set_used_idx(&set.rd->split, 2);
		CHECK_EQ(ring_ready(set.vq), -EPROTO);
		split_device_set_used_idx(&set.rd->split, 11);
		CHECK_EQ(ring_ready(set.vq), -EPROTO);
		split_device_set_used_idx(&set.rd->split, 6);
		for (i = 3; i < 6; i++)
			CHECK_EQ(pop_next(i), i < 5 ? set.vq->conf.buf_len : 7);
		CHECK_EQ(ring_ready(set.vq), 0);
		restart_and_down();
	}
}

/* A ring of chains only knows heads. */
static void
batch_by_id_of_no_head(const struct ring_conf *ring)
{
	const uint16_t descs = 3;
	unsigned int i;

	up_in_order(ring, 8, descs);
	for (i = 0; i < 8; i++) {
		ring_device_use_raw(set.rd, descs * i + 1 + i % 2, 64);
		check_bad_entry();
		take_back_bad_entry();
	}
	use_batch(0, 8, descs, 7);
	for (i = 0; i < 8; i++)
		CHECK_EQ(pop_next(i), i < 7 ? set.vq->conf.buf_len : 7);
	restart_and_down();
}

/* All of a full ring at once, and then anything again: there is nothing that it could be. */
static void
batch_of_all_and_more(const struct ring_conf *ring)
{
	unsigned int i;

	up_in_order(ring, ring->size, 1);
	ring_device_use_raw(set.rd, ring->size - 1, 7);
	if (!ring->packed)
		split_device_set_used_idx(&set.rd->split, ring->size);
	CHECK_EQ(ring_ready(set.vq), ring->size);
	for (i = 0; i < ring->size; i++)
		CHECK_EQ(pop_next(i), i + 1 < ring->size ? set.vq->conf.buf_len : 7);
	CHECK_EQ(set.vq->free_count, ring->size);
	CHECK_EQ(ring_ready(set.vq), 0);
	if (!ring->packed) {
		split_device_set_used_idx(&set.rd->split, 2 * ring->size);
		CHECK_EQ(ring_ready(set.vq), -EPROTO);
	}
	restart_and_down();
}

/* As noise(), with IN_ORDER: buffers come back in the order given and no other. */
static void
noise_in_batches(const struct ring_conf *ring, uint16_t descs)
{
	const unsigned int n = RTE_MIN(ring->size / descs, 300);
	uint32_t state = 11 + ring->size;
	unsigned int next = 0;
	unsigned int popped = 0;
	unsigned int round, i;

	up_in_order(ring, n, descs);
	for (round = 0; round < 3000; round++) {
		const unsigned int entries = (state >> 24) % 4;
		int used;

		for (i = 0; i < entries; i++) {
			state = state * 1664525 + 1013904223;
			ring_device_use_raw(set.rd, (state & 0x300) == 0 ? state :
					    (state >> 10) % ring->size, state >> 3);
		}
		state = state * 1664525 + 1013904223;
		if (state >> 28 < 4 && !ring->packed)
			split_device_set_used_idx(&set.rd->split, set.vq->next_used.idx +
						  (state >> 8) % 8);
		/* In part, or to the end. */
		for (i = (state >> 16) % 32; i > 0 && (used = ring_ready(set.vq)) != 0; i--) {
			struct buffer *b;
			uint32_t len;

			b = used < 0 ? NULL : ring_get(set.vq, &len);
			if (b == NULL) {
				take_back_bad_entry();
				break;
			}
			CHECK(b == &set.buffers[next]);
			next = (next + 1) % n;
			b->returned++;
			popped++;
			if (ring->packed && descs > 1)
				set.rd->pack.descs[set.vq->order[set.vq->next_avail.pos]] = descs;
			ring_post(set.vq, b, descs, VRING_DESC_F_WRITE);
			ring_show(set.vq);
		}
		CHECK(set.vq->free_count <= ring->size);
	}
	CHECK(popped > n);
	restart_and_down();
}

static void
noise_in_batches_of_one_descriptor(const struct ring_conf *ring)
{
	noise_in_batches(ring, 1);
}

static void
noise_in_batches_of_chains(const struct ring_conf *ring)
{
	noise_in_batches(ring, 3);
}

static void
only_a_live_ring_breaks(void)
{
	struct fake_device *fake = fake_device_create(1, false);
	struct virtqueue *vq = ring_create(&fake->dev, 0, &(struct ring_conf){ .size = 256 });

	CHECK(!virtqueue_set_broken(vq, "a test"));
	CHECK_EQ(virtqueue_state(vq), VIRTQUEUE_READY);
	fake_device_run(fake, &vq, 1);
	fake->queue[0].answer = FAKE_NEVER;
	CHECK_EQ(virtqueue_stop(vq, SHORT_US), -ETIMEDOUT);
	CHECK(!virtqueue_set_broken(vq, "a test"));
	CHECK_EQ(test_logged("taken out of service"), 0);
	fake_answer_now(fake, 0);
	CHECK_EQ(virtqueue_stop(vq, PATIENCE_US), 0);
	CHECK(!virtqueue_set_broken(vq, "a test"));
	CHECK_EQ(virtqueue_state(vq), VIRTQUEUE_READY);
	ring_destroy(vq);
	fake_device_destroy(fake);
}

TEST_MAIN(
	TEST_EVERY_RING(id_out_of_range),
	TEST_EVERY_RING(id_twice),
	TEST_EVERY_RING(id_twice_in_a_burst),
	TEST_EVERY_RING(id_that_is_the_drivers),
	TEST_EVERY_RING(chain_id_twice),
	TEST_EVERY_RING(id_of_no_head),
	TEST_EVERY_RING(id_that_was_never_offered),
	TEST_EVERY_RING(length_is_handed_on),
	TEST_EVERY_SPLIT_RING(used_index_runs_ahead),
	TEST_EVERY_SPLIT_RING(used_index_runs_ahead_of_a_full_ring),
	TEST_EVERY_SPLIT_RING(used_index_goes_back),
	TEST_EVERY_SPLIT_RING(used_index_counts_buffers_and_not_descriptors),
	TEST_EVERY_PACKED_RING(flags_say_used_where_nothing_was_given),
	TEST_EVERY_PACKED_RING(flags_of_another_lap),
	TEST_EVERY_RING(what_the_driver_wrote_is_scribbled_over),
	TEST_EVERY_RING(noise),
	TEST_EVERY_RING(batch_by_id_out_of_range),
	TEST_EVERY_RING(batch_by_id_that_was_never_offered),
	TEST_EVERY_RING(batch_by_id_that_is_the_drivers),
	TEST_EVERY_RING(batch_and_one_of_it_again),
	TEST_EVERY_RING(batch_and_a_lie_in_a_burst),
	TEST_EVERY_RING(batch_that_is_scribbled_over),
	TEST_EVERY_SPLIT_RING(batch_beyond_the_used_index),
	TEST_EVERY_RING(batch_by_id_of_no_head),
	TEST_EVERY_RING(batch_of_all_and_more),
	TEST_EVERY_RING(noise_in_batches_of_one_descriptor),
	TEST_EVERY_RING(noise_in_batches_of_chains),
	TEST(only_a_live_ring_breaks),
)
