/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * virtio-guest-loop: one port that receives what it sends, as that of the kernel's vDPA simulator.
 * Its queues are stopped and started under traffic. While a queue is stopped, its ring and the
 * buffers that were in it must not change.
 *
 * lcore 1 polls, the main lcore does all else.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_memzone.h>

#include "eal_program.h"
#include "standard_output.h"

#define USAGE \
	"Usage: virtio-guest-loop EAL-OPTION... -- [ROUNDS]\n" \
	"On one port that receives what it sends, with lcores 0 and 1. Each of its queues is\n" \
	"stopped and started ROUNDS times under traffic (default 1000). Then the port is\n" \
	"stopped and started.\n" \
	"  -h, --help  this text\n" \
	"  --version   the versions of this program and of DPDK\n" \
	"Each thing that was tried is a line, \"ok NAME\" or \"FAILED NAME\".\n" \
	"Exit status: 0 if all were ok; 1 if one failed, or the output is not complete;\n" \
	"2 if nothing was tried: wrong options, no port and lcores; 3 if a signal ended it.\n"

#define SIZE     64
#define BURST    8
#define BUFFERS  255
#define LENGTH   64
#define PORTS_RESTARTS 10

/* Seconds until something that is waited for counts as not to come: the host may be busy. */
#define PATIENCE 120

/* Traffic after a stop, before the memory is looked at. */
#define WATCH_US 500

static struct {
	struct rte_mempool *rx_pool, *tx_pool;
	uint64_t ring[2]; /* numbers of the memzones of the receive and the transmit ring */
	/* The poller's; read by the main lcore. */
	uint64_t sent, got, wrong;
	uint64_t longest; /* cycles between two bursts that were accepted */
	bool rest;        /* the poller leaves the port alone */
	bool rests;
	bool end;
} loop;

static bool
result(bool good, const char *name)
{
	printf("%s %s\n", good ? "ok" : "FAILED", name);
	fflush(stdout);
	return good;
}

/* ---- traffic ------------------------------------------------------------------------------ */

static bool
fill(struct rte_mbuf *m)
{
	static const uint8_t head[14] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 1, 2, 3, 4, 5,
					  0x88, 0xb5 };
	uint8_t *at = (uint8_t *)rte_pktmbuf_append(m, LENGTH);

	if (at == NULL)
		return false;
	memset(at, 0x5a, LENGTH);
	memcpy(at, head, sizeof(head));
	return true;
}

static void
send_some(uint64_t *last)
{
	struct rte_mbuf *m[BURST];
	uint64_t now;
	uint16_t n;

	if (rte_pktmbuf_alloc_bulk(loop.tx_pool, m, BURST) != 0)
		return;
	for (n = 0; n < BURST; n++)
		fill(m[n]);
	n = rte_eth_tx_burst(0, 0, m, BURST);
	rte_pktmbuf_free_bulk(m + n, BURST - n);
	if (n == 0)
		return;
	now = rte_get_timer_cycles();
	if (*last != 0 && now - *last > __atomic_load_n(&loop.longest, __ATOMIC_RELAXED))
		__atomic_store_n(&loop.longest, now - *last, __ATOMIC_RELAXED);
	*last = now;
	__atomic_store_n(&loop.sent, loop.sent + n, __ATOMIC_RELAXED);
}

static void
receive_some(void)
{
	struct rte_mbuf *m[BURST];
	const uint16_t n = rte_eth_rx_burst(0, 0, m, BURST);
	uint16_t i;

	for (i = 0; i < n; i++) {
		const uint8_t *at = rte_pktmbuf_mtod(m[i], const uint8_t *);

		loop.wrong += m[i]->pkt_len != LENGTH || at[LENGTH - 1] != 0x5a;
	}
	rte_pktmbuf_free_bulk(m, n);
	__atomic_store_n(&loop.got, loop.got + n, __ATOMIC_RELAXED);
}

static int
poll_port(void *arg __rte_unused)
{
	uint64_t last = 0;

	while (!__atomic_load_n(&loop.end, __ATOMIC_ACQUIRE)) {
		const bool rest = __atomic_load_n(&loop.rest, __ATOMIC_ACQUIRE);

		if (rest) {
			last = 0;
		} else {
			send_some(&last);
			receive_some();
		}
		__atomic_store_n(&loop.rests, rest, __ATOMIC_RELEASE);
	}
	return 0;
}

static void
let_poller_rest(bool rest)
{
	__atomic_store_n(&loop.rest, rest, __ATOMIC_RELEASE);
	while (__atomic_load_n(&loop.rests, __ATOMIC_ACQUIRE) != rest)
		rte_delay_us_sleep(100);
}

