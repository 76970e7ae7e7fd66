/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <limits.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_string_fns.h>

#include "vhost_kernel_ioctl.h"
#include "vhost_kernel_tap.h"
#include "virtio_log.h"
#include "virtio_spec.h"

#define TUN_PATH "/dev/net/tun"

/* struct virtio_net_hdr_mrg_rxbuf, 5.1.6 */
#define HDR_SIZE 12

/* Feature bits of network devices that a tap interface knows, 5.1.3. */
#define GUEST_CSUM 1
#define GUEST_TSO4 7
#define GUEST_TSO6 8

static int
tap_ioctl(const struct vhost_kernel_tap *tap, uint16_t queue, unsigned long request, void *arg)
{
	/* Without descriptors no interface was opened, or the last opening has failed. */
	if (tap->fds == NULL)
		return -ENODEV;
	return vhost_kernel_calls.ioctl(tap->fds[queue], request, arg);
}

/* A request about the interface, which goes to any socket. */
static int
interface_ioctl(const struct vhost_kernel_tap *tap, unsigned long request, struct ifreq *ifr)
{
	rte_strscpy(ifr->ifr_name, tap->name, sizeof(ifr->ifr_name));
	return vhost_kernel_calls.ioctl(tap->netlink_fd, request, ifr);
}

/* ---- opening ------------------------------------------------------------------------------ */

static int
open_tun(const char *owner)
{
	const int fd = vhost_kernel_calls.open(TUN_PATH);
	const char *cure = "";

	if (fd >= 0)
		return fd;
	if (fd == -ENOENT || fd == -ENODEV || fd == -ENXIO)
		cure = " Load the module tun (modprobe tun).";
	else if (fd == -EACCES || fd == -EPERM)
		cure = " The user of this process needs read and write access to it.";
	else if (fd == -EMFILE)
		cure = " Raise the limit of open files (ulimit -n), or use fewer queues.";
	VIRTIO_INIT_LOG(ERR, "%s: " TUN_PATH " cannot be used: %s.%s", owner, rte_strerror(-fd),
			cure);
	return fd;
}

static void
log_queue_error(const char *owner, const char *name, int error)
{
	const char *cure = "";

	if (error == -EPERM || error == -EACCES)
		cure = " Run with CAP_NET_ADMIN, or have the interface made before for this user "
		       "(ip tuntap add NAME mode tap user USER, with multi_queue for several "
		       "queues).";
	else if (error == -EBUSY)
		cure = " Another process uses the interface. Give another name with iface=.";
	else if (error == -EINVAL)
		cure = " An interface of this name exists and is of another kind: a tap interface "
		       "with VNET_HDR is needed, and with multi_queue for several queues. Give "
		       "another name with iface=.";
	else if (error == -E2BIG)
		cure = " Other processes use too many queues of the interface. Give a lower "
		       "number with queues=, or another name with iface=.";
	VIRTIO_INIT_LOG(ERR, "%s: tap interface %s: it cannot be opened: %s.%s", owner,
			name[0] == '\0' ? "tap%d" : name, rte_strerror(-error), cure);
}

/* Makes a descriptor a queue; the kernel completes the name with the first. */
static int
attach_queue(struct vhost_kernel_tap *tap, uint16_t queue)
{
	const bool multi_queue = tap->nb_queues > 1;
	struct ifreq ifr = {
		.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR |
			     (multi_queue ? IFF_MULTI_QUEUE : 0),
	};
	int hdr_size = HDR_SIZE;
	int send_buffer = INT_MAX;
	int ret;

	rte_strscpy(ifr.ifr_name, tap->name, sizeof(ifr.ifr_name));
	ret = tap_ioctl(tap, queue, TUNSETIFF, &ifr);
	/* One that was made with several queues takes no descriptor without the flag. */
	if (ret == -EINVAL && !multi_queue) {
		ifr.ifr_flags |= IFF_MULTI_QUEUE;
		ret = tap_ioctl(tap, queue, TUNSETIFF, &ifr);
	}
	if (ret != 0)
		return ret;
	rte_strscpy(tap->name, ifr.ifr_name, sizeof(tap->name));
	ret = tap_ioctl(tap, queue, TUNSETVNETHDRSZ, &hdr_size);
	/* Sent frames are not held back by the socket: the ring bounds them. */
	return ret != 0 ? ret : tap_ioctl(tap, queue, TUNSETSNDBUF, &send_buffer);
}

