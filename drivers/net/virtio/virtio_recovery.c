/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <inttypes.h>

#include <rte_alarm.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_string_fns.h>

#include "virtio_compat.h"
#include "virtio_log.h"
#include "virtio_pool.h"
#include "virtio_port.h"
#include "virtio_ports.h"
#include "virtio_queue.h"
#include "virtio_recovery.h"

/* A first attempt comes at once, the next ones later and later, as long as it breaks again. */
#define FIRST_US  UINT64_C(1000)
#define SECOND_US UINT64_C(10000)
#define LAST_US   UINT64_C(10000000)

/* A queue that ran for so long is not the one that breaks at once again. */
#define CALM_US  10000000

/* ---- recovering ------------------------------------------------------------------------------ */

/* From now on, and no sooner than after as long as the last attempt took. In so many us. */
static uint64_t
plan(struct virtio_queue *q, uint64_t took_us)
{
	struct virtio_recovery *r = &q->recovery;
	uint64_t wait_us;

	if (r->delay_us == 0) {
		r->delay_us = FIRST_US;
	} else {
		r->delay_us = RTE_MAX(2 * r->delay_us, SECOND_US);
		r->delay_us = RTE_MIN(r->delay_us, LAST_US);
	}
	wait_us = RTE_MAX(r->delay_us, took_us);
	r->recover_at_us = virtio_now_us() + wait_us;
	virtio_queue_show_state(q);
	return wait_us;
}

/*
 * A restart puts buffers into their pools and takes others, on the worker's thread. The pools of
 * a transmit queue are those of its packets, which the worker reads only behind the closed gate.
 */
static bool
is_for_one_thread(struct virtio_queue *q)
{
	struct virtio_pool_found found = { 0 };

	if (!q->is_rx && virtio_gate_close(&q->gate, q->port->args.reset_timeout_us) != 0)
		return false; /* the restart fails by the same, and is planned again */
	/* A killed poller's transmit ring does not say whose packets are in it. */
	if (q->is_rx || !q->gate.abandoned)
		found = virtio_pool_of_one_thread(q);
	if (found.pool == NULL)
		return false;
	/* One that is merely not served goes on as it was. */
	if (!q->is_rx && virtqueue_state(q->vq) == VIRTQUEUE_LIVE)
		virtio_queue_resume(q);
	VIRTIO_LOG(ERR, "port %u: %s queue %u: recovery=auto does not restart the queue: pool %s "
		   "%s, which excludes the driver's thread. Stop and start the queue, or use a "
		   "pool for several threads (ring_mp_mc).", q->port->data->port_id,
		   virtio_queue_kind(q), q->id, found.pool->name, found.why);
	return true;
}

static bool
recover_if_due(struct virtio_queue *q, uint64_t now_us)
{
	struct virtio_recovery *r = &q->recovery;
	uint64_t start_us, wait_us;
	int ret;

	if (r->recover_at_us == 0 || r->recover_at_us > now_us)
		return false;
	if (is_for_one_thread(q)) {
		r->recover_at_us = 0;
		virtio_queue_show_state(q);
		return false;
	}
	start_us = virtio_now_us();
	r->recovering = true;
	ret = virtio_port_restart_queue(q);
	r->recovering = false;
	/* The port is being stopped or closed, which ends the plan. */
	if (ret == -ECANCELED) {
		r->recover_at_us = virtio_now_us() + FIRST_US;
		return false;
	}
	if (ret != 0) {
		q->events.recovery_failed++;
		wait_us = plan(q, virtio_now_us() - start_us);
		VIRTIO_LOG(ERR, "port %u: %s queue %u: the recovery failed: %s. The next attempt "
			   "follows in %" PRIu64 " ms.", q->port->data->port_id,
			   virtio_queue_kind(q), q->id, rte_strerror(-ret), wait_us / 1000);
		return false;
	}
	q->events.recovered++;
	r->recover_at_us = 0;
	r->recovered_at_us = virtio_now_us();
	/* Pairs with the acquire of rte_pmd_virtio_get_queue_event() (control_publish.litmus). */
	rte_atomic_store_explicit(&r->event, RTE_PMD_VIRTIO_QUEUE_RECOVERED,
				  rte_memory_order_release);
	VIRTIO_LOG(NOTICE, "port %u: %s queue %u: the queue was recovered and is in service again",
		   q->port->data->port_id, virtio_queue_kind(q), q->id);
	return true;
}

