/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * tx_drain_us: a transmit stop lets the device send what it has before it is asked to let go.
 * rx_drain_us: what the device has written when it lets go can still be polled, and nothing new is
 * given to it meanwhile. Both have an end, and what is lost then is counted.
 */

#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fake_port.h"
#include "test.h"
#include "virtio_queue.h"

#define PACKETS 20

/* More than the refill threshold of a ring of FAKE_PORT_SIZE. */
#define FRAMES 40

static void
patience(time_t start)
{
	CHECK(time(NULL) - start < 60);
	usleep(100);
}

/* ---- transmit ----------------------------------------------------------------------------- */

/* A device that is slower than the application: it sends once the queue is being stopped. */
static void *
send_when_stopping(void *arg)
{
	struct fake_port *fp = arg;
	struct ring_device *rd = fake_vu_ring(fp->vu, 1);
	const time_t start = time(NULL);
	unsigned int i;

	/* Bursts are not let in any more. */
	while (rte_eth_tx_descriptor_status(fp->port, 0, 0) != RTE_ETH_TX_DESC_UNAVAIL)
		patience(start);
	for (i = 0; i < PACKETS; i++)
		ring_device_use(rd, i, 0);
	return NULL;
}

static void
packets_are_sent(void)
{
	struct fake_port *fp = fake_port_start(
		&(struct fake_port_conf){ .args = "tx_drain_us=1000000,log_resets=1" });
	pthread_t thread;

	CHECK_EQ(fake_port_send(fp, 0, PACKETS), PACKETS);
	CHECK_EQ(fake_port_take(fp, 0, false), PACKETS);
	CHECK_EQ(pthread_create(&thread, NULL, send_when_stopping, fp), 0);
	CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, 0), 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(fake_port_xstat(fp, "tx_q0_reset_dropped"), 0);
	fake_port_check_in_use(fp->tx_pool[0], 0);
	CHECK(fake_port_xstat(fp, "tx_q0_reset_drain_ns") > 0);
	CHECK_EQ(test_logged("tx queue 0 stopped in"), 1);
	CHECK_EQ(test_logged("; 0 packets dropped"), 1);
	CHECK_EQ(rte_eth_dev_tx_queue_start(fp->port, 0), 0);
	CHECK_EQ(test_logged("tx queue 0 started in"), 1);
	fake_port_check_runs(fp, 0);
	fake_port_destroy(fp);
}

/* The device has sent some, and sends no more. */
static void
device_that_does_not_send_is_not_waited_for(void)
{
	struct fake_port *fp =
		fake_port_start(&(struct fake_port_conf){ .args = "tx_drain_us=1000" });
	struct ring_device *rd = fake_vu_ring(fp->vu, 1);

	CHECK_EQ(fake_port_send(fp, 0, PACKETS), PACKETS);
	CHECK_EQ(fake_port_take(fp, 0, false), PACKETS);
	ring_device_use(rd, 0, 0);
	ring_device_use(rd, 1, 0);
	CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, 0), 0);
	CHECK_EQ(fake_port_xstat(fp, "tx_q0_reset_dropped"), PACKETS - 2);
	fake_port_check_in_use(fp->tx_pool[0], 0);
	CHECK_EQ(rte_eth_dev_tx_queue_start(fp->port, 0), 0);
	fake_port_check_runs(fp, 0);
	fake_port_destroy(fp);
}

/* A device that lies while it is waited for. */
static void
lie_ends_the_wait(void)
{
	struct fake_port *fp =
		fake_port_start(&(struct fake_port_conf){ .args = "tx_drain_us=1000000" });

	CHECK_EQ(fake_port_send(fp, 0, PACKETS), PACKETS);
	CHECK_EQ(fake_port_take(fp, 0, false), PACKETS);
	ring_device_use_raw(fake_vu_ring(fp->vu, 1), FAKE_PORT_SIZE, 0);
	CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, 0), 0);
	CHECK_EQ(fake_port_xstat(fp, "tx_q0_reset_dropped"), PACKETS);
	fake_port_check_in_use(fp->tx_pool[0], 0);
	CHECK_EQ(rte_eth_dev_tx_queue_start(fp->port, 0), 0);
	fake_port_check_runs(fp, 0);
	fake_port_destroy(fp);
}

