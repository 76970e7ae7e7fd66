/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include <rte_string_fns.h>

#include "vhost_user_msg.h"
#include "virtio_compat.h"
#include "virtio_device.h"
#include "virtio_log.h"

/*
 * Longest sleep without a look. The thread that reads an answer raises wake_fd, but of two waiting
 * threads (control call, memory event) only one may see it.
 */
#define SLEEP_MAX_US 1000

/*
 * How long each sleep begins with looking for the answer: an idle processor takes about as long to
 * come back. Of a long wait it is 3 %.
 */
#define SPIN_US 30

/* A back-end that does not even read for so long is not going to. */
#define SEND_TIMEOUT_US 1000000

/*
 * A back-end that lives on after closing the connection (librte_vhost closes first and takes the
 * device down after, under its locks) cannot tell when it is done. It needs far less than this. Nor
 * does the kernel tell who serves a socket: its credentials name the process that listened, which
 * may have handed the socket on and gone.
 */
#define GONE_GRACE_US 200000

static_assert(offsetof(struct vhost_user_msg, payload) == VHOST_USER_HEADER_SIZE, "wire header");
static_assert(sizeof(struct vhost_user_ring_addr) == 40, "wire layout");
static_assert(sizeof(struct vhost_user_region) == 32, "wire layout");
static_assert(sizeof(struct vhost_user_single_region) == 40, "wire layout");

int
vhost_user_channel_init(struct vhost_user_channel *ch, const char *name)
{
	memset(ch, 0, sizeof(*ch));
	rte_strlcpy(ch->name, name, sizeof(ch->name));
	ch->fd = -1;
	ch->gone = true;
	pthread_mutex_init(&ch->lock, NULL);
	ch->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return ch->wake_fd < 0 ? -errno : 0;
}

void
vhost_user_channel_fini(struct vhost_user_channel *ch)
{
	vhost_user_channel_close(ch);
	if (ch->wake_fd >= 0)
		close(ch->wake_fd);
	ch->wake_fd = -1;
	pthread_mutex_destroy(&ch->lock);
}

void
vhost_user_channel_open(struct vhost_user_channel *ch, int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	pthread_mutex_lock(&ch->lock);
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	ch->peer_pid = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 ? peer.pid : 0;
	ch->fd = fd;
	ch->gone = false;
	ch->broken = false;
	ch->first = 0;
	ch->count = 0;
	ch->in_bytes = 0;
	ch->answered_us = virtio_now_us();
	ch->silence_logged = false;
	pthread_mutex_unlock(&ch->lock);
}

void
vhost_user_channel_close(struct vhost_user_channel *ch)
{
	pthread_mutex_lock(&ch->lock);
	if (ch->fd >= 0) {
		/* A thread that polls the socket keeps it open; the back-end is to see the end. */
		shutdown(ch->fd, SHUT_RDWR);
		close(ch->fd);
	}
	ch->fd = -1;
	ch->gone = true;
	ch->gone_us = virtio_now_us();
	ch->count = 0;
	pthread_mutex_unlock(&ch->lock);
}

/*
 * Another thread than the one that reads may be the one that waits. The event stays raised until
 * someone sleeps: one that is about to sleep does not miss it.
 */
static void
wake(const struct vhost_user_channel *ch)
{
	const uint64_t one = 1;
	const ssize_t n = write(ch->wake_fd, &one, sizeof(one));

	RTE_SET_USED(n); /* fails only where it is raised as far as it goes */
}

static void
mark_gone(struct vhost_user_channel *ch)
{
	if (ch->gone)
		return;
	ch->gone = true;
	wake(ch);
	ch->gone_us = virtio_now_us();
	VIRTIO_LOG(NOTICE, "%s: the back-end closed the connection", ch->name);
}

/*
 * Once out of step nothing that is read makes sense: ask the back-end to let go, and wait for it.
 */
