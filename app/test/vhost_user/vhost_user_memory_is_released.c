/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * EAL frees memory while a device runs, and unmaps it after the call-backs, whatever these find.
 * The back-end gets a table without that memory first. If that cannot be sent the connection ends,
 * since nothing else makes the back-end let go. A table of new memory that cannot be sent is made
 * up for before a ring starts.
 */

#include <string.h>
#include <sys/socket.h>

#include <rte_malloc.h>

#include "vhost_user_port.h"

/* More than EAL has at hand. */
#define MUCH (100 << 20)

static struct vhost_user_port port;

static void
up(uint64_t protocol)
{
	port_create(&port);
	port.vu->protocol = protocol;
	/* One in this process is not waited for. */
	port.vu->foreign = true;
	/* What waits for an answer does so for this long. */
	port.answer_timeout_us = 100000;
	CHECK_EQ(port_connect(&port, VHOST_USER_STOP_GET_BASE), 0);
	port_start(&port);
	fake_vu_wait_quiet(port.vu);
	test_forget_log();
}

static void *
take_memory(void)
{
	void *much = rte_malloc(NULL, MUCH, 0);

	CHECK(much != NULL);
	return much;
}

/* Nothing more fits into the socket of a back-end that does not read. */
static void
fill_socket(void)
{
	const struct { uint32_t request, flags, size; } owner = { VU_SET_OWNER, 0x1, 0 };
	const int fd = vhost_user_watch_fd(&port.dev);

	fake_vu_rule(port.vu, VU_SET_OWNER, 0, 1, VU_HOLD);
	CHECK_EQ(send(fd, &owner, sizeof(owner), MSG_NOSIGNAL), sizeof(owner));
	fake_vu_wait_held(port.vu);
	while (send(fd, &owner, sizeof(owner), MSG_NOSIGNAL | MSG_DONTWAIT) == sizeof(owner))
		;
	CHECK_EQ(errno, EAGAIN);
}

/* The connection was given up; the next one is as good as the first. */
static void
check_given_up_and_recover(void)
{
	unsigned int i;

	CHECK(!vhost_user_is_up(&port.dev));
	CHECK_EQ(test_logged("the connection to the back-end is closed"), 1);
	fake_vu_set_once(port.vu, true);
	fake_vu_obey(port.vu);
	fake_vu_release(port.vu);
	CHECK_EQ(virtio_device_reset(&port.dev, PATIENCE_US), 0);
	fake_vu_set_once(port.vu, false);
	CHECK_EQ(vhost_user_reconnect(&port.dev), 0);
	for (i = 0; i < PORT_RINGS; i++)
		port_refill(&port, i);
	CHECK_EQ(virtio_device_negotiate(&port.dev, UINT64_MAX), 0);
	CHECK_EQ(virtio_device_start(&port.dev, port.vq, PORT_RINGS), 0);
	port_check_others_run(&port, PORT_RINGS);
}

static void
table_without_freed_memory_cannot_be_sent(void)
{
	void *much;

	up(VU_P_MQ | VU_P_REPLY_ACK | VU_P_STATUS);
	much = take_memory();
	fill_socket();
	rte_free(much);
	CHECK(port.vu->holding);
	CHECK_EQ(test_logged("the memory table without freed memory cannot be sent"), 1);
	check_given_up_and_recover();
	port_down(&port);
}

static void
table_without_freed_memory_is_refused(void)
{
	void *much;

	up(VU_P_MQ | VU_P_REPLY_ACK | VU_P_STATUS);
	much = take_memory();
	fake_vu_rule(port.vu, VU_SET_MEM_TABLE, 0, 1, VU_REFUSE);
	rte_free(much);
	CHECK_EQ(test_logged("it refused the memory table without freed memory"), 1);
	check_given_up_and_recover();
	port_down(&port);
}

/* A table that is under way is obeyed before all that comes after it: the connection stays. */
static void
table_without_freed_memory_is_answered_late(uint64_t protocol)
{
	uintptr_t at;
	void *much;

	up(protocol);
	much = take_memory();
	at = (uintptr_t)much;
	fake_vu_rule(port.vu, VU_SET_MEM_TABLE, 0, 1, VU_HOLD);
	rte_free(much);
	fake_vu_wait_held(port.vu);
	CHECK_EQ(test_logged("changed memory table is not in force"), 1);
	CHECK(vhost_user_is_up(&port.dev));
	fake_vu_release(port.vu);
	fake_vu_wait_quiet(port.vu);
	CHECK(fake_vu_map(port.vu, at, 1) == NULL);
	port_check_others_run(&port, PORT_RINGS);
	port_down(&port);
}

static void
late_acknowledgement(void)
{
	table_without_freed_memory_is_answered_late(VU_P_MQ | VU_P_REPLY_ACK | VU_P_STATUS);
}

/* Without REPLY_ACK, too, freed memory is not unmapped before the back-end has the table. */
static void
late_without_acknowledgements(void)
{
	table_without_freed_memory_is_answered_late(VU_P_MQ);
}

static void
table_of_new_memory_cannot_be_sent(void)
{
	unsigned int tables;
	uintptr_t at;
	void *much;

	up(VU_P_MQ | VU_P_REPLY_ACK | VU_P_STATUS);
	fill_socket();
	much = take_memory();
	at = (uintptr_t)much;
	CHECK_EQ(test_logged("changed memory table is not in force"), 1);
	CHECK(vhost_user_is_up(&port.dev));
	fake_vu_release(port.vu);
	fake_vu_wait_quiet(port.vu);
	CHECK(fake_vu_map(port.vu, at, 1) == NULL);
	tables = port.vu->tables;
	CHECK_EQ(virtqueue_stop(port.vq[1], PATIENCE_US), 0);
	port_refill(&port, 1);
	CHECK_EQ(virtqueue_start(port.vq[1], PATIENCE_US), 0);
	CHECK_EQ(port.vu->tables, tables + 1);
	CHECK(fake_vu_map(port.vu, at, 1) != NULL);
	port_check_others_run(&port, PORT_RINGS);
	rte_free(much);
	fake_vu_wait_quiet(port.vu);
	CHECK(fake_vu_map(port.vu, at, 1) == NULL);
	port_down(&port);
}

TEST_MAIN_HUGEPAGES(
	TEST_LAYOUTS(table_without_freed_memory_cannot_be_sent),
	TEST(table_without_freed_memory_is_refused),
	TEST(late_acknowledgement),
	TEST(late_without_acknowledgements),
	TEST_LAYOUTS(table_of_new_memory_cannot_be_sent),
)
