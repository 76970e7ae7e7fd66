/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <string.h>

#include <rte_memory.h>

#include "vhost_mem.h"
#include "virtio_log.h"

struct reading {
	struct vhost_mem *mem;
	uint64_t gone;
	size_t gone_len;
};

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
	if (i == VHOST_USER_MAX_REGIONS)
		return -E2BIG;
	r = &mem->table.regions[i];
	r->guest_addr = ms->addr_64;
	r->user_addr = ms->addr_64;
	r->size = ms->len;
	r->offset = offset;
	mem->fds[i] = fd;
	mem->table.count++;
	return 0;
}

int
vhost_mem_read(struct vhost_mem *mem, const void *gone, size_t gone_len)
{
	struct reading reading = {
		.mem = mem, .gone = (uintptr_t)gone, .gone_len = gone_len
	};
	int ret;

	memset(mem, 0, sizeof(*mem));
	ret = rte_memseg_walk_thread_unsafe(add_segment, &reading);
	if (ret != 0) {
		VIRTIO_INIT_LOG(ERR,
				"memory is in more than %d files, which vhost-user cannot carry: "
				"use --single-file-segments, or larger pages",
				VHOST_USER_MAX_REGIONS);
		return ret;
	}
	if (mem->table.count == 0) {
		VIRTIO_INIT_LOG(ERR, "no memory that a back-end could map: with --no-huge the "
				     "kernel "
				     "needs memfd_create");
		return -ENOENT;
	}
	return 0;
}
