/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * Target "pci": the driver on a virtio-pci device whose registers, configuration and answers to
 * commands are what the input says. It is configured, set up and started, and then its queues,
 * filters, RSS and link are changed in any order, as far as the device lets them.
 *
 * No access leaves its window, a conforming device sees no broken rule, and all buffers and blocks
 * are back at the end.
 */

#include <string.h>

#include <rte_ether.h>

#include "driver_port.h"
#include "virtio_pci_port.h"

#define MAX_STEPS 40
#define RING 32

struct run {
	struct fuzz_input in;
	struct pci_registers regs;
	struct driver_port port;
	struct rte_eth_dev_info info;
	uint16_t pairs;
};

void
fuzz_start(void)
{
	driver_port_start_eal();
}

static void
change_filters(struct run *r)
{
	struct rte_ether_addr mac = { .addr_bytes = { 2, 0, 0, 0, 0, fuzz_byte(&r->in) } };
	const uint16_t id = r->port.id;

	switch (fuzz_below(&r->in, 8)) {
	case 0:
		rte_eth_promiscuous_enable(id);
		break;
	case 1:
		rte_eth_promiscuous_disable(id);
		break;
	case 2:
		rte_eth_allmulticast_enable(id);
		break;
	case 3:
		rte_eth_dev_mac_addr_add(id, &mac, 0);
		break;
	case 4:
		rte_eth_dev_mac_addr_remove(id, &mac);
		break;
	case 5:
		rte_eth_dev_default_mac_addr_set(id, &mac);
		break;
	case 6:
		rte_eth_dev_set_mc_addr_list(id, &mac, fuzz_below(&r->in, 2));
		break;
	default:
		rte_eth_dev_vlan_filter(id, fuzz_number(&r->in, 2) & 4095, fuzz_below(&r->in, 2));
		break;
	}
}

static void
change_rss(struct run *r)
{
	struct rte_eth_rss_reta_entry64 reta[8];
	uint8_t key[52] = { 0 };
	struct rte_eth_rss_conf conf = {
		.rss_key = key, .rss_key_len = fuzz_below(&r->in, sizeof(key) + 1),
		.rss_hf = fuzz_number(&r->in, 2),
	};
	unsigned int i;

	memset(reta, 0, sizeof(reta));
	switch (fuzz_below(&r->in, 4)) {
	case 0:
		for (i = 0; i < 128; i++)
			reta[i / 64].reta[i % 64] = fuzz_byte(&r->in);
		reta[0].mask = fuzz_number(&r->in, 8);
		reta[1].mask = fuzz_number(&r->in, 8);
		rte_eth_dev_rss_reta_update(r->port.id, reta, r->info.reta_size);
		break;
	case 1:
		reta[0].mask = UINT64_MAX;
		rte_eth_dev_rss_reta_query(r->port.id, reta, r->info.reta_size);
		break;
	case 2:
		rte_eth_dev_rss_hash_conf_get(r->port.id, &conf);
		break;
	default:
		conf.rss_hf &= r->info.flow_type_rss_offloads;
		rte_eth_dev_rss_hash_update(r->port.id, &conf);
		break;
	}
}

/* The device changes, by itself and not by a command. */
static void
change_device(struct run *r)
{
	struct pci_registers *regs = &r->regs;
	struct pci_ring *q = &regs->ring[fuzz_below(&r->in, PCI_RINGS)];

	switch (fuzz_below(&r->in, 4)) {
	case 0:
		regs->config[fuzz_below(&r->in, 24)] = fuzz_byte(&r->in);
		/* The number of pairs is not one that changes. */
		pci_registers_config16(regs, 8, regs->nb_rings / 2);
		regs->generation++;
		break;
	case 1:
		regs->needs_reset = true;
		break;
	case 2:
		regs->rule_broken = true;
		q->enable = fuzz_byte(&r->in);
		q->reset = fuzz_byte(&r->in);
		break;
	default:
		regs->rule_broken = true;
		q->max_size = fuzz_number(&r->in, 2);
		break;
	}
	virtio_pci_event(r->port.port);
}

static void
poll(struct run *r, uint16_t queue)
{
	struct rte_mbuf *pkts[8];
	uint16_t n;

	if (!r->port.edev->data->dev_started)
		return;
	n = rte_eth_rx_burst(r->port.id, queue, pkts, RTE_DIM(pkts));
	rte_pktmbuf_free_bulk(pkts, n);
	n = fuzz_below(&r->in, RTE_DIM(pkts));
	if (n == 0 || rte_pktmbuf_alloc_bulk(driver_port_pool(), pkts, n) != 0)
		return;
	while (n > 0 && rte_pktmbuf_append(pkts[n - 1], 64) != NULL &&
	       rte_eth_tx_burst(r->port.id, queue, &pkts[n - 1], 1) == 1)
		n--;
	rte_pktmbuf_free_bulk(pkts, n);
}

static void
set_up_queue(struct run *r, uint16_t queue, bool rx)
{
	const struct rte_eth_rxconf conf = {
		.rx_deferred_start = fuzz_below(&r->in, 8) == 0,
		.offloads = r->port.edev->data->dev_conf.rxmode.offloads,
	};
	const uint16_t size = fuzz_below(&r->in, 4) == 0 ? 64 : RING;

	if (rx)
		rte_eth_rx_queue_setup(r->port.id, queue, size, 0, &conf, driver_port_pool());
	else
		rte_eth_tx_queue_setup(r->port.id, queue, size, 0, NULL);
}

