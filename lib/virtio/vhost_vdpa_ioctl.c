/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <linux/vhost.h>
#include <string.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_errno.h>

#include "vhost_kernel_ioctl.h"
#include "vhost_vdpa_ioctl.h"
#include "virtio_log.h"

/* Newer than some headers that this compiles with. */
#ifndef VHOST_VDPA_SUSPEND
#define VHOST_VDPA_SUSPEND _IO(VHOST_VIRTIO, 0x7D)
#endif
#ifndef VHOST_VDPA_RESUME
#define VHOST_VDPA_RESUME _IO(VHOST_VIRTIO, 0x7E)
#endif

#define BACKEND_FEATURES (VHOST_VDPA_IOTLB_MSG_V2 | VHOST_VDPA_IOTLB_BATCH | \
			  VHOST_VDPA_CAN_SUSPEND | VHOST_VDPA_CAN_RESUME | \
			  VHOST_VDPA_ENABLE_LATE | VHOST_VDPA_IOTLB_PERSIST)

static int
negotiate_backend(int fd, uint64_t *features)
{
	int ret;

	ret = vhost_kernel_calls.ioctl(fd, VHOST_GET_BACKEND_FEATURES, features);
	*features &= BACKEND_FEATURES;
	if (ret == 0 && !(*features & VHOST_VDPA_IOTLB_MSG_V2))
		ret = -ENOSYS;
	return ret != 0 ? ret : vhost_kernel_calls.ioctl(fd, VHOST_SET_BACKEND_FEATURES, features);
}

static int
read_info(int fd, struct vhost_vdpa_info *info)
{
	struct vhost_vdpa_iova_range range = { 0 };
	const struct {
		unsigned long request;
		void *arg;
	} questions[] = {
		{ VHOST_SET_OWNER, NULL },
		{ VHOST_GET_FEATURES, &info->features },
		{ VHOST_VDPA_GET_VRING_NUM, &info->max_size },
		{ VHOST_VDPA_GET_VQS_COUNT, &info->nb_rings },
		{ VHOST_VDPA_GET_CONFIG_SIZE, &info->config_size },
		{ VHOST_VDPA_GET_IOVA_RANGE, &range },
	};
	unsigned int i;
	int ret = 0;

	for (i = 0; ret == 0 && i < RTE_DIM(questions); i++)
		ret = vhost_kernel_calls.ioctl(fd, questions[i].request, questions[i].arg);
	if (ret == 0)
		ret = negotiate_backend(fd, &info->backend_features);
	info->first = range.first;
	info->last = range.last;
	/* A request that an older kernel does not know. */
	return ret == -ENOTTY ? -ENOSYS : ret;
}

int
vhost_vdpa_open(const char *path, int *fd, struct vhost_vdpa_info *info)
{
	int ret;

	*fd = -1;
	memset(info, 0, sizeof(*info));
	ret = vhost_kernel_calls.open(path);
	if (ret < 0)
		return ret;
	*fd = ret;
	ret = vhost_kernel_calls.ioctl(*fd, VHOST_VDPA_GET_DEVICE_ID, &info->device_id);
	/* So a device of another kind may answer. */
	if (ret == -EBADFD || ret == -EINVAL)
		ret = -ENOTTY;
	if (ret == 0)
		ret = read_info(*fd, info);
	if (ret != 0) {
		close(*fd);
		*fd = -1;
	}
	return ret;
}

int
vhost_vdpa_get_features(int fd, uint64_t *features)
{
	return VHOST_KERNEL_REQUEST(fd, VHOST_GET_FEATURES, features);
}

int
vhost_vdpa_set_features(int fd, uint64_t features)
{
	return VHOST_KERNEL_REQUEST(fd, VHOST_SET_FEATURES, &features);
}

int
vhost_vdpa_set_status(int fd, uint8_t status)
{
	return VHOST_KERNEL_REQUEST(fd, VHOST_VDPA_SET_STATUS, &status);
}

int
vhost_vdpa_get_status(int fd, uint8_t *status)
{
	return VHOST_KERNEL_REQUEST(fd, VHOST_VDPA_GET_STATUS, status);
}

int
vhost_vdpa_get_config(int fd, uint32_t offset, void *to, size_t len)
{
	union {
		struct vhost_vdpa_config config;
		uint8_t room[sizeof(struct vhost_vdpa_config) + VHOST_VDPA_CONFIG_MAX];
	} config = { .config = { .off = offset, .len = len } };
	const int ret = VHOST_KERNEL_REQUEST(fd, VHOST_VDPA_GET_CONFIG, &config);

	if (ret == 0)
		memcpy(to, config.room + sizeof(config.config), len);
	return ret;
}

int
vhost_vdpa_set_config_call(int fd, int call_fd)
{
	return VHOST_KERNEL_REQUEST(fd, VHOST_VDPA_SET_CONFIG_CALL, &call_fd);
}

int
vhost_vdpa_enable(int fd, unsigned int index, bool on)
{
	struct vhost_vring_state state = { .index = index, .num = on };

	return VHOST_KERNEL_REQUEST(fd, VHOST_VDPA_SET_VRING_ENABLE, &state);
}

int
vhost_vdpa_suspend(int fd)
{
	return VHOST_KERNEL_REQUEST(fd, VHOST_VDPA_SUSPEND, NULL);
}

int
vhost_vdpa_resume(int fd)
{
	return VHOST_KERNEL_REQUEST(fd, VHOST_VDPA_RESUME, NULL);
}

static int
send_iotlb(int fd, uint8_t type, uint64_t addr, uint64_t len)
{
	const struct vhost_msg_v2 msg = {
		.type = VHOST_IOTLB_MSG_V2,
		.iotlb = {
			.type = type, .iova = addr, .uaddr = addr, .size = len,
			.perm = VHOST_ACCESS_RW,
		},
	};

	return vhost_kernel_calls.write(fd, &msg, sizeof(msg));
}

int
vhost_vdpa_map(int fd, uint64_t addr, uint64_t len)
{
	return send_iotlb(fd, VHOST_IOTLB_UPDATE, addr, len);
}

static int
log_iotlb(int ret, const char *name)
{
	if (ret != 0)
		VIRTIO_LOG(ERR, "the kernel's vhost device refuses %s: %s", name,
			   rte_strerror(-ret));
	return ret;
}

int
vhost_vdpa_unmap(int fd, uint64_t addr, uint64_t len)
{
	return log_iotlb(send_iotlb(fd, VHOST_IOTLB_INVALIDATE, addr, len),
			 "VHOST_IOTLB_INVALIDATE");
}

int
vhost_vdpa_batch(int fd, bool begin)
{
	return log_iotlb(send_iotlb(fd, begin ? VHOST_IOTLB_BATCH_BEGIN : VHOST_IOTLB_BATCH_END, 0,
				    0), begin ? "VHOST_IOTLB_BATCH_BEGIN" :
						"VHOST_IOTLB_BATCH_END");
}
