/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * Target "pci-legacy": a virtio-pci device before virtio 1.0, whose registers have what the driver
 * has written, or read as the input says. Rings are started and emptied, and the device is reset,
 * in any order, with MSI-X and without.
 *
 * No access leaves the window or has a wrong width, no ring is READY that a conforming device may
 * access, and all buffers and blocks are back at the end.
 */

#include <string.h>

#include <rte_bitops.h>
#include <rte_common.h>

#include "fuzz.h"
#include "no_eal.h"
#include "transport_pci.h"
#include "transport_rings.h"

#define RINGS 3
#define MAX_STEPS 60
#define MAX_SIZE 64
#define CONFIG_SIZE 32
#define LENGTH (VIRTIO_PCI_LEGACY_CONFIG_MSIX + CONFIG_SIZE)
#define PAGE_SHIFT 12

/* A device's address of a page has so many bits, 4.1.5.1.3.1. */
#define ADDRESS_BITS (32 + PAGE_SHIFT)

/* The next byte of an input for which a register reads as the bytes after it say. */
#define FALSE_VALUE 0xf5

struct run {
	struct fuzz_input in;
	bool obeys;       /* from here on it breaks no rule */
	bool rule_broken; /* since it was reset */
	bool msix;        /* as the driver has it */
	uint32_t features;
	uint16_t select;
	uint8_t status, isr;
	uint16_t config_vector;
	uint8_t config[CONFIG_SIZE];
	struct {
		uint16_t size, vector;
		uint32_t page; /* 0: it has none */
	} ring[RINGS];
	struct virtio_pci_hooks hooks;
	struct virtio_device dev;
	struct transport_rings rings;
};

void
fuzz_start(void)
{
	no_eal_set_iova_bits(ADDRESS_BITS);
}

/* ---- the device --------------------------------------------------------------------------- */

static unsigned int
width_of(uint32_t offset)
{
	switch (offset) {
	case VIRTIO_PCI_LEGACY_DEVICE_FEATURES:
	case VIRTIO_PCI_LEGACY_DRIVER_FEATURES:
	case VIRTIO_PCI_LEGACY_QUEUE_ADDRESS:
		return 4;
	case VIRTIO_PCI_LEGACY_STATUS:
	case VIRTIO_PCI_LEGACY_ISR:
		return 1;
	default:
		return 2;
	}
}

static uint32_t
config_at(const struct run *r)
{
	return r->msix ? VIRTIO_PCI_LEGACY_CONFIG_MSIX : VIRTIO_PCI_LEGACY_CONFIG;
}

static void
check_access(const struct run *r, enum virtio_pci_region region, uint32_t offset,
	     unsigned int width)
{
	CHECK_EQ(region, VIRTIO_PCI_COMMON);
	CHECK((uint64_t)offset + width <= LENGTH);
	if (offset >= config_at(r))
		CHECK(width == 1 || width == 2 || width == 4);
	else
		CHECK_EQ(width, width_of(offset));
}

static void
reset_device(struct run *r)
{
	unsigned int i;

	for (i = 0; i < RINGS; i++) {
		r->ring[i].page = 0;
		r->ring[i].vector = VIRTIO_PCI_NO_VECTOR;
	}
	r->config_vector = VIRTIO_PCI_NO_VECTOR;
	r->status = 0;
	r->rule_broken = false;
}

static uint32_t
value_of(struct run *r, uint32_t offset)
{
	const bool has_ring = r->select < RINGS;
	uint32_t value;

	switch (offset) {
	case VIRTIO_PCI_LEGACY_DEVICE_FEATURES:
		return r->features;
	case VIRTIO_PCI_LEGACY_QUEUE_ADDRESS:
		return has_ring ? r->ring[r->select].page : 0;
	case VIRTIO_PCI_LEGACY_QUEUE_SIZE:
		return has_ring ? r->ring[r->select].size : 0;
	case VIRTIO_PCI_LEGACY_STATUS:
		return r->status;
	case VIRTIO_PCI_LEGACY_ISR:
		/* A read clears it. */
		value = r->isr;
		r->isr = 0;
		return value;
	case VIRTIO_PCI_LEGACY_CONFIG_VECTOR:
		return r->config_vector;
	case VIRTIO_PCI_LEGACY_QUEUE_VECTOR:
		return has_ring ? r->ring[r->select].vector : VIRTIO_PCI_NO_VECTOR;
	default:
		return 0;
	}
}

