/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * A gate is closed when neither the polling thread nor a query is inside any more, and not before;
 * from the close on nobody comes in. With the kernel's barrier and, where there is none, with the
 * fence that each burst then has of its own. A process that was killed inside is not waited for.
 */

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_pause.h>

#include "test.h"
#include "virtio_gate.h"
#include "virtio_process.h"

#define SHORT_US 2000
#define PATIENCE_US 20000000
#define ROUNDS 100000

/*
 * An exclusive store of arm64 does not succeed in single steps, so a lock would never be taken.
 * qemu-user has no ptrace(2).
 */
#ifdef RTE_ARCH_X86
#define HAS_SINGLE_STEPS true
#else
#define HAS_SINGLE_STEPS false
#endif

static struct virtio_gate gate;

static void
check_polling_thread_is_waited_for(void)
{
	virtio_gate_open(&gate);
	CHECK(virtio_gate_enter(&gate));
	CHECK_EQ(virtio_gate_close(&gate, SHORT_US), -ETIMEDOUT);
	/* It stays closed, also for a thread that comes out and in again. */
	CHECK(!virtio_gate_enter_query(&gate));
	CHECK_EQ(virtio_gate_close(&gate, SHORT_US), -ETIMEDOUT);
	virtio_gate_leave(&gate);
	CHECK(!virtio_gate_enter(&gate));
	CHECK_EQ(virtio_gate_close(&gate, SHORT_US), 0);
	CHECK(!virtio_gate_enter(&gate));
}

static void
check_queries_are_waited_for(void)
{
	virtio_gate_open(&gate);
	CHECK(virtio_gate_enter_query(&gate));
	CHECK(virtio_gate_enter_query(&gate));
	CHECK_EQ(virtio_gate_close(&gate, SHORT_US), -ETIMEDOUT);
	CHECK(!virtio_gate_enter_query(&gate));
	CHECK(!virtio_gate_enter(&gate));
	virtio_gate_leave_query(&gate);
	CHECK_EQ(virtio_gate_close(&gate, SHORT_US), -ETIMEDOUT);
	virtio_gate_leave_query(&gate);
	CHECK_EQ(virtio_gate_close(&gate, SHORT_US), 0);
	CHECK(!virtio_gate_enter_query(&gate));
}

/* One of each: neither stands for the other. */
static void
check_both_are_waited_for(void)
{
	virtio_gate_open(&gate);
	CHECK(virtio_gate_enter(&gate));
	CHECK(virtio_gate_enter_query(&gate));
	virtio_gate_leave(&gate);
	CHECK_EQ(virtio_gate_close(&gate, SHORT_US), -ETIMEDOUT);
	virtio_gate_leave_query(&gate);
	CHECK_EQ(virtio_gate_close(&gate, SHORT_US), 0);
	virtio_gate_open(&gate);
	CHECK(virtio_gate_enter(&gate));
	CHECK(virtio_gate_enter_query(&gate));
	virtio_gate_leave_query(&gate);
	CHECK_EQ(virtio_gate_close(&gate, SHORT_US), -ETIMEDOUT);
	virtio_gate_leave(&gate);
	CHECK_EQ(virtio_gate_close(&gate, SHORT_US), 0);
}

static void
check_shut_from_inside(void)
{
	virtio_gate_open(&gate);
	CHECK(virtio_gate_enter(&gate));
	virtio_gate_close_inside(&gate);
	CHECK_EQ(virtio_gate_close(&gate, SHORT_US), -ETIMEDOUT);
	virtio_gate_leave(&gate);
	CHECK(!virtio_gate_enter(&gate));
	CHECK(!virtio_gate_enter_query(&gate));
	CHECK_EQ(virtio_gate_close(&gate, SHORT_US), 0);
}

/* What two threads do: passes of the polling one, counted inside. */
struct passes {
	uint64_t n;
	bool ending;
};

static void *
poll_always(void *arg)
{
	struct passes *passes = arg;

	while (!__atomic_load_n(&passes->ending, __ATOMIC_RELAXED)) {
		if (!virtio_gate_enter(&gate))
			continue;
		__atomic_store_n(&passes->n, passes->n + 1, __ATOMIC_RELAXED);
		virtio_gate_leave(&gate);
	}
	return NULL;
}

