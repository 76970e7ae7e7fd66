/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/* The port of a run, resets of its queues, and its buffers. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_bus_vdev.h>
#include <rte_common.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_vect.h>

#include "secondaries.h"
#include "soak_common.h"

#define PORT_NAME "net_virtio_user9"
#define RING_SIZE_MAX 512u
#define BUFFERS 4095u
#define FRAME_MAX_MERGED 4000u
#define FRAME_MAX_WHOLE 1514u
#define FRAME_MAX_SHORT 128u	/* so that a process spends most of its time in bursts */
#define ROOM_TX (RTE_PKTMBUF_HEADROOM + 4096u)
#define ROOM_MERGED (RTE_PKTMBUF_HEADROOM + 1024u)
#define ROOM_WHOLE (RTE_PKTMBUF_HEADROOM + 1664u)
#define SEGMENTS_MAX 5u		/* of a received frame */
/* Buffers with a killed process: a burst, or frames for each queue, and what the driver moves. */
#define DRIVER_MOVES 64u
#define RX_LOST_MAX (POLLER_BURST * SEGMENTS_MAX + DRIVER_MOVES)
#define TX_LOST_MAX (POLLER_BURST * POLLER_QUEUES + DRIVER_MOVES)

static uint16_t
random_size(struct run *run)
{
	return soak_ring_size(&run->resets_random, RING_SIZE_MAX, run->packed);
}

static int
setup_queue(struct run *run, uint16_t q, bool rx, bool tx)
{
	int ret = 0;

	if (rx)
		ret = rte_eth_rx_queue_setup(run->port, q, random_size(run), SOCKET_ID_ANY, NULL,
			run->rx_pool);
	if (ret == 0 && tx)
		ret = rte_eth_tx_queue_setup(run->port, q, random_size(run), SOCKET_ID_ANY, NULL);
	return ret == 0 ? 0 : run_fail(run, "queue %u cannot be set up: %s", q, strerror(-ret));
}

static int
start_port(struct run *run, bool mergeable)
{
	struct rte_eth_conf conf = { 0 };
	int ret;
	uint16_t q;

	conf.rxmode.offloads = mergeable ? RTE_ETH_RX_OFFLOAD_SCATTER : 0;
	conf.rxmode.mtu = (mergeable ? FRAME_MAX_MERGED : FRAME_MAX_WHOLE) - RTE_ETHER_HDR_LEN;
	ret = rte_eth_dev_configure(run->port, POLLER_QUEUES, POLLER_QUEUES, &conf);
	if (ret != 0)
		return run_fail(run, "the port cannot be configured: %s", strerror(-ret));
	for (q = 0; q < POLLER_QUEUES; q++)
		if (setup_queue(run, q, true, true) != 0)
			return -1;
	ret = rte_eth_dev_start(run->port);
	return ret == 0 ? 0 : run_fail(run, "the port does not start: %s", strerror(-ret));
}

void
run_plan_port(struct run *run)
{
	struct random *random = &run->random;
	uint16_t bits[3];

	random->state = run->options.seed + (uint64_t)run->ports * 1000003;
	run->resets_random.state = random_next(random);
	run->simd_bits = bits[random_below(random, soak_simd_widths(bits))];
	run->packed = random_one_in(random, 2);
	run->rx_missing = run->tx_missing = 0;
}

int
run_open_port(struct run *run)
{
	struct random *random = &run->random;
	const bool mergeable = random_one_in(random, 2);
	const struct child_conf backend = {
		.program = run->options.backend, .path = run->socket, .queues = POLLER_QUEUES,
	};
	int ret;

	run->poller->len_max = random_one_in(random, 2) ? FRAME_MAX_SHORT :
		mergeable ? FRAME_MAX_MERGED : FRAME_MAX_WHOLE;
	snprintf(run->devargs, sizeof(run->devargs), "path=%s,queues=%u,queue_size=%u,"
		"queue_reset=%s,queue_reset_timeout_ms=60000,packed_vq=%d,in_order=%d,"
		"mrg_rxbuf=%d", run->socket, POLLER_QUEUES, RING_SIZE_MAX,
		random_one_in(random, 2) ? "disable" : "get_base", run->packed,
		random_one_in(random, 2), mergeable);
	rte_vect_set_max_simd_bitwidth(run->simd_bits);
	if (child_start(&run->backend, &backend) != 0)
		return run_fail(run, "the back-end cannot be started");
	run->rx_pool = rte_pktmbuf_pool_create_by_ops("rx", BUFFERS, 0, 0,
		mergeable ? ROOM_MERGED : ROOM_WHOLE, SOCKET_ID_ANY, POOL_OPS);
	run->tx_pool = rte_pktmbuf_pool_create_by_ops("tx", BUFFERS, 0, 0, ROOM_TX, SOCKET_ID_ANY,
		POOL_OPS);
	if (run->rx_pool == NULL || run->tx_pool == NULL)
		return run_fail(run, "the pools cannot be made: %s", rte_strerror(rte_errno));
	ret = rte_vdev_init(PORT_NAME, run->devargs);
	if (ret == 0)
		ret = rte_eth_dev_get_port_by_name(PORT_NAME, &run->port);
	if (ret != 0)
		return run_fail(run, "the port cannot be made: %s", strerror(-ret));
	run->poller->port = run->port;
	run->poller->pool = run->tx_pool;
	return start_port(run, mergeable);
}

