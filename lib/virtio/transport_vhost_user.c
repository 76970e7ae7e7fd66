/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * What vhost-user does with the device and its rings, as struct virtio_transport_ops has it.
 *
 * SET_FEATURES and SET_OWNER are no part of a ring's life: some back-ends disable all rings then.
 */

#include <errno.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_eal_memconfig.h>
#include <rte_memzone.h>

#include "vhost_user_kicks.h"
#include "vhost_user_private.h"
#include "virtio_log.h"

int
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

static int
vu_set_features(struct virtio_device *dev, uint64_t features)
{
	struct vhost_user *vu = dev->priv;
	bool had_table;
	int ret;

	/* A bit that the back-end did not offer, RING_RESET of our own above all, ends here. */
	features |= VIRTIO_BIT(VHOST_USER_F_PROTOCOL_FEATURES);
	ret = vu_control_u64(vu, VHOST_USER_SET_FEATURES, features & vu->features);
	if (ret != 0)
		return ret;

	rte_mcfg_mem_read_lock();
	had_table = vu->mem_sent;
	vu->mem_sent = false;
	ret = vu_send_mem_table(vu, NULL, 0, &vu->control, false);
	/* A back-end that does not get this table still has an earlier one. */
	vu->mem_sent |= had_table;
	rte_mcfg_mem_read_unlock();
	return ret != 0 ? ret : vhost_user_wait(&vu->ch, &vu->control, vu->answer_timeout_us);
}

static int
vu_set_status(struct virtio_device *dev, uint8_t status)
{
	struct vhost_user *vu = dev->priv;

	if (!vu_speaks(vu, VHOST_USER_PROTOCOL_F_STATUS))
		return 0;
	return vu_control_u64(vu, VHOST_USER_SET_STATUS, status);
}

static int
vu_get_status(struct virtio_device *dev, uint8_t *status)
{
	struct vhost_user *vu = dev->priv;
	uint64_t value;
	int ret;

	*status = dev->status;
	if (!vu_speaks(vu, VHOST_USER_PROTOCOL_F_STATUS))
		return 0;
	ret = vu_get_u64(vu, VHOST_USER_GET_STATUS, &value);
	*status = value;
	return ret;
}

/*
 * What a ring is started with. It is not kept where the back-end lacks some of its memory. EAL's
 * memory lock is held.
 */
static struct vhost_user_ring_params
vu_ring_params(const struct vhost_user *vu, const struct virtqueue *vq)
{
	return (struct vhost_user_ring_params){
		.valid = vhost_mem_has(&vu->mem, vq->memory->addr, vq->memory->len),
		.size = vq->size, .desc = vq->desc, .avail = vq->avail, .used = vq->used,
		.mem_round = vu->mem_round,
	};
}

static struct vhost_user_msg
vu_ring_msg(uint32_t request, uint16_t index, uint32_t num)
{
	return (struct vhost_user_msg){
		.request = request, .size = sizeof(struct vhost_user_ring_state),
		.payload.state = { .index = index, .num = num },
	};
}

static struct vhost_user_msg
vu_addr_msg(const struct virtqueue *vq)
{
	return (struct vhost_user_msg){
		.request = VHOST_USER_SET_VRING_ADDR, .size = sizeof(struct vhost_user_ring_addr),
		.payload.addr = {
			.index = vq->index, .desc = (uintptr_t)vq->desc,
			.avail = (uintptr_t)vq->avail, .used = (uintptr_t)vq->used,
		},
	};
}

/*
 * The messages are sent in one go and their answers looked at in vu_queue_enable(). KICK is what
 * starts a ring, so it comes when all else is known.
 */
static int
vu_set_up_ring(struct vhost_user *vu, const struct virtqueue *vq)
{
	struct vhost_user_ring *ring = &vu->rings[vq->index];
	struct vhost_user_reply *reply = vu_ack(vu, &ring->setup);
	struct vhost_user_msg addr = vu_addr_msg(vq);
	int ret;

	/* Before the requests: a change of memory that comes between them must not be missed. */
	rte_mcfg_mem_read_lock();
	ring->params = vu_ring_params(vu, vq);
	rte_mcfg_mem_read_unlock();
	ret = vu_send_ring(vu, VHOST_USER_SET_VRING_NUM, vq->index, vq->size, reply);
	if (ret == 0)
		ret = vu_send_ring(vu, VHOST_USER_SET_VRING_BASE, vq->index,
				   virtqueue_vhost_base(vq), reply);
	if (ret == 0)
		ret = vhost_user_send(&vu->ch, &addr, NULL, 0, reply);
	if (ret == 0)
		ret = vu_send_ring_fd(vu, VHOST_USER_SET_VRING_CALL, vq->index, ring->call_fd,
				      reply);
	if (ret == 0)
		ret = vu_send_ring_fd(vu, VHOST_USER_SET_VRING_KICK, vq->index,
				      vhost_user_kick_fd(vq->dev, vq->index), reply);
	return ret;
}

