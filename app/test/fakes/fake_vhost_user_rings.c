/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * The fake back-end's memory table and rings: what the messages about them change, and the rules
 * that they follow.
 */

#include <errno.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_common.h>

#include "fake_vhost_user_private.h"

#define HUGEPAGE ((size_t)2 << 20)

static void *
map_region(struct fake_vu *vu, uint64_t addr, uint64_t len, bool user)
{
	unsigned int i;

	for (i = 0; i < vu->nb_regions; i++) {
		const struct fake_vu_region *r = &vu->region[i];
		const uint64_t start = user ? r->user_addr : r->guest_addr;

		if (addr >= start && len <= r->size && addr - start <= r->size - len)
			return r->at + r->offset + (addr - start);
	}
	return NULL;
}

void *
fake_vu_map(void *arg, uint64_t addr, uint64_t len)
{
	return map_region(arg, addr, len, false);
}

void
fake_vu_unmap(struct fake_vu *vu)
{
	while (vu->nb_regions > 0) {
		vu->nb_regions--;
		munmap(vu->region[vu->nb_regions].at, vu->region[vu->nb_regions].mapped);
	}
}

void
fake_vu_close_ring(struct fake_vu_ring *ring)
{
	if (ring->open)
		ring_device_close(&ring->rd);
	ring->open = false;
}

/* Descriptors, what the driver writes and what the device writes; false: not mapped. */
static bool
find_parts(struct fake_vu *vu, const struct fake_vu_ring *ring, uint8_t *part[3])
{
	const bool packed = (vu->acked & VU_F_PACKED) != 0;

	part[0] = map_region(vu, ring->desc, ring_device_desc_size(ring->num), true);
	part[1] = map_region(vu, ring->avail, ring_device_driver_size(ring->num, packed), true);
	part[2] = map_region(vu, ring->used, ring_device_device_size(ring->num, packed), true);
	return part[0] != NULL && part[1] != NULL && part[2] != NULL;
}

/* The mapping has moved: where the ring is, not what it is doing. */
static void
find_ring(struct fake_vu *vu, struct fake_vu_ring *ring)
{
	uint8_t *part[3];

	if (!find_parts(vu, ring, part))
		fake_vu_breach(vu, "a ring that is served is not in the new memory");
	else
		ring_device_move(&ring->rd, part[0], part[1], part[2]);
}

/*
 * At an address that hugepages can have. Linux chooses such a one by itself, and qemu-user does
 * not.
 */
static void *
map_aligned(size_t len, int fd)
{
	const size_t whole = RTE_ALIGN_CEIL(len, HUGEPAGE);
	uint8_t *room, *at;
	void *map;

	room = mmap(NULL, whole + HUGEPAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		    -1, 0);
	if (room == MAP_FAILED)
		return MAP_FAILED;
	at = RTE_PTR_ALIGN_CEIL(room, HUGEPAGE);
	munmap(room, at - room);
	munmap(at + whole, room + HUGEPAGE - at);
	map = mmap(at, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE | MAP_FIXED, fd, 0);
	if (map == MAP_FAILED)
		munmap(at, whole);
	return map;
}

/* Adds a region of the payload to those that are mapped. */
static bool
map_file(struct fake_vu *vu, const uint8_t *at, int fd)
{
	struct fake_vu_region *r = &vu->region[vu->nb_regions];

	r->guest_addr = fake_vu_get64(at);
	r->size = fake_vu_get64(at + 8);
	r->user_addr = fake_vu_get64(at + 16);
	r->offset = fake_vu_get64(at + 24);
	r->mapped = r->size + r->offset;
	r->at = map_aligned(r->mapped, fd);
	if (r->at == MAP_FAILED) {
		fake_vu_breach(vu, "a region of memory cannot be mapped: %s", strerror(errno));
		return false;
	}
	vu->nb_regions++;
	return true;
}

static void
find_rings(struct fake_vu *vu)
{
	unsigned int i;

	for (i = 0; i < FAKE_VU_MAX_RINGS; i++) {
		if (vu->ring[i].open)
			find_ring(vu, &vu->ring[i]);
	}
}

