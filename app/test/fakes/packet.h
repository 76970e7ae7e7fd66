/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef PACKET_H
#define PACKET_H

/**
 * @file
 * Packets that differ from each other: by queue and number, and in every byte.
 */

#include <rte_mbuf.h>

#define PACKET_MIN 60

/**
 * Fills an mbuf from its pool with a packet of so many bytes, in segments of at most `segment`
 * bytes (0: as much as fits). false where the pool has no more; the mbuf is then freed.
 */
bool packet_make(struct rte_mbuf *m, uint16_t queue, uint64_t number, uint32_t len,
		 uint16_t segment);

/** The same with any bytes. */
bool packet_fill(struct rte_mbuf *m, const uint8_t *bytes, uint32_t len, uint16_t segment);

/** The packet's number; what is wrong with it in *why, or NULL. */
uint64_t packet_check(const struct rte_mbuf *m, uint16_t queue, const char **why);

/** The same for bytes in one piece; there writing is possible as well. */
void packet_write(uint8_t *at, uint16_t queue, uint64_t number, uint32_t len);
uint64_t packet_check_bytes(const uint8_t *at, uint32_t len, uint16_t queue, const char **why);

#endif /* PACKET_H */
