/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * lib/vhost_ring_reset on the installed librte_vhost: single rings stop and start again, and
 * whatever is not a stop of a single ring is left to librte_vhost. Both ends are in this process,
 * see vhost_ring_reset_ends.h; the data thread never looks whether a ring is enabled.
 */

#include <errno.h>
#include <limits.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_vhost.h>

#include "vhost_ring_reset_ends.h"

/* Cases. Each gets a front-end that is not connected; what it leaves open is closed for it. */

static const struct config split = { .ack_reset = true, .pairs = PAIRS };
static const struct config packed = { .ack_reset = true, .pairs = PAIRS, .packed = true };

static int
bit_offered_only_when_attached(struct front_end *fe)
{
	uint64_t offered, plain, answer;

	be.attach = false;
	TRY(fe_connect(fe));
	TRY(ask_u64(fe, GET_FEATURES, &plain));
	CHECK((plain & F_RING_RESET) == 0, "offered without attach");
	fe->reply_ack = true;
	TRY(tell_u64(fe, SET_FEATURES, F_VERSION_1 | F_RING_RESET, -1, &answer));
	CHECK(answer != 0, "acknowledged without an offer, and not refused");
	TRY(fe_close(fe));

	be.attach = true;
	TRY(fe_connect(fe));
	CHECK(be.attach_result == 0, "attach: %d", be.attach_result);
	TRY(ask_u64(fe, GET_FEATURES, &offered));
	CHECK(offered == (plain | F_RING_RESET), "0x%" PRIx64 " offered, without attach 0x%"
		PRIx64, offered, plain);
	return 0;
}

static int
acknowledged_and_traffic_flows(struct front_end *fe)
{
	uint64_t features = 0;

	TRY(fe_connect(fe));
	CHECK(!vhost_ring_reset_negotiated(be.vid), "negotiated before SET_FEATURES");
	TRY(fe_close(fe));
	TRY(fe_start(fe, &split));
	CHECK(vhost_ring_reset_negotiated(be.vid), "acknowledged but not negotiated");
	rte_vhost_get_negotiated_features(be.vid, &features);
	CHECK(features == (fe->features & ~F_RING_RESET), "librte_vhost has features 0x%" PRIx64,
		features);
	return all_flow(fe);
}

static int
refused_features_are_not_negotiated(struct front_end *fe)
{
	uint64_t answer;

	TRY(fe_connect(fe));
	fe->reply_ack = true;
	TRY(tell_u64(fe, SET_FEATURES, F_RING_RESET | (UINT64_C(1) << 63), -1, &answer));
	CHECK(answer != 0, "a bit that was not offered was taken");
	CHECK(!vhost_ring_reset_negotiated(be.vid), "negotiated by a refused SET_FEATURES");
	return 0;
}

/* Stop, be left alone, restart with another size in zeroed memory. */
static int
stop_and_restart(struct front_end *fe, const struct config *conf, unsigned int r)
{
	unsigned int other = r == 0 ? 2 : 0;
	uint32_t base;

	TRY(fe_start(fe, conf));
	/* Past the turn of the wrap counter, and not at a round number. */
	TRY(flows(fe, r, 331));
	TRY(ring_stop(fe, r));
	CHECK(be.stopped[r] == 1 && be.called_back == 1,
		"ring_stopped called %u times, of %u call-backs",
		be.stopped[r], be.called_back);
	TRY(untouched_while_flows(fe, r, other));
	TRY(get_base(fe, r, &base));
	CHECK(base == ring_base(fe, r), "second answer 0x%x instead of 0x%x", base,
		ring_base(fe, r));
	CHECK(be.called_back == 1, "a second call-back for the same stop");
	CHECK(be.destroy_device == 0, "the device was stopped");
	TRY(all_flow(fe));

	TRY(ring_setup(fe, r, 64));
	CHECK(be.started[r] == 0, "ring_started called before ENABLE 1");
	TRY(tell_state(fe, SET_VRING_ENABLE, r, 1, NULL));
	CHECK(be.started[r] == 1 && be.called_back == 2,
		"ring_started called %u times, of %u call-backs",
		be.started[r], be.called_back);
	/* flows() knows the first buffer and all after it. */
	TRY(all_flow(fe));
	TRY(ring_stop(fe, r));
	TRY(ring_start(fe, r, 256));
	TRY(all_flow(fe));
	CHECK(be.stopped[r] == 2 && be.started[r] == 2 && be.called_back == 4 &&
		be.destroy_device == 0 && be.new_device == 1, "second round: %u %u %u %u %u",
		be.stopped[r], be.started[r], be.called_back, be.destroy_device, be.new_device);
	return 0;
}

