/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <inttypes.h>

#include <rte_errno.h>

#include "virtio_ethdev.h"
#include "virtio_log.h"
#include "virtio_offload.h"
#include "virtio_process.h"
#include "virtio_queue_setup.h"
#include "virtio_rss.h"
#include "virtio_rxtx.h"
#include "virtio_secondary.h"
#include "virtio_stats.h"
#include "virtqueue.h"

/* ---- bursts ------------------------------------------------------------------------------- */

/*
 * The primary may configure the port anew at any time, and ethdev copies burst functions in the
 * process that does so alone. So the path is looked up at each burst: inside the gate, behind which
 * nothing changes, and the path's own burst then is inside already, and leaves.
 */
static uint16_t
rx_burst(void *queue, struct rte_mbuf **pkts, uint16_t n)
{
	struct virtio_rxq *rxq = queue;

	if (unlikely(rxq == NULL) || !virtio_gate_enter_shared(&rxq->q.gate))
		return 0;
	return virtio_rx_path_choose(rxq->q.port)->burst(queue, pkts, n);
}

static uint16_t
tx_burst(void *queue, struct rte_mbuf **pkts, uint16_t n)
{
	struct virtio_txq *txq = queue;

	if (unlikely(txq == NULL) || !virtio_gate_enter_shared(&txq->q.gate))
		return 0;
	return virtio_tx_path_choose(txq->q.port)->burst(queue, pkts, n);
}

static int
tx_done_cleanup(void *queue, uint32_t free_cnt)
{
	struct virtio_txq *txq = queue;

	if (txq == NULL || !virtio_gate_enter_shared(&txq->q.gate))
		return 0;
	return virtio_tx_done_cleanup(queue, free_cnt);
}

/* ---- ops ---------------------------------------------------------------------------------- */

static int
refuse(const struct rte_eth_dev *edev, const char *what)
{
	VIRTIO_LOG(ERR, "port %u: %s is not possible in a secondary process. Call it in the "
		   "primary process.", edev->data->port_id, what);
	return -ENOTSUP;
}