static uint32_t
read_register(void *arg, enum virtio_pci_region region, uint32_t offset, unsigned int width)
{
	struct run *r = arg;
	uint32_t value = 0;

	check_access(r, region, offset, width);
	if (offset < config_at(r))
		value = value_of(r, offset);
	else if (offset - config_at(r) + width <= CONFIG_SIZE)
		memcpy(&value, &r->config[offset - config_at(r)], width);
	if (!r->obeys && fuzz_left(&r->in) > 0 && *r->in.at == FALSE_VALUE) {
		fuzz_byte(&r->in);
		r->rule_broken = true;
		value = fuzz_number(&r->in, width);
	}
	return value;
}

static void
write_register(void *arg, enum virtio_pci_region region, uint32_t offset, unsigned int width,
	       uint32_t value)
{
	struct run *r = arg;

	check_access(r, region, offset, width);
	if (offset >= config_at(r))
		return;
	switch (offset) {
	case VIRTIO_PCI_LEGACY_DRIVER_FEATURES:
		CHECK(r->rule_broken || (value & ~r->features) == 0);
		break;
	case VIRTIO_PCI_LEGACY_QUEUE_ADDRESS:
		if (r->select < RINGS)
			r->ring[r->select].page = value;
		break;
	case VIRTIO_PCI_LEGACY_QUEUE_SELECT:
		r->select = value;
		break;
	case VIRTIO_PCI_LEGACY_STATUS:
		if (value == 0)
			reset_device(r);
		else
			r->status = value;
		break;
	case VIRTIO_PCI_LEGACY_CONFIG_VECTOR:
		r->config_vector = value;
		break;
	case VIRTIO_PCI_LEGACY_QUEUE_VECTOR:
		if (r->select < RINGS)
			r->ring[r->select].vector = value;
		break;
	}
}

static void
change_device(struct run *r)
{
	switch (fuzz_below(&r->in, 4)) {
	case 0:
		r->config[fuzz_below(&r->in, CONFIG_SIZE)] = fuzz_byte(&r->in);
		break;
	case 1:
		r->isr = fuzz_byte(&r->in);
		break;
	case 2:
		r->rule_broken = true;
		r->status = fuzz_byte(&r->in);
		break;
	default:
		r->ring[fuzz_below(&r->in, RINGS)].size = fuzz_number(&r->in, 2);
		break;
	}
}

/* ---- the driver --------------------------------------------------------------------------- */

static bool
has_ring(const void *arg, const struct virtqueue *vq)
{
	const struct run *r = arg;

	return r->ring[vq->index].page != 0;
}

static void
check_rings(const struct run *r)
{
	if (!r->rule_broken)
		transport_rings_check(&r->rings, has_ring, r);
}

/* A ring has the device's size; one of another than a small power of two is not made. */
static void
make_ring(struct run *r, unsigned int index)
{
	struct virtqueue_conf conf = { 0 };

	if (virtio_device_queue_max(&r->dev, index, &conf.size) == 0 &&
	    conf.size >= TRANSPORT_RING_BUFFERS && conf.size <= MAX_SIZE &&
	    rte_is_power_of_2(conf.size))
		transport_ring_make(&r->rings, &r->dev, index, conf);
}

static void
run_device(struct run *r)
{
	struct virtqueue *made[RINGS];
	unsigned int i, n = 0;

	if (virtio_device_negotiate(&r->dev, UINT64_MAX) != 0)
		return;
	for (i = 0; i < RINGS && i < r->dev.nb_vqs; i++) {
		if (r->rings.vq[i] == NULL)
			make_ring(r, i);
		if (r->rings.vq[i] != NULL)
			made[n++] = r->rings.vq[i];
	}
	if (virtio_device_start(&r->dev, made, n) != 0 || r->rule_broken)
		return;
	for (i = 0; i < n; i++)
		CHECK_EQ(r->ring[made[i]->index].page,
			 virtqueue_dev_addr(made[i], made[i]->desc) >> PAGE_SHIFT);
}

