/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * ethdev's queues: set-up, information, end. On a started port ethdev releases a queue before it
 * sets it up, so a release only takes the queue out of ethdev's sight: the old ring is freed when
 * the new one stands, and everything stays as it was when the set-up fails.
 */

#include <errno.h>
#include <stdio.h>

#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_memzone.h>
#include <rte_string_fns.h>

#include "virtio_extmem.h"
#include "virtio_log.h"
#include "virtio_queue.h"
#include "virtio_queue_setup.h"
#include "virtio_rxtx_common.h"

/* ---- set-up ------------------------------------------------------------------------------- */

/* Descriptors that a transmit threshold leaves, as with the packaged driver. */
#define TX_SPARE 3

/* The free threshold that is asked for, or a quarter of the ring, in fours, up to 32. */
static uint16_t
free_thresh(uint16_t asked, uint16_t nb_desc)
{
	return asked != 0 ? asked : RTE_MIN(RTE_ALIGN_FLOOR(nb_desc / 4, 4), 32);
}

/*
 * How long bursts look ahead, in nanoseconds: struct virtio_look_ahead. In receive, no burst leaves
 * packets in the ring for longer than this time after the last burst. In transmit, bursts wait only
 * until the device has VIRTIO_TX_AHEAD_LEFT packets of a full ring left to send; with IN_ORDER, for
 * half of the time.
 */
#define RX_AHEAD_NS 1000
#define TX_AHEAD_NS 4000

/* Number of the descriptor that receive bursts look at first. */
#define RX_AHEAD_FIRST 16

static struct virtio_look_ahead
look_ahead(uint64_t ns, uint16_t nb_desc)
{
	return (struct virtio_look_ahead){
		.cycles = nb_desc < VIRTIO_AHEAD_MIN_RING ? 0 : rte_get_tsc_hz() * ns / NS_PER_S,
	};
}

/* room: of a buffer, for a frame. */
static int
check_buffers(const struct rte_eth_dev *edev, uint16_t id, const struct rte_eth_rxconf *conf,
	      const char *pool, int room)
{
	const uint64_t offloads = conf->offloads | edev->data->dev_conf.rxmode.offloads;
	const int frame = edev->data->mtu + RTE_ETHER_HDR_LEN + RTE_VLAN_HLEN + VIRTIO_HDR_SIZE;

	if (room > 0 && ((offloads & RTE_ETH_RX_OFFLOAD_SCATTER) || frame <= room))
		return 0;
	VIRTIO_INIT_LOG(ERR, "port %u: rx queue %u: a buffer of pool %s holds %d bytes, a frame of "
			"MTU %u needs %d. Use larger buffers%s.", edev->data->port_id, id, pool,
			room, edev->data->mtu, frame, virtio_port(edev)->args.mrg_rxbuf ?
			", or RTE_ETH_RX_OFFLOAD_SCATTER" : "");
	return -EINVAL;
}

int
virtio_queue_fit_buffers(struct virtio_queue *q)
{
	struct virtio_rxq *rxq = container_of(q, struct virtio_rxq, q);
	int ret;

	if (!q->is_rx)
		return 0;
	ret = check_buffers(q->port->edev, q->id, &rxq->conf, rxq->pool_name, (int)rxq->room);
	if (ret != 0)
		return ret;
	rxq->buf_len = rxq->room + virtio_hdr_size(q->port->hash);
	q->vq->conf.buf_len = rxq->buf_len;
	return 0;
}

bool
virtio_queue_holds_mtu(const struct virtio_port *port, uint32_t room, uint16_t size)
{
	const uint32_t frame = port->max_mtu + RTE_ETHER_HDR_LEN + RTE_VLAN_HLEN;

	return room * (port->mergeable ? size : 1) >= frame;
}

/* 5.1.4.2: while the feature MTU is in force, each receive queue takes a frame of that size. */
static int
check_mtu(const struct virtio_port *port, uint16_t id, uint32_t room, uint16_t nb_desc,
	  const char *pool)
{
	if (!(port->dev.status & VIRTIO_STATUS_DRIVER_OK) ||
	    !virtio_device_has(&port->dev, VIRTIO_NET_F_MTU) ||
	    virtio_queue_holds_mtu(port, room, nb_desc))
		return 0;
	VIRTIO_INIT_LOG(ERR, "port %u: rx queue %u: the device may send frames of its MTU of %u, "
			"and %u buffers of %u bytes (pool %s) do not hold one. Use larger buffers, "
			"or set the queue up while the port is stopped.", port->data->port_id, id,
			port->max_mtu, port->mergeable ? nb_desc : 1, room, pool);
	return -EINVAL;
}

