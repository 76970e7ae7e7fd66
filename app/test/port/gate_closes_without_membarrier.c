/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * The kernel refuses membarrier(2) to some threads or from some time on, as a seccomp filter has
 * it. A gate that a poller may have entered without a fence is never taken for empty without that
 * barrier; any other gate closes without it.
 */

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <rte_common.h>

#include "test.h"
#include "virtio_gate.h"
#include "virtio_process.h"

#define SHORT_US 2000

static struct virtio_gate gate;
static bool no_filters; /* qemu-user has none, for one */

/* From here on the kernel refuses this thread membarrier(2), and nothing else. */
static void
forbid_membarrier(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {
		.len = RTE_DIM(filter), .filter = filter,
	};

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	no_filters |= prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0;
}

static void *
close_on_thread(void *arg)
{
	int *ret = arg;

	forbid_membarrier();
	*ret = virtio_gate_close(&gate, SHORT_US);
	return NULL;
}

static void *
prepare_on_thread(void *arg)
{
	bool *have = arg;

	forbid_membarrier();
	*have = virtio_gate_prepare();
	return NULL;
}

/* The filter is the thread's alone: this one still has the barrier. */
static int
close_without_membarrier(void)
{
	pthread_t thread;
	int ret = 1;

	CHECK_EQ(pthread_create(&thread, NULL, close_on_thread, &ret), 0);
	pthread_join(thread, NULL);
	if (no_filters)
		test_skip("no seccomp filter can be set here");
	return ret;
}

static bool
prepare_without_membarrier(void)
{
	pthread_t thread;
	bool have = true;

	CHECK_EQ(pthread_create(&thread, NULL, prepare_on_thread, &have), 0);
	pthread_join(thread, NULL);
	if (no_filters)
		test_skip("no seccomp filter can be set here");
	return have;
}

static void
check_opens_as(uint32_t how)
{
	virtio_gate_open(&gate);
	CHECK_EQ(gate.open, how);
}

/* "Nobody is inside" says nothing without the barrier. */
static void
barrier_is_refused(void)
{
	CHECK(virtio_gate_prepare());
	check_opens_as(VIRTIO_GATE_OPEN);
	CHECK_EQ(close_without_membarrier(), -EPERM);
	CHECK_EQ(test_logged("the kernel refuses membarrier(2)"), 1);
	CHECK(!virtio_gate_is_empty(&gate));
	/* It is closed all the same, and proven empty where the kernel does its part. */
	CHECK(!virtio_gate_enter(&gate));
	CHECK_EQ(close_without_membarrier(), -EPERM);
	CHECK_EQ(virtio_gate_close(&gate, SHORT_US), 0);
	CHECK(virtio_gate_is_empty(&gate));
	/* What opens from now on does not depend on that barrier. */
	check_opens_as(VIRTIO_GATE_FENCED);
	CHECK_EQ(close_without_membarrier(), 0);
	CHECK(virtio_gate_is_empty(&gate));
}

/* A second port, after the filter: the gates of the first still take the barrier. */
static void
later_port_is_refused(void)
{
	CHECK(virtio_gate_prepare());
	check_opens_as(VIRTIO_GATE_OPEN);
	CHECK(!prepare_without_membarrier());
	CHECK_EQ(close_without_membarrier(), -EPERM);
	CHECK(!virtio_gate_is_empty(&gate));
	/* Opened again after a close that failed: a poller of before may still be under way. */
	check_opens_as(VIRTIO_GATE_FENCED);
	CHECK_EQ(close_without_membarrier(), -EPERM);
	CHECK_EQ(virtio_gate_close(&gate, SHORT_US), 0);
	check_opens_as(VIRTIO_GATE_FENCED);
	CHECK_EQ(close_without_membarrier(), 0);
}

/* A second port has the barrier that the first had not: what the first has opened does without. */
static void
later_port_is_permitted(void)
{
	CHECK(!prepare_without_membarrier());
	check_opens_as(VIRTIO_GATE_FENCED);
	CHECK(virtio_gate_prepare());
	CHECK_EQ(close_without_membarrier(), 0);
	CHECK(virtio_gate_is_empty(&gate));
	check_opens_as(VIRTIO_GATE_OPEN);
	CHECK_EQ(virtio_gate_close(&gate, SHORT_US), 0);
}

/* The pollers of a gate that was never OPEN have fences; one that becomes SHARED was OPEN. */
static void
other_processes_poll(void)
{
	CHECK(virtio_gate_prepare());
	check_opens_as(VIRTIO_GATE_OPEN);
	CHECK(virtio_process_enrol(syscall(SYS_pidfd_open, getpid(), 0)) > VIRTIO_PROCESS_PRIMARY);
	virtio_gate_share(&gate);
	CHECK_EQ(gate.open, VIRTIO_GATE_SHARED);
	CHECK_EQ(close_without_membarrier(), -EPERM);
	CHECK_EQ(virtio_gate_close(&gate, SHORT_US), 0);
	check_opens_as(VIRTIO_GATE_SHARED);
	CHECK_EQ(close_without_membarrier(), 0);
	CHECK(virtio_gate_is_empty(&gate));
}

/* The last one enrols a process, which stays enrolled. */
TEST_MAIN(
	TEST(barrier_is_refused),
	TEST(later_port_is_refused),
	TEST(later_port_is_permitted),
	TEST_LEAVES(other_processes_poll),
)
