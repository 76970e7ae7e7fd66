/* SPDX-License-Identifier: BSD-3-Clause */

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
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fake_vhost_user.h"
#include "test.h"

/* So long that only a test that hangs gets there. */
#define PATIENCE_S 20

#define HEADER 12
#define FLAG_REPLY 0x4u
#define FLAG_NEED_REPLY 0x8u
#define MAX_PAYLOAD 512
#define MAX_FDS 8

struct message {
	uint32_t request;
	uint32_t flags;
	uint32_t size;
	uint8_t payload[MAX_PAYLOAD];
	int fd[MAX_FDS];
	unsigned int fds;
};

static uint32_t
get32(const uint8_t *at)
{
	uint32_t v;

	memcpy(&v, at, sizeof(v));
	return v;
}

static uint64_t
get64(const uint8_t *at)
{
	uint64_t v;

	memcpy(&v, at, sizeof(v));
	return v;
}

static void __attribute__((format(printf, 2, 3)))
breach(struct fake_vu *vu, const char *format, ...)
{
	va_list ap;

	if (vu->breach[0] != '\0')
		return;
	va_start(ap, format);
	vsnprintf(vu->breach, sizeof(vu->breach), format, ap);
	va_end(ap);
}

static void *
map_region(struct fake_vu *vu, uint64_t addr, uint64_t len, bool user)
{
	unsigned int i;

	for (i = 0; i < vu->nb_regions; i++) {
		const struct fake_vu_region *r = &vu->region[i];
		const uint64_t start = user ? r->user_addr : r->guest_addr;

		if (addr >= start && len <= r->size && addr - start <= r->size - len)
			return r->at + r->offset + (addr - start);
	}
	return NULL;
}

void *
fake_vu_map(void *arg, uint64_t addr, uint64_t len)
{
	return map_region(arg, addr, len, false);
}

static void
unmap_all(struct fake_vu *vu)
{
	while (vu->nb_regions > 0) {
		vu->nb_regions--;
		munmap(vu->region[vu->nb_regions].at, vu->region[vu->nb_regions].mapped);
	}
}

static void
close_ring(struct fake_vu_ring *ring)
{
	if (ring->open)
		ring_device_close(&ring->rd);
	ring->open = false;
}

/* Descriptors, what the driver writes and what the device writes; false: not in memory told. */
static bool
find_parts(struct fake_vu *vu, const struct fake_vu_ring *ring, uint8_t *part[3])
{
	const bool packed = (vu->acked & VU_F_PACKED) != 0;

	part[0] = map_region(vu, ring->desc, ring_device_desc_size(ring->num), true);
	part[1] = map_region(vu, ring->avail, ring_device_driver_size(ring->num, packed), true);
	part[2] = map_region(vu, ring->used, ring_device_device_size(ring->num, packed), true);
	return part[0] != NULL && part[1] != NULL && part[2] != NULL;
}

/* The mapping has moved: where the ring is, not what it is doing. */
static void
find_ring(struct fake_vu *vu, struct fake_vu_ring *ring)
{
	uint8_t *part[3];

	if (!find_parts(vu, ring, part))
		breach(vu, "a ring that is served is not in the new memory");
	else
		ring_device_move(&ring->rd, part[0], part[1], part[2]);
}

static void
map_table(struct fake_vu *vu, const struct message *m)
{
	const uint32_t n = get32(m->payload);
	uint32_t i;

	if (n == 0 || n > FAKE_VU_MAX_REGIONS || m->fds != n || m->size != 8 + 32 * n) {
		breach(vu, "memory table of %" PRIu32 " regions, %u files, %" PRIu32 " bytes", n,
		       m->fds, m->size);
		return;
	}
	unmap_all(vu);
	for (i = 0; i < n; i++) {
		const uint8_t *at = m->payload + 8 + 32 * i;
		struct fake_vu_region *r = &vu->region[i];

		r->guest_addr = get64(at);
		r->size = get64(at + 8);
		r->user_addr = get64(at + 16);
		r->offset = get64(at + 24);
		r->mapped = r->size + r->offset;
		r->at = mmap(NULL, r->mapped, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
			     m->fd[i], 0);
		if (r->at == MAP_FAILED) {
			breach(vu, "region %" PRIu32 " of the table cannot be mapped: %s", i,
			       strerror(errno));
			return;
		}
		vu->nb_regions++;
	}
	vu->tables++;
	for (i = 0; i < FAKE_VU_MAX_RINGS; i++) {
		if (vu->ring[i].open)
			find_ring(vu, &vu->ring[i]);
	}
}

