/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VHOST_USER_MSG_H
#define VHOST_USER_MSG_H

/**
 * @file
 * vhost-user on the wire, from the front-end's side, and the channel that carries it.
 *
 * Layouts and numbers are those of the protocol's description,
 * https://qemu-project.gitlab.io/qemu/interop/vhost-user.html.
 *
 * The back-end answers in the order of the requests, so a request that wants an answer is queued,
 * and the thread that reads from the socket hands each answer to the request at the head. An answer
 * that comes after its time-out is therefore never taken for that of a later request.
 *
 * Threads: any; the channel has a lock of its own, the last in order: nothing is allocated and no
 * other lock is taken under it. (A memory event arrives with EAL's memory lock held and sends.)
 */

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_common.h>

#include "virtio_compat.h"

enum vhost_user_request {
	VHOST_USER_GET_FEATURES = 1,
	VHOST_USER_SET_FEATURES = 2,
	VHOST_USER_SET_OWNER = 3,
	VHOST_USER_SET_MEM_TABLE = 5,
	VHOST_USER_SET_VRING_NUM = 8,
	VHOST_USER_SET_VRING_ADDR = 9,
	VHOST_USER_SET_VRING_BASE = 10,
	VHOST_USER_GET_VRING_BASE = 11,
	VHOST_USER_SET_VRING_KICK = 12,
	VHOST_USER_SET_VRING_CALL = 13,
	VHOST_USER_GET_PROTOCOL_FEATURES = 15,
	VHOST_USER_SET_PROTOCOL_FEATURES = 16,
	VHOST_USER_GET_QUEUE_NUM = 17,
	VHOST_USER_SET_VRING_ENABLE = 18,
	VHOST_USER_GET_MAX_MEM_SLOTS = 36,
	VHOST_USER_ADD_MEM_REG = 37,
	VHOST_USER_REM_MEM_REG = 38,
	VHOST_USER_SET_STATUS = 39,
	VHOST_USER_GET_STATUS = 40,
};

/** Feature bit by which a back-end says that it knows protocol features. */
#define VHOST_USER_F_PROTOCOL_FEATURES  30

/** Protocol feature bits. */
#define VHOST_USER_PROTOCOL_F_MQ              0
#define VHOST_USER_PROTOCOL_F_RARP            2
#define VHOST_USER_PROTOCOL_F_REPLY_ACK       3
#define VHOST_USER_PROTOCOL_F_NET_MTU         4
#define VHOST_USER_PROTOCOL_F_CRYPTO_SESSION  7
#define VHOST_USER_PROTOCOL_F_MEM_SLOTS       15 /**< CONFIGURE_MEM_SLOTS */
#define VHOST_USER_PROTOCOL_F_STATUS          16
#define VHOST_USER_PROTOCOL_F_DEVICE_STATE    19

#define VHOST_USER_VERSION       0x1
#define VHOST_USER_FLAG_REPLY    0x4
#define VHOST_USER_FLAG_NEED_REPLY 0x8

/** Rings that the 8-bit index of SET_VRING_KICK and SET_VRING_CALL can name. */
#define VHOST_USER_MAX_RINGS     256

/** Regions that one SET_MEM_TABLE carries. */
#define VHOST_USER_MAX_REGIONS   8

struct vhost_user_ring_state {
	uint32_t index;
	uint32_t num;
};

struct vhost_user_ring_addr {
	uint32_t index;
	uint32_t flags;
	uint64_t desc;
	uint64_t used;
	uint64_t avail;
	uint64_t log;
};

struct vhost_user_region {
	uint64_t guest_addr; /**< address by which rings and descriptors name it */
	uint64_t size;
	uint64_t user_addr;  /**< address by which SET_VRING_ADDR names it */
	uint64_t offset;     /**< of its start in the file */
};

struct vhost_user_mem_table {
	uint32_t count;
	uint32_t padding;
	struct vhost_user_region regions[VHOST_USER_MAX_REGIONS];
};

