/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_byteorder.h>
#include <rte_common.h>
#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_string_fns.h>

#include "transport_vhost_kernel.h"
#include "vhost_kernel_ioctl.h"
#include "vhost_kernel_steering.h"
#include "vhost_kernel_tap.h"
#include "vhost_user_kicks.h"
#include "virtio_log.h"
#include "virtqueue.h"

/* Feature bits of network devices, 5.1.3: what vhost-net itself acts on, and what tap does. */
#define NET_BIT_CSUM       VIRTIO_BIT(0)
#define NET_BIT_GUEST_CSUM VIRTIO_BIT(1)
#define NET_BITS_GUEST_TSO (VIRTIO_BIT(7) | VIRTIO_BIT(8))
#define NET_BITS_HOST_TSO  (VIRTIO_BIT(11) | VIRTIO_BIT(12))
#define NET_BIT_MRG_RXBUF  VIRTIO_BIT(15)
/* virtio-user's device half has these: CTRL_VQ, CTRL_RX, MQ, CTRL_MAC_ADDR. */
#define NET_BITS_CTRL      (VIRTIO_BIT(17) | VIRTIO_BIT(18) | VIRTIO_BIT(23))
#define NET_BIT_MQ         VIRTIO_BIT(22)
#define NET_BIT_RSS        VIRTIO_BIT(60)

/* Fields of the configuration space with RSS, 5.1.4. */
#define CONFIG_KEY_MAX    17 /* u8 */
#define CONFIG_TABLE_MAX  18 /* le16 */
#define CONFIG_HASH_TYPES 20 /* le32 */

#define KERNEL_BITS (VIRTIO_BIT(VIRTIO_F_VERSION_1) | VIRTIO_BIT(VIRTIO_RING_F_INDIRECT_DESC) | \
		     VIRTIO_BIT(VIRTIO_RING_F_EVENT_IDX) | NET_BIT_MRG_RXBUF)

#define ZERO_COPY_PATH "/sys/module/vhost_net/parameters/experimental_zcopytx"

struct vhost_kernel_ring {
	int call_fd;
	bool live;      /* the kernel may touch it */
	int stop_error; /* of the last stop: 0, the kernel has confirmed it */
};

struct vhost_kernel {
	char path[PATH_MAX];
	char iface[IFNAMSIZ]; /* as it was asked for */
	struct vhost_kernel_tap tap;
	int *fds;             /* of the vhost device, by pair; -1: closed, which stops its rings */
	uint16_t nb_pairs;
	bool stops;
	bool steers;
	bool is_steered;      /* the interface has the program */
	struct vhost_kernel_steering steering;
	uint64_t features;    /* of the kernel's, those of KERNEL_BITS */
	uint64_t offloads;    /* of tap */
	int reset_error;      /* of the last reset of the device */
	struct vhost_kernel_ring *rings;
};

static int
vhost_fd(const struct virtqueue *vq)
{
	const struct vhost_kernel *vk = vq->dev->priv;

	return vk->fds[vq->index / 2];
}

/* ---- the interface ------------------------------------------------------------------------ */

bool
vhost_kernel_is_up(struct virtio_device *dev)
{
	const struct vhost_kernel *vk = dev->priv;

	return vk->fds[0] >= 0 && vhost_kernel_tap_exists(&vk->tap);
}

const char *
vhost_kernel_interface(const struct virtio_device *dev)
{
	const struct vhost_kernel *vk = dev->priv;

	return vk->tap.name;
}

int
vhost_kernel_link_is_up(struct virtio_device *dev, bool *up)
{
	const struct vhost_kernel *vk = dev->priv;

	return vhost_kernel_tap_is_up(&vk->tap, up);
}

int
vhost_kernel_watch_fd(struct virtio_device *dev)
{
	const struct vhost_kernel *vk = dev->priv;

	return vk->tap.netlink_fd;
}

short
vhost_kernel_watch_events(struct virtio_device *dev)
{
	return vhost_kernel_is_up(dev) ? POLLIN : 0;
}

void
vhost_kernel_take_events(struct virtio_device *dev)
{
	const struct vhost_kernel *vk = dev->priv;

	vhost_kernel_tap_take_events(&vk->tap);
}

