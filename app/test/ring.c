/* SPDX-License-Identifier: BSD-3-Clause */

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
#ifndef ASAN_POISON_MEMORY_REGION
#define ASAN_POISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#endif

struct virtqueue *
ring_create(struct virtio_device *dev, uint16_t index, uint16_t size)
{
	const struct virtqueue_conf conf = { .size = size, .node = SOCKET_ID_ANY };
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
	uint8_t *after_avail = (uint8_t *)vq->avail + split_device_avail_size(vq->size);
	uint8_t *after_used = (uint8_t *)vq->used + split_device_used_size(vq->size);
	const size_t gap = (uint8_t *)vq->used - after_avail;
	const size_t tail = vq->slot_area - after_used;

	if (closed) {
		ASAN_POISON_MEMORY_REGION(after_avail, gap);
		ASAN_POISON_MEMORY_REGION(after_used, tail);
	} else {
		ASAN_UNPOISON_MEMORY_REGION(after_avail, gap);
		ASAN_UNPOISON_MEMORY_REGION(after_used, tail);
	}
}

void
ring_fence(struct virtqueue *vq, struct ring_fence *fence)
{
	*fence = (struct ring_fence){ vq->cookies, vq->order, vq->offered, vq->links };
	vq->cookies = moved(fence->cookies, vq->size * sizeof(*vq->cookies));
	vq->order = moved(fence->order, vq->size * sizeof(*vq->order));
	vq->offered = moved(fence->offered, vq->size * sizeof(*vq->offered));
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
	gaps(vq, false);
	move_back(fence->cookies, vq->cookies, vq->size * sizeof(*vq->cookies));
	move_back(fence->order, vq->order, vq->size * sizeof(*vq->order));
	move_back(fence->offered, vq->offered, vq->size * sizeof(*vq->offered));
	move_back(fence->links, vq->links, vq->size * sizeof(*vq->links));
	vq->cookies = fence->cookies;
	vq->order = fence->order;
	vq->offered = fence->offered;
	vq->links = fence->links;
}

void
ring_push(struct virtqueue *vq, struct buffer *b, uint16_t descs, uint16_t flags)
{
	struct vring_desc *desc = NULL;
	uint16_t head = 0;
	uint16_t last = 0;
	uint16_t i;

	CHECK(vq->free_count >= descs);
	b->posted++;
	if (descs == 1) {
		split_push(vq, b, (uintptr_t)b->data, sizeof(b->data), flags);
		return;
	}
	for (i = 0; i < descs; i++) {
		const uint16_t id = split_take(vq);

		if (i == 0) {
			head = id;
		} else {
			desc->flags |= VRING_DESC_F_NEXT;
			desc->next = id;
			vq->links[last].next = id;
		}
		desc = &vq->desc[id];
		desc->addr = (uintptr_t)b->data;
		desc->len = sizeof(b->data);
		desc->flags = flags;
		last = id;
	}
	vq->links[head].count = descs;
	vq->cookies[head] = b;
	split_offer(vq, head);
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
ring_check_fresh(const struct virtqueue *vq)
{
	const uint8_t *avail = (const uint8_t *)vq->avail;
	const uint8_t *desc = (const uint8_t *)vq->desc;
	size_t i;

	for (i = 0; i < split_device_desc_size(vq->size); i++)
		CHECK_EQ(desc[i], 0);
	/* The first 16 bits are flags: no interrupt is wanted. */
	CHECK_EQ(avail[0], 1);
	for (i = 1; i < split_device_avail_size(vq->size); i++)
		CHECK_EQ(avail[i], 0);
	CHECK(split_device_used_is_zero(vq->size, vq->used));
	CHECK_EQ(vq->free_count, vq->size);
	CHECK_EQ(split_used(vq), 0);
}