int
run_close_port(struct run *run)
{
	uint16_t port;

	if (rte_eth_dev_get_port_by_name(PORT_NAME, &port) == 0) {
		rte_eth_dev_stop(port);
		if (rte_vdev_uninit(PORT_NAME) != 0)
			run_fail(run, "the port cannot be closed");
	}
	rte_mempool_free(run->rx_pool);
	rte_mempool_free(run->tx_pool);
	run->rx_pool = run->tx_pool = NULL;
	if (child_end(&run->backend) != 0)
		run_fail(run, "the back-end did not get its own buffers back");
	unlink(run->socket);
	return run->failure[0] == '\0' ? 0 : -1;
}

/* Stops and starts rings of a queue, each of which gets another size. */
static int
reset_queue(struct run *run, uint16_t q, bool rx, bool tx)
{
	int ret = 0;

	if (tx)
		ret = rte_eth_dev_tx_queue_stop(run->port, q);
	if (ret == 0 && rx)
		ret = rte_eth_dev_rx_queue_stop(run->port, q);
	if (ret != 0)
		return run_fail(run, "queue %u does not stop: %s", q, strerror(-ret));
	if (setup_queue(run, q, rx, tx) != 0)
		return -1;
	if (rx)
		ret = rte_eth_dev_rx_queue_start(run->port, q);
	if (ret == 0 && tx)
		ret = rte_eth_dev_tx_queue_start(run->port, q);
	if (ret != 0)
		return run_fail(run, "queue %u does not start: %s", q, strerror(-ret));
	run->resets += rx + tx;
	return 0;
}

int
run_reset_any(struct run *run)
{
	const uint32_t rings = 1 + random_below(&run->resets_random, 3);

	return reset_queue(run, random_below(&run->resets_random, POLLER_QUEUES), rings & 1,
		rings & 2);
}

/* ---- buffers --------------------------------------------------------------------------------- */

static int
compare_addresses(const void *a, const void *b)
{
	const uintptr_t x = *(const uintptr_t *)a, y = *(const uintptr_t *)b;

	return x < y ? -1 : x > y;
}

/*
 * Takes all buffers out of the pool and puts them back. No queue holds any, and no process is at
 * work.
 *
 * missing: before the call, how many buffers were lost with earlier processes; after it, how many
 * are missing now. more: by how many the number may have grown.
 */
static int
check_pool(struct run *run, struct rte_mempool *pool, uint32_t *missing, uint32_t more)
{
	const uint32_t before = *missing;
	static void *buffers[BUFFERS];
	const struct rte_mbuf *mbuf;
	uint32_t n = 0, i;

	while (n < BUFFERS && rte_mempool_get(pool, &buffers[n]) == 0)
		n++;
	*missing = BUFFERS - n;
	if (*missing < before)
		return run_fail(run, "pool %s: %u buffers are back that were lost with processes",
			pool->name, before - *missing);
	if (*missing > before + more)
		return run_fail(run, "pool %s: %u buffers are missing after the end of the "
			"secondary process, which may be %u", pool->name, *missing - before, more);
	qsort(buffers, n, sizeof(buffers[0]), compare_addresses);
	for (i = 0; i < n; i++) {
		mbuf = buffers[i];
		if (i != 0 && buffers[i] == buffers[i - 1])
			return run_fail(run, "pool %s: a buffer is there twice", pool->name);
		if (mbuf->pool != pool || rte_mbuf_refcnt_read(mbuf) != 1 || mbuf->next != NULL ||
				mbuf->nb_segs != 1)
			return run_fail(run, "pool %s: a buffer was not reset when it was freed",
				pool->name);
	}
	if (n != 0)
		rte_mempool_put_bulk(pool, buffers, n);
	run->lost += *missing - before;
	return 0;
}

/* The secondary is gone: all queues are stopped, buffers are counted, all are started again. */
int
run_account(struct run *run, bool was_killed)
{
	const uint64_t lost_before = run->lost;
	uint16_t q;
	int ret;

	for (q = 0; q < POLLER_QUEUES; q++) {
		ret = rte_eth_dev_tx_queue_stop(run->port, q);
		if (ret == 0)
			ret = rte_eth_dev_rx_queue_stop(run->port, q);
		if (ret != 0)
			return run_fail(run, "queue %u does not stop after its process has ended: "
				"%s", q, strerror(-ret));
	}
	if (check_pool(run, run->rx_pool, &run->rx_missing, was_killed ? RX_LOST_MAX : 0) != 0 ||
			check_pool(run, run->tx_pool, &run->tx_missing,
				was_killed ? TX_LOST_MAX : 0) != 0)
		return -1;
	run->lost_at_most = RTE_MAX(run->lost_at_most, (uint32_t)(run->lost - lost_before));
	for (q = 0; q < POLLER_QUEUES; q++)
		if (reset_queue(run, q, true, true) != 0)
			return -1;
	return 0;
}
