/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * mq=running: a command sets as many pairs of queues as have one that runs, 5.1.6.5.5:
 * before the last of the uppermost pair stops, and after the first one of it has started. Without
 * RSS, which has a command of its own for that, and not unless it is asked for.
 */

#include <pthread.h>
#include <string.h>

#include <ethdev_driver.h>
#include <rte_cycles.h>

#include "fake_pci_port.h"
#include "test.h"
#include "virtio.h"

#define TOP (FAKE_PCI_PAIRS - 1)

static const struct fake_pci_port_conf following = {
	.features = FAKE_F_CONTROL, .args = ",mq=running",
};

/* One command since, which must be MQ's, and how many pairs it tells. */
static unsigned int
pairs_sent(struct fake_pci_port *fp)
{
	const struct fake_command *command = fake_pci_port_last(fp);
	const unsigned int pairs = command->data[0] | command->data[1] << 8;

	CHECK_EQ(fp->nb_commands, 1);
	CHECK_EQ(command->class, 4);
	CHECK_EQ(command->code, 0);
	CHECK_EQ(command->len, 2);
	return pairs;
}

static void
check_nothing_sent(struct fake_pci_port *fp)
{
	fake_pci_port_check_commands(fp, "");
}

static void
uppermost_pair_leaves_and_comes_back(void)
{
	struct fake_pci_port *fp = fake_pci_port_start(&following);

	/* Its transmit queue runs on. */
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, TOP), 0);
	check_nothing_sent(fp);
	CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, TOP), 0);
	CHECK_EQ(pairs_sent(fp), FAKE_PCI_PAIRS - 1);
	/* The ring was still there when the command came, and is not any more. */
	CHECK(fp->command[0].enabled & 1 << (2 * TOP + 1));
	CHECK_EQ(fp->fake->queue[2 * TOP + 1].enable, 0);

	fake_pci_port_forget(fp);
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, TOP), 0);
	CHECK_EQ(pairs_sent(fp), FAKE_PCI_PAIRS);
	CHECK(fp->command[0].enabled & 1 << (2 * TOP));
	fake_pci_port_forget(fp);
	CHECK_EQ(rte_eth_dev_tx_queue_start(fp->port, TOP), 0);
	check_nothing_sent(fp);
	fake_pci_port_destroy(fp);
}

/* Stopped pairs below one that runs stay in use: no command can leave them out. */
static void
lower_pairs_are_not_counted(void)
{
	struct fake_pci_port *fp = fake_pci_port_start(&following);
	uint16_t q;

	for (q = 0; q < TOP; q++) {
		CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, q), 0);
		CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, q), 0);
	}
	check_nothing_sent(fp);
	/* All that is left goes: one pair is the least there is. */
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, TOP), 0);
	CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, TOP), 0);
	CHECK_EQ(pairs_sent(fp), 1);
	fake_pci_port_forget(fp);
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), 0);
	check_nothing_sent(fp);
	fake_pci_port_destroy(fp);
}

static unsigned int sent;

/* A burst of one packet on the uppermost transmit queue, and how many of them were accepted. */
static void
send_on_top(struct fake_pci_port *fp)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(fp->pool);

	CHECK(rte_pktmbuf_append(m, 64) != NULL);
	if (rte_eth_tx_burst(fp->port, TOP, &m, 1) == 1)
		sent++;
	else
		rte_pktmbuf_free(m);
}