static void
give_up(struct vhost_user_channel *ch, const char *why)
{
	if (ch->broken)
		return;
	VIRTIO_LOG(ERR, "%s: the connection to the back-end is closed: %s", ch->name, why);
	shutdown(ch->fd, SHUT_WR);
	ch->broken = true;
	ch->count = 0;
	ch->in_bytes = 0;
}

static bool
has_value(uint32_t request)
{
	switch (request) {
	case VHOST_USER_GET_FEATURES:
	case VHOST_USER_GET_PROTOCOL_FEATURES:
	case VHOST_USER_GET_QUEUE_NUM:
	case VHOST_USER_GET_MAX_MEM_SLOTS:
	case VHOST_USER_GET_VRING_BASE:
	case VHOST_USER_GET_STATUS:
		return true;
	default:
		return false;
	}
}

static const char *
request_name(uint32_t request)
{
	switch (request) {
	case VHOST_USER_GET_FEATURES:
		return "GET_FEATURES";
	case VHOST_USER_SET_FEATURES:
		return "SET_FEATURES";
	case VHOST_USER_SET_MEM_TABLE:
		return "SET_MEM_TABLE";
	case VHOST_USER_SET_VRING_NUM:
		return "SET_VRING_NUM";
	case VHOST_USER_SET_VRING_ADDR:
		return "SET_VRING_ADDR";
	case VHOST_USER_SET_VRING_BASE:
		return "SET_VRING_BASE";
	case VHOST_USER_GET_VRING_BASE:
		return "GET_VRING_BASE";
	case VHOST_USER_SET_VRING_KICK:
		return "SET_VRING_KICK";
	case VHOST_USER_SET_VRING_CALL:
		return "SET_VRING_CALL";
	case VHOST_USER_GET_PROTOCOL_FEATURES:
		return "GET_PROTOCOL_FEATURES";
	case VHOST_USER_GET_QUEUE_NUM:
		return "GET_QUEUE_NUM";
	case VHOST_USER_SET_VRING_ENABLE:
		return "SET_VRING_ENABLE";
	case VHOST_USER_GET_MAX_MEM_SLOTS:
		return "GET_MAX_MEM_SLOTS";
	case VHOST_USER_ADD_MEM_REG:
		return "ADD_MEM_REG";
	case VHOST_USER_REM_MEM_REG:
		return "REM_MEM_REG";
	case VHOST_USER_SET_STATUS:
		return "SET_STATUS";
	case VHOST_USER_GET_STATUS:
		return "GET_STATUS";
	default:
		return "a request";
	}
}

/* When the back-end fell silent; 0: no request is unanswered. Lock held. */
static uint64_t
silent_since(const struct vhost_user_channel *ch)
{
	return ch->gone || ch->count == 0 ? 0 :
	       RTE_MAX(ch->answered_us, ch->waiting[ch->first].sent_us);
}

/* Lock held. */
static void
describe_silence(struct vhost_user_channel *ch, char *text, size_t size)
{
	const uint64_t since_us = silent_since(ch);
	uint64_t ms;

	text[0] = '\0';
	if (since_us == 0)
		return;
	ms = (virtio_now_us() - since_us) / 1000;
	snprintf(text, size, "; the back-end has not answered %s for %" PRIu64 ".%" PRIu64 " s",
		 request_name(ch->waiting[ch->first].request), ms / 1000, ms % 1000 / 100);
	ch->silence_logged = true;
}

void
vhost_user_describe_silence(struct vhost_user_channel *ch, char *text, size_t size)
{
	pthread_mutex_lock(&ch->lock);
	describe_silence(ch, text, size);
	pthread_mutex_unlock(&ch->lock);
}

/* An answer is in, before it is taken from the queue. Lock held. */
static void
note_answer(struct vhost_user_channel *ch)
{
	const uint64_t now_us = virtio_now_us();

	if (ch->silence_logged)
		VIRTIO_LOG(NOTICE, "%s: the back-end answers again, after %" PRIu64 " ms", ch->name,
			   (now_us - silent_since(ch)) / 1000);
	ch->silence_logged = false;
	ch->answered_us = now_us;
}

