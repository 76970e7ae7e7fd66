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
#include "packets.h"
#include "bench_port.h"
#include "sorted.h"
#include "turns.h"
#include "watchdog.h"

#define WARM_UP_MS 200u
#define TURN_WARM_UP_MS 5u
#define SILENCE_MS 1000u
#define BURSTS_PER_LOOK 64u
#define SAMPLES_MAX 65536u

struct rate {
	struct port port;
	struct packets packets;
	enum bench_direction direction;
	uint16_t burst;
	uint32_t milliseconds;
	struct rte_mbuf *unsent[BURST_MAX];	/* when transmitting only */
	uint16_t first, n_unsent;
	uint64_t *samples;	/* cycles of a round trip, when one packet goes round */
	uint32_t n_samples;
};

struct count {
	uint64_t packets;
	uint64_t bursts;	/* that carried any */
	uint64_t cycles;
	uint64_t waited;	/* of the cycles, those of calls that carried nothing */
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

/*
 * false: nothing was carried for SILENCE_MS.
 *
 * timed: constant; the calls that carry nothing are timed, which takes some of the time itself.
 */
static __rte_always_inline bool
carry(struct rate *rate, uint32_t ms, struct count *count, uint16_t (*once)(struct rate *rate),
		const bool timed)
{
	const uint64_t hz = rte_get_tsc_hz(), start = rte_rdtsc(), end = start + hz * ms / 1000;
	uint64_t now = start, last = start, before, begun = 0;
	uint32_t i;
	uint16_t n;

	*count = (struct count) { 0 };
	while (now < end) {
		before = count->packets;
		for (i = 0; i < BURSTS_PER_LOOK; i++) {
			if (timed)
				begun = rte_rdtsc();
			n = once(rate);
			count->packets += n;
			count->bursts += n != 0;
			if (timed && n == 0)
				count->waited += rte_rdtsc() - begun;
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

/* One packet is sent when it has come back. */
static bool
ping(struct rate *rate, uint32_t ms)
{
	const uint64_t hz = rte_get_tsc_hz(), end = rte_rdtsc() + hz * ms / 1000;
	const uint64_t silence = hz * SILENCE_MS / 1000;
	struct rte_mbuf *mbufs[BURST_MAX];
	uint64_t begun, now = 0;

	if (!packets_make(&rate->packets, mbufs, 1))
		return false;
	rate->n_samples = 0;
	while (now < end && rate->n_samples < SAMPLES_MAX) {
		begun = rte_rdtsc();
		while (rte_eth_tx_burst(rate->port.id, 0, mbufs, 1) == 0)
			if (rte_rdtsc() - begun > silence) {
				rte_pktmbuf_free(mbufs[0]);
				return false;
			}
		while (rte_eth_rx_burst(rate->port.id, 0, mbufs, rate->burst) == 0)
			if (rte_rdtsc() - begun > silence)
				return false;
		now = rte_rdtsc();
		rate->samples[rate->n_samples++] = now - begun;
	}
	rte_pktmbuf_free(mbufs[0]);
	return true;
}

static bool
carry_for(struct rate *rate, uint32_t ms, struct count *count, bool timed)
{
	switch (rate->direction) {
	case DIRECTION_RX:
		return timed ? carry(rate, ms, count, receive_once, true) :
			carry(rate, ms, count, receive_once, false);
	case DIRECTION_TX:
		return timed ? carry(rate, ms, count, transmit_once, true) :
			carry(rate, ms, count, transmit_once, false);
	case DIRECTION_PING:
		return ping(rate, ms);
	default:
		return timed ? carry(rate, ms, count, loop_once, true) :
			carry(rate, ms, count, loop_once, false);
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

/* The members that both kinds of runs have. */
static void
write_figures(struct rate *rate, const struct count *count, const struct count *warm_up)
{
	const double hz = rte_get_tsc_hz(), seconds = count->cycles / hz;

	if (rate->direction == DIRECTION_PING) {
		sort(rate->samples, rate->n_samples);
		printf("\"samples\": %u, \"p50_ns\": %.1f, \"p99_ns\": %.1f}\n", rate->n_samples,
			sorted_at(rate->samples, rate->n_samples, 50) / hz * 1e9,
			sorted_at(rate->samples, rate->n_samples, 99) / hz * 1e9);
		return;
	}
	printf("\"packets\": %" PRIu64 ", \"seconds\": %.6f, \"mpps\": %.4f, "
		"\"packets_per_burst\": %.2f, \"waiting\": %.4f}\n", count->packets, seconds,
		count->packets / seconds / 1e6,
		count->bursts > 0 ? (double)count->packets / count->bursts : 0.0,
		(double)warm_up->waited / RTE_MAX(warm_up->cycles, UINT64_C(1)));
}

/* Warms up, in which the waiting is measured, and measures. */
static int
measure(struct rate *rate, uint32_t warm_up_ms, struct count *count, struct count *warm_up)
{
	watchdog_stage("carrying packets");
	if (carry_for(rate, warm_up_ms, warm_up, true) &&
			carry_for(rate, rate->milliseconds, count, false))
		return 0;
	fprintf(stderr, "no packet for %u ms\n", SILENCE_MS);
	return -ETIMEDOUT;
}

static int
run_once(struct rate *rate)
{
	struct count count = { 0 }, warm_up = { 0 };
	int ret = measure(rate, WARM_UP_MS, &count, &warm_up);

	if (ret != 0)
		return ret;
	printf("{\"mode\": \"rate\", ");
	port_write_json(&rate->port, stdout);
	printf(", ");
	write_figures(rate, &count, &warm_up);
	return 0;
}

static int
take_turn(void *arg, const char *line __rte_unused)
{
	struct rate *rate = arg;
	struct count count = { 0 }, warm_up = { 0 };
	int ret = measure(rate, TURN_WARM_UP_MS, &count, &warm_up);

	if (ret != 0)
		return ret;
	printf("{");
	write_figures(rate, &count, &warm_up);
	return 0;
}

int
rate_run(const struct options *options)
{
	struct rate rate = {
		.direction = options->direction, .burst = options->burst,
		.milliseconds = options->milliseconds,
	};
	int ret;

	ret = port_open(&rate.port, options);
	if (ret != 0)
		return ret;
	packets_init(&rate.packets, rate.port.pool, options);
	rate.samples = calloc(SAMPLES_MAX, sizeof(*rate.samples));
	ret = rate.samples == NULL ? -ENOMEM : prime(&rate);
	if (ret == 0 && options->turns) {
		printf("{\"mode\": \"rate\", ");
		port_write_json(&rate.port, stdout);
		printf("}\n");
		ret = turns_take(take_turn, &rate);
	} else if (ret == 0) {
		ret = run_once(&rate);
	}
	rte_pktmbuf_free_bulk(rate.unsent + rate.first, rate.n_unsent);
	free(rate.samples);
	port_close(&rate.port);
	return ret;
}
