/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * Each message about a ring names the queue as the application knows it. The control queue and the
 * rings of a port without the application's queue have names too.
 */

#include <errno.h>
#include <stdio.h>

#include "fake_pci_port.h"
#include "test.h"

static void
check_logged(const struct fake_pci_port *fp, const char *text)
{
	char line[256];

	snprintf(line, sizeof(line), "virtio: port %u: %s", fp->port, text);
	if (test_logged(line) != 1)
		test_fail(__FILE__, __LINE__, "not one line with \"%s\"", line);
}

/* By the command's name in the specification, with the cause and what follows. */
static void
control_queue_has_a_name(void)
{
	const struct fake_pci_port_conf conf = { .features = FAKE_F_CONTROL, .timeout_ms = 50 };
	struct fake_pci_port *fp = fake_pci_port_start(&conf);

	fp->answer = FAKE_CTRL_REFUSES;
	CHECK_EQ(rte_eth_allmulticast_enable(fp->port), -EIO);
	check_logged(fp, "control queue: the device refused VIRTIO_NET_CTRL_RX_ALLMULTI (ack 1)");
	fp->answer = FAKE_CTRL_NEVER;
	CHECK_EQ(rte_eth_promiscuous_enable(fp->port), -ETIMEDOUT);
	check_logged(fp, "control queue: VIRTIO_NET_CTRL_RX_PROMISC failed: the device did not "
			 "answer in time. The next command resets the queue.");
	check_logged(fp, "control queue: taken out of service: a command failed");
	fp->answer = FAKE_CTRL_NO_WORD;
	CHECK_EQ(rte_eth_promiscuous_enable(fp->port), -EPROTO);
	check_logged(fp, "control queue: VIRTIO_NET_CTRL_RX_PROMISC failed: the device's answer is "
			 "not valid");
	fp->answer = FAKE_CTRL_OBEYS;
	fake_pci_port_destroy(fp);
}

/* A device with whole pairs has a ring for the third transmit queue, the application has none. */
static void
ring_without_a_queue_has_a_name(void)
{
	const struct fake_pci_port_conf conf = { .features = FAKE_F_CONTROL, .timeout_ms = 50 };
	struct fake_pci_port *fp = fake_pci_port_create(&conf);
	const struct rte_eth_conf eth = { .rxmode.mq_mode = RTE_ETH_MQ_RX_NONE };
	struct fake_pci_queue *queue = &fp->fake->queue[5];

	CHECK_EQ(rte_eth_dev_configure(fp->port, FAKE_PCI_PAIRS, FAKE_PCI_PAIRS - 1, &eth), 0);
	queue->answer = FAKE_PCI_NEVER;
	CHECK_EQ(rte_eth_dev_start(fp->port), -ETIMEDOUT);
	check_logged(fp, "unused tx queue 2: the device did not confirm the stop in time");
	fake_pci_port_destroy(fp);
}

TEST_MAIN(
	TEST_WARM_UP(control_queue_has_a_name),
	TEST_LAYOUTS(control_queue_has_a_name),
	TEST_LAYOUTS(ring_without_a_queue_has_a_name),
)
