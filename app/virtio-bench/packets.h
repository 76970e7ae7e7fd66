/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef BENCH_PACKETS_H
#define BENCH_PACKETS_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "bench_options.h"

/** Makes packets of the sizes wanted, in turn. For one thread. */
struct packets {
	struct rte_mempool *pool;
	const uint16_t *sizes;
	uint32_t n_sizes;
	uint32_t next;
};

/**
 * A pool of n packet buffers with an Ethernet header in each.
 *
 * @return the pool; NULL after a message
 */
struct rte_mempool *packets_pool(const char *name, uint32_t n);

void packets_init(struct packets *packets, struct rte_mempool *pool,
		const struct options *options);

/** n packets, all or none: then false. */
static inline bool
packets_make(struct packets *packets, struct rte_mbuf **mbufs, uint16_t n)
{
	uint16_t i, size;

	if (unlikely(rte_pktmbuf_alloc_bulk(packets->pool, mbufs, n) != 0))
		return false;
	for (i = 0; i < n; i++) {
		size = packets->sizes[packets->next];
		if (++packets->next == packets->n_sizes)
			packets->next = 0;
		mbufs[i]->data_len = size;
		mbufs[i]->pkt_len = size;
	}
	return true;
}

#endif
