/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * How rings of a virtio-pci device are stopped is chosen once, by what it offers, how long its
 * registers are and what the user says, and the log has one line with the reason. Where there is
 * no way, RING_RESET is not acknowledged, and neither register is ever written.
 */

#include <string.h>

#include <rte_common.h>

#include "fake_pci_device.h"
#include "ring.h"

#define SIZE 64
#define RESET_BIT VIRTIO_BIT(VIRTIO_F_RING_RESET)

static const struct ring_conf ring = { .size = SIZE };

struct choice {
	bool offered;
	uint32_t length; /* of the common configuration */
	enum virtio_pci_stop_policy policy;
	enum virtio_stop_method right;
	const char *line;
};

static const struct choice choices[] = {
	{ true, 60, VIRTIO_PCI_STOP_AUTO, VIRTIO_STOP_PCI_RESET,
	  "stopped by: reset (the device offers VIRTIO_F_RING_RESET)" },
	{ true, 4096, VIRTIO_PCI_STOP_AUTO, VIRTIO_STOP_PCI_RESET, "stopped by: reset" },
	{ true, 59, VIRTIO_PCI_STOP_AUTO, VIRTIO_STOP_NONE, "queue_reset=proposal only for" },
	{ true, 56, VIRTIO_PCI_STOP_AUTO, VIRTIO_STOP_NONE, "stopped by: none" },
	{ true, 56, VIRTIO_PCI_STOP_PROPOSAL, VIRTIO_STOP_PCI_ENABLE_ZERO,
	  "stopped by: proposal (queue_reset=proposal)" },
	{ true, 4096, VIRTIO_PCI_STOP_PROPOSAL, VIRTIO_STOP_PCI_ENABLE_ZERO,
	  "stopped by: proposal" },
	{ true, 60, VIRTIO_PCI_STOP_OFF, VIRTIO_STOP_NONE, "stopped by: none (queue_reset=off)" },
	{ true, 56, VIRTIO_PCI_STOP_OFF, VIRTIO_STOP_NONE, "stopped by: none (queue_reset=off)" },
	{ false, 60, VIRTIO_PCI_STOP_AUTO, VIRTIO_STOP_NONE,
	  "stopped by: none (the device does not offer VIRTIO_F_RING_RESET)" },
	{ false, 56, VIRTIO_PCI_STOP_PROPOSAL, VIRTIO_STOP_NONE, "does not offer" },
	{ false, 60, VIRTIO_PCI_STOP_OFF, VIRTIO_STOP_NONE, "queue_reset=off" },
};

/* A life with a try to stop a ring. */
static void
live(struct fake_pci *fake, bool stops)
{
	struct virtqueue *vq[2];
	unsigned int i;

	for (i = 0; i < 2; i++)
		vq[i] = ring_create(&fake->dev, i, &ring);
	fake_pci_run(fake, false, vq, 2);
	CHECK_EQ((fake->driver_features & RESET_BIT) != 0, stops);
	CHECK_EQ(virtio_device_stops_rings(&fake->dev), stops);
	CHECK_EQ(virtqueue_stop(vq[0], PATIENCE_US), stops ? 0 : -ENOTSUP);
	CHECK_EQ(virtqueue_state(vq[0]), stops ? VIRTQUEUE_READY : VIRTQUEUE_LIVE);
	if (stops)
		CHECK_EQ(virtqueue_start(vq[0], PATIENCE_US), 0);
	CHECK_EQ(virtio_device_reset(&fake->dev, PATIENCE_US), 0);
	for (i = 0; i < 2; i++)
		ring_destroy(vq[i]);
}

