/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rte_common.h>

#include "back_end.h"
#include "no_kernel.h"
#include "vhost_mem.h"
#include "vhost_user_msg.h"
#include "virtio_spec.h"

/* How long the driver gives a back-end that has closed the connection. */
#define GRACE_US 200000

/* How long a look takes at a socket that has nothing to read. */
#define LOOK_US 1000

#define STREAM_SIZE 16384

/* More requests than an input can have on one connection. */
#define AWAITED_MAX 4096

/* Bytes that are to be read, or sent later. */
struct stream {
	uint8_t bytes[STREAM_SIZE];
	size_t n;
};

static struct fuzz_input *in;
static bool finished;
static int socket_fd, listen_fd;
static bool closed;          /* by the back-end */
static bool shut;            /* by the driver, for writing */
static uint64_t closed_us;
static bool breaks_rules;
static bool in_this_process;
static struct stream to_driver, late;
static unsigned int retries; /* in a row that the socket was full */

/* The requests of this connection that want an answer. Answers come in the same order. */
static struct {
	uint32_t request, ring;
} awaited[AWAITED_MAX];
static unsigned int nb_asked, nb_matched;
static bool out_of_step; /* an answer came that is not to the oldest of them */

/* The request that is being sent. */
static struct vhost_user_msg request;
static size_t request_bytes;
static int request_fds[VHOST_USER_MAX_REGIONS];
static unsigned int nb_request_fds;

/* What it has. */
static bool has_ring[BACK_END_RINGS];
static struct vhost_mem memory;
static uint64_t features; /* that it offers, 0: not asked for since it connected */

void
back_end_start(struct fuzz_input *input)
{
	in = input;
	finished = false;
	socket_fd = -1;
	listen_fd = -1;
	closed = false;
	breaks_rules = false;
	memset(has_ring, 0, sizeof(has_ring));
	memory.table.count = 0;
}

static void
append(struct stream *s, const void *bytes, size_t n)
{
	n = RTE_MIN(n, STREAM_SIZE - s->n);
	memcpy(s->bytes + s->n, bytes, n);
	s->n += n;
}

void
back_end_catch_up(void)
{
	append(&to_driver, late.bytes, late.n);
	late.n = 0;
}

void
back_end_close(void)
{
	if (closed || socket_fd < 0)
		return;
	closed = true;
	closed_us = no_kernel_now_us();
}

void
back_end_finish(void)
{
	finished = true;
	back_end_close();
}

bool
back_end_breaks_rules(void)
{
	return breaks_rules;
}

static bool
is_gone(void)
{
	return socket_fd < 0 || (closed && no_kernel_now_us() - closed_us >= GRACE_US);
}

bool
back_end_has_ring(unsigned int index)
{
	return has_ring[index] && !is_gone();
}

bool
back_end_has_memory(const void *addr, size_t len)
{
	return !closed && !shut && socket_fd >= 0 && vhost_mem_overlaps(&memory, addr, len);
}

/* ---- requests ----------------------------------------------------------------------------- */

