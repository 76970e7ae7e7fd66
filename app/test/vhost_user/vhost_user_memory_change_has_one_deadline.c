/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * A change of many regions takes many messages, and EAL's memory lock is held for all of them. A
 * back-end that answers each of them, but slowly, does not hold the lock for more than the time of
 * one answer. The next start of a ring sends what the back-end does not have.
 */

#include <rte_malloc.h>

#include "vhost_user_port.h"

/* 8 pages, each a file and thus a region of its own, and more than EAL has at hand. */
#define MUCH (16 << 20)
#define REGIONS 8
#define SLOTS 48

/* Two answers take longer than one may. */
#define ANSWER_TIMEOUT_US 2000000
#define DELAY_US 1200000
#define MOST_MESSAGES 2

static struct vhost_user_port port;

static void
up(void)
{
	port_create(&port);
	port.vu->protocol = VU_P_MQ | VU_P_REPLY_ACK | VU_P_STATUS | VU_P_MEM_SLOTS;
	port.vu->mem_slots = SLOTS;
	port.vu->delay_us = DELAY_US;
	/* One in this process is not waited for. */
	port.vu->foreign = true;
	port.answer_timeout_us = ANSWER_TIMEOUT_US;
	CHECK_EQ(port_connect(&port, VHOST_USER_STOP_GET_BASE), 0);
}

static void
start(void)
{
	port_start(&port);
	fake_vu_wait_quiet(port.vu);
	fake_vu_forget_record(port.vu);
	test_forget_log();
}

static void *
take_memory(void)
{
	void *much = rte_malloc(NULL, MUCH, 0);

	CHECK(much != NULL);
	return much;
}

/* `at` is not a pointer, because compilers warn of any use of a pointer after rte_free(). */
static bool
is_there(uintptr_t at)
{
	fake_vu_wait_quiet(port.vu);
	return fake_vu_map(port.vu, at + MUCH - 1, 1) != NULL;
}

static void
new_memory(void)
{
	uintptr_t at;
	void *much;

	up();
	start();
	fake_vu_rule(port.vu, VU_ADD_MEM_REG, 0, SLOTS, VU_SLOW);
	much = take_memory();
	at = (uintptr_t)much;
	fake_vu_wait_quiet(port.vu);
	CHECK(fake_vu_count(port.vu, VU_ADD_MEM_REG) <= MOST_MESSAGES);
	CHECK_EQ(test_logged("changed memory table is not in force"), 1);
	CHECK_EQ(test_logged("a change of memory has reached its time limit"), 1);
	CHECK(vhost_user_is_up(&port.dev));
	CHECK(!is_there(at));
	fake_vu_obey(port.vu);
	port_restart_ring(&port, 1);
	CHECK(is_there(at));
	rte_free(much);
	CHECK(!is_there(at));
	port_down(&port);
}

/* Memory that EAL unmaps is the back-end's no more: the connection ends. */
static void
freed_memory(void)
{
	void *much;

	up();
	start();
	much = take_memory();
	CHECK(fake_vu_count(port.vu, VU_ADD_MEM_REG) >= REGIONS);
	fake_vu_rule(port.vu, VU_REM_MEM_REG, 0, SLOTS, VU_SLOW);
	fake_vu_set_once(port.vu, true);
	rte_free(much);
	CHECK(fake_vu_count(port.vu, VU_REM_MEM_REG) <= MOST_MESSAGES);
	CHECK(!vhost_user_is_up(&port.dev));
	CHECK_EQ(test_logged("the memory table without freed memory cannot be sent"), 1);
	port_down(&port);
}

/* A table of more regions than one message carries, at the start of the device. */
static void
first_table(void)
{
	void *much;

	up();
	much = take_memory();
	port_make_rings(&port);
	fake_vu_rule(port.vu, VU_ADD_MEM_REG, 0, SLOTS, VU_SLOW);
	fake_vu_forget_record(port.vu);
	CHECK_EQ(virtio_device_negotiate(&port.dev, UINT64_MAX), -ETIMEDOUT);
	CHECK(fake_vu_count(port.vu, VU_ADD_MEM_REG) <= MOST_MESSAGES);
	fake_vu_obey(port.vu);
	CHECK_EQ(virtio_device_reset(&port.dev, PATIENCE_US), 0);
	CHECK_EQ(virtio_device_negotiate(&port.dev, UINT64_MAX), 0);
	CHECK_EQ(virtio_device_start(&port.dev, port.vq, PORT_RINGS), 0);
	CHECK(is_there((uintptr_t)much));
	rte_free(much);
	port_down(&port);
}

TEST_MAIN_HUGEPAGE_FILES(
	TEST(new_memory),
	TEST(freed_memory),
	TEST(first_table),
)
