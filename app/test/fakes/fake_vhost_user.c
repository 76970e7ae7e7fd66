/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fake_vhost_user_private.h"
#include "test.h"

/* So long that only a test that hangs gets there. */
#define PATIENCE_S 20

void
fake_vu_breach(struct fake_vu *vu, const char *format, ...)
{
	va_list ap;

	if (vu->breach[0] != '\0')
		return;
	va_start(ap, format);
	vsnprintf(vu->breach, sizeof(vu->breach), format, ap);
	va_end(ap);
}

/*
 * Carries a message out; true where it has an answer of its own, in *value. Else *value is what an
 * acknowledgement says. Of what it refuses, it leaves out only regions of memory.
 */
static bool
obey(struct fake_vu *vu, struct fake_vu_message *m, bool refuses, uint64_t *value)
{
	*value = 0;
	switch (m->request) {
	case VU_GET_FEATURES:
		*value = vu->features;
		return true;
	case VU_SET_FEATURES:
		vu->acked = fake_vu_get64(m->payload);
		if (vu->acked & ~vu->features)
			fake_vu_breach(vu, "features 0x%" PRIx64 " were not offered",
				       vu->acked & ~vu->features);
		break;
	case VU_SET_OWNER:
		break;
	case VU_SET_MEM_TABLE:
		fake_vu_map_table(vu, m);
		break;
	case VU_ADD_MEM_REG:
	case VU_REM_MEM_REG:
		*value = refuses || !fake_vu_change_region(vu, m);
		break;
	case VU_GET_MAX_MEM_SLOTS:
		if (!(vu->protocol_acked & VU_P_MEM_SLOTS))
			fake_vu_breach(vu, "GET_MAX_MEM_SLOTS without its feature");
		*value = vu->mem_slots;
		return true;
	case VU_GET_PROTOCOL_FEATURES:
		*value = vu->protocol;
		return true;
	case VU_SET_PROTOCOL_FEATURES:
		vu->protocol_acked = fake_vu_get64(m->payload);
		if (vu->protocol_acked & ~vu->protocol)
			fake_vu_breach(vu, "protocol features 0x%" PRIx64 " were not offered",
				       vu->protocol_acked & ~vu->protocol);
		break;
	case VU_GET_QUEUE_NUM:
		if (!(vu->protocol_acked & VU_P_MQ))
			fake_vu_breach(vu, "GET_QUEUE_NUM without MQ");
		*value = vu->queue_num;
		return true;
	case VU_SET_STATUS:
	case VU_GET_STATUS:
		if (!(vu->protocol_acked & VU_P_STATUS))
			fake_vu_breach(vu, "STATUS without its feature");
		if (m->request == VU_SET_STATUS)
			vu->status = fake_vu_get64(m->payload);
		else
			*value = vu->status;
		return m->request == VU_GET_STATUS;
	case VU_GET_VRING_BASE:
		return fake_vu_obey_ring(vu, m, value);
	case VU_SET_VRING_NUM:
	case VU_SET_VRING_ADDR:
	case VU_SET_VRING_BASE:
	case VU_SET_VRING_KICK:
	case VU_SET_VRING_CALL:
	case VU_SET_VRING_ENABLE:
		fake_vu_obey_ring(vu, m, value);
		*value = 0;
		break;
	default:
		fake_vu_breach(vu, "unknown request %" PRIu32, m->request);
	}
	return false;
}

static bool
send_bytes(struct fake_vu *vu, const void *bytes, size_t n)
{
	return send(vu->fd, bytes, n, MSG_NOSIGNAL) == (ssize_t)n;
}

/* Lock held; let go of while waiting. */
static void
hold(struct fake_vu *vu)
{
	const unsigned int before = vu->releases;

	vu->holding = true;
	pthread_cond_broadcast(&vu->changed);
	while (vu->releases == before && !vu->ending)
		pthread_cond_wait(&vu->changed, &vu->lock);
	vu->holding = false;
}

/* The lock is released meanwhile. */
static void
delay(struct fake_vu *vu)
{
	const unsigned int us = vu->delay_us;

	pthread_mutex_unlock(&vu->lock);
	usleep(us);
	pthread_mutex_lock(&vu->lock);
}

