/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * The virtio-mmio device. The life of a ring, in registers; sections are those of virtio 1.2, whose
 * text virtio 1.4 has unchanged:
 *
 *   set up   QueueSel; QueueReady 0?; QueueSizeMax; QueueSize; three addresses  4.2.3.2
 *   enable   QueueSel; QueueReady 1                                             4.2.3.2
 *   notify   QueueNotify                                                        4.2.3.3
 *   stop     QueueSel; QueueReset 1; until it reads 0, QueueReady too           4.2.2.1, 4.2.2.2
 *
 * With the user's policy "proposal" the stop is QueueReady 0, read back (4.2.2.2). The read value
 * proves little: QEMU's device stores it and continues to write into the ring.
 *
 * A legacy device (4.2.4) has a ring's page in place of QueueReady and addresses, and no stop of
 * one ring: the specification does not say when a page of 0 has taken effect.
 */

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include <rte_byteorder.h>
#include <rte_common.h>
#include <rte_io.h>
#include <rte_malloc.h>

#include "transport_mmio.h"
#include "virtio_log.h"
#include "virtqueue_reset.h"

/* A device that changes its configuration all the time is not waited for. */
#define CONFIG_TRIES 16

/* For the resets and the trial in virtio_mmio_create(). */
#define FIRST_TIMEOUT_US 1000000

#define TRIAL_SIZE UINT32_C(32)

#define PAGE_SHIFT 12

static_assert(1 << PAGE_SHIFT == VRING_LEGACY_ALIGN, "the page is the alignment too");

struct mmio_ring {
	uint16_t max_size; /* as read when the ring was last not in use */
	bool asked;        /* for a stop that is not proven yet */
};

struct mmio {
	const struct virtio_mmio_hooks *hooks;
	uint8_t *base;
	uint32_t length;
	bool gone; /* and that was logged */
	struct mmio_ring *rings;
};

static uint32_t
reg_read(const struct mmio *mmio, uint32_t offset, unsigned int width)
{
	const uint8_t *at;

	if (mmio->hooks != NULL)
		return mmio->hooks->read(mmio->hooks->arg, offset, width);
	at = mmio->base + offset;
	switch (width) {
	case 1:
		return rte_read8(at);
	case 2:
		return rte_le_to_cpu_16(rte_read16(at));
	default:
		return rte_le_to_cpu_32(rte_read32(at));
	}
}

static void
reg_write(const struct mmio *mmio, uint32_t offset, unsigned int width, uint32_t value)
{
	uint8_t *at;

	if (mmio->hooks != NULL) {
		mmio->hooks->write(mmio->hooks->arg, offset, width, value);
		return;
	}
	at = mmio->base + offset;
	switch (width) {
	case 1:
		rte_write8(value, at);
		break;
	case 2:
		rte_write16(rte_cpu_to_le_16(value), at);
		break;
	default:
		rte_write32(rte_cpu_to_le_32(value), at);
		break;
	}
}

/* 4.2.2.2: control registers are accessed with 32 bits only. */
static uint32_t
get(const struct mmio *mmio, uint32_t offset)
{
	return reg_read(mmio, offset, 4);
}

static void
put(const struct mmio *mmio, uint32_t offset, uint32_t value)
{
	reg_write(mmio, offset, 4, value);
}

static void
put_address(const struct mmio *mmio, uint32_t offset, uint64_t value)
{
	put(mmio, offset, (uint32_t)value);
	put(mmio, offset + 4, value >> 32);
}

/*
 * A status has 8 bits. A larger value, for one all ones as read from a place without a device, must
 * not be cut to 8 bits: the rest could be the 0 of a completed reset.
 */
static int
mmio_get_status(struct virtio_device *dev, uint8_t *status)
{
	struct mmio *mmio = dev->priv;
	const uint32_t value = get(mmio, VIRTIO_MMIO_STATUS);

	*status = value;
	if (value <= UINT8_MAX)
		return 0;
	if (!mmio->gone)
		VIRTIO_LOG(ERR, "%s: the register Status reads 0x%x, which is not a valid "
			   "status: the device is gone. Close the port.", dev->name, value);
	mmio->gone = true;
	return -ENODEV;
}

