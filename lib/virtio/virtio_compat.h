/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VIRTIO_COMPAT_H
#define VIRTIO_COMPAT_H

/**
 * @file
 * What differs between the releases of DPDK, 22.11 to 26.11, in one place. It includes headers of
 * EAL alone; what concerns ethdev is macros that expand where ethdev is known.
 */

#include <pthread.h>

#include <rte_atomic.h>
#include <rte_lcore.h>
#include <rte_thread.h>
#include <rte_version.h>

/**
 * Atomics in C11's terms: DPDK's own from 23.11 on. Before that the compiler's, of the same
 * meaning. A DPDK built with -Denable_stdatomic=true needs the qualifiers.
 */
#if RTE_VERSION >= RTE_VERSION_NUM(23, 11, 0, 0)
#include <rte_stdatomic.h>
#else
#define RTE_ATOMIC(type) type
#define __rte_atomic
#define rte_memory_order_relaxed __ATOMIC_RELAXED
#define rte_memory_order_acquire __ATOMIC_ACQUIRE
#define rte_memory_order_release __ATOMIC_RELEASE
#define rte_memory_order_acq_rel __ATOMIC_ACQ_REL
#define rte_memory_order_seq_cst __ATOMIC_SEQ_CST
#define rte_atomic_load_explicit __atomic_load_n
#define rte_atomic_store_explicit __atomic_store_n
#define rte_atomic_exchange_explicit __atomic_exchange_n
#define rte_atomic_fetch_add_explicit __atomic_fetch_add
#define rte_atomic_fetch_sub_explicit __atomic_fetch_sub
#define rte_atomic_fetch_or_explicit __atomic_fetch_or
#define rte_atomic_compare_exchange_strong_explicit(at, expected, desired, success, failure) \
	__atomic_compare_exchange_n(at, expected, desired, false, success, failure)
#endif

/** A structure without padding; an attribute at one place only before 25.03. */
#if RTE_VERSION < RTE_VERSION_NUM(25, 3, 0, 0) && !defined(__rte_packed_begin)
#define __rte_packed_begin
#define __rte_packed_end __attribute__((__packed__))
#endif

/** Prints a message and ends its line; from 24.03 on. */
#if RTE_VERSION < RTE_VERSION_NUM(24, 3, 0, 0) && !defined(RTE_LOG_LINE)
#define RTE_LOG_LINE(level, type, ...) \
	RTE_LOG(level, type, RTE_FMT(RTE_FMT_HEAD(__VA_ARGS__ ,) "\n", \
				     RTE_FMT_TAIL(__VA_ARGS__ ,)))
#endif

/** stats_get has per-queue counters of their own from 25.11 on. */
#if RTE_VERSION >= RTE_VERSION_NUM(25, 11, 0, 0)
#define VIRTIO_STATS_GET_ARGS \
	struct rte_eth_dev *edev, struct rte_eth_stats *stats, struct eth_queue_stats *per_queue
typedef struct eth_queue_stats virtio_queue_stats_t;
#define VIRTIO_QUEUE_STATS per_queue
#else
#define VIRTIO_STATS_GET_ARGS struct rte_eth_dev *edev, struct rte_eth_stats *stats
#define VIRTIO_QUEUE_STATS stats
typedef struct rte_eth_stats virtio_queue_stats_t;
#endif

/** The device of a bus behind an ethdev. Each bus had a macro of its own before 26.07. */
#if RTE_VERSION < RTE_VERSION_NUM(26, 7, 0, 0)
#define RTE_CLASS_TO_BUS_DEVICE(class_dev, bus_dev_type) \
	container_of((class_dev)->device, typeof(bus_dev_type), device)
#endif

/** Sets a PCI device's driver as EAL's bus does after a probe: two fields before 26.07. */
#if RTE_VERSION < RTE_VERSION_NUM(26, 7, 0, 0)
#define VIRTIO_NOTE_PCI_DRIVER(pci, its) \
	((pci)->driver = (its), (pci)->device.driver = &(its)->driver)
#else
#define VIRTIO_NOTE_PCI_DRIVER(pci, its) ((pci)->device.driver = &(its)->driver)
#endif

