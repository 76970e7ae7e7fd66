/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef SOAK_H
#define SOAK_H

/**
 * @file
 * What a run is asked for, and what it came to.
 */

#include <stdbool.h>
#include <stdint.h>

#include "resources.h"
#include "soak_port.h"
#include "times.h"

#define PATHS_MAX 48u	/* layouts, orders, buffers, widths of instructions, methods */

struct soak_options {
	uint32_t minutes;
	uint64_t seed;
	const char *json;	/**< NULL: none */
	const char *backend;	/**< the program virtio-loopback */
	bool no_huge;
	bool verbose;
};

/** What a port is made with; one of these for each path of the driver and each method. */
struct soak_path {
	bool packed, in_order, mergeable, disable;
	uint16_t simd_bits;
	uint32_t episodes;
	uint64_t resets;	/**< of single rings */
	struct soak_packets packets;
	char name[96];		/**< of the receive path, as the driver has it; empty: never used */
};

/** Events beside resets. */
struct soak_events {
	uint32_t kills, stops, unread;	/**< of back-ends; see enum child_action */
	uint32_t filled;		/**< logs of these whose pipe became full */
	uint32_t one_core;		/**< episodes whose back-end has one core */
	uint64_t stopped_ms;		/**< for how long in all */
	uint32_t pools;			/**< made in memory that was mapped under traffic */
	uint32_t port_resets;		/**< calls after a kill; a port that listens needs none */
	uint32_t calls_again;		/**< queue calls that had no answer in time */
};

struct soak {
	struct soak_options options;
	bool hugepages;
	uint32_t megabytes;
	char folder[64];		/* of sockets */
	struct soak_port other;		/* no event may affect it */
	struct soak_packets other_packets;
	struct soak_path path[PATHS_MAX];
	uint32_t n_paths;
	uint32_t episodes;
	uint64_t resets;
	struct soak_events events;
	struct times stop, start;	/* of one ring, the back-end being left alone */
	struct times stop_beside, start_beside;	/* of one ring, beside what is done to it */
	/* The greatest of the warm-up and after it, and at the end. */
	struct resources warm, top, last;
	uint32_t warm_up;		/* episodes */
	double seconds;
	bool interrupted;
	char failure[512];		/* empty: none */
	uint32_t failed_in;		/* the episode, from 1; 0: in none */
};

/** @return 0: go on; 1: help or the version was printed; -EINVAL after a message. */
int soak_options_parse(struct soak_options *options, int argc, char **argv);

/** Fill in path[], in an order that the seed gives. */
void soak_plan(struct soak *soak);

/** One port, from its probe to its end. @return 0, or -1 after soak->failure was set. */
int soak_episode(struct soak *soak, uint32_t number, uint64_t milliseconds);

/** The result as text, and as tests that are counted. */
void soak_print(const struct soak *soak);

/** Whether the file of --json can be opened. @return 0 or a negative errno after a message. */
int soak_check_json(const struct soak *soak);

/** @return 0 or a negative errno after a message. */
int soak_write_json(const struct soak *soak);

const char *soak_verdict(const struct soak *soak);

#endif /* SOAK_H */
