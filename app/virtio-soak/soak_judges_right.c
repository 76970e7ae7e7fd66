/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * Percentiles are right to 1.6 %, and what a run has of memory, file descriptors and threads may
 * grow by the allowance of its rule and no more. A descriptor, a page and an allocation are seen. A
 * log that nobody reads is counted if its pipe has become full, and not otherwise.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_common.h>

#include "child.h"
#include "resources.h"
#include "times.h"

#define LOG_ACTION_US 20000u

static unsigned int failures;

#define CHECK(is_true) \
	do { \
		if (!(is_true)) { \
			printf("%s:%d: %s\n", __FILE__, __LINE__, #is_true); \
			failures++; \
		} \
	} while (0)

static void
check_percentile(const struct times *times, uint32_t per_mille, uint64_t exact)
{
	const uint64_t value = times_percentile(times, per_mille);

	CHECK(value >= exact && value <= exact + exact / 60);
}

static void
percentiles_are_right(void)
{
	static struct times times;
	uint64_t ns;

	CHECK(times_percentile(&times, 500) == 0);
	times_add(&times, 0);
	CHECK(times_percentile(&times, 999) == 0);
	times = (struct times) { 0 };
	for (ns = 1; ns <= 1000000; ns++)
		times_add(&times, ns);
	check_percentile(&times, 1, 1000);
	check_percentile(&times, 500, 500000);
	check_percentile(&times, 990, 990000);
	check_percentile(&times, 999, 999000);
	CHECK(times_percentile(&times, 1000) == 1000000 && times.max == 1000000);
	/* One value out of a thousand is above the 99.9th percentile, two are not. */
	times = (struct times) { 0 };
	for (ns = 0; ns < 998; ns++)
		times_add(&times, 100);
	times_add(&times, UINT64_C(30000000000));
	check_percentile(&times, 998, 100);
	times_add(&times, UINT64_C(30000000000));
	check_percentile(&times, 999, UINT64_C(30000000000));
}

static void
growth_is_judged_by_its_rule(void)
{
	const struct resources warm = {
		.fds = 10, .threads = 3, .zones = 5, .allocations = 7, .heap = 1000,
		.mapped = 2 << 20, .rss = 1 << 20, .malloced = 5000,
	};
	unsigned int i;

	CHECK(resources_grown(&warm, &warm) == NULL);
	for (i = 0; i < RESOURCE_RULES; i++) {
		const struct resource_rule *rule = &resource_rules[i];
		struct resources later = warm;
		uint64_t value = resources_value(&warm, rule) + rule->allowance;

		memcpy((char *)&later + rule->offset, &value, sizeof(value));
		CHECK(resources_grown(&warm, &later) == NULL);
		value++;
		memcpy((char *)&later + rule->offset, &value, sizeof(value));
		CHECK(resources_grown(&warm, &later) == rule);
		/* What has shrunk has not grown. */
		CHECK(resources_grown(&later, &warm) == NULL);
	}
}

static void
what_is_taken_is_seen(void)
{
	const size_t size = 8 << 20;
	struct resources before, after;
	volatile char *memory;
	int fds[2];
	size_t i;

	CHECK(resources_read(&before) == 0);
	CHECK(before.fds > 0 && before.threads > 0 && before.rss > 0 && before.malloced > 0);
	CHECK(pipe(fds) == 0);
	memory = malloc(size);
	CHECK(memory != NULL);
	/* Volatile, or a compiler does without memory that nobody reads. */
	for (i = 0; i < size; i += 4096)
		memory[i] = 1;
	CHECK(resources_read(&after) == 0);
	CHECK(after.fds == before.fds + 2);
	CHECK(after.malloced >= before.malloced + size);
	CHECK(after.rss >= before.rss + size / 2);
	resources_max(&before, &after);
	CHECK(resources_grown(&before, &after) == NULL && before.fds == after.fds);
	free((void *)(uintptr_t)memory);
	close(fds[0]);
	close(fds[1]);
}

/* Whether a shell command's log fills its pipe in one of so many actions that leave it unread. */
static uint32_t
filled_by(const char *command, unsigned int most)
{
	const char *const argv[] = { "/bin/sh", "-c", command, NULL };
	struct child child;
	uint32_t filled = 0;

	CHECK(child_execute(&child, "a shell", argv, "ready", false) == 0);
	if (child.pid == 0)
		return 0;
	while (most-- > 0 && filled == 0) {
		child_schedule(&child, CHILD_READ_NOTHING, 0, LOG_ACTION_US);
		CHECK(child_wait_action(&child) == 0);
		filled = child_filled(&child);
	}
	child_schedule(&child, CHILD_KILL, 0, 0);
	CHECK(child_wait_action(&child) == 0);
	CHECK(child_reap(&child) == 0);
	return filled;
}

static void
full_logs_are_counted(void)
{
	CHECK(child_init() == 0);
	CHECK(filled_by("echo ready; exec yes", 3000) == 1);
	CHECK(filled_by("echo ready; exec sleep 1000", 5) == 0);
	child_exit();
}

int
main(void)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} cases[] = {
		{ "percentiles_are_right", percentiles_are_right },
		{ "growth_is_judged_by_its_rule", growth_is_judged_by_its_rule },
		{ "what_is_taken_is_seen", what_is_taken_is_seen },
		{ "full_logs_are_counted", full_logs_are_counted },
	};
	unsigned int i, before, failed = 0;

	for (i = 0; i < RTE_DIM(cases); i++) {
		before = failures;
		cases[i].run();
		printf("%s %s\n", failures == before ? "ok" : "FAILED", cases[i].name);
		failed += failures != before;
	}
	printf("%zu passed, %u failed\n", RTE_DIM(cases) - failed, failed);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
