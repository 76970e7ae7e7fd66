/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * Data paths of split rings: virtio_rxtx_body.h with the layout as a constant.
 */

#include "virtio_rxtx_body.h"

VIRTIO_RX_PATH(single, .packed = false);
VIRTIO_RX_PATH(single_offload, .packed = false, .offload = true);
VIRTIO_RX_PATH(mergeable, .packed = false, .mergeable = true);
VIRTIO_RX_PATH(mergeable_offload, .packed = false, .mergeable = true, .offload = true);
VIRTIO_TX_PATH(plain, .packed = false);
VIRTIO_TX_PATH(offload, .packed = false, .offload = true);
VIRTIO_RX_PATH(hash, .packed = false, .hash = true);
VIRTIO_TX_PATH(hash, .packed = false, .hash = true);

const struct virtio_paths VIRTIO_PATHS(split) = {
	.rx = {
		{ &rx_path_single, &rx_path_single_offload },
		{ &rx_path_mergeable, &rx_path_mergeable_offload },
	},
	.tx = { &tx_path_plain, &tx_path_offload },
	.rx_hash = &rx_path_hash,
	.tx_hash = &tx_path_hash,
};
