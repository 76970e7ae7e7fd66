/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * virtio-pci on the PCI bus: ids, capabilities, mapping, interrupts. What the registers mean is the
 * transport's.
 */

#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include <bus_pci_driver.h>
#include <ethdev_pci.h>
#include <rte_bus_pci.h>
#include <rte_byteorder.h>
#include <rte_errno.h>

#include "virtio_compat.h"
#include "virtio_config.h"
#include "virtio_ethdev.h"
#include "virtio_log.h"
#include "virtio_net.h"
#include "virtio_pci_caps.h"
#include "virtio_pci_port.h"
#include "virtio_secondary.h"

#define VIRTIO_PCI_VENDOR           0x1af4
#define VIRTIO_PCI_NET_TRANSITIONAL 0x1000
#define VIRTIO_PCI_NET_MODERN       0x1041

/* A port, and what a legacy device is reached by. */
struct pci_port {
	struct virtio_port port; /* first: ethdev's private data */
	struct rte_pci_ioport io;
	struct virtio_pci_hooks hooks;
	bool legacy;
};

static struct rte_pci_device *
pci_device(const struct virtio_port *port)
{
	return RTE_CLASS_TO_BUS_DEVICE(port->edev, struct rte_pci_device);
}

static struct pci_port *
to_pci(struct virtio_port *port)
{
	return container_of(port, struct pci_port, port);
}

static struct virtio_port *
port_of(struct virtio_device *dev)
{
	return container_of(dev, struct virtio_port, dev);
}

/* ---- the bus's part of a port's life ------------------------------------------------------ */

/* A device that was unplugged comes back as another one, with a port of its own. */
static int
pci_reconnect(struct virtio_device *dev)
{
	VIRTIO_LOG(ERR, "%s: the device is gone. Close the port.", dev->name);
	return -ENODEV;
}

static int
read_config_space(const void *arg, void *to, size_t len, off_t offset)
{
	return rte_pci_read_config(arg, to, len, offset);
}

/*
 * The device does not confirm its reset, or is gone. Bus mastering is switched off, but a
 * hypervisor may let the device write all the same (cloud-hypervisor does). So only a device that
 * is gone counts as one that writes nothing.
 */
static void
pci_disconnect(struct virtio_device *dev)
{
	struct rte_pci_device *pci = pci_device(port_of(dev));

	rte_pci_set_bus_master(pci, false);
	if (virtio_pci_function_is_gone(read_config_space, pci))
		virtio_pci_cut_off(dev);
}

/* ---- interrupts --------------------------------------------------------------------------- */

static bool
wants_interrupts(const struct virtio_port *port)
{
	return port->edev->data->dev_conf.intr_conf.lsc != 0 || port->nb_rx_intr > 0;
}

/* Before a ring is set up: QEMU takes vectors only of what is enabled. */
static int
pci_interrupts_on(struct virtio_port *port)
{
	struct rte_intr_handle *handle = pci_device(port)->intr_handle;

	virtio_pci_set_config_vector(&port->dev, VIRTIO_PCI_NO_VECTOR);
	if (!wants_interrupts(port))
		return 0;
	if (rte_intr_enable(handle) != 0) {
		VIRTIO_LOG(ERR, "%s: MSI-X cannot be enabled. Bind the device to vfio-pci, or set "
			   "intr_conf.rxq and intr_conf.lsc to 0.", port->dev.name);
		return -EIO;
	}
	port->interrupts = true;
	if (port->dev.legacy)
		virtio_pci_legacy_set_msix(&port->dev, true);
	virtio_pci_set_config_vector(&port->dev, 0);
	return 0;
}

static void
pci_interrupts_off(struct virtio_port *port)
{
	if (!port->interrupts)
		return;
	rte_intr_disable(pci_device(port)->intr_handle);
	if (port->dev.legacy)
		virtio_pci_legacy_set_msix(&port->dev, false);
	port->interrupts = false;
}

