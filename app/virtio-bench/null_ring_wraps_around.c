/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * A device that is wrong about a ring would make the cycles that are counted against it worthless:
 * what it gives back is looked at here, without a driver.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>

#include "null_ring.h"

#define SIZE 8u
#define LAPS 3u
#define F_NEXT 0x1u
#define F_WRITE 0x2u
#define F_AVAIL 0x80u
#define F_USED 0x8000u

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t a;	/* split: flags; packed: id */
	uint16_t b;	/* split: next; packed: flags */
};

static struct desc descs[SIZE];
static uint16_t driver_area[2 + SIZE];
static struct {
	uint16_t flags, idx;
	struct {
		uint32_t id, len;
	} ring[SIZE];
} device_area;
static uint8_t buffers[SIZE][16];
static struct null_buffer held[SIZE];
static const uint16_t sizes[] = { 64, 100 };

#define CHECK(true_one) \
	do { \
		if (!(true_one)) { \
			printf("FAILED %s, line %d: %s\n", __func__, __LINE__, #true_one); \
			exit(1); \
		} \
	} while (0)

static struct null_ring
new_ring(bool packed)
{
	struct null_ring ring = {
		.desc = descs, .driver = driver_area, .device = &device_area, .size = SIZE,
		.packed = packed, .header = 12, .live = true, .wrap = true, .held = held,
	};
	uint32_t i;

	memset(descs, 0, sizeof(descs));
	memset(driver_area, 0, sizeof(driver_area));
	memset(&device_area, 0, sizeof(device_area));
	for (i = 0; i < SIZE; i++)
		descs[i].addr = (uintptr_t)buffers[i];
	null_ring_silence(&ring);
	return ring;
}

static bool
header_is_written(const uint8_t *buffer)
{
	static const uint8_t wanted[12] = { [10] = 1 };

	return memcmp(buffer, wanted, sizeof(wanted)) == 0;
}

static void
split_comes_back_in_order(void)
{
	struct null_ring ring = new_ring(false);
	uint32_t i;

	CHECK(device_area.flags == 1);
	CHECK(null_ring_turn(&ring, SIZE, sizes, RTE_DIM(sizes)) == 0);
	memset(buffers, 0xff, sizeof(buffers));
	for (i = 0; i < SIZE; i++)
		driver_area[2 + i] = SIZE - 1 - i;
	driver_area[1] = 5;
	CHECK(null_ring_turn(&ring, 3, sizes, RTE_DIM(sizes)) == 3);
	CHECK(device_area.idx == 3);
	CHECK(null_ring_turn(&ring, 3, sizes, RTE_DIM(sizes)) == 2);
	CHECK(device_area.idx == 5);
	for (i = 0; i < 5; i++) {
		CHECK(device_area.ring[i].id == SIZE - 1 - i);
		CHECK(device_area.ring[i].len == 12u + sizes[i % 3 % 2]);
		CHECK(header_is_written(buffers[SIZE - 1 - i]));
	}
	CHECK(buffers[0][0] == 0xff);
}

static void
split_index_turns_over(void)
{
	struct null_ring ring = new_ring(false);

	ring.next = 65534;
	driver_area[1] = 2;
	CHECK(null_ring_turn(&ring, UINT32_MAX, NULL, 0) == 4);
	CHECK(device_area.idx == 2);
	CHECK(device_area.ring[0].len == 0);
}

/* As a driver does: descriptors made available from a position on, in a wrap of its own. */
static void
packed_post(uint32_t *position, bool *wrap, uint16_t id, uint16_t flags)
{
	descs[*position].a = id;
	descs[*position].b = flags | (*wrap ? F_AVAIL : F_USED);
	if (++*position == SIZE) {
		*position = 0;
		*wrap = !*wrap;
	}
}

static void
packed_laps(void)
{
	struct null_ring ring = new_ring(true);
	bool wrap = true;
	uint32_t position = 0, i, at;

	CHECK(driver_area[1] == 0 && device_area.idx == 1);
	for (i = 0; i < LAPS * SIZE; i++) {
		at = position;
		memset(buffers, 0xff, sizeof(buffers));
		packed_post(&position, &wrap, 100 + i, F_WRITE);
		CHECK(null_ring_turn(&ring, 2, sizes, RTE_DIM(sizes)) == 1);
		CHECK(descs[at].a == 100 + i && descs[at].len == 12u + 64);
		CHECK(descs[at].b == (F_WRITE | (i / SIZE % 2 == 0 ? F_AVAIL | F_USED : 0)));
		CHECK(header_is_written(buffers[at]));
		CHECK(null_ring_turn(&ring, 2, sizes, RTE_DIM(sizes)) == 0);
	}
}

static void
packed_chain_over_the_end(void)
{
	struct null_ring ring = new_ring(true);
	bool wrap = true;
	uint32_t position = SIZE - 1;

	ring.next = position;
	packed_post(&position, &wrap, 0, F_NEXT);
	packed_post(&position, &wrap, 7, 0);
	CHECK(null_ring_turn(&ring, UINT32_MAX, NULL, 0) == 1);
	CHECK(descs[SIZE - 1].a == 7 && descs[SIZE - 1].b == (F_AVAIL | F_USED));
	CHECK(ring.next == 1 && !ring.wrap);
}

/* A lap of one layout, made available and used; ids[] are those that came back. */
static void
lap(struct null_ring *ring, uint32_t *position, bool *wrap, uint32_t give, uint16_t ids[SIZE])
{
	const uint32_t from = *position;
	uint32_t i;

	memset(buffers, 0, sizeof(buffers));
	for (i = 0; i < SIZE; i++) {
		if (ring->packed)
			packed_post(position, wrap, i, F_WRITE);
		else
			driver_area[2 + i] = i;
	}
	driver_area[1] += ring->packed ? 0 : SIZE;
	CHECK(null_ring_turn(ring, give, sizes, RTE_DIM(sizes)) == give);
	CHECK(null_ring_turn(ring, SIZE, sizes, RTE_DIM(sizes)) == SIZE - give);
	for (i = 0; i < SIZE; i++) {
		const struct desc *used = &descs[(from + i) % SIZE];

		ids[i] = ring->packed ? used->a : device_area.ring[i].id;
		CHECK(ring->packed || device_area.ring[i].len == 12u + sizes[i % give % 2]);
		CHECK(!ring->packed || used->len == 12u + sizes[i % give % 2]);
		CHECK(!ring->packed || ((used->b & F_AVAIL) != 0) == ((used->b & F_USED) != 0));
	}
	CHECK(ring->packed || device_area.idx == driver_area[1]);
	for (i = 0; i < SIZE; i++)
		CHECK(header_is_written(buffers[i]));
}

/* Each buffer is used once a lap, and in the order that was asked for. */
static void
orders_are_kept(bool packed)
{
	static const enum null_order orders[] = {
		NULL_ORDER_RANDOM, NULL_ORDER_ONE, NULL_ORDER_ONCE,
	};
	uint32_t which, i, k, moved;

	for (which = 0; which < RTE_DIM(orders); which++) {
		struct null_ring ring = new_ring(packed);
		uint32_t position = 0;
		bool wrap = true;

		ring.order = orders[which];
		null_ring_begin(&ring, 0, true);
		for (i = 0; i < LAPS; i++) {
			uint16_t ids[SIZE];
			uint32_t seen = 0;

			lap(&ring, &position, &wrap, SIZE / 2, ids);
			for (k = moved = 0; k < SIZE; k++) {
				seen |= 1u << ids[k];
				moved += ids[k] != k;
			}
			CHECK(seen == (1u << SIZE) - 1);
			if (orders[which] == NULL_ORDER_RANDOM)
				CHECK(moved > 2);
			else if (orders[which] == NULL_ORDER_ONE)
				CHECK(moved == 4 && ids[0] == 1 && ids[SIZE / 2] == SIZE / 2 + 1);
			else
				CHECK(i == 0 ? moved == 2 && ids[0] == 1 : moved == 0);
		}
	}
}

static void
split_orders_are_kept(void)
{
	orders_are_kept(false);
}

static void
packed_orders_are_kept(void)
{
	orders_are_kept(true);
}

/* A used descriptor takes the places of all of its buffer's. */
static void
packed_chain_in_another_order(void)
{
	struct null_ring ring = new_ring(true);
	bool wrap = true;
	uint32_t position = 0;

	ring.order = NULL_ORDER_ONE;
	null_ring_begin(&ring, 0, true);
	packed_post(&position, &wrap, 0, F_NEXT);
	packed_post(&position, &wrap, 7, 0);
	packed_post(&position, &wrap, 3, 0);
	CHECK(null_ring_turn(&ring, UINT32_MAX, NULL, 0) == 2);
	CHECK(descs[0].a == 3 && descs[0].b == (F_AVAIL | F_USED));
	CHECK(descs[1].a == 7 && descs[1].b == (F_AVAIL | F_USED));
	packed_post(&position, &wrap, 5, 0);
	CHECK(null_ring_turn(&ring, UINT32_MAX, NULL, 0) == 1);
	CHECK(descs[3].a == 5 && descs[3].b == (F_AVAIL | F_USED));
}

/* So that the order is mixed over more than what is posted at once. */
static void
random_order_holds_half_a_ring(void)
{
	struct null_ring ring = new_ring(false);

	ring.order = NULL_ORDER_RANDOM;
	null_ring_begin(&ring, 0, true);
	driver_area[1] = SIZE - 1;
	CHECK(null_ring_turn(&ring, UINT32_MAX, NULL, 0) == SIZE / 2 - 1);
	driver_area[1] += SIZE / 2 - 1;
	CHECK(null_ring_turn(&ring, UINT32_MAX, NULL, 0) == SIZE / 2 - 1);
}

static void
stopped_ring_is_left_alone(void)
{
	struct null_ring ring = new_ring(false);

	driver_area[1] = 1;
	ring.live = false;
	CHECK(null_ring_turn(&ring, 1, sizes, RTE_DIM(sizes)) == 0);
	CHECK(device_area.idx == 0);
}

int
main(void)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} cases[] = {
		{ "split_comes_back_in_order", split_comes_back_in_order },
		{ "split_index_turns_over", split_index_turns_over },
		{ "packed_laps", packed_laps },
		{ "packed_chain_over_the_end", packed_chain_over_the_end },
		{ "split_orders_are_kept", split_orders_are_kept },
		{ "packed_orders_are_kept", packed_orders_are_kept },
		{ "packed_chain_in_another_order", packed_chain_in_another_order },
		{ "random_order_holds_half_a_ring", random_order_holds_half_a_ring },
		{ "stopped_ring_is_left_alone", stopped_ring_is_left_alone },
	};
	uint32_t i;

	for (i = 0; i < RTE_DIM(cases); i++) {
		cases[i].run();
		printf("ok %s\n", cases[i].name);
	}
	return 0;
}
