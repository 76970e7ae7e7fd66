/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VIRTIO_NET_H
#define VIRTIO_NET_H

/**
 * @file
 * The network device's part of the virtio specification, section 5.1 of virtio 1.2.
 */

#include <assert.h>
#include <stdint.h>

/** Feature bits, section 5.1.3. */
#define VIRTIO_NET_F_CSUM           0
#define VIRTIO_NET_F_GUEST_CSUM     1
#define VIRTIO_NET_F_MTU            3
#define VIRTIO_NET_F_MAC            5
#define VIRTIO_NET_F_GUEST_TSO4     7
#define VIRTIO_NET_F_GUEST_TSO6     8
#define VIRTIO_NET_F_HOST_TSO4      11
#define VIRTIO_NET_F_HOST_TSO6      12
#define VIRTIO_NET_F_MRG_RXBUF      15
#define VIRTIO_NET_F_STATUS         16
#define VIRTIO_NET_F_CTRL_VQ        17
#define VIRTIO_NET_F_CTRL_RX        18
#define VIRTIO_NET_F_CTRL_VLAN      19
#define VIRTIO_NET_F_GUEST_ANNOUNCE 21
#define VIRTIO_NET_F_MQ             22
#define VIRTIO_NET_F_CTRL_MAC_ADDR  23
#define VIRTIO_NET_F_HASH_REPORT    57
#define VIRTIO_NET_F_GUEST_HDRLEN   59
#define VIRTIO_NET_F_RSS            60
#define VIRTIO_NET_F_SPEED_DUPLEX   63

/** Device configuration, section 5.1.4: offsets. */
#define VIRTIO_NET_CONFIG_MAC           0  /**< u8[6], with MAC */
#define VIRTIO_NET_CONFIG_STATUS        6  /**< le16, with STATUS */
#define VIRTIO_NET_CONFIG_MAX_PAIRS     8  /**< le16, with MQ or RSS */
#define VIRTIO_NET_CONFIG_MTU           10 /**< le16, with MTU */
#define VIRTIO_NET_CONFIG_SPEED         12 /**< le32, with SPEED_DUPLEX: Mb/s */
#define VIRTIO_NET_CONFIG_DUPLEX        16 /**< u8, with SPEED_DUPLEX */
#define VIRTIO_NET_CONFIG_RSS_KEY_MAX   17 /**< u8, with RSS or HASH_REPORT: bytes */
#define VIRTIO_NET_CONFIG_RSS_TABLE_MAX 18 /**< le16, with RSS: entries */
#define VIRTIO_NET_CONFIG_HASH_TYPES    20 /**< le32, with either: VIRTIO_NET_HASH_* */

#define VIRTIO_NET_S_LINK_UP            1
#define VIRTIO_NET_S_ANNOUNCE           2

/** Speeds from here on are none, section 5.1.4; and duplex. */
#define VIRTIO_NET_SPEED_END            0x80000000
#define VIRTIO_NET_DUPLEX_HALF          0

/** Classes and codes of the control queue's commands, section 5.1.6.5; and its answers. */
#define VIRTIO_NET_OK                   0

#define VIRTIO_NET_CTRL_RX              0
#define VIRTIO_NET_CTRL_RX_PROMISC      0
#define VIRTIO_NET_CTRL_RX_ALLMULTI     1

#define VIRTIO_NET_CTRL_MAC             1
#define VIRTIO_NET_CTRL_MAC_TABLE_SET   0
#define VIRTIO_NET_CTRL_MAC_ADDR_SET    1

#define VIRTIO_NET_CTRL_VLAN            2
#define VIRTIO_NET_CTRL_VLAN_ADD        0
#define VIRTIO_NET_CTRL_VLAN_DEL        1

#define VIRTIO_NET_CTRL_ANNOUNCE        3
#define VIRTIO_NET_CTRL_ANNOUNCE_ACK    0

#define VIRTIO_NET_CTRL_MQ              4
#define VIRTIO_NET_CTRL_MQ_PAIRS_SET    0
#define VIRTIO_NET_CTRL_MQ_RSS_CONFIG   1
#define VIRTIO_NET_CTRL_MQ_HASH_CONFIG  2

/** What is hashed, section 5.1.6.4.3.3. */
#define VIRTIO_NET_HASH_IPV4            (1 << 0)
#define VIRTIO_NET_HASH_TCPV4           (1 << 1)
#define VIRTIO_NET_HASH_UDPV4           (1 << 2)
#define VIRTIO_NET_HASH_IPV6            (1 << 3)
#define VIRTIO_NET_HASH_TCPV6           (1 << 4)
#define VIRTIO_NET_HASH_UDPV6           (1 << 5)
#define VIRTIO_NET_HASH_IP_EX           (1 << 6)
#define VIRTIO_NET_HASH_TCP_EX          (1 << 7)
#define VIRTIO_NET_HASH_UDP_EX          (1 << 8)

/** virtio_net_hdr.flags, section 5.1.6. */
#define VIRTIO_NET_HDR_F_NEEDS_CSUM 1
#define VIRTIO_NET_HDR_F_DATA_VALID 2

/** virtio_net_hdr.gso_type. */
#define VIRTIO_NET_HDR_GSO_NONE  0
#define VIRTIO_NET_HDR_GSO_TCPV4 1
#define VIRTIO_NET_HDR_GSO_TCPV6 4

/** What precedes each frame, section 5.1.6; with VERSION_1 num_buffers is always there. */
struct virtio_net_hdr {
	uint8_t flags;
	uint8_t gso_type;
	uint16_t hdr_len;     /**< with a gso_type: bytes of all headers */
	uint16_t gso_size;    /**< payload of each segment */
	uint16_t csum_start;  /**< from the frame's first byte */
	uint16_t csum_offset; /**< of the checksum, from there */
	uint16_t num_buffers; /**< receive, with MRG_RXBUF: buffers that this frame fills */
};

static_assert(sizeof(struct virtio_net_hdr) == 12, "5.1.6");

/** num_buffers 1, among the last 4 bytes of a header. */
#define VIRTIO_NET_HDR_ONE_BUFFER RTE_LE32(UINT32_C(1) << 16)

static_assert(offsetof(struct virtio_net_hdr, num_buffers) == 12 - 4 + 2, "upper half");

/** The same with HASH_REPORT, in both directions; little-endian. */
struct virtio_net_hdr_hash {
	struct virtio_net_hdr hdr;
	uint32_t hash_value;  /**< receive, with a hash_report */
	uint16_t hash_report; /**< receive: what was hashed, section 5.1.6.4.4 */
	uint16_t padding;
};

static_assert(sizeof(struct virtio_net_hdr_hash) == 20, "5.1.6");

/** hash_report: 0 is none, and from 1 to here they are known. */
#define VIRTIO_NET_HASH_REPORT_MAX      9

/** Ring index of a queue, section 5.1.2. */
static inline uint16_t
virtio_net_rx_vq(uint16_t queue)
{
	return 2 * queue;
}

static inline uint16_t
virtio_net_tx_vq(uint16_t queue)
{
	return 2 * queue + 1;
}

#endif /* VIRTIO_NET_H */
