/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * What is written to a virtio-mmio device, and when: bringing it up follows 3.1.1 and 4.2.3.1, a
 * ring's set-up 4.2.3.2, its reset 2.6.1, and the set-up after a reset is the first one, to the
 * letter, with whatever has changed since.
 */

#include <stdio.h>
#include <string.h>

#include <rte_common.h>

#include "fake_mmio_device.h"
#include "ring.h"

#define RINGS 2
#define SIZE 64

#define SELECT(n) "QueueSel=" #n ", "
#define ADDRESSES "QueueDescLow, QueueDescHigh, QueueDriverLow, QueueDriverHigh, " \
		  "QueueDeviceLow, QueueDeviceHigh"
#define FEATURES "DeviceFeaturesSel=0, DeviceFeatures:805306368, " \
		 "DeviceFeaturesSel=1, DeviceFeatures:261, Status:3, "

static const struct ring_conf ring = { .size = SIZE };

static struct fake_mmio *fake;
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

	fake = fake_mmio_create(2, RINGS);
	CHECK_EQ(fake_mmio_open(fake, VIRTIO_MMIO_STOP_AUTO), 0);
	for (i = 0; i < RINGS; i++)
		vq[i] = ring_of(i, ring.size);
	fake_mmio_forget_record(fake);
}

static void
down(void)
{
	unsigned int i;

	CHECK_EQ(virtio_device_reset(&fake->dev, PATIENCE_US), 0);
	for (i = 0; i < RINGS; i++)
		ring_destroy(vq[i]);
	fake_mmio_destroy(fake);
}

/* What it offers is read, its rings are counted, and the device is left reset. */
static void
order_of_the_first_open(void)
{
	fake = fake_mmio_create(2, RINGS);
	fake->late_status = 1;
	CHECK_EQ(fake_mmio_open(fake, VIRTIO_MMIO_STOP_OFF), 0);
	CHECK_EQ(fake->dev.nb_vqs, RINGS);
	CHECK_EQ(fake->dev.offered, fake->features & ~VIRTIO_BIT(VIRTIO_F_RING_RESET));
	CHECK(fake->dev.by_iova);
	fake_mmio_check_recorded(fake,
		"MagicValue:1953655158, Version:2, DeviceID:1, "
		"Status=0, Status:15, Status:0, Status=1, Status=3, " FEATURES
		"DriverFeaturesSel=0, DriverFeatures=0, DriverFeaturesSel=1, DriverFeatures=1, "
		"Status=11, Status:11, "
		SELECT(0) "QueueSizeMax:32768, " SELECT(1) "QueueSizeMax:32768, "
		SELECT(2) "QueueSizeMax:0, Status:11, Status=0, Status:11, Status:0");
	fake_mmio_destroy(fake);
}

/* 5.1.2: rings that are there with a feature only. */
static void
rings_that_come_with_a_feature(void)
{
	fake = fake_mmio_create(2, RINGS);
	fake->features |= VIRTIO_BIT(22);
	fake->more_features = VIRTIO_BIT(22);
	fake->more_with_features = 3;
	CHECK_EQ(fake_mmio_open(fake, VIRTIO_MMIO_STOP_AUTO), 0);
	CHECK_EQ(fake->dev.nb_vqs, RINGS);
	virtio_mmio_destroy(&fake->dev);
	fake->conf.ring_features = VIRTIO_BIT(22);
	CHECK_EQ(fake_mmio_open(fake, VIRTIO_MMIO_STOP_AUTO), 0);
	CHECK_EQ(fake->dev.nb_vqs, RINGS + 3);
	fake_mmio_destroy(fake);
}

