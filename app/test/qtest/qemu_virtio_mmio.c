/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * The virtio-mmio transport and the rings on a real device's registers and memory: QEMU's, on its
 * machine microvm, without a guest. Frames go both ways over registers of both versions. A stop of
 * one queue is refused: the device offers VIRTIO_F_RING_RESET without the register QueueReset, and
 * continues to write into a ring whose QueueReady reads 0.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_malloc.h>

#include "qemu.h"
#include "ring.h"

#define HDR 12        /* 5.1.6, with VERSION_1 or MRG_RXBUF */
#define FRAME 60
#define ROOM 2048

#define NET_F_MAC 5
#define NET_F_MRG_RXBUF 15

enum { RX, TX, RINGS };

struct room {
	uint8_t at[ROOM];
};

static struct {
	struct qemu *qemu;
	struct virtio_device dev;
	struct virtqueue *vq[RINGS];
	struct room *room[RINGS];
	rte_iova_t iova[RINGS];
	uint32_t sent; /* frames to the device */
	uint32_t got;
	uint32_t tx_sent;
	uint32_t tx_got;
} port;

static void
post(unsigned int ring, uint16_t i, uint32_t len, uint16_t flags)
{
	struct virtqueue *vq = port.vq[ring];
	struct room *r = &port.room[ring][i];
	const rte_iova_t iova = port.iova[ring] + i * ROOM;

	if (vq->conf.packed)
		ring_push(vq, r, iova, len, flags, true);
	else
		ring_push(vq, r, iova, len, flags, false);
}

static void
run(void)
{
	const uint64_t wanted = VIRTIO_BIT(VIRTIO_F_RING_RESET) | VIRTIO_BIT(NET_F_MAC) |
				(port.dev.legacy ? VIRTIO_BIT(NET_F_MRG_RXBUF) : 0) |
				(test_packed() ? VIRTIO_BIT(VIRTIO_F_RING_PACKED) : 0);
	uint16_t i;

	for (i = 0; i < port.vq[RX]->size; i++)
		post(RX, i, ROOM, VRING_DESC_F_WRITE);
	ring_show(port.vq[RX]);
	CHECK_EQ(virtio_device_negotiate(&port.dev, wanted), 0);
	CHECK_EQ(virtio_device_start(&port.dev, port.vq, RINGS), 0);
}

static void
up(unsigned int version, enum virtio_mmio_stop_policy policy)
{
	struct virtqueue_conf conf = { .packed = test_packed() };
	unsigned int i;
	uint16_t max;

	memset(&port, 0, sizeof(port));
	port.qemu = qemu_start_mmio(test_packed() ? ",packed=on" : "", version);
	port.qemu->mmio.stop = policy;
	CHECK_EQ(virtio_mmio_create(&port.dev, "qemu", &port.qemu->mmio), 0);
	conf.node = port.qemu->node;
	for (i = 0; i < RINGS; i++) {
		CHECK_EQ(virtio_device_queue_max(&port.dev, i, &max), 0);
		conf.size = version == 1 ? max : 256;
		CHECK_EQ(virtqueue_create(&port.dev, i, &conf, &port.vq[i]), 0);
		port.room[i] = rte_zmalloc_socket("room", (size_t)conf.size * ROOM, 4096,
						  port.qemu->node);
		CHECK(port.room[i] != NULL);
		port.iova[i] = rte_malloc_virt2iova(port.room[i]);
	}
	run();
}

static void
keep(void *owner __rte_unused, void *cookie __rte_unused)
{
}

static void
reset(void)
{
	unsigned int i;

	CHECK_EQ(virtio_device_reset(&port.dev, PATIENCE_US), 0);
	for (i = 0; i < RINGS; i++)
		CHECK(virtqueue_reclaim(port.vq[i], keep, NULL) >= 0);
}

static void
down(void)
{
	unsigned int i;

	reset();
	for (i = 0; i < RINGS; i++) {
		CHECK_EQ(virtqueue_destroy(port.vq[i]), 0);
		rte_free(port.room[i]);
	}
	virtio_mmio_destroy(&port.dev);
	qemu_stop(port.qemu);
}

