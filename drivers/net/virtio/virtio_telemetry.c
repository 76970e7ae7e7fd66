/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * What telemetry shows of this driver's ports beside ethdev's own commands. Requests come on a
 * thread of their own: virtio_ports_lock() keeps the port from being closed, and its rings from
 * being replaced, meanwhile.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_cycles.h>
#include <rte_telemetry.h>

#include "virtio_features.h"
#include "virtio_ports.h"
#include "virtio_queue.h"
#include "virtio_rxtx.h"
#include "virtqueue_ring.h"

/* ---- parameters --------------------------------------------------------------------------- */

#define NO_NUMBER -1

/* "3" or "3,1"; the second is NO_NUMBER where it is not given. -EINVAL for anything else. */
static int
read_numbers(const char *params, long *first, long *second)
{
	char *end;

	*second = NO_NUMBER;
	if (params == NULL || *params < '0' || *params > '9')
		return -EINVAL;
	*first = strtol(params, &end, 10);
	if (*end == ',' && end[1] >= '0' && end[1] <= '9')
		*second = strtol(end + 1, &end, 10);
	return *end == '\0' ? 0 : -EINVAL;
}

/* ---- one queue ---------------------------------------------------------------------------- */

static void
add_ring(struct rte_tel_data *d, const struct virtio_queue *q)
{
	const struct virtqueue *vq = q->vq;
	/* The polling thread's, a burst old at worst. */
	const int used = ring_used(q->vq, UINT16_MAX, vq->conf.packed);

	rte_tel_data_add_dict_string(d, "state", virtio_queue_state_name(q));
	rte_tel_data_add_dict_string(d, "layout", vq->conf.packed ? "packed" : "split");
	rte_tel_data_add_dict_int(d, "ring_size", vq->size);
	rte_tel_data_add_dict_int(d, "free", vq->free_count);
	rte_tel_data_add_dict_int(d, "used", RTE_MAX(used, 0));
}

static void
add_path(struct rte_tel_data *d, const struct virtio_queue *q)
{
	const struct virtio_rxq *rxq = container_of(q, const struct virtio_rxq, q);
	char name[VIRTIO_PATH_NAME_SIZE];

	if (q->is_rx) {
		virtio_rx_path_name(q->port, name);
		rte_tel_data_add_dict_string(d, "pool", rxq->pool_name);
	} else {
		virtio_tx_path_name(q->port, name);
	}
	rte_tel_data_add_dict_string(d, "path", name);
	rte_tel_data_add_dict_string(d, "method",
				     virtio_stop_method_name(q->port->dev.stop_method));
}

static void
add_counters(struct rte_tel_data *d, const struct virtio_queue *q)
{
	const struct virtio_counters *counters = virtio_queue_counters(q);

	VIRTIO_TEL_ADD_UINT(d, "packets", counters->packets);
	VIRTIO_TEL_ADD_UINT(d, "bytes", counters->bytes);
	VIRTIO_TEL_ADD_UINT(d, "errors", counters->errors);
	VIRTIO_TEL_ADD_UINT(d, "resets", q->events.resets);
	VIRTIO_TEL_ADD_UINT(d, "reset_dropped", q->events.reset_dropped);
	if (q->is_rx)
		VIRTIO_TEL_ADD_UINT(d, "no_mbuf", counters->no_mbuf);
	VIRTIO_TEL_ADD_UINT(d, "broken", q->events.broken);
	VIRTIO_TEL_ADD_UINT(d, "unserved", q->events.unserved);
	VIRTIO_TEL_ADD_UINT(d, "recovered", q->events.recovered);
	VIRTIO_TEL_ADD_UINT(d, "recovery_failed", q->events.recovery_failed);
}