int
vhost_kernel_set_mac(struct virtio_device *dev, const uint8_t mac[6])
{
	struct vhost_kernel *vk = dev->priv;

	return vhost_kernel_tap_set_mac(&vk->tap, mac);
}

int
vhost_kernel_set_mtu(struct virtio_device *dev, uint16_t mtu)
{
	struct vhost_kernel *vk = dev->priv;

	return vhost_kernel_tap_set_mtu(&vk->tap, mtu);
}

int
vhost_kernel_set_pairs(struct virtio_device *dev, uint16_t pairs)
{
	struct vhost_kernel *vk = dev->priv;
	int ret = 0;

	if (vk->is_steered)
		ret = vhost_kernel_tap_set_steering(&vk->tap, -1);
	vk->is_steered = vk->is_steered && ret != 0;
	return ret != 0 ? ret : vhost_kernel_tap_set_queues(&vk->tap, pairs);
}

int
vhost_kernel_set_rss(struct virtio_device *dev, const uint8_t *data, size_t len)
{
	struct vhost_kernel *vk = dev->priv;
	struct vhost_kernel_steering_conf conf;
	uint16_t pairs;
	int ret;

	ret = vhost_kernel_steering_read(data, len, &conf, &pairs);
	if (ret == 0)
		ret = vhost_kernel_tap_set_queues(&vk->tap, pairs);
	if (ret != 0)
		return ret;
	ret = vhost_kernel_steering_set(&vk->steering, &conf);
	if (ret != 0) {
		VIRTIO_LOG(ERR, "tap interface %s: the table of its queues cannot be set: %s",
			   vk->tap.name, rte_strerror(-ret));
		return ret;
	}
	if (!vk->is_steered)
		ret = vhost_kernel_tap_set_steering(&vk->tap, vk->steering.prog_fd);
	vk->is_steered = ret == 0;
	return ret;
}

int
vhost_kernel_call_fd(struct virtio_device *dev, uint16_t index)
{
	const struct vhost_kernel *vk = dev->priv;

	return vk->rings[index].call_fd;
}

/* ---- struct virtio_transport_ops ---------------------------------------------------------- */

static int
vk_get_features(struct virtio_device *dev, uint64_t *features)
{
	const struct vhost_kernel *vk = dev->priv;

	*features = vk->features | vk->offloads | NET_BITS_CTRL;
	if (vk->nb_pairs > 1)
		*features |= NET_BIT_MQ;
	if (vk->steers)
		*features |= NET_BIT_RSS;
	/* virtio-user is driver and device in one: the device half can stop a ring. */
	if (dev->stop_method != VIRTIO_STOP_NONE)
		*features |= VIRTIO_BIT(VIRTIO_F_RING_RESET);
	return 0;
}

static int
vk_set_features(struct virtio_device *dev, uint64_t features)
{
	struct vhost_kernel *vk = dev->priv;
	uint16_t i;
	int ret;

	ret = vhost_kernel_tap_set_offloads(&vk->tap, features);
	for (i = 0; ret == 0 && i < vk->nb_pairs; i++)
		ret = vhost_kernel_set_features(vk->fds[i], features & vk->features);
	return ret == 0 ? 0 : vhost_kernel_is_up(dev) ? -EIO : -ENODEV;
}

/* Of the configuration space, what belongs to RSS. */
static int
vk_read_config(struct virtio_device *dev, uint32_t offset, void *to, size_t len)
{
	const struct vhost_kernel *vk = dev->priv;
	uint32_t value;

	if (!vk->steers)
		return -ENOTSUP;
	if (offset == CONFIG_KEY_MAX && len == sizeof(uint8_t))
		value = VHOST_KERNEL_STEERING_KEY;
	else if (offset == CONFIG_TABLE_MAX && len == sizeof(uint16_t))
		value = VHOST_KERNEL_STEERING_TABLE;
	else if (offset == CONFIG_HASH_TYPES && len == sizeof(uint32_t))
		value = VHOST_KERNEL_STEERING_TYPES;
	else
		return -ENOTSUP;
	value = rte_cpu_to_le_32(value);
	memcpy(to, &value, len);
	return 0;
}