/* Vector 0 is the configuration's; the receive queues' come after it, one each. */
static int
pci_rx_interrupts(struct virtio_port *port, uint16_t n)
{
	struct rte_intr_handle *handle = pci_device(port)->intr_handle;
	uint16_t i;
	int ret;

	for (i = 0; i < port->args.pairs; i++)
		virtio_pci_set_queue_vector(&port->dev, virtio_net_rx_vq(i),
					    VIRTIO_PCI_NO_VECTOR);
	rte_intr_efd_disable(handle);
	if (n == 0)
		return 0;
	if (rte_intr_type_get(handle) != RTE_INTR_HANDLE_VFIO_MSIX) {
		VIRTIO_INIT_LOG(ERR, "%s: receive interrupts need MSI-X. Bind the device to "
				"vfio-pci, or set intr_conf.rxq to 0.", port->dev.name);
		return -ENOTSUP;
	}
	if (n > RTE_MAX_RXTX_INTR_VEC_ID)
		return -EINVAL;
	ret = rte_intr_efd_enable(handle, n);
	for (i = 0; ret == 0 && i < n; i++)
		virtio_pci_set_queue_vector(&port->dev, virtio_net_rx_vq(i),
					    RTE_INTR_VEC_RXTX_OFFSET + i);
	return ret;
}

/* Only a device with a status, and MSI-X, reports a change of the link. */
static void
offer_link_events(struct virtio_port *port, bool msix)
{
	struct rte_intr_handle *handle = pci_device(port)->intr_handle;

	port->edev->data->dev_flags &= ~RTE_ETH_DEV_INTR_LSC;
	if (!msix || rte_intr_type_get(handle) != RTE_INTR_HANDLE_VFIO_MSIX ||
	    !(port->dev.offered & VIRTIO_BIT(VIRTIO_NET_F_STATUS)))
		return;
	if (rte_intr_callback_register(handle, virtio_pci_event, port) == 0)
		port->edev->data->dev_flags |= RTE_ETH_DEV_INTR_LSC;
}

static void
pci_unwatch(struct virtio_port *port)
{
	struct rte_intr_handle *handle = pci_device(port)->intr_handle;

	if (!(port->edev->data->dev_flags & RTE_ETH_DEV_INTR_LSC))
		return;
	rte_intr_callback_unregister_sync(handle, virtio_pci_event, port);
}

static void
pci_destroy(struct virtio_device *dev)
{
	struct virtio_port *port = port_of(dev);

	virtio_pci_destroy(dev);
	if (to_pci(port)->legacy)
		rte_pci_ioport_unmap(&to_pci(port)->io);
}

static const struct virtio_bus virtio_pci_bus = {
	.is_up = virtio_pci_is_up,
	.reconnect = pci_reconnect,
	.disconnect = pci_disconnect,
	.unwatch = pci_unwatch,
	.destroy = pci_destroy,
	.features = VIRTIO_PCI_FEATURES,
	.whole_pairs = true,
	.link_is_up = virtio_config_link_is_up,
	.link_speed = virtio_config_link_speed,
	.interrupts_on = pci_interrupts_on,
	.interrupts_off = pci_interrupts_off,
	.rx_interrupts = pci_rx_interrupts,
};

/* ---- probe -------------------------------------------------------------------------------- */

static int
find_windows(const struct rte_pci_device *pci, struct virtio_pci_found *found)
{
	struct virtio_pci_bar bars[VIRTIO_PCI_BARS];
	unsigned int i;

	for (i = 0; i < RTE_DIM(bars); i++)
		bars[i] = (struct virtio_pci_bar){ .addr = pci->mem_resource[i].addr,
						   .len = pci->mem_resource[i].len };
	return virtio_pci_find_windows(pci->device.name, read_config_space, pci, bars, found);
}

