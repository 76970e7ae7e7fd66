/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * Stops, sets up and starts the queues of one port, while ARP requests go out and come back from
 * whatever back-end the port has: as they are, or as answers. After each stop of a receive queue
 * all buffers must be back in its pool, and the pool's memory must not change while the requests go
 * on. devtools/check-interop.sh starts back-ends for it.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_arp.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_mbuf.h>

#include "eal_program.h"
#include "standard_output.h"

#define QUEUES_MAX 8
#define BURST 32
#define BUFFERS 1023
#define RING_SMALL 128
#define RING_LARGE 256
#define ROUNDS 100
#define FRAME 60
#define GAP_US 200 /* between two requests of a queue */

static const char usage[] =
"Usage: virtio_interop EAL-OPTION... [-- QUEUES]\n"
"Stops, sets up and starts the queues of the first port, 100 times each, while ARP requests go\n"
"out. The back-end has to send them back, or to answer them for 10.2.0.1.\n"
"\n"
"The output has a line for each of forward, stop, set-up, start and loss.\n"
"  QUEUES      pairs of queues, 1 to 8 (default: 1)\n"
"  -h, --help  this text\n"
"  --version   the versions of this program and of DPDK\n"
"Exit status: 0 all went well; 1 failed; 2 wrong options, or EAL does not start.\n";

struct result {
	const char *name;
	unsigned int done, failed;
	char error[64]; /* the first one */
};

static struct result stops = { .name = "stop" }, setups = { .name = "set-up" },
		     starts = { .name = "start" };
static uint16_t port, queues = 1;
static struct rte_mempool *rx_pool[QUEUES_MAX], *tx_pool;
static struct rte_ether_addr mac;
static uint64_t sent, received, touched, missing;
static int stopped_tx = -1; /* a queue on which nothing is sent */
static bool silent;	/* nothing is sent at all */

static bool
note(struct result *r, int ret)
{
	r->done++;
	if (ret == 0)
		return true;
	if (r->failed++ == 0)
		snprintf(r->error, sizeof(r->error), "%s", rte_strerror(-ret));
	return false;
}

static void
send_request(uint16_t q)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(tx_pool);
	struct rte_ether_hdr *eth;
	struct rte_arp_hdr *arp;
	void *frame;

	frame = m == NULL ? NULL : rte_pktmbuf_append(m, FRAME);
	if (frame == NULL) {
		rte_pktmbuf_free(m);
		return;
	}
	memset(frame, 0, FRAME);
	eth = frame;
	memset(&eth->dst_addr, 0xff, sizeof(eth->dst_addr));
	eth->src_addr = mac;
	eth->ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_ARP);
	arp = (struct rte_arp_hdr *)(eth + 1);
	arp->arp_hardware = rte_cpu_to_be_16(RTE_ARP_HRD_ETHER);
	arp->arp_protocol = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
	arp->arp_hlen = sizeof(mac);
	arp->arp_plen = 4;
	arp->arp_opcode = rte_cpu_to_be_16(RTE_ARP_OP_REQUEST);
	arp->arp_data.arp_sha = mac;
	arp->arp_data.arp_sip = rte_cpu_to_be_32(RTE_IPV4(10, 2, 0, 2));
	arp->arp_data.arp_tip = rte_cpu_to_be_32(RTE_IPV4(10, 2, 0, 1));
	if (rte_eth_tx_burst(port, q, &m, 1) == 1)
		sent++;
	else
		rte_pktmbuf_free(m);
}

static void
run_for(unsigned int ms)
{
	const uint64_t hz = rte_get_timer_hz();
	uint64_t next = rte_get_timer_cycles();
	const uint64_t end = next + hz / 1000 * ms;
	struct rte_mbuf *pkts[BURST];
	uint64_t now;
	uint16_t q, n;

	while ((now = rte_get_timer_cycles()) < end) {
		for (q = 0; q < queues; q++) {
			if (now >= next && q != stopped_tx && !silent)
				send_request(q);
			n = rte_eth_rx_burst(port, q, pkts, BURST);
			received += n;
			rte_pktmbuf_free_bulk(pkts, n);
		}
		if (now >= next)
			next += hz / 1000000 * GAP_US;
	}
}

