/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VHOST_USER_PORT_H
#define VHOST_USER_PORT_H

/**
 * @file
 * A device of lib/virtio's vhost-user transport with its fake back-end, its rings and buffers.
 */

#include "fake_vhost_user.h"
#include "ring.h"
#include "transport_vhost_user.h"

#define PORT_RINGS 4
#define PORT_RING_SIZE 64
#define PORT_BUFFERS 8

struct vhost_user_port {
	struct fake_vu *vu;
	struct virtio_device dev;
	bool connected;
	uint32_t answer_timeout_us; /**< set between create and connect; 0: the usual one */
	struct virtqueue *vq[PORT_RINGS];
	struct buffer *buffers[PORT_RINGS]; /**< in memory that the back-end can see */
};

/** A back-end, to be given its features and rules; nothing is connected. */
void port_create(struct vhost_user_port *port);

/** Launches the back-end and connects to it: what vhost_user_create() returns. */
int port_connect(struct vhost_user_port *port, enum vhost_user_stop_policy policy);

/** The device to DRIVER_OK, with all rings and PORT_BUFFERS buffers in each. */
void port_start(struct vhost_user_port *port);
/** Its first half: rings with buffers, READY. */
void port_make_rings(struct vhost_user_port *port);

/** create, connect, start, with this method. */
void port_up(struct vhost_user_port *port, enum vhost_user_stop_policy policy);

/** Reclaims a READY ring and fills it again. */
void port_refill(struct vhost_user_port *port, unsigned int index);

/** Puts a new ring of this size, with buffers, in the place of a READY one. */
void port_replace_ring(struct vhost_user_port *port, unsigned int index, uint16_t size);

/** The device of a running ring gets a buffer and gives it back. */
void port_check_runs(struct vhost_user_port *port, unsigned int index);
void port_check_others_run(struct vhost_user_port *port, unsigned int index);

/** Stops a ring, fills it and starts it; then all rings run. */
void port_restart_ring(struct vhost_user_port *port, unsigned int index);

/** Resets the device if need be, and takes all apart; every buffer must have come back once. */
void port_down(struct vhost_user_port *port);

/** Ends the case unless the back-end's record is so. */
void port_check_recorded(struct vhost_user_port *port, const char *wanted);

#endif /* VHOST_USER_PORT_H */
