/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_tun.h>
#include <linux/vhost.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

#include "fake_vhost_kernel.h"
#include "test.h"
#include "vhost_kernel_ioctl.h"

/* Bytes that a process can address, without 5-level paging on x86-64. */
#ifdef __x86_64__
#define ADDRESS_SPACE ((UINT64_C(1) << 47) - 4096)
#else
#define ADDRESS_SPACE (UINT64_C(1) << 48)
#endif

static struct fake_vhost_kernel *fake;
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

static const unsigned long requests[] = {
	[FAKE_VK_OWNER] = VHOST_SET_OWNER,
	[FAKE_VK_BACKEND] = VHOST_NET_SET_BACKEND,
	[FAKE_VK_TAP] = TUNSETIFF,
	[FAKE_VK_OFFLOAD] = TUNSETOFFLOAD,
	[FAKE_VK_STEER] = TUNSETSTEERINGEBPF,
	[FAKE_VK_BPF] = 0,
	[FAKE_VK_TABLE] = 0,
};

static int
fails(void)
{
	return ++fake->calls == fake->fail_call ? fake->fail_error : 0;
}

static int
fake_open(const char *path)
{
	const bool is_tap = strcmp(path, "/dev/net/tun") == 0;
	unsigned int *n = is_tap ? &fake->nb_taps : &fake->nb_vhosts;
	int fd = fails();

	if (fd == 0 && fake->fail_path != NULL && strcmp(path, fake->fail_path) == 0)
		fd = fake->fail_error;
	if (fd != 0)
		return fd;
	/* Another interface of the name of one that was deleted. */
	if (is_tap && fake->deleted) {
		fake->nb_taps = fake->nb_vhosts = 0;
		fake->deleted = false;
	}
	CHECK(*n < FAKE_VK_MAX_PAIRS);
	fd = eventfd(0, EFD_CLOEXEC);
	CHECK(fd >= 0);
	if (is_tap) {
		fake->tap[*n].fd = fd;
		fake->tap[*n].attached = true;
	} else {
		fake->vhost[*n].fd = fd;
		fake->vhost[*n].backend[0] = fake->vhost[*n].backend[1] = -1;
	}
	(*n)++;
	return fd;
}

/* Its number, or -1 where it is none. */
static int
tap_number(int fd)
{
	unsigned int i;

	for (i = 0; i < fake->nb_taps; i++) {
		if (fake->tap[i].fd == fd)
			return i;
	}
	return -1;
}

static int
vhost_number(int fd)
{
	unsigned int i;

	for (i = 0; i < fake->nb_vhosts; i++) {
		if (fake->vhost[i].fd == fd)
			return i;
	}
	return -1;
}

static int
set_queue(int n, const struct ifreq *ifr)
{
	const bool attach = ifr->ifr_flags == IFF_ATTACH_QUEUE;

	/* The kernel refuses either twice. */
	if (fake->tap[n].attached == attach)
		return -EINVAL;
	fake->tap[n].attached = attach;
	record("%s t%d, ", attach ? "ATTACH" : "DETACH", n);
	return 0;
}

static int
set_steering(int n, int prog_fd)
{
	CHECK(prog_fd == -1 || prog_fd == fake->prog_fd);
	/* The kernel accepts that too, and there is nothing to do. */
	if (prog_fd == -1 && !fake->is_steered)
		return 0;
	fake->is_steered = prog_fd != -1;
	record("%s t%d, ", prog_fd == -1 ? "UNSTEER" : "STEER", n);
	return 0;
}

static int
set_interface_flags(const struct ifreq *ifr)
{
	fake->flags = ifr->ifr_flags | (ifr->ifr_flags & IFF_UP ? IFF_RUNNING : 0);
	record("%s, ", ifr->ifr_flags & IFF_UP ? "UP" : "DOWN");
	return 0;
}

