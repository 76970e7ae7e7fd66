/* SPDX-License-Identifier: BSD-3-Clause */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_launch.h>
#include <rte_lcore.h>

#include "guest.h"

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
	"SIZE: ring sizes that reset changes between\n"

struct options {
	const char *mode;
	unsigned int rounds;
};

static bool
parse(int argc, char **argv, struct options *options, struct guest *guest)
{
	static const uint16_t sizes[] = { 256, 64, 128 };
	static const char *const modes[] = { "reset", "off", "rss", "control", "interrupt",
					     "link", "memory", "unplug" };
	int i;

	if (argc != 2 && argc != 5 && argc != 6)
		return false;
	options->mode = argv[1];
	options->rounds = argc == 6 ? strtoul(argv[5], NULL, 0) : 200;
	for (i = 0; i < (int)RTE_DIM(guest->sizes); i++)
		guest->sizes[i] = argc > 2 ? strtoul(argv[2 + i], NULL, 0) : sizes[i];
	for (i = 0; i < (int)RTE_DIM(modes); i++) {
		if (strcmp(options->mode, modes[i]) == 0)
			return options->rounds > 0;
	}
	return false;
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
	bool good;
	int n;

	n = rte_eal_init(argc, argv);
	if (n < 0)
		return 2;
	if (!parse(argc - n, argv + n, &options, &guest)) {
		fputs(USAGE, stderr);
		return 2;
	}
	if (rte_eth_dev_count_avail() != 2 || rte_lcore_count() != 2) {
		fprintf(stderr, "%u ports and %u lcores: want two of each\n",
			rte_eth_dev_count_avail(), rte_lcore_count());
		return 2;
	}
	guest.interrupts = strcmp(options.mode, "interrupt") == 0;
	guest.link_events = strcmp(options.mode, "link") == 0;
	guest.rss = strcmp(options.mode, "rss") == 0;
	if (guest_open(&guest) != 0)
		return 1;
	good = run(&guest, &options);
	guest_close(&guest);
	rte_eal_cleanup();
	return good ? 0 : 1;
}
