/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * What the driver does for EAL's PCI bus: a device becomes a port, has its interrupts, and goes
 * again, be it removed or unplugged. A bus that refuses something leaves nothing behind.
 *
 * The device has the ports of virtio 0.9.5, and MSI-X. The linker gives the driver the functions of
 * the bus and of its interrupts that are here (--wrap).
 */

#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <bus_pci_driver.h>
#include <ethdev_driver.h>
#include <rte_bus_pci.h>
#include <rte_devargs.h>
#include <rte_ethdev.h>
#include <rte_interrupts.h>
#include <rte_mbuf.h>

#include "fake_legacy_device.h"
#include "packet.h"
#include "rte_pmd_virtio.h"
#include "test.h"
#include "virtio.h"
#include "virtio_compat.h"
#include "virtio_secondary.h"
#include "virtqueue.h"

#define NAME "0000:00:09.0"
#define RING 64
#define BUFFERS 128
#define HEADER 12

/* Feature bits, 5.1.3 and 6.3. */
#define MRG_RXBUF  (UINT32_C(1) << 15)
#define STATUS     (UINT32_C(1) << 16)
#define ANY_LAYOUT (UINT32_C(1) << 27)

/* Of PCI's configuration space. */
#define PCI_STATUS_HAS_LIST 0x10
#define PCI_CAPS_AT 0x40
#define PCI_CAP_MSIX 0x11

/* ---- the bus ------------------------------------------------------------------------------ */

static struct rte_pci_driver *driver;
static enum rte_proc_type_t process_type = RTE_PROC_PRIMARY;
static char sysfs[128];

static struct {
	struct rte_pci_device pci;
	struct rte_devargs devargs;
	struct fake_legacy fake;
	uint8_t space[256];
	bool no_space;          /* it cannot be read */
	bool unmappable;
	bool never_master;
	bool no_msix;           /* it cannot be enabled */
	unsigned int mapped;
	bool master;
	bool msix;
	rte_intr_callback_fn event;
	void *event_arg;
	struct rte_mempool *pool;
} bus;

void __wrap_rte_pci_register(struct rte_pci_driver *registered);
const char *__wrap_rte_pci_get_sysfs_path(void);
int __wrap_rte_pci_read_config(const struct rte_pci_device *pci, void *to, size_t len,
			       off_t offset);
int __wrap_rte_pci_set_bus_master(const struct rte_pci_device *pci, bool enable);
int __wrap_rte_pci_ioport_map(struct rte_pci_device *pci, int bar, struct rte_pci_ioport *io);
int __wrap_rte_pci_ioport_unmap(struct rte_pci_ioport *io);
void __wrap_rte_pci_ioport_read(struct rte_pci_ioport *io, void *to, size_t len, off_t offset);
void __wrap_rte_pci_ioport_write(struct rte_pci_ioport *io, const void *from, size_t len,
				 off_t offset);
int __wrap_rte_intr_enable(const struct rte_intr_handle *handle);
int __wrap_rte_intr_disable(const struct rte_intr_handle *handle);
int __wrap_rte_intr_callback_register(const struct rte_intr_handle *handle,
				      rte_intr_callback_fn fn, void *arg);
int __wrap_rte_intr_callback_unregister_sync(const struct rte_intr_handle *handle,
					     rte_intr_callback_fn fn, void *arg);
enum rte_proc_type_t __wrap_rte_eal_process_type(void);
int __wrap_rte_eth_dev_release_port(struct rte_eth_dev *edev);
int __real_rte_eth_dev_release_port(struct rte_eth_dev *edev);
int __wrap_virtio_secondary_attach(struct rte_eth_dev *edev);
void __wrap_virtio_secondary_finish(struct rte_eth_dev *edev);

void
__wrap_rte_pci_register(struct rte_pci_driver *registered)
{
	driver = registered;
}

const char *
__wrap_rte_pci_get_sysfs_path(void)
{
	return sysfs;
}

int
__wrap_rte_pci_read_config(const struct rte_pci_device *pci, void *to, size_t len, off_t offset)
{
	CHECK(pci == &bus.pci);
	if (bus.no_space || offset + len > sizeof(bus.space))
		return -1;
	if (bus.fake.gone)
		memset(to, 0xff, len);
	else
		memcpy(to, bus.space + offset, len);
	return len;
}

int
__wrap_rte_pci_set_bus_master(const struct rte_pci_device *pci, bool enable)
{
	CHECK(pci == &bus.pci);
	if (enable && bus.never_master)
		return -1;
	bus.master = enable;
	return 0;
}