static bool
has_value(uint32_t what)
{
	switch (what) {
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

/* The size of the payload, and how many descriptors come with it. */
static void
check_form(void)
{
	const uint32_t regions = request.payload.mem.count;
	size_t size = sizeof(uint64_t);
	unsigned int fds = 0;

	switch (request.request) {
	case VHOST_USER_SET_MEM_TABLE:
		CHECK(regions > 0 && regions <= VHOST_USER_MAX_REGIONS);
		size = 8 + regions * sizeof(struct vhost_user_region);
		fds = regions;
		break;
	case VHOST_USER_SET_VRING_ADDR:
		size = sizeof(struct vhost_user_ring_addr);
		break;
	case VHOST_USER_ADD_MEM_REG:
		fds = 1;
		/* fall through */
	case VHOST_USER_REM_MEM_REG:
		size = sizeof(struct vhost_user_single_region);
		break;
	case VHOST_USER_SET_VRING_KICK:
	case VHOST_USER_SET_VRING_CALL:
		fds = 1;
		CHECK(request.payload.u64 < BACK_END_RINGS);
		break;
	case VHOST_USER_SET_OWNER:
		size = 0;
		break;
	case VHOST_USER_GET_VRING_BASE:
	case VHOST_USER_SET_VRING_NUM:
	case VHOST_USER_SET_VRING_BASE:
	case VHOST_USER_SET_VRING_ENABLE:
		CHECK(request.payload.state.index < BACK_END_RINGS);
		break;
	case VHOST_USER_SET_FEATURES:
		CHECK(breaks_rules || (request.payload.u64 & ~features) == 0);
		break;
	default:
		size = has_value(request.request) ? 0 : size;
	}
	CHECK_EQ(request.size, size);
	CHECK_EQ(nb_request_fds, fds);
}

/* Its answer is in: what the back-end has changes with the last of it. */
static void
obey(void)
{
	const struct vhost_user_region region = request.payload.single.region;
	uint32_t i;

	switch (request.request) {
	case VHOST_USER_SET_VRING_KICK:
		has_ring[request.payload.u64] = true;
		break;
	case VHOST_USER_SET_MEM_TABLE:
		memory.table.count = request.payload.mem.count;
		memcpy(memory.table.regions, request.payload.mem.regions,
		       sizeof(request.payload.mem.regions));
		break;
	case VHOST_USER_ADD_MEM_REG:
		vhost_mem_append(&memory, &region, -1);
		break;
	case VHOST_USER_REM_MEM_REG:
		for (i = memory.table.count; i-- > 0; ) {
			if (memory.table.regions[i].user_addr == region.user_addr)
				vhost_mem_drop(&memory, i);
		}
		break;
	}
}

/* A stop that is confirmed by this answer, whenever that is sent. */
static void
confirm(const struct vhost_user_msg *answer)
{
	if (answer->request == VHOST_USER_GET_VRING_BASE)
		has_ring[answer->payload.state.index % BACK_END_RINGS] = false;
	else if (answer->request == VHOST_USER_SET_VRING_ENABLE && request.payload.state.num == 0)
		has_ring[request.payload.state.index] = false;
}

static uint64_t
value_of(uint8_t how)
{
	switch (request.request) {
	case VHOST_USER_GET_FEATURES:
		if (features != 0)
			return features;
		features = VIRTIO_BIT(VIRTIO_F_VERSION_1) | VIRTIO_BIT(VIRTIO_RING_F_EVENT_IDX) |
			   VIRTIO_BIT(VHOST_USER_F_PROTOCOL_FEATURES);
		if (how & 1)
			features |= VIRTIO_BIT(VIRTIO_F_RING_PACKED);
		if (how & 2)
			features |= VIRTIO_BIT(VIRTIO_F_RING_RESET);
		if ((how & 12) == 12)
			features &= ~VIRTIO_BIT(VHOST_USER_F_PROTOCOL_FEATURES);
		return features;
	case VHOST_USER_GET_PROTOCOL_FEATURES:
		return VIRTIO_BIT(VHOST_USER_PROTOCOL_F_MQ) |
		       (how & 1 ? VIRTIO_BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK) : 0) |
		       (how & 2 ? VIRTIO_BIT(VHOST_USER_PROTOCOL_F_STATUS) : 0) |
		       (how & 4 ? VIRTIO_BIT(VHOST_USER_PROTOCOL_F_MEM_SLOTS) : 0) |
		       (how & 8 ? VIRTIO_BIT(VHOST_USER_PROTOCOL_F_RARP) |
			VIRTIO_BIT(VHOST_USER_PROTOCOL_F_NET_MTU) |
			VIRTIO_BIT(VHOST_USER_PROTOCOL_F_CRYPTO_SESSION) : 0);
	case VHOST_USER_GET_QUEUE_NUM:
		return BACK_END_RINGS / 2 + (how & 1);
	case VHOST_USER_GET_MAX_MEM_SLOTS:
		return how % 16;
	case VHOST_USER_GET_STATUS:
		return how % 8 == 7 ? how : 15;
	case VHOST_USER_GET_VRING_BASE:
		/* The index says which ring it was, when a late answer is sent. */
		return request.payload.state.index | (uint64_t)how << 32;
	default:
		return 0;
	}
}

static void
await(void)
{
	CHECK(nb_asked < AWAITED_MAX);
	awaited[nb_asked].request = request.request;
	awaited[nb_asked++].ring = request.payload.state.index;
}

/* Whether an acknowledgement proves that the back-end has less than before. */
static bool
is_proof(uint32_t what)
{
	return what == VHOST_USER_SET_VRING_ENABLE || what == VHOST_USER_SET_MEM_TABLE ||
	       what == VHOST_USER_ADD_MEM_REG || what == VHOST_USER_REM_MEM_REG;
}

/*
 * After an answer that was left out, the driver can tell that the next one is not the one it awaits
 * by the kind of request, and by the ring of GET_VRING_BASE. It cannot by anything else. An answer
 * is matched when it is made: only after a wrong one, which excuses all, are others sent before it.
 */
static void
match(const struct vhost_user_msg *answer)
{
	const unsigned int oldest = nb_matched++;

	if (out_of_step || oldest >= nb_asked)
		return;
	out_of_step = awaited[oldest].request != answer->request ||
		      (answer->request == VHOST_USER_GET_VRING_BASE &&
		       awaited[oldest].ring != answer->payload.state.index);
	breaks_rules |= !out_of_step && oldest + 1 < nb_asked && is_proof(answer->request);
}

static void
send_answer(const struct vhost_user_msg *answer, bool later)
{
	match(answer);
	append(later ? &late : &to_driver, answer, VHOST_USER_HEADER_SIZE + sizeof(uint64_t));
}

/* An answer that is none, or not to this request. */
static void
send_wrong_answer(struct vhost_user_msg *answer)
{
	uint8_t bytes[64];
	unsigned int n, i;

	breaks_rules = true;
	switch (fuzz_below(in, 8)) {
	case 0:
		answer->request = fuzz_number(in, 4);
		break;
	case 1:
		answer->flags = fuzz_number(in, 4);
		break;
	case 2:
		answer->size = fuzz_number(in, 4);
		break;
	case 3:
		answer->payload.u64 = fuzz_number(in, 8);
		break;
	case 4:
		send_answer(answer, false);
		break;
	case 5:
		append(&to_driver, answer, fuzz_below(in, 20));
		return;
	default:
		n = fuzz_below(in, sizeof(bytes));
		for (i = 0; i < n; i++)
			bytes[i] = fuzz_byte(in);
		append(&to_driver, bytes, n);
		return;
	}
	send_answer(answer, false);
}

static void
answer_request(void)
{
	const uint8_t how = fuzz_byte(in);
	struct vhost_user_msg answer = {
		.request = request.request,
		.flags = VHOST_USER_VERSION | VHOST_USER_FLAG_REPLY, .size = sizeof(uint64_t),
	};
	bool refused = false;

	answer.payload.u64 = value_of(fuzz_byte(in));
	if (!has_value(request.request) && !(request.flags & VHOST_USER_FLAG_NEED_REPLY)) {
		if (how == 255)
			send_wrong_answer(&answer);
		obey();
		return;
	}
	await();
	if (how < 200) {
		/* Answers come in order: what is late comes before this one. */
		back_end_catch_up();
		send_answer(&answer, false);
		confirm(&answer);
	} else if (how < 216) {
		/* A late answer confirms when the driver has read it, or before. */
		send_answer(&answer, true);
		confirm(&answer);
	} else if (how < 224) {
		back_end_close();
	} else if (how < 232) {
		refused = !has_value(request.request);
		/*
		 * What it has after such a refusal, the protocol does not say. In the driver's own
		 * process, no event of memory waits for an answer.
		 */
		breaks_rules |= request.request == VHOST_USER_SET_MEM_TABLE || in_this_process;
		answer.payload.u64 = refused ? 1 : answer.payload.u64;
		back_end_catch_up();
		send_answer(&answer, false);
		if (!refused)
			confirm(&answer);
	} else if (how >= 240) {
		send_wrong_answer(&answer);
	}
	if (!refused)
		obey();
}

/* ---- sockets ------------------------------------------------------------------------------ */

int __wrap_socket(int domain, int type, int protocol);
int __wrap_connect(int fd, const struct sockaddr *addr, socklen_t len);
int __wrap_bind(int fd, const struct sockaddr *addr, socklen_t len);
int __wrap_listen(int fd, int backlog);
int __wrap_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags);
int __wrap_shutdown(int fd, int how);
int __wrap_getsockopt(int fd, int level, int option, void *value, socklen_t *len);
int __wrap_lstat64(const char *path, struct stat *st);
int __wrap_unlink(const char *path);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *mh, int flags);
ssize_t __wrap_recv(int fd, void *to, size_t len, int flags);
int __wrap_poll(struct pollfd *pfds, nfds_t n, int timeout_ms);
int __wrap_ppoll(struct pollfd *pfds, nfds_t n, const struct timespec *timeout,
		 const sigset_t *signals);

