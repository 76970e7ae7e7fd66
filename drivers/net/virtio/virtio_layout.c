/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include "virtio.h"

#define MAGIC UINT64_C(0x76696f2d71727374)

/* A step of the FNV-1a hash, with a size in place of a byte. */
#define MIX(hash, size) (((hash) ^ (uint64_t)(size)) * UINT64_C(0x100000001b3))

const struct virtio_layout virtio_layout = {
	.magic = MAGIC,
	.number = VIRTIO_LAYOUT_NUMBER,
	.sizes = MIX(MIX(MIX(MIX(MIX(UINT64_C(0xcbf29ce484222325), sizeof(struct virtio_port)),
				 sizeof(struct virtio_rxq)), sizeof(struct virtio_txq)),
			 sizeof(struct virtqueue)), sizeof(struct virtio_device)),
};
