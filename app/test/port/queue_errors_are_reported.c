/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * A queue error raises RTE_ETH_EVENT_QUEUE_STATE, and the application can ask which one and why. It
 * recovers the queue by a stop and a start, from within the call-back if it likes; with
 * recovery=auto the driver does that itself, again and again if need be, but never against the
 * application's word.
 */

#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rte_alarm.h>
#include <rte_bus_vdev.h>
#include <rte_cycles.h>

#include "fake_port.h"
#include "rte_pmd_virtio.h"
#include "test.h"

static unsigned int events; /* atomic */
static int (*in_event)(uint16_t port);
static int event_result;

static int
on_event(uint16_t port, enum rte_eth_event_type type, void *arg __rte_unused,
	 void *ret_param __rte_unused)
{
	CHECK_EQ(type, RTE_ETH_EVENT_QUEUE_STATE);
	if (in_event != NULL)
		event_result = in_event(port);
	__atomic_add_fetch(&events, 1, __ATOMIC_RELEASE);
	return 0;
}

static struct fake_port *
begin(const char *args, int (*what)(uint16_t port))
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ .args = args });

	events = 0;
	in_event = what;
	event_result = 0;
	CHECK_EQ(rte_eth_dev_callback_register(fp->port, RTE_ETH_EVENT_QUEUE_STATE, on_event,
					       NULL), 0);
	return fp;
}

static void
end(struct fake_port *fp)
{
	CHECK_EQ(rte_eth_dev_callback_unregister(fp->port, RTE_ETH_EVENT_QUEUE_STATE, on_event,
						 NULL), 0);
	fake_port_destroy(fp);
}

static void
wait_events(unsigned int n)
{
	const time_t start = time(NULL);

	while (__atomic_load_n(&events, __ATOMIC_ACQUIRE) < n) {
		CHECK(time(NULL) - start < 60);
		usleep(100);
	}
}

static void
wait_xstat_least(struct fake_port *fp, const char *name, uint64_t value)
{
	const time_t start = time(NULL);

	while (fake_port_xstat(fp, name) < value) {
		CHECK(time(NULL) - start < 60);
		usleep(100);
	}
}

static void
wait_xstat(struct fake_port *fp, const char *name, uint64_t value)
{
	wait_xstat_least(fp, name, value);
	CHECK_EQ(fake_port_xstat(fp, name), value);
}

static void
check_event(struct fake_port *fp, uint16_t queue, bool rx,
	    enum rte_pmd_virtio_queue_error error)
{
	struct rte_pmd_virtio_queue_event event;

	CHECK_EQ(rte_pmd_virtio_get_queue_event(fp->port, &event), 0);
	CHECK_EQ(event.queue_id, queue);
	CHECK_EQ(event.rx, rx);
	CHECK_EQ(event.error, error);
}

static void
check_no_event(struct fake_port *fp)
{
	struct rte_pmd_virtio_queue_event event;

	CHECK_EQ(rte_pmd_virtio_get_queue_event(fp->port, &event), -ENOENT);
}

static void
break_rx(struct fake_port *fp, uint16_t queue)
{
	ring_device_use_raw(fake_vu_ring(fp->vu, 2 * queue), FAKE_PORT_SIZE, 100);
	CHECK_EQ(fake_port_receive(fp, queue), 0);
}

static void
break_tx(struct fake_port *fp, uint16_t queue)
{
	ring_device_use_raw(fake_vu_ring(fp->vu, 2 * queue + 1), FAKE_PORT_SIZE, 0);
	CHECK(rte_eth_tx_done_cleanup(fp->port, queue, 0) < 0);
}

/* ---- reported ----------------------------------------------------------------------------- */

static void
each_queue_is_named(void)
{
	struct fake_port *fp = begin(NULL, NULL);

	check_no_event(fp);
	break_rx(fp, 1);
	wait_events(1);
	check_event(fp, 1, true, RTE_PMD_VIRTIO_QUEUE_BROKEN);
	check_no_event(fp);
	CHECK_EQ(fake_port_send(fp, 0, 1), 1);
	break_tx(fp, 0);
	wait_events(2);
	check_event(fp, 0, false, RTE_PMD_VIRTIO_QUEUE_BROKEN);
	check_no_event(fp);
	/* No queue is recovered without a request. */
	CHECK_EQ(fake_port_xstat(fp, "rx_q1_recovered"), 0);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 1), 0);
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 1), 0);
	CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, 0), 0);
	CHECK_EQ(rte_eth_dev_tx_queue_start(fp->port, 0), 0);
	fp->tx_next[0] = fp->took[0];
	fake_port_check_runs(fp, 0);
	fake_port_check_runs(fp, 1);
	check_no_event(fp);
	end(fp);
}

