/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>

#include "breach.h"
#include "fake_mmio_device.h"
#include "test.h"
#include "virtqueue_reset.h"

#define F_EVENT_IDX (UINT64_C(1) << 29)
#define F_INDIRECT (UINT64_C(1) << 28)
#define F_VERSION_1 (UINT64_C(1) << 32)
#define F_PACKED (UINT64_C(1) << 34)
#define F_NOTIFICATION_DATA (UINT64_C(1) << 38)
#define F_RING_RESET (UINT64_C(1) << 40)

#define S_DRIVER_OK 0x04
#define S_FEATURES_OK 0x08
#define S_NEEDS_RESET 0x40

#define CONFIG 0x100

/* The registers of 4.2.2 and 4.2.4, by number. */
enum reg {
	MAGIC, VERSION, DEVICE_ID, VENDOR_ID, DEVICE_FEATURES, DEVICE_FEATURES_SEL,
	DRIVER_FEATURES, DRIVER_FEATURES_SEL, GUEST_PAGE_SIZE, QUEUE_SEL, QUEUE_SIZE_MAX,
	QUEUE_SIZE, QUEUE_ALIGN, QUEUE_PFN, QUEUE_READY, QUEUE_NOTIFY, INTERRUPT_STATUS,
	INTERRUPT_ACK, STATUS, QUEUE_DESC, QUEUE_DESC_HIGH, QUEUE_DRIVER, QUEUE_DRIVER_HIGH,
	QUEUE_DEVICE, QUEUE_DEVICE_HIGH, QUEUE_RESET, GENERATION,
	REGS
};

#define R 1
#define W 2

static const struct {
	const char *name;
	uint16_t offset;
	uint8_t direction;
	uint8_t version; /* 0: both */
} regs[REGS] = {
	[MAGIC] = { "MagicValue", 0x000, R, 0 },
	[VERSION] = { "Version", 0x004, R, 0 },
	[DEVICE_ID] = { "DeviceID", 0x008, R, 0 },
	[VENDOR_ID] = { "VendorID", 0x00c, R, 0 },
	[DEVICE_FEATURES] = { "DeviceFeatures", 0x010, R, 0 },
	[DEVICE_FEATURES_SEL] = { "DeviceFeaturesSel", 0x014, W, 0 },
	[DRIVER_FEATURES] = { "DriverFeatures", 0x020, W, 0 },
	[DRIVER_FEATURES_SEL] = { "DriverFeaturesSel", 0x024, W, 0 },
	[GUEST_PAGE_SIZE] = { "GuestPageSize", 0x028, W, 1 },
	[QUEUE_SEL] = { "QueueSel", 0x030, W, 0 },
	[QUEUE_SIZE_MAX] = { "QueueSizeMax", 0x034, R, 0 },
	[QUEUE_SIZE] = { "QueueSize", 0x038, W, 0 },
	[QUEUE_ALIGN] = { "QueueAlign", 0x03c, W, 1 },
	[QUEUE_PFN] = { "QueuePFN", 0x040, R | W, 1 },
	[QUEUE_READY] = { "QueueReady", 0x044, R | W, 2 },
	[QUEUE_NOTIFY] = { "QueueNotify", 0x050, W, 0 },
	[INTERRUPT_STATUS] = { "InterruptStatus", 0x060, R, 0 },
	[INTERRUPT_ACK] = { "InterruptACK", 0x064, W, 0 },
	[STATUS] = { "Status", 0x070, R | W, 0 },
	[QUEUE_DESC] = { "QueueDescLow", 0x080, W, 2 },
	[QUEUE_DESC_HIGH] = { "QueueDescHigh", 0x084, W, 2 },
	[QUEUE_DRIVER] = { "QueueDriverLow", 0x090, W, 2 },
	[QUEUE_DRIVER_HIGH] = { "QueueDriverHigh", 0x094, W, 2 },
	[QUEUE_DEVICE] = { "QueueDeviceLow", 0x0a0, W, 2 },
	[QUEUE_DEVICE_HIGH] = { "QueueDeviceHigh", 0x0a4, W, 2 },
	[QUEUE_RESET] = { "QueueReset", 0x0c0, R | W, 2 },
	[GENERATION] = { "ConfigGeneration", 0x0fc, R, 2 },
};

