/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * rte_eth_dev_priv_dump() and telemetry show ports on devices of the kernel: the device file, the
 * interface, the method that stops single queues with its reason, and the state of each queue.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <rte_bus_vdev.h>
#include <rte_ethdev.h>
#include <rte_log.h>
#include <rte_os.h>
#include <rte_mempool.h>
#include <rte_version.h>

#include "../vhost_vdpa/fake_vhost_vdpa.h"
#include "fake_vhost_kernel.h"
#include "test.h"

#define NAME    "net_virtio_user8"
#define SIZE    64
#define BUFFERS 300

/*
 * EAL calls it for --telemetry. No installed header has it. The first and the third pointer stay in
 * use. Since 23.11 it has no use for the last two arguments.
 */
int rte_telemetry_init(const char *runtime_dir, const char *rte_version, rte_cpuset_t *cpuset,
		       int (*log)(uint32_t level, uint32_t type, const char *format, ...),
		       uint32_t type);

static struct fake_vhost_kernel vk;
static struct fake_vhost_vdpa vdpa;
static struct rte_mempool *pool;
static char folder[64];
static char *text; /* of the last dump */
static char answer[16384];
static uint16_t port;

/* ---- what is asked ------------------------------------------------------------------------ */

static void
start_telemetry(void)
{
	static rte_cpuset_t set;

	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	snprintf(folder, sizeof(folder), "%s", test_path("telemetry"));
	CHECK_EQ(mkdir(folder, 0700), 0);
	CHECK_EQ(rte_telemetry_init(folder, rte_version(), &set, rte_log, RTE_LOGTYPE_USER1), 0);
}

/* The answer is in `answer`. */
static void
ask(const char *command, const char *params)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	char request[64];
	ssize_t n;

	CHECK(fd >= 0);
	snprintf(to.sun_path, sizeof(to.sun_path), "%s/dpdk_telemetry.v2", folder);
	CHECK_EQ(connect(fd, (const struct sockaddr *)&to, sizeof(to)), 0);
	/* The version and limits of telemetry come first. */
	CHECK(read(fd, answer, sizeof(answer)) > 0);
	snprintf(request, sizeof(request), "%s,%s", command, params);
	CHECK_EQ(write(fd, request, strlen(request)), strlen(request));
	n = read(fd, answer, sizeof(answer) - 1);
	CHECK(n > 0);
	answer[n] = '\0';
	close(fd);
}

static void
ask_of_port(const char *command)
{
	char params[8];

	snprintf(params, sizeof(params), "%u", port);
	ask(command, params);
}

static void
dump(void)
{
	size_t len;
	FILE *file;

	free(text);
	file = open_memstream(&text, &len);
	CHECK(file != NULL);
	CHECK_EQ(rte_eth_dev_priv_dump(port, file), 0);
	CHECK_EQ(fclose(file), 0);
}

static void
check_shown(const char *shown, const char *part)
{
	if (strstr(shown, part) == NULL)
		test_fail(__FILE__, __LINE__, "no \"%s\" in\n%s", part, shown);
}

/* ---- ports -------------------------------------------------------------------------------- */

static void
up(const char *args, uint16_t pairs)
{
	const struct rte_eth_conf conf = { 0 };
	uint16_t q;

	CHECK_EQ(rte_vdev_init(NAME, args), 0);
	CHECK_EQ(rte_eth_dev_get_port_by_name(NAME, &port), 0);
	pool = rte_pktmbuf_pool_create("buffers", BUFFERS, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
				       SOCKET_ID_ANY);
	CHECK(pool != NULL);
	CHECK_EQ(rte_eth_dev_configure(port, pairs, pairs, &conf), 0);
	for (q = 0; q < pairs; q++) {
		CHECK_EQ(rte_eth_rx_queue_setup(port, q, SIZE, SOCKET_ID_ANY, NULL, pool), 0);
		CHECK_EQ(rte_eth_tx_queue_setup(port, q, SIZE, SOCKET_ID_ANY, NULL), 0);
	}
	CHECK_EQ(rte_eth_dev_start(port), 0);
}

static void
down(void)
{
	CHECK_EQ(rte_vdev_uninit(NAME), 0);
	CHECK_EQ(rte_mempool_in_use_count(pool), 0);
	rte_mempool_free(pool);
	free(text);
	text = NULL;
}

