/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_debug.h>

#include "child.h"

#define CHILDREN_MAX 2u
#define TURN_US 1000u		/* of the monitor */
#define START_TIMEOUT_MS 120000
#define END_TIMEOUT_US 120000000u
#define ARGS_MAX 12u
#define PIPE_BYTES 4096		/* of a log, so that it fills up soon; rounded up by the kernel */
#define LINE_BYTES 512		/* of a log; longer ones are rare */

static struct {
	pthread_t thread;
	pthread_mutex_t lock;
	struct child *child[CHILDREN_MAX];
	cpu_set_t allowed;	/* before EAL chose a core for each thread */
	bool started, quit;
} monitor = { .lock = PTHREAD_MUTEX_INITIALIZER };

static uint64_t
now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * UINT64_C(1000000) + now.tv_nsec / 1000;
}

static void
rest(void)
{
	const struct timespec turn = { .tv_nsec = TURN_US * 1000 };

	nanosleep(&turn, NULL);
}

/* Reads what the process logs, and keeps the end of it for a message. */
static ssize_t
read_log(struct child *child)
{
	char text[1024];
	const ssize_t n = read(child->log, text, sizeof(text));
	uint32_t keep;

	if (n <= 0)
		return n;
	keep = RTE_MIN(child->log_len, CHILD_LOG - 1 - sizeof(text));
	memmove(child->log_text, child->log_text + child->log_len - keep, keep);
	memcpy(child->log_text + keep, text, n);
	child->log_len = keep + n;
	child->log_text[child->log_len] = '\0';
	return n;
}

/* A line is written as a whole, so a full pipe has less room than for a line. */
static bool
is_full(int pipe)
{
	const int size = fcntl(pipe, F_GETPIPE_SZ);
	int waiting;

	return size > 0 && ioctl(pipe, FIONREAD, &waiting) == 0 && waiting > size - LINE_BYTES;
}

static void
apply_action(struct child *child, uint64_t now)
{
	if (!child->has_begun && now >= child->from_us) {
		child->has_begun = true;
		if (child->action == CHILD_KILL) {
			kill(child->pid, SIGKILL);
			atomic_store_explicit(&child->gone, true, memory_order_release);
			child->action = CHILD_NO_ACTION;
		} else if (child->action == CHILD_STOP) {
			kill(child->pid, SIGSTOP);
		}
	} else if (child->has_begun && now >= child->to_us) {
		if (child->action == CHILD_STOP)
			kill(child->pid, SIGCONT);
		else if (child->action == CHILD_READ_NOTHING)
			child->filled += is_full(child->log);
		child->action = CHILD_NO_ACTION;
	}
}

static void *
monitor_thread(void *arg __rte_unused)
{
	unsigned int i;
	bool quit;

	do {
		pthread_mutex_lock(&monitor.lock);
		for (i = 0; i < CHILDREN_MAX; i++) {
			struct child *child = monitor.child[i];

			if (child == NULL)
				continue;
			if (child->action != CHILD_NO_ACTION)
				apply_action(child, now_us());
			while ((child->action != CHILD_READ_NOTHING || !child->has_begun) &&
					read_log(child) > 0)
				;
		}
		quit = monitor.quit;
		pthread_mutex_unlock(&monitor.lock);
		rest();
	} while (!quit);
	return NULL;
}

int
child_init(void)
{
	int ret;

	sched_getaffinity(0, sizeof(monitor.allowed), &monitor.allowed);
	ret = pthread_create(&monitor.thread, NULL, monitor_thread, NULL);
	monitor.started = ret == 0;
	return -ret;
}

void
child_exit(void)
{
	if (!monitor.started)
		return;
	pthread_mutex_lock(&monitor.lock);
	monitor.quit = true;
	pthread_mutex_unlock(&monitor.lock);
	pthread_join(monitor.thread, NULL);
}

static void
monitor_add(struct child *child)
{
	unsigned int i;

	pthread_mutex_lock(&monitor.lock);
	for (i = 0; i < CHILDREN_MAX; i++) {
		if (monitor.child[i] == NULL) {
			monitor.child[i] = child;
			break;
		}
	}
	pthread_mutex_unlock(&monitor.lock);
	RTE_VERIFY(i < CHILDREN_MAX);
}

static void
monitor_remove(struct child *child)
{
	unsigned int i;

	pthread_mutex_lock(&monitor.lock);
	for (i = 0; i < CHILDREN_MAX; i++) {
		if (monitor.child[i] == child)
			monitor.child[i] = NULL;
	}
	pthread_mutex_unlock(&monitor.lock);
}

/* In the child, between fork and exec. */
static void
execute(const char *const argv[], const int log[2], pid_t parent, bool one_core)
{
	cpu_set_t cores = monitor.allowed;
	sigset_t none;
	int i;

	/* It does not outlive this process, however that ends. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_FAILURE);
	/* Ctrl-C is for the front-end. A session of its own would be scheduled apart from it. */
	setpgid(0, 0);
	for (i = 0; one_core && i < CPU_SETSIZE && CPU_COUNT(&cores) > 1; i++)
		CPU_CLR(i, &cores);
	sched_setaffinity(0, sizeof(cores), &cores);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(log[1], STDOUT_FILENO);
	dup2(log[1], STDERR_FILENO);
	execv(argv[0], (char **)(uintptr_t)argv);
	dprintf(STDERR_FILENO, "%s: %s\n", argv[0], strerror(errno));
	_exit(EXIT_FAILURE);
}

