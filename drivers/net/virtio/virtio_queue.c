/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * The life of one queue: fill, start, stop and reclaim. doc/design.md lists the steps of a stop,
 * and the state of the ring after an error in each step.
 */

#include <errno.h>
#include <inttypes.h>

#include <rte_cycles.h>

#include "virtio_compat.h"
#include "virtio_intr.h"
#include "virtio_log.h"
#include "virtio_needs_reset.h"
#include "virtio_queue.h"
#include "virtio_rxtx.h"
#include "virtio_rxtx_common.h"
#include "virtqueue_reset.h"
#include "virtqueue_ring.h"

/* Pause of a drain between two checks of the ring. */
#define DRAIN_SLEEP_US 10

static struct virtio_rxq *
to_rxq(struct virtio_queue *q)
{
	return container_of(q, struct virtio_rxq, q);
}

static struct virtio_txq *
to_txq(struct virtio_queue *q)
{
	return container_of(q, struct virtio_txq, q);
}

/* ---- the queues of a port ----------------------------------------------------------------- */

struct virtio_queue *
virtio_queue_rx(const struct virtio_port *port, uint16_t id)
{
	struct virtio_rxq *rxq = id < port->args.pairs ? port->rxqs[id] : NULL;

	return rxq != NULL && virtio_queue_is_shown(&rxq->q) ? &rxq->q : NULL;
}

struct virtio_queue *
virtio_queue_tx(const struct virtio_port *port, uint16_t id)
{
	struct virtio_txq *txq = id < port->args.pairs ? port->txqs[id] : NULL;

	return txq != NULL && virtio_queue_is_shown(&txq->q) ? &txq->q : NULL;
}

bool
virtio_queue_is_shown(const struct virtio_queue *q)
{
	return rte_atomic_load_explicit(&q->shown, rte_memory_order_relaxed);
}

/* The queue of a ring index, whether or not ethdev shows it. */
static struct virtio_queue *
queue_of_ring(const struct virtio_port *port, unsigned int ring)
{
	if (ring % 2 == 0)
		return port->rxqs[ring / 2] == NULL ? NULL : &port->rxqs[ring / 2]->q;
	return port->txqs[ring / 2] == NULL ? NULL : &port->txqs[ring / 2]->q;
}

struct virtio_queue *
virtio_queue_next_made(const struct virtio_port *port, const struct virtio_queue *q)
{
	unsigned int ring = q == NULL ? 0 : virtio_queue_ring(q) + 1u;
	struct virtio_queue *next = NULL;

	while (next == NULL && ring < 2u * port->args.pairs)
		next = queue_of_ring(port, ring++);
	return next;
}

struct virtio_queue *
virtio_queue_next_ring(const struct virtio_port *port, const struct virtio_queue *q)
{
	struct virtio_queue *next = virtio_queue_next_made(port, q);

	while (next != NULL && next->vq == NULL)
		next = virtio_queue_next_made(port, next);
	return next;
}

struct virtio_queue *
virtio_queue_next(const struct virtio_port *port, const struct virtio_queue *q)
{
	struct virtio_queue *next = virtio_queue_next_made(port, q);

	while (next != NULL && !virtio_queue_is_shown(next))
		next = virtio_queue_next_made(port, next);
	return next;
}

const char *
virtio_queue_state_name(const struct virtio_queue *q)
{
	const enum virtqueue_state state = virtqueue_state(q->vq);

	if ((state == VIRTQUEUE_LIVE || state == VIRTQUEUE_STOPPING) &&
	    !q->port->bus->is_up(&q->port->dev))
		return "disconnected";
	return virtqueue_state_name(state);
}

static void
show(struct virtio_queue *q, bool started)
{
	struct rte_eth_dev_data *data = q->port->edev->data;
	const uint8_t state = started ? RTE_ETH_QUEUE_STATE_STARTED : RTE_ETH_QUEUE_STATE_STOPPED;

	if (q->is_rx)
		data->rx_queue_state[q->id] = state;
	else
		data->tx_queue_state[q->id] = state;
}

