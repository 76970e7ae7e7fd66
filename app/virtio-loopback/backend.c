/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_cycles.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_vhost.h>

#include <vhost_ring_reset.h>

#include "backend.h"
#include "counter.h"
#include "frame.h"
#include "idle.h"
#include "pool.h"
#include "socket_path.h"

#define BURST 32u
#define SOURCE_LEN_MAX 1514u	/* fits one buffer of any front-end */
#define POOL_CACHE 64u
/* One buffer holds any packet: librte_vhost drops a packet that it finds no second buffer for. */
#define POOL_ROOM (RTE_PKTMBUF_HEADROOM + FRAME_MAX)
#define QUIET_TIMEOUT_MS 5000u

struct __rte_cache_aligned backend_queue {
	/* Written by the message thread. */
	_Atomic bool enabled[2];		/* receive ring (2n), transmit ring (2n + 1) */
	_Atomic uint32_t resets[2], restarts[2];

	/* Written by the polling thread. */
	uint16_t held;				/* packets in mbufs, from first on */
	uint16_t first;
	struct rte_mbuf *mbufs[BURST];
	uint64_t next_number;			/* as a source: of the next packet made */
	uint64_t expected_number;		/* as a source: of the next packet taken */
	counter_t held_counter;
	counter_t taken, taken_bytes, written, written_bytes, discarded;
	counter_t numbered, missing, reordered;
};

struct backend {
	struct backend_conf conf;
	struct socket_path_file socket;		/* as a server */
	struct rte_mempool *pool;
	struct backend_queue *queue;
	uint32_t connection_seen;		/* by the polling thread */
	_Atomic uint32_t connection;		/* counts them */
	_Atomic int vid;			/* -1: no connection */
	_Atomic bool running;			/* between new_device and destroy_device */
	_Atomic bool inside;			/* the polling thread may be in librte_vhost */
	_Atomic bool quit;
};

/* librte_vhost hands its call-backs no argument, and a process has one back-end. */
static struct backend *the_backend;

static uint32_t
pool_size(uint16_t queues)
{
	return queues * 2 * BURST + 4 * POOL_CACHE;
}

uint64_t
backend_memory(uint16_t queues)
{
	/* Beside the pool, librte_vhost's own for each ring. */
	return pool_memory(pool_size(queues), POOL_ROOM) + queues * UINT64_C(0x80000);
}

/* The rings of a device count as in vhost-user; which of ours, or NULL. */
static struct backend_queue *
queue_of_ring(uint16_t ring)
{
	return ring / 2 < the_backend->conf.queues ? &the_backend->queue[ring / 2] : NULL;
}

/*
 * The call-backs below run on librte_vhost's message thread, those about single rings with the
 * locks of all rings held: they set a flag and return.
 */
static void
ring_stopped(int vid __rte_unused, uint16_t ring, void *arg __rte_unused)
{
	struct backend_queue *queue = queue_of_ring(ring);

	if (queue != NULL)
		atomic_fetch_add(&queue->resets[ring & 1], 1);
}

static void
ring_started(int vid __rte_unused, uint16_t ring, void *arg __rte_unused)
{
	struct backend_queue *queue = queue_of_ring(ring);

	if (queue != NULL)
		atomic_fetch_add(&queue->restarts[ring & 1], 1);
}

static int
vring_state_changed(int vid __rte_unused, uint16_t ring, int enable)
{
	struct backend_queue *queue = queue_of_ring(ring);

	if (queue != NULL)
		atomic_store(&queue->enabled[ring & 1], enable != 0);
	return 0;
}

static int
new_connection(int vid)
{
	static const struct vhost_ring_reset_notify notify = {
		.ring_stopped = ring_stopped,
		.ring_started = ring_started,
	};
	int none = -1;
	uint16_t q;
	int ret;

	if (!atomic_compare_exchange_strong(&the_backend->vid, &none, vid)) {
		fprintf(stderr, "back-end: a second connection refused, one is served already\n");
		return -1;
	}
	for (q = 0; q < the_backend->conf.queues; q++) {
		atomic_store(&the_backend->queue[q].enabled[0], false);
		atomic_store(&the_backend->queue[q].enabled[1], false);
	}
	ret = the_backend->conf.stock ? 0 : vhost_ring_reset_attach(vid, &notify, NULL);
	if (ret != 0) {
		fprintf(stderr, "back-end: single rings cannot be reset: %s\n", strerror(-ret));
		atomic_store(&the_backend->vid, -1);
		return -1;
	}
	atomic_fetch_add(&the_backend->connection, 1);
	return 0;
}

