/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * The indices of a ring run over 16 bits and the ring is shorter: whatever the two turn over at,
 * and in whatever order the device gives buffers back, or how many at once, each comes back as what
 * it was.
 */

#include <stdlib.h>
#include <string.h>

#include <rte_common.h>

#include "ring.h"

/* Three turns of the 16-bit indices. */
#define BUFFERS 200000

/* How the device gives buffers back. */
enum how {
	IN_ORDER,
	IN_ANY_ORDER,
	IN_BATCHES, /* in order, and IN_ORDER is negotiated: several with one entry */
};

struct seen {
	uint16_t head;
	uint32_t len;
	struct buffer *b;
};

/* Numbers that only have to be mixed, and the same in every run. */
static uint32_t
mixed(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

static void
shuffle(struct seen *s, uint32_t n, uint32_t *state)
{
	for (; n > 1; n--) {
		const uint32_t other = mixed(state) % n;
		const struct seen last = s[n - 1];

		s[n - 1] = s[other];
		s[other] = last;
	}
}

/* The device takes all that is offered and checks that it is what was posted, in that order. */
static uint32_t
device_takes(struct ring_device *rd, struct buffer *const *posted, const uint16_t *descs,
	     struct seen *taken)
{
	struct device_chain chain;
	uint32_t n = 0;
	uint16_t i;

	while (ring_device_take(rd, &chain)) {
		CHECK_EQ(chain.n, descs[n]);
		for (i = 0; i < chain.n; i++) {
			CHECK(chain.part[i].at == posted[n]->data);
			CHECK_EQ(chain.part[i].len, sizeof(posted[n]->data));
			CHECK(chain.part[i].writable);
		}
		taken[n] = (struct seen){ chain.head, posted[n]->number % 1000, posted[n] };
		n++;
	}
	return n;
}

/* As a data path does it: descriptors and cookies of all, then the indices once. */
static void
push_burst(struct virtqueue *vq, struct buffer *const *posted, uint32_t n)
{
	const bool packed = vq->conf.packed;
	uint32_t i = 0;

	while (i < n) {
		const struct ring_view view = ring_view(vq, packed);
		const uint16_t run = ring_free_run(&view, n - i);
		uint16_t k;

		for (k = 0; k < run; k++, i++) {
			ring_place(&view, k, posted[i], (uintptr_t)posted[i]->data,
				   sizeof(posted[i]->data), VRING_DESC_F_WRITE, packed);
			posted[i]->posted++;
		}
		ring_pushed(vq, run, packed);
	}
}

static void
check_seen(const struct virtqueue *vq, int head, uint32_t len, const struct seen *taken)
{
	CHECK_EQ(head, taken->head);
	CHECK_EQ(len, taken->len);
	CHECK(vq->cookies[head] == taken->b);
	taken->b->returned++;
}

/* As a data path does it: what is expected at once, what is not with care. */
static void
pop_burst(struct virtqueue *vq, const struct seen *taken, uint32_t n)
{
	const bool packed = vq->conf.packed;
	const struct ring_view view = ring_view(vq, packed);
	/* With IN_ORDER there may be no entry to look at, from the first batch on. */
	const uint16_t run = vq->in_order ? 0 : ring_used_run(&view, n, packed);
	struct ring_cursor cur;
	uint32_t plain, i;

	CHECK(ring_used_hint(vq, n, packed) >= (n > 0));
	for (plain = 0; plain < run; plain++) {
		uint32_t len;
		const int head = ring_expect(&view, plain, &len, packed);

		if (head < 0)
			break;
		check_seen(vq, head, len, &taken[plain]);
	}
	ring_took(vq, plain, true, packed);
	CHECK_EQ(ring_begin(vq, &cur, packed), 0);
	for (i = plain; i < n; i++) {
		uint32_t len = 0;
		const int head = ring_next(vq, &cur, &len, packed);

		check_seen(vq, head, len, &taken[i]);
	}
	ring_commit(vq, &cur);
}

static void
pop_each(struct virtqueue *vq, const struct seen *taken, uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n; i++) {
		uint32_t len;
		struct buffer *b = ring_get(vq, &len);

		CHECK(b == taken[i].b);
		CHECK_EQ(len, taken[i].len);
		b->returned++;
	}
}

static uint32_t
use_one(struct ring_device *rd, const struct seen *taken)
{
	ring_device_use(rd, taken->head, taken->len);
	return 1;
}

/* Gives a batch back; all but the last of it count as full. How many it was. */
static uint32_t
use_batch(struct ring_device *rd, struct seen *taken, uint32_t n, uint32_t *random)
{
	uint16_t heads[16];
	uint32_t i;

	n = RTE_MIN(n, 1 + mixed(random) % RTE_DIM(heads));
	for (i = 0; i < n; i++) {
		heads[i] = taken[i].head;
		if (i + 1 < n)
			taken[i].len = sizeof(taken[i].b->data);
	}
	ring_device_use_batch(rd, heads, n, taken[n - 1].len);
	return n;
}

/*
 * Posts as many as fit, of 1 to max_descs descriptors (0: of one, in bursts), has the device use
 * all or a part of what it has, and takes those back; round after round.
 */
