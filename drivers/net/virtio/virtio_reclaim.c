/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <rte_eal.h>

#include "virtio_compat.h"
#include "virtio_event.h"
#include "virtio_log.h"
#include "virtio_pool.h"
#include "virtio_ports.h"
#include "virtio_process.h"
#include "virtio_queue.h"
#include "virtio_reclaim.h"
#include "virtio_rxtx.h"
#include "virtqueue_ring.h"

/* Between two looks: the least, and the most where looks bring nothing. */
#define PAUSE_US     UINT32_C(1000)
#define PAUSE_MAX_US UINT32_C(100000)

/* The flag is looked at so often while secondary processes may set it. */
#define SECONDARY_US 20000

/* A burst takes microseconds. */
#define GATE_TIMEOUT_US    10000

static void
refuse(struct virtio_txq *txq, const struct virtio_pool_found *found)
{
	txq->not_reclaimed = true;
	VIRTIO_LOG(NOTICE, "port %u: tx queue %u: pool %s %s, so the driver's thread cannot return "
		   "sent packets to it while a receive queue has no buffers. Use a pool for "
		   "several threads (ring_mp_mc), or a tx_free_thresh near the ring's size.",
		   txq->q.port->data->port_id, txq->q.id, found->pool->name, found->why);
}

/* Behind the queue's gate. How many packets were freed. */
static int
complete(struct virtio_txq *txq)
{
	struct virtqueue *vq = txq->q.vq;
	const struct virtio_pool_found found = virtio_pool_of_one_thread(&txq->q);
	uint16_t more;
	int n;

	if (found.pool != NULL) {
		refuse(txq, &found);
		return 0;
	}
	n = virtio_tx_path_of(txq->q.port, vq->conf.packed)->complete(txq, UINT32_MAX);
	if (n <= 0)
		return 0;
	txq->q.events.reclaimed_idle += n;
	/* It holds fewer sent packets from now on, until it is started again. */
	more = RTE_MIN(2 * txq->free_thresh, vq->size - 4);
	txq->free_thresh = RTE_MAX(more, txq->free_thresh);
	return n;
}

/*
 * A queue that sends takes its completions itself. So only one that has sent nothing since the last
 * look is taken from its poller; what the device has used is a hint until then.
 */
static int
reclaim(struct virtio_queue *q, bool *again)
{
	struct virtio_txq *txq = container_of(q, struct virtio_txq, q);
	uint64_t sent;
	bool runs;
	int n;

	if (virtqueue_state(q->vq) != VIRTQUEUE_LIVE || txq->not_reclaimed ||
	    ring_used(q->vq, 1, q->vq->conf.packed) <= 0)
		return 0;
	sent = virtqueue_load_relaxed(&txq->counters.packets);
	if (sent != txq->sent_before) {
		txq->sent_before = sent;
		*again = true;
		return 0;
	}
	if (!virtio_queue_pause(q, GATE_TIMEOUT_US, &runs))
		return 0;
	n = complete(txq);
	virtio_queue_resume(q);
	return n;
}

bool
virtio_reclaim_serve(struct virtio_port *port, bool asked)
{
	struct virtio_reclaim *r = &port->reclaim;
	const uint64_t now_us = virtio_now_us();
	bool starving, again = false;
	unsigned int n = 0;
	uint16_t i;

	r->wanted |= asked || (!virtio_process_is_alone() &&
			       rte_atomic_load_explicit(&port->starving, rte_memory_order_relaxed));
	if (!r->wanted || r->at_us > now_us)
		return false;
	/* Before the look: a poller that finds nothing after it asks again. */
	starving = rte_atomic_exchange_explicit(&port->starving, false, rte_memory_order_seq_cst);
	for (i = 0; i < port->args.pairs; i++) {
		struct virtio_queue *q = virtio_queue_tx(port, i);

		if (q != NULL)
			n += reclaim(q, &again);
	}
	/* One more look for each time that it is asked: the poller may be asleep. */
	r->wanted = again && !r->again;
	r->again = r->wanted;
	if (n > 0 || r->wanted) {
		r->pause_us = PAUSE_US;
	} else {
		r->pause_us = RTE_MAX(2 * r->pause_us, PAUSE_US);
		r->pause_us = RTE_MIN(r->pause_us, PAUSE_MAX_US);
	}
	r->at_us = now_us + r->pause_us;
	if (n > 0 && !r->logged) {
		r->logged = true;
		VIRTIO_LOG(NOTICE, "port %u: transmit rings hold the buffers that receive queues "
			   "need. %u sent packets were returned to their pools from idle tx "
			   "queues. Use a larger pool or smaller rings to forward faster.",
			   port->data->port_id, n);
	}
	return starving;
}

uint64_t
virtio_reclaim_next_us(const struct virtio_port *port)
{
	uint64_t next = port->reclaim.wanted ? port->reclaim.at_us : UINT64_MAX;

	if (!virtio_process_is_alone())
		next = RTE_MIN(next, virtio_now_us() + SECONDARY_US);
	return next;
}

static int
ask_port(struct virtio_port *port)
{
	virtio_event_raise(port, VIRTIO_WORK_RECLAIM);
	return 0;
}

void
virtio_reclaim_ask_others(const struct virtio_port *port)
{
	uint16_t id;

	for (id = 0; id < RTE_MAX_ETHPORTS; id++) {
		if (id != port->data->port_id)
			virtio_ports_visit(id, ask_port);
	}
}
