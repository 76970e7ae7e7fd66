/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VIRTIO_ETHDEV_H
#define VIRTIO_ETHDEV_H

/**
 * @file
 * A port: a set of queues that share a device.
 *
 * Threads: ethdev's control calls come on one thread at a time. The driver itself acts on EAL's
 * interrupt thread (link, reconnection, watchdog); the port's lock is between the two. The lock is
 * never held while the application is called back, nor while an alarm or an interrupt handler is
 * cancelled. Order of locks: port, EAL's memory, the transport's channel.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_interrupts.h>

#include "virtio_compat.h"
#include "virtio_device.h"
#include "virtio_devargs.h"

struct virtio_rxq;
struct virtio_txq;

/** What the device is reached by; bus knowledge ends here. */
struct virtio_bus {
	/** Whether the device is there. */
	bool (*is_up)(struct virtio_device *dev);
	/** Meets the device anew after it was gone; -EAGAIN: nobody there. */
	int (*reconnect)(struct virtio_device *dev);
	/** What to watch for link changes, -1 for nothing. */
	int (*watch_fd)(struct virtio_device *dev);
	/** Lets the device know that this is the end, whatever it does. */
	void (*hang_up)(struct virtio_device *dev);
	/** Frees the transport. */
	void (*destroy)(struct virtio_device *dev);
};

struct virtio_port {
	struct virtio_device dev;
	const struct virtio_bus *bus;
	struct rte_eth_dev *edev;
	pthread_mutex_t lock;
	struct virtio_devargs args;
	bool running;              /**< between a successful start and the next stop */
	bool mergeable;            /**< MRG_RXBUF is in force, as last configured */
	bool packed;               /**< RING_PACKED is in force, as last configured */
	bool in_order;             /**< IN_ORDER is in force, as last configured */
	bool vector;               /**< vector paths are taken, likewise */
	bool rx_offload;           /**< headers of received frames tell of offloads, likewise */
	bool tx_offload;           /**< headers of packets sent do, likewise */
	uint64_t offloads;         /**< feature bits that the configured offloads take */
	struct virtio_rxq **rxqs;  /**< by queue, made at first set-up, freed at close */
	struct virtio_txq **txqs;
	/**
	 * Empty rings 0 and 1 where the application has no such queue: no back-end starts without.
	 */
	struct virtqueue *spare[2];
	struct rte_intr_handle *watch;
	bool announced;            /**< what the application was last told: the link is up */
	bool unwatching;           /**< the port is being closed or reset: nothing is watched */
	bool watching;             /**< its handler is registered */
	bool rewatch;              /**< an alarm is set: there is another descriptor to watch */
	bool watchdog;             /**< its alarm is set */
};

static inline struct virtio_port *
virtio_port(const struct rte_eth_dev *edev)
{
	return edev->data->dev_private;
}

/**
 * Makes an ethdev port of a device that was met by its bus.
 *
 * @return
 *   0, -ENOMEM.
 */
int virtio_port_create(struct rte_eth_dev *edev);

/** Stops the port, if need be, and gives everything back but the ethdev itself. Any state. */
int virtio_port_close(struct rte_eth_dev *edev);

/**
 * Brings a device that was reset up with the queues as they stand: all rings enabled, those that
 * are not to run stopped again. Port's lock held.
 *
 * @param run_rx, run_tx
 *   By queue: whether it is to run.
 */
int virtio_port_bring_up(struct virtio_port *port, const bool *run_rx, const bool *run_tx);

/**
 * The opposite: all gates closed, the device reset, buffers given back. Port's lock held.
 *
 * Neither of the two changes what ethdev is told of the queues: while a port meets a new back-end a
 * queue that is to run must not look stopped, or a stop would not even reach the driver.
 */
int virtio_port_take_down(struct virtio_port *port);

/**
 * Takes the empty ring out of the way that stood in for queue 0, where a back-end came while the
 * application had no such queue. Before a queue with this ring index starts; port's lock held.
 */
int virtio_port_retire_spare(struct virtio_port *port, uint16_t ring);

/** Tells ethdev the state of each queue. Port's lock held. */
void virtio_port_show_states(struct virtio_port *port);

/* virtio_link.c */
int virtio_link_update(struct rte_eth_dev *edev, int wait_to_complete);
/** Whether the link is another one than the application knows; from here on it does. */
bool virtio_link_announce(struct virtio_port *port);
int virtio_link_watch(struct virtio_port *port);
void virtio_link_unwatch(struct virtio_port *port);
/** Whether this very thread is within a call-back about the link: its end cannot be waited for. */
bool virtio_link_calls_back(const struct virtio_port *port);
/** Sets the watchdog for queues that were just started. Port's lock held. */
void virtio_watchdog_arm(struct virtio_port *port);

/* virtio_stats.c */
int virtio_stats_get(VIRTIO_STATS_GET_ARGS);
int virtio_stats_reset(struct rte_eth_dev *edev);
int virtio_xstats_get(struct rte_eth_dev *edev, struct rte_eth_xstat *xstats, unsigned int n);
int virtio_xstats_get_names(struct rte_eth_dev *edev, struct rte_eth_xstat_name *names,
			    unsigned int n);
int virtio_queue_stats_mapping_set(struct rte_eth_dev *edev, uint16_t queue, uint8_t stat,
				   uint8_t is_rx);

#endif /* VIRTIO_ETHDEV_H */
