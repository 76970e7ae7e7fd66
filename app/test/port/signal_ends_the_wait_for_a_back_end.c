/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The probe of a server port waits for its first back-end without limit. It says so at once, and a
 * signal that the waiting thread handles ends the probe, whatever the handler's flags. Nothing of
 * the port stays behind.
 */

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bus_vdev_driver.h>
#include <rte_ethdev.h>

#include "fake_vhost_user.h"
#include "test.h"

#define NAME "net_virtio_user_server"

/* Of a millisecond and more. */
#define MAX_TRIES 20000

static char args[256];
static int probe_ret;
static bool probe_ended;

static void
on_signal(int signal __rte_unused)
{
}

static void *
probe(void *arg __rte_unused)
{
	probe_ret = rte_vdev_init(NAME, args);
	__atomic_store_n(&probe_ended, true, __ATOMIC_RELEASE);
	return NULL;
}

static void
signal_ends_it(int number, int flags)
{
	const struct sigaction action = { .sa_handler = on_signal, .sa_flags = flags };
	const unsigned int fds = test_open_fds();
	struct sigaction before;
	pthread_t thread;
	unsigned int tries;
	uint16_t port;

	snprintf(args, sizeof(args), "path=%s,server=1", test_path("socket"));
	test_forget_log();
	__atomic_store_n(&probe_ended, false, __ATOMIC_RELAXED);
	CHECK_EQ(sigaction(number, &action, &before), 0);
	CHECK_EQ(pthread_create(&thread, NULL, probe, NULL), 0);
	for (tries = 0; test_logged("waiting for a back-end to connect") == 0; tries++) {
		CHECK(tries < MAX_TRIES);
		usleep(1000);
	}
	CHECK_EQ(access(test_path("socket"), F_OK), 0);
	CHECK(!__atomic_load_n(&probe_ended, __ATOMIC_ACQUIRE));
	/* Again: the first signal may come between two looks at the socket. */
	for (tries = 0; !__atomic_load_n(&probe_ended, __ATOMIC_ACQUIRE); tries++) {
		CHECK(tries < MAX_TRIES);
		pthread_kill(thread, number);
		usleep(1000);
	}
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(sigaction(number, &before, NULL), 0);
	CHECK_EQ(probe_ret, -EINTR);
	CHECK_EQ(test_logged("a signal ended the wait"), 1);
	CHECK_EQ(access(test_path("socket"), F_OK), -1);
	CHECK_EQ(rte_eth_dev_get_port_by_name(NAME, &port), -ENODEV);
	CHECK_EQ(test_open_fds(), fds);
}

static void
any_signal_ends_it(void)
{
	signal_ends_it(SIGINT, 0);
	signal_ends_it(SIGTERM, SA_RESTART);
	signal_ends_it(SIGUSR1, SA_RESTART);
}

/* The next probe on the same path is as the first. */
static void
port_can_be_probed_again(void)
{
	struct fake_vu *vu;

	signal_ends_it(SIGINT, 0);
	vu = fake_vu_create(test_path("socket"));
	vu->client = true;
	fake_vu_launch(vu);
	CHECK_EQ(rte_vdev_init(NAME, args), 0);
	CHECK_EQ(rte_vdev_uninit(NAME), 0);
	CHECK_EQ(access(test_path("socket"), F_OK), -1);
	fake_vu_destroy(vu);
}

TEST_MAIN(
	TEST_WARM_UP(port_can_be_probed_again),
	TEST(any_signal_ends_it),
	TEST(port_can_be_probed_again),
)
