/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef APP_EAL_PROGRAM_H
#define APP_EAL_PROGRAM_H

/**
 * @file
 * What programs share that take EAL's options before their own. Main thread.
 *
 * The programs end with one of these statuses, besides EXIT_SUCCESS and EXIT_FAILURE.
 */

#include <stdbool.h>

#define EAL_PROGRAM_NOT_TRIED	2	/**< wrong options, or EAL does not start */
#define EAL_PROGRAM_INCOMPLETE	3	/**< a signal ended the program before its work was done */

/**
 * Prepare standard output, and answer -h, --help and --version, in which cases the process exits.
 *
 * Call it before rte_eal_init(), which has a --help of its own.
 *
 * @param[in] usage
 *   The text of --help.
 */
void eal_program_options(int argc, char **argv, const char *program, const char *usage);

/** Let SIGINT and SIGTERM set a flag, in place of ending the process. */
void eal_program_catch_signals(void);

/** Whether SIGINT or SIGTERM has arrived since eal_program_catch_signals(). Any thread. */
bool eal_program_interrupted(void);

#endif /* APP_EAL_PROGRAM_H */
