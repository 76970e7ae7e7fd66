/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * Sleeping instead of polling: receive interrupts, which reach a thread through an event
 * descriptor, and the address that a core may monitor.
 *
 * Whether a queue is to interrupt is the application's request and outlives the ring: it is kept in
 * the queue, and put into each ring when the gate has opened. A wake-up is never lost in between:
 * a thread that turns interrupts on then looks whether there is something already, and raises the
 * descriptor itself. One that is too many does no harm, the thread finds nothing and asks again.
 */

#include <errno.h>
#include <poll.h>
#include <sys/uio.h>
#include <unistd.h>

#include <rte_errno.h>

#include "virtio.h"
#include "virtio_compat.h"
#include "virtio_intr.h"
#include "virtio_log.h"
#include "virtqueue_ring.h"

/* ---- event descriptors -------------------------------------------------------------------- */

void
virtio_rx_intr_release(struct virtio_port *port)
{
	struct rte_intr_handle *handle = port->edev->intr_handle;

	if (port->nb_rx_intr == 0)
		return;
	/* An application's epoll names entries of the handle, and would go on doing so. */
	rte_intr_free_epoll_fd(handle);
	rte_intr_vec_list_free(handle);
	port->bus->rx_interrupts(port, 0);
	port->nb_rx_intr = 0;
}

static int
number_vectors(struct rte_intr_handle *handle, uint16_t n)
{
	int ret = rte_intr_vec_list_alloc(handle, "virtio_vectors", n);
	uint16_t i;

	for (i = 0; ret == 0 && i < n; i++)
		ret = rte_intr_vec_list_index_set(handle, i, i + RTE_INTR_VEC_RXTX_OFFSET);
	return ret;
}

int
virtio_rx_intr_configure(struct virtio_port *port)
{
	const struct rte_eth_dev_data *data = port->edev->data;
	const uint16_t n = data->dev_conf.intr_conf.rxq != 0 ? data->nb_rx_queues : 0;
	uint16_t i;
	int ret;

	for (i = 0; i < port->args.pairs; i++) {
		if (port->rxqs[i] != NULL)
			port->rxqs[i]->q.intr_wanted = false;
	}
	/* The descriptors stay, and with them who sleeps on them, as long as they are as many. */
	if (n == port->nb_rx_intr)
		return 0;
	virtio_rx_intr_release(port);
	if (n == 0)
		return 0;
	ret = port->bus->rx_interrupts != NULL ? port->bus->rx_interrupts(port, n) : -ENOTSUP;
	if (ret == 0) {
		port->nb_rx_intr = n;
		ret = number_vectors(port->edev->intr_handle, n);
	}
	if (ret != 0) {
		virtio_rx_intr_release(port);
		VIRTIO_INIT_LOG(ERR, "port %u: receive interrupts for %u queues cannot be set up: "
				"%s. Use fewer queues, or set intr_conf.rxq to 0.", data->port_id,
				n, rte_strerror(-ret));
	}
	return ret;
}

static int
event_fd(const struct virtio_queue *q)
{
	if (q->id >= q->port->nb_rx_intr)
		return -1;
	return rte_intr_efds_index_get(q->port->edev->intr_handle, q->id);
}

/* With the counter at its limit a write may block. Nothing is written: a wake-up is pending. */
static void
raise_event(const struct virtio_queue *q)
{
	struct pollfd room = { .fd = event_fd(q), .events = POLLOUT };
	const uint64_t one = 1;
	ssize_t n;

	if (poll(&room, 1, 0) != 1)
		return;
	n = write(event_fd(q), &one, sizeof(one));
	RTE_SET_USED(n);
}

void
virtio_rx_intr_clear(const struct virtio_queue *q)
{
	uint64_t count;
	const struct iovec to = { &count, sizeof(count) };
	ssize_t n;

	/*
	 * Where EAL reads the descriptor before it returns from rte_epoll_wait(), it does so until
	 * there is something to read: what is taken away from it there would hang the sleeper. It
	 * does not read those of a vdev whose counter is said to have no bytes.
	 */
	if (event_fd(q) < 0 ||
	    rte_intr_type_get(q->port->edev->intr_handle) != RTE_INTR_HANDLE_VDEV)
		return;
	/* The back-end has the same descriptor, and may have taken O_NONBLOCK from it. */
	n = preadv2(event_fd(q), &to, 1, -1, RWF_NOWAIT);
	/* An older kernel does not know that for event descriptors. */
	if (n < 0 && (errno == EOPNOTSUPP || errno == ENOSYS))
		n = read(event_fd(q), &count, sizeof(count));
	RTE_SET_USED(n);
}

/* ---- the application's request --------------------------------------------------------------- */