static int
vk_set_status(struct virtio_device *dev, uint8_t status)
{
	struct vhost_kernel *vk = dev->priv;

	/* Without the right to do so it is the administrator's to do. */
	if (status & VIRTIO_STATUS_DRIVER_OK)
		vhost_kernel_tap_raise(&vk->tap);
	return 0;
}

static int
vk_get_status(struct virtio_device *dev, uint8_t *status)
{
	*status = dev->status;
	return 0;
}

static int
vk_queue_setup(struct virtqueue *vq)
{
	struct vhost_kernel *vk = vq->dev->priv;
	const struct vhost_kernel_ring *ring = &vk->rings[vq->index];
	const struct vhost_kernel_vring vring = {
		.index = vq->index % 2, .size = vq->size, .desc = (uintptr_t)vq->desc,
		.avail = (uintptr_t)vq->avail, .used = (uintptr_t)vq->used,
		.kick_fd = vhost_user_kick_fd(vq->dev, vq->index), .call_fd = ring->call_fd,
	};

	/* Never at a ring that the kernel may touch: see vhost_kernel_set_vring(). */
	if (ring->live || vhost_kernel_set_vring(vhost_fd(vq), &vring) != 0)
		return -EIO;
	return 0;
}

static int
vk_queue_enable(struct virtqueue *vq)
{
	struct vhost_kernel *vk = vq->dev->priv;
	const int ret = vhost_kernel_set_backend(vhost_fd(vq), vq->index % 2,
						 vk->tap.fds[vq->index / 2]);

	if (ret != 0)
		return vhost_kernel_is_up(vq->dev) ? -EIO : -ENODEV;
	vk->rings[vq->index].live = true;
	return 0;
}

static int
vk_queue_stop_ask(struct virtqueue *vq)
{
	struct vhost_kernel *vk = vq->dev->priv;
	struct vhost_kernel_ring *ring = &vk->rings[vq->index];

	ring->stop_error = ring->live ?
		vhost_kernel_set_backend(vhost_fd(vq), vq->index % 2, -1) : 0;
	if (ring->stop_error == 0)
		ring->live = false;
	return 0;
}

static int
vk_queue_stop_poll(struct virtqueue *vq)
{
	const struct vhost_kernel *vk = vq->dev->priv;

	return vk->rings[vq->index].stop_error == 0 ? 0 : -EIO;
}

static int
vk_reset_ask(struct virtio_device *dev)
{
	struct vhost_kernel *vk = dev->priv;
	uint16_t i;

	vk->reset_error = 0;
	for (i = 0; i < 2 * vk->nb_pairs; i++) {
		if (!vk->rings[i].live)
			continue;
		if (vhost_kernel_set_backend(vk->fds[i / 2], i % 2, -1) == 0)
			vk->rings[i].live = false;
		else
			vk->reset_error = -EIO;
	}
	return 0;
}

static int
vk_reset_poll(struct virtio_device *dev)
{
	const struct vhost_kernel *vk = dev->priv;

	return vk->reset_error;
}

/* Nothing comes later than the return of a call. */
static void
vk_wait(struct virtio_device *dev __rte_unused, uint32_t timeout_us)
{
	usleep(timeout_us);
}

static int
vk_attach(struct virtio_device *dev)
{
	return vhost_user_kicks_fetch(dev, dev->nb_vqs);
}

static void
vk_detach(struct virtio_device *dev)
{
	vhost_user_kicks_close(dev);
}

static const struct virtio_transport_ops vhost_kernel_ops = {
	.name = "vhost-kernel",
	.get_features = vk_get_features,
	.set_features = vk_set_features,
	.set_status = vk_set_status,
	.get_status = vk_get_status,
	.read_config = vk_read_config,
	.queue_setup = vk_queue_setup,
	.queue_enable = vk_queue_enable,
	.queue_stop_ask = vk_queue_stop_ask,
	.queue_stop_poll = vk_queue_stop_poll,
	.queue_notify = vhost_user_kick,
	.reset_ask = vk_reset_ask,
	.reset_poll = vk_reset_poll,
	.wait = vk_wait,
	.attach = vk_attach,
	.detach = vk_detach,
};

