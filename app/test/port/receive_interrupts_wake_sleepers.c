/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * A thread that sleeps on a receive queue's event descriptor is woken by packets where it has asked
 * for that and not else. Its request and its descriptor outlive every restart of the queue.
 */

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <ethdev_driver.h>
#include <rte_interrupts.h>
#include <rte_pause.h>

#include "fake_port.h"
#include "test.h"
#include "virtio_queue.h"

#define ROUNDS (3 * FAKE_PORT_SIZE)
#define RIVAL_ROUNDS 20000
/* So long that only a test that hangs gets there. */
#define PATIENCE_MS 20000

/* A port and an epoll that knows its receive queues, by EAL's interface. */
struct set {
	struct fake_port *fp;
	int epfd;
};

static void
listen_to(struct set *set, uint16_t queue)
{
	CHECK_EQ(rte_eth_dev_rx_intr_ctl_q(set->fp->port, queue, set->epfd, RTE_INTR_EVENT_ADD,
					   (void *)(uintptr_t)queue), 0);
}

static void
begin_on(struct set *set, const struct fake_port_conf *conf)
{
	uint16_t q;

	set->fp = fake_port_start(conf);
	set->epfd = epoll_create1(EPOLL_CLOEXEC);
	CHECK(set->epfd >= 0);
	for (q = 0; q < FAKE_PORT_PAIRS; q++)
		listen_to(set, q);
}

static void
begin(struct set *set, uint64_t features)
{
	begin_on(set, &(struct fake_port_conf){ .interrupts = true, .features = features });
}

/* The application leaves its epoll as it is when it closes the port. */
static void
end(struct set *set)
{
	struct rte_epoll_event event;

	fake_port_destroy(set->fp);
	CHECK_EQ(rte_epoll_wait(set->epfd, &event, 1, 0), 0);
	close(set->epfd);
}

/* A bit for each queue whose sleeper would be awake now. */
static unsigned int
awake(const struct set *set)
{
	struct rte_epoll_event events[2 * FAKE_PORT_PAIRS];
	const int n = rte_epoll_wait(set->epfd, events, RTE_DIM(events), 0);
	unsigned int queues = 0;
	int i;

	CHECK(n >= 0);
	for (i = 0; i < n; i++)
		queues |= 1u << (uintptr_t)events[i].epdata.data;
	return queues;
}

static void
enable(struct set *set, uint16_t queue)
{
	CHECK_EQ(rte_eth_dev_rx_intr_enable(set->fp->port, queue), 0);
}

static void
disable(struct set *set, uint16_t queue)
{
	CHECK_EQ(rte_eth_dev_rx_intr_disable(set->fp->port, queue), 0);
}

/* Device: a frame, and the interrupt for it if that is wanted. */
static bool
write_one(struct set *set, uint16_t queue)
{
	fake_port_write(set->fp, queue, 100);
	return fake_vu_interrupt(set->fp->vu, 2 * queue);
}

/* Asks, and is woken by the next frame. */
static void
check_wakes(struct set *set, uint16_t queue)
{
	enable(set, queue);
	CHECK_EQ(awake(set), 0);
	CHECK(write_one(set, queue));
	CHECK_EQ(awake(set), 1u << queue);
	disable(set, queue);
	CHECK_EQ(fake_port_receive(set->fp, queue), 1);
}

static void
only_who_asks_is_woken(uint64_t features)
{
	struct set set;
	unsigned int i;

	begin(&set, features);
	/* Nobody has asked yet. */
	CHECK(!write_one(&set, 0));
	CHECK_EQ(awake(&set), 0);
	CHECK_EQ(fake_port_receive(set.fp, 0), 1);
	for (i = 0; i < ROUNDS; i++) {
		check_wakes(&set, 0);
		CHECK(!write_one(&set, 0));
		CHECK(!write_one(&set, 1));
		CHECK_EQ(awake(&set), 0);
		CHECK_EQ(fake_port_receive(set.fp, 0), 1);
		CHECK_EQ(fake_port_receive(set.fp, 1), 1);
	}
	check_wakes(&set, 1);
	end(&set);
}

