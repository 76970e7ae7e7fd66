/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <string.h>

#include "ring_device.h"

size_t
ring_device_desc_size(uint32_t size)
{
	return split_device_desc_size(size);
}

size_t
ring_device_driver_size(uint32_t size, bool packed)
{
	return packed ? PACKED_DEVICE_EVENT_SIZE : split_device_avail_size(size);
}

size_t
ring_device_device_size(uint32_t size, bool packed)
{
	return packed ? PACKED_DEVICE_EVENT_SIZE : split_device_used_size(size);
}

void
ring_device_map(struct ring_device *rd, device_map_t map, void *arg)
{
	rd->split.map = map;
	rd->split.map_arg = arg;
	rd->pack.map = map;
	rd->pack.map_arg = arg;
}

void
ring_device_open(struct ring_device *rd, uint32_t size, bool packed, void *desc, void *driver,
		 void *device, bool event_idx)
{
	rd->packed = packed;
	if (packed)
		packed_device_open(&rd->pack, size, desc, driver, device, event_idx);
	else
		split_device_open(&rd->split, size, desc, driver, device, event_idx);
}

void
ring_device_close(struct ring_device *rd)
{
	packed_device_close(&rd->pack);
	split_device_close(&rd->split);
}

void
ring_device_move(struct ring_device *rd, void *desc, void *driver, void *device)
{
	if (rd->packed) {
		rd->pack.desc = desc;
		rd->pack.driver_event = driver;
		rd->pack.device_event = device;
	} else {
		rd->split.desc = desc;
		rd->split.avail = driver;
		rd->split.used = device;
	}
}

bool
ring_device_waiting(const struct ring_device *rd)
{
	return rd->packed ? packed_device_waiting(&rd->pack) :
			    split_device_waiting(&rd->split) > 0;
}

bool
ring_device_take(struct ring_device *rd, struct device_chain *chain)
{
	return rd->packed ? packed_device_take(&rd->pack, chain) :
			    split_device_take(&rd->split, chain);
}

void
ring_device_use(struct ring_device *rd, uint16_t head, uint32_t len)
{
	if (rd->packed)
		packed_device_use(&rd->pack, head, len);
	else
		split_device_use(&rd->split, head, len);
}

void
ring_device_use_batch(struct ring_device *rd, const uint16_t *heads, uint16_t n, uint32_t len)
{
	if (rd->packed)
		packed_device_use_batch(&rd->pack, heads, n, len);
	else
		split_device_use_batch(&rd->split, heads, n, len);
}

void
ring_device_use_raw(struct ring_device *rd, uint32_t id, uint32_t len)
{
	if (rd->packed)
		packed_device_use_raw(&rd->pack, id, len);
	else
		split_device_use_raw(&rd->split, id, len);
}

uint32_t
ring_device_base(const struct ring_device *rd)
{
	const struct packed_device *pd = &rd->pack;

	if (!rd->packed)
		return rd->split.avail_idx;
	return pd->avail_at | (uint32_t)pd->avail_wrap << 15 | pd->used_at << 16 |
	       (uint32_t)pd->used_wrap << 31;
}

bool
ring_device_interrupts(struct ring_device *rd)
{
	return rd->packed ? packed_device_interrupts(&rd->pack) :
			    split_device_interrupts(&rd->split);
}

void
ring_device_set_no_notify(struct ring_device *rd, bool on)
{
	if (rd->packed)
		packed_device_set_event(&rd->pack, on ? PACKED_DEVICE_NEVER : PACKED_DEVICE_ALWAYS,
					0, false);
	else
		split_device_set_no_notify(&rd->split, on);
}

void
ring_device_set_event(struct ring_device *rd, uint64_t number)
{
	if (rd->packed)
		packed_device_set_event(&rd->pack, PACKED_DEVICE_AT, number % rd->pack.size,
					number / rd->pack.size % 2 == 0);
	else
		split_device_set_avail_event(&rd->split, number);
}

const char *
ring_device_breach(const struct ring_device *rd)
{
	return rd->packed ? rd->pack.breach : rd->split.breach;
}

bool
ring_device_is_zero(const void *at, size_t len)
{
	const uint8_t *bytes = at;

	return len == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, len - 1) == 0);
}

bool
ring_device_area_is_zero(uint32_t size, bool packed, const void *device)
{
	return ring_device_is_zero(device, ring_device_device_size(size, packed));
}

void
ring_device_poison(uint32_t size, bool packed, void *desc, void *device)
{
	memset(device, 0xa5, ring_device_device_size(size, packed));
	if (packed)
		memset(desc, 0xa5, ring_device_desc_size(size));
}
