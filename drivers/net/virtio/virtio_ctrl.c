/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_common.h>
#include <rte_errno.h>

#include "virtio.h"
#include "virtio_compat.h"
#include "virtio_ctrl.h"
#include "virtio_log.h"
#include "virtio_needs_reset.h"
#include "virtio_net.h"
#include "virtqueue_reset.h"
#include "virtqueue_ring.h"

/* One command is a chain of three: what it is, its data, the answer. */
#define CHAIN_MAX 3
#define CTRL_RING_SIZE 4

/*
 * Where a command lies: in the ring's own memory, which lives as long as the device may read it.
 * One command is sent at a time, so there is one such area, whatever the ring's size.
 */
struct command_area {
	uint8_t head[2]; /* class, code */
	uint8_t answer;
	uint8_t pad[13];
	uint8_t data[VIRTIO_CTRL_DATA_MAX];
};

/* What no device answers: so it is seen whether it has written at all. */
#define NO_ANSWER 0xff

static struct command_area *
command_area(struct virtqueue *vq)
{
	return (struct command_area *)(void *)vq->slot_area;
}

/* -ENOSPC: the ring has no room for the chain, and nothing was done. */
static int
post(struct virtqueue *vq, const struct virtio_ctrl_command *command)
{
	struct command_area *area = command_area(vq);
	const bool packed = vq->conf.packed;
	const bool has_data = command->len > 0;
	const uint16_t n = has_data ? CHAIN_MAX : CHAIN_MAX - 1;
	struct ring_chain chain;

	if (vq->free_count < n)
		return -ENOSPC;
	area->head[0] = command->class;
	area->head[1] = command->code;
	area->answer = NO_ANSWER;
	if (has_data)
		memcpy(area->data, command->data, command->len);
	chain = ring_chain_begin(vq, n);
	ring_chain_add(vq, &chain, virtqueue_dev_addr(vq, area->head), sizeof(area->head), 0,
		       packed);
	if (has_data)
		ring_chain_add(vq, &chain, virtqueue_dev_addr(vq, area->data), command->len, 0,
			       packed);
	ring_chain_add(vq, &chain, virtqueue_dev_addr(vq, &area->answer), sizeof(area->answer),
		       VRING_DESC_F_WRITE, packed);
	ring_chain_end(vq, &chain, area, packed);
	ring_publish(vq, packed);
	/* Commands are few and waited for: notified even where the device suppresses it. */
	virtqueue_notify(vq);
	return 0;
}

static int
answered(void *arg)
{
	struct virtio_port *port = arg;
	const int used = ring_used(port->ctrl, 1, port->ctrl->conf.packed);
	int ret;

	if (used != 0)
		return RTE_MIN(used, 0);
	/* A device that is gone, or needs a reset (2.1.1), is not waited for. */
	ret = virtio_needs_reset(port);
	return ret != 0 ? ret : -EAGAIN;
}

static int
collect(struct virtqueue *vq, uint8_t *answer)
{
	uint32_t len;

	if (ring_pop(vq, &len, vq->conf.packed) != command_area(vq))
		return -EPROTO;
	*answer = virtqueue_load_relaxed(&command_area(vq)->answer);
	return *answer == NO_ANSWER ? -EPROTO : 0;
}

bool
virtio_ctrl_offers(const struct virtio_port *port, uint8_t feature)
{
	const uint64_t needed = VIRTIO_BIT(VIRTIO_NET_F_CTRL_VQ) | VIRTIO_BIT(feature);

	return port->has_ctrl && (port->dev.offered & needed) == needed;
}

static void
nothing_to_give_back(void *owner __rte_unused, void *cookie __rte_unused)
{
}

bool
virtio_ctrl_works(const struct virtio_port *port)
{
	/* A command of virtio-user is a call of a function, whose return is the answer. */
	if (port->bus->command != NULL)
		return true;
	return port->ctrl != NULL && virtqueue_state(port->ctrl) == VIRTQUEUE_LIVE;
}

