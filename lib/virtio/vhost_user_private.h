/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VHOST_USER_PRIVATE_H
#define VHOST_USER_PRIVATE_H

/**
 * @file
 * What the files of the vhost-user transport share, and no other file includes: the state of a
 * connection, requests of each kind (vhost_user_request.c), the memory table (vhost_user_mem.c),
 * and the rings (transport_vhost_user.c). vhost_user_connect.c is above them.
 *
 * Threads: the port's lock is held, unless a function says otherwise.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/un.h>

#include "transport_vhost_user.h"
#include "vhost_mem.h"
#include "vhost_user_msg.h"
#include "vhost_user_socket.h"
#include "virtqueue.h"

/* Offered together by librte_vhost and by no other back-end known to us. */
#define LIBRTE_VHOST_MARKS (VIRTIO_BIT(VHOST_USER_PROTOCOL_F_RARP) | \
			    VIRTIO_BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK) | \
			    VIRTIO_BIT(VHOST_USER_PROTOCOL_F_NET_MTU) | \
			    VIRTIO_BIT(VHOST_USER_PROTOCOL_F_CRYPTO_SESSION))

/* What a ring was started with. */
struct vhost_user_ring_params {
	bool valid;
	uint16_t size;
	const void *desc, *avail, *used;
	uint32_t mem_round;
};

/* Offered by no librte_vhost up to DPDK 26.07; passt offers it beside two of the marks. */
#define NOT_LIBRTE_VHOST VIRTIO_BIT(VHOST_USER_PROTOCOL_F_DEVICE_STATE)

struct vhost_user_ring {
	int call_fd; /* the kick's is each process's own, see vhost_user_kicks.h */
	bool sent; /* set up since the device's last reset: a device stop must name it */
	struct vhost_user_reply setup;
	struct vhost_user_reply stop;
	bool stop_asked; /* all of the request went out: its answers are a proof */
	struct vhost_user_ring_params params;
	bool kept; /* the start under way tells only what is new */
};

struct vhost_user {
	struct vhost_user_channel ch;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	bool server;
	struct vhost_user_listener listener;
	enum vhost_user_stop_policy policy;
	uint32_t answer_timeout_us;
	uint64_t features;       /* the back-end's offer */
	uint64_t protocol_offer; /* the back-end's offer */
	uint64_t protocol;       /* in force */
	bool mem_sent;
	bool mem_stale; /* the back-end may not have mem: another table is due */
	uint32_t mem_round; /* counts the changes of the table; under EAL's memory lock */
	uint32_t max_slots;      /* regions that ADD_MEM_REG may make of it; 0: whole tables only */
	uint32_t max_regions;    /* most that the back-end says it can have, by whichever message */
	struct vhost_mem mem;    /* the table as it was sent, or changed since */
	struct vhost_mem wanted; /* what it is to be; under EAL's memory lock */
	uint64_t mem_ends_us;    /* deadline of the messages that make it so; under the lock too */
	struct vhost_mem attached; /* the application's own memory, descriptors ours */
	struct vhost_user_reply handshake;
	struct vhost_user_reply control;
	struct vhost_user_reply mem_event;
	struct vhost_user_reply region;
	struct vhost_user_reply reset;
	bool reset_asked;
	bool mem_events; /* the call-back is registered */
	uint16_t nb_rings;
	struct vhost_user_ring *rings;
};

static inline bool
vu_speaks(const struct vhost_user *vu, unsigned int protocol_bit)
{
	return (vu->protocol & VIRTIO_BIT(protocol_bit)) != 0;
}

/* ENABLE exists only where protocol features do; without them a ring runs from KICK on. */
static inline bool
vu_has_enable(const struct vhost_user *vu)
{
	return (vu->features & VIRTIO_BIT(VHOST_USER_F_PROTOCOL_FEATURES)) != 0;
}

static inline struct vhost_user_reply *
vu_ack(struct vhost_user *vu, struct vhost_user_reply *reply)
{
	return vu_speaks(vu, VHOST_USER_PROTOCOL_F_REPLY_ACK) ? reply : NULL;
}

/* vhost_user_request.c: one request each; 0, or the error of vhost_user_send() */
int vu_send_u64(struct vhost_user *vu, uint32_t request, uint64_t value,
		struct vhost_user_reply *reply);
int vu_send_ring(struct vhost_user *vu, uint32_t request, uint16_t index, uint32_t num,
		 struct vhost_user_reply *reply);
int vu_send_ring_fd(struct vhost_user *vu, uint32_t request, uint16_t index, int fd,
		    struct vhost_user_reply *reply);
/** These wait for the answer, as vhost_user_wait(). */
int vu_get_u64(struct vhost_user *vu, uint32_t request, uint64_t *value);
int vu_control_u64(struct vhost_user *vu, uint32_t request, uint64_t value);

/* vhost_user_mem.c */

/**
 * Sends the table of memory, where it has changed: single regions where the back-end accepts them.
 * EAL's memory lock is held.
 *
 * @param event
 *   Within a memory event: the channel's lock is waited for.
 */
int vu_send_mem_table(struct vhost_user *vu, const void *gone, size_t gone_len,
		      struct vhost_user_reply *reply, bool event);
/** Sends a table that could not be sent before, ahead of a request that may name new memory. */
int vu_renew_mem_table(struct vhost_user *vu, struct vhost_user_reply *reply);
/** From here on memory events send a table. 0, or a negative errno with a log line. */
int vu_watch_memory(struct virtio_device *dev);
void vu_unwatch_memory(struct virtio_device *dev);

/* transport_vhost_user.c */

/** The device was reset: nothing of its rings is a proof any more. */
void vu_forget_rings(struct vhost_user *vu);
/** A new connection: no answer of an earlier one will come. */
void vu_forget_answers(struct vhost_user *vu);
int vu_get_features(struct virtio_device *dev, uint64_t *features);

#endif /* VHOST_USER_PRIVATE_H */
