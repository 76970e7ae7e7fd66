/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * 5.1.6.5.7: the device's table names queues that run, and no other, at every moment; the
 * application's is kept beside it. Offsets in the command are those of 5.1.6.5.7.1.
 */

#include <string.h>

#include "fake_pci_port.h"
#include "test.h"

#define TABLE 128
#define KEY 40

static const struct fake_pci_port_conf with_rss = {
	.features = FAKE_F_CONTROL | FAKE_F_RSS,
	.rss_hf = RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_UDP,
};

struct config {
	uint32_t hash_types;
	uint16_t mask;
	uint16_t unclassified;
	uint16_t table[TABLE];
	uint16_t max_tx;
	uint8_t key_len;
	uint8_t key[KEY];
	unsigned int share[FAKE_PCI_PAIRS]; /* entries of each queue */
};

static uint16_t
le16(const uint8_t *at)
{
	return at[0] | at[1] << 8;
}

/* The last command, which must be an RSS_CONFIG of the length that its own fields give. */
static struct config
last_config(const struct fake_pci_port *fp)
{
	const struct fake_command *command = fake_pci_port_last(fp);
	const uint8_t *data = command->data;
	struct config config = { .hash_types = le16(data) | (uint32_t)le16(data + 2) << 16,
				 .mask = le16(data + 4), .unclassified = le16(data + 6) };
	unsigned int i;

	CHECK_EQ(command->class, 4);
	CHECK_EQ(command->code, 1);
	CHECK_EQ(config.mask, TABLE - 1);
	for (i = 0; i < TABLE; i++) {
		config.table[i] = le16(data + 8 + 2 * i);
		CHECK(config.table[i] < FAKE_PCI_PAIRS);
		/* 2.6.1.1: a table that names a stopped queue is not to be sent. */
		CHECK(command->enabled & 1 << 2 * config.table[i]);
		config.share[config.table[i]]++;
	}
	CHECK(command->enabled & 1 << 2 * config.unclassified);
	data += 8 + 2 * TABLE;
	config.max_tx = le16(data);
	config.key_len = data[2];
	CHECK_EQ(config.key_len, KEY);
	memcpy(config.key, data + 3, KEY);
	CHECK_EQ(command->len, 8 + 2 * TABLE + 3 + KEY);
	return config;
}

static void
check_shown_table(struct fake_pci_port *fp, uint16_t first)
{
	struct rte_eth_rss_reta_entry64 reta[2] = { { .mask = UINT64_MAX },
						    { .mask = UINT64_MAX } };
	unsigned int i;

	CHECK_EQ(rte_eth_dev_rss_reta_query(fp->port, reta, TABLE), 0);
	CHECK_EQ(reta[0].reta[0], first);
	for (i = 1; i < TABLE; i++)
		CHECK_EQ(reta[i / 64].reta[i % 64], i % FAKE_PCI_PAIRS);
}

/* 5.1.6.5.5: the MQ command would switch RSS off again. */
static void
pairs_are_set_by_the_rss_command(void)
{
	struct fake_pci_port *fp = fake_pci_port_create(&with_rss);
	struct config config;

	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	fp->nb_commands = 1;
	config = last_config(fp);
	CHECK_EQ(config.hash_types, 1 << 0 | 1 << 2);
	CHECK_EQ(config.max_tx, FAKE_PCI_PAIRS);
	CHECK_EQ(config.unclassified, 0);
	CHECK_EQ(config.key[0], 0x6d);
	CHECK_EQ(config.share[0], TABLE / 3 + 1);
	CHECK_EQ(config.share[2], TABLE / 3);
	fake_pci_port_destroy(fp);
}