int
__wrap_rte_pci_ioport_map(struct rte_pci_device *pci, int bar, struct rte_pci_ioport *io)
{
	CHECK(pci == &bus.pci);
	CHECK_EQ(bar, 0);
	if (bus.unmappable)
		return -1;
	bus.mapped++;
	*io = (struct rte_pci_ioport){ .dev = pci };
	return 0;
}

int
__wrap_rte_pci_ioport_unmap(struct rte_pci_ioport *io)
{
	CHECK(io->dev == &bus.pci);
	bus.mapped--;
	return 0;
}

void
__wrap_rte_pci_ioport_read(struct rte_pci_ioport *io __rte_unused, void *to, size_t len,
			   off_t offset)
{
	const uint32_t value = fake_legacy_read(&bus.fake, VIRTIO_PCI_COMMON, offset, len);

	memcpy(to, &value, len);
}

void
__wrap_rte_pci_ioport_write(struct rte_pci_ioport *io __rte_unused, const void *from, size_t len,
			    off_t offset)
{
	uint32_t value = 0;

	memcpy(&value, from, len);
	fake_legacy_write(&bus.fake, VIRTIO_PCI_COMMON, offset, len, value);
}

int
__wrap_rte_intr_enable(const struct rte_intr_handle *handle)
{
	CHECK(handle == bus.pci.intr_handle);
	if (bus.no_msix)
		return -1;
	bus.msix = true;
	bus.fake.msix = true;
	return 0;
}

int
__wrap_rte_intr_disable(const struct rte_intr_handle *handle)
{
	CHECK(handle == bus.pci.intr_handle);
	bus.msix = false;
	bus.fake.msix = false;
	return 0;
}

int
__wrap_rte_intr_callback_register(const struct rte_intr_handle *handle, rte_intr_callback_fn fn,
				  void *arg)
{
	CHECK(handle == bus.pci.intr_handle);
	bus.event = fn;
	bus.event_arg = arg;
	return 0;
}

int
__wrap_rte_intr_callback_unregister_sync(const struct rte_intr_handle *handle,
					 rte_intr_callback_fn fn, void *arg)
{
	CHECK(handle == bus.pci.intr_handle);
	CHECK(fn == bus.event && arg == bus.event_arg);
	bus.event = NULL;
	return 1;
}

enum rte_proc_type_t
__wrap_rte_eal_process_type(void)
{
	return process_type;
}

/* ---- the device --------------------------------------------------------------------------- */

static void
write_resource(const char *text)
{
	char path[256];
	FILE *file;

	snprintf(sysfs, sizeof(sysfs), "%s", test_path("devices"));
	mkdir(sysfs, 0700);
	snprintf(path, sizeof(path), "%s/" NAME, sysfs);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/" NAME "/resource", sysfs);
	file = fopen(path, "w");
	CHECK(file != NULL);
	fputs(text, file);
	fclose(file);
}

static void
plug(const char *args)
{
	memset(&bus, 0, sizeof(bus));
	fake_legacy_create(&bus.fake, 2, RING);
	bus.fake.features |= STATUS | MRG_RXBUF | ANY_LAYOUT;
	bus.fake.config[0] = 0x02;
	bus.fake.config[6] = 1; /* the link is up */
	bus.fake.config[7] = 0;
	bus.space[0x06] = PCI_STATUS_HAS_LIST;
	bus.space[0x34] = PCI_CAPS_AT;
	bus.space[PCI_CAPS_AT] = PCI_CAP_MSIX;
	write_resource("0xc000 0xc023 0x40101\n");
	bus.pci.device.name = NAME;
	bus.pci.device.numa_node = SOCKET_ID_ANY;
	VIRTIO_NOTE_PCI_DRIVER(&bus.pci, driver);
	bus.devargs.args = args;
	bus.pci.device.devargs = args == NULL ? NULL : &bus.devargs;
	bus.pci.intr_handle = rte_intr_instance_alloc(RTE_INTR_INSTANCE_F_PRIVATE);
	CHECK(bus.pci.intr_handle != NULL);
	CHECK_EQ(rte_intr_type_set(bus.pci.intr_handle, RTE_INTR_HANDLE_VFIO_MSIX), 0);
	bus.pool = rte_pktmbuf_pool_create("frames", BUFFERS, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
					   SOCKET_ID_ANY);
	CHECK(bus.pool != NULL);
}

