/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * What a vhost-user back-end receives, and in which order, from connect to close; that a ring's
 * life takes that ring's messages alone, and that nothing is sent that was not negotiated.
 */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rte_common.h>

#include "vhost_user_port.h"

#define SETUP(i) "NUM " #i "=64!, BASE " #i "=0!, ADDR " #i "!, CALL " #i "!, KICK " #i "!"
#define SETUP_NO_ACK(i) "NUM " #i "=64, BASE " #i "=0, ADDR " #i ", CALL " #i ", KICK " #i

static struct vhost_user_port port;

static void
connect_and_negotiate(void)
{
	port_create(&port);
	CHECK_EQ(port_connect(&port, VHOST_USER_STOP_GET_BASE), 0);
	port_check_recorded(&port, "OWNER, GET_FEATURES, GET_PROTOCOL, SET_PROTOCOL, QUEUE_NUM");
	CHECK_EQ(port.vu->protocol_acked, VU_P_MQ | VU_P_REPLY_ACK | VU_P_STATUS);
	CHECK_EQ(virtio_device_negotiate(&port.dev, UINT64_MAX), 0);
	port_check_recorded(&port, "STATUS=0x1!, STATUS=0x3!, SET_FEATURES!, MEM!, STATUS=0xb!, "
			    "GET_STATUS");
	port_down(&port);
}

/* All rings are set up before any is enabled: back-ends look at a ring's partner. */
static void
start_of_a_device(void)
{
	unsigned int i;

	port_create(&port);
	CHECK_EQ(port_connect(&port, VHOST_USER_STOP_GET_BASE), 0);
	CHECK_EQ(virtio_device_negotiate(&port.dev, UINT64_MAX), 0);
	port_make_rings(&port);
	fake_vu_forget_record(port.vu);
	CHECK_EQ(virtio_device_start(&port.dev, port.vq, PORT_RINGS), 0);
	port_check_recorded(&port, SETUP(0) ", " SETUP(1) ", " SETUP(2) ", " SETUP(3) ", "
			    "ENABLE 0=1!, ENABLE 1=1!, ENABLE 2=1!, ENABLE 3=1!, STATUS=0xf!");
	for (i = 0; i < PORT_RINGS; i++) {
		CHECK_EQ(fake_vu_kicks(port.vu, i), 1);
		port_check_runs(&port, i);
	}
	port_down(&port);
}

static void
stop_and_start_by_get_base(void)
{
	unsigned int round;

	port_up(&port, VHOST_USER_STOP_GET_BASE);
	for (round = 0; round < 3; round++) {
		fake_vu_kicks(port.vu, 1);
		CHECK_EQ(virtqueue_stop(port.vq[1], PATIENCE_US), 0);
		port_check_recorded(&port, "ENABLE 1=0!, GET_BASE 1");
		port_check_others_run(&port, 1);
		port_refill(&port, 1);
		CHECK_EQ(virtqueue_start(port.vq[1], PATIENCE_US), 0);
		port_check_recorded(&port, SETUP(1) ", ENABLE 1=1!");
		CHECK_EQ(fake_vu_kicks(port.vu, 1), 1);
		port_check_runs(&port, 1);
		port_check_others_run(&port, 1);
	}
	port_down(&port);
}

static void
stop_and_start_by_disable(void)
{
	unsigned int round;

	port_up(&port, VHOST_USER_STOP_DISABLE);
	for (round = 0; round < 3; round++) {
		fake_vu_kicks(port.vu, 2);
		CHECK_EQ(virtqueue_stop(port.vq[2], PATIENCE_US), 0);
		port_check_recorded(&port, "ENABLE 2=0!");
		port_check_others_run(&port, 2);
		port_refill(&port, 2);
		CHECK_EQ(virtqueue_start(port.vq[2], PATIENCE_US), 0);
		port_check_recorded(&port, SETUP(2) ", ENABLE 2=1!");
		CHECK_EQ(fake_vu_kicks(port.vu, 2), 1);
		port_check_runs(&port, 2);
		port_check_others_run(&port, 2);
	}
	port_down(&port);
}

/* All are asked before the first answer is waited for. */
static void
stop_of_many(void)
{
	unsigned int i;

	port_up(&port, VHOST_USER_STOP_GET_BASE);
	CHECK_EQ(virtqueue_stop_many(port.vq, PORT_RINGS, PATIENCE_US), 0);
	port_check_recorded(&port, "ENABLE 0=0!, GET_BASE 0, ENABLE 1=0!, GET_BASE 1, "
			    "ENABLE 2=0!, GET_BASE 2, ENABLE 3=0!, GET_BASE 3");
	for (i = 0; i < PORT_RINGS; i++)
		CHECK_EQ(virtqueue_state(port.vq[i]), VIRTQUEUE_READY);
	port_down(&port);
}

