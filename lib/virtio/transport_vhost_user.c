/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * How a vhost-user back-end stops one ring cannot be asked for: ENABLE 0 and GET_VRING_BASE mean
 * different things to different products (table in doc/guides/nics/virtio/queue-reset.rst). The
 * method is a named value, chosen in choose_stop_method() from what the back-end offers, logged,
 * and overridable by the user.
 *
 * SET_FEATURES and SET_OWNER are no part of a ring's life: some back-ends disable all rings then.
 */

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/un.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_eal_memconfig.h>
#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_memory.h>
#include <rte_string_fns.h>

#include "transport_vhost_user.h"
#include "vhost_mem.h"
#include "vhost_user_kicks.h"
#include "vhost_user_msg.h"
#include "vhost_user_socket.h"
#include "virtio_log.h"
#include "virtqueue.h"

/*
 * Longest time without an answer, for everything but a stop, which has the user's own limit: a
 * back-end may map gigabytes first.
 */
#define ANSWER_TIMEOUT_US 10000000

/* Protocol features that this front-end has a use for. */
#define OUR_PROTOCOL_FEATURES (VIRTIO_BIT(VHOST_USER_PROTOCOL_F_MQ) | \
			       VIRTIO_BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK) | \
			       VIRTIO_BIT(VHOST_USER_PROTOCOL_F_STATUS))

/* Offered together by librte_vhost and by no other back-end known to us. */
#define LIBRTE_VHOST_MARKS (VIRTIO_BIT(VHOST_USER_PROTOCOL_F_RARP) | \
			    VIRTIO_BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK) | \
			    VIRTIO_BIT(VHOST_USER_PROTOCOL_F_NET_MTU) | \
			    VIRTIO_BIT(VHOST_USER_PROTOCOL_F_CRYPTO_SESSION))

/* Those of the marks that others lack altogether: some of them is an ambiguous answer. */
#define LIBRTE_VHOST_HINTS (VIRTIO_BIT(VHOST_USER_PROTOCOL_F_RARP) | \
			    VIRTIO_BIT(VHOST_USER_PROTOCOL_F_NET_MTU) | \
			    VIRTIO_BIT(VHOST_USER_PROTOCOL_F_CRYPTO_SESSION))

/* Offered by no librte_vhost up to DPDK 26.07; passt offers it beside two of the hints. */
#define NOT_LIBRTE_VHOST VIRTIO_BIT(VHOST_USER_PROTOCOL_F_DEVICE_STATE)

struct ring {
	int call_fd; /* the kick's is each process's own, see vhost_user_kicks.h */
	bool sent; /* set up since the device's last reset: a device stop must name it */
	struct vhost_user_reply setup;
	struct vhost_user_reply stop;
	bool stop_asked; /* all of the request went out: its answers are a proof */
};

struct vhost_user {
	struct vhost_user_channel ch;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	bool server;
	struct vhost_user_listener listener;
	enum vhost_user_stop_policy policy;
	uint32_t answer_timeout_us;
	uint64_t features;       /* the back-end's offer */
	uint64_t protocol_offer; /* the back-end's offer */
	uint64_t protocol;       /* in force */
	bool mem_sent;
	bool mem_stale; /* the back-end may not have mem: another table is due */
	struct vhost_mem mem;    /* the last table that was sent */
	struct vhost_mem attached; /* the application's own memory, descriptors ours */
	struct vhost_user_reply handshake;
	struct vhost_user_reply control;
	struct vhost_user_reply mem_event;
	struct vhost_user_reply reset;
	bool reset_asked;
	bool mem_events; /* the call-back is registered */
	uint16_t nb_rings;
	struct ring *rings;
};

static bool
speaks(const struct vhost_user *vu, unsigned int protocol_bit)
{
	return (vu->protocol & VIRTIO_BIT(protocol_bit)) != 0;
}

/* ENABLE exists only where protocol features do; without them a ring runs from KICK on. */
static bool
has_enable(const struct vhost_user *vu)
{
	return (vu->features & VIRTIO_BIT(VHOST_USER_F_PROTOCOL_FEATURES)) != 0;
}

