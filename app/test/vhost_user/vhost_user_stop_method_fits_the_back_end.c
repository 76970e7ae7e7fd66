/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * How rings are stopped is chosen from what the back-end offers and the user says, for every
 * combination of the two. Each choice is one log line with its reason.
 */

#include <rte_common.h>

#include "vhost_user_port.h"

/* Four of librte_vhost, and one that it does not have. */
static const uint64_t marks[] = { VU_P_RARP, VU_P_REPLY_ACK, VU_P_NET_MTU, VU_P_CRYPTO_SESSION,
				  VU_P_DEVICE_STATE };

#define LIBRTE_VHOST (VU_P_RARP | VU_P_REPLY_ACK | VU_P_NET_MTU | VU_P_CRYPTO_SESSION)

/* In the words of the guide; -ENOTSUP where the user is refused. */
static int
right_choice(enum vhost_user_stop_policy policy, uint64_t features, uint64_t protocol)
{
	const bool acks = (features & VU_F_PROTOCOL) && (protocol & VU_P_REPLY_ACK);
	const unsigned int hints = !!(protocol & VU_P_RARP) + !!(protocol & VU_P_NET_MTU) +
				   !!(protocol & VU_P_CRYPTO_SESSION);

	if (policy == VHOST_USER_STOP_OFF)
		return VIRTIO_STOP_NONE;
	if (policy == VHOST_USER_STOP_GET_BASE)
		return VIRTIO_STOP_VHOST_GET_BASE;
	if (policy == VHOST_USER_STOP_DISABLE)
		return acks ? VIRTIO_STOP_VHOST_DISABLE_ACK : -ENOTSUP;
	if (features & VU_F_RING_RESET)
		return VIRTIO_STOP_VHOST_GET_BASE;
	if (!(features & VU_F_PROTOCOL))
		return VIRTIO_STOP_VHOST_GET_BASE;
	if (protocol & VU_P_DEVICE_STATE)
		return VIRTIO_STOP_VHOST_GET_BASE;
	if (hints == 3 && acks)
		return VIRTIO_STOP_VHOST_DISABLE_ACK;
	return hints == 0 ? VIRTIO_STOP_VHOST_GET_BASE : VIRTIO_STOP_NONE;
}

/* Connects to a back-end that offers just this. */
static void
check_offer(enum vhost_user_stop_policy policy, uint64_t features, uint64_t protocol)
{
	const int right = right_choice(policy, features, protocol);
	const struct vhost_user_conf conf = {
		.path = test_path("backend"), .nb_rings = 2, .stop = policy
	};
	struct fake_vu *vu = fake_vu_create(conf.path);
	struct virtio_device dev;

	vu->features |= features | VU_F_EVENT_IDX;
	if (!(features & VU_F_PROTOCOL))
		vu->features &= ~VU_F_PROTOCOL;
	vu->protocol = protocol;
	fake_vu_launch(vu);
	test_forget_log();
	CHECK_EQ(virtio_device_init(&dev, "port", VIRTIO_TRANSPORT_VHOST_USER, 2), 0);
	if (right < 0) {
		CHECK_EQ(vhost_user_create(&dev, &conf), right);
		/* What is wrong, and what may be right. */
		CHECK_EQ(test_logged("REPLY_ACK"), 1);
		CHECK_EQ(test_logged("Try queue_reset=get_base"), 1);
		CHECK_EQ(test_logged("single queues are stopped by"), 0);
	} else {
		CHECK_EQ(vhost_user_create(&dev, &conf), 0);
		if ((int)dev.stop_method != right)
			test_fail(__FILE__, __LINE__,
				  "policy %d, features 0x%llx, protocol 0x%llx: %s is chosen",
				  policy, (unsigned long long)features,
				  (unsigned long long)protocol,
				  virtio_stop_method_name(dev.stop_method));
		CHECK_EQ(test_logged("single queues are stopped by"), 1);
		CHECK_EQ((dev.offered & VU_F_RING_RESET) != 0, right != VIRTIO_STOP_NONE);
		/* Of a librte_vhost, which keeps what it has signalled over the stop of a ring. */
		CHECK_EQ((dev.offered & VU_F_EVENT_IDX) != 0,
			 !(features & VU_F_PROTOCOL) || (~protocol & LIBRTE_VHOST) != 0);
		/* The way out of a choice that cannot be made is named. */
		if (right == VIRTIO_STOP_NONE && policy == VHOST_USER_STOP_AUTO)
			CHECK_EQ(test_logged("give queue_reset=disable if it is"), 1);
		vhost_user_destroy(&dev);
	}
	virtio_device_fini(&dev);
	fake_vu_destroy(vu);
}

static void
check(enum vhost_user_stop_policy policy, uint64_t features, uint64_t protocol)
{
	check_offer(policy, features, VU_P_MQ | VU_P_STATUS | protocol);
}

static void
every_offer(enum vhost_user_stop_policy policy)
{
	unsigned int reset, set, i;

	for (reset = 0; reset < 2; reset++) {
		const uint64_t bit = reset ? VU_F_RING_RESET : 0;

		check(policy, bit, 0);
		for (set = 0; set < 1u << RTE_DIM(marks); set++) {
			uint64_t protocol = 0;

			for (i = 0; i < RTE_DIM(marks); i++) {
				if (set & 1u << i)
					protocol |= marks[i];
			}
			check(policy, bit | VU_F_PROTOCOL, protocol);
		}
	}
}

static void
automatic(void)
{
	every_offer(VHOST_USER_STOP_AUTO);
}

/* What products offer, as seen on their sockets. */
static void
offers_of_products(void)
{
	/* passt of 2025 and 2026: no MQ. */
	const uint64_t passt = VU_P_LOG_SHMFD | VU_P_RARP | VU_P_REPLY_ACK | VU_P_DEVICE_STATE;

	CHECK_EQ(passt, 0x8000e);
	check_offer(VHOST_USER_STOP_AUTO, VU_F_PROTOCOL, passt);
	CHECK_EQ(test_logged("get_base (the back-end is not librte_vhost, it offers DEVICE_STATE)"),
		 1);
	/* An application on librte_vhost may leave MQ out: nothing follows from that. */
	check_offer(VHOST_USER_STOP_AUTO, VU_F_PROTOCOL, LIBRTE_VHOST);
	CHECK_EQ(test_logged("disable (the back-end offers what librte_vhost does)"), 1);
	check_offer(VHOST_USER_STOP_AUTO, VU_F_PROTOCOL, passt & ~VU_P_DEVICE_STATE);
	CHECK_EQ(test_logged("none (the back-end may or may not be librte_vhost"), 1);
}

static void
user_says_get_base(void)
{
	every_offer(VHOST_USER_STOP_GET_BASE);
}

static void
user_says_disable(void)
{
	every_offer(VHOST_USER_STOP_DISABLE);
}

static void
user_says_off(void)
{
	every_offer(VHOST_USER_STOP_OFF);
}

TEST_MAIN(
	TEST(automatic),
	TEST(offers_of_products),
	TEST(user_says_get_base),
	TEST(user_says_disable),
	TEST(user_says_off),
)
