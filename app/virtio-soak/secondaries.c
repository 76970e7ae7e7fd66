/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * virtio-soak-secondaries: the queues of a virtio-user port are polled by a secondary process, and
 * reset by the primary, this one, until the secondary is killed, at whatever it does then.
 *
 * Hugepages are files of a folder that is mounted in a mount namespace of this process and its
 * children, so that no mount is left of it however they end.
 */

#include <errno.h>
#include <ftw.h>
#include <getopt.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <rte_bus_vdev.h>
#include <rte_common.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_log.h>
#include <rte_mbuf.h>
#include <rte_mbuf_pool_ops.h>
#include <rte_memzone.h>
#include <rte_version.h>
#include <rte_vect.h>

#include "child.h"
#include "eal_start.h"
#include "poller.h"
#include "resources.h"
#include "soak_common.h"
#include "soak_random.h"
#include "standard_output.h"

#define SECONDS_MAX 100000u
#define PORT_NAME "net_virtio_user9"
#define SECONDARIES_MAX 4u	/* of a port */
#define RESETS_MAX 20u		/* of a secondary, before it is killed or ended */
#define WARM_UP 4u		/* ports */
#define PACKETS_MIN 64u		/* on each queue, until a secondary counts as at work */
#define RING_SIZE_MAX 512u
#define BUFFERS 4095u
#define FRAME_MAX_MERGED 4000u
#define FRAME_MAX_WHOLE 1514u
#define FRAME_MAX_SHORT 128u	/* so that a process spends most of its time in bursts */
#define ROOM_TX (RTE_PKTMBUF_HEADROOM + 4096u)
#define ROOM_MERGED (RTE_PKTMBUF_HEADROOM + 1024u)
#define ROOM_WHOLE (RTE_PKTMBUF_HEADROOM + 1664u)
#define SEGMENTS_MAX 5u		/* of a received frame */
/* Buffers with a killed process: a burst, or frames for each queue, and what the driver moves. */
#define DRIVER_MOVES 64u
#define RX_LOST_MAX (POLLER_BURST * SEGMENTS_MAX + DRIVER_MOVES)
#define TX_LOST_MAX (POLLER_BURST * POLLER_QUEUES + DRIVER_MOVES)
#define MEMORY (UINT64_C(96) << 20)

/* A process that dies in an enqueue or a dequeue leaves the default kind of pool locked. */
#define POOL_OPS "lf_stack"

struct run {
	const char *backend_program;
	uint64_t seed;
	uint32_t seconds;
	bool verbose;

	char folder[64], huge_folder[80], socket[96];
	struct child backend, secondary;
	const struct rte_memzone *zone;
	struct poller *poller;		/* in the zone */

	/* Of this port. How many resets there are depends on time, so these have another stream. */
	struct random random, resets_random;
	struct rte_mempool *rx_pool, *tx_pool;
	uint32_t rx_missing, tx_missing;	/* with processes that were killed before */
	char devargs[256];
	uint16_t port, simd_bits;
	bool packed;

	uint32_t ports, killed, killed_in_burst, ended;
	uint64_t resets, lost;
	uint32_t lost_at_most;		/* with one process */
	struct resources warm, top;
	char failure[512];		/* empty: none */
};

static volatile sig_atomic_t interrupted;

static void
on_signal(int signal __rte_unused)
{
	interrupted = 1;
}

static int __rte_format_printf(2, 3)
fail(struct run *run, const char *format, ...)
{
	va_list list;

	/* The first one is the cause. */
	if (run->failure[0] == '\0') {
		va_start(list, format);
		vsnprintf(run->failure, sizeof(run->failure), format, list);
		va_end(list);
	}
	return -1;
}

/* ---- the port -------------------------------------------------------------------------------- */

static uint16_t
random_size(struct run *run)
{
	return soak_ring_size(&run->resets_random, RING_SIZE_MAX, run->packed);
}

