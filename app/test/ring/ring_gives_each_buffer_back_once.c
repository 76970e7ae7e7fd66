/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * Making rings, and taking them apart with nothing, one, almost all and all descriptors in use:
 * every buffer comes back once, the ring is as new, and no memory is lost.
 */

#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_malloc.h>
#include <rte_memory.h>
#include <rte_memzone.h>

#include "ring.h"

/* Brings the free list and the indices somewhere into a lap first, out of order. */
static void
go_round(struct virtqueue *vq, struct ring_device *rd, unsigned int n, bool chains)
{
	struct buffer b[5] = { 0 };
	struct device_chain chain;
	uint16_t head[RTE_DIM(b)];
	uint32_t len;
	unsigned int i;

	while (n-- > 0) {
		for (i = 0; i < RTE_DIM(b); i++)
			ring_post(vq, &b[i], chains ? 1 + i % 3 : 1, VRING_DESC_F_WRITE);
		ring_show(vq);
		for (i = 0; i < RTE_DIM(b); i++) {
			CHECK(ring_device_take(rd, &chain));
			head[i] = chain.head;
		}
		for (i = RTE_DIM(b); i-- > 0; )
			ring_device_use(rd, head[i], 0);
		CHECK(ring_ready(vq) > 0);
		for (i = RTE_DIM(b); i-- > 0; )
			CHECK(ring_get(vq, &len) == &b[i]);
	}
}

/* One life: so many laps, then so many buffers of so many descriptors, some of them used. */
static void
live(struct fake_device *fake, struct virtqueue *vq, unsigned int laps, unsigned int posted,
     uint16_t descs, unsigned int used, unsigned int popped)
{
	struct buffer *buffers = calloc(posted + 1, sizeof(*buffers));
	uint16_t *head = calloc(posted + 1, sizeof(*head));
	struct device_chain chain;
	struct ring_device *rd;
	unsigned int returned = 0;
	unsigned int i;
	uint32_t len;

	CHECK_EQ(virtqueue_start(vq, PATIENCE_US), 0);
	rd = fake_ring(fake, 0);
	go_round(vq, rd, laps, descs > 1);
	for (i = 0; i < posted; i++)
		ring_post(vq, &buffers[i], descs, VRING_DESC_F_WRITE);
	ring_show(vq);
	for (i = 0; used > 0 && i < posted; i++) {
		CHECK(ring_device_take(rd, &chain));
		head[i] = chain.head;
	}
	/* Last ones first, or every other one: what is left lies all over the ring. */
	for (i = 0; i < used; i++)
		ring_device_use(rd, head[used == posted ? posted - 1 - i : 2 * i], 0);
	for (i = 0; i < popped; i++) {
		struct buffer *b = ring_get(vq, &len);

		CHECK(b == &buffers[used == posted ? posted - 1 - i : 2 * i]);
		b->returned++;
	}
	fake_check(fake);
	CHECK_EQ(virtqueue_stop(vq, PATIENCE_US), 0);
	/* Used and not popped is not given up either: it is the owner's. */
	CHECK_EQ(virtqueue_reclaim(vq, ring_take_back, &returned), posted - popped);
	CHECK_EQ(returned, posted - popped);
	ring_check_returned(buffers, posted);
	ring_check_fresh(vq);
	/* Nothing is there a second time. */
	CHECK_EQ(virtqueue_reclaim(vq, ring_take_back, &returned), 0);
	CHECK_EQ(returned, posted - popped);
	free(head);
	free(buffers);
}

static void
every_life(const struct ring_conf *ring, uint16_t descs)
{
	const unsigned int n = ring->size / descs;
	const unsigned int fill[] = { 0, 1, n - 1, n };
	struct fake_device *fake = ring_device_for(ring);
	struct virtqueue *vq = ring_create(&fake->dev, 0, ring);
	unsigned int i, laps;

	fake_device_run(fake, NULL, 0);
	for (i = 0; i < RTE_DIM(fill); i++) {
		for (laps = 0; laps < 8; laps += 7) {
			live(fake, vq, laps, fill[i], descs, 0, 0);
			live(fake, vq, laps, fill[i], descs, fill[i], 0);
			live(fake, vq, laps, fill[i], descs, fill[i] / 2, fill[i] / 3);
			live(fake, vq, laps, fill[i], descs, fill[i], fill[i]);
		}
	}
	ring_destroy(vq);
	fake_device_destroy(fake);
}

static void
single_descriptors(const struct ring_conf *ring)
{
	every_life(ring, 1);
}

static void
chains(const struct ring_conf *ring)
{
	every_life(ring, 3);
}

static void
chain_of_the_whole_ring(const struct ring_conf *ring)
{
	struct fake_device *fake = ring_device_for(ring);
	struct virtqueue *vq = ring_create(&fake->dev, 0, ring);

	fake_device_run(fake, NULL, 0);
	live(fake, vq, 0, 1, RTE_MIN(ring->size, DEVICE_MAX_CHAIN), 1, 0);
	live(fake, vq, 0, 1, ring->size, 0, 0);
	ring_destroy(vq);
	fake_device_destroy(fake);
}

