/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VHOST_KERNEL_TAP_H
#define VHOST_KERNEL_TAP_H

/**
 * @file
 * A tap interface of the kernel with one or more queues, which is the back-end of vhost-net. The
 * kernel removes it with its last descriptor, unless the administrator has made it persistent.
 *
 * Threads: the port's lock is held.
 *
 * Errors: negative errno, with a log line unless a function says otherwise.
 */

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

struct vhost_kernel_tap {
	char name[IFNAMSIZ];
	uint16_t nb_queues;
	uint16_t nb_attached; /**< queues from 0 on to which the kernel passes frames */
	int *fds;             /**< by queue */
	int netlink_fd;       /**< readable when an interface of the namespace has changed */
	bool was_raised;      /**< the driver has set it up once, and does not do so again */
};

/**
 * Opens `nb_queues` queues of an interface, which the kernel makes unless it is there: down, with
 * headers of struct virtio_net_hdr_mrg_rxbuf, no offload, and no program that steers frames.
 *
 * @param name
 *   Of the interface; "": the kernel chooses "tap0" or another number.
 * @param owner
 *   Name of the device in log lines.
 */
int vhost_kernel_tap_open(struct vhost_kernel_tap *tap, const char *name, uint16_t nb_queues,
			  const char *owner);

/** Closes all descriptors. Also of one that was never opened, of zeroes. */
void vhost_kernel_tap_close(struct vhost_kernel_tap *tap);

/** Whether the interface exists. */
bool vhost_kernel_tap_exists(const struct vhost_kernel_tap *tap);

/** Takes what the netlink socket has, so that it is readable at the next change only. */
void vhost_kernel_tap_take_events(const struct vhost_kernel_tap *tap);

/** Whether it is up and has a carrier. No log line. */
int vhost_kernel_tap_is_up(const struct vhost_kernel_tap *tap, bool *up);

/** Sets the interface up (IFF_UP), unless the driver has done so before. */
int vhost_kernel_tap_raise(struct vhost_kernel_tap *tap);

/**
 * Sets the offloads of frames that the kernel passes to the device, VIRTIO_NET_F_GUEST_*.
 *
 * @return
 *   0. -EINVAL: the kernel does not support that. No log line.
 */
int vhost_kernel_tap_set_offloads(struct vhost_kernel_tap *tap, uint64_t features);

/** Attaches the first `n` queues, so that the kernel uses these, and detaches the others. */
int vhost_kernel_tap_set_queues(struct vhost_kernel_tap *tap, uint16_t n);

/**
 * Lets a program choose the queue of each frame that the kernel sends, or with -1 the kernel.
 *
 * @return
 *   0. -EINVAL, -EPERM: the kernel does not accept it.
 */
int vhost_kernel_tap_set_steering(struct vhost_kernel_tap *tap, int prog_fd);

int vhost_kernel_tap_set_mac(struct vhost_kernel_tap *tap, const uint8_t mac[6]);
int vhost_kernel_tap_set_mtu(struct vhost_kernel_tap *tap, uint16_t mtu);

#endif /* VHOST_KERNEL_TAP_H */
