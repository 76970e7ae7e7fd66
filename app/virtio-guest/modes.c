/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * The shorter modes: a device that cannot stop queues, RSS, the control queue's filters, receive
 * interrupts, events of the link, and unplugging.
 */

#include <stdio.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_dev.h>
#include <rte_pause.h>

#include "eal_program.h"
#include "guest.h"

static uint64_t
arrived(const struct guest *guest, uint16_t q)
{
	return __atomic_load_n(&guest->rx[q].packets, __ATOMIC_ACQUIRE);
}

struct moves {
	const struct guest *guest;
	uint64_t before[MAX_QUEUES];
	int without; /* a queue that need not move; -1 */
};

static void
remember(struct moves *moves)
{
	uint16_t q;

	for (q = 0; q < moves->guest->queues; q++)
		moves->before[q] = arrived(moves->guest, q);
}

static bool
moved(void *arg)
{
	const struct moves *moves = arg;
	uint16_t q;

	for (q = 0; q < moves->guest->queues; q++) {
		if (q != moves->without && arrived(moves->guest, q) == moves->before[q])
			return false;
	}
	return true;
}

/* ---- off ---------------------------------------------------------------------------------- */

bool
off_run(struct guest *guest)
{
	struct moves moves = { .guest = guest, .without = -1 };
	struct rte_eth_dev_info info;
	bool good;

	good = result(rte_eth_dev_info_get(RECEIVER, &info) == 0 &&
		      (info.dev_capa & (RTE_ETH_DEV_CAPA_RUNTIME_RX_QUEUE_SETUP |
					RTE_ETH_DEV_CAPA_RUNTIME_TX_QUEUE_SETUP)) == 0,
		      "no set-up at run time is promised");
	good &= result(rte_eth_dev_rx_queue_stop(RECEIVER, 0) == -ENOTSUP, "rx stop: -ENOTSUP");
	good &= result(rte_eth_dev_tx_queue_stop(SENDER, 0) == -ENOTSUP, "tx stop: -ENOTSUP");
	remember(&moves);
	return result(wait_until(moved, &moves), "packets flow all the same") && good;
}

/* ---- RSS ---------------------------------------------------------------------------------- */

static bool
shown_table_is_whole(const struct guest *guest)
{
	struct rte_eth_rss_reta_entry64 reta[2] = { { .mask = UINT64_MAX },
						    { .mask = UINT64_MAX } };
	unsigned int i;

	if (rte_eth_dev_rss_reta_query(RECEIVER, reta, 128) != 0)
		return false;
	for (i = 0; i < 128; i++) {
		if (reta[i / 64].reta[i % 64] != i % guest->queues)
			return false;
	}
	return true;
}

/*
 * Without eBPF tap chooses a queue before the device does, so that some packets wait there for a
 * stopped one; the device moves the others. Neither is lost, which is counted to the packet: what
 * comes after the start, with nothing sent meanwhile, is what was held.
 */
bool
rss_run(struct guest *guest)
{
	struct moves moves = { .guest = guest, .without = -1 };
	uint64_t its, late = 0;
	bool good = true;
	uint16_t q;

	remember(&moves);
	if (!result(wait_until(moved, &moves), "RSS reaches all %u queues", guest->queues))
		return false;
	for (q = 0; good && q < guest->queues; q++) {
		if (!result(traffic_settle(guest, 0, -1) &&
			    rte_eth_dev_rx_queue_stop(RECEIVER, q) == 0, "queue %u stops", q))
			return false;
		its = arrived(guest, q);
		/* Its flows go to the others, where tap lets the device have them. */
		moves.without = q;
		remember(&moves);
		__atomic_store_n(&guest->quota, 4 * FLOWS, __ATOMIC_RELEASE);
		good = wait_until(moved, &moves) && arrived(guest, q) == its &&
		       shown_table_is_whole(guest);
		good = rte_eth_dev_rx_queue_start(RECEIVER, q) == 0 && good;
		late += traffic_sent(guest) - traffic_got(guest);
		moves.without = -1;
		remember(&moves);
		good = good && traffic_settle(guest, 4 * FLOWS, -1) && wait_until(moved, &moves);
		result(good, "queue %u leaves the table and comes back, nothing is lost", q);
	}
	printf("%" PRIu64 " packets were not there yet at the starts, and came\n", late);
	__atomic_store_n(&guest->quota, UNLIMITED, __ATOMIC_RELEASE);
	/* All of them: no table is legal, the last one stays. */
	for (q = 0; good && q < guest->queues; q++)
		good = rte_eth_dev_rx_queue_stop(RECEIVER, q) == 0;
	for (q = 0; good && q < guest->queues; q++)
		good = rte_eth_dev_rx_queue_start(RECEIVER, q) == 0;
	__atomic_store_n(&guest->dropped, guest_dropped(), __ATOMIC_RELEASE);
	remember(&moves);
	return result(good && wait_until(moved, &moves), "all of them stop, and come back");
}