#define STOP_AND_RESTART(ring, layout) \
static int \
ring_ ## ring ## _stops_and_restarts_ ## layout(struct front_end *fe) \
{ \
	return stop_and_restart(fe, &layout, ring); \
}

STOP_AND_RESTART(0, split)
STOP_AND_RESTART(1, split)
STOP_AND_RESTART(2, split)
STOP_AND_RESTART(3, split)
STOP_AND_RESTART(0, packed)
STOP_AND_RESTART(1, packed)
STOP_AND_RESTART(2, packed)
STOP_AND_RESTART(3, packed)

/*
 * The whole device went, and ring 0 with it. It must have been ring 1 that was stopped: with rings
 * 0 and 1 both ready librte_vhost calls new_device again at once.
 */
static int
device_is_down(struct front_end *fe)
{
	CHECK(be.destroy_device == 1 && be.new_device == 1, "destroy_device called %u times, "
		"new_device %u", be.destroy_device, be.new_device);
	CHECK(be.called_back == 0, "%u call-backs in a stop of the device", be.called_back);
	fe->ring[0].live = false;
	return untouched_while_flows(fe, 0, RINGS);
}

static int
without_attach_the_device_stops(struct front_end *fe)
{
	uint32_t base;

	be.attach = false;
	TRY(fe_start(fe, &(struct config){ .pairs = PAIRS }));
	TRY(ring_disable(fe, 1));
	TRY(get_base(fe, 1, &base));
	return device_is_down(fe);
}

static int
after_detach_the_device_stops(struct front_end *fe)
{
	uint32_t base;

	TRY(fe_start(fe, &split));
	vhost_ring_reset_detach(be.vid);
	CHECK(!vhost_ring_reset_negotiated(be.vid), "negotiated after detach");
	TRY(ring_disable(fe, 1));
	TRY(get_base(fe, 1, &base));
	return device_is_down(fe);
}

static int
without_the_bit_the_device_stops(struct front_end *fe)
{
	uint32_t base;

	TRY(fe_start(fe, &(struct config){ .pairs = PAIRS }));
	CHECK(!vhost_ring_reset_negotiated(be.vid), "negotiated without the bit");
	TRY(ring_disable(fe, 1));
	TRY(get_base(fe, 1, &base));
	return device_is_down(fe);
}

static int
enabled_ring_stops_the_device(struct front_end *fe)
{
	uint32_t base;

	TRY(fe_start(fe, &split));
	TRY(flows(fe, 2, 100));
	TRY(get_base(fe, 2, &base));
	TRY(ring_leave(fe, 2));
	CHECK(be.destroy_device == 1 && be.called_back == 0, "destroy_device called %u times, "
		"call-backs %u", be.destroy_device, be.called_back);
	return untouched_while_flows(fe, 2, RINGS);
}

static int
device_stop_passes_through(struct front_end *fe)
{
	TRY(fe_start(fe, &split));
	TRY(all_flow(fe));
	TRY(ring_stop(fe, 2));
	TRY(fe_stop(fe));
	CHECK(be.destroy_device == 1, "destroy_device called %u times", be.destroy_device);
	CHECK(be.called_back == 1, "%u call-backs", be.called_back);
	/* librte_vhost itself waits for the kick now. */
	TRY(tell_state(fe, SET_VRING_ENABLE, 2, 1, NULL));

	/* "features changed while device is running" is what a swallowed stop would bring. */
	fe->features &= ~F_MRG_RXBUF;
	TRY(fe_run(fe));
	CHECK(be.started[2] == 1 && be.called_back == 2,
		"ring stopped before the device: ring_started called %u times", be.started[2]);
	TRY(all_flow(fe));
	TRY(ring_stop(fe, 2));
	CHECK(be.destroy_device == 1, "the device was stopped by a ring's stop");
	return flows(fe, 0, 1000);
}

