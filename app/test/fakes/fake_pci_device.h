/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef FAKE_PCI_DEVICE_H
#define FAKE_PCI_DEVICE_H

/**
 * @file
 * The registers of a virtio-pci device behind the transport's hooks, written from section 4.1 of
 * the specification and from nothing of lib/virtio: it shares no offset with it. No bus is needed.
 *
 * It records every access, and notes the first breach of the rules by the driver: a field accessed
 * by another width or written though it is the device's, registers of a feature that is not in
 * force, a ring enabled before it was set up, a device touched while it resets itself.
 *
 * Time: nothing here waits for a clock. Late is late by a number of reads of the register that says
 * so.
 */

#include "ring_device.h"
#include "transport_pci.h"
#include "virtqueue.h"

#define FAKE_PCI_MAX_QUEUES 8
#define FAKE_PCI_MAX_RECORD 4096
#define FAKE_PCI_CONFIG_SIZE 64

/** Which form of the queue reset it has. */
enum fake_pci_revision {
	FAKE_PCI_A, /**< the proposal: queue_enable 0, read back */
	FAKE_PCI_B, /**< the interim one: queue_reset 1, done when it reads 1 and queue_enable 0 */
	FAKE_PCI_C, /**< virtio 1.2: queue_reset 1, done when it reads 0 and queue_enable 0 */
};

/** How it takes a request to stop a ring. */
enum fake_pci_answer {
	FAKE_PCI_OBEYS,
	FAKE_PCI_LATE,  /**< after so many reads */
	FAKE_PCI_NEVER, /**< until fake_pci_answer_now() */
	FAKE_PCI_DEAF,  /**< the register takes no notice: 0 in queue_reset, 1 in queue_enable */
	FAKE_PCI_HALF,  /**< queue_reset reads 0 at once, queue_enable does only as FAKE_PCI_LATE */
	FAKE_PCI_OBJECTS, /**< takes it for an error: NEEDS_RESET */
};

struct fake_pci_queue {
	uint16_t max_size;
	uint16_t size;
	uint16_t vector;
	uint16_t enable;
	uint16_t reset;
	uint16_t notify_off;
	uint32_t address[6];      /**< low and high halves of the three */
	uint8_t address_sent;     /**< a bit each, since the ring's reset */
	bool resetting;
	unsigned int reads;       /**< of the register that shows it, since it was asked */
	enum fake_pci_answer answer;
	unsigned int late_reads;
	bool keeps_size;          /**< takes no notice of queue_size */
	bool refuses_vector;      /**< reads NO_VECTOR back */
	bool refuses_enable;
	unsigned int notified;
	uint32_t notification;    /**< the last one's value */
	struct ring_device ring;
};

struct fake_pci_access {
	enum virtio_pci_region region;
	bool write;
	uint8_t width;
	uint32_t offset;
	uint32_t value;
};

struct fake_pci {
	struct virtio_device dev; /**< what the transport makes of it */
	bool met;
	enum fake_pci_revision revision;
	struct virtio_pci_hooks hooks;
	struct virtio_pci_conf conf;
	uint64_t features;
	uint64_t driver_features;
	uint32_t device_select;
	uint32_t driver_select;
	uint16_t config_vector;
	bool refuses_config_vector;
	uint16_t nb_queues;
	uint16_t select;
	uint8_t status;
	uint8_t generation;
	uint8_t isr;
	uint8_t config[FAKE_PCI_CONFIG_SIZE];
	unsigned int config_changes; /**< reads of the configuration after which it has changed */
	bool resetting;
	bool never_resets;
	unsigned int late_status;    /**< reads of the status until a device reset is done */
	unsigned int status_reads;
	bool refuses_features;
	bool fails_when_run;      /**< DEVICE_NEEDS_RESET as soon as DRIVER_OK is set */
	bool gone;                   /**< all ones */
	int gone_after;              /**< accesses until it is; negative: never */
	struct fake_pci_queue queue[FAKE_PCI_MAX_QUEUES];
	struct fake_pci_access record[FAKE_PCI_MAX_RECORD];
	unsigned int nb_record;
	char breach[160];            /**< empty: none */
};

/**
 * A device with VERSION_1, RING_RESET, INDIRECT_DESC, EVENT_IDX and RING_PACKED. To be changed at
 * will before fake_pci_open().
 */
struct fake_pci *fake_pci_create(enum fake_pci_revision revision, uint16_t nb_queues);

/** virtio_pci_modern_create() on it. */
int fake_pci_open(struct fake_pci *fake, enum virtio_pci_stop_policy policy);

/** Ends the case where the driver broke a rule. */
void fake_pci_check(const struct fake_pci *fake);
/** The device must have been reset, if it was met. */
void fake_pci_destroy(struct fake_pci *fake);

/** Negotiates all but the layout that is not wanted, and starts with these rings. */
void fake_pci_run(struct fake_pci *fake, bool packed, struct virtqueue *const *vqs,
		  unsigned int n);

/** What was to come never comes now. */
void fake_pci_answer_now(struct fake_pci *fake, uint16_t index);

/** The device's view of a ring that it may touch. */
struct ring_device *fake_pci_ring(struct fake_pci *fake, uint16_t index);

void fake_pci_forget_record(struct fake_pci *fake);
/**
 * The record as text, valid until the next call: "queue_select=1, queue_size=256, queue_size:256"
 * is two writes and a read. Addresses are noted without their values.
 */
const char *fake_pci_recorded(const struct fake_pci *fake);
/** Ends the case unless the record since it was forgotten is this; forgets it. */
void fake_pci_check_recorded(struct fake_pci *fake, const char *wanted);
/** Accesses of a register, by its name in the record: "queue_reset". */
unsigned int fake_pci_writes(const struct fake_pci *fake, const char *reg);
unsigned int fake_pci_reads(const struct fake_pci *fake, const char *reg);

#endif /* FAKE_PCI_DEVICE_H */
