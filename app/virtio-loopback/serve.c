/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#include <rte_launch.h>

#include "backend.h"
#include "eal_start.h"
#include "serve.h"
#include "standard_output.h"

static void
print_ring(uint32_t ring, bool enabled, uint64_t packets, uint64_t bytes, uint32_t resets,
		uint32_t restarts)
{
	printf("%s{\"ring\": %u, \"kind\": \"%s\", \"enabled\": %s, \"packets\": %" PRIu64
		", \"bytes\": %" PRIu64 ", \"resets\": %u, \"restarts\": %u", ring == 0 ? "" : ", ",
		ring, (ring & 1) == 0 ? "rx" : "tx", enabled ? "true" : "false", packets, bytes,
		resets, restarts);
}

/* One JSON object on one line; packets and bytes are those written (rx) or taken (tx). */
static void
print_counters(const struct backend *backend, uint16_t queues)
{
	struct backend_counters counters;
	struct backend_state state;
	uint16_t q;

	backend_state(backend, &state);
	printf("{\"connected\": %s, \"running\": %s, \"reset_negotiated\": %s, \"rings\": [",
		state.connected ? "true" : "false", state.running ? "true" : "false",
		state.reset_negotiated ? "true" : "false");
	for (q = 0; q < queues; q++) {
		backend_counters(backend, q, &counters);
		print_ring(2 * q, counters.rx_enabled, counters.written, counters.written_bytes,
			counters.rx_resets, counters.rx_restarts);
		printf(", \"held\": %" PRIu64 ", \"discarded\": %" PRIu64 "}", counters.held,
			counters.discarded);
		print_ring(2 * q + 1, counters.tx_enabled, counters.taken, counters.taken_bytes,
			counters.tx_resets, counters.tx_restarts);
		printf(", \"numbered\": %" PRIu64 ", \"missing\": %" PRIu64 ", \"reordered\": %"
			PRIu64 "}", counters.numbered, counters.missing, counters.reordered);
	}
	printf("]}\n");
	fflush(stdout);
}

static void
serve_until_signal(const struct backend *backend, uint16_t queues, const sigset_t *signals)
{
	int signal = 0;

	while (signal != SIGINT && signal != SIGTERM)
		if (sigwait(signals, &signal) == 0 && signal == SIGUSR1)
			print_counters(backend, queues);
}

int
serve_run(const struct options *options)
{
	struct backend_conf conf = {
		.path = options->serve_path,
		.queues = options->queues,
		.client = options->serve_client,
		.source = options->serve_source,
		.stock = options->serve_stock,
		.shared_core = true,
	};
	struct eal_request request = {
		.memory = backend_memory(options->queues) + (16u << 20),
		.alone = true,
		.no_huge = options->no_huge,
		.verbose = options->verbose,
	};
	struct backend *backend;
	struct eal_result eal;
	sigset_t signals;
	int ret;

	/* Before there are other threads: none of them may take these signals. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGUSR1);
	sigprocmask(SIG_BLOCK, &signals, NULL);

	if (eal_start(&request, &eal) != 0)
		return 2;
	if (backend_open(&conf, &backend) != 0) {
		eal_stop();
		return 2;
	}
	rte_eal_remote_launch(backend_thread, backend, LCORE_BACKEND);
	fprintf(stderr, "serving %u queue pairs on %s (%s, %u MB)\n", options->queues,
		options->serve_path, eal.memory, eal.megabytes);
	serve_until_signal(backend, options->queues, &signals);
	backend_quit(backend);
	rte_eal_wait_lcore(LCORE_BACKEND);
	print_counters(backend, options->queues);
	ret = backend_close(backend);
	if (standard_output_check("virtio-loopback") != 0)
		ret = -EIO;
	eal_stop();
	return ret == 0 ? 0 : 1;
}