void
virtio_queue_show_state(struct virtio_queue *q)
{
	/* During a recovery a stop must reach the driver. ethdev handles STOPPED queues itself. */
	show(q, virtqueue_state(q->vq) != VIRTQUEUE_READY ||
	     virtio_recovery_is_due(&q->recovery));
}

void
virtio_queue_show_waiting(struct virtio_queue *q)
{
	show(q, !q->deferred);
}

/* ---- filling and emptying ----------------------------------------------------------------- */

/*
 * A device with MRG_RXBUF uses no buffer of a frame before it has buffers for the whole frame. If
 * the longest frame may need more buffers than a busy ring has, an idle ring is filled completely.
 */
static uint16_t
idle_thresh(const struct virtio_rxq *rxq)
{
	const struct virtio_port *port = rxq->q.port;
	const bool segments = port->offloads & (VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO4) |
						VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO6));
	const uint32_t longest =
		(segments ? VIRTIO_SEGMENT_MAX : VIRTIO_FRAME_MAX) + virtio_hdr_size(port->hash);
	const uint32_t there = rxq->q.vq->size - rxq->free_thresh + 1;

	if (!port->mergeable)
		return rxq->free_thresh;
	return there < (longest + rxq->buf_len - 1) / rxq->buf_len ? 1 : rxq->free_thresh;
}

bool
virtio_rx_is_scattered(const struct virtio_rxq *rxq)
{
	const uint64_t offloads = rxq->conf.offloads |
				  rxq->q.port->data->dev_conf.rxmode.offloads;

	return (offloads & (RTE_ETH_RX_OFFLOAD_SCATTER | RTE_ETH_RX_OFFLOAD_TCP_LRO)) != 0;
}

bool
virtio_queue_has_pool(const struct virtio_rxq *rxq)
{
	return rte_mempool_lookup(rxq->pool_name) == rxq->pool;
}

int
virtio_queue_fill(struct virtio_queue *q)
{
	uint16_t posted;

	if (!q->is_rx)
		return 0;
	if (!virtio_queue_has_pool(to_rxq(q))) {
		VIRTIO_LOG(ERR, "port %u: rx queue %u: its pool %s has been freed. Set the queue "
			   "up with another pool.", q->port->edev->data->port_id, q->id,
			   to_rxq(q)->pool_name);
		return -EINVAL;
	}
	to_rxq(q)->free_thresh = to_rxq(q)->conf.rx_free_thresh;
	to_rxq(q)->idle_thresh = idle_thresh(to_rxq(q));
	to_rxq(q)->slow_thresh = RTE_MIN(PACKED_LINE, to_rxq(q)->idle_thresh);
	to_rxq(q)->scatters = virtio_rx_is_scattered(to_rxq(q));
	to_rxq(q)->scatter_logged = false;
	posted = virtio_rx_path_choose(q->port)->fill(to_rxq(q));
	if (posted == 0) {
		VIRTIO_LOG(ERR,
			   "port %u: rx queue %u: pool %s has no buffer to start with. Return "
			   "buffers to the pool, or use a larger one.",
			   q->port->edev->data->port_id, q->id, to_rxq(q)->pool->name);
		return -ENOMEM;
	}
	if (posted < q->vq->size)
		VIRTIO_LOG(NOTICE,
			   "port %u: rx queue %u: pool %s has %u buffers for a ring of %u. Bursts "
			   "fill the ring as buffers return to the pool.",
			   q->port->edev->data->port_id, q->id, to_rxq(q)->pool->name, posted,
			   q->vq->size);
	return 0;
}

static void
give_back(void *owner __rte_unused, void *cookie)
{
	struct rte_mbuf *m = cookie;

	/*
	 * A posted receive buffer has one segment. A packet to send may have several segments.
	 */
	rte_pktmbuf_free(m);
}

