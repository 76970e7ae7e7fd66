/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * ethdev's ops of a port: configure, start, stop, reset, close, and information. virtio_port.c
 * brings the device up and takes it down; everything about a queue is in virtio_queue.c.
 */

#include <errno.h>
#include <inttypes.h>

#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_version.h>

#include "virtio_announce.h"
#include "virtio_ctrl.h"
#include "virtio_dump.h"
#include "virtio_ethdev.h"
#include "virtio_event.h"
#include "virtio_filter.h"
#include "virtio_intr.h"
#include "virtio_link.h"
#include "virtio_log.h"
#include "virtio_offload.h"
#include "virtio_port.h"
#include "virtio_ports.h"
#include "virtio_process.h"
#include "virtio_queue.h"
#include "virtio_queue_setup.h"
#include "virtio_rxtx.h"
#include "virtio_rxtx_common.h"
#include "virtio_secondary.h"
#include "virtio_stats.h"
#include "virtio_worker.h"

/* Bytes of a frame and its header, beside the MTU. */
#define OVERHEAD        (RTE_ETHER_HDR_LEN + RTE_VLAN_HLEN + VIRTIO_HDR_SIZE)
/* What a shortest Ethernet frame holds, as ethdev has it where a driver does not say. */
#define MIN_MTU         (RTE_ETHER_MIN_LEN - RTE_ETHER_HDR_LEN - RTE_ETHER_CRC_LEN)
#define MAX_MTU         (VIRTIO_FRAME_MAX - OVERHEAD)
#define MIN_RX_BUFSIZE  64

/* ---- ops: configure, start, stop, reset, close -------------------------------------------- */

static int
check_mq_mode(const struct rte_eth_dev *edev)
{
	const struct rte_eth_conf *conf = &edev->data->dev_conf;

	if (conf->txmode.mq_mode != RTE_ETH_MQ_TX_NONE) {
		VIRTIO_INIT_LOG(ERR, "port %u: tx mq_mode %d: want RTE_ETH_MQ_TX_NONE",
				edev->data->port_id, conf->txmode.mq_mode);
		return -EINVAL;
	}
	if (conf->rxmode.mq_mode == RTE_ETH_MQ_RX_NONE ||
	    conf->rxmode.mq_mode == RTE_ETH_MQ_RX_RSS)
		return 0;
	VIRTIO_INIT_LOG(ERR, "port %u: rx mq_mode 0x%x: want RTE_ETH_MQ_RX_NONE or "
			"RTE_ETH_MQ_RX_RSS", edev->data->port_id, conf->rxmode.mq_mode);
	return -EINVAL;
}

/* 5.1.5: a device uses one pair of queues until a command of MQ or RSS sets more. */
static int
check_pairs(const struct virtio_port *port)
{
	const uint16_t pairs = virtio_port_pairs(port);

	if (pairs == 1 || port->bus->command != NULL || port->rss.on ||
	    virtio_ctrl_offers(port, VIRTIO_NET_F_MQ))
		return 0;
	VIRTIO_INIT_LOG(ERR, "port %u: %u pairs of queues are not possible: without RSS the device "
			"has one. Use rx mq_mode RTE_ETH_MQ_RX_RSS, or one pair.",
			port->edev->data->port_id, pairs);
	return -EINVAL;
}

/* Feature bits that ethdev's offloads stand for. */
#define RX_CHECKSUM VIRTIO_BIT(VIRTIO_NET_F_GUEST_CSUM)
/* Segments larger than a frame come with checksums that are not made (5.1.3.1). */
#define RX_LRO (RX_CHECKSUM | VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO4) | \
		VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO6))
#define TX_CHECKSUM VIRTIO_BIT(VIRTIO_NET_F_CSUM)
#define TX_TSO (TX_CHECKSUM | VIRTIO_BIT(VIRTIO_NET_F_HOST_TSO4) | \
		VIRTIO_BIT(VIRTIO_NET_F_HOST_TSO6))

