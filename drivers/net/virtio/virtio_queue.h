/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VIRTIO_QUEUE_H
#define VIRTIO_QUEUE_H

/**
 * @file
 * ethdev's queues: what lies between a ring and its pool.
 *
 * struct virtio_rxq and virtio_txq live from their first set-up to the port's close; only the ring
 * under them changes. A late burst finds a closed gate, not freed memory.
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "virtio_compat.h"
#include "virtio_gate.h"
#include "virtio_net.h"
#include "virtio_recovery.h"
#include "virtio_times.h"
#include "virtqueue.h"

struct virtio_port;

#define VIRTIO_MIN_RING 32

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

/** Counted by the control side, but for quarantined. */
struct virtio_queue_events {
	uint64_t resets;        /**< stops of this queue alone that were proven */
	uint64_t reset_dropped; /**< packets that a stop, of queue or port, threw away */
	uint64_t reset_ns;      /**< the last such stop, from the call to the last buffer freed */
	uint64_t quarantined;   /**< times that the ring was taken out of service; by the poller */
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
	struct virtio_gate gate __rte_cache_aligned;
	struct virtqueue *vq; /**< the ring, changed only behind a closed gate */
	struct virtio_port *port;
	uint16_t id;          /**< ethdev's number */
	bool is_rx;
	bool deferred;        /**< stays stopped when the port starts */
	bool watched;         /**< transmit: started, and not yet seen to be served */
	uint16_t watch_ticks; /**< watchdog's looks since there is work */
	uint16_t addr_at;     /**< where in an mbuf the buffer's address for the device is */
	uint16_t nb_desc;     /**< of the ring, as it was set up */
	int node;             /**< where the first ring was made, and so all that follow */
	struct virtio_queue_events events;
	struct virtio_times times;
	struct virtio_recovery recovery;
	bool intr_wanted;     /**< receive: the application wants interrupts; atomic */
	struct virtqueue *monitored; /**< receive: ring whose address was handed out last */
	struct virtqueue *retired;   /**< that ring, where it was replaced since */
};

/** Sixteen bytes of an mbuf, see virtio_mbuf_rearm(). */
typedef uint64_t virtio_rearm_t __attribute__((vector_size(16), may_alias));

/** The same of the fields from packet_type on. */
typedef uint32_t virtio_fields_t __attribute__((vector_size(16), may_alias));

struct virtio_rxq {
	struct virtio_queue q;
	/* Constant while the gate is open. */
	/**
	 * From a start to the proof of the next stop; in between the application may free it.
	 */
	struct rte_mempool *pool __rte_cache_aligned;
	virtio_rearm_t rearm; /**< what a received mbuf's fields from data_off on are set to */
	uint32_t buf_len;     /**< bytes of a buffer, header included */
	uint16_t free_thresh; /**< free descriptors from which on the ring is refilled; or none */
	uint16_t idle_thresh; /**< the same after a burst that brought nothing */
	bool vlan_strip;      /**< atomic: may be switched while the queue is polled */
	uint32_t room;        /**< bytes of a buffer for the frame */
	char pool_name[RTE_MEMPOOL_NAMESIZE];
	struct rte_eth_rxconf conf;
	/* The polling thread's. */
	struct virtio_counters counters __rte_cache_aligned;
};

struct virtio_txq {
	struct virtio_queue q;
	uint16_t free_thresh
		__rte_cache_aligned; /**< fewer free descriptors: completions are taken */
	bool indirect;        /**< INDIRECT_DESC is in force */
	bool not_reclaimed;   /**< its packets' pools are not for the worker, virtio_reclaim.h */
	uint64_t sent_before; /**< counters.packets, when the worker last looked */
	struct rte_eth_txconf conf;
	struct virtio_counters counters __rte_cache_aligned;
};

/** virtio_stats.c: the queue's counters. */
const struct virtio_counters *virtio_queue_counters(const struct virtio_queue *q);

