/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * The transport and the rings on a real device's registers and memory: QEMU's virtio-net-pci,
 * without a guest. Receive ring 0, transmit ring 1, control ring 2.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_malloc.h>
#include <rte_memzone.h>

#include "qemu.h"
#include "ring.h"

#define HDR 12        /* 5.1.6, with VERSION_1 */
#define FRAME 60
#define ROOM 2048
#define MAX_BUFFERS 1024

#define NET_F_MAC 5
#define NET_F_MRG_RXBUF 15
#define NET_F_CTRL_VQ 17
#define NET_F_CTRL_RX 18

enum { RX, TX, CTRL, RINGS };

/* A descriptor's worth of memory that the device may touch. */
struct room {
	uint8_t at[ROOM];
};

struct port {
	struct qemu *qemu;
	struct virtio_device dev;
	struct virtqueue *vq[RINGS];
	struct room *room[RINGS];
	rte_iova_t iova[RINGS];
	uint32_t sent;     /* number of the next frame to the device */
	uint32_t got;      /* number of the next frame from it */
	uint32_t restart;  /* number of the first frame sent after the ring's last start */
	uint32_t held;     /* frames that came after a start and were sent before it */
	uint32_t tx_sent;
	uint32_t tx_got;
};

static struct port port;

static struct virtqueue *
make_ring(unsigned int ring, uint16_t size)
{
	const struct virtqueue_conf conf = {
		.size = size, .packed = test_packed(), .node = port.qemu->node
	};
	struct virtqueue *vq = NULL;

	CHECK_EQ(virtqueue_create(&port.dev, ring, &conf, &vq), 0);
	return vq;
}

static void
meet(const char *properties, enum virtio_pci_stop_policy policy)
{
	char all[128];
	unsigned int i;

	memset(&port, 0, sizeof(port));
	snprintf(all, sizeof(all), "%s,%s", test_packed() ? ",packed=on" : "", properties);
	if (properties[0] == '\0')
		all[strlen(all) - 1] = '\0';
	port.qemu = qemu_start(all);
	port.qemu->conf.stop = policy;
	if (port.qemu->legacy)
		CHECK_EQ(virtio_pci_legacy_create(&port.dev, "qemu", &port.qemu->conf), 0);
	else
		CHECK_EQ(virtio_pci_modern_create(&port.dev, "qemu", &port.qemu->conf), 0);
	for (i = 0; i < RINGS; i++) {
		port.room[i] = rte_zmalloc_socket("room", MAX_BUFFERS * ROOM, 4096,
						  port.qemu->node);
		CHECK(port.room[i] != NULL);
		port.iova[i] = rte_malloc_virt2iova(port.room[i]);
		CHECK(port.iova[i] != RTE_BAD_IOVA);
	}
}

static uint64_t
wanted(void)
{
	return VIRTIO_BIT(VIRTIO_F_RING_RESET) | VIRTIO_BIT(NET_F_MAC) |
	       VIRTIO_BIT(NET_F_CTRL_VQ) | VIRTIO_BIT(NET_F_CTRL_RX) |
	       /* Or a legacy device's header would be shorter, 5.1.6.1. */
	       (port.dev.legacy ? VIRTIO_BIT(NET_F_MRG_RXBUF) : 0) |
	       (test_packed() ? VIRTIO_BIT(VIRTIO_F_RING_PACKED) : 0);
}

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
fill_rx(void)
{
	struct virtqueue *vq = port.vq[RX];
	uint16_t i;

	for (i = 0; i < vq->size; i++)
		post(RX, i, ROOM, VRING_DESC_F_WRITE);
	ring_show(vq);
}

static void
run(void)
{
	CHECK_EQ(virtio_device_negotiate(&port.dev, wanted()), 0);
	CHECK_EQ(virtio_device_start(&port.dev, port.vq, RINGS), 0);
}

