/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * Target "mmio": a virtio-mmio device of version 1 or 2, whose registers have what the driver has
 * written, late or at once, or read as the input says. Rings are started, stopped and emptied, and
 * the device is reset, in any order.
 *
 * No access leaves the window or has a wrong width, no ring is READY that a conforming device may
 * access, and all buffers and blocks are back at the end.
 */

#include <string.h>

#include <rte_common.h>
#include <rte_memory.h>

#include "fuzz.h"
#include "no_eal.h"
#include "transport_mmio.h"
#include "transport_rings.h"

#define RINGS 3
#define MAX_STEPS 60
#define CONFIG_SIZE 32
#define LENGTH (VIRTIO_MMIO_CONFIG + CONFIG_SIZE)
#define NETWORK 1

/* The next byte of an input for which a register reads as the bytes after it say. */
#define FALSE_VALUE 0xf5

struct mmio_ring_registers {
	uint32_t size_max;
	uint32_t size;
	uint32_t ready;  /* or, version 1, the page */
	uint32_t reset;
	unsigned int late; /* reads of QueueReset until the ring is reset */
};

struct run {
	struct fuzz_input in;
	bool obeys;                /* from here on it breaks no rule */
	bool rule_broken;          /* since it was reset */
	uint32_t version;
	uint64_t features, driver_features;
	uint32_t device_select, driver_select, select, status, generation;
	uint8_t config[CONFIG_SIZE];
	struct mmio_ring_registers ring[RINGS];
	struct virtio_mmio_hooks hooks;
	struct virtio_device dev;
	struct transport_rings rings;
	bool packed;
};

void
fuzz_start(void)
{
}

/* ---- the device --------------------------------------------------------------------------- */

static void
check_access(uint32_t offset, unsigned int width)
{
	CHECK(width == 1 || width == 2 || width == 4);
	CHECK_EQ(offset % width, 0);
	CHECK((uint64_t)offset + width <= LENGTH);
	CHECK(offset >= VIRTIO_MMIO_CONFIG || width == 4);
}

static void
stop_ring(struct mmio_ring_registers *q)
{
	q->ready = 0;
	q->reset = 0;
	q->late = 0;
}

static void
reset_device(struct run *r)
{
	unsigned int i;

	for (i = 0; i < RINGS; i++)
		stop_ring(&r->ring[i]);
	r->driver_features = 0;
	r->status = 0;
	r->rule_broken = false;
}

static uint32_t
value_of(struct run *r, uint32_t offset)
{
	struct mmio_ring_registers *q = &r->ring[r->select % RINGS];

	switch (offset) {
	case 0x000:
		return VIRTIO_MMIO_MAGIC_VALUE;
	case 0x004:
		return r->version;
	case 0x008:
		return NETWORK;
	case VIRTIO_MMIO_DEVICE_FEATURES:
		return r->device_select < 2 ? r->features >> 32 * r->device_select : 0;
	case VIRTIO_MMIO_QUEUE_SIZE_MAX:
		return r->select < RINGS ? q->size_max : 0;
	case VIRTIO_MMIO_QUEUE_READY:
	case VIRTIO_MMIO_QUEUE_PFN:
		return q->ready;
	case VIRTIO_MMIO_QUEUE_RESET:
		if (q->late > 0 && --q->late == 0)
			stop_ring(q);
		return q->reset;
	case VIRTIO_MMIO_STATUS:
		return r->status;
	case VIRTIO_MMIO_CONFIG_GENERATION:
		return r->generation;
	case VIRTIO_MMIO_INTERRUPT_STATUS:
		return VIRTIO_MMIO_INT_CONFIG;
	default:
		return 0;
	}
}

static uint32_t
read_register(void *arg, uint32_t offset, unsigned int width)
{
	struct run *r = arg;
	uint32_t value = 0;

	check_access(offset, width);
	if (offset < VIRTIO_MMIO_CONFIG)
		value = value_of(r, offset);
	else
		memcpy(&value, &r->config[offset - VIRTIO_MMIO_CONFIG], width);
	if (!r->obeys && fuzz_left(&r->in) > 0 && *r->in.at == FALSE_VALUE) {
		fuzz_byte(&r->in);
		r->rule_broken = true;
		value = fuzz_number(&r->in, width);
	}
	return value;
}

static void
write_register(void *arg, uint32_t offset, unsigned int width, uint32_t value)
{
	struct run *r = arg;
	struct mmio_ring_registers *q = &r->ring[r->select % RINGS];

	check_access(offset, width);
	switch (offset) {
	case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
		r->device_select = value;
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
		r->driver_select = value;
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES:
		if (r->driver_select < 2)
			r->driver_features |= (uint64_t)value << 32 * r->driver_select;
		CHECK(r->rule_broken || (r->driver_features & ~r->features) == 0);
		break;
	case VIRTIO_MMIO_QUEUE_SEL:
		r->select = value;
		break;
	case VIRTIO_MMIO_QUEUE_SIZE:
		q->size = value;
		CHECK(r->rule_broken || value <= q->size_max);
		break;
	case VIRTIO_MMIO_QUEUE_READY:
	case VIRTIO_MMIO_QUEUE_PFN:
		q->ready = value;
		break;
	case VIRTIO_MMIO_QUEUE_RESET:
		q->reset = 1;
		q->late = r->obeys || fuzz_below(&r->in, 8) != 7 ? 0 : fuzz_byte(&r->in);
		if (q->late == 0)
			stop_ring(q);
		break;
	case VIRTIO_MMIO_STATUS:
		if (value == 0)
			reset_device(r);
		else
			r->status = value;
		break;
	}
}

