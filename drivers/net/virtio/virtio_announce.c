/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <stdio.h>

#include <rte_arp.h>
#include <rte_byteorder.h>
#include <rte_errno.h>

#include "virtio_announce.h"
#include "virtio_ctrl.h"
#include "virtio_log.h"
#include "virtio_net.h"
#include "virtio_pool.h"
#include "virtio_queue.h"
#include "virtio_rxtx.h"

/* Frames that may be in rings at once: one stays in a ring without other traffic. */
#define FRAMES    7
#define FRAME_MAX 64
/* Descriptors that a frame takes at most. */
#define FRAME_DESCS 2

/* A request that comes sooner is acknowledged, and nothing is sent. */
#define PAUSE_US  10000

/* A burst takes microseconds. */
#define GATE_TIMEOUT_US 10000

bool
virtio_announce_heard(const struct virtio_port *port)
{
	const struct rte_eth_dev_data *data = port->edev->data;

	return (data->dev_flags & RTE_ETH_DEV_INTR_LSC) && data->dev_conf.intr_conf.lsc != 0;
}

int
virtio_announce_configure(struct virtio_port *port)
{
	const struct rte_eth_dev_data *data = port->edev->data;
	char name[RTE_MEMPOOL_NAMESIZE];

	if (port->announce.pool != NULL || !virtio_announce_heard(port) ||
	    !(port->bus->features & VIRTIO_BIT(VIRTIO_NET_F_GUEST_ANNOUNCE)) ||
	    !virtio_ctrl_offers(port, VIRTIO_NET_F_GUEST_ANNOUNCE))
		return 0;
	snprintf(name, sizeof(name), "virtio_announce_%u", data->port_id);
	port->announce.pool = rte_pktmbuf_pool_create(name, FRAMES, 0, 0,
						      RTE_PKTMBUF_HEADROOM + FRAME_MAX,
						      data->numa_node);
	if (port->announce.pool != NULL)
		return 0;
	VIRTIO_INIT_LOG(ERR, "port %u: the mempool for announcements cannot be created: %s. Give "
			"EAL more memory.", data->port_id, rte_strerror(rte_errno));
	return -ENOMEM;
}

void
virtio_announce_release(struct virtio_port *port)
{
	if (port->announce.pool != NULL && rte_mempool_full(port->announce.pool))
		rte_mempool_free(port->announce.pool);
	port->announce.pool = NULL;
}

static bool
is_asked(struct virtio_port *port)
{
	uint16_t status;

	return port->running && (port->dev.status & VIRTIO_STATUS_DRIVER_OK) &&
	       virtio_device_has(&port->dev, VIRTIO_NET_F_GUEST_ANNOUNCE) &&
	       virtio_device_read_config(&port->dev, VIRTIO_NET_CONFIG_STATUS, &status,
					 sizeof(status)) == 0 &&
	       (rte_le_to_cpu_16(status) & VIRTIO_NET_S_ANNOUNCE);
}

/* Behind the queue's gate. */
static bool
send_frame(struct virtio_queue *q)
{
	struct virtio_txq *txq = container_of(q, struct virtio_txq, q);
	const struct virtio_tx_path *path = virtio_tx_path_of(q->port, q->vq->conf.packed);
	struct rte_mbuf *m;

	/*
	 * The last frame may be there yet, and be all that the pool has. With it packets of others
	 * go back to their pools, on this thread; where they may not, the frame needs a free place.
	 */
	if (virtio_pool_of_one_thread(q).pool != NULL) {
		if (q->vq->free_count < FRAME_DESCS)
			return false;
	} else if (path->complete(txq, UINT32_MAX) < 0) {
		return false;
	}
	m = rte_net_make_rarp_packet(q->port->announce.pool, &q->port->edev->data->mac_addrs[0]);
	if (m == NULL)
		return false;
	if (path->post(txq, m))
		return true;
	rte_pktmbuf_free(m);
	return false;
}

/*
 * On the first queue that takes it. One that does not, though it runs, is sending without pause,
 * which announces the port as well.
 */
static void
send_on_any(struct virtio_port *port, bool *runs, int *queue)
{
	uint16_t i;

	for (i = 0; *queue < 0 && i < port->edev->data->nb_tx_queues; i++) {
		struct virtio_queue *q = virtio_queue_tx(port, i);

		if (q == NULL || !virtio_queue_pause(q, GATE_TIMEOUT_US, runs))
			continue;
		if (send_frame(q)) {
			q->events.announced++;
			*queue = i;
		}
		virtio_queue_resume(q);
	}
}

void
virtio_guest_announce(struct virtio_port *port)
{
	static const struct virtio_ctrl_command done = {
		.class = VIRTIO_NET_CTRL_ANNOUNCE, .code = VIRTIO_NET_CTRL_ANNOUNCE_ACK,
		.feature = VIRTIO_NET_F_GUEST_ANNOUNCE,
	};
	const uint64_t now = virtio_now_us();
	bool runs = false;
	int queue = -1;

	if (!is_asked(port))
		return;
	if (port->announce.last_us == 0 || now - port->announce.last_us >= PAUSE_US) {
		send_on_any(port, &runs, &queue);
		if (!runs)
			return;
		port->announce.last_us = now;
		if (queue >= 0)
			VIRTIO_LOG(INFO, "port %u: tx queue %d: an announcement was sent, as the "
				   "device requested", port->edev->data->port_id, queue);
	}
	/* A refusal has a line of its own, and there is nothing else to do about it. */
	virtio_ctrl_send(port, &done);
}
