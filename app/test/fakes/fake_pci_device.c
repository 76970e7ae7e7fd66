/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>

#include "breach.h"
#include "fake_pci_device.h"
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

#define MULTIPLIER 4

/* The fields of 4.1.4.3, by number. */
enum reg {
	DEVICE_FEATURE_SELECT, DEVICE_FEATURE, DRIVER_FEATURE_SELECT, DRIVER_FEATURE,
	CONFIG_VECTOR, NUM_QUEUES, STATUS, GENERATION, QUEUE_SELECT, QUEUE_SIZE, QUEUE_VECTOR,
	QUEUE_ENABLE, QUEUE_NOTIFY_OFF, QUEUE_DESC, QUEUE_DESC_HIGH, QUEUE_DRIVER,
	QUEUE_DRIVER_HIGH, QUEUE_DEVICE, QUEUE_DEVICE_HIGH, QUEUE_NOTIFY_DATA, QUEUE_RESET,
	REGS
};

static const struct {
	const char *name;
	uint8_t offset;
	uint8_t width;
	bool writable;
} regs[REGS] = {
	[DEVICE_FEATURE_SELECT] = { "device_feature_select", 0, 4, true },
	[DEVICE_FEATURE] = { "device_feature", 4, 4, false },
	[DRIVER_FEATURE_SELECT] = { "driver_feature_select", 8, 4, true },
	[DRIVER_FEATURE] = { "driver_feature", 12, 4, true },
	[CONFIG_VECTOR] = { "config_msix_vector", 16, 2, true },
	[NUM_QUEUES] = { "num_queues", 18, 2, false },
	[STATUS] = { "device_status", 20, 1, true },
	[GENERATION] = { "config_generation", 21, 1, false },
	[QUEUE_SELECT] = { "queue_select", 22, 2, true },
	[QUEUE_SIZE] = { "queue_size", 24, 2, true },
	[QUEUE_VECTOR] = { "queue_msix_vector", 26, 2, true },
	[QUEUE_ENABLE] = { "queue_enable", 28, 2, true },
	[QUEUE_NOTIFY_OFF] = { "queue_notify_off", 30, 2, false },
	[QUEUE_DESC] = { "queue_desc", 32, 4, true },
	[QUEUE_DESC_HIGH] = { "queue_desc+4", 36, 4, true },
	[QUEUE_DRIVER] = { "queue_driver", 40, 4, true },
	[QUEUE_DRIVER_HIGH] = { "queue_driver+4", 44, 4, true },
	[QUEUE_DEVICE] = { "queue_device", 48, 4, true },
	[QUEUE_DEVICE_HIGH] = { "queue_device+4", 52, 4, true },
	[QUEUE_NOTIFY_DATA] = { "queue_notify_data", 56, 2, false },
	[QUEUE_RESET] = { "queue_reset", 58, 2, true },
};

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
has(const struct fake_pci *fake, uint64_t feature)
{
	return (fake->status & S_FEATURES_OK) && (fake->driver_features & feature);
}

static struct fake_pci_queue *
selected(struct fake_pci *fake)
{
	return fake->select < fake->nb_queues ? &fake->queue[fake->select] : NULL;
}

/* As after a reset of the device or of the ring: 4.1.4.3.1, 2.6.1.1.1. */
static void
default_state(struct fake_pci_queue *q)
{
	if (ring_device_breach(&q->ring)[0] == '\0')
		ring_device_close(&q->ring);
	q->size = q->max_size;
	q->vector = 0xffff;
	q->enable = 0;
	q->reset = 0;
	q->address_sent = 0;
	q->resetting = false;
}

static void
ring_is_reset(struct fake_pci *fake, struct fake_pci_queue *q)
{
	default_state(q);
	if (fake->revision == FAKE_PCI_B)
		q->reset = 1;
}

/* One more read of a ring whose stop was requested. */
static void
ring_looked_at(struct fake_pci *fake, struct fake_pci_queue *q)
{
	if (!q->resetting)
		return;
	if (q->answer == FAKE_PCI_OBEYS ||
	    ((q->answer == FAKE_PCI_LATE || q->answer == FAKE_PCI_HALF) &&
	     q->reads >= q->late_reads))
		ring_is_reset(fake, q);
	q->reads++;
}

