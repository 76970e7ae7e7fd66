/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * Which data path a port runs on, and what ethdev asks about its queues.
 */

#include <stdio.h>

#include <rte_cpuflags.h>
#include <rte_vect.h>

#include "virtio.h"
#include "virtio_offload.h"
#include "virtio_rxtx.h"
#include "virtio_rxtx_common.h"
#include "virtqueue_ring.h"

static const struct virtio_paths *const all_paths[][2] = {
	[VIRTIO_ISA_SCALAR] = { &virtio_paths_split, &virtio_paths_packed },
#ifdef VIRTIO_AVX2
	[VIRTIO_ISA_AVX2] = { &virtio_paths_split_avx2, &virtio_paths_packed_avx2 },
#endif
#ifdef VIRTIO_AVX512
	[VIRTIO_ISA_AVX512] = { &virtio_paths_split_avx512, &virtio_paths_packed_avx512 },
#endif
#ifdef VIRTIO_NEON
	[VIRTIO_ISA_NEON] = { &virtio_paths_split_neon, &virtio_paths_packed_neon },
#endif
};

#ifdef VIRTIO_SMP_PATHS
/* For devices without ORDER_PLATFORM, see virtqueue_order.h. */
static const struct virtio_paths *const smp_paths[][2] = {
	[VIRTIO_ISA_SCALAR] = { &virtio_paths_split_smp, &virtio_paths_packed_smp },
#ifdef VIRTIO_NEON
	[VIRTIO_ISA_NEON] = { &virtio_paths_split_neon_smp, &virtio_paths_packed_neon_smp },
#endif
};
#endif

static const char *const names[] = {
	[VIRTIO_ISA_SCALAR] = "Scalar",
	[VIRTIO_ISA_AVX2] = "Vector AVX2",
	[VIRTIO_ISA_AVX512] = "Vector AVX512",
	[VIRTIO_ISA_NEON] = "Vector NEON",
};

enum virtio_isa
virtio_isa_choose(const char **why_scalar)
{
#ifdef VIRTIO_AVX512
	if (rte_vect_get_max_simd_bitwidth() >= RTE_VECT_SIMD_512 &&
	    rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX512F) > 0 &&
	    rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX512BW) > 0 &&
	    rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX512CD) > 0 &&
	    rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX512DQ) > 0 &&
	    rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX512VL) > 0)
		return VIRTIO_ISA_AVX512;
#endif
#ifdef VIRTIO_AVX2
	if (rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX2) <= 0)
		*why_scalar = "the processor has no AVX2";
	else if (rte_vect_get_max_simd_bitwidth() < RTE_VECT_SIMD_256)
		*why_scalar = "EAL's --force-max-simd-bitwidth is below 256";
	else
		return VIRTIO_ISA_AVX2;
#elif defined(VIRTIO_NEON)
	if (rte_vect_get_max_simd_bitwidth() < RTE_VECT_SIMD_128)
		*why_scalar = "EAL's --force-max-simd-bitwidth is below 128";
	else
		return VIRTIO_ISA_NEON;
#else
	*why_scalar = "this architecture has none";
#endif
	return VIRTIO_ISA_SCALAR;
}

static const struct virtio_paths *
paths(const struct virtio_port *port, bool packed)
{
#ifdef VIRTIO_SMP_PATHS
	if (!port->platform_order)
		return smp_paths[port->isa][packed];
#endif
	return all_paths[port->isa][packed];
}

const struct virtio_rx_path *
virtio_rx_path_of(const struct virtio_port *port, bool packed)
{
	const struct virtio_paths *all = paths(port, packed);

	if (port->hash)
		return all->rx_hash;
	/* What the packaged driver's vector paths do not count either. */
	if (port->args.vectorized && !port->mergeable && !port->rx_offload &&
	    all->rx_no_dst != NULL)
		return all->rx_no_dst;
	return all->rx[port->mergeable][port->rx_offload];
}

const struct virtio_tx_path *
virtio_tx_path_of(const struct virtio_port *port, bool packed)
{
	const struct virtio_paths *all = paths(port, packed);

	if (port->hash)
		return all->tx_hash;
	if (port->args.vectorized && !port->tx_offload && all->tx_no_dst != NULL)
		return all->tx_no_dst;
	return all->tx[port->tx_offload];
}

const struct virtio_rx_path *
virtio_rx_path_choose(const struct virtio_port *port)
{
	return virtio_rx_path_of(port, port->packed);
}

const struct virtio_tx_path *
virtio_tx_path_choose(const struct virtio_port *port)
{
	return virtio_tx_path_of(port, port->packed);
}

/* As negotiated, or wanted before that: a new back-end need not have it. */
static bool
is_in_order(const struct virtio_port *port)
{
	return port->dev.status & VIRTIO_STATUS_FEATURES_OK ?
		virtio_device_has(&port->dev, VIRTIO_F_IN_ORDER) : port->in_order;
}