static struct vhost_user_reply *
ack(struct vhost_user *vu, struct vhost_user_reply *reply)
{
	return speaks(vu, VHOST_USER_PROTOCOL_F_REPLY_ACK) ? reply : NULL;
}

static int
send_u64(struct vhost_user *vu, uint32_t request, uint64_t value, struct vhost_user_reply *reply)
{
	struct vhost_user_msg msg = {
		.request = request, .size = sizeof(uint64_t), .payload.u64 = value
	};

	return vhost_user_send(&vu->ch, &msg, NULL, 0, reply);
}

static int
send_ring(struct vhost_user *vu, uint32_t request, uint16_t index, uint32_t num,
	  struct vhost_user_reply *reply)
{
	struct vhost_user_msg msg = {
		.request = request, .size = sizeof(msg.payload.state),
		.payload.state = { .index = index, .num = num },
	};

	return vhost_user_send(&vu->ch, &msg, NULL, 0, reply);
}

static int
send_ring_fd(struct vhost_user *vu, uint32_t request, uint16_t index, int fd,
	     struct vhost_user_reply *reply)
{
	struct vhost_user_msg msg = {
		.request = request, .size = sizeof(uint64_t), .payload.u64 = index
	};

	return vhost_user_send(&vu->ch, &msg, &fd, 1, reply);
}

static int
get_u64(struct vhost_user *vu, uint32_t request, uint64_t *value)
{
	struct vhost_user_msg msg = { .request = request };
	int ret = vhost_user_send(&vu->ch, &msg, NULL, 0, &vu->handshake);

	if (ret == 0)
		ret = vhost_user_wait(&vu->ch, &vu->handshake, vu->answer_timeout_us);
	*value = vu->handshake.value;
	return ret;
}

/* Sends a control message and waits for its acknowledgement where there is such a thing. */
static int
control_u64(struct vhost_user *vu, uint32_t request, uint64_t value)
{
	int ret;

	vhost_user_reply_begin(&vu->control);
	ret = send_u64(vu, request, value, ack(vu, &vu->control));
	return ret != 0 ? ret : vhost_user_wait(&vu->ch, &vu->control, vu->answer_timeout_us);
}

static int
vu_get_features(struct virtio_device *dev, uint64_t *features)
{
	const struct vhost_user *vu = dev->priv;

	/*
	 * virtio-user is driver and device in one: the device half can stop a ring, so it offers
	 * to.
	 */
	*features = vu->features;
	/*
	 * Every stop of a ring on librte_vhost begins with ENABLE 0, over which it keeps its notion
	 * of the entry that was signalled last: the ring's next life would lack interrupts.
	 */
	if ((vu->protocol_offer & LIBRTE_VHOST_MARKS) == LIBRTE_VHOST_MARKS)
		*features &= ~VIRTIO_BIT(VIRTIO_RING_F_EVENT_IDX);
	if (dev->stop_method != VIRTIO_STOP_NONE)
		*features |= VIRTIO_BIT(VIRTIO_F_RING_RESET);
	else
		*features &= ~VIRTIO_BIT(VIRTIO_F_RING_RESET);
	return 0;
}

/*
 * Tells the back-end which memory there is, where that has changed. EAL's memory lock is held, and
 * so a table that is older than an event cannot overtake the event's own.
 */
static int
send_mem_table(struct vhost_user *vu, const void *gone, size_t gone_len,
	       struct vhost_user_reply *reply, bool event)
{
	struct vhost_user_msg msg = {
		.request = VHOST_USER_SET_MEM_TABLE, .size = sizeof(msg.payload.mem)
	};
	struct vhost_mem mem;
	int ret;

