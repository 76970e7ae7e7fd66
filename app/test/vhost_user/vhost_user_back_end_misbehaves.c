/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * A back-end that is late, refuses, talks nonsense, does not read, or goes away at any step: a stop
 * is believed only on its own proof, what was not proven keeps its memory, and everything can be
 * taken down in the end.
 */

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_common.h>

#include "vhost_user_port.h"

static struct vhost_user_port port;

static void
check_broken(unsigned int i)
{
	CHECK_EQ(virtqueue_state(port.vq[i]), VIRTQUEUE_BROKEN);
	CHECK_EQ(virtqueue_reclaim(port.vq[i], ring_take_back, NULL), -EBUSY);
	CHECK_EQ(virtqueue_destroy(port.vq[i]), -EBUSY);
}

static void
stop_and_start(unsigned int i)
{
	CHECK_EQ(virtqueue_stop(port.vq[i], PATIENCE_US), 0);
	CHECK_EQ(virtqueue_state(port.vq[i]), VIRTQUEUE_READY);
	port_refill(&port, i);
	CHECK_EQ(virtqueue_start(port.vq[i], PATIENCE_US), 0);
	port_check_runs(&port, i);
	port_check_others_run(&port, i);
}

/* The other rings run while the back-end's message thread is busy with one. */
static void
late_answer(enum vhost_user_stop_policy policy, uint32_t held)
{
	port_up(&port, policy);
	fake_vu_rule(port.vu, held, 0, 1, VU_HOLD);
	CHECK_EQ(virtqueue_stop(port.vq[1], SHORT_US), -ETIMEDOUT);
	fake_vu_wait_held(port.vu);
	check_broken(1);
	port_check_others_run(&port, 1);
	CHECK_EQ(virtqueue_stop(port.vq[1], SHORT_US), -ETIMEDOUT);
	check_broken(1);
	fake_vu_release(port.vu);
	CHECK_EQ(virtqueue_stop(port.vq[1], PATIENCE_US), 0);
	/* It was asked once: the late answer is the proof. */
	port_check_recorded(&port, policy == VHOST_USER_STOP_GET_BASE ? "ENABLE 1=0!, GET_BASE 1" :
			    "ENABLE 1=0!");
	port_refill(&port, 1);
	CHECK_EQ(virtqueue_start(port.vq[1], PATIENCE_US), 0);
	port_check_runs(&port, 1);
	stop_and_start(1);
	port_down(&port);
}

static void
late_answers(void)
{
	late_answer(VHOST_USER_STOP_GET_BASE, VU_GET_VRING_BASE);
	late_answer(VHOST_USER_STOP_GET_BASE, VU_SET_VRING_ENABLE);
	late_answer(VHOST_USER_STOP_DISABLE, VU_SET_VRING_ENABLE);
}

static void
late_answer_of_one_ring_is_no_proof_of_another(void)
{
	port_up(&port, VHOST_USER_STOP_DISABLE);
	fake_vu_rule(port.vu, VU_SET_VRING_ENABLE, 0, 2, VU_HOLD);
	CHECK_EQ(virtqueue_stop(port.vq[0], SHORT_US), -ETIMEDOUT);
	fake_vu_wait_held(port.vu);
	/* Asked while the first is under way, and then held itself when the first is answered. */
	CHECK_EQ(virtqueue_stop(port.vq[1], SHORT_US), -ETIMEDOUT);
	fake_vu_release(port.vu);
	CHECK_EQ(virtqueue_stop(port.vq[0], PATIENCE_US), 0);
	fake_vu_wait_held(port.vu);
	CHECK_EQ(virtqueue_stop(port.vq[1], SHORT_US), -ETIMEDOUT);
	check_broken(1);
	fake_vu_release(port.vu);
	CHECK_EQ(virtqueue_stop(port.vq[1], PATIENCE_US), 0);
	CHECK_EQ(fake_vu_count(port.vu, VU_SET_VRING_ENABLE), 2);
	port_down(&port);
}

