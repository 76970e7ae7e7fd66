/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * What ethdev asks for reaches the device as section 5.1.6.5 has it: bytes in the commands are
 * compared with numbers written here.
 */

#include <string.h>

#include "fake_pci_port.h"
#include "test.h"

static const struct fake_pci_port_conf plain = { .features = FAKE_F_CONTROL };

static void
check_data(const struct fake_pci_port *fp, const void *wanted, size_t len)
{
	const struct fake_command *command = fake_pci_port_last(fp);

	CHECK_EQ(command->len, len);
	CHECK(memcmp(command->data, wanted, len) == 0);
}

/* MQ pairs first of all, then what ethdev replays: address, modes. */
static void
start_sends_pairs_and_filters(void)
{
	struct fake_pci_port *fp = fake_pci_port_create(&plain);
	static const uint8_t pairs[] = { FAKE_PCI_PAIRS, 0 };

	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	CHECK(memcmp(fp->command[0].data, pairs, sizeof(pairs)) == 0);
	fake_pci_port_check_commands(fp, "4.0 1.1 0.0 0.1");
	fake_pci_port_destroy(fp);
}

/* 5.1.6.5.5: a queue that is not enabled is not to be meant by the command. */
static void
deferred_queues_are_reset_before_the_first_command(void)
{
	struct fake_pci_port_conf conf = plain;
	struct fake_pci_port *fp;

	conf.deferred = 1 << 1;
	fp = fake_pci_port_create(&conf);
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	/* All six rings but the second receive queue's. */
	CHECK_EQ(fp->command[0].enabled, 0x3f & ~(1 << 2));
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 1), 0);
	CHECK_EQ(fp->fake->queue[2].enable, 1);
	fake_pci_port_destroy(fp);
}

static void
modes_are_sent(void)
{
	struct fake_pci_port *fp = fake_pci_port_start(&plain);
	const uint8_t on = 1, off = 0;

	CHECK_EQ(rte_eth_promiscuous_enable(fp->port), 0);
	check_data(fp, &on, 1);
	fake_pci_port_check_commands(fp, "0.0");
	CHECK_EQ(rte_eth_promiscuous_disable(fp->port), 0);
	check_data(fp, &off, 1);
	fake_pci_port_check_commands(fp, "0.0");
	CHECK_EQ(rte_eth_allmulticast_enable(fp->port), 0);
	check_data(fp, &on, 1);
	fake_pci_port_check_commands(fp, "0.1");
	fake_pci_port_destroy(fp);
}

static void
addresses_are_sent(void)
{
	struct rte_ether_addr own = { { 0x02, 1, 2, 3, 4, 5 } };
	struct rte_ether_addr unicast = { { 0x02, 0xaa, 0, 0, 0, 1 } };
	struct rte_ether_addr multicast = { { 0x01, 0, 0x5e, 0, 0, 1 } };
	static const uint8_t both[] = { 1, 0, 0, 0, 0x02, 0xaa, 0, 0, 0, 1,
					1, 0, 0, 0, 0x01, 0, 0x5e, 0, 0, 1 };
	static const uint8_t one[] = { 0, 0, 0, 0, 1, 0, 0, 0, 0x01, 0, 0x5e, 0, 0, 1 };
	struct fake_pci_port *fp = fake_pci_port_start(&plain);
	struct rte_ether_addr got;

	/* Its own is the device's to begin with. */
	CHECK_EQ(rte_eth_macaddr_get(fp->port, &got), 0);
	CHECK_EQ(got.addr_bytes[5], 0x77);
	CHECK_EQ(rte_eth_dev_default_mac_addr_set(fp->port, &own), 0);
	check_data(fp, &own, sizeof(own));
	fake_pci_port_check_commands(fp, "1.1");
	CHECK_EQ(rte_eth_dev_mac_addr_add(fp->port, &unicast, 0), 0);
	CHECK_EQ(rte_eth_dev_mac_addr_add(fp->port, &multicast, 0), 0);
	check_data(fp, both, sizeof(both));
	fake_pci_port_check_commands(fp, "1.0 1.0");
	CHECK_EQ(rte_eth_dev_mac_addr_remove(fp->port, &unicast), 0);
	check_data(fp, one, sizeof(one));
	fake_pci_port_check_commands(fp, "1.0");
	fake_pci_port_destroy(fp);
}

