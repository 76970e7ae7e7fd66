/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * Counters, under upstream's names and those of resets. They belong to the queue, not to its ring,
 * and go on over restarts.
 */

#include <stdio.h>
#include <string.h>

#include <rte_string_fns.h>
#include <rte_telemetry.h>

#include "virtio_log.h"
#include "virtio_queue.h"
#include "virtio_stats.h"

struct field {
	const char *name;
	size_t offset;
};

#define COUNTER(name, member) { name, offsetof(struct virtio_counters, member) }

/* Upstream's names, in its order; transmit has no errors there. */
static const struct field packet_fields[] = {
	COUNTER("good_packets", packets),
	COUNTER("good_bytes", bytes),
	/* Transmit: dropped packets, of no bytes or of more segments than the ring holds. */
	COUNTER("errors", errors),
};

static const struct field size_fields[] = {
	COUNTER("multicast_packets", multicast),
	COUNTER("broadcast_packets", broadcast),
	COUNTER("undersize_packets", size[0]),
	COUNTER("size_64_packets", size[1]),
	COUNTER("size_65_127_packets", size[2]),
	COUNTER("size_128_255_packets", size[3]),
	COUNTER("size_256_511_packets", size[4]),
	COUNTER("size_512_1023_packets", size[5]),
	COUNTER("size_1024_1518_packets", size[6]),
	COUNTER("size_1519_max_packets", size[7]),
};

#define EVENT(name, member) { name, offsetof(struct virtio_queue_events, member) }

static const struct field event_fields[] = {
	EVENT("resets", resets),
	EVENT("reset_dropped", reset_dropped),
	EVENT("reset_ns", reset_ns),
	EVENT("broken", broken),
	EVENT("unserved", unserved),
	EVENT("announced", announced),
	EVENT("reclaimed_idle", reclaimed_idle),
	EVENT("recovered", recovered),
	EVENT("recovery_failed", recovery_failed),
};

#define LAST(name, phase) { "reset_" name "_ns", offsetof(struct virtio_times, last_ns[phase]) }
#define P99(name, phase) { "reset_" name "_p99_ns", offsetof(struct virtio_times, p99_ns[phase]) }

static const struct field time_fields[] = {
	LAST("gate", VIRTIO_PHASE_GATE),
	P99("gate", VIRTIO_PHASE_GATE),
	LAST("drain", VIRTIO_PHASE_DRAIN),
	P99("drain", VIRTIO_PHASE_DRAIN),
	LAST("device", VIRTIO_PHASE_DEVICE),
	P99("device", VIRTIO_PHASE_DEVICE),
	LAST("reclaim", VIRTIO_PHASE_RECLAIM),
	P99("reclaim", VIRTIO_PHASE_RECLAIM),
	LAST("fill", VIRTIO_PHASE_FILL),
	P99("fill", VIRTIO_PHASE_FILL),
	LAST("start", VIRTIO_PHASE_START),
	P99("start", VIRTIO_PHASE_START),
};

/*
 * A queue that ethdev has released counts on: between the release and the new set-up of a queue the
 * port's counters must not go back.
 */
static const struct virtio_queue *
counted_rx(const struct virtio_port *port, uint16_t id)
{
	return port->rxqs[id] == NULL ? NULL : &port->rxqs[id]->q;
}

static const struct virtio_queue *
counted_tx(const struct virtio_port *port, uint16_t id)
{
	return port->txqs[id] == NULL ? NULL : &port->txqs[id]->q;
}

int
virtio_stats_get(VIRTIO_STATS_GET_ARGS)
{
	const struct virtio_port *port = virtio_port(edev);
	virtio_queue_stats_t *by_queue = VIRTIO_QUEUE_STATS;
	uint16_t i;

	stats->rx_nombuf = 0;
	for (i = 0; i < edev->data->nb_rx_queues; i++) {
		const struct virtio_queue *q = counted_rx(port, i);

		if (q == NULL)
			continue;
		stats->ipackets += virtio_queue_counters(q)->packets;
		stats->ibytes += virtio_queue_counters(q)->bytes;
		stats->ierrors += virtio_queue_counters(q)->errors;
		stats->rx_nombuf += virtio_queue_counters(q)->no_mbuf;
		if (by_queue != NULL && i < RTE_DIM(by_queue->q_ipackets)) {
			by_queue->q_ipackets[i] = virtio_queue_counters(q)->packets;
			by_queue->q_ibytes[i] = virtio_queue_counters(q)->bytes;
		}
	}
	for (i = 0; i < edev->data->nb_tx_queues; i++) {
		const struct virtio_queue *q = counted_tx(port, i);

		if (q == NULL)
			continue;
		stats->opackets += virtio_queue_counters(q)->packets;
		stats->obytes += virtio_queue_counters(q)->bytes;
		stats->oerrors += virtio_queue_counters(q)->errors;
		if (by_queue != NULL && i < RTE_DIM(by_queue->q_ipackets)) {
			by_queue->q_opackets[i] = virtio_queue_counters(q)->packets;
			by_queue->q_obytes[i] = virtio_queue_counters(q)->bytes;
		}
	}
	return 0;
}

