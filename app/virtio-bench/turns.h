/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef BENCH_TURNS_H
#define BENCH_TURNS_H

/**
 * @file
 * Processes that measure when they are asked to: several can be up on the same cores, and be
 * compared in turns of a few milliseconds each. A line on stdin is a turn, and is answered by a
 * line on stdout; a process that waits for its turn sleeps.
 */

/**
 * Takes turns until stdin ends.
 *
 * @param turn
 *   Called for each line, without its end; prints the answer. Not 0 ends the turns.
 * @return
 *   0 at the end of stdin; else what turn() returned, or a negative errno
 */
int turns_take(int (*turn)(void *arg, const char *line), void *arg);

#endif