static const struct {
	uint64_t rx;
	uint64_t tx;
	uint64_t features; /* all of them */
} offload_features[] = {
	{ .rx = RTE_ETH_RX_OFFLOAD_UDP_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM,
	  .features = RX_CHECKSUM },
	/* A segment may be of 64 KB: several buffers. */
	{ .rx = RTE_ETH_RX_OFFLOAD_TCP_LRO,
	  .features = RX_LRO | VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF) },
	/* Which hashes is a command. */
	{ .rx = RTE_ETH_RX_OFFLOAD_RSS_HASH,
	  .features = VIRTIO_BIT(VIRTIO_NET_F_HASH_REPORT) | VIRTIO_BIT(VIRTIO_NET_F_CTRL_VQ) },
	{ .tx = RTE_ETH_TX_OFFLOAD_UDP_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM,
	  .features = TX_CHECKSUM },
	{ .tx = RTE_ETH_TX_OFFLOAD_TCP_TSO, .features = TX_TSO },
};

/* Offered bits of offloads; HASH_REPORT only where a command can set the hash types. */
static uint64_t
offered_offloads(const struct virtio_port *port)
{
	return port->dev.offered &
	       ~(port->rss.reports ? 0 : VIRTIO_BIT(VIRTIO_NET_F_HASH_REPORT));
}

/* What the configured offloads take of the device; -ENOTSUP where it does not have it. */
static int
choose_offloads(struct virtio_port *port)
{
	const struct rte_eth_conf *conf = &port->edev->data->dev_conf;
	uint64_t features = 0;
	unsigned int i;

	for (i = 0; i < RTE_DIM(offload_features); i++) {
		if ((conf->rxmode.offloads & offload_features[i].rx) ||
		    (conf->txmode.offloads & offload_features[i].tx))
			features |= offload_features[i].features;
	}
	if ((features & VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF)) && !port->args.mrg_rxbuf) {
		VIRTIO_INIT_LOG(ERR, "port %u: rx offload TCP_LRO needs mergeable buffers, which "
				"mrg_rxbuf=0 disables. Give mrg_rxbuf=1, or leave the offload "
				"out.", port->edev->data->port_id);
		return -ENOTSUP;
	}
	if (features & ~offered_offloads(port)) {
		VIRTIO_INIT_LOG(ERR, "port %u: the device does not offer the features "
				"0x%" PRIx64 " that the offloads need. Leave these offloads out.",
				port->edev->data->port_id, features & ~offered_offloads(port));
		return -ENOTSUP;
	}
	port->offloads = features;
	port->hash = (features & VIRTIO_BIT(VIRTIO_NET_F_HASH_REPORT)) != 0;
	port->rx_offload = (features & RX_CHECKSUM) != 0;
	port->tx_offload = (features & TX_CHECKSUM) != 0;
	return 0;
}

/* Taken wherever they can be; vectorized=1 makes it worth a line where they cannot. */
static void
choose_vector(struct virtio_port *port)
{
	const char *why_not;

	port->isa = virtio_isa_choose(&why_not);
	if (port->hash) {
		port->isa = VIRTIO_ISA_SCALAR;
		why_not = "packet headers contain hashes";
	}
	if (port->isa == VIRTIO_ISA_SCALAR && port->args.vectorized)
		VIRTIO_INIT_LOG(NOTICE, "port %u: vectorized=1: the vector paths are not used: %s",
				port->edev->data->port_id, why_not);
}

