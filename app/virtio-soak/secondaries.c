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
#include <unistd.h>

#include <rte_common.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <rte_mbuf.h>
#include <rte_mbuf_pool_ops.h>
#include <rte_memzone.h>

#include "eal_start.h"
#include "secondaries.h"
#include "soak_common.h"
#include "standard_output.h"

#define SECONDARIES_MAX 4u	/* of a port */
#define RESETS_MAX 20u		/* of a secondary, before it is killed or ended */
#define WARM_UP 4u		/* ports */
#define PACKETS_MIN 64u		/* on each queue, until a secondary counts as at work */
#define MEMORY (UINT64_C(96) << 20)

static volatile sig_atomic_t interrupted;

static void
on_signal(int signal __rte_unused)
{
	interrupted = 1;
}

int
run_fail(struct run *run, const char *format, ...)
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
				return run_fail(run, "the secondary process has ended by itself");
			if (soak_now_ms() > end)
				return run_fail(run, "queue %u: no packets come back", q);
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
	if (child_execute(&run->secondary, "the secondary process", argv, "polling ",
			false) != 0)
		return run_fail(run, "the secondary process cannot be started");
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
			return run_fail(run, "%" PRIu64 " packets %s",
				counter_get(wrong[i].counter), wrong[i].what);
	return 0;
}

static int
reset_until_killed(struct run *run)
{
	const uint64_t end = soak_now_ms() + PATIENCE_MS;

	child_schedule(&run->secondary, CHILD_KILL, random_below(&run->random, KILL_WITHIN_US), 0);
	while (!atomic_load_explicit(&run->secondary.gone, memory_order_acquire)) {
		if (soak_now_ms() > end)
			return run_fail(run, "the secondary process has not been killed");
		if (run_reset_any(run) != 0)
			return -1;
	}
	if (child_reap(&run->secondary) != 0)
		return run_fail(run, "the secondary process has ended by itself");
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
		ret = run_reset_any(run);
	if (ret == 0)
		ret = wait_until_at_work(run);
	if (ret == 0 && is_killed) {
		ret = reset_until_killed(run);
	} else if (ret == 0) {
		if (child_end(&run->secondary) != 0)
			return run_fail(run, "the secondary process has failed");
		run->ended++;
	}
	if (ret == 0)
		ret = check_frames(run);
	return ret == 0 ? run_account(run, is_killed) : ret;
}

static int
run_port(struct run *run)
{
	uint32_t n;
	int ret;

	run->ports++;
	run_plan_port(run);
	n = 1 + random_below(&run->random, SECONDARIES_MAX);
	ret = run_open_port(run);
	while (ret == 0 && n-- != 0 && !interrupted)
		ret = run_secondary(run);
	if (child_end(&run->secondary) != 0)
		run_fail(run, "the secondary process has failed");
	return run_close_port(run);
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
		.verbose = run->options.verbose,
	};
	struct eal_result result;
	int ret = eal_start(&request, &result);

	if (ret != 0)
		return ret;
	/* It warns of each process that was killed in a burst. */
	if (!run->options.verbose)
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
	printf("secondary processes: %u seconds, seed %" PRIu64 "\n", run->options.seconds,
		run->options.seed);
	return 0;
}

static int
note_resources(struct run *run)
{
	const struct resource_rule *grown;
	struct resources now;

	if (resources_read(&now) != 0)
		return run_fail(run, "the number of open file descriptors is not constant");
	if (run->ports <= WARM_UP) {
		resources_max(&run->warm, &now);
		return 0;
	}
	resources_max(&run->top, &now);
	grown = resources_grown(&run->warm, &run->top);
	return grown == NULL ? 0 : run_fail(run, "%s: %" PRIu64 " after %u ports, %" PRIu64
		" later", grown->name, resources_value(&run->warm, grown), WARM_UP,
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
			run->ports, run->options.seed, run->simd_bits, run->devargs, run->failure);
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
		run->ended, run->resets, run->ports, run->lost, run->lost_at_most,
		run->options.seed);
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
	end = soak_now_ms() + run->options.seconds * UINT64_C(1000);
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
	ret = secondaries_options_parse(&run.options, argc, argv);
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
