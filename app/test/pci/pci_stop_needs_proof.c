/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * A ring of a virtio-pci device is stopped when its registers show that, and not
 * before: virtio 1.2 by queue_reset and queue_enable both 0, the proposal by queue_enable 0. Any
 * other state of the registers is no proof, nothing is freed, and a late answer ends the stop.
 */

#include <rte_common.h>

#include "fake_pci_device.h"
#include "stop_proof.h"

#define RINGS STOP_PROOF_RINGS
#define SIZE STOP_PROOF_SIZE

/* ---- the transport's half ----------------------------------------------------------------- */

static void *
create(const struct stop_proof_transport *over)
{
	struct fake_pci *fake = fake_pci_create(over->variant, RINGS);

	CHECK_EQ(fake_pci_open(fake, over->variant == FAKE_PCI_A ? VIRTIO_PCI_STOP_PROPOSAL :
			       VIRTIO_PCI_STOP_AUTO), 0);
	return fake;
}

static struct virtio_device *
device(void *fake)
{
	return &((struct fake_pci *)fake)->dev;
}

static void
run(void *fake, struct virtqueue *const *vqs, unsigned int n)
{
	fake_pci_run(fake, test_packed(), vqs, n);
}

static void
destroy(void *fake)
{
	fake_pci_destroy(fake);
}

static void
check(const void *fake)
{
	fake_pci_check(fake);
}

static struct ring_device *
ring(void *fake, uint16_t index)
{
	return fake_pci_ring(fake, index);
}

static void
set_answer(void *arg, uint16_t index, enum stop_proof_answer answer, unsigned int late)
{
	static const enum fake_pci_answer answers[] = {
		[STOP_PROOF_OBEYS] = FAKE_PCI_OBEYS, [STOP_PROOF_LATE] = FAKE_PCI_LATE,
		[STOP_PROOF_NEVER] = FAKE_PCI_NEVER,
	};
	struct fake_pci *fake = arg;

	fake->queue[index].answer = answers[answer];
	fake->queue[index].late_reads = late;
}

static void
answer_now(void *fake, uint16_t index)
{
	fake_pci_answer_now(fake, index);
}

static unsigned int
doorbells(void *fake, uint16_t index)
{
	return ((struct fake_pci *)fake)->queue[index].notified;
}

static void
forget(void *fake)
{
	fake_pci_forget_record(fake);
}

/* The register that a stop is written to, and that is read until it is done. */
static const char *
stop_register(const struct stop_proof_transport *over)
{
	return over->variant == FAKE_PCI_A ? "queue_enable" : "queue_reset";
}

static unsigned int
requests(const struct stop_proof_transport *over, void *fake, uint16_t index __rte_unused)
{
	return fake_pci_writes(fake, stop_register(over));
}

static void
check_looks(const struct stop_proof_transport *over, void *fake, uint16_t index __rte_unused,
	    unsigned int looks)
{
	CHECK_EQ(fake_pci_reads(fake, stop_register(over)), looks);
	CHECK_EQ(fake_pci_writes(fake, over->variant == FAKE_PCI_A ? "queue_reset" :
				 "queue_enable"), 0);
	CHECK_EQ(fake_pci_writes(fake, "device_status"), 0);
}

static void
check_stopped(void *fake, uint16_t index)
{
	CHECK_EQ(((struct fake_pci *)fake)->queue[index].enable, 0);
}

#define OVER(revision) { \
	.create = create, .device = device, .run = run, .destroy = destroy, .check = check, \
	.ring = ring, .set_answer = set_answer, .answer_now = answer_now, \
	.doorbells = doorbells, .forget = forget, .requests = requests, .requests_once = true, \
	.check_looks = check_looks, .check_stopped = check_stopped, .variant = revision, \
}
static const struct stop_proof_transport over[] = {
	[FAKE_PCI_A] = OVER(FAKE_PCI_A),
	[FAKE_PCI_B] = OVER(FAKE_PCI_B),
	[FAKE_PCI_C] = OVER(FAKE_PCI_C),
};

static struct fake_pci *
up(enum fake_pci_revision revision)
{
	stop_proof_up(&over[revision]);
	return proof.fake;
}

/* ---- cases -------------------------------------------------------------------------------- */

static void
obeys_c(void)
{
	stop_proof_obeys(&over[FAKE_PCI_C], 0);
}

static void
obeys_a(void)
{
	stop_proof_obeys(&over[FAKE_PCI_A], 0);
}

static void
late_but_in_time_c(void)
{
	stop_proof_late_but_in_time(&over[FAKE_PCI_C]);
}

static void
late_but_in_time_a(void)
{
	stop_proof_late_but_in_time(&over[FAKE_PCI_A]);
}

static void
never_and_then_late_c(void)
{
	stop_proof_never_and_then_late(&over[FAKE_PCI_C]);
}

