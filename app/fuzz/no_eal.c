/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * The functions of EAL that lib/virtio's rings call, on the C library's heap, which the address
 * sanitizer watches. A program with this file needs neither EAL nor its start.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <rte_malloc.h>
#include <rte_memory.h>
#include <rte_memzone.h>
#include <rte_string_fns.h>

#include "no_eal.h"
#include "test.h"

#define MAX_BLOCKS 256

/* What was not given back, so that an input can end without it. */
static void *block[MAX_BLOCKS];
static unsigned int blocks;
static uint64_t iova_mask = UINT64_MAX;

unsigned int
no_eal_blocks(void)
{
	return blocks;
}

void
no_eal_forget_blocks(void)
{
	while (blocks > 0)
		free(block[--blocks]);
}

void
no_eal_set_iova_bits(unsigned int bits)
{
	iova_mask = UINT64_MAX >> (64 - bits);
}

/* Of exactly this size: the address sanitizer notices each byte too far. */
static void *
zeroed(size_t size, size_t align)
{
	void *p;

	CHECK(blocks < MAX_BLOCKS);
	if (posix_memalign(&p, RTE_MAX(align, sizeof(void *)), size) != 0)
		return NULL;
	memset(p, 0, size);
	block[blocks++] = p;
	return p;
}

static void
give_back(void *p)
{
	unsigned int i;

	for (i = 0; i < blocks && block[i] != p; i++)
		;
	CHECK(i < blocks);
	block[i] = block[--blocks];
	free(p);
}

void *
rte_zmalloc_socket(const char *type __rte_unused, size_t size, unsigned int align,
		   int socket __rte_unused)
{
	return zeroed(size, align == 0 ? RTE_CACHE_LINE_SIZE : align);
}

void *
rte_malloc_socket(const char *type, size_t size, unsigned int align, int socket)
{
	return rte_zmalloc_socket(type, size, align, socket);
}

void *
rte_calloc(const char *type, size_t num, size_t size, unsigned int align)
{
	return rte_zmalloc_socket(type, num * size, align, SOCKET_ID_ANY);
}

void *
rte_zmalloc(const char *type, size_t size, unsigned int align)
{
	return rte_zmalloc_socket(type, size, align, SOCKET_ID_ANY);
}

void *
rte_malloc(const char *type, size_t size, unsigned int align)
{
	return rte_zmalloc_socket(type, size, align, SOCKET_ID_ANY);
}

void
rte_free(void *p)
{
	if (p != NULL)
		give_back(p);
}

enum rte_iova_mode
rte_eal_iova_mode(void)
{
	return RTE_IOVA_PA;
}

const struct rte_memzone *
rte_memzone_reserve_aligned(const char *name __rte_unused, size_t len, int socket __rte_unused,
			    unsigned int flags __rte_unused, unsigned int align)
{
	struct rte_memzone *zone = zeroed(sizeof(*zone), 0);

	if (zone == NULL)
		return NULL;
	zone->addr = zeroed(len, align);
	zone->iova = (uintptr_t)zone->addr & iova_mask;
	zone->len = len;
	return zone;
}

int
rte_memzone_free(const struct rte_memzone *zone)
{
	give_back(zone->addr);
	give_back((void *)(uintptr_t)zone);
	return 0;
}

int
rte_log(uint32_t level __rte_unused, uint32_t type __rte_unused,
	const char *format __rte_unused, ...)
{
	return 0;
}

int
rte_log_register_type_and_pick_level(const char *name __rte_unused, uint32_t level __rte_unused)
{
	return 0;
}

const char *
rte_strerror(int error)
{
	return strerror(error);
}

ssize_t
rte_strscpy(char *dst, const char *src, size_t dsize)
{
	const size_t len = strnlen(src, dsize);

	if (len == dsize) {
		memcpy(dst, src, dsize - 1);
		dst[dsize - 1] = '\0';
		return -E2BIG;
	}
	memcpy(dst, src, len + 1);
	return len;
}
