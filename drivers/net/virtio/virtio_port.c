/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * A port is brought up and taken down as a whole. Up: features are negotiated, all rings enabled,
 * and those that are not to run are stopped again. Down: all gates are closed, the device is reset,
 * and every buffer goes back to its pool. A single queue starts and stops by virtio_queue.c; what
 * the rest of the port does then is here. virtio_ethdev.c has ethdev's ops.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include <rte_cycles.h>
#include <rte_malloc.h>

#include "virtio_announce.h"
#include "virtio_ctrl.h"
#include "virtio_filter.h"
#include "virtio_log.h"
#include "virtio_mq.h"
#include "virtio_port.h"
#include "virtio_queue.h"
#include "virtio_queue_setup.h"
#include "virtio_rxtx_common.h"
#include "virtio_watchdog.h"
#include "virtqueue_reset.h"

/* Between two attempts to take the port's lock. */
#define LOCK_SLEEP_US 50

/* 5.1.4.2: with MTU, each receive queue has to take a frame of that size. */
static bool
holds_mtu(const struct virtio_port *port)
{
	const struct virtio_queue *q;

	VIRTIO_FOREACH_QUEUE(q, port) {
		const struct virtio_rxq *rxq = container_of(q, const struct virtio_rxq, q);

		if (q->is_rx && !virtio_queue_holds_mtu(port, rxq->room, q->vq->size))
			return false;
	}
	return true;
}

static uint64_t
wanted_features(const struct virtio_port *port)
{
	uint64_t wanted = VIRTIO_BIT(VIRTIO_F_VERSION_1) | VIRTIO_BIT(VIRTIO_NET_F_MQ) |
			  VIRTIO_BIT(VIRTIO_RING_F_INDIRECT_DESC) | VIRTIO_BIT(VIRTIO_F_RING_RESET);

	wanted |= port->bus->features;
	/* The header with the data in one descriptor, which VERSION_1 implies. */
	if (port->dev.legacy)
		wanted |= VIRTIO_BIT(VIRTIO_F_ANY_LAYOUT);
	/* Pairs that this device does not have, or not for this driver. */
	if (port->bus->command == NULL && port->max_pairs == 1)
		wanted &= ~VIRTIO_BIT(VIRTIO_NET_F_MQ);
	if (port->packed)
		wanted |= VIRTIO_BIT(VIRTIO_F_RING_PACKED);
	if (port->mergeable)
		wanted |= VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF);
	if (port->in_order)
		wanted |= VIRTIO_BIT(VIRTIO_F_IN_ORDER);
	/* Not where the data paths were chosen without it. */
	if (!port->platform_order)
		wanted &= ~VIRTIO_BIT(VIRTIO_F_ORDER_PLATFORM);
	wanted |= port->offloads;
	/* 5.1.6.2.1: with a gso_type, hdr_len is the exact length of the headers. */
	if (port->offloads & VIRTIO_BIT(VIRTIO_NET_F_HOST_TSO4))
		wanted |= VIRTIO_BIT(VIRTIO_NET_F_GUEST_HDRLEN);
	/* librte_vhost keeps its notion of the last signalled entry over ENABLE 0. */
	if (port->dev.stop_method != VIRTIO_STOP_VHOST_DISABLE_ACK)
		wanted |= VIRTIO_BIT(VIRTIO_RING_F_EVENT_IDX);
	if (virtio_filters_vlans(port))
		wanted |= VIRTIO_BIT(VIRTIO_NET_F_CTRL_VLAN);
	if (port->rss.on)
		wanted |= VIRTIO_BIT(VIRTIO_NET_F_RSS);
	/* 5.1.4.2: who takes it does not send or receive larger frames. */
	if (port->max_mtu != 0 && port->edev->data->mtu <= port->max_mtu && holds_mtu(port))
		wanted |= VIRTIO_BIT(VIRTIO_NET_F_MTU);
	if (!virtio_announce_heard(port))
		wanted &= ~VIRTIO_BIT(VIRTIO_NET_F_GUEST_ANNOUNCE);
	/* 5.1.3.1; virtio-user's control queue is not the back-end's. */
	if (port->bus->command == NULL && !virtio_ctrl_offers(port, VIRTIO_NET_F_CTRL_VQ))
		wanted &= ~(VIRTIO_BIT(VIRTIO_NET_F_CTRL_VQ) | VIRTIO_BIT(VIRTIO_NET_F_CTRL_RX) |
			    VIRTIO_BIT(VIRTIO_NET_F_CTRL_VLAN) |
			    VIRTIO_BIT(VIRTIO_NET_F_CTRL_MAC_ADDR) |
			    VIRTIO_BIT(VIRTIO_NET_F_GUEST_ANNOUNCE) |
			    VIRTIO_BIT(VIRTIO_NET_F_MQ) | VIRTIO_BIT(VIRTIO_NET_F_RSS));
	return wanted;
}

