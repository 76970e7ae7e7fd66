/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * The kernel runs the program that steers frames of a tap interface, on frames of the test: each
 * goes to the queue that DPDK's own Toeplitz hash has in the table. Skipped where this process may
 * not use bpf(2).
 */

#include <errno.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_random.h>
#include <rte_thash.h>
#include <rte_udp.h>

#include "test.h"
#include "vhost_kernel_ioctl.h"
#include "vhost_kernel_steering.h"

#define ALL     VHOST_KERNEL_STEERING_TYPES
#define FRAMES  200
#define NO_HASH 77 /* queue of frames without a hash */

/* Hash types, 5.1.6.4.3. */
#define IPV4  1u
#define TCPV4 2u
#define UDPV6 32u

static struct vhost_kernel_steering steering;
static struct vhost_kernel_steering_conf conf;

struct frame {
	uint32_t align;
	uint8_t room[2]; /* so that the header behind that of Ethernet is aligned */
	uint8_t bytes[128];
	uint32_t len;
};

static void
begin(uint32_t types)
{
	const int ret = vhost_kernel_steering_open(&steering);
	unsigned int i;

	if (ret == -EPERM || ret == -ENOSYS)
		test_skip("this process may not use bpf(2)");
	CHECK_EQ(ret, 0);
	conf.types = types;
	conf.unclassified = NO_HASH;
	for (i = 0; i < VHOST_KERNEL_STEERING_TABLE; i++)
		conf.table[i] = 1000 + i;
	for (i = 0; i < VHOST_KERNEL_STEERING_KEY; i++)
		conf.key[i] = rte_rand();
	CHECK_EQ(vhost_kernel_steering_set(&steering, &conf), 0);
}

static void
end(void)
{
	vhost_kernel_steering_close(&steering);
}

static unsigned int
queue_of(struct frame *frame)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.test.prog_fd = steering.prog_fd;
	attr.test.data_in = (uintptr_t)frame->bytes;
	attr.test.data_size_in = frame->len;
	CHECK_EQ(vhost_kernel_calls.bpf(BPF_PROG_TEST_RUN, &attr, sizeof(attr)), 0);
	return attr.test.retval;
}

static void
ethernet(struct frame *frame, uint16_t type)
{
	struct rte_ether_hdr *eth = (struct rte_ether_hdr *)frame->bytes;

	memset(frame->bytes, 0x11, sizeof(frame->bytes));
	eth->ether_type = rte_cpu_to_be_16(type);
}

/* With random addresses and ports, and so many words of options. */
static void
make_ipv4(struct frame *frame, uint8_t proto, unsigned int options)
{
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(frame->bytes + RTE_ETHER_HDR_LEN);
	uint32_t *ports = (uint32_t *)(void *)((uint8_t *)ip + sizeof(*ip) + 4 * options);

	ethernet(frame, RTE_ETHER_TYPE_IPV4);
	*ip = (struct rte_ipv4_hdr){
		.version_ihl = 0x45 + options, .next_proto_id = proto, .time_to_live = 64,
		.fragment_offset = rte_cpu_to_be_16(RTE_IPV4_HDR_DF_FLAG),
		.src_addr = rte_rand(), .dst_addr = rte_rand(),
	};
	*ports = rte_rand();
	frame->len = RTE_ETHER_HDR_LEN + sizeof(*ip) + 4 * options + 20;
}

static void
make_ipv6(struct frame *frame, uint8_t proto)
{
	uint8_t *ip = frame->bytes + RTE_ETHER_HDR_LEN;
	unsigned int i;

	ethernet(frame, RTE_ETHER_TYPE_IPV6);
	memset(ip, 0, 40);
	ip[0] = 0x60;
	ip[6] = proto;
	for (i = 8; i < 44; i++)
		ip[i] = rte_rand();
	frame->len = RTE_ETHER_HDR_LEN + 40 + 20;
}

/* By the words of the frame from one of its bytes on, and the ports from another; 0: none. */
static unsigned int
expected(const struct frame *frame, unsigned int addrs, unsigned int words, unsigned int ports)
{
	uint32_t key[VHOST_KERNEL_STEERING_KEY / sizeof(uint32_t)]; /* aligned */
	uint32_t input[9], i;

	memcpy(key, conf.key, sizeof(key));
	for (i = 0; i < words; i++)
		memcpy(&input[i], frame->bytes + addrs + 4 * i, 4);
	if (ports != 0)
		memcpy(&input[i++], frame->bytes + ports, 4);
	words = i;
	for (i = 0; i < words; i++)
		input[i] = rte_be_to_cpu_32(input[i]);
	return 1000 + rte_softrss(input, words, (const uint8_t *)key) % VHOST_KERNEL_STEERING_TABLE;
}

