/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * A queue's buffers may lie in memory that the application brings: it takes them all away, gives
 * the queue others, and on exit gets those back. From one kind of pool to the other and back, with
 * both kinds of receive, and with what was received sent on. Transmit takes such buffers as it
 * takes a pool's own: the header is written before the frame, in that memory, unless a clone reads
 * there.
 */

#include <string.h>

#include <rte_malloc.h>

#include "fake_port.h"
#include "packet.h"
#include "test.h"
#include "virtio_net.h"

#define BUFFERS 200
#define ELEMENT 2304

struct external {
	struct rte_pktmbuf_extmem mem;
	struct rte_mempool *pool;
};

static struct external
external_create(void)
{
	struct external ext = { .mem = { .buf_len = BUFFERS * ELEMENT, .elt_size = ELEMENT } };

	ext.mem.buf_ptr = rte_malloc(NULL, ext.mem.buf_len, RTE_CACHE_LINE_SIZE);
	CHECK(ext.mem.buf_ptr != NULL);
	ext.mem.buf_iova = rte_malloc_virt2iova(ext.mem.buf_ptr);
	ext.pool = rte_pktmbuf_pool_create_extbuf("external", BUFFERS, 0, 0, ELEMENT,
						  SOCKET_ID_ANY, &ext.mem, 1);
	CHECK(ext.pool != NULL);
	return ext;
}

/* Every buffer is back, in every respect as the pool made it. */
static void
external_check(const struct external *ext)
{
	struct rte_mbuf *m[BUFFERS];
	unsigned int i;

	fake_port_check_in_use(ext->pool, 0);
	for (i = 0; i < BUFFERS; i++) {
		m[i] = rte_pktmbuf_alloc(ext->pool);
		CHECK(m[i] != NULL);
		CHECK_EQ(m[i]->ol_flags, RTE_MBUF_F_EXTERNAL);
		CHECK_EQ(rte_mbuf_ext_refcnt_read(m[i]->shinfo), 1);
		CHECK_EQ(m[i]->nb_segs, 1);
		CHECK(m[i]->next == NULL);
	}
	for (i = 0; i < BUFFERS; i++)
		rte_pktmbuf_free(m[i]);
}

static void
external_destroy(struct external *ext)
{
	external_check(ext);
	rte_mempool_free(ext->pool);
	rte_free(ext->mem.buf_ptr);
}

static bool
external_has(const struct external *ext, uint64_t at, size_t len)
{
	const uint64_t begin = (uintptr_t)ext->mem.buf_ptr;

	return at >= begin && at + len <= begin + ext->mem.buf_len;
}

/* Where packet.h has no say: all that rte_pktmbuf_alloc() sets. */
static void
check_as_allocated(const struct rte_mbuf *m, struct external *ext)
{
	CHECK_EQ(m->data_off, RTE_PKTMBUF_HEADROOM);
	CHECK_EQ(rte_mbuf_refcnt_read(m), 1);
	CHECK_EQ(m->nb_segs, 1);
	CHECK(m->next == NULL);
	CHECK_EQ(m->ol_flags, RTE_MBUF_F_EXTERNAL);
	CHECK_EQ(m->packet_type, 0);
	CHECK_EQ(m->data_len, m->pkt_len);
	CHECK_EQ(rte_mbuf_ext_refcnt_read(m->shinfo), 1);
	CHECK(m->pool == ext->pool);
	CHECK(RTE_MBUF_HAS_PINNED_EXTBUF(m));
	CHECK(external_has(ext, (uintptr_t)m->buf_addr, m->buf_len));
}