static void
up_with(const char *properties, enum virtio_pci_stop_policy policy)
{
	unsigned int i;

	meet(properties, policy);
	for (i = 0; i < RINGS; i++)
		port.vq[i] = make_ring(i, i == CTRL ? 64 : 256);
	fill_rx();
	run();
	qemu_forget_record(port.qemu);
}

static void
up(void)
{
	up_with("", VIRTIO_PCI_STOP_AUTO);
}

static void
keep(void *owner __rte_unused, void *cookie __rte_unused)
{
}

static void
down(void)
{
	unsigned int i;

	CHECK_EQ(virtio_device_reset(&port.dev, PATIENCE_US), 0);
	for (i = 0; i < RINGS; i++) {
		if (port.vq[i] != NULL) {
			virtqueue_reclaim(port.vq[i], keep, NULL);
			CHECK_EQ(virtqueue_destroy(port.vq[i]), 0);
		}
		rte_free(port.room[i]);
	}
	if (port.qemu->legacy)
		virtio_pci_legacy_destroy(&port.dev);
	else
		virtio_pci_modern_destroy(&port.dev);
	qemu_stop(port.qemu);
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

/* Takes what is in the used ring, stopped or not: each frame is the next one. */
static unsigned int
harvest(bool refill)
{
	struct virtqueue *vq = port.vq[RX];
	unsigned int n = 0;

	while (ring_ready(vq) > 0) {
		uint32_t len, number;
		const struct room *r = ring_get(vq, &len);

		CHECK(r != NULL);
		CHECK_EQ(len, HDR + FRAME);
		memcpy(&number, r->at + HDR + 14, sizeof(number));
		CHECK_EQ(number, port.got);
		port.got++;
		/* Once for each frame, when it comes: not as long as it is missing. */
		port.held += number < port.restart;
		if (refill)
			post(RX, r - port.room[RX], ROOM, VRING_DESC_F_WRITE);
		n++;
	}
	if (refill && n > 0) {
		ring_show(vq);
		virtqueue_notify(vq);
	}
	return n;
}

/* Until all that was sent has arrived. */
static void
await_all(void)
{
	const uint64_t deadline = virtio_now_us() + PATIENCE_US;

	while (port.got != port.sent) {
		harvest(true);
		qemu_peek(port.qemu, VIRTIO_PCI_DEVICE_STATUS, 1);
		if (virtio_now_us() > deadline)
			test_fail(__FILE__, __LINE__, "%u of %u frames have arrived", port.got,
				  port.sent);
	}
}

/* Frames through the transmit ring, and what becomes of each. */
static void
transmit(unsigned int n)
{
	struct virtqueue *vq = port.vq[TX];
	const uint64_t deadline = virtio_now_us() + PATIENCE_US;
	unsigned int i, used = 0;

	for (i = 0; i < n; i++) {
		const uint16_t at = port.tx_sent % MAX_BUFFERS;

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

		if (ring_ready(vq) > 0) {
			CHECK(ring_get(vq, &len) != NULL);
			used++;
		}
		CHECK(virtio_now_us() < deadline);
	}
}

static __rte_always_inline void
push_command(struct virtqueue *vq, struct room *r, rte_iova_t iova, const bool packed)
{
	struct ring_chain chain = ring_chain_begin(vq, 3);

	ring_chain_add(vq, &chain, iova, 2, 0, packed);
	ring_chain_add(vq, &chain, iova + 2, 1, 0, packed);
	ring_chain_add(vq, &chain, iova + ROOM, 1, VRING_DESC_F_WRITE, packed);
	ring_chain_end(vq, &chain, r, packed);
}

/* A command through the control ring: promiscuous or not. */
static void
command(bool on)
{
	struct virtqueue *vq = port.vq[CTRL];
	const uint64_t deadline = virtio_now_us() + PATIENCE_US;
	struct room *r = port.room[CTRL];
	uint32_t len;

	r[0].at[0] = 0; /* class RX, 5.1.6.5.1 */
	r[0].at[1] = 0; /* PROMISC */
	r[0].at[2] = on;
	r[1].at[0] = 0xff;
	if (vq->conf.packed)
		push_command(vq, r, port.iova[CTRL], true);
	else
		push_command(vq, r, port.iova[CTRL], false);
	ring_show(vq);
	virtqueue_notify(vq);
	while (ring_ready(vq) == 0)
		CHECK(virtio_now_us() < deadline);
	CHECK(ring_get(vq, &len) == r);
	CHECK_EQ(len, 1);
	CHECK_EQ(r[1].at[0], 0);
}

static void
check_all_run(void)
{
	send_to_device(20);
	await_all();
	transmit(20);
	command(true);
}

static void
stop(unsigned int ring)
{
	CHECK_EQ(virtqueue_stop(port.vq[ring], PATIENCE_US), 0);
	CHECK_EQ(virtqueue_state(port.vq[ring]), VIRTQUEUE_READY);
}

/* Gives back what a stopped ring has, and makes it anew. */
static void
remake(unsigned int ring, uint16_t size)
{
	CHECK(virtqueue_reclaim(port.vq[ring], keep, NULL) >= 0);
	CHECK_EQ(virtqueue_destroy(port.vq[ring]), 0);
	port.vq[ring] = make_ring(ring, size);
	if (ring == RX)
		fill_rx();
}

static void
start(unsigned int ring)
{
	CHECK_EQ(virtqueue_start(port.vq[ring], PATIENCE_US), 0);
}

static void
device_as_it_is_met(void)
{
	static const uint8_t mac[] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };
	uint8_t got[6];
	uint16_t size;

	meet("", VIRTIO_PCI_STOP_AUTO);
	CHECK_EQ(port.dev.nb_vqs, RINGS);
	CHECK_EQ(port.dev.stop_method, VIRTIO_STOP_PCI_RESET);
	CHECK_EQ(test_logged("stopped by: reset"), 1);
	CHECK(port.dev.offered & VIRTIO_BIT(VIRTIO_F_RING_RESET));
	CHECK_EQ(virtio_device_read_config(&port.dev, 0, got, sizeof(got)), 0);
	CHECK(memcmp(got, mac, sizeof(mac)) == 0);
	CHECK_EQ(virtio_device_queue_max(&port.dev, RX, &size), 0);
	CHECK_EQ(size, 256);
	CHECK_EQ(virtio_device_queue_max(&port.dev, CTRL, &size), 0);
	CHECK_EQ(size, 64);
	CHECK_EQ(qemu_peek(port.qemu, VIRTIO_PCI_DEVICE_STATUS, 1), 0);
	down();
}