static int
dev_configure(struct rte_eth_dev *edev)
{
	struct virtio_port *port = virtio_port(edev);
	int ret;

	ret = check_mq_mode(edev);
	if (ret == 0)
		ret = virtio_rss_configure(port);
	if (ret == 0)
		ret = check_pairs(port);
	if (ret != 0)
		return ret;
	ret = virtio_rx_intr_configure(port);
	if (ret == 0)
		ret = virtio_announce_configure(port);
	if (ret != 0)
		return ret;
	port->mergeable = port->args.mrg_rxbuf &&
			  (port->dev.offered & VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF));
	port->packed = port->args.packed_vq &&
		       (port->dev.offered & VIRTIO_BIT(VIRTIO_F_RING_PACKED));
	if (port->args.packed_vq && !port->packed)
		VIRTIO_INIT_LOG(NOTICE, "port %u: packed_vq=1: the back-end does not offer packed "
				"rings. Split rings are used.", edev->data->port_id);
	port->in_order = port->args.in_order &&
			 (port->dev.offered & VIRTIO_BIT(VIRTIO_F_IN_ORDER));
	port->platform_order = (port->bus->features & port->dev.offered &
				VIRTIO_BIT(VIRTIO_F_ORDER_PLATFORM)) != 0;
	ret = choose_offloads(port);
	if (ret != 0)
		return ret;
	choose_vector(port);
	if (port->args.recovery && port->dev.stop_method == VIRTIO_STOP_NONE)
		VIRTIO_INIT_LOG(NOTICE, "port %u: recovery=auto has no effect, as single queues of "
				"this device cannot be stopped. The line about their stop at probe "
				"gives the reason.", edev->data->port_id);
	virtio_vlan_configure(port);
	virtio_stats_configure(edev);
	return 0;
}

/*
 * Its queues are STARTED for ethdev, from where the next connection takes which of them are to run
 * (virtio_link.c). Their rings stay READY behind closed gates.
 */
static void
wait_for_back_end(struct virtio_port *port)
{
	struct virtio_queue *q;

	VIRTIO_FOREACH_QUEUE(q, port)
		virtio_queue_show_waiting(q);
	VIRTIO_LOG(NOTICE, "port %u: started without a back-end, so the link is down. %s",
		   port->edev->data->port_id, port->args.server ?
		   "The port accepts the next connection." :
		   "Call rte_eth_dev_reset() when the back-end is back, and start the port again.");
}

/* Whether the back-end is gone, and the port waits for the next one. */
static bool
is_without_back_end(struct virtio_port *port)
{
	return port->bus->returns && port->dev.status == VIRTIO_STATUS_RESET &&
	       !port->bus->is_up(&port->dev);
}

/* Port's lock held. */
static int
start_locked(struct virtio_port *port)
{
	struct virtio_queue *q;
	bool *run;
	int ret;

	/* What an earlier stop could not prove must be proven before anything is set up anew. */
	if (port->dev.status != VIRTIO_STATUS_RESET) {
		ret = virtio_port_take_down(port);
		if (ret != 0)
			return ret;
	}
	if (!port->bus->returns && !port->bus->is_up(&port->dev)) {
		VIRTIO_LOG(ERR, "port %u: the device is gone. %s.", port->edev->data->port_id,
			   port->bus->reopens ?
			   "Call rte_eth_dev_reset() when it is back, and start the port again" :
			   "Close the port");
		return -ENODEV;
	}
	virtio_queues_forget_released(port);
	/* MTU and headers may be others since the set-up. */
	VIRTIO_FOREACH_QUEUE(q, port) {
		ret = virtio_queue_fit_buffers(q);
		if (ret != 0)
			return ret;
	}
	if (is_without_back_end(port))
		return 0;
	run = rte_calloc("virtio_run", 2 * port->args.pairs, sizeof(*run), 0);
	if (run == NULL)
		return -ENOMEM;
	VIRTIO_FOREACH_QUEUE(q, port)
		run[q->is_rx ? q->id : port->args.pairs + q->id] = !q->deferred;
	ret = virtio_port_bring_up(port, run, run + port->args.pairs);
	rte_free(run);
	/* A back-end may leave during the start too. */
	return ret == -ENODEV && is_without_back_end(port) ? 0 : ret;
}

static void
log_paths(const struct virtio_port *port)
{
	char rx[VIRTIO_PATH_NAME_SIZE];
	char tx[VIRTIO_PATH_NAME_SIZE];

	virtio_rx_path_name(port, rx);
	virtio_tx_path_name(port, tx);
	VIRTIO_LOG(INFO, "port %u: receive path %s, transmit path %s", port->edev->data->port_id,
		   rx, tx);
}

