/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VIRTIO_DEVICE_H
#define VIRTIO_DEVICE_H

/**
 * @file
 * A virtio device: features, the status ladder, and the set of rings that the device knows.
 *
 * Threads: all functions are control calls, made by one thread at a time (the port's lock).
 */

#include <stdbool.h>
#include <stdint.h>

#include "virtio_compat.h"
#include "virtio_spec.h"
#include "virtio_transport.h"

struct virtqueue;

#define VIRTIO_DEVICE_NAME_SIZE 64

struct virtio_device {
	char name[VIRTIO_DEVICE_NAME_SIZE]; /**< in log lines */
	enum virtio_transport_kind kind;
	enum virtio_stop_method stop_method; /**< set by the transport when it connects */
	const char *stop_reason; /**< why this method, a constant; of the primary process */
	uint64_t connected_us; /**< virtio_now_us() of the last connection to the device */
	uint32_t connections;  /**< how many there were */
	uint8_t status;     /**< VIRTIO_STATUS_* that the device has, or may have */
	bool by_iova;       /**< knows memory by IOVA; else by virtual address */
	bool offer_read;    /**< offered is of this life of the device, not yet negotiated */
	bool needs_reset;   /**< it was seen to need one, and has not had it since */
	bool legacy;        /**< virtio before 1.0: see struct virtio_transport_ops */
	uint16_t nb_vqs;    /**< entries of vqs */
	uint64_t offered;   /**< feature bits that the device offers */
	uint64_t acked;     /**< feature bits in force; 0 before negotiation */
	struct virtqueue **vqs; /**< rings that the device may touch, by index; else NULL */
	void *priv;         /**< the transport's own */
	RTE_ATOMIC(uint32_t) cancels; /**< see virtio_device_cancel(); atomic */
	uint64_t ends_us;   /**< see virtio_device_limit() */
};

static inline const struct virtio_transport_ops *
virtio_device_ops(const struct virtio_device *dev)
{
	return virtio_transports[dev->kind];
}

static inline bool
virtio_device_has(const struct virtio_device *dev, unsigned int bit)
{
	return (dev->acked & VIRTIO_BIT(bit)) != 0;
}

/**
 * Makes the device's own part; the transport is the caller's to connect.
 *
 * @param nb_vqs
 *   Rings it may have, at least 1.
 * @return
 *   0, -ENOMEM.
 */
int virtio_device_init(struct virtio_device *dev, const char *name,
		       enum virtio_transport_kind kind, uint16_t nb_vqs);

/** Gives back what virtio_device_init() took. No ring may be known to the device any more. */
void virtio_device_fini(struct virtio_device *dev);

/**
 * From a device that was reset to DRIVER, 3.1.1 steps 2 and 3, and what it offers from there on,
 * in dev->offered: for a caller whose choice depends on that. virtio_device_negotiate() goes on.
 *
 * @return
 *   0. -EBUSY: not reset before. Else the transport's error, and the device is to be reset.
 */
int virtio_device_read_offer(struct virtio_device *dev);

/**
 * From a device that was reset, or whose offer was just read, to FEATURES_OK, 3.1.1 steps 2 to 6;
 * a legacy device to DRIVER, as it has neither FEATURES_OK (3.1.2) nor VERSION_1.
 *
 * @param wanted
 *   Feature bits that the driver would use; those not offered are left out.
 * @return
 *   0, with dev->offered and dev->acked set. -EBUSY: not reset before. -ENOTSUP: the device has no
 *   VERSION_1 or refuses the choice. Else the transport's error. After an error the device is to be
 *   reset.
 */
int virtio_device_negotiate(struct virtio_device *dev, uint64_t wanted);

/**
 * Adds bits to the device status, 2.1.
 *
 * @return
 *   0, with dev->status as the device has it. Else the transport's error: the bits are in
 *   dev->status all the same, except for DRIVER_OK.
 */
int virtio_device_add_status(struct virtio_device *dev, uint8_t bits);

/**
 * Looks whether the device has met an error that it does not recover from, DEVICE_NEEDS_RESET in
 * its status (2.1.2). Such a device may leave anything undone until virtio_device_reset(). The
 * first time after a reset an error is logged.
 *
 * @return
 *   0. -EIO: it needs a reset. Else the transport's error.
 */
int virtio_device_check(struct virtio_device *dev);

/**
 * For the transport, when the offer is known: logs an error where the driver would pass virtual
 * addresses to a device that takes physical ones. Without VIRTIO_F_ACCESS_PLATFORM the addresses
 * in rings are physical (6.1), and by_iova has those of EAL's IOVA mode.
 */
void virtio_device_check_iova(const struct virtio_device *dev);

