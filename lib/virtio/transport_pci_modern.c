/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * The modern virtio-pci device. The life of a ring, in registers; sections are those of virtio 1.2:
 *
 *   set up   queue_select; queue_size; queue_msix_vector; three addresses       4.1.5.1.3
 *   enable   queue_select; queue_enable 1                                       4.1.4.3.2
 *   notify   a write to the ring's place in the notification window             4.1.5.2
 *   stop     queue_select; queue_reset 1; until it reads 0, queue_enable too    2.6.1.1, 4.1.4.3.2
 *
 * The second set-up is the first one again (2.6.1.2): nothing is taken for known after a reset.
 *
 * A device before the release of virtio 1.2 may have been made from the proposal, in which the stop
 * is queue_enable 0, read back. Elsewhere that write is forbidden, and some devices give up on it,
 * so it is done at the user's word only.
 *
 * No field that is tested for all ones here can legally hold them.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <rte_common.h>
#include <rte_malloc.h>

#include "transport_pci_private.h"
#include "virtio_log.h"
#include "virtqueue_reset.h"

/* A device that changes its configuration all the time is not waited for. */
#define GENERATION_TRIES 16

static uint8_t
common_read8(const struct pci *pci, uint32_t offset)
{
	return reg_read(pci, VIRTIO_PCI_COMMON, offset, 1);
}

static uint16_t
common_read16(const struct pci *pci, uint32_t offset)
{
	return reg_read(pci, VIRTIO_PCI_COMMON, offset, 2);
}

static void
common_write16(const struct pci *pci, uint32_t offset, uint16_t value)
{
	reg_write(pci, VIRTIO_PCI_COMMON, offset, 2, value);
}

static void
common_write32(const struct pci *pci, uint32_t offset, uint32_t value)
{
	reg_write(pci, VIRTIO_PCI_COMMON, offset, 4, value);
}

/* 4.1.3.1: a 64-bit field is accessed as two of 32 bits. */
static void
common_write64(const struct pci *pci, uint32_t offset, uint64_t value)
{
	common_write32(pci, offset, (uint32_t)value);
	common_write32(pci, offset + 4, value >> 32);
}

static int
pci_get_status(struct virtio_device *dev, uint8_t *status)
{
	*status = common_read8(dev->priv, VIRTIO_PCI_DEVICE_STATUS);
	return *status == GONE_8 ? pci_gone(dev) : 0;
}

/* 2.1.1; the reset by 0 is pci_reset_ask()'s. */
static int
pci_set_status(struct virtio_device *dev, uint8_t status)
{
	reg_write(dev->priv, VIRTIO_PCI_COMMON, VIRTIO_PCI_DEVICE_STATUS, 1, status);
	return 0;
}

/* 4.1.4.3: 32 bits at a time, selected by the write before. */
static int
read_features(struct virtio_device *dev, uint64_t *features)
{
	const struct pci *pci = dev->priv;

	common_write32(pci, VIRTIO_PCI_DEVICE_FEATURE_SELECT, 0);
	*features = reg_read(pci, VIRTIO_PCI_COMMON, VIRTIO_PCI_DEVICE_FEATURE, 4);
	common_write32(pci, VIRTIO_PCI_DEVICE_FEATURE_SELECT, 1);
	*features |= (uint64_t)reg_read(pci, VIRTIO_PCI_COMMON, VIRTIO_PCI_DEVICE_FEATURE, 4)
		     << 32;
	return *features == UINT64_MAX ? pci_gone(dev) : 0;
}

static int
pci_get_features(struct virtio_device *dev, uint64_t *features)
{
	const int ret = read_features(dev, features);

	/* Not acknowledged where it would not be used. */
	if (dev->stop_method == VIRTIO_STOP_NONE)
		*features &= ~VIRTIO_BIT(VIRTIO_F_RING_RESET);
	return ret;
}

