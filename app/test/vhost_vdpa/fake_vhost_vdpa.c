/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <linux/vhost.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "fake_vhost_vdpa.h"
#include "test.h"
#include "vhost_kernel_ioctl.h"

/* In no header of older systems. */
#ifndef VHOST_VDPA_SUSPEND
#define VHOST_VDPA_SUSPEND _IO(VHOST_VIRTIO, 0x7D)
#endif
#ifndef VHOST_VDPA_RESUME
#define VHOST_VDPA_RESUME _IO(VHOST_VIRTIO, 0x7E)
#endif

#define DRIVER_OK  4
#define RING_RESET (UINT64_C(1) << 40)
#define PERSIST    (UINT64_C(1) << 8)

static struct fake_vhost_vdpa *fake;
static struct vhost_kernel_calls kernel;

static void
record(const char *format, ...)
{
	const size_t used = strlen(fake->record);
	va_list args;

	va_start(args, format);
	vsnprintf(fake->record + used, sizeof(fake->record) - used, format, args);
	va_end(args);
}

static const unsigned long requests[FAKE_VDPA_REQUESTS] = {
	[FAKE_VDPA_ID] = VHOST_VDPA_GET_DEVICE_ID,
	[FAKE_VDPA_COUNT] = VHOST_VDPA_GET_VQS_COUNT,
	[FAKE_VDPA_STATUS] = VHOST_VDPA_SET_STATUS,
	[FAKE_VDPA_SUSPEND] = VHOST_VDPA_SUSPEND,
	[FAKE_VDPA_BASE] = VHOST_SET_VRING_BASE,
	[FAKE_VDPA_ADDR] = VHOST_SET_VRING_ADDR,
	[FAKE_VDPA_ENABLE] = VHOST_VDPA_SET_VRING_ENABLE,
	[FAKE_VDPA_RESUME] = VHOST_VDPA_RESUME,
};

static bool
is_to_fail(enum fake_vdpa_request request)
{
	return request != FAKE_VDPA_NONE &&
	       (fake->fail == request || fake->fail_too == request);
}

static int
fails(enum fake_vdpa_request request)
{
	return ++fake->calls == fake->fail_call || is_to_fail(request) ? fake->fail_error : 0;
}

static int
fake_open(const char *path)
{
	const int error = fails(FAKE_VDPA_OPEN);

	if (error != 0)
		return error;
	CHECK(strcmp(path, FAKE_VDPA_PATH) == 0);
	fake->fd = eventfd(0, EFD_CLOEXEC);
	CHECK(fake->fd >= 0);
	/* The kernel resets a device that is opened, and a closed one has no mappings. */
	fake->status = 0;
	fake->suspended = false;
	fake->nb_maps = 0;
	record("OPEN, ");
	return fake->fd;
}

static bool
runs(void)
{
	return (fake->status & DRIVER_OK) && !fake->suspended;
}

static bool
is_packed(void)
{
	return fake->acked & UINT64_C(1) << 34;
}

static int
set_addr(const struct vhost_vring_addr *addr)
{
	struct fake_vdpa_ring *ring = &fake->ring[addr->index];

	CHECK(!runs());
	/* No part lies in another. */
	CHECK(addr->avail_user_addr >= addr->desc_user_addr + 16 * ring->size);
	CHECK(fake_vdpa_has(fake, addr->desc_user_addr, 16 * ring->size));
	CHECK(fake_vdpa_has(fake, addr->avail_user_addr, is_packed() ? 4 : 6 + 2 * ring->size));
	CHECK(fake_vdpa_has(fake, addr->used_user_addr, is_packed() ? 4 : 6 + 8 * ring->size));
	ring->desc = addr->desc_user_addr;
	record("ADDR %u, ", addr->index);
	return 0;
}

static int
set_enable(const struct vhost_vring_state *state)
{
	struct fake_vdpa_ring *ring = &fake->ring[state->index];

	CHECK(!runs());
	/* As vdpa_sim does: a ring that is enabled keeps its addresses. */
	if (state->num == 0)
		ring->in_use = 0;
	else if (ring->in_use == 0)
		ring->in_use = ring->desc;
	record("%s %u, ", state->num != 0 ? "ON" : "OFF", state->index);
	return 0;
}

static int
set_status(uint8_t status)
{
	if (status == 0) {
		fake->suspended = false;
		memset(fake->ring, 0, sizeof(fake->ring));
	} else {
		CHECK((fake->status & ~status) == 0);
	}
	if (status != 0 || !fake->late_reset)
		fake->status = status;
	record("STATUS %u, ", status);
	return 0;
}

static int
get_status(uint8_t *status)
{
	*status = fake->status;
	fake->status_reads++;
	if (fake->late_reset)
		fake->status = 0;
	fake->late_reset = false;
	return 0;
}

