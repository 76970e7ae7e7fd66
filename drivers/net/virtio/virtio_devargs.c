/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <rte_common.h>
#include <rte_ethdev.h>
#include <rte_kvargs.h>
#include <rte_string_fns.h>

#include "virtio_devargs.h"
#include "virtio_log.h"

#define MIN_RING 32
#define MAX_DRAIN_US 1000000

/* What a path means where there is no such file: then a message names the module. */
#define VHOST_NET_PATH    "/dev/vhost-net"
#define VHOST_VDPA_PREFIX "/dev/vhost-vdpa-"
/* Of miscellaneous device files, such as vhost-net. Those of vhost-vDPA have a dynamic one. */
#define MISC_MAJOR 10

/* Which of the two drivers has an option. */
#define USER 1
#define PCI  2

/** A number from min to max, one of max + 1 names, whose index is stored, or what `set` takes. */
struct option {
	unsigned int drivers;
	const char *key;
	const char *wants;         /**< what the value should be; NULL: `set` logs that */
	size_t offset;             /**< of the member of struct virtio_devargs, without `set` */
	size_t size;
	unsigned long min;
	unsigned long max;
	const char * const *names;
	/** 0 or -errno. */
	int (*set)(struct virtio_devargs *out, const char *value);
};

static int
number(const char *value, unsigned long min, unsigned long max, unsigned long *out)
{
	char *end;

	errno = 0;
	*out = strtoul(value, &end, 0);
	if (errno != 0 || end == value || *end != '\0' || *value == '-' ||
	    *out < min || *out > max)
		return -EINVAL;
	return 0;
}

static int
set_path(struct virtio_devargs *out, const char *value)
{
	return rte_strscpy(out->path, value, sizeof(out->path)) > 0 ? 0 : -EINVAL;
}

static int
set_mac(struct virtio_devargs *out, const char *value)
{
	if (rte_ether_unformat_addr(value, &out->mac) != 0 ||
	    !rte_is_valid_assigned_ether_addr(&out->mac))
		return -EINVAL;
	out->mac_given = true;
	return 0;
}

static int
set_cq(struct virtio_devargs *out, const char *value)
{
	unsigned long n;
	const int ret = number(value, 0, 1, &n);

	out->cq = n == 1;
	out->cq_given = true;
	return ret;
}

/* The kernel answers other names by the error of an interface of another kind. */
static int
set_iface(struct virtio_devargs *out, const char *value)
{
	if (strpbrk(value, "/: \t\n\v\f\r") != NULL || strcmp(value, ".") == 0 ||
	    strcmp(value, "..") == 0)
		return -EINVAL;
	return rte_strscpy(out->iface, value, sizeof(out->iface)) > 0 ? 0 : -EINVAL;
}

/* The speeds of the packaged driver, and the faster ones that this release of ethdev knows. */
static int
set_speed(struct virtio_devargs *out, const char *value)
{
	unsigned long n;

	if (number(value, RTE_ETH_SPEED_NUM_10G, RTE_ETH_SPEED_NUM_UNKNOWN - 1, &n) != 0)
		return -EINVAL;
	out->speed = n;
	out->speed_capa = rte_eth_speed_bitflag(n, RTE_ETH_LINK_FULL_DUPLEX);
	return out->speed_capa == 0 ? -EINVAL : 0;
}

static int
set_reset_timeout(struct virtio_devargs *out, const char *value)
{
	unsigned long n;
	const int ret = number(value, 1, 60000, &n);

	out->reset_timeout_us = n * 1000;
	return ret;
}

static const char * const user_stops[] = {
	[VHOST_USER_STOP_AUTO] = "auto",
	[VHOST_USER_STOP_GET_BASE] = "get_base",
	[VHOST_USER_STOP_DISABLE] = "disable",
	[VHOST_USER_STOP_OFF] = "off",
};
static const char * const pci_stops[] = {
	[VIRTIO_PCI_STOP_AUTO] = "auto",
	[VIRTIO_PCI_STOP_PROPOSAL] = "proposal",
	[VIRTIO_PCI_STOP_OFF] = "off",
};
static const char * const steering_names[] = { "none", "ebpf" };
static const char * const mq_names[] = { "all", "running" };
static const char * const recovery_names[] = { "none", "auto" };

#define NUMBER(name, least, most, text) \
	.wants = text, .offset = offsetof(struct virtio_devargs, name), \
	.size = RTE_SIZEOF_FIELD(struct virtio_devargs, name), .min = least, .max = most
#define FLAG(name) NUMBER(name, 0, 1, "0 or 1")
#define NAMES(name, list, text) NUMBER(name, 0, RTE_DIM(list) - 1, text), .names = list
#define OTHER(function, text) .wants = text, .set = function

