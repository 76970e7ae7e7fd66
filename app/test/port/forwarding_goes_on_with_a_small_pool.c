/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * An application that forwards, with a pool that the transmit rings can hold: sent packets that no
 * burst would take back are given back by the driver, and traffic goes on. A stop, a poller that is
 * inside a queue, pools that are not known to take several threads, and external buffers are left
 * alone.
 */

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rte_bus_vdev.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>
#include <rte_mempool.h>

#include "fake_vhost_user.h"
#include "test.h"
#include "virtio.h"
#include "virtio_process.h"
#include "virtio_queue.h"

#define HDR 12
#define LEN 64
#define BURST 32
#define EXTERNAL 512 /* bytes of an external buffer */

struct stand {
	struct fake_vu *vu;
	uint16_t port;
	uint16_t pairs;
	char name[32];
	struct rte_mempool *pool;
	uint64_t forwarded;
	struct rte_mbuf_ext_shared_info *external; /* packets get this buffer; NULL: they do not */
};

struct shape {
	uint16_t pairs;
	uint16_t size;
	unsigned int buffers;
	const char *handler; /* of the pool; NULL: the usual one */
};

static struct rte_mempool *
make_pool(const struct shape *shape)
{
	static unsigned int made;
	struct rte_mempool *pool;
	char name[RTE_MEMPOOL_NAMESIZE];

	snprintf(name, sizeof(name), "small%u", ++made);
	pool = rte_pktmbuf_pool_create_by_ops(name, shape->buffers, 0, 0,
					      RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY,
					      shape->handler);
	CHECK(pool != NULL);
	return pool;
}

static void
set_up(struct stand *s, const struct shape *shape, struct rte_mempool *pool)
{
	static unsigned int made;
	const struct rte_eth_conf conf = { 0 };
	char path[32], args[256];
	uint16_t q;

	memset(s, 0, sizeof(*s));
	snprintf(path, sizeof(path), "small%u", ++made);
	snprintf(s->name, sizeof(s->name), "net_virtio_user_s%u", made);
	s->vu = fake_vu_create(test_path(path));
	s->vu->queue_num = shape->pairs;
	if (test_packed())
		s->vu->features |= VU_F_PACKED;
	fake_vu_launch(s->vu);
	snprintf(args, sizeof(args), "path=%s,queues=%u,queue_reset=get_base,mrg_rxbuf=0,"
		 "packed_vq=%d", s->vu->path, shape->pairs, test_packed());
	CHECK_EQ(rte_vdev_init(s->name, args), 0);
	CHECK_EQ(rte_eth_dev_get_port_by_name(s->name, &s->port), 0);
	CHECK_EQ(rte_eth_dev_configure(s->port, shape->pairs, shape->pairs, &conf), 0);
	s->pairs = shape->pairs;
	s->pool = pool;
	for (q = 0; q < s->pairs; q++) {
		CHECK_EQ(rte_eth_rx_queue_setup(s->port, q, shape->size, SOCKET_ID_ANY, NULL,
						pool), 0);
		CHECK_EQ(rte_eth_tx_queue_setup(s->port, q, shape->size, SOCKET_ID_ANY, NULL), 0);
	}
	CHECK_EQ(rte_eth_dev_start(s->port), 0);
}

static void
tear_down(struct stand *s)
{
	CHECK_EQ(rte_vdev_uninit(s->name), 0);
	fake_vu_destroy(s->vu);
}

static void
free_pool(struct rte_mempool *pool)
{
	CHECK_EQ(rte_mempool_in_use_count(pool), 0);
	rte_mempool_free(pool);
}

/* The device sends a burst and takes whatever is there to be taken. */
static void
device(struct stand *s, uint16_t q)
{
	struct device_chain chain;
	unsigned int i;

	if (fake_vu_is_enabled(s->vu, 2 * q)) {
		struct ring_device *rx = fake_vu_ring(s->vu, 2 * q);

		for (i = 0; i < BURST && ring_device_take(rx, &chain); i++) {
			const uint16_t one = 1;

			memset(chain.part[0].at, 0, HDR + LEN);
			memcpy(chain.part[0].at + 10, &one, sizeof(one));
			ring_device_use(rx, chain.head, HDR + LEN);
		}
	}
	if (fake_vu_is_enabled(s->vu, 2 * q + 1)) {
		struct ring_device *tx = fake_vu_ring(s->vu, 2 * q + 1);

		while (ring_device_take(tx, &chain))
			ring_device_use(tx, chain.head, 0);
	}
}

/*
 * One burst from a port's queue to the other's, as applications have it: with nothing received
 * there is no transmit burst, which would make room. What is not taken is dropped.
 */