/* Frames that came before the asking raise no interrupt, and yet nobody sleeps over them. */
static void
what_waits_wakes_at_once(uint64_t features)
{
	struct set set;
	unsigned int i;

	begin(&set, features);
	for (i = 0; i < ROUNDS; i++) {
		CHECK(!write_one(&set, 0));
		enable(&set, 0);
		CHECK_EQ(awake(&set), 1);
		CHECK_EQ(fake_port_receive(set.fp, 0), 1);
		/* Raised and not slept for: polled instead, and with that forgotten. */
		CHECK_EQ(awake(&set), 0);
		enable(&set, 0);
		CHECK(write_one(&set, 0));
		CHECK_EQ(fake_port_receive(set.fp, 0), 1);
		enable(&set, 0);
		CHECK_EQ(awake(&set), 0);
		disable(&set, 0);
	}
	end(&set);
}

/* ---- over restarts ------------------------------------------------------------------------ */

struct sleeper {
	pthread_t thread;
	int epfd;
	int events;
	uintptr_t queue;
};

static void *
sleep_in_epoll(void *arg)
{
	struct sleeper *s = arg;
	struct rte_epoll_event event;

	s->events = rte_epoll_wait(s->epfd, &event, 1, PATIENCE_MS);
	s->queue = (uintptr_t)event.epdata.data;
	return NULL;
}

static void
go_to_sleep(struct sleeper *s, const struct set *set)
{
	s->epfd = set->epfd;
	CHECK_EQ(pthread_create(&s->thread, NULL, sleep_in_epoll, s), 0);
}

static void
check_woken(struct sleeper *s, uint16_t queue)
{
	CHECK_EQ(pthread_join(s->thread, NULL), 0);
	CHECK_EQ(s->events, 1);
	CHECK_EQ(s->queue, queue);
}

static void
restart(struct set *set, uint16_t size)
{
	CHECK_EQ(rte_eth_dev_rx_queue_stop(set->fp->port, 0), 0);
	if (size != 0)
		CHECK_EQ(fake_port_setup_rx(set->fp, 0, size), 0);
	CHECK_EQ(rte_eth_dev_rx_queue_start(set->fp->port, 0), 0);
	set->fp->got[0] = set->fp->rx_next[0];
}

/* It went to sleep on a ring that is gone when the packet comes. */
static void
restarted_queue_wakes_its_sleeper(uint64_t features)
{
	static const uint16_t sizes[] = { 0, 128, 64, 0, 32 };
	struct sleeper sleeper;
	struct set set;
	unsigned int i;
	int fd;

	begin(&set, features);
	fd = rte_eth_dev_rx_intr_ctl_q_get_fd(set.fp->port, 0);
	CHECK(fd >= 0);
	for (i = 0; i < RTE_DIM(sizes); i++) {
		enable(&set, 0);
		go_to_sleep(&sleeper, &set);
		restart(&set, sizes[i]);
		CHECK_EQ(rte_eth_dev_rx_intr_ctl_q_get_fd(set.fp->port, 0), fd);
		CHECK(write_one(&set, 0));
		check_woken(&sleeper, 0);
		CHECK_EQ(fake_port_receive(set.fp, 0), 1);
		/* What was not wanted is not wanted afterwards. */
		disable(&set, 0);
		restart(&set, sizes[i]);
		CHECK(!write_one(&set, 0));
		CHECK_EQ(awake(&set), 0);
		CHECK_EQ(fake_port_receive(set.fp, 0), 1);
	}
	end(&set);
}

static void
restarted_port_wakes_its_sleepers(uint64_t features)
{
	struct sleeper sleeper;
	struct set set;

	begin(&set, features);
	enable(&set, 1);
	go_to_sleep(&sleeper, &set);
	CHECK_EQ(rte_eth_dev_stop(set.fp->port), 0);
	CHECK_EQ(rte_eth_dev_start(set.fp->port), 0);
	CHECK(!write_one(&set, 0));
	CHECK(write_one(&set, 1));
	check_woken(&sleeper, 1);
	end(&set);
}