static void
flood(struct fake_vu *vu)
{
	uint8_t noise[8192];

	memset(noise, 0xff, sizeof(noise));
	/* Let go of: the test goes on meanwhile. */
	pthread_mutex_unlock(&vu->lock);
	while (!__atomic_load_n(&vu->ending, __ATOMIC_RELAXED)) {
		struct pollfd p = { .fd = vu->fd, .events = POLLOUT };
		char ignored[256];

		if (send(vu->fd, noise, sizeof(noise), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 &&
		    errno != EAGAIN)
			break;
		/* What else is sent to it is lost. */
		if (recv(vu->fd, ignored, sizeof(ignored), MSG_DONTWAIT) == 0)
			break;
		poll(&p, 1, 10);
	}
	pthread_mutex_lock(&vu->lock);
}

/* false: the connection is to be closed. */
static bool
answer(struct fake_vu *vu, const struct fake_vu_message *m, enum fake_vu_action action,
       uint64_t value)
{
	struct {
		uint32_t request, flags, size;
		uint8_t payload[9];
	} a = { m->request, 0x1 | FAKE_VU_FLAG_REPLY, 8, { 0 } };
	const uint8_t *bytes = (const uint8_t *)&a;
	size_t n = FAKE_VU_HEADER + 8;
	size_t i;

	memcpy(a.payload, &value, sizeof(value));
	switch (action) {
	case VU_WRONG_REQUEST:
		a.request++;
		break;
	case VU_NOT_A_REPLY:
		a.flags = 0x1;
		break;
	case VU_TOO_LONG:
		a.size = 65536;
		break;
	case VU_JUST_TOO_LONG:
		a.size = 8 + 8 * 32 + 1;
		break;
	case VU_WRONG_SIZE:
		a.size = 4;
		n = FAKE_VU_HEADER + 4;
		break;
	case VU_NINE_BYTES:
		a.size = 9;
		n = FAKE_VU_HEADER + 9;
		break;
	case VU_EMPTY:
		a.size = 0;
		n = FAKE_VU_HEADER;
		break;
	case VU_TWICE:
		send_bytes(vu, &a, n);
		break;
	case VU_BYTE_BY_BYTE:
		for (i = 0; i < n; i++)
			send_bytes(vu, bytes + i, 1);
		return true;
	case VU_HALF_HEADER:
		send_bytes(vu, bytes, 6);
		return false;
	case VU_HALF_PAYLOAD:
		send_bytes(vu, bytes, 16);
		return false;
	case VU_HALF_AND_HOLD:
		send_bytes(vu, bytes, 16);
		hold(vu);
		send_bytes(vu, bytes + 16, n - 16);
		return true;
	default:
		break;
	}
	send_bytes(vu, &a, n);
	return true;
}

static enum fake_vu_action
action_for(struct fake_vu *vu, uint32_t request)
{
	unsigned int i;

	vu->messages++;
	if (vu->messages == vu->close_at)
		return VU_CLOSE;
	for (i = 0; i < FAKE_VU_MAX_RULES; i++) {
		struct fake_vu_rule *r = &vu->rule[i];

		if (r->times == 0 || (r->request != 0 && r->request != request))
			continue;
		if (r->skip > 0) {
			r->skip--;
			continue;
		}
		r->times--;
		return r->action;
	}
	return VU_OBEY;
}

/* Lock held. false: the connection is to be closed. */
static bool
handle(struct fake_vu *vu, struct fake_vu_message *m)
{
	const bool wants_ack = (m->flags & FAKE_VU_FLAG_NEED_REPLY) != 0;
	const enum fake_vu_action action = action_for(vu, m->request);
	bool has_value;
	uint64_t value;

	if ((m->flags & 0x3) != 0x1 || (m->flags & FAKE_VU_FLAG_REPLY))
		fake_vu_breach(vu, "request %" PRIu32 " has flags 0x%" PRIx32, m->request,
			       m->flags);
	if (wants_ack && !(vu->protocol_acked & VU_P_REPLY_ACK))
		fake_vu_breach(vu, "request %" PRIu32 ": NEED_REPLY without REPLY_ACK", m->request);
	fake_vu_note(vu, m);
	if (action == VU_CLOSE)
		return false;
	if (action == VU_HOLD)
		hold(vu);
	if (action == VU_SLOW)
		delay(vu);
	if (vu->ending)
		return false;
	has_value = obey(vu, m, action == VU_REFUSE, &value);
	pthread_cond_broadcast(&vu->changed);
	if (action == VU_REFUSE && !has_value)
		value = 1;
	if (action != VU_SILENT && (has_value || wants_ack || action == VU_UNASKED) &&
	    !answer(vu, m, action, value))
		return false;
	if (action == VU_FLOOD)
		flood(vu);
	return action != VU_CLOSE_AFTER;
}

/* One message; false at the end of the connection. */
static bool
receive(struct fake_vu *vu, struct fake_vu_message *m)
{
	uint8_t header[FAKE_VU_HEADER];
	struct iovec iov = { header, sizeof(header) };
	char control[CMSG_SPACE(sizeof(m->fd))];
	struct msghdr mh = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
		.msg_controllen = sizeof(control)
	};
	struct cmsghdr *c;

	m->fds = 0;
	if (recvmsg(vu->fd, &mh, MSG_WAITALL | MSG_CMSG_CLOEXEC) != FAKE_VU_HEADER)
		return false;
	for (c = CMSG_FIRSTHDR(&mh); c != NULL; c = CMSG_NXTHDR(&mh, c)) {
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
			m->fds = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
			memcpy(m->fd, CMSG_DATA(c), m->fds * sizeof(int));
		}
	}
	m->request = fake_vu_get32(header);
	m->flags = fake_vu_get32(header + 4);
	m->size = fake_vu_get32(header + 8);
	memset(m->payload, 0, sizeof(m->payload));
	if (m->size > FAKE_VU_MAX_PAYLOAD) {
		fake_vu_breach(vu, "request %" PRIu32 " of %" PRIu32 " bytes", m->request, m->size);
		return false;
	}
	return m->size == 0 ||
	       recv(vu->fd, m->payload, m->size, MSG_WAITALL) == (ssize_t)m->size;
}

