/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <inttypes.h>
#include <time.h>

#include <rte_common.h>
#include <rte_eal.h>
#include <rte_malloc.h>
#include <rte_string_fns.h>

#include "virtio_compat.h"
#include "virtio_device.h"
#include "virtio_log.h"
#include "virtqueue.h"

const struct virtio_transport_ops *virtio_transports[VIRTIO_TRANSPORT_KINDS];

const char *
virtio_stop_method_name(enum virtio_stop_method method)
{
	switch (method) {
	case VIRTIO_STOP_NONE:
		return "none";
	case VIRTIO_STOP_VHOST_GET_BASE:
		return "get_base";
	case VIRTIO_STOP_VHOST_DISABLE_ACK:
		return "disable";
	case VIRTIO_STOP_VHOST_BACKEND:
		return "backend";
	case VIRTIO_STOP_VHOST_SUSPEND:
		return "suspend";
	case VIRTIO_STOP_PCI_RESET:
	case VIRTIO_STOP_MMIO_RESET:
		return "reset";
	case VIRTIO_STOP_PCI_ENABLE_ZERO:
	case VIRTIO_STOP_MMIO_READY:
		return "proposal";
	case VIRTIO_STOP_TEST:
		return "test";
	}
	return "?";
}

uint64_t
virtio_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static __thread bool may_be_cancelled;

void
virtio_device_allow_cancel(void)
{
	may_be_cancelled = true;
}

void
virtio_device_cancel(struct virtio_device *dev)
{
	rte_atomic_fetch_add_explicit(&dev->cancels, 1, rte_memory_order_relaxed);
}

void
virtio_device_resume(struct virtio_device *dev)
{
	rte_atomic_fetch_sub_explicit(&dev->cancels, 1, rte_memory_order_relaxed);
}

bool
virtio_device_is_cancelled(const uint32_t __rte_atomic *cancels)
{
	return may_be_cancelled && cancels != NULL &&
	       rte_atomic_load_explicit(cancels, rte_memory_order_relaxed) != 0;
}

void
virtio_device_limit(struct virtio_device *dev, uint64_t limit_us)
{
	dev->ends_us = limit_us == 0 ? 0 : virtio_now_us() + limit_us;
}

uint64_t
virtio_device_deadline(const struct virtio_device *dev, uint32_t timeout_us)
{
	const uint64_t at_us = virtio_now_us() + timeout_us;

	return dev->ends_us == 0 ? at_us : RTE_MIN(at_us, dev->ends_us);
}

const char *
virtio_device_silence(struct virtio_device *dev, char text[VIRTIO_SILENCE_SIZE])
{
	const struct virtio_transport_ops *ops = virtio_device_ops(dev);

	text[0] = '\0';
	if (ops->describe_silence != NULL)
		ops->describe_silence(dev, text, VIRTIO_SILENCE_SIZE);
	return text;
}

int
virtio_device_wait(struct virtio_device *dev, int (*poll)(void *arg), void *arg,
		   uint64_t deadline_us)
{
	for (;;) {
		const uint64_t now = virtio_now_us();
		const int ret = poll(arg);

		if (ret != -EAGAIN)
			return ret;
		if (now >= deadline_us)
			return -ETIMEDOUT;
		if (virtio_device_is_cancelled(&dev->cancels))
			return -ECANCELED;
		virtio_device_ops(dev)->wait(dev, RTE_MIN(deadline_us - now, UINT64_C(1000000)));
	}
}

int
virtio_device_init(struct virtio_device *dev, const char *name, enum virtio_transport_kind kind,
		   uint16_t nb_vqs)
{
	rte_strlcpy(dev->name, name, sizeof(dev->name));
	dev->kind = kind;
	dev->by_iova = virtio_transports[kind]->by_iova;
	dev->legacy = virtio_transports[kind]->legacy;
	dev->nb_vqs = nb_vqs;
	dev->status = VIRTIO_STATUS_RESET;
	dev->offered = 0;
	dev->acked = 0;
	dev->cancels = 0;
	dev->ends_us = 0;
	dev->vqs = rte_calloc("virtio_vqs", nb_vqs, sizeof(*dev->vqs), 0);
	return dev->vqs == NULL ? -ENOMEM : 0;
}

void
virtio_device_fini(struct virtio_device *dev)
{
	rte_free(dev->vqs);
	dev->vqs = NULL;
}

int
virtio_device_add_status(struct virtio_device *dev, uint8_t bits)
{
	const int ret = virtio_device_ops(dev)->set_status(dev, dev->status | bits);

	/* A device that did not answer may have taken it, and is to be reset. */
	if (ret == 0 || !(bits & VIRTIO_STATUS_DRIVER_OK))
		dev->status |= bits;
	return ret;
}

/* 3.1.1: 2. acknowledge, 3. driver, 4. features, 5. FEATURES_OK, 6. read it back. */
int
virtio_device_read_offer(struct virtio_device *dev)
{
	int ret;

	if (dev->status != VIRTIO_STATUS_RESET)
		return -EBUSY;
	ret = virtio_device_add_status(dev, VIRTIO_STATUS_ACKNOWLEDGE);
	if (ret == 0)
		ret = virtio_device_add_status(dev, VIRTIO_STATUS_DRIVER);
	if (ret == 0)
		ret = virtio_device_ops(dev)->get_features(dev, &dev->offered);
	dev->offer_read = ret == 0;
	return ret;
}