static void
frames_and_commands_go(void)
{
	unsigned int i;

	up();
	for (i = 0; i < 40; i++)
		check_all_run();
	down();
}

/* The same on a device that has the legacy interface too. */
static void
transitional_device(void)
{
	up_with("disable-legacy=off,disable-modern=off", VIRTIO_PCI_STOP_AUTO);
	check_all_run();
	stop(RX);
	remake(RX, 128);
	start(RX);
	check_all_run();
	down();
}

static void
check_reset_registers(unsigned int ring)
{
	/* Selected by the stop that has just been. */
	CHECK_EQ(qemu_peek(port.qemu, VIRTIO_PCI_QUEUE_SELECT, 2), ring);
	CHECK_EQ(qemu_peek(port.qemu, VIRTIO_PCI_QUEUE_RESET, 2), 0);
	CHECK_EQ(qemu_peek(port.qemu, VIRTIO_PCI_QUEUE_ENABLE, 2), 0);
	CHECK_EQ(qemu_peek(port.qemu, VIRTIO_PCI_QUEUE_VECTOR, 2), VIRTIO_PCI_NO_VECTOR);
	CHECK_EQ(qemu_peek(port.qemu, VIRTIO_PCI_QUEUE_SIZE, 2), ring == CTRL ? 64 : 256);
	CHECK_EQ(qemu_peek(port.qemu, VIRTIO_PCI_DEVICE_STATUS, 1), 0x0f);
}