static int
pci_set_features(struct virtio_device *dev, uint64_t features)
{
	struct pci *pci = dev->priv;

	common_write32(pci, VIRTIO_PCI_DRIVER_FEATURE_SELECT, 0);
	common_write32(pci, VIRTIO_PCI_DRIVER_FEATURE, (uint32_t)features);
	common_write32(pci, VIRTIO_PCI_DRIVER_FEATURE_SELECT, 1);
	common_write32(pci, VIRTIO_PCI_DRIVER_FEATURE, features >> 32);
	/* Which rings there are may depend on them (5.1.2), so what was learnt before is void. */
	pci_forget_rings(pci);
	return 0;
}

/* Selects a ring for the accesses that follow, 4.1.4.3. */
static struct pci_ring *
select_ring(struct pci *pci, uint16_t index)
{
	common_write16(pci, VIRTIO_PCI_QUEUE_SELECT, index);
	return &pci->rings[index];
}

/*
 * queue_size has the maximum only until something is written to it (4.1.4.3.2), and what a queue
 * reset of the proposal's kind does to it is not said: so it is read once a device reset.
 */
static int
learn_max_size(struct virtio_device *dev, struct pci_ring *ring, uint16_t *size)
{
	if (ring->known_max != 0) {
		*size = ring->known_max;
		return 0;
	}
	if (ring->max_size == 0) {
		const uint16_t max = common_read16(dev->priv, VIRTIO_PCI_QUEUE_SIZE);

		if (max == GONE_16)
			return pci_gone(dev);
		ring->max_size = max;
	}
	*size = ring->max_size;
	return 0;
}

static int
pci_queue_max_size(struct virtio_device *dev, uint16_t index, uint16_t *size)
{
	struct pci *pci = dev->priv;
	struct pci_ring *ring = &pci->rings[index];

	if (ring->max_size == 0)
		select_ring(pci, index);
	return learn_max_size(dev, ring, size);
}

static int
write_size(struct virtqueue *vq, struct pci_ring *ring)
{
	struct virtio_device *dev = vq->dev;
	const struct pci *pci = dev->priv;
	uint16_t max = 0;
	uint16_t got;
	int ret;

	ret = learn_max_size(dev, ring, &max);
	if (ret != 0)
		return ret;
	ret = virtqueue_check_size(dev, vq->conf.name, vq->size, max);
	if (ret != 0)
		return ret;
	/* Written even where it is what the device has, and read back: a wrong one is ignored. */
	common_write16(pci, VIRTIO_PCI_QUEUE_SIZE, vq->size);
	got = common_read16(pci, VIRTIO_PCI_QUEUE_SIZE);
	if (got == vq->size)
		return 0;
	if (got == GONE_16)
		return pci_gone(dev);
	VIRTIO_LOG(ERR, "%s: the device reports a ring size of %u, %u was written. The device does "
		   "not conform to the specification.", vq->conf.name, got, vq->size);
	return -EINVAL;
}

/* 4.1.4.4 */
static int
find_doorbell(struct virtqueue *vq, struct pci_ring *ring)
{
	struct virtio_device *dev = vq->dev;
	const struct pci *pci = dev->priv;
	const unsigned int width = virtio_device_has(dev, VIRTIO_F_NOTIFICATION_DATA) ? 4 : 2;
	const uint16_t off = common_read16(pci, VIRTIO_PCI_QUEUE_NOTIFY_OFF);
	const uint64_t at = (uint64_t)off * pci->notify_multiplier;
	/* 4.1.4.4 promises no more than 2 of the window itself. */
	const uintptr_t base =
		pci->hooks != NULL ? 0 : (uintptr_t)pci->window[VIRTIO_PCI_NOTIFY].base;

	if (at + width > pci->window[VIRTIO_PCI_NOTIFY].length || (base + at) % width != 0) {
		if (common_read8(pci, VIRTIO_PCI_DEVICE_STATUS) == GONE_8)
			return pci_gone(dev);
		VIRTIO_LOG(ERR, "%s: the notification address is at byte %" PRIu64 " (%u * %u) of "
			   "a window of %u bytes, where a register of %u bytes is not possible. "
			   "The device does not conform to the specification.", vq->conf.name, at,
			   off, pci->notify_multiplier, pci->window[VIRTIO_PCI_NOTIFY].length,
			   width);
		return -EINVAL;
	}
	ring->doorbell = at;
	return 0;
}

