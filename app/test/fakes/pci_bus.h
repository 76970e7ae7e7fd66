/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef PCI_BUS_H
#define PCI_BUS_H

/**
 * @file
 * The bus of a port that a test creates on a device of virtio-pci, without EAL's PCI bus: what
 * virtio_pci_probe.c has, but for interrupts, and for a device that comes back.
 */

#include <stdbool.h>

#include "virtio.h"

extern const struct virtio_bus pci_bus;

/** Whether it finds that a device can access no memory any more; at first it does not. */
extern bool pci_bus_cuts_off;

#endif /* PCI_BUS_H */