static bool
add_region(struct fake_vu *vu, const struct fake_vu_message *m)
{
	const uint8_t *at = m->payload + 8;
	const uint64_t size = fake_vu_get64(at + 8);
	const uint64_t addr = fake_vu_get64(at + 16);
	unsigned int i;

	if (m->fds != 1)
		fake_vu_breach(vu, "ADD_MEM_REG with %u files", m->fds);
	if (vu->nb_regions >= vu->mem_slots || vu->nb_regions == FAKE_VU_MAX_REGIONS)
		fake_vu_breach(vu, "more regions than slots");
	for (i = 0; i < vu->nb_regions; i++) {
		const struct fake_vu_region *r = &vu->region[i];

		if (addr < r->user_addr + r->size && r->user_addr < addr + size)
			fake_vu_breach(vu, "a region overlaps one that is there");
	}
	if (vu->breach[0] != '\0' || vu->nb_regions >= vu->mem_limit)
		return false;
	return map_file(vu, at, m->fd[0]);
}

static bool
remove_region(struct fake_vu *vu, const struct fake_vu_message *m)
{
	const uint8_t *at = m->payload + 8;
	unsigned int i;

	if (m->fds != 0)
		fake_vu_breach(vu, "REM_MEM_REG with %u files", m->fds);
	for (i = 0; i < vu->nb_regions; i++) {
		struct fake_vu_region *r = &vu->region[i];

		if (r->guest_addr != fake_vu_get64(at) || r->size != fake_vu_get64(at + 8) ||
		    r->user_addr != fake_vu_get64(at + 16))
			continue;
		munmap(r->at, r->mapped);
		vu->nb_regions--;
		*r = vu->region[vu->nb_regions];
		/* A ring that is served must not be in what has gone. */
		find_rings(vu);
		return true;
	}
	fake_vu_breach(vu, "REM_MEM_REG of a region that is not there");
	return false;
}

bool
fake_vu_change_region(struct fake_vu *vu, const struct fake_vu_message *m)
{
	if (!(vu->protocol_acked & VU_P_MEM_SLOTS) || m->size != 40) {
		fake_vu_breach(vu, "a region of %" PRIu32 " bytes, or without its feature",
			       m->size);
		return false;
	}
	return m->request == VU_ADD_MEM_REG ? add_region(vu, m) : remove_region(vu, m);
}

void
fake_vu_map_table(struct fake_vu *vu, const struct fake_vu_message *m)
{
	const uint32_t n = fake_vu_get32(m->payload);
	uint32_t i;

	if (n == 0 || n > FAKE_VU_TABLE_REGIONS || m->fds != n || m->size != 8 + 32 * n) {
		fake_vu_breach(vu, "memory table of %" PRIu32 " regions, %u files, %" PRIu32
			       " bytes", n, m->fds, m->size);
		return;
	}
	if ((vu->protocol_acked & VU_P_MEM_SLOTS) && vu->mem_slots != 0 && n > vu->mem_slots)
		fake_vu_breach(vu, "memory table of more regions than slots");
	fake_vu_unmap(vu);
	for (i = 0; i < n; i++) {
		if (!map_file(vu, m->payload + 8 + 32 * i, m->fd[i]))
			return;
	}
	vu->tables++;
	find_rings(vu);
}

/* From here on the ring is served: it must be complete, and fresh. */
static void
open_ring(struct fake_vu *vu, unsigned int index)
{
	struct fake_vu_ring *ring = &vu->ring[index];
	const bool packed = (vu->acked & VU_F_PACKED) != 0;
	uint8_t *part[3];

	if (ring->open)
		return;
	if (!find_parts(vu, ring, part)) {
		fake_vu_breach(vu, "ring %u is not in the memory table", index);
		return;
	}
	/* Packed: both places 0, bits 15 and 31 are the wrap counters, which begin as 1 (2.8.1). */
	if (ring->base != (packed ? 0x80008000 : 0))
		fake_vu_breach(vu, "ring %u starts at 0x%" PRIx32, index, ring->base);
	if (!ring_device_area_is_zero(ring->num, packed, part[2]))
		fake_vu_breach(vu, "ring %u starts with a device area that is not zero", index);
	ring_device_map(&ring->rd, fake_vu_map, vu);
	ring_device_open(&ring->rd, ring->num, packed, part[0], part[1], part[2],
			 (vu->acked & VU_F_EVENT_IDX) != 0);
	ring->open = true;
}

