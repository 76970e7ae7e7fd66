/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * virtio-user on the vdev bus: the device is a back-end on a socket, the kernel's vhost-net, or a
 * vDPA device of the kernel.
 */

#include <errno.h>
#include <string.h>

#include <bus_vdev_driver.h>
#include <rte_byteorder.h>
#include <rte_errno.h>
#include <rte_malloc.h>

#include <ethdev_vdev.h>

#include "rte_pmd_virtio.h"
#include "transport_vhost_kernel.h"
#include "transport_vhost_user.h"
#include "transport_vhost_vdpa.h"
#include "virtio_compat.h"
#include "virtio_config.h"
#include "virtio_ctrl.h"
#include "virtio_ethdev.h"
#include "virtio_log.h"
#include "virtio_net.h"
#include "virtio_rss.h"
#include "virtio_secondary.h"
#include "virtqueue.h"

/*
 * virtio-user's device half: the back-end passes every packet on, so that all there is to do about
 * filters is to accept them.
 */
static int
vhost_user_command(struct virtio_port *port, const struct virtio_ctrl_command *command)
{
	const bool sets_mac = command->class == VIRTIO_NET_CTRL_MAC &&
			      command->code == VIRTIO_NET_CTRL_MAC_ADDR_SET;

	return port->args.cq || (sets_mac && port->args.mac_given) ? 0 : -ENOTSUP;
}

/*
 * The event descriptor of a queue is what its back-end calls on: one for the life of the port.
 *
 * call_fd: of a ring.
 */
static int
rx_interrupts(struct virtio_port *port, uint16_t n,
	      int (*call_fd)(struct virtio_device *dev, uint16_t index))
{
	struct rte_intr_handle *handle = port->edev->intr_handle;
	int ret = rte_intr_type_set(handle, RTE_INTR_HANDLE_VDEV);
	uint16_t i;

	for (i = 0; ret == 0 && i < n; i++) {
		const int fd = call_fd(&port->dev, virtio_net_rx_vq(i));

		ret = fd < 0 ? fd : rte_intr_efds_index_set(handle, i, fd);
	}
	/* EAL is not to read them, see virtio_rx_intr_clear(): it waits for edges. */
	if (ret == 0)
		ret = rte_intr_efd_counter_size_set(handle, 0);
	if (ret == 0)
		ret = rte_intr_nb_efd_set(handle, n);
	/* One more than those: they come after the handle's own descriptor, which is none. */
	return ret != 0 ? ret : rte_intr_max_intr_set(handle, n + 1);
}

/* Its descriptors are those of receive queues: the connection is the worker's to watch. */
static void
free_interrupts(struct virtio_device *dev)
{
	struct virtio_port *port = container_of(dev, struct virtio_port, dev);

	rte_intr_instance_free(port->edev->intr_handle);
	port->edev->intr_handle = NULL;
}

/* ---- vhost-user --------------------------------------------------------------------------- */

static int
vhost_user_rx_interrupts(struct virtio_port *port, uint16_t n)
{
	return rx_interrupts(port, n, vhost_user_call_fd);
}

static void
destroy_vhost_user(struct virtio_device *dev)
{
	free_interrupts(dev);
	vhost_user_destroy(dev);
}

static const struct virtio_bus vhost_user_bus = {
	.is_up = vhost_user_is_up,
	.reconnect = vhost_user_reconnect,
	.watch_fd = vhost_user_watch_fd,
	.watch_events = vhost_user_watch_events,
	.disconnect = vhost_user_disconnect,
	.destroy = destroy_vhost_user,
	.returns = true,
	.features = VIRTQUEUE_ORDER_FEATURES,
	.command = vhost_user_command,
	.rx_interrupts = vhost_user_rx_interrupts,
	.mem_attach = vhost_user_mem_attach,
	.mem_detach = vhost_user_mem_detach,
	.mem_table = vhost_user_mem_table,
};

static int
create_vhost_user(struct virtio_port *port)
{
	const struct vhost_user_conf conf = {
		.path = port->args.path,
		.server = port->args.server,
		.nb_rings = 2 * port->args.pairs,
		.stop = port->args.queue_reset,
	};

	port->bus = &vhost_user_bus;
	return vhost_user_create(&port->dev, &conf);
}

/* ---- vhost-kernel ------------------------------------------------------------------------- */

