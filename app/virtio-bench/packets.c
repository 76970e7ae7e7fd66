/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <stdio.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_ether.h>
#include <rte_lcore.h>

#include "packets.h"

#define CACHE 256u

static void
write_header(struct rte_mempool *pool __rte_unused, void *arg __rte_unused, void *object,
		unsigned int index __rte_unused)
{
	struct rte_mbuf *mbuf = object;
	struct rte_ether_hdr *header;

	header = (void *)((char *)mbuf->buf_addr + RTE_PKTMBUF_HEADROOM);
	*header = (struct rte_ether_hdr) {
		.dst_addr = { { 2, 0, 0, 0, 0, 1 } },
		.src_addr = { { 2, 0, 0, 0, 0, 2 } },
		.ether_type = RTE_BE16(0x88b5),		/* for experiments */
	};
}

struct rte_mempool *
packets_pool(const char *name, uint32_t n)
{
	struct rte_mempool *pool;

	pool = rte_pktmbuf_pool_create(name, n, CACHE, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
		rte_socket_id());
	if (pool == NULL) {
		fprintf(stderr, "no pool of %u buffers: %s (more memory, EAL's -m?)\n", n,
			rte_strerror(rte_errno));
		return NULL;
	}
	rte_mempool_obj_iter(pool, write_header, NULL);
	return pool;
}

void
packets_init(struct packets *packets, struct rte_mempool *pool, const struct options *options)
{
	*packets = (struct packets) {
		.pool = pool, .sizes = options->sizes, .n_sizes = options->n_sizes,
	};
}
