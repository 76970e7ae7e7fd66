/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_string_fns.h>

#include "transport_vhost_vdpa.h"
#include "vhost_kernel_ioctl.h"
#include "vhost_user_kicks.h"
#include "vhost_user_msg.h"
#include "vhost_vdpa_ioctl.h"
#include "vhost_vdpa_mem.h"
#include "virtio_log.h"
#include "virtqueue.h"

#define RESET_SLEEP_US UINT32_C(1000)

struct vhost_vdpa_ring {
	int call_fd;
	uint16_t size;            /* as the device has it; 0: it does not know the ring */
	bool live;                /* the device may use the memory of dev->vqs[] */
	int stop_error;           /* of the last stop: 0, the device has confirmed it */
	struct virtqueue *parked; /* an empty ring that takes its place; NULL without stops */
};

struct vhost_vdpa {
	char path[PATH_MAX];
	int fd;        /* -1: closed, which resets the device */
	int config_fd; /* raised by the kernel after a change of the configuration */
	bool stops;
	int reset_error; /* of the last request */
	struct vhost_vdpa_info info;
	struct vhost_vdpa_mem mem;
	struct vhost_vdpa_ring *rings;
};

/* ---- struct virtio_transport_ops ---------------------------------------------------------- */

static int
vdpa_get_features(struct virtio_device *dev, uint64_t *features)
{
	const struct vhost_vdpa *vv = dev->priv;
	const int ret = vhost_vdpa_get_features(vv->fd, features);

	/*
	 * Bit 40 of the device means nothing, as there is no request for it. virtio-user's own
	 * device half has it where a ring can be stopped.
	 */
	*features &= ~VIRTIO_BIT(VIRTIO_F_RING_RESET);
	if (dev->stop_method != VIRTIO_STOP_NONE)
		*features |= VIRTIO_BIT(VIRTIO_F_RING_RESET);
	return ret == 0 ? 0 : -EIO;
}

static int
vdpa_set_features(struct virtio_device *dev, uint64_t features)
{
	struct vhost_vdpa *vv = dev->priv;
	int ret;

	ret = vhost_vdpa_mem_map_all(&vv->mem);
	if (ret != 0)
		return ret;
	ret = vhost_vdpa_set_config_call(vv->fd, vv->config_fd);
	if (ret == 0)
		ret = vhost_vdpa_set_features(vv->fd, features & ~VIRTIO_BIT(VIRTIO_F_RING_RESET));
	return ret == 0 ? 0 : -EIO;
}

static int
vdpa_set_status(struct virtio_device *dev, uint8_t status)
{
	const struct vhost_vdpa *vv = dev->priv;

	return vhost_vdpa_set_status(vv->fd, status) == 0 ? 0 : -EIO;
}

static int
vdpa_get_status(struct virtio_device *dev, uint8_t *status)
{
	const struct vhost_vdpa *vv = dev->priv;

	if (vv->fd < 0)
		return -ENODEV;
	return vhost_vdpa_get_status(vv->fd, status) == 0 ? 0 : -EIO;
}

static struct vhost_kernel_vring
vring_of(const struct virtqueue *vq)
{
	const struct vhost_vdpa *vv = vq->dev->priv;

	return (struct vhost_kernel_vring){
		.index = vq->index, .base = virtqueue_vhost_base(vq), .size = vq->size,
		.desc = (uintptr_t)vq->desc, .avail = (uintptr_t)vq->avail,
		.used = (uintptr_t)vq->used, .kick_fd = vhost_user_kick_fd(vq->dev, vq->index),
		.call_fd = vv->rings[vq->index].call_fd,
	};
}

static void
no_buffers(void *owner __rte_unused, void *cookie __rte_unused)
{
}

/* An empty ring like this one. The device does not have the old one any more. */
static int
make_parked(const struct virtqueue *vq)
{
	struct vhost_vdpa *vv = vq->dev->priv;
	struct vhost_vdpa_ring *ring = &vv->rings[vq->index];
	struct virtqueue_conf conf = {
		.size = vq->size, .packed = vq->conf.packed, .node = vq->conf.node,
	};

	if (ring->parked != NULL && ring->parked->size == conf.size &&
	    ring->parked->conf.packed == conf.packed)
		return 0;
	if (ring->parked != NULL)
		virtqueue_destroy(ring->parked);
	ring->parked = NULL;
	return virtqueue_create(vq->dev, vq->index, &conf, &ring->parked);
}

