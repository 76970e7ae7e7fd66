/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * New memory is announced, and the back-end refuses it after the time limit of the announcement.
 * The next start of a ring sends the memory again.
 */

#include <rte_malloc.h>

#include "vhost_user_port.h"

/* The second is more than what the first leaves of the pages that are there. */
#define MOST (7 << 20)
#define MUCH (3 << 20)

static struct vhost_user_port port;

static void
late_refusal(void)
{
	void *most;
	uint8_t *much;
	size_t i;

	port_create(&port);
	port.vu->protocol = VU_P_MQ | VU_P_REPLY_ACK | VU_P_STATUS | VU_P_MEM_SLOTS;
	port.vu->mem_slots = 32;
	/* One in this process is not waited for. */
	port.vu->foreign = true;
	port.answer_timeout_us = 500000;
	CHECK_EQ(port_connect(&port, VHOST_USER_STOP_GET_BASE), 0);
	port_start(&port);
	most = rte_malloc(NULL, MOST, 0);
	CHECK(most != NULL);
	fake_vu_wait_quiet(port.vu);
	test_forget_log();
	port.vu->mem_limit = port.vu->nb_regions;
	fake_vu_rule(port.vu, VU_ADD_MEM_REG, 0, 1, VU_HOLD);
	much = rte_malloc(NULL, MUCH, 0);
	CHECK(much != NULL);
	fake_vu_wait_held(port.vu);
	CHECK_EQ(test_logged("The next port start sends the table again"), 1);
	fake_vu_release(port.vu);
	fake_vu_wait_quiet(port.vu);
	port.vu->mem_limit = FAKE_VU_MAX_REGIONS;

	CHECK_EQ(virtqueue_stop(port.vq[1], PATIENCE_US), 0);
	port_refill(&port, 1);
	CHECK_EQ(virtqueue_start(port.vq[1], PATIENCE_US), 0);
	fake_vu_wait_quiet(port.vu);
	for (i = 0; i < MUCH; i += 4096)
		CHECK(fake_vu_map(port.vu, (uintptr_t)much + i, 1) != NULL);
	port_check_others_run(&port, PORT_RINGS);
	rte_free(much);
	rte_free(most);
	port_down(&port);
}

TEST_MAIN_HUGEPAGE_FILES(
	TEST(late_refusal),
)