static int
check_rx(const struct rte_eth_dev *edev, uint16_t id, uint16_t nb_desc,
	 const struct rte_eth_rxconf *conf, const struct rte_mempool *pool)
{
	const uint16_t thresh = free_thresh(conf->rx_free_thresh, nb_desc);
	int room, ret;

	if (thresh % 4 != 0 || thresh >= nb_desc) {
		VIRTIO_INIT_LOG(ERR, "port %u: rx queue %u: rx_free_thresh %u: want a multiple of "
				"4 below the ring size of %u", edev->data->port_id, id, thresh,
				nb_desc);
		return -EINVAL;
	}
	if (pool == NULL) {
		VIRTIO_INIT_LOG(ERR, "port %u: rx queue %u: no mempool is given. Give one in mp.",
				edev->data->port_id, id);
		return -EINVAL;
	}
	/* Not what is in it now: others may give back what they have of it until the start. */
	if (pool->size < nb_desc)
		VIRTIO_INIT_LOG(NOTICE,
				"port %u: rx queue %u: pool %s has %u buffers for a ring of %u "
				"descriptors. The ring is filled as far as the pool goes.",
				edev->data->port_id, id, pool->name, pool->size, nb_desc);
	if (virtio_extmem_check_pool(virtio_port(edev), id, pool) != 0)
		return -EFAULT;
	room = rte_pktmbuf_data_room_size((struct rte_mempool *)(uintptr_t)pool) -
	       RTE_PKTMBUF_HEADROOM;
	ret = check_buffers(edev, id, conf, pool->name, room);
	return ret != 0 ? ret : check_mtu(virtio_port(edev), id, room, nb_desc, pool->name);
}

static int
check_tx(const struct rte_eth_dev *edev, uint16_t id, uint16_t nb_desc,
	 const struct rte_eth_txconf *conf)
{
	const uint16_t thresh = free_thresh(conf->tx_free_thresh, nb_desc);

	if (thresh + TX_SPARE >= nb_desc) {
		VIRTIO_INIT_LOG(ERR, "port %u: tx queue %u: tx_free_thresh %u: want less than %d",
				edev->data->port_id, id, thresh, nb_desc - TX_SPARE);
		return -EINVAL;
	}
	return 0;
}

static int
check_common(const struct virtio_queue *q, bool deferred)
{
	const uint16_t port_id = q->port->edev->data->port_id;

	if (deferred && q->port->dev.stop_method == VIRTIO_STOP_NONE) {
		VIRTIO_INIT_LOG(ERR, "port %u: %s queue %u: deferred start is not possible, as "
				"single queues of this device cannot be stopped. Set "
				"%s_deferred_start to 0.", port_id, virtio_queue_kind(q), q->id,
				virtio_queue_kind(q));
		return -ENOTSUP;
	}
	if (q->vq != NULL && virtqueue_state(q->vq) != VIRTQUEUE_READY) {
		VIRTIO_INIT_LOG(ERR, "port %u: %s queue %u: the device may still use the ring "
				"(state %s). Stop the queue, or reset the port, first.", port_id,
				virtio_queue_kind(q), q->id,
				virtqueue_state_name(virtqueue_state(q->vq)));
		return -EBUSY;
	}
	return 0;
}

/*
 * The size that the device can have of what is asked for: users of upstream's driver ask for more
 * and get what there is. A split ring has a power of two (2.7): rounded down. A legacy device has
 * one size, whatever is asked for.
 */
int
virtio_ring_size(struct virtio_port *port, uint16_t ring, uint16_t *nb_desc)
{
	uint16_t max;
	const int ret = virtio_device_queue_max(&port->dev, ring, &max);

	if (ret == 0 && max != 0 && (*nb_desc > max || port->dev.legacy))
		*nb_desc = max;
	if (ret == 0 && !port->packed && !port->dev.legacy && *nb_desc != 0)
		*nb_desc = rte_align32prevpow2(*nb_desc);
	return ret;
}

static int
fit_to_device(struct virtio_queue *q, uint16_t *nb_desc)
{
	const uint16_t asked = *nb_desc;
	const int ret = virtio_ring_size(q->port, virtio_queue_ring(q), nb_desc);

	if (ret == 0 && asked != *nb_desc)
		VIRTIO_INIT_LOG(NOTICE, "port %u: %s queue %u: a ring of %u descriptors is not "
				"possible with this device and layout. The ring has %u.",
				q->port->edev->data->port_id, virtio_queue_kind(q), q->id, asked,
				*nb_desc);
	return ret;
}

