/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <dirent.h>
#include <ftw.h>
#include <inttypes.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_eal.h>
#include <rte_log.h>
#include <rte_malloc.h>
#include <rte_memzone.h>

#include "test.h"

/* Of 2 MB, for a program that needs them. */
#define HUGEPAGES 256

static char folder[64];
static char why[512];
static jmp_buf out_of_case;
/* What was logged since the case began; a case that logs more than this has gone wild anyway. */
static char logged[1 << 20];
static size_t logged_len;
static bool verbose;
static bool packed;

void
test_fail(const char *file, int line, const char *format, ...)
{
	const char *base = strrchr(file, '/');
	va_list ap;
	int n;

	n = snprintf(why, sizeof(why), "%s:%d: ", base == NULL ? file : base + 1, line);
	va_start(ap, format);
	vsnprintf(why + n, sizeof(why) - n, format, ap);
	va_end(ap);
	longjmp(out_of_case, 1);
}

void
test_skip(const char *reason)
{
	snprintf(why, sizeof(why), "%s", reason);
	longjmp(out_of_case, 2);
}

static ssize_t
take_log(void *cookie __rte_unused, const char *text, size_t len)
{
	const size_t n = RTE_MIN(len, sizeof(logged) - 1 - logged_len);

	memcpy(logged + logged_len, text, n);
	logged_len += n;
	logged[logged_len] = '\0';
	if (verbose)
		fwrite(text, 1, len, stderr);
	return len;
}

bool
test_packed(void)
{
	return packed;
}

bool
test_platform_order(void)
{
	return getenv("TEST_PLATFORM_ORDER") != NULL;
}

unsigned int
test_logged(const char *word)
{
	const char *line = logged;
	unsigned int n = 0;

	while (*line != '\0') {
		const char *end = strchrnul(line, '\n');

		n += memmem(line, end - line, word, strlen(word)) != NULL;
		line = *end == '\0' ? end : end + 1;
	}
	return n;
}

void
test_forget_log(void)
{
	logged_len = 0;
	logged[0] = '\0';
}

unsigned int
test_open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n = 0;

	if (dir == NULL)
		test_fail(__FILE__, __LINE__, "no /proc/self/fd: %s", strerror(errno));
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n - 3; /* ".", ".." and the folder itself */
}

bool
test_has_avx512(void)
{
#ifdef __x86_64__
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
	       __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#else
	return false;
#endif
}

/*
 * ethdev's table of ports is ethdev's own: from 24.11 on it comes with the first look for a port,
 * and goes with the last port.
 */
#define ETHDEV_TABLE "rte_eth_dev_data"

static void
count_memzone(const struct rte_memzone *mz __rte_unused, void *arg)
{
	uint64_t *n = arg;

	(*n)++;
}

uint64_t
test_heap_in_use(void)
{
	struct rte_malloc_socket_stats stats;
	uint64_t n = 0;
	int node;

	rte_memzone_walk(count_memzone, &n);
	for (node = 0; node < RTE_MAX_NUMA_NODES; node++) {
		if (rte_malloc_get_socket_stats(node, &stats) == 0)
			n += stats.alloc_count;
	}
	/* A memzone is an allocation too. */
	return rte_memzone_lookup(ETHDEV_TABLE) != NULL ? n - 2 : n;
}