static void
change_queue(struct run *r, uint16_t queue)
{
	const struct rte_eth_dev_data *data = r->port.edev->data;
	const uint16_t id = r->port.id;

	switch (fuzz_below(&r->in, 8)) {
	case 0: case 1:
		rte_eth_dev_rx_queue_stop(id, queue);
		break;
	case 2:
		rte_eth_dev_rx_queue_start(id, queue);
		break;
	case 3: case 4:
		rte_eth_dev_tx_queue_stop(id, queue);
		break;
	case 5:
		rte_eth_dev_tx_queue_start(id, queue);
		break;
	case 6:
		if (data->rx_queue_state[queue] == RTE_ETH_QUEUE_STATE_STOPPED)
			set_up_queue(r, queue, true);
		break;
	default:
		if (data->tx_queue_state[queue] == RTE_ETH_QUEUE_STATE_STOPPED)
			set_up_queue(r, queue, false);
		break;
	}
	/* A queue that is STOPPED is one that a conforming device does not have. */
	if (r->regs.rule_broken || !data->dev_started)
		return;
	if (data->rx_queue_state[queue] == RTE_ETH_QUEUE_STATE_STOPPED)
		CHECK_EQ(r->regs.ring[2 * queue].enable, 0);
	if (data->tx_queue_state[queue] == RTE_ETH_QUEUE_STATE_STOPPED)
		CHECK_EQ(r->regs.ring[2 * queue + 1].enable, 0);
}

static void
step(struct run *r)
{
	const uint16_t queue = fuzz_below(&r->in, r->pairs);
	struct rte_eth_link link;

	switch (fuzz_below(&r->in, 12)) {
	case 0: case 1: case 2: case 3:
		change_queue(r, queue);
		break;
	case 4: case 5:
		change_filters(r);
		break;
	case 6:
		change_rss(r);
		break;
	case 7: case 8:
		change_device(r);
		break;
	case 9:
		poll(r, queue);
		break;
	case 10:
		CHECK_EQ(rte_eth_link_get_nowait(r->port.id, &link), 0);
		driver_port_work(&r->port);
		break;
	default:
		if (fuzz_below(&r->in, 4) != 0) {
			rte_eth_dev_set_mtu(r->port.id, fuzz_number(&r->in, 2));
			break;
		}
		rte_eth_dev_stop(r->port.id);
		rte_eth_dev_start(r->port.id);
		break;
	}
	pci_registers_check(&r->regs);
}

static void
make_device(struct run *r, uint8_t flags)
{
	const uint64_t always = VIRTIO_BIT(VIRTIO_F_VERSION_1) | VIRTIO_BIT(VIRTIO_F_RING_RESET) |
				VIRTIO_BIT(VIRTIO_NET_F_CTRL_VQ) |
				VIRTIO_BIT(VIRTIO_NET_F_CTRL_RX) | VIRTIO_BIT(VIRTIO_NET_F_MQ);
	const uint64_t features = flags & 1 ? fuzz_number(&r->in, 8) : VIRTIO_PCI_FEATURES;
	const unsigned int pairs = 1 + flags / 64;
	struct pci_registers *regs = &r->regs;

	pci_registers_init(regs, &r->in, features | (flags & 2 ? 0 : always), 2 * pairs + 1, 64);
	pci_registers_config16(regs, 8, pairs);
	regs->false_left = flags & 4 ? 8 : 0;
	if (flags & 8)
		regs->ring[fuzz_below(&r->in, PCI_RINGS)].max_size = fuzz_number(&r->in, 2);
	if (flags & 16) {
		regs->ring[fuzz_below(&r->in, PCI_RINGS)].notify_off = fuzz_number(&r->in, 2);
		regs->conf.window[VIRTIO_PCI_DEVICE].length = fuzz_below(&r->in, 65);
		regs->nb_rings = fuzz_below(&r->in, PCI_RINGS + 1);
	}
}

static int
configure(struct run *r, uint8_t flags)
{
	struct rte_eth_conf conf = {
		.intr_conf.lsc = (r->port.edev->data->dev_flags & RTE_ETH_DEV_INTR_LSC) != 0,
	};
	uint16_t i;
	int ret;

	CHECK_EQ(rte_eth_dev_info_get(r->port.id, &r->info), 0);
	r->pairs = 1 + flags % RTE_MIN(r->info.max_rx_queues, PCI_RINGS / 2);
	if (flags & 32) {
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf.rx_adv_conf.rss_conf.rss_hf = r->info.flow_type_rss_offloads;
	}
	if (flags & 64)
		conf.rxmode.offloads = r->info.rx_offload_capa;
	ret = rte_eth_dev_configure(r->port.id, r->pairs, r->pairs, &conf);
	for (i = 0; ret == 0 && i < r->pairs; i++) {
		set_up_queue(r, i, true);
		set_up_queue(r, i, false);
		if (r->port.edev->data->rx_queues[i] == NULL ||
		    r->port.edev->data->tx_queues[i] == NULL)
			ret = -EINVAL;
	}
	return ret;
}

void
fuzz_run(const uint8_t *data, size_t size)
{
	static struct run run;
	unsigned int steps;

	memset(&run.port, 0, sizeof(run.port));
	run.in = (struct fuzz_input){ data, data + size };
	make_device(&run, fuzz_byte(&run.in));
	if (driver_port_create(&run.port, &run.regs, fuzz_below(&run.in, 2) ?
			       "queue_reset_timeout_ms=1" :
			       "queue_reset_timeout_ms=1,mq=running,recovery=auto") == 0) {
		if (configure(&run, fuzz_byte(&run.in)) == 0) {
			rte_eth_dev_start(run.port.id);
			for (steps = 0; steps < MAX_STEPS && fuzz_left(&run.in) > 0; steps++)
				step(&run);
		}
		driver_port_destroy(&run.port, &run.regs);
	}
	pci_registers_fini(&run.regs);
}
