/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <rte_common.h>
#include <rte_ethdev.h>
#include <rte_kvargs.h>
#include <rte_string_fns.h>

#include "virtio_devargs.h"
#include "virtio_log.h"

#define MIN_RING 32
#define MAX_DRAIN_US 1000000

/* Which of the two drivers has an option. */
#define USER 1
#define PCI  2

struct option {
	unsigned int drivers;
	const char *key;
	/**
	 * 0, or -errno after a log line of its own where it can say more than `wants`; then wants
	 * is NULL.
	 */
	int (*set)(struct virtio_devargs *out, const char *value);
	const char *wants; /**< what the value should be */
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
flag(const char *value, bool *out)
{
	unsigned long n;
	const int ret = number(value, 0, 1, &n);

	*out = ret == 0 && n == 1;
	return ret;
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
	out->cq_given = true;
	return flag(value, &out->cq);
}

static int
set_queue_size(struct virtio_devargs *out, const char *value)
{
	unsigned long n;

	const int ret = number(value, MIN_RING, VIRTIO_SPLIT_RING_MAX, &n);

	out->queue_size = n;
	return ret;
}

static int
set_queues(struct virtio_devargs *out, const char *value)
{
	unsigned long n;
	const int ret = number(value, 1, 128, &n);

	out->pairs = n;
	return ret;
}

static int
set_iface(struct virtio_devargs *out __rte_unused, const char *value __rte_unused)
{
	VIRTIO_INIT_LOG(ERR, "iface=%s: vhost-kernel back-ends are not supported. Leave iface= "
			"out, and give path=<socket of the back-end>.", value);
	return -ENOTSUP;
}

static int
set_server(struct virtio_devargs *out, const char *value)
{
	return flag(value, &out->server);
}

static int
set_mrg_rxbuf(struct virtio_devargs *out, const char *value)
{
	return flag(value, &out->mrg_rxbuf);
}

static int
set_in_order(struct virtio_devargs *out, const char *value)
{
	return flag(value, &out->in_order);
}

static int
set_packed_vq(struct virtio_devargs *out, const char *value)
{
	return flag(value, &out->packed_vq);
}

static int
set_vectorized(struct virtio_devargs *out, const char *value)
{
	return flag(value, &out->vectorized);
}

static int
set_speed(struct virtio_devargs *out, const char *value)
{
	static const struct {
		uint32_t speed;
		uint32_t capa;
	} known[] = {
		{ RTE_ETH_SPEED_NUM_10G, RTE_ETH_LINK_SPEED_10G },
		{ RTE_ETH_SPEED_NUM_20G, RTE_ETH_LINK_SPEED_20G },
		{ RTE_ETH_SPEED_NUM_25G, RTE_ETH_LINK_SPEED_25G },
		{ RTE_ETH_SPEED_NUM_40G, RTE_ETH_LINK_SPEED_40G },
		{ RTE_ETH_SPEED_NUM_50G, RTE_ETH_LINK_SPEED_50G },
		{ RTE_ETH_SPEED_NUM_56G, RTE_ETH_LINK_SPEED_56G },
		{ RTE_ETH_SPEED_NUM_100G, RTE_ETH_LINK_SPEED_100G },
		{ RTE_ETH_SPEED_NUM_200G, RTE_ETH_LINK_SPEED_200G },
	};
	unsigned long n;
	unsigned int i;

	if (number(value, 0, UINT32_MAX, &n) != 0)
		return -EINVAL;
	for (i = 0; i < RTE_DIM(known); i++) {
		if (known[i].speed == n) {
			out->speed = known[i].speed;
			out->speed_capa = known[i].capa;
			return 0;
		}
	}
	return -EINVAL;
}

static int
one_of(const char *value, const char *const *names, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (strcmp(value, names[i]) == 0)
			return i;
	}
	return -EINVAL;
}

static int
set_queue_reset(struct virtio_devargs *out, const char *value)
{
	static const char * const names[] = {
		[VHOST_USER_STOP_AUTO] = "auto",
		[VHOST_USER_STOP_GET_BASE] = "get_base",
		[VHOST_USER_STOP_DISABLE] = "disable",
		[VHOST_USER_STOP_OFF] = "off",
	};
	const int i = one_of(value, names, RTE_DIM(names));

	out->queue_reset = RTE_MAX(i, 0);
	return RTE_MIN(i, 0);
}

static int
set_pci_queue_reset(struct virtio_devargs *out, const char *value)
{
	static const char * const names[] = {
		[VIRTIO_PCI_STOP_AUTO] = "auto",
		[VIRTIO_PCI_STOP_PROPOSAL] = "proposal",
		[VIRTIO_PCI_STOP_OFF] = "off",
	};
	const int i = one_of(value, names, RTE_DIM(names));

	out->pci_queue_reset = RTE_MAX(i, 0);
	return RTE_MIN(i, 0);
}

