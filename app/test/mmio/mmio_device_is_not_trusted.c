/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * A virtio-mmio device may have anything in its registers, and be gone between any two accesses.
 * What is read is checked, with a message that tells what is wrong, and a device that is gone is
 * noticed at once: all ones is no answer to be waited for.
 */

#include <string.h>

#include <rte_common.h>
#include <rte_memory.h>

#include "fake_mmio_device.h"
#include "ring.h"

#define SIZE 64

static const struct ring_conf ring = { .size = SIZE };

/* 4.2.2.2: nothing but these three is read of what is no such device. */
static void
check_refused(struct fake_mmio *fake, int error, const char *line, const char *record)
{
	test_forget_log();
	CHECK_EQ(fake_mmio_open(fake, VIRTIO_MMIO_STOP_AUTO), error);
	CHECK_EQ(test_logged(line), 1);
	fake_mmio_check_recorded(fake, record);
	fake_mmio_destroy(fake);
}

static void
windows_that_are_none(void)
{
	struct fake_mmio *fake;

	fake = fake_mmio_create(2, 1);
	fake->conf.length = 0xff;
	check_refused(fake, -EINVAL, "has 255 bytes, at least 256 are needed", "");
	fake = fake_mmio_create(2, 1);
	fake->magic = 0x74726977;
	check_refused(fake, -EINVAL, "MagicValue reads 0x74726977",
		      "MagicValue:1953655159, Version:2");
	fake = fake_mmio_create(2, 1);
	fake->version = 3;
	check_refused(fake, -EINVAL, "Version 3", "MagicValue:1953655158, Version:3");
	fake = fake_mmio_create(2, 1);
	fake->device_id = 2;
	check_refused(fake, -ENODEV, "DeviceID reads 2, 1 is expected",
		      "MagicValue:1953655158, Version:2, DeviceID:2");
}

/* 4.2.2.2: a place without a device is no error to be reported. */
static void
place_without_a_device(void)
{
	struct fake_mmio *fake = fake_mmio_create(2, 1);

	fake->device_id = 0;
	test_forget_log();
	CHECK_EQ(fake_mmio_open(fake, VIRTIO_MMIO_STOP_AUTO), -ENODEV);
	CHECK_EQ(test_logged("fake"), 0);
	fake_mmio_check_recorded(fake, "MagicValue:1953655158, Version:2, DeviceID:0");
	fake_mmio_destroy(fake);
}

static void
device_without_rings(void)
{
	struct fake_mmio *fake = fake_mmio_create(2, 0);

	CHECK_EQ(fake_mmio_open(fake, VIRTIO_MMIO_STOP_AUTO), -EINVAL);
	CHECK_EQ(test_logged("reports no rings"), 1);
	CHECK_EQ(fake->status, 0);
	fake_mmio_destroy(fake);
}

static void
device_that_does_not_reset(void)
{
	struct fake_mmio *fake = fake_mmio_create(2, 1);

	fake->never_resets = true;
	CHECK_EQ(fake_mmio_open(fake, VIRTIO_MMIO_STOP_AUTO), -ETIMEDOUT);
	CHECK_EQ(test_logged("reset is not confirmed"), 1);
	fake_mmio_destroy(fake);
}

static void
features_that_are_refused(void)
{
	struct fake_mmio *fake = fake_mmio_create(2, 1);

	fake->refuses_features = true;
	CHECK_EQ(fake_mmio_open(fake, VIRTIO_MMIO_STOP_AUTO), -ENOTSUP);
	CHECK_EQ(test_logged("refuses the features"), 1);
	fake_mmio_destroy(fake);
	fake = fake_mmio_create(2, 1);
	fake->features &= ~VIRTIO_BIT(VIRTIO_F_VERSION_1);
	CHECK_EQ(fake_mmio_open(fake, VIRTIO_MMIO_STOP_AUTO), -ENOTSUP);
	CHECK_EQ(test_logged("does not offer VIRTIO_F_VERSION_1"), 1);
	fake_mmio_destroy(fake);
}

