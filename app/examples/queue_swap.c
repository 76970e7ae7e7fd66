/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * One receive queue of a running port gets another mempool and another ring size, over and over,
 * while a thread polls all queues, that one included. The old pool is proven full and freed.
 * Nothing but ethdev: any driver that can set up receive queues at run time will do.
 *
 * Its arguments are EAL's, which give it a port, this driver, and a second lcore, which polls.
 */

#include <stdio.h>
#include <stdlib.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "eal_program.h"
#include "standard_output.h"

#define QUEUES_MAX 4
#define BURST 32
#define POOL_CACHE 64
#define BUFFERS 2047		/* more than the larger ring, a burst and two caches take */
#define RING_SMALL 256
#define RING_LARGE 512
#define ROUNDS 8
#define PATIENCE_MS 10000

static const char usage[] =
"Usage: queue_swap EAL-OPTION...\n"
"Gives the receive queues of the first port another mempool and ring size in turn, 8 times, while\n"
"a thread polls all queues. The peer has to send to all of them.\n"
"\n"
"EAL's options give it a port, its driver and two lcores, such as\n"
"  --lcores '0@0,1@0' --in-memory --single-file-segments -m 128 --no-pci\n"
"  -d FOLDER/librte_net_virtio.so --vdev net_virtio_user0,path=SOCKET,queues=2\n"
"  -h, --help  this text\n"
"  --version   the versions of this program and of DPDK\n"
"Exit status: 0 all were swapped; 1 failed; 2 wrong options, or EAL does not start; 3 a signal\n"
"ended it before.\n";

static uint16_t port, queues;
static uint64_t received[QUEUES_MAX];	/* written by the polling thread */
static bool quit;

/* It knows nothing of stops: the burst of a stopped queue returns 0. */
static int
poll_all(void *arg __rte_unused)
{
	struct rte_mbuf *pkts[BURST];
	uint16_t q, n;

	while (!__atomic_load_n(&quit, __ATOMIC_ACQUIRE)) {
		for (q = 0; q < queues; q++) {
			n = rte_eth_rx_burst(port, q, pkts, BURST);
			/* Here an application does its work. */
			rte_pktmbuf_free_bulk(pkts, n);
			__atomic_store_n(&received[q], received[q] + n, __ATOMIC_RELEASE);
		}
	}
	return 0;
}

/* Each queue has a pool of its own, or its stop would not make the pool full. */
static struct rte_mempool *
make_pool(uint16_t queue, unsigned int round)
{
	char name[RTE_MEMPOOL_NAMESIZE];
	struct rte_mempool *pool;

	snprintf(name, sizeof(name), "queue%u_%u", queue, round);
	pool = rte_pktmbuf_pool_create(name, BUFFERS, POOL_CACHE, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
		rte_eth_dev_socket_id(port));
	if (pool == NULL)
		fprintf(stderr, "no memory for pool %s: %s\n", name, rte_strerror(rte_errno));
	return pool;
}

static bool
wait_until(bool (*test)(const void *arg), const void *arg)
{
	unsigned int ms;

	for (ms = 0; ms < PATIENCE_MS && !eal_program_interrupted() && !test(arg); ms++)
		rte_delay_us_sleep(1000);
	return test(arg);
}

/* Buffers in lcores' caches count as there. */
static bool
is_full(const void *pool)
{
	return rte_mempool_full(pool);
}

/* Whether every queue has received since it had these counts. */
static bool
all_received(const void *since)
{
	const uint64_t *before = since;
	uint16_t q;

	for (q = 0; q < queues; q++)
		if (__atomic_load_n(&received[q], __ATOMIC_ACQUIRE) == before[q])
			return false;
	return true;
}

static bool
all_alive(void)
{
	uint64_t before[QUEUES_MAX];
	uint16_t q;

	for (q = 0; q < queues; q++)
		before[q] = __atomic_load_n(&received[q], __ATOMIC_ACQUIRE);
	if (wait_until(all_received, before) || eal_program_interrupted())
		return !eal_program_interrupted();
	for (q = 0; q < queues; q++)
		if (__atomic_load_n(&received[q], __ATOMIC_ACQUIRE) == before[q])
			fprintf(stderr, "queue_swap: queue %u has received nothing for %u s: the "
				"back-end must send packets to every queue\n", q,
				PATIENCE_MS / 1000);
	return false;
}

