/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_memory.h>

#include "ring.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#endif
#endif
#ifdef ASAN_POISON_MEMORY_REGION
static const bool is_watched = true;
#else
static const bool is_watched = false;
#define ASAN_POISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#endif

struct fake_device *
ring_device_for(const struct ring_conf *ring)
{
	struct fake_device *fake = fake_device_create(1, ring->event_idx);

	if (ring->packed)
		fake->features |= VIRTIO_BIT(VIRTIO_F_RING_PACKED);
	return fake;
}

struct virtqueue *
ring_create(struct virtio_device *dev, uint16_t index, const struct ring_conf *ring)
{
	const struct virtqueue_conf conf = {
		.size = ring->size, .packed = ring->packed, .node = SOCKET_ID_ANY,
		.buf_len = sizeof(((struct buffer *)0)->data),
	};
	struct virtqueue *vq = NULL;

	CHECK_EQ(virtqueue_create(dev, index, &conf, &vq), 0);
	CHECK(vq != NULL);
	return vq;
}

void
ring_destroy(struct virtqueue *vq)
{
	CHECK(virtqueue_reclaim(vq, ring_take_back, NULL) >= 0);
	CHECK_EQ(virtqueue_destroy(vq), 0);
}

static void *
moved(const void *from, size_t size)
{
	void *to = malloc(size);

	memcpy(to, from, size);
	return to;
}

static void
gaps(struct virtqueue *vq, bool closed)
{
	const bool packed = vq->conf.packed;
	uint8_t *after_desc = (uint8_t *)vq->desc + ring_device_desc_size(vq->size);
	uint8_t *after_driver = ring_driver_area(vq) + ring_device_driver_size(vq->size, packed);
	uint8_t *after_device = ring_device_area(vq) + ring_device_device_size(vq->size, packed);
	const size_t hole = ring_driver_area(vq) - after_desc;
	const size_t gap = ring_device_area(vq) - after_driver;
	const size_t tail = vq->slot_area - after_device;

	if (closed) {
		ASAN_POISON_MEMORY_REGION(after_desc, hole);
		ASAN_POISON_MEMORY_REGION(after_driver, gap);
		ASAN_POISON_MEMORY_REGION(after_device, tail);
	} else {
		ASAN_UNPOISON_MEMORY_REGION(after_desc, hole);
		ASAN_UNPOISON_MEMORY_REGION(after_driver, gap);
		ASAN_UNPOISON_MEMORY_REGION(after_device, tail);
	}
}

void
ring_fence(struct virtqueue *vq, struct ring_fence *fence)
{
	if (!is_watched)
		return;
	*fence = (struct ring_fence){ vq->cookies, vq->order, vq->where, vq->links };
	vq->cookies = moved(fence->cookies, vq->size * sizeof(*vq->cookies));
	vq->order = moved(fence->order, vq->size * sizeof(*vq->order));
	vq->where = moved(fence->where, vq->size * sizeof(*vq->where));
	vq->links = moved(fence->links, vq->size * sizeof(*vq->links));
	gaps(vq, true);
}

static void
move_back(void *to, void *from, size_t size)
{
	memcpy(to, from, size);
	free(from);
}

void
ring_unfence(struct virtqueue *vq, struct ring_fence *fence)
{
	if (!is_watched)
		return;
	gaps(vq, false);
	move_back(fence->cookies, vq->cookies, vq->size * sizeof(*vq->cookies));
	move_back(fence->order, vq->order, vq->size * sizeof(*vq->order));
	move_back(fence->where, vq->where, vq->size * sizeof(*vq->where));
	move_back(fence->links, vq->links, vq->size * sizeof(*vq->links));
	vq->cookies = fence->cookies;
	vq->order = fence->order;
	vq->where = fence->where;
	vq->links = fence->links;
}

static __rte_always_inline void
post(struct virtqueue *vq, struct buffer *b, uint16_t descs, uint16_t flags, const bool packed)
{
	struct ring_chain chain;
	uint16_t i;

	if (descs == 1) {
		ring_push(vq, b, (uintptr_t)b->data, sizeof(b->data), flags, packed);
		return;
	}
	chain = ring_chain_begin(vq, descs);
	for (i = 0; i < descs; i++)
		ring_chain_add(vq, &chain, (uintptr_t)b->data, sizeof(b->data), flags, packed);
	ring_chain_end(vq, &chain, b, packed);
}

void
ring_post(struct virtqueue *vq, struct buffer *b, uint16_t descs, uint16_t flags)
{
	CHECK(vq->free_count >= descs);
	b->posted++;
	if (vq->conf.packed)
		post(vq, b, descs, flags, true);
	else
		post(vq, b, descs, flags, false);
}

void
ring_take_back(void *owner, void *cookie)
{
	struct buffer *b = cookie;
	unsigned int *count = owner;

	b->returned++;
	if (count != NULL)
		(*count)++;
}

void
ring_check_returned(const struct buffer *buffers, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (buffers[i].returned != buffers[i].posted)
			test_fail(__FILE__, __LINE__, "buffer %u: %u times posted, %u times back",
				  i, buffers[i].posted, buffers[i].returned);
	}
}

void
ring_poison(struct virtqueue *vq)
{
	ring_device_poison(vq->size, vq->conf.packed, vq->desc, ring_device_area(vq));
}

void
ring_check_fresh(const struct virtqueue *vq)
{
	const size_t driver_size = ring_device_driver_size(vq->size, vq->conf.packed);

	CHECK(ring_device_is_zero(vq->desc, ring_device_desc_size(vq->size)));
	CHECK(ring_device_is_zero(ring_driver_area(vq), driver_size));
	CHECK(ring_device_area_is_zero(vq->size, vq->conf.packed, ring_device_area(vq)));
	CHECK_EQ(vq->free_count, vq->size);
	CHECK_EQ(ring_ready(vq), 0);
}
