/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <rte_byteorder.h>
#include <rte_common.h>
#include <rte_malloc.h>

#include "vhost_kernel_ioctl.h"
#include "vhost_kernel_steering.h"

/* The hash's input is at most two addresses of IPv6 and two ports. */
#define INPUT_MAX 36

/* The map has one value. The Toeplitz hash is the exclusive or of an entry for each byte. */
struct steering_value {
	uint32_t types;
	uint32_t unclassified;
	uint16_t table[VHOST_KERNEL_STEERING_TABLE];
	uint32_t hashes[INPUT_MAX][256]; /* by place and value of the byte */
};

/* Hash types, 5.1.6.4.3. */
enum {
	TYPE_IPV4 = 1 << 0, TYPE_TCPV4 = 1 << 1, TYPE_UDPV4 = 1 << 2,
	TYPE_IPV6 = 1 << 3, TYPE_TCPV6 = 1 << 4, TYPE_UDPV6 = 1 << 5,
};

/* What the program needs to know of a version of IP. */
struct family {
	uint16_t ether_type;
	uint8_t hdr_size;   /* without options */
	uint8_t addr_at;    /* of the first address */
	uint8_t addr_bytes; /* of both */
	uint8_t proto_at;
	uint8_t ip, tcp, udp; /* its hash types */
};

static const struct family ipv4 = {
	.ether_type = ETH_P_IP, .hdr_size = 20, .addr_at = 12, .addr_bytes = 8,
	.proto_at = 9, .ip = TYPE_IPV4, .tcp = TYPE_TCPV4, .udp = TYPE_UDPV4,
};
static const struct family ipv6 = {
	.ether_type = ETH_P_IPV6, .hdr_size = 40, .addr_at = 8, .addr_bytes = 32,
	.proto_at = 6, .ip = TYPE_IPV6, .tcp = TYPE_TCPV6, .udp = TYPE_UDPV6,
};

/* ---- making the program ------------------------------------------------------------------- */

/* Six instructions for each byte of both versions of IP, and some more. */
#define PROGRAM_MAX 512
#define MAX_JUMPS   8

/* Offsets in the program's stack. */
#define STACK_INPUT (-40)
#define STACK_HDR   (-80)

/* Registers. Those from 6 on outlive a call. */
enum { R0, R1, R2, R3, R4, R5, FRAME, SCRATCH, HAS_PORTS, TYPES, STACK };

struct program {
	struct bpf_insn insns[PROGRAM_MAX];
	unsigned int n;
	int map_fd;
};

/* Jumps whose target is not known yet. */
struct jumps {
	unsigned int from[MAX_JUMPS];
	unsigned int n;
};

static void
emit(struct program *p, uint8_t code, uint8_t dst, uint8_t src, int16_t off, int32_t imm)
{
	p->insns[p->n++] = (struct bpf_insn){
		.code = code, .dst_reg = dst, .src_reg = src, .off = off, .imm = imm,
	};
}

static void
alu(struct program *p, uint8_t op, uint8_t dst, int32_t imm)
{
	emit(p, BPF_ALU64 | BPF_K | op, dst, 0, 0, imm);
}

static void
alu_reg(struct program *p, uint8_t op, uint8_t dst, uint8_t src)
{
	emit(p, BPF_ALU64 | BPF_X | op, dst, src, 0, 0);
}

static void
load(struct program *p, uint8_t size, uint8_t dst, uint8_t base, int16_t off)
{
	emit(p, BPF_LDX | BPF_MEM | size, dst, base, off, 0);
}

static void
jump_if(struct program *p, struct jumps *jumps, uint8_t op, uint8_t reg, int32_t imm)
{
	jumps->from[jumps->n++] = p->n;
	emit(p, BPF_JMP | BPF_K | op, reg, 0, 0, imm);
}

static void
jump(struct program *p, struct jumps *jumps)
{
	jump_if(p, jumps, BPF_JA, 0, 0);
}

static void
land(struct program *p, struct jumps *jumps)
{
	while (jumps->n > 0) {
		const unsigned int from = jumps->from[--jumps->n];

		p->insns[from].off = p->n - from - 1;
	}
}

/* The address of the map's value, plus `offset`. */
static void
map_address(struct program *p, uint8_t dst, size_t offset)
{
	emit(p, BPF_LD | BPF_IMM | BPF_DW, dst, BPF_PSEUDO_MAP_VALUE, 0, p->map_fd);
	emit(p, 0, 0, 0, 0, offset);
}

/* Copies bytes of the frame, from offset R2 on; jumps if the frame is too short. */
static void
copy_of_frame(struct program *p, int16_t to, uint8_t len, struct jumps *too_short)
{
	alu_reg(p, BPF_MOV, R1, FRAME);
	alu_reg(p, BPF_MOV, R3, STACK);
	alu(p, BPF_ADD, R3, to);
	alu(p, BPF_MOV, R4, len);
	alu(p, BPF_MOV, R5, BPF_HDR_START_MAC);
	emit(p, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_skb_load_bytes_relative);
	jump_if(p, too_short, BPF_JNE, R0, 0);
}

