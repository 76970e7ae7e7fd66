/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VIRTIO_ETHDEV_H
#define VIRTIO_ETHDEV_H

/**
 * @file
 * A port: a set of queues that share a device.
 *
 * Threads: ethdev's control calls come on one thread at a time. The driver itself acts on the
 * port's worker (virtio_worker.h); the port's lock is between the two. A holder of the lock may
 * wait for the device. So the lock is never taken on a thread of EAL's, and never held while the
 * application is called back, an interrupt handler is cancelled, or the worker is joined. Order of
 * locks: port, EAL's memory, the transport's channel.
 */

#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "virtio_compat.h"
#include "virtio_device.h"
#include "virtio_devargs.h"
#include "virtio_reclaim.h"
#include "virtio_rss.h"

struct vhost_mem;
struct virtio_ctrl_command;
struct virtio_port;
struct virtio_queue;
struct virtio_rxq;
struct virtio_txq;
struct virtio_worker;

#define VIRTIO_MAX_MAC_ADDRS 64

/** What the device is reached by; bus knowledge ends here. */
struct virtio_bus {
	/** Whether the device is there. */
	bool (*is_up)(struct virtio_device *dev);
	/** Meets the device anew after it was gone; -EAGAIN: nobody there. */
	int (*reconnect)(struct virtio_device *dev);
	/** What the worker polls for link changes, and for what; NULL: the bus raises the work. */
	int (*watch_fd)(struct virtio_device *dev);
	short (*watch_events)(struct virtio_device *dev);
	/** Lets the device know that this is the end, whatever it does. */
	void (*hang_up)(struct virtio_device *dev);
	/** At close: no event of the device reaches the port any more. NULL: there are none. */
	void (*unwatch)(struct virtio_port *port);
	/** Frees the transport. */
	void (*destroy)(struct virtio_device *dev);

	/** Feature bits that are wanted of such a device, beside those of every port. */
	uint64_t features;
	/** Every queue's partner is to be there, if need be empty; else those of pair 0 alone. */
	bool whole_pairs;
	/** The device's own word on its link; NULL: up as long as it is there. */
	int (*link_is_up)(struct virtio_device *dev, bool *up);
	/** Likewise on its speed, in Mb/s, and duplex; NULL, or left alone: it does not say. */
	int (*link_speed)(struct virtio_device *dev, struct rte_eth_link *link);
	/**
	 * Before the rings of a device are set up, and once it is reset: its interrupts. NULL: they
	 * take no part in that.
	 */
	int (*interrupts_on)(struct virtio_port *port);
	void (*interrupts_off)(struct virtio_port *port);
	/** What carries commands out; NULL: the device, by its control queue. */
	int (*command)(struct virtio_port *port, const struct virtio_ctrl_command *command);
	/**
	 * Puts the event descriptors of receive queues 0 to n - 1 into the port's interrupt handle,
	 * by queue, to be raised by the device from the next start of a ring on. 0: none any more;
	 * also after an error. On a port that is stopped. NULL: the device has no such interrupts.
	 */
	int (*rx_interrupts)(struct virtio_port *port, uint16_t n);
	/**
	 * Memory of the application's own, see rte_pmd_virtio.h. NULL: not by this bus.
	 * mem_table: what the device can reach; NULL: it cannot be told.
	 */
	int (*mem_attach)(struct virtio_device *dev, void *addr, size_t len, int fd,
			  uint64_t offset);
	int (*mem_detach)(struct virtio_device *dev, void *addr, size_t len);
	int (*mem_table)(struct virtio_device *dev, struct vhost_mem *mem);
};

/** Instructions that data paths are made of. */
enum virtio_isa {
	VIRTIO_ISA_SCALAR,
	VIRTIO_ISA_AVX2,
	VIRTIO_ISA_AVX512,
};

/**
 * In memory that processes share, at one address for all. What is of the primary process alone, by
 * what it points to or by its use, is marked so.
 */