static int
setup_queue(struct run *run, uint16_t q, bool rx, bool tx)
{
	int ret = 0;

	if (rx)
		ret = rte_eth_rx_queue_setup(run->port, q, random_size(run), SOCKET_ID_ANY, NULL,
			run->rx_pool);
	if (ret == 0 && tx)
		ret = rte_eth_tx_queue_setup(run->port, q, random_size(run), SOCKET_ID_ANY, NULL);
	return ret == 0 ? 0 : fail(run, "queue %u cannot be set up: %s", q, strerror(-ret));
}

static int
start_port(struct run *run, bool mergeable)
{
	struct rte_eth_conf conf = { 0 };
	int ret;
	uint16_t q;

	conf.rxmode.offloads = mergeable ? RTE_ETH_RX_OFFLOAD_SCATTER : 0;
	conf.rxmode.mtu = (mergeable ? FRAME_MAX_MERGED : FRAME_MAX_WHOLE) - RTE_ETHER_HDR_LEN;
	ret = rte_eth_dev_configure(run->port, POLLER_QUEUES, POLLER_QUEUES, &conf);
	if (ret != 0)
		return fail(run, "the port cannot be configured: %s", strerror(-ret));
	for (q = 0; q < POLLER_QUEUES; q++)
		if (setup_queue(run, q, true, true) != 0)
			return -1;
	ret = rte_eth_dev_start(run->port);
	return ret == 0 ? 0 : fail(run, "the port does not start: %s", strerror(-ret));
}

static void
plan_port(struct run *run)
{
	struct random *random = &run->random;
	uint16_t bits[3];

	random->state = run->seed + (uint64_t)run->ports * 1000003;
	run->resets_random.state = random_next(random);
	run->simd_bits = bits[random_below(random, soak_simd_widths(bits))];
	run->packed = random_one_in(random, 2);
	run->rx_missing = run->tx_missing = 0;
}

static int
open_port(struct run *run)
{
	struct random *random = &run->random;
	const bool mergeable = random_one_in(random, 2);
	const struct child_conf backend = {
		.program = run->backend_program, .path = run->socket, .queues = POLLER_QUEUES,
	};
	int ret;

	run->poller->len_max = random_one_in(random, 2) ? FRAME_MAX_SHORT :
		mergeable ? FRAME_MAX_MERGED : FRAME_MAX_WHOLE;
	snprintf(run->devargs, sizeof(run->devargs), "path=%s,queues=%u,queue_size=%u,"
		"queue_reset=%s,queue_reset_timeout_ms=60000,packed_vq=%d,in_order=%d,"
		"mrg_rxbuf=%d", run->socket, POLLER_QUEUES, RING_SIZE_MAX,
		random_one_in(random, 2) ? "disable" : "get_base", run->packed,
		random_one_in(random, 2), mergeable);
	rte_vect_set_max_simd_bitwidth(run->simd_bits);
	if (child_start(&run->backend, &backend) != 0)
		return fail(run, "the back-end cannot be started");
	run->rx_pool = rte_pktmbuf_pool_create_by_ops("rx", BUFFERS, 0, 0,
		mergeable ? ROOM_MERGED : ROOM_WHOLE, SOCKET_ID_ANY, POOL_OPS);
	run->tx_pool = rte_pktmbuf_pool_create_by_ops("tx", BUFFERS, 0, 0, ROOM_TX, SOCKET_ID_ANY,
		POOL_OPS);
	if (run->rx_pool == NULL || run->tx_pool == NULL)
		return fail(run, "the pools cannot be made: %s", rte_strerror(rte_errno));
	ret = rte_vdev_init(PORT_NAME, run->devargs);
	if (ret == 0)
		ret = rte_eth_dev_get_port_by_name(PORT_NAME, &run->port);
	if (ret != 0)
		return fail(run, "the port cannot be made: %s", strerror(-ret));
	run->poller->port = run->port;
	run->poller->pool = run->tx_pool;
	return start_port(run, mergeable);
}