/* ethdev does not say VLANs again when the port starts. */
static void
vlans_are_sent_again(void)
{
	struct fake_pci_port_conf conf = plain;
	static const uint8_t vlan[] = { 0x34, 0x02 };
	struct fake_pci_port *fp;

	conf.rx_offloads = RTE_ETH_RX_OFFLOAD_VLAN_FILTER;
	fp = fake_pci_port_start(&conf);
	CHECK(fp->fake->driver_features & FAKE_F_CTRL_VLAN);
	CHECK_EQ(rte_eth_dev_vlan_filter(fp->port, 0x234, 1), 0);
	check_data(fp, vlan, sizeof(vlan));
	fake_pci_port_check_commands(fp, "2.0");
	CHECK_EQ(rte_eth_dev_stop(fp->port), 0);
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	CHECK(memcmp(fp->command[1].data, vlan, sizeof(vlan)) == 0);
	fake_pci_port_check_commands(fp, "4.0 2.0 1.1 0.0 0.1");
	CHECK_EQ(rte_eth_dev_vlan_filter(fp->port, 0x234, 0), 0);
	fake_pci_port_check_commands(fp, "2.1");
	fake_pci_port_destroy(fp);
}

/* A device that has the bit drops tagged packets until a command has added their VLANs. */
static void
vlans_pass_without_a_filter(void)
{
	struct fake_pci_port *fp = fake_pci_port_start(&plain);

	CHECK(!(fp->fake->driver_features & FAKE_F_CTRL_VLAN));
	fake_pci_port_destroy(fp);
}

static void
check_filter(struct fake_pci_port *fp, bool on)
{
	CHECK_EQ(!!(fp->fake->driver_features & FAKE_F_CTRL_VLAN), on);
	CHECK_EQ(!!(rte_eth_dev_get_vlan_offload(fp->port) & RTE_ETH_VLAN_FILTER_OFFLOAD), on);
}

/*
 * 5.1.6.5.3: whether a device filters is settled when features are negotiated. A switch that could
 * not act is refused, and leaves nothing behind for the next start.
 */
static void
filter_is_not_switched_while_the_port_runs(void)
{
	const int strip = RTE_ETH_VLAN_STRIP_OFFLOAD;
	const int filter = RTE_ETH_VLAN_FILTER_OFFLOAD;
	struct fake_pci_port_conf conf = plain;
	unsigned int on;

	for (on = 0; on < 2; on++) {
		struct fake_pci_port *fp;

		conf.rx_offloads = on ? RTE_ETH_RX_OFFLOAD_VLAN_FILTER : 0;
		fp = fake_pci_port_start(&conf);
		test_forget_log();
		CHECK_EQ(rte_eth_dev_set_vlan_offload(fp->port, on ? 0 : filter), -ENOTSUP);
		CHECK_EQ(test_logged("Stop the port first"), 1);
		check_filter(fp, on);
		CHECK_EQ(rte_eth_dev_set_vlan_offload(fp->port, strip | (on ? 0 : filter)),
			 -ENOTSUP);
		CHECK_EQ(rte_eth_dev_get_vlan_offload(fp->port) & strip, 0);
		/* What stays as it is is no switch. */
		CHECK_EQ(rte_eth_dev_set_vlan_offload(fp->port, strip | (on ? filter : 0)), 0);
		CHECK_EQ(rte_eth_dev_vlan_filter(fp->port, 5, 1), on ? 0 : -ENOSYS);
		fake_pci_port_check_commands(fp, on ? "2.0" : "");
		CHECK_EQ(rte_eth_dev_stop(fp->port), 0);
		CHECK_EQ(rte_eth_dev_start(fp->port), 0);
		check_filter(fp, on);
		/* On a stopped port it is for the next start. */
		CHECK_EQ(rte_eth_dev_stop(fp->port), 0);
		CHECK_EQ(rte_eth_dev_set_vlan_offload(fp->port, on ? 0 : filter), 0);
		CHECK_EQ(rte_eth_dev_start(fp->port), 0);
		check_filter(fp, !on);
		fake_pci_port_destroy(fp);
	}
}

