/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VIRTIO_H
#define VIRTIO_H

/**
 * @file
 * The types of the driver: a bus, a port, and the queues of ethdev. What the functions of a module
 * do with them is in the header of that module.
 *
 * Threads: ethdev's control calls come on one thread at a time. The driver itself acts on the
 * port's worker (virtio_worker.h); the port's lock is between the two. A holder of the lock may
 * wait for the device. So the lock is never taken on a thread of EAL's, and never held while the
 * application is called back, an interrupt handler is cancelled, or the worker is joined. Order of
 * locks: port, EAL's memory, the transport's channel.
 */

#include <pthread.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_vect.h>

#include <ethdev_driver.h>

#include "virtio_compat.h"
#include "virtio_device.h"
#include "virtio_devargs.h"
#include "virtio_gate.h"
#include "virtio_layout.h"
#include "virtio_net.h"
#include "virtio_reclaim.h"
#include "virtio_recovery.h"
#include "virtio_rss.h"
#include "virtio_times.h"
#include "virtqueue.h"

#define VIRTIO_MIN_RING 32

struct vhost_mem;
struct virtio_ctrl_command;
struct virtio_port;
struct virtio_queue;
struct virtio_rxq;
struct virtio_txq;
struct virtio_worker;

#define VIRTIO_MAX_MAC_ADDRS 64

/** Operations of a bus. Code above it does not depend on the bus. */
struct virtio_bus {
	/** Whether the device is there. */
	bool (*is_up)(struct virtio_device *dev);
	/** Connects again after the device was gone; -EAGAIN: no back-end has connected yet. */
	int (*reconnect)(struct virtio_device *dev);
	/** What the worker polls for link changes, and for what; NULL: the bus raises the work. */
	int (*watch_fd)(struct virtio_device *dev);
	short (*watch_events)(struct virtio_device *dev);
	/** The worker, before it looks at the link: takes what that has. NULL: nothing to take. */
	void (*take_events)(struct virtio_device *dev);
	/** Ends the connection, whatever the device does. */
	void (*disconnect)(struct virtio_device *dev);
	/** At close: no event of the device reaches the port any more. NULL: there are none. */
	void (*unwatch)(struct virtio_port *port);
	/** Frees the transport. */
	void (*destroy)(struct virtio_device *dev);

	/** A device that is gone may come back, so a port starts without its device. */
	bool returns;
	/** A port does not start without its device, but reconnect may open the device again. */
	bool reopens;
	/** Feature bits that are wanted of such a device, beside those of every port. */
	uint64_t features;
	/** Every queue's partner is to be there, if need be empty; else those of pair 0 alone. */
	bool whole_pairs;
	/** Link state that the device reports; NULL: up while the device is there. */
	int (*link_is_up)(struct virtio_device *dev, bool *up);
	/** Speed in Mb/s and duplex of the device; NULL, or unchanged: unknown. */
	int (*link_speed)(struct virtio_device *dev, struct rte_eth_link *link);
	/**
	 * Before the rings of a device are set up, and once it is reset: its interrupts. NULL: they
	 * take no part in that.
	 */
	int (*interrupts_on)(struct virtio_port *port);
	void (*interrupts_off)(struct virtio_port *port);
	/** Name of the kernel's network interface that is the other end. NULL: there is none. */
	const char *(*interface)(const struct virtio_device *dev);
	/** Sets the port's MTU on the device. NULL: the device does not need it. */
	int (*set_mtu)(struct virtio_device *dev, uint16_t mtu);
	/** Carries out commands; NULL: the device does, by its control queue. */
	int (*command)(struct virtio_port *port, const struct virtio_ctrl_command *command);
	/**
	 * Puts the event descriptors of receive queues 0 to n - 1 into the port's interrupt handle,
	 * by queue, to be raised by the device from the next start of a ring on. 0: none any more;
	 * also after an error. On a port that is stopped. NULL: the device has no such interrupts.
	 */
	int (*rx_interrupts)(struct virtio_port *port, uint16_t n);
	/**
	 * Memory of the application's own, see rte_pmd_virtio.h. NULL: not by this bus.
	 * mem_table, or mem_has: what the device can reach; NULL: unknown.
	 */
	int (*mem_attach)(struct virtio_device *dev, void *addr, size_t len, int fd,
			  uint64_t offset);
	int (*mem_detach)(struct virtio_device *dev, void *addr, size_t len);
	int (*mem_table)(struct virtio_device *dev, struct vhost_mem *mem);
	bool (*mem_has)(struct virtio_device *dev, const void *addr, size_t len);
};

