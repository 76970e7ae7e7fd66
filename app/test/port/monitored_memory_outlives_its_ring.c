/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * The address by which a core sleeps until a packet comes: it changes when one does, at every place
 * of the ring, and can be read as long as a thread may still be looking at it.
 */

#include <poll.h>

#include <rte_memzone.h>

#include "fake_port.h"
#include "test.h"

/* What rte_power_monitor() does before it sleeps. */
static bool
may_sleep(const struct rte_power_monitor_cond *pmc)
{
	CHECK_EQ(pmc->size, sizeof(uint16_t));
	return pmc->fn(*(volatile uint16_t *)pmc->addr, pmc->opaque) == 0;
}

static struct rte_power_monitor_cond
monitor(struct fake_port *fp, uint16_t queue)
{
	struct rte_power_monitor_cond pmc = { 0 };

	CHECK_EQ(rte_eth_get_monitor_addr(fp->port, queue, &pmc), 0);
	return pmc;
}

static void
packets_end_the_sleep(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });
	unsigned int i;

	/* More than two laps of the ring. */
	for (i = 0; i < 3 * FAKE_PORT_SIZE; i++) {
		struct rte_power_monitor_cond pmc = monitor(fp, 0);

		CHECK(may_sleep(&pmc));
		/* Another queue's packets are another queue's. */
		fake_port_write(fp, 1, 100);
		CHECK_EQ(fake_port_receive(fp, 1), 1);
		CHECK(may_sleep(&pmc));
		fake_port_write(fp, 0, 100);
		CHECK(!may_sleep(&pmc));
		if (i % 7 == 0)
			fake_port_write(fp, 0, 100);
		/* One that is asked for too late for the packet does not sleep either. */
		pmc = monitor(fp, 0);
		CHECK(!may_sleep(&pmc));
		CHECK_EQ(fake_port_receive(fp, 0), 1 + (i % 7 == 0));
	}
	fake_port_destroy(fp);
}

/* IN_ORDER: of a batch that is half taken no word in the ring tells that there is more. */
static void
no_sleep_within_a_batch(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){
		.features = VU_F_IN_ORDER, .interrupts = true });
	struct rte_power_monitor_cond pmc;
	uint16_t heads[3];
	struct rte_mbuf *m;
	struct pollfd pfd;
	unsigned int i;

	for (i = 0; i < RTE_DIM(heads); i++)
		heads[i] = fake_port_prepare(fp, 0, FAKE_PORT_ROOM, 1);
	ring_device_use_batch(fake_vu_ring(fp->vu, 0), heads, RTE_DIM(heads),
			      FAKE_PORT_ROOM + FAKE_PORT_HDR);
	CHECK_EQ(rte_eth_rx_burst(fp->port, 0, &m, 1), 1);
	rte_pktmbuf_free(m);
	fp->got[0]++;
	pmc = monitor(fp, 0);
	CHECK(!may_sleep(&pmc));
	/* Nor on the event descriptor. */
	pfd = (struct pollfd){ .fd = rte_eth_dev_rx_intr_ctl_q_get_fd(fp->port, 0),
			       .events = POLLIN };
	CHECK_EQ(poll(&pfd, 1, 0), 0);
	CHECK_EQ(rte_eth_dev_rx_intr_enable(fp->port, 0), 0);
	CHECK_EQ(poll(&pfd, 1, 0), 1);
	CHECK_EQ(fake_port_receive(fp, 0), 2);
	pmc = monitor(fp, 0);
	CHECK(may_sleep(&pmc));
	fake_port_write(fp, 0, 100);
	CHECK(!may_sleep(&pmc));
	fake_port_destroy(fp);
}

