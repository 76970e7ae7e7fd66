/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef GATE_H
#define GATE_H

/**
 * @file
 * What a burst of our driver pays so that its queue can be taken from under it, on its own: the
 * driver's inline functions, round nothing.
 */

#include "virtio_gate.h"

/** In and out of an open gate, as a burst goes. */
static __rte_always_inline void
gate_pass(struct virtio_gate *gate)
{
	/* It comes from ethdev there, and may be NULL between release and set-up. */
	__asm__ volatile("" : "+r"(gate));
	if (unlikely(gate == NULL) || !virtio_gate_enter(gate))
		return;
	rte_compiler_barrier();
	virtio_gate_leave(gate);
}

#endif /* GATE_H */
