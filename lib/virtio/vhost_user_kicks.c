/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_string_fns.h>

#include "vhost_user_kicks.h"
#include "vhost_user_msg.h"
#include "virtio_compat.h"
#include "virtio_device.h"
#include "virtio_log.h"
#include "virtqueue.h"

#define FETCH_MESSAGE   "virtio_vhost_user_kicks"
#define FETCH_TIMEOUT_S 5

/* Devices are distinguished by their address, which is the same in all processes. */
struct fetch {
	uint64_t device;
	uint16_t first; /* ring of the first descriptor */
};

struct fetched {
	int32_t error; /* 0, or a negative errno */
	uint16_t first;
};

struct kicks {
	struct kicks *next;
	RTE_ATOMIC(const struct virtio_device *) dev; /* NULL: nobody's */
	uint16_t n;
	int fds[VHOST_USER_MAX_RINGS];
};

/* Between those who make, close and send them. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/*
 * Entries stay for the next device, as others may be looking for theirs. The link of an entry is
 * set when it is in the table, and its descriptors when it has a device: control_publish.litmus has
 * both pairs of a release and an acquire.
 */
static RTE_ATOMIC(struct kicks *) table;

static struct kicks *
find(const struct virtio_device *dev)
{
	struct kicks *kicks = rte_atomic_load_explicit(&table, rte_memory_order_acquire);

	while (kicks != NULL &&
	       rte_atomic_load_explicit(&kicks->dev, rte_memory_order_acquire) != dev)
		kicks = kicks->next;
	return kicks;
}

/* An entry that nobody sees yet. The lock is held. */
static struct kicks *
take_entry(void)
{
	struct kicks *kicks = find(NULL);

	if (kicks == NULL) {
		kicks = calloc(1, sizeof(*kicks));
		if (kicks == NULL)
			return NULL;
		kicks->next = table;
		rte_atomic_store_explicit(&table, kicks, rte_memory_order_release);
	}
	kicks->n = 0;
	return kicks;
}

static void
close_all(struct kicks *kicks)
{
	while (kicks->n > 0)
		close(kicks->fds[--kicks->n]);
}

/* Fills an entry; on error it is nobody's again. */
static int
fill_entry(struct virtio_device *dev, uint16_t nb_rings,
	   int (*more)(const struct virtio_device *dev, struct kicks *kicks, uint16_t nb_rings))
{
	struct kicks *kicks;
	int ret = 0;

	pthread_mutex_lock(&lock);
	kicks = take_entry();
	if (kicks == NULL)
		ret = -ENOMEM;
	while (ret == 0 && kicks->n < nb_rings)
		ret = more(dev, kicks, nb_rings);
	if (ret == 0)
		rte_atomic_store_explicit(&kicks->dev, dev, rte_memory_order_release);
	else if (kicks != NULL)
		close_all(kicks);
	pthread_mutex_unlock(&lock);
	return ret;
}

/* ---- primary ------------------------------------------------------------------------------ */

static int
make_one(const struct virtio_device *dev, struct kicks *kicks, uint16_t nb_rings)
{
	const int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	int ret;

	if (fd >= 0) {
		kicks->fds[kicks->n++] = fd;
		return 0;
	}
	ret = -errno;
	VIRTIO_INIT_LOG(ERR, "%s: event descriptors for %u rings cannot be opened: %s%s", dev->name,
			nb_rings, rte_strerror(-ret), ret == -EMFILE ? VHOST_USER_MORE_FILES : "");
	return ret;
}

/* On EAL's thread for messages. */
static int
answer_fetch(const struct rte_mp_msg *msg, const void *peer)
{
	const struct fetch *fetch = (const struct fetch *)(const void *)msg->param;
	struct rte_mp_msg reply = { .len_param = sizeof(struct fetched) };
	struct fetched *fetched = (struct fetched *)(void *)reply.param;
	const struct kicks *kicks = NULL;
	int ret;
	int i;

	for (i = 0; i < msg->num_fds; i++)
		close(msg->fds[i]);
	rte_strlcpy(reply.name, FETCH_MESSAGE, sizeof(reply.name));
	/* Locked until they are sent: they are not closed meanwhile. */
	pthread_mutex_lock(&lock);
	if (msg->len_param == sizeof(*fetch) && fetch->device != 0)
		kicks = find((const struct virtio_device *)(uintptr_t)fetch->device);
	if (kicks == NULL || fetch->first >= kicks->n) {
		fetched->error = -ENODEV;
	} else {
		fetched->first = fetch->first;
		reply.num_fds = RTE_MIN(kicks->n - fetch->first, RTE_MP_MAX_FD_NUM);
		memcpy(reply.fds, &kicks->fds[fetch->first],
		       reply.num_fds * sizeof(reply.fds[0]));
	}
	ret = rte_mp_reply(&reply, peer);
	pthread_mutex_unlock(&lock);
	return ret;
}

