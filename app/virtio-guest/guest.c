/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_errno.h>

#include "eal_program.h"
#include "guest.h"

bool
result(bool good, const char *format, ...)
{
	va_list args;

	printf("%s ", good ? "ok" : "FAILED");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
	return good;
}

void
monitor(const char *command)
{
	printf("monitor: %s\n", command);
	fflush(stdout);
}

bool
wait_until(bool (*test)(void *arg), void *arg)
{
	const uint64_t end = rte_get_timer_cycles() + PATIENCE * rte_get_timer_hz();

	while (!test(arg)) {
		if (rte_get_timer_cycles() > end || eal_program_interrupted())
			return test(arg);
		rte_delay_us_sleep(500);
	}
	return true;
}

static struct rte_mempool *
make_pool(const char *what, uint16_t q, unsigned int n)
{
	char name[RTE_MEMPOOL_NAMESIZE];

	snprintf(name, sizeof(name), "%s%u_%u", what, q, n);
	/* No cache: what is in use is known exactly. */
	return rte_pktmbuf_pool_create(name, POOL_SIZE, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
				       SOCKET_ID_ANY);
}

static int
make_pools(struct guest *guest)
{
	unsigned int n;
	uint16_t q;

	for (q = 0; q < guest->queues; q++) {
		for (n = 0; n < POOLS; n++) {
			guest->rx[q].pool[n] = make_pool("rx", q, n);
			if (guest->rx[q].pool[n] == NULL)
				return -ENOMEM;
		}
		guest->tx[q].pool = make_pool("tx", q, 0);
		if (guest->tx[q].pool == NULL)
			return -ENOMEM;
	}
	return 0;
}

int
guest_setup_rx(struct guest *guest, uint16_t q, uint16_t size)
{
	struct receive_queue *rx = &guest->rx[q];

	return rte_eth_rx_queue_setup(RECEIVER, q, size, SOCKET_ID_ANY, NULL,
				      rx->pool[rx->current]);
}

int
guest_setup_tx(struct guest *guest __rte_unused, uint16_t q, uint16_t size)
{
	return rte_eth_tx_queue_setup(SENDER, q, size, SOCKET_ID_ANY, NULL);
}

static int
configure(struct guest *guest, uint16_t port)
{
	struct rte_eth_dev_info info;
	struct rte_eth_conf conf = { 0 };
	int ret;

	ret = rte_eth_dev_info_get(port, &info);
	if (ret != 0)
		return ret;
	if (guest->rss && port == RECEIVER) {
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf.rx_adv_conf.rss_conf.rss_hf = info.flow_type_rss_offloads;
	}
	conf.intr_conf.rxq = guest->interrupts && port == RECEIVER;
	conf.intr_conf.lsc = guest->link_events && port == RECEIVER;
	conf.rxmode.offloads = info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_VLAN_FILTER;
	if (guest->queues > 1)
		conf.rxmode.offloads = 0;
	return rte_eth_dev_configure(port, guest->queues, guest->queues, &conf);
}

/* Both ways on both ports; the ways that carry nothing get what the others do. */
static int
setup(struct guest *guest, uint16_t port)
{
	uint16_t q;
	int ret = 0;

	for (q = 0; ret == 0 && q < guest->queues; q++) {
		if (port == RECEIVER)
			ret = guest_setup_rx(guest, q, guest->sizes[0]);
		else
			ret = rte_eth_rx_queue_setup(port, q, 64, SOCKET_ID_ANY, NULL,
						     guest->tx[q].pool);
		if (ret == 0)
			ret = rte_eth_tx_queue_setup(port, q, guest->sizes[0], SOCKET_ID_ANY,
						     NULL);
	}
	return ret;
}

uint64_t
guest_dropped_of(uint16_t port)
{
	static struct rte_eth_xstat values[1024];
	static struct rte_eth_xstat_name names[1024];
	uint64_t sum = 0;
	int i, n;

	n = rte_eth_xstats_get_names(port, names, RTE_DIM(names));
	n = RTE_MIN(n, rte_eth_xstats_get(port, values, RTE_DIM(values)));
	for (i = 0; i < n && i < (int)RTE_DIM(names); i++) {
		/* What the receiver sends and the sender receives are others' packets. */
		if (strstr(names[i].name, "reset_dropped") != NULL &&
		    names[i].name[0] == (port == SENDER ? 't' : 'r'))
			sum += values[i].value;
	}
	return sum;
}

uint64_t
guest_dropped(void)
{
	return guest_dropped_of(SENDER) + guest_dropped_of(RECEIVER);
}

int
guest_open(struct guest *guest)
{
	struct rte_eth_dev_info info;
	uint16_t port;
	int ret;

	ret = rte_eth_dev_info_get(RECEIVER, &info);
	if (ret != 0)
		return ret;
	guest->queues = RTE_MIN(info.max_rx_queues, MAX_QUEUES);
	guest->quota = UNLIMITED;
	guest->under_way = MOST_UNDER_WAY;
	ret = make_pools(guest);
	for (port = SENDER; ret == 0 && port <= RECEIVER; port++) {
		ret = configure(guest, port);
		if (ret == 0)
			ret = setup(guest, port);
		if (ret == 0)
			ret = rte_eth_dev_start(port);
		if (ret == 0)
			ret = rte_eth_promiscuous_enable(port);
	}
	if (ret != 0)
		printf("the ports do not start: %s\n", rte_strerror(-ret));
	return ret;
}

bool
guest_close(struct guest *guest)
{
	unsigned int left = 0;
	uint16_t port, q;

	for (port = SENDER; port <= RECEIVER; port++) {
		if (!rte_eth_dev_is_valid_port(port))
			continue; /* unplugged */
		rte_eth_dev_stop(port);
		rte_eth_dev_close(port);
	}
	for (q = 0; q < guest->queues; q++)
		left += rte_mempool_in_use_count(guest->rx[q].pool[0]) +
			rte_mempool_in_use_count(guest->rx[q].pool[1]) +
			rte_mempool_in_use_count(guest->tx[q].pool);
	return result(left == 0, "every buffer is back in its pool at the end (%u are not)", left);
}