/** Instructions that data paths are made of. */
enum virtio_isa {
	VIRTIO_ISA_SCALAR,
	VIRTIO_ISA_AVX2,
	VIRTIO_ISA_AVX512,
	VIRTIO_ISA_NEON,
};

/**
 * In memory that processes share, at one address for all. What is of the primary process alone, by
 * what it points to or by its use, is marked so.
 */
struct virtio_port {
	struct virtio_layout layout; /**< as the primary has it; first in every version */
	struct virtio_device dev;
	struct rte_eth_dev_data *data; /**< ethdev's part that is shared, too */
	const struct virtio_bus *bus;  /**< primary */
	struct rte_eth_dev *edev;      /**< primary */
	pthread_mutex_t lock;          /**< primary */
	struct virtio_devargs args;

	/* Set at probe. */
	uint16_t max_pairs;        /**< pairs of queues that the device has */
	uint16_t max_mtu;          /**< the device's, 0 where it does not say */
	uint16_t tx_queue_size;    /**< default ring size for transmit; 0: args.queue_size */
	bool vlan_filter;          /**< the device can filter VLANs */
	bool has_ctrl;             /**< the device has a control queue that holds a command */

	/* Set by rte_eth_dev_configure(). */
	enum virtio_isa isa;       /**< instructions of the data paths */
	bool mergeable;            /**< MRG_RXBUF is in force */
	bool packed;               /**< RING_PACKED is in force */
	bool in_order;             /**< IN_ORDER is in force */
	bool hash;                 /**< HASH_REPORT is in force */
	bool rx_offload;           /**< headers of received frames have offload fields */
	bool tx_offload;           /**< headers of sent packets have offload fields */
	bool platform_order;       /**< ORDER_PLATFORM is in force */
	uint64_t offloads;         /**< feature bits that the configured offloads take */
	uint16_t nb_rx_intr;       /**< receive queues that have an event descriptor */
	struct virtio_rss rss;     /**< and by ethdev's RSS calls */

	/* Set by set-up and close of queues. */
	struct virtio_rxq **rxqs;  /**< by queue, made at first set-up, freed at close */
	struct virtio_txq **txqs;

	/* Set by start and stop, of the port or a queue, with the lock held. */
	/** Between a successful start and the next stop, also while the device is away. */
	bool running;
	bool interrupts;           /**< those of the bus are on */
	uint16_t pairs_sent;       /**< number that the device uses by MQ; 0: not known */
	/**
	 * By ring: empty ones where the application has no such queue, but the device wants it.
	 */
	struct virtqueue **placeholders;
	struct virtqueue *ctrl;    /**< the control queue, NULL where there is none */

	/* Set by control calls and the worker, with the lock held. */
	bool reset_reported;           /**< RTE_ETH_EVENT_INTR_RESET was raised, or will be */
	bool reset_event;          /**< it is the worker's to raise */
	uint64_t watchdog_us;      /**< when queues are looked at next; UINT64_MAX: not at all */
	struct {
		struct rte_mempool *pool; /**< NULL: the port is not asked */
		uint64_t last_us;         /**< the last one; 0: never */
	} announce;