static void
drop_connection(struct fake_vu *vu)
{
	unsigned int i;

	close(vu->fd);
	vu->fd = -1;
	for (i = 0; i < FAKE_VU_MAX_RINGS; i++) {
		struct fake_vu_ring *ring = &vu->ring[i];

		fake_vu_close_ring(ring);
		if (ring->kick_fd >= 0)
			close(ring->kick_fd);
		if (ring->call_fd >= 0)
			close(ring->call_fd);
		memset(ring, 0, sizeof(*ring));
		ring->kick_fd = -1;
		ring->call_fd = -1;
	}
	fake_vu_unmap(vu);
	vu->acked = 0;
	vu->protocol_acked = 0;
	vu->status = 0;
	vu->idle = true;
	pthread_cond_broadcast(&vu->changed);
}

static void
connect_to_path(struct fake_vu *vu)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(addr.sun_path, vu->path, sizeof(addr.sun_path));
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0) {
		close(fd);
		return;
	}
	vu->fd = fd;
	vu->connections++;
}

static void
accept_one(struct fake_vu *vu)
{
	vu->fd = accept4(vu->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	if (vu->fd >= 0)
		vu->connections++;
}

/* Lock held. What the poll has found. */
static void
step(struct fake_vu *vu, bool at_socket, bool at_listener)
{
	struct fake_vu_message m;
	bool more;

	if (at_listener && vu->fd < 0 && !(vu->once && vu->connections > 0))
		accept_one(vu);
	if (!at_socket || vu->fd < 0)
		return;
	vu->idle = false;
	more = receive(vu, &m) && handle(vu, &m);
	while (m.fds > 0)
		close(m.fd[--m.fds]);
	vu->idle = true;
	if (!more)
		drop_connection(vu);
}

static void *
run(void *arg)
{
	struct fake_vu *vu = arg;

	pthread_mutex_lock(&vu->lock);
	while (!vu->ending) {
		struct pollfd p[3] = {
			{ .fd = vu->wake_fd, .events = POLLIN },
			{ .fd = vu->fd, .events = POLLIN },
			{ .fd = vu->fd < 0 ? vu->listen_fd : -1, .events = POLLIN },
		};

		if (vu->client && vu->fd < 0 && !(vu->once && vu->connections > 0))
			connect_to_path(vu);
		p[1].fd = vu->fd;
		pthread_cond_broadcast(&vu->changed);
		pthread_mutex_unlock(&vu->lock);
		poll(p, 3, vu->client && p[1].fd < 0 ? 1 : -1);
		pthread_mutex_lock(&vu->lock);
		if (!vu->ending)
			step(vu, p[1].revents != 0, p[2].revents != 0);
		if (p[0].revents != 0) {
			uint64_t ignored;
			ssize_t n = read(vu->wake_fd, &ignored, sizeof(ignored));

			(void)n;
		}
	}
	if (vu->fd >= 0)
		drop_connection(vu);
	pthread_mutex_unlock(&vu->lock);
	return NULL;
}

struct fake_vu *
fake_vu_create(const char *path)
{
	struct fake_vu *vu = calloc(1, sizeof(*vu));
	unsigned int i;

	CHECK(strlen(path) < sizeof(vu->path));
	strcpy(vu->path, path);
	vu->features = VU_F_VERSION_1 | VU_F_PROTOCOL;
	vu->protocol = VU_P_MQ | VU_P_REPLY_ACK | VU_P_STATUS;
	vu->queue_num = 4;
	vu->mem_limit = FAKE_VU_MAX_REGIONS;
	vu->fd = -1;
	vu->listen_fd = -1;
	vu->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	vu->idle = true;
	for (i = 0; i < FAKE_VU_MAX_RINGS; i++) {
		vu->ring[i].kick_fd = -1;
		vu->ring[i].call_fd = -1;
	}
	pthread_mutex_init(&vu->lock, NULL);
	pthread_cond_init(&vu->changed, NULL);
	return vu;
}

/* The kernel names the process that called listen(2) to those that connect. */
static void
listen_in_child(int fd)
{
	const pid_t child = fork();
	int status;

	CHECK(child >= 0);
	if (child == 0)
		_exit(listen(fd, 1) == 0 ? 0 : 1);
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
}

void
fake_vu_launch(struct fake_vu *vu)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	if (!vu->client) {
		memcpy(addr.sun_path, vu->path, sizeof(addr.sun_path));
		vu->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		/* Of a case that failed. */
		unlink(vu->path);
		CHECK_EQ(bind(vu->listen_fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
		if (vu->foreign)
			listen_in_child(vu->listen_fd);
		else
			CHECK_EQ(listen(vu->listen_fd, 1), 0);
	}
	CHECK_EQ(pthread_create(&vu->thread, NULL, run, vu), 0);
	vu->launched = true;
}

static void
wake(struct fake_vu *vu)
{
	const uint64_t one = 1;
	ssize_t n = write(vu->wake_fd, &one, sizeof(one));

	(void)n;
}

void
fake_vu_destroy(struct fake_vu *vu)
{
	char text[sizeof(vu->breach)];

	if (vu->launched) {
		pthread_mutex_lock(&vu->lock);
		__atomic_store_n(&vu->ending, true, __ATOMIC_RELAXED);
		pthread_cond_broadcast(&vu->changed);
		pthread_mutex_unlock(&vu->lock);
		wake(vu);
		pthread_join(vu->thread, NULL);
	}
	if (vu->listen_fd >= 0) {
		close(vu->listen_fd);
		unlink(vu->path);
	}
	close(vu->wake_fd);
	pthread_mutex_destroy(&vu->lock);
	pthread_cond_destroy(&vu->changed);
	memcpy(text, vu->breach, sizeof(text));
	free(vu);
	if (text[0] != '\0')
		test_fail(__FILE__, __LINE__, "the front-end broke the protocol: %s", text);
}

void
fake_vu_check(struct fake_vu *vu)
{
	unsigned int i;

	pthread_mutex_lock(&vu->lock);
	for (i = 0; i < FAKE_VU_MAX_RINGS; i++) {
		const char *why = ring_device_breach(&vu->ring[i].rd);

		if (vu->ring[i].open && why[0] != '\0')
			fake_vu_breach(vu, "ring %u: %.100s", i, why);
	}
	pthread_mutex_unlock(&vu->lock);
	if (vu->breach[0] != '\0')
		test_fail(__FILE__, __LINE__, "the front-end broke the protocol: %s", vu->breach);
}

void
fake_vu_rule(struct fake_vu *vu, uint32_t request, unsigned int skip, unsigned int times,
	     enum fake_vu_action action)
{
	unsigned int i;

	pthread_mutex_lock(&vu->lock);
	for (i = 0; i < FAKE_VU_MAX_RULES && vu->rule[i].times != 0; i++)
		;
	if (i < FAKE_VU_MAX_RULES)
		vu->rule[i] = (struct fake_vu_rule){ request, skip, times, action };
	pthread_mutex_unlock(&vu->lock);
	CHECK(i < FAKE_VU_MAX_RULES);
}

void
fake_vu_obey(struct fake_vu *vu)
{
	pthread_mutex_lock(&vu->lock);
	memset(vu->rule, 0, sizeof(vu->rule));
	vu->close_at = 0;
	pthread_mutex_unlock(&vu->lock);
}

void
fake_vu_release(struct fake_vu *vu)
{
	pthread_mutex_lock(&vu->lock);
	vu->releases++;
	/* Not when the thread finds out: who waits for quiet from now on waits for what it does. */
	vu->holding = false;
	pthread_cond_broadcast(&vu->changed);
	pthread_mutex_unlock(&vu->lock);
}

/* Waits for a condition, on the test's thread; what names it. */
static void
wait_for(struct fake_vu *vu, bool (*is_so)(struct fake_vu *vu, unsigned int n), unsigned int n,
	 const char *what)
{
	struct timespec deadline;
	bool so;

	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += PATIENCE_S;
	pthread_mutex_lock(&vu->lock);
	while (!(so = is_so(vu, n))) {
		if (pthread_cond_timedwait(&vu->changed, &vu->lock, &deadline) == ETIMEDOUT)
			break;
	}
	pthread_mutex_unlock(&vu->lock);
	if (!so)
		test_fail(__FILE__, __LINE__, "waited %d s in vain: %s", PATIENCE_S, what);
}

static bool
is_held(struct fake_vu *vu, unsigned int n __attribute__((unused)))
{
	return vu->holding;
}

void
fake_vu_wait_held(struct fake_vu *vu)
{
	wait_for(vu, is_held, 0, "the back-end does not come to where it is held");
}

static bool
is_quiet(struct fake_vu *vu, unsigned int n __attribute__((unused)))
{
	int unread = 0;

	if (vu->fd >= 0)
		ioctl(vu->fd, FIONREAD, &unread);
	return vu->holding || (vu->idle && unread == 0);
}

void
fake_vu_wait_quiet(struct fake_vu *vu)
{
	wait_for(vu, is_quiet, 0, "the back-end has not read everything");
}

static bool
is_held_at(struct fake_vu *vu, unsigned int n)
{
	return vu->holding && vu->messages == n;
}

void
fake_vu_read_one_more(struct fake_vu *vu)
{
	const unsigned int before = vu->messages;

	fake_vu_release(vu);
	wait_for(vu, is_held_at, before + 1, "the back-end does not read on");
}

static bool
has_connections(struct fake_vu *vu, unsigned int n)
{
	return vu->connections >= n;
}

void
fake_vu_wait_connections(struct fake_vu *vu, unsigned int n)
{
	wait_for(vu, has_connections, n, "there is no connection");
}

static bool
is_alone(struct fake_vu *vu, unsigned int n __attribute__((unused)))
{
	return vu->fd < 0;
}

void
fake_vu_set_once(struct fake_vu *vu, bool once)
{
	pthread_mutex_lock(&vu->lock);
	vu->once = once;
	pthread_mutex_unlock(&vu->lock);
}

void
fake_vu_disconnect(struct fake_vu *vu)
{
	pthread_mutex_lock(&vu->lock);
	vu->once = true;
	/* The thread finds the end of the connection, and closes it. */
	if (vu->fd >= 0)
		shutdown(vu->fd, SHUT_RDWR);
	pthread_mutex_unlock(&vu->lock);
	wait_for(vu, is_alone, 0, "the back-end does not close");
}

void
fake_vu_connect_again(struct fake_vu *vu)
{
	unsigned int before;

	/* Together: as soon as it may, its thread connects. */
	pthread_mutex_lock(&vu->lock);
	before = vu->connections;
	vu->once = false;
	pthread_mutex_unlock(&vu->lock);
	wake(vu);
	fake_vu_wait_connections(vu, before + 1);
}

bool
fake_vu_is_enabled(struct fake_vu *vu, unsigned int index)
{
	bool is;

	fake_vu_wait_quiet(vu);
	pthread_mutex_lock(&vu->lock);
	is = vu->ring[index].open &&
	     (vu->ring[index].enabled || !(vu->features & VU_F_PROTOCOL));
	pthread_mutex_unlock(&vu->lock);
	return is;
}

struct ring_device *
fake_vu_ring(struct fake_vu *vu, unsigned int index)
{
	CHECK(fake_vu_is_enabled(vu, index));
	return &vu->ring[index].rd;
}

uint64_t
fake_vu_kicks(struct fake_vu *vu, unsigned int index)
{
	uint64_t n = 0;
	ssize_t ret;

	pthread_mutex_lock(&vu->lock);
	ret = read(vu->ring[index].kick_fd, &n, sizeof(n));
	pthread_mutex_unlock(&vu->lock);
	return ret == sizeof(n) ? n : 0;
}

void
fake_vu_call(struct fake_vu *vu, unsigned int index)
{
	const uint64_t one = 1;
	ssize_t ret;

	pthread_mutex_lock(&vu->lock);
	ret = write(vu->ring[index].call_fd, &one, sizeof(one));
	pthread_mutex_unlock(&vu->lock);
	CHECK_EQ(ret, sizeof(one));
}

bool
fake_vu_interrupt(struct fake_vu *vu, unsigned int index)
{
	const bool wanted = ring_device_interrupts(fake_vu_ring(vu, index));

	if (wanted)
		fake_vu_call(vu, index);
	return wanted;
}