static int
tap_request(int n, unsigned long request, void *arg)
{
	struct ifreq *ifr = arg;

	switch (request) {
	case TUNSETIFF:
		if (strchr(ifr->ifr_name, '%') != NULL || ifr->ifr_name[0] == '\0')
			strcpy(ifr->ifr_name, "tap7");
		record("TAP t%d %s%s, ", n, ifr->ifr_name,
		       ifr->ifr_flags & IFF_MULTI_QUEUE ? " mq" : "");
		return 0;
	case TUNGETIFF:
		return fake->deleted ? -EBADFD : 0;
	case TUNSETOFFLOAD:
		fake->offloads = (uintptr_t)arg;
		return 0;
	case TUNSETVNETHDRSZ:
		CHECK_EQ(*(int *)arg, 12);
		return 0;
	case TUNSETSNDBUF:
		return 0;
	case TUNSETSTEERINGEBPF:
		return set_steering(n, *(int *)arg);
	case TUNSETQUEUE:
		return set_queue(n, ifr);
	default:
		test_fail(__FILE__, __LINE__, "unknown request 0x%lx of tap", request);
	}
}

static int
interface_request(unsigned long request, struct ifreq *ifr)
{
	if (fake->deleted)
		return -ENODEV;
	switch (request) {
	case SIOCGIFFLAGS:
		ifr->ifr_flags = fake->flags;
		return 0;
	case SIOCSIFFLAGS:
		return set_interface_flags(ifr);
	case SIOCSIFMTU:
		fake->mtu = ifr->ifr_mtu;
		return 0;
	case SIOCSIFHWADDR:
		memcpy(fake->mac, ifr->ifr_hwaddr.sa_data, sizeof(fake->mac));
		return 0;
	default:
		test_fail(__FILE__, __LINE__, "unknown request 0x%lx of an interface", request);
	}
}

/* A ring is set up while it has no back-end, or else the kernel goes on in other memory. */
static void
check_at_rest(int n, unsigned int index)
{
	CHECK(index < 2);
	if (fake->vhost[n].backend[index] != -1)
		test_fail(__FILE__, __LINE__, "a running ring was set up");
}

static int
set_backend(int n, const struct vhost_vring_file *file)
{
	CHECK(file->index < 2);
	if (file->fd >= 0 && fake->deleted)
		return -EINVAL;
	/* Only here the kernel compares the region with the process's address space. */
	if (file->fd >= 0 && fake->region_start + fake->region_size > ADDRESS_SPACE)
		return -EFAULT;
	fake->vhost[n].backend[file->index] = file->fd;
	if (file->fd < 0)
		record("STOP v%d.%u, ", n, file->index);
	else
		record("RUN v%d.%u t%d, ", n, file->index, tap_number(file->fd));
	return 0;
}

static int
vhost_request(int n, unsigned long request, void *arg)
{
	const struct vhost_vring_state *state = arg;
	const struct vhost_memory *memory = arg;
	const struct vhost_vring_file *file = arg;

	switch (request) {
	case VHOST_SET_OWNER:
		record("OWNER v%d, ", n);
		return 0;
	case VHOST_GET_FEATURES:
		*(uint64_t *)arg = fake->features;
		return 0;
	case VHOST_SET_FEATURES:
		record("FEATURES v%d, ", n);
		return *(uint64_t *)arg & ~fake->features ? -EOPNOTSUPP : 0;
	case VHOST_SET_MEM_TABLE:
		CHECK_EQ(memory->nregions, 1);
		CHECK_EQ(memory->regions[0].guest_phys_addr, memory->regions[0].userspace_addr);
		fake->region_start = memory->regions[0].userspace_addr;
		fake->region_size = memory->regions[0].memory_size;
		record("MEM v%d, ", n);
		return 0;
	case VHOST_SET_VRING_NUM:
	case VHOST_SET_VRING_BASE:
		check_at_rest(n, state->index);
		record("%s v%d.%u=%u, ", request == VHOST_SET_VRING_NUM ? "NUM" : "BASE", n,
		       state->index, state->num);
		return 0;
	case VHOST_SET_VRING_ADDR:
		check_at_rest(n, ((const struct vhost_vring_addr *)arg)->index);
		record("ADDR v%d.%u, ", n, ((const struct vhost_vring_addr *)arg)->index);
		return 0;
	case VHOST_SET_VRING_KICK:
		CHECK(file->index < 2 && file->fd >= 0);
		fake->vhost[n].kick[file->index] = file->fd;
		return 0;
	case VHOST_SET_VRING_CALL:
		CHECK(file->index < 2 && file->fd >= 0);
		fake->vhost[n].call[file->index] = file->fd;
		return 0;
	case VHOST_NET_SET_BACKEND:
		return set_backend(n, arg);
	default:
		test_fail(__FILE__, __LINE__, "unknown request 0x%lx of vhost", request);
	}
}

