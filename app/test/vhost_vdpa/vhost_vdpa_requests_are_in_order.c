/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * Which requests the vhost-vDPA transport makes, and in which order. The fake ends a case where a
 * ring is touched while the device may use it.
 */

#include "fake_vhost_vdpa.h"
#include "ring.h"
#include "test.h"
#include "transport_vhost_vdpa.h"
#include "virtqueue.h"
#include "virtqueue_reset.h"

#define RINGS 4

#define SETUP(n) "NUM " n "=64, BASE " n ", ADDR " n
#define EXCHANGE(n) "SUSPEND, OFF " n ", BASE " n ", ADDR " n ", ON " n ", RESUME"
#define START SETUP("0") ", " SETUP("1") ", " SETUP("2") ", " SETUP("3") \
	      ", ON 0, ON 1, ON 2, ON 3, STATUS 15"

static struct fake_vhost_vdpa vdpa;
static struct virtio_device dev;
static struct virtqueue *vq[RINGS];

static uint64_t
wanted(void)
{
	return test_packed() ? UINT64_MAX : ~VIRTIO_BIT(VIRTIO_F_RING_PACKED);
}

static void
create(void)
{
	const struct vhost_vdpa_conf conf = { .path = FAKE_VDPA_PATH, .stops = true };

	CHECK_EQ(vhost_vdpa_create(&dev, "a test", &conf), 0);
	CHECK_EQ(dev.nb_vqs, RINGS);
}

static void
start(void)
{
	CHECK_EQ(virtio_device_negotiate(&dev, wanted()), 0);
	CHECK_EQ(virtio_device_start(&dev, vq, RINGS), 0);
}

/* Rings that run. */
static void
up(void)
{
	const struct virtqueue_conf conf = { .size = 64, .packed = test_packed(), .node = -1 };
	unsigned int i;

	create();
	for (i = 0; i < RINGS; i++)
		CHECK_EQ(virtqueue_create(&dev, i, &conf, &vq[i]), 0);
	start();
	vdpa.record[0] = '\0';
}

static void
down(void)
{
	unsigned int i;

	CHECK_EQ(virtio_device_reset(&dev, PATIENCE_US), 0);
	for (i = 0; i < RINGS; i++)
		CHECK_EQ(virtqueue_destroy(vq[i]), 0);
	vhost_vdpa_destroy(&dev);
	fake_vdpa_end();
}

static uint64_t
desc(unsigned int i)
{
	return (uintptr_t)vq[i]->desc;
}

static void
opens_and_maps(void)
{
	fake_vdpa_begin(&vdpa);
	create();
	/* What is acknowledged is known to this driver: not ASID. */
	fake_vdpa_check(&vdpa, "OPEN, OWNER, BACKEND 0x176, BEGIN, END");
	CHECK(vdpa.nb_maps > 0);
	vhost_vdpa_destroy(&dev);
	fake_vdpa_end();
}

static void
start_of_a_device(void)
{
	unsigned int i;

	fake_vdpa_begin(&vdpa);
	up();
	CHECK_EQ(vdpa.status, 15);
	for (i = 0; i < RINGS; i++) {
		CHECK_EQ(vdpa.ring[i].in_use, desc(i));
		CHECK_EQ(vdpa.ring[i].base, test_packed() ? 0x80008000 : 0);
		CHECK_EQ(fake_vdpa_kicks(&vdpa, i), 1);
	}
	CHECK(vdpa.config_fd >= 0);
	down();
}

/* The kernel may keep mappings over a reset, or the device loses them while the kernel does not. */
static void
restart_of_a_device(void)
{
	unsigned int maps;

	fake_vdpa_begin(&vdpa);
	up();
	vdpa.late_reset = true;
	vdpa.status_reads = 0;
	CHECK_EQ(virtio_device_reset(&dev, PATIENCE_US), 0);
	CHECK_EQ(vdpa.status_reads, 2);
	fake_vdpa_check(&vdpa, "STATUS 0");
	maps = vdpa.maps;
	start();
	CHECK_EQ(vdpa.maps, maps);
	fake_vdpa_check(&vdpa, "STATUS 1, STATUS 3, FEATURES, STATUS 11, " START);
	down();

	fake_vdpa_begin(&vdpa);
	vdpa.backend_features &= ~(UINT64_C(1) << 8);
	up();
	maps = vdpa.maps;
	CHECK_EQ(virtio_device_reset(&dev, PATIENCE_US), 0);
	start();
	CHECK_EQ(vdpa.maps, 2 * maps);
	fake_vdpa_check(&vdpa, "STATUS 0, STATUS 1, STATUS 3, BEGIN, END, BEGIN, END, FEATURES, "
			"STATUS 11, " START);
	down();
}

