/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include <rte_common.h>
#include <rte_ether.h>
#include <rte_version.h>

#include "bench_options.h"

static const char help_text[] =
"virtio-bench: one measurement of a virtio port, as one line of JSON.\n"
"\n"
"Usage: virtio-bench [EAL options] -- MODE [options]\n"
"\n"
"It measures EAL's first port, a --vdev net_virtio_user0,path=SOCKET,... of whichever driver\n"
"EAL finds first: the packaged one, or a plug-in given with -d. devtools/run-bench.sh runs it\n"
"for both in turn, with their back-ends, and compares.\n"
"\n"
"Modes:\n"
"  rate     packets per second: --direction, --size, --burst, --ms, --turns\n"
"  steps    exact instructions per packet of rx_burst and tx_burst, counted by single-stepping\n"
"           full bursts: --bursts, --size, --burst\n"
"  cycles   cycles per packet of rx_burst and tx_burst, with --null: --bursts, --size, --burst\n"
"  life     duration of stopping, setting up and starting: --way, --rounds, --pairs\n"
"  timeline packets that each queue receives in each millisecond, and loses, while one of them is\n"
"           reconfigured: --way, --rounds, --pairs, --ms, --burst, --pace. Wants a second lcore,\n"
"           and a back-end that sends all back on the same pair, as serve and virtio-loopback\n"
"  handover cycles that it takes to hand a cache line to another core: one alone, and one of a\n"
"           batch of 64. No port; two lcores. With --turns of one alone\n"
"  serve    the other side: a back-end on the port --vdev net_vhost0,iface=SOCKET, until SIGTERM.\n"
"           Says \"ready\": --direction, --size, --pairs, --turns\n"
"\n"
"Options:\n"
"  --direction NAME  loop (default), rx, tx: what this side does; for serve also idle; for rate\n"
"                    also ping, the nanoseconds in which one packet goes round\n"
"  --way NAME        rx-queue (default), tx-queue: one queue, a receive queue with another pool;\n"
"                    port: stop, configure so that the device is reset, set-up of all, start;\n"
"                    plain: port stop and start\n"
"  --size N          bytes of a packet, 60 to 1518 (default 64), or imix: 7 of 64, 4 of 570 and\n"
"                    1 of 1518\n"
"  --burst N         1 to 64 (default 32)\n"
"  --ring N          descriptors of each queue (default 256)\n"
"  --pairs N         queue pairs, 1 to 128 (default 1)\n"
"  --ms N            time measured, for timeline between two (default 1000)\n"
"  --pace US         timeline sends a burst on each queue, and sleeps until the next one, so many\n"
"                    microseconds after it (default: as fast as it goes, without a sleep)\n"
"  --bursts N        full bursts counted each way (default 16)\n"
"  --rounds N        of a queue's or port's life (default 100)\n"
"  --null PATH       listen at PATH, in this process, as a vhost-user device that costs nothing:\n"
"                    it turns descriptors round, between the bursts, and copies no packet.\n"
"                    With steps and cycles\n"
"  --order NAME      in which that device uses buffers: turn (default), as they were made\n"
"                    available; random; one: the first two of each burst change places; once:\n"
"                    those of the first burst did, and none since. With steps\n"
"  --turns           rate and handover: a measurement for each line on stdin, until its end,\n"
"                    after a line that says what is measured. serve: the line is the number of\n"
"                    the port that is served from then on, of up to two, or none\n"
"  --deadline S      end, and say where, after so many seconds (default 60)\n"
"  -h, --help        this text\n"
"  --version         the versions of this program and of DPDK\n"
"\n"
"Exit status: 0 for a whole measurement; 1 if nothing could be measured, or the result could not\n"
"be written; 2 for wrong options; 3 if the deadline or a signal ended it, which it then says.\n";

enum {
	OPT_DIRECTION = 1, OPT_WAY, OPT_SIZE, OPT_BURST, OPT_RING, OPT_PAIRS, OPT_MS, OPT_PACE,
	OPT_BURSTS, OPT_ROUNDS, OPT_NULL, OPT_ORDER, OPT_TURNS, OPT_DEADLINE, OPT_VERSION,
	OPT_HELP = 'h',
};

