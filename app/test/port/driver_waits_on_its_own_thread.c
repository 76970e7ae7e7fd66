/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * Nothing of the driver waits on EAL's thread for interrupts and alarms, nor lets the link be
 * waited for: not a control call whose back-end does not answer, not a back-end that connects and
 * stays silent. One port's wait delays no other port. Each case ends the wait itself, after it has
 * seen what is not to be delayed.
 */

#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rte_alarm.h>
#include <rte_bus_vdev.h>

#include "fake_port.h"
#include "test.h"

/* Waits as long as only a test that hangs does. */
#define WAIT_FOR(condition) \
	do { \
		const time_t start_ = time(NULL); \
		while (!(condition)) { \
			CHECK(time(NULL) - start_ < 60); \
			usleep(1000); \
		} \
	} while (0)

static unsigned int
link_status(const struct fake_port *fp)
{
	struct rte_eth_link link;

	CHECK_EQ(rte_eth_link_get_nowait(fp->port, &link), 0);
	return link.link_status;
}

/* ---- a control call that waits ------------------------------------------------------------ */

struct stop {
	uint16_t port;
	int ret;
	bool done; /* atomic */
	pthread_t thread;
};

static void *
stop_queue_0(void *arg)
{
	struct stop *stop = arg;

	stop->ret = rte_eth_dev_rx_queue_stop(stop->port, 0);
	__atomic_store_n(&stop->done, true, __ATOMIC_RELEASE);
	return NULL;
}

static void
begin_stop(struct stop *stop, struct fake_port *fp)
{
	*stop = (struct stop){ .port = fp->port };
	fake_vu_rule(fp->vu, VU_GET_VRING_BASE, 0, 1, VU_HOLD);
	CHECK_EQ(pthread_create(&stop->thread, NULL, stop_queue_0, stop), 0);
	fake_vu_wait_held(fp->vu);
}

static bool
is_done(struct stop *stop)
{
	return __atomic_load_n(&stop->done, __ATOMIC_ACQUIRE);
}

static void
let_back_end_answer(void *vu)
{
	fake_vu_release(vu);
}

/* The application's alarm is what ends the wait: were it not called, the stop would time out. */
static void
alarms_go_off_while_a_stop_waits(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ .timeout_ms = 20000 });
	struct stop stop;

	begin_stop(&stop, fp);
	/* A queue with an error, for which the driver itself has to do something. */
	ring_device_use_raw(fake_vu_ring(fp->vu, 2), FAKE_PORT_SIZE, 100);
	CHECK_EQ(fake_port_receive(fp, 1), 0);
	usleep(10000);
	CHECK_EQ(rte_eal_alarm_set(1, let_back_end_answer, fp->vu), 0);
	WAIT_FOR(is_done(&stop));
	CHECK_EQ(pthread_join(stop.thread, NULL), 0);
	CHECK_EQ(stop.ret, 0);
	fake_port_destroy(fp);
}

static void
link_is_read_while_a_stop_waits(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });
	struct rte_eth_link link;
	struct stop stop;

	CHECK_EQ(link_status(fp), RTE_ETH_LINK_UP);
	begin_stop(&stop, fp);
	CHECK_EQ(link_status(fp), RTE_ETH_LINK_UP);
	/* This one waits for a while. */
	CHECK_EQ(rte_eth_link_get(fp->port, &link), 0);
	CHECK_EQ(link.link_status, RTE_ETH_LINK_UP);
	CHECK(!is_done(&stop));
	fake_vu_release(fp->vu);
	CHECK_EQ(pthread_join(stop.thread, NULL), 0);
	CHECK_EQ(stop.ret, 0);
	fake_port_destroy(fp);
}

/* ---- a back-end that stays silent --------------------------------------------------------- */

static unsigned int lsc_events; /* atomic */

static int
on_lsc(uint16_t port __rte_unused, enum rte_eth_event_type type __rte_unused,
       void *arg __rte_unused, void *ret __rte_unused)
{
	__atomic_fetch_add(&lsc_events, 1, __ATOMIC_RELEASE);
	return 0;
}