/* ---- receive ------------------------------------------------------------------------------ */

static void *
stop_rx(void *arg)
{
	const struct fake_port *fp = arg;

	return (void *)(intptr_t)rte_eth_dev_rx_queue_stop(fp->port, 0);
}

static void
write_frames(struct fake_port *fp)
{
	unsigned int i;

	for (i = 0; i < FRAMES; i++)
		fake_port_write(fp, 0, 64 + i);
}

static void
receive_all(struct fake_port *fp)
{
	const time_t start = time(NULL);

	while (fp->got[0] < fp->rx_next[0]) {
		if (fake_port_receive(fp, 0) == 0)
			patience(start);
	}
}

static void
frames_are_polled(void)
{
	struct fake_port *fp =
		fake_port_start(&(struct fake_port_conf){ .args = "rx_drain_us=1000000" });
	pthread_t thread;
	void *ret;

	write_frames(fp);
	fake_vu_rule(fp->vu, VU_GET_VRING_BASE, 0, 1, VU_HALF_AND_HOLD);
	CHECK_EQ(pthread_create(&thread, NULL, stop_rx, fp), 0);
	/* Asked, and not proven: polling goes on, refilling does not. */
	fake_vu_wait_held(fp->vu);
	CHECK(fake_port_receive(fp, 0) > 0);
	fake_port_check_in_use(fp->rx_pool[0], FAKE_PORT_SIZE - fp->got[0]);
	fake_vu_release(fp->vu);
	receive_all(fp);
	CHECK_EQ(pthread_join(thread, &ret), 0);
	CHECK_EQ((intptr_t)ret, 0);
	CHECK_EQ(fake_port_xstat(fp, "rx_q0_reset_dropped"), 0);
	CHECK_EQ(fake_port_xstat(fp, "rx_q0_good_packets"), FRAMES);
	fake_port_check_in_use(fp->rx_pool[0], 0);
	/* Refilled as ever in its next life. */
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), 0);
	write_frames(fp);
	receive_all(fp);
	fake_port_check_in_use(fp->rx_pool[0], FAKE_PORT_SIZE);
	write_frames(fp);
	receive_all(fp);
	fake_port_destroy(fp);
}

/* Packets that came one by one: a burst that brings nothing would refill a packed ring. */
static void
slow_ring_is_not_refilled(void)
{
	struct fake_port *fp =
		fake_port_start(&(struct fake_port_conf){ .args = "rx_drain_us=1000000" });
	pthread_t thread;
	unsigned int i;
	void *ret;

	for (i = 0; i < 4; i++) {
		fake_port_write(fp, 0, 100);
		CHECK_EQ(fake_port_receive(fp, 0), 1);
	}
	fake_port_write(fp, 0, 100);
	fake_vu_rule(fp->vu, VU_GET_VRING_BASE, 0, 1, VU_HALF_AND_HOLD);
	CHECK_EQ(pthread_create(&thread, NULL, stop_rx, fp), 0);
	fake_vu_wait_held(fp->vu);
	CHECK_EQ(fake_port_receive(fp, 0), 1);
	CHECK_EQ(fake_port_receive(fp, 0), 0);
	fake_port_check_in_use(fp->rx_pool[0], FAKE_PORT_SIZE - 5);
	fake_vu_release(fp->vu);
	CHECK_EQ(pthread_join(thread, &ret), 0);
	CHECK_EQ((intptr_t)ret, 0);
	fake_port_check_in_use(fp->rx_pool[0], 0);
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), 0);
	fake_port_check_runs(fp, 0);
	fake_port_destroy(fp);
}

