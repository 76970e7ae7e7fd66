/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * Single rings are stopped where the device has SUSPEND and RESUME, and nowhere else: above all not
 * because it offers RING_RESET. The reason names what is missing.
 */

#include "fake_vhost_vdpa.h"
#include "ring.h"
#include "test.h"
#include "transport_vhost_vdpa.h"
#include "virtqueue.h"
#include "virtqueue_reset.h"

#define SUSPEND (UINT64_C(1) << 4)
#define RESUME  (UINT64_C(1) << 5)

static const struct {
	bool stops;
	uint64_t lacks;
	enum virtio_stop_method method;
	const char *reason;
} cases[] = {
	{ true, 0, VIRTIO_STOP_VHOST_SUSPEND, "suspend (the device has SUSPEND and RESUME)" },
	{ true, RESUME, VIRTIO_STOP_NONE, "none (the device has SUSPEND and no RESUME)" },
	{ true, SUSPEND, VIRTIO_STOP_NONE, "none (the device has RESUME and no SUSPEND)" },
	{ true, SUSPEND | RESUME, VIRTIO_STOP_NONE,
	  "none (the device has neither SUSPEND nor RESUME)" },
	{ false, 0, VIRTIO_STOP_NONE, "none (queue_reset=off)" },
};

static void
method_fits_the_device(void)
{
	const struct virtqueue_conf ring = { .size = 64, .node = -1 };
	static struct fake_vhost_vdpa vdpa;
	static struct virtio_device dev;
	struct virtqueue *vq[2];
	unsigned int i, k;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct vhost_vdpa_conf conf = {
			.path = FAKE_VDPA_PATH, .stops = cases[i].stops,
		};
		const bool can = cases[i].method != VIRTIO_STOP_NONE;

		fake_vdpa_begin(&vdpa);
		vdpa.backend_features &= ~cases[i].lacks;
		test_forget_log();
		CHECK_EQ(vhost_vdpa_create(&dev, "a test", &conf), 0);
		CHECK_EQ(dev.stop_method, cases[i].method);
		CHECK_EQ(test_logged(cases[i].reason), 1);
		CHECK_EQ((dev.offered & VIRTIO_BIT(VIRTIO_F_RING_RESET)) != 0, can);
		CHECK_EQ(virtio_device_negotiate(&dev, ~VIRTIO_BIT(VIRTIO_F_RING_PACKED)), 0);
		for (k = 0; k < 2; k++)
			CHECK_EQ(virtqueue_create(&dev, k, &ring, &vq[k]), 0);
		CHECK_EQ(virtio_device_start(&dev, vq, 2), 0);
		vdpa.record[0] = '\0';
		CHECK_EQ(virtqueue_stop(vq[0], PATIENCE_US), can ? 0 : -ENOTSUP);
		/* Nothing was tried. */
		if (!can)
			fake_vdpa_check(&vdpa, "");
		CHECK_EQ(virtio_device_reset(&dev, PATIENCE_US), 0);
		for (k = 0; k < 2; k++)
			CHECK_EQ(virtqueue_destroy(vq[k]), 0);
		vhost_vdpa_destroy(&dev);
		fake_vdpa_end();
	}
}

TEST_MAIN(
	TEST(method_fits_the_device),
)
