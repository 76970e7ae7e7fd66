/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * How rings of a virtio-mmio device are stopped is chosen once, and the log has one line with the
 * reason. QueueReset is used only on a device that has reset an empty ring by it: devices exist
 * that offer VIRTIO_F_RING_RESET and have no such register, or registers that always read 0. Where
 * there is no way, RING_RESET is not acknowledged, and neither register is written any more.
 */

#include <string.h>

#include <rte_common.h>

#include "fake_mmio_device.h"
#include "ring.h"

#define SIZE 64
#define RESET_BIT VIRTIO_BIT(VIRTIO_F_RING_RESET)
#define QEMU_VENDOR 0x554d4551

static const struct ring_conf ring = { .size = SIZE };

struct choice {
	const char *name;
	bool not_offered;
	enum virtio_mmio_stop_policy policy;
	enum fake_mmio_answer answer; /* of the ring that the trial uses */
	uint32_t vendor;
	bool ready_reads_zero;
	enum virtio_stop_method right;
	const char *line;
};

#define ABSENT "stopped by: none (the device offers VIRTIO_F_RING_RESET, but QueueReset did not"

static const struct choice choices[] = {
	{ .name = "at once", .right = VIRTIO_STOP_MMIO_RESET,
	  .line = "stopped by: reset (the device has reset an empty ring by QueueReset)" },
	{ .name = "late", .answer = FAKE_MMIO_LATE, .right = VIRTIO_STOP_MMIO_RESET,
	  .line = "stopped by: reset" },
	/* QEMU 7.2 to 11.1: the bit is offered, the register is not there. */
	{ .name = "no register", .answer = FAKE_MMIO_DEAF, .right = VIRTIO_STOP_NONE,
	  .line = ABSENT },
	{ .name = "QueueReset over too early", .answer = FAKE_MMIO_HALF,
	  .right = VIRTIO_STOP_NONE, .line = ABSENT },
	/* A register that is memory reads so too. */
	{ .name = "never", .answer = FAKE_MMIO_NEVER, .right = VIRTIO_STOP_NONE, .line = ABSENT },
	{ .name = "an error", .answer = FAKE_MMIO_OBJECTS, .right = VIRTIO_STOP_NONE,
	  .line = ABSENT },
	/* As read in libkrun. Both registers are 0 then, and nothing was reset. */
	{ .name = "QueueReady 0 always", .answer = FAKE_MMIO_DEAF, .ready_reads_zero = true,
	  .right = VIRTIO_STOP_NONE, .line = "could not run an empty ring to try QueueReset" },
	{ .name = "proposal", .policy = VIRTIO_MMIO_STOP_PROPOSAL,
	  .right = VIRTIO_STOP_MMIO_READY, .line = "stopped by: proposal (queue_reset=proposal)" },
	{ .name = "proposal on QEMU", .policy = VIRTIO_MMIO_STOP_PROPOSAL, .vendor = QEMU_VENDOR,
	  .right = VIRTIO_STOP_NONE,
	  .line = "stopped by: none (queue_reset=proposal is refused: QEMU's device continues" },
	{ .name = "a QEMU with QueueReset", .vendor = QEMU_VENDOR,
	  .right = VIRTIO_STOP_MMIO_RESET, .line = "stopped by: reset" },
	{ .name = "off", .policy = VIRTIO_MMIO_STOP_OFF, .right = VIRTIO_STOP_NONE,
	  .line = "stopped by: none (queue_reset=off)" },
	{ .name = "not offered", .not_offered = true, .right = VIRTIO_STOP_NONE,
	  .line = "stopped by: none (the device does not offer VIRTIO_F_RING_RESET)" },
	{ .name = "proposal, not offered", .not_offered = true,
	  .policy = VIRTIO_MMIO_STOP_PROPOSAL, .right = VIRTIO_STOP_NONE,
	  .line = "does not offer" },
};

/* A life with a try to stop a ring. */
static void
live(struct fake_mmio *fake, bool stops)
{
	struct virtqueue *vq[2];
	unsigned int i;

	for (i = 0; i < 2; i++)
		vq[i] = ring_create(&fake->dev, i, &ring);
	fake_mmio_run(fake, false, vq, 2);
	CHECK_EQ((fake->driver_features & RESET_BIT) != 0, stops);
	CHECK_EQ(virtio_device_stops_rings(&fake->dev), stops);
	CHECK_EQ(virtqueue_stop(vq[0], PATIENCE_US), stops ? 0 : -ENOTSUP);
	CHECK_EQ(virtqueue_state(vq[0]), stops ? VIRTQUEUE_READY : VIRTQUEUE_LIVE);
	if (stops)
		CHECK_EQ(virtqueue_start(vq[0], PATIENCE_US), 0);
	CHECK_EQ(virtio_device_reset(&fake->dev, PATIENCE_US), 0);
	for (i = 0; i < 2; i++)
		ring_destroy(vq[i]);
}

