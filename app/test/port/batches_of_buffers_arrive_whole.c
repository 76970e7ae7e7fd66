/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * IN_ORDER: a device tells of many used buffers by the entry of the last. All but the last of a
 * batch count as full. Whatever the cut of batches, frames and bursts: each frame is received once,
 * in order, with every byte in its place; each packet that the device says it has sent goes back to
 * its pool; and a queue that is stopped in between counts exactly what is lost.
 */

#include <string.h>

#include "fake_port.h"
#include "packet.h"
#include "test.h"

#define ROUNDS 3000
#define FULL (FAKE_PORT_ROOM + FAKE_PORT_HDR)
/* Of one frame: as much as a packet of packet.h has. */
#define MAX_BUFFERS 7

static uint32_t seed;

static unsigned int
pick(unsigned int n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 16) % n;
}

/* Buffers that the device has written and not given back yet. */
struct batch {
	uint16_t heads[FAKE_PORT_SIZE];
	uint16_t n;
	uint32_t len; /* of the last */
};

static void
give_back(struct ring_device *rd, struct batch *batch)
{
	if (batch->n > 0)
		ring_device_use_batch(rd, batch->heads, batch->n, batch->len);
	batch->n = 0;
}

/* One buffer of a frame: its bytes from `at` on, as many as there are. Returns how many. */
static uint32_t
write_buffer(struct ring_device *rd, struct batch *batch, const uint8_t *at, uint32_t len)
{
	struct device_chain chain;

	CHECK(ring_device_take(rd, &chain));
	CHECK_EQ(chain.n, 1);
	CHECK_EQ(chain.part[0].len, FULL);
	memcpy(chain.part[0].at, at, len);
	batch->heads[batch->n++] = chain.head;
	batch->len = len;
	return len;
}

/*
 * The next frame, of so many buffers. The batch under way ends where a buffer is not full, and
 * anywhere else by chance: then there is one more, or a frame lies across both.
 */
static void
write_frame(struct fake_port *fp, struct batch *batch, unsigned int buffers)
{
	struct ring_device *rd = fake_vu_ring(fp->vu, 0);
	const uint16_t count = buffers;
	uint8_t bytes[MAX_BUFFERS * FULL] = { 0 };
	uint32_t lens[MAX_BUFFERS];
	uint32_t len = 0;
	unsigned int i;

	for (i = 0; i < buffers; i++) {
		lens[i] = pick(2) ? FULL : 100 + pick(FULL - 100);
		len += lens[i];
	}
	memcpy(bytes + 10, &count, sizeof(count));
	packet_write(bytes + FAKE_PORT_HDR, 0, fp->rx_next[0]++, len - FAKE_PORT_HDR);
	for (i = 0, len = 0; i < buffers; i++) {
		len += write_buffer(rd, batch, bytes + len, lens[i]);
		if (lens[i] != FULL || pick(4) == 0)
			give_back(rd, batch);
	}
}

/* Driver: a burst of at most so many; they must be the next ones. */
static unsigned int
receive(struct fake_port *fp, unsigned int most)
{
	struct rte_mbuf *m[FAKE_PORT_SIZE];
	const uint16_t n = rte_eth_rx_burst(fp->port, 0, m, most);
	const char *why;
	uint16_t i;

	for (i = 0; i < n; i++) {
		CHECK_EQ(packet_check(m[i], 0, &why), fp->got[0]);
		if (why != NULL)
			test_fail(__FILE__, __LINE__, "received %s", why);
		fp->got[0]++;
		rte_pktmbuf_free(m[i]);
	}
	return n;
}

/* What is not received when the queue stops is what the driver counts as dropped. */
static void
stop_and_start(struct fake_port *fp, uint64_t *dropped)
{
	*dropped += fp->rx_next[0] - fp->got[0];
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
	CHECK_EQ(fake_port_xstat(fp, "rx_q0_reset_dropped"), *dropped);
	fake_port_check_in_use(fp->rx_pool[0], 0);
	fp->got[0] = fp->rx_next[0];
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), 0);
}

static void
frames(uint64_t features, unsigned int max_buffers)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){
		.features = features | VU_F_IN_ORDER
	});
	struct batch batch = { .n = 0 };
	uint64_t dropped = 0;
	unsigned int round;

	CHECK(fp->vu->acked & VU_F_IN_ORDER);
	seed = 1 + max_buffers;
	for (round = 0; round < ROUNDS; round++) {
		unsigned int n = pick(5);

		/* The driver refills from a quarter of the ring on. */
		while (n-- > 0 && fp->rx_next[0] - fp->got[0] < 40 / max_buffers)
			write_frame(fp, &batch, 1 + pick(max_buffers));
		receive(fp, 1 + pick(6));
		if (pick(60) == 0) {
			give_back(fake_vu_ring(fp->vu, 0), &batch);
			stop_and_start(fp, &dropped);
		}
	}
	give_back(fake_vu_ring(fp->vu, 0), &batch);
	while (receive(fp, FAKE_PORT_SIZE) > 0)
		;
	CHECK_EQ(fp->got[0], fp->rx_next[0]);
	CHECK(dropped > 0);
	CHECK_EQ(fake_port_xstat(fp, "rx_q0_good_packets"), fp->rx_next[0] - dropped);
	CHECK_EQ(fake_port_xstat(fp, "rx_q0_errors"), 0);
	CHECK_EQ(fake_port_xstat(fp, "rx_q0_broken"), 0);
	fake_port_destroy(fp);
}

