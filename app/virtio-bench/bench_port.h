/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef BENCH_PORT_H
#define BENCH_PORT_H

#include <stdint.h>
#include <stdio.h>

#include <rte_ethdev.h>

#include "bench_options.h"

/** Beyond those that fill the receive rings and one transmit ring: in hand, in caches. */
#define PORT_SPARE_BUFFERS 4096u

struct port {
	uint16_t id;
	uint16_t pairs;
	uint16_t ring;
	struct rte_eth_dev_info info;
	struct rte_mempool *pool;
};

/**
 * EAL's next port from `from` on, with a pool that fills its receive rings; neither configured nor
 * started.
 *
 * @return 0; -ENODEV, -ENOMEM or the driver's error after a message
 */
int port_find(struct port *port, const struct options *options, uint16_t from);

/**
 * Configures, with these receive offloads, sets up all queues on this pool, starts.
 *
 * @return 0; what ethdev answered after a message
 */
int port_bring_up(struct port *port, uint64_t rx_offloads, struct rte_mempool *pool);

/**
 * port_find() of the first port, and port_bring_up() on its own pool without offloads, and a wait
 * for the link.
 *
 * @return 0; negative errno after a message
 */
int port_open(struct port *port, const struct options *options);

/** Stops and closes the port: the back-end is notified. */
void port_take_down(struct port *port);

/** The same, then leaves EAL. */
void port_close(struct port *port);

/** The first members of the JSON object: which driver this is, and the data path it took. */
void port_write_json(const struct port *port, FILE *file);

#endif