/* The polling thread may be counting at this moment: a packet of its burst may survive. */
int
virtio_stats_reset(struct rte_eth_dev *edev)
{
	struct virtio_port *port = virtio_port(edev);
	uint16_t i;

	for (i = 0; i < port->args.pairs; i++) {
		if (port->rxqs[i] != NULL) {
			memset(&port->rxqs[i]->counters, 0, sizeof(port->rxqs[i]->counters));
			memset(&port->rxqs[i]->q.events, 0, sizeof(port->rxqs[i]->q.events));
			memset(&port->rxqs[i]->q.times, 0, sizeof(port->rxqs[i]->q.times));
		}
		if (port->txqs[i] != NULL) {
			memset(&port->txqs[i]->counters, 0, sizeof(port->txqs[i]->counters));
			memset(&port->txqs[i]->q.events, 0, sizeof(port->txqs[i]->q.events));
			memset(&port->txqs[i]->q.times, 0, sizeof(port->txqs[i]->q.times));
		}
	}
	return 0;
}

/* Walks all extended counters in their one order: by group, then rx queues, then tx queues. */
struct walk {
	struct rte_eth_xstat *values;
	struct rte_eth_xstat_name *names;
	unsigned int room;
	unsigned int n;
};

static void
add_fields(struct walk *walk, const char *direction, uint16_t id, const void *base,
	   const struct field *fields, unsigned int nb)
{
	unsigned int i;

	for (i = 0; i < nb; i++, walk->n++) {
		if (walk->n >= walk->room)
			continue;
		if (walk->names != NULL)
			snprintf(walk->names[walk->n].name, sizeof(walk->names[walk->n].name),
				 "%s_q%u_%s", direction, id, fields[i].name);
		if (walk->values != NULL) {
			walk->values[walk->n].id = walk->n;
			walk->values[walk->n].value = base == NULL ? 0 :
				*(const uint64_t *)(const void *)((const uint8_t *)base +
								   fields[i].offset);
		}
	}
}

enum source { COUNTERS, EVENTS, TIMES };

/*
 * In this order, each for all queues before the next one: ethdev's telemetry shows the first
 * RTE_TEL_MAX_DICT_ENTRIES counters of a port alone.
 */
static const struct {
	enum source source;
	const struct field *fields;
	unsigned int nb;
} groups[] = {
	{ COUNTERS, packet_fields, RTE_DIM(packet_fields) },
	{ COUNTERS, size_fields, RTE_DIM(size_fields) },
	{ EVENTS, event_fields, RTE_DIM(event_fields) },
	{ TIMES, time_fields, RTE_DIM(time_fields) },
};

/* Counters that ethdev itself puts before those of a driver. */
#define ETHDEV_COUNTERS 8

static const void *
source_of(const struct virtio_queue *q, enum source source)
{
	if (q == NULL)
		return NULL;
	if (source == COUNTERS)
		return virtio_queue_counters(q);
	return source == EVENTS ? (const void *)&q->events : (const void *)&q->times;
}

/* A queue without a set-up has its place all the same: ids must not move under the application. */
static int
walk_all(const struct rte_eth_dev *edev, struct walk *walk)
{
	const struct virtio_port *port = virtio_port(edev);
	unsigned int g;
	uint16_t i;

	for (g = 0; g < RTE_DIM(groups); g++) {
		for (i = 0; i < edev->data->nb_rx_queues; i++)
			add_fields(walk, "rx", i,
				   source_of(counted_rx(port, i), groups[g].source),
				   groups[g].fields, groups[g].nb);
		for (i = 0; i < edev->data->nb_tx_queues; i++)
			add_fields(walk, "tx", i,
				   source_of(counted_tx(port, i), groups[g].source),
				   groups[g].fields, groups[g].nb);
	}
	return walk->n;
}

void
virtio_stats_configure(const struct rte_eth_dev *edev)
{
	const unsigned int queues = edev->data->nb_rx_queues + edev->data->nb_tx_queues;
	const unsigned int most = (RTE_TEL_MAX_DICT_ENTRIES - ETHDEV_COUNTERS) /
				  RTE_DIM(packet_fields);

	if (queues > most)
		VIRTIO_INIT_LOG(NOTICE, "port %u: telemetry's /ethdev/xstats shows the packet "
				"counters of the first %u of %u queues. Use rte_eth_xstats_get() "
				"or /virtio/queue for all of them.", edev->data->port_id, most,
				queues);
}

int
virtio_xstats_get(struct rte_eth_dev *edev, struct rte_eth_xstat *xstats, unsigned int n)
{
	struct walk walk = { .values = xstats, .room = xstats == NULL ? 0 : n };

	return walk_all(edev, &walk);
}

int
virtio_xstats_get_names(struct rte_eth_dev *edev, struct rte_eth_xstat_name *names, unsigned int n)
{
	struct walk walk = { .names = names, .room = names == NULL ? 0 : n };

	return walk_all(edev, &walk);
}

/* There is nothing to map, which is as good as mapped: testpmd counts on that. */
int
virtio_queue_stats_mapping_set(struct rte_eth_dev *edev, uint16_t queue, uint8_t stat,
			       uint8_t is_rx)
{
	RTE_SET_USED(edev);
	RTE_SET_USED(queue);
	RTE_SET_USED(stat);
	RTE_SET_USED(is_rx);
	return 0;
}
