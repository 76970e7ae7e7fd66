/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_bus_vdev.h>
#include <rte_mempool.h>

#include "fake_port.h"
#include "packet.h"
#include "test.h"

static struct rte_mempool *
make_pool(const char *name, unsigned int made, uint16_t q)
{
	char full[RTE_MEMPOOL_NAMESIZE];
	struct rte_mempool *pool;

	snprintf(full, sizeof(full), "%s%u_%u", name, q, made);
	/* No cache: what is in use is known exactly. */
	pool = rte_pktmbuf_pool_create(full, FAKE_PORT_BUFFERS, 0, 0,
				       RTE_PKTMBUF_HEADROOM + FAKE_PORT_ROOM, SOCKET_ID_ANY);
	CHECK(pool != NULL);
	return pool;
}

int
fake_port_setup_rx(struct fake_port *fp, uint16_t queue, uint16_t size)
{
	return rte_eth_rx_queue_setup(fp->port, queue, size, fp->node, NULL,
				      fp->rx_pool[queue]);
}

int
fake_port_setup_tx(struct fake_port *fp, uint16_t queue, uint16_t size)
{
	return rte_eth_tx_queue_setup(fp->port, queue, size, fp->node, NULL);
}

struct fake_port *
fake_port_create(const struct fake_port_conf *conf)
{
	static unsigned int made;
	const struct rte_eth_conf eth = {
		.rxmode.offloads = conf->rx_offloads |
			(conf->features & VU_F_MRG_RXBUF && !conf->no_scatter ?
			 RTE_ETH_RX_OFFLOAD_SCATTER : 0),
		.txmode.offloads = conf->tx_offloads | RTE_ETH_TX_OFFLOAD_MULTI_SEGS,
		.intr_conf.rxq = conf->interrupts,
	};
	struct fake_port *fp = calloc(1, sizeof(*fp));
	const bool packed = test_packed();
	char args[256];
	char path[32];
	uint16_t q;

	/* Names of its own each time: a case that failed leaves its device. */
	snprintf(fp->name, sizeof(fp->name), "net_virtio_user%u", ++made);
	snprintf(path, sizeof(path), "backend%u", made);
	fp->vu = fake_vu_create(test_path(path));
	fp->vu->features |= conf->features |
			    (packed && !conf->withhold_packed ? VU_F_PACKED : 0) |
			    (test_platform_order() ? VU_F_ORDER_PLATFORM : 0);
	fp->vu->queue_num = FAKE_PORT_PAIRS;
	fp->vu->mem_slots = conf->mem_slots;
	fp->vu->protocol |= conf->mem_slots > 0 ? VU_P_MEM_SLOTS : 0;
	fp->vu->client = conf->server;
	if (conf->server)
		unlink(fp->vu->path);
	fake_vu_launch(fp->vu);
	for (q = 0; q < FAKE_PORT_PAIRS; q++) {
		fp->rx_pool[q] = make_pool("rx", made, q);
		fp->tx_pool[q] = make_pool("tx", made, q);
	}
	snprintf(args, sizeof(args),
		 "path=%s,queues=%u,queue_reset=%s,queue_reset_timeout_ms=%u,packed_vq=%d"
		 "%s%s%s",
		 fp->vu->path, FAKE_PORT_PAIRS, conf->method != NULL ? conf->method : "get_base",
		 conf->timeout_ms != 0 ? conf->timeout_ms : 60000, packed,
		 conf->server ? ",server=1" : "", conf->args != NULL ? "," : "",
		 conf->args != NULL ? conf->args : "");
	CHECK_EQ(rte_vdev_init(fp->name, args), 0);
	fp->open = true;
	fp->node = conf->node == 0 ? (unsigned int)SOCKET_ID_ANY : conf->node;
	CHECK_EQ(rte_eth_dev_get_port_by_name(fp->name, &fp->port), 0);
	CHECK_EQ(rte_eth_dev_configure(fp->port, FAKE_PORT_PAIRS, FAKE_PORT_PAIRS, &eth), 0);
	for (q = 0; q < FAKE_PORT_PAIRS; q++) {
		CHECK_EQ(fake_port_setup_rx(fp, q, FAKE_PORT_SIZE), 0);
		CHECK_EQ(fake_port_setup_tx(fp, q, FAKE_PORT_SIZE), 0);
	}
	return fp;
}

struct fake_port *
fake_port_start(const struct fake_port_conf *conf)
{
	struct fake_port *fp = fake_port_create(conf);

	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	fake_vu_forget_record(fp->vu);
	return fp;
}