static int
close_port(struct run *run)
{
	uint16_t port;

	if (rte_eth_dev_get_port_by_name(PORT_NAME, &port) == 0) {
		rte_eth_dev_stop(port);
		if (rte_vdev_uninit(PORT_NAME) != 0)
			fail(run, "the port cannot be closed");
	}
	rte_mempool_free(run->rx_pool);
	rte_mempool_free(run->tx_pool);
	run->rx_pool = run->tx_pool = NULL;
	if (child_end(&run->backend) != 0)
		fail(run, "the back-end did not get its own buffers back");
	unlink(run->socket);
	return run->failure[0] == '\0' ? 0 : -1;
}

/* Stops and starts rings of a queue, each of which gets another size. */
static int
reset_queue(struct run *run, uint16_t q, bool rx, bool tx)
{
	int ret = 0;

	if (tx)
		ret = rte_eth_dev_tx_queue_stop(run->port, q);
	if (ret == 0 && rx)
		ret = rte_eth_dev_rx_queue_stop(run->port, q);
	if (ret != 0)
		return fail(run, "queue %u does not stop: %s", q, strerror(-ret));
	if (setup_queue(run, q, rx, tx) != 0)
		return -1;
	if (rx)
		ret = rte_eth_dev_rx_queue_start(run->port, q);
	if (ret == 0 && tx)
		ret = rte_eth_dev_tx_queue_start(run->port, q);
	if (ret != 0)
		return fail(run, "queue %u does not start: %s", q, strerror(-ret));
	run->resets += rx + tx;
	return 0;
}

static int
reset_any(struct run *run)
{
	const uint32_t rings = 1 + random_below(&run->resets_random, 3);

	return reset_queue(run, random_below(&run->resets_random, POLLER_QUEUES), rings & 1,
		rings & 2);
}

/* ---- buffers --------------------------------------------------------------------------------- */

static int
compare_addresses(const void *a, const void *b)
{
	const uintptr_t x = *(const uintptr_t *)a, y = *(const uintptr_t *)b;

	return x < y ? -1 : x > y;
}

/*
 * Takes all buffers out of the pool and puts them back. No queue holds any, and no process is at
 * work.
 *
 * missing: before the call, how many buffers were lost with earlier processes; after it, how many
 * are missing now. more: by how many the number may have grown.
 */
static int
check_pool(struct run *run, struct rte_mempool *pool, uint32_t *missing, uint32_t more)
{
	const uint32_t before = *missing;
	static void *buffers[BUFFERS];
	const struct rte_mbuf *mbuf;
	uint32_t n = 0, i;

	while (n < BUFFERS && rte_mempool_get(pool, &buffers[n]) == 0)
		n++;
	*missing = BUFFERS - n;
	if (*missing < before)
		return fail(run, "pool %s: %u buffers are back that were lost with processes",
			pool->name, before - *missing);
	if (*missing > before + more)
		return fail(run, "pool %s: %u buffers are missing after the end of the secondary "
			"process, which may be %u", pool->name, *missing - before, more);
	qsort(buffers, n, sizeof(buffers[0]), compare_addresses);
	for (i = 0; i < n; i++) {
		mbuf = buffers[i];
		if (i != 0 && buffers[i] == buffers[i - 1])
			return fail(run, "pool %s: a buffer is there twice", pool->name);
		if (mbuf->pool != pool || rte_mbuf_refcnt_read(mbuf) != 1 || mbuf->next != NULL ||
				mbuf->nb_segs != 1)
			return fail(run, "pool %s: a buffer was not reset when it was freed",
				pool->name);
	}
	if (n != 0)
		rte_mempool_put_bulk(pool, buffers, n);
	run->lost += *missing - before;
	return 0;
}