/* One stop, one start: every access, and what the device makes of it. */
static void
one_stop_and_one_start(void)
{
	static const uint32_t stop_order[] = {
		VIRTIO_PCI_QUEUE_SELECT, VIRTIO_PCI_QUEUE_RESET, VIRTIO_PCI_QUEUE_SELECT,
		VIRTIO_PCI_QUEUE_RESET, VIRTIO_PCI_QUEUE_ENABLE,
	};
	static const uint32_t start_order[] = {
		VIRTIO_PCI_QUEUE_SELECT, VIRTIO_PCI_QUEUE_SIZE, VIRTIO_PCI_QUEUE_SIZE,
		VIRTIO_PCI_QUEUE_VECTOR, VIRTIO_PCI_QUEUE_VECTOR, VIRTIO_PCI_QUEUE_NOTIFY_OFF,
		VIRTIO_PCI_QUEUE_DESC, VIRTIO_PCI_QUEUE_DESC + 4,
		VIRTIO_PCI_QUEUE_DRIVER, VIRTIO_PCI_QUEUE_DRIVER + 4,
		VIRTIO_PCI_QUEUE_DEVICE, VIRTIO_PCI_QUEUE_DEVICE + 4,
		VIRTIO_PCI_QUEUE_SELECT, VIRTIO_PCI_QUEUE_ENABLE, VIRTIO_PCI_QUEUE_ENABLE,
	};
	const struct qemu_access *a;
	unsigned int i;

	up();
	qemu_msix_on(port.qemu);
	virtio_pci_set_queue_vector(&port.dev, RX, 1);
	check_all_run();
	qemu_forget_record(port.qemu);
	stop(RX);
	check_reset_registers(RX);
	CHECK_EQ(port.qemu->nb_record, RTE_DIM(stop_order));
	for (i = 0; i < RTE_DIM(stop_order); i++)
		CHECK_EQ(port.qemu->record[i].offset, stop_order[i]);
	remake(RX, 128);
	start(RX);
	CHECK_EQ(port.qemu->nb_record, RTE_DIM(stop_order) + RTE_DIM(start_order) + 1);
	a = &port.qemu->record[RTE_DIM(stop_order)];
	for (i = 0; i < RTE_DIM(start_order); i++)
		CHECK_EQ(a[i].offset, start_order[i]);
	CHECK_EQ(a[i].region, VIRTIO_PCI_NOTIFY);
	CHECK_EQ(qemu_peek(port.qemu, VIRTIO_PCI_QUEUE_ENABLE, 2), 1);
	CHECK_EQ(qemu_peek(port.qemu, VIRTIO_PCI_QUEUE_RESET, 2), 0);
	if (qemu_trace)
		qemu_print_record(port.qemu);
	check_all_run();
	down();
}

static void
each_ring_alone(void)
{
	unsigned int ring, round;

	up();
	for (round = 0; round < 3; round++) {
		for (ring = 0; ring < RINGS; ring++) {
			stop(ring);
			check_reset_registers(ring);
			/* The others go on. */
			if (ring != RX) {
				send_to_device(20);
				await_all();
			}
			if (ring != TX)
				transmit(20);
			if (ring != CTRL)
				command(false);
			harvest(false);
			remake(ring, ring == CTRL ? 64 : 256);
			start(ring);
			check_all_run();
		}
	}
	down();
}

