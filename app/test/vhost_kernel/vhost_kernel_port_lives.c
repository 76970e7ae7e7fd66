/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * A port on the kernel's vhost-net, through ethdev: arguments that cannot hold, the RSS table of
 * steering=ebpf in every state of queues and port, refusals of the kernel, and an interface that is
 * deleted.
 */

#include <string.h>

#include <rte_bus_vdev.h>
#include <rte_ethdev.h>
#include <rte_mempool.h>

#include "fake_vhost_kernel.h"
#include "test.h"

#define NAME    "net_virtio_user9"
#define PATH    "path=/dev/vhost-net,iface=tap3"
#define PAIRS   3
#define SIZE    64
#define BUFFERS 600
#define TABLE   128
#define HASH    RTE_ETH_RSS_NONFRAG_IPV4_UDP

static struct fake_vhost_kernel vk;
static struct rte_mempool *pool;
static uint16_t port;

static int
probe(const char *args)
{
	int ret;

	test_forget_log();
	ret = rte_vdev_init(NAME, args);
	if (ret == 0)
		CHECK_EQ(rte_eth_dev_get_port_by_name(NAME, &port), 0);
	return ret;
}

static int
configure(enum rte_eth_rx_mq_mode mq_mode, uint64_t rss_hf)
{
	const struct rte_eth_conf conf = {
		.rxmode.mq_mode = mq_mode,
		.rx_adv_conf.rss_conf.rss_hf = rss_hf,
	};
	uint16_t q;
	int ret;

	ret = rte_eth_dev_configure(port, PAIRS, PAIRS, &conf);
	for (q = 0; ret == 0 && q < PAIRS; q++) {
		CHECK_EQ(rte_eth_rx_queue_setup(port, q, SIZE, SOCKET_ID_ANY, NULL, pool), 0);
		CHECK_EQ(rte_eth_tx_queue_setup(port, q, SIZE, SOCKET_ID_ANY, NULL), 0);
	}
	return ret;
}

/* A port whose queues are not set up. */
static void
open_port(const char *args)
{
	fake_vk_begin(&vk);
	pool = rte_pktmbuf_pool_create("buffers", BUFFERS, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
				       SOCKET_ID_ANY);
	CHECK(pool != NULL);
	CHECK_EQ(probe(args), 0);
}

/* A port with RSS that is not started. */
static void
open_steered(void)
{
	open_port(PATH ",queues=3,steering=ebpf");
	CHECK_EQ(configure(RTE_ETH_MQ_RX_RSS, HASH), 0);
}

static void
down(void)
{
	CHECK_EQ(rte_vdev_uninit(NAME), 0);
	CHECK(!vk.is_steered);
	CHECK_EQ(rte_mempool_in_use_count(pool), 0);
	rte_mempool_free(pool);
	fake_vk_end();
}

/* ---- arguments ---------------------------------------------------------------------------- */

static const struct {
	const char *args, *message;
} refusals[] = {
	{ PATH ",server=1", "server=1: a back-end in the kernel does not connect. Leave it out" },
	{ PATH ",packed_vq=1", "vhost-net has split rings only. Leave it out" },
	{ PATH ",queue_reset=get_base", "want auto or off" },
	{ PATH ",queue_reset=never", "queue_reset=never: want auto, get_base, disable or off" },
	{ PATH ",steering=ebpf", "steering=ebpf: there is one pair of queues" },
	{ PATH ",queues=2,steering=detach", "steering=detach: want none or ebpf" },
	{ PATH ",queues=2,steering=", "steering=: want none or ebpf" },
	{ PATH ",queues=2,cq=0", "queues=2 needs the control queue" },
	{ PATH ",queues=129", "want 1 to 128 queue pairs" },
	{ PATH ",queue_size=65536", "want 32 to 32768 descriptors" },
	{ "path=/dev/vhost-net,iface=", "want a name of an interface" },
	{ "path=/dev/vhost-net,iface=a_name_of_16_char", "want a name of an interface" },
	{ "path=/dev/vhost-net,iface=a/b", "want a name of an interface" },
	{ "path=/dev/vhost-net,iface=a b", "want a name of an interface" },
	{ "path=/dev/vhost-net,iface=a:b", "want a name of an interface" },
	{ "path=/dev/vhost-net,iface=..", "want a name of an interface" },
	{ "path=/tmp/no,steering=ebpf", "or give path=/dev/vhost-net" },
	{ "path=/tmp/no,iface=tap3", "or give path=/dev/vhost-net" },
};