/* From here on the ring is served: it must be complete, and fresh. */
static void
open_ring(struct fake_vu *vu, unsigned int index)
{
	struct fake_vu_ring *ring = &vu->ring[index];
	const bool packed = (vu->acked & VU_F_PACKED) != 0;
	uint8_t *part[3];

	if (ring->open)
		return;
	if (!find_parts(vu, ring, part)) {
		breach(vu, "ring %u is not in the memory that was told", index);
		return;
	}
	/* Packed: both places 0, bits 15 and 31 are the wrap counters, which begin as 1 (2.8.1). */
	if (ring->base != (packed ? 0x80008000 : 0))
		breach(vu, "ring %u starts at 0x%" PRIx32, index, ring->base);
	if (!ring_device_area_is_zero(ring->num, packed, part[2]))
		breach(vu, "ring %u starts with a device area that is not zero", index);
	ring_device_map(&ring->rd, fake_vu_map, vu);
	ring_device_open(&ring->rd, ring->num, packed, part[0], part[1], part[2],
			 (vu->acked & VU_F_EVENT_IDX) != 0);
	ring->open = true;
}

static void
forget_setup(struct fake_vu_ring *ring)
{
	ring->has_num = false;
	ring->has_base = false;
	ring->has_addr = false;
	ring->has_call = false;
}

static void
take_fd(int *to, struct message *m)
{
	if (*to >= 0)
		close(*to);
	*to = m->fds > 0 ? m->fd[0] : -1;
	m->fds = 0;
}

static struct fake_vu_ring *
ring_of(struct fake_vu *vu, uint64_t index)
{
	if (index < FAKE_VU_MAX_RINGS && index < vu->queue_num * 2)
		return &vu->ring[index];
	breach(vu, "there is no ring %" PRIu64, index);
	return NULL;
}

/* A ring's messages; false where there is no such ring. */
static bool
obey_ring(struct fake_vu *vu, struct message *m, uint64_t *value)
{
	const bool by_fd = m->request == VU_SET_VRING_KICK || m->request == VU_SET_VRING_CALL;
	const uint32_t index = by_fd ? get64(m->payload) & 0xff : get32(m->payload);
	const uint32_t num = get32(m->payload + 4);
	struct fake_vu_ring *ring = ring_of(vu, index);

	if (ring == NULL)
		return false;
	switch (m->request) {
	case VU_SET_VRING_NUM:
		if (ring->open && ring->enabled)
			breach(vu, "ring %" PRIu32 " is set up while it runs", index);
		close_ring(ring);
		ring->num = num;
		ring->has_num = true;
		break;
	case VU_SET_VRING_BASE:
		ring->base = num;
		ring->has_base = true;
		break;
	case VU_SET_VRING_ADDR:
		ring->desc = get64(m->payload + 8);
		ring->used = get64(m->payload + 16);
		ring->avail = get64(m->payload + 24);
		ring->has_addr = true;
		break;
	case VU_SET_VRING_CALL:
		take_fd(&ring->call_fd, m);
		ring->has_call = true;
		break;
	case VU_SET_VRING_KICK:
		take_fd(&ring->kick_fd, m);
		if (!ring->has_num || !ring->has_base || !ring->has_addr || !ring->has_call)
			breach(vu, "ring %" PRIu32 ": KICK before NUM, BASE, ADDR and CALL", index);
		forget_setup(ring);
		ring->started = true;
		if (!(vu->features & VU_F_PROTOCOL))
			open_ring(vu, index);
		break;
	case VU_SET_VRING_ENABLE:
		if (!(vu->features & VU_F_PROTOCOL))
			breach(vu, "ENABLE without protocol features");
		if (num == 1 && !ring->started)
			breach(vu, "ring %" PRIu32 " is enabled before KICK", index);
		ring->enabled = num == 1;
		if (ring->enabled)
			open_ring(vu, index);
		break;
	case VU_GET_VRING_BASE:
		*value = (uint64_t)(ring->open ? ring_device_base(&ring->rd) : 0) << 32 | index;
		ring->started = false;
		ring->enabled = false;
		close_ring(ring);
		break;
	}
	return true;
}

