/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_eal_memconfig.h>
#include <rte_errno.h>
#include <rte_memory.h>

#include "vhost_vdpa_ioctl.h"
#include "vhost_vdpa_mem.h"
#include "virtio_log.h"

#define MEM_EVENT_NAME "virtio_vhost_vdpa"

struct vhost_vdpa_range {
	uint64_t addr;
	uint64_t len;
};

/* ---- lists -------------------------------------------------------------------------------- */

/* By the C library: a memory event comes with locks of EAL's heap held. */
static int
make_room(struct vhost_vdpa_ranges *list)
{
	const uint32_t room = list->room == 0 ? 64 : 2 * list->room;
	struct vhost_vdpa_range *range;

	if (list->count < list->room)
		return 0;
	range = realloc(list->range, room * sizeof(*range));
	if (range == NULL)
		return -ENOMEM;
	list->range = range;
	list->room = room;
	return 0;
}

/* There is room. */
static void
append(struct vhost_vdpa_ranges *list, uint64_t addr, uint64_t len)
{
	list->range[list->count++] = (struct vhost_vdpa_range){ addr, len };
}

static bool
overlaps(const struct vhost_vdpa_range *range, uint64_t addr, uint64_t len)
{
	return addr < range->addr + range->len && range->addr < addr + len;
}

static const struct vhost_vdpa_range *
find(const struct vhost_vdpa_ranges *list, uint64_t addr, uint64_t len)
{
	uint32_t i;

	for (i = 0; i < list->count; i++) {
		if (overlaps(&list->range[i], addr, len))
			return &list->range[i];
	}
	return NULL;
}

/* All that overlap. */
static void
forget(struct vhost_vdpa_ranges *list, uint64_t addr, uint64_t len)
{
	uint32_t i = 0;

	while (i < list->count) {
		if (overlaps(&list->range[i], addr, len))
			list->range[i] = list->range[--list->count];
		else
			i++;
	}
}

static bool
covers(const struct vhost_vdpa_ranges *list, uint64_t addr, uint64_t len)
{
	const uint64_t end = addr + len;

	while (addr < end) {
		const struct vhost_vdpa_range *range = find(list, addr, 1);

		if (range == NULL)
			return false;
		addr = range->addr + range->len;
	}
	return true;
}

/* ---- mappings ----------------------------------------------------------------------------- */

static int
begin(struct vhost_vdpa_mem *mem)
{
	return mem->batch ? vhost_vdpa_batch(mem->fd, true) : 0;
}

static int
end(struct vhost_vdpa_mem *mem)
{
	return mem->batch ? vhost_vdpa_batch(mem->fd, false) : 0;
}

static int
check_range(const struct vhost_vdpa_mem *mem, uint64_t addr, uint64_t len)
{
	if (addr >= mem->first && addr + len - 1 <= mem->last)
		return 0;
	VIRTIO_LOG(ERR, "%s: the device can access the addresses 0x%" PRIx64 " to 0x%" PRIx64
		   " only, and there is memory at 0x%" PRIx64 ". Run EAL with --base-virtaddr= "
		   "and an address in between, or with less memory.", mem->name, mem->first,
		   mem->last, addr);
	return -ERANGE;
}

static int
map(struct vhost_vdpa_mem *mem, uint64_t addr, uint64_t len)
{
	int ret;

	ret = check_range(mem, addr, len);
	if (ret == 0)
		ret = make_room(&mem->mapped);
	if (ret != 0)
		return ret;
	ret = vhost_vdpa_map(mem->fd, addr, len);
	if (ret == 0) {
		append(&mem->mapped, addr, len);
		return 0;
	}
	/* The kernel has one error for all reasons. */
	VIRTIO_LOG(ERR, "%s: the kernel does not map %" PRIu64 " bytes of memory at 0x%" PRIx64
		   " for the device: %s. Raise the limit of locked memory (ulimit -l), or run EAL "
		   "with less memory.", mem->name, len, addr, rte_strerror(-ret));
	return ret;
}

static int
map_pages(struct vhost_vdpa_mem *mem, uint64_t addr, uint64_t len, uint64_t page)
{
	uint64_t at;
	int ret = 0;

	for (at = addr; ret == 0 && at < addr + len; at += page)
		ret = map(mem, at, RTE_MIN(page, addr + len - at));
	return ret;
}