static void
queue_changes_pools(uint64_t features)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ .features = features });
	struct external ext = external_create();
	struct rte_mempool *pools[2] = { fp->rx_pool[0], ext.pool };
	unsigned int round, i;

	for (round = 0; round < 10; round++) {
		const bool external = round % 2 != 0;
		struct rte_mbuf *m;
		const char *why;

		CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
		fake_port_check_in_use(pools[0], 0);
		fake_port_check_in_use(pools[1], 0);
		fp->rx_pool[0] = pools[external];
		fp->ol_flags = external ? RTE_MBUF_F_EXTERNAL : 0;
		CHECK_EQ(fake_port_setup_rx(fp, 0, FAKE_PORT_SIZE), 0);
		CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), 0);
		fake_port_check_in_use(pools[external], FAKE_PORT_SIZE);
		for (i = 0; i < 3 * FAKE_PORT_SIZE; i++) {
			fake_port_write(fp, 0, 60 + i);
			CHECK_EQ(fake_port_receive(fp, 0), 1);
		}
		/* On to the wire again, as they came. */
		for (i = 0; i < 2 * FAKE_PORT_SIZE; i++) {
			fp->rx_next[0] = fp->tx_next[0];
			fake_port_write(fp, 0, 60 + i);
			CHECK_EQ(rte_eth_rx_burst(fp->port, 0, &m, 1), 1);
			CHECK_EQ(packet_check(m, 0, &why), fp->tx_next[0]);
			if (external)
				check_as_allocated(m, &ext);
			CHECK_EQ(rte_eth_tx_burst(fp->port, 0, &m, 1), 1);
			fp->tx_next[0]++;
			CHECK_EQ(fake_port_take(fp, 0, true), 1);
		}
		fp->got[0] = fp->rx_next[0];
		CHECK(rte_eth_tx_done_cleanup(fp->port, 0, 0) >= 0);
	}
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
	fp->rx_pool[0] = pools[0];
	CHECK_EQ(fake_port_setup_rx(fp, 0, FAKE_PORT_SIZE), 0);
	external_destroy(&ext);
	fake_port_destroy(fp);
}

static void
mergeable(void)
{
	queue_changes_pools(VU_F_MRG_RXBUF);
}

static void
not_mergeable(void)
{
	queue_changes_pools(0);
}

static void
with_indirect_tables(void)
{
	queue_changes_pools(VU_F_INDIRECT);
}

/* ---- transmit ----------------------------------------------------------------------------- */

static struct rte_mbuf *
make(struct fake_port *fp, struct rte_mempool *pool, unsigned int i)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

	CHECK(m != NULL);
	CHECK(packet_make(m, 0, fp->tx_next[0] + i, 64 + i, 0));
	return m;
}

/* Where a header before the frame begins; by virtual address, as it is with vhost-user. */
static uint64_t
pushed_at(const struct rte_mbuf *m)
{
	return (uintptr_t)m->buf_addr + m->data_off - FAKE_PORT_HDR;
}

/* Device: the packets sent are of one descriptor each, which begins in the buffer's headroom. */
static void
take_pushed(struct fake_port *fp, struct rte_mbuf *const *m, const struct external *ext,
	    unsigned int n)
{
	static const uint8_t no_offload[FAKE_PORT_HDR];
	struct device_chain chain;
	uint8_t bytes[2048];
	unsigned int i;

	for (i = 0; i < n; i++) {
		const uint32_t len = fake_port_take_bytes(fp, 0, &chain, bytes, sizeof(bytes));
		const char *why;

		CHECK_EQ(chain.n, 1);
		CHECK(!chain.indirect);
		CHECK_EQ(chain.part[0].addr, pushed_at(m[i]));
		if (m[i]->pool == ext->pool)
			CHECK(external_has(ext, chain.part[0].addr, len));
		CHECK(memcmp(bytes, no_offload, FAKE_PORT_HDR) == 0);
		CHECK_EQ(packet_check_bytes(bytes + FAKE_PORT_HDR, len - FAKE_PORT_HDR, 0, &why),
			 fp->tx_next[0]++);
		CHECK(why == NULL);
	}
}

