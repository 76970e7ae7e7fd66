/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * rte_pmd_virtio_extmem_attach(): a queue's buffers may lie in a file of the application's own. The
 * back-end gets it in its memory table, running rings are not disturbed, frames land there, and the
 * memory can be taken back once no queue has a buffer in it. What it cannot reach is no pool for a
 * queue.
 */

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fake_port.h"
#include "rte_pmd_virtio.h"
#include "test.h"

#define BUFFERS 200
#define ELEMENT 2304
#define LEN     (1 << 20)

/* Memory that EAL knows the address of, and no more. */
struct own {
	struct rte_pktmbuf_extmem mem;
	struct rte_mempool *pool;
	int fd;
};

static struct own
own_create(void)
{
	struct own own = {
		.mem = { .buf_len = LEN, .elt_size = ELEMENT, .buf_iova = RTE_BAD_IOVA },
	};

	own.fd = memfd_create("own", MFD_CLOEXEC);
	CHECK(own.fd >= 0);
	CHECK_EQ(ftruncate(own.fd, 2 * LEN), 0);
	own.mem.buf_ptr = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED, own.fd, LEN);
	CHECK(own.mem.buf_ptr != MAP_FAILED);
	CHECK_EQ(rte_extmem_register(own.mem.buf_ptr, LEN, NULL, 0, 4096), 0);
	own.pool = rte_pktmbuf_pool_create_extbuf("own", BUFFERS, 0, 0, ELEMENT, SOCKET_ID_ANY,
						  &own.mem, 1);
	CHECK(own.pool != NULL);
	return own;
}

static void
own_destroy(struct own *own)
{
	fake_port_check_in_use(own->pool, 0);
	rte_mempool_free(own->pool);
	CHECK_EQ(rte_extmem_unregister(own->mem.buf_ptr, LEN), 0);
	CHECK_EQ(munmap(own->mem.buf_ptr, LEN), 0);
	close(own->fd);
}

static int
attach(struct fake_port *fp, const struct own *own)
{
	return rte_pmd_virtio_extmem_attach(fp->port, own->mem.buf_ptr, LEN, own->fd, LEN);
}

static int
detach(struct fake_port *fp, const struct own *own)
{
	return rte_pmd_virtio_extmem_detach(fp->port, own->mem.buf_ptr, LEN);
}

static bool
is_there(const struct own *own, const void *at)
{
	return (uintptr_t)at - (uintptr_t)own->mem.buf_ptr < LEN;
}

static void
set_up(struct fake_port *fp, struct rte_mempool *pool)
{
	fp->rx_pool[0] = pool;
	CHECK_EQ(fake_port_setup_rx(fp, 0, FAKE_PORT_SIZE), 0);
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), 0);
}

/* Frames that the device writes into the file are there for the application, at its address. */
static void
check_frames(struct fake_port *fp, const struct own *own)
{
	struct rte_mbuf *m[4];
	unsigned int i;

	for (i = 0; i < 3 * FAKE_PORT_SIZE; i++) {
		fake_port_write(fp, 0, 64 + i);
		CHECK_EQ(rte_eth_rx_burst(fp->port, 0, m, 4), 1);
		CHECK(is_there(own, rte_pktmbuf_mtod(m[0], void *)));
		CHECK_EQ(m[0]->pkt_len, 64 + i);
		CHECK_EQ(m[0]->ol_flags, RTE_MBUF_F_EXTERNAL);
		rte_pktmbuf_free(m[0]);
	}
	fp->got[0] = fp->rx_next[0];
}

static void
queue_moves_there_and_back(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ .features = 0 });
	struct rte_mempool *eals = fp->rx_pool[0];
	struct own own = own_create();
	unsigned int round;

	for (round = 0; round < 3; round++) {
		fake_vu_forget_record(fp->vu);
		CHECK_EQ(attach(fp, &own), 0);
		/* Nothing but the table: no ring is touched. */
		CHECK_EQ(fake_vu_count(fp->vu, VU_SET_MEM_TABLE), 1);
		CHECK(strchr(fake_vu_recorded(fp->vu), ',') == NULL);
		CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
		fake_port_check_in_use(eals, 0);
		set_up(fp, own.pool);
		fake_port_check_in_use(own.pool, FAKE_PORT_SIZE);
		check_frames(fp, &own);
		fake_port_check_runs(fp, 1);

		test_forget_log();
		CHECK_EQ(detach(fp, &own), -EBUSY);
		CHECK_EQ(test_logged("Stop the queue first"), 1);
		check_frames(fp, &own);

		CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
		fake_port_check_in_use(own.pool, 0);
		fake_vu_forget_record(fp->vu);
		CHECK_EQ(detach(fp, &own), 0);
		CHECK_EQ(fake_vu_count(fp->vu, VU_SET_MEM_TABLE), 1);
		set_up(fp, eals);
		fake_port_check_runs(fp, 0);
		fake_port_check_runs(fp, 1);
	}
	own_destroy(&own);
	fake_port_destroy(fp);
}

