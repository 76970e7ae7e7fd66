/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef BENCH_MODES_H
#define BENCH_MODES_H

#include "bench_options.h"

/**
 * The measurements. Each prints one JSON object on stdout, or says on stderr why it cannot.
 *
 * @return 0; negative errno
 */
int rate_run(const struct options *options);
int cycles_run(const struct options *options);
int life_run(const struct options *options);
int timeline_run(const struct options *options);
int handover_run(const struct options *options);

/** The back-end: until SIGTERM or SIGINT, or the end of the process that started it. */
int serve_run(const struct options *options);
/** Before EAL starts: nothing else is at the paths of net_vhost ports. 0, or a negative errno. */
int serve_claim_sockets(int eal_argc, char **eal_argv);

/**
 * Counts instructions. Unlike the others it is called before EAL is up, which the process that is
 * stepped through brings up with these arguments.
 */
int steps_run(const struct options *options, int eal_argc, char **eal_argv);

#endif
