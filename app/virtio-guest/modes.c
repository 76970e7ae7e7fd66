/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The shorter modes: a device that cannot stop queues, RSS, the control queue's filters, and
 * receive interrupts.
 */

#include <stdio.h>

#include <rte_cycles.h>

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
 * stopped one; the device moves the others. Neither is lost: the count is for the log.
 */
bool
rss_run(struct guest *guest)
{
	struct moves moves = { .guest = guest, .without = -1 };
	uint64_t stale = 0;
	bool good = true;
	uint16_t q;

	remember(&moves);
	if (!result(wait_until(moved, &moves), "RSS reaches all %u queues", guest->queues))
		return false;
	for (q = 0; good && q < guest->queues; q++) {
		if (rte_eth_dev_rx_queue_stop(RECEIVER, q) != 0)
			return result(false, "queue %u stops", q);
		moves.without = q;
		remember(&moves);
		good = wait_until(moved, &moves) && arrived(guest, q) == moves.before[q] &&
		       shown_table_is_whole(guest);
		__atomic_store_n(&guest->rx[q].started_at,
				 __atomic_add_fetch(&guest->epoch, 1, __ATOMIC_ACQ_REL),
				 __ATOMIC_RELEASE);
		good = good && rte_eth_dev_rx_queue_start(RECEIVER, q) == 0;
		moves.without = -1;
		remember(&moves);
		good = good && wait_until(moved, &moves);
		result(good, "queue %u leaves the table and comes back", q);
	}
	for (q = 0; q < guest->queues; q++)
		stale += guest->rx[q].stale;
	printf("%" PRIu64 " packets were held for a stopped queue\n", stale);
	/* All of them: no table is legal, the last one stays. */
	for (q = 0; good && q < guest->queues; q++)
		good = rte_eth_dev_rx_queue_stop(RECEIVER, q) == 0;
	for (q = 0; good && q < guest->queues; q++)
		good = rte_eth_dev_rx_queue_start(RECEIVER, q) == 0;
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
	uint32_t epoch;
	uint16_t i;

	for (i = 0; i < n; i++) {
		if (!traffic_read(m[i], &epoch))
			continue;
		probe->got_first |= epoch == probe->first;
		probe->got_marker |= epoch == probe->marker;
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
	/* The device has forgotten the vector, and is told it again. */
	for (i = 0; good && i < rounds; i++) {
		rx->current = !rx->current;
		good = rte_eth_dev_rx_queue_stop(RECEIVER, 0) == 0 &&
		       guest_setup_rx(guest, 0, guest->sizes[i % RTE_DIM(guest->sizes)]) == 0 &&
		       rte_eth_dev_rx_queue_start(RECEIVER, 0) == 0 && is_woken(guest);
	}
	return result(good, "and again after each of %u resets of the queue", rounds) && good;
}