static void
ask_ring(struct fake_pci *fake, struct fake_pci_queue *q)
{
	if (q->resetting)
		breach(fake, "ring %u: reset requested during a reset", fake->select);
	if (q->answer == FAKE_PCI_DEAF)
		return;
	if (q->answer == FAKE_PCI_OBJECTS) {
		fake->status |= S_NEEDS_RESET;
		return;
	}
	q->resetting = true;
	q->reads = 0;
	q->reset = fake->revision != FAKE_PCI_A && q->answer != FAKE_PCI_HALF;
}

static void
write_reset(struct fake_pci *fake, struct fake_pci_queue *q, uint32_t value)
{
	if (!has(fake, F_RING_RESET))
		breach(fake, "queue_reset written without the feature (4.1.4.3.2)");
	if (fake->revision == FAKE_PCI_A)
		breach(fake, "queue_reset written, which the device has not");
	if (value != 1)
		breach(fake, "%u written to queue_reset", value);
	ask_ring(fake, q);
}

static void
write_enable(struct fake_pci *fake, struct fake_pci_queue *q, uint32_t value)
{
	uint8_t *at[3];
	unsigned int i;

	if (value == 0) {
		if (!has(fake, F_RING_RESET) ||
		    (fake->revision != FAKE_PCI_A && q->answer != FAKE_PCI_OBJECTS))
			breach(fake, "0 written to queue_enable (4.1.4.3.2)");
		ask_ring(fake, q);
		return;
	}
	if (value != 1)
		breach(fake, "%u written to queue_enable", value);
	if (!(fake->status & S_FEATURES_OK))
		breach(fake, "ring %u enabled before FEATURES_OK (3.1.1)", fake->select);
	if (q->enable || q->resetting)
		breach(fake, "ring %u enabled though it is, or resets", fake->select);
	if (q->address_sent != 0x3f)
		breach(fake, "ring %u enabled before it was set up (4.1.4.3.2)", fake->select);
	if (q->address_sent != 0x3f || q->refuses_enable)
		return;
	for (i = 0; i < 3; i++)
		at[i] = (uint8_t *)(uintptr_t)(q->address[2 * i] |
					       (uint64_t)q->address[2 * i + 1] << 32);
	if (!ring_device_area_is_zero(q->size, has(fake, F_PACKED), at[2]))
		breach(fake, "ring %u enabled with a used area that is not zero", fake->select);
	ring_device_close(&q->ring);
	ring_device_open(&q->ring, q->size, has(fake, F_PACKED), at[0], at[1], at[2],
			 has(fake, F_EVENT_IDX));
	q->enable = 1;
	q->reset = 0;
}

static void
write_queue(struct fake_pci *fake, enum reg reg, uint32_t value)
{
	struct fake_pci_queue *q = selected(fake);

	if (q == NULL) {
		breach(fake, "%s written with no ring %u", regs[reg].name, fake->select);
		return;
	}
	if (reg != QUEUE_ENABLE && reg != QUEUE_RESET && q->enable)
		breach(fake, "%s of a running ring written", regs[reg].name);
	switch (reg) {
	case QUEUE_SIZE:
		if (value == 0 || (!has(fake, F_PACKED) && (value & (value - 1)) != 0))
			breach(fake, "%u written to queue_size (4.1.4.3.2)", value);
		if (!q->keeps_size && value <= q->max_size)
			q->size = value;
		break;
	case QUEUE_VECTOR:
		q->vector = q->refuses_vector ? 0xffff : value;
		break;
	case QUEUE_ENABLE:
		write_enable(fake, q, value);
		break;
	case QUEUE_RESET:
		write_reset(fake, q, value);
		break;
	default:
		q->address[reg - QUEUE_DESC] = value;
		q->address_sent |= 1 << (reg - QUEUE_DESC);
		break;
	}
}

static void
device_is_reset(struct fake_pci *fake)
{
	unsigned int i;

	for (i = 0; i < fake->nb_queues; i++)
		default_state(&fake->queue[i]);
	fake->status = 0;
	fake->driver_features = 0;
	fake->device_select = 0;
	fake->driver_select = 0;
	fake->select = 0;
	fake->config_vector = 0xffff;
	fake->resetting = false;
}

static void
status_looked_at(struct fake_pci *fake)
{
	if (fake->resetting && !fake->never_resets && fake->status_reads++ >= fake->late_status)
		device_is_reset(fake);
}