/* A late answer to ENABLE 0 says nothing of the GET_VRING_BASE behind it. */
static void
half_of_the_answers_is_no_proof(void)
{
	port_up(&port, VHOST_USER_STOP_GET_BASE);
	fake_vu_rule(port.vu, VU_SET_VRING_ENABLE, 0, 1, VU_HOLD);
	fake_vu_rule(port.vu, VU_GET_VRING_BASE, 0, 1, VU_HOLD);
	CHECK_EQ(virtqueue_stop(port.vq[0], SHORT_US), -ETIMEDOUT);
	fake_vu_wait_held(port.vu);
	fake_vu_release(port.vu);
	CHECK_EQ(virtqueue_stop(port.vq[0], SHORT_US), -ETIMEDOUT);
	fake_vu_wait_held(port.vu);
	CHECK_EQ(virtqueue_stop(port.vq[0], SHORT_US), -ETIMEDOUT);
	check_broken(0);
	fake_vu_release(port.vu);
	CHECK_EQ(virtqueue_stop(port.vq[0], PATIENCE_US), 0);
	port_down(&port);
}

static void
late_answer_in_two_pieces(void)
{
	port_up(&port, VHOST_USER_STOP_GET_BASE);
	fake_vu_rule(port.vu, VU_GET_VRING_BASE, 0, 1, VU_HALF_AND_HOLD);
	CHECK_EQ(virtqueue_stop(port.vq[2], SHORT_US), -ETIMEDOUT);
	check_broken(2);
	fake_vu_wait_held(port.vu);
	fake_vu_release(port.vu);
	CHECK_EQ(virtqueue_stop(port.vq[2], PATIENCE_US), 0);
	port_refill(&port, 2);
	CHECK_EQ(virtqueue_start(port.vq[2], PATIENCE_US), 0);
	stop_and_start(2);
	port_down(&port);
}

static void
everything_in_single_bytes(void)
{
	port_create(&port);
	fake_vu_rule(port.vu, 0, 0, UINT32_MAX, VU_BYTE_BY_BYTE);
	CHECK_EQ(port_connect(&port, VHOST_USER_STOP_GET_BASE), 0);
	port_start(&port);
	stop_and_start(0);
	CHECK_EQ(virtio_device_reset(&port.dev, PATIENCE_US), 0);
	port_down(&port);
}

static void
device_reset_ends_what_was_not_answered(void)
{
	port_up(&port, VHOST_USER_STOP_GET_BASE);
	fake_vu_rule(port.vu, VU_GET_VRING_BASE, 0, 1, VU_HOLD);
	CHECK_EQ(virtqueue_stop(port.vq[1], SHORT_US), -ETIMEDOUT);
	CHECK_EQ(virtio_device_reset(&port.dev, SHORT_US), -ETIMEDOUT);
	check_broken(1);
	check_broken(0);
	fake_vu_wait_held(port.vu);
	fake_vu_release(port.vu);
	CHECK_EQ(virtio_device_reset(&port.dev, PATIENCE_US), 0);
	/* Asked once. */
	CHECK_EQ(fake_vu_count(port.vu, VU_GET_VRING_BASE), 1 + PORT_RINGS);
	port_down(&port);
}

static void
stop_is_refused(void)
{
	port_up(&port, VHOST_USER_STOP_GET_BASE);
	fake_vu_rule(port.vu, VU_SET_VRING_ENABLE, 0, 1, VU_REFUSE);
	CHECK_EQ(virtqueue_stop(port.vq[1], PATIENCE_US), -EIO);
	check_broken(1);
	port_check_others_run(&port, 1);
	/* Refused, not late: it has to be asked again. */
	fake_vu_forget_record(port.vu);
	CHECK_EQ(virtqueue_stop(port.vq[1], PATIENCE_US), 0);
	port_check_recorded(&port, "ENABLE 1=0!, GET_BASE 1");
	port_down(&port);
}

static void
each_message_of_a_start_is_refused(void)
{
	static const uint32_t requests[] = {
		VU_SET_VRING_NUM, VU_SET_VRING_BASE, VU_SET_VRING_ADDR, VU_SET_VRING_CALL,
		VU_SET_VRING_KICK, VU_SET_VRING_ENABLE
	};
	unsigned int i;

	port_up(&port, VHOST_USER_STOP_GET_BASE);
	for (i = 0; i < RTE_DIM(requests); i++) {
		CHECK_EQ(virtqueue_stop(port.vq[1], PATIENCE_US), 0);
		port_refill(&port, 1);
		fake_vu_forget_record(port.vu);
		fake_vu_rule(port.vu, requests[i], 0, 1, VU_REFUSE);
		CHECK_EQ(virtqueue_start(port.vq[1], PATIENCE_US), -EIO);
		CHECK_EQ(virtqueue_state(port.vq[1]), VIRTQUEUE_READY);
		CHECK_EQ(fake_vu_count(port.vu, VU_GET_VRING_BASE), 1);
		port_check_others_run(&port, 1);
		port_refill(&port, 1);
		CHECK_EQ(virtqueue_start(port.vq[1], PATIENCE_US), 0);
		port_check_runs(&port, 1);
	}
	port_down(&port);
}

