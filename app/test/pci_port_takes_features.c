/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Which feature bits a virtio-pci port takes, beside those that have a test for what they do.
 */

#include "fake_pci_port.h"
#include "test.h"

#define F_ACCESS_PLATFORM (UINT64_C(1) << 33)
#define F_ORDER_PLATFORM (UINT64_C(1) << 36)
#define F_UNKNOWN (UINT64_C(1) << 49)

/* 6.1: barriers that are right for a device on a bus too. */
static void
order_of_the_platform(void)
{
	const struct fake_pci_port_conf conf = {
		.features = FAKE_F_CONTROL | F_ORDER_PLATFORM | F_ACCESS_PLATFORM | F_UNKNOWN
	};
	struct fake_pci_port *fp = fake_pci_port_start(&conf);

#ifdef RTE_ARCH_X86
	CHECK(fp->fake->driver_features & F_ORDER_PLATFORM);
#else
	CHECK(!(fp->fake->driver_features & F_ORDER_PLATFORM));
#endif
	CHECK(fp->fake->driver_features & F_ACCESS_PLATFORM);
	CHECK(!(fp->fake->driver_features & F_UNKNOWN));
	fake_pci_port_destroy(fp);
}

TEST_MAIN(
	TEST_WARM_UP(order_of_the_platform),
	TEST_LAYOUTS(order_of_the_platform),
)
