/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * A virtio-pci device may say anything in its registers, and be gone between any two accesses. What
 * it says is checked, with a message that tells what is wrong, and a device that is gone is noticed
 * at once: all ones is no answer to be waited for.
 */

#include <string.h>

#include <rte_common.h>
#include <rte_memory.h>

#include "fake_pci_device.h"
#include "ring.h"

#define SIZE 64

static const struct ring_conf ring = { .size = SIZE };

/* Each is refused before a register is touched. */
static void
windows_that_are_none(void)
{
	static const struct {
		enum virtio_pci_region region;
		uint32_t length;
		const char *line;
	} bad[] = {
		{ VIRTIO_PCI_COMMON, 0, "common configuration capability is missing" },
		{ VIRTIO_PCI_COMMON, 55, "of 55 bytes, at least 56" },
		{ VIRTIO_PCI_NOTIFY, 0, "notification capability is missing" },
		{ VIRTIO_PCI_NOTIFY, 1, "of 1 bytes, at least 2" },
		{ VIRTIO_PCI_ISR, 0, "ISR status capability is missing" },
	};
	unsigned int i;

	for (i = 0; i < RTE_DIM(bad); i++) {
		struct fake_pci *fake = fake_pci_create(FAKE_PCI_C, 1);

		fake->conf.window[bad[i].region].length = bad[i].length;
		CHECK_EQ(fake_pci_open(fake, VIRTIO_PCI_STOP_AUTO), -EINVAL);
		CHECK_EQ(test_logged(bad[i].line), 1);
		CHECK_EQ(fake->nb_record, 0);
		fake_pci_destroy(fake);
	}
}

/* Mapped memory must be aligned to its registers. */
static void
windows_askew(void)
{
	static uint64_t page[32];
	static const uint8_t askew[VIRTIO_PCI_REGIONS] = {
		[VIRTIO_PCI_COMMON] = 2, [VIRTIO_PCI_NOTIFY] = 1, [VIRTIO_PCI_DEVICE] = 2
	};
	struct virtio_device dev;
	unsigned int r, i;

	for (r = 0; r < VIRTIO_PCI_REGIONS; r++) {
		struct virtio_pci_conf conf = { .notify_multiplier = 4 };

		if (askew[r] == 0)
			continue;
		for (i = 0; i < VIRTIO_PCI_REGIONS; i++)
			conf.window[i] = (struct virtio_pci_window){ page, 64 };
		conf.window[r].base = (uint8_t *)page + askew[r];
		test_forget_log();
		CHECK_EQ(virtio_pci_modern_create(&dev, "askew", &conf), -EINVAL);
		CHECK_EQ(test_logged("not aligned"), 1);
	}
}

/*
 * A window that is plain memory, of a device that keeps what is written to it and so does all that
 * is asked of it here: a doorbell of 32 bits in a window that is aligned to 16.
 */
static void
doorbell_askew(void)
{
	static uint64_t registers[16], page[32];
	const struct virtqueue_conf wanted = { .size = SIZE, .node = SOCKET_ID_ANY };
	unsigned int askew;

	for (askew = 0; askew <= 2; askew += 2) {
		const struct virtio_pci_conf conf = { .window = {
			[VIRTIO_PCI_COMMON] = { registers, VIRTIO_PCI_COMMON_RESET },
			[VIRTIO_PCI_NOTIFY] = { (uint8_t *)page + askew, 8 },
			[VIRTIO_PCI_ISR] = { page, 1 },
		} };
		uint8_t *common = (uint8_t *)registers;
		struct virtio_device dev;
		struct virtqueue *vq;

		memset(registers, 0, sizeof(registers));
		/* Both halves of the features: 32 VERSION_1 and 38 NOTIFICATION_DATA. */
		common[VIRTIO_PCI_DEVICE_FEATURE] = 1 << 0 | 1 << 6;
		common[VIRTIO_PCI_NUM_QUEUES] = 1;
		common[VIRTIO_PCI_QUEUE_SIZE] = SIZE;
		CHECK_EQ(virtio_pci_modern_create(&dev, "askew", &conf), 0);
		CHECK_EQ(virtqueue_create(&dev, 0, &wanted, &vq), 0);
		CHECK_EQ(virtio_device_negotiate(&dev, VIRTIO_BIT(VIRTIO_F_NOTIFICATION_DATA)), 0);
		CHECK_EQ(virtio_device_start(&dev, &vq, 1), askew == 0 ? 0 : -EINVAL);
		CHECK_EQ(test_logged("a register of 4 bytes is not"), askew == 0 ? 0 : 1);
		CHECK_EQ(virtio_device_reset(&dev, PATIENCE_US), 0);
		CHECK_EQ(virtqueue_destroy(vq), 0);
		virtio_pci_modern_destroy(&dev);
	}
}

