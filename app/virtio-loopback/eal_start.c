/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_memory.h>

#include "eal_start.h"

#define NODES_MAX 32u
#define ARGS_MAX 24u
#define ARG_LEN 512u

static _Atomic uint32_t memory_changes;

struct args {
	int argc;
	char *argv[ARGS_MAX + 1];
	char text[ARGS_MAX][ARG_LEN];
};

static void __rte_format_printf(2, 3)
add_arg(struct args *args, const char *format, ...)
{
	va_list list;

	RTE_VERIFY((unsigned int)args->argc < ARGS_MAX);
	va_start(list, format);
	vsnprintf(args->text[args->argc], ARG_LEN, format, list);
	va_end(list);
	args->argv[args->argc] = args->text[args->argc];
	args->argc++;
}

static uint32_t
node_of_cpu(int cpu)
{
	char path[64];
	uint32_t node;

	for (node = 0; node < NODES_MAX; node++) {
		snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/node%u", cpu, node);
		if (access(path, F_OK) == 0)
			return node;
	}
	return 0;
}

/* The cores that we may run on, as far as they are on the node of the first; at most three. */
static uint32_t
choose_cpus(int cpus[3], uint32_t *node)
{
	cpu_set_t allowed;
	uint32_t n = 0;
	int cpu;

	*node = 0;
	if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) {
		cpus[0] = 0;
		return 1;
	}
	for (cpu = 0; cpu < CPU_SETSIZE && n < 3; cpu++) {
		if (!CPU_ISSET(cpu, &allowed))
			continue;
		if (n == 0)
			*node = node_of_cpu(cpu);
		else if (node_of_cpu(cpu) != *node)
			continue;
		cpus[n++] = cpu;
	}
	return n;
}

static void
add_lcores(struct args *args, const int cpus[3], uint32_t n, bool alone)
{
	int last = cpus[n - 1];

	add_arg(args, "--main-lcore=%u", LCORE_CONTROL);
	if (alone)
		add_arg(args, "--lcores=%u@%d,%u@%d", LCORE_CONTROL, last, LCORE_BACKEND, last);
	else if (n < 3)
		add_arg(args, "--lcores=%u@%d,%u@%d,%u@%d", LCORE_CONTROL, cpus[0],
			LCORE_BACKEND, last, LCORE_TRAFFIC, cpus[0]);
	else
		add_arg(args, "--lcores=%u@%d,%u@%d,%u@%d", LCORE_CONTROL, cpus[0],
			LCORE_BACKEND, cpus[1], LCORE_TRAFFIC, cpus[2]);
}

/*
 * Whether so many bytes of hugepages can be had, for us and without a mount: by taking them.
 * Their size is rounded up to whole pages.
 */
