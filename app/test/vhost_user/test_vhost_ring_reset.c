/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * lib/vhost_ring_reset on the installed librte_vhost, both ends in this process: a back-end with
 * one data thread that serves two queue pairs and never looks whether a ring is enabled, and a
 * front-end of a few messages that knows its rings to the byte. The front-end has its own copy of
 * the protocol, so that the library's is checked and not shared.
 */

#include <errno.h>
#include <limits.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_vhost.h>

#include "vhost_ring_reset.h"

#define F_MRG_RXBUF (UINT64_C(1) << 15)
#define F_MQ (UINT64_C(1) << 22)
#define F_PROTOCOL (UINT64_C(1) << 30)
#define F_VERSION_1 (UINT64_C(1) << 32)
#define F_PACKED (UINT64_C(1) << 34)
#define F_RING_RESET (UINT64_C(1) << 40)

#define PF_MQ (UINT64_C(1) << 0)
#define PF_REPLY_ACK (UINT64_C(1) << 3)
#define PF_STATUS (UINT64_C(1) << 16)

enum {
	GET_FEATURES = 1, SET_FEATURES = 2, SET_OWNER = 3, RESET_OWNER = 4, SET_MEM_TABLE = 5,
	SET_VRING_NUM = 8, SET_VRING_ADDR = 9, SET_VRING_BASE = 10, GET_VRING_BASE = 11,
	SET_VRING_KICK = 12, SET_VRING_CALL = 13, GET_PROTOCOL_FEATURES = 15,
	SET_PROTOCOL_FEATURES = 16, SET_VRING_ENABLE = 18, SET_STATUS = 39,
};

#define MSG_VERSION 0x1u
#define MSG_REPLY 0x4u
#define MSG_NEED_REPLY 0x8u
#define MSG_HEADER 12u

#define STATUS_RUNNING 0xfu	/* ACKNOWLEDGE, DRIVER, DRIVER_OK, FEATURES_OK */

struct message {
	uint32_t request;
	uint32_t flags;
	uint32_t size;
	union {
		uint64_t u64;
		struct {
			uint32_t index;
			uint32_t num;
		} state;
		struct {
			uint32_t index;
			uint32_t flags;
			uint64_t desc, used, avail, log;
		} addr;
		struct {
			uint32_t regions;
			uint32_t padding;
			uint64_t guest, size, user, offset;
		} memory;
	} payload;
} __attribute__((packed));

/* The shared memory: an area a ring, then the ring's buffers. Guest addresses are offsets in it. */
#define PAIRS 2u
#define RINGS (2 * PAIRS)
#define RING_SIZE_MAX 256u
#define BUFFER_SIZE 2048u
#define AREA_SIZE 0x8000u
#define AREA_AVAIL 0x2000u	/* packed: the driver's event area */
#define AREA_USED 0x4000u	/* packed: the device's event area */
#define BUFFERS_SIZE (RING_SIZE_MAX * BUFFER_SIZE)
#define MEMORY_SIZE ((size_t)RINGS * (AREA_SIZE + BUFFERS_SIZE))

#define FRAME_SIZE 60u
#define NET_HEADER 12u
#define LIMIT_SECONDS 20	/* for one thing to happen; a whole case gets three times as long */

/* Back-end. */

static struct {
	struct rte_mempool *pool;
	char dir[64];
	char path[96];
	bool attach;			/* what new_connection does next */
	const struct vhost_ring_reset_notify *notify;
	atomic_int vid;			/* of the last connection */
	atomic_int serving;		/* vid that the data thread serves, or -1 */
	atomic_uint pairs;
	atomic_bool inside, quit;
	atomic_ulong loops;
	atomic_uint new_device, destroy_device, new_connection, destroy_connection;
	atomic_int attach_result;
	atomic_uint stopped[RINGS], started[RINGS], called_back;
} be;

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

