/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef TRANSPORT_PCI_H
#define TRANSPORT_PCI_H

/**
 * @file
 * virtio over PCI, section 4.1: a device that is a few windows of registers.
 *
 * The transport knows no bus. The caller, which found the device, reads its capabilities, maps the
 * windows that they name and passes them in. A test passes hooks in place of memory.
 *
 * Addresses for the device are IOVA (struct virtio_device, by_iova).
 *
 * Threads: control calls by one thread at a time (the port's lock), virtio_pci_isr() by any.
 */

#include <stdbool.h>
#include <stdint.h>

#include "virtio_device.h"

/** Vendor-specific PCI capability, 4.1.4: offsets of its fields, and its length. */
#define VIRTIO_PCI_CAP_LEN               2  /**< u8: bytes of this capability */
#define VIRTIO_PCI_CAP_TYPE              3  /**< u8: VIRTIO_PCI_CAP_* */
#define VIRTIO_PCI_CAP_BAR               4  /**< u8: 0 to 5 */
#define VIRTIO_PCI_CAP_OFFSET            8  /**< le32: within the BAR */
#define VIRTIO_PCI_CAP_LENGTH            12 /**< le32 */
#define VIRTIO_PCI_CAP_SIZE              16
#define VIRTIO_PCI_NOTIFY_CAP_MULTIPLIER 16 /**< le32: of the notification capability only */
#define VIRTIO_PCI_NOTIFY_CAP_SIZE       20

/** What such a capability is of, 4.1.4. */
#define VIRTIO_PCI_CAP_COMMON            1
#define VIRTIO_PCI_CAP_NOTIFY            2
#define VIRTIO_PCI_CAP_ISR               3
#define VIRTIO_PCI_CAP_DEVICE            4

/** Common configuration, 4.1.4.3. */
#define VIRTIO_PCI_DEVICE_FEATURE_SELECT 0  /**< le32 */
#define VIRTIO_PCI_DEVICE_FEATURE        4  /**< le32 */
#define VIRTIO_PCI_DRIVER_FEATURE_SELECT 8  /**< le32 */
#define VIRTIO_PCI_DRIVER_FEATURE        12 /**< le32 */
#define VIRTIO_PCI_CONFIG_VECTOR         16 /**< le16 */
#define VIRTIO_PCI_NUM_QUEUES            18 /**< le16 */
#define VIRTIO_PCI_DEVICE_STATUS         20 /**< u8 */
#define VIRTIO_PCI_CONFIG_GENERATION     21 /**< u8 */
#define VIRTIO_PCI_QUEUE_SELECT          22 /**< le16 */
#define VIRTIO_PCI_QUEUE_SIZE            24 /**< le16 */
#define VIRTIO_PCI_QUEUE_VECTOR          26 /**< le16 */
#define VIRTIO_PCI_QUEUE_ENABLE          28 /**< le16 */
#define VIRTIO_PCI_QUEUE_NOTIFY_OFF      30 /**< le16 */
#define VIRTIO_PCI_QUEUE_DESC            32 /**< le64, as two le32 */
#define VIRTIO_PCI_QUEUE_DRIVER          40 /**< le64 */
#define VIRTIO_PCI_QUEUE_DEVICE          48 /**< le64 */
#define VIRTIO_PCI_QUEUE_RESET           58 /**< le16 */

/** Bytes of it that every modern device has, and those of one that has queue_reset. */
#define VIRTIO_PCI_COMMON_MIN            56
#define VIRTIO_PCI_COMMON_RESET          60

/** No interrupt: a vector that is not mapped, 4.1.5.1.2. */
#define VIRTIO_PCI_NO_VECTOR             0xffff

/** ISR status, 4.1.4.5. */
#define VIRTIO_PCI_ISR_QUEUE             1
#define VIRTIO_PCI_ISR_CONFIG            2

/** The legacy device's registers, 4.1.4.8: in one window, of I/O ports. */
#define VIRTIO_PCI_LEGACY_DEVICE_FEATURES 0  /**< 32 bits */
#define VIRTIO_PCI_LEGACY_DRIVER_FEATURES 4  /**< 32 bits */
#define VIRTIO_PCI_LEGACY_QUEUE_ADDRESS  8  /**< 32 bits: a ring's page; 0: none, disabled */
#define VIRTIO_PCI_LEGACY_QUEUE_SIZE     12 /**< 16 bits, the device's word */
#define VIRTIO_PCI_LEGACY_QUEUE_SELECT   14 /**< 16 bits */
#define VIRTIO_PCI_LEGACY_QUEUE_NOTIFY   16 /**< 16 bits */
#define VIRTIO_PCI_LEGACY_STATUS         18 /**< 8 bits */
#define VIRTIO_PCI_LEGACY_ISR            19 /**< 8 bits */
#define VIRTIO_PCI_LEGACY_CONFIG_VECTOR  20 /**< 16 bits, with MSI-X only */
#define VIRTIO_PCI_LEGACY_QUEUE_VECTOR   22 /**< 16 bits, with MSI-X only */
#define VIRTIO_PCI_LEGACY_CONFIG         20 /**< device configuration, without MSI-X */
#define VIRTIO_PCI_LEGACY_CONFIG_MSIX    24 /**< with MSI-X */

