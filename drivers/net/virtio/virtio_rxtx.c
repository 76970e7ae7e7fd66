/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Which data path a port runs on, and what ethdev asks about its queues.
 */

#include <stdio.h>

#include "virtio_ethdev.h"
#include "virtio_rxtx.h"
#include "virtqueue_ring.h"

const struct virtio_path *
virtio_path_choose(const struct virtio_port *port)
{
	if (port->packed)
		return port->mergeable ? &virtio_path_packed_mergeable : &virtio_path_packed;
	return port->mergeable ? &virtio_path_split_mergeable : &virtio_path_split;
}

/*
 * The queries below may come from any thread; the ring cannot go while they visit. What they read
 * of the polling thread's indices may be a burst old.
 */

static int
used_now(const struct virtio_queue *q)
{
	return ring_used(q->vq, UINT16_MAX, q->vq->conf.packed);
}

static uint32_t
rx_queue_count(void *queue)
{
	struct virtio_rxq *rxq = queue;
	int used;

	if (rxq == NULL || !virtio_gate_visit(&rxq->q.gate))
		return 0;
	used = used_now(&rxq->q);
	virtio_gate_depart(&rxq->q.gate);
	return RTE_MAX(used, 0);
}

static int
rx_descriptor_status(void *queue, uint16_t offset)
{
	struct virtio_rxq *rxq = queue;
	int ret = RTE_ETH_RX_DESC_UNAVAIL;

	if (rxq == NULL || !virtio_gate_visit(&rxq->q.gate))
		return ret;
	if (offset >= rxq->q.vq->size)
		ret = -EINVAL;
	else if (offset < used_now(&rxq->q))
		ret = RTE_ETH_RX_DESC_DONE;
	else if (offset < rxq->q.vq->size - rxq->q.vq->free_count)
		ret = RTE_ETH_RX_DESC_AVAIL;
	virtio_gate_depart(&rxq->q.gate);
	return ret;
}

/* Offset 0 is the descriptor that the next packet takes; the oldest one sent is the last. */
static int
tx_descriptor_status(void *queue, uint16_t offset)
{
	struct virtio_txq *txq = queue;
	int ret = RTE_ETH_TX_DESC_UNAVAIL;

	if (txq == NULL || !virtio_gate_visit(&txq->q.gate))
		return ret;
	if (offset >= txq->q.vq->size)
		ret = -EINVAL;
	else if (offset < txq->q.vq->free_count + used_now(&txq->q))
		ret = RTE_ETH_TX_DESC_DONE;
	else
		ret = RTE_ETH_TX_DESC_FULL;
	virtio_gate_depart(&txq->q.gate);
	return ret;
}

void
virtio_path_install(struct rte_eth_dev *edev, const struct virtio_path *path)
{
	edev->rx_pkt_burst = path->rx_burst;
	edev->tx_pkt_burst = path->tx_burst;
	edev->rx_queue_count = rx_queue_count;
	edev->rx_descriptor_status = rx_descriptor_status;
	edev->tx_descriptor_status = tx_descriptor_status;
}

int
virtio_rx_burst_mode_get(struct rte_eth_dev *edev, uint16_t id __rte_unused,
			 struct rte_eth_burst_mode *mode)
{
	snprintf(mode->info, sizeof(mode->info), "Scalar %s",
		 virtio_path_choose(virtio_port(edev))->rx_name);
	return 0;
}

int
virtio_tx_burst_mode_get(struct rte_eth_dev *edev, uint16_t id __rte_unused,
			 struct rte_eth_burst_mode *mode)
{
	snprintf(mode->info, sizeof(mode->info), "Scalar %s",
		 virtio_path_choose(virtio_port(edev))->tx_name);
	return 0;
}

/* As a burst: by the thread that polls the queue. */
int
virtio_tx_done_cleanup(void *queue, uint32_t free_cnt)
{
	struct virtio_txq *txq = queue;
	int ret;

	if (txq == NULL || !virtio_gate_enter(&txq->q.gate))
		return 0;
	ret = virtio_path_choose(txq->q.port)->tx_complete(txq, free_cnt == 0 ? UINT32_MAX :
									     free_cnt);
	virtio_gate_leave(&txq->q.gate);
	return ret;
}