static bool
is_answer_to(const struct vhost_user_msg *in, const struct vhost_user_waiting *w)
{
	return in->request == w->request && (in->flags & VHOST_USER_FLAG_REPLY) &&
	       in->size == sizeof(uint64_t);
}

/*
 * Where a back-end leaves an answer out, the next one must not prove that another ring is stopped:
 * the answer to GET_VRING_BASE names its ring.
 */
static bool
is_about_another_ring(const struct vhost_user_msg *in, const struct vhost_user_waiting *w)
{
	return in->request == VHOST_USER_GET_VRING_BASE && in->payload.state.index != w->ring;
}

/* Hands a complete answer to the request that waits for it. Lock held. */
static void
take_answer(struct vhost_user_channel *ch)
{
	struct vhost_user_waiting *w = &ch->waiting[ch->first];

	ch->in_bytes = 0;
	if (ch->count == 0 || !is_answer_to(&ch->in, w)) {
		give_up(ch, "it sent an answer to no request");
		return;
	}
	if (is_about_another_ring(&ch->in, w)) {
		give_up(ch, "its answer to GET_VRING_BASE names another ring than the request");
		return;
	}
	note_answer(ch);
	ch->first = (ch->first + 1) % VHOST_USER_MAX_WAITING;
	ch->count--;
	if (has_value(w->request))
		w->reply->value = ch->in.payload.u64;
	else if (ch->in.payload.u64 != 0 && w->round == w->reply->round)
		w->reply->error = -EIO;
	/* Last: a waiting thread looks at the rest once this is 0 (control_publish.litmus). */
	if (rte_atomic_fetch_sub_explicit(&w->reply->pending, 1, rte_memory_order_release) == 1)
		wake(ch);
}

/* Whether the back-end has closed the connection, of a socket that cannot be read. */
static bool
is_hung_up(int fd)
{
	struct pollfd pfd = { .fd = fd };

	return poll(&pfd, 1, 0) == 1 && (pfd.revents & POLLHUP);
}

/* Reads without waiting, and no more than an honest back-end can have to say. Lock held. */
static void
read_answers(struct vhost_user_channel *ch)
{
	unsigned int reads;

	for (reads = 0; !ch->gone && reads < 4 * VHOST_USER_MAX_WAITING; reads++) {
		uint32_t want = VHOST_USER_HEADER_SIZE;
		ssize_t n;

		/* Of what still comes after giving up only its end is of interest. */
		if (ch->broken)
			ch->in_bytes = 0;
		if (ch->in_bytes >= VHOST_USER_HEADER_SIZE) {
			if (ch->in.size > sizeof(ch->in.payload)) {
				give_up(ch, "it sent an answer that is too long");
				continue;
			}
			want += ch->in.size;
		}
		if (ch->in_bytes >= want && ch->in_bytes > 0) {
			take_answer(ch);
			continue;
		}
		n = recv(ch->fd, (uint8_t *)&ch->in + ch->in_bytes, want - ch->in_bytes, 0);
		if (n > 0) {
			ch->in_bytes += n;
		} else if (n == 0 || errno == ECONNRESET) {
			mark_gone(ch);
		} else if (errno != EINTR) {
			if (errno == EAGAIN)
				return;
			/* Only the end of the connection proves that the back-end is gone. */
			give_up(ch, "nothing can be read from it");
			if (is_hung_up(ch->fd))
				mark_gone(ch);
			return;
		}
	}
}

int
vhost_user_poll(struct vhost_user_channel *ch)
{
	bool gone;

	pthread_mutex_lock(&ch->lock);
	read_answers(ch);
	gone = ch->gone;
	pthread_mutex_unlock(&ch->lock);
	return gone ? -ENODEV : 0;
}

