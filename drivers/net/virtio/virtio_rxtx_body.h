/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VIRTIO_RXTX_BODY_H
#define VIRTIO_RXTX_BODY_H

/**
 * @file
 * The data path, once: virtio_rxtx_split.c and virtio_rxtx_packed.c make functions of it with the
 * layout as a constant.
 *
 * Receive: each descriptor is one buffer, header right before the frame; a frame fills one buffer
 * or, with MRG_RXBUF, several used ones in a row. Transmit: a frame takes one descriptor, with the
 * header in its headroom or with an indirect table in the ring's memory; a chain of descriptors
 * only where neither will do.
 *
 * Invariants: a burst works between enter and leave of the gate and takes the ring from the queue
 * once. It looks at used buffers one by one and takes all of them together at its end; what was not
 * taken is still the device's. Whatever the device wrote is checked before use; on a lie the ring
 * is set broken, and packets that were good are still delivered. A buffer is taken before it is
 * freed, for a process may be killed in between (virtqueue.h). Counters are for packets handed to
 * the application or taken from it.
 */

#include "virtio_rx_body.h"
#include "virtio_tx_body.h"

#endif /* VIRTIO_RXTX_BODY_H */