static uint32_t
read_port(void *arg, enum virtio_pci_region region, uint32_t offset, unsigned int width)
{
	struct pci_port *pp = arg;
	/* A read that fails says nothing, and is to look like that of a device that is gone. */
	uint32_t value = UINT32_MAX >> (32 - 8 * width);

	RTE_SET_USED(region); /* there is one */
	rte_pci_ioport_read(&pp->io, &value, width, offset);
	return rte_le_to_cpu_32(value);
}

static void
write_port(void *arg, enum virtio_pci_region region, uint32_t offset, unsigned int width,
	   uint32_t value)
{
	struct pci_port *pp = arg;
	const uint32_t data = rte_cpu_to_le_32(value);

	RTE_SET_USED(region);
	rte_pci_ioport_write(&pp->io, &data, width, offset);
}

/* How many ports the first BAR has; what lies behind them is another device's. */
static int
count_ports(const struct rte_pci_device *pci, uint32_t *n)
{
	char path[PATH_MAX];
	FILE *resources;
	int ret;

	snprintf(path, sizeof(path), "%s/%s/resource", rte_pci_get_sysfs_path(),
		 pci->device.name);
	resources = fopen(path, "re");
	ret = virtio_pci_ports_length(resources, n);
	if (resources != NULL)
		fclose(resources);
	if (ret != 0)
		VIRTIO_INIT_LOG(ERR, "%s: %s does not give the number of I/O ports in the first "
				"BAR of the legacy device", pci->device.name, path);
	return ret;
}

/* No virtio capability: the registers of virtio 0.9.5, in the first BAR. */
static int
open_ports(struct pci_port *pp, struct rte_pci_device *pci, struct virtio_pci_conf *conf)
{
	int ret;

	ret = count_ports(pci, &conf->window[VIRTIO_PCI_COMMON].length);
	if (ret != 0)
		return ret;
	if (rte_pci_ioport_map(pci, 0, &pp->io) != 0) {
		VIRTIO_INIT_LOG(ERR, "%s: the I/O ports of the legacy device (virtio 0.9.5) cannot "
				"be mapped. Use a modern device (QEMU: disable-modern=off).",
				pci->device.name);
		return -ENOTSUP;
	}
	pp->legacy = true;
	pp->hooks = (struct virtio_pci_hooks){ read_port, write_port, pp };
	conf->hooks = &pp->hooks;
	return 0;
}

static int
meet_device(struct pci_port *pp, struct rte_pci_device *pci)
{
	struct virtio_port *port = &pp->port;
	struct virtio_pci_conf conf = {
		.stop = port->args.pci_queue_reset,
		.ring_features = VIRTIO_PCI_RING_FEATURES,
		.ring_needs = VIRTIO_PCI_RING_NEEDS,
	};
	struct virtio_pci_found found;
	int ret;

	port->bus = &virtio_pci_bus;
	ret = find_windows(pci, &found);
	memcpy(conf.window, found.window, sizeof(conf.window));
	conf.notify_multiplier = found.notify_multiplier;
	conf.msix_on = found.msix_on;
	if (ret == -ENOTSUP)
		ret = open_ports(pp, pci, &conf);
	if (ret == 0)
		ret = virtio_pci_port_create(port, pci->device.name, &conf, pp->legacy);
	if (ret != 0) {
		if (pp->legacy)
			rte_pci_ioport_unmap(&pp->io);
		return ret;
	}
	offer_link_events(port, found.msix);
	/*
	 * Off after a hang-up, and on some machines from the start. Not before the device is seen
	 * to have been reset: what an earlier driver left running would write into any memory.
	 */
	if (rte_pci_set_bus_master(pci, true) != 0) {
		VIRTIO_INIT_LOG(ERR, "%s: the device cannot be made a bus master. Check the "
				"permissions of the process.", pci->device.name);
		virtio_port_close(port->edev);
		return -EIO;
	}
	return 0;
}

