/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "secondaries.h"
#include "soak_common.h"
#include "soak_options.h"

#define SECONDS_MAX 100000u

static const char help_text[] =
"virtio-soak-secondaries: resets queues of a virtio-user port that a secondary process polls, and\n"
"kills that process meanwhile, again and again, on random paths of the driver; shows that no\n"
"buffer is given back twice, that none is lost but what a killed process had in hand, and\n"
"that nothing grows.\n"
"\n"
"Usage: virtio-soak-secondaries --seconds N --backend PROGRAM [--seed N] [--verbose]\n"
"\n"
"  --seconds N        how long\n"
"  --backend PROGRAM  virtio-loopback, which serves as the back-end in processes of its own\n"
"  --seed N           repeats the ports of another run (default: of the time; it is printed)\n"
"  --verbose          what the driver says, and EAL, in the primary process\n"
"  -h, --help         this text\n"
"  --version          the versions of this program and of DPDK\n"
"\n"
"It takes root, hugepages, pidfd_open(2) and DPDK's " POOL_OPS ", and is skipped without one.\n"
"\n"
"Exit status: 0 if all was right, or it was skipped; 1 if not; 2 if nothing was tried, as options\n"
"are wrong or EAL does not start; 3 if a signal ended the run and nothing was wrong until then.\n";

static const struct option long_options[] = {
	{ "seconds", required_argument, NULL, 's' },
	{ "backend", required_argument, NULL, 'b' },
	{ "seed", required_argument, NULL, 'r' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

static int
take(void *values, int option)
{
	struct secondaries_options *options = values;
	uint64_t number = 0;
	int ret;

	switch (option) {
	case 's':
		ret = soak_parse_number("seconds", optarg, 1, SECONDS_MAX, &number);
		options->seconds = number;
		return ret;
	case 'r':
		return soak_parse_number("seed", optarg, 0, UINT64_MAX, &options->seed);
	case 'b':
		return soak_parse_backend(&options->backend);
	default:
		options->verbose = true;
		return 0;
	}
}

int
secondaries_options_parse(struct secondaries_options *options, int argc, char **argv)
{
	static const struct soak_parser parser = {
		.program = "virtio-soak-secondaries", .help = help_text, .options = long_options,
		.take = take,
	};
	int ret;

	*options = (struct secondaries_options) { .seed = (uint64_t)time(NULL) };
	ret = soak_parse(&parser, options, argc, argv);
	if (ret != 0)
		return ret;
	if (options->seconds == 0 || options->backend == NULL) {
		fprintf(stderr, "--seconds N and --backend PROGRAM are needed; "
			"virtio-soak-secondaries --help says for what\n");
		return -EINVAL;
	}
	return 0;
}