static int
vdpa_queue_setup(struct virtqueue *vq)
{
	struct vhost_vdpa *vv = vq->dev->priv;
	struct vhost_vdpa_ring *ring = &vv->rings[vq->index];
	const struct vhost_kernel_vring vring = vring_of(vq);
	int ret = 0;

	/* Its place in the device is taken by an exchange. */
	if (vq->dev->status & VIRTIO_STATUS_DRIVER_OK)
		return ring->live || ring->size != vq->size ? -EIO : 0;
	if (vq->dev->stop_method != VIRTIO_STOP_NONE)
		ret = make_parked(vq);
	if (ret != 0)
		return ret;
	if (vhost_kernel_set_vring(vv->fd, &vring) != 0)
		return -EIO;
	ring->size = vq->size;
	return 0;
}

/* The device has lost the notifications of the time that it was suspended. */
static void
notify_live_rings(struct virtio_device *dev)
{
	const struct vhost_vdpa *vv = dev->priv;
	uint16_t i;

	for (i = 0; i < dev->nb_vqs; i++) {
		if (vv->rings[i].live && dev->vqs[i] != NULL)
			vhost_user_kick(dev->vqs[i]);
	}
}

/* The device may have either ring: neither counts as stopped. */
static void
give_up(struct virtio_device *dev, uint16_t index)
{
	struct vhost_vdpa *vv = dev->priv;

	vv->rings[index].live = true;
	dev->needs_reset = true;
	VIRTIO_LOG(ERR, "%s: the device was suspended for ring %u and does not resume. No queue of "
		   "the port works until the device is reset. Stop and start the port.", dev->name,
		   index);
}

/*
 * Devices take addresses when a ring is enabled that was not. ENABLE 0 is not what stops the ring:
 * the device is suspended.
 */
static int
put_in_place(const struct virtqueue *vq)
{
	const struct vhost_vdpa *vv = vq->dev->priv;
	const struct vhost_kernel_vring vring = vring_of(vq);
	int ret;

	ret = vhost_vdpa_enable(vv->fd, vq->index, false);
	if (ret == 0)
		ret = vhost_kernel_move_vring(vv->fd, &vring);
	if (ret == 0)
		ret = vhost_vdpa_enable(vv->fd, vq->index, true);
	return ret;
}

/* live: what the ring's memory is after the exchange. */
static int
exchange(struct virtqueue *by, bool live)
{
	struct virtio_device *dev = by->dev;
	struct vhost_vdpa *vv = dev->priv;
	bool suspended;

	if (dev->needs_reset)
		return -EIO;
	suspended = vhost_vdpa_suspend(vv->fd) == 0;
	/*
	 * A device that may have one ring's base and the other's addresses must not resume. Where
	 * SUSPEND has failed, some part of the device may be suspended.
	 */
	if ((suspended && put_in_place(by) != 0) || vhost_vdpa_resume(vv->fd) != 0) {
		give_up(dev, by->index);
		return -EIO;
	}
	if (suspended)
		vv->rings[by->index].live = live;
	notify_live_rings(dev);
	return suspended ? 0 : -EIO;
}

static int
vdpa_queue_enable(struct virtqueue *vq)
{
	struct vhost_vdpa *vv = vq->dev->priv;

	if (vq->dev->status & VIRTIO_STATUS_DRIVER_OK)
		return exchange(vq, true);
	if (vhost_vdpa_enable(vv->fd, vq->index, true) != 0)
		return -EIO;
	vv->rings[vq->index].live = true;
	return 0;
}

static int
vdpa_queue_stop_ask(struct virtqueue *vq)
{
	struct vhost_vdpa *vv = vq->dev->priv;
	struct vhost_vdpa_ring *ring = &vv->rings[vq->index];

	ring->stop_error = 0;
	if (!ring->live)
		return 0;
	/* The device may have the parked ring. */
	if (vq->dev->needs_reset) {
		ring->stop_error = -EIO;
		return 0;
	}
	/* All zero, as the specification demands of a new ring (2.6.1). */
	virtqueue_reclaim(ring->parked, no_buffers, NULL);
	ring->stop_error = exchange(ring->parked, false);
	return 0;
}

static int
vdpa_queue_stop_poll(struct virtqueue *vq)
{
	const struct vhost_vdpa *vv = vq->dev->priv;

	return vv->rings[vq->index].stop_error;
}

