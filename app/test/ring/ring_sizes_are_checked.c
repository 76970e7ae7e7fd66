/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * A split ring has a power of two of descriptors (2.7), a packed ring any number (2.8), and both at
 * most 32768. Another size is refused with a message, and nothing is made. Masks are used as if the
 * size were a power of two, so that another size would be served beyond its end.
 */

#include <rte_memory.h>

#include "ring.h"

static void
check_size(uint16_t size, bool possible)
{
	const struct ring_conf ring = { .packed = test_packed(), .size = size };
	struct fake_device *fake = ring_device_for(&ring);
	const struct virtqueue_conf conf = {
		.size = size, .packed = ring.packed, .node = SOCKET_ID_ANY,
	};
	struct virtqueue *vq = NULL;

	test_forget_log();
	CHECK_EQ(virtqueue_create(&fake->dev, 0, &conf, &vq), possible ? 0 : -EINVAL);
	CHECK_EQ(vq != NULL, possible);
	CHECK_EQ(test_logged("descriptors is not possible"), !possible);
	if (possible)
		ring_destroy(vq);
	fake_device_destroy(fake);
}

static void
powers_of_two(void)
{
	uint32_t size;

	for (size = 1; size <= 32768; size *= 2)
		check_size(size, true);
}

static void
other_sizes(void)
{
	check_size(3, test_packed());
	check_size(33, test_packed());
	check_size(255, test_packed());
	check_size(32767, test_packed());
}

static void
sizes_that_no_ring_has(void)
{
	check_size(0, false);
	check_size(32769, false);
	check_size(UINT16_MAX, false);
}

TEST_MAIN(
	TEST_LAYOUTS(powers_of_two),
	TEST_LAYOUTS(other_sizes),
	TEST_LAYOUTS(sizes_that_no_ring_has),
)
