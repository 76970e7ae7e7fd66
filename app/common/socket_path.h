/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef APP_SOCKET_PATH_H
#define APP_SOCKET_PATH_H

/**
 * @file
 * The path of a socket that a program listens on. No dependence on EAL.
 */

#include <stdint.h>

/**
 * Make a path free for bind(), and remove nothing that another program uses.
 *
 * A socket that no process has bound any more is removed. A file of another kind and a socket in
 * use are left as they are. No connection is made to a socket that is in use.
 *
 * @param[in] path
 *   Absolute, or relative to the working folder. Symbolic links are not followed.
 * @param[in] what
 *   How the user knows the path, such as "--serve". The message on stderr begins with it.
 * @return
 *   - 0: nothing is at the path.
 *   - -EADDRINUSE: a process has bound a socket there.
 *   - -EEXIST: a file is there that is no socket.
 *   - -ENAMETOOLONG: the path does not fit a socket's address.
 *   - Another negative errno of the system.
 *   After each of these errors a message is on stderr.
 */
int socket_path_claim(const char *path, const char *what);

/** Which file a path named at a time. */
struct socket_path_file {
	uint64_t device, inode;	/**< 0 and 0: none */
};

/** Note the socket that was bound at a path. */
void socket_path_note(const char *path, struct socket_path_file *file);

/**
 * Call a function that unlinks a path, and keep what another process has put there.
 *
 * @param[in] path
 *   As given to socket_path_note().
 * @param[in] ours
 *   The file that may go.
 * @param[in] remove
 *   Unlinks @p path whatever is there, as rte_vhost_driver_unregister() does.
 */
void socket_path_release(const char *path, const struct socket_path_file *ours,
		int (*remove)(const char *path));

#endif /* APP_SOCKET_PATH_H */
