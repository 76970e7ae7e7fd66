/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_common.h>

#include "virtio_log.h"
#include "virtio_pci_caps.h"

/* Of PCI's own header and capabilities. */
#define PCI_COMMAND         0x04
#define PCI_COMMAND_ZEROS   0xf800 /* reserved bits, 0 in each function */
#define PCI_STATUS          0x06
#define PCI_STATUS_HAS_CAPS 0x10
#define PCI_CAPS            0x34
#define PCI_CAPS_START      0x40
#define PCI_CAP_ID_VENDOR   0x09
#define PCI_CAP_ID_MSIX     0x11
#define PCI_MSIX_CONTROL    2
#define PCI_MSIX_ENABLE     0x8000
#define PCI_SPACE           256

/* Of the kernel's words on a BAR: it is one of I/O ports. */
#define SYSFS_IS_PORTS      0x100

/* Capabilities of four bytes at least that the configuration space has room for. */
#define PCI_MAX_CAPS        ((PCI_SPACE - PCI_CAPS_START) / 4)

struct walk {
	const char *name;
	virtio_pci_config_read_t read;
	const void *arg;
	const struct virtio_pci_bar *bars;
	struct virtio_pci_found *found;
	unsigned int nb_virtio; /* capabilities that are virtio's */
};

static int
read_config(const struct walk *walk, void *to, size_t len, off_t offset)
{
	if (walk->read(walk->arg, to, len, offset) == (int)len)
		return 0;
	VIRTIO_INIT_LOG(ERR, "%s: %zu bytes at 0x%x of the PCI configuration space cannot be read. "
			"Check the permissions of the process, and whether the device is still "
			"there.", walk->name, len, (unsigned int)offset);
	return -EIO;
}

/* Which window a capability is of; -1 for those that are not used here. */
static int
region_of(uint8_t type)
{
	switch (type) {
	case VIRTIO_PCI_CAP_COMMON:
		return VIRTIO_PCI_COMMON;
	case VIRTIO_PCI_CAP_NOTIFY:
		return VIRTIO_PCI_NOTIFY;
	case VIRTIO_PCI_CAP_ISR:
		return VIRTIO_PCI_ISR;
	case VIRTIO_PCI_CAP_DEVICE:
		return VIRTIO_PCI_DEVICE;
	}
	return -1;
}

static uint32_t
le32_at(const uint8_t *cap, unsigned int at)
{
	uint32_t value;

	memcpy(&value, cap + at, sizeof(value));
	return rte_le_to_cpu_32(value);
}

static int
take_virtio(struct walk *walk, uint8_t pos)
{
	uint8_t cap[VIRTIO_PCI_NOTIFY_CAP_SIZE] = { 0 };
	struct virtio_pci_window *window;
	const struct virtio_pci_bar *bar;
	uint32_t offset, length;
	size_t size;
	int region, ret;

	/* One that is not virtio's may be shorter, and lie at the very end. */
	ret = read_config(walk, cap, RTE_MIN(VIRTIO_PCI_CAP_SIZE, PCI_SPACE - pos), pos);
	if (ret != 0)
		return ret;
	region = region_of(cap[VIRTIO_PCI_CAP_TYPE]);
	size = region == VIRTIO_PCI_NOTIFY ? VIRTIO_PCI_NOTIFY_CAP_SIZE : VIRTIO_PCI_CAP_SIZE;
	/* 4.1.4.1: unknown types and BARs are left alone, the first of a type is taken. */
	if (region < 0 || cap[VIRTIO_PCI_CAP_BAR] >= VIRTIO_PCI_BARS)
		return 0;
	walk->nb_virtio++;
	bar = &walk->bars[cap[VIRTIO_PCI_CAP_BAR]];
	window = &walk->found->window[region];
	if (bar->addr == NULL || window->length != 0)
		return 0;
	if (cap[VIRTIO_PCI_CAP_LEN] < size || pos + size > PCI_SPACE) {
		VIRTIO_INIT_LOG(ERR, "%s: the capability at 0x%02x has %u bytes, type %u needs "
				"%zu. The device does not conform to the specification.",
				walk->name, pos, cap[VIRTIO_PCI_CAP_LEN], cap[VIRTIO_PCI_CAP_TYPE],
				size);
		return -EINVAL;
	}
	offset = le32_at(cap, VIRTIO_PCI_CAP_OFFSET);
	length = le32_at(cap, VIRTIO_PCI_CAP_LENGTH);
	if (offset > bar->len || length > bar->len - offset) {
		VIRTIO_INIT_LOG(ERR, "%s: the capability at 0x%02x describes bytes 0x%x to "
				"0x%" PRIx64 " of BAR %u, which has 0x%" PRIx64 " bytes. The "
				"device does not conform to the specification.", walk->name, pos,
				offset, (uint64_t)offset + length, cap[VIRTIO_PCI_CAP_BAR],
				bar->len);
		return -EINVAL;
	}
	if (region == VIRTIO_PCI_NOTIFY) {
		ret = read_config(walk, cap, size, pos);
		walk->found->notify_multiplier = le32_at(cap, VIRTIO_PCI_NOTIFY_CAP_MULTIPLIER);
	}
	window->base = RTE_PTR_ADD(bar->addr, offset);
	window->length = length;
	return ret;
}