static int
fake_ioctl(int fd, unsigned long request, void *arg)
{
	int ret = fails();

	if (ret == 0 && fake->fail_request != FAKE_VK_NONE &&
	    request == requests[fake->fail_request])
		ret = fake->fail_error;
	if (ret != 0)
		return ret;
	if (tap_number(fd) >= 0)
		return tap_request(tap_number(fd), request, arg);
	if (vhost_number(fd) >= 0)
		return vhost_request(vhost_number(fd), request, arg);
	return interface_request(request, arg);
}

/* Hash types, queue of other frames, and queues by the hash, as the program reads them. */
static void
take_table(const uint8_t *value)
{
	memcpy(&fake->hash_types, value, sizeof(fake->hash_types));
	memcpy(fake->table, value + 8, sizeof(fake->table));
}

/* Programs and maps are descriptors, and no program runs. */
static int
fake_bpf(int command, void *attr, unsigned int size)
{
	const union bpf_attr *bpf = attr;
	int ret = fails();

	CHECK_EQ(size, sizeof(*bpf));
	if (ret == 0 && (fake->fail_request == FAKE_VK_BPF ||
			 (fake->fail_request == FAKE_VK_TABLE && command == BPF_MAP_UPDATE_ELEM)))
		ret = fake->fail_error;
	if (ret != 0)
		return ret;
	switch (command) {
	case BPF_MAP_UPDATE_ELEM:
		CHECK_EQ(bpf->map_fd, (unsigned int)fake->map_fd);
		take_table((const uint8_t *)(uintptr_t)bpf->value);
		record("TABLE, ");
		return 0;
	case BPF_MAP_CREATE:
		return fake->map_fd = eventfd(0, EFD_CLOEXEC);
	case BPF_PROG_LOAD:
		return fake->prog_fd = eventfd(0, EFD_CLOEXEC);
	default:
		test_fail(__FILE__, __LINE__, "unknown command %d of bpf", command);
	}
}

void
fake_vk_begin(struct fake_vhost_kernel *vk)
{
	*vk = (struct fake_vhost_kernel){
		.features = UINT64_C(1) << 15 | UINT64_C(1) << 26 | UINT64_C(1) << 28 |
			    UINT64_C(1) << 29 | UINT64_C(1) << 32 | UINT64_C(1) << 33,
		.fail_error = -EIO,
	};
	fake = vk;
	kernel = vhost_kernel_calls;
	vhost_kernel_calls = (struct vhost_kernel_calls){
		.open = fake_open, .ioctl = fake_ioctl, .bpf = fake_bpf,
	};
}

void
fake_vk_end(void)
{
	vhost_kernel_calls = kernel;
}

void
fake_vk_check(struct fake_vhost_kernel *vk, const char *wanted)
{
	const size_t len = strlen(vk->record);

	/* Without the last ", ". */
	if (len > 0)
		vk->record[len - 2] = '\0';
	if (strcmp(vk->record, wanted) != 0)
		test_fail(__FILE__, __LINE__, "requests are \"%s\", not \"%s\"", vk->record,
			  wanted);
	vk->record[0] = '\0';
}
