/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * Target "ring-reset": messages of a front-end, as librte_vhost hands them to vhost_ring_reset. The
 * functions of librte_vhost are here, and answer what the input says.
 *
 * Rings are reported as stopped and started in turn, and only while the connection is attached and
 * the feature is acknowledged.
 */

#include <stdio.h>
#include <string.h>

#include <rte_common.h>
#include <rte_vhost.h>

#include "fuzz.h"
#include "vhost_ring_reset.h"
#include "vhost_ring_reset_msg.h"

#define RINGS 256
#define MAX_STEPS 200

static struct fuzz_input in;
static const struct rte_vhost_user_extern_ops *handlers;
static bool is_attached;
static bool is_stopped[RINGS];
static uint64_t features;
static uint64_t protocol;

/* ---- librte_vhost ------------------------------------------------------------------------- */

int
rte_vhost_get_ifname(int vid __rte_unused, char *buf, size_t len)
{
	snprintf(buf, len, "none");
	return fuzz_below(&in, 16) == 15 ? -1 : 0;
}

struct rte_vdpa_device *
rte_vhost_driver_get_vdpa_device(const char *path __rte_unused)
{
	return fuzz_below(&in, 16) == 15 ? (struct rte_vdpa_device *)(uintptr_t)8 : NULL;
}

int
rte_vhost_driver_get_features(const char *path __rte_unused, uint64_t *to)
{
	*to = features;
	return 0;
}

int
rte_vhost_get_negotiated_features(int vid __rte_unused, uint64_t *to)
{
	*to = features;
	return 0;
}

int
rte_vhost_get_negotiated_protocol_features(int vid __rte_unused, uint64_t *to)
{
	*to = protocol;
	return 0;
}

int
rte_vhost_get_vring_base(int vid __rte_unused, uint16_t queue __rte_unused, uint16_t *avail,
			 uint16_t *used)
{
	*avail = fuzz_byte(&in);
	*used = *avail;
	return fuzz_below(&in, 16) == 15 ? -1 : 0;
}

uint16_t
rte_vhost_get_vring_num(int vid __rte_unused)
{
	return 0;
}

int
rte_vhost_extern_callback_register(int vid __rte_unused,
				   struct rte_vhost_user_extern_ops const *const ops,
				   void *ctx __rte_unused)
{
	handlers = ops;
	return 0;
}

/* ---- the application ---------------------------------------------------------------------- */

static void
ring_stopped(int vid, uint16_t ring, void *arg)
{
	CHECK(is_attached && arg == &in && ring < RINGS);
	CHECK(vhost_ring_reset_negotiated(vid));
	CHECK(!is_stopped[ring]);
	is_stopped[ring] = true;
}

static void
ring_started(int vid __rte_unused, uint16_t ring, void *arg)
{
	CHECK(is_attached && arg == &in && ring < RINGS);
	CHECK(is_stopped[ring]);
	is_stopped[ring] = false;
}

static void
attach(int vid)
{
	const struct vhost_ring_reset_notify notify = { ring_stopped, ring_started };

	memset(is_stopped, 0, sizeof(is_stopped));
	is_attached = vhost_ring_reset_attach(vid, &notify, &in) == 0;
}

/* ---- messages ----------------------------------------------------------------------------- */

static void
send_message(int vid)
{
	static const uint32_t requests[] = {
		VHOST_USER_MSG_GET_FEATURES, VHOST_USER_MSG_SET_FEATURES,
		VHOST_USER_MSG_RESET_OWNER, VHOST_USER_MSG_GET_VRING_BASE,
		VHOST_USER_MSG_SET_VRING_KICK, VHOST_USER_MSG_SET_VRING_ENABLE,
		VHOST_USER_MSG_SET_STATUS,
	};
	const uint8_t which = fuzz_byte(&in);
	struct vhost_user_msg msg = {
		.request = which < 240 ? requests[which % RTE_DIM(requests)] : fuzz_byte(&in),
		.size = sizeof(uint64_t),
	};
	enum rte_vhost_msg_result result;

	if (fuzz_below(&in, 8) == 7) {
		msg.payload.u64 = fuzz_number(&in, 8);
	} else if (msg.request == VHOST_USER_MSG_SET_FEATURES) {
		msg.payload.u64 = (uint64_t)fuzz_below(&in, 2) << 40;
	} else {
		msg.payload.state.index = fuzz_below(&in, 4);
		msg.payload.state.num = fuzz_below(&in, 2);
	}
	result = handlers->pre_msg_handle(vid, &msg);
	/* The library refuses what it does not know. */
	if (msg.request == VHOST_USER_MSG_SET_FEATURES && is_attached)
		CHECK(result == RTE_VHOST_MSG_RESULT_NOT_HANDLED);
	if (result == RTE_VHOST_MSG_RESULT_NOT_HANDLED && fuzz_below(&in, 8) != 7)
		handlers->post_msg_handle(vid, &msg);
}

void
fuzz_start(void)
{
}

void
fuzz_run(const uint8_t *data, size_t size)
{
	const int vid = size > 0 ? data[0] % 4 : 0;
	unsigned int steps;

	in = (struct fuzz_input){ data + (size > 0), data + size };
	features = fuzz_number(&in, 5) & ~(UINT64_C(1) << 40);
	protocol = (uint64_t)fuzz_below(&in, 2) << VHOST_USER_PROTOCOL_F_STATUS;
	attach(vid);
	for (steps = 0; steps < MAX_STEPS && fuzz_left(&in) > 0; steps++) {
		if (fuzz_below(&in, 32) != 31) {
			send_message(vid);
			continue;
		}
		vhost_ring_reset_detach(vid);
		is_attached = false;
		CHECK(!vhost_ring_reset_negotiated(vid));
		if (fuzz_below(&in, 2) == 0)
			attach(vid);
	}
	vhost_ring_reset_detach(vid);
}
