/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <linux/vhost.h>
#include <string.h>
#include <sys/ioctl.h>

#include <rte_common.h>

#include "no_kernel.h"
#include "vdpa_kernel.h"
#include "vhost_kernel_ioctl.h"

/* In no header of older systems. */
#ifndef VHOST_VDPA_SUSPEND
#define VHOST_VDPA_SUSPEND _IO(VHOST_VIRTIO, 0x7D)
#endif
#ifndef VHOST_VDPA_RESUME
#define VHOST_VDPA_RESUME _IO(VHOST_VIRTIO, 0x7E)
#endif

#define MAX_RINGS 256
#define MAX_MAPS 64
#define CONFIG_SIZE 64
#define DRIVER_OK 4
#define RING_RESET (UINT64_C(1) << 40)

/* The next byte of an input for which the status reads as the byte after it says. */
#define FALSE_STATUS 0xf6

struct map {
	uint64_t addr, len;
};

static struct fuzz_input *input;
static struct fuzz_input nothing;
static struct fuzz_failure failure;
static unsigned int errors;
static bool breaks_rules;

/* What the device says of itself. */
static uint32_t device_id, nb_rings, config_size;
static uint64_t features, backend_features, first, last;
static uint16_t max_size;

static int device_fd;
static uint8_t status;
static bool suspended;
static unsigned int late; /* reads of the status until a reset is done */
static struct {
	uint16_t size;
	uint64_t desc, in_use;
} ring[MAX_RINGS];
static struct map maps[MAX_MAPS];
static unsigned int nb_maps;

/* ---- state -------------------------------------------------------------------------------- */

static void
forget_rings(void)
{
	memset(ring, 0, sizeof(ring));
	suspended = false;
	late = 0;
	status = 0;
	breaks_rules = false;
}

/* The kernel resets a device that is closed, and unmaps all. */
static void
forget(int fd)
{
	if (fd != device_fd)
		return;
	device_fd = -1;
	nb_maps = 0;
	forget_rings();
}

void
vdpa_kernel_obey(void)
{
	input = &nothing;
	failure.error = 0;
	late = RTE_MIN(late, 1u);
}

bool
vdpa_kernel_breaks_rules(void)
{
	return breaks_rules;
}

bool
vdpa_kernel_has_ring(uint64_t desc)
{
	unsigned int i;

	for (i = 0; i < MAX_RINGS; i++) {
		if ((status & DRIVER_OK) && ring[i].in_use == desc)
			return true;
	}
	return false;
}

static bool
is_mapped(uint64_t addr, uint64_t len)
{
	unsigned int i;

	for (i = 0; i < nb_maps; i++) {
		if (addr < maps[i].addr + maps[i].len && maps[i].addr < addr + len)
			return true;
	}
	return false;
}

bool
vdpa_kernel_has_memory(const void *addr, size_t len)
{
	return is_mapped((uintptr_t)addr, len);
}

unsigned int
vdpa_kernel_errors(void)
{
	return errors;
}

static bool
runs(void)
{
	return (status & DRIVER_OK) && !suspended;
}

/* ---- requests ----------------------------------------------------------------------------- */

static int
set_status(uint8_t value)
{
	if (value != 0) {
		CHECK(breaks_rules || (status & ~value) == 0);
		status = value;
		return 0;
	}
	late = fuzz_below(input, 8) == 7 ? fuzz_below(input, 16) : 0;
	if (late == 0)
		forget_rings();
	return 0;
}

static int
get_status(uint8_t *value)
{
	if (late > 0 && --late == 0)
		forget_rings();
	*value = status;
	if (fuzz_left(input) > 0 && *input->at == FALSE_STATUS) {
		fuzz_byte(input);
		*value = fuzz_byte(input);
		/* An error of its own the device may report at any time, 2.1. */
		breaks_rules |= (*value & ~0x40) != status;
	}
	return 0;
}

