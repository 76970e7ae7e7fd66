/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <string.h>

#include "virtio.h"
#include "virtio_pool.h"

/*
 * rte_mempool_create() turns its flags into a handler. A pool of mbufs has no flags, its handler is
 * named when it is created.
 */
static bool
has_handler(const struct rte_mempool *pool, const char *one, const char *other)
{
	const char *name = rte_mempool_get_ops(pool->ops_index)->name;

	return strcmp(name, one) == 0 || strcmp(name, other) == 0;
}

bool
virtio_pool_takes_producers(const struct rte_mempool *pool)
{
	return !(pool->flags & RTE_MEMPOOL_F_SP_PUT) &&
	       !has_handler(pool, "ring_sp_sc", "ring_sp_mc");
}

bool
virtio_pool_takes_consumers(const struct rte_mempool *pool)
{
	return !(pool->flags & RTE_MEMPOOL_F_SC_GET) &&
	       !has_handler(pool, "ring_sp_sc", "ring_mp_sc");
}

static void
look_at_sent(void *arg, void *cookie)
{
	const struct rte_mempool **found = arg;
	struct rte_mbuf *m;

	for (m = cookie; m != NULL && *found == NULL; m = m->next) {
		if (!virtio_pool_takes_producers(m->pool))
			*found = m->pool;
		/* With the last clone the buffer that it was made of goes back as well. */
		else if (RTE_MBUF_CLONED(m) &&
			 !virtio_pool_takes_producers(rte_mbuf_from_indirect(m)->pool))
			*found = rte_mbuf_from_indirect(m)->pool;
	}
}

const struct rte_mempool *
virtio_pool_of_one_thread(struct virtio_queue *q)
{
	const struct rte_mempool *found = NULL;

	if (!q->is_rx)
		virtqueue_each_in_flight(q->vq, look_at_sent, &found);
	else if (!virtio_pool_takes_producers(container_of(q, struct virtio_rxq, q)->pool) ||
		 !virtio_pool_takes_consumers(container_of(q, struct virtio_rxq, q)->pool))
		found = container_of(q, struct virtio_rxq, q)->pool;
	return found;
}
