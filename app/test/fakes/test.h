/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef TEST_H
#define TEST_H

/**
 * @file
 * A test program: EAL, a list of cases, one line of result each.
 *
 * A case is a function that returns when all is well. CHECK() ends it else, from any depth. What a
 * case takes from DPDK's heap it has to give back: that is compared after each.
 *
 * Threads: CHECK() is for the thread that runs the case only. Devices and other threads of a test
 * note what they see, and the case asks them.
 */

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A ring configuration that a body is run over. */
struct ring_conf {
	bool packed;
	uint16_t size;
	bool event_idx;
};

struct test_case {
	const char *name;
	void (*run)(void);
	void (*run_ring)(const struct ring_conf *ring);
	bool no_split;  /**< not over these */
	bool no_packed;
	bool layouts;   /**< run: twice */
	bool warm_up; /**< run whatever is asked for */
	bool leaves;  /**< what is left over is not counted */
};

/** One run of a body. */
#define TEST(body) { .name = #body, .run = body }

/** The first one, for what a process takes once and never gives back. */
#define TEST_WARM_UP(body) { .name = #body, .run = body, .warm_up = true, .leaves = true }

/** One run of a body that is about what stays taken. */
#define TEST_LEAVES(body) { .name = #body, .run = body, .leaves = true }

/** A body run once with split and once with packed rings: test_packed() tells which. */
#define TEST_LAYOUTS(body) { .name = #body, .run = body, .layouts = true }

/** The second of the two only. */
#define TEST_PACKED(body) { .name = #body, .run = body, .layouts = true, .no_split = true }

/** A body run over every ring configuration. */
#define TEST_EVERY_RING(body) { .name = #body, .run_ring = body }

/** Over those of one layout. */
#define TEST_EVERY_SPLIT_RING(body) { .name = #body, .run_ring = body, .no_packed = true }
#define TEST_EVERY_PACKED_RING(body) { .name = #body, .run_ring = body, .no_split = true }

#define TEST_MAIN_ON(memory, ...) \
	int \
	main(int argc, char **argv) \
	{ \
		static const struct test_case cases[] = { __VA_ARGS__ }; \
		return test_main(argc, argv, memory, cases, sizeof(cases) / sizeof(cases[0])); \
	}

/** A program with a fixed piece of ordinary memory: goes anywhere. */
#define TEST_MAIN(...) TEST_MAIN_ON(TEST_ORDINARY_MEMORY, __VA_ARGS__)

/** With hugepages that come and go, all in one file; skipped where there are none. */
#define TEST_MAIN_HUGEPAGES(...) TEST_MAIN_ON(TEST_HUGEPAGES, __VA_ARGS__)

/** The same, little of it, each page in a file of its own. */
#define TEST_MAIN_HUGEPAGE_FILES(...) TEST_MAIN_ON(TEST_HUGEPAGE_FILES, __VA_ARGS__)

enum test_memory { TEST_ORDINARY_MEMORY, TEST_HUGEPAGES, TEST_HUGEPAGE_FILES };

/** Runs the cases, or those whose name contains argv[1]; 0 where all passed, 77 where skipped. */
int test_main(int argc, char **argv, enum test_memory memory, const struct test_case *cases,
	      unsigned int n);

/** Ends the case with a reason. */
void test_fail(const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4), noreturn));

/** Ends the case as one that cannot run here. Whatever it has taken it has given back. */
void test_skip(const char *reason) __attribute__((noreturn));

#define CHECK(condition) \
	do { \
		if (!(condition)) \
			test_fail(__FILE__, __LINE__, "%s", #condition); \
	} while (0)

#define CHECK_EQ(got, wanted) \
	do { \
		const long long got_ = (long long)(got); \
		const long long wanted_ = (long long)(wanted); \
		if (got_ != wanted_) \
			test_fail(__FILE__, __LINE__, "%s is %lld, not %s = %lld", #got, got_, \
				  #wanted, wanted_); \
	} while (0)

/** The layout that the rings of this case are to have, where it does not say so itself. */
bool test_packed(void);

/** Whether back-ends are to offer ORDER_PLATFORM, where the case does not say so itself. */
bool test_platform_order(void);

/** Whether the processor has what the driver's AVX-512 paths take. */
bool test_has_avx512(void);

/** Lines that contain a word, of what was logged since the case began or test_forget_log(). */
unsigned int test_logged(const char *word);

/** Forgets what was logged so far. */
void test_forget_log(void);

/** Open file descriptors of this process. */
unsigned int test_open_fds(void);

/** What DPDK's heap and memzones hold, to compare: allocations in use and memzones together. */
uint64_t test_heap_in_use(void);

/** A name for a socket or file in a folder of this program's own, valid until the next call. */
const char *test_path(const char *name);

#endif /* TEST_H */