static int
vdpa_reset_ask(struct virtio_device *dev)
{
	struct vhost_vdpa *vv = dev->priv;

	vv->reset_error = 0;
	if (vv->fd >= 0 && vhost_vdpa_set_status(vv->fd, VIRTIO_STATUS_RESET) != 0)
		vv->reset_error = -EIO;
	return 0;
}

static void
forget_rings(struct virtio_device *dev)
{
	struct vhost_vdpa *vv = dev->priv;
	uint16_t i;

	for (i = 0; i < dev->nb_vqs; i++) {
		vv->rings[i].live = false;
		vv->rings[i].size = 0;
	}
}

static int
vdpa_reset_poll(struct virtio_device *dev)
{
	struct vhost_vdpa *vv = dev->priv;
	uint8_t status = VIRTIO_STATUS_RESET;

	if (vv->reset_error != 0)
		return vv->reset_error;
	if (vv->fd >= 0 && vhost_vdpa_get_status(vv->fd, &status) != 0)
		return -EIO;
	if (status != VIRTIO_STATUS_RESET)
		return -EAGAIN;
	forget_rings(dev);
	if (!(vv->info.backend_features & VHOST_VDPA_IOTLB_PERSIST))
		vhost_vdpa_mem_expire(&vv->mem);
	return 0;
}

static void
vdpa_wait(struct virtio_device *dev __rte_unused, uint32_t timeout_us)
{
	usleep(RTE_MIN(timeout_us, RESET_SLEEP_US));
}

static int
vdpa_queue_max_size(struct virtio_device *dev, uint16_t index __rte_unused, uint16_t *size)
{
	const struct vhost_vdpa *vv = dev->priv;

	*size = RTE_MIN(vv->info.max_size, VIRTIO_SPLIT_RING_MAX);
	return 0;
}

static uint16_t
vdpa_queue_kept_size(struct virtio_device *dev, uint16_t index)
{
	const struct vhost_vdpa *vv = dev->priv;

	return vv->rings[index].size;
}

static int
vdpa_read_config(struct virtio_device *dev, uint32_t offset, void *to, size_t len)
{
	const struct vhost_vdpa *vv = dev->priv;

	if (vv->fd < 0)
		return -ENODEV;
	if (len > VHOST_VDPA_CONFIG_MAX || offset > vv->info.config_size ||
	    len > vv->info.config_size - offset)
		return -EINVAL;
	return vhost_vdpa_get_config(vv->fd, offset, to, len) == 0 ? 0 : -EIO;
}

static int
vdpa_attach(struct virtio_device *dev)
{
	return vhost_user_kicks_fetch(dev, dev->nb_vqs);
}

static void
vdpa_detach(struct virtio_device *dev)
{
	vhost_user_kicks_close(dev);
}

static const struct virtio_transport_ops vhost_vdpa_ops = {
	.name = "vhost-vdpa",
	.get_features = vdpa_get_features,
	.set_features = vdpa_set_features,
	.set_status = vdpa_set_status,
	.get_status = vdpa_get_status,
	.queue_setup = vdpa_queue_setup,
	.queue_enable = vdpa_queue_enable,
	.queue_stop_ask = vdpa_queue_stop_ask,
	.queue_stop_poll = vdpa_queue_stop_poll,
	.queue_notify = vhost_user_kick,
	.reset_ask = vdpa_reset_ask,
	.reset_poll = vdpa_reset_poll,
	.wait = vdpa_wait,
	.queue_max_size = vdpa_queue_max_size,
	.queue_kept_size = vdpa_queue_kept_size,
	.read_config = vdpa_read_config,
	.attach = vdpa_attach,
	.detach = vdpa_detach,
};

RTE_INIT(vhost_vdpa_register)
{
	virtio_transports[VIRTIO_TRANSPORT_VHOST_VDPA] = &vhost_vdpa_ops;
}

/* ---- configuration and memory ------------------------------------------------------------- */

bool
vhost_vdpa_is_up(struct virtio_device *dev)
{
	const struct vhost_vdpa *vv = dev->priv;

	return vv->fd >= 0;
}

int
vhost_vdpa_watch_fd(struct virtio_device *dev)
{
	const struct vhost_vdpa *vv = dev->priv;

	return vv->config_fd;
}

short
vhost_vdpa_watch_events(struct virtio_device *dev)
{
	return vhost_vdpa_is_up(dev) ? POLLIN : 0;
}

void
vhost_vdpa_take_events(struct virtio_device *dev)
{
	const struct vhost_vdpa *vv = dev->priv;
	uint64_t count;
	const ssize_t n = read(vv->config_fd, &count, sizeof(count));

	RTE_SET_USED(n);
}

