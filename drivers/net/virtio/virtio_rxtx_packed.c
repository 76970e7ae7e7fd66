/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Data path of packed rings: virtio_rxtx_body.h with the layout as a constant.
 */

#include "virtio_rxtx_body.h"

static uint16_t
rx_burst_single(void *rxq, struct rte_mbuf **pkts, uint16_t n)
{
	return rx_burst_gated(rxq, pkts, n, false, true);
}

static uint16_t
rx_burst_mergeable(void *rxq, struct rte_mbuf **pkts, uint16_t n)
{
	return rx_burst_gated(rxq, pkts, n, true, true);
}

static uint16_t
tx_burst_any(void *txq, struct rte_mbuf **pkts, uint16_t n)
{
	return tx_burst_gated(txq, pkts, n, true);
}

static uint16_t
rx_fill(struct virtio_rxq *rxq)
{
	return rx_refill(rxq, rxq->q.vq, 1, true);
}

static uint32_t
rx_count_unread(const struct virtio_rxq *rxq)
{
	return rx_unread(rxq, true);
}

static int
tx_complete_some(struct virtio_txq *txq, uint32_t most)
{
	return tx_complete(txq, most, true);
}

const struct virtio_path virtio_path_packed = {
	.rx_name = "Packed",
	.tx_name = "Packed",
	.rx_burst = rx_burst_single,
	.tx_burst = tx_burst_any,
	.rx_fill = rx_fill,
	.rx_unread = rx_count_unread,
	.tx_complete = tx_complete_some,
};

const struct virtio_path virtio_path_packed_mergeable = {
	.rx_name = "Packed Mergeable",
	.tx_name = "Packed",
	.rx_burst = rx_burst_mergeable,
	.tx_burst = tx_burst_any,
	.rx_fill = rx_fill,
	.rx_unread = rx_count_unread,
	.tx_complete = tx_complete_some,
};
