/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_vhost.h>

#include "vhost_ring_reset_ends.h"

/* Back-end. */

struct back_end be;

static void
ring_stopped(int vid, uint16_t ring, void *arg)
{
	/* The ack must be known, and asking for it must not dead-lock here. */
	if (arg == &be && ring < RINGS && vhost_ring_reset_negotiated(vid))
		be.stopped[ring]++;
	be.called_back++;
}

static void
ring_started(int vid, uint16_t ring, void *arg)
{
	if (arg == &be && ring < RINGS && vhost_ring_reset_negotiated(vid))
		be.started[ring]++;
	be.called_back++;
}

const struct vhost_ring_reset_notify notify_both = {
	.ring_stopped = ring_stopped,
	.ring_started = ring_started,
};

static int
new_connection(int vid)
{
	be.vid = vid;
	if (be.attach)
		be.attach_result = vhost_ring_reset_attach(vid, be.notify, &be);
	be.new_connection++;
	return 0;
}

static void
destroy_connection(int vid)
{
	vhost_ring_reset_detach(vid);
	be.destroy_connection++;
}

static int
new_device(int vid)
{
	be.serving = vid;
	be.new_device++;
	return 0;
}

/* librte_vhost holds no ring's lock here: the one place where the data thread is waited for. */
static void
destroy_device(int vid __rte_unused)
{
	be.serving = -1;
	while (be.inside)
		sched_yield();
	be.destroy_device++;
}

static const struct rte_vhost_device_ops device_ops = {
	.new_device = new_device,
	.destroy_device = destroy_device,
	.new_connection = new_connection,
	.destroy_connection = destroy_connection,
};

void *
data_thread(void *arg __rte_unused)
{
	struct rte_mbuf *out[16], *in[32];
	unsigned int i, q, n;
	int vid;

	if (rte_pktmbuf_alloc_bulk(be.pool, out, RTE_DIM(out)) != 0)
		abort();
	for (i = 0; i < RTE_DIM(out); i++)
		memset(rte_pktmbuf_append(out[i], FRAME_SIZE), 0xa5, FRAME_SIZE);

	while (!be.quit) {
		be.inside = true;
		vid = be.serving;
		if (vid >= 0) {
			vhost_ring_reset_negotiated(vid);
			for (q = 0; q < be.pairs; q++) {
				/* Copied by the library, so the same mbufs serve again. */
				rte_vhost_enqueue_burst(vid, 2 * q, out, RTE_DIM(out));
				n = rte_vhost_dequeue_burst(vid, 2 * q + 1, be.pool, in,
					RTE_DIM(in));
				rte_pktmbuf_free_bulk(in, n);
			}
		}
		be.inside = false;
		be.loops++;
	}
	rte_pktmbuf_free_bulk(out, RTE_DIM(out));
	return NULL;
}

/* Front-end. */

uint8_t *memory;
int memory_fd;
char why[256];

int
failed(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	return -1;
}

static int
msg_send(struct front_end *fe, struct message *msg, int fd)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { .iov_base = msg, .iov_len = MSG_HEADER + msg->size };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;

	msg->flags |= MSG_VERSION;
	if (fd >= 0) {
		mh.msg_control = control.room;
		mh.msg_controllen = sizeof(control.room);
		cmsg = CMSG_FIRSTHDR(&mh);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	}
	CHECK(sendmsg(fe->fd, &mh, MSG_NOSIGNAL) == (ssize_t)iov.iov_len,
		"message %u not sent: %s", msg->request, strerror(errno));
	return 0;
}

static int
msg_receive(struct front_end *fe, struct message *msg)
{
	uint32_t request = msg->request;
	ssize_t n = recv(fe->fd, msg, MSG_HEADER, MSG_WAITALL);

	CHECK(n == MSG_HEADER, "no answer to message %u: %s", request,
		n < 0 ? strerror(errno) : "connection closed");
	CHECK(msg->request == request && (msg->flags & MSG_REPLY) != 0 && msg->size == 8,
		"answer to message %u: request %u flags 0x%x size %u", request,
		msg->request, msg->flags, msg->size);
	CHECK(recv(fe->fd, &msg->payload, 8, MSG_WAITALL) == 8, "half an answer to %u", request);
	return 0;
}

int
ask_u64(struct front_end *fe, uint32_t request, uint64_t *value)
{
	struct message msg = { .request = request };

	TRY(msg_send(fe, &msg, -1));
	TRY(msg_receive(fe, &msg));
	*value = msg.payload.u64;
	return 0;
}