int
vhost_vdpa_call_fd(struct virtio_device *dev, uint16_t index)
{
	const struct vhost_vdpa *vv = dev->priv;

	return vv->rings[index].call_fd;
}

int
vhost_vdpa_attach(struct virtio_device *dev, void *addr, size_t len, int fd __rte_unused,
		  uint64_t offset __rte_unused)
{
	struct vhost_vdpa *vv = dev->priv;

	return vhost_vdpa_mem_attach(&vv->mem, addr, len);
}

int
vhost_vdpa_detach(struct virtio_device *dev, void *addr, size_t len)
{
	struct vhost_vdpa *vv = dev->priv;

	return vhost_vdpa_mem_detach(&vv->mem, addr, len);
}

bool
vhost_vdpa_has(struct virtio_device *dev, const void *addr, size_t len)
{
	struct vhost_vdpa *vv = dev->priv;

	return vhost_vdpa_mem_has(&vv->mem, addr, len);
}

/* ---- opening ------------------------------------------------------------------------------ */

static int
log_open_error(const char *name, const char *path, int error)
{
	const char *cure = "";

	if (error == -ENOENT || error == -ENODEV || error == -ENXIO)
		cure = " Load the module vhost_vdpa, and add the device (vdpa dev add).";
	else if (error == -EACCES || error == -EPERM)
		cure = " The user of this process needs read and write access to it.";
	else if (error == -EBUSY)
		cure = " Another process, or another port, has it open. Use another device.";
	else if (error == -ENOTTY)
		cure = " It is not a vhost-vDPA device. Give path=/dev/vhost-vdpa-<number>.";
	else if (error == -ENOSYS)
		cure = " The kernel is too old for this driver. Use Linux 5.18 or later.";
	else if (error == -EMFILE)
		cure = VHOST_USER_MORE_FILES;
	VIRTIO_INIT_LOG(ERR, "%s: %s cannot be used: %s.%s", name, path, rte_strerror(-error),
			cure);
	return error;
}

static enum virtio_stop_method
choose_stop(const struct vhost_vdpa *vv, const char **reason)
{
	const bool suspends = vv->info.backend_features & VHOST_VDPA_CAN_SUSPEND;
	const bool resumes = vv->info.backend_features & VHOST_VDPA_CAN_RESUME;

	if (!vv->stops)
		*reason = "queue_reset=off";
	else if (suspends && resumes)
		*reason = "the device has SUSPEND and RESUME";
	else if (suspends)
		*reason = "the device has SUSPEND and no RESUME";
	else
		*reason = resumes ? "the device has RESUME and no SUSPEND" :
				    "the device has neither SUSPEND nor RESUME";
	return vv->stops && suspends && resumes ? VIRTIO_STOP_VHOST_SUSPEND : VIRTIO_STOP_NONE;
}

static int
open_device(const char *name, struct vhost_vdpa *vv)
{
	int ret;

	ret = vhost_vdpa_open(vv->path, &vv->fd, &vv->info);
	if (ret != 0)
		return log_open_error(name, vv->path, ret);
	if (vv->info.device_id != VHOST_VDPA_NET) {
		VIRTIO_INIT_LOG(ERR, "%s: %s is a device of type %u, which is no network device "
				"(type 1). Give the path of another one.", name, vv->path,
				vv->info.device_id);
		ret = -ENOTSUP;
	} else if (vv->info.nb_rings < 2 || vv->info.nb_rings > VHOST_USER_MAX_RINGS) {
		VIRTIO_INIT_LOG(ERR, "%s: %s has %u rings. This driver serves devices of 2 to %u "
				"rings.", name, vv->path, vv->info.nb_rings, VHOST_USER_MAX_RINGS);
		ret = -ENOTSUP;
	}
	if (ret != 0) {
		close(vv->fd);
		vv->fd = -1;
	}
	return ret;
}

/* The device is open. */
static int
use_device(struct virtio_device *dev)
{
	struct vhost_vdpa *vv = dev->priv;
	const char *reason;
	int ret;

	vv->mem.batch = vv->info.backend_features & VHOST_VDPA_IOTLB_BATCH;
	vv->mem.first = vv->info.first;
	vv->mem.last = vv->info.last;
	vhost_vdpa_mem_set_fd(&vv->mem, vv->fd);
	ret = vhost_vdpa_mem_map_all(&vv->mem);
	if (ret != 0)
		return ret;
	dev->stop_method = choose_stop(vv, &reason);
	virtio_device_note_connection(dev, reason);
	VIRTIO_INIT_LOG(NOTICE, "%s: single queues are stopped by: %s (%s)", dev->name,
			virtio_stop_method_name(dev->stop_method), dev->stop_reason);
	return vdpa_get_features(dev, &dev->offered);
}