/* ---- filters ------------------------------------------------------------------------------ */

/* The device keeps the order, so that a frame which is let in tells of the one before it. */
struct probe {
	uint32_t first;
	uint32_t marker;
	bool got_first;
	bool got_marker;
};

static bool
look(void *arg)
{
	struct probe *probe = arg;
	struct rte_mbuf *m[8];
	const uint16_t n = rte_eth_rx_burst(RECEIVER, 0, m, RTE_DIM(m));
	uint32_t number;
	uint16_t i, flow;

	for (i = 0; i < n; i++) {
		if (!traffic_read(m[i], &number, &flow))
			continue;
		probe->got_first |= number == probe->first;
		probe->got_marker |= number == probe->marker;
	}
	rte_pktmbuf_free_bulk(m, n);
	return probe->got_marker;
}

/* Sends a frame to an address, and one that always arrives; whether the first did. */
static int
gets_through(struct guest *guest, const struct rte_ether_addr *to, uint16_t vlan)
{
	static uint32_t number;
	struct probe probe = { .first = number + 1, .marker = number + 2 };
	struct rte_ether_addr own;
	struct rte_mbuf *m[2];

	number = probe.marker;
	rte_eth_macaddr_get(RECEIVER, &own);
	m[0] = traffic_frame(guest->tx[0].pool, to, vlan, 0, probe.first);
	m[1] = traffic_frame(guest->tx[0].pool, &own, 0, 0, probe.marker);
	if (rte_eth_tx_burst(SENDER, 0, m, 2) != 2 || !wait_until(look, &probe))
		return -1;
	return probe.got_first;
}

bool
control_run(struct guest *guest)
{
	struct rte_ether_addr other = { { 0x02, 0, 0, 0, 0, 0x99 } };
	struct rte_ether_addr group = { { 0x01, 0, 0x5e, 0, 0, 0x05 } };
	struct rte_ether_addr own, newly = { { 0x02, 0, 0, 0, 0, 0x42 } };
	bool good;

	rte_eth_macaddr_get(RECEIVER, &own);
	good = result(gets_through(guest, &other, 0) == 1, "promiscuous: any address");
	good &= result(rte_eth_promiscuous_disable(RECEIVER) == 0 &&
		       gets_through(guest, &other, 0) == 0, "not promiscuous: not another's");
	good &= result(rte_eth_dev_mac_addr_add(RECEIVER, &other, 0) == 0 &&
		       gets_through(guest, &other, 0) == 1, "an address that was added");
	good &= result(rte_eth_dev_mac_addr_remove(RECEIVER, &other) == 0 &&
		       gets_through(guest, &other, 0) == 0, "and that was removed");
	good &= result(gets_through(guest, &group, 0) == 0, "no multicast");
	good &= result(rte_eth_allmulticast_enable(RECEIVER) == 0 &&
		       gets_through(guest, &group, 0) == 1, "all multicast");
	good &= result(gets_through(guest, &own, 7) == 0, "no VLAN");
	good &= result(rte_eth_dev_vlan_filter(RECEIVER, 7, 1) == 0 &&
		       gets_through(guest, &own, 7) == 1, "a VLAN that was added");
	good &= result(rte_eth_dev_stop(RECEIVER) == 0 && rte_eth_dev_start(RECEIVER) == 0 &&
		       gets_through(guest, &own, 7) == 1 && gets_through(guest, &own, 8) == 0,
		       "the VLAN after a restart of the port, and no other");
	good &= result(rte_eth_dev_default_mac_addr_set(RECEIVER, &newly) == 0 &&
		       gets_through(guest, &own, 0) == 0, "another address of its own");
	return good;
}