/* A reset of the port removes neither the descriptors nor the requests. */
static void
reset_port_wakes_its_sleepers(uint64_t features)
{
	struct sleeper sleeper;
	struct set set;

	begin(&set, features);
	enable(&set, 1);
	go_to_sleep(&sleeper, &set);
	CHECK_EQ(rte_eth_dev_reset(set.fp->port), 0);
	CHECK_EQ(rte_eth_dev_start(set.fp->port), 0);
	CHECK(write_one(&set, 1));
	check_woken(&sleeper, 1);
	end(&set);
}

static void
next_back_end_wakes_the_sleeper(uint64_t features)
{
	const struct fake_port_conf conf = {
		.interrupts = true, .features = features, .server = true
	};
	struct sleeper sleeper;
	struct set set;
	time_t start;
	int fd;

	begin_on(&set, &conf);
	fd = rte_eth_dev_rx_intr_ctl_q_get_fd(set.fp->port, 1);
	check_wakes(&set, 1);
	enable(&set, 1);
	go_to_sleep(&sleeper, &set);
	fake_vu_disconnect(set.fp->vu);
	fake_vu_connect_again(set.fp->vu);
	start = time(NULL);
	while (!test_logged("a back-end has connected")) {
		CHECK(time(NULL) - start < 60);
		usleep(1000);
	}
	CHECK_EQ(rte_eth_dev_rx_intr_ctl_q_get_fd(set.fp->port, 1), fd);
	CHECK(!write_one(&set, 0));
	CHECK(write_one(&set, 1));
	check_woken(&sleeper, 1);
	end(&set);
}

static void *
start_queue(void *arg)
{
	const struct set *set = arg;

	return (void *)(intptr_t)rte_eth_dev_rx_queue_start(set->fp->port, 0);
}

/* The device is quicker than the start: its frame comes before the ring has the request. */
static void
frame_before_the_start_is_over(uint64_t features)
{
	struct set set;
	pthread_t thread;
	void *ret;

	begin(&set, features);
	enable(&set, 0);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(set.fp->port, 0), 0);
	fake_vu_rule(set.fp->vu, VU_SET_VRING_ENABLE, 0, 1, VU_HALF_AND_HOLD);
	CHECK_EQ(pthread_create(&thread, NULL, start_queue, &set), 0);
	fake_vu_wait_held(set.fp->vu);
	CHECK(!write_one(&set, 0));
	CHECK_EQ(awake(&set), 0);
	/* And so may be the one who asks. */
	disable(&set, 0);
	enable(&set, 0);
	fake_vu_release(set.fp->vu);
	CHECK_EQ(pthread_join(thread, &ret), 0);
	CHECK_EQ((intptr_t)ret, 0);
	CHECK_EQ(awake(&set), 1);
	CHECK_EQ(fake_port_receive(set.fp, 0), 1);
	end(&set);
}

/* An interrupt that comes late, or that nobody saw, is not the next life's. */
static void
stop_takes_back_what_was_raised(uint64_t features)
{
	struct pollfd pfd = { .events = POLLIN };
	struct set set;

	begin(&set, features);
	pfd.fd = rte_eth_dev_rx_intr_ctl_q_get_fd(set.fp->port, 0);
	enable(&set, 0);
	CHECK(write_one(&set, 0));
	CHECK_EQ(awake(&set), 1);
	/*
	 * EAL has left it as it is: it would read on and on where a stop, on another thread, has
	 * been quicker than that.
	 */
	CHECK_EQ(poll(&pfd, 1, 0), 1);
	fake_vu_call(set.fp->vu, 0);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(set.fp->port, 0), 0);
	CHECK_EQ(poll(&pfd, 1, 0), 0);
	CHECK_EQ(awake(&set), 0);
	CHECK_EQ(rte_eth_dev_rx_queue_start(set.fp->port, 0), 0);
	CHECK_EQ(awake(&set), 0);
	set.fp->got[0] = set.fp->rx_next[0];
	check_wakes(&set, 0);
	end(&set);
}

/* ---- in any state ------------------------------------------------------------------------- */

