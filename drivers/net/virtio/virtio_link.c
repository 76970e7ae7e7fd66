/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What happens without the application asking: the link goes down with the back-end, a server port
 * takes the next back-end that connects, and a queue that nobody serves is noticed. All of it runs
 * on EAL's interrupt thread.
 */

#include <errno.h>

#include <rte_alarm.h>
#include <rte_errno.h>
#include <rte_malloc.h>

#include "virtio_ethdev.h"
#include "virtio_log.h"
#include "virtio_needs_reset.h"
#include "virtio_queue.h"
#include "virtqueue_ring.h"

#define WATCHDOG_PERIOD_US 500000

/* Looks without a used buffer while there is work, until a queue counts as not served. */
#define WATCHDOG_TICKS     4

/* Fills in speed and duplex, where it is up. */
static bool
has_link(struct virtio_port *port, struct rte_eth_link *link)
{
	bool up = false;

	pthread_mutex_lock(&port->lock);
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
	pthread_mutex_unlock(&port->lock);
	return up;
}

int
virtio_link_update(struct rte_eth_dev *edev, int wait_to_complete __rte_unused)
{
	struct virtio_port *port = virtio_port(edev);
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
	return rte_eth_linkstatus_set(edev, &link);
}

bool
virtio_link_announce(struct virtio_port *port)
{
	const bool up = port->edev->data->dev_link.link_status == RTE_ETH_LINK_UP;

	return __atomic_exchange_n(&port->announced, up, __ATOMIC_RELAXED) != up;
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
meet_again(struct virtio_port *port)
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

static void rewatch(void *arg);

/* The descriptor to watch is another one now; that cannot be changed from within its handler. */
static void
rewatch_soon(struct virtio_port *port)
{
	if (!port->rewatch && !port->unwatching && rte_eal_alarm_set(1, rewatch, port) == 0)
		port->rewatch = true;
}

/* The port whose application is being called back by this thread. */
static __thread const struct virtio_port *calling_back;

void
virtio_link_call_back(struct virtio_port *port, enum rte_eth_event_type event)
{
	calling_back = port;
	rte_eth_dev_callback_process(port->edev, event, NULL);
	/* The application may have closed the port meanwhile: not to be touched. */
	calling_back = NULL;
}

void
virtio_link_tell(struct virtio_port *port)
{
	/* Whoever asks for the link may have updated it before, but has not told the others. */
	if (virtio_link_announce(port))
		virtio_link_call_back(port, RTE_ETH_EVENT_INTR_LSC);
}

static void
watch_event(void *arg)
{
	struct virtio_port *port = arg;
	bool was_up;
	int ret = 0;

	/*
	 * Most events are answers that a control call waits for, and it may be holding the lock for
	 * as long as its time-out: with the connection up there is nothing to do but to read them.
	 */
	if (port->bus->is_up(&port->dev))
		return;
	pthread_mutex_lock(&port->lock);
	was_up = port->bus->is_up(&port->dev);
	if (!was_up && port->args.server && !port->unwatching &&
	    rte_intr_fd_get(port->watch) == port->bus->watch_fd(&port->dev))
		ret = meet_again(port);
	if (ret != 0 && ret != -EAGAIN)
		VIRTIO_LOG(ERR, "%s: the back-end that connected cannot be used: %s",
			   port->dev.name, rte_strerror(-ret));
	else if (!was_up && port->bus->is_up(&port->dev))
		VIRTIO_LOG(NOTICE, "%s: a back-end has connected", port->dev.name);
	if (rte_intr_fd_get(port->watch) != port->bus->watch_fd(&port->dev) ||
	    (!port->args.server && !was_up))
		rewatch_soon(port);
	pthread_mutex_unlock(&port->lock);

	virtio_link_update(port->edev, 0);
	virtio_link_tell(port);
}

bool
virtio_link_calls_back(const struct virtio_port *port)
{
	return calling_back == port;
}

/* Port's lock held. */
static int
watch_fd(struct virtio_port *port)
{
	const int fd = port->bus->watch_fd(&port->dev);
	int ret;

	/* A client's dead connection would call for ever: only dev_reset() leads on from there. */
	if (port->unwatching || fd < 0 || (!port->args.server && !port->bus->is_up(&port->dev)))
		return 0;
	if (rte_intr_fd_set(port->watch, fd) != 0 ||
	    rte_intr_type_set(port->watch, RTE_INTR_HANDLE_VDEV) != 0)
		return -rte_errno;
	ret = rte_intr_callback_register(port->watch, watch_event, port);
	port->watching = ret == 0;
	return ret;
}

static void
rewatch(void *arg)
{
	struct virtio_port *port = arg;

	pthread_mutex_lock(&port->lock);
	port->rewatch = false;
	if (!port->unwatching) {
		/* On the thread that calls the handler: it is not being called now. */
		if (port->watching)
			rte_intr_callback_unregister(port->watch, watch_event, port);
		port->watching = false;
		rte_intr_fd_set(port->watch, -1);
		if (watch_fd(port) != 0)
			VIRTIO_LOG(ERR, "%s: its link is not watched any more", port->dev.name);
	}
	pthread_mutex_unlock(&port->lock);
}

int
virtio_link_watch(struct virtio_port *port)
{
	int ret;

	if (port->bus->watch_fd == NULL) {
		port->unwatching = false;
		return 0;
	}
	if (port->watch == NULL)
		port->watch = rte_intr_instance_alloc(RTE_INTR_INSTANCE_F_PRIVATE);
	if (port->watch == NULL)
		return -ENOMEM;
	port->edev->intr_handle = port->watch;
	pthread_mutex_lock(&port->lock);
	port->unwatching = false;
	ret = watch_fd(port);
	pthread_mutex_unlock(&port->lock);
	return ret;
}

/* ---- watchdog ----------------------------------------------------------------------------- */

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
	if (vq->used_next != 0 || !vq->used_wrap || ring_used(vq, 1, vq->conf.packed) != 0) {
		txq->watched = false;
		return false;
	}
	if (vq->free_count == vq->size || ++txq->watch_ticks < WATCHDOG_TICKS)
		return true;
	txq->events.unserved++;
	txq->watched = false;
	virtio_recovery_report(txq, RTE_PMD_VIRTIO_QUEUE_UNSERVED);
	VIRTIO_LOG(ERR,
		   "port %u: tx queue %u: the device does not serve it since its start; stop and "
		   "start it again",
		   txq->port->edev->data->port_id, txq->id);
	return false;
}