/* Adds bytes of the input to the hash in R5. TYPES points to the middle of hashes[]. */
static void
hash_bytes(struct program *p, uint8_t from, uint8_t to)
{
	uint8_t i;

	for (i = from; i < to; i++) {
		load(p, BPF_B, R2, STACK, STACK_INPUT + i);
		alu(p, BPF_LSH, R2, 2);
		alu_reg(p, BPF_MOV, R3, TYPES);
		alu_reg(p, BPF_ADD, R3, R2);
		load(p, BPF_W, R4, R3, (i - INPUT_MAX / 2) * 1024);
		alu_reg(p, BPF_XOR, R5, R4);
	}
}

/* R2: offset of the header behind that of IP. Fragments are not searched for one. */
static void
find_ports(struct program *p, const struct family *ip, struct jumps *none)
{
	if (ip == &ipv4) {
		load(p, BPF_H, R1, STACK, STACK_HDR + 6);
		jump_if(p, none, BPF_JSET, R1, rte_cpu_to_be_16(0x3fff));
		load(p, BPF_B, R2, STACK, STACK_HDR);
		alu(p, BPF_AND, R2, 0xf);
		alu(p, BPF_LSH, R2, 2);
		alu(p, BPF_ADD, R2, ETH_HLEN);
	} else {
		alu(p, BPF_MOV, R2, ETH_HLEN + ip->hdr_size);
	}
}

/* Computes the hash of a frame of this version of IP in R5. Other frames jump behind this code. */
static void
hash_family(struct program *p, const struct family *ip, struct jumps *unclassified,
	    struct jumps *hashed)
{
	struct jumps other = { 0 }, plain = { 0 }, ports = { 0 }, hash = { 0 };
	uint8_t i;

	jump_if(p, &other, BPF_JNE, SCRATCH, rte_cpu_to_be_16(ip->ether_type));
	alu(p, BPF_MOV, R2, ETH_HLEN);
	copy_of_frame(p, STACK_HDR, ip->hdr_size, unclassified);
	for (i = 0; i < ip->addr_bytes; i += 4) {
		load(p, BPF_W, R1, STACK, STACK_HDR + ip->addr_at + i);
		emit(p, BPF_STX | BPF_MEM | BPF_W, STACK, R1, STACK_INPUT + i, 0);
	}
	find_ports(p, ip, &plain);
	load(p, BPF_B, SCRATCH, STACK, STACK_HDR + ip->proto_at);
	alu(p, BPF_MOV, R1, ip->tcp);
	jump_if(p, &ports, BPF_JEQ, SCRATCH, IPPROTO_TCP);
	alu(p, BPF_MOV, R1, ip->udp);
	jump_if(p, &plain, BPF_JNE, SCRATCH, IPPROTO_UDP);
	land(p, &ports);
	alu_reg(p, BPF_AND, R1, TYPES);
	jump_if(p, &plain, BPF_JEQ, R1, 0);
	copy_of_frame(p, STACK_INPUT + ip->addr_bytes, 4, &plain);
	alu(p, BPF_MOV, HAS_PORTS, 1);
	jump(p, &hash);

	land(p, &plain);
	alu(p, BPF_AND, TYPES, ip->ip);
	jump_if(p, unclassified, BPF_JEQ, TYPES, 0);

	land(p, &hash);
	alu(p, BPF_MOV, R5, 0);
	map_address(p, TYPES, offsetof(struct steering_value, hashes[INPUT_MAX / 2]));
	hash_bytes(p, 0, ip->addr_bytes);
	jump_if(p, hashed, BPF_JEQ, HAS_PORTS, 0);
	hash_bytes(p, ip->addr_bytes, ip->addr_bytes + 4);
	jump(p, hashed);
	land(p, &other);
}