static void
add_to_hash(struct rte_mempool *pool __rte_unused, void *arg, void *obj,
	    unsigned int index __rte_unused)
{
	const struct rte_mbuf *m = obj;
	uint64_t *hash = arg;
	uint64_t word;
	size_t i;

	for (i = 0; i + sizeof(word) <= m->buf_len; i += sizeof(word)) {
		memcpy(&word, (const uint8_t *)m->buf_addr + i, sizeof(word));
		*hash = (*hash ^ word) * UINT64_C(0x100000001b3);
	}
}

static uint64_t
hash_of(struct rte_mempool *pool)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	rte_mempool_obj_iter(pool, add_to_hash, &hash);
	return hash;
}

static void
restart_rx(uint16_t q, uint16_t size)
{
	uint64_t hash;

	if (!note(&stops, rte_eth_dev_rx_queue_stop(port, q)))
		return;
	missing += rte_mempool_in_use_count(rx_pool[q]);
	hash = hash_of(rx_pool[q]);
	run_for(3);
	touched += hash_of(rx_pool[q]) != hash;
	note(&setups, rte_eth_rx_queue_setup(port, q, size, SOCKET_ID_ANY, NULL, rx_pool[q]));
	note(&starts, rte_eth_dev_rx_queue_start(port, q));
}

static void
restart_tx(uint16_t q, uint16_t size)
{
	if (!note(&stops, rte_eth_dev_tx_queue_stop(port, q)))
		return;
	stopped_tx = q;
	run_for(1);
	note(&setups, rte_eth_tx_queue_setup(port, q, size, SOCKET_ID_ANY, NULL));
	note(&starts, rte_eth_dev_tx_queue_start(port, q));
	stopped_tx = -1;
}

/* Packets that the resets have dropped, by the driver's own count. */
static uint64_t
dropped(void)
{
	struct rte_eth_xstat_name names[512];
	struct rte_eth_xstat values[512];
	const int n = rte_eth_xstats_get(port, values, RTE_DIM(values));
	uint64_t sum = 0;
	int i;

	if (n <= 0 || n > (int)RTE_DIM(values) || rte_eth_xstats_get_names(port, names, n) != n)
		return 0;
	for (i = 0; i < n; i++) {
		if (strstr(names[i].name, "reset_dropped") != NULL)
			sum += values[i].value;
	}
	return sum;
}