static bool
wait_until(bool (*test)(const void *arg), const void *arg)
{
	const uint64_t end = rte_get_timer_cycles() + PATIENCE * rte_get_timer_hz();

	while (!test(arg)) {
		if (rte_get_timer_cycles() > end || eal_program_interrupted())
			return false;
		rte_delay_us_sleep(100);
	}
	return true;
}

static bool
is_full(const void *pool)
{
	return rte_mempool_full(pool);
}

static bool
has_come(const void *number)
{
	return __atomic_load_n(&loop.got, __ATOMIC_RELAXED) >= *(const uint64_t *)number;
}

/* So many packets more come. */
static bool
flows(uint64_t packets)
{
	const uint64_t enough = __atomic_load_n(&loop.got, __ATOMIC_RELAXED) + packets;

	return wait_until(has_come, &enough);
}

/* ---- memory that is watched --------------------------------------------------------------- */

/* The driver gives each ring's memzone a number of its own, and so the last one is the newest. */
static void
find_newest(const struct rte_memzone *zone, void *arg)
{
	uint64_t *newest = arg;
	unsigned int number;

	if (sscanf(zone->name, "virtio_ring_%u", &number) == 1)
		*newest = RTE_MAX(*newest, (uint64_t)number);
}

static uint64_t
newest_ring(void)
{
	uint64_t newest = 0;

	rte_memzone_walk(find_newest, &newest);
	return newest;
}

static uint64_t
add_to_sum(uint64_t sum, const void *at, size_t len)
{
	const uint8_t *bytes = at;
	uint64_t word;
	size_t i;

	for (i = 0; i + sizeof(word) <= len; i += sizeof(word)) {
		memcpy(&word, bytes + i, sizeof(word));
		sum = (sum ^ word) * UINT64_C(0x100000001b3);
	}
	return sum;
}

static void
add_chunk(struct rte_mempool *pool __rte_unused, void *arg, struct rte_mempool_memhdr *chunk,
	  unsigned int i __rte_unused)
{
	*(uint64_t *)arg = add_to_sum(*(uint64_t *)arg, chunk->addr, chunk->len);
}

/* Of a ring and, where nothing else uses them, of the buffers that were in it. */
static uint64_t
sum_of(bool rx)
{
	char name[RTE_MEMZONE_NAMESIZE];
	const struct rte_memzone *zone;
	uint64_t sum = 7;

	snprintf(name, sizeof(name), "virtio_ring_%" PRIu64, loop.ring[rx ? 0 : 1]);
	zone = rte_memzone_lookup(name);
	if (zone == NULL)
		return 0;
	sum = add_to_sum(sum, zone->addr, zone->len);
	if (rx)
		rte_mempool_mem_iter(loop.rx_pool, add_chunk, &sum);
	return sum;
}

/* ---- the tests ---------------------------------------------------------------------------- */

static int
open_port(void)
{
	const struct rte_eth_conf conf = { .rxmode.mtu = RTE_ETHER_MTU };
	int ret;

	loop.rx_pool = rte_pktmbuf_pool_create("rx", BUFFERS, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
					       SOCKET_ID_ANY);
	loop.tx_pool = rte_pktmbuf_pool_create("tx", BUFFERS, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
					       SOCKET_ID_ANY);
	if (loop.rx_pool == NULL || loop.tx_pool == NULL)
		return -ENOMEM;
	ret = rte_eth_dev_configure(0, 1, 1, &conf);
	if (ret == 0)
		ret = rte_eth_rx_queue_setup(0, 0, SIZE, SOCKET_ID_ANY, NULL, loop.rx_pool);
	loop.ring[0] = newest_ring();
	if (ret == 0)
		ret = rte_eth_tx_queue_setup(0, 0, SIZE, SOCKET_ID_ANY, NULL);
	loop.ring[1] = newest_ring();
	return ret != 0 ? ret : rte_eth_dev_start(0);
}

struct round {
	unsigned int stops, kept, starts, goes_on;
};

static void
stop_and_start(bool rx, struct round *round)
{
	uint64_t before;
	bool back;
	int ret;

	ret = rx ? rte_eth_dev_rx_queue_stop(0, 0) : rte_eth_dev_tx_queue_stop(0, 0);
	if (ret != 0)
		return;
	round->stops++;
	/* What the poller has received before the stop it may be about to give back. */
	back = !rx || wait_until(is_full, loop.rx_pool);
	before = sum_of(rx);
	rte_delay_us_sleep(WATCH_US);
	round->kept += back && sum_of(rx) == before;
	ret = rx ? rte_eth_dev_rx_queue_start(0, 0) : rte_eth_dev_tx_queue_start(0, 0);
	if (ret != 0)
		return;
	round->starts++;
	round->goes_on += flows(1);
}

