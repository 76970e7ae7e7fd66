/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VIRTIO_PORTS_H
#define VIRTIO_PORTS_H

/**
 * @file
 * The ports of this driver in a primary process. The list's lock keeps a port from being closed
 * while a thread other than that of control calls uses it. Order of locks: list, port.
 */

#include "virtio.h"

/** At create and close of a port, without the port's lock. */
void virtio_ports_add(struct virtio_port *port);
void virtio_ports_remove(struct virtio_port *port);

/**
 * Calls fn on a port, which is not closed meanwhile. Not with a port's lock held.
 *
 * @return
 *   What fn returns. -ENODEV: no port of this driver has this number.
 */
int virtio_ports_visit(uint16_t port_id, int (*fn)(struct virtio_port *port));

/** The port with the list's lock and its own held; NULL, with none held: there is no such port. */
struct virtio_port *virtio_ports_lock(long port_id);
void virtio_ports_unlock(struct virtio_port *port);

/** The ethdev of a port of this driver; NULL where the number is that of another or of none. */
struct rte_eth_dev *virtio_ports_edev(uint16_t port_id);

#endif /* VIRTIO_PORTS_H */