/* Frees one buffer alone. The killed burst may have chained the buffer to others of its frame. */
static void
give_back_one(void *owner __rte_unused, void *cookie)
{
	struct rte_mbuf *m = cookie;

	m->next = NULL;
	m->nb_segs = 1;
	rte_pktmbuf_free(m);
}

/* The polling process was killed in a burst, so the indices of the ring may be inconsistent. */
static void
reclaim_abandoned(struct virtio_queue *q)
{
	const int lost = virtqueue_reclaim(q->vq, q->is_rx ? give_back_one : give_back, NULL);

	VIRTIO_LOG(NOTICE, "port %u: %s queue %u: the process that polled the queue ended within a "
		   "burst. %d buffers are back in their pools, the buffers that the process held "
		   "are lost.", q->port->data->port_id, virtio_queue_kind(q), q->id, lost);
	/* It is not known which receive buffers held packets. */
	if (q->is_rx)
		virtio_rx_intr_clear(q);
	else
		q->events.reset_dropped += RTE_MAX(lost, 0);
	q->gate.abandoned = false;
}

void
virtio_queue_reclaim(struct virtio_queue *q)
{
	int lost;

	if (virtqueue_state(q->vq) != VIRTQUEUE_READY)
		return;
	if (q->gate.abandoned) {
		reclaim_abandoned(q);
		return;
	}
	if (q->is_rx) {
		q->events.reset_dropped +=
			virtio_rx_path_of(q->port, q->vq->conf.packed)->unread(to_rxq(q));
		virtqueue_reclaim(q->vq, give_back, NULL);
		virtio_rx_intr_clear(q);
		return;
	}
	/* Packets that the device reports as sent do not count as dropped. */
	virtio_tx_path_of(q->port, q->vq->conf.packed)->complete(to_txq(q), UINT32_MAX);
	lost = virtqueue_reclaim(q->vq, give_back, NULL);
	q->events.reset_dropped += RTE_MAX(lost, 0);
}

/* Opens the gate, and applies requests for interrupts that came while the gate was closed. */
static void
open_gate(struct virtio_queue *q)
{
	virtio_gate_open(&q->gate);
	if (q->is_rx)
		virtio_rx_intr_resume(q);
}

void
virtio_queue_open(struct virtio_queue *q)
{
	if (!q->is_rx) {
		/* Changes by the worker end at the next start. */
		to_txq(q)->free_thresh = to_txq(q)->conf.tx_free_thresh;
		to_txq(q)->not_reclaimed = false;
		/* A table may be no longer than the ring (2.7.5.3.1). */
		to_txq(q)->indirect =
			virtio_device_has(q->vq->dev, VIRTIO_RING_F_INDIRECT_DESC) &&
			q->vq->size >= VIRTIO_TX_TABLE;
		/*
		 * 5.1.9.2.1. Devices without these bits are taken to be software. Those that were
		 * looked at do not read num_buffers.
		 */
		to_txq(q)->hdr_last =
			virtio_device_has(q->vq->dev, VIRTIO_F_ACCESS_PLATFORM) ||
			virtio_device_has(q->vq->dev, VIRTIO_F_ORDER_PLATFORM) ?
			UINT32_MAX : ~VIRTIO_NET_HDR_ONE_BUFFER;
	}
	q->watched = !q->is_rx;
	q->watch_ticks = 0;
	q->recovery.recover_at_us = 0;
	q->recovery.stopped_by_app = false;
	open_gate(q);
}

/* ---- pause and resume --------------------------------------------------------------------- */