static void
features_are_refused(void)
{
	port_create(&port);
	fake_vu_rule(port.vu, VU_SET_FEATURES, 0, 1, VU_REFUSE);
	CHECK_EQ(port_connect(&port, VHOST_USER_STOP_GET_BASE), 0);
	CHECK_EQ(virtio_device_negotiate(&port.dev, UINT64_MAX), -EIO);
	CHECK_EQ(virtio_device_reset(&port.dev, PATIENCE_US), 0);
	port_start(&port);
	port_check_others_run(&port, PORT_RINGS);
	port_down(&port);
}

static void
memory_table_is_refused(void)
{
	port_create(&port);
	fake_vu_rule(port.vu, VU_SET_MEM_TABLE, 0, 1, VU_REFUSE);
	CHECK_EQ(port_connect(&port, VHOST_USER_STOP_GET_BASE), 0);
	CHECK_EQ(virtio_device_negotiate(&port.dev, UINT64_MAX), -EIO);
	CHECK_EQ(virtio_device_reset(&port.dev, PATIENCE_US), 0);
	port_start(&port);
	port_check_others_run(&port, PORT_RINGS);
	port_down(&port);
}

/*
 * Nonsense instead of the proof: the talk is over, the back-end sees the end of it and closes, and
 * that it is gone is the proof then. Until it is, there is none.
 */
static void
nonsense_instead_of_proof(void)
{
	static const enum fake_vu_action nonsense[] = {
		VU_WRONG_REQUEST, VU_NOT_A_REPLY, VU_TOO_LONG, VU_JUST_TOO_LONG,
		VU_WRONG_SIZE, VU_NINE_BYTES, VU_EMPTY
	};
	unsigned int i, ring;

	for (i = 0; i < RTE_DIM(nonsense); i++) {
		port_up(&port, VHOST_USER_STOP_GET_BASE);
		test_forget_log();
		fake_vu_rule(port.vu, VU_SET_VRING_ENABLE, 0, 1, nonsense[i]);
		fake_vu_rule(port.vu, VU_GET_VRING_BASE, 0, 1, VU_HOLD);
		port.vu->once = true;
		CHECK_EQ(virtqueue_stop(port.vq[1], SHORT_US), -ETIMEDOUT);
		check_broken(1);
		/* Held at the second message, it has answered the first. */
		fake_vu_wait_held(port.vu);
		CHECK(!vhost_user_is_up(&port.dev));
		CHECK_EQ(test_logged("the connection to the back-end is closed"), 1);
		/* It serves the other rings as long as it has not closed. */
		port_check_others_run(&port, 1);
		CHECK_EQ(virtqueue_stop(port.vq[1], SHORT_US), -ETIMEDOUT);
		fake_vu_release(port.vu);
		CHECK_EQ(virtqueue_stop(port.vq[1], PATIENCE_US), 0);
		/* Nothing more can be sent: a start fails, and ends as a stopped ring. */
		port_refill(&port, 1);
		CHECK_EQ(virtqueue_start(port.vq[1], PATIENCE_US), -ENODEV);
		CHECK_EQ(virtqueue_state(port.vq[1]), VIRTQUEUE_READY);
		for (ring = 0; ring < PORT_RINGS; ring++)
			CHECK_EQ(virtqueue_stop(port.vq[ring], PATIENCE_US), 0);
		port_down(&port);
	}
}

/*
 * Without REPLY_ACK the stops of two rings differ by the ring alone. The answer that is left out is
 * the first ring's, and the second ring's is no proof of it.
 */