/* Bits of fake_mmio_queue.sent: the halves of the addresses, and the size. */
#define SENT_SIZE 0x40
#define SENT_ALL 0x7f

#define breach(fake, ...) \
	breach_note((fake)->breach, sizeof((fake)->breach), __VA_ARGS__)

static enum reg
reg_at(uint32_t offset)
{
	unsigned int i;

	for (i = 0; i < REGS; i++) {
		if (regs[i].offset == offset)
			break;
	}
	return (enum reg)i;
}

static bool
has(const struct fake_mmio *fake, uint64_t feature)
{
	return (fake->status & S_FEATURES_OK) && (fake->driver_features & feature);
}

static unsigned int
queues(const struct fake_mmio *fake)
{
	return fake->nb_queues + (has(fake, fake->more_features) ? fake->more_with_features : 0);
}

static struct fake_mmio_queue *
selected(struct fake_mmio *fake)
{
	return fake->select < queues(fake) ? &fake->queue[fake->select] : NULL;
}

/* As after a reset of the device or of the ring: 2.6.1.1.1, 4.2.2.1. */
static void
default_state(struct fake_mmio_queue *q)
{
	if (ring_device_breach(&q->ring)[0] == '\0')
		ring_device_close(&q->ring);
	q->size = 0;
	q->ready = q->is_used_before;
	q->reset = 0;
	q->align = 0;
	q->sent = 0;
	q->resetting = false;
}

/* One more read of a ring that is to be stopped. */
static void
ring_looked_at(struct fake_mmio_queue *q)
{
	if (!q->resetting)
		return;
	if (q->answer == FAKE_MMIO_OBEYS ||
	    ((q->answer == FAKE_MMIO_LATE || q->answer == FAKE_MMIO_HALF) &&
	     q->reads >= q->late_reads))
		default_state(q);
	q->reads++;
}

static void
stop_ring(struct fake_mmio *fake, struct fake_mmio_queue *q, bool by_reset)
{
	if (q->resetting)
		breach(fake, "ring %u: a stop requested during a stop", fake->select);
	if (q->answer == FAKE_MMIO_DEAF)
		return;
	if (q->answer == FAKE_MMIO_OBJECTS) {
		fake->status |= S_NEEDS_RESET;
		return;
	}
	q->resetting = true;
	q->reads = 0;
	q->reset = by_reset && q->answer != FAKE_MMIO_HALF;
}

static void
write_reset(struct fake_mmio *fake, struct fake_mmio_queue *q, uint32_t value)
{
	if (!has(fake, F_RING_RESET))
		breach(fake, "QueueReset written without the feature (4.2.2)");
	if (value != 1)
		breach(fake, "%u written to QueueReset", value);
	if (!q->ready)
		breach(fake, "QueueReset written for a ring that is not enabled");
	stop_ring(fake, q, true);
}

static void
open_ring(struct fake_mmio *fake, struct fake_mmio_queue *q, uint8_t *desc, uint8_t *driver,
	  uint8_t *device)
{
	if (!ring_device_area_is_zero(q->size, has(fake, F_PACKED), device))
		breach(fake, "ring %u enabled with a used area that is not zero", fake->select);
	ring_device_close(&q->ring);
	ring_device_open(&q->ring, q->size, has(fake, F_PACKED), desc, driver, device,
			 has(fake, F_EVENT_IDX));
}

static void
write_ready(struct fake_mmio *fake, struct fake_mmio_queue *q, uint32_t value)
{
	uint8_t *at[3];
	unsigned int i;

	if (value == 0) {
		if (fake->conf.stop != VIRTIO_MMIO_STOP_PROPOSAL)
			breach(fake, "0 written to QueueReady though nobody has asked for it");
		stop_ring(fake, q, false);
		return;
	}
	if (value != 1)
		breach(fake, "%u written to QueueReady", value);
	if (!(fake->status & S_FEATURES_OK))
		breach(fake, "ring %u enabled before FEATURES_OK (3.1.1)", fake->select);
	if (q->ready || q->resetting)
		breach(fake, "ring %u enabled though it is, or resets", fake->select);
	if (q->sent != SENT_ALL)
		breach(fake, "ring %u enabled before it was set up (4.2.3.2)", fake->select);
	if (q->sent != SENT_ALL || q->refuses_ready)
		return;
	for (i = 0; i < 3; i++)
		at[i] = (uint8_t *)(uintptr_t)(q->address[2 * i] |
					       (uint64_t)q->address[2 * i + 1] << 32);
	open_ring(fake, q, at[0], at[1], at[2]);
	q->ready = 1;
	q->reset = 0;
}

