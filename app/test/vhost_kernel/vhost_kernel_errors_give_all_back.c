/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * Calls of the kernel that fail, one after the other: an opening that fails gives back all that it
 * took, its message says what helps, and a stop that was refused is no proof.
 */

#include "fake_vhost_kernel.h"
#include "ring.h"
#include "test.h"
#include "transport_vhost_kernel.h"
#include "virtqueue.h"
#include "virtqueue_reset.h"

static struct fake_vhost_kernel vk;
static struct virtio_device dev;

static int
create(unsigned int pairs, const char *iface)
{
	const struct vhost_kernel_conf conf = {
		.path = "/dev/vhost-net", .iface = iface, .nb_pairs = pairs, .stops = true,
		.steers = true,
	};
	int ret;

	CHECK_EQ(virtio_device_init(&dev, "a test", VIRTIO_TRANSPORT_VHOST_KERNEL, 2 * pairs), 0);
	ret = vhost_kernel_create(&dev, &conf);
	if (ret != 0) {
		CHECK(dev.priv == NULL);
		virtio_device_fini(&dev);
	}
	return ret;
}

static void
destroy(void)
{
	vhost_kernel_destroy(&dev);
	virtio_device_fini(&dev);
	fake_vk_end();
}

static void
each_call_of_an_opening_fails(void)
{
	const unsigned int fds = test_open_fds();
	unsigned int call, failures = 0;

	for (call = 1;; call++) {
		int ret;

		fake_vk_begin(&vk);
		vk.fail_call = call;
		ret = create(2, "tap3");
		if (ret == 0) {
			const bool all_done = vk.calls < call;

			destroy();
			CHECK_EQ(test_open_fds(), fds);
			if (all_done)
				break;
			continue;
		}
		CHECK_EQ(ret, -EIO);
		failures++;
		fake_vk_end();
		CHECK_EQ(test_open_fds(), fds);
	}
	/* Two queues of tap and two descriptors of vhost, of several calls each, and bpf(2). */
	CHECK(failures >= 16);
}

static const struct {
	const char *path;
	enum fake_vk_request request;
	int error;
	const char *iface, *message;
} refusals[] = {
	{ "/dev/vhost-net", FAKE_VK_NONE, -ENOENT, "tap3", "modprobe vhost_net" },
	{ "/dev/vhost-net", FAKE_VK_NONE, -EACCES, "tap3", "read and write access" },
	{ "/dev/vhost-net", FAKE_VK_NONE, -EMFILE, "tap3", "ulimit -n" },
	{ "/dev/net/tun", FAKE_VK_NONE, -ENOENT, "tap3", "Load the module tun" },
	{ "/dev/net/tun", FAKE_VK_NONE, -EACCES, "tap3", "/dev/net/tun cannot be used: Permission "
	  "denied. The user of this process needs read and write access" },
	{ "/dev/net/tun", FAKE_VK_NONE, -EMFILE, "tap3", "ulimit -n" },
	{ NULL, FAKE_VK_OWNER, -ENOTTY, "tap3", "path=/dev/vhost-net" },
	{ NULL, FAKE_VK_OWNER, -EBADFD, "tap3", "path=/dev/vhost-net" },
	{ NULL, FAKE_VK_TAP, -EPERM, "tap3", "CAP_NET_ADMIN" },
	{ NULL, FAKE_VK_TAP, -EBUSY, "tap3", "another name with iface=" },
	{ NULL, FAKE_VK_TAP, -EINVAL, "tap3", "of another kind" },
	{ NULL, FAKE_VK_TAP, -E2BIG, "tap3", "queues=" },
	{ NULL, FAKE_VK_TAP, -ENOMEM, "tap3", "it cannot be opened: Cannot allocate memory." },
	{ NULL, FAKE_VK_BPF, -EPERM, "tap3", "CAP_BPF and CAP_NET_ADMIN" },
	{ NULL, FAKE_VK_BPF, -EINVAL, "tap3", "Linux 5.2 or later" },
	{ NULL, FAKE_VK_BPF, -ENOSYS, "tap3", "Linux 5.2 or later" },
	{ NULL, FAKE_VK_NONE, -EINVAL, "a_name_of_16_char", NULL },
};

static void
messages_say_what_helps(void)
{
	unsigned int i;

	for (i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		fake_vk_begin(&vk);
		vk.fail_path = refusals[i].path;
		vk.fail_request = refusals[i].request;
		vk.fail_error = refusals[i].error;
		test_forget_log();
		CHECK_EQ(create(1, refusals[i].iface),
			 refusals[i].error == -EBADFD ? -ENOTTY : refusals[i].error);
		if (refusals[i].message != NULL)
			CHECK_EQ(test_logged(refusals[i].message), 1);
		/* One line, and no cure of another error. */
		CHECK(test_logged("a test: ") <= 1);
		fake_vk_end();
	}
}