static void
answer_left_out_is_not_replaced_by_the_next(void)
{
	port_create(&port);
	port.vu->protocol &= ~VU_P_REPLY_ACK;
	port.vu->once = true;
	CHECK_EQ(port_connect(&port, VHOST_USER_STOP_GET_BASE), 0);
	port_start(&port);
	fake_vu_rule(port.vu, VU_GET_VRING_BASE, 0, 1, VU_SILENT);
	CHECK_EQ(virtqueue_stop(port.vq[1], SHORT_US), -ETIMEDOUT);
	test_forget_log();
	/* The connection ends at the answer, and with it all that the back-end has. */
	CHECK_EQ(virtqueue_stop(port.vq[2], PATIENCE_US), 0);
	CHECK_EQ(test_logged("the connection to the back-end is closed"), 1);
	CHECK_EQ(fake_vu_count(port.vu, VU_GET_VRING_BASE), 2);
	CHECK_EQ(virtqueue_stop(port.vq[1], PATIENCE_US), 0);
	port_down(&port);
}

/* More than was asked for: the talk is over at the next look, and proof given before it counts. */
static void
more_answers_than_asked_for(void)
{
	port_up(&port, VHOST_USER_STOP_GET_BASE);
	port.vu->once = true;
	fake_vu_rule(port.vu, VU_GET_VRING_BASE, 0, 1, VU_TWICE);
	CHECK_EQ(virtqueue_stop(port.vq[1], PATIENCE_US), 0);
	fake_vu_wait_quiet(port.vu);
	CHECK(!vhost_user_is_up(&port.dev));
	CHECK(virtqueue_start(port.vq[1], PATIENCE_US) < 0);
	CHECK_EQ(virtqueue_state(port.vq[1]), VIRTQUEUE_READY);
	port_down(&port);
}

static void
noise_without_end(void)
{
	port_up(&port, VHOST_USER_STOP_GET_BASE);
	port.vu->once = true;
	fake_vu_rule(port.vu, VU_SET_VRING_ENABLE, 0, 1, VU_FLOOD);
	CHECK_EQ(virtqueue_stop(port.vq[1], PATIENCE_US), 0);
	CHECK(!vhost_user_is_up(&port.dev));
	port_down(&port);
}

/* The whole life of a port; how far it came. */
static unsigned int
live_until_it_ends(enum vhost_user_stop_policy policy)
{
	unsigned int i;

	if (port_connect(&port, policy) != 0)
		return 0;
	port_make_rings(&port);
	if (virtio_device_negotiate(&port.dev, UINT64_MAX) != 0)
		return 1;
	if (virtio_device_start(&port.dev, port.vq, PORT_RINGS) != 0)
		return 2;
	for (i = 0; i < PORT_RINGS; i++) {
		/* Gone is stopped as well. */
		CHECK_EQ(virtqueue_stop(port.vq[i], PATIENCE_US), 0);
		port_refill(&port, i);
		if (virtqueue_start(port.vq[i], PATIENCE_US) != 0) {
			CHECK_EQ(virtqueue_state(port.vq[i]), VIRTQUEUE_READY);
			return 3;
		}
	}
	CHECK_EQ(virtio_device_reset(&port.dev, PATIENCE_US), 0);
	return 4;
}

/*
 * The connection ends at the first message, at a later one, and so on, until a life is complete.
 * Each end costs the grace time that a back-end of this same process is given.
 */
static void
closed_at_messages(enum vhost_user_stop_policy policy, unsigned int step)
{
	unsigned int come_by[5] = { 0 };
	unsigned int at, far, total, i;

	for (at = 1; ; at += step) {
		port_create(&port);
		port.vu->once = true;
		port.vu->close_at = at;
		far = live_until_it_ends(policy);
		come_by[far]++;
		total = port.vu->messages;
		port_down(&port);
		if (total < at)
			break;
	}
	CHECK_EQ(far, 4);
	for (i = 0; i < RTE_DIM(come_by); i++)
		CHECK(come_by[i] > 0);
}

static void
closed_at_each_message(void)
{
	closed_at_messages(VHOST_USER_STOP_GET_BASE, 1);
}

static void
closed_at_some_messages_with_disable(void)
{
	closed_at_messages(VHOST_USER_STOP_DISABLE, 4);
}