#define REFUSE(name, ...) \
static int \
refuse_ ## name(struct rte_eth_dev *edev, ## __VA_ARGS__) \
{ \
	return refuse(edev, #name); \
}

REFUSE(dev_start)
REFUSE(mtu_set, uint16_t mtu __rte_unused)
REFUSE(mac_addr_set, struct rte_ether_addr *addr __rte_unused)
REFUSE(mac_addr_add, struct rte_ether_addr *addr __rte_unused,
	uint32_t index __rte_unused, uint32_t pool __rte_unused)
REFUSE(promiscuous_enable)
REFUSE(promiscuous_disable)
REFUSE(allmulticast_enable)
REFUSE(allmulticast_disable)
REFUSE(vlan_filter_set, uint16_t vlan __rte_unused, int on __rte_unused)
REFUSE(rss_hash_update, struct rte_eth_rss_conf *conf __rte_unused)
REFUSE(reta_update, struct rte_eth_rss_reta_entry64 *reta __rte_unused,
	uint16_t size __rte_unused)
REFUSE(rx_queue_start, uint16_t queue __rte_unused)
REFUSE(rx_queue_stop, uint16_t queue __rte_unused)
REFUSE(tx_queue_start, uint16_t queue __rte_unused)
REFUSE(tx_queue_stop, uint16_t queue __rte_unused)
REFUSE(rx_queue_intr_enable, uint16_t queue __rte_unused)
REFUSE(rx_queue_intr_disable, uint16_t queue __rte_unused)

/* The primary keeps what ethdev has of it. */
static int
link_update(struct rte_eth_dev *edev __rte_unused, int wait_to_complete __rte_unused)
{
	return 0;
}

/* All else is shared, and the primary's. */
static int
dev_close(struct rte_eth_dev *edev)
{
	virtio_device_detach(&virtio_port(edev)->dev);
	return 0;
}

/*
 * Those that are not here ethdev refuses itself, with the same -ENOTSUP, and before it touches
 * anything: with configure, the set-up of queues, stop and others the driver is asked when queues
 * are released already, settings overwritten or bursts switched off, or is not asked for its word.
 * Queue count, descriptor status and the monitor address are for the primary, whose visitors at the
 * gate cannot be lost in a crash that it survives.
 */
static const struct eth_dev_ops secondary_ops = {
	.dev_start = refuse_dev_start,
	.dev_close = dev_close,
	.dev_infos_get = virtio_dev_infos_get,
	.dev_supported_ptypes_get = virtio_supported_ptypes_get,
	.rx_queue_start = refuse_rx_queue_start,
	.rx_queue_stop = refuse_rx_queue_stop,
	.tx_queue_start = refuse_tx_queue_start,
	.tx_queue_stop = refuse_tx_queue_stop,
	.rxq_info_get = virtio_rxq_info_get,
	.txq_info_get = virtio_txq_info_get,
	.rx_burst_mode_get = virtio_rx_burst_mode_get,
	.tx_burst_mode_get = virtio_tx_burst_mode_get,
	.tx_done_cleanup = tx_done_cleanup,
	.link_update = link_update,
	.promiscuous_enable = refuse_promiscuous_enable,
	.promiscuous_disable = refuse_promiscuous_disable,
	.allmulticast_enable = refuse_allmulticast_enable,
	.allmulticast_disable = refuse_allmulticast_disable,
	.mac_addr_set = refuse_mac_addr_set,
	.mac_addr_add = refuse_mac_addr_add,
	.vlan_filter_set = refuse_vlan_filter_set,
	.rss_hash_update = refuse_rss_hash_update,
	.rss_hash_conf_get = virtio_rss_hash_conf_get,
	.reta_update = refuse_reta_update,
	.reta_query = virtio_rss_reta_query,
	.mtu_set = refuse_mtu_set,
	.rx_queue_intr_enable = refuse_rx_queue_intr_enable,
	.rx_queue_intr_disable = refuse_rx_queue_intr_disable,
	.stats_get = virtio_stats_get,
	.stats_reset = virtio_stats_reset,
	.xstats_get = virtio_xstats_get,
	.xstats_get_names = virtio_xstats_get_names,
	.xstats_reset = virtio_stats_reset,
	.queue_stats_mapping_set = virtio_queue_stats_mapping_set,
};

/* ---- attach ------------------------------------------------------------------------------- */

static int
check_layout(const char *name, const struct virtio_layout *primary)
{
	static const char cure[] = "Load the same plug-in (-d) in both processes.";

	if (primary->magic != virtio_layout.magic)
		VIRTIO_INIT_LOG(ERR, "%s: the primary process uses another driver for the device, "
				"or a version of this driver without layout number. %s", name,
				cure);
	else if (primary->number != virtio_layout.number)
		VIRTIO_INIT_LOG(ERR, "%s: the primary process has another version of this driver: "
				"it shares memory in layout %" PRIu32 ", and this process uses "
				"layout %" PRIu32 ". %s", name, primary->number,
				virtio_layout.number, cure);
	else if (primary->sizes != virtio_layout.sizes)
		VIRTIO_INIT_LOG(ERR, "%s: the primary process has another build of this driver, "
				"whose shared structures have other sizes. %s", name, cure);
	else
		return 0;
	return -ENOTSUP;
}

int
virtio_secondary_attach(struct rte_eth_dev *edev)
{
	struct virtio_port *port = virtio_port(edev);
	const char *name = edev->data->name;
	int ret;

	ret = check_layout(name, &port->layout);
	if (ret != 0)
		return ret;
	ret = virtio_process_join();
	if (ret == 0) {
		ret = virtio_device_attach(&port->dev);
		/* A device that is for the primary only, which was logged. */
		if (ret == -ENOTSUP)
			return ret;
	}
	if (ret != 0) {
		VIRTIO_INIT_LOG(ERR, "%s: the primary process gave no valid answer: %s. Check that "
				"it still runs and has the port.", name, rte_strerror(-ret));
		return ret;
	}
	edev->dev_ops = &secondary_ops;
	edev->rx_pkt_burst = rx_burst;
	edev->tx_pkt_burst = tx_burst;
	edev->tx_pkt_prepare = virtio_tx_prepare;
	if (edev->data->rx_queues == NULL && edev->data->tx_queues == NULL)
		VIRTIO_INIT_LOG(NOTICE, "%s: the primary process has not configured the port yet, "
				"so bursts in this process return 0 until then.", name);
	VIRTIO_INIT_LOG(INFO, "%s: attached in a secondary process, for bursts and reading of "
			"state. Control calls are possible in the primary process only.", name);
	virtio_version_log(name);
	return 0;
}

void
virtio_secondary_finish(struct rte_eth_dev *edev)
{
	const struct virtio_port *port = virtio_port(edev);
	struct rte_eth_fp_ops *ops = &rte_eth_fp_ops[edev->data->port_id];

	rte_eth_dev_probing_finish(edev);
	/*
	 * ethdev's own arrays of queues are not there before the first configuration, and a later
	 * one may free them while this process polls. The driver's are there until the close.
	 */
	ops->rxq.data = (void **)port->rxqs;
	ops->txq.data = (void **)port->txqs;
}
