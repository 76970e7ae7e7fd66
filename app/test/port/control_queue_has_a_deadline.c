/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * A control queue whose device refuses, keeps silent or lies costs an error, and never the port.
 */

#include <ethdev_driver.h>

#include "fake_pci_port.h"
#include "test.h"
#include "virtio.h"

static const struct fake_pci_port_conf quick = { .features = FAKE_F_CONTROL, .timeout_ms = 20 };
static const struct fake_pci_port_conf patient = { .features = FAKE_F_CONTROL };

static void
refusal_is_an_error_and_no_more(void)
{
	struct fake_pci_port *fp = fake_pci_port_start(&patient);

	fp->answer = FAKE_CTRL_REFUSES;
	CHECK_EQ(rte_eth_promiscuous_enable(fp->port), -EIO);
	CHECK_EQ(rte_eth_promiscuous_get(fp->port), 0);
	fp->answer = FAKE_CTRL_OBEYS;
	CHECK_EQ(rte_eth_promiscuous_enable(fp->port), 0);
	fake_pci_port_check_commands(fp, "0.0 0.0");
	fake_pci_port_destroy(fp);
}

/*
 * What was not answered is not sent again. The next command resets the ring first, and no other
 * one; a late answer to the old one is none to the new one.
 */
static void
check_restart(struct fake_pci_port *fp)
{
	struct fake_pci_queue *queue = fp->fake->queue;
	unsigned int i;

	fp->answer = FAKE_CTRL_OBEYS;
	fake_pci_port_forget(fp);
	fake_pci_forget_record(fp->fake);
	test_forget_log();
	CHECK_EQ(rte_eth_allmulticast_enable(fp->port), 0);
	fake_pci_port_check_commands(fp, "0.1");
	CHECK_EQ(fake_pci_writes(fp->fake, "queue_reset"), 1);
	CHECK_EQ(fake_pci_writes(fp->fake, "device_status"), 0);
	for (i = 0; i <= 2 * FAKE_PCI_PAIRS; i++)
		CHECK_EQ(queue[i].enable, 1);
	CHECK_EQ(test_logged(": control queue: the queue was reset"), 1);
	CHECK_EQ(rte_eth_allmulticast_disable(fp->port), 0);
	fake_pci_port_check_commands(fp, "0.1");
	CHECK_EQ(fake_pci_writes(fp->fake, "queue_reset"), 1);
}

/* Where rings have no reset the port's restart does it. */
static void
check_out_of_service(struct fake_pci_port *fp)
{
	fp->answer = FAKE_CTRL_OBEYS;
	fake_pci_port_forget(fp);
	CHECK_EQ(rte_eth_allmulticast_enable(fp->port), -EIO);
	CHECK_EQ(test_logged("was not sent, as the queue is out of service"), 1);
	fake_pci_port_check_commands(fp, "");
	CHECK_EQ(rte_eth_dev_stop(fp->port), 0);
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	fake_pci_port_forget(fp);
	CHECK_EQ(rte_eth_allmulticast_enable(fp->port), 0);
	fake_pci_port_check_commands(fp, "0.1");
}

static void
silence_ends_at_the_deadline(void)
{
	struct fake_pci_port *fp = fake_pci_port_start(&quick);

	fp->answer = FAKE_CTRL_NEVER;
	CHECK_EQ(rte_eth_promiscuous_enable(fp->port), -ETIMEDOUT);
	check_restart(fp);
	/* Deaf for good: each command takes its time and no more. */
	fp->answer = FAKE_CTRL_NEVER;
	CHECK_EQ(rte_eth_promiscuous_enable(fp->port), -ETIMEDOUT);
	CHECK_EQ(rte_eth_promiscuous_enable(fp->port), -ETIMEDOUT);
	/* Data queues have a life of their own. */
	CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, 1), 0);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 1), 0);
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 1), 0);
	fake_pci_port_destroy(fp);
}

