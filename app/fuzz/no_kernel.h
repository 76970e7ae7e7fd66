/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef NO_KERNEL_H
#define NO_KERNEL_H

/**
 * @file
 * A clock and descriptors without the kernel. The linker gives the code under test these functions
 * in the place of the C library's (--wrap), so that no input waits, and each descriptor that is
 * closed twice or not at all is a fault.
 *
 * Threads: one.
 */

#include <stdint.h>

/** Every look at the clock moves it by so much. */
#define NO_KERNEL_TICK_US 20

/** Moves the clock. */
void no_kernel_pass(uint64_t us);

/** Microseconds of the clock, which does not move by that. */
uint64_t no_kernel_now_us(void);

/** A descriptor, open from here on; -1 with EMFILE in errno where there are too many. */
int no_kernel_open(void);

/** Whether a number is an open descriptor of no_kernel_open(). */
int no_kernel_is_open(int fd);

/** Descriptors that are open. */
unsigned int no_kernel_fds(void);

/** Calls a function with each descriptor that is closed, from here on; NULL: none. */
void no_kernel_on_close(void (*closed)(int fd));

/** Descriptors that may be open at once, from here on. */
void no_kernel_limit_fds(unsigned int most);

#endif /* NO_KERNEL_H */
