/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * A port is closed while a thread is in a burst and does not come out: nothing is freed that the
 * thread could use next, the doorbell above all.
 */

#include <string.h>

#include <bus_vdev_driver.h>

#include "fake_pci_port.h"
#include "fake_port.h"
#include "test.h"
#include "virtio.h"
#include "virtio_queue.h"

static const struct fake_pci_port_conf quick = { .features = FAKE_F_CONTROL, .timeout_ms = 20 };

/* What is left behind, so that it is not taken for lost. */
static struct fake_pci_port *left;
static const struct virtio_worker *volatile left_worker;

/* As a thread would that was put to sleep right after virtio_gate_enter(). */
static void
burst_goes_on_after_the_close(void)
{
	struct fake_pci_port *fp = fake_pci_port_start(&quick);
	struct virtio_port *port = virtio_port(&rte_eth_devices[fp->port]);
	struct virtio_queue *q = &port->txqs[1]->q;
	struct virtio_queue *stopped = &port->rxqs[1]->q;
	struct rte_eth_stats stats;
	unsigned int before;

	left = fp;
	left_worker = port->worker;
	/* One more thread, at the gate of a queue that was stopped: what is freed is zeroed. */
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 1), 0);
	stopped->gate.inside = 1;
	CHECK(virtio_gate_enter(&q->gate));
	before = fp->fake->queue[3].notified;
	CHECK_EQ(rte_vdev_uninit(fp->name), -EBUSY);
	CHECK_EQ(test_logged("closed while a thread is in a burst"), 1);
	CHECK(rte_eth_stats_get(fp->port, &stats) != 0);
	/* It is the device's that was not reset: the doorbell is heard. */
	virtqueue_notify(q->vq);
	CHECK_EQ(fp->fake->queue[3].notified, before + 1);
	virtio_gate_leave(&q->gate);
	CHECK(!virtio_gate_enter(&q->gate));
	CHECK_EQ(stopped->gate.inside, 1);
	CHECK(stopped->vq != NULL);
}

/* The same out in time: all is given back. */
static void
burst_comes_out(void)
{
	struct fake_pci_port *fp = fake_pci_port_start(&quick);
	struct virtio_queue *q = &virtio_port(&rte_eth_devices[fp->port])->txqs[1]->q;

	CHECK(virtio_gate_enter(&q->gate));
	virtio_gate_leave(&q->gate);
	fake_pci_port_destroy(fp);
}

/*
 * The application has released the queue, by a configuration with fewer, while a thread is still in
 * a burst of it: neither ring nor buffers are taken from under that thread.
 */
static void
released_queue_is_polled(void)
{
	const struct rte_eth_conf conf = { 0 };
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ .timeout_ms = 20 });
	struct virtio_rxq *rxq = virtio_port(&rte_eth_devices[fp->port])->rxqs[1];
	const struct virtqueue *vq = rxq->q.vq;

	CHECK(virtio_gate_enter(&rxq->q.gate));
	CHECK_EQ(rte_eth_dev_stop(fp->port), 0);
	CHECK_EQ(rte_eth_dev_configure(fp->port, 1, 1, &conf), 0);
	CHECK_EQ(rte_eth_dev_start(fp->port), -ETIMEDOUT);
	CHECK(rxq->q.vq == vq);
	fake_port_check_in_use(fp->rx_pool[1], FAKE_PORT_SIZE);
	virtio_gate_leave(&rxq->q.gate);
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	CHECK(rxq->q.vq == NULL);
	fake_port_check_in_use(fp->rx_pool[1], 0);
	fake_port_check_runs(fp, 0);
	fake_port_destroy(fp);
}

TEST_MAIN(
	TEST_WARM_UP(burst_comes_out),
	TEST(burst_comes_out),
	TEST_LAYOUTS(released_queue_is_polled),
	TEST_LEAVES(burst_goes_on_after_the_close),
)