/*
 * librte_vhost keeps a ring over ENABLE 0, but for its indices. A change of memory may make its
 * addresses invalid. Those of a disabled ring become valid again only at KICK. EAL's memory lock is
 * held.
 */
static bool
vu_keeps_ring(const struct vhost_user *vu, const struct virtqueue *vq)
{
	const struct vhost_user_ring_params *params = &vu->rings[vq->index].params;
	const uint64_t offer = vu->protocol_offer;

	return params->valid && params->mem_round == vu->mem_round &&
	       vq->dev->stop_method == VIRTIO_STOP_VHOST_DISABLE_ACK &&
	       (offer & LIBRTE_VHOST_MARKS) == LIBRTE_VHOST_MARKS && !(offer & NOT_LIBRTE_VHOST);
}

static int
vu_queue_setup(struct virtqueue *vq)
{
	struct vhost_user *vu = vq->dev->priv;
	struct vhost_user_ring *ring = &vu->rings[vq->index];
	int ret;

	ring->sent = true;
	vhost_user_reply_begin(&ring->setup);
	ret = vu_renew_mem_table(vu, &ring->setup);
	rte_mcfg_mem_read_lock();
	ring->kept = vu_keeps_ring(vu, vq);
	rte_mcfg_mem_read_unlock();
	if (ret == 0 && !ring->kept)
		ret = vu_set_up_ring(vu, vq);
	if (ret != 0)
		ring->params.valid = false;
	return ret;
}

/*
 * What is new to a back-end that keeps the ring, and ENABLE, in one write. BASE is never refused,
 * and librte_vhost closes the connection where it refuses a request without an answer.
 */
static int
vu_send_changes(struct vhost_user *vu, const struct virtqueue *vq)
{
	struct vhost_user_ring *ring = &vu->rings[vq->index];
	const struct vhost_user_ring_params now = vu_ring_params(vu, vq);
	struct vhost_user_batch batch = { 0 };
	struct vhost_user_msg msg;

	if (now.size != ring->params.size) {
		msg = vu_ring_msg(VHOST_USER_SET_VRING_NUM, vq->index, vq->size);
		vhost_user_batch_add(&batch, &msg, &ring->setup);
	}
	msg = vu_ring_msg(VHOST_USER_SET_VRING_BASE, vq->index, virtqueue_vhost_base(vq));
	vhost_user_batch_add(&batch, &msg, NULL);
	if (now.desc != ring->params.desc || now.avail != ring->params.avail ||
	    now.used != ring->params.used) {
		msg = vu_addr_msg(vq);
		vhost_user_batch_add(&batch, &msg, &ring->setup);
	}
	msg = vu_ring_msg(VHOST_USER_SET_VRING_ENABLE, vq->index, 1);
	vhost_user_batch_add(&batch, &msg, &ring->setup);
	ring->params = now;
	return vhost_user_send_batch(&vu->ch, &batch);
}

/* Under EAL's memory lock, so that no change of memory comes before the requests. */
static int
vu_start_kept_ring(struct vhost_user *vu, const struct virtqueue *vq)
{
	struct vhost_user_ring *ring = &vu->rings[vq->index];
	int ret = 0;

	rte_mcfg_mem_read_lock();
	ring->kept = vu_keeps_ring(vu, vq);
	if (ring->kept)
		ret = vu_send_changes(vu, vq);
	rte_mcfg_mem_read_unlock();
	return ring->kept ? ret : vu_set_up_ring(vu, vq);
}

