/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A ring of a virtio-pci device is stopped when the device says so in its registers, and not
 * before: virtio 1.2 by queue_reset and queue_enable both 0, the proposal by queue_enable 0. Any
 * other state of the registers is no proof, nothing is freed, and a late answer heals.
 */

#include <string.h>

#include <rte_common.h>

#include "fake_pci_device.h"
#include "ring.h"

#define RINGS 4
#define SIZE 64

struct port {
	struct fake_pci *fake;
	struct virtqueue *vq[RINGS];
	struct buffer buffer[RINGS][SIZE];
};

static struct port port;

static void
fill(unsigned int i)
{
	unsigned int b;

	for (b = 0; b < SIZE; b++)
		ring_post(port.vq[i], &port.buffer[i][b], 1, VRING_DESC_F_WRITE);
	ring_show(port.vq[i]);
}

static void
port_up(enum fake_pci_revision revision)
{
	const struct ring_conf ring = { .size = SIZE, .packed = test_packed() };
	unsigned int i;

	memset(&port, 0, sizeof(port));
	port.fake = fake_pci_create(revision, RINGS);
	CHECK_EQ(fake_pci_meet(port.fake, revision == FAKE_PCI_A ? VIRTIO_PCI_STOP_PROPOSAL :
			       VIRTIO_PCI_STOP_AUTO), 0);
	for (i = 0; i < RINGS; i++) {
		port.vq[i] = ring_create(&port.fake->dev, i, &ring);
		fill(i);
	}
	fake_pci_run(port.fake, test_packed(), port.vq, RINGS);
	fake_pci_forget_record(port.fake);
}

static void
port_down(void)
{
	unsigned int i;

	CHECK_EQ(virtio_device_reset(&port.fake->dev, PATIENCE_US), 0);
	for (i = 0; i < RINGS; i++) {
		ring_destroy(port.vq[i]);
		ring_check_returned(port.buffer[i], SIZE);
	}
	fake_pci_destroy(port.fake);
}

static void
check_runs(unsigned int i)
{
	struct ring_device *rd = fake_pci_ring(port.fake, i);
	struct device_chain chain;
	struct buffer *b;
	uint32_t len;

	CHECK_EQ(virtqueue_state(port.vq[i]), VIRTQUEUE_LIVE);
	CHECK(ring_device_take(rd, &chain));
	ring_device_use(rd, chain.head, 7);
	CHECK_EQ(ring_ready(port.vq[i]), 1);
	b = ring_get(port.vq[i], &len);
	CHECK(b != NULL);
	CHECK_EQ(len, 7);
	b->returned++;
	ring_post(port.vq[i], b, 1, VRING_DESC_F_WRITE);
	ring_show(port.vq[i]);
}

static void
check_others_run(unsigned int stopped)
{
	unsigned int i;

	for (i = 0; i < RINGS; i++) {
		if (i != stopped)
			check_runs(i);
	}
	fake_pci_check(port.fake);
}

static void
check_broken(unsigned int i)
{
	unsigned int returned = 0;

	CHECK_EQ(virtqueue_state(port.vq[i]), VIRTQUEUE_BROKEN);
	CHECK_EQ(virtqueue_reclaim(port.vq[i], ring_take_back, &returned), -EBUSY);
	CHECK_EQ(returned, 0);
	CHECK_EQ(virtqueue_destroy(port.vq[i]), -EBUSY);
	CHECK_EQ(virtqueue_start(port.vq[i], PATIENCE_US), -EBUSY);
	check_others_run(i);
}

static void
check_ready_and_restarts(unsigned int i)
{
	CHECK_EQ(virtqueue_state(port.vq[i]), VIRTQUEUE_READY);
	CHECK_EQ(port.fake->queue[i].enable, 0);
	check_others_run(i);
	ring_poison(port.vq[i]);
	CHECK_EQ(virtqueue_reclaim(port.vq[i], ring_take_back, NULL), SIZE);
	ring_check_returned(port.buffer[i], SIZE);
	fill(i);
	CHECK_EQ(virtqueue_start(port.vq[i], PATIENCE_US), 0);
	check_runs(i);
	check_others_run(i);
}

/* The register is written once, and read until it is done. */
static void
check_asked_once(enum fake_pci_revision revision, unsigned int reads)
{
	const char *reg = revision == FAKE_PCI_A ? "queue_enable" : "queue_reset";

	CHECK_EQ(fake_pci_writes(port.fake, reg), 1);
	CHECK_EQ(fake_pci_reads(port.fake, reg), reads);
	CHECK_EQ(fake_pci_writes(port.fake, revision == FAKE_PCI_A ? "queue_reset" :
				 "queue_enable"), 0);
	CHECK_EQ(fake_pci_writes(port.fake, "device_status"), 0);
}

