/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * Requests and answers on the socket of a vhost-user back-end: each answer goes to its own request,
 * however late; what is no answer ends the connection; so does a message that ends in the middle.
 * The other end is written by hand, byte by byte where that matters.
 */

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_common.h>

#include "ring.h"
#include "vhost_user_msg.h"

/* Longer than a back-end that has closed the connection is given to let go of memory. */
#define GRACE_US 300000

struct wire {
	uint32_t request, flags, size;
	uint64_t value;
} __attribute__((packed));

static struct vhost_user_channel ch;
static int peer;

static void
up(void)
{
	int fd[2];

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	CHECK_EQ(vhost_user_channel_init(&ch, "channel"), 0);
	CHECK_EQ(vhost_user_poll(&ch), -ENODEV);
	vhost_user_channel_open(&ch, fd[0]);
	CHECK_EQ(vhost_user_poll(&ch), 0);
	peer = fd[1];
}

static void
down(void)
{
	if (peer >= 0)
		close(peer);
	vhost_user_channel_close(&ch);
	CHECK_EQ(vhost_user_poll(&ch), -ENODEV);
	vhost_user_channel_fini(&ch);
}

static int
ask(uint32_t request, uint64_t value, struct vhost_user_reply *reply)
{
	struct vhost_user_msg msg = {
		.request = request, .size = sizeof(uint64_t), .payload.u64 = value
	};

	return vhost_user_send(&ch, &msg, NULL, 0, reply);
}

/* The peer reads one request. */
static struct wire
read_request(void)
{
	struct wire w;

	CHECK_EQ(recv(peer, &w, sizeof(w), MSG_WAITALL), sizeof(w));
	CHECK_EQ(w.size, 8);
	return w;
}

static void
write_bytes(const void *bytes, size_t n)
{
	CHECK_EQ(send(peer, bytes, n, MSG_NOSIGNAL), n);
}

static struct wire
right_answer(uint32_t request, uint64_t value)
{
	return (struct wire){ request, 0x5, 8, value };
}

static void
write_answer(uint32_t request, uint64_t value)
{
	const struct wire w = right_answer(request, value);

	write_bytes(&w, sizeof(w));
}

static void
answers_go_to_their_requests(void)
{
	struct vhost_user_reply features = { 0 };
	struct vhost_user_reply enable = { 0 };
	struct vhost_user_reply base = { 0 };

	up();
	CHECK_EQ(ask(VHOST_USER_GET_FEATURES, 0, &features), 0);
	CHECK_EQ(ask(VHOST_USER_SET_VRING_ENABLE, 0, &enable), 0);
	CHECK_EQ(ask(VHOST_USER_SET_VRING_NUM, 0, NULL), 0);
	CHECK_EQ(ask(VHOST_USER_GET_VRING_BASE, 7, &base), 0);
	/* An acknowledgement is asked for where there is no answer otherwise, and one is wanted. */
	CHECK_EQ(read_request().flags, 0x1);
	CHECK_EQ(read_request().flags, 0x9);
	CHECK_EQ(read_request().flags, 0x1);
	CHECK_EQ(read_request().flags, 0x1);
	CHECK_EQ(vhost_user_poll(&ch), 0);
	CHECK(!vhost_user_answered(&features));
	write_answer(VHOST_USER_GET_FEATURES, 0x1234567890);
	CHECK_EQ(vhost_user_wait(&ch, &features, PATIENCE_US), 0);
	CHECK_EQ(features.value, 0x1234567890);
	CHECK(!vhost_user_answered(&enable) && !vhost_user_answered(&base));
	write_answer(VHOST_USER_SET_VRING_ENABLE, 0);
	write_answer(VHOST_USER_GET_VRING_BASE, 7 | UINT64_C(70) << 32);
	/* The thread that reads hands each answer to the thread that waits for it. */
	CHECK_EQ(vhost_user_wait(&ch, &base, PATIENCE_US), 0);
	CHECK(vhost_user_answered(&enable));
	CHECK_EQ(enable.error, 0);
	CHECK_EQ(base.value, 7 | UINT64_C(70) << 32);
	down();
}

