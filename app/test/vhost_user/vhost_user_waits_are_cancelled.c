/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * A thread that allows it returns from a wait for a back-end when another thread cancels that,
 * although the back-end still does not answer. What it waited for can be proven later.
 */

#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <rte_common.h>

#include "vhost_user_port.h"

static struct vhost_user_port port;

/* A call on a thread of its own; CHECK() is for the test's thread. */
static int (*call)(void);
static int call_ret;

static void *
run_call(void *arg __rte_unused)
{
	virtio_device_allow_cancel();
	call_ret = call();
	return NULL;
}

static pthread_t
begin(int (*what)(void))
{
	pthread_t thread;

	call = what;
	CHECK_EQ(pthread_create(&thread, NULL, run_call, NULL), 0);
	return thread;
}

static int
end(pthread_t thread)
{
	CHECK_EQ(pthread_join(thread, NULL), 0);
	return call_ret;
}

static int
stop_ring_1(void)
{
	return virtqueue_stop(port.vq[1], PATIENCE_US);
}

static int
reset_device(void)
{
	return virtio_device_reset(&port.dev, PATIENCE_US);
}

static int
connect_again(void)
{
	return vhost_user_reconnect(&port.dev);
}

static int
start_device(void)
{
	return virtio_device_negotiate(&port.dev, UINT64_MAX);
}

/* The call comes to its end while the back-end is still held at a request. */
static void
cancel_while_held(int (*what)(void))
{
	const pthread_t thread = begin(what);

	fake_vu_wait_held(port.vu);
	virtio_device_cancel(&port.dev);
	CHECK_EQ(end(thread), -ECANCELED);
	CHECK(port.vu->holding);
	/* For as long as it is on. */
	CHECK_EQ(end(begin(what)), -ECANCELED);
	virtio_device_resume(&port.dev);
}

static void
stop_is_cancelled(void)
{
	port_up(&port, VHOST_USER_STOP_GET_BASE);
	fake_vu_rule(port.vu, VU_GET_VRING_BASE, 0, 1, VU_HOLD);
	cancel_while_held(stop_ring_1);
	CHECK_EQ(virtqueue_state(port.vq[1]), VIRTQUEUE_BROKEN);
	fake_vu_release(port.vu);
	CHECK_EQ(virtqueue_stop(port.vq[1], PATIENCE_US), 0);
	CHECK_EQ(fake_vu_count(port.vu, VU_GET_VRING_BASE), 1);
	port_check_others_run(&port, 1);
	port_down(&port);
}

static void
reset_is_cancelled(void)
{
	port_up(&port, VHOST_USER_STOP_GET_BASE);
	fake_vu_rule(port.vu, VU_GET_VRING_BASE, 0, 1, VU_HOLD);
	cancel_while_held(reset_device);
	CHECK_EQ(virtqueue_state(port.vq[1]), VIRTQUEUE_BROKEN);
	fake_vu_release(port.vu);
	CHECK_EQ(virtio_device_reset(&port.dev, PATIENCE_US), 0);
	CHECK_EQ(virtqueue_state(port.vq[1]), VIRTQUEUE_READY);
	port_down(&port);
}

static void
negotiation_is_cancelled(void)
{
	pthread_t thread;

	port_create(&port);
	CHECK_EQ(port_connect(&port, VHOST_USER_STOP_GET_BASE), 0);
	fake_vu_rule(port.vu, VU_SET_FEATURES, 0, 1, VU_HOLD);
	thread = begin(start_device);
	fake_vu_wait_held(port.vu);
	virtio_device_cancel(&port.dev);
	CHECK_EQ(end(thread), -ECANCELED);
	CHECK(port.vu->holding);
	virtio_device_resume(&port.dev);
	fake_vu_release(port.vu);
	CHECK_EQ(virtio_device_reset(&port.dev, PATIENCE_US), 0);
	port_start(&port);
	port_check_others_run(&port, PORT_RINGS);
	port_down(&port);
}