/* Pinned and direct ones in runs of all lengths, by the bits of a number. */
static void
headers_are_pushed(uint64_t features, uint64_t offloads)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){
		.features = features, .tx_offloads = offloads,
	});
	struct external ext = external_create();
	unsigned int round;

	for (round = 0; round < 1000; round++) {
		const unsigned int bits = round % 4 == 0 ? UINT32_MAX : round * 2654435761u;
		const unsigned int n = 1 + round % 31;
		struct rte_mbuf *m[32];
		unsigned int i;

		for (i = 0; i < n; i++)
			m[i] = make(fp, bits >> i & 1 ? ext.pool : fp->tx_pool[0], i);
		CHECK_EQ(rte_eth_tx_burst(fp->port, 0, m, n), n);
		take_pushed(fp, m, &ext, n);
		if (round % 3 != 0)
			continue;
		CHECK(rte_eth_tx_done_cleanup(fp->port, 0, 0) >= 0);
		fake_port_check_in_use(ext.pool, 0);
		fake_port_check_in_use(fp->tx_pool[0], 0);
	}
	CHECK(rte_eth_tx_done_cleanup(fp->port, 0, 0) >= 0);
	external_destroy(&ext);
	fake_port_destroy(fp);
}

static void
headers_are_pushed_before_plain_packets(void)
{
	headers_are_pushed(VU_F_INDIRECT, 0);
}

static void
headers_are_pushed_with_offloads(void)
{
	headers_are_pushed(VU_F_INDIRECT | VU_F_CSUM, RTE_ETH_TX_OFFLOAD_UDP_CKSUM |
			   RTE_ETH_TX_OFFLOAD_TCP_CKSUM);
}

/* Headers for the device are written in external memory as well. */
static void
checksums_are_asked_for(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){
		.features = VU_F_CSUM, .tx_offloads = RTE_ETH_TX_OFFLOAD_UDP_CKSUM,
	});
	struct external ext = external_create();
	struct device_chain chain;
	uint8_t bytes[2048];
	unsigned int i;

	for (i = 0; i < 3 * FAKE_PORT_SIZE; i++) {
		struct rte_mbuf *m = make(fp, ext.pool, 100);

		m->ol_flags |= RTE_MBUF_F_TX_UDP_CKSUM | RTE_MBUF_F_TX_IPV4;
		m->l2_len = RTE_ETHER_HDR_LEN;
		m->l3_len = 20;
		CHECK_EQ(rte_eth_tx_burst(fp->port, 0, &m, 1), 1);
		CHECK_EQ(fake_port_take_bytes(fp, 0, &chain, bytes, sizeof(bytes)),
			 164 + FAKE_PORT_HDR);
		CHECK_EQ(chain.n, 1);
		CHECK(external_has(&ext, chain.part[0].addr, chain.part[0].len));
		CHECK_EQ(bytes[0], VIRTIO_NET_HDR_F_NEEDS_CSUM);
	}
	CHECK(rte_eth_tx_done_cleanup(fp->port, 0, 0) >= 0);
	external_destroy(&ext);
	fake_port_destroy(fp);
}

/*
 * A clone shares the external memory and not the mbuf. What is before the frame is not touched
 * while there is one, and the buffer is not back before both are.
 */