/** What rx_queue_count returns: signed from 25.11 on. */
#if RTE_VERSION >= RTE_VERSION_NUM(25, 11, 0, 0)
typedef int virtio_rx_queue_count_t;
#else
typedef uint32_t virtio_rx_queue_count_t;
#endif

/** Where an ethdev has the function of rte_eth_tx_queue_count(), which 24.03 introduced. */
#if RTE_VERSION >= RTE_VERSION_NUM(24, 3, 0, 0)
#define VIRTIO_SET_TX_QUEUE_COUNT(edev, function) ((edev)->tx_queue_count = (function))
#else
#define VIRTIO_SET_TX_QUEUE_COUNT(edev, function) ((void)(function))
#endif

/** dev_supported_ptypes_get counts its answer from 24.03 on. */
#if RTE_VERSION >= RTE_VERSION_NUM(24, 3, 0, 0)
#define VIRTIO_PTYPES_GET_ARGS struct rte_eth_dev *edev, size_t *count
#define VIRTIO_PTYPES_COUNT(n) (*count = (n))
#else
#define VIRTIO_PTYPES_GET_ARGS struct rte_eth_dev *edev
#define VIRTIO_PTYPES_COUNT(n) ((void)(n))
#endif

/** Where in an mbuf the buffer's IOVA is; a build without has virtual addresses for IOVAs. */
#if (defined(RTE_IOVA_AS_PA) && RTE_IOVA_AS_PA) || \
	 (defined(RTE_IOVA_IN_MBUF) && RTE_IOVA_IN_MBUF)
#define VIRTIO_MBUF_IOVA_AT offsetof(struct rte_mbuf, buf_iova)
#else
#define VIRTIO_MBUF_IOVA_AT offsetof(struct rte_mbuf, buf_addr)
#endif

/**
 * A control thread: off the cores that poll, as EAL's own. Creation returns 0 or a negative errno.
 * From 23.11 on such threads are EAL's type, before that pthreads.
 */
#if RTE_VERSION >= RTE_VERSION_NUM(23, 11, 0, 0)
typedef rte_thread_t virtio_thread_t;
typedef uint32_t virtio_thread_result_t;

static inline int
virtio_thread_create(virtio_thread_t *thread, const char *name,
		     virtio_thread_result_t (*run)(void *arg), void *arg)
{
	const int ret = rte_thread_create_internal_control(thread, name, run, arg);

	return ret > 0 ? -ret : ret;
}

static inline void
virtio_thread_join(virtio_thread_t thread)
{
	rte_thread_join(thread, NULL);
}

static inline void
virtio_thread_detach(virtio_thread_t thread)
{
	rte_thread_detach(thread);
}
#else
typedef pthread_t virtio_thread_t;
typedef void *virtio_thread_result_t;

static inline int
virtio_thread_create(virtio_thread_t *thread, const char *name,
		     virtio_thread_result_t (*run)(void *arg), void *arg)
{
	const int ret = rte_ctrl_thread_create(thread, name, NULL, run, arg);

	return ret > 0 ? -ret : ret;
}

static inline void
virtio_thread_join(virtio_thread_t thread)
{
	pthread_join(thread, NULL);
}

static inline void
virtio_thread_detach(virtio_thread_t thread)
{
	pthread_detach(thread);
}
#endif

/** Telemetry's unsigned values have this name from 23.03 on. */
#if RTE_VERSION >= RTE_VERSION_NUM(23, 3, 0, 0)
#define VIRTIO_TEL_ADD_UINT rte_tel_data_add_dict_uint
#else
#define VIRTIO_TEL_ADD_UINT rte_tel_data_add_dict_u64
#endif

/**
 * Stands before a function that librte_net_virtio.so exports. In DPDK's own tree the build makes
 * the list of these from it, from 25.07 on; here and before, version.map is the list.
 */
#if defined(VIRTIO_IN_DPDK) && RTE_VERSION >= RTE_VERSION_NUM(25, 7, 0, 0)
#include <eal_export.h>
#else
#define RTE_EXPORT_EXPERIMENTAL_SYMBOL(symbol, release)
#endif

#endif /* VIRTIO_COMPAT_H */
