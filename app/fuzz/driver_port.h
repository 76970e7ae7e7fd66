/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef DRIVER_PORT_H
#define DRIVER_PORT_H

/**
 * @file
 * A port of the driver on a device of pci_registers.h, in a process with EAL. No input waits, and
 * the driver has no thread: the clock is that of no_kernel.h, and what the port's worker does, the
 * target lets it do. The driver's memory is of the C library's heap, which the sanitizer watches.
 *
 * Threads: one.
 */

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "pci_registers.h"
#include "virtio.h"

#define DRIVER_PORT_BUFFERS 1023

struct driver_port {
	struct rte_eth_dev *edev;
	struct virtio_port *port;
	uint16_t id;
};

/** Starts EAL and makes the pool; once. */
void driver_port_start_eal(void);

/** For received and sent packets. */
struct rte_mempool *driver_port_pool(void);

/** The device's port, as a probe makes it: 0, or why there is none, and then nothing is left. */
int driver_port_create(struct driver_port *p, struct pci_registers *regs, const char *args);

/** Work of the port's worker, once. */
void driver_port_work(struct driver_port *p);

/** Closes it. The device obeys from here on, and everything must be back. */
void driver_port_destroy(struct driver_port *p, struct pci_registers *regs);

#endif /* DRIVER_PORT_H */
