/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Data path of split rings: virtio_rxtx_body.h with the layout as a constant.
 */

#include "virtio_rxtx_body.h"

static uint16_t
rx_burst_single(void *rxq, struct rte_mbuf **pkts, uint16_t n)
{
	return rx_burst_gated(rxq, pkts, n, false, false);
}

static uint16_t
rx_burst_mergeable(void *rxq, struct rte_mbuf **pkts, uint16_t n)
{
	return rx_burst_gated(rxq, pkts, n, true, false);
}

static uint16_t
tx_burst_any(void *txq, struct rte_mbuf **pkts, uint16_t n)
{
	return tx_burst_gated(txq, pkts, n, false);
}

static uint16_t
rx_fill(struct virtio_rxq *rxq)
{
	return rx_refill(rxq, rxq->q.vq, 1, false);
}

static uint32_t
rx_count_unread(const struct virtio_rxq *rxq)
{
	return rx_unread(rxq, false);
}

static int
tx_complete_some(struct virtio_txq *txq, uint32_t most)
{
	return tx_complete(txq, most, false);
}

const struct virtio_path virtio_path_split = {
	.rx_name = "Split",
	.tx_name = "Split",
	.rx_burst = rx_burst_single,
	.tx_burst = tx_burst_any,
	.rx_fill = rx_fill,
	.rx_unread = rx_count_unread,
	.tx_complete = tx_complete_some,
};

const struct virtio_path virtio_path_split_mergeable = {
	.rx_name = "Split Mergeable",
	.tx_name = "Split",
	.rx_burst = rx_burst_mergeable,
	.tx_burst = tx_burst_any,
	.rx_fill = rx_fill,
	.rx_unread = rx_count_unread,
	.tx_complete = tx_complete_some,
};
