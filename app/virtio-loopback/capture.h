/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef LOOPBACK_CAPTURE_H
#define LOOPBACK_CAPTURE_H

/**
 * @file
 * Captures of real traffic: read whole, their flows spread over the queues by hash; and written.
 *
 * A flow is what has the same addresses, protocol and ports (without ports: fragments and other
 * protocols; without IP: the same MAC addresses and EtherType), one direction of it. All its
 * packets go to one queue, in the order of the capture.
 */

#include <stdint.h>
#include <stdio.h>

#include <rte_mbuf.h>

#include "frame.h"

struct capture;
struct capture_writer;

/**
 * Read a capture of Ethernet frames (pcap or pcapng).
 *
 * Frames shorter than an Ethernet header or longer than FRAME_MAX, and such as were cut when they
 * were captured, are left out; a warning tells how many.
 *
 * @return 0, or a negative errno after a message on stderr.
 */
int capture_load(const char *path, uint16_t queues, struct capture **capture);
void capture_free(struct capture *capture);

/** Bytes of its longest packet. */
uint32_t capture_longest(const struct capture *capture);

/** How many packets of it go to a queue. */
uint32_t capture_queue_packets(const struct capture *capture, uint16_t queue);

/** The packet at a position of a queue's endless repetition; the queue has at least one. */
void capture_frame(const struct capture *capture, uint16_t queue, uint64_t position,
		struct frame *frame);

/**
 * Begin a capture.
 *
 * @param[in] path
 *   Where to write, and its name in messages.
 * @param[in] file
 *   An open stream to write to, or NULL: @p path is opened. The writer closes it, at errors too.
 * @return
 *   0, or a negative errno after a message on stderr.
 */
int capture_writer_open(const char *path, FILE *file, struct capture_writer **writer);

/** Append a packet, as of now. capture_writer_close() returns an error of it. */
void capture_write(struct capture_writer *writer, const struct rte_mbuf *mbuf);

/** @return 0 if all is on disk, or a negative errno after a message on stderr. */
int capture_writer_close(struct capture_writer *writer);

#endif /* LOOPBACK_CAPTURE_H */
