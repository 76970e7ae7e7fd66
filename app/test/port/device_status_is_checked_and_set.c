/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * 2.1: a device that needs a reset is noticed wherever the port looks, the application is called
 * back, and a restart or reset of the port brings it back. FAILED is set where a probe or a start
 * has failed for the device's sake, until the next start.
 */

#include <rte_cycles.h>

#include "fake_pci_port.h"
#include "test.h"

#define NEEDS_RESET 0x40
/* ACKNOWLEDGE, DRIVER, FAILED. */
#define FAILED 0x83
#define RUNS 0x0f

#define PATIENCE_MS 60000

static const struct fake_pci_port_conf plain = { .features = FAKE_F_CONTROL };
/* ethdev answers with the last state that it knows. */
static const struct fake_pci_port_conf with_lsc = { .features = FAKE_F_CONTROL, .lsc = true };

/* On the port's worker. */
static unsigned int events[RTE_ETH_EVENT_MAX];

/* Events about the link when that about the reset came: an application may reset the port in it. */
static unsigned int link_events_before;

static int
note(uint16_t port __rte_unused, enum rte_eth_event_type event, void *arg __rte_unused,
     void *ret __rte_unused)
{
	if (event == RTE_ETH_EVENT_INTR_RESET)
		link_events_before =
			__atomic_load_n(&events[RTE_ETH_EVENT_INTR_LSC], __ATOMIC_ACQUIRE);
	__atomic_fetch_add(&events[event], 1, __ATOMIC_RELEASE);
	return 0;
}

static unsigned int
count(enum rte_eth_event_type event)
{
	return __atomic_load_n(&events[event], __ATOMIC_ACQUIRE);
}

static void
wait_for(enum rte_eth_event_type event, unsigned int n)
{
	unsigned int ms;

	for (ms = 0; count(event) < n; ms++) {
		CHECK(ms < PATIENCE_MS);
		rte_delay_us_sleep(1000);
	}
}

static void
listen_to(const struct fake_pci_port *fp)
{
	events[RTE_ETH_EVENT_INTR_LSC] = 0;
	events[RTE_ETH_EVENT_INTR_RESET] = 0;
	CHECK_EQ(rte_eth_dev_callback_register(fp->port, RTE_ETH_EVENT_INTR_LSC, note, NULL), 0);
	CHECK_EQ(rte_eth_dev_callback_register(fp->port, RTE_ETH_EVENT_INTR_RESET, note, NULL), 0);
}

static void
done(struct fake_pci_port *fp)
{
	CHECK_EQ(rte_eth_dev_callback_unregister(fp->port, RTE_ETH_EVENT_INTR_LSC, note, NULL), 0);
	CHECK_EQ(rte_eth_dev_callback_unregister(fp->port, RTE_ETH_EVENT_INTR_RESET, note, NULL),
		 0);
	fake_pci_port_destroy(fp);
}

static bool
is_up(const struct fake_pci_port *fp)
{
	struct rte_eth_link link;

	CHECK_EQ(rte_eth_link_get_nowait(fp->port, &link), 0);
	return link.link_status;
}

/* One event of each kind, one line; what has found it is the caller's. */
static void
check_messages(struct fake_pci_port *fp)
{
	wait_for(RTE_ETH_EVENT_INTR_RESET, 1);
	CHECK_EQ(link_events_before, 1);
	CHECK_EQ(count(RTE_ETH_EVENT_INTR_LSC), 1);
	CHECK(!is_up(fp));
	/* Found again it is no news. */
	fake_pci_port_event(fp);
	CHECK_EQ(count(RTE_ETH_EVENT_INTR_RESET), 1);
	CHECK_EQ(count(RTE_ETH_EVENT_INTR_LSC), 1);
	CHECK_EQ(test_logged("needs a reset (status 0x4f)"), 1);
}

static void
check_comes_back(struct fake_pci_port *fp)
{
	fp->answer = FAKE_CTRL_OBEYS;
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	CHECK_EQ(fp->fake->status, RUNS);
	CHECK(is_up(fp));
	CHECK_EQ(rte_eth_allmulticast_enable(fp->port), 0);
	/* And would be noticed again. */
	fp->fake->status |= NEEDS_RESET;
	fake_pci_port_event(fp);
	wait_for(RTE_ETH_EVENT_INTR_RESET, 2);
	CHECK(!is_up(fp));
}

static void
found_by_the_interrupt(void)
{
	struct fake_pci_port *fp = fake_pci_port_start(&with_lsc);

	listen_to(fp);
	CHECK(is_up(fp));
	fp->fake->status |= NEEDS_RESET;
	fake_pci_port_event(fp);
	check_messages(fp);
	CHECK_EQ(rte_eth_dev_stop(fp->port), 0);
	CHECK_EQ(fp->fake->status, 0);
	check_comes_back(fp);
	done(fp);
}

static void
found_by_who_asks_for_the_link(void)
{
	struct fake_pci_port *fp = fake_pci_port_start(&plain);

	listen_to(fp);
	fp->fake->status |= NEEDS_RESET;
	CHECK(!is_up(fp));
	check_messages(fp);
	CHECK_EQ(rte_eth_dev_reset(fp->port), 0);
	CHECK_EQ(fp->fake->status, 0);
	check_comes_back(fp);
	done(fp);
}

