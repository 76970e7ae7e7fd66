/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A queue's buffers may lie in memory that the application brings: it takes them all away, gives
 * the queue others, and on exit gets those back. From one kind of pool to the other and back, with
 * both kinds of receive, and with what was received sent on.
 */

#include <rte_malloc.h>

#include "fake_port.h"
#include "packet.h"
#include "test.h"

#define BUFFERS 200
#define ELEMENT 2304

static void
queue_changes_pools(uint64_t features)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ .features = features });
	struct rte_mempool *pools[2] = { fp->rx_pool[0] };
	struct rte_pktmbuf_extmem mem = { .buf_len = BUFFERS * ELEMENT, .elt_size = ELEMENT };
	unsigned int round, i;

	mem.buf_ptr = rte_malloc(NULL, mem.buf_len, RTE_CACHE_LINE_SIZE);
	CHECK(mem.buf_ptr != NULL);
	mem.buf_iova = rte_malloc_virt2iova(mem.buf_ptr);
	pools[1] = rte_pktmbuf_pool_create_extbuf("external", BUFFERS, 0, 0, ELEMENT, SOCKET_ID_ANY,
						  &mem, 1);
	CHECK(pools[1] != NULL);
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
	fake_port_check_in_use(pools[1], 0);
	rte_mempool_free(pools[1]);
	rte_free(mem.buf_ptr);
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

TEST_MAIN(
	TEST_WARM_UP(fake_port_warm_up),
	TEST(mergeable),
	TEST(not_mergeable),
	TEST(with_indirect_tables),
)