	vhost_user_reply_begin(reply);
	ret = vhost_mem_read(&mem, &vu->attached, gone, gone_len);
	if (ret != 0)
		return ret;
	if (vu->mem_sent && !vu->mem_stale && memcmp(&mem, &vu->mem, sizeof(mem)) == 0)
		return 0;
	msg.size = offsetof(struct vhost_user_mem_table, regions) +
		   mem.table.count * sizeof(mem.table.regions[0]);
	msg.payload.mem = mem.table;
	ret = event ? vhost_user_send_through(&vu->ch, &msg, mem.fds, mem.table.count,
					      ack(vu, reply)) :
		      vhost_user_send(&vu->ch, &msg, mem.fds, mem.table.count, ack(vu, reply));
	vu->mem_stale = ret != 0;
	if (ret == 0) {
		vu->mem = mem;
		vu->mem_sent = true;
	}
	return ret;
}

/* Makes up for a table that could not be sent, before anything that may name the new memory. */
static int
renew_mem_table(struct vhost_user *vu, struct vhost_user_reply *reply)
{
	int ret = 0;

	rte_mcfg_mem_read_lock();
	if (vu->mem_sent && vu->mem_stale)
		ret = send_mem_table(vu, NULL, 0, reply, false);
	rte_mcfg_mem_read_unlock();
	return ret;
}

static int
vu_set_features(struct virtio_device *dev, uint64_t features)
{
	struct vhost_user *vu = dev->priv;
	int ret;

	/* A bit that the back-end did not offer, RING_RESET of our own above all, ends here. */
	features |= VIRTIO_BIT(VHOST_USER_F_PROTOCOL_FEATURES);
	ret = control_u64(vu, VHOST_USER_SET_FEATURES, features & vu->features);
	if (ret != 0)
		return ret;

	rte_mcfg_mem_read_lock();
	vu->mem_sent = false;
	ret = send_mem_table(vu, NULL, 0, &vu->control, false);
	rte_mcfg_mem_read_unlock();
	return ret != 0 ? ret : vhost_user_wait(&vu->ch, &vu->control, vu->answer_timeout_us);
}

static int
vu_set_status(struct virtio_device *dev, uint8_t status)
{
	struct vhost_user *vu = dev->priv;

	if (!speaks(vu, VHOST_USER_PROTOCOL_F_STATUS))
		return 0;
	return control_u64(vu, VHOST_USER_SET_STATUS, status);
}

static int
vu_get_status(struct virtio_device *dev, uint8_t *status)
{
	struct vhost_user *vu = dev->priv;
	uint64_t value;
	int ret;

	*status = dev->status;
	if (!speaks(vu, VHOST_USER_PROTOCOL_F_STATUS))
		return 0;
	ret = get_u64(vu, VHOST_USER_GET_STATUS, &value);
	*status = value;
	return ret;
}

/*
 * Indices 0; of a packed ring with the wrap counters 1, the device's next available descriptor in
 * the lower half, the used one in the upper half, which some back-ends read and some do not.
 */
static uint32_t
fresh_base(const struct virtqueue *vq)
{
	return vq->conf.packed ? 0x80008000 : 0;
}

/*
 * The messages are sent in one go and their answers looked at in vu_queue_enable(). KICK is what
 * starts a ring, so it comes when all else is known.
 */
static int
vu_queue_setup(struct virtqueue *vq)
{
	struct vhost_user *vu = vq->dev->priv;
	struct ring *ring = &vu->rings[vq->index];
	struct vhost_user_reply *reply = ack(vu, &ring->setup);
	struct vhost_user_msg addr = {
		.request = VHOST_USER_SET_VRING_ADDR, .size = sizeof(addr.payload.addr),
		.payload.addr = {
			.index = vq->index, .desc = (uintptr_t)vq->desc,
			.avail = (uintptr_t)vq->avail, .used = (uintptr_t)vq->used,
		},
	};
	int ret;

	ring->sent = true;
	vhost_user_reply_begin(&ring->setup);
	ret = renew_mem_table(vu, &ring->setup);
	if (ret == 0)
		ret = send_ring(vu, VHOST_USER_SET_VRING_NUM, vq->index, vq->size, reply);
	if (ret == 0)
		ret = send_ring(vu, VHOST_USER_SET_VRING_BASE, vq->index, fresh_base(vq), reply);
	if (ret == 0)
		ret = vhost_user_send(&vu->ch, &addr, NULL, 0, reply);
	if (ret == 0)
		ret = send_ring_fd(vu, VHOST_USER_SET_VRING_CALL, vq->index, ring->call_fd, reply);
	if (ret == 0)
		ret = send_ring_fd(vu, VHOST_USER_SET_VRING_KICK, vq->index,
				   vhost_user_kick_fd(vq->dev, vq->index), reply);
	return ret;
}