static uint32_t
look(uint32_t offset)
{
	return qemu_peek(port.qemu, offset, 4);
}

static void
make_frame(uint8_t *frame, uint32_t number)
{
	static const uint8_t mac[] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };

	memset(frame, 0, FRAME);
	memcpy(frame, mac, sizeof(mac));
	frame[6] = 2;
	frame[12] = 0x88;
	frame[13] = 0xb5;
	memcpy(frame + 14, &number, sizeof(number));
}

static void
send_to_device(unsigned int n)
{
	uint8_t frame[FRAME];

	while (n-- > 0) {
		make_frame(frame, port.sent++);
		qemu_send(port.qemu, frame, sizeof(frame));
	}
}

/* Until all that was sent has arrived, each frame the next one. */
static void
receive_all(void)
{
	const uint64_t deadline = virtio_now_us() + PATIENCE_US;
	struct virtqueue *vq = port.vq[RX];

	while (port.got != port.sent) {
		uint32_t len, number;
		const struct room *r;

		look(VIRTIO_MMIO_STATUS); /* QEMU's main loop goes round */
		CHECK(virtio_now_us() < deadline);
		if (ring_ready(vq) == 0)
			continue;
		r = ring_get(vq, &len);
		CHECK(r != NULL);
		CHECK_EQ(len, HDR + FRAME);
		memcpy(&number, r->at + HDR + 14, sizeof(number));
		CHECK_EQ(number, port.got);
		port.got++;
		post(RX, r - port.room[RX], ROOM, VRING_DESC_F_WRITE);
		ring_show(vq);
		virtqueue_notify(vq);
	}
}

static void
transmit(unsigned int n)
{
	const uint64_t deadline = virtio_now_us() + PATIENCE_US;
	struct virtqueue *vq = port.vq[TX];
	unsigned int i, used = 0;

	for (i = 0; i < n; i++) {
		const uint16_t at = port.tx_sent % vq->size;

		memset(port.room[TX][at].at, 0, HDR);
		make_frame(port.room[TX][at].at + HDR, port.tx_sent++);
		post(TX, at, HDR + FRAME, 0);
	}
	ring_show(vq);
	virtqueue_notify(vq);
	while (port.tx_got != port.tx_sent) {
		uint8_t frame[ROOM];
		uint32_t number;

		CHECK_EQ(qemu_receive(port.qemu, frame, sizeof(frame)), FRAME);
		memcpy(&number, frame + 14, sizeof(number));
		CHECK_EQ(number, port.tx_got);
		port.tx_got++;
	}
	while (used < n) {
		uint32_t len;

		CHECK(virtio_now_us() < deadline);
		if (ring_ready(vq) > 0) {
			CHECK(ring_get(vq, &len) != NULL);
			used++;
		}
	}
}

static void
check_all_run(void)
{
	send_to_device(20);
	receive_all();
	transmit(20);
}

/* The trial has written QueueReset once, and seen that nothing was reset. */
static void
device_as_it_is_found(void)
{
	static const uint8_t mac[] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };
	uint8_t got[6];

	up(2, VIRTIO_MMIO_STOP_AUTO);
	CHECK(!port.dev.legacy);
	CHECK(port.dev.nb_vqs >= RINGS);
	CHECK_EQ(look(VIRTIO_MMIO_VENDOR_ID), VIRTIO_MMIO_VENDOR_QEMU);
	CHECK_EQ(port.dev.stop_method, VIRTIO_STOP_NONE);
	CHECK_EQ(test_logged("QueueReset did not reset an empty ring"), 1);
	CHECK_EQ(qemu_writes(port.qemu, VIRTIO_MMIO_QUEUE_RESET, 1), 1);
	CHECK_EQ(port.dev.acked & VIRTIO_BIT(VIRTIO_F_RING_RESET), 0);
	CHECK_EQ(virtio_device_read_config(&port.dev, 0, got, sizeof(got)), 0);
	CHECK(memcmp(got, mac, sizeof(mac)) == 0);
	down();
}

