/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef FAKE_VHOST_KERNEL_H
#define FAKE_VHOST_KERNEL_H

/**
 * @file
 * The calls of vhost-net and tap, carried out by the test: each is recorded as a word, and one that
 * the kernel would take but that harms a running ring ends the case. Rings are not served.
 *
 * Threads: one at a time.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAKE_VK_MAX_PAIRS 4

/** Requests that a case can let fail. */
enum fake_vk_request {
	FAKE_VK_NONE,
	FAKE_VK_OWNER,   /**< VHOST_SET_OWNER */
	FAKE_VK_BACKEND, /**< VHOST_NET_SET_BACKEND */
	FAKE_VK_TAP,     /**< TUNSETIFF */
	FAKE_VK_OFFLOAD, /**< TUNSETOFFLOAD */
	FAKE_VK_STEER,   /**< TUNSETSTEERINGEBPF */
	FAKE_VK_BPF,     /**< bpf(2) */
	FAKE_VK_TABLE,   /**< bpf(2), BPF_MAP_UPDATE_ELEM alone */
};

struct fake_vhost_kernel {
	uint64_t features;      /**< that vhost-net offers */
	unsigned int fail_call; /**< this call, counted from 1, fails; 0: none */
	unsigned int calls;     /**< so far */
	int fail_error;         /**< by this error */
	enum fake_vk_request fail_request; /**< all of these fail */
	const char *fail_path;  /**< opening this path fails; NULL: none */
	bool deleted;           /**< the interface was */
	bool is_steered;        /**< the interface has a program */
	short flags;            /**< the interface's, IFF_* */
	int mtu;                /**< the interface's */
	uint8_t mac[6];         /**< the interface's */
	uint64_t region_start, region_size; /**< of the memory table */
	unsigned int offloads;  /**< TUN_F_* in force */
	int map_fd, prog_fd;    /**< of bpf(2), as last made */
	uint32_t hash_types;    /**< of the map */
	uint16_t table[128];    /**< of the map: queue by hash */
	char record[2048];
	unsigned int nb_vhosts, nb_taps;
	struct {
		int fd;
		int backend[2]; /**< of its vrings: a tap's descriptor, or -1 */
		int kick[2];
		int call[2];
	} vhost[FAKE_VK_MAX_PAIRS];
	struct {
		int fd;
		bool attached;
	} tap[FAKE_VK_MAX_PAIRS];
};

/** Puts itself in place of the kernel, as one that offers all. */
void fake_vk_begin(struct fake_vhost_kernel *vk);
/** The kernel's own calls again. */
void fake_vk_end(void);

/** Compares what was recorded since the last time, and forgets it. */
void fake_vk_check(struct fake_vhost_kernel *vk, const char *record);

#endif /* FAKE_VHOST_KERNEL_H */