static int
dev_start(struct rte_eth_dev *edev)
{
	struct virtio_port *port = virtio_port(edev);
	int ret;

	pthread_mutex_lock(&port->lock);
	virtio_path_install(edev);
	ret = start_locked(port);
	port->running = ret == 0;
	if (ret == 0 && port->dev.status == VIRTIO_STATUS_RESET)
		wait_for_back_end(port);
	else
		virtio_port_show_states(port);
	virtio_guest_announce(port);
	if (ret == 0) {
		virtio_link_refresh(port);
		virtio_link_changed(port);
	}
	pthread_mutex_unlock(&port->lock);
	if (ret == 0)
		log_paths(port);
	return ret;
}

/*
 * Always 0, or ethdev would keep the port started with burst functions that do nothing: a device
 * that did not confirm shows in its queues, which stay STARTED, and in the log.
 */
static int
dev_stop(struct rte_eth_dev *edev)
{
	struct virtio_port *port = virtio_port(edev);

	/* What the worker waits for is over with the port. */
	virtio_device_cancel(&port->dev);
	pthread_mutex_lock(&port->lock);
	virtio_device_resume(&port->dev);
	port->running = false;
	virtio_port_take_down(port);
	virtio_port_show_states(port);
	virtio_link_refresh(port);
	virtio_link_changed(port);
	pthread_mutex_unlock(&port->lock);
	edev->data->dev_started = 0;
	return 0;
}

/* ethdev has stopped the port before. A client that lost its back-end connects again. */
static int
dev_reset(struct rte_eth_dev *edev)
{
	struct virtio_port *port = virtio_port(edev);
	int ret = 0;

	if (virtio_worker_calls_back(port)) {
		VIRTIO_LOG(ERR, "port %u: rte_eth_dev_reset() is refused within an event's "
			   "call-back, as it may wait for a back-end and delay the events of all "
			   "ports. Call it from another thread.", edev->data->port_id);
		return -EDEADLK;
	}
	pthread_mutex_lock(&port->lock);
	if (port->dev.status != VIRTIO_STATUS_RESET)
		ret = virtio_port_take_down(port);
	virtio_port_show_states(port);
	if (ret == 0 && !port->bus->is_up(&port->dev))
		ret = port->bus->reconnect(&port->dev);
	virtio_link_refresh(port);
	pthread_mutex_unlock(&port->lock);
	/* There may be another connection to watch. */
	virtio_event_raise(port, VIRTIO_WORK_LOOK);
	if (ret == -EAGAIN) {
		VIRTIO_LOG(NOTICE, "port %u: no back-end has connected yet. The port accepts the "
			   "next connection.", edev->data->port_id);
		ret = 0;
	}
	return ret;
}

static void
free_placeholders(struct virtio_port *port)
{
	unsigned int i;

	for (i = 0; i < 2u * port->args.pairs; i++) {
		if (port->placeholders[i] != NULL)
			virtqueue_destroy(port->placeholders[i]);
	}
	rte_free(port->placeholders);
}

int
virtio_port_close(struct rte_eth_dev *edev)
{
	struct virtio_port *port = virtio_port(edev);
	bool entered;

	virtio_ports_remove(port);
	virtio_worker_stop(port);
	if (port->bus->unwatch != NULL)
		port->bus->unwatch(port);
	pthread_mutex_lock(&port->lock);
	port->running = false;
	if (port->dev.status != VIRTIO_STATUS_RESET && virtio_port_take_down(port) != 0) {
		/* The last thing that can be tried: a back-end that sees us leave lets go. */
		port->bus->disconnect(&port->dev);
		virtio_port_take_down(port);
	}
	entered = virtio_queues_are_entered(port);
	virtio_queues_free(port);
	free_placeholders(port);
	virtio_ctrl_free(port);
	virtio_announce_release(port);
	pthread_mutex_unlock(&port->lock);
	virtio_rx_intr_release(port);
	virtio_process_forget_ended();
	if (entered) {
		/* Its next step may be the doorbell: the transport stays, and what leads there. */
		VIRTIO_LOG(ERR, "port %u: closed while a thread is in a burst of a queue. The "
			   "queue's memory and the device's registers are not freed. Stop polling "
			   "before the port is closed.", edev->data->port_id);
		edev->data->dev_private = NULL;
		return -EBUSY;
	}
	/* With the gates closed no poller reports anything any more. */
	virtio_worker_free(port);
	port->bus->destroy(&port->dev);
	virtio_device_fini(&port->dev);
	rte_free(port->rxqs);
	rte_free(port->txqs);
	pthread_mutex_destroy(&port->lock);
	return 0;
}

