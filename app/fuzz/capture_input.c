/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * Target "capture": a capture that virtio-loopback reads. The first byte chooses the queues, and
 * whether the rest is the file as it is, or frames, to which this adds the headers of a pcap file.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pcap/pcap.h>

#include <rte_common.h>
#include <rte_ether.h>

#include "capture.h"
#include "fuzz.h"

static FILE *file;

pcap_t *__wrap_pcap_open_offline(const char *path, char *error);
int __wrap_fprintf(FILE *stream, const char *format, ...);

pcap_t *
__wrap_pcap_open_offline(const char *path __rte_unused, char *error)
{
	pcap_t *pcap = pcap_fopen_offline(file, error);

	if (pcap == NULL)
		fclose(file);
	return pcap;
}

/* Messages about a capture. */
int
__wrap_fprintf(FILE *stream __rte_unused, const char *format __rte_unused, ...)
{
	return 0;
}

void
fuzz_start(void)
{
}

/* A pcap file of frames of the input; its length. */
static size_t
wrap_frames(struct fuzz_input *in, uint8_t *to, size_t room)
{
	static const uint32_t head[] = { 0xa1b2c3d4, 0x00040002, 0, 0, 65535, 1 };
	size_t at = sizeof(head);
	uint32_t packet[4] = { 0 };
	uint32_t len, i;

	memcpy(to, head, sizeof(head));
	while (fuzz_left(in) > 0 && room - at > sizeof(packet) + UINT8_MAX) {
		len = fuzz_byte(in);
		packet[2] = len;
		packet[3] = len + (fuzz_byte(in) == 0);
		memcpy(to + at, packet, sizeof(packet));
		at += sizeof(packet);
		for (i = 0; i < len; i++)
			to[at++] = fuzz_byte(in);
	}
	return at;
}

static void
check(const struct capture *capture, uint16_t queues)
{
	struct frame frame;
	uint32_t i, sum = 0;
	uint16_t q;

	for (q = 0; q < queues; q++) {
		for (i = 0; i < capture_queue_packets(capture, q); i++) {
			capture_frame(capture, q, i, &frame);
			CHECK(frame.len >= RTE_ETHER_HDR_LEN && frame.len <= FRAME_MAX);
			CHECK(frame.len <= capture_longest(capture));
			sum += frame.body[0] + frame.body[frame.len - 1];
		}
	}
	RTE_SET_USED(sum);
}

void
fuzz_run(const uint8_t *data, size_t size)
{
	static uint8_t bytes[16384];
	struct fuzz_input in = { data, data + size };
	const uint8_t flags = fuzz_byte(&in);
	const uint16_t queues = 1 + flags / 16;
	struct capture *capture;
	size_t len = RTE_MIN(fuzz_left(&in), sizeof(bytes));

	if (flags % 4 == 0)
		memcpy(bytes, in.at, len);
	else
		len = wrap_frames(&in, bytes, sizeof(bytes));
	file = len == 0 ? NULL : fmemopen(bytes, len, "r");
	if (file == NULL)
		return;
	if (capture_load("fuzz", queues, &capture) != 0)
		return;
	check(capture, queues);
	capture_free(capture);
}