bool
vhost_user_is_connected(struct vhost_user_channel *ch)
{
	if (pthread_mutex_trylock(&ch->lock) == 0) {
		read_answers(ch);
		pthread_mutex_unlock(&ch->lock);
	}
	return !ch->gone && !ch->broken;
}

/*
 * Waits for a short time without a sleep. Returns as poll(2). The back-end's thread may share the
 * processor, so it is yielded.
 */
static int
spin(struct pollfd *pfds, nfds_t n, uint32_t timeout_us)
{
	const uint64_t end_us = virtio_now_us() + RTE_MIN(timeout_us, (uint32_t)SPIN_US);
	int ready;

	do {
		ready = poll(pfds, n, 0);
	} while (ready == 0 && sched_yield() == 0 && virtio_now_us() < end_us);
	return ready;
}

int
vhost_user_sleep(struct vhost_user_channel *ch, uint32_t timeout_us)
{
	const struct timespec timeout = {
		.tv_nsec = RTE_MIN(timeout_us, (uint32_t)SLEEP_MAX_US) * 1000
	};
	/* With the connection gone there is nothing to wake up for but the time itself. */
	struct pollfd pfds[] = {
		{ .fd = ch->gone ? -1 : ch->fd, .events = POLLIN },
		{ .fd = ch->wake_fd, .events = POLLIN },
	};
	int ready = ch->gone ? 0 : spin(pfds, RTE_DIM(pfds), timeout_us);
	uint64_t count;

	if (ready == 0)
		ready = ppoll(pfds, RTE_DIM(pfds), &timeout, NULL);
	if (ready < 0 && errno == EINTR && ch->ends_by_signal)
		return -EINTR;
	/* Taken back before the caller looks for what it was raised for. */
	if (ready > 0 && (pfds[1].revents & POLLIN)) {
		const ssize_t n = read(ch->wake_fd, &count, sizeof(count));

		RTE_SET_USED(n); /* another waiting thread may have been faster */
	}
	return 0;
}

/* When the call under way is to end. A message that goes through belongs to none. */
static uint64_t
call_ends(const struct vhost_user_channel *ch, bool through)
{
	return through || ch->ends_us == NULL || *ch->ends_us == 0 ? UINT64_MAX : *ch->ends_us;
}

/* Lock held. */
static int
write_all(struct vhost_user_channel *ch, const void *bytes, size_t len, const int *fds,
	  unsigned int nfds, bool through)
{
	const uint64_t deadline_us = RTE_MIN(virtio_now_us() + SEND_TIMEOUT_US,
					     call_ends(ch, through));
	char control[CMSG_SPACE(VHOST_USER_MAX_REGIONS * sizeof(int))] = { 0 };
	size_t sent = 0;

	while (sent < len) {
		struct iovec iov = {
			.iov_base = (uint8_t *)(uintptr_t)bytes + sent, .iov_len = len - sent
		};
		struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
		struct pollfd pfd = { .fd = ch->fd, .events = POLLIN | POLLOUT };
		ssize_t n;

		if (sent == 0 && nfds > 0) {
			struct cmsghdr *cmsg;

			mh.msg_control = control;
			mh.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
			cmsg = CMSG_FIRSTHDR(&mh);
			cmsg->cmsg_level = SOL_SOCKET;
			cmsg->cmsg_type = SCM_RIGHTS;
			cmsg->cmsg_len = CMSG_LEN(nfds * sizeof(int));
			memcpy(CMSG_DATA(cmsg), fds, nfds * sizeof(int));
		}
		n = sendmsg(ch->fd, &mh, MSG_NOSIGNAL);
		if (n > 0) {
			sent += n;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN) {
			/* Only the end of what can be read tells that the other side has closed. */
			read_answers(ch);
			if (!ch->gone)
				give_up(ch, "no message can be sent to it");
			return -ENODEV;
		}
		if (virtio_now_us() >= deadline_us) {
			if (sent > 0)
				give_up(ch, "it stopped reading within a message");
			return -ETIMEDOUT;
		}
		/* A message that has begun is finished: half of one would end the connection. */
		if (sent == 0 && !through && virtio_device_is_cancelled(ch->cancels))
			return -ECANCELED;
		/* It may itself be waiting for us to read its answers. */
		if (poll(&pfd, 1, 10) < 0 && errno == EINTR && sent == 0 && ch->ends_by_signal)
			return -EINTR;
		read_answers(ch);
		if (ch->gone || ch->broken)
			return -ENODEV;
	}
	return 0;
}

