/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef TRANSPORT_PCI_PRIVATE_H
#define TRANSPORT_PCI_PRIVATE_H

/**
 * @file
 * What the modern and the legacy virtio-pci transport share, and no other file includes.
 */

#include <rte_byteorder.h>
#include <rte_io.h>

#include "transport_pci.h"

/** All ones: what a bus answers for a device that is not there any more. */
#define GONE_8 UINT8_MAX
#define GONE_16 UINT16_MAX

/** For the resets at first sight: firmware behind a device may take its time. */
#define FIRST_RESET_TIMEOUT_US 1000000

struct pci_ring {
	uint32_t doorbell; /**< modern: offset in the notification window */
	uint16_t max_size; /**< modern: as the device had it at first; 0: not asked yet */
	uint16_t known_max; /**< the same, learnt with ring_features in force; 0: it was not */
	uint16_t vector;
	bool asked;        /**< modern: for a stop that is not proven yet */
};

struct pci {
	struct virtio_pci_window window[VIRTIO_PCI_REGIONS];
	const struct virtio_pci_hooks *hooks;
	uint32_t notify_multiplier;
	uint16_t config_vector;
	bool config_vector_set;
	bool msix; /**< legacy: the registers of vectors are there */
	bool gone; /**< and that was said */
	bool cut_off; /**< from all memory */
	uint16_t nb_rings;
	struct pci_ring rings[];
};

static inline uint32_t
reg_read(const struct pci *pci, enum virtio_pci_region region, uint32_t offset, unsigned int width)
{
	const uint8_t *at;

	if (pci->hooks != NULL)
		return pci->hooks->read(pci->hooks->arg, region, offset, width);
	at = (const uint8_t *)pci->window[region].base + offset;
	switch (width) {
	case 1:
		return rte_read8(at);
	case 2:
		return rte_le_to_cpu_16(rte_read16(at));
	default:
		return rte_le_to_cpu_32(rte_read32(at));
	}
}

static inline void
reg_write(const struct pci *pci, enum virtio_pci_region region, uint32_t offset,
	  unsigned int width, uint32_t value)
{
	uint8_t *at;

	if (pci->hooks != NULL) {
		pci->hooks->write(pci->hooks->arg, region, offset, width, value);
		return;
	}
	at = (uint8_t *)pci->window[region].base + offset;
	switch (width) {
	case 1:
		rte_write8(value, at);
		break;
	case 2:
		rte_write16(rte_cpu_to_le_16(value), at);
		break;
	default:
		rte_write32(rte_cpu_to_le_32(value), at);
		break;
	}
}

/** NULL: no memory. */
struct pci *pci_make_private(const struct virtio_pci_conf *conf, uint16_t nb_rings);

/**
 * 3.1.1 steps 1 to 4, and back: what a device offers is wanted long before it is started. In
 * dev->offered; 0 or what the reset or read_features says.
 */
int pci_read_offer(struct virtio_device *dev,
		   int (*read_features)(struct virtio_device *dev, uint64_t *features));

/** -ENODEV, with a line the first time. */
int pci_gone(struct virtio_device *dev);

/** What is known of rings does not hold any more: the device was reset. */
void pci_forget_rings(struct pci *pci);

/** Whether the device has confirmed its reset: 0, -EAGAIN, or the error of get_status. */
int pci_reset_confirmed(struct virtio_device *dev,
			int (*get_status)(struct virtio_device *dev, uint8_t *status));

/** Writes a vector unless it is NO_VECTOR, and reads it back. 0, -EBUSY, -ENODEV. */
int pci_write_vector(struct virtio_device *dev, uint32_t offset, uint16_t vector);

/** Whether the device configuration has such bytes: 0, or -EINVAL and a line. */
int pci_check_config(struct virtio_device *dev, uint32_t length, uint32_t offset, size_t len);

/** 4.1.3.1: a field is accessed by its own width; arrays are of bytes. */
static inline unsigned int
pci_field_width(size_t len)
{
	return len == 2 ? 2 : len == 4 || len == 8 ? 4 : 1;
}

/**
 * Device configuration at `from` of a window, as it is there now. Whether it differs from what was
 * in `to`.
 */
bool pci_copy_config(const struct pci *pci, enum virtio_pci_region region, uint32_t from, void *to,
		     size_t len);
void pci_put_config(const struct pci *pci, enum virtio_pci_region region, uint32_t to,
		    const void *from, size_t len);

/** The `wait` op of both. */
void pci_wait(struct virtio_device *dev, uint32_t timeout_us);

#endif /* TRANSPORT_PCI_PRIVATE_H */
