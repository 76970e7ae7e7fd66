/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * Packed rings: while packets come fast, a burst ends with the last cache line of the ring that the
 * device has used as a whole. The next burst takes the rest, and no frame waits for others.
 */

#include "fake_port.h"
#include "test.h"

#define LINE 4

static void
write_frames(struct fake_port *fp, unsigned int n)
{
	while (n-- > 0)
		fake_port_write(fp, 0, 100);
}

/* The device's frames, and those of each burst after them; 0: that ends the list. */
static void
check_bursts(struct fake_port *fp, unsigned int frames, const unsigned int *bursts)
{
	write_frames(fp, frames);
	for (; *bursts > 0; bursts++)
		CHECK_EQ(fake_port_receive(fp, 0), *bursts);
	CHECK_EQ(fake_port_receive(fp, 0), 0);
}

#define CHECK_BURSTS(fp, frames, ...) \
	check_bursts(fp, frames, (const unsigned int []){ __VA_ARGS__, 0 })

static void
bursts(uint64_t features)
{
	struct fake_port *fp =
		fake_port_start(&(struct fake_port_conf){ .features = features });
	unsigned int round;

	/* 11 lines a round; the ring, of 16, does not end where bursts are expected to go on. */
	for (round = 0; round < 4; round++) {
		/* All at once, with as few before it: also those of a line that is not whole. */
		CHECK_BURSTS(fp, 1, 1);
		CHECK_BURSTS(fp, 3 * LINE + 1, 3 * LINE + 1);
		/* In the middle of a line, after many. */
		CHECK_BURSTS(fp, 2 * LINE, 2 * LINE - 2, 2);
		/* Less than the rest of the line. */
		CHECK_BURSTS(fp, 1, 1);
		CHECK_BURSTS(fp, 1, 1);
		CHECK_BURSTS(fp, 2 * LINE, 2 * LINE);
		CHECK_BURSTS(fp, LINE, LINE);
		CHECK_BURSTS(fp, LINE + 1, LINE + 1);
		/* As many as bring the ring to where it was. */
		CHECK_BURSTS(fp, LINE - 1, LINE - 1);
	}
	/* 176 frames so far: the ring ends after 16 more, and ends a burst. */
	CHECK_BURSTS(fp, 2 * LINE + 2, 2 * LINE + 2);
	CHECK_BURSTS(fp, 3 * LINE, 2 * LINE - 2, LINE, 2);
	CHECK_EQ(fake_port_xstat(fp, "rx_q0_errors"), 0);
	fake_port_destroy(fp);
}

static void
frames_of_one_buffer(void)
{
	bursts(0);
}

static void
mergeable_frames(void)
{
	bursts(VU_F_MRG_RXBUF);
}

/* A frame of several buffers is not cut by the end of a line. */
static void
long_frames_among_others(void)
{
	struct fake_port *fp =
		fake_port_start(&(struct fake_port_conf){ .features = VU_F_MRG_RXBUF });
	const uint8_t hdr[FAKE_PORT_HDR] = { 0 };
	const uint8_t frame[6000] = { 2 };
	struct rte_mbuf *m[FAKE_PORT_SIZE];
	unsigned int round, i, n;

	for (round = 0; round < 20; round++) {
		CHECK_BURSTS(fp, 2 * LINE, 2 * LINE);
		for (i = 0; i < round % LINE; i++) {
			fake_port_write(fp, 0, 100);
			fp->got[0]++;
		}
		fake_port_give(fp, 0, hdr, frame, sizeof(frame), 0);
		for (n = 0, i = 0; i < 3; i++)
			n += rte_eth_rx_burst(fp->port, 0, m + n, FAKE_PORT_SIZE - n);
		CHECK_EQ(n, round % LINE + 1);
		CHECK_EQ(m[n - 1]->nb_segs, 3);
		CHECK_EQ(m[n - 1]->pkt_len, sizeof(frame));
		rte_pktmbuf_free_bulk(m, n);
		/* To the end of a line, with few. */
		for (i = (round % LINE + 3) % LINE; i % LINE != 0; i++)
			CHECK_BURSTS(fp, 1, 1);
	}
	CHECK_EQ(fake_port_xstat(fp, "rx_q0_errors"), 0);
	fake_port_destroy(fp);
}

TEST_MAIN(
	TEST_WARM_UP(fake_port_warm_up),
	TEST_PACKED(frames_of_one_buffer),
	TEST_PACKED(mergeable_frames),
	TEST_PACKED(long_frames_among_others),
)
