/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * Packed rings: a burst that has caught up with the device looks only at a descriptor further
 * ahead, until that one is used or the time is over. No frame and no place in the ring is lost by
 * that, and each case in which that descriptor may never be used is known.
 */

#include <rte_cycles.h>

#include "fake_port.h"
#include "test.h"
#include "virtio.h"

#define RING 128
#define LINE 4
#define MOST 32

/* Of a wait that has to end by itself. */
#define LIMIT_S 20

/* A time that ends only where the test ends it. */
#define ENDLESS (UINT64_MAX / 2)

static struct virtio_rxq *
rxq_of(const struct fake_port *fp)
{
	return virtio_port(&rte_eth_devices[fp->port])->rxqs[0];
}

static struct virtio_txq *
txq_of(const struct fake_port *fp)
{
	return virtio_port(&rte_eth_devices[fp->port])->txqs[0];
}

static void
time_is_over(struct virtio_look_ahead *ahead)
{
	CHECK(ahead->on);
	ahead->since -= ahead->cycles;
}

static struct fake_port *
start(uint64_t features, uint16_t ring)
{
	struct fake_port *fp =
		fake_port_create(&(struct fake_port_conf){ .features = features });

	CHECK_EQ(fake_port_setup_rx(fp, 0, ring), 0);
	CHECK_EQ(fake_port_setup_tx(fp, 0, ring), 0);
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	if (ring >= RING) {
		/* As the guide says: a microsecond, and four. */
		CHECK_EQ(rxq_of(fp)->ahead.cycles, rte_get_tsc_hz() / US_PER_S);
		CHECK_EQ(txq_of(fp)->ahead.cycles, 4 * rte_get_tsc_hz() / US_PER_S);
		rxq_of(fp)->ahead.cycles = ENDLESS;
		txq_of(fp)->ahead.cycles = ENDLESS;
	}
	return fp;
}

static void
write_frames(struct fake_port *fp, unsigned int n)
{
	while (n-- > 0)
		fake_port_write(fp, 0, 100);
}

/*
 * The device writes frames one by one until a burst takes some. How many there were; all of them
 * are taken, or those before the end of the ring.
 */
static unsigned int
frames_until_taken(struct fake_port *fp)
{
	const struct virtqueue *vq = rxq_of(fp)->q.vq;
	unsigned int n, got;

	do {
		write_frames(fp, 1);
		n = fp->rx_next[0] - fp->got[0];
		CHECK(n <= MOST);
		got = fake_port_receive(fp, 0);
	} while (got == 0);
	CHECK(got == n || vq->next_used.pos == 0);
	return n;
}

static void
receive_waits(uint64_t features)
{
	struct fake_port *fp = start(features, RING);
	struct virtio_rxq *rxq = rxq_of(fp);
	unsigned int i;

	/* Less than a line is no fast burst. */
	write_frames(fp, LINE - 1);
	CHECK_EQ(fake_port_receive(fp, 0), LINE - 1);
	write_frames(fp, LINE - 1);
	CHECK_EQ(fake_port_receive(fp, 0), LINE - 1);
	/* A line or more, and all that there is: caught up. To the end of a line from now on. */
	write_frames(fp, 8);
	CHECK_EQ(fake_port_receive(fp, 0), 8);
	CHECK_EQ(fake_port_receive(fp, 0), 0);
	CHECK_EQ(frames_until_taken(fp) + 2, 16);
	/* As long as the device brings them, a burst waits for more and more, up to a limit. */
	for (i = 0; i < MOST; i++)
		CHECK(frames_until_taken(fp) >= 16);
	CHECK_EQ(frames_until_taken(fp), MOST);
	CHECK_EQ(rxq->look_at, MOST);
	/* No more: what there is comes when the time is over, and what comes then at once. */
	write_frames(fp, 3);
	CHECK_EQ(fake_port_receive(fp, 0), 0);
	time_is_over(&rxq->ahead);
	CHECK_EQ(fake_port_receive(fp, 0), 3);
	CHECK_EQ(rxq->look_at, MOST - 2 * LINE);
	for (i = 0; i < 10; i++) {
		write_frames(fp, 1 + i % (LINE - 1));
		CHECK_EQ(fake_port_receive(fp, 0), 1 + i % (LINE - 1));
	}
	/* Slower again and again: not below two lines. */
	for (i = 0; i < 6; i++) {
		write_frames(fp, LINE);
		while (!rxq->ahead.on)
			fake_port_receive(fp, 0);
		time_is_over(&rxq->ahead);
		fake_port_receive(fp, 0);
	}
	CHECK_EQ(rxq->look_at, 2 * LINE);
	rxq->ahead.on = false;
	fake_port_receive(fp, 0);
	CHECK_EQ(fp->got[0], fp->rx_next[0]);
	CHECK_EQ(fake_port_xstat(fp, "rx_q0_errors"), 0);
	fake_port_destroy(fp);
}