/* A ring larger than the device takes is refused when it is made, with the number. */
static void
ring_beyond_the_maximum(void)
{
	struct fake_mmio *fake = fake_mmio_create(2, 2);
	const struct virtqueue_conf big = { .size = 512, .node = SOCKET_ID_ANY };
	struct virtqueue *vq;
	uint16_t max;

	fake->queue[0].max_size = 256;
	fake->queue[1].max_size = 0x10040;
	CHECK_EQ(fake_mmio_open(fake, VIRTIO_MMIO_STOP_AUTO), 0);
	CHECK_EQ(virtqueue_create(&fake->dev, 0, &big, &vq), -EINVAL);
	CHECK_EQ(test_logged("512 descriptors was requested, the device takes at most 256"), 1);
	/* Not cut to 16 bits. */
	CHECK_EQ(virtio_device_queue_max(&fake->dev, 1, &max), 0);
	CHECK_EQ(max, 32768);
	fake->queue[1].max_size = 0;
	CHECK_EQ(virtqueue_create(&fake->dev, 1, &big, &vq), -EINVAL);
	CHECK_EQ(test_logged(": ring 1: the device has no such ring"), 1);
	fake_mmio_destroy(fake);
}

/* 2.7, 2.8: no ring has more than 32768 descriptors, whatever the register reads. */
static void
maximum_beyond_the_specification(void)
{
	static const uint32_t maxima[] = { 32769, UINT16_MAX, UINT16_MAX + 1, 0x80000000,
					   UINT32_MAX };
	const struct virtqueue_conf large = { .size = 32768, .node = SOCKET_ID_ANY };
	const struct virtqueue_conf too_large = { .size = UINT16_MAX, .packed = true,
						  .node = SOCKET_ID_ANY };
	unsigned int i;

	for (i = 0; i < RTE_DIM(maxima); i++) {
		struct fake_mmio *fake = fake_mmio_create(2, 1);
		struct virtqueue *vq;
		uint16_t max;

		fake->queue[0].max_size = maxima[i];
		test_forget_log();
		/* The trial takes a small ring. */
		CHECK_EQ(fake_mmio_open(fake, VIRTIO_MMIO_STOP_AUTO), 0);
		CHECK_EQ(fake->dev.stop_method, VIRTIO_STOP_MMIO_RESET);
		CHECK_EQ(virtio_device_queue_max(&fake->dev, 0, &max), 0);
		CHECK_EQ(max, 32768);
		CHECK_EQ(virtqueue_create(&fake->dev, 0, &too_large, &vq), -EINVAL);
		CHECK_EQ(test_logged("65535 descriptors is not possible"), 1);
		CHECK_EQ(virtqueue_create(&fake->dev, 0, &large, &vq), 0);
		fake_mmio_run(fake, false, &vq, 1);
		CHECK_EQ(fake->queue[0].size, 32768);
		CHECK_EQ(virtio_device_reset(&fake->dev, PATIENCE_US), 0);
		ring_destroy(vq);
		fake_mmio_destroy(fake);
	}
}

/* The ring was there when rings were counted, and is not when it is tried. */
static void
maximum_of_zero_at_the_trial(void)
{
	struct fake_mmio *fake = fake_mmio_create(2, 1);

	fake->queue[0].max_size_reads = 1;
	CHECK_EQ(fake_mmio_open(fake, VIRTIO_MMIO_STOP_AUTO), -EINVAL);
	CHECK_EQ(test_logged(": ring 0: the device has no such ring"), 1);
	CHECK_EQ(fake->status, 0);
	fake_mmio_destroy(fake);
}

static void
maximum_while_the_ring_runs(void)
{
	struct fake_mmio *fake = fake_mmio_create(2, 1);
	struct virtqueue *vq;
	uint16_t max;

	fake->queue[0].max_size = 1024;
	CHECK_EQ(fake_mmio_open(fake, VIRTIO_MMIO_STOP_AUTO), 0);
	vq = ring_create(&fake->dev, 0, &ring);
	fake_mmio_run(fake, false, &vq, 1);
	CHECK_EQ(virtio_device_queue_max(&fake->dev, 0, &max), 0);
	CHECK_EQ(max, 1024);
	CHECK_EQ(virtio_device_reset(&fake->dev, PATIENCE_US), 0);
	ring_destroy(vq);
	fake_mmio_destroy(fake);
}

