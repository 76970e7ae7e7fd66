/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * A virtio-pci device from before virtio 1.0 is a few ports (4.1.4.8): brought up in fewer steps,
 * rings in pages and of the device's size, and no stop of a single one, ever.
 */

#include <string.h>

#include <rte_common.h>
#include <rte_memory.h>

#include "fake_legacy_device.h"
#include "ring.h"

#define RINGS 3
#define SIZE 64

/* Where the device has a ring's memory; ours may be at addresses that its register cannot hold. */
#define IOVA(i) (UINT64_C(0x10000000) + (i) * UINT64_C(0x100000))

static struct fake_legacy fake;
static struct virtio_device dev;
static struct virtio_pci_hooks hooks = { fake_legacy_read, fake_legacy_write, &fake };
static struct virtio_pci_conf ports;

static void
plug(void)
{
	memset(&dev, 0, sizeof(dev));
	fake_legacy_create(&fake, RINGS, SIZE);
	fake.features |= VIRTIO_BIT(VIRTIO_RING_F_INDIRECT_DESC);
	ports = (struct virtio_pci_conf){
		.hooks = &hooks, .window[VIRTIO_PCI_COMMON].length = FAKE_LEGACY_PORTS,
	};
}

static void
up(struct virtqueue **vq)
{
	const struct ring_conf ring = { .size = SIZE };
	unsigned int i;

	plug();
	CHECK_EQ(virtio_pci_legacy_create(&dev, "old", &ports), 0);
	for (i = 0; i < RINGS; i++) {
		vq[i] = ring_create(&dev, i, &ring);
		CHECK_EQ((uintptr_t)vq[i]->desc % 4096, 0);
		vq[i]->dev_delta = IOVA(i) - (uintptr_t)vq[i]->desc;
		fake.memory[i] = (uint8_t *)vq[i]->desc;
		fake.iova[i] = IOVA(i);
	}
	fake.record[0] = '\0';
}

static void
down(struct virtqueue **vq)
{
	unsigned int i;

	CHECK_EQ(virtio_device_reset(&dev, PATIENCE_US), 0);
	for (i = 0; i < RINGS; i++)
		ring_destroy(vq[i]);
	virtio_pci_legacy_destroy(&dev);
	fake_legacy_destroy(&fake);
}

static void
check_recorded(const char *wanted)
{
	if (strcmp(fake.record, wanted) != 0)
		test_fail(__FILE__, __LINE__, "the device saw \"%s\", not \"%s\"", fake.record,
			  wanted);
	fake.record[0] = '\0';
}

/* 3.1.2: no FEATURES_OK; a ring's page comes last, since it enables. */
static void
order_of_a_device(void)
{
	struct virtqueue *vq[RINGS];

	up(vq);
	CHECK_EQ(dev.nb_vqs, RINGS);
	CHECK_EQ(dev.offered, fake.features);
	fake.msix = true;
	virtio_pci_legacy_set_msix(&dev, true);
	virtio_pci_set_config_vector(&dev, 0);
	virtio_pci_set_queue_vector(&dev, 1, 1);
	CHECK_EQ(virtio_device_negotiate(&dev, VIRTIO_BIT(VIRTIO_F_RING_RESET) |
					 VIRTIO_BIT(VIRTIO_RING_F_INDIRECT_DESC)), 0);
	CHECK_EQ(fake.driver_features, VIRTIO_BIT(VIRTIO_RING_F_INDIRECT_DESC));
	check_recorded("status1 status3 features ");
	CHECK_EQ(virtio_device_start(&dev, vq, RINGS), 0);
	check_recorded("config_vector vector1 page0 page1 page2 status7 notify0 notify1 notify2 ");
	down(vq);
}

/* Buffers go round in a ring of pages. */
static void
ring_in_pages(void)
{
	struct virtqueue *vq[RINGS];
	struct buffer b[SIZE] = { 0 };
	unsigned int i;

	up(vq);
	CHECK_EQ(virtio_device_negotiate(&dev, 0), 0);
	CHECK_EQ(virtio_device_start(&dev, vq, RINGS), 0);
	for (i = 0; i < 5 * SIZE; i++) {
		struct device_chain chain;
		uint32_t len;

		ring_post(vq[2], &b[i % SIZE], 1, VRING_DESC_F_WRITE);
		ring_show(vq[2]);
		CHECK(ring_device_take(&fake.ring[2], &chain));
		ring_device_use(&fake.ring[2], chain.head, 3);
		CHECK(ring_get(vq[2], &len) == &b[i % SIZE]);
		CHECK_EQ(len, 3);
	}
	down(vq);
}