/* Out of service, but not proven to be stopped: the device may still have anything of it. */
static void
broken_queue_keeps_it_attached(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ .features = 0 });
	struct own own = own_create();

	CHECK_EQ(attach(fp, &own), 0);
	ring_device_use_raw(fake_vu_ring(fp->vu, 0), FAKE_PORT_SIZE, 100);
	CHECK_EQ(fake_port_receive(fp, 0), 0);
	CHECK_EQ(detach(fp, &own), -EBUSY);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
	CHECK_EQ(detach(fp, &own), 0);
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), 0);
	fake_port_check_runs(fp, 0);
	own_destroy(&own);
	fake_port_destroy(fp);
}

/* Also of a buffer that only reaches into it. */
static void
buffer_over_the_edge_keeps_it_attached(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ .features = 0 });
	struct own own = own_create();
	uint8_t *at = own.mem.buf_ptr;
	struct rte_mempool *eals = fp->rx_pool[0];

	/* A page is no multiple of an element long: one lies over this edge. */
	CHECK_EQ(rte_pmd_virtio_extmem_attach(fp->port, at, 4096, own.fd, LEN), 0);
	CHECK_EQ(rte_pmd_virtio_extmem_attach(fp->port, at + 4096, LEN - 4096, own.fd,
					      LEN + 4096), 0);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
	set_up(fp, own.pool);
	CHECK_EQ(rte_pmd_virtio_extmem_detach(fp->port, at, 4096), -EBUSY);
	CHECK_EQ(rte_pmd_virtio_extmem_detach(fp->port, at + 4096, LEN - 4096), -EBUSY);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
	CHECK_EQ(rte_pmd_virtio_extmem_detach(fp->port, at, 4096), 0);
	CHECK_EQ(rte_pmd_virtio_extmem_detach(fp->port, at + 4096, LEN - 4096), 0);
	set_up(fp, eals);
	fake_port_check_runs(fp, 0);
	own_destroy(&own);
	fake_port_destroy(fp);
}

/* Packets to be sent are looked for as well. */
static void
packets_keep_it_attached(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ .features = 0 });
	struct rte_mempool *eals = fp->tx_pool[1];
	struct own own = own_create();

	CHECK_EQ(attach(fp, &own), 0);
	fp->tx_pool[1] = own.pool;
	CHECK_EQ(fake_port_send(fp, 1, 5), 5);
	CHECK_EQ(detach(fp, &own), -EBUSY);
	CHECK_EQ(fake_port_take(fp, 1, true), 5);
	/* Sent, but not yet taken back. */
	CHECK_EQ(detach(fp, &own), -EBUSY);
	CHECK_EQ(rte_eth_tx_done_cleanup(fp->port, 1, 0), 5);
	CHECK_EQ(detach(fp, &own), 0);
	fp->tx_pool[1] = eals;
	fake_port_check_runs(fp, 1);
	own_destroy(&own);
	fake_port_destroy(fp);
}

static void
pool_out_of_reach_is_refused(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ .features = 0 });
	struct rte_mempool *eals = fp->rx_pool[0];
	struct own own = own_create();

	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
	fp->rx_pool[0] = own.pool;
	test_forget_log();
	CHECK_EQ(fake_port_setup_rx(fp, 0, FAKE_PORT_SIZE), -EFAULT);
	CHECK_EQ(test_logged("rte_pmd_virtio_extmem_attach"), 1);
	/* As it was, and can be started. */
	fp->rx_pool[0] = eals;
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), 0);
	fake_port_check_runs(fp, 0);
	own_destroy(&own);
	fake_port_destroy(fp);
}

/* Before the first start there is no table to be changed: it comes with the others. */
static void
attached_before_the_start(void)
{
	struct fake_port *fp = fake_port_create(&(struct fake_port_conf){ .features = 0 });
	struct rte_mempool *eals = fp->rx_pool[0];
	struct own own = own_create();

	CHECK_EQ(attach(fp, &own), 0);
	fp->rx_pool[0] = own.pool;
	CHECK_EQ(fake_port_setup_rx(fp, 0, FAKE_PORT_SIZE), 0);
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	check_frames(fp, &own);
	/* And again after a stop of the port, and with the next back-end. */
	CHECK_EQ(rte_eth_dev_stop(fp->port), 0);
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	check_frames(fp, &own);
	CHECK_EQ(rte_eth_dev_stop(fp->port), 0);
	fake_vu_disconnect(fp->vu);
	fp->vu->once = false;
	CHECK_EQ(rte_eth_dev_reset(fp->port), 0);
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	check_frames(fp, &own);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
	CHECK_EQ(detach(fp, &own), 0);
	set_up(fp, eals);
	fake_port_check_runs(fp, 0);
	own_destroy(&own);
	fake_port_destroy(fp);
}