static int
open_queues(struct vhost_kernel_tap *tap, const char *owner, const char *name)
{
	uint16_t i;
	int ret;

	for (i = 0; i < tap->nb_queues; i++) {
		ret = open_tun(owner);
		if (ret < 0)
			return ret;
		tap->fds[i] = ret;
		ret = attach_queue(tap, i);
		if (ret != 0) {
			log_queue_error(owner, name, ret);
			return ret;
		}
	}
	return 0;
}

/*
 * A persistent interface keeps the program of a process that was killed. A kernel that refuses the
 * request has no such programs.
 */
static void
remove_old_steering(const struct vhost_kernel_tap *tap)
{
	int none = -1;

	tap_ioctl(tap, 0, TUNSETSTEERINGEBPF, &none);
}

static int
open_netlink(struct vhost_kernel_tap *tap)
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };

	tap->netlink_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
				 NETLINK_ROUTE);
	if (tap->netlink_fd < 0 ||
	    bind(tap->netlink_fd, (const struct sockaddr *)&addr, sizeof(addr)) != 0)
		return -errno;
	return 0;
}

int
vhost_kernel_tap_open(struct vhost_kernel_tap *tap, const char *name, uint16_t nb_queues,
		      const char *owner)
{
	uint16_t i;
	int ret;

	*tap = (struct vhost_kernel_tap){ .nb_queues = nb_queues, .netlink_fd = -1 };
	rte_strscpy(tap->name, name, sizeof(tap->name));
	tap->fds = rte_malloc("virtio_tap", nb_queues * sizeof(*tap->fds), 0);
	if (tap->fds == NULL) {
		tap->nb_queues = 0;
		return -ENOMEM;
	}
	for (i = 0; i < nb_queues; i++)
		tap->fds[i] = -1;
	ret = open_queues(tap, owner, name);
	if (ret == 0) {
		remove_old_steering(tap);
		ret = open_netlink(tap);
		if (ret != 0)
			VIRTIO_INIT_LOG(ERR, "%s: a netlink socket cannot be opened: %s", owner,
					rte_strerror(-ret));
	}
	tap->nb_attached = nb_queues;
	if (ret != 0)
		vhost_kernel_tap_close(tap);
	return ret;
}

void
vhost_kernel_tap_close(struct vhost_kernel_tap *tap)
{
	uint16_t i;

	if (tap->fds == NULL)
		return;
	for (i = 0; i < tap->nb_queues; i++) {
		if (tap->fds[i] >= 0)
			close(tap->fds[i]);
	}
	if (tap->netlink_fd >= 0)
		close(tap->netlink_fd);
	tap->netlink_fd = -1;
	rte_free(tap->fds);
	tap->fds = NULL;
}

/* ---- what it is like ---------------------------------------------------------------------- */

void
vhost_kernel_tap_take_events(const struct vhost_kernel_tap *tap)
{
	char message[4096];

	/* The messages are not read: some may be lost, so the state is asked for instead. */
	while (recv(tap->netlink_fd, message, sizeof(message), 0) > 0)
		;
}

bool
vhost_kernel_tap_exists(const struct vhost_kernel_tap *tap)
{
	struct ifreq ifr = { 0 };

	/* The descriptor of an interface that was deleted has none. */
	return tap_ioctl(tap, 0, TUNGETIFF, &ifr) == 0;
}

int
vhost_kernel_tap_is_up(const struct vhost_kernel_tap *tap, bool *up)
{
	struct ifreq ifr = { 0 };
	const int ret = interface_ioctl(tap, SIOCGIFFLAGS, &ifr);
	const int both = IFF_UP | IFF_RUNNING;

	*up = ret == 0 && (ifr.ifr_flags & both) == both;
	return ret;
}