/* The secondary is gone: all queues are stopped, buffers are counted, all are started again. */
static int
account(struct run *run, bool was_killed)
{
	const uint64_t lost_before = run->lost;
	uint16_t q;
	int ret;

	for (q = 0; q < POLLER_QUEUES; q++) {
		ret = rte_eth_dev_tx_queue_stop(run->port, q);
		if (ret == 0)
			ret = rte_eth_dev_rx_queue_stop(run->port, q);
		if (ret != 0)
			return fail(run, "queue %u does not stop after its process has ended: %s",
				q, strerror(-ret));
	}
	if (check_pool(run, run->rx_pool, &run->rx_missing, was_killed ? RX_LOST_MAX : 0) != 0 ||
			check_pool(run, run->tx_pool, &run->tx_missing,
				was_killed ? TX_LOST_MAX : 0) != 0)
		return -1;
	run->lost_at_most = RTE_MAX(run->lost_at_most, (uint32_t)(run->lost - lost_before));
	for (q = 0; q < POLLER_QUEUES; q++)
		if (reset_queue(run, q, true, true) != 0)
			return -1;
	return 0;
}

/* ---- a secondary ----------------------------------------------------------------------------- */

/* Packets come back on all queues: from now on. */
static int
wait_until_at_work(struct run *run)
{
	const uint64_t end = soak_now_ms() + PATIENCE_MS;
	uint64_t wanted[POLLER_QUEUES];
	uint16_t q;

	for (q = 0; q < POLLER_QUEUES; q++)
		wanted[q] = counter_get(&run->poller->received[q]) + PACKETS_MIN;
	for (q = 0; q < POLLER_QUEUES; q++) {
		while (counter_get(&run->poller->received[q]) < wanted[q]) {
			if (!child_lives(&run->secondary))
				return fail(run, "the secondary process has ended by itself");
			if (soak_now_ms() > end)
				return fail(run, "queue %u: no packets come back", q);
			soak_rest();
		}
	}
	return 0;
}

static int
start_secondary(struct run *run)
{
	char prefix[64], bits[8];
	const char *argv[] = { "/proc/self/exe", "--poll", prefix, bits, NULL };
	struct poller *poller = run->poller;
	uint16_t q;

	poller->generation++;
	for (q = 0; q < POLLER_QUEUES; q++)
		counter_set(&poller->received[q], 0);
	counter_set(&poller->in_burst, 0);
	eal_file_prefix(prefix, sizeof(prefix));
	snprintf(bits, sizeof(bits), "%u", run->simd_bits);
	if (child_execute(&run->secondary, "the secondary process", argv, "polling ") != 0)
		return fail(run, "the secondary process cannot be started");
	return wait_until_at_work(run);
}

static int
check_frames(struct run *run)
{
	const struct {
		const counter_t *counter;
		const char *what;
	} wrong[] = {
		{ &run->poller->corrupt, "were not sent so" },
		{ &run->poller->duplicated, "came twice" },
		{ &run->poller->reordered, "came out of order" },
	};
	unsigned int i;

	for (i = 0; i < RTE_DIM(wrong); i++)
		if (counter_get(wrong[i].counter) != 0)
			return fail(run, "%" PRIu64 " packets %s", counter_get(wrong[i].counter),
				wrong[i].what);
	return 0;
}

static int
reset_until_killed(struct run *run)
{
	const uint64_t end = soak_now_ms() + PATIENCE_MS;

	child_schedule(&run->secondary, CHILD_KILL, random_below(&run->random, KILL_WITHIN_US), 0);
	while (!atomic_load_explicit(&run->secondary.gone, memory_order_acquire)) {
		if (soak_now_ms() > end)
			return fail(run, "the secondary process has not been killed");
		if (reset_any(run) != 0)
			return -1;
	}
	if (child_reap(&run->secondary) != 0)
		return fail(run, "the secondary process has ended by itself");
	run->killed++;
	run->killed_in_burst += counter_get(&run->poller->in_burst) != 0;
	return 0;
}

