/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * Target "pci-caps": the configuration space of a PCI device, with its list of capabilities, and
 * the kernel's list of the device's resources. No window leaves its BAR.
 */

#include <stdio.h>
#include <string.h>

#include <rte_common.h>

#include "fuzz.h"
#include "virtio_pci_caps.h"

#define SPACE 256
#define BAR_SIZE 4096

static uint8_t space[SPACE];
static uint8_t memory[BAR_SIZE];
static bool is_unreadable;

void
fuzz_start(void)
{
}

static int
read_space(const void *arg __rte_unused, void *to, size_t len, off_t offset)
{
	CHECK(offset >= 0 && offset + len <= SPACE);
	if (is_unreadable && offset >= 128)
		return -1;
	memcpy(to, space + offset, len);
	return len;
}

static void
read_resources(struct fuzz_input *in)
{
	FILE *file = fmemopen((void *)(uintptr_t)in->at, fuzz_left(in), "r");
	uint32_t length = 0;

	if (file != NULL && virtio_pci_ports_length(file, &length) == 0)
		CHECK(length >= 1 && length <= UINT16_MAX);
	if (file != NULL)
		fclose(file);
}

void
fuzz_run(const uint8_t *data, size_t size)
{
	struct virtio_pci_bar bars[VIRTIO_PCI_BARS] = { 0 };
	struct fuzz_input in = { data, data + size };
	const uint8_t flags = fuzz_byte(&in);
	struct virtio_pci_found found;
	uint8_t *base;
	unsigned int i;

	if (flags == 255) {
		read_resources(&in);
		return;
	}
	is_unreadable = flags & 64;
	for (i = 0; i < VIRTIO_PCI_BARS; i++) {
		if (flags & 1u << i)
			bars[i] = (struct virtio_pci_bar){
				.addr = memory, .len = fuzz_number(&in, 2) % (BAR_SIZE + 1),
			};
	}
	memset(space, 0, sizeof(space));
	space[0x06] = 0x10;
	space[0x34] = 0x40;
	for (i = 0x40; i < SPACE && fuzz_left(&in) > 0; i++)
		space[i] = fuzz_byte(&in);
	if (virtio_pci_find_windows("fuzz", read_space, NULL, bars, &found) != 0)
		return;
	for (i = 0; i < VIRTIO_PCI_REGIONS; i++) {
		base = found.window[i].base;
		if (found.window[i].length != 0)
			CHECK(base >= memory && base <= memory + BAR_SIZE &&
			      found.window[i].length <= memory + BAR_SIZE - base);
	}
}
