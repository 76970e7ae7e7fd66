/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * A port is closed whose device does not confirm a reset any more, or is gone. Where it is
 * certain that it can access no memory, buffers and rings come back; else they stay taken.
 */

#include "fake_pci_port.h"
#include "pci_bus.h"
#include "test.h"

static void
hang(struct fake_pci *fake)
{
	fake->never_resets = true;
}

static void
vanish(struct fake_pci *fake)
{
	fake->gone = true;
}

/* Devices of ports that were closed without proof: rings stay, and what the test has of them. */
static struct fake_pci_port *kept[4];
static unsigned int nb_kept;

static void
close_without(uint64_t features, void (*lose)(struct fake_pci *fake), bool cut_off)
{
	struct fake_pci_port *fp = fake_pci_port_start(&(struct fake_pci_port_conf){
		.features = FAKE_F_CONTROL | features, .timeout_ms = 1,
	});
	const unsigned int posted = rte_mempool_in_use_count(fp->pool);

	CHECK(posted > 0);
	lose(fp->fake);
	pci_bus_cuts_off = cut_off;
	/* The application has stopped polling; whether it stops the port first is its choice. */
	rte_eth_dev_stop(fp->port);
	CHECK_EQ(rte_mempool_in_use_count(fp->pool), posted);
	CHECK_EQ(rte_eth_dev_close(fp->port), 0);
	pci_bus_cuts_off = false;
	CHECK_EQ(rte_mempool_in_use_count(fp->pool), cut_off ? 0 : posted);
	if (cut_off)
		fake_pci_port_destroy(fp);
	else
		kept[nb_kept++ % RTE_DIM(kept)] = fp;
}

static void
all_comes_back_once_it_is_cut_off(void)
{
	close_without(test_packed() ? FAKE_F_PACKED : 0, hang, true);
	close_without(test_packed() ? FAKE_F_PACKED : 0, vanish, true);
}

static void
all_is_kept_otherwise(void)
{
	close_without(0, hang, false);
	close_without(0, vanish, false);
}

TEST_MAIN(
	TEST_LAYOUTS(all_comes_back_once_it_is_cut_off),
	TEST_LEAVES(all_is_kept_otherwise),
)