/* ethdev's ops */
int virtio_rx_queue_setup(struct rte_eth_dev *edev, uint16_t id, uint16_t nb_desc,
			  unsigned int socket, const struct rte_eth_rxconf *conf,
			  struct rte_mempool *pool);
int virtio_tx_queue_setup(struct rte_eth_dev *edev, uint16_t id, uint16_t nb_desc,
			  unsigned int socket, const struct rte_eth_txconf *conf);
void virtio_rx_queue_release(struct rte_eth_dev *edev, uint16_t id);
void virtio_tx_queue_release(struct rte_eth_dev *edev, uint16_t id);
int virtio_rx_queue_start(struct rte_eth_dev *edev, uint16_t id);
int virtio_rx_queue_stop(struct rte_eth_dev *edev, uint16_t id);
int virtio_tx_queue_start(struct rte_eth_dev *edev, uint16_t id);
int virtio_tx_queue_stop(struct rte_eth_dev *edev, uint16_t id);
void virtio_rxq_info_get(struct rte_eth_dev *edev, uint16_t id, struct rte_eth_rxq_info *info);
void virtio_txq_info_get(struct rte_eth_dev *edev, uint16_t id, struct rte_eth_txq_info *info);

/* For the port's life; the port's lock is held. */

/** The queue, or NULL where it was never set up or the application has released it. */
struct virtio_queue *virtio_queue_rx(const struct virtio_port *port, uint16_t id);
struct virtio_queue *virtio_queue_tx(const struct virtio_port *port, uint16_t id);

/** The size that a ring of the device has where this one is asked for; or the device's error. */
int virtio_ring_size(struct virtio_port *port, uint16_t ring, uint16_t *nb_desc);

/** Whether its pool exists: after a stop the application may have freed it. */
bool virtio_queue_has_pool(const struct virtio_rxq *rxq);

/**
 * Before a start: fills a receive ring from its pool.
 *
 * @return
 *   0. -ENOMEM: not one buffer, nothing taken. -EINVAL: the pool has been freed.
 */
int virtio_queue_fill(struct virtio_queue *q);

/**
 * Before the port starts: a queue that has kept its set-up while the port was configured anew gets
 * buffers for the headers that there are now.
 *
 * @return
 *   0, or -EINVAL with a message where a receive queue's buffers do not hold a frame of the MTU.
 */
int virtio_queue_fit_buffers(struct virtio_queue *q);

/** After a start: lets bursts in. */
void virtio_queue_open(struct virtio_queue *q);

/**
 * Takes a running queue from under its polling thread for a moment; its ring is the caller's then,
 * as it is the thread's within a burst. False where it does not run, or is not to be had in time.
 *
 * @param[out] runs
 *   Set where it does run.
 */
bool virtio_queue_borrow(struct virtio_queue *q, uint32_t timeout_us, bool *runs);
/** Gives it back. */
void virtio_queue_return(struct virtio_queue *q);

/** Stops the queue, if it is not, and starts it: by the driver itself. */
int virtio_queue_restart(struct virtio_queue *q);

/** "rx" or "tx", for log lines. */
const char *virtio_queue_kind(const struct virtio_queue *q);

/** After a proven stop: counts what is lost, gives every buffer back. */
void virtio_queue_drain(struct virtio_queue *q);

/** The same for all queues that have a ring, those that the application has released too. */
void virtio_queues_drain(struct virtio_port *port);

/** Tells ethdev the state of the queue: STOPPED only where the ring is proven to be. */
void virtio_queue_show_state(struct virtio_queue *q);

/** Frees the rings of queues that the application has released; they are READY. */
void virtio_queues_forget_released(struct virtio_port *port);

/** Whether a thread is still within a burst or a query of a queue, though all gates are closed. */
bool virtio_queues_are_entered(const struct virtio_port *port);

/** Frees all queues. Those whose ring is not READY are left behind, with a log line. */
void virtio_queues_free(struct virtio_port *port);

#endif /* VIRTIO_QUEUE_H */
