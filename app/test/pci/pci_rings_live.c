/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * The life of a ring on a virtio-pci device, over every ring configuration: filled, used, stopped
 * with buffers on every side, emptied, made in another size, run again, and each buffer is given
 * back once. Its neighbour, a ring beyond the pairs as a control queue is, never notices.
 */

#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_memory.h>
#include <rte_memzone.h>

#include "fake_pci_device.h"
#include "ring.h"

#define ROUNDS 5

static struct fake_pci *fake;
static struct virtqueue *vq;
static struct virtqueue *control;
static struct buffer command;
static struct buffer *buffers;
static unsigned int nb_buffers;

/* The device takes so many, uses so many of them, and the driver gets some of these. */
static void
work(unsigned int take, unsigned int use, unsigned int get)
{
	struct device_chain *chains = calloc(take, sizeof(*chains));
	unsigned int i;

	for (i = 0; i < take; i++)
		CHECK(ring_device_take(fake_pci_ring(fake, 0), &chains[i]));
	for (i = 0; i < use; i++)
		ring_device_use(fake_pci_ring(fake, 0), chains[i].head, 5);
	for (i = 0; i < get; i++) {
		uint32_t len;
		struct buffer *b = ring_get(vq, &len);

		CHECK(b != NULL);
		CHECK_EQ(len, 5);
		b->returned++;
	}
	free(chains);
}

/* Another thread's ring: one command goes round. */
static void
check_neighbour(void)
{
	struct device_chain chain;
	uint32_t len;

	ring_post(control, &command, 2, VRING_DESC_F_WRITE);
	ring_show(control);
	virtqueue_notify(control);
	CHECK(ring_device_take(fake_pci_ring(fake, 2), &chain));
	CHECK_EQ(chain.n, 2);
	ring_device_use(fake_pci_ring(fake, 2), chain.head, 1);
	CHECK(ring_get(control, &len) == &command);
	command.returned++;
}

static void
life(const struct ring_conf *ring, unsigned int round)
{
	const unsigned int posted = ring->size - round;
	const unsigned int get = posted / 4;
	unsigned int i;

	for (i = 0; i < posted; i++)
		ring_post(vq, &buffers[i], 1, VRING_DESC_F_WRITE);
	ring_show(vq);
	if (round == 0)
		fake_pci_run(fake, ring->packed, (struct virtqueue *[]){ vq, control }, 2);
	else
		CHECK_EQ(virtqueue_start(vq, PATIENCE_US), 0);
	CHECK_EQ(vq->event_idx, true);
	work(posted - posted / 4, posted / 2, get);
	check_neighbour();
	fake->queue[0].answer = round % 2 == 0 ? FAKE_PCI_OBEYS : FAKE_PCI_LATE;
	fake->queue[0].late_reads = round;
	CHECK_EQ(virtqueue_stop(vq, PATIENCE_US), 0);
	check_neighbour();
	/* What was used and not yet got can still be, 2.6.1 leaves the memory to the driver. */
	CHECK_EQ(ring_ready(vq), posted / 2 - get);
	CHECK_EQ(virtqueue_reclaim(vq, ring_take_back, NULL), posted - get);
	ring_check_returned(buffers, nb_buffers);
	ring_check_fresh(vq);
}

static void
many_lives(const struct ring_conf *ring)
{
	const struct ring_conf small = { .size = 16, .packed = ring->packed };
	struct ring_conf next = *ring;
	unsigned int round;

	fake = fake_pci_create(FAKE_PCI_C, 3);
	CHECK_EQ(fake_pci_open(fake, VIRTIO_PCI_STOP_AUTO), 0);
	nb_buffers = 2 * ring->size > 32768 ? 32768 : 2 * ring->size;
	buffers = calloc(nb_buffers, sizeof(*buffers));
	memset(&command, 0, sizeof(command));
	control = ring_create(&fake->dev, 2, &small);
	vq = ring_create(&fake->dev, 0, ring);
	for (round = 0; round < ROUNDS; round++) {
		life(&next, round);
		CHECK_EQ(virtqueue_destroy(vq), 0);
		next.size = round % 2 == 0 ? nb_buffers : ring->size;
		vq = ring_create(&fake->dev, 0, &next);
	}
	CHECK_EQ(virtio_device_reset(&fake->dev, PATIENCE_US), 0);
	ring_destroy(vq);
	ring_destroy(control);
	free(buffers);
	fake_pci_destroy(fake);
}

/* Ring memory is one piece for the device, and what it knows of it is a constant away. */
static void
one_constant_for_all_of_a_ring(const struct ring_conf *ring)
{
	const struct virtqueue_conf conf = {
		.size = ring->size, .packed = ring->packed, .slot_area = 144, .node = SOCKET_ID_ANY
	};

	fake = fake_pci_create(FAKE_PCI_C, 1);
	CHECK_EQ(fake_pci_open(fake, VIRTIO_PCI_STOP_AUTO), 0);
	CHECK_EQ(virtqueue_create(&fake->dev, 0, &conf, &vq), 0);
	CHECK_EQ(virtqueue_dev_addr(vq, vq->desc), vq->memory->iova);
	CHECK_EQ(virtqueue_dev_addr(vq, vq->slot_area) - vq->memory->iova,
		 vq->slot_area - (uint8_t *)vq->memory->addr);
	CHECK_EQ(rte_mem_virt2iova(vq->slot_area), virtqueue_dev_addr(vq, vq->slot_area));
	CHECK_EQ(virtqueue_destroy(vq), 0);
	fake_pci_destroy(fake);
}

TEST_MAIN(
	TEST_EVERY_RING(many_lives),
	TEST_EVERY_RING(one_constant_for_all_of_a_ring),
)