static void
arguments_are_checked(void)
{
	unsigned int i;

	fake_vk_begin(&vk);
	for (i = 0; i < RTE_DIM(refusals); i++) {
		CHECK_EQ(probe(refusals[i].args), -EINVAL);
		if (test_logged(refusals[i].message) != 1)
			test_fail(__FILE__, __LINE__, "%s: no message %s", refusals[i].args,
				  refusals[i].message);
	}
	/* Nothing was opened. */
	CHECK_EQ(vk.calls, 0);
	fake_vk_end();
}

static const struct {
	enum fake_vk_request request;
	int error;
	const char *message;
} rights[] = {
	{ FAKE_VK_TAP, -EPERM, "tap interface tap3: it cannot be opened: Operation not permitted. "
	  "Run with CAP_NET_ADMIN" },
	{ FAKE_VK_TAP, -EBUSY, "Another process uses the interface" },
	{ FAKE_VK_BPF, -EPERM, "steering=ebpf: the kernel does not load the program" },
};

static void
probe_gives_all_back_without_rights(void)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(rights); i++) {
		fake_vk_begin(&vk);
		vk.fail_request = rights[i].request;
		vk.fail_error = rights[i].error;
		CHECK_EQ(probe(PATH ",queues=3,steering=ebpf"), rights[i].error);
		CHECK_EQ(test_logged(rights[i].message), 1);
		CHECK(rte_eth_dev_get_port_by_name(NAME, &port) != 0);
		fake_vk_end();
	}
}

/* ---- the RSS table ------------------------------------------------------------------------ */

/* All entries name one queue. */
static int
update_table(uint16_t queue)
{
	struct rte_eth_rss_reta_entry64 reta[TABLE / RTE_ETH_RETA_GROUP_SIZE];
	unsigned int i;

	for (i = 0; i < RTE_DIM(reta); i++) {
		unsigned int k;

		reta[i].mask = UINT64_MAX;
		for (k = 0; k < RTE_ETH_RETA_GROUP_SIZE; k++)
			reta[i].reta[k] = queue;
	}
	return rte_eth_dev_rss_reta_update(port, reta, TABLE);
}

/* Which queues the kernel's table has, as bits. */
static unsigned int
queues_in_table(void)
{
	unsigned int queues = 0, i;

	for (i = 0; i < TABLE; i++)
		queues |= 1u << vk.table[i];
	return queues;
}

/* What ethdev says that the table has. */
static uint16_t
first_entry(void)
{
	struct rte_eth_rss_reta_entry64 reta[TABLE / RTE_ETH_RETA_GROUP_SIZE];

	reta[0].mask = reta[1].mask = UINT64_MAX;
	CHECK_EQ(rte_eth_dev_rss_reta_query(port, reta, TABLE), 0);
	return reta[0].reta[0];
}

static void
table_follows_queues(void)
{
	open_steered();
	CHECK(!vk.is_steered);
	CHECK_EQ(rte_eth_dev_start(port), 0);
	CHECK(vk.is_steered);
	CHECK_EQ(queues_in_table(), 7);
	CHECK_EQ(vk.hash_types, 1 << 2);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(port, 1), 0);
	CHECK_EQ(queues_in_table(), 5);
	/* A stop of the other direction is none of the table's. */
	CHECK_EQ(rte_eth_dev_tx_queue_stop(port, 0), 0);
	CHECK_EQ(queues_in_table(), 5);
	CHECK_EQ(rte_eth_dev_rx_queue_start(port, 1), 0);
	CHECK_EQ(queues_in_table(), 7);
	down();
}