/* The same, but half of an answer has come. */
static void
ends_within_answers(void)
{
	static const enum fake_vu_action cut[] = {
		VU_HALF_HEADER, VU_HALF_PAYLOAD, VU_CLOSE_AFTER
	};
	unsigned int at, far, c;

	for (c = 0; c < RTE_DIM(cut); c++) {
		for (at = 0; ; at += 7) {
			unsigned int total;

			port_create(&port);
			port.vu->once = true;
			fake_vu_rule(port.vu, 0, at, 1, cut[c]);
			far = live_until_it_ends(VHOST_USER_STOP_GET_BASE);
			total = port.vu->messages;
			port_down(&port);
			if (total <= at)
				break;
		}
		CHECK_EQ(far, 4);
	}
}

static void
gone_while_a_ring_is_stopped(void)
{
	unsigned int i;

	port_up(&port, VHOST_USER_STOP_GET_BASE);
	CHECK_EQ(virtqueue_stop(port.vq[1], PATIENCE_US), 0);
	fake_vu_disconnect(port.vu);
	CHECK(!vhost_user_is_up(&port.dev));
	CHECK_EQ(test_logged("the back-end closed the connection"), 1);
	port_refill(&port, 1);
	CHECK_EQ(virtqueue_start(port.vq[1], PATIENCE_US), -ENODEV);
	CHECK_EQ(virtqueue_state(port.vq[1]), VIRTQUEUE_READY);
	for (i = 0; i < PORT_RINGS; i++)
		CHECK_EQ(virtqueue_stop(port.vq[i], PATIENCE_US), 0);
	CHECK_EQ(virtio_device_reset(&port.dev, PATIENCE_US), 0);
	port_down(&port);
}

/*
 * A back-end that closes may be at work on the rings for a moment yet. Time is measured from before
 * the close, and so a slow machine makes it longer only.
 */
static void
gone_is_no_proof_at_once(void)
{
	const uint32_t at_least_us = 100000;
	uint64_t before;

	port_up(&port, VHOST_USER_STOP_GET_BASE);
	before = virtio_now_us();
	fake_vu_disconnect(port.vu);
	CHECK_EQ(virtqueue_stop(port.vq[1], PATIENCE_US), 0);
	CHECK(virtio_now_us() - before >= at_least_us);
	port_down(&port);

	port_up(&port, VHOST_USER_STOP_GET_BASE);
	before = virtio_now_us();
	fake_vu_disconnect(port.vu);
	CHECK_EQ(virtio_device_reset(&port.dev, PATIENCE_US), 0);
	CHECK(virtio_now_us() - before >= at_least_us);
	port_down(&port);
}

static void
gone_while_a_stop_is_under_way(void)
{
	port_up(&port, VHOST_USER_STOP_GET_BASE);
	fake_vu_rule(port.vu, VU_GET_VRING_BASE, 0, 1, VU_HOLD);
	CHECK_EQ(virtqueue_stop(port.vq[1], SHORT_US), -ETIMEDOUT);
	fake_vu_wait_held(port.vu);
	check_broken(1);
	fake_vu_rule(port.vu, 0, 0, 1, VU_CLOSE);
	port.vu->once = true;
	/* One message more, at which it closes. */
	CHECK_EQ(virtqueue_stop(port.vq[2], SHORT_US), -ETIMEDOUT);
	fake_vu_release(port.vu);
	CHECK_EQ(virtqueue_stop(port.vq[1], PATIENCE_US), 0);
	CHECK_EQ(virtqueue_stop(port.vq[2], PATIENCE_US), 0);
	port_down(&port);
}

static void
write_raw(uint32_t request)
{
	const uint32_t header[3] = { request, 0x1, 0 };
	const int fd = vhost_user_watch_fd(&port.dev);

	CHECK_EQ(send(fd, header, sizeof(header), MSG_DONTWAIT), sizeof(header));
}

/* Fills the socket of a back-end that is held, but for one message. */
static void
leave_room_for_one_message(void)
{
	const uint32_t header[3] = { VU_SET_OWNER, 0x1, 0 };
	const int fd = vhost_user_watch_fd(&port.dev);

	fake_vu_rule(port.vu, VU_SET_OWNER, 0, UINT32_MAX, VU_HOLD);
	write_raw(VU_SET_OWNER);
	fake_vu_wait_held(port.vu);
	while (send(fd, header, sizeof(header), MSG_DONTWAIT) == sizeof(header))
		;
	fake_vu_read_one_more(port.vu);
}

/*
 * ENABLE 0 goes out and GET_VRING_BASE does not. The answer to the first, when it comes, is not the
 * proof: what was not sent is to be sent.
 */