/* The polling thread may have set the ring broken meanwhile, and closed the gate. */
void
virtio_queue_resume(struct virtio_queue *q)
{
	open_gate(q);
	/*
	 * Opens the gate, then reads the state. virtio_queue_set_broken() sets the state, then
	 * closes the gate. So the state is BROKEN here, or the gate is closed after this opening
	 * (gate_closed_inside.litmus).
	 */
	rte_atomic_thread_fence(rte_memory_order_seq_cst);
	if (virtqueue_state(q->vq) != VIRTQUEUE_LIVE)
		virtio_gate_close_inside(&q->gate);
}

bool
virtio_queue_pause(struct virtio_queue *q, uint32_t timeout_us, bool *runs)
{
	/* After a stop that failed, only the next start opens the gate again. */
	if (virtqueue_state(q->vq) != VIRTQUEUE_LIVE || !virtio_gate_is_open(&q->gate))
		return false;
	*runs = true;
	if (virtio_gate_close(&q->gate, timeout_us) == 0 &&
	    virtqueue_state(q->vq) == VIRTQUEUE_LIVE && !q->gate.abandoned)
		return true;
	/* The next stop of the queue reclaims what is in the ring. */
	if (q->gate.abandoned)
		return false;
	/* The ring was not changed. */
	virtio_queue_resume(q);
	return false;
}

/* ---- start and stop ----------------------------------------------------------------------- */

int
virtio_queue_check_method(const struct virtio_queue *q, const char *what)
{
	const struct virtio_device *dev = &q->port->dev;

	/* The device may have offered RING_RESET at probe, and not at this start of the port. */
	if (dev->stop_method != VIRTIO_STOP_NONE &&
	    (!(dev->status & VIRTIO_STATUS_DRIVER_OK) || virtio_device_stops_rings(dev)))
		return 0;
	VIRTIO_LOG(ERR, "port %u: %s queue %u: %s refused, as single queues of this device cannot "
		   "be stopped. The line about their stop at probe gives the reason "
		   "(queue_reset=).", q->port->edev->data->port_id, virtio_queue_kind(q), q->id,
		   what);
	return -ENOTSUP;
}

static void
log_start(const struct virtio_queue *q, const struct virtio_stopwatch *watch)
{
	const uint64_t *ns = q->times.last_ns;

	if (!q->port->args.log_resets)
		return;
	VIRTIO_LOG(NOTICE, "port %u: %s queue %u started in %" PRIu64 " us: fill %" PRIu64
		   ", device %" PRIu64 "; %u descriptors", q->port->edev->data->port_id,
		   virtio_queue_kind(q), q->id, virtio_stopwatch_total(watch) / 1000,
		   ns[VIRTIO_PHASE_FILL] / 1000, ns[VIRTIO_PHASE_START] / 1000, q->vq->size);
}

/* Stops the empty ring that the device has while the application has no such queue. */
static int
stop_placeholder(const struct virtio_queue *q)
{
	struct virtqueue *placeholder = q->port->placeholders[q->vq->index];

	return placeholder == NULL ? 0 :
		virtqueue_stop(placeholder, q->port->args.reset_timeout_us);
}

int
virtio_queue_start(struct virtio_queue *q)
{
	const uint32_t timeout_us = q->port->args.reset_timeout_us;
	struct virtio_stopwatch watch;
	uint64_t fill_ns;
	int ret;

	ret = virtio_queue_check_method(q, "start");
	if (ret != 0)
		return ret;
	if (!(q->port->dev.status & VIRTIO_STATUS_DRIVER_OK)) {
		VIRTIO_LOG(ERR, "port %u: %s queue %u: start refused, as the device or back-end is "
			   "gone. Start the queue when it is back.", q->port->edev->data->port_id,
			   virtio_queue_kind(q), q->id);
		return -ENODEV;
	}
	/* The ring was started and broken after ethdev's check. It needs a stop first. */
	if (virtqueue_state(q->vq) != VIRTQUEUE_READY)
		return -EBUSY;
	virtio_stopwatch_start(&watch);
	/* Steps that can fail without the device come first. */
	ret = virtio_queue_fill(q);
	fill_ns = virtio_stopwatch_lap(&watch);
	if (ret == 0)
		ret = stop_placeholder(q);
	if (ret == 0)
		ret = virtqueue_start(q->vq, timeout_us);
	if (ret == 0) {
		virtio_times_add(&q->times, VIRTIO_PHASE_FILL, fill_ns);
		virtio_times_add(&q->times, VIRTIO_PHASE_START, virtio_stopwatch_lap(&watch));
		log_start(q, &watch);
	} else {
		virtio_queue_reclaim(q);
		/* Its answer is in the log; what is asked for is the event. */
		virtio_needs_reset(q->port);
	}
	virtio_queue_show_state(q);
	return ret;
}