static int
without_status_a_ring_and_the_device_stop(struct front_end *fe)
{
	struct config conf = split;

	conf.no_status = true;
	TRY(fe_start(fe, &conf));
	TRY(ring_stop(fe, 2));
	CHECK(be.destroy_device == 0 && be.stopped[2] == 1, "ring not stopped alone");
	TRY(untouched_while_flows(fe, 2, 0));
	TRY(ring_start(fe, 2, 64));
	TRY(all_flow(fe));
	TRY(fe_stop(fe));
	CHECK(be.destroy_device == 1, "destroy_device called %u times", be.destroy_device);
	fe->features &= ~F_MRG_RXBUF;
	TRY(fe_run(fe));
	return all_flow(fe);
}

static int
without_enable_messages_the_device_stops(struct front_end *fe)
{
	uint32_t base;

	TRY(fe_start(fe, &(struct config){ .pairs = 1, .ack_reset = true, .no_enable = true }));
	TRY(flows(fe, 1, 100));
	TRY(get_base(fe, 1, &base));
	return device_is_down(fe);
}

static int
enable_before_kick_is_refused(struct front_end *fe)
{
	uint64_t answer;

	TRY(fe_start(fe, &split));
	TRY(flows(fe, 2, 100));
	TRY(ring_stop(fe, 2));
	TRY(tell_state(fe, SET_VRING_ENABLE, 2, 1, &answer));
	CHECK(answer != 0, "ENABLE 1 of a stopped ring was taken");
	TRY(untouched_while_flows(fe, 2, 0));
	CHECK(be.started[2] == 0, "ring_started called for a refused ENABLE 1");
	TRY(ring_start(fe, 2, 64));
	CHECK(be.started[2] == 1, "ring_started called %u times", be.started[2]);
	return all_flow(fe);
}

static int
enable_toggled_without_a_stop_calls_nobody(struct front_end *fe)
{
	TRY(fe_start(fe, &split));
	TRY(tell_state(fe, SET_VRING_ENABLE, 2, 0, NULL));
	TRY(tell_state(fe, SET_VRING_ENABLE, 2, 1, NULL));
	CHECK(be.called_back == 0, "%u call-backs", be.called_back);
	return all_flow(fe);
}

static int
idle_ring_is_a_success(struct front_end *fe, const struct config *conf)
{
	static const uint16_t idle[] = { 2, 3, 255 };
	struct config one_pair = *conf;
	unsigned int i;
	uint32_t base;

	one_pair.pairs = 1;
	TRY(fe_start(fe, &one_pair));
	for (i = 0; i < RTE_DIM(idle); i++) {
		TRY(get_base(fe, idle[i], &base));
		CHECK(base == (conf->packed ? 0x8000u : 0), "idle ring %u has base 0x%x",
			idle[i], base);
	}
	CHECK(be.called_back == 0 && be.destroy_device == 0, "%u call-backs, %u devices stopped",
		be.called_back, be.destroy_device);
	TRY(all_flow(fe));
	/* It starts like any other. */
	fe->rings = RINGS;
	TRY(ring_start(fe, 2, 64));
	TRY(ring_start(fe, 3, 64));
	be.pairs = PAIRS;
	CHECK(be.called_back == 0, "a call-back for the first start of a ring");
	return all_flow(fe);
}

static int
idle_ring_is_a_success_split(struct front_end *fe)
{
	return idle_ring_is_a_success(fe, &split);
}

static int
idle_ring_is_a_success_packed(struct front_end *fe)
{
	return idle_ring_is_a_success(fe, &packed);
}

static int
index_out_of_range_is_refused(struct front_end *fe)
{
	static const uint32_t bad[] = { 256, UINT32_MAX };
	unsigned int i;
	uint32_t base;

	for (i = 0; i < RTE_DIM(bad); i++) {
		TRY(fe_start(fe, &split));
		CHECK(get_base(fe, bad[i], &base) != 0, "ring %u has a base", bad[i]);
		/* By the back-end: that is how librte_vhost refuses what has an answer. */
		TRY(becomes("closed connections", &be.destroy_connection, i + 1));
		TRY(fe_close(fe));
	}
	CHECK(be.called_back == 0, "%u call-backs", be.called_back);
	TRY(fe_start(fe, &split));
	return all_flow(fe);
}