static int
vring_request(unsigned long request, void *arg)
{
	const struct vhost_vring_state *state = arg;
	const struct vhost_vring_file *file = arg;

	CHECK(state->index < fake->nb_rings);
	switch (request) {
	case VHOST_SET_VRING_NUM:
		/* Taken by the kernel at any time, and not by devices. */
		CHECK(!(fake->status & DRIVER_OK));
		fake->ring[state->index].size = state->num;
		record("NUM %u=%u, ", state->index, state->num);
		return 0;
	case VHOST_SET_VRING_BASE:
		CHECK(!runs());
		fake->ring[state->index].base = state->num;
		record("BASE %u, ", state->index);
		return 0;
	case VHOST_SET_VRING_ADDR:
		return set_addr(arg);
	case VHOST_SET_VRING_KICK:
		CHECK(file->fd >= 0);
		fake->ring[file->index].kick_fd = file->fd;
		return 0;
	case VHOST_SET_VRING_CALL:
		CHECK(file->fd >= 0);
		fake->ring[file->index].call_fd = file->fd;
		return 0;
	case VHOST_VDPA_SET_VRING_ENABLE:
		return set_enable(arg);
	default:
		test_fail(__FILE__, __LINE__, "unknown request 0x%lx", request);
	}
}

static int
get_config(struct vhost_vdpa_config *config)
{
	CHECK(config->off + config->len <= sizeof(fake->config));
	memcpy(config + 1, fake->config + config->off, config->len);
	return 0;
}

static int
set_backend_features(uint64_t features)
{
	CHECK((features & ~fake->backend_features) == 0);
	fake->backend_acked = features;
	record("BACKEND 0x%llx, ", (unsigned long long)features);
	return 0;
}

static int
device_request(unsigned long request, void *arg)
{
	switch (request) {
	case VHOST_VDPA_GET_DEVICE_ID:
		*(uint32_t *)arg = fake->device_id;
		return 0;
	case VHOST_SET_OWNER:
		record("OWNER, ");
		return 0;
	case VHOST_GET_FEATURES:
		*(uint64_t *)arg = fake->features;
		return 0;
	case VHOST_SET_FEATURES:
		fake->acked = *(const uint64_t *)arg;
		/* There is no request for what it stands for. */
		CHECK(!(fake->acked & RING_RESET));
		record("FEATURES, ");
		return 0;
	case VHOST_GET_BACKEND_FEATURES:
		*(uint64_t *)arg = fake->backend_features;
		return 0;
	case VHOST_SET_BACKEND_FEATURES:
		return set_backend_features(*(const uint64_t *)arg);
	case VHOST_VDPA_GET_VRING_NUM:
		*(uint16_t *)arg = 256;
		return 0;
	case VHOST_VDPA_GET_VQS_COUNT:
		*(uint32_t *)arg = fake->nb_rings;
		return 0;
	case VHOST_VDPA_GET_CONFIG_SIZE:
		*(uint32_t *)arg = sizeof(fake->config);
		return 0;
	case VHOST_VDPA_GET_IOVA_RANGE:
		*(struct vhost_vdpa_iova_range *)arg = (struct vhost_vdpa_iova_range){
			.first = fake->first, .last = fake->last,
		};
		return 0;
	case VHOST_VDPA_GET_CONFIG:
		return get_config(arg);
	case VHOST_VDPA_SET_CONFIG_CALL:
		fake->config_fd = *(const int *)arg;
		return 0;
	case VHOST_VDPA_SET_STATUS:
		return set_status(*(const uint8_t *)arg);
	case VHOST_VDPA_GET_STATUS:
		return get_status(arg);
	case VHOST_VDPA_SUSPEND:
		CHECK(fake->status & DRIVER_OK);
		fake->suspended = true;
		record("SUSPEND, ");
		return 0;
	case VHOST_VDPA_RESUME:
		fake->suspended = false;
		record("RESUME, ");
		return 0;
	default:
		return vring_request(request, arg);
	}
}

static int
fake_ioctl(int fd, unsigned long request, void *arg)
{
	enum fake_vdpa_request kind;
	int ret;

	CHECK_EQ(fd, fake->fd);
	for (kind = FAKE_VDPA_REQUESTS - 1; kind > FAKE_VDPA_NONE; kind--) {
		if (requests[kind] == request)
			break;
	}
	ret = fails(kind);
	return ret != 0 ? ret : device_request(request, arg);
}

static int
add_map(const struct vhost_iotlb_msg *msg)
{
	unsigned int i;

	/* By virtual address, whatever EAL's mode is. */
	CHECK_EQ(msg->iova, msg->uaddr);
	CHECK_EQ(msg->perm, VHOST_ACCESS_RW);
	if (++fake->maps == fake->fail_map || is_to_fail(FAKE_VDPA_MAP))
		return fake->fail_error;
	if (msg->iova < fake->first || msg->iova + msg->size - 1 > fake->last)
		return -EFAULT;
	for (i = 0; i < fake->nb_maps; i++) {
		if (msg->iova < fake->map[i].addr + fake->map[i].len &&
		    fake->map[i].addr < msg->iova + msg->size)
			return -EFAULT;
	}
	CHECK(fake->nb_maps < FAKE_VDPA_MAPS);
	fake->map[fake->nb_maps].addr = msg->iova;
	fake->map[fake->nb_maps++].len = msg->size;
	return 0;
}

