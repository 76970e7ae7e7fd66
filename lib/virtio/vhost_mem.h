/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VHOST_MEM_H
#define VHOST_MEM_H

/**
 * @file
 * EAL's memory as a vhost back-end wants it: a table of shared files.
 */

#include <stddef.h>

#include "vhost_user_msg.h"

struct vhost_mem {
	struct vhost_user_mem_table table;
	int fds[VHOST_USER_MAX_REGIONS]; /**< EAL's, not to be closed */
};

/**
 * Fills the table; addresses in it are EAL's virtual ones. Memory without a file is left out.
 *
 * EAL's memory lock is held by the caller, for reading or for writing.
 *
 * @param gone, gone_len
 *   Memory that is about to go, and with it its files: left out too. Another file may come with the
 *   same number and address, and must not look like the one before.
 * @return
 *   0. -E2BIG: more files than the protocol carries. -ENOENT: no memory is backed by a file.
 */
int vhost_mem_read(struct vhost_mem *mem, const void *gone, size_t gone_len);

#endif /* VHOST_MEM_H */