static int
reset_owner_forgets_the_bit(struct front_end *fe)
{
	struct message msg = { .request = RESET_OWNER };

	TRY(fe_start(fe, &split));
	TRY(ring_stop(fe, 2));
	TRY(tell(fe, &msg, -1, NULL));
	CHECK(!vhost_ring_reset_negotiated(be.vid), "negotiated after RESET_OWNER");
	CHECK(be.destroy_device == 1, "destroy_device called %u times", be.destroy_device);
	return 0;
}

static int
next_connection_starts_afresh(struct front_end *fe)
{
	uint64_t answer;
	int vid;

	TRY(fe_start(fe, &split));
	TRY(ring_stop(fe, 2));
	vid = be.vid;
	TRY(fe_close(fe));
	CHECK(!vhost_ring_reset_negotiated(vid), "negotiated after the connection's end");

	TRY(fe_connect(fe));
	CHECK(be.vid == vid, "vid %d is not used again: %d", vid, be.vid);
	CHECK(!vhost_ring_reset_negotiated(vid), "negotiated by the connection before");
	fe->reply_ack = true;
	TRY(tell_state(fe, SET_VRING_ENABLE, 2, 1, &answer));
	CHECK(answer == 0, "ring stopped by the connection before");
	CHECK(be.called_back == 1, "ring_started for a stop of the connection before");
	return 0;
}

static int
call_backs_may_be_null(struct front_end *fe)
{
	static const struct vhost_ring_reset_notify none;
	const struct vhost_ring_reset_notify *notify[] = { NULL, &none };
	unsigned int i;

	for (i = 0; i < RTE_DIM(notify); i++) {
		be.notify = notify[i];
		TRY(fe_start(fe, &split));
		TRY(ring_stop(fe, 2));
		TRY(untouched_while_flows(fe, 2, 0));
		TRY(ring_start(fe, 2, 64));
		TRY(all_flow(fe));
		TRY(fe_close(fe));
	}
	return 0;
}

/* rte_vhost_driver_unregister() does not call destroy_connection: nothing detaches. */
static int
vid_used_again_without_detach(struct front_end *fe)
{
	int vid;

	TRY(fe_start(fe, &split));
	TRY(ring_stop(fe, 2));
	vid = be.vid;
	CHECK(rte_vhost_driver_unregister(be.path) == 0, "unregister");
	CHECK(be.destroy_connection == 0, "destroy_connection is called after all");
	be.new_connection = 0;
	TRY(fe_close(fe));

	TRY(be_start());
	TRY(fe_connect(fe));
	CHECK(be.vid == vid && be.attach_result == 0, "vid %d after %d, attach: %d", be.vid, vid,
		be.attach_result);
	CHECK(!vhost_ring_reset_negotiated(vid), "negotiated by the connection before");
	TRY(fe_close(fe));
	TRY(fe_start(fe, &split));
	TRY(ring_stop(fe, 2));
	TRY(ring_start(fe, 2, 64));
	return all_flow(fe);
}

static int
wrong_attach_is_refused(struct front_end *fe)
{
	int ret;

	ret = vhost_ring_reset_attach(-1, NULL, NULL);
	CHECK(ret == -EINVAL, "vid -1: %d", ret);
	ret = vhost_ring_reset_attach(RTE_MAX_VHOST_DEVICE, NULL, NULL);
	CHECK(ret == -EINVAL, "vid %d: %d", RTE_MAX_VHOST_DEVICE, ret);
	ret = vhost_ring_reset_attach(RTE_MAX_VHOST_DEVICE - 1, NULL, NULL);
	CHECK(ret == -ENODEV, "vid of no device: %d", ret);
	CHECK(!vhost_ring_reset_negotiated(-1), "vid -1 negotiated");
	CHECK(!vhost_ring_reset_negotiated(RTE_MAX_VHOST_DEVICE), "vid %d negotiated",
		RTE_MAX_VHOST_DEVICE);
	vhost_ring_reset_detach(-1);
	vhost_ring_reset_detach(RTE_MAX_VHOST_DEVICE);

	TRY(fe_start(fe, &split));
	ret = vhost_ring_reset_attach(be.vid, NULL, NULL);
	CHECK(ret == -EBUSY, "a device with rings: %d", ret);
	TRY(ring_stop(fe, 2));
	CHECK(be.stopped[2] == 1, "the refused attach took the call-backs away");
	return 0;
}

