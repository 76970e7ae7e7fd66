/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VIRTIO_DEVARGS_H
#define VIRTIO_DEVARGS_H

/**
 * @file
 * What the user says on the command line about a port, of virtio-user or of virtio-pci.
 */

#include <limits.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_ether.h>

#include "transport_pci.h"
#include "transport_vhost_user.h"
#include "virtio_transport.h"

/** The options of both drivers; those that a driver does not have keep their default. */
struct virtio_devargs {
	char path[PATH_MAX];
	char iface[IFNAMSIZ]; /**< vhost-kernel: the interface's name; empty: not given */
	enum virtio_transport_kind kind; /**< virtio-user: what path is */
	struct rte_ether_addr mac;
	bool mac_given;
	bool cq;          /**< the software control queue's commands are there */
	bool cq_given;
	bool steering;    /**< vhost-kernel: RSS by a program in the kernel */
	bool server;
	bool mrg_rxbuf;
	bool in_order;
	bool packed_vq;
	bool vectorized;
	uint16_t pairs;
	uint16_t queue_size;   /**< default ring size, descriptors */
	uint32_t speed;        /**< Mb/s, RTE_ETH_SPEED_NUM_UNKNOWN where not given */
	uint32_t speed_capa;   /**< RTE_ETH_LINK_SPEED_* of it, 0 where not given */
	bool mq_running;       /**< virtio-pci: pairs follow the queues that run */
	bool vdpa;             /**< virtio-pci: left for another driver */
	enum vhost_user_stop_policy queue_reset;
	enum virtio_pci_stop_policy pci_queue_reset;
	uint32_t reset_timeout_us;
	uint32_t tx_drain_us;  /**< longest wait of a transmit stop for the device to send */
	uint32_t rx_drain_us;  /**< longest wait of a receive stop for the application to poll */
	bool recovery;         /**< the driver restarts broken queues itself */
	bool log_resets;       /**< a line for each stop and start of a queue */
};

/** Parameter strings for dpdk-pmdinfo. */
#define VIRTIO_QUEUE_PARAMS \
	"queue_reset_timeout_ms=<int> " \
	"tx_drain_us=<int> " \
	"rx_drain_us=<int> " \
	"recovery=<none|auto> " \
	"log_resets=<0|1>"
#define VIRTIO_USER_PARAMS \
	"path=<path> " \
	"mac=<mac addr> " \
	"cq=<0|1> " \
	"queue_size=<int> " \
	"queues=<int> " \
	"iface=<string> " \
	"steering=<none|ebpf> " \
	"server=<0|1> " \
	"mrg_rxbuf=<0|1> " \
	"in_order=<0|1> " \
	"packed_vq=<0|1> " \
	"speed=<int> " \
	"vectorized=<0|1> " \
	"queue_reset=<auto|get_base|disable|off> " \
	VIRTIO_QUEUE_PARAMS
#define VIRTIO_PCI_PARAMS \
	"vdpa=<0|1> " \
	"speed=<int> " \
	"vectorized=<0|1> " \
	"mq=<all|running> " \
	"queue_reset=<auto|proposal|off> " \
	VIRTIO_QUEUE_PARAMS

/**
 * Reads the arguments of a virtio-user port; each refusal has a log line that says what would be
 * right.
 *
 * @return
 *   0. -EINVAL: an unknown key, or an invalid value. -ENOTSUP: something that this driver cannot
 *   do yet. -ENOMEM.
 */
int virtio_user_parse(const char *name, const char *args, struct virtio_devargs *out);

/**
 * The same for a virtio-pci port. Keys that are not known are ignored, with a line, as users of
 * upstream's driver have it. What the device says (pairs, ring size) is the caller's to fill in.
 *
 * @param args
 *   NULL: none.
 */
int virtio_pci_parse(const char *name, const char *args, struct virtio_devargs *out);

#endif /* VIRTIO_DEVARGS_H */
