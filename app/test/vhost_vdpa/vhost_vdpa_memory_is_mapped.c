/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * The device has all memory that buffers may be in, and no more: EAL's as it comes and goes, each
 * page alone where EAL may free it, and what the application attaches.
 */

#include <rte_malloc.h>
#include <rte_memory.h>

#include "fake_vhost_vdpa.h"
#include "ring.h"
#include "test.h"
#include "transport_vhost_vdpa.h"
#include "virtqueue.h"
#include "virtqueue_reset.h"

/* More than EAL has at hand. */
#define MUCH (100 << 20)
#define PAGE (2 << 20)

static struct fake_vhost_vdpa vdpa;
static struct virtio_device dev;
static uint8_t own[4 * 4096] __attribute__((aligned(4096)));

static void
up(void)
{
	const struct vhost_vdpa_conf conf = { .path = FAKE_VDPA_PATH, .stops = true };

	fake_vdpa_begin(&vdpa);
	CHECK_EQ(vhost_vdpa_create(&dev, "a test", &conf), 0);
	CHECK_EQ(virtio_device_negotiate(&dev, UINT64_MAX), 0);
}

static void
down(void)
{
	CHECK_EQ(virtio_device_reset(&dev, PATIENCE_US), 0);
	vhost_vdpa_destroy(&dev);
	fake_vdpa_end();
}

static void *
take_memory(void)
{
	uint8_t *much = rte_malloc(NULL, MUCH, 0);

	CHECK(much != NULL);
	return much;
}

/*
 * By virtual address, since `at` is what a ring and a buffer have. `at` is not a pointer, and this
 * is not inlined, because compilers warn of any use of a pointer after rte_free().
 */
static __rte_noinline bool
has(uintptr_t at, size_t len)
{
	const bool mapped = fake_vdpa_has(&vdpa, at, len);

	CHECK_EQ(vhost_vdpa_has(&dev, (const void *)at, len), mapped);
	return mapped;
}

static void
new_memory_is_mapped_and_freed_memory_is_not(void)
{
	unsigned int before, i;
	uintptr_t at;
	void *much;

	up();
	before = vdpa.nb_maps;
	much = take_memory();
	at = (uintptr_t)much;
	CHECK(has(at, MUCH));
	/* Page by page: a message takes away whole mappings. */
	CHECK(vdpa.nb_maps >= before + MUCH / PAGE);
	for (i = before; i < vdpa.nb_maps; i++)
		CHECK_EQ(vdpa.map[i].len, PAGE);
	rte_free(much);
	CHECK_EQ(vdpa.nb_maps, before);
	CHECK(!has(at, MUCH));
	CHECK(!vdpa.batch);
	down();
}

static void
memory_that_was_there_is_mapped(void)
{
	void *much = take_memory();
	const uintptr_t at = (uintptr_t)much;

	up();
	CHECK(has(at, MUCH));
	rte_free(much);
	CHECK(!has(at, MUCH));
	CHECK(vdpa.nb_maps > 0);
	down();
}

/* The next start makes up for it. */
static void
new_memory_that_is_refused_is_mapped_later(void)
{
	uintptr_t at;
	void *much;

	up();
	vdpa.fail = FAKE_VDPA_MAP;
	test_forget_log();
	much = take_memory();
	at = (uintptr_t)much;
	CHECK_EQ(test_logged("cannot access new memory"), 1);
	CHECK(!has(at, MUCH));
	CHECK(!vdpa.batch);
	vdpa.fail = FAKE_VDPA_NONE;
	CHECK_EQ(virtio_device_reset(&dev, PATIENCE_US), 0);
	CHECK_EQ(virtio_device_negotiate(&dev, UINT64_MAX), 0);
	CHECK(has(at, MUCH));
	rte_free(much);
	down();
}