static int
vu_queue_enable(struct virtqueue *vq)
{
	struct vhost_user *vu = vq->dev->priv;
	struct vhost_user_ring *ring = &vu->rings[vq->index];
	uint64_t ignored;
	int ret = 0;

	if (ring->kept)
		ret = vu_start_kept_ring(vu, vq);
	if (ret == 0 && !ring->kept && vu_has_enable(vu))
		ret = vu_send_ring(vu, VHOST_USER_SET_VRING_ENABLE, vq->index, 1,
				vu_ack(vu, &ring->setup));
	/* Done before the first notify, or the notify may overtake it. */
	if (ret == 0)
		ret = vhost_user_wait(&vu->ch, &ring->setup, vu->answer_timeout_us);
	/*
	 * Messages are carried out in order: an answer to this one says the same without REPLY_ACK.
	 */
	if (ret == 0 && !vu_speaks(vu, VHOST_USER_PROTOCOL_F_REPLY_ACK))
		ret = vu_get_u64(vu, VHOST_USER_GET_FEATURES, &ignored);
	/* What it has of the ring after an error is not known. */
	if (ret != 0)
		ring->params.valid = false;
	return ret;
}

static int
vu_queue_stop_ask(struct virtqueue *vq)
{
	struct vhost_user *vu = vq->dev->priv;
	struct vhost_user_ring *ring = &vu->rings[vq->index];
	int ret = 0;

	/* Asked before and not answered: that answer, however late, is the proof. */
	if (ring->stop_asked && !vhost_user_answered(&ring->stop))
		return 0;
	ring->stop_asked = false;
	vhost_user_reply_begin(&ring->stop);
	if (vu_has_enable(vu))
		ret = vu_send_ring(vu, VHOST_USER_SET_VRING_ENABLE, vq->index, 0,
				vu_ack(vu, &ring->stop));
	if (ret == 0 && vq->dev->stop_method == VIRTIO_STOP_VHOST_GET_BASE)
		ret = vu_send_ring(vu, VHOST_USER_GET_VRING_BASE, vq->index, 0, &ring->stop);
	ring->stop_asked = ret == 0;
	/* A back-end that is gone does not answer; vu_queue_stop_poll() says when it is done. */
	return ret == -ENODEV ? 0 : ret;
}

static int
vu_queue_stop_poll(struct virtqueue *vq)
{
	struct vhost_user *vu = vq->dev->priv;
	struct vhost_user_ring *ring = &vu->rings[vq->index];
	const bool gone = vhost_user_poll(&vu->ch) == -ENODEV;

	if (gone)
		return vhost_user_peer_is_done(&vu->ch) ? 0 : -EAGAIN;
	if (vu->ch.broken || !ring->stop_asked)
		return -EAGAIN;
	return vhost_user_answered(&ring->stop) ? ring->stop.error : -EAGAIN;
}

/* Nothing of an earlier life of the device is a proof any more; its late answers are taken. */
void
vu_forget_rings(struct vhost_user *vu)
{
	uint16_t i;

	for (i = 0; i < vu->nb_rings; i++) {
		vu->rings[i].sent = false;
		vu->rings[i].stop_asked = false;
		vu->rings[i].params.valid = false;
	}
	vu->reset_asked = false;
}

/* No answer of an earlier connection will come. */
void
vu_forget_answers(struct vhost_user *vu)
{
	uint16_t i;

	for (i = 0; i < vu->nb_rings; i++) {
		vu->rings[i].setup = (struct vhost_user_reply){ 0 };
		vu->rings[i].stop = (struct vhost_user_reply){ 0 };
	}
	vu->handshake = (struct vhost_user_reply){ 0 };
	vu->control = (struct vhost_user_reply){ 0 };
	vu->mem_event = (struct vhost_user_reply){ 0 };
	vu->region = (struct vhost_user_reply){ 0 };
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
	if (vu_speaks(vu, VHOST_USER_PROTOCOL_F_STATUS))
		ret = vu_send_u64(vu, VHOST_USER_SET_STATUS, VIRTIO_STATUS_RESET,
			       vu_ack(vu, &vu->reset));
	for (i = 0; ret == 0 && i < vu->nb_rings; i++) {
		if (!vu->rings[i].sent)
			continue;
		/* GET_VRING_BASE takes a ring's event descriptors away, answered in time or not. */
		vu->rings[i].params.valid = false;
		if (vu_has_enable(vu))
			ret = vu_send_ring(vu, VHOST_USER_SET_VRING_ENABLE, i, 0, NULL);
		if (ret == 0)
			ret = vu_send_ring(vu, VHOST_USER_GET_VRING_BASE, i, 0, &vu->reset);
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
	vu_forget_rings(vu);
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
	.queue_notify = vhost_user_kick,
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