static int
take_msix(struct walk *walk, uint8_t pos)
{
	uint16_t control;
	const int ret = read_config(walk, &control, sizeof(control), pos + PCI_MSIX_CONTROL);

	walk->found->msix = ret == 0;
	walk->found->msix_on = ret == 0 && (rte_le_to_cpu_16(control) & PCI_MSIX_ENABLE);
	return ret;
}

static int
take(struct walk *walk, uint8_t id, uint8_t pos)
{
	if (id == PCI_CAP_ID_VENDOR)
		return take_virtio(walk, pos);
	return id == PCI_CAP_ID_MSIX ? take_msix(walk, pos) : 0;
}

int
virtio_pci_find_windows(const char *name, virtio_pci_config_read_t read, const void *arg,
			const struct virtio_pci_bar bars[VIRTIO_PCI_BARS],
			struct virtio_pci_found *found)
{
	struct walk walk = { .name = name, .read = read, .arg = arg, .bars = bars,
			     .found = found };
	unsigned int n;
	uint16_t status;
	uint8_t pos = 0;
	int ret;

	*found = (struct virtio_pci_found){ 0 };
	ret = read_config(&walk, &status, sizeof(status), PCI_STATUS);
	if (ret == 0 && (rte_le_to_cpu_16(status) & PCI_STATUS_HAS_CAPS))
		ret = read_config(&walk, &pos, sizeof(pos), PCI_CAPS);
	for (n = 0; ret == 0 && pos >= PCI_CAPS_START; n++) {
		uint8_t head[2]; /* id, next */

		if (n == PCI_MAX_CAPS) {
			VIRTIO_INIT_LOG(ERR, "%s: the list of PCI capabilities has a loop. The "
					"device does not conform to the specification.", name);
			return -EINVAL;
		}
		pos &= ~3; /* the two lowest bits are reserved */
		ret = read_config(&walk, head, sizeof(head), pos);
		if (ret == 0)
			ret = take(&walk, head[0], pos);
		pos = head[1];
	}
	if (ret != 0)
		return ret;
	return walk.nb_virtio == 0 ? -ENOTSUP : 0;
}

int
virtio_pci_ports_length(FILE *resources, uint32_t *length)
{
	uint64_t first, last, flags;

	if (resources == NULL ||
	    fscanf(resources, "%" SCNx64 " %" SCNx64 " %" SCNx64, &first, &last, &flags) != 3 ||
	    !(flags & SYSFS_IS_PORTS) || last < first || last - first >= UINT16_MAX)
		return -EINVAL;
	*length = last - first + 1;
	return 0;
}

bool
virtio_pci_function_is_gone(virtio_pci_config_read_t read, const void *arg)
{
	uint16_t command;

	return read(arg, &command, sizeof(command), PCI_COMMAND) == sizeof(command) &&
	       (rte_le_to_cpu_16(command) & PCI_COMMAND_ZEROS) == PCI_COMMAND_ZEROS;
}
