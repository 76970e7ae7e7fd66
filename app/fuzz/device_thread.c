/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <pthread.h>
#include <sched.h>
#include <string.h>

#include <rte_pause.h>

#include "device_thread.h"
#include "ring_device.h"
#include "test.h"
#include "virtqueue_order.h"
#include "virtio_spec.h"

enum { DEVICE_RESTS, DEVICE_IS_TO_RUN, DEVICE_RUNS, DEVICE_IS_TO_REST };

static struct device_thread_memory memory;
static uint16_t next[DEVICE_THREAD_RINGS]; /* packed: where the next used descriptor goes */
static uint64_t random_state;
/* Memory and seed are passed on by it, and the right to access them. */
static RTE_ATOMIC(int) state;

static uint32_t
random_below(uint32_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (random_state >> 32) % n;
}

/* Mostly of a frame, else anything. */
static uint32_t
some_length(void)
{
	return random_below(8) != 0 ? random_below(400) : random_below(UINT32_MAX);
}

/* ---- used entries ------------------------------------------------------------------------- */

/*
 * A field has one value and another in turn, so that two looks at it often differ. So much time has
 * a burst to come by.
 */
#define TURNS 65536

#define ALTERNATE(at, one, other) do { \
	const typeof(*(at)) values_[] = { one, other }; \
	unsigned int n_ = random_below(TURNS); \
	\
	while (n_-- > 0) \
		virtqueue_store_relaxed(at, values_[n_ % 2]); \
} while (0)

/* One more than a ring has, or none of it, or one of it. */
static uint32_t
some_id(void)
{
	return random_below(8) * 0x1000 + random_below(64);
}

/* A field of the header that precedes a frame, mostly, or of the frame. */
static void
change_buffer_of(uint64_t addr)
{
	const unsigned int field = random_below(random_below(4) != 0 ? 10 : 32);
	unsigned int i = 0;

	/* Descriptors may hold anything. Where there is no hash, the header begins later. */
	while (i < memory.nb_buffers && addr - (uintptr_t)memory.buffer[i] > 16)
		i++;
	if (i < memory.nb_buffers && (addr & 1) == 0)
		ALTERNATE((uint16_t *)(uintptr_t)addr + field, random_below(8),
			  random_below(4) != 0 ? random_below(64) : random_below(UINT16_MAX));
}

static void
change_split(const struct device_thread_ring *ring, uint16_t idx)
{
	struct vring_used *used = ring->device;
	struct vring_used_elem *entry = &used->ring[idx % ring->size];
	const struct vring_desc *desc = ring->desc;

	switch (random_below(4)) {
	case 0:
		ALTERNATE(&entry->id, entry->id, some_id());
		break;
	case 1:
		ALTERNATE(&entry->len, entry->len, some_length());
		break;
	case 2:
		ALTERNATE(&used->idx, idx, idx + random_below(2 * ring->size));
		break;
	default:
		change_buffer_of(desc[entry->id % ring->size].addr);
		break;
	}
}

static void
use_split(const struct device_thread_ring *ring)
{
	struct vring_used *used = ring->device;
	const struct vring_avail *avail = ring->driver;
	const uint16_t idx = virtqueue_load_relaxed(&used->idx);
	const uint16_t waiting = virtqueue_load_acquire(&avail->idx) - idx;
	struct vring_used_elem *entry = &used->ring[idx % ring->size];

	if (waiting == 0 || waiting > ring->size)
		return;
	virtqueue_store_relaxed(&entry->id,
				virtqueue_load_relaxed(&avail->ring[idx % ring->size]));
	virtqueue_store_relaxed(&entry->len, 60 + random_below(300));
	virtqueue_store_release(&used->idx, idx + 1);
	if (random_below(16) == 0)
		change_split(ring, idx);
}

/* addr: where its buffer is. */
static void
change_packed(struct vring_packed_desc *desc, uint64_t addr)
{
	switch (random_below(4)) {
	case 0:
		ALTERNATE(&desc->id, desc->id, some_id());
		break;
	case 1:
		ALTERNATE(&desc->len, desc->len, some_length());
		break;
	case 2:
		ALTERNATE(&desc->flags, desc->flags, random_below(UINT16_MAX));
		break;
	default:
		change_buffer_of(addr);
		break;
	}
}

