/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_cycles.h>

#include "modes.h"
#include "bench_port.h"
#include "sorted.h"
#include "watchdog.h"
#include "ways.h"

/* The moments between the steps of one round. */
enum {
	STOP,
	SET_UP,
	START,
	STEPS,
};

struct life {
	struct ways ways;
	const struct options *options;
	uint64_t *times[STEPS + 1];	/* the last one: all steps together */
};

/* Each queue in turn, every lap with the other pool; a port every time. */
static int
live_once(struct life *life, uint32_t round, uint64_t at[STEPS + 1])
{
	const uint16_t pairs = life->ways.port.pairs, queue = round % pairs;
	const bool whole_port = life->options->way == WAY_PORT;
	const bool other = ((whole_port ? round : round / pairs) + 1) % 2 != 0;
	int ret;

	at[0] = rte_rdtsc();
	ret = ways_stop(&life->ways, queue);
	at[1] = rte_rdtsc();
	if (ret == 0)
		ret = ways_set_up(&life->ways, queue, other);
	at[2] = rte_rdtsc();
	if (ret == 0)
		ret = ways_start(&life->ways, queue, other);
	at[3] = rte_rdtsc();
	return ret;
}

static int
live(struct life *life)
{
	const uint32_t pairs = life->ways.port.pairs;
	uint64_t at[STEPS + 1];
	uint32_t i, s;
	int ret;

	/* The first lap is not counted: its memory is touched for the first time. */
	for (i = 0; i < pairs; i++) {
		ret = live_once(life, i, at);
		if (ret != 0)
			return ret;
	}
	for (i = 0; i < life->options->rounds; i++) {
		watchdog_rounds(i, life->options->rounds);
		ret = live_once(life, pairs + i, at);
		if (ret != 0)
			return ret;
		for (s = 0; s < STEPS; s++)
			life->times[s][i] = at[s + 1] - at[s];
		life->times[STEPS][i] = at[STEPS] - at[0];
	}
	return 0;
}

static void
write_json(const struct life *life)
{
	static const char *const names[] = { "stop", "set_up", "start", "all" };
	const double us = rte_get_tsc_hz() / 1e6;
	const uint32_t n = life->options->rounds;
	uint32_t s;

	printf("{\"mode\": \"life\", ");
	port_write_json(&life->ways.port, stdout);
	for (s = 0; s <= STEPS; s++) {
		sort(life->times[s], n);
		printf(", \"%s_us\": {\"p50\": %.3f, \"p99\": %.3f, \"max\": %.3f}", names[s],
			sorted_at(life->times[s], n, 50) / us,
			sorted_at(life->times[s], n, 99) / us,
			sorted_at(life->times[s], n, 100) / us);
	}
	printf(", \"rounds\": %u}\n", n);
}

int
life_run(const struct options *options)
{
	struct life life = { .options = options };
	uint32_t s;
	int ret;

	ret = ways_open(&life.ways, options);
	if (ret != 0)
		return ret;
	watchdog_stage("stopping and starting");
	for (s = 0; s <= STEPS; s++) {
		life.times[s] = calloc(options->rounds, sizeof(*life.times[s]));
		if (life.times[s] == NULL)
			ret = -ENOMEM;
	}
	if (ret == 0)
		ret = live(&life);
	if (ret == 0)
		write_json(&life);
	for (s = 0; s <= STEPS; s++)
		free(life.times[s]);
	port_close(&life.ways.port);
	return ret;
}