static void
receive_waits_for_lines(void)
{
	receive_waits(0);
	receive_waits(VU_F_MRG_RXBUF);
	receive_waits(VU_F_IN_ORDER);
}

/* It ends by itself, whatever the device does. */
static void
receive_goes_on_by_itself(void)
{
	struct fake_port *fp = start(0, RING);
	struct virtio_rxq *rxq = rxq_of(fp);
	uint64_t end;

	rxq->ahead.cycles = rte_get_tsc_hz() / 1000;
	write_frames(fp, LINE);
	CHECK_EQ(fake_port_receive(fp, 0), LINE);
	write_frames(fp, 1);
	end = rte_rdtsc() + LIMIT_S * rte_get_tsc_hz();
	while (fake_port_receive(fp, 0) == 0)
		CHECK(rte_rdtsc() < end);
	CHECK(!rxq->ahead.on);
	fake_port_destroy(fp);
}

/* A burst that ends before the cache line does takes what there is. */
static void
small_bursts_do_not_wait(void)
{
	struct fake_port *fp = start(0, RING);
	struct rte_mbuf *m[LINE];

	write_frames(fp, LINE);
	CHECK_EQ(fake_port_receive(fp, 0), LINE);
	CHECK(rxq_of(fp)->ahead.on);
	write_frames(fp, 2);
	CHECK_EQ(rte_eth_rx_burst(fp->port, 0, m, LINE - 1), 2);
	CHECK(!rxq_of(fp)->ahead.on);
	rte_pktmbuf_free_bulk(m, 2);
	fake_port_destroy(fp);
}

/* Lines begin at the start of the ring, also where its end is within one. */
static void
receive_waits_over_the_end_of_the_ring(void)
{
	struct fake_port *fp = start(0, RING + 2);
	struct virtio_rxq *rxq = rxq_of(fp);

	while (rxq->q.vq->next_used.pos < RING - 2 * LINE) {
		rxq->ahead.on = false;
		write_frames(fp, 2 * LINE);
		CHECK_EQ(fake_port_receive(fp, 0), 2 * LINE);
	}
	CHECK(rxq->ahead.on);
	rxq->look_at = 16;
	/* The next 10 descriptors are the last of the ring, and 4 after them are a line. */
	write_frames(fp, 13);
	CHECK_EQ(fake_port_receive(fp, 0), 0);
	write_frames(fp, 1);
	CHECK(fake_port_receive(fp, 0) > 0);
	fake_port_destroy(fp);
}

/* A device that has fewer buffers than a burst waits for never uses so many. */
static void
receive_does_not_wait_for_buffers(void)
{
	struct fake_port *fp = start(0, RING);
	struct virtio_rxq *rxq = rxq_of(fp);
	struct rte_mbuf *kept[FAKE_PORT_BUFFERS];
	unsigned int n = 0;

	rxq->look_at = MOST;
	while (rte_mempool_get(fp->rx_pool[0], (void **)&kept[n]) == 0)
		n++;
	write_frames(fp, RING - MOST);
	/* They are all free again, and posted again, but for those that are taken away. */
	while (fp->got[0] < fp->rx_next[0]) {
		rxq->ahead.on = false;
		fake_port_receive(fp, 0);
		while (rte_mempool_get(fp->rx_pool[0], (void **)&kept[n]) == 0)
			n++;
	}
	write_frames(fp, MOST - LINE);
	rxq->ahead.since = rte_rdtsc();
	rxq->ahead.on = true;
	CHECK(fake_port_receive(fp, 0) > 0);
	rte_pktmbuf_free_bulk(kept, n);
	fake_port_destroy(fp);
}

