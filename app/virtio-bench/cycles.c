/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>

#include "modes.h"
#include "null_device.h"
#include "packets.h"
#include "bench_port.h"
#include "sorted.h"
#include "watchdog.h"

/*
 * Half a ring at a time, so that reading the clock is a small part of it. Drivers do some of their
 * work only now and then, so what is compared are groups of several laps of the ring.
 */
#define LAPS_PER_GROUP 8u
#define WARM_UP_GROUPS 8u
#define CALIBRATIONS 1000u

struct cycles {
	struct port port;
	struct packets packets;
	const struct options *options;
	uint32_t bursts;		/* between two looks at the clock */
	uint64_t clock;			/* what a look costs */
	struct rte_mbuf **mbufs;
};

struct sample {
	uint64_t rx, tx;
};

static uint64_t
cost_of_clock(void)
{
	uint64_t least = UINT64_MAX, start, i;

	for (i = 0; i < CALIBRATIONS; i++) {
		start = rte_rdtsc_precise();
		least = RTE_MIN(least, rte_rdtsc_precise() - start);
	}
	return least;
}

static uint32_t
receive(struct cycles *cycles)
{
	const uint16_t burst = cycles->options->burst;
	uint32_t i, n = 0;

	for (i = 0; i < cycles->bursts; i++)
		n += rte_eth_rx_burst(cycles->port.id, 0, cycles->mbufs + n, burst);
	return n;
}

static uint32_t
transmit(struct cycles *cycles)
{
	const uint16_t burst = cycles->options->burst;
	uint32_t i, n = 0;

	for (i = 0; i < cycles->bursts; i++)
		n += rte_eth_tx_burst(cycles->port.id, 0, cycles->mbufs + i * burst, burst);
	return n;
}

/* Half a lap in and out; false if a burst was not full. */
static bool
carry(struct cycles *cycles, struct sample *sample)
{
	const uint32_t wanted = cycles->bursts * cycles->options->burst;
	uint64_t start, end;
	uint32_t n;

	if (null_device_give(cycles->options, wanted) != wanted)
		return false;
	start = rte_rdtsc_precise();
	n = receive(cycles);
	end = rte_rdtsc_precise();
	sample->rx += end - start - RTE_MIN(cycles->clock, end - start);
	rte_pktmbuf_free_bulk(cycles->mbufs, n);
	if (n != wanted || !packets_make(&cycles->packets, cycles->mbufs, wanted))
		return false;
	start = rte_rdtsc_precise();
	n = transmit(cycles);
	end = rte_rdtsc_precise();
	sample->tx += end - start - RTE_MIN(cycles->clock, end - start);
	return n == wanted && null_device_take() == wanted;
}

static int
measure_group(struct cycles *cycles, struct sample *sample)
{
	uint32_t i;

	*sample = (struct sample) { 0 };
	for (i = 0; i < 2 * LAPS_PER_GROUP; i++)
		if (!carry(cycles, sample)) {
			fprintf(stderr, "a burst was not full, or a packet not taken\n");
			return -EIO;
		}
	return 0;
}

static void
write_quartiles(const char *name, const uint64_t *samples, uint32_t n, uint32_t packets)
{
	printf(", \"%s\": {\"p25\": %.2f, \"p50\": %.2f, \"p75\": %.2f}", name,
		(double)sorted_at(samples, n, 25) / packets,
		(double)sorted_at(samples, n, 50) / packets,
		(double)sorted_at(samples, n, 75) / packets);
}

static int
measure(struct cycles *cycles)
{
	const uint32_t per_group = 2 * LAPS_PER_GROUP * cycles->bursts;
	const uint32_t n = RTE_MAX(cycles->options->bursts / per_group, 1u);
	uint64_t *rx = calloc(n, sizeof(*rx)), *tx = calloc(n, sizeof(*tx));
	struct sample sample;
	uint32_t i;
	int ret = rx != NULL && tx != NULL ? 0 : -ENOMEM;

	for (i = 0; i < WARM_UP_GROUPS && ret == 0; i++)
		ret = measure_group(cycles, &sample);
	for (i = 0; i < n && ret == 0; i++) {
		ret = measure_group(cycles, &sample);
		rx[i] = sample.rx;
		tx[i] = sample.tx;
	}
	if (ret == 0) {
		sort(rx, n);
		sort(tx, n);
		printf("{\"mode\": \"cycles\", ");
		port_write_json(&cycles->port, stdout);
		printf(", \"groups\": %u, \"clock\": %" PRIu64 ", \"ghz\": %.3f", n, cycles->clock,
			rte_get_tsc_hz() / 1e9);
		write_quartiles("rx", rx, n, per_group * cycles->options->burst);
		write_quartiles("tx", tx, n, per_group * cycles->options->burst);
		printf("}\n");
	}
	free(rx);
	free(tx);
	return ret;
}

int
cycles_run(const struct options *options)
{
	struct cycles cycles = {
		.options = options,
		.bursts = options->ring / 2 / options->burst,
		.clock = cost_of_clock(),
	};
	int ret;

	cycles.mbufs = calloc(options->ring / 2, sizeof(*cycles.mbufs));
	if (cycles.mbufs == NULL)
		return -ENOMEM;
	ret = port_open(&cycles.port, options);
	if (ret == 0) {
		packets_init(&cycles.packets, cycles.port.pool, options);
		watchdog_stage("carrying packets");
		ret = null_device_wait() ? measure(&cycles) : -ETIMEDOUT;
		port_close(&cycles.port);
	}
	free(cycles.mbufs);
	return ret;
}
