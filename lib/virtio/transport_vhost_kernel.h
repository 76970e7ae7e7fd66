/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef TRANSPORT_VHOST_KERNEL_H
#define TRANSPORT_VHOST_KERNEL_H

/**
 * @file
 * virtio-user: a device that is the kernel's vhost-net, with a tap interface as its back-end. What
 * the device sends comes out of that interface, and what the kernel sends by the interface is
 * received.
 *
 * Each pair of rings has a descriptor of the vhost device, where its receive ring is vring 0 and
 * its transmit ring vring 1, and a queue of the interface.
 *
 * A single ring is stopped by VHOST_NET_SET_BACKEND with descriptor -1. The kernel carries it out
 * before the call returns, so that the return is the proof. It needs no feature bit of the kernel.
 *
 * Threads: control calls by one thread at a time (the port's lock).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "virtio_device.h"

struct vhost_kernel_conf {
	const char *path;  /**< of the vhost device, copied */
	const char *iface; /**< name of the tap interface, copied; "": the kernel chooses one */
	uint16_t nb_pairs; /**< pairs of data rings, and queues of the interface */
	bool stops;        /**< single rings may be stopped */
	bool steers;       /**< offer RSS, by a program that the kernel runs for each frame */
};

/**
 * Opens the interface, which is made unless it is there, and the vhost device. Sets dev->offered
 * and dev->stop_method.
 *
 * @param dev
 *   Initialised for at least 2 * conf->nb_pairs rings.
 * @return
 *   0. -ENOENT, -EACCES, -EPERM, -EBUSY and what else open(2) and ioctl(2) say; -ENOTSUP: the
 *   kernel lacks a feature that is needed. -EINVAL: path or name is too long. -ENOMEM. Each but
 *   -ENOMEM with a log line.
 */
int vhost_kernel_create(struct virtio_device *dev, const struct vhost_kernel_conf *conf);

/** Closes all, and with it the interface goes unless it is persistent. */
void vhost_kernel_destroy(struct virtio_device *dev);

/**
 * Opens all again after the interface was deleted: another interface of the same name. The device
 * is to be reset before. As vhost_kernel_create().
 */
int vhost_kernel_reconnect(struct virtio_device *dev);

/** Whether the interface exists. */
bool vhost_kernel_is_up(struct virtio_device *dev);

/** Name of the interface, as the kernel has completed it; valid until the next opening. */
const char *vhost_kernel_interface(const struct virtio_device *dev);

/** Whether the interface is up and has a carrier. 0, or a negative errno. */
int vhost_kernel_link_is_up(struct virtio_device *dev, bool *up);

/** File descriptor to watch, a netlink socket, and what to poll(2) it for; 0: nothing any more. */
int vhost_kernel_watch_fd(struct virtio_device *dev);
short vhost_kernel_watch_events(struct virtio_device *dev);

/** For the thread that watches it, before it looks at the link: takes what the socket has. */
void vhost_kernel_take_events(struct virtio_device *dev);

/** Closes the descriptors of the vhost device, which stops all rings. */
void vhost_kernel_disconnect(struct virtio_device *dev);

/** The descriptor (eventfd, not blocking) that the kernel raises for a ring. */
int vhost_kernel_call_fd(struct virtio_device *dev, uint16_t index);

/**
 * These set the MAC address and the MTU of the interface, and the number of pairs that the kernel
 * uses. They return 0, or a negative errno with a log line.
 */
int vhost_kernel_set_mac(struct virtio_device *dev, const uint8_t mac[6]);
int vhost_kernel_set_mtu(struct virtio_device *dev, uint16_t mtu);
int vhost_kernel_set_pairs(struct virtio_device *dev, uint16_t pairs);

/**
 * With conf->steers: pairs and steering by the data of VIRTIO_NET_CTRL_MQ_RSS_CONFIG. They hold
 * until vhost_kernel_set_pairs(), after which the kernel steers.
 *
 * @return
 *   As above. -EINVAL, without a log line: the data are not those of a device with
 *   VHOST_KERNEL_STEERING_TABLE entries.
 */
int vhost_kernel_set_rss(struct virtio_device *dev, const uint8_t *data, size_t len);

#endif /* TRANSPORT_VHOST_KERNEL_H */
