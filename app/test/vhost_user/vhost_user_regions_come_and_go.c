/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * A back-end that offers CONFIGURE_MEM_SLOTS gets memory that comes or goes as single regions, and
 * can have more of them than one SET_MEM_TABLE carries. What it refuses, or says wrongly, never
 * leaves the port with another idea of the memory than the back-end's.
 */

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vhost_user_port.h"

#define OWN 12
#define PAGE 4096
#define SLOTS 32

static struct vhost_user_port port;
/* Pages with gaps between them, of one file. */
static uint8_t *own;
static int own_fd;

static void
create(unsigned int slots, uint64_t protocol)
{
	port_create(&port);
	port.vu->protocol = protocol;
	port.vu->mem_slots = slots;
	/* One in this process is not waited for. */
	port.vu->foreign = true;
	own_fd = memfd_create("own", MFD_CLOEXEC);
	CHECK(own_fd >= 0);
	CHECK_EQ(ftruncate(own_fd, 2 * OWN * PAGE), 0);
	own = mmap(NULL, 2 * OWN * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, own_fd, 0);
	CHECK(own != MAP_FAILED);
}

static void
connect_and_start(void)
{
	CHECK_EQ(port_connect(&port, VHOST_USER_STOP_GET_BASE), 0);
	port_start(&port);
	fake_vu_forget_record(port.vu);
	test_forget_log();
}

static void
up(unsigned int slots)
{
	create(slots, VU_P_MQ | VU_P_REPLY_ACK | VU_P_STATUS | VU_P_MEM_SLOTS);
	connect_and_start();
}

static void
down(void)
{
	port_check_others_run(&port, PORT_RINGS);
	port_down(&port);
	munmap(own, 2 * OWN * PAGE);
	close(own_fd);
}

static int
attach(unsigned int i)
{
	return vhost_user_mem_attach(&port.dev, own + 2 * i * PAGE, PAGE, own_fd, 2 * i * PAGE);
}

static int
detach(unsigned int i)
{
	return vhost_user_mem_detach(&port.dev, own + 2 * i * PAGE, PAGE);
}

static bool
is_there(unsigned int i)
{
	uint8_t *there;

	fake_vu_wait_quiet(port.vu);
	there = fake_vu_map(port.vu, (uintptr_t)own + 2 * i * PAGE, PAGE);
	if (there == NULL)
		return false;
	/* The same memory. */
	own[2 * i * PAGE] = i + 1;
	CHECK_EQ(there[0], i + 1);
	return true;
}

/* One message for each, and no ring is touched. */
static void
one_message_for_each(void)
{
	unsigned int i;

	up(SLOTS);
	for (i = 0; i < OWN; i++) {
		CHECK_EQ(attach(i), 0);
		port_check_recorded(&port, "ADD!");
		CHECK(is_there(i));
		port_check_others_run(&port, PORT_RINGS);
	}
	port_restart_ring(&port, 1);
	CHECK_EQ(fake_vu_count(port.vu, VU_SET_MEM_TABLE), 0);
	fake_vu_forget_record(port.vu);
	for (i = 0; i < OWN; i++) {
		CHECK_EQ(detach(i), 0);
		port_check_recorded(&port, "REM!");
		CHECK(!is_there(i));
		port_check_others_run(&port, PORT_RINGS);
	}
	down();
}

static void
more_than_8_at_the_start(void)
{
	unsigned int i;

	create(SLOTS, VU_P_MQ | VU_P_REPLY_ACK | VU_P_STATUS | VU_P_MEM_SLOTS);
	CHECK_EQ(port_connect(&port, VHOST_USER_STOP_GET_BASE), 0);
	for (i = 0; i < OWN; i++)
		CHECK_EQ(attach(i), 0);
	fake_vu_forget_record(port.vu);
	port_start(&port);
	CHECK_EQ(fake_vu_count(port.vu, VU_SET_MEM_TABLE), 1);
	CHECK(fake_vu_count(port.vu, VU_ADD_MEM_REG) >= OWN - 7);
	for (i = 0; i < OWN; i++)
		CHECK(is_there(i));
	for (i = 0; i < OWN; i++)
		CHECK_EQ(detach(i), 0);
	CHECK_EQ(fake_vu_count(port.vu, VU_SET_MEM_TABLE), 1);
	CHECK_EQ(fake_vu_count(port.vu, VU_REM_MEM_REG), OWN);
	down();
}

