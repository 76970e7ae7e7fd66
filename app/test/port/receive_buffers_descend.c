/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * A start fills a receive ring with buffers in descending order of address, where the pool's cache
 * has them in order, one way or the other. Later buffers are posted in the order in which the
 * application freed them.
 */

#include "fake_port.h"
#include "test.h"
#include "virtio.h"

/* A quarter of the ring: so many descriptors are refilled at once. */
#define BURST (FAKE_PORT_SIZE / 4)

#define CACHE 64

/* The `i`th of the `n` buffers that were posted last. */
static struct rte_mbuf *
posted(const struct virtqueue *vq, unsigned int n, unsigned int i)
{
	const unsigned int at = (vq->next_avail.pos + vq->size - n + i) % vq->size;

	return vq->cookies[vq->order[at]];
}

static void
check_descends(const struct virtqueue *vq)
{
	unsigned int i;

	for (i = 1; i < vq->size; i++)
		CHECK(posted(vq, vq->size, i) < posted(vq, vq->size, i - 1));
}

static void
receive(struct fake_port *fp, struct rte_mbuf **m)
{
	unsigned int i;

	for (i = 0; i < BURST; i++)
		fake_port_write(fp, 0, 100);
	CHECK_EQ(rte_eth_rx_burst(fp->port, 0, m, BURST), BURST);
}

/* All buffers of the pool are taken and freed in ascending or descending order of address. */
static void
sort_cache(struct rte_mempool *pool, bool ascending)
{
	struct rte_mbuf *m[4 * FAKE_PORT_SIZE];
	unsigned int n = rte_mempool_avail_count(pool);
	unsigned int i, j;

	CHECK(n <= RTE_DIM(m));
	CHECK_EQ(rte_mempool_get_bulk(pool, (void **)m, n), 0);
	for (i = 1; i < n; i++) {
		struct rte_mbuf *const moved = m[i];

		for (j = i; j > 0 && (m[j - 1] < moved) != ascending; j--)
			m[j] = m[j - 1];
		m[j] = moved;
	}
	for (i = 0; i < n; i++)
		rte_mempool_put(pool, m[i]);
}

static void
descend(uint64_t features)
{
	struct fake_port *fp = fake_port_create(&(struct fake_port_conf){ .features = features });
	struct rte_mempool *pool = rte_pktmbuf_pool_create("cached", 2 * FAKE_PORT_SIZE, CACHE, 0,
				       RTE_PKTMBUF_HEADROOM + FAKE_PORT_ROOM, SOCKET_ID_ANY);
	const struct virtqueue *vq;
	struct rte_mbuf *before[BURST], *m[BURST];
	unsigned int round, i;

	CHECK(pool != NULL);
	CHECK_EQ(rte_eth_rx_queue_setup(fp->port, 0, FAKE_PORT_SIZE, fp->node, NULL, pool), 0);
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	vq = virtio_port(&rte_eth_devices[fp->port])->rxqs[0]->q.vq;
	for (round = 0; round < 4; round++) {
		CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
		sort_cache(pool, round % 2 == 0);
		CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), 0);
		check_descends(vq);
	}
	receive(fp, before);
	for (round = 0; round < 2 * FAKE_PORT_SIZE / BURST; round++) {
		/* In turn as they came, and the other way round. */
		for (i = 0; i < BURST / 2 && round % 2 == 1; i++) {
			m[i] = before[i];
			before[i] = before[BURST - 1 - i];
			before[BURST - 1 - i] = m[i];
		}
		rte_pktmbuf_free_bulk(before, BURST);
		receive(fp, m);
		for (i = 0; i < BURST; i++)
			CHECK(posted(vq, BURST, i) == before[i]);
		memcpy(before, m, sizeof(m));
	}
	rte_pktmbuf_free_bulk(before, BURST);
	fake_port_destroy(fp);
	CHECK_EQ(rte_mempool_in_use_count(pool), 0);
	rte_mempool_free(pool);
}

static void
mergeable(void)
{
	descend(VU_F_MRG_RXBUF);
}

static void
single(void)
{
	descend(0);
}

TEST_MAIN(
	TEST_WARM_UP(fake_port_warm_up),
	TEST_LAYOUTS(mergeable),
	TEST_LAYOUTS(single),
)
