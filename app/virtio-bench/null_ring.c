/* SPDX-License-Identifier: BSD-3-Clause */

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
packed_step(struct null_ring *ring)
{
	if (++ring->next == ring->size) {
		ring->next = 0;
		ring->wrap = !ring->wrap;
	}
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
		/* A chain is told by its last descriptor's id, in the place of its first. */
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

uint32_t
null_ring_turn(struct null_ring *ring, uint32_t n, const uint16_t *sizes, uint32_t n_sizes)
{
	if (unlikely(!atomic_load_explicit(&ring->live, memory_order_acquire)))
		return 0;
	return ring->packed ? packed_turn(ring, n, sizes, n_sizes) :
		split_turn(ring, n, sizes, n_sizes);
}