/* 3.1.1 step 7, before the first ring after a device reset. */
static int
tell_config_vector(struct virtio_device *dev)
{
	struct pci *pci = dev->priv;
	int ret;

	if (pci->config_vector_set)
		return 0;
	ret = pci_write_vector(dev, VIRTIO_PCI_CONFIG_VECTOR, pci->config_vector);
	pci->config_vector_set = ret == 0;
	return ret;
}

/* 4.1.5.1.3, and again as 2.6.1.2 has it after a reset of the ring. */
static int
pci_queue_setup(struct virtqueue *vq)
{
	struct virtio_device *dev = vq->dev;
	struct pci *pci = dev->priv;
	struct pci_ring *ring;
	int ret;

	ret = tell_config_vector(dev);
	if (ret != 0)
		return ret;
	ring = select_ring(pci, vq->index);
	ret = write_size(vq, ring);
	if (ret == 0)
		ret = pci_write_vector(dev, VIRTIO_PCI_QUEUE_VECTOR, ring->vector);
	if (ret == 0)
		ret = find_doorbell(vq, ring);
	if (ret != 0)
		return ret;
	common_write64(pci, VIRTIO_PCI_QUEUE_DESC, virtqueue_dev_addr(vq, vq->desc));
	common_write64(pci, VIRTIO_PCI_QUEUE_DRIVER, virtqueue_dev_addr(vq, vq->avail));
	common_write64(pci, VIRTIO_PCI_QUEUE_DEVICE, virtqueue_dev_addr(vq, vq->used));
	return 0;
}

static int
pci_queue_enable(struct virtqueue *vq)
{
	struct virtio_device *dev = vq->dev;
	struct pci *pci = dev->priv;
	uint16_t got;

	select_ring(pci, vq->index);
	/* 4.1.4.3.2: after all else of the ring; of a reset ring too. */
	common_write16(pci, VIRTIO_PCI_QUEUE_ENABLE, 1);
	got = common_read16(pci, VIRTIO_PCI_QUEUE_ENABLE);
	if (got == GONE_16)
		return pci_gone(dev);
	if (got == 1)
		return 0;
	VIRTIO_LOG(ERR, "%s: the device did not enable the queue, queue_enable reads %u. The "
		   "device does not conform to the specification.", vq->conf.name, got);
	return -EIO;
}

static int
pci_queue_stop_ask(struct virtqueue *vq)
{
	struct virtio_device *dev = vq->dev;
	struct pci *pci = dev->priv;
	struct pci_ring *ring = select_ring(pci, vq->index);

	/* A reset that goes on is not asked for again: its end, however late, is the proof. */
	if (ring->asked)
		return 0;
	if (dev->stop_method == VIRTIO_STOP_PCI_RESET)
		common_write16(pci, VIRTIO_PCI_QUEUE_RESET, 1); /* 2.6.1.1.2 */
	else
		common_write16(pci, VIRTIO_PCI_QUEUE_ENABLE, 0); /* the proposal */
	ring->asked = true;
	return 0;
}

static int
pci_queue_stop_poll(struct virtqueue *vq)
{
	struct virtio_device *dev = vq->dev;
	struct pci *pci = dev->priv;
	struct pci_ring *ring = select_ring(pci, vq->index);
	uint16_t reset = 0;
	uint16_t enabled;
	int ret;

	/*
	 * 4.1.4.3.1: at the end of a reset both are 0. queue_reset alone would not do: it is 0 on a
	 * device that takes no notice of what was written to it.
	 */
	if (dev->stop_method == VIRTIO_STOP_PCI_RESET)
		reset = common_read16(pci, VIRTIO_PCI_QUEUE_RESET);
	enabled = reset == 0 ? common_read16(pci, VIRTIO_PCI_QUEUE_ENABLE) : 1;
	if (enabled == 0) {
		ring->asked = false;
		return 0;
	}
	/* What all ones in the others mean, the status tells too. */
	ret = virtio_device_check(dev);
	if (ret == -EIO)
		VIRTIO_LOG(ERR, "%s: the device reports an error after the stop of the queue, and "
			   "needs a reset. Stop and start the port%s.", vq->conf.name,
			   dev->stop_method == VIRTIO_STOP_PCI_RESET ? "" :
			   ". queue_reset=proposal does not suit this device: leave it out");
	return ret != 0 ? ret : -EAGAIN;
}