/* Memory that the kernel did not unmap is unmapped before other memory takes its place. */
static void
freed_memory_that_stays_is_unmapped_later(void)
{
	unsigned int before;
	uintptr_t at;
	void *much;

	up();
	before = vdpa.nb_maps;
	much = take_memory();
	at = (uintptr_t)much;
	vdpa.fail = FAKE_VDPA_UNMAP;
	rte_free(much);
	CHECK(vdpa.nb_maps > before);
	vdpa.fail = FAKE_VDPA_NONE;
	much = take_memory();
	CHECK((uintptr_t)much == at);
	CHECK(has(at, MUCH));
	vdpa.fail = FAKE_VDPA_UNMAP;
	rte_free(much);
	vdpa.fail = FAKE_VDPA_NONE;
	CHECK_EQ(virtio_device_reset(&dev, PATIENCE_US), 0);
	CHECK_EQ(virtio_device_negotiate(&dev, UINT64_MAX), 0);
	CHECK(!has(at, MUCH));
	down();
}

/* A device that loses its mappings by a reset: a start fails, and the next one is good. */
static void
mappings_that_stay_are_unmapped_by_the_next_start(void)
{
	up();
	vdpa.backend_features &= ~(UINT64_C(1) << 8);
	CHECK_EQ(virtio_device_reset(&dev, PATIENCE_US), 0);
	vhost_vdpa_disconnect(&dev);
	CHECK_EQ(vhost_vdpa_reconnect(&dev), 0);
	CHECK_EQ(virtio_device_negotiate(&dev, UINT64_MAX), 0);
	CHECK_EQ(virtio_device_reset(&dev, PATIENCE_US), 0);
	vdpa.fail = FAKE_VDPA_UNMAP;
	CHECK(virtio_device_negotiate(&dev, UINT64_MAX) != 0);
	vdpa.fail = FAKE_VDPA_NONE;
	CHECK_EQ(virtio_device_reset(&dev, PATIENCE_US), 0);
	CHECK_EQ(virtio_device_negotiate(&dev, UINT64_MAX), 0);
	CHECK(vdpa.nb_maps > 0);
	down();
}

/* A mapping that the kernel did not unmap for a start is unmapped when its memory is freed. */
static void
mappings_that_stay_go_with_their_memory(void)
{
	uintptr_t at;
	void *much;

	up();
	vdpa.backend_features &= ~(UINT64_C(1) << 8);
	CHECK_EQ(virtio_device_reset(&dev, PATIENCE_US), 0);
	vhost_vdpa_disconnect(&dev);
	CHECK_EQ(vhost_vdpa_reconnect(&dev), 0);
	CHECK_EQ(virtio_device_negotiate(&dev, UINT64_MAX), 0);
	much = take_memory();
	at = (uintptr_t)much;
	CHECK_EQ(vhost_vdpa_attach(&dev, own, sizeof(own), -1, 0), 0);
	CHECK_EQ(virtio_device_reset(&dev, PATIENCE_US), 0);
	vdpa.fail = FAKE_VDPA_UNMAP;
	CHECK(virtio_device_negotiate(&dev, UINT64_MAX) != 0);
	vdpa.fail = FAKE_VDPA_NONE;
	CHECK(fake_vdpa_has(&vdpa, at, MUCH));
	CHECK(fake_vdpa_has(&vdpa, (uintptr_t)own, sizeof(own)));
	rte_free(much);
	CHECK(!fake_vdpa_has(&vdpa, at, PAGE));
	CHECK_EQ(vhost_vdpa_detach(&dev, own, sizeof(own)), 0);
	CHECK(!fake_vdpa_has(&vdpa, (uintptr_t)own, sizeof(own)));
	down();
}