/* A device that tells of many buffers by one entry leaves out the one that is looked at. */
static void
receive_does_not_wait_for_batches(void)
{
	struct fake_port *fp = start(VU_F_IN_ORDER, RING);
	struct ring_device *rd = fake_vu_ring(fp->vu, 0);
	struct virtio_rxq *rxq = rxq_of(fp);
	unsigned int round, i;

	for (round = 0; round < 3; round++) {
		const uint32_t full = FAKE_PORT_ROOM;
		uint16_t heads[LINE + 2];

		/* All but the last are full. */
		for (i = 0; i < RTE_DIM(heads); i++)
			heads[i] = fake_port_prepare(fp, 0, full, 1);
		ring_device_use_batch(rd, heads, RTE_DIM(heads), full + FAKE_PORT_HDR);
		CHECK_EQ(fake_port_receive(fp, 0), RTE_DIM(heads));
		CHECK(rxq->q.vq->has_batches);
	}
	/* A start forgets it: the device may be another one. */
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
	CHECK(!rxq->q.vq->has_batches);
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), 0);
	fake_port_destroy(fp);
}

static void
take(struct fake_port *fp, unsigned int n)
{
	struct device_chain chain;
	uint8_t bytes[4096];

	for (; n > 0; n--) {
		CHECK(fake_port_take_bytes(fp, 0, &chain, bytes, sizeof(bytes)) > 0);
		fp->took[0]++;
	}
}

static void
fill(struct fake_port *fp)
{
	const uint16_t size = txq_of(fp)->q.vq->size;
	unsigned int n;

	for (n = 0; n < size; n += size / 4)
		CHECK_EQ(fake_port_send(fp, 0, size / 4), size / 4);
	CHECK_EQ(fake_port_send(fp, 0, 1), 0);
}

static void
full_ring_waits_for_a_half(void)
{
	struct fake_port *fp = start(0, RING);
	struct virtio_txq *txq = txq_of(fp);
	uint64_t end;

	fill(fp);
	CHECK(txq->ahead.on);
	take(fp, RING / 2 - 1);
	CHECK_EQ(fake_port_send(fp, 0, 1), 0);
	take(fp, 1);
	CHECK_EQ(fake_port_send(fp, 0, RING / 4), RING / 4);
	/* A quarter is used and not taken yet, and the burst waits for another. */
	CHECK_EQ(fake_port_send(fp, 0, 1), 0);
	take(fp, RING / 4);
	CHECK_EQ(fake_port_send(fp, 0, 5), 5);
	take(fp, 7);
	CHECK_EQ(fake_port_send(fp, 0, RING / 4), RING / 4 - 5);
	CHECK_EQ(fake_port_send(fp, 0, 1), 0);
	/* The device is slower: what it has sent makes room when the time is over. */
	time_is_over(&txq->ahead);
	CHECK_EQ(fake_port_send(fp, 0, RING / 4 + 7), RING / 4 + 7);
	CHECK_EQ(fake_port_take(fp, 0, true), RING);
	CHECK_EQ(fp->took[0], fp->tx_next[0]);
	/* The time ends by itself. */
	fill(fp);
	txq->ahead.on = false;
	txq->ahead.cycles = rte_get_tsc_hz() / 1000;
	CHECK_EQ(fake_port_send(fp, 0, 1), 0);
	take(fp, 2);
	end = rte_rdtsc() + LIMIT_S * rte_get_tsc_hz();
	while (fake_port_send(fp, 0, 1) == 0)
		CHECK(rte_rdtsc() < end);
	fake_port_destroy(fp);
}

/* The device keeps 64 packets, whatever the length of the ring. */
static void
long_ring_waits_for_all_but_64(void)
{
	struct fake_port *fp = start(0, 288);

	fill(fp);
	take(fp, 288 - 64 - 1);
	CHECK_EQ(fake_port_send(fp, 0, 1), 0);
	take(fp, 1);
	CHECK_EQ(fake_port_send(fp, 0, 1), 1);
	fake_port_destroy(fp);
}

