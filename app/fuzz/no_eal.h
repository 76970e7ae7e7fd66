/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef NO_EAL_H
#define NO_EAL_H

/**
 * @file
 * EAL's functions that lib/virtio calls, in place of EAL: see no_eal.c and no_eal_memory.c.
 *
 * Threads: one.
 */

#include <stdbool.h>
#include <stddef.h>

/** Allocations and memzones that were not given back. */
unsigned int no_eal_blocks(void);

/** Frees them: memory that the code under test keeps, because a device may still have it. */
void no_eal_forget_blocks(void);

/** Bits of IOVA that memzones have from here on; 64: they are at their virtual address. */
void no_eal_set_iova_bits(unsigned int bits);

/** Segments of memory that EAL may have. */
#define NO_EAL_SEGMENTS 12
#define NO_EAL_SEGMENT_SIZE 0x200000

/**
 * EAL has these segments, a bit each, from here on, without an event.
 *
 * @param one_file
 *   All are in one file, at consecutive offsets; else each is in a file of its own.
 */
void no_eal_set_memory(unsigned int segments, bool one_file);

/** EAL allocates a segment, or frees it: the event comes to the call-back. */
void no_eal_change_memory(unsigned int segment);

/** Whether EAL has that segment. */
bool no_eal_has_segment(unsigned int segment);

/** Where a segment is. */
void *no_eal_segment(unsigned int segment);

/** Ends the program if EAL's memory lock is held, or a call-back is registered. */
void no_eal_check_memory(void);

#endif /* NO_EAL_H */