static void
other_sizes(void)
{
	static const uint16_t split[] = { 32, 1024, 64, 512, 256 };
	static const uint16_t packed[] = { 33, 1024, 100, 500, 47 };
	unsigned int i;

	up_with("rx_queue_size=1024", VIRTIO_PCI_STOP_AUTO);
	for (i = 0; i < RTE_DIM(split); i++) {
		const uint16_t size = test_packed() ? packed[i] : split[i];

		send_to_device(7);
		stop(RX);
		harvest(false);
		remake(RX, size);
		start(RX);
		CHECK_EQ(qemu_peek(port.qemu, VIRTIO_PCI_QUEUE_SIZE, 2), size);
		stop(TX);
		remake(TX, RTE_MIN(size, 256));
		start(TX);
		check_all_run();
		/* Over the end of the ring. */
		for (; port.sent % 2048 != 0;) {
			send_to_device(16 - port.sent % 16);
			await_all();
		}
	}
	down();
}

static void
size_beyond_the_maximum(void)
{
	const struct virtqueue_conf conf = {
		.size = 512, .packed = test_packed(), .node = SOCKET_ID_ANY
	};
	struct virtqueue *vq;

	up();
	stop(RX);
	CHECK_EQ(virtqueue_create(&port.dev, RX, &conf, &vq), -EINVAL);
	CHECK_EQ(test_logged("512 descriptors was requested, the device takes at most 256"), 1);
	start(RX);
	check_all_run();
	down();
}

/*
 * The reset forgets the vector; the start tells it again, the same one or another. Of a ring that
 * is reset no interrupt comes.
 */
static void
vectors_are_set_again(void)
{
	static const uint16_t vectors[] = { 1, 1, 3, VIRTIO_PCI_NO_VECTOR, 2 };
	unsigned int i, v;

	up();
	qemu_msix_on(port.qemu);
	for (i = 0; i < RTE_DIM(vectors); i++) {
		struct virtqueue *vq;

		stop(RX);
		send_to_device(5);
		transmit(20);
		qemu_turn(port.qemu);
		for (v = 0; v < QEMU_VECTORS; v++)
			CHECK(!qemu_msix_came(port.qemu, v));
		remake(RX, 256);
		vq = port.vq[RX];
		virtio_pci_set_queue_vector(&port.dev, RX, vectors[i]);
		start(RX);
		CHECK_EQ(qemu_peek(port.qemu, VIRTIO_PCI_QUEUE_VECTOR, 2), vectors[i]);
		/* A ring begins without interrupts: those that were held raise none. */
		await_all();
		CHECK(!ring_interrupts_on(vq, vq->conf.packed));
		send_to_device(5);
		await_all();
		qemu_turn(port.qemu);
		for (v = 0; v < QEMU_VECTORS; v++)
			CHECK_EQ(qemu_msix_came(port.qemu, v), v == vectors[i]);
	}
	down();
}

/* The device touches neither ring nor buffers of a ring that is reset, whatever comes in. */
static void
memory_of_a_reset_ring_is_untouched(void)
{
	const size_t room = MAX_BUFFERS * ROOM;
	const struct rte_memzone *mz;
	uint8_t *ring_was, *room_was;
	uint32_t got;

	up();
	mz = port.vq[RX]->memory;
	ring_was = malloc(mz->len);
	room_was = malloc(room);
	check_all_run();
	stop(RX);
	harvest(false);
	memcpy(ring_was, mz->addr, mz->len);
	memcpy(room_was, port.room[RX], room);
	send_to_device(50);
	/* Proof that the device was at work meanwhile. */
	transmit(200);
	command(true);
	qemu_turn(port.qemu);
	CHECK(memcmp(ring_was, mz->addr, mz->len) == 0);
	CHECK(memcmp(room_was, port.room[RX], room) == 0);
	/* What came in was held back: stale frames, all of them after the start. */
	remake(RX, 256);
	got = port.got;
	start(RX);
	await_all();
	CHECK_EQ(port.got - got, 50);
	free(ring_was);
	free(room_was);
	down();
}

/*
 * Frames come before, while and after; each arrives once, in order, in the ring that was there when
 * it was sent or in the next one. The time is printed.
 */
