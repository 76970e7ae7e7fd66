/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef QEMU_H
#define QEMU_H

/**
 * @file
 * A virtio-net-pci device of QEMU's without a guest. QEMU runs with a processor that sleeps; this
 * program does what a processor would, by QEMU's qtest protocol: a line of text for each access.
 * The machine's memory is a file that both have mapped, and here it is a heap of EAL's, whose IOVAs
 * are the machine's addresses: rings and buffers made on its node are where the device finds them.
 * What the device sends and receives are UDP datagrams, a frame each; or, of several queues, frames
 * of a tap device in a network of this program's own.
 *
 * Threads: one. Nothing is decided by time: an answer that does not come ends the case.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "test.h"
#include "transport_mmio.h"
#include "transport_pci.h"

/** Longest line of the protocol, as used here. */
#define QEMU_LINE 256
#define QEMU_MAX_RECORD (1 << 20)

/** MSI-X vectors that the device is given. */
#define QEMU_VECTORS 4

/** Pairs of queues that a device on a tap device may have. */
#define QEMU_MAX_QUEUES 8

struct qemu_access {
	uint64_t at_us;
	uint32_t offset;
	uint32_t value;
	uint8_t region; /**< enum virtio_pci_region */
	uint8_t width;
	bool write;
};

struct qemu {
	int pid;
	int qtest;             /**< socket */
	pthread_mutex_t lock;  /**< held from a command on the socket to its answer */
	int net;               /**< socket for frames */
	char log[128];         /**< what it says */
	char answer[QEMU_LINE];
	size_t answer_len;
	uint8_t *memory;       /**< all of the machine's */
	char heap[16];         /**< name of EAL's heap in it */
	int node;              /**< of EAL's, for rings and buffers */
	uint32_t function;     /**< configuration address of the device */
	uint64_t bar[6];
	uint64_t region_at[VIRTIO_PCI_REGIONS]; /**< addresses of the windows */
	bool legacy;           /**< no modern capability: one window, of ports */
	uint8_t msix_cap;
	uint64_t msix_table;
	struct virtio_pci_hooks hooks;
	struct virtio_pci_conf conf; /**< for virtio_pci_modern_create() or _legacy_create() */
	/** Of a virtio-mmio device; its registers are recorded as those of VIRTIO_PCI_COMMON. */
	struct virtio_mmio_hooks mmio_hooks;
	struct virtio_mmio_conf mmio; /**< for virtio_mmio_create() */
	struct qemu_access *record;
	unsigned int nb_record;
};

extern const char *qemu_binary; /**< the QEMU that is tested with */
extern bool qemu_trace;         /**< --trace */

/** test_main() for each QEMU that the arguments name. 77: there is none. */
int qemu_test_main(int argc, char **argv, const struct test_case *cases, unsigned int nb_cases);

/**
 * Starts QEMU and finds the device on the bus: BARs placed, capabilities walked.
 *
 * @param properties
 *   Of the device, ",name=value" each.
 */
struct qemu *qemu_start(const char *properties);
/** The same with several queues, on a tap device of as many. */
struct qemu *qemu_start_queues(const char *properties, unsigned int queues);
/**
 * Starts QEMU's machine microvm with a virtio-mmio device and finds its registers.
 *
 * @param version
 *   Of the registers: 1 or 2.
 */
struct qemu *qemu_start_mmio(const char *properties, unsigned int version);
/** Whether there may be such a device here; says why not. */
bool qemu_can_tap(void);
/** Ends it. What was taken of its memory must be back. */
void qemu_stop(struct qemu *qemu);

/** Switches MSI-X on, with messages that the device writes into memory. */
void qemu_msix_on(struct qemu *qemu);
/** Whether the message of a vector has come since it was last asked. */
bool qemu_msix_came(struct qemu *qemu, unsigned int vector);

/** Sends a frame to the device. */
void qemu_send(struct qemu *qemu, const void *frame, size_t len);
/** A frame that the device has sent; its length. Ends the case where none comes. */
size_t qemu_receive(struct qemu *qemu, void *frame, size_t size);

/** The same, of what it has sent by now; 0: there is no more. */
size_t qemu_receive_now(struct qemu *qemu, void *frame, size_t size);

/** Turns QEMU's main loop round, some times. */
void qemu_turn(struct qemu *qemu);

/** A register, without a record: what the test wants to know is not the driver's doing. */
uint32_t qemu_peek(struct qemu *qemu, uint32_t common_offset, unsigned int width);

void qemu_forget_record(struct qemu *qemu);
/** Writes to a field of the common configuration since then, with this value or any (-1). */
unsigned int qemu_writes(const struct qemu *qemu, uint32_t common_offset, int64_t value);
/** Prints the record, each access beside what the specification has to say of it. */
void qemu_print_record(const struct qemu *qemu);

#endif /* QEMU_H */