/*
 * A ring that the device wants and the application has not: an empty one. No back-end starts
 * without rings 0 and 1, and a device with whole pairs is not to see a half of one.
 */
static int
placeholder_ring(struct virtio_port *port, unsigned int ring, struct virtqueue **vq)
{
	struct virtqueue_conf conf = {
		.size = VIRTIO_MIN_RING, .packed = port->packed,
		.node = port->edev->data->numa_node,
	};
	int ret;

	snprintf(conf.name, sizeof(conf.name), "port %u: unused %s queue %u",
		 port->edev->data->port_id, ring % 2 == 0 ? "rx" : "tx", ring / 2);
	if (port->placeholders[ring] != NULL &&
	    port->placeholders[ring]->conf.packed != conf.packed &&
	    virtqueue_destroy(port->placeholders[ring]) == 0)
		port->placeholders[ring] = NULL;
	ret = virtio_ring_size(port, ring, &conf.size);
	if (ret == 0 && port->placeholders[ring] == NULL)
		ret = virtqueue_create(&port->dev, ring, &conf, &port->placeholders[ring]);
	*vq = port->placeholders[ring];
	return ret;
}

/* Every ring that the device is to know, by index order. */
static int
all_rings(struct virtio_port *port, struct virtqueue **vqs, unsigned int *n)
{
	const uint16_t pairs = virtio_port_pairs(port);
	uint16_t i;
	int ret;

	*n = 0;
	for (i = 0; i < pairs; i++) {
		const struct virtio_queue *q[2] = { virtio_queue_rx(port, i),
						    virtio_queue_tx(port, i) };
		unsigned int k;

		for (k = 0; k < 2; k++) {
			if (q[k] != NULL) {
				vqs[(*n)++] = q[k]->vq;
			} else if (i == 0 || port->bus->whole_pairs) {
				ret = placeholder_ring(port, 2 * i + k, &vqs[*n]);
				if (ret != 0)
					return ret;
				(*n)++;
			}
		}
	}
	ret = virtio_ctrl_ring(port, &vqs[*n]);
	if (ret == 0 && vqs[*n] != NULL)
		(*n)++;
	return ret;
}

/* Which queues are to run, and a place for those that are not. */
struct run_plan {
	const bool *rx;
	const bool *tx;
	struct virtqueue **stop;
	unsigned int nb_stop;
};

static bool
is_to_run(const struct virtio_queue *q, const struct run_plan *plan)
{
	return q->is_rx ? plan->rx[q->id] : plan->tx[q->id];
}

static int
fill_queues(struct virtio_port *port, struct run_plan *plan)
{
	struct virtio_queue *q;
	int ret;

	VIRTIO_FOREACH_QUEUE(q, port) {
		if (!is_to_run(q, plan)) {
			plan->stop[plan->nb_stop++] = q->vq;
			continue;
		}
		/* With an empty pool, too: it is filled when the pool has buffers again. */
		ret = virtio_queue_fill(q);
		if (ret != 0 && ret != -ENOMEM)
			return ret;
	}
	return 0;
}