static void
thousand_resets(void)
{
	uint64_t stops = 0, starts = 0, worst = 0;
	unsigned int round, harvested = 0;

	up();
	for (round = 0; round < 1000; round++) {
		uint64_t began, now;

		send_to_device(4);
		if (round % 3 == 0)
			await_all();
		began = virtio_now_us();
		stop(RX);
		now = virtio_now_us();
		stops += now - began;
		worst = RTE_MAX(worst, now - began);
		harvested += harvest(false);
		send_to_device(2);
		/* All that are on their way now will come after the start. */
		port.restart = port.sent;
		remake(RX, test_packed() ? 20 + round % 237 : 32u << round % 4);
		began = virtio_now_us();
		start(RX);
		starts += virtio_now_us() - began;
		if (round % 7 == 0)
			transmit(3);
	}
	await_all();
	CHECK_EQ(port.sent, 6000);
	CHECK_EQ(port.got, 6000);
	/* Two were sent in each round while the ring was stopped. */
	CHECK(port.held >= 2000 && port.held <= 6000);
	printf("# 1000 resets: stop %.1f us (at most %" PRIu64 "), start %.1f us; 6000 frames: %u "
	       "came into the ring that they were sent to, %u into the next one; %u were taken "
	       "from a stopped ring; 0 lost\n", stops / 1000.0, worst, starts / 1000.0,
	       6000 - port.held, port.held, harvested);
	check_all_run();
	CHECK_EQ(virtqueue_state(port.vq[RX]), VIRTQUEUE_LIVE);
	down();
}

/* What was sent before is sent once; nothing of the old ring is sent by the new one. */
static void
transmit_across_resets(void)
{
	unsigned int round;

	up();
	for (round = 0; round < 200; round++) {
		transmit(1 + round % 40);
		stop(TX);
		CHECK_EQ(virtqueue_reclaim(port.vq[TX], keep, NULL), 0);
		if (round % 4 == 0)
			remake(TX, 64);
		start(TX);
	}
	check_all_run();
	down();
}

/* Frames that the stopped ring confirms; each of them, and no other, has come by now. */
static unsigned int
confirmed_and_sent(uint32_t first)
{
	struct virtqueue *vq = port.vq[TX];
	unsigned int confirmed = 0, sent = 0;
	uint8_t frame[ROOM];
	uint32_t len, number;

	for (; ring_ready(vq) > 0; confirmed++)
		CHECK(ring_get(vq, &len) != NULL);
	while ((len = qemu_receive_now(port.qemu, frame, sizeof(frame))) > 0) {
		CHECK_EQ(len, FRAME);
		memcpy(&number, frame + 14, sizeof(number));
		CHECK_EQ(number, first + sent);
		sent++;
	}
	CHECK_EQ(sent, confirmed);
	return confirmed;
}

/*
 * Whenever a transmit ring is reset, the device has sent what it has confirmed, no less and no
 * more: the frames that a stop counts as dropped have not gone out. (2.6.1 demands only that none
 * is used after the reset.) With "tx=timer" a notification that finds another one waiting sends one
 * batch of x-txburst at once, so that the reset comes after any number of them.
 */
