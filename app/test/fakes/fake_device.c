/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_common.h>

#include "fake_device.h"
#include "test.h"
#include "virtqueue_reset.h"

static struct fake_device *
fake_of(struct virtio_device *dev)
{
	return dev->priv;
}

static void
breach(struct fake_device *fake, const char *what, unsigned int index)
{
	if (fake->breach[0] == '\0')
		snprintf(fake->breach, sizeof(fake->breach), "ring %u: %s", index, what);
}

/* Notes the call; an errno where a knob wants this one to fail. */
static int
called(struct virtio_device *dev, enum fake_op op, unsigned int value)
{
	struct fake_device *fake = fake_of(dev);

	if (fake->nb_record < FAKE_MAX_RECORD)
		fake->record[fake->nb_record++] = (struct fake_record){ op, value };
	if (fake->fail[op] == 0)
		return 0;
	if (fake->fail_after[op] > 0) {
		fake->fail_after[op]--;
		return 0;
	}
	return -fake->fail[op];
}

static int
fake_get_features(struct virtio_device *dev, uint64_t *features)
{
	*features = fake_of(dev)->features;
	return called(dev, FAKE_GET_FEATURES, 0);
}

static int
fake_set_features(struct virtio_device *dev, uint64_t features)
{
	struct fake_device *fake = fake_of(dev);

	if (features & ~fake->features)
		breach(fake, "a feature was taken that is not offered", 0);
	return called(dev, FAKE_SET_FEATURES, 0);
}

static int
fake_set_status(struct virtio_device *dev, uint8_t status)
{
	struct fake_device *fake = fake_of(dev);
	const int ret = called(dev, FAKE_SET_STATUS, status);

	if (ret != 0)
		return ret;
	if ((fake->status & ~status) != 0)
		breach(fake, "a status bit was taken back without a reset", 0);
	fake->status = status;
	if (fake->refuses_features)
		fake->status &= ~VIRTIO_STATUS_FEATURES_OK;
	return 0;
}

static int
fake_get_status(struct virtio_device *dev, uint8_t *status)
{
	*status = fake_of(dev)->status;
	return called(dev, FAKE_GET_STATUS, 0);
}

static int
fake_setup(struct virtqueue *vq)
{
	struct fake_device *fake = fake_of(vq->dev);
	struct fake_queue *q = &fake->queue[vq->index];
	const int ret = called(vq->dev, FAKE_SETUP, vq->index);
	const bool packed = virtio_device_has(vq->dev, VIRTIO_F_RING_PACKED);
	void *driver = packed ? (void *)vq->driver_event : (void *)vq->avail;
	void *device = packed ? (void *)vq->device_event : (void *)vq->used;

	if (ret != 0)
		return ret;
	if (q->set_up)
		breach(fake, "set up while the device has it", vq->index);
	if (!ring_device_area_is_zero(vq->size, packed, device))
		breach(fake, "set up with a used area that is not zero", vq->index);
	ring_device_close(&q->ring);
	ring_device_open(&q->ring, vq->size, packed, vq->desc, driver, device, vq->event_idx);
	q->set_up = true;
	return 0;
}

static int
fake_enable(struct virtqueue *vq)
{
	struct fake_device *fake = fake_of(vq->dev);
	struct fake_queue *q = &fake->queue[vq->index];
	const int ret = called(vq->dev, FAKE_ENABLE, vq->index);

	if (ret != 0)
		return ret;
	if (!q->set_up || q->enabled)
		breach(fake, "enabled out of order", vq->index);
	q->enabled = true;
	return 0;
}

static void
fake_notify(struct virtqueue *vq)
{
	struct fake_device *fake = fake_of(vq->dev);

	called(vq->dev, FAKE_NOTIFY, vq->index);
	fake->queue[vq->index].notified++;
	if (!fake->queue[vq->index].enabled || !(fake->status & VIRTIO_STATUS_DRIVER_OK))
		breach(fake, "notified while it is not running", vq->index);
}

