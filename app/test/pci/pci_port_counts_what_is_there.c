/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * Sizes and counts are the device's to name, and whatever it names costs the port what depends on
 * it, or the probe or the start with a line, and never memory that is not the port's.
 */

#include <rte_memzone.h>

#include "fake_pci_port.h"
#include "test.h"
#include "virtio.h"
#include "virtqueue.h"

#define CTRL (2 * FAKE_PCI_PAIRS)
#define RSS_CAPA (RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_UDP)

static uint16_t said;

static struct virtio_port *
port_of(const struct fake_pci_port *fp)
{
	return virtio_port(&rte_eth_devices[fp->port]);
}

/* Commands of all lengths, to the longest, and where they have lain. */
static void
send_commands(struct fake_pci_port *fp)
{
	const struct rte_memzone *memory = port_of(fp)->ctrl->memory;
	struct rte_ether_addr addr = { { 0x02, 0xaa, 0, 0, 0, 0 } };
	unsigned int i;

	fake_pci_port_forget(fp);
	CHECK_EQ(rte_eth_promiscuous_enable(fp->port), 0);
	for (i = 0; i < 20; i++) {
		addr.addr_bytes[5] = i;
		CHECK_EQ(rte_eth_dev_mac_addr_add(fp->port, &addr, 0), 0);
	}
	CHECK_EQ(fake_pci_port_last(fp)->len, 8 + 20 * RTE_ETHER_ADDR_LEN);
	CHECK(fp->lowest >= memory->addr_64);
	CHECK(fp->highest <= memory->addr_64 + memory->len);
}

static void
say_control_size(struct fake_pci *fake)
{
	fake->queue[fake->features & FAKE_F_MQ ? CTRL : 2].max_size = said;
}

/* With MQ and RSS, both of which need commands; RSS is on where it can be. */
static void
check_control_ring(uint16_t size, bool is_used)
{
	const struct fake_pci_port_conf conf = {
		.features = FAKE_F_CONTROL | FAKE_F_RSS, .rss_hf = is_used ? RSS_CAPA : 0,
		.lie = say_control_size,
	};
	struct rte_eth_dev_info info;
	struct fake_pci_port *fp;

	said = size;
	test_forget_log();
	fp = fake_pci_port_create(&conf);
	CHECK_EQ(test_logged("a command needs 3. The port has one pair"), !is_used);
	CHECK_EQ(rte_eth_dev_info_get(fp->port, &info), 0);
	CHECK_EQ(info.max_rx_queues, is_used ? FAKE_PCI_PAIRS : 1);
	CHECK_EQ(info.reta_size, is_used ? 128 : 0);
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	if (is_used) {
		send_commands(fp);
	} else {
		CHECK(!(fp->fake->driver_features & (FAKE_F_CONTROL | FAKE_F_RSS) &
			~(FAKE_F_MAC | FAKE_F_STATUS)));
		CHECK(port_of(fp)->ctrl == NULL);
		CHECK_EQ(rte_eth_promiscuous_enable(fp->port), -ENOTSUP);
		fake_pci_port_check_commands(fp, "");
	}
	fake_pci_port_destroy(fp);
}

static void
control_ring_of_few(void)
{
	check_control_ring(0, false);
	check_control_ring(1, false);
	check_control_ring(2, false);
	/* A split ring's size is a power of two. */
	check_control_ring(3, test_packed());
	check_control_ring(4, true);
	check_control_ring(7, true);
	check_control_ring(64, true);
}

/* Of a device with one pair it is another ring. */
static void
control_ring_of_few_behind_one_pair(void)
{
	static const struct {
		uint16_t size;
		bool used;
	} all[] = { { 1, false }, { 2, false }, { 4, true }, { 64, true } };
	const struct fake_pci_port_conf conf = {
		.features = FAKE_F_CONTROL & ~FAKE_F_MQ, .lie = say_control_size,
	};
	unsigned int i;

	for (i = 0; i < RTE_DIM(all); i++) {
		struct fake_pci_port *fp;

		said = all[i].size;
		fp = fake_pci_port_start(&conf);
		CHECK_EQ(!!(fp->fake->driver_features & FAKE_F_CTRL_VQ), all[i].used);
		if (all[i].used)
			send_commands(fp);
		fake_pci_port_destroy(fp);
	}
}