/* Commands that the device does not know are not sent. */
static void
unknown_commands_are_refused_here(void)
{
	const struct fake_pci_port_conf conf = { .features = FAKE_F_CTRL_VQ | FAKE_F_MQ };
	struct rte_ether_addr unicast = { { 0x02, 0xaa, 0, 0, 0, 1 } };
	struct fake_pci_port *fp = fake_pci_port_start(&conf);

	CHECK_EQ(rte_eth_promiscuous_enable(fp->port), -ENOTSUP);
	CHECK_EQ(rte_eth_dev_mac_addr_add(fp->port, &unicast, 0), -EPERM);
	fake_pci_port_check_commands(fp, "");
	fake_pci_port_destroy(fp);
}

/* 5.1.4: a modern device's configuration is not the driver's to write. */
static void
address_without_a_command_for_it(void)
{
	const struct fake_pci_port_conf conf = {
		.features = FAKE_F_CTRL_VQ | FAKE_F_MQ | FAKE_F_MAC
	};
	struct rte_ether_addr own = { { 0x02, 1, 2, 3, 4, 5 } };
	struct fake_pci_port *fp = fake_pci_port_start(&conf);
	struct rte_ether_addr got;

	/* ethdev has said the old one again, which is no news. */
	CHECK_EQ(test_logged("CTRL_MAC_ADDR"), 0);
	CHECK_EQ(rte_eth_dev_default_mac_addr_set(fp->port, &own), -ENOTSUP);
	CHECK_EQ(test_logged("Use its address 02:00:00:00:00:77"), 1);
	CHECK_EQ(rte_eth_macaddr_get(fp->port, &got), 0);
	CHECK_EQ(got.addr_bytes[5], 0x77);
	CHECK_EQ(fp->fake->config[5], 0x77);
	CHECK_EQ(rte_eth_dev_default_mac_addr_set(fp->port, &got), 0);
	fake_pci_port_check_commands(fp, "");
	fake_pci_port_destroy(fp);
}

/* Where the application requests no size; the device would take 32768. */
static void
default_ring_is_of_use(void)
{
	struct fake_pci_port *fp = fake_pci_port_create(&plain);
	struct rte_eth_dev_info info;

	CHECK_EQ(rte_eth_dev_info_get(fp->port, &info), 0);
	CHECK_EQ(info.default_rxportconf.ring_size, 512);
	CHECK_EQ(info.default_txportconf.ring_size, 512);
	fake_pci_port_destroy(fp);
}

/* While the port is stopped there is nobody to tell, and ethdev tells it later. */
static void
stopped_port_remembers(void)
{
	struct fake_pci_port *fp = fake_pci_port_create(&plain);
	const uint8_t on = 1;

	CHECK_EQ(rte_eth_promiscuous_enable(fp->port), 0);
	fake_pci_port_check_commands(fp, "");
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	CHECK_EQ(fp->command[2].class, 0);
	CHECK(memcmp(fp->command[2].data, &on, 1) == 0);
	fake_pci_port_destroy(fp);
}

TEST_MAIN(
	TEST_WARM_UP(stopped_port_remembers),
	TEST_LAYOUTS(start_sends_pairs_and_filters),
	TEST_LAYOUTS(deferred_queues_are_reset_before_the_first_command),
	TEST_LAYOUTS(modes_are_sent),
	TEST_LAYOUTS(addresses_are_sent),
	TEST_LAYOUTS(vlans_are_sent_again),
	TEST(vlans_pass_without_a_filter),
	TEST(filter_is_not_switched_while_the_port_runs),
	TEST(unknown_commands_are_refused_here),
	TEST(address_without_a_command_for_it),
	TEST(default_ring_is_of_use),
)
