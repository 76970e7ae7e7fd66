/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <string.h>

#include <rte_branch_prediction.h>

#include "null_ring.h"

/* Layouts of the specification: virtio 1.2, sections 2.7 and 2.8. */
#define DESC_F_NEXT 0x1u
#define DESC_F_WRITE 0x2u
#define PACKED_F_AVAIL 0x80u
#define PACKED_F_USED 0x8000u
#define SPLIT_NO_NOTIFY 0x1u
#define PACKED_EVENT_DISABLE 0x1u

struct split_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

struct split_avail {
	uint16_t flags;
	_Atomic uint16_t idx;
	uint16_t ring[];
};

struct split_used {
	uint16_t flags;
	_Atomic uint16_t idx;
	struct {
		uint32_t id;
		uint32_t len;
	} ring[];
};

struct packed_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t id;
	_Atomic uint16_t flags;
};

struct packed_event {
	uint16_t off_wrap;
	uint16_t flags;
};

/* virtio 1.2, section 5.1.6: the last field says how many buffers a packet is in. */
struct net_header {
	uint8_t flags, gso_type;
	uint16_t hdr_len, gso_size, csum_start, csum_offset, num_buffers;
};

void
null_ring_silence(struct null_ring *ring)
{
	if (ring->packed)
		((struct packed_event *)ring->device)->flags = PACKED_EVENT_DISABLE;
	else
		((struct split_used *)ring->device)->flags = SPLIT_NO_NOTIFY;
}

/* What is written about the i-th buffer: its used length. */
static uint32_t
fill(const struct null_ring *ring, uint64_t addr, const uint16_t *sizes, uint32_t n_sizes,
		uint32_t i)
{
	static const struct net_header header = { .num_buffers = 1 };

	if (sizes == NULL)
		return 0;
	memcpy((void *)(uintptr_t)addr, &header, ring->header);
	return ring->header + sizes[i % n_sizes];
}

void
null_ring_begin(struct null_ring *ring, uint16_t next, bool wrap)
{
	ring->next = next;
	ring->wrap = wrap;
	ring->used_next = next;
	ring->used_wrap = wrap;
	ring->exchanged = false;
	ring->random = 1;
	ring->n_held = 0;
}

static uint32_t
split_turn(struct null_ring *ring, uint32_t n, const uint16_t *sizes, uint32_t n_sizes)
{
	const struct split_desc *desc = ring->desc;
	struct split_avail *avail = ring->driver;
	struct split_used *used = ring->device;
	const uint16_t mask = ring->size - 1;
	uint16_t idx = atomic_load_explicit(&avail->idx, memory_order_acquire), slot, id;
	uint32_t i;

	for (i = 0; i < n && ring->next != idx; i++, ring->next++) {
		slot = ring->next & mask;
		id = avail->ring[slot];
		used->ring[slot].id = id;
		used->ring[slot].len = fill(ring, desc[id & mask].addr, sizes, n_sizes, i);
	}
	atomic_store_explicit(&used->idx, ring->next, memory_order_release);
	return i;
}

static bool
packed_is_available(const struct null_ring *ring, uint16_t flags)
{
	return ((flags & PACKED_F_AVAIL) != 0) == ring->wrap &&
		((flags & PACKED_F_USED) != 0) != ring->wrap;
}

static void
step(const struct null_ring *ring, uint16_t *at, bool *wrap)
{
	if (++*at == ring->size) {
		*at = 0;
		*wrap = !*wrap;
	}
}

static void
packed_step(struct null_ring *ring)
{
	step(ring, &ring->next, &ring->wrap);
}

static uint32_t
packed_turn(struct null_ring *ring, uint32_t n, const uint16_t *sizes, uint32_t n_sizes)
{
	struct packed_desc *desc = ring->desc, *head;
	uint16_t flags, used;
	uint32_t i;

	for (i = 0; i < n; i++) {
		head = &desc[ring->next];
		flags = atomic_load_explicit(&head->flags, memory_order_acquire);
		if (!packed_is_available(ring, flags))
			break;
		used = ring->wrap ? PACKED_F_AVAIL | PACKED_F_USED : 0;
		/* A chain is returned by its last descriptor's id, in the place of its first. */
		while (flags & DESC_F_NEXT) {
			packed_step(ring);
			flags = atomic_load_explicit(&desc[ring->next].flags, memory_order_relaxed);
		}
		head->id = desc[ring->next].id;
		head->len = fill(ring, head->addr, sizes, n_sizes, i);
		atomic_store_explicit(&head->flags, used | (sizes != NULL ? DESC_F_WRITE : 0),
			memory_order_release);
		packed_step(ring);
	}
	return i;
}