static const struct option long_options[] = {
	{ "direction", required_argument, NULL, OPT_DIRECTION },
	{ "way", required_argument, NULL, OPT_WAY },
	{ "size", required_argument, NULL, OPT_SIZE },
	{ "burst", required_argument, NULL, OPT_BURST },
	{ "ring", required_argument, NULL, OPT_RING },
	{ "pairs", required_argument, NULL, OPT_PAIRS },
	{ "ms", required_argument, NULL, OPT_MS },
	{ "pace", required_argument, NULL, OPT_PACE },
	{ "bursts", required_argument, NULL, OPT_BURSTS },
	{ "rounds", required_argument, NULL, OPT_ROUNDS },
	{ "null", required_argument, NULL, OPT_NULL },
	{ "order", required_argument, NULL, OPT_ORDER },
	{ "turns", no_argument, NULL, OPT_TURNS },
	{ "deadline", required_argument, NULL, OPT_DEADLINE },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 },
};

static const char *const modes[] = { "rate", "steps", "cycles", "life", "timeline",
	"handover", "serve" };
static const char *const directions[] = { "loop", "rx", "tx", "idle", "ping" };
static const char *const ways[] = { "rx-queue", "tx-queue", "port", "plain" };
static const char *const orders[] = { "turn", "random", "one", "once" };

static int
parse_number(const char *name, const char *text, uint32_t min, uint32_t max, uint32_t *value)
{
	unsigned long number;
	char *end;

	errno = 0;
	number = strtoul(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || text[0] == '-' ||
			number < min || number > max) {
		fprintf(stderr, "--%s %s: must be a number from %u to %u\n", name, text, min, max);
		return -EINVAL;
	}
	*value = number;
	return 0;
}

/* The index of a name in a list of them. */
static int
parse_name(const char *what, const char *text, const char *const *names, uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		if (strcmp(text, names[i]) == 0)
			return i;
	fprintf(stderr, "%s %s: must be one of", what, text);
	for (i = 0; i < n; i++)
		fprintf(stderr, " %s", names[i]);
	fprintf(stderr, "\n");
	return -EINVAL;
}

static int
parse_size(struct options *options, const char *text)
{
	static const uint16_t imix[] = { 64, 570, 64, 64, 570, 64, 1518, 64, 570, 64, 570, 64 };
	uint32_t size = 0;
	int ret;

	RTE_BUILD_BUG_ON(RTE_DIM(imix) > SIZES_MAX);
	if (strcmp(text, "imix") == 0) {
		memcpy(options->sizes, imix, sizeof(imix));
		options->n_sizes = RTE_DIM(imix);
		return 0;
	}
	ret = parse_number("size", text, RTE_ETHER_MIN_LEN - RTE_ETHER_CRC_LEN,
		RTE_ETHER_MAX_LEN, &size);
	options->sizes[0] = size;
	options->n_sizes = 1;
	return ret;
}

static int
parse_null_path(struct options *options, const char *path)
{
	struct sockaddr_un address;

	if (strlen(path) >= sizeof(address.sun_path)) {
		fprintf(stderr, "--null %s: a socket's path has at most %zu bytes\n", path,
			sizeof(address.sun_path) - 1);
		return -EINVAL;
	}
	options->null_path = path;
	return 0;
}

