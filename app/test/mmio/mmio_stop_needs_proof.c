/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * A ring of a virtio-mmio device is stopped when its registers show that, and not before: by
 * QueueReset when QueueReset and QueueReady are both 0, by the proposal when QueueReady reads 0.
 * Any other state of the registers is no proof, nothing is freed, and a late answer ends the stop.
 */

#include <rte_common.h>

#include "fake_mmio_device.h"
#include "stop_proof.h"

#define RINGS STOP_PROOF_RINGS
#define SIZE STOP_PROOF_SIZE

/* ---- the transport's half ----------------------------------------------------------------- */

static void *
create(const struct stop_proof_transport *over)
{
	struct fake_mmio *fake = fake_mmio_create(2, RINGS);

	CHECK_EQ(fake_mmio_open(fake, (enum virtio_mmio_stop_policy)over->variant), 0);
	return fake;
}

static struct virtio_device *
device(void *fake)
{
	return &((struct fake_mmio *)fake)->dev;
}

static void
run(void *fake, struct virtqueue *const *vqs, unsigned int n)
{
	fake_mmio_run(fake, test_packed(), vqs, n);
}

static void
destroy(void *fake)
{
	fake_mmio_destroy(fake);
}

static void
check(const void *fake)
{
	fake_mmio_check(fake);
}

static struct ring_device *
ring(void *fake, uint16_t index)
{
	return fake_mmio_ring(fake, index);
}

static void
set_answer(void *arg, uint16_t index, enum stop_proof_answer answer, unsigned int late)
{
	static const enum fake_mmio_answer answers[] = {
		[STOP_PROOF_OBEYS] = FAKE_MMIO_OBEYS, [STOP_PROOF_LATE] = FAKE_MMIO_LATE,
		[STOP_PROOF_NEVER] = FAKE_MMIO_NEVER,
	};
	struct fake_mmio *fake = arg;

	fake->queue[index].answer = answers[answer];
	fake->queue[index].late_reads = late;
}

static void
answer_now(void *fake, uint16_t index)
{
	fake_mmio_answer_now(fake, index);
}

static unsigned int
doorbells(void *fake, uint16_t index)
{
	return ((struct fake_mmio *)fake)->queue[index].notified;
}

static void
forget(void *fake)
{
	fake_mmio_forget_record(fake);
}

/* The register that a stop is written to, and that is read until it is done. */
static const char *
stop_register(const struct stop_proof_transport *over)
{
	return over->variant == VIRTIO_MMIO_STOP_PROPOSAL ? "QueueReady" : "QueueReset";
}

static unsigned int
requests(const struct stop_proof_transport *over, void *fake, uint16_t index __rte_unused)
{
	return fake_mmio_writes(fake, stop_register(over));
}

static void
check_looks(const struct stop_proof_transport *over, void *fake, uint16_t index __rte_unused,
	    unsigned int looks)
{
	CHECK_EQ(fake_mmio_reads(fake, stop_register(over)), looks);
	CHECK_EQ(fake_mmio_writes(fake, over->variant == VIRTIO_MMIO_STOP_PROPOSAL ? "QueueReset" :
				  "QueueReady"), 0);
	CHECK_EQ(fake_mmio_writes(fake, "Status"), 0);
}

static void
check_stopped(void *fake, uint16_t index)
{
	CHECK_EQ(((struct fake_mmio *)fake)->queue[index].ready, 0);
}

#define OVER(policy) { \
	.create = create, .device = device, .run = run, .destroy = destroy, .check = check, \
	.ring = ring, .set_answer = set_answer, .answer_now = answer_now, \
	.doorbells = doorbells, .forget = forget, .requests = requests, .requests_once = true, \
	.check_looks = check_looks, .check_stopped = check_stopped, .variant = policy, \
}
static const struct stop_proof_transport reset = OVER(VIRTIO_MMIO_STOP_AUTO);
static const struct stop_proof_transport proposal = OVER(VIRTIO_MMIO_STOP_PROPOSAL);

static struct fake_mmio *
up(const struct stop_proof_transport *over)
{
	stop_proof_up(over);
	return proof.fake;
}

