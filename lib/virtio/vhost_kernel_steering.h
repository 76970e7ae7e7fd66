/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VHOST_KERNEL_STEERING_H
#define VHOST_KERNEL_STEERING_H

/**
 * @file
 * RSS of a tap interface: an eBPF program that the kernel runs for each frame, and a map with what
 * the device would know of VIRTIO_NET_CTRL_MQ_RSS_CONFIG (section 5.1.6.5.7). The program has the
 * hash types of struct vhost_kernel_steering_conf. It does not look behind VLAN tags that are part
 * of the frame, nor behind extension headers of IPv6.
 *
 * Threads: the port's lock is held.
 *
 * Errors: negative errno, without a log line.
 */

#include <stddef.h>
#include <stdint.h>

/** Entries of the table, and bytes of the key. */
#define VHOST_KERNEL_STEERING_TABLE 128
#define VHOST_KERNEL_STEERING_KEY   40

/** Hash types of 5.1.6.4.3 that the program has: IPv4, IPv6, and TCP and UDP over both. */
#define VHOST_KERNEL_STEERING_TYPES 0x3fu

struct vhost_kernel_steering {
	int map_fd;
	int prog_fd; /**< for TUNSETSTEERINGEBPF */
};

struct vhost_kernel_steering_conf {
	uint32_t types;        /**< of VHOST_KERNEL_STEERING_TYPES */
	uint16_t unclassified; /**< queue of frames that have none of these types */
	uint16_t table[VHOST_KERNEL_STEERING_TABLE]; /**< queue by the low bits of the hash */
	uint8_t key[VHOST_KERNEL_STEERING_KEY];
};

/**
 * Loads the program. Its map has queue 0 for all frames.
 *
 * @param[out] steering
 *   To be closed by the caller; both descriptors are -1 after an error.
 * @return
 *   0. -EPERM: it needs CAP_BPF and CAP_NET_ADMIN. -ENOSYS: the kernel has no bpf(2). What else
 *   bpf(2) says.
 */
int vhost_kernel_steering_open(struct vhost_kernel_steering *steering);

/** Closes the descriptors. The kernel keeps a program that an interface uses. */
void vhost_kernel_steering_close(struct vhost_kernel_steering *steering);

/**
 * Reads the data of VIRTIO_NET_CTRL_MQ_RSS_CONFIG.
 *
 * @param[out] pairs
 *   Pairs of queues in use.
 * @return
 *   0. -EINVAL: they are too short, or a size is not one of those above.
 */
int vhost_kernel_steering_read(const uint8_t *data, size_t len,
			       struct vhost_kernel_steering_conf *conf, uint16_t *pairs);

/** Frames that the kernel sends after the return are steered by `conf`. */
int vhost_kernel_steering_set(const struct vhost_kernel_steering *steering,
			      const struct vhost_kernel_steering_conf *conf);

#endif /* VHOST_KERNEL_STEERING_H */