/**
 * The driver does not go on with a device whose probe or start has failed: FAILED is set in its
 * status (2.2.1, 3.1.1), on a device that was reset before, so that its rings are the driver's.
 * virtio_device_reset() clears it, which has to come before the next negotiation.
 *
 * @param error
 *   What has failed it. Only where the device is not fit, or has refused something, FAILED is set:
 *   -ENOTSUP, -EINVAL, -EIO, -EBUSY, -EPROTO. One that is gone or late, or a lack of memory here,
 *   says nothing of the device.
 */
void virtio_device_give_up(struct virtio_device *dev, int error);

/**
 * Waits until poll(arg) says something else than -EAGAIN. Looks once more after the deadline, so
 * that a thread that was not scheduled in time still sees an answer that is there.
 *
 * @return
 *   What poll returned, -ETIMEDOUT after the deadline, -ECANCELED: see virtio_device_cancel().
 */
int virtio_device_wait(struct virtio_device *dev, int (*poll)(void *arg), void *arg,
		       uint64_t deadline_us);

/**
 * Whether single rings can be stopped: there is a way, and RING_RESET is in force. Holds from
 * negotiation to the next device reset.
 */
static inline bool
virtio_device_stops_rings(const struct virtio_device *dev)
{
	return dev->stop_method != VIRTIO_STOP_NONE && virtio_device_has(dev, VIRTIO_F_RING_RESET);
}

/**
 * Descriptors that a ring may have at most.
 *
 * @param index
 *   Any number; from dev->nb_vqs on the device is not asked.
 * @return
 *   0 and the number, which is 0 where the device has no such ring. Else the transport's error.
 */
int virtio_device_queue_max(struct virtio_device *dev, uint16_t index, uint16_t *size);

/** Descriptors that a ring must have until the next device reset; 0: any number. */
uint16_t virtio_device_queue_kept(struct virtio_device *dev, uint16_t index);

/**
 * Reads a field of the device configuration, 2.5: little-endian, as the device has it, and all of
 * it from one moment.
 *
 * @param len
 *   Bytes: 2, 4 or 8 for a number of that width, else read byte by byte.
 * @return
 *   0. -ENOTSUP: the transport has none. -EINVAL: beyond its end. -EIO: it does not hold still.
 *   -ENODEV.
 */
int virtio_device_read_config(struct virtio_device *dev, uint32_t offset, void *to, size_t len);

/** Writes such a field; the same errors but -EIO and -ENODEV. */
int virtio_device_write_config(struct virtio_device *dev, uint32_t offset, const void *from,
			       size_t len);

/**
 * In a secondary process: makes a device of the primary's ready for its queues to be polled here;
 * all else about it is the primary's.
 *
 * @return
 *   0. -ENOTSUP: not with this transport. Else the transport's error.
 */
int virtio_device_attach(struct virtio_device *dev);

/** Gives back what that took; of this process alone. */
void virtio_device_detach(struct virtio_device *dev);

/**
 * Ends the waits for the device on threads that allow it, with -ECANCELED, until it is resumed as
 * many times. What was asked of the device is then unproven, as after a time-out. Any thread.
 */
void virtio_device_cancel(struct virtio_device *dev);
void virtio_device_resume(struct virtio_device *dev);

/** From now on waits of the calling thread may be cancelled. */
void virtio_device_allow_cancel(void);

/** Whether a wait of the calling thread is to end. `cancels` is the device's, or NULL: never. */
bool virtio_device_is_cancelled(const uint32_t __rte_atomic *cancels);

/** Longest that a start of a port or a queue waits for answers in all. */
#define VIRTIO_CALL_LIMIT_US 60000000

/**
 * Bounds what the calling thread waits for the device from now on: transports whose waits each have
 * a deadline of their own end them with -ETIMEDOUT after this time, and so do commands of the
 * control queue. Neither a stop nor a reset is bounded so.
 *
 * @param limit_us
 *   0: no limit.
 */
void virtio_device_limit(struct virtio_device *dev, uint64_t limit_us);

/** So many microseconds from now, or the limit if that is earlier, as virtio_now_us() counts. */
uint64_t virtio_device_deadline(const struct virtio_device *dev, uint32_t timeout_us);

/** Longest text of virtio_device_silence(), with its end. */
#define VIRTIO_SILENCE_SIZE 96

/** Which request the device has not answered, and for how long: the end of a log line, or "". */
const char *virtio_device_silence(struct virtio_device *dev, char text[VIRTIO_SILENCE_SIZE]);

/** Microseconds of a clock that only goes forward. */
uint64_t virtio_now_us(void);

/** For the transport, at each connection to the device: why it has chosen dev->stop_method. */
void virtio_device_note_connection(struct virtio_device *dev, const char *stop_reason);

#endif /* VIRTIO_DEVICE_H */