static void
frames_that_a_reset_drops_were_not_sent(void)
{
	enum { BATCH = 4, BATCHES = 12 };
	unsigned int none = 0, some = 0, all = 0;
	unsigned int round, i, confirmed;

	up_with("ioeventfd=off,tx=timer,x-txtimer=200000000,x-txburst=4", VIRTIO_PCI_STOP_AUTO);
	for (round = 0; round < 3 * (BATCHES + 2); round++) {
		const uint32_t first = port.tx_sent;

		for (i = 0; i < BATCH * BATCHES; i++) {
			const uint16_t at = port.tx_sent % MAX_BUFFERS;

			memset(port.room[TX][at].at, 0, HDR);
			make_frame(port.room[TX][at].at + HDR, port.tx_sent++);
			post(TX, at, HDR + FRAME, 0);
		}
		ring_show(port.vq[TX]);
		for (i = 0; i < 1 + round % (BATCHES + 2); i++)
			virtqueue_notify(port.vq[TX]);
		stop(TX);
		confirmed = confirmed_and_sent(first);
		CHECK_EQ(virtqueue_reclaim(port.vq[TX], keep, NULL),
			 BATCH * BATCHES - confirmed);
		none += confirmed == 0;
		all += confirmed == BATCH * BATCHES;
		some += confirmed > 0 && confirmed < BATCH * BATCHES;
		start(TX);
		/* Nor does one of them go out later. */
		virtqueue_notify(port.vq[TX]);
		qemu_turn(port.qemu);
		CHECK_EQ(confirmed_and_sent(port.tx_sent), 0);
	}
	printf("# frames sent when the ring was reset: none %u times, some %u, all %u\n", none,
	       some, all);
	/* The timer may have run out before: not each time. */
	CHECK(some > 0);
	port.tx_got = port.tx_sent;
	check_all_run();
	down();
}

static void
rings_that_were_never_started(void)
{
	unsigned int i;

	meet("", VIRTIO_PCI_STOP_AUTO);
	for (i = 0; i < RINGS; i++)
		port.vq[i] = make_ring(i, i == CTRL ? 64 : 256);
	fill_rx();
	CHECK_EQ(virtio_device_negotiate(&port.dev, wanted()), 0);
	CHECK_EQ(virtio_device_start(&port.dev, &port.vq[TX], 2), 0);
	transmit(20);
	/* Stopped already: nobody asks the device. */
	qemu_forget_record(port.qemu);
	stop(RX);
	CHECK_EQ(port.qemu->nb_record, 0);
	start(RX);
	check_all_run();
	down();
}

/* The bit is not there: no method, no acknowledgement, and the register never written. */
static void
device_without_queue_reset(void)
{
	up_with("queue_reset=off", VIRTIO_PCI_STOP_AUTO);
	CHECK_EQ(port.dev.stop_method, VIRTIO_STOP_NONE);
	CHECK_EQ(test_logged("does not offer VIRTIO_F_RING_RESET"), 1);
	CHECK_EQ(port.dev.acked & VIRTIO_BIT(VIRTIO_F_RING_RESET), 0);
	check_all_run();
	CHECK_EQ(virtqueue_stop(port.vq[RX], PATIENCE_US), -ENOTSUP);
	CHECK_EQ(virtqueue_state(port.vq[RX]), VIRTQUEUE_LIVE);
	check_all_run();
	CHECK_EQ(qemu_writes(port.qemu, VIRTIO_PCI_QUEUE_RESET, -1), 0);
	CHECK_EQ(qemu_writes(port.qemu, VIRTIO_PCI_QUEUE_ENABLE, 0), 0);
	down();
}

/* Only as the user requests, and this device refuses: no proof, and only its reset helps. */
static void
proposal_is_refused(void)
{
	unsigned int i;

	up_with("", VIRTIO_PCI_STOP_PROPOSAL);
	CHECK_EQ(port.dev.stop_method, VIRTIO_STOP_PCI_ENABLE_ZERO);
	check_all_run();
	CHECK_EQ(virtqueue_stop(port.vq[RX], PATIENCE_US), -EIO);
	CHECK_EQ(test_logged("queue_reset=proposal does not suit this device"), 1);
	CHECK_EQ(virtqueue_state(port.vq[RX]), VIRTQUEUE_BROKEN);
	CHECK_EQ(virtqueue_destroy(port.vq[RX]), -EBUSY);
	CHECK_EQ(virtio_device_reset(&port.dev, PATIENCE_US), 0);
	for (i = 0; i < RINGS; i++)
		CHECK(virtqueue_reclaim(port.vq[i], keep, NULL) >= 0);
	fill_rx();
	run();
	check_all_run();
	down();
}

