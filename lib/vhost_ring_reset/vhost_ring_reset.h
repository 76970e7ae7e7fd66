/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VHOST_RING_RESET_H
#define VHOST_RING_RESET_H

/**
 * @file
 * Reset of one ring for back-ends on librte_vhost.
 *
 * librte_vhost answers VHOST_USER_GET_VRING_BASE by stopping the whole device, although the
 * vhost-user protocol means one ring, and it does not offer VIRTIO_F_RING_RESET (bit 40). This
 * library does both for a connection that it is attached to. It sees the connection's messages
 * through rte_vhost_extern_callback_register(), so no other user of that call (vhost-crypto is one)
 * can share the connection. Sockets with a vDPA device are left as they are: not offered the bit.
 *
 * Attach only to a front-end that carries a reset out by messages, as virtio-user does. QEMU offers
 * the bit on to its guest, resets its own copy of the ring and sends nothing: the back-end would go
 * on writing into buffers that the guest has freed.
 *
 * What the front-end sends to stop one ring: SET_VRING_ENABLE 0, then GET_VRING_BASE. To start it
 * again: NUM, BASE, ADDR, KICK, CALL, and SET_VRING_ENABLE 1 last. What is done with them:
 *
 * - GET_VRING_BASE of a ring that is not enabled, bit 40 acknowledged, device running: answered
 *   here with the ring's available index (packed: bit 15 is the wrap counter); all other rings go
 *   on. From the acknowledged SET_VRING_ENABLE 0 on the library does not touch the ring's memory.
 *   A ring that was never enabled, or is stopped already, is a success too.
 * - GET_VRING_BASE of a ring that is still enabled: librte_vhost has no way to stop that ring
 *   alone, so the message is passed on to it and stops the whole device, with a warning in the
 *   log. No buffer of the ring is written after the answer, but the other rings stop as well:
 *   destroy_device is called, and new_device once rings 0 and 1 are ready, which may be at once.
 * - GET_VRING_BASE of a device that is being stopped, or bit 40 not acknowledged: passed on. With
 *   the STATUS protocol feature a device runs while the last SET_STATUS has DRIVER_OK; without that
 *   feature, while any ring is enabled.
 * - SET_VRING_ENABLE 1 of a ring that was stopped alone and has had no SET_VRING_KICK since:
 *   refused, as librte_vhost would go on at the old addresses.
 * - A ring index that librte_vhost does not have (256 and up): refused; librte_vhost closes the
 *   connection.
 *
 * Thread-safe unless said otherwise.
 */

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Call-backs of the application. Each may be NULL.
 *
 * They run on the thread of librte_vhost that handles the messages of all connections. That thread
 * may hold the access lock of EVERY ring of the device, and a polling thread inside
 * rte_vhost_enqueue_burst() or rte_vhost_dequeue_burst() may be spinning on one of them. So in a
 * call-back:
 *
 * - do not wait for a thread that may call librte_vhost: set a flag and return;
 * - do not call rte_vhost functions that take a ring's lock (bursts, rte_vhost_vring_call(),
 *   rte_vhost_enable_guest_notification(), rte_vhost_rx_queue_count(),
 *   rte_vhost_vring_stats_get() and the like), nor rte_vhost_driver_unregister(), which waits for
 *   the message being handled;
 * - vhost_ring_reset_negotiated() and rte_vhost_get_ifname() may be called.
 *
 * @p ring counts as in vhost-user: 2n is receive queue n of the driver (the application enqueues),
 * 2n + 1 its transmit queue n (the application dequeues). It is below 256 but otherwise the
 * front-end's choice: check it before it indexes anything.
 */
struct vhost_ring_reset_notify {
	/**
	 * The front-end asks that this ring alone be stopped. It is answered after the call-back
	 * returns. The ring has been disabled before (vring_state_changed() said so), bursts on it
	 * return 0. Until ring_started() leave it alone in every other way too:
	 * rte_vhost_enable_guest_notification(), rte_vhost_vring_call() and
	 * rte_vhost_set_vring_base() do not look whether a ring is enabled.
	 *
	 * Called once a stop, and only for a ring that has been enabled on this connection.
	 */
	void (*ring_stopped)(int vid, uint16_t ring, void *arg);
	/**
	 * That ring is enabled again, maybe with another size and other addresses. The library has
	 * not touched it yet. vring_state_changed() with enable 1 follows once the library finds
	 * its set-up complete.
	 *
	 * Called once after each ring_stopped(), even if the whole device was stopped and started
	 * in between; not called if the connection ends first.
	 */
	void (*ring_started)(int vid, uint16_t ring, void *arg);
};

/**
 * Offer VIRTIO_F_RING_RESET on this connection, and stop single rings on it when asked to.
 *
 * To be called from rte_vhost_device_ops::new_connection, before the first message is read. What an
 * earlier connection with the same @p vid left behind is forgotten.
 *
 * @param vid
 *   The connection's device, as given to new_connection.
 * @param notify
 *   Call-backs; copied. May be NULL.
 * @param arg
 *   Handed to the call-backs; must stay valid until vhost_ring_reset_detach().
 * @return
 *   - 0: attached.
 *   - -EINVAL: @p vid is out of range.
 *   - -ENODEV: librte_vhost has no such device.
 *   - -EBUSY: the front-end has set up rings already, what it did with them is not known.
 */
int vhost_ring_reset_attach(int vid, const struct vhost_ring_reset_notify *notify, void *arg);

/**
 * Forget the connection: its messages go to librte_vhost untouched, there are no more call-backs.
 *
 * To be called from rte_vhost_device_ops::destroy_connection, and after
 * rte_vhost_driver_unregister(), which ends connections without that call-back. From another thread
 * than librte_vhost's message thread it may also be called while a connection lives, but then a
 * call-back may be running still when it returns. Does nothing if @p vid is not attached.
 *
 * @param vid
 *   The connection's device.
 */
void vhost_ring_reset_detach(int vid);

/**
 * Whether the front-end has acknowledged VIRTIO_F_RING_RESET.
 *
 * Known from new_device on; SET_FEATURES may change it while the device is stopped.
 *
 * @param vid
 *   The connection's device.
 * @return
 *   true if attached and acknowledged, else false.
 */
bool vhost_ring_reset_negotiated(int vid);

#ifdef __cplusplus
}
#endif

#endif /* VHOST_RING_RESET_H */