static unsigned int
forward(struct stand *from, struct stand *to, uint16_t q)
{
	struct rte_mbuf *m[BURST];
	const uint16_t n = rte_eth_rx_burst(from->port, q, m, BURST);
	uint16_t sent, i;

	for (i = 0; i < n && from->external != NULL; i++) {
		rte_pktmbuf_attach_extbuf(m[i], from->external + 1, RTE_BAD_IOVA, EXTERNAL,
					  from->external);
		m[i]->data_off = RTE_PKTMBUF_HEADROOM;
		m[i]->data_len = LEN;
	}
	sent = n == 0 ? 0 : rte_eth_tx_burst(to->port, q, m, n);
	if (sent < n)
		rte_pktmbuf_free_bulk(m + sent, n - sent);
	from->forwarded += sent;
	return n;
}

static void
pass(struct stand *from, struct stand *to)
{
	uint16_t q;

	for (q = 0; q < from->pairs; q++) {
		device(from, q);
		if (to != from)
			device(to, q);
		forward(from, to, q);
	}
}

static void
forward_packets(struct stand *from, struct stand *to, uint64_t packets)
{
	const uint64_t wanted = from->forwarded + packets;
	const time_t start = time(NULL);

	while (from->forwarded < wanted) {
		if (time(NULL) - start > 60)
			test_fail(__FILE__, __LINE__, "%llu packets are forwarded, and no more",
				  (unsigned long long)from->forwarded);
		pass(from, to);
	}
}

static uint64_t
xstat(const struct stand *s, const char *format, uint16_t queue)
{
	char name[RTE_ETH_XSTATS_NAME_SIZE];
	uint64_t id, value;

	snprintf(name, sizeof(name), format, queue);
	CHECK_EQ(rte_eth_xstats_get_id_by_name(s->port, name, &id), 0);
	CHECK_EQ(rte_eth_xstats_get_by_id(s->port, &id, &value, 1), 1);
	return value;
}

static uint64_t
reclaimed(const struct stand *s)
{
	uint64_t sum = 0;
	uint16_t q;

	for (q = 0; q < s->pairs; q++)
		sum += xstat(s, "tx_q%u_reclaimed_idle", q);
	return sum;
}

static void
goes_on(const struct shape *shape)
{
	struct rte_mempool *pool = make_pool(shape);
	struct stand s;

	set_up(&s, shape, pool);
	forward_packets(&s, &s, 8 * shape->buffers);
	CHECK(reclaimed(&s) > 0);
	CHECK_EQ(test_logged("transmit rings hold the buffers"), 1);
	tear_down(&s);
	free_pool(pool);
}

static void
eight_queues_of_512(void)
{
	goes_on(&(struct shape){ .pairs = 8, .size = 512, .buffers = 4096 });
}

static void
four_queues_of_1024(void)
{
	goes_on(&(struct shape){ .pairs = 4, .size = 1024, .buffers = 4096 });
}

static void
one_queue_of_2048(void)
{
	goes_on(&(struct shape){ .pairs = 1, .size = 2048, .buffers = 2048 });
}

/* The buffers lie in the transmit rings of the port that has enough of its own. */
static void
from_one_port_to_another(void)
{
	const struct shape shape = { .pairs = 2, .size = 256, .buffers = 512 };
	const struct shape taker = { .pairs = 2, .size = 256, .buffers = 2048 };
	struct rte_mempool *pool = make_pool(&shape);
	struct rte_mempool *own = make_pool(&taker);
	struct stand from, to;

	set_up(&from, &shape, pool);
	set_up(&to, &taker, own);
	forward_packets(&from, &to, 8 * shape.buffers);
	CHECK(reclaimed(&to) > 0);
	CHECK_EQ(reclaimed(&from), 0);
	tear_down(&to);
	tear_down(&from);
	free_pool(pool);
	free_pool(own);
}

/* It stands still, with a line that tells the cure. */
static void
check_left_alone(struct stand *s, uint64_t buffers, const char *why)
{
	const time_t start = time(NULL);
	unsigned int i;

	while (test_logged("pool small") == 0 || s->forwarded < buffers) {
		CHECK(time(NULL) - start < 60);
		pass(s, s);
	}
	for (i = 0; i < 1000; i++) {
		pass(s, s);
		usleep(100);
	}
	CHECK_EQ(s->forwarded, buffers);
	CHECK_EQ(reclaimed(s), 0);
	CHECK_EQ(test_logged(why), 1);
}

static void
handler_is_left_alone(const char *handler)
{
	const struct shape shape = {
		.pairs = 1, .size = 256, .buffers = 256, .handler = handler
	};
	struct rte_mempool *pool = make_pool(&shape);
	struct stand s;

	set_up(&s, &shape, pool);
	check_left_alone(&s, shape.buffers, "is not known to take several threads");
	tear_down(&s);
	free_pool(pool);
}