static void
multipliers(void)
{
	static const struct {
		uint32_t multiplier;
		bool good;
	} all[] = {
		{ 0, true }, { 2, true }, { 4, true }, { 4096, true },
		{ 1, false }, { 3, false }, { 6, false }, { UINT32_MAX, false },
	};
	unsigned int i;

	for (i = 0; i < RTE_DIM(all); i++) {
		struct fake_pci *fake = fake_pci_create(FAKE_PCI_C, 1);

		fake->conf.notify_multiplier = all[i].multiplier;
		test_forget_log();
		CHECK_EQ(fake_pci_open(fake, VIRTIO_PCI_STOP_AUTO), all[i].good ? 0 : -EINVAL);
		CHECK_EQ(test_logged("notify_off_multiplier"), !all[i].good);
		fake_pci_destroy(fake);
	}
}

static void
device_without_rings(void)
{
	struct fake_pci *fake = fake_pci_create(FAKE_PCI_C, 0);

	fake->conf.window[VIRTIO_PCI_NOTIFY].length = 4;
	CHECK_EQ(fake_pci_open(fake, VIRTIO_PCI_STOP_AUTO), -EINVAL);
	CHECK_EQ(test_logged("reports no rings"), 1);
	fake_pci_destroy(fake);
}

static void
device_that_does_not_reset(void)
{
	struct fake_pci *fake = fake_pci_create(FAKE_PCI_C, 1);

	fake->never_resets = true;
	CHECK_EQ(fake_pci_open(fake, VIRTIO_PCI_STOP_AUTO), -ETIMEDOUT);
	CHECK_EQ(test_logged("reset is not confirmed"), 1);
	fake_pci_destroy(fake);
}

/* A ring larger than the device takes is refused when it is made, with the number. */
static void
ring_beyond_the_maximum(void)
{
	struct fake_pci *fake = fake_pci_create(FAKE_PCI_C, 2);
	const struct virtqueue_conf big = { .size = 512, .node = SOCKET_ID_ANY };
	struct virtqueue *vq;

	fake->queue[0].max_size = 256;
	fake->queue[1].max_size = 0;
	CHECK_EQ(fake_pci_open(fake, VIRTIO_PCI_STOP_AUTO), 0);
	CHECK_EQ(virtio_device_reset(&fake->dev, PATIENCE_US), 0);
	CHECK_EQ(virtqueue_create(&fake->dev, 0, &big, &vq), -EINVAL);
	CHECK_EQ(test_logged("512 descriptors was requested, the device takes at most 256"), 1);
	CHECK_EQ(virtqueue_create(&fake->dev, 1, &big, &vq), -EINVAL);
	CHECK_EQ(test_logged(": ring 1: the device has no such ring"), 1);
	fake_pci_destroy(fake);
}

/* The transport has no place for what it would learn of such a ring: the device is not asked. */
static void
ring_beyond_the_count(void)
{
	struct fake_pci *fake = fake_pci_create(FAKE_PCI_C, 2);
	uint16_t index, max;

	CHECK_EQ(fake_pci_open(fake, VIRTIO_PCI_STOP_AUTO), 0);
	fake_pci_forget_record(fake);
	for (index = 2; index != 0; index += 2) {
		max = 1;
		CHECK_EQ(virtio_device_queue_max(&fake->dev, index, &max), 0);
		CHECK_EQ(max, 0);
	}
	CHECK_EQ(fake->nb_record, 0);
	fake_pci_destroy(fake);
}

