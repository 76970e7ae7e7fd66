/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "soak.h"
#include "soak_common.h"
#include "soak_options.h"

#define MINUTES_MAX 10080u	/* a week */

static const char help_text[] =
"virtio-soak: resets queues of a virtio-user port under traffic for a long time, on every path\n"
"of the driver and by both methods, with back-ends that are killed and stopped meanwhile, and\n"
"shows that no packet and no buffer is lost and that nothing grows.\n"
"\n"
"Usage: virtio-soak --minutes N --backend PROGRAM [options]\n"
"\n"
"  --minutes N        how long\n"
"  --backend PROGRAM  virtio-loopback, which serves as the back-end in processes of its own\n"
"  --seed N           repeats the choices of another run (default: of the time; it is printed)\n"
"  --json FILE        write all figures there\n"
"  --no-huge          do without hugepages even if there are some; then memory cannot be added\n"
"                     and taken away\n"
"  --verbose          what the driver says, and EAL\n"
"  -h, --help         this text\n"
"  --version          the versions of this program and of DPDK\n"
"\n"
"The run consists of episodes. Each makes a port, with a path, method, number of queues, ring\n"
"size, pools, offloads, drain and time limit that the seed gives, resets single rings as fast as\n"
"it can, closes the port, and accounts for all packets and buffers. Between resets a back-end is\n"
"killed and replaced, or stopped by SIGSTOP for 1 to 30 seconds, mostly a few, or what\n"
"it logs is not read, or a pool is put into memory that EAL has just mapped. Some back-ends have\n"
"one core for all of their threads. A port that listens has to run again without a call, and\n"
"one that connects after one reset of the port. Meanwhile a second port, with another back-end,\n"
"has to lose nothing.\n"
"\n"
"After each episode, file descriptors, threads, memzones and memory are compared with those after\n"
"the warm-up, which is the first quarter of the time, and four episodes at least.\n"
"\n"
"Exit status: 0 if nothing was lost and nothing has grown, 1 if not, 2 if nothing was tried, 3\n"
"if a signal ended the run and nothing was wrong until then.\n";

static const struct option long_options[] = {
	{ "minutes", required_argument, NULL, 'm' },
	{ "seed", required_argument, NULL, 's' },
	{ "json", required_argument, NULL, 'j' },
	{ "backend", required_argument, NULL, 'b' },
	{ "no-huge", no_argument, NULL, 'n' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

static int
take(void *values, int option)
{
	struct soak_options *options = values;
	uint64_t number = 0;
	int ret;

	switch (option) {
	case 'm':
		ret = soak_parse_number("minutes", optarg, 1, MINUTES_MAX, &number);
		options->minutes = number;
		return ret;
	case 's':
		return soak_parse_number("seed", optarg, 0, UINT64_MAX, &options->seed);
	case 'b':
		return soak_parse_backend(&options->backend);
	case 'j':
		options->json = optarg;
		return 0;
	case 'n':
		options->no_huge = true;
		return 0;
	default:
		options->verbose = true;
		return 0;
	}
}

int
soak_options_parse(struct soak_options *options, int argc, char **argv)
{
	static const struct soak_parser parser = {
		.program = "virtio-soak", .help = help_text, .options = long_options, .take = take,
	};
	int ret;

	*options = (struct soak_options) { .seed = (uint64_t)time(NULL) };
	ret = soak_parse(&parser, options, argc, argv);
	if (ret != 0)
		return ret;
	if (options->minutes == 0 || options->backend == NULL) {
		fprintf(stderr, "--minutes N and --backend PROGRAM are needed; "
			"virtio-soak --help says for what\n");
		return -EINVAL;
	}
	return 0;
}