/* A walk over EAL's memory, with the piece that grows while its neighbours stay as well. */
struct walk {
	struct vhost_vdpa_mem *mem;
	struct vhost_vdpa_range piece;
};

static int
map_piece(struct walk *walk)
{
	const struct vhost_vdpa_range piece = walk->piece;

	walk->piece.len = 0;
	return piece.len == 0 ? 0 : map(walk->mem, piece.addr, piece.len);
}

static int
map_segment(const struct rte_memseg_list *msl, const struct rte_memseg *ms, void *arg)
{
	struct walk *walk = arg;
	const bool stays = !walk->mem->events || (ms->flags & RTE_MEMSEG_FLAG_DO_NOT_FREE);
	int ret;

	/* Memory that is only registered waits for rte_dev_dma_map(). */
	if (msl->external && !msl->heap)
		return 0;
	if (stays && walk->piece.len > 0 && walk->piece.addr + walk->piece.len == ms->addr_64) {
		walk->piece.len += ms->len;
		return 0;
	}
	ret = map_piece(walk);
	if (ret == 0)
		walk->piece = (struct vhost_vdpa_range){ ms->addr_64, ms->len };
	return ret != 0 || stays ? ret : map_piece(walk);
}

/*
 * EAL's memory lock is held. What the kernel does not unmap stays in the list: it is tried again
 * before memory is mapped the next time, since the kernel refuses to map what it has.
 */
static int
unmap_all_locked(struct vhost_vdpa_mem *mem)
{
	struct vhost_vdpa_ranges *list = &mem->mapped;
	uint32_t i = 0;
	int first;
	int ret;

	mem->is_mapped = false;
	mem->is_stale = false;
	if (list->count == 0)
		return 0;
	first = begin(mem);
	while (i < list->count) {
		ret = vhost_vdpa_unmap(mem->fd, list->range[i].addr, list->range[i].len);
		if (first == 0)
			first = ret;
		if (ret == 0)
			list->range[i] = list->range[--list->count];
		else
			i++;
	}
	ret = end(mem);
	mem->is_stale = list->count > 0;
	return first != 0 ? first : ret;
}

static int
map_all_locked(struct vhost_vdpa_mem *mem)
{
	struct walk walk = { .mem = mem };
	uint32_t i;
	int last;
	int ret;

	ret = begin(mem);
	if (ret != 0)
		return ret;
	ret = rte_memseg_walk_thread_unsafe(map_segment, &walk);
	if (ret == 0)
		ret = map_piece(&walk);
	for (i = 0; ret == 0 && i < mem->attached.count; i++)
		ret = map(mem, mem->attached.range[i].addr, mem->attached.range[i].len);
	last = end(mem);
	return ret != 0 ? ret : last;
}

int
vhost_vdpa_mem_map_all(struct vhost_vdpa_mem *mem)
{
	int ret = 0;

	rte_mcfg_mem_read_lock();
	/* The kernel refuses to map what it has, even where the device has forgotten it. */
	if (mem->is_stale)
		ret = unmap_all_locked(mem);
	if (ret == 0 && !mem->is_mapped) {
		ret = map_all_locked(mem);
		if (ret == 0)
			mem->is_mapped = true;
		else
			unmap_all_locked(mem);
	}
	rte_mcfg_mem_read_unlock();
	return ret;
}

void
vhost_vdpa_mem_expire(struct vhost_vdpa_mem *mem)
{
	rte_mcfg_mem_read_lock();
	mem->is_stale |= mem->is_mapped;
	rte_mcfg_mem_read_unlock();
}

void
vhost_vdpa_mem_set_fd(struct vhost_vdpa_mem *mem, int fd)
{
	rte_mcfg_mem_read_lock();
	mem->fd = fd;
	mem->mapped.count = 0;
	mem->is_mapped = false;
	mem->is_stale = false;
	rte_mcfg_mem_read_unlock();
}

/* ---- memory events ------------------------------------------------------------------------ */

/* All mappings that overlap; they stay in the list where the kernel does not unmap them. */
static int
unmap(struct vhost_vdpa_mem *mem, uint64_t addr, uint64_t len)
{
	int ret = 0;

	if (find(&mem->mapped, addr, len) != NULL)
		ret = vhost_vdpa_unmap(mem->fd, addr, len);
	if (ret == 0)
		forget(&mem->mapped, addr, len);
	return ret;
}