/* ---- ops: information --------------------------------------------------------------------- */

static uint16_t
max_mtu(const struct virtio_port *port)
{
	return port->max_mtu == 0 ? MAX_MTU : RTE_MIN(port->max_mtu, MAX_MTU);
}

static void
offload_capa(const struct virtio_port *port, struct rte_eth_dev_info *info)
{
	const bool mergeable = port->args.mrg_rxbuf &&
		(port->dev.offered & VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF));
	unsigned int i;

	/* Of a single queue are those that the device has no part in. */
	info->rx_queue_offload_capa = RTE_ETH_RX_OFFLOAD_VLAN_STRIP;
	info->tx_queue_offload_capa = RTE_ETH_TX_OFFLOAD_MULTI_SEGS |
				      RTE_ETH_TX_OFFLOAD_VLAN_INSERT |
				      RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
	if (mergeable)
		info->rx_queue_offload_capa |= RTE_ETH_RX_OFFLOAD_SCATTER;
	info->rx_offload_capa = info->rx_queue_offload_capa;
	info->tx_offload_capa = info->tx_queue_offload_capa;
	for (i = 0; i < RTE_DIM(offload_features); i++) {
		const uint64_t features = offload_features[i].features;

		if ((features & ~offered_offloads(port)) ||
		    ((features & VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF)) && !mergeable))
			continue;
		info->rx_offload_capa |= offload_features[i].rx;
		info->tx_offload_capa |= offload_features[i].tx;
	}
}

int
virtio_dev_infos_get(struct rte_eth_dev *edev, struct rte_eth_dev_info *info)
{
	const struct virtio_port *port = virtio_port(edev);
	const struct rte_eth_desc_lim lim = {
		.nb_max = VIRTIO_SPLIT_RING_MAX,
		.nb_min = VIRTIO_MIN_RING,
		/* A split ring's size is a power of two, which is not said here: set-up rounds. */
		.nb_align = 1,
		.nb_seg_max = UINT16_MAX,
		.nb_mtu_seg_max = UINT16_MAX,
	};

	info->max_rx_queues = port->args.pairs;
	info->max_tx_queues = port->args.pairs;
	info->min_rx_bufsize = MIN_RX_BUFSIZE;
	/* ethdev and applications take the difference to max_mtu for the overhead of a frame. */
	info->max_rx_pktlen = max_mtu(port) + OVERHEAD;
	info->min_mtu = MIN_MTU;
	info->max_mtu = max_mtu(port);
	info->max_mac_addrs = VIRTIO_MAX_MAC_ADDRS;
	info->speed_capa = port->args.speed_capa;
	info->rx_desc_lim = lim;
	info->tx_desc_lim = lim;
	info->default_rxportconf.ring_size = port->args.queue_size;
	info->default_txportconf.ring_size =
		port->tx_queue_size != 0 ? port->tx_queue_size : port->args.queue_size;
	offload_capa(port, info);
	if (info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_TCP_LRO)
		info->max_lro_pkt_size = VIRTIO_SEGMENT_MAX;
	if (port->vlan_filter)
		info->rx_offload_capa |= RTE_ETH_RX_OFFLOAD_VLAN_FILTER;
	if (port->rss.offered)
		info->reta_size = VIRTIO_RSS_TABLE_SIZE;
	if (port->rss.offered || port->rss.reports) {
		info->hash_key_size = VIRTIO_RSS_KEY_SIZE;
		info->flow_type_rss_offloads = virtio_rss_capa(port);
	}
	if (port->dev.stop_method != VIRTIO_STOP_NONE)
		info->dev_capa = RTE_ETH_DEV_CAPA_RUNTIME_RX_QUEUE_SETUP |
				 RTE_ETH_DEV_CAPA_RUNTIME_TX_QUEUE_SETUP;
	return 0;
}