void
virtio_port_show_states(struct virtio_port *port)
{
	struct virtio_queue *q;

	VIRTIO_FOREACH_QUEUE(q, port)
		virtio_queue_show_state(q);
}

/* All of them, whatever one answers; the first error. */
static int
close_gates(struct virtio_port *port)
{
	struct virtio_queue *q;
	int first = 0;
	int ret;

	VIRTIO_FOREACH_RING(q, port) {
		q->watched = false;
		virtio_recovery_forget(&q->recovery);
		ret = virtio_gate_close(&q->gate, port->args.reset_timeout_us);
		if (ret == -ETIMEDOUT)
			VIRTIO_LOG(ERR, "port %u: %s queue %u: a thread is still in a burst of the "
				   "queue. Stop polling before the port is stopped.",
				   port->data->port_id, virtio_queue_kind(q), q->id);
		if (first == 0)
			first = ret;
	}
	return first;
}

/*
 * What rings, burst functions and queues were chosen by must not change under them; 5.1.3.1 for
 * what the others need.
 */
static uint64_t
needed_features(const struct virtio_port *port)
{
	uint64_t needed = port->offloads |
		(port->mergeable ? VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF) : 0) |
		(port->packed ? VIRTIO_BIT(VIRTIO_F_RING_PACKED) : 0) |
		(port->rss.on ? VIRTIO_BIT(VIRTIO_NET_F_RSS) : 0);

	/* virtio-user has as many rings as it sets up, and no control queue among them. */
	if (port->bus->command != NULL)
		return needed;
	/* 5.1.2: without either, the ring behind the first pair is the control queue. */
	if (virtio_port_pairs(port) > 1 && !port->rss.on)
		needed |= VIRTIO_BIT(VIRTIO_NET_F_MQ);
	if (virtio_filters_vlans(port))
		needed |= VIRTIO_BIT(VIRTIO_NET_F_CTRL_VLAN);
	if (needed & (VIRTIO_BIT(VIRTIO_NET_F_MQ) | VIRTIO_BIT(VIRTIO_NET_F_RSS) |
		      VIRTIO_BIT(VIRTIO_NET_F_CTRL_VLAN)))
		needed |= VIRTIO_BIT(VIRTIO_NET_F_CTRL_VQ);
	return needed;
}

static int
negotiate(struct virtio_port *port)
{
	const uint64_t needed = needed_features(port);
	uint64_t wanted;
	int ret;

	ret = virtio_device_read_offer(&port->dev);
	if (ret != 0)
		return ret;
	wanted = wanted_features(port);
	if ((port->dev.offered & wanted & needed) != needed) {
		VIRTIO_INIT_LOG(ERR, "%s: the device no longer offers the features 0x%" PRIx64
				" that the configuration needs. Configure the port again.",
				port->dev.name, needed & ~(port->dev.offered & wanted));
		return -ENOTSUP;
	}
	return virtio_device_negotiate(&port->dev, wanted);
}

/*
 * Rings enabled for the device's sake, or for queues that are to rest, are reset again: before the
 * first command that names queues, so that none of them is meant by it.
 */
static int
stop_idle_rings(struct virtio_port *port, struct run_plan *plan)
{
	unsigned int i;

	for (i = 0; port->bus->whole_pairs && virtio_device_stops_rings(&port->dev) &&
	     i < 2u * virtio_port_pairs(port); i++) {
		struct virtqueue *vq = port->placeholders[i];

		if (vq != NULL && virtqueue_state(vq) == VIRTQUEUE_LIVE)
			plan->stop[plan->nb_stop++] = vq;
	}
	return plan->nb_stop == 0 ? 0 : virtqueue_stop_many(plan->stop, plan->nb_stop,
							    port->args.reset_timeout_us);
}