static void
clone_is_attached(uint64_t features)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ .features = features });
	struct external ext = external_create();
	uint8_t before[RTE_PKTMBUF_HEADROOM];
	struct device_chain chain;
	uint8_t bytes[2048];
	unsigned int round;

	for (round = 0; round < 400; round++) {
		struct rte_mbuf *m = make(fp, ext.pool, 0);
		struct rte_mbuf *clone = rte_pktmbuf_clone(m, fp->tx_pool[1]);
		struct rte_mbuf *sent = round % 2 ? clone : m;
		struct rte_mbuf *kept = round % 2 ? m : clone;
		const char *why;
		uint32_t len;

		CHECK(clone != NULL);
		CHECK_EQ(rte_mbuf_ext_refcnt_read(m->shinfo), 2);
		memset(m->buf_addr, round, sizeof(before));
		memset(before, round, sizeof(before));
		/* Alone, and behind one that is not shared. */
		if (round % 4 < 2) {
			struct rte_mbuf *other = make(fp, ext.pool, 0);
			struct rte_mbuf *burst[2] = { other, sent };

			CHECK(packet_make(sent, 0, fp->tx_next[0] + 1, 64, 0));
			CHECK_EQ(rte_eth_tx_burst(fp->port, 0, burst, 2), 2);
			take_pushed(fp, &other, &ext, 1);
		} else {
			CHECK_EQ(rte_eth_tx_burst(fp->port, 0, &sent, 1), 1);
		}
		len = fake_port_take_bytes(fp, 0, &chain, bytes, sizeof(bytes));
		CHECK_EQ(chain.n, 2);
		CHECK(!external_has(&ext, chain.part[0].addr, chain.part[0].len));
		CHECK(external_has(&ext, chain.part[1].addr, chain.part[1].len));
		CHECK_EQ(packet_check_bytes(bytes + FAKE_PORT_HDR, len - FAKE_PORT_HDR, 0, &why),
			 fp->tx_next[0]++);
		CHECK(why == NULL);
		CHECK(memcmp(m->buf_addr, before, sizeof(before)) == 0);
		CHECK(rte_eth_tx_done_cleanup(fp->port, 0, 0) > 0);
		CHECK_EQ(rte_mbuf_ext_refcnt_read(m->shinfo), 1);
		fake_port_check_in_use(ext.pool, 1);
		fake_port_check_in_use(fp->tx_pool[1], kept == clone);
		rte_pktmbuf_free(kept);
		external_check(&ext);
		fake_port_check_in_use(fp->tx_pool[1], 0);
	}
	external_destroy(&ext);
	fake_port_destroy(fp);
}

static void
clone_is_attached_with_tables(void)
{
	clone_is_attached(VU_F_INDIRECT);
}

static void
clone_is_attached_with_chains(void)
{
	clone_is_attached(0);
}

/* A clone made when the packet is already in the ring: nothing is given away before it is gone. */
static void
clone_is_attached_late(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });
	struct external ext = external_create();
	unsigned int round;

	for (round = 0; round < 200; round++) {
		struct rte_mbuf *m[12];
		struct rte_mbuf *clone;
		unsigned int i;

		for (i = 0; i < RTE_DIM(m); i++)
			m[i] = make(fp, ext.pool, i);
		CHECK_EQ(rte_eth_tx_burst(fp->port, 0, m, RTE_DIM(m)), RTE_DIM(m));
		clone = rte_pktmbuf_clone(m[round % RTE_DIM(m)], fp->tx_pool[1]);
		CHECK(clone != NULL);
		take_pushed(fp, m, &ext, RTE_DIM(m));
		CHECK_EQ(rte_eth_tx_done_cleanup(fp->port, 0, 0), RTE_DIM(m));
		fake_port_check_in_use(ext.pool, 1);
		rte_pktmbuf_free(clone);
		external_check(&ext);
	}
	external_destroy(&ext);
	fake_port_destroy(fp);
}

/* Memory that was attached to a pool's own mbuf is nobody's that we know: never written. */
static void
attached_memory_is_not_written(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){
		.features = VU_F_INDIRECT,
	});
	struct external ext = external_create();
	struct device_chain chain;
	uint8_t bytes[2048];
	unsigned int i;

	for (i = 0; i < 3 * FAKE_PORT_SIZE; i++) {
		struct rte_mbuf *owner = rte_pktmbuf_alloc(ext.pool);
		struct rte_mbuf *m = rte_pktmbuf_alloc(fp->tx_pool[0]);

		CHECK(owner != NULL && m != NULL);
		rte_pktmbuf_attach(m, owner);
		rte_pktmbuf_free(owner);
		CHECK_EQ(rte_mbuf_ext_refcnt_read(m->shinfo), 1);
		CHECK(packet_make(m, 0, fp->tx_next[0]++, 100, 0));
		CHECK_EQ(rte_eth_tx_burst(fp->port, 0, &m, 1), 1);
		CHECK_EQ(fake_port_take_bytes(fp, 0, &chain, bytes, sizeof(bytes)),
			 100 + FAKE_PORT_HDR);
		CHECK_EQ(chain.n, 2);
		CHECK(!external_has(&ext, chain.part[0].addr, chain.part[0].len));
		CHECK_EQ(rte_eth_tx_done_cleanup(fp->port, 0, 0), 1);
		fake_port_check_in_use(ext.pool, 0);
		fake_port_check_in_use(fp->tx_pool[0], 0);
	}
	external_destroy(&ext);
	fake_port_destroy(fp);
}