static uint32_t
flags_of(uint32_t request, const struct vhost_user_reply *reply)
{
	return VHOST_USER_VERSION |
	       (reply != NULL && !has_value(request) ? VHOST_USER_FLAG_NEED_REPLY : 0);
}

/* Whether so many requests with an answer can be sent. Lock held. */
static int
check_room(const struct vhost_user_channel *ch, unsigned int answers)
{
	if (ch->gone || ch->broken)
		return -ENODEV;
	return answers > (unsigned int)(VHOST_USER_MAX_WAITING - ch->count) ? -EBUSY : 0;
}

/* Lock held. */
static void
await_answer(struct vhost_user_channel *ch, const struct vhost_user_msg *msg,
	     struct vhost_user_reply *reply)
{
	struct vhost_user_waiting *w =
		&ch->waiting[(ch->first + ch->count) % VHOST_USER_MAX_WAITING];

	w->request = msg->request;
	w->ring = msg->request == VHOST_USER_GET_VRING_BASE ? msg->payload.state.index : 0;
	w->round = reply->round;
	w->sent_us = virtio_now_us();
	w->reply = reply;
	rte_atomic_fetch_add_explicit(&reply->pending, 1, rte_memory_order_relaxed);
	ch->count++;
}

static int
send_message(struct vhost_user_channel *ch, struct vhost_user_msg *msg, const int *fds,
	     unsigned int nfds, struct vhost_user_reply *reply, bool through)
{
	int ret;

	msg->flags = flags_of(msg->request, reply);
	pthread_mutex_lock(&ch->lock);
	ret = check_room(ch, reply != NULL);
	if (ret == 0)
		ret = write_all(ch, msg, VHOST_USER_HEADER_SIZE + msg->size, fds, nfds, through);
	if (ret == 0 && reply != NULL)
		await_answer(ch, msg, reply);
	pthread_mutex_unlock(&ch->lock);
	return ret;
}

void
vhost_user_batch_add(struct vhost_user_batch *batch, const struct vhost_user_msg *msg,
		     struct vhost_user_reply *reply)
{
	batch->of[batch->n].msg = *msg;
	batch->of[batch->n].msg.flags = flags_of(msg->request, reply);
	batch->of[batch->n].reply = reply;
	batch->n++;
}

int
vhost_user_send_batch(struct vhost_user_channel *ch, const struct vhost_user_batch *batch)
{
	uint8_t bytes[VHOST_USER_BATCH_MAX * sizeof(struct vhost_user_msg)];
	unsigned int answers = 0;
	size_t len = 0;
	unsigned int i;
	int ret;

	for (i = 0; i < batch->n; i++) {
		const size_t size = VHOST_USER_HEADER_SIZE + batch->of[i].msg.size;

		memcpy(bytes + len, &batch->of[i].msg, size);
		len += size;
		answers += batch->of[i].reply != NULL;
	}
	/* A stream socket takes so few bytes whole: no answer comes before it is awaited. */
	pthread_mutex_lock(&ch->lock);
	ret = check_room(ch, answers);
	if (ret == 0)
		ret = write_all(ch, bytes, len, NULL, 0, false);
	for (i = 0; ret == 0 && i < batch->n; i++) {
		if (batch->of[i].reply != NULL)
			await_answer(ch, &batch->of[i].msg, batch->of[i].reply);
	}
	pthread_mutex_unlock(&ch->lock);
	return ret;
}