/* Sends what wants no answer by itself. result: NULL if it must be taken, else the answer. */
int
tell(struct front_end *fe, struct message *msg, int fd, uint64_t *result)
{
	uint64_t answer = 0;
	uint32_t request = msg->request;

	if (fe->reply_ack)
		msg->flags = MSG_NEED_REPLY;
	TRY(msg_send(fe, msg, fd));
	if (fe->reply_ack) {
		TRY(msg_receive(fe, msg));
		answer = msg->payload.u64;
	}
	if (result != NULL)
		*result = answer;
	else
		CHECK(answer == 0, "message %u refused with %" PRIu64, request, answer);
	return 0;
}

int
tell_u64(struct front_end *fe, uint32_t request, uint64_t value, int fd, uint64_t *result)
{
	struct message msg = { .request = request, .size = 8, .payload.u64 = value };

	return tell(fe, &msg, fd, result);
}

int
tell_state(struct front_end *fe, uint32_t request, uint32_t index, uint32_t num, uint64_t *result)
{
	struct message msg = { .request = request, .size = 8,
		.payload.state = { .index = index, .num = num } };

	return tell(fe, &msg, -1, result);
}

int
get_base(struct front_end *fe, uint32_t index, uint32_t *base)
{
	struct message msg = { .request = GET_VRING_BASE, .size = 8,
		.payload.state = { .index = index } };

	TRY(msg_send(fe, &msg, -1));
	TRY(msg_receive(fe, &msg));
	CHECK(msg.payload.state.index == index, "base of ring %u instead of %u",
		msg.payload.state.index, index);
	*base = msg.payload.state.num;
	return 0;
}

static uint8_t *
area_of(unsigned int r)
{
	return memory + (size_t)r * AREA_SIZE;
}

static uint64_t
buffer_offset(unsigned int r, unsigned int id)
{
	return (uint64_t)RINGS * AREA_SIZE + (uint64_t)r * BUFFERS_SIZE + id * BUFFER_SIZE;
}

/* Makes the buffer of that number available in the next place of the ring. */
static void
ring_post(struct front_end *fe, unsigned int r, uint16_t id)
{
	struct ring *ring = &fe->ring[r];
	uint32_t len = r % 2 == 0 ? BUFFER_SIZE : NET_HEADER + FRAME_SIZE;
	uint16_t flags = r % 2 == 0 ? VRING_DESC_F_WRITE : 0;

	if (fe->packed) {
		struct vring_packed_desc *desc = (void *)area_of(r);

		desc[ring->avail].addr = buffer_offset(r, id);
		desc[ring->avail].len = len;
		desc[ring->avail].id = id;
		flags |= 1u << (ring->avail_wrap ? VRING_PACKED_DESC_F_AVAIL :
					    VRING_PACKED_DESC_F_USED);
		__atomic_store_n(&desc[ring->avail].flags, flags, __ATOMIC_RELEASE);
		if (++ring->avail == ring->size) {
			ring->avail = 0;
			ring->avail_wrap = !ring->avail_wrap;
		}
	} else {
		struct vring_desc *desc = (void *)area_of(r);
		struct vring_avail *avail = (void *)(area_of(r) + AREA_AVAIL);

		desc[id].addr = buffer_offset(r, id);
		desc[id].len = len;
		desc[id].flags = flags;
		avail->ring[ring->avail++ % ring->size] = id;
		__atomic_store_n(&avail->idx, ring->avail, __ATOMIC_RELEASE);
	}
}

/* Takes one used buffer; false if there is none. */
static bool
ring_take(struct front_end *fe, unsigned int r, uint16_t *id)
{
	struct ring *ring = &fe->ring[r];

	if (fe->packed) {
		struct vring_packed_desc *desc = (void *)area_of(r);
		uint16_t flags = __atomic_load_n(&desc[ring->used].flags, __ATOMIC_ACQUIRE);
		bool avail = (flags & (1u << VRING_PACKED_DESC_F_AVAIL)) != 0;
		bool used = (flags & (1u << VRING_PACKED_DESC_F_USED)) != 0;

		if (avail != used || used != ring->used_wrap)
			return false;
		*id = desc[ring->used].id;
		if (++ring->used == ring->size) {
			ring->used = 0;
			ring->used_wrap = !ring->used_wrap;
		}
	} else {
		struct vring_used *used = (void *)(area_of(r) + AREA_USED);

		if (ring->used == __atomic_load_n(&used->idx, __ATOMIC_ACQUIRE))
			return false;
		*id = used->ring[ring->used++ % ring->size].id;
	}
	/* Posted in order and always one packet a buffer: it is known which one is due. */
	ring->wrong += *id != ring->count % ring->size;
	ring->count++;
	return true;
}

/* One round over the rings: used buffers go straight back. */
static void
feed(struct front_end *fe)
{
	unsigned int r, budget;
	uint16_t id;

	for (r = 0; r < fe->rings; r++) {
		if (!fe->ring[r].live)
			continue;
		for (budget = RING_SIZE_MAX; budget > 0 && ring_take(fe, r, &id); budget--)
			ring_post(fe, r, id);
	}
}

