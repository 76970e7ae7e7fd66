/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <rte_bitops.h>
#include <rte_common.h>
#include <rte_version.h>

#include "backend.h"
#include "options.h"
#include "traffic.h"

#define RING_SIZE_MIN 32u
#define RING_SIZE_MAX 32768u
#define ROUNDS_MAX 1000000u
#define SECONDS_MAX 86400u
#define DRAIN_US_MAX 1000000u	/* of the devargs */

static const char help_text[] =
"virtio-loopback: stops and starts single queues of a virtio-user port under traffic,\n"
"and proves that nothing else notices.\n"
"\n"
"One process holds a vhost-user back-end that sends every packet back on the queue pair\n"
"it came from, a virtio-user port on its socket, and a thread that sends and receives on\n"
"all pairs without a pause. Queue after queue is stopped (receive and transmit), shown to\n"
"have given back every buffer, given another buffer pool and another ring size, and\n"
"started again.\n"
"\n"
"Usage: virtio-loopback [options]\n"
"       virtio-loopback --serve PATH [--queues N] [--serve-source] [--serve-client]\n"
"                       [--serve-stock]\n"
"\n"
"What is done:\n"
"  --queues N         queue pairs, 1 to 128 (default 4)\n"
"  --rounds N         resets of each queue (default 10)\n"
"  --seconds N        end after this time, although resets are left (default 60)\n"
"  --interval MS      time between two resets (default 10)\n"
"  --rate N           packets a second of each queue, 1000 to 320000, evenly; the traffic\n"
"                     thread sleeps between (default: as fast as the back-end returns them)\n"
"  --ring-sizes LIST  sizes that the rings take in turn, powers of two from 32 to 32768\n"
"                     (default 256,512,1024)\n"
"  --reset-queues LIST  reset only these queues, such as 1,3 (default: all in turn)\n"
"  --resize-schedule LIST  in each round resize these single rings, one after the other, such\n"
"                     as rx0:1024,tx2:64,rx0:256; rx0:1024! tries it while there is no memory\n"
"                     for a ring at all, which must leave the queue as it was. The memory that\n"
"                     rings take is counted before and after: an old ring's must be free\n"
"  --drain US         a stop first waits so long, up to 1000000, for what is under way\n"
"                     (devargs tx_drain_us and rx_drain_us), and then may lose nothing at all\n"
"  --extbuf           the transmit pools, and the receive pool that each queue has in every other\n"
"                     life, are on memory of the program's own, a memfd that is attached to the\n"
"                     port; where each packet lies is checked\n"
"  --method NAME      how the driver stops a ring: auto, get_base, disable or off\n"
"                     (its devarg queue_reset; default: what the driver chooses)\n"
"  --devargs LIST     more devargs for the port, such as in_order=0\n"
"  --backend PATH     use the vhost-user back-end that listens on this socket. It must\n"
"                     send packets back on the same pair, and hold back those that find\n"
"                     no room in a ring: what it drops itself (as testpmd's io loop does)\n"
"                     looks from here as if the driver had lost it, and ends in FAILED.\n"
"                     virtio-loopback --serve is one that holds them back. What it drops\n"
"                     while a queue is stopped is not known, so of that queue only what\n"
"                     was sent before and after is judged.\n"
"\n"
"Traffic: numbered packets of mixed sizes from 60 to 9000 bytes, or\n"
"  --pcap-in FILE     the packets of a capture, as they are, up to 9216 bytes. Flows are\n"
"                     spread over the queues by hash; each queue repeats its packets,\n"
"                     whole passes only, as long as resets are made.\n"
"  --pcap-out FILE    write what comes back, all of it, in the order of arrival. Writing\n"
"                     takes time: then the gaps measured are the disk's. -: standard output,\n"
"                     and all other text goes to stderr\n"
"\n"
"Result: a table of each queue's packets and times, and\n"
"  --json FILE        the same, every reset, and packets per millisecond and queue around\n"
"                     each reset (devtools/plot-timeline.py draws it); -: standard output,\n"
"                     and all other text goes to stderr\n"
"  lost               packets that did not come back though their queue was not reset\n"
"  dropped            packets that were on the queue's own rings when it was reset; the\n"
"                     driver counts them, and the numbers must agree\n"
"  stop               time of the two queue stop calls\n"
"  reclaim            from there until both pools of the queue were counted full\n"
"  start              time of the two set-up and the two start calls\n"
"  gap                longest time that another queue received nothing during a reset\n"
"                     (in brackets: when there was none)\n"
"Exit status:\n"
"  0                  PASSED: all resets were made, queues that were not being reset lost\n"
"                     nothing, for those that were every packet is accounted for, and every\n"
"                     buffer came back\n"
"  1                  FAILED: one of these does not hold, or a result could not be written\n"
"  2                  nothing was tried: wrong options, no memory, no back-end\n"
"  3                  INCOMPLETE: nothing failed, but a signal or --seconds ended the run\n"
"                     before all resets were made\n"
"\n"
"Memory and cores: hugepages where enough are free, else --no-huge; it says which. All\n"
"memory is reserved at the start and never grows. It takes the cores it may run on\n"
"(taskset): with three or more, control, back-end and traffic have one each; with two the\n"
"back-end has one for itself, and the driver waits longer for a stop than by its default\n"
"(queue_reset_timeout_ms=10000, unless --devargs has another). Root is not needed.\n"
"  --no-huge          do without hugepages even if there are some\n"
"  --verbose          what the driver says, and EAL\n"
"  -h, --help         this text\n"
"  --version          the versions of this program and of DPDK\n"
"\n"
"Back-end alone, for a front-end in another process:\n"
"  --serve PATH       listen there and send packets back until SIGINT or SIGTERM. SIGUSR1\n"
"                     and the end print the counters of all rings, a JSON object a line.\n"
"                     A socket that no process uses is replaced; any other file at PATH\n"
"                     is left as it is, and the program ends with status 2.\n"
"  --serve-source     do not send back: write numbered packets into all receive rings,\n"
"                     and count what the transmit rings give\n"
"  --serve-client     connect to PATH, where the front-end listens\n"
"  --serve-stock      do without lib/vhost_ring_reset: a front-end can stop single rings by\n"
"                     disabling them only, as with any other application of librte_vhost\n";