static int
toggled_under_load(struct front_end *fe, const struct config *conf)
{
	static const uint16_t sizes[] = { 64, 256, 128 };
	const unsigned int rounds = 300;
	unsigned int i;

	TRY(fe_start(fe, conf));
	for (i = 0; i < rounds; i++) {
		unsigned int r = 1 + i % 3;

		TRY(flows(fe, r, 1 + i % 200));
		TRY(ring_stop(fe, r));
		TRY(flows(fe, 0, 50));
		TRY(ring_start(fe, r, sizes[i % RTE_DIM(sizes)]));
	}
	CHECK(be.called_back == 2 * rounds, "%u call-backs in %u rounds", be.called_back, rounds);
	for (i = 1; i < RINGS; i++)
		CHECK(be.stopped[i] == rounds / 3 && be.started[i] == rounds / 3,
			"ring %u: stopped %u, started %u times", i, be.stopped[i], be.started[i]);
	CHECK(be.destroy_device == 0 && be.new_device == 1, "the device was stopped");
	return all_flow(fe);
}

static int
toggled_under_load_split(struct front_end *fe)
{
	return toggled_under_load(fe, &split);
}

static int
toggled_under_load_packed(struct front_end *fe)
{
	return toggled_under_load(fe, &packed);
}

#define CASE(name) { #name, name }
static const struct {
	const char *name;
	int (*run)(struct front_end *fe);
} cases[] = {
	CASE(bit_offered_only_when_attached),
	CASE(acknowledged_and_traffic_flows),
	CASE(refused_features_are_not_negotiated),
	CASE(ring_0_stops_and_restarts_split),
	CASE(ring_1_stops_and_restarts_split),
	CASE(ring_2_stops_and_restarts_split),
	CASE(ring_3_stops_and_restarts_split),
	CASE(ring_0_stops_and_restarts_packed),
	CASE(ring_1_stops_and_restarts_packed),
	CASE(ring_2_stops_and_restarts_packed),
	CASE(ring_3_stops_and_restarts_packed),
	CASE(without_attach_the_device_stops),
	CASE(after_detach_the_device_stops),
	CASE(without_the_bit_the_device_stops),
	CASE(enabled_ring_stops_the_device),
	CASE(device_stop_passes_through),
	CASE(without_status_a_ring_and_the_device_stop),
	CASE(without_enable_messages_the_device_stops),
	CASE(enable_before_kick_is_refused),
	CASE(enable_toggled_without_a_stop_calls_nobody),
	CASE(idle_ring_is_a_success_split),
	CASE(idle_ring_is_a_success_packed),
	CASE(index_out_of_range_is_refused),
	CASE(reset_owner_forgets_the_bit),
	CASE(next_connection_starts_afresh),
	CASE(vid_used_again_without_detach),
	CASE(call_backs_may_be_null),
	CASE(wrong_attach_is_refused),
	CASE(toggled_under_load_split),
	CASE(toggled_under_load_packed),
};

static const char *watched = "start";

static void
watchdog(int sig __rte_unused)
{
	dprintf(STDOUT_FILENO, "FAILED %s: hangs, a deadlock\n", watched);
	unlink(be.path);
	rmdir(be.dir);
	_exit(1);
}

/* Counters to zero before, the connection gone after: no case sees another one's. */
static int
run_case(struct front_end *fe, int (*run)(struct front_end *fe))
{
	char reason[sizeof(why)];
	unsigned int r;
	int ret;

	for (r = 0; r < RINGS; r++) {
		be.stopped[r] = be.started[r] = 0;
		fe->ring[r] = (struct ring){ .kick = fe->ring[r].kick, .call = fe->ring[r].call };
	}
	be.called_back = be.new_device = be.destroy_device = 0;
	be.new_connection = be.destroy_connection = 0;
	be.attach = true;
	be.notify = &notify_both;

	ret = run(fe);
	if (ret == 0)
		return fe_close(fe);
	/* The first reason is the one to tell, whatever comes of closing. */
	memcpy(reason, why, sizeof(why));
	fe_close(fe);
	memcpy(why, reason, sizeof(why));
	return ret;
}

