/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef FAKE_MMIO_DEVICE_H
#define FAKE_MMIO_DEVICE_H

/**
 * @file
 * The registers of a virtio-mmio device behind the transport's hooks, of version 1 or 2, written
 * from section 4.2 of the specification and from nothing of lib/virtio: it shares no offset with
 * it.
 *
 * It records every access, and notes the first breach of the rules by the driver: a register
 * accessed by another width or in the wrong direction, one that the version does not have, a ring
 * enabled before it was set up, registers of a ring in use, a device touched while it resets
 * itself.
 *
 * Time: nothing here waits for a clock. Late is late by a number of reads of the register that
 * shows the result.
 */

#include "ring_device.h"
#include "transport_mmio.h"
#include "virtqueue.h"

#define FAKE_MMIO_MAX_QUEUES 8
#define FAKE_MMIO_MAX_RECORD 4096
#define FAKE_MMIO_CONFIG_SIZE 64

/** Where a legacy device finds the memory of a ring: its register cannot hold every address. */
#define FAKE_MMIO_PAGE(i) (0x10000u + (i) * 0x100u)

/** What the device does when a ring is to be stopped. */
enum fake_mmio_answer {
	FAKE_MMIO_OBEYS,
	FAKE_MMIO_LATE,  /**< after so many reads */
	FAKE_MMIO_NEVER, /**< QueueReset reads 1 until fake_mmio_answer_now() */
	FAKE_MMIO_DEAF,  /**< the write has no effect: QueueReset reads 0, QueueReady 1 */
	FAKE_MMIO_HALF,  /**< QueueReset reads 0 at once, QueueReady does as with FAKE_MMIO_LATE */
	FAKE_MMIO_OBJECTS, /**< takes it for an error: NEEDS_RESET */
};

struct fake_mmio_queue {
	uint32_t max_size;
	unsigned int max_size_reads; /**< reads of it until it is 0; 0: it stays */
	uint32_t size;
	uint32_t ready;           /**< version 1: the page */
	uint32_t reset;
	uint32_t align;
	uint32_t address[6];      /**< low and high halves of the three */
	uint8_t sent;             /**< a bit each, since the ring's reset; size is the 7th */
	bool resetting;
	unsigned int reads;       /**< of the register that shows it, since the request */
	enum fake_mmio_answer answer;
	unsigned int late_reads;
	bool refuses_ready;
	bool is_used_before;      /**< QueueReady reads 1 before the driver has written it */
	bool ready_reads_zero;    /**< the register reads 0 whatever was written */
	uint8_t *memory;          /**< version 1: what is at its page */
	unsigned int notified;
	uint32_t notification;    /**< the last one's value */
	struct ring_device ring;
};

struct fake_mmio_access {
	bool write;
	uint8_t width;
	uint32_t offset;
	uint32_t value;
};

struct fake_mmio {
	struct virtio_device dev; /**< what the transport makes of it */
	bool opened;
	struct virtio_mmio_hooks hooks;
	struct virtio_mmio_conf conf;
	uint32_t magic;
	uint32_t version;
	uint32_t device_id;
	uint32_t vendor_id;
	uint64_t features;
	uint64_t driver_features;
	int device_select;        /**< -1: not written yet */
	int driver_select;
	uint32_t page_size;       /**< version 1 */
	uint16_t nb_queues;
	uint16_t more_with_features; /**< so many more rings if more_features are in force */
	uint64_t more_features;
	uint32_t select;
	uint32_t status;
	uint32_t interrupts;
	uint32_t acknowledged;
	uint32_t generation;
	uint8_t config[FAKE_MMIO_CONFIG_SIZE];
	unsigned int config_changes; /**< reads of the configuration after which it has changed */
	bool resetting;
	bool never_resets;
	int resets_left;             /**< device resets until it does not any more; negative: all */
	unsigned int late_status;    /**< reads of the status until a device reset is done */
	unsigned int status_reads;
	uint32_t status_during_reset; /**< what Status reads meanwhile, where not 0 */
	bool refuses_features;
	bool gone;                   /**< all ones */
	int gone_after;              /**< accesses until it is; negative: never */
	struct fake_mmio_queue queue[FAKE_MMIO_MAX_QUEUES];
	struct fake_mmio_access record[FAKE_MMIO_MAX_RECORD];
	unsigned int nb_record;
	char breach[160];            /**< empty: none */
};

/**
 * A network device of this version. Version 2 has VERSION_1, RING_RESET, INDIRECT_DESC, EVENT_IDX
 * and RING_PACKED, version 1 INDIRECT_DESC. To be changed at will before fake_mmio_open().
 */
struct fake_mmio *fake_mmio_create(uint32_t version, uint16_t nb_queues);

/** virtio_mmio_create() on it. */
int fake_mmio_open(struct fake_mmio *fake, enum virtio_mmio_stop_policy policy);

/** Ends the case where the driver broke a rule. */
void fake_mmio_check(const struct fake_mmio *fake);
/** The device must have been reset, if it was opened. */
void fake_mmio_destroy(struct fake_mmio *fake);

/** Negotiates all but the layout that is not wanted, and starts with these rings. */
void fake_mmio_run(struct fake_mmio *fake, bool packed, struct virtqueue *const *vqs,
		   unsigned int n);

/** A stop that has not ended has ended when the driver looks next. */
void fake_mmio_answer_now(struct fake_mmio *fake, uint16_t index);

/** The device's view of a ring that it may touch. */
struct ring_device *fake_mmio_ring(struct fake_mmio *fake, uint16_t index);

void fake_mmio_forget_record(struct fake_mmio *fake);
/**
 * The record as text, valid until the next call: "QueueSel=1, QueueSize=256, QueueReady:0" is two
 * writes and a read. Addresses and pages are noted without their values.
 */
const char *fake_mmio_recorded(const struct fake_mmio *fake);
/** Ends the case unless the record since it was forgotten is this; forgets it. */
void fake_mmio_check_recorded(struct fake_mmio *fake, const char *wanted);
/** Accesses of a register, by its name in the record: "QueueReset". */
unsigned int fake_mmio_writes(const struct fake_mmio *fake, const char *reg);
unsigned int fake_mmio_reads(const struct fake_mmio *fake, const char *reg);

#endif /* FAKE_MMIO_DEVICE_H */