/* The name that the specification has for a command (5.1.6.5). */
static const char *
command_name(const struct virtio_ctrl_command *command)
{
	switch (command->class << 8 | command->code) {
	case VIRTIO_NET_CTRL_RX << 8 | VIRTIO_NET_CTRL_RX_PROMISC:
		return "VIRTIO_NET_CTRL_RX_PROMISC";
	case VIRTIO_NET_CTRL_RX << 8 | VIRTIO_NET_CTRL_RX_ALLMULTI:
		return "VIRTIO_NET_CTRL_RX_ALLMULTI";
	case VIRTIO_NET_CTRL_MAC << 8 | VIRTIO_NET_CTRL_MAC_TABLE_SET:
		return "VIRTIO_NET_CTRL_MAC_TABLE_SET";
	case VIRTIO_NET_CTRL_MAC << 8 | VIRTIO_NET_CTRL_MAC_ADDR_SET:
		return "VIRTIO_NET_CTRL_MAC_ADDR_SET";
	case VIRTIO_NET_CTRL_VLAN << 8 | VIRTIO_NET_CTRL_VLAN_ADD:
		return "VIRTIO_NET_CTRL_VLAN_ADD";
	case VIRTIO_NET_CTRL_VLAN << 8 | VIRTIO_NET_CTRL_VLAN_DEL:
		return "VIRTIO_NET_CTRL_VLAN_DEL";
	case VIRTIO_NET_CTRL_ANNOUNCE << 8 | VIRTIO_NET_CTRL_ANNOUNCE_ACK:
		return "VIRTIO_NET_CTRL_ANNOUNCE_ACK";
	case VIRTIO_NET_CTRL_MQ << 8 | VIRTIO_NET_CTRL_MQ_PAIRS_SET:
		return "VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET";
	case VIRTIO_NET_CTRL_MQ << 8 | VIRTIO_NET_CTRL_MQ_RSS_CONFIG:
		return "VIRTIO_NET_CTRL_MQ_RSS_CONFIG";
	case VIRTIO_NET_CTRL_MQ << 8 | VIRTIO_NET_CTRL_MQ_HASH_CONFIG:
		return "VIRTIO_NET_CTRL_MQ_HASH_CONFIG";
	default:
		return "a command";
	}
}

/*
 * By its own reset, as any ring (2.6.1): what was not answered is gone with it, so that a late
 * answer cannot be taken for that to the next command.
 */
static int
reset_ctrl_queue(struct virtio_port *port, const struct virtio_ctrl_command *command)
{
	const uint32_t timeout_us = port->args.reset_timeout_us;
	struct virtqueue *vq = port->ctrl;
	int ret;

	ret = virtqueue_stop(vq, timeout_us);
	if (ret == 0) {
		virtqueue_reclaim(vq, nothing_to_give_back, NULL);
		ret = virtqueue_start(vq, timeout_us);
	}
	if (ret == 0)
		VIRTIO_LOG(NOTICE, "port %u: control queue: the queue was reset and is in service "
			   "again", port->data->port_id);
	else
		VIRTIO_LOG(ERR, "port %u: control queue: %s was not sent, as the queue is out of "
			   "service and %s. Stop and start the port.", port->data->port_id,
			   command_name(command), ret == -ENOTSUP ?
			   "the device cannot reset it alone" : "its reset failed");
	return ret == 0 ? 0 : -EIO;
}

static int
send_on_ring(struct virtio_port *port, const struct virtio_ctrl_command *command)
{
	struct virtqueue *vq = port->ctrl;
	uint64_t deadline_us;
	uint8_t answer;
	int ret;

	ret = virtio_ctrl_works(port) ? 0 : reset_ctrl_queue(port, command);
	if (ret != 0)
		return ret;
	ret = post(vq, command);
	deadline_us = virtio_device_deadline(&port->dev, port->args.reset_timeout_us);
	if (ret == 0)
		ret = virtio_device_wait(&port->dev, answered, port, deadline_us);
	if (ret == 0)
		ret = collect(vq, &answer);
	if (ret != 0) {
		VIRTIO_LOG(ERR, "port %u: control queue: %s failed: %s. The next command resets "
			   "the queue.", port->data->port_id, command_name(command),
			   ret == -ETIMEDOUT && deadline_us == port->dev.ends_us ?
			   "the start has waited for the device for 60 s in all" :
			   ret == -ETIMEDOUT ? "the device did not answer in time" :
			   ret == -EPROTO ? "the device's answer is not valid" :
			   rte_strerror(-ret));
		virtqueue_set_broken(vq, "a command failed");
		return ret;
	}
	if (answer == VIRTIO_NET_OK)
		return 0;
	VIRTIO_LOG(ERR, "port %u: control queue: the device refused %s (ack %u)",
		   port->data->port_id, command_name(command), answer);
	return -EIO;
}