static void
late_answer_is_not_taken_for_that_of_the_next(void)
{
	struct vhost_user_reply first = { 0 };
	struct vhost_user_reply second = { 0 };

	up();
	CHECK_EQ(ask(VHOST_USER_SET_VRING_ENABLE, 0, &first), 0);
	CHECK_EQ(vhost_user_wait(&ch, &first, SHORT_US), -ETIMEDOUT);
	CHECK_EQ(ask(VHOST_USER_SET_VRING_ENABLE, 1, &second), 0);
	/* The first one's, now. */
	write_answer(VHOST_USER_SET_VRING_ENABLE, 0);
	CHECK_EQ(vhost_user_wait(&ch, &second, SHORT_US), -ETIMEDOUT);
	CHECK(vhost_user_answered(&first));
	CHECK(!vhost_user_answered(&second));
	write_answer(VHOST_USER_SET_VRING_ENABLE, 1);
	CHECK_EQ(vhost_user_wait(&ch, &second, PATIENCE_US), -EIO);
	CHECK_EQ(first.error, 0);
	down();
}

static void
late_value_is_not_taken_for_that_of_the_next(void)
{
	struct vhost_user_reply reply = { 0 };

	up();
	CHECK_EQ(ask(VHOST_USER_GET_STATUS, 0, &reply), 0);
	CHECK_EQ(vhost_user_wait(&ch, &reply, SHORT_US), -ETIMEDOUT);
	/* Asked again for the same: both answers are waited for, the last one is taken. */
	CHECK_EQ(ask(VHOST_USER_GET_STATUS, 0, &reply), 0);
	write_answer(VHOST_USER_GET_STATUS, 3);
	CHECK_EQ(vhost_user_wait(&ch, &reply, SHORT_US), -ETIMEDOUT);
	write_answer(VHOST_USER_GET_STATUS, 11);
	CHECK_EQ(vhost_user_wait(&ch, &reply, PATIENCE_US), 0);
	CHECK_EQ(reply.value, 11);
	down();
}

static void
refusal_is_an_error(void)
{
	struct vhost_user_reply reply = { 0 };

	up();
	CHECK_EQ(ask(VHOST_USER_SET_VRING_NUM, 0, &reply), 0);
	CHECK_EQ(ask(VHOST_USER_SET_VRING_BASE, 0, &reply), 0);
	CHECK_EQ(ask(VHOST_USER_SET_VRING_ENABLE, 0, &reply), 0);
	CHECK_EQ(reply.pending, 3);
	write_answer(VHOST_USER_SET_VRING_NUM, 0);
	write_answer(VHOST_USER_SET_VRING_BASE, 1);
	write_answer(VHOST_USER_SET_VRING_ENABLE, 0);
	CHECK_EQ(vhost_user_wait(&ch, &reply, PATIENCE_US), -EIO);
	CHECK_EQ(reply.pending, 0);
	down();
}

/* A refusal of what was asked for before, and was given up, says nothing of the next. */
static void
late_refusal_is_no_error_of_the_next(void)
{
	struct vhost_user_reply reply = { 0 };

	up();
	CHECK_EQ(ask(VHOST_USER_SET_FEATURES, 1, &reply), 0);
	CHECK_EQ(vhost_user_wait(&ch, &reply, SHORT_US), -ETIMEDOUT);
	vhost_user_reply_begin(&reply);
	CHECK_EQ(ask(VHOST_USER_SET_FEATURES, 2, &reply), 0);
	write_answer(VHOST_USER_SET_FEATURES, 1);
	write_answer(VHOST_USER_SET_FEATURES, 0);
	CHECK_EQ(vhost_user_wait(&ch, &reply, PATIENCE_US), 0);
	down();
}