static void
write_status(struct fake_pci *fake, uint32_t value)
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
	if (fake->fails_when_run && (value & S_DRIVER_OK))
		fake->status |= S_NEEDS_RESET;
}

static void
write_common(struct fake_pci *fake, enum reg reg, uint32_t value)
{
	if (!regs[reg].writable) {
		breach(fake, "%s is not the driver's to write (4.1.4.3.2)", regs[reg].name);
		return;
	}
	if (fake->resetting && reg != STATUS)
		breach(fake, "%s written while the device resets itself (4.1.4.3.2)",
		       regs[reg].name);
	switch (reg) {
	case DEVICE_FEATURE_SELECT:
		fake->device_select = value;
		break;
	case DRIVER_FEATURE_SELECT:
		fake->driver_select = value;
		break;
	case DRIVER_FEATURE:
		if (fake->status & S_FEATURES_OK)
			breach(fake, "features written after FEATURES_OK (3.1.1)");
		if (fake->driver_select < 2 &&
		    (value & ~(uint32_t)(fake->features >> 32 * fake->driver_select)) != 0)
			breach(fake, "a feature was taken that is not offered (2.2.1)");
		if (fake->driver_select < 2)
			fake->driver_features |= (uint64_t)value << 32 * fake->driver_select;
		break;
	case CONFIG_VECTOR:
		fake->config_vector = fake->refuses_config_vector ? 0xffff : value;
		break;
	case STATUS:
		write_status(fake, value);
		break;
	case QUEUE_SELECT:
		fake->select = value;
		break;
	default:
		write_queue(fake, reg, value);
		break;
	}
}

static uint32_t
read_queue(struct fake_pci *fake, enum reg reg)
{
	struct fake_pci_queue *q = selected(fake);

	if (q == NULL)
		return 0;
	switch (reg) {
	case QUEUE_SIZE:
		return q->size;
	case QUEUE_VECTOR:
		return q->vector;
	case QUEUE_ENABLE:
		if (fake->revision == FAKE_PCI_A || q->answer == FAKE_PCI_HALF)
			ring_looked_at(fake, q);
		return q->enable;
	case QUEUE_NOTIFY_OFF:
		return q->notify_off;
	case QUEUE_NOTIFY_DATA:
		return 0;
	case QUEUE_RESET:
		if (q->answer != FAKE_PCI_HALF)
			ring_looked_at(fake, q);
		return q->reset;
	default:
		return q->address[reg - QUEUE_DESC];
	}
}

static uint32_t
read_common(struct fake_pci *fake, enum reg reg)
{
	switch (reg) {
	case DEVICE_FEATURE_SELECT:
		return fake->device_select;
	case DEVICE_FEATURE:
		return fake->device_select < 2 ? fake->features >> 32 * fake->device_select : 0;
	case DRIVER_FEATURE_SELECT:
		return fake->driver_select;
	case DRIVER_FEATURE:
		return fake->driver_select < 2 ? fake->driver_features >> 32 * fake->driver_select :
						 0;
	case CONFIG_VECTOR:
		return fake->config_vector;
	case NUM_QUEUES:
		return fake->nb_queues;
	case STATUS:
		status_looked_at(fake);
		return fake->status;
	case GENERATION:
		return fake->generation;
	case QUEUE_SELECT:
		return fake->select;
	default:
		return read_queue(fake, reg);
	}
}

/* A packed ring's or a split ring's next place, 2.9; where the driver is as it tells. */
static void
notified(struct fake_pci *fake, uint32_t offset, unsigned int width, uint32_t value)
{
	const uint16_t index = value;
	struct fake_pci_queue *q;

	if (width != (has(fake, F_NOTIFICATION_DATA) ? 4 : 2))
		breach(fake, "notification of %u bytes (4.1.5.2)", width);
	if (index >= fake->nb_queues) {
		breach(fake, "notification of ring %u", index);
		return;
	}
	q = &fake->queue[index];
	if (offset != (uint32_t)q->notify_off * fake->conf.notify_multiplier)
		breach(fake, "ring %u: doorbell at byte %u (4.1.4.4)", index, offset);
	if (!(fake->status & S_DRIVER_OK) || !q->enable)
		breach(fake, "ring %u: notified while it is not running (3.1.1)", index);
	q->notified++;
	q->notification = value;
}

