/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef FAKE_VHOST_USER_PRIVATE_H
#define FAKE_VHOST_USER_PRIVATE_H

/**
 * @file
 * What the files of the fake vhost-user back-end share. Each function is called with the back-end's
 * lock held.
 */

#include <string.h>

#include "fake_vhost_user.h"

#define FAKE_VU_HEADER 12
#define FAKE_VU_FLAG_REPLY 0x4u
#define FAKE_VU_FLAG_NEED_REPLY 0x8u
#define FAKE_VU_MAX_PAYLOAD 512
/* Regions of one SET_MEM_TABLE. */
#define FAKE_VU_TABLE_REGIONS 8
#define FAKE_VU_MAX_FDS 8

struct fake_vu_message {
	uint32_t request;
	uint32_t flags;
	uint32_t size;
	uint8_t payload[FAKE_VU_MAX_PAYLOAD];
	int fd[FAKE_VU_MAX_FDS];
	unsigned int fds;
};

static inline uint32_t
fake_vu_get32(const uint8_t *at)
{
	uint32_t v;

	memcpy(&v, at, sizeof(v));
	return v;
}

static inline uint64_t
fake_vu_get64(const uint8_t *at)
{
	uint64_t v;

	memcpy(&v, at, sizeof(v));
	return v;
}

/** Notes the front-end's first breach of the protocol. */
void fake_vu_breach(struct fake_vu *vu, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/** SET_MEM_TABLE: maps the regions, and the rings that are served to where they are now. */
void fake_vu_map_table(struct fake_vu *vu, const struct fake_vu_message *m);
/** ADD_MEM_REG and REM_MEM_REG; false: it is refused, and nothing has changed. */
bool fake_vu_change_region(struct fake_vu *vu, const struct fake_vu_message *m);
void fake_vu_unmap(struct fake_vu *vu);
void fake_vu_close_ring(struct fake_vu_ring *ring);
/** A ring's messages; false where there is no such ring. */
bool fake_vu_obey_ring(struct fake_vu *vu, struct fake_vu_message *m, uint64_t *value);

/** Adds the message to the record. */
void fake_vu_note(struct fake_vu *vu, const struct fake_vu_message *m);

#endif /* FAKE_VHOST_USER_PRIVATE_H */