static void
stop_and_start_of_a_ring(void)
{
	unsigned int round, i;
	uint64_t parked;

	fake_vdpa_begin(&vdpa);
	up();
	for (round = 0; round < 3; round++) {
		for (i = 0; i < RINGS; i++)
			fake_vdpa_kicks(&vdpa, i);
		CHECK_EQ(virtqueue_stop(vq[2], PATIENCE_US), 0);
		fake_vdpa_check(&vdpa, EXCHANGE("2"));
		parked = vdpa.ring[2].in_use;
		CHECK(parked != 0 && parked != desc(2));
		/* What came while the device was suspended is lost. */
		for (i = 0; i < RINGS; i++)
			CHECK_EQ(fake_vdpa_kicks(&vdpa, i), i != 2);
		/* Nothing is left to stop. */
		CHECK_EQ(virtqueue_stop(vq[2], PATIENCE_US), 0);
		fake_vdpa_check(&vdpa, "");
		CHECK_EQ(virtqueue_reclaim(vq[2], ring_take_back, NULL), 0);
		CHECK_EQ(virtqueue_start(vq[2], PATIENCE_US), 0);
		fake_vdpa_check(&vdpa, EXCHANGE("2"));
		CHECK_EQ(vdpa.ring[2].in_use, desc(2));
		for (i = 0; i < RINGS; i++)
			CHECK(fake_vdpa_kicks(&vdpa, i) >= 1);
	}
	down();
}

/* The ring that is put in place is as new each time, whatever the device has written there. */
static void
parked_ring_is_empty(void)
{
	uint8_t *parked;
	unsigned int i;

	fake_vdpa_begin(&vdpa);
	up();
	for (i = 0; i < 2; i++) {
		CHECK_EQ(virtqueue_stop(vq[1], PATIENCE_US), 0);
		parked = (uint8_t *)(uintptr_t)vdpa.ring[1].in_use;
		CHECK_EQ(parked[0], 0);
		parked[0] = 1;
		CHECK_EQ(virtqueue_start(vq[1], PATIENCE_US), 0);
	}
	down();
}

/* NUM is not sent to a running device, so that only a ring of the same size takes the place. */
static void
ring_keeps_its_size_until_the_reset(void)
{
	struct virtqueue_conf conf = { .size = 128, .packed = test_packed(), .node = -1 };
	struct virtqueue *other;

	fake_vdpa_begin(&vdpa);
	up();
	CHECK_EQ(virtqueue_stop(vq[3], PATIENCE_US), 0);
	test_forget_log();
	CHECK_EQ(virtqueue_create(&dev, 3, &conf, &other), -EINVAL);
	CHECK_EQ(test_logged("Set the queue up with 64"), 1);
	conf.size = 64;
	CHECK_EQ(virtqueue_create(&dev, 3, &conf, &other), 0);
	CHECK_EQ(virtqueue_start(other, PATIENCE_US), 0);
	CHECK_EQ(vdpa.ring[3].in_use, (uintptr_t)other->desc);
	CHECK_EQ(virtio_device_reset(&dev, PATIENCE_US), 0);
	CHECK_EQ(virtqueue_destroy(other), 0);
	conf.size = 128;
	CHECK_EQ(virtqueue_create(&dev, 3, &conf, &other), 0);
	CHECK_EQ(virtqueue_destroy(vq[3]), 0);
	vq[3] = other;
	start();
	CHECK_EQ(vdpa.ring[3].size, 128);
	/* The parked ring has that size, too. */
	CHECK_EQ(virtqueue_stop(vq[3], PATIENCE_US), 0);
	down();
}

static void
configuration_is_read(void)
{
	uint16_t status;
	uint8_t bytes[8];

	fake_vdpa_begin(&vdpa);
	up();
	CHECK_EQ(virtio_device_read_config(&dev, 6, &status, sizeof(status)), 0);
	CHECK_EQ(status, 1);
	CHECK_EQ(virtio_device_read_config(&dev, 16, bytes, sizeof(bytes)), -EINVAL);
	CHECK(vhost_vdpa_watch_events(&dev) != 0);
	fake_vdpa_set_config(&vdpa, 6, 0);
	vhost_vdpa_take_events(&dev);
	CHECK_EQ(virtio_device_read_config(&dev, 6, &status, sizeof(status)), 0);
	CHECK_EQ(status, 0);
	down();
}

TEST_MAIN(
	TEST(opens_and_maps),
	TEST_LAYOUTS(start_of_a_device),
	TEST_LAYOUTS(restart_of_a_device),
	TEST_LAYOUTS(stop_and_start_of_a_ring),
	TEST_LAYOUTS(parked_ring_is_empty),
	TEST_LAYOUTS(ring_keeps_its_size_until_the_reset),
	TEST(configuration_is_read),
)
