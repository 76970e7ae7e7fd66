/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_errno.h>

#include "virtio_announce.h"
#include "virtio_compat.h"
#include "virtio_event.h"
#include "virtio_link.h"
#include "virtio_log.h"
#include "virtio_needs_reset.h"
#include "virtio_reclaim.h"
#include "virtio_recovery.h"
#include "virtio_watchdog.h"
#include "virtio_worker.h"

/* ---- call-backs --------------------------------------------------------------------------- */

/* Whether some worker of this process is within a call-back. */
static pthread_mutex_t calls_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t calls_changed = PTHREAD_COND_INITIALIZER;
static bool calling;

/* The port whose application is called back by this thread. */
static __thread const struct virtio_port *calling_back;

bool
virtio_worker_calls_back(const struct virtio_port *port)
{
	return calling_back == port;
}

static bool
is_ending(const struct virtio_worker *w)
{
	return rte_atomic_load_explicit(&w->ending, rte_memory_order_acquire);
}

/*
 * A worker that waits for its turn while its port is closed gives up: the close may be made within
 * the very call-back that it waits for. After the call-back the port may be freed.
 */
static void
call_back(struct virtio_worker *w, enum rte_eth_event_type event)
{
	pthread_mutex_lock(&calls_lock);
	while (calling && !is_ending(w))
		pthread_cond_wait(&calls_changed, &calls_lock);
	if (is_ending(w)) {
		pthread_mutex_unlock(&calls_lock);
		return;
	}
	calling = true;
	pthread_mutex_unlock(&calls_lock);

	calling_back = w->port;
	rte_eth_dev_callback_process(w->port->edev, event, NULL);
	calling_back = NULL;

	pthread_mutex_lock(&calls_lock);
	calling = false;
	pthread_cond_broadcast(&calls_changed);
	pthread_mutex_unlock(&calls_lock);
}

/* ---- the thread --------------------------------------------------------------------------- */

/* What the worker sleeps for, beside work that is raised. */
struct wait {
	struct pollfd watched;
	uint64_t until_us; /* UINT64_MAX: without a limit */
};

static void
serve(struct virtio_worker *w, struct wait *wait)
{
	struct virtio_port *port = w->port;
	bool error, link, reset, starving;
	uint32_t work;

	pthread_mutex_lock(&port->lock);
	/* Before the work is taken: an event of the link goes before one of a reset. */
	virtio_watchdog_serve(port);
	/* With the work, what it was raised for is seen (control_take.litmus). */
	work = rte_atomic_exchange_explicit(&w->work, 0, rte_memory_order_acq_rel);
	error = virtio_recovery_serve(port, (work & VIRTIO_WORK_QUEUE_ERROR) != 0);
	if (work & VIRTIO_WORK_LINK)
		virtio_guest_announce(port);
	link = virtio_link_serve(port, (work & VIRTIO_WORK_LINK) != 0);
	reset = virtio_needs_reset_take(port);
	starving = virtio_reclaim_serve(port, (work & VIRTIO_WORK_RECLAIM) != 0);
	wait->until_us = RTE_MIN(port->watchdog_us, virtio_recovery_next_us(port));
	wait->until_us = RTE_MIN(wait->until_us, virtio_reclaim_next_us(port));
	virtio_link_watch(port, &wait->watched, &wait->until_us);
	pthread_mutex_unlock(&port->lock);

	if (starving)
		virtio_reclaim_ask_others(port);
	if (error)
		call_back(w, RTE_ETH_EVENT_QUEUE_STATE);
	/* The port may be closed in one call-back, and then there is no other. */
	if (link && !is_ending(w))
		call_back(w, RTE_ETH_EVENT_INTR_LSC);
	if (reset && !is_ending(w))
		call_back(w, RTE_ETH_EVENT_INTR_RESET);
}

static void
rest(const struct virtio_worker *w, const struct wait *wait)
{
	struct pollfd pfds[] = { { .fd = w->event_fd, .events = POLLIN }, wait->watched };
	const uint64_t now_us = virtio_now_us();
	const uint64_t left_us = wait->until_us > now_us ? wait->until_us - now_us : 0;
	const struct timespec timeout = {
		.tv_sec = left_us / 1000000, .tv_nsec = left_us % 1000000 * 1000
	};
	uint64_t count;

	/* Read before the work is taken: work raised later raises the descriptor again. */
	if (ppoll(pfds, RTE_DIM(pfds), wait->until_us == UINT64_MAX ? NULL : &timeout, NULL) > 0 &&
	    (pfds[0].revents & POLLIN)) {
		const ssize_t n = read(w->event_fd, &count, sizeof(count));

		RTE_SET_USED(n);
	}
}

static void
free_worker(struct virtio_worker *w)
{
	close(w->event_fd);
	free(w);
}

static virtio_thread_result_t
run(void *arg)
{
	struct virtio_worker *w = arg;
	sigset_t all;

	/* Signals are for the application's own threads, whose waits they end. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	virtio_device_allow_cancel();
	while (!is_ending(w)) {
		struct wait wait = { .watched.fd = -1, .until_us = UINT64_MAX };

		serve(w, &wait);
		if (!is_ending(w))
			rest(w, &wait);
	}
	if (w->frees_itself)
		free_worker(w);
	return 0;
}

/* ---- its life ----------------------------------------------------------------------------- */

int
virtio_worker_start(struct virtio_port *port)
{
	/* Not in memory that processes share, and not part of the port: see virtio_worker.h. */
	struct virtio_worker *w = calloc(1, sizeof(*w));
	char name[16];
	int ret;

	if (w == NULL)
		return -ENOMEM;
	w->port = port;
	w->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	ret = w->event_fd < 0 ? -errno : 0;
	port->worker = w;
	port->watchdog_us = UINT64_MAX;
	snprintf(name, sizeof(name), "virtio-%u", port->edev->data->port_id);
	if (ret == 0)
		ret = virtio_thread_create(&w->thread, name, run, w);
	if (ret == 0)
		return 0;
	VIRTIO_INIT_LOG(ERR, "%s: the control thread of the port cannot be created: %s",
			port->dev.name, rte_strerror(-ret));
	if (w->event_fd >= 0)
		close(w->event_fd);
	free(w);
	port->worker = NULL;
	return ret;
}

void
virtio_worker_stop(struct virtio_port *port)
{
	struct virtio_worker *w = port->worker;

	pthread_mutex_lock(&calls_lock);
	rte_atomic_store_explicit(&w->ending, true, rte_memory_order_release);
	pthread_cond_broadcast(&calls_changed);
	pthread_mutex_unlock(&calls_lock);
	if (virtio_worker_calls_back(port)) {
		virtio_thread_detach(w->thread);
		return;
	}
	virtio_device_cancel(&port->dev);
	virtio_event_raise(port, VIRTIO_WORK_LOOK);
	virtio_thread_join(w->thread);
	virtio_device_resume(&port->dev);
}

void
virtio_worker_free(struct virtio_port *port)
{
	if (virtio_worker_calls_back(port))
		port->worker->frees_itself = true;
	else
		free_worker(port->worker);
	port->worker = NULL;
}