/* 3.1.1 */
static void
order_of_a_device(void)
{
	up();
	CHECK_EQ(virtio_device_negotiate(&fake->dev, VIRTIO_BIT(VIRTIO_F_RING_RESET)), 0);
	fake_mmio_check_recorded(fake,
		"Status=1, Status=3, " FEATURES
		"DriverFeaturesSel=0, DriverFeatures=0, "
		"DriverFeaturesSel=1, DriverFeatures=257, Status=11, Status:11");
	CHECK_EQ(virtio_device_start(&fake->dev, vq, RINGS), 0);
	fake_mmio_check_recorded(fake,
		SELECT(0) "QueueReady:0, QueueSizeMax:32768, QueueSize=64, " ADDRESSES ", "
		SELECT(1) "QueueReady:0, QueueSizeMax:32768, QueueSize=64, " ADDRESSES ", "
		SELECT(0) "QueueReady=1, QueueReady:1, "
		SELECT(1) "QueueReady=1, QueueReady:1, "
		"Status=15, QueueNotify=0, QueueNotify=1");
	down();
}

static void
order_of_a_reset(void)
{
	up();
	fake_mmio_run(fake, test_packed(), vq, RINGS);
	fake_mmio_forget_record(fake);
	CHECK_EQ(virtqueue_stop(vq[1], PATIENCE_US), 0);
	fake_mmio_check_recorded(fake, SELECT(1) "QueueReset=1, " SELECT(1)
				 "QueueReset:0, QueueReady:0");
	down();
}

/* 2.6.1.2: a ring of another size and place, set up as at first, in the same order. */
static void
order_of_a_restart(void)
{
	const void *part[3];
	unsigned int i;

	up();
	fake_mmio_run(fake, test_packed(), vq, RINGS);
	CHECK_EQ(virtqueue_stop(vq[1], PATIENCE_US), 0);
	ring_destroy(vq[1]);
	vq[1] = ring_of(1, 2 * SIZE);
	fake_mmio_forget_record(fake);
	CHECK_EQ(virtqueue_start(vq[1], PATIENCE_US), 0);
	fake_mmio_check_recorded(fake,
		SELECT(1) "QueueReady:0, QueueSizeMax:32768, QueueSize=128, " ADDRESSES ", "
		SELECT(1) "QueueReady=1, QueueReady:1, QueueNotify=1");
	part[0] = vq[1]->desc;
	part[1] = vq[1]->avail;
	part[2] = vq[1]->used;
	for (i = 0; i < 3; i++)
		CHECK_EQ(fake->queue[1].address[2 * i] |
			 (uint64_t)fake->queue[1].address[2 * i + 1] << 32,
			 virtqueue_dev_addr(vq[1], part[i]));
	down();
}

/* 4.2.3.3 with NOTIFICATION_DATA: the place of the next buffer and its lap. */
static void
notification_with_data(void)
{
	struct buffer b[SIZE] = { 0 };
	unsigned int lap, i;

	fake = fake_mmio_create(2, RINGS);
	fake->features |= VIRTIO_BIT(VIRTIO_F_NOTIFICATION_DATA);
	CHECK_EQ(fake_mmio_open(fake, VIRTIO_MMIO_STOP_AUTO), 0);
	for (i = 0; i < RINGS; i++)
		vq[i] = ring_of(i, ring.size);
	fake_mmio_run(fake, test_packed(), vq, RINGS);
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
			CHECK(ring_device_take(fake_mmio_ring(fake, 1), &chain));
			ring_device_use(fake_mmio_ring(fake, 1), chain.head, 1);
			CHECK(ring_get(vq[1], &len) == &b[i]);
		}
	}
	down();
}

/* 4.2.2.2: numbers by their width, all else byte by byte. */
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
	fake_mmio_forget_record(fake);
	CHECK_EQ(virtio_device_read_config(&fake->dev, 16, to, 8), 0);
	CHECK(memcmp(to, fake->config + 16, 8) == 0);
	fake_mmio_check_recorded(fake, "ConfigGeneration:0, config+16/4:336794129, "
				 "config+20/4:404166165, ConfigGeneration:0, Status:0");
	memset(to, 0xa7, sizeof(to));
	CHECK_EQ(virtio_device_write_config(&fake->dev, 6, to, 2), 0);
	CHECK_EQ(virtio_device_write_config(&fake->dev, 40, to, 1), 0);
	fake_mmio_check_recorded(fake, "config+6/2=42919, config+40/1=167");
	CHECK_EQ(fake->config[7], 0xa7);
	CHECK_EQ(fake->config[8], 9);
	down();
}

