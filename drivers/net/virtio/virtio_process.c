/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_string_fns.h>

#include "virtio_compat.h"
#include "virtio_log.h"
#include "virtio_process.h"

#define JOIN_MESSAGE   "net_virtio_join"
#define JOIN_TIMEOUT_S 5

/* What the primary answers. */
struct joined {
	uint32_t number; /* 0: the primary has no memory for it */
};

struct process {
	struct process *next;
	uint32_t number;
	int pidfd;
};

uint32_t virtio_process_self = VIRTIO_PROCESS_PRIMARY;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* The primary's: those that have not ended, as far as it has looked. */
static struct process *processes;
static RTE_ATOMIC(uint32_t) last_number = VIRTIO_PROCESS_PRIMARY; /* written under the lock */
static void (*tell_joined)(void);

static int
descriptor_of_self(void)
{
#ifdef SYS_pidfd_open
	return syscall(SYS_pidfd_open, getpid(), 0);
#else
	return -1;
#endif
}

static bool
has_ended(const struct process *process)
{
	struct pollfd pfd = { .fd = process->pidfd, .events = POLLIN };

	return process->pidfd >= 0 && poll(&pfd, 1, 0) > 0 && (pfd.revents & POLLIN);
}

/* Forgets who has ended; the lock is held. */
static void
forget_ended(void)
{
	struct process **at = &processes;

	while (*at != NULL) {
		struct process *process = *at;

		if (!has_ended(process)) {
			at = &process->next;
			continue;
		}
		*at = process->next;
		close(process->pidfd);
		free(process);
	}
}

void
virtio_process_forget_ended(void)
{
	pthread_mutex_lock(&lock);
	forget_ended();
	pthread_mutex_unlock(&lock);
}

uint32_t
virtio_process_enrol(int pidfd)
{
	struct process *process = malloc(sizeof(*process));
	uint32_t number = 0;

	/* pidfd_open(2) sets the flag, but EAL receives descriptors without it. */
	if (pidfd >= 0)
		fcntl(pidfd, F_SETFD, FD_CLOEXEC);
	pthread_mutex_lock(&lock);
	forget_ended();
	if (process != NULL) {
		/*
		 * More than can ever come. A lock orders this number with the openings of gates,
		 * see virtio_gate_open().
		 */
		number = rte_atomic_fetch_add_explicit(&last_number, 1,
						       rte_memory_order_release) + 1;
		*process = (struct process){ processes, number, pidfd };
		processes = process;
	}
	pthread_mutex_unlock(&lock);
	if (process == NULL && pidfd >= 0)
		close(pidfd);
	return number;
}

bool
virtio_process_is_alone(void)
{
	return rte_atomic_load_explicit(&last_number, rte_memory_order_acquire) ==
	       VIRTIO_PROCESS_PRIMARY;
}

bool
virtio_process_has_ended(uint32_t number)
{
	const struct process *process;
	bool ended;

	pthread_mutex_lock(&lock);
	forget_ended();
	for (process = processes; process != NULL; process = process->next) {
		if (process->number == number)
			break;
	}
	ended = process == NULL && number > VIRTIO_PROCESS_PRIMARY && number <= last_number;
	pthread_mutex_unlock(&lock);
	return ended;
}

/* On EAL's thread for messages. */
static int
answer_join(const struct rte_mp_msg *msg, const void *peer)
{
	struct rte_mp_msg reply = { .len_param = sizeof(struct joined) };
	struct joined *joined = (struct joined *)(void *)reply.param;
	int i;

	for (i = 1; i < msg->num_fds; i++)
		close(msg->fds[i]);
	joined->number = virtio_process_enrol(msg->num_fds > 0 ? msg->fds[0] : -1);
	tell_joined();
	rte_strlcpy(reply.name, JOIN_MESSAGE, sizeof(reply.name));
	return rte_mp_reply(&reply, peer);
}

int
virtio_process_listen(const char *message, rte_mp_t action)
{
	/* Twice is no error, and without shared files there are no secondaries. */
	if (rte_mp_action_register(message, action) == 0 || rte_errno == EEXIST ||
	    rte_errno == ENOTSUP)
		return 0;
	return -rte_errno;
}

int
virtio_process_serve(void (*joined)(void))
{
	tell_joined = joined;
	return virtio_process_listen(JOIN_MESSAGE, answer_join);
}

/* The lock is held: EAL takes one request of a name at a time. */
static int
join(void)
{
	const struct timespec timeout = { .tv_sec = JOIN_TIMEOUT_S };
	struct rte_mp_msg msg = { .num_fds = 1 };
	const struct joined *joined;
	struct rte_mp_reply reply;
	int ret;

	rte_strlcpy(msg.name, JOIN_MESSAGE, sizeof(msg.name));
	msg.fds[0] = descriptor_of_self();
	/* Without, the primary process cannot find out that this process has ended. */
	if (msg.fds[0] < 0)
		msg.num_fds = 0;
	ret = rte_mp_request_sync(&msg, &reply, &timeout);
	if (msg.fds[0] >= 0)
		close(msg.fds[0]);
	if (ret != 0)
		return -rte_errno;
	if (reply.nb_received == 0)
		return -ETIMEDOUT;
	joined = (const struct joined *)(const void *)reply.msgs[0].param;
	if (reply.msgs[0].len_param != sizeof(*joined))
		ret = -EPROTO;
	else if (joined->number == 0)
		ret = -ENOMEM;
	else
		virtio_process_self = joined->number;
	free(reply.msgs);
	return ret;
}

int
virtio_process_join(void)
{
	int ret = 0;

	pthread_mutex_lock(&lock);
	if (virtio_process_self == VIRTIO_PROCESS_PRIMARY)
		ret = join();
	pthread_mutex_unlock(&lock);
	return ret;
}
