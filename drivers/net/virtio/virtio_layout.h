/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VIRTIO_LAYOUT_H
#define VIRTIO_LAYOUT_H

/**
 * @file
 * The layout of what processes share. A primary and a secondary process that have plug-ins of
 * different versions must not use the same port.
 */

#include <stdint.h>

/**
 * Number of the layout. It grows with each change of a structure in shared memory (struct
 * virtio_port, the queues, rings, devices, and what they contain), of the meaning of a field, and
 * of a message between processes.
 */
#define VIRTIO_LAYOUT_NUMBER 8

/**
 * The first bytes of a port's private memory, in every version of this driver. Its own layout never
 * changes.
 */
struct virtio_layout {
	uint64_t magic;    /**< of this driver */
	uint32_t number;   /**< VIRTIO_LAYOUT_NUMBER of the driver that made the port */
	uint32_t reserved; /**< 0 */
	uint64_t sizes;    /**< from sizes of structures: differs also where two builds do */
	/**
	 * 0. In a secondary process without this plug-in the packaged driver takes the port for its
	 * own. It indexes a table with the number that it has here, at offset 30 in DPDK 22.11.
	 */
	uint8_t zero[48];
};

/** Of the driver in this process. */
extern const struct virtio_layout virtio_layout;

#endif /* VIRTIO_LAYOUT_H */