/* 4.2.2.2: undefined bits are neither reported nor acknowledged. */
static void
interrupt_status(void)
{
	up();
	fake->interrupts = 0xf0 | VIRTIO_MMIO_INT_CONFIG;
	CHECK_EQ(virtio_mmio_isr(&fake->dev), VIRTIO_MMIO_INT_CONFIG);
	CHECK_EQ(virtio_mmio_isr(&fake->dev), 0);
	fake->interrupts = VIRTIO_MMIO_INT_QUEUE | VIRTIO_MMIO_INT_CONFIG;
	CHECK_EQ(virtio_mmio_isr(&fake->dev), VIRTIO_MMIO_INT_QUEUE | VIRTIO_MMIO_INT_CONFIG);
	fake_mmio_check_recorded(fake,
		"InterruptStatus:242, Status:0, InterruptACK=2, InterruptStatus:240, Status:0, "
		"InterruptStatus:3, Status:0, InterruptACK=3");
	down();
}

/*
 * Registers in mapped memory in place of hooks: a page that keeps what is written to it is a device
 * of one ring that does all that is asked of it, except for a reset of that ring.
 */
static void
window_of_memory(void)
{
	static uint32_t page[1024];
	struct virtio_mmio_conf conf = { .base = page, .length = sizeof(page), .device_id = 1,
					 .node = -1 };
	struct virtqueue *vqs[1];
	struct virtio_device dev;
	uint16_t mtu;

	page[0x000 / 4] = 0x74726976;
	page[0x004 / 4] = 2;
	page[0x008 / 4] = 1;
	page[0x010 / 4] = 1 << 0; /* both halves of the features: 32 is VERSION_1 */
	page[0x034 / 4] = 256;
	page[0x100 / 4 + 2] = 0x05dc0000;
	/* Every ring is there, for no register distinguishes them: as many as can be counted. */
	CHECK_EQ(virtio_mmio_create(&dev, "memory", &conf), 0);
	CHECK_EQ(dev.nb_vqs, UINT16_MAX);
	CHECK_EQ(virtio_device_read_config(&dev, 10, &mtu, sizeof(mtu)), 0);
	CHECK_EQ(mtu, 1500);
	CHECK_EQ(virtio_device_negotiate(&dev, 0), 0);
	vqs[0] = ring_create(&dev, 3, &ring);
	page[0x044 / 4] = 0;
	CHECK_EQ(virtio_device_start(&dev, vqs, 1), 0);
	CHECK_EQ(page[0x030 / 4], 3);
	CHECK_EQ(page[0x038 / 4], SIZE);
	CHECK_EQ(page[0x044 / 4], 1);
	CHECK_EQ(page[0x050 / 4], 3);
	CHECK_EQ(page[0x070 / 4], 0x0f);
	CHECK_EQ(page[0x080 / 4], (uint32_t)virtqueue_dev_addr(vqs[0], vqs[0]->desc));
	CHECK_EQ(virtio_device_reset(&dev, PATIENCE_US), 0);
	ring_destroy(vqs[0]);
	virtio_mmio_destroy(&dev);
	/* A misaligned window is refused before it is accessed. */
	conf.base = (uint8_t *)page + 2;
	CHECK_EQ(virtio_mmio_create(&dev, "memory", &conf), -EINVAL);
	CHECK_EQ(test_logged("is not aligned to 4 bytes"), 1);
}

TEST_MAIN(
	TEST(order_of_the_first_open),
	TEST(rings_that_come_with_a_feature),
	TEST(order_of_a_device),
	TEST_LAYOUTS(order_of_a_reset),
	TEST_LAYOUTS(order_of_a_restart),
	TEST_LAYOUTS(notification_with_data),
	TEST(configuration_by_width),
	TEST(interrupt_status),
	TEST(window_of_memory),
)