static void
run(const struct ring_conf *ring, uint16_t max_descs, enum how how)
{
	struct fake_device *fake = ring_device_for(ring);
	struct virtqueue *vq = ring_create(&fake->dev, 0, ring);
	struct buffer **posted = calloc(ring->size, sizeof(*posted));
	uint16_t *descs = calloc(ring->size, sizeof(*descs));
	struct buffer *buffers = calloc(ring->size, sizeof(*buffers));
	struct seen *taken = calloc(ring->size, sizeof(*taken));
	void (*const pop)(struct virtqueue *vq, const struct seen *taken, uint32_t n) =
		max_descs == 0 ? pop_burst : pop_each;
	struct ring_fence fence;
	struct ring_device *rd;
	uint32_t random = 1;
	uint32_t done = 0;
	uint32_t held = 0;
	uint32_t free_buffer = 0;

	if (how == IN_BATCHES)
		fake->features |= VIRTIO_BIT(VIRTIO_F_IN_ORDER);
	fake_device_run(fake, &vq, 1);
	CHECK_EQ(vq->in_order, how == IN_BATCHES);
	rd = fake_ring(fake, 0);
	ring_fence(vq, &fence);
	while (done < BUFFERS) {
		uint32_t n = 0;
		uint32_t first, used, i;
		/* A burst, or all that fits. */
		const uint32_t burst = mixed(&random) % 4 == 0 ? ring->size :
				       1 + mixed(&random) % 64;

		while (n < burst && held + n < ring->size) {
			const uint16_t d = max_descs <= 1 ? 1 : 1 + mixed(&random) % max_descs;

			if (vq->free_count < (max_descs == 0 ? n + 1 : d))
				break;
			/* Not the one chosen last: in a burst that is not posted yet. */
			do
				free_buffer = (free_buffer + 1) % ring->size;
			while (buffers[free_buffer].posted != buffers[free_buffer].returned);
			posted[n] = &buffers[free_buffer];
			posted[n]->number = done + n;
			descs[n] = d;
			if (max_descs > 0)
				ring_post(vq, posted[n], d, VRING_DESC_F_WRITE);
			n++;
		}
		if (max_descs == 0)
			push_burst(vq, posted, n);
		ring_show(vq);
		CHECK_EQ(device_takes(rd, posted, descs, taken + held), n);
		CHECK(ring_device_breach(rd)[0] == '\0');
		held += n;

		used = mixed(&random) % 2 == 0 ? held : mixed(&random) % (held + 1);
		if (how == IN_ANY_ORDER)
			shuffle(taken, held, &random);
		for (i = 0; i < used; )
			i += how == IN_BATCHES ? use_batch(rd, taken + i, used - i, &random) :
						 use_one(rd, taken + i);
		/* A packed ring counts the descriptors of chains. */
		CHECK_EQ(ring_ready(vq), !ring->packed || vq->chains == 0 ? used :
			 virtqueue_used_descs(vq));
		CHECK_EQ(ring_ready(vq) > 0, used > 0);
		/* Batches are not taken as they were given. */
		first = how == IN_BATCHES ? mixed(&random) % (used + 1) : used;
		pop(vq, taken, first);
		pop(vq, taken + first, used - first);
		CHECK_EQ(ring_ready(vq), 0);
		held -= used;
		memmove(taken, taken + used, held * sizeof(*taken));
		done += used;
		if (held == 0)
			CHECK_EQ(vq->free_count, ring->size);
	}
	ring_unfence(vq, &fence);
	CHECK_EQ(virtqueue_stop(vq, PATIENCE_US), 0);
	CHECK_EQ(virtqueue_reclaim(vq, ring_take_back, NULL), held);
	ring_check_returned(buffers, ring->size);
	ring_check_fresh(vq);
	ring_destroy(vq);
	fake_device_destroy(fake);
	free(posted);
	free(descs);
	free(buffers);
	free(taken);
}

static void
one_descriptor_in_order(const struct ring_conf *ring)
{
	run(ring, 1, IN_ORDER);
}

static void
one_descriptor_in_any_order(const struct ring_conf *ring)
{
	run(ring, 1, IN_ANY_ORDER);
}

static void
chains_in_order(const struct ring_conf *ring)
{
	run(ring, 5, IN_ORDER);
}

static void
chains_in_any_order(const struct ring_conf *ring)
{
	run(ring, 17, IN_ANY_ORDER);
}

static void
bursts_in_order(const struct ring_conf *ring)
{
	run(ring, 0, IN_ORDER);
}

static void
bursts_in_any_order(const struct ring_conf *ring)
{
	run(ring, 0, IN_ANY_ORDER);
}

static void
bursts_in_batches(const struct ring_conf *ring)
{
	run(ring, 0, IN_BATCHES);
}

static void
one_descriptor_in_batches(const struct ring_conf *ring)
{
	run(ring, 1, IN_BATCHES);
}

static void
chains_in_batches(const struct ring_conf *ring)
{
	run(ring, 5, IN_BATCHES);
}

TEST_MAIN(
	TEST_EVERY_RING(bursts_in_order),
	TEST_EVERY_RING(bursts_in_any_order),
	TEST_EVERY_RING(one_descriptor_in_order),
	TEST_EVERY_RING(one_descriptor_in_any_order),
	TEST_EVERY_RING(chains_in_order),
	TEST_EVERY_RING(chains_in_any_order),
	TEST_EVERY_RING(bursts_in_batches),
	TEST_EVERY_RING(one_descriptor_in_batches),
	TEST_EVERY_RING(chains_in_batches),
)
