/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef TRANSPORT_VHOST_USER_H
#define TRANSPORT_VHOST_USER_H

/**
 * @file
 * virtio-user: a device that is a vhost-user back-end at the other end of a socket.
 *
 * Threads: control calls by one thread at a time (the port's lock). The transport itself listens
 * to EAL's memory events and tells the back-end of them on whatever thread they arrive.
 */

#include <stdbool.h>
#include <stdint.h>

#include "vhost_mem.h"
#include "virtio_device.h"

/** What the user says about how rings are stopped. */
enum vhost_user_stop_policy {
	VHOST_USER_STOP_AUTO,     /**< by what the back-end offers */
	VHOST_USER_STOP_GET_BASE, /**< VIRTIO_STOP_VHOST_GET_BASE, at the user's word */
	VHOST_USER_STOP_DISABLE,  /**< VIRTIO_STOP_VHOST_DISABLE_ACK, at the user's word */
	VHOST_USER_STOP_OFF,      /**< VIRTIO_STOP_NONE */
};

struct vhost_user_conf {
	const char *path;  /**< of the socket, copied */
	bool server;       /**< listen on path and let the back-end connect */
	uint16_t nb_rings; /**< data rings wanted */
	enum vhost_user_stop_policy stop;
	uint32_t answer_timeout_us; /**< longest time without an answer; 0: 10 s */
};

/**
 * Connects to the back-end, agrees on protocol features and chooses dev->stop_method. Sets
 * dev->offered. As server it waits without limit for the first back-end that completes the
 * handshake. A signal that the calling thread handles ends each wait.
 *
 * @param dev
 *   Initialised for at least conf->nb_rings rings.
 * @return
 *   0. -EINVAL: the back-end grants fewer rings, or the path is invalid. -ENOTSUP: the back-end
 * lacks what queue_reset= asks for. -EMFILE: too few descriptors for all rings. -EINTR: a signal.
 * -EADDRINUSE, -EEXIST: as server, the path is taken. -ENOMEM, -ETIMEDOUT, -ENODEV, or what the
 * socket calls say.
 */
int vhost_user_create(struct virtio_device *dev, const struct vhost_user_conf *conf);

/** Closes the connection and gives all back; as server, removes the socket's file. */
void vhost_user_destroy(struct virtio_device *dev);

/**
 * Connects again after the back-end has gone: as server takes the next client, if there is one.
 * The device is to be reset before (the gone back-end's rings need their proof too).
 *
 * @return
 *   0. -EAGAIN: as server, nobody is there. -ECANCELED: see virtio_device_cancel(). Else as
 *   vhost_user_create().
 */
int vhost_user_reconnect(struct virtio_device *dev);

/** Whether the connection stands; notices the end of it. */
bool vhost_user_is_up(struct virtio_device *dev);

/** File descriptor to watch: the connection, or as server without one the listening socket. */
int vhost_user_watch_fd(struct virtio_device *dev);

/**
 * What to poll(2) that descriptor for: POLLRDHUP, the end of the connection; POLLIN, a back-end
 * that connects; 0, nothing, of a client's connection that has ended.
 */
short vhost_user_watch_events(struct virtio_device *dev);

/**
 * Disconnects a back-end that does not answer or cannot be used: nothing is sent any more, and
 * one that still reads its socket sees the end of it, lets go and closes. virtio_device_reset()
 * then waits for that.
 */
void vhost_user_disconnect(struct virtio_device *dev);

/**
 * The descriptor (eventfd, not blocking) that the back-end raises for a ring: the same over every
 * restart and connection, until vhost_user_destroy() closes it.
 */
int vhost_user_call_fd(struct virtio_device *dev, uint16_t index);

/**
 * Lets the back-end reach memory of the application's own that EAL has no descriptor of, now and
 * after each new connection. Running rings go on.
 *
 * @param fd, offset
 *   The file that the memory is mapped of, shared, and where in it; duplicated.
 * @return
 *   0. -EEXIST: overlaps memory that is attached. -EINVAL: no memory, or not of whole pages.
 *   -E2BIG: more files than vhost-user carries. -EIO: the back-end does not take it. -ETIMEDOUT, or
 *   what fcntl(2) says. After an error it is not attached.
 */
int vhost_user_mem_attach(struct virtio_device *dev, void *addr, size_t len, int fd,
			  uint64_t offset);

/**
 * The opposite; the device has no buffer there any more.
 *
 * @return
 *   0. -ENOENT: not attached, as it is given here. Else the memory is not attached any more, but
 *   the back-end did not confirm it.
 */
int vhost_user_mem_detach(struct virtio_device *dev, void *addr, size_t len);

/** What the back-end can reach: EAL's memory, and what is attached. 0, or as vhost_mem_read(). */
int vhost_user_mem_table(struct virtio_device *dev, struct vhost_mem *mem);

#endif /* TRANSPORT_VHOST_USER_H */