static void
table(void)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(choices); i++) {
		const struct choice *c = &choices[i];
		struct fake_pci *fake = fake_pci_create(
			c->right == VIRTIO_STOP_PCI_ENABLE_ZERO ? FAKE_PCI_A : FAKE_PCI_C, 2);

		if (!c->offered)
			fake->features &= ~RESET_BIT;
		fake->conf.window[VIRTIO_PCI_COMMON].length = c->length;
		test_forget_log();
		CHECK_EQ(fake_pci_open(fake, c->policy), 0);
		CHECK_EQ(fake->dev.stop_method, c->right);
		CHECK_EQ(test_logged("single queues are stopped by"), 1);
		if (test_logged(c->line) != 1)
			test_fail(__FILE__, __LINE__, "choice %u: no line with \"%s\"", i,
				  c->line);
		CHECK_EQ((fake->dev.offered & RESET_BIT) != 0, c->right != VIRTIO_STOP_NONE);
		live(fake, c->right != VIRTIO_STOP_NONE);
		if (c->right == VIRTIO_STOP_NONE) {
			CHECK_EQ(fake_pci_writes(fake, "queue_reset"), 0);
			CHECK_EQ(fake_pci_reads(fake, "queue_reset"), 0);
		}
		fake_pci_destroy(fake);
	}
}

/* 6: bit 40 is nothing without VERSION_1; QEMU would grant it so. */
static void
not_without_version_1(void)
{
	struct fake_pci *fake = fake_pci_create(FAKE_PCI_C, 2);

	fake->features &= ~VIRTIO_BIT(VIRTIO_F_VERSION_1);
	CHECK_EQ(fake_pci_open(fake, VIRTIO_PCI_STOP_AUTO), 0);
	CHECK_EQ(fake->dev.stop_method, VIRTIO_STOP_NONE);
	CHECK_EQ(test_logged("without VIRTIO_F_VERSION_1"), 1);
	CHECK_EQ(fake->dev.offered & RESET_BIT, 0);
	CHECK_EQ(virtio_device_negotiate(&fake->dev, UINT64_MAX), -ENOTSUP);
	CHECK_EQ(fake->driver_features & RESET_BIT, 0);
	CHECK_EQ(virtio_device_reset(&fake->dev, PATIENCE_US), 0);
	fake_pci_destroy(fake);
}

/* What is not in force is not used, even where there would be a way. */
static void
bit_that_was_not_wanted(void)
{
	struct fake_pci *fake = fake_pci_create(FAKE_PCI_C, 1);
	struct virtqueue *vq;

	CHECK_EQ(fake_pci_open(fake, VIRTIO_PCI_STOP_AUTO), 0);
	vq = ring_create(&fake->dev, 0, &ring);
	CHECK_EQ(virtio_device_negotiate(&fake->dev, 0), 0);
	CHECK_EQ(fake->driver_features, VIRTIO_BIT(VIRTIO_F_VERSION_1));
	CHECK_EQ(virtio_device_start(&fake->dev, &vq, 1), 0);
	CHECK_EQ(virtqueue_stop(vq, PATIENCE_US), -ENOTSUP);
	CHECK_EQ(virtqueue_state(vq), VIRTQUEUE_LIVE);
	CHECK_EQ(fake_pci_writes(fake, "queue_reset"), 0);
	CHECK_EQ(virtio_device_reset(&fake->dev, PATIENCE_US), 0);
	ring_destroy(vq);
	fake_pci_destroy(fake);
}

/* A start that fails without a way to stop: no register is tried, the device reset stops it. */
static void
failed_start_without_a_way(void)
{
	struct fake_pci *fake = fake_pci_create(FAKE_PCI_C, 2);
	struct virtqueue *vq[2];

	fake->features &= ~RESET_BIT;
	CHECK_EQ(fake_pci_open(fake, VIRTIO_PCI_STOP_AUTO), 0);
	vq[0] = ring_create(&fake->dev, 0, &ring);
	vq[1] = ring_create(&fake->dev, 1, &ring);
	fake_pci_run(fake, false, vq, 1);
	fake->queue[1].refuses_enable = true;
	CHECK_EQ(virtqueue_start(vq[1], PATIENCE_US), -EIO);
	CHECK_EQ(virtqueue_state(vq[1]), VIRTQUEUE_BROKEN);
	CHECK_EQ(fake_pci_writes(fake, "queue_reset"), 0);
	CHECK_EQ(virtio_device_reset(&fake->dev, PATIENCE_US), 0);
	ring_destroy(vq[0]);
	ring_destroy(vq[1]);
	fake_pci_destroy(fake);
}

TEST_MAIN(
	TEST(table),
	TEST(not_without_version_1),
	TEST(bit_that_was_not_wanted),
	TEST(failed_start_without_a_way),
)
