/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * rte_eth_dev_priv_dump(): a person reads it, so names stand beside numbers. Telemetry shows the
 * same state to programs.
 */

#include <errno.h>
#include <inttypes.h>

#include "virtio_dump.h"
#include "virtio_features.h"
#include "virtio_port.h"
#include "virtio_queue.h"
#include "virtio_rxtx.h"
#include "virtqueue_ring.h"

/* A thread that waits for a silent device may hold the lock much longer. */
#define DUMP_WAIT_US 1000000

static void
dump_device(const struct virtio_port *port, bool is_up, FILE *file)
{
	const struct virtio_device *dev = &port->dev;

	fprintf(file, "driver version: %s\n", VIRTIO_VERSION);
	fprintf(file, "device: %s, %s", dev->name, virtio_device_ops(dev)->name);
	if (dev->kind == VIRTIO_TRANSPORT_VHOST_USER)
		fprintf(file, " %s", port->args.server ? "server" : "client");
	if (port->args.path[0] != '\0')
		fprintf(file, " on %s", port->args.path);
	if (port->bus->interface != NULL && port->bus->interface(dev)[0] != '\0')
		fprintf(file, ", interface %s", port->bus->interface(dev));
	fputc('\n', file);
	fprintf(file, "connected: %s\n", is_up ? "yes" : "no");
	fprintf(file, "device status: 0x%02x\n", dev->status);
	fprintf(file, "stop of single queues: %s%s%s\n", virtio_stop_method_name(dev->stop_method),
		dev->stop_reason != NULL ? ", " : "",
		dev->stop_reason != NULL ? dev->stop_reason : "");
}

static void
dump_features(const char *kind, uint64_t features, FILE *file)
{
	unsigned int bit;

	fprintf(file, "features %s: 0x%" PRIx64, kind, features);
	for (bit = 0; bit < 64; bit++) {
		const char *name = virtio_feature_name(bit);

		if (!(features & VIRTIO_BIT(bit)))
			continue;
		if (name != NULL)
			fprintf(file, " %s", name);
		else
			fprintf(file, " bit-%u", bit);
	}
	fputc('\n', file);
}

static void
dump_port(const struct virtio_port *port, FILE *file)
{
	char path[VIRTIO_PATH_NAME_SIZE];

	fprintf(file, "port: %s, %u of at most %u queue pairs\n",
		port->running ? "started" : "stopped", virtio_port_pairs(port), port->args.pairs);
	virtio_rx_path_name(port, path);
	fprintf(file, "receive path: %s\n", path);
	virtio_tx_path_name(port, path);
	fprintf(file, "transmit path: %s\n", path);
	fprintf(file, "recovery: %s\n", port->args.recovery ? "auto" : "none");
	if (port->ctrl != NULL)
		fprintf(file, "control queue: %s, %u descriptors\n",
			virtqueue_state_name(virtqueue_state(port->ctrl)), port->ctrl->size);
}

static void
dump_queue(const struct virtio_queue *q, FILE *file)
{
	const struct virtqueue *vq = q->vq;
	/* The polling thread may be within a burst: its indices are a burst old at worst. */
	const int used = ring_used(q->vq, UINT16_MAX, vq->conf.packed);

	fprintf(file, "%s queue %u: %s, %s ring, %u descriptors, %u free, %d used",
		virtio_queue_kind(q), q->id, virtio_queue_state_name(q),
		vq->conf.packed ? "packed" : "split", vq->size, vq->free_count, RTE_MAX(used, 0));
	if (q->is_rx)
		fprintf(file, ", pool %s", container_of(q, const struct virtio_rxq, q)->pool_name);
	fprintf(file, ", %" PRIu64 " packets, %" PRIu64 " resets, %" PRIu64 " dropped by resets, "
		"%" PRIu64 " times broken\n", virtio_queue_counters(q)->packets, q->events.resets,
		q->events.reset_dropped, q->events.broken);
}

int
virtio_dev_priv_dump(struct rte_eth_dev *edev, FILE *file)
{
	struct virtio_port *port = virtio_port(edev);
	struct virtio_queue *q;

	if (!virtio_port_lock_within(port, DUMP_WAIT_US)) {
		fprintf(file, "port busy: a control call or the driver's thread waits for the "
			"device. Try again later.\n");
		return -EBUSY;
	}
	dump_device(port, port->bus->is_up(&port->dev), file);
	dump_features("offered", port->dev.offered, file);
	dump_features("in force", port->dev.acked, file);
	dump_port(port, file);
	VIRTIO_FOREACH_QUEUE(q, port) {
		if (q->vq != NULL)
			dump_queue(q, file);
	}
	pthread_mutex_unlock(&port->lock);
	return ferror(file) ? -EIO : 0;
}