static int
run_secondary(struct run *run)
{
	const bool is_killed = !random_one_in(&run->random, 4);
	uint32_t n = random_below(&run->random, RESETS_MAX);
	int ret = start_secondary(run);

	while (ret == 0 && n-- != 0)
		ret = reset_any(run);
	if (ret == 0)
		ret = wait_until_at_work(run);
	if (ret == 0 && is_killed) {
		ret = reset_until_killed(run);
	} else if (ret == 0) {
		if (child_end(&run->secondary) != 0)
			return fail(run, "the secondary process has failed");
		run->ended++;
	}
	if (ret == 0)
		ret = check_frames(run);
	return ret == 0 ? account(run, is_killed) : ret;
}

static int
run_port(struct run *run)
{
	uint32_t n;
	int ret;

	run->ports++;
	plan_port(run);
	n = 1 + random_below(&run->random, SECONDARIES_MAX);
	ret = open_port(run);
	while (ret == 0 && n-- != 0 && !interrupted)
		ret = run_secondary(run);
	if (child_end(&run->secondary) != 0)
		fail(run, "the secondary process has failed");
	return close_port(run);
}

/* ---- the program ----------------------------------------------------------------------------- */

static int
skip(const char *what, int error)
{
	printf("skipped secondaries: %s: %s\n", what, strerror(error));
	return 1;
}

static int
not_tried(const char *what, int error)
{
	fprintf(stderr, "%s: %s\n", what, strerror(error));
	return -1;
}

/* Before any thread. @return 0; 1 where this process may not; -1 after a message. */
static int
make_folders(struct run *run)
{
	snprintf(run->folder, sizeof(run->folder), "/tmp/virtio-soak-XXXXXX");
	if (mkdtemp(run->folder) == NULL) {
		run->folder[0] = '\0';
		return not_tried("no folder can be made in /tmp", errno);
	}
	snprintf(run->socket, sizeof(run->socket), "%s/backend.sock", run->folder);
	snprintf(run->huge_folder, sizeof(run->huge_folder), "%s/hugepages", run->folder);
	if (mkdir(run->huge_folder, 0700) != 0)
		return not_tried(run->huge_folder, errno);
	/* Of EAL and its secondary processes. */
	if (setenv("RUNTIME_DIRECTORY", run->folder, 1) != 0)
		return not_tried("the environment cannot be changed", errno);
	if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		return skip("no mount namespace, which takes root", errno);
	if (mount("none", run->huge_folder, "hugetlbfs", 0, NULL) != 0)
		return skip("no folder of hugepages can be mounted", errno);
	return 0;
}

static int
remove_one(const char *path, const struct stat *status __rte_unused, int type __rte_unused,
		struct FTW *place __rte_unused)
{
	return remove(path);
}