/* A dictionary within one. */
static int
add_dict(struct rte_tel_data *d, const char *name, const struct virtio_queue *q,
	 void (*fill)(struct rte_tel_data *d, const struct virtio_queue *q))
{
	struct rte_tel_data *inner;

	if (q == NULL)
		return 0;
	inner = rte_tel_data_alloc();
	if (inner == NULL)
		return -ENOMEM;
	rte_tel_data_start_dict(inner);
	fill(inner, q);
	return rte_tel_data_add_dict_container(d, name, inner, 0);
}

static void
fill_queue(struct rte_tel_data *d, const struct virtio_queue *q)
{
	add_ring(d, q);
	add_path(d, q);
	add_counters(d, q);
}

static void
fill_resets(struct rte_tel_data *d, const struct virtio_queue *q)
{
	char name[32];
	unsigned int i;

	VIRTIO_TEL_ADD_UINT(d, "resets", q->events.resets);
	VIRTIO_TEL_ADD_UINT(d, "dropped", q->events.reset_dropped);
	VIRTIO_TEL_ADD_UINT(d, "last_ns", q->events.reset_ns);
	for (i = 0; i < VIRTIO_PHASES; i++) {
		snprintf(name, sizeof(name), "%s_ns", virtio_phase_name(i));
		VIRTIO_TEL_ADD_UINT(d, name, q->times.last_ns[i]);
		snprintf(name, sizeof(name), "%s_p99_ns", virtio_phase_name(i));
		VIRTIO_TEL_ADD_UINT(d, name, q->times.p99_ns[i]);
	}
}

/* ---- the port ----------------------------------------------------------------------------- */

/* Names of feature bits, or "bit N". */
static int
add_features(struct rte_tel_data *d, const char *name, uint64_t features)
{
	struct rte_tel_data *list = rte_tel_data_alloc();
	unsigned int bit;

	if (list == NULL)
		return -ENOMEM;
	rte_tel_data_start_array(list, RTE_TEL_STRING_VAL);
	for (bit = 0; bit < 64; bit++) {
		const char *known = virtio_feature_name(bit);
		char other[16];

		if (!(features & VIRTIO_BIT(bit)))
			continue;
		snprintf(other, sizeof(other), "bit %u", bit);
		rte_tel_data_add_array_string(list, known != NULL ? known : other);
	}
	return rte_tel_data_add_dict_container(d, name, list, 0);
}

static int
fill_info(struct rte_tel_data *d, struct virtio_port *port)
{
	const struct virtio_device *dev = &port->dev;
	const bool is_up = port->bus->is_up(&port->dev);
	int ret;

	rte_tel_data_add_dict_string(d, "version", VIRTIO_VERSION);
	rte_tel_data_add_dict_string(d, "device", dev->name);
	if (port->args.path[0] != '\0')
		rte_tel_data_add_dict_string(d, "path", port->args.path);
	if (dev->kind == VIRTIO_TRANSPORT_VHOST_USER)
		rte_tel_data_add_dict_string(d, "role", port->args.server ? "server" : "client");
	if (port->bus->interface != NULL && port->bus->interface(dev)[0] != '\0')
		rte_tel_data_add_dict_string(d, "interface", port->bus->interface(dev));
	rte_tel_data_add_dict_string(d, "connected", is_up ? "yes" : "no");
	if (is_up)
		/* In seconds since 1970; the device's own clock only goes forward. */
		VIRTIO_TEL_ADD_UINT(d, "connected_since", time(NULL) -
				    (virtio_now_us() - dev->connected_us) / 1000000);
	VIRTIO_TEL_ADD_UINT(d, "reconnects",
			    dev->connections > 0 ? dev->connections - 1 : 0);
	rte_tel_data_add_dict_string(d, "stop_method", virtio_stop_method_name(dev->stop_method));
	rte_tel_data_add_dict_string(d, "stop_reason",
				     dev->stop_reason != NULL ? dev->stop_reason : "");
	rte_tel_data_add_dict_string(d, "recovery", port->args.recovery ? "auto" : "none");
	rte_tel_data_add_dict_int(d, "pairs", port->args.pairs);
	ret = add_features(d, "offered", dev->offered);
	return ret != 0 ? ret : add_features(d, "features", dev->acked);
}