/* The bus has mapped the BARs where the primary has them, and the doorbells with them. */
static int
probe_secondary(struct rte_pci_device *pci)
{
	struct rte_eth_dev *edev = rte_eth_dev_pci_allocate(pci, 0);
	int ret;

	if (edev == NULL) {
		VIRTIO_INIT_LOG(ERR, "%s: the primary process has no port for the device. Probe it "
				"there first.", pci->device.name);
		return -ENODEV;
	}
	ret = virtio_secondary_attach(edev);
	if (ret != 0) {
		rte_eth_dev_release_port(edev);
		return ret;
	}
	virtio_secondary_finish(edev);
	return 0;
}

static int
virtio_pci_probe(struct rte_pci_driver *driver __rte_unused, struct rte_pci_device *pci)
{
	struct virtio_devargs args;
	struct rte_eth_dev *edev;
	struct pci_port *pp;
	int ret;

	if (rte_eal_process_type() != RTE_PROC_PRIMARY)
		return probe_secondary(pci);
	ret = virtio_pci_parse(pci->device.name,
			       pci->device.devargs == NULL ? NULL : pci->device.devargs->args,
			       &args);
	if (ret != 0)
		return ret;
	/* Positive: the bus goes on to the next driver, which is for a vDPA one to be. */
	if (args.vdpa)
		return 1;
	edev = rte_eth_dev_pci_allocate(pci, sizeof(*pp));
	if (edev == NULL) {
		VIRTIO_INIT_LOG(ERR, "%s: an ethdev port cannot be allocated. Use fewer ports.",
				pci->device.name);
		return -ENOMEM;
	}
	pp = to_pci(virtio_port(edev));
	pp->port.edev = edev;
	pp->port.args = args;
	ret = meet_device(pp, pci);
	if (ret != 0) {
		rte_eth_dev_release_port(edev);
		return ret;
	}
	rte_eth_dev_probing_finish(edev);
	return 0;
}

static int
virtio_pci_remove(struct rte_pci_device *pci)
{
	struct rte_eth_dev *edev = rte_eth_dev_allocated(pci->device.name);

	if (edev == NULL)
		return 0;
	/* An unplugged device is gone whether the application has stopped its port or not. */
	if (rte_eal_process_type() == RTE_PROC_PRIMARY && edev->data->dev_started)
		rte_eth_dev_stop(edev->data->port_id);
	return rte_eth_dev_close(edev->data->port_id);
}

static const struct rte_pci_id ids[] = {
	{ RTE_PCI_DEVICE(VIRTIO_PCI_VENDOR, VIRTIO_PCI_NET_TRANSITIONAL) },
	{ RTE_PCI_DEVICE(VIRTIO_PCI_VENDOR, VIRTIO_PCI_NET_MODERN) },
	{ .vendor_id = 0 },
};

static struct rte_pci_driver virtio_pci_driver = {
	.probe = virtio_pci_probe,
	.remove = virtio_pci_remove,
	.id_table = ids,
	.drv_flags = RTE_PCI_DRV_NEED_MAPPING,
};

RTE_PMD_REGISTER_PCI(net_virtio, virtio_pci_driver);
RTE_PMD_REGISTER_PCI_TABLE(net_virtio, ids);
RTE_PMD_REGISTER_KMOD_DEP(net_virtio, "* igb_uio | uio_pci_generic | vfio-pci");
RTE_PMD_REGISTER_PARAM_STRING(net_virtio, VIRTIO_PCI_PARAMS);

/* What dpdk-pmdinfo.py looks for; DPDK's own build makes it with a tool that is not packaged. */
static const char pmd_info[] __rte_used =
	"PMD_INFO_STRING= {\"name\": \"net_virtio\", \"params\": \"" VIRTIO_PCI_PARAMS "\", "
	"\"kmod\": \"* igb_uio | uio_pci_generic | vfio-pci\", "
	"\"pci_ids\": [[6900, 4096, 65535, 65535], [6900, 4161, 65535, 65535]]}";