/* Without a device its queues are brought up with the next one, or by a port start. */
static bool
may_recover(struct virtio_port *port)
{
	return port->running && port->bus->is_up(&port->dev);
}

uint64_t
virtio_recovery_next_us(struct virtio_port *port)
{
	const struct virtio_queue *q;
	uint64_t next = UINT64_MAX;

	VIRTIO_FOREACH_QUEUE(q, port) {
		if (q->recovery.recover_at_us != 0)
			next = RTE_MIN(next, q->recovery.recover_at_us);
	}
	/* The device is asked only where there is a plan. */
	return next != UINT64_MAX && may_recover(port) ? next : UINT64_MAX;
}

/* ---- telling ------------------------------------------------------------------------------ */

/*
 * The application may have stopped it since, or tried to, or started it again; and there are
 * devices with which the driver can do nothing.
 */
static bool
is_to_be_recovered(const struct virtio_queue *q, uint8_t error)
{
	const enum virtqueue_state state = virtqueue_state(q->vq);

	if (!q->port->args.recovery || q->recovery.stopped_by_app ||
	    q->port->dev.stop_method == VIRTIO_STOP_NONE)
		return false;
	return state == VIRTQUEUE_BROKEN ||
	       (error == RTE_PMD_VIRTIO_QUEUE_UNSERVED && state == VIRTQUEUE_LIVE && !q->watched);
}

static bool
see_to(struct virtio_queue *q, uint64_t now_us)
{
	struct virtio_recovery *r = &q->recovery;
	const uint8_t error =
		rte_atomic_exchange_explicit(&r->error, 0, rte_memory_order_acquire);

	if (error == 0)
		return false;
	rte_atomic_store_explicit(&r->event, error, rte_memory_order_release);
	if (!is_to_be_recovered(q, error))
		return true;
	if (now_us - r->recovered_at_us > CALM_US)
		r->delay_us = 0;
	plan(q, 0);
	return true;
}

bool
virtio_recovery_serve(struct virtio_port *port, bool error)
{
	const uint64_t now_us = virtio_now_us();
	struct virtio_queue *q;
	bool event = false;

	/* What is planned here is due later: the application is called back before. */
	VIRTIO_FOREACH_QUEUE(q, port)
		event |= error && see_to(q, now_us);
	if (virtio_recovery_next_us(port) > now_us)
		return event;
	VIRTIO_FOREACH_QUEUE(q, port)
		event |= recover_if_due(q, now_us);
	return event;
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_pmd_virtio_get_queue_event, 26.11)
int
rte_pmd_virtio_get_queue_event(uint16_t port_id, struct rte_pmd_virtio_queue_event *event)
{
	const struct rte_eth_dev *edev = virtio_ports_edev(port_id);
	struct virtio_queue *q;

	if (event == NULL)
		return -EINVAL;
	if (rte_eal_process_type() != RTE_PROC_PRIMARY)
		return -ENOTSUP;
	if (edev == NULL)
		return -ENODEV;
	VIRTIO_FOREACH_QUEUE(q, virtio_port(edev)) {
		const uint8_t error = rte_atomic_exchange_explicit(&q->recovery.event, 0,
								   rte_memory_order_acquire);

		if (error == 0)
			continue;
		event->queue_id = q->id;
		event->rx = q->is_rx;
		event->error = error;
		return 0;
	}
	return -ENOENT;
}