static void
pool_with_one_producer_is_left_alone(void)
{
	handler_is_left_alone("ring_sp_mc");
}

/* As an application's own, which may have a cache for each of its threads. */
static void
pool_of_unknown_handler_is_left_alone(void)
{
	static struct rte_mempool_ops ops;
	const struct shape shape = { .buffers = 1 };
	struct rte_mempool *pool = make_pool(&shape);

	if (ops.name[0] == '\0') {
		ops = *rte_mempool_get_ops(pool->ops_index);
		snprintf(ops.name, sizeof(ops.name), "application");
		CHECK(rte_mempool_register_ops(&ops) >= 0);
	}
	free_pool(pool);
	handler_is_left_alone("application");
}

static void
free_external(void *addr __rte_unused, void *arg __rte_unused)
{
}

static void
external_buffers_are_left_alone(void)
{
	/* A shared buffer has no room for a header: such a packet takes two descriptors. */
	const struct shape shape = { .pairs = 1, .size = 1024, .buffers = 256 };
	struct rte_mempool *pool = make_pool(&shape);
	struct rte_mbuf_ext_shared_info *shared =
		rte_zmalloc("external", sizeof(*shared) + EXTERNAL, 0);
	struct stand s;

	CHECK(shared != NULL);
	shared->free_cb = free_external;
	/* One of them is the test's. */
	rte_mbuf_ext_refcnt_set(shared, shape.buffers + 1);
	set_up(&s, &shape, pool);
	s.external = shared;
	check_left_alone(&s, shape.buffers, "has packets with external buffers");
	tear_down(&s);
	free_pool(pool);
	CHECK_EQ(rte_mbuf_ext_refcnt_read(shared), 1);
	rte_free(shared);
}

/* ---- others at the queues ----------------------------------------------------------------- */

/* A stopped queue stays so, whatever is reclaimed of the others. */
static void
stopped_queue_stays_stopped(void)
{
	const struct shape shape = { .pairs = 3, .size = 256, .buffers = 512 };
	struct rte_mempool *pool = make_pool(&shape);
	const time_t start = time(NULL);
	struct stand s;

	set_up(&s, &shape, pool);
	CHECK_EQ(rte_eth_dev_tx_queue_stop(s.port, 0), 0);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(s.port, 0), 0);
	while (reclaimed(&s) == 0) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

		CHECK(time(NULL) - start < 60);
		pass(&s, &s);
		if (m == NULL)
			continue;
		CHECK_EQ(rte_eth_tx_burst(s.port, 0, &m, 1), 0);
		rte_pktmbuf_free(m);
	}
	CHECK_EQ(rte_eth_dev_tx_queue_start(s.port, 0), 0);
	CHECK_EQ(rte_eth_dev_rx_queue_start(s.port, 0), 0);
	forward_packets(&s, &s, 8 * shape.buffers);
	tear_down(&s);
	free_pool(pool);
}

struct stopper {
	uint16_t port;
	bool ending; /* atomic */
	int ret;
	unsigned int rounds;
};

/* In a thread of its own: each stop must leave its queue stopped, until the start. */
static void *
stop_and_start(void *arg)
{
	struct stopper *stopper = arg;
	struct virtio_port *port = rte_eth_devices[stopper->port].data->dev_private;

	while (stopper->ret == 0 && !__atomic_load_n(&stopper->ending, __ATOMIC_ACQUIRE)) {
		stopper->ret = rte_eth_dev_tx_queue_stop(stopper->port, 1);
		if (stopper->ret != 0)
			break;
		usleep(2000);
		if (virtio_gate_is_open(&port->txqs[1]->q.gate))
			stopper->ret = 1;
		else
			stopper->ret = rte_eth_dev_tx_queue_start(stopper->port, 1);
		stopper->rounds++;
		usleep(2000);
	}
	return NULL;
}

static void
beside_stops(void)
{
	const struct shape shape = { .pairs = 2, .size = 256, .buffers = 512 };
	struct rte_mempool *pool = make_pool(&shape);
	struct stopper stopper = { 0 };
	const time_t start = time(NULL);
	pthread_t thread;
	struct stand s;

	set_up(&s, &shape, pool);
	stopper.port = s.port;
	CHECK_EQ(pthread_create(&thread, NULL, stop_and_start, &stopper), 0);
	while (reclaimed(&s) < 2 * shape.buffers ||
	       __atomic_load_n(&stopper.rounds, __ATOMIC_RELAXED) < 50) {
		uint16_t i;

		if (time(NULL) - start >= 60)
			break;
		/* The device leaves the ring alone that comes and goes. */
		for (i = 0; i < 8; i++) {
			device(&s, 0);
			forward(&s, &s, 0);
		}
		/* Its threshold as at the start: it is to stall again. */
		((struct virtio_port *)rte_eth_devices[s.port].data->dev_private)->
			txqs[0]->free_thresh = 32;
	}
	__atomic_store_n(&stopper.ending, true, __ATOMIC_RELEASE);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(stopper.ret, 0);
	CHECK(time(NULL) - start < 60);
	tear_down(&s);
	free_pool(pool);
}