/* 4.1.4.3.2: what must not be written to queue_size is refused before it could be. */
static void
sizes_that_are_none(void)
{
	static const struct {
		uint16_t size;
		bool packed;
		bool good;
	} all[] = {
		{ 0, false, false }, { 0, true, false }, { 33, false, false }, { 33, true, true },
		{ 64, false, true }, { 32769, true, false }, { 32768, true, true },
	};
	struct fake_pci *fake = fake_pci_create(FAKE_PCI_C, 1);
	unsigned int i;

	CHECK_EQ(fake_pci_open(fake, VIRTIO_PCI_STOP_AUTO), 0);
	for (i = 0; i < RTE_DIM(all); i++) {
		const struct virtqueue_conf conf = {
			.size = all[i].size, .packed = all[i].packed, .node = SOCKET_ID_ANY
		};
		struct virtqueue *vq;

		test_forget_log();
		CHECK_EQ(virtqueue_create(&fake->dev, 0, &conf, &vq), all[i].good ? 0 : -EINVAL);
		CHECK_EQ(test_logged("is not possible"), !all[i].good);
		if (all[i].good)
			CHECK_EQ(virtqueue_destroy(vq), 0);
	}
	fake_pci_destroy(fake);
}

/* The maximum is not what is left of an earlier life of the ring in the register. */
static void
maximum_while_the_ring_runs(void)
{
	struct fake_pci *fake = fake_pci_create(FAKE_PCI_C, 1);
	struct virtqueue *vq;
	uint16_t max;

	fake->queue[0].max_size = 1024;
	CHECK_EQ(fake_pci_open(fake, VIRTIO_PCI_STOP_AUTO), 0);
	CHECK_EQ(virtio_device_reset(&fake->dev, PATIENCE_US), 0);
	vq = ring_create(&fake->dev, 0, &ring);
	fake_pci_run(fake, false, &vq, 1);
	CHECK_EQ(fake->queue[0].size, SIZE);
	CHECK_EQ(virtio_device_queue_max(&fake->dev, 0, &max), 0);
	CHECK_EQ(max, 1024);
	CHECK_EQ(virtio_device_reset(&fake->dev, PATIENCE_US), 0);
	ring_destroy(vq);
	fake_pci_destroy(fake);
}

/* Between a ring's making and its start the device may have changed its mind. */
static void
maximum_that_shrinks(void)
{
	struct fake_pci *fake = fake_pci_create(FAKE_PCI_C, 1);
	struct virtqueue *vq;

	CHECK_EQ(fake_pci_open(fake, VIRTIO_PCI_STOP_AUTO), 0);
	vq = ring_create(&fake->dev, 0, &ring);
	fake->queue[0].max_size = 32;
	CHECK_EQ(virtio_device_reset(&fake->dev, PATIENCE_US), 0);
	CHECK_EQ(virtio_device_negotiate(&fake->dev, VIRTIO_BIT(VIRTIO_F_RING_RESET)), 0);
	CHECK_EQ(virtio_device_start(&fake->dev, &vq, 1), -EINVAL);
	CHECK_EQ(test_logged("at most 32"), 1);
	CHECK_EQ(fake_pci_writes(fake, "queue_size"), 0);
	CHECK_EQ(virtio_device_reset(&fake->dev, PATIENCE_US), 0);
	ring_destroy(vq);
	fake_pci_destroy(fake);
}

/* A start that is to fail, of a device with one ring. */
static void
check_start_fails(struct fake_pci *fake, int error, const char *line)
{
	struct virtqueue *vq;

	CHECK_EQ(fake_pci_open(fake, VIRTIO_PCI_STOP_AUTO), 0);
	vq = ring_create(&fake->dev, 0, &ring);
	virtio_pci_set_queue_vector(&fake->dev, 0, 3);
	virtio_pci_set_config_vector(&fake->dev, 2);
	CHECK_EQ(virtio_device_negotiate(&fake->dev, UINT64_MAX & ~VIRTIO_BIT(
						 VIRTIO_F_RING_PACKED)), 0);
	CHECK_EQ(virtio_device_start(&fake->dev, &vq, 1), error);
	CHECK_EQ(test_logged(line), 1);
	CHECK_EQ(fake->status & VIRTIO_STATUS_DRIVER_OK, 0);
	CHECK_EQ(virtio_device_reset(&fake->dev, PATIENCE_US), 0);
	ring_destroy(vq);
	fake_pci_destroy(fake);
}