static void
vhost_net(void)
{
	char pair[16];

	fake_vk_begin(&vk);
	up("path=/dev/vhost-net,queues=2,steering=ebpf", 2);
	dump();
	/* The name of the interface is the kernel's choice. */
	check_shown(text, "device: " NAME ", vhost-kernel on /dev/vhost-net, interface tap7\n");
	check_shown(text, "connected: yes\n");
	check_shown(text, "device status: 0x0f\n");
	check_shown(text, "stop of single queues: backend, the back-end is in the kernel\n");
	check_shown(text, " RSS");
	check_shown(text, "port: started, 2 of at most 2 queue pairs\n");
	check_shown(text, "rx queue 1: live, split ring, 64 descriptors, 0 free, 0 used, pool ");
	ask("/virtio/list", "");
	snprintf(pair, sizeof(pair), "[%u]", port);
	check_shown(answer, pair);
	ask_of_port("/virtio/info");
	check_shown(answer, "\"path\":\"/dev/vhost-net\"");
	check_shown(answer, "\"interface\":\"tap7\"");
	check_shown(answer, "\"connected\":\"yes\"");
	check_shown(answer, "\"stop_method\":\"backend\"");
	check_shown(answer, "\"stop_reason\":\"the back-end is in the kernel\"");
	check_shown(answer, "\"pairs\":2");
	check_shown(answer, "\"RSS\"");
	CHECK(strstr(answer, "\"role\"") == NULL);

	CHECK_EQ(rte_eth_dev_rx_queue_stop(port, 1), 0);
	dump();
	check_shown(text, "rx queue 1: ready, split ring, 64 descriptors, 64 free");
	check_shown(text, "1 resets");
	snprintf(pair, sizeof(pair), "%u,1", port);
	ask("/virtio/queue", pair);
	check_shown(answer, "\"rx\":{\"state\":\"ready\",\"layout\":\"split\",\"ring_size\":64,"
		    "\"free\":64");
	check_shown(answer, "\"tx\":{\"state\":\"live\"");
	check_shown(answer, "\"method\":\"backend\"");
	ask_of_port("/virtio/resets");
	check_shown(answer, "\"rx0\":{\"resets\":0");
	check_shown(answer, "\"rx1\":{\"resets\":1");

	vk.deleted = true;
	dump();
	check_shown(text, "interface tap7\nconnected: no\n");
	ask_of_port("/virtio/info");
	check_shown(answer, "\"connected\":\"no\"");
	down();
	fake_vk_end();
}

static void
vhost_vdpa(void)
{
	fake_vdpa_begin(&vdpa);
	vdpa.nb_rings = 2;
	up("path=" FAKE_VDPA_PATH, 1);
	dump();
	check_shown(text, "device: " NAME ", vhost-vdpa on " FAKE_VDPA_PATH "\nconnected: yes\n");
	check_shown(text, "stop of single queues: suspend, the device has SUSPEND and RESUME\n");
	check_shown(text, "rx queue 0: live, split ring, 64 descriptors, 0 free");
	ask_of_port("/virtio/info");
	check_shown(answer, "\"path\":\"" FAKE_VDPA_PATH "\"");
	check_shown(answer, "\"stop_method\":\"suspend\"");
	CHECK(strstr(answer, "\"interface\"") == NULL);
	CHECK(strstr(answer, "\"role\"") == NULL);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(port, 0), 0);
	dump();
	check_shown(text, "rx queue 0: ready, split ring, 64 descriptors, 64 free");
	ask_of_port("/virtio/resets");
	check_shown(answer, "\"rx0\":{\"resets\":1");
	down();
	fake_vdpa_end();
}

/* The reason names what is missing. */
static void
vhost_vdpa_without_a_method(void)
{
	fake_vdpa_begin(&vdpa);
	vdpa.nb_rings = 2;
	vdpa.backend_features &= ~UINT64_C(0x20);
	up("path=" FAKE_VDPA_PATH, 1);
	dump();
	check_shown(text, "stop of single queues: none, the device has SUSPEND and no RESUME\n");
	ask_of_port("/virtio/info");
	check_shown(answer, "\"stop_method\":\"none\"");
	check_shown(answer, "\"stop_reason\":\"the device has SUSPEND and no RESUME\"");
	down();
	fake_vdpa_end();
}

TEST_MAIN(
	TEST_WARM_UP(start_telemetry),
	TEST_WARM_UP(vhost_net),
	TEST(vhost_net),
	TEST(vhost_vdpa),
	TEST(vhost_vdpa_without_a_method),
)
