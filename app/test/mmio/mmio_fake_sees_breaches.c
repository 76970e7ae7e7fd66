/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * The fake virtio-mmio device notes what a driver must not do. A test that passes on it says
 * something only if it does: here each rule is broken once.
 */

#include <string.h>

#include <rte_common.h>

#include "fake_mmio_device.h"
#include "ring.h"

/* Places of 4.2.2 and 4.2.4. */
enum {
	MAGIC = 0x000, DEVICE_ID = 0x008, VENDOR_ID = 0x00c, FEATURES = 0x010, FEATURES_SEL = 0x014,
	DRIVER_FEATURES = 0x020, DRIVER_SEL = 0x024, PAGE_SIZE = 0x028, SELECT = 0x030,
	SIZE_MAX_ = 0x034, SIZE = 0x038, ALIGN = 0x03c, PFN = 0x040, READY = 0x044, NOTIFY = 0x050,
	INT_STATUS = 0x060, ACK = 0x064, STATUS = 0x070, DESC = 0x080, DRIVER = 0x090,
	DEVICE = 0x0a0, RESET = 0x0c0, GENERATION = 0x0fc, CONFIG = 0x100,
};

static struct fake_mmio *fake;
static uint8_t area[8192] __rte_aligned(4096);

static void
put(uint32_t offset, uint32_t value)
{
	fake->hooks.write(fake, offset, 4, value);
}

static uint32_t
get(uint32_t offset)
{
	return fake->hooks.read(fake, offset, 4);
}

static void
put64(uint32_t offset, const void *at)
{
	put(offset, (uint32_t)(uintptr_t)at);
	put(offset + 4, (uint64_t)(uintptr_t)at >> 32);
}

/* Up to FEATURES_OK, by the book, with these features of the upper half. */
static void
negotiated(uint32_t upper)
{
	memset(area, 0, sizeof(area));
	fake = fake_mmio_create(2, 2);
	put(STATUS, 0);
	CHECK_EQ(get(STATUS), 0);
	put(STATUS, 1);
	put(STATUS, 3);
	put(DRIVER_SEL, 1);
	put(DRIVER_FEATURES, upper);
	put(STATUS, 0x0b);
}

static void
set_up(void)
{
	put(SELECT, 0);
	put(SIZE, 16);
	put64(DESC, area);
	put64(DRIVER, area + 1024);
	put64(DEVICE, area + 2048);
}

/* A ring that runs on a device with RING_RESET. */
static void
running(void)
{
	negotiated(0x101);
	set_up();
	put(READY, 1);
	put(STATUS, 0x0f);
	fake_mmio_check(fake);
}

static void
seen(const char *what)
{
	if (strstr(fake->breach, what) == NULL)
		test_fail(__FILE__, __LINE__, "\"%s\" is noted, not \"%s\"", fake->breach, what);
	fake->breach[0] = '\0';
	fake_mmio_destroy(fake);
}

static void
nothing_to_see(void)
{
	running();
	put(NOTIFY, 0);
	put(SELECT, 0);
	put(RESET, 1);
	CHECK_EQ(get(RESET), 0);
	CHECK_EQ(get(READY), 0);
	set_up();
	put(READY, 1);
	fake_mmio_destroy(fake);
}

static void
stops(void)
{
	negotiated(1);
	set_up();
	put(READY, 1);
	put(RESET, 1);
	seen("QueueReset written without the feature");

	running();
	put(READY, 0);
	seen("0 written to QueueReady");

	running();
	put(RESET, 0);
	seen("0 written to QueueReset");

	negotiated(0x101);
	put(RESET, 1);
	seen("QueueReset written for a ring that is not enabled");

	running();
	fake->queue[0].answer = FAKE_MMIO_NEVER;
	put(RESET, 1);
	put(RESET, 1);
	seen("a stop requested during a stop");

	running();
	fake->queue[0].answer = FAKE_MMIO_NEVER;
	put(RESET, 1);
	put(READY, 1);
	seen("enabled though it is, or resets");
}

static void
order_of_a_ring(void)
{
	negotiated(0x101);
	put(SIZE, 16);
	put64(DESC, area);
	put64(DRIVER, area + 1024);
	put(DEVICE, (uint32_t)(uintptr_t)area);
	put(READY, 1);
	seen("enabled before it was set up");

	/* What was set up before a reset does not count. */
	running();
	put(RESET, 1);
	CHECK_EQ(get(RESET), 0);
	put(READY, 1);
	seen("enabled before it was set up");

	running();
	put(SIZE, 32);
	seen("QueueSize of a ring in use written");

	running();
	put(DESC, 1);
	seen("QueueDescLow of a ring in use written");

	negotiated(0x101);
	put(READY, 2);
	seen("2 written to QueueReady");

	negotiated(0x101);
	set_up();
	area[2048 + 2] = 1;
	put(READY, 1);
	seen("used area that is not zero");

	fake = fake_mmio_create(2, 2);
	put(STATUS, 0);
	CHECK_EQ(get(STATUS), 0);
	set_up();
	put(READY, 1);
	seen("before FEATURES_OK");

	negotiated(0x101);
	put(SELECT, 2);
	put(SIZE, 16);
	seen("with no ring 2");
}