static void
say_no_control_ring(struct fake_pci *fake)
{
	fake->nb_queues = CTRL;
}

/* One ring fewer than the pairs and the control queue need: there is no memory for another. */
static void
control_ring_that_is_not_there(void)
{
	const struct fake_pci_port_conf conf = {
		.features = FAKE_F_CONTROL | FAKE_F_RSS, .lie = say_no_control_ring,
	};
	struct fake_pci_port *fp = fake_pci_port_create(&conf);
	const struct fake_pci_access *a;
	struct rte_eth_dev_info info;
	unsigned int i;

	CHECK_EQ(test_logged("control queue: ring 6 of the device can have 0 desc"), 1);
	CHECK_EQ(rte_eth_dev_info_get(fp->port, &info), 0);
	CHECK_EQ(info.max_rx_queues, 1);
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	for (i = 0; i < fp->fake->nb_record; i++) {
		a = &fp->fake->record[i];
		/* queue_select */
		CHECK(a->region != VIRTIO_PCI_COMMON || !a->write || a->offset != 22 ||
		      a->value < CTRL);
	}
	fake_pci_port_destroy(fp);
}

static void
say_pairs(struct fake_pci *fake)
{
	fake_pci_config16(fake, 8, said);
}

static void
pairs_that_cannot_be(void)
{
	static const uint16_t pairs[] = { 0, FAKE_PCI_PAIRS + 1, 0x7fff, 0x8000, 0xffff };
	const struct fake_pci_port_conf conf = { .features = FAKE_F_CONTROL, .lie = say_pairs };
	struct fake_pci_port *fp;
	unsigned int i;

	for (i = 0; i < RTE_DIM(pairs); i++) {
		said = pairs[i];
		test_forget_log();
		CHECK_EQ(fake_pci_port_probe(&conf, &fp), -EINVAL);
		CHECK_EQ(test_logged("pairs of queues, and 7 rings"), 1);
		fake_pci_port_destroy(fp);
	}
}

static void
say_ring_sizes(struct fake_pci *fake)
{
	fake->queue[0].max_size = said;
	fake->queue[1].max_size = said;
}

/* What the port makes of it, if anything, it fills, runs and gives back. */
static void
rings_of_any_size(void)
{
	static const uint16_t sizes[] = { 0, 1, 2, 3, 4, 8, 16, 17, 48, 32769, 0xfffe };
	const struct rte_eth_conf eth = { 0 };
	const struct fake_pci_port_conf conf = {
		.features = FAKE_F_CONTROL & ~FAKE_F_MQ, .lie = say_ring_sizes,
	};
	struct fake_pci_port *fp;
	unsigned int i;

	for (i = 0; i < RTE_DIM(sizes); i++) {
		struct rte_mbuf *m[4];
		int ret;

		said = sizes[i];
		CHECK_EQ(fake_pci_port_probe(&conf, &fp), 0);
		CHECK_EQ(rte_eth_dev_configure(fp->port, 1, 1, &eth), 0);
		test_forget_log();
		ret = rte_eth_rx_queue_setup(fp->port, 0, 64, SOCKET_ID_ANY, NULL, fp->pool);
		if (ret == 0)
			ret = rte_eth_tx_queue_setup(fp->port, 0, 64, SOCKET_ID_ANY, NULL);
		if (ret == 0)
			ret = rte_eth_dev_start(fp->port);
		/* Refused with a line, or it runs. */
		CHECK(ret == 0 || ret == -EINVAL);
		if (said >= 16 && test_packed())
			CHECK_EQ(ret, 0);
		if (said == 0)
			CHECK_EQ(test_logged("the device has no such ring"), 1);
		if (ret == 0)
			CHECK_EQ(rte_eth_rx_burst(fp->port, 0, m, RTE_DIM(m)), 0);
		fake_pci_port_destroy(fp);
	}
}

