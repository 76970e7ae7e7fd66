/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_tun.h>
#include <linux/vhost.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <rte_bitops.h>
#include <rte_common.h>

#include "net_kernel.h"
#include "no_kernel.h"
#include "vhost_kernel_ioctl.h"

#define MAX_FILES 64
#define TUN_PATH "/dev/net/tun"

enum file_kind { FILE_NONE, FILE_TAP, FILE_VHOST, FILE_SOCKET, FILE_MAP, FILE_PROGRAM, FILE_OTHER };

struct file {
	int fd;
	enum file_kind kind;
	/* Of a tap: a queue of the interface. */
	bool has_interface;
	bool attached;
	/* Of vhost-net. */
	bool owned;
	bool has_memory;
	struct {
		uint32_t size;
		uint64_t desc;
		int kick, call;
		int backend;
	} vring[2];
};

static struct fuzz_input *input;
static struct fuzz_input nothing;
static struct fuzz_failure failure;
static uint64_t offered;
static short interface_flags;
static uint32_t map_value_size;
static struct file files[MAX_FILES];

/* ---- descriptors -------------------------------------------------------------------------- */

static struct file *
find(int fd)
{
	unsigned int i;

	for (i = 0; i < MAX_FILES; i++) {
		if (files[i].kind != FILE_NONE && files[i].fd == fd)
			return &files[i];
	}
	return NULL;
}

static bool
is_of(int fd, enum file_kind kind)
{
	const struct file *file = find(fd);

	return file != NULL && file->kind == kind;
}

/* Closing a descriptor of vhost-net stops its rings. */
static void
forget(int fd)
{
	struct file *file = find(fd);

	if (file != NULL)
		file->kind = FILE_NONE;
}

static int
open_file(enum file_kind kind)
{
	const int fd = no_kernel_open();
	unsigned int i = 0;

	if (fd < 0)
		return -EMFILE;
	while (files[i].kind != FILE_NONE)
		i++;
	files[i] = (struct file){
		.fd = fd, .kind = kind, .vring = { { .backend = -1 }, { .backend = -1 } },
	};
	return fd;
}

void
net_kernel_delete_interface(void)
{
	unsigned int i;

	/* The descriptors stay, and belong to no interface. */
	for (i = 0; i < MAX_FILES; i++)
		files[i].has_interface = false;
}

bool
net_kernel_has_ring(uint64_t desc)
{
	unsigned int i, k;

	for (i = 0; i < MAX_FILES; i++) {
		for (k = 0; k < 2 && files[i].kind == FILE_VHOST; k++) {
			if (files[i].vring[k].backend != -1 && files[i].vring[k].desc == desc)
				return true;
		}
	}
	return false;
}

/* ---- tap ---------------------------------------------------------------------------------- */

static bool
interface_exists(void)
{
	unsigned int i;

	for (i = 0; i < MAX_FILES; i++) {
		if (files[i].kind == FILE_TAP && files[i].has_interface)
			return true;
	}
	return false;
}

static int
set_interface(struct file *file, struct ifreq *ifr)
{
	CHECK(strnlen(ifr->ifr_name, IFNAMSIZ) < IFNAMSIZ);
	if (file->has_interface)
		return -EINVAL;
	if (!interface_exists())
		interface_flags = 0;
	if (ifr->ifr_name[0] == '\0')
		strcpy(ifr->ifr_name, "tap0");
	file->has_interface = true;
	file->attached = true;
	return 0;
}

static int
set_queue(struct file *file, const struct ifreq *ifr)
{
	const bool attach = ifr->ifr_flags == IFF_ATTACH_QUEUE;

	CHECK(attach || ifr->ifr_flags == IFF_DETACH_QUEUE);
	/* The kernel refuses either twice. */
	if (file->attached == attach)
		return -EINVAL;
	file->attached = attach;
	return 0;
}

