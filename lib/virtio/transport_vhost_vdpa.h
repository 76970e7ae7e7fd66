/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef TRANSPORT_VHOST_VDPA_H
#define TRANSPORT_VHOST_VDPA_H

/**
 * @file
 * virtio-user: a vDPA device of the kernel, by /dev/vhost-vdpa-N.
 *
 * The kernel has no request that stops one ring. ENABLE 0 returns 0 on devices that go on, and
 * after DRIVER_OK addresses are taken only while the device is suspended. So a ring is stopped by
 * an exchange. SUSPEND returns, which is the proof that no ring is used. An empty ring takes the
 * place of the stopped one, and RESUME follows. The device needs SUSPEND and RESUME for that. All
 * other rings pause meanwhile. A start exchanges the rings again.
 *
 * The size of a ring is not changed by an exchange: the kernel takes SET_VRING_NUM at any time, but
 * devices do not.
 *
 * If an exchange fails after SUSPEND, the device stays suspended, and dev->needs_reset is set.
 *
 * Threads: control calls by one thread at a time (the port's lock).
 */

#include <stdbool.h>
#include <stdint.h>

#include "virtio_device.h"

struct vhost_vdpa_conf {
	const char *path; /**< of the device, copied */
	bool stops;       /**< single rings may be stopped */
};

/**
 * Opens the device, initialises dev for its rings, and maps all memory. Sets dev->offered and
 * dev->stop_method.
 *
 * @return
 *   0. -ENOENT, -EACCES, -EBUSY and what else open(2) and ioctl(2) say; -ENOTTY: not a vhost-vDPA
 *   device; -ENOTSUP: not a network device; -ENOSYS: the kernel is too old; -ERANGE: it cannot
 *   access EAL's memory. -EINVAL: the path is too long. -ENOMEM. Each but -ENOMEM with a log line.
 */
int vhost_vdpa_create(struct virtio_device *dev, const char *name,
		      const struct vhost_vdpa_conf *conf);

/** Closes the device, and frees dev's own part. */
void vhost_vdpa_destroy(struct virtio_device *dev);

/** Opens the device again after vhost_vdpa_disconnect(). As vhost_vdpa_create(). */
int vhost_vdpa_reconnect(struct virtio_device *dev);

/** Whether the device is open. */
bool vhost_vdpa_is_up(struct virtio_device *dev);

/** Closes the device, which resets it. */
void vhost_vdpa_disconnect(struct virtio_device *dev);

/** File descriptor that is readable after a change of the configuration, and what to poll(2). */
int vhost_vdpa_watch_fd(struct virtio_device *dev);
short vhost_vdpa_watch_events(struct virtio_device *dev);
/** For the thread that watches it: makes it unreadable until the next change. */
void vhost_vdpa_take_events(struct virtio_device *dev);

/** The descriptor (eventfd, not blocking) that the kernel raises for a ring. */
int vhost_vdpa_call_fd(struct virtio_device *dev, uint16_t index);

/** Memory of the application's own; the file is not needed. See vhost_vdpa_mem.h. */
int vhost_vdpa_attach(struct virtio_device *dev, void *addr, size_t len, int fd, uint64_t offset);
int vhost_vdpa_detach(struct virtio_device *dev, void *addr, size_t len);
bool vhost_vdpa_has(struct virtio_device *dev, const void *addr, size_t len);

#endif /* TRANSPORT_VHOST_VDPA_H */
