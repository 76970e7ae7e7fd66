/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <rte_common.h>

#include "breach.h"
#include "fake_legacy_device.h"
#include "test.h"

#define PAGE 4096
#define NO_VECTOR 0xffff
#define DRIVER_OK 4

/* A register as a case of a switch: where it is, and its width in bytes. */
#define REGISTER(offset, width) ((offset) * 8 + (width))

static void __attribute__((format(printf, 2, 3)))
note(struct fake_legacy *fake, const char *format, ...)
{
	const size_t n = strlen(fake->record);
	va_list ap;

	va_start(ap, format);
	vsnprintf(fake->record + n, sizeof(fake->record) - n, format, ap);
	va_end(ap);
}

#define note_breach(fake, ...) \
	breach_note((fake)->breach, sizeof((fake)->breach), __VA_ARGS__)

/* Whether it still takes an access. */
static bool
is_there(struct fake_legacy *fake, enum virtio_pci_region region, uint32_t offset,
	 unsigned int width)
{
	if (region != VIRTIO_PCI_COMMON || offset + width > FAKE_LEGACY_PORTS)
		note_breach(fake, "region %u has no port %u", region, offset);
	if (fake->gone_after >= 0 && fake->gone_after-- == 0)
		fake->gone = true;
	return !fake->gone;
}

/* Where the device's configuration begins: behind the vectors, if there are any. */
static uint32_t
config_at(const struct fake_legacy *fake)
{
	return fake->msix ? 24 : 20;
}

static uint32_t
read_config(struct fake_legacy *fake, uint32_t at, unsigned int width)
{
	uint32_t value = 0;

	memcpy(&value, fake->config + at, RTE_MIN(width, sizeof(fake->config) - at));
	if (fake->config_changes > 0) {
		fake->config_changes--;
		fake->config[0]++;
	}
	return value;
}

uint32_t
fake_legacy_read(void *arg, enum virtio_pci_region region, uint32_t offset, unsigned int width)
{
	struct fake_legacy *fake = arg;
	const bool ring = fake->select < fake->nb_rings;
	uint8_t isr;

	if (!is_there(fake, region, offset, width))
		return UINT32_MAX >> 8 * (4 - width);
	if (offset >= config_at(fake))
		return read_config(fake, offset - config_at(fake), width);
	switch (REGISTER(offset, width)) {
	case REGISTER(0, 4):
		return fake->features;
	case REGISTER(8, 4):
		return ring ? fake->page[fake->select] : 0;
	case REGISTER(12, 2):
		return ring ? fake->size[fake->select] : 0;
	case REGISTER(18, 1):
		if (fake->status == 0 && fake->late_status > 0) {
			fake->late_status--;
			return 1;
		}
		return fake->status;
	case REGISTER(19, 1):
		isr = fake->isr;
		fake->isr = 0;
		return isr;
	case REGISTER(20, 2):
		return fake->config_vector;
	case REGISTER(22, 2):
		return ring ? fake->vector[fake->select] : NO_VECTOR;
	}
	note_breach(fake, "%u bytes are read at port %u", width, offset);
	return 0;
}

/* 2.7.2: the descriptors, the available ring, and on the next page the used ring. */
static void
open_ring(struct fake_legacy *fake, uint32_t page)
{
	const uint16_t i = fake->select;
	const uint16_t size = fake->size[i];
	uint8_t *avail = fake->memory[i] + 16 * size;
	uint8_t *used = RTE_PTR_ALIGN_CEIL(avail + 4 + 2 * size + 2, PAGE);

	if (fake->memory[i] == NULL || (uint64_t)page * PAGE != fake->iova[i]) {
		note_breach(fake, "ring %u is said to be in page 0x%x", i, page);
		return;
	}
	fake->page[i] = page;
	ring_device_close(&fake->ring[i]);
	ring_device_open(&fake->ring[i], size, false, fake->memory[i], avail, used, false);
}

static void
set_status(struct fake_legacy *fake, uint8_t status)
{
	uint16_t i;

	fake->status = status;
	note(fake, "status%u ", status);
	if (status != 0)
		return;
	fake->config_vector = NO_VECTOR;
	for (i = 0; i < fake->nb_rings; i++) {
		fake->page[i] = 0;
		fake->vector[i] = NO_VECTOR;
	}
}

void
fake_legacy_write(void *arg, enum virtio_pci_region region, uint32_t offset, unsigned int width,
		  uint32_t value)
{
	struct fake_legacy *fake = arg;
	const bool ring = fake->select < fake->nb_rings;

	if (!is_there(fake, region, offset, width))
		return;
	if (offset >= config_at(fake)) {
		const uint32_t at = offset - config_at(fake);

		memcpy(fake->config + at, &value, RTE_MIN(width, sizeof(fake->config) - at));
		return;
	}
	switch (REGISTER(offset, width)) {
	case REGISTER(4, 4):
		if (value & ~fake->features)
			note_breach(fake, "the features 0x%x were not offered", value);
		fake->driver_features = value;
		note(fake, "features ");
		return;
	case REGISTER(8, 4):
		if (!ring) {
			note_breach(fake, "there is no ring %u", fake->select);
			return;
		}
		if (!fake->keeps_no_page)
			open_ring(fake, value);
		note(fake, "page%u ", fake->select);
		return;
	case REGISTER(14, 2):
		fake->select = value;
		return;
	case REGISTER(16, 2):
		if (!(fake->status & DRIVER_OK))
			note_breach(fake, "a notification comes before DRIVER_OK");
		note(fake, "notify%u ", value);
		return;
	case REGISTER(18, 1):
		set_status(fake, value);
		return;
	case REGISTER(20, 2):
		fake->config_vector = fake->keeps_no_vector ? NO_VECTOR : value;
		note(fake, "config_vector ");
		return;
	case REGISTER(22, 2):
		if (!ring) {
			note_breach(fake, "there is no ring %u", fake->select);
			return;
		}
		fake->vector[fake->select] = fake->keeps_no_vector ? NO_VECTOR : value;
		note(fake, "vector%u ", fake->select);
		return;
	}
	note_breach(fake, "%u bytes are written to port %u", width, offset);
}

void
fake_legacy_create(struct fake_legacy *fake, uint16_t nb_rings, uint16_t size)
{
	unsigned int i;

	CHECK(nb_rings <= FAKE_LEGACY_RINGS);
	*fake = (struct fake_legacy){
		.features = UINT32_C(1) << 5, /* MAC */
		.status = 7, .nb_rings = nb_rings, .gone_after = -1,
	};
	for (i = 0; i < nb_rings; i++)
		fake->size[i] = size;
	for (i = 0; i < sizeof(fake->config); i++)
		fake->config[i] = i + 1;
}

void
fake_legacy_destroy(struct fake_legacy *fake)
{
	unsigned int i;

	if (fake->breach[0] != '\0')
		test_fail(__FILE__, __LINE__, "%s", fake->breach);
	for (i = 0; i < fake->nb_rings; i++) {
		CHECK(ring_device_breach(&fake->ring[i])[0] == '\0');
		ring_device_close(&fake->ring[i]);
	}
}
