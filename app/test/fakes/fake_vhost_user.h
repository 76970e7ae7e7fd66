/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef FAKE_VHOST_USER_H
#define FAKE_VHOST_USER_H

/**
 * @file
 * A vhost-user back-end on a thread of its own, written from the protocol's description and from
 * nothing of lib/virtio. It answers as it should unless a rule says otherwise, keeps a record of
 * what it received, and notes the first breach of the protocol by the front-end.
 *
 * It maps the memory table, and so a test can be the device on its rings, see fake_vu_ring().
 *
 * Threads: the messages are handled on the back-end's own thread; these functions are for the
 * test's. A ring may be used by the test as long as no message about it is under way.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "ring_device.h"

#define FAKE_VU_MAX_RINGS 32
#define FAKE_VU_MAX_RECORD 4096
#define FAKE_VU_MAX_REGIONS 64
#define FAKE_VU_MAX_RULES 8

/* Requests by their number in the protocol. */
enum {
	VU_GET_FEATURES = 1,
	VU_SET_FEATURES = 2,
	VU_SET_OWNER = 3,
	VU_SET_MEM_TABLE = 5,
	VU_SET_VRING_NUM = 8,
	VU_SET_VRING_ADDR = 9,
	VU_SET_VRING_BASE = 10,
	VU_GET_VRING_BASE = 11,
	VU_SET_VRING_KICK = 12,
	VU_SET_VRING_CALL = 13,
	VU_GET_PROTOCOL_FEATURES = 15,
	VU_SET_PROTOCOL_FEATURES = 16,
	VU_GET_QUEUE_NUM = 17,
	VU_SET_VRING_ENABLE = 18,
	VU_GET_MAX_MEM_SLOTS = 36,
	VU_ADD_MEM_REG = 37,
	VU_REM_MEM_REG = 38,
	VU_SET_STATUS = 39,
	VU_GET_STATUS = 40,
};

/* Feature bits: of the device, of vhost-user, of the protocol. */
#define VU_BIT(n) (UINT64_C(1) << (n))
#define VU_F_CSUM VU_BIT(0)
#define VU_F_GUEST_CSUM VU_BIT(1)
#define VU_F_GUEST_TSO4 VU_BIT(7)
#define VU_F_GUEST_TSO6 VU_BIT(8)
#define VU_F_HOST_TSO4 VU_BIT(11)
#define VU_F_HOST_TSO6 VU_BIT(12)
#define VU_F_MRG_RXBUF VU_BIT(15)
#define VU_F_INDIRECT VU_BIT(28)
#define VU_F_EVENT_IDX VU_BIT(29)
#define VU_F_PROTOCOL VU_BIT(30)
#define VU_F_VERSION_1 VU_BIT(32)
#define VU_F_PACKED VU_BIT(34)
#define VU_F_IN_ORDER VU_BIT(35)
#define VU_F_ORDER_PLATFORM VU_BIT(36)
#define VU_F_RING_RESET VU_BIT(40)
#define VU_P_MQ VU_BIT(0)
#define VU_P_LOG_SHMFD VU_BIT(1)
#define VU_P_RARP VU_BIT(2)
#define VU_P_REPLY_ACK VU_BIT(3)
#define VU_P_NET_MTU VU_BIT(4)
#define VU_P_CRYPTO_SESSION VU_BIT(7)
#define VU_P_MEM_SLOTS VU_BIT(15)
#define VU_P_STATUS VU_BIT(16)
#define VU_P_DEVICE_STATE VU_BIT(19)

/** What is done with a message. */
enum fake_vu_action {
	VU_OBEY,
	VU_HOLD,            /**< nothing more is read or answered until fake_vu_release() */
	VU_SLOW,            /**< obeyed after delay_us */
	VU_SILENT,          /**< carried out and not answered */
	VU_REFUSE,          /**< the answer says that it failed */
	VU_WRONG_REQUEST,   /**< the answer is to another request */
	VU_NOT_A_REPLY,     /**< the answer lacks the flag that makes it one */
	VU_TOO_LONG,        /**< the answer announces a payload of 64 KB */
	VU_JUST_TOO_LONG,   /**< the answer announces a byte more than a table of 8 regions has */
	VU_WRONG_SIZE,      /**< the answer's payload has 4 bytes */
	VU_NINE_BYTES,      /**< the answer's payload has 9 bytes */
	VU_EMPTY,           /**< the answer has no payload */
	VU_TWICE,           /**< answered twice */
	VU_UNASKED,         /**< answered whether that is wanted or not */
	VU_BYTE_BY_BYTE,    /**< the answer comes in pieces of one byte */
	VU_HALF_HEADER,     /**< 6 bytes of the answer, then the connection is closed */
	VU_HALF_PAYLOAD,    /**< 16 bytes of the answer, then the connection is closed */
	VU_HALF_AND_HOLD,   /**< 16 bytes of the answer, the rest at fake_vu_release() */
	VU_CLOSE,           /**< the connection is closed, nothing is carried out */
	VU_CLOSE_AFTER,     /**< carried out, answered, closed */
	VU_FLOOD,           /**< answered, and then noise until the front-end lets go */
};