/* 2.7.5.3.1, 2.8.19: a table is no longer than a chain may be. */
static void
tables_fit_the_ring(void)
{
	const struct fake_pci_port_conf conf = {
		.features = FAKE_F_CONTROL & ~FAKE_F_MQ, .lie = say_ring_sizes,
	};
	const struct rte_eth_conf eth = { 0 };
	struct rte_eth_stats stats;
	struct device_chain chain;
	struct fake_pci_port *fp;
	unsigned int segs;

	said = 4;
	CHECK_EQ(fake_pci_port_probe(&conf, &fp), 0);
	CHECK_EQ(rte_eth_dev_configure(fp->port, 1, 1, &eth), 0);
	CHECK_EQ(rte_eth_rx_queue_setup(fp->port, 0, 64, SOCKET_ID_ANY, NULL, fp->pool), 0);
	CHECK_EQ(rte_eth_tx_queue_setup(fp->port, 0, 64, SOCKET_ID_ANY, NULL), 0);
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	for (segs = 2; segs <= 6; segs++) {
		struct rte_mbuf *m = NULL;
		unsigned int i;

		for (i = 0; i < segs; i++) {
			struct rte_mbuf *seg = rte_pktmbuf_alloc(fp->pool);

			CHECK(rte_pktmbuf_append(seg, 64) != NULL);
			if (m == NULL)
				m = seg;
			else
				CHECK_EQ(rte_pktmbuf_chain(m, seg), 0);
		}
		CHECK_EQ(rte_eth_tx_burst(fp->port, 0, &m, 1), 1);
		CHECK_EQ(ring_device_take(fake_pci_ring(fp->fake, 1), &chain), segs <= 4);
		if (segs > 4)
			continue;
		/* A ring that is shorter than some tables has none. */
		CHECK(!chain.indirect);
		CHECK_EQ(chain.n, segs);
		ring_device_use(fake_pci_ring(fp->fake, 1), chain.head, 0);
	}
	CHECK_EQ(rte_eth_stats_get(fp->port, &stats), 0);
	CHECK_EQ(stats.oerrors, 2);
	fake_pci_port_destroy(fp);
}

static void
say_all_ones(struct fake_pci *fake)
{
	fake->queue[0].max_size = 0xffff;
}

/* 4.1.4.3: no size; and what is read of a device that is gone. */
static void
ring_size_of_all_ones(void)
{
	const struct fake_pci_port_conf conf = { .features = FAKE_F_CONTROL,
						 .lie = say_all_ones };
	struct fake_pci_port *fp;

	CHECK_EQ(fake_pci_port_probe(&conf, &fp), -ENODEV);
	CHECK_EQ(test_logged("read all ones"), 1);
	fake_pci_port_destroy(fp);
}

static void
say_mtu(struct fake_pci *fake)
{
	fake_pci_config16(fake, 10, said);
}

static void
mtu_of_any_size(void)
{
	static const struct {
		uint16_t said;
		uint16_t max;
	} all[] = { { 0, 9698 }, { 67, 9698 }, { 68, 68 }, { 1500, 1500 }, { 0xffff, 9698 } };
	const struct fake_pci_port_conf conf = { .features = FAKE_F_CONTROL | FAKE_F_MTU,
						 .lie = say_mtu };
	struct rte_eth_dev_info info;
	struct fake_pci_port *fp;
	unsigned int i;

	for (i = 0; i < RTE_DIM(all); i++) {
		said = all[i].said;
		fp = fake_pci_port_start(&conf);
		CHECK_EQ(rte_eth_dev_info_get(fp->port, &info), 0);
		CHECK_EQ(info.max_mtu, all[i].max);
		CHECK_EQ(info.max_rx_pktlen - info.max_mtu, 14 + 4 + 12);
		fake_pci_port_destroy(fp);
	}
}