static int
vu_queue_enable(struct virtqueue *vq)
{
	struct vhost_user *vu = vq->dev->priv;
	struct ring *ring = &vu->rings[vq->index];
	uint64_t ignored;
	int ret = 0;

	if (has_enable(vu))
		ret = send_ring(vu, VHOST_USER_SET_VRING_ENABLE, vq->index, 1,
				ack(vu, &ring->setup));
	/* Done before the first notify, or the notify may overtake it. */
	if (ret == 0)
		ret = vhost_user_wait(&vu->ch, &ring->setup, vu->answer_timeout_us);
	/*
	 * Messages are carried out in order: an answer to this one says the same without REPLY_ACK.
	 */
	if (ret == 0 && !speaks(vu, VHOST_USER_PROTOCOL_F_REPLY_ACK))
		ret = get_u64(vu, VHOST_USER_GET_FEATURES, &ignored);
	return ret;
}

static int
vu_queue_stop_ask(struct virtqueue *vq)
{
	struct vhost_user *vu = vq->dev->priv;
	struct ring *ring = &vu->rings[vq->index];
	int ret = 0;

	/* Asked before and not answered: that answer, however late, is the proof. */
	if (ring->stop_asked && !vhost_user_answered(&ring->stop))
		return 0;
	ring->stop_asked = false;
	vhost_user_reply_begin(&ring->stop);
	if (has_enable(vu))
		ret = send_ring(vu, VHOST_USER_SET_VRING_ENABLE, vq->index, 0,
				ack(vu, &ring->stop));
	if (ret == 0 && vq->dev->stop_method == VIRTIO_STOP_VHOST_GET_BASE)
		ret = send_ring(vu, VHOST_USER_GET_VRING_BASE, vq->index, 0, &ring->stop);
	ring->stop_asked = ret == 0;
	/* A back-end that is gone does not answer; vu_queue_stop_poll() says when it is done. */
	return ret == -ENODEV ? 0 : ret;
}

static int
vu_queue_stop_poll(struct virtqueue *vq)
{
	struct vhost_user *vu = vq->dev->priv;
	struct ring *ring = &vu->rings[vq->index];
	const bool gone = vhost_user_poll(&vu->ch) == -ENODEV;

	if (gone)
		return vhost_user_peer_is_done(&vu->ch) ? 0 : -EAGAIN;
	if (vu->ch.broken || !ring->stop_asked)
		return -EAGAIN;
	return vhost_user_answered(&ring->stop) ? ring->stop.error : -EAGAIN;
}

static void
vu_queue_notify(struct virtqueue *vq)
{
	const uint64_t one = 1;
	ssize_t n;

	/*
	 * Fails only with the counter at its limit: then the back-end has a wake-up waiting anyway.
	 */
	n = write(vhost_user_kick_fd(vq->dev, vq->index), &one, sizeof(one));
	RTE_SET_USED(n);
}

/* Nothing of an earlier life of the device is a proof any more; its late answers are taken. */
static void
forget_rings(struct vhost_user *vu)
{
	uint16_t i;

	for (i = 0; i < vu->nb_rings; i++) {
		vu->rings[i].sent = false;
		vu->rings[i].stop_asked = false;
	}
	vu->reset_asked = false;
}