/* ---- cases -------------------------------------------------------------------------------- */

static void
obeys_reset(void)
{
	stop_proof_obeys(&reset, 0);
}

static void
obeys_proposal(void)
{
	stop_proof_obeys(&proposal, 0);
}

static void
late_but_in_time_reset(void)
{
	stop_proof_late_but_in_time(&reset);
}

static void
late_but_in_time_proposal(void)
{
	stop_proof_late_but_in_time(&proposal);
}

static void
never_reset(void)
{
	stop_proof_never(&reset);
}

static void
never_proposal(void)
{
	stop_proof_never(&proposal);
}

static void
never_and_then_late_reset(void)
{
	stop_proof_never_and_then_late(&reset);
}

static void
never_and_then_late_proposal(void)
{
	stop_proof_never_and_then_late(&proposal);
}

/* QueueReset 0 with QueueReady 1 is not the end of a reset, 4.2.2.1. */
static void
half_a_proof_is_none(void)
{
	struct fake_mmio *fake = up(&reset);

	fake->queue[1].answer = FAKE_MMIO_HALF;
	fake->queue[1].late_reads = 4;
	CHECK_EQ(virtqueue_stop(proof.vq[1], PATIENCE_US), 0);
	CHECK_EQ(fake_mmio_reads(fake, "QueueReady"), 5);
	stop_proof_check_ready_and_restarts(1);
	stop_proof_down();
}

/* A device that has reset the ring of the trial, and takes no notice of the next write. */
static void
register_without_effect_reset(void)
{
	struct fake_mmio *fake = up(&reset);

	fake->queue[1].answer = FAKE_MMIO_DEAF;
	CHECK_EQ(virtqueue_stop(proof.vq[1], SHORT_US), -ETIMEDOUT);
	stop_proof_check_broken(1);
	stop_proof_check_runs(2);
	stop_proof_down();
}

/* As seen with Firecracker: the write is ignored, and QueueReady reads 1. */
static void
register_without_effect_proposal(void)
{
	struct fake_mmio *fake = up(&proposal);

	fake->queue[1].answer = FAKE_MMIO_DEAF;
	CHECK_EQ(virtqueue_stop(proof.vq[1], SHORT_US), -ETIMEDOUT);
	stop_proof_check_broken(1);
	stop_proof_check_runs(2);
	stop_proof_down();
}

static void
takes_it_for_an_error(const struct stop_proof_transport *over, bool proposes)
{
	struct fake_mmio *fake = up(over);

	fake->queue[1].answer = FAKE_MMIO_OBJECTS;
	/* At once: there is nothing to wait for. */
	CHECK_EQ(virtqueue_stop(proof.vq[1], PATIENCE_US), -EIO);
	CHECK_EQ(test_logged("the device reports an error after the stop of the queue"), 1);
	CHECK_EQ(test_logged("queue_reset=proposal does not suit this device"), proposes);
	stop_proof_check_broken(1);
	stop_proof_down();
}

static void
device_takes_reset_for_an_error(void)
{
	takes_it_for_an_error(&reset, false);
}

static void
device_takes_proposal_for_an_error(void)
{
	takes_it_for_an_error(&proposal, true);
}

/* All are asked before the first is waited for. */
static void
many_at_once(void)
{
	struct fake_mmio *fake = up(&reset);
	unsigned int i;

	for (i = 0; i < RINGS; i++) {
		fake->queue[i].answer = FAKE_MMIO_LATE;
		fake->queue[i].late_reads = 1;
	}
	CHECK_EQ(virtqueue_stop_many(proof.vq, 2, PATIENCE_US), 0);
	fake_mmio_check_recorded(fake,
		"QueueSel=0, QueueReset=1, QueueSel=1, QueueReset=1, "
		"QueueSel=0, QueueReset:1, Status:15, QueueSel=0, QueueReset:0, QueueReady:0, "
		"QueueSel=1, QueueReset:1, Status:15, QueueSel=1, QueueReset:0, QueueReady:0");
	stop_proof_check_runs(2);
	stop_proof_check_runs(3);
	stop_proof_down();
}