/* A tap interface passes on all that the kernel sends: filters are accepted without effect. */
static int
vhost_kernel_command(struct virtio_port *port, const struct virtio_ctrl_command *command)
{
	uint16_t pairs;

	if (command->class == VIRTIO_NET_CTRL_MAC && command->code == VIRTIO_NET_CTRL_MAC_ADDR_SET)
		return vhost_kernel_set_mac(&port->dev, command->data);
	if (command->class == VIRTIO_NET_CTRL_MQ &&
	    command->code == VIRTIO_NET_CTRL_MQ_PAIRS_SET) {
		memcpy(&pairs, command->data, sizeof(pairs));
		return vhost_kernel_set_pairs(&port->dev, rte_le_to_cpu_16(pairs));
	}
	if (command->class == VIRTIO_NET_CTRL_MQ && command->code == VIRTIO_NET_CTRL_MQ_RSS_CONFIG)
		return vhost_kernel_set_rss(&port->dev, command->data, command->len);
	return port->args.cq ? 0 : -ENOTSUP;
}

static int
vhost_kernel_rx_interrupts(struct virtio_port *port, uint16_t n)
{
	return rx_interrupts(port, n, vhost_kernel_call_fd);
}

/* The interface gets what the port has. Without the right to do so it keeps its own. */
static void
set_up_interface(struct virtio_port *port)
{
	const struct rte_eth_dev_data *data = port->edev->data;

	vhost_kernel_set_mac(&port->dev, data->mac_addrs[0].addr_bytes);
	if (data->mtu != RTE_ETHER_MTU)
		vhost_kernel_set_mtu(&port->dev, data->mtu);
}

static int
reconnect_vhost_kernel(struct virtio_device *dev)
{
	const int ret = vhost_kernel_reconnect(dev);

	if (ret == 0)
		set_up_interface(container_of(dev, struct virtio_port, dev));
	return ret;
}

static void
destroy_vhost_kernel(struct virtio_device *dev)
{
	free_interrupts(dev);
	vhost_kernel_destroy(dev);
}

/* The kernel reaches all memory of the process. */
static int
attach_nothing(struct virtio_device *dev __rte_unused, void *addr __rte_unused,
	       size_t len __rte_unused, int fd __rte_unused, uint64_t offset __rte_unused)
{
	return 0;
}

static int
detach_nothing(struct virtio_device *dev __rte_unused, void *addr __rte_unused,
	       size_t len __rte_unused)
{
	return 0;
}

static const struct virtio_bus vhost_kernel_bus = {
	.is_up = vhost_kernel_is_up,
	.reconnect = reconnect_vhost_kernel,
	.watch_fd = vhost_kernel_watch_fd,
	.watch_events = vhost_kernel_watch_events,
	.take_events = vhost_kernel_take_events,
	.disconnect = vhost_kernel_disconnect,
	.destroy = destroy_vhost_kernel,
	.reopens = true,
	.interface = vhost_kernel_interface,
	.link_is_up = vhost_kernel_link_is_up,
	.set_mtu = vhost_kernel_set_mtu,
	.command = vhost_kernel_command,
	.rx_interrupts = vhost_kernel_rx_interrupts,
	.mem_attach = attach_nothing,
	.mem_detach = detach_nothing,
};

static int
create_vhost_kernel(struct virtio_port *port)
{
	const struct vhost_kernel_conf conf = {
		.path = port->args.path,
		.iface = port->args.iface,
		.nb_pairs = port->args.pairs,
		.stops = port->args.queue_reset != VHOST_USER_STOP_OFF,
		.steers = port->args.steering,
	};
	int ret;

	port->bus = &vhost_kernel_bus;
	ret = vhost_kernel_create(&port->dev, &conf);
	if (ret != 0)
		return ret;
	port->has_ctrl = port->args.cq;
	ret = virtio_rss_probe(port);
	if (ret != 0)
		vhost_kernel_destroy(&port->dev);
	return ret;
}

/* ---- vhost-vDPA --------------------------------------------------------------------------- */

static int
vhost_vdpa_rx_interrupts(struct virtio_port *port, uint16_t n)
{
	return rx_interrupts(port, n, vhost_vdpa_call_fd);
}

static void
destroy_vhost_vdpa(struct virtio_device *dev)
{
	free_interrupts(dev);
	vhost_vdpa_destroy(dev);
}

