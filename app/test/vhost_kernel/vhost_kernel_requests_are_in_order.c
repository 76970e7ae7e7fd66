/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * Which requests the vhost-kernel transport makes, and in which order. The fake ends a case where a
 * ring is set up while it runs.
 */

#include <net/if.h>

#include "fake_vhost_kernel.h"
#include "ring.h"
#include "test.h"
#include "transport_vhost_kernel.h"
#include "vhost_user_kicks.h"
#include "virtqueue.h"
#include "virtqueue_reset.h"

#define PAIRS 2
#define RINGS (2 * PAIRS)

#define SETUP(ring) "NUM " ring "=64, BASE " ring "=0, ADDR " ring

static struct fake_vhost_kernel vk;
static struct virtio_device dev;
static struct virtqueue *vq[RINGS];

static void
create(unsigned int pairs, const char *iface, bool stops)
{
	const struct vhost_kernel_conf conf = {
		.path = "/dev/vhost-net", .iface = iface, .nb_pairs = pairs, .stops = stops,
	};

	fake_vk_begin(&vk);
	CHECK_EQ(virtio_device_init(&dev, "a test", VIRTIO_TRANSPORT_VHOST_KERNEL, 2 * pairs), 0);
	CHECK_EQ(vhost_kernel_create(&dev, &conf), 0);
}

static void
destroy(void)
{
	vhost_kernel_destroy(&dev);
	virtio_device_fini(&dev);
	fake_vk_end();
}

/* Two pairs that run. */
static void
up(void)
{
	const struct virtqueue_conf conf = { .size = 64, .node = -1 };
	unsigned int i;

	create(PAIRS, "tap3", true);
	CHECK_EQ(virtio_device_negotiate(&dev, UINT64_MAX), 0);
	for (i = 0; i < RINGS; i++)
		CHECK_EQ(virtqueue_create(&dev, i, &conf, &vq[i]), 0);
	CHECK_EQ(virtio_device_start(&dev, vq, RINGS), 0);
	vk.record[0] = '\0';
}

static void
down(void)
{
	unsigned int i;

	CHECK_EQ(virtio_device_reset(&dev, PATIENCE_US), 0);
	for (i = 0; i < RINGS; i++)
		CHECK_EQ(virtqueue_destroy(vq[i]), 0);
	destroy();
}

static void
opens_interface_then_device(void)
{
	int on_the_stack;

	create(PAIRS, "tap3", true);
	fake_vk_check(&vk, "TAP t0 tap3 mq, TAP t1 tap3 mq, OWNER v0, MEM v0, OWNER v1, MEM v1");
	/* All memory of the process is in the table. */
	CHECK_EQ(vk.region_start, 0);
	CHECK((uintptr_t)&on_the_stack < vk.region_size);
	CHECK_EQ(dev.stop_method, VIRTIO_STOP_VHOST_BACKEND);
	destroy();
	create(1, "", true);
	fake_vk_check(&vk, "TAP t0 tap7, OWNER v0, MEM v0");
	destroy();
}

/* Bits of the kernel's that are not vhost-net's to act on are not sent to it. */
static void
features_go_to_each_descriptor(void)
{
	create(PAIRS, "tap3", true);
	vk.record[0] = '\0';
	CHECK_EQ(virtio_device_negotiate(&dev, UINT64_MAX), 0);
	fake_vk_check(&vk, "FEATURES v0, FEATURES v1");
	CHECK(virtio_device_has(&dev, VIRTIO_F_RING_RESET));
	CHECK(vk.offloads != 0);
	CHECK_EQ(virtio_device_reset(&dev, PATIENCE_US), 0);
	destroy();
}