/* Each mapping that overlaps goes as a whole. */
static void
remove_maps(uint64_t addr, uint64_t len)
{
	unsigned int i = 0;

	while (i < fake->nb_maps) {
		if (addr < fake->map[i].addr + fake->map[i].len &&
		    fake->map[i].addr < addr + len)
			fake->map[i] = fake->map[--fake->nb_maps];
		else
			i++;
	}
}

static int
fake_write(int fd, const void *from, size_t len)
{
	const struct vhost_msg_v2 *msg = from;
	const int ret = fails(FAKE_VDPA_NONE);

	CHECK_EQ(fd, fake->fd);
	CHECK_EQ(len, sizeof(*msg));
	CHECK_EQ(msg->type, VHOST_IOTLB_MSG_V2);
	if (ret != 0)
		return ret;
	switch (msg->iotlb.type) {
	case VHOST_IOTLB_BATCH_BEGIN:
	case VHOST_IOTLB_BATCH_END:
		CHECK(fake->backend_acked & UINT64_C(1) << VHOST_BACKEND_F_IOTLB_BATCH);
		fake->batch = msg->iotlb.type == VHOST_IOTLB_BATCH_BEGIN;
		record("%s, ", fake->batch ? "BEGIN" : "END");
		return 0;
	case VHOST_IOTLB_UPDATE:
		return add_map(&msg->iotlb);
	case VHOST_IOTLB_INVALIDATE:
		if (fake->fail == FAKE_VDPA_UNMAP)
			return fake->fail_error;
		remove_maps(msg->iotlb.iova, msg->iotlb.size);
		return 0;
	default:
		test_fail(__FILE__, __LINE__, "unknown message %u", msg->iotlb.type);
	}
}

void
fake_vdpa_begin(struct fake_vhost_vdpa *vdpa)
{
	*vdpa = (struct fake_vhost_vdpa){
		.device_id = 1, .nb_rings = 4, .last = UINT64_MAX, .fail_error = -EIO,
		/* MAC, STATUS, VERSION_1, ACCESS_PLATFORM, RING_PACKED, RING_RESET. */
		.features = UINT64_C(1) << 5 | UINT64_C(1) << 16 | UINT64_C(1) << 32 |
			    UINT64_C(1) << 33 | UINT64_C(1) << 34 | RING_RESET,
		/* All but DESC_ASID, with what this driver does not use. */
		.backend_features = 0x17e,
		.config = { 0x02, 0, 0, 0, 0, 0x07, 1 },
		.fd = -1, .config_fd = -1,
	};
	fake = vdpa;
	kernel = vhost_kernel_calls;
	vhost_kernel_calls = (struct vhost_kernel_calls){
		.open = fake_open, .ioctl = fake_ioctl, .write = fake_write,
	};
}

void
fake_vdpa_end(void)
{
	vhost_kernel_calls = kernel;
}

void
fake_vdpa_check(struct fake_vhost_vdpa *vdpa, const char *wanted)
{
	const size_t len = strlen(vdpa->record);

	/* Without the last ", ". */
	if (len > 0)
		vdpa->record[len - 2] = '\0';
	if (strcmp(vdpa->record, wanted) != 0)
		test_fail(__FILE__, __LINE__, "requests are \"%s\", not \"%s\"", vdpa->record,
			  wanted);
	vdpa->record[0] = '\0';
}

bool
fake_vdpa_has(const struct fake_vhost_vdpa *vdpa, uint64_t addr, uint64_t len)
{
	const uint64_t end = addr + len;
	unsigned int i = 0;

	while (addr < end && i < vdpa->nb_maps) {
		if (addr - vdpa->map[i].addr < vdpa->map[i].len) {
			addr = vdpa->map[i].addr + vdpa->map[i].len;
			i = 0;
		} else {
			i++;
		}
	}
	return addr >= end;
}

uint64_t
fake_vdpa_kicks(struct fake_vhost_vdpa *vdpa, unsigned int index)
{
	uint64_t count = 0;

	/* Not blocking: nothing is read where there was none. */
	if (read(vdpa->ring[index].kick_fd, &count, sizeof(count)) < 0)
		CHECK_EQ(errno, EAGAIN);
	return count;
}

void
fake_vdpa_set_config(struct fake_vhost_vdpa *vdpa, unsigned int offset, uint16_t value)
{
	const uint64_t one = 1;

	vdpa->config[offset] = value & 0xff;
	vdpa->config[offset + 1] = value >> 8;
	CHECK_EQ(write(vdpa->config_fd, &one, sizeof(one)), sizeof(one));
}