/* Everything that is available. */
static void
split_take(struct null_ring *ring)
{
	const struct split_desc *desc = ring->desc;
	struct split_avail *avail = ring->driver;
	const uint16_t mask = ring->size - 1;
	const uint16_t idx = atomic_load_explicit(&avail->idx, memory_order_acquire);

	for (; ring->next != idx && ring->n_held < ring->size; ring->next++) {
		const uint16_t id = avail->ring[ring->next & mask];

		ring->held[ring->n_held++] = (struct null_buffer) {
			.addr = desc[id & mask].addr, .id = id,
		};
	}
}

static void
packed_take(struct null_ring *ring)
{
	struct packed_desc *desc = ring->desc, *head;
	struct null_buffer *held;
	uint16_t flags;

	while (ring->n_held < ring->size) {
		head = &desc[ring->next];
		flags = atomic_load_explicit(&head->flags, memory_order_acquire);
		if (!packed_is_available(ring, flags))
			return;
		held = &ring->held[ring->n_held++];
		*held = (struct null_buffer) { .addr = head->addr, .descs = 1 };
		while (flags & DESC_F_NEXT) {
			packed_step(ring);
			flags = atomic_load_explicit(&desc[ring->next].flags, memory_order_relaxed);
			held->descs++;
		}
		held->id = desc[ring->next].id;
		packed_step(ring);
	}
}

/* Which of the buffers that are held is used as the i-th of a call. */
static uint16_t
choose(struct null_ring *ring, uint32_t i)
{
	switch (ring->order) {
	case NULL_ORDER_RANDOM:
		ring->random = ring->random * 1664525 + 1013904223;
		return (ring->random >> 8) % ring->n_held;
	case NULL_ORDER_ONCE:
		if (ring->exchanged)
			return 0;
		/* fallthrough */
	case NULL_ORDER_ONE:
		if (i > 0 || ring->n_held < 2)
			return 0;
		ring->exchanged = true;
		return 1;
	default:
		return 0;
	}
}

static void
split_use(struct null_ring *ring, const struct null_buffer *buffer, uint32_t len)
{
	struct split_used *used = ring->device;
	const uint16_t slot = ring->used_next++ & (ring->size - 1);

	used->ring[slot].id = buffer->id;
	used->ring[slot].len = len;
}

static void
packed_use(struct null_ring *ring, const struct null_buffer *buffer, uint32_t len)
{
	struct packed_desc *desc = (struct packed_desc *)ring->desc + ring->used_next;
	const uint16_t used = ring->used_wrap ? PACKED_F_AVAIL | PACKED_F_USED : 0;
	uint16_t i;

	desc->id = buffer->id;
	desc->len = len;
	atomic_store_explicit(&desc->flags, used | (len != 0 ? DESC_F_WRITE : 0),
		memory_order_release);
	for (i = 0; i < buffer->descs; i++)
		step(ring, &ring->used_next, &ring->used_wrap);
}

/* As null_ring_turn(), of what is held. */
static uint32_t
use_in_order(struct null_ring *ring, uint32_t n, const uint16_t *sizes, uint32_t n_sizes)
{
	struct null_buffer buffer;
	uint32_t i, len;
	uint16_t at, keep = 0;

	if (ring->packed)
		packed_take(ring);
	else
		split_take(ring);
	/* A device that sends all that it has would mix no more than one burst. */
	if (ring->order == NULL_ORDER_RANDOM && n > ring->size)
		keep = ring->size / 2;
	for (i = 0; i < n && ring->n_held > keep; i++) {
		at = choose(ring, i);
		buffer = ring->held[at];
		ring->n_held--;
		memmove(&ring->held[at], &ring->held[at + 1],
			(ring->n_held - at) * sizeof(buffer));
		len = fill(ring, buffer.addr, sizes, n_sizes, i);
		if (ring->packed)
			packed_use(ring, &buffer, len);
		else
			split_use(ring, &buffer, len);
	}
	if (!ring->packed)
		atomic_store_explicit(&((struct split_used *)ring->device)->idx, ring->used_next,
			memory_order_release);
	return i;
}

uint32_t
null_ring_turn(struct null_ring *ring, uint32_t n, const uint16_t *sizes, uint32_t n_sizes)
{
	if (unlikely(!atomic_load_explicit(&ring->live, memory_order_acquire)))
		return 0;
	if (ring->order != NULL_ORDER_TURN)
		return use_in_order(ring, n, sizes, n_sizes);
	return ring->packed ? packed_turn(ring, n, sizes, n_sizes) :
		split_turn(ring, n, sizes, n_sizes);
}