/* As a thread within a burst: its queue is not touched, and not closed for good either. */
static void
poller_inside(void)
{
	const struct shape shape = { .pairs = 2, .size = 256, .buffers = 768 };
	struct rte_mempool *pool = make_pool(&shape);
	const time_t start = time(NULL);
	struct rte_mbuf *held[768];
	struct virtio_gate *gate;
	unsigned int n = 0;
	unsigned int i;
	struct stand s;

	set_up(&s, &shape, pool);
	gate = &((struct virtio_port *)rte_eth_devices[s.port].data->dev_private)->txqs[0]->q.gate;
	for (i = 0; i < 4; i++) {
		device(&s, 0);
		CHECK_EQ(forward(&s, &s, 0), BURST);
	}
	device(&s, 0);
	/* Of queue 0's packets alone receive queue 1 can get buffers. */
	while ((held[n] = rte_pktmbuf_alloc(pool)) != NULL)
		n++;
	CHECK(virtio_gate_enter(gate));
	for (i = 0; i < 200; i++) {
		device(&s, 1);
		n += rte_eth_rx_burst(s.port, 1, held + n, BURST);
		usleep(500);
	}
	CHECK_EQ(reclaimed(&s), 0);
	virtio_gate_leave(gate);
	while (xstat(&s, "tx_q%u_reclaimed_idle", 0) == 0) {
		CHECK(time(NULL) - start < 60);
		CHECK_EQ(rte_eth_rx_burst(s.port, 1, held + n, BURST), 0);
		usleep(100);
	}
	rte_pktmbuf_free_bulk(held, n);
	forward_packets(&s, &s, 8 * shape.buffers);
	tear_down(&s);
	free_pool(pool);
}

/* ---- a secondary process's queue ---------------------------------------------------------- */

/* It sets the flag and wakes nobody: where there are such processes the worker looks by itself. */
static void
flag_of_a_secondary_is_seen(void)
{
	const struct shape shape = { .pairs = 1, .size = 256, .buffers = 256 };
	struct rte_mempool *pool = make_pool(&shape);
	const time_t start = time(NULL);
	struct virtio_port *port;
	struct stand s;
	uint16_t i;

	CHECK(virtio_process_enrol(-1) > VIRTIO_PROCESS_PRIMARY);
	set_up(&s, &shape, pool);
	port = rte_eth_devices[s.port].data->dev_private;
	/* No burst of this process finds the pool empty. */
	for (i = 0; i < 4; i++) {
		struct rte_mbuf *m[BURST];
		uint16_t n;

		device(&s, 0);
		n = rte_eth_rx_burst(s.port, 0, m, BURST / 2);
		CHECK_EQ(rte_eth_tx_burst(s.port, 0, m, n), n);
	}
	device(&s, 0);
	while (reclaimed(&s) == 0) {
		CHECK(time(NULL) - start < 60);
		rte_atomic_store_explicit(&port->starving, true, rte_memory_order_relaxed);
		usleep(1000);
	}
	tear_down(&s);
	free_pool(pool);
}

static void
warm_up(void)
{
	const struct shape shape = { .pairs = 1, .size = 64, .buffers = 256 };
	struct rte_mempool *pool = make_pool(&shape);
	struct stand s;

	set_up(&s, &shape, pool);
	tear_down(&s);
	free_pool(pool);
}

TEST_MAIN(
	TEST_WARM_UP(warm_up),
	TEST_LAYOUTS(eight_queues_of_512),
	TEST_LAYOUTS(four_queues_of_1024),
	TEST_LAYOUTS(one_queue_of_2048),
	TEST_LAYOUTS(from_one_port_to_another),
	TEST_LAYOUTS(pool_with_one_producer_is_left_alone),
	TEST(pool_of_unknown_handler_is_left_alone),
	TEST_LAYOUTS(external_buffers_are_left_alone),
	TEST_LAYOUTS(stopped_queue_stays_stopped),
	TEST_LAYOUTS(beside_stops),
	TEST_LAYOUTS(poller_inside),
	TEST_LEAVES(flag_of_a_secondary_is_seen), /* last: there is another process then */
)