enum {
	OPT_QUEUES = 1, OPT_ROUNDS, OPT_SECONDS, OPT_INTERVAL, OPT_RATE, OPT_RING_SIZES,
	OPT_RESET_QUEUES, OPT_RESIZE_SCHEDULE, OPT_DRAIN, OPT_EXTBUF, OPT_METHOD, OPT_DEVARGS,
	OPT_BACKEND, OPT_PCAP_IN, OPT_PCAP_OUT, OPT_JSON, OPT_NO_HUGE, OPT_VERBOSE, OPT_SERVE,
	OPT_SERVE_SOURCE, OPT_SERVE_CLIENT, OPT_SERVE_STOCK, OPT_VERSION, OPT_HELP = 'h',
};

static const struct option long_options[] = {
	{ "queues", required_argument, NULL, OPT_QUEUES },
	{ "rounds", required_argument, NULL, OPT_ROUNDS },
	{ "seconds", required_argument, NULL, OPT_SECONDS },
	{ "interval", required_argument, NULL, OPT_INTERVAL },
	{ "rate", required_argument, NULL, OPT_RATE },
	{ "ring-sizes", required_argument, NULL, OPT_RING_SIZES },
	{ "reset-queues", required_argument, NULL, OPT_RESET_QUEUES },
	{ "resize-schedule", required_argument, NULL, OPT_RESIZE_SCHEDULE },
	{ "drain", required_argument, NULL, OPT_DRAIN },
	{ "extbuf", no_argument, NULL, OPT_EXTBUF },
	{ "method", required_argument, NULL, OPT_METHOD },
	{ "devargs", required_argument, NULL, OPT_DEVARGS },
	{ "backend", required_argument, NULL, OPT_BACKEND },
	{ "pcap-in", required_argument, NULL, OPT_PCAP_IN },
	{ "pcap-out", required_argument, NULL, OPT_PCAP_OUT },
	{ "json", required_argument, NULL, OPT_JSON },
	{ "no-huge", no_argument, NULL, OPT_NO_HUGE },
	{ "verbose", no_argument, NULL, OPT_VERBOSE },
	{ "serve", required_argument, NULL, OPT_SERVE },
	{ "serve-source", no_argument, NULL, OPT_SERVE_SOURCE },
	{ "serve-client", no_argument, NULL, OPT_SERVE_CLIENT },
	{ "serve-stock", no_argument, NULL, OPT_SERVE_STOCK },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 },
};

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

/* Call back for each number of a list such as 1,2,3. */
static int
parse_list(const char *name, const char *text, uint32_t min, uint32_t max,
		int (*take)(struct options *options, uint32_t value), struct options *options)
{
	char *copy = strdup(text), *rest = copy, *item;
	uint32_t value;
	int ret = copy != NULL ? 0 : -ENOMEM;

	while (ret == 0 && (item = strsep(&rest, ",")) != NULL) {
		ret = parse_number(name, item, min, max, &value);
		if (ret == 0)
			ret = take(options, value);
	}
	free(copy);
	return ret;
}

