/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * The link and new back-ends. The worker (virtio_worker.h) looks after both without the application
 * asking.
 */

#include <errno.h>

#include <rte_errno.h>
#include <rte_malloc.h>

#include "virtio_compat.h"
#include "virtio_link.h"
#include "virtio_log.h"
#include "virtio_port.h"
#include "virtio_queue.h"
#include "virtqueue_ring.h"

/* After a back-end that could not be used, until the next one is taken. */
#define ACCEPT_PAUSE_US    UINT64_C(100000)
#define ACCEPT_PAUSE_MAX_US UINT64_C(1600000)

/*
 * rte_eth_link_get() waits so long for a control call or the worker to finish.
 * rte_eth_link_get_nowait() waits for one that does not wait itself.
 */
#define LINK_WAIT_US       1000000
#define LINK_NOWAIT_US     1000

/* Fills in speed and duplex, where it is up. Port's lock held. */
static bool
has_link(struct virtio_port *port, struct rte_eth_link *link)
{
	bool up = false;

	if (port->running && (port->dev.status & VIRTIO_STATUS_DRIVER_OK))
		up = port->bus->is_up(&port->dev);
	if (up && port->bus->link_is_up != NULL && port->bus->link_is_up(&port->dev, &up) != 0)
		up = false;
	if (up)
		link->link_speed = port->args.speed;
	/* What the user says goes before. */
	if (up && port->args.speed_capa == 0 && port->bus->link_speed != NULL &&
	    port->bus->link_speed(&port->dev, link) != 0)
		up = false;
	return up;
}

void
virtio_link_refresh(struct virtio_port *port)
{
	struct rte_eth_link link = {
		.link_speed = RTE_ETH_SPEED_NUM_NONE,
		.link_duplex = RTE_ETH_LINK_FULL_DUPLEX,
		.link_autoneg = RTE_ETH_LINK_AUTONEG,
		.link_status = RTE_ETH_LINK_DOWN,
	};

	if (has_link(port, &link))
		link.link_status = RTE_ETH_LINK_UP;
	else
		link.link_speed = RTE_ETH_SPEED_NUM_NONE;
	rte_eth_linkstatus_set(port->edev, &link);
}

/*
 * A control call may hold the lock as long as its time-out. Without wait_to_complete that is not
 * waited for, and the link stays what it was last known to be.
 */
int
virtio_link_update(struct rte_eth_dev *edev, int wait_to_complete)
{
	struct virtio_port *port = virtio_port(edev);

	if (!virtio_port_lock_within(port, wait_to_complete ? LINK_WAIT_US : LINK_NOWAIT_US))
		return -1;
	virtio_link_refresh(port);
	pthread_mutex_unlock(&port->lock);
	return 0;
}

bool
virtio_link_changed(struct virtio_port *port)
{
	const bool up = port->edev->data->dev_link.link_status == RTE_ETH_LINK_UP;

	return rte_atomic_exchange_explicit(&port->link_reported, up,
					    rte_memory_order_relaxed) != up;
}

/* ---- the back-end comes and goes ---------------------------------------------------------- */

static void
states(const struct virtio_port *port, bool *run)
{
	uint16_t i;

	for (i = 0; i < port->args.pairs; i++) {
		const struct virtio_queue *rx = virtio_queue_rx(port, i);
		const struct virtio_queue *tx = virtio_queue_tx(port, i);

		run[i] = rx != NULL && port->edev->data->rx_queue_state[i] ==
			RTE_ETH_QUEUE_STATE_STARTED;
		run[port->args.pairs + i] = tx != NULL && port->edev->data->tx_queue_state[i] ==
			RTE_ETH_QUEUE_STATE_STARTED;
	}
}

/*
 * A new back-end: each queue is brought back as it was, started or stopped. The rings start anew;
 * what was in them is counted as dropped. Port's lock held.
 */
