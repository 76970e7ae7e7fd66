/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * The probe of a server port waits without limit for a back-end that completes the handshake, and
 * logs that. A signal that the probing thread handles ends the probe, whatever the flags of
 * the handler, also while a connected back-end stays silent. Nothing of the port stays behind.
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

static bool
has_socket(void)
{
	return access(test_path("socket"), F_OK) == 0;
}

static void
start_probe(pthread_t *thread)
{
	test_forget_log();
	__atomic_store_n(&probe_ended, false, __ATOMIC_RELAXED);
	CHECK_EQ(pthread_create(thread, NULL, probe, NULL), 0);
}

/* Again: a signal may come between two looks at the socket. */
static void
end_probe(pthread_t thread, int number)
{
	unsigned int tries;

	CHECK(!__atomic_load_n(&probe_ended, __ATOMIC_ACQUIRE));
	for (tries = 0; !__atomic_load_n(&probe_ended, __ATOMIC_ACQUIRE); tries++) {
		CHECK(tries < MAX_TRIES);
		pthread_kill(thread, number);
		usleep(1000);
	}
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(probe_ret, -EINTR);
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
	CHECK_EQ(sigaction(number, &action, &before), 0);
	start_probe(&thread);
	for (tries = 0; test_logged("waiting for a back-end to connect") == 0; tries++) {
		CHECK(tries < MAX_TRIES);
		usleep(1000);
	}
	CHECK(has_socket());
	end_probe(thread, number);
	CHECK_EQ(sigaction(number, &before, NULL), 0);
	CHECK_EQ(test_logged("a signal ended the wait"), 1);
	CHECK(!has_socket());
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
	CHECK(!has_socket());
	fake_vu_destroy(vu);
}

/*
 * The back-end is connected and answers nothing. Without the signal the probe would end with
 * -ETIMEDOUT after 10 s.
 */
static void
signal_ends_the_handshake(bool server)
{
	const struct sigaction action = { .sa_handler = on_signal };
	const unsigned int fds = test_open_fds();
	struct sigaction before;
	struct fake_vu *vu;
	pthread_t thread;

	snprintf(args, sizeof(args), "path=%s,server=%d", test_path("socket"), server);
	vu = fake_vu_create(test_path("socket"));
	vu->client = server;
	fake_vu_rule(vu, VU_GET_FEATURES, 0, 1, VU_HOLD);
	CHECK_EQ(sigaction(SIGINT, &action, &before), 0);
	if (!server)
		fake_vu_launch(vu);
	start_probe(&thread);
	if (server)
		fake_vu_launch(vu);
	fake_vu_wait_held(vu);
	end_probe(thread, SIGINT);
	CHECK_EQ(sigaction(SIGINT, &before, NULL), 0);
	fake_vu_set_once(vu, true);
	fake_vu_release(vu);
	fake_vu_destroy(vu);
	CHECK(!server || !has_socket());
	CHECK_EQ(test_open_fds(), fds);
}

static void
signal_ends_the_handshake_of_a_server(void)
{
	signal_ends_the_handshake(true);
}

static void
signal_ends_the_handshake_of_a_client(void)
{
	signal_ends_the_handshake(false);
}

/* A client that closes its connection within the handshake: the next one is taken. */
static void
probe_goes_on_after_a_client_that_leaves(void)
{
	struct fake_vu *vu = fake_vu_create(test_path("socket"));
	pthread_t thread;

	snprintf(args, sizeof(args), "path=%s,server=1", test_path("socket"));
	vu->client = true;
	vu->close_at = 2;
	fake_vu_launch(vu);
	start_probe(&thread);
	/* It has left once, and is back. */
	fake_vu_wait_connections(vu, 2);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(probe_ret, 0);
	CHECK_EQ(test_logged("the handshake with the back-end on"), 1);
	CHECK_EQ(rte_vdev_uninit(NAME), 0);
	fake_vu_destroy(vu);
}

TEST_MAIN(
	TEST_WARM_UP(port_can_be_probed_again),
	TEST(any_signal_ends_it),
	TEST(port_can_be_probed_again),
	TEST(signal_ends_the_handshake_of_a_server),
	TEST(signal_ends_the_handshake_of_a_client),
	TEST(probe_goes_on_after_a_client_that_leaves),
)