const uint32_t *
virtio_supported_ptypes_get(VIRTIO_PTYPES_GET_ARGS)
{
	/* A type is found out only of packets whose checksum the device has something to say of. */
	static const uint32_t none[] = { RTE_PTYPE_UNKNOWN };

	RTE_SET_USED(edev);
	VIRTIO_PTYPES_COUNT(0);
	return none;
}

static int
check_mtu(const struct virtio_port *port, uint16_t mtu)
{
	const struct rte_eth_dev *edev = port->edev;
	const uint32_t frame = mtu + OVERHEAD;
	uint16_t i;

	if (mtu < MIN_MTU || mtu > max_mtu(port)) {
		VIRTIO_INIT_LOG(ERR, "port %u: MTU %u: want %u to %u", edev->data->port_id, mtu,
				MIN_MTU, max_mtu(port));
		return -EINVAL;
	}
	if (edev->data->dev_conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_SCATTER)
		return 0;
	for (i = 0; i < edev->data->nb_rx_queues; i++) {
		const struct virtio_rxq *rxq = port->rxqs[i];

		if (virtio_queue_rx(port, i) != NULL &&
		    !(rxq->conf.offloads & RTE_ETH_RX_OFFLOAD_SCATTER) && frame > rxq->room) {
			VIRTIO_INIT_LOG(ERR, "port %u: rx queue %u: its buffers hold %u bytes, a "
					"frame of MTU %u needs %u. Use larger buffers, or "
					"RTE_ETH_RX_OFFLOAD_SCATTER.", port->edev->data->port_id, i,
					rxq->room, mtu, frame);
			return -EINVAL;
		}
	}
	return 0;
}

static int
mtu_set(struct rte_eth_dev *edev, uint16_t mtu)
{
	struct virtio_port *port = virtio_port(edev);
	int ret;

	ret = check_mtu(port, mtu);
	if (ret != 0 || port->bus->set_mtu == NULL)
		return ret;
	pthread_mutex_lock(&port->lock);
	ret = port->bus->set_mtu(&port->dev, mtu);
	pthread_mutex_unlock(&port->lock);
	return ret;
}

static const struct eth_dev_ops virtio_ops = {
	.dev_configure = dev_configure,
	.dev_start = dev_start,
	.dev_stop = dev_stop,
	.dev_close = virtio_port_close,
	.dev_reset = dev_reset,
	.dev_infos_get = virtio_dev_infos_get,
	.dev_supported_ptypes_get = virtio_supported_ptypes_get,
	.rx_queue_setup = virtio_rx_queue_setup,
	.rx_queue_release = virtio_rx_queue_release,
	.rx_queue_start = virtio_rx_queue_start,
	.rx_queue_stop = virtio_rx_queue_stop,
	.tx_queue_setup = virtio_tx_queue_setup,
	.tx_queue_release = virtio_tx_queue_release,
	.tx_queue_start = virtio_tx_queue_start,
	.tx_queue_stop = virtio_tx_queue_stop,
	.rxq_info_get = virtio_rxq_info_get,
	.txq_info_get = virtio_txq_info_get,
	.rx_burst_mode_get = virtio_rx_burst_mode_get,
	.tx_burst_mode_get = virtio_tx_burst_mode_get,
	.tx_done_cleanup = virtio_tx_done_cleanup,
	.link_update = virtio_link_update,
	.promiscuous_enable = virtio_promiscuous_enable,
	.promiscuous_disable = virtio_promiscuous_disable,
	.allmulticast_enable = virtio_allmulticast_enable,
	.allmulticast_disable = virtio_allmulticast_disable,
	.mac_addr_set = virtio_mac_addr_set,
	.mac_addr_add = virtio_mac_addr_add,
	.mac_addr_remove = virtio_mac_addr_remove,
	.vlan_filter_set = virtio_vlan_filter_set,
	.rss_hash_update = virtio_rss_hash_update,
	.rss_hash_conf_get = virtio_rss_hash_conf_get,
	.reta_update = virtio_rss_reta_update,
	.reta_query = virtio_rss_reta_query,
	.mtu_set = mtu_set,
	.vlan_offload_set = virtio_vlan_offload_set,
	.vlan_strip_queue_set = virtio_vlan_strip_queue_set,
	.rx_queue_intr_enable = virtio_rx_queue_intr_enable,
	.rx_queue_intr_disable = virtio_rx_queue_intr_disable,
	.get_monitor_addr = virtio_get_monitor_addr,
	.eth_dev_priv_dump = virtio_dev_priv_dump,
	.stats_get = virtio_stats_get,
	.stats_reset = virtio_stats_reset,
	.xstats_get = virtio_xstats_get,
	.xstats_get_names = virtio_xstats_get_names,
	.xstats_reset = virtio_stats_reset,
	.queue_stats_mapping_set = virtio_queue_stats_mapping_set,
};