static void
forget_setup(struct fake_vu_ring *ring)
{
	ring->has_num = false;
	ring->has_base = false;
	ring->has_addr = false;
	ring->has_call = false;
}

static void
take_fd(int *to, struct fake_vu_message *m)
{
	if (*to >= 0)
		close(*to);
	*to = m->fds > 0 ? m->fd[0] : -1;
	m->fds = 0;
}

static struct fake_vu_ring *
ring_of(struct fake_vu *vu, uint64_t index)
{
	if (index < FAKE_VU_MAX_RINGS && index < vu->queue_num * 2)
		return &vu->ring[index];
	fake_vu_breach(vu, "there is no ring %" PRIu64, index);
	return NULL;
}

bool
fake_vu_obey_ring(struct fake_vu *vu, struct fake_vu_message *m, uint64_t *value)
{
	const bool by_fd = m->request == VU_SET_VRING_KICK || m->request == VU_SET_VRING_CALL;
	const uint32_t index = by_fd ? fake_vu_get64(m->payload) & 0xff : fake_vu_get32(m->payload);
	const uint32_t num = fake_vu_get32(m->payload + 4);
	struct fake_vu_ring *ring = ring_of(vu, index);

	if (ring == NULL)
		return false;
	switch (m->request) {
	case VU_SET_VRING_NUM:
		if (ring->open && ring->enabled)
			fake_vu_breach(vu, "ring %" PRIu32 " is set up while it runs", index);
		fake_vu_close_ring(ring);
		ring->num = num;
		ring->has_num = true;
		break;
	case VU_SET_VRING_BASE:
		if (ring->open && ring->enabled)
			fake_vu_breach(vu, "ring %" PRIu32 " gets a base while it runs", index);
		/* It is looked for anew when it is enabled. */
		fake_vu_close_ring(ring);
		ring->base = num;
		ring->has_base = true;
		break;
	case VU_SET_VRING_ADDR:
		ring->desc = fake_vu_get64(m->payload + 8);
		ring->used = fake_vu_get64(m->payload + 16);
		ring->avail = fake_vu_get64(m->payload + 24);
		ring->has_addr = true;
		break;
	case VU_SET_VRING_CALL:
		take_fd(&ring->call_fd, m);
		ring->has_call = true;
		break;
	case VU_SET_VRING_KICK:
		take_fd(&ring->kick_fd, m);
		if (!ring->has_num || !ring->has_base || !ring->has_addr || !ring->has_call)
			fake_vu_breach(vu, "ring %" PRIu32 ": KICK before NUM, BASE, ADDR and CALL",
				       index);
		forget_setup(ring);
		ring->started = true;
		if (!(vu->features & VU_F_PROTOCOL))
			open_ring(vu, index);
		break;
	case VU_SET_VRING_ENABLE:
		if (!(vu->features & VU_F_PROTOCOL))
			fake_vu_breach(vu, "ENABLE without protocol features");
		if (num == 1 && !ring->started)
			fake_vu_breach(vu, "ring %" PRIu32 " is enabled before KICK", index);
		ring->enabled = num == 1;
		if (ring->enabled)
			open_ring(vu, index);
		break;
	case VU_GET_VRING_BASE:
		*value = (uint64_t)(ring->open ? ring_device_base(&ring->rd) : 0) << 32 | index;
		ring->started = false;
		ring->enabled = false;
		fake_vu_close_ring(ring);
		break;
	}
	return true;
}