static void
start_and_reset_of_a_device(void)
{
	unsigned int i;

	up();
	for (i = 0; i < RINGS; i++) {
		CHECK(vk.vhost[i / 2].backend[i % 2] == vk.tap[i / 2].fd);
		CHECK_EQ(vk.vhost[i / 2].kick[i % 2], vhost_user_kick_fd(&dev, i));
		CHECK_EQ(vk.vhost[i / 2].call[i % 2], vhost_kernel_call_fd(&dev, i));
	}
	CHECK(vk.flags & IFF_UP);
	CHECK_EQ(virtio_device_reset(&dev, PATIENCE_US), 0);
	fake_vk_check(&vk, "STOP v0.0, STOP v0.1, STOP v1.0, STOP v1.1");
	/* Set up by the first start only: what the administrator does later holds. */
	vk.flags = 0;
	CHECK_EQ(virtio_device_negotiate(&dev, UINT64_MAX), 0);
	vk.record[0] = '\0';
	CHECK_EQ(virtio_device_start(&dev, vq, RINGS), 0);
	fake_vk_check(&vk, SETUP("v0.0") ", " SETUP("v0.1") ", " SETUP("v1.0") ", " SETUP("v1.1")
		      ", RUN v0.0 t0, RUN v0.1 t0, RUN v1.0 t1, RUN v1.1 t1");
	CHECK_EQ(vk.flags, 0);
	down();
}

static void
stop_and_start_of_a_ring(void)
{
	unsigned int round;

	up();
	for (round = 0; round < 3; round++) {
		CHECK_EQ(virtqueue_stop(vq[2], PATIENCE_US), 0);
		fake_vk_check(&vk, "STOP v1.0");
		CHECK_EQ(virtqueue_reclaim(vq[2], ring_take_back, NULL), 0);
		CHECK_EQ(virtqueue_start(vq[2], PATIENCE_US), 0);
		fake_vk_check(&vk, SETUP("v1.0") ", RUN v1.0 t1");
	}
	down();
}

static void
no_stop_at_the_users_word(void)
{
	create(1, "tap3", false);
	CHECK_EQ(dev.stop_method, VIRTIO_STOP_NONE);
	CHECK_EQ(virtio_device_negotiate(&dev, UINT64_MAX), 0);
	CHECK(!virtio_device_has(&dev, VIRTIO_F_RING_RESET));
	CHECK_EQ(virtio_device_reset(&dev, PATIENCE_US), 0);
	destroy();
}

/* From the last one down, so that the kernel moves no queue into another's place. */
static void
queues_are_detached_from_the_last_one_down(void)
{
	create(4, "tap3", true);
	vk.record[0] = '\0';
	CHECK_EQ(vhost_kernel_set_pairs(&dev, 4), 0);
	fake_vk_check(&vk, "");
	CHECK_EQ(vhost_kernel_set_pairs(&dev, 1), 0);
	fake_vk_check(&vk, "DETACH t3, DETACH t2, DETACH t1");
	CHECK_EQ(vhost_kernel_set_pairs(&dev, 3), 0);
	fake_vk_check(&vk, "ATTACH t1, ATTACH t2");
	CHECK_EQ(vhost_kernel_set_pairs(&dev, 5), -EINVAL);
	fake_vk_check(&vk, "");
	destroy();
}

/* A table of 128 entries for two pairs, and a key of 40 bytes, as VIRTIO_NET_CTRL_MQ_RSS_CONFIG. */
static void
rss_command(uint8_t command[8 + 2 * 128 + 3 + 40])
{
	memset(command, 0, 8 + 2 * 128 + 3 + 40);
	command[0] = 0x3f;
	command[4] = 127;
	command[8 + 2 * 128] = 2;
	command[8 + 2 * 128 + 2] = 40;
}