#define IPV4_ADDRS (RTE_ETHER_HDR_LEN + 12)
#define IPV4_PORTS (RTE_ETHER_HDR_LEN + 20)
#define IPV6_ADDRS (RTE_ETHER_HDR_LEN + 8)
#define IPV6_PORTS (RTE_ETHER_HDR_LEN + 40)

static void
tcp_and_udp_by_addresses_and_ports(void)
{
	static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_UDP };
	struct frame frame;
	unsigned int i;

	begin(ALL);
	for (i = 0; i < FRAMES; i++) {
		make_ipv4(&frame, protos[i % 2], 0);
		CHECK_EQ(queue_of(&frame), expected(&frame, IPV4_ADDRS, 2, IPV4_PORTS));
		make_ipv4(&frame, protos[i % 2], 3);
		CHECK_EQ(queue_of(&frame), expected(&frame, IPV4_ADDRS, 2, IPV4_PORTS + 12));
		make_ipv6(&frame, protos[i % 2]);
		CHECK_EQ(queue_of(&frame), expected(&frame, IPV6_ADDRS, 8, IPV6_PORTS));
	}
	end();
}

static void
others_by_addresses(void)
{
	struct frame frame;
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(frame.bytes + RTE_ETHER_HDR_LEN);
	unsigned int i;

	begin(ALL);
	for (i = 0; i < FRAMES; i++) {
		make_ipv4(&frame, IPPROTO_ICMP, 0);
		CHECK_EQ(queue_of(&frame), expected(&frame, IPV4_ADDRS, 2, 0));
		make_ipv6(&frame, IPPROTO_ICMPV6);
		CHECK_EQ(queue_of(&frame), expected(&frame, IPV6_ADDRS, 8, 0));
		/* All fragments of a packet go to one queue. */
		make_ipv4(&frame, IPPROTO_UDP, 0);
		ip->fragment_offset = rte_cpu_to_be_16(i % 2 ? RTE_IPV4_HDR_MF_FLAG : 185);
		CHECK_EQ(queue_of(&frame), expected(&frame, IPV4_ADDRS, 2, 0));
		/* It ends before its ports. */
		make_ipv4(&frame, IPPROTO_UDP, 0);
		frame.len = IPV4_PORTS + 3;
		CHECK_EQ(queue_of(&frame), expected(&frame, IPV4_ADDRS, 2, 0));
	}
	end();
}

static void
types_that_are_off(void)
{
	struct frame frame;

	begin(IPV4 | TCPV4);
	make_ipv4(&frame, IPPROTO_UDP, 0);
	CHECK_EQ(queue_of(&frame), expected(&frame, IPV4_ADDRS, 2, 0));
	make_ipv4(&frame, IPPROTO_TCP, 0);
	CHECK_EQ(queue_of(&frame), expected(&frame, IPV4_ADDRS, 2, IPV4_PORTS));
	make_ipv6(&frame, IPPROTO_UDP);
	CHECK_EQ(queue_of(&frame), NO_HASH);
	end();
	begin(TCPV4 | UDPV6);
	make_ipv4(&frame, IPPROTO_UDP, 0);
	CHECK_EQ(queue_of(&frame), NO_HASH);
	make_ipv6(&frame, IPPROTO_TCP);
	CHECK_EQ(queue_of(&frame), NO_HASH);
	make_ipv6(&frame, IPPROTO_UDP);
	CHECK_EQ(queue_of(&frame), expected(&frame, IPV6_ADDRS, 8, IPV6_PORTS));
	end();
}

static void
frames_without_a_hash(void)
{
	struct frame frame;

	begin(ALL);
	ethernet(&frame, RTE_ETHER_TYPE_ARP);
	frame.len = 60;
	CHECK_EQ(queue_of(&frame), NO_HASH);
	end();
}

static void
another_table_holds_at_once(void)
{
	struct frame frame;
	unsigned int i;

	begin(ALL);
	make_ipv4(&frame, IPPROTO_UDP, 0);
	for (i = 0; i < VHOST_KERNEL_STEERING_TABLE; i++)
		conf.table[i] = 3;
	CHECK_EQ(vhost_kernel_steering_set(&steering, &conf), 0);
	CHECK_EQ(queue_of(&frame), 3);
	end();
}

TEST_MAIN(
	TEST(tcp_and_udp_by_addresses_and_ports),
	TEST(others_by_addresses),
	TEST(types_that_are_off),
	TEST(frames_without_a_hash),
	TEST(another_table_holds_at_once),
)
