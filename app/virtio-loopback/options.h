/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef LOOPBACK_OPTIONS_H
#define LOOPBACK_OPTIONS_H

/**
 * @file
 * The command line.
 */

#include <stdbool.h>
#include <stdint.h>

#define RING_SIZES_MAX 16
#define RESIZES_MAX 64

/** One ring of one pair gets another size. */
struct resize {
	uint16_t queue;
	uint16_t ring_size;
	bool is_tx;
	bool no_memory;		/**< try it while there is no memory for it */
};

struct options {
	uint16_t queues;
	uint32_t rounds;
	uint32_t seconds;
	uint32_t interval_ms;
	uint32_t rate;			/**< packets a second of each queue; 0: no limit */
	uint16_t ring_sizes[RING_SIZES_MAX];
	uint16_t n_ring_sizes;
	uint16_t ring_size_max;		/**< the largest of these */
	bool *reset_queue;		/**< [queue]: whether it is reset; NULL: all are */
	struct resize resizes[RESIZES_MAX];
	uint32_t n_resizes;		/**< 0: whole pairs are reset */
	const char *method;		/**< NULL: the driver chooses */
	const char *devargs;		/**< NULL: none more */
	const char *backend_path;	/**< NULL: a back-end of our own */
	const char *pcap_in, *pcap_out, *json;
	bool no_huge;
	bool extbuf;
	uint32_t drain_us;		/**< 0: stops may lose what is under way */
	bool verbose;
	const char *serve_path;		/**< NULL: no --serve */
	bool serve_source, serve_client, serve_stock;
};

/**
 * Read the command line.
 *
 * @return 0: go on; 1: help or the version was printed; -EINVAL after a message on stderr.
 */
int options_parse(struct options *options, int argc, char **argv);

/** Whether an output is meant for standard output; @p path may be NULL. */
bool options_is_stdout(const char *path);
void options_free(struct options *options);

#endif /* LOOPBACK_OPTIONS_H */