/* No answer of an earlier connection will come. */
static void
forget_answers(struct vhost_user *vu)
{
	uint16_t i;

	for (i = 0; i < vu->nb_rings; i++) {
		vu->rings[i].setup = (struct vhost_user_reply){ 0 };
		vu->rings[i].stop = (struct vhost_user_reply){ 0 };
	}
	vu->handshake = (struct vhost_user_reply){ 0 };
	vu->control = (struct vhost_user_reply){ 0 };
	vu->mem_event = (struct vhost_user_reply){ 0 };
	vu->reset = (struct vhost_user_reply){ 0 };
}

/*
 * A device stop has no message of its own: it is the stop of every ring, after SET_STATUS 0, by
 * which a back-end with per-ring reset tells it from single stops. Its last answer proves that all
 * earlier requests have been carried out, and so there is always one: requests do not pile up at a
 * back-end that is silent through several attempts to start the port.
 */
static int
vu_reset_ask(struct virtio_device *dev)
{
	struct vhost_user *vu = dev->priv;
	struct vhost_user_msg barrier = { .request = VHOST_USER_GET_FEATURES };
	uint16_t i;
	int ret = 0;

	if (vu->reset_asked && !vhost_user_answered(&vu->reset))
		return 0;
	vu->reset_asked = false;
	vhost_user_reply_begin(&vu->reset);
	if (speaks(vu, VHOST_USER_PROTOCOL_F_STATUS))
		ret = send_u64(vu, VHOST_USER_SET_STATUS, VIRTIO_STATUS_RESET,
			       ack(vu, &vu->reset));
	for (i = 0; ret == 0 && i < vu->nb_rings; i++) {
		if (!vu->rings[i].sent)
			continue;
		if (has_enable(vu))
			ret = send_ring(vu, VHOST_USER_SET_VRING_ENABLE, i, 0, NULL);
		if (ret == 0)
			ret = send_ring(vu, VHOST_USER_GET_VRING_BASE, i, 0, &vu->reset);
	}
	if (ret == 0 && vhost_user_answered(&vu->reset))
		ret = vhost_user_send(&vu->ch, &barrier, NULL, 0, &vu->reset);
	vu->reset_asked = ret == 0;
	return ret == -ENODEV ? 0 : ret;
}

static int
vu_reset_poll(struct virtio_device *dev)
{
	struct vhost_user *vu = dev->priv;
	const bool gone = vhost_user_poll(&vu->ch) == -ENODEV;

	if (gone ? !vhost_user_peer_is_done(&vu->ch) :
	    vu->ch.broken || !vu->reset_asked || !vhost_user_answered(&vu->reset))
		return -EAGAIN;
	if (!gone && vu->reset.error != 0)
		return vu->reset.error;
	forget_rings(vu);
	return 0;
}

static void
vu_describe_silence(struct virtio_device *dev, char *text, size_t size)
{
	struct vhost_user *vu = dev->priv;

	vhost_user_describe_silence(&vu->ch, text, size);
}

static void
vu_wait(struct virtio_device *dev, uint32_t timeout_us)
{
	struct vhost_user *vu = dev->priv;

	/* The end of the grace time makes no noise on the socket. */
	vhost_user_sleep(&vu->ch, vu->ch.gone ? RTE_MIN(timeout_us, UINT32_C(5000)) : timeout_us);
}

static int
vu_attach(struct virtio_device *dev)
{
	return vhost_user_kicks_fetch(dev, dev->nb_vqs);
}

static void
vu_detach(struct virtio_device *dev)
{
	vhost_user_kicks_close(dev);
}

static const struct virtio_transport_ops vhost_user_ops = {
	.name = "vhost-user",
	.get_features = vu_get_features,
	.set_features = vu_set_features,
	.set_status = vu_set_status,
	.get_status = vu_get_status,
	.queue_setup = vu_queue_setup,
	.queue_enable = vu_queue_enable,
	.queue_stop_ask = vu_queue_stop_ask,
	.queue_stop_poll = vu_queue_stop_poll,
	.queue_notify = vu_queue_notify,
	.reset_ask = vu_reset_ask,
	.reset_poll = vu_reset_poll,
	.wait = vu_wait,
	.describe_silence = vu_describe_silence,
	.attach = vu_attach,
	.detach = vu_detach,
};