/* 2.1.1: not relied on to answer. The deadline is a minute here, and is not waited for. */
static void
found_by_a_command(void)
{
	struct fake_pci_port *fp = fake_pci_port_start(&plain);

	listen_to(fp);
	fp->answer = FAKE_CTRL_NEVER;
	fp->fake->status |= NEEDS_RESET;
	CHECK_EQ(rte_eth_promiscuous_enable(fp->port), -EIO);
	check_messages(fp);
	/* A queue is the application's again all the same, if the device proves that. */
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
	CHECK_EQ(rte_eth_dev_stop(fp->port), 0);
	check_comes_back(fp);
	done(fp);
}

/* Between a start and the first look at the device. */
static void
needs_another_before_a_look(void)
{
	struct fake_pci_port *fp = fake_pci_port_start(&plain);

	listen_to(fp);
	fp->fake->status |= NEEDS_RESET;
	CHECK(!is_up(fp));
	check_messages(fp);
	CHECK_EQ(rte_eth_dev_stop(fp->port), 0);
	fp->fake->fails_when_run = true;
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	wait_for(RTE_ETH_EVENT_INTR_RESET, 2);
	CHECK(!is_up(fp));
	fp->fake->fails_when_run = false;
	CHECK_EQ(rte_eth_dev_stop(fp->port), 0);
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	CHECK(is_up(fp));
	done(fp);
}

/* With no interrupt and nobody who asks. */
static void
found_by_the_watchdog(void)
{
	struct fake_pci_port *fp = fake_pci_port_start(&with_lsc);

	listen_to(fp);
	fp->fake->status |= NEEDS_RESET;
	check_messages(fp);
	done(fp);
}

/* The port is closed before the application could be called back. */
static void
closed_at_once(void)
{
	struct fake_pci_port *fp = fake_pci_port_start(&plain);

	fp->fake->status |= NEEDS_RESET;
	CHECK(!is_up(fp));
	fake_pci_port_destroy(fp);
}

/* 3.1.1: it is reset first, so that its rings and their buffers are the driver's. */
static void
check_failed(struct fake_pci_port *fp, int error)
{
	CHECK_EQ(rte_eth_dev_start(fp->port), error);
	CHECK_EQ(fp->fake->status, FAILED);
	CHECK_EQ(rte_mempool_in_use_count(fp->pool), 0);
}

static void
failed_until_the_next_start(void)
{
	struct fake_pci_port *fp = fake_pci_port_create(&plain);
	const uint64_t offered = fp->fake->features;

	fp->fake->refuses_features = true;
	check_failed(fp, -ENOTSUP);
	fp->fake->refuses_features = false;
	/* 2.2.1: the driver cannot do without it. */
	fp->fake->features &= ~(UINT64_C(1) << 32);
	check_failed(fp, -ENOTSUP);
	fp->fake->features = offered & ~FAKE_F_MQ;
	check_failed(fp, -ENOTSUP);
	fp->fake->features = offered;
	fp->fake->queue[1].refuses_enable = true;
	check_failed(fp, -EIO);
	fp->fake->queue[1].refuses_enable = false;
	fp->fake->queue[1].keeps_size = true;
	check_failed(fp, -EINVAL);
	fp->fake->queue[1].keeps_size = false;
	fp->answer = FAKE_CTRL_REFUSES;
	check_failed(fp, -EIO);
	fp->answer = FAKE_CTRL_NO_WORD;
	check_failed(fp, -EPROTO);
	fp->answer = FAKE_CTRL_OBEYS;
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	CHECK_EQ(fp->fake->status, RUNS);
	CHECK_EQ(rte_eth_dev_stop(fp->port), 0);
	CHECK_EQ(fp->fake->status, 0);
	fake_pci_port_destroy(fp);
}

static void
say_no_pairs(struct fake_pci *fake)
{
	fake_pci_config16(fake, 8, 0);
}

static void
failed_at_probe(void)
{
	const struct fake_pci_port_conf conf = { .features = FAKE_F_CONTROL, .lie = say_no_pairs };
	struct fake_pci_port *fp;

	CHECK_EQ(fake_pci_port_probe(&conf, &fp), -EINVAL);
	CHECK_EQ(fp->fake->status, FAILED);
	fake_pci_port_destroy(fp);
}

/* Late is not unfit; and while a device resets itself nothing is written. */
static void
not_failed_where_the_device_is_late(void)
{
	struct fake_pci_port_conf conf = plain;
	struct fake_pci_port *fp;

	conf.timeout_ms = 20;
	fp = fake_pci_port_create(&conf);
	fp->answer = FAKE_CTRL_NEVER;
	CHECK_EQ(rte_eth_dev_start(fp->port), -ETIMEDOUT);
	CHECK_EQ(fp->fake->status, 0);
	fp->answer = FAKE_CTRL_REFUSES;
	fp->fake->never_resets = true;
	fake_pci_forget_record(fp->fake);
	CHECK_EQ(rte_eth_dev_start(fp->port), -EIO);
	CHECK(fp->fake->resetting);
	fp->fake->never_resets = false;
	fp->answer = FAKE_CTRL_OBEYS;
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	fake_pci_port_destroy(fp);
}

TEST_MAIN(
	TEST_WARM_UP(closed_at_once),
	TEST_LAYOUTS(found_by_the_interrupt),
	TEST(found_by_who_asks_for_the_link),
	TEST_LAYOUTS(found_by_a_command),
	TEST(needs_another_before_a_look),
	TEST(found_by_the_watchdog),
	TEST(closed_at_once),
	TEST_LAYOUTS(failed_until_the_next_start),
	TEST(failed_at_probe),
	TEST(not_failed_where_the_device_is_late),
)