static unsigned int
events(void)
{
	return __atomic_load_n(&lsc_events, __ATOMIC_ACQUIRE);
}

/* The port is a server; its next back-end connects and answers nothing. */
static void
connect_without_answer(struct fake_port *fp)
{
	fake_vu_disconnect(fp->vu);
	WAIT_FOR(link_status(fp) == RTE_ETH_LINK_DOWN);
	fake_vu_rule(fp->vu, VU_GET_FEATURES, 0, 1, VU_HOLD);
	fake_vu_connect_again(fp->vu);
	fake_vu_wait_held(fp->vu);
}

static void
unanswered_handshake_delays_no_other_port(void)
{
	const struct fake_port_conf conf = { .server = true };
	struct fake_port *silent = fake_port_start(&conf);
	struct fake_port *other = fake_port_start(&conf);
	unsigned int connections;

	lsc_events = 0;
	CHECK_EQ(rte_eth_dev_callback_register(other->port, RTE_ETH_EVENT_INTR_LSC, on_lsc, NULL),
		 0);
	connect_without_answer(silent);
	connections = silent->vu->connections;
	CHECK_EQ(link_status(silent), RTE_ETH_LINK_DOWN);

	fake_vu_disconnect(other->vu);
	WAIT_FOR(events() == 1);
	fake_vu_connect_again(other->vu);
	WAIT_FOR(events() == 2);
	CHECK_EQ(link_status(other), RTE_ETH_LINK_UP);
	CHECK_EQ(test_logged("a back-end has connected"), 1);

	/* The handshake was not over all that time, since it is this connection that gets used. */
	fake_vu_set_once(silent->vu, true);
	fake_vu_release(silent->vu);
	WAIT_FOR(link_status(silent) == RTE_ETH_LINK_UP);
	CHECK_EQ(silent->vu->connections, connections);
	WAIT_FOR(rte_eth_dev_callback_unregister(other->port, RTE_ETH_EVENT_INTR_LSC, on_lsc,
						 NULL) != -EAGAIN);
	fake_port_destroy(other);
	fake_port_destroy(silent);
}

static void
alarm_is_called(void *called)
{
	__atomic_store_n((bool *)called, true, __ATOMIC_RELEASE);
}

static void
alarms_go_off_while_a_back_end_is_silent(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ .server = true });
	unsigned int connections;
	bool called = false;

	connect_without_answer(fp);
	connections = fp->vu->connections;
	CHECK_EQ(rte_eal_alarm_set(1, alarm_is_called, &called), 0);
	WAIT_FOR(__atomic_load_n(&called, __ATOMIC_ACQUIRE));
	fake_vu_set_once(fp->vu, true);
	fake_vu_release(fp->vu);
	WAIT_FOR(link_status(fp) == RTE_ETH_LINK_UP);
	CHECK_EQ(fp->vu->connections, connections);
	fake_port_destroy(fp);
}

/* The close does not wait for the end of a handshake: it is cancelled, and not timed out. */
static void
close_ends_a_handshake(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ .server = true });

	connect_without_answer(fp);
	CHECK_EQ(rte_vdev_uninit(fp->name), 0);
	fp->open = false;
	CHECK(test_logged(strerror(ECANCELED)) > 0);
	CHECK_EQ(test_logged(strerror(ETIMEDOUT)), 0);
	fake_vu_set_once(fp->vu, true);
	fake_vu_release(fp->vu);
	fake_port_destroy(fp);
}

/* The close has messages of its own answered after that. */
static void *
answer_once_cancelled(void *vu)
{
	const time_t start = time(NULL);

	while (test_logged(strerror(ECANCELED)) == 0 && time(NULL) - start < 30)
		usleep(1000);
	fake_vu_release(vu);
	return time(NULL) - start < 30 ? vu : NULL;
}

