/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * A connection to a back-end: made, agreed on, watched and ended.
 *
 * How a vhost-user back-end stops one ring cannot be asked for: ENABLE 0 and GET_VRING_BASE mean
 * different things to different products (table in doc/guides/nics/virtio/queue-reset.rst). The
 * method is a named value, chosen in choose_stop_method() from what the back-end offers, logged,
 * and overridable by the user.
 */

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_eal_memconfig.h>
#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_string_fns.h>

#include "vhost_user_kicks.h"
#include "vhost_user_private.h"
#include "virtio_log.h"

/*
 * Longest time without an answer, for everything but a stop, which has the user's own limit: a
 * back-end may map gigabytes first.
 */
#define ANSWER_TIMEOUT_US 10000000

/* At probe, after a client that did not complete the handshake. */
#define CLIENT_PAUSE_MS 100

/* Protocol features that this front-end has a use for. */
#define OUR_PROTOCOL_FEATURES (VIRTIO_BIT(VHOST_USER_PROTOCOL_F_MQ) | \
			       VIRTIO_BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK) | \
			       VIRTIO_BIT(VHOST_USER_PROTOCOL_F_MEM_SLOTS) | \
			       VIRTIO_BIT(VHOST_USER_PROTOCOL_F_STATUS))

/* Those of the marks that others lack altogether: some of them is an ambiguous answer. */
#define LIBRTE_VHOST_HINTS (VIRTIO_BIT(VHOST_USER_PROTOCOL_F_RARP) | \
			    VIRTIO_BIT(VHOST_USER_PROTOCOL_F_NET_MTU) | \
			    VIRTIO_BIT(VHOST_USER_PROTOCOL_F_CRYPTO_SESSION))

/* The choice, with its reason for the log. */
static enum virtio_stop_method
choose_stop_method(const struct vhost_user *vu, const char **why)
{
	const uint64_t offer = vu->protocol_offer;

	switch (vu->policy) {
	case VHOST_USER_STOP_GET_BASE:
		*why = "queue_reset=get_base";
		return VIRTIO_STOP_VHOST_GET_BASE;
	case VHOST_USER_STOP_DISABLE:
		*why = "queue_reset=disable";
		return VIRTIO_STOP_VHOST_DISABLE_ACK;
	case VHOST_USER_STOP_OFF:
		*why = "queue_reset=off";
		return VIRTIO_STOP_NONE;
	case VHOST_USER_STOP_AUTO:
		break;
	}
	if (vu->features & VIRTIO_BIT(VIRTIO_F_RING_RESET)) {
		*why = "the back-end offers VIRTIO_F_RING_RESET";
		return VIRTIO_STOP_VHOST_GET_BASE;
	}
	/* get_base in doubt: by the specification GET_VRING_BASE stops a ring, ENABLE 0 may not. */
	if (offer & NOT_LIBRTE_VHOST) {
		*why = "the back-end is not librte_vhost, it offers DEVICE_STATE";
		return VIRTIO_STOP_VHOST_GET_BASE;
	}
	if ((offer & LIBRTE_VHOST_MARKS) == LIBRTE_VHOST_MARKS) {
		*why = "the back-end offers what librte_vhost does";
		return VIRTIO_STOP_VHOST_DISABLE_ACK;
	}
	if ((offer & LIBRTE_VHOST_HINTS) == 0) {
		*why = "the back-end is not librte_vhost";
		return VIRTIO_STOP_VHOST_GET_BASE;
	}
	*why = "the back-end may or may not be librte_vhost: give queue_reset=disable if it "
	       "is, queue_reset=get_base if it is not";
	return VIRTIO_STOP_NONE;
}

static int
set_stop_method(struct virtio_device *dev)
{
	struct vhost_user *vu = dev->priv;
	const char *why;

	dev->stop_method = choose_stop_method(vu, &why);
	if (dev->stop_method == VIRTIO_STOP_VHOST_DISABLE_ACK &&
	    (!vu_has_enable(vu) || !vu_speaks(vu, VHOST_USER_PROTOCOL_F_REPLY_ACK))) {
		VIRTIO_INIT_LOG(ERR, "%s: queue_reset=disable needs a back-end that offers "
				"REPLY_ACK, and this one does not. Try queue_reset=get_base.",
				dev->name);
		return -ENOTSUP;
	}
	VIRTIO_INIT_LOG(NOTICE, "%s: single queues are stopped by: %s (%s)", dev->name,
			virtio_stop_method_name(dev->stop_method), why);
	virtio_device_note_connection(dev, why);
	return 0;
}

