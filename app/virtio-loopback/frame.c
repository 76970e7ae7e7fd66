/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <string.h>

#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_mbuf.h>

#include "frame.h"

#define ETHER_TYPE_LOCAL 0x88b5u	/* IEEE 802: local experimental use */
#define FRAME_MAGIC 0x76716c70u		/* "vqlp" */
#define BODY_SHIFT 4096u		/* where in the noise a body may begin */

struct frame_head {
	struct rte_ether_hdr ether;
	rte_be16_t queue;
	rte_be32_t magic;
	rte_be32_t generation;
	rte_be64_t seq;
};

static_assert(sizeof(struct frame_head) == FRAME_HEAD, "no padding");

static uint8_t noise[FRAME_NUMBERED_MAX + BODY_SHIFT];

/* splitmix64: every bit of the result depends on every bit of x */
static uint64_t
mix(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

RTE_INIT(frame_fill_noise)
{
	uint32_t i;

	for (i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t)mix(i);
}

/* Many small, some full, few jumbo: about 700 bytes on average. */
static uint32_t
mixed_length(uint64_t random, uint32_t len_max)
{
	static const struct {
		uint32_t up_to;		/* out of 256 */
		uint32_t min, max;
	} classes[] = {
		{ 112, FRAME_MIN, FRAME_MIN },
		{ 200, FRAME_MIN, 576 },
		{ 236, 576, 1514 },
		{ 250, 1515, 4000 },
		{ 256, 4000, FRAME_NUMBERED_MAX },
	};
	uint32_t pick = random & 0xff, i, len;

	for (i = 0; pick >= classes[i].up_to; i++)
		;
	len = classes[i].min + (uint32_t)(random >> 32) % (classes[i].max - classes[i].min + 1);
	return len <= len_max ? len : FRAME_MIN + len % (len_max - FRAME_MIN + 1);
}

void
frame_make(struct frame *frame, const struct frame_number *number, uint32_t len_max)
{
	uint64_t random = mix(number->seq ^ ((uint64_t)number->queue << 48));
	struct frame_head head = {
		.ether.dst_addr.addr_bytes = { RTE_ETHER_LOCAL_ADMIN_ADDR, 0, 0, 0, 0, 1 },
		.ether.src_addr.addr_bytes = { RTE_ETHER_LOCAL_ADMIN_ADDR, 0, 0, 0, 0, 2 },
		.ether.ether_type = rte_cpu_to_be_16(ETHER_TYPE_LOCAL),
		.magic = rte_cpu_to_be_32(FRAME_MAGIC),
		.queue = rte_cpu_to_be_16(number->queue),
		.generation = rte_cpu_to_be_32(number->generation),
		.seq = rte_cpu_to_be_64(number->seq),
	};

	frame->len = mixed_length(random, len_max);
	frame->head_len = FRAME_HEAD;
	frame->body = noise + (random >> 8) % BODY_SHIFT;
	memcpy(frame->head, &head, sizeof(head));
}

bool
frame_read_number(const struct rte_mbuf *mbuf, struct frame_number *number)
{
	struct frame_head copy;
	const struct frame_head *head = rte_pktmbuf_read(mbuf, 0, sizeof(copy), &copy);

	if (head == NULL || head->magic != rte_cpu_to_be_32(FRAME_MAGIC) ||
			head->ether.ether_type != rte_cpu_to_be_16(ETHER_TYPE_LOCAL))
		return false;
	number->queue = rte_be_to_cpu_16(head->queue);
	number->generation = rte_be_to_cpu_32(head->generation);
	number->seq = rte_be_to_cpu_64(head->seq);
	return true;
}

/* The frame's bytes from an offset on, in one piece; how many there are in *len. */
static const uint8_t *
piece(const struct frame *frame, uint32_t offset, uint32_t *len)
{
	if (offset < frame->head_len) {
		*len = frame->head_len - offset;
		return frame->head + offset;
	}
	*len = frame->len - offset;
	return frame->body + (offset - frame->head_len);
}

/* Fill one segment from an offset of the frame on; returns how much fitted. */
static uint32_t
fill_segment(struct rte_mbuf *segment, const struct frame *frame, uint32_t offset)
{
	uint32_t len = RTE_MIN((uint32_t)rte_pktmbuf_tailroom(segment), frame->len - offset);
	uint32_t done, n;

	for (done = 0; done < len; done += n) {
		const uint8_t *from = piece(frame, offset + done, &n);

		n = RTE_MIN(n, len - done);
		memcpy(rte_pktmbuf_mtod_offset(segment, uint8_t *, done), from, n);
	}
	segment->data_len = len;
	return len;
}

struct rte_mbuf *
frame_to_mbuf(const struct frame *frame, struct rte_mempool *pool)
{
	struct rte_mbuf *head = NULL, **link = &head, *segment;
	uint32_t offset = 0;
	uint16_t segments = 0;

	while (offset < frame->len) {
		segment = rte_pktmbuf_alloc(pool);
		if (segment == NULL) {
			rte_pktmbuf_free(head);
			return NULL;
		}
		offset += fill_segment(segment, frame, offset);
		*link = segment;
		link = &segment->next;
		/* The count must be right for a chain that is given back half made. */
		head->nb_segs = ++segments;
	}
	head->pkt_len = frame->len;
	return head;
}

bool
frame_equals(const struct frame *frame, const struct rte_mbuf *mbuf)
{
	uint32_t offset = 0, done, n;

	if (mbuf->pkt_len != frame->len)
		return false;
	for (; mbuf != NULL; mbuf = mbuf->next) {
		if (mbuf->data_len > frame->len - offset)
			return false;
		for (done = 0; done < mbuf->data_len; done += n) {
			const uint8_t *expected = piece(frame, offset + done, &n);

			n = RTE_MIN(n, (uint32_t)mbuf->data_len - done);
			if (memcmp(rte_pktmbuf_mtod_offset(mbuf, const uint8_t *, done),
					expected, n) != 0)
				return false;
		}
		offset += mbuf->data_len;
	}
	return offset == frame->len;
}
