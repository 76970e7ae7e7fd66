/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VIRTIO_PCI_CAPS_H
#define VIRTIO_PCI_CAPS_H

/**
 * @file
 * Where a virtio-pci device has its registers: the walk over its capabilities, section 4.1.4.
 *
 * The configuration space is the device's word and not trusted. It is read through a function, so
 * that a test can stand behind it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "transport_pci.h"

#define VIRTIO_PCI_BARS 6

/** A BAR as it is mapped; addr NULL: it is not. */
struct virtio_pci_bar {
	void *addr;
	uint64_t len; /**< bytes */
};

/** Reads bytes of the configuration space: how many, or negative. */
typedef int (*virtio_pci_config_read_t)(const void *arg, void *to, size_t len, off_t offset);

struct virtio_pci_found {
	struct virtio_pci_window window[VIRTIO_PCI_REGIONS]; /**< length 0: not there */
	uint32_t notify_multiplier;
	bool msix;    /**< the device has MSI-X */
	bool msix_on; /**< and it is enabled, as igb_uio leaves it to us */
};

/**
 * @param name
 *   Of the device, for log lines.
 * @return
 *   0: what was found. Whether it is enough is for the transport to say. -ENOTSUP: not one virtio
 *   capability, as a legacy device. -EINVAL: one reaches beyond its BAR, or the list has no end.
 *   -EIO: the configuration space cannot be read.
 */
int virtio_pci_find_windows(const char *name, virtio_pci_config_read_t read, const void *arg,
			    const struct virtio_pci_bar bars[VIRTIO_PCI_BARS],
			    struct virtio_pci_found *found);

/**
 * Whether no function answers at the device's address any more: its command register reads ones in
 * bits that are 0 in each function. vfio-pci has some of the other bits from memory of its own.
 *
 * @return
 *   false also where the configuration space cannot be read.
 */
bool virtio_pci_function_is_gone(virtio_pci_config_read_t read, const void *arg);

/**
 * How many I/O ports the first BAR has, by the kernel's list of a device's resources (the file of
 * that name in sysfs; NULL: there is none). EAL knows of no ports.
 *
 * @return
 *   0, or -EINVAL where it does not say, or where they are no ports.
 */
int virtio_pci_ports_length(FILE *resources, uint32_t *length);

#endif /* VIRTIO_PCI_CAPS_H */
