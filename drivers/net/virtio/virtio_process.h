/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VIRTIO_PROCESS_H
#define VIRTIO_PROCESS_H

/**
 * @file
 * The processes that share ports, by numbers of ours: a process id may be another process's soon,
 * and is none at all in another container.
 *
 * The primary is 1. A secondary asks it for a number and sends along a descriptor of itself
 * (pidfd), by which the primary knows when it has ended: all of its threads, and also before its
 * parent has taken note. Numbers are not given twice.
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_eal.h>

#define VIRTIO_PROCESS_PRIMARY 1

/** This process's number. */
extern uint32_t virtio_process_self;

/**
 * Primary: answers secondaries from now on, and listens to a message of theirs; any number of
 * times.
 *
 * @param joined
 *   Called when one has got a number, before it knows: on EAL's thread for messages.
 * @return
 *   0, also where EAL lets there be no secondaries. Else what EAL says.
 */
int virtio_process_serve(void (*joined)(void));
int virtio_process_listen(const char *message, rte_mp_t action);

/**
 * Secondary: gets a number, if it has none yet.
 *
 * @return
 *   0. -ETIMEDOUT: the primary does not answer. -EPROTO: its answer is none of this driver.
 *   -ENOMEM: it has no memory for the number. Else what EAL says.
 */
int virtio_process_join(void);

/**
 * Primary: a number for another process.
 *
 * @param pidfd
 *   Of it, taken over; negative: none, and it never counts as ended.
 * @return
 *   The number; 0: no memory.
 */
uint32_t virtio_process_enrol(int pidfd);

/** Primary: whether no other process was ever enrolled. */
bool virtio_process_is_alone(void);

/** Primary: whether that process has ended for certain. */
bool virtio_process_has_ended(uint32_t number);

/** Primary: closes the descriptors of processes that have ended. Each enrolment does so too. */
void virtio_process_forget_ended(void);

#endif /* VIRTIO_PROCESS_H */
