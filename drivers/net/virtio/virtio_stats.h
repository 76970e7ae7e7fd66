/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VIRTIO_STATS_H
#define VIRTIO_STATS_H

/**
 * @file
 * Statistics of ethdev, basic and extended.
 */

#include "virtio.h"

int virtio_stats_get(VIRTIO_STATS_GET_ARGS);

/** At configure: a NOTICE where the port has more queues than ethdev's telemetry shows. */
void virtio_stats_configure(const struct rte_eth_dev *edev);

int virtio_stats_reset(struct rte_eth_dev *edev);
int virtio_xstats_get(struct rte_eth_dev *edev, struct rte_eth_xstat *xstats, unsigned int n);
int virtio_xstats_get_names(struct rte_eth_dev *edev, struct rte_eth_xstat_name *names,
			    unsigned int n);
int virtio_queue_stats_mapping_set(struct rte_eth_dev *edev, uint16_t queue, uint8_t stat,
				   uint8_t is_rx);

#endif /* VIRTIO_STATS_H */
