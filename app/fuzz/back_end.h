/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef BACK_END_H
#define BACK_END_H

/**
 * @file
 * A vhost-user back-end whose answers an input chooses, on sockets that are none of the kernel's.
 *
 * Each request is looked at as it is sent: its form, its descriptors, and what the back-end has
 * after it. The back-end answers at once, late or never, as it should or with anything else. What
 * it has is known as long as it breaks no rule.
 *
 * Threads: one.
 */

#include <stdbool.h>
#include <stdint.h>

#include "fuzz.h"

#define BACK_END_RINGS 4

/** A new input begins: no connection, and nothing said. */
void back_end_start(struct fuzz_input *in);

/** The end of the input: from here on there is no connection and no answer. */
void back_end_finish(void);

/** Sends what it owes. */
void back_end_catch_up(void);

/** Closes the connection, if there is one. */
void back_end_close(void);

/** Whether it has sent what is no right answer; from then on it may have anything. */
bool back_end_breaks_rules(void);

/**
 * Whether it may touch a ring: it was given the ring, and neither confirmed a stop nor closed the
 * connection long enough ago.
 */
bool back_end_has_ring(unsigned int index);

/** Whether it was given this memory, and is connected. */
bool back_end_has_memory(const void *addr, size_t len);

#endif /* BACK_END_H */