static void
sizes(void)
{
	negotiated(0x101);
	put(SIZE, 33);
	seen("33 written to QueueSize");

	negotiated(0x105);
	put(SIZE, 33);
	put(SIZE, 0);
	seen("0 written to QueueSize");

	negotiated(0x101);
	fake->queue[0].max_size = 32;
	put(SIZE, 64);
	seen("64 written to QueueSize");
}

static void
directions_and_widths(void)
{
	static const uint32_t read_only[] = { MAGIC, FEATURES, SIZE_MAX_, INT_STATUS, GENERATION };
	static const uint32_t write_only[] = {
		FEATURES_SEL, DRIVER_FEATURES, SELECT, SIZE, NOTIFY, ACK, DESC, DEVICE + 4,
	};
	unsigned int i;

	for (i = 0; i < RTE_DIM(read_only); i++) {
		negotiated(0x101);
		put(read_only[i], 0);
		seen("is not for the driver to write");
	}
	for (i = 0; i < RTE_DIM(write_only); i++) {
		negotiated(0x101);
		get(write_only[i]);
		seen("is not for the driver to read");
	}
	negotiated(0x101);
	fake->hooks.read(fake, STATUS, 1);
	seen("1 bytes accessed at 0x070");

	negotiated(0x101);
	get(0x0b0 + 0x20);
	seen("4 bytes accessed at 0x0d0");

	negotiated(0x101);
	fake->hooks.read(fake, CONFIG + FAKE_MMIO_CONFIG_SIZE - 1, 2);
	seen("2 bytes of the configuration");

	negotiated(0x101);
	fake->hooks.read(fake, CONFIG + 1, 2);
	seen("2 bytes of the configuration");
}

static void
registers_of_the_other_version(void)
{
	negotiated(0x101);
	put(PAGE_SIZE, 4096);
	seen("GuestPageSize is not for the driver");

	fake = fake_mmio_create(1, 2);
	get(READY);
	seen("QueueReady is not for the driver");

	fake = fake_mmio_create(1, 2);
	get(GENERATION);
	seen("ConfigGeneration is not for the driver");
}

static void
legacy_rings(void)
{
	fake = fake_mmio_create(1, 2);
	fake->queue[0].memory = area;
	put(SIZE, 16);
	put(ALIGN, 4096);
	put(PFN, FAKE_MMIO_PAGE(0));
	seen("with a GuestPageSize of 0");

	fake = fake_mmio_create(1, 2);
	fake->queue[0].memory = area;
	put(PAGE_SIZE, 4096);
	put(SIZE, 16);
	put(PFN, FAKE_MMIO_PAGE(0));
	seen("before QueueSize and QueueAlign");

	memset(area, 0, sizeof(area));
	fake = fake_mmio_create(1, 2);
	fake->queue[0].memory = area;
	put(PAGE_SIZE, 4096);
	put(SIZE, 16);
	put(ALIGN, 4096);
	put(PFN, FAKE_MMIO_PAGE(0));
	get(SIZE_MAX_);
	seen("QueueSizeMax of a ring in use");
}

static void
features_and_status(void)
{
	negotiated(0x80000001);
	seen("not offered");

	negotiated(0x101);
	put(DRIVER_FEATURES, 0x101);
	seen("after FEATURES_OK");

	fake = fake_mmio_create(2, 2);
	put(DRIVER_FEATURES, 1);
	seen("without DriverFeaturesSel");

	fake = fake_mmio_create(2, 2);
	get(FEATURES);
	seen("without DeviceFeaturesSel");

	running();
	put(STATUS, 0x0b);
	seen("taken back without a reset");

	running();
	put(STATUS, 0);
	put(SELECT, 0);
	seen("while the device resets itself");

	fake = fake_mmio_create(2, 2);
	fake->device_id = 0;
	get(DEVICE_ID);
	get(VENDOR_ID);
	seen("of no device accessed");
}

static void
notifications(void)
{
	negotiated(0x101);
	set_up();
	put(READY, 1);
	put(NOTIFY, 0);
	seen("not running");

	running();
	put(RESET, 1);
	CHECK_EQ(get(RESET), 0);
	put(NOTIFY, 0);
	seen("not running");

	running();
	put(NOTIFY, 2);
	seen("0x2 written to QueueNotify");

	running();
	put(NOTIFY, 0x10000);
	seen("0x10000 written to QueueNotify");

	running();
	put(ACK, 4);
	seen("0x4 written to InterruptACK");
}

TEST_MAIN(
	TEST(nothing_to_see),
	TEST(stops),
	TEST(order_of_a_ring),
	TEST(sizes),
	TEST(directions_and_widths),
	TEST(registers_of_the_other_version),
	TEST(legacy_rings),
	TEST(features_and_status),
	TEST(notifications),
)