/* ---- commands ----------------------------------------------------------------------------- */

static int
is_there(struct virtio_port *port __rte_unused)
{
	return 0;
}

static int
show_list(const char *cmd __rte_unused, const char *params __rte_unused, struct rte_tel_data *d)
{
	uint16_t i;

	rte_tel_data_start_array(d, RTE_TEL_INT_VAL);
	for (i = 0; i < RTE_MAX_ETHPORTS; i++) {
		if (virtio_ports_visit(i, is_there) == 0)
			rte_tel_data_add_array_int(d, i);
	}
	return 0;
}

static int
show_info(const char *cmd __rte_unused, const char *params, struct rte_tel_data *d)
{
	struct virtio_port *port;
	long id, queue;
	int ret;

	if (read_numbers(params, &id, &queue) != 0 || queue != NO_NUMBER)
		return -EINVAL;
	port = virtio_ports_lock(id);
	if (port == NULL)
		return -EINVAL;
	rte_tel_data_start_dict(d);
	ret = fill_info(d, port);
	virtio_ports_unlock(port);
	return ret;
}

static int
show_queue(const char *cmd __rte_unused, const char *params, struct rte_tel_data *d)
{
	struct virtio_port *port;
	long id, queue;
	int ret = -EINVAL;

	if (read_numbers(params, &id, &queue) != 0 || queue == NO_NUMBER)
		return -EINVAL;
	port = virtio_ports_lock(id);
	if (port == NULL)
		return -EINVAL;
	if (queue < port->args.pairs) {
		rte_tel_data_start_dict(d);
		ret = add_dict(d, "rx", virtio_queue_rx(port, queue), fill_queue);
		if (ret == 0)
			ret = add_dict(d, "tx", virtio_queue_tx(port, queue), fill_queue);
	}
	virtio_ports_unlock(port);
	return ret;
}

static int
add_resets(struct rte_tel_data *d, struct virtio_port *port, uint16_t queue)
{
	char name[16];
	int ret;

	snprintf(name, sizeof(name), "rx%u", queue);
	ret = add_dict(d, name, virtio_queue_rx(port, queue), fill_resets);
	if (ret != 0)
		return ret;
	snprintf(name, sizeof(name), "tx%u", queue);
	return add_dict(d, name, virtio_queue_tx(port, queue), fill_resets);
}

static int
show_resets(const char *cmd __rte_unused, const char *params, struct rte_tel_data *d)
{
	struct virtio_port *port;
	long id, queue, i;
	int ret = -EINVAL;

	if (read_numbers(params, &id, &queue) != 0)
		return -EINVAL;
	port = virtio_ports_lock(id);
	if (port == NULL)
		return -EINVAL;
	if (queue == NO_NUMBER || queue < port->args.pairs) {
		rte_tel_data_start_dict(d);
		ret = 0;
		for (i = 0; ret == 0 && i < port->args.pairs; i++) {
			if (queue == NO_NUMBER || queue == i)
				ret = add_resets(d, port, i);
		}
	}
	virtio_ports_unlock(port);
	return ret;
}

RTE_INIT(virtio_telemetry_init)
{
	rte_telemetry_register_cmd("/virtio/list", show_list,
		"Ports of net/virtio. No parameters");
	rte_telemetry_register_cmd("/virtio/info", show_info,
		"Connection, features and choices of a port. Parameters: port_id");
	rte_telemetry_register_cmd("/virtio/queue", show_queue,
		"State, ring, path and counters of a queue pair. Parameters: port_id,queue_id");
	rte_telemetry_register_cmd("/virtio/resets", show_resets,
		"Stops and starts of single queues, by phase. Parameters: port_id[,queue_id]");
}
