/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>

#include <rte_alarm.h>

#include "virtio_ethdev.h"
#include "virtio_log.h"
#include "virtio_needs_reset.h"

/* The port may have been restarted meanwhile, and be another's to touch after a call-back. */
static bool
is_news(struct virtio_port *port)
{
	bool news;

	pthread_mutex_lock(&port->lock);
	news = port->dev.needs_reset && !port->unwatching;
	pthread_mutex_unlock(&port->lock);
	return news;
}

static void
tell_reset(void *arg)
{
	struct virtio_port *port = arg;

	if (is_news(port))
		virtio_link_call_back(port, RTE_ETH_EVENT_INTR_RESET);
}

/* Each event has an alarm of its own: the port may be closed in the call-back for the first. */
static void
tell_link(void *arg)
{
	struct virtio_port *port = arg;

	if (!is_news(port))
		return;
	if (rte_eal_alarm_set(1, tell_reset, port) != 0)
		VIRTIO_LOG(ERR, "port %u: no alarm to be had: RTE_ETH_EVENT_INTR_RESET is not "
			   "raised", port->data->port_id);
	virtio_link_update(port->edev, 0);
	virtio_link_tell(port);
}

int
virtio_needs_reset(struct virtio_port *port)
{
	const bool known = port->dev.needs_reset;
	int ret;

	if (port->bus->command != NULL)
		return 0;
	ret = virtio_device_check(&port->dev);
	if (ret != -EIO)
		port->reset_told = false;
	else if (!port->reset_told && !port->unwatching) {
		/* Not from here: this may be a call of the application's. */
		port->reset_told = rte_eal_alarm_set(1, tell_link, port) == 0;
		if (!port->reset_told && !known)
			VIRTIO_LOG(ERR, "port %u: no alarm to be had: the application is not told "
				   "that the device needs a reset", port->data->port_id);
	}
	return ret;
}

void
virtio_needs_reset_cancel(struct virtio_port *port)
{
	rte_eal_alarm_cancel(tell_link, port);
	rte_eal_alarm_cancel(tell_reset, port);
}