static const struct vhost_ring_reset_notify notify_both = {
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

static void *
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

struct ring {
	uint16_t size;
	uint16_t avail, used;	/* split: free-running; packed: slot */
	bool avail_wrap, used_wrap;
	bool live;		/* the front-end feeds it */
	uint64_t count;		/* buffers that came back since the ring was set up */
	uint64_t wrong;		/* of these, not the one that was due */
	int kick, call;
};

struct front_end {
	int fd;
	bool packed, reply_ack, status;
	uint64_t features;
	unsigned int rings;
	struct ring ring[RINGS];
};

struct config {
	bool packed;
	bool ack_reset;
	bool no_status;
	bool no_enable;		/* bit 30 not acknowledged: rings are enabled by their kick */
	unsigned int pairs;
};

static uint8_t *memory;
static int memory_fd;
static char why[256];

static int __rte_format_printf(1, 2)
failed(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	return -1;
}

#define CHECK(cond, ...) do { if (!(cond)) return failed(__VA_ARGS__); } while (0)
#define TRY(call) do { if ((call) != 0) return -1; } while (0)

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

static int
ask_u64(struct front_end *fe, uint32_t request, uint64_t *value)
{
	struct message msg = { .request = request };

	TRY(msg_send(fe, &msg, -1));
	TRY(msg_receive(fe, &msg));
	*value = msg.payload.u64;
	return 0;
}

/* Sends what wants no answer by itself. result: NULL if it must be taken, else the answer. */
static int
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

static int
tell_u64(struct front_end *fe, uint32_t request, uint64_t value, int fd, uint64_t *result)
{
	struct message msg = { .request = request, .size = 8, .payload.u64 = value };

	return tell(fe, &msg, fd, result);
}

static int
tell_state(struct front_end *fe, uint32_t request, uint32_t index, uint32_t num, uint64_t *result)
{
	struct message msg = { .request = request, .size = 8,
		.payload.state = { .index = index, .num = num } };

	return tell(fe, &msg, -1, result);
}

static int
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
static int
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

static int
all_flow(struct front_end *fe)
{
	unsigned int r;

	for (r = 0; r < fe->rings; r++)
		if (fe->ring[r].live)
			TRY(flows(fe, r, 600));
	return 0;
}

static int
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
static int
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

static int
ring_start(struct front_end *fe, unsigned int r, uint16_t size)
{
	TRY(ring_setup(fe, r, size));
	return tell_state(fe, SET_VRING_ENABLE, r, 1, NULL);
}

/* Of a stopped ring: counts what came back, and leaves it full, a temptation for the back-end. */
static int
ring_leave(struct front_end *fe, unsigned int r)
{
	uint16_t id;

	fe->ring[r].live = false;
	while (ring_take(fe, r, &id))
		ring_post(fe, r, id);
	CHECK(fe->ring[r].wrong == 0, "ring %u: wrong buffers before its stop", r);
	return 0;
}

static int
ring_disable(struct front_end *fe, unsigned int r)
{
	TRY(tell_state(fe, SET_VRING_ENABLE, r, 0, NULL));
	return ring_leave(fe, r);
}

/* The base that the front-end must be told: as many as came back. */
static uint32_t
ring_base(const struct front_end *fe, unsigned int r)
{
	const struct ring *ring = &fe->ring[r];
	uint64_t lap = ring->count / ring->size;

	if (!fe->packed)
		return ring->count & 0xffff;
	return (uint32_t)(ring->count % ring->size) | (lap % 2 == 0 ? 0x8000u : 0);
}

static int
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
static int
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

static int
fe_close(struct front_end *fe)
{
	if (fe->fd >= 0)
		close(fe->fd);
	fe->fd = -1;
	fe->reply_ack = fe->status = false;
	return becomes("closed connections", &be.destroy_connection, be.new_connection);
}

static int
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
static int
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

static int
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
static int
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

static int
be_start(void)
{
	CHECK(rte_vhost_driver_register(be.path, 0) == 0 &&
		rte_vhost_driver_callback_register(be.path, &device_ops) == 0 &&
		rte_vhost_driver_start(be.path) == 0, "no vhost-user socket at %s", be.path);
	return 0;
}

/* Cases. Each gets a front-end that is not connected; what it leaves open is closed for it. */

static const struct config split = { .ack_reset = true, .pairs = PAIRS };
static const struct config packed = { .ack_reset = true, .pairs = PAIRS, .packed = true };

static int
bit_offered_only_when_attached(struct front_end *fe)
{
	uint64_t offered, plain, answer;

	be.attach = false;
	TRY(fe_connect(fe));
	TRY(ask_u64(fe, GET_FEATURES, &plain));
	CHECK((plain & F_RING_RESET) == 0, "offered without attach");
	fe->reply_ack = true;
	TRY(tell_u64(fe, SET_FEATURES, F_VERSION_1 | F_RING_RESET, -1, &answer));
	CHECK(answer != 0, "acknowledged without an offer, and not refused");
	TRY(fe_close(fe));

	be.attach = true;
	TRY(fe_connect(fe));
	CHECK(be.attach_result == 0, "attach: %d", be.attach_result);
	TRY(ask_u64(fe, GET_FEATURES, &offered));
	CHECK(offered == (plain | F_RING_RESET), "0x%" PRIx64 " offered, without attach 0x%"
		PRIx64, offered, plain);
	return 0;
}

static int
acknowledged_and_traffic_flows(struct front_end *fe)
{
	uint64_t features = 0;

	TRY(fe_connect(fe));
	CHECK(!vhost_ring_reset_negotiated(be.vid), "negotiated before SET_FEATURES");
	TRY(fe_close(fe));
	TRY(fe_start(fe, &split));
	CHECK(vhost_ring_reset_negotiated(be.vid), "acknowledged but not negotiated");
	rte_vhost_get_negotiated_features(be.vid, &features);
	CHECK(features == (fe->features & ~F_RING_RESET), "librte_vhost has features 0x%" PRIx64,
		features);
	return all_flow(fe);
}

static int
refused_features_are_not_negotiated(struct front_end *fe)
{
	uint64_t answer;

	TRY(fe_connect(fe));
	fe->reply_ack = true;
	TRY(tell_u64(fe, SET_FEATURES, F_RING_RESET | (UINT64_C(1) << 63), -1, &answer));
	CHECK(answer != 0, "a bit that was not offered was taken");
	CHECK(!vhost_ring_reset_negotiated(be.vid), "negotiated by a refused SET_FEATURES");
	return 0;
}

/* Stop, be left alone, restart with another size in zeroed memory. */
static int
stop_and_restart(struct front_end *fe, const struct config *conf, unsigned int r)
{
	unsigned int other = r == 0 ? 2 : 0;
	uint32_t base;

	TRY(fe_start(fe, conf));
	/* Past the turn of the wrap counter, and not at a round number. */
	TRY(flows(fe, r, 331));
	TRY(ring_stop(fe, r));
	CHECK(be.stopped[r] == 1 && be.called_back == 1,
		"ring_stopped called %u times, of %u call-backs",
		be.stopped[r], be.called_back);
	TRY(untouched_while_flows(fe, r, other));
	TRY(get_base(fe, r, &base));
	CHECK(base == ring_base(fe, r), "second answer 0x%x instead of 0x%x", base,
		ring_base(fe, r));
	CHECK(be.called_back == 1, "a second call-back for the same stop");
	CHECK(be.destroy_device == 0, "the device was stopped");
	TRY(all_flow(fe));

	TRY(ring_setup(fe, r, 64));
	CHECK(be.started[r] == 0, "ring_started called before ENABLE 1");
	TRY(tell_state(fe, SET_VRING_ENABLE, r, 1, NULL));
	CHECK(be.started[r] == 1 && be.called_back == 2,
		"ring_started called %u times, of %u call-backs",
		be.started[r], be.called_back);
	/* flows() knows the first buffer and all after it. */
	TRY(all_flow(fe));
	TRY(ring_stop(fe, r));
	TRY(ring_start(fe, r, 256));
	TRY(all_flow(fe));
	CHECK(be.stopped[r] == 2 && be.started[r] == 2 && be.called_back == 4 &&
		be.destroy_device == 0 && be.new_device == 1, "second round: %u %u %u %u %u",
		be.stopped[r], be.started[r], be.called_back, be.destroy_device, be.new_device);
	return 0;
}

#define STOP_AND_RESTART(ring, layout) \
static int \
ring_ ## ring ## _stops_and_restarts_ ## layout(struct front_end *fe) \
{ \
	return stop_and_restart(fe, &layout, ring); \
}

STOP_AND_RESTART(0, split)
STOP_AND_RESTART(1, split)
STOP_AND_RESTART(2, split)
STOP_AND_RESTART(3, split)
STOP_AND_RESTART(0, packed)
STOP_AND_RESTART(1, packed)
STOP_AND_RESTART(2, packed)
STOP_AND_RESTART(3, packed)

/*
 * The whole device went, and ring 0 with it. It must have been ring 1 that was stopped: with rings
 * 0 and 1 both ready librte_vhost calls new_device again at once.
 */
static int
device_is_down(struct front_end *fe)
{
	CHECK(be.destroy_device == 1 && be.new_device == 1, "destroy_device called %u times, "
		"new_device %u", be.destroy_device, be.new_device);
	CHECK(be.called_back == 0, "%u call-backs in a stop of the device", be.called_back);
	fe->ring[0].live = false;
	return untouched_while_flows(fe, 0, RINGS);
}

static int
without_attach_the_device_stops(struct front_end *fe)
{
	uint32_t base;

	be.attach = false;
	TRY(fe_start(fe, &(struct config){ .pairs = PAIRS }));
	TRY(ring_disable(fe, 1));
	TRY(get_base(fe, 1, &base));
	return device_is_down(fe);
}

static int
after_detach_the_device_stops(struct front_end *fe)
{
	uint32_t base;

	TRY(fe_start(fe, &split));
	vhost_ring_reset_detach(be.vid);
	CHECK(!vhost_ring_reset_negotiated(be.vid), "negotiated after detach");
	TRY(ring_disable(fe, 1));
	TRY(get_base(fe, 1, &base));
	return device_is_down(fe);
}

static int
without_the_bit_the_device_stops(struct front_end *fe)
{
	uint32_t base;

	TRY(fe_start(fe, &(struct config){ .pairs = PAIRS }));
	CHECK(!vhost_ring_reset_negotiated(be.vid), "negotiated without the bit");
	TRY(ring_disable(fe, 1));
	TRY(get_base(fe, 1, &base));
	return device_is_down(fe);
}

static int
enabled_ring_stops_the_device(struct front_end *fe)
{
	uint32_t base;

	TRY(fe_start(fe, &split));
	TRY(flows(fe, 2, 100));
	TRY(get_base(fe, 2, &base));
	TRY(ring_leave(fe, 2));
	CHECK(be.destroy_device == 1 && be.called_back == 0, "destroy_device called %u times, "
		"call-backs %u", be.destroy_device, be.called_back);
	return untouched_while_flows(fe, 2, RINGS);
}

static int
device_stop_passes_through(struct front_end *fe)
{
	TRY(fe_start(fe, &split));
	TRY(all_flow(fe));
	TRY(ring_stop(fe, 2));
	TRY(fe_stop(fe));
	CHECK(be.destroy_device == 1, "destroy_device called %u times", be.destroy_device);
	CHECK(be.called_back == 1, "%u call-backs", be.called_back);
	/* librte_vhost itself waits for the kick now. */
	TRY(tell_state(fe, SET_VRING_ENABLE, 2, 1, NULL));

	/* "features changed while device is running" is what a swallowed stop would bring. */
	fe->features &= ~F_MRG_RXBUF;
	TRY(fe_run(fe));
	CHECK(be.started[2] == 1 && be.called_back == 2,
		"ring stopped before the device: ring_started called %u times", be.started[2]);
	TRY(all_flow(fe));
	TRY(ring_stop(fe, 2));
	CHECK(be.destroy_device == 1, "the device was stopped by a ring's stop");
	return flows(fe, 0, 1000);
}

static int
without_status_a_ring_and_the_device_stop(struct front_end *fe)
{
	struct config conf = split;

	conf.no_status = true;
	TRY(fe_start(fe, &conf));
	TRY(ring_stop(fe, 2));
	CHECK(be.destroy_device == 0 && be.stopped[2] == 1, "ring not stopped alone");
	TRY(untouched_while_flows(fe, 2, 0));
	TRY(ring_start(fe, 2, 64));
	TRY(all_flow(fe));
	TRY(fe_stop(fe));
	CHECK(be.destroy_device == 1, "destroy_device called %u times", be.destroy_device);
	fe->features &= ~F_MRG_RXBUF;
	TRY(fe_run(fe));
	return all_flow(fe);
}

static int
without_enable_messages_the_device_stops(struct front_end *fe)
{
	uint32_t base;

	TRY(fe_start(fe, &(struct config){ .pairs = 1, .ack_reset = true, .no_enable = true }));
	TRY(flows(fe, 1, 100));
	TRY(get_base(fe, 1, &base));
	return device_is_down(fe);
}

static int
enable_before_kick_is_refused(struct front_end *fe)
{
	uint64_t answer;

	TRY(fe_start(fe, &split));
	TRY(flows(fe, 2, 100));
	TRY(ring_stop(fe, 2));
	TRY(tell_state(fe, SET_VRING_ENABLE, 2, 1, &answer));
	CHECK(answer != 0, "ENABLE 1 of a stopped ring was taken");
	TRY(untouched_while_flows(fe, 2, 0));
	CHECK(be.started[2] == 0, "ring_started called for a refused ENABLE 1");
	TRY(ring_start(fe, 2, 64));
	CHECK(be.started[2] == 1, "ring_started called %u times", be.started[2]);
	return all_flow(fe);
}

static int
enable_toggled_without_a_stop_calls_nobody(struct front_end *fe)
{
	TRY(fe_start(fe, &split));
	TRY(tell_state(fe, SET_VRING_ENABLE, 2, 0, NULL));
	TRY(tell_state(fe, SET_VRING_ENABLE, 2, 1, NULL));
	CHECK(be.called_back == 0, "%u call-backs", be.called_back);
	return all_flow(fe);
}

static int
idle_ring_is_a_success(struct front_end *fe, const struct config *conf)
{
	static const uint16_t idle[] = { 2, 3, 255 };
	struct config one_pair = *conf;
	unsigned int i;
	uint32_t base;

	one_pair.pairs = 1;
	TRY(fe_start(fe, &one_pair));
	for (i = 0; i < RTE_DIM(idle); i++) {
		TRY(get_base(fe, idle[i], &base));
		CHECK(base == (conf->packed ? 0x8000u : 0), "idle ring %u has base 0x%x",
			idle[i], base);
	}
	CHECK(be.called_back == 0 && be.destroy_device == 0, "%u call-backs, %u devices stopped",
		be.called_back, be.destroy_device);
	TRY(all_flow(fe));
	/* It starts like any other. */
	fe->rings = RINGS;
	TRY(ring_start(fe, 2, 64));
	TRY(ring_start(fe, 3, 64));
	be.pairs = PAIRS;
	CHECK(be.called_back == 0, "a call-back for the first start of a ring");
	return all_flow(fe);
}

static int
idle_ring_is_a_success_split(struct front_end *fe)
{
	return idle_ring_is_a_success(fe, &split);
}

static int
idle_ring_is_a_success_packed(struct front_end *fe)
{
	return idle_ring_is_a_success(fe, &packed);
}

static int
index_out_of_range_is_refused(struct front_end *fe)
{
	static const uint32_t bad[] = { 256, UINT32_MAX };
	unsigned int i;
	uint32_t base;

	for (i = 0; i < RTE_DIM(bad); i++) {
		TRY(fe_start(fe, &split));
		CHECK(get_base(fe, bad[i], &base) != 0, "ring %u has a base", bad[i]);
		/* By the back-end: that is how librte_vhost refuses what has an answer. */
		TRY(becomes("closed connections", &be.destroy_connection, i + 1));
		TRY(fe_close(fe));
	}
	CHECK(be.called_back == 0, "%u call-backs", be.called_back);
	TRY(fe_start(fe, &split));
	return all_flow(fe);
}

static int
reset_owner_forgets_the_bit(struct front_end *fe)
{
	struct message msg = { .request = RESET_OWNER };

	TRY(fe_start(fe, &split));
	TRY(ring_stop(fe, 2));
	TRY(tell(fe, &msg, -1, NULL));
	CHECK(!vhost_ring_reset_negotiated(be.vid), "negotiated after RESET_OWNER");
	CHECK(be.destroy_device == 1, "destroy_device called %u times", be.destroy_device);
	return 0;
}

static int
next_connection_starts_afresh(struct front_end *fe)
{
	uint64_t answer;
	int vid;

	TRY(fe_start(fe, &split));
	TRY(ring_stop(fe, 2));
	vid = be.vid;
	TRY(fe_close(fe));
	CHECK(!vhost_ring_reset_negotiated(vid), "negotiated after the connection's end");

	TRY(fe_connect(fe));
	CHECK(be.vid == vid, "vid %d is not used again: %d", vid, be.vid);
	CHECK(!vhost_ring_reset_negotiated(vid), "negotiated by the connection before");
	fe->reply_ack = true;
	TRY(tell_state(fe, SET_VRING_ENABLE, 2, 1, &answer));
	CHECK(answer == 0, "ring stopped by the connection before");
	CHECK(be.called_back == 1, "ring_started for a stop of the connection before");
	return 0;
}

static int
call_backs_may_be_null(struct front_end *fe)
{
	static const struct vhost_ring_reset_notify none;
	const struct vhost_ring_reset_notify *notify[] = { NULL, &none };
	unsigned int i;

	for (i = 0; i < RTE_DIM(notify); i++) {
		be.notify = notify[i];
		TRY(fe_start(fe, &split));
		TRY(ring_stop(fe, 2));
		TRY(untouched_while_flows(fe, 2, 0));
		TRY(ring_start(fe, 2, 64));
		TRY(all_flow(fe));
		TRY(fe_close(fe));
	}
	return 0;
}

/* rte_vhost_driver_unregister() does not call destroy_connection: nothing detaches. */
static int
vid_used_again_without_detach(struct front_end *fe)
{
	int vid;

	TRY(fe_start(fe, &split));
	TRY(ring_stop(fe, 2));
	vid = be.vid;
	CHECK(rte_vhost_driver_unregister(be.path) == 0, "unregister");
	CHECK(be.destroy_connection == 0, "destroy_connection is called after all");
	be.new_connection = 0;
	TRY(fe_close(fe));

	TRY(be_start());
	TRY(fe_connect(fe));
	CHECK(be.vid == vid && be.attach_result == 0, "vid %d after %d, attach: %d", be.vid, vid,
		be.attach_result);
	CHECK(!vhost_ring_reset_negotiated(vid), "negotiated by the connection before");
	TRY(fe_close(fe));
	TRY(fe_start(fe, &split));
	TRY(ring_stop(fe, 2));
	TRY(ring_start(fe, 2, 64));
	return all_flow(fe);
}

static int
wrong_attach_is_refused(struct front_end *fe)
{
	int ret;

	ret = vhost_ring_reset_attach(-1, NULL, NULL);
	CHECK(ret == -EINVAL, "vid -1: %d", ret);
	ret = vhost_ring_reset_attach(RTE_MAX_VHOST_DEVICE, NULL, NULL);
	CHECK(ret == -EINVAL, "vid %d: %d", RTE_MAX_VHOST_DEVICE, ret);
	ret = vhost_ring_reset_attach(RTE_MAX_VHOST_DEVICE - 1, NULL, NULL);
	CHECK(ret == -ENODEV, "vid of no device: %d", ret);
	CHECK(!vhost_ring_reset_negotiated(-1), "vid -1 negotiated");
	CHECK(!vhost_ring_reset_negotiated(RTE_MAX_VHOST_DEVICE), "vid %d negotiated",
		RTE_MAX_VHOST_DEVICE);
	vhost_ring_reset_detach(-1);
	vhost_ring_reset_detach(RTE_MAX_VHOST_DEVICE);

	TRY(fe_start(fe, &split));
	ret = vhost_ring_reset_attach(be.vid, NULL, NULL);
	CHECK(ret == -EBUSY, "a device with rings: %d", ret);
	TRY(ring_stop(fe, 2));
	CHECK(be.stopped[2] == 1, "the refused attach took the call-backs away");
	return 0;
}

static int
toggled_under_load(struct front_end *fe, const struct config *conf)
{
	static const uint16_t sizes[] = { 64, 256, 128 };
	const unsigned int rounds = 300;
	unsigned int i;

	TRY(fe_start(fe, conf));
	for (i = 0; i < rounds; i++) {
		unsigned int r = 1 + i % 3;

		TRY(flows(fe, r, 1 + i % 200));
		TRY(ring_stop(fe, r));
		TRY(flows(fe, 0, 50));
		TRY(ring_start(fe, r, sizes[i % RTE_DIM(sizes)]));
	}
	CHECK(be.called_back == 2 * rounds, "%u call-backs in %u rounds", be.called_back, rounds);
	for (i = 1; i < RINGS; i++)
		CHECK(be.stopped[i] == rounds / 3 && be.started[i] == rounds / 3,
			"ring %u: stopped %u, started %u times", i, be.stopped[i], be.started[i]);
	CHECK(be.destroy_device == 0 && be.new_device == 1, "the device was stopped");
	return all_flow(fe);
}

static int
toggled_under_load_split(struct front_end *fe)
{
	return toggled_under_load(fe, &split);
}

static int
toggled_under_load_packed(struct front_end *fe)
{
	return toggled_under_load(fe, &packed);
}

#define CASE(name) { #name, name }
static const struct {
	const char *name;
	int (*run)(struct front_end *fe);
} cases[] = {
	CASE(bit_offered_only_when_attached),
	CASE(acknowledged_and_traffic_flows),
	CASE(refused_features_are_not_negotiated),
	CASE(ring_0_stops_and_restarts_split),
	CASE(ring_1_stops_and_restarts_split),
	CASE(ring_2_stops_and_restarts_split),
	CASE(ring_3_stops_and_restarts_split),
	CASE(ring_0_stops_and_restarts_packed),
	CASE(ring_1_stops_and_restarts_packed),
	CASE(ring_2_stops_and_restarts_packed),
	CASE(ring_3_stops_and_restarts_packed),
	CASE(without_attach_the_device_stops),
	CASE(after_detach_the_device_stops),
	CASE(without_the_bit_the_device_stops),
	CASE(enabled_ring_stops_the_device),
	CASE(device_stop_passes_through),
	CASE(without_status_a_ring_and_the_device_stop),
	CASE(without_enable_messages_the_device_stops),
	CASE(enable_before_kick_is_refused),
	CASE(enable_toggled_without_a_stop_calls_nobody),
	CASE(idle_ring_is_a_success_split),
	CASE(idle_ring_is_a_success_packed),
	CASE(index_out_of_range_is_refused),
	CASE(reset_owner_forgets_the_bit),
	CASE(next_connection_starts_afresh),
	CASE(vid_used_again_without_detach),
	CASE(call_backs_may_be_null),
	CASE(wrong_attach_is_refused),
	CASE(toggled_under_load_split),
	CASE(toggled_under_load_packed),
};

static const char *watched = "start";

static void
watchdog(int sig __rte_unused)
{
	dprintf(STDOUT_FILENO, "FAILED %s: hangs, a deadlock\n", watched);
	unlink(be.path);
	rmdir(be.dir);
	_exit(1);
}

/* Counters to zero before, the connection gone after: no case sees another one's. */
static int
run_case(struct front_end *fe, int (*run)(struct front_end *fe))
{
	char reason[sizeof(why)];
	unsigned int r;
	int ret;

	for (r = 0; r < RINGS; r++) {
		be.stopped[r] = be.started[r] = 0;
		fe->ring[r] = (struct ring){ .kick = fe->ring[r].kick, .call = fe->ring[r].call };
	}
	be.called_back = be.new_device = be.destroy_device = 0;
	be.new_connection = be.destroy_connection = 0;
	be.attach = true;
	be.notify = &notify_both;

	ret = run(fe);
	if (ret == 0)
		return fe_close(fe);
	/* The first reason is the one to tell, whatever comes of closing. */
	memcpy(reason, why, sizeof(why));
	fe_close(fe);
	memcpy(why, reason, sizeof(why));
	return ret;
}

static int
run_cases(void)
{
	struct front_end fe = { .fd = -1 };
	unsigned int i, r, n_failed = 0;

	for (r = 0; r < RINGS; r++) {
		fe.ring[r].kick = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		fe.ring[r].call = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		if (fe.ring[r].kick < 0 || fe.ring[r].call < 0) {
			perror("eventfd");
			return -1;
		}
	}
	for (i = 0; i < RTE_DIM(cases); i++) {
		watched = cases[i].name;
		alarm(3 * LIMIT_SECONDS);
		if (run_case(&fe, cases[i].run) == 0) {
			printf("ok %s\n", cases[i].name);
		} else {
			printf("FAILED %s: %s\n", cases[i].name, why);
			n_failed++;
		}
		fflush(stdout);
	}
	alarm(0);
	for (r = 0; r < RINGS; r++) {
		close(fe.ring[r].kick);
		close(fe.ring[r].call);
	}
	printf("%u passed, %u failed\n", i - n_failed, n_failed);
	return n_failed == 0 ? 0 : -1;
}

static int
eal_start(const char *program)
{
	char prefix[32], lcores[32];
	char *argv[] = { (char *)(uintptr_t)program, "--no-huge", "-m", "256", "--no-pci",
		"--no-telemetry", "--no-shconf", "--file-prefix", prefix, "--lcores", lcores,
		"--log-level", "lib.vhost*:critical", NULL };
	cpu_set_t cpus;
	int cpu = 0, ret;

	sched_getaffinity(0, sizeof(cpus), &cpus);
	while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET(cpu, &cpus))
		cpu++;
	snprintf(prefix, sizeof(prefix), "vhost_ring_reset_%d", getpid());
	snprintf(lcores, sizeof(lcores), "0@%d", cpu);
	ret = rte_eal_init(RTE_DIM(argv) - 1, argv);
	/* EAL pins this thread, and the data thread would inherit that. */
	sched_setaffinity(0, sizeof(cpus), &cpus);
	return ret;
}

