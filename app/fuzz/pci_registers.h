/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef PCI_REGISTERS_H
#define PCI_REGISTERS_H

/**
 * @file
 * The registers of a virtio-pci network device, sections 4.1.4 and 5.1.4, behind the hooks of the
 * transport. What it has comes from an input; what it says is the truth, or what the input says.
 *
 * Threads: one.
 */

#include <stdbool.h>
#include <stdint.h>

#include "fuzz.h"
#include "ring_device.h"
#include "transport_pci.h"

#define PCI_RINGS 9
#define PCI_CONFIG_SIZE 64

struct pci_ring {
	uint16_t max_size, size, vector, enable, reset, notify_off;
	uint32_t address[6];
	struct ring_device ring;
	bool open;
	unsigned int late;        /**< reads of queue_reset until the ring is reset; 0: it is */
};

struct pci_registers {
	struct fuzz_input *in;
	unsigned int false_left;   /**< registers that may still read as the input says */
	bool rule_broken;         /**< since a reset that the device has confirmed */
	uint64_t features, driver_features;
	uint32_t device_select, driver_select;
	uint16_t config_vector, nb_rings, select;
	uint8_t status, generation;
	bool needs_reset;         /**< what status has beside that */
	uint8_t config[PCI_CONFIG_SIZE];
	struct pci_ring ring[PCI_RINGS];
	struct virtio_pci_hooks hooks;
	struct virtio_pci_conf conf;
};

/** A device of one ring size and a valid configuration, reset. */
void pci_registers_init(struct pci_registers *regs, struct fuzz_input *in, uint64_t features,
			uint16_t nb_rings, uint16_t size);

/** The device's own end: it has no ring any more. */
void pci_registers_fini(struct pci_registers *regs);

/** Index of the control queue, 5.1.2; UINT16_MAX: there is none. */
uint16_t pci_registers_ctrl(const struct pci_registers *regs);

void pci_registers_config16(struct pci_registers *regs, unsigned int offset, uint16_t value);

/** Ends the program if the driver of a conforming device broke a rule. */
void pci_registers_check(const struct pci_registers *regs);

#endif /* PCI_REGISTERS_H */