/* 2.7.2: the descriptors, the available ring, and at the alignment the used ring. */
static void
write_page(struct fake_mmio *fake, struct fake_mmio_queue *q, uint32_t value)
{
	uint8_t *avail, *used;

	if (fake->page_size != 4096)
		breach(fake, "QueuePFN written with a GuestPageSize of %u (4.2.4)",
		       fake->page_size);
	if (q->align != 4096 || q->size == 0)
		breach(fake, "QueuePFN written before QueueSize and QueueAlign (4.2.4)");
	if (value != FAKE_MMIO_PAGE(fake->select) || q->memory == NULL)
		breach(fake, "0x%x written to QueuePFN", value);
	else if (!q->refuses_ready) {
		avail = q->memory + 16 * q->size;
		used = avail + 4 + 2 * q->size + 2;
		used = (uint8_t *)(((uintptr_t)used + 4095) & ~(uintptr_t)4095);
		open_ring(fake, q, q->memory, avail, used);
		q->ready = value;
	}
}

static void
write_size(struct fake_mmio *fake, struct fake_mmio_queue *q, uint32_t value)
{
	if (value == 0 || value > q->max_size ||
	    (!has(fake, F_PACKED) && (value & (value - 1)) != 0))
		breach(fake, "%u written to QueueSize (4.2.2.2)", value);
	q->size = value;
	q->sent |= SENT_SIZE;
}

static void
write_queue(struct fake_mmio *fake, enum reg reg, uint32_t value)
{
	struct fake_mmio_queue *q = selected(fake);

	if (q == NULL) {
		breach(fake, "%s written with no ring %u", regs[reg].name, fake->select);
		return;
	}
	if (reg != QUEUE_READY && reg != QUEUE_RESET && q->ready)
		breach(fake, "%s of a ring in use written (4.2.2.2)", regs[reg].name);
	switch (reg) {
	case QUEUE_SIZE:
		write_size(fake, q, value);
		break;
	case QUEUE_ALIGN:
		q->align = value;
		break;
	case QUEUE_PFN:
		write_page(fake, q, value);
		break;
	case QUEUE_READY:
		write_ready(fake, q, value);
		break;
	case QUEUE_RESET:
		write_reset(fake, q, value);
		break;
	default:
		q->address[reg - QUEUE_DESC] = value;
		q->sent |= 1 << (reg - QUEUE_DESC);
		break;
	}
}

static void
device_is_reset(struct fake_mmio *fake)
{
	unsigned int i;

	for (i = 0; i < FAKE_MMIO_MAX_QUEUES; i++)
		default_state(&fake->queue[i]);
	fake->status = 0;
	fake->driver_features = 0;
	fake->device_select = -1;
	fake->driver_select = -1;
	fake->select = 0;
	fake->page_size = 0;
	fake->interrupts = 0;
	fake->resetting = false;
}

static void
write_status(struct fake_mmio *fake, uint32_t value)
{
	if (value == 0) {
		fake->resetting = true;
		fake->status_reads = 0;
		return;
	}
	if (fake->status & ~S_NEEDS_RESET & ~value)
		breach(fake, "a status bit was taken back without a reset (2.1.1)");
	fake->status = value | (fake->status & S_NEEDS_RESET);
	if (fake->refuses_features)
		fake->status &= ~S_FEATURES_OK;
}

static uint32_t
read_status(struct fake_mmio *fake)
{
	if (fake->resetting && !fake->never_resets && fake->resets_left != 0 &&
	    fake->status_reads++ >= fake->late_status) {
		fake->resets_left -= fake->resets_left > 0;
		device_is_reset(fake);
	}
	return fake->resetting && fake->status_during_reset != 0 ? fake->status_during_reset :
								   fake->status;
}