static void
silence_is_described(void)
{
	struct vhost_user_reply reply = { 0 };
	char text[96];

	up();
	vhost_user_describe_silence(&ch, text, sizeof(text));
	CHECK_EQ(strlen(text), 0);
	test_forget_log();
	CHECK_EQ(ask(VHOST_USER_SET_STATUS, 1, &reply), 0);
	CHECK_EQ(ask(VHOST_USER_GET_STATUS, 0, &reply), 0);
	CHECK_EQ(vhost_user_wait(&ch, &reply, SHORT_US), -ETIMEDOUT);
	CHECK_EQ(test_logged("not answered in time; the back-end has not answered SET_STATUS"), 1);
	write_answer(VHOST_USER_SET_STATUS, 0);
	CHECK_EQ(vhost_user_poll(&ch), 0);
	CHECK_EQ(test_logged("the back-end answers again, after"), 1);
	vhost_user_describe_silence(&ch, text, sizeof(text));
	CHECK(strstr(text, "has not answered GET_STATUS for") != NULL);
	write_answer(VHOST_USER_GET_STATUS, 0);
	CHECK_EQ(vhost_user_wait(&ch, &reply, PATIENCE_US), 0);
	vhost_user_describe_silence(&ch, text, sizeof(text));
	CHECK_EQ(strlen(text), 0);
	down();
}

static void
answer_in_pieces(void)
{
	const struct wire w = right_answer(VHOST_USER_GET_FEATURES, 0xabcdef);
	const uint8_t *bytes = (const uint8_t *)&w;
	struct vhost_user_reply reply = { 0 };
	size_t i;

	up();
	CHECK_EQ(ask(VHOST_USER_GET_FEATURES, 0, &reply), 0);
	for (i = 0; i < sizeof(w); i++) {
		CHECK(!vhost_user_answered(&reply));
		write_bytes(bytes + i, 1);
		CHECK_EQ(vhost_user_poll(&ch), 0);
	}
	CHECK(vhost_user_answered(&reply));
	CHECK_EQ(reply.value, 0xabcdef);
	down();
}

static void
answers_in_one_piece(void)
{
	const struct wire w[3] = {
		right_answer(VHOST_USER_GET_FEATURES, 1), right_answer(VHOST_USER_GET_STATUS, 2),
		right_answer(VHOST_USER_GET_QUEUE_NUM, 3)
	};
	struct vhost_user_reply reply[3] = { 0 };
	unsigned int i;

	up();
	for (i = 0; i < 3; i++)
		CHECK_EQ(ask(w[i].request, 0, &reply[i]), 0);
	write_bytes(w, sizeof(w));
	CHECK_EQ(vhost_user_poll(&ch), 0);
	for (i = 0; i < 3; i++) {
		CHECK(vhost_user_answered(&reply[i]));
		CHECK_EQ(reply[i].value, i + 1);
	}
	down();
}

/* Out of step: nothing is sent any more, the peer sees the end, and nothing counts as proof. */
static void
check_gave_up(struct vhost_user_reply *reply)
{
	char byte;

	CHECK_EQ(vhost_user_poll(&ch), 0);
	CHECK(ch.broken);
	CHECK(!vhost_user_answered(reply));
	CHECK_EQ(test_logged("the connection to the back-end is closed"), 1);
	CHECK_EQ(ask(VHOST_USER_SET_VRING_NUM, 0, NULL), -ENODEV);
	while (recv(peer, &byte, 1, 0) > 0)
		;
	CHECK_EQ(recv(peer, &byte, 1, 0), 0);
	/* It has not closed: as far as we know it is using memory. */
	CHECK(!ch.gone);
	usleep(GRACE_US);
	CHECK(!vhost_user_peer_is_done(&ch));
	/* Even the right answer comes too late. */
	write_answer(VHOST_USER_SET_VRING_ENABLE, 0);
	CHECK_EQ(vhost_user_poll(&ch), 0);
	CHECK(!vhost_user_answered(reply));
	CHECK_EQ(test_logged("the connection to the back-end is closed"), 1);
	close(peer);
	peer = -1;
	CHECK_EQ(vhost_user_poll(&ch), -ENODEV);
	CHECK_EQ(test_logged("the back-end closed"), 1);
}

static void
garbage(const struct wire *w, size_t n)
{
	struct vhost_user_reply reply = { 0 };

	up();
	test_forget_log();
	CHECK_EQ(ask(VHOST_USER_SET_VRING_ENABLE, 0, &reply), 0);
	write_bytes(w, n);
	check_gave_up(&reply);
	down();
}

