/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * A process that polls is killed, at any instruction of a burst: no buffer is given back twice, and
 * the queue can be stopped and started.
 *
 * A child polls the parent's port, in memory that both share, and the parent steps through its
 * bursts. After each instruction it looks at what a stop would find if the child were killed there:
 * a buffer is in a pool, or in one ring, once, or nowhere, being in hand. At some of them the child
 * is killed indeed, and the parent stops the queues.
 */

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_malloc.h>
#include <rte_mbuf_pool_ops.h>
#include <rte_mempool.h>

#include "fake_port.h"
#include "test.h"
#include "virtio.h"
#include "virtio_process.h"
#include "virtio_queue.h"

#define BUFFERS 256
#define POOLS 2
#define BURST 8

/* ---- a pool whose free buffers can be looked at, and that outlives a kill -------------------- */

struct shelf {
	uint32_t count;
	void *objs[];
};

static int
shelf_alloc(struct rte_mempool *pool)
{
	pool->pool_data = rte_zmalloc("shelf", sizeof(struct shelf) +
				      pool->size * sizeof(void *), 0);
	return pool->pool_data == NULL ? -ENOMEM : 0;
}

static void
shelf_free(struct rte_mempool *pool)
{
	rte_free(pool->pool_data);
}

static int
shelf_put(struct rte_mempool *pool, void *const *objs, unsigned int n)
{
	struct shelf *shelf = pool->pool_data;

	if (shelf->count + n > pool->size)
		return -ENOBUFS;
	memcpy(&shelf->objs[shelf->count], objs, n * sizeof(*objs));
	rte_compiler_barrier();
	shelf->count += n;
	return 0;
}

static int
shelf_get(struct rte_mempool *pool, void **objs, unsigned int n)
{
	struct shelf *shelf = pool->pool_data;

	if (shelf->count < n)
		return -ENOBUFS;
	shelf->count -= n;
	rte_compiler_barrier();
	memcpy(objs, &shelf->objs[shelf->count], n * sizeof(*objs));
	return 0;
}

static unsigned int
shelf_count(const struct rte_mempool *pool)
{
	return ((const struct shelf *)pool->pool_data)->count;
}

static const struct rte_mempool_ops shelf_ops = {
	.name = "test_shelf",
	.alloc = shelf_alloc,
	.free = shelf_free,
	.enqueue = shelf_put,
	.dequeue = shelf_get,
	.get_count = shelf_count,
};

RTE_MEMPOOL_REGISTER_OPS(shelf_ops);

/* ---- the stage ------------------------------------------------------------------------------ */

/* Seen by both processes. */
struct shared {
	volatile uint32_t in_burst;
	uint32_t number;
};

struct stage;

struct scenario {
	uint64_t features; /* of the device, beside its usual ones */
	uint16_t segments; /* of packets sent */
	bool two_pools;    /* that they come from in turn, and some have another owner too */
	bool disorder;     /* the device uses buffers in the opposite order */
	bool batches;      /* it tells of the last one only */
	uint16_t frame;    /* buffers of a received frame */
	bool some_short;   /* every third frame is none */
};

struct stage {
	struct fake_port *fp;
	const struct scenario *scenario;
	struct rte_mempool *pool[POOLS];
	struct rte_mbuf *all[POOLS * BUFFERS];
	struct shared *shared;
	uint32_t seen[POOLS * BUFFERS];
	uint32_t look;
	pid_t child;
};

/* Buffers are numbered in their private area. */
static uint32_t *
number_of(struct rte_mbuf *m)
{
	return rte_mbuf_to_priv(m);
}

static void
number_one(struct rte_mempool *pool, void *arg, void *obj, unsigned int i)
{
	struct stage *stage = arg;
	const uint32_t number = (pool == stage->pool[0] ? 0 : BUFFERS) + i;

	*number_of(obj) = number;
	stage->all[number] = obj;
}

static void
see(struct stage *stage, struct rte_mbuf *m)
{
	const uint32_t number = *number_of(m);

	if (stage->seen[number] == stage->look)
		test_fail(__FILE__, __LINE__, "buffer %u would be given back twice", number);
	stage->seen[number] = stage->look;
}

static void
see_received(void *arg, void *cookie)
{
	see(arg, cookie);
}

static void
see_sent(void *arg, void *cookie)
{
	struct rte_mbuf *m;

	for (m = cookie; m != NULL; m = m->next) {
		/* Another owner has it as well. */
		if (rte_mbuf_refcnt_read(m) == 1)
			see(arg, m);
	}
}

static struct virtio_port *
port_of(const struct stage *stage)
{
	return rte_eth_devices[stage->fp->port].data->dev_private;
}