static const struct option options[] = {
	{ USER, "path", OTHER(set_path, "the path of a socket, /dev/vhost-net, or "
				   "/dev/vhost-vdpa-<number>") },
	{ USER, "mac", OTHER(set_mac, "a unicast address, as 02:00:00:00:00:01") },
	{ USER, "cq", OTHER(set_cq, "0 or 1") },
	{ USER, "queue_size", NUMBER(queue_size, MIN_RING, VIRTIO_SPLIT_RING_MAX,
				     "32 to 32768 descriptors") },
	{ USER, "queues", NUMBER(pairs, 1, 128, "1 to 128 queue pairs") },
	{ USER, "iface", OTHER(set_iface, "a name of an interface, at most 15 characters without "
				    "space, / or :") },
	{ USER, "steering", NAMES(steering, steering_names, "none or ebpf") },
	{ USER, "server", FLAG(server) },
	{ USER, "mrg_rxbuf", FLAG(mrg_rxbuf) },
	{ USER, "in_order", FLAG(in_order) },
	{ USER, "packed_vq", FLAG(packed_vq) },
	{ PCI, "vdpa", FLAG(vdpa) },
	{ PCI, "mq", NAMES(mq_running, mq_names, "all or running") },
	{ USER | PCI, "speed", OTHER(set_speed, "10000, 20000, 25000, 40000, 50000, 56000, "
				     "100000, 200000 (Mb/s), or 400000 or 800000 where ethdev has "
				     "this speed") },
	{ USER | PCI, "vectorized", FLAG(vectorized) },
	{ USER, "queue_reset", NAMES(queue_reset, user_stops, "auto, get_base, disable or off") },
	{ PCI, "queue_reset", NAMES(pci_queue_reset, pci_stops, "auto, proposal or off") },
	{ USER | PCI, "queue_reset_timeout_ms", OTHER(set_reset_timeout, "1 to 60000") },
	{ USER | PCI, "tx_drain_us", NUMBER(tx_drain_us, 0, MAX_DRAIN_US, "0 to 1000000") },
	{ USER | PCI, "rx_drain_us", NUMBER(rx_drain_us, 0, MAX_DRAIN_US, "0 to 1000000") },
	{ USER | PCI, "recovery", NAMES(recovery, recovery_names, "none or auto") },
	{ USER | PCI, "log_resets", FLAG(log_resets) },
};

static int
set(const struct option *option, struct virtio_devargs *out, const char *value)
{
	void *at = RTE_PTR_ADD(out, option->offset);
	unsigned long n;
	int ret = 0;

	if (option->set != NULL)
		return option->set(out, value);
	if (option->names == NULL) {
		ret = number(value, option->min, option->max, &n);
	} else {
		for (n = 0; n <= option->max && strcmp(value, option->names[n]) != 0; n++)
			;
		if (n > option->max)
			ret = -EINVAL;
	}
	if (ret != 0)
		return ret;
	if (option->size == sizeof(bool))
		*(bool *)at = n;
	else if (option->size == sizeof(uint16_t))
		*(uint16_t *)at = n;
	else
		*(uint32_t *)at = n;
	return 0;
}

static int
report_unknown(const char *name, const char *key, unsigned int driver)
{
	if (driver == USER) {
		VIRTIO_INIT_LOG(ERR, "%s: the argument %s is unknown. Known arguments: %s", name,
				key, VIRTIO_USER_PARAMS);
		return -EINVAL;
	}
	/* Upstream's driver takes any key of a PCI device, and EAL's own come this way too. */
	VIRTIO_INIT_LOG(NOTICE, "%s: the argument %s has no effect with this driver. Known "
			"arguments: %s", name, key, VIRTIO_PCI_PARAMS);
	return 0;
}

static int
apply_option(const char *name, const struct rte_kvargs_pair *pair, unsigned int driver,
	     struct virtio_devargs *out)
{
	unsigned int i;
	int ret;

	for (i = 0; i < RTE_DIM(options); i++) {
		if (!(options[i].drivers & driver) || strcmp(pair->key, options[i].key) != 0)
			continue;
		ret = set(&options[i], out, pair->value == NULL ? "" : pair->value);
		if (ret != 0 && options[i].wants != NULL)
			VIRTIO_INIT_LOG(ERR, "%s: %s=%s: want %s", name, pair->key,
					pair->value == NULL ? "" : pair->value, options[i].wants);
		return ret;
	}
	return report_unknown(name, pair->key, driver);
}

/* What a device of the kernel does not have. */
static int
check_kernel(const char *name, const struct virtio_devargs *out)
{
	const char *wrong = NULL;

	if (out->server)
		wrong = "server=1: a back-end in the kernel does not connect. Leave it out";
	else if (out->packed_vq && out->kind == VIRTIO_TRANSPORT_VHOST_KERNEL)
		wrong = "packed_vq=1: the kernel's vhost-net has split rings only. Leave it out";
	else if (out->queue_reset != VHOST_USER_STOP_AUTO &&
		 out->queue_reset != VHOST_USER_STOP_OFF)
		wrong = "queue_reset=: want auto or off with a back-end in the kernel";
	else if (out->steering && out->pairs == 1)
		wrong = "steering=ebpf: there is one pair of queues. Give queues= of 2 or more";
	if (wrong == NULL)
		return 0;
	VIRTIO_INIT_LOG(ERR, "%s: %s.", name, wrong);
	return -EINVAL;
}