static int
open_events(struct virtio_device *dev)
{
	struct vhost_vdpa *vv = dev->priv;
	uint16_t i;

	vv->config_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (vv->config_fd < 0)
		return log_open_error(dev->name, vv->path, -errno);
	for (i = 0; i < dev->nb_vqs; i++) {
		vv->rings[i].call_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (vv->rings[i].call_fd < 0)
			return log_open_error(dev->name, vv->path, -errno);
	}
	return vhost_user_kicks_create(dev, dev->nb_vqs);
}

static int
make_rings(struct virtio_device *dev)
{
	struct vhost_vdpa *vv = dev->priv;
	uint16_t i;

	vv->rings = rte_calloc("vhost_vdpa_rings", dev->nb_vqs, sizeof(*vv->rings), 0);
	for (i = 0; vv->rings != NULL && i < dev->nb_vqs; i++)
		vv->rings[i].call_fd = -1;
	return vv->rings == NULL ? -ENOMEM : 0;
}

int
vhost_vdpa_create(struct virtio_device *dev, const char *name, const struct vhost_vdpa_conf *conf)
{
	struct vhost_vdpa *vv;
	int ret;

	vv = rte_zmalloc("vhost_vdpa", sizeof(*vv), 0);
	if (vv == NULL)
		return -ENOMEM;
	vv->config_fd = -1;
	vv->stops = conf->stops;
	ret = rte_strscpy(vv->path, conf->path, sizeof(vv->path)) < 0 ? -EINVAL :
	      open_device(name, vv);
	if (ret == 0) {
		ret = virtio_device_init(dev, name, VIRTIO_TRANSPORT_VHOST_VDPA, vv->info.nb_rings);
		if (ret != 0)
			close(vv->fd);
	}
	if (ret != 0) {
		rte_free(vv);
		return ret;
	}
	dev->priv = vv;
	ret = vhost_vdpa_mem_init(&vv->mem, dev->name);
	if (ret == 0)
		ret = make_rings(dev);
	if (ret == 0)
		ret = open_events(dev);
	if (ret == 0)
		ret = use_device(dev);
	if (ret != 0)
		vhost_vdpa_destroy(dev);
	return ret;
}

void
vhost_vdpa_destroy(struct virtio_device *dev)
{
	struct vhost_vdpa *vv = dev->priv;
	uint16_t i;

	vhost_vdpa_disconnect(dev);
	vhost_vdpa_mem_fini(&vv->mem);
	vhost_user_kicks_close(dev);
	if (vv->config_fd >= 0)
		close(vv->config_fd);
	for (i = 0; vv->rings != NULL && i < dev->nb_vqs; i++) {
		if (vv->rings[i].call_fd >= 0)
			close(vv->rings[i].call_fd);
		if (vv->rings[i].parked != NULL)
			virtqueue_destroy(vv->rings[i].parked);
	}
	rte_free(vv->rings);
	rte_free(vv);
	dev->priv = NULL;
	virtio_device_fini(dev);
}

int
vhost_vdpa_reconnect(struct virtio_device *dev)
{
	struct vhost_vdpa *vv = dev->priv;
	int ret;

	vhost_vdpa_disconnect(dev);
	ret = open_device(dev->name, vv);
	if (ret == 0 && vv->info.nb_rings != dev->nb_vqs) {
		VIRTIO_LOG(ERR, "%s: %s now has %u rings, not %u. Close the port and probe the "
			   "device again.", dev->name, vv->path, vv->info.nb_rings, dev->nb_vqs);
		ret = -ENOTSUP;
	}
	if (ret == 0)
		ret = use_device(dev);
	if (ret != 0)
		vhost_vdpa_disconnect(dev);
	return ret;
}

void
vhost_vdpa_disconnect(struct virtio_device *dev)
{
	struct vhost_vdpa *vv = dev->priv;

	if (vv->fd < 0)
		return;
	/* Before the number may be that of another file. */
	vhost_vdpa_mem_set_fd(&vv->mem, -1);
	close(vv->fd);
	vv->fd = -1;
	vv->reset_error = 0;
}
