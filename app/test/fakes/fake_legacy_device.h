/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef FAKE_LEGACY_DEVICE_H
#define FAKE_LEGACY_DEVICE_H

/**
 * @file
 * The I/O ports of a virtio-pci device from before virtio 1.0, behind the transport's hooks,
 * written from section 4.1.4.8 and from nothing of lib/virtio.
 *
 * It notes the first breach of the rules by the driver: a port accessed by another width, a feature
 * that was not offered, a ring in another place than the test has given it.
 */

#include "ring_device.h"
#include "transport_pci.h"

#define FAKE_LEGACY_RINGS 4
/** How many ports it has: registers, vectors, and a part of the configuration. */
#define FAKE_LEGACY_PORTS 36

struct fake_legacy {
	uint32_t features;
	uint32_t driver_features;
	uint16_t select;
	uint8_t status;
	uint8_t isr;
	uint16_t nb_rings;
	uint16_t size[FAKE_LEGACY_RINGS];
	uint32_t page[FAKE_LEGACY_RINGS];
	uint16_t vector[FAKE_LEGACY_RINGS];
	uint16_t config_vector;
	bool msix;                   /**< enabled: vectors are before the configuration */
	bool keeps_no_page;
	bool keeps_no_vector;
	uint8_t config[16];
	unsigned int config_changes; /**< reads of the configuration after which it has changed */
	unsigned int late_status;    /**< reads until a reset is done */
	int gone_after;              /**< accesses until it is; negative: never */
	bool gone;                   /**< all ones */
	struct ring_device ring[FAKE_LEGACY_RINGS];
	/** Where the test has a ring that the driver says to be at `iova`. */
	uint8_t *memory[FAKE_LEGACY_RINGS];
	uint64_t iova[FAKE_LEGACY_RINGS];
	char record[4096];           /**< the writes, by names; what is too much is left out */
	char breach[160];            /**< empty: none */
};

/** A device that an earlier driver left running, to be changed at will. */
void fake_legacy_create(struct fake_legacy *fake, uint16_t nb_rings, uint16_t size);
/** Ends the case where the driver broke a rule. */
void fake_legacy_destroy(struct fake_legacy *fake);

/** Of struct virtio_pci_hooks, for a struct fake_legacy. */
uint32_t fake_legacy_read(void *fake, enum virtio_pci_region region, uint32_t offset,
			  unsigned int width);
void fake_legacy_write(void *fake, enum virtio_pci_region region, uint32_t offset,
		       unsigned int width, uint32_t value);

#endif /* FAKE_LEGACY_DEVICE_H */