static int
close_gate(struct virtio_queue *q)
{
	const int ret = virtio_gate_close(&q->gate, q->port->args.reset_timeout_us);

	if (ret == -ETIMEDOUT)
		VIRTIO_LOG(ERR, "port %u: %s queue %u: the polling thread did not leave its burst "
			   "in time. Its next bursts return 0. Stop the queue again.",
			   q->port->edev->data->port_id, virtio_queue_kind(q), q->id);
	return ret;
}

/* tx_drain_us: gives the device time to send posted packets, which a reset would discard. */
static void
wait_for_sent(struct virtio_txq *txq, uint32_t timeout_us)
{
	const uint64_t deadline_us = virtio_now_us() + timeout_us;
	struct virtqueue *vq = txq->q.vq;

	/* The gate is closed, so this thread takes the completions. */
	while (virtio_tx_path_of(txq->q.port, vq->conf.packed)->complete(txq, UINT32_MAX) >= 0 &&
	       vq->free_count < vq->size && virtio_now_us() < deadline_us)
		rte_delay_us_sleep(DRAIN_SLEEP_US);
}

/*
 * Whether no used buffer is left in the ring. The indices of the polling thread are valid only
 * while that thread does not change them, because a packed ring has two that belong together.
 */
static bool
is_polled(const struct virtio_queue *q, const struct virtqueue *vq)
{
	return virtio_gate_is_empty(&q->gate) && ring_used(vq, 1, vq->conf.packed) == 0 &&
	       virtio_gate_is_empty(&q->gate) && ring_used(vq, 1, vq->conf.packed) == 0;
}

/* rx_drain_us: the device has stopped. The application can still poll the received frames. */
static void
wait_for_polled(struct virtio_rxq *rxq, uint32_t timeout_us)
{
	const uint64_t deadline_us = virtio_now_us() + timeout_us;
	const struct virtqueue *vq = rxq->q.vq;

	/* The polling thread closes the gate only if the ring is broken. */
	while (!is_polled(&rxq->q, vq) && virtio_gate_is_open(&rxq->q.gate) &&
	       virtio_now_us() < deadline_us)
		rte_delay_us_sleep(DRAIN_SLEEP_US);
}

/*
 * With rx_drain_us the application polls the ring while the device stops, but bursts do not refill.
 * A ring that is being reset gets no available buffer and no notification (2.6.1).
 */
static bool
poll_on(struct virtio_queue *q)
{
	if (!q->is_rx || q->port->args.rx_drain_us == 0 || q->gate.abandoned ||
	    virtqueue_state(q->vq) != VIRTQUEUE_LIVE)
		return false;
	to_rxq(q)->free_thresh = UINT16_MAX;
	to_rxq(q)->idle_thresh = UINT16_MAX;
	to_rxq(q)->slow_thresh = UINT16_MAX;
	virtio_queue_resume(q);
	return true;
}

/* Closes the gate again. After a proven stop the ring is kept while a thread is in a burst. */
static int
end_polling(struct virtio_queue *q)
{
	const int ret = close_gate(q);

	if (ret != 0)
		virtqueue_keep(q->vq);
	return ret;
}