/*
 * A threshold that fitted the ring that was asked for, but not the smaller one that the device
 * takes, becomes the default of that ring.
 */
static uint16_t
fit_thresh(const struct virtio_queue *q, uint16_t thresh, uint16_t asked, uint16_t nb_desc,
	   uint16_t spare)
{
	if (thresh + spare < nb_desc || thresh + spare >= asked)
		return thresh;
	VIRTIO_INIT_LOG(NOTICE, "port %u: %s queue %u: a free threshold of %u does not fit a ring "
			"of %u descriptors. The threshold is set to %u.",
			q->port->edev->data->port_id, virtio_queue_kind(q), q->id, thresh, nb_desc,
			free_thresh(0, nb_desc));
	return 0;
}

/* The node that is asked for, or any where it has no memory at all. */
static int
node_with_memory(const struct virtio_port *port, const char *kind, uint16_t id, int node)
{
	const struct rte_memzone *probe;
	char name[RTE_MEMZONE_NAMESIZE];

	if (node == SOCKET_ID_ANY)
		return node;
	/* As a ring is allocated: EAL refuses a memzone on nodes of which it gives other memory. */
	snprintf(name, sizeof(name), "virtio_node_%u", port->data->port_id);
	probe = rte_memzone_reserve(name, 1, node, 0);
	if (probe != NULL)
		rte_memzone_free(probe);
	if (probe != NULL || (rte_errno != ENOMEM && rte_errno != EINVAL))
		return node;
	VIRTIO_INIT_LOG(NOTICE, "port %u: %s queue %u: NUMA node %d has no memory. Memory of "
			"another node is used.", port->edev->data->port_id, kind, id, node);
	return SOCKET_ID_ANY;
}

/*
 * Frees the ring, or keeps it where a thread may still be monitoring its memory: see
 * virtio_get_monitor_addr(). -EBUSY where the device may touch it.
 */
static int
forget_ring(struct virtio_queue *q)
{
	if (virtqueue_state(q->vq) != VIRTQUEUE_READY)
		return -EBUSY;
	if (q->retired != NULL && q->retired != q->monitored) {
		virtqueue_destroy(q->retired);
		q->retired = NULL;
	}
	if (q->vq == q->monitored)
		q->retired = q->vq;
	else
		virtqueue_destroy(q->vq);
	q->vq = NULL;
	return 0;
}

/* Makes the ring that is wanted; the one there was is freed only once that has worked. */
static int
replace_ring(struct virtio_queue *q, uint16_t nb_desc, int node, uint32_t buf_len)
{
	struct virtqueue_conf conf = {
		.size = nb_desc,
		.packed = q->port->packed,
		.slot_area = q->is_rx ? 0 : sizeof(struct virtio_tx_slot),
		.buf_len = buf_len,
		/* librte_vhost would move a ring that changes its node under its pollers. */
		.node = q->vq != NULL ? q->node : node,
	};
	struct virtqueue *vq;
	int ret;

	snprintf(conf.name, sizeof(conf.name), "port %u: %s queue %u", q->port->data->port_id,
		 virtio_queue_kind(q), q->id);
	ret = virtqueue_create(&q->port->dev, virtio_queue_ring(q), &conf, &vq);
	if (ret != 0)
		return ret;
	if (q->vq != NULL) {
		/* Its stop may have been proven while the application had released it. */
		virtio_queue_reclaim(q);
		forget_ring(q);
	} else {
		q->node = vq->memory->socket_id;
	}
	q->vq = vq;
	q->nb_desc = nb_desc;
	virtio_recovery_forget(&q->recovery);
	return 0;
}

/* The queue's own struct, on its first set-up. */
static void *
first_setup(struct virtio_port *port, uint16_t id, size_t size, bool is_rx, int node)
{
	struct virtio_queue *q;

	q = rte_zmalloc_socket("virtio_queue", size, RTE_CACHE_LINE_SIZE, node);
	if (q == NULL) {
		VIRTIO_INIT_LOG(ERR, "port %u: %s queue %u: no memory for the queue. Give EAL more "
				"memory.", port->edev->data->port_id, is_rx ? "rx" : "tx", id);
		return NULL;
	}
	q->port = port;
	q->id = id;
	q->is_rx = is_rx;
	q->addr_at = port->dev.by_iova ? VIRTIO_MBUF_IOVA_AT : offsetof(struct rte_mbuf, buf_addr);
	return q;
}

/*
 * ethdev releases a queue without the port's lock. The queue's memory stays until the close, so a
 * thread that reads the queue at the same time reads valid memory.
 */
