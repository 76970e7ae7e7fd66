/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * The walk over a device's capabilities, 4.1.4: what is taken, what is left alone, and what is an
 * error. The configuration space is an array that the cases fill byte by byte.
 */

#include <string.h>

#include "test.h"
#include "virtio_pci_caps.h"

#define BAR_SIZE 0x4000

static uint8_t space[256];
static uint8_t memory[BAR_SIZE];
static struct virtio_pci_bar bars[VIRTIO_PCI_BARS];
static struct virtio_pci_found found;
static int readable; /* bytes of the space */

static int
read_space(const void *arg, void *to, size_t len, off_t offset)
{
	CHECK(arg == space);
	if (offset + (off_t)len > readable)
		return -1;
	memcpy(to, space + offset, len);
	return (int)len;
}

static int
find(void)
{
	return virtio_pci_find_windows("device", read_space, space, bars, &found);
}

static void
put32(unsigned int at, uint32_t value)
{
	unsigned int i;

	for (i = 0; i < 4; i++)
		space[at + i] = value >> 8 * i;
}

/* One of virtio's, 4.1.4: id, next, length, type, BAR, offset, length. */
static void
put_virtio(uint8_t at, uint8_t next, uint8_t type, uint8_t bar, uint32_t offset, uint32_t length)
{
	space[at] = 0x09;
	space[at + 1] = next;
	space[at + 2] = type == 2 ? 20 : 16;
	space[at + 3] = type;
	space[at + 4] = bar;
	put32(at + 8, offset);
	put32(at + 12, length);
}

/* As QEMU has them: MSI-X, then one of each, in BAR 4. */
static void
fill(void)
{
	memset(space, 0, sizeof(space));
	memset(bars, 0, sizeof(bars));
	readable = sizeof(space);
	space[0x06] = 0x10;
	space[0x34] = 0x98;
	space[0x98] = 0x11;
	space[0x99] = 0x84;
	put_virtio(0x84, 0x70, 2, 4, 0x3000, 0x1000);
	put32(0x84 + 16, 4); /* notify_off_multiplier */
	put_virtio(0x70, 0x60, 4, 4, 0x2000, 0x1000);
	put_virtio(0x60, 0x50, 3, 4, 0x1000, 0x1000);
	put_virtio(0x50, 0x40, 1, 4, 0x0000, 0x1000);
	put_virtio(0x40, 0x00, 5, 0, 0, 0); /* PCI configuration access: not used */
	bars[4] = (struct virtio_pci_bar){ memory, BAR_SIZE };
}

static void
windows_are_found(void)
{
	fill();
	CHECK_EQ(find(), 0);
	CHECK(found.window[VIRTIO_PCI_COMMON].base == memory);
	CHECK(found.window[VIRTIO_PCI_ISR].base == memory + 0x1000);
	CHECK(found.window[VIRTIO_PCI_DEVICE].base == memory + 0x2000);
	CHECK(found.window[VIRTIO_PCI_NOTIFY].base == memory + 0x3000);
	CHECK_EQ(found.window[VIRTIO_PCI_NOTIFY].length, 0x1000);
	CHECK_EQ(found.notify_multiplier, 4);
	CHECK(found.msix);
	CHECK(!found.msix_on);
	/* As igb_uio leaves it. */
	space[0x98 + 3] = 0x80;
	CHECK_EQ(find(), 0);
	CHECK(found.msix_on);
}

static void
legacy_device_is_recognised(void)
{
	fill();
	space[0x99] = 0; /* MSI-X alone */
	CHECK_EQ(find(), -ENOTSUP);
	CHECK(found.msix);
	space[0x06] = 0; /* no list at all */
	CHECK_EQ(find(), -ENOTSUP);
}

/* 4.1.4.1: the device names them in the order that it prefers. */
static void
first_of_a_type_is_taken(void)
{
	fill();
	put_virtio(0x40, 0x00, 1, 4, 0x100, 0x40);
	CHECK_EQ(find(), 0);
	CHECK(found.window[VIRTIO_PCI_COMMON].base == memory);
	/* But one that cannot be reached is none. */
	put_virtio(0x50, 0x40, 1, 2, 0, 0x1000);
	CHECK_EQ(find(), 0);
	CHECK(found.window[VIRTIO_PCI_COMMON].base == memory + 0x100);
}

static void
unknown_things_are_left_alone(void)
{
	fill();
	space[0x60 + 3] = 0x77; /* type */
	CHECK_EQ(find(), 0);
	CHECK_EQ(found.window[VIRTIO_PCI_ISR].length, 0);
	fill();
	space[0x60 + 4] = 6; /* BAR */
	CHECK_EQ(find(), 0);
	CHECK_EQ(found.window[VIRTIO_PCI_ISR].length, 0);
}

static void
reach_beyond_the_bar_is_an_error(void)
{
	static const struct {
		uint32_t offset;
		uint32_t length;
		int ret;
	} cases[] = {
		{ 0x3000, 0x1000, 0 },
		{ 0x3000, 0x1001, -EINVAL },
		{ 0x3001, 0x1000, -EINVAL },
		{ BAR_SIZE, 1, -EINVAL },
		{ BAR_SIZE + 1, 0, -EINVAL },
		{ UINT32_MAX, UINT32_MAX, -EINVAL },
		{ 0x1000, UINT32_MAX - 0xfff, -EINVAL }, /* the sum is 0 in 32 bits */
	};
	unsigned int i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fill();
		put_virtio(0x50, 0x40, 1, 4, cases[i].offset, cases[i].length);
		CHECK_EQ(find(), cases[i].ret);
	}
}