static void
say_rss_limits(struct fake_pci *fake)
{
	fake->config[17] = said >> 8;                   /* rss_max_key_size */
	fake_pci_config16(fake, 18, said & 0xff);       /* rss_max_indirection_table_length */
}

static void
say_rss_without_end(struct fake_pci *fake)
{
	fake->config[17] = 0xff;
	fake_pci_config16(fake, 18, 0xffff);
	fake_pci_config16(fake, 20, 0xffff);            /* supported_hash_types */
	fake_pci_config16(fake, 22, 0xffff);
}

/* Below 40 bytes and 128 entries there is no RSS; above, those are used all the same. */
static void
rss_limits_of_any_size(void)
{
	static const uint16_t few[] = { 0, 39 << 8 | 128, 40 << 8 | 127, 40 << 8, 128 };
	struct fake_pci_port_conf conf = { .features = FAKE_F_CONTROL | FAKE_F_RSS,
					   .lie = say_rss_limits };
	struct rte_eth_dev_info info;
	struct fake_pci_port *fp;
	unsigned int i;

	for (i = 0; i < RTE_DIM(few); i++) {
		said = few[i];
		fp = fake_pci_port_start(&conf);
		CHECK_EQ(rte_eth_dev_info_get(fp->port, &info), 0);
		CHECK_EQ(info.reta_size, 0);
		CHECK(!(fp->fake->driver_features & FAKE_F_RSS));
		fake_pci_port_destroy(fp);
	}
	conf.lie = say_rss_without_end;
	conf.rss_hf = RSS_CAPA;
	fp = fake_pci_port_create(&conf);
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	CHECK_EQ(fp->command[0].len, 8 + 2 * 128 + 3 + 40);
	send_commands(fp);
	fake_pci_port_destroy(fp);
}

static void
say_short_configuration(struct fake_pci *fake)
{
	fake->conf.window[VIRTIO_PCI_DEVICE].length = said;
}

/* 2.5.1: nor are fields of features that are not offered; there may be none of them. */
static void
fields_of_features_that_are_not_offered(void)
{
	const struct fake_pci_port_conf conf = {
		.features = FAKE_F_CTRL_VQ | FAKE_F_CTRL_RX, .lie = say_short_configuration,
	};
	const struct fake_pci_access *a;
	struct fake_pci_port *fp;
	struct rte_eth_link link;
	unsigned int i;

	said = 0;
	fp = fake_pci_port_create(&conf);
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	CHECK_EQ(rte_eth_link_get(fp->port, &link), 0);
	for (i = 0; i < fp->fake->nb_record; i++) {
		a = &fp->fake->record[i];
		CHECK(a->region != VIRTIO_PCI_DEVICE);
	}
	fake_pci_port_destroy(fp);
}

/* A field that lies beyond the capability's end is not read. */
static void
configuration_of_any_length(void)
{
	const struct fake_pci_port_conf conf = {
		.features = FAKE_F_CONTROL | FAKE_F_MTU | FAKE_F_RSS,
		.lie = say_short_configuration,
	};
	struct fake_pci_port *fp;

	for (said = 0; said <= 24; said++) {
		CHECK_EQ(fake_pci_port_probe(&conf, &fp), said < 24 ? -EINVAL : 0);
		fake_pci_port_destroy(fp);
	}
}

TEST_MAIN(
	TEST_WARM_UP(mtu_of_any_size),
	TEST_LAYOUTS(control_ring_of_few),
	TEST_LAYOUTS(control_ring_of_few_behind_one_pair),
	TEST_LAYOUTS(control_ring_that_is_not_there),
	TEST(pairs_that_cannot_be),
	TEST_LAYOUTS(rings_of_any_size),
	TEST_LAYOUTS(tables_fit_the_ring),
	TEST(ring_size_of_all_ones),
	TEST(mtu_of_any_size),
	TEST(rss_limits_of_any_size),
	TEST(configuration_of_any_length),
	TEST(fields_of_features_that_are_not_offered),
)