/* The same of an attempt to recover a queue whose back-end does not confirm the stop. */
static void
close_ends_a_recovery(void)
{
	struct fake_port *fp =
		fake_port_start(&(struct fake_port_conf){ .args = "recovery=auto" });
	pthread_t thread;
	void *cancelled;

	fake_vu_rule(fp->vu, VU_SET_VRING_NUM, 0, 1, VU_HALF_AND_HOLD);
	ring_device_use_raw(fake_vu_ring(fp->vu, 0), FAKE_PORT_SIZE, 100);
	CHECK_EQ(fake_port_receive(fp, 0), 0);
	fake_vu_wait_held(fp->vu);
	CHECK_EQ(pthread_create(&thread, NULL, answer_once_cancelled, fp->vu), 0);
	CHECK_EQ(rte_vdev_uninit(fp->name), 0);
	fp->open = false;
	CHECK_EQ(pthread_join(thread, &cancelled), 0);
	CHECK(cancelled != NULL);
	CHECK_EQ(test_logged(strerror(ETIMEDOUT)), 0);
	fake_port_destroy(fp);
}

/* ---- call-backs come one at a time -------------------------------------------------------- */

struct both {
	struct fake_port *first;
	struct fake_port *second;
	unsigned int inside; /* atomic */
	bool overlapped;     /* atomic */
	int closed;          /* atomic; 1: not yet */
};

/* The one port's event closes the other port, whose worker may be waiting to tell the same. */
static int
close_the_second(uint16_t port, enum rte_eth_event_type type __rte_unused, void *arg,
		 void *ret __rte_unused)
{
	struct both *both = arg;

	if (__atomic_fetch_add(&both->inside, 1, __ATOMIC_ACQ_REL) != 0)
		__atomic_store_n(&both->overlapped, true, __ATOMIC_RELEASE);
	if (port == both->first->port) {
		int closed;

		fake_vu_disconnect(both->second->vu);
		usleep(20000);
		closed = rte_eth_dev_stop(both->second->port);
		if (closed == 0)
			closed = rte_eth_dev_close(both->second->port);
		__atomic_store_n(&both->closed, closed, __ATOMIC_RELEASE);
	}
	__atomic_fetch_sub(&both->inside, 1, __ATOMIC_ACQ_REL);
	return 0;
}

static void
one_port_is_closed_from_the_call_back_of_another(void)
{
	struct both both = { .closed = 1 };
	unsigned int inside;

	both.first = fake_port_start(&(struct fake_port_conf){ 0 });
	both.second = fake_port_start(&(struct fake_port_conf){ 0 });
	CHECK_EQ(rte_eth_dev_callback_register(RTE_ETH_ALL, RTE_ETH_EVENT_INTR_LSC,
					       close_the_second, &both), 0);
	fake_vu_disconnect(both.first->vu);
	WAIT_FOR(__atomic_load_n(&both.closed, __ATOMIC_ACQUIRE) != 1);
	CHECK_EQ(both.closed, 0);
	do {
		inside = __atomic_load_n(&both.inside, __ATOMIC_ACQUIRE);
		usleep(1000);
	} while (inside != 0);
	CHECK(!both.overlapped);
	WAIT_FOR(rte_eth_dev_callback_unregister(RTE_ETH_ALL, RTE_ETH_EVENT_INTR_LSC,
						 close_the_second, &both) != -EAGAIN);
	fake_port_destroy(both.second);
	fake_port_destroy(both.first);
}

TEST_MAIN(
	TEST_WARM_UP(fake_port_warm_up),
	TEST_LAYOUTS(alarms_go_off_while_a_stop_waits),
	TEST_LAYOUTS(link_is_read_while_a_stop_waits),
	TEST_LAYOUTS(unanswered_handshake_delays_no_other_port),
	TEST(alarms_go_off_while_a_back_end_is_silent),
	TEST(close_ends_a_handshake),
	TEST(close_ends_a_recovery),
	TEST_LEAVES(one_port_is_closed_from_the_call_back_of_another)) /* ethdev keeps it */