/* The ring is the driver's again: the device forgets all of it. */
static void
let_go(struct fake_queue *q)
{
	if (ring_device_breach(&q->ring)[0] == '\0')
		ring_device_close(&q->ring);
	q->set_up = false;
	q->enabled = false;
	q->stopping = false;
}

static int
fake_stop_ask(struct virtqueue *vq)
{
	struct fake_device *fake = fake_of(vq->dev);
	struct fake_queue *q = &fake->queue[vq->index];
	const int ret = called(vq->dev, FAKE_STOP_ASK, vq->index);

	if (ret != 0)
		return ret;
	if (!q->stopping)
		q->asked_at = fake->waits;
	q->stopping = true;
	return 0;
}

/* What a device that was asked so many waits ago says now. */
static int
answer(enum fake_answer a, unsigned int waited, unsigned int late_waits)
{
	switch (a) {
	case FAKE_OBEYS:
		return 0;
	case FAKE_LATE:
		return waited >= late_waits ? 0 : -EAGAIN;
	case FAKE_NEVER:
		return -EAGAIN;
	case FAKE_REFUSES:
		return -EIO;
	case FAKE_GONE:
		return -ENODEV;
	}
	return -EIO;
}

static int
fake_stop_poll(struct virtqueue *vq)
{
	struct fake_device *fake = fake_of(vq->dev);
	struct fake_queue *q = &fake->queue[vq->index];
	int ret;

	if (!q->stopping) {
		breach(fake, "asked whether it is stopped before a stop was requested", vq->index);
		return -EIO;
	}
	ret = answer(q->answer, fake->waits - q->asked_at, q->late_waits);
	if (ret == 0)
		let_go(q);
	else if (ret != -EAGAIN)
		q->stopping = false;
	return ret;
}

static int
fake_reset_ask(struct virtio_device *dev)
{
	struct fake_device *fake = fake_of(dev);
	const int ret = called(dev, FAKE_RESET_ASK, 0);

	if (ret != 0)
		return ret;
	if (!fake->resetting)
		fake->reset_asked_at = fake->waits;
	fake->resetting = true;
	return 0;
}

static int
fake_reset_poll(struct virtio_device *dev)
{
	struct fake_device *fake = fake_of(dev);
	const int ret = answer(fake->reset_answer, fake->waits - fake->reset_asked_at,
			       fake->reset_late_waits);
	unsigned int i;

	if (ret != -EAGAIN)
		fake->resetting = false;
	if (ret != 0)
		return ret;
	for (i = 0; i < FAKE_MAX_QUEUES; i++)
		let_go(&fake->queue[i]);
	fake->status = VIRTIO_STATUS_RESET;
	return 0;
}

static bool
is_stuck(const struct fake_device *fake)
{
	unsigned int i;

	if (fake->resetting && fake->reset_answer == FAKE_NEVER)
		return true;
	for (i = 0; i < FAKE_MAX_QUEUES; i++) {
		if (fake->queue[i].stopping && fake->queue[i].answer == FAKE_NEVER)
			return true;
	}
	return false;
}

static void
fake_wait(struct virtio_device *dev, uint32_t timeout_us)
{
	struct fake_device *fake = fake_of(dev);
	const struct timespec t = {
		.tv_sec = timeout_us / 1000000, .tv_nsec = (timeout_us % 1000000) * 1000
	};

	called(dev, FAKE_WAIT, 0);
	fake->waits++;
	if (is_stuck(fake))
		nanosleep(&t, NULL);
}

static const struct virtio_transport_ops fake_ops = {
	.name = "fake",
	.get_features = fake_get_features,
	.set_features = fake_set_features,
	.set_status = fake_set_status,
	.get_status = fake_get_status,
	.queue_setup = fake_setup,
	.queue_enable = fake_enable,
	.queue_stop_ask = fake_stop_ask,
	.queue_stop_poll = fake_stop_poll,
	.queue_notify = fake_notify,
	.reset_ask = fake_reset_ask,
	.reset_poll = fake_reset_poll,
	.wait = fake_wait,
};

