/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <unistd.h>

#include <rte_alarm.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_string_fns.h>

#include "virtio_compat.h"
#include "virtio_event.h"
#include "virtio_log.h"
#include "virtio_ports.h"
#include "virtio_process.h"
#include "virtio_worker.h"

/* Fails only with the counter at its limit, and then the descriptor is raised. */
static void
wake(const struct virtio_worker *w)
{
	const uint64_t one = 1;
	const ssize_t n = write(w->event_fd, &one, sizeof(one));

	RTE_SET_USED(n);
}

void
virtio_event_raise(struct virtio_port *port, uint32_t work)
{
	struct virtio_worker *w = port->worker;

	/*
	 * Release pairs with the acquire in serve(). A bit that was set has its wake-up already,
	 * and the exchange that takes it has not come yet (control_take.litmus).
	 */
	if ((rte_atomic_fetch_or_explicit(&w->work, work, rte_memory_order_acq_rel) & work) != work)
		wake(w);
}

/* A secondary process sends this to the primary: a queue of the port has an error. */
#define REPORT_MESSAGE "net_virtio_queue_error"
struct report {
	uint16_t port_id;
};

static int
look_soon(struct virtio_port *port)
{
	virtio_event_raise(port, VIRTIO_WORK_QUEUE_ERROR);
	return 0;
}

/* A secondary has found it: on EAL's thread for messages, in the primary. */
static int
heard(const struct rte_mp_msg *msg, const void *peer __rte_unused)
{
	const struct report *report = (const struct report *)(const void *)msg->param;

	return msg->len_param != sizeof(*report) ? -EINVAL :
		virtio_ports_visit(report->port_id, look_soon);
}

int
virtio_event_listen(void)
{
	return virtio_process_listen(REPORT_MESSAGE, heard);
}

/* On a secondary's thread of alarms. */
static void
notify_primary(void *port_id)
{
	struct rte_mp_msg msg = { .len_param = sizeof(struct report) };
	struct report *report = (struct report *)(void *)msg.param;

	report->port_id = (uintptr_t)port_id;
	rte_strlcpy(msg.name, REPORT_MESSAGE, sizeof(msg.name));
	if (rte_mp_sendmsg(&msg) != 0)
		VIRTIO_LOG(ERR, "port %u: the primary process could not be notified that a queue "
			   "is out of service: %s", report->port_id, rte_strerror(rte_errno));
}

void
virtio_event_report(struct virtio_queue *q, enum rte_pmd_virtio_queue_error error)
{
	/* Pairs with the acquire in see_to(): the ring's state is seen (control_publish.litmus). */
	rte_atomic_store_explicit(&q->recovery.error, error, rte_memory_order_release);
	/* Not from here: a burst neither waits nor calls the application back. */
	if (rte_eal_process_type() == RTE_PROC_PRIMARY)
		look_soon(q->port);
	else if (rte_eal_alarm_set(1, notify_primary,
				   (void *)(uintptr_t)q->port->data->port_id) != 0)
		VIRTIO_LOG(ERR, "port %u: %s queue %u: no alarm is available to notify the "
			   "application that the queue is out of service. Stop and start the "
			   "queue.", q->port->data->port_id, virtio_queue_kind(q), q->id);
}

void
virtio_event_starve(struct virtio_queue *q)
{
	struct virtio_port *port = q->port;

	/* A polling thread calls this at each burst while its pool is empty. */
	if (rte_atomic_load_explicit(&port->starving, rte_memory_order_relaxed))
		return;
	rte_atomic_store_explicit(&port->starving, true, rte_memory_order_relaxed);
	if (rte_eal_process_type() == RTE_PROC_PRIMARY)
		virtio_event_raise(port, VIRTIO_WORK_RECLAIM);
}
