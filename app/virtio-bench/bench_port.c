/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_eal.h>

#include "packets.h"
#include "bench_port.h"
#include "watchdog.h"

#define LINK_MS 5000u

int
port_find(struct port *port, const struct options *options, uint16_t from)
{
	char name[RTE_MEMPOOL_NAMESIZE];
	int ret;

	port->id = rte_eth_find_next(from);
	if (port->id >= RTE_MAX_ETHPORTS) {
		fprintf(stderr, "no port: EAL wants a --vdev, and its driver has to accept it\n");
		return -ENODEV;
	}
	port->pairs = options->pairs;
	port->ring = options->ring;
	ret = rte_eth_dev_info_get(port->id, &port->info);
	if (ret != 0) {
		fprintf(stderr, "nothing to be learnt of the port: %s\n", strerror(-ret));
		return ret;
	}
	if (port->info.max_rx_queues < port->pairs || port->info.max_tx_queues < port->pairs) {
		fprintf(stderr, "the port has %u receive and %u transmit queues, not %u\n",
			port->info.max_rx_queues, port->info.max_tx_queues, port->pairs);
		return -EINVAL;
	}
	snprintf(name, sizeof(name), "first-%u", port->id);
	port->pool = packets_pool(name,
		(port->pairs + 1) * port->ring + PORT_SPARE_BUFFERS);
	return port->pool != NULL ? 0 : -ENOMEM;
}

static int
set_up_queues(struct port *port, struct rte_mempool *pool)
{
	uint16_t q;
	int ret = 0;

	for (q = 0; q < port->pairs && ret == 0; q++) {
		ret = rte_eth_rx_queue_setup(port->id, q, port->ring, rte_socket_id(), NULL, pool);
		if (ret == 0)
			ret = rte_eth_tx_queue_setup(port->id, q, port->ring, rte_socket_id(),
				NULL);
	}
	return ret;
}

int
port_bring_up(struct port *port, uint64_t rx_offloads, struct rte_mempool *pool)
{
	const struct rte_eth_conf conf = { .rxmode.offloads = rx_offloads };
	const char *what = "configure";
	int ret;

	ret = rte_eth_dev_configure(port->id, port->pairs, port->pairs, &conf);
	if (ret == 0) {
		what = "queue set-up";
		ret = set_up_queues(port, pool);
	}
	if (ret == 0) {
		what = "start";
		ret = rte_eth_dev_start(port->id);
	}
	if (ret != 0)
		fprintf(stderr, "port's %s: %s\n", what, strerror(-ret));
	return ret;
}

int
port_open(struct port *port, const struct options *options)
{
	struct rte_eth_link link;
	uint32_t ms;
	int ret;

	watchdog_stage("bringing the port up");
	ret = port_find(port, options, 0);
	if (ret == 0)
		ret = port_bring_up(port, 0, port->pool);
	if (ret != 0)
		return ret;
	for (ms = 0; ms < LINK_MS; ms++) {
		if (rte_eth_link_get_nowait(port->id, &link) == 0 && link.link_status != 0)
			return 0;
		rte_delay_us_sleep(1000);
	}
	fprintf(stderr, "the port's link is down %u s after its start\n", LINK_MS / 1000);
	return -ENETDOWN;
}

void
port_take_down(struct port *port)
{
	watchdog_stage("closing the port");
	rte_eth_dev_stop(port->id);
	rte_eth_dev_close(port->id);
}

void
port_close(struct port *port)
{
	port_take_down(port);
	rte_eal_cleanup();
}

void
port_write_json(const struct port *port, FILE *file)
{
	struct rte_eth_burst_mode rx = { 0 }, tx = { 0 };
	Dl_info object = { 0 };

	/* Drivers share a name; the file that the burst function is in tells them apart. */
	dladdr((void *)(uintptr_t)rte_eth_fp_ops[port->id].rx_pkt_burst, &object);
	fprintf(file, "\"driver\": \"%s\", \"object\": \"%s\", ", port->info.driver_name,
		object.dli_fname != NULL ? object.dli_fname : "");
	/* Not every driver tells. */
	if (rte_eth_rx_burst_mode_get(port->id, 0, &rx) != 0)
		rx.info[0] = '\0';
	if (rte_eth_tx_burst_mode_get(port->id, 0, &tx) != 0)
		tx.info[0] = '\0';
	fprintf(file, "\"rx_mode\": \"%s\", \"tx_mode\": \"%s\"", rx.info, tx.info);
}
