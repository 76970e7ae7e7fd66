/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VIRTIO_TRANSPORT_H
#define VIRTIO_TRANSPORT_H

/**
 * @file
 * What a transport does for the queues above it, and nothing else.
 *
 * Threads: every call but queue_notify is a control call; the owner of the device makes them one
 * at a time. queue_notify is called by the thread that polls that queue.
 *
 * Errors: every op returns 0 or a negative errno. -ENODEV: the device is gone. -ETIMEDOUT: it did
 * not answer in time. -EIO: it refused. After an error the op has not been carried out as far as
 * the caller can know; the caller assumes the worse of the two.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct virtio_device;
struct virtqueue;

/**
 * Transports are distinguished by a number: pointers differ between processes.
 */
enum virtio_transport_kind {
	VIRTIO_TRANSPORT_VHOST_USER, /**< virtio-user: vhost-user messages on a socket */
	VIRTIO_TRANSPORT_VHOST_KERNEL, /**< virtio-user: the kernel's vhost-net with a tap */
	VIRTIO_TRANSPORT_VHOST_VDPA, /**< virtio-user: a vDPA device by the kernel's vhost-vDPA */
	VIRTIO_TRANSPORT_PCI_MODERN, /**< virtio-pci: registers, virtio 1.0 and later */
	VIRTIO_TRANSPORT_PCI_LEGACY, /**< virtio-pci: I/O ports, before virtio 1.0 */
	VIRTIO_TRANSPORT_MMIO,       /**< virtio-mmio: registers of version 2 */
	VIRTIO_TRANSPORT_MMIO_LEGACY, /**< virtio-mmio: registers of version 1 */
	VIRTIO_TRANSPORT_TEST,       /**< what a test program registers */
	VIRTIO_TRANSPORT_KINDS
};

/**
 * How one queue of the device is stopped. A value, chosen once when the device is found: one and
 * the same message or register write means different things to different devices.
 */
enum virtio_stop_method {
	/** There is no way: queues live as long as the device. */
	VIRTIO_STOP_NONE,
	/** ENABLE 0, then GET_VRING_BASE: vhost-user's stop of a ring. */
	VIRTIO_STOP_VHOST_GET_BASE,
	/** ENABLE 0, acknowledged: a barrier on librte_vhost only. */
	VIRTIO_STOP_VHOST_DISABLE_ACK,
	/** SET_BACKEND -1: the kernel's vhost-net, done when the call returns. */
	VIRTIO_STOP_VHOST_BACKEND,
	/** SUSPEND of the device, an empty ring in place of the stopped one, RESUME: vhost-vDPA. */
	VIRTIO_STOP_VHOST_SUSPEND,
	/** queue_reset 1, until it and queue_enable are 0: virtio 1.2. */
	VIRTIO_STOP_PCI_RESET,
	/** queue_enable 0, read back: the proposal of 2021. */
	VIRTIO_STOP_PCI_ENABLE_ZERO,
	/** QueueReset 1, until it and QueueReady are 0: where a trial has shown that. */
	VIRTIO_STOP_MMIO_RESET,
	/** QueueReady 0, read back: at the user's request only. */
	VIRTIO_STOP_MMIO_READY,
	/** Whatever the test program's device does. */
	VIRTIO_STOP_TEST,
};

struct virtio_transport_ops {
	const char *name;
	/** The device knows memory by IOVA; else by the driver's virtual addresses. */
	bool by_iova;
	/**
	 * Virtio before 1.0: no FEATURES_OK, no feature bits from 32 on, and each ring in one piece
	 * of pages (2.7.2), of the size that the device says.
	 */
	bool legacy;

	/** Feature bits that the device offers, 2.2. */
	int (*get_features)(struct virtio_device *dev, uint64_t *features);
	/** Tells the device which ones were taken; also whatever it must know before any ring. */
	int (*set_features)(struct virtio_device *dev, uint64_t features);
	/** Device status, 2.1. Written value 0 is not for this op but for reset_ask. */
	int (*set_status)(struct virtio_device *dev, uint8_t status);
	int (*get_status)(struct virtio_device *dev, uint8_t *status);

	/**
	 * Size, addresses and notification of a ring; the same at first set-up and after a reset.
	 */
	int (*queue_setup)(struct virtqueue *vq);
	/** From here on the device may touch the ring. Returns once the device has said so. */
	int (*queue_enable)(struct virtqueue *vq);
	/**
	 * Asks the device to stop a ring. Asked again while unanswered, waits for the first
	 * answer.
	 */
	int (*queue_stop_ask)(struct virtqueue *vq);
	/** 0: proven stopped. -EAGAIN: not yet. Other: refused, there will be no proof. */
	int (*queue_stop_poll)(struct virtqueue *vq);
	/** Doorbell: there is something new in the ring. The only call that a data path makes. */
	void (*queue_notify)(struct virtqueue *vq);

	/** Asks for a reset of the whole device; polled as queue_stop_ask is. */
	int (*reset_ask)(struct virtio_device *dev);
	int (*reset_poll)(struct virtio_device *dev);

	/** Sleeps until a poll may say something new, at most so many microseconds. */
	void (*wait)(struct virtio_device *dev, uint32_t timeout_us);

	/*
	 * The rest a transport may leave out; callers use the functions of virtio_device.h.
	 */

	/**
	 * What the device owes, to end a log line of a wait that failed: "; the back-end has not
	 * answered SET_STATUS for 1.0 s", or "".
	 */
	void (*describe_silence)(struct virtio_device *dev, char *text, size_t size);
	/** Descriptors that a ring may have at most; 0: the device has no such ring. */
	int (*queue_max_size)(struct virtio_device *dev, uint16_t index, uint16_t *size);
	/** Descriptors that a ring must have until the next device reset; 0: any number. */
	uint16_t (*queue_kept_size)(struct virtio_device *dev, uint16_t index);
	/**
	 * Device configuration, 2.5, as the device has it: little-endian. A field of 2, 4 or 8
	 * bytes is read or written as such, any other length byte by byte.
	 */
	int (*read_config)(struct virtio_device *dev, uint32_t offset, void *to, size_t len);
	int (*write_config)(struct virtio_device *dev, uint32_t offset, const void *from,
			    size_t len);
	/**
	 * In a secondary process: gets what this process needs for queue_notify, the only other op
	 * that it may call; and gives that back.
	 */
	int (*attach)(struct virtio_device *dev);
	void (*detach)(struct virtio_device *dev);
};

/** One table a kind in each process; a transport's constructor fills in its own. */
extern const struct virtio_transport_ops *virtio_transports[VIRTIO_TRANSPORT_KINDS];

/** Name of a method as the log, the documentation and the devarg have it. */
const char *virtio_stop_method_name(enum virtio_stop_method method);

#endif /* VIRTIO_TRANSPORT_H */
