/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * How rings are stopped is chosen from what the back-end offers and the user says, for every
 * combination of the two. Each choice is one log line with its reason.
 */

#include <rte_common.h>

#include "vhost_user_port.h"

static const uint64_t marks[] = { VU_P_RARP, VU_P_REPLY_ACK, VU_P_NET_MTU, VU_P_CRYPTO_SESSION };

/* In the words of the guide; -ENOTSUP where the user is refused. */
static int
right_choice(enum vhost_user_stop_wish wish, uint64_t features, uint64_t protocol)
{
	const bool acks = (features & VU_F_PROTOCOL) && (protocol & VU_P_REPLY_ACK);
	const unsigned int hints = !!(protocol & VU_P_RARP) + !!(protocol & VU_P_NET_MTU) +
				   !!(protocol & VU_P_CRYPTO_SESSION);

	if (wish == VHOST_USER_STOP_OFF)
		return VIRTIO_STOP_NONE;
	if (wish == VHOST_USER_STOP_GET_BASE)
		return VIRTIO_STOP_VHOST_GET_BASE;
	if (wish == VHOST_USER_STOP_DISABLE)
		return acks ? VIRTIO_STOP_VHOST_DISABLE_ACK : -ENOTSUP;
	if (features & VU_F_RING_RESET)
		return VIRTIO_STOP_VHOST_GET_BASE;
	if (!(features & VU_F_PROTOCOL))
		return VIRTIO_STOP_VHOST_GET_BASE;
	if (hints == 3 && acks)
		return VIRTIO_STOP_VHOST_DISABLE_ACK;
	return hints == 0 ? VIRTIO_STOP_VHOST_GET_BASE : VIRTIO_STOP_NONE;
}

static bool
is_librte_vhost(uint64_t protocol)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(marks); i++) {
		if (!(protocol & marks[i]))
			return false;
	}
	return true;
}

static void
check(enum vhost_user_stop_wish wish, uint64_t features, uint64_t protocol)
{
	const int right = right_choice(wish, features, protocol);
	const struct vhost_user_conf conf = {
		.path = test_path("backend"), .nb_rings = 2, .stop = wish
	};
	struct fake_vu *vu = fake_vu_create(conf.path);
	struct virtio_device dev;

	vu->features |= features | VU_F_EVENT_IDX;
	if (!(features & VU_F_PROTOCOL))
		vu->features &= ~VU_F_PROTOCOL;
	vu->protocol = VU_P_MQ | VU_P_STATUS | protocol;
	fake_vu_launch(vu);
	test_forget_log();
	CHECK_EQ(virtio_device_init(&dev, "port", VIRTIO_TRANSPORT_VHOST_USER, 2), 0);
	if (right < 0) {
		CHECK_EQ(vhost_user_create(&dev, &conf), right);
		/* What is wrong, and what may be right. */
		CHECK_EQ(test_logged("REPLY_ACK"), 1);
		CHECK_EQ(test_logged("get_base may be right"), 1);
		CHECK_EQ(test_logged("single queues are stopped by"), 0);
	} else {
		CHECK_EQ(vhost_user_create(&dev, &conf), 0);
		if ((int)dev.stop_method != right)
			test_fail(__FILE__, __LINE__,
				  "wish %d, features 0x%llx, protocol 0x%llx: %s is chosen", wish,
				  (unsigned long long)features, (unsigned long long)protocol,
				  virtio_stop_method_name(dev.stop_method));
		CHECK_EQ(test_logged("single queues are stopped by"), 1);
		CHECK_EQ((dev.offered & VU_F_RING_RESET) != 0, right != VIRTIO_STOP_NONE);
		/* Of a librte_vhost, which keeps what it has signalled over the stop of a ring. */
		CHECK_EQ((dev.offered & VU_F_EVENT_IDX) != 0,
			 !(features & VU_F_PROTOCOL) || !is_librte_vhost(protocol));
		/* The way out of a choice that cannot be made is named. */
		if (right == VIRTIO_STOP_NONE && wish == VHOST_USER_STOP_AUTO)
			CHECK_EQ(test_logged("queue_reset=get_base or queue_reset=disable"), 1);
		vhost_user_destroy(&dev);
	}
	virtio_device_fini(&dev);
	fake_vu_destroy(vu);
}

static void
every_offer(enum vhost_user_stop_wish wish)
{
	unsigned int reset, set, i;

	for (reset = 0; reset < 2; reset++) {
		const uint64_t bit = reset ? VU_F_RING_RESET : 0;

		check(wish, bit, 0);
		for (set = 0; set < 1u << RTE_DIM(marks); set++) {
			uint64_t protocol = 0;

			for (i = 0; i < RTE_DIM(marks); i++) {
				if (set & 1u << i)
					protocol |= marks[i];
			}
			check(wish, bit | VU_F_PROTOCOL, protocol);
		}
	}
}

static void
automatic(void)
{
	every_offer(VHOST_USER_STOP_AUTO);
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
	TEST(user_says_get_base),
	TEST(user_says_disable),
	TEST(user_says_off),
)
