/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <string.h>

#include <rte_malloc.h>

#include "vhost_user_port.h"

void
port_create(struct vhost_user_port *port)
{
	memset(port, 0, sizeof(*port));
	port->vu = fake_vu_create(test_path("backend"));
	if (test_packed())
		port->vu->features |= VU_F_PACKED;
}

int
port_connect(struct vhost_user_port *port, enum vhost_user_stop_policy policy)
{
	const struct vhost_user_conf conf = {
		.path = test_path("backend"), .nb_rings = PORT_RINGS, .stop = policy,
		.answer_timeout_us = port->answer_timeout_us
	};
	int ret;

	if (!port->vu->launched)
		fake_vu_launch(port->vu);
	CHECK_EQ(virtio_device_init(&port->dev, "port", VIRTIO_TRANSPORT_VHOST_USER,
				    PORT_RINGS), 0);
	ret = vhost_user_create(&port->dev, &conf);
	port->connected = ret == 0;
	if (ret != 0) {
		CHECK(port->dev.priv == NULL);
		virtio_device_fini(&port->dev);
	}
	return ret;
}

static void
fill(struct vhost_user_port *port, unsigned int index)
{
	unsigned int b;

	for (b = 0; b < PORT_BUFFERS; b++)
		ring_post(port->vq[index], &port->buffers[index][b], 1, VRING_DESC_F_WRITE);
	ring_show(port->vq[index]);
}

void
port_make_rings(struct vhost_user_port *port)
{
	const struct ring_conf ring = { .packed = test_packed(), .size = PORT_RING_SIZE };
	unsigned int i;

	for (i = 0; i < PORT_RINGS; i++) {
		port->vq[i] = ring_create(&port->dev, i, &ring);
		port->buffers[i] = rte_calloc(NULL, PORT_BUFFERS, sizeof(struct buffer), 0);
		CHECK(port->buffers[i] != NULL);
		fill(port, i);
	}
}

void
port_start(struct vhost_user_port *port)
{
	port_make_rings(port);
	CHECK_EQ(virtio_device_negotiate(&port->dev, UINT64_MAX), 0);
	CHECK_EQ(virtio_device_start(&port->dev, port->vq, PORT_RINGS), 0);
}

void
port_up(struct vhost_user_port *port, enum vhost_user_stop_policy policy)
{
	port_create(port);
	CHECK_EQ(port_connect(port, policy), 0);
	port_start(port);
	fake_vu_forget_record(port->vu);
}

void
port_refill(struct vhost_user_port *port, unsigned int index)
{
	/* Nothing of the past may be seen by the back-end. */
	ring_poison(port->vq[index]);
	CHECK_EQ(virtqueue_reclaim(port->vq[index], ring_take_back, NULL), PORT_BUFFERS);
	ring_check_returned(port->buffers[index], PORT_BUFFERS);
	ring_check_fresh(port->vq[index]);
	fill(port, index);
}

void
port_replace_ring(struct vhost_user_port *port, unsigned int index, uint16_t size)
{
	const struct ring_conf ring = { .packed = test_packed(), .size = size };
	struct virtqueue *old = port->vq[index];

	/* Made before the old one goes: it is in other memory. */
	port->vq[index] = ring_create(&port->dev, index, &ring);
	ring_destroy(old);
	ring_check_returned(port->buffers[index], PORT_BUFFERS);
	fill(port, index);
}

void
port_check_runs(struct vhost_user_port *port, unsigned int index)
{
	struct ring_device *rd = fake_vu_ring(port->vu, index);
	struct virtqueue *vq = port->vq[index];
	struct device_chain chain;
	struct buffer *b;
	uint32_t len;

	CHECK_EQ(virtqueue_state(vq), VIRTQUEUE_LIVE);
	CHECK(ring_device_take(rd, &chain));
	memset(chain.part[0].at, 0x40 + index, chain.part[0].len);
	ring_device_use(rd, chain.head, 3);
	CHECK_EQ(ring_ready(vq), 1);
	b = ring_get(vq, &len);
	CHECK(b != NULL);
	CHECK_EQ(len, 3);
	CHECK_EQ(b->data[0], 0x40 + index);
	b->returned++;
	ring_post(vq, b, 1, VRING_DESC_F_WRITE);
	ring_show(vq);
}

void
port_check_others_run(struct vhost_user_port *port, unsigned int index)
{
	unsigned int i;

	for (i = 0; i < PORT_RINGS; i++) {
		if (i != index)
			port_check_runs(port, i);
	}
}

void
port_restart_ring(struct vhost_user_port *port, unsigned int index)
{
	CHECK_EQ(virtqueue_stop(port->vq[index], PATIENCE_US), 0);
	port_refill(port, index);
	CHECK_EQ(virtqueue_start(port->vq[index], PATIENCE_US), 0);
	port_check_others_run(port, PORT_RINGS);
}

void
port_down(struct vhost_user_port *port)
{
	unsigned int i;

	fake_vu_obey(port->vu);
	if (port->connected) {
		if (port->dev.status != VIRTIO_STATUS_RESET)
			CHECK_EQ(virtio_device_reset(&port->dev, PATIENCE_US), 0);
		for (i = 0; i < PORT_RINGS; i++) {
			if (port->vq[i] == NULL)
				continue;
			ring_destroy(port->vq[i]);
			ring_check_returned(port->buffers[i], PORT_BUFFERS);
			rte_free(port->buffers[i]);
		}
		vhost_user_destroy(&port->dev);
		virtio_device_fini(&port->dev);
	}
	fake_vu_destroy(port->vu);
}

void
port_check_recorded(struct vhost_user_port *port, const char *wanted)
{
	const char *got = fake_vu_recorded(port->vu);

	if (strcmp(got, wanted) != 0)
		test_fail(__FILE__, __LINE__, "the back-end saw \"%s\", not \"%s\"", got, wanted);
	fake_vu_forget_record(port->vu);
}