/* Nothing of the port is left, and nothing of the bus is taken. */
static void
unplug(void)
{
	CHECK(rte_eth_dev_allocated(NAME) == NULL);
	CHECK_EQ(bus.mapped, 0);
	CHECK(bus.event == NULL);
	CHECK(!bus.msix);
	CHECK_EQ(rte_mempool_in_use_count(bus.pool), 0);
	rte_mempool_free(bus.pool);
	rte_intr_instance_free(bus.pci.intr_handle);
	fake_legacy_destroy(&bus.fake);
}

static uint16_t
probe(void)
{
	struct rte_eth_dev *edev;

	CHECK_EQ(driver->probe(driver, &bus.pci), 0);
	edev = rte_eth_dev_allocated(NAME);
	CHECK(edev != NULL);
	CHECK(bus.master);
	return edev->data->port_id;
}

/* The device has its ring where its register reaches; with a sanitizer ours may be beyond that. */
static void
place(struct virtqueue *vq)
{
	bus.fake.memory[vq->index] = (uint8_t *)vq->desc;
	bus.fake.iova[vq->index] = UINT64_C(0x10000000) * (1 + vq->index);
	vq->dev_delta = bus.fake.iova[vq->index] - (uintptr_t)vq->desc;
}

static void
set_up(uint16_t port, const struct rte_eth_conf *conf)
{
	struct virtio_port *p = virtio_port(&rte_eth_devices[port]);

	CHECK_EQ(rte_eth_dev_configure(port, 1, 1, conf), 0);
	CHECK_EQ(rte_eth_rx_queue_setup(port, 0, RING, SOCKET_ID_ANY, NULL, bus.pool), 0);
	CHECK_EQ(rte_eth_tx_queue_setup(port, 0, RING, SOCKET_ID_ANY, NULL), 0);
	place(p->rxqs[0]->q.vq);
	place(p->txqs[0]->q.vq);
}

static uint16_t
start(const struct rte_eth_conf *conf)
{
	const uint16_t port = probe();

	set_up(port, conf);
	CHECK_EQ(rte_eth_dev_start(port), 0);
	return port;
}

static const struct rte_eth_conf no_interrupts;

/* ---- cases -------------------------------------------------------------------------------- */

static void
packets_pass(void)
{
	struct device_chain chain;
	struct rte_ether_addr mac;
	struct rte_mbuf *m;
	const char *why;
	uint16_t port;

	plug(NULL);
	port = start(&no_interrupts);
	CHECK_EQ(rte_eth_dev_get_supported_ptypes(port, RTE_PTYPE_ALL_MASK, NULL, 0), 0);
	CHECK_EQ(rte_eth_macaddr_get(port, &mac), 0);
	CHECK(memcmp(&mac, bus.fake.config, sizeof(mac)) == 0);

	m = rte_pktmbuf_alloc(bus.pool);
	CHECK(m != NULL && packet_make(m, 0, 5, PACKET_MIN, 0));
	CHECK_EQ(rte_eth_tx_burst(port, 0, &m, 1), 1);
	CHECK(ring_device_take(&bus.fake.ring[1], &chain));
	CHECK_EQ(chain.n, 1);
	CHECK_EQ(chain.part[0].len, HEADER + PACKET_MIN);
	CHECK_EQ(packet_check_bytes(chain.part[0].at + HEADER, PACKET_MIN, 0, &why), 5);
	CHECK(why == NULL);
	ring_device_use(&bus.fake.ring[1], chain.head, 0);

	CHECK(ring_device_take(&bus.fake.ring[0], &chain));
	memset(chain.part[0].at, 0, HEADER);
	chain.part[0].at[10] = 1; /* num_buffers */
	packet_write(chain.part[0].at + HEADER, 0, 6, PACKET_MIN);
	ring_device_use(&bus.fake.ring[0], chain.head, HEADER + PACKET_MIN);
	CHECK_EQ(rte_eth_rx_burst(port, 0, &m, 1), 1);
	CHECK_EQ(packet_check(m, 0, &why), 6);
	CHECK(why == NULL);
	rte_pktmbuf_free(m);

	CHECK_EQ(driver->remove(&bus.pci), 0);
	CHECK_EQ(bus.fake.status, 0);
	unplug();
}

/* Its memory is mapped for the bus, and not sent to a back-end. */
static void
memory_cannot_be_attached(void)
{
	static alignas(4096) uint8_t page[4096];
	uint16_t port;

	plug(NULL);
	port = probe();
	CHECK_EQ(rte_pmd_virtio_extmem_attach(port, page, sizeof(page), 0, 0), -ENOTSUP);
	CHECK_EQ(rte_pmd_virtio_extmem_detach(port, page, sizeof(page)), -ENOTSUP);
	CHECK_EQ(test_logged("Use rte_dev_dma_map() for a PCI device"), 2);
	CHECK_EQ(driver->remove(&bus.pci), 0);
	unplug();
}

