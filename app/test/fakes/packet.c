/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <string.h>

#include "packet.h"

#define MAX_LEN 16384

/* After two addresses and a type of local use. */
struct tag {
	uint8_t dst[6];
	uint8_t src[6];
	uint16_t type;
	uint16_t queue;
	uint32_t len;
	uint64_t number;
} __attribute__((packed));

static uint8_t
byte_at(uint64_t number, uint16_t queue, uint32_t i)
{
	return (uint8_t)(number * 167 + queue * 59 + i * 13 + (i >> 8));
}

void
packet_write(uint8_t *at, uint16_t queue, uint64_t number, uint32_t len)
{
	const struct tag tag = {
		.dst = { 2, 0, 0, 0, 0, 1 }, .src = { 2, 0, 0, 0, 0, 2 }, .type = 0xb588,
		.queue = queue, .len = len, .number = number
	};
	uint32_t i;

	memcpy(at, &tag, sizeof(tag));
	for (i = sizeof(tag); i < len; i++)
		at[i] = byte_at(number, queue, i);
}

uint64_t
packet_check_bytes(const uint8_t *at, uint32_t len, uint16_t queue, const char **why)
{
	struct tag tag = { 0 };
	uint32_t i;

	*why = NULL;
	if (len < sizeof(tag)) {
		*why = "a packet that is too short";
		return 0;
	}
	memcpy(&tag, at, sizeof(tag));
	if (tag.len != len || tag.type != 0xb588)
		*why = "a packet of another length";
	else if (tag.queue != queue)
		*why = "a packet of another queue";
	for (i = sizeof(tag); *why == NULL && i < len; i++) {
		if (at[i] != byte_at(tag.number, queue, i))
			*why = "a packet with other bytes in it";
	}
	return tag.number;
}

bool
packet_fill(struct rte_mbuf *m, const uint8_t *bytes, uint32_t len, uint16_t segment)
{
	struct rte_mbuf *last = m;
	uint32_t at = 0;

	for (;;) {
		uint16_t room = rte_pktmbuf_tailroom(last);
		uint32_t n;

		if (segment != 0 && room > segment)
			room = segment;
		n = RTE_MIN(len - at, (uint32_t)room);
		memcpy(rte_pktmbuf_mtod(last, uint8_t *), bytes + at, n);
		last->data_len = n;
		at += n;
		if (at == len)
			break;
		last->next = rte_pktmbuf_alloc(m->pool);
		if (last->next == NULL) {
			rte_pktmbuf_free(m);
			return false;
		}
		last = last->next;
		m->nb_segs++;
	}
	m->pkt_len = len;
	return true;
}

bool
packet_make(struct rte_mbuf *m, uint16_t queue, uint64_t number, uint32_t len, uint16_t segment)
{
	uint8_t bytes[MAX_LEN];

	packet_write(bytes, queue, number, len);
	return packet_fill(m, bytes, len, segment);
}

uint64_t
packet_check(const struct rte_mbuf *m, uint16_t queue, const char **why)
{
	uint8_t bytes[MAX_LEN];
	const uint8_t *at;

	if (m->pkt_len > MAX_LEN) {
		*why = "a packet that is too long";
		return 0;
	}
	at = rte_pktmbuf_read(m, 0, m->pkt_len, bytes);
	if (at == NULL) {
		*why = "a packet whose segments do not make up its length";
		return 0;
	}
	return packet_check_bytes(at, m->pkt_len, queue, why);
}