static void
show(struct virtio_queue *q, bool shown)
{
	rte_atomic_store_explicit(&q->shown, shown, rte_memory_order_relaxed);
}

static int
rx_setup(struct virtio_rxq *rxq, uint16_t nb_desc, int node, const struct rte_eth_rxconf *conf,
	 struct rte_mempool *pool)
{
	struct rte_eth_dev *edev = rxq->q.port->edev;
	struct rte_eth_rxconf fitted = *conf;
	const uint16_t asked = nb_desc;
	uint32_t room, buf_len;
	int ret;

	ret = fit_to_device(&rxq->q, &nb_desc);
	fitted.rx_free_thresh =
		fit_thresh(&rxq->q, conf->rx_free_thresh, asked, nb_desc, 0);
	conf = &fitted;
	if (ret == 0)
		ret = check_common(&rxq->q, conf->rx_deferred_start);
	if (ret == 0)
		ret = check_rx(edev, rxq->q.id, nb_desc, conf, pool);
	if (ret != 0)
		return ret;
	room = rte_pktmbuf_data_room_size(pool) - RTE_PKTMBUF_HEADROOM;
	buf_len = room + virtio_hdr_size(rxq->q.port->hash);
	ret = replace_ring(&rxq->q, nb_desc, node, buf_len);
	if (ret != 0)
		return ret;
	rxq->pool = pool;
	rte_strscpy(rxq->pool_name, pool->name, sizeof(rxq->pool_name));
	rxq->conf = *conf;
	rxq->conf.rx_free_thresh = free_thresh(conf->rx_free_thresh, nb_desc);
	rxq->free_thresh = rxq->conf.rx_free_thresh;
	rxq->ahead = look_ahead(RX_AHEAD_NS, nb_desc);
	rxq->look_at = RX_AHEAD_FIRST;
	rxq->q.deferred = conf->rx_deferred_start;
	rxq->room = room;
	rxq->buf_len = buf_len;
	rxq->rearm = virtio_mbuf_rearm_value(edev->data->port_id,
		rte_pktmbuf_priv_flags(pool) & RTE_PKTMBUF_POOL_F_PINNED_EXT_BUF ?
		RTE_MBUF_F_EXTERNAL : 0);
	rxq->vlan_strip = (conf->offloads | edev->data->dev_conf.rxmode.offloads) &
			  RTE_ETH_RX_OFFLOAD_VLAN_STRIP;
	return 0;
}

int
virtio_rx_queue_setup(struct rte_eth_dev *edev, uint16_t id, uint16_t nb_desc,
		      unsigned int socket, const struct rte_eth_rxconf *conf,
		      struct rte_mempool *pool)
{
	struct virtio_port *port = virtio_port(edev);
	struct virtio_rxq *rxq = port->rxqs[id];
	const int node = node_with_memory(port, "rx", id, (int)socket);
	const bool first = rxq == NULL;
	int ret;

	if (first)
		rxq = first_setup(port, id, sizeof(*rxq), true, node);
	if (rxq == NULL)
		return -ENOMEM;
	pthread_mutex_lock(&port->lock);
	ret = rx_setup(rxq, nb_desc, node, conf, pool);
	if (rxq->q.vq != NULL) {
		port->rxqs[id] = rxq;
		edev->data->rx_queues[id] = rxq;
		show(&rxq->q, true);
		virtio_queue_show_state(&rxq->q);
	}
	pthread_mutex_unlock(&port->lock);
	if (first && ret != 0)
		rte_free(rxq);
	return ret;
}

static int
tx_setup(struct virtio_txq *txq, uint16_t nb_desc, int node, const struct rte_eth_txconf *conf)
{
	struct rte_eth_txconf fitted = *conf;
	const uint16_t asked = nb_desc;
	int ret;

	ret = fit_to_device(&txq->q, &nb_desc);
	fitted.tx_free_thresh =
		fit_thresh(&txq->q, conf->tx_free_thresh, asked, nb_desc, TX_SPARE);
	conf = &fitted;
	if (ret == 0)
		ret = check_common(&txq->q, conf->tx_deferred_start);
	if (ret == 0)
		ret = check_tx(txq->q.port->edev, txq->q.id, nb_desc, conf);
	if (ret == 0)
		ret = replace_ring(&txq->q, nb_desc, node, 0);
	if (ret != 0)
		return ret;
	txq->conf = *conf;
	txq->conf.tx_free_thresh = free_thresh(conf->tx_free_thresh, nb_desc);
	txq->free_thresh = txq->conf.tx_free_thresh;
	txq->ahead = look_ahead(TX_AHEAD_NS, nb_desc);
	txq->hdr_last = UINT32_MAX; /* until virtio_queue_open() */
	txq->q.deferred = conf->tx_deferred_start;
	return 0;
}