static int
set_vdpa(struct virtio_devargs *out, const char *value)
{
	return flag(value, &out->vdpa);
}

static int
set_mq(struct virtio_devargs *out, const char *value)
{
	static const char * const names[] = { "all", "running" };
	const int i = one_of(value, names, RTE_DIM(names));

	out->mq_running = i == 1;
	return RTE_MIN(i, 0);
}

static int
set_reset_timeout(struct virtio_devargs *out, const char *value)
{
	unsigned long n;
	const int ret = number(value, 1, 60000, &n);

	out->reset_timeout_us = n * 1000;
	return ret;
}

static int
set_drain(const char *value, uint32_t *out)
{
	unsigned long n;
	const int ret = number(value, 0, MAX_DRAIN_US, &n);

	*out = n;
	return ret;
}

static int
set_tx_drain(struct virtio_devargs *out, const char *value)
{
	return set_drain(value, &out->tx_drain_us);
}

static int
set_rx_drain(struct virtio_devargs *out, const char *value)
{
	return set_drain(value, &out->rx_drain_us);
}

static int
set_recovery(struct virtio_devargs *out, const char *value)
{
	static const char * const names[] = { "none", "auto" };
	const int i = one_of(value, names, RTE_DIM(names));

	out->recovery = i == 1;
	return RTE_MIN(i, 0);
}

static int
set_log_resets(struct virtio_devargs *out, const char *value)
{
	return flag(value, &out->log_resets);
}

static const struct option options[] = {
	{ USER, "path", set_path, "the path of a socket" },
	{ USER, "mac", set_mac, "a unicast address, as 02:00:00:00:00:01" },
	{ USER, "cq", set_cq, "0 or 1" },
	{ USER, "queue_size", set_queue_size, "32 to 32768 descriptors" },
	{ USER, "queues", set_queues, "1 to 128 queue pairs" },
	{ USER, "iface", set_iface, NULL },
	{ USER, "server", set_server, "0 or 1" },
	{ USER, "mrg_rxbuf", set_mrg_rxbuf, "0 or 1" },
	{ USER, "in_order", set_in_order, "0 or 1" },
	{ USER, "packed_vq", set_packed_vq, "0 or 1" },
	{ PCI, "vdpa", set_vdpa, "0 or 1" },
	{ PCI, "mq", set_mq, "all or running" },
	{ USER | PCI, "speed", set_speed,
	  "10000, 20000, 25000, 40000, 50000, 56000, 100000 or 200000 (Mb/s)" },
	{ USER | PCI, "vectorized", set_vectorized, "0 or 1" },
	{ USER, "queue_reset", set_queue_reset, "auto, get_base, disable or off" },
	{ PCI, "queue_reset", set_pci_queue_reset, "auto, proposal or off" },
	{ USER | PCI, "queue_reset_timeout_ms", set_reset_timeout, "1 to 60000" },
	{ USER | PCI, "tx_drain_us", set_tx_drain, "0 to 1000000" },
	{ USER | PCI, "rx_drain_us", set_rx_drain, "0 to 1000000" },
	{ USER | PCI, "recovery", set_recovery, "none or auto" },
	{ USER | PCI, "log_resets", set_log_resets, "0 or 1" },
};

static int
unknown(const char *name, const char *key, unsigned int driver)
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
apply(const char *name, const struct rte_kvargs_pair *pair, unsigned int driver,
      struct virtio_devargs *out)
{
	unsigned int i;
	int ret;

	for (i = 0; i < RTE_DIM(options); i++) {
		if (!(options[i].drivers & driver) || strcmp(pair->key, options[i].key) != 0)
			continue;
		ret = options[i].set(out, pair->value == NULL ? "" : pair->value);
		if (ret != 0 && options[i].wants != NULL)
			VIRTIO_INIT_LOG(ERR, "%s: %s=%s: want %s", name, pair->key,
					pair->value == NULL ? "" : pair->value, options[i].wants);
		return ret;
	}
	return unknown(name, pair->key, driver);
}

static int
check_path(const char *name, const struct virtio_devargs *out)
{
	struct stat st;

	if (out->path[0] == '\0') {
		VIRTIO_INIT_LOG(ERR, "%s: the argument path= is missing. Give path=<socket of the "
				"back-end>.", name);
		return -EINVAL;
	}
	if (stat(out->path, &st) != 0 || S_ISSOCK(st.st_mode))
		return 0;
	if (S_ISCHR(st.st_mode)) {
		VIRTIO_INIT_LOG(ERR, "%s: path=%s is a device file, and vhost-kernel and "
				"vhost-vdpa back-ends are not supported. Give the path of a "
				"vhost-user socket.", name, out->path);
		return -ENOTSUP;
	}
	VIRTIO_INIT_LOG(ERR, "%s: path=%s is not a socket. Give the path of the back-end's "
			"socket.", name, out->path);
	return -EINVAL;
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
			ret = apply(name, &kvlist->pairs[i], driver, out);
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