static int
tap_request(struct file *file, unsigned long request, void *arg)
{
	if (request == TUNSETIFF)
		return set_interface(file, arg);
	if (!file->has_interface)
		return -EBADFD;
	switch (request) {
	case TUNSETVNETHDRSZ:
		CHECK_EQ(*(int *)arg, 12);
		return 0;
	case TUNGETIFF:
	case TUNSETOFFLOAD:
	case TUNSETSNDBUF:
		return 0;
	case TUNSETSTEERINGEBPF:
		CHECK(*(int *)arg == -1 || is_of(*(int *)arg, FILE_PROGRAM));
		return 0;
	case TUNSETQUEUE:
		return set_queue(file, arg);
	default:
		test_fail(__FILE__, __LINE__, "unknown request 0x%lx of tap", request);
	}
}

static int
interface_request(unsigned long request, struct ifreq *ifr)
{
	CHECK(strnlen(ifr->ifr_name, IFNAMSIZ) < IFNAMSIZ);
	if (!interface_exists())
		return -ENODEV;
	switch (request) {
	case SIOCGIFFLAGS:
		ifr->ifr_flags = interface_flags;
		return 0;
	case SIOCSIFFLAGS:
		interface_flags = ifr->ifr_flags;
		return 0;
	case SIOCSIFMTU:
	case SIOCSIFHWADDR:
		return 0;
	default:
		test_fail(__FILE__, __LINE__, "unknown request 0x%lx of an interface", request);
	}
}

/* ---- vhost-net ---------------------------------------------------------------------------- */

static int
set_backend(struct file *file, const struct vhost_vring_file *vring)
{
	const struct file *tap = find(vring->fd);

	CHECK(file->has_memory && vring->index < 2);
	if (vring->fd == -1) {
		file->vring[vring->index].backend = -1;
		return 0;
	}
	CHECK(tap != NULL && tap->kind == FILE_TAP);
	CHECK(file->vring[vring->index].size > 0 && file->vring[vring->index].desc != 0);
	if (!tap->has_interface)
		return -EINVAL;
	file->vring[vring->index].backend = vring->fd;
	return 0;
}

/* The kernel takes addresses also of a ring that runs, and goes on in other memory. */
static int
set_vring(struct file *file, unsigned long request, const void *arg)
{
	const struct vhost_vring_state *state = arg;
	const struct vhost_vring_addr *addr = arg;
	const struct vhost_vring_file *descriptor = arg;

	/* Each of the three structures begins with the index. */
	CHECK(state->index < 2);
	CHECK_EQ(file->vring[state->index].backend, -1);
	switch (request) {
	case VHOST_SET_VRING_NUM:
		CHECK(rte_is_power_of_2(state->num) && state->num <= 32768);
		file->vring[state->index].size = state->num;
		return 0;
	case VHOST_SET_VRING_BASE:
		CHECK_EQ(state->num, 0);
		return 0;
	case VHOST_SET_VRING_ADDR:
		CHECK(addr->desc_user_addr != 0 && addr->desc_user_addr % 16 == 0);
		CHECK(addr->avail_user_addr % 2 == 0 && addr->used_user_addr % 4 == 0);
		file->vring[addr->index].desc = addr->desc_user_addr;
		return 0;
	case VHOST_SET_VRING_KICK:
	case VHOST_SET_VRING_CALL:
		CHECK(no_kernel_is_open(descriptor->fd));
		return 0;
	default:
		test_fail(__FILE__, __LINE__, "unknown request 0x%lx of vhost", request);
	}
}

static int
vhost_request(struct file *file, unsigned long request, void *arg)
{
	CHECK(file->owned || request == VHOST_SET_OWNER);
	switch (request) {
	case VHOST_SET_OWNER:
		if (file->owned)
			return -EBUSY;
		file->owned = true;
		return 0;
	case VHOST_GET_FEATURES:
		memcpy(arg, &offered, sizeof(offered));
		return 0;
	case VHOST_SET_FEATURES:
		CHECK((*(uint64_t *)arg & ~offered) == 0);
		return 0;
	case VHOST_SET_MEM_TABLE:
		file->has_memory = true;
		return 0;
	case VHOST_NET_SET_BACKEND:
		return set_backend(file, arg);
	default:
		return set_vring(file, request, arg);
	}
}