/* EAL's memory lock is held for writing. Rings are left as they are. */
static void
mem_event(enum rte_mem_event type, const void *addr, size_t len, void *arg)
{
	struct vhost_vdpa_mem *mem = arg;
	const uint64_t at = (uintptr_t)addr;
	const struct rte_memseg_list *msl;
	int ret;

	/* Also of a mapping that was given up and that the kernel did not unmap then. */
	if (type == RTE_MEM_EVENT_FREE) {
		mem->is_stale |= unmap(mem, at, len) != 0;
		return;
	}
	if (!mem->is_mapped)
		return;
	msl = rte_mem_virt2memseg_list(addr);
	ret = begin(mem);
	/* What was there before, if it could not be unmapped. */
	if (ret == 0)
		ret = unmap(mem, at, len);
	if (ret == 0)
		ret = map_pages(mem, at, len, msl == NULL ? len : msl->page_sz);
	if (ret == 0)
		ret = end(mem);
	else
		end(mem);
	if (ret == 0)
		return;
	mem->is_stale = true;
	VIRTIO_LOG(ERR, "%s: the device cannot access new memory at %p. Buffers in it do not reach "
		   "the device. The next start of the port maps all memory again.", mem->name,
		   addr);
}

int
vhost_vdpa_mem_init(struct vhost_vdpa_mem *mem, const char *name)
{
	int ret;

	*mem = (struct vhost_vdpa_mem){ .name = name, .fd = -1 };
	/* With --legacy-mem there are no events, and no need of them. */
	mem->events = rte_mem_event_callback_register(MEM_EVENT_NAME, mem_event, mem) == 0;
	if (mem->events || rte_errno == ENOTSUP)
		return 0;
	ret = -rte_errno;
	VIRTIO_INIT_LOG(ERR, "%s: no call-back for memory events can be registered with EAL: %s",
			name, rte_strerror(-ret));
	return ret;
}

void
vhost_vdpa_mem_fini(struct vhost_vdpa_mem *mem)
{
	if (mem->events)
		rte_mem_event_callback_unregister(MEM_EVENT_NAME, mem);
	free(mem->mapped.range);
	free(mem->attached.range);
}

/* ---- the application's own memory --------------------------------------------------------- */

/* EAL's memory lock is held for writing: memory events read the lists. */
static int
attach_locked(struct vhost_vdpa_mem *mem, uint64_t addr, uint64_t len)
{
	const uint64_t page = sysconf(_SC_PAGESIZE);
	int ret;

	if (addr == 0 || len == 0 || ((addr | len) & (page - 1)) != 0 || addr + len < len)
		return -EINVAL;
	if (find(&mem->attached, addr, len) != NULL || find(&mem->mapped, addr, len) != NULL)
		return -EEXIST;
	ret = make_room(&mem->attached);
	if (ret == 0)
		ret = mem->is_mapped ? map(mem, addr, len) : check_range(mem, addr, len);
	if (ret == 0)
		append(&mem->attached, addr, len);
	return ret;
}

int
vhost_vdpa_mem_attach(struct vhost_vdpa_mem *mem, void *addr, size_t len)
{
	int ret;

	rte_mcfg_mem_write_lock();
	ret = attach_locked(mem, (uintptr_t)addr, len);
	rte_mcfg_mem_write_unlock();
	return ret;
}

static int
detach_locked(struct vhost_vdpa_mem *mem, uint64_t addr, uint64_t len)
{
	const struct vhost_vdpa_range *range = find(&mem->attached, addr, len);
	int ret;

	if (range == NULL || range->addr != addr || range->len != len)
		return -ENOENT;
	ret = unmap(mem, addr, len);
	if (ret == 0)
		forget(&mem->attached, addr, len);
	return ret;
}

int
vhost_vdpa_mem_detach(struct vhost_vdpa_mem *mem, const void *addr, size_t len)
{
	int ret;

	rte_mcfg_mem_write_lock();
	ret = detach_locked(mem, (uintptr_t)addr, len);
	rte_mcfg_mem_write_unlock();
	return ret;
}

bool
vhost_vdpa_mem_has(struct vhost_vdpa_mem *mem, const void *addr, size_t len)
{
	bool has;

	rte_mcfg_mem_read_lock();
	/* Without a device nothing is known. */
	has = !mem->is_mapped || covers(&mem->mapped, (uintptr_t)addr, len);
	rte_mcfg_mem_read_unlock();
	return has;
}