static void
queue_leaves_the_table_before_its_reset(void)
{
	struct fake_pci_port *fp = fake_pci_port_start(&with_rss);
	struct config config;

	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
	CHECK_EQ(fp->nb_commands, 1);
	config = last_config(fp);
	CHECK_EQ(config.share[0], 0);
	CHECK_EQ(config.unclassified, 1);
	/* Its share goes to both others. */
	CHECK(config.share[1] > TABLE / 3 + 10 && config.share[2] > TABLE / 3 + 10);
	/* The ring was still there when the command came, and is not any more. */
	CHECK(fp->command[0].enabled & 1);
	CHECK_EQ(fp->fake->queue[0].enable, 0);
	check_shown_table(fp, 0);

	fake_pci_port_forget(fp);
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), 0);
	CHECK_EQ(fp->nb_commands, 1);
	config = last_config(fp);
	CHECK_EQ(config.share[0], TABLE / 3 + 1);
	CHECK_EQ(config.unclassified, 0);
	fake_pci_port_destroy(fp);
}

/* There is no legal table without a queue: none is sent. */
static void
last_table_stays_when_all_are_stopped(void)
{
	struct fake_pci_port *fp = fake_pci_port_start(&with_rss);
	struct config config;
	uint16_t q;

	for (q = 0; q < FAKE_PCI_PAIRS; q++)
		CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, q), 0);
	fake_pci_port_check_commands(fp, "4.1 4.1");
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 1), 0);
	config = last_config(fp);
	CHECK_EQ(config.share[1], TABLE);
	fake_pci_port_destroy(fp);
}

static void
deferred_queue_is_not_in_the_first_table(void)
{
	struct fake_pci_port_conf conf = with_rss;
	struct fake_pci_port *fp;

	conf.deferred = 1 << 0;
	fp = fake_pci_port_create(&conf);
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	fp->nb_commands = 1;
	CHECK_EQ(last_config(fp).share[0], 0);
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), 0);
	CHECK_EQ(last_config(fp).share[0], TABLE / 3 + 1);
	fake_pci_port_destroy(fp);
}

/* The old table still names it: it is not reset. */
static void
queue_stays_where_the_table_is_refused(void)
{
	struct fake_pci_port *fp = fake_pci_port_start(&with_rss);
	struct rte_eth_rxq_info info;

	fp->answer = FAKE_CTRL_REFUSES;
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 1), -EIO);
	CHECK_EQ(fp->fake->queue[2].enable, 1);
	CHECK_EQ(rte_eth_rx_queue_info_get(fp->port, 1, &info), 0);
	CHECK_EQ(info.queue_state, RTE_ETH_QUEUE_STATE_STARTED);
	fp->answer = FAKE_CTRL_OBEYS;
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 1), 0);
	/* And back: one that has no share is not started. */
	fp->answer = FAKE_CTRL_REFUSES;
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 1), -EIO);
	CHECK_EQ(fp->fake->queue[2].enable, 0);
	fp->answer = FAKE_CTRL_OBEYS;
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 1), 0);
	fake_pci_port_destroy(fp);
}

/*
 * One that was not answered is sent again on a control queue that was reset; a device that does not
 * answer that either does not keep the queue's buffers.
 */
static void
queue_stops_though_no_command_is_answered(void)
{
	struct fake_pci_port_conf conf = with_rss;
	struct rte_eth_rxq_info info;
	struct fake_pci_port *fp;

	conf.timeout_ms = 20;
	fp = fake_pci_port_start(&conf);
	fp->answer = FAKE_CTRL_NEVER;
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 1), 0);
	fake_pci_port_check_commands(fp, "4.1 4.1");
	CHECK_EQ(test_logged("the control queue does not answer"), 1);
	CHECK_EQ(fp->fake->queue[2].enable, 0);
	CHECK_EQ(rte_eth_rx_queue_info_get(fp->port, 1, &info), 0);
	CHECK_EQ(info.queue_state, RTE_ETH_QUEUE_STATE_STOPPED);
	/* No start without a share. */
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 1), -ETIMEDOUT);
	CHECK_EQ(fp->fake->queue[2].enable, 0);
	fp->answer = FAKE_CTRL_OBEYS;
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 1), 0);
	CHECK_EQ(last_config(fp).share[1], TABLE / 3 + 1);
	fake_pci_port_destroy(fp);
}