static void
no_stop_of_a_ring(void)
{
	struct virtqueue *vq[RINGS];

	up(vq);
	CHECK_EQ(dev.stop_method, VIRTIO_STOP_NONE);
	CHECK_EQ(test_logged("stopped by: none (a legacy device"), 1);
	/* It has no ACCESS_PLATFORM (6.1). */
	CHECK_EQ(test_logged("the device takes physical addresses"),
		 rte_eal_iova_mode() == RTE_IOVA_VA);
	CHECK_EQ(virtio_device_negotiate(&dev, UINT64_MAX), 0);
	CHECK_EQ(virtio_device_start(&dev, vq, RINGS), 0);
	fake.record[0] = '\0';
	CHECK_EQ(virtqueue_stop(vq[1], PATIENCE_US), -ENOTSUP);
	CHECK_EQ(virtqueue_state(vq[1]), VIRTQUEUE_LIVE);
	check_recorded("");
	down(vq);
}

static void
size_is_the_devices_word(void)
{
	static const uint16_t sizes[] = { 32, 128 };
	struct virtqueue *vq;
	unsigned int i;

	plug();
	CHECK_EQ(virtio_pci_legacy_create(&dev, "old", &ports), 0);
	for (i = 0; i < RTE_DIM(sizes); i++) {
		const struct virtqueue_conf conf = { .size = sizes[i], .node = SOCKET_ID_ANY };

		CHECK_EQ(virtqueue_create(&dev, 0, &conf, &vq), -EINVAL);
		CHECK_EQ(test_logged("the device takes no more and no fewer than 64"), i + 1);
	}
	virtio_pci_legacy_destroy(&dev);
	fake_legacy_destroy(&fake);
}

static void
check_start_fails(struct virtqueue **vq, int error, const char *line)
{
	CHECK_EQ(virtio_device_negotiate(&dev, 0), 0);
	CHECK_EQ(virtio_device_start(&dev, vq, RINGS), error);
	CHECK_EQ(test_logged(line), 1);
	CHECK_EQ(fake.status & VIRTIO_STATUS_DRIVER_OK, 0);
}

static void
page_that_is_not_kept(void)
{
	struct virtqueue *vq[RINGS];

	up(vq);
	fake.keeps_no_page = true;
	check_start_fails(vq, -EIO, "register for the ring's page reads 0x0");
	down(vq);
}

static void
memory_beyond_its_reach(void)
{
	struct virtqueue *vq[RINGS];
	uint64_t was;

	up(vq);
	was = vq[1]->dev_delta;
	vq[1]->dev_delta += UINT64_C(1) << 44;
	check_start_fails(vq, -EINVAL, "can access rings below 16 TB only");
	vq[1]->dev_delta = was;
	down(vq);
}

static void
size_that_changes(void)
{
	struct virtqueue *vq[RINGS];

	up(vq);
	fake.size[1] = 2 * SIZE;
	check_start_fails(vq, -EINVAL, "no more and no fewer than 128");
	down(vq);
}

static void
vector_that_is_not_taken(void)
{
	struct virtqueue *vq[RINGS];

	up(vq);
	fake.msix = true;
	fake.keeps_no_vector = true;
	virtio_pci_legacy_set_msix(&dev, true);
	virtio_pci_set_queue_vector(&dev, 0, 1);
	check_start_fails(vq, -EBUSY, "MSI-X vector 1 is not accepted");
	down(vq);
}

/* Without MSI-X there is device configuration where the vectors would be. */
static void
vectors_without_msix(void)
{
	struct virtqueue *vq[RINGS];

	up(vq);
	virtio_pci_set_queue_vector(&dev, 0, 9);
	virtio_pci_set_config_vector(&dev, 8);
	CHECK_EQ(virtio_device_negotiate(&dev, 0), 0);
	CHECK_EQ(virtio_device_start(&dev, vq, RINGS), 0);
	CHECK(memcmp(fake.config, "\1\2\3\4", 4) == 0);
	down(vq);
}

/* Enabled before we came: the configuration is where it is then, from the first look on. */
static void
msix_is_on_already(void)
{
	uint8_t mac[6];

	plug();
	fake.msix = true;
	ports.msix_on = true;
	CHECK_EQ(virtio_pci_legacy_create(&dev, "old", &ports), 0);
	CHECK_EQ(virtio_device_read_config(&dev, 0, mac, sizeof(mac)), 0);
	CHECK(memcmp(mac, fake.config, sizeof(mac)) == 0);
	CHECK_EQ(fake.config_vector, VIRTIO_PCI_NO_VECTOR);
	virtio_pci_legacy_destroy(&dev);
	fake_legacy_destroy(&fake);
}

