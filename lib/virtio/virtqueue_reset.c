/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * The sequence of 2.6.1, and what follows an error:
 *
 *   step               | error                          | state of the ring
 *   -------------------+--------------------------------+----------------------------------------
 *   stop: no method    | -ENOTSUP                       | as it was
 *   stop: ask          | transport's                    | BROKEN: the device may or may not know
 *   stop: verify       | -ETIMEDOUT, transport's        | BROKEN: a later proof makes it READY
 *   start: set up      | transport's; then stopped      | READY with proof of the stop, else BROKEN
 *   start: enable      | the same                       | the same
 *   device reset       | -ETIMEDOUT, transport's        | every ring of the device BROKEN
 *
 * After a failure nothing is resumed and nothing is freed.
 */

#include <errno.h>

#include <rte_errno.h>

#include "virtio_log.h"
#include "virtqueue_reset.h"
#include "virtqueue_ring.h"

static int
stopped(void *arg)
{
	struct virtqueue *vq = arg;

	return virtio_device_ops(vq->dev)->queue_stop_poll(vq);
}

static int
ask(struct virtqueue *vq)
{
	int ret;

	virtqueue_set_state(vq, VIRTQUEUE_STOPPING);
	ret = virtio_device_ops(vq->dev)->queue_stop_ask(vq);
	if (ret != 0)
		virtqueue_set_state(vq, VIRTQUEUE_BROKEN);
	return ret;
}

static int
verify(struct virtqueue *vq, uint64_t deadline_us)
{
	const int ret = virtio_device_wait(vq->dev, stopped, vq, deadline_us);
	char silence[VIRTIO_SILENCE_SIZE];

	virtqueue_set_state(vq, ret == 0 ? VIRTQUEUE_READY : VIRTQUEUE_BROKEN);
	if (ret == -ETIMEDOUT)
		VIRTIO_LOG(ERR,
			   "%s: the device did not confirm the stop in time%s. The ring's memory "
			   "and buffers are kept. Stop the queue again, or reset the port.",
			   vq->conf.name, virtio_device_silence(vq->dev, silence));
	else if (ret != 0)
		VIRTIO_LOG(ERR,
			   "%s: stop failed: %s. The ring's memory and buffers are kept. Stop the "
			   "queue again, or reset the port.", vq->conf.name, rte_strerror(-ret));
	return ret;
}

int
virtqueue_stop_many(struct virtqueue *const *vqs, unsigned int n, uint32_t timeout_us)
{
	const uint64_t deadline_us = virtio_now_us() + timeout_us;
	unsigned int i;
	int first = 0;
	int ret;

	for (i = 0; i < n; i++) {
		if (!virtio_device_stops_rings(vqs[i]->dev))
			return -ENOTSUP;
	}
	for (i = 0; i < n; i++) {
		if (virtqueue_state(vqs[i]) == VIRTQUEUE_READY)
			continue;
		ret = ask(vqs[i]);
		if (first == 0)
			first = ret;
	}
	for (i = 0; i < n; i++) {
		if (virtqueue_state(vqs[i]) != VIRTQUEUE_STOPPING)
			continue;
		ret = verify(vqs[i], deadline_us);
		if (first == 0)
			first = ret;
	}
	return first;
}

/* Before the device knows the ring: a ring starts without interrupts. */
static void
make_live(struct virtqueue *vq)
{
	vq->event_idx = virtio_device_has(vq->dev, VIRTIO_RING_F_EVENT_IDX);
	vq->in_order = virtio_device_has(vq->dev, VIRTIO_F_IN_ORDER);
	ring_interrupts_off(vq, vq->conf.packed);
	virtqueue_set_state(vq, VIRTQUEUE_LIVE);
}