int
main(int argc __rte_unused, char **argv)
{
	char runtime_dir[PATH_MAX];
	pthread_t thread;
	int ret = -1;

	signal(SIGALRM, watchdog);
	if (eal_start(argv[0]) < 0) {
		fprintf(stderr, "EAL does not start: %s\n", rte_strerror(rte_errno));
		return 1;
	}
	snprintf(runtime_dir, sizeof(runtime_dir), "%s", rte_eal_get_runtime_dir());

	strcpy(be.dir, "/tmp/vhost_ring_reset.XXXXXX");
	memory_fd = memfd_create("vhost_ring_reset", MFD_CLOEXEC);
	if (mkdtemp(be.dir) == NULL || memory_fd < 0 || ftruncate(memory_fd, MEMORY_SIZE) != 0) {
		perror("socket folder and shared memory");
		return 1;
	}
	snprintf(be.path, sizeof(be.path), "%s/socket", be.dir);
	memory = mmap(NULL, MEMORY_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, memory_fd, 0);
	be.pool = rte_pktmbuf_pool_create("vhost_ring_reset", 1023, 0, 0,
		RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	be.serving = -1;
	if (memory == MAP_FAILED || be.pool == NULL || be_start() != 0) {
		fprintf(stderr, "no memory, no mbuf pool or no socket: %s\n", why);
	} else if (pthread_create(&thread, NULL, data_thread, NULL) != 0) {
		fprintf(stderr, "no data thread\n");
	} else {
		ret = run_cases();
		be.quit = true;
		pthread_join(thread, NULL);
		rte_vhost_driver_unregister(be.path);
		if (rte_mempool_avail_count(be.pool) != 1023) {
			printf("FAILED mbufs: %u of 1023 are back\n",
				rte_mempool_avail_count(be.pool));
			ret = -1;
		}
	}
	unlink(be.path);
	rmdir(be.dir);
	rte_eal_cleanup();
	rmdir(runtime_dir);
	return ret == 0 ? 0 : 1;
}