static void
destroy_connection(int vid)
{
	if (!the_backend->conf.stock)
		vhost_ring_reset_detach(vid);
	if (atomic_load(&the_backend->vid) == vid)
		atomic_store(&the_backend->vid, -1);
}

static int
new_device(int vid)
{
	if (atomic_load(&the_backend->vid) != vid)
		return -1;
	atomic_store(&the_backend->running, true);
	return 0;
}

/* No ring's lock is held here: waiting for the polling thread is right, and asked for. */
static void
destroy_device(int vid)
{
	uint64_t deadline = rte_get_timer_cycles() + rte_get_timer_hz() * QUIET_TIMEOUT_MS / 1000;
	const struct timespec ten_us = { .tv_nsec = 10000 };

	if (atomic_load(&the_backend->vid) != vid)
		return;
	atomic_store(&the_backend->running, false);
	while (atomic_load(&the_backend->inside)) {
		if (rte_get_timer_cycles() > deadline) {
			/* Its memory goes away now: the thread would touch what is not there. */
			rte_exit(EXIT_FAILURE, "back-end: the polling thread did not leave the "
				"device within %u ms\n", QUIET_TIMEOUT_MS);
		}
		nanosleep(&ten_us, NULL);
	}
}

static const struct rte_vhost_device_ops device_ops = {
	.new_device = new_device,
	.destroy_device = destroy_device,
	.vring_state_changed = vring_state_changed,
	.new_connection = new_connection,
	.destroy_connection = destroy_connection,
};

static uint64_t
sum_of_bytes(struct rte_mbuf *const *mbufs, uint16_t n)
{
	uint64_t bytes = 0;
	uint16_t i;

	for (i = 0; i < n; i++)
		bytes += mbufs[i]->pkt_len;
	return bytes;
}

/* Write what is held, as far as the receive ring takes it. */
static uint16_t
write_held(struct backend *backend, int vid, uint16_t q)
{
	struct backend_queue *queue = &backend->queue[q];
	struct rte_mbuf **mbufs = queue->mbufs + queue->first;
	uint16_t n;

	if (queue->held == 0 || !atomic_load_explicit(&queue->enabled[0], memory_order_acquire))
		return 0;
	n = rte_vhost_enqueue_burst(vid, 2 * q, mbufs, queue->held);
	if (n == 0)
		return 0;
	counter_add(&queue->written, n);
	counter_add(&queue->written_bytes, sum_of_bytes(mbufs, n));
	/* They were copied. */
	rte_pktmbuf_free_bulk(mbufs, n);
	queue->first += n;
	queue->held -= n;
	counter_set(&queue->held_counter, queue->held);
	return n;
}

static void
hold(struct backend_queue *queue, uint16_t n)
{
	queue->first = 0;
	queue->held = n;
	counter_set(&queue->held_counter, n);
}

/* Take a burst off the transmit ring. */
static uint16_t
take(struct backend *backend, int vid, uint16_t q, struct rte_mbuf **mbufs)
{
	struct backend_queue *queue = &backend->queue[q];
	uint16_t n;

	if (!atomic_load_explicit(&queue->enabled[1], memory_order_acquire))
		return 0;
	n = rte_vhost_dequeue_burst(vid, 2 * q + 1, backend->pool, mbufs, BURST);
	if (n == 0)
		return 0;
	counter_add(&queue->taken, n);
	counter_add(&queue->taken_bytes, sum_of_bytes(mbufs, n));
	return n;
}

