/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VHOST_USER_SOCKET_H
#define VHOST_USER_SOCKET_H

/**
 * @file
 * How a front-end gets a connected socket: it connects to a back-end that listens, or listens
 * itself and takes the back-end that connects. All descriptors have FD_CLOEXEC.
 *
 * The log lines begin with the name of the channel that the connection is for.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "vhost_user_msg.h"

struct vhost_user_listener {
	int fd;     /**< listening socket, -1: none */
	dev_t device; /**< with inode: the file that was bound */
	ino_t inode;
};

/**
 * Connects to a back-end that listens.
 *
 * @return
 *   A descriptor. -ETIMEDOUT: the back-end accepts no connection for 10 s. -ECANCELED: see
 *   virtio_device_cancel(). Else what connect(2) says. But for -ECANCELED there is a log line.
 */
int vhost_user_connect(const struct vhost_user_channel *ch, const char *path);

/**
 * Listens. A socket at the path that no process has bound any more is replaced. No other file is
 * removed, and a socket in use is not connected to.
 *
 * @return
 *   0. -EADDRINUSE: a process has bound the socket at the path. -EEXIST: the file there is no
 *   socket. Else what the system says. After an error l->fd is -1, and there is a log line.
 */
int vhost_user_listen(struct vhost_user_listener *l, const struct vhost_user_channel *ch,
		      const char *path);

/** Closes the socket and removes its file, unless that is another one by now. */
void vhost_user_unlisten(struct vhost_user_listener *l, const char *path);

/**
 * Takes the next client.
 *
 * @param wait
 *   Whether to wait for one, without limit. It is logged after 100 ms, and then every 10 s.
 * @return
 *   A descriptor. -EAGAIN: no client, and not to wait. -EINTR: the calling thread handled a signal
 *   while it waited. Else what accept(2) says.
 */
int vhost_user_accept(const struct vhost_user_listener *l, const struct vhost_user_channel *ch,
		      const char *path, bool wait);

#endif /* VHOST_USER_SOCKET_H */
