/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * 5.1.6.5.4: where the device asks for it, the port sends a frame that tells where its address is,
 * by a transmit queue that another thread may be sending on, and tells the device so. Frames and
 * commands are read here from their bytes.
 */

#include <pthread.h>
#include <string.h>

#include <rte_mbuf.h>
#include <rte_pause.h>

#include "fake_pci_port.h"
#include "test.h"
#include "virtio.h"

#define ASKS 2 /* VIRTIO_NET_S_ANNOUNCE */
#define ROUNDS 200
#define HDR 12

static const struct fake_pci_port_conf asked = {
	.features = FAKE_F_CONTROL | FAKE_F_ANNOUNCE, .lsc = true
};

static void
ask(struct fake_pci_port *fp)
{
	__atomic_fetch_or(&fp->fake->config[6], ASKS, __ATOMIC_RELAXED);
	fake_pci_port_event(fp);
}

static bool
is_asking(const struct fake_pci_port *fp)
{
	return fp->fake->config[6] & ASKS;
}

/* A RARP request of RFC 903, the address of the sender being the one in question. */
static bool
is_announcement(const struct device_chain *chain)
{
	static const uint8_t frame[] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0, 0, 0, 0, 0x77, 0x80, 0x35,
		0, 1, 8, 0, 6, 4, 0, 3, 0x02, 0, 0, 0, 0, 0x77, 0, 0, 0, 0,
		0x02, 0, 0, 0, 0, 0x77, 0, 0, 0, 0,
	};
	static const uint8_t hdr[HDR];

	return chain->n == 1 && chain->part[0].len >= HDR + sizeof(frame) &&
	       memcmp(chain->part[0].at, hdr, HDR) == 0 &&
	       memcmp(chain->part[0].at + HDR, frame, sizeof(frame)) == 0;
}

/* How many there are in the ring of a transmit queue, where there is nothing else. */
static unsigned int
announcements(struct fake_pci_port *fp, uint16_t queue)
{
	struct ring_device *ring = fake_pci_ring(fp->fake, 2 * queue + 1);
	struct device_chain chain;
	unsigned int n = 0;

	while (ring_device_take(ring, &chain)) {
		CHECK(is_announcement(&chain));
		ring_device_use(ring, chain.head, 0);
		n++;
	}
	return n;
}

static uint64_t
counted(const struct fake_pci_port *fp)
{
	struct rte_eth_xstat values[512];
	struct rte_eth_xstat_name names[512];
	const int n = rte_eth_xstats_get(fp->port, values, 512);
	uint64_t sum = 0;
	int i;

	CHECK(n > 0 && n <= 512);
	CHECK_EQ(rte_eth_xstats_get_names(fp->port, names, 512), n);
	for (i = 0; i < n; i++) {
		if (strstr(names[i].name, "_announced") != NULL)
			sum += values[i].value;
	}
	return sum;
}

static void
frame_then_command(void)
{
	struct fake_pci_port *fp = fake_pci_port_start(&asked);

	CHECK(fp->fake->driver_features & FAKE_F_ANNOUNCE);
	/* Another change of the configuration is none of it. */
	fake_pci_port_event(fp);
	fake_pci_port_check_commands(fp, "");
	CHECK_EQ(announcements(fp, 0), 0);
	ask(fp);
	CHECK_EQ(announcements(fp, 0), 1);
	CHECK_EQ(fake_pci_port_last(fp)->len, 0);
	fake_pci_port_check_commands(fp, "3.0");
	CHECK(!is_asking(fp));
	CHECK_EQ(counted(fp), 1);
	fake_pci_port_destroy(fp);
}

/* However often: it is answered each time, and no more is sent than is of use. */
static void
device_that_asks_without_end(void)
{
	struct fake_pci_port *fp = fake_pci_port_start(&asked);
	unsigned int sent = 0;
	unsigned int i;

	for (i = 0; i < 1000; i++) {
		ask(fp);
		CHECK(!is_asking(fp));
		fake_pci_port_check_commands(fp, "3.0");
		/* Only now and then taken: the pool's few are not lost for that. */
		if (i % 100 == 0)
			sent += announcements(fp, 0);
	}
	sent += announcements(fp, 0);
	CHECK(sent > 0);
	CHECK_EQ(counted(fp), sent);
	fake_pci_port_destroy(fp);
}

static void
first_queue_that_runs(void)
{
	struct fake_pci_port *fp = fake_pci_port_start(&asked);

	CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, 0), 0);
	CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, 1), 0);
	ask(fp);
	CHECK_EQ(announcements(fp, 2), 1);
	fake_pci_port_check_commands(fp, "3.0");
	fake_pci_port_destroy(fp);
}

