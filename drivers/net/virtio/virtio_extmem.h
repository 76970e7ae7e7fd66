/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VIRTIO_EXTMEM_H
#define VIRTIO_EXTMEM_H

/**
 * @file
 * Buffers in memory that is not EAL's.
 */

#include <stdint.h>

struct rte_mempool;
struct virtio_port;

/**
 * Whether the device can reach the buffers of a pool.
 *
 * @return
 *   0, or -EFAULT with a line that says what is missing.
 */
int virtio_extmem_check_pool(struct virtio_port *port, uint16_t rx_queue,
			     const struct rte_mempool *pool);

#endif /* VIRTIO_EXTMEM_H */
