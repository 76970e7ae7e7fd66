/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <rte_common.h>
#include <rte_version.h>

#include "soak.h"

static const struct {
	const char *name;
	uint32_t per_mille;
} percentiles[] = { { "p50", 500 }, { "p99", 990 }, { "p99.9", 999 } };

static const char *
method(const struct soak_path *path)
{
	return path->disable ? "disable" : "get_base";
}

static void
print_paths(const struct soak *soak)
{
	uint32_t i;

	printf("\n%-44s %-8s %8s %7s %10s %8s\n", "path", "method", "episodes", "resets", "packets",
		"dropped");
	for (i = 0; i < soak->n_paths; i++) {
		const struct soak_path *path = &soak->path[i];

		if (path->episodes != 0)
			printf("%-44s %-8s %8u %7" PRIu64 " %10" PRIu64 " %8" PRIu64 "\n",
				path->name, method(path), path->episodes, path->resets,
				path->packets.received,
				path->packets.tx_dropped + path->packets.rx_dropped);
	}
}

static void
print_times(const char *name, const struct times *times)
{
	unsigned int i;

	printf("%-14s", name);
	for (i = 0; i < RTE_DIM(percentiles); i++)
		printf(" %s %.1f", percentiles[i].name,
			times_percentile(times, percentiles[i].per_mille) / 1e3);
	printf(" max %.1f us, of %" PRIu64 " single rings\n", times->max / 1e3, times->n);
}

static void
print_resources(const struct soak *soak)
{
	unsigned int i;

	printf("\n%-12s %14s %14s %14s %12s\n", "", "after warm-up", "greatest later", "at the end",
		"may grow by");
	for (i = 0; i < RESOURCE_RULES; i++) {
		const struct resource_rule *rule = &resource_rules[i];

		printf("%-12s %14" PRIu64 " %14" PRIu64 " %14" PRIu64 " %12" PRIu64 "\n",
			rule->name, resources_value(&soak->warm, rule),
			resources_value(&soak->top, rule), resources_value(&soak->last, rule),
			rule->allowance);
	}
}

/* One line for each test, as devtools/count-tests.py counts them. */
static void
print_tests(const struct soak *soak)
{
	uint32_t i;

	printf("\n");
	if (soak->failure[0] != '\0') {
		printf("FAILED soak");
		if (soak->failed_in != 0)
			printf(": episode %u of seed %" PRIu64 " (%s, %s)", soak->failed_in,
				soak->options.seed,
				soak->path[(soak->failed_in - 1) % soak->n_paths].name,
				method(&soak->path[(soak->failed_in - 1) % soak->n_paths]));
		printf(": %s\n", soak->failure);
		return;
	}
	for (i = 0; i < soak->n_paths; i++) {
		if (soak->path[i].resets != 0)
			printf("ok soak of %s by %s\n", soak->path[i].name, method(&soak->path[i]));
	}
	printf("ok soak: every packet and buffer is accounted for\n");
	printf("ok soak: the other port has lost nothing\n");
	if (soak->episodes > soak->warm_up)
		printf("ok soak: memory, file descriptors and threads have not grown\n");
	else
		printf("skipped soak: growth: no episode after the warm-up\n");
	if (!soak->hugepages)
		printf("skipped soak: memory that is added: there are no hugepages\n");
}

void
soak_print(const struct soak *soak)
{
	const struct soak_events *events = &soak->events;

	print_paths(soak);
	printf("\n%" PRIu64 " queue resets in %u episodes, %.0f s, %u of them warm-up%s\n",
		soak->resets, soak->episodes, soak->seconds, soak->warm_up,
		soak->interrupted ? " (ended by a signal)" : "");
	printf("back-ends: %u killed, %u stopped for %.0f s in all, %u with a log that was not "
		"read, %u of which filled its pipe, %u on one core\n", events->kills,
		events->stops, events->stopped_ms / 1e3, events->unread, events->filled,
		events->one_core);
	printf("%u pools in memory mapped under traffic, %u resets of a port after a kill, %u "
		"queue calls again after a time-out\n", events->pools, events->port_resets,
		events->calls_again);
	print_times("stop", &soak->stop);
	print_times("start", &soak->start);
	print_times("stop, beside", &soak->stop_beside);
	print_times("start, beside", &soak->start_beside);
	print_resources(soak);
	print_tests(soak);
	printf("%s: seed %" PRIu64 "\n", soak_verdict(soak), soak->options.seed);
}

static void
write_packets(FILE *file, const struct soak_packets *packets)
{
	fprintf(file, "\"sent\": %" PRIu64 ", \"received\": %" PRIu64 ", \"tx_dropped\": %" PRIu64
		", \"rx_dropped\": %" PRIu64 ", \"missing\": %" PRIu64, packets->sent,
		packets->received, packets->tx_dropped, packets->rx_dropped, packets->missing);
}