static void
handshake_is_cancelled(void)
{
	port_up(&port, VHOST_USER_STOP_GET_BASE);
	fake_vu_disconnect(port.vu);
	CHECK_EQ(virtio_device_reset(&port.dev, PATIENCE_US), 0);
	fake_vu_set_once(port.vu, false);
	fake_vu_rule(port.vu, VU_GET_FEATURES, 0, 1, VU_HOLD);
	cancel_while_held(connect_again);
	CHECK(!vhost_user_is_up(&port.dev));
	fake_vu_obey(port.vu);
	fake_vu_release(port.vu);
	CHECK_EQ(vhost_user_reconnect(&port.dev), 0);
	CHECK(vhost_user_is_up(&port.dev));
	port_down(&port);
}

/* A listener whose queue of connections is full lets a connect wait. */
static void
connect_is_cancelled(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	pthread_t thread;
	int fds[16];
	unsigned int n = 0;
	int fd;

	port_create(&port);
	CHECK_EQ(port_connect(&port, VHOST_USER_STOP_GET_BASE), 0);
	fake_vu_disconnect(port.vu);
	CHECK(!vhost_user_is_up(&port.dev));
	strcpy(addr.sun_path, port.vu->path);
	unlink(port.vu->path);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK_EQ(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	CHECK_EQ(listen(fd, 1), 0);
	do {
		CHECK(n < RTE_DIM(fds));
		fds[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	} while (connect(fds[n++], (struct sockaddr *)&addr, sizeof(addr)) == 0);
	thread = begin(connect_again);
	virtio_device_cancel(&port.dev);
	CHECK_EQ(end(thread), -ECANCELED);
	virtio_device_resume(&port.dev);
	while (n > 0)
		close(fds[--n]);
	close(fd);
	port_down(&port);
}

/* A memory event cannot be taken back: it is waited for all the same. */
static void
memory_event_is_not_cancelled(void)
{
	struct vhost_user_reply reply = { .pending = 1 };
	struct vhost_user_channel ch;
	const uint32_t cancels = 1;
	int fd[2];

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	CHECK_EQ(vhost_user_channel_init(&ch, "channel"), 0);
	vhost_user_channel_open(&ch, fd[0]);
	ch.cancels = &cancels;
	virtio_device_allow_cancel();
	CHECK_EQ(vhost_user_wait(&ch, &reply, PATIENCE_US), -ECANCELED);
	CHECK_EQ(vhost_user_wait_through(&ch, &reply, SHORT_US, UINT64_MAX), -ETIMEDOUT);
	close(fd[1]);
	vhost_user_channel_fini(&ch);
}

/* A request that does not fit into the socket is not waited for. */
static void
send_is_cancelled(void)
{
	struct vhost_user_msg msg = { .request = VHOST_USER_SET_VRING_NUM, .size = 8 };
	struct vhost_user_channel ch;
	uint32_t cancels = 0;
	int fd[2];
	int ret;

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	CHECK_EQ(vhost_user_channel_init(&ch, "channel"), 0);
	vhost_user_channel_open(&ch, fd[0]);
	ch.cancels = &cancels;
	virtio_device_allow_cancel();
	do
		ret = vhost_user_send(&ch, &msg, NULL, 0, NULL);
	while (ret == 0);
	CHECK_EQ(ret, -ETIMEDOUT);
	cancels = 1;
	CHECK_EQ(vhost_user_send(&ch, &msg, NULL, 0, NULL), -ECANCELED);
	close(fd[1]);
	vhost_user_channel_fini(&ch);
}

TEST_MAIN(
	TEST_LAYOUTS(stop_is_cancelled),
	TEST_LAYOUTS(reset_is_cancelled),
	TEST(negotiation_is_cancelled),
	TEST(handshake_is_cancelled),
	TEST(connect_is_cancelled),
	TEST(send_is_cancelled),
	TEST(memory_event_is_not_cancelled),
)
