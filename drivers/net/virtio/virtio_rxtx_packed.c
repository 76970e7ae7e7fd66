/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Data paths of packed rings: virtio_rxtx_body.h with the layout as a constant.
 */

#include "virtio_rxtx_body.h"

VIRTIO_RX_PATH(single, true, false, false)
VIRTIO_RX_PATH(single_offload, true, false, true)
VIRTIO_RX_PATH(mergeable, true, true, false)
VIRTIO_RX_PATH(mergeable_offload, true, true, true)
VIRTIO_TX_PATH(plain, true, false)
VIRTIO_TX_PATH(offload, true, true)

const struct virtio_rx_path *const virtio_rx_packed[2][2] = {
	{ &rx_path_single, &rx_path_single_offload },
	{ &rx_path_mergeable, &rx_path_mergeable_offload },
};

const struct virtio_tx_path *const virtio_tx_packed[2] = { &tx_path_plain, &tx_path_offload };
