/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * The virtio-pci device before virtio 1.0, 4.1.4.8: a few I/O ports. There is no stop of one ring,
 * a ring is set by the number of its first page, which enables it too, and its size is the
 * device's word. Fields have the byte order of the processor (2.4.3), which the accesses here take
 * for little-endian.
 */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <rte_common.h>
#include <rte_malloc.h>

#include "transport_pci_private.h"
#include "virtio_log.h"
#include "virtqueue.h"

/* A device that changes its configuration all the time is not waited for. */
#define CONFIG_TRIES 16

#define PAGE_SHIFT 12

static_assert(1 << PAGE_SHIFT == VRING_LEGACY_ALIGN, "4.1.5.1.3.1");

static uint32_t
port_read(const struct pci *pci, uint32_t offset, unsigned int width)
{
	return reg_read(pci, VIRTIO_PCI_COMMON, offset, width);
}

static void
port_write(const struct pci *pci, uint32_t offset, unsigned int width, uint32_t value)
{
	reg_write(pci, VIRTIO_PCI_COMMON, offset, width, value);
}

static int
legacy_get_status(struct virtio_device *dev, uint8_t *status)
{
	*status = port_read(dev->priv, VIRTIO_PCI_LEGACY_STATUS, 1);
	return *status == GONE_8 ? pci_gone(dev) : 0;
}

static int
legacy_set_status(struct virtio_device *dev, uint8_t status)
{
	port_write(dev->priv, VIRTIO_PCI_LEGACY_STATUS, 1, status);
	return 0;
}

static int
legacy_get_features(struct virtio_device *dev, uint64_t *features)
{
	*features = port_read(dev->priv, VIRTIO_PCI_LEGACY_DEVICE_FEATURES, 4);
	return *features == UINT32_MAX ? pci_gone(dev) : 0;
}

static int
legacy_set_features(struct virtio_device *dev, uint64_t features)
{
	port_write(dev->priv, VIRTIO_PCI_LEGACY_DRIVER_FEATURES, 4, (uint32_t)features);
	return 0;
}

static int
legacy_queue_max_size(struct virtio_device *dev, uint16_t index, uint16_t *size)
{
	const struct pci *pci = dev->priv;

	port_write(pci, VIRTIO_PCI_LEGACY_QUEUE_SELECT, 2, index);
	*size = port_read(pci, VIRTIO_PCI_LEGACY_QUEUE_SIZE, 2);
	return *size == GONE_16 ? pci_gone(dev) : 0;
}

static int
tell_config_vector(struct virtio_device *dev)
{
	struct pci *pci = dev->priv;
	int ret;

	if (!pci->msix || pci->config_vector_set)
		return 0;
	ret = pci_write_vector(dev, VIRTIO_PCI_LEGACY_CONFIG_VECTOR, pci->config_vector);
	pci->config_vector_set = ret == 0;
	return ret;
}

/* 4.1.5.1.3.1; the address is set by legacy_queue_enable(), since it enables. */
static int
legacy_queue_setup(struct virtqueue *vq)
{
	struct virtio_device *dev = vq->dev;
	const struct pci *pci = dev->priv;
	uint16_t size;
	int ret;

	if (virtqueue_dev_addr(vq, vq->desc) >> PAGE_SHIFT > UINT32_MAX) {
		VIRTIO_LOG(ERR, "%s: the ring's memory is at 0x%" PRIx64 ", a legacy device can "
			   "access rings below 16 TB only. Use a modern device.", vq->conf.name,
			   virtqueue_dev_addr(vq, vq->desc));
		return -EINVAL;
	}
	ret = tell_config_vector(dev);
	if (ret == 0)
		ret = legacy_queue_max_size(dev, vq->index, &size);
	if (ret == 0)
		ret = virtqueue_check_size(dev, vq->conf.name, vq->size, size);
	if (ret == 0 && pci->msix)
		ret = pci_write_vector(dev, VIRTIO_PCI_LEGACY_QUEUE_VECTOR,
				       pci->rings[vq->index].vector);
	return ret;
}

