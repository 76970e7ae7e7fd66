/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * A back-end that goes and comes back, as server and as client of the socket: the new one receives
 * everything anew, and what the old one owed is not waited for.
 */

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <rte_common.h>

#include "vhost_user_port.h"

static struct vhost_user_port port;

static void
start_again(void)
{
	unsigned int i;

	for (i = 0; i < PORT_RINGS; i++)
		port_refill(&port, i);
	CHECK_EQ(virtio_device_negotiate(&port.dev, UINT64_MAX), 0);
	CHECK_EQ(virtio_device_start(&port.dev, port.vq, PORT_RINGS), 0);
	port_check_others_run(&port, PORT_RINGS);
	CHECK_EQ(virtqueue_stop(port.vq[1], PATIENCE_US), 0);
	port_refill(&port, 1);
	CHECK_EQ(virtqueue_start(port.vq[1], PATIENCE_US), 0);
	port_check_others_run(&port, PORT_RINGS);
}

static void
back_end_comes_back(void)
{
	unsigned int round;

	port_up(&port, VHOST_USER_STOP_GET_BASE);
	for (round = 0; round < 3; round++) {
		fake_vu_disconnect(port.vu);
		CHECK(!vhost_user_is_up(&port.dev));
		CHECK_EQ(virtio_device_reset(&port.dev, PATIENCE_US), 0);
		fake_vu_set_once(port.vu, false);
		fake_vu_forget_record(port.vu);
		CHECK_EQ(vhost_user_reconnect(&port.dev), 0);
		port_check_recorded(&port, "OWNER, GET_FEATURES, GET_PROTOCOL, SET_PROTOCOL, "
				    "QUEUE_NUM");
		CHECK(vhost_user_is_up(&port.dev));
		start_again();
	}
	port_down(&port);
}

/* Answers of the old connection are not awaited; a ring that was BROKEN is recovered first. */
static void
back_end_comes_back_owing_an_answer(void)
{
	port_up(&port, VHOST_USER_STOP_GET_BASE);
	fake_vu_rule(port.vu, VU_GET_VRING_BASE, 0, 1, VU_HOLD);
	CHECK_EQ(virtqueue_stop(port.vq[1], SHORT_US), -ETIMEDOUT);
	fake_vu_wait_held(port.vu);
	fake_vu_rule(port.vu, 0, 0, 1, VU_CLOSE);
	CHECK_EQ(virtqueue_stop(port.vq[2], SHORT_US), -ETIMEDOUT);
	fake_vu_set_once(port.vu, true);
	fake_vu_release(port.vu);
	CHECK_EQ(virtio_device_reset(&port.dev, PATIENCE_US), 0);
	CHECK_EQ(virtqueue_state(port.vq[1]), VIRTQUEUE_READY);
	fake_vu_set_once(port.vu, false);
	CHECK_EQ(vhost_user_reconnect(&port.dev), 0);
	start_again();
	port_down(&port);
}

static void
other_back_end_comes(void)
{
	port_up(&port, VHOST_USER_STOP_AUTO);
	CHECK_EQ(port.dev.stop_method, VIRTIO_STOP_VHOST_GET_BASE);
	fake_vu_disconnect(port.vu);
	CHECK_EQ(virtio_device_reset(&port.dev, PATIENCE_US), 0);
	port.vu->protocol |= VU_P_RARP | VU_P_NET_MTU | VU_P_CRYPTO_SESSION;
	fake_vu_set_once(port.vu, false);
	CHECK_EQ(vhost_user_reconnect(&port.dev), 0);
	CHECK_EQ(port.dev.stop_method, VIRTIO_STOP_VHOST_DISABLE_ACK);
	start_again();
	port_down(&port);
}

static void
back_end_that_comes_back_grants_less(void)
{
	port_up(&port, VHOST_USER_STOP_AUTO);
	fake_vu_disconnect(port.vu);
	CHECK_EQ(virtio_device_reset(&port.dev, PATIENCE_US), 0);
	port.vu->queue_num = 1;
	fake_vu_set_once(port.vu, false);
	CHECK_EQ(vhost_user_reconnect(&port.dev), -EINVAL);
	CHECK(!vhost_user_is_up(&port.dev));
	fake_vu_wait_quiet(port.vu);
	port.vu->queue_num = PORT_RINGS / 2;
	CHECK_EQ(vhost_user_reconnect(&port.dev), 0);
	start_again();
	port_down(&port);
}

static int
create_server(void)
{
	const struct vhost_user_conf conf = {
		.path = port.vu->path, .server = true, .nb_rings = PORT_RINGS,
		.stop = VHOST_USER_STOP_GET_BASE
	};
	int ret;

	CHECK_EQ(virtio_device_init(&port.dev, "server", VIRTIO_TRANSPORT_VHOST_USER,
				    PORT_RINGS), 0);
	ret = vhost_user_create(&port.dev, &conf);
	if (ret != 0)
		virtio_device_fini(&port.dev);
	port.connected = ret == 0;
	return ret;
}

static void
we_are_the_server(void)
{
	unsigned int round;

	port_create(&port);
	unlink(port.vu->path);
	port.vu->client = true;
	fake_vu_launch(port.vu);
	CHECK_EQ(create_server(), 0);
	port_start(&port);
	port_check_others_run(&port, PORT_RINGS);
	for (round = 0; round < 3; round++) {
		int listener;

		fake_vu_disconnect(port.vu);
		CHECK(!vhost_user_is_up(&port.dev));
		CHECK_EQ(virtio_device_reset(&port.dev, PATIENCE_US), 0);
		/* Nobody is there yet. */
		CHECK_EQ(vhost_user_reconnect(&port.dev), -EAGAIN);
		listener = vhost_user_watch_fd(&port.dev);
		CHECK(listener >= 0);
		fake_vu_connect_again(port.vu);
		CHECK_EQ(vhost_user_reconnect(&port.dev), 0);
		CHECK(vhost_user_watch_fd(&port.dev) != listener);
		start_again();
	}
	port_down(&port);
	CHECK_EQ(access(test_path("backend"), F_OK), -1);
}