static int
reconnect_port(struct virtio_port *port)
{
	bool *run;
	int ret;

	run = rte_calloc("virtio_run", 2 * port->args.pairs, sizeof(*run), 0);
	if (run == NULL)
		return -ENOMEM;
	states(port, run);
	ret = port->dev.status == VIRTIO_STATUS_RESET ? 0 : virtio_port_take_down(port);
	if (ret == 0)
		ret = port->bus->reconnect(&port->dev);
	if (ret == 0 && port->running)
		ret = virtio_port_bring_up(port, run, run + port->args.pairs);
	/* Where it did not work, ethdev still has what is wanted, for the next back-end. */
	if (ret == 0)
		virtio_port_show_states(port);
	rte_free(run);
	return ret;
}

/* As server: a back-end is there that waits to be taken. Port's lock held. */
static void
take_next(struct virtio_port *port)
{
	int ret;

	ret = reconnect_port(port);
	/* No other back-end is taken while this one is connected. It may connect again. */
	if (ret != 0 && ret != -ECANCELED && port->bus->is_up(&port->dev))
		port->bus->disconnect(&port->dev);
	/* Longer and longer: a process may have no descriptors left, or a client come in a loop. */
	port->accept_pause_us = ret == 0 ? 0 : port->accept_pause_us == 0 ? ACCEPT_PAUSE_US :
		RTE_MIN(2 * port->accept_pause_us, ACCEPT_PAUSE_MAX_US);
	port->accept_us = ret == 0 ? 0 : virtio_now_us() + port->accept_pause_us;
	if (ret == -ECANCELED)
		VIRTIO_LOG(NOTICE, "port %u: the back-end that was connecting is disconnected, as "
			   "the port is stopped or closed. It has to connect again.",
			   port->edev->data->port_id);
	else if (ret != 0 && ret != -EAGAIN)
		VIRTIO_LOG(ERR, "port %u: the back-end that connected cannot be used: %s. The port "
			   "waits for the next connection.", port->edev->data->port_id,
			   rte_strerror(-ret));
	else if (ret == 0 && port->bus->is_up(&port->dev))
		VIRTIO_LOG(NOTICE, "port %u: a back-end has connected", port->edev->data->port_id);
}

void
virtio_link_watch(struct virtio_port *port, struct pollfd *watched, uint64_t *until_us)
{
	if (port->bus->watch_fd == NULL)
		return;
	watched->events = port->bus->watch_events(&port->dev);
	/* The socket on which back-ends connect stays readable until the next one is taken. */
	if ((watched->events & POLLIN) && port->accept_us > virtio_now_us())
		*until_us = RTE_MIN(*until_us, port->accept_us);
	/* The descriptor of a connection that has ended stays readable: it is not watched. */
	else if (watched->events != 0)
		watched->fd = port->bus->watch_fd(&port->dev);
}

static bool
back_end_waits(struct virtio_port *port)
{
	struct pollfd pfd = { .fd = -1 };
	uint64_t ignored = UINT64_MAX;

	virtio_link_watch(port, &pfd, &ignored);
	return (pfd.events & POLLIN) && pfd.fd >= 0 && poll(&pfd, 1, 0) > 0;
}

bool
virtio_link_serve(struct virtio_port *port, bool changed)
{
	if (port->bus->take_events != NULL)
		port->bus->take_events(&port->dev);
	if (port->bus->watch_fd != NULL) {
		bool up = port->bus->is_up(&port->dev);

		if (!up && back_end_waits(port)) {
			take_next(port);
			up = port->bus->is_up(&port->dev);
			changed = true;
		}
		/*
		 * An event on the descriptor that is watched may be about the link as well. A
		 * connection that a control call has made may have ended before the worker looks.
		 */
		changed |= up != port->was_up || port->bus->link_is_up != NULL ||
			   (!up && rte_atomic_load_explicit(&port->link_reported,
							    rte_memory_order_relaxed));
		port->was_up = up;
	}
	if (!changed)
		return false;
	virtio_link_refresh(port);
	/* A thread that asked for the link may have updated it without a call-back. */
	return virtio_link_changed(port);
}