static void
frames_that_nobody_polls_are_counted(void)
{
	struct fake_port *fp =
		fake_port_start(&(struct fake_port_conf){ .args = "rx_drain_us=1000" });

	write_frames(fp);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
	CHECK_EQ(fake_port_receive(fp, 0), 0);
	CHECK_EQ(fake_port_xstat(fp, "rx_q0_reset_dropped"), FRAMES);
	fake_port_check_in_use(fp->rx_pool[0], 0);
	fp->got[0] = fp->rx_next[0];
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), 0);
	fake_port_check_runs(fp, 0);
	fake_port_destroy(fp);
}

/* Nothing to be polled for: with nobody to poll, the stop is over all the same. */
static void
empty_ring_is_not_waited_for(void)
{
	struct fake_port *fp = fake_port_start(
		&(struct fake_port_conf){ .args = "rx_drain_us=1000000,tx_drain_us=1000000" });
	unsigned int i;

	for (i = 0; i < 100; i++) {
		CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
		CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, 0), 0);
		CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), 0);
		CHECK_EQ(rte_eth_dev_tx_queue_start(fp->port, 0), 0);
		fake_port_check_runs(fp, 0);
	}
	CHECK(fake_port_xstat(fp, "rx_q0_reset_drain_p99_ns") < 1000000000);
	CHECK(fake_port_xstat(fp, "tx_q0_reset_drain_p99_ns") < 1000000000);
	fake_port_destroy(fp);
}

/* A lie that is found while the ring is being drained is the end of polling, not of the stop. */
static void
lie_ends_polling(void)
{
	struct fake_port *fp =
		fake_port_start(&(struct fake_port_conf){ .args = "rx_drain_us=1000000" });
	pthread_t thread;
	void *ret;

	fake_port_write(fp, 0, 100);
	ring_device_use_raw(fake_vu_ring(fp->vu, 0), FAKE_PORT_SIZE, 100);
	fake_vu_rule(fp->vu, VU_GET_VRING_BASE, 0, 1, VU_HALF_AND_HOLD);
	CHECK_EQ(pthread_create(&thread, NULL, stop_rx, fp), 0);
	fake_vu_wait_held(fp->vu);
	CHECK_EQ(fake_port_receive(fp, 0), 1);
	CHECK_EQ(fake_port_receive(fp, 0), 0);
	fake_vu_release(fp->vu);
	CHECK_EQ(pthread_join(thread, &ret), 0);
	CHECK_EQ((intptr_t)ret, 0);
	fake_port_check_in_use(fp->rx_pool[0], 0);
	CHECK_EQ(fake_port_rx_state(fp, 0), RTE_ETH_QUEUE_STATE_STOPPED);
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), 0);
	fake_port_check_runs(fp, 0);
	fake_port_destroy(fp);
}

/* Somebody stays in the queue after the device has let go: nothing is freed under it. */
static void
thread_that_stays_keeps_the_buffers(void)
{
	struct fake_port *fp = fake_port_start(
		&(struct fake_port_conf){ .args = "rx_drain_us=1000", .timeout_ms = 200 });
	struct virtio_rxq *rxq = rte_eth_devices[fp->port].data->rx_queues[0];
	pthread_t thread;
	void *ret;

	write_frames(fp);
	fake_vu_rule(fp->vu, VU_GET_VRING_BASE, 0, 1, VU_HALF_AND_HOLD);
	CHECK_EQ(pthread_create(&thread, NULL, stop_rx, fp), 0);
	fake_vu_wait_held(fp->vu);
	CHECK(virtio_gate_enter_query(&rxq->q.gate));
	fake_vu_release(fp->vu);
	CHECK_EQ(pthread_join(thread, &ret), 0);
	CHECK_EQ((intptr_t)ret, -ETIMEDOUT);
	CHECK_EQ(fake_port_rx_state(fp, 0), RTE_ETH_QUEUE_STATE_STARTED);
	CHECK_EQ(fake_port_receive(fp, 0), 0);
	fake_port_check_in_use(fp->rx_pool[0], FAKE_PORT_SIZE);
	virtio_gate_leave_query(&rxq->q.gate);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
	CHECK_EQ(fake_port_xstat(fp, "rx_q0_reset_dropped"), FRAMES);
	fake_port_check_in_use(fp->rx_pool[0], 0);
	fp->got[0] = fp->rx_next[0];
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), 0);
	fake_port_check_runs(fp, 0);
	fake_port_destroy(fp);
}

