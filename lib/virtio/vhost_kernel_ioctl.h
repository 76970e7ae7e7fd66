/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VHOST_KERNEL_IOCTL_H
#define VHOST_KERNEL_IOCTL_H

/**
 * @file
 * The requests of vhost devices of the kernel, and those that vhost-net alone has (linux/vhost.h,
 * whose structures of rings have the same names as those of virtio_spec.h, so that no file includes
 * both). vhost_vdpa_ioctl.h has those of vhost-vDPA.
 *
 * Threads: any, one at a time for a descriptor.
 *
 * All functions return 0 or a negative errno; after an error of all but vhost_kernel_open() with a
 * log line.
 */

#include <stddef.h>
#include <stdint.h>

/** System calls for vhost devices and tap interfaces. A test replaces them. */
struct vhost_kernel_calls {
	/** The descriptor, or a negative errno. */
	int (*open)(const char *path);
	/** 0 or positive, or a negative errno. */
	int (*ioctl)(int fd, unsigned long request, void *arg);
	/** bpf(2), attr is a union bpf_attr: a descriptor or 0, or a negative errno. */
	int (*bpf)(int command, void *attr, unsigned int size);
	/** 0, or a negative errno; a part is -EIO. */
	int (*write)(int fd, const void *from, size_t len);
};

extern struct vhost_kernel_calls vhost_kernel_calls;

/** A request that a device has no reason to refuse. `name` is that of the log line. */
int vhost_kernel_request(int fd, unsigned long number, const char *name, void *arg);

#define VHOST_KERNEL_REQUEST(fd, number, arg) vhost_kernel_request(fd, number, #number, arg)

/**
 * Opens a vhost-net device for this process, with all its memory. -ENOTTY: it is another device.
 *
 * @param[out] fd
 *   To be closed by the caller, or -1 after an error.
 * @param[out] features
 *   That the kernel offers.
 */
int vhost_kernel_open(const char *path, int *fd, uint64_t *features);

int vhost_kernel_set_features(int fd, uint64_t features);

/** A ring; with vhost-net vring 0 (receive) or 1 (transmit) of a descriptor. */
struct vhost_kernel_vring {
	unsigned int index;
	uint32_t base; /**< where it begins; packed: with the wrap counters */
	uint16_t size;
	uint64_t desc, avail, used; /**< addresses in this process */
	int kick_fd, call_fd;
};

/**
 * Size, addresses and descriptors of a ring that has no back-end. The kernel takes addresses also
 * while a ring runs, and goes on at the new ones: the caller sees to it that it does not run.
 */
int vhost_kernel_set_vring(int fd, const struct vhost_kernel_vring *vring);

/** The part of it that gives a ring another place: base and addresses. */
int vhost_kernel_move_vring(int fd, const struct vhost_kernel_vring *vring);

/**
 * Connects a ring with a queue of a tap interface, and starts it; or with -1, stops it: the kernel
 * does not touch it any more when this returns 0.
 */
int vhost_kernel_set_backend(int fd, unsigned int index, int tap_fd);

#endif /* VHOST_KERNEL_IOCTL_H */