static void
unserved_queue_is_reported(void)
{
	struct fake_port *fp = begin(NULL, NULL);

	CHECK_EQ(fake_port_send(fp, 1, 3), 3);
	wait_events(1);
	check_event(fp, 1, false, RTE_PMD_VIRTIO_QUEUE_UNSERVED);
	CHECK_EQ(fake_port_xstat(fp, "tx_q1_unserved"), 1);
	CHECK_EQ(fake_port_take(fp, 1, true), 3);
	end(fp);
}

static void
wrong_questions_are_refused(void)
{
	struct fake_port *fp = begin(NULL, NULL);
	struct rte_pmd_virtio_queue_event event;

	CHECK_EQ(rte_pmd_virtio_get_queue_event(fp->port, NULL), -EINVAL);
	CHECK_EQ(rte_pmd_virtio_get_queue_event(RTE_MAX_ETHPORTS, &event), -ENODEV);
	CHECK_EQ(rte_pmd_virtio_get_queue_event(fp->port + 1, &event), -ENODEV);
	end(fp);
}

/* ---- recovered by the application --------------------------------------------------------- */

static int
restart_rx_1(uint16_t port)
{
	const int ret = rte_eth_dev_rx_queue_stop(port, 1);

	return ret != 0 ? ret : rte_eth_dev_rx_queue_start(port, 1);
}

static void
restarted_from_within_the_event(void)
{
	struct fake_port *fp = begin(NULL, restart_rx_1);
	unsigned int i;

	for (i = 1; i <= 3; i++) {
		break_rx(fp, 1);
		wait_events(i);
		CHECK_EQ(event_result, 0);
		fake_port_check_runs(fp, 1);
		CHECK_EQ(fake_port_xstat(fp, "rx_q1_broken"), i);
		CHECK_EQ(fake_port_xstat(fp, "rx_q1_resets"), i);
	}
	fake_port_check_runs(fp, 0);
	end(fp);
}

static int
close_port(uint16_t port)
{
	rte_eth_dev_stop(port);
	return rte_eth_dev_close(port);
}

static void
closed_from_within_the_event(void)
{
	struct fake_port *fp = begin("recovery=auto", close_port);

	break_rx(fp, 0);
	wait_events(1);
	CHECK_EQ(event_result, 0);
	fp->open = false;
	/* EAL still has the device; ethdev's port and its call-backs are gone. */
	CHECK_EQ(rte_vdev_uninit(fp->name), 0);
	fake_port_destroy(fp);
}

/* ---- recovered by the driver -------------------------------------------------------------- */

static void
driver_recovers_again_and_again(void)
{
	struct fake_port *fp = begin("recovery=auto", NULL);
	unsigned int i;

	for (i = 1; i <= 3; i++) {
		break_rx(fp, 0);
		wait_xstat(fp, "rx_q0_recovered", i);
		fake_port_check_runs(fp, 0);
	}
	CHECK_EQ(fake_port_send(fp, 1, 1), 1);
	CHECK_EQ(fake_port_take(fp, 1, false), 1);
	break_tx(fp, 1);
	wait_xstat(fp, "tx_q1_recovered", 1);
	fake_port_check_runs(fp, 1);
	/* Both events of each time, the last ones being that it runs again. */
	wait_events(8);
	check_event(fp, 0, true, RTE_PMD_VIRTIO_QUEUE_RECOVERED);
	check_event(fp, 1, false, RTE_PMD_VIRTIO_QUEUE_RECOVERED);
	check_no_event(fp);
	/* One was polled and given back since. */
	fake_port_check_in_use(fp->rx_pool[0], FAKE_PORT_SIZE - 1);
	CHECK_EQ(fake_port_xstat(fp, "rx_q0_recovery_failed"), 0);
	end(fp);
}

/* The start is refused once: the queue is stopped, and the next attempt finds it so. */
static void
driver_tries_again(void)
{
	struct fake_port *fp = begin("recovery=auto", NULL);

	fake_vu_rule(fp->vu, VU_SET_VRING_NUM, 0, 1, VU_REFUSE);
	break_rx(fp, 0);
	wait_xstat(fp, "rx_q0_recovered", 1);
	CHECK_EQ(fake_port_xstat(fp, "rx_q0_recovery_failed"), 1);
	CHECK_EQ(test_logged("recovery failed"), 1);
	CHECK_EQ(fake_port_rx_state(fp, 0), RTE_ETH_QUEUE_STATE_STARTED);
	fake_port_check_runs(fp, 0);
	end(fp);
}

