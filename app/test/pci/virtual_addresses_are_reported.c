/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * 6.1: a device that does not offer ACCESS_PLATFORM takes physical addresses. An EAL whose IOVA are
 * virtual is reported when such a device is opened.
 */

#include <rte_eal.h>

#include "fake_mmio_device.h"
#include "fake_pci_device.h"
#include "test.h"

#define LINE "the device takes physical addresses"

/* Tests run without huge pages, so that EAL chooses virtual addresses. */
static unsigned int
wanted(bool offered)
{
	CHECK_EQ(rte_eal_iova_mode(), RTE_IOVA_VA);
	return offered ? 0 : 1;
}

static void
pci_device(void)
{
	unsigned int offered;

	for (offered = 0; offered < 2; offered++) {
		struct fake_pci *fake = fake_pci_create(FAKE_PCI_C, 2);

		fake->features |= offered ? VIRTIO_BIT(VIRTIO_F_ACCESS_PLATFORM) : 0;
		test_forget_log();
		CHECK_EQ(fake_pci_open(fake, VIRTIO_PCI_STOP_AUTO), 0);
		CHECK_EQ(test_logged(LINE), wanted(offered));
		fake_pci_destroy(fake);
	}
}

static void
mmio_device(void)
{
	unsigned int offered;

	for (offered = 0; offered < 2; offered++) {
		struct fake_mmio *fake = fake_mmio_create(2, 2);

		fake->features |= offered ? VIRTIO_BIT(VIRTIO_F_ACCESS_PLATFORM) : 0;
		test_forget_log();
		CHECK_EQ(fake_mmio_open(fake, VIRTIO_MMIO_STOP_AUTO), 0);
		CHECK_EQ(test_logged(LINE), wanted(offered));
		fake_mmio_destroy(fake);
	}
}

/* It has no such bit. */
static void
mmio_legacy_device(void)
{
	struct fake_mmio *fake = fake_mmio_create(1, 2);

	test_forget_log();
	CHECK_EQ(fake_mmio_open(fake, VIRTIO_MMIO_STOP_AUTO), 0);
	CHECK_EQ(test_logged(LINE), wanted(false));
	fake_mmio_destroy(fake);
}

TEST_MAIN(
	TEST(pci_device),
	TEST(mmio_device),
	TEST(mmio_legacy_device),
)
