/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VIRTIO_RXTX_H
#define VIRTIO_RXTX_H

/**
 * @file
 * The data paths, as the rest of the driver sees them.
 */

#include <stdint.h>

#include "virtio_queue.h"

/*
 * The burst functions are called by the queue's polling thread and return 0 at a closed gate and
 * for a NULL queue, which is what ethdev hands on between release and set-up. The others are for
 * the polling thread inside the gate, or for the control side with the ring READY, or behind a gate
 * that it has closed.
 */

/** What a port's receive queues run on. */
struct virtio_rx_path {
	eth_rx_burst_t burst;
	/**
	 * Fills a receive ring as far as the pool goes; returns buffers posted, does not notify.
	 */
	uint16_t (*fill)(struct virtio_rxq *rxq);
	/** Packets that the device has written and nobody has taken. */
	uint32_t (*unread)(const struct virtio_rxq *rxq);
};

/** What a port's transmit queues run on. */
struct virtio_tx_path {
	eth_tx_burst_t burst;
	/** Frees up to `most` packets that the device has sent; how many, -EPROTO on a bad ring. */
	int (*complete)(struct virtio_txq *txq, uint32_t most);
	/** Sends one packet; false where there is no room for it, which leaves it the caller's. */
	bool (*post)(struct virtio_txq *txq, struct rte_mbuf *m);
};

/** Those of one layout, made of one kind of instructions. */
struct virtio_paths {
	const struct virtio_rx_path *rx[2][2]; /**< by mergeable, and if headers tell of offloads */
	const struct virtio_tx_path *tx[2];    /**< by whether headers tell of offloads */
	/**
	 * Without counters by destination, mergeable buffers and offloads, so that a frame is not
	 * read; vector ones have it, others NULL.
	 */
	const struct virtio_rx_path *rx_no_dst;
	const struct virtio_tx_path *tx_no_dst;
	/** For headers with HASH_REPORT, whatever else they tell; scalar ones have it. */
	const struct virtio_rx_path *rx_hash;
	const struct virtio_tx_path *tx_hash;
};

extern const struct virtio_paths virtio_paths_split;
extern const struct virtio_paths virtio_paths_packed;
extern const struct virtio_paths virtio_paths_split_avx2;
extern const struct virtio_paths virtio_paths_packed_avx2;
extern const struct virtio_paths virtio_paths_split_avx512;
extern const struct virtio_paths virtio_paths_packed_avx512;
extern const struct virtio_paths virtio_paths_split_neon;
extern const struct virtio_paths virtio_paths_packed_neon;
extern const struct virtio_paths virtio_paths_split_smp;
extern const struct virtio_paths virtio_paths_packed_smp;
extern const struct virtio_paths virtio_paths_split_neon_smp;
extern const struct virtio_paths virtio_paths_packed_neon_smp;

/** How a file's paths are named: those of virtqueue_order.h's two kinds differ by it. */
#ifdef VIRTQUEUE_SMP_ORDER
#define VIRTIO_PATHS(name) virtio_paths_ ## name ## _smp
#else
#define VIRTIO_PATHS(name) virtio_paths_ ## name
#endif

/**
 * The widest instructions that there are paths of here: by what was built, the processor and EAL's
 * limit.
 *
 * @param[out] why_scalar
 *   Where there are none but scalar ones.
 */
enum virtio_isa virtio_isa_choose(const char **why_scalar);

/** The paths of a port, by layout and what was negotiated. */
const struct virtio_rx_path *virtio_rx_path_choose(const struct virtio_port *port);
const struct virtio_tx_path *virtio_tx_path_choose(const struct virtio_port *port);
/** The same for a ring that may be older than the port's configuration, by its own layout. */
const struct virtio_rx_path *virtio_rx_path_of(const struct virtio_port *port, bool packed);
const struct virtio_tx_path *virtio_tx_path_of(const struct virtio_port *port, bool packed);

#define VIRTIO_PATH_NAME_SIZE 64
/** Their names, "Scalar Split Mergeable" for one. */
void virtio_rx_path_name(const struct virtio_port *port, char name[VIRTIO_PATH_NAME_SIZE]);
void virtio_tx_path_name(const struct virtio_port *port, char name[VIRTIO_PATH_NAME_SIZE]);

/** Sets the port's burst functions, and the queries that ethdev calls directly. */
void virtio_path_install(struct rte_eth_dev *edev);

int virtio_rx_burst_mode_get(struct rte_eth_dev *edev, uint16_t id,
			     struct rte_eth_burst_mode *mode);
int virtio_tx_burst_mode_get(struct rte_eth_dev *edev, uint16_t id,
			     struct rte_eth_burst_mode *mode);
int virtio_tx_done_cleanup(void *txq, uint32_t free_cnt);

#endif /* VIRTIO_RXTX_H */
