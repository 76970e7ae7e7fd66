/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>

#include <rte_errno.h>
#include <rte_mempool.h>

#include "rte_pmd_virtio.h"
#include "vhost_mem.h"
#include "virtio_extmem.h"
#include "virtio_log.h"
#include "virtio_ports.h"
#include "virtio_queue.h"

/* ---- a pool's buffers --------------------------------------------------------------------- */

struct reach {
	struct virtio_port *port;
	struct vhost_mem mem; /* what the device can reach, by virtual addresses */
	const void *beyond;   /* the first buffer that is out of reach */
};

static bool
is_in_reach(const struct reach *reach, const void *addr, size_t len, rte_iova_t iova)
{
	struct virtio_port *port = reach->port;

	if (port->dev.by_iova)
		return iova != RTE_BAD_IOVA;
	return port->bus->mem_has != NULL ? port->bus->mem_has(&port->dev, addr, len) :
					    vhost_mem_has(&reach->mem, addr, len);
}

static void
look_at(struct reach *reach, const void *addr, size_t len, rte_iova_t iova)
{
	if (reach->beyond == NULL && !is_in_reach(reach, addr, len, iova))
		reach->beyond = addr;
}

static void
look_at_chunk(struct rte_mempool *pool __rte_unused, void *arg, struct rte_mempool_memhdr *chunk,
	      unsigned int i __rte_unused)
{
	look_at(arg, chunk->addr, chunk->len, chunk->iova);
}

static void
look_at_buffer(struct rte_mempool *pool __rte_unused, void *arg, void *obj,
	       unsigned int i __rte_unused)
{
	const struct rte_mbuf *m = obj;

	look_at(arg, m->buf_addr, m->buf_len, rte_mbuf_iova_get(m));
}

int
virtio_extmem_check_pool(struct virtio_port *port, uint16_t rx_queue,
			 const struct rte_mempool *const_pool)
{
	/* DPDK's walks and queries take no pointer to const. */
	struct rte_mempool *pool = (struct rte_mempool *)(uintptr_t)const_pool;
	struct reach reach = { .port = port };
	const bool extern_bufs = (rte_pktmbuf_priv_flags(pool) &
				  RTE_PKTMBUF_POOL_F_PINNED_EXT_BUF) != 0;

	/* The table is unknown: nothing is refused. */
	if (!port->dev.by_iova && port->bus->mem_has == NULL &&
	    (port->bus->mem_table == NULL ||
	     port->bus->mem_table(&port->dev, &reach.mem) != 0))
		return 0;
	/* Buffers in the pool's own memory lie in its few chunks. */
	if (extern_bufs)
		rte_mempool_obj_iter(pool, look_at_buffer, &reach);
	else
		rte_mempool_mem_iter(pool, look_at_chunk, &reach);
	if (reach.beyond == NULL)
		return 0;
	VIRTIO_INIT_LOG(ERR, "port %u: rx queue %u: the device cannot access the buffers of pool "
			"%s at %p. %s first.", port->edev->data->port_id, rx_queue, pool->name,
			reach.beyond, port->dev.by_iova ?
			"Register their memory (rte_extmem_register) and map it for "
			"the device (rte_dev_dma_map)" :
			"Attach their memory (rte_pmd_virtio_extmem_attach)");
	return -EFAULT;
}

/* ---- what lies in a piece of memory ------------------------------------------------------- */

struct piece {
	uintptr_t addr;
	size_t len;
	bool used;
};

static void
note_buffer(void *owner, void *cookie)
{
	struct piece *piece = owner;
	const struct rte_mbuf *m;

	for (m = cookie; m != NULL; m = m->next)
		piece->used |= (uintptr_t)m->buf_addr < piece->addr + piece->len &&
			       (uintptr_t)m->buf_addr + m->buf_len > piece->addr;
}

/* One that is out of service, but not proven to be stopped, may have anything in it. */
static int
note_queue(struct virtio_queue *q, struct piece *piece)
{
	bool runs;

	if (q->vq == NULL || virtqueue_state(q->vq) == VIRTQUEUE_READY)
		return 0;
	if (virtio_queue_pause(q, q->port->args.reset_timeout_us, &runs)) {
		virtqueue_each_in_flight(q->vq, note_buffer, piece);
		virtio_queue_resume(q);
		if (!piece->used)
			return 0;
	}
	VIRTIO_LOG(ERR, "port %u: %s queue %u: its ring has, or may have, buffers in the memory at "
		   "0x%zx. Stop the queue first.", q->port->edev->data->port_id,
		   virtio_queue_kind(q), q->id, (size_t)piece->addr);
	return -EBUSY;
}

/* Also queues that the application has released. */
static int
check_free(struct virtio_port *port, const void *addr, size_t len)
{
	struct piece piece = { .addr = (uintptr_t)addr, .len = len };
	int ret = 0;
	uint16_t i;

	for (i = 0; ret == 0 && i < port->args.pairs; i++) {
		if (port->rxqs[i] != NULL)
			ret = note_queue(&port->rxqs[i]->q, &piece);
		if (ret == 0 && port->txqs[i] != NULL)
			ret = note_queue(&port->txqs[i]->q, &piece);
	}
	return ret;
}

/* ---- the calls ---------------------------------------------------------------------------- */

static int
find_port(uint16_t port_id, struct virtio_port **port)
{
	struct rte_eth_dev *edev;

	if (rte_eal_process_type() != RTE_PROC_PRIMARY) {
		VIRTIO_LOG(ERR, "port %u: memory can be attached and detached in the primary "
			   "process only", port_id);
		return -ENOTSUP;
	}
	edev = virtio_ports_edev(port_id);
	if (edev == NULL) {
		VIRTIO_LOG(ERR, "port %u: the port does not exist or is not served by net/virtio",
			   port_id);
		return -ENODEV;
	}
	*port = virtio_port(edev);
	if ((*port)->bus->mem_attach != NULL)
		return 0;
	VIRTIO_LOG(ERR, "port %u: memory can be attached for virtio-user only. Use "
		   "rte_dev_dma_map() for a PCI device.", port_id);
	return -ENOTSUP;
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_pmd_virtio_extmem_attach, 26.11)
int
rte_pmd_virtio_extmem_attach(uint16_t port_id, void *addr, size_t len, int fd, uint64_t offset)
{
	struct virtio_port *port;
	int ret;

	ret = find_port(port_id, &port);
	if (ret != 0)
		return ret;
	pthread_mutex_lock(&port->lock);
	ret = port->bus->mem_attach(&port->dev, addr, len, fd, offset);
	pthread_mutex_unlock(&port->lock);
	if (ret != 0)
		VIRTIO_LOG(ERR, "port %u: memory at %p, %zu bytes, is not attached: %s%s", port_id,
			   addr, len, rte_strerror(-ret), ret == -EINVAL ?
			   ": want whole pages of a file" : "");
	return ret;
}

RTE_EXPORT_EXPERIMENTAL_SYMBOL(rte_pmd_virtio_extmem_detach, 26.11)
int
rte_pmd_virtio_extmem_detach(uint16_t port_id, void *addr, size_t len)
{
	struct virtio_port *port;
	int ret;

	ret = find_port(port_id, &port);
	if (ret != 0)
		return ret;
	pthread_mutex_lock(&port->lock);
	ret = check_free(port, addr, len);
	if (ret == 0)
		ret = port->bus->mem_detach(&port->dev, addr, len);
	pthread_mutex_unlock(&port->lock);
	return ret;
}