/* Posted and never published: the device cannot know of it, the owner gets it back as well. */
static void
posted_but_not_published(const struct ring_conf *ring)
{
	struct fake_device *fake = ring_device_for(ring);
	struct virtqueue *vq = ring_create(&fake->dev, 0, ring);
	struct buffer b[3] = { 0 };
	unsigned int i;

	for (i = 0; i < RTE_DIM(b); i++)
		ring_post(vq, &b[i], 1 + i, VRING_DESC_F_WRITE);
	CHECK_EQ(virtqueue_reclaim(vq, ring_take_back, NULL), RTE_DIM(b));
	ring_check_returned(b, RTE_DIM(b));
	ring_check_fresh(vq);
	ring_destroy(vq);
	fake_device_destroy(fake);
}

static void
new_ring_is_zero(const struct ring_conf *ring)
{
	struct fake_device *fake = ring_device_for(ring);
	struct virtqueue *vq = ring_create(&fake->dev, 0, ring);
	/* Memory of an earlier ring is used again. */
	struct virtqueue *other;

	memset(vq->desc, 0xa5, ring_device_desc_size(ring->size));
	ring_poison(vq);
	ring_destroy(vq);
	other = ring_create(&fake->dev, 0, ring);
	ring_check_fresh(other);
	CHECK_EQ(virtqueue_state(other), VIRTQUEUE_READY);
	CHECK(fake->dev.vqs[0] == NULL);
	ring_destroy(other);
	fake_device_destroy(fake);
}

/* The extra memory of each descriptor: there, zero, aligned, its own, and within the ring's. */
static void
slot_area(const struct ring_conf *ring)
{
	const struct virtqueue_conf conf = {
		.size = ring->size, .packed = ring->packed, .slot_area = 144, .node = SOCKET_ID_ANY
	};
	struct fake_device *fake = ring_device_for(ring);
	const uint8_t *end;
	struct virtqueue *vq;
	size_t i;

	CHECK_EQ(virtqueue_create(&fake->dev, 0, &conf, &vq), 0);
	end = (const uint8_t *)vq->memory->addr + vq->memory->len;
	CHECK_EQ((uintptr_t)vq->slot_area % 16, 0);
	CHECK(vq->slot_area >= ring_device_area(vq) +
	      ring_device_device_size(ring->size, ring->packed));
	CHECK(vq->slot_area + (size_t)ring->size * 144 <= end);
	memset(vq->slot_area, 0xa5, (size_t)ring->size * 144);
	CHECK_EQ(virtqueue_reclaim(vq, ring_take_back, NULL), 0);
	ring_check_fresh(vq);
	for (i = 0; i < (size_t)ring->size * 144; i++)
		CHECK_EQ(vq->slot_area[i], 0);
	CHECK_EQ(virtqueue_destroy(vq), 0);
	fake_device_destroy(fake);
}

static void
parts_are_aligned_and_apart(const struct ring_conf *ring)
{
	struct fake_device *fake = ring_device_for(ring);
	struct virtqueue *vq = ring_create(&fake->dev, 0, ring);
	uint8_t *desc = (uint8_t *)vq->desc;
	uint8_t *driver = ring_driver_area(vq);
	uint8_t *device = ring_device_area(vq);

	CHECK_EQ((uintptr_t)desc % 16, 0);
	CHECK_EQ((uintptr_t)driver % (ring->packed ? 4 : 2), 0);
	CHECK_EQ((uintptr_t)device % 4, 0);
	CHECK(desc + ring_device_desc_size(ring->size) <= driver);
	CHECK(driver + ring_device_driver_size(ring->size, ring->packed) <= device);
	CHECK(device + ring_device_device_size(ring->size, ring->packed) <=
	      (uint8_t *)vq->memory->addr + vq->memory->len);
	ring_destroy(vq);
	fake_device_destroy(fake);
}

static void
refuse(const uint16_t *bad, unsigned int n, bool packed, const char *right)
{
	struct fake_device *fake = fake_device_create(1, false);
	struct virtqueue *const untouched = (struct virtqueue *)&fake;
	struct virtqueue *vq = untouched;
	unsigned int i;

	for (i = 0; i < n; i++) {
		const struct virtqueue_conf conf = {
			.size = bad[i], .packed = packed, .node = SOCKET_ID_ANY
		};

		CHECK_EQ(virtqueue_create(&fake->dev, 0, &conf, &vq), -EINVAL);
		CHECK(vq == untouched);
		/* It says what would be right. */
		CHECK_EQ(test_logged(right), i + 1);
	}
	fake_device_destroy(fake);
}

static void
bad_sizes_are_refused(void)
{
	static const uint16_t split[] = { 0, 3, 24, 33, 255, 257, 1000, 32767, 32769, 65535 };
	static const uint16_t packed[] = { 0, 32769, 40000, 65535 };

	refuse(split, RTE_DIM(split), false, "a power of two up to 32768");
	refuse(packed, RTE_DIM(packed), true, "any size up to 32768");
}

