/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * Mergeable buffers: a device announces a frame of many buffers and uses all but the last. Each
 * burst that waits for the last one goes on from where the burst before came to, and does not read
 * the used entries of the frame again: what a burst has to do is bounded, whatever the device
 * announces.
 */

#include <string.h>

#include <ethdev_driver.h>

#include "fake_port.h"
#include "test.h"
#include "virtio.h"

#define BUFFERS (FAKE_PORT_SIZE - 4)
#define LEN 100

static void
use_buffer(struct fake_port *fp)
{
	struct ring_device *rd = fake_vu_ring(fp->vu, 0);
	const uint16_t buffers = BUFFERS;
	struct device_chain chain;

	CHECK(ring_device_take(rd, &chain));
	memset(chain.part[0].at, 0, LEN);
	/* In the header of the first; of the others it is data. */
	memcpy((uint8_t *)chain.part[0].at + 10, &buffers, sizeof(buffers));
	ring_device_use(rd, chain.head, LEN);
}

static void
bursts_go_on_from_the_last(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){
		.features = VU_F_MRG_RXBUF
	});
	const struct virtqueue *vq = virtio_port(&rte_eth_devices[fp->port])->rxqs[0]->q.vq;
	struct rte_mbuf *m[4];
	unsigned int i;

	for (i = 1; i < BUFFERS; i++) {
		const uint16_t flags = vq->ring[1].flags;

		use_buffer(fp);
		/* No device does this. A burst that reads the entry again stays before it. */
		if (i > 2)
			vq->ring[1].flags = 0;
		CHECK_EQ(rte_eth_rx_burst(fp->port, 0, m, RTE_DIM(m)), 0);
		CHECK_EQ(vq->used_seen, i);
		if (i > 2)
			vq->ring[1].flags = flags;
	}
	use_buffer(fp);
	CHECK_EQ(rte_eth_rx_burst(fp->port, 0, m, RTE_DIM(m)), 1);
	CHECK_EQ(vq->used_seen, 0);
	CHECK_EQ(m[0]->nb_segs, BUFFERS);
	CHECK_EQ(m[0]->pkt_len, BUFFERS * LEN - FAKE_PORT_HDR);
	rte_pktmbuf_free(m[0]);
	fake_port_destroy(fp);
}

TEST_MAIN(
	TEST_WARM_UP(fake_port_warm_up),
	TEST_PACKED(bursts_go_on_from_the_last),
)