/* No proof in time: out of service as without a drain, and recovered by the next stop. */
static void
no_proof_while_polled(void)
{
	struct fake_port *fp = fake_port_start(
		&(struct fake_port_conf){ .args = "rx_drain_us=1000000", .timeout_ms = 50 });

	write_frames(fp);
	fake_vu_rule(fp->vu, VU_GET_VRING_BASE, 0, 1, VU_HOLD);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), -ETIMEDOUT);
	CHECK_EQ(fake_port_receive(fp, 0), 0);
	fake_port_check_in_use(fp->rx_pool[0], FAKE_PORT_SIZE);
	fake_vu_release(fp->vu);
	fake_vu_wait_quiet(fp->vu);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
	CHECK_EQ(fake_port_xstat(fp, "rx_q0_reset_dropped"), FRAMES);
	fake_port_check_in_use(fp->rx_pool[0], 0);
	fp->got[0] = fp->rx_next[0];
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), 0);
	fake_port_check_runs(fp, 0);
	fake_port_destroy(fp);
}

/* Of the last 128, of which the 99th percentile is the second largest. */
static void
percentile_is_that_of_the_last_ones(void)
{
	struct virtio_times times = { 0 };
	uint64_t i;

	for (i = 1; i <= 50; i++)
		virtio_times_add(&times, VIRTIO_PHASE_GATE, i);
	CHECK_EQ(times.last_ns[VIRTIO_PHASE_GATE], 50);
	CHECK_EQ(times.p99_ns[VIRTIO_PHASE_GATE], 50);
	virtio_times_add(&times, VIRTIO_PHASE_GATE, 7000);
	virtio_times_add(&times, VIRTIO_PHASE_GATE, 9000);
	CHECK_EQ(times.p99_ns[VIRTIO_PHASE_GATE], 9000);
	for (i = 52; i < VIRTIO_TIMES_KEPT; i++)
		virtio_times_add(&times, VIRTIO_PHASE_GATE, i);
	CHECK_EQ(times.p99_ns[VIRTIO_PHASE_GATE], 7000);
	for (i = 0; i < VIRTIO_TIMES_KEPT; i++)
		virtio_times_add(&times, VIRTIO_PHASE_GATE, 100 + i);
	CHECK_EQ(times.p99_ns[VIRTIO_PHASE_GATE], 100 + VIRTIO_TIMES_KEPT - 2);
	CHECK_EQ(times.last_ns[VIRTIO_PHASE_DRAIN], 0);
}

TEST_MAIN(
	TEST_WARM_UP(fake_port_warm_up),
	TEST_LAYOUTS(packets_are_sent),
	TEST_LAYOUTS(device_that_does_not_send_is_not_waited_for),
	TEST_LAYOUTS(lie_ends_the_wait),
	TEST_LAYOUTS(frames_are_polled),
	TEST_LAYOUTS(slow_ring_is_not_refilled),
	TEST_LAYOUTS(frames_that_nobody_polls_are_counted),
	TEST_LAYOUTS(empty_ring_is_not_waited_for),
	TEST_LAYOUTS(lie_ends_polling),
	TEST(thread_that_stays_keeps_the_buffers),
	TEST(percentile_is_that_of_the_last_ones),
	TEST_LAYOUTS(no_proof_while_polled))
