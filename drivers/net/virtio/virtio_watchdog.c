/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include "virtio_event.h"
#include "virtio_log.h"
#include "virtio_needs_reset.h"
#include "virtio_queue.h"
#include "virtio_watchdog.h"
#include "virtqueue_ring.h"

#define WATCHDOG_PERIOD_US 500000

/* Looks without a used buffer while there is work, until a queue counts as not served. */
#define WATCHDOG_TICKS     4

/*
 * Whether a queue that was started is served cannot be asked: a back-end acknowledges a ring that
 * it will never look at. A used index that moves proves it; one that does not, with packets posted
 * for transmission, disproves it. A receive queue without traffic looks the same as one that is not
 * served, so for those nothing is claimed.
 */
static bool
keep_watching(struct virtio_queue *txq)
{
	const struct virtqueue *vq;

	if (txq == NULL || !txq->watched || virtqueue_state(txq->vq) != VIRTQUEUE_LIVE)
		return false;
	/* The polling thread's indices, a burst old at worst. */
	vq = txq->vq;
	if (vq->next_used.pos != 0 || !vq->next_used.wrap || vq->next_used.idx != 0 ||
	    ring_used(vq, 1, vq->conf.packed) != 0) {
		txq->watched = false;
		return false;
	}
	if (vq->free_count == vq->size || ++txq->watch_ticks < WATCHDOG_TICKS)
		return true;
	txq->events.unserved++;
	txq->watched = false;
	virtio_event_report(txq, RTE_PMD_VIRTIO_QUEUE_UNSERVED);
	VIRTIO_LOG(ERR, "port %u: tx queue %u: the device has not used any packet since the "
		   "queue's start. Stop and start the queue.", txq->port->edev->data->port_id,
		   txq->id);
	return false;
}

void
virtio_watchdog_serve(struct virtio_port *port)
{
	bool again = false;
	uint16_t i;

	if (port->watchdog_us > virtio_now_us())
		return;
	virtio_needs_reset(port);
	for (i = 0; i < port->args.pairs; i++)
		again |= keep_watching(virtio_queue_tx(port, i));
	port->watchdog_us = again ? virtio_now_us() + WATCHDOG_PERIOD_US : UINT64_MAX;
}

void
virtio_watchdog_arm(struct virtio_port *port)
{
	if (port->watchdog_us != UINT64_MAX)
		return;
	port->watchdog_us = virtio_now_us() + WATCHDOG_PERIOD_US;
	virtio_event_raise(port, VIRTIO_WORK_LOOK);
}