static uint64_t
take_longest_us(void)
{
	return __atomic_exchange_n(&loop.longest, 0, __ATOMIC_RELAXED) * 1000000 /
	       rte_get_timer_hz();
}

/* The time from one accepted burst to the next, while the other queue is stopped and started. */
static bool
stop_queue(bool rx, unsigned int rounds)
{
	struct round round = { 0 };
	uint64_t usual, longest;
	unsigned int i;

	take_longest_us();
	rte_delay_us_sleep(1000000);
	usual = take_longest_us();
	for (i = 0; i < rounds && !eal_program_interrupted(); i++)
		stop_and_start(rx, &round);
	longest = take_longest_us();
	printf("%s queue: %u stops, memory kept %u times, %u starts, traffic went on %u times\n",
	       rx ? "rx" : "tx", round.stops, round.kept, round.starts, round.goes_on);
	if (rx)
		printf("longest pause of the tx queue: %" PRIu64 " us, in a second without stops "
		       "%" PRIu64 " us\n", longest, usual);
	return result(round.stops == rounds && round.kept == rounds && round.starts == rounds &&
		      round.goes_on == rounds, rx ?
		      "the rx queue stops and starts under traffic, ring and buffers untouched" :
		      "the tx queue stops and starts under traffic, its ring untouched");
}

/* Longest of the driver's own times, as it counts them. */
static void
print_times(void)
{
	struct rte_eth_xstat_name names[256];
	struct rte_eth_xstat values[256];
	const int n = rte_eth_xstats_get_names(0, names, RTE_DIM(names));
	int i;

	if (n > (int)RTE_DIM(names) || rte_eth_xstats_get(0, values, RTE_DIM(values)) != n)
		return;
	for (i = 0; i < n; i++) {
		if (strstr(names[i].name, "_reset") != NULL)
			printf("%s: %" PRIu64 "\n", names[i].name, values[i].value);
	}
}

static bool
restart_port(void)
{
	unsigned int i, good = 0;

	for (i = 0; i < PORTS_RESTARTS && !eal_program_interrupted(); i++) {
		let_poller_rest(true);
		if (rte_eth_dev_stop(0) != 0 || !rte_mempool_full(loop.rx_pool) ||
		    !rte_mempool_full(loop.tx_pool) || rte_eth_dev_start(0) != 0)
			break;
		let_poller_rest(false);
		good += flows(100);
	}
	return result(good == PORTS_RESTARTS, "the port stops and starts, and traffic goes on");
}

static bool
run(unsigned int rounds)
{
	bool good;

	good = result(flows(1000), "packets come back");
	good = good && stop_queue(true, rounds);
	good = good && stop_queue(false, rounds);
	print_times();
	good = good && restart_port();
	let_poller_rest(true);
	return result(loop.wrong == 0, "no packet is wrong") && good;
}

int
main(int argc, char **argv)
{
	unsigned int rounds = 1000;
	char none[] = "", *end = none;
	bool good;
	int n;

	eal_program_options(argc, argv, "virtio-guest-loop", USAGE);
	for (n = 1; n < argc && strcmp(argv[n], "--") != 0; n++)
		;
	if (n + 1 < argc)
		rounds = strtoul(argv[n + 1], &end, 10);
	if (rounds == 0 || *end != '\0' || n + 2 < argc) {
		fprintf(stderr, "after \"--\": ROUNDS must be a number above 0, or nothing; see "
			"virtio-guest-loop --help\n");
		return EAL_PROGRAM_NOT_TRIED;
	}
	eal_program_catch_signals();
	if (rte_eal_init(argc, argv) < 0) {
		fprintf(stderr, "EAL does not start: %s\n", rte_strerror(rte_errno));
		return EAL_PROGRAM_NOT_TRIED;
	}
	if (rte_eth_dev_count_avail() != 1 || rte_lcore_count() != 2) {
		fprintf(stderr, "%u ports and %u lcores: want one port and two lcores\n",
			rte_eth_dev_count_avail(), rte_lcore_count());
		return EAL_PROGRAM_NOT_TRIED;
	}
	if (!result(open_port() == 0, "the port starts"))
		return EXIT_FAILURE;
	rte_eal_remote_launch(poll_port, NULL, 1);
	good = run(rounds);
	__atomic_store_n(&loop.end, true, __ATOMIC_RELEASE);
	rte_eal_mp_wait_lcore();
	rte_eth_dev_stop(0);
	rte_eth_dev_close(0);
	good &= result(rte_mempool_full(loop.rx_pool) && rte_mempool_full(loop.tx_pool),
		       "all buffers are back");
	rte_eal_cleanup();
	if (standard_output_check("virtio-guest-loop") != 0)
		return EXIT_FAILURE;
	if (eal_program_interrupted())
		return EAL_PROGRAM_INCOMPLETE;
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