static bool
past(time_t deadline)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec >= deadline;
}

static time_t
deadline_from_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + LIMIT_SECONDS;
}

/* Feeds the rings until these many more buffers came back from a ring. */
int
flows(struct front_end *fe, unsigned int r, uint64_t more)
{
	uint64_t goal = fe->ring[r].count + more;
	time_t deadline = deadline_from_now();

	while (fe->ring[r].count < goal) {
		CHECK(!past(deadline), "ring %u: %" PRIu64 " of %" PRIu64 " buffers came back",
			r, more - (goal - fe->ring[r].count), more);
		feed(fe);
		CHECK(fe->ring[r].wrong == 0, "ring %u: %" PRIu64 " wrong buffers came back",
			r, fe->ring[r].wrong);
	}
	return 0;
}

int
all_flow(struct front_end *fe)
{
	unsigned int r;

	for (r = 0; r < fe->rings; r++)
		if (fe->ring[r].live)
			TRY(flows(fe, r, 600));
	return 0;
}

int
becomes(const char *what, atomic_uint *counter, unsigned int wanted)
{
	time_t deadline = deadline_from_now();

	while (*counter != wanted) {
		CHECK(!past(deadline), "%s: %u instead of %u", what, *counter, wanted);
		sched_yield();
	}
	return 0;
}

/* Long enough for the data thread to have touched what it may touch. */
static int
data_thread_goes_round(unsigned long times)
{
	unsigned long goal = be.loops + times;
	time_t deadline = deadline_from_now();

	while (be.loops < goal) {
		CHECK(!past(deadline), "the data thread hangs");
		sched_yield();
	}
	return 0;
}

/* Everything that a start sends but for SET_VRING_ENABLE. */
int
ring_setup(struct front_end *fe, unsigned int r, uint16_t size)
{
	struct message addr = { .request = SET_VRING_ADDR, .size = sizeof(addr.payload.addr) };
	struct ring *ring = &fe->ring[r];
	uintptr_t area = (uintptr_t)area_of(r);
	unsigned int i;

	memset(area_of(r), 0, AREA_SIZE);
	*ring = (struct ring){ .size = size, .avail_wrap = true, .used_wrap = true,
		.live = true, .kick = ring->kick, .call = ring->call };
	for (i = 0; i < size; i++)
		ring_post(fe, r, i);

	TRY(tell_state(fe, SET_VRING_NUM, r, size, NULL));
	TRY(tell_state(fe, SET_VRING_BASE, r, fe->packed ? 0x80008000 : 0, NULL));
	addr.payload.addr.index = r;
	addr.payload.addr.desc = area;
	addr.payload.addr.avail = area + AREA_AVAIL;
	addr.payload.addr.used = area + AREA_USED;
	TRY(tell(fe, &addr, -1, NULL));
	TRY(tell_u64(fe, SET_VRING_KICK, r, ring->kick, NULL));
	return tell_u64(fe, SET_VRING_CALL, r, ring->call, NULL);
}

int
ring_start(struct front_end *fe, unsigned int r, uint16_t size)
{
	TRY(ring_setup(fe, r, size));
	return tell_state(fe, SET_VRING_ENABLE, r, 1, NULL);
}

/* Of a stopped ring: counts what came back, and leaves it full, a temptation for the back-end. */
int
ring_leave(struct front_end *fe, unsigned int r)
{
	uint16_t id;

	fe->ring[r].live = false;
	while (ring_take(fe, r, &id))
		ring_post(fe, r, id);
	CHECK(fe->ring[r].wrong == 0, "ring %u: wrong buffers before its stop", r);
	return 0;
}

int
ring_disable(struct front_end *fe, unsigned int r)
{
	TRY(tell_state(fe, SET_VRING_ENABLE, r, 0, NULL));
	return ring_leave(fe, r);
}

/* The base that the front-end must receive: as many as came back. */
uint32_t
ring_base(const struct front_end *fe, unsigned int r)
{
	const struct ring *ring = &fe->ring[r];
	uint64_t lap = ring->count / ring->size;

	if (!fe->packed)
		return ring->count & 0xffff;
	return (uint32_t)(ring->count % ring->size) | (lap % 2 == 0 ? 0x8000u : 0);
}

int
ring_stop(struct front_end *fe, unsigned int r)
{
	uint32_t base;

	TRY(ring_disable(fe, r));
	TRY(get_base(fe, r, &base));
	CHECK(base == ring_base(fe, r), "ring %u: base 0x%x instead of 0x%x after %" PRIu64
		" buffers", r, base, ring_base(fe, r), fe->ring[r].count);
	return 0;
}