/* A stopped queue is not in the kernel's table, whatever the application's has. */
static void
updates_while_queues_are_stopped(void)
{
	struct rte_eth_rss_conf hash = { .rss_hf = RTE_ETH_RSS_IPV4 };

	open_steered();
	CHECK_EQ(rte_eth_dev_start(port), 0);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(port, 1), 0);
	CHECK_EQ(update_table(1), 0);
	CHECK_EQ(queues_in_table(), 5);
	CHECK_EQ(first_entry(), 1);
	CHECK_EQ(rte_eth_dev_rss_hash_update(port, &hash), 0);
	CHECK_EQ(vk.hash_types, 1);
	CHECK_EQ(queues_in_table(), 5);
	CHECK_EQ(rte_eth_dev_rx_queue_start(port, 1), 0);
	CHECK_EQ(queues_in_table(), 2);
	/* All of them: the kernel keeps the last table. */
	CHECK_EQ(rte_eth_dev_rx_queue_stop(port, 0), 0);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(port, 2), 0);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(port, 1), 0);
	CHECK_EQ(test_logged("no receive queue is left for the RSS table"), 1);
	CHECK_EQ(update_table(2), 0);
	CHECK_EQ(queues_in_table(), 2);
	CHECK_EQ(rte_eth_dev_rx_queue_start(port, 0), 0);
	CHECK_EQ(queues_in_table(), 1);
	CHECK_EQ(rte_eth_dev_rx_queue_start(port, 2), 0);
	CHECK_EQ(queues_in_table(), 4);
	down();
}

static void
updates_while_the_port_is_stopped(void)
{
	struct rte_eth_rss_conf hash = { .rss_hf = RTE_ETH_RSS_IPV4 };

	open_steered();
	CHECK_EQ(update_table(2), 0);
	CHECK_EQ(rte_eth_dev_start(port), 0);
	CHECK_EQ(queues_in_table(), 4);
	CHECK_EQ(rte_eth_dev_stop(port), 0);
	CHECK_EQ(update_table(0), 0);
	CHECK_EQ(rte_eth_dev_rss_hash_update(port, &hash), 0);
	CHECK_EQ(queues_in_table(), 4);
	CHECK_EQ(rte_eth_dev_start(port), 0);
	CHECK_EQ(queues_in_table(), 1);
	CHECK_EQ(vk.hash_types, 1);
	/* Without RSS the kernel chooses. */
	CHECK_EQ(rte_eth_dev_stop(port), 0);
	CHECK_EQ(configure(RTE_ETH_MQ_RX_NONE, 0), 0);
	CHECK_EQ(rte_eth_dev_start(port), 0);
	CHECK(!vk.is_steered);
	down();
}

static void
wrong_updates_change_nothing(void)
{
	struct rte_eth_rss_conf hash = { .rss_hf = RTE_ETH_RSS_NONFRAG_IPV4_SCTP };
	uint8_t key[41] = { 0 };

	open_steered();
	CHECK_EQ(rte_eth_dev_start(port), 0);
	CHECK_EQ(update_table(PAIRS), -EINVAL);
	CHECK(rte_eth_dev_rss_hash_update(port, &hash) < 0);
	hash = (struct rte_eth_rss_conf){ .rss_key = key, .rss_key_len = sizeof(key) };
	CHECK_EQ(rte_eth_dev_rss_hash_update(port, &hash), -EINVAL);
	CHECK_EQ(queues_in_table(), 7);
	CHECK_EQ(vk.hash_types, 1 << 2);
	/* The kernel refuses it: the old table holds, for ethdev too. */
	vk.fail_request = FAKE_VK_TABLE;
	vk.fail_error = -ENOMEM;
	test_forget_log();
	CHECK_EQ(update_table(2), -ENOMEM);
	CHECK_EQ(test_logged("tap interface tap3: the table of its queues cannot be set"), 1);
	CHECK_EQ(first_entry(), 0);
	/* So does a queue that was to leave the table: it stays started. */
	CHECK_EQ(rte_eth_dev_rx_queue_stop(port, 1), -ENOMEM);
	vk.fail_request = FAKE_VK_NONE;
	CHECK_EQ(update_table(2), 0);
	CHECK_EQ(queues_in_table(), 4);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(port, 1), 0);
	down();
}

/* The program was loaded, and the interface does not take it. */
static void
start_without_the_program_fails(void)
{
	open_steered();
	vk.fail_request = FAKE_VK_STEER;
	vk.fail_error = -EPERM;
	test_forget_log();
	CHECK_EQ(rte_eth_dev_start(port), -EPERM);
	CHECK_EQ(test_logged("its frames cannot be steered by a program"), 1);
	CHECK_EQ(rte_mempool_in_use_count(pool), 0);
	vk.fail_request = FAKE_VK_NONE;
	CHECK_EQ(rte_eth_dev_start(port), 0);
	CHECK(vk.is_steered);
	down();
}

