/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <rte_common.h>
#include <rte_log.h>
#include <rte_vhost.h>

#include "vhost_ring_reset.h"
#include "vhost_ring_reset_msg.h"

RTE_LOG_REGISTER(vhost_ring_reset_logtype, lib.vhost_ring_reset, INFO);

#define RESET_LOG(level, fmt, ...) \
	rte_log(RTE_LOG_ ## level, vhost_ring_reset_logtype, \
		"vhost_ring_reset: " fmt "\n", ## __VA_ARGS__)

#define RING_RESET_FEATURE (UINT64_C(1) << 40)	/* VIRTIO_F_RING_RESET, virtio 1.2, section 6 */
#define STATUS_DRIVER_OK 0x4u			/* virtio 1.2, section 2.1 */

#define CONNECTIONS_MAX 1024	/* librte_vhost's limit of devices, which bounds a vid */
#define RINGS_MAX 256		/* librte_vhost's limit of rings of a device */

/* What is known of a ring. ENABLED mirrors librte_vhost, which has no call that tells it. */
#define RING_ENABLED 0x1u	/* the library may touch it */
#define RING_USED 0x2u		/* has been enabled on this connection */
#define RING_STOPPED 0x4u	/* stopped alone, not kicked since */
#define RING_REPORTED 0x8u		/* ring_stopped() was called, ring_started() is due */

struct connection {
	bool attached;
	bool acked;	/* the front-end acknowledged bit 40 */
	bool acking;	/* so says the SET_FEATURES under way; counts once the library took it */
	uint8_t status;	/* the last SET_STATUS */
	uint8_t rings[RINGS_MAX];
	struct vhost_ring_reset_notify notify;
	void *arg;
};

/*
 * Written by librte_vhost's message thread, read by any. The lock is never held over a call-back or
 * a library call that locks: rte_vhost_driver_unregister() calls the application with the library's
 * own mutex held, and the application may come here from there.
 */
static struct connection connections[CONNECTIONS_MAX];
static pthread_mutex_t connections_lock = PTHREAD_MUTEX_INITIALIZER;

/* Returns locked, or NULL and not locked. */
static struct connection *
connection_get(int vid)
{
	struct connection *conn;

	if (vid < 0 || vid >= CONNECTIONS_MAX)
		return NULL;
	conn = &connections[vid];
	pthread_mutex_lock(&connections_lock);
	if (conn->attached)
		return conn;
	pthread_mutex_unlock(&connections_lock);
	return NULL;
}

static void
connection_put(void)
{
	pthread_mutex_unlock(&connections_lock);
}

/* The socket's path, if bit 40 can be offered on it. */
static bool
offered_on(int vid, char *path, size_t size)
{
	struct connection *conn = connection_get(vid);

	if (conn == NULL)
		return false;
	connection_put();
	/* The indices of a vDPA device are not in librte_vhost's hands. */
	return rte_vhost_get_ifname(vid, path, size) == 0 &&
		rte_vhost_driver_get_vdpa_device(path) == NULL;
}

static enum rte_vhost_msg_result
get_features(int vid, struct vhost_user_msg *msg)
{
	char path[PATH_MAX];
	uint64_t features;

	if (!offered_on(vid, path, sizeof(path)) ||
			rte_vhost_driver_get_features(path, &features) != 0)
		return RTE_VHOST_MSG_RESULT_NOT_HANDLED;
	msg->payload.u64 = features | RING_RESET_FEATURE;
	msg->size = sizeof(msg->payload.u64);
	return RTE_VHOST_MSG_RESULT_REPLY;
}

/* librte_vhost refuses bits that it did not offer itself: this one it must not see. */
static void
strip_feature(int vid, struct vhost_user_msg *msg)
{
	char path[PATH_MAX];
	struct connection *conn;

	if (!offered_on(vid, path, sizeof(path)))
		return;
	conn = connection_get(vid);
	if (conn == NULL)
		return;
	conn->acking = (msg->payload.u64 & RING_RESET_FEATURE) != 0;
	msg->payload.u64 &= ~RING_RESET_FEATURE;
	connection_put();
}

/* Called with the connection locked. */
static bool
device_runs(int vid, const struct connection *conn)
{
	uint64_t protocol_features;
	unsigned int i;

	if (rte_vhost_get_negotiated_protocol_features(vid, &protocol_features) == 0 &&
			(protocol_features & (UINT64_C(1) << VHOST_USER_PROTOCOL_F_STATUS)) != 0)
		return (conn->status & STATUS_DRIVER_OK) != 0;

	/*
	 * Nothing else tells a device stop from the stop of a ring. Where no ring is enabled,
	 * stopping the device takes nothing from anybody.
	 */
	for (i = 0; i < RINGS_MAX; i++)
		if ((conn->rings[i] & RING_ENABLED) != 0)
			return true;
	return false;
}

/* The request has failed, and the front-end gets an error. Clears the flags that it has set. */
static void
forget_stop(int vid, uint32_t index, uint8_t noted)
{
	struct connection *conn = connection_get(vid);

	if (conn == NULL)
		return;
	conn->rings[index] &= ~noted;
	connection_put();
}

static enum rte_vhost_msg_result
get_vring_base(int vid, struct vhost_user_msg *msg)
{
	uint32_t index = msg->payload.state.index;
	struct vhost_ring_reset_notify notify;
	struct connection *conn;
	uint16_t avail, used;
	uint8_t *ring, before, noted;
	bool alone, enabled, tell;
	void *arg;

	if (index >= RINGS_MAX) {
		RESET_LOG(ERR, "device %d: GET_VRING_BASE of ring %u refused, rings are 0 to %u",
			vid, index, RINGS_MAX - 1);
		return RTE_VHOST_MSG_RESULT_ERR;
	}

	conn = connection_get(vid);
	if (conn == NULL)
		return RTE_VHOST_MSG_RESULT_NOT_HANDLED;
	ring = &conn->rings[index];
	alone = conn->acked && device_runs(vid, conn);
	enabled = (*ring & RING_ENABLED) != 0;
	if (!alone || enabled) {
		/* The library closes the ring's kick, so it is not ready before a new one. */
		*ring &= ~RING_STOPPED;
		connection_put();
		if (alone)
			RESET_LOG(WARNING,
				"device %d: GET_VRING_BASE of ring %u, which is still enabled: "
				"the whole device stops (SET_VRING_ENABLE 0 first stops it alone)",
				vid, index);
		return RTE_VHOST_MSG_RESULT_NOT_HANDLED;
	}
	tell = (*ring & (RING_USED | RING_REPORTED)) == RING_USED;
	before = *ring;
	*ring |= RING_STOPPED;
	if (tell)
		*ring |= RING_REPORTED;
	noted = *ring & ~before;
	notify = conn->notify;
	arg = conn->arg;
	connection_put();

	/* No lock needed: the ring is disabled, only this thread could change its indices. */
	if (rte_vhost_get_vring_base(vid, index, &avail, &used) != 0) {
		forget_stop(vid, index, noted);
		RESET_LOG(ERR, "device %d: ring %u has no base to tell", vid, index);
		return RTE_VHOST_MSG_RESULT_ERR;
	}
	if (tell && notify.ring_stopped != NULL)
		notify.ring_stopped(vid, index, arg);
	RESET_LOG(DEBUG, "device %d: ring %u stopped at base 0x%x", vid, index, avail);
	msg->payload.state.num = avail;
	msg->size = sizeof(msg->payload.state);
	return RTE_VHOST_MSG_RESULT_REPLY;
}

static enum rte_vhost_msg_result
before_ring_enable(int vid, const struct vhost_user_msg *msg)
{
	uint32_t index = msg->payload.state.index;
	struct connection *conn;
	bool stopped;

	if (index >= RINGS_MAX || msg->payload.state.num == 0)
		return RTE_VHOST_MSG_RESULT_NOT_HANDLED;
	conn = connection_get(vid);
	if (conn == NULL)
		return RTE_VHOST_MSG_RESULT_NOT_HANDLED;
	stopped = (conn->rings[index] & RING_STOPPED) != 0;
	connection_put();
	if (!stopped)
		return RTE_VHOST_MSG_RESULT_NOT_HANDLED;

	/* The library still has the old addresses and would go on where it was. */
	RESET_LOG(ERR,
		"device %d: SET_VRING_ENABLE 1 of stopped ring %u refused, SET_VRING_KICK is first",
		vid, index);
	return RTE_VHOST_MSG_RESULT_ERR;
}

/* The library's locks keep bursts out of the ring until the message is done with. */
static void
after_ring_enabled(int vid, uint32_t index)
{
	struct connection *conn = connection_get(vid);
	struct vhost_ring_reset_notify notify;
	bool tell;
	void *arg;

	if (conn == NULL)
		return;
	tell = (conn->rings[index] & RING_REPORTED) != 0;
	conn->rings[index] = RING_ENABLED | RING_USED;
	notify = conn->notify;
	arg = conn->arg;
	connection_put();
	if (tell && notify.ring_started != NULL)
		notify.ring_started(vid, index, arg);
}

static void
after_ring_disabled(int vid, uint32_t index)
{
	struct connection *conn = connection_get(vid);

	if (conn == NULL)
		return;
	conn->rings[index] &= ~RING_ENABLED;
	connection_put();
}

static void
after_ring_kicked(int vid, uint32_t index)
{
	struct connection *conn = connection_get(vid);
	uint64_t features = 0;

	if (conn == NULL)
		return;
	conn->rings[index] &= ~RING_STOPPED;
	connection_put();
	/* Without SET_VRING_ENABLE in the protocol a ring is enabled from its start. */
	if (rte_vhost_get_negotiated_features(vid, &features) == 0 &&
			(features & (UINT64_C(1) << VHOST_USER_F_PROTOCOL_FEATURES)) == 0)
		after_ring_enabled(vid, index);
}

static void
after_reset_owner(int vid)
{
	struct connection *conn = connection_get(vid);
	unsigned int i;

	if (conn == NULL)
		return;
	conn->acked = false;
	for (i = 0; i < RINGS_MAX; i++)
		conn->rings[i] &= ~(RING_ENABLED | RING_STOPPED);
	connection_put();
}

static enum rte_vhost_msg_result
pre_msg_handle(int vid, void *data)
{
	struct vhost_user_msg *msg = data;

	switch (msg->request) {
	case VHOST_USER_MSG_GET_FEATURES:
		return get_features(vid, msg);
	case VHOST_USER_MSG_SET_FEATURES:
		strip_feature(vid, msg);
		break;
	case VHOST_USER_MSG_GET_VRING_BASE:
		return get_vring_base(vid, msg);
	case VHOST_USER_MSG_SET_VRING_ENABLE:
		return before_ring_enable(vid, msg);
	default:
		break;
	}
	return RTE_VHOST_MSG_RESULT_NOT_HANDLED;
}

/* Called only for messages that were not refused; what is noted here did happen. */
static enum rte_vhost_msg_result
post_msg_handle(int vid, void *data)
{
	const struct vhost_user_msg *msg = data;
	struct connection *conn;

	switch (msg->request) {
	case VHOST_USER_MSG_SET_FEATURES:
		conn = connection_get(vid);
		if (conn != NULL) {
			conn->acked = conn->acking;
			connection_put();
		}
		break;
	case VHOST_USER_MSG_SET_STATUS:
		conn = connection_get(vid);
		if (conn != NULL) {
			conn->status = msg->payload.u64;
			connection_put();
		}
		break;
	case VHOST_USER_MSG_SET_VRING_KICK:
		after_ring_kicked(vid, msg->payload.u64 & VHOST_USER_MSG_VRING_INDEX_MASK);
		break;
	case VHOST_USER_MSG_SET_VRING_ENABLE:
		if (msg->payload.state.index >= RINGS_MAX)
			break;
		if (msg->payload.state.num != 0)
			after_ring_enabled(vid, msg->payload.state.index);
		else
			after_ring_disabled(vid, msg->payload.state.index);
		break;
	case VHOST_USER_MSG_RESET_OWNER:
		after_reset_owner(vid);
		break;
	default:
		break;
	}
	/* Leaves the library's own verdict on the message as it is. */
	return RTE_VHOST_MSG_RESULT_NOT_HANDLED;
}

int
vhost_ring_reset_attach(int vid, const struct vhost_ring_reset_notify *notify, void *arg)
{
	static const struct rte_vhost_user_extern_ops ops = {
		.pre_msg_handle = pre_msg_handle,
		.post_msg_handle = post_msg_handle,
	};
	struct connection *conn;

	if (vid < 0 || vid >= CONNECTIONS_MAX)
		return -EINVAL;
	if (rte_vhost_get_vring_num(vid) != 0) {
		RESET_LOG(ERR, "device %d has rings already: attach in new_connection", vid);
		return -EBUSY;
	}

	conn = &connections[vid];
	pthread_mutex_lock(&connections_lock);
	memset(conn, 0, sizeof(*conn));
	if (notify != NULL)
		conn->notify = *notify;
	conn->arg = arg;
	conn->attached = true;
	pthread_mutex_unlock(&connections_lock);

	if (rte_vhost_extern_callback_register(vid, &ops, NULL) != 0) {
		vhost_ring_reset_detach(vid);
		return -ENODEV;
	}
	return 0;
}

void
vhost_ring_reset_detach(int vid)
{
	struct connection *conn = connection_get(vid);

	if (conn == NULL)
		return;
	/* The handlers stay registered, they do nothing now: to take them away would be a race. */
	memset(conn, 0, sizeof(*conn));
	connection_put();
}

bool
vhost_ring_reset_negotiated(int vid)
{
	struct connection *conn = connection_get(vid);
	bool acked;

	if (conn == NULL)
		return false;
	acked = conn->acked;
	connection_put();
	return acked;
}