/* A start that fails ends in a reset of that ring, if the device may have enabled it. */
static void
failed_start_is_reset(void)
{
	struct fake_mmio *fake = up(&reset);

	CHECK_EQ(virtqueue_stop(proof.vq[1], PATIENCE_US), 0);
	fake->queue[1].ready_reads_zero = true;
	fake_mmio_forget_record(fake);
	CHECK_EQ(virtqueue_start(proof.vq[1], PATIENCE_US), -EIO);
	CHECK_EQ(test_logged("did not enable the queue: QueueReady reads 0x0, 0x1 was written"), 1);
	CHECK_EQ(fake_mmio_writes(fake, "QueueReset"), 1);
	fake->queue[1].ready_reads_zero = false;
	stop_proof_check_ready_and_restarts(1);
	stop_proof_down();
}

/* 4.2.2, 2.4: a device reset is over when Status reads 0, all 32 bits of it. */
static void
device_reset_is_waited_for(void)
{
	struct fake_mmio *fake = up(&reset);

	fake->never_resets = true;
	CHECK_EQ(virtio_device_reset(&fake->dev, SHORT_US), -ETIMEDOUT);
	CHECK_EQ(virtqueue_state(proof.vq[0]), VIRTQUEUE_BROKEN);
	CHECK_EQ(virtqueue_destroy(proof.vq[0]), -EBUSY);
	fake->status_during_reset = 0x100;
	CHECK_EQ(virtio_device_reset(&fake->dev, SHORT_US), -ENODEV);
	CHECK_EQ(test_logged("Status reads 0x100, which is not a valid status"), 1);
	CHECK_EQ(virtqueue_destroy(proof.vq[0]), -EBUSY);
	fake->status_during_reset = 0;
	fake->never_resets = false;
	fake->late_status = 10;
	fake_mmio_forget_record(fake);
	CHECK_EQ(virtio_device_reset(&fake->dev, PATIENCE_US), 0);
	CHECK_EQ(fake_mmio_writes(fake, "Status"), 1);
	CHECK_EQ(fake_mmio_reads(fake, "Status"), 11);
	stop_proof_down();
}

/* A stop without an end is over with the reset of the device: the next one is a new request. */
static void
device_reset_ends_a_stop(void)
{
	struct fake_mmio *fake = up(&reset);

	fake->queue[2].answer = FAKE_MMIO_NEVER;
	CHECK_EQ(virtqueue_stop(proof.vq[2], SHORT_US), -ETIMEDOUT);
	CHECK_EQ(virtio_device_reset(&fake->dev, PATIENCE_US), 0);
	fake->queue[2].answer = FAKE_MMIO_OBEYS;
	ring_poison(proof.vq[2]);
	CHECK_EQ(virtqueue_reclaim(proof.vq[2], ring_take_back, NULL), SIZE);
	fake_mmio_run(fake, test_packed(), &proof.vq[2], 1);
	fake_mmio_forget_record(fake);
	CHECK_EQ(virtqueue_stop(proof.vq[2], PATIENCE_US), 0);
	CHECK_EQ(fake_mmio_writes(fake, "QueueReset"), 1);
	stop_proof_down();
}

TEST_MAIN(
	TEST_LAYOUTS(obeys_reset),
	TEST_LAYOUTS(obeys_proposal),
	TEST_LAYOUTS(late_but_in_time_reset),
	TEST_LAYOUTS(late_but_in_time_proposal),
	TEST_LAYOUTS(never_reset),
	TEST_LAYOUTS(never_proposal),
	TEST_LAYOUTS(never_and_then_late_reset),
	TEST_LAYOUTS(never_and_then_late_proposal),
	TEST_LAYOUTS(half_a_proof_is_none),
	TEST_LAYOUTS(register_without_effect_reset),
	TEST_LAYOUTS(register_without_effect_proposal),
	TEST_LAYOUTS(device_takes_reset_for_an_error),
	TEST_LAYOUTS(device_takes_proposal_for_an_error),
	TEST(many_at_once),
	TEST_LAYOUTS(failed_start_is_reset),
	TEST_LAYOUTS(device_reset_is_waited_for),
	TEST_LAYOUTS(device_reset_ends_a_stop),
)