static void
answer_first(struct fake_pci_port *fp, enum fake_ctrl_answer one, enum fake_ctrl_answer two)
{
	fake_pci_port_forget(fp);
	test_forget_log();
	fp->first[0] = one;
	fp->first[1] = two;
	fp->nb_first = two == FAKE_CTRL_OBEYS ? 1 : 2;
}

/*
 * A device may carry out what it does not answer. So a queue whose start fails for that leaves the
 * table before it is stopped, as any does.
 */
static void
failed_start_leaves_the_table(void)
{
	struct fake_pci_port_conf conf = with_rss;
	struct fake_pci_port *fp;
	struct config config;

	conf.timeout_ms = 20;
	fp = fake_pci_port_start(&conf);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 1), 0);
	answer_first(fp, FAKE_CTRL_NEVER, FAKE_CTRL_OBEYS);
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 1), -ETIMEDOUT);
	CHECK_EQ(fp->fake->queue[2].enable, 0);
	config = last_config(fp);
	CHECK_EQ(config.share[1], 0);
	/* It was running still. */
	CHECK(fake_pci_port_last(fp)->enabled & 1 << 2);
	fake_pci_port_check_commands(fp, "4.1 4.1");
	/* Refused that as well, it cannot be helped. */
	answer_first(fp, FAKE_CTRL_NEVER, FAKE_CTRL_REFUSES);
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 1), -ETIMEDOUT);
	CHECK_EQ(fp->fake->queue[2].enable, 0);
	CHECK_EQ(test_logged("is stopped, but the device may send it packets"), 1);
	/* A clean refusal leaves nothing to be taken back. */
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 1), 0);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 1), 0);
	answer_first(fp, FAKE_CTRL_REFUSES, FAKE_CTRL_OBEYS);
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 1), -EIO);
	fake_pci_port_check_commands(fp, "4.1");
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 1), 0);
	CHECK_EQ(last_config(fp).share[1], TABLE / 3 + 1);
	fake_pci_port_destroy(fp);
}

/* The first of two commands may have taken the share of a queue that runs on. */
static void
failed_stop_gives_the_share_back(void)
{
	struct fake_pci_port_conf conf = with_rss;
	struct fake_pci_port *fp;

	conf.timeout_ms = 20;
	fp = fake_pci_port_start(&conf);
	answer_first(fp, FAKE_CTRL_NEVER, FAKE_CTRL_REFUSES);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 1), -EIO);
	CHECK_EQ(fp->fake->queue[2].enable, 1);
	CHECK_EQ(last_config(fp).share[1], TABLE / 3 + 1);
	fake_pci_port_check_commands(fp, "4.1 4.1 4.1");
	CHECK_EQ(test_logged("the device may send it no packets"), 0);
	answer_first(fp, FAKE_CTRL_REFUSES, FAKE_CTRL_OBEYS);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 1), -EIO);
	fake_pci_port_check_commands(fp, "4.1");
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 1), 0);
	fake_pci_port_destroy(fp);
}

/* What is not kept here is taken back from a device that may have it. */
static void
unanswered_update_is_taken_back(void)
{
	struct rte_eth_rss_reta_entry64 reta[2] = { { .mask = 1, .reta = { 2 } } };
	struct rte_eth_rss_conf rss = { .rss_hf = RTE_ETH_RSS_NONFRAG_IPV4_TCP };
	struct fake_pci_port_conf conf = with_rss;
	struct fake_pci_port *fp;

	conf.timeout_ms = 20;
	fp = fake_pci_port_start(&conf);
	answer_first(fp, FAKE_CTRL_NEVER, FAKE_CTRL_OBEYS);
	CHECK_EQ(rte_eth_dev_rss_reta_update(fp->port, reta, TABLE), -ETIMEDOUT);
	CHECK_EQ(last_config(fp).table[0], 0);
	check_shown_table(fp, 0);
	answer_first(fp, FAKE_CTRL_NEVER, FAKE_CTRL_OBEYS);
	CHECK_EQ(rte_eth_dev_rss_hash_update(fp->port, &rss), -ETIMEDOUT);
	CHECK_EQ(last_config(fp).hash_types, 1 << 0 | 1 << 2);
	fake_pci_port_check_commands(fp, "4.1 4.1");
	fake_pci_port_destroy(fp);
}

