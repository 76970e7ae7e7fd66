/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * A back-end that does not answer for a while. A start in that time fails and logs it, further
 * attempts send nothing, and after the silence one reset and start bring the device back. A
 * back-end that is slow and goes on answering is waited for, up to the limit of the call.
 */

#include <pthread.h>
#include <unistd.h>

#include <rte_common.h>

#include "vhost_user_port.h"

/* Over long before a back-end that is held is released. */
#define SILENCE_US 100000

static struct vhost_user_port port;

static int
try_start(void)
{
	int ret = virtio_device_negotiate(&port.dev, UINT64_MAX);

	return ret != 0 ? ret : virtio_device_start(&port.dev, port.vq, PORT_RINGS);
}

static void
refill_all(void)
{
	unsigned int i;

	for (i = 0; i < PORT_RINGS; i++)
		port_refill(&port, i);
}

/* Held at the first request of this kind in a start. */
static void
silent_at(uint32_t request, uint64_t protocol)
{
	unsigned int fds, i;

	port_create(&port);
	port.vu->protocol = protocol;
	port.answer_timeout_us = SILENCE_US;
	CHECK_EQ(port_connect(&port, VHOST_USER_STOP_GET_BASE), 0);
	port_make_rings(&port);
	fake_vu_wait_quiet(port.vu);
	test_forget_log();
	fds = test_open_fds();
	fake_vu_rule(port.vu, request, 0, 1, VU_HOLD);
	CHECK_EQ(try_start(), -ETIMEDOUT);
	fake_vu_wait_held(port.vu);
	CHECK_EQ(test_logged("not answered in time; the back-end has not answered"), 1);
	fake_vu_forget_record(port.vu);

	for (i = 0; i < 50; i++)
		CHECK_EQ(virtio_device_reset(&port.dev, SHORT_US), -ETIMEDOUT);
	CHECK_EQ(test_logged("not confirmed: Connection timed out; the back-end has not answered"),
		 50);
	CHECK(port.dev.status != VIRTIO_STATUS_RESET);

	fake_vu_release(port.vu);
	CHECK_EQ(virtio_device_reset(&port.dev, PATIENCE_US), 0);
	CHECK_EQ(test_logged("the back-end answers again"), 1);
	/* What was left of the start, and one reset: three messages for each ring of the latter. */
	fake_vu_wait_quiet(port.vu);
	CHECK(port.vu->nb_record <= 10 + 9 * PORT_RINGS);
	refill_all();
	CHECK_EQ(try_start(), 0);
	CHECK_EQ(test_logged("a request was not answered in time"), 1);
	port_check_others_run(&port, PORT_RINGS);
	CHECK_EQ(virtqueue_stop(port.vq[1], PATIENCE_US), 0);
	port_check_others_run(&port, 1);
	/* Those of the back-end: a kick and a call for each ring. */
	CHECK_EQ(test_open_fds(), fds + 2 * PORT_RINGS);
	port_down(&port);
}

static void
no_answer_to_any_request(void)
{
	static const uint32_t requests[] = {
		VU_SET_STATUS, VU_GET_STATUS, VU_SET_FEATURES, VU_SET_MEM_TABLE,
		VU_SET_VRING_NUM, VU_SET_VRING_KICK, VU_SET_VRING_ENABLE
	};
	unsigned int i;

	for (i = 0; i < RTE_DIM(requests); i++)
		silent_at(requests[i], VU_P_MQ | VU_P_REPLY_ACK | VU_P_STATUS);
}

/* Before the device knows a ring its reset has no message of its own. */
static void
no_answer_without_status(void)
{
	silent_at(VU_SET_FEATURES, VU_P_MQ | VU_P_REPLY_ACK);
	silent_at(VU_SET_MEM_TABLE, VU_P_MQ | VU_P_REPLY_ACK);
	silent_at(VU_SET_VRING_ENABLE, VU_P_MQ | VU_P_REPLY_ACK);
	silent_at(VU_SET_VRING_ENABLE, VU_P_MQ);
}

