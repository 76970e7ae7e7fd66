/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>

#include "modes.h"
#include "packets.h"
#include "port.h"
#include "watchdog.h"

#define WARM_UP_MS 200u
#define SILENCE_MS 1000u
#define BURSTS_PER_LOOK 64u

struct rate {
	struct port port;
	struct packets packets;
	enum bench_direction direction;
	uint16_t burst;
	struct rte_mbuf *unsent[BURST_MAX];	/* when transmitting only */
	uint16_t first, n_unsent;
};

struct count {
	uint64_t packets;
	uint64_t bursts;	/* that carried any */
	uint64_t cycles;
};

static uint16_t
loop_once(struct rate *rate)
{
	struct rte_mbuf *mbufs[BURST_MAX];
	uint16_t n, sent = 0;

	n = rte_eth_rx_burst(rate->port.id, 0, mbufs, rate->burst);
	/* Ends: fewer are under way than either ring holds, and the watchdog stands behind. */
	while (sent < n)
		sent += rte_eth_tx_burst(rate->port.id, 0, mbufs + sent, n - sent);
	return n;
}

static uint16_t
receive_once(struct rate *rate)
{
	struct rte_mbuf *mbufs[BURST_MAX];
	uint16_t n;

	n = rte_eth_rx_burst(rate->port.id, 0, mbufs, rate->burst);
	rte_pktmbuf_free_bulk(mbufs, n);
	return n;
}

static uint16_t
transmit_once(struct rate *rate)
{
	uint16_t n;

	if (rate->n_unsent == 0) {
		if (!packets_make(&rate->packets, rate->unsent, rate->burst))
			return 0;
		rate->first = 0;
		rate->n_unsent = rate->burst;
	}
	n = rte_eth_tx_burst(rate->port.id, 0, rate->unsent + rate->first, rate->n_unsent);
	rate->first += n;
	rate->n_unsent -= n;
	return n;
}

static __rte_always_inline bool
carry(struct rate *rate, uint32_t ms, struct count *count, uint16_t (*once)(struct rate *rate))
{
	const uint64_t hz = rte_get_tsc_hz(), start = rte_rdtsc(), end = start + hz * ms / 1000;
	uint64_t now = start, last = start, before;
	uint32_t i;
	uint16_t n;

	*count = (struct count) { 0 };
	while (now < end) {
		before = count->packets;
		for (i = 0; i < BURSTS_PER_LOOK; i++) {
			n = once(rate);
			count->packets += n;
			count->bursts += n != 0;
		}
		now = rte_rdtsc();
		if (count->packets != before)
			last = now;
		else if (now - last > hz * SILENCE_MS / 1000)
			return false;
	}
	count->cycles = now - start;
	return true;
}

static bool
carry_for(struct rate *rate, uint32_t ms, struct count *count)
{
	switch (rate->direction) {
	case DIRECTION_RX:
		return carry(rate, ms, count, receive_once);
	case DIRECTION_TX:
		return carry(rate, ms, count, transmit_once);
	default:
		return carry(rate, ms, count, loop_once);
	}
}

/* Half a ring of packets is under way, so that no ring is ever full. */
static int
prime(struct rate *rate)
{
	struct rte_mbuf *mbufs[BURST_MAX];
	uint32_t left = rate->port.ring / 2;
	uint16_t n, sent;

	if (rate->direction != DIRECTION_LOOP)
		return 0;
	while (left > 0) {
		n = RTE_MIN(left, (uint32_t)rate->burst);
		if (!packets_make(&rate->packets, mbufs, n))
			return -ENOMEM;
		for (sent = 0; sent < n; )
			sent += rte_eth_tx_burst(rate->port.id, 0, mbufs + sent, n - sent);
		left -= n;
	}
	return 0;
}

static void
write_json(const struct rate *rate, const struct count *count)
{
	double seconds = (double)count->cycles / rte_get_tsc_hz();

	printf("{\"mode\": \"rate\", ");
	port_write_json(&rate->port, stdout);
	printf(", \"packets\": %" PRIu64 ", \"seconds\": %.6f, \"mpps\": %.4f, "
		"\"packets_per_burst\": %.2f}\n", count->packets, seconds,
		count->packets / seconds / 1e6,
		count->bursts > 0 ? (double)count->packets / count->bursts : 0.0);
}

int
rate_run(const struct options *options)
{
	struct rate rate = { .direction = options->direction, .burst = options->burst };
	struct count count;
	int ret;

	ret = port_open(&rate.port, options);
	if (ret != 0)
		return ret;
	packets_init(&rate.packets, rate.port.pool, options);
	watchdog_stage("carrying packets");
	ret = prime(&rate);
	if (ret == 0 && (!carry_for(&rate, WARM_UP_MS, &count) ||
			!carry_for(&rate, options->milliseconds, &count))) {
		fprintf(stderr, "no packet for %u ms\n", SILENCE_MS);
		ret = -ETIMEDOUT;
	}
	if (ret == 0)
		write_json(&rate, &count);
	rte_pktmbuf_free_bulk(rate.unsent + rate.first, rate.n_unsent);
	port_close(&rate.port);
	return ret;
}
