/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * The fake virtio-pci device notes what a driver must not do. A test that passes on it says
 * something only if it does: here each rule is broken once.
 */

#include <string.h>

#include <rte_common.h>

#include "fake_pci_device.h"
#include "ring.h"

/* Places of 4.1.4.3, and width by place. */
enum {
	FEATURE = 4, DRIVER_SELECT = 8, DRIVER_FEATURE = 12, NUM_QUEUES = 18, STATUS = 20,
	GENERATION = 21, SELECT = 22, SIZE = 24, VECTOR = 26, ENABLE = 28, NOTIFY_OFF = 30,
	DESC = 32, DRIVER = 40, DEVICE = 48, NOTIFY_DATA = 56, RESET = 58,
};

static struct fake_pci *fake;
static uint8_t area[4096] __rte_aligned(16);

static void
put(uint32_t offset, unsigned int width, uint32_t value)
{
	fake->hooks.write(fake, VIRTIO_PCI_COMMON, offset, width, value);
}

static uint32_t
get(uint32_t offset, unsigned int width)
{
	return fake->hooks.read(fake, VIRTIO_PCI_COMMON, offset, width);
}

static void
put64(uint32_t offset, const void *at)
{
	put(offset, 4, (uint32_t)(uintptr_t)at);
	put(offset + 4, 4, (uint64_t)(uintptr_t)at >> 32);
}

/* Up to FEATURES_OK, by the book, with these features of the upper half. */
static void
negotiated(enum fake_pci_revision revision, uint32_t upper)
{
	memset(area, 0, sizeof(area));
	fake = fake_pci_create(revision, 2);
	put(STATUS, 1, 0);
	CHECK_EQ(get(STATUS, 1), 0);
	put(STATUS, 1, 1);
	put(STATUS, 1, 3);
	put(DRIVER_SELECT, 4, 1);
	put(DRIVER_FEATURE, 4, upper);
	put(STATUS, 1, 0x0b);
}

static void
set_up(void)
{
	put(SELECT, 2, 0);
	put(SIZE, 2, 16);
	put64(DESC, area);
	put64(DRIVER, area + 1024);
	put64(DEVICE, area + 2048);
}

/* A ring that runs on a device with RING_RESET. */
static void
running(enum fake_pci_revision revision)
{
	negotiated(revision, 0x101);
	set_up();
	put(ENABLE, 2, 1);
	put(STATUS, 1, 0x0f);
	fake_pci_check(fake);
}

static void
seen(const char *what)
{
	if (strstr(fake->breach, what) == NULL)
		test_fail(__FILE__, __LINE__, "\"%s\" is noted, not \"%s\"", fake->breach, what);
	fake->breach[0] = '\0';
	fake_pci_destroy(fake);
}

static void
nothing_to_see(void)
{
	running(FAKE_PCI_C);
	fake->hooks.write(fake, VIRTIO_PCI_NOTIFY, 4, 2, 0);
	put(SELECT, 2, 0);
	put(RESET, 2, 1);
	CHECK_EQ(get(RESET, 2), 0);
	CHECK_EQ(get(ENABLE, 2), 0);
	set_up();
	put(ENABLE, 2, 1);
	fake_pci_destroy(fake);
}

static void
reset_registers(void)
{
	negotiated(FAKE_PCI_C, 1);
	set_up();
	put(ENABLE, 2, 1);
	put(RESET, 2, 1);
	seen("queue_reset written without the feature");

	negotiated(FAKE_PCI_A, 1);
	set_up();
	put(ENABLE, 2, 1);
	put(ENABLE, 2, 0);
	seen("0 written to queue_enable");

	running(FAKE_PCI_C);
	put(ENABLE, 2, 0);
	seen("0 written to queue_enable");

	running(FAKE_PCI_A);
	fake->conf.window[VIRTIO_PCI_COMMON].length = 4096;
	put(RESET, 2, 1);
	seen("which the device has not");

	running(FAKE_PCI_C);
	put(RESET, 2, 0);
	seen("0 written to queue_reset");

	running(FAKE_PCI_C);
	fake->queue[0].answer = FAKE_PCI_NEVER;
	put(RESET, 2, 1);
	put(RESET, 2, 1);
	seen("reset requested during a reset");

	running(FAKE_PCI_C);
	fake->queue[0].answer = FAKE_PCI_NEVER;
	put(RESET, 2, 1);
	put(ENABLE, 2, 1);
	seen("enabled though it is, or resets");
}