static void
silence_of_a_device_without_queue_reset(void)
{
	struct fake_pci_port_conf conf = quick;
	struct fake_pci_port *fp;

	conf.args = ",queue_reset=off";
	fp = fake_pci_port_start(&conf);
	fp->answer = FAKE_CTRL_NEVER;
	CHECK_EQ(rte_eth_promiscuous_enable(fp->port), -ETIMEDOUT);
	check_out_of_service(fp);
	fake_pci_port_destroy(fp);
}

/* The ring itself is not let go of: then the port's reset has to do it. */
static void
control_queue_that_does_not_reset(void)
{
	struct fake_pci_port *fp = fake_pci_port_start(&quick);

	fp->answer = FAKE_CTRL_NEVER;
	CHECK_EQ(rte_eth_promiscuous_enable(fp->port), -ETIMEDOUT);
	fp->fake->queue[2 * FAKE_PCI_PAIRS].answer = FAKE_PCI_NEVER;
	check_out_of_service(fp);
	fake_pci_port_destroy(fp);
}

static void
bad_entries_are_noticed(void)
{
	static const enum fake_ctrl_answer lies[] = { FAKE_CTRL_BAD_ID, FAKE_CTRL_NO_WORD };
	unsigned int i;

	for (i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct fake_pci_port *fp = fake_pci_port_start(&patient);

		fp->answer = lies[i];
		CHECK_EQ(rte_eth_promiscuous_enable(fp->port), -EPROTO);
		check_restart(fp);
		fake_pci_port_destroy(fp);
	}
}

/* A port that could not tell its pairs is not half started. */
static void
start_fails_where_pairs_are_refused(void)
{
	struct fake_pci_port *fp = fake_pci_port_create(&patient);

	fp->answer = FAKE_CTRL_REFUSES;
	CHECK_EQ(rte_eth_dev_start(fp->port), -EIO);
	/* ACKNOWLEDGE, DRIVER, FAILED. */
	CHECK_EQ(fp->fake->status, 0x83);
	CHECK_EQ(rte_mempool_in_use_count(fp->pool), 0);
	fp->answer = FAKE_CTRL_OBEYS;
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	fake_pci_port_destroy(fp);
}

/* All ones in the status: no wait, though the deadline is far. */
static void
device_that_is_gone_is_not_waited_for(void)
{
	struct fake_pci_port *fp = fake_pci_port_start(&patient);

	fp->answer = FAKE_CTRL_NEVER;
	fp->fake->gone = true;
	CHECK_EQ(rte_eth_promiscuous_enable(fp->port), -ENODEV);
	fp->fake->gone = false;
	fake_pci_port_destroy(fp);
}

static void
pass_limit(struct fake_pci_port *fp)
{
	virtio_port(&rte_eth_devices[fp->port])->dev.ends_us = 1;
}

/* Each command has its deadline, and all commands of a start have one limit together. */
static void
start_has_a_limit_in_all(void)
{
	struct fake_pci_port *fp = fake_pci_port_create(&patient);

	fp->answer = FAKE_CTRL_NEVER;
	fp->at_command = pass_limit;
	CHECK_EQ(rte_eth_dev_start(fp->port), -ETIMEDOUT);
	CHECK_EQ(test_logged("the start has waited for the device for 60 s in all"), 1);
	fp->answer = FAKE_CTRL_OBEYS;
	fp->at_command = NULL;
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	fake_pci_port_destroy(fp);
}

TEST_MAIN(
	TEST_WARM_UP(refusal_is_an_error_and_no_more),
	TEST_LAYOUTS(refusal_is_an_error_and_no_more),
	TEST_LAYOUTS(silence_ends_at_the_deadline),
	TEST_LAYOUTS(silence_of_a_device_without_queue_reset),
	TEST_LAYOUTS(control_queue_that_does_not_reset),
	TEST_LAYOUTS(bad_entries_are_noticed),
	TEST_LAYOUTS(start_fails_where_pairs_are_refused),
	TEST(start_has_a_limit_in_all),
	TEST(device_that_is_gone_is_not_waited_for),
)
