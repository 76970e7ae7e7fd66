/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VIRTIO_SPEC_H
#define VIRTIO_SPEC_H

/**
 * @file
 * Numbers and layouts of the virtio specification that hold for every kind of device.
 *
 * Sections are those of virtio 1.2 (2022), https://docs.oasis-open.org/virtio/virtio/v1.2/.
 * All fields are little-endian from VIRTIO_F_VERSION_1 on (1.4); the transports here require it.
 */

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

/** Device status, section 2.1. */
#define VIRTIO_STATUS_RESET              0x00
#define VIRTIO_STATUS_ACKNOWLEDGE        0x01
#define VIRTIO_STATUS_DRIVER             0x02
#define VIRTIO_STATUS_DRIVER_OK          0x04
#define VIRTIO_STATUS_FEATURES_OK        0x08
#define VIRTIO_STATUS_NEEDS_RESET        0x40
#define VIRTIO_STATUS_FAILED             0x80

/** Feature bits of the rings and of the device as such, section 6. */
#define VIRTIO_F_ANY_LAYOUT              27 /**< of legacy devices, 6.3 */
#define VIRTIO_RING_F_INDIRECT_DESC      28
#define VIRTIO_RING_F_EVENT_IDX          29
#define VIRTIO_F_VERSION_1               32
#define VIRTIO_F_ACCESS_PLATFORM         33
#define VIRTIO_F_RING_PACKED             34
#define VIRTIO_F_IN_ORDER                35
#define VIRTIO_F_ORDER_PLATFORM          36
#define VIRTIO_F_NOTIFICATION_DATA       38
#define VIRTIO_F_RING_RESET              40

#define VIRTIO_BIT(n)                    (UINT64_C(1) << (n))

/** Largest split ring, section 2.7. */
#define VIRTIO_SPLIT_RING_MAX            32768

/** Descriptor of a split ring, section 2.7.5. */
struct vring_desc {
	uint64_t addr;  /**< address of the buffer, as the device sees it */
	uint32_t len;   /**< bytes */
	uint16_t flags; /**< VRING_DESC_F_* */
	uint16_t next;  /**< index of the next one where VRING_DESC_F_NEXT */
};

#define VRING_DESC_F_NEXT                1
#define VRING_DESC_F_WRITE               2 /**< the device writes, else it reads */
#define VRING_DESC_F_INDIRECT            4 /**< the buffer is a table of descriptors, 2.7.5.3 */

/** What the driver offers, section 2.7.6. After ring[size]: le16 used_event, with EVENT_IDX. */
struct vring_avail {
	uint16_t flags;
	uint16_t idx;
	uint16_t ring[];
};

#define VRING_AVAIL_F_NO_INTERRUPT       1

/** One buffer that the device gives back, section 2.7.8. */
struct vring_used_elem {
	uint32_t id;  /**< head of the descriptor chain */
	uint32_t len; /**< bytes that the device wrote */
};

/**
 * What the device gives back, section 2.7.8. After ring[size]: le16 avail_event, with EVENT_IDX.
 */
struct vring_used {
	uint16_t flags;
	uint16_t idx;
	struct vring_used_elem ring[];
};

#define VRING_USED_F_NO_NOTIFY           1

/** Alignment of a ring and of its used part in a device before virtio 1.0, section 2.7.2. */
#define VRING_LEGACY_ALIGN               4096

/** Descriptor of a packed ring, made available and used in the same place, section 2.8.14. */
struct vring_packed_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t id;    /**< buffer; the device gives it back */
	uint16_t flags; /**< VRING_DESC_F_*, VRING_PACKED_F_* */
};

/** The two bits that turn with each lap of a packed ring, section 2.8.1. */
#define VRING_PACKED_F_AVAIL             (1 << 7)
#define VRING_PACKED_F_USED              (1 << 15)

/** When one side wants a notification of the other, section 2.8.14.1. */
struct vring_packed_event {
	uint16_t off_wrap; /**< with VRING_EVENT_DESC: descriptor, wrap counter in bit 15 */
	uint16_t flags;    /**< VRING_EVENT_* */
};

#define VRING_EVENT_ENABLE               0
#define VRING_EVENT_DISABLE              1
#define VRING_EVENT_DESC                 2

static_assert(sizeof(struct vring_packed_desc) == 16, "2.8.14");
static_assert(offsetof(struct vring_packed_desc, len) == 8, "2.8.14");
static_assert(offsetof(struct vring_packed_desc, id) == 12, "2.8.14");
static_assert(offsetof(struct vring_packed_desc, flags) == 14, "2.8.14");
static_assert(sizeof(struct vring_packed_event) == 4, "2.8.14.1");
static_assert(sizeof(struct vring_desc) == 16, "2.7.5");
static_assert(offsetof(struct vring_desc, len) == 8, "2.7.5");
static_assert(offsetof(struct vring_desc, flags) == 12, "2.7.5");
static_assert(offsetof(struct vring_avail, ring) == 4, "2.7.6");
static_assert(offsetof(struct vring_used, ring) == 4, "2.7.8");
static_assert(sizeof(struct vring_used_elem) == 8, "2.7.8");

#endif /* VIRTIO_SPEC_H */