static void
frames_of_one_buffer(void)
{
	frames(0, 1);
}

static void
frames_of_one_buffer_by_event_idx(void)
{
	frames(VU_F_EVENT_IDX, 1);
}

static void
mergeable_frames_of_one_buffer(void)
{
	frames(VU_F_MRG_RXBUF, 1);
}

static void
mergeable_frames_of_many_buffers(void)
{
	frames(VU_F_MRG_RXBUF, MAX_BUFFERS);
}

/* One packet to be sent, of one segment or of several. */
static bool
send_one(struct fake_port *fp, uint16_t segment)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(fp->tx_pool[0]);

	CHECK(m != NULL);
	CHECK(packet_make(m, 0, fp->tx_next[0], 100 + pick(300), segment));
	if (rte_eth_tx_burst(fp->port, 0, &m, 1) == 0) {
		rte_pktmbuf_free(m);
		return false;
	}
	fp->tx_next[0]++;
	return true;
}

/* Buffers of the device's side: what it took, from the oldest on. */
struct taken {
	uint16_t heads[FAKE_PORT_SIZE];
	unsigned int n;
};

static void
take_all(struct fake_port *fp, struct taken *taken)
{
	struct ring_device *rd = fake_vu_ring(fp->vu, 1);
	struct device_chain chain;

	while (ring_device_take(rd, &chain)) {
		uint8_t bytes[1024];
		const char *why;
		uint32_t len = 0;
		uint16_t i;

		for (i = 0; i < chain.n; i++) {
			CHECK(len + chain.part[i].len <= sizeof(bytes));
			memcpy(bytes + len, chain.part[i].at, chain.part[i].len);
			len += chain.part[i].len;
		}
		CHECK_EQ(packet_check_bytes(bytes + FAKE_PORT_HDR, len - FAKE_PORT_HDR, 0, &why),
			 fp->took[0]);
		if (why != NULL)
			test_fail(__FILE__, __LINE__, "sent %s", why);
		fp->took[0]++;
		taken->heads[taken->n++] = chain.head;
	}
	if (ring_device_breach(rd)[0] != '\0')
		test_fail(__FILE__, __LINE__, "%s", ring_device_breach(rd));
}

static void
use_first(struct fake_port *fp, struct taken *taken, unsigned int n)
{
	if (n == 0)
		return;
	ring_device_use_batch(fake_vu_ring(fp->vu, 1), taken->heads, n, 0);
	taken->n -= n;
	memmove(taken->heads, taken->heads + n, taken->n * sizeof(taken->heads[0]));
}

/* segments: of what length; 0 for packets of one, without chains. */
static void
packets(uint64_t features, uint16_t segments)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){
		.features = features | VU_F_IN_ORDER
	});
	struct taken taken = { .n = 0 };
	uint64_t dropped = 0, in_use;
	unsigned int round, n;

	seed = 5 + segments;
	for (round = 0; round < ROUNDS; round++) {
		for (n = pick(12); n > 0; n--)
			send_one(fp, pick(3) == 0 ? segments : 0);
		take_all(fp, &taken);
		use_first(fp, &taken, pick(taken.n + 1));
		if (pick(3) == 0)
			rte_eth_tx_done_cleanup(fp->port, 0, pick(8));
		if (pick(50) != 0)
			continue;
		if (segments == 0) {
			/* All that was said to be sent has come back, and nothing else. */
			CHECK(rte_eth_tx_done_cleanup(fp->port, 0, 0) >= 0);
			in_use = taken.n;
			fake_port_check_in_use(fp->tx_pool[0], in_use);
		}
		dropped += taken.n;
		taken.n = 0;
		CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, 0), 0);
		CHECK_EQ(fake_port_xstat(fp, "tx_q0_reset_dropped"), dropped);
		fake_port_check_in_use(fp->tx_pool[0], 0);
		CHECK_EQ(rte_eth_dev_tx_queue_start(fp->port, 0), 0);
	}
	CHECK(dropped > 0);
	CHECK_EQ(fake_port_xstat(fp, "tx_q0_good_packets"), fp->tx_next[0]);
	CHECK_EQ(fake_port_xstat(fp, "tx_q0_broken"), 0);
	fake_port_destroy(fp);
}

static void
packets_of_one_segment(void)
{
	packets(0, 0);
}

static void
packets_of_many_segments_chained(void)
{
	packets(0, 60);
}

static void
packets_of_many_segments_indirect(void)
{
	packets(VU_F_INDIRECT, 60);
}

TEST_MAIN(
	TEST_WARM_UP(fake_port_warm_up),
	TEST_LAYOUTS(frames_of_one_buffer),
	TEST_LAYOUTS(frames_of_one_buffer_by_event_idx),
	TEST_LAYOUTS(mergeable_frames_of_one_buffer),
	TEST_LAYOUTS(mergeable_frames_of_many_buffers),
	TEST_LAYOUTS(packets_of_one_segment),
	TEST_LAYOUTS(packets_of_many_segments_chained),
	TEST_LAYOUTS(packets_of_many_segments_indirect),
)