RTE_INIT(vhost_kernel_register)
{
	virtio_transports[VIRTIO_TRANSPORT_VHOST_KERNEL] = &vhost_kernel_ops;
}

/* ---- opening ------------------------------------------------------------------------------ */

static int
log_vhost_error(const struct virtio_device *dev, int error)
{
	const struct vhost_kernel *vk = dev->priv;
	const char *cure = "";

	if (error == -ENOENT || error == -ENODEV || error == -ENXIO)
		cure = " Load the module vhost_net (modprobe vhost_net).";
	else if (error == -EACCES || error == -EPERM)
		cure = " The user of this process needs read and write access to it.";
	else if (error == -ENOTTY)
		cure = " It is not a vhost-net device. Give path=/dev/vhost-net.";
	else if (error == -EMFILE)
		cure = " Raise the limit of open files (ulimit -n), or use fewer queues.";
	VIRTIO_INIT_LOG(ERR, "%s: %s cannot be used: %s.%s", dev->name, vk->path,
			rte_strerror(-error), cure);
	return error;
}

static int
open_vhost(const struct virtio_device *dev, uint16_t pair)
{
	struct vhost_kernel *vk = dev->priv;
	uint64_t features = 0;
	int ret;

	ret = vhost_kernel_open(vk->path, &vk->fds[pair], &features);
	vk->features = features & KERNEL_BITS;
	return ret == 0 ? 0 : log_vhost_error(dev, ret);
}

/* Stops all rings. */
static void
close_vhosts(struct vhost_kernel *vk)
{
	uint16_t i;

	for (i = 0; i < vk->nb_pairs; i++) {
		if (vk->fds[i] >= 0)
			close(vk->fds[i]);
		vk->fds[i] = -1;
		vk->rings[2 * i].live = false;
		vk->rings[2 * i + 1].live = false;
	}
}

static void
close_all(struct vhost_kernel *vk)
{
	close_vhosts(vk);
	/* An interface that stays would keep the program. */
	if (vk->is_steered && vhost_kernel_tap_exists(&vk->tap))
		vhost_kernel_tap_set_steering(&vk->tap, -1);
	vhost_kernel_tap_close(&vk->tap);
	vk->is_steered = false;
}

static int
open_steering(const struct virtio_device *dev)
{
	struct vhost_kernel *vk = dev->priv;
	const int ret = vk->steers ? vhost_kernel_steering_open(&vk->steering) : 0;
	const char *cure = "Leave";

	if (ret == 0)
		return 0;
	/* Before Linux 5.11 -EPERM may also be the limit of locked memory. */
	if (ret == -EPERM)
		cure = "Run with CAP_BPF and CAP_NET_ADMIN and enough locked memory (ulimit -l), "
		       "or leave";
	else if (ret == -EINVAL || ret == -ENOSYS)
		cure = "It needs Linux 5.2 or later with bpf(2). Use such a kernel, or leave";
	else if (ret == -EMFILE)
		cure = "Raise the limit of open files (ulimit -n), or leave";
	VIRTIO_INIT_LOG(ERR, "%s: steering=ebpf: the kernel does not load the program: %s. %s "
			"steering= out.", dev->name, rte_strerror(-ret), cure);
	return ret;
}

