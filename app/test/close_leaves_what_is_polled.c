/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A port is closed while a thread is in a burst and does not come out: nothing is freed that the
 * thread could use next, the doorbell above all.
 */

#include <string.h>

#include <bus_vdev_driver.h>

#include "fake_pci_port.h"
#include "test.h"
#include "virtio_ethdev.h"
#include "virtio_queue.h"

static const struct fake_pci_port_conf quick = { .features = FAKE_F_CONTROL, .timeout_ms = 20 };

/* What is left behind, so that it is not taken for lost. */
static struct fake_pci_port *left;

/* As a thread would that was put to sleep right after virtio_gate_enter(). */
static void
burst_goes_on_after_the_close(void)
{
	struct fake_pci_port *fp = fake_pci_port_start(&quick);
	struct virtio_queue *q = &virtio_port(&rte_eth_devices[fp->port])->txqs[1]->q;
	struct rte_eth_stats stats;
	unsigned int before;

	left = fp;
	CHECK(virtio_gate_enter(&q->gate));
	before = fp->fake->queue[3].notified;
	CHECK_EQ(rte_vdev_uninit(fp->name), -EBUSY);
	CHECK_EQ(test_logged("closed with a thread in a burst"), 1);
	CHECK(rte_eth_stats_get(fp->port, &stats) != 0);
	/* It is the device's that was not reset: the doorbell is heard. */
	virtqueue_notify(q->vq);
	CHECK_EQ(fp->fake->queue[3].notified, before + 1);
	virtio_gate_leave(&q->gate);
	CHECK(!virtio_gate_enter(&q->gate));
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

TEST_MAIN(
	TEST_WARM_UP(burst_comes_out),
	TEST(burst_comes_out),
	TEST_LEAVES(burst_goes_on_after_the_close),
)