/*
 * The race of the two stores and loads, over and over: a thread that came in unseen is one that
 * still counts when the gate has been closed.
 */
static void
check_nobody_comes_in_unseen(void)
{
	struct passes passes = { 0 };
	uint64_t seen = 0, busy = 0;
	unsigned int unseen = 0;
	pthread_t thread;
	unsigned int i, look;
	int ret = 0;

	CHECK_EQ(pthread_create(&thread, NULL, poll_always, &passes), 0);
	for (i = 0; i < ROUNDS && ret == 0; i++) {
		virtio_gate_open(&gate);
		for (look = 0; look < i % 64; look++)
			rte_pause();
		ret = virtio_gate_close(&gate, PATIENCE_US);
		busy += __atomic_load_n(&passes.n, __ATOMIC_RELAXED) != seen;
		seen = __atomic_load_n(&passes.n, __ATOMIC_RELAXED);
		for (look = 0; look < 64; look++)
			unseen += __atomic_load_n(&passes.n, __ATOMIC_RELAXED) != seen;
	}
	__atomic_store_n(&passes.ending, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	CHECK_EQ(ret, 0);
	CHECK_EQ(unseen, 0);
	CHECK(busy > 0);
}

static void
check_thread_inside_comes_in_again(void)
{
	virtio_gate_open(&gate);
	CHECK(virtio_gate_enter(&gate));
	CHECK(virtio_gate_enter(&gate));
	CHECK_EQ(virtio_gate_close(&gate, SHORT_US), -ETIMEDOUT);
	/* Closed meanwhile: it is out by that. */
	CHECK(!virtio_gate_enter(&gate));
	CHECK_EQ(virtio_gate_close(&gate, SHORT_US), 0);
	CHECK(!gate.abandoned);
}

/* A process that does nothing, with a number. */
static pid_t
another_process(uint32_t *number)
{
	const pid_t parent = getpid();
	const pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* It may have ended before. */
		while (getppid() == parent)
			pause();
		_exit(EXIT_FAILURE);
	}
	*number = virtio_process_enrol(syscall(SYS_pidfd_open, pid, 0));
	CHECK(*number > VIRTIO_PROCESS_PRIMARY);
	return pid;
}

static void
be_inside(uint32_t process)
{
	gate.process = process;
	gate.inside = 1;
}

/* From the first other process on a poller inside leaves its number, also at an open gate. */
static void
check_open_gate_becomes_shared(void)
{
	virtio_gate_open(&gate);
	CHECK_EQ(gate.open, VIRTIO_GATE_OPEN);
	CHECK(virtio_gate_enter(&gate));
	CHECK_EQ(gate.process, 0);
	virtio_gate_share(&gate);
	CHECK_EQ(gate.open, VIRTIO_GATE_SHARED);
	virtio_gate_leave(&gate);
	CHECK(virtio_gate_enter(&gate));
	CHECK_EQ(gate.process, VIRTIO_PROCESS_PRIMARY);
	virtio_gate_leave(&gate);
	CHECK_EQ(gate.any, 0);
	CHECK_EQ(virtio_gate_close(&gate, SHORT_US), 0);
	virtio_gate_share(&gate);
	CHECK_EQ(gate.open, VIRTIO_GATE_CLOSED);
}

/* A gate that is opened in a child, and what the child's two threads and the parent say. */
struct meeting {
	struct virtio_gate gate;
	RTE_ATOMIC(pid_t) other; /* the thread that enrols a process */
	RTE_ATOMIC(bool) go;     /* for that thread */
	RTE_ATOMIC(bool) joined; /* the process knows that it may poll */
};

static void *
enrol_when_asked(void *arg)
{
	struct meeting *m = arg;

	rte_atomic_store_explicit(&m->other, gettid(), rte_memory_order_release);
	while (!rte_atomic_load_explicit(&m->go, rte_memory_order_acquire))
		rte_pause();
	virtio_process_enrol(-1);
	virtio_gate_share(&m->gate);
	rte_atomic_store_explicit(&m->joined, true, rte_memory_order_release);
	return NULL;
}

static void
open_beside_an_enrolment(struct meeting *m)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, enrol_when_asked, m) != 0)
		_exit(1);
	while (rte_atomic_load_explicit(&m->other, rte_memory_order_acquire) == 0)
		rte_pause();
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGSTOP);
	virtio_gate_open(&m->gate);
	raise(SIGSTOP);
	_exit(pthread_join(thread, NULL));
}

