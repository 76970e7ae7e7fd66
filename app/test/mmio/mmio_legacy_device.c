/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * A virtio-mmio device of version 1 (4.2.4) is brought up in fewer steps: the page size first,
 * rings in pages, no FEATURES_OK, and no stop of a single ring, whatever the user asks for.
 */

#include <string.h>

#include <rte_common.h>
#include <rte_memory.h>

#include "fake_mmio_device.h"
#include "ring.h"

#define RINGS 2
#define SIZE 64

static struct fake_mmio *fake;
static struct virtqueue *vq[RINGS];

static void
up_with(enum virtio_mmio_stop_policy policy)
{
	const struct ring_conf ring = { .size = SIZE };
	unsigned int i;

	fake = fake_mmio_create(1, RINGS);
	CHECK_EQ(fake_mmio_open(fake, policy), 0);
	for (i = 0; i < RINGS; i++) {
		vq[i] = ring_create(&fake->dev, i, &ring);
		CHECK_EQ((uintptr_t)vq[i]->desc % 4096, 0);
		vq[i]->dev_delta = ((uint64_t)FAKE_MMIO_PAGE(i) << 12) - (uintptr_t)vq[i]->desc;
		fake->queue[i].memory = (uint8_t *)vq[i]->desc;
	}
	fake_mmio_forget_record(fake);
}

