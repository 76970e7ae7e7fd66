/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <string.h>

#include <rte_common.h>

#include "pci_registers.h"

#define F_CTRL_VQ (UINT64_C(1) << 17)
#define F_MQ (UINT64_C(1) << 22)
#define F_EVENT_IDX (UINT64_C(1) << 29)
#define F_PACKED (UINT64_C(1) << 34)
#define F_RSS (UINT64_C(1) << 60)

/* The next byte of an input for which a register reads as the bytes after it say. */
#define FALSE_VALUE 0xf5

#define NOTIFY_LENGTH 4096

/* Its window, whole registers, is never left, whatever the device has said before. */
static void
check_access(const struct pci_registers *regs, enum virtio_pci_region region, uint32_t offset,
	     unsigned int width)
{
	CHECK(width == 1 || width == 2 || width == 4);
	CHECK_EQ(offset % width, 0);
	CHECK((uint64_t)offset + width <= regs->conf.window[region].length);
}

uint16_t
pci_registers_ctrl(const struct pci_registers *regs)
{
	uint16_t pairs;

	if (!(regs->driver_features & F_CTRL_VQ))
		return UINT16_MAX;
	if (!(regs->driver_features & (F_MQ | F_RSS)))
		return 2;
	memcpy(&pairs, regs->config + 8, sizeof(pairs));
	return 2 * pairs;
}

static void
close_ring(struct pci_ring *q)
{
	if (q->open)
		ring_device_close(&q->ring);
	q->open = false;
	q->size = q->max_size;
	q->vector = 0xffff;
	q->enable = 0;
	q->reset = 0;
	q->late = 0;
}

static void
reset_device(struct pci_registers *regs)
{
	unsigned int i;

	for (i = 0; i < PCI_RINGS; i++)
		close_ring(&regs->ring[i]);
	regs->driver_features = 0;
	regs->config_vector = 0xffff;
	regs->status = 0;
	regs->needs_reset = false;
	regs->rule_broken = false;
}

static void
open_ring(struct pci_registers *regs, struct pci_ring *q)
{
	const bool packed = (regs->driver_features & F_PACKED) != 0;
	void *at[3];
	unsigned int i;

	q->enable = 1;
	for (i = 0; i < RTE_DIM(at); i++)
		at[i] = (void *)(uintptr_t)(q->address[2 * i] |
					    (uint64_t)q->address[2 * i + 1] << 32);
	if (q->open || at[0] == NULL || q->size == 0 ||
	    (!packed && (q->size & (q->size - 1)) != 0))
		return;
	ring_device_open(&q->ring, q->size, packed, at[0], at[1], at[2],
			 (regs->driver_features & F_EVENT_IDX) != 0);
	q->open = true;
}

/* ---- the control queue -------------------------------------------------------------------- */

static void
serve_ctrl(struct pci_registers *regs, struct pci_ring *q)
{
	struct device_chain chain;
	uint8_t how;

	while (q->open && ring_device_take(&q->ring, &chain)) {
		CHECK(chain.n >= 2 && chain.part[chain.n - 1].writable);
		CHECK_EQ(chain.part[chain.n - 1].len, 1);
		how = fuzz_byte(regs->in);
		if (how < 224)
			*chain.part[chain.n - 1].at = how >= 200;
		else if (how < 232)
			*chain.part[chain.n - 1].at = fuzz_byte(regs->in);
		if (how >= 250)
			continue;
		regs->rule_broken |= how >= 232;
		if (how < 240)
			ring_device_use(&q->ring, chain.head, 1);
		else
			ring_device_use_raw(&q->ring, fuzz_number(regs->in, 4),
					    fuzz_number(regs->in, 4));
	}
}

/* ---- registers ---------------------------------------------------------------------------- */

static uint32_t
read_common(const struct pci_registers *regs, uint32_t offset)
{
	const struct pci_ring *q = &regs->ring[regs->select % PCI_RINGS];
	const bool is_there = regs->select < regs->nb_rings;

	switch (offset) {
	case VIRTIO_PCI_DEVICE_FEATURE:
		return regs->device_select < 2 ? regs->features >> 32 * regs->device_select : 0;
	case VIRTIO_PCI_CONFIG_VECTOR:
		return regs->config_vector;
	case VIRTIO_PCI_NUM_QUEUES:
		return regs->nb_rings;
	case VIRTIO_PCI_DEVICE_STATUS:
		return regs->status | (regs->needs_reset ? VIRTIO_STATUS_NEEDS_RESET : 0);
	case VIRTIO_PCI_CONFIG_GENERATION:
		return regs->generation;
	case VIRTIO_PCI_QUEUE_SELECT:
		return regs->select;
	case VIRTIO_PCI_QUEUE_SIZE:
		return is_there ? q->size : 0;
	case VIRTIO_PCI_QUEUE_VECTOR:
		return q->vector;
	case VIRTIO_PCI_QUEUE_ENABLE:
		return q->enable;
	case VIRTIO_PCI_QUEUE_NOTIFY_OFF:
		return q->notify_off;
	case VIRTIO_PCI_QUEUE_RESET:
		return q->reset;
	default:
		return 0;
	}
}

/* One more look at a ring that takes its time. */
static void
look_at_reset(struct pci_ring *q)
{
	if (q->late > 0 && --q->late == 0)
		close_ring(q);
}

