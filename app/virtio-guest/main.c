/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_launch.h>
#include <rte_lcore.h>

#include "eal_program.h"
#include "guest.h"
#include "standard_output.h"

#define RING_SIZE_MIN 32
#define RING_SIZE_MAX 32768
#define ROUNDS_MAX 1000000

#define USAGE \
	"Usage: virtio-guest EAL-OPTION... -- MODE [SIZE SIZE SIZE [ROUNDS]]\n" \
	"On two ports that are wired to each other, with lcores 0 and 1. MODE:\n" \
	"  reset    queues are stopped and started under traffic\n" \
	"  off      the device cannot stop queues\n" \
	"  rss      queues leave the RSS table and come back\n" \
	"  control  the control queue's filters; one queue, no traffic\n" \
	"  interrupt  receive interrupts wake a sleeper; one queue, no traffic\n" \
	"  link     events of the link; no traffic\n" \
	"  memory   a queue's buffers in memory of its own; one queue, no traffic\n" \
	"  unplug   the receiving device is taken away under traffic\n" \
	"SIZE: ring sizes that reset changes between, 32 to 32768 (default 256 64 128)\n" \
	"ROUNDS: of reset and interrupt, 1 to 1000000 (default 200)\n" \
	"  -h, --help  this text\n" \
	"  --version   the versions of this program and of DPDK\n" \
	"Each thing that was tried is a line, \"ok NAME\" or \"FAILED NAME\".\n" \
	"Exit status: 0 if all were ok; 1 if one failed, or the output is not complete;\n" \
	"2 if nothing was tried: wrong options, no two ports and lcores; 3 if a signal ended it.\n"

struct options {
	const char *mode;
	unsigned int rounds;
};

static bool
parse_number(const char *name, const char *text, unsigned int min, unsigned int max,
	     unsigned int *value)
{
	unsigned long number;
	char *end;

	errno = 0;
	number = strtoul(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || text[0] == '-' || number < min ||
	    number > max) {
		fprintf(stderr, "%s %s: must be a number from %u to %u\n", name, text, min, max);
		return false;
	}
	*value = number;
	return true;
}

static bool
parse_mode(const char *mode)
{
	static const char *const modes[] = { "reset", "off", "rss", "control", "interrupt",
					     "link", "memory", "unplug" };
	unsigned int i;

	for (i = 0; i < RTE_DIM(modes); i++) {
		if (strcmp(mode, modes[i]) == 0)
			return true;
	}
	fprintf(stderr, "mode %s: must be one of", mode);
	for (i = 0; i < RTE_DIM(modes); i++)
		fprintf(stderr, " %s", modes[i]);
	fprintf(stderr, "\n");
	return false;
}

/* The arguments are those after EAL's "--". */
static bool
parse(int argc, char **argv, struct options *options, struct guest *guest)
{
	unsigned int sizes[] = { 256, 64, 128 }, i;

	if (argc != 1 && argc != 4 && argc != 5) {
		fprintf(stderr, "%d arguments after \"--\": must be MODE, three SIZEs or none, and "
			"ROUNDS or none; see virtio-guest --help\n", argc);
		return false;
	}
	options->mode = argv[0];
	options->rounds = 200;
	if (!parse_mode(options->mode) ||
	    (argc == 5 && !parse_number("ROUNDS", argv[4], 1, ROUNDS_MAX, &options->rounds)))
		return false;
	for (i = 0; i < RTE_DIM(sizes); i++) {
		if (argc > 1 && !parse_number("SIZE", argv[1 + i], RING_SIZE_MIN, RING_SIZE_MAX,
					      &sizes[i]))
			return false;
		guest->sizes[i] = sizes[i];
	}
	return true;
}

static bool
run(struct guest *guest, const struct options *options)
{
	bool good;

	if (strcmp(options->mode, "control") == 0)
		return control_run(guest);
	if (strcmp(options->mode, "interrupt") == 0)
		return interrupt_run(guest, options->rounds);
	if (strcmp(options->mode, "link") == 0)
		return link_run();
	if (strcmp(options->mode, "memory") == 0)
		return own_memory_run(guest);
	if (rte_eal_remote_launch(traffic_run, guest, 1) != 0)
		return result(false, "lcore 1 polls");
	if (strcmp(options->mode, "reset") == 0)
		good = reset_run(guest, options->rounds);
	else if (strcmp(options->mode, "rss") == 0)
		good = rss_run(guest);
	else if (strcmp(options->mode, "unplug") == 0)
		good = unplug_run(guest);
	else
		good = off_run(guest);
	__atomic_store_n(&guest->end, true, __ATOMIC_RELEASE);
	rte_eal_mp_wait_lcore();
	return good;
}

int
main(int argc, char **argv)
{
	static struct guest guest;
	struct options options;
	bool good, no_leak;
	int n;

	eal_program_options(argc, argv, "virtio-guest", USAGE);
	for (n = 1; n < argc && strcmp(argv[n], "--") != 0; n++)
		;
	/* Before EAL, which takes the ports' devices. */
	if (!parse(RTE_MAX(argc - n - 1, 0), argv + n + 1, &options, &guest))
		return EAL_PROGRAM_NOT_TRIED;
	eal_program_catch_signals();
	if (rte_eal_init(argc, argv) < 0) {
		fprintf(stderr, "EAL does not start: %s\n", rte_strerror(rte_errno));
		return EAL_PROGRAM_NOT_TRIED;
	}
	if (rte_eth_dev_count_avail() != 2 || rte_lcore_count() != 2) {
		fprintf(stderr, "%u ports and %u lcores: two of each are required\n",
			rte_eth_dev_count_avail(), rte_lcore_count());
		return EAL_PROGRAM_NOT_TRIED;
	}
	guest.interrupts = strcmp(options.mode, "interrupt") == 0;
	guest.link_events = strcmp(options.mode, "link") == 0;
	guest.rss = strcmp(options.mode, "rss") == 0;
	if (guest_open(&guest) != 0)
		return 1;
	good = run(&guest, &options);
	no_leak = guest_close(&guest);
	if (eal_program_interrupted())
		printf("ended by a signal before the last test of %s\n", options.mode);
	rte_eal_cleanup();
	if (standard_output_check("virtio-guest") != 0)
		return EXIT_FAILURE;
	if (eal_program_interrupted())
		return EAL_PROGRAM_INCOMPLETE;
	return good && no_leak ? EXIT_SUCCESS : EXIT_FAILURE;
}