/* The power library asks once while the queue is stopped, and takes -ENOTSUP for never. */
static void
no_address_of_a_stopped_queue(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });
	const struct rte_eth_conf eth = { 0 };
	struct rte_power_monitor_cond pmc = { 0 };

	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
	CHECK_EQ(rte_eth_get_monitor_addr(fp->port, 0, &pmc), -EAGAIN);
	CHECK(pmc.addr == NULL && pmc.fn == NULL);
	monitor(fp, 1);
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), 0);
	monitor(fp, 0);
	CHECK_EQ(rte_eth_dev_stop(fp->port), 0);
	CHECK_EQ(rte_eth_get_monitor_addr(fp->port, 0, &pmc), -EAGAIN);
	/* Released: ethdev's slot is empty, as it is within a set-up. */
	CHECK_EQ(rte_eth_dev_configure(fp->port, 1, 1, &eth), 0);
	CHECK_EQ(rte_eth_dev_configure(fp->port, FAKE_PORT_PAIRS, FAKE_PORT_PAIRS, &eth), 0);
	CHECK_EQ(rte_eth_get_monitor_addr(fp->port, 1, &pmc), -EINVAL);
	CHECK(pmc.addr == NULL && pmc.fn == NULL);
	fake_port_destroy(fp);
}

/* ---- the memory's life -------------------------------------------------------------------- */

struct search {
	uintptr_t addr;
	bool found;
};

static void
look_in(const struct rte_memzone *mz, void *arg)
{
	struct search *s = arg;

	s->found |= s->addr >= mz->addr_64 && s->addr < mz->addr_64 + mz->len;
}

static bool
is_there(const struct rte_power_monitor_cond *pmc)
{
	struct search s = { .addr = (uintptr_t)pmc->addr };

	rte_memzone_walk(look_in, &s);
	return s.found;
}

static void
set_up_again(struct fake_port *fp, uint16_t size)
{
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
	CHECK_EQ(fake_port_setup_rx(fp, 0, size), 0);
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), 0);
	fp->got[0] = fp->rx_next[0];
}

static void
kept_until_the_next_is_asked_for(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });
	const struct rte_power_monitor_cond first = monitor(fp, 0);
	struct rte_power_monitor_cond second;
	unsigned int i;

	/* The thread is still asleep on the first ring's address. */
	for (i = 0; i < 5; i++) {
		set_up_again(fp, i % 2 ? 64 : 128);
		CHECK(is_there(&first));
		may_sleep(&first);
	}
	/* It is awake, and will be at the second ring's. */
	second = monitor(fp, 0);
	set_up_again(fp, 64);
	CHECK(is_there(&second));
	CHECK(!is_there(&first));
	set_up_again(fp, 128);
	CHECK(is_there(&second));
	fake_port_check_runs(fp, 0);
	fake_port_destroy(fp);
	CHECK(!is_there(&second));
}

/* Of a queue whose address nobody has asked for nothing is kept. */
static void
not_kept_where_not_asked(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });
	uint64_t heap;

	set_up_again(fp, 64);
	heap = test_heap_in_use();
	set_up_again(fp, 64);
	CHECK_EQ(test_heap_in_use(), heap);
	monitor(fp, 0);
	set_up_again(fp, 64);
	CHECK(test_heap_in_use() > heap);
	fake_port_destroy(fp);
}

/* Also over a configuration with fewer queues. */
static void
kept_when_the_queue_goes(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });
	const struct rte_power_monitor_cond pmc = monitor(fp, 1);
	const struct rte_eth_conf eth = { 0 };

	CHECK_EQ(rte_eth_dev_stop(fp->port), 0);
	CHECK_EQ(rte_eth_dev_configure(fp->port, 1, 1, &eth), 0);
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	CHECK(is_there(&pmc));
	fake_port_destroy(fp);
	CHECK(!is_there(&pmc));
}

TEST_MAIN(
	TEST_WARM_UP(fake_port_warm_up),
	TEST_LAYOUTS(packets_end_the_sleep),
	TEST_LAYOUTS(no_sleep_within_a_batch),
	TEST_LAYOUTS(no_address_of_a_stopped_queue),
	TEST_LAYOUTS(kept_until_the_next_is_asked_for),
	TEST_LAYOUTS(not_kept_where_not_asked),
	TEST_LAYOUTS(kept_when_the_queue_goes),
)