/* With none the request stands, until one is started. */
static void
request_waits_for_a_queue(void)
{
	struct fake_pci_port *fp = fake_pci_port_start(&asked);
	uint16_t q;

	for (q = 0; q < FAKE_PCI_PAIRS; q++)
		CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, q), 0);
	ask(fp);
	CHECK(is_asking(fp));
	fake_pci_port_check_commands(fp, "");
	CHECK_EQ(rte_eth_dev_tx_queue_start(fp->port, 1), 0);
	CHECK(!is_asking(fp));
	CHECK_EQ(announcements(fp, 1), 1);
	fake_pci_port_check_commands(fp, "3.0");
	fake_pci_port_destroy(fp);
}

/* Before the port starts nobody hears it ask. */
static void
request_from_before_the_start(void)
{
	struct fake_pci_port *fp = fake_pci_port_create(&asked);

	ask(fp);
	CHECK(is_asking(fp));
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	CHECK(!is_asking(fp));
	CHECK_EQ(announcements(fp, 0), 1);
	fake_pci_port_destroy(fp);
}

/* A request that would not be heard is not to be made: the device announces by itself then. */
static void
not_negotiated_where_it_would_not_be_heard(void)
{
	struct fake_pci_port_conf conf = asked;
	struct fake_pci_port *fp;

	conf.lsc = false;
	fp = fake_pci_port_start(&conf);
	CHECK(!(fp->fake->driver_features & FAKE_F_ANNOUNCE));
	fake_pci_port_destroy(fp);
}

static void
refused_confirmation_is_no_end(void)
{
	struct fake_pci_port *fp = fake_pci_port_start(&asked);

	fp->answer = FAKE_CTRL_REFUSES;
	ask(fp);
	CHECK(is_asking(fp));
	fp->answer = FAKE_CTRL_OBEYS;
	fake_pci_port_event(fp);
	CHECK(!is_asking(fp));
	CHECK_EQ(announcements(fp, 0), counted(fp));
	fake_pci_port_destroy(fp);
}

/* ---- under a thread that sends ------------------------------------------------------------ */

struct taker {
	struct fake_pci_port *fp;
	uint32_t got;           /* number of the next frame */
	unsigned int announced;
	bool bad;
	bool end;
};

struct sender {
	struct fake_pci_port *fp;
	const struct taker *taker;
	struct rte_mempool *pool;
	uint32_t sent;
	bool end;
};

/* Numbered frames without a pause, as long as there is room for half of a ring. */
static void *
send_all_the_time(void *arg)
{
	struct sender *sender = arg;
	struct rte_mbuf *m[8];
	uint16_t n, i;

	while (!__atomic_load_n(&sender->end, __ATOMIC_ACQUIRE)) {
		if (sender->sent - __atomic_load_n(&sender->taker->got, __ATOMIC_ACQUIRE) > 24)
			continue;
		for (n = 0; n < RTE_DIM(m); n++) {
			const uint32_t number = sender->sent + n;

			m[n] = rte_pktmbuf_alloc(sender->pool);
			if (m[n] == NULL)
				break;
			memcpy(rte_pktmbuf_append(m[n], 64), &number, sizeof(number));
		}
		i = rte_eth_tx_burst(sender->fp->port, 0, m, n);
		__atomic_store_n(&sender->sent, sender->sent + i, __ATOMIC_RELEASE);
		rte_pktmbuf_free_bulk(m + i, n - i);
	}
	return NULL;
}

/* The thread's queue is 0; where it was kept from its burst's end, others are announced on. */
static void
take_what_is_there(struct taker *taker, uint16_t queue)
{
	struct ring_device *ring = fake_pci_ring(taker->fp->fake, 2 * queue + 1);
	struct device_chain chain;
	uint32_t number;

	while (ring_device_take(ring, &chain)) {
		memcpy(&number, chain.part[0].at + HDR, sizeof(number));
		if (is_announcement(&chain))
			taker->announced++;
		else if (queue == 0 && number == taker->got)
			__atomic_store_n(&taker->got, number + 1, __ATOMIC_RELEASE);
		else
			taker->bad = true;
		ring_device_use(ring, chain.head, 0);
	}
}

static void *
take_all_the_time(void *arg)
{
	struct taker *taker = arg;

	uint16_t queue;
	bool end;

	do {
		end = __atomic_load_n(&taker->end, __ATOMIC_ACQUIRE);
		for (queue = 0; queue < FAKE_PCI_PAIRS; queue++)
			take_what_is_there(taker, queue);
		rte_pause();
	} while (!end);
	return NULL;
}

