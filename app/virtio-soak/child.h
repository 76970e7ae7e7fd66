/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef SOAK_CHILD_H
#define SOAK_CHILD_H

/**
 * @file
 * A process, mostly a back-end ("virtio-loopback --serve"), and actions on it: it is killed, or
 * stopped for some time, or nothing reads what it logs.
 *
 * One thread, the monitor, runs for the life of the program. It begins and ends each action at the
 * scheduled time, and reads the log otherwise. All functions are for the control thread.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define CHILD_LOG 4096u

enum child_action { CHILD_NO_ACTION, CHILD_KILL, CHILD_STOP, CHILD_READ_NOTHING };

struct child_conf {
	const char *program;	/**< virtio-loopback */
	const char *path;	/**< of the socket */
	uint16_t queues;
	bool client;		/**< it connects; else it listens */
	bool stock;		/**< without lib/vhost_ring_reset */
	bool verbose;		/**< logs each message, or CHILD_READ_NOTHING does nothing */
	bool one_core;		/**< one core for all threads of the back-end and its poller */
	bool no_huge;
};

struct child {
	const char *what;	/* in messages */
	pid_t pid;		/* 0: there is none */
	int log;		/* what the process writes is read here */
	_Atomic bool gone;	/**< the process was killed */
	char log_text[CHILD_LOG];	/* the end of the log */
	uint32_t log_len;

	/* Under the monitor's lock. */
	enum child_action action;
	bool has_begun;
	uint32_t filled;		/* actions during which the log's pipe became full */
	uint64_t from_us, to_us;	/* when the action begins and ends */
};

/** Start the monitor. @return 0 or a negative errno. */
int child_init(void);
void child_exit(void);

/**
 * Start a program, and wait until it prints a text.
 *
 * @param what the process, in messages.
 * @param argv its arguments, the program first, and NULL last.
 * @param one_core on the last core of those that this process may use; else on all of them.
 * @return 0, or a negative errno after a message on stderr.
 */
int child_execute(struct child *child, const char *what, const char *const argv[],
		const char *ready, bool one_core);

/** The same for a back-end, until it serves. */
int child_start(struct child *child, const struct child_conf *conf);

/** Schedule an action: it begins after some time, and lasts for some time unless it is a kill. */
void child_schedule(struct child *child, enum child_action action, uint64_t after_us,
		uint64_t for_us);

/** Whether an action is scheduled or has not ended. */
bool child_has_action(struct child *child);

/** How many times the pipe of its log had no room for a line when CHILD_READ_NOTHING ended. */
uint32_t child_filled(struct child *child);

/** Wait until that action has ended. @return 0, or -ETIMEDOUT after a message. */
int child_wait_action(struct child *child);

/** Whether it has not ended. */
bool child_lives(const struct child *child);

/**
 * Wait for the end of a process that was killed; child_start() may follow.
 *
 * @return 0; -EFAULT after a message if it has ended otherwise, which was before.
 */
int child_reap(struct child *child);

/**
 * End it.
 *
 * @return 0; -EFAULT after a message if it says that something did not come back to it.
 */
int child_end(struct child *child);

#endif /* SOAK_CHILD_H */
