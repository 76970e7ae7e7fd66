/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * What is written to a virtio-pci device, and when: bringing it up follows 3.1.1, a ring's set-up
 * 4.1.5.1.3, its reset 2.6.1, and the set-up after a reset is the first one, to the letter, with
 * whatever has changed since.
 */

#include <stdio.h>
#include <string.h>

#include <rte_common.h>

#include "fake_pci_device.h"
#include "ring.h"

#define RINGS 3
#define SIZE 64

#define SELECT(n) "queue_select=" #n ", "
#define ADDRESSES "queue_desc, queue_desc+4, queue_driver, queue_driver+4, queue_device, " \
		  "queue_device+4"

static const struct ring_conf ring = { .size = SIZE };

static struct fake_pci *fake;
static struct virtqueue *vq[RINGS];

static struct virtqueue *
ring_of(uint16_t index, uint16_t size)
{
	const struct ring_conf conf = { .size = size, .packed = test_packed() };

	return ring_create(&fake->dev, index, &conf);
}

static void
up(void)
{
	unsigned int i;

	fake = fake_pci_create(FAKE_PCI_C, RINGS);
	CHECK_EQ(fake_pci_open(fake, VIRTIO_PCI_STOP_AUTO), 0);
	for (i = 0; i < RINGS; i++)
		vq[i] = ring_of(i, ring.size);
	fake_pci_forget_record(fake);
}

static void
down(void)
{
	unsigned int i;

	CHECK_EQ(virtio_device_reset(&fake->dev, PATIENCE_US), 0);
	for (i = 0; i < RINGS; i++)
		ring_destroy(vq[i]);
	fake_pci_destroy(fake);
}

/* What it offers is read by the book, and the device left reset. */
static void
order_of_the_first_open(void)
{
	fake = fake_pci_create(FAKE_PCI_C, RINGS);
	fake->late_status = 2;
	CHECK_EQ(fake_pci_open(fake, VIRTIO_PCI_STOP_AUTO), 0);
	CHECK_EQ(fake->dev.nb_vqs, RINGS);
	CHECK_EQ(fake->dev.offered, fake->features);
	CHECK(fake->dev.by_iova);
	fake_pci_check_recorded(fake,
		"num_queues:3, device_status=0, device_status:15, device_status:15, "
		"device_status:0, device_status=1, device_status=3, "
		"device_feature_select=0, device_feature:805306368, "
		"device_feature_select=1, device_feature:261, "
		"device_status=0, device_status:3, device_status:3, device_status:0");
	fake_pci_destroy(fake);
}

/* 3.1.1; the sizes were learnt when the rings were made, and are asked for again: 5.1.2. */
static void
order_of_a_device(void)
{
	up();
	virtio_pci_set_config_vector(&fake->dev, 0);
	virtio_pci_set_queue_vector(&fake->dev, 1, 5);
	CHECK_EQ(virtio_device_negotiate(&fake->dev, VIRTIO_BIT(VIRTIO_F_RING_RESET)), 0);
	fake_pci_check_recorded(fake,
		"device_status=1, device_status=3, "
		"device_feature_select=0, device_feature:805306368, "
		"device_feature_select=1, device_feature:261, "
		"driver_feature_select=0, driver_feature=0, "
		"driver_feature_select=1, driver_feature=257, "
		"device_status=11, device_status:11");
	CHECK_EQ(virtio_device_start(&fake->dev, vq, RINGS), 0);
	fake_pci_check_recorded(fake,
		"config_msix_vector=0, config_msix_vector:0, "
		SELECT(0) "queue_size:32768, queue_size=64, queue_size:64, queue_notify_off:2, "
		ADDRESSES ", "
		SELECT(1) "queue_size:32768, queue_size=64, queue_size:64, "
		"queue_msix_vector=5, queue_msix_vector:5, queue_notify_off:1, "
		ADDRESSES ", "
		SELECT(2) "queue_size:32768, queue_size=64, queue_size:64, queue_notify_off:0, "
		ADDRESSES ", "
		SELECT(0) "queue_enable=1, queue_enable:1, "
		SELECT(1) "queue_enable=1, queue_enable:1, "
		SELECT(2) "queue_enable=1, queue_enable:1, "
		"device_status=15, notify+8=0, notify+4=1, notify+0=2");
	down();
}

