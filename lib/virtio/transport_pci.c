/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/* What the two virtio-pci transports have in common. */

#include <errno.h>
#include <string.h>
#include <time.h>

#include <rte_common.h>
#include <rte_malloc.h>

#include "transport_pci_private.h"
#include "virtio_log.h"
#include "virtqueue_reset.h"

int
pci_read_offer(struct virtio_device *dev,
	       int (*read_features)(struct virtio_device *dev, uint64_t *features))
{
	const struct virtio_transport_ops *ops = virtio_device_ops(dev);
	int ret;

	ret = virtio_device_reset(dev, FIRST_RESET_TIMEOUT_US);
	if (ret == 0)
		ret = ops->set_status(dev, VIRTIO_STATUS_ACKNOWLEDGE);
	if (ret == 0)
		ret = ops->set_status(dev, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
	if (ret == 0)
		ret = read_features(dev, &dev->offered);
	return ret != 0 ? ret : virtio_device_reset(dev, FIRST_RESET_TIMEOUT_US);
}

struct pci *
pci_make_private(const struct virtio_pci_conf *conf, uint16_t nb_rings)
{
	struct pci *pci = rte_zmalloc("virtio_pci",
				      sizeof(*pci) + nb_rings * sizeof(pci->rings[0]), 0);
	uint16_t i;

	if (pci == NULL)
		return NULL;
	memcpy(pci->window, conf->window, sizeof(pci->window));
	pci->hooks = conf->hooks;
	pci->notify_multiplier = conf->notify_multiplier;
	pci->msix = conf->msix_on;
	pci->config_vector = VIRTIO_PCI_NO_VECTOR;
	pci->nb_rings = nb_rings;
	for (i = 0; i < nb_rings; i++)
		pci->rings[i].vector = VIRTIO_PCI_NO_VECTOR;
	return pci;
}

int
pci_gone(struct virtio_device *dev)
{
	struct pci *pci = dev->priv;

	if (!pci->gone)
		VIRTIO_LOG(ERR, "%s: the device's registers read all ones: it is gone. Close the "
			   "port.", dev->name);
	pci->gone = true;
	return -ENODEV;
}

void
pci_forget_rings(struct pci *pci)
{
	uint16_t i;

	pci->config_vector_set = false;
	for (i = 0; i < pci->nb_rings; i++) {
		pci->rings[i].max_size = 0;
		pci->rings[i].asked = false;
	}
}

int
pci_reset_confirmed(struct virtio_device *dev,
		    int (*get_status)(struct virtio_device *dev, uint8_t *status))
{
	struct pci *pci = dev->priv;
	uint8_t status;
	int ret;

	if (!pci->cut_off) {
		ret = get_status(dev, &status);
		if (ret != 0)
			return ret;
		if (status != VIRTIO_STATUS_RESET)
			return -EAGAIN;
	}
	pci_forget_rings(pci);
	return 0;
}

void
virtio_pci_cut_off(struct virtio_device *dev)
{
	struct pci *pci = dev->priv;

	pci->cut_off = true;
}

/* 4.1.5.1.2: a vector that the device could not map reads back as NO_VECTOR. */
int
pci_write_vector(struct virtio_device *dev, uint32_t offset, uint16_t vector)
{
	const struct pci *pci = dev->priv;
	uint8_t status;
	uint16_t got;
	int ret;

	if (vector == VIRTIO_PCI_NO_VECTOR)
		return 0;
	reg_write(pci, VIRTIO_PCI_COMMON, offset, 2, vector);
	got = reg_read(pci, VIRTIO_PCI_COMMON, offset, 2);
	if (got == vector)
		return 0;
	/* The one field for which all ones is an answer: the status tells. */
	ret = virtio_device_ops(dev)->get_status(dev, &status);
	if (ret != 0)
		return ret;
	VIRTIO_INIT_LOG(ERR, "%s: MSI-X vector %u is not accepted, 0x%04x is read back: the device "
			"has no resources for it. Use fewer receive interrupts.", dev->name, vector,
			got);
	return -EBUSY;
}

int
pci_check_config(struct virtio_device *dev, uint32_t length, uint32_t offset, size_t len)
{
	if (offset <= length && len <= length - offset)
		return 0;
	VIRTIO_LOG(ERR, "%s: bytes %u to %zu of the device configuration are needed, the device "
		   "has %u. The device does not conform to the specification.", dev->name, offset,
		   offset + len - 1, length);
	return -EINVAL;
}

bool
pci_copy_config(const struct pci *pci, enum virtio_pci_region region, uint32_t from, void *to,
		size_t len)
{
	const unsigned int width = pci_field_width(len);
	bool differs = false;
	size_t i;

	for (i = 0; i < len; i += width) {
		const uint32_t value = rte_cpu_to_le_32(reg_read(pci, region, from + i, width));

		differs |= memcmp((uint8_t *)to + i, &value, width) != 0;
		memcpy((uint8_t *)to + i, &value, width);
	}
	return differs;
}

void
pci_put_config(const struct pci *pci, enum virtio_pci_region region, uint32_t to,
	       const void *from, size_t len)
{
	const unsigned int width = pci_field_width(len);
	size_t i;

	for (i = 0; i < len; i += width) {
		uint32_t value = 0;

		memcpy(&value, (const uint8_t *)from + i, width);
		reg_write(pci, region, to + i, width, rte_le_to_cpu_32(value));
	}
}

void
pci_wait(struct virtio_device *dev, uint32_t timeout_us)
{
	const struct timespec t = { .tv_nsec = RTE_MIN(timeout_us, UINT32_C(100)) * 1000 };

	RTE_SET_USED(dev);
	nanosleep(&t, NULL);
}

void
virtio_pci_set_queue_vector(struct virtio_device *dev, uint16_t index, uint16_t vector)
{
	struct pci *pci = dev->priv;

	pci->rings[index].vector = vector;
}

void
virtio_pci_set_config_vector(struct virtio_device *dev, uint16_t vector)
{
	struct pci *pci = dev->priv;

	pci->config_vector = vector;
}

int
virtio_pci_isr(struct virtio_device *dev)
{
	const bool legacy = dev->kind == VIRTIO_TRANSPORT_PCI_LEGACY;
	const uint8_t isr = legacy ?
		reg_read(dev->priv, VIRTIO_PCI_COMMON, VIRTIO_PCI_LEGACY_ISR, 1) :
		reg_read(dev->priv, VIRTIO_PCI_ISR, 0, 1);

	return isr == GONE_8 ? pci_gone(dev) : isr;
}