static void
write_paths(FILE *file, const struct soak *soak)
{
	uint32_t i;

	fprintf(file, "  \"paths\": [");
	for (i = 0; i < soak->n_paths; i++) {
		const struct soak_path *path = &soak->path[i];

		fprintf(file, "%s\n    {\"packed\": %s, \"in_order\": %s, \"mergeable\": %s, "
			"\"simd_bits\": %u, \"method\": \"%s\", \"name\": \"%s\", "
			"\"episodes\": %u, \"resets\": %" PRIu64 ", ", i == 0 ? "" : ",",
			path->packed ? "true" : "false", path->in_order ? "true" : "false",
			path->mergeable ? "true" : "false", path->simd_bits, method(path),
			path->name, path->episodes, path->resets);
		write_packets(file, &path->packets);
		fprintf(file, "}");
	}
	fprintf(file, "\n  ],\n");
}

static void
write_times(FILE *file, const char *name, const struct times *times)
{
	unsigned int i;

	fprintf(file, "  \"%s_us\": {\"n\": %" PRIu64, name, times->n);
	for (i = 0; i < RTE_DIM(percentiles); i++)
		fprintf(file, ", \"%s\": %.3f", percentiles[i].name,
			times_percentile(times, percentiles[i].per_mille) / 1e3);
	fprintf(file, ", \"max\": %.3f},\n", times->max / 1e3);
}

static void
write_resources(FILE *file, const struct soak *soak)
{
	unsigned int i;

	fprintf(file, "  \"resources\": {");
	for (i = 0; i < RESOURCE_RULES; i++) {
		const struct resource_rule *rule = &resource_rules[i];

		fprintf(file, "%s\n    \"%s\": {\"warm\": %" PRIu64 ", \"greatest\": %" PRIu64
			", \"last\": %" PRIu64 ", \"allowance\": %" PRIu64 "}", i == 0 ? "" : ",",
			rule->name, resources_value(&soak->warm, rule),
			resources_value(&soak->top, rule), resources_value(&soak->last, rule),
			rule->allowance);
	}
	fprintf(file, "\n  },\n");
}

static void
write_string(FILE *file, const char *text)
{
	fputc('"', file);
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', file);
		fputc((unsigned char)*text < 0x20 ? ' ' : *text, file);
	}
	fputc('"', file);
}

static void
write_all(FILE *file, const struct soak *soak)
{
	const struct soak_events *events = &soak->events;

	fprintf(file, "{\n  \"program\": \"virtio-soak\",\n  \"dpdk\": \"%s\",\n"
		"  \"minutes\": %u,\n  \"seed\": %" PRIu64 ",\n  \"hugepages\": %s,\n"
		"  \"seconds\": %.3f,\n"
		"  \"episodes\": %u,\n  \"warm_up_episodes\": %u,\n  \"resets\": %" PRIu64 ",\n",
		rte_version(), soak->options.minutes, soak->options.seed,
		soak->hugepages ? "true" : "false", soak->seconds, soak->episodes, soak->warm_up,
		soak->resets);
	fprintf(file, "  \"events\": {\"kills\": %u, \"stops\": %u, \"stopped_ms\": %" PRIu64
		", \"unread\": %u, \"filled\": %u, \"one_core\": %u, \"pools\": %u, "
		"\"port_resets\": %u, \"calls_again\": %u},\n", events->kills, events->stops,
		events->stopped_ms, events->unread, events->filled, events->one_core,
		events->pools, events->port_resets, events->calls_again);
	write_paths(file, soak);
	fprintf(file, "  \"other_port\": {");
	write_packets(file, &soak->other_packets);
	fprintf(file, "},\n");
	write_times(file, "stop", &soak->stop);
	write_times(file, "start", &soak->start);
	write_times(file, "stop_beside", &soak->stop_beside);
	write_times(file, "start_beside", &soak->start_beside);
	write_resources(file, soak);
	fprintf(file, "  \"failure\": ");
	write_string(file, soak->failure);
	fprintf(file, ",\n  \"verdict\": \"%s\",\n  \"passed\": %s\n}\n", soak_verdict(soak),
		strcmp(soak_verdict(soak), "PASSED") == 0 ? "true" : "false");
}

static int
json_error(const struct soak *soak, int error)
{
	if (error != 0)
		fprintf(stderr, "--json %s: cannot write there: %s\n", soak->options.json,
			strerror(error));
	return -error;
}

int
soak_check_json(const struct soak *soak)
{
	FILE *file;

	if (soak->options.json == NULL)
		return 0;
	/* What an earlier run wrote stays until this one has figures. */
	file = fopen(soak->options.json, "ae");
	return json_error(soak, file == NULL || fclose(file) != 0 ? errno : 0);
}

int
soak_write_json(const struct soak *soak)
{
	FILE *file;
	int error = 0;

	if (soak->options.json == NULL)
		return 0;
	file = fopen(soak->options.json, "we");
	if (file != NULL) {
		write_all(file, soak);
		if (fflush(file) != 0 || ferror(file) != 0)
			error = EIO;
		if (fclose(file) != 0)
			error = EIO;
	} else {
		error = errno;
	}
	return json_error(soak, error);
}
