/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <string.h>

#include "virtio.h"
#include "virtio_pool.h"

/*
 * DPDK's handlers that take several producers, or consumers, at once, threads without an lcore id
 * among them. Others may not: VPP's has a cache by VPP's threads, DPDK's "bucket" one by lcore.
 * rte_mempool_create() turns its flags into a handler; that of a pool of mbufs is named when the
 * pool is created.
 */
static const char *const several_producers[] = {
	"ring_mp_mc", "ring_mp_sc", "ring_mt_rts", "ring_mt_hts", "stack", "lf_stack",
};
static const char *const several_consumers[] = {
	"ring_mp_mc", "ring_sp_mc", "ring_mt_rts", "ring_mt_hts", "stack", "lf_stack",
};

static bool
is_among(const struct rte_mempool *pool, const char *const *handlers, unsigned int n)
{
	const char *name = rte_mempool_get_ops(pool->ops_index)->name;
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (strcmp(name, handlers[i]) == 0)
			return true;
	}
	return false;
}

bool
virtio_pool_takes_producers(const struct rte_mempool *pool)
{
	return !(pool->flags & RTE_MEMPOOL_F_SP_PUT) &&
	       is_among(pool, several_producers, RTE_DIM(several_producers));
}

bool
virtio_pool_takes_consumers(const struct rte_mempool *pool)
{
	return !(pool->flags & RTE_MEMPOOL_F_SC_GET) &&
	       is_among(pool, several_consumers, RTE_DIM(several_consumers));
}

static const char not_for_several[] = "is not known to take several threads";

static void
look_at_sent(void *arg, void *cookie)
{
	struct virtio_pool_found *found = arg;
	struct rte_mbuf *m;

	for (m = cookie; m != NULL && found->pool == NULL; m = m->next) {
		if (!virtio_pool_takes_producers(m->pool))
			*found = (struct virtio_pool_found){ m->pool, not_for_several };
		/* With the last clone the buffer that it was made of goes back as well. */
		else if (RTE_MBUF_CLONED(m) &&
			 !virtio_pool_takes_producers(rte_mbuf_from_indirect(m)->pool))
			*found = (struct virtio_pool_found){ rte_mbuf_from_indirect(m)->pool,
							     not_for_several };
		/* Freed by a call-back of the application. */
		else if (RTE_MBUF_HAS_EXTBUF(m) && !RTE_MBUF_HAS_PINNED_EXTBUF(m))
			*found = (struct virtio_pool_found){ m->pool,
							     "has packets with external buffers" };
	}
}

struct virtio_pool_found
virtio_pool_of_one_thread(struct virtio_queue *q)
{
	struct virtio_pool_found found = { 0 };
	const struct rte_mempool *pool;

	if (!q->is_rx) {
		virtqueue_each_in_flight(q->vq, look_at_sent, &found);
		return found;
	}
	pool = container_of(q, struct virtio_rxq, q)->pool;
	if (!virtio_pool_takes_producers(pool) || !virtio_pool_takes_consumers(pool))
		found = (struct virtio_pool_found){ pool, not_for_several };
	return found;
}
