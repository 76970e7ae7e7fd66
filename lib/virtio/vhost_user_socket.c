/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <rte_alarm.h>
#include <rte_common.h>
#include <rte_errno.h>
#include <rte_string_fns.h>

#include "vhost_user_socket.h"
#include "virtio_device.h"
#include "virtio_log.h"

/* Longest wait for a back-end whose queue of connections is full. */
#define CONNECT_TIMEOUT_US 10000000

/* When a wait for a client is logged first, and from one line to the next. */
#define WAIT_LOG_FIRST_US 100000
#define WAIT_LOG_PERIOD_US 10000000

static int
make_socket(const char *path, int type, struct sockaddr_un *addr)
{
	const int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	memset(addr, 0, sizeof(*addr));
	addr->sun_family = AF_UNIX;
	rte_strlcpy(addr->sun_path, path, sizeof(addr->sun_path));
	return fd < 0 ? -errno : fd;
}

int
vhost_user_connect(const struct vhost_user_channel *ch, const char *path)
{
	const uint64_t deadline_us = virtio_now_us() + CONNECT_TIMEOUT_US;
	struct sockaddr_un addr;
	const int fd = make_socket(path, SOCK_STREAM, &addr);
	int ret;

	if (fd < 0)
		return fd;
	do {
		ret = connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0 ? 0 : -errno;
		if (ret == 0)
			return fd;
		if (virtio_device_is_cancelled(ch->cancels)) {
			close(fd);
			return -ECANCELED;
		}
		/* The queue of connections is full, and no event tells when it is not. */
		if (ret == -EAGAIN && poll(NULL, 0, 5) < 0)
			ret = -errno;
		if (ret == -EINTR && ch->ends_by_signal)
			break;
	} while ((ret == -EAGAIN || ret == -EINTR) && virtio_now_us() < deadline_us);
	/* -EAGAIN is the answer of vhost_user_accept() without a client. */
	ret = ret == -EAGAIN ? -ETIMEDOUT : ret;
	VIRTIO_INIT_LOG(ERR, "%s: cannot connect to the back-end on %s: %s. Start the back-end "
			"first, or give another path=.", ch->name, path, rte_strerror(-ret));
	close(fd);
	return ret;
}

/*
 * Whether a process has bound the socket at a path. A datagram socket cannot connect to a stream
 * socket: the kernel answers EPROTOTYPE if a process has bound it, listening or not, and
 * ECONNREFUSED if none has. The owner sees no connection.
 */
static int
has_owner(const char *path, bool *has)
{
	struct sockaddr_un addr;
	const int fd = make_socket(path, SOCK_DGRAM, &addr);
	int ret = 0;

	if (fd < 0)
		return fd;
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0)
		ret = -errno;
	close(fd);
	*has = ret != -ECONNREFUSED;
	return ret == -ECONNREFUSED || ret == -EPROTOTYPE ? 0 : ret;
}

/* Removes the socket that a process left behind at a path; any other file is an error. */
static int
clear_path(const char *path, const char **cure)
{
	struct stat st;
	bool has = false;
	int ret;

	if (lstat(path, &st) != 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode)) {
		*cure = ". The file there is not a socket. Give another path=.";
		return -EEXIST;
	}
	ret = has_owner(path, &has);
	if (ret != 0)
		return ret;
	if (has) {
		*cure = ". Another process listens there. End it, or give another path=.";
		return -EADDRINUSE;
	}
	return unlink(path) == 0 || errno == ENOENT ? 0 : -errno;
}

int
vhost_user_listen(struct vhost_user_listener *l, const struct vhost_user_channel *ch,
		  const char *path)
{
	struct sockaddr_un addr;
	const char *cure = "";
	struct stat st;
	int ret;

	l->fd = -1;
	ret = clear_path(path, &cure);
	if (ret != 0)
		goto fail;
	ret = make_socket(path, SOCK_STREAM, &addr);
	if (ret < 0)
		goto fail;
	l->fd = ret;
	ret = bind(l->fd, (struct sockaddr *)&addr, sizeof(addr)) == 0 ? 0 : -errno;
	if (ret != 0)
		goto fail;
	ret = listen(l->fd, 1) == 0 && lstat(path, &st) == 0 ? 0 : -errno;
	if (ret != 0) {
		unlink(path);
		goto fail;
	}
	l->device = st.st_dev;
	l->inode = st.st_ino;
	return 0;

fail:
	VIRTIO_INIT_LOG(ERR, "%s: cannot listen on %s: %s%s", ch->name, path, rte_strerror(-ret),
			cure);
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	return ret;
}

void
vhost_user_unlisten(struct vhost_user_listener *l, const char *path)
{
	struct stat st;

	if (l->fd < 0)
		return;
	/* Before the close: from then on another process may take the path for a stale one. */
	if (lstat(path, &st) == 0 && st.st_dev == l->device && st.st_ino == l->inode)
		unlink(path);
	close(l->fd);
	l->fd = -1;
}

/* A wait for a client, for the thread that logs it. */
struct client_wait {
	const struct vhost_user_channel *ch;
	const char *path;
	const char *still;
};

/*
 * On EAL's thread for alarms, when the waiting thread surely waits. That thread blocks signals
 * while it does not, and the kernel has another thread handle what comes then. A signal that
 * answers the log line would be such a one.
 */
static void
log_wait(void *arg)
{
	struct client_wait *wait = arg;

	VIRTIO_INIT_LOG(NOTICE, "%s: %swaiting for a back-end to connect to %s", wait->ch->name,
			wait->still, wait->path);
	wait->still = "still ";
	rte_eal_alarm_set(WAIT_LOG_PERIOD_US, log_wait, wait);
}

/*
 * 0: there is a client. -EINTR: a signal, also one that came before the call while it was blocked
 * in all threads. `signals`: those that are blocked during the wait.
 */
static int
wait_client(const struct vhost_user_listener *l, const sigset_t *signals)
{
	struct pollfd pfd = { .fd = l->fd, .events = POLLIN };

	return ppoll(&pfd, 1, NULL, signals) < 0 ? -errno : 0;
}

static int
take_client(const struct vhost_user_listener *l)
{
	const int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd >= 0)
		return fd;
	/* A client that is gone again is none. */
	return errno == ECONNABORTED ? -EAGAIN : -errno;
}

int
vhost_user_accept(const struct vhost_user_listener *l, const struct vhost_user_channel *ch,
		  const char *path, bool wait)
{
	struct client_wait client_wait = { .ch = ch, .path = path, .still = "" };
	sigset_t all, before;
	int ret;

	if (!wait)
		return take_client(l);
	/* A signal between two waits ends the next one. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rte_eal_alarm_set(WAIT_LOG_FIRST_US, log_wait, &client_wait);
	do {
		ret = wait_client(l, &before);
		if (ret == 0)
			ret = take_client(l);
	} while (ret == -EAGAIN);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	rte_eal_alarm_cancel(log_wait, &client_wait);
	if (ret < 0)
		VIRTIO_INIT_LOG(ERR, "%s: no back-end has connected to %s: %s", ch->name, path,
				ret == -EINTR ? "a signal ended the wait" : rte_strerror(-ret));
	return ret;
}