RTE_INIT(vhost_user_register)
{
	virtio_transports[VIRTIO_TRANSPORT_VHOST_USER] = &vhost_user_ops;
}

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
	    (!has_enable(vu) || !speaks(vu, VHOST_USER_PROTOCOL_F_REPLY_ACK))) {
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
	int ret;

	forget_answers(vu);
	vu->protocol_offer = 0;
	vu->protocol = 0;
	vu->mem_sent = false;
	forget_rings(vu);

	ret = vhost_user_send(&vu->ch, &owner, NULL, 0, NULL);
	if (ret == 0)
		ret = get_u64(vu, VHOST_USER_GET_FEATURES, &vu->features);
	if (ret == 0 && has_enable(vu)) {
		ret = get_u64(vu, VHOST_USER_GET_PROTOCOL_FEATURES, &vu->protocol_offer);
		if (ret == 0)
			ret = send_u64(vu, VHOST_USER_SET_PROTOCOL_FEATURES,
				       vu->protocol_offer & OUR_PROTOCOL_FEATURES, NULL);
		vu->protocol = vu->protocol_offer & OUR_PROTOCOL_FEATURES;
	}
	if (ret == 0 && speaks(vu, VHOST_USER_PROTOCOL_F_MQ))
		ret = get_u64(vu, VHOST_USER_GET_QUEUE_NUM, &pairs);
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

/* EAL tells call-backs of one name apart by their argument. */
#define MEM_EVENT_NAME "virtio_vhost_user"

/* 0: the back-end has the table. */
static int
announce_memory(struct vhost_user *vu, const void *freed, size_t len, bool *sent)
{
	struct vhost_user_msg barrier = { .request = VHOST_USER_GET_FEATURES };
	int ret;

	ret = send_mem_table(vu, freed, len, &vu->mem_event, true);
	*sent = ret == 0;
	/*
	 * EAL's locks are held here, and a back-end in this very process allocates before it
	 * answers. Without the answer, the order of messages still covers every ring that is set up
	 * later.
	 */
	if (ret != 0 || vu->ch.peer_pid == getpid())
		return ret;
	/* Memory that is freed is unmapped next: not before the back-end has heard of it. */
	if (freed != NULL && !speaks(vu, VHOST_USER_PROTOCOL_F_REPLY_ACK))
		ret = vhost_user_send_through(&vu->ch, &barrier, NULL, 0, &vu->mem_event);
	if (ret == 0)
		ret = vhost_user_wait_through(&vu->ch, &vu->mem_event, vu->answer_timeout_us);
	return ret;
}

static void
mem_event(enum rte_mem_event type, const void *addr, size_t len, void *arg)
{
	struct virtio_device *dev = arg;
	struct vhost_user *vu = dev->priv;
	bool is_free = type == RTE_MEM_EVENT_FREE;
	struct vhost_mem had;
	bool sent;
	int ret;

	/*
	 * Rings are left as they are: neither is a running one disturbed nor a stopped one revived.
	 */
	if (!vu->mem_sent)
		return;
	had = vu->mem;
	ret = announce_memory(vu, is_free ? addr : NULL, is_free ? len : 0, &sent);
	if (ret == 0 || ret == -ENODEV)
		return;
	/* EAL unmaps the memory whatever happens here. Is it in what the back-end has? */
	is_free = is_free && vhost_mem_overlaps(&had, addr, len);
	vu->mem_stale |= ret == -EIO;
	/*
	 * The back-end unmaps freed memory when it processes the table, before any later message.
	 * If the table was not sent, only the end of the connection makes the back-end unmap it.
	 */
	if (is_free && ret == -EIO)
		vhost_user_give_up(&vu->ch, "it refused the memory table without freed memory");
	else if (is_free && !sent)
		vhost_user_give_up(&vu->ch, "the memory table without freed memory cannot be sent");
	else
		VIRTIO_LOG(ERR, "%s: the changed memory table is not in force at the back-end: %s. "
			   "Buffers in new memory may not reach it. The next port start sends the "
			   "table again.", dev->name, rte_strerror(-ret));
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

	if (vu->server)
		ret = vhost_user_listen(&vu->listener, &vu->ch, vu->path);
	if (ret == 0)
		ret = connect_to_back_end(vu, true);
	if (ret == 0)
		ret = do_handshake(dev);
	if (ret != 0)
		goto fail;

	/* With --legacy-mem there are no events, and no need of them. */
	vu->mem_events = rte_mem_event_callback_register(MEM_EVENT_NAME, mem_event, dev) == 0;
	if (!vu->mem_events && rte_errno != ENOTSUP) {
		ret = -rte_errno;
		VIRTIO_INIT_LOG(ERR, "%s: no call-back for memory events can be registered with "
				"EAL: %s", dev->name, rte_strerror(-ret));
		goto fail;
	}
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
	if (vu->mem_events)
		rte_mem_event_callback_unregister(MEM_EVENT_NAME, dev);
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

	vhost_user_give_up(&vu->ch, "it did not confirm the device's reset");
}

int
vhost_user_call_fd(struct virtio_device *dev, uint16_t index)
{
	const struct vhost_user *vu = dev->priv;

	return vu->rings[index].call_fd;
}

/* ---- the application's own memory --------------------------------------------------------- */

/*
 * Tells a back-end that has a table of the changed one, and waits until it has taken it. Without
 * one there is only to see whether all has a place in it.
 */
static int
send_attached(struct virtio_device *dev)
{
	struct vhost_user *vu = dev->priv;
	const bool sent = vu->mem_sent;
	struct vhost_mem mem;
	uint64_t ignored;
	int ret;

	rte_mcfg_mem_read_lock();
	ret = sent ? send_mem_table(vu, NULL, 0, &vu->control, false) :
		     vhost_mem_read(&mem, &vu->attached, NULL, 0);
	rte_mcfg_mem_read_unlock();
	if (ret == 0 && sent)
		ret = vhost_user_wait(&vu->ch, &vu->control, vu->answer_timeout_us);
	if (ret == 0 && sent && !speaks(vu, VHOST_USER_PROTOCOL_F_REPLY_ACK))
		ret = get_u64(vu, VHOST_USER_GET_FEATURES, &ignored);
	/* The next connection sends it with all the rest. */
	return ret == -ENODEV ? 0 : ret;
}

int
vhost_user_mem_attach(struct virtio_device *dev, void *addr, size_t len, int fd, uint64_t offset)
{
	struct vhost_user *vu = dev->priv;
	int ret;

	/* Memory events read the list, under EAL's lock. */
	rte_mcfg_mem_write_lock();
	ret = vhost_mem_add(&vu->attached, addr, len, fd, offset);
	rte_mcfg_mem_write_unlock();
	if (ret != 0)
		return ret;
	ret = send_attached(dev);
	if (ret == 0)
		return 0;
	/* Whatever the back-end made of that table: it gets another one. */
	vhost_user_mem_detach(dev, addr, len);
	return ret;
}

int
vhost_user_mem_detach(struct virtio_device *dev, void *addr, size_t len)
{
	struct vhost_user *vu = dev->priv;
	int fd;
	int ret;

	rte_mcfg_mem_write_lock();
	fd = vhost_mem_remove(&vu->attached, addr, len);
	rte_mcfg_mem_write_unlock();
	if (fd < 0)
		return fd;
	ret = send_attached(dev);
	close(fd);
	return ret;
}

int
vhost_user_mem_table(struct virtio_device *dev, struct vhost_mem *mem)
{
	struct vhost_user *vu = dev->priv;
	int ret = 0;

	rte_mcfg_mem_read_lock();
	/* The table goes out with the features: before that there is none, or the last one's. */
	if (vu->mem_sent && !vu->ch.gone)
		*mem = vu->mem;
	else
		ret = vhost_mem_read(mem, &vu->attached, NULL, 0);
	rte_mcfg_mem_read_unlock();
	return ret;
}