/* What is said once a connection, before any device life. */
static int
do_handshake(struct virtio_device *dev)
{
	struct vhost_user *vu = dev->priv;
	struct vhost_user_msg owner = { .request = VHOST_USER_SET_OWNER };
	uint64_t pairs = 1;
	uint64_t slots = 0;
	int ret;

	vu_forget_answers(vu);
	vu->protocol_offer = 0;
	vu->protocol = 0;
	vu->mem_sent = false;
	vu_forget_rings(vu);

	ret = vhost_user_send(&vu->ch, &owner, NULL, 0, NULL);
	if (ret == 0)
		ret = vu_get_u64(vu, VHOST_USER_GET_FEATURES, &vu->features);
	if (ret == 0 && vu_has_enable(vu)) {
		ret = vu_get_u64(vu, VHOST_USER_GET_PROTOCOL_FEATURES, &vu->protocol_offer);
		vu->protocol = vu->protocol_offer & OUR_PROTOCOL_FEATURES;
		/* A region that is refused must not go unnoticed. */
		if (!vu_speaks(vu, VHOST_USER_PROTOCOL_F_REPLY_ACK))
			vu->protocol &= ~VIRTIO_BIT(VHOST_USER_PROTOCOL_F_MEM_SLOTS);
		if (ret == 0)
			ret = vu_send_u64(vu, VHOST_USER_SET_PROTOCOL_FEATURES, vu->protocol, NULL);
	}
	if (ret == 0 && vu_speaks(vu, VHOST_USER_PROTOCOL_F_MEM_SLOTS))
		ret = vu_get_u64(vu, VHOST_USER_GET_MAX_MEM_SLOTS, &slots);
	vu->max_slots = RTE_MIN(slots, (uint64_t)VHOST_MEM_MAX_REGIONS);
	vu->max_regions = vu->max_slots != 0 ? vu->max_slots : VHOST_USER_MAX_REGIONS;
	if (ret == 0 && vu_speaks(vu, VHOST_USER_PROTOCOL_F_MQ))
		ret = vu_get_u64(vu, VHOST_USER_GET_QUEUE_NUM, &pairs);
	if (ret != 0) {
		VIRTIO_INIT_LOG(ERR, "%s: the handshake with the back-end on %s failed: %s",
				dev->name, vu->path, rte_strerror(-ret));
		return ret;
	}
	if (pairs * 2 < vu->nb_rings) {
		VIRTIO_INIT_LOG(ERR, "%s: queues=%u is not possible, the back-end on %s supports "
				"at most %" PRIu64 ". Use fewer queues, or give the back-end "
				"more.", dev->name, vu->nb_rings / 2, vu->path, pairs);
		return -EINVAL;
	}
	ret = set_stop_method(dev);
	return ret != 0 ? ret : vu_get_features(dev, &dev->offered);
}

static int
connect_to_back_end(struct vhost_user *vu, bool wait)
{
	const int fd = vu->server ? vhost_user_accept(&vu->listener, &vu->ch, vu->path, wait) :
				    vhost_user_connect(&vu->ch, vu->path);

	if (fd < 0)
		return fd;
	vhost_user_channel_open(&vu->ch, fd);
	return 0;
}

/* All of them, whatever is used later: a limit is met here or not at all. */
static int
open_descriptors(struct virtio_device *dev)
{
	struct vhost_user *vu = dev->priv;
	uint16_t i;
	int ret;

	for (i = 0; i < vu->nb_rings; i++) {
		vu->rings[i].call_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		if (vu->rings[i].call_fd < 0) {
			ret = -errno;
			VIRTIO_INIT_LOG(ERR, "%s: event descriptors for %u rings cannot be opened: "
					"%s%s", dev->name, vu->nb_rings, rte_strerror(-ret),
					ret == -EMFILE ? VHOST_USER_MORE_FILES : "");
			return ret;
		}
	}
	return vhost_user_kicks_create(dev, vu->nb_rings);
}

/*
 * As server: a client that closes the connection or stays silent, such as a program that only tests
 * the socket, is no reason to end the probe. The next one is waited for.
 */
static int
first_connection(struct virtio_device *dev)
{
	struct vhost_user *vu = dev->priv;
	int ret;

	for (;;) {
		ret = connect_to_back_end(vu, true);
		if (ret != 0)
			return ret;
		ret = do_handshake(dev);
		if (!vu->server || (ret != -ENODEV && ret != -ETIMEDOUT))
			return ret;
		vhost_user_channel_close(&vu->ch);
		/* A client may connect in a loop. */
		if (poll(NULL, 0, CLIENT_PAUSE_MS) < 0)
			return -errno;
	}
}