static void
change_device(struct run *r)
{
	switch (fuzz_below(&r->in, 4)) {
	case 0:
		r->config[fuzz_below(&r->in, CONFIG_SIZE)] = fuzz_byte(&r->in);
		r->generation++;
		break;
	case 1:
		r->status |= VIRTIO_STATUS_NEEDS_RESET;
		break;
	case 2:
		r->rule_broken = true;
		r->ring[fuzz_below(&r->in, RINGS)].ready = fuzz_byte(&r->in);
		break;
	default:
		r->ring[fuzz_below(&r->in, RINGS)].size_max = fuzz_number(&r->in, 2);
		break;
	}
}

/* ---- the driver --------------------------------------------------------------------------- */

static bool
has_ring(const void *arg, const struct virtqueue *vq)
{
	const struct run *r = arg;

	return r->ring[vq->index].ready != 0;
}

static void
check_rings(const struct run *r)
{
	if (!r->rule_broken)
		transport_rings_check(&r->rings, has_ring, r);
}

/* A ring is made by the layout that is negotiated, as a port does. */
static void
run_device(struct run *r)
{
	struct virtqueue_conf conf = { .size = 8 };
	struct virtqueue *made[RINGS];
	unsigned int i, n = 0;

	if (virtio_device_negotiate(&r->dev, r->packed ? UINT64_MAX :
				    ~VIRTIO_BIT(VIRTIO_F_RING_PACKED)) != 0)
		return;
	conf.packed = virtio_device_has(&r->dev, VIRTIO_F_RING_PACKED);
	for (i = 0; i < RINGS && i < r->dev.nb_vqs; i++) {
		if (r->rings.vq[i] == NULL)
			transport_ring_make(&r->rings, &r->dev, i, conf);
		if (r->rings.vq[i] != NULL)
			made[n++] = r->rings.vq[i];
	}
	virtio_device_start(&r->dev, made, n);
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
		virtio_device_read_config(&r->dev, fuzz_below(&r->in, 16) * len, bytes, len);
		virtio_mmio_isr(&r->dev);
		virtio_device_check(&r->dev);
		break;
	default:
		if (r->rings.vq[index] != NULL)
			transport_ring_step(&r->rings, index, &r->in);
		break;
	}
	check_rings(r);
}

static void
take_apart(struct run *r)
{
	r->obeys = true;
	CHECK_EQ(virtio_device_reset(&r->dev, PATIENCE_US), 0);
	transport_rings_destroy(&r->rings);
	virtio_mmio_destroy(&r->dev);
}

void
fuzz_run(const uint8_t *data, size_t size)
{
	static struct run run;
	const uint8_t flags = size > 0 ? data[0] : 0;
	struct virtio_mmio_conf conf = {
		.length = LENGTH, .device_id = NETWORK, .hooks = &run.hooks,
		.stop = flags & 3 ? flags & 1 : VIRTIO_MMIO_STOP_OFF, .node = SOCKET_ID_ANY,
	};
	unsigned int steps, i;

	memset(&run, 0, sizeof(run));
	run.in = (struct fuzz_input){ data + (size > 0), data + size };
	run.version = flags & 4 ? 1 : 2;
	run.packed = flags & 8;
	run.obeys = flags & 16;
	run.features = VIRTIO_BIT(VIRTIO_F_VERSION_1) | VIRTIO_BIT(VIRTIO_F_RING_RESET) |
		       VIRTIO_BIT(VIRTIO_F_RING_PACKED) | VIRTIO_BIT(VIRTIO_RING_F_EVENT_IDX);
	if (flags & 32)
		run.features ^= (uint64_t)1 << fuzz_below(&run.in, 64);
	run.hooks = (struct virtio_mmio_hooks){ read_register, write_register, &run };
	transport_rings_init(&run.rings);
	for (i = 0; i < RINGS; i++)
		run.ring[i].size_max = 64;
	if (virtio_mmio_create(&run.dev, "fuzz", &conf) == 0) {
		run_device(&run);
		for (steps = 0; steps < MAX_STEPS && fuzz_left(&run.in) > 0; steps++)
			step(&run);
		take_apart(&run);
	}
	/* The ring of a trial whose reset was not confirmed is kept. */
	if (!run.rule_broken)
		CHECK_EQ(no_eal_blocks(), 0);
	no_eal_forget_blocks();
}