static int
set_enable(const struct vhost_vring_state *state)
{
	CHECK(breaks_rules || !runs());
	/* As vdpa_sim does: a ring that is enabled keeps its addresses. */
	if (state->num == 0)
		ring[state->index].in_use = 0;
	else if (ring[state->index].in_use == 0)
		ring[state->index].in_use = ring[state->index].desc;
	return 0;
}

static int
vring_request(unsigned long request, void *arg)
{
	const struct vhost_vring_state *state = arg;
	const struct vhost_vring_file *descriptor = arg;
	const struct vhost_vring_addr *addr = arg;

	/* Each of the three structures begins with the index. */
	CHECK(state->index < nb_rings);
	switch (request) {
	case VHOST_SET_VRING_NUM:
		CHECK(breaks_rules || !(status & DRIVER_OK));
		CHECK(state->num > 0 && state->num <= max_size);
		ring[state->index].size = state->num;
		return 0;
	case VHOST_SET_VRING_BASE:
		CHECK(breaks_rules || !runs());
		return 0;
	case VHOST_SET_VRING_ADDR:
		CHECK(breaks_rules || !runs());
		CHECK(addr->desc_user_addr != 0 && addr->desc_user_addr % 16 == 0);
		ring[addr->index].desc = addr->desc_user_addr;
		return 0;
	case VHOST_SET_VRING_KICK:
	case VHOST_SET_VRING_CALL:
		CHECK(no_kernel_is_open(descriptor->fd));
		return 0;
	case VHOST_VDPA_SET_VRING_ENABLE:
		return set_enable(state);
	default:
		test_fail(__FILE__, __LINE__, "unknown request 0x%lx", request);
	}
}

static int
get_config(struct vhost_vdpa_config *config)
{
	unsigned int i;

	CHECK(config->off <= config_size && config->len <= config_size - config->off);
	for (i = 0; i < config->len; i++)
		config->buf[i] = fuzz_byte(input);
	return 0;
}

static int
copy_out(void *to, const void *from, size_t len)
{
	memcpy(to, from, len);
	return 0;
}

static int
device_request(unsigned long request, void *arg)
{
	const struct vhost_vdpa_iova_range range = { .first = first, .last = last };

	switch (request) {
	case VHOST_VDPA_GET_DEVICE_ID:
		return copy_out(arg, &device_id, sizeof(device_id));
	case VHOST_SET_OWNER:
		return 0;
	case VHOST_GET_FEATURES:
		return copy_out(arg, &features, sizeof(features));
	case VHOST_SET_FEATURES:
		CHECK((*(const uint64_t *)arg & ~features) == 0);
		/* There is no request for what it stands for. */
		CHECK(!(*(const uint64_t *)arg & RING_RESET));
		return 0;
	case VHOST_GET_BACKEND_FEATURES:
		return copy_out(arg, &backend_features, sizeof(backend_features));
	case VHOST_SET_BACKEND_FEATURES:
		CHECK((*(const uint64_t *)arg & ~backend_features) == 0);
		return 0;
	case VHOST_VDPA_GET_VRING_NUM:
		return copy_out(arg, &max_size, sizeof(max_size));
	case VHOST_VDPA_GET_VQS_COUNT:
		return copy_out(arg, &nb_rings, sizeof(nb_rings));
	case VHOST_VDPA_GET_CONFIG_SIZE:
		return copy_out(arg, &config_size, sizeof(config_size));
	case VHOST_VDPA_GET_IOVA_RANGE:
		return copy_out(arg, &range, sizeof(range));
	case VHOST_VDPA_GET_CONFIG:
		return get_config(arg);
	case VHOST_VDPA_SET_CONFIG_CALL:
		CHECK(no_kernel_is_open(*(const int *)arg));
		return 0;
	case VHOST_VDPA_SET_STATUS:
		return set_status(*(const uint8_t *)arg);
	case VHOST_VDPA_GET_STATUS:
		return get_status(arg);
	case VHOST_VDPA_SUSPEND:
		suspended = true;
		return 0;
	case VHOST_VDPA_RESUME:
		suspended = false;
		return 0;
	default:
		return vring_request(request, arg);
	}
}

/* ---- calls -------------------------------------------------------------------------------- */