int
virtio_ctrl_send(struct virtio_port *port, const struct virtio_ctrl_command *command)
{
	if (port->bus->command != NULL)
		return port->bus->command(port, command);
	if (!virtio_ctrl_offers(port, command->feature))
		return -ENOTSUP;
	if (!(port->dev.status & VIRTIO_STATUS_DRIVER_OK))
		return 0;
	if (!virtio_device_has(&port->dev, command->feature))
		return -ENOTSUP;
	return send_on_ring(port, command);
}

/* ---- the ring's life ---------------------------------------------------------------------- */

/*
 * 5.1.2: after the pairs that the device has, of which there is one without MQ and RSS.
 *
 * features: those in force, or to be.
 */
static uint16_t
ring_index(const struct virtio_port *port, uint64_t features)
{
	const bool many = features &
		(VIRTIO_BIT(VIRTIO_NET_F_MQ) | VIRTIO_BIT(VIRTIO_NET_F_RSS));

	return 2 * (many ? port->max_pairs : 1);
}

/* What is used of the device's maximum; 0 where no command fits into it. */
static uint16_t
ring_size(const struct virtio_port *port, uint16_t max, bool packed)
{
	/* A legacy device has one size, whatever is asked for. */
	uint16_t size = port->dev.legacy ? max : RTE_MIN(max, CTRL_RING_SIZE);

	if (!packed)
		size = rte_align32prevpow2(size);
	return size >= CHAIN_MAX ? size : 0;
}

int
virtio_ctrl_probe(struct virtio_port *port)
{
	const uint64_t offered = port->dev.offered;
	const uint16_t index = ring_index(port, offered);
	uint16_t max;
	int ret;

	if (!(offered & VIRTIO_BIT(VIRTIO_NET_F_CTRL_VQ)))
		return 0;
	ret = virtio_device_queue_max(&port->dev, index, &max);
	if (ret != 0)
		return ret;
	port->has_ctrl = ring_size(port, max, offered & VIRTIO_BIT(VIRTIO_F_RING_PACKED)) != 0;
	if (!port->has_ctrl)
		VIRTIO_INIT_LOG(NOTICE, "%s: control queue: ring %u of the device can have %u "
				"descriptors, a command needs %u. The port has one pair of queues, "
				"no RSS and no filters.", port->dev.name, index, max, CHAIN_MAX);
	return 0;
}

int
virtio_ctrl_ring(struct virtio_port *port, struct virtqueue **vq)
{
	const uint16_t index = ring_index(port, port->dev.acked);
	struct virtqueue_conf conf = {
		.packed = port->packed, .area = sizeof(struct command_area),
		.node = port->edev->data->numa_node,
	};
	uint16_t max;
	int ret = 0;

	*vq = NULL;
	snprintf(conf.name, sizeof(conf.name), "port %u: control queue", port->data->port_id);
	if (port->bus->command != NULL || !virtio_device_has(&port->dev, VIRTIO_NET_F_CTRL_VQ))
		return 0;
	if (port->ctrl != NULL && (port->ctrl->conf.packed != port->packed ||
				   port->ctrl->index != index))
		virtio_ctrl_free(port);
	if (port->ctrl == NULL) {
		ret = virtio_device_queue_max(&port->dev, index, &max);
		if (ret != 0)
			return ret;
		conf.size = ring_size(port, max, port->packed);
		if (conf.size == 0) {
			VIRTIO_LOG(ERR, "port %u: control queue: ring %u of the device now has at "
				   "most %u descriptors, a command needs %u. Close the port and "
				   "probe the device again.", port->data->port_id, index, max,
				   CHAIN_MAX);
			return -ENOTSUP;
		}
		ret = virtqueue_create(&port->dev, index, &conf, &port->ctrl);
	}
	*vq = port->ctrl;
	return ret;
}

void
virtio_ctrl_drain(struct virtio_port *port)
{
	/* A command that was not answered lies in the ring's memory: it goes with the rest. */
	if (port->ctrl != NULL)
		virtqueue_reclaim(port->ctrl, nothing_to_give_back, NULL);
}

void
virtio_ctrl_free(struct virtio_port *port)
{
	if (port->ctrl != NULL && virtqueue_destroy(port->ctrl) != 0)
		VIRTIO_LOG(ERR, "port %u: control queue: the device did not confirm the queue's "
			   "reset. The queue's memory is not freed.", port->data->port_id);
	port->ctrl = NULL;
}