int
virtio_tx_queue_setup(struct rte_eth_dev *edev, uint16_t id, uint16_t nb_desc,
		      unsigned int socket, const struct rte_eth_txconf *conf)
{
	struct virtio_port *port = virtio_port(edev);
	struct virtio_txq *txq = port->txqs[id];
	const int node = node_with_memory(port, "tx", id, (int)socket);
	const bool first = txq == NULL;
	int ret;

	if (first)
		txq = first_setup(port, id, sizeof(*txq), false, node);
	if (txq == NULL)
		return -ENOMEM;
	pthread_mutex_lock(&port->lock);
	ret = tx_setup(txq, nb_desc, node, conf);
	if (txq->q.vq != NULL) {
		port->txqs[id] = txq;
		edev->data->tx_queues[id] = txq;
		show(&txq->q, true);
		virtio_queue_show_state(&txq->q);
	}
	pthread_mutex_unlock(&port->lock);
	if (first && ret != 0)
		rte_free(txq);
	return ret;
}

void
virtio_rx_queue_release(struct rte_eth_dev *edev, uint16_t id)
{
	struct virtio_rxq *rxq = edev->data->rx_queues[id];

	edev->data->rx_queues[id] = NULL;
	if (rxq != NULL)
		show(&rxq->q, false);
}

void
virtio_tx_queue_release(struct rte_eth_dev *edev, uint16_t id)
{
	struct virtio_txq *txq = edev->data->tx_queues[id];

	edev->data->tx_queues[id] = NULL;
	if (txq != NULL)
		show(&txq->q, false);
}

void
virtio_rxq_info_get(struct rte_eth_dev *edev, uint16_t id, struct rte_eth_rxq_info *info)
{
	const struct virtio_rxq *rxq = edev->data->rx_queues[id];

	info->mp = virtio_queue_has_pool(rxq) ? rxq->pool : NULL;
	info->conf = rxq->conf;
	info->scattered_rx = rxq->q.port->mergeable && virtio_rx_is_scattered(rxq);
	info->nb_desc = rxq->q.nb_desc;
	info->rx_buf_size = rxq->room;
}

void
virtio_txq_info_get(struct rte_eth_dev *edev, uint16_t id, struct rte_eth_txq_info *info)
{
	const struct virtio_txq *txq = edev->data->tx_queues[id];

	info->conf = txq->conf;
	info->nb_desc = txq->q.nb_desc;
}

/* ---- the end ------------------------------------------------------------------------------ */

void
virtio_queues_forget_released(struct virtio_port *port)
{
	struct virtio_queue *q;

	VIRTIO_FOREACH_RING(q, port) {
		if (virtio_queue_is_shown(q))
			continue;
		/* Released before the proof of its stop, it has its buffers still. */
		virtio_queue_reclaim(q);
		forget_ring(q);
	}
}

bool
virtio_queues_are_entered(const struct virtio_port *port)
{
	const struct virtio_queue *q;
	bool entered = false;

	VIRTIO_FOREACH_MADE_QUEUE(q, port)
		entered |= !virtio_gate_is_empty(&q->gate);
	return entered;
}

static void
free_queue(struct virtio_queue *q)
{
	if (q == NULL)
		return;
	/* A stopped queue too: the thread reads the gate next. The port's close logs an error. */
	if (!virtio_gate_is_empty(&q->gate))
		return;
	if (q->retired != NULL)
		virtqueue_destroy(q->retired);
	if (q->vq != NULL)
		virtio_queue_reclaim(q);
	if (q->vq != NULL && virtqueue_destroy(q->vq) != 0) {
		VIRTIO_LOG(ERR, "port %u: %s queue %u: the device did not confirm the queue's "
			   "stop. The ring's memory and %d buffers are not freed.",
			   q->port->data->port_id, virtio_queue_kind(q), q->id,
			   virtqueue_in_flight(q->vq));
		return;
	}
	rte_free(q);
}

void
virtio_queues_free(struct virtio_port *port)
{
	uint16_t i;

	for (i = 0; i < port->args.pairs; i++) {
		free_queue(port->rxqs[i] == NULL ? NULL : &port->rxqs[i]->q);
		free_queue(port->txqs[i] == NULL ? NULL : &port->txqs[i]->q);
		port->rxqs[i] = NULL;
		port->txqs[i] = NULL;
	}
}