/* A start that is to fail, of a device with one ring. */
static void
check_start_fails(struct fake_mmio *fake, int error, const char *line)
{
	struct virtqueue *vq;

	CHECK_EQ(fake_mmio_open(fake, VIRTIO_MMIO_STOP_OFF), 0);
	vq = ring_create(&fake->dev, 0, &ring);
	CHECK_EQ(virtio_device_negotiate(&fake->dev, 0), 0);
	fake_mmio_forget_record(fake);
	if (fake->queue[0].is_used_before)
		fake->queue[0].ready = 1;
	CHECK_EQ(virtio_device_start(&fake->dev, &vq, 1), error);
	CHECK_EQ(test_logged(line), 1);
	CHECK_EQ(fake->status & VIRTIO_STATUS_DRIVER_OK, 0);
	fake->queue[0].is_used_before = false;
	CHECK_EQ(virtio_device_reset(&fake->dev, PATIENCE_US), 0);
	ring_destroy(vq);
	fake_mmio_destroy(fake);
}

/* 4.2.3.2, step 2 */
static void
ring_that_is_in_use_already(void)
{
	struct fake_mmio *fake = fake_mmio_create(2, 1);

	fake->queue[0].is_used_before = true;
	check_start_fails(fake, -EIO, "reports that the queue is in use, QueueReady reads 0x1");
}

static void
enable_that_does_not_hold(void)
{
	struct fake_mmio *fake = fake_mmio_create(2, 1);

	fake->queue[0].refuses_ready = true;
	check_start_fails(fake, -EIO, "QueueReady reads 0x0, 0x1 was written");
}

/* Between a ring's making and its start the device may have changed its mind. */
static void
maximum_that_shrinks(void)
{
	struct fake_mmio *fake = fake_mmio_create(2, 1);
	struct virtqueue *vq;

	CHECK_EQ(fake_mmio_open(fake, VIRTIO_MMIO_STOP_OFF), 0);
	vq = ring_create(&fake->dev, 0, &ring);
	fake->queue[0].max_size = 32;
	CHECK_EQ(virtio_device_negotiate(&fake->dev, 0), 0);
	CHECK_EQ(virtio_device_start(&fake->dev, &vq, 1), -EINVAL);
	CHECK_EQ(test_logged("at most 32"), 1);
	CHECK_EQ(fake_mmio_writes(fake, "QueueSize"), 0);
	CHECK_EQ(virtio_device_reset(&fake->dev, PATIENCE_US), 0);
	ring_destroy(vq);
	fake_mmio_destroy(fake);
}

static void
configuration_beyond_its_end(void)
{
	struct fake_mmio *fake = fake_mmio_create(2, 1);
	uint8_t to[8];

	fake->conf.length = 0x100 + 10;
	CHECK_EQ(fake_mmio_open(fake, VIRTIO_MMIO_STOP_OFF), 0);
	fake_mmio_forget_record(fake);
	CHECK_EQ(virtio_device_read_config(&fake->dev, 8, to, 2), 0);
	CHECK_EQ(virtio_device_read_config(&fake->dev, 10, to, 1), -EINVAL);
	CHECK_EQ(virtio_device_read_config(&fake->dev, 8, to, 4), -EINVAL);
	CHECK_EQ(virtio_device_read_config(&fake->dev, UINT32_MAX, to, 2), -EINVAL);
	CHECK_EQ(virtio_device_write_config(&fake->dev, 9, to, 2), -EINVAL);
	CHECK_EQ(test_logged("bytes 8 to 11 of the device configuration are needed"), 1);
	fake_mmio_check_recorded(fake, "ConfigGeneration:0, config+8/2:0, ConfigGeneration:0, "
				 "Status:0");
	fake_mmio_destroy(fake);
}

/* 2.5.1: a field is of one moment; a device whose configuration never settles is given up. */
static void
configuration_that_changes(void)
{
	struct fake_mmio *fake = fake_mmio_create(2, 1);
	uint8_t mac[6];

	CHECK_EQ(fake_mmio_open(fake, VIRTIO_MMIO_STOP_OFF), 0);
	fake->config_changes = 7;
	CHECK_EQ(virtio_device_read_config(&fake->dev, 0, mac, sizeof(mac)), 0);
	CHECK_EQ(mac[0], 7);
	fake->config_changes = UINT32_MAX;
	CHECK_EQ(virtio_device_read_config(&fake->dev, 0, mac, sizeof(mac)), -EIO);
	CHECK_EQ(test_logged("changes faster than it can be read"), 1);
	fake_mmio_destroy(fake);
}