static void
own_memory_is_attached(void)
{
	up();
	CHECK(!has((uintptr_t)own, sizeof(own)));
	CHECK_EQ(vhost_vdpa_attach(&dev, own, sizeof(own), -1, 0), 0);
	CHECK(has((uintptr_t)own, sizeof(own)));
	CHECK_EQ(vhost_vdpa_attach(&dev, own + 4096, 4096, -1, 0), -EEXIST);
	CHECK_EQ(vhost_vdpa_attach(&dev, own + 1, 4096, -1, 0), -EINVAL);
	CHECK_EQ(vhost_vdpa_attach(&dev, own, 100, -1, 0), -EINVAL);
	CHECK_EQ(vhost_vdpa_attach(&dev, NULL, 4096, -1, 0), -EINVAL);
	CHECK_EQ(vhost_vdpa_detach(&dev, own, 4096), -ENOENT);
	CHECK(has((uintptr_t)own, sizeof(own)));
	CHECK_EQ(vhost_vdpa_detach(&dev, own, sizeof(own)), 0);
	CHECK(!has((uintptr_t)own, 4096));
	down();
}

/* The device has it already, and the kernel would refuse it. */
static void
memory_of_eal_is_not_attached(void)
{
	void *of_eal = rte_malloc("a test", 4096, 4096);
	int ret;

	CHECK(of_eal != NULL);
	up();
	ret = vhost_vdpa_attach(&dev, of_eal, 4096, -1, 0);
	down();
	rte_free(of_eal);
	CHECK_EQ(ret, -EEXIST);
}

/* Also after a reset that has lost all mappings. */
static void
attached_memory_stays(void)
{
	up();
	vdpa.backend_features &= ~(UINT64_C(1) << 8);
	CHECK_EQ(vhost_vdpa_attach(&dev, own, sizeof(own), -1, 0), 0);
	CHECK_EQ(virtio_device_reset(&dev, PATIENCE_US), 0);
	vhost_vdpa_disconnect(&dev);
	CHECK(vhost_vdpa_has(&dev, own, sizeof(own)));
	CHECK_EQ(vhost_vdpa_reconnect(&dev), 0);
	CHECK(has((uintptr_t)own, sizeof(own)));
	CHECK_EQ(virtio_device_negotiate(&dev, UINT64_MAX), 0);
	CHECK(has((uintptr_t)own, sizeof(own)));
	down();
}

/* Memory that is registered only may be of a kind that no device can access. */
static void
registered_memory_is_not_mapped(void)
{
	CHECK_EQ(rte_extmem_register(own, sizeof(own), NULL, 0, 4096), 0);
	up();
	CHECK(!has((uintptr_t)own, sizeof(own)));
	CHECK_EQ(vhost_vdpa_attach(&dev, own, sizeof(own), -1, 0), 0);
	CHECK(has((uintptr_t)own, sizeof(own)));
	down();
	CHECK_EQ(rte_extmem_unregister(own, sizeof(own)), 0);
}

static void
attached_memory_may_be_refused(void)
{
	up();
	CHECK_EQ(vhost_vdpa_attach(&dev, (void *)(UINTPTR_MAX - 4095), 8192, -1, 0), -EINVAL);
	vdpa.fail = FAKE_VDPA_MAP;
	CHECK_EQ(vhost_vdpa_attach(&dev, own, sizeof(own), -1, 0), -EIO);
	vdpa.fail = FAKE_VDPA_NONE;
	CHECK(!has((uintptr_t)own, 4096));
	CHECK_EQ(vhost_vdpa_attach(&dev, own, sizeof(own), -1, 0), 0);
	down();
}

TEST_MAIN_HUGEPAGES(
	TEST_WARM_UP(own_memory_is_attached),
	TEST(new_memory_is_mapped_and_freed_memory_is_not),
	TEST(memory_that_was_there_is_mapped),
	TEST(new_memory_that_is_refused_is_mapped_later),
	TEST(freed_memory_that_stays_is_unmapped_later),
	TEST(mappings_that_stay_are_unmapped_by_the_next_start),
	TEST(mappings_that_stay_go_with_their_memory),
	TEST(own_memory_is_attached),
	TEST(memory_of_eal_is_not_attached),
	TEST(attached_memory_stays),
	TEST(registered_memory_is_not_mapped),
	TEST(attached_memory_may_be_refused),
)