/* Carries a message out; true where it has an answer of its own, in *value. */
static bool
obey(struct fake_vu *vu, struct message *m, uint64_t *value)
{
	*value = 0;
	switch (m->request) {
	case VU_GET_FEATURES:
		*value = vu->features;
		return true;
	case VU_SET_FEATURES:
		vu->acked = get64(m->payload);
		if (vu->acked & ~vu->features)
			breach(vu, "features 0x%" PRIx64 " were not offered",
			       vu->acked & ~vu->features);
		break;
	case VU_SET_OWNER:
		break;
	case VU_SET_MEM_TABLE:
		map_table(vu, m);
		break;
	case VU_GET_PROTOCOL_FEATURES:
		*value = vu->protocol;
		return true;
	case VU_SET_PROTOCOL_FEATURES:
		vu->protocol_acked = get64(m->payload);
		if (vu->protocol_acked & ~vu->protocol)
			breach(vu, "protocol features 0x%" PRIx64 " were not offered",
			       vu->protocol_acked & ~vu->protocol);
		break;
	case VU_GET_QUEUE_NUM:
		if (!(vu->protocol_acked & VU_P_MQ))
			breach(vu, "GET_QUEUE_NUM without MQ");
		*value = vu->queue_num;
		return true;
	case VU_SET_STATUS:
	case VU_GET_STATUS:
		if (!(vu->protocol_acked & VU_P_STATUS))
			breach(vu, "STATUS without its feature");
		if (m->request == VU_SET_STATUS)
			vu->status = get64(m->payload);
		else
			*value = vu->status;
		return m->request == VU_GET_STATUS;
	case VU_GET_VRING_BASE:
		return obey_ring(vu, m, value);
	case VU_SET_VRING_NUM:
	case VU_SET_VRING_ADDR:
	case VU_SET_VRING_BASE:
	case VU_SET_VRING_KICK:
	case VU_SET_VRING_CALL:
	case VU_SET_VRING_ENABLE:
		obey_ring(vu, m, value);
		*value = 0;
		break;
	default:
		breach(vu, "unknown request %" PRIu32, m->request);
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
		/* What else it is told is lost. */
		if (recv(vu->fd, ignored, sizeof(ignored), MSG_DONTWAIT) == 0)
			break;
		poll(&p, 1, 10);
	}
	pthread_mutex_lock(&vu->lock);
}

/* false: the connection is to be closed. */
static bool
answer(struct fake_vu *vu, const struct message *m, enum fake_vu_action action, uint64_t value)
{
	struct {
		uint32_t request, flags, size;
		uint8_t payload[8];
	} a = { m->request, 0x1 | FLAG_REPLY, 8, { 0 } };
	const uint8_t *bytes = (const uint8_t *)&a;
	size_t n = sizeof(a);
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
	case VU_WRONG_SIZE:
		a.size = 4;
		n = HEADER + 4;
		break;
	case VU_EMPTY:
		a.size = 0;
		n = HEADER;
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

static void
note(struct fake_vu *vu, const struct message *m)
{
	struct fake_vu_record *r = &vu->record[vu->nb_record];

	if (vu->nb_record == FAKE_VU_MAX_RECORD)
		return;
	vu->nb_record++;
	*r = (struct fake_vu_record){ .request = m->request, .flags = m->flags, .fds = m->fds };
	switch (m->request) {
	case VU_SET_VRING_NUM:
	case VU_SET_VRING_BASE:
	case VU_SET_VRING_ENABLE:
	case VU_GET_VRING_BASE:
		r->index = get32(m->payload);
		r->value = get32(m->payload + 4);
		break;
	case VU_SET_VRING_ADDR:
		r->index = get32(m->payload);
		break;
	case VU_SET_VRING_KICK:
	case VU_SET_VRING_CALL:
		r->index = get64(m->payload) & 0xff;
		break;
	default:
		r->value = m->size >= 8 ? get64(m->payload) : 0;
		break;
	}
}

/* Lock held. false: the connection is to be closed. */
static bool
handle(struct fake_vu *vu, struct message *m)
{
	const bool wants_ack = (m->flags & FLAG_NEED_REPLY) != 0;
	const enum fake_vu_action action = action_for(vu, m->request);
	bool has_value;
	uint64_t value;

	if ((m->flags & 0x3) != 0x1 || (m->flags & FLAG_REPLY))
		breach(vu, "request %" PRIu32 " has flags 0x%" PRIx32, m->request, m->flags);
	if (wants_ack && !(vu->protocol_acked & VU_P_REPLY_ACK))
		breach(vu, "request %" PRIu32 ": NEED_REPLY without REPLY_ACK", m->request);
	note(vu, m);
	if (action == VU_CLOSE)
		return false;
	if (action == VU_HOLD)
		hold(vu);
	if (vu->ending)
		return false;
	has_value = obey(vu, m, &value);
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
receive(struct fake_vu *vu, struct message *m)
{
	uint8_t header[HEADER];
	struct iovec iov = { header, sizeof(header) };
	char control[CMSG_SPACE(sizeof(m->fd))];
	struct msghdr mh = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
		.msg_controllen = sizeof(control)
	};
	struct cmsghdr *c;

	m->fds = 0;
	if (recvmsg(vu->fd, &mh, MSG_WAITALL | MSG_CMSG_CLOEXEC) != HEADER)
		return false;
	for (c = CMSG_FIRSTHDR(&mh); c != NULL; c = CMSG_NXTHDR(&mh, c)) {
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
			m->fds = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
			memcpy(m->fd, CMSG_DATA(c), m->fds * sizeof(int));
		}
	}
	m->request = get32(header);
	m->flags = get32(header + 4);
	m->size = get32(header + 8);
	memset(m->payload, 0, sizeof(m->payload));
	if (m->size > MAX_PAYLOAD) {
		breach(vu, "request %" PRIu32 " of %" PRIu32 " bytes", m->request, m->size);
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

		close_ring(ring);
		if (ring->kick_fd >= 0)
			close(ring->kick_fd);
		if (ring->call_fd >= 0)
			close(ring->call_fd);
		memset(ring, 0, sizeof(*ring));
		ring->kick_fd = -1;
		ring->call_fd = -1;
	}
	unmap_all(vu);
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
	struct message m;
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
			breach(vu, "ring %u: %.100s", i, why);
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
fake_vu_hang_up(struct fake_vu *vu)
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
	const unsigned int before = vu->connections;

	wake(vu);
	fake_vu_wait_connections(vu, before + 1);
}

