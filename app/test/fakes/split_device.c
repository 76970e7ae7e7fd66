/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "breach.h"
#include "split_device.h"

/* Offsets and flags of 2.7.5, 2.7.6 and 2.7.8. */
#define DESC_SIZE 16
#define DESC_LEN 8
#define DESC_FLAGS 12
#define DESC_NEXT 14
#define F_NEXT 1
#define F_WRITE 2
#define F_INDIRECT 4
#define RING_FLAGS 0
#define RING_IDX 2
#define RING_ENTRIES 4
#define AVAIL_ENTRY 2
#define USED_ENTRY 8
#define USED_NO_NOTIFY 1
#define AVAIL_NO_INTERRUPT 1

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

static uint32_t
get32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static void
put32(uint8_t *at, uint32_t value)
{
	memcpy(at, &value, sizeof(value));
}

static uint64_t
get64(const uint8_t *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

size_t
split_device_desc_size(uint32_t size)
{
	return DESC_SIZE * size;
}

size_t
split_device_avail_size(uint32_t size)
{
	return RING_ENTRIES + AVAIL_ENTRY * size + 2;
}

size_t
split_device_used_size(uint32_t size)
{
	return RING_ENTRIES + USED_ENTRY * size + 2;
}

#define breach(sd, ...) \
	breach_note((sd)->breach, sizeof((sd)->breach), __VA_ARGS__)

void
split_device_open(struct split_device *sd, uint32_t size, void *desc, void *avail, void *used,
		  bool event_idx)
{
	const device_map_t map = sd->map;
	void *map_arg = sd->map_arg;

	memset(sd, 0, sizeof(*sd));
	sd->map = map;
	sd->map_arg = map_arg;
	sd->size = size;
	sd->desc = desc;
	sd->avail = avail;
	sd->used = used;
	sd->event_idx = event_idx;
	sd->in_flight = calloc(size, sizeof(*sd->in_flight));
	sd->after = calloc(size, sizeof(*sd->after));
	sd->used_idx = get16(sd->used + RING_IDX);
	sd->avail_idx = sd->used_idx;
	sd->decided = sd->used_idx;
	if ((uintptr_t)desc % 16 != 0 || (uintptr_t)avail % 2 != 0 || (uintptr_t)used % 4 != 0)
		breach(sd, "a part of the ring is not aligned (2.7)");
}

void
split_device_close(struct split_device *sd)
{
	free(sd->in_flight);
	free(sd->after);
	sd->in_flight = NULL;
	sd->after = NULL;
	sd->size = 0;
}

uint16_t
split_device_waiting(const struct split_device *sd)
{
	return get16(sd->avail + RING_IDX) - sd->avail_idx;
}

/* One table, of the ring or indirect, from entry `at` on. */
static bool
follow(struct split_device *sd, struct device_chain *chain, uint8_t *table, uint32_t entries,
       uint16_t at, bool in_ring)
{
	for (;;) {
		const uint8_t *d = table + (size_t)at * DESC_SIZE;
		const uint64_t addr = get64(d);
		const uint32_t len = get32(d + DESC_LEN);
		const uint16_t flags = get16(d + DESC_FLAGS);
		uint8_t *mapped = (uint8_t *)(uintptr_t)addr;
		uint16_t next;

		if (in_ring) {
			if (sd->in_flight[at]) {
				breach(sd, "descriptor %u is offered before it was used", at);
				return false;
			}
			sd->in_flight[at] = true;
			sd->after[at] = -1;
			chain->descs++;
		}
		if (sd->map != NULL)
			mapped = sd->map(sd->map_arg, addr, len);
		if (addr == 0 || len == 0 || mapped == NULL) {
			breach(sd, "descriptor %u: %" PRIu32 " bytes at 0x%" PRIx64, at, len, addr);
			return false;
		}
		if (flags & F_INDIRECT) {
			if (!in_ring || (flags & F_NEXT) || chain->n != 0 || len % DESC_SIZE != 0) {
				breach(sd, "descriptor %u: indirect out of place (2.7.5.3)", at);
				return false;
			}
			chain->indirect = true;
			return follow(sd, chain, mapped, len / DESC_SIZE, 0, false);
		}
		if (chain->n == DEVICE_MAX_CHAIN) {
			breach(sd, "the chain of %u does not end", chain->head);
			return false;
		}
		if (chain->n > 0 && chain->part[chain->n - 1].writable && !(flags & F_WRITE)) {
			breach(sd, "descriptor %u: read after write (2.7.4.2)", at);
			return false;
		}
		chain->part[chain->n++] = (struct device_part){
			.addr = addr, .at = mapped, .len = len, .writable = flags & F_WRITE
		};
		if (!(flags & F_NEXT))
			return true;
		next = get16(d + DESC_NEXT);
		if (next >= entries) {
			breach(sd, "descriptor %u: next is %u of %u", at, next, entries);
			return false;
		}
		if (in_ring)
			sd->after[at] = next;
		at = next;
	}
}

bool
split_device_take(struct split_device *sd, struct device_chain *chain)
{
	const uint16_t waiting = split_device_waiting(sd);
	const uint16_t slot = sd->avail_idx & (sd->size - 1);

	if (waiting == 0 || sd->breach[0] != '\0')
		return false;
	if (waiting > sd->size) {
		breach(sd, "%u buffers are offered in a ring of %u", waiting, sd->size);
		return false;
	}
	memset(chain, 0, offsetof(struct device_chain, part));
	chain->head = get16(sd->avail + RING_ENTRIES + AVAIL_ENTRY * slot);
	if (chain->head >= sd->size) {
		breach(sd, "descriptor %u is offered in a ring of %u", chain->head, sd->size);
		return false;
	}
	sd->avail_idx++;
	return follow(sd, chain, sd->desc, sd->size, chain->head, true);
}

/* From here on the driver may offer these again. */
static void
let_go(struct split_device *sd, uint16_t head)
{
	int32_t at;

	for (at = sd->in_flight[head] ? head : -1; at >= 0; at = sd->after[at])
		sd->in_flight[at] = false;
}

void
split_device_use(struct split_device *sd, uint16_t head, uint32_t len)
{
	let_go(sd, head);
	split_device_use_raw(sd, head, len);
}

void
split_device_use_batch(struct split_device *sd, const uint16_t *heads, uint16_t n, uint32_t len)
{
	uint16_t i;

	for (i = 0; i < n; i++)
		let_go(sd, heads[i]);
	split_device_use_raw(sd, heads[n - 1], len);
	split_device_set_used_idx(sd, sd->used_idx + n - 1);
}

void
split_device_use_raw(struct split_device *sd, uint32_t id, uint32_t len)
{
	uint8_t *entry = sd->used + RING_ENTRIES +
			 (size_t)(sd->used_idx & (sd->size - 1)) * USED_ENTRY;

	put32(entry, id);
	put32(entry + 4, len);
	split_device_set_used_idx(sd, sd->used_idx + 1);
}

void
split_device_set_used_idx(struct split_device *sd, uint16_t idx)
{
	sd->used_idx = idx;
	put16(sd->used + RING_IDX, idx);
}

void
split_device_set_no_notify(struct split_device *sd, bool on)
{
	put16(sd->used + RING_FLAGS, on ? USED_NO_NOTIFY : 0);
}

void
split_device_set_avail_event(struct split_device *sd, uint16_t idx)
{
	put16(sd->used + RING_ENTRIES + USED_ENTRY * (size_t)sd->size, idx);
}

uint16_t
split_device_avail_flags(const struct split_device *sd)
{
	return get16(sd->avail + RING_FLAGS);
}

bool
split_device_interrupts(struct split_device *sd)
{
	const uint16_t before = sd->decided;
	uint16_t flags, event;

	/* The used index is written before the driver's words are read (2.7.14). */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	flags = split_device_avail_flags(sd);
	event = get16(sd->avail + RING_ENTRIES + AVAIL_ENTRY * (size_t)sd->size);
	sd->decided = sd->used_idx;
	if (!sd->event_idx)
		return !(flags & AVAIL_NO_INTERRUPT);
	if (flags != 0)
		breach(sd, "avail flags 0x%x with EVENT_IDX (2.7.7.1)", flags);
	/* 2.7.7.2: the entry that is named is among those written since. */
	return (uint16_t)(sd->used_idx - event - 1) < (uint16_t)(sd->used_idx - before);
}

uint16_t
split_device_avail_idx(const struct split_device *sd)
{
	return get16(sd->avail + RING_IDX);
}
