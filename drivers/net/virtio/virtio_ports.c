/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>

#include <rte_cycles.h>

#include "virtio_ports.h"

#define WAIT_US 1000

static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static struct virtio_port *ports[RTE_MAX_ETHPORTS];

void
virtio_ports_add(struct virtio_port *port)
{
	pthread_mutex_lock(&list_lock);
	ports[port->edev->data->port_id] = port;
	pthread_mutex_unlock(&list_lock);
}

void
virtio_ports_remove(struct virtio_port *port)
{
	pthread_mutex_lock(&list_lock);
	ports[port->edev->data->port_id] = NULL;
	pthread_mutex_unlock(&list_lock);
}

int
virtio_ports_visit(uint16_t port_id, int (*fn)(struct virtio_port *port))
{
	int ret = -ENODEV;

	pthread_mutex_lock(&list_lock);
	if (port_id < RTE_DIM(ports) && ports[port_id] != NULL)
		ret = fn(ports[port_id]);
	pthread_mutex_unlock(&list_lock);
	return ret;
}

struct rte_eth_dev *
virtio_ports_edev(uint16_t port_id)
{
	struct rte_eth_dev *edev = NULL;

	pthread_mutex_lock(&list_lock);
	if (port_id < RTE_DIM(ports) && ports[port_id] != NULL)
		edev = ports[port_id]->edev;
	pthread_mutex_unlock(&list_lock);
	return edev;
}

/*
 * The port that is meant, with both locks; NULL, with none. The list's is not held while the port's
 * is waited for: its holder may be waiting for a thread that needs the list.
 */
struct virtio_port *
virtio_ports_lock(long id)
{
	struct virtio_port *port;

	for (;;) {
		pthread_mutex_lock(&list_lock);
		port = id >= 0 && id < RTE_MAX_ETHPORTS ? ports[id] : NULL;
		if (port != NULL && pthread_mutex_trylock(&port->lock) == 0)
			return port;
		pthread_mutex_unlock(&list_lock);
		if (port == NULL)
			return NULL;
		rte_delay_us_sleep(WAIT_US);
	}
}

void
virtio_ports_unlock(struct virtio_port *port)
{
	pthread_mutex_unlock(&port->lock);
	pthread_mutex_unlock(&list_lock);
}