const char *
test_path(const char *name)
{
	static char path[sizeof(folder) + 32];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static int
remove_one(const char *path, const struct stat *st __rte_unused, int type __rte_unused,
	   struct FTW *ftw __rte_unused)
{
	return remove(path);
}

static void
remove_folder(void)
{
	nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Threads that a test makes are to run where this process may, not on EAL's one core. */
static void
allowed_cores(char *text, size_t size)
{
	cpu_set_t set;
	size_t n;
	int core;

	n = snprintf(text, size, "0@(");
	sched_getaffinity(0, sizeof(set), &set);
	for (core = 0; core < RTE_MAX_LCORE; core++) {
		if (CPU_ISSET(core, &set))
			n += snprintf(text + n, size - n, "%d,", core);
	}
	text[n - 1] = ')';
}

/* Bits of the data paths' instructions, where the program's run asks for others. */
static const char *
simd_bitwidth(void)
{
	const char *width = getenv("TEST_SIMD_BITWIDTH");

	return width != NULL ? width : "256";
}

static bool
hugepages_are_there(void)
{
	FILE *f = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "r");
	unsigned int n = 0;

	if (f != NULL && fscanf(f, "%u", &n) != 1)
		n = 0;
	if (f != NULL)
		fclose(f);
	return n >= HUGEPAGES;
}

static void
start_eal(const char *program, enum test_memory memory)
{
	static const cookie_io_functions_t log_to = { .write = take_log };
	char prefix[64];
	char simd[64];
	char cores[4 * RTE_MAX_LCORE + 8];
	/* One that does nothing where there is none: newer EALs refuse an option given twice. */
	static const struct {
		char *kind, *layout, *mb;
	} memories[] = {
		[TEST_ORDINARY_MEMORY] = { "--no-huge", "--no-hpet", "256" },
		[TEST_HUGEPAGES] = { "--in-memory", "--single-file-segments", "64" },
		[TEST_HUGEPAGE_FILES] = { "--in-memory", "--no-hpet", "8" },
	};
	char *args[] = {
		(char *)(uintptr_t)program, memories[memory].kind, memories[memory].layout, "-m",
		memories[memory].mb, "--no-pci", "--no-telemetry", "--lcores", cores,
		"--file-prefix", prefix, simd, "--log-level", "lib.eal:warning", "--log-level",
		"pmd.net.virtio.*:debug", NULL
	};

	snprintf(folder, sizeof(folder), "/tmp/virtio_unit_XXXXXX");
	if (mkdtemp(folder) == NULL) {
		printf("no folder of my own in /tmp: %s\n", strerror(errno));
		exit(EXIT_FAILURE);
	}
	/* Where EAL keeps its files, root or not. */
	setenv("RUNTIME_DIRECTORY", folder, 1);
	snprintf(prefix, sizeof(prefix), "virtio_unit_%d", getpid());
	snprintf(simd, sizeof(simd), "--force-max-simd-bitwidth=%s", simd_bitwidth());
	allowed_cores(cores, sizeof(cores));
	if (rte_eal_init(RTE_DIM(args) - 1, args) < 0) {
		remove_folder();
		exit(EXIT_FAILURE);
	}
	rte_openlog_stream(fopencookie(NULL, "w", log_to));
}

/* EAL's interrupt thread closes one and opens one as it goes round: counted until it is still. */
static __rte_noinline unsigned int
settled_fds(void)
{
	unsigned int n = test_open_fds();
	unsigned int same = 0;

	while (same < 3) {
		const unsigned int now = test_open_fds();

		same = now == n ? same + 1 : 0;
		n = now;
		usleep(100);
	}
	return n;
}

static void
check_nothing_is_left(uint64_t heap, unsigned int fds)
{
	unsigned int tries;

	for (tries = 0; tries < 300; tries++) {
		if (test_heap_in_use() == heap && test_open_fds() == fds)
			return;
		usleep(10000);
	}
	if (test_heap_in_use() != heap)
		test_fail(__FILE__, __LINE__, "the heap holds %" PRId64 " more than before",
			  (int64_t)(test_heap_in_use() - heap));
	test_fail(__FILE__, __LINE__, "%u file descriptors are open, %u were before",
		  test_open_fds(), fds);
}

enum result { PASSED, FAILED, SKIPPED, RESULTS };

static enum result
run_case(const struct test_case *c, const struct ring_conf *ring)
{
	const uint64_t heap = test_heap_in_use();
	const unsigned int fds = settled_fds();
	char name[128];
	int jumped;

	if (ring == NULL)
		snprintf(name, sizeof(name), "%s%s", c->name,
			 !c->layouts ? "" : packed ? " packed" : " split");
	else
		snprintf(name, sizeof(name), "%s %s size=%u event_idx=%d", c->name,
			 ring->packed ? "packed" : "split", ring->size, ring->event_idx);
	test_forget_log();
	jumped = setjmp(out_of_case);
	if (jumped != 0) {
		printf("%s %s: %s\n", jumped == 2 ? "skipped" : "FAILED", name, why);
		fflush(stdout);
		return jumped == 2 ? SKIPPED : FAILED;
	}
	if (ring == NULL)
		c->run();
	else
		c->run_ring(ring);
	if (!c->leaves)
		check_nothing_is_left(heap, fds);
	printf("ok %s\n", name);
	fflush(stdout);
	return PASSED;
}

int
test_main(int argc, char **argv, enum test_memory memory, const struct test_case *cases,
	  unsigned int n)
{
	static const struct {
		bool packed;
		uint16_t size;
	} rings[] = {
		{ false, 32 }, { false, 256 }, { false, 1024 }, { false, 32768 },
		{ true, 32 }, { true, 33 }, { true, 100 }, { true, 500 }, { true, 1024 },
		{ true, 32768 },
	};
	unsigned int results[RESULTS] = { 0 };
	unsigned int runs, i, s;

	verbose = getenv("VERBOSE") != NULL;
	if (memory != TEST_ORDINARY_MEMORY && !hugepages_are_there()) {
		for (i = 0; i < n; i++)
			printf("skipped %s: fewer than %d free hugepages of 2 MB\n", cases[i].name,
			       HUGEPAGES);
		return 77;
	}
	if (strcmp(simd_bitwidth(), "512") == 0 && !test_has_avx512()) {
		for (i = 0; i < n; i++)
			printf("skipped %s: the processor has no AVX-512\n", cases[i].name);
		return 77;
	}
	start_eal(argv[0], memory);
	for (i = 0; i < n; i++) {
		if (argc > 1 && !cases[i].warm_up && strstr(cases[i].name, argv[1]) == NULL)
			continue;
		if (cases[i].run_ring != NULL)
			runs = RTE_DIM(rings) * 2;
		else
			runs = cases[i].layouts ? 2 : 1;
		for (s = 0; s < runs; s++) {
			const struct ring_conf ring = {
				.packed = rings[s / 2].packed,
				.size = rings[s / 2].size,
				.event_idx = s % 2 != 0,
			};

			packed = cases[i].layouts ? s > 0 : cases[i].run == NULL && ring.packed;
			if (packed ? cases[i].no_packed : cases[i].no_split)
				continue;
			results[run_case(&cases[i], cases[i].run == NULL ? &ring : NULL)]++;
		}
	}
	/* A case that failed may have left threads in what is taken down here. */
	if (results[FAILED] == 0)
		rte_eal_cleanup();
	remove_folder();
	printf("%u passed, %u failed", results[PASSED], results[FAILED]);
	if (results[SKIPPED] > 0)
		printf(", %u skipped", results[SKIPPED]);
	printf("\n");
	fflush(stdout);
	if (results[FAILED] != 0)
		_exit(EXIT_FAILURE);
	if (results[PASSED] > 0)
		return EXIT_SUCCESS;
	return results[SKIPPED] > 0 ? 77 : EXIT_FAILURE;
}