int
virtio_device_negotiate(struct virtio_device *dev, uint64_t wanted)
{
	const struct virtio_transport_ops *ops = virtio_device_ops(dev);
	uint8_t status;
	int ret;

	if (!dev->offer_read) {
		ret = virtio_device_read_offer(dev);
		if (ret != 0)
			return ret;
	}
	dev->offer_read = false;
	if (dev->legacy) {
		dev->acked = dev->offered & wanted;
		return ops->set_features(dev, dev->acked);
	}
	if (!(dev->offered & VIRTIO_BIT(VIRTIO_F_VERSION_1))) {
		VIRTIO_INIT_LOG(ERR,
				"%s: the device does not offer VIRTIO_F_VERSION_1. Use a device of "
				"virtio 1.0 or later.", dev->name);
		return -ENOTSUP;
	}
	dev->acked = dev->offered & (wanted | VIRTIO_BIT(VIRTIO_F_VERSION_1));
	ret = ops->set_features(dev, dev->acked);
	if (ret == 0)
		ret = virtio_device_add_status(dev, VIRTIO_STATUS_FEATURES_OK);
	if (ret == 0)
		ret = ops->get_status(dev, &status);
	if (ret != 0)
		return ret;
	if (!(status & VIRTIO_STATUS_FEATURES_OK)) {
		VIRTIO_INIT_LOG(ERR,
				"%s: the device refuses the features 0x%" PRIx64 " of those that "
				"it offers. Configure the port with fewer offloads.", dev->name,
				dev->acked);
		return -ENOTSUP;
	}
	return 0;
}

int
virtio_device_check(struct virtio_device *dev)
{
	uint8_t status;
	int ret;

	if (dev->needs_reset)
		return -EIO;
	ret = virtio_device_ops(dev)->get_status(dev, &status);
	if (ret != 0 || !(status & VIRTIO_STATUS_NEEDS_RESET))
		return ret;
	dev->needs_reset = true;
	VIRTIO_LOG(ERR, "%s: the device reports an error and needs a reset (status 0x%02x). Stop "
		   "and start the port.", dev->name, status);
	return -EIO;
}

void
virtio_device_check_iova(const struct virtio_device *dev)
{
	if (!dev->by_iova || (dev->offered & VIRTIO_BIT(VIRTIO_F_ACCESS_PLATFORM)) ||
	    rte_eal_iova_mode() != RTE_IOVA_VA)
		return;
	VIRTIO_INIT_LOG(ERR, "%s: the device takes physical addresses, as its offer lacks "
			"VIRTIO_F_ACCESS_PLATFORM, but EAL's IOVA mode is VA. Run EAL with "
			"--iova-mode=pa, or use a device that offers it (QEMU: "
			"iommu_platform=on).", dev->name);
}

void
virtio_device_give_up(struct virtio_device *dev, int error)
{
	const uint8_t failed =
		VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_FAILED;

	if (dev->status != VIRTIO_STATUS_RESET)
		return;
	switch (error) {
	case -ENOTSUP:
	case -EINVAL:
	case -EIO:
	case -EBUSY:
	case -EPROTO:
		virtio_device_add_status(dev, failed);
		break;
	}
}

int
virtio_device_queue_max(struct virtio_device *dev, uint16_t index, uint16_t *size)
{
	const struct virtio_transport_ops *ops = virtio_device_ops(dev);

	*size = 0;
	/* Transports have tables of so many rings. */
	if (index >= dev->nb_vqs)
		return 0;
	*size = VIRTIO_SPLIT_RING_MAX;
	return ops->queue_max_size == NULL ? 0 : ops->queue_max_size(dev, index, size);
}

uint16_t
virtio_device_queue_kept(struct virtio_device *dev, uint16_t index)
{
	const struct virtio_transport_ops *ops = virtio_device_ops(dev);

	return ops->queue_kept_size == NULL ? 0 : ops->queue_kept_size(dev, index);
}

int
virtio_device_read_config(struct virtio_device *dev, uint32_t offset, void *to, size_t len)
{
	const struct virtio_transport_ops *ops = virtio_device_ops(dev);

	return ops->read_config == NULL ? -ENOTSUP : ops->read_config(dev, offset, to, len);
}

int
virtio_device_write_config(struct virtio_device *dev, uint32_t offset, const void *from,
			   size_t len)
{
	const struct virtio_transport_ops *ops = virtio_device_ops(dev);

	return ops->write_config == NULL ? -ENOTSUP : ops->write_config(dev, offset, from, len);
}

int
virtio_device_attach(struct virtio_device *dev)
{
	const struct virtio_transport_ops *ops = virtio_device_ops(dev);

	return ops->attach == NULL ? 0 : ops->attach(dev);
}

void
virtio_device_detach(struct virtio_device *dev)
{
	const struct virtio_transport_ops *ops = virtio_device_ops(dev);

	if (ops->detach != NULL)
		ops->detach(dev);
}

void
virtio_device_note_connection(struct virtio_device *dev, const char *stop_reason)
{
	dev->stop_reason = stop_reason;
	dev->connected_us = virtio_now_us();
	dev->connections++;
}
