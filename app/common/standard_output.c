/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "standard_output.h"

void
standard_output_prepare(void)
{
	int fd;

	/* open() takes the lowest number that is free. */
	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != fd)
			break;
	signal(SIGPIPE, SIG_IGN);
}

int
standard_output_check(const char *program)
{
	int ret = 0;

	if (fflush(stdout) != 0) {
		ret = -errno;
		fprintf(stderr, "%s: standard output is not complete: %s\n", program,
			strerror(-ret));
	} else if (ferror(stdout) != 0) {
		/* An earlier write failed, and its errno is lost. */
		ret = -EIO;
		fprintf(stderr, "%s: standard output is not complete: a write failed\n", program);
	}
	return ret;
}

FILE *
standard_output_take(void)
{
	const int fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w");

	if (file != NULL && fflush(stdout) == 0 && dup2(STDERR_FILENO, STDOUT_FILENO) >= 0)
		return file;
	if (file != NULL)
		fclose(file);
	else if (fd >= 0)
		close(fd);
	return NULL;
}