/* What would be given back now, and what is. */
static void
look(struct stage *stage)
{
	uint32_t i;
	int p;

	stage->look++;
	for (p = 0; p < POOLS; p++) {
		const struct shelf *shelf = stage->pool[p]->pool_data;

		CHECK(shelf->count <= BUFFERS);
		for (i = 0; i < shelf->count; i++)
			see(stage, shelf->objs[i]);
	}
	virtqueue_each_in_flight(port_of(stage)->rxqs[0]->q.vq, see_received, stage);
	virtqueue_each_in_flight(port_of(stage)->txqs[0]->q.vq, see_sent, stage);
}

static struct stage *
set_up(const struct scenario *scenario)
{
	static unsigned int made;
	const struct fake_port_conf conf = { .features = scenario->features };
	/* Rings with places that are free, and what was sent is looked for at each burst. */
	const struct rte_eth_rxconf rx = { .rx_free_thresh = FAKE_PORT_SIZE / 2 };
	const struct rte_eth_txconf tx = { .tx_free_thresh = FAKE_PORT_SIZE - 4 };
	struct stage *stage = calloc(1, sizeof(*stage));
	char name[RTE_MEMPOOL_NAMESIZE];
	int p;

	stage->scenario = scenario;
	stage->shared = mmap(NULL, sizeof(*stage->shared), PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(stage->shared != MAP_FAILED);
	made++;
	for (p = 0; p < POOLS; p++) {
		snprintf(name, sizeof(name), "shelf%u_%d", made, p);
		stage->pool[p] = rte_pktmbuf_pool_create_by_ops(name, BUFFERS, 0,
			RTE_MBUF_PRIV_ALIGN, RTE_PKTMBUF_HEADROOM + FAKE_PORT_ROOM, SOCKET_ID_ANY,
			"test_shelf");
		CHECK(stage->pool[p] != NULL);
		rte_mempool_obj_iter(stage->pool[p], number_one, stage);
	}
	stage->fp = fake_port_create(&conf);
	CHECK_EQ(rte_eth_rx_queue_setup(stage->fp->port, 0, FAKE_PORT_SIZE, SOCKET_ID_ANY, &rx,
					stage->pool[0]), 0);
	CHECK_EQ(rte_eth_tx_queue_setup(stage->fp->port, 0, FAKE_PORT_SIZE, SOCKET_ID_ANY, &tx), 0);
	CHECK_EQ(rte_eth_dev_start(stage->fp->port), 0);
	return stage;
}

static void
tear_down(struct stage *stage)
{
	int p;

	fake_port_destroy(stage->fp);
	for (p = 0; p < POOLS; p++) {
		CHECK_EQ(rte_mempool_avail_count(stage->pool[p]), BUFFERS);
		rte_mempool_free(stage->pool[p]);
	}
	munmap(stage->shared, sizeof(*stage->shared));
	free(stage);
}

/* ---- the child ------------------------------------------------------------------------------ */

static struct rte_mbuf *
packet_of(const struct stage *stage, unsigned int i)
{
	const struct scenario *s = stage->scenario;
	struct rte_mbuf *first = NULL;
	uint16_t n;

	for (n = 0; n < RTE_MAX(s->segments, 1); n++) {
		struct rte_mbuf *m =
			rte_pktmbuf_alloc(stage->pool[s->two_pools ? i / 2 % POOLS : 0]);

		if (m == NULL || rte_pktmbuf_append(m, 100) == NULL ||
		    (first != NULL && rte_pktmbuf_chain(first, m) != 0)) {
			rte_pktmbuf_free(m);
			break;
		}
		first = first == NULL ? m : first;
	}
	/* Not to be freed in bulk, and not by the driver for good. */
	if (s->two_pools && i % 5 == 4 && first != NULL)
		rte_mbuf_refcnt_update(first, 1);
	return first;
}

static void
child(const struct stage *stage)
{
	struct rte_mbuf *owned[BURST] = { NULL };
	struct rte_mbuf *sent[BURST];
	struct rte_mbuf *got[BURST];
	uint16_t nb_got, nb_sent, n, i;

	/* Its tracer's end is its own as well, but for the moment before. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGUSR1); /* the parent gives a number */
	virtio_process_self = stage->shared->number;
	virtio_gate_prepare();
	for (;;) {
		for (n = 0; n < BURST; n++) {
			sent[n] = packet_of(stage, n);
			if (sent[n] == NULL)
				break;
			owned[n] = rte_mbuf_refcnt_read(sent[n]) > 1 ? sent[n] : NULL;
		}
		raise(SIGUSR1); /* the parent is the device */
		stage->shared->in_burst = 1;
		rte_compiler_barrier();
		/* First as a secondary's bursts have it. */
		virtio_gate_enter_shared(&port_of(stage)->rxqs[0]->q.gate);
		nb_got = rte_eth_rx_burst(stage->fp->port, 0, got, BURST);
		virtio_gate_enter_shared(&port_of(stage)->txqs[0]->q.gate);
		nb_sent = rte_eth_tx_burst(stage->fp->port, 0, sent, n);
		rte_compiler_barrier();
		stage->shared->in_burst = 0;
		for (i = 0; i < nb_got; i++)
			rte_pktmbuf_free(got[i]);
		for (i = nb_sent; i < n; i++)
			rte_pktmbuf_free(sent[i]);
		for (i = 0; i < n; i++) {
			if (owned[i] != NULL)
				rte_pktmbuf_free(owned[i]);
			owned[i] = NULL;
		}
	}
}

/* Until it raises its signal. */
static void
wait_for_signal(const struct stage *stage)
{
	int status;

	CHECK_EQ(waitpid(stage->child, &status, 0), stage->child);
	CHECK(WIFSTOPPED(status));
	CHECK_EQ(WSTOPSIG(status), SIGUSR1);
}

static void
launch(struct stage *stage)
{
	stage->shared->in_burst = 0;
	stage->child = fork();
	CHECK(stage->child >= 0);
	if (stage->child == 0)
		child(stage);
	wait_for_signal(stage);
	stage->shared->number =
		virtio_process_enrol(syscall(SYS_pidfd_open, stage->child, 0));
	CHECK(stage->shared->number > VIRTIO_PROCESS_PRIMARY);
	virtio_gate_share(&port_of(stage)->rxqs[0]->q.gate);
	virtio_gate_share(&port_of(stage)->txqs[0]->q.gate);
	CHECK_EQ(ptrace(PTRACE_CONT, stage->child, NULL, NULL), 0);
	wait_for_signal(stage);
}

/* One instruction. */
static void
step(const struct stage *stage)
{
	int status;

	CHECK_EQ(ptrace(PTRACE_SINGLESTEP, stage->child, NULL, NULL), 0);
	CHECK_EQ(waitpid(stage->child, &status, 0), stage->child);
	CHECK(WIFSTOPPED(status));
	CHECK_EQ(WSTOPSIG(status), SIGTRAP);
}

/* ---- the device ----------------------------------------------------------------------------- */

static void
use(const struct stage *stage, struct ring_device *rd, const uint16_t *heads, uint16_t n,
    uint32_t len)
{
	uint16_t i;

	if (stage->scenario->batches && n > 0) {
		ring_device_use_batch(rd, heads, n, len);
		return;
	}
	for (i = 0; i < n; i++)
		ring_device_use(rd, heads[stage->scenario->disorder ? n - 1 - i : i], len);
}

static void
device(struct stage *stage)
{
	const struct scenario *s = stage->scenario;
	struct ring_device *rx = fake_vu_ring(stage->fp->vu, 0);
	struct ring_device *tx = fake_vu_ring(stage->fp->vu, 1);
	struct device_chain chain;
	uint16_t heads[FAKE_PORT_SIZE];
	uint16_t n = 0;
	unsigned int i;

	for (i = 0; s->frame > 1 && i < BURST / 2; i++) {
		static const uint8_t hdr[FAKE_PORT_HDR];
		static const uint8_t bytes[2048];

		fake_port_give(stage->fp, 0, hdr, bytes, s->some_short && i % 3 == 2 ? 5 :
			       s->frame * 100, 100);
	}
	for (i = 0; s->frame <= 1 && i < BURST; i++) {
		if (ring_device_waiting(rx))
			heads[n++] = fake_port_prepare(stage->fp, 0, 100, 1);
	}
	use(stage, rx, heads, n, 100 + FAKE_PORT_HDR);
	n = 0;
	while (ring_device_take(tx, &chain))
		heads[n++] = chain.head;
	use(stage, tx, heads, n, 0);
}

/* ---- cases ---------------------------------------------------------------------------------- */

/* Every instruction of some bursts: a ring's length of packets and more. */
static void
step_through(struct stage *stage)
{
	const unsigned int bursts = 2 * FAKE_PORT_SIZE / BURST;
	unsigned int i, steps;

	launch(stage);
	for (i = 0; i < bursts; i++) {
		bool began = false;

		device(stage);
		for (steps = 0; !began || stage->shared->in_burst; steps++) {
			step(stage);
			began |= stage->shared->in_burst;
			look(stage);
		}
		CHECK(steps > 100);
		CHECK_EQ(ptrace(PTRACE_CONT, stage->child, NULL, NULL), 0);
		wait_for_signal(stage);
	}
}

/* The buffers that the child had in hand, as their owner would. */
static void
take_the_missing(struct stage *stage)
{
	unsigned int i, missing = 0;

	look(stage);
	for (i = 0; i < POOLS * BUFFERS; i++) {
		struct rte_mbuf *m = stage->all[i];

		if (stage->seen[i] == stage->look)
			continue;
		missing++;
		m->next = NULL;
		m->nb_segs = 1;
		rte_mbuf_refcnt_set(m, 1);
		rte_pktmbuf_free(m);
	}
	/* Those of a burst each way, of a bulk that is being posted and of one that is freed. */
	CHECK(missing <= FAKE_PORT_SIZE + 64 + 2 * BURST * 3);
}

/* Not reaped before the stop: its number is a zombie's then. */
static void
kill_and_stop(struct stage *stage)
{
	const uint16_t port = stage->fp->port;
	const bool inside = port_of(stage)->rxqs[0]->q.gate.any != 0 ||
			    port_of(stage)->txqs[0]->q.gate.any != 0;

	test_forget_log();
	CHECK_EQ(kill(stage->child, SIGKILL), 0);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(port, 0), 0);
	CHECK_EQ(rte_eth_dev_tx_queue_stop(port, 0), 0);
	CHECK_EQ(test_logged("ended within a burst"), inside);
	CHECK_EQ(waitpid(stage->child, NULL, 0), stage->child);
	CHECK(virtio_process_has_ended(stage->shared->number));
	take_the_missing(stage);
	CHECK_EQ(rte_mempool_avail_count(stage->pool[0]), BUFFERS);
	CHECK_EQ(rte_mempool_avail_count(stage->pool[1]), BUFFERS);
	CHECK_EQ(rte_eth_dev_rx_queue_start(port, 0), 0);
	CHECK_EQ(rte_eth_dev_tx_queue_start(port, 0), 0);
}