/* ---- interrupts --------------------------------------------------------------------------- */

/* Sends one frame to a thread that sleeps, which is this one, and whether that woke it. */
static bool
is_woken(struct guest *guest)
{
	static uint32_t number;
	struct probe probe = { .marker = ++number };
	struct rte_epoll_event event;
	struct rte_ether_addr own;
	struct rte_mbuf *m;

	rte_eth_macaddr_get(RECEIVER, &own);
	if (rte_eth_dev_rx_intr_enable(RECEIVER, 0) != 0)
		return false;
	/* What was raised before, when nobody wanted to know, is not what is waited for. */
	while (rte_epoll_wait(RTE_EPOLL_PER_THREAD, &event, 1, 0) > 0)
		;
	m = traffic_frame(guest->tx[0].pool, &own, 0, 0, probe.marker);
	if (rte_eth_tx_burst(SENDER, 0, &m, 1) != 1)
		return false;
	return rte_epoll_wait(RTE_EPOLL_PER_THREAD, &event, 1, PATIENCE * 1000) == 1 &&
	       rte_eth_dev_rx_intr_disable(RECEIVER, 0) == 0 && wait_until(look, &probe);
}

bool
interrupt_run(struct guest *guest, unsigned int rounds)
{
	struct receive_queue *rx = &guest->rx[0];
	bool good;
	unsigned int i;

	good = result(rte_eth_dev_rx_intr_ctl_q(RECEIVER, 0, RTE_EPOLL_PER_THREAD,
						RTE_INTR_EVENT_ADD, NULL) == 0 &&
		      is_woken(guest), "a frame wakes a sleeper");
	/* The device has forgotten the vector, which is set again. */
	for (i = 0; good && i < rounds && !eal_program_interrupted(); i++) {
		rx->current = !rx->current;
		good = rte_eth_dev_rx_queue_stop(RECEIVER, 0) == 0 &&
		       guest_setup_rx(guest, 0, guest->sizes[i % RTE_DIM(guest->sizes)]) == 0 &&
		       rte_eth_dev_rx_queue_start(RECEIVER, 0) == 0 && is_woken(guest);
	}
	return result(good && i == rounds, "and again after each of %u of %u resets of the queue",
		      i, rounds);
}

/* ---- the link ----------------------------------------------------------------------------- */

struct link {
	unsigned int events;
	bool up; /* that is waited for */
};

static int
link_event(uint16_t port __rte_unused, enum rte_eth_event_type type __rte_unused, void *arg,
	   void *ret __rte_unused)
{
	struct link *link = arg;

	__atomic_add_fetch(&link->events, 1, __ATOMIC_ACQ_REL);
	return 0;
}

/* By the event alone: nobody asks for the link before. */
static bool
has_changed(void *arg)
{
	struct link *link = arg;
	struct rte_eth_link now;

	return __atomic_load_n(&link->events, __ATOMIC_ACQUIRE) > 0 &&
	       rte_eth_link_get_nowait(RECEIVER, &now) == 0 && now.link_status == link->up;
}

static bool
change_link(struct link *link, bool up)
{
	link->events = 0;
	link->up = up;
	monitor(up ? "set_link d1 on" : "set_link d1 off");
	return wait_until(has_changed, link);
}

