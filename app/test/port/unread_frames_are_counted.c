/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * Frames that the device has written and nobody has received when their queue stops: each counts
 * once, however many buffers it fills, and in whatever order the buffers come back.
 */

#include <string.h>

#include "fake_port.h"
#include "test.h"

static struct ring_device *rd;

/* The heads of a frame of so many buffers, which are written and not given back. */
static void
prepare(struct fake_port *fp, uint16_t *heads, uint16_t buffers)
{
	uint16_t i;

	heads[0] = fake_port_prepare(fp, 0, 100, buffers);
	for (i = 1; i < buffers; i++) {
		struct device_chain chain;

		CHECK(ring_device_take(rd, &chain));
		/* What is no header may look like one. */
		memset(chain.part[0].at, 0xff, 200);
		heads[i] = chain.head;
	}
}

static struct fake_port *
up(uint64_t features)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){
		.features = VU_F_MRG_RXBUF | features
	});

	rd = fake_vu_ring(fp->vu, 0);
	return fp;
}

static void
stop_and_down(struct fake_port *fp, unsigned int dropped)
{
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
	CHECK_EQ(fake_port_xstat(fp, "rx_q0_reset_dropped"), dropped);
	fake_port_check_in_use(fp->rx_pool[0], 0);
	fake_port_destroy(fp);
}

static void
frame_of_three_buffers(void)
{
	struct fake_port *fp = up(0);
	uint16_t heads[3];
	unsigned int i;

	prepare(fp, heads, 3);
	for (i = 0; i < 3; i++)
		ring_device_use(rd, heads[i], 112);
	stop_and_down(fp, 1);
}

static void
frames_of_all_sizes(void)
{
	struct fake_port *fp = up(0);
	uint16_t heads[5];
	uint16_t n, i;

	for (n = 1; n <= 5; n++) {
		prepare(fp, heads, n);
		for (i = 0; i < n; i++)
			ring_device_use(rd, heads[i], 112);
	}
	stop_and_down(fp, 5);
}

/* The device mixes the buffers of two frames' turns up. */
static void
buffers_out_of_order(void)
{
	struct fake_port *fp = up(0);
	uint16_t heads[4];

	prepare(fp, heads, 1);
	prepare(fp, heads + 1, 1);
	prepare(fp, heads + 2, 2);
	ring_device_use(rd, heads[2], 112);
	ring_device_use(rd, heads[3], 112);
	ring_device_use(rd, heads[1], 112);
	ring_device_use(rd, heads[0], 112);
	stop_and_down(fp, 3);
}

/* IN_ORDER: the last two buffers of a frame of three are reported with the next frame. */
static void
batch_across_frames(void)
{
	struct fake_port *fp = up(VU_F_IN_ORDER);
	uint16_t heads[4];

	prepare(fp, heads, 3);
	prepare(fp, heads + 3, 1);
	ring_device_use(rd, heads[0], 112);
	ring_device_use_batch(rd, heads + 1, 3, 112);
	stop_and_down(fp, 2);
}

TEST_MAIN(
	TEST_WARM_UP(fake_port_warm_up),
	TEST_LAYOUTS(frame_of_three_buffers),
	TEST_LAYOUTS(frames_of_all_sizes),
	TEST_LAYOUTS(buffers_out_of_order),
	TEST_LAYOUTS(batch_across_frames),
)