/* A listener that accepts nobody is waited for, and not for ever. */
static void
no_accept(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fds[16];
	unsigned int n = 0;
	int fd;

	port_create(&port);
	strcpy(addr.sun_path, port.vu->path);
	unlink(port.vu->path);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK_EQ(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	CHECK_EQ(listen(fd, 1), 0);
	do {
		CHECK(n < RTE_DIM(fds));
		fds[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	} while (connect(fds[n++], (struct sockaddr *)&addr, sizeof(addr)) == 0);
	/* The fake is not to listen there, too. */
	port.vu->launched = true;
	CHECK_EQ(port_connect(&port, VHOST_USER_STOP_AUTO), -ETIMEDOUT);
	CHECK_EQ(test_logged("cannot connect to the back-end"), 1);
	port.vu->launched = false;
	while (n > 0)
		close(fds[--n]);
	close(fd);
	port_down(&port);
}

/* As long as a name of a device may be. */
static void
name_is_long(void)
{
	struct vhost_user_conf conf = { .nb_rings = PORT_RINGS };
	char name[VIRTIO_DEVICE_NAME_SIZE];

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	port_create(&port);
	fake_vu_launch(port.vu);
	conf.path = port.vu->path;
	CHECK_EQ(virtio_device_init(&port.dev, name, VIRTIO_TRANSPORT_VHOST_USER, PORT_RINGS), 0);
	CHECK_EQ(vhost_user_create(&port.dev, &conf), 0);
	vhost_user_destroy(&port.dev);
	virtio_device_fini(&port.dev);
	port_down(&port);
}

/* A socket that another process has bound stays, and so does one that does not listen yet. */
static void
path_is_in_use(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd;

	port_create(&port);
	fake_vu_launch(port.vu);
	CHECK_EQ(create_server(), -EADDRINUSE);
	CHECK_EQ(test_logged("Another process listens there"), 1);
	CHECK_EQ(access(port.vu->path, F_OK), 0);
	/* The look is no connection. */
	CHECK_EQ(port_connect(&port, VHOST_USER_STOP_AUTO), 0);
	CHECK_EQ(port.vu->connections, 1);
	port_down(&port);

	port_create(&port);
	strcpy(addr.sun_path, port.vu->path);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK_EQ(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	CHECK_EQ(create_server(), -EADDRINUSE);
	CHECK_EQ(access(port.vu->path, F_OK), 0);
	close(fd);
	unlink(port.vu->path);
	port_down(&port);
}

/* A socket that a process left behind when it was killed is replaced. */
static void
path_is_stale(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd;

	port_create(&port);
	strcpy(addr.sun_path, port.vu->path);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK_EQ(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	CHECK_EQ(listen(fd, 1), 0);
	close(fd);
	CHECK_EQ(access(port.vu->path, F_OK), 0);
	port.vu->client = true;
	fake_vu_launch(port.vu);
	CHECK_EQ(create_server(), 0);
	port_start(&port);
	port_check_others_run(&port, PORT_RINGS);
	port_down(&port);
	CHECK_EQ(access(test_path("backend"), F_OK), -1);
}

static void
path_is_no_socket(void)
{
	struct stat before, now;

	port_create(&port);
	CHECK_EQ(symlink("nothing", port.vu->path), 0);
	CHECK_EQ(create_server(), -EEXIST);
	CHECK_EQ(lstat(port.vu->path, &now), 0);
	CHECK(S_ISLNK(now.st_mode));
	unlink(port.vu->path);

	close(open(port.vu->path, O_CREAT | O_WRONLY, 0600));
	CHECK_EQ(lstat(port.vu->path, &before), 0);
	CHECK_EQ(create_server(), -EEXIST);
	CHECK_EQ(test_logged("The file there is not a socket"), 2);
	CHECK_EQ(lstat(port.vu->path, &now), 0);
	CHECK_EQ(now.st_ino, before.st_ino);
	unlink(port.vu->path);
	port_down(&port);
}

/* The path is given to another process while the port lives: that file stays at the close. */
static void
path_of_another_socket(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd;

	port_create(&port);
	unlink(port.vu->path);
	port.vu->client = true;
	fake_vu_launch(port.vu);
	CHECK_EQ(create_server(), 0);
	CHECK_EQ(unlink(test_path("backend")), 0);
	strcpy(addr.sun_path, test_path("backend"));
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK_EQ(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	port_down(&port);
	CHECK_EQ(access(test_path("backend"), F_OK), 0);
	close(fd);
	unlink(test_path("backend"));
}

TEST_MAIN(
	TEST_LAYOUTS(back_end_comes_back),
	TEST_LAYOUTS(back_end_comes_back_owing_an_answer),
	TEST_LAYOUTS(other_back_end_comes),
	TEST_LAYOUTS(back_end_that_comes_back_grants_less),
	TEST_LAYOUTS(we_are_the_server),
	TEST(path_is_in_use),
	TEST(path_is_stale),
	TEST(path_is_no_socket),
	TEST(path_of_another_socket),
	TEST(no_accept),
	TEST(name_is_long),
)
