/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_cycles.h>

#include "null_device.h"
#include "null_ring.h"
#include "socket_path.h"

#define FDS_MAX 8u
#define RING_MAX 32768u
#define READY_MS 5000u

/* The vhost-user protocol's. */
#define VERSION 0x1u
#define FLAG_REPLY 0x4u
#define FLAG_NEED_REPLY 0x8u
#define PROTOCOL_F_REPLY_ACK 3
#define VRING_INDEX 0xffu

enum request {
	GET_FEATURES = 1, SET_FEATURES = 2, SET_OWNER = 3, RESET_OWNER = 4, SET_MEM_TABLE = 5,
	SET_VRING_NUM = 8, SET_VRING_ADDR = 9, SET_VRING_BASE = 10, GET_VRING_BASE = 11,
	SET_VRING_KICK = 12, SET_VRING_CALL = 13, SET_VRING_ERR = 14, GET_PROTOCOL_FEATURES = 15,
	SET_PROTOCOL_FEATURES = 16, GET_QUEUE_NUM = 17, SET_VRING_ENABLE = 18,
};

struct header {
	uint32_t request;
	uint32_t flags;
	uint32_t size;
};

/* As it is on the wire: the payload follows its header at once. */
struct message {
	struct header header;
	union {
		uint64_t u64;
		struct {
			uint32_t index;
			uint32_t num;
		} state;
		struct {
			uint32_t index;
			uint32_t flags;
			uint64_t desc;
			uint64_t used;
			uint64_t avail;
			uint64_t log;
		} addr;
		uint8_t bytes[512];	/* holds a table of eight memory regions */
	} payload;
} __attribute__((packed));

#define BIT(n) (UINT64_C(1) << (n))
#define F_MRG_RXBUF 15
#define F_VERSION_1 32
#define F_RING_PACKED 34

/*
 * librte_vhost's, so that both drivers take the branches that they take there: checksums, TSO and
 * UFO both ways, GUEST_ANNOUNCE, MTU, CTRL_VQ, CTRL_RX, MQ, ANY_LAYOUT, INDIRECT_DESC,
 * PROTOCOL_FEATURES, IN_ORDER and those above.
 */
static const uint64_t features_offered = BIT(0) | BIT(1) | BIT(3) | BIT(7) | BIT(8) | BIT(9) |
	BIT(10) | BIT(11) | BIT(12) | BIT(13) | BIT(14) | BIT(F_MRG_RXBUF) | BIT(17) | BIT(18) |
	BIT(21) | BIT(22) | BIT(27) | BIT(28) | BIT(30) | BIT(F_VERSION_1) | BIT(F_RING_PACKED) |
	BIT(35);

static struct {
	int listen_fd;
	struct socket_path_file file;
	int fd;
	uint64_t features;
	struct null_ring rings[2];
	struct null_buffer held[2][RING_MAX];
} device;

static bool
receive_all(void *buffer, size_t size)
{
	return size == 0 || recv(device.fd, buffer, size, MSG_WAITALL) == (ssize_t)size;
}

/* What comes with a message as a descriptor is not needed: its address is ours, nobody sleeps. */
static void
close_descriptors(struct msghdr *head)
{
	struct cmsghdr *cmsg;
	int fds[FDS_MAX];
	size_t i, n;

	for (cmsg = CMSG_FIRSTHDR(head); cmsg != NULL; cmsg = CMSG_NXTHDR(head, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		n = RTE_MIN((cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int), (size_t)FDS_MAX);
		memcpy(fds, CMSG_DATA(cmsg), n * sizeof(int));
		for (i = 0; i < n; i++)
			close(fds[i]);
	}
}

static bool
receive_message(struct message *message)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control;
	struct iovec iov = { &message->header, sizeof(message->header) };
	struct msghdr head = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};

	if (recvmsg(device.fd, &head, MSG_WAITALL) != sizeof(message->header))
		return false;
	close_descriptors(&head);
	if (message->header.size > sizeof(message->payload)) {
		fprintf(stderr, "null device: a message of %u bytes\n", message->header.size);
		return false;
	}
	return receive_all(&message->payload, message->header.size);
}

static bool
reply(struct message *message, uint32_t size)
{
	size_t length = sizeof(message->header) + size;

	message->header.flags = VERSION | FLAG_REPLY;
	message->header.size = size;
	return send(device.fd, message, length, MSG_NOSIGNAL) == (ssize_t)length;
}

static void
update_live(struct null_ring *ring)
{
	bool live = ring->started && ring->enabled;

	if (live && !atomic_load(&ring->live)) {
		ring->packed = (device.features & BIT(F_RING_PACKED)) != 0;
		ring->header = (device.features & (BIT(F_MRG_RXBUF) | BIT(F_VERSION_1))) != 0 ?
			12 : 10;
		null_ring_silence(ring);
	}
	atomic_store(&ring->live, live);
}