/* Whether such an access may be; notes it. */
static bool
accessed(struct fake_pci *fake, enum virtio_pci_region region, bool write, uint32_t offset,
	 unsigned int width, uint32_t value)
{
	if (fake->nb_record < FAKE_PCI_MAX_RECORD)
		fake->record[fake->nb_record++] = (struct fake_pci_access){
			region, write, width, offset, value
		};
	if (fake->gone_after >= 0 && fake->gone_after-- == 0)
		fake->gone = true;
	if (width != 1 && width != 2 && width != 4) {
		breach(fake, "an access of %u bytes", width);
		return false;
	}
	if ((uint64_t)offset + width > fake->conf.window[region].length) {
		breach(fake, "access beyond window %u, at byte %u", region, offset);
		return false;
	}
	if (region != VIRTIO_PCI_COMMON)
		return true;
	if (reg_at(offset) == REGS || regs[reg_at(offset)].width != width) {
		breach(fake, "%u bytes accessed at byte %u of the common configuration (4.1.3.1)",
		       width, offset);
		return false;
	}
	return true;
}

static uint32_t
fake_read(void *arg, enum virtio_pci_region region, uint32_t offset, unsigned int width)
{
	struct fake_pci *fake = arg;
	uint32_t value = 0;

	if (!accessed(fake, region, false, offset, width, 0) || fake->gone) {
		value = UINT32_MAX >> 8 * (4 - RTE_MIN(width, 4u));
	} else if (region == VIRTIO_PCI_COMMON) {
		value = read_common(fake, reg_at(offset));
	} else if (region == VIRTIO_PCI_ISR) {
		value = fake->isr;
		fake->isr = 0;
	} else if (region == VIRTIO_PCI_DEVICE) {
		memcpy(&value, fake->config + offset, width);
		if (fake->config_changes > 0) {
			fake->config_changes--;
			fake->generation++;
			fake->config[0]++;
		}
	} else {
		breach(fake, "the notification window is read");
	}
	if (fake->nb_record < FAKE_PCI_MAX_RECORD)
		fake->record[fake->nb_record - 1].value = value;
	return value;
}

static void
fake_write(void *arg, enum virtio_pci_region region, uint32_t offset, unsigned int width,
	   uint32_t value)
{
	struct fake_pci *fake = arg;

	if (!accessed(fake, region, true, offset, width, value) || fake->gone)
		return;
	switch (region) {
	case VIRTIO_PCI_COMMON:
		write_common(fake, reg_at(offset), value);
		break;
	case VIRTIO_PCI_NOTIFY:
		notified(fake, offset, width, value);
		break;
	case VIRTIO_PCI_DEVICE:
		memcpy(fake->config + offset, &value, width);
		break;
	default:
		breach(fake, "the ISR status is written");
		break;
	}
}

struct fake_pci *
fake_pci_create(enum fake_pci_revision revision, uint16_t nb_queues)
{
	struct fake_pci *fake = calloc(1, sizeof(*fake));
	unsigned int i;

	fake->revision = revision;
	fake->nb_queues = nb_queues;
	fake->features = F_VERSION_1 | F_RING_RESET | F_INDIRECT | F_EVENT_IDX | F_PACKED;
	fake->gone_after = -1;
	fake->hooks = (struct virtio_pci_hooks){ fake_read, fake_write, fake };
	fake->conf = (struct virtio_pci_conf){
		.window = {
			[VIRTIO_PCI_COMMON] = { .length = revision == FAKE_PCI_A ? 56 : 60 },
			[VIRTIO_PCI_NOTIFY] = { .length = MULTIPLIER * nb_queues },
			[VIRTIO_PCI_ISR] = { .length = 1 },
			[VIRTIO_PCI_DEVICE] = { .length = FAKE_PCI_CONFIG_SIZE },
		},
		.notify_multiplier = MULTIPLIER,
		.hooks = &fake->hooks,
	};
	for (i = 0; i < FAKE_PCI_MAX_QUEUES; i++) {
		/* Not as the rings are numbered, so that one is not taken for the other. */
		fake->queue[i].notify_off = nb_queues - 1 - i;
		fake->queue[i].max_size = 32768;
	}
	device_is_reset(fake);
	/* What an earlier driver may have left. */
	fake->status = 0x0f;
	return fake;
}

int
fake_pci_open(struct fake_pci *fake, enum virtio_pci_stop_policy policy)
{
	int ret;

	fake->conf.stop = policy;
	ret = virtio_pci_modern_create(&fake->dev, "fake", &fake->conf);
	fake->met = ret == 0;
	return ret;
}

