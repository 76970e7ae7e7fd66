/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "socket_path.h"

/*
 * A datagram socket cannot connect to a stream socket: the kernel answers EPROTOTYPE if a process
 * has bound the path, listening or not, and ECONNREFUSED if none has. The owner sees no connection.
 */
static int
look_for_owner(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int ret;

	if (fd < 0)
		return -errno;
	memcpy(address.sun_path, path, strlen(path));
	ret = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ? 0 : -errno;
	close(fd);
	if (ret == -ECONNREFUSED)
		return -ENOENT;
	return ret == -EPROTOTYPE ? 0 : ret;
}

static int
refuse(const char *path, const char *what, int error, const char *why)
{
	fprintf(stderr, "%s %s: %s\n", what, path, why);
	return error;
}

int
socket_path_claim(const char *path, const char *what)
{
	struct stat st;
	int ret;

	if (strlen(path) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return refuse(path, what, -ENAMETOOLONG, "the path is too long for a socket");
	if (lstat(path, &st) != 0)
		return errno == ENOENT ? 0 : refuse(path, what, -errno, strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return refuse(path, what, -EEXIST,
			"the file there is not a socket; choose another path");
	ret = look_for_owner(path);
	if (ret == 0)
		return refuse(path, what, -EADDRINUSE, "another process has bound this socket; "
			"end that process or choose another path");
	if (ret == -ENOENT)
		ret = unlink(path) == 0 || errno == ENOENT ? 0 : -errno;
	return ret == 0 ? 0 : refuse(path, what, ret, strerror(-ret));
}

void
socket_path_note(const char *path, struct socket_path_file *file)
{
	struct stat st;

	*file = (struct socket_path_file) { 0 };
	if (lstat(path, &st) == 0)
		*file = (struct socket_path_file) { st.st_dev, st.st_ino };
}

void
socket_path_release(const char *path, const struct socket_path_file *ours,
		int (*remove)(const char *path))
{
	struct socket_path_file now;
	char kept[PATH_MAX];
	bool keep;

	socket_path_note(path, &now);
	keep = now.inode != 0 && (now.inode != ours->inode || now.device != ours->device);
	if (keep) {
		/* A second name, under which the other process's file outlives remove(). */
		snprintf(kept, sizeof(kept), "%s.%d", path, getpid());
		keep = link(path, kept) == 0;
	}
	remove(path);
	if (keep && rename(kept, path) != 0)
		fprintf(stderr, "%s: another process's file is now %s: %s\n", path, kept,
			strerror(errno));
}
