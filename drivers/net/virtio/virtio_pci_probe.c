/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * virtio-pci on the PCI bus: ids, capabilities, mapping, interrupts. What the registers mean is the
 * transport's.
 */

#include <errno.h>

#include <bus_pci_driver.h>
#include <ethdev_pci.h>
#include <rte_bus_pci.h>
#include <rte_errno.h>

#include "virtio_ethdev.h"
#include "virtio_log.h"
#include "virtio_net.h"
#include "virtio_pci_caps.h"
#include "virtio_pci_port.h"

#define VIRTIO_PCI_VENDOR           0x1af4
#define VIRTIO_PCI_NET_TRANSITIONAL 0x1000
#define VIRTIO_PCI_NET_MODERN       0x1041

static struct rte_pci_device *
pci_device(const struct virtio_port *port)
{
	return RTE_ETH_DEV_TO_PCI(port->edev);
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
	VIRTIO_LOG(ERR, "%s: the device is gone: close the port", dev->name);
	return -ENODEV;
}

/* It does not confirm its reset: off the bus with it. */
static void
pci_hang_up(struct virtio_device *dev)
{
	rte_pci_set_bus_master(pci_device(port_of(dev)), false);
}

/* ---- interrupts --------------------------------------------------------------------------- */

/* The configuration has changed; the vector is this one's alone. */
static void
pci_event(void *arg)
{
	struct virtio_port *port = arg;

	if (virtio_link_update(port->edev, 0) == 0)
		rte_eth_dev_callback_process(port->edev, RTE_ETH_EVENT_INTR_LSC, NULL);
}

static bool
wants_interrupts(const struct virtio_port *port)
{
	return port->edev->data->dev_conf.intr_conf.lsc != 0;
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
		VIRTIO_LOG(ERR, "%s: MSI-X cannot be enabled", port->dev.name);
		return -EIO;
	}
	port->interrupts = true;
	virtio_pci_set_config_vector(&port->dev, 0);
	return 0;
}

static void
pci_interrupts_off(struct virtio_port *port)
{
	if (port->interrupts)
		rte_intr_disable(pci_device(port)->intr_handle);
	port->interrupts = false;
}

/* A change of the link is told only by a device that has a status, and by MSI-X. */
static void
offer_link_events(struct virtio_port *port, bool msix)
{
	struct rte_intr_handle *handle = pci_device(port)->intr_handle;

	port->edev->data->dev_flags &= ~RTE_ETH_DEV_INTR_LSC;
	if (!msix || rte_intr_type_get(handle) != RTE_INTR_HANDLE_VFIO_MSIX ||
	    !(port->dev.offered & VIRTIO_BIT(VIRTIO_NET_F_STATUS)))
		return;
	if (rte_intr_callback_register(handle, pci_event, port) == 0)
		port->edev->data->dev_flags |= RTE_ETH_DEV_INTR_LSC;
}

static void
pci_destroy(struct virtio_device *dev)
{
	struct virtio_port *port = port_of(dev);

	if (port->edev->data->dev_flags & RTE_ETH_DEV_INTR_LSC)
		rte_intr_callback_unregister_sync(pci_device(port)->intr_handle, pci_event, port);
	virtio_pci_modern_destroy(dev);
}

static const struct virtio_bus virtio_pci_bus = {
	.is_up = virtio_pci_is_up,
	.reconnect = pci_reconnect,
	.hang_up = pci_hang_up,
	.destroy = pci_destroy,
	.features = VIRTIO_PCI_FEATURES,
	.whole_pairs = true,
	.link_is_up = virtio_pci_link_is_up,
	.interrupts_on = pci_interrupts_on,
	.interrupts_off = pci_interrupts_off,
};

/* ---- probe -------------------------------------------------------------------------------- */

static int
read_config_space(const void *arg, void *to, size_t len, off_t offset)
{
	return rte_pci_read_config(arg, to, len, offset);
}

static int
find_windows(const struct rte_pci_device *pci, struct virtio_pci_found *found)
{
	struct virtio_pci_bar bars[VIRTIO_PCI_BARS];
	unsigned int i;
	int ret;

	for (i = 0; i < RTE_DIM(bars); i++)
		bars[i] = (struct virtio_pci_bar){ .addr = pci->mem_resource[i].addr,
						   .len = pci->mem_resource[i].len };
	ret = virtio_pci_find_windows(pci->device.name, read_config_space, pci, bars, found);
	if (ret == -ENOTSUP)
		VIRTIO_INIT_LOG(ERR, "%s: a legacy device (virtio 0.9.5), which this driver does "
				"not have yet: want one with disable-modern=off, or the packaged "
				"driver", pci->device.name);
	return ret;
}

static int
meet_device(struct virtio_port *port, struct rte_pci_device *pci,
	    const struct virtio_pci_found *found)
{
	struct virtio_pci_conf conf = {
		.notify_multiplier = found->notify_multiplier,
		.stop = port->args.pci_queue_reset,
		.ring_features = VIRTIO_PCI_RING_FEATURES,
	};
	int ret;

	memcpy(conf.window, found->window, sizeof(conf.window));
	port->bus = &virtio_pci_bus;
	/* Off after a hang-up, and on some machines from the start. */
	ret = rte_pci_set_bus_master(pci, true);
	if (ret != 0) {
		VIRTIO_INIT_LOG(ERR, "%s: cannot be made a bus master", pci->device.name);
		return -EIO;
	}
	ret = virtio_pci_port_create(port, pci->device.name, &conf);
	if (ret != 0)
		return ret;
	offer_link_events(port, found->msix);
	return 0;
}

static int
virtio_pci_probe(struct rte_pci_driver *driver __rte_unused, struct rte_pci_device *pci)
{
	struct virtio_pci_found found;
	struct virtio_devargs args;
	struct rte_eth_dev *edev;
	int ret;

	if (rte_eal_process_type() != RTE_PROC_PRIMARY) {
		VIRTIO_INIT_LOG(ERR, "%s: secondary processes are not in this driver yet",
				pci->device.name);
		return -ENOTSUP;
	}
	ret = virtio_pci_parse(pci->device.name,
			       pci->device.devargs == NULL ? NULL : pci->device.devargs->args,
			       &args);
	if (ret != 0)
		return ret;
	/* Positive: the bus goes on to the next driver, which is for a vDPA one to be. */
	if (args.vdpa)
		return 1;
	ret = find_windows(pci, &found);
	if (ret != 0)
		return ret;
	edev = rte_eth_dev_pci_allocate(pci, sizeof(struct virtio_port));
	if (edev == NULL) {
		VIRTIO_INIT_LOG(ERR, "%s: no ethdev port to be had", pci->device.name);
		return -ENOMEM;
	}
	virtio_port(edev)->edev = edev;
	virtio_port(edev)->args = args;
	ret = meet_device(virtio_port(edev), pci, &found);
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
	if (edev->data->dev_started)
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