/*
 * A descriptor is available where its two bits differ, and used where both are as the first was.
 * The thread does not count laps: after a restart it comes to the right place by chance.
 */
static void
use_packed(const struct device_thread_ring *ring, uint16_t *at)
{
	struct vring_packed_desc *desc = ring->desc;
	const uint16_t first = *at;
	uint16_t flags = virtqueue_load_acquire(&desc[first].flags);
	uint16_t last = first;
	uint16_t descs = 1;
	bool wrap;

	wrap = flags & VRING_PACKED_F_AVAIL;
	if (wrap == !!(flags & VRING_PACKED_F_USED)) {
		if (random_below(16) == 0)
			*at = random_below(ring->size);
		return;
	}
	while ((flags & VRING_DESC_F_NEXT) && descs++ < ring->size) {
		last = (last + 1) % ring->size;
		flags = virtqueue_load_relaxed(&desc[last].flags);
	}
	virtqueue_store_relaxed(&desc[first].id, virtqueue_load_relaxed(&desc[last].id));
	virtqueue_store_relaxed(&desc[first].len, 60 + random_below(300));
	virtqueue_store_release(&desc[first].flags,
				wrap ? VRING_PACKED_F_AVAIL | VRING_PACKED_F_USED : 0);
	*at = (last + 1) % ring->size;
	if (random_below(16) == 0)
		change_packed(&desc[first], desc[first].addr);
}

static void
change_any_byte(const struct device_thread_ring *ring)
{
	uint8_t *const part[] = { ring->desc, ring->driver, ring->device };
	const size_t sizes[] = {
		ring_device_desc_size(ring->size),
		ring_device_driver_size(ring->size, ring->packed),
		ring_device_device_size(ring->size, ring->packed),
	};
	const unsigned int which = random_below(3);

	virtqueue_store_relaxed(&part[which][random_below(sizes[which])], random_below(256));
}

static void
change_buffer(void)
{
	uint8_t *at = memory.buffer[random_below(memory.nb_buffers)];

	at += random_below(memory.buffer_size);
	virtqueue_store_relaxed(at, random_below(2) == 0 ? random_below(4) : random_below(256));
}

/* ---- the thread --------------------------------------------------------------------------- */

static void
act(void)
{
	const unsigned int index = random_below(DEVICE_THREAD_RINGS);
	const struct device_thread_ring *ring = &memory.ring[index];
	unsigned int n;

	if (ring->size == 0)
		return;
	n = random_below(1024);
	if (n == 0) {
		change_any_byte(ring);
	} else if (n < 512) {
		for (n = random_below(16); n > 0; n--)
			change_buffer();
	} else {
		for (n = random_below(16); n > 0; n--) {
			if (ring->packed)
				use_packed(ring, &next[index]);
			else
				use_split(ring);
		}
	}
	for (n = random_below(64); n > 0; n--)
		rte_pause();
}

static void *
run(void *arg __rte_unused)
{
	int now = DEVICE_RESTS;

	for (;;) {
		/* Once it is at rest the other thread may free the memory. */
		if (now == DEVICE_IS_TO_RUN)
			rte_atomic_store_explicit(&state, DEVICE_RUNS, rte_memory_order_relaxed);
		else if (now == DEVICE_IS_TO_REST)
			rte_atomic_store_explicit(&state, DEVICE_RESTS, rte_memory_order_release);
		else if (now == DEVICE_RUNS)
			act();
		else
			sched_yield();
		now = rte_atomic_load_explicit(&state, rte_memory_order_acquire);
	}
	return NULL;
}

static void
wait_for(int wanted)
{
	while (rte_atomic_load_explicit(&state, rte_memory_order_acquire) != wanted)
		sched_yield();
}

void
device_thread_begin(const struct device_thread_memory *m, uint64_t seed)
{
	static bool made;
	pthread_t thread;

	memory = *m;
	random_state = seed | 1;
	memset(next, 0, sizeof(next));
	if (!made)
		CHECK_EQ(pthread_create(&thread, NULL, run, NULL), 0);
	made = true;
	rte_atomic_store_explicit(&state, DEVICE_IS_TO_RUN, rte_memory_order_release);
	wait_for(DEVICE_RUNS);
}

void
device_thread_end(void)
{
	rte_atomic_store_explicit(&state, DEVICE_IS_TO_REST, rte_memory_order_release);
	wait_for(DEVICE_RESTS);
}