static int
fails(void)
{
	const int error = fuzz_error(input, &failure);

	errors += error != 0;
	return error;
}

static int
kernel_open(const char *path __rte_unused)
{
	const int error = fails();

	if (error != 0)
		return error;
	/* The driver has closed the device before it opens it again. */
	CHECK_EQ(device_fd, -1);
	device_fd = no_kernel_open();
	return device_fd < 0 ? -EMFILE : device_fd;
}

static int
kernel_ioctl(int fd, unsigned long request, void *arg)
{
	const int error = fails();

	if (error != 0)
		return error;
	if (fd == -1)
		return -EBADF;
	CHECK_EQ(fd, device_fd);
	return device_request(request, arg);
}

static int
add_map(const struct vhost_iotlb_msg *msg)
{
	CHECK(msg->size > 0 && msg->iova >= first && msg->iova + msg->size - 1 <= last);
	CHECK(!is_mapped(msg->iova, msg->size));
	if (nb_maps == MAX_MAPS) {
		errors++;
		return -ENOMEM;
	}
	maps[nb_maps++] = (struct map){ msg->iova, msg->size };
	return 0;
}

/* Each mapping that overlaps goes as a whole. */
static int
remove_maps(const struct vhost_iotlb_msg *msg)
{
	unsigned int i = 0;

	while (i < nb_maps) {
		if (msg->iova < maps[i].addr + maps[i].len &&
		    maps[i].addr < msg->iova + msg->size)
			maps[i] = maps[--nb_maps];
		else
			i++;
	}
	return 0;
}

static int
kernel_write(int fd, const void *from, size_t len)
{
	const struct vhost_msg_v2 *msg = from;
	const int error = fails();

	CHECK_EQ(len, sizeof(*msg));
	CHECK_EQ(msg->type, VHOST_IOTLB_MSG_V2);
	if (error != 0)
		return error;
	if (fd == -1)
		return -EBADF;
	CHECK_EQ(fd, device_fd);
	switch (msg->iotlb.type) {
	case VHOST_IOTLB_BATCH_BEGIN:
	case VHOST_IOTLB_BATCH_END:
		return 0;
	case VHOST_IOTLB_UPDATE:
		return add_map(&msg->iotlb);
	case VHOST_IOTLB_INVALIDATE:
		return remove_maps(&msg->iotlb);
	default:
		test_fail(__FILE__, __LINE__, "unknown message %u", msg->iotlb.type);
	}
}

/* VERSION_1, ACCESS_PLATFORM, RING_PACKED, RING_RESET; all but DESC_ASID. */
static void
take_numbers(bool strange)
{
	device_id = 1;
	nb_rings = 4;
	config_size = CONFIG_SIZE;
	max_size = 256;
	features = UINT64_C(1) << 32 | UINT64_C(1) << 33 | UINT64_C(1) << 34 | RING_RESET;
	backend_features = 0x17e;
	first = 0;
	last = UINT64_MAX;
	if (!strange)
		return;
	device_id = fuzz_below(input, 8) == 7 ? fuzz_byte(input) : 1;
	nb_rings = fuzz_below(input, 8) == 7 ? fuzz_number(input, 4) : fuzz_below(input, 12);
	config_size = fuzz_below(input, 8) == 7 ? fuzz_number(input, 4) :
						  fuzz_below(input, CONFIG_SIZE + 1);
	max_size = fuzz_number(input, 2);
	features ^= fuzz_number(input, 8);
	backend_features ^= fuzz_number(input, 2);
	if (fuzz_below(input, 4) == 3) {
		first = fuzz_number(input, 6);
		last = first + fuzz_number(input, 6);
	}
}

void
vdpa_kernel_start(struct fuzz_input *in, bool strange)
{
	input = in;
	failure.error = 0;
	errors = 0;
	device_fd = -1;
	nb_maps = 0;
	forget_rings();
	take_numbers(strange);
	no_kernel_on_close(forget);
	vhost_kernel_calls = (struct vhost_kernel_calls){
		.open = kernel_open, .ioctl = kernel_ioctl, .write = kernel_write,
	};
}