static bool
hugepages_available(uint64_t *bytes)
{
	int fd = memfd_create("hugepages", MFD_HUGETLB | MFD_CLOEXEC);
	struct statfs fs;
	bool available = false;
	void *map;

	if (fd < 0)
		return false;
	if (fstatfs(fd, &fs) == 0) {
		*bytes = RTE_ALIGN_CEIL(*bytes, (uint64_t)fs.f_bsize);
		if (ftruncate(fd, *bytes) == 0) {
			/* A shared mapping reserves its pages, and does not touch them. */
			map = mmap(NULL, *bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
			available = map != MAP_FAILED;
			if (available)
				munmap(map, *bytes);
		}
	}
	close(fd);
	return available;
}

/* Memory of one node alone. */
static void
add_hugepage_memory(struct args *args, uint32_t megabytes, uint32_t node)
{
	char memory[ARG_LEN / 2] = "";
	size_t used = 0;
	uint32_t n;

	for (n = 0; n < node; n++)
		used += snprintf(memory + used, sizeof(memory) - used, "0,");
	add_arg(args, "--in-memory");
	add_arg(args, "--single-file-segments");
	add_arg(args, "--socket-mem=%s%u", memory, megabytes);
}

/* Refuses whatever EAL would add to the memory that was reserved at the start. */
static int
refuse_growth(int node __rte_unused, size_t limit __rte_unused, size_t len __rte_unused)
{
	return -1;
}

static void
count_memory_change(enum rte_mem_event event __rte_unused, const void *address __rte_unused,
		size_t len __rte_unused, void *arg __rte_unused)
{
	atomic_fetch_add(&memory_changes, 1);
}

static int
watch_memory(bool is_fixed)
{
	unsigned int i;

	for (i = 0; is_fixed && i < rte_socket_count(); i++)
		if (rte_mem_alloc_validator_register("virtio-loopback", refuse_growth,
				rte_socket_id_by_idx(i), 1) != 0)
			return -rte_errno;
	if (rte_mem_event_callback_register("virtio-loopback", count_memory_change, NULL) != 0)
		return -rte_errno;
	return 0;
}

static void
add_log_levels(struct args *args, bool verbose)
{
	add_arg(args, "--log-level=*:%s", verbose ? "notice" : "error");
	add_arg(args, "--log-level=pmd.net.virtio.*:%s", verbose ? "debug" : "warning");
	add_arg(args, "--log-level=lib.vhost*:%s", verbose ? "info" : "error");
}

static void
choose_memory(struct args *args, const struct eal_request *request, uint32_t node,
		struct eal_result *result)
{
	uint64_t bytes = request->memory;

	result->hugepages = !request->no_huge && hugepages_available(&bytes);
	result->megabytes = (bytes + (1u << 20) - 1) >> 20;
	if (result->hugepages) {
		result->memory = "hugepages";
		if (request->huge_folder != NULL) {
			add_arg(args, "--huge-dir=%s", request->huge_folder);
			add_arg(args, "--single-file-segments");
		} else if (request->grows) {
			add_arg(args, "--in-memory");
			add_arg(args, "--single-file-segments");
		} else {
			add_hugepage_memory(args, result->megabytes, node);
		}
		return;
	}
	result->memory = request->no_huge ? "no hugepages, as asked" :
		"no hugepages, as not enough of them are free";
	add_arg(args, "--no-huge");
	add_arg(args, "--no-shconf");
	add_arg(args, "-m");
	add_arg(args, "%u", result->megabytes);
}

int
eal_start(const struct eal_request *request, struct eal_result *result)
{
	struct args args = { 0 };
	char prefix[64];
	uint32_t node;
	int cpus[3];
	int ret;

	if (getloadavg(&result->load, 1) != 1)
		result->load = 0;
	result->cores = choose_cpus(cpus, &node);
	add_arg(&args, "virtio-loopback");
	add_lcores(&args, cpus, result->cores, request->alone);
	choose_memory(&args, request, node, result);
	eal_file_prefix(prefix, sizeof(prefix));
	add_arg(&args, "--file-prefix=%s", prefix);
	add_arg(&args, "--no-pci");
	add_arg(&args, "--no-telemetry");
	add_arg(&args, "--iova-mode=va");
	add_log_levels(&args, request->verbose);
	if (rte_eal_init(args.argc, args.argv) < 0) {
		fprintf(stderr, "EAL does not start: %s (--verbose tells more)\n",
			rte_strerror(rte_errno));
		return -rte_errno;
	}
	/* Without hugepages it cannot grow, and there is nothing to register for. */
	ret = result->hugepages ? watch_memory(!request->grows) : 0;
	if (ret != 0)
		fprintf(stderr, "the memory's size cannot be watched: %s\n", strerror(-ret));
	return ret;
}

void
eal_stop(void)
{
	char dir[PATH_MAX];

	snprintf(dir, sizeof(dir), "%s", rte_eal_get_runtime_dir());
	rte_eal_cleanup();
	/* It is this process's alone, and empty unless something was shared with others. */
	rmdir(dir);
}

void
eal_file_prefix(char *prefix, size_t size)
{
	snprintf(prefix, size, "virtio-loopback-%d", getpid());
}

uint32_t
eal_memory_changes(void)
{
	return atomic_load(&memory_changes);
}
