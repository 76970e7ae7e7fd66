/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <stdio.h>
#include <string.h>

#include <bus_vdev_driver.h>
#include <ethdev_vdev.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "pci_bus.h"
#include "port_on_qemu.h"
#include "virtio_pci_port.h"
#include "virtio_queue.h"

struct port_on_qemu port;

static int
qemu_probe(struct rte_vdev_device *vdev)
{
	const char *name = rte_vdev_device_name(vdev);
	struct rte_eth_dev *edev;
	struct virtio_port *p;
	int ret;

	/* So that all that the driver makes for the device is where it can reach it. */
	vdev->device.numa_node = port.qemu->node;
	edev = rte_eth_vdev_allocate(vdev, sizeof(struct virtio_port));
	p = virtio_port(edev);
	p->edev = edev;
	p->bus = &pci_bus;
	ret = virtio_pci_parse(name, rte_vdev_device_args(vdev), &p->args);
	port.qemu->conf.stop = p->args.pci_queue_reset;
	port.qemu->conf.ring_features = VIRTIO_PCI_RING_FEATURES;
	if (ret == 0)
		ret = virtio_pci_port_create(p, name, &port.qemu->conf, port.qemu->legacy);
	if (ret != 0) {
		rte_eth_dev_release_port(edev);
		return ret;
	}
	rte_eth_dev_probing_finish(edev);
	return 0;
}

static int
qemu_remove(struct rte_vdev_device *vdev)
{
	struct rte_eth_dev *edev = rte_eth_dev_allocated(rte_vdev_device_name(vdev));

	if (edev->data->dev_started)
		rte_eth_dev_stop(edev->data->port_id);
	return rte_eth_dev_close(edev->data->port_id);
}

static struct rte_vdev_driver qemu_driver = {
	.probe = qemu_probe,
	.remove = qemu_remove,
};

RTE_PMD_REGISTER_VDEV(qemu_virtio_pci, qemu_driver);

/* ---- the port ----------------------------------------------------------------------------- */

static struct rte_mempool *
make_pool(const char *name, unsigned int buffers)
{
	struct rte_mempool *pool = rte_pktmbuf_pool_create(name, buffers, 0, 0,
							   RTE_MBUF_DEFAULT_BUF_SIZE,
							   port.qemu->node);

	CHECK(pool != NULL);
	return pool;
}

void
port_plug(const char *properties, unsigned int tap_queues, unsigned int rx_buffers,
	  const char *args)
{
	char all[128];

	memset(&port, 0, sizeof(port));
	snprintf(all, sizeof(all), "%s%s", test_packed() ? ",packed=on" : "", properties);
	port.qemu = tap_queues == 0 ? qemu_start(all) : qemu_start_queues(all, tap_queues);
	port.rx_pool[0] = make_pool("rx0", rx_buffers);
	port.rx_pool[1] = make_pool("rx1", PORT_BUFFERS);
	port.tx_pool = make_pool("tx", PORT_BUFFERS);
	CHECK_EQ(rte_vdev_init("qemu_virtio_pci0", args), 0);
	CHECK_EQ(rte_eth_dev_get_port_by_name("qemu_virtio_pci0", &port.id), 0);
}

void
port_check_in_use(const struct rte_mempool *pool, unsigned int n)
{
	CHECK_EQ(rte_mempool_in_use_count(pool), n);
}

void
port_unplug(void)
{
	unsigned int i;

	CHECK_EQ(rte_vdev_uninit("qemu_virtio_pci0"), 0);
	for (i = 0; i < 2; i++) {
		port_check_in_use(port.rx_pool[i], 0);
		rte_mempool_free(port.rx_pool[i]);
	}
	port_check_in_use(port.tx_pool, 0);
	rte_mempool_free(port.tx_pool);
	qemu_stop(port.qemu);
}
