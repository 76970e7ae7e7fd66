/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VDPA_KERNEL_H
#define VDPA_KERNEL_H

/**
 * @file
 * A vhost-vDPA device of the kernel, without the kernel. Each call does what the kernel's does, or
 * fails by an error that the input says, and then has done nothing. What the device itself says,
 * its numbers, configuration and status, may be anything.
 *
 * Each request is looked at as it is made: that no ring gets other memory while the device runs,
 * and that no memory is mapped twice.
 *
 * Threads: one.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fuzz.h"

/** A new input begins. */
void vdpa_kernel_start(struct fuzz_input *in, bool strange);

/** No call fails any more, but for a lack of descriptors, and the device says what is right. */
void vdpa_kernel_obey(void);

/** Whether its status has said what is not so, since the last reset. */
bool vdpa_kernel_breaks_rules(void);

/** Whether the device may access a ring whose descriptors are there, or may when it resumes. */
bool vdpa_kernel_has_ring(uint64_t desc);

/** Whether the device may access any of some memory. */
bool vdpa_kernel_has_memory(const void *addr, size_t len);

/** Calls that have failed so far. */
unsigned int vdpa_kernel_errors(void);

#endif /* VDPA_KERNEL_H */
