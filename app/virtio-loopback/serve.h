/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef LOOPBACK_SERVE_H
#define LOOPBACK_SERVE_H

/**
 * @file
 * The back-end alone, for a front-end in another process.
 */

#include "options.h"

/**
 * Serve until SIGINT or SIGTERM.
 *
 * @return the program's exit status: 0; 1: its own buffers did not come back, or the counters could
 *   not be written; 2: it did not start.
 */
int serve_run(const struct options *options);

#endif /* LOOPBACK_SERVE_H */