int
vhost_user_kicks_create(struct virtio_device *dev, uint16_t nb_rings)
{
	/* Twice is no error, and without shared files there are no secondaries. */
	if (rte_mp_action_register(FETCH_MESSAGE, answer_fetch) != 0 && rte_errno != EEXIST &&
	    rte_errno != ENOTSUP) {
		VIRTIO_INIT_LOG(ERR, "%s: the request of a secondary process could not be "
				"answered: %s", dev->name, rte_strerror(rte_errno));
		return -rte_errno;
	}
	return fill_entry(dev, nb_rings, make_one);
}

/* ---- secondary ---------------------------------------------------------------------------- */

/* Takes what came with an answer over, as far as it is one. */
static int
take_fetched(struct kicks *kicks, uint16_t nb_rings, const struct rte_mp_msg *msg)
{
	const struct fetched *fetched = (const struct fetched *)(const void *)msg->param;
	int ret = 0;
	int i;

	if (msg->len_param != sizeof(*fetched))
		ret = -EPROTO;
	else if (fetched->error != 0)
		ret = fetched->error < 0 ? fetched->error : -EPROTO;
	else if (fetched->first != kicks->n || msg->num_fds == 0 ||
		 msg->num_fds > nb_rings - kicks->n)
		ret = -EPROTO;
	for (i = 0; i < msg->num_fds; i++) {
		if (ret != 0) {
			close(msg->fds[i]);
			continue;
		}
		fcntl(msg->fds[i], F_SETFD, FD_CLOEXEC);
		kicks->fds[kicks->n++] = msg->fds[i];
	}
	return ret;
}

static int
fetch_some(const struct virtio_device *dev, struct kicks *kicks, uint16_t nb_rings)
{
	const struct timespec timeout = { .tv_sec = FETCH_TIMEOUT_S };
	struct rte_mp_msg msg = { .len_param = sizeof(struct fetch) };
	struct fetch *fetch = (struct fetch *)(void *)msg.param;
	struct rte_mp_reply reply;
	int ret;

	rte_strlcpy(msg.name, FETCH_MESSAGE, sizeof(msg.name));
	fetch->device = (uintptr_t)dev;
	fetch->first = kicks->n;
	if (rte_mp_request_sync(&msg, &reply, &timeout) != 0)
		return -rte_errno;
	if (reply.nb_received == 0)
		return -ETIMEDOUT;
	ret = take_fetched(kicks, nb_rings, &reply.msgs[0]);
	free(reply.msgs);
	return ret;
}

int
vhost_user_kicks_fetch(struct virtio_device *dev, uint16_t nb_rings)
{
	return fill_entry(dev, nb_rings, fetch_some);
}

/* ---- both --------------------------------------------------------------------------------- */

void
vhost_user_kicks_close(const struct virtio_device *dev)
{
	struct kicks *kicks;

	pthread_mutex_lock(&lock);
	kicks = find(dev);
	if (kicks != NULL) {
		rte_atomic_store_explicit(&kicks->dev, NULL, rte_memory_order_release);
		close_all(kicks);
	}
	pthread_mutex_unlock(&lock);
}

int
vhost_user_kick_fd(const struct virtio_device *dev, uint16_t index)
{
	const struct kicks *kicks = find(dev);

	return kicks != NULL && index < kicks->n ? kicks->fds[index] : -1;
}

void
vhost_user_kick(struct virtqueue *vq)
{
	const uint64_t one = 1;
	ssize_t n;

	/*
	 * Fails only with the counter at its limit: then the back-end has a wake-up waiting anyway.
	 */
	n = write(vhost_user_kick_fd(vq->dev, vq->index), &one, sizeof(one));
	RTE_SET_USED(n);
}
