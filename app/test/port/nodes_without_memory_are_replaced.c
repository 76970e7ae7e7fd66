/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * A queue that is set up on a node which has no memory gets that of another node, and a line in the
 * log has a line about that. With huge pages, since EAL takes any of the first nodes without.
 */

#include "fake_port.h"
#include "test.h"

static void
node_without_memory(void)
{
	/* 65535 is what a -1 of 16 bits becomes. */
	static const unsigned int nodes[] = { 7, 99, 65535 };
	unsigned int i;

	for (i = 0; i < RTE_DIM(nodes); i++) {
		struct fake_port *fp;

		test_forget_log();
		fp = fake_port_create(&(struct fake_port_conf){ .node = nodes[i] });
		CHECK_EQ(test_logged("has no memory"), 2 * FAKE_PORT_PAIRS);
		CHECK_EQ(rte_eth_dev_start(fp->port), 0);
		fake_port_check_runs(fp, 0);
		fake_port_destroy(fp);
	}
}

TEST_MAIN_HUGEPAGES(
	TEST_WARM_UP(fake_port_warm_up),
	TEST_LAYOUTS(node_without_memory),
)