/** Which window an access goes through. */
enum virtio_pci_region {
	VIRTIO_PCI_COMMON,
	VIRTIO_PCI_NOTIFY,
	VIRTIO_PCI_ISR,
	VIRTIO_PCI_DEVICE,
	VIRTIO_PCI_REGIONS
};

/**
 * One window: what a capability names, mapped. `length` is the capability's, which the one who
 * mapped it has compared with the BAR's; the transport goes by it and not beyond.
 */
struct virtio_pci_window {
	void *base;      /**< where it is mapped; unused with hooks */
	uint32_t length; /**< bytes; 0: the device has no such thing */
};

/**
 * What stands behind the windows instead of mapped memory. Values are the CPU's; width is 1, 2 or 4
 * bytes. Called by the thread that makes the access, so also by those that poll queues (NOTIFY).
 */
struct virtio_pci_hooks {
	uint32_t (*read)(void *arg, enum virtio_pci_region region, uint32_t offset,
			 unsigned int width);
	void (*write)(void *arg, enum virtio_pci_region region, uint32_t offset,
		      unsigned int width, uint32_t value);
	void *arg;
};

/** What the user says about how rings are stopped: devarg queue_reset. */
enum virtio_pci_stop_policy {
	VIRTIO_PCI_STOP_AUTO,     /**< by what the device offers */
	VIRTIO_PCI_STOP_PROPOSAL, /**< VIRTIO_STOP_PCI_ENABLE_ZERO, at the user's word */
	VIRTIO_PCI_STOP_OFF,      /**< VIRTIO_STOP_NONE */
};

struct virtio_pci_conf {
	struct virtio_pci_window window[VIRTIO_PCI_REGIONS];
	uint32_t notify_multiplier;           /**< notify_off_multiplier, 4.1.4.4 */
	const struct virtio_pci_hooks *hooks; /**< NULL: the windows are memory; else kept */
	enum virtio_pci_stop_policy stop;
	bool msix_on;                         /**< legacy: MSI-X is enabled already */
	/**
	 * Feature bits on which the number of rings may depend, with those without which no others
	 * can be had: in force while the rings are counted. QEMU's network device has those of more
	 * than one pair only where MQ is.
	 */
	uint64_t ring_features;
	/** Features that all of ring_features require (5.1.3.1). */
	uint64_t ring_needs;
};

/**
 * Meets a modern device: checks its windows, resets it, reads what it offers and resets it again,
 * chooses dev->stop_method (one NOTICE line says why). Initialises dev, for as many rings as the
 * device has, and sets dev->offered.
 *
 * @param dev
 *   Not initialised. Its name is copied from `name`.
 * @return
 *   0. -EINVAL: a window is missing, too short or misaligned, or the device has no ring. -ENODEV:
 *   the device reads all ones. -ETIMEDOUT: it does not confirm its reset. -ENOMEM. After an error
 *   there is nothing to destroy.
 */
int virtio_pci_modern_create(struct virtio_device *dev, const char *name,
			     const struct virtio_pci_conf *conf);

/** Takes leave of a device that was reset, virtio_device_fini() included. The windows stay. */
void virtio_pci_modern_destroy(struct virtio_device *dev);

/**
 * Meets a legacy device, virtio 0.9.5: the registers of 4.1.4.8 in the window VIRTIO_PCI_COMMON.
 * Ports are no memory, so conf->hooks is needed wherever the window is not mapped. What there is
 * of a modern device and not here: queue reset (stop_method is NONE whatever is requested), rings
 * of a chosen size, packed rings, all feature bits from 32 on.
 *
 * @return
 *   As virtio_pci_modern_create().
 */
int virtio_pci_legacy_create(struct virtio_device *dev, const char *name,
			     const struct virtio_pci_conf *conf);
void virtio_pci_legacy_destroy(struct virtio_device *dev);

/**
 * Tells whether MSI-X is enabled, which moves the device configuration of a legacy device. At first
 * as conf->msix_on says. Vectors of such a device can be set only while it is on.
 */
void virtio_pci_legacy_set_msix(struct virtio_device *dev, bool on);

/**
 * Tells that the device can access no memory any more, for good: a device reset is then confirmed
 * whatever the device's registers read.
 */
void virtio_pci_cut_off(struct virtio_device *dev);

/**
 * MSI-X vectors, 4.1.5.1.2: written, and read back, at each set-up of the ring; that of the
 * configuration before the first ring that is set up after a device reset. Nothing is written for
 * VIRTIO_PCI_NO_VECTOR, which is what holds until another is set: MSI-X may be off.
 */
void virtio_pci_set_queue_vector(struct virtio_device *dev, uint16_t index, uint16_t vector);
void virtio_pci_set_config_vector(struct virtio_device *dev, uint16_t vector);

/**
 * Reads the ISR status, 4.1.4.5, which clears it.
 *
 * @return
 *   VIRTIO_PCI_ISR_* bits, -ENODEV where the device is gone.
 */
int virtio_pci_isr(struct virtio_device *dev);

#endif /* TRANSPORT_PCI_H */
