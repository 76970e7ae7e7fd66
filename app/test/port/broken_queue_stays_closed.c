/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * A pause that times out opens the gate of its queue again, as the queue runs on. If the burst that
 * it waited for takes the ring out of service meanwhile, the gate stays closed. An open gate would
 * let the next burst into a ring that is not to be touched. The end of a pause is the same.
 */

#include <pthread.h>

#include <rte_pause.h>

#include "fake_port.h"
#include "test.h"
#include "virtio.h"
#include "virtio_rxtx_common.h"

/* So long that the ring is taken out of service first; a test that is late passes as well. */
#define PAUSE_US 300000
#define PATIENCE_US 20000000

struct pause {
	struct virtio_queue *q;
	bool done;
	bool runs;
	pthread_t thread;
};

static struct virtio_queue *
queue(struct fake_port *fp, bool is_rx)
{
	const struct virtio_port *port = virtio_port(&rte_eth_devices[fp->port]);

	return is_rx ? &port->rxqs[0]->q : &port->txqs[0]->q;
}

static void
check_is_out_of_service(struct fake_port *fp, struct virtio_queue *q)
{
	struct rte_mbuf *m;

	CHECK_EQ(virtqueue_state(q->vq), VIRTQUEUE_BROKEN);
	CHECK(!virtio_gate_is_open(&q->gate));
	CHECK(!virtio_gate_enter(&q->gate));
	/* The device has a frame, and nobody takes it. */
	if (q->is_rx) {
		fake_port_write(fp, 0, 100);
		CHECK_EQ(rte_eth_rx_burst(fp->port, 0, &m, 1), 0);
	}
}

static void
check_comes_back(struct fake_port *fp, struct virtio_queue *q)
{
	if (q->is_rx) {
		CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
		CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), 0);
		fp->got[0] = fp->rx_next[0];
	} else {
		CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, 0), 0);
		CHECK_EQ(rte_eth_dev_tx_queue_start(fp->port, 0), 0);
	}
	fake_port_check_runs(fp, 0);
}

static void *
pause_on_thread(void *arg)
{
	struct pause *pause = arg;

	pause->done = virtio_queue_pause(pause->q, PAUSE_US, &pause->runs);
	return NULL;
}

/* This thread is the one in the burst. */
static void
pause_times_out(bool is_rx)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });
	struct pause pause = { .q = queue(fp, is_rx) };
	struct virtio_queue *q = pause.q;

	CHECK(virtio_gate_enter(&q->gate));
	CHECK_EQ(pthread_create(&pause.thread, NULL, pause_on_thread, &pause), 0);
	while (virtio_gate_is_open(&q->gate))
		rte_pause();
	virtio_queue_set_broken(q, "a test");
	CHECK_EQ(pthread_join(pause.thread, NULL), 0);
	virtio_gate_leave(&q->gate);
	CHECK(pause.runs && !pause.done);
	check_is_out_of_service(fp, q);
	check_comes_back(fp, q);
	fake_port_destroy(fp);
}

static void
pause_of_rx_times_out(void)
{
	pause_times_out(true);
}

static void
pause_of_tx_times_out(void)
{
	pause_times_out(false);
}

/* What the thread that paused the queue does with it may find the ring broken as well. */
static void
broken_within_the_pause(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });
	struct virtio_queue *q = queue(fp, false);
	bool runs = false;

	CHECK(virtio_queue_pause(q, PATIENCE_US, &runs));
	virtio_queue_set_broken(q, "a test");
	virtio_queue_resume(q);
	check_is_out_of_service(fp, q);
	check_comes_back(fp, q);
	fake_port_destroy(fp);
}

/*
 * ethdev starts no queue that is STARTED, but a burst may break the ring after ethdev has looked.
 * Nothing is posted then, as the device may still use the ring.
 */
static void
broken_queue_is_not_started(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });
	struct virtio_queue *q = queue(fp, true);
	uint16_t free_count;

	/* A place for a buffer, and none posted by a burst. */
	fake_port_write(fp, 0, 100);
	CHECK_EQ(fake_port_receive(fp, 0), 1);
	free_count = q->vq->free_count;
	CHECK(free_count > 0);
	virtio_queue_set_broken(q, "a test");
	CHECK_EQ(virtio_queue_start(q), -EBUSY);
	CHECK_EQ(q->vq->free_count, free_count);
	check_is_out_of_service(fp, q);
	check_comes_back(fp, q);
	fake_port_destroy(fp);
}

/* The opposite: the queue of a pause that timed out runs on. */
static void
sound_queue_opens_again(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });
	struct virtio_queue *q = queue(fp, false);
	bool runs = false;

	CHECK(virtio_gate_enter(&q->gate));
	CHECK(!virtio_queue_pause(q, 2000, &runs));
	virtio_gate_leave(&q->gate);
	CHECK(runs);
	CHECK(virtio_gate_is_open(&q->gate));
	fake_port_check_runs(fp, 0);
	fake_port_destroy(fp);
}

TEST_MAIN(
	TEST_WARM_UP(fake_port_warm_up),
	TEST_LAYOUTS(pause_of_rx_times_out),
	TEST_LAYOUTS(pause_of_tx_times_out),
	TEST_LAYOUTS(broken_within_the_pause),
	TEST_LAYOUTS(broken_queue_is_not_started),
	TEST_LAYOUTS(sound_queue_opens_again),
)