static void
device_lives_again_and_again(void)
{
	unsigned int life, i;

	up();
	for (life = 0; life < 20; life++) {
		check_all_run();
		if (life % 2 == 0)
			stop(RX);
		CHECK_EQ(virtio_device_reset(&port.dev, PATIENCE_US), 0);
		for (i = 0; i < RINGS; i++)
			CHECK(virtqueue_reclaim(port.vq[i], keep, NULL) >= 0);
		fill_rx();
		run();
	}
	check_all_run();
	down();
}

static void
legacy_device(void)
{
	static const uint8_t mac[] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };
	const struct virtqueue_conf small = { .size = 128, .node = SOCKET_ID_ANY };
	struct virtqueue *vq;
	uint8_t got[6];
	unsigned int life, i;

	up_with("disable-legacy=off,disable-modern=on", VIRTIO_PCI_STOP_AUTO);
	CHECK(port.dev.legacy);
	CHECK_EQ(port.dev.nb_vqs, RINGS);
	CHECK_EQ(port.dev.offered >> 32, 0);
	CHECK_EQ(port.dev.stop_method, VIRTIO_STOP_NONE);
	CHECK_EQ(test_logged("has no queue reset"), 1);
	CHECK_EQ(virtqueue_stop(port.vq[RX], PATIENCE_US), -ENOTSUP);
	CHECK_EQ(virtqueue_create(&port.dev, RX, &small, &vq), -EINVAL);
	CHECK_EQ(test_logged("the device takes no more and no fewer than 256"), 1);
	for (life = 0; life < 5; life++) {
		check_all_run();
		CHECK_EQ(virtio_device_reset(&port.dev, PATIENCE_US), 0);
		for (i = 0; i < RINGS; i++)
			CHECK(virtqueue_reclaim(port.vq[i], keep, NULL) >= 0);
		if (life == 2) {
			/* The configuration is where it was not. */
			qemu_msix_on(port.qemu);
			virtio_pci_legacy_set_msix(&port.dev, true);
			virtio_pci_set_config_vector(&port.dev, 0);
			virtio_pci_set_queue_vector(&port.dev, RX, 1);
		}
		CHECK_EQ(virtio_device_read_config(&port.dev, 0, got, sizeof(got)), 0);
		CHECK(memcmp(got, mac, sizeof(mac)) == 0);
		fill_rx();
		run();
		ring_interrupts_on(port.vq[RX], false);
	}
	check_all_run();
	qemu_turn(port.qemu);
	CHECK(qemu_msix_came(port.qemu, 1));
	down();
}

static const struct test_case cases[] = {
	TEST_LAYOUTS(device_as_it_is_met),
	TEST_LAYOUTS(frames_and_commands_go),
	TEST_LAYOUTS(transitional_device),
	TEST_LAYOUTS(one_stop_and_one_start),
	TEST_LAYOUTS(each_ring_alone),
	TEST_LAYOUTS(other_sizes),
	TEST_LAYOUTS(size_beyond_the_maximum),
	TEST_LAYOUTS(vectors_are_set_again),
	TEST_LAYOUTS(memory_of_a_reset_ring_is_untouched),
	TEST_LAYOUTS(thousand_resets),
	TEST_LAYOUTS(transmit_across_resets),
	TEST_LAYOUTS(frames_that_a_reset_drops_were_not_sent),
	TEST_LAYOUTS(rings_that_were_never_started),
	TEST_LAYOUTS(device_without_queue_reset),
	TEST_LAYOUTS(proposal_is_refused),
	TEST_LAYOUTS(device_lives_again_and_again),
	TEST(legacy_device),
};

int
main(int argc, char **argv)
{
	return qemu_test_main(argc, argv, cases, RTE_DIM(cases));
}