static int
count_event(uint16_t port __rte_unused, enum rte_eth_event_type event __rte_unused, void *arg,
	    void *ret __rte_unused)
{
	rte_atomic_fetch_add_explicit((RTE_ATOMIC(uint32_t) *)arg, 1, rte_memory_order_relaxed);
	return 0;
}

static void
interrupts_have_vectors(void)
{
	const struct rte_eth_conf both = { .intr_conf = { .lsc = 1, .rxq = 1 } };
	static RTE_ATOMIC(uint32_t) events;
	const time_t began = time(NULL);
	struct rte_eth_link link;
	uint16_t port;

	plug(NULL);
	port = start(&both);
	CHECK(bus.msix);
	CHECK_EQ(bus.fake.config_vector, 0);
	CHECK_EQ(bus.fake.vector[0], RTE_INTR_VEC_RXTX_OFFSET);
	CHECK_EQ(bus.fake.vector[1], 0xffff);

	CHECK_EQ(rte_eth_dev_callback_register(port, RTE_ETH_EVENT_INTR_LSC, count_event, &events),
		 0);
	bus.fake.config[6] = 0;
	bus.event(bus.event_arg);
	while (rte_atomic_load_explicit(&events, rte_memory_order_relaxed) == 0) {
		CHECK(time(NULL) - began < 60);
		usleep(100);
	}
	CHECK_EQ(rte_eth_link_get_nowait(port, &link), 0);
	CHECK_EQ(link.link_status, RTE_ETH_LINK_DOWN);
	CHECK_EQ(rte_eth_dev_callback_unregister(port, RTE_ETH_EVENT_INTR_LSC, count_event,
						 &events), 0);

	CHECK_EQ(rte_eth_dev_stop(port), 0);
	CHECK(!bus.msix);
	CHECK_EQ(driver->remove(&bus.pci), 0);
	unplug();
}

static void
interrupts_that_cannot_be_had(void)
{
	const struct rte_eth_conf lsc = { .intr_conf.lsc = 1 };
	const struct rte_eth_conf rxq = { .intr_conf.rxq = 1 };
	uint16_t port;

	plug(NULL);
	bus.no_msix = true;
	port = probe();
	set_up(port, &lsc);
	CHECK_EQ(rte_eth_dev_start(port), -EIO);
	CHECK_EQ(test_logged("MSI-X cannot be enabled. Bind the device to vfio-pci"), 1);
	CHECK_EQ(rte_mempool_in_use_count(bus.pool), 0);
	set_up(port, &no_interrupts);
	CHECK_EQ(rte_eth_dev_start(port), 0);
	CHECK_EQ(driver->remove(&bus.pci), 0);
	unplug();

	plug(NULL);
	CHECK_EQ(rte_intr_type_set(bus.pci.intr_handle, RTE_INTR_HANDLE_UIO_INTX), 0);
	port = probe();
	CHECK(bus.event == NULL);
	CHECK_EQ(rte_eth_dev_configure(port, 1, 1, &rxq), -ENOTSUP);
	CHECK_EQ(test_logged("receive interrupts need MSI-X"), 1);
	set_up(port, &no_interrupts);
	CHECK_EQ(rte_eth_dev_start(port), 0);
	CHECK_EQ(driver->remove(&bus.pci), 0);
	unplug();
}

/* Only a device with MSI-X and a status reports a change of the link. */
static void
link_that_is_not_reported(void)
{
	plug(NULL);
	bus.space[PCI_CAPS_AT] = 0x09;
	probe();
	CHECK(bus.event == NULL);
	CHECK_EQ(driver->remove(&bus.pci), 0);
	unplug();
	plug(NULL);
	bus.fake.features &= ~STATUS;
	probe();
	CHECK(bus.event == NULL);
	CHECK_EQ(driver->remove(&bus.pci), 0);
	unplug();
}

static void
check_refused(int error, const char *line)
{
	CHECK_EQ(driver->probe(driver, &bus.pci), error);
	CHECK_EQ(test_logged(line), 1);
	CHECK_EQ(driver->remove(&bus.pci), 0);
	unplug();
}

