/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * Which feature bits a virtio-pci port takes, beside those that have a test for what they do.
 */

#include <string.h>

#include "fake_pci_port.h"
#include "test.h"

#define F_MRG_RXBUF (UINT64_C(1) << 15)
#define F_ACCESS_PLATFORM (UINT64_C(1) << 33)
#define F_ORDER_PLATFORM (UINT64_C(1) << 36)
#define F_UNKNOWN (UINT64_C(1) << 49)

/* 6.1: barriers that are right for a device on a bus too. */
static void
order_of_the_platform(void)
{
	const struct fake_pci_port_conf conf = {
		.features = FAKE_F_CONTROL | F_ORDER_PLATFORM | F_ACCESS_PLATFORM | F_UNKNOWN
	};
	struct fake_pci_port *fp = fake_pci_port_start(&conf);

	CHECK(fp->fake->driver_features & F_ORDER_PLATFORM);
	CHECK(fp->fake->driver_features & F_ACCESS_PLATFORM);
	CHECK(!(fp->fake->driver_features & F_UNKNOWN));
	fake_pci_port_destroy(fp);
}

/* A start for which the device offers less is refused, and works once all is offered again. */
static void
check_demanded(const struct fake_pci_port_conf *conf, uint64_t lost)
{
	struct fake_pci_port *fp = fake_pci_port_start(conf);
	const uint64_t offered = fp->fake->features;

	CHECK_EQ(fp->fake->driver_features & lost, lost);
	CHECK_EQ(rte_eth_dev_stop(fp->port), 0);
	fp->fake->features &= ~lost;
	test_forget_log();
	fake_pci_forget_record(fp->fake);
	CHECK_EQ(rte_eth_dev_start(fp->port), -ENOTSUP);
	CHECK_EQ(test_logged("no longer offers the features"), 1);
	CHECK_EQ(fake_pci_writes(fp->fake, "driver_feature"), 0);
	CHECK_EQ(fake_pci_writes(fp->fake, "queue_enable"), 0);
	CHECK_EQ(rte_mempool_in_use_count(fp->pool), 0);
	fp->fake->features = offered;
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	CHECK_EQ(fp->fake->driver_features & lost, lost);
	fake_pci_port_destroy(fp);
}

/* 5.1.2: without MQ the ring behind the first pair is another queue's. */
static void
pairs_demand_what_they_were_made_by(void)
{
	const struct fake_pci_port_conf many = { .features = FAKE_F_CONTROL };
	const struct fake_pci_port_conf rss = { .features = FAKE_F_CONTROL | FAKE_F_RSS,
						.rss_hf = RTE_ETH_RSS_IPV4 };

	check_demanded(&many, FAKE_F_MQ);
	check_demanded(&many, FAKE_F_CTRL_VQ);
	check_demanded(&many, FAKE_F_CTRL_VQ | FAKE_F_MQ);
	check_demanded(&rss, FAKE_F_RSS);
	check_demanded(&rss, FAKE_F_CTRL_VQ);
}

static void
filter_demands_its_commands(void)
{
	const struct fake_pci_port_conf conf = {
		.features = FAKE_F_CONTROL & ~FAKE_F_MQ,
		.rx_offloads = RTE_ETH_RX_OFFLOAD_VLAN_FILTER,
	};

	check_demanded(&conf, FAKE_F_CTRL_VLAN);
	check_demanded(&conf, FAKE_F_CTRL_VQ);
}

/* What a configuration does without is not demanded, nor taken without what it needs (5.1.3.1). */
static void
one_pair_does_without_commands(void)
{
	const struct fake_pci_port_conf conf = { .features = FAKE_F_CONTROL & ~FAKE_F_MQ };
	struct fake_pci_port *fp = fake_pci_port_start(&conf);

	CHECK(fp->fake->driver_features & FAKE_F_CTRL_RX);
	CHECK_EQ(rte_eth_dev_stop(fp->port), 0);
	fp->fake->features &= ~FAKE_F_CTRL_VQ;
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	CHECK(!(fp->fake->driver_features & (FAKE_F_CTRL_RX | FAKE_F_CTRL_MAC)));
	CHECK_EQ(rte_eth_dev_stop(fp->port), 0);
	fp->fake->features |= FAKE_F_CTRL_VQ;
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	CHECK(fp->fake->driver_features & FAKE_F_CTRL_RX);
	fake_pci_port_destroy(fp);
}

static void
say_large_mtu(struct fake_pci *fake)
{
	fake_pci_config16(fake, 10, 9000);
}

