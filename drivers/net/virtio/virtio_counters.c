/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include "virtio_queue.h"
#include "virtio_rxtx_common.h"

const uint8_t virtio_size_bins[VIRTIO_SIZE_TABLE] = {
	[64] = 1,
	[65 ... 127] = 2,
	[128 ... 255] = 3,
	[256 ... 511] = 4,
	[512 ... 1023] = 5,
	[1024 ... 1518] = 6,
	[1519 ... UINT16_MAX] = 7,
};

const struct virtio_counters *
virtio_queue_counters(const struct virtio_queue *q)
{
	return q->is_rx ? &container_of(q, const struct virtio_rxq, q)->counters :
			  &container_of(q, const struct virtio_txq, q)->counters;
}
