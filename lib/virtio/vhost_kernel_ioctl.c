/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/vhost.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <rte_bitops.h>
#include <rte_common.h>
#include <rte_errno.h>

#include "vhost_kernel_ioctl.h"
#include "virtio_log.h"

/* Every vhost-net offers it, 5.1.3. */
#define NET_BIT_MRG_RXBUF (UINT64_C(1) << 15)

static int
call_open(const char *path)
{
	const int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

static int
call_ioctl(int fd, unsigned long request, void *arg)
{
	const int ret = ioctl(fd, request, arg);

	return ret < 0 ? -errno : ret;
}

static int
call_bpf(int command, void *attr, unsigned int size)
{
	const int ret = syscall(SYS_bpf, command, attr, size);

	return ret < 0 ? -errno : ret;
}

static int
call_write(int fd, const void *from, size_t len)
{
	const ssize_t n = write(fd, from, len);

	return n < 0 ? -errno : (size_t)n == len ? 0 : -EIO;
}

struct vhost_kernel_calls vhost_kernel_calls = {
	.open = call_open, .ioctl = call_ioctl, .bpf = call_bpf, .write = call_write,
};

/*
 * The kernel reads and writes rings and buffers in this process, under the checks that hold for the
 * process's own system calls. So one region with all addresses that a process can have will do: it
 * also covers memory that comes later, and memory of the application's own. A region that is too
 * large is refused by VHOST_NET_SET_BACKEND. Stacks lie at the end of the address space, whose size
 * is a power of two on all processors that DPDK supports; the last page of it may be reserved.
 */
static int
set_memory(int fd)
{
	union {
		struct vhost_memory table;
		uint8_t room[sizeof(struct vhost_memory) + sizeof(struct vhost_memory_region)];
	} memory = { .room = { 0 } };
	const uint64_t on_stack = (uintptr_t)&memory;

	memory.table.nregions = 1;
	memory.table.regions[0].memory_size =
		rte_align64pow2(on_stack) - sysconf(_SC_PAGESIZE);
	return vhost_kernel_calls.ioctl(fd, VHOST_SET_MEM_TABLE, &memory);
}

int
vhost_kernel_open(const char *path, int *fd, uint64_t *features)
{
	int ret;

	*fd = -1;
	ret = vhost_kernel_calls.open(path);
	if (ret < 0)
		return ret;
	*fd = ret;
	ret = vhost_kernel_calls.ioctl(*fd, VHOST_SET_OWNER, NULL);
	/* So a device of another kind answers, such as that of tun. */
	if (ret == -EBADFD || ret == -EINVAL)
		ret = -ENOTTY;
	if (ret == 0)
		ret = vhost_kernel_calls.ioctl(*fd, VHOST_GET_FEATURES, features);
	/* vhost devices that are not of a network have other bits. */
	if (ret == 0 && !(*features & NET_BIT_MRG_RXBUF))
		ret = -ENOTTY;
	if (ret == 0)
		ret = set_memory(*fd);
	if (ret != 0) {
		close(*fd);
		*fd = -1;
	}
	return ret;
}

int
vhost_kernel_request(int fd, unsigned long number, const char *name, void *arg)
{
	const int ret = vhost_kernel_calls.ioctl(fd, number, arg);

	if (ret != 0)
		VIRTIO_LOG(ERR, "the kernel's vhost device refuses %s: %s", name,
			   rte_strerror(-ret));
	return ret;
}

int
vhost_kernel_set_features(int fd, uint64_t features)
{
	return VHOST_KERNEL_REQUEST(fd, VHOST_SET_FEATURES, &features);
}

int
vhost_kernel_move_vring(int fd, const struct vhost_kernel_vring *vring)
{
	struct vhost_vring_state state = { .index = vring->index, .num = vring->base };
	struct vhost_vring_addr addr = {
		.index = vring->index, .desc_user_addr = vring->desc,
		.avail_user_addr = vring->avail, .used_user_addr = vring->used,
	};
	int ret;

	ret = VHOST_KERNEL_REQUEST(fd, VHOST_SET_VRING_BASE, &state);
	if (ret == 0)
		ret = VHOST_KERNEL_REQUEST(fd, VHOST_SET_VRING_ADDR, &addr);
	return ret;
}

int
vhost_kernel_set_vring(int fd, const struct vhost_kernel_vring *vring)
{
	struct vhost_vring_state state = { .index = vring->index, .num = vring->size };
	struct vhost_vring_file file = { .index = vring->index };
	int ret;

	ret = VHOST_KERNEL_REQUEST(fd, VHOST_SET_VRING_NUM, &state);
	if (ret == 0)
		ret = vhost_kernel_move_vring(fd, vring);
	file.fd = vring->kick_fd;
	if (ret == 0)
		ret = VHOST_KERNEL_REQUEST(fd, VHOST_SET_VRING_KICK, &file);
	file.fd = vring->call_fd;
	if (ret == 0)
		ret = VHOST_KERNEL_REQUEST(fd, VHOST_SET_VRING_CALL, &file);
	return ret;
}

int
vhost_kernel_set_backend(int fd, unsigned int index, int tap_fd)
{
	struct vhost_vring_file file = { .index = index, .fd = tap_fd };

	return VHOST_KERNEL_REQUEST(fd, VHOST_NET_SET_BACKEND, &file);
}
