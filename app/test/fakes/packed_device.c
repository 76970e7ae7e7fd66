/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "breach.h"
#include "packed_device.h"

/* Offsets and flags of 2.8.13 and 2.8.14. */
#define DESC_SIZE 16
#define DESC_LEN 8
#define DESC_ID 12
#define DESC_FLAGS 14
#define F_NEXT 1
#define F_WRITE 2
#define F_INDIRECT 4
#define F_AVAIL 0x80
#define F_USED 0x8000
#define EVENT_WHERE 0
#define EVENT_FLAGS 2
#define EVENT_WRAP 0x8000

static uint16_t
get16(const uint8_t *at)
{
	return __atomic_load_n((const uint16_t *)(const void *)at, __ATOMIC_ACQUIRE);
}

static void
put16(uint8_t *at, uint16_t value)
{
	__atomic_store_n((uint16_t *)(void *)at, value, __ATOMIC_RELEASE);
}

/* The second half of a descriptor, from its length on. */
static uint64_t *
half(uint8_t *desc)
{
	return (uint64_t *)(void *)(desc + DESC_LEN);
}

#define breach(pd, ...) \
	breach_note((pd)->breach, sizeof((pd)->breach), __VA_ARGS__)

size_t
packed_device_desc_size(uint32_t size)
{
	return (size_t)DESC_SIZE * size;
}

void
packed_device_open(struct packed_device *pd, uint32_t size, void *desc, void *driver_event,
		   void *device_event, bool event_idx)
{
	const device_map_t map = pd->map;
	void *map_arg = pd->map_arg;

	memset(pd, 0, sizeof(*pd));
	pd->map = map;
	pd->map_arg = map_arg;
	pd->size = size;
	pd->desc = desc;
	pd->driver_event = driver_event;
	pd->device_event = device_event;
	pd->event_idx = event_idx;
	pd->avail_wrap = true;
	pd->used_wrap = true;
	pd->descs = calloc(size, sizeof(*pd->descs));
	pd->in_flight = calloc(size, sizeof(*pd->in_flight));
	pd->before = calloc(size, sizeof(*pd->before));
	if ((uintptr_t)desc % 16 != 0 || (uintptr_t)driver_event % 4 != 0 ||
	    (uintptr_t)device_event % 4 != 0)
		breach(pd, "a part of the ring is not aligned (2.8)");
}

void
packed_device_close(struct packed_device *pd)
{
	free(pd->descs);
	free(pd->in_flight);
	free(pd->before);
	pd->descs = NULL;
	pd->in_flight = NULL;
	pd->before = NULL;
	pd->size = 0;
}

/* On by n places, over the end of the ring into the next lap if need be. */
static void
step(const struct packed_device *pd, uint32_t *at, bool *wrap, uint32_t n)
{
	*at += n;
	if (*at >= pd->size) {
		*at -= pd->size;
		*wrap = !*wrap;
	}
}

static uint8_t *
desc_at(const struct packed_device *pd, uint32_t at)
{
	return pd->desc + (size_t)at * DESC_SIZE;
}

/* 2.8.1: AVAIL as the lap's wrap counter and USED the inverse of it. */
static bool
is_available(const uint8_t *desc, bool wrap)
{
	const uint16_t flags = get16(desc + DESC_FLAGS);

	return ((flags & F_AVAIL) != 0) == wrap && ((flags & F_USED) != 0) != wrap;
}

bool
packed_device_waiting(const struct packed_device *pd)
{
	return is_available(desc_at(pd, pd->avail_at), pd->avail_wrap);
}

/* Address and length of one descriptor, of the ring or of an indirect table; false: a breach. */
static bool
add(struct packed_device *pd, struct device_chain *chain, const uint8_t *desc, uint16_t flags)
{
	uint8_t *mapped;
	uint64_t addr;
	uint32_t len;

	memcpy(&addr, desc, sizeof(addr));
	memcpy(&len, desc + DESC_LEN, sizeof(len));
	mapped = pd->map != NULL ? pd->map(pd->map_arg, addr, len) : (uint8_t *)(uintptr_t)addr;
	if (addr == 0 || len == 0 || mapped == NULL) {
		breach(pd, "%" PRIu32 " bytes at 0x%" PRIx64, len, addr);
		return false;
	}
	if (chain->n == DEVICE_MAX_CHAIN) {
		breach(pd, "a chain does not end");
		return false;
	}
	if (chain->n > 0 && chain->part[chain->n - 1].writable && !(flags & F_WRITE)) {
		breach(pd, "read after write (2.8.17)");
		return false;
	}
	chain->part[chain->n++] = (struct device_part){
		.addr = addr, .at = mapped, .len = len, .writable = flags & F_WRITE
	};
	return true;
}

/* A table has no NEXT: its length tells where it ends (2.8.7). */
static bool
read_table(struct packed_device *pd, struct device_chain *chain)
{
	const struct device_part table = chain->part[0];
	uint32_t i;

	chain->n = 0;
	chain->indirect = true;
	if (table.len % DESC_SIZE != 0) {
		breach(pd, "an indirect table of %" PRIu32 " bytes", table.len);
		return false;
	}
	for (i = 0; i < table.len; i += DESC_SIZE) {
		const uint16_t flags = get16(table.at + i + DESC_FLAGS);

		if (flags & F_INDIRECT) {
			breach(pd, "indirect within indirect (2.8.7)");
			return false;
		}
		if (!add(pd, chain, table.at + i, flags))
			return false;
	}
	return true;
}