static void
size_that_is_not_kept(void)
{
	struct fake_pci *fake = fake_pci_create(FAKE_PCI_C, 1);

	fake->queue[0].keeps_size = true;
	check_start_fails(fake, -EINVAL, "the device reports a ring size of 32768, 64 was written");
}

static void
vector_that_is_not_taken(void)
{
	struct fake_pci *fake = fake_pci_create(FAKE_PCI_C, 1);

	fake->queue[0].refuses_vector = true;
	check_start_fails(fake, -EBUSY, "MSI-X vector 3 is not accepted");
}

static void
config_vector_that_is_not_taken(void)
{
	struct fake_pci *fake = fake_pci_create(FAKE_PCI_C, 1);

	fake->refuses_config_vector = true;
	check_start_fails(fake, -EBUSY, "MSI-X vector 2 is not accepted");
}

static void
enable_that_does_not_hold(void)
{
	struct fake_pci *fake = fake_pci_create(FAKE_PCI_C, 1);

	fake->queue[0].refuses_enable = true;
	check_start_fails(fake, -EIO, "did not enable the queue");
}

/* The last doorbell that fits does; the next one, and one half within, do not. */
static void
doorbell_beyond_the_window(void)
{
	static const struct {
		uint32_t multiplier;
		uint32_t length;
		uint16_t off;
		bool data;
		bool good;
	} all[] = {
		{ 4, 2, 0, false, true }, { 4, 6, 1, false, true }, { 4, 5, 1, false, false },
		{ 4, 4, 1, false, false }, { 4, 4, 0, true, true }, { 4, 6, 1, true, false },
		{ 4, 8, 1, true, true }, { 4, 4096, 0xffff, false, false },
		/* All at one place; and a place askew for 32 bits. */
		{ 0, 2, 0xffff, false, true }, { 2, 8, 1, false, true }, { 2, 8, 1, true, false },
		{ 2, 8, 2, true, true },
	};
	unsigned int i;

	for (i = 0; i < RTE_DIM(all); i++) {
		struct fake_pci *fake = fake_pci_create(FAKE_PCI_C, 1);
		struct virtqueue *vq;

		fake->conf.window[VIRTIO_PCI_NOTIFY].length = all[i].length;
		fake->queue[0].notify_off = all[i].off;
		fake->conf.notify_multiplier = all[i].multiplier;
		if (all[i].data)
			fake->features |= VIRTIO_BIT(VIRTIO_F_NOTIFICATION_DATA);
		if (!all[i].good) {
			test_forget_log();
			check_start_fails(fake, -EINVAL, "the notification address is at byte");
			continue;
		}
		CHECK_EQ(fake_pci_open(fake, VIRTIO_PCI_STOP_AUTO), 0);
		vq = ring_create(&fake->dev, 0, &ring);
		fake_pci_run(fake, false, &vq, 1);
		CHECK_EQ(fake->queue[0].notified, 1);
		CHECK_EQ(virtio_device_reset(&fake->dev, PATIENCE_US), 0);
		ring_destroy(vq);
		fake_pci_destroy(fake);
	}
}

static void
configuration_beyond_its_end(void)
{
	struct fake_pci *fake = fake_pci_create(FAKE_PCI_C, 1);
	uint8_t to[8];

	fake->conf.window[VIRTIO_PCI_DEVICE].length = 10;
	CHECK_EQ(fake_pci_open(fake, VIRTIO_PCI_STOP_AUTO), 0);
	fake_pci_forget_record(fake);
	CHECK_EQ(virtio_device_read_config(&fake->dev, 8, to, 2), 0);
	CHECK_EQ(virtio_device_read_config(&fake->dev, 10, to, 1), -EINVAL);
	CHECK_EQ(virtio_device_read_config(&fake->dev, 8, to, 4), -EINVAL);
	CHECK_EQ(virtio_device_read_config(&fake->dev, UINT32_MAX, to, 2), -EINVAL);
	CHECK_EQ(virtio_device_write_config(&fake->dev, 9, to, 2), -EINVAL);
	CHECK_EQ(test_logged("bytes 8 to 11 of the device configuration are needed"), 1);
	fake_pci_check_recorded(fake, "config_generation:0, config+8/2:0, config_generation:0, "
				"device_status:0");
	fake_pci_destroy(fake);
}

