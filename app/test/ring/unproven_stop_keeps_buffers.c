/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * Buffers here are pages that are taken away the moment they are given back. A device that writes
 * after a time-out finds its page, since nothing was given back; a device that writes after a
 * proven stop does not, which is how this test knows that it would see the one in the other.
 */

#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_common.h>

#include "ring.h"

#define SIZE 32

static const struct ring_conf ring = { .size = SIZE };

static struct fake_device *fake;
static struct virtqueue *vq;
static uint8_t *pages;
static size_t page;
static struct device_chain held[SIZE];
static unsigned int returned;
static sigjmp_buf fault;

static void
on_fault(int signal __rte_unused)
{
	siglongjmp(fault, 1);
}

/* What the device does with the buffers it has taken. */
static bool
device_writes(unsigned int i)
{
	struct sigaction act = { .sa_handler = on_fault };
	struct sigaction before;
	volatile bool there = false;

	sigaction(SIGSEGV, &act, &before);
	if (sigsetjmp(fault, 1) == 0) {
		memset(held[i].part[0].at, 0x5a, held[i].part[0].len);
		there = true;
	}
	sigaction(SIGSEGV, &before, NULL);
	return there;
}

static void
give_back(void *owner __rte_unused, void *cookie)
{
	CHECK_EQ(mprotect(cookie, page, PROT_NONE), 0);
	returned++;
}

static void
up(void)
{
	unsigned int i;

	page = sysconf(_SC_PAGESIZE);
	pages = mmap(NULL, SIZE * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(pages != MAP_FAILED);
	returned = 0;
	fake = fake_device_create(1, false);
	vq = ring_create(&fake->dev, 0, &ring);
	for (i = 0; i < SIZE; i++)
		ring_push(vq, pages + i * page, (uintptr_t)pages + i * page, page,
			  VRING_DESC_F_WRITE, false);
	ring_show(vq);
	fake_device_run(fake, &vq, 1);
	for (i = 0; i < SIZE; i++) {
		CHECK(ring_device_take(fake_ring(fake, 0), &held[i]));
		CHECK(device_writes(i));
	}
}

/* The ring is READY: all is given back, and the device cannot write any more. */
static void
check_given_back_and_down(void)
{
	unsigned int i;

	CHECK_EQ(virtqueue_state(vq), VIRTQUEUE_READY);
	CHECK_EQ(virtqueue_reclaim(vq, give_back, NULL), SIZE);
	CHECK_EQ(returned, SIZE);
	for (i = 0; i < SIZE; i++)
		CHECK(!device_writes(i));
	CHECK_EQ(virtqueue_destroy(vq), 0);
	fake_device_destroy(fake);
	munmap(pages, SIZE * page);
}

static void
check_kept(void)
{
	unsigned int i;

	CHECK_EQ(virtqueue_reclaim(vq, give_back, NULL), -EBUSY);
	CHECK_EQ(virtqueue_destroy(vq), -EBUSY);
	CHECK_EQ(returned, 0);
	for (i = 0; i < SIZE; i++)
		CHECK(device_writes(i));
}

/* The buffers, and the ring. */
static void
check_still_writable(void)
{
	unsigned int i;

	check_kept();
	for (i = 0; i < SIZE; i++)
		ring_device_use(&fake->queue[0].ring, held[i].head, page);
}

static void
proven_stop(void)
{
	up();
	CHECK_EQ(virtqueue_stop(vq, PATIENCE_US), 0);
	check_given_back_and_down();
}

static void
stop_times_out(void)
{
	up();
	fake->queue[0].answer = FAKE_NEVER;
	CHECK_EQ(virtqueue_stop(vq, SHORT_US), -ETIMEDOUT);
	check_still_writable();
	fake_answer_now(fake, 0);
	CHECK_EQ(virtqueue_stop(vq, PATIENCE_US), 0);
	check_given_back_and_down();
}

static void
stop_is_refused(void)
{
	up();
	fake->queue[0].answer = FAKE_REFUSES;
	CHECK_EQ(virtqueue_stop(vq, PATIENCE_US), -EIO);
	check_still_writable();
	fake_answer_now(fake, 0);
	CHECK_EQ(virtqueue_stop(vq, PATIENCE_US), 0);
	check_given_back_and_down();
}

static void
device_is_gone_and_goes_on(void)
{
	up();
	fake->queue[0].answer = FAKE_GONE;
	CHECK_EQ(virtqueue_stop(vq, PATIENCE_US), -ENODEV);
	check_still_writable();
	fake_answer_now(fake, 0);
	CHECK_EQ(virtqueue_stop(vq, PATIENCE_US), 0);
	check_given_back_and_down();
}

static void
broken_ring(void)
{
	up();
	CHECK(virtqueue_set_broken(vq, "a test"));
	check_still_writable();
	CHECK_EQ(virtqueue_stop(vq, PATIENCE_US), 0);
	check_given_back_and_down();
}

/* The device has stopped, and a thread of the driver still polls the ring. */
static void
ring_that_is_kept(void)
{
	up();
	CHECK_EQ(virtqueue_keep(vq), -EINVAL);
	CHECK_EQ(virtqueue_state(vq), VIRTQUEUE_LIVE);
	CHECK_EQ(virtqueue_stop(vq, PATIENCE_US), 0);
	CHECK_EQ(virtqueue_keep(vq), 0);
	check_kept();
	CHECK_EQ(virtqueue_start(vq, PATIENCE_US), -EBUSY);
	CHECK_EQ(virtqueue_keep(vq), 0);
	CHECK_EQ(virtqueue_stop(vq, PATIENCE_US), 0);
	check_given_back_and_down();
}

static void
device_reset_times_out(void)
{
	up();
	fake->reset_answer = FAKE_NEVER;
	CHECK_EQ(virtio_device_reset(&fake->dev, SHORT_US), -ETIMEDOUT);
	check_still_writable();
	fake->reset_answer = FAKE_OBEYS;
	CHECK_EQ(virtio_device_reset(&fake->dev, PATIENCE_US), 0);
	check_given_back_and_down();
}

TEST_MAIN(
	TEST(proven_stop),
	TEST(stop_times_out),
	TEST(stop_is_refused),
	TEST(device_is_gone_and_goes_on),
	TEST(broken_ring),
	TEST(ring_that_is_kept),
	TEST(device_reset_times_out),
)