	/* Set by the worker alone, with the lock held. */
	struct virtio_worker *worker;  /**< primary */
	bool was_up;               /**< bus->is_up(), when the worker last looked */
	uint64_t accept_us;        /**< as server: no back-end is taken before */
	uint64_t accept_pause_us;  /**< the pause that this ends; 0: the last one was usable */
	struct virtio_reclaim reclaim;

	/* Set by any thread. */
	RTE_ATOMIC(bool) starving; /**< a receive queue has found its pool empty */
	RTE_ATOMIC(bool) link_reported; /**< up, as the application was last called back */
};

static inline struct virtio_port *
virtio_port(const struct rte_eth_dev *edev)
{
	return edev->data->dev_private;
}

/** Pairs of queues that the application has configured, counted by the longer side. */
static inline uint16_t
virtio_port_pairs(const struct virtio_port *port)
{
	const uint16_t pairs = RTE_MAX(port->data->nb_rx_queues, port->data->nb_tx_queues);

	return RTE_MAX(pairs, 1);
}

/**
 * Data of one transmit descriptor that lies in the ring's memory: header, indirect table. A header
 * with HASH_REPORT ends in the table's first entry, so the table begins with the second one then.
 */
#define VIRTIO_TX_TABLE 7
struct virtio_tx_slot {
	union {
		struct {
			struct virtio_net_hdr hdr;
			uint32_t pad;
			union {
				struct vring_desc table[VIRTIO_TX_TABLE];
				struct vring_packed_desc packed[VIRTIO_TX_TABLE];
			};
		};
		struct virtio_net_hdr_hash hash_hdr;
	};
};
static_assert(sizeof(struct virtio_tx_slot) == 128, "two cache lines");

#define VIRTIO_SIZE_BINS 8

/** Counted by the polling thread. */
struct virtio_counters {
	uint64_t packets;
	uint64_t bytes;
	uint64_t errors;
	uint64_t multicast;
	uint64_t broadcast;
	uint64_t size[VIRTIO_SIZE_BINS];
	uint64_t no_mbuf; /**< receive: buffers that the pool did not have */
};

/** Counted by the control side, but for broken. */
struct virtio_queue_events {
	uint64_t resets;        /**< stops of this queue alone that were proven */
	uint64_t reset_dropped; /**< packets that a stop, of queue or port, threw away */
	uint64_t reset_ns;      /**< the last such stop, from the call to the last buffer freed */
	uint64_t broken;        /**< times that the ring was taken out of service; by the poller */
	uint64_t unserved;      /**< starts after which the device did not serve the queue */
	uint64_t announced;     /**< transmit: frames that the driver has sent by itself */
	uint64_t reclaimed_idle; /**< transmit: sent packets given back while idle */
	uint64_t recovered;     /**< recovery=auto: stops and starts by the driver that worked */
	uint64_t recovery_failed; /**< those that did not */
};

/**
 * What a receive and a transmit queue share; first member of both.
 *
 * A secondary process without this plug-in has the packaged driver, which takes a queue for one of
 * its own and its first bytes for counters that it may reset.
 */
struct virtio_queue {
	uint8_t not_ours[192];
	alignas(RTE_CACHE_LINE_SIZE) struct virtio_gate gate;
	struct virtqueue *vq; /**< the ring, changed only behind a closed gate */
	struct virtio_port *port;
	uint16_t id;          /**< ethdev's number */
	bool is_rx;
	bool deferred;        /**< stays stopped when the port starts */
	bool watched;         /**< transmit: started, and not yet seen to be served */
	RTE_ATOMIC(bool) shown; /**< ethdev has it: set up, and not released since */
	uint16_t watch_ticks; /**< watchdog's looks since there is work */
	uint16_t addr_at;     /**< where in an mbuf the buffer's address for the device is */
	uint16_t nb_desc;     /**< of the ring, as it was set up */
	int node;             /**< where the first ring was made, and so all that follow */
	struct virtio_queue_events events;
	struct virtio_times times;
	struct virtio_recovery recovery;
	RTE_ATOMIC(bool) intr_wanted; /**< receive: the application wants interrupts */
	struct virtqueue *monitored; /**< receive: ring whose address was handed out last */
	struct virtqueue *retired;   /**< that ring, where it was replaced since */
};

