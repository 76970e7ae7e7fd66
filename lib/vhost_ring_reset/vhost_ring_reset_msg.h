/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VHOST_RING_RESET_MSG_H
#define VHOST_RING_RESET_MSG_H

/*
 * The vhost-user messages that matter here, as they are on the wire. librte_vhost hands them to
 * external handlers in this form but installs no header for it. Source: QEMU's
 * docs/interop/vhost-user.rst, "Message Specification".
 */

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

enum vhost_user_msg_request {
	VHOST_USER_MSG_GET_FEATURES = 1,
	VHOST_USER_MSG_SET_FEATURES = 2,
	VHOST_USER_MSG_RESET_OWNER = 4,
	VHOST_USER_MSG_GET_VRING_BASE = 11,
	VHOST_USER_MSG_SET_VRING_KICK = 12,
	VHOST_USER_MSG_SET_VRING_ENABLE = 18,
	VHOST_USER_MSG_SET_STATUS = 39,
};

/* Of the u64 in SET_VRING_KICK. */
#define VHOST_USER_MSG_VRING_INDEX_MASK 0xffu

struct vhost_user_msg {
	uint32_t request;
	uint32_t flags;
	uint32_t size;	/* of the payload, in bytes */
	union {
		uint64_t u64;
		struct {
			uint32_t index;
			uint32_t num;
		} state;
	} payload;
} __attribute__((packed));

static_assert(offsetof(struct vhost_user_msg, payload) == 12, "header of a vhost-user message");
static_assert(sizeof(struct vhost_user_msg) == 20, "layout of a vhost-user message");

#endif /* VHOST_RING_RESET_MSG_H */
