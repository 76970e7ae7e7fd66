/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include <rte_memory.h>

#include "vhost_mem.h"
#include "virtio_log.h"

struct reading {
	struct vhost_mem *mem;
	uint32_t max;
	uint64_t gone;
	size_t gone_len;
};

static int
append(struct vhost_mem *mem, const struct vhost_user_region *region, int fd, uint32_t max)
{
	if (mem->table.count >= max)
		return -E2BIG;
	mem->table.regions[mem->table.count] = *region;
	mem->fds[mem->table.count++] = fd;
	return 0;
}

int
vhost_mem_append(struct vhost_mem *mem, const struct vhost_user_region *region, int fd)
{
	return append(mem, region, fd, VHOST_MEM_MAX_REGIONS);
}

void
vhost_mem_drop(struct vhost_mem *mem, uint32_t index)
{
	mem->table.count--;
	mem->table.regions[index] = mem->table.regions[mem->table.count];
	mem->fds[index] = mem->fds[mem->table.count];
}

/*
 * Segments of one file and one distance between address and offset become one region, holes
 * included: with --single-file-segments a whole list of segments is one file.
 */
static int
add_segment(const struct rte_memseg_list *msl __rte_unused, const struct rte_memseg *ms, void *arg)
{
	const struct reading *reading = arg;
	struct vhost_mem *mem = reading->mem;
	struct vhost_user_region *r;
	size_t offset;
	uint32_t i;
	const int fd = rte_memseg_get_fd_thread_unsafe(ms);

	if (ms->addr_64 - reading->gone < reading->gone_len)
		return 0;
	if (fd < 0 || rte_memseg_get_fd_offset_thread_unsafe(ms, &offset) != 0)
		return 0;
	for (i = 0; i < mem->table.count; i++) {
		r = &mem->table.regions[i];
		if (mem->fds[i] == fd && r->user_addr - r->offset == ms->addr_64 - offset) {
			const uint64_t start = RTE_MIN(r->user_addr, ms->addr_64);
			const uint64_t end = RTE_MAX(r->user_addr + r->size,
						     ms->addr_64 + ms->len);

			r->offset = RTE_MIN(r->offset, offset);
			r->user_addr = start;
			r->guest_addr = start;
			r->size = end - start;
			return 0;
		}
	}
	return append(mem, &(const struct vhost_user_region){
		.guest_addr = ms->addr_64, .user_addr = ms->addr_64, .size = ms->len,
		.offset = offset,
	}, fd, reading->max);
}

static bool
overlaps(const struct vhost_user_region *r, uint64_t addr, uint64_t len)
{
	return addr < r->user_addr + r->size && r->user_addr < addr + len;
}

int
vhost_mem_add(struct vhost_mem *mem, void *addr, size_t len, int fd, uint64_t offset)
{
	const struct vhost_user_region region = {
		.guest_addr = (uintptr_t)addr, .user_addr = (uintptr_t)addr, .size = len,
		.offset = offset,
	};
	const uint64_t page = sysconf(_SC_PAGESIZE);
	uint32_t i;
	int own;

	if (addr == NULL || len == 0 || ((region.user_addr | len | offset) & (page - 1)) != 0 ||
	    region.user_addr + len < len)
		return -EINVAL;
	for (i = 0; i < mem->table.count; i++) {
		if (overlaps(&mem->table.regions[i], region.user_addr, len))
			return -EEXIST;
	}
	own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (own < 0)
		return -errno;
	if (vhost_mem_append(mem, &region, own) == 0)
		return 0;
	close(own);
	return -E2BIG;
}

int
vhost_mem_remove(struct vhost_mem *mem, const void *addr, size_t len)
{
	uint32_t i;
	int fd;

	for (i = 0; i < mem->table.count; i++) {
		if (mem->table.regions[i].user_addr != (uintptr_t)addr ||
		    mem->table.regions[i].size != len)
			continue;
		fd = mem->fds[i];
		vhost_mem_drop(mem, i);
		return fd;
	}
	return -ENOENT;
}

bool
vhost_mem_overlaps(const struct vhost_mem *mem, const void *addr, size_t len)
{
	uint32_t i;

	for (i = 0; i < mem->table.count; i++) {
		if (overlaps(&mem->table.regions[i], (uintptr_t)addr, len))
			return true;
	}
	return false;
}

enum vhost_mem_match
vhost_mem_match(const struct vhost_mem *mem, const struct vhost_user_region *region, int fd)
{
	const uint64_t end = region->user_addr + region->size;
	uint32_t i;

	for (i = 0; i < mem->table.count; i++) {
		const struct vhost_user_region *r = &mem->table.regions[i];

		if (!overlaps(r, region->user_addr, region->size))
			continue;
		if (mem->fds[i] != fd ||
		    r->user_addr - r->offset != region->user_addr - region->offset ||
		    region->user_addr < r->user_addr || end > r->user_addr + r->size)
			return VHOST_MEM_OTHER;
		return region->size == r->size ? VHOST_MEM_SAME : VHOST_MEM_WITHIN;
	}
	return VHOST_MEM_NONE;
}

static const struct vhost_user_region *
find(const struct vhost_mem *mem, uint64_t addr)
{
	uint32_t i;

	for (i = 0; i < mem->table.count; i++) {
		if (addr - mem->table.regions[i].user_addr < mem->table.regions[i].size)
			return &mem->table.regions[i];
	}
	return NULL;
}

bool
vhost_mem_has(const struct vhost_mem *mem, const void *addr, size_t len)
{
	const struct vhost_user_region *r;
	uint64_t at = (uintptr_t)addr;
	const uint64_t end = at + len;

	/* Regions that follow each other in addresses may be of several files. */
	while (at < end) {
		r = find(mem, at);
		if (r == NULL)
			return false;
		at = r->user_addr + r->size;
	}
	return true;
}

int
vhost_mem_read(struct vhost_mem *mem, const struct vhost_mem *attached, const void *gone,
	       size_t gone_len, uint32_t max)
{
	struct reading reading = {
		.mem = mem, .max = max, .gone = (uintptr_t)gone, .gone_len = gone_len
	};
	uint32_t i;
	int ret;

	memset(mem, 0, sizeof(*mem));
	ret = rte_memseg_walk_thread_unsafe(add_segment, &reading);
	for (i = 0; ret == 0 && i < attached->table.count; i++)
		ret = append(mem, &attached->table.regions[i], attached->fds[i], max);
	if (ret != 0) {
		VIRTIO_INIT_LOG(ERR, "EAL's memory is in more than %" PRIu32 " files, the most "
				"that the back-end supports. Run EAL with --single-file-segments, "
				"or with larger pages.", max);
		return ret;
	}
	if (mem->table.count == 0) {
		VIRTIO_INIT_LOG(ERR, "EAL has no memory that a back-end can map. With --no-huge "
				"the kernel must support memfd_create(2).");
		return -ENOENT;
	}
	return 0;
}
