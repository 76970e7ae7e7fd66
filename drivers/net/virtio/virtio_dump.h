/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VIRTIO_DUMP_H
#define VIRTIO_DUMP_H

/**
 * @file
 * The state of a port and of its queues as text, for rte_eth_dev_priv_dump().
 */

#include <stdio.h>

struct rte_eth_dev;

/**
 * Writes the device, the features, the way to stop single queues, the data paths, and a line for
 * each queue that ethdev shows. Any thread of the primary process, without the port's lock.
 *
 * @return
 *   0. -EBUSY: a control call or the worker holds the port for longer than a second; the text says
 *   so. -EIO: the file cannot be written.
 */
int virtio_dev_priv_dump(struct rte_eth_dev *edev, FILE *file);

#endif /* VIRTIO_DUMP_H */