static void
remove_folders(struct run *run)
{
	if (run->folder[0] == '\0')
		return;
	umount2(run->huge_folder, MNT_DETACH);
	nftw(run->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* What a process that is killed needs so that others can go on. */
static int
look_for_features(void)
{
	struct rte_mempool *pool;
	int fd = -1;

#ifdef SYS_pidfd_open
	fd = syscall(SYS_pidfd_open, getpid(), 0);
#else
	errno = ENOSYS;
#endif
	if (fd < 0)
		return skip("no pidfd_open(2)", errno);
	close(fd);
	pool = rte_pktmbuf_pool_create_by_ops("try", 1, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
		SOCKET_ID_ANY, POOL_OPS);
	if (pool == NULL)
		return skip("no pool of the kind " POOL_OPS, rte_errno);
	rte_mempool_free(pool);
	return 0;
}

/* @return 0; 1 where something that it takes is missing; negative after a message. */
static int
start(struct run *run)
{
	const struct eal_request request = {
		.memory = MEMORY, .alone = true, .grows = true, .huge_folder = run->huge_folder,
		.verbose = run->verbose,
	};
	struct eal_result result;
	int ret = eal_start(&request, &result);

	if (ret != 0)
		return ret;
	/* It warns of each process that was killed in a burst. */
	if (!run->verbose)
		rte_log_set_level_pattern("pmd.net.virtio.*", RTE_LOG_ERR);
	ret = result.hugepages ? look_for_features() : skip("not enough free hugepages", ENOMEM);
	if (ret == 0) {
		run->zone = rte_memzone_reserve(POLLER_ZONE, sizeof(*run->poller), SOCKET_ID_ANY,
			0);
		if (run->zone == NULL)
			ret = not_tried("no memory for what the processes share", rte_errno);
	}
	if (ret != 0) {
		eal_stop();
		return ret;
	}
	run->poller = run->zone->addr;
	memset(run->poller, 0, sizeof(*run->poller));
	printf("secondary processes: %u seconds, seed %" PRIu64 "\n", run->seconds, run->seed);
	return 0;
}

static int
note_resources(struct run *run)
{
	const struct resource_rule *grown;
	struct resources now;

	if (resources_read(&now) != 0)
		return fail(run, "the number of open file descriptors is not constant");
	if (run->ports <= WARM_UP) {
		resources_max(&run->warm, &now);
		return 0;
	}
	resources_max(&run->top, &now);
	grown = resources_grown(&run->warm, &run->top);
	return grown == NULL ? 0 : fail(run, "%s: %" PRIu64 " after %u ports, %" PRIu64 " later",
		grown->name, resources_value(&run->warm, grown), WARM_UP,
		resources_value(&run->top, grown));
}

static const char *
verdict(const struct run *run)
{
	if (run->failure[0] != '\0')
		return "FAILED";
	return interrupted ? "INCOMPLETE" : "PASSED";
}

static void
print_result(const struct run *run)
{
	if (run->failure[0] != '\0') {
		printf("FAILED secondaries: port %u of seed %" PRIu64 " (%u bits, %s): %s\n",
			run->ports, run->seed, run->simd_bits, run->devargs, run->failure);
	} else {
		if (run->resets != 0)
			printf("ok secondaries: queues carry packets after their resets\n");
		if (run->killed != 0)
			printf("ok secondaries: a killed process loses what it had in hand\n");
		if (run->ended != 0)
			printf("ok secondaries: a process that ends loses no buffer\n");
		if (run->ports > WARM_UP)
			printf("ok secondaries: memory, descriptors and threads have not grown\n");
		else
			printf("skipped secondaries: growth: no port after the warm-up\n");
	}
	printf("%s: secondary processes: %u killed, %u of them in a burst, and %u ended; %" PRIu64
		" queue resets on %u ports; %" PRIu64 " buffers lost, %u with one process at "
		"most; seed %" PRIu64 "\n", verdict(run), run->killed, run->killed_in_burst,
		run->ended, run->resets, run->ports, run->lost, run->lost_at_most, run->seed);
}

static int
run_all(struct run *run)
{
	uint64_t end;
	int ret;

	ret = make_folders(run);
	/* Children run on the cores that this process may run on, before EAL chooses one. */
	if (ret == 0) {
		ret = child_init();
		if (ret != 0)
			not_tried("no thread can be started", -ret);
	}
	if (ret == 0)
		ret = start(run);
	if (ret != 0)
		return ret > 0 ? EXIT_SUCCESS : SOAK_NOT_TRIED;
	end = soak_now_ms() + run->seconds * UINT64_C(1000);
	while (soak_now_ms() < end && !interrupted && run_port(run) == 0 &&
			note_resources(run) == 0)
		;
	rte_memzone_free(run->zone);
	eal_stop();
	print_result(run);
	if (run->failure[0] != '\0')
		return EXIT_FAILURE;
	return interrupted ? SOAK_INCOMPLETE : EXIT_SUCCESS;
}

static const char help_text[] =
"virtio-soak-secondaries: resets queues of a virtio-user port that a secondary process polls, and\n"
"kills that process meanwhile, again and again, on random paths of the driver; shows that no\n"
"buffer is given back twice, that none is lost but what a killed process had in hand, and\n"
"that nothing grows.\n"
"\n"
"Usage: virtio-soak-secondaries --seconds N --backend PROGRAM [--seed N] [--verbose]\n"
"\n"
"  --seconds N        how long\n"
"  --backend PROGRAM  virtio-loopback, which serves as the back-end in processes of its own\n"
"  --seed N           repeats the ports of another run (default: of the time; it is printed)\n"
"  --verbose          what the driver says, and EAL, in the primary process\n"
"  -h, --help         this text\n"
"  --version          the versions of this program and of DPDK\n"
"\n"
"It takes root, hugepages, pidfd_open(2) and DPDK's " POOL_OPS ", and is skipped without one.\n"
"\n"
"Exit status: 0 if all was right, or it was skipped; 1 if not; 2 if nothing was tried, as options\n"
"are wrong or EAL does not start; 3 if a signal ended the run and nothing was wrong until then.\n";

static const struct option long_options[] = {
	{ "seconds", required_argument, NULL, 's' },
	{ "backend", required_argument, NULL, 'b' },
	{ "seed", required_argument, NULL, 'r' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

/* @return 0: go on; 1: help or the version was printed; -EINVAL after a message. */
static int
parse_option(struct run *run, int option)
{
	uint64_t seconds = 0;
	int ret;

	switch (option) {
	case 's':
		ret = soak_parse_number("seconds", optarg, 1, SECONDS_MAX, &seconds);
		run->seconds = seconds;
		return ret;
	case 'b':
		run->backend_program = optarg;
		if (access(optarg, X_OK) == 0)
			return 0;
		fprintf(stderr, "--backend %s: no program there; it is virtio-loopback\n", optarg);
		return -EINVAL;
	case 'r':
		return soak_parse_number("seed", optarg, 0, UINT64_MAX, &run->seed);
	case 'v':
		run->verbose = true;
		return 0;
	case 'h':
		fputs(help_text, stdout);
		return 1;
	case 'V':
		printf("virtio-soak-secondaries %s, %s\n", PROJECT_VERSION, rte_version());
		return 1;
	default:
		/* getopt has said what is wrong. */
		fprintf(stderr, "virtio-soak-secondaries --help lists the options\n");
		return -EINVAL;
	}
}

static int
parse_options(struct run *run, int argc, char **argv)
{
	int option, ret;

	while ((option = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		ret = parse_option(run, option);
		if (ret != 0)
			return ret;
	}
	if (optind < argc) {
		fprintf(stderr, "%s: not an option; virtio-soak-secondaries --help lists them\n",
			argv[optind]);
		return -EINVAL;
	}
	if (run->seconds == 0 || run->backend_program == NULL) {
		fprintf(stderr, "--seconds N and --backend PROGRAM are needed; "
			"virtio-soak-secondaries --help says for what\n");
		return -EINVAL;
	}
	return 0;
}

int
main(int argc, char **argv)
{
	const struct sigaction action = { .sa_handler = on_signal };
	static struct run run;
	int ret;

	/* As secondary process, which the primary one starts. */
	if (argc == 4 && strcmp(argv[1], "--poll") == 0)
		return poller_run(argv[2], argv[3]);
	standard_output_prepare();
	run.seed = time(NULL);
	ret = parse_options(&run, argc, argv);
	if (ret != 0)
		return ret < 0 ? SOAK_NOT_TRIED :
			standard_output_check("virtio-soak-secondaries") == 0 ? EXIT_SUCCESS :
			EXIT_FAILURE;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	ret = run_all(&run);
	child_exit();
	remove_folders(&run);
	if (standard_output_check("virtio-soak-secondaries") != 0)
		return EXIT_FAILURE;
	return ret;
}