static int
bring_up_rings(struct virtio_port *port, struct run_plan *plan, struct virtqueue **vqs)
{
	unsigned int n;
	int ret;

	ret = fill_queues(port, plan);
	if (ret == 0)
		ret = all_rings(port, vqs, &n);
	if (ret == 0 && port->bus->interrupts_on != NULL)
		ret = port->bus->interrupts_on(port);
	if (ret == 0)
		ret = virtio_device_start(&port->dev, vqs, n);
	/*
	 * Enabled once like all others, since no back-end starts on half a set; now they may rest.
	 */
	if (ret == 0)
		ret = stop_idle_rings(port, plan);
	if (ret == 0)
		ret = virtio_mq_apply(port);
	if (ret == 0)
		ret = virtio_rss_send_hashes(port);
	if (ret == 0)
		ret = virtio_filter_restore(port);
	return ret;
}

/* All rings are ours again, or none is touched. */
static int
reset_device(struct virtio_port *port)
{
	const int ret = virtio_device_reset(&port->dev, port->args.reset_timeout_us);
	struct virtio_queue *q;

	/* It may need a reset again before anything has looked at its next life. */
	if (ret == 0) {
		port->reset_reported = false;
		port->reset_event = false;
	}
	VIRTIO_FOREACH_RING(q, port)
		virtio_queue_reclaim(q);
	virtio_ctrl_drain(port);
	if (port->bus->interrupts_off != NULL)
		port->bus->interrupts_off(port);
	return ret;
}

int
virtio_port_bring_up(struct virtio_port *port, const bool *run_rx, const bool *run_tx)
{
	struct run_plan plan = { .rx = run_rx, .tx = run_tx };
	const size_t max = 2 * port->args.pairs;
	struct virtqueue **vqs;
	struct virtio_queue *q;
	int ret;

	vqs = rte_calloc("virtio_rings", 2 * max + 1, sizeof(*vqs), 0);
	if (vqs == NULL)
		return -ENOMEM;
	plan.stop = vqs + max + 1; /* all and the control queue; those to stop */
	virtio_device_limit(&port->dev, VIRTIO_CALL_LIMIT_US);
	ret = negotiate(port);
	if (ret == 0)
		ret = bring_up_rings(port, &plan, vqs);
	virtio_device_limit(&port->dev, 0);
	rte_free(vqs);
	if (ret != 0) {
		if (reset_device(port) == 0)
			virtio_device_give_up(&port->dev, ret);
		return ret;
	}
	VIRTIO_FOREACH_QUEUE(q, port) {
		virtio_queue_reclaim(q); /* of those at rest: as new */
		if (is_to_run(q, &plan))
			virtio_queue_open(q);
	}
	virtio_watchdog_arm(port);
	return 0;
}

int
virtio_port_take_down(struct virtio_port *port)
{
	/* The device's reset takes the rings of released queues too: no thread may be in one. */
	const int ret = close_gates(port);

	return ret == 0 ? reset_device(port) : ret;
}

/* ---- start and stop of a queue ------------------------------------------------------------ */

/*
 * Takes a queue out of the device's table, or of the pairs that the device uses. Where the device
 * refuses that the queue runs on, and gets its share again if a command without an answer may have
 * taken it away.
 */
static int
leave(struct virtio_queue *q)
{
	const int ret = virtio_mq_remove(q, true);

	if (ret != 0 && virtio_mq_add(q, q->port->rss.unsure) != 0)
		VIRTIO_LOG(ERR, "port %u: %s queue %u: the stop failed and the queue runs on, but "
			   "the device may send it no packets, as it refused the command for that. "
			   "Stop and start the port.", q->port->data->port_id, virtio_queue_kind(q),
			   q->id);
	return ret;
}

/*
 * 5.1.6.5.7: the device's table is to name running queues only, so a receive queue leaves it first.
 * 5.1.6.5.6.1: no packet is queued on a transmit queue beyond the number of pairs in the last
 * command. So a transmit queue leaves when its gate is closed, after tx_drain_us.
 */