int
vhost_user_send(struct vhost_user_channel *ch, struct vhost_user_msg *msg, const int *fds,
		unsigned int nfds, struct vhost_user_reply *reply)
{
	return send_message(ch, msg, fds, nfds, reply, false);
}

int
vhost_user_send_through(struct vhost_user_channel *ch, struct vhost_user_msg *msg, const int *fds,
			unsigned int nfds, struct vhost_user_reply *reply)
{
	return send_message(ch, msg, fds, nfds, reply, true);
}

/* Reads what there is. The connection is gone, or when the last answer came. */
static int
look(struct vhost_user_channel *ch, uint64_t *answered_us)
{
	int ret;

	pthread_mutex_lock(&ch->lock);
	read_answers(ch);
	*answered_us = ch->answered_us;
	ret = ch->gone ? -ENODEV : 0;
	pthread_mutex_unlock(&ch->lock);
	return ret;
}

static int
log_silence(struct vhost_user_channel *ch, const char *why)
{
	char text[VIRTIO_SILENCE_SIZE];

	vhost_user_describe_silence(ch, text, sizeof(text));
	VIRTIO_LOG(ERR, "%s: %s%s", ch->name, why, text);
	return -ETIMEDOUT;
}

/* `ends_us`: the deadline of all requests that this one belongs to. */
static int
wait_for(struct vhost_user_channel *ch, struct vhost_user_reply *reply, uint32_t timeout_us,
	 uint64_t since_us, uint64_t ends_us, bool through)
{
	const uint64_t call_ends_us = call_ends(ch, through);

	for (;;) {
		const uint64_t now = virtio_now_us();
		uint64_t deadline_us;
		uint64_t answered_us;
		const int ret = look(ch, &answered_us);

		if (vhost_user_answered(reply))
			return reply->error;
		if (ret != 0)
			return ret;
		deadline_us = RTE_MAX(since_us, answered_us) + timeout_us;
		deadline_us = RTE_MIN(deadline_us, call_ends_us);
		deadline_us = RTE_MIN(deadline_us, ends_us);
		if (now >= deadline_us)
			return log_silence(ch, deadline_us == call_ends_us ?
					   "the call has reached its time limit" :
					   deadline_us == ends_us ?
					   "a change of memory has reached its time limit" :
					   "a request was not answered in time");
		if (!through && virtio_device_is_cancelled(ch->cancels))
			return -ECANCELED;
		if (vhost_user_sleep(ch, RTE_MIN(deadline_us - now, UINT64_C(1000000))) != 0)
			return -EINTR;
	}
}

int
vhost_user_wait(struct vhost_user_channel *ch, struct vhost_user_reply *reply, uint32_t timeout_us)
{
	return vhost_user_wait_until(ch, reply, timeout_us, UINT64_MAX);
}

int
vhost_user_wait_until(struct vhost_user_channel *ch, struct vhost_user_reply *reply,
		      uint32_t timeout_us, uint64_t ends_us)
{
	return wait_for(ch, reply, timeout_us, virtio_now_us(), ends_us, false);
}

int
vhost_user_wait_through(struct vhost_user_channel *ch, struct vhost_user_reply *reply,
			uint32_t timeout_us, uint64_t ends_us)
{
	uint64_t since_us;

	pthread_mutex_lock(&ch->lock);
	since_us = silent_since(ch);
	pthread_mutex_unlock(&ch->lock);
	return wait_for(ch, reply, timeout_us, since_us, ends_us, true);
}

bool
vhost_user_peer_is_done(struct vhost_user_channel *ch)
{
	bool done;

	pthread_mutex_lock(&ch->lock);
	done = ch->gone && virtio_now_us() - ch->gone_us >= GONE_GRACE_US;
	pthread_mutex_unlock(&ch->lock);
	return done;
}

void
vhost_user_give_up(struct vhost_user_channel *ch, const char *why)
{
	pthread_mutex_lock(&ch->lock);
	if (!ch->gone)
		give_up(ch, why);
	pthread_mutex_unlock(&ch->lock);
}