static void
configuration(void)
{
	uint8_t mac[6];
	bool msix;

	plug();
	CHECK_EQ(virtio_pci_legacy_create(&dev, "old", &ports), 0);
	for (msix = false;; msix = true) {
		fake.msix = msix;
		virtio_pci_legacy_set_msix(&dev, msix);
		CHECK_EQ(virtio_device_read_config(&dev, 2, mac, sizeof(mac)), 0);
		CHECK(memcmp(mac, fake.config + 2, sizeof(mac)) == 0);
		CHECK_EQ(virtio_device_read_config(&dev, msix ? 6 : 10, mac, 6), 0);
		CHECK_EQ(virtio_device_read_config(&dev, msix ? 7 : 11, mac, 6), -EINVAL);
		CHECK_EQ(virtio_device_write_config(&dev, 1, "ab", 2), 0);
		CHECK_EQ(fake.config[2], 'b');
		if (msix)
			break;
	}
	/* Two looks must agree, 2.5.4. */
	fake.config_changes = 5;
	CHECK_EQ(virtio_device_read_config(&dev, 0, mac, 1), 0);
	CHECK_EQ(mac[0], fake.config[0]);
	CHECK_EQ(fake.config_changes, 0);
	fake.config_changes = UINT32_MAX;
	CHECK_EQ(virtio_device_read_config(&dev, 0, mac, 1), -EIO);
	CHECK_EQ(test_logged("changes faster"), 1);
	fake.isr = 3;
	CHECK_EQ(virtio_pci_isr(&dev), VIRTIO_PCI_ISR_QUEUE | VIRTIO_PCI_ISR_CONFIG);
	CHECK_EQ(virtio_pci_isr(&dev), 0);
	virtio_pci_legacy_destroy(&dev);
	fake_legacy_destroy(&fake);
}

static void
reset_is_waited_for(void)
{
	struct virtqueue *vq[RINGS];

	up(vq);
	CHECK_EQ(virtio_device_negotiate(&dev, 0), 0);
	CHECK_EQ(virtio_device_start(&dev, vq, RINGS), 0);
	fake.late_status = UINT32_MAX;
	CHECK_EQ(virtio_device_reset(&dev, SHORT_US), -ETIMEDOUT);
	CHECK_EQ(virtqueue_state(vq[0]), VIRTQUEUE_BROKEN);
	CHECK_EQ(virtqueue_destroy(vq[0]), -EBUSY);
	fake.late_status = 5;
	down(vq);
	CHECK_EQ(fake.late_status, 0);
}

static void
devices_that_are_none(void)
{
	plug();
	ports.window[VIRTIO_PCI_COMMON].length = 23;
	CHECK_EQ(virtio_pci_legacy_create(&dev, "old", &ports), -EINVAL);
	CHECK_EQ(test_logged("23 bytes, at least 24"), 1);
	fake_legacy_destroy(&fake);
	plug();
	fake.size[0] = 0;
	CHECK_EQ(virtio_pci_legacy_create(&dev, "old", &ports), -EINVAL);
	CHECK_EQ(test_logged("reports no rings"), 1);
	fake_legacy_destroy(&fake);
}

/* Whether the device was gone before the end of a life. */
static bool
gone_after(int accesses)
{
	struct virtqueue *vq[RINGS];
	uint8_t mac[6];
	bool gone;
	int ret;

	up(vq);
	test_forget_log();
	fake.gone_after = accesses;
	ret = virtio_device_negotiate(&dev, 0);
	if (ret == 0)
		ret = virtio_device_read_config(&dev, 0, mac, sizeof(mac));
	if (ret == 0)
		ret = virtio_device_start(&dev, vq, RINGS);
	if (ret == 0)
		ret = virtio_device_reset(&dev, PATIENCE_US);
	gone = fake.gone;
	CHECK_EQ(ret, gone ? -ENODEV : 0);
	CHECK_EQ(test_logged("it is gone"), gone);
	fake.gone = false;
	fake.gone_after = -1;
	down(vq);
	return gone;
}

static void
gone_after_each_access(void)
{
	int n = 0;

	while (gone_after(n))
		n++;
	CHECK(n > 30);
}

static void
gone_at_first_sight(void)
{
	int n;

	for (n = 0; n < 16; n++) {
		plug();
		fake.gone_after = n;
		CHECK_EQ(virtio_pci_legacy_create(&dev, "old", &ports), -ENODEV);
		fake_legacy_destroy(&fake);
	}
}

TEST_MAIN(
	TEST(order_of_a_device),
	TEST(ring_in_pages),
	TEST(no_stop_of_a_ring),
	TEST(size_is_the_devices_word),
	TEST(page_that_is_not_kept),
	TEST(memory_beyond_its_reach),
	TEST(size_that_changes),
	TEST(vector_that_is_not_taken),
	TEST(vectors_without_msix),
	TEST(configuration),
	TEST(msix_is_on_already),
	TEST(reset_is_waited_for),
	TEST(devices_that_are_none),
	TEST(gone_after_each_access),
	TEST(gone_at_first_sight),
)