static void
mark(void *arg)
{
	__atomic_store_n((bool *)arg, true, __ATOMIC_RELEASE);
}

/* Longer than the driver waits before an attempt that it has planned. */
static void
let_alarms_go_off(void)
{
	const time_t start = time(NULL);
	bool later = false;

	CHECK_EQ(rte_eal_alarm_set(100000, mark, &later), 0);
	while (!__atomic_load_n(&later, __ATOMIC_ACQUIRE)) {
		CHECK(time(NULL) - start < 60);
		usleep(1000);
	}
}

static void
check_stays_stopped(struct fake_port *fp, uint16_t queue)
{
	const uint64_t recovered = fake_port_xstat(fp, "rx_q0_recovered");

	CHECK_EQ(fake_port_rx_state(fp, queue), RTE_ETH_QUEUE_STATE_STOPPED);
	let_alarms_go_off();
	CHECK_EQ(fake_port_rx_state(fp, queue), RTE_ETH_QUEUE_STATE_STOPPED);
	CHECK_EQ(fake_port_xstat(fp, "rx_q0_recovered"), recovered);
	fake_port_check_in_use(fp->rx_pool[queue], 0);
}

static int
stop_rx_0(uint16_t port)
{
	return rte_eth_dev_rx_queue_stop(port, 0);
}

/* Stopped in the event, before the driver's attempt: it stays so. */
static void
application_has_the_last_word(void)
{
	struct fake_port *fp = begin("recovery=auto", stop_rx_0);

	break_rx(fp, 0);
	wait_events(1);
	CHECK_EQ(event_result, 0);
	check_stays_stopped(fp, 0);
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), 0);
	fake_port_check_runs(fp, 0);
	end(fp);
}

/* The ring is stopped then, and the queue is not, or the stop would not reach the driver. */
static void
stopped_between_two_attempts(void)
{
	struct fake_port *fp = begin("recovery=auto", NULL);

	fake_vu_rule(fp->vu, VU_SET_VRING_NUM, 0, 100, VU_REFUSE);
	break_rx(fp, 0);
	wait_xstat_least(fp, "rx_q0_recovery_failed", 2);
	CHECK_EQ(fake_port_rx_state(fp, 0), RTE_ETH_QUEUE_STATE_STARTED);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
	fake_vu_obey(fp->vu);
	check_stays_stopped(fp, 0);
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), 0);
	fake_port_check_runs(fp, 0);
	end(fp);
}

struct stop {
	struct fake_port *fp;
	bool called;
};

static void *
stop_on_another_thread(void *arg)
{
	struct stop *stop = arg;

	__atomic_store_n(&stop->called, true, __ATOMIC_RELEASE);
	return (void *)(intptr_t)rte_eth_dev_rx_queue_stop(stop->fp->port, 0);
}

static void
stopped_within_an_attempt(void)
{
	struct fake_port *fp = begin("recovery=auto", NULL);
	struct stop stop = { .fp = fp };
	pthread_t thread;
	void *ret;

	fake_vu_rule(fp->vu, VU_SET_VRING_NUM, 0, 1, VU_HALF_AND_HOLD);
	break_rx(fp, 0);
	fake_vu_wait_held(fp->vu);
	CHECK_EQ(pthread_create(&thread, NULL, stop_on_another_thread, &stop), 0);
	while (!__atomic_load_n(&stop.called, __ATOMIC_ACQUIRE))
		usleep(100);
	/* It has some time to get to where it waits; without, it comes after the attempt. */
	usleep(10000);
	fake_vu_release(fp->vu);
	CHECK_EQ(pthread_join(thread, &ret), 0);
	CHECK_EQ((intptr_t)ret, 0);
	CHECK(!fake_vu_is_enabled(fp->vu, 0));
	check_stays_stopped(fp, 0);
	end(fp);
}

/* A lie that is found while the application's own stop waits, which then is not proven. */
static void
stop_that_fails_is_not_made_a_restart(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){
		.args = "recovery=auto,tx_drain_us=20000", .timeout_ms = 200,
	});

	CHECK_EQ(fake_port_send(fp, 0, 3), 3);
	CHECK_EQ(fake_port_take(fp, 0, false), 3);
	ring_device_use_raw(fake_vu_ring(fp->vu, 1), FAKE_PORT_SIZE, 0);
	fake_vu_rule(fp->vu, VU_GET_VRING_BASE, 0, 1, VU_HOLD);
	CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, 0), -ETIMEDOUT);
	fake_vu_obey(fp->vu);
	fake_vu_release(fp->vu);
	let_alarms_go_off();
	CHECK_EQ(fake_port_xstat(fp, "tx_q0_broken"), 1);
	CHECK_EQ(fake_port_xstat(fp, "tx_q0_recovered"), 0);
	CHECK_EQ(fake_port_xstat(fp, "tx_q0_recovery_failed"), 0);
	CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, 0), 0);
	fp->tx_next[0] = fp->took[0];
	CHECK_EQ(rte_eth_dev_tx_queue_start(fp->port, 0), 0);
	fake_port_check_runs(fp, 0);
	fake_port_destroy(fp);
}

