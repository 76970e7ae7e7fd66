/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/* The fake back-end's record of the messages that it was sent. */

#include <inttypes.h>
#include <stdio.h>

#include "fake_vhost_user_private.h"

void
fake_vu_note(struct fake_vu *vu, const struct fake_vu_message *m)
{
	struct fake_vu_record *r = &vu->record[vu->nb_record];

	if (vu->nb_record == FAKE_VU_MAX_RECORD)
		return;
	vu->nb_record++;
	*r = (struct fake_vu_record){ .request = m->request, .flags = m->flags, .fds = m->fds };
	switch (m->request) {
	case VU_SET_VRING_NUM:
	case VU_SET_VRING_BASE:
	case VU_SET_VRING_ENABLE:
	case VU_GET_VRING_BASE:
		r->index = fake_vu_get32(m->payload);
		r->value = fake_vu_get32(m->payload + 4);
		break;
	case VU_SET_VRING_ADDR:
		r->index = fake_vu_get32(m->payload);
		break;
	case VU_SET_VRING_KICK:
	case VU_SET_VRING_CALL:
		r->index = fake_vu_get64(m->payload) & 0xff;
		break;
	default:
		r->value = m->size >= 8 ? fake_vu_get64(m->payload) : 0;
		break;
	}
}

void
fake_vu_forget_record(struct fake_vu *vu)
{
	fake_vu_wait_quiet(vu);
	pthread_mutex_lock(&vu->lock);
	vu->nb_record = 0;
	pthread_mutex_unlock(&vu->lock);
}

static const char *
name_of(uint32_t request)
{
	switch (request) {
	case VU_GET_FEATURES:
		return "GET_FEATURES";
	case VU_SET_FEATURES:
		return "SET_FEATURES";
	case VU_SET_OWNER:
		return "OWNER";
	case VU_SET_MEM_TABLE:
		return "MEM";
	case VU_SET_VRING_NUM:
		return "NUM";
	case VU_SET_VRING_ADDR:
		return "ADDR";
	case VU_SET_VRING_BASE:
		return "BASE";
	case VU_GET_VRING_BASE:
		return "GET_BASE";
	case VU_SET_VRING_KICK:
		return "KICK";
	case VU_SET_VRING_CALL:
		return "CALL";
	case VU_GET_PROTOCOL_FEATURES:
		return "GET_PROTOCOL";
	case VU_SET_PROTOCOL_FEATURES:
		return "SET_PROTOCOL";
	case VU_GET_QUEUE_NUM:
		return "QUEUE_NUM";
	case VU_SET_VRING_ENABLE:
		return "ENABLE";
	case VU_GET_MAX_MEM_SLOTS:
		return "MAX_SLOTS";
	case VU_ADD_MEM_REG:
		return "ADD";
	case VU_REM_MEM_REG:
		return "REM";
	case VU_SET_STATUS:
		return "STATUS";
	case VU_GET_STATUS:
		return "GET_STATUS";
	}
	return "?";
}

const char *
fake_vu_recorded(struct fake_vu *vu)
{
	static char text[FAKE_VU_MAX_RECORD * 20];
	size_t n = 0;
	unsigned int i;

	fake_vu_wait_quiet(vu);
	text[0] = '\0';
	pthread_mutex_lock(&vu->lock);
	for (i = 0; i < vu->nb_record && n < sizeof(text) - 64; i++) {
		const struct fake_vu_record *r = &vu->record[i];

		n += snprintf(text + n, sizeof(text) - n, "%s%s", i == 0 ? "" : ", ",
			      name_of(r->request));
		switch (r->request) {
		case VU_SET_VRING_NUM:
		case VU_SET_VRING_BASE:
		case VU_SET_VRING_ENABLE:
			n += snprintf(text + n, sizeof(text) - n, " %" PRIu32 "=%" PRIu64, r->index,
				      r->value);
			break;
		case VU_SET_VRING_ADDR:
		case VU_SET_VRING_KICK:
		case VU_SET_VRING_CALL:
		case VU_GET_VRING_BASE:
			n += snprintf(text + n, sizeof(text) - n, " %" PRIu32, r->index);
			break;
		case VU_SET_STATUS:
			n += snprintf(text + n, sizeof(text) - n, "=0x%" PRIx64, r->value);
			break;
		}
		n += snprintf(text + n, sizeof(text) - n, "%s",
			      r->flags & FAKE_VU_FLAG_NEED_REPLY ? "!" : "");
	}
	pthread_mutex_unlock(&vu->lock);
	return text;
}

unsigned int
fake_vu_count(struct fake_vu *vu, uint32_t request)
{
	unsigned int n = 0;
	unsigned int i;

	fake_vu_wait_quiet(vu);
	pthread_mutex_lock(&vu->lock);
	for (i = 0; i < vu->nb_record; i++)
		n += vu->record[i].request == request;
	pthread_mutex_unlock(&vu->lock);
	return n;
}