static void
short_capability_is_an_error(void)
{
	fill();
	space[0x50 + 2] = 15;
	CHECK_EQ(find(), -EINVAL);
	/* The notification's has a multiplier behind it. */
	fill();
	space[0x84 + 2] = 16;
	CHECK_EQ(find(), -EINVAL);
	/* One at the end of the space has no room for it. */
	fill();
	space[0x99] = 0xf0;
	put_virtio(0xf0, 0x70, 2, 4, 0x3000, 0x1000);
	CHECK_EQ(find(), -EINVAL);
}

/* 4.1.4.1: later versions may add fields to a capability. */
static void
longer_capability_is_taken(void)
{
	fill();
	space[0x50 + 2] = 0x40;
	space[0x84 + 2] = 0x40;
	CHECK_EQ(find(), 0);
	CHECK(found.window[VIRTIO_PCI_COMMON].base == memory);
	CHECK_EQ(found.notify_multiplier, 4);
}

/* Another's, with no room behind it: it is not read beyond the end of the space. */
static void
short_capability_at_the_end(void)
{
	fill();
	space[0x99] = 0xfc;
	space[0xfc] = 0x09;
	space[0xfd] = 0x84;
	space[0xfe] = 4;
	space[0xff] = 0x77; /* type */
	CHECK_EQ(find(), 0);
	CHECK_EQ(found.window[VIRTIO_PCI_NOTIFY].length, 0x1000);
	/* One of virtio's that is cut off. */
	space[0xff] = 1;
	bars[0] = (struct virtio_pci_bar){ memory, BAR_SIZE };
	CHECK_EQ(find(), -EINVAL);
	CHECK_EQ(test_logged("the capability at 0xfc has 4 bytes"), 1);
}

static void
ports_are_counted(void)
{
	static const struct {
		const char *resources;
		int ret;
		uint32_t length;
	} cases[] = {
		{ "0x000000000000c000 0x000000000000c01f 0x0000000000040101\n", 0, 32 },
		{ "0x000000000000c000 0x000000000000c03f 0x0000000000040101\n"
		  "0x00000000feb00000 0x00000000feb00fff 0x0000000000040200\n", 0, 64 },
		/* Memory, nothing at all, an end before its beginning, more than there are. */
		{ "0x00000000feb00000 0x00000000feb00fff 0x0000000000040200\n", -EINVAL, 0 },
		{ "0x0000000000000000 0x0000000000000000 0x0000000000000000\n", -EINVAL, 0 },
		{ "0x000000000000c000 0x000000000000bfff 0x0000000000040101\n", -EINVAL, 0 },
		{ "0x0000000000000000 0xffffffffffffffff 0x0000000000040101\n", -EINVAL, 0 },
		{ "c000-c01f\n", -EINVAL, 0 },
		{ "\n", -EINVAL, 0 },
	};
	uint32_t length = 0;
	unsigned int i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		FILE *f = fmemopen((void *)(uintptr_t)cases[i].resources,
				   strlen(cases[i].resources), "r");

		CHECK_EQ(virtio_pci_ports_length(f, &length), cases[i].ret);
		if (cases[i].ret == 0)
			CHECK_EQ(length, cases[i].length);
		fclose(f);
	}
	CHECK_EQ(virtio_pci_ports_length(NULL, &length), -EINVAL);
}

static void
endless_list_is_an_error(void)
{
	fill();
	space[0x41] = 0x98;
	CHECK_EQ(find(), -EINVAL);
	fill();
	space[0x41] = 0x40;
	CHECK_EQ(find(), -EINVAL);
	/* All ones: the device is gone. */
	memset(space, 0xff, sizeof(space));
	CHECK_EQ(find(), -EINVAL);
}

static void
space_that_cannot_be_read_is_an_error(void)
{
	fill();
	readable = 0x60;
	CHECK_EQ(find(), -EIO);
	readable = 0;
	CHECK_EQ(find(), -EIO);
}

/* With bits of the command register that vfio-pci keeps by itself. */
static void
function_that_is_gone_is_noticed(void)
{
	static const struct {
		uint16_t command;
		bool gone;
	} all[] = {
		{ 0xffff, true }, { 0xfbff, true }, { 0xf800, true }, { 0x0006, false },
		{ 0x0002, false }, { 0x0000, false }, { 0x0506, false }, { 0x7fff, false },
	};
	unsigned int i;

	for (i = 0; i < RTE_DIM(all); i++) {
		fill();
		space[4] = all[i].command & 0xff;
		space[5] = all[i].command >> 8;
		CHECK_EQ(virtio_pci_function_is_gone(read_space, space), all[i].gone);
	}
	fill();
	memset(space, 0xff, sizeof(space));
	readable = 5;
	CHECK(!virtio_pci_function_is_gone(read_space, space));
}

TEST_MAIN(
	TEST(windows_are_found),
	TEST(legacy_device_is_recognised),
	TEST(first_of_a_type_is_taken),
	TEST(unknown_things_are_left_alone),
	TEST(reach_beyond_the_bar_is_an_error),
	TEST(short_capability_is_an_error),
	TEST(longer_capability_is_taken),
	TEST(short_capability_at_the_end),
	TEST(ports_are_counted),
	TEST(endless_list_is_an_error),
	TEST(space_that_cannot_be_read_is_an_error),
	TEST(function_that_is_gone_is_noticed),
)