/* After a value that is wrong, or may be: -ENODEV if the device is gone, else the given error. */
static int
unless_gone(struct virtio_device *dev, int error)
{
	uint8_t status;
	const int ret = mmio_get_status(dev, &status);

	return ret != 0 ? ret : error;
}

/* The reset by 0 is mmio_reset_ask()'s. */
static int
mmio_set_status(struct virtio_device *dev, uint8_t status)
{
	struct mmio *mmio = dev->priv;

	put(mmio, VIRTIO_MMIO_STATUS, status);
	/* 4.2.4: before any ring is configured. */
	if (dev->legacy && status == VIRTIO_STATUS_ACKNOWLEDGE)
		put(mmio, VIRTIO_MMIO_GUEST_PAGE_SIZE, 1 << PAGE_SHIFT);
	return 0;
}

static int
mmio_get_features(struct virtio_device *dev, uint64_t *features)
{
	const struct mmio *mmio = dev->priv;

	put(mmio, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
	*features = get(mmio, VIRTIO_MMIO_DEVICE_FEATURES);
	if (!dev->legacy) {
		put(mmio, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
		*features |= (uint64_t)get(mmio, VIRTIO_MMIO_DEVICE_FEATURES) << 32;
	}
	/* A feature that would not be used is not acknowledged. */
	if (dev->stop_method == VIRTIO_STOP_NONE)
		*features &= ~VIRTIO_BIT(VIRTIO_F_RING_RESET);
	return unless_gone(dev, 0);
}

static int
mmio_set_features(struct virtio_device *dev, uint64_t features)
{
	const struct mmio *mmio = dev->priv;

	put(mmio, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	put(mmio, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)features);
	if (!dev->legacy) {
		put(mmio, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
		put(mmio, VIRTIO_MMIO_DRIVER_FEATURES, features >> 32);
	}
	return 0;
}

/* Of the selected ring, while it is not in use (4.2.4). */
static int
read_max_size(struct virtio_device *dev, uint16_t *size)
{
	const uint32_t max = get(dev->priv, VIRTIO_MMIO_QUEUE_SIZE_MAX);

	*size = RTE_MIN(max, (uint32_t)VIRTIO_SPLIT_RING_MAX);
	return max > VIRTIO_SPLIT_RING_MAX ? unless_gone(dev, 0) : 0;
}

static int
mmio_queue_max_size(struct virtio_device *dev, uint16_t index, uint16_t *size)
{
	struct mmio *mmio = dev->priv;
	struct mmio_ring *ring = &mmio->rings[index];
	int ret = 0;

	if (dev->vqs[index] == NULL) {
		put(mmio, VIRTIO_MMIO_QUEUE_SEL, index);
		ret = read_max_size(dev, &ring->max_size);
	}
	*size = ring->max_size;
	return ret;
}

/* 4.2.3.2, and again as 2.6.1.2 has it after a reset of the ring. */
static int
mmio_queue_setup(struct virtqueue *vq)
{
	struct virtio_device *dev = vq->dev;
	struct mmio *mmio = dev->priv;
	struct mmio_ring *ring = &mmio->rings[vq->index];
	const uint32_t in_use = dev->legacy ? VIRTIO_MMIO_QUEUE_PFN : VIRTIO_MMIO_QUEUE_READY;
	uint32_t got;
	int ret;

	put(mmio, VIRTIO_MMIO_QUEUE_SEL, vq->index);
	got = get(mmio, in_use);
	if (got != 0) {
		ret = unless_gone(dev, -EIO);
		if (ret == -EIO)
			VIRTIO_LOG(ERR, "%s: the device reports that the queue is in use, %s reads "
				   "0x%x. The device does not conform to the specification.",
				   vq->conf.name, dev->legacy ? "QueuePFN" : "QueueReady", got);
		return ret;
	}
	ret = read_max_size(dev, &ring->max_size);
	if (ret == 0)
		ret = virtqueue_check_size(dev, vq->conf.name, vq->size, ring->max_size);
	if (ret != 0)
		return ret;
	put(mmio, VIRTIO_MMIO_QUEUE_SIZE, vq->size);
	if (dev->legacy) {
		put(mmio, VIRTIO_MMIO_QUEUE_ALIGN, VRING_LEGACY_ALIGN);
		return 0;
	}
	put_address(mmio, VIRTIO_MMIO_QUEUE_DESC, virtqueue_dev_addr(vq, vq->desc));
	put_address(mmio, VIRTIO_MMIO_QUEUE_DRIVER, virtqueue_dev_addr(vq, vq->avail));
	put_address(mmio, VIRTIO_MMIO_QUEUE_DEVICE, virtqueue_dev_addr(vq, vq->used));
	return 0;
}

/* Both versions: what enables a ring is read back. */
static int
enable(struct virtqueue *vq, uint32_t offset, uint32_t value)
{
	struct virtio_device *dev = vq->dev;
	const struct mmio *mmio = dev->priv;
	uint32_t got;
	int ret;

	put(mmio, VIRTIO_MMIO_QUEUE_SEL, vq->index);
	put(mmio, offset, value);
	got = get(mmio, offset);
	if (got == value)
		return 0;
	ret = unless_gone(dev, -EIO);
	if (ret == -EIO)
		VIRTIO_LOG(ERR, "%s: the device did not enable the queue: %s reads 0x%x, 0x%x was "
			   "written. The device does not conform to the specification.",
			   vq->conf.name, dev->legacy ? "QueuePFN" : "QueueReady", got, value);
	return ret;
}

static int
mmio_queue_enable(struct virtqueue *vq)
{
	return enable(vq, VIRTIO_MMIO_QUEUE_READY, 1);
}

static int
mmio_legacy_queue_enable(struct virtqueue *vq)
{
	const uint64_t page = virtqueue_dev_addr(vq, vq->desc) >> PAGE_SHIFT;

	if (page > UINT32_MAX) {
		VIRTIO_LOG(ERR, "%s: the ring's memory is at 0x%" PRIx64 ", a legacy device can "
			   "access rings below 16 TB only. Use a device of version 2.",
			   vq->conf.name, virtqueue_dev_addr(vq, vq->desc));
		return -EINVAL;
	}
	return enable(vq, VIRTIO_MMIO_QUEUE_PFN, (uint32_t)page);
}

static int
mmio_queue_stop_ask(struct virtqueue *vq)
{
	struct virtio_device *dev = vq->dev;
	struct mmio *mmio = dev->priv;
	struct mmio_ring *ring = &mmio->rings[vq->index];

	/* The end of a stop that is in progress, however late, is the proof. */
	if (ring->asked)
		return 0;
	put(mmio, VIRTIO_MMIO_QUEUE_SEL, vq->index);
	if (dev->stop_method == VIRTIO_STOP_MMIO_RESET)
		put(mmio, VIRTIO_MMIO_QUEUE_RESET, 1);
	else
		put(mmio, VIRTIO_MMIO_QUEUE_READY, 0);
	ring->asked = true;
	return 0;
}

/*
 * 4.2.2.1: both registers are 0 at the end of a reset. QueueReset alone is no proof: it reads 0 on
 * a device that has no such register.
 */
static bool
is_stopped(struct virtqueue *vq, bool *resets)
{
	const struct mmio *mmio = vq->dev->priv;
	struct mmio_ring *ring = &mmio->rings[vq->index];

	put(mmio, VIRTIO_MMIO_QUEUE_SEL, vq->index);
	*resets = vq->dev->stop_method == VIRTIO_STOP_MMIO_RESET &&
		  get(mmio, VIRTIO_MMIO_QUEUE_RESET) != 0;
	if (*resets || get(mmio, VIRTIO_MMIO_QUEUE_READY) != 0)
		return false;
	ring->asked = false;
	return true;
}

static int
mmio_queue_stop_poll(struct virtqueue *vq)
{
	bool resets;
	int ret;

	if (is_stopped(vq, &resets))
		return 0;
	ret = virtio_device_check(vq->dev);
	if (ret == -EIO)
		VIRTIO_LOG(ERR, "%s: the device reports an error after the stop of the queue, and "
			   "needs a reset. Stop and start the port%s.", vq->conf.name,
			   vq->dev->stop_method == VIRTIO_STOP_MMIO_RESET ? "" :
			   ". queue_reset=proposal does not suit this device: leave it out");
	return ret != 0 ? ret : -EAGAIN;
}

/* Not called, as the method is NONE. */
static int
mmio_legacy_queue_stop(struct virtqueue *vq)
{
	RTE_SET_USED(vq);
	return -ENOTSUP;
}

/* 4.2.3.3; rte_write32() has the barrier between the ring and the register. */
static void
mmio_queue_notify(struct virtqueue *vq)
{
	const struct virtqueue_place *next = &vq->next_avail;
	uint32_t value = vq->index;

	/* 2.9: the place of the next buffer; packed: its wrap counter is the highest bit. */
	if (virtio_device_has(vq->dev, VIRTIO_F_NOTIFICATION_DATA))
		value |= (uint32_t)(vq->conf.packed ? next->pos | next->wrap << 15 : next->idx)
			 << 16;
	put(vq->dev->priv, VIRTIO_MMIO_QUEUE_NOTIFY, value);
}

static int
mmio_reset_ask(struct virtio_device *dev)
{
	put(dev->priv, VIRTIO_MMIO_STATUS, VIRTIO_STATUS_RESET);
	return 0;
}

static int
mmio_reset_poll(struct virtio_device *dev)
{
	struct mmio *mmio = dev->priv;
	uint8_t status;
	uint16_t i;
	const int ret = mmio_get_status(dev, &status);

	if (ret != 0)
		return ret;
	if (status != VIRTIO_STATUS_RESET)
		return -EAGAIN;
	for (i = 0; i < dev->nb_vqs; i++)
		mmio->rings[i].asked = false;
	return 0;
}

static void
mmio_wait(struct virtio_device *dev, uint32_t timeout_us)
{
	const struct timespec t = { .tv_nsec = RTE_MIN(timeout_us, UINT32_C(100)) * 1000 };

	RTE_SET_USED(dev);
	nanosleep(&t, NULL);
}

/* 4.2.2.2: a field is accessed by its own width; arrays are of bytes. */
static unsigned int
field_width(size_t len)
{
	return len == 2 ? 2 : len == 4 || len == 8 ? 4 : 1;
}

static int
check_config(struct virtio_device *dev, uint32_t offset, size_t len)
{
	const struct mmio *mmio = dev->priv;
	const uint32_t length = mmio->length - VIRTIO_MMIO_CONFIG;

	if (offset <= length && len <= length - offset)
		return 0;
	VIRTIO_LOG(ERR, "%s: bytes %u to %zu of the device configuration are needed, the window "
		   "has %u. Pass the whole window of the device.", dev->name, offset,
		   offset + len - 1, length);
	return -EINVAL;
}

/* Whether it differs from what was in `to`. */
static bool
copy_config(const struct mmio *mmio, uint32_t offset, void *to, size_t len)
{
	const unsigned int width = field_width(len);
	bool differs = false;
	size_t i;

	for (i = 0; i < len; i += width) {
		const uint32_t value = rte_cpu_to_le_32(
			reg_read(mmio, VIRTIO_MMIO_CONFIG + offset + i, width));

		differs |= memcmp((uint8_t *)to + i, &value, width) != 0;
		memcpy((uint8_t *)to + i, &value, width);
	}
	return differs;
}

/*
 * Reads the configuration once; returns whether the read is consistent: by its generation (2.5.1),
 * or on a legacy device, which has none, if the read before had the same result (2.5.4).
 */
static bool
look_at_config(struct virtio_device *dev, uint32_t offset, void *to, size_t len)
{
	const struct mmio *mmio = dev->priv;
	uint32_t before;

	if (dev->legacy)
		return !copy_config(mmio, offset, to, len);
	before = get(mmio, VIRTIO_MMIO_CONFIG_GENERATION);
	copy_config(mmio, offset, to, len);
	return get(mmio, VIRTIO_MMIO_CONFIG_GENERATION) == before;
}

static int
mmio_read_config(struct virtio_device *dev, uint32_t offset, void *to, size_t len)
{
	bool settled = false;
	unsigned int tries;
	int ret;

	ret = check_config(dev, offset, len);
	if (ret != 0)
		return ret;
	memset(to, 0, len);
	if (dev->legacy)
		copy_config(dev->priv, offset, to, len);
	for (tries = 0; tries < CONFIG_TRIES && !settled; tries++)
		settled = look_at_config(dev, offset, to, len);
	ret = unless_gone(dev, settled ? 0 : -EIO);
	if (ret == -EIO)
		VIRTIO_LOG(ERR, "%s: the device configuration changes faster than it can be read",
			   dev->name);
	return ret;
}

static int
mmio_write_config(struct virtio_device *dev, uint32_t offset, const void *from, size_t len)
{
	const unsigned int width = field_width(len);
	const int ret = check_config(dev, offset, len);
	size_t i;

	for (i = 0; ret == 0 && i < len; i += width) {
		uint32_t value = 0;

		memcpy(&value, (const uint8_t *)from + i, width);
		reg_write(dev->priv, VIRTIO_MMIO_CONFIG + offset + i, width,
			  rte_le_to_cpu_32(value));
	}
	return ret;
}

/* The mapping of the window, or the hooks, are the primary's. */
static int
mmio_attach(struct virtio_device *dev)
{
	VIRTIO_INIT_LOG(ERR, "%s: a virtio-mmio device can be used in the primary process only.",
			dev->name);
	return -ENOTSUP;
}

#define MMIO_OPS \
	.by_iova = true, \
	.get_features = mmio_get_features, \
	.set_features = mmio_set_features, \
	.set_status = mmio_set_status, \
	.get_status = mmio_get_status, \
	.queue_setup = mmio_queue_setup, \
	.queue_notify = mmio_queue_notify, \
	.reset_ask = mmio_reset_ask, \
	.reset_poll = mmio_reset_poll, \
	.wait = mmio_wait, \
	.queue_max_size = mmio_queue_max_size, \
	.read_config = mmio_read_config, \
	.write_config = mmio_write_config, \
	.attach = mmio_attach

static const struct virtio_transport_ops mmio_ops = {
	MMIO_OPS,
	.name = "virtio-mmio",
	.queue_enable = mmio_queue_enable,
	.queue_stop_ask = mmio_queue_stop_ask,
	.queue_stop_poll = mmio_queue_stop_poll,
};

static const struct virtio_transport_ops mmio_legacy_ops = {
	MMIO_OPS,
	.name = "virtio-mmio-legacy",
	.legacy = true,
	.queue_enable = mmio_legacy_queue_enable,
	.queue_stop_ask = mmio_legacy_queue_stop,
	.queue_stop_poll = mmio_legacy_queue_stop,
};

RTE_INIT(mmio_register)
{
	virtio_transports[VIRTIO_TRANSPORT_MMIO] = &mmio_ops;
	virtio_transports[VIRTIO_TRANSPORT_MMIO_LEGACY] = &mmio_legacy_ops;
}

/* 4.2.2.2, 4.2.3.1.1: no other register is touched before these are right. */
static int
identify(const char *name, const struct virtio_mmio_conf *conf, enum virtio_transport_kind *kind)
{
	const struct mmio mmio = { .hooks = conf->hooks, .base = conf->base };
	uint32_t magic, version, id;

	if (conf->length < VIRTIO_MMIO_CONFIG) {
		VIRTIO_INIT_LOG(ERR, "%s: the window of registers has %u bytes, at least %u are "
				"needed. Pass the whole window of the device.", name, conf->length,
				VIRTIO_MMIO_CONFIG);
		return -EINVAL;
	}
	if (conf->hooks == NULL && (uintptr_t)conf->base % 4 != 0) {
		VIRTIO_INIT_LOG(ERR, "%s: the window of registers at %p is not aligned to 4 bytes. "
				"Map it at a multiple of 4.", name, conf->base);
		return -EINVAL;
	}
	magic = get(&mmio, VIRTIO_MMIO_MAGIC);
	version = get(&mmio, VIRTIO_MMIO_VERSION);
	if (magic != VIRTIO_MMIO_MAGIC_VALUE || (version != 1 && version != 2)) {
		VIRTIO_INIT_LOG(ERR, "%s: MagicValue reads 0x%08x and Version %u, 0x%08x and 1 or "
				"2 are right. Check the address of the registers.", name, magic,
				version, VIRTIO_MMIO_MAGIC_VALUE);
		return -EINVAL;
	}
	id = get(&mmio, VIRTIO_MMIO_DEVICE_ID);
	if (id != 0 && id != conf->device_id)
		VIRTIO_INIT_LOG(ERR, "%s: DeviceID reads %u, %u is expected. Check the address of "
				"the registers.", name, id, conf->device_id);
	*kind = version == 1 ? VIRTIO_TRANSPORT_MMIO_LEGACY : VIRTIO_TRANSPORT_MMIO;
	/* 4.2.2.2: 0 is a place without a device, and no error is reported. */
	return id == conf->device_id && id != 0 ? 0 : -ENODEV;
}

/* There is no register for it: rings are counted until one is not there. */
static int
count_rings(struct virtio_device *dev, uint16_t *nb_rings)
{
	const struct mmio *mmio = dev->priv;
	uint16_t size;
	int ret;

	for (*nb_rings = 0; *nb_rings < UINT16_MAX; (*nb_rings)++) {
		put(mmio, VIRTIO_MMIO_QUEUE_SEL, *nb_rings);
		ret = read_max_size(dev, &size);
		if (ret != 0)
			return ret;
		if (size == 0)
			break;
	}
	ret = unless_gone(dev, *nb_rings == 0 ? -EINVAL : 0);
	if (ret == -EINVAL)
		VIRTIO_INIT_LOG(ERR, "%s: the device reports no rings. The device does not conform "
				"to the specification.", dev->name);
	return ret;
}

/* A table of the rings that the device has with ring_features in force; it is left reset. */
static int
find_rings(struct virtio_device *dev, const char *name, const struct virtio_mmio_conf *conf)
{
	const enum virtio_transport_kind kind = dev->kind;
	struct mmio *mmio = dev->priv;
	uint64_t offered;
	uint16_t n = 0;
	int ret, reset;

	ret = virtio_device_reset(dev, FIRST_TIMEOUT_US);
	if (ret != 0)
		return ret;
	ret = virtio_device_negotiate(dev, conf->ring_features);
	if (ret == 0)
		ret = count_rings(dev, &n);
	reset = virtio_device_reset(dev, FIRST_TIMEOUT_US);
	if (ret == 0)
		ret = reset;
	if (ret != 0)
		return ret;
	offered = dev->offered;
	virtio_device_fini(dev);
	rte_free(mmio->rings);
	mmio->rings = rte_calloc("virtio_mmio", n, sizeof(*mmio->rings), 0);
	ret = virtio_device_init(dev, name, kind, n);
	dev->offered = offered;
	return mmio->rings == NULL ? -ENOMEM : ret;
}

/* A reset in progress is waited for. QueueReset 0 with QueueReady 1 is none that has begun. */
static int
trial_has_ended(void *arg)
{
	struct virtqueue *vq = arg;
	bool resets;

	if (is_stopped(vq, &resets))
		return 0;
	return resets ? -EAGAIN : -ENOTSUP;
}

/*
 * Resets an empty ring of the device at DRIVER_OK, as a stop does later. The enabled ring has read
 * QueueReady 1 before, so a register that always reads 0 is no proof.
 *
 * @return
 *   0, and the reason why the trial has failed or NULL. Else the trial says nothing.
 */
static int
try_queue_reset(struct virtio_device *dev, int node, const char **why)
{
	struct virtqueue_conf conf = { .node = node };
	struct virtqueue *vq;
	uint16_t max;
	int ret, reset;

	ret = virtio_device_queue_max(dev, 0, &max);
	if (ret != 0)
		return ret;
	/* A ring that is not there any more is reported by virtqueue_create(), by any size. */
	conf.size = max == 0 ? TRIAL_SIZE :
			       RTE_MIN(rte_align32prevpow2((uint32_t)max), TRIAL_SIZE);
	ret = virtqueue_create(dev, 0, &conf, &vq);
	if (ret != 0)
		return ret;
	*why = "the device could not run an empty ring to try QueueReset";
	ret = virtio_device_negotiate(dev, VIRTIO_BIT(VIRTIO_F_RING_RESET));
	if (ret == 0)
		ret = virtio_device_start(dev, &vq, 1);
	if (ret == 0) {
		*why = "the device offers VIRTIO_F_RING_RESET, but QueueReset did not reset an "
		       "empty ring";
		mmio_queue_stop_ask(vq);
		ret = virtio_device_wait(dev, trial_has_ended, vq,
					 virtio_now_us() + FIRST_TIMEOUT_US);
	}
	if (ret == 0)
		*why = NULL;
	/* Whatever the result of the trial is, after this reset the ring can be freed. */
	reset = virtio_device_reset(dev, FIRST_TIMEOUT_US);
	if (reset == 0)
		virtqueue_destroy(vq);
	return reset;
}

/* Sets the method, and its reason for the log. */
static int
choose_stop_method(struct virtio_device *dev, const struct virtio_mmio_conf *conf, const char **why)
{
	const uint64_t offered = dev->offered;
	int ret;

	dev->stop_method = VIRTIO_STOP_NONE;
	if (dev->legacy) {
		*why = "a legacy device has no queue reset";
		return 0;
	}
	if (conf->stop == VIRTIO_MMIO_STOP_OFF) {
		*why = "queue_reset=off";
		return 0;
	}
	if (!(offered & VIRTIO_BIT(VIRTIO_F_RING_RESET))) {
		*why = "the device does not offer VIRTIO_F_RING_RESET";
		return 0;
	}
	if (conf->stop == VIRTIO_MMIO_STOP_PROPOSAL) {
		if (get(dev->priv, VIRTIO_MMIO_VENDOR_ID) == VIRTIO_MMIO_VENDOR_QEMU) {
			*why = "queue_reset=proposal is refused: QEMU's device continues to write "
			       "into a ring whose QueueReady is 0";
			return 0;
		}
		*why = "queue_reset=proposal";
		dev->stop_method = VIRTIO_STOP_MMIO_READY;
		return 0;
	}
	dev->stop_method = VIRTIO_STOP_MMIO_RESET;
	ret = try_queue_reset(dev, conf->node, why);
	dev->offered = offered;
	if (ret == 0 && *why != NULL)
		dev->stop_method = VIRTIO_STOP_NONE;
	else
		*why = "the device has reset an empty ring by QueueReset";
	return ret;
}

int
virtio_mmio_create(struct virtio_device *dev, const char *name, const struct virtio_mmio_conf *conf)
{
	enum virtio_transport_kind kind;
	struct mmio *mmio;
	const char *why;
	int ret;

	ret = identify(name, conf, &kind);
	if (ret == 0)
		ret = virtio_device_init(dev, name, kind, 1);
	if (ret != 0)
		return ret;
	/* What is offered is read as it is until the method is known. */
	dev->stop_method = VIRTIO_STOP_MMIO_RESET;
	mmio = rte_zmalloc("virtio_mmio", sizeof(*mmio), 0);
	dev->priv = mmio;
	ret = -ENOMEM;
	if (mmio == NULL)
		goto fail;
	mmio->hooks = conf->hooks;
	mmio->base = conf->base;
	mmio->length = conf->length;
	mmio->rings = rte_zmalloc("virtio_mmio", sizeof(*mmio->rings), 0);
	if (mmio->rings == NULL)
		goto fail;
	ret = find_rings(dev, name, conf);
	if (ret == 0)
		ret = choose_stop_method(dev, conf, &why);
	if (ret != 0)
		goto fail;
	if (dev->stop_method == VIRTIO_STOP_NONE)
		dev->offered &= ~VIRTIO_BIT(VIRTIO_F_RING_RESET);
	VIRTIO_INIT_LOG(NOTICE, "%s: single queues are stopped by: %s (%s)", name,
			virtio_stop_method_name(dev->stop_method), why);
	virtio_device_check_iova(dev);
	virtio_device_note_connection(dev, why);
	return 0;

fail:
	virtio_mmio_destroy(dev);
	return ret;
}

void
virtio_mmio_destroy(struct virtio_device *dev)
{
	struct mmio *mmio = dev->priv;

	if (mmio != NULL)
		rte_free(mmio->rings);
	rte_free(mmio);
	dev->priv = NULL;
	virtio_device_fini(dev);
}

int
virtio_mmio_isr(struct virtio_device *dev)
{
	const struct mmio *mmio = dev->priv;
	const uint32_t got = get(mmio, VIRTIO_MMIO_INTERRUPT_STATUS);
	/* 4.2.2.2: undefined bits are neither looked at nor acknowledged. */
	const uint32_t events = got & (VIRTIO_MMIO_INT_QUEUE | VIRTIO_MMIO_INT_CONFIG);
	const int ret = unless_gone(dev, 0);

	if (ret != 0)
		return ret;
	if (events != 0)
		put(mmio, VIRTIO_MMIO_INTERRUPT_ACK, events);
	return events;
}