/* Whether that thread waits for a lock, which the stopped one may hold. */
static bool
sleeps(pid_t pid, pid_t tid)
{
	char path[64], state = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", pid, tid);
	f = fopen(path, "r");
	if (f != NULL) {
		if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
			state = 0;
		fclose(f);
	}
	return state == 'S';
}

static bool
has_joined(const struct meeting *m)
{
	return rte_atomic_load_explicit(&m->joined, rte_memory_order_acquire);
}

/* One step of the thread that opens the gate. false: it has opened it. */
static bool
make_step(pid_t child)
{
	int status;

	CHECK_EQ(ptrace(PTRACE_SINGLESTEP, child, NULL, NULL), 0);
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK(WIFSTOPPED(status));
	return WSTOPSIG(status) != SIGSTOP;
}

/* A process is enrolled after that many instructions. Returns how many there were. */
static unsigned int
meet_after(struct meeting *m, unsigned int before)
{
	bool opened = false;
	unsigned int n = 0;
	pid_t child;
	int status;

	memset(m, 0, sizeof(*m));
	child = fork();
	CHECK(child >= 0);
	if (child == 0)
		open_beside_an_enrolment(m);
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK(WIFSTOPPED(status));
	for (; !opened && n < before; n++)
		opened = !make_step(child);
	rte_atomic_store_explicit(&m->go, true, rte_memory_order_release);
	while (!has_joined(m) && !sleeps(child, m->other))
		sched_yield();
	for (; !opened; n++) {
		CHECK(!has_joined(m) || m->gate.open != VIRTIO_GATE_OPEN);
		opened = !make_step(child);
	}
	CHECK_EQ(ptrace(PTRACE_CONT, child, NULL, NULL), 0);
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	CHECK_EQ(m->gate.open, VIRTIO_GATE_SHARED);
	return n;
}

/*
 * A process that is enrolled while a gate is being opened may poll as soon as it knows. From then
 * on the gate is not OPEN, wherever the thread that opens it has been.
 */
static void
check_enrolment_beside_an_opening(void)
{
	struct meeting *m = mmap(NULL, sizeof(*m), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned int steps, before, stride;

	CHECK(m != MAP_FAILED);
	steps = meet_after(m, 0);
	/* Hundreds of steps, and thousands with a sanitizer: some of them. */
	stride = RTE_MAX(steps / 40, 1u);
	for (before = stride; before < steps; before += stride)
		meet_after(m, before);
	munmap(m, sizeof(*m));
}

/* With nothing left in the ring. */
static void
check_killed_at_a_closed_gate(uint32_t number)
{
	be_inside(number);
	virtio_gate_open(&gate);
	CHECK(virtio_gate_enter(&gate));
	virtio_gate_leave(&gate);
	CHECK_EQ(virtio_gate_close(&gate, SHORT_US), 0);
	CHECK(!gate.abandoned);
}

static void
check_killed_process_is_not_waited_for(void)
{
	uint32_t number;
	const pid_t pid = another_process(&number);

	virtio_gate_open(&gate);
	CHECK(gate.open != VIRTIO_GATE_OPEN);
	be_inside(number);
	/* Nobody comes in over it, and while it lives it is waited for. */
	CHECK(!virtio_gate_enter(&gate));
	CHECK_EQ(gate.process, number);
	CHECK_EQ(virtio_gate_close(&gate, SHORT_US), -ETIMEDOUT);
	CHECK(!gate.abandoned);
	CHECK(!virtio_process_has_ended(number));
	CHECK_EQ(kill(pid, SIGKILL), 0);
	/* Nobody has taken note of its end yet. */
	CHECK_EQ(virtio_gate_close(&gate, PATIENCE_US), 0);
	CHECK(gate.abandoned);
	CHECK_EQ(gate.any, 0);
	gate.abandoned = false;
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
	CHECK(virtio_process_has_ended(number));
	check_killed_at_a_closed_gate(number);
	/* Also at one that was never open. */
	memset(&gate, 0, sizeof(gate));
	check_killed_at_a_closed_gate(number);
}

/* Opens the gate in a child that its parent steps through. */
static void
open_step_by_step(struct virtio_gate *shared)
{
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGSTOP);
	virtio_gate_open(shared);
	_exit(0);
}

