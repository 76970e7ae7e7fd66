/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * EAL's memory as a vhost back-end sees it: segments in files, events and the lock. No byte of the
 * segments exists: only their addresses are sent. Alarms, and messages between processes, do not
 * come.
 */

#include <errno.h>

#include <rte_alarm.h>
#include <rte_common.h>
#include <rte_eal.h>
#include <rte_eal_memconfig.h>
#include <rte_errno.h>
#include <rte_memory.h>

#include "no_eal.h"
#include "test.h"

#define BASE_ADDR UINT64_C(0x100000000)
/* Numbers of no descriptor of this process: they are only sent. */
#define BASE_FD 500

RTE_DEFINE_PER_LCORE(int, _rte_errno);

static struct rte_memseg segments[NO_EAL_SEGMENTS];
static struct rte_memseg_list segment_list = { .page_sz = NO_EAL_SEGMENT_SIZE };
static unsigned int present;
static bool in_one_file;
static int lock; /* readers, or -1: a writer */
static rte_mem_event_callback_t event;
static void *event_arg;

void
no_eal_set_memory(unsigned int those, bool one_file)
{
	unsigned int i;

	for (i = 0; i < NO_EAL_SEGMENTS; i++) {
		segments[i].addr_64 = (uintptr_t)no_eal_segment(i);
		segments[i].len = NO_EAL_SEGMENT_SIZE;
	}
	present = those & ((1u << NO_EAL_SEGMENTS) - 1);
	in_one_file = one_file;
}

bool
no_eal_has_segment(unsigned int segment)
{
	return (present & 1u << segment) != 0;
}

void *
no_eal_segment(unsigned int segment)
{
	return (void *)(uintptr_t)(BASE_ADDR + (uint64_t)segment * NO_EAL_SEGMENT_SIZE);
}

void
no_eal_change_memory(unsigned int segment)
{
	const bool had = no_eal_has_segment(segment);

	rte_mcfg_mem_write_lock();
	present |= 1u << segment;
	if (event != NULL)
		event(had ? RTE_MEM_EVENT_FREE : RTE_MEM_EVENT_ALLOC, no_eal_segment(segment),
		      NO_EAL_SEGMENT_SIZE, event_arg);
	if (had)
		present &= ~(1u << segment);
	rte_mcfg_mem_write_unlock();
}

void
no_eal_check_memory(void)
{
	CHECK_EQ(lock, 0);
	CHECK(event == NULL);
}

int
rte_memseg_walk_thread_unsafe(rte_memseg_walk_t func, void *arg)
{
	unsigned int i;
	int ret = 0;

	CHECK(lock != 0);
	for (i = 0; ret == 0 && i < NO_EAL_SEGMENTS; i++) {
		if (no_eal_has_segment(i))
			ret = func(&segment_list, &segments[i], arg);
	}
	return ret;
}

struct rte_memseg_list *
rte_mem_virt2memseg_list(const void *virt __rte_unused)
{
	return &segment_list;
}

int
rte_memseg_get_fd_thread_unsafe(const struct rte_memseg *ms)
{
	return BASE_FD + (in_one_file ? 0 : ms - segments);
}

int
rte_memseg_get_fd_offset_thread_unsafe(const struct rte_memseg *ms, size_t *offset)
{
	*offset = in_one_file ? (ms - segments) * NO_EAL_SEGMENT_SIZE : 0;
	return 0;
}

int
rte_mem_event_callback_register(const char *name __rte_unused, rte_mem_event_callback_t clb,
				void *arg)
{
	CHECK(event == NULL);
	event = clb;
	event_arg = arg;
	return 0;
}

int
rte_mem_event_callback_unregister(const char *name __rte_unused, void *arg)
{
	CHECK(event != NULL && event_arg == arg);
	event = NULL;
	return 0;
}

/* A thread that takes the lock again would wait for itself. */
void
rte_mcfg_mem_read_lock(void)
{
	CHECK_EQ(lock, 0);
	lock++;
}

void
rte_mcfg_mem_read_unlock(void)
{
	CHECK_EQ(lock, 1);
	lock--;
}

void
rte_mcfg_mem_write_lock(void)
{
	CHECK_EQ(lock, 0);
	lock = -1;
}

void
rte_mcfg_mem_write_unlock(void)
{
	CHECK_EQ(lock, -1);
	lock = 0;
}

/* No alarm is raised: the code under test only logs by one. */
int
rte_eal_alarm_set(uint64_t us __rte_unused, rte_eal_alarm_callback func __rte_unused,
		  void *arg __rte_unused)
{
	return 0;
}

int
rte_eal_alarm_cancel(rte_eal_alarm_callback func __rte_unused, void *arg __rte_unused)
{
	return 0;
}

/* There are no secondary processes. */
int
rte_mp_action_register(const char *name __rte_unused, rte_mp_t action __rte_unused)
{
	rte_errno = ENOTSUP;
	return -1;
}

int
rte_mp_reply(struct rte_mp_msg *msg __rte_unused, const char *peer __rte_unused)
{
	return -1;
}

int
rte_mp_request_sync(struct rte_mp_msg *req __rte_unused, struct rte_mp_reply *reply __rte_unused,
		    const struct timespec *ts __rte_unused)
{
	rte_errno = ENOTSUP;
	return -1;
}