static uint16_t
echo(struct backend *backend, int vid, uint16_t q)
{
	struct backend_queue *queue = &backend->queue[q];
	uint16_t done = write_held(backend, vid, q), n;

	if (queue->held != 0)
		return done;
	n = take(backend, vid, q, queue->mbufs);
	if (n == 0)
		return done;
	hold(queue, n);
	return done + n + write_held(backend, vid, q);
}

/* Look at the numbers of what a transmit ring gave. */
static void
count_numbered(struct backend_queue *queue, uint16_t q, const struct rte_mbuf *mbuf)
{
	struct frame_number number;

	if (!frame_read_number(mbuf, &number) || number.queue != q)
		return;
	counter_add(&queue->numbered, 1);
	if (number.seq < queue->expected_number) {
		counter_add(&queue->reordered, 1);
		return;
	}
	counter_add(&queue->missing, number.seq - queue->expected_number);
	queue->expected_number = number.seq + 1;
}

static void
make_burst(struct backend *backend, uint16_t q)
{
	struct backend_queue *queue = &backend->queue[q];
	struct frame_number number = { .queue = q };
	struct frame frame;
	uint16_t n;

	for (n = 0; n < BURST; n++) {
		number.seq = queue->next_number;
		frame_make(&frame, &number, SOURCE_LEN_MAX);
		queue->mbufs[n] = frame_to_mbuf(&frame, backend->pool);
		if (queue->mbufs[n] == NULL)
			break;
		queue->next_number++;
	}
	hold(queue, n);
}

static uint16_t
make_and_take(struct backend *backend, int vid, uint16_t q)
{
	struct backend_queue *queue = &backend->queue[q];
	struct rte_mbuf *mbufs[BURST];
	uint16_t done, n, i;

	if (queue->held == 0)
		make_burst(backend, q);
	done = write_held(backend, vid, q);
	n = take(backend, vid, q, mbufs);
	for (i = 0; i < n; i++)
		count_numbered(queue, q, mbufs[i]);
	rte_pktmbuf_free_bulk(mbufs, n);
	return done + n;
}

static void
discard_held(struct backend_queue *queue)
{
	counter_add(&queue->discarded, queue->held);
	rte_pktmbuf_free_bulk(queue->mbufs + queue->first, queue->held);
	hold(queue, 0);
}

/* What was held for the last connection is nothing to the next one. */
static void
notice_connection(struct backend *backend)
{
	uint32_t connection = atomic_load(&backend->connection);
	uint16_t q;

	if (connection == backend->connection_seen)
		return;
	for (q = 0; q < backend->conf.queues; q++)
		discard_held(&backend->queue[q]);
	backend->connection_seen = connection;
}

static uint32_t
poll_rings(struct backend *backend)
{
	uint32_t done = 0;
	uint16_t q;
	int vid;

	/* Either we see that the device is gone, or destroy_device() sees us inside. */
	atomic_store(&backend->inside, true);
	if (atomic_load(&backend->running)) {
		vid = atomic_load(&backend->vid);
		notice_connection(backend);
		for (q = 0; q < backend->conf.queues; q++)
			done += backend->conf.source ? make_and_take(backend, vid, q) :
				echo(backend, vid, q);
	}
	atomic_store(&backend->inside, false);
	return done;
}

int
backend_thread(void *arg)
{
	struct backend *backend = arg;
	struct idle idle;
	uint16_t q;

	idle_init(&idle, backend->conf.shared_core);
	while (!atomic_load_explicit(&backend->quit, memory_order_acquire))
		idle_turn(&idle, poll_rings(backend) != 0);
	for (q = 0; q < backend->conf.queues; q++)
		discard_held(&backend->queue[q]);
	return 0;
}

void
backend_quit(struct backend *backend)
{
	atomic_store_explicit(&backend->quit, true, memory_order_release);
}

static void
backend_free(struct backend *backend)
{
	rte_mempool_free(backend->pool);
	rte_free(backend->queue);
	rte_free(backend);
	the_backend = NULL;
}