static const struct virtio_bus vhost_vdpa_bus = {
	.is_up = vhost_vdpa_is_up,
	.reconnect = vhost_vdpa_reconnect,
	.watch_fd = vhost_vdpa_watch_fd,
	.watch_events = vhost_vdpa_watch_events,
	.take_events = vhost_vdpa_take_events,
	.disconnect = vhost_vdpa_disconnect,
	.destroy = destroy_vhost_vdpa,
	.reopens = true,
	.features = VIRTIO_BIT(VIRTIO_NET_F_MAC) | VIRTIO_BIT(VIRTIO_NET_F_STATUS) |
		    VIRTIO_BIT(VIRTIO_NET_F_CTRL_VQ) | VIRTIO_BIT(VIRTIO_NET_F_CTRL_RX) |
		    VIRTIO_BIT(VIRTIO_NET_F_CTRL_MAC_ADDR) |
		    VIRTIO_BIT(VIRTIO_NET_F_SPEED_DUPLEX) |
		    VIRTIO_BIT(VIRTIO_F_ACCESS_PLATFORM) | VIRTQUEUE_ORDER_FEATURES,
	.whole_pairs = true,
	.link_is_up = virtio_config_link_is_up,
	.link_speed = virtio_config_link_speed,
	.rx_interrupts = vhost_vdpa_rx_interrupts,
	.mem_attach = vhost_vdpa_attach,
	.mem_detach = vhost_vdpa_detach,
	.mem_has = vhost_vdpa_has,
};

static int
check_vdpa_pairs(struct virtio_port *port)
{
	int ret;

	ret = virtio_config_read_pairs(port);
	if (port->args.cq_given && !port->args.cq) {
		port->has_ctrl = false;
		port->max_pairs = 1;
	}
	if (ret != 0 || port->args.pairs <= port->max_pairs)
		return ret;
	VIRTIO_INIT_LOG(ERR, "%s: queues=%u: the device has %u pairs of queues. Give queues=%u.",
			port->dev.name, port->args.pairs, port->max_pairs, port->max_pairs);
	return -EINVAL;
}

/* A device that cannot be given an address filters by its own. */
static void
check_vdpa_mac(struct virtio_port *port)
{
	if (!port->args.mac_given || !(port->dev.offered & VIRTIO_BIT(VIRTIO_NET_F_MAC)) ||
	    virtio_ctrl_offers(port, VIRTIO_NET_F_CTRL_MAC_ADDR))
		return;
	VIRTIO_INIT_LOG(NOTICE, "%s: mac= has no effect, as the device offers no command to change "
			"its MAC address (CTRL_MAC_ADDR). Its own address is used.",
			port->dev.name);
	port->args.mac_given = false;
}

static int
create_vhost_vdpa(struct virtio_port *port, const char *name)
{
	const struct vhost_vdpa_conf conf = {
		.path = port->args.path,
		.stops = port->args.queue_reset != VHOST_USER_STOP_OFF,
	};
	int ret;

	port->bus = &vhost_vdpa_bus;
	ret = vhost_vdpa_create(&port->dev, name, &conf);
	if (ret != 0)
		return ret;
	ret = check_vdpa_pairs(port);
	if (ret == 0) {
		check_vdpa_mac(port);
		ret = virtio_config_read(port);
	}
	if (ret != 0) {
		vhost_vdpa_destroy(&port->dev);
		return ret;
	}
	if (port->max_mtu != 0)
		port->edev->data->mtu = RTE_MIN(port->edev->data->mtu, port->max_mtu);
	return 0;
}

/* ---- probe and removal -------------------------------------------------------------------- */

static int
open_device(struct virtio_port *port, const char *name)
{
	int ret;

	if (port->args.kind == VIRTIO_TRANSPORT_VHOST_VDPA)
		return create_vhost_vdpa(port, name);
	ret = virtio_device_init(&port->dev, name, port->args.kind, 2 * port->args.pairs);
	if (ret != 0)
		return ret;
	port->max_pairs = port->args.pairs;
	ret = port->args.kind == VIRTIO_TRANSPORT_VHOST_KERNEL ? create_vhost_kernel(port) :
								 create_vhost_user(port);
	if (ret != 0)
		virtio_device_fini(&port->dev);
	return ret;
}

static int
probe_port(struct rte_eth_dev *edev, const char *name, const char *args)
{
	struct virtio_port *port = virtio_port(edev);
	int ret;

	port->edev = edev;
	ret = virtio_user_parse(name, args, &port->args);
	if (ret == 0)
		ret = open_device(port, name);
	if (ret != 0)
		return ret;
	edev->intr_handle = rte_intr_instance_alloc(RTE_INTR_INSTANCE_F_PRIVATE);
	ret = edev->intr_handle == NULL ? -ENOMEM : virtio_port_create(edev);
	if (ret != 0) {
		port->bus->destroy(&port->dev);
		virtio_device_fini(&port->dev);
	} else if (port->args.kind == VIRTIO_TRANSPORT_VHOST_KERNEL) {
		set_up_interface(port);
	}
	return ret;
}