static void
obeys(enum fake_pci_revision revision)
{
	port_up(revision);
	CHECK_EQ(virtqueue_stop(port.vq[1], 0), 0);
	check_asked_once(revision, 1);
	check_ready_and_restarts(1);
	port_down();
}

static void
obeys_c(void)
{
	obeys(FAKE_PCI_C);
}

static void
obeys_a(void)
{
	obeys(FAKE_PCI_A);
}

static void
late_but_in_time(enum fake_pci_revision revision)
{
	port_up(revision);
	port.fake->queue[2].answer = FAKE_PCI_LATE;
	port.fake->queue[2].late_reads = 5;
	CHECK_EQ(virtqueue_stop(port.vq[2], PATIENCE_US), 0);
	check_asked_once(revision, 6);
	check_ready_and_restarts(2);
	port_down();
}

static void
late_but_in_time_c(void)
{
	late_but_in_time(FAKE_PCI_C);
}

static void
late_but_in_time_a(void)
{
	late_but_in_time(FAKE_PCI_A);
}

static void
never_and_then_late(enum fake_pci_revision revision)
{
	const char *reg = revision == FAKE_PCI_A ? "queue_enable" : "queue_reset";

	port_up(revision);
	port.fake->queue[0].answer = FAKE_PCI_NEVER;
	CHECK_EQ(virtqueue_stop(port.vq[0], SHORT_US), -ETIMEDOUT);
	CHECK_EQ(test_logged("did not confirm"), 1);
	check_broken(0);
	CHECK_EQ(virtqueue_stop(port.vq[0], SHORT_US), -ETIMEDOUT);
	check_broken(0);
	/* The end of the first reset is the proof: a second one is not asked for. */
	CHECK_EQ(fake_pci_writes(port.fake, reg), 1);
	fake_pci_answer_now(port.fake, 0);
	check_broken(0);
	CHECK_EQ(virtqueue_stop(port.vq[0], SHORT_US), 0);
	CHECK_EQ(fake_pci_writes(port.fake, reg), 1);
	check_ready_and_restarts(0);
	/* The next reset is a reset of its own, and not taken for done by the last one's end. */
	fake_pci_forget_record(port.fake);
	port.fake->queue[0].answer = FAKE_PCI_LATE;
	port.fake->queue[0].late_reads = 3;
	CHECK_EQ(virtqueue_stop(port.vq[0], PATIENCE_US), 0);
	check_asked_once(revision, 4);
	check_ready_and_restarts(0);
	port_down();
}

static void
never_and_then_late_c(void)
{
	never_and_then_late(FAKE_PCI_C);
}

static void
never_and_then_late_a(void)
{
	never_and_then_late(FAKE_PCI_A);
}

/* queue_reset 0 with queue_enable 1 is not the end of a reset, 4.1.4.3.1. */
static void
half_a_proof_is_none(void)
{
	port_up(FAKE_PCI_C);
	port.fake->queue[1].answer = FAKE_PCI_HALF;
	port.fake->queue[1].late_reads = 4;
	CHECK_EQ(virtqueue_stop(port.vq[1], PATIENCE_US), 0);
	CHECK_EQ(fake_pci_reads(port.fake, "queue_enable"), 5);
	check_ready_and_restarts(1);
	port_down();
}

static void
register_without_effect(enum fake_pci_revision revision)
{
	port_up(revision);
	port.fake->queue[1].answer = FAKE_PCI_DEAF;
	CHECK_EQ(virtqueue_stop(port.vq[1], SHORT_US), -ETIMEDOUT);
	check_broken(1);
	check_runs(2);
	port_down();
}

static void
register_without_effect_c(void)
{
	register_without_effect(FAKE_PCI_C);
}

static void
register_without_effect_a(void)
{
	register_without_effect(FAKE_PCI_A);
}

/* It reads 1 when it is done: not told apart from one that still resets. */
static void
interim_revision_times_out(void)
{
	port_up(FAKE_PCI_B);
	CHECK_EQ(virtqueue_stop(port.vq[3], SHORT_US), -ETIMEDOUT);
	CHECK_EQ(test_logged("did not confirm"), 1);
	check_broken(3);
	port_down();
}

