/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef LOOPBACK_PROGRESS_H
#define LOOPBACK_PROGRESS_H

/**
 * @file
 * One line on the terminal that tells how far it is; nothing where the output is no terminal.
 */

struct resetter;

/** Show the state of affairs, some times a second however often it is called. */
void progress_show(const struct resetter *resetter);

/** Take the line away. */
void progress_clear(void);

#endif /* LOOPBACK_PROGRESS_H */