static void
write_features(struct fake_mmio *fake, uint32_t value)
{
	const int half = fake->driver_select;

	if (half != 0 && half != 1) {
		breach(fake, "DriverFeatures written without DriverFeaturesSel (4.2.2.2)");
		return;
	}
	if (fake->status & S_FEATURES_OK)
		breach(fake, "features written after FEATURES_OK (3.1.1)");
	if ((value & ~(uint32_t)(fake->features >> 32 * half)) != 0)
		breach(fake, "a feature was taken that is not offered (2.2.1)");
	fake->driver_features |= (uint64_t)value << 32 * half;
}

static void
notified(struct fake_mmio *fake, uint32_t value)
{
	const uint16_t index = value;
	struct fake_mmio_queue *q;

	if (index >= queues(fake) || (value > UINT16_MAX && !has(fake, F_NOTIFICATION_DATA))) {
		breach(fake, "0x%x written to QueueNotify", value);
		return;
	}
	q = &fake->queue[index];
	if (!(fake->status & S_DRIVER_OK) || !q->ready)
		breach(fake, "ring %u: notified while it is not running (3.1.1)", index);
	q->notified++;
	q->notification = value;
}

static void
write_register(struct fake_mmio *fake, enum reg reg, uint32_t value)
{
	if (fake->resetting && reg != STATUS)
		breach(fake, "%s written while the device resets itself", regs[reg].name);
	switch (reg) {
	case DEVICE_FEATURES_SEL:
		fake->device_select = value;
		break;
	case DRIVER_FEATURES_SEL:
		fake->driver_select = value;
		break;
	case DRIVER_FEATURES:
		write_features(fake, value);
		break;
	case GUEST_PAGE_SIZE:
		fake->page_size = value;
		break;
	case QUEUE_SEL:
		fake->select = value;
		break;
	case QUEUE_NOTIFY:
		notified(fake, value);
		break;
	case INTERRUPT_ACK:
		if (value == 0 || (value & ~3u) != 0)
			breach(fake, "0x%x written to InterruptACK (4.2.2.2)", value);
		fake->acknowledged |= value;
		fake->interrupts &= ~value;
		break;
	case STATUS:
		write_status(fake, value);
		break;
	default:
		write_queue(fake, reg, value);
		break;
	}
}

static uint32_t
read_queue(struct fake_mmio *fake, enum reg reg)
{
	struct fake_mmio_queue *q = selected(fake);

	if (q == NULL)
		return 0;
	switch (reg) {
	case QUEUE_SIZE_MAX:
		if (fake->version == 1 && q->ready)
			breach(fake, "QueueSizeMax of a ring in use read (4.2.4)");
		if (q->max_size_reads != 0 && --q->max_size_reads == 0) {
			const uint32_t last = q->max_size;

			q->max_size = 0;
			return last;
		}
		return q->max_size;
	case QUEUE_RESET:
		if (q->answer != FAKE_MMIO_HALF)
			ring_looked_at(q);
		return q->reset;
	default:
		if (fake->conf.stop == VIRTIO_MMIO_STOP_PROPOSAL || q->answer == FAKE_MMIO_HALF)
			ring_looked_at(q);
		return q->ready_reads_zero ? 0 : q->ready;
	}
}

static uint32_t
read_register(struct fake_mmio *fake, enum reg reg)
{
	const int half = fake->device_select;

	switch (reg) {
	case MAGIC:
		return fake->magic;
	case VERSION:
		return fake->version;
	case DEVICE_ID:
		return fake->device_id;
	case VENDOR_ID:
		return fake->vendor_id;
	case DEVICE_FEATURES:
		if (half < 0)
			breach(fake, "DeviceFeatures read without DeviceFeaturesSel (4.2.2.2)");
		return half == 0 || half == 1 ? fake->features >> 32 * half : 0;
	case INTERRUPT_STATUS:
		return fake->interrupts;
	case STATUS:
		return read_status(fake);
	case GENERATION:
		return fake->generation;
	default:
		return read_queue(fake, reg);
	}
}