static void
frames_go_both_ways(void)
{
	unsigned int i;

	up(2, VIRTIO_MMIO_STOP_AUTO);
	/* Over the end of both rings. */
	for (i = 0; i < 30; i++)
		check_all_run();
	CHECK_EQ(virtio_mmio_isr(&port.dev) & ~VIRTIO_MMIO_INT_QUEUE, 0);
	down();
}

/* The bit is not acknowledged, the registers are not written, and the queue runs on. */
static void
stop_is_refused(void)
{
	static const enum virtio_mmio_stop_policy policies[] = {
		VIRTIO_MMIO_STOP_AUTO, VIRTIO_MMIO_STOP_PROPOSAL, VIRTIO_MMIO_STOP_OFF,
	};
	unsigned int i, ring;

	for (i = 0; i < RTE_DIM(policies); i++) {
		up(2, policies[i]);
		CHECK_EQ(port.dev.stop_method, VIRTIO_STOP_NONE);
		CHECK_EQ(test_logged("queue_reset=proposal is refused"), i > 0);
		qemu_forget_record(port.qemu);
		check_all_run();
		for (ring = 0; ring < RINGS; ring++) {
			CHECK_EQ(virtqueue_stop(port.vq[ring], PATIENCE_US), -ENOTSUP);
			CHECK_EQ(virtqueue_state(port.vq[ring]), VIRTQUEUE_LIVE);
			CHECK_EQ(virtqueue_destroy(port.vq[ring]), -EBUSY);
		}
		check_all_run();
		CHECK_EQ(qemu_writes(port.qemu, VIRTIO_MMIO_QUEUE_RESET, -1), 0);
		CHECK_EQ(qemu_writes(port.qemu, VIRTIO_MMIO_QUEUE_READY, -1), 0);
		down();
	}
}

/*
 * Why it is refused: QueueReset has no effect, and after QueueReady 0, which reads back, frames
 * still come into the ring. A QEMU where this fails has changed, and the refusal is to be revised.
 */
static void
device_continues_after_ready_zero(void)
{
	up(2, VIRTIO_MMIO_STOP_OFF);
	check_all_run();
	port.qemu->mmio_hooks.write(port.qemu, VIRTIO_MMIO_QUEUE_SEL, 4, RX);
	port.qemu->mmio_hooks.write(port.qemu, VIRTIO_MMIO_QUEUE_RESET, 4, 1);
	CHECK_EQ(look(VIRTIO_MMIO_QUEUE_RESET), 0);
	CHECK_EQ(look(VIRTIO_MMIO_QUEUE_READY), 1);
	port.qemu->mmio_hooks.write(port.qemu, VIRTIO_MMIO_QUEUE_READY, 4, 0);
	CHECK_EQ(look(VIRTIO_MMIO_QUEUE_READY), 0);
	send_to_device(10);
	receive_all();
	down();
}

static void
device_lives_again_and_again(void)
{
	unsigned int life;

	up(2, VIRTIO_MMIO_STOP_AUTO);
	for (life = 0; life < 10; life++) {
		check_all_run();
		reset();
		CHECK_EQ(look(VIRTIO_MMIO_STATUS), 0);
		run();
	}
	down();
}

static void
legacy_device(void)
{
	unsigned int life;

	up(1, VIRTIO_MMIO_STOP_AUTO);
	CHECK(port.dev.legacy);
	CHECK_EQ(port.dev.offered >> 32, 0);
	CHECK_EQ(test_logged("stopped by: none (a legacy device has no queue reset)"), 1);
	for (life = 0; life < 5; life++) {
		check_all_run();
		CHECK_EQ(virtqueue_stop(port.vq[RX], PATIENCE_US), -ENOTSUP);
		check_all_run();
		reset();
		run();
	}
	down();
}

static const struct test_case cases[] = {
	TEST_LAYOUTS(device_as_it_is_found),
	TEST_LAYOUTS(frames_go_both_ways),
	TEST_LAYOUTS(stop_is_refused),
	TEST_LAYOUTS(device_continues_after_ready_zero),
	TEST_LAYOUTS(device_lives_again_and_again),
	TEST(legacy_device),
};

int
main(int argc, char **argv)
{
	return qemu_test_main(argc, argv, cases, RTE_DIM(cases));
}