static int
stop_and_leave(struct virtio_queue *q)
{
	int ret;

	ret = virtio_queue_check_method(q, "stop");
	if (ret == 0 && q->is_rx)
		ret = leave(q);
	return ret != 0 ? ret : virtio_queue_stop(q, q->is_rx ? NULL : leave);
}

/*
 * Started, but with no share of the packets, is not what was asked for. The queue leaves the device
 * again before it stops, if a command without an answer may have given it a share. A transmit queue
 * is opened after the command, as in stop_and_leave().
 */
static int
start_and_join(struct virtio_queue *q)
{
	int ret;

	ret = virtio_queue_start(q);
	if (ret != 0)
		return ret;
	virtio_watchdog_arm(q->port);
	if (q->is_rx)
		virtio_queue_open(q);
	ret = virtio_mq_add(q, true);
	if (ret == 0 && !q->is_rx) {
		virtio_queue_open(q);
		/* An announcement may be due that had no queue to be sent on. */
		virtio_guest_announce(q->port);
	}
	if (ret == 0)
		return 0;
	if (virtio_mq_remove(q, q->port->rss.unsure) != 0)
		VIRTIO_LOG(ERR, "port %u: %s queue %u: the start failed and the queue is stopped, "
			   "but the device may send it packets, as it refused the command against "
			   "that. Stop and start the port.", q->port->data->port_id,
			   virtio_queue_kind(q), q->id);
	virtio_queue_stop(q, NULL);
	return ret;
}

/* A second attempt may find the ring stopped already. */
int
virtio_port_restart_queue(struct virtio_queue *q)
{
	int ret = 0;

	if (virtqueue_state(q->vq) != VIRTQUEUE_READY)
		ret = stop_and_leave(q);
	return ret != 0 ? ret : start_and_join(q);
}

/*
 * By the application's call, which a recovery by the driver must not undo.
 *
 * `done` is the state in which nothing is left to do. ethdev looks before it calls, but without the
 * lock: another thread may have stopped or started the port since.
 */
static int
locked_queue_op(struct virtio_port *port, struct virtio_queue *q, enum virtqueue_state done,
	int (*op)(struct virtio_queue *q))
{
	int ret = 0;

	pthread_mutex_lock(&port->lock);
	virtio_recovery_forget(&q->recovery);
	/* Also of an error that is found in this very stop. */
	q->recovery.stopped_by_app |= done == VIRTQUEUE_READY;
	if (virtqueue_state(q->vq) != done)
		ret = op(q);
	/* Where nothing was left to do ethdev may know it otherwise. */
	virtio_queue_show_state(q);
	pthread_mutex_unlock(&port->lock);
	return ret;
}

int
virtio_rx_queue_start(struct rte_eth_dev *edev, uint16_t id)
{
	return locked_queue_op(virtio_port(edev), &virtio_port(edev)->rxqs[id]->q, VIRTQUEUE_LIVE,
		       start_and_join);
}

int
virtio_rx_queue_stop(struct rte_eth_dev *edev, uint16_t id)
{
	return locked_queue_op(virtio_port(edev), &virtio_port(edev)->rxqs[id]->q, VIRTQUEUE_READY,
		       stop_and_leave);
}

int
virtio_tx_queue_start(struct rte_eth_dev *edev, uint16_t id)
{
	return locked_queue_op(virtio_port(edev), &virtio_port(edev)->txqs[id]->q, VIRTQUEUE_LIVE,
		       start_and_join);
}

int
virtio_tx_queue_stop(struct rte_eth_dev *edev, uint16_t id)
{
	return locked_queue_op(virtio_port(edev), &virtio_port(edev)->txqs[id]->q, VIRTQUEUE_READY,
		       stop_and_leave);
}

bool
virtio_port_lock_within(struct virtio_port *port, uint64_t timeout_us)
{
	const uint64_t deadline_us = virtio_now_us() + timeout_us;

	while (pthread_mutex_trylock(&port->lock) != 0) {
		if (virtio_now_us() >= deadline_us)
			return false;
		rte_delay_us_sleep(LOCK_SLEEP_US);
	}
	return true;
}