/* The configuration's vector is set again after each device reset, and before any ring. */
static void
config_vector_in_every_life(void)
{
	unsigned int life;

	up();
	for (life = 0; life < 3; life++) {
		virtio_pci_set_config_vector(&fake->dev, life + 4);
		fake_pci_run(fake, test_packed(), vq, RINGS);
		CHECK_EQ(fake->config_vector, life + 4);
		CHECK_EQ(fake_pci_writes(fake, "config_msix_vector"), 1);
		CHECK_EQ(virtqueue_stop(vq[0], PATIENCE_US), 0);
		CHECK_EQ(virtqueue_start(vq[0], PATIENCE_US), 0);
		CHECK_EQ(fake_pci_writes(fake, "config_msix_vector"), 1);
		CHECK_EQ(virtio_device_reset(&fake->dev, PATIENCE_US), 0);
		CHECK_EQ(fake->config_vector, VIRTIO_PCI_NO_VECTOR);
		fake_pci_forget_record(fake);
	}
	down();
}

static void
order_of_a_reset(void)
{
	up();
	fake_pci_run(fake, test_packed(), vq, RINGS);
	fake_pci_forget_record(fake);
	CHECK_EQ(virtqueue_stop(vq[1], PATIENCE_US), 0);
	fake_pci_check_recorded(fake, SELECT(1) "queue_reset=1, " SELECT(1)
				"queue_reset:0, queue_enable:0");
	down();
}

/* 2.6.1.2: a ring of another size, vector and place, set up as at first, in the same order. */
static void
order_of_a_restart(void)
{
	static const uint16_t sizes[] = { SIZE, 256, 32, 1024 };
	char wanted[320];
	unsigned int i;

	up();
	fake_pci_run(fake, test_packed(), vq, RINGS);
	for (i = 0; i < RTE_DIM(sizes); i++) {
		CHECK_EQ(virtqueue_stop(vq[1], PATIENCE_US), 0);
		ring_destroy(vq[1]);
		vq[1] = ring_of(1, sizes[i]);
		virtio_pci_set_queue_vector(&fake->dev, 1, i);
		fake_pci_forget_record(fake);
		CHECK_EQ(virtqueue_start(vq[1], PATIENCE_US), 0);
		snprintf(wanted, sizeof(wanted), SELECT(1) "queue_size=%u, queue_size:%u, "
			 "queue_msix_vector=%u, queue_msix_vector:%u, queue_notify_off:1, "
			 ADDRESSES ", " SELECT(1) "queue_enable=1, queue_enable:1, notify+4=1",
			 sizes[i], sizes[i], i, i);
		fake_pci_check_recorded(fake, wanted);
		CHECK_EQ(fake->queue[1].size, sizes[i]);
		CHECK_EQ(fake->queue[1].vector, i);
	}
	down();
}

/* The same parameters are written again: the reset has discarded them. */
static void
nothing_is_taken_for_known(void)
{
	unsigned int round;

	up();
	virtio_pci_set_queue_vector(&fake->dev, 1, 7);
	fake_pci_run(fake, test_packed(), vq, RINGS);
	for (round = 0; round < 3; round++) {
		CHECK_EQ(virtqueue_stop(vq[1], PATIENCE_US), 0);
		CHECK_EQ(fake->queue[1].size, 32768);
		CHECK_EQ(fake->queue[1].vector, VIRTIO_PCI_NO_VECTOR);
		CHECK_EQ(virtqueue_reclaim(vq[1], ring_take_back, NULL), 0);
		CHECK_EQ(virtqueue_start(vq[1], PATIENCE_US), 0);
		CHECK_EQ(fake->queue[1].size, SIZE);
		CHECK_EQ(fake->queue[1].vector, 7);
	}
	down();
}

/* Addresses are those of the ring's parts, as the device knows them. */
static void
addresses_of_the_parts(void)
{
	const void *part[3];
	unsigned int i;

	up();
	fake_pci_run(fake, test_packed(), vq, RINGS);
	part[0] = vq[2]->desc;
	part[1] = vq[2]->avail;
	part[2] = vq[2]->used;
	for (i = 0; i < 3; i++)
		CHECK_EQ(fake->queue[2].address[2 * i] |
			 (uint64_t)fake->queue[2].address[2 * i + 1] << 32,
			 virtqueue_dev_addr(vq[2], part[i]));
	down();
}

