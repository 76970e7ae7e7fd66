/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef SOAK_CHILD_H
#define SOAK_CHILD_H

/**
 * @file
 * A back-end in a process of its own, "virtio-loopback --serve", and what is done to it: it is
 * killed, or stopped for some time, or nothing reads what it logs.
 *
 * A thread, the keeper, does this at its time and reads the log otherwise; there is one for the
 * life of the program. All other functions are for the control thread.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define CHILD_LOG 4096u

enum child_fate { CHILD_LEFT_ALONE, CHILD_KILLED, CHILD_STOPPED, CHILD_UNREAD };

struct child_conf {
	const char *program;	/**< virtio-loopback */
	const char *path;	/**< of the socket */
	uint16_t queues;
	bool client;		/**< it connects; else it listens */
	bool stock;		/**< without lib/vhost_ring_reset */
	bool verbose;		/**< logs each message, or CHILD_UNREAD does nothing */
	bool no_huge;
};

struct child {
	struct child_conf conf;
	pid_t pid;		/* 0: there is none */
	int log;		/* what it says */
	_Atomic bool gone;	/**< it was killed */
	char said[CHILD_LOG];	/* the end of it */
	uint32_t said_len;

	/* Under the keeper's lock. */
	enum child_fate fate;
	bool began;
	uint64_t from_us, to_us;	/* when it is met by its fate */
};

/** Start the keeper. @return 0 or a negative errno. */
int child_init(void);
void child_exit(void);

/**
 * Start one, and wait until it serves.
 *
 * @return 0, or a negative errno after a message on stderr.
 */
int child_start(struct child *child, const struct child_conf *conf);

/** Some time from now on something happens to it, for some time unless it is killed. */
void child_doom(struct child *child, enum child_fate fate, uint64_t after_us, uint64_t for_us);

/** Whether something happens to it, or is going to. */
bool child_is_doomed(struct child *child);

/** Wait for that to be over. @return 0, or -ETIMEDOUT after a message. */
int child_wait_fate(struct child *child);

/** Take one that was killed away; child_start() may follow. */
void child_bury(struct child *child);

/**
 * End it.
 *
 * @return 0; -EFAULT after a message if it says that something did not come back to it.
 */
int child_end(struct child *child);

#endif /* SOAK_CHILD_H */