/* A port that starts anew has forgotten what was planned: a deferred queue stays stopped. */
static void
plan_ends_with_the_port(void)
{
	struct fake_port *fp =
		fake_port_create(&(struct fake_port_conf){ .args = "recovery=auto" });
	const struct rte_eth_rxconf deferred = { .rx_deferred_start = 1 };

	CHECK_EQ(rte_eth_rx_queue_setup(fp->port, 0, FAKE_PORT_SIZE, SOCKET_ID_ANY, &deferred,
					fp->rx_pool[0]), 0);
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), 0);
	fake_vu_rule(fp->vu, VU_SET_VRING_NUM, 0, 2, VU_REFUSE);
	break_rx(fp, 0);
	wait_xstat_least(fp, "rx_q0_recovery_failed", 2);
	CHECK_EQ(rte_eth_dev_stop(fp->port), 0);
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	check_stays_stopped(fp, 0);
	/* Nor does another queue's error bring it up. */
	break_rx(fp, 1);
	wait_xstat(fp, "rx_q1_recovered", 1);
	check_stays_stopped(fp, 0);
	fake_port_destroy(fp);
}

/* Refused and refused, it comes later and later: after 1, 10, 20 and 40 ms. */
static void
attempts_become_rare(void)
{
	struct fake_port *fp = begin("recovery=auto", NULL);
	const uint64_t start = rte_get_timer_cycles();

	fake_vu_rule(fp->vu, VU_SET_VRING_NUM, 0, 100, VU_REFUSE);
	break_rx(fp, 0);
	wait_xstat_least(fp, "rx_q0_recovery_failed", 4);
	CHECK(rte_get_timer_cycles() - start >= rte_get_timer_hz() * 70 / 1000);
	fake_vu_obey(fp->vu);
	end(fp);
}

static void
driver_restarts_one_that_is_not_served(void)
{
	struct fake_port *fp = begin("recovery=auto", NULL);

	CHECK_EQ(fake_port_send(fp, 1, 3), 3);
	wait_xstat(fp, "tx_q1_recovered", 1);
	CHECK_EQ(fake_port_xstat(fp, "tx_q1_unserved"), 1);
	CHECK_EQ(fake_port_xstat(fp, "tx_q1_reset_dropped"), 3);
	fp->tx_next[1] = fp->took[1];
	fake_port_check_runs(fp, 1);
	end(fp);
}

static struct rte_mempool *
pool_of_one_thread(struct rte_mempool *instead_of, const char *handler)
{
	struct rte_mempool *pool = rte_pktmbuf_pool_create_by_ops(handler, FAKE_PORT_BUFFERS, 0, 0,
		RTE_PKTMBUF_HEADROOM + FAKE_PORT_ROOM, SOCKET_ID_ANY, handler);

	CHECK(pool != NULL);
	rte_mempool_free(instead_of);
	return pool;
}

/* The driver's thread would be a second producer or consumer: the application restarts these. */
static void
refused_for_pools_of_one_thread(void)
{
	struct fake_port *fp =
		fake_port_create(&(struct fake_port_conf){ .args = "recovery=auto" });
	const time_t start = time(NULL);

	fp->rx_pool[0] = pool_of_one_thread(fp->rx_pool[0], "ring_mp_sc");
	CHECK_EQ(fake_port_setup_rx(fp, 0, FAKE_PORT_SIZE), 0);
	fp->tx_pool[0] = pool_of_one_thread(fp->tx_pool[0], "ring_sp_mc");
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	break_rx(fp, 0);
	CHECK_EQ(fake_port_send(fp, 0, 3), 3);
	break_tx(fp, 0);
	while (test_logged("recovery=auto does not restart the queue") < 2) {
		CHECK(time(NULL) - start < 60);
		usleep(1000);
	}
	CHECK_EQ(test_logged("rx queue 0: recovery=auto does not"), 1);
	CHECK_EQ(test_logged("tx queue 0: recovery=auto does not"), 1);
	let_alarms_go_off();
	CHECK_EQ(fake_port_xstat(fp, "rx_q0_recovered"), 0);
	CHECK_EQ(fake_port_xstat(fp, "tx_q0_recovered"), 0);
	CHECK_EQ(fake_port_receive(fp, 0), 0);
	/* A queue with another pool is restarted. */
	break_rx(fp, 1);
	wait_xstat(fp, "rx_q1_recovered", 1);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), 0);
	CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, 0), 0);
	CHECK_EQ(rte_eth_dev_tx_queue_start(fp->port, 0), 0);
	fp->tx_next[0] = fp->took[0];
	fake_port_check_runs(fp, 0);
	fake_port_destroy(fp);
}

