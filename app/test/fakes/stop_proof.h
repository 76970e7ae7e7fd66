/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef STOP_PROOF_H
#define STOP_PROOF_H

/**
 * @file
 * A device with four full rings, and what is expected of a ring that is stopped, the same over
 * every transport: the ring is READY only after the device has confirmed the stop. Until then it is
 * BROKEN and keeps its memory and its buffers; a later confirmation makes it READY. The other rings
 * run all the time.
 *
 * A test program gives the transport's half and lists the cases; the cases that need nothing else
 * of the transport are here.
 */

#include "ring.h"

#define STOP_PROOF_RINGS 4
#define STOP_PROOF_SIZE 256

/** How the device takes a request to stop a ring. */
enum stop_proof_answer {
	STOP_PROOF_OBEYS,
	STOP_PROOF_LATE,  /**< confirms after the driver has looked so many times in vain */
	STOP_PROOF_NEVER, /**< does not confirm until answer_now() */
};

struct stop_proof_transport {
	/** Makes the device, ready for its rings to be created. */
	void *(*create)(const struct stop_proof_transport *over);
	struct virtio_device *(*device)(void *fake);
	/** Brings the device to DRIVER_OK with these rings. */
	void (*run)(void *fake, struct virtqueue *const *vqs, unsigned int n);
	/** Takes the device apart after its reset; it fails the case if the driver broke a rule. */
	void (*destroy)(void *fake);
	/** Ends the case if the driver broke a rule. */
	void (*check)(const void *fake);
	struct ring_device *(*ring)(void *fake, uint16_t index);
	void (*set_answer)(void *fake, uint16_t index, enum stop_proof_answer answer,
			   unsigned int late);
	/** A stop that the device has not confirmed is confirmed when the driver looks next. */
	void (*answer_now)(void *fake, uint16_t index);
	/** Doorbells of this ring since the device was made. */
	unsigned int (*doorbells)(void *fake, uint16_t index);
	void (*forget)(void *fake);
	/** Requests to stop this ring since forget(). */
	unsigned int (*requests)(const struct stop_proof_transport *over, void *fake,
				 uint16_t index);
	/** A request without a confirmation stands; the driver does not repeat it. */
	bool requests_once;
	/**
	 * Ends the case unless the driver, since forget(), has looked so many times for this ring's
	 * confirmation, and has asked the device for nothing but that one stop.
	 */
	void (*check_looks)(const struct stop_proof_transport *over, void *fake, uint16_t index,
			    unsigned int looks);
	/** Further checks that the device has no more part in a READY ring; NULL: none. */
	void (*check_stopped)(void *fake, uint16_t index);
	unsigned int variant; /**< for the transport's half */
};

struct stop_proof {
	const struct stop_proof_transport *over;
	void *fake;
	struct virtqueue *vq[STOP_PROOF_RINGS];
	struct buffer buffer[STOP_PROOF_RINGS][STOP_PROOF_SIZE];
};

/** The device of the case that runs. */
extern struct stop_proof proof;

/** The device at DRIVER_OK with all its rings full, of the layout test_packed(). */
void stop_proof_up(const struct stop_proof_transport *over);
/** Resets the device and takes all apart; every buffer must have come back once. */
void stop_proof_down(void);

/** A buffer of a running ring goes to the device and back. */
void stop_proof_check_runs(unsigned int index);
void stop_proof_check_others_run(unsigned int stopped);
/** The ring is BROKEN, gives nothing back, and the others run. */
void stop_proof_check_broken(unsigned int index);
/** The ring is READY, gives every buffer back, takes new ones and runs again. */
void stop_proof_check_ready_and_restarts(unsigned int index);

/** The device has confirmed when the driver looks first: that counts even with no time at all. */
void stop_proof_obeys(const struct stop_proof_transport *over, uint32_t timeout_us);
void stop_proof_late_but_in_time(const struct stop_proof_transport *over);
/** Two stops find no confirmation. */
void stop_proof_never(const struct stop_proof_transport *over);
/** Two stops find no confirmation; then it comes, and the third stop finds it. */
void stop_proof_never_and_then_late(const struct stop_proof_transport *over);

#endif /* STOP_PROOF_H */