static void
half_a_stop_can_be_sent(void)
{
	port_up(&port, VHOST_USER_STOP_GET_BASE);
	leave_room_for_one_message();
	CHECK_EQ(virtqueue_stop(port.vq[1], PATIENCE_US), -ETIMEDOUT);
	check_broken(1);
	fake_vu_obey(port.vu);
	fake_vu_release(port.vu);
	CHECK_EQ(fake_vu_count(port.vu, VU_SET_VRING_ENABLE), 1);
	CHECK_EQ(fake_vu_count(port.vu, VU_GET_VRING_BASE), 0);
	CHECK_EQ(virtqueue_stop(port.vq[1], PATIENCE_US), 0);
	CHECK_EQ(fake_vu_count(port.vu, VU_GET_VRING_BASE), 1);
	port_refill(&port, 1);
	CHECK_EQ(virtqueue_start(port.vq[1], PATIENCE_US), 0);
	port_check_runs(&port, 1);
	port_check_others_run(&port, 1);
	port_down(&port);
}

static void
half_a_device_reset_can_be_sent(void)
{
	unsigned int i;

	port_up(&port, VHOST_USER_STOP_GET_BASE);
	leave_room_for_one_message();
	CHECK_EQ(virtio_device_reset(&port.dev, PATIENCE_US), -ETIMEDOUT);
	for (i = 0; i < PORT_RINGS; i++)
		check_broken(i);
	fake_vu_obey(port.vu);
	fake_vu_release(port.vu);
	CHECK_EQ(fake_vu_count(port.vu, VU_SET_STATUS), 1);
	CHECK_EQ(fake_vu_count(port.vu, VU_GET_VRING_BASE), 0);
	CHECK_EQ(virtio_device_reset(&port.dev, PATIENCE_US), 0);
	CHECK_EQ(fake_vu_count(port.vu, VU_GET_VRING_BASE), PORT_RINGS);
	port_down(&port);
}

/* It never reads again: errors in time, nothing is believed, and when it is gone all is over. */
static void
back_end_that_never_reads(void)
{
	const uint32_t header[3] = { VU_SET_OWNER, 0x1, 0 };
	int fd;

	port_up(&port, VHOST_USER_STOP_GET_BASE);
	fd = vhost_user_watch_fd(&port.dev);
	fake_vu_rule(port.vu, VU_SET_OWNER, 0, 1, VU_HOLD);
	write_raw(VU_SET_OWNER);
	fake_vu_wait_held(port.vu);
	while (send(fd, header, sizeof(header), MSG_DONTWAIT) == sizeof(header))
		;
	CHECK_EQ(virtqueue_stop(port.vq[1], SHORT_US), -ETIMEDOUT);
	check_broken(1);
	port_check_others_run(&port, 1);
	CHECK_EQ(virtio_device_reset(&port.dev, SHORT_US), -ETIMEDOUT);
	check_broken(0);
	fake_vu_rule(port.vu, 0, 0, 1, VU_CLOSE);
	port.vu->once = true;
	fake_vu_release(port.vu);
	CHECK_EQ(virtio_device_reset(&port.dev, PATIENCE_US), 0);
	port_down(&port);
}

TEST_MAIN(
	TEST(late_answers),
	TEST(late_answer_of_one_ring_is_no_proof_of_another),
	TEST(half_of_the_answers_is_no_proof),
	TEST(late_answer_in_two_pieces),
	TEST(everything_in_single_bytes),
	TEST(device_reset_ends_what_was_not_answered),
	TEST(stop_is_refused),
	TEST(each_message_of_a_start_is_refused),
	TEST(features_are_refused),
	TEST(memory_table_is_refused),
	TEST(nonsense_instead_of_proof),
	TEST(answer_left_out_is_not_replaced_by_the_next),
	TEST(more_answers_than_asked_for),
	TEST(noise_without_end),
	TEST(closed_at_each_message),
	TEST(closed_at_some_messages_with_disable),
	TEST(ends_within_answers),
	TEST(gone_while_a_ring_is_stopped),
	TEST(gone_is_no_proof_at_once),
	TEST(gone_while_a_stop_is_under_way),
	TEST(half_a_stop_can_be_sent),
	TEST(half_a_device_reset_can_be_sent),
	TEST(back_end_that_never_reads),
)
