/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bus_vdev_driver.h>
#include <ethdev_vdev.h>
#include <rte_mbuf.h>

#include "fake_pci_port.h"
#include "pci_bus.h"
#include "test.h"
#include "virtio_pci_port.h"
#include "virtio_worker.h"

#define CTRL_RING (2 * FAKE_PCI_PAIRS)
#define RING 64
#define BUFFERS (FAKE_PCI_PAIRS * RING)

/* ---- the device's side of the control queue ----------------------------------------------- */

/* Joins what the device may read; false where it is no command. */
static bool
read_command(const struct device_chain *chain, struct fake_command *command)
{
	uint8_t bytes[2 + sizeof(command->data)];
	uint32_t len = 0;
	uint16_t i;

	for (i = 0; i < chain->n && !chain->part[i].writable; i++) {
		if (len + chain->part[i].len > sizeof(bytes))
			return false;
		memcpy(bytes + len, chain->part[i].at, chain->part[i].len);
		len += chain->part[i].len;
	}
	/* What is left is the answer, one byte. */
	if (len < 2 || i != chain->n - 1 || chain->part[i].len != 1)
		return false;
	command->class = bytes[0];
	command->code = bytes[1];
	command->len = len - 2;
	memcpy(command->data, bytes + 2, command->len);
	return true;
}

static void
answer(struct fake_pci_port *fp, struct ring_device *ring, const struct device_chain *chain,
       const struct fake_command *command)
{
	uint8_t *word = chain->part[chain->n - 1].at;
	enum fake_ctrl_answer how = fp->answer;

	if (fp->nb_first > 0) {
		how = fp->first[0];
		fp->nb_first--;
		memmove(fp->first, fp->first + 1, sizeof(fp->first) - sizeof(fp->first[0]));
	}
	switch (how) {
	case FAKE_CTRL_OBEYS:
		*word = 0;
		/* 5.1.6.5.4: the driver has announced itself. */
		if (command->class == 3)
			fp->fake->config[6] &= ~2;
		break;
	case FAKE_CTRL_REFUSES:
		*word = 1;
		break;
	case FAKE_CTRL_NEVER:
		return;
	case FAKE_CTRL_BAD_ID:
		ring_device_use_raw(ring, 1000, 1);
		return;
	case FAKE_CTRL_NO_WORD:
		break;
	}
	ring_device_use(ring, chain->head, 1);
}

/* As QEMU's: pairs beyond the first, and the control queue behind them, come with MQ. */
static bool
has_many(const struct fake_pci *fake)
{
	return (fake->status & 0x08) && (fake->driver_features & (FAKE_F_MQ | FAKE_F_RSS));
}

static uint16_t
ctrl_ring(const struct fake_pci *fake)
{
	return has_many(fake) ? CTRL_RING : 2;
}

static void
serve(struct fake_pci_port *fp)
{
	struct ring_device *ring = fake_pci_ring(fp->fake, ctrl_ring(fp->fake));
	struct device_chain chain;
	unsigned int i;

	while (ring_device_take(ring, &chain)) {
		struct fake_command *command = &fp->command[fp->nb_commands];

		if (fp->nb_commands == RTE_DIM(fp->command) || !read_command(&chain, command)) {
			fp->malformed = true;
			return;
		}
		for (i = 0; i < chain.n; i++) {
			fp->lowest = RTE_MIN(fp->lowest, (uintptr_t)chain.part[i].at);
			fp->highest = RTE_MAX(fp->highest,
					      (uintptr_t)chain.part[i].at + chain.part[i].len);
		}
		command->enabled = 0;
		for (i = 0; i < CTRL_RING; i++)
			command->enabled |= fp->fake->queue[i].enable << i;
		fp->nb_commands++;
		if (fp->at_command != NULL)
			fp->at_command(fp);
		answer(fp, ring, &chain, command);
	}
}

static uint32_t
hear_read(void *arg, enum virtio_pci_region region, uint32_t offset, unsigned int width)
{
	struct fake_pci_port *fp = arg;
	const struct fake_pci *fake = fp->fake;
	const bool many = has_many(fake);

	if (!many && region == VIRTIO_PCI_COMMON && offset == 18) /* num_queues */
		return 3;
	if (!many && region == VIRTIO_PCI_COMMON && offset == 24 && fake->select > 2)
		return 0; /* queue_size */
	if (!many && region == VIRTIO_PCI_COMMON && offset == 24 && fake->select == 2)
		return RTE_MIN(fake->hooks.read(fake->hooks.arg, region, offset, width), 16u);
	return fake->hooks.read(fake->hooks.arg, region, offset, width);
}