/* A stopped ring keeps every byte while another one gets its packets. */
int
untouched_while_flows(struct front_end *fe, unsigned int r, unsigned int other)
{
	static uint8_t before[AREA_SIZE + BUFFERS_SIZE];
	uint8_t *buffers = memory + buffer_offset(r, 0);

	memcpy(before, area_of(r), AREA_SIZE);
	memcpy(before + AREA_SIZE, buffers, BUFFERS_SIZE);
	TRY(other < RINGS ? flows(fe, other, 5000) : 0);
	TRY(data_thread_goes_round(1000));
	CHECK(memcmp(before, area_of(r), AREA_SIZE) == 0, "ring %u was written after its stop", r);
	CHECK(memcmp(before + AREA_SIZE, buffers, BUFFERS_SIZE) == 0,
		"a buffer of ring %u was written after its stop", r);
	return 0;
}

int
fe_close(struct front_end *fe)
{
	if (fe->fd >= 0)
		close(fe->fd);
	fe->fd = -1;
	fe->reply_ack = fe->status = false;
	return becomes("closed connections", &be.destroy_connection, be.new_connection);
}

int
fe_connect(struct front_end *fe)
{
	struct timeval limit = { .tv_sec = LIMIT_SECONDS };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	unsigned int connections = be.new_connection;

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", be.path);
	fe->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(fe->fd >= 0, "socket: %s", strerror(errno));
	setsockopt(fe->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	CHECK(connect(fe->fd, (struct sockaddr *)&un, sizeof(un)) == 0,
		"connect to %s: %s", be.path, strerror(errno));
	return becomes("connections", &be.new_connection, connections + 1);
}

/* From SET_FEATURES to DRIVER_OK; also after a device stop. */
int
fe_run(struct front_end *fe)
{
	struct message table = { .request = SET_MEM_TABLE, .size = sizeof(table.payload.memory) };
	unsigned int r, devices = be.new_device;

	TRY(tell_u64(fe, SET_FEATURES, fe->features, -1, NULL));
	table.payload.memory.regions = 1;
	table.payload.memory.size = MEMORY_SIZE;
	table.payload.memory.user = (uintptr_t)memory;
	TRY(tell(fe, &table, memory_fd, NULL));
	for (r = 0; r < fe->rings; r++)
		TRY(ring_setup(fe, r, 128));
	for (r = 0; r < fe->rings && (fe->features & F_PROTOCOL) != 0; r++)
		TRY(tell_state(fe, SET_VRING_ENABLE, r, 1, NULL));
	if (fe->status)
		TRY(tell_u64(fe, SET_STATUS, STATUS_RUNNING, -1, NULL));
	return becomes("new_device", &be.new_device, devices + 1);
}

int
fe_start(struct front_end *fe, const struct config *conf)
{
	uint64_t offered, protocol;

	TRY(fe_connect(fe));
	be.pairs = conf->pairs;
	fe->packed = conf->packed;
	fe->rings = 2 * conf->pairs;
	fe->features = F_VERSION_1 | F_MRG_RXBUF | F_MQ;
	if (conf->packed)
		fe->features |= F_PACKED;
	if (conf->ack_reset)
		fe->features |= F_RING_RESET;
	if (!conf->no_enable)
		fe->features |= F_PROTOCOL;
	TRY(ask_u64(fe, GET_FEATURES, &offered));
	CHECK((fe->features & ~offered) == 0, "features 0x%" PRIx64 " are not offered",
		fe->features & ~offered);
	TRY(ask_u64(fe, GET_PROTOCOL_FEATURES, &protocol));
	protocol &= PF_MQ | PF_REPLY_ACK | (conf->no_status ? 0 : PF_STATUS);
	TRY(tell_u64(fe, SET_PROTOCOL_FEATURES, protocol, -1, NULL));
	fe->reply_ack = (protocol & PF_REPLY_ACK) != 0;
	fe->status = (protocol & PF_STATUS) != 0;
	CHECK(fe->reply_ack && fe->status == !conf->no_status,
		"this librte_vhost lacks REPLY_ACK or STATUS");
	return fe_run(fe);
}

/* SET_STATUS 0 where there is one, then the messages of a device stop. */
int
fe_stop(struct front_end *fe)
{
	unsigned int r;
	uint32_t base;

	if (fe->status)
		TRY(tell_u64(fe, SET_STATUS, 0, -1, NULL));
	for (r = 0; r < fe->rings; r++)
		if (fe->ring[r].live)
			TRY(ring_disable(fe, r));
	for (r = 0; r < fe->rings; r++)
		TRY(get_base(fe, r, &base));
	return 0;
}

int
be_start(void)
{
	CHECK(rte_vhost_driver_register(be.path, 0) == 0 &&
		rte_vhost_driver_callback_register(be.path, &device_ops) == 0 &&
		rte_vhost_driver_start(be.path) == 0, "no vhost-user socket at %s", be.path);
	return 0;
}
