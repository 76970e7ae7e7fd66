/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef BENCH_WATCHDOG_H
#define BENCH_WATCHDOG_H

#include <stdint.h>

/** Exit status of a process that its watchdog or a signal ends. */
#define WATCHDOG_EXIT 3

/**
 * From now on this process ends itself after so many seconds, wherever it hangs. SIGINT and SIGTERM
 * end it in the same way, until their actions are replaced.
 */
void watchdog_start(uint32_t seconds);

/** What the process is doing, for the watchdog's last words: a constant string. */
void watchdog_stage(const char *stage);

/** How many rounds of the stage are done, for the same message. */
void watchdog_rounds(uint32_t done, uint32_t wanted);

#endif