static void
garbage_answers(void)
{
	const struct wire right = right_answer(VHOST_USER_SET_VRING_ENABLE, 0);
	struct wire w = right;

	w.request = VHOST_USER_GET_VRING_BASE;
	garbage(&w, sizeof(w));
	w = right;
	w.flags = 0x1;
	garbage(&w, sizeof(w));
	w = right;
	w.size = 4;
	garbage(&w, 16);
	w = right;
	w.size = 0;
	garbage(&w, 12);
	w = right;
	w.size = UINT32_MAX;
	garbage(&w, sizeof(w));
	w = right;
	w.size = 65536;
	garbage(&w, 12);
	memset(&w, 0, sizeof(w));
	garbage(&w, sizeof(w));
	memset(&w, 0xff, sizeof(w));
	garbage(&w, sizeof(w));
}

static void
answer_about_another_ring(void)
{
	struct vhost_user_reply reply = { 0 };

	up();
	test_forget_log();
	CHECK_EQ(ask(VHOST_USER_GET_VRING_BASE, 1, &reply), 0);
	write_answer(VHOST_USER_GET_VRING_BASE, 2);
	check_gave_up(&reply);
	CHECK_EQ(test_logged("GET_VRING_BASE names another ring"), 1);
	down();
}

static void
answer_that_nobody_asked_for(void)
{
	struct vhost_user_reply none = { .pending = 1 };

	up();
	CHECK_EQ(ask(VHOST_USER_SET_VRING_ENABLE, 0, NULL), 0);
	write_answer(VHOST_USER_SET_VRING_ENABLE, 0);
	check_gave_up(&none);
	down();
}

/* The table of requests that wait is full of old ones: none of them waits any more. */
static void
answer_to_a_request_of_long_ago(void)
{
	struct vhost_user_reply none = { .pending = 1 };
	struct vhost_user_reply reply = { 0 };
	unsigned int i;

	up();
	for (i = 0; i < VHOST_USER_MAX_WAITING; i++) {
		CHECK_EQ(ask(VHOST_USER_SET_VRING_ENABLE, i, &reply), 0);
		CHECK_EQ(read_request().value, i);
		write_answer(VHOST_USER_SET_VRING_ENABLE, 0);
		CHECK_EQ(vhost_user_poll(&ch), 0);
	}
	CHECK(vhost_user_answered(&reply));
	write_answer(VHOST_USER_SET_VRING_ENABLE, 0);
	check_gave_up(&none);
	CHECK_EQ(reply.pending, 0);
	down();
}

/* Bytes that come after the end are read, discarded and logged once. */
static void
noise_after_the_end_is_logged_once(void)
{
	struct vhost_user_reply reply = { 0 };
	uint8_t noise[4000];
	unsigned int i;

	up();
	CHECK_EQ(ask(VHOST_USER_SET_VRING_ENABLE, 0, &reply), 0);
	memset(noise, 0xff, sizeof(noise));
	for (i = 0; i < 10; i++) {
		write_bytes(noise, sizeof(noise));
		CHECK_EQ(vhost_user_poll(&ch), 0);
	}
	check_gave_up(&reply);
	down();
}

static void
connection_ends_within_an_answer(void)
{
	const struct wire w = right_answer(VHOST_USER_GET_FEATURES, 5);
	size_t n;

	for (n = 0; n < sizeof(w); n++) {
		struct vhost_user_reply reply = { 0 };

		up();
		CHECK_EQ(ask(VHOST_USER_GET_FEATURES, 0, &reply), 0);
		read_request();
		if (n > 0)
			write_bytes(&w, n);
		close(peer);
		peer = -1;
		CHECK_EQ(vhost_user_wait(&ch, &reply, PATIENCE_US), -ENODEV);
		CHECK(!vhost_user_answered(&reply));
		CHECK_EQ(ask(VHOST_USER_GET_FEATURES, 0, &reply), -ENODEV);
		CHECK(ch.gone);
		down();
	}
}

