/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VIRTIO_CTRL_H
#define VIRTIO_CTRL_H

/**
 * @file
 * Commands of the control queue, section 5.1.6.5, and the ring that carries them.
 *
 * One command at a time, each with a deadline: the port's devarg queue_reset_timeout_ms. After one
 * that was not answered, or not as the specification has it, the ring is out of service: the device
 * may still read the old command, and an answer could be taken for that to the next. The next
 * command resets it first, by a reset of this ring alone; a device that has no such thing needs the
 * port stopped and started.
 *
 * virtio-user has no such ring: its device half is in the driver (struct virtio_bus, command).
 *
 * Threads: the port's lock is held, for all functions of this file.
 */

#include <stdbool.h>
#include <stdint.h>

struct virtio_port;
struct virtio_queue;
struct virtqueue;

/** Bytes that the data of one command may have: a full table of addresses, with room. */
#define VIRTIO_CTRL_DATA_MAX 1024

struct virtio_ctrl_command {
	uint8_t class;    /**< VIRTIO_NET_CTRL_* */
	uint8_t code;     /**< VIRTIO_NET_CTRL_*_* */
	uint8_t feature;  /**< bit that the device must offer to know it */
	uint16_t len;     /**< bytes of data, at most VIRTIO_CTRL_DATA_MAX */
	const void *data; /**< as the device reads it */
};

/**
 * Sends a command and waits for its answer.
 *
 * @return
 *   0: done; or the device is not running, and who configures the port is to say it again when it
 *   is, as ethdev does. -ENOTSUP: the device does not know such commands. -EIO: it has refused this
 *   one, or the ring is out of service and cannot be reset. -ETIMEDOUT, -EPROTO: no answer, or
 *   none that can be; the ring is out of service until the next command.
 */
int virtio_ctrl_send(struct virtio_port *port, const struct virtio_ctrl_command *command);

/**
 * Whether an error of virtio_ctrl_send() means that the device has refused the command. Otherwise
 * the ring is out of service, and the device may have carried out the command.
 */
bool virtio_ctrl_works(const struct virtio_port *port);

/**
 * When the device is found, with port->max_pairs as it says: whether its control queue is there and
 * holds a command. Without one the port does with what takes none, with a line, and no feature is
 * acknowledged that needs it.
 *
 * @return
 *   0, with port->has_ctrl set. Else the transport's error.
 */
int virtio_ctrl_probe(struct virtio_port *port);

/**
 * Whether the device knows commands that depend on a feature bit, and has a control queue for them.
 */
bool virtio_ctrl_offers(const struct virtio_port *port, uint8_t feature);

/**
 * The ring for a device whose features are negotiated, to be started with the others.
 *
 * @param[out] vq
 *   The ring, in state READY; NULL where there is none.
 * @return
 *   0, -ENOTSUP where no command fits into it, or what virtqueue_create() says.
 */
int virtio_ctrl_ring(struct virtio_port *port, struct virtqueue **vq);

/** After a device reset: makes the ring as new, if it is ours again. */
void virtio_ctrl_drain(struct virtio_port *port);

/** Frees the ring; one that the device may still use is left behind. */
void virtio_ctrl_free(struct virtio_port *port);

#endif /* VIRTIO_CTRL_H */