static void
device_takes_it_for_an_error(void)
{
	const struct ring_conf ring = { .size = SIZE, .packed = test_packed() };
	struct buffer b = { 0 };
	struct fake_pci *fake = fake_pci_create(FAKE_PCI_C, 1);
	struct virtqueue *vq;

	fake->queue[0].answer = FAKE_PCI_OBJECTS;
	CHECK_EQ(fake_pci_meet(fake, VIRTIO_PCI_STOP_PROPOSAL), 0);
	vq = ring_create(&fake->dev, 0, &ring);
	ring_post(vq, &b, 1, VRING_DESC_F_WRITE);
	ring_show(vq);
	fake_pci_run(fake, test_packed(), &vq, 1);
	/* At once: there is nothing to wait for. */
	CHECK_EQ(virtqueue_stop(vq, PATIENCE_US), -EIO);
	CHECK_EQ(test_logged("queue_reset=proposal does not suit this device"), 1);
	CHECK_EQ(virtqueue_state(vq), VIRTQUEUE_BROKEN);
	CHECK_EQ(virtqueue_destroy(vq), -EBUSY);
	CHECK_EQ(virtio_device_reset(&fake->dev, PATIENCE_US), 0);
	ring_destroy(vq);
	ring_check_returned(&b, 1);
	fake_pci_destroy(fake);
}

/* All are asked before the first is waited for. */
static void
many_at_once(void)
{
	unsigned int i;

	port_up(FAKE_PCI_C);
	for (i = 0; i < RINGS; i++) {
		port.fake->queue[i].answer = FAKE_PCI_LATE;
		port.fake->queue[i].late_reads = 1;
	}
	CHECK_EQ(virtqueue_stop_many(port.vq, 2, PATIENCE_US), 0);
	fake_pci_check_recorded(port.fake,
		"queue_select=0, queue_reset=1, queue_select=1, queue_reset=1, "
		"queue_select=0, queue_reset:1, device_status:15, "
		"queue_select=0, queue_reset:0, queue_enable:0, "
		"queue_select=1, queue_reset:1, device_status:15, "
		"queue_select=1, queue_reset:0, queue_enable:0");
	check_runs(2);
	check_runs(3);
	port_down();
}

/* A start that fails at a step ends in a reset of that ring, with whatever was told of it. */
static void
failed_start_is_reset(void)
{
	unsigned int step;

	for (step = 0; step < 3; step++) {
		struct fake_pci_queue *q;

		port_up(FAKE_PCI_C);
		q = &port.fake->queue[1];
		virtio_pci_set_queue_vector(&port.fake->dev, 1, 9);
		CHECK_EQ(virtqueue_stop(port.vq[1], PATIENCE_US), 0);
		q->keeps_size = step == 0;
		q->refuses_vector = step == 1;
		q->refuses_enable = step == 2;
		fake_pci_forget_record(port.fake);
		CHECK_EQ(virtqueue_start(port.vq[1], PATIENCE_US),
			 step == 0 ? -EINVAL : step == 1 ? -EBUSY : -EIO);
		CHECK_EQ(fake_pci_writes(port.fake, "queue_reset"), 1);
		CHECK_EQ(q->notified, 1);
		q->keeps_size = false;
		q->refuses_vector = false;
		q->refuses_enable = false;
		check_ready_and_restarts(1);
		port_down();
	}
}

/* 4.1.4.3.2: a device reset is over when the status reads 0. */
static void
device_reset_is_waited_for(void)
{
	port_up(FAKE_PCI_C);
	port.fake->never_resets = true;
	CHECK_EQ(virtio_device_reset(&port.fake->dev, SHORT_US), -ETIMEDOUT);
	CHECK_EQ(virtqueue_state(port.vq[0]), VIRTQUEUE_BROKEN);
	CHECK_EQ(virtqueue_destroy(port.vq[0]), -EBUSY);
	port.fake->never_resets = false;
	port.fake->late_status = 10;
	fake_pci_forget_record(port.fake);
	CHECK_EQ(virtio_device_reset(&port.fake->dev, PATIENCE_US), 0);
	CHECK_EQ(fake_pci_writes(port.fake, "device_status"), 1);
	CHECK_EQ(fake_pci_reads(port.fake, "device_status"), 11);
	port_down();
}

TEST_MAIN(
	TEST_LAYOUTS(obeys_c),
	TEST_LAYOUTS(obeys_a),
	TEST_LAYOUTS(late_but_in_time_c),
	TEST_LAYOUTS(late_but_in_time_a),
	TEST_LAYOUTS(never_and_then_late_c),
	TEST_LAYOUTS(never_and_then_late_a),
	TEST_LAYOUTS(half_a_proof_is_none),
	TEST_LAYOUTS(register_without_effect_c),
	TEST_LAYOUTS(register_without_effect_a),
	TEST_LAYOUTS(interim_revision_times_out),
	TEST_LAYOUTS(device_takes_it_for_an_error),
	TEST(many_at_once),
	TEST_LAYOUTS(failed_start_is_reset),
	TEST_LAYOUTS(device_reset_is_waited_for),
)
