/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * Link state, speed and duplex of a virtio-pci port: the device's word where it has one (5.1.4),
 * but for what the user says.
 */

#include <stdio.h>

#include <rte_ethdev.h>

#include "fake_pci_port.h"
#include "test.h"
#include "virtio_devargs.h"

static void
check_link(struct fake_pci_port *fp, unsigned int up, uint32_t speed, unsigned int duplex)
{
	struct rte_eth_link link;

	/* Without a wait it may be the link as it was known before. */
	CHECK_EQ(rte_eth_link_get(fp->port, &link), 0);
	CHECK_EQ(link.link_status, up);
	CHECK_EQ(link.link_speed, speed);
	CHECK_EQ(link.link_duplex, duplex);
}

static void
say(struct fake_pci_port *fp, uint32_t speed, uint8_t duplex)
{
	fake_pci_config16(fp->fake, 12, speed & 0xffff);
	fake_pci_config16(fp->fake, 14, speed >> 16);
	fp->fake->config[16] = duplex;
}

static void
speed_and_duplex(void)
{
	const struct fake_pci_port_conf conf = { .features = FAKE_F_CONTROL | FAKE_F_SPEED };
	struct fake_pci_port *fp = fake_pci_port_start(&conf);

	CHECK(fp->fake->driver_features & FAKE_F_SPEED);
	say(fp, 40000, 1);
	check_link(fp, 1, 40000, RTE_ETH_LINK_FULL_DUPLEX);
	say(fp, 10, 0);
	check_link(fp, 1, 10, RTE_ETH_LINK_HALF_DUPLEX);
	/* Unknown, and what is no speed. */
	say(fp, UINT32_MAX, 0xff);
	check_link(fp, 1, RTE_ETH_SPEED_NUM_UNKNOWN, RTE_ETH_LINK_FULL_DUPLEX);
	say(fp, 0x80000000, 1);
	check_link(fp, 1, RTE_ETH_SPEED_NUM_UNKNOWN, RTE_ETH_LINK_FULL_DUPLEX);
	say(fp, 0x7fffffff, 1);
	check_link(fp, 1, 0x7fffffff, RTE_ETH_LINK_FULL_DUPLEX);
	fake_pci_config16(fp->fake, 6, 0);
	check_link(fp, 0, RTE_ETH_SPEED_NUM_NONE, RTE_ETH_LINK_FULL_DUPLEX);
	fake_pci_port_destroy(fp);
}

static void
user_has_the_last_word(void)
{
	const struct fake_pci_port_conf conf = { .features = FAKE_F_CONTROL | FAKE_F_SPEED,
						 .args = ",speed=25000" };
	struct fake_pci_port *fp = fake_pci_port_start(&conf);

	say(fp, 40000, 0);
	check_link(fp, 1, 25000, RTE_ETH_LINK_FULL_DUPLEX);
	fake_pci_port_destroy(fp);
}

/* speed= takes the packaged driver's speeds, and beyond them those that ethdev has a bit for. */
static void
speeds_that_ethdev_knows(void)
{
	static const uint32_t others[] = { 0, 1, 9999, 10001, 999999, UINT32_MAX };
	static const uint32_t fastest[] = { 10000, 56000, 200000, 400000, 800000 };
	struct virtio_devargs args;
	unsigned int i;
	char text[32];

	for (i = 0; i < RTE_DIM(fastest); i++) {
		const uint32_t bit = rte_eth_speed_bitflag(fastest[i], RTE_ETH_LINK_FULL_DUPLEX);

		snprintf(text, sizeof(text), "speed=%u", fastest[i]);
		CHECK_EQ(virtio_pci_parse("port", text, &args), bit != 0 ? 0 : -EINVAL);
		if (bit != 0) {
			CHECK_EQ(args.speed, fastest[i]);
			CHECK_EQ(args.speed_capa, bit);
		}
	}
	for (i = 0; i < RTE_DIM(others); i++) {
		snprintf(text, sizeof(text), "speed=%u", others[i]);
		CHECK_EQ(virtio_pci_parse("port", text, &args), -EINVAL);
	}
}

/* Without the feature there is something else at that place, or nothing. */
static void
device_that_says_nothing(void)
{
	const struct fake_pci_port_conf conf = { .features = FAKE_F_CONTROL };
	struct fake_pci_port *fp = fake_pci_port_start(&conf);

	say(fp, 40000, 0);
	check_link(fp, 1, RTE_ETH_SPEED_NUM_UNKNOWN, RTE_ETH_LINK_FULL_DUPLEX);
	fake_pci_port_destroy(fp);
}

/* 5.1.4.2: without STATUS the link is up, whatever stands at that place. */
static void
link_of_a_device_without_a_status(void)
{
	const struct fake_pci_port_conf conf = { .features = FAKE_F_CONTROL & ~FAKE_F_STATUS };
	struct fake_pci_port *fp = fake_pci_port_start(&conf);

	fake_pci_config16(fp->fake, 6, 0);
	check_link(fp, 1, RTE_ETH_SPEED_NUM_UNKNOWN, RTE_ETH_LINK_FULL_DUPLEX);
	fake_pci_port_destroy(fp);
}

TEST_MAIN(
	TEST_WARM_UP(device_that_says_nothing),
	TEST(speed_and_duplex),
	TEST(user_has_the_last_word),
	TEST(speeds_that_ethdev_knows),
	TEST(device_that_says_nothing),
	TEST(link_of_a_device_without_a_status),
)