/* SET_STATUS 0 first: by it a back-end knows that what follows is the stop of all. */
static void
reset_of_a_device(void)
{
	unsigned int i;

	port_up(&port, VHOST_USER_STOP_GET_BASE);
	CHECK_EQ(virtqueue_stop(port.vq[3], PATIENCE_US), 0);
	fake_vu_forget_record(port.vu);
	CHECK_EQ(virtio_device_reset(&port.dev, PATIENCE_US), 0);
	port_check_recorded(&port, "STATUS=0x0!, ENABLE 0=0, GET_BASE 0, ENABLE 1=0, GET_BASE 1, "
			    "ENABLE 2=0, GET_BASE 2, ENABLE 3=0, GET_BASE 3");
	/* Rings are set up again at the next start; until then there is nothing to stop. */
	CHECK_EQ(virtio_device_negotiate(&port.dev, UINT64_MAX), 0);
	fake_vu_forget_record(port.vu);
	CHECK_EQ(virtio_device_reset(&port.dev, PATIENCE_US), 0);
	port_check_recorded(&port, "STATUS=0x0!");
	for (i = 0; i < PORT_RINGS; i++)
		port_refill(&port, i);
	CHECK_EQ(virtio_device_negotiate(&port.dev, UINT64_MAX), 0);
	CHECK_EQ(virtio_device_start(&port.dev, port.vq, PORT_RINGS), 0);
	port_check_others_run(&port, PORT_RINGS);
	port_down(&port);
}

/* Without REPLY_ACK nothing is acknowledged; a request that has an answer closes the sequence. */
static void
back_end_without_reply_ack(void)
{
	port_create(&port);
	port.vu->protocol &= ~VU_P_REPLY_ACK;
	CHECK_EQ(port_connect(&port, VHOST_USER_STOP_AUTO), 0);
	CHECK_EQ(port.dev.stop_method, VIRTIO_STOP_VHOST_GET_BASE);
	port_start(&port);
	CHECK(strchr(fake_vu_recorded(port.vu), '!') == NULL);
	fake_vu_forget_record(port.vu);
	CHECK_EQ(virtqueue_stop(port.vq[0], PATIENCE_US), 0);
	port_check_recorded(&port, "ENABLE 0=0, GET_BASE 0");
	port_refill(&port, 0);
	CHECK_EQ(virtqueue_start(port.vq[0], PATIENCE_US), 0);
	port_check_recorded(&port, SETUP_NO_ACK(0) ", ENABLE 0=1, GET_FEATURES");
	port_check_runs(&port, 0);
	port_check_others_run(&port, 0);
	port_down(&port);
}

static void
back_end_without_status(void)
{
	port_create(&port);
	port.vu->protocol &= ~VU_P_STATUS;
	CHECK_EQ(port_connect(&port, VHOST_USER_STOP_AUTO), 0);
	port_start(&port);
	CHECK_EQ(fake_vu_count(port.vu, VU_SET_STATUS), 0);
	CHECK_EQ(fake_vu_count(port.vu, VU_GET_STATUS), 0);
	fake_vu_forget_record(port.vu);
	CHECK_EQ(virtio_device_reset(&port.dev, PATIENCE_US), 0);
	port_check_recorded(&port, "ENABLE 0=0, GET_BASE 0, ENABLE 1=0, GET_BASE 1, "
			    "ENABLE 2=0, GET_BASE 2, ENABLE 3=0, GET_BASE 3");
	port_down(&port);
}

/* Nor protocol features at all: a ring runs from KICK on, and there is one pair of them. */
static void
back_end_without_protocol_features(void)
{
	const struct vhost_user_conf conf = {
		.path = test_path("backend"), .nb_rings = 2, .stop = VHOST_USER_STOP_AUTO
	};
	struct virtqueue *vq[2];
	struct virtio_device dev;
	unsigned int i;

	port_create(&port);
	port.vu->features &= ~VU_F_PROTOCOL;
	fake_vu_launch(port.vu);
	CHECK_EQ(virtio_device_init(&dev, "old", VIRTIO_TRANSPORT_VHOST_USER, 2), 0);
	CHECK_EQ(vhost_user_create(&dev, &conf), 0);
	port_check_recorded(&port, "OWNER, GET_FEATURES");
	CHECK_EQ(dev.stop_method, VIRTIO_STOP_VHOST_GET_BASE);
	for (i = 0; i < 2; i++)
		vq[i] = ring_create(&dev, i, &(struct ring_conf){ .size = PORT_RING_SIZE });
	CHECK_EQ(virtio_device_negotiate(&dev, UINT64_MAX), 0);
	port_check_recorded(&port, "SET_FEATURES, MEM");
	CHECK_EQ(virtio_device_start(&dev, vq, 2), 0);
	port_check_recorded(&port, SETUP_NO_ACK(0) ", " SETUP_NO_ACK(1) ", "
			    "GET_FEATURES, GET_FEATURES");
	CHECK_EQ(virtqueue_stop(vq[1], PATIENCE_US), 0);
	port_check_recorded(&port, "GET_BASE 1");
	CHECK_EQ(virtqueue_start(vq[1], PATIENCE_US), 0);
	port_check_recorded(&port, SETUP_NO_ACK(1) ", GET_FEATURES");
	CHECK(fake_vu_is_enabled(port.vu, 1));
	CHECK_EQ(virtio_device_reset(&dev, PATIENCE_US), 0);
	port_check_recorded(&port, "GET_BASE 0, GET_BASE 1");
	for (i = 0; i < 2; i++)
		ring_destroy(vq[i]);
	vhost_user_destroy(&dev);
	virtio_device_fini(&dev);
	port_down(&port);
}