static void
never_and_then_late_a(void)
{
	stop_proof_never_and_then_late(&over[FAKE_PCI_A]);
}

/* queue_reset 0 with queue_enable 1 is not the end of a reset, 4.1.4.3.1. */
static void
half_a_proof_is_none(void)
{
	struct fake_pci *fake = up(FAKE_PCI_C);

	fake->queue[1].answer = FAKE_PCI_HALF;
	fake->queue[1].late_reads = 4;
	CHECK_EQ(virtqueue_stop(proof.vq[1], PATIENCE_US), 0);
	CHECK_EQ(fake_pci_reads(fake, "queue_enable"), 5);
	stop_proof_check_ready_and_restarts(1);
	stop_proof_down();
}

static void
register_without_effect(enum fake_pci_revision revision)
{
	struct fake_pci *fake = up(revision);

	fake->queue[1].answer = FAKE_PCI_DEAF;
	CHECK_EQ(virtqueue_stop(proof.vq[1], SHORT_US), -ETIMEDOUT);
	stop_proof_check_broken(1);
	stop_proof_check_runs(2);
	stop_proof_down();
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

/* It reads 1 when it is done, as does a device that still resets. */
static void
interim_revision_times_out(void)
{
	up(FAKE_PCI_B);
	CHECK_EQ(virtqueue_stop(proof.vq[3], SHORT_US), -ETIMEDOUT);
	CHECK_EQ(test_logged("did not confirm"), 1);
	stop_proof_check_broken(3);
	stop_proof_down();
}

static void
device_takes_it_for_an_error(void)
{
	const struct ring_conf ring = { .size = SIZE, .packed = test_packed() };
	struct buffer b = { 0 };
	struct fake_pci *fake = fake_pci_create(FAKE_PCI_C, 1);
	struct virtqueue *vq;

	fake->queue[0].answer = FAKE_PCI_OBJECTS;
	CHECK_EQ(fake_pci_open(fake, VIRTIO_PCI_STOP_PROPOSAL), 0);
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
	struct fake_pci *fake = up(FAKE_PCI_C);
	unsigned int i;

	for (i = 0; i < RINGS; i++) {
		fake->queue[i].answer = FAKE_PCI_LATE;
		fake->queue[i].late_reads = 1;
	}
	CHECK_EQ(virtqueue_stop_many(proof.vq, 2, PATIENCE_US), 0);
	fake_pci_check_recorded(fake,
		"queue_select=0, queue_reset=1, queue_select=1, queue_reset=1, "
		"queue_select=0, queue_reset:1, device_status:15, "
		"queue_select=0, queue_reset:0, queue_enable:0, "
		"queue_select=1, queue_reset:1, device_status:15, "
		"queue_select=1, queue_reset:0, queue_enable:0");
	stop_proof_check_runs(2);
	stop_proof_check_runs(3);
	stop_proof_down();
}

/* A start that fails at a step ends in a reset of that ring, with all that was set for it. */
static void
failed_start_is_reset(void)
{
	unsigned int step;

	for (step = 0; step < 3; step++) {
		struct fake_pci *fake = up(FAKE_PCI_C);
		struct fake_pci_queue *q = &fake->queue[1];

		virtio_pci_set_queue_vector(&fake->dev, 1, 9);
		CHECK_EQ(virtqueue_stop(proof.vq[1], PATIENCE_US), 0);
		q->keeps_size = step == 0;
		q->refuses_vector = step == 1;
		q->refuses_enable = step == 2;
		fake_pci_forget_record(fake);
		CHECK_EQ(virtqueue_start(proof.vq[1], PATIENCE_US),
			 step == 0 ? -EINVAL : step == 1 ? -EBUSY : -EIO);
		CHECK_EQ(fake_pci_writes(fake, "queue_reset"), 1);
		CHECK_EQ(q->notified, 1);
		q->keeps_size = false;
		q->refuses_vector = false;
		q->refuses_enable = false;
		stop_proof_check_ready_and_restarts(1);
		stop_proof_down();
	}
}

/* 4.1.4.3.2: a device reset is over when the status reads 0. */
static void
device_reset_is_waited_for(void)
{
	struct fake_pci *fake = up(FAKE_PCI_C);

	fake->never_resets = true;
	CHECK_EQ(virtio_device_reset(&fake->dev, SHORT_US), -ETIMEDOUT);
	CHECK_EQ(virtqueue_state(proof.vq[0]), VIRTQUEUE_BROKEN);
	CHECK_EQ(virtqueue_destroy(proof.vq[0]), -EBUSY);
	fake->never_resets = false;
	fake->late_status = 10;
	fake_pci_forget_record(fake);
	CHECK_EQ(virtio_device_reset(&fake->dev, PATIENCE_US), 0);
	CHECK_EQ(fake_pci_writes(fake, "device_status"), 1);
	CHECK_EQ(fake_pci_reads(fake, "device_status"), 11);
	stop_proof_down();
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
