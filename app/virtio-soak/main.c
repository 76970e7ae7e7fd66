/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rte_common.h>

#include "eal_start.h"
#include "resetter.h"
#include "soak.h"
#include "soak_common.h"
#include "standard_output.h"

#define WARM_UP_MIN 4u			/* episodes */
#define EPISODE_MS_MIN 500u
#define EPISODE_MS_MAX 30000u
#define OTHER_RING_SIZE 256u
#define OTHER_REST_US 1000u
/* Of the largest ports and their spare pools, where memory cannot grow. */
#define MEMORY (UINT64_C(256) << 20)

static double
seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

static void
on_signal(int signal __rte_unused)
{
	resetter_interrupted = 1;
}

static int
make_folder(struct soak *soak)
{
	int error;

	snprintf(soak->folder, sizeof(soak->folder), "/tmp/virtio-soak-XXXXXX");
	if (mkdtemp(soak->folder) != NULL)
		return 0;
	error = errno;
	fprintf(stderr, "cannot make the folder %s: %s\n", soak->folder, strerror(error));
	soak->folder[0] = '\0';
	return -error;
}

static int
start_eal(struct soak *soak)
{
	const struct eal_request request = {
		.memory = MEMORY,
		.grows = true,
		.no_huge = soak->options.no_huge,
		.verbose = soak->options.verbose,
	};
	struct eal_result result;
	int ret = eal_start(&request, &result);

	if (ret != 0)
		return ret;
	soak->hugepages = result.hugepages;
	soak->megabytes = result.megabytes;
	printf("%u minutes, seed %" PRIu64 ", %s, %u core%s\n", soak->options.minutes,
		soak->options.seed, result.memory, result.cores, result.cores == 1 ? "" : "s");
	return 0;
}

/* Its traffic is light: it shares a core with the other port's. */
static int
open_other(struct soak *soak)
{
	static char socket[96];
	static const uint16_t size = OTHER_RING_SIZE;
	const struct child_conf child = {
		.program = soak->options.backend, .path = socket, .queues = 1,
		.no_huge = !soak->hugepages,
	};
	const struct port_conf conf = {
		.socket = socket, .queues = 1, .ring_size_max = size, .ring_sizes = &size,
		.n_ring_sizes = 1,
	};

	snprintf(socket, sizeof(socket), "%s/other.sock", soak->folder);
	return soak_port_open(&soak->other, &child, &conf, LCORE_BACKEND, OTHER_REST_US);
}

static void
finish_other(struct soak *soak)
{
	char failure[256] = "";

	if (soak->other.runs)
		soak_port_finish(&soak->other, &soak->other_packets, failure, sizeof(failure));
	if (soak_port_close(&soak->other, failure, sizeof(failure)) == 0 && failure[0] == '\0' &&
			soak->other_packets.missing != 0)
		snprintf(failure, sizeof(failure), "packets are missing");
	if (failure[0] != '\0' && soak->failure[0] == '\0')
		snprintf(soak->failure, sizeof(soak->failure), "the other port: %s", failure);
}

static void
note_resources(struct soak *soak, bool is_warm)
{
	if (resources_read(&soak->last) != 0 && soak->failure[0] == '\0')
		snprintf(soak->failure, sizeof(soak->failure),
			"the number of open file descriptors is not constant after %u ms",
			RESOURCES_TIMEOUT_MS);
	if (!is_warm) {
		/* What is there once is there for good: the greatest value counts. */
		resources_max(&soak->warm, &soak->last);
		soak->warm_up = soak->episodes;
		return;
	}
	resources_max(&soak->top, &soak->last);
}

static void
run(struct soak *soak)
{
	const double start = seconds_now(), length = soak->options.minutes * 60.0;
	const double each = length * 1000 / soak->n_paths / 2;
	const uint64_t ms = RTE_MIN(RTE_MAX((uint64_t)each, EPISODE_MS_MIN), EPISODE_MS_MAX);
	const struct resource_rule *grown;
	double now = 0;

	while (now < length && !resetter_interrupted &&
			soak->failure[0] == '\0' &&
			soak_episode(soak, soak->episodes + 1, ms) == 0) {
		note_resources(soak, soak->episodes > WARM_UP_MIN && now > length / 4);
		now = seconds_now() - start;
	}
	soak->seconds = seconds_now() - start;
	soak->interrupted = resetter_interrupted;
	grown = resources_grown(&soak->warm, &soak->top);
	if (grown != NULL && soak->failure[0] == '\0')
		snprintf(soak->failure, sizeof(soak->failure), "%s: %" PRIu64 " after the warm-up, "
			"%" PRIu64 " later", grown->name, resources_value(&soak->warm, grown),
			resources_value(&soak->top, grown));
}

static int
run_all(struct soak *soak)
{
	int ret = make_folder(soak);

	/* Before EAL: children run on the cores that this process may run on. */
	if (ret == 0)
		ret = child_init();
	if (ret == 0)
		ret = start_eal(soak);
	if (ret != 0)
		return ret;
	soak_plan(soak);
	ret = open_other(soak);
	if (ret == 0)
		run(soak);
	finish_other(soak);
	eal_stop();
	return ret;
}

const char *
soak_verdict(const struct soak *soak)
{
	if (soak->failure[0] != '\0')
		return "FAILED";
	return soak->interrupted ? "INCOMPLETE" : "PASSED";
}

int
main(int argc, char **argv)
{
	static struct soak soak;
	const struct sigaction action = { .sa_handler = on_signal };
	int ret;

	standard_output_prepare();
	ret = soak_options_parse(&soak.options, argc, argv);
	if (ret != 0)
		return ret < 0 ? SOAK_NOT_TRIED :
			standard_output_check("virtio-soak") == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
	if (soak_check_json(&soak) != 0)
		return SOAK_NOT_TRIED;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	ret = run_all(&soak);
	child_exit();
	if (soak.folder[0] != '\0')
		rmdir(soak.folder);
	if (ret != 0)
		return SOAK_NOT_TRIED;
	soak_print(&soak);
	ret = soak_write_json(&soak);
	if (standard_output_check("virtio-soak") != 0 || ret != 0 || soak.failure[0] != '\0')
		return EXIT_FAILURE;
	return soak.interrupted ? SOAK_INCOMPLETE : EXIT_SUCCESS;
}