/* ---- calls -------------------------------------------------------------------------------- */

static int
kernel_open(const char *path)
{
	const int error = fuzz_error(input, &failure);

	if (error != 0)
		return error;
	return open_file(strcmp(path, TUN_PATH) == 0 ? FILE_TAP : FILE_VHOST);
}

static int
kernel_ioctl(int fd, unsigned long request, void *arg)
{
	struct file *file = find(fd);
	const int error = fuzz_error(input, &failure);

	if (error != 0)
		return error;
	if (fd == -1)
		return -EBADF;
	CHECK(file != NULL);
	CHECK(file->kind == FILE_TAP || file->kind == FILE_VHOST || file->kind == FILE_SOCKET);
	if (file->kind == FILE_TAP)
		return tap_request(file, request, arg);
	if (file->kind == FILE_VHOST)
		return vhost_request(file, request, arg);
	return interface_request(request, arg);
}

/* A sanitizer notices what the kernel may not read. */
static void
read_all(uint64_t addr, size_t n)
{
	const volatile uint8_t *bytes = (const volatile uint8_t *)(uintptr_t)addr;

	while (n-- > 0)
		bytes[n];
}

static int
kernel_bpf(int command, void *attr, unsigned int size)
{
	const union bpf_attr *bpf = attr;
	const int error = fuzz_error(input, &failure);

	CHECK_EQ(size, sizeof(*bpf));
	if (error != 0)
		return error;
	switch (command) {
	case BPF_MAP_CREATE:
		map_value_size = bpf->value_size;
		return open_file(FILE_MAP);
	case BPF_PROG_LOAD:
		read_all(bpf->insns, bpf->insn_cnt * sizeof(struct bpf_insn));
		return open_file(FILE_PROGRAM);
	case BPF_MAP_UPDATE_ELEM:
		CHECK(is_of(bpf->map_fd, FILE_MAP));
		read_all(bpf->key, sizeof(uint32_t));
		read_all(bpf->value, map_value_size);
		return 0;
	default:
		test_fail(__FILE__, __LINE__, "unknown command %d of bpf", command);
	}
}

void
net_kernel_start(struct fuzz_input *in, uint64_t features)
{
	input = in;
	failure.error = 0;
	offered = features;
	interface_flags = 0;
	memset(files, 0, sizeof(files));
	no_kernel_on_close(forget);
	vhost_kernel_calls = (struct vhost_kernel_calls){
		.open = kernel_open, .ioctl = kernel_ioctl, .bpf = kernel_bpf,
	};
}

void
net_kernel_obey(void)
{
	input = &nothing;
	failure.error = 0;
}

int __wrap_open64(const char *path, int flags, ...);
int __wrap_socket(int domain, int type, int protocol);
int __wrap_bind(int fd, const struct sockaddr *addr, socklen_t len);
ssize_t __wrap_recv(int fd, void *to, size_t len, int flags);

static int
set_errno(int ret)
{
	if (ret >= 0)
		return ret;
	errno = -ret;
	return -1;
}

/* The file of a parameter of the kernel's module, which may not exist. */
int
__wrap_open64(const char *path __rte_unused, int flags __rte_unused, ...)
{
	return fuzz_below(input, 2) == 0 ? set_errno(-ENOENT) : set_errno(open_file(FILE_OTHER));
}

int
__wrap_socket(int domain __rte_unused, int type __rte_unused, int protocol __rte_unused)
{
	const int error = fuzz_error(input, &failure);

	return set_errno(error != 0 ? error : open_file(FILE_SOCKET));
}

int
__wrap_bind(int fd, const struct sockaddr *addr __rte_unused, socklen_t len __rte_unused)
{
	CHECK(is_of(fd, FILE_SOCKET));
	return set_errno(fuzz_error(input, &failure));
}

ssize_t
__wrap_recv(int fd, void *to, size_t len, int flags __rte_unused)
{
	if (fuzz_below(input, 4) != 1 || find(fd) == NULL)
		return set_errno(fd == -1 ? -EBADF : -EAGAIN);
	memset(to, 0, len);
	return len;
}
