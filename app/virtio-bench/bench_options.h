/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "null_ring.h"

#define BURST_MAX 64u
#define SIZES_MAX 12u

enum bench_mode {
	MODE_RATE,
	MODE_STEPS,
	MODE_CYCLES,
	MODE_LIFE,
	MODE_TIMELINE,
	MODE_HANDOVER,
	MODE_SERVE,
};

/** What the traffic of MODE_RATE does, or the part that MODE_SERVE plays. */
enum bench_direction {
	DIRECTION_LOOP,		/**< every packet goes round */
	DIRECTION_RX,		/**< receive only; as a back-end: take and free */
	DIRECTION_TX,		/**< transmit only; as a back-end: make and send */
	DIRECTION_IDLE,		/**< MODE_SERVE: no packet is touched */
	DIRECTION_PING,		/**< MODE_RATE: one packet goes round, and is timed */
};

enum bench_way {
	WAY_RX_QUEUE,		/**< stop, set up on another pool and start one receive queue */
	WAY_TX_QUEUE,		/**< the same with a transmit queue, which has no pool */
	WAY_PORT,		/**< stop the port, reset the device, set all up, start */
	WAY_PLAIN,		/**< stop and start the port, nothing else */
};

struct options {
	enum bench_mode mode;
	enum bench_direction direction;
	enum bench_way way;
	uint32_t burst;
	uint32_t ring;
	uint32_t pairs;
	uint32_t milliseconds;		/**< measured time; MODE_TIMELINE: between two */
	uint32_t pace_us;		/**< MODE_TIMELINE: between bursts of a queue; 0: none */
	uint32_t bursts;		/**< full bursts counted each way */
	uint32_t rounds;
	uint32_t deadline;		/**< seconds; then the process ends itself */
	uint16_t sizes[SIZES_MAX];	/**< of packets, taken in turn */
	uint32_t n_sizes;
	const char *null_path;		/**< serve a device that costs nothing there, or NULL */
	bool turns;			/**< measure at each line on stdin, or serve what it says */
	enum null_order order;		/**< in which that device uses buffers */
};

/**
 * Reads the options behind EAL's "--". What is wrong with them is said on stderr.
 *
 * @return 0; 1 after the help was printed; -EINVAL
 */
int options_parse(struct options *options, int argc, char **argv);

#endif