static void
rss_needs_steering(void)
{
	open_port(PATH ",queues=3");
	CHECK_EQ(configure(RTE_ETH_MQ_RX_RSS, 0), -ENOTSUP);
	CHECK_EQ(test_logged("does not offer RSS"), 1);
	CHECK_EQ(configure(RTE_ETH_MQ_RX_NONE, 0), 0);
	CHECK_EQ(rte_eth_dev_start(port), 0);
	CHECK(!vk.is_steered);
	CHECK_EQ(update_table(0), -ENOTSUP);
	down();
}

/* ---- an interface that is deleted --------------------------------------------------------- */

static void
port_gets_another_interface(void)
{
	struct rte_eth_link link;

	open_steered();
	CHECK_EQ(rte_eth_dev_start(port), 0);
	CHECK_EQ(rte_eth_link_get(port, &link), 0);
	CHECK_EQ(link.link_status, RTE_ETH_LINK_UP);
	vk.deleted = true;
	CHECK_EQ(rte_eth_link_get(port, &link), 0);
	CHECK_EQ(link.link_status, RTE_ETH_LINK_DOWN);
	CHECK_EQ(rte_eth_dev_stop(port), 0);
	CHECK_EQ(rte_mempool_in_use_count(pool), 0);
	/* The program was with the interface. */
	vk.is_steered = false;
	test_forget_log();
	CHECK_EQ(rte_eth_dev_start(port), -ENODEV);
	CHECK_EQ(test_logged("the device is gone. Call rte_eth_dev_reset()"), 1);
	CHECK_EQ(rte_eth_dev_reset(port), 0);
	CHECK_EQ(configure(RTE_ETH_MQ_RX_RSS, HASH), 0);
	CHECK_EQ(rte_eth_dev_start(port), 0);
	CHECK(vk.is_steered);
	CHECK_EQ(queues_in_table(), 7);
	CHECK_EQ(rte_eth_link_get(port, &link), 0);
	CHECK_EQ(link.link_status, RTE_ETH_LINK_UP);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(port, 0), 0);
	down();
}

/* The name is another's now. */
static void
reset_that_fails_can_be_repeated(void)
{
	open_steered();
	CHECK_EQ(rte_eth_dev_start(port), 0);
	vk.deleted = true;
	vk.fail_request = FAKE_VK_TAP;
	vk.fail_error = -EBUSY;
	vk.is_steered = false;
	test_forget_log();
	CHECK_EQ(rte_eth_dev_reset(port), -EBUSY);
	CHECK_EQ(test_logged("Another process uses the interface"), 1);
	CHECK_EQ(rte_mempool_in_use_count(pool), 0);
	CHECK_EQ(rte_eth_dev_start(port), -ENODEV);
	vk.fail_request = FAKE_VK_NONE;
	vk.deleted = true;
	CHECK_EQ(rte_eth_dev_reset(port), 0);
	CHECK_EQ(rte_eth_dev_start(port), 0);
	CHECK(vk.is_steered);
	down();
}

static void
interface_has_the_mtu_of_the_port(void)
{
	open_port(PATH ",queues=3");
	CHECK_EQ(configure(RTE_ETH_MQ_RX_NONE, 0), 0);
	CHECK_EQ(rte_eth_dev_set_mtu(port, 1400), 0);
	CHECK_EQ(vk.mtu, 1400);
	/* Another interface gets it as well. */
	vk.deleted = true;
	vk.mtu = 0;
	CHECK_EQ(rte_eth_dev_reset(port), 0);
	CHECK_EQ(vk.mtu, 1400);
	vk.deleted = true;
	CHECK_EQ(rte_eth_dev_set_mtu(port, 1300), -ENODEV);
	CHECK_EQ(test_logged("its MTU cannot be set to 1300"), 1);
	vk.deleted = false;
	down();
}

TEST_MAIN(
	TEST_WARM_UP(table_follows_queues),
	TEST(arguments_are_checked),
	TEST(probe_gives_all_back_without_rights),
	TEST(table_follows_queues),
	TEST(updates_while_queues_are_stopped),
	TEST(updates_while_the_port_is_stopped),
	TEST(wrong_updates_change_nothing),
	TEST(start_without_the_program_fails),
	TEST(rss_needs_steering),
	TEST(port_gets_another_interface),
	TEST(interface_has_the_mtu_of_the_port),
	TEST(reset_that_fails_can_be_repeated),
)