static void
connected(int fd)
{
	socket_fd = fd;
	closed = false;
	shut = false;
	to_driver.n = 0;
	late.n = 0;
	nb_asked = 0;
	nb_matched = 0;
	out_of_step = false;
	breaks_rules = false;
	request_bytes = 0;
	retries = 0;
	memset(has_ring, 0, sizeof(has_ring));
	memory.table.count = 0;
	features = 0;
}

int
__wrap_socket(int domain __rte_unused, int type __rte_unused, int protocol __rte_unused)
{
	return no_kernel_open();
}

int
__wrap_connect(int fd, const struct sockaddr *addr __rte_unused, socklen_t len __rte_unused)
{
	const unsigned int how = finished ? 1 : fuzz_below(in, 16);

	if (how > 0 && how < 4) {
		errno = how == 1 ? ECONNREFUSED : how == 2 ? EAGAIN : EINTR;
		return -1;
	}
	connected(fd);
	return 0;
}

int
__wrap_bind(int fd, const struct sockaddr *addr __rte_unused, socklen_t len __rte_unused)
{
	listen_fd = fd;
	return 0;
}

int
__wrap_listen(int fd __rte_unused, int backlog __rte_unused)
{
	return 0;
}

int
__wrap_accept4(int fd, struct sockaddr *addr __rte_unused, socklen_t *len __rte_unused,
	       int flags __rte_unused)
{
	CHECK_EQ(fd, listen_fd);
	if (finished || fuzz_below(in, 8) == 1) {
		errno = finished || fuzz_below(in, 2) ? EAGAIN : ECONNABORTED;
		return -1;
	}
	fd = no_kernel_open();
	if (fd >= 0)
		connected(fd);
	return fd;
}