/* 5.1.6.5.6.1: not from the command that leaves a queue out on, nor before the one that has it. */
static void
no_packet_is_queued_outside_of_the_pairs(void)
{
	struct fake_pci_port *fp = fake_pci_port_start(&following);

	fp->at_command = send_on_top;
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, TOP), 0);
	sent = 0;
	send_on_top(fp);
	CHECK_EQ(sent, 1);
	CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, TOP), 0);
	CHECK_EQ(pairs_sent(fp), FAKE_PCI_PAIRS - 1);
	CHECK_EQ(sent, 1);
	fake_pci_port_forget(fp);
	CHECK_EQ(rte_eth_dev_tx_queue_start(fp->port, TOP), 0);
	CHECK_EQ(pairs_sent(fp), FAKE_PCI_PAIRS);
	CHECK_EQ(sent, 1);
	send_on_top(fp);
	CHECK_EQ(sent, 2);

	/* A refusal: the queue runs on. */
	fp->answer = FAKE_CTRL_REFUSES;
	CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, TOP), -EIO);
	CHECK_EQ(sent, 2);
	send_on_top(fp);
	CHECK_EQ(sent, 3);
	fp->answer = FAKE_CTRL_OBEYS;

	fp->at_command = NULL;
	fake_pci_port_destroy(fp);
}

static RTE_ATOMIC(bool) used;

static void
all_is_used(struct fake_pci_port *fp)
{
	(void)fp;
	CHECK(rte_atomic_load_explicit(&used, rte_memory_order_acquire));
}

/* Uses the packet when no burst can come any more. */
static void *
use_late(void *arg)
{
	struct fake_pci_port *fp = arg;
	struct ring_device *ring = fake_pci_ring(fp->fake, 2 * TOP + 1);
	struct virtio_port *port = virtio_port(&rte_eth_devices[fp->port]);
	struct device_chain chain;

	CHECK(ring_device_take(ring, &chain));
	while (virtio_gate_is_open(&port->txqs[TOP]->q.gate))
		rte_delay_us_sleep(100);
	rte_atomic_store_explicit(&used, true, rte_memory_order_release);
	ring_device_use(ring, chain.head, 0);
	return NULL;
}

/* tx_drain_us: packets are sent before the device is to use fewer pairs. */
static void
packets_are_sent_before_the_command(void)
{
	struct fake_pci_port_conf conf = following;
	struct fake_pci_port *fp;
	uint64_t dropped = 1;
	pthread_t thread;
	uint64_t id;

	conf.args = ",mq=running,tx_drain_us=1000000";
	fp = fake_pci_port_start(&conf);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, TOP), 0);
	send_on_top(fp);
	fp->at_command = all_is_used;
	CHECK_EQ(pthread_create(&thread, NULL, use_late, fp), 0);
	CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, TOP), 0);
	pthread_join(thread, NULL);
	CHECK_EQ(pairs_sent(fp), FAKE_PCI_PAIRS - 1);
	CHECK_EQ(rte_eth_xstats_get_id_by_name(fp->port, "tx_q2_reset_dropped", &id), 0);
	CHECK_EQ(rte_eth_xstats_get_by_id(fp->port, &id, &dropped, 1), 1);
	CHECK_EQ(dropped, 0);
	fp->at_command = NULL;
	fake_pci_port_destroy(fp);
}

static void
port_starts_with_those_that_run(void)
{
	struct fake_pci_port_conf conf = following;
	const struct rte_eth_txconf deferred = { .tx_deferred_start = 1 };
	struct fake_pci_port *fp;

	conf.deferred = 1 << TOP;
	fp = fake_pci_port_create(&conf);
	CHECK_EQ(rte_eth_tx_queue_setup(fp->port, TOP, 64, SOCKET_ID_ANY, &deferred), 0);
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	CHECK_EQ(fp->command[0].data[0], FAKE_PCI_PAIRS - 1);
	fake_pci_port_forget(fp);
	CHECK_EQ(rte_eth_dev_tx_queue_start(fp->port, TOP), 0);
	CHECK_EQ(pairs_sent(fp), FAKE_PCI_PAIRS);
	fake_pci_port_destroy(fp);
}

static void
refusal_leaves_the_queue_as_it_was(void)
{
	struct fake_pci_port *fp = fake_pci_port_start(&following);

	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, TOP), 0);
	fp->answer = FAKE_CTRL_REFUSES;
	CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, TOP), -EIO);
	CHECK_EQ(fp->fake->queue[2 * TOP + 1].enable, 1);
	fp->answer = FAKE_CTRL_OBEYS;
	CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, TOP), 0);
	fp->answer = FAKE_CTRL_REFUSES;
	CHECK_EQ(rte_eth_dev_tx_queue_start(fp->port, TOP), -EIO);
	CHECK_EQ(fp->fake->queue[2 * TOP + 1].enable, 0);
	fp->answer = FAKE_CTRL_OBEYS;
	CHECK_EQ(rte_eth_dev_tx_queue_start(fp->port, TOP), 0);
	fake_pci_port_destroy(fp);
}