static void
hear_write(void *arg, enum virtio_pci_region region, uint32_t offset, unsigned int width,
	   uint32_t value)
{
	struct fake_pci_port *fp = arg;

	fp->fake->hooks.write(fp->fake->hooks.arg, region, offset, width, value);
	if (region == VIRTIO_PCI_NOTIFY && (uint16_t)value == ctrl_ring(fp->fake) &&
	    (fp->fake->driver_features & FAKE_F_CTRL_VQ))
		serve(fp);
}

/* ---- the port ----------------------------------------------------------------------------- */

static struct virtio_pci_conf *next_conf;

static int
fake_probe(struct rte_vdev_device *vdev)
{
	const char *name = rte_vdev_device_name(vdev);
	struct rte_eth_dev *edev = rte_eth_vdev_allocate(vdev, sizeof(struct virtio_port));
	struct virtio_port *port;
	int ret;

	if (edev == NULL)
		return -ENOMEM;
	port = virtio_port(edev);
	port->edev = edev;
	port->bus = &pci_bus;
	ret = virtio_pci_parse(name, rte_vdev_device_args(vdev), &port->args);
	next_conf->stop = port->args.pci_queue_reset;
	if (ret == 0)
		ret = virtio_pci_port_create(port, name, next_conf, false);
	if (ret != 0) {
		rte_eth_dev_release_port(edev);
		return ret;
	}
	rte_eth_dev_probing_finish(edev);
	return 0;
}

static int
fake_remove(struct rte_vdev_device *vdev)
{
	struct rte_eth_dev *edev = rte_eth_dev_allocated(rte_vdev_device_name(vdev));

	if (edev == NULL)
		return 0;
	if (edev->data->dev_started)
		rte_eth_dev_stop(edev->data->port_id);
	return rte_eth_dev_close(edev->data->port_id);
}

static struct rte_vdev_driver fake_driver = {
	.probe = fake_probe,
	.remove = fake_remove,
};

RTE_PMD_REGISTER_VDEV(fake_virtio_pci, fake_driver);

void
fake_pci_config16(struct fake_pci *fake, unsigned int offset, uint16_t value)
{
	fake->config[offset] = value & 0xff;
	fake->config[offset + 1] = value >> 8;
}

static void
fill_config(struct fake_pci *fake, const struct fake_pci_port_conf *conf)
{
	static const uint8_t mac[] = { 0x02, 0, 0, 0, 0, 0x77 };

	memcpy(fake->config, mac, sizeof(mac));
	fake_pci_config16(fake, 6, 1);              /* status: link up */
	fake_pci_config16(fake, 8, FAKE_PCI_PAIRS);
	fake_pci_config16(fake, 10, 1600);          /* mtu */
	/* rss_max_key_size */
	fake->config[17] = conf->rss_key_max != 0 ? conf->rss_key_max : 40;
	/* rss_max_indirection_table_length */
	fake_pci_config16(fake, 18, conf->rss_table_max != 0 ? conf->rss_table_max : 128);
	fake_pci_config16(fake, 20, 0x3f);          /* supported_hash_types: no _EX */
}

static void
configure(struct fake_pci_port *fp, const struct fake_pci_port_conf *conf)
{
	const struct rte_eth_conf eth = {
		.rxmode = { .mq_mode = conf->rss_hf != 0 ? RTE_ETH_MQ_RX_RSS : RTE_ETH_MQ_RX_NONE,
			    .offloads = conf->rx_offloads },
		.rx_adv_conf.rss_conf.rss_hf = conf->rss_hf,
		.intr_conf.lsc = conf->lsc,
	};
	struct rte_eth_dev_info info;
	uint16_t pairs, q;

	CHECK_EQ(rte_eth_dev_info_get(fp->port, &info), 0);
	pairs = RTE_MIN(info.max_rx_queues, FAKE_PCI_PAIRS);
	CHECK_EQ(rte_eth_dev_configure(fp->port, pairs, pairs, &eth), 0);
	for (q = 0; q < pairs; q++) {
		const struct rte_eth_rxconf rx = {
			.rx_deferred_start = conf->deferred >> q & 1,
			.offloads = conf->rx_offloads,
		};

		CHECK_EQ(rte_eth_rx_queue_setup(fp->port, q, RING, SOCKET_ID_ANY, &rx, fp->pool),
			 0);
		CHECK_EQ(rte_eth_tx_queue_setup(fp->port, q, RING, SOCKET_ID_ANY, NULL), 0);
	}
}