/** Sixteen bytes of an mbuf, see virtio_mbuf_rearm(). */
typedef rte_v128u64_t virtio_rearm_t __rte_may_alias;

/** The same of the fields from packet_type on. */
typedef rte_v128u32_t virtio_fields_t __rte_may_alias;

/**
 * Packed rings: a burst that has caught up with the device reads the cache line that the device
 * writes next, and the device has to fetch the line once more for each such look. For some time
 * after that, bursts look at one descriptor further ahead, and take no used buffer before the
 * device has used that one. In transmit with IN_ORDER they look at none.
 */
struct virtio_look_ahead {
	uint64_t cycles; /**< how long, of the time stamp counter; 0: not at all */
	uint64_t since;  /**< the polling thread's: when it began */
	bool on;         /**< the polling thread's: it began, and no burst has seen its end */
};

/** Fewest descriptors of a ring whose bursts look ahead: a shorter ring holds few bursts. */
#define VIRTIO_AHEAD_MIN_RING 128

/** Transmit: of a full ring, the packets that are behind the descriptor that is looked at. */
#define VIRTIO_TX_AHEAD_LEFT 64

static_assert(VIRTIO_TX_AHEAD_LEFT < VIRTIO_AHEAD_MIN_RING, "there is one to look at");

struct virtio_rxq {
	struct virtio_queue q;
	/* Constant while the gate is open. */
	/**
	 * From a start to the proof of the next stop; in between the application may free it.
	 */
	alignas(RTE_CACHE_LINE_SIZE) struct rte_mempool *pool;
	virtio_rearm_t rearm; /**< what a received mbuf's fields from data_off on are set to */
	uint32_t buf_len;     /**< bytes of a buffer, header included */
	uint16_t free_thresh; /**< free descriptors from which on the ring is refilled; or none */
	uint16_t idle_thresh; /**< the same after a burst that brought nothing */
	uint16_t slow_thresh; /**< the same where packets come one by one; packed rings */
	RTE_ATOMIC(bool) vlan_strip; /**< atomic: may be switched while the queue is polled */
	bool scatters;        /**< the application takes frames of several buffers */
	uint32_t room;        /**< bytes of a buffer for the frame */
	char pool_name[RTE_MEMPOOL_NAMESIZE];
	struct rte_eth_rxconf conf;
	/* The polling thread's. */
	alignas(RTE_CACHE_LINE_SIZE) struct virtio_counters counters;
	struct virtio_look_ahead ahead;
	uint16_t look_at;     /**< descriptor that is looked at then, before it is rounded */
	/** Packets of the last burst that brought any; 0: no longer looking ahead. */
	uint16_t last_burst;
	bool scatter_logged;  /**< that a frame was dropped, as `scatters` is false */
};

struct virtio_txq {
	struct virtio_queue q;
	/** Fewer free descriptors: completions are taken. */
	alignas(RTE_CACHE_LINE_SIZE) uint16_t free_thresh;
	bool indirect;        /**< INDIRECT_DESC is in force, and the ring as long as a table */
	bool not_reclaimed;   /**< its packets' pools are not for the worker, virtio_reclaim.h */
	/** Mask of what has to be 0 in the last 4 bytes of a header with nothing to say. */
	uint32_t hdr_last;
	uint64_t sent_before; /**< counters.packets, when the worker last looked */
	struct rte_eth_txconf conf;
	/* The polling thread's. */
	alignas(RTE_CACHE_LINE_SIZE) struct virtio_counters counters;
	struct virtio_look_ahead ahead;
};

/** "rx" or "tx", for log lines. */
static inline const char *
virtio_queue_kind(const struct virtio_queue *q)
{
	return q->is_rx ? "rx" : "tx";
}

#endif /* VIRTIO_H */