/* 2.5.1: a field is of one moment; a device that never holds still is given up. */
static void
configuration_that_changes(void)
{
	struct fake_pci *fake = fake_pci_create(FAKE_PCI_C, 1);
	uint8_t mac[6];

	CHECK_EQ(fake_pci_open(fake, VIRTIO_PCI_STOP_AUTO), 0);
	fake->config_changes = 7;
	CHECK_EQ(virtio_device_read_config(&fake->dev, 0, mac, sizeof(mac)), 0);
	CHECK_EQ(mac[0], 7);
	fake->config_changes = UINT32_MAX;
	CHECK_EQ(virtio_device_read_config(&fake->dev, 0, mac, sizeof(mac)), -EIO);
	CHECK_EQ(test_logged("changes faster than it can be read"), 1);
	fake_pci_destroy(fake);
}

/* The whole of a life, until an access after which the device is gone. */
static int
live(struct fake_pci *fake, struct virtqueue **vq)
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
		ret = virtio_pci_isr(&fake->dev);
	return ret;
}

static bool
gone_after(int accesses)
{
	struct fake_pci *fake = fake_pci_create(FAKE_PCI_C, 2);
	struct virtqueue *vq[2];
	uint64_t began;
	unsigned int i;
	bool there;
	int ret;

	CHECK_EQ(fake_pci_open(fake, VIRTIO_PCI_STOP_AUTO), 0);
	for (i = 0; i < 2; i++) {
		vq[i] = ring_create(&fake->dev, i, &ring);
		virtio_pci_set_queue_vector(&fake->dev, i, i);
	}
	virtio_pci_set_config_vector(&fake->dev, 2);
	test_forget_log();
	fake->gone_after = accesses;
	began = virtio_now_us();
	ret = live(fake, vq);
	there = !fake->gone;
	/* The last access may be a write that nobody looks after; the reset does. */
	if (!there && ret == 0)
		ret = virtio_device_reset(&fake->dev, PATIENCE_US);
	CHECK_EQ(ret, there ? 0 : -ENODEV);
	CHECK(virtio_now_us() - began < PATIENCE_US / 2);
	CHECK_EQ(test_logged("it is gone"), !there);
	/* Nothing is given up without proof; the device is back for the sake of this test. */
	fake->gone = false;
	fake->gone_after = -1;
	CHECK_EQ(virtio_device_reset(&fake->dev, PATIENCE_US), 0);
	for (i = 0; i < 2; i++)
		ring_destroy(vq[i]);
	fake_pci_destroy(fake);
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

static void
gone_at_first_sight(void)
{
	int n;

	for (n = 0; n < 11; n++) {
		struct fake_pci *fake = fake_pci_create(FAKE_PCI_C, 2);

		fake->gone_after = n;
		test_forget_log();
		CHECK_EQ(fake_pci_open(fake, VIRTIO_PCI_STOP_AUTO), -ENODEV);
		CHECK_EQ(test_logged("it is gone"), 1);
		fake_pci_destroy(fake);
	}
}

TEST_MAIN(
	TEST(windows_that_are_none),
	TEST(windows_askew),
	TEST(multipliers),
	TEST(device_without_rings),
	TEST(device_that_does_not_reset),
	TEST(ring_beyond_the_maximum),
	TEST(ring_beyond_the_count),
	TEST(sizes_that_are_none),
	TEST(maximum_while_the_ring_runs),
	TEST(maximum_that_shrinks),
	TEST(size_that_is_not_kept),
	TEST(vector_that_is_not_taken),
	TEST(config_vector_that_is_not_taken),
	TEST(enable_that_does_not_hold),
	TEST(doorbell_beyond_the_window),
	TEST(doorbell_askew),
	TEST(configuration_beyond_its_end),
	TEST(configuration_that_changes),
	TEST(gone_after_each_access),
	TEST(gone_at_first_sight),
)
