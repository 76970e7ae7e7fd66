/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef PORT_ON_QEMU_H
#define PORT_ON_QEMU_H

/**
 * @file
 * An ethdev port of the driver on the device of qemu.h: registers by qtest, no guest, no PCI bus.
 * A program has one port at a time.
 */

#include <stdint.h>

#include <rte_mempool.h>

#include "qemu.h"

/** Buffers of each pool whose size a case does not choose. */
#define PORT_BUFFERS 1024

/** Longest wait for a frame. */
#define PATIENCE_US 60000000

struct port_on_qemu {
	struct qemu *qemu;
	uint16_t id;
	struct rte_mempool *rx_pool[2];
	struct rte_mempool *tx_pool;
};

extern struct port_on_qemu port;

/**
 * Starts QEMU, makes the pools on its node and probes the port, which is not configured yet.
 *
 * @param properties
 *   Of the device, ",name=value" each.
 * @param tap_queues
 *   Queue pairs of a tap device; 0: one pair, whose frames are datagrams.
 * @param rx_buffers
 *   Size of rx_pool[0].
 * @param args
 *   Arguments of the port, NULL: none.
 */
void port_plug(const char *properties, unsigned int tap_queues, unsigned int rx_buffers,
	       const char *args);

/** Removes the port. Every buffer must be back in its pool. */
void port_unplug(void);

/** Checks how many buffers of a pool are outside it. */
void port_check_in_use(const struct rte_mempool *pool, unsigned int n);

#endif /* PORT_ON_QEMU_H */
