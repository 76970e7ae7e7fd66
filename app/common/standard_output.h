/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef APP_STANDARD_OUTPUT_H
#define APP_STANDARD_OUTPUT_H

/**
 * @file
 * Standard output as the place of a program's result. No dependence on EAL. Main thread.
 */

#include <stdio.h>

/**
 * Make standard output's failures visible to standard_output_check(). Call it first in main().
 *
 * A pipe that its reader has closed is an error like a full disk, without SIGPIPE. A standard
 * descriptor that is closed is reserved, so that no file or socket of EAL's gets its number.
 */
void standard_output_prepare(void);

/**
 * Flush stdout, after the last text was printed.
 *
 * @param[in] program
 *   Its name, for the message on stderr.
 * @return
 *   0 if all text was written, or a negative errno after a message on stderr.
 */
int standard_output_check(const char *program);

/**
 * Keep standard output for one file of results; text that is printed goes to stderr from now on.
 *
 * @return
 *   A stream on standard output, or NULL with errno set. The caller closes it.
 */
FILE *standard_output_take(void);

#endif /* APP_STANDARD_OUTPUT_H */
