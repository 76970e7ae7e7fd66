/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VHOST_VDPA_IOCTL_H
#define VHOST_VDPA_IOCTL_H

/**
 * @file
 * The requests of vhost-vDPA, by the system calls of vhost_kernel_ioctl.h, which a test replaces.
 *
 * Threads: any, one at a time for a descriptor.
 *
 * All functions return 0 or a negative errno; after an error of all but vhost_vdpa_open() with a
 * log line.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Device ID of a network device, section 5. */
#define VHOST_VDPA_NET 1

/** Backend features that this driver acknowledges, as bits. */
#define VHOST_VDPA_IOTLB_MSG_V2  (UINT64_C(1) << 1)
#define VHOST_VDPA_IOTLB_BATCH   (UINT64_C(1) << 2)
#define VHOST_VDPA_CAN_SUSPEND   (UINT64_C(1) << 4)
#define VHOST_VDPA_CAN_RESUME    (UINT64_C(1) << 5)
#define VHOST_VDPA_ENABLE_LATE   (UINT64_C(1) << 6) /**< ENABLE_AFTER_DRIVER_OK */
#define VHOST_VDPA_IOTLB_PERSIST (UINT64_C(1) << 8)

/** What a device says when it is opened. */
struct vhost_vdpa_info {
	uint32_t device_id;
	uint64_t features;         /**< of virtio, offered */
	uint64_t backend_features; /**< VHOST_VDPA_*, acknowledged */
	uint32_t nb_rings;
	uint16_t max_size;         /**< descriptors of a ring */
	uint32_t config_size;      /**< bytes of the device configuration */
	uint64_t first, last;      /**< addresses that the device can use */
};

/**
 * Opens a device for this process.
 *
 * @param[out] fd
 *   To be closed by the caller, or -1 after an error.
 * @return
 *   0. -ENOTTY: not a vhost-vDPA device. -ENOSYS: the kernel lacks a request or IOTLB_MSG_V2. Else
 *   what open(2) and ioctl(2) say.
 */
int vhost_vdpa_open(const char *path, int *fd, struct vhost_vdpa_info *info);

int vhost_vdpa_get_features(int fd, uint64_t *features);
int vhost_vdpa_set_features(int fd, uint64_t features);
/** 0 resets the device. */
int vhost_vdpa_set_status(int fd, uint8_t status);
int vhost_vdpa_get_status(int fd, uint8_t *status);
/** At most VHOST_VDPA_CONFIG_MAX bytes, within the device's configuration. */
#define VHOST_VDPA_CONFIG_MAX 64
int vhost_vdpa_get_config(int fd, uint32_t offset, void *to, size_t len);
/** The descriptor that the kernel raises after a change of the configuration. */
int vhost_vdpa_set_config_call(int fd, int call_fd);
int vhost_vdpa_enable(int fd, unsigned int index, bool on);

/** No ring is used any more when this returns 0, until vhost_vdpa_resume(). */
int vhost_vdpa_suspend(int fd);
int vhost_vdpa_resume(int fd);

/** Maps memory of this process at its virtual address. No log line. */
int vhost_vdpa_map(int fd, uint64_t addr, uint64_t len);
/** Takes away all mappings within. */
int vhost_vdpa_unmap(int fd, uint64_t addr, uint64_t len);
/** Between these two, mappings may wait for the end. */
int vhost_vdpa_batch(int fd, bool begin);

#endif /* VHOST_VDPA_IOCTL_H */