bool
packed_device_take(struct packed_device *pd, struct device_chain *chain)
{
	uint16_t flags;
	uint16_t id;

	if (!packed_device_waiting(pd) || pd->breach[0] != '\0')
		return false;
	if (pd->in_one)
		__atomic_load_n(half(desc_at(pd, pd->avail_at)), __ATOMIC_ACQUIRE);
	memset(chain, 0, offsetof(struct device_chain, part));
	do {
		const uint8_t *desc = desc_at(pd, pd->avail_at);

		if (!is_available(desc, pd->avail_wrap)) {
			breach(pd, "place %" PRIu32 ": of a chain, and not available (2.8.6)",
			       pd->avail_at);
			return false;
		}
		if (++pd->held > pd->size) {
			breach(pd, "more is available than a ring of %" PRIu32 " holds", pd->size);
			return false;
		}
		flags = get16(desc + DESC_FLAGS);
		id = get16(desc + DESC_ID);
		chain->descs++;
		if (!add(pd, chain, desc, flags))
			return false;
		if ((flags & F_INDIRECT) && (chain->descs > 1 || (flags & (F_NEXT | F_WRITE)))) {
			breach(pd, "place %" PRIu32 ": indirect out of place (2.8.7)",
			       pd->avail_at);
			return false;
		}
		step(pd, &pd->avail_at, &pd->avail_wrap, 1);
	} while (flags & F_NEXT);
	/* The last descriptor's is the one that counts (2.8.6). */
	chain->head = id;
	if (id >= pd->size) {
		breach(pd, "id %u in a ring of %" PRIu32 ", which back-ends refuse", id, pd->size);
		return false;
	}
	if (pd->in_flight[id]) {
		breach(pd, "id %u is available before it was used", id);
		return false;
	}
	pd->in_flight[id] = true;
	pd->descs[id] = chain->descs;
	return (flags & F_INDIRECT) ? read_table(pd, chain) : true;
}

/* The driver has this buffer again; an id of a hostile device may be any. */
static void
return_buffer(struct packed_device *pd, uint16_t id)
{
	if (id < pd->size && pd->in_flight[id]) {
		pd->held -= pd->descs[id];
		pd->in_flight[id] = false;
	}
}

/* Places that a used descriptor with this id stands for. */
static uint32_t
places(const struct packed_device *pd, uint16_t id)
{
	return id < pd->size && pd->descs[id] > 0 ? pd->descs[id] : 1;
}

void
packed_device_use(struct packed_device *pd, uint16_t id, uint32_t len)
{
	return_buffer(pd, id);
	packed_device_use_raw(pd, id, len);
}

void
packed_device_use_raw(struct packed_device *pd, uint16_t id, uint32_t len)
{
	/* 2.8.3: WRITE says that the length means something. */
	const uint16_t flags =
		(pd->used_wrap ? F_AVAIL | F_USED : 0) | (len != 0 ? F_WRITE : 0);
	uint8_t *desc = desc_at(pd, pd->used_at);

	memcpy(pd->before[pd->used_at], desc, DESC_SIZE);
	if (pd->in_one) {
		__atomic_store_n(half(desc), len | (uint64_t)id << 32 | (uint64_t)flags << 48,
				 __ATOMIC_RELEASE);
	} else {
		memcpy(desc + DESC_LEN, &len, sizeof(len));
		memcpy(desc + DESC_ID, &id, sizeof(id));
		put16(desc + DESC_FLAGS, flags);
	}
	step(pd, &pd->used_at, &pd->used_wrap, places(pd, id));
}

void
packed_device_use_batch(struct packed_device *pd, const uint16_t *ids, uint16_t n, uint32_t len)
{
	uint32_t more = 0;
	uint16_t i;

	for (i = 0; i < n; i++) {
		return_buffer(pd, ids[i]);
		more += i + 1 < n ? places(pd, ids[i]) : 0;
	}
	packed_device_use_raw(pd, ids[n - 1], len);
	step(pd, &pd->used_at, &pd->used_wrap, more);
}

void
packed_device_take_back(struct packed_device *pd, uint32_t place, bool wrap)
{
	uint32_t at = place;
	bool lap = wrap;

	while (at != pd->used_at || lap != pd->used_wrap) {
		uint8_t *desc = desc_at(pd, at);
		const uint16_t flags = get16(desc + DESC_FLAGS);

		if (((flags & F_AVAIL) != 0) == lap && ((flags & F_USED) != 0) == lap)
			memcpy(desc, pd->before[at], DESC_SIZE);
		step(pd, &at, &lap, 1);
	}
	pd->used_at = place;
	pd->used_wrap = wrap;
}

void
packed_device_set_event(struct packed_device *pd, enum packed_device_event flags, uint32_t place,
			bool wrap)
{
	const uint16_t where = place | (wrap ? EVENT_WRAP : 0);
	const uint32_t both = where | (uint32_t)flags << 16;

	/* The driver is to see the two together. */
	__atomic_store_n((uint32_t *)(void *)pd->device_event, both, __ATOMIC_SEQ_CST);
}

bool
packed_device_interrupts(struct packed_device *pd)
{
	uint16_t flags;

	/* The used descriptor is written before the driver's event is read (2.8.22). */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	flags = get16(pd->driver_event + EVENT_FLAGS);
	/* A driver may name a place instead (2.8.10); this one has no use for that. */
	if (flags != PACKED_DEVICE_ALWAYS && flags != PACKED_DEVICE_NEVER)
		breach(pd, "driver's event flags 0x%x", flags);
	return flags == PACKED_DEVICE_ALWAYS;
}