/* Whether such an access may be; notes it. */
static bool
accessed(struct fake_mmio *fake, bool write, uint32_t offset, unsigned int width, uint32_t value)
{
	const enum reg reg = reg_at(offset);

	if (fake->nb_record < FAKE_MMIO_MAX_RECORD)
		fake->record[fake->nb_record++] = (struct fake_mmio_access){
			write, width, offset, value
		};
	if (fake->gone_after >= 0 && fake->gone_after-- == 0)
		fake->gone = true;
	if (offset >= CONFIG) {
		if (offset + (uint64_t)width <= fake->conf.length &&
		    (width == 1 || ((width == 2 || width == 4) && offset % width == 0)))
			return true;
		breach(fake, "%u bytes of the configuration accessed at byte %u (4.2.2.2)", width,
		       offset);
		return false;
	}
	if (reg == REGS || width != 4) {
		breach(fake, "%u bytes accessed at 0x%03x (4.2.2.2)", width, offset);
		return false;
	}
	if (!(regs[reg].direction & (write ? W : R)) ||
	    (regs[reg].version != 0 && regs[reg].version != fake->version)) {
		breach(fake, "%s is not for the driver to %s (4.2.2.2)", regs[reg].name,
		       write ? "write" : "read");
		return false;
	}
	if (fake->device_id == 0 && reg > DEVICE_ID)
		breach(fake, "%s of no device accessed (4.2.3.1.1)", regs[reg].name);
	return true;
}

static uint32_t
fake_read(void *arg, uint32_t offset, unsigned int width)
{
	struct fake_mmio *fake = arg;
	uint32_t value = 0;

	if (!accessed(fake, false, offset, width, 0) || fake->gone) {
		value = UINT32_MAX >> 8 * (4 - RTE_MIN(width, 4u));
	} else if (offset < CONFIG) {
		value = read_register(fake, reg_at(offset));
	} else {
		memcpy(&value, fake->config + (offset - CONFIG), width);
		if (fake->config_changes > 0) {
			fake->config_changes--;
			fake->generation++;
			fake->config[0]++;
		}
	}
	if (fake->nb_record < FAKE_MMIO_MAX_RECORD)
		fake->record[fake->nb_record - 1].value = value;
	return value;
}

static void
fake_write(void *arg, uint32_t offset, unsigned int width, uint32_t value)
{
	struct fake_mmio *fake = arg;

	if (!accessed(fake, true, offset, width, value) || fake->gone)
		return;
	if (offset < CONFIG)
		write_register(fake, reg_at(offset), value);
	else
		memcpy(fake->config + (offset - CONFIG), &value, width);
}

struct fake_mmio *
fake_mmio_create(uint32_t version, uint16_t nb_queues)
{
	struct fake_mmio *fake = calloc(1, sizeof(*fake));
	unsigned int i;

	fake->magic = 0x74726976;
	fake->version = version;
	fake->device_id = 1;
	fake->vendor_id = 0x1234;
	fake->nb_queues = nb_queues;
	fake->features = version == 1 ? F_INDIRECT :
		F_VERSION_1 | F_RING_RESET | F_INDIRECT | F_EVENT_IDX | F_PACKED;
	fake->gone_after = -1;
	fake->resets_left = -1;
	fake->hooks = (struct virtio_mmio_hooks){ fake_read, fake_write, fake };
	fake->conf = (struct virtio_mmio_conf){
		.length = CONFIG + FAKE_MMIO_CONFIG_SIZE,
		.device_id = 1,
		.hooks = &fake->hooks,
		.node = -1,
	};
	for (i = 0; i < FAKE_MMIO_MAX_QUEUES; i++)
		fake->queue[i].max_size = version == 1 ? 64 : 32768;
	device_is_reset(fake);
	/* What an earlier driver may have left. */
	fake->status = 0x0f;
	return fake;
}

int
fake_mmio_open(struct fake_mmio *fake, enum virtio_mmio_stop_policy policy)
{
	int ret;

	fake->conf.stop = policy;
	ret = virtio_mmio_create(&fake->dev, "fake", &fake->conf);
	fake->opened = ret == 0;
	return ret;
}