static int
take_ring_size(struct options *options, uint32_t size)
{
	if (!rte_is_power_of_2(size)) {
		fprintf(stderr, "--ring-sizes: %u is no power of two\n", size);
		return -EINVAL;
	}
	if (options->n_ring_sizes == RING_SIZES_MAX) {
		fprintf(stderr, "--ring-sizes: at most %u sizes\n", RING_SIZES_MAX);
		return -EINVAL;
	}
	options->ring_sizes[options->n_ring_sizes++] = size;
	options->ring_size_max = RTE_MAX(options->ring_size_max, size);
	return 0;
}

static int
take_reset_queue(struct options *options, uint32_t queue)
{
	options->reset_queue[queue] = true;
	return 0;
}

static int
take_resize(struct options *options, const char *text)
{
	struct resize resize = { 0 };
	char *number, *size, *end;
	unsigned long queue, ring_size;

	if (strncmp(text, "rx", 2) != 0 && strncmp(text, "tx", 2) != 0)
		goto unknown;
	resize.is_tx = text[0] == 't';
	number = (char *)(uintptr_t)text + 2;
	queue = strtoul(number, &size, 10);
	if (size == number || *size != ':' || !isdigit(*number) || !isdigit(size[1]))
		goto unknown;
	ring_size = strtoul(size + 1, &end, 10);
	resize.no_memory = *end == '!';
	if (end[resize.no_memory] != '\0')
		goto unknown;
	if (queue >= options->queues || ring_size < RING_SIZE_MIN || ring_size > RING_SIZE_MAX ||
			!rte_is_power_of_2(ring_size)) {
		fprintf(stderr, "--resize-schedule: %s: queues are 0 to %u, sizes powers of two "
			"from %u to %u\n", text, options->queues - 1u, RING_SIZE_MIN,
			RING_SIZE_MAX);
		return -EINVAL;
	}
	if (options->n_resizes == RESIZES_MAX) {
		fprintf(stderr, "--resize-schedule: at most %u steps\n", RESIZES_MAX);
		return -EINVAL;
	}
	resize.queue = queue;
	resize.ring_size = ring_size;
	options->resizes[options->n_resizes++] = resize;
	options->ring_size_max = RTE_MAX(options->ring_size_max, ring_size);
	return 0;

unknown:
	fprintf(stderr, "--resize-schedule: %s: a step is such as rx0:1024, tx2:64 or rx0:1024!\n",
		text);
	return -EINVAL;
}

static int
check_method(const char *method)
{
	static const char *const methods[] = { "auto", "get_base", "disable", "off" };
	unsigned int i;

	for (i = 0; i < RTE_DIM(methods); i++)
		if (strcmp(method, methods[i]) == 0)
			return 0;
	fprintf(stderr, "--method %s: must be auto, get_base, disable or off\n", method);
	return -EINVAL;
}

static int
check_socket_path(const char *name, const char *path, bool must_be_there)
{
	struct sockaddr_un address;
	struct stat st;

	if (path[0] == '\0' || strlen(path) >= sizeof(address.sun_path) ||
			strchr(path, ',') != NULL) {
		fprintf(stderr, "--%s %s: a socket's path has 1 to %zu bytes, no comma\n",
			name, path, sizeof(address.sun_path) - 1);
		return -EINVAL;
	}
	if (must_be_there && (stat(path, &st) != 0 || !S_ISSOCK(st.st_mode))) {
		fprintf(stderr, "--%s %s: no socket there; start the back-end first\n", name, path);
		return -EINVAL;
	}
	return 0;
}

struct texts {
	const char *ring_sizes, *reset_queues, *resizes;
	bool loop_only;		/* an option was given that makes no sense with --serve */
};