struct fake_device *
fake_device_create(uint16_t nb_queues, bool event_idx)
{
	struct fake_device *fake = calloc(1, sizeof(*fake));

	virtio_transports[VIRTIO_TRANSPORT_TEST] = &fake_ops;
	CHECK_EQ(virtio_device_init(&fake->dev, "fake", VIRTIO_TRANSPORT_TEST, nb_queues), 0);
	fake->dev.priv = fake;
	fake->dev.stop_method = VIRTIO_STOP_TEST;
	fake->features = VIRTIO_BIT(VIRTIO_F_VERSION_1) | VIRTIO_BIT(VIRTIO_F_RING_RESET) |
			 VIRTIO_BIT(VIRTIO_RING_F_INDIRECT_DESC);
	if (event_idx)
		fake->features |= VIRTIO_BIT(VIRTIO_RING_F_EVENT_IDX);
	return fake;
}

void
fake_device_destroy(struct fake_device *fake)
{
	unsigned int i;

	fake_check(fake);
	for (i = 0; i < FAKE_MAX_QUEUES; i++)
		ring_device_close(&fake->queue[i].ring);
	virtio_device_fini(&fake->dev);
	free(fake);
}

void
fake_device_run(struct fake_device *fake, struct virtqueue *const *vqs, unsigned int n)
{
	CHECK_EQ(virtio_device_negotiate(&fake->dev, UINT64_MAX), 0);
	CHECK_EQ(virtio_device_start(&fake->dev, vqs, n), 0);
}

void
fake_answer_now(struct fake_device *fake, uint16_t index)
{
	fake->queue[index].answer = FAKE_OBEYS;
	fake->reset_answer = FAKE_OBEYS;
}

struct ring_device *
fake_ring(struct fake_device *fake, uint16_t index)
{
	CHECK(fake->queue[index].enabled);
	return &fake->queue[index].ring;
}

void
fake_forget_record(struct fake_device *fake)
{
	fake->nb_record = 0;
}

const char *
fake_recorded(const struct fake_device *fake)
{
	static const char *const names[FAKE_OPS] = {
		[FAKE_GET_FEATURES] = "get_features", [FAKE_SET_FEATURES] = "set_features",
		[FAKE_SET_STATUS] = "status", [FAKE_GET_STATUS] = "get_status",
		[FAKE_SETUP] = "setup", [FAKE_ENABLE] = "enable", [FAKE_STOP_ASK] = "stop",
		[FAKE_NOTIFY] = "notify", [FAKE_RESET_ASK] = "reset", [FAKE_WAIT] = "wait",
	};
	static char text[FAKE_MAX_RECORD * 24];
	size_t n = 0;
	unsigned int i;

	text[0] = '\0';
	for (i = 0; i < fake->nb_record; i++) {
		const struct fake_record *r = &fake->record[i];

		n += snprintf(text + n, sizeof(text) - n, "%s%s", i == 0 ? "" : ", ", names[r->op]);
		if (r->op == FAKE_SET_STATUS)
			n += snprintf(text + n, sizeof(text) - n, " 0x%x", r->value);
		else if (r->op >= FAKE_SETUP && r->op <= FAKE_NOTIFY)
			n += snprintf(text + n, sizeof(text) - n, " %u", r->value);
	}
	return text;
}

unsigned int
fake_count(const struct fake_device *fake, enum fake_op op)
{
	unsigned int n = 0;
	unsigned int i;

	for (i = 0; i < fake->nb_record; i++)
		n += fake->record[i].op == op;
	return n;
}

void
fake_check(const struct fake_device *fake)
{
	unsigned int i;

	if (fake->breach[0] != '\0')
		test_fail(__FILE__, __LINE__, "the driver broke a rule: %s", fake->breach);
	for (i = 0; i < FAKE_MAX_QUEUES; i++) {
		if (ring_device_breach(&fake->queue[i].ring)[0] != '\0')
			test_fail(__FILE__, __LINE__, "the driver broke a rule: ring %u: %s", i,
				  ring_device_breach(&fake->queue[i].ring));
	}
}