/* The same of a queue that is not served: its gate is opened again. */
static void
refused_queue_goes_on(void)
{
	struct fake_port *fp =
		fake_port_create(&(struct fake_port_conf){ .args = "recovery=auto" });
	const time_t start = time(NULL);

	fp->tx_pool[1] = pool_of_one_thread(fp->tx_pool[1], "ring_sp_sc");
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	CHECK_EQ(fake_port_send(fp, 1, 3), 3);
	while (test_logged("tx queue 1: recovery=auto does not restart the queue") == 0) {
		CHECK(time(NULL) - start < 60);
		usleep(1000);
	}
	CHECK_EQ(fake_port_take(fp, 1, true), 3);
	fake_port_check_runs(fp, 1);
	fake_port_destroy(fp);
}

/* Without a way to stop queues there is nothing to be tried. */
static void
nothing_is_tried_where_nothing_can_be(void)
{
	struct fake_port *fp = fake_port_start(
		&(struct fake_port_conf){ .method = "off", .args = "recovery=auto" });

	CHECK_EQ(test_logged("recovery=auto has no effect"), 1);
	test_forget_log();
	break_rx(fp, 0);
	let_alarms_go_off();
	CHECK_EQ(fake_port_xstat(fp, "rx_q0_broken"), 1);
	CHECK_EQ(test_logged("recovery failed"), 0);
	fake_port_destroy(fp);
}

/* The back-end dies in the driver's own start: the next one brings the queue up with the others. */
static void
next_back_end_finds_the_queue_started(void)
{
	struct fake_port *fp = fake_port_start(
		&(struct fake_port_conf){ .server = true, .args = "recovery=auto" });
	const time_t start = time(NULL);

	fp->vu->once = true;
	fake_vu_rule(fp->vu, VU_SET_VRING_NUM, 0, 1, VU_CLOSE);
	break_rx(fp, 0);
	wait_xstat_least(fp, "rx_q0_recovery_failed", 1);
	fake_vu_connect_again(fp->vu);
	while (!test_logged("a back-end has connected")) {
		CHECK(time(NULL) - start < 60);
		usleep(1000);
	}
	CHECK_EQ(fake_port_rx_state(fp, 0), RTE_ETH_QUEUE_STATE_STARTED);
	fp->got[0] = fp->rx_next[0];
	fake_port_check_runs(fp, 0);
	fake_port_check_runs(fp, 1);
	fake_port_destroy(fp);
}

static void
closed_with_an_attempt_to_come(void)
{
	struct fake_port *fp = begin("recovery=auto", NULL);

	fake_vu_rule(fp->vu, VU_SET_VRING_NUM, 0, 100, VU_REFUSE);
	break_rx(fp, 0);
	wait_xstat_least(fp, "rx_q0_recovery_failed", 3);
	fake_vu_obey(fp->vu);
	end(fp);
}

TEST_MAIN(
	TEST_WARM_UP(fake_port_warm_up),
	TEST_LAYOUTS(each_queue_is_named),
	TEST(unserved_queue_is_reported),
	TEST(wrong_questions_are_refused),
	TEST_LAYOUTS(restarted_from_within_the_event),
	TEST_LAYOUTS(driver_recovers_again_and_again),
	TEST(driver_tries_again),
	TEST(application_has_the_last_word),
	TEST(stopped_between_two_attempts),
	TEST(stopped_within_an_attempt),
	TEST(stop_that_fails_is_not_made_a_restart),
	TEST(plan_ends_with_the_port),
	TEST(attempts_become_rare),
	TEST(driver_restarts_one_that_is_not_served),
	TEST_LAYOUTS(refused_for_pools_of_one_thread),
	TEST_LAYOUTS(refused_queue_goes_on),
	TEST(nothing_is_tried_where_nothing_can_be),
	TEST(next_back_end_finds_the_queue_started),
	TEST(closed_with_an_attempt_to_come),
	TEST_LEAVES(closed_from_within_the_event)) /* ethdev keeps the call-back */