/* A ring of the layout that was not negotiated is not set up, and stays the owner's. */
static void
other_layout_is_refused(const struct ring_conf *ring)
{
	const struct ring_conf other = { .packed = !ring->packed, .size = 256 };
	struct fake_device *fake = ring_device_for(ring);
	struct virtqueue *vq = ring_create(&fake->dev, 0, &other);

	fake_device_run(fake, NULL, 0);
	fake_forget_record(fake);
	CHECK_EQ(virtqueue_start(vq, PATIENCE_US), -EINVAL);
	CHECK_EQ(fake->nb_record, 0);
	CHECK_EQ(virtqueue_state(vq), VIRTQUEUE_READY);
	CHECK_EQ(test_logged("Set the queue up again"), 1);
	ring_destroy(vq);
	fake_device_destroy(fake);
}

static void
bad_index_is_refused(void)
{
	const struct virtqueue_conf conf = { .size = 256, .node = SOCKET_ID_ANY };
	struct fake_device *fake = fake_device_create(2, false);
	struct virtqueue *vq = NULL;

	CHECK_EQ(virtqueue_create(&fake->dev, 2, &conf, &vq), -EINVAL);
	CHECK_EQ(virtqueue_create(&fake->dev, UINT16_MAX, &conf, &vq), -EINVAL);
	CHECK(vq == NULL);
	CHECK_EQ(test_logged("the device has 2 rings only"), 2);
	fake_device_destroy(fake);
}

/* A new ring is made and filled while the old one of its index still runs. */
static void
new_ring_beside_the_old_one(const struct ring_conf *ring)
{
	struct fake_device *fake = ring_device_for(ring);
	struct virtqueue *old = ring_create(&fake->dev, 0, ring);
	struct virtqueue *heir;
	struct buffer b[2] = { 0 };

	ring_post(old, &b[0], 1, VRING_DESC_F_WRITE);
	ring_show(old);
	fake_device_run(fake, &old, 1);
	heir = ring_create(&fake->dev, 0, ring);
	ring_post(heir, &b[1], 1, VRING_DESC_F_WRITE);
	ring_show(heir);
	CHECK(heir->desc != old->desc);
	CHECK_EQ(virtqueue_state(old), VIRTQUEUE_LIVE);
	CHECK(fake->dev.vqs[0] == old);
	/* Not both at once. */
	CHECK_EQ(virtqueue_start(heir, PATIENCE_US), -EBUSY);
	CHECK_EQ(virtqueue_state(heir), VIRTQUEUE_READY);
	CHECK(fake->dev.vqs[0] == old);
	CHECK_EQ(virtqueue_stop(old, PATIENCE_US), 0);
	CHECK_EQ(virtqueue_start(heir, PATIENCE_US), 0);
	CHECK(fake->dev.vqs[0] == heir);
	CHECK_EQ(virtqueue_start(old, PATIENCE_US), -EBUSY);
	CHECK(fake->dev.vqs[0] == heir);
	ring_destroy(old);
	CHECK(fake->dev.vqs[0] == heir);
	CHECK_EQ(virtqueue_stop(heir, PATIENCE_US), 0);
	ring_destroy(heir);
	ring_check_returned(b, RTE_DIM(b));
	fake_device_destroy(fake);
}

/* Memory fails at every step of a creation in turn: none of the steps before is lost. */
static void
no_memory(void)
{
	enum { BLOCKS = 100000 };
	const struct virtqueue_conf conf = { .size = 256, .node = SOCKET_ID_ANY };
	struct fake_device *fake = fake_device_create(1, false);
	void **block = calloc(BLOCKS, sizeof(*block));
	struct virtqueue *vq = NULL;
	size_t size = 64 << 20;
	unsigned int refused = 0;
	unsigned int n = 0;
	int ret;

	while (size >= 64) {
		CHECK(n < BLOCKS);
		block[n] = rte_malloc(NULL, size, 0);
		if (block[n] != NULL)
			n++;
		else
			size /= 2;
	}
	for (;;) {
		const uint64_t before = test_heap_in_use();

		ret = virtqueue_create(&fake->dev, 0, &conf, &vq);
		if (ret == 0)
			break;
		CHECK_EQ(ret, -ENOMEM);
		CHECK_EQ(test_heap_in_use(), before);
		refused++;
		CHECK(n > 0);
		rte_free(block[--n]);
	}
	CHECK(refused > 2);
	CHECK(test_logged("no memory") > 2);
	ring_check_fresh(vq);
	ring_destroy(vq);
	while (n > 0)
		rte_free(block[--n]);
	free(block);
	fake_device_destroy(fake);
}

TEST_MAIN(
	TEST_EVERY_RING(single_descriptors),
	TEST_EVERY_RING(chains),
	TEST_EVERY_RING(chain_of_the_whole_ring),
	TEST_EVERY_RING(posted_but_not_published),
	TEST_EVERY_RING(new_ring_is_zero),
	TEST_EVERY_RING(slot_area),
	TEST_EVERY_RING(parts_are_aligned_and_apart),
	TEST_EVERY_RING(new_ring_beside_the_old_one),
	TEST_EVERY_RING(other_layout_is_refused),
	TEST(bad_sizes_are_refused),
	TEST(bad_index_is_refused),
	TEST(no_memory),
)