static void
check_whole_tables(void)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < OWN && ret == 0; i++)
		ret = attach(i);
	CHECK_EQ(ret, -E2BIG);
	CHECK_EQ(test_logged("in more than 8 files"), 1);
	CHECK_EQ(fake_vu_count(port.vu, VU_ADD_MEM_REG), 0);
	CHECK(fake_vu_count(port.vu, VU_SET_MEM_TABLE) > 0);
	port_restart_ring(&port, 1);
	while (--i > 0)
		CHECK_EQ(detach(i - 1), 0);
}

static void
whole_tables_where_it_is_not_offered(void)
{
	create(SLOTS, VU_P_MQ | VU_P_REPLY_ACK | VU_P_STATUS);
	connect_and_start();
	check_whole_tables();
	down();
}

/* A refusal would not be seen. */
static void
whole_tables_without_acknowledgements(void)
{
	create(SLOTS, VU_P_MQ | VU_P_STATUS | VU_P_MEM_SLOTS);
	connect_and_start();
	CHECK_EQ(port.vu->protocol_acked & VU_P_MEM_SLOTS, 0);
	check_whole_tables();
	down();
}

static void
whole_tables_for_a_back_end_without_slots(void)
{
	up(0);
	check_whole_tables();
	down();
}

/* It has fewer places than it says: the port goes on with those that it has. */
static void
fewer_slots_than_it_says(unsigned int limit)
{
	unsigned int i, n;
	int ret;

	create(1 << 20, VU_P_MQ | VU_P_REPLY_ACK | VU_P_STATUS | VU_P_MEM_SLOTS);
	port.vu->mem_limit = limit;
	connect_and_start();
	for (n = 0; n < OWN; n++) {
		ret = attach(n);
		if (ret != 0)
			break;
	}
	CHECK_EQ(ret, -E2BIG);
	CHECK(n >= RTE_MAX(limit, 8u) - 3 && n < RTE_MAX(limit, 8u));
	CHECK_EQ(test_logged("refuses to change its"), 1);
	for (i = 0; i < n; i++)
		CHECK(is_there(i));
	CHECK(!is_there(n));
	port_restart_ring(&port, 1);
	/* Again, and without another try at the back-end. */
	fake_vu_forget_record(port.vu);
	CHECK_EQ(attach(n), -E2BIG);
	CHECK_EQ(fake_vu_count(port.vu, VU_ADD_MEM_REG), 0);
	for (i = 0; i < n; i++) {
		CHECK_EQ(detach(i), 0);
		CHECK(!is_there(i));
	}
	CHECK_EQ(attach(0), 0);
	CHECK(is_there(0));
	CHECK_EQ(detach(0), 0);
	down();
}

static void
fewer_slots_than_it_says_but_more_than_8(void)
{
	fewer_slots_than_it_says(10);
}

/* Below 8 regions a whole table has them all. */
static void
fewer_slots_than_one_table_carries(void)
{
	fewer_slots_than_it_says(2);
}