static int
start_port(void)
{
	const struct rte_eth_conf conf = { 0 };
	struct rte_eth_link link;
	char name[RTE_MEMPOOL_NAMESIZE];
	unsigned int i;
	uint16_t q;
	int ret;

	tx_pool = rte_pktmbuf_pool_create("tx", BUFFERS, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	ret = tx_pool == NULL ? -rte_errno :
	      rte_eth_dev_configure(port, queues, queues, &conf);
	for (q = 0; q < queues && ret == 0; q++) {
		snprintf(name, sizeof(name), "rx%u", q);
		rx_pool[q] = rte_pktmbuf_pool_create(name, BUFFERS, 0, 0,
						     RTE_MBUF_DEFAULT_BUF_SIZE, 0);
		if (rx_pool[q] == NULL)
			return -rte_errno;
		ret = rte_eth_rx_queue_setup(port, q, RING_LARGE, SOCKET_ID_ANY, NULL, rx_pool[q]);
		if (ret == 0)
			ret = rte_eth_tx_queue_setup(port, q, RING_LARGE, SOCKET_ID_ANY, NULL);
	}
	if (ret == 0)
		ret = rte_eth_dev_start(port);
	if (ret == 0)
		ret = rte_eth_macaddr_get(port, &mac);
	/* A server port has its link when the back-end has come. */
	for (i = 0; i < 300 && ret == 0; i++) {
		ret = rte_eth_link_get_nowait(port, &link);
		if (ret == 0 && link.link_status == RTE_ETH_LINK_UP)
			return 0;
		rte_delay_ms(100);
	}
	return ret != 0 ? ret : -ENOLINK;
}

/* Until what is on its way has come back. */
static void
let_arrive(void)
{
	silent = true;
	run_for(100);
	silent = false;
}

/* Requests come back within some seconds; those before that are not counted. */
static bool
forwards(void)
{
	uint64_t before;
	unsigned int i;

	for (i = 0; i < 100 && received == 0; i++)
		run_for(100);
	let_arrive();
	sent = received = 0;
	run_for(500);
	let_arrive();
	before = received;
	printf("forward %s: %" PRIu64 " sent, %" PRIu64 " came back\n",
	       before > 0 ? "ok" : "FAILED", sent, before);
	return before > 0;
}

static bool
print_result(const struct result *r, const char *more)
{
	const bool good = r->done > 0 && r->failed == 0;

	if (good)
		printf("%s ok: %u%s\n", r->name, r->done, more);
	else
		printf("%s FAILED: %u of %u, %s\n", r->name, r->failed, r->done,
		       r->done == 0 ? "not tried" : r->error);
	return good;
}

static bool
restart_all(void)
{
	uint64_t lost, by_resets;
	unsigned int i;
	bool good;

	for (i = 0; i < ROUNDS && !eal_program_interrupted(); i++) {
		const uint16_t size = i / queues % 2 == 0 ? RING_SMALL : RING_LARGE;

		restart_rx(i % queues, size);
		run_for(3);
		restart_tx(i % queues, size);
		run_for(3);
	}
	lost = received;
	run_for(300);
	good = received > lost;
	let_arrive();
	if (!good)
		printf("start FAILED: nothing comes back any more\n");
	by_resets = dropped();
	lost = sent > received ? sent - received : 0;
	good &= print_result(&stops, touched + missing > 0 ? ", see below" :
			     ", all buffers back, their memory untouched");
	if (touched + missing > 0) {
		printf("stop FAILED: memory of a stopped queue changed %" PRIu64 " times, %" PRIu64
		       " buffers were missing\n", touched, missing);
		good = false;
	}
	good &= print_result(&setups, ", rings of 128 and 256");
	good &= print_result(&starts, "");
	printf("loss: %" PRIu64 " of %" PRIu64 " did not come back, %" PRIu64
	       " counted as dropped by resets\n", lost, sent, by_resets);
	return good;
}

int
main(int argc, char **argv)
{
	unsigned long number = 1;
	char *end = NULL;
	int ret, given;
	bool good;

	eal_program_options(argc, argv, "virtio_interop", usage);
	eal_program_catch_signals();
	ret = rte_eal_init(argc, argv);
	given = argc - ret - 1;
	if (ret >= 0 && given > 0)
		number = strtoul(argv[ret + 1], &end, 10);
	if (ret < 0 || given > 1 || number < 1 || number > QUEUES_MAX ||
	    (end != NULL && *end != '\0')) {
		fprintf(stderr, "virtio_interop: %s; see virtio_interop --help\n",
			ret < 0 ? rte_strerror(rte_errno) : "QUEUES is one number, 1 to 8");
		return EAL_PROGRAM_NOT_TRIED;
	}
	queues = number;
	ret = start_port();
	if (ret != 0)
		rte_exit(EXIT_FAILURE, "the port does not start: %s\n", rte_strerror(-ret));
	good = forwards() && restart_all();
	ret = rte_eth_dev_stop(port);
	good &= ret == 0 && rte_eth_dev_close(port) == 0;
	rte_eal_cleanup();
	if (standard_output_check("virtio_interop") != 0 || !good)
		return EXIT_FAILURE;
	return eal_program_interrupted() ? EAL_PROGRAM_INCOMPLETE : EXIT_SUCCESS;
}