/* The answer came before the end: it counts. */
static void
connection_ends_after_an_answer(void)
{
	struct vhost_user_reply reply = { 0 };

	up();
	CHECK_EQ(ask(VHOST_USER_GET_FEATURES, 0, &reply), 0);
	read_request();
	write_answer(VHOST_USER_GET_FEATURES, 5);
	close(peer);
	peer = -1;
	CHECK_EQ(vhost_user_wait(&ch, &reply, PATIENCE_US), 0);
	CHECK_EQ(reply.value, 5);
	down();
}

/* The back-end closed the connection, and had not read all: that, too, is its end. */
static void
connection_ends_with_unread_requests(void)
{
	struct vhost_user_reply reply = { 0 };

	up();
	CHECK_EQ(ask(VHOST_USER_GET_FEATURES, 0, &reply), 0);
	close(peer);
	peer = -1;
	test_forget_log();
	/* The socket has that error once, and the end comes after it. */
	CHECK_EQ(vhost_user_poll(&ch), -ENODEV);
	CHECK(!ch.broken);
	CHECK_EQ(test_logged("the connection to the back-end is closed"), 0);
	CHECK_EQ(vhost_user_wait(&ch, &reply, PATIENCE_US), -ENODEV);
	down();
}

/* That the socket cannot be read says nothing of what the back-end has. Its end does. */
static void
error_is_not_the_end(void)
{
	struct vhost_user_reply reply = { 0 };
	int fd[2];

	up();
	test_forget_log();
	CHECK_EQ(ask(VHOST_USER_SET_VRING_ENABLE, 0, &reply), 0);
	/* recv(2) of what is not a socket fails, and a pipe has an end. */
	CHECK_EQ(pipe2(fd, O_CLOEXEC), 0);
	CHECK_EQ(dup2(fd[0], ch.fd), ch.fd);
	close(fd[0]);
	CHECK_EQ(vhost_user_poll(&ch), 0);
	CHECK(ch.broken);
	CHECK(!ch.gone);
	CHECK_EQ(test_logged("nothing can be read from it"), 1);
	CHECK_EQ(ask(VHOST_USER_SET_VRING_NUM, 0, NULL), -ENODEV);
	usleep(GRACE_US);
	CHECK_EQ(vhost_user_poll(&ch), 0);
	CHECK(!vhost_user_peer_is_done(&ch));
	CHECK(!vhost_user_answered(&reply));
	CHECK_EQ(test_logged("nothing can be read from it"), 1);
	close(fd[1]);
	CHECK_EQ(vhost_user_poll(&ch), -ENODEV);
	CHECK(!vhost_user_peer_is_done(&ch));
	usleep(GRACE_US);
	CHECK(vhost_user_peer_is_done(&ch));
	CHECK(!vhost_user_answered(&reply));
	down();
}

/* What an earlier connection left is not seen by the next one. */
static void
new_connection_starts_afresh(void)
{
	const struct wire w = right_answer(VHOST_USER_GET_FEATURES, 5);
	struct vhost_user_reply old = { 0 };
	struct vhost_user_reply reply = { 0 };
	int fd[2];

	up();
	CHECK_EQ(ask(VHOST_USER_GET_STATUS, 0, &old), 0);
	write_bytes(&w, 7);
	CHECK_EQ(vhost_user_poll(&ch), 0);
	close(peer);
	CHECK_EQ(vhost_user_poll(&ch), -ENODEV);
	vhost_user_channel_close(&ch);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	vhost_user_channel_open(&ch, fd[0]);
	peer = fd[1];
	CHECK_EQ(ask(VHOST_USER_GET_FEATURES, 0, &reply), 0);
	write_answer(VHOST_USER_GET_FEATURES, 6);
	CHECK_EQ(vhost_user_wait(&ch, &reply, PATIENCE_US), 0);
	CHECK_EQ(reply.value, 6);
	down();
}