/* 5.1.4.2: not where the device may then send frames that no buffer holds. */
static void
mtu_is_taken_where_its_frames_fit(void)
{
	static const struct {
		uint64_t features;
		uint64_t offloads;
		void (*lie)(struct fake_pci *fake);
		bool taken;
	} all[] = {
		{ 0, 0, NULL, true },
		{ 0, 0, say_large_mtu, false },
		{ F_MRG_RXBUF, 0, say_large_mtu, true },
		{ F_MRG_RXBUF, RTE_ETH_RX_OFFLOAD_SCATTER, say_large_mtu, true },
	};
	unsigned int i;

	for (i = 0; i < RTE_DIM(all); i++) {
		const struct fake_pci_port_conf conf = {
			.features = FAKE_F_CONTROL | FAKE_F_MTU | all[i].features,
			.rx_offloads = all[i].offloads, .lie = all[i].lie,
		};
		struct fake_pci_port *fp = fake_pci_port_start(&conf);

		CHECK_EQ((fp->fake->driver_features & FAKE_F_MTU) != 0, all[i].taken);
		fake_pci_port_destroy(fp);
	}
}

/* Nor by a set-up at run time, when the feature can no longer be left out. */
static void
mtu_holds_over_a_setup(void)
{
	const struct fake_pci_port_conf conf = { .features = FAKE_F_CONTROL | FAKE_F_MTU };
	struct fake_pci_port *fp = fake_pci_port_start(&conf);
	struct rte_mempool *small = rte_pktmbuf_pool_create("small", 256, 0, 0,
							    RTE_PKTMBUF_HEADROOM + 1100,
							    SOCKET_ID_ANY);

	CHECK(small != NULL);
	CHECK(fp->fake->driver_features & FAKE_F_MTU);
	CHECK_EQ(rte_eth_dev_set_mtu(fp->port, 1000), 0);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
	CHECK_EQ(rte_eth_rx_queue_setup(fp->port, 0, 64, SOCKET_ID_ANY, NULL, small), -EINVAL);
	CHECK_EQ(test_logged("or set the queue up while the port is stopped"), 1);
	CHECK_EQ(rte_eth_rx_queue_setup(fp->port, 0, 64, SOCKET_ID_ANY, NULL, fp->pool), 0);
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), 0);
	fake_pci_port_destroy(fp);
	rte_mempool_free(small);
}

/* 5.1.4.2: those that say more of the device are taken wherever they are offered. */
static void
features_of_the_configuration(void)
{
	const uint64_t features = FAKE_F_MAC | FAKE_F_STATUS | FAKE_F_SPEED;
	const struct fake_pci_port_conf conf = { .features = features };
	struct fake_pci_port *fp = fake_pci_port_start(&conf);
	struct rte_ether_addr addr;

	CHECK_EQ(fp->fake->driver_features & features, features);
	CHECK_EQ(rte_eth_macaddr_get(fp->port, &addr), 0);
	CHECK(memcmp(addr.addr_bytes, fp->fake->config, sizeof(addr)) == 0);
	fake_pci_port_destroy(fp);
}

/* 5.1.4.2: an address of the port's own has the bit of local administration, and is no group's. */
static void
address_of_a_device_without_one(void)
{
	const struct fake_pci_port_conf conf = { .features = FAKE_F_STATUS };
	struct fake_pci_port *fp = fake_pci_port_start(&conf);
	struct rte_ether_addr addr;

	CHECK_EQ(rte_eth_macaddr_get(fp->port, &addr), 0);
	CHECK_EQ(addr.addr_bytes[0] & 3, 2);
	CHECK(memcmp(addr.addr_bytes, fp->fake->config, sizeof(addr)) != 0);
	fake_pci_port_destroy(fp);
}

/* 5.1.3.1: MQ and RSS need the control queue, already where the rings are counted at probe. */
static void
pairs_without_commands_are_not_counted(void)
{
	const struct fake_pci_port_conf conf = {
		.features = FAKE_F_MAC | FAKE_F_MQ | FAKE_F_RSS | F_ACCESS_PLATFORM,
	};
	struct rte_eth_dev_info info;
	struct fake_pci_port *fp;

	fp = fake_pci_port_create(&conf);
	CHECK_EQ(rte_eth_dev_info_get(fp->port, &info), 0);
	CHECK_EQ(info.max_rx_queues, 1);
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	/* Both halves were written once, by this start. */
	CHECK_EQ(fake_pci_writes(fp->fake, "driver_feature"), 2);
	CHECK_EQ(fp->fake->driver_features & (FAKE_F_MQ | FAKE_F_RSS), 0);
	fake_pci_port_destroy(fp);
}

TEST_MAIN(
	TEST_WARM_UP(order_of_the_platform),
	TEST_LAYOUTS(order_of_the_platform),
	TEST_LAYOUTS(pairs_demand_what_they_were_made_by),
	TEST(filter_demands_its_commands),
	TEST(one_pair_does_without_commands),
	TEST(mtu_is_taken_where_its_frames_fit),
	TEST(mtu_holds_over_a_setup),
	TEST(features_of_the_configuration),
	TEST(address_of_a_device_without_one),
	TEST_LAYOUTS(pairs_without_commands_are_not_counted),
)
