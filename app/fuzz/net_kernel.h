/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef NET_KERNEL_H
#define NET_KERNEL_H

/**
 * @file
 * The kernel's vhost-net and tap, without the kernel: the calls of vhost_kernel_calls, and those of
 * the C library for sockets. Each does what the kernel's does, or fails by an error that the input
 * says, and then has done nothing.
 *
 * Each request is looked at as it is made: its form, its descriptors, and that no ring is moved
 * that the kernel may access.
 *
 * Threads: one.
 */

#include <stdbool.h>
#include <stdint.h>

#include "fuzz.h"

/** A new input begins, with the features that vhost-net offers, and no interface. */
void net_kernel_start(struct fuzz_input *in, uint64_t features);

/** No call fails any more, but for a lack of descriptors. */
void net_kernel_obey(void);

/** Somebody deletes the interface. Another one is made at the next opening. */
void net_kernel_delete_interface(void);

/** Whether the kernel may access a ring whose descriptors are there. */
bool net_kernel_has_ring(uint64_t desc);

#endif /* NET_KERNEL_H */