static void
up(void)
{
	up_with(VIRTIO_MMIO_STOP_AUTO);
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

static void
order_of_the_first_open(void)
{
	fake = fake_mmio_create(1, RINGS);
	CHECK_EQ(fake_mmio_open(fake, VIRTIO_MMIO_STOP_AUTO), 0);
	CHECK(fake->dev.legacy);
	CHECK_EQ(fake->dev.nb_vqs, RINGS);
	CHECK_EQ(fake->dev.offered, fake->features);
	fake_mmio_check_recorded(fake,
		"MagicValue:1953655158, Version:1, DeviceID:1, Status=0, Status:0, "
		"Status=1, GuestPageSize=4096, Status=3, "
		"DeviceFeaturesSel=0, DeviceFeatures:268435456, Status:3, "
		"DriverFeaturesSel=0, DriverFeatures=0, "
		"QueueSel=0, QueueSizeMax:64, QueueSel=1, QueueSizeMax:64, "
		"QueueSel=2, QueueSizeMax:0, Status:3, Status=0, Status:0");
	fake_mmio_destroy(fake);
}

/* 3.1.2: no FEATURES_OK; a ring's page comes last, since it enables. */
static void
order_of_a_device(void)
{
	up();
	CHECK_EQ(virtio_device_negotiate(&fake->dev, VIRTIO_BIT(VIRTIO_F_RING_RESET) |
					 VIRTIO_BIT(VIRTIO_RING_F_INDIRECT_DESC)), 0);
	fake_mmio_check_recorded(fake,
		"Status=1, GuestPageSize=4096, Status=3, "
		"DeviceFeaturesSel=0, DeviceFeatures:268435456, Status:3, "
		"DriverFeaturesSel=0, DriverFeatures=268435456");
	CHECK_EQ(virtio_device_start(&fake->dev, vq, RINGS), 0);
	fake_mmio_check_recorded(fake,
		"QueueSel=0, QueuePFN:, QueueSizeMax:64, QueueSize=64, QueueAlign=4096, "
		"QueueSel=1, QueuePFN:, QueueSizeMax:64, QueueSize=64, QueueAlign=4096, "
		"QueueSel=0, QueuePFN, QueuePFN:, QueueSel=1, QueuePFN, QueuePFN:, "
		"Status=7, QueueNotify=0, QueueNotify=1");
	down();
}

/* Buffers go round in a ring of pages. */
static void
ring_in_pages(void)
{
	struct buffer b[SIZE] = { 0 };
	unsigned int life, i;

	up();
	for (life = 0; life < 2; life++) {
		CHECK_EQ(virtio_device_negotiate(&fake->dev, 0), 0);
		CHECK_EQ(virtio_device_start(&fake->dev, vq, RINGS), 0);
		for (i = 0; i < 5 * SIZE; i++) {
			struct device_chain chain;
			uint32_t len;

			ring_post(vq[1], &b[i % SIZE], 1, VRING_DESC_F_WRITE);
			ring_show(vq[1]);
			CHECK(ring_device_take(fake_mmio_ring(fake, 1), &chain));
			ring_device_use(fake_mmio_ring(fake, 1), chain.head, 3);
			CHECK(ring_get(vq[1], &len) == &b[i % SIZE]);
			CHECK_EQ(len, 3);
		}
		CHECK_EQ(virtio_device_reset(&fake->dev, PATIENCE_US), 0);
		CHECK_EQ(virtqueue_reclaim(vq[1], ring_take_back, NULL), 0);
	}
	down();
}

static void
no_stop_of_a_ring(void)
{
	static const enum virtio_mmio_stop_policy policies[] = {
		VIRTIO_MMIO_STOP_AUTO, VIRTIO_MMIO_STOP_PROPOSAL, VIRTIO_MMIO_STOP_OFF,
	};
	unsigned int i;

	for (i = 0; i < RTE_DIM(policies); i++) {
		up_with(policies[i]);
		CHECK_EQ(fake->dev.stop_method, VIRTIO_STOP_NONE);
		CHECK_EQ(test_logged("stopped by: none (a legacy device"), i + 1);
		CHECK_EQ(virtio_device_negotiate(&fake->dev, UINT64_MAX), 0);
		CHECK_EQ(virtio_device_start(&fake->dev, vq, RINGS), 0);
		fake_mmio_forget_record(fake);
		CHECK_EQ(virtqueue_stop(vq[1], PATIENCE_US), -ENOTSUP);
		CHECK_EQ(virtqueue_state(vq[1]), VIRTQUEUE_LIVE);
		fake_mmio_check_recorded(fake, "");
		down();
	}
}

/* 4.2.4: QueueSizeMax must not be read while the ring is in use. */
static void
maximum_while_the_ring_runs(void)
{
	uint16_t max;

	up();
	CHECK_EQ(virtio_device_negotiate(&fake->dev, 0), 0);
	CHECK_EQ(virtio_device_start(&fake->dev, vq, RINGS), 0);
	fake_mmio_forget_record(fake);
	CHECK_EQ(virtio_device_queue_max(&fake->dev, 0, &max), 0);
	CHECK_EQ(max, SIZE);
	fake_mmio_check_recorded(fake, "");
	down();
}

static void
check_start_fails(int error, const char *line)
{
	CHECK_EQ(virtio_device_negotiate(&fake->dev, 0), 0);
	CHECK_EQ(virtio_device_start(&fake->dev, vq, RINGS), error);
	CHECK_EQ(test_logged(line), 1);
	CHECK_EQ(fake->status & VIRTIO_STATUS_DRIVER_OK, 0);
}

static void
page_that_is_not_kept(void)
{
	up();
	fake->queue[1].refuses_ready = true;
	check_start_fails(-EIO, "did not enable the queue: QueuePFN reads 0x0");
	down();
}

static void
ring_that_is_in_use_already(void)
{
	up();
	CHECK_EQ(virtio_device_negotiate(&fake->dev, 0), 0);
	fake->queue[1].ready = 5;
	CHECK_EQ(virtio_device_start(&fake->dev, vq, RINGS), -EIO);
	CHECK_EQ(test_logged("the queue is in use, QueuePFN reads 0x5"), 1);
	down();
}

static void
memory_beyond_its_reach(void)
{
	uint64_t was;

	up();
	was = vq[1]->dev_delta;
	vq[1]->dev_delta += UINT64_C(1) << 44;
	check_start_fails(-EINVAL, "can access rings below 16 TB only");
	vq[1]->dev_delta = was;
	down();
}

/* 2.5.4: without a generation, two looks must agree. */
static void
configuration_that_changes(void)
{
	uint8_t mac[6];
	unsigned int i;

	up();
	for (i = 0; i < sizeof(fake->config); i++)
		fake->config[i] = i + 1;
	CHECK_EQ(virtio_device_read_config(&fake->dev, 2, mac, sizeof(mac)), 0);
	CHECK(memcmp(mac, fake->config + 2, sizeof(mac)) == 0);
	fake->config_changes = 5;
	CHECK_EQ(virtio_device_read_config(&fake->dev, 0, mac, 1), 0);
	CHECK_EQ(mac[0], fake->config[0]);
	CHECK_EQ(fake->config_changes, 0);
	fake->config_changes = UINT32_MAX;
	CHECK_EQ(virtio_device_read_config(&fake->dev, 0, mac, 1), -EIO);
	CHECK_EQ(test_logged("changes faster"), 1);
	down();
}

/* Whether the device was gone before the end of a life. */
static bool
gone_after(int accesses)
{
	uint8_t mac[6];
	bool gone;
	int ret;

	up();
	test_forget_log();
	fake->gone_after = accesses;
	ret = virtio_device_negotiate(&fake->dev, 0);
	if (ret == 0)
		ret = virtio_device_read_config(&fake->dev, 0, mac, sizeof(mac));
	if (ret == 0)
		ret = virtio_device_start(&fake->dev, vq, RINGS);
	if (ret == 0)
		ret = virtio_device_reset(&fake->dev, PATIENCE_US);
	gone = fake->gone;
	CHECK_EQ(ret, gone ? -ENODEV : 0);
	CHECK_EQ(test_logged("the device is gone"), gone);
	fake->gone = false;
	fake->gone_after = -1;
	down();
	return gone;
}

static void
gone_after_each_access(void)
{
	int n = 0;

	while (gone_after(n))
		n++;
	CHECK(n > 30);
}

TEST_MAIN(
	TEST(order_of_the_first_open),
	TEST(order_of_a_device),
	TEST(ring_in_pages),
	TEST(no_stop_of_a_ring),
	TEST(maximum_while_the_ring_runs),
	TEST(page_that_is_not_kept),
	TEST(ring_that_is_in_use_already),
	TEST(memory_beyond_its_reach),
	TEST(configuration_that_changes),
	TEST(gone_after_each_access),
)