static void
more_rings_than_granted(void)
{
	port_create(&port);
	port.vu->queue_num = PORT_RINGS / 2 - 1;
	CHECK_EQ(port_connect(&port, VHOST_USER_STOP_AUTO), -EINVAL);
	CHECK_EQ(test_logged("queues=2 is not possible"), 1);
	CHECK_EQ(test_logged("supports at most 1"), 1);
	port_down(&port);
}

/* KICK and CALL name a ring by 8 bits; the ninth says that there is no eventfd. */
static void
more_rings_than_kick_can_name(void)
{
	struct vhost_user_conf conf = {
		.path = test_path("backend"), .nb_rings = 258, .stop = VHOST_USER_STOP_AUTO
	};
	struct virtio_device dev;

	port_create(&port);
	port.vu->queue_num = 1000;
	fake_vu_launch(port.vu);
	CHECK_EQ(virtio_device_init(&dev, "many", VIRTIO_TRANSPORT_VHOST_USER, 258), 0);
	CHECK_EQ(vhost_user_create(&dev, &conf), -EINVAL);
	conf.nb_rings = 256;
	CHECK_EQ(vhost_user_create(&dev, &conf), 0);
	vhost_user_destroy(&dev);
	virtio_device_fini(&dev);
	port_down(&port);
}

/* A back-end that does not know of several queues has one pair. */
static void
more_than_one_pair_without_mq(void)
{
	port_create(&port);
	port.vu->protocol &= ~VU_P_MQ;
	CHECK_EQ(port_connect(&port, VHOST_USER_STOP_AUTO), -EINVAL);
	CHECK_EQ(fake_vu_count(port.vu, VU_GET_QUEUE_NUM), 0);
	port_down(&port);
}

/* Bit 40 is between the two halves of virtio-user, unless the back-end itself has offered it. */
static void
ring_reset_bit_stays_here(void)
{
	unsigned int offered;

	for (offered = 0; offered < 2; offered++) {
		port_create(&port);
		if (offered)
			port.vu->features |= VU_F_RING_RESET;
		CHECK_EQ(port_connect(&port, VHOST_USER_STOP_AUTO), 0);
		CHECK(port.dev.offered & VU_F_RING_RESET);
		port_start(&port);
		CHECK(virtio_device_has(&port.dev, VIRTIO_F_RING_RESET));
		CHECK_EQ((port.vu->acked & VU_F_RING_RESET) != 0, offered);
		port_down(&port);
	}
}

static void
without_a_method_the_bit_is_not_offered(void)
{
	port_create(&port);
	port.vu->features |= VU_F_RING_RESET;
	CHECK_EQ(port_connect(&port, VHOST_USER_STOP_OFF), 0);
	CHECK_EQ(port.dev.offered & VU_F_RING_RESET, 0);
	port_start(&port);
	CHECK_EQ(port.vu->acked & VU_F_RING_RESET, 0);
	fake_vu_forget_record(port.vu);
	CHECK_EQ(virtqueue_stop(port.vq[0], PATIENCE_US), -ENOTSUP);
	port_check_recorded(&port, "");
	port_check_others_run(&port, PORT_RINGS);
	port_down(&port);
}

/* Of a ring's life nothing concerns the device: some back-ends stop all rings at SET_FEATURES. */
static void
ring_life_leaves_the_device_alone(void)
{
	static const uint32_t of_the_device[] = {
		VU_SET_FEATURES, VU_SET_OWNER, VU_SET_MEM_TABLE, VU_SET_STATUS,
		VU_SET_PROTOCOL_FEATURES
	};
	unsigned int round, i;

	port_up(&port, VHOST_USER_STOP_AUTO);
	for (round = 0; round < 20; round++) {
		i = round % PORT_RINGS;
		CHECK_EQ(virtqueue_stop(port.vq[i], PATIENCE_US), 0);
		port_refill(&port, i);
		CHECK_EQ(virtqueue_start(port.vq[i], PATIENCE_US), 0);
		port_check_others_run(&port, PORT_RINGS);
	}
	for (i = 0; i < RTE_DIM(of_the_device); i++)
		CHECK_EQ(fake_vu_count(port.vu, of_the_device[i]), 0);
	port_down(&port);
}