static void
too_many_without_an_answer(void)
{
	struct vhost_user_reply reply = { 0 };
	unsigned int i;

	up();
	for (i = 0; i < VHOST_USER_MAX_WAITING; i++) {
		CHECK_EQ(ask(VHOST_USER_SET_VRING_ENABLE, i, &reply), 0);
		CHECK_EQ(read_request().value, i);
	}
	CHECK_EQ(ask(VHOST_USER_SET_VRING_ENABLE, i, &reply), -EBUSY);
	/* Those that want no answer still go, and so does one more after an answer. */
	CHECK_EQ(ask(VHOST_USER_SET_VRING_NUM, 0, NULL), 0);
	write_answer(VHOST_USER_SET_VRING_ENABLE, 0);
	CHECK_EQ(vhost_user_poll(&ch), 0);
	CHECK_EQ(ask(VHOST_USER_SET_VRING_ENABLE, i, &reply), 0);
	CHECK_EQ(reply.pending, VHOST_USER_MAX_WAITING);
	for (i = 0; i < VHOST_USER_MAX_WAITING; i++) {
		write_answer(VHOST_USER_SET_VRING_ENABLE, 0);
		CHECK_EQ(vhost_user_poll(&ch), 0);
	}
	CHECK_EQ(vhost_user_wait(&ch, &reply, PATIENCE_US), 0);
	down();
}

/* Sends until the peer's socket takes no more; what was sent. */
static unsigned int
fill_socket(void)
{
	unsigned int n = 0;
	int ret;

	while ((ret = ask(VHOST_USER_SET_VRING_NUM, n, NULL)) == 0)
		n++;
	CHECK_EQ(ret, -ETIMEDOUT);
	CHECK(n > 0);
	return n;
}

/* A peer that does not read: an error in time, and no message is cut in two. */
static void
peer_does_not_read(void)
{
	struct vhost_user_reply reply = { 0 };
	unsigned int n, i;

	up();
	n = fill_socket();
	CHECK_EQ(vhost_user_poll(&ch), 0);
	CHECK(!ch.broken);
	CHECK_EQ(ask(VHOST_USER_SET_VRING_ENABLE, 0, &reply), -ETIMEDOUT);
	CHECK(vhost_user_answered(&reply));
	for (i = 0; i < n; i++)
		CHECK_EQ(read_request().value, i);
	CHECK_EQ(ask(VHOST_USER_SET_VRING_ENABLE, 5, &reply), 0);
	CHECK_EQ(read_request().value, 5);
	write_answer(VHOST_USER_SET_VRING_ENABLE, 0);
	CHECK_EQ(vhost_user_wait(&ch, &reply, PATIENCE_US), 0);
	down();
}

/*
 * Garbage comes in while a request cannot go out. The talk is over, but by our own doing: the peer
 * has not closed, and is not to be taken for one that has.
 */
static void
garbage_from_a_peer_that_does_not_read(void)
{
	struct wire w = right_answer(VHOST_USER_GET_FEATURES, 0);
	char byte;

	up();
	fill_socket();
	write_bytes(&w, sizeof(w));
	CHECK(ask(VHOST_USER_SET_VRING_ENABLE, 0, NULL) < 0);
	CHECK(ch.broken);
	CHECK_EQ(vhost_user_poll(&ch), 0);
	CHECK(!ch.gone);
	usleep(GRACE_US);
	CHECK(!vhost_user_peer_is_done(&ch));
	while (recv(peer, &byte, 1, 0) > 0)
		;
	close(peer);
	peer = -1;
	CHECK_EQ(vhost_user_poll(&ch), -ENODEV);
	down();
}

static void
descriptors_go_along(void)
{
	struct vhost_user_msg msg = { .request = VHOST_USER_SET_VRING_KICK, .size = 8 };
	char control[CMSG_SPACE(8 * sizeof(int))];
	struct wire w;
	struct iovec iov = { &w, sizeof(w) };
	struct msghdr mh = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
		.msg_controllen = sizeof(control)
	};
	struct cmsghdr *c;
	int fds[8], got[8];
	unsigned int i;
	char byte;

	up();
	for (i = 0; i < 4; i++)
		CHECK_EQ(pipe(&fds[2 * i]), 0);
	CHECK_EQ(vhost_user_send(&ch, &msg, fds, 8, NULL), 0);
	CHECK_EQ(recvmsg(peer, &mh, 0), sizeof(w));
	c = CMSG_FIRSTHDR(&mh);
	CHECK(c != NULL && c->cmsg_len == CMSG_LEN(sizeof(got)));
	memcpy(got, CMSG_DATA(c), sizeof(got));
	for (i = 0; i < 4; i++) {
		CHECK_EQ(write(fds[2 * i + 1], &"abcd"[i], 1), 1);
		CHECK_EQ(read(got[2 * i], &byte, 1), 1);
		CHECK_EQ(byte, 'a' + i);
	}
	for (i = 0; i < 8; i++) {
		close(fds[i]);
		close(got[i]);
	}
	down();
}

