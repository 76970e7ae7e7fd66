/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>

#include <rte_common.h>

#include "no_kernel.h"
#include "test.h"

/* No number of a descriptor that this process may have. */
#define FIRST_FD 100000
#define MAX_FDS 64

static uint64_t now_us = 1000000;
static bool is_open[MAX_FDS];
static unsigned int nb_open;
static unsigned int limit = MAX_FDS;
static void (*on_close)(int fd);

void
no_kernel_pass(uint64_t us)
{
	now_us += us;
}

uint64_t
no_kernel_now_us(void)
{
	return now_us;
}

int
no_kernel_open(void)
{
	unsigned int i;

	for (i = 0; nb_open < limit && i < MAX_FDS; i++) {
		if (is_open[i])
			continue;
		is_open[i] = true;
		nb_open++;
		return FIRST_FD + i;
	}
	errno = EMFILE;
	return -1;
}

int
no_kernel_is_open(int fd)
{
	return fd >= FIRST_FD && fd < FIRST_FD + MAX_FDS && is_open[fd - FIRST_FD];
}

unsigned int
no_kernel_fds(void)
{
	return nb_open;
}

void
no_kernel_limit_fds(unsigned int most)
{
	limit = RTE_MIN(most, (unsigned int)MAX_FDS);
}

void
no_kernel_on_close(void (*closed)(int fd))
{
	on_close = closed;
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *ts);
int __wrap_nanosleep(const struct timespec *time, struct timespec *left);
int __wrap_usleep(unsigned int us);
void __wrap_rte_delay_us_sleep(unsigned int us);
int __wrap_eventfd(unsigned int value, int flags);
int __wrap_close(int fd);
int __wrap_fcntl64(int fd, int command, ...);
ssize_t __wrap_read(int fd, void *to, size_t len);
ssize_t __wrap_write(int fd, const void *from, size_t len);

int
__wrap_clock_gettime(clockid_t clock __rte_unused, struct timespec *ts)
{
	now_us += NO_KERNEL_TICK_US;
	ts->tv_sec = now_us / 1000000;
	ts->tv_nsec = now_us % 1000000 * 1000;
	return 0;
}

int
__wrap_nanosleep(const struct timespec *time, struct timespec *left __rte_unused)
{
	no_kernel_pass(time->tv_sec * 1000000 + time->tv_nsec / 1000 + 1);
	return 0;
}

int
__wrap_usleep(unsigned int us)
{
	no_kernel_pass(us);
	return 0;
}

void
__wrap_rte_delay_us_sleep(unsigned int us)
{
	no_kernel_pass(us);
}

int
__wrap_eventfd(unsigned int value __rte_unused, int flags __rte_unused)
{
	return no_kernel_open();
}

int
__wrap_close(int fd)
{
	CHECK(no_kernel_is_open(fd));
	is_open[fd - FIRST_FD] = false;
	nb_open--;
	if (on_close != NULL)
		on_close(fd);
	return 0;
}

int
__wrap_fcntl64(int fd, int command, ...)
{
	CHECK(no_kernel_is_open(fd));
	return command == F_DUPFD_CLOEXEC ? no_kernel_open() : 0;
}

/* Of event descriptors alone. */
ssize_t
__wrap_read(int fd, void *to, size_t len)
{
	CHECK(no_kernel_is_open(fd));
	memset(to, 1, len);
	return len;
}

ssize_t
__wrap_write(int fd, const void *from __rte_unused, size_t len)
{
	CHECK(no_kernel_is_open(fd));
	return len;
}