/* The process was killed, or is about to end. */
static int
wait_for_its_end(const struct child *child)
{
	int status = 0;

	while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

static int
wait_until_ready(struct child *child, const char *ready)
{
	const uint64_t deadline = now_us() + START_TIMEOUT_MS * UINT64_C(1000);
	struct pollfd fd = { .fd = child->log, .events = POLLIN };
	int ret;

	while (now_us() < deadline) {
		/* A signal ends the run after the next step, and not this wait. */
		ret = poll(&fd, 1, START_TIMEOUT_MS);
		if (ret < 0 && errno == EINTR)
			continue;
		if (ret <= 0 || read_log(child) == 0)
			break;
		if (strstr(child->log_text, ready) != NULL)
			return 0;
	}
	fprintf(stderr, "%s does not start: %s\n", child->what, child->log_text);
	return -ETIMEDOUT;
}

int
child_execute(struct child *child, const char *what, const char *const argv[], const char *ready,
		bool one_core)
{
	const pid_t parent = getpid();
	int log[2];
	int ret;

	*child = (struct child) { .what = what };
	if (pipe2(log, O_CLOEXEC) != 0)
		return -errno;
	child->log = log[0];
	fcntl(log[0], F_SETFL, O_NONBLOCK);
	fcntl(log[0], F_SETPIPE_SZ, PIPE_BYTES);
	child->pid = fork();
	if (child->pid == 0)
		execute(argv, log, parent, one_core);
	ret = child->pid < 0 ? -errno : 0;
	close(log[1]);
	if (ret != 0) {
		close(log[0]);
		child->pid = 0;
		return ret;
	}
	ret = wait_until_ready(child, ready);
	if (ret != 0) {
		kill(child->pid, SIGKILL);
		wait_for_its_end(child);
		close(child->log);
		child->pid = 0;
		return ret;
	}
	monitor_add(child);
	return 0;
}

int
child_start(struct child *child, const struct child_conf *conf)
{
	char queues[8];
	const char *argv[ARGS_MAX] = {
		conf->program, "--serve", conf->path, "--queues", queues,
	};
	unsigned int n = 5;

	snprintf(queues, sizeof(queues), "%u", conf->queues);
	if (conf->client)
		argv[n++] = "--serve-client";
	if (conf->stock)
		argv[n++] = "--serve-stock";
	if (conf->verbose)
		argv[n++] = "--verbose";
	if (conf->no_huge)
		argv[n++] = "--no-huge";
	return child_execute(child, "the back-end", argv, "serving ", conf->one_core);
}

void
child_schedule(struct child *child, enum child_action action, uint64_t after_us,
		uint64_t for_us)
{
	pthread_mutex_lock(&monitor.lock);
	child->from_us = now_us() + after_us;
	child->to_us = child->from_us + for_us;
	child->has_begun = false;
	child->action = action;
	pthread_mutex_unlock(&monitor.lock);
}

bool
child_has_action(struct child *child)
{
	bool is;

	pthread_mutex_lock(&monitor.lock);
	is = child->action != CHILD_NO_ACTION;
	pthread_mutex_unlock(&monitor.lock);
	return is;
}

uint32_t
child_filled(struct child *child)
{
	uint32_t filled;

	pthread_mutex_lock(&monitor.lock);
	filled = child->filled;
	pthread_mutex_unlock(&monitor.lock);
	return filled;
}

int
child_wait_action(struct child *child)
{
	const uint64_t deadline = now_us() + END_TIMEOUT_US;

	while (child_has_action(child)) {
		if (now_us() > deadline) {
			fprintf(stderr, "the stop of %s has not ended after %u s\n",
				child->what, END_TIMEOUT_US / 1000000);
			return -ETIMEDOUT;
		}
		rest();
	}
	return 0;
}

bool
child_lives(const struct child *child)
{
	siginfo_t info = { 0 };

	return child->pid != 0 &&
		waitid(P_PID, child->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
		info.si_pid == 0;
}

int
child_reap(struct child *child)
{
	int status;

	if (child->pid == 0)
		return 0;
	monitor_remove(child);
	status = wait_for_its_end(child);
	while (read_log(child) > 0)
		;
	close(child->log);
	child->pid = 0;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		return 0;
	fprintf(stderr, "%s has ended with status 0x%x before it was killed: %s\n", child->what,
		status, child->log_text);
	return -EFAULT;
}

int
child_end(struct child *child)
{
	const uint64_t deadline = now_us() + END_TIMEOUT_US;
	int status = 0;

	if (child->pid == 0)
		return 0;
	/* A process that is stopped does not take SIGTERM. */
	if (child_wait_action(child) != 0)
		kill(child->pid, SIGKILL);
	else if (!atomic_load(&child->gone))
		kill(child->pid, SIGTERM);
	/* The monitor reads what the process logs meanwhile. */
	while (waitpid(child->pid, &status, WNOHANG) == 0) {
		if (now_us() > deadline) {
			kill(child->pid, SIGKILL);
			status = wait_for_its_end(child);
			break;
		}
		rest();
	}
	monitor_remove(child);
	while (read_log(child) > 0)
		;
	close(child->log);
	child->pid = 0;
	if (atomic_load(&child->gone) || status == 0)
		return 0;
	fprintf(stderr, "%s has ended with status 0x%x: %s\n", child->what, status,
		child->log_text);
	return -EFAULT;
}