static void
bus_that_refuses(void)
{
	plug(NULL);
	bus.unmappable = true;
	check_refused(-ENOTSUP, "I/O ports of the legacy device (virtio 0.9.5) cannot be mapped");
	plug(NULL);
	bus.never_master = true;
	check_refused(-EIO, "cannot be made a bus master");
	plug(NULL);
	bus.no_space = true;
	check_refused(-EIO, "configuration space cannot be read");
	plug(NULL);
	write_resource("0xfe000000 0xfe000fff 0x40200\n");
	check_refused(-EINVAL, "does not give the number of I/O ports");
	plug("queue_reset_timeout_ms=never");
	check_refused(-EINVAL, "queue_reset_timeout_ms");
	plug(NULL);
	bus.fake.features &= ~MRG_RXBUF;
	check_refused(-ENOTSUP, "a legacy device needs MRG_RXBUF and ANY_LAYOUT");
}

static void
device_that_has_a_port(void)
{
	plug(NULL);
	probe();
	CHECK_EQ(driver->probe(driver, &bus.pci), -ENOMEM);
	CHECK_EQ(test_logged("an ethdev port cannot be allocated"), 1);
	CHECK_EQ(driver->remove(&bus.pci), 0);
	unplug();
}

/* It is for another driver, and the bus is to go on. */
static void
device_for_a_vdpa_driver(void)
{
	plug("vdpa=1");
	CHECK(driver->probe(driver, &bus.pci) > 0);
	CHECK_EQ(bus.fake.status, 7);
	unplug();
}

static void
unplugged_device(void)
{
	plug(NULL);
	start(&no_interrupts);
	CHECK_EQ(rte_mempool_in_use_count(bus.pool), RING);
	bus.fake.gone = true;
	CHECK_EQ(driver->remove(&bus.pci), 0);
	CHECK(!bus.master);
	unplug();
}

/* It answers, and does not confirm its reset: it may write into the buffers for ever. */
static void
device_that_hangs(void)
{
	plug("queue_reset_timeout_ms=1");
	start(&no_interrupts);
	bus.fake.late_status = UINT32_MAX;
	driver->remove(&bus.pci);
	CHECK(!bus.master);
	CHECK(rte_eth_dev_allocated(NAME) == NULL);
	CHECK_EQ(bus.mapped, 0);
	CHECK_EQ(rte_mempool_in_use_count(bus.pool), RING);
	fake_legacy_destroy(&bus.fake);
}

/* ---- a secondary process ------------------------------------------------------------------ */

static int attach_error;
static unsigned int finished;
static unsigned int released;

/* ethdev itself does not know that this process is a secondary, and would free the port's data. */
int
__wrap_rte_eth_dev_release_port(struct rte_eth_dev *edev)
{
	if (process_type == RTE_PROC_PRIMARY)
		return __real_rte_eth_dev_release_port(edev);
	released++;
	return 0;
}

int
__wrap_virtio_secondary_attach(struct rte_eth_dev *edev)
{
	CHECK(strcmp(edev->data->name, NAME) == 0);
	return attach_error;
}

void
__wrap_virtio_secondary_finish(struct rte_eth_dev *edev)
{
	CHECK(edev->device == &bus.pci.device);
	finished++;
}

/* A probe of this process as a secondary, whose entry of ethdev is the primary's. */
static int
probe_as_secondary(void)
{
	int ret;

	process_type = RTE_PROC_SECONDARY;
	ret = driver->probe(driver, &bus.pci);
	process_type = RTE_PROC_PRIMARY;
	return ret;
}

static void
secondary_process(void)
{
	struct rte_eth_dev was;
	uint16_t port;

	plug(NULL);
	CHECK_EQ(probe_as_secondary(), -ENODEV);
	CHECK_EQ(test_logged("the primary process has no port for the device"), 1);
	port = probe();
	was = rte_eth_devices[port];
	finished = 0;
	released = 0;
	attach_error = 0;
	CHECK_EQ(probe_as_secondary(), 0);
	CHECK_EQ(finished, 1);
	CHECK_EQ(released, 0);
	attach_error = -ENOTSUP;
	CHECK_EQ(probe_as_secondary(), -ENOTSUP);
	CHECK_EQ(finished, 1);
	CHECK_EQ(released, 1);
	rte_eth_devices[port] = was;
	CHECK_EQ(driver->remove(&bus.pci), 0);
	unplug();
}

TEST_MAIN(
	TEST_WARM_UP(packets_pass),
	TEST(packets_pass),
	TEST(memory_cannot_be_attached),
	TEST(interrupts_have_vectors),
	TEST(interrupts_that_cannot_be_had),
	TEST(link_that_is_not_reported),
	TEST(bus_that_refuses),
	TEST(device_that_has_a_port),
	TEST(device_for_a_vdpa_driver),
	TEST(unplugged_device),
	TEST(secondary_process),
	TEST_LEAVES(device_that_hangs),
)