/* 4.1.5.2; a barrier before the write is rte_write's own. */
static void
pci_queue_notify(struct virtqueue *vq)
{
	const struct virtqueue_place *next = &vq->next_avail;
	const struct pci *pci = vq->dev->priv;
	const uint32_t at = pci->rings[vq->index].doorbell;

	if (!virtio_device_has(vq->dev, VIRTIO_F_NOTIFICATION_DATA)) {
		reg_write(pci, VIRTIO_PCI_NOTIFY, at, 2, vq->index);
		return;
	}
	/* 2.9: where the next buffer will be; packed: the wrap counter is the highest bit. */
	reg_write(pci, VIRTIO_PCI_NOTIFY, at, 4, vq->index |
		  (uint32_t)(vq->conf.packed ? next->pos | next->wrap << 15 : next->idx) << 16);
}

static int
pci_reset_ask(struct virtio_device *dev)
{
	reg_write(dev->priv, VIRTIO_PCI_COMMON, VIRTIO_PCI_DEVICE_STATUS, 1, VIRTIO_STATUS_RESET);
	return 0;
}

/* 4.1.4.3.2: not before it reads 0. */
static int
pci_reset_poll(struct virtio_device *dev)
{
	return pci_reset_confirmed(dev, pci_get_status);
}

/* 2.5.1, 4.1.4.3: again where the configuration has changed meanwhile. */
static int
pci_read_config(struct virtio_device *dev, uint32_t offset, void *to, size_t len)
{
	const struct pci *pci = dev->priv;
	const int ret = pci_check_config(dev, pci->window[VIRTIO_PCI_DEVICE].length, offset, len);
	uint8_t before, after;
	unsigned int tries;

	if (ret != 0)
		return ret;
	memset(to, 0, len);
	for (tries = 0; tries < GENERATION_TRIES; tries++) {
		before = common_read8(pci, VIRTIO_PCI_CONFIG_GENERATION);
		pci_copy_config(pci, VIRTIO_PCI_DEVICE, offset, to, len);
		after = common_read8(pci, VIRTIO_PCI_CONFIG_GENERATION);
		if (before == after)
			break;
	}
	if (common_read8(pci, VIRTIO_PCI_DEVICE_STATUS) == GONE_8)
		return pci_gone(dev);
	if (before == after)
		return 0;
	VIRTIO_LOG(ERR, "%s: the device configuration changes faster than it can be read",
		   dev->name);
	return -EIO;
}

static int
pci_write_config(struct virtio_device *dev, uint32_t offset, const void *from, size_t len)
{
	const struct pci *pci = dev->priv;
	const int ret = pci_check_config(dev, pci->window[VIRTIO_PCI_DEVICE].length, offset, len);

	if (ret == 0)
		pci_put_config(pci, VIRTIO_PCI_DEVICE, offset, from, len);
	return ret;
}

static const struct virtio_transport_ops pci_modern_ops = {
	.name = "virtio-pci",
	.by_iova = true,
	.get_features = pci_get_features,
	.set_features = pci_set_features,
	.set_status = pci_set_status,
	.get_status = pci_get_status,
	.queue_setup = pci_queue_setup,
	.queue_enable = pci_queue_enable,
	.queue_stop_ask = pci_queue_stop_ask,
	.queue_stop_poll = pci_queue_stop_poll,
	.queue_notify = pci_queue_notify,
	.reset_ask = pci_reset_ask,
	.reset_poll = pci_reset_poll,
	.wait = pci_wait,
	.queue_max_size = pci_queue_max_size,
	.read_config = pci_read_config,
	.write_config = pci_write_config,
};