/* Packets of many such buffers, the header before the first. */
static void
many_segments(uint64_t features)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ .features = features });
	struct external ext = external_create();
	struct device_chain chain;
	uint8_t bytes[2048];
	unsigned int i;

	for (i = 0; i < 3 * FAKE_PORT_SIZE; i++) {
		const uint32_t segments = 2 + i % 9;
		struct rte_mbuf *m = rte_pktmbuf_alloc(ext.pool);
		uint64_t pushed;
		const char *why;
		uint32_t k;

		CHECK(m != NULL);
		CHECK(packet_make(m, 0, fp->tx_next[0], 100 * segments, 100));
		pushed = pushed_at(m);
		CHECK_EQ(rte_eth_tx_burst(fp->port, 0, &m, 1), 1);
		CHECK_EQ(fake_port_take_bytes(fp, 0, &chain, bytes, sizeof(bytes)),
			 100 * segments + FAKE_PORT_HDR);
		CHECK_EQ(chain.n, segments);
		CHECK_EQ(chain.part[0].addr, pushed);
		for (k = 0; k < segments; k++)
			CHECK(external_has(&ext, chain.part[k].addr, chain.part[k].len));
		CHECK_EQ(packet_check_bytes(bytes + FAKE_PORT_HDR, 100 * segments, 0, &why),
			 fp->tx_next[0]++);
		CHECK(why == NULL);
		CHECK_EQ(rte_eth_tx_done_cleanup(fp->port, 0, 0), 1);
		fake_port_check_in_use(ext.pool, 0);
	}
	external_destroy(&ext);
	fake_port_destroy(fp);
}

static void
many_segments_in_tables(void)
{
	many_segments(VU_F_INDIRECT);
}

static void
many_segments_in_chains(void)
{
	many_segments(0);
}

/* A stop gives back what the device has, sent or not. */
static void
stop_gives_them_back(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });
	struct external ext = external_create();
	unsigned int round;

	for (round = 0; round < 100; round++) {
		struct rte_mbuf *m[20];
		struct rte_mbuf *clone;
		unsigned int i;

		for (i = 0; i < RTE_DIM(m); i++)
			m[i] = make(fp, ext.pool, i);
		CHECK_EQ(rte_eth_tx_burst(fp->port, 0, m, RTE_DIM(m)), RTE_DIM(m));
		clone = rte_pktmbuf_clone(m[round % RTE_DIM(m)], fp->tx_pool[1]);
		CHECK(clone != NULL);
		take_pushed(fp, m, &ext, round % RTE_DIM(m));
		fp->tx_next[0] += RTE_DIM(m) - round % RTE_DIM(m);
		CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, 0), 0);
		fake_port_check_in_use(ext.pool, 1);
		rte_pktmbuf_free(clone);
		external_check(&ext);
		CHECK_EQ(rte_eth_dev_tx_queue_start(fp->port, 0), 0);
	}
	external_destroy(&ext);
	fake_port_destroy(fp);
}

TEST_MAIN(
	TEST_WARM_UP(fake_port_warm_up),
	TEST_LAYOUTS(mergeable),
	TEST_LAYOUTS(not_mergeable),
	TEST_LAYOUTS(with_indirect_tables),
	TEST_LAYOUTS(headers_are_pushed_before_plain_packets),
	TEST_LAYOUTS(headers_are_pushed_with_offloads),
	TEST_LAYOUTS(checksums_are_asked_for),
	TEST_LAYOUTS(clone_is_attached_with_tables),
	TEST_LAYOUTS(clone_is_attached_with_chains),
	TEST_LAYOUTS(clone_is_attached_late),
	TEST_LAYOUTS(attached_memory_is_not_written),
	TEST_LAYOUTS(many_segments_in_tables),
	TEST_LAYOUTS(many_segments_in_chains),
	TEST_LAYOUTS(stop_gives_them_back),
)