/* Puts the request into the ring. Any thread within the gate. */
static void
apply(struct virtio_queue *q)
{
	const bool packed = q->vq->conf.packed;
	bool waiting = false;
	bool wanted;

	if (event_fd(q) < 0)
		return;
	do {
		wanted = rte_atomic_load_explicit(&q->intr_wanted, rte_memory_order_seq_cst);
		if (wanted)
			waiting = ring_interrupts_on(q->vq, packed);
		else
			ring_interrupts_off(q->vq, packed);
		/*
		 * The ring's flag is written before the next look at the request. A thread that
		 * changes the request writes the request first and the flag after. So of two
		 * threads here at once, the one whose flag remains has seen the last request. The
		 * store and the load are those of split_kick.litmus.
		 */
		rte_atomic_thread_fence(rte_memory_order_seq_cst);
	} while (rte_atomic_load_explicit(&q->intr_wanted, rte_memory_order_seq_cst) != wanted);
	if (wanted && waiting)
		raise_event(q);
}

static int
set_request(struct rte_eth_dev *edev, uint16_t id, bool wanted)
{
	struct virtio_port *port = virtio_port(edev);
	struct virtio_queue *q;

	/* Not by ethdev's slot: that one is empty while the queue is being set up. */
	if (id >= port->args.pairs || port->rxqs[id] == NULL)
		return -EINVAL;
	q = &port->rxqs[id]->q;
	if (event_fd(q) < 0) {
		if (!wanted)
			return 0;
		VIRTIO_LOG(ERR, "port %u: rx queue %u: receive interrupts are not configured. "
			   "Configure the port with intr_conf.rxq = 1.", edev->data->port_id, id);
		return -ENOTSUP;
	}
	/* Before the ring is looked at: what is there by then raises the descriptor again. */
	if (wanted)
		virtio_rx_intr_clear(q);
	rte_atomic_store_explicit(&q->intr_wanted, wanted, rte_memory_order_seq_cst);
	/*
	 * At a closed gate the request is all: who opens it looks at it afterwards, as
	 * virtio_gate_enter_query() looks at the gate after the request was written.
	 */
	if (virtio_gate_enter_query(&q->gate)) {
		apply(q);
		virtio_gate_leave_query(&q->gate);
	}
	return 0;
}

int
virtio_rx_queue_intr_enable(struct rte_eth_dev *edev, uint16_t id)
{
	return set_request(edev, id, true);
}

int
virtio_rx_queue_intr_disable(struct rte_eth_dev *edev, uint16_t id)
{
	return set_request(edev, id, false);
}

void
virtio_rx_intr_resume(struct virtio_queue *q)
{
	/*
	 * Pairs with virtio_gate_enter_query() in set_request(): the gate, then the request; as in
	 * gate_fenced.litmus.
	 */
	rte_atomic_thread_fence(rte_memory_order_seq_cst);
	apply(q);
}

/* ---- monitor address ---------------------------------------------------------------------- */

/* opaque[0]: used->idx when all is taken. */
static int
split_has_more(const uint64_t value, const uint64_t opaque[RTE_POWER_MONITOR_OPAQUE_SZ])
{
	return value == opaque[0] ? 0 : -1;
}

/* opaque[0]: the two flags that make the next descriptor used in this lap. */
static int
packed_has_more(const uint64_t value, const uint64_t opaque[RTE_POWER_MONITOR_OPAQUE_SZ])
{
	return (value & (VRING_PACKED_F_AVAIL | VRING_PACKED_F_USED)) == opaque[0] ? -1 : 0;
}

/* Nobody is to sleep: something is there already, of a batch maybe that no descriptor tells of. */
static int
is_there(const uint64_t value __rte_unused,
	 const uint64_t opaque[RTE_POWER_MONITOR_OPAQUE_SZ] __rte_unused)
{
	return -1;
}

/*
 * The thread that monitors the address is outside the gate, and reads it there too. So the memory
 * of the ring whose address was handed out last is kept when the ring is replaced, until the next
 * one's address was handed out, which only a thread that has come out of its sleep asks for, or
 * the port closes (forget_ring()). A stop clears the ring, which writes to that address and wakes
 * the thread; after that nothing does but the end of its own time-out.
 */
int
virtio_get_monitor_addr(void *rx_queue, struct rte_power_monitor_cond *pmc)
{
	struct virtio_rxq *rxq = rx_queue;
	struct virtqueue *vq;

	if (rxq == NULL)
		return -EINVAL;
	if (!virtio_gate_enter_query(&rxq->q.gate))
		return -EAGAIN;
	vq = rxq->q.vq;
	rxq->q.monitored = vq;
	if (vq->conf.packed) {
		pmc->addr = &vq->ring[vq->next_used.pos].flags;
		pmc->opaque[0] =
			vq->next_used.wrap ? VRING_PACKED_F_AVAIL | VRING_PACKED_F_USED : 0;
		pmc->fn = packed_has_more;
	} else {
		pmc->addr = &vq->used->idx;
		pmc->opaque[0] = vq->next_used.idx;
		pmc->fn = split_has_more;
	}
	if (ring_used(vq, 1, vq->conf.packed) != 0)
		pmc->fn = is_there;
	pmc->size = sizeof(uint16_t);
	virtio_gate_leave_query(&rxq->q.gate);
	return 0;
}