static int
backend_listen(struct backend *backend)
{
	const struct backend_conf *conf = &backend->conf;
	/* Without these flags the library would look into each packet for offloads. */
	uint64_t flags = RTE_VHOST_USER_NET_COMPLIANT_OL_FLAGS;
	int ret;

	if (conf->client) {
		flags |= RTE_VHOST_USER_CLIENT;
	} else {
		ret = socket_path_claim(conf->path, "back-end:");
		if (ret != 0)
			return ret;
	}
	if (rte_vhost_driver_register(conf->path, flags) != 0) {
		fprintf(stderr, "back-end: cannot register %s\n", conf->path);
		return -EINVAL;
	}
	if (rte_vhost_driver_callback_register(conf->path, &device_ops) != 0 ||
			rte_vhost_driver_start(conf->path) != 0) {
		fprintf(stderr, "back-end: cannot %s %s; the folder must exist and permit it\n",
			conf->client ? "connect to" : "listen on", conf->path);
		/* It unlinks a server's path, and another process may have taken that by now. */
		if (conf->client)
			rte_vhost_driver_unregister(conf->path);
		return -EADDRINUSE;
	}
	if (!conf->client)
		socket_path_note(conf->path, &backend->socket);
	return 0;
}

int
backend_open(const struct backend_conf *conf, struct backend **out)
{
	struct backend *backend = rte_zmalloc("backend", sizeof(*backend), RTE_CACHE_LINE_SIZE);
	int ret;

	if (backend == NULL)
		goto no_memory;
	backend->conf = *conf;
	atomic_init(&backend->vid, -1);
	backend->queue = rte_zmalloc("backend", conf->queues * sizeof(*backend->queue),
		RTE_CACHE_LINE_SIZE);
	backend->pool = pool_create("backend", 0, pool_size(conf->queues), POOL_CACHE, POOL_ROOM);
	if (backend->queue == NULL || backend->pool == NULL)
		goto no_memory;
	the_backend = backend;
	ret = backend_listen(backend);
	if (ret != 0) {
		backend_free(backend);
		return ret;
	}
	*out = backend;
	return 0;

no_memory:
	fprintf(stderr, "back-end: not enough memory for %u queues\n", conf->queues);
	if (backend != NULL)
		backend_free(backend);
	return -ENOMEM;
}

int
backend_close(struct backend *backend)
{
	int vid = atomic_load(&backend->vid);
	int ret = 0;

	if (backend->conf.client)
		rte_vhost_driver_unregister(backend->conf.path);
	else
		socket_path_release(backend->conf.path, &backend->socket,
			rte_vhost_driver_unregister);
	/* A connection that is ended by this ends without a call-back. */
	if (vid != -1 && !backend->conf.stock)
		vhost_ring_reset_detach(vid);
	if (pool_missing(backend->pool) != 0)
		ret = -EFAULT;
	backend_free(backend);
	return ret;
}

void
backend_counters(const struct backend *backend, uint16_t q, struct backend_counters *counters)
{
	const struct backend_queue *queue = &backend->queue[q];

	*counters = (struct backend_counters) {
		.taken = counter_get(&queue->taken),
		.taken_bytes = counter_get(&queue->taken_bytes),
		.written = counter_get(&queue->written),
		.written_bytes = counter_get(&queue->written_bytes),
		.held = counter_get(&queue->held_counter),
		.discarded = counter_get(&queue->discarded),
		.numbered = counter_get(&queue->numbered),
		.missing = counter_get(&queue->missing),
		.reordered = counter_get(&queue->reordered),
		.rx_enabled = atomic_load(&queue->enabled[0]),
		.tx_enabled = atomic_load(&queue->enabled[1]),
		.rx_resets = atomic_load(&queue->resets[0]),
		.tx_resets = atomic_load(&queue->resets[1]),
		.rx_restarts = atomic_load(&queue->restarts[0]),
		.tx_restarts = atomic_load(&queue->restarts[1]),
	};
}

void
backend_state(const struct backend *backend, struct backend_state *state)
{
	int vid = atomic_load(&backend->vid);

	state->connected = vid != -1;
	state->running = atomic_load(&backend->running);
	state->reset_negotiated = vid != -1 && !backend->conf.stock &&
		vhost_ring_reset_negotiated(vid);
}
