/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <string.h>

#include <rte_memory.h>

#include "transport_rings.h"

void
transport_rings_init(struct transport_rings *rings)
{
	unsigned int i;

	memset(rings, 0, sizeof(*rings));
	for (i = 0; i < TRANSPORT_RINGS_MAX * TRANSPORT_RING_BUFFERS; i++)
		rings->buffers[i / TRANSPORT_RING_BUFFERS][i % TRANSPORT_RING_BUFFERS].number = i;
}

static void
fill(struct transport_rings *rings, unsigned int index)
{
	unsigned int i;

	for (i = 0; i < TRANSPORT_RING_BUFFERS; i++)
		ring_post(rings->vq[index], &rings->buffers[index][i], 1, VRING_DESC_F_WRITE);
	ring_show(rings->vq[index]);
}

int
transport_ring_make(struct transport_rings *rings, struct virtio_device *dev, unsigned int index,
		    struct virtqueue_conf conf)
{
	int ret;

	conf.node = SOCKET_ID_ANY;
	conf.buf_len = sizeof(rings->buffers[0][0].data);
	ret = virtqueue_create(dev, index, &conf, &rings->vq[index]);
	if (ret == 0)
		fill(rings, index);
	return ret;
}

void
transport_rings_check(const struct transport_rings *rings,
		      bool (*has)(const void *arg, const struct virtqueue *vq), const void *arg)
{
	unsigned int i;

	for (i = 0; i < TRANSPORT_RINGS_MAX; i++) {
		if (rings->vq[i] != NULL && virtqueue_state(rings->vq[i]) == VIRTQUEUE_READY)
			CHECK(!has(arg, rings->vq[i]));
	}
}

void
transport_ring_refill(struct transport_rings *rings, unsigned int index)
{
	if (virtqueue_reclaim(rings->vq[index], ring_take_back, NULL) < 0)
		return;
	ring_check_returned(rings->buffers[index], TRANSPORT_RING_BUFFERS);
	fill(rings, index);
}

void
transport_ring_stop(struct virtqueue *vq, struct fuzz_input *in)
{
	const enum virtqueue_state before = virtqueue_state(vq);
	const int ret = virtqueue_stop(vq, fuzz_byte(in) * 100);

	if (ret == 0)
		CHECK_EQ(virtqueue_state(vq), VIRTQUEUE_READY);
	else if (before != VIRTQUEUE_READY)
		CHECK(virtqueue_state(vq) != VIRTQUEUE_READY);
}

int
transport_ring_start(struct virtqueue *vq, struct fuzz_input *in)
{
	const int ret = virtqueue_start(vq, fuzz_byte(in) * 100);

	if (ret == 0)
		CHECK_EQ(virtqueue_state(vq), VIRTQUEUE_LIVE);
	return ret;
}

void
transport_ring_step(struct transport_rings *rings, unsigned int index, struct fuzz_input *in)
{
	struct virtqueue *vq = rings->vq[index];

	switch (fuzz_below(in, 8)) {
	case 0: case 1: case 2:
		transport_ring_stop(vq, in);
		break;
	case 3: case 4:
		transport_ring_start(vq, in);
		break;
	case 5:
		transport_ring_refill(rings, index);
		break;
	case 6:
		virtqueue_set_broken(vq, "a fuzz input");
		break;
	default:
		virtqueue_notify(vq);
		break;
	}
}

void
transport_rings_destroy(struct transport_rings *rings)
{
	unsigned int i;

	for (i = 0; i < TRANSPORT_RINGS_MAX; i++) {
		if (rings->vq[i] == NULL)
			continue;
		CHECK(virtqueue_reclaim(rings->vq[i], ring_take_back, NULL) >= 0);
		ring_check_returned(rings->buffers[i], TRANSPORT_RING_BUFFERS);
		CHECK_EQ(virtqueue_destroy(rings->vq[i]), 0);
	}
}