/* With zero copy a stop waits, uninterruptibly, until all sent frames have left the interface. */
static void
warn_of_zero_copy(const struct virtio_device *dev)
{
	char value = '0';
	const int fd = open(ZERO_COPY_PATH, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (read(fd, &value, 1) == 1 && value != '0')
		VIRTIO_INIT_LOG(WARNING, "%s: the module vhost_net runs with "
				"experimental_zcopytx=%c: a stop of a transmit queue waits until "
				"its frames have left the interface, without limit. Load the "
				"module without it.", dev->name, value);
	close(fd);
}

static int
open_all(struct virtio_device *dev)
{
	struct vhost_kernel *vk = dev->priv;
	uint16_t i;
	int ret;

	ret = vhost_kernel_tap_open(&vk->tap, vk->iface, vk->nb_pairs, dev->name);
	for (i = 0; ret == 0 && i < vk->nb_pairs; i++)
		ret = open_vhost(dev, i);
	if (ret != 0) {
		close_all(vk);
		return ret;
	}
	vk->offloads = NET_BIT_CSUM | NET_BITS_HOST_TSO;
	if (vhost_kernel_tap_set_offloads(&vk->tap, NET_BIT_GUEST_CSUM | NET_BITS_GUEST_TSO) == 0)
		vk->offloads |= NET_BIT_GUEST_CSUM | NET_BITS_GUEST_TSO;
	vhost_kernel_tap_set_offloads(&vk->tap, 0);
	dev->stop_method = vk->stops ? VIRTIO_STOP_VHOST_BACKEND : VIRTIO_STOP_NONE;
	virtio_device_note_connection(dev, vk->stops ? "the back-end is in the kernel" :
						       "queue_reset=off");
	warn_of_zero_copy(dev);
	VIRTIO_INIT_LOG(NOTICE, "%s: the interface is %s; single queues are stopped by: %s (%s)",
			dev->name, vk->tap.name, virtio_stop_method_name(dev->stop_method),
			dev->stop_reason);
	return vk_get_features(dev, &dev->offered);
}

static int
open_calls(struct virtio_device *dev)
{
	struct vhost_kernel *vk = dev->priv;
	uint16_t i;

	for (i = 0; i < 2 * vk->nb_pairs; i++) {
		vk->rings[i].call_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (vk->rings[i].call_fd < 0)
			return log_vhost_error(dev, -errno);
	}
	return vhost_user_kicks_create(dev, 2 * vk->nb_pairs);
}

int
vhost_kernel_create(struct virtio_device *dev, const struct vhost_kernel_conf *conf)
{
	struct vhost_kernel *vk;
	uint16_t i;
	int ret;

	vk = rte_zmalloc("vhost_kernel", sizeof(*vk), 0);
	if (vk == NULL)
		return -ENOMEM;
	dev->priv = vk;
	vk->steering.map_fd = -1;
	vk->steering.prog_fd = -1;
	vk->fds = rte_malloc("vhost_kernel_fds", conf->nb_pairs * sizeof(*vk->fds), 0);
	vk->rings = rte_zmalloc("vhost_kernel_rings", 2 * conf->nb_pairs * sizeof(*vk->rings), 0);
	if (vk->fds == NULL || vk->rings == NULL) {
		vhost_kernel_destroy(dev);
		return -ENOMEM;
	}
	vk->nb_pairs = conf->nb_pairs;
	vk->stops = conf->stops;
	vk->steers = conf->steers;
	for (i = 0; i < conf->nb_pairs; i++)
		vk->fds[i] = -1;
	for (i = 0; i < 2 * conf->nb_pairs; i++)
		vk->rings[i].call_fd = -1;
	ret = rte_strscpy(vk->path, conf->path, sizeof(vk->path)) < 0 ||
	      rte_strscpy(vk->iface, conf->iface, sizeof(vk->iface)) < 0 ? -EINVAL :
	      open_calls(dev);
	if (ret == 0)
		ret = open_steering(dev);
	if (ret == 0)
		ret = open_all(dev);
	if (ret != 0)
		vhost_kernel_destroy(dev);
	return ret;
}

void
vhost_kernel_destroy(struct virtio_device *dev)
{
	struct vhost_kernel *vk = dev->priv;
	uint16_t i;

	if (vk == NULL)
		return;
	close_all(vk);
	vhost_kernel_steering_close(&vk->steering);
	vhost_user_kicks_close(dev);
	for (i = 0; i < 2 * vk->nb_pairs; i++) {
		if (vk->rings[i].call_fd >= 0)
			close(vk->rings[i].call_fd);
	}
	rte_free(vk->rings);
	rte_free(vk->fds);
	rte_free(vk);
	dev->priv = NULL;
}

int
vhost_kernel_reconnect(struct virtio_device *dev)
{
	struct vhost_kernel *vk = dev->priv;

	close_all(vk);
	return open_all(dev);
}

void
vhost_kernel_disconnect(struct virtio_device *dev)
{
	struct vhost_kernel *vk = dev->priv;

	close_vhosts(vk);
	vk->reset_error = 0;
}