static void
path_name(const struct virtio_port *port, const char *more, bool offload,
	  char name[VIRTIO_PATH_NAME_SIZE])
{
	snprintf(name, VIRTIO_PATH_NAME_SIZE, "%s %s%s%s%s%s%s",
		 names[port->isa], port->packed ? "Packed" : "Split",
		 port->platform_order ? " Platform-order" : "",
		 is_in_order(port) ? " In-order" : "", more, offload ? " Offload" : "",
		 port->hash ? " Hash" : "");
}

void
virtio_rx_path_name(const struct virtio_port *port, char name[VIRTIO_PATH_NAME_SIZE])
{
	path_name(port, port->mergeable ? " Mergeable" : "", port->rx_offload, name);
}

void
virtio_tx_path_name(const struct virtio_port *port, char name[VIRTIO_PATH_NAME_SIZE])
{
	path_name(port, "", port->tx_offload, name);
}

/*
 * The queries below may come from any thread; the ring cannot go while they visit. What they read
 * of the polling thread's indices may be a burst old.
 */

static int
used_now(const struct virtio_queue *q)
{
	return ring_used(q->vq, UINT16_MAX, q->vq->conf.packed);
}

static virtio_rx_queue_count_t
rx_queue_count(void *queue)
{
	struct virtio_rxq *rxq = queue;
	int used;

	if (rxq == NULL || !virtio_gate_enter_query(&rxq->q.gate))
		return 0;
	used = used_now(&rxq->q);
	virtio_gate_leave_query(&rxq->q.gate);
	return RTE_MAX(used, 0);
}

static int
rx_descriptor_status(void *queue, uint16_t offset)
{
	struct virtio_rxq *rxq = queue;
	int ret = RTE_ETH_RX_DESC_UNAVAIL;

	if (rxq == NULL || !virtio_gate_enter_query(&rxq->q.gate))
		return ret;
	if (offset >= rxq->q.vq->size)
		ret = -EINVAL;
	else if (offset < used_now(&rxq->q))
		ret = RTE_ETH_RX_DESC_DONE;
	else if (offset < virtqueue_in_flight(rxq->q.vq))
		ret = RTE_ETH_RX_DESC_AVAIL;
	virtio_gate_leave_query(&rxq->q.gate);
	return ret;
}

/* Offset 0 is the descriptor that the next packet takes; the oldest one sent is the last. */
static int
tx_descriptor_status(void *queue, uint16_t offset)
{
	struct virtio_txq *txq = queue;
	int ret = RTE_ETH_TX_DESC_UNAVAIL;

	if (txq == NULL || !virtio_gate_enter_query(&txq->q.gate))
		return ret;
	if (offset >= txq->q.vq->size)
		ret = -EINVAL;
	else if (offset < txq->q.vq->free_count + virtqueue_used_descs(txq->q.vq))
		ret = RTE_ETH_TX_DESC_DONE;
	else
		ret = RTE_ETH_TX_DESC_FULL;
	virtio_gate_leave_query(&txq->q.gate);
	return ret;
}

/* Descriptors that the device still has: those that are neither free nor DONE. */
static int
tx_queue_count(void *queue)
{
	struct virtio_txq *txq = queue;
	int count;

	if (txq == NULL || !virtio_gate_enter_query(&txq->q.gate))
		return 0;
	count = virtqueue_in_flight(txq->q.vq) - virtqueue_used_descs(txq->q.vq);
	virtio_gate_leave_query(&txq->q.gate);
	return RTE_MAX(count, 0);
}

void
virtio_path_install(struct rte_eth_dev *edev)
{
	edev->rx_pkt_burst = virtio_rx_path_choose(virtio_port(edev))->burst;
	edev->tx_pkt_burst = virtio_tx_path_choose(virtio_port(edev))->burst;
	edev->tx_pkt_prepare = virtio_tx_prepare;
	edev->rx_queue_count = rx_queue_count;
	VIRTIO_SET_TX_QUEUE_COUNT(edev, tx_queue_count);
	edev->rx_descriptor_status = rx_descriptor_status;
	edev->tx_descriptor_status = tx_descriptor_status;
}

int
virtio_rx_burst_mode_get(struct rte_eth_dev *edev, uint16_t id __rte_unused,
			 struct rte_eth_burst_mode *mode)
{
	static_assert(sizeof(mode->info) >= VIRTIO_PATH_NAME_SIZE, "room");
	virtio_rx_path_name(virtio_port(edev), mode->info);
	return 0;
}

int
virtio_tx_burst_mode_get(struct rte_eth_dev *edev, uint16_t id __rte_unused,
			 struct rte_eth_burst_mode *mode)
{
	virtio_tx_path_name(virtio_port(edev), mode->info);
	return 0;
}

/* As a burst: by the thread that polls the queue. */
int
virtio_tx_done_cleanup(void *queue, uint32_t free_cnt)
{
	struct virtio_txq *txq = queue;
	int ret;

	if (txq == NULL || !virtio_gate_enter(&txq->q.gate))
		return 0;
	ret = virtio_tx_path_choose(txq->q.port)->complete(txq, free_cnt == 0 ? UINT32_MAX :
									    free_cnt);
	virtio_gate_leave(&txq->q.gate);
	return ret;
}
