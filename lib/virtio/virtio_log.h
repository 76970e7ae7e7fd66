/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VIRTIO_LOG_H
#define VIRTIO_LOG_H

/**
 * @file
 * The two log types, under the names that users of DPDK's net/virtio set levels for.
 */

#include <rte_log.h>

#include "virtio_compat.h"

extern int virtio_logtype_init;   /**< pmd.net.virtio.init: probe, configuration, choices */
extern int virtio_logtype_driver; /**< pmd.net.virtio.driver: what happens to a running port */

/* EAL prints the name of the type before a line, and the lines of both types begin alike. */
#define VIRTIO_LOG_LINE(level, type, ...) do { \
	const int RTE_LOGTYPE_virtio = (type); \
	RTE_LOG_LINE(level, virtio, __VA_ARGS__); \
} while (0)

#define VIRTIO_INIT_LOG(level, ...) VIRTIO_LOG_LINE(level, virtio_logtype_init, __VA_ARGS__)

#define VIRTIO_LOG(level, ...) VIRTIO_LOG_LINE(level, virtio_logtype_driver, __VA_ARGS__)

#endif /* VIRTIO_LOG_H */