/* What this example is for. */
static int
swap(uint16_t queue, unsigned int round)
{
	struct rte_eth_rxq_info old;
	struct rte_mempool *pool;
	int ret, started;
	uint16_t size;

	/* 1. What can fail comes first, while the queue still runs. */
	ret = rte_eth_rx_queue_info_get(port, queue, &old);
	if (ret != 0)
		return ret;
	pool = make_pool(queue, round);
	if (pool == NULL)
		return -ENOMEM;
	size = old.nb_desc == RING_SMALL ? RING_LARGE : RING_SMALL;
	/* 2. After 0, and only then, the device has let go of the ring and of all its buffers. */
	ret = rte_eth_dev_rx_queue_stop(port, queue);
	if (ret != 0) {
		fprintf(stderr, "queue %u does not stop: %s\n", queue, rte_strerror(-ret));
		rte_mempool_free(pool);	/* not the old one: the device may write into it */
		return ret;
	}
	/* 3. The new ring on the new pool. If this fails the queue has what it had. */
	ret = rte_eth_rx_queue_setup(port, queue, size, rte_eth_dev_socket_id(port), NULL, pool);
	if (ret != 0) {
		fprintf(stderr, "queue %u keeps its ring: %s\n", queue, rte_strerror(-ret));
		rte_mempool_free(pool);
	}
	/* 4. Whichever ring it has now, it goes on with it. */
	started = rte_eth_dev_rx_queue_start(port, queue);
	if (started != 0)
		fprintf(stderr, "queue %u does not start: %s\n", queue, rte_strerror(-started));
	if (ret != 0 || started != 0)
		return ret != 0 ? ret : started;
	/* 5. The ring's buffers came back with the stop; the thread may still hold a burst. */
	if (!wait_until(is_full, old.mp))
		return -EBUSY;
	printf("queue %u: ring %u -> %u, pool %s -> %s, which has all its %u buffers back\n",
		queue, old.nb_desc, size, old.mp->name, pool->name, old.mp->size);
	rte_mempool_free(old.mp);
	return all_alive() ? 0 : -ETIMEDOUT;
}

static int
start_port(void)
{
	const struct rte_eth_conf conf = { 0 };
	struct rte_eth_dev_info info;
	struct rte_mempool *pool;
	uint16_t q;
	int ret;

	port = rte_eth_find_next(0);
	ret = rte_eth_dev_info_get(port, &info);
	if (ret != 0)
		rte_exit(EXIT_FAILURE, "no port: give EAL a --vdev or a device\n");
	if (!(info.dev_capa & RTE_ETH_DEV_CAPA_RUNTIME_RX_QUEUE_SETUP))
		rte_exit(EXIT_FAILURE, "%s sets up no queue at run time\n", info.driver_name);
	queues = RTE_MIN(info.max_rx_queues, QUEUES_MAX);
	ret = rte_eth_dev_configure(port, queues, 0, &conf);
	for (q = 0; q < queues && ret == 0; q++) {
		pool = make_pool(q, 0);
		ret = pool == NULL ? -ENOMEM :
			rte_eth_rx_queue_setup(port, q, RING_SMALL, SOCKET_ID_ANY, NULL, pool);
	}
	return ret != 0 ? ret : rte_eth_dev_start(port);
}

int
main(int argc, char **argv)
{
	unsigned int round;
	int ret, status;

	eal_program_options(argc, argv, "queue_swap", usage);
	/* Before EAL, whose probe of a port may wait for a back-end. */
	eal_program_catch_signals();
	ret = rte_eal_init(argc, argv);
	if (ret < 0 || ret != argc - 1 || rte_lcore_count() < 2) {
		fprintf(stderr, "queue_swap: %s; see queue_swap --help for an example\n",
			ret < 0 ? rte_strerror(rte_errno) : ret != argc - 1 ?
			"it has no arguments besides EAL's options" : "it needs two lcores");
		return EAL_PROGRAM_NOT_TRIED;
	}
	if (eal_program_interrupted()) {
		printf("ended by a signal after 0 of %u swaps\n", ROUNDS);
		rte_eal_cleanup();
		return EAL_PROGRAM_INCOMPLETE;
	}
	ret = start_port();
	if (ret != 0)
		rte_exit(EXIT_FAILURE, "the port does not start: %s\n", rte_strerror(-ret));
	rte_eal_remote_launch(poll_all, NULL, rte_get_next_lcore(-1, 1, 0));
	ret = all_alive() ? 0 : -ETIMEDOUT;
	for (round = 0; round < ROUNDS && ret == 0 && !eal_program_interrupted();) {
		ret = swap(round % queues, round + 1);
		round += ret == 0;
	}
	status = ret == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
	if (eal_program_interrupted() && round < ROUNDS) {
		printf("ended by a signal after %u of %u swaps\n", round, ROUNDS);
		status = EAL_PROGRAM_INCOMPLETE;
	} else {
		printf("%s\n", ret == 0 ? "done, every queue receives" : rte_strerror(-ret));
	}
	__atomic_store_n(&quit, true, __ATOMIC_RELEASE);
	rte_eal_mp_wait_lcore();
	rte_eth_dev_stop(port);
	rte_eth_dev_close(port);
	rte_eal_cleanup();
	return standard_output_check("queue_swap") == 0 ? status : EXIT_FAILURE;
}