/*
 * With another process enrolled the gate is never OPEN, not even for one instruction: a poller of
 * the primary that saw that value would not look for the name of a process which was killed inside.
 */
static void
check_shared_gate_is_never_open(void)
{
	struct virtio_gate *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
					  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint32_t number;
	const pid_t other = another_process(&number);
	pid_t child;
	int status;

	CHECK(shared != MAP_FAILED);
	child = fork();
	CHECK(child >= 0);
	if (child == 0)
		open_step_by_step(shared);
	for (;;) {
		CHECK_EQ(waitpid(child, &status, 0), child);
		if (!WIFSTOPPED(status))
			break;
		CHECK(rte_atomic_load_explicit(&shared->open, rte_memory_order_relaxed) !=
		      VIRTIO_GATE_OPEN);
		CHECK_EQ(ptrace(PTRACE_SINGLESTEP, child, NULL, NULL), 0);
	}
	CHECK(WIFEXITED(status));
	CHECK_EQ(shared->open, VIRTIO_GATE_SHARED);
	munmap(shared, sizeof(*shared));
	CHECK_EQ(kill(other, SIGKILL), 0);
	CHECK_EQ(waitpid(other, NULL, 0), other);
}

/*
 * A pause opens the gate again where a poller did not come out in time. That poller may be killed
 * at any time then, within its burst.
 */
static void
check_killed_after_a_failed_close(void)
{
	uint32_t number;
	const pid_t pid = another_process(&number);

	virtio_gate_open(&gate);
	be_inside(number);
	CHECK_EQ(virtio_gate_close(&gate, SHORT_US), -ETIMEDOUT);
	CHECK_EQ(kill(pid, SIGKILL), 0);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
	CHECK(virtio_process_has_ended(number));
	virtio_gate_open(&gate);
	CHECK(!virtio_gate_enter(&gate));
	CHECK_EQ(virtio_gate_close(&gate, PATIENCE_US), 0);
	CHECK(gate.abandoned);
	gate.abandoned = false;
}

/* Whose number was never given lives, for all that is known. */
static void
check_unknown_process_is_waited_for(void)
{
	virtio_gate_open(&gate);
	be_inside(UINT32_MAX);
	CHECK_EQ(virtio_gate_close(&gate, SHORT_US), -ETIMEDOUT);
	CHECK_EQ(gate.process, UINT32_MAX);
	gate.any = 0;
	CHECK_EQ(virtio_gate_close(&gate, SHORT_US), 0);
}

static void
check_all(void)
{
	check_thread_inside_comes_in_again();
	check_polling_thread_is_waited_for();
	check_queries_are_waited_for();
	check_both_are_waited_for();
	check_shut_from_inside();
	check_nobody_comes_in_unseen();
}

static void
check_opens_as(uint32_t how)
{
	virtio_gate_open(&gate);
	CHECK_EQ(gate.open, how);
	CHECK_EQ(virtio_gate_close(&gate, SHORT_US), 0);
}

/* As it is before anybody has asked the kernel: to be the first case. */
static void
with_fences(void)
{
	check_opens_as(VIRTIO_GATE_FENCED);
	check_all();
}

/* The thread sanitizer refuses a thread that is created after a fork. */
#ifdef __SANITIZE_THREAD__
#define HAS_THREADS_OF_CHILDREN false
#else
#define HAS_THREADS_OF_CHILDREN true
#endif

static void
with_the_kernels_barrier(void)
{
	CHECK(virtio_gate_prepare());
	check_opens_as(VIRTIO_GATE_OPEN);
	check_all();
	check_open_gate_becomes_shared();
	if (HAS_SINGLE_STEPS && HAS_THREADS_OF_CHILDREN)
		check_enrolment_beside_an_opening();
}

/* The last: a process that was enrolled is counted for good. */
static void
with_other_processes(void)
{
	check_killed_process_is_not_waited_for();
	check_killed_after_a_failed_close();
	if (HAS_SINGLE_STEPS)
		check_shared_gate_is_never_open();
	check_unknown_process_is_waited_for();
	check_opens_as(VIRTIO_GATE_SHARED);
	check_all();
}

TEST_MAIN(
	TEST(with_fences),
	TEST(with_the_kernels_barrier),
	TEST(with_other_processes),
)
