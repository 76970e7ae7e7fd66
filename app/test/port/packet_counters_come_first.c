/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * ethdev's telemetry shows the first 256 extended counters of a port alone. Packets, bytes and
 * errors of all queues are among them on ports of up to 41 queue pairs.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bus_vdev_driver.h>
#include <rte_ethdev.h>
#include <rte_telemetry.h>

#include "fake_port.h"
#include "test.h"

/* As the guide says. */
#define MOST_PAIRS 41
#define PAIRS 64

static const char *const packets[] = { "good_packets", "good_bytes", "errors" };

/* A port of PAIRS pairs whose queues have no set-up: they have their counters all the same. */
static struct fake_vu *
open_port(uint16_t *port)
{
	struct fake_vu *vu = fake_vu_create(test_path("backend"));
	char args[160];

	vu->queue_num = PAIRS;
	fake_vu_launch(vu);
	snprintf(args, sizeof(args), "path=%s,queues=%u,queue_reset=get_base", vu->path, PAIRS);
	CHECK_EQ(rte_vdev_init("net_virtio_user_many", args), 0);
	CHECK_EQ(rte_eth_dev_get_port_by_name("net_virtio_user_many", port), 0);
	return vu;
}

static void
close_port(struct fake_vu *vu)
{
	CHECK_EQ(rte_vdev_uninit("net_virtio_user_many"), 0);
	fake_vu_destroy(vu);
}

static void
configure(uint16_t port, uint16_t nb_rx, uint16_t nb_tx)
{
	const struct rte_eth_conf conf = { 0 };

	test_forget_log();
	CHECK_EQ(rte_eth_dev_configure(port, nb_rx, nb_tx, &conf), 0);
}

/* Place of a counter among all of the port. */
static int
place_of(uint16_t port, const char *direction, uint16_t queue, const char *what)
{
	char name[RTE_ETH_XSTATS_NAME_SIZE];
	uint64_t id;

	snprintf(name, sizeof(name), "%s_q%u_%s", direction, queue, what);
	CHECK_EQ(rte_eth_xstats_get_id_by_name(port, name, &id), 0);
	return id;
}

/* The last packet counter of the port. */
static int
last_place(uint16_t port, uint16_t nb_rx, uint16_t nb_tx)
{
	int last = 0;
	unsigned int i;
	uint16_t q;

	for (i = 0; i < RTE_DIM(packets); i++) {
		for (q = 0; q < nb_rx; q++)
			last = RTE_MAX(last, place_of(port, "rx", q, packets[i]));
		for (q = 0; q < nb_tx; q++)
			last = RTE_MAX(last, place_of(port, "tx", q, packets[i]));
	}
	return last;
}

static void
all_fit_up_to_the_limit(void)
{
	uint16_t port;
	struct fake_vu *vu = open_port(&port);

	configure(port, MOST_PAIRS, MOST_PAIRS);
	CHECK(last_place(port, MOST_PAIRS, MOST_PAIRS) < RTE_TEL_MAX_DICT_ENTRIES);
	CHECK_EQ(test_logged("/ethdev/xstats"), 0);
	configure(port, MOST_PAIRS + 1, MOST_PAIRS + 1);
	CHECK(last_place(port, MOST_PAIRS + 1, MOST_PAIRS + 1) >= RTE_TEL_MAX_DICT_ENTRIES);
	CHECK_EQ(test_logged("packet counters of the first 82 of 84 queues"), 1);
	configure(port, PAIRS, 2 * MOST_PAIRS - PAIRS);
	CHECK(last_place(port, PAIRS, 2 * MOST_PAIRS - PAIRS) < RTE_TEL_MAX_DICT_ENTRIES);
	CHECK_EQ(test_logged("/ethdev/xstats"), 0);
	close_port(vu);
}

/* The packaged driver's other names before those of this driver, times at the end. */
static void
groups_follow_each_other(void)
{
	static const char *const order[] = {
		"errors", "multicast_packets", "size_1519_max_packets", "resets", "recovery_failed",
		"reset_gate_ns", "reset_start_p99_ns",
	};
	uint16_t port;
	struct fake_vu *vu = open_port(&port);
	unsigned int i;

	configure(port, 3, 2);
	for (i = 1; i < RTE_DIM(order); i++) {
		CHECK(place_of(port, "rx", 0, order[i]) > place_of(port, "rx", 0, order[i - 1]));
		CHECK(place_of(port, "rx", 0, order[i]) > place_of(port, "tx", 1, order[0]));
	}
	CHECK(place_of(port, "rx", 0, "reset_gate_ns") >
	      place_of(port, "tx", 1, "recovery_failed"));
	CHECK_EQ(place_of(port, "tx", 1, "reset_start_p99_ns") + 1,
		 rte_eth_xstats_get_names(port, NULL, 0));
	close_port(vu);
}

/* An id names the same counter in every call, with queues set up or not. */
static void
ids_hold_over_set_ups(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });
	const int n = rte_eth_xstats_get_names(fp->port, NULL, 0);
	struct rte_eth_xstat_name *names = calloc(n, sizeof(*names));
	struct rte_eth_xstat *values = calloc(n, sizeof(*values));
	uint64_t id, value;
	int i;

	CHECK(names != NULL && values != NULL);
	CHECK_EQ(fake_port_send(fp, 1, 5), 5);
	CHECK_EQ(fake_port_take(fp, 1, true), 5);
	CHECK_EQ(rte_eth_xstats_get_names(fp->port, names, n), n);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
	CHECK_EQ(fake_port_setup_rx(fp, 0, 128), 0);
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), 0);
	CHECK_EQ(rte_eth_xstats_get(fp->port, values, n), n);
	for (i = 0; i < n; i++) {
		CHECK_EQ(values[i].id, i);
		CHECK_EQ(rte_eth_xstats_get_id_by_name(fp->port, names[i].name, &id), 0);
		CHECK_EQ(id, i);
		CHECK_EQ(rte_eth_xstats_get_by_id(fp->port, &id, &value, 1), 1);
		CHECK_EQ(value, values[i].value);
	}
	CHECK_EQ(fake_port_xstat(fp, "tx_q1_good_packets"), 5);
	CHECK_EQ(fake_port_xstat(fp, "rx_q0_resets"), 1);
	free(names);
	free(values);
	fake_port_destroy(fp);
}

TEST_MAIN(
	TEST_WARM_UP(fake_port_warm_up),
	TEST(all_fit_up_to_the_limit),
	TEST(groups_follow_each_other),
	TEST(ids_hold_over_set_ups),
)