static void
log_stop(const struct virtio_queue *q, const struct virtio_stopwatch *watch, uint64_t dropped)
{
	const uint64_t *ns = q->times.last_ns;

	if (!q->port->args.log_resets)
		return;
	VIRTIO_LOG(NOTICE, "port %u: %s queue %u stopped in %" PRIu64 " us: gate %" PRIu64
		   ", drain %" PRIu64 ", device %" PRIu64 ", reclaim %" PRIu64 "; %" PRIu64
		   " packets dropped", q->port->edev->data->port_id, virtio_queue_kind(q), q->id,
		   virtio_stopwatch_total(watch) / 1000, ns[VIRTIO_PHASE_GATE] / 1000,
		   ns[VIRTIO_PHASE_DRAIN] / 1000, ns[VIRTIO_PHASE_DEVICE] / 1000,
		   ns[VIRTIO_PHASE_RECLAIM] / 1000, dropped);
}

/* The stop has not begun: a ring that runs is polled again. */
static void
run_on(struct virtio_queue *q, bool watched)
{
	if (virtqueue_state(q->vq) != VIRTQUEUE_LIVE || q->gate.abandoned)
		return;
	q->watched = watched;
	virtio_queue_resume(q);
}

int
virtio_queue_stop(struct virtio_queue *q, int (*leave)(struct virtio_queue *q))
{
	const uint32_t timeout_us = q->port->args.reset_timeout_us;
	const uint64_t dropped = q->events.reset_dropped;
	const bool watched = q->watched;
	uint64_t ns[VIRTIO_PHASES] = { 0 };
	struct virtio_stopwatch watch;
	unsigned int i;
	bool polled;
	int end;
	int ret;

	ret = virtio_queue_check_method(q, "stop");
	if (ret != 0)
		return ret;
	virtio_stopwatch_start(&watch);
	/* 1. No burst enters the ring any more, or with rx_drain_us no burst that refills it. */
	ret = close_gate(q);
	if (ret != 0)
		return ret;
	q->watched = false;
	ns[VIRTIO_PHASE_GATE] = virtio_stopwatch_lap(&watch);
	if (!q->is_rx && virtqueue_state(q->vq) == VIRTQUEUE_LIVE && !q->gate.abandoned)
		wait_for_sent(to_txq(q), q->port->args.tx_drain_us);
	ns[VIRTIO_PHASE_DRAIN] = virtio_stopwatch_lap(&watch);
	ret = leave == NULL ? 0 : leave(q);
	if (ret != 0) {
		run_on(q, watched);
		return ret;
	}
	ns[VIRTIO_PHASE_DRAIN] += virtio_stopwatch_lap(&watch);
	/* 2. The device confirms that it has stopped. 3. Every buffer returns to its pool. */
	polled = poll_on(q);
	ret = virtqueue_stop(q->vq, timeout_us);
	ns[VIRTIO_PHASE_DEVICE] = virtio_stopwatch_lap(&watch);
	if (polled) {
		if (ret == 0)
			wait_for_polled(to_rxq(q), q->port->args.rx_drain_us);
		end = end_polling(q);
		ret = end != 0 ? end : ret;
		ns[VIRTIO_PHASE_DRAIN] += virtio_stopwatch_lap(&watch);
	}
	if (ret == 0) {
		virtio_queue_reclaim(q);
		ns[VIRTIO_PHASE_RECLAIM] = virtio_stopwatch_lap(&watch);
		for (i = VIRTIO_PHASE_GATE; i <= VIRTIO_PHASE_RECLAIM; i++)
			virtio_times_add(&q->times, i, ns[i]);
		q->events.resets++;
		q->events.reset_ns = virtio_stopwatch_total(&watch);
		log_stop(q, &watch, q->events.reset_dropped - dropped);
	} else {
		virtio_needs_reset(q->port);
	}
	virtio_queue_show_state(q);
	return ret;
}