/** Of ADD_MEM_REG and REM_MEM_REG. */
struct vhost_user_single_region {
	uint64_t padding;
	struct vhost_user_region region;
};

struct __rte_packed_begin vhost_user_msg {
	uint32_t request;
	uint32_t flags;
	uint32_t size; /**< bytes of payload */
	union {
		uint64_t u64;
		struct vhost_user_ring_state state;
		struct vhost_user_ring_addr addr;
		struct vhost_user_mem_table mem;
		struct vhost_user_single_region single;
	} payload;
} __rte_packed_end;

#define VHOST_USER_HEADER_SIZE 12

/** Where the answers to one or several requests are collected; must live as long as the channel. */
struct vhost_user_reply {
	RTE_ATOMIC(uint16_t) pending; /**< requests not answered yet, of earlier rounds too */
	uint16_t round;   /**< see vhost_user_reply_begin() */
	int error;        /**< 0, or -EIO once one request of this round was refused */
	uint64_t value;   /**< payload of the last answer that has a value */
};

/** From here on requests are of another round: a late refusal of an earlier one is no error. */
static inline void
vhost_user_reply_begin(struct vhost_user_reply *reply)
{
	reply->round++;
	reply->error = 0;
}

static inline bool
vhost_user_answered(const struct vhost_user_reply *reply)
{
	/* Pairs with the release in take_answer(), as error and value are final then. */
	return rte_atomic_load_explicit(&reply->pending, rte_memory_order_acquire) == 0;
}

struct vhost_user_waiting {
	uint32_t request;
	uint32_t ring; /**< of GET_VRING_BASE: the answer names it */
	uint16_t round;
	uint64_t sent_us;
	struct vhost_user_reply *reply;
};

/** Requests of a batch: all that the start of a ring may take without file descriptors. */
#define VHOST_USER_BATCH_MAX 4

/** Requests under way at once: all the rings' stops, with room. */
#define VHOST_USER_MAX_WAITING 2048

struct vhost_user_channel {
	char name[64];  /**< in log lines */
	int fd;         /**< socket, -1 while there is none */
	bool gone;      /**< the back-end closed the connection, or there is none yet */
	bool broken;    /**< out of step: nothing is sent any more, the back-end is to close */
	uint64_t gone_us; /**< when that was noticed */
	int wake_fd;    /**< raised when an answer is in, for another thread that waits for it */
	const uint32_t __rte_atomic *cancels; /**< as for virtio_device_cancel(); or NULL */
	bool ends_by_signal; /**< at probe: a signal that the thread handles ends its waits */
	const uint64_t *ends_us; /**< the device's, see virtio_device_limit(); or NULL */
	uint64_t answered_us;    /**< when the last answer came, or the connection */
	bool silence_logged;     /**< the end of the silence is to be logged too */
	int peer_pid;   /**< process that made the socket, 0 where the kernel does not tell */
	pthread_mutex_t lock;
	uint16_t first;   /**< head of waiting */
	uint16_t count;
	struct vhost_user_waiting waiting[VHOST_USER_MAX_WAITING];
	struct vhost_user_msg in; /**< answer being read */
	uint32_t in_bytes;
};

/** 0, or what eventfd(2) says; vhost_user_channel_fini() is due either way. */
int vhost_user_channel_init(struct vhost_user_channel *ch, const char *name);

/** Closes the socket too. */
void vhost_user_channel_fini(struct vhost_user_channel *ch);

/** Takes a connected socket over, non-blocking from here on; forgets all of the one before. */
void vhost_user_channel_open(struct vhost_user_channel *ch, int fd);

/** Closes the socket; what is still waited for will not be answered. */
void vhost_user_channel_close(struct vhost_user_channel *ch);