/* Nothing answers 0 that has no effect: without RSS there is no table and no key. */
static void
port_without_rss_takes_no_table(void)
{
	struct rte_eth_rss_reta_entry64 reta[2] = { { .mask = 1, .reta = { 2 } } };
	struct rte_eth_rss_conf rss = { .rss_hf = RTE_ETH_RSS_IPV4 };
	struct fake_pci_port_conf conf = with_rss;
	struct fake_pci_port *fp;

	conf.rss_hf = 0;
	fp = fake_pci_port_start(&conf);
	CHECK_EQ(rte_eth_dev_rss_reta_update(fp->port, reta, TABLE), -ENOTSUP);
	CHECK_EQ(rte_eth_dev_rss_hash_update(fp->port, &rss), -ENOTSUP);
	fake_pci_port_destroy(fp);
}

static void
application_changes_table_key_and_types(void)
{
	struct fake_pci_port *fp = fake_pci_port_start(&with_rss);
	struct rte_eth_rss_reta_entry64 reta[2] = { { .mask = 1, .reta = { 2 } } };
	uint8_t key[KEY] = { 0x11, 0x22 };
	uint8_t got[KEY];
	struct rte_eth_rss_conf conf = { .rss_key = key, .rss_key_len = KEY,
					 .rss_hf = RTE_ETH_RSS_NONFRAG_IPV4_TCP };

	CHECK_EQ(rte_eth_dev_rss_reta_update(fp->port, reta, TABLE), 0);
	CHECK_EQ(last_config(fp).table[0], 2);
	check_shown_table(fp, 2);
	CHECK_EQ(rte_eth_dev_rss_hash_update(fp->port, &conf), 0);
	CHECK_EQ(last_config(fp).hash_types, 1 << 1);
	CHECK_EQ(last_config(fp).key[1], 0x22);

	/* What is refused is not kept. */
	fp->answer = FAKE_CTRL_REFUSES;
	reta[0].reta[0] = 1;
	CHECK_EQ(rte_eth_dev_rss_reta_update(fp->port, reta, TABLE), -EIO);
	check_shown_table(fp, 2);
	conf.rss_hf = RTE_ETH_RSS_IPV4;
	CHECK_EQ(rte_eth_dev_rss_hash_update(fp->port, &conf), -EIO);
	conf = (struct rte_eth_rss_conf){ .rss_key = got, .rss_key_len = KEY };
	CHECK_EQ(rte_eth_dev_rss_hash_conf_get(fp->port, &conf), 0);
	CHECK_EQ(conf.rss_hf, RTE_ETH_RSS_NONFRAG_IPV4_TCP);
	CHECK(memcmp(got, key, KEY) == 0);
	fake_pci_port_destroy(fp);
}

/* A longer key would be cut, a shorter one be read beyond its end. */
static void
key_of_another_length_is_refused(void)
{
	struct fake_pci_port *fp = fake_pci_port_start(&with_rss);
	uint8_t key[KEY + 12] = { 0x11, 0x22 };
	uint8_t got[KEY];
	struct rte_eth_rss_conf conf = { .rss_key = key, .rss_hf = RTE_ETH_RSS_IPV4 };

	conf.rss_key_len = KEY + 12;
	CHECK_EQ(rte_eth_dev_rss_hash_update(fp->port, &conf), -EINVAL);
	conf.rss_key_len = KEY - 1;
	CHECK_EQ(rte_eth_dev_rss_hash_update(fp->port, &conf), -EINVAL);
	conf = (struct rte_eth_rss_conf){ .rss_key = got, .rss_key_len = KEY };
	CHECK_EQ(rte_eth_dev_rss_hash_conf_get(fp->port, &conf), 0);
	CHECK(memcmp(got, key, KEY) != 0);
	fake_pci_port_destroy(fp);
}

