/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VHOST_VDPA_MEM_H
#define VHOST_VDPA_MEM_H

/**
 * @file
 * The memory that a vhost-vDPA device can access: EAL's, and what the application has attached of
 * its own. It is mapped at its virtual addresses, whatever EAL's IOVA mode is.
 *
 * A message that takes away a part of a mapping takes away all of it. So memory that EAL may free
 * is mapped page by page, and all else in pieces that are as large as possible.
 *
 * Threads: control calls by one thread at a time. EAL's memory events come on any thread; EAL's
 * memory lock is between the two.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vhost_vdpa_ranges {
	struct vhost_vdpa_range *range;
	uint32_t count;
	uint32_t room;
};

struct vhost_vdpa_mem {
	const char *name;      /**< of the device, in log lines */
	int fd;                /**< of the device; -1: none */
	bool batch;            /**< the kernel takes batches */
	uint64_t first, last;  /**< addresses that the device can use */
	bool events;           /**< EAL reports changes of its memory */
	bool is_mapped;        /**< the device has the memory that there is */
	bool is_stale;         /**< all is unmapped and mapped again before the device runs */
	struct vhost_vdpa_ranges mapped;
	struct vhost_vdpa_ranges attached;
};

/** Registers a call-back for EAL's memory events. 0, or a negative errno with a log line. */
int vhost_vdpa_mem_init(struct vhost_vdpa_mem *mem, const char *name);

/** Unregisters the call-back, and frees the lists. The descriptor was closed before. */
void vhost_vdpa_mem_fini(struct vhost_vdpa_mem *mem);

/** Another descriptor, which has no mapping. */
void vhost_vdpa_mem_set_fd(struct vhost_vdpa_mem *mem, int fd);

/**
 * Maps all memory, unless it is mapped and was not given up since. The device does not run.
 *
 * @return
 *   0. -ERANGE: some of it is at addresses that the device cannot use. -ENOMEM, -EFAULT and others:
 *   the kernel does not map it. After an error, with a log line, nothing is mapped.
 */
int vhost_vdpa_mem_map_all(struct vhost_vdpa_mem *mem);

/** The device was reset, and with that has lost its mappings: the next time all are made anew. */
void vhost_vdpa_mem_expire(struct vhost_vdpa_mem *mem);

/**
 * Adds memory of the application's own, and maps it if all else is mapped.
 *
 * @return
 *   0. -EINVAL: not of whole pages. -EEXIST: overlaps some that is there. -ERANGE, -ENOMEM, -EFAULT
 *   as above.
 */
int vhost_vdpa_mem_attach(struct vhost_vdpa_mem *mem, void *addr, size_t len);

/**
 * Detaches memory that was attached with this address and length.
 *
 * @return
 *   0. -ENOENT: it was not. Else what the kernel says, with a log line: the memory stays attached.
 */
int vhost_vdpa_mem_detach(struct vhost_vdpa_mem *mem, const void *addr, size_t len);

/** Whether the device can access all of some memory. true without a device. */
bool vhost_vdpa_mem_has(struct vhost_vdpa_mem *mem, const void *addr, size_t len);

#endif /* VHOST_VDPA_MEM_H */