static void
secondary_process(void)
{
	struct fake_mmio *fake = fake_mmio_create(2, 1);

	CHECK_EQ(fake_mmio_open(fake, VIRTIO_MMIO_STOP_OFF), 0);
	CHECK_EQ(virtio_device_attach(&fake->dev), -ENOTSUP);
	CHECK_EQ(test_logged("in the primary process only"), 1);
	fake_mmio_destroy(fake);
}

/* The whole of a life, until an access after which the device is gone. */
static int
live(struct fake_mmio *fake, struct virtqueue **vq)
{
	uint8_t mac[6];
	int ret;

	ret = virtio_device_negotiate(&fake->dev, VIRTIO_BIT(VIRTIO_F_RING_RESET));
	if (ret == 0)
		ret = virtio_device_read_config(&fake->dev, 0, mac, sizeof(mac));
	if (ret == 0)
		ret = virtio_device_start(&fake->dev, vq, 2);
	if (ret == 0)
		ret = virtqueue_stop(vq[0], PATIENCE_US);
	if (ret == 0)
		ret = virtqueue_start(vq[0], PATIENCE_US);
	if (ret == 0)
		ret = virtqueue_stop(vq[1], PATIENCE_US);
	if (ret == 0)
		ret = virtio_mmio_isr(&fake->dev);
	return ret;
}

static bool
gone_after(int accesses)
{
	struct fake_mmio *fake = fake_mmio_create(2, 2);
	struct virtqueue *vq[2];
	unsigned int i;
	bool there;
	int ret;

	CHECK_EQ(fake_mmio_open(fake, VIRTIO_MMIO_STOP_AUTO), 0);
	for (i = 0; i < 2; i++)
		vq[i] = ring_create(&fake->dev, i, &ring);
	test_forget_log();
	fake->gone_after = accesses;
	ret = live(fake, vq);
	there = !fake->gone;
	/* The last access may be a write that nobody looks after; the reset does. */
	if (!there && ret == 0)
		ret = virtio_device_reset(&fake->dev, PATIENCE_US);
	CHECK_EQ(ret, there ? 0 : -ENODEV);
	CHECK_EQ(test_logged("did not confirm"), 0);
	CHECK_EQ(test_logged("the device is gone"), !there);
	/* Nothing is given up without proof; the device is back for the sake of this test. */
	fake->gone = false;
	fake->gone_after = -1;
	CHECK_EQ(virtio_device_reset(&fake->dev, PATIENCE_US), 0);
	for (i = 0; i < 2; i++)
		ring_destroy(vq[i]);
	fake_mmio_destroy(fake);
	return !there;
}

static void
gone_after_each_access(void)
{
	int n = 0;

	while (gone_after(n))
		n++;
	/* All of it was walked through. */
	CHECK(n > 60);
}

/* From the first look at Status to the last reset, the trial included. */
static void
gone_while_it_is_opened(void)
{
	int n, opened = 0;

	for (n = 4; opened == 0; n++) {
		struct fake_mmio *fake = fake_mmio_create(2, 2);

		fake->gone_after = n;
		test_forget_log();
		if (fake_mmio_open(fake, VIRTIO_MMIO_STOP_AUTO) == 0) {
			CHECK(!fake->gone);
			opened = n;
		} else {
			CHECK(fake->gone);
			CHECK_EQ(test_logged("the device is gone"), 1);
			CHECK_EQ(test_logged("stopped by"), 0);
		}
		fake_mmio_destroy(fake);
	}
	CHECK(opened > 60);
}

TEST_MAIN(
	TEST(windows_that_are_none),
	TEST(place_without_a_device),
	TEST(device_without_rings),
	TEST(device_that_does_not_reset),
	TEST(features_that_are_refused),
	TEST(ring_beyond_the_maximum),
	TEST(maximum_beyond_the_specification),
	TEST(maximum_of_zero_at_the_trial),
	TEST(maximum_while_the_ring_runs),
	TEST(ring_that_is_in_use_already),
	TEST(enable_that_does_not_hold),
	TEST(maximum_that_shrinks),
	TEST(configuration_beyond_its_end),
	TEST(configuration_that_changes),
	TEST(secondary_process),
	TEST(gone_after_each_access),
	TEST_LEAVES(gone_while_it_is_opened),
)