static uint32_t
read_register(void *arg, enum virtio_pci_region region, uint32_t offset, unsigned int width)
{
	struct pci_registers *regs = arg;
	uint32_t value = 0;

	check_access(regs, region, offset, width);
	if (region == VIRTIO_PCI_COMMON && offset == VIRTIO_PCI_QUEUE_RESET)
		look_at_reset(&regs->ring[regs->select % PCI_RINGS]);
	if (region == VIRTIO_PCI_COMMON)
		value = read_common(regs, offset);
	else if (region == VIRTIO_PCI_DEVICE)
		memcpy(&value, regs->config + offset, width);
	else if (region == VIRTIO_PCI_ISR)
		value = VIRTIO_PCI_ISR_CONFIG;
	if (regs->false_left > 0 && fuzz_left(regs->in) > 0 && *regs->in->at == FALSE_VALUE) {
		fuzz_byte(regs->in);
		regs->false_left--;
		regs->rule_broken = true;
		value = fuzz_number(regs->in, width);
	}
	return value;
}

static void
write_ring(struct pci_registers *regs, uint32_t offset, uint32_t value)
{
	struct pci_ring *q = &regs->ring[regs->select % PCI_RINGS];

	CHECK(regs->rule_broken || regs->select < regs->nb_rings);
	switch (offset) {
	case VIRTIO_PCI_QUEUE_SIZE:
		q->size = value;
		break;
	case VIRTIO_PCI_QUEUE_VECTOR:
		q->vector = value;
		break;
	case VIRTIO_PCI_QUEUE_ENABLE:
		if (value != 0)
			open_ring(regs, q);
		else
			close_ring(q);
		break;
	case VIRTIO_PCI_QUEUE_RESET:
		q->late = fuzz_below(regs->in, 8) == 7 ? fuzz_byte(regs->in) : 0;
		q->reset = 1;
		if (q->late == 0)
			close_ring(q);
		break;
	default:
		q->address[(offset - VIRTIO_PCI_QUEUE_DESC) / 4] = value;
		break;
	}
}

static void
write_common(struct pci_registers *regs, uint32_t offset, uint32_t value)
{
	switch (offset) {
	case VIRTIO_PCI_DEVICE_FEATURE_SELECT:
		regs->device_select = value;
		break;
	case VIRTIO_PCI_DRIVER_FEATURE_SELECT:
		regs->driver_select = value;
		break;
	case VIRTIO_PCI_DRIVER_FEATURE:
		if (regs->driver_select < 2)
			regs->driver_features |= (uint64_t)value << 32 * regs->driver_select;
		CHECK(regs->rule_broken || (regs->driver_features & ~regs->features) == 0);
		break;
	case VIRTIO_PCI_CONFIG_VECTOR:
		regs->config_vector = value;
		break;
	case VIRTIO_PCI_DEVICE_STATUS:
		regs->status = value;
		if (value == 0)
			reset_device(regs);
		break;
	case VIRTIO_PCI_QUEUE_SELECT:
		regs->select = value;
		break;
	default:
		write_ring(regs, offset, value);
		break;
	}
}

static void
write_register(void *arg, enum virtio_pci_region region, uint32_t offset, unsigned int width,
	       uint32_t value)
{
	struct pci_registers *regs = arg;

	check_access(regs, region, offset, width);
	if (region == VIRTIO_PCI_COMMON)
		write_common(regs, offset, value);
	else if (region == VIRTIO_PCI_NOTIFY && (uint16_t)value < PCI_RINGS &&
		 (uint16_t)value == pci_registers_ctrl(regs))
		serve_ctrl(regs, &regs->ring[(uint16_t)value]);
}

void
pci_registers_config16(struct pci_registers *regs, unsigned int offset, uint16_t value)
{
	memcpy(regs->config + offset, &value, sizeof(value));
}

void
pci_registers_init(struct pci_registers *regs, struct fuzz_input *in, uint64_t features,
		   uint16_t nb_rings, uint16_t size)
{
	unsigned int i;

	memset(regs, 0, sizeof(*regs));
	regs->in = in;
	regs->features = features;
	regs->nb_rings = nb_rings;
	for (i = 0; i < PCI_RINGS; i++) {
		regs->ring[i].max_size = size;
		regs->ring[i].notify_off = i;
	}
	reset_device(regs);
	regs->config[0] = 2;                     /* mac */
	pci_registers_config16(regs, 6, 1);      /* status: link up */
	pci_registers_config16(regs, 8, 1);      /* max_virtqueue_pairs */
	pci_registers_config16(regs, 10, 1500);  /* mtu */
	regs->config[17] = 40;                   /* rss_max_key_size */
	pci_registers_config16(regs, 18, 128);   /* rss_max_indirection_table_length */
	pci_registers_config16(regs, 20, 0x3f);  /* supported_hash_types */
	regs->hooks = (struct virtio_pci_hooks){ read_register, write_register, regs };
	regs->conf.hooks = &regs->hooks;
	regs->conf.notify_multiplier = 4;
	regs->conf.window[VIRTIO_PCI_COMMON].length = VIRTIO_PCI_COMMON_RESET;
	regs->conf.window[VIRTIO_PCI_NOTIFY].length = NOTIFY_LENGTH;
	regs->conf.window[VIRTIO_PCI_ISR].length = 1;
	regs->conf.window[VIRTIO_PCI_DEVICE].length = PCI_CONFIG_SIZE;
}

void
pci_registers_fini(struct pci_registers *regs)
{
	reset_device(regs);
}

void
pci_registers_check(const struct pci_registers *regs)
{
	const char *breach;
	unsigned int i;

	for (i = 0; i < PCI_RINGS && !regs->rule_broken; i++) {
		breach = regs->ring[i].open ? ring_device_breach(&regs->ring[i].ring) : "";
		if (breach[0] != '\0')
			test_fail(__FILE__, __LINE__, "ring %u: %s", i, breach);
	}
}
