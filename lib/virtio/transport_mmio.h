/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef TRANSPORT_MMIO_H
#define TRANSPORT_MMIO_H

/**
 * @file
 * virtio over MMIO, section 4.2: a device that is one window of registers of 32 bits. Version 2 of
 * the layout is a device of virtio 1.0 or later, version 1 a legacy device (4.2.4).
 *
 * The transport finds no device. The caller knows where the registers are, maps them and passes the
 * window in. A test passes hooks in place of memory.
 *
 * Addresses for the device are IOVA (struct virtio_device, by_iova).
 *
 * Threads: control calls by one thread at a time (the port's lock), virtio_mmio_isr() by any.
 */

#include <stdbool.h>
#include <stdint.h>

#include "virtio_device.h"

/** Registers of both versions, 4.2.2. R: read only, W: write only. */
#define VIRTIO_MMIO_MAGIC                0x000 /**< R: VIRTIO_MMIO_MAGIC_VALUE */
#define VIRTIO_MMIO_VERSION              0x004 /**< R: 1 or 2 */
#define VIRTIO_MMIO_DEVICE_ID            0x008 /**< R: kind of device, 5; 0: none */
#define VIRTIO_MMIO_VENDOR_ID            0x00c /**< R */
#define VIRTIO_MMIO_DEVICE_FEATURES      0x010 /**< R */
#define VIRTIO_MMIO_DEVICE_FEATURES_SEL  0x014 /**< W */
#define VIRTIO_MMIO_DRIVER_FEATURES      0x020 /**< W */
#define VIRTIO_MMIO_DRIVER_FEATURES_SEL  0x024 /**< W */
#define VIRTIO_MMIO_QUEUE_SEL            0x030 /**< W */
#define VIRTIO_MMIO_QUEUE_SIZE_MAX       0x034 /**< R */
#define VIRTIO_MMIO_QUEUE_SIZE           0x038 /**< W */
#define VIRTIO_MMIO_QUEUE_NOTIFY         0x050 /**< W */
#define VIRTIO_MMIO_INTERRUPT_STATUS     0x060 /**< R: VIRTIO_MMIO_INT_* */
#define VIRTIO_MMIO_INTERRUPT_ACK        0x064 /**< W */
#define VIRTIO_MMIO_STATUS               0x070
#define VIRTIO_MMIO_CONFIG               0x100 /**< device configuration from here on */

/** Registers of version 2 only. */
#define VIRTIO_MMIO_QUEUE_READY          0x044
#define VIRTIO_MMIO_QUEUE_DESC           0x080 /**< W: low half, then the high half */
#define VIRTIO_MMIO_QUEUE_DRIVER         0x090 /**< W */
#define VIRTIO_MMIO_QUEUE_DEVICE         0x0a0 /**< W */
#define VIRTIO_MMIO_QUEUE_RESET          0x0c0
#define VIRTIO_MMIO_CONFIG_GENERATION    0x0fc /**< R */

/** Registers of version 1 only, 4.2.4. */
#define VIRTIO_MMIO_GUEST_PAGE_SIZE      0x028 /**< W */
#define VIRTIO_MMIO_QUEUE_ALIGN          0x03c /**< W */
#define VIRTIO_MMIO_QUEUE_PFN            0x040 /**< a ring's page; 0: none, disabled */

#define VIRTIO_MMIO_MAGIC_VALUE          0x74726976
/** VendorID of QEMU's devices. */
#define VIRTIO_MMIO_VENDOR_QEMU          0x554d4551

/** Interrupt status, 4.2.2. */
#define VIRTIO_MMIO_INT_QUEUE            1
#define VIRTIO_MMIO_INT_CONFIG           2

/**
 * Accesses in place of mapped memory. Values are the CPU's; width is 1, 2 or 4 bytes. Called by the
 * thread that makes the access, also by those that poll queues (QueueNotify).
 */
struct virtio_mmio_hooks {
	uint32_t (*read)(void *arg, uint32_t offset, unsigned int width);
	void (*write)(void *arg, uint32_t offset, unsigned int width, uint32_t value);
	void *arg;
};

/** The user's choice of how rings are stopped. */
enum virtio_mmio_stop_policy {
	VIRTIO_MMIO_STOP_AUTO,     /**< VIRTIO_STOP_MMIO_RESET where a trial has proven it */
	VIRTIO_MMIO_STOP_PROPOSAL, /**< VIRTIO_STOP_MMIO_READY, without a trial */
	VIRTIO_MMIO_STOP_OFF,      /**< VIRTIO_STOP_NONE */
};

struct virtio_mmio_conf {
	void *base;         /**< where the window is mapped; unused with hooks */
	uint32_t length;    /**< bytes of the window, device configuration included */
	uint32_t device_id; /**< kind of device that is expected, 5 */
	const struct virtio_mmio_hooks *hooks; /**< NULL: the window is memory; else kept */
	enum virtio_mmio_stop_policy stop;
	int node;           /**< NUMA node of the ring that a trial uses, SOCKET_ID_ANY for any */
	/** Feature bits on which the number of rings depends; in force while they are counted. */
	uint64_t ring_features;
};

/**
 * Identifies a device of either version, resets it, reads the features that it offers, counts its
 * rings, chooses dev->stop_method (a NOTICE line has the reason) and leaves the device reset.
 *
 * Some devices offer VIRTIO_F_RING_RESET without the register QueueReset, or with registers that
 * read 0 whatever is written. So VIRTIO_STOP_MMIO_RESET is chosen only after a trial: an empty ring
 * of the device was enabled, QueueReady read 1, and after the reset QueueReset and QueueReady read
 * 0. No buffer is posted before.
 *
 * @param dev
 *   Not initialised. Its name is copied from `name`.
 * @return
 *   0. -ENODEV: there is no device in this place, which is not logged, or one of another kind, or
 *   Status does not read as a status. -EINVAL: the window is too short or misaligned, has another
 *   magic value or version, or the device has no ring. -ENOTSUP: no VERSION_1, or the device
 *   refuses it. -ETIMEDOUT: the device does not confirm its reset. -ENOMEM. After an error there is
 *   nothing to destroy; if the reset after the trial was not confirmed, its ring's memory is kept.
 */
int virtio_mmio_create(struct virtio_device *dev, const char *name,
		       const struct virtio_mmio_conf *conf);

/** Frees a device that was reset, virtio_device_fini() included. The window stays. */
void virtio_mmio_destroy(struct virtio_device *dev);

/**
 * Reads InterruptStatus and acknowledges what it has of VIRTIO_MMIO_INT_*, 4.2.3.4.
 *
 * @return
 *   VIRTIO_MMIO_INT_* bits. -ENODEV: the device is gone.
 */
int virtio_mmio_isr(struct virtio_device *dev);

#endif /* TRANSPORT_MMIO_H */
