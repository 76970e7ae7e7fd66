/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>

#include "modes.h"
#include "packets.h"
#include "bench_port.h"
#include "socket_path.h"
#include "standard_output.h"
#include "turns.h"
#include "watchdog.h"

#define IDLE_US 1000u
#define PAUSE_US 50u		/* between two looks at whose turn it is */
#define PORTS_MAX 2u

/* Packets taken or made that the front-end's ring has no room for yet. */
struct pending {
	struct rte_mbuf *mbufs[BURST_MAX];
	uint16_t first, n;
};

/* A port, one of several. */
struct served {
	struct port port;
	struct packets packets;
	struct pending *pending;	/* one a queue pair */
};

struct serve {
	struct served of[PORTS_MAX];
	uint16_t n;
	enum bench_direction direction;
	uint16_t burst;
	/*
	 * The port whose turn it is, n: none's. `wanted` is written by the thread that reads stdin,
	 * `is` by the one that serves, as soon as it touches no other port any more.
	 */
	uint16_t wanted, is;
	int turns_end;		/* how the turns have ended */
};

static volatile sig_atomic_t quit;

static void
ask_to_quit(int signal __rte_unused)
{
	quit = 1;
}

static void
take_and_free(const struct serve *serve, const struct served *served, uint16_t q)
{
	struct rte_mbuf *mbufs[BURST_MAX];
	uint16_t n = rte_eth_rx_burst(served->port.id, q, mbufs, serve->burst);

	rte_pktmbuf_free_bulk(mbufs, n);
}

/* Holds back what does not fit: a loss would be the driver's. */
static void
send_pending(const struct served *served, uint16_t q)
{
	struct pending *pending = &served->pending[q];
	uint16_t n;

	if (pending->n == 0)
		return;
	n = rte_eth_tx_burst(served->port.id, q, pending->mbufs + pending->first, pending->n);
	pending->first += n;
	pending->n -= n;
}

static void
fill_pending(const struct serve *serve, struct served *served, uint16_t q)
{
	struct pending *pending = &served->pending[q];

	pending->first = 0;
	if (serve->direction == DIRECTION_LOOP)
		pending->n = rte_eth_rx_burst(served->port.id, q, pending->mbufs, serve->burst);
	else if (packets_make(&served->packets, pending->mbufs, serve->burst))
		pending->n = serve->burst;
}

static void
serve_queue(const struct serve *serve, struct served *served, uint16_t q)
{
	if (serve->direction == DIRECTION_RX) {
		take_and_free(serve, served, q);
		return;
	}
	if (served->pending[q].n == 0)
		fill_pending(serve, served, q);
	send_pending(served, q);
}

static void
serve_all(struct serve *serve)
{
	uint16_t turn, q;

	while (!quit) {
		turn = __atomic_load_n(&serve->wanted, __ATOMIC_ACQUIRE);
		if (turn != serve->is)
			__atomic_store_n(&serve->is, turn, __ATOMIC_RELEASE);
		if (turn == serve->n)
			rte_delay_us_sleep(PAUSE_US);
		else if (serve->direction == DIRECTION_IDLE)
			rte_delay_us_sleep(IDLE_US);
		else
			for (q = 0; q < serve->of[turn].port.pairs; q++)
				serve_queue(serve, &serve->of[turn], q);
	}
}

/* Answers when the other port is left alone. */
static int
take_turn(void *arg, const char *line)
{
	struct serve *serve = arg;
	const uint16_t turn = line[0] == '\0' ? serve->n : atoi(line);

	if (turn > serve->n) {
		fprintf(stderr, "there is no port %s to serve\n", line);
		return -EINVAL;
	}
	__atomic_store_n(&serve->wanted, turn, __ATOMIC_RELEASE);
	while (!quit && __atomic_load_n(&serve->is, __ATOMIC_ACQUIRE) != turn)
		rte_delay_us_sleep(PAUSE_US);
	puts("{}");
	return 0;
}

static void *
take_turns(void *arg)
{
	struct serve *serve = arg;

	serve->turns_end = turns_take(take_turn, serve);
	quit = 1;
	return NULL;
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

static int
bring_up(struct serve *serve, const struct options *options)
{
	struct served *served;
	uint16_t from = 0;
	int ret;

	do {
		served = &serve->of[serve->n];
		ret = port_find(&served->port, options, from);
		if (ret == 0)
			ret = port_bring_up(&served->port, 0, served->port.pool);
		if (ret != 0)
			return ret;
		served->pending = rte_zmalloc("pending",
			sizeof(*served->pending) * served->port.pairs, 0);
		if (served->pending == NULL)
			return -ENOMEM;
		packets_init(&served->packets, served->port.pool, options);
		serve->n++;
		from = served->port.id + 1;
	} while (options->turns && serve->n < PORTS_MAX &&
			rte_eth_find_next(from) < RTE_MAX_ETHPORTS);
	return 0;
}

static void
take_down(struct served *served)
{
	uint16_t q;

	for (q = 0; q < served->port.pairs; q++)
		rte_pktmbuf_free_bulk(served->pending[q].mbufs + served->pending[q].first,
			served->pending[q].n);
	rte_free(served->pending);
	port_take_down(&served->port);
}

int
serve_run(const struct options *options)
{
	struct serve serve = { .direction = options->direction, .burst = options->burst };
	const struct sigaction action = { .sa_handler = ask_to_quit };
	pthread_t thread;
	uint16_t i;
	int ret;

	/* Not one that is left behind when a benchmark is killed. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	ret = bring_up(&serve, options);
	if (ret != 0)
		return ret;
	serve.wanted = options->turns ? serve.n : 0;
	puts("ready");
	ret = standard_output_check("virtio-bench");
	watchdog_stage("serving");
	if (ret == 0 && options->turns)
		ret = -pthread_create(&thread, NULL, take_turns, &serve);
	if (ret == 0) {
		serve_all(&serve);
		/* Written before the order to quit. */
		ret = serve.turns_end;
	}
	for (i = 0; i < serve.n; i++)
		take_down(&serve.of[i]);
	rte_eal_cleanup();
	return ret;
}