struct fake_vu_rule {
	uint32_t request;  /**< 0: any */
	unsigned int skip; /**< so many that match are obeyed first */
	unsigned int times; /**< then so many are treated so */
	enum fake_vu_action action;
};

struct fake_vu_record {
	uint32_t request;
	uint32_t flags;
	uint32_t index;
	uint64_t value;
	unsigned int fds;
};

struct fake_vu_ring {
	struct ring_device rd; /**< while enabled */
	uint32_t num;
	uint32_t base;
	uint64_t desc, avail, used; /**< as the front-end names them */
	bool has_num, has_base, has_addr, has_call;
	bool started; /**< KICK seen, and no GET_VRING_BASE since */
	bool enabled;
	bool open;    /**< rd is in use */
	int kick_fd;
	int call_fd;
};

struct fake_vu_region {
	uint64_t guest_addr, size, user_addr, offset;
	uint8_t *at;
	uint64_t mapped;
};

struct fake_vu {
	/* Set by the test between create and launch, or while the back-end is held. */
	uint64_t features;
	uint64_t protocol;
	uint64_t queue_num;
	uint64_t mem_slots;    /**< what it says */
	unsigned int mem_limit; /**< regions from which on it refuses more */
	struct fake_vu_rule rule[FAKE_VU_MAX_RULES];
	unsigned int delay_us; /**< of VU_SLOW */
	unsigned int close_at; /**< closes at this message, counted from 1; 0: never */
	bool once;             /**< takes no second connection */
	bool client;           /**< connects, and connects again */
	bool foreign;          /**< to the front-end its socket is another process's */

	/* Seen. Under the lock while the thread runs. */
	uint64_t acked;
	uint64_t protocol_acked;
	uint8_t status;
	struct fake_vu_ring ring[FAKE_VU_MAX_RINGS];
	struct fake_vu_region region[FAKE_VU_MAX_REGIONS];
	unsigned int nb_regions;
	unsigned int messages;
	unsigned int connections;
	struct fake_vu_record record[FAKE_VU_MAX_RECORD];
	unsigned int nb_record;
	char breach[160];

	char path[108];
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int listen_fd;
	int fd;
	int wake_fd;
	bool launched;
	bool ending;
	bool idle;
	bool holding;
	unsigned int releases;
	unsigned int tables; /**< memory tables mapped */
};

/** A back-end with VERSION_1, protocol features MQ, REPLY_ACK and STATUS, and 4 queue pairs. */
struct fake_vu *fake_vu_create(const char *path);
/** Listens, or connects; from here on messages are answered. */
void fake_vu_launch(struct fake_vu *vu);
/** Ends the thread, closes and unmaps all. Ends the case where the front-end broke the protocol. */
void fake_vu_destroy(struct fake_vu *vu);

/** Adds a rule: the messages after `skip` ones, `times` of them. */
void fake_vu_rule(struct fake_vu *vu, uint32_t request, unsigned int skip, unsigned int times,
		  enum fake_vu_action action);
void fake_vu_obey(struct fake_vu *vu);
/** Lets a held back-end go on. */
void fake_vu_release(struct fake_vu *vu);
/** Waits until it is held. */
void fake_vu_wait_held(struct fake_vu *vu);
/** Waits until it has read all that was sent, and answered, or is held. */
void fake_vu_wait_quiet(struct fake_vu *vu);
/** Lets a held back-end read one message more, at which it is held again. */
void fake_vu_read_one_more(struct fake_vu *vu);
/** Waits until so many connections have been taken. */
void fake_vu_wait_connections(struct fake_vu *vu, unsigned int n);
/** Whether it takes no second connection; at any time. */
void fake_vu_set_once(struct fake_vu *vu, bool once);
/** Closes the connection, as if the back-end had died. */
void fake_vu_disconnect(struct fake_vu *vu);

/** As client that is not connected: connects, and waits until it has. Ends fake_vu_set_once(). */
void fake_vu_connect_again(struct fake_vu *vu);

void fake_vu_forget_record(struct fake_vu *vu);
/**
 * The messages since, as text, "NUM 0=256!, BASE 0=0!, KICK 0!": "!" marks that an acknowledgement
 * is asked for. Valid until the next call.
 */
const char *fake_vu_recorded(struct fake_vu *vu);
unsigned int fake_vu_count(struct fake_vu *vu, uint32_t request);

/** The device's side of a ring, which must be enabled. */
struct ring_device *fake_vu_ring(struct fake_vu *vu, unsigned int index);
bool fake_vu_is_enabled(struct fake_vu *vu, unsigned int index);
/** Interrupts for what was used since the last call, if the driver wants that; whether it did. */
bool fake_vu_interrupt(struct fake_vu *vu, unsigned int index);
/** Interrupts whatever the driver wants. */
void fake_vu_call(struct fake_vu *vu, unsigned int index);
/** Address of the front-end to address of ours; device_map_t. */
void *fake_vu_map(void *arg, uint64_t addr, uint64_t len);
/** Doorbells since the last call. */
uint64_t fake_vu_kicks(struct fake_vu *vu, unsigned int index);
void fake_vu_check(struct fake_vu *vu);

#endif /* FAKE_VHOST_USER_H */