/* What is said of a peer whose end was noticed this moment: its grace time is not over. */
static bool
is_done_at_once(void)
{
	uint64_t now;
	bool done;

	do {
		now = virtio_now_us();
		ch.gone_us = now;
		done = vhost_user_peer_is_done(&ch);
	} while (virtio_now_us() - now > 50000);
	return done;
}

/*
 * The process that listened may have handed the connection on: that it has exited says nothing of
 * who serves the socket.
 */
static void
peer_that_listened_and_exited_is_given_time(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int listening[2], fd;
	pid_t child;
	char byte;

	strcpy(addr.sun_path, test_path("child"));
	CHECK_EQ(pipe(listening), 0);
	child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		fd = socket(AF_UNIX, SOCK_STREAM, 0);
		if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0 || listen(fd, 1) != 0 ||
		    write(listening[1], "", 1) != 1)
			_exit(1);
		fd = accept(fd, NULL, NULL);
		/* Until the test sends something. */
		_exit(read(fd, &byte, 1) == 1 ? 0 : 1);
	}
	CHECK_EQ(read(listening[0], &byte, 1), 1);
	close(listening[0]);
	close(listening[1]);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK_EQ(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	CHECK_EQ(vhost_user_channel_init(&ch, "channel"), 0);
	vhost_user_channel_open(&ch, fd);
	peer = -1;
	CHECK(!vhost_user_peer_is_done(&ch));
	CHECK_EQ(ask(VHOST_USER_SET_VRING_NUM, 0, NULL), 0);
	CHECK_EQ(waitpid(child, NULL, 0), child);
	CHECK_EQ(vhost_user_poll(&ch), -ENODEV);
	CHECK(!is_done_at_once());
	ch.gone_us = virtio_now_us() - GRACE_US;
	CHECK(vhost_user_peer_is_done(&ch));
	unlink(addr.sun_path);
	down();
}

static void
peer_that_lives_on_is_given_time(void)
{
	up();
	close(peer);
	peer = -1;
	CHECK_EQ(vhost_user_poll(&ch), -ENODEV);
	CHECK(!is_done_at_once());
	ch.gone_us = virtio_now_us() - GRACE_US;
	CHECK(vhost_user_peer_is_done(&ch));
	down();
}

TEST_MAIN(
	TEST(answers_go_to_their_requests),
	TEST(late_answer_is_not_taken_for_that_of_the_next),
	TEST(late_value_is_not_taken_for_that_of_the_next),
	TEST(refusal_is_an_error),
	TEST(late_refusal_is_no_error_of_the_next),
	TEST(silence_is_described),
	TEST(answer_in_pieces),
	TEST(answers_in_one_piece),
	TEST(garbage_answers),
	TEST(answer_about_another_ring),
	TEST(answer_that_nobody_asked_for),
	TEST(answer_to_a_request_of_long_ago),
	TEST(noise_after_the_end_is_logged_once),
	TEST(connection_ends_within_an_answer),
	TEST(connection_ends_after_an_answer),
	TEST(connection_ends_with_unread_requests),
	TEST(error_is_not_the_end),
	TEST(new_connection_starts_afresh),
	TEST(too_many_without_an_answer),
	TEST(peer_does_not_read),
	TEST(garbage_from_a_peer_that_does_not_read),
	TEST(descriptors_go_along),
	TEST(peer_that_listened_and_exited_is_given_time),
	TEST(peer_that_lives_on_is_given_time),
)
