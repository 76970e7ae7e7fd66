/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include "vhost_user_private.h"

int
vu_send_u64(struct vhost_user *vu, uint32_t request, uint64_t value, struct vhost_user_reply *reply)
{
	struct vhost_user_msg msg = {
		.request = request, .size = sizeof(uint64_t), .payload.u64 = value
	};

	return vhost_user_send(&vu->ch, &msg, NULL, 0, reply);
}

int
vu_send_ring(struct vhost_user *vu, uint32_t request, uint16_t index, uint32_t num,
	     struct vhost_user_reply *reply)
{
	struct vhost_user_msg msg = {
		.request = request, .size = sizeof(msg.payload.state),
		.payload.state = { .index = index, .num = num },
	};

	return vhost_user_send(&vu->ch, &msg, NULL, 0, reply);
}

int
vu_send_ring_fd(struct vhost_user *vu, uint32_t request, uint16_t index, int fd,
		struct vhost_user_reply *reply)
{
	struct vhost_user_msg msg = {
		.request = request, .size = sizeof(uint64_t), .payload.u64 = index
	};

	return vhost_user_send(&vu->ch, &msg, &fd, 1, reply);
}

int
vu_get_u64(struct vhost_user *vu, uint32_t request, uint64_t *value)
{
	struct vhost_user_msg msg = { .request = request };
	int ret = vhost_user_send(&vu->ch, &msg, NULL, 0, &vu->handshake);

	if (ret == 0)
		ret = vhost_user_wait(&vu->ch, &vu->handshake, vu->answer_timeout_us);
	*value = vu->handshake.value;
	return ret;
}

/* Sends a control message and waits for its acknowledgment where there is such a thing. */
int
vu_control_u64(struct vhost_user *vu, uint32_t request, uint64_t value)
{
	int ret;

	vhost_user_reply_begin(&vu->control);
	ret = vu_send_u64(vu, request, value, vu_ack(vu, &vu->control));
	return ret != 0 ? ret : vhost_user_wait(&vu->ch, &vu->control, vu->answer_timeout_us);
}