static int
share_port(struct virtio_port *port)
{
	struct virtio_queue *q;

	VIRTIO_FOREACH_MADE_QUEUE(q, port)
		virtio_gate_share(&q->gate);
	/* It is to look at what the other process asks for by itself. */
	virtio_event_raise(port, VIRTIO_WORK_LOOK);
	return 0;
}

/*
 * Another process is about to poll queues. Without the ports' locks: who holds one may be waiting
 * for an answer that this very thread has to read.
 */
static void
share_gates(void)
{
	uint16_t id;

	for (id = 0; id < RTE_MAX_ETHPORTS; id++)
		virtio_ports_visit(id, share_port);
}

void
virtio_version_log(const char *name)
{
	/* The name and the version are one string, which strings(1) finds in the plug-in. */
	VIRTIO_INIT_LOG(INFO, "%s: driver dpdk-virtio " VIRTIO_VERSION ", compiled with DPDK "
			"%u.%u.%u, running with %s", name, RTE_VER_YEAR, RTE_VER_MONTH,
			RTE_VER_MINOR, rte_version());
}

int
virtio_port_create(struct rte_eth_dev *edev)
{
	struct virtio_port *port = virtio_port(edev);
	struct rte_eth_dev_data *data = edev->data;
	int ret;

	ret = virtio_process_serve(share_gates);
	if (ret == 0)
		ret = virtio_event_listen();
	if (ret != 0) {
		VIRTIO_INIT_LOG(ERR, "%s: requests of secondary processes cannot be served: %s",
				port->dev.name, rte_strerror(-ret));
		return ret;
	}
	port->layout = virtio_layout;
	port->edev = edev;
	port->data = data;
	port->vlan_filter = port->bus->command == NULL &&
			    virtio_ctrl_offers(port, VIRTIO_NET_F_CTRL_VLAN);
	pthread_mutex_init(&port->lock, NULL);
	port->rxqs = rte_calloc("virtio_queues", port->args.pairs, sizeof(*port->rxqs), 0);
	port->txqs = rte_calloc("virtio_queues", port->args.pairs, sizeof(*port->txqs), 0);
	port->placeholders = rte_calloc("virtio_placeholders", 2 * port->args.pairs,
					sizeof(*port->placeholders), 0);
	data->mac_addrs = rte_calloc("virtio_macs", VIRTIO_MAX_MAC_ADDRS,
				     sizeof(*data->mac_addrs), 0);
	ret = port->rxqs == NULL || port->txqs == NULL || port->placeholders == NULL ||
	      data->mac_addrs == NULL ? -ENOMEM : virtio_worker_start(port);
	if (ret != 0) {
		rte_free(port->rxqs);
		rte_free(port->txqs);
		rte_free(port->placeholders);
		pthread_mutex_destroy(&port->lock);
		return ret;
	}
	if (port->args.mac_given)
		data->mac_addrs[0] = port->args.mac;
	else
		rte_eth_random_addr(data->mac_addrs[0].addr_bytes);
	data->dev_flags |= RTE_ETH_DEV_INTR_LSC;
	edev->dev_ops = &virtio_ops;
	virtio_path_install(edev);
	virtio_gate_prepare();
	virtio_ports_add(port);
	virtio_version_log(port->dev.name);
	return 0;
}
