/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>

#include "virtio_event.h"
#include "virtio_needs_reset.h"

int
virtio_needs_reset(struct virtio_port *port)
{
	int ret;

	if (port->bus->command != NULL)
		return 0;
	ret = virtio_device_check(&port->dev);
	if (ret != -EIO) {
		port->reset_reported = false;
	} else if (!port->reset_reported) {
		port->reset_reported = true;
		port->reset_event = true;
		/* Not from here: this may be a call of the application's. The link is down, too. */
		virtio_event_raise(port, VIRTIO_WORK_LINK);
	}
	return ret;
}

bool
virtio_needs_reset_take(struct virtio_port *port)
{
	/* The port may have been restarted meanwhile. */
	const bool news = port->reset_event && port->dev.needs_reset;

	port->reset_event = false;
	return news;
}
