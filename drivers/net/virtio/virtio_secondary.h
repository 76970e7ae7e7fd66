/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VIRTIO_SECONDARY_H
#define VIRTIO_SECONDARY_H

/**
 * @file
 * A port in a secondary process: its bursts, and reading of its state. All else is the primary's,
 * and refused here with -ENOTSUP.
 *
 * What a secondary sees of the port is the shared memory, and of that what is not the primary's own
 * (struct virtio_port). No lock is shared: between the two is the gate of each queue.
 */

#include "virtio.h"

/**
 * Makes the port of the primary's device usable in this process, until virtio_secondary_finish().
 *
 * @return
 *   0. -ENOTSUP: the primary has another driver, or another version or build of this one; or the
 *   kernel here lacks what the primary relies on; or not with this transport. Else the errors of
 *   virtio_process_join() and virtio_device_attach().
 */
int virtio_secondary_attach(struct rte_eth_dev *edev);

/** Announces the port in this process, in place of rte_eth_dev_probing_finish(). */
void virtio_secondary_finish(struct rte_eth_dev *edev);

#endif /* VIRTIO_SECONDARY_H */