struct virtio_port {
	uint64_t layout;           /**< virtio_secondary_layout(), as the primary has it */
	struct virtio_device dev;
	struct rte_eth_dev_data *data; /**< ethdev's part that is shared, too */
	const struct virtio_bus *bus;  /**< primary */
	struct rte_eth_dev *edev;      /**< primary */
	pthread_mutex_t lock;          /**< primary */
	struct virtio_devargs args;
	bool running;              /**< between a successful start and the next stop */
	bool mergeable;            /**< MRG_RXBUF is in force, as last configured */
	bool packed;               /**< RING_PACKED is in force, as last configured */
	bool in_order;             /**< IN_ORDER is in force, as last configured */
	bool hash;                 /**< HASH_REPORT is in force, as last configured */
	enum virtio_isa isa;       /**< what the data paths are made of, likewise */
	bool rx_offload;           /**< headers of received frames tell of offloads, likewise */
	bool tx_offload;           /**< headers of packets sent do, likewise */
	uint64_t offloads;         /**< feature bits that the configured offloads take */
	struct virtio_rxq **rxqs;  /**< by queue, made at first set-up, freed at close */
	struct virtio_txq **txqs;
	bool interrupts;           /**< those of the bus are on */
	uint16_t max_pairs;        /**< pairs of queues that the device has */
	uint16_t pairs_told;       /**< those that it was last told to use, by MQ; 0: not known */
	uint16_t max_mtu;          /**< the device's, 0 where it does not say */
	uint16_t tx_queue_size;    /**< default ring size for transmit; 0: args.queue_size */
	bool vlan_filter;          /**< the device can be told of VLANs */
	/**
	 * By ring: empty ones where the application has no such queue, but the device wants it.
	 */
	struct virtqueue **spares;
	bool has_ctrl;             /**< the device has a control queue that holds a command */
	struct virtqueue *ctrl;    /**< the control queue, NULL where there is none */
	struct virtio_rss rss;
	struct {
		struct rte_mempool *pool; /**< NULL: the port is not asked */
		uint64_t last_us;         /**< the last one; 0: never */
	} announce;
	uint16_t nb_rx_intr;       /**< receive queues that have an event descriptor */
	struct virtio_worker *worker;  /**< primary */
	bool starving;             /**< a receive queue has found its pool empty; atomic */
	struct virtio_reclaim reclaim;
	bool announced;            /**< what the application was last told: the link is up */
	bool reset_told;           /**< RTE_ETH_EVENT_INTR_RESET was raised, or will be */
	bool reset_event;          /**< it is the worker's to raise */
	bool was_up;               /**< the worker's: bus->is_up(), when it last looked */
	uint64_t accept_us;        /**< as server: no back-end is taken before */
	uint64_t accept_pause_us;  /**< the pause that this ends; 0: the last one was usable */
	uint64_t watchdog_us;      /**< when queues are looked at next; UINT64_MAX: not at all */
};

static inline struct virtio_port *
virtio_port(const struct rte_eth_dev *edev)
{
	return edev->data->dev_private;
}

/** The ethdev of a port of this driver, in this process; NULL where it is none. */
struct rte_eth_dev *virtio_edev_of(uint16_t port_id);

/**
 * Makes an ethdev port of a device that was met by its bus.
 *
 * @return
 *   0, -ENOMEM.
 */
int virtio_port_create(struct rte_eth_dev *edev);

/**
 * Stops the port, if need be, and gives everything back but the ethdev itself. Any state.
 *
 * @return
 *   0. -EBUSY: a thread is within a burst and does not come out; what it may use next is left
 *   behind, with a log line, and the device's registers are to stay mapped.
 */
int virtio_port_close(struct rte_eth_dev *edev);

/* virtio_port.c */

/** Pairs of queues that the application has configured, counted by the longer side. */
uint16_t virtio_port_pairs(const struct virtio_port *port);

/** Calls fn on each queue that ethdev shows, until it answers other than 0; that answer. */
int virtio_port_each_queue(struct virtio_port *port,
			   int (*fn)(struct virtio_queue *q, void *arg), void *arg);

