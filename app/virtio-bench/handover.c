/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * What it costs at the least to hand memory from one core to another, whatever is in it: a ring
 * between a driver and a device on another core cannot be cheaper. One line to and fro, each side
 * waiting for the other, is the time of a transfer. Many lines at once, as a burst's are, overlap.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_cycles.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_pause.h>

#include "modes.h"
#include "sorted.h"
#include "turns.h"
#include "watchdog.h"

#define LINES  64u   /* of a batch */
#define ROUNDS 200u  /* of a sample */
#define SAMPLES 200u
#define TURN_SAMPLES 20u

struct line {
	uint64_t word;
} __rte_cache_aligned;

struct handover {
	struct line turn;		/* whose it is: even, the main lcore's */
	struct line lines[LINES];
	uint32_t n;			/* lines handed over each time, beside the turn's */
	uint32_t samples;
};

/* Takes all lines over, and makes them this core's own. */
static void
take_over(struct handover *handover)
{
	uint32_t i;

	for (i = 0; i < handover->n; i++)
		handover->lines[i].word++;
}

/* Both sides do the same, in turn: one waits until the other is done. */
static void
play(struct handover *handover, uint64_t first, uint64_t rounds)
{
	uint64_t turn;

	for (turn = first; turn < first + 2 * rounds; turn += 2) {
		while (__atomic_load_n(&handover->turn.word, __ATOMIC_ACQUIRE) != turn)
			rte_pause();
		take_over(handover);
		__atomic_store_n(&handover->turn.word, turn + 1, __ATOMIC_RELEASE);
	}
}

static int
other_side(void *arg)
{
	const struct handover *handover = arg;

	play(arg, 1, (uint64_t)ROUNDS * handover->samples);
	return 0;
}

/* Cycles of one hand-over, median. */
static double
measure(struct handover *handover, unsigned int lcore, uint32_t lines)
{
	uint64_t samples[SAMPLES];
	uint64_t start;
	uint32_t i;

	handover->turn.word = 0;
	handover->n = lines;
	if (rte_eal_remote_launch(other_side, handover, lcore) != 0)
		return 0;
	for (i = 0; i < handover->samples; i++) {
		start = rte_rdtsc_precise();
		play(handover, (uint64_t)i * 2 * ROUNDS, ROUNDS);
		samples[i] = rte_rdtsc_precise() - start;
	}
	rte_eal_wait_lcore(lcore);
	sort(samples, handover->samples);
	return (double)sorted_at(samples, handover->samples, 50) / (2 * ROUNDS);
}

static int
take_turn(void *arg, const char *line __rte_unused)
{
	double cycles;

	watchdog_stage("handing lines over");
	cycles = measure(arg, rte_get_next_lcore(-1, 1, 0), 0);
	printf("{\"alone\": %.1f}\n", cycles);
	return 0;
}

static void
run_once(struct handover *handover)
{
	const unsigned int lcore = rte_get_next_lcore(-1, 1, 0);
	double one, many;

	watchdog_stage("handing lines over");
	one = measure(handover, lcore, 0);
	many = measure(handover, lcore, LINES);
	printf("{\"mode\": \"handover\", \"ghz\": %.3f, \"alone\": %.1f, \"of_many\": %.2f}\n",
	       rte_get_tsc_hz() / 1e9, one, (many - one) / LINES);
}

int
handover_run(const struct options *options)
{
	struct handover *handover;
	int ret = 0;

	if (rte_lcore_count() < 2) {
		fprintf(stderr, "two lcores are wanted\n");
		return -EINVAL;
	}
	handover = rte_zmalloc("handover", sizeof(*handover), RTE_CACHE_LINE_SIZE);
	if (handover == NULL)
		return -ENOMEM;
	handover->samples = options->turns ? TURN_SAMPLES : SAMPLES;
	if (options->turns) {
		printf("{\"mode\": \"handover\", \"ghz\": %.3f}\n", rte_get_tsc_hz() / 1e9);
		ret = turns_take(take_turn, handover);
	} else {
		run_once(handover);
	}
	rte_free(handover);
	return ret;
}