/* Messages about one ring. */
static int
handle_ring(struct message *message)
{
	uint32_t index = message->payload.state.index & VRING_INDEX;
	struct null_ring *ring;
	uint16_t base;

	/* Rings of a control queue or of more pairs are not served. */
	if (index >= RTE_DIM(device.rings))
		return message->header.request == GET_VRING_BASE ? -EINVAL : 0;
	ring = &device.rings[index];
	switch (message->header.request) {
	case SET_VRING_NUM:
		if (message->payload.state.num > RING_MAX)
			return -EINVAL;
		ring->size = message->payload.state.num;
		ring->held = device.held[index];
		break;
	case SET_VRING_ADDR:
		/* The front-end's addresses, and this is its process. */
		ring->desc = (void *)(uintptr_t)message->payload.addr.desc;
		ring->driver = (void *)(uintptr_t)message->payload.addr.avail;
		ring->device = (void *)(uintptr_t)message->payload.addr.used;
		break;
	case SET_VRING_BASE:
		base = message->payload.state.num;
		if (device.features & BIT(F_RING_PACKED))
			null_ring_begin(ring, base & 0x7fff, (base & 0x8000) != 0);
		else
			null_ring_begin(ring, base, true);
		break;
	case SET_VRING_ENABLE:
		ring->enabled = message->payload.state.num != 0;
		update_live(ring);
		break;
	case SET_VRING_KICK:
		ring->started = true;
		update_live(ring);
		break;
	case GET_VRING_BASE:
		ring->started = false;
		update_live(ring);
		message->payload.state.num = ring->next;
		if (device.features & BIT(F_RING_PACKED))
			message->payload.state.num |= ring->wrap ? 0x8000 : 0;
		break;
	}
	return 0;
}

static bool
handle(struct message *message)
{
	const bool acknowledge = (message->header.flags & FLAG_NEED_REPLY) != 0;
	int ret = 0;

	switch (message->header.request) {
	case GET_FEATURES:
		message->payload.u64 = features_offered;
		return reply(message, sizeof(uint64_t));
	case GET_PROTOCOL_FEATURES:
		message->payload.u64 = BIT(PROTOCOL_F_REPLY_ACK);
		return reply(message, sizeof(uint64_t));
	case GET_QUEUE_NUM:
		message->payload.u64 = RTE_DIM(device.rings) / 2;
		return reply(message, sizeof(uint64_t));
	case GET_VRING_BASE:
		if (handle_ring(message) != 0)
			return false;
		return reply(message, sizeof(message->payload.state));
	case SET_FEATURES:
		device.features = message->payload.u64;
		break;
	case SET_VRING_NUM:
	case SET_VRING_ADDR:
	case SET_VRING_BASE:
	case SET_VRING_KICK:
	case SET_VRING_ENABLE:
		ret = handle_ring(message);
		break;
	case SET_OWNER:
	case RESET_OWNER:
	case SET_MEM_TABLE:
	case SET_PROTOCOL_FEATURES:
	case SET_VRING_CALL:
	case SET_VRING_ERR:
		break;
	default:
		ret = -ENOTSUP;
		break;
	}
	if (!acknowledge)
		return true;
	message->payload.u64 = ret != 0;
	return reply(message, sizeof(uint64_t));
}

/* Ends with the process, or with the connection. There is one connection only. */
static void *
talk(void *path)
{
	struct message message;

	device.fd = accept4(device.listen_fd, NULL, NULL, SOCK_CLOEXEC);
	close(device.listen_fd);
	socket_path_release(path, &device.file, unlink);
	if (device.fd < 0)
		return NULL;
	while (receive_message(&message) && handle(&message))
		;
	close(device.fd);
	return NULL;
}

int
null_device_start(const char *path, enum null_order order)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	pthread_t thread;
	int ret;

	device.rings[0].order = order;
	device.rings[1].order = order;
	ret = socket_path_claim(path, "--null");
	if (ret != 0)
		return ret;
	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	device.listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (device.listen_fd < 0 ||
			bind(device.listen_fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		ret = -errno;
		fprintf(stderr, "--null %s: %s\n", path, strerror(-ret));
		return ret;
	}
	socket_path_note(path, &device.file);
	if (listen(device.listen_fd, 1) != 0) {
		ret = -errno;
		fprintf(stderr, "--null %s: %s\n", path, strerror(-ret));
		socket_path_release(path, &device.file, unlink);
		return ret;
	}
	ret = -pthread_create(&thread, NULL, talk, (void *)(uintptr_t)path);
	if (ret != 0) {
		fprintf(stderr, "no thread for the null device: %s\n", strerror(-ret));
		socket_path_release(path, &device.file, unlink);
		return ret;
	}
	pthread_detach(thread);
	return 0;
}

bool
null_device_wait(void)
{
	uint32_t ms;

	for (ms = 0; ms < READY_MS; ms++) {
		if (atomic_load(&device.rings[0].live) && atomic_load(&device.rings[1].live))
			return true;
		rte_delay_us_sleep(1000);
	}
	fprintf(stderr, "null device: the rings were not started within %u s\n", READY_MS / 1000);
	return false;
}

uint32_t
null_device_give(const struct options *options, uint32_t n)
{
	return null_ring_turn(&device.rings[0], n, options->sizes, options->n_sizes);
}

uint32_t
null_device_take(void)
{
	return null_ring_turn(&device.rings[1], UINT32_MAX, NULL, 0);
}
