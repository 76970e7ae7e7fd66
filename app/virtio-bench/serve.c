/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>

#include "modes.h"
#include "packets.h"
#include "port.h"
#include "socket_path.h"
#include "standard_output.h"
#include "watchdog.h"

#define IDLE_US 1000u

/* Packets taken or made that the front-end's ring has no room for yet. */
struct pending {
	struct rte_mbuf *mbufs[BURST_MAX];
	uint16_t first, n;
};

struct serve {
	struct port port;
	struct packets packets;
	enum bench_direction direction;
	uint16_t burst;
	struct pending *pending;	/* one a queue pair */
};

static volatile sig_atomic_t quit;

static void
ask_to_quit(int signal __rte_unused)
{
	quit = 1;
}

static void
take_and_free(struct serve *serve, uint16_t q)
{
	struct rte_mbuf *mbufs[BURST_MAX];
	uint16_t n = rte_eth_rx_burst(serve->port.id, q, mbufs, serve->burst);

	rte_pktmbuf_free_bulk(mbufs, n);
}

/* Holds back what does not fit: a loss would be the driver's. */
static void
send_pending(struct serve *serve, uint16_t q)
{
	struct pending *pending = &serve->pending[q];
	uint16_t n;

	if (pending->n == 0)
		return;
	n = rte_eth_tx_burst(serve->port.id, q, pending->mbufs + pending->first, pending->n);
	pending->first += n;
	pending->n -= n;
}

static void
fill_pending(struct serve *serve, uint16_t q)
{
	struct pending *pending = &serve->pending[q];

	pending->first = 0;
	if (serve->direction == DIRECTION_LOOP)
		pending->n = rte_eth_rx_burst(serve->port.id, q, pending->mbufs, serve->burst);
	else if (packets_make(&serve->packets, pending->mbufs, serve->burst))
		pending->n = serve->burst;
}

static void
serve_queue(struct serve *serve, uint16_t q)
{
	if (serve->direction == DIRECTION_RX) {
		take_and_free(serve, q);
		return;
	}
	if (serve->pending[q].n == 0)
		fill_pending(serve, q);
	send_pending(serve, q);
}

static void
serve_all(struct serve *serve)
{
	uint16_t q;

	while (!quit) {
		if (serve->direction == DIRECTION_IDLE)
			rte_delay_us_sleep(IDLE_US);
		else
			for (q = 0; q < serve->port.pairs; q++)
				serve_queue(serve, q);
	}
}

/*
 * A net_vhost port that cannot listen on its path unlinks the file there, whatever it is. So the
 * paths in EAL's arguments are checked before.
 */
int
serve_claim_sockets(int eal_argc, char **eal_argv)
{
	char path[PATH_MAX];
	int i, ret;

	for (i = 1; i < eal_argc; i++) {
		const char *iface = strstr(eal_argv[i], "iface=");

		if (iface == NULL || strstr(eal_argv[i], "client=1") != NULL)
			continue;
		iface += strlen("iface=");
		snprintf(path, sizeof(path), "%.*s", (int)strcspn(iface, ","), iface);
		ret = socket_path_claim(path, "iface=");
		if (ret != 0)
			return ret;
	}
	return 0;
}

int
serve_run(const struct options *options)
{
	struct serve serve = { .direction = options->direction, .burst = options->burst };
	const struct sigaction action = { .sa_handler = ask_to_quit };
	uint16_t q;
	int ret;

	/* Not one that is left behind when a benchmark is killed. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	ret = port_find(&serve.port, options);
	if (ret == 0)
		ret = port_bring_up(&serve.port, 0, serve.port.pool);
	if (ret != 0)
		return ret;
	serve.pending = rte_zmalloc("pending", sizeof(*serve.pending) * serve.port.pairs, 0);
	if (serve.pending == NULL)
		return -ENOMEM;
	packets_init(&serve.packets, serve.port.pool, options);
	puts("ready");
	ret = standard_output_check("virtio-bench");
	watchdog_stage("serving");
	if (ret == 0)
		serve_all(&serve);
	for (q = 0; q < serve.port.pairs; q++)
		rte_pktmbuf_free_bulk(serve.pending[q].mbufs + serve.pending[q].first,
			serve.pending[q].n);
	rte_free(serve.pending);
	port_close(&serve.port);
	return ret;
}