/* What vhost-net alone has. */
static int
check_iface(const char *name, const struct virtio_devargs *out)
{
	if (out->kind == VIRTIO_TRANSPORT_VHOST_KERNEL)
		return 0;
	if (out->steering) {
		VIRTIO_INIT_LOG(ERR, "%s: steering=ebpf has a meaning for the kernel's vhost-net "
				"only. Leave it out, or give path=/dev/vhost-net.", name);
		return -EINVAL;
	}
	if (out->iface[0] == '\0')
		return 0;
	VIRTIO_INIT_LOG(ERR, "%s: iface=%s has a meaning for the kernel's vhost-net only. Leave it "
			"out, or give path=/dev/vhost-net.", name, out->iface);
	return -EINVAL;
}

static enum virtio_transport_kind
kind_of_device(const char *path, const struct stat *st)
{
	const bool is_net = st != NULL ? major(st->st_rdev) == MISC_MAJOR :
					 strcmp(path, VHOST_NET_PATH) == 0;

	return is_net ? VIRTIO_TRANSPORT_VHOST_KERNEL : VIRTIO_TRANSPORT_VHOST_VDPA;
}

static int
check_path(const char *name, struct virtio_devargs *out)
{
	struct stat st;
	bool is_device;

	if (out->path[0] == '\0') {
		VIRTIO_INIT_LOG(ERR, "%s: the argument path= is missing. Give path=<socket of the "
				"back-end>.", name);
		return -EINVAL;
	}
	out->kind = VIRTIO_TRANSPORT_VHOST_USER;
	if (stat(out->path, &st) != 0) {
		is_device = strcmp(out->path, VHOST_NET_PATH) == 0 ||
			    strncmp(out->path, VHOST_VDPA_PREFIX, strlen(VHOST_VDPA_PREFIX)) == 0;
		if (is_device)
			out->kind = kind_of_device(out->path, NULL);
	} else {
		is_device = S_ISCHR(st.st_mode);
		if (is_device) {
			out->kind = kind_of_device(out->path, &st);
		} else if (!S_ISSOCK(st.st_mode)) {
			VIRTIO_INIT_LOG(ERR, "%s: path=%s is not a socket. Give the path of the "
					"back-end's socket.", name, out->path);
			return -EINVAL;
		}
	}
	if (check_iface(name, out) != 0)
		return -EINVAL;
	return is_device ? check_kernel(name, out) : 0;
}

static int
check_together(const char *name, struct virtio_devargs *out)
{
	if (!out->cq_given)
		out->cq = out->pairs > 1;
	if (!out->cq && out->pairs > 1) {
		VIRTIO_INIT_LOG(ERR, "%s: queues=%u needs the control queue. Leave cq=0 out.", name,
				out->pairs);
		return -EINVAL;
	}
	if (!out->packed_vq && !rte_is_power_of_2(out->queue_size)) {
		VIRTIO_INIT_LOG(ERR, "%s: queue_size=%u: want a power of two from 32 to 32768, or "
				"packed_vq=1", name, out->queue_size);
		return -EINVAL;
	}
	return check_path(name, out);
}

static int
parse(const char *name, const char *args, unsigned int driver, struct virtio_devargs *out)
{
	struct rte_kvargs *kvlist;
	unsigned int i;
	int ret = 0;

	*out = (struct virtio_devargs){
		.mrg_rxbuf = true,
		.in_order = true,
		.pairs = 1,
		.queue_size = 256,
		.speed = RTE_ETH_SPEED_NUM_UNKNOWN,
		.queue_reset = VHOST_USER_STOP_AUTO,
		.pci_queue_reset = VIRTIO_PCI_STOP_AUTO,
		.reset_timeout_us = 1000000,
	};
	kvlist = rte_kvargs_parse(args, NULL);
	if (kvlist == NULL) {
		VIRTIO_INIT_LOG(ERR, "%s: cannot read the arguments '%s': want key=value,...", name,
				args);
		return -EINVAL;
	}
	for (i = 0; ret == 0 && i < kvlist->count; i++) {
		if (rte_kvargs_count(kvlist, kvlist->pairs[i].key) > 1) {
			VIRTIO_INIT_LOG(ERR, "%s: the argument %s= is given twice. Give it once.",
					name, kvlist->pairs[i].key);
			ret = -EINVAL;
		} else {
			ret = apply_option(name, &kvlist->pairs[i], driver, out);
		}
	}
	rte_kvargs_free(kvlist);
	return ret;
}

int
virtio_user_parse(const char *name, const char *args, struct virtio_devargs *out)
{
	const int ret = parse(name, args, USER, out);

	return ret != 0 ? ret : check_together(name, out);
}

int
virtio_pci_parse(const char *name, const char *args, struct virtio_devargs *out)
{
	return parse(name, args == NULL ? "" : args, PCI, out);
}