/* To the fake back-end, a whole table of more regions than it has slots is a breach. */
static void
slots_for_less_than_one_table_carries(unsigned int slots)
{
	unsigned int i;
	int ret = 0;

	up(slots);
	for (i = 0; i < OWN && ret == 0; i++)
		ret = attach(i);
	CHECK_EQ(ret, -E2BIG);
	CHECK(--i < slots);
	CHECK(test_logged("files, the most that the back-end supports") > 0);
	CHECK_EQ(fake_vu_count(port.vu, VU_SET_MEM_TABLE), 0);
	CHECK(!is_there(i));
	port_restart_ring(&port, 1);
	while (i-- > 0) {
		CHECK(is_there(i));
		CHECK_EQ(detach(i), 0);
	}
	down();
}

static void
slots_for_7_regions(void)
{
	slots_for_less_than_one_table_carries(7);
}

static void
slots_for_3_regions(void)
{
	slots_for_less_than_one_table_carries(3);
}

static void
removal_is_refused(void)
{
	up(SLOTS);
	CHECK_EQ(attach(0), 0);
	fake_vu_forget_record(port.vu);
	fake_vu_rule(port.vu, VU_REM_MEM_REG, 0, 1, VU_REFUSE);
	CHECK_EQ(detach(0), 0);
	port_check_recorded(&port, "REM!, MEM!");
	CHECK(!is_there(0));
	port_restart_ring(&port, 1);
	down();
}

/* No whole table can do without the region: the caller knows that the back-end still has it. */
static void
removal_is_refused_with_more_than_8(void)
{
	unsigned int i;

	up(SLOTS);
	for (i = 0; i < OWN; i++)
		CHECK_EQ(attach(i), 0);
	fake_vu_rule(port.vu, VU_REM_MEM_REG, 0, 1, VU_REFUSE);
	CHECK_EQ(detach(3), -EIO);
	CHECK(is_there(3));
	/* The next change makes up for it. */
	CHECK_EQ(detach(4), 0);
	CHECK(!is_there(3));
	CHECK(!is_there(4));
	port_restart_ring(&port, 1);
	down();
}

/* The back-end still has the old file, whose descriptor's number the new file gets. */
static void
other_file_after_a_refused_removal(void)
{
	const int other = memfd_create("other", MFD_CLOEXEC);
	uint8_t *at, *there;
	unsigned int i;
	int ret;

	CHECK(other >= 0);
	CHECK_EQ(ftruncate(other, 2 * OWN * PAGE), 0);
	up(SLOTS);
	for (i = 0; i < OWN; i++)
		CHECK_EQ(attach(i), 0);
	fake_vu_rule(port.vu, VU_REM_MEM_REG, 0, 1, VU_REFUSE);
	CHECK_EQ(detach(3), -EIO);
	at = mmap(own + 6 * PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, other,
		  6 * PAGE);
	CHECK(at == own + 6 * PAGE);
	ret = vhost_user_mem_attach(&port.dev, at, PAGE, other, 6 * PAGE);
	/* Either an error, with the old file removed, or the new file is there. */
	if (ret != 0) {
		CHECK_EQ(ret, -E2BIG);
		CHECK(!is_there(3));
		CHECK_EQ(vhost_user_mem_attach(&port.dev, at, PAGE, other, 6 * PAGE), 0);
	}
	fake_vu_wait_quiet(port.vu);
	there = fake_vu_map(port.vu, (uintptr_t)at, PAGE);
	CHECK(there != NULL);
	at[0] = 99;
	CHECK_EQ(there[0], 99);
	port_restart_ring(&port, 1);
	close(other);
	down();
}

/* A whole table follows, as what is under way may be refused. */
static void
answer_is_late(void)
{
	create(SLOTS, VU_P_MQ | VU_P_REPLY_ACK | VU_P_STATUS | VU_P_MEM_SLOTS);
	port.answer_timeout_us = 500000;
	connect_and_start();
	fake_vu_rule(port.vu, VU_ADD_MEM_REG, 0, 1, VU_HOLD);
	CHECK_EQ(attach(0), -ETIMEDOUT);
	fake_vu_wait_held(port.vu);
	fake_vu_release(port.vu);
	CHECK(!is_there(0));
	CHECK_EQ(fake_vu_count(port.vu, VU_SET_MEM_TABLE), 1);
	CHECK_EQ(attach(1), 0);
	CHECK(is_there(1));
	port_restart_ring(&port, 1);
	down();
}