/* At a stopped queue the request is noted, for the next start. */
static void
asked_while_the_queue_is_stopped(uint64_t features)
{
	struct set set;

	begin(&set, features);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(set.fp->port, 0), 0);
	enable(&set, 0);
	CHECK_EQ(fake_port_setup_rx(set.fp, 0, 128), 0);
	CHECK_EQ(rte_eth_dev_rx_queue_start(set.fp->port, 0), 0);
	CHECK(write_one(&set, 0));
	CHECK_EQ(awake(&set), 1);
	CHECK_EQ(fake_port_receive(set.fp, 0), 1);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(set.fp->port, 0), 0);
	disable(&set, 0);
	/* A set-up that fails changes nothing either. */
	CHECK(fake_port_setup_rx(set.fp, 0, 7) < 0);
	CHECK_EQ(rte_eth_dev_rx_queue_start(set.fp->port, 0), 0);
	CHECK(!write_one(&set, 0));
	CHECK_EQ(fake_port_receive(set.fp, 0), 1);
	CHECK_EQ(rte_eth_dev_stop(set.fp->port), 0);
	enable(&set, 0);
	CHECK_EQ(rte_eth_dev_start(set.fp->port), 0);
	CHECK(write_one(&set, 0));
	CHECK_EQ(awake(&set), 1);
	end(&set);
}

static void
not_without_being_configured(uint64_t features)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ .features = features });
	const int epfd = epoll_create1(EPOLL_CLOEXEC);

	CHECK_EQ(rte_eth_dev_rx_intr_enable(fp->port, 0), -ENOTSUP);
	CHECK_EQ(rte_eth_dev_rx_intr_disable(fp->port, 0), 0);
	CHECK(rte_eth_dev_rx_intr_ctl_q_get_fd(fp->port, 0) < 0);
	CHECK(rte_eth_dev_rx_intr_ctl_q(fp->port, 0, epfd, RTE_INTR_EVENT_ADD, NULL) < 0);
	fake_port_write(fp, 0, 100);
	CHECK(!fake_vu_interrupt(fp->vu, 0));
	CHECK_EQ(fake_port_receive(fp, 0), 1);
	fake_port_destroy(fp);
	close(epfd);
}

/* What is not there any more is not in the application's epoll either. */
static void
configured_with_fewer_and_more_queues(uint64_t features)
{
	const struct rte_eth_conf with = { .intr_conf.rxq = 1 };
	const struct rte_eth_conf without = { 0 };
	uint64_t count = 1;
	struct set set;
	uint16_t q;
	int fd;

	begin(&set, features);
	enable(&set, 0);
	enable(&set, 1);
	fd = rte_eth_dev_rx_intr_ctl_q_get_fd(set.fp->port, 1);
	CHECK_EQ(rte_eth_dev_stop(set.fp->port), 0);
	CHECK_EQ(rte_eth_dev_configure(set.fp->port, 1, 1, &with), 0);
	CHECK_EQ(write(fd, &count, sizeof(count)), sizeof(count));
	CHECK_EQ(awake(&set), 0);
	CHECK_EQ(read(fd, &count, sizeof(count)), sizeof(count));
	CHECK_EQ(rte_eth_dev_start(set.fp->port), 0);
	listen_to(&set, 0);
	/* As it is after a configuration: nothing is asked for. */
	CHECK(!write_one(&set, 0));
	CHECK_EQ(fake_port_receive(set.fp, 0), 1);
	check_wakes(&set, 0);
	CHECK_EQ(rte_eth_dev_stop(set.fp->port), 0);
	CHECK_EQ(rte_eth_dev_configure(set.fp->port, 1, 1, &without), 0);
	CHECK(rte_eth_dev_rx_intr_ctl_q_get_fd(set.fp->port, 0) < 0);
	CHECK_EQ(rte_eth_dev_configure(set.fp->port, 2, 2, &with), 0);
	/* Of a queue that is not set up there is nothing to ask. */
	CHECK_EQ(rte_eth_dev_rx_intr_enable(set.fp->port, 1), -EINVAL);
	for (q = 0; q < FAKE_PORT_PAIRS; q++) {
		CHECK_EQ(fake_port_setup_rx(set.fp, q, FAKE_PORT_SIZE), 0);
		CHECK_EQ(fake_port_setup_tx(set.fp, q, FAKE_PORT_SIZE), 0);
		listen_to(&set, q);
	}
	CHECK_EQ(rte_eth_dev_start(set.fp->port), 0);
	check_wakes(&set, 0);
	check_wakes(&set, 1);
	/* The same once more: who listens goes on listening. */
	CHECK_EQ(rte_eth_dev_stop(set.fp->port), 0);
	CHECK_EQ(rte_eth_dev_configure(set.fp->port, 2, 2, &with), 0);
	CHECK_EQ(rte_eth_dev_start(set.fp->port), 0);
	check_wakes(&set, 0);
	check_wakes(&set, 1);
	end(&set);
}