/* A device that does not answer commands does not keep a queue from its application. */
static void
no_answer_does_not_keep_a_queue(void)
{
	struct fake_pci_port_conf conf = following;
	struct fake_pci_port *fp;

	conf.timeout_ms = 50;
	fp = fake_pci_port_start(&conf);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, TOP), 0);
	fp->answer = FAKE_CTRL_NEVER;
	test_forget_log();
	CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, TOP), 0);
	CHECK_EQ(test_logged("the control queue does not answer"), 1);
	CHECK_EQ(fp->fake->queue[2 * TOP + 1].enable, 0);
	fp->answer = FAKE_CTRL_OBEYS;
	CHECK_EQ(rte_eth_dev_tx_queue_start(fp->port, TOP), 0);
	fake_pci_port_destroy(fp);
}

/*
 * A device may carry out what it does not answer: the number in force is not known then, and it is
 * sent again, before the queue is stopped or while it runs on.
 */
static void
unanswered_command_is_taken_back(void)
{
	struct fake_pci_port_conf conf = following;
	struct fake_pci_port *fp;

	conf.timeout_ms = 20;
	fp = fake_pci_port_start(&conf);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, TOP), 0);
	CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, TOP), 0);
	fake_pci_port_forget(fp);
	fp->first[0] = FAKE_CTRL_NEVER;
	fp->nb_first = 1;
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, TOP), -ETIMEDOUT);
	CHECK_EQ(fp->fake->queue[2 * TOP].enable, 0);
	CHECK_EQ(fake_pci_port_last(fp)->data[0], FAKE_PCI_PAIRS - 1);
	CHECK(fake_pci_port_last(fp)->enabled & 1 << (2 * TOP));
	fake_pci_port_check_commands(fp, "4.0 4.0");
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, TOP), 0);
	CHECK_EQ(pairs_sent(fp), FAKE_PCI_PAIRS);

	fake_pci_port_forget(fp);
	fp->first[0] = FAKE_CTRL_NEVER;
	fp->first[1] = FAKE_CTRL_REFUSES;
	fp->nb_first = 2;
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, TOP), -EIO);
	CHECK_EQ(fp->fake->queue[2 * TOP].enable, 1);
	CHECK_EQ(fake_pci_port_last(fp)->data[0], FAKE_PCI_PAIRS);
	fake_pci_port_check_commands(fp, "4.0 4.0 4.0");
	fake_pci_port_destroy(fp);
}

static void
not_unless_asked_for(void)
{
	struct fake_pci_port *fp = fake_pci_port_start(
		&(struct fake_pci_port_conf){ .features = FAKE_F_CONTROL });

	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, TOP), 0);
	CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, TOP), 0);
	CHECK_EQ(rte_eth_dev_tx_queue_start(fp->port, TOP), 0);
	check_nothing_sent(fp);
	fake_pci_port_destroy(fp);
}

static void
warm_up(void)
{
	fake_pci_port_destroy(fake_pci_port_start(&following));
}

TEST_MAIN(
	TEST_WARM_UP(warm_up),
	TEST_LAYOUTS(uppermost_pair_leaves_and_comes_back),
	TEST(lower_pairs_are_not_counted),
	TEST_LAYOUTS(no_packet_is_queued_outside_of_the_pairs),
	TEST_LAYOUTS(packets_are_sent_before_the_command),
	TEST(port_starts_with_those_that_run),
	TEST(refusal_leaves_the_queue_as_it_was),
	TEST(no_answer_does_not_keep_a_queue),
	TEST(unanswered_command_is_taken_back),
	TEST(not_unless_asked_for))