/* 5.1.4.1: less than a device that offers RSS must have. */
static void
device_of_a_small_table_or_key(void)
{
	static const struct {
		uint8_t key_max;
		uint16_t table_max;
	} small[] = { { KEY, TABLE - 1 }, { KEY - 1, TABLE } };
	unsigned int i;

	for (i = 0; i < RTE_DIM(small); i++) {
		struct fake_pci_port_conf conf = with_rss;
		struct rte_eth_dev_info info;
		struct fake_pci_port *fp;

		conf.rss_hf = 0;
		conf.rss_key_max = small[i].key_max;
		conf.rss_table_max = small[i].table_max;
		test_forget_log();
		fp = fake_pci_port_create(&conf);
		CHECK_EQ(test_logged("RSS is not used: the device offers a key of"), 1);
		CHECK_EQ(rte_eth_dev_info_get(fp->port, &info), 0);
		CHECK_EQ(info.flow_type_rss_offloads, 0);
		fake_pci_port_destroy(fp);
	}
}

/* A queue out of the table stays out of it, whatever else is changed. */
static void
update_leaves_the_stopped_queue_out(void)
{
	struct fake_pci_port *fp = fake_pci_port_start(&with_rss);
	struct rte_eth_rss_reta_entry64 reta[2] = { { .mask = 1, .reta = { 2 } } };

	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 2), 0);
	CHECK_EQ(rte_eth_dev_rss_reta_update(fp->port, reta, TABLE), 0);
	CHECK_EQ(last_config(fp).share[2], 0);
	check_shown_table(fp, 2);
	fake_pci_port_destroy(fp);
}

static void
device_says_what_it_hashes(void)
{
	struct fake_pci_port_conf conf = with_rss;
	struct rte_eth_dev_info info;
	struct fake_pci_port *fp;

	conf.rss_hf = 0;
	fp = fake_pci_port_create(&conf);
	CHECK_EQ(rte_eth_dev_info_get(fp->port, &info), 0);
	CHECK_EQ(info.reta_size, TABLE);
	CHECK_EQ(info.hash_key_size, KEY);
	CHECK(info.flow_type_rss_offloads & RTE_ETH_RSS_IPV4);
	CHECK(!(info.flow_type_rss_offloads & RTE_ETH_RSS_IPV6_EX));
	fake_pci_port_destroy(fp);
}

/* 5.1.5: pairs beyond the first are there only with RSS on; said before anything is started. */
static void
pairs_that_only_rss_has(void)
{
	struct fake_pci_port_conf conf = with_rss;
	const struct rte_eth_conf none = { 0 };
	struct fake_pci_port *fp;

	conf.features &= ~FAKE_F_MQ;
	fp = fake_pci_port_start(&conf);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 1), 0);
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 1), 0);
	CHECK_EQ(rte_eth_dev_stop(fp->port), 0);
	CHECK_EQ(rte_eth_dev_configure(fp->port, 2, 2, &none), -EINVAL);
	CHECK_EQ(test_logged("2 pairs of queues are not possible: without RSS"), 1);
	CHECK_EQ(rte_eth_dev_configure(fp->port, 1, 1, &none), 0);
	fake_pci_port_destroy(fp);
}

TEST_MAIN(
	TEST_WARM_UP(pairs_are_set_by_the_rss_command),
	TEST_LAYOUTS(pairs_are_set_by_the_rss_command),
	TEST_LAYOUTS(queue_leaves_the_table_before_its_reset),
	TEST_LAYOUTS(last_table_stays_when_all_are_stopped),
	TEST_LAYOUTS(deferred_queue_is_not_in_the_first_table),
	TEST_LAYOUTS(queue_stays_where_the_table_is_refused),
	TEST_LAYOUTS(queue_stops_though_no_command_is_answered),
	TEST_LAYOUTS(failed_start_leaves_the_table),
	TEST_LAYOUTS(failed_stop_gives_the_share_back),
	TEST(unanswered_update_is_taken_back),
	TEST(port_without_rss_takes_no_table),
	TEST(application_changes_table_key_and_types),
	TEST(key_of_another_length_is_refused),
	TEST(device_of_a_small_table_or_key),
	TEST(update_leaves_the_stopped_queue_out),
	TEST(device_says_what_it_hashes),
	TEST(pairs_that_only_rss_has),
)