struct toggler {
	struct set *set;
	bool ending;
	unsigned int toggled;
	unsigned int refused;
};

static void *
toggle(void *arg)
{
	struct toggler *t = arg;

	while (!__atomic_load_n(&t->ending, __ATOMIC_RELAXED)) {
		/* -EINVAL is ethdev's, between release and set-up. */
		const int on = rte_eth_dev_rx_intr_enable(t->set->fp->port, 0);
		const int off = rte_eth_dev_rx_intr_disable(t->set->fp->port, 0);

		t->refused += (on != 0 && on != -EINVAL) || (off != 0 && off != -EINVAL);
		__atomic_fetch_add(&t->toggled, 1, __ATOMIC_RELAXED);
	}
	/* The last one above may have been ethdev's to refuse; now the queue is there. */
	t->refused += rte_eth_dev_rx_intr_disable(t->set->fp->port, 0) != 0;
	return NULL;
}

/* Another thread asks, this way and that, while the queue is stopped, set up and started. */
static void
asked_in_the_middle_of_restarts(uint64_t features)
{
	struct toggler toggler = { 0 };
	struct set set;
	unsigned int i;

	begin(&set, features);
	for (i = 0; i < 30; i++) {
		unsigned int before;
		pthread_t thread;

		toggler = (struct toggler){ .set = &set };
		CHECK_EQ(pthread_create(&thread, NULL, toggle, &toggler), 0);
		do {
			before = __atomic_load_n(&toggler.toggled, __ATOMIC_RELAXED);
			restart(&set, i % 3 == 0 ? 0 : i % 2 ? 64 : 128);
		} while (before == 0);
		__atomic_store_n(&toggler.ending, true, __ATOMIC_RELAXED);
		CHECK_EQ(pthread_join(thread, NULL), 0);
		CHECK_EQ(toggler.refused, 0);
		/* The last word was "off". */
		CHECK(!write_one(&set, 0));
		CHECK_EQ(fake_port_receive(set.fp, 0), 1);
		awake(&set);
		check_wakes(&set, 0);
	}
	end(&set);
}

/* Says "no" at the moment at which the test says "yes". */
struct rival {
	uint16_t port;
	unsigned int go;   /**< round that has begun */
	unsigned int done; /**< round in which it was said */
};

static void *
say_no(void *arg)
{
	struct rival *r = arg;
	unsigned int i, wait;

	for (i = 1; i <= RIVAL_ROUNDS; i++) {
		while (__atomic_load_n(&r->go, __ATOMIC_ACQUIRE) < i)
			rte_pause();
		/* A little later each time: the other one has more to do before it comes to it. */
		for (wait = 0; wait < i % 256; wait++)
			rte_compiler_barrier();
		rte_eth_dev_rx_intr_disable(r->port, 0);
		__atomic_store_n(&r->done, i, __ATOMIC_RELEASE);
	}
	return NULL;
}