static void
kill_within(struct stage *stage)
{
	unsigned int kills = 0;
	unsigned int n;

	/* The child of before, outside. */
	kill_and_stop(stage);
	for (n = 0; n < 30; n++) {
		unsigned int left = 47 * n;
		unsigned int i;

		launch(stage);
		/* With something in its rings. */
		for (i = 0; i < 2; i++) {
			device(stage);
			CHECK_EQ(ptrace(PTRACE_CONT, stage->child, NULL, NULL), 0);
			wait_for_signal(stage);
		}
		device(stage);
		do
			step(stage);
		while (!stage->shared->in_burst);
		while (left > 0 && stage->shared->in_burst) {
			step(stage);
			left--;
		}
		kills += stage->shared->in_burst;
		kill_and_stop(stage);
	}
	CHECK(kills > 5);
}

/* qemu-user has no ptrace, for one. */
static bool
can_trace(void)
{
	const pid_t tried = fork();
	int status;

	CHECK(tried >= 0);
	if (tried == 0)
		_exit(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
	CHECK_EQ(waitpid(tried, &status, 0), tried);
	return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
}

static void
run(const struct scenario *scenario)
{
	struct stage *stage;

	if (!can_trace())
		test_skip("no process can be traced here");
	stage = set_up(scenario);
	step_through(stage);
	kill_within(stage);
	tear_down(stage);
}

static void
plain_traffic(void)
{
	run(&(struct scenario){ .segments = 1 });
}

static void
buffers_out_of_order(void)
{
	run(&(struct scenario){ .disorder = true });
}

static void
batches_of_buffers(void)
{
	run(&(struct scenario){ .features = VU_F_IN_ORDER, .batches = true });
}

static void
chains_of_descriptors(void)
{
	run(&(struct scenario){ .segments = 3, .disorder = true });
}

static void
tables_of_descriptors(void)
{
	run(&(struct scenario){ .features = VU_F_INDIRECT, .segments = 3 });
}

static void
packets_of_two_pools(void)
{
	/* With tables: of a packet with two owners the header takes a descriptor of its own. */
	run(&(struct scenario){ .features = VU_F_INDIRECT, .two_pools = true });
}

static void
frames_of_several_buffers(void)
{
	run(&(struct scenario){ .features = VU_F_MRG_RXBUF, .frame = 3, .some_short = true });
}

TEST_MAIN(
	TEST_WARM_UP(fake_port_warm_up),
	TEST_LAYOUTS(plain_traffic),
	TEST_LAYOUTS(buffers_out_of_order),
	TEST_LAYOUTS(batches_of_buffers),
	TEST_LAYOUTS(chains_of_descriptors),
	TEST_LAYOUTS(tables_of_descriptors),
	TEST_LAYOUTS(packets_of_two_pools),
	TEST_LAYOUTS(frames_of_several_buffers),
)
