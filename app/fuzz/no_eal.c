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

static unsigned int blocks;

unsigned int
no_eal_blocks(void)
{
	return blocks;
}

static void *
zeroed(size_t size, size_t align)
{
	void *p = aligned_alloc(align, RTE_ALIGN_CEIL(size, align));

	if (p == NULL)
		return NULL;
	memset(p, 0, size);
	blocks++;
	return p;
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

void
rte_free(void *p)
{
	blocks -= p != NULL;
	free(p);
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
	struct rte_memzone *zone = calloc(1, sizeof(*zone));

	if (zone == NULL)
		return NULL;
	zone->addr = zeroed(len, align);
	zone->len = len;
	return zone;
}

int
rte_memzone_free(const struct rte_memzone *zone)
{
	blocks--;
	free(zone->addr);
	free((void *)(uintptr_t)zone);
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