/* 4.1.5.2 with NOTIFICATION_DATA: 32 bits, with the place of the next buffer and its lap. */
static void
notification_with_data(void)
{
	struct buffer b[SIZE] = { 0 };
	unsigned int lap, i;

	fake = fake_pci_create(FAKE_PCI_C, RINGS);
	fake->features |= VIRTIO_BIT(VIRTIO_F_NOTIFICATION_DATA);
	CHECK_EQ(fake_pci_open(fake, VIRTIO_PCI_STOP_AUTO), 0);
	for (i = 0; i < RINGS; i++)
		vq[i] = ring_of(i, ring.size);
	fake_pci_run(fake, test_packed(), vq, RINGS);
	CHECK_EQ(fake->queue[1].notification, test_packed() ? 0x80000001 : 1);
	for (lap = 0; lap < 3; lap++) {
		for (i = 0; i < SIZE; i++) {
			struct device_chain chain;
			uint32_t next, len;

			ring_post(vq[1], &b[i], 1, VRING_DESC_F_WRITE);
			ring_show(vq[1]);
			virtqueue_notify(vq[1]);
			next = test_packed() ?
			       ((i + 1) % SIZE) | (uint32_t)(lap + (i + 1) / SIZE + 1) % 2 << 15 :
			       lap * SIZE + i + 1;
			CHECK_EQ(fake->queue[1].notification, next << 16 | 1);
			CHECK(ring_device_take(fake_pci_ring(fake, 1), &chain));
			ring_device_use(fake_pci_ring(fake, 1), chain.head, 1);
			CHECK(ring_get(vq[1], &len) == &b[i]);
		}
	}
	down();
}

/* 4.1.3.1: numbers by their width, all else byte by byte. */
static void
configuration_by_width(void)
{
	uint8_t to[8];
	unsigned int i;

	up();
	for (i = 0; i < sizeof(fake->config); i++)
		fake->config[i] = i + 1;
	CHECK_EQ(virtio_device_read_config(&fake->dev, 0, to, 6), 0);
	CHECK(memcmp(to, fake->config, 6) == 0);
	CHECK_EQ(virtio_device_read_config(&fake->dev, 6, to, 2), 0);
	CHECK_EQ(to[0] | to[1] << 8, 0x0807);
	CHECK_EQ(virtio_device_read_config(&fake->dev, 12, to, 4), 0);
	CHECK(memcmp(to, fake->config + 12, 4) == 0);
	fake_pci_forget_record(fake);
	CHECK_EQ(virtio_device_read_config(&fake->dev, 16, to, 8), 0);
	CHECK(memcmp(to, fake->config + 16, 8) == 0);
	fake_pci_check_recorded(fake, "config_generation:0, config+16/4:336794129, "
				"config+20/4:404166165, config_generation:0, device_status:0");
	memset(to, 0xa7, sizeof(to));
	CHECK_EQ(virtio_device_write_config(&fake->dev, 6, to, 2), 0);
	CHECK_EQ(virtio_device_write_config(&fake->dev, 40, to, 1), 0);
	fake_pci_check_recorded(fake, "config+6/2=42919, config+40/1=167");
	CHECK_EQ(fake->config[7], 0xa7);
	CHECK_EQ(fake->config[8], 9);
	down();
}

static void
isr_status(void)
{
	up();
	fake->isr = VIRTIO_PCI_ISR_CONFIG;
	CHECK_EQ(virtio_pci_isr(&fake->dev), VIRTIO_PCI_ISR_CONFIG);
	CHECK_EQ(virtio_pci_isr(&fake->dev), 0);
	fake_pci_check_recorded(fake, "isr:2, isr:0");
	down();
}

TEST_MAIN(
	TEST(order_of_the_first_open),
	TEST(order_of_a_device),
	TEST_LAYOUTS(config_vector_in_every_life),
	TEST_LAYOUTS(order_of_a_reset),
	TEST_LAYOUTS(order_of_a_restart),
	TEST_LAYOUTS(nothing_is_taken_for_known),
	TEST_LAYOUTS(addresses_of_the_parts),
	TEST_LAYOUTS(notification_with_data),
	TEST(configuration_by_width),
	TEST(isr_status),
)