static int
parse_option(struct options *options, struct texts *texts, int option, const char *name)
{
	uint32_t number = 0;
	int ret = 0;

	switch (option) {
	case OPT_QUEUES:
		ret = parse_number(name, optarg, 1, BACKEND_QUEUES_MAX, &number);
		options->queues = number;
		return ret;
	case OPT_NO_HUGE:
		options->no_huge = true;
		return 0;
	case OPT_VERBOSE:
		options->verbose = true;
		return 0;
	case OPT_SERVE:
		options->serve_path = optarg;
		return check_socket_path(name, optarg, false);
	case OPT_SERVE_SOURCE:
		options->serve_source = true;
		return 0;
	case OPT_SERVE_CLIENT:
		options->serve_client = true;
		return 0;
	case OPT_SERVE_STOCK:
		options->serve_stock = true;
		return 0;
	case OPT_HELP:
		fputs(help_text, stdout);
		return 1;
	case OPT_VERSION:
		printf("virtio-loopback %s, %s\n", PROJECT_VERSION, rte_version());
		return 1;
	default:
		break;
	}

	texts->loop_only = true;
	switch (option) {
	case OPT_ROUNDS:
		return parse_number(name, optarg, 1, ROUNDS_MAX, &options->rounds);
	case OPT_SECONDS:
		return parse_number(name, optarg, 1, SECONDS_MAX, &options->seconds);
	case OPT_INTERVAL:
		return parse_number(name, optarg, 0, 60000, &options->interval_ms);
	case OPT_RATE:
		return parse_number(name, optarg, 1000, TRAFFIC_RATE_MAX, &options->rate);
	case OPT_RING_SIZES:
		texts->ring_sizes = optarg;
		return 0;
	case OPT_RESET_QUEUES:
		texts->reset_queues = optarg;
		return 0;
	case OPT_RESIZE_SCHEDULE:
		texts->resizes = optarg;
		return 0;
	case OPT_DRAIN:
		return parse_number(name, optarg, 1, DRAIN_US_MAX, &options->drain_us);
	case OPT_EXTBUF:
		options->extbuf = true;
		return 0;
	case OPT_METHOD:
		options->method = optarg;
		return check_method(optarg);
	case OPT_DEVARGS:
		options->devargs = optarg;
		return 0;
	case OPT_BACKEND:
		options->backend_path = optarg;
		return check_socket_path(name, optarg, true);
	case OPT_PCAP_IN:
		options->pcap_in = optarg[0] != '\0' ? optarg : NULL;
		return 0;
	case OPT_PCAP_OUT:
		options->pcap_out = optarg;
		return 0;
	case OPT_JSON:
		options->json = optarg;
		return 0;
	default:
		/* getopt has said what is wrong. */
		fprintf(stderr, "virtio-loopback --help tells the options\n");
		return -EINVAL;
	}
}

static int
parse_schedule(struct options *options, const struct texts *texts)
{
	char *copy, *rest, *item;
	int ret = 0;

	if (texts->reset_queues != NULL) {
		fprintf(stderr, "--resize-schedule and --reset-queues do not go together\n");
		return -EINVAL;
	}
	copy = strdup(texts->resizes);
	if (copy == NULL)
		return -ENOMEM;
	rest = copy;
	while (ret == 0 && (item = strsep(&rest, ",")) != NULL)
		ret = take_resize(options, item);
	free(copy);
	return ret;
}

/* What can be judged only when all options are known. */
static int
finish_options(struct options *options, const struct texts *texts)
{
	int ret;

	if (options->serve_path == NULL && (options->serve_source || options->serve_client ||
			options->serve_stock)) {
		fprintf(stderr, "--serve-source, --serve-client and --serve-stock go with --serve "
			"PATH\n");
		return -EINVAL;
	}
	if (options->serve_path != NULL && texts->loop_only) {
		fprintf(stderr, "--serve goes only with --queues, --serve-source, --serve-client, "
			"--serve-stock, --no-huge and --verbose\n");
		return -EINVAL;
	}
	if (options_is_stdout(options->json) && options_is_stdout(options->pcap_out)) {
		fprintf(stderr, "--json - and --pcap-out -: only one of them is for standard "
			"output\n");
		return -EINVAL;
	}
	ret = parse_list("ring-sizes",
		texts->ring_sizes != NULL ? texts->ring_sizes : "256,512,1024",
		RING_SIZE_MIN, RING_SIZE_MAX, take_ring_size, options);
	if (ret == 0 && texts->resizes != NULL)
		ret = parse_schedule(options, texts);
	if (ret != 0 || texts->reset_queues == NULL)
		return ret;
	options->reset_queue = calloc(options->queues, sizeof(*options->reset_queue));
	if (options->reset_queue == NULL)
		return -ENOMEM;
	return parse_list("reset-queues", texts->reset_queues, 0, options->queues - 1,
		take_reset_queue, options);
}

int
options_parse(struct options *options, int argc, char **argv)
{
	struct texts texts = { 0 };
	int option, index = 0, ret;

	*options = (struct options) {
		.queues = 4, .rounds = 10, .seconds = 60, .interval_ms = 10,
	};
	while ((option = getopt_long(argc, argv, "h", long_options, &index)) != -1) {
		ret = parse_option(options, &texts, option,
			option == '?' || option == OPT_HELP ? "" : long_options[index].name);
		if (ret != 0)
			return ret;
	}
	if (optind < argc) {
		fprintf(stderr, "%s: not an option; virtio-loopback --help tells them\n",
			argv[optind]);
		return -EINVAL;
	}
	return finish_options(options, &texts);
}

bool
options_is_stdout(const char *path)
{
	return path != NULL && strcmp(path, "-") == 0;
}

void
options_free(struct options *options)
{
	free(options->reset_queue);
	options->reset_queue = NULL;
}