static int
legacy_queue_enable(struct virtqueue *vq)
{
	struct virtio_device *dev = vq->dev;
	const struct pci *pci = dev->priv;
	const uint32_t page = virtqueue_dev_addr(vq, vq->desc) >> PAGE_SHIFT;
	uint8_t status;
	uint32_t got;
	int ret;

	port_write(pci, VIRTIO_PCI_LEGACY_QUEUE_SELECT, 2, vq->index);
	port_write(pci, VIRTIO_PCI_LEGACY_QUEUE_ADDRESS, 4, page);
	got = port_read(pci, VIRTIO_PCI_LEGACY_QUEUE_ADDRESS, 4);
	if (got == page)
		return 0;
	ret = legacy_get_status(dev, &status);
	if (ret != 0)
		return ret;
	VIRTIO_LOG(ERR, "%s: the device's register for the ring's page reads 0x%x, 0x%x was "
		   "written. The device does not conform to the specification.", vq->conf.name, got,
		   page);
	return -EIO;
}

/* Not called, as the method is NONE. A page of 0 would disable, but nobody promises when. */
static int
legacy_queue_stop(struct virtqueue *vq)
{
	RTE_SET_USED(vq);
	return -ENOTSUP;
}

static void
legacy_queue_notify(struct virtqueue *vq)
{
	port_write(vq->dev->priv, VIRTIO_PCI_LEGACY_QUEUE_NOTIFY, 2, vq->index);
}

static int
legacy_reset_ask(struct virtio_device *dev)
{
	return legacy_set_status(dev, VIRTIO_STATUS_RESET);
}

static int
legacy_reset_poll(struct virtio_device *dev)
{
	return pci_reset_confirmed(dev, legacy_get_status);
}

/* Where the device configuration begins, and how much there is of it. */
static uint32_t
config_at(const struct pci *pci, uint32_t *length)
{
	const uint32_t at = pci->msix ? VIRTIO_PCI_LEGACY_CONFIG_MSIX : VIRTIO_PCI_LEGACY_CONFIG;

	*length = pci->window[VIRTIO_PCI_COMMON].length - at;
	return at;
}

/* 2.5.4: without a generation, until two looks in a row see the same. */
static int
legacy_read_config(struct virtio_device *dev, uint32_t offset, void *to, size_t len)
{
	const struct pci *pci = dev->priv;
	uint32_t length;
	const uint32_t at = config_at(pci, &length);
	unsigned int tries;
	uint8_t status;
	int ret;

	ret = pci_check_config(dev, length, offset, len);
	if (ret != 0)
		return ret;
	memset(to, 0, len);
	pci_copy_config(pci, VIRTIO_PCI_COMMON, at + offset, to, len);
	for (tries = 0; tries < CONFIG_TRIES; tries++) {
		if (!pci_copy_config(pci, VIRTIO_PCI_COMMON, at + offset, to, len))
			break;
	}
	ret = legacy_get_status(dev, &status);
	if (ret != 0 || tries < CONFIG_TRIES)
		return ret;
	VIRTIO_LOG(ERR, "%s: the device configuration changes faster than it can be read",
		   dev->name);
	return -EIO;
}

static int
legacy_write_config(struct virtio_device *dev, uint32_t offset, const void *from, size_t len)
{
	const struct pci *pci = dev->priv;
	uint32_t length;
	const uint32_t at = config_at(pci, &length);
	const int ret = pci_check_config(dev, length, offset, len);

	if (ret == 0)
		pci_put_config(pci, VIRTIO_PCI_COMMON, at + offset, from, len);
	return ret;
}

/* What they are reached by, hooks and EAL's handle of them, is the primary's. */
static int
legacy_attach(struct virtio_device *dev)
{
	VIRTIO_INIT_LOG(ERR, "%s: the I/O ports of a legacy device can be used in the primary "
			"process only. Use a modern device for secondary processes.", dev->name);
	return -ENOTSUP;
}