static int
parse_option(struct options *options, int option, const char *name)
{
	int ret;

	switch (option) {
	case OPT_DIRECTION:
		ret = parse_name("--direction", optarg, directions, RTE_DIM(directions));
		options->direction = ret;
		return RTE_MIN(ret, 0);
	case OPT_WAY:
		ret = parse_name("--way", optarg, ways, RTE_DIM(ways));
		options->way = ret;
		return RTE_MIN(ret, 0);
	case OPT_SIZE:
		return parse_size(options, optarg);
	case OPT_BURST:
		return parse_number(name, optarg, 1, BURST_MAX, &options->burst);
	case OPT_RING:
		return parse_number(name, optarg, 32, 32768, &options->ring);
	case OPT_PAIRS:
		return parse_number(name, optarg, 1, 128, &options->pairs);
	case OPT_MS:
		return parse_number(name, optarg, 1, 3600000, &options->milliseconds);
	case OPT_PACE:
		return parse_number(name, optarg, 10, 100000, &options->pace_us);
	case OPT_BURSTS:
		return parse_number(name, optarg, 1, 100000000, &options->bursts);
	case OPT_ROUNDS:
		return parse_number(name, optarg, 1, 1000000, &options->rounds);
	case OPT_NULL:
		return parse_null_path(options, optarg);
	case OPT_ORDER:
		ret = parse_name("--order", optarg, orders, RTE_DIM(orders));
		options->order = ret;
		return RTE_MIN(ret, 0);
	case OPT_TURNS:
		options->turns = true;
		return 0;
	case OPT_DEADLINE:
		return parse_number(name, optarg, 1, 86400, &options->deadline);
	case OPT_HELP:
		fputs(help_text, stdout);
		return 1;
	case OPT_VERSION:
		printf("virtio-bench %s, %s\n", PROJECT_VERSION, rte_version());
		return 1;
	default:
		/* getopt has said what is wrong. */
		fprintf(stderr, "virtio-bench -- --help tells the options\n");
		return -EINVAL;
	}
}

/* What can be judged only when all options are known. */
static int
check(const struct options *options)
{
	if (options->null_path != NULL && options->mode != MODE_STEPS &&
			options->mode != MODE_CYCLES) {
		fprintf(stderr, "--null goes with steps and cycles only\n");
		return -EINVAL;
	}
	if (options->null_path == NULL && options->mode == MODE_CYCLES) {
		fprintf(stderr, "cycles wants --null PATH\n");
		return -EINVAL;
	}
	if (options->order != NULL_ORDER_TURN &&
			(options->null_path == NULL || options->mode != MODE_STEPS)) {
		fprintf(stderr, "--order goes with steps and --null only\n");
		return -EINVAL;
	}
	if (options->direction == DIRECTION_IDLE && options->mode != MODE_SERVE) {
		fprintf(stderr, "--direction idle goes with serve only\n");
		return -EINVAL;
	}
	if (options->pace_us > 0 && options->mode != MODE_TIMELINE) {
		fprintf(stderr, "--pace goes with timeline only\n");
		return -EINVAL;
	}
	if (options->direction == DIRECTION_PING && options->mode != MODE_RATE) {
		fprintf(stderr, "--direction ping goes with rate only\n");
		return -EINVAL;
	}
	if (options->turns && options->mode != MODE_RATE && options->mode != MODE_HANDOVER &&
			options->mode != MODE_SERVE) {
		fprintf(stderr, "--turns goes with rate, handover and serve only\n");
		return -EINVAL;
	}
	if (options->ring < 4 * options->burst) {
		fprintf(stderr, "--ring %u: a burst of %u wants a ring of %u or more\n",
			options->ring, options->burst, 4 * options->burst);
		return -EINVAL;
	}
	return 0;
}

int
options_parse(struct options *options, int argc, char **argv)
{
	int option, index, ret;

	*options = (struct options) {
		.burst = 32, .ring = 256, .pairs = 1, .milliseconds = 1000, .bursts = 16,
		.rounds = 100, .deadline = 60, .sizes = { 64 }, .n_sizes = 1,
	};
	while ((option = getopt_long(argc, argv, "h", long_options, &index)) != -1) {
		ret = parse_option(options, option, option == '?' || option == OPT_HELP ? "" :
			long_options[index].name);
		if (ret != 0)
			return ret;
	}
	if (optind + 1 != argc) {
		fprintf(stderr, "%s\n", optind < argc ? "one mode, not more" :
			"a mode is missing: see virtio-bench --help");
		return -EINVAL;
	}
	ret = parse_name("mode", argv[optind], modes, RTE_DIM(modes));
	if (ret < 0)
		return ret;
	options->mode = ret;
	return check(options);
}