static void
step_ring(struct run *r, unsigned int index)
{
	struct virtqueue *vq = r->rings.vq[index];

	switch (fuzz_below(&r->in, 4)) {
	case 0:
		CHECK_EQ(virtqueue_stop(vq, 1000), -ENOTSUP);
		break;
	case 1:
		transport_ring_refill(&r->rings, index);
		break;
	case 2:
		virtqueue_set_broken(vq, "a fuzz input");
		break;
	default:
		virtqueue_notify(vq);
		break;
	}
}

static void
step(struct run *r)
{
	const unsigned int index = fuzz_below(&r->in, RINGS);
	uint8_t bytes[8];
	uint32_t len;

	switch (fuzz_below(&r->in, 8)) {
	case 0:
		if (virtio_device_reset(&r->dev, fuzz_byte(&r->in) * 100) == 0) {
			check_rings(r);
			run_device(r);
		}
		break;
	case 1:
		change_device(r);
		break;
	case 2:
		len = 1u << fuzz_below(&r->in, 4);
		virtio_device_read_config(&r->dev, fuzz_byte(&r->in), bytes, len);
		virtio_pci_isr(&r->dev);
		virtio_device_check(&r->dev);
		break;
	case 3:
		len = 1u << fuzz_below(&r->in, 4);
		memset(bytes, 0, sizeof(bytes));
		virtio_device_write_config(&r->dev, fuzz_byte(&r->in), bytes, len);
		break;
	case 4:
		r->msix = fuzz_below(&r->in, 2);
		virtio_pci_legacy_set_msix(&r->dev, r->msix);
		virtio_pci_set_config_vector(&r->dev, fuzz_below(&r->in, 4));
		if (index < r->dev.nb_vqs)
			virtio_pci_set_queue_vector(&r->dev, index, fuzz_below(&r->in, 4));
		break;
	default:
		if (r->rings.vq[index] != NULL)
			step_ring(r, index);
		break;
	}
	check_rings(r);
}

static void
take_apart(struct run *r)
{
	r->obeys = true;
	CHECK_EQ(virtio_device_reset(&r->dev, PATIENCE_US), 0);
	check_rings(r);
	transport_rings_destroy(&r->rings);
	virtio_pci_legacy_destroy(&r->dev);
}

void
fuzz_run(const uint8_t *data, size_t size)
{
	static struct run run;
	const uint8_t flags = size > 0 ? data[0] : 0;
	struct virtio_pci_conf conf = {
		.window[VIRTIO_PCI_COMMON].length = LENGTH, .hooks = &run.hooks,
		.msix_on = flags & 1,
	};
	unsigned int steps, i;

	memset(&run, 0, sizeof(run));
	run.in = (struct fuzz_input){ data + (size > 0), data + size };
	run.msix = conf.msix_on;
	run.obeys = flags & 2;
	run.features = VIRTIO_BIT(15) | VIRTIO_BIT(VIRTIO_RING_F_EVENT_IDX) | VIRTIO_BIT(27);
	if (flags & 4)
		run.features ^= fuzz_number(&run.in, 4);
	run.hooks = (struct virtio_pci_hooks){ read_register, write_register, &run };
	transport_rings_init(&run.rings);
	for (i = 0; i < RINGS; i++)
		run.ring[i].size = flags & 8 ? fuzz_number(&run.in, 2) : 16;
	reset_device(&run);
	if (virtio_pci_legacy_create(&run.dev, "fuzz", &conf) == 0) {
		run_device(&run);
		for (steps = 0; steps < MAX_STEPS && fuzz_left(&run.in) > 0; steps++)
			step(&run);
		take_apart(&run);
	}
	CHECK_EQ(no_eal_blocks(), 0);
}