void
fake_vu_forget_record(struct fake_vu *vu)
{
	fake_vu_wait_quiet(vu);
	pthread_mutex_lock(&vu->lock);
	vu->nb_record = 0;
	pthread_mutex_unlock(&vu->lock);
}

static const char *
name_of(uint32_t request)
{
	switch (request) {
	case VU_GET_FEATURES:
		return "GET_FEATURES";
	case VU_SET_FEATURES:
		return "SET_FEATURES";
	case VU_SET_OWNER:
		return "OWNER";
	case VU_SET_MEM_TABLE:
		return "MEM";
	case VU_SET_VRING_NUM:
		return "NUM";
	case VU_SET_VRING_ADDR:
		return "ADDR";
	case VU_SET_VRING_BASE:
		return "BASE";
	case VU_GET_VRING_BASE:
		return "GET_BASE";
	case VU_SET_VRING_KICK:
		return "KICK";
	case VU_SET_VRING_CALL:
		return "CALL";
	case VU_GET_PROTOCOL_FEATURES:
		return "GET_PROTOCOL";
	case VU_SET_PROTOCOL_FEATURES:
		return "SET_PROTOCOL";
	case VU_GET_QUEUE_NUM:
		return "QUEUE_NUM";
	case VU_SET_VRING_ENABLE:
		return "ENABLE";
	case VU_SET_STATUS:
		return "STATUS";
	case VU_GET_STATUS:
		return "GET_STATUS";
	}
	return "?";
}

const char *
fake_vu_recorded(struct fake_vu *vu)
{
	static char text[FAKE_VU_MAX_RECORD * 20];
	size_t n = 0;
	unsigned int i;

	fake_vu_wait_quiet(vu);
	text[0] = '\0';
	pthread_mutex_lock(&vu->lock);
	for (i = 0; i < vu->nb_record && n < sizeof(text) - 64; i++) {
		const struct fake_vu_record *r = &vu->record[i];

		n += snprintf(text + n, sizeof(text) - n, "%s%s", i == 0 ? "" : ", ",
			      name_of(r->request));
		switch (r->request) {
		case VU_SET_VRING_NUM:
		case VU_SET_VRING_BASE:
		case VU_SET_VRING_ENABLE:
			n += snprintf(text + n, sizeof(text) - n, " %" PRIu32 "=%" PRIu64, r->index,
				      r->value);
			break;
		case VU_SET_VRING_ADDR:
		case VU_SET_VRING_KICK:
		case VU_SET_VRING_CALL:
		case VU_GET_VRING_BASE:
			n += snprintf(text + n, sizeof(text) - n, " %" PRIu32, r->index);
			break;
		case VU_SET_STATUS:
			n += snprintf(text + n, sizeof(text) - n, "=0x%" PRIx64, r->value);
			break;
		}
		n += snprintf(text + n, sizeof(text) - n, "%s",
			      r->flags & FLAG_NEED_REPLY ? "!" : "");
	}
	pthread_mutex_unlock(&vu->lock);
	return text;
}

unsigned int
fake_vu_count(struct fake_vu *vu, uint32_t request)
{
	unsigned int n = 0;
	unsigned int i;

	fake_vu_wait_quiet(vu);
	pthread_mutex_lock(&vu->lock);
	for (i = 0; i < vu->nb_record; i++)
		n += vu->record[i].request == request;
	pthread_mutex_unlock(&vu->lock);
	return n;
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
