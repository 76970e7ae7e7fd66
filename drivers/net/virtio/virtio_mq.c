/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>

#include <rte_byteorder.h>

#include "virtio_ctrl.h"
#include "virtio_log.h"
#include "virtio_mq.h"
#include "virtio_queue.h"
#include "virtio_rss.h"

static bool
has_pairs(const struct virtio_port *port)
{
	/* 5.1.6.5.5: one pair is what there is after a reset, and all there is without MQ. */
	return virtio_device_has(&port->dev, VIRTIO_NET_F_MQ) && port->max_pairs > 1;
}

static int
send_pairs(struct virtio_port *port, uint16_t pairs)
{
	const uint16_t data = rte_cpu_to_le_16(pairs);
	const struct virtio_ctrl_command command = {
		.class = VIRTIO_NET_CTRL_MQ, .code = VIRTIO_NET_CTRL_MQ_PAIRS_SET,
		.feature = VIRTIO_NET_F_MQ, .data = &data, .len = sizeof(data),
	};
	const int ret = virtio_ctrl_send(port, &command);

	/* A command without an answer may have been carried out. */
	if (ret == 0)
		port->pairs_sent = pairs;
	else if (!virtio_ctrl_works(port))
		port->pairs_sent = 0;
	return ret;
}

/* The device uses the pairs below this number, for both directions. */
static uint16_t
running_pairs(const struct virtio_port *port, const struct virtio_queue *leaving)
{
	const struct virtio_queue *q;
	uint16_t pairs = 1;

	VIRTIO_FOREACH_QUEUE(q, port) {
		if (q != leaving && virtqueue_state(q->vq) == VIRTQUEUE_LIVE)
			pairs = q->id + 1;
	}
	return pairs;
}

int
virtio_mq_apply(struct virtio_port *port)
{
	/* With all receive queues deferred no table can be sent yet that would set the pairs. */
	if (port->rss.on && virtio_rss_has_queue(port))
		return virtio_rss_apply(port, NULL);
	if (!has_pairs(port))
		return 0;
	return send_pairs(port, port->args.mq_running ? running_pairs(port, NULL) :
							virtio_port_pairs(port));
}

static int
follow_queues(struct virtio_port *port, const struct virtio_queue *leaving)
{
	uint16_t pairs;

	if (!port->args.mq_running || !has_pairs(port))
		return 0;
	pairs = running_pairs(port, leaving);
	return pairs == port->pairs_sent ? 0 : send_pairs(port, pairs);
}

/* With RSS, the command of the table also sets the number of pairs; no MQ command is sent. */
static int
update(const struct virtio_queue *q, const struct virtio_queue *leaving, bool table)
{
	if (!q->port->rss.on)
		return follow_queues(q->port, leaving);
	return q->is_rx && table ? virtio_rss_apply(q->port, leaving) : 0;
}

int
virtio_mq_add(const struct virtio_queue *q, bool table)
{
	return update(q, NULL, table);
}

int
virtio_mq_remove(const struct virtio_queue *q, bool table)
{
	int ret;

	ret = update(q, q, table);
	/* Once more: a command resets a control queue that is out of service first. */
	if (ret != 0 && !virtio_ctrl_works(q->port))
		ret = update(q, q, table);
	if (ret == 0 || virtio_ctrl_works(q->port))
		return ret;
	VIRTIO_LOG(ERR, "port %u: %s queue %u: the device may still use the queue after its stop, "
		   "as the control queue does not answer. Stop and start the port.",
		   q->port->data->port_id, virtio_queue_kind(q), q->id);
	return 0;
}