static void
order_of_a_ring(void)
{
	negotiated(FAKE_PCI_C, 0x101);
	put(SIZE, 2, 16);
	put64(DESC, area);
	put64(DRIVER, area + 1024);
	put(DEVICE, 4, (uint32_t)(uintptr_t)area);
	put(ENABLE, 2, 1);
	seen("enabled before it was set up");

	/* What was set up before a reset does not count. */
	running(FAKE_PCI_C);
	put(RESET, 2, 1);
	CHECK_EQ(get(RESET, 2), 0);
	put(ENABLE, 2, 1);
	seen("enabled before it was set up");

	running(FAKE_PCI_C);
	put(SIZE, 2, 32);
	seen("queue_size of a running ring written");

	running(FAKE_PCI_C);
	put(VECTOR, 2, 1);
	seen("queue_msix_vector of a running ring written");

	negotiated(FAKE_PCI_C, 0x101);
	set_up();
	area[2048 + 2] = 1;
	put(ENABLE, 2, 1);
	seen("used area that is not zero");

	fake = fake_pci_create(FAKE_PCI_C, 2);
	put(STATUS, 1, 0);
	CHECK_EQ(get(STATUS, 1), 0);
	set_up();
	put(ENABLE, 2, 1);
	seen("before FEATURES_OK");

	negotiated(FAKE_PCI_C, 0x101);
	put(SELECT, 2, 2);
	put(SIZE, 2, 16);
	seen("with no ring 2");
}

static void
sizes(void)
{
	negotiated(FAKE_PCI_C, 0x101);
	put(SIZE, 2, 33);
	seen("33 written to queue_size");

	negotiated(FAKE_PCI_C, 0x105);
	put(SIZE, 2, 33);
	put(SIZE, 2, 0);
	seen("0 written to queue_size");
}

static void
fields_of_the_device(void)
{
	static const struct {
		uint32_t offset;
		unsigned int width;
	} fields[] = {
		{ FEATURE, 4 }, { NUM_QUEUES, 2 }, { GENERATION, 1 }, { NOTIFY_OFF, 2 },
		{ NOTIFY_DATA, 2 },
	};
	unsigned int i;

	for (i = 0; i < RTE_DIM(fields); i++) {
		negotiated(FAKE_PCI_C, 0x101);
		put(fields[i].offset, fields[i].width, 0);
		seen("not the driver's to write");
	}
	negotiated(FAKE_PCI_C, 0x101);
	fake->hooks.write(fake, VIRTIO_PCI_ISR, 0, 1, 0);
	seen("ISR status is written");
}

static void
widths(void)
{
	negotiated(FAKE_PCI_C, 0x101);
	get(STATUS, 2);
	seen("4.1.3.1");

	negotiated(FAKE_PCI_C, 0x101);
	put(SELECT, 1, 0);
	seen("4.1.3.1");

	negotiated(FAKE_PCI_C, 0x101);
	get(SELECT + 1, 1);
	seen("4.1.3.1");

	negotiated(FAKE_PCI_C, 0x101);
	get(DESC, 8);
	seen("access of 8 bytes");

	negotiated(FAKE_PCI_A, 0x101);
	get(RESET, 2);
	seen("access beyond window");

	negotiated(FAKE_PCI_C, 0x101);
	fake->hooks.read(fake, VIRTIO_PCI_DEVICE, FAKE_PCI_CONFIG_SIZE - 1, 2);
	seen("access beyond window");
}

static void
features_and_status(void)
{
	negotiated(FAKE_PCI_C, 0x80000001);
	seen("not offered");

	negotiated(FAKE_PCI_C, 0x101);
	put(DRIVER_FEATURE, 4, 0x101);
	seen("after FEATURES_OK");

	running(FAKE_PCI_C);
	put(STATUS, 1, 0x0b);
	seen("taken back without a reset");

	running(FAKE_PCI_C);
	put(STATUS, 1, 0);
	put(SELECT, 2, 0);
	seen("while the device resets itself");
}

static void
notifications(void)
{
	negotiated(FAKE_PCI_C, 0x101);
	set_up();
	put(ENABLE, 2, 1);
	fake->hooks.write(fake, VIRTIO_PCI_NOTIFY, 4, 2, 0);
	seen("not running");

	running(FAKE_PCI_C);
	put(RESET, 2, 1);
	CHECK_EQ(get(RESET, 2), 0);
	fake->hooks.write(fake, VIRTIO_PCI_NOTIFY, 4, 2, 0);
	seen("not running");

	running(FAKE_PCI_C);
	fake->hooks.write(fake, VIRTIO_PCI_NOTIFY, 0, 2, 0);
	seen("doorbell at byte 0");

	running(FAKE_PCI_C);
	fake->hooks.write(fake, VIRTIO_PCI_NOTIFY, 4, 4, 0);
	seen("notification of 4 bytes");

	running(FAKE_PCI_C);
	fake->hooks.write(fake, VIRTIO_PCI_NOTIFY, 4, 2, 2);
	seen("notification of ring 2");
}

TEST_MAIN(
	TEST(nothing_to_see),
	TEST(reset_registers),
	TEST(order_of_a_ring),
	TEST(sizes),
	TEST(fields_of_the_device),
	TEST(widths),
	TEST(features_and_status),
	TEST(notifications),
)