/* Whichever call was last: the ring and what is noted for its next start agree. */
static void
two_who_do_not_agree(uint64_t features)
{
	const struct virtio_rxq *rxq;
	struct rival rival = { 0 };
	pthread_t thread;
	struct set set;
	unsigned int i;

	begin(&set, features);
	rxq = rte_eth_devices[set.fp->port].data->rx_queues[0];
	rival.port = set.fp->port;
	CHECK_EQ(pthread_create(&thread, NULL, say_no, &rival), 0);
	for (i = 1; i <= RIVAL_ROUNDS; i++) {
		__atomic_store_n(&rival.go, i, __ATOMIC_RELEASE);
		rte_eth_dev_rx_intr_enable(set.fp->port, 0);
		while (__atomic_load_n(&rival.done, __ATOMIC_ACQUIRE) < i)
			rte_pause();
		CHECK_EQ(write_one(&set, 0), rxq->q.intr_wanted);
		CHECK_EQ(fake_port_receive(set.fp, 0), 1);
	}
	CHECK_EQ(pthread_join(thread, NULL), 0);
	awake(&set);
	end(&set);
}

/* The back-end has the descriptors too, and may make them block. */
static void
descriptors_that_block(void)
{
	struct set set;
	int fd;

	begin(&set, 0);
	fd = rte_intr_efds_index_get(rte_eth_devices[set.fp->port].intr_handle, 0);
	CHECK_EQ(fcntl(fd, F_SETFL, 0), 0);
	enable(&set, 0);
	disable(&set, 0);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(set.fp->port, 0), 0);
	CHECK_EQ(rte_eth_dev_rx_queue_start(set.fp->port, 0), 0);
	check_wakes(&set, 0);
	CHECK_EQ(rte_eth_dev_stop(set.fp->port), 0);
	end(&set);
}

#define WITH_AND_WITHOUT_EVENT_IDX(body) \
	static void body##_by_flag(void) { body(0); } \
	static void body##_by_event(void) { body(VU_F_EVENT_IDX); }

WITH_AND_WITHOUT_EVENT_IDX(only_who_asks_is_woken)
WITH_AND_WITHOUT_EVENT_IDX(what_waits_wakes_at_once)
WITH_AND_WITHOUT_EVENT_IDX(restarted_queue_wakes_its_sleeper)
WITH_AND_WITHOUT_EVENT_IDX(restarted_port_wakes_its_sleepers)
WITH_AND_WITHOUT_EVENT_IDX(reset_port_wakes_its_sleepers)
WITH_AND_WITHOUT_EVENT_IDX(next_back_end_wakes_the_sleeper)
WITH_AND_WITHOUT_EVENT_IDX(frame_before_the_start_is_over)
WITH_AND_WITHOUT_EVENT_IDX(stop_takes_back_what_was_raised)
WITH_AND_WITHOUT_EVENT_IDX(asked_while_the_queue_is_stopped)
WITH_AND_WITHOUT_EVENT_IDX(not_without_being_configured)
WITH_AND_WITHOUT_EVENT_IDX(configured_with_fewer_and_more_queues)
WITH_AND_WITHOUT_EVENT_IDX(asked_in_the_middle_of_restarts)
WITH_AND_WITHOUT_EVENT_IDX(two_who_do_not_agree)

#define TEST_BOTH(body) TEST_LAYOUTS(body##_by_flag), TEST_LAYOUTS(body##_by_event)

TEST_MAIN(
	TEST_WARM_UP(fake_port_warm_up),
	TEST_BOTH(only_who_asks_is_woken),
	TEST_BOTH(what_waits_wakes_at_once),
	TEST_BOTH(restarted_queue_wakes_its_sleeper),
	TEST_BOTH(restarted_port_wakes_its_sleepers),
	TEST_BOTH(reset_port_wakes_its_sleepers),
	TEST_BOTH(next_back_end_wakes_the_sleeper),
	TEST_BOTH(frame_before_the_start_is_over),
	TEST_BOTH(stop_takes_back_what_was_raised),
	TEST_BOTH(asked_while_the_queue_is_stopped),
	TEST_BOTH(not_without_being_configured),
	TEST_BOTH(configured_with_fewer_and_more_queues),
	TEST_BOTH(asked_in_the_middle_of_restarts),
	TEST_BOTH(two_who_do_not_agree),
	TEST_LAYOUTS(descriptors_that_block),
)
