/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef FAKE_PCI_PORT_H
#define FAKE_PCI_PORT_H

/**
 * @file
 * A port of the driver on the registers of fake_pci_device.h, and the device's side of its control
 * queue, written from section 5.1.6.5 and from nothing of the driver.
 *
 * Each command is answered within the doorbell that tells of it, or not at all.
 */

#include <rte_ethdev.h>

#include "fake_pci_device.h"

#define FAKE_PCI_PAIRS 3

/* Feature bits, 5.1.3. */
#define FAKE_F_MTU       (UINT64_C(1) << 3)
#define FAKE_F_MAC       (UINT64_C(1) << 5)
#define FAKE_F_STATUS    (UINT64_C(1) << 16)
#define FAKE_F_CTRL_VQ   (UINT64_C(1) << 17)
#define FAKE_F_CTRL_RX   (UINT64_C(1) << 18)
#define FAKE_F_CTRL_VLAN (UINT64_C(1) << 19)
#define FAKE_F_ANNOUNCE  (UINT64_C(1) << 21)
#define FAKE_F_MQ        (UINT64_C(1) << 22)
#define FAKE_F_CTRL_MAC  (UINT64_C(1) << 23)
#define FAKE_F_PACKED    (UINT64_C(1) << 34)
#define FAKE_F_RSS       (UINT64_C(1) << 60)
#define FAKE_F_SPEED     (UINT64_C(1) << 63)

/** All but MTU and RSS. */
#define FAKE_F_CONTROL (FAKE_F_MAC | FAKE_F_STATUS | FAKE_F_CTRL_VQ | FAKE_F_CTRL_RX | \
			FAKE_F_CTRL_VLAN | FAKE_F_MQ | FAKE_F_CTRL_MAC)

/** How it takes a command. */
enum fake_ctrl_answer {
	FAKE_CTRL_OBEYS,
	FAKE_CTRL_REFUSES,
	FAKE_CTRL_NEVER,    /**< takes it and says nothing */
	FAKE_CTRL_BAD_ID,   /**< gives back what it was not given */
	FAKE_CTRL_NO_WORD,  /**< gives it back without having written an answer */
};

struct fake_command {
	uint8_t class;
	uint8_t code;
	uint16_t len;
	uint8_t data[1024];
	uint16_t enabled; /**< by ring, a bit each: what the device had enabled at that moment */
};

struct fake_pci_port {
	struct fake_pci *fake;
	struct virtio_pci_hooks hooks; /**< the fake's, with ears */
	uint16_t port;
	char name[32];
	struct rte_mempool *pool;
	enum fake_ctrl_answer answer;
	enum fake_ctrl_answer first[4]; /**< the next ones, before that */
	unsigned int nb_first;
	/** Called at each command, before the device acts on it. NULL: nothing is called. */
	void (*at_command)(struct fake_pci_port *fp);
	bool malformed;      /**< a command was none */
	bool probed;
	uintptr_t lowest;    /**< where commands have lain, all of them, and their answers */
	uintptr_t highest;
	unsigned int nb_commands;
	struct fake_command command[32];
};

struct fake_pci_port_conf {
	uint64_t features;       /**< beside those of rings */
	uint64_t rx_offloads;
	uint64_t rss_hf;         /**< not 0: mq_mode RSS */
	uint8_t rss_key_max;     /**< bytes of a key that the device takes; 0: 40 */
	uint16_t rss_table_max;  /**< entries of a table that the device takes; 0: 128 */
	unsigned int timeout_ms; /**< of a command; 0: so long that it is never over */
	uint16_t deferred;       /**< receive queues whose start is, a bit each */
	bool lsc;                /**< intr_conf.lsc */
	void (*lie)(struct fake_pci *fake); /**< changes what the device says, before the probe */
	const char *args;        /**< more of the port's arguments, with a comma before each */
};

/** What the bus says of it: 0, or why there is no port. To be destroyed all the same. */
int fake_pci_port_probe(const struct fake_pci_port_conf *conf, struct fake_pci_port **probed);
/** Configured, FAKE_PCI_PAIRS queues set up each way if it has so many; the second starts it. */
struct fake_pci_port *fake_pci_port_create(const struct fake_pci_port_conf *conf);
struct fake_pci_port *fake_pci_port_start(const struct fake_pci_port_conf *conf);
/** Closes it; every buffer must be back, and the driver have broken no rule. */
void fake_pci_port_destroy(struct fake_pci_port *fp);

/** The configuration interrupt. */
void fake_pci_port_event(struct fake_pci_port *fp);

/** Sets a field of the device configuration. */
void fake_pci_config16(struct fake_pci *fake, unsigned int offset, uint16_t value);

void fake_pci_port_forget(struct fake_pci_port *fp);
/** The commands since: "0.0 4.0", class and code each; valid until the next call. */
const char *fake_pci_port_commands(const struct fake_pci_port *fp);
/** Ends the case unless the commands since were these; forgets them. */
void fake_pci_port_check_commands(struct fake_pci_port *fp, const char *wanted);
/** The last one. */
const struct fake_command *fake_pci_port_last(const struct fake_pci_port *fp);

#endif /* FAKE_PCI_PORT_H */