static uint64_t
announced(void)
{
	uint64_t value = 0;
	uint64_t id;

	if (rte_eth_xstats_get_id_by_name(RECEIVER, "tx_q0_announced", &id) != 0 ||
	    rte_eth_xstats_get_by_id(RECEIVER, &id, &value, 1) != 1)
		return 0;
	return value;
}

/* By the driver's count: QEMU sends such frames of its own, too. */
static bool
has_announced(void *arg)
{
	return announced() >= *(const uint64_t *)arg;
}

bool
link_run(void)
{
	uint64_t twice = 2;
	struct link link = { 0 };
	struct rte_eth_link now;
	bool good;

	good = result(rte_eth_link_get_nowait(RECEIVER, &now) == 0 && now.link_status == 1 &&
		      now.link_speed == 25000, "the link is up, of the device's speed");
	good &= result(rte_eth_dev_callback_register(RECEIVER, RTE_ETH_EVENT_INTR_LSC, link_event,
						     &link) == 0 && change_link(&link, false),
		       "an event: the link is down");
	good &= result(change_link(&link, true), "an event: the link is up");
	/* The configuration's vector is set at each start of the port, and outlives a queue's. */
	good &= result(rte_eth_dev_rx_queue_stop(RECEIVER, 0) == 0 &&
		       rte_eth_dev_rx_queue_start(RECEIVER, 0) == 0 && change_link(&link, false),
		       "an event after a reset of a queue");
	good &= result(rte_eth_dev_stop(RECEIVER) == 0 && rte_eth_dev_start(RECEIVER) == 0 &&
		       change_link(&link, true), "an event after a restart of the port");
	/* Some requests, 50 ms and more from each other. */
	monitor("announce_self");
	good &= result(wait_until(has_announced, &twice),
		       "the port announces itself as it is asked to");
	while (rte_eth_dev_callback_unregister(RECEIVER, RTE_ETH_EVENT_INTR_LSC, link_event,
					       &link) == -EAGAIN)
		rte_pause(); /* it is running this moment, and what it writes to is ours */
	return good;
}

/* ---- unplugging --------------------------------------------------------------------------- */

static void
device_event(const char *device __rte_unused, enum rte_dev_event_type type, void *arg)
{
	bool *asked = arg;

	if (type == RTE_DEV_EVENT_REMOVE)
		__atomic_store_n(asked, true, __ATOMIC_RELEASE);
}

static bool
is_set(void *arg)
{
	return __atomic_load_n((bool *)arg, __ATOMIC_ACQUIRE);
}

static bool
is_gone(void *arg)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", (const char *)arg);
	return access(path, F_OK) != 0;
}

bool
unplug_run(struct guest *guest)
{
	struct moves moves = { .guest = guest, .without = -1 };
	struct rte_eth_dev_info info;
	struct rte_device *device;
	bool asked = false;
	char name[64];
	bool good;

	remember(&moves);
	good = result(wait_until(moved, &moves), "packets arrive");
	if (rte_eth_dev_info_get(RECEIVER, &info) != 0)
		return false;
	device = info.device;
	snprintf(name, sizeof(name), "%s", rte_dev_name(device));
	if (rte_dev_event_monitor_start() != 0 ||
	    rte_dev_event_callback_register(name, device_event, &asked) != 0)
		return result(false, "events of the device can be had");
	monitor("device_del d1");
	good &= result(wait_until(is_set, &asked), "the device is asked for, under traffic");
	__atomic_store_n(&guest->unplugged, true, __ATOMIC_RELEASE);
	good &= result(wait_until(is_set, &guest->away) && rte_eth_dev_stop(RECEIVER) == 0 &&
		       rte_eth_dev_close(RECEIVER) == 0 && rte_dev_remove(device) == 0,
		       "its port is closed and the device is removed");
	good &= result(wait_until(is_gone, name), "and it is gone");
	/* The kernel's word of the removal may come later still, and is written to what is ours. */
	while (rte_dev_event_callback_unregister(name, device_event, &asked) == -EAGAIN)
		rte_pause();
	rte_dev_event_monitor_stop();
	return good;
}