int
__wrap_shutdown(int fd, int how __rte_unused)
{
	CHECK(no_kernel_is_open(fd));
	shut = true;
	/* A back-end that reads its socket sees the end, and closes. */
	if (!finished && fuzz_below(in, 4) != 0)
		back_end_close();
	return 0;
}

int
__wrap_getsockopt(int fd, int level __rte_unused, int option __rte_unused, void *value,
		  socklen_t *len __rte_unused)
{
	struct ucred *peer = value;

	CHECK(no_kernel_is_open(fd));
	in_this_process = fuzz_below(in, 4) == 0;
	peer->pid = in_this_process ? getpid() : getpid() + 1;
	return 0;
}

int
__wrap_lstat64(const char *path __rte_unused, struct stat *st)
{
	memset(st, 0, sizeof(*st));
	if (listen_fd >= 0)
		return 0;
	errno = ENOENT;
	return -1;
}

int
__wrap_unlink(const char *path __rte_unused)
{
	return 0;
}

static void
take_fds(const struct msghdr *mh)
{
	struct cmsghdr *cmsg = mh->msg_controllen == 0 ? NULL : CMSG_FIRSTHDR(mh);

	nb_request_fds = 0;
	if (cmsg == NULL)
		return;
	CHECK_EQ(cmsg->cmsg_type, SCM_RIGHTS);
	nb_request_fds = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	CHECK(nb_request_fds <= RTE_DIM(request_fds));
	memcpy(request_fds, CMSG_DATA(cmsg), nb_request_fds * sizeof(int));
}