void
fake_port_destroy(struct fake_port *fp)
{
	uint16_t q;

	fake_vu_check(fp->vu);
	fake_vu_obey(fp->vu);
	if (fp->open)
		CHECK_EQ(rte_vdev_uninit(fp->name), 0);
	fake_vu_destroy(fp->vu);
	for (q = 0; q < FAKE_PORT_PAIRS; q++) {
		fake_port_check_in_use(fp->rx_pool[q], 0);
		fake_port_check_in_use(fp->tx_pool[q], 0);
		rte_mempool_free(fp->rx_pool[q]);
		rte_mempool_free(fp->tx_pool[q]);
	}
	free(fp);
}

uint16_t
fake_port_prepare(struct fake_port *fp, uint16_t queue, uint32_t len, uint16_t buffers)
{
	struct ring_device *rd = fake_vu_ring(fp->vu, 2 * queue);
	struct device_chain chain;

	if (!ring_device_take(rd, &chain))
		test_fail(__FILE__, __LINE__, "rx queue %u: no buffer for the device %s", queue,
			  ring_device_breach(rd));
	CHECK_EQ(chain.n, 1);
	CHECK(chain.part[0].writable);
	CHECK(chain.part[0].len >= len + FAKE_PORT_HDR);
	memset(chain.part[0].at, 0, FAKE_PORT_HDR);
	memcpy(chain.part[0].at + 10, &buffers, sizeof(buffers));
	packet_write(chain.part[0].at + FAKE_PORT_HDR, queue, fp->rx_next[queue]++, len);
	return chain.head;
}

void
fake_port_write(struct fake_port *fp, uint16_t queue, uint32_t len)
{
	const uint16_t head = fake_port_prepare(fp, queue, len, 1);

	ring_device_use(fake_vu_ring(fp->vu, 2 * queue), head, len + FAKE_PORT_HDR);
}

unsigned int
fake_port_receive(struct fake_port *fp, uint16_t queue)
{
	struct rte_mbuf *m[FAKE_PORT_SIZE];
	const uint16_t n = rte_eth_rx_burst(fp->port, queue, m, FAKE_PORT_SIZE);
	const char *why;
	uint16_t i;

	for (i = 0; i < n; i++) {
		const uint64_t number = packet_check(m[i], queue, &why);

		if (why != NULL)
			test_fail(__FILE__, __LINE__, "rx queue %u has %s", queue, why);
		CHECK_EQ(number, fp->got[queue]);
		CHECK_EQ(m[i]->port, fp->port);
		CHECK_EQ(m[i]->ol_flags, fp->ol_flags);
		/* Whatever the buffer was used for before. */
		CHECK_EQ(m[i]->vlan_tci, 0);
		CHECK_EQ(m[i]->hash.rss, 0);
		m[i]->vlan_tci = 0x1234;
		m[i]->hash.rss = 0x5678;
		CHECK_EQ(rte_mbuf_refcnt_read(m[i]), 1);
		fp->got[queue]++;
		rte_pktmbuf_free(m[i]);
	}
	return n;
}

unsigned int
fake_port_send(struct fake_port *fp, uint16_t queue, unsigned int n)
{
	struct rte_mbuf *m[FAKE_PORT_BUFFERS];
	unsigned int i, sent;

	for (i = 0; i < n; i++) {
		m[i] = rte_pktmbuf_alloc(fp->tx_pool[queue]);
		CHECK(m[i] != NULL);
		CHECK(packet_make(m[i], queue, fp->tx_next[queue] + i, 64 + i, 0));
	}
	sent = rte_eth_tx_burst(fp->port, queue, m, n);
	fp->tx_next[queue] += sent;
	for (i = sent; i < n; i++)
		rte_pktmbuf_free(m[i]);
	return sent;
}

unsigned int
fake_port_take(struct fake_port *fp, uint16_t queue, bool give_back)
{
	struct ring_device *rd = fake_vu_ring(fp->vu, 2 * queue + 1);
	struct device_chain chain;
	uint8_t bytes[16384];
	unsigned int n = 0;

	while (ring_device_take(rd, &chain)) {
		const char *why;
		uint32_t len = 0;
		uint16_t i;

		for (i = 0; i < chain.n; i++) {
			CHECK(!chain.part[i].writable);
			CHECK(len + chain.part[i].len <= sizeof(bytes));
			memcpy(bytes + len, chain.part[i].at, chain.part[i].len);
			len += chain.part[i].len;
		}
		CHECK(len > FAKE_PORT_HDR);
		CHECK_EQ(packet_check_bytes(bytes + FAKE_PORT_HDR, len - FAKE_PORT_HDR, queue,
					    &why), fp->took[queue]);
		if (why != NULL)
			test_fail(__FILE__, __LINE__, "tx queue %u has sent %s", queue, why);
		fp->took[queue]++;
		if (give_back)
			ring_device_use(rd, chain.head, 0);
		n++;
	}
	if (ring_device_breach(rd)[0] != '\0')
		test_fail(__FILE__, __LINE__, "tx queue %u: %s", queue, ring_device_breach(rd));
	return n;
}