/**
 * Sends one request.
 *
 * @param msg
 *   request, size and payload set; the flags are set here.
 * @param fd
 *   File descriptors to pass along, nfds of them.
 * @param reply
 *   NULL: no answer is wanted. Else counts one more pending; NEED_REPLY is set in the message
 *   unless the request is one that always has an answer.
 * @return
 *   0. -ENODEV: the connection is gone. -ETIMEDOUT: the back-end does not read. -EBUSY: too many
 *   requests without an answer. -ECANCELED: see virtio_device_cancel(); nothing was sent.
 */
int vhost_user_send(struct vhost_user_channel *ch, struct vhost_user_msg *msg, const int *fds,
		    unsigned int nfds, struct vhost_user_reply *reply);

/** Requests that are sent in one write, and so processed with one wake-up of the back-end. */
struct vhost_user_batch {
	unsigned int n;
	struct {
		struct vhost_user_msg msg;
		struct vhost_user_reply *reply;
	} of[VHOST_USER_BATCH_MAX];
};

/** Adds a request to those that follow, as for vhost_user_send(); they are no more than can be. */
void vhost_user_batch_add(struct vhost_user_batch *batch, const struct vhost_user_msg *msg,
			  struct vhost_user_reply *reply);

/** Sends them, all or none. As vhost_user_send(); of -ENODEV it is not known what was received. */
int vhost_user_send_batch(struct vhost_user_channel *ch, const struct vhost_user_batch *batch);

/** The same, neither cancelled nor ended by the limit of a call: for memory events. */
int vhost_user_send_through(struct vhost_user_channel *ch, struct vhost_user_msg *msg,
			    const int *fds, unsigned int nfds, struct vhost_user_reply *reply);

/** Reads what answers there are, without waiting. 0, or -ENODEV when the connection is gone. */
int vhost_user_poll(struct vhost_user_channel *ch);

/**
 * Whether the connection stands. Reads what answers there are, unless another thread has the
 * channel at this moment: a thread that sends to a full socket may have it for a second.
 */
bool vhost_user_is_connected(struct vhost_user_channel *ch);

/**
 * Sleeps until something can be read, at most so many microseconds.
 *
 * @return
 *   0. -EINTR: the thread has handled a signal, and ends_by_signal is set.
 */
int vhost_user_sleep(struct vhost_user_channel *ch, uint32_t timeout_us);

/**
 * Waits for all that is pending in a reply. Each answer that comes, to whichever request, extends
 * the wait: a slow back-end is not a dead one.
 *
 * @param timeout_us
 *   Longest time without any answer, from the call on.
 * @return
 *   0, -EIO where the back-end refused, -ENODEV, -ECANCELED. -ETIMEDOUT, with a log line: there was
 *   no answer for so long, or the call under way has come to its limit (virtio_device_limit()).
 */
int vhost_user_wait(struct vhost_user_channel *ch, struct vhost_user_reply *reply,
		    uint32_t timeout_us);

/**
 * The same for a request of a sequence, which has one deadline.
 *
 * @param ends_us
 *   The deadline, of virtio_now_us(). No answer extends it.
 */
int vhost_user_wait_until(struct vhost_user_channel *ch, struct vhost_user_reply *reply,
			  uint32_t timeout_us, uint64_t ends_us);

/**
 * The same, neither cancelled nor ended by the limit of a call: for memory events. The time without
 * an answer counts from its beginning, which may be before the call.
 */
int vhost_user_wait_through(struct vhost_user_channel *ch, struct vhost_user_reply *reply,
			    uint32_t timeout_us, uint64_t ends_us);

/**
 * Describes the oldest request that is not answered, "; the back-end has not answered SET_STATUS
 * for 1.0 s", or "" if there is none. The end of such a silence is logged.
 */
void vhost_user_describe_silence(struct vhost_user_channel *ch, char *text, size_t size);

/**
 * Whether the back-end can no more touch the memory it was given: the grace time since it closed
 * the connection is over.
 */
bool vhost_user_peer_is_done(struct vhost_user_channel *ch);

/** Sends nothing any more and lets the back-end see the end; it is to close the connection. */
void vhost_user_give_up(struct vhost_user_channel *ch, const char *why);

#endif /* VHOST_USER_MSG_H */