static void
choose(const struct choice *c)
{
	const bool tries = c->policy == VIRTIO_MMIO_STOP_AUTO && !c->not_offered;
	struct fake_mmio *fake = fake_mmio_create(2, 2);

	if (c->not_offered)
		fake->features &= ~RESET_BIT;
	if (c->vendor != 0)
		fake->vendor_id = c->vendor;
	fake->queue[0].answer = c->answer;
	fake->queue[0].late_reads = 3;
	fake->queue[0].ready_reads_zero = c->ready_reads_zero;
	test_forget_log();
	CHECK_EQ(fake_mmio_open(fake, c->policy), 0);
	CHECK_EQ(fake->status, 0);
	CHECK_EQ(fake->dev.stop_method, c->right);
	CHECK_EQ(test_logged("single queues are stopped by"), 1);
	if (test_logged(c->line) != 1)
		test_fail(__FILE__, __LINE__, "\"%s\": no line with \"%s\"", c->name, c->line);
	CHECK_EQ((fake->dev.offered & RESET_BIT) != 0, c->right != VIRTIO_STOP_NONE);
	CHECK_EQ(fake_mmio_writes(fake, "QueueReset"), tries && !c->ready_reads_zero);
	fake->queue[0].answer = FAKE_MMIO_OBEYS;
	fake->queue[0].ready_reads_zero = false;
	fake_mmio_forget_record(fake);
	live(fake, c->right != VIRTIO_STOP_NONE);
	if (c->right != VIRTIO_STOP_MMIO_RESET) {
		CHECK_EQ(fake_mmio_writes(fake, "QueueReset"), 0);
		CHECK_EQ(fake_mmio_reads(fake, "QueueReset"), 0);
	}
	fake_mmio_destroy(fake);
}

static void
table(void)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(choices); i++)
		choose(&choices[i]);
}

/* The ring of the trial is empty, and all of it is back before a ring with buffers is made. */
static void
trial_has_no_buffer(void)
{
	const uint64_t before = test_heap_in_use();
	struct fake_mmio *fake = fake_mmio_create(2, 2);
	uint64_t opened;

	fake->queue[0].max_size = 24;
	CHECK_EQ(fake_mmio_open(fake, VIRTIO_MMIO_STOP_OFF), 0);
	opened = test_heap_in_use() - before;
	virtio_mmio_destroy(&fake->dev);
	fake_mmio_forget_record(fake);
	CHECK_EQ(fake_mmio_open(fake, VIRTIO_MMIO_STOP_AUTO), 0);
	CHECK_EQ(fake->dev.stop_method, VIRTIO_STOP_MMIO_RESET);
	CHECK_EQ(test_heap_in_use() - before, opened);
	CHECK(strstr(fake_mmio_recorded(fake),
		     "QueueSel=0, QueueReady=1, QueueReady:1, Status=15, QueueNotify=0, "
		     "QueueSel=0, QueueReset=1, QueueSel=0, QueueReset:0, QueueReady:0, "
		     "Status=0, Status:0") != NULL);
	/* A split ring: the largest power of two, of the device's or the trial's maximum. */
	CHECK(strstr(fake_mmio_recorded(fake), "QueueSize=16") != NULL);
	fake_mmio_destroy(fake);
}

/* After a trial whose device does not confirm its reset, the ring's memory is kept. */
static void
trial_without_end_keeps_its_ring(void)
{
	struct fake_mmio *fake = fake_mmio_create(2, 2);
	const uint64_t before = test_heap_in_use();

	fake->queue[0].answer = FAKE_MMIO_OBJECTS;
	fake->resets_left = 2;
	CHECK_EQ(fake_mmio_open(fake, VIRTIO_MMIO_STOP_AUTO), -ETIMEDOUT);
	CHECK_EQ(test_logged("reset is not confirmed"), 1);
	CHECK(test_heap_in_use() > before);
	CHECK(fake->queue[0].ready);
	fake_mmio_destroy(fake);
}

/* What is not in force is not used, even where there would be a way. */
static void
bit_that_was_not_wanted(void)
{
	struct fake_mmio *fake = fake_mmio_create(2, 1);
	struct virtqueue *vq;

	CHECK_EQ(fake_mmio_open(fake, VIRTIO_MMIO_STOP_AUTO), 0);
	vq = ring_create(&fake->dev, 0, &ring);
	fake_mmio_forget_record(fake);
	CHECK_EQ(virtio_device_negotiate(&fake->dev, 0), 0);
	CHECK_EQ(fake->driver_features, VIRTIO_BIT(VIRTIO_F_VERSION_1));
	CHECK_EQ(virtio_device_start(&fake->dev, &vq, 1), 0);
	CHECK_EQ(virtqueue_stop(vq, PATIENCE_US), -ENOTSUP);
	CHECK_EQ(virtqueue_state(vq), VIRTQUEUE_LIVE);
	CHECK_EQ(fake_mmio_writes(fake, "QueueReset"), 0);
	CHECK_EQ(virtio_device_reset(&fake->dev, PATIENCE_US), 0);
	ring_destroy(vq);
	fake_mmio_destroy(fake);
}

/* A start that fails without a way to stop: no register is tried, the device reset stops it. */
static void
failed_start_without_a_way(void)
{
	struct fake_mmio *fake = fake_mmio_create(2, 2);
	struct virtqueue *vq[2];

	CHECK_EQ(fake_mmio_open(fake, VIRTIO_MMIO_STOP_OFF), 0);
	vq[0] = ring_create(&fake->dev, 0, &ring);
	vq[1] = ring_create(&fake->dev, 1, &ring);
	fake_mmio_run(fake, false, vq, 1);
	fake->queue[1].refuses_ready = true;
	CHECK_EQ(virtqueue_start(vq[1], PATIENCE_US), -EIO);
	CHECK_EQ(virtqueue_state(vq[1]), VIRTQUEUE_BROKEN);
	CHECK_EQ(fake_mmio_writes(fake, "QueueReset"), 0);
	CHECK_EQ(virtio_device_reset(&fake->dev, PATIENCE_US), 0);
	ring_destroy(vq[0]);
	ring_destroy(vq[1]);
	fake_mmio_destroy(fake);
}

TEST_MAIN(
	TEST(table),
	TEST(trial_has_no_buffer),
	TEST_LEAVES(trial_without_end_keeps_its_ring),
	TEST(bit_that_was_not_wanted),
	TEST(failed_start_without_a_way),
)