/* Its answers cannot be waited for one by one, so a refusal leaves whole tables only. */
static void
back_end_in_this_process(void)
{
	create(SLOTS, VU_P_MQ | VU_P_REPLY_ACK | VU_P_STATUS | VU_P_MEM_SLOTS);
	port.vu->foreign = false;
	connect_and_start();
	CHECK_EQ(attach(0), 0);
	port_check_recorded(&port, "ADD!");
	CHECK(is_there(0));
	fake_vu_rule(port.vu, VU_ADD_MEM_REG, 0, 1, VU_REFUSE);
	CHECK_EQ(attach(1), -EIO);
	port_check_recorded(&port, "ADD!, MEM!");
	CHECK(is_there(0));
	CHECK(!is_there(1));
	CHECK_EQ(attach(1), 0);
	port_check_recorded(&port, "MEM!");
	CHECK(is_there(1));
	port_restart_ring(&port, 1);
	down();
}

static void
removal_is_refused_in_this_process(void)
{
	create(SLOTS, VU_P_MQ | VU_P_REPLY_ACK | VU_P_STATUS | VU_P_MEM_SLOTS);
	port.vu->foreign = false;
	connect_and_start();
	CHECK_EQ(attach(0), 0);
	fake_vu_rule(port.vu, VU_REM_MEM_REG, 0, 1, VU_REFUSE);
	CHECK_EQ(detach(0), -EIO);
	CHECK(is_there(0));
	/* The next start of a ring makes up for it. */
	port_restart_ring(&port, 1);
	CHECK(!is_there(0));
	down();
}

/* The next connection begins with a table of its own, and with what the next back-end says. */
static void
next_back_end_has_none(void)
{
	unsigned int i;

	up(SLOTS);
	for (i = 0; i < 4; i++)
		CHECK_EQ(attach(i), 0);
	fake_vu_disconnect(port.vu);
	CHECK_EQ(virtio_device_reset(&port.dev, PATIENCE_US), 0);
	port.vu->protocol &= ~VU_P_MEM_SLOTS;
	fake_vu_set_once(port.vu, false);
	fake_vu_forget_record(port.vu);
	CHECK_EQ(vhost_user_reconnect(&port.dev), 0);
	for (i = 0; i < PORT_RINGS; i++)
		port_refill(&port, i);
	CHECK_EQ(virtio_device_negotiate(&port.dev, UINT64_MAX), 0);
	CHECK_EQ(virtio_device_start(&port.dev, port.vq, PORT_RINGS), 0);
	for (i = 0; i < 4; i++)
		CHECK(is_there(i));
	CHECK_EQ(detach(0), 0);
	CHECK_EQ(fake_vu_count(port.vu, VU_SET_MEM_TABLE), 2);
	CHECK_EQ(fake_vu_count(port.vu, VU_REM_MEM_REG), 0);
	down();
}

TEST_MAIN(
	TEST_LAYOUTS(one_message_for_each),
	TEST_LAYOUTS(more_than_8_at_the_start),
	TEST(whole_tables_where_it_is_not_offered),
	TEST(whole_tables_without_acknowledgements),
	TEST(whole_tables_for_a_back_end_without_slots),
	TEST(fewer_slots_than_it_says_but_more_than_8),
	TEST(fewer_slots_than_one_table_carries),
	TEST(slots_for_7_regions),
	TEST(slots_for_3_regions),
	TEST(removal_is_refused),
	TEST(removal_is_refused_with_more_than_8),
	TEST(other_file_after_a_refused_removal),
	TEST(answer_is_late),
	TEST(back_end_in_this_process),
	TEST(removal_is_refused_in_this_process),
	TEST(next_back_end_has_none),
)