void
fake_pci_check(const struct fake_pci *fake)
{
	unsigned int i;

	if (fake->breach[0] != '\0')
		test_fail(__FILE__, __LINE__, "the driver broke a rule: %s", fake->breach);
	for (i = 0; i < fake->nb_queues; i++) {
		if (ring_device_breach(&fake->queue[i].ring)[0] != '\0')
			test_fail(__FILE__, __LINE__, "the driver broke a rule: ring %u: %s", i,
				  ring_device_breach(&fake->queue[i].ring));
	}
}

void
fake_pci_destroy(struct fake_pci *fake)
{
	unsigned int i;

	fake_pci_check(fake);
	if (fake->met)
		virtio_pci_modern_destroy(&fake->dev);
	for (i = 0; i < fake->nb_queues; i++)
		ring_device_close(&fake->queue[i].ring);
	free(fake);
}

void
fake_pci_run(struct fake_pci *fake, bool packed, struct virtqueue *const *vqs, unsigned int n)
{
	CHECK_EQ(virtio_device_negotiate(&fake->dev, packed ? UINT64_MAX : ~F_PACKED), 0);
	CHECK_EQ(virtio_device_start(&fake->dev, vqs, n), 0);
}

void
fake_pci_answer_now(struct fake_pci *fake, uint16_t index)
{
	fake->queue[index].answer = FAKE_PCI_OBEYS;
	fake->never_resets = false;
}

struct ring_device *
fake_pci_ring(struct fake_pci *fake, uint16_t index)
{
	CHECK(fake->queue[index].enable);
	return &fake->queue[index].ring;
}

void
fake_pci_forget_record(struct fake_pci *fake)
{
	fake->nb_record = 0;
}

const char *
fake_pci_recorded(const struct fake_pci *fake)
{
	static char text[FAKE_PCI_MAX_RECORD * 40];
	size_t n = 0;
	unsigned int i;

	text[0] = '\0';
	for (i = 0; i < fake->nb_record; i++) {
		const struct fake_pci_access *a = &fake->record[i];
		const char op = a->write ? '=' : ':';
		const enum reg reg = reg_at(a->offset);

		if (i > 0)
			n += snprintf(text + n, sizeof(text) - n, ", ");
		if (a->region == VIRTIO_PCI_NOTIFY)
			n += snprintf(text + n, sizeof(text) - n, "notify+%u=%u", a->offset,
				      a->value);
		else if (a->region == VIRTIO_PCI_ISR)
			n += snprintf(text + n, sizeof(text) - n, "isr%c%u", op, a->value);
		else if (a->region == VIRTIO_PCI_DEVICE)
			n += snprintf(text + n, sizeof(text) - n, "config+%u/%u%c%u", a->offset,
				      a->width, op, a->value);
		else if (reg == REGS)
			n += snprintf(text + n, sizeof(text) - n, "common+%u", a->offset);
		else if (reg >= QUEUE_DESC && reg <= QUEUE_DEVICE_HIGH)
			n += snprintf(text + n, sizeof(text) - n, "%s", regs[reg].name);
		else
			n += snprintf(text + n, sizeof(text) - n, "%s%c%" PRIu32, regs[reg].name,
				      op, a->value);
	}
	return text;
}

void
fake_pci_check_recorded(struct fake_pci *fake, const char *wanted)
{
	if (strcmp(fake_pci_recorded(fake), wanted) != 0)
		test_fail(__FILE__, __LINE__, "the device saw \"%s\", not \"%s\"",
			  fake_pci_recorded(fake), wanted);
	fake_pci_forget_record(fake);
}

static unsigned int
count(const struct fake_pci *fake, const char *reg, bool write)
{
	unsigned int n = 0;
	unsigned int i;

	for (i = 0; i < fake->nb_record; i++) {
		const struct fake_pci_access *a = &fake->record[i];
		const enum reg at = reg_at(a->offset);

		n += a->region == VIRTIO_PCI_COMMON && a->write == write && at != REGS &&
		     strcmp(regs[at].name, reg) == 0;
	}
	return n;
}

unsigned int
fake_pci_writes(const struct fake_pci *fake, const char *reg)
{
	return count(fake, reg, true);
}

unsigned int
fake_pci_reads(const struct fake_pci *fake, const char *reg)
{
	return count(fake, reg, false);
}