void
fake_mmio_check(const struct fake_mmio *fake)
{
	unsigned int i;

	if (fake->breach[0] != '\0')
		test_fail(__FILE__, __LINE__, "the driver broke a rule: %s", fake->breach);
	for (i = 0; i < FAKE_MMIO_MAX_QUEUES; i++) {
		if (ring_device_breach(&fake->queue[i].ring)[0] != '\0')
			test_fail(__FILE__, __LINE__, "the driver broke a rule: ring %u: %s", i,
				  ring_device_breach(&fake->queue[i].ring));
	}
}

void
fake_mmio_destroy(struct fake_mmio *fake)
{
	unsigned int i;

	fake_mmio_check(fake);
	if (fake->opened)
		virtio_mmio_destroy(&fake->dev);
	for (i = 0; i < FAKE_MMIO_MAX_QUEUES; i++)
		ring_device_close(&fake->queue[i].ring);
	free(fake);
}

void
fake_mmio_run(struct fake_mmio *fake, bool packed, struct virtqueue *const *vqs, unsigned int n)
{
	CHECK_EQ(virtio_device_negotiate(&fake->dev, packed ? UINT64_MAX : ~F_PACKED), 0);
	CHECK_EQ(virtio_device_start(&fake->dev, vqs, n), 0);
}

void
fake_mmio_answer_now(struct fake_mmio *fake, uint16_t index)
{
	fake->queue[index].answer = FAKE_MMIO_OBEYS;
}

struct ring_device *
fake_mmio_ring(struct fake_mmio *fake, uint16_t index)
{
	CHECK(fake->queue[index].ready);
	return &fake->queue[index].ring;
}

void
fake_mmio_forget_record(struct fake_mmio *fake)
{
	fake->nb_record = 0;
}

const char *
fake_mmio_recorded(const struct fake_mmio *fake)
{
	static char text[FAKE_MMIO_MAX_RECORD * 40];
	size_t n = 0;
	unsigned int i;

	text[0] = '\0';
	for (i = 0; i < fake->nb_record; i++) {
		const struct fake_mmio_access *a = &fake->record[i];
		const char op = a->write ? '=' : ':';
		const enum reg reg = reg_at(a->offset);

		if (i > 0)
			n += snprintf(text + n, sizeof(text) - n, ", ");
		if (a->offset >= CONFIG)
			n += snprintf(text + n, sizeof(text) - n, "config+%u/%u%c%u",
				      a->offset - CONFIG, a->width, op, a->value);
		else if (reg == REGS)
			n += snprintf(text + n, sizeof(text) - n, "0x%03x", a->offset);
		else if ((reg >= QUEUE_DESC && reg <= QUEUE_DEVICE_HIGH) || reg == QUEUE_PFN)
			n += snprintf(text + n, sizeof(text) - n, "%s%s", regs[reg].name,
				      a->write ? "" : ":");
		else
			n += snprintf(text + n, sizeof(text) - n, "%s%c%" PRIu32, regs[reg].name,
				      op, a->value);
	}
	return text;
}

void
fake_mmio_check_recorded(struct fake_mmio *fake, const char *wanted)
{
	if (strcmp(fake_mmio_recorded(fake), wanted) != 0)
		test_fail(__FILE__, __LINE__, "the device saw \"%s\", not \"%s\"",
			  fake_mmio_recorded(fake), wanted);
	fake_mmio_forget_record(fake);
}

static unsigned int
count(const struct fake_mmio *fake, const char *reg, bool write)
{
	unsigned int n = 0;
	unsigned int i;

	for (i = 0; i < fake->nb_record; i++) {
		const struct fake_mmio_access *a = &fake->record[i];
		const enum reg at = reg_at(a->offset);

		n += a->write == write && at != REGS && strcmp(regs[at].name, reg) == 0;
	}
	return n;
}

unsigned int
fake_mmio_writes(const struct fake_mmio *fake, const char *reg)
{
	return count(fake, reg, true);
}

unsigned int
fake_mmio_reads(const struct fake_mmio *fake, const char *reg)
{
	return count(fake, reg, false);
}