/* A packet that can never be sent needs no place, and does not wait for one. */
static void
full_ring_drops_what_cannot_be_sent(void)
{
	struct fake_port *fp = start(0, RING);
	struct rte_mbuf *empty = rte_pktmbuf_alloc(fp->tx_pool[0]);

	CHECK(empty != NULL);
	fill(fp);
	time_is_over(&txq_of(fp)->ahead);
	CHECK_EQ(rte_eth_tx_burst(fp->port, 0, &empty, 1), 1);
	CHECK_EQ(fake_port_xstat(fp, "tx_q0_errors"), 1);
	fake_port_check_in_use(fp->tx_pool[0], RING);
	fake_port_destroy(fp);
}

/* The device may leave out entries of such rings: bursts look at none, and wait half as long. */
static void
ring_with_batches_waits_for_the_time(void)
{
	struct fake_port *fp = start(VU_F_IN_ORDER, RING);
	struct virtio_txq *txq = txq_of(fp);

	fill(fp);
	CHECK(txq->ahead.on);
	take(fp, RING - 1);
	CHECK_EQ(fake_port_send(fp, 0, 3), 0);
	txq->ahead.since -= txq->ahead.cycles / 2;
	CHECK_EQ(fake_port_send(fp, 0, RING), RING - 1);
	/* Caught up again. */
	CHECK(txq->ahead.on);
	take(fp, 2);
	CHECK_EQ(fake_port_send(fp, 0, 3), 0);
	txq->ahead.since -= txq->ahead.cycles / 2;
	CHECK_EQ(fake_port_send(fp, 0, 1), 1);
	CHECK(!txq->ahead.on);
	fake_port_destroy(fp);
}

/* Of a chain only the first descriptor is marked used. */
static void
chains_do_not_wait(uint64_t features)
{
	struct fake_port *fp = start(features, RING);
	struct virtio_txq *txq = txq_of(fp);
	struct rte_mbuf *m[RING];
	unsigned int i;

	fill(fp);
	CHECK_EQ(fake_port_take(fp, 0, true), RING);
	CHECK_EQ(rte_mempool_get_bulk(fp->tx_pool[0], (void **)m, RING), 0);
	for (i = 0; i < RING; i++) {
		rte_pktmbuf_reset(m[i]);
		CHECK(rte_pktmbuf_append(m[i], 64) != NULL);
	}
	for (i = 0; i < RING / 2; i++)
		CHECK_EQ(rte_pktmbuf_chain(m[i], m[RING - 1 - i]), 0);
	txq->ahead.on = false;
	CHECK_EQ(rte_eth_tx_burst(fp->port, 0, m, RING / 2), RING / 2);
	CHECK_EQ(fake_port_send(fp, 0, 1), 0);
	CHECK(txq->ahead.on);
	take(fp, 2);
	CHECK_EQ(fake_port_send(fp, 0, 3), 3);
	CHECK(!txq->ahead.on);
	fake_port_destroy(fp);
}

static void
ring_with_chains_does_not_wait(void)
{
	chains_do_not_wait(0);
	chains_do_not_wait(VU_F_IN_ORDER);
}

/* A ring with few bursts in it. */
static void
short_rings_do_not_wait(void)
{
	struct fake_port *fp = start(0, RING - LINE);

	CHECK_EQ(rxq_of(fp)->ahead.cycles, 0);
	CHECK_EQ(txq_of(fp)->ahead.cycles, 0);
	write_frames(fp, LINE + 2);
	CHECK_EQ(fake_port_receive(fp, 0), LINE + 2);
	CHECK(!rxq_of(fp)->ahead.on);
	write_frames(fp, 1);
	CHECK_EQ(fake_port_receive(fp, 0), 1);
	fake_port_destroy(fp);
}

TEST_MAIN(
	TEST_WARM_UP(fake_port_warm_up),
	TEST_PACKED(receive_waits_for_lines),
	TEST_PACKED(receive_goes_on_by_itself),
	TEST_PACKED(small_bursts_do_not_wait),
	TEST_PACKED(receive_waits_over_the_end_of_the_ring),
	TEST_PACKED(receive_does_not_wait_for_buffers),
	TEST_PACKED(receive_does_not_wait_for_batches),
	TEST_PACKED(full_ring_waits_for_a_half),
	TEST_PACKED(long_ring_waits_for_all_but_64),
	TEST_PACKED(full_ring_drops_what_cannot_be_sent),
	TEST_PACKED(ring_with_batches_waits_for_the_time),
	TEST_PACKED(ring_with_chains_does_not_wait),
	TEST_PACKED(short_rings_do_not_wait),
)