static void
watchdog(void *arg)
{
	struct virtio_port *port = arg;
	uint16_t i;
	bool again = false;

	pthread_mutex_lock(&port->lock);
	port->watchdog = false;
	virtio_needs_reset(port);
	for (i = 0; i < port->args.pairs; i++)
		again |= keep_watching(virtio_queue_tx(port, i));
	if (again)
		virtio_watchdog_arm(port);
	pthread_mutex_unlock(&port->lock);
}

void
virtio_watchdog_arm(struct virtio_port *port)
{
	if (!port->watchdog && !port->unwatching &&
	    rte_eal_alarm_set(WATCHDOG_PERIOD_US, watchdog, port) == 0)
		port->watchdog = true;
}

/*
 * On the thread of the handlers. Within the handler itself it can only be marked for the end of it;
 * within an alarm it is not being called.
 */
static void
unregister_within(struct virtio_port *port)
{
	if (rte_intr_callback_unregister(port->watch, watch_event, port) == -EAGAIN)
		rte_intr_callback_unregister_pending(port->watch, watch_event, port, NULL);
}

void
virtio_link_unwatch(struct virtio_port *port)
{
	bool watching;

	/* From here on nothing is registered and no alarm is set any more. */
	pthread_mutex_lock(&port->lock);
	port->unwatching = true;
	watching = port->watching;
	port->watching = false;
	pthread_mutex_unlock(&port->lock);

	/* What is under way is waited for, without the lock that it may be waiting for. */
	if (watching && virtio_link_calls_back(port))
		unregister_within(port);
	else if (watching)
		rte_intr_callback_unregister_sync(port->watch, watch_event, port);
	rte_eal_alarm_cancel(rewatch, port);
	rte_eal_alarm_cancel(watchdog, port);
	virtio_recovery_cancel(port);
	virtio_needs_reset_cancel(port);
	port->rewatch = false;
	port->watchdog = false;
}

void
virtio_link_fini(struct virtio_port *port)
{
	if (port->watch == NULL)
		return;
	port->edev->intr_handle = NULL;
	rte_intr_instance_free(port->watch);
	port->watch = NULL;
}