int
virtqueue_start(struct virtqueue *vq, uint32_t timeout_us)
{
	struct virtio_device *dev = vq->dev;
	const struct virtio_transport_ops *ops = virtio_device_ops(dev);
	int ret;

	if (virtqueue_state(vq) != VIRTQUEUE_READY || dev->vqs[vq->index] != NULL ||
	    !(dev->status & VIRTIO_STATUS_DRIVER_OK))
		return -EBUSY;
	ret = virtqueue_check_layout(vq);
	if (ret != 0)
		return ret;

	make_live(vq);
	virtio_device_limit(dev, VIRTIO_CALL_LIMIT_US);
	ret = ops->queue_setup(vq);
	if (ret == 0)
		ret = ops->queue_enable(vq);
	virtio_device_limit(dev, 0);
	if (ret != 0) {
		VIRTIO_LOG(ERR, "%s: start failed: %s. Start the queue again, or reset the port.",
			   vq->conf.name, rte_strerror(-ret));
		/* With no way to stop it there is no proof either. */
		if (virtqueue_stop(vq, timeout_us) == -ENOTSUP)
			virtqueue_set_state(vq, VIRTQUEUE_BROKEN);
		return ret;
	}
	/*
	 * Always, whatever the suppression says: a doorbell rung while the ring was stopped is
	 * lost, and a device may wait for one before it looks at the ring.
	 */
	virtqueue_notify_start(vq);
	return 0;
}

int
virtio_device_start(struct virtio_device *dev, struct virtqueue *const *vqs, unsigned int n)
{
	const struct virtio_transport_ops *ops = virtio_device_ops(dev);
	const uint8_t before = dev->legacy ? VIRTIO_STATUS_DRIVER : VIRTIO_STATUS_FEATURES_OK;
	unsigned int i, k;
	int ret;

	if (!(dev->status & before) || (dev->status & VIRTIO_STATUS_DRIVER_OK))
		return -EBUSY;
	for (i = 0; i < n; i++) {
		if (virtqueue_state(vqs[i]) != VIRTQUEUE_READY || dev->vqs[vqs[i]->index] != NULL)
			return -EBUSY;
		for (k = 0; k < i; k++) {
			if (vqs[k]->index == vqs[i]->index) {
				VIRTIO_LOG(ERR, "%s: two queues have ring %u. Configure the port "
					   "again.", dev->name, vqs[i]->index);
				return -EINVAL;
			}
		}
		ret = virtqueue_check_layout(vqs[i]);
		if (ret != 0)
			return ret;
	}
	for (i = 0; i < n; i++) {
		make_live(vqs[i]);
		ret = ops->queue_setup(vqs[i]);
		if (ret != 0)
			return ret;
	}
	for (i = 0; i < n; i++) {
		ret = ops->queue_enable(vqs[i]);
		if (ret != 0)
			return ret;
	}
	ret = virtio_device_add_status(dev, VIRTIO_STATUS_DRIVER_OK);
	if (ret != 0)
		return ret;
	for (i = 0; i < n; i++)
		virtqueue_notify_start(vqs[i]);
	return 0;
}

static int
reset_done(void *arg)
{
	struct virtio_device *dev = arg;

	return virtio_device_ops(dev)->reset_poll(dev);
}

int
virtio_device_reset(struct virtio_device *dev, uint32_t timeout_us)
{
	char silence[VIRTIO_SILENCE_SIZE];
	uint16_t i;
	int ret;

	ret = virtio_device_ops(dev)->reset_ask(dev);
	if (ret == 0)
		ret = virtio_device_wait(dev, reset_done, dev, virtio_now_us() + timeout_us);
	for (i = 0; i < dev->nb_vqs; i++) {
		if (dev->vqs[i] != NULL)
			virtqueue_set_state(dev->vqs[i],
					    ret == 0 ? VIRTQUEUE_READY : VIRTQUEUE_BROKEN);
	}
	if (ret == 0) {
		dev->status = VIRTIO_STATUS_RESET;
		dev->offer_read = false;
		dev->needs_reset = false;
		dev->acked = 0;
	} else {
		VIRTIO_LOG(ERR,
			   "%s: the device's reset is not confirmed: %s%s. The memory and buffers "
			   "of its rings are kept. The next start or reset of the port tries "
			   "again.", dev->name, rte_strerror(-ret),
			   virtio_device_silence(dev, silence));
	}
	return ret;
}
