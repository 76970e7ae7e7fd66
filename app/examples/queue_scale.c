/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * The number of queue pairs in use follows the load, from 1 to 4 and back, while a thread sends and
 * receives: pairs beyond those in use are stopped, and the port never is. Needs a peer that sends
 * every packet back.
 *
 * Its arguments are EAL's, which give it a port with 4 pairs, this driver, and a second lcore.
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

#define PAIRS 4
#define RING 256
#define BURST 32
#define WINDOW 1024		/* packets under way at most */
#define BUFFERS 8191
#define FRAME 128
#define PATIENCE_MS 10000
/* Packets on each pair in use, in one interval: above, one pair more; below, one less. */
#define HIGH_WATER 1500
#define LOW_WATER 300

static const char usage[] =
"Usage: queue_scale EAL-OPTION...\n"
"Starts and stops queue pairs of the first port as the load of 12 intervals needs them: 1 to 4\n"
"pairs run. The peer has to send every packet back, as virtio-loopback --serve does.\n"
"\n"
"EAL's options give it a port with 4 pairs, its driver and two lcores, such as\n"
"  --lcores '0@0,1@0' --in-memory --single-file-segments -m 128 --no-pci\n"
"  -d FOLDER/librte_net_virtio.so --vdev net_virtio_user0,path=SOCKET,queues=4\n"
"  -h, --help  this text\n"
"  --version   the versions of this program and of DPDK\n"
"Exit status: 0 all intervals were run; 1 failed; 2 wrong options, or EAL does not start; 3 a\n"
"signal ended it before.\n";

static uint16_t port;
static struct rte_mempool *pool;
static uint64_t offered, sent, received, lost;	/* packets, since the start */
static uint16_t active = 1;			/* pairs in use, the first ones */
static bool quit;

#define READ(x) __atomic_load_n(&(x), __ATOMIC_ACQUIRE)
#define WRITE(x, value) __atomic_store_n(&(x), value, __ATOMIC_RELEASE)

static void
send_burst(uint16_t q, uint16_t n)
{
	struct rte_mbuf *pkts[BURST];
	uint16_t i, taken;

	if (rte_pktmbuf_alloc_bulk(pool, pkts, n) != 0)
		return;
	for (i = 0; i < n; i++)
		memset(rte_pktmbuf_append(pkts[i], FRAME), 0xff, FRAME);
	/* On a pair that is being stopped 0, and these are sent on another one next time. */
	taken = rte_eth_tx_burst(port, q, pkts, n);
	rte_pktmbuf_free_bulk(pkts + taken, n - taken);
	WRITE(sent, sent + taken);
}

/* Receives from all pairs, for a stopped one gives nothing, and sends on those in use in turn. */
static int
work(void *arg __rte_unused)
{
	struct rte_mbuf *pkts[BURST];
	uint64_t wanted, under_way;
	uint16_t q, n, turn = 0;

	while (!READ(quit)) {
		for (q = 0; q < PAIRS; q++) {
			n = rte_eth_rx_burst(port, q, pkts, BURST);
			rte_pktmbuf_free_bulk(pkts, n);
			WRITE(received, received + n);
		}
		wanted = READ(offered) - sent;
		under_way = sent - received - READ(lost);
		if (wanted != 0 && under_way + BURST <= WINDOW)
			send_burst(turn++ % READ(active), RTE_MIN(wanted, (uint64_t)BURST));
	}
	return 0;
}

/* What stops threw away, by the driver's count. */
static uint64_t
count_lost(void)
{
	struct rte_eth_xstat_name names[512];
	struct rte_eth_xstat values[512];
	int n = rte_eth_xstats_get_names(port, names, RTE_DIM(names)), i;
	uint64_t sum = 0;

	if (n > (int)RTE_DIM(names) || rte_eth_xstats_get(port, values, RTE_DIM(values)) != n)
		return 0;
	for (i = 0; i < n; i++)
		if (strstr(names[i].name, "_reset_dropped") != NULL)
			sum += values[i].value;
	return sum;
}

/* One pair more: it runs before anything is sent there. */
static int
grow(void)
{
	int ret = rte_eth_dev_rx_queue_start(port, active);

	if (ret == 0)
		ret = rte_eth_dev_tx_queue_start(port, active);
	if (ret == 0)
		WRITE(active, active + 1);
	return ret;
}

/* One less: nothing more is sent there, then its transmit queue ends, then its receive queue. */
static int
shrink(void)
{
	int ret;

	WRITE(active, active - 1);
	ret = rte_eth_dev_tx_queue_stop(port, active);
	if (ret == 0)
		ret = rte_eth_dev_rx_queue_stop(port, active);
	WRITE(lost, count_lost());
	return ret;
}

