/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef RTE_PMD_VIRTIO_H
#define RTE_PMD_VIRTIO_H

/**
 * @file
 * What net/virtio can do beyond the calls of ethdev.
 *
 * The functions are in librte_net_virtio.so: a program that links with it has the driver without
 * EAL's -d; one that loads it by -d finds them with dlsym(). All are control calls, made by one
 * thread at a time for a port, in the primary process.
 */

#include <stddef.h>
#include <stdint.h>

#include <rte_compat.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What befell a queue. */
enum rte_pmd_virtio_queue_error {
	/**
	 * Its ring broke the rules and is out of service: bursts return 0 until it is stopped and
	 * started. xstat `broken`.
	 */
	RTE_PMD_VIRTIO_QUEUE_BROKEN = 1,
	/** The device does not serve it since its start. xstat `unserved`. Transmit queues only. */
	RTE_PMD_VIRTIO_QUEUE_UNSERVED,
	/** recovery=auto: the driver has stopped and started it, it runs. xstat `recovered`. */
	RTE_PMD_VIRTIO_QUEUE_RECOVERED,
};

struct rte_pmd_virtio_queue_event {
	uint16_t queue_id; /**< ethdev's number */
	uint16_t rx;       /**< 1: a receive queue; 0: a transmit queue */
	enum rte_pmd_virtio_queue_error error; /**< the last that befell it */
};

/**
 * What RTE_ETH_EVENT_QUEUE_STATE was raised for. To be called until there is no more, from the
 * event's call-back or any time later. In the call-back, queues of the port may be stopped and
 * started; the port must not be reset there.
 *
 * @param port_id
 *   Port of this driver.
 * @param[out] event
 *   Filled on success.
 * @return
 *   0. -ENOENT: nothing more. -EINVAL: event is NULL. -ENODEV: no port, or not of this driver.
 *   -ENOTSUP: not in the primary process.
 */
__rte_experimental
int rte_pmd_virtio_get_queue_event(uint16_t port_id, struct rte_pmd_virtio_queue_event *event);

/**
 * virtio-user: lets the back-end reach memory of the application's own, which EAL has no file
 * descriptor of (rte_extmem_register() takes none): for mempools made of it by
 * rte_pktmbuf_pool_create_extbuf(). Running queues go on. Known to the back-end when this returns,
 * and to each that connects later, until it is detached or the port closed.
 *
 * With virtio-pci rte_dev_dma_map() does that.
 *
 * @param port_id
 *   Port of this driver, in any state.
 * @param addr
 *   Start, on a page. The memory stays the application's, and mapped until it is detached.
 * @param len
 *   Bytes, whole pages.
 * @param fd
 *   The file that it is mapped of, MAP_SHARED; duplicated, so it may be closed.
 * @param offset
 *   Of addr in the file, bytes, on a page.
 * @return
 *   0. -ENODEV: no port, or not of this driver. -ENOTSUP: not a virtio-user port, or not in the
 *   primary process. -EINVAL: addr, len or offset not of whole pages. -EEXIST: overlaps memory that
 *   is attached. -E2BIG: the back-end has no place for one more file (8 in all, at least). -EBADF:
 *   fd. -EIO: the back-end refused it. -ETIMEDOUT: it did not answer. After an error nothing is
 *   attached.
 */
__rte_experimental
int rte_pmd_virtio_extmem_attach(uint16_t port_id, void *addr, size_t len, int fd,
				 uint64_t offset);

/**
 * Takes such memory from the back-end. Queues whose buffers lie in it must have been stopped.
 *
 * @param addr, len
 *   As attached.
 * @return
 *   0. -ENODEV, -ENOTSUP as above. -ENOENT: not attached, as it is given here. -EBUSY: a queue has
 *   buffers there; stop it first. Else the memory is detached, but the back-end did not confirm it:
 *   -EIO, -ETIMEDOUT.
 */
__rte_experimental
int rte_pmd_virtio_extmem_detach(uint16_t port_id, void *addr, size_t len);

#ifdef __cplusplus
}
#endif

#endif /* RTE_PMD_VIRTIO_H */
