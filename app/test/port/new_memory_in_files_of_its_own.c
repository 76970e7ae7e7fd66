/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * A page that goes and one that comes may have the same address and the same descriptor number, and
 * be different files: the back-end must get the new one, or it writes into the old one.
 */

#include <rte_malloc.h>

#include "fake_port.h"
#include "test.h"

/* More than what is left of the pages that are there. */
#define MUCH (5 << 20)

static void
pages_come_and_go_with(unsigned int slots)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ .mem_slots = slots });
	unsigned int round;

	fake_port_check_runs(fp, 0);
	fake_vu_forget_record(fp->vu);
	for (round = 0; round < 10; round++) {
		uint8_t *much = rte_malloc(NULL, MUCH, 0);
		const uint8_t *there;
		uintptr_t at;
		size_t i;

		CHECK(much != NULL);
		at = (uintptr_t)much;
		fake_vu_wait_quiet(fp->vu);
		for (i = 0; i < MUCH; i += 4096) {
			there = fake_vu_map(fp->vu, (uintptr_t)much + i, 1);
			CHECK(there != NULL);
			much[i] = round + 1;
			CHECK_EQ(*there, round + 1);
		}
		rte_free(much);
		/* One page at least lay within it alone. */
		fake_vu_wait_quiet(fp->vu);
		CHECK(fake_vu_map(fp->vu, at + MUCH / 2, 1) == NULL);
		fake_port_check_runs(fp, 0);
	}
	if (slots > 0)
		CHECK_EQ(fp->vu->nb_record, fake_vu_count(fp->vu, VU_ADD_MEM_REG) +
			 fake_vu_count(fp->vu, VU_REM_MEM_REG));
	else
		CHECK_EQ(fp->vu->nb_record, fake_vu_count(fp->vu, VU_SET_MEM_TABLE));
	CHECK(fp->vu->nb_record > 0);
	fake_port_destroy(fp);
}

static void
pages_come_and_go(void)
{
	pages_come_and_go_with(0);
}

/* A back-end with places for more files gets what has changed, and no whole table. */
static void
pages_come_and_go_alone(void)
{
	pages_come_and_go_with(32);
}

/* Said in the log; the rings, whose memory is known, run on, and all is well when it has shrunk. */
static void
more_files_than_a_table_holds(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });
	uint8_t *much;

	fake_port_check_runs(fp, 0);
	much = rte_malloc(NULL, 24 << 20, 0);
	CHECK(much != NULL);
	CHECK(test_logged("memory is in more than 8 files") > 0);
	CHECK(test_logged("changed memory table is not in force") > 0);
	fake_port_check_runs(fp, 0);
	rte_free(much);
	much = rte_malloc(NULL, MUCH, 0);
	CHECK(much != NULL);
	fake_vu_wait_quiet(fp->vu);
	CHECK(fake_vu_map(fp->vu, (uintptr_t)much, 1) != NULL);
	CHECK(fake_vu_map(fp->vu, (uintptr_t)much + MUCH - 1, 1) != NULL);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 0), 0);
	fake_port_check_runs(fp, 0);
	rte_free(much);
	fake_port_destroy(fp);
}

static void
more_files_for_a_back_end_with_slots(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ .mem_slots = 32 });
	const size_t size = 24 << 20;
	uint8_t *much;
	uintptr_t at;
	size_t i;

	fake_port_check_runs(fp, 0);
	test_forget_log();
	much = rte_malloc(NULL, size, 0);
	CHECK(much != NULL);
	at = (uintptr_t)much;
	CHECK_EQ(test_logged("memory table is not in force"), 0);
	fake_vu_wait_quiet(fp->vu);
	for (i = 0; i < size; i += 4096)
		CHECK(fake_vu_map(fp->vu, at + i, 1) != NULL);
	fake_port_check_runs(fp, 0);
	/* The port's next life begins with more files than one message carries. */
	CHECK_EQ(rte_eth_dev_stop(fp->port), 0);
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	fake_vu_wait_quiet(fp->vu);
	CHECK(fake_vu_map(fp->vu, at + size - 1, 1) != NULL);
	fake_port_check_runs(fp, 0);
	rte_free(much);
	fake_vu_wait_quiet(fp->vu);
	CHECK(fake_vu_map(fp->vu, at + size / 2, 1) == NULL);
	fake_port_check_runs(fp, 0);
	fake_port_destroy(fp);
}

TEST_MAIN_HUGEPAGE_FILES(
	TEST_WARM_UP(fake_port_warm_up),
	TEST(pages_come_and_go),
	TEST(pages_come_and_go_alone),
	TEST(more_files_for_a_back_end_with_slots),
	TEST(more_files_than_a_table_holds),
)