/* All of it, the first part, or none: the socket is full, a signal came, or it has no reader. */
static ssize_t
how_much(size_t len)
{
	const uint8_t how = fuzz_byte(in);

	if (closed && how % 2 == 0) {
		errno = EPIPE;
		return -1;
	}
	if (how < 244 || retries > 2) {
		retries = 0;
		return len;
	}
	if (how < 250) {
		retries++;
		errno = how % 2 == 0 ? EAGAIN : EINTR;
		return -1;
	}
	return 1 + fuzz_below(in, 256) % len;
}

ssize_t
__wrap_sendmsg(int fd, const struct msghdr *mh, int flags __rte_unused)
{
	const size_t room = sizeof(request) - request_bytes;
	ssize_t n;

	CHECK(fd == socket_fd && no_kernel_is_open(fd) && !shut);
	CHECK(mh->msg_iov[0].iov_len <= room);
	n = how_much(mh->msg_iov[0].iov_len);
	if (n < 0)
		return n;
	if (request_bytes == 0)
		take_fds(mh);
	else
		CHECK_EQ(mh->msg_controllen, 0);
	memcpy((uint8_t *)&request + request_bytes, mh->msg_iov[0].iov_base, n);
	request_bytes += n;
	if (request_bytes < VHOST_USER_HEADER_SIZE)
		return n;
	CHECK_EQ(request.flags & ~VHOST_USER_FLAG_NEED_REPLY, VHOST_USER_VERSION);
	CHECK(request_bytes <= VHOST_USER_HEADER_SIZE + request.size);
	if (request_bytes < VHOST_USER_HEADER_SIZE + request.size)
		return n;
	request_bytes = 0;
	check_form();
	if (!closed)
		answer_request();
	return n;
}

ssize_t
__wrap_recv(int fd, void *to, size_t len, int flags __rte_unused)
{
	CHECK(fd == socket_fd && no_kernel_is_open(fd));
	if (to_driver.n == 0) {
		errno = EAGAIN;
		return closed ? 0 : -1;
	}
	if (fuzz_left(in) > 0 && *in->at >= 250) {
		const uint8_t how = fuzz_byte(in);

		if (how <= 251) {
			errno = how == 250 ? EINTR : ENOMEM;
			return -1;
		}
		len = RTE_MIN(len, (size_t)1 + fuzz_below(in, 8));
	}
	len = RTE_MIN(len, to_driver.n);
	memcpy(to, to_driver.bytes, len);
	to_driver.n -= len;
	memmove(to_driver.bytes, to_driver.bytes + len, to_driver.n);
	return len;
}

static int
report(struct pollfd *pfds, nfds_t n)
{
	nfds_t i;

	for (i = 0; i < n; i++)
		pfds[i].revents = pfds[i].events;
	return n;
}

int
__wrap_poll(struct pollfd *pfds, nfds_t n, int timeout_ms)
{
	no_kernel_pass((uint64_t)timeout_ms * 20000);
	/* The end of a wait for nothing is to come after few looks. */
	if (to_driver.n == 0)
		no_kernel_pass(LOOK_US);
	return report(pfds, n);
}

int
__wrap_ppoll(struct pollfd *pfds, nfds_t n, const struct timespec *timeout,
	     const sigset_t *signals __rte_unused)
{
	const unsigned int how = finished ? 1 : fuzz_below(in, 16);

	/* A client alone may be waited for without limit. */
	CHECK(timeout != NULL || (listen_fd >= 0 && pfds[0].fd == listen_fd));
	no_kernel_pass(5000);
	if (how == 0)
		back_end_catch_up();
	/* Without an input nothing connects, and only a signal ends the wait for it. */
	if (how == 1 || (listen_fd >= 0 && pfds[0].fd == listen_fd && how == 2)) {
		errno = EINTR;
		return -1;
	}
	return report(pfds, n);
}