int
vhost_user_create(struct virtio_device *dev, const struct vhost_user_conf *conf)
{
	struct vhost_user *vu;
	uint16_t i;
	int ret;

	if (conf->nb_rings > VHOST_USER_MAX_RINGS) {
		VIRTIO_INIT_LOG(ERR, "%s: %u rings are not possible, vhost-user supports at most "
				"%u. Use fewer queues.", dev->name, conf->nb_rings,
				VHOST_USER_MAX_RINGS);
		return -EINVAL;
	}
	vu = rte_zmalloc("vhost_user", sizeof(*vu), 0);
	if (vu == NULL)
		return -ENOMEM;
	dev->priv = vu;
	vu->listener.fd = -1;
	vu->server = conf->server;
	vu->policy = conf->stop;
	vu->answer_timeout_us =
		conf->answer_timeout_us != 0 ? conf->answer_timeout_us : ANSWER_TIMEOUT_US;
	vu->nb_rings = conf->nb_rings;
	ret = vhost_user_channel_init(&vu->ch, dev->name);
	vu->ch.cancels = &dev->cancels;
	vu->ch.ends_us = &dev->ends_us;
	if (ret != 0) {
		vu->nb_rings = 0;
		goto fail;
	}
	vu->rings = rte_calloc("vhost_user", vu->nb_rings, sizeof(*vu->rings), 0);
	if (vu->rings == NULL) {
		vu->nb_rings = 0;
		ret = -ENOMEM;
		goto fail;
	}
	for (i = 0; i < vu->nb_rings; i++)
		vu->rings[i].call_fd = -1;
	if (rte_strscpy(vu->path, conf->path, sizeof(vu->path)) < 0) {
		VIRTIO_INIT_LOG(ERR, "%s: path= has %zu characters, the path of a socket can have "
				"%zu. Use a shorter path.", dev->name, strlen(conf->path),
				sizeof(vu->path) - 1);
		ret = -EINVAL;
		goto fail;
	}
	ret = open_descriptors(dev);
	if (ret != 0)
		goto fail;

	vu->ch.ends_by_signal = true;
	if (vu->server)
		ret = vhost_user_listen(&vu->listener, &vu->ch, vu->path);
	if (ret == 0)
		ret = first_connection(dev);
	vu->ch.ends_by_signal = false;
	if (ret != 0)
		goto fail;

	ret = vu_watch_memory(dev);
	if (ret != 0)
		goto fail;
	return 0;

fail:
	vhost_user_destroy(dev);
	return ret;
}

void
vhost_user_destroy(struct virtio_device *dev)
{
	struct vhost_user *vu = dev->priv;
	uint16_t i;

	if (vu == NULL)
		return;
	vu_unwatch_memory(dev);
	vhost_user_channel_fini(&vu->ch);
	vhost_user_unlisten(&vu->listener, vu->path);
	for (i = 0; i < vu->attached.table.count; i++)
		close(vu->attached.fds[i]);
	vhost_user_kicks_close(dev);
	for (i = 0; i < vu->nb_rings; i++) {
		if (vu->rings[i].call_fd >= 0)
			close(vu->rings[i].call_fd);
	}
	rte_free(vu->rings);
	rte_free(vu);
	dev->priv = NULL;
}

int
vhost_user_reconnect(struct virtio_device *dev)
{
	struct vhost_user *vu = dev->priv;
	int ret;

	/* A memory event from now on is covered by the table that the next connection gets. */
	rte_mcfg_mem_write_lock();
	vu->mem_sent = false;
	rte_mcfg_mem_write_unlock();
	vhost_user_channel_close(&vu->ch);
	ret = connect_to_back_end(vu, false);
	if (ret == 0)
		ret = do_handshake(dev);
	if (ret != 0)
		vhost_user_channel_close(&vu->ch);
	return ret;
}

bool
vhost_user_is_up(struct virtio_device *dev)
{
	struct vhost_user *vu = dev->priv;

	return vhost_user_is_connected(&vu->ch);
}

int
vhost_user_watch_fd(struct virtio_device *dev)
{
	const struct vhost_user *vu = dev->priv;

	return vu->ch.gone && vu->server ? vu->listener.fd : vu->ch.fd;
}

short
vhost_user_watch_events(struct virtio_device *dev)
{
	const struct vhost_user *vu = dev->priv;

	if (vu->ch.gone)
		return vu->server ? POLLIN : 0;
	/* The thread that waits for an answer reads it: no other thread is to wake up for it. */
	return POLLRDHUP;
}

void
vhost_user_disconnect(struct virtio_device *dev)
{
	struct vhost_user *vu = dev->priv;

	vhost_user_give_up(&vu->ch, "the reset or the start of the port failed");
}

int
vhost_user_call_fd(struct virtio_device *dev, uint16_t index)
{
	const struct vhost_user *vu = dev->priv;

	return vu->rings[index].call_fd;
}