int
fake_pci_port_probe(const struct fake_pci_port_conf *conf, struct fake_pci_port **probed)
{
	static unsigned int made;
	struct fake_pci_port *fp = calloc(1, sizeof(*fp));
	char args[64];
	int ret;

	snprintf(fp->name, sizeof(fp->name), "fake_virtio_pci%u", ++made);
	fp->lowest = UINTPTR_MAX;
	fp->fake = fake_pci_create(FAKE_PCI_C, CTRL_RING + 1);
	fp->fake->features |= conf->features;
	if (!test_packed())
		fp->fake->features &= ~FAKE_F_PACKED;
	fill_config(fp->fake, conf);
	if (conf->lie != NULL)
		conf->lie(fp->fake);
	fp->hooks = (struct virtio_pci_hooks){ hear_read, hear_write, fp };
	fp->fake->conf.hooks = &fp->hooks;
	fp->fake->conf.ring_features = VIRTIO_PCI_RING_FEATURES;
	fp->fake->conf.ring_needs = VIRTIO_PCI_RING_NEEDS;
	next_conf = &fp->fake->conf;
	fp->pool = rte_pktmbuf_pool_create(fp->name, BUFFERS, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
					   SOCKET_ID_ANY);
	CHECK(fp->pool != NULL);
	snprintf(args, sizeof(args), "queue_reset_timeout_ms=%u%s",
		 conf->timeout_ms != 0 ? conf->timeout_ms : 60000,
		 conf->args != NULL ? conf->args : "");
	ret = rte_vdev_init(fp->name, args);
	fp->probed = ret == 0;
	if (ret == 0)
		CHECK_EQ(rte_eth_dev_get_port_by_name(fp->name, &fp->port), 0);
	*probed = fp;
	return ret;
}

struct fake_pci_port *
fake_pci_port_create(const struct fake_pci_port_conf *conf)
{
	struct fake_pci_port *fp;

	CHECK_EQ(fake_pci_port_probe(conf, &fp), 0);
	configure(fp, conf);
	return fp;
}

struct fake_pci_port *
fake_pci_port_start(const struct fake_pci_port_conf *conf)
{
	struct fake_pci_port *fp = fake_pci_port_create(conf);

	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	fake_pci_port_forget(fp);
	return fp;
}

void
fake_pci_port_destroy(struct fake_pci_port *fp)
{
	CHECK(!fp->malformed);
	if (fp->probed)
		CHECK_EQ(rte_vdev_uninit(fp->name), 0);
	CHECK_EQ(rte_mempool_in_use_count(fp->pool), 0);
	rte_mempool_free(fp->pool);
	fake_pci_destroy(fp->fake);
	free(fp);
}

void
fake_pci_port_event(struct fake_pci_port *fp)
{
	struct virtio_port *port = virtio_port(&rte_eth_devices[fp->port]);
	const time_t start = time(NULL);
	bool done = false;

	virtio_pci_event(port);
	/* The port's worker takes it with the port's lock held. */
	while (!done) {
		CHECK(time(NULL) - start < 60);
		pthread_mutex_lock(&port->lock);
		done = rte_atomic_load_explicit(&port->worker->work,
						rte_memory_order_acquire) == 0;
		pthread_mutex_unlock(&port->lock);
		usleep(10);
	}
}

void
fake_pci_port_forget(struct fake_pci_port *fp)
{
	fp->nb_commands = 0;
}

const char *
fake_pci_port_commands(const struct fake_pci_port *fp)
{
	static char text[256];
	size_t len = 0;
	unsigned int i;

	text[0] = '\0';
	for (i = 0; i < fp->nb_commands && len < sizeof(text) - 8; i++)
		len += snprintf(text + len, sizeof(text) - len, "%s%u.%u", i == 0 ? "" : " ",
				fp->command[i].class, fp->command[i].code);
	return text;
}

void
fake_pci_port_check_commands(struct fake_pci_port *fp, const char *wanted)
{
	const char *got = fake_pci_port_commands(fp);

	if (strcmp(got, wanted) != 0)
		test_fail(__FILE__, __LINE__, "the commands were '%s', not '%s'", got, wanted);
	fake_pci_port_forget(fp);
}

const struct fake_command *
fake_pci_port_last(const struct fake_pci_port *fp)
{
	CHECK(fp->nb_commands > 0);
	return &fp->command[fp->nb_commands - 1];
}