/*
 * An interval here ends when so many packets are sent, for a run to be the same on every machine;
 * in an application it is a time, say 100 ms.
 */
static int
interval(uint64_t packets)
{
	const uint16_t before = active;
	int ret = 0, ms;

	WRITE(offered, offered + packets);
	for (ms = 0; READ(sent) != offered; ms++) {
		if (eal_program_interrupted())
			return -EINTR;
		if (ms == PATIENCE_MS)
			return -ETIMEDOUT;
		rte_delay_us_sleep(1000);
	}
	if (packets / active > HIGH_WATER && active < PAIRS)
		ret = grow();
	else if (packets / active < LOW_WATER && active > 1)
		ret = shrink();
	printf("%5" PRIu64 " packets on %u pairs, now %u\n", packets, before, active);
	return ret;
}

static int
start_port(void)
{
	const struct rte_eth_conf conf = { 0 };
	struct rte_eth_rxconf rx = { 0 };
	struct rte_eth_txconf tx = { 0 };
	uint16_t q;
	int ret;

	port = rte_eth_find_next(0);
	if (!rte_eth_dev_is_valid_port(port))
		rte_exit(EXIT_FAILURE, "no port: give EAL a --vdev or a device\n");
	pool = rte_pktmbuf_pool_create("packets", BUFFERS, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
		SOCKET_ID_ANY);
	ret = pool != NULL ? rte_eth_dev_configure(port, PAIRS, PAIRS, &conf) : -ENOMEM;
	for (q = 0; q < PAIRS && ret == 0; q++) {
		/* Set up are all; those beyond the first stay stopped when the port starts. */
		rx.rx_deferred_start = tx.tx_deferred_start = q >= active;
		ret = rte_eth_rx_queue_setup(port, q, RING, SOCKET_ID_ANY, &rx, pool);
		if (ret == 0)
			ret = rte_eth_tx_queue_setup(port, q, RING, SOCKET_ID_ANY, &tx);
	}
	return ret != 0 ? ret : rte_eth_dev_start(port);
}

int
main(int argc, char **argv)
{
	static const uint64_t loads[] = {
		8000, 8000, 8000, 8000, 200, 200, 200, 200, 8000, 8000, 8000, 8000,
	};
	unsigned int done = 0, ms;
	int ret, status;

	eal_program_options(argc, argv, "queue_scale", usage);
	/* Before EAL, whose probe of a port may wait for a back-end. */
	eal_program_catch_signals();
	ret = rte_eal_init(argc, argv);
	if (ret < 0 || ret != argc - 1 || rte_lcore_count() < 2) {
		fprintf(stderr, "queue_scale: %s; see queue_scale --help for an example\n",
			ret < 0 ? rte_strerror(rte_errno) : ret != argc - 1 ?
			"it has no arguments besides EAL's options" : "it needs two lcores");
		return EAL_PROGRAM_NOT_TRIED;
	}
	if (eal_program_interrupted()) {
		printf("ended by a signal after 0 of %zu intervals\n", RTE_DIM(loads));
		rte_eal_cleanup();
		return EAL_PROGRAM_INCOMPLETE;
	}
	ret = start_port();
	if (ret != 0)
		rte_exit(EXIT_FAILURE, "the port does not start: %s\n", rte_strerror(-ret));
	rte_eal_remote_launch(work, NULL, rte_get_next_lcore(-1, 1, 0));
	while (done < RTE_DIM(loads) && ret == 0) {
		ret = eal_program_interrupted() ? -EINTR : interval(loads[done]);
		done += ret == 0;
	}
	for (ms = 0; ms < PATIENCE_MS && ret == 0 && READ(received) + lost < sent; ms++)
		rte_delay_us_sleep(1000);
	WRITE(quit, true);
	rte_eal_mp_wait_lcore();
	status = ret == 0 ? EXIT_SUCCESS : ret == -EINTR ? EAL_PROGRAM_INCOMPLETE : EXIT_FAILURE;
	if (ret == -EINTR)
		printf("ended by a signal after %u of %zu intervals\n", done, RTE_DIM(loads));
	printf("%s: sent %" PRIu64 ", received %" PRIu64 ", dropped by stops %" PRIu64 "\n",
		ret == 0 ? "done" : rte_strerror(-ret), sent, received, lost);
	rte_eth_dev_stop(port);
	rte_eth_dev_close(port);
	rte_eal_cleanup();
	return standard_output_check("queue_scale") == 0 ? status : EXIT_FAILURE;
}