static int
probe_secondary(struct rte_vdev_device *vdev, const char *name)
{
	struct rte_eth_dev *edev = rte_eth_dev_attach_secondary(name);
	int ret;

	if (edev == NULL) {
		VIRTIO_INIT_LOG(ERR, "%s: the primary process has no port of this name. Create it "
				"there first.", name);
		return -ENODEV;
	}
	edev->device = &vdev->device;
	ret = virtio_secondary_attach(edev);
	if (ret != 0) {
		rte_eth_dev_release_port(edev);
		return ret;
	}
	virtio_secondary_finish(edev);
	return 0;
}

static int
virtio_user_probe(struct rte_vdev_device *vdev)
{
	const char *name = rte_vdev_device_name(vdev);
	struct rte_eth_dev *edev;
	int ret;

	if (rte_eal_process_type() != RTE_PROC_PRIMARY)
		return probe_secondary(vdev, name);
	edev = rte_eth_vdev_allocate(vdev, sizeof(struct virtio_port));
	if (edev == NULL) {
		VIRTIO_INIT_LOG(ERR, "%s: an ethdev port cannot be allocated. Use another name, or "
				"fewer ports.", name);
		return -ENOMEM;
	}
	ret = probe_port(edev, name, rte_vdev_device_args(vdev));
	if (ret != 0) {
		rte_eth_dev_release_port(edev);
		return ret;
	}
	rte_eth_dev_probing_finish(edev);
	return 0;
}

static int
virtio_user_remove(struct rte_vdev_device *vdev)
{
	struct rte_eth_dev *edev = rte_eth_dev_allocated(rte_vdev_device_name(vdev));

	if (edev == NULL)
		return 0;
	/* An unplugged device is gone whether the application has stopped its port or not. */
	if (rte_eal_process_type() == RTE_PROC_PRIMARY && edev->data->dev_started)
		rte_eth_dev_stop(edev->data->port_id);
	return rte_eth_dev_close(edev->data->port_id);
}

/*
 * rte_dev_dma_map() of registered memory, for vhost-vDPA, which needs no file of it. Such a device
 * has all memory at its virtual address. Others get theirs by rte_pmd_virtio_extmem_attach().
 */
static struct virtio_port *
port_to_map(const struct rte_vdev_device *vdev)
{
	struct rte_eth_dev *edev = rte_eth_dev_allocated(rte_vdev_device_name(vdev));

	return edev != NULL && virtio_port(edev)->args.kind == VIRTIO_TRANSPORT_VHOST_VDPA ?
	       virtio_port(edev) : NULL;
}

static int
virtio_user_dma_map(struct rte_vdev_device *vdev, void *addr, uint64_t iova __rte_unused,
		    size_t len)
{
	const struct virtio_port *port = port_to_map(vdev);
	const int ret = port == NULL ? 0 :
		rte_pmd_virtio_extmem_attach(port->data->port_id, addr, len, -1, 0);

	rte_errno = -ret;
	return ret;
}

static int
virtio_user_dma_unmap(struct rte_vdev_device *vdev, void *addr, uint64_t iova __rte_unused,
		      size_t len)
{
	const struct virtio_port *port = port_to_map(vdev);
	const int ret = port == NULL ? 0 :
		rte_pmd_virtio_extmem_detach(port->data->port_id, addr, len);

	rte_errno = -ret;
	return ret;
}

static struct rte_vdev_driver virtio_user_driver = {
	.probe = virtio_user_probe,
	.remove = virtio_user_remove,
	.dma_map = virtio_user_dma_map,
	.dma_unmap = virtio_user_dma_unmap,
};

RTE_PMD_REGISTER_VDEV(net_virtio_user, virtio_user_driver);
RTE_PMD_REGISTER_ALIAS(net_virtio_user, virtio_user);
RTE_PMD_REGISTER_PARAM_STRING(net_virtio_user, VIRTIO_USER_PARAMS);

/* What dpdk-pmdinfo.py looks for; DPDK's own build makes it with a tool that is not packaged. */
static const char pmd_info[] __rte_used =
	"PMD_INFO_STRING= {\"name\": \"net_virtio_user\", \"params\": \"" VIRTIO_USER_PARAMS "\", "
	"\"pci_ids\": []}";
