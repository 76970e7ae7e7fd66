/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VIRTIO_MQ_H
#define VIRTIO_MQ_H

/**
 * @file
 * Which queues the device uses: by its RSS table (virtio_rss.h), by the number of pairs of
 * VIRTIO_NET_CTRL_MQ, section 5.1.6.5.5, or by neither.
 *
 * 5.1.6.5.7: the device's table names running queues only. So a queue leaves it before its stop and
 * joins it after its start.
 *
 * Threads: the port's lock is held.
 */

#include "virtio.h"

/**
 * After a start of the port: sends the RSS table, or the number of pairs. With mq=running no more
 * pairs than have a queue that runs.
 *
 * @return
 *   0, or the error of virtio_ctrl_send().
 */
int virtio_mq_apply(struct virtio_port *port);

/**
 * After a start of a queue: the device is to use it.
 *
 * @param table
 *   Whether the RSS table is to be sent.
 * @return
 *   0, or the error of virtio_ctrl_send().
 */
int virtio_mq_add(const struct virtio_queue *q, bool table);

/**
 * Before a stop of a queue that still runs: the device is not to use it any more. A device that
 * does not answer, not even on a control queue that was reset, must not keep the queue's buffers:
 * an error is logged, and the queue may be stopped.
 *
 * @return
 *   0. Else the error of virtio_ctrl_send(): the device refuses, and the queue is not to be
 *   stopped.
 */
int virtio_mq_remove(const struct virtio_queue *q, bool table);

#endif /* VIRTIO_MQ_H */