static void
rss_is_carried_by_a_program(void)
{
	const struct vhost_kernel_conf conf = {
		.path = "/dev/vhost-net", .iface = "tap3", .nb_pairs = PAIRS, .stops = true,
		.steers = true,
	};
	uint8_t command[8 + 2 * 128 + 3 + 40];
	uint16_t table_max = 0;

	fake_vk_begin(&vk);
	CHECK_EQ(virtio_device_init(&dev, "a test", VIRTIO_TRANSPORT_VHOST_KERNEL, RINGS), 0);
	CHECK_EQ(vhost_kernel_create(&dev, &conf), 0);
	CHECK(dev.offered & VIRTIO_BIT(60));
	CHECK_EQ(virtio_device_read_config(&dev, 18, &table_max, sizeof(table_max)), 0);
	CHECK_EQ(table_max, 128);
	vk.record[0] = '\0';
	rss_command(command);
	CHECK_EQ(vhost_kernel_set_rss(&dev, command, sizeof(command)), 0);
	fake_vk_check(&vk, "TABLE, STEER t0");
	CHECK_EQ(vhost_kernel_set_rss(&dev, command, sizeof(command)), 0);
	fake_vk_check(&vk, "TABLE");
	command[8 + 2 * 128] = 1;
	CHECK_EQ(vhost_kernel_set_rss(&dev, command, sizeof(command)), 0);
	fake_vk_check(&vk, "DETACH t1, TABLE");
	/* Without RSS the kernel chooses again. */
	CHECK_EQ(vhost_kernel_set_pairs(&dev, 2), 0);
	fake_vk_check(&vk, "UNSTEER t0, ATTACH t1");
	CHECK_EQ(vhost_kernel_set_pairs(&dev, 2), 0);
	fake_vk_check(&vk, "");
	CHECK_EQ(vhost_kernel_set_rss(&dev, command, sizeof(command) - 1), -EINVAL);
	command[4] = 63;
	CHECK_EQ(vhost_kernel_set_rss(&dev, command, sizeof(command)), -EINVAL);
	fake_vk_check(&vk, "");
	/* After an error the next command tries again. */
	rss_command(command);
	vk.fail_request = FAKE_VK_STEER;
	CHECK_EQ(vhost_kernel_set_rss(&dev, command, sizeof(command)), -EIO);
	vk.fail_request = FAKE_VK_NONE;
	CHECK_EQ(vhost_kernel_set_rss(&dev, command, sizeof(command)), 0);
	fake_vk_check(&vk, "TABLE, TABLE, STEER t0");
	/* An interface that an administrator has made stays, and not the program. */
	destroy();
	fake_vk_check(&vk, "UNSTEER t0");
	create(PAIRS, "tap3", true);
	CHECK(!(dev.offered & VIRTIO_BIT(60)));
	CHECK_EQ(virtio_device_read_config(&dev, 18, &table_max, sizeof(table_max)), -ENOTSUP);
	destroy();
}

/* The process that had set it was killed, and the interface is persistent. */
static void
program_of_an_earlier_process_is_removed(void)
{
	const struct vhost_kernel_conf conf = {
		.path = "/dev/vhost-net", .iface = "tap3", .nb_pairs = 1, .stops = true,
	};

	fake_vk_begin(&vk);
	vk.is_steered = true;
	CHECK_EQ(virtio_device_init(&dev, "a test", VIRTIO_TRANSPORT_VHOST_KERNEL, 2), 0);
	CHECK_EQ(vhost_kernel_create(&dev, &conf), 0);
	fake_vk_check(&vk, "TAP t0 tap3, UNSTEER t0, OWNER v0, MEM v0");
	destroy();
	/* A kernel without such programs refuses the request. */
	fake_vk_begin(&vk);
	vk.fail_request = FAKE_VK_STEER;
	vk.fail_error = -EINVAL;
	test_forget_log();
	CHECK_EQ(virtio_device_init(&dev, "a test", VIRTIO_TRANSPORT_VHOST_KERNEL, 2), 0);
	CHECK_EQ(vhost_kernel_create(&dev, &conf), 0);
	CHECK_EQ(test_logged("steered"), 0);
	destroy();
}

static void
link_is_the_interfaces(void)
{
	bool up_now;

	create(1, "tap3", true);
	CHECK(vhost_kernel_is_up(&dev));
	CHECK_EQ(vhost_kernel_link_is_up(&dev, &up_now), 0);
	CHECK(!up_now);
	vk.flags = IFF_UP;
	CHECK_EQ(vhost_kernel_link_is_up(&dev, &up_now), 0);
	CHECK(!up_now);
	vk.flags = IFF_UP | IFF_RUNNING;
	CHECK_EQ(vhost_kernel_link_is_up(&dev, &up_now), 0);
	CHECK(up_now);
	CHECK(vhost_kernel_watch_events(&dev) != 0);
	vk.deleted = true;
	CHECK(!vhost_kernel_is_up(&dev));
	CHECK_EQ(vhost_kernel_watch_events(&dev), 0);
	destroy();
}

TEST_MAIN(
	TEST(opens_interface_then_device),
	TEST(features_go_to_each_descriptor),
	TEST(start_and_reset_of_a_device),
	TEST(stop_and_start_of_a_ring),
	TEST(no_stop_at_the_users_word),
	TEST(queues_are_detached_from_the_last_one_down),
	TEST(rss_is_carried_by_a_program),
	TEST(program_of_an_earlier_process_is_removed),
	TEST(link_is_the_interfaces),
)