int
vhost_kernel_tap_raise(struct vhost_kernel_tap *tap)
{
	struct ifreq ifr = { 0 };
	int ret;

	if (tap->was_raised)
		return 0;
	ret = interface_ioctl(tap, SIOCGIFFLAGS, &ifr);
	if (ret == 0 && !(ifr.ifr_flags & IFF_UP)) {
		ifr.ifr_flags |= IFF_UP;
		ret = interface_ioctl(tap, SIOCSIFFLAGS, &ifr);
	}
	tap->was_raised = ret == 0;
	if (ret != 0)
		VIRTIO_LOG(WARNING, "tap interface %s: it cannot be set up: %s. Set it up with ip "
			   "link set %s up.", tap->name, rte_strerror(-ret), tap->name);
	return ret;
}

int
vhost_kernel_tap_set_offloads(struct vhost_kernel_tap *tap, uint64_t features)
{
	uintptr_t offloads = 0;

	if (features & VIRTIO_BIT(GUEST_CSUM))
		offloads |= TUN_F_CSUM;
	if (features & VIRTIO_BIT(GUEST_TSO4))
		offloads |= TUN_F_TSO4;
	if (features & VIRTIO_BIT(GUEST_TSO6))
		offloads |= TUN_F_TSO6;
	/* The argument is the number itself; it holds for all queues. */
	return tap_ioctl(tap, 0, TUNSETOFFLOAD, (void *)offloads);
}

int
vhost_kernel_tap_set_queues(struct vhost_kernel_tap *tap, uint16_t n)
{
	struct ifreq ifr = { 0 };
	int ret = 0;

	if (tap->nb_queues == 1 || n > tap->nb_queues)
		return n == 1 ? 0 : -EINVAL;
	/*
	 * Detaching moves the last queue into the place of the one that is detached: so from the
	 * last one down, and nothing moves.
	 */
	while (ret == 0 && tap->nb_attached != n) {
		const bool more = tap->nb_attached < n;
		const uint16_t queue = more ? tap->nb_attached : tap->nb_attached - 1;

		ifr.ifr_flags = more ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE;
		ret = tap_ioctl(tap, queue, TUNSETQUEUE, &ifr);
		if (ret == 0)
			tap->nb_attached = more ? queue + 1 : queue;
	}
	if (ret != 0)
		VIRTIO_LOG(ERR, "tap interface %s: it cannot use %u of %u queues: %s", tap->name, n,
			   tap->nb_queues, rte_strerror(-ret));
	return ret;
}

int
vhost_kernel_tap_set_steering(struct vhost_kernel_tap *tap, int prog_fd)
{
	const int ret = tap_ioctl(tap, 0, TUNSETSTEERINGEBPF, &prog_fd);

	if (ret != 0)
		VIRTIO_LOG(ERR, "tap interface %s: its frames cannot be steered by a program: %s",
			   tap->name, rte_strerror(-ret));
	return ret;
}

int
vhost_kernel_tap_set_mac(struct vhost_kernel_tap *tap, const uint8_t mac[6])
{
	struct ifreq ifr = { .ifr_hwaddr.sa_family = ARPHRD_ETHER };
	int ret;

	memcpy(ifr.ifr_hwaddr.sa_data, mac, 6);
	ret = interface_ioctl(tap, SIOCSIFHWADDR, &ifr);
	if (ret != 0)
		VIRTIO_LOG(WARNING, "tap interface %s: its MAC address cannot be set: %s. Set it "
			   "with ip link set %s address.", tap->name, rte_strerror(-ret),
			   tap->name);
	return ret;
}

int
vhost_kernel_tap_set_mtu(struct vhost_kernel_tap *tap, uint16_t mtu)
{
	struct ifreq ifr = { .ifr_mtu = mtu };
	const int ret = interface_ioctl(tap, SIOCSIFMTU, &ifr);

	if (ret != 0)
		VIRTIO_LOG(ERR, "tap interface %s: its MTU cannot be set to %u: %s. Set it with ip "
			   "link set %s mtu %u.", tap->name, mtu, rte_strerror(-ret), tap->name,
			   mtu);
	return ret;
}
