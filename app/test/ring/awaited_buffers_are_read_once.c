/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * A frame of many buffers may be used in parts, and each poll asks whether all of it is there. Of a
 * packed ring only the entries tell. Here the pages of those that were seen used are taken away, so
 * that a poll which reads one of them again ends the program.
 */

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_common.h>

#include "ring.h"

#define SIZE VIRTIO_SPLIT_RING_MAX

static const struct ring_conf ring = { .packed = true, .size = SIZE };

static struct fake_device *fake;
static struct virtqueue *vq;
static struct buffer *buffers;

static void
up(void)
{
	unsigned int i;

	fake = ring_device_for(&ring);
	vq = ring_create(&fake->dev, 0, &ring);
	buffers = calloc(SIZE, sizeof(*buffers));
	for (i = 0; i < SIZE; i++)
		ring_post(vq, &buffers[i], 1, VRING_DESC_F_WRITE);
	ring_show(vq);
}

static void
down(void)
{
	ring_destroy(vq);
	fake_device_destroy(fake);
	free(buffers);
}

/* The device uses the buffers at the places `first` to `end` - 1 in the first lap. */
static void
use(unsigned int first, unsigned int end)
{
	unsigned int i;

	for (i = first; i < end; i++) {
		vq->ring[i].id = i;
		vq->ring[i].len = 64;
		vq->ring[i].flags = VRING_PACKED_F_AVAIL | VRING_PACKED_F_USED;
	}
}

/* One poll that waits for a frame of n buffers. */
static bool
poll_finds(uint16_t n)
{
	struct ring_cursor cur;
	bool has;

	CHECK_EQ(ring_begin(vq, &cur, true), 0);
	has = ring_has(vq, &cur, n, true);
	ring_commit(vq, &cur);
	return has;
}

/* Of the pages with the places first to end - 1, those that have no others. */
static void
protect(unsigned int first, unsigned int end, int protection)
{
	const size_t page = sysconf(_SC_PAGESIZE);
	uint8_t *from = RTE_PTR_ALIGN_CEIL((uint8_t *)&vq->ring[first], page);
	uint8_t *to = RTE_PTR_ALIGN_FLOOR((uint8_t *)&vq->ring[end], page);

	CHECK(to > from);
	CHECK_EQ(mprotect(from, to - from, protection), 0);
}

static void
entries_seen_are_not_read_by_the_next_poll(void)
{
	const unsigned int n = 32000;

	up();
	use(0, n - 2);
	CHECK(!poll_finds(n));
	protect(0, n - 3, PROT_NONE);
	CHECK(!poll_finds(n));
	use(n - 2, n - 1);
	CHECK(!poll_finds(n));
	use(n - 1, n);
	CHECK(poll_finds(n));
	protect(0, n - 3, PROT_READ | PROT_WRITE);
	down();
}

static void
buffers_taken_are_not_counted_again(void)
{
	const unsigned int n = 1000, taken = 300;
	unsigned int i;
	uint32_t len;

	up();
	use(0, n);
	CHECK(!poll_finds(n + 1));
	for (i = 0; i < taken; i++)
		CHECK(ring_get(vq, &len) == &buffers[i]);
	CHECK(!poll_finds(n - taken + 1));
	CHECK(poll_finds(n - taken));
	/* By the function of the plain way too. */
	ring_took(vq, taken, false, true);
	CHECK(!poll_finds(n - 2 * taken + 1));
	CHECK(poll_finds(n - 2 * taken));
	down();
}

static void
entries_of_an_earlier_life_are_forgotten(void)
{
	unsigned int i;

	up();
	use(0, 100);
	CHECK(!poll_finds(101));
	CHECK_EQ(virtqueue_reclaim(vq, ring_take_back, NULL), SIZE);
	for (i = 0; i < SIZE; i++)
		ring_post(vq, &buffers[i], 1, VRING_DESC_F_WRITE);
	ring_show(vq);
	use(0, 1);
	CHECK(poll_finds(1));
	CHECK(!poll_finds(2));
	down();
}

TEST_MAIN(
	TEST(entries_seen_are_not_read_by_the_next_poll),
	TEST(buffers_taken_are_not_counted_again),
	TEST(entries_of_an_earlier_life_are_forgotten),
)