/** Calls fn on each queue that has a ring, also where the application has released it. */
void virtio_port_each_ring(struct virtio_port *port, int (*fn)(struct virtio_queue *q, void *arg),
			   void *arg);

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

/* ethdev's ops that read alone, for a secondary process too. */
int virtio_dev_infos_get(struct rte_eth_dev *edev, struct rte_eth_dev_info *info);
const uint32_t *virtio_supported_ptypes_get(VIRTIO_PTYPES_GET_ARGS);

/* virtio_filter.c: ethdev's ops */
int virtio_promiscuous_enable(struct rte_eth_dev *edev);
int virtio_promiscuous_disable(struct rte_eth_dev *edev);
int virtio_allmulticast_enable(struct rte_eth_dev *edev);
int virtio_allmulticast_disable(struct rte_eth_dev *edev);
int virtio_mac_addr_set(struct rte_eth_dev *edev, struct rte_ether_addr *addr);
int virtio_mac_addr_add(struct rte_eth_dev *edev, struct rte_ether_addr *addr, uint32_t index,
			uint32_t pool);
void virtio_mac_addr_remove(struct rte_eth_dev *edev, uint32_t index);
int virtio_vlan_filter_set(struct rte_eth_dev *edev, uint16_t vlan, int on);
/** Whether the application wants VLANs filtered, as last configured. */
bool virtio_filters_vlans(const struct virtio_port *port);
/** After a device reset: the VLANs, which ethdev does not say again. Port's lock held. */
int virtio_filter_restore(struct virtio_port *port);

/* virtio_link.c */
int virtio_link_update(struct rte_eth_dev *edev, int wait_to_complete);
/** Reads the link and shows it to ethdev. Port's lock held. */
void virtio_link_refresh(struct virtio_port *port);
/** Whether the link is another one than the application knows; from here on it does. */
bool virtio_link_announce(struct virtio_port *port);
/**
 * The worker, with the port's lock held: notices the end of a connection, takes the next back-end,
 * refreshes the link.
 *
 * @param changed
 *   The device says that its configuration has changed.
 * @return
 *   The application is to be called back with RTE_ETH_EVENT_INTR_LSC.
 */
bool virtio_link_serve(struct virtio_port *port, bool changed);
/**
 * Port's lock held: what the worker is to poll next, where there is anything, and when it is to
 * look again at the latest. Both are left alone otherwise.
 */
void virtio_link_watch(struct virtio_port *port, struct pollfd *watched, uint64_t *until_us);
/** Sets the watchdog for queues that were just started. Port's lock held. */
void virtio_watchdog_arm(struct virtio_port *port);
/** The worker, with the port's lock held: looks at queues that are not known to be served. */
void virtio_watchdog_serve(struct virtio_port *port);

/* virtio_telemetry.c: ports that telemetry knows of; not with the port's lock held */
void virtio_telemetry_add(struct virtio_port *port);
void virtio_telemetry_remove(struct virtio_port *port);
/** Calls fn on such a port, which is not closed meanwhile. What fn says; -ENODEV: no such port. */
int virtio_telemetry_visit(uint16_t port_id, int (*fn)(struct virtio_port *port));

/* virtio_stats.c */
int virtio_stats_get(VIRTIO_STATS_GET_ARGS);
/** At configure: a NOTICE where the port has more queues than ethdev's telemetry shows. */
void virtio_stats_configure(const struct rte_eth_dev *edev);
int virtio_stats_reset(struct rte_eth_dev *edev);
int virtio_xstats_get(struct rte_eth_dev *edev, struct rte_eth_xstat *xstats, unsigned int n);
int virtio_xstats_get_names(struct rte_eth_dev *edev, struct rte_eth_xstat_name *names,
			    unsigned int n);
int virtio_queue_stats_mapping_set(struct rte_eth_dev *edev, uint16_t queue, uint8_t stat,
				   uint8_t is_rx);

#endif /* VIRTIO_ETHDEV_H */