static int
run_cases(void)
{
	struct front_end fe = { .fd = -1 };
	unsigned int i, r, n_failed = 0;

	for (r = 0; r < RINGS; r++) {
		fe.ring[r].kick = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		fe.ring[r].call = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		if (fe.ring[r].kick < 0 || fe.ring[r].call < 0) {
			perror("eventfd");
			return -1;
		}
	}
	for (i = 0; i < RTE_DIM(cases); i++) {
		watched = cases[i].name;
		alarm(3 * LIMIT_SECONDS);
		if (run_case(&fe, cases[i].run) == 0) {
			printf("ok %s\n", cases[i].name);
		} else {
			printf("FAILED %s: %s\n", cases[i].name, why);
			n_failed++;
		}
		fflush(stdout);
	}
	alarm(0);
	for (r = 0; r < RINGS; r++) {
		close(fe.ring[r].kick);
		close(fe.ring[r].call);
	}
	printf("%u passed, %u failed\n", i - n_failed, n_failed);
	return n_failed == 0 ? 0 : -1;
}

static int
eal_start(const char *program)
{
	char prefix[32], lcores[32];
	char *argv[] = { (char *)(uintptr_t)program, "--no-huge", "-m", "256", "--no-pci",
		"--no-telemetry", "--no-shconf", "--file-prefix", prefix, "--lcores", lcores,
		"--log-level", "lib.vhost*:critical", NULL };
	cpu_set_t cpus;
	int cpu = 0, ret;

	sched_getaffinity(0, sizeof(cpus), &cpus);
	while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET(cpu, &cpus))
		cpu++;
	snprintf(prefix, sizeof(prefix), "vhost_ring_reset_%d", getpid());
	snprintf(lcores, sizeof(lcores), "0@%d", cpu);
	ret = rte_eal_init(RTE_DIM(argv) - 1, argv);
	/* EAL pins this thread, and the data thread would inherit that. */
	sched_setaffinity(0, sizeof(cpus), &cpus);
	return ret;
}

int
main(int argc __rte_unused, char **argv)
{
	char runtime_dir[PATH_MAX];
	pthread_t thread;
	int ret = -1;

	signal(SIGALRM, watchdog);
	if (eal_start(argv[0]) < 0) {
		fprintf(stderr, "EAL does not start: %s\n", rte_strerror(rte_errno));
		return 1;
	}
	snprintf(runtime_dir, sizeof(runtime_dir), "%s", rte_eal_get_runtime_dir());

	strcpy(be.dir, "/tmp/vhost_ring_reset.XXXXXX");
	memory_fd = memfd_create("vhost_ring_reset", MFD_CLOEXEC);
	if (mkdtemp(be.dir) == NULL || memory_fd < 0 || ftruncate(memory_fd, MEMORY_SIZE) != 0) {
		perror("socket folder and shared memory");
		return 1;
	}
	snprintf(be.path, sizeof(be.path), "%s/socket", be.dir);
	memory = mmap(NULL, MEMORY_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, memory_fd, 0);
	be.pool = rte_pktmbuf_pool_create("vhost_ring_reset", 1023, 0, 0,
		RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	be.serving = -1;
	if (memory == MAP_FAILED || be.pool == NULL || be_start() != 0) {
		fprintf(stderr, "no memory, no mbuf pool or no socket: %s\n", why);
	} else if (pthread_create(&thread, NULL, data_thread, NULL) != 0) {
		fprintf(stderr, "no data thread\n");
	} else {
		ret = run_cases();
		be.quit = true;
		pthread_join(thread, NULL);
		rte_vhost_driver_unregister(be.path);
		if (rte_mempool_avail_count(be.pool) != 1023) {
			printf("FAILED mbufs: %u of 1023 are back\n",
				rte_mempool_avail_count(be.pool));
			ret = -1;
		}
	}
	unlink(be.path);
	rmdir(be.dir);
	rte_eal_cleanup();
	rmdir(runtime_dir);
	return ret == 0 ? 0 : 1;
}