RTE_INIT(pci_modern_register)
{
	virtio_transports[VIRTIO_TRANSPORT_PCI_MODERN] = &pci_modern_ops;
}

/* The choice, with its reason for the log. */
static enum virtio_stop_method
choose_stop_method(const struct virtio_pci_conf *conf, uint64_t offered, const char **why)
{
	const bool has_register =
		conf->window[VIRTIO_PCI_COMMON].length >= VIRTIO_PCI_COMMON_RESET;

	if (conf->stop == VIRTIO_PCI_STOP_OFF) {
		*why = "queue_reset=off";
		return VIRTIO_STOP_NONE;
	}
	if (!(offered & VIRTIO_BIT(VIRTIO_F_RING_RESET))) {
		*why = "the device does not offer VIRTIO_F_RING_RESET";
		return VIRTIO_STOP_NONE;
	}
	if (!(offered & VIRTIO_BIT(VIRTIO_F_VERSION_1))) {
		*why = "the device offers VIRTIO_F_RING_RESET without VIRTIO_F_VERSION_1";
		return VIRTIO_STOP_NONE;
	}
	if (conf->stop == VIRTIO_PCI_STOP_PROPOSAL) {
		*why = "queue_reset=proposal";
		return VIRTIO_STOP_PCI_ENABLE_ZERO;
	}
	if (!has_register) {
		*why = "the device offers VIRTIO_F_RING_RESET but has no queue_reset register: "
		       "give queue_reset=proposal only for a device made from the proposal of 2021";
		return VIRTIO_STOP_NONE;
	}
	*why = "the device offers VIRTIO_F_RING_RESET";
	return VIRTIO_STOP_PCI_RESET;
}

static int
check_windows(const char *name, const struct virtio_pci_conf *conf)
{
	static const struct {
		const char *name;
		uint32_t min;
		uint32_t align;
	} wanted[VIRTIO_PCI_REGIONS] = {
		[VIRTIO_PCI_COMMON] = { "common configuration", VIRTIO_PCI_COMMON_MIN, 4 },
		[VIRTIO_PCI_NOTIFY] = { "notification", 2, 2 },
		[VIRTIO_PCI_ISR] = { "ISR status", 1, 1 },
		[VIRTIO_PCI_DEVICE] = { "device configuration", 0, 4 },
	};
	unsigned int i;

	for (i = 0; i < VIRTIO_PCI_REGIONS; i++) {
		const struct virtio_pci_window *window = &conf->window[i];

		if (window->length < wanted[i].min) {
			VIRTIO_INIT_LOG(ERR, "%s: the %s capability is %sof %u bytes, at least %u "
					"are needed. The device does not conform to the "
					"specification.", name, wanted[i].name,
					window->length == 0 ? "missing or " : "", window->length,
					wanted[i].min);
			return -EINVAL;
		}
		if (conf->hooks == NULL && (uintptr_t)window->base % wanted[i].align != 0) {
			VIRTIO_INIT_LOG(ERR, "%s: the %s capability is not aligned to %u bytes. "
					"The device does not conform to the specification.", name,
					wanted[i].name, wanted[i].align);
			return -EINVAL;
		}
	}
	/* 4.1.4.4.1: 0, or an even power of 2. */
	if (conf->notify_multiplier != 0 && (conf->notify_multiplier == 1 ||
					     !rte_is_power_of_2(conf->notify_multiplier))) {
		VIRTIO_INIT_LOG(ERR, "%s: notify_off_multiplier is %u, neither 0 nor an even power "
				"of two. The device does not conform to the specification.", name,
				conf->notify_multiplier);
		return -EINVAL;
	}
	return 0;
}