/* One eventfd each for as long as the device lives: what is written into the old one arrives. */
static void
kick_and_call_stay_the_same(void)
{
	const uint64_t three = 3;
	uint64_t n;
	int kick, call;

	port_up(&port, VHOST_USER_STOP_AUTO);
	kick = dup(port.vu->ring[1].kick_fd);
	call = dup(port.vu->ring[1].call_fd);
	CHECK_EQ(virtqueue_stop(port.vq[1], PATIENCE_US), 0);
	port_refill(&port, 1);
	CHECK_EQ(virtqueue_start(port.vq[1], PATIENCE_US), 0);
	fake_vu_wait_quiet(port.vu);
	fake_vu_kicks(port.vu, 1);
	CHECK_EQ(write(kick, &three, sizeof(three)), sizeof(three));
	CHECK_EQ(fake_vu_kicks(port.vu, 1), 3);
	CHECK_EQ(write(call, &three, sizeof(three)), sizeof(three));
	CHECK_EQ(read(port.vu->ring[1].call_fd, &n, sizeof(n)), sizeof(n));
	CHECK_EQ(n, 3);
	CHECK(port.vu->ring[1].kick_fd != port.vu->ring[1].call_fd);
	close(kick);
	close(call);
	port_down(&port);
}

static void
no_descriptor_is_lost(void)
{
	unsigned int before, round;

	port_up(&port, VHOST_USER_STOP_AUTO);
	fake_vu_wait_quiet(port.vu);
	before = test_open_fds();
	for (round = 0; round < 100; round++) {
		CHECK_EQ(virtqueue_stop(port.vq[round % PORT_RINGS], PATIENCE_US), 0);
		port_refill(&port, round % PORT_RINGS);
		CHECK_EQ(virtqueue_start(port.vq[round % PORT_RINGS], PATIENCE_US), 0);
	}
	for (round = 0; round < 10; round++) {
		unsigned int i;

		CHECK_EQ(virtio_device_reset(&port.dev, PATIENCE_US), 0);
		for (i = 0; i < PORT_RINGS; i++)
			port_refill(&port, i);
		CHECK_EQ(virtio_device_negotiate(&port.dev, UINT64_MAX), 0);
		CHECK_EQ(virtio_device_start(&port.dev, port.vq, PORT_RINGS), 0);
	}
	fake_vu_wait_quiet(port.vu);
	CHECK_EQ(test_open_fds(), before);
	port_down(&port);
}

static void
no_listener(void)
{
	const struct vhost_user_conf conf = {
		.path = test_path("nobody"), .nb_rings = 2, .stop = VHOST_USER_STOP_AUTO
	};
	struct virtio_device dev;

	CHECK_EQ(virtio_device_init(&dev, "alone", VIRTIO_TRANSPORT_VHOST_USER, 2), 0);
	CHECK_EQ(vhost_user_create(&dev, &conf), -ENOENT);
	CHECK_EQ(test_logged("cannot connect to the back-end"), 1);
	virtio_device_fini(&dev);
}

static void
path_that_is_too_long(void)
{
	char path[200];
	const struct vhost_user_conf conf = {
		.path = path, .nb_rings = 2, .stop = VHOST_USER_STOP_AUTO
	};
	struct virtio_device dev;

	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	CHECK_EQ(virtio_device_init(&dev, "long", VIRTIO_TRANSPORT_VHOST_USER, 2), 0);
	CHECK_EQ(vhost_user_create(&dev, &conf), -EINVAL);
	CHECK_EQ(test_logged("a socket can have 107"), 1);
	virtio_device_fini(&dev);
}

TEST_MAIN(
	TEST(connect_and_negotiate),
	TEST(start_of_a_device),
	TEST(stop_and_start_by_get_base),
	TEST(stop_and_start_by_disable),
	TEST(stop_of_many),
	TEST(reset_of_a_device),
	TEST(back_end_without_reply_ack),
	TEST(back_end_without_status),
	TEST(back_end_without_protocol_features),
	TEST(more_rings_than_granted),
	TEST(more_rings_than_kick_can_name),
	TEST(more_than_one_pair_without_mq),
	TEST(ring_reset_bit_stays_here),
	TEST(without_a_method_the_bit_is_not_offered),
	TEST(ring_life_leaves_the_device_alone),
	TEST(kick_and_call_stay_the_same),
	TEST(no_descriptor_is_lost),
	TEST(no_listener),
	TEST(path_that_is_too_long),
)