/* An answer to a request from before a proven reset is neither missed nor a proof later. */
static void
answers_come_after_the_reset(void)
{
	port_up(&port, VHOST_USER_STOP_GET_BASE);
	fake_vu_rule(port.vu, VU_GET_VRING_BASE, 0, 1, VU_HOLD);
	/* Of the stop of one ring, after those of all rings. */
	fake_vu_rule(port.vu, VU_GET_VRING_BASE, PORT_RINGS - 1, 1, VU_HOLD);
	CHECK_EQ(virtio_device_reset(&port.dev, SHORT_US), -ETIMEDOUT);
	fake_vu_wait_held(port.vu);
	CHECK_EQ(virtqueue_stop(port.vq[1], SHORT_US), -ETIMEDOUT);
	fake_vu_release(port.vu);
	CHECK_EQ(virtio_device_reset(&port.dev, PATIENCE_US), 0);
	fake_vu_wait_held(port.vu);
	fake_vu_release(port.vu);
	refill_all();
	CHECK_EQ(try_start(), 0);
	/* The proof is the answer of the stop itself. */
	fake_vu_rule(port.vu, VU_GET_VRING_BASE, 0, 1, VU_HOLD);
	CHECK_EQ(virtqueue_stop(port.vq[1], SHORT_US), -ETIMEDOUT);
	fake_vu_wait_held(port.vu);
	fake_vu_release(port.vu);
	CHECK_EQ(virtqueue_stop(port.vq[1], PATIENCE_US), 0);
	port_check_others_run(&port, 1);
	port_down(&port);
}

/* ---- slow ------------------------------------------------------------------------------------ */

#define SLOW_US 200000

static int start_ret;
static bool start_ended;

static void *
run_start(void *arg __rte_unused)
{
	start_ret = try_start();
	__atomic_store_n(&start_ended, true, __ATOMIC_RELEASE);
	return NULL;
}

/* The start of a device whose back-end takes its time for each message: how many messages. */
static unsigned int
slow_start(uint32_t timeout_us, uint64_t limit_us)
{
	pthread_t thread;
	unsigned int n = 0;

	port_create(&port);
	port.answer_timeout_us = timeout_us;
	CHECK_EQ(port_connect(&port, VHOST_USER_STOP_GET_BASE), 0);
	port_make_rings(&port);
	fake_vu_wait_quiet(port.vu);
	test_forget_log();
	__atomic_store_n(&start_ended, false, __ATOMIC_RELAXED);
	virtio_device_limit(&port.dev, limit_us);
	fake_vu_rule(port.vu, 0, 0, 1000, VU_HOLD);
	CHECK_EQ(pthread_create(&thread, NULL, run_start, NULL), 0);
	while (!__atomic_load_n(&start_ended, __ATOMIC_ACQUIRE)) {
		if (!__atomic_load_n(&port.vu->holding, __ATOMIC_RELAXED)) {
			usleep(1000);
			continue;
		}
		usleep(SLOW_US);
		fake_vu_release(port.vu);
		n++;
	}
	CHECK_EQ(pthread_join(thread, NULL), 0);
	virtio_device_limit(&port.dev, 0);
	fake_vu_obey(port.vu);
	fake_vu_release(port.vu);
	return n;
}

/* A ring's answers come after those of all rings before it, longer than one answer may take. */
static void
slow_back_end_is_waited_for(void)
{
	const unsigned int messages = slow_start(10 * SLOW_US, 0);

	CHECK(messages >= 6 * PORT_RINGS);
	CHECK_EQ(start_ret, 0);
	CHECK_EQ(test_logged("a request was not answered in time"), 0);
	port_check_others_run(&port, PORT_RINGS);
	port_down(&port);
}

/* The back-end still answers when the call comes to its limit. */
static void
call_has_a_limit(void)
{
	const unsigned int messages = slow_start(PATIENCE_US, 10 * SLOW_US);

	CHECK(messages < 6 * PORT_RINGS);
	CHECK_EQ(start_ret, -ETIMEDOUT);
	CHECK_EQ(test_logged("the call has reached its time limit"), 1);
	CHECK_EQ(virtio_device_reset(&port.dev, PATIENCE_US), 0);
	refill_all();
	CHECK_EQ(try_start(), 0);
	port_check_others_run(&port, PORT_RINGS);
	port_down(&port);
}

TEST_MAIN(
	TEST_LAYOUTS(no_answer_to_any_request),
	TEST_LAYOUTS(no_answer_without_status),
	TEST_LAYOUTS(answers_come_after_the_reset),
	TEST(slow_back_end_is_waited_for),
	TEST(call_has_a_limit),
)