/* A port that is closed gives the descriptor back; the memory is the application's. */
static void
closed_while_attached(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ .features = 0 });
	struct own own = own_create();

	CHECK_EQ(attach(fp, &own), 0);
	fake_port_destroy(fp);
	own_destroy(&own);
}

static void
wrong_use_is_refused(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ .features = 0 });
	struct own own = own_create();
	uint8_t *at = own.mem.buf_ptr;
	const uint16_t port = fp->port;

	CHECK_EQ(rte_pmd_virtio_extmem_attach(port + 1, at, LEN, own.fd, LEN), -ENODEV);
	CHECK_EQ(rte_pmd_virtio_extmem_attach(RTE_MAX_ETHPORTS, at, LEN, own.fd, LEN), -ENODEV);
	test_forget_log();
	CHECK_EQ(rte_pmd_virtio_extmem_attach(port, at + 64, LEN - 4096, own.fd, LEN), -EINVAL);
	CHECK_EQ(rte_pmd_virtio_extmem_attach(port, at, LEN - 1, own.fd, LEN), -EINVAL);
	CHECK_EQ(rte_pmd_virtio_extmem_attach(port, at, 0, own.fd, LEN), -EINVAL);
	CHECK_EQ(rte_pmd_virtio_extmem_attach(port, at, LEN, own.fd, LEN + 1), -EINVAL);
	CHECK_EQ(rte_pmd_virtio_extmem_attach(port, NULL, SIZE_MAX & ~(size_t)4095, own.fd, 0),
		 -EINVAL);
	CHECK_EQ(test_logged("want whole pages"), 5);
	CHECK_EQ(rte_pmd_virtio_extmem_attach(port, at, LEN, -1, LEN), -EBADF);
	CHECK_EQ(detach(fp, &own), -ENOENT);
	CHECK_EQ(attach(fp, &own), 0);
	CHECK_EQ(attach(fp, &own), -EEXIST);
	CHECK_EQ(rte_pmd_virtio_extmem_attach(port, at + LEN - 4096, LEN, own.fd, 0), -EEXIST);
	CHECK_EQ(rte_pmd_virtio_extmem_detach(port, at, LEN - 4096), -ENOENT);
	CHECK_EQ(rte_pmd_virtio_extmem_detach(port + 1, at, LEN), -ENODEV);
	CHECK_EQ(detach(fp, &own), 0);
	CHECK_EQ(detach(fp, &own), -ENOENT);
	fake_port_check_runs(fp, 0);
	own_destroy(&own);
	fake_port_destroy(fp);
}

/* Eight files are all that one message carries. */
static void
more_than_the_table_holds(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ .features = 0 });
	struct own own = own_create();
	uint8_t *at = own.mem.buf_ptr;
	unsigned int i, n;

	for (n = 0; n < 10; n++) {
		/* With a gap between, each is a region of its own. */
		const int ret = rte_pmd_virtio_extmem_attach(fp->port, at + n * 8192, 4096, own.fd,
							     LEN + n * 8192);

		if (ret != 0) {
			CHECK_EQ(ret, -E2BIG);
			break;
		}
	}
	CHECK(n > 0 && n < 8);
	fake_port_check_runs(fp, 0);
	for (i = 0; i < n; i++)
		CHECK_EQ(rte_pmd_virtio_extmem_detach(fp->port, at + i * 8192, 4096), 0);
	own_destroy(&own);
	fake_port_destroy(fp);
}

static void
back_end_refuses_it(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ .features = 0 });
	struct own own = own_create();

	fake_vu_rule(fp->vu, VU_SET_MEM_TABLE, 0, 1, VU_REFUSE);
	CHECK_EQ(attach(fp, &own), -EIO);
	/* It has the table without again. */
	CHECK_EQ(fake_vu_count(fp->vu, VU_SET_MEM_TABLE), 2);
	CHECK_EQ(detach(fp, &own), -ENOENT);
	fake_port_check_runs(fp, 0);
	CHECK_EQ(attach(fp, &own), 0);
	CHECK_EQ(detach(fp, &own), 0);
	own_destroy(&own);
	fake_port_destroy(fp);
}

TEST_MAIN(
	TEST_WARM_UP(fake_port_warm_up),
	TEST_LAYOUTS(queue_moves_there_and_back),
	TEST_LAYOUTS(packets_keep_it_attached),
	TEST(broken_queue_keeps_it_attached),
	TEST(buffer_over_the_edge_keeps_it_attached),
	TEST(pool_out_of_reach_is_refused),
	TEST(attached_before_the_start),
	TEST(closed_while_attached),
	TEST(wrong_use_is_refused),
	TEST(more_than_the_table_holds),
	TEST(back_end_refuses_it))
