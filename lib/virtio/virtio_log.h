/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VIRTIO_LOG_H
#define VIRTIO_LOG_H

/**
 * @file
 * The two log types, under the names that users of DPDK's net/virtio set levels for.
 */

#include <rte_log.h>

extern int virtio_logtype_init;   /**< pmd.net.virtio.init: probe, configuration, choices */
extern int virtio_logtype_driver; /**< pmd.net.virtio.driver: what happens to a running port */

#define VIRTIO_INIT_LOG(level, fmt, ...) \
	rte_log(RTE_LOG_ ## level, virtio_logtype_init, "virtio: " fmt "\n", ## __VA_ARGS__)

#define VIRTIO_LOG(level, fmt, ...) \
	rte_log(RTE_LOG_ ## level, virtio_logtype_driver, "virtio: " fmt "\n", ## __VA_ARGS__)

#endif /* VIRTIO_LOG_H */