/* How many rings a device has is asked through a transport that has none yet. */
static int
count_rings(const char *name, const struct virtio_pci_conf *conf, uint16_t *nb_rings)
{
	const struct pci pci = { .window = {
		[VIRTIO_PCI_COMMON] = conf->window[VIRTIO_PCI_COMMON] }, .hooks = conf->hooks };

	*nb_rings = common_read16(&pci, VIRTIO_PCI_NUM_QUEUES);
	if (*nb_rings == GONE_16) {
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

/* 3.1.1 to step 5, with the rings that the device then has. */
static int
read_rings(struct virtio_device *dev, const struct virtio_pci_conf *conf, struct pci **found)
{
	const uint64_t features =
		dev->offered & (conf->ring_features | VIRTIO_BIT(VIRTIO_F_VERSION_1));
	struct pci *pci = dev->priv;
	uint16_t n, i;
	int ret;

	ret = pci_set_status(dev, VIRTIO_STATUS_ACKNOWLEDGE);
	if (ret == 0)
		ret = pci_set_status(dev, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
	if (ret == 0)
		ret = pci_set_features(dev, features);
	if (ret == 0)
		ret = pci_set_status(dev, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER |
				     VIRTIO_STATUS_FEATURES_OK);
	if (ret == 0)
		ret = count_rings(dev->name, conf, &n);
	if (ret != 0)
		return ret;
	*found = pci_make_private(conf, n);
	if (*found == NULL)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		common_write16(pci, VIRTIO_PCI_QUEUE_SELECT, i);
		(*found)->rings[i].known_max = common_read16(pci, VIRTIO_PCI_QUEUE_SIZE);
		if ((*found)->rings[i].known_max == GONE_16)
			return pci_gone(dev);
	}
	return 0;
}

/* Where the number of rings depends on features: what there is with them. */
static int
count_rings_again(struct virtio_device *dev, const char *name, const struct virtio_pci_conf *conf)
{
	const uint64_t offered = dev->offered;
	struct pci *found = NULL;
	int ret, reset;

	if (!(offered & conf->ring_features) ||
	    (offered & conf->ring_needs) != conf->ring_needs)
		return 0;
	ret = read_rings(dev, conf, &found);
	reset = virtio_device_reset(dev, FIRST_RESET_TIMEOUT_US);
	if (ret == 0)
		ret = reset;
	if (ret != 0) {
		rte_free(found);
		return ret;
	}
	virtio_pci_modern_destroy(dev);
	ret = virtio_device_init(dev, name, VIRTIO_TRANSPORT_PCI_MODERN, found->nb_rings);
	dev->priv = found;
	dev->offered = offered;
	return ret;
}

int
virtio_pci_modern_create(struct virtio_device *dev, const char *name,
			 const struct virtio_pci_conf *conf)
{
	const char *why;
	uint16_t nb_rings;
	int ret;

	ret = check_windows(name, conf);
	if (ret == 0)
		ret = count_rings(name, conf, &nb_rings);
	if (ret == 0)
		ret = virtio_device_init(dev, name, VIRTIO_TRANSPORT_PCI_MODERN, nb_rings);
	if (ret != 0)
		return ret;
	dev->priv = pci_make_private(conf, nb_rings);
	if (dev->priv == NULL) {
		ret = -ENOMEM;
		goto fail;
	}
	ret = pci_read_offer(dev, read_features);
	if (ret == 0)
		ret = count_rings_again(dev, name, conf);
	if (ret != 0)
		goto fail;
	dev->stop_method = choose_stop_method(conf, dev->offered, &why);
	if (dev->stop_method == VIRTIO_STOP_NONE)
		dev->offered &= ~VIRTIO_BIT(VIRTIO_F_RING_RESET);
	VIRTIO_INIT_LOG(NOTICE, "%s: single queues are stopped by: %s (%s)", name,
			virtio_stop_method_name(dev->stop_method), why);
	virtio_device_check_iova(dev);
	virtio_device_note_connection(dev, why);
	return 0;

fail:
	virtio_pci_modern_destroy(dev);
	return ret;
}

void
virtio_pci_modern_destroy(struct virtio_device *dev)
{
	rte_free(dev->priv);
	dev->priv = NULL;
	virtio_device_fini(dev);
}