static const struct virtio_transport_ops pci_legacy_ops = {
	.name = "virtio-pci-legacy",
	.by_iova = true,
	.legacy = true,
	.get_features = legacy_get_features,
	.set_features = legacy_set_features,
	.set_status = legacy_set_status,
	.get_status = legacy_get_status,
	.queue_setup = legacy_queue_setup,
	.queue_enable = legacy_queue_enable,
	.queue_stop_ask = legacy_queue_stop,
	.queue_stop_poll = legacy_queue_stop,
	.queue_notify = legacy_queue_notify,
	.reset_ask = legacy_reset_ask,
	.reset_poll = legacy_reset_poll,
	.wait = pci_wait,
	.queue_max_size = legacy_queue_max_size,
	.read_config = legacy_read_config,
	.write_config = legacy_write_config,
	.attach = legacy_attach,
};

RTE_INIT(pci_legacy_register)
{
	virtio_transports[VIRTIO_TRANSPORT_PCI_LEGACY] = &pci_legacy_ops;
}

/* There is no register for it: rings are counted until one is not there. */
static int
count_rings(const char *name, const struct virtio_pci_conf *conf, uint16_t *nb_rings)
{
	const struct pci pci = { .window = {
		[VIRTIO_PCI_COMMON] = conf->window[VIRTIO_PCI_COMMON] }, .hooks = conf->hooks };
	uint16_t size = 1;

	if (port_read(&pci, VIRTIO_PCI_LEGACY_STATUS, 1) == GONE_8) {
		VIRTIO_INIT_LOG(ERR, "%s: the device's registers read all ones: it is gone", name);
		return -ENODEV;
	}
	for (*nb_rings = 0; *nb_rings < UINT16_MAX; (*nb_rings)++) {
		port_write(&pci, VIRTIO_PCI_LEGACY_QUEUE_SELECT, 2, *nb_rings);
		size = port_read(&pci, VIRTIO_PCI_LEGACY_QUEUE_SIZE, 2);
		if (size == 0 || size == GONE_16)
			break;
	}
	if (size == GONE_16) {
		VIRTIO_INIT_LOG(ERR, "%s: the device's registers read all ones: it is gone", name);
		return -ENODEV;
	}
	if (*nb_rings == 0) {
		VIRTIO_INIT_LOG(ERR, "%s: the device reports no rings. The device does not conform "
				"to the specification.", name);
		return -EINVAL;
	}
	return 0;
}

int
virtio_pci_legacy_create(struct virtio_device *dev, const char *name,
			 const struct virtio_pci_conf *conf)
{
	uint16_t nb_rings;
	int ret;

	if (conf->window[VIRTIO_PCI_COMMON].length < VIRTIO_PCI_LEGACY_CONFIG_MSIX) {
		VIRTIO_INIT_LOG(ERR, "%s: the I/O ports of the legacy device are %u bytes, at "
				"least %u are needed. The device does not conform to the "
				"specification.", name, conf->window[VIRTIO_PCI_COMMON].length,
				VIRTIO_PCI_LEGACY_CONFIG_MSIX);
		return -EINVAL;
	}
	ret = count_rings(name, conf, &nb_rings);
	if (ret == 0)
		ret = virtio_device_init(dev, name, VIRTIO_TRANSPORT_PCI_LEGACY, nb_rings);
	if (ret != 0)
		return ret;
	dev->stop_method = VIRTIO_STOP_NONE;
	dev->priv = pci_make_private(conf, nb_rings);
	ret = dev->priv == NULL ? -ENOMEM : pci_read_offer(dev, legacy_get_features);
	if (ret != 0) {
		virtio_pci_legacy_destroy(dev);
		return ret;
	}
	VIRTIO_INIT_LOG(NOTICE, "%s: single queues are stopped by: %s (a legacy device, from "
			"before virtio 1.0, has no queue reset)", name,
			virtio_stop_method_name(dev->stop_method));
	virtio_device_check_iova(dev);
	virtio_device_note_connection(dev, "a legacy device has no queue reset");
	return 0;
}

void
virtio_pci_legacy_destroy(struct virtio_device *dev)
{
	rte_free(dev->priv);
	dev->priv = NULL;
	virtio_device_fini(dev);
}

void
virtio_pci_legacy_set_msix(struct virtio_device *dev, bool on)
{
	struct pci *pci = dev->priv;

	pci->msix = on;
}