void
fake_port_give(struct fake_port *fp, uint16_t queue, const void *hdr, const uint8_t *frame,
	       uint32_t len, uint32_t part)
{
	struct ring_device *rd = fake_vu_ring(fp->vu, 2 * queue);
	uint32_t before = FAKE_PORT_HDR;
	uint8_t *num_buffers = NULL;
	uint16_t heads[FAKE_PORT_SIZE];
	uint32_t lens[FAKE_PORT_SIZE];
	uint32_t done = 0;
	uint16_t n = 0;
	uint16_t i;

	do {
		struct device_chain chain;
		uint32_t room;

		CHECK(n < FAKE_PORT_SIZE);
		if (!ring_device_take(rd, &chain))
			test_fail(__FILE__, __LINE__, "rx queue %u: no buffer for the device %s",
				  queue, ring_device_breach(rd));
		CHECK_EQ(chain.n, 1);
		if (n == 0) {
			memcpy(chain.part[0].at, hdr, FAKE_PORT_HDR);
			num_buffers = chain.part[0].at + 10;
		}
		room = chain.part[0].len - before;
		if (part != 0)
			room = RTE_MIN(room, part);
		room = RTE_MIN(room, len - done);
		memcpy(chain.part[0].at + before, frame + done, room);
		heads[n] = chain.head;
		lens[n++] = before + room;
		done += room;
		before = 0;
	} while (done < len);
	memcpy(num_buffers, &n, sizeof(n));
	for (i = 0; i < n; i++)
		ring_device_use(rd, heads[i], lens[i]);
}

uint32_t
fake_port_take_bytes(struct fake_port *fp, uint16_t queue, struct device_chain *chain,
		     uint8_t *bytes, uint32_t room)
{
	struct ring_device *rd = fake_vu_ring(fp->vu, 2 * queue + 1);
	uint32_t len = 0;
	uint16_t i;

	if (!ring_device_take(rd, chain)) {
		if (ring_device_breach(rd)[0] != '\0')
			test_fail(__FILE__, __LINE__, "tx queue %u: %s", queue,
				  ring_device_breach(rd));
		return 0;
	}
	for (i = 0; i < chain->n; i++) {
		CHECK(!chain->part[i].writable);
		CHECK(len + chain->part[i].len <= room);
		memcpy(bytes + len, chain->part[i].at, chain->part[i].len);
		len += chain->part[i].len;
	}
	CHECK(len > FAKE_PORT_HDR);
	ring_device_use(rd, chain->head, 0);
	return len;
}

void
fake_port_check_runs(struct fake_port *fp, uint16_t queue)
{
	fake_port_write(fp, queue, 100);
	CHECK_EQ(fake_port_receive(fp, queue), 1);
	CHECK_EQ(fake_port_send(fp, queue, 1), 1);
	CHECK_EQ(fake_port_take(fp, queue, true), 1);
}

void
fake_port_check_in_use(const struct rte_mempool *pool, unsigned int n)
{
	if (rte_mempool_in_use_count(pool) != n)
		test_fail(__FILE__, __LINE__, "pool %s: %u buffers in use, not %u", pool->name,
			  rte_mempool_in_use_count(pool), n);
}

uint8_t
fake_port_rx_state(struct fake_port *fp, uint16_t queue)
{
	struct rte_eth_rxq_info info;

	CHECK_EQ(rte_eth_rx_queue_info_get(fp->port, queue, &info), 0);
	return info.queue_state;
}

uint8_t
fake_port_tx_state(struct fake_port *fp, uint16_t queue)
{
	struct rte_eth_txq_info info;

	CHECK_EQ(rte_eth_tx_queue_info_get(fp->port, queue, &info), 0);
	return info.queue_state;
}

uint64_t
fake_port_xstat(struct fake_port *fp, const char *name)
{
	uint64_t id, value;

	if (rte_eth_xstats_get_id_by_name(fp->port, name, &id) != 0 ||
	    rte_eth_xstats_get_by_id(fp->port, &id, &value, 1) != 1)
		test_fail(__FILE__, __LINE__, "there is no counter %s", name);
	return value;
}

void
fake_port_warm_up(void)
{
	fake_port_destroy(fake_port_start(&(struct fake_port_conf){ 0 }));
}
