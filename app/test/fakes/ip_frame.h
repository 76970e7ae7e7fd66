/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef IP_FRAME_H
#define IP_FRAME_H

/**
 * @file
 * TCP and UDP frames, and what a device does to them: written from the protocols' descriptions and
 * from nothing of the driver or of DPDK's network library, byte by byte.
 *
 * A frame is complete when it is written, with every checksum right. What a driver hands to its
 * device, or the device to its driver, is the same frame with a checksum that is not made yet; when
 * it is made the two must be equal in every byte.
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#define IP_FRAME_MAX 65600

/** What is before the frame in a ring, 5.1.6 of the specification, as the test sees it. */
struct ip_frame_hdr {
	uint8_t flags;
	uint8_t gso_type;
	uint16_t hdr_len;
	uint16_t gso_size;
	uint16_t csum_start;
	uint16_t csum_offset;
	uint16_t num_buffers;
};

#define IP_FRAME_NEEDS_CSUM 1
#define IP_FRAME_DATA_VALID 2
#define IP_FRAME_GSO_TCPV4 1
#define IP_FRAME_GSO_UDP 3
#define IP_FRAME_GSO_TCPV6 4
#define IP_FRAME_GSO_ECN 0x80

enum ip_frame_tunnel { NO_TUNNEL, VXLAN, IPIP };

struct ip_frame {
	bool ipv6;     /**< of the inner headers, where there are two */
	bool udp;      /**< else TCP */
	enum ip_frame_tunnel tunnel; /**< in UDP over IPv4, or right in IPv4 */
	uint16_t vlan; /**< tag of the outermost header, 0: none */
	uint32_t payload; /**< bytes after the headers */
	uint32_t offset;  /**< of a segment: its payload begins that far into the whole one */
	uint16_t ip_id;
	bool push;        /**< TCP: the last one of what was sent together */
	uint8_t seed;     /**< what the payload is made from */
};

/** Bytes before the TCP or UDP header that the checksum is about, and before the payload. */
uint32_t ip_frame_l3_at(const struct ip_frame *f);
uint32_t ip_frame_l4_at(const struct ip_frame *f);
uint32_t ip_frame_payload_at(const struct ip_frame *f);
/** Bytes from the TCP or UDP header to its checksum. */
uint32_t ip_frame_csum_offset(const struct ip_frame *f);

/** Writes the frame, complete; its length. */
uint32_t ip_frame_write(const struct ip_frame *f, uint8_t *at);
/** The same, but for a checksum that is the sum of the pseudo-header only. */
uint32_t ip_frame_write_unfinished(const struct ip_frame *f, uint8_t *at);

/** What a device does with a frame whose header says NEEDS_CSUM. Ends the case if it cannot. */
void ip_frame_finish(uint8_t *at, uint32_t len, uint16_t csum_start, uint16_t csum_offset);
/**
 * What a device does with one that is to be segmented: writes the `i`th segment to `to`. The
 * headers' lengths and numbers are edited, and the checksums by the difference (RFC 1624), so that
 * they are right only where they were before. Its length, 0 where there is no such segment.
 */
uint32_t ip_frame_segment(const struct ip_frame_hdr *hdr, const uint8_t *at, uint32_t len,
			  uint32_t l3_at, unsigned int i, uint8_t *to);

/** Ends the case unless these bytes are those. */
void ip_frame_check_bytes(const uint8_t *got, uint32_t got_len, const uint8_t *wanted,
			  uint32_t wanted_len, const char *what);
/** The same for a packet. */
void ip_frame_check_mbuf(const struct rte_mbuf *m, const uint8_t *wanted, uint32_t wanted_len,
			 const char *what);

/**
 * A packet with these bytes, `first` of them in its first segment and at most `segment` in each
 * other one (0: as many as fit); the data of the first begins at data_off.
 */
struct rte_mbuf *ip_frame_mbuf(struct rte_mempool *pool, const uint8_t *at, uint32_t len,
			       uint32_t first, uint32_t segment, uint16_t data_off);
/** Lengths and flags that ask for the checksum of a packet with such a frame. */
void ip_frame_ask_checksum(const struct ip_frame *f, struct rte_mbuf *m);
/** And for segments with so much payload. */
void ip_frame_ask_segments(const struct ip_frame *f, struct rte_mbuf *m, uint16_t segsz);

#endif /* IP_FRAME_H */
