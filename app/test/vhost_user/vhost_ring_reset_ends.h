/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VHOST_RING_RESET_ENDS_H
#define VHOST_RING_RESET_ENDS_H

/**
 * @file
 * The two ends of a vhost-user connection for the test of lib/vhost_ring_reset, both in this
 * process: a back-end on librte_vhost with one data thread, and a front-end that knows its rings to
 * the byte. The front-end has its own copy of the protocol, so that the library's is checked and
 * not shared.
 *
 * A function returns 0, or -1 with the reason in `why`.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "vhost_ring_reset.h"

#define F_MRG_RXBUF (UINT64_C(1) << 15)
#define F_MQ (UINT64_C(1) << 22)
#define F_PROTOCOL (UINT64_C(1) << 30)
#define F_VERSION_1 (UINT64_C(1) << 32)
#define F_PACKED (UINT64_C(1) << 34)
#define F_RING_RESET (UINT64_C(1) << 40)

#define PF_MQ (UINT64_C(1) << 0)
#define PF_REPLY_ACK (UINT64_C(1) << 3)
#define PF_STATUS (UINT64_C(1) << 16)

enum {
	GET_FEATURES = 1, SET_FEATURES = 2, SET_OWNER = 3, RESET_OWNER = 4, SET_MEM_TABLE = 5,
	SET_VRING_NUM = 8, SET_VRING_ADDR = 9, SET_VRING_BASE = 10, GET_VRING_BASE = 11,
	SET_VRING_KICK = 12, SET_VRING_CALL = 13, GET_PROTOCOL_FEATURES = 15,
	SET_PROTOCOL_FEATURES = 16, SET_VRING_ENABLE = 18, SET_STATUS = 39,
};

#define MSG_VERSION 0x1u
#define MSG_REPLY 0x4u
#define MSG_NEED_REPLY 0x8u
#define MSG_HEADER 12u

#define STATUS_RUNNING 0xfu	/* ACKNOWLEDGE, DRIVER, DRIVER_OK, FEATURES_OK */

struct message {
	uint32_t request;
	uint32_t flags;
	uint32_t size;
	union {
		uint64_t u64;
		struct {
			uint32_t index;
			uint32_t num;
		} state;
		struct {
			uint32_t index;
			uint32_t flags;
			uint64_t desc, used, avail, log;
		} addr;
		struct {
			uint32_t regions;
			uint32_t padding;
			uint64_t guest, size, user, offset;
		} memory;
	} payload;
} __attribute__((packed));

/* The shared memory: an area a ring, then the ring's buffers. Guest addresses are offsets in it. */
#define PAIRS 2u
#define RINGS (2 * PAIRS)
#define RING_SIZE_MAX 256u
#define BUFFER_SIZE 2048u
#define AREA_SIZE 0x8000u
#define AREA_AVAIL 0x2000u	/* packed: the driver's event area */
#define AREA_USED 0x4000u	/* packed: the device's event area */
#define BUFFERS_SIZE (RING_SIZE_MAX * BUFFER_SIZE)
#define MEMORY_SIZE ((size_t)RINGS * (AREA_SIZE + BUFFERS_SIZE))

#define FRAME_SIZE 60u
#define NET_HEADER 12u
#define LIMIT_SECONDS 20	/* for one thing to happen; a whole case gets three times as long */

/* Back-end. */

struct back_end {
	struct rte_mempool *pool;
	char dir[64];
	char path[96];
	bool attach;			/* what new_connection does next */
	const struct vhost_ring_reset_notify *notify;
	atomic_int vid;			/* of the last connection */
	atomic_int serving;		/* vid that the data thread serves, or -1 */
	atomic_uint pairs;
	atomic_bool inside, quit;
	atomic_ulong loops;
	atomic_uint new_device, destroy_device, new_connection, destroy_connection;
	atomic_int attach_result;
	atomic_uint stopped[RINGS], started[RINGS], called_back;
};

extern struct back_end be;
extern const struct vhost_ring_reset_notify notify_both;

/** Serves all queue pairs until be.quit. */
void *data_thread(void *arg);
/** Listens at be.path. */
int be_start(void);

/* Front-end. */

struct ring {
	uint16_t size;
	uint16_t avail, used;	/* split: free-running; packed: slot */
	bool avail_wrap, used_wrap;
	bool live;		/* the front-end feeds it */
	uint64_t count;		/* buffers that came back since the ring was set up */
	uint64_t wrong;		/* of these, not the one that was due */
	int kick, call;
};

struct front_end {
	int fd;
	bool packed, reply_ack, status;
	uint64_t features;
	unsigned int rings;
	struct ring ring[RINGS];
};

struct config {
	bool packed;
	bool ack_reset;
	bool no_status;
	bool no_enable;		/* bit 30 not acknowledged: rings are enabled by their kick */
	unsigned int pairs;
};

extern uint8_t *memory;
extern int memory_fd;
extern char why[256];

int failed(const char *fmt, ...) __rte_format_printf(1, 2);

#define CHECK(cond, ...) do { if (!(cond)) return failed(__VA_ARGS__); } while (0)
#define TRY(call) do { if ((call) != 0) return -1; } while (0)

/** Every ring that the front-end feeds gives buffers back. */
int all_flow(struct front_end *fe);
/** Waits until the counter has this value. */
int becomes(const char *what, atomic_uint *counter, unsigned int wanted);
int fe_close(struct front_end *fe);
int fe_connect(struct front_end *fe);
/** From SET_FEATURES to DRIVER_OK, also after a stop of the device. */
int fe_run(struct front_end *fe);
/** Connects, negotiates and runs. */
int fe_start(struct front_end *fe, const struct config *conf);
/** The messages of a stop of the device. */
int fe_stop(struct front_end *fe);
/** Feeds the rings until so many more buffers have come back from this one. */
int flows(struct front_end *fe, unsigned int r, uint64_t more);
int get_base(struct front_end *fe, uint32_t index, uint32_t *base);
uint32_t ring_base(const struct front_end *fe, unsigned int r);
/** ENABLE 0; the ring is left full. */
int ring_disable(struct front_end *fe, unsigned int r);
int ring_leave(struct front_end *fe, unsigned int r);
int ring_setup(struct front_end *fe, unsigned int r, uint16_t size);
/** Sets a ring up in zeroed memory, full of buffers, and enables it. */
int ring_start(struct front_end *fe, unsigned int r, uint16_t size);
/** ENABLE 0 and GET_VRING_BASE, whose answer must be right. */
int ring_stop(struct front_end *fe, unsigned int r);
/**
 * A message without an answer of its own;
 * result: NULL if it must be accepted, else the acknowledgement.
 */
int tell(struct front_end *fe, struct message *msg, int fd, uint64_t *result);
int tell_state(struct front_end *fe, uint32_t request, uint32_t index, uint32_t num,
	uint64_t *result);
int tell_u64(struct front_end *fe, uint32_t request, uint64_t value, int fd, uint64_t *result);
/** A message whose answer is a number. */
int ask_u64(struct front_end *fe, uint32_t request, uint64_t *value);
/** A stopped ring keeps every byte while another one gets packets; RINGS: none does. */
int untouched_while_flows(struct front_end *fe, unsigned int r, unsigned int other);

#endif /* VHOST_RING_RESET_ENDS_H */