/* Another vhost device takes all requests of an opening, and refuses those of the rings. */
static void
vhost_device_that_is_no_net(void)
{
	const unsigned int fds = test_open_fds();

	fake_vk_begin(&vk);
	vk.features &= ~VIRTIO_BIT(15);
	test_forget_log();
	CHECK_EQ(create(1, "tap3"), -ENOTTY);
	CHECK_EQ(test_logged("It is not a vhost-net device"), 1);
	fake_vk_end();
	CHECK_EQ(test_open_fds(), fds);
}

/* A kernel whose tap interfaces have no offloads for the device is used without them. */
static void
offloads_are_not_offered_then(void)
{
	fake_vk_begin(&vk);
	vk.fail_request = FAKE_VK_OFFLOAD;
	vk.fail_error = -EINVAL;
	CHECK_EQ(create(1, "tap3"), 0);
	CHECK(!(dev.offered & VIRTIO_BIT(1)));
	CHECK(dev.offered & VIRTIO_BIT(0));
	destroy();
}

/* A pair of rings that run. */
static void
up(struct virtqueue **vq)
{
	const struct virtqueue_conf conf = { .size = 64, .node = -1 };
	unsigned int i;

	fake_vk_begin(&vk);
	CHECK_EQ(create(1, "tap3"), 0);
	CHECK_EQ(virtio_device_negotiate(&dev, UINT64_MAX), 0);
	for (i = 0; i < 2; i++)
		CHECK_EQ(virtqueue_create(&dev, i, &conf, &vq[i]), 0);
	CHECK_EQ(virtio_device_start(&dev, vq, 2), 0);
}

/* Of a device that was reset. */
static void
down(struct virtqueue **vq)
{
	unsigned int i;

	for (i = 0; i < 2; i++)
		CHECK_EQ(virtqueue_destroy(vq[i]), 0);
	destroy();
}

static void
refused_stop_is_no_proof(void)
{
	struct virtqueue *vq[2];

	up(vq);
	vk.fail_request = FAKE_VK_BACKEND;
	CHECK_EQ(virtqueue_stop(vq[1], PATIENCE_US), -EIO);
	CHECK_EQ(virtqueue_state(vq[1]), VIRTQUEUE_BROKEN);
	CHECK_EQ(virtqueue_reclaim(vq[1], ring_take_back, NULL), -EBUSY);
	/* It is asked for again, and refused again. */
	CHECK_EQ(virtqueue_stop(vq[1], PATIENCE_US), -EIO);
	CHECK_EQ(virtqueue_state(vq[1]), VIRTQUEUE_BROKEN);
	CHECK_EQ(virtio_device_reset(&dev, PATIENCE_US), -EIO);
	CHECK_EQ(virtqueue_destroy(vq[0]), -EBUSY);
	/* Closing the descriptors stops all that they had. */
	vhost_kernel_disconnect(&dev);
	CHECK(!vhost_kernel_is_up(&dev));
	CHECK_EQ(virtio_device_reset(&dev, PATIENCE_US), 0);
	down(vq);
}

static void
ring_does_not_start_without_the_interface(void)
{
	struct virtqueue *vq[2];

	up(vq);
	vk.deleted = true;
	CHECK_EQ(virtqueue_stop(vq[0], PATIENCE_US), 0);
	CHECK_EQ(virtqueue_start(vq[0], PATIENCE_US), -ENODEV);
	CHECK_EQ(virtio_device_reset(&dev, PATIENCE_US), 0);
	/* Another one of that name is opened. */
	CHECK_EQ(vhost_kernel_reconnect(&dev), 0);
	CHECK(vhost_kernel_is_up(&dev));
	CHECK_EQ(virtio_device_negotiate(&dev, UINT64_MAX), 0);
	CHECK_EQ(virtio_device_start(&dev, vq, 2), 0);
	CHECK_EQ(virtio_device_reset(&dev, PATIENCE_US), 0);
	down(vq);
}

/* Requests after an opening that has failed have no descriptor to go to. */
static void
nothing_is_asked_of_an_interface_that_is_not_open(void)
{
	fake_vk_begin(&vk);
	CHECK_EQ(create(3, "tap3"), 0);
	vk.deleted = true;
	vk.fail_request = FAKE_VK_TAP;
	vk.fail_error = -EBUSY;
	CHECK_EQ(vhost_kernel_reconnect(&dev), -EBUSY);
	CHECK(!vhost_kernel_is_up(&dev));
	CHECK_EQ(vhost_kernel_set_pairs(&dev, 1), -ENODEV);
	CHECK_EQ(virtio_device_reset(&dev, PATIENCE_US), 0);
	destroy();
}

TEST_MAIN(
	TEST(each_call_of_an_opening_fails),
	TEST(messages_say_what_helps),
	TEST(vhost_device_that_is_no_net),
	TEST(offloads_are_not_offered_then),
	TEST(refused_stop_is_no_proof),
	TEST(ring_does_not_start_without_the_interface),
	TEST(nothing_is_asked_of_an_interface_that_is_not_open),
)