/* A socket filter that returns the queue of a frame. */
static void
make_program(struct program *p)
{
	struct jumps unclassified = { 0 }, hashed = { 0 };

	alu_reg(p, BPF_MOV, FRAME, R1);
	alu(p, BPF_MOV, HAS_PORTS, 0);
	alu(p, BPF_MOV, R2, offsetof(struct ethhdr, h_proto));
	copy_of_frame(p, STACK_HDR, sizeof(uint16_t), &unclassified);
	load(p, BPF_H, SCRATCH, STACK, STACK_HDR);
	map_address(p, R1, offsetof(struct steering_value, types));
	load(p, BPF_W, TYPES, R1, 0);
	hash_family(p, &ipv4, &unclassified, &hashed);
	hash_family(p, &ipv6, &unclassified, &hashed);

	land(p, &unclassified);
	map_address(p, R1, offsetof(struct steering_value, unclassified));
	load(p, BPF_W, R0, R1, 0);
	emit(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);

	land(p, &hashed);
	alu(p, BPF_AND, R5, VHOST_KERNEL_STEERING_TABLE - 1);
	alu(p, BPF_LSH, R5, 1);
	map_address(p, R1, offsetof(struct steering_value, table));
	alu_reg(p, BPF_ADD, R1, R5);
	load(p, BPF_H, R0, R1, 0);
	emit(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/* ---- loading it --------------------------------------------------------------------------- */

static int
create_map(void)
{
	/* The kernel refuses an attribute whose unused bytes are not zero. */
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = BPF_MAP_TYPE_ARRAY;
	attr.key_size = sizeof(uint32_t);
	attr.value_size = sizeof(struct steering_value);
	attr.max_entries = 1;
	return vhost_kernel_calls.bpf(BPF_MAP_CREATE, &attr, sizeof(attr));
}

static int
load_program(int map_fd)
{
	struct program *p = rte_zmalloc("virtio_steering", sizeof(*p), 0);
	union bpf_attr attr;
	int ret;

	if (p == NULL)
		return -ENOMEM;
	p->map_fd = map_fd;
	make_program(p);
	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
	attr.insns = (uintptr_t)p->insns;
	attr.insn_cnt = p->n;
	attr.license = (uintptr_t)"BSD-3-Clause";
	ret = vhost_kernel_calls.bpf(BPF_PROG_LOAD, &attr, sizeof(attr));
	rte_free(p);
	return ret;
}

int
vhost_kernel_steering_open(struct vhost_kernel_steering *steering)
{
	int ret;

	steering->prog_fd = -1;
	ret = create_map();
	steering->map_fd = ret;
	if (ret >= 0) {
		ret = load_program(steering->map_fd);
		steering->prog_fd = ret;
	}
	if (ret >= 0)
		return 0;
	vhost_kernel_steering_close(steering);
	return ret;
}

void
vhost_kernel_steering_close(struct vhost_kernel_steering *steering)
{
	if (steering->prog_fd >= 0)
		close(steering->prog_fd);
	if (steering->map_fd >= 0)
		close(steering->map_fd);
	steering->prog_fd = -1;
	steering->map_fd = -1;
}

/* ---- contents of the map -------------------------------------------------------------------- */

static uint16_t
read_le16(const uint8_t *data)
{
	return data[0] | data[1] << 8;
}

int
vhost_kernel_steering_read(const uint8_t *data, size_t len,
			   struct vhost_kernel_steering_conf *conf, uint16_t *pairs)
{
	const uint8_t *table = data + 8;
	const uint8_t *rest = table + sizeof(conf->table);
	unsigned int i;

	if (len < 8 + sizeof(conf->table) + 3 + sizeof(conf->key) ||
	    read_le16(data + 4) != VHOST_KERNEL_STEERING_TABLE - 1 ||
	    rest[2] != VHOST_KERNEL_STEERING_KEY)
		return -EINVAL;
	conf->types = read_le16(data) & VHOST_KERNEL_STEERING_TYPES;
	conf->unclassified = read_le16(data + 6);
	for (i = 0; i < VHOST_KERNEL_STEERING_TABLE; i++)
		conf->table[i] = read_le16(table + 2 * i);
	*pairs = read_le16(rest);
	memcpy(conf->key, rest + 3, sizeof(conf->key));
	return 0;
}

/* 32 bits of the key from this one on. */
static uint32_t
key_bits(const uint8_t *key, unsigned int bit)
{
	uint64_t bits = 0;
	unsigned int i;

	for (i = 0; i < 5; i++)
		bits = bits << 8 | (bit / 8 + i < VHOST_KERNEL_STEERING_KEY ? key[bit / 8 + i] : 0);
	return bits >> (8 - bit % 8);
}

/* The hash of a byte is the exclusive or of those of its highest bit and of the rest. */
static void
fill_hashes(struct steering_value *value, const uint8_t *key)
{
	unsigned int at, bit, byte;

	for (at = 0; at < INPUT_MAX; at++) {
		uint32_t *hashes = value->hashes[at];

		hashes[0] = 0;
		for (bit = 0; bit < 8; bit++) {
			const uint32_t bits = key_bits(key, 8 * at + 7 - bit);
			const unsigned int below = 1u << bit;

			for (byte = 0; byte < below; byte++)
				hashes[below + byte] = hashes[byte] ^ bits;
		}
	}
}

int
vhost_kernel_steering_set(const struct vhost_kernel_steering *steering,
			  const struct vhost_kernel_steering_conf *conf)
{
	struct steering_value *value = rte_malloc("virtio_steering", sizeof(*value), 0);
	const uint32_t key = 0;
	union bpf_attr attr;
	int ret;

	if (value == NULL)
		return -ENOMEM;
	value->types = conf->types;
	value->unclassified = conf->unclassified;
	memcpy(value->table, conf->table, sizeof(value->table));
	fill_hashes(value, conf->key);
	memset(&attr, 0, sizeof(attr));
	attr.map_fd = steering->map_fd;
	attr.key = (uintptr_t)&key;
	attr.value = (uintptr_t)value;
	ret = vhost_kernel_calls.bpf(BPF_MAP_UPDATE_ELEM, &attr, sizeof(attr));
	rte_free(value);
	return ret;
}
