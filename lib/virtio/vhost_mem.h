/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VHOST_MEM_H
#define VHOST_MEM_H

/**
 * @file
 * Memory as a vhost back-end wants it: a table of shared files. EAL's, and what the application
 * has attached of its own.
 */

#include <stdbool.h>
#include <stddef.h>

#include "vhost_user_msg.h"

/** Regions of a table, in several messages where a back-end accepts more than one carries. */
#define VHOST_MEM_MAX_REGIONS 256

struct vhost_mem {
	struct {
		uint32_t count;
		struct vhost_user_region regions[VHOST_MEM_MAX_REGIONS];
	} table;
	int fds[VHOST_MEM_MAX_REGIONS]; /**< EAL's, or those of vhost_mem_add() */
};

/**
 * Fills the table; addresses in it are EAL's virtual ones. Memory without a file is left out.
 *
 * EAL's memory lock is held by the caller, for reading or for writing.
 *
 * @param attached
 *   What comes after EAL's.
 * @param gone, gone_len
 *   Memory that is about to go, and with it its files: left out too. Another file may come with the
 *   same number and address, and must not look like the one before.
 * @param max
 *   Regions that the back-end accepts, at most VHOST_MEM_MAX_REGIONS.
 * @return
 *   0. -E2BIG: more files than that, with a log line. -ENOENT: no memory is backed by a file.
 */
int vhost_mem_read(struct vhost_mem *mem, const struct vhost_mem *attached, const void *gone,
		   size_t gone_len, uint32_t max);

/** A region at the end of the table. 0, or -E2BIG. */
int vhost_mem_append(struct vhost_mem *mem, const struct vhost_user_region *region, int fd);

/** The last region takes the place of this one. */
void vhost_mem_drop(struct vhost_mem *mem, uint32_t index);

enum vhost_mem_match {
	VHOST_MEM_NONE,   /**< no address of the region is in the table */
	VHOST_MEM_SAME,   /**< the table has the region */
	VHOST_MEM_WITHIN, /**< the table has a larger region of the same file */
	VHOST_MEM_OTHER,  /**< the region overlaps one of the table in another way */
};

enum vhost_mem_match vhost_mem_match(const struct vhost_mem *mem,
				     const struct vhost_user_region *region, int fd);

/**
 * Adds memory that is mapped of a file, whose descriptor is duplicated.
 *
 * @return
 *   0. -EINVAL: not of whole pages. -EEXIST: overlaps some that is there. -E2BIG: no place. What
 *   fcntl(2) says.
 */
int vhost_mem_add(struct vhost_mem *mem, void *addr, size_t len, int fd, uint64_t offset);

/** Removes what was added in just these terms. Its descriptor, to be closed, or -ENOENT. */
int vhost_mem_remove(struct vhost_mem *mem, const void *addr, size_t len);

/** Whether all of some memory is in the table. */
bool vhost_mem_has(const struct vhost_mem *mem, const void *addr, size_t len);

/** Whether any of it is. */
bool vhost_mem_overlaps(const struct vhost_mem *mem, const void *addr, size_t len);

#endif /* VHOST_MEM_H */