/* Every frame of the thread arrives once, in order, and the announcements among them. */
static void
another_thread_sends_meanwhile(void)
{
	struct fake_pci_port *fp = fake_pci_port_start(&asked);
	struct taker taker = { .fp = fp };
	struct sender sender = { .fp = fp, .taker = &taker };
	pthread_t sends, takes;
	uint32_t before = 0;
	unsigned int i;

	/* What it notes of accesses it notes for one thread. */
	ring_device_set_no_notify(fake_pci_ring(fp->fake, 1), true);
	sender.pool = rte_pktmbuf_pool_create("sender", 1023, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
					      SOCKET_ID_ANY);
	CHECK(sender.pool != NULL);
	CHECK_EQ(pthread_create(&sends, NULL, send_all_the_time, &sender), 0);
	CHECK_EQ(pthread_create(&takes, NULL, take_all_the_time, &taker), 0);
	for (i = 0; i < ROUNDS; i++) {
		/* It goes on sending between the rounds. */
		while (__atomic_load_n(&sender.sent, __ATOMIC_ACQUIRE) == before)
			rte_pause();
		before = __atomic_load_n(&sender.sent, __ATOMIC_ACQUIRE);
		virtio_port(&rte_eth_devices[fp->port])->announce.last_us = 0;
		ask(fp);
		fake_pci_port_forget(fp);
	}
	__atomic_store_n(&sender.end, true, __ATOMIC_RELEASE);
	CHECK_EQ(pthread_join(sends, NULL), 0);
	__atomic_store_n(&taker.end, true, __ATOMIC_RELEASE);
	CHECK_EQ(pthread_join(takes, NULL), 0);
	CHECK(!taker.bad);
	CHECK_EQ(taker.got, sender.sent);
	CHECK(taker.announced > 0);
	CHECK_EQ(taker.announced, counted(fp));
	fake_pci_port_destroy(fp);
	CHECK_EQ(rte_mempool_in_use_count(sender.pool), 0);
	rte_mempool_free(sender.pool);
}

/* A packet of 64 bytes, or a clone of it. */
static struct rte_mbuf *
make_packet(struct rte_mempool *pool, struct rte_mempool *clones)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	struct rte_mbuf *clone;

	CHECK(m != NULL && rte_pktmbuf_append(m, 64) != NULL);
	if (clones == NULL)
		return m;
	clone = rte_pktmbuf_clone(m, clones);
	CHECK(clone != NULL);
	rte_pktmbuf_free(m);
	return clone;
}

/* Packets of a pool for one thread are left in the ring by the driver's, and the frame is sent. */
static void
left_alone(bool cloned)
{
	struct fake_pci_port *fp = fake_pci_port_start(&asked);
	struct ring_device *ring = fake_pci_ring(fp->fake, 1);
	struct rte_mempool *pool =
		rte_pktmbuf_pool_create_by_ops("sender", 15, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
					       SOCKET_ID_ANY, "ring_sp_sc");
	struct rte_mempool *clones =
		rte_pktmbuf_pool_create("clones", 15, 0, 0, 0, SOCKET_ID_ANY);
	struct device_chain chain;
	struct rte_mbuf *m;

	CHECK(pool != NULL && clones != NULL);
	m = make_packet(pool, cloned ? clones : NULL);
	CHECK_EQ(rte_eth_tx_burst(fp->port, 0, &m, 1), 1);
	CHECK(ring_device_take(ring, &chain));
	ring_device_use(ring, chain.head, 0);
	ask(fp);
	CHECK_EQ(announcements(fp, 0), 1);
	CHECK_EQ(counted(fp), 1);
	CHECK_EQ(rte_mempool_in_use_count(pool), 1);
	CHECK_EQ(rte_eth_tx_done_cleanup(fp->port, 0, 0), 2);
	CHECK_EQ(rte_mempool_in_use_count(pool), 0);
	fake_pci_port_destroy(fp);
	rte_mempool_free(pool);
	rte_mempool_free(clones);
}

static void
pool_of_one_thread_is_left_alone(void)
{
	left_alone(false);
}

/* The clone is of another pool, and the last one gives back the buffer that it was made of. */
static void
clone_of_such_a_pool_is_left_alone(void)
{
	left_alone(true);
}

TEST_MAIN(
	TEST_WARM_UP(frame_then_command),
	TEST_LAYOUTS(frame_then_command),
	TEST_LAYOUTS(device_that_asks_without_end),
	TEST_LAYOUTS(first_queue_that_runs),
	TEST_LAYOUTS(request_waits_for_a_queue),
	TEST(request_from_before_the_start),
	TEST(not_negotiated_where_it_would_not_be_heard),
	TEST(refused_confirmation_is_no_end),
	TEST_LAYOUTS(another_thread_sends_meanwhile),
	TEST_LAYOUTS(pool_of_one_thread_is_left_alone),
	TEST_LAYOUTS(clone_of_such_a_pool_is_left_alone),
)
